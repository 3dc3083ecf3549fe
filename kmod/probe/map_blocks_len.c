// SPDX-License-Identifier: GPL-2.0
/* 6.8: iomap_writeback_ops.map_blocks() takes the length. */
#include <linux/iomap.h>
int map(struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t off, unsigned int len);
extern const struct iomap_writeback_ops probe;
const struct iomap_writeback_ops probe = { .map_blocks = map };
