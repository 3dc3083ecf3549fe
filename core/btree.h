/* SPDX-License-Identifier: GPL-2.0 */
/*
 * B+trees of 16-byte records: extents of a file, the embedding map of a
 * collection, and the inner nodes of a directory.
 *
 * The root lives in memory that belongs to the caller (a copy of an inode's or
 * a collection's root), who serialises access to a tree (readers shared,
 * changers exclusive) and writes the root back after any change, in the same
 * transaction, also after an error.
 *
 * Nothing recurses; the depth is bounded by VEXFS_MAX_LEVEL; a node that does
 * not verify ends the operation with -EUCLEAN.
 */
#ifndef VEXFS_CORE_BTREE_H
#define VEXFS_CORE_BTREE_H

#include "core/io.h"

/**
 * struct vexfs_tree - a tree at hand
 * @io:		block access
 * @root:	the root's memory
 * @owner:	h_owner of the tree's blocks
 * @leaf_magic:	VEXFS_MAGIC_NODE (records at level 0) or VEXFS_MAGIC_DIR
 * @goal:	where to allocate new nodes
 */
struct vexfs_tree {
	struct vexfs_io *io;
	struct vexfs_btree_root *root;
	u64 owner;
	u32 leaf_magic;
	u64 goal;
};

struct vexfs_kv {		/* a record in CPU byte order */
	u64 key, val;
};

/**
 * struct vexfs_path - the nodes from the root to a leaf
 * @depth:  level of the root; node[l] is the pinned block at level l < @depth
 * @idx:    idx[l], l > 0: position of the followed record in the node (or root) at level l;
 *	    idx[0]: how many records of a record tree's leaf have keys <= the one sought
 *
 * 200 bytes: lives on the stack, one at a time.
 */
struct vexfs_path {
	int depth;
	u32 idx[VEXFS_MAX_LEVEL + 1];
	struct vexfs_blk node[VEXFS_MAX_LEVEL];
};

/* Record trees (leaf_magic VEXFS_MAGIC_NODE). 0, -ENOENT, -EUCLEAN, -EIO ... */
int vexfs_bt_find_le(struct vexfs_tree *t, u64 key, struct vexfs_kv *kv);	/* last key <= key */
int vexfs_bt_find_ge(struct vexfs_tree *t, u64 key, struct vexfs_kv *kv);	/* first key >= key */
int vexfs_bt_insert(struct vexfs_tree *t, u64 key, u64 val);		/* -EEXIST, -ENOSPC */
int vexfs_bt_update(struct vexfs_tree *t, u64 key, u64 val);		/* same key, new value */
int vexfs_bt_delete(struct vexfs_tree *t, u64 key);			/* frees emptied nodes */

/*
 * Blocks (beside the root's own) that one insert, update or delete may change
 * or allocate, for sizing a journal handle: the path, its splits, one new
 * level. Excludes bitmaps and group descriptors of allocations.
 */
u32 vexfs_bt_credits(const struct vexfs_btree_root *root);

/* For directories and fsck: paths. A path must be released. */
/* To the leaf that holds or would hold @key. Nothing is pinned after an error. */
int vexfs_path_find(struct vexfs_tree *t, u64 key, struct vexfs_path *p);
/* First key of the next leaf's range, or ~0 when @p is the last leaf. */
u64 vexfs_path_next_key(struct vexfs_tree *t, const struct vexfs_path *p);
void vexfs_path_release(struct vexfs_tree *t, struct vexfs_path *p);
/* Insert @child with first key @key right of the path's node at level @level (0: a leaf was
 * split), splitting parents and growing the root as needed; counts @child in r_blocks. -ENOSPC
 * and other errors leave the tree as it was. The path can then only be released. */
int vexfs_path_insert_child(struct vexfs_tree *t, struct vexfs_path *p, int level, u64 key,
			    u64 child);
/* Remove the leaf the path ends in, whatever it holds, and the parents emptied by that, and free
 * them. Releases the path, also after an error; then the tree is as it was. */
int vexfs_path_remove_leaf(struct vexfs_tree *t, struct vexfs_path *p);

/* Structure of one node: count within bounds, keys strictly ascending and within [lo, hi), child
 * addresses below io->nblocks. NULL or the failed check. Used on every node read, and by fsck. */
const char *vexfs_node_verify(const void *block, int level, u64 lo, u64 hi, u64 nblocks);
const char *vexfs_root_verify(const struct vexfs_btree_root *root, bool is_dir, u64 nblocks);

/**
 * typedef vexfs_bt_visit_t - called for every block of a tree by vexfs_bt_walk()
 * @block: NULL for the root itself
 * Return 0 to go on, 1 to skip the subtree, negative to stop.
 */
typedef int (*vexfs_bt_visit_t)(void *ctx, struct vexfs_tree *t, u64 blkno, int level,
				const void *block);
/* Pre-order walk over all nodes and leaves without recursion. */
int vexfs_bt_walk(struct vexfs_tree *t, vexfs_bt_visit_t visit, void *ctx);

#endif /* VEXFS_CORE_BTREE_H */
