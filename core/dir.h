/* SPDX-License-Identifier: GPL-2.0 */
/* Directories: a B+tree by name hash with packed leaves. Locking: the caller's. */
#ifndef VEXFS_CORE_DIR_H
#define VEXFS_CORE_DIR_H

#include "core/btree.h"

/**
 * struct vexfs_dent - an entry, decoded
 * @name: points into the leaf or at the caller's string; not terminated
 */
struct vexfs_dent {
	u64	hash;
	u64	ino;
	u8	type;
	u8	name_len;
	const char *name;
};

/* The hash of a name (see struct vexfs_dirent). */
u64 vexfs_dir_hash(const u8 *key, const char *name, u32 len);
/* Entries of a leaf: packed, in bounds, sorted, hash within [lo, hi), names valid (1..255 bytes, no
 * '/' or NUL, not "." or ".."), inode numbers not 0. NULL or the failed check. */
const char *vexfs_dir_leaf_verify(const void *block, u64 lo, u64 hi);

/* All take a tree with leaf_magic VEXFS_MAGIC_DIR. */
int vexfs_dir_lookup(struct vexfs_tree *t, u64 hash, const char *name, u32 len,
		     u64 *ino, u8 *type);					/* -ENOENT */
/* By hash and inode number: the name of a link. @name: 256 bytes; terminated. -ENOENT. */
int vexfs_dir_name_of(struct vexfs_tree *t, u64 hash, u64 ino, char *name, u32 *len);
int vexfs_dir_add(struct vexfs_tree *t, const struct vexfs_dent *d);	/* -EEXIST, -ENOSPC */
int vexfs_dir_remove(struct vexfs_tree *t, u64 hash, const char *name, u32 len);	/* -ENOENT */
/* Point an existing entry at another inode (rename over it). */
int vexfs_dir_replace(struct vexfs_tree *t, u64 hash, const char *name, u32 len, u64 ino, u8 type);
/**
 * vexfs_dir_iterate - entries with hash >= @from, in hash order
 * @emit: returns true to go on; the entry points into the pinned leaf
 * Return: 0 at the end of the directory, 1 when @emit stopped it, negative errno.
 */
int vexfs_dir_iterate(struct vexfs_tree *t, u64 from,
		      bool (*emit)(void *ctx, const struct vexfs_dent *d), void *ctx);
bool vexfs_dir_empty(const struct vexfs_btree_root *root);
/* As vexfs_bt_credits(), for add. */
u32 vexfs_dir_credits(const struct vexfs_btree_root *root);

#endif /* VEXFS_CORE_DIR_H */
