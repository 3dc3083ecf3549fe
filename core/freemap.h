/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Free runs of a group, so that looking for one reads no bitmap from end to end.
 *
 * The blocks of a group are cut into pieces of 512, a cache line of bitmap. Of each piece three
 * numbers are kept: how many free blocks it begins with, how many it ends with, and its longest
 * run. A search walks over these (63 in a group), and reads the bits of the pieces only in which
 * the run it looks for begins and ends. It takes 382 bytes, however the free blocks are scattered.
 *
 * Whoever owns the bits says which blocks are busy, piece by piece, and tells when they change.
 */
#ifndef VEXFS_CORE_FREEMAP_H
#define VEXFS_CORE_FREEMAP_H

#include "core/block.h"

#define VEXFS_PIECE_BITS	512
#define VEXFS_PIECE_WORDS	(VEXFS_PIECE_BITS / 64)
#define VEXFS_PIECES		(VEXFS_BLOCKS_PER_GROUP / VEXFS_PIECE_BITS)

/**
 * struct vexfs_piece - free runs of 512 blocks
 * @head: free blocks at its begin
 * @tail: at its end
 * @most: its longest run
 */
struct vexfs_piece {
	u16	head, tail, most;
};

/**
 * struct vexfs_freemap - free runs of a group
 * @longest: of all; right after vexfs_freemap_longest()
 */
struct vexfs_freemap {
	struct vexfs_piece	piece[VEXFS_PIECES];
	u32			longest;
};

/* Fill in which blocks of piece @i are busy: bit b of word w is block 64 w + b of the piece. What
 * is beyond the end of the group is busy. */
typedef void vexfs_busy_fn(const void *ctx, u32 i, u64 *busy);

/* Piece @i has changed. */
void vexfs_freemap_piece(struct vexfs_freemap *fm, u32 i, const u64 *busy);
/* The longest run of the group; fm->longest. */
u32 vexfs_freemap_longest(struct vexfs_freemap *fm);
/*
 * The first free run of at least @want blocks whose blocks are all at or after @from. Return: its
 * first block, VEXFS_BLOCKS_PER_GROUP if there is none. @want is at least 1.
 */
u32 vexfs_freemap_find(const struct vexfs_freemap *fm, vexfs_busy_fn *busy, const void *ctx, u32 from,
		       u32 want);

#endif /* VEXFS_CORE_FREEMAP_H */
