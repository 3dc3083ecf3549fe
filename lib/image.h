/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An unmounted filesystem: a block cache over a device or image file, which is
 * core's struct vexfs_io in user space. Not for use by several threads.
 */
#ifndef VEXFS_LIB_IMAGE_H
#define VEXFS_LIB_IMAGE_H

#include "core/block.h"
#include "core/io.h"
#include "lib/blkdev.h"

struct vexfs_cblk;

/**
 * struct vexfs_image - an opened filesystem
 * @io:		block access for core; io.nblocks is s_blocks
 * @dev:	where it lies
 * @sb:		block 0's superblock as of open or reload
 * @geo:	its geometry
 * @writable:	changed blocks may be written to @dev; otherwise they stay in
 *		memory and hide what the device has (an overlay)
 * @report:	called by io.ops->corrupt with the block and the failed check
 * @report_ctx: for @report
 * @cache_max:	clean blocks kept, about
 * @allocated:	blocks allocated minus blocks freed through io, for i_blocks
 * @taken:	blocks allocated minus blocks freed in any way
 * @goal:	where the writers of image_write.h look for the next free block
 * @igroup:	the group they look for the next free inode in first
 * @lazy_free:	blocks freed through io stay marked in use, for who counts anew: nothing that the
 *		device refers to is overwritten by what is written next
 * @changed:	changed blocks in the cache
 *
 * The rest belongs to image.c.
 */
struct vexfs_image {
	struct vexfs_io io;
	struct vexfs_dev *dev;
	struct vexfs_super_block sb;
	struct vexfs_geo geo;
	bool	writable;
	void	(*report)(void *ctx, u64 blkno, const char *what);
	void	*report_ctx;
	u32	cache_max;
	s64	allocated, taken;
	u64	goal;
	u32	igroup;
	bool	lazy_free;
	u64	changed;

	struct vexfs_cblk **hash;
	u32	hash_size;
	u32	cached;
	struct vexfs_cblk *lru_first, *lru_last;
};

#define VEXFS_IMAGE_RW		0x1	/* write back; the device must be open for writing */

/**
 * vexfs_image_open() - open the filesystem on a device
 * @img:   filled in
 * @dev:   must stay open as long as @img
 * @flags: 0 or VEXFS_IMAGE_RW
 * @what:  if the superblock is bad, the failed check
 *
 * Return: 0; -EUCLEAN with *@what set; -ENOMEM; an I/O error.
 */
int vexfs_image_open(struct vexfs_image *img, struct vexfs_dev *dev, unsigned int flags,
		     const char **what);
/*
 * The first half of open: before a replay of the journal, descriptors mean nothing. img->geo.place is NULL, and
 * nothing may be asked that needs it, until ...
 */
int vexfs_image_open_super(struct vexfs_image *img, struct vexfs_dev *dev, unsigned int flags,
			   const char **what);
/* ... the second half has read the descriptors, or the copy of a damaged block of them. Return: as open. */
int vexfs_image_places(struct vexfs_image *img, const char **what);
/* As open_super, but with a superblock the caller has at hand and has verified. */
int vexfs_image_open_sb(struct vexfs_image *img, struct vexfs_dev *dev, unsigned int flags,
			const struct vexfs_super_block *sb);
/* Read the superblock again, through the cache (after a journal replay). */
int vexfs_image_reload(struct vexfs_image *img, const char **what);
/* Write every changed block, sealed, and sync. -EROFS for an overlay. */
int vexfs_image_flush(struct vexfs_image *img);
/* Write those changed blocks that @want wants (NULL: all), and sync. -EROFS for an overlay. */
int vexfs_image_flush_some(struct vexfs_image *img, bool (*want)(void *ctx, u64 blkno), void *ctx);
/* Call @fn for each changed block, in no order; other than 0 from it ends the walk and is returned. */
int vexfs_image_each_changed(struct vexfs_image *img, int (*fn)(void *ctx, u64 blkno), void *ctx);
/* Forget the cache, changed blocks included: flush first if they matter. */
void vexfs_image_close(struct vexfs_image *img);

/*
 * Blocks without verification. A pinned block is put with io.ops->put.
 *
 * vexfs_image_get():	as it is on the device (or changed in the cache)
 * vexfs_image_new():	zeroed, without reading it
 * vexfs_image_dirty(): it was changed; @seal: it has a struct vexfs_mdhdr whose
 *			checksum is to be computed before it is written
 *
 * Return: 0, -EINVAL for an address beyond the device, -ENOMEM, an I/O error.
 */
int vexfs_image_get(struct vexfs_image *img, u64 blkno, struct vexfs_blk *b);
int vexfs_image_new(struct vexfs_image *img, u64 blkno, struct vexfs_blk *b);
int vexfs_image_dirty(struct vexfs_image *img, struct vexfs_blk *b, bool seal);

/**
 * vexfs_image_alloc_blocks() - take contiguous blocks, in one group
 * @img:   writable or overlay
 * @goal:  where to look first
 * @len:   blocks wanted, 1 .. VEXFS_EXT_MAX_LEN; on return blocks found, >= 1
 * @blkno: the first one
 *
 * First fit from the goal on, wrapping around. Return: 0, -ENOSPC, -EUCLEAN.
 */
int vexfs_image_alloc_blocks(struct vexfs_image *img, u64 goal, u32 *len, u64 *blkno);
/* Give them back. -EUCLEAN if one of them is not allocated. */
int vexfs_image_free_blocks(struct vexfs_image *img, u64 blkno, u32 len);

/**
 * vexfs_image_inode() - pin the inode table block of an inode
 * @img: the filesystem
 * @ino: a valid inode number
 * @b:	 the pinned block
 * @di:	 the inode in it; not verified
 *
 * After a change: vexfs_inode_seal(), vexfs_image_dirty(.., false).
 */
int vexfs_image_inode(struct vexfs_image *img, u64 ino, struct vexfs_blk *b,
		      struct vexfs_inode **di);

#endif /* VEXFS_LIB_IMAGE_H */
