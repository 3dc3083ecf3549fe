// SPDX-License-Identifier: GPL-2.0
/*
 * Directories: changing.
 *
 * As in core/btree_change.c, all that can fail comes before anything is changed.
 * What saves room, joining leaves that have become sparse, is left out when it
 * cannot be done: the entry goes all the same. Nothing is read from the disk for it.
 */
#include "core/dir_leaf.h"

/* ---- a leaf's bytes --------------------------------------------------------- */

static void entry_encode(struct vexfs_dirent *de, const struct vexfs_dent *d)
{
	u32 size = VEXFS_DIRENT_SIZE(d->name_len);

	memset(de, 0, size);
	de->d_hash = cpu_to_le64(d->hash);
	de->d_ino = cpu_to_le64(d->ino);
	de->d_rec_len = cpu_to_le16(size);
	de->d_name_len = d->name_len;
	de->d_type = d->type;
	memcpy((u8 *)de + VEXFS_DIRENT_HDR, d->name, d->name_len);
}

/* Put @d after the entries with hashes not above its own; there is room. */
void vexfs_leaf_put(void *block, const struct vexfs_dent *d)
{
	u32 size = VEXFS_DIRENT_SIZE(d->name_len);
	u32 bytes = vexfs_leaf_bytes(block);
	u32 off = vexfs_leaf_seek(block, d->hash + 1);

	memmove(vexfs_leaf_entry(block, off + size), vexfs_leaf_entry(block, off), bytes - off);
	entry_encode(vexfs_leaf_entry(block, off), d);
	vexfs_leaf_set(block, vexfs_leaf_count(block) + 1, bytes + size);
}

void vexfs_leaf_drop(void *block, struct vexfs_dirent *de)
{
	u32 size = vexfs_dirent_size(de), bytes = vexfs_leaf_bytes(block);
	u32 off = (u8 *)de - (u8 *)vexfs_leaf_entry(block, 0);

	memmove(de, vexfs_leaf_entry(block, off + size), bytes - off - size);
	memset(vexfs_leaf_entry(block, bytes - size), 0, size);
	vexfs_leaf_set(block, vexfs_leaf_count(block) - 1, bytes - size);
}

/* Copy the entries from @off on into the new leaf @to. */
static u32 leaf_copy_tail(const void *block, u32 off, void *to)
{
	u32 bytes = vexfs_leaf_bytes(block), pos, n = 0;

	for (pos = off; pos < bytes; pos += vexfs_dirent_size(vexfs_leaf_entry(block, pos)))
		n++;
	memcpy(vexfs_leaf_entry(to, 0), vexfs_leaf_entry(block, off), bytes - off);
	vexfs_leaf_set(to, n, bytes - off);
	return n;
}

/* The @n entries from @off on go. */
void vexfs_leaf_cut_tail(void *block, u32 off, u32 n)
{
	memset(vexfs_leaf_entry(block, off), 0, vexfs_leaf_bytes(block) - off);
	vexfs_leaf_set(block, vexfs_leaf_count(block) - n, off);
}

void vexfs_leaf_absorb(void *to, const void *from, const struct vexfs_dirent *skip)
{
	u32 bytes = vexfs_leaf_bytes(to), count = vexfs_leaf_count(to), off, size;

	for (off = 0; off < vexfs_leaf_bytes(from); off += size) {
		const struct vexfs_dirent *de = vexfs_leaf_entry(from, off);

		size = vexfs_dirent_size(de);
		if (de == skip)
			continue;
		memcpy(vexfs_leaf_entry(to, bytes), de, size);
		bytes += size;
		count++;
	}
	vexfs_leaf_set(to, count, bytes);
}

static u64 leaf_last_hash(const void *block)
{
	u64 hash = 0;
	u32 off;

	for (off = 0; off < vexfs_leaf_bytes(block);
	     off += vexfs_dirent_size(vexfs_leaf_entry(block, off)))
		hash = vexfs_dirent_hash(vexfs_leaf_entry(block, off));
	return hash;
}

/* ---- adding ------------------------------------------------------------------------ */

/* The first entry: a leaf, and a root that points at it. */
static int add_first(struct vexfs_tree *t, const struct vexfs_dent *d)
{
	struct vexfs_btree_root *root = t->root;
	struct vexfs_blk b;
	int err = t->io->ops->alloc(t->io, t->goal, t->leaf_magic, t->owner, &b);

	if (err)
		return err;
	vexfs_leaf_put(b.data, d);
	err = t->io->ops->dirty(t->io, &b);
	root->r_level = cpu_to_le16(1);
	root->r_count = cpu_to_le16(1);
	root->r_blocks = cpu_to_le64(1);
	root->r_recs[0].key = 0;
	root->r_recs[0].val = cpu_to_le64(b.blkno);
	t->io->ops->put(t->io, &b);
	return err;
}

static int add_in_leaf(struct vexfs_tree *t, struct vexfs_path *p, const struct vexfs_dent *d)
{
	int err = t->io->ops->modify(t->io, &p->node[0]);

	if (err)
		return err;
	vexfs_leaf_put(p->node[0].data, d);
	return t->io->ops->dirty(t->io, &p->node[0]);
}

/**
 * struct cut - how to split a leaf for one more entry
 * @hash: entries from this hash on go right
 * @skew: by how many bytes the halves then differ
 */
struct cut {
	u64 hash;
	u32 skew;
};

/* Consider a cut before hash @hash, with @left of @total bytes before it. */
static void cut_consider(struct cut *best, u64 hash, u32 left, u32 total)
{
	u32 right = total - left;
	u32 skew = left > right ? left - right : right - left;

	if (left && right && left <= VEXFS_MD_SPACE && right <= VEXFS_MD_SPACE &&
	    skew < best->skew) {
		best->hash = hash;
		best->skew = skew;
	}
}

/*
 * Where to split, counting @d as if it were in the leaf already: at a change of
 * hash, nearest to the middle, so that both halves fit. 0 when none fits:
 * entries of @d's hash (practically) fill the leaf.
 */
static u64 find_cut(const void *block, const struct vexfs_dent *d)
{
	u32 size = VEXFS_DIRENT_SIZE(d->name_len), off;
	u32 bytes = vexfs_leaf_bytes(block), total = bytes + size;
	struct cut best = { 0, ~0U };
	u64 last = 0;

	for (off = 0; off < bytes; off += vexfs_dirent_size(vexfs_leaf_entry(block, off))) {
		u64 h = vexfs_dirent_hash(vexfs_leaf_entry(block, off));

		if (last < d->hash && d->hash < h)
			cut_consider(&best, d->hash, off, total);
		if (h != last)
			cut_consider(&best, h, off + (d->hash < h ? size : 0), total);
		last = h;
	}
	if (last < d->hash)
		cut_consider(&best, d->hash, bytes, total);
	return best.hash;
}

/* Where to split a leaf of several hashes, so that those of @hash are first or last
 * in their half; 0: it has no other hash. */
static u64 find_border(const void *block, u64 hash)
{
	u32 off = vexfs_leaf_seek(block, hash + 1), bytes = vexfs_leaf_bytes(block);

	if (vexfs_leaf_first_hash(block) < hash && vexfs_leaf_seek(block, hash) < bytes)
		return hash;
	return off < bytes ?
	       vexfs_dirent_hash(vexfs_leaf_entry(block, off)) : 0;
}

/* Split the path's leaf before @hash into it and @right, and link @right or free it. @d comes in
 * addition, if it is not NULL. A chain goes with the entries of its hash. */
static int split_leaf(struct vexfs_tree *t, struct vexfs_path *p, const struct vexfs_dent *d,
		      u64 hash, struct vexfs_blk *right)
{
	void *left = p->node[0].data;
	u32 off = vexfs_leaf_seek(left, hash);
	u32 moved = leaf_copy_tail(left, off, right->data);
	int err, e;

	if (d && d->hash >= hash)
		vexfs_leaf_put(right->data, d);
	err = t->io->ops->modify(t->io, &p->node[0]);
	/* Last of what can fail: once linked, both halves must be true. */
	if (!err)
		err = vexfs_path_insert_child(t, p, 0, hash, right->blkno);
	if (err) {
		vexfs_tree_block_free(t, right);
		return err;
	}
	if (!off) {
		vexfs_leaf_set_chain(right->data, vexfs_leaf_chain(left));
		vexfs_leaf_set_chain(left, 0);
	}
	vexfs_leaf_cut_tail(left, off, moved);
	if (d && d->hash < hash)
		vexfs_leaf_put(left, d);
	err = t->io->ops->dirty(t->io, right);
	e = t->io->ops->dirty(t->io, &p->node[0]);
	t->io->ops->put(t->io, right);
	return err ? err : e;
}

static int add_with_split(struct vexfs_tree *t, struct vexfs_path *p, const struct vexfs_dent *d,
			  u64 hash)
{
	struct vexfs_blk right;
	int err = t->io->ops->alloc(t->io, t->goal, t->leaf_magic, t->owner, &right);

	if (err)
		return err;
	if (vexfs_path_has_block(p, right.blkno)) {
		/* A damaged bitmap: what was verified on the path is gone. */
		err = t->io->ops->corrupt(t->io, right.blkno, "block in use was marked free");
		t->io->ops->put(t->io, &right);
		return err;
	}
	return split_leaf(t, p, d, hash, &right);
}

#define ADD_AGAIN	1

/* 0; ADD_AGAIN: the leaf was split, and @d is not in it yet; or an error. */
static int add_at(struct vexfs_tree *t, struct vexfs_spot *s, const struct vexfs_dent *d)
{
	const void *leaf = s->p.node[0].data;
	bool chained = vexfs_leaf_chain(leaf);
	u64 cut;
	int err;

	if (chained && vexfs_leaf_first_hash(leaf) == d->hash)
		return vexfs_chain_add(t, s, d);
	if (vexfs_leaf_find(leaf, d->hash, d->name, d->name_len))
		return -EEXIST;
	if (!chained && vexfs_leaf_bytes(leaf) + VEXFS_DIRENT_SIZE(d->name_len) <= VEXFS_MD_SPACE)
		return add_in_leaf(t, &s->p, d);
	cut = find_cut(leaf, d);
	if (cut)
		return add_with_split(t, &s->p, d, cut);
	cut = find_border(leaf, d->hash);
	if (!cut)
		return vexfs_chain_add(t, s, d);
	err = add_with_split(t, &s->p, NULL, cut);
	return err ? err : ADD_AGAIN;
}

/**
 * vexfs_dir_add - add an entry
 * @t: the directory's tree
 * @d: the entry
 *
 * Entries of @d's hash that leave no room in a leaf for @d and the others there get
 * the leaf for themselves, by at most two splits, and then a chain.
 *
 * Return: 0, -EEXIST, -EINVAL: no valid entry, -ENOSPC: no block, -EUCLEAN, or an
 * error of block access. After an error the directory has the entries it had.
 */
int vexfs_dir_add(struct vexfs_tree *t, const struct vexfs_dent *d)
{
	struct vexfs_spot s;
	int err;

	if (!vexfs_dirent_name_valid(d->name, d->name_len) || !vexfs_dirent_type_valid(d->type) ||
	    !d->ino || d->hash < VEXFS_HASH_MIN || d->hash > VEXFS_HASH_MAX)
		return -EINVAL;
	do {
		err = vexfs_spot_open(t, d->hash, &s);
		if (err == -ENOENT)
			return add_first(t, d);
		if (err)
			return err;
		err = add_at(t, &s, d);
		vexfs_spot_release(t, &s);
	} while (err == ADD_AGAIN);
	return err;
}

/* ---- removing and replacing ------------------------------------------------------------ */

static int drop_in_leaf(struct vexfs_tree *t, struct vexfs_path *p, struct vexfs_dirent *de)
{
	int err = t->io->ops->modify(t->io, &p->node[0]);

	if (err)
		return err;
	vexfs_leaf_drop(p->node[0].data, de);
	return t->io->ops->dirty(t->io, &p->node[0]);
}

/* May these two, neighbours, be one leaf when @less bytes have gone? */
static bool can_join(const void *left, const void *right, u32 less)
{
	return !vexfs_leaf_chain(left) && !vexfs_leaf_chain(right) &&
	       vexfs_leaf_bytes(left) + vexfs_leaf_bytes(right) - less <= VEXFS_LEAF_JOINED &&
	       leaf_last_hash(left) < vexfs_leaf_first_hash(right);
}

/* @left takes the entries of @right, child @idx of the path's parent, but not @de,
 * which is in one of them. After an error nothing has changed; see vexfs_path_drop_child(). */
static int join(struct vexfs_tree *t, struct vexfs_path *p, struct vexfs_blk *left,
		struct vexfs_blk *right, u32 idx, struct vexfs_dirent *de, int *late)
{
	u32 bytes = vexfs_leaf_bytes(left->data), count = vexfs_leaf_count(left->data);
	bool stays = vexfs_leaf_has(left->data, de);
	int err = t->io->ops->modify(t->io, left);

	if (err)
		return err;
	vexfs_leaf_absorb(left->data, right->data, de);
	err = vexfs_path_drop_child(t, p, 0, idx, right, late);
	if (err) {
		vexfs_leaf_cut_tail(left->data, bytes, vexfs_leaf_count(left->data) - count);
		return err;
	}
	if (stays)
		vexfs_leaf_drop(left->data, de);
	err = t->io->ops->dirty(t->io, left);
	*late = *late ? *late : err;
	return 0;
}

/* Remove @de from the path's leaf by joining it with a sibling. 0: done. Anything else:
 * it cannot be, nothing has changed. */
static int remove_and_join(struct vexfs_tree *t, struct vexfs_path *p, struct vexfs_dirent *de,
			   int *late)
{
	struct vexfs_blk *leaf = &p->node[0], b;
	u32 size = vexfs_dirent_size(de), idx = p->idx[1];
	int err = vexfs_path_sibling(t, p, 0, idx + 1, &b);

	if (!err) {
		err = !can_join(leaf->data, b.data, size) ? -ENOENT :
		      join(t, p, leaf, &b, idx + 1, de, late);
		t->io->ops->put(t->io, &b);	/* harmless if it has been freed */
	}
	if (err != -ENOENT || !idx)
		return err;
	err = vexfs_path_sibling(t, p, 0, idx - 1, &b);
	if (err)
		return err;
	err = !can_join(b.data, leaf->data, size) ? -ENOENT : join(t, p, &b, leaf, idx, de, late);
	t->io->ops->put(t->io, &b);
	return err;
}

static int remove_at(struct vexfs_tree *t, struct vexfs_spot *s, struct vexfs_dirent *de)
{
	const void *leaf = s->p.node[0].data;
	u32 left = vexfs_leaf_bytes(leaf) - vexfs_dirent_size(de);
	int err, late = 0;

	if (vexfs_leaf_chain(leaf))
		return vexfs_chain_remove(t, s, de);
	if (!left)
		return vexfs_path_remove_leaf(t, &s->p);
	if (left < VEXFS_LEAF_SPARSE) {
		err = remove_and_join(t, &s->p, de, &late);
		if (!err)
			return late;
		if (!s->p.node[0].data)
			return err;	/* the leaf could not be freed */
	}
	err = drop_in_leaf(t, &s->p, de);
	return err ? err : vexfs_path_join(t, &s->p);
}

/**
 * vexfs_dir_remove - remove an entry
 * @t:    the directory's tree
 * @hash: of the name
 * @name: not terminated
 * @len:  its length
 *
 * Return: 0, -ENOENT, -EUCLEAN, or an error of block access; then nothing changed.
 */
int vexfs_dir_remove(struct vexfs_tree *t, u64 hash, const char *name, u32 len)
{
	struct vexfs_dirent *de;
	struct vexfs_spot s;
	int err = vexfs_spot_find(t, hash, name, len, &s, &de);

	if (err)
		return err;
	err = remove_at(t, &s, de);
	vexfs_spot_release(t, &s);
	return err;
}

/**
 * vexfs_dir_replace - point an entry at another inode
 * @t:    the directory's tree
 * @hash: of the name
 * @name: not terminated
 * @len:  its length
 * @ino:  the new inode number
 * @type: its DT_*
 *
 * Return: 0, -ENOENT, -EINVAL, -EUCLEAN, or an error of block access; then
 * nothing changed.
 */
int vexfs_dir_replace(struct vexfs_tree *t, u64 hash, const char *name, u32 len, u64 ino, u8 type)
{
	struct vexfs_dirent *de;
	struct vexfs_spot s;
	struct vexfs_blk *b;
	int err;

	if (!ino || !vexfs_dirent_type_valid(type))
		return -EINVAL;
	err = vexfs_spot_find(t, hash, name, len, &s, &de);
	if (err)
		return err;
	b = vexfs_spot_blk(&s);
	err = t->io->ops->modify(t->io, b);
	if (!err) {
		de->d_ino = cpu_to_le64(ino);
		de->d_type = type;
		err = t->io->ops->dirty(t->io, b);
	}
	vexfs_spot_release(t, &s);
	return err;
}
