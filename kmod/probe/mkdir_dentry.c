// SPDX-License-Identifier: GPL-2.0
/* 6.15: ->mkdir() returns a dentry. */
/* one of: mkdir */
#include <linux/fs.h>
struct dentry *mk(struct mnt_idmap *i, struct inode *d, struct dentry *e, umode_t m);
extern const struct inode_operations probe;
const struct inode_operations probe = { .mkdir = mk };
