/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of core/ that change trees share: nodes and positions on a path. */
#ifndef VEXFS_CORE_BTREE_NODE_H
#define VEXFS_CORE_BTREE_NODE_H

#include "core/btree.h"

static inline struct vexfs_rec *vexfs_node_recs(void *block)
{
	return (struct vexfs_rec *)((u8 *)block + VEXFS_MDHDR_SIZE);
}

/* Records of the path's node, or root, at a level, and how many they are. */
struct vexfs_rec *vexfs_path_recs(struct vexfs_tree *t, const struct vexfs_path *p, int level);
u32 vexfs_path_count(struct vexfs_tree *t, const struct vexfs_path *p, int level);
/* The keys of the path's node at a level lie in [lo, hi). */
u64 vexfs_path_lo(struct vexfs_tree *t, const struct vexfs_path *p, int level);
u64 vexfs_path_hi(struct vexfs_tree *t, const struct vexfs_path *p, int level);
/* The leaf record at @pos of a record tree. */
struct vexfs_kv vexfs_path_kv(struct vexfs_tree *t, const struct vexfs_path *p, u32 pos);
int vexfs_path_find_le(struct vexfs_tree *t, u64 key, struct vexfs_path *p);
/* Is this block one of the path's? */
bool vexfs_path_has_block(const struct vexfs_path *p, u64 blkno);
/* Contents of a block of the tree, just pinned: what can have changed since they were verified, all
 * of them if they never were. -EUCLEAN. */
int vexfs_tree_block_check(struct vexfs_tree *t, struct vexfs_blk *b, int level, u64 lo, u64 hi);
/* Free a pinned block, which is unpinned also after an error. */
int vexfs_tree_block_free(struct vexfs_tree *t, struct vexfs_blk *b);
void vexfs_root_add_blocks(struct vexfs_tree *t, s64 n);
void vexfs_root_sub_blocks(struct vexfs_tree *t, u64 n);
/* Pin child @idx of the parent of the path's node at @level. -ENOENT: the parent has no child @idx,
 * or it is not in memory: what it is for can be left out. */
int vexfs_path_sibling(struct vexfs_tree *t, struct vexfs_path *p, int level, u32 idx,
		       struct vexfs_blk *b);
/*
 * Free @b, child @idx > 0 of the parent of the path's node at @level, whose records
 * the child before it has taken. After an error the tree is as it was; @late: an
 * error of the journal after the change. The path can then only be released.
 */
int vexfs_path_drop_child(struct vexfs_tree *t, struct vexfs_path *p, int level, u32 idx,
			  struct vexfs_blk *b, int *late);
/*
 * Join the lowest sparse inner node of the path with a sibling, if there is one and
 * this can be done: what cannot be done is left. The path can then only be
 * released. Only for trees of entries: it takes no care of first keys of leaves.
 */
int vexfs_path_join(struct vexfs_tree *t, struct vexfs_path *p);

/*
 * Replace @nold leaf records from position @pos on by @nnew others (at most 3
 * more), completely or not at all; splits the leaf or frees it as needed. The
 * path can afterwards only be released.
 */
int vexfs_path_splice(struct vexfs_tree *t, struct vexfs_path *p, u32 pos, u32 nold,
		      const struct vexfs_kv *recs, u32 nnew);
/* Damage in the value of the record with this key: report its block. -EUCLEAN. */
int vexfs_bt_corrupt(struct vexfs_tree *t, u64 key, const char *what);

#endif /* VEXFS_CORE_BTREE_NODE_H */
