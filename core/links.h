/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The names an inode records: a few in the inode, the others in a tree.
 *
 * The inode's array is filled from the front. When it is full, further names go
 * into a record tree whose root is in a block of its own, i_link_block: root and
 * nothing else, because the inode has no room for a second root. The key of a
 * name is its hash, mixed with its directory, so that one name in thousands of
 * directories (cp -al) makes thousands of keys; the value is the directory. Both
 * together give the hash back.
 *
 * A name that goes leaves a gap in the array and none is moved there: removing
 * a name never needs a block. A name is in the array or in the tree, not in both.
 *
 * Locking: the caller's. Changes need what excludes other changes of the inode's
 * names and every reader of the tree.
 */
#ifndef VEXFS_CORE_LINKS_H
#define VEXFS_CORE_LINKS_H

#include "core/btree.h"

/* A name, decoded. */
struct vexfs_name {
	u64	parent, hash;
};

/* Where a name is in the tree. Within a directory, hashes and keys differ alike. */
u64 vexfs_link_key(const struct vexfs_name *n);

/* ---- the array in the inode: VEXFS_INODE_LINKS entries ---- */

/* Index of a name, -1: it is not there. */
int vexfs_links_index(const struct vexfs_link *links, const struct vexfs_name *n);
/* Put a name after the last; false: the array is full. */
bool vexfs_links_put(struct vexfs_link *links, const struct vexfs_name *n);
/* Take the name at @index out; the last one takes its place. */
void vexfs_links_drop(struct vexfs_link *links, u32 index);

/* ---- the tree ---- */

/**
 * struct vexfs_linktree - the tree of an inode's further names
 * @io:    block access
 * @ino:   the inode
 * @block: i_link_block, 0: none; changed by the calls below
 * @goal:  where to allocate
 */
struct vexfs_linktree {
	struct vexfs_io *io;
	u64 ino;
	u64 block;
	u64 goal;
};

/* 0, -ENOENT, -EUCLEAN, an error of reading. */
int vexfs_linktree_find(struct vexfs_linktree *lt, const struct vexfs_name *n);
/* -EMLINK: another name of the inode has this key (one in 2^63); -ENOSPC. Nothing changed then. */
int vexfs_linktree_add(struct vexfs_linktree *lt, const struct vexfs_name *n);
/* -ENOENT. Frees the block with the root when the last name goes. Allocates nothing. */
int vexfs_linktree_del(struct vexfs_linktree *lt, const struct vexfs_name *n);
/* The first name with a key >= *@key, which moves on behind it. -ENOENT: there are no more. */
int vexfs_linktree_next(struct vexfs_linktree *lt, u64 *key, struct vexfs_name *n);
/* Free one leaf, or at last the block with the root. 1: call again; 0: all is gone. */
int vexfs_linktree_shrink(struct vexfs_linktree *lt);
/* A block with a root whose header has been verified: NULL or the failed check. */
const char *vexfs_linkblock_verify(const void *block, u64 nblocks);
/* A record of the tree: NULL or the failed check. */
const char *vexfs_link_verify(u64 key, u64 val, struct vexfs_name *n);
/* Blocks one add, delete or shrink may change or allocate, without bitmaps and descriptors. */
#define VEXFS_LINKTREE_CREDITS	(2 * VEXFS_MAX_LEVEL + 2)

#endif /* VEXFS_CORE_LINKS_H */
