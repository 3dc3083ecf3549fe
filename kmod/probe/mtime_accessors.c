// SPDX-License-Identifier: GPL-2.0
/* 6.7: inode_get_mtime() and friends. */
/* one of: mtime */
#include <linux/fs.h>
struct timespec64 probe(struct inode *inode);
struct timespec64 probe(struct inode *inode)
{
	inode_set_atime_to_ts(inode, inode_get_mtime(inode));
	return inode_set_mtime_to_ts(inode, inode_get_atime(inode));
}
