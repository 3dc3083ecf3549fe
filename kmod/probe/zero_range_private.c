// SPDX-License-Identifier: GPL-2.0
/* 6.15 and 6.16: iomap_zero_range() with a private pointer and no more. */
/* one of: iomap zero */
#include <linux/iomap.h>
int probe(struct inode *inode, const struct iomap_ops *ops);
int probe(struct inode *inode, const struct iomap_ops *ops)
{
	return iomap_zero_range(inode, 0, 1, NULL, ops, NULL);
}
