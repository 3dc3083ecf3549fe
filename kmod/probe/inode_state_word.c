// SPDX-License-Identifier: GPL-2.0
/* Before 6.19. */
/* one of: inode state */
#include <linux/fs.h>
bool probe(struct inode *inode);
bool probe(struct inode *inode)
{
	return READ_ONCE(inode->i_state) & I_NEW;
}
