// SPDX-License-Identifier: GPL-2.0
/* 6.6, and late 6.1.y: inode_get_ctime() and friends. */
/* one of: ctime */
#include <linux/fs.h>
struct timespec64 probe(struct inode *inode);
struct timespec64 probe(struct inode *inode)
{
	inode_set_ctime_to_ts(inode, inode_get_ctime(inode));
	return inode_set_ctime_current(inode);
}
