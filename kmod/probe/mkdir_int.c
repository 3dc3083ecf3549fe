// SPDX-License-Identifier: GPL-2.0
/* Before 6.15: ->mkdir() returns an error. */
/* one of: mkdir */
#include <linux/fs.h>
int probe(const struct inode_operations *op, struct inode *d, struct dentry *e);
int probe(const struct inode_operations *op, struct inode *d, struct dentry *e)
{
	return op->mkdir(NULL, d, e, 0);
}
