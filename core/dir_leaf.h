/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of core/ that know directories share: the bytes of a leaf, and
 * places of entries.
 *
 * Blocks of a chain are leaves as well, of another magic: see core/dir_chain.c.
 */
#ifndef VEXFS_CORE_DIR_LEAF_H
#define VEXFS_CORE_DIR_LEAF_H

#include "core/btree_node.h"
#include "core/dir.h"

/**
 * struct vexfs_spot - a place in a directory
 * @p:    to the leaf
 * @prev: pinned if @at is not the chain's first block: the one before @at
 * @at:   pinned if the place is in the leaf's chain: the block
 *
 * About 250 bytes: lives on the stack, one at a time. To be released.
 */
struct vexfs_spot {
	struct vexfs_path p;
	struct vexfs_blk prev, at;
};

/* core/dir.c; all take a verified leaf. */
/* Offset of the first entry with a hash >= @hash. */
u32 vexfs_leaf_seek(const void *block, u64 hash);
/* The entry of that hash and name, NULL if there is none. */
struct vexfs_dirent *vexfs_leaf_find(const void *block, u64 hash, const char *name, u32 len);
bool vexfs_dirent_name_valid(const char *name, u32 len);
bool vexfs_dirent_type_valid(u8 type);
/* To the leaf that can hold @hash. -ENOENT, and nothing pinned, if there is none. */
int vexfs_spot_open(struct vexfs_tree *t, u64 hash, struct vexfs_spot *s);
/* To the entry of that hash and name, *@de. -ENOENT, and nothing pinned, if there is none. */
int vexfs_spot_find(struct vexfs_tree *t, u64 hash, const char *name, u32 len,
		    struct vexfs_spot *s, struct vexfs_dirent **de);

/* core/dir_chain.c */
/* Pin the block of the chain after block @b, which is in @t's tree. -ENOENT at the end. */
int vexfs_chain_read(struct vexfs_tree *t, const struct vexfs_blk *b, struct vexfs_blk *next);
/* To the next block of the chain. -ENOENT at its end: still in the last block. */
int vexfs_spot_next(struct vexfs_tree *t, struct vexfs_spot *s);
void vexfs_spot_rewind(struct vexfs_tree *t, struct vexfs_spot *s);	/* to the leaf */
void vexfs_spot_release(struct vexfs_tree *t, struct vexfs_spot *s);
/* The leaf is full of entries of @d's hash, or has a chain for it: -EEXIST, -ENOSPC. */
int vexfs_chain_add(struct vexfs_tree *t, struct vexfs_spot *s, const struct vexfs_dent *d);
/* The entry at the spot, whose leaf has a chain. */
int vexfs_chain_remove(struct vexfs_tree *t, struct vexfs_spot *s, struct vexfs_dirent *de);

/* core/dir_change.c; room and order are the caller's to see to. */
void vexfs_leaf_put(void *block, const struct vexfs_dent *d);
void vexfs_leaf_drop(void *block, struct vexfs_dirent *de);
void vexfs_leaf_cut_tail(void *block, u32 off, u32 n);
/* Put copies of all entries of @from but @skip after those of @to. */
void vexfs_leaf_absorb(void *to, const void *from, const struct vexfs_dirent *skip);

/* Leaves below this many bytes look for one to join ... */
#define VEXFS_LEAF_SPARSE	(VEXFS_MD_SPACE / 4)
/* ... and join if they then have at most so many, so that the next entry does not split them. */
#define VEXFS_LEAF_JOINED	(VEXFS_MD_SPACE * 3 / 4)

static inline u32 vexfs_leaf_bytes(const void *block)
{
	const struct vexfs_mdhdr *h = block;

	return le32_to_cpu(h->h_bytes);
}

static inline u32 vexfs_leaf_count(const void *block)
{
	const struct vexfs_mdhdr *h = block;

	return le16_to_cpu(h->h_count);
}

/* The next block of the chain, 0: none. */
static inline u64 vexfs_leaf_chain(const void *block)
{
	const struct vexfs_mdhdr *h = block;

	return le64_to_cpu(h->h_next);
}

static inline void vexfs_leaf_set_chain(void *block, u64 next)
{
	struct vexfs_mdhdr *h = block;

	h->h_next = cpu_to_le64(next);
}

static inline void vexfs_leaf_set(void *block, u32 count, u32 bytes)
{
	struct vexfs_mdhdr *h = block;

	h->h_count = cpu_to_le16(count);
	h->h_bytes = cpu_to_le32(bytes);
}

/* The entry at @off bytes after the header. */
static inline struct vexfs_dirent *vexfs_leaf_entry(const void *block, u32 off)
{
	return (struct vexfs_dirent *)((u8 *)block + VEXFS_MDHDR_SIZE + off);
}

static inline u32 vexfs_dirent_size(const struct vexfs_dirent *de)
{
	return le16_to_cpu(de->d_rec_len);
}

static inline u64 vexfs_dirent_hash(const struct vexfs_dirent *de)
{
	return le64_to_cpu(de->d_hash);
}

/* No leaf is empty. */
static inline u64 vexfs_leaf_first_hash(const void *block)
{
	return vexfs_dirent_hash(vexfs_leaf_entry(block, 0));
}

/* Is this entry in this block? */
static inline bool vexfs_leaf_has(const void *block, const struct vexfs_dirent *de)
{
	const u8 *p = (const u8 *)de, *start = block;

	return p >= start && p < start + VEXFS_BLOCK_SIZE;
}

static inline void vexfs_dirent_decode(const struct vexfs_dirent *de, struct vexfs_dent *d)
{
	d->hash = vexfs_dirent_hash(de);
	d->ino = le64_to_cpu(de->d_ino);
	d->type = de->d_type;
	d->name_len = de->d_name_len;
	d->name = de->d_name;
}

/* The pinned block the spot is in. */
static inline struct vexfs_blk *vexfs_spot_blk(struct vexfs_spot *s)
{
	return s->at.data ? &s->at : &s->p.node[0];
}

#endif /* VEXFS_CORE_DIR_LEAF_H */
