// SPDX-License-Identifier: GPL-2.0
/* 6.6: generic_fillattr() takes the request mask. */
/* one of: fillattr */
#include <linux/fs.h>
void probe(struct mnt_idmap *idmap, struct inode *inode, struct kstat *stat);
void probe(struct mnt_idmap *idmap, struct inode *inode, struct kstat *stat)
{
	generic_fillattr(idmap, 0, inode, stat);
}
