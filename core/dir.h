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

/**
 * struct vexfs_dir_pos - a position between entries
 * @hash:     those with a higher hash are after it ...
 * @name_len: ... and of this hash those with a name after @name; 0: all of them
 *
 * Entries of equal hash have no order on the disk. For listing they are ordered by
 * name, so that a position stays what it is whatever else comes and goes.
 */
struct vexfs_dir_pos {
	u64	hash;
	u8	name_len;
	char	name[VEXFS_NAME_LEN];
};

/* The hash of a name (see struct vexfs_dirent). */
u64 vexfs_dir_hash(const u8 *key, const char *name, u32 len);
#ifdef VEXFS_UNIT
extern const char *vexfs_dir_hash_prefix;	/* unit tests: names that begin so have one hash */
#endif
/* Entries of a leaf or of a chain's block: packed, in bounds, sorted, hash within [lo, hi), names
 * valid (1..255 bytes, no '/' or NUL, not "." or ".."), inode numbers not 0; of one hash if there is
 * a next block in the chain. NULL or the failed check. */
const char *vexfs_dir_leaf_verify(const void *block, u64 lo, u64 hi);
/* Of a verified one, whether it may be where hashes in [lo, hi) are. NULL or the failed check. */
const char *vexfs_dir_leaf_bounds(const void *block, u64 lo, u64 hi);
/* Visit the blocks of a leaf's chain; as vexfs_bt_walk(), which calls it. */
int vexfs_dir_walk_chain(struct vexfs_tree *t, const struct vexfs_blk *leaf, vexfs_bt_visit_t visit,
			 void *ctx);

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
 * vexfs_dir_iterate - entries after a position, by hash, those of one hash by name
 * @pos:  moves on; zeros: the beginning
 * @emit: returns false to stop before this entry; the entry does not outlive the call
 *
 * Who continues from @pos sees every entry once that is there all the time.
 *
 * Return: 0 at the end of the directory, 1 when @emit stopped it, negative errno.
 */
int vexfs_dir_iterate(struct vexfs_tree *t, struct vexfs_dir_pos *pos,
		      bool (*emit)(void *ctx, const struct vexfs_dent *d), void *ctx);
bool vexfs_dir_empty(const struct vexfs_btree_root *root);
/* As vexfs_bt_credits(), for any change, and how many blocks it may allocate or free. */
u32 vexfs_dir_credits(const struct vexfs_btree_root *root);
#define VEXFS_DIR_ALLOCS	(VEXFS_MAX_LEVEL + 3)

#endif /* VEXFS_CORE_DIR_H */
