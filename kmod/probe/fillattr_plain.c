// SPDX-License-Identifier: GPL-2.0
/* Before 6.6. */
/* one of: fillattr */
#include <linux/fs.h>
void probe(struct inode *inode, struct kstat *stat);
void probe(struct inode *inode, struct kstat *stat)
{
	generic_fillattr(NULL, inode, stat);
}
