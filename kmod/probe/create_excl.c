// SPDX-License-Identifier: GPL-2.0
/* Before 7.3: ->create() is told. The first argument is a mnt_idmap or, before 6.3, a user_namespace. */
/* one of: create */
#include <linux/fs.h>
int probe(const struct inode_operations *op, struct inode *d, struct dentry *e);
int probe(const struct inode_operations *op, struct inode *d, struct dentry *e)
{
	return op->create(NULL, d, e, 0, true);
}
