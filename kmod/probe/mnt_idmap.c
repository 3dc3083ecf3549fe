// SPDX-License-Identifier: GPL-2.0
/* 6.3: inode operations take struct mnt_idmap instead of struct user_namespace. */
/* one of: idmap */
#include <linux/fs.h>
int probe(struct mnt_idmap *idmap, struct inode *inode);
int probe(struct mnt_idmap *idmap, struct inode *inode)
{
	return inode_permission(idmap, inode, MAY_READ);
}
