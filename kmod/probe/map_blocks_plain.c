// SPDX-License-Identifier: GPL-2.0
/* Before 6.8, except for stable updates. */
/* one of: iomap writeback */
#include <linux/iomap.h>
int map(struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t off);
int prepare(struct iomap_ioend *ioend, int status);
extern const struct iomap_writeback_ops probe;
const struct iomap_writeback_ops probe = { .map_blocks = map, .prepare_ioend = prepare };
