/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How core/ reaches blocks. The kernel implements this with buffer heads and a
 * jbd2 handle, libvexfs with a cache over a file descriptor.
 */
#ifndef VEXFS_CORE_IO_H
#define VEXFS_CORE_IO_H

#include "core/platform.h"

/**
 * struct vexfs_blk - a pinned metadata block
 * @blkno: its address
 * @data:  its 4096 bytes, valid until put
 * @priv:  for the implementation (the kernel: struct buffer_head)
 */
struct vexfs_blk {
	u64	blkno;
	void	*data;
	void	*priv;
};

struct vexfs_io;

/**
 * struct vexfs_io_ops - block access
 *
 * All return 0 or a negative errno. A reader only needs @read, @put, @corrupt.
 *
 * @read:    pin block @blkno and verify its header: magic (or, if @magic2 is
 *	     not 0, that one), checksum, uuid, address, @owner. -EUCLEAN after
 *	     having reported what is wrong. The contents after the header are
 *	     the caller's to verify.
 * @modify:  call before changing a pinned block (journal write access)
 * @dirty:   call after having changed it; the checksum is computed later
 * @put:     unpin; harmless on a zeroed struct vexfs_blk, zeroes it
 * @alloc:   allocate a metadata block near @goal; it arrives pinned, with
 *	     write access, zeroed, header filled in (@magic, @owner); finish
 *	     with dirty and put. -ENOSPC.
 * @free:    free a pinned metadata block (and revoke it); unpins it
 * @cached:  can this block be read without waiting for the device? Optional: always. For reads
 *	     that only serve to save room: one that fails could stop the filesystem
 * @checked: have the contents of this pinned block been verified since they came from
 *	     the device? Optional, with the next: without them every read is the first
 * @set_checked: they have been; lasts until the block is freed or leaves memory
 * @corrupt: report damage in block @blkno: the failed check in words. Always
 *	     returns -EUCLEAN, so that `return io->ops->corrupt(...)` reads well.
 */
struct vexfs_io_ops {
	int (*read)(struct vexfs_io *io, u64 blkno, u32 magic, u32 magic2, u64 owner,
		    struct vexfs_blk *b);
	int (*modify)(struct vexfs_io *io, struct vexfs_blk *b);
	int (*dirty)(struct vexfs_io *io, struct vexfs_blk *b);
	void (*put)(struct vexfs_io *io, struct vexfs_blk *b);
	int (*alloc)(struct vexfs_io *io, u64 goal, u32 magic, u64 owner, struct vexfs_blk *b);
	int (*free)(struct vexfs_io *io, struct vexfs_blk *b);
	bool (*cached)(struct vexfs_io *io, u64 blkno);
	bool (*checked)(struct vexfs_io *io, const struct vexfs_blk *b);
	void (*set_checked)(struct vexfs_io *io, struct vexfs_blk *b);
	int (*corrupt)(struct vexfs_io *io, u64 blkno, const char *what);
};

struct vexfs_geo;

struct vexfs_io {
	const struct vexfs_io_ops *ops;
	u64 nblocks;		/* of the device: addresses are below this; 0: what @geo says at the time */
	const struct vexfs_geo *geo;	/* where fixed metadata is; NULL (tests): there is none */
};

u64 vexfs_io_blocks(const struct vexfs_io *io);

/* May an extent, a tree or an inode use these blocks? Not if they lead out of the device or to
 * fixed metadata (superblocks, bitmaps, inode tables, journal, tables). core/block.c */
bool vexfs_io_range_valid(const struct vexfs_io *io, u64 blkno, u64 len);

#endif /* VEXFS_CORE_IO_H */
