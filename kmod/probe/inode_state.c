// SPDX-License-Identifier: GPL-2.0
/* 6.19: inode->i_state is a structure, read through functions. */
/* one of: inode state */
#include <linux/fs.h>
bool probe(struct inode *inode);
bool probe(struct inode *inode)
{
	return inode_state_read_once(inode) & I_NEW;
}
