// SPDX-License-Identifier: GPL-2.0
/* 7.3: ->create() is not told whether O_EXCL was given. */
/* one of: create */
#include <linux/fs.h>
int mk(struct mnt_idmap *i, struct inode *d, struct dentry *e, umode_t m);
extern const struct inode_operations probe;
const struct inode_operations probe = { .create = mk };
