/* SPDX-License-Identifier: GPL-2.0 */
/* Where new groups have their metadata, and how a filesystem grows by them. */
#ifndef VEXFS_CORE_GROW_H
#define VEXFS_CORE_GROW_H

#include "core/block.h"

#define VEXFS_MIN_DATA_BLOCKS	64U	/* fewer in a group are not worth a group */

/* Of @blocks, what a filesystem uses: a last group too short for its own metadata and some data is left off. */
u64 vexfs_grow_trim(u64 blocks, u32 itable_blocks);

/**
 * vexfs_places_plan - place bitmaps and inode tables of groups that are new
 * @geo:   the geometry as it will be; geo->place has room for it
 * @first: group; those from it on are new
 *
 * Up to VEXFS_FLEX_GROUPS groups that share a descriptor block have all of it in the first of them, no more
 * than leave it 7/16 for data: what is between two such groups is one run of data. Sets begin where mkfs has
 * them; the first one after a filesystem that ends within a set is smaller. Fills in the heads, too.
 */
void vexfs_places_plan(struct vexfs_geo *geo, u32 first);

/*
 * Growing goes step by step, each of which leaves a whole filesystem: first a short last group gets the rest of its
 * blocks, then come all groups of one descriptor block at a time.
 */
/* Of @blocks, what @geo can grow to; geo->blocks if that is nothing. */
u64 vexfs_grow_target(const struct vexfs_geo *geo, u64 blocks);
/* The size after the next step on the way to @target, which is larger than geo->blocks. */
u64 vexfs_grow_step(const struct vexfs_geo *geo, u64 target);
/* The sizes of a geometry, or those in a superblock, which is not sealed. */
void vexfs_grow_geo(struct vexfs_geo *geo, u64 blocks);
void vexfs_grow_super(struct vexfs_super_block *sb, const struct vexfs_geo *geo);

/* What a new group begins with; the blocks are sealed, of 4096 bytes. */
void vexfs_grow_bbmap(void *block, const struct vexfs_geo *geo, u32 group);
void vexfs_grow_ibmap(void *block, const struct vexfs_geo *geo, u32 group);
void vexfs_grow_desc(struct vexfs_group_desc *gd, const struct vexfs_geo *geo, u32 group);

#endif /* VEXFS_CORE_GROW_H */
