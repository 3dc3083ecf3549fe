/* SPDX-License-Identifier: GPL-2.0 */
/* Making a filesystem: the plan (geometry) and its writing. */
#ifndef VEXFS_LIB_IMAGE_FORMAT_H
#define VEXFS_LIB_IMAGE_FORMAT_H

#include "core/block.h"
#include "lib/blkdev.h"

#define VEXFS_DEFAULT_BYTES_PER_INODE	16384U
#define VEXFS_MIN_BYTES_PER_INODE	1024U
#define VEXFS_MAX_BYTES_PER_INODE	(64U << 20)
#define VEXFS_MAX_DEFAULT_JOURNAL	24576U	/* blocks */

/**
 * struct vexfs_format - what a new filesystem shall be
 * @blocks:	     device size in blocks of 4096 bytes
 * @journal_blocks:  0 = 1/32 of the device within 1024 .. 24576
 * @bytes_per_inode: one inode for that many bytes; 0 = 16384
 * @inodes:	     so many inodes at least, whatever @bytes_per_inode says; 0 = by that
 * @reserve:	     kept for root, in 1/1000 of the blocks
 * @feature:	     bits of features that need nothing else, by word
 * @discard:	     tell the device first that nothing on it is needed; a hint
 * @uuid:	     its uuid
 * @label:	     at most 63 bytes, NUL terminated
 * @hash_key:	     secret of the directory hash: random
 * @generation:	     i_generation of the root directory: random
 * @root_uid, @root_gid: owner of the root directory
 * @now:	     seconds since the epoch
 * @progress:	     called now and then while writing; may be NULL
 * @ctx:	     for @progress
 */
struct vexfs_format {
	u64	blocks;
	u32	journal_blocks;
	u32	bytes_per_inode;
	u64	inodes;
	u32	reserve;
	u32	feature[3];
	bool	discard;
	u8	uuid[VEXFS_UUID_LEN];
	char	label[VEXFS_LABEL_LEN];
	u8	hash_key[VEXFS_HASH_KEY_LEN];
	u32	generation;
	u32	root_uid, root_gid;
	s64	now;
	void	(*progress)(void *ctx, const char *what, u64 done, u64 total);
	void	*ctx;
};

/**
 * vexfs_format_plan() - decide the geometry
 * @f:	  what is wanted
 * @sb:	  the superblock to be, unsealed
 * @why:  if that is impossible, a sentence that says why and what to do
 * @size: room in @why
 *
 * Return: 0, or -EINVAL with @why set. Touches no device.
 */
int vexfs_format_plan(const struct vexfs_format *f, struct vexfs_super_block *sb, char *why,
		      size_t size);

/**
 * vexfs_format_write() - write an empty filesystem
 * @dev: open for writing, at least s_blocks blocks long
 * @f:	 as given to vexfs_format_plan()
 * @sb:	 as filled in by it
 *
 * The superblock is written last, between two flushes: whatever interrupts
 * this, the device is either a complete filesystem or none at all.
 *
 * Return: 0 or negative errno.
 */
int vexfs_format_write(const struct vexfs_dev *dev, const struct vexfs_format *f,
		       const struct vexfs_super_block *sb);

/*
 * The same in two steps, for who fills the filesystem in between: first all but the superblock and its copies, where
 * zeros are written; then those, of which features may have been added to @sb.
 */
int vexfs_format_begin(const struct vexfs_dev *dev, const struct vexfs_format *f,
		       const struct vexfs_super_block *sb);
int vexfs_format_finish(const struct vexfs_dev *dev, const struct vexfs_format *f,
			const struct vexfs_super_block *sb);

/* Free blocks of the planned filesystem. */
u64 vexfs_format_free_blocks(const struct vexfs_super_block *sb);

#endif /* VEXFS_LIB_IMAGE_FORMAT_H */
