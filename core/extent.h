/* SPDX-License-Identifier: GPL-2.0 */
/* The extent map of a file, on top of core/btree.h. Locking: the caller's. */
#ifndef VEXFS_CORE_EXTENT_H
#define VEXFS_CORE_EXTENT_H

#include "core/btree.h"

/**
 * struct vexfs_extent - a run of blocks, or a hole
 * @lblk:  first logical block
 * @len:   blocks, >= 1 (a hole: up to the next extent, or to VEXFS_MAX_LBLK)
 * @pblk:  first physical block, 0 for a hole
 * @flags: VEXFS_EXT_UNWRITTEN or 0
 */
struct vexfs_extent {
	u64	lblk;
	u64	len;
	u64	pblk;
	u64	flags;
};

u64 vexfs_ext_pack(const struct vexfs_extent *e);
/* Decode and verify a record: NULL or the failed check. */
const char *vexfs_ext_unpack(u64 key, u64 val, const struct vexfs_io *io,
			     struct vexfs_extent *e);

/* The one block of a long symlink's target: NULL or the failed check. */
const char *vexfs_symlink_unpack(const struct vexfs_btree_root *root, const struct vexfs_io *io,
				 u64 *blkno);
/* That block, its header verified, and what the inode holds beside it, against the inode's @size. */
const char *vexfs_symlink_verify(const void *block, const struct vexfs_btree_root *root, u64 size);
/* How much of a long target of @size bytes is in the block; the rest is at vexfs_symlink_rest(). */
static inline u32 vexfs_symlink_in_block(u64 size)
{
	return size < VEXFS_SYMLINK_BLOCK ? size : VEXFS_SYMLINK_BLOCK;
}
/* Behind the one record of the root. */
static inline char *vexfs_symlink_rest(const struct vexfs_btree_root *root)
{
	return (char *)root + offsetof(struct vexfs_btree_root, r_recs) + sizeof(struct vexfs_rec);
}

/* The extent or hole at @lblk; e->lblk <= lblk < e->lblk + e->len. Never -ENOENT. */
int vexfs_ext_find(struct vexfs_tree *t, u64 lblk, struct vexfs_extent *e);
/* First extent that ends after @lblk; -ENOENT if none. */
int vexfs_ext_next(struct vexfs_tree *t, u64 lblk, struct vexfs_extent *e);
/* The block after the last extent; 0: there is none. */
int vexfs_ext_end(struct vexfs_tree *t, u64 *end);
/* The extents before and after @lblk become one record if they can. */
int vexfs_ext_join(struct vexfs_tree *t, u64 lblk);
/* Map a range that is a hole now; merges with neighbours of equal flags. -EEXIST if it is not a hole. */
int vexfs_ext_insert(struct vexfs_tree *t, const struct vexfs_extent *e);
/* Convert [lblk, lblk + len) from unwritten to written; parts already written stay; holes: -EUCLEAN.
 * Handles one extent record per call: *done = blocks converted (>= 1), call again for the rest. */
int vexfs_ext_convert(struct vexfs_tree *t, u64 lblk, u64 len, u64 *done);
/* The other way, for a range whose content is to read as zeros. */
int vexfs_ext_unwrite(struct vexfs_tree *t, u64 lblk, u64 len, u64 *done);
/* Unmap the last extent piece inside [lblk, end): *gone says which blocks (the caller frees them).
 * One record per call; -ENOENT when nothing is mapped in the range. May split (a hole punched in the middle). */
int vexfs_ext_unmap_last(struct vexfs_tree *t, u64 lblk, u64 end, struct vexfs_extent *gone);
/* Upper bound of blocks changed by one of the calls above, as vexfs_bt_credits(). */
u32 vexfs_ext_credits(const struct vexfs_btree_root *root);

/*
 * Whole blocks taken out of a file or put in: core/extent_shift.c. All or nothing, if all the
 * blocks of the tree may be changed in one step.
 */
struct vexfs_shift_node {
	struct vexfs_blk blk;
	int	level;
	u32	idx;		/* in its parent */
};

/**
 * struct vexfs_shift - memory for that, which the caller provides
 * @node:      as many as the tree has blocks are enough
 * @rec:       and as many as those can hold
 * @max_nodes: places in @node
 * @max_recs:  places in @rec
 * The rest is private.
 */
struct vexfs_shift {
	struct vexfs_shift_node *node;
	struct vexfs_kv *rec;
	u32	max_nodes, max_recs;
	/* private: */
	u32	nodes, recs;
	u32	pos;		/* of the first record, in the first leaf */
	int	depth;
	u64	lo[VEXFS_MAX_LEVEL + 1];	/* bounds on the path to the first leaf */
	u64	taken[VEXFS_MAX_LEVEL];		/* the last node of each level */
};

int vexfs_ext_collapse(struct vexfs_tree *t, struct vexfs_shift *s, u64 first, u64 end, u64 to);
int vexfs_ext_make_room(struct vexfs_tree *t, struct vexfs_shift *s, u64 first, u64 len);
int vexfs_ext_split(struct vexfs_tree *t, u64 lblk);

#endif /* VEXFS_CORE_EXTENT_H */
