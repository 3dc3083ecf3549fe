// SPDX-License-Identifier: GPL-2.0
/* 6.8: iomap_writeback_ops.map_blocks() takes the length. 6.14 to 6.16 have no ->prepare_ioend(). */
/* one of: iomap writeback */
#include <linux/iomap.h>
int map(struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t off, unsigned int len);
int prepare(struct iomap_ioend *ioend, int status);
extern const struct iomap_writeback_ops probe;
const struct iomap_writeback_ops probe = { .map_blocks = map, .prepare_ioend = prepare };
