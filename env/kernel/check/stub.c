// SPDX-License-Identifier: GPL-2.0
/*
 * A module that asks of a kernel what VexFS asks of it: the headers, and that the symbols are exported. It is
 * compiled and linked by ./vex kernel check, never loaded.
 */
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/crc32c.h>
#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/iomap.h>
#include <linux/iversion.h>
#include <linux/jbd2.h>
#include <linux/module.h>
#include <linux/siphash.h>
#include <linux/xattr.h>

static const void *const needed[] __used = {
	jbd2_journal_load, jbd2__journal_start, jbd2_journal_get_write_access,
	iomap_dio_rw, iomap_fiemap, iomap_readahead,
	__bread_gfp, mark_buffer_dirty, sync_dirty_buffer,
	get_tree_bdev, kill_block_super, iget_locked, d_splice_alias,
	crc32c, __siphash_unaligned,
};

static int __init stub_init(void)
{
	return -ENODEV;
}
module_init(stub_init);

MODULE_DESCRIPTION("VexFS kernel check");
MODULE_LICENSE("GPL");
