// SPDX-License-Identifier: GPL-2.0
/*
 * Chains of a directory: more entries of one hash than a leaf has room for.
 *
 * A lookup finds its leaf by hash, so entries of one hash cannot be in two leaves.
 * When a leaf is full of them, the others go into blocks of another kind, which
 * the leaf leads to:
 *
 *	leaf (h_next) -> chain block (h_next) -> chain block
 *
 * A leaf with a chain holds entries of one hash only, and the chain holds entries
 * of the same; they have no order. No block of a chain is empty. The numbers of a
 * chain's blocks ascend, so that it cannot be a loop, whatever the disk says, and
 * each step is checked on its own. A hash that nobody can choose (it is keyed)
 * makes no chain in practice; this is what keeps a create from failing if it does.
 *
 * As in a tree's changes, all that can fail comes first.
 */
#include "core/dir_leaf.h"

/* ---- walking ------------------------------------------------------------------ */

int vexfs_chain_read(struct vexfs_tree *t, const struct vexfs_blk *b, struct vexfs_blk *next)
{
	u64 blkno = vexfs_leaf_chain(b->data), hash = vexfs_leaf_first_hash(b->data);
	const struct vexfs_mdhdr *h = b->data;
	int err;

	if (!blkno)
		return -ENOENT;
	if (le32_to_cpu(h->h_magic) == VEXFS_MAGIC_CHAIN && blkno <= b->blkno)
		return t->io->ops->corrupt(t->io, b->blkno, "directory chain not ascending");
	if (!vexfs_io_range_valid(t->io, blkno, 1))
		return t->io->ops->corrupt(t->io, blkno, "directory chain in fixed metadata");
	err = t->io->ops->read(t->io, blkno, VEXFS_MAGIC_CHAIN, 0, t->owner, next);
	if (!err)
		err = vexfs_tree_block_check(t, next, 0, hash, hash + 1);
	else
		memset(next, 0, sizeof(*next));
	if (err && next->data)
		t->io->ops->put(t->io, next);
	return err;
}

int vexfs_spot_next(struct vexfs_tree *t, struct vexfs_spot *s)
{
	struct vexfs_blk next;
	int err = vexfs_chain_read(t, vexfs_spot_blk(s), &next);

	if (err)
		return err;
	if (s->prev.data)
		t->io->ops->put(t->io, &s->prev);
	s->prev = s->at;
	s->at = next;
	return 0;
}

void vexfs_spot_rewind(struct vexfs_tree *t, struct vexfs_spot *s)
{
	if (s->prev.data)
		t->io->ops->put(t->io, &s->prev);
	if (s->at.data)
		t->io->ops->put(t->io, &s->at);
}

void vexfs_spot_release(struct vexfs_tree *t, struct vexfs_spot *s)
{
	vexfs_spot_rewind(t, s);
	vexfs_path_release(t, &s->p);
}

int vexfs_dir_walk_chain(struct vexfs_tree *t, const struct vexfs_blk *leaf, vexfs_bt_visit_t visit,
			 void *ctx)
{
	struct vexfs_blk b = *leaf, next;
	int ret;

	while (!(ret = vexfs_chain_read(t, &b, &next))) {
		if (b.blkno != leaf->blkno)
			t->io->ops->put(t->io, &b);
		b = next;
		ret = visit(ctx, t, b.blkno, 0, b.data);
		if (ret)
			break;
	}
	if (b.blkno != leaf->blkno)
		t->io->ops->put(t->io, &b);
	return ret == -ENOENT ? 0 : ret;
}

/* ---- adding ------------------------------------------------------------------- */

/* From the leaf to the first block with @size bytes of room. -ENOENT: there is none. */
static int chain_find_room(struct vexfs_tree *t, struct vexfs_spot *s, u32 size)
{
	int err = 0;

	vexfs_spot_rewind(t, s);
	while (!err && vexfs_leaf_bytes(vexfs_spot_blk(s)->data) + size > VEXFS_MD_SPACE)
		err = vexfs_spot_next(t, s);
	return err;
}

/* From the leaf to the block of the chain that the new block @b comes after. */
static int chain_find_before(struct vexfs_tree *t, struct vexfs_spot *s, const struct vexfs_blk *b)
{
	int err = 0;
	u64 next;

	vexfs_spot_rewind(t, s);
	while (!err) {
		next = vexfs_leaf_chain(vexfs_spot_blk(s)->data);
		if (!next || next >= b->blkno)
			break;
		err = vexfs_spot_next(t, s);
	}
	return err;
}

/* A damaged bitmap may hand out a block of this very leaf's path or chain. */
static bool chain_has_block(const struct vexfs_spot *s, const struct vexfs_blk *before, u64 blkno)
{
	return vexfs_path_has_block(&s->p, blkno) || vexfs_leaf_chain(before->data) == blkno;
}

/* Link the new block @b, which then holds @d; or free it. */
static int chain_link(struct vexfs_tree *t, struct vexfs_spot *s, struct vexfs_blk *b,
		      const struct vexfs_dent *d)
{
	int e, err = chain_find_before(t, s, b);
	struct vexfs_blk *before = vexfs_spot_blk(s);

	if (chain_has_block(s, before, b->blkno)) {
		err = t->io->ops->corrupt(t->io, b->blkno, "block in use was marked free");
		t->io->ops->put(t->io, b);
		return err;
	}
	if (!err)
		err = t->io->ops->modify(t->io, before);
	if (err) {
		vexfs_tree_block_free(t, b);
		return err;
	}
	vexfs_leaf_put(b->data, d);
	vexfs_leaf_set_chain(b->data, vexfs_leaf_chain(before->data));
	vexfs_leaf_set_chain(before->data, b->blkno);
	vexfs_root_add_blocks(t, 1);
	err = t->io->ops->dirty(t->io, b);
	e = t->io->ops->dirty(t->io, before);
	t->io->ops->put(t->io, b);
	return err ? err : e;
}

static int chain_extend(struct vexfs_tree *t, struct vexfs_spot *s, const struct vexfs_dent *d)
{
	struct vexfs_blk b;
	int err = t->io->ops->alloc(t->io, t->goal, VEXFS_MAGIC_CHAIN, t->owner, &b);

	return err ? err : chain_link(t, s, &b, d);
}

int vexfs_chain_add(struct vexfs_tree *t, struct vexfs_spot *s, const struct vexfs_dent *d)
{
	struct vexfs_blk *b;
	int err = 0;

	while (!err) {
		if (vexfs_leaf_find(vexfs_spot_blk(s)->data, d->hash, d->name, d->name_len))
			return -EEXIST;
		err = vexfs_spot_next(t, s);
	}
	if (err == -ENOENT)
		err = chain_find_room(t, s, VEXFS_DIRENT_SIZE(d->name_len));
	if (err == -ENOENT)
		return chain_extend(t, s, d);
	if (err)
		return err;
	b = vexfs_spot_blk(s);
	err = t->io->ops->modify(t->io, b);
	if (err)
		return err;
	vexfs_leaf_put(b->data, d);
	return t->io->ops->dirty(t->io, b);
}

/* ---- removing ------------------------------------------------------------------ */

/*
 * Take @b, the block of the chain after @to, out of the chain: @to gets its entries,
 * but not the one to be removed, @de, which is in one of them.
 */
static int chain_fold(struct vexfs_tree *t, struct vexfs_blk *to, struct vexfs_blk *b,
		      struct vexfs_dirent *de)
{
	u64 next = vexfs_leaf_chain(b->data), was = b->blkno;
	u32 bytes = vexfs_leaf_bytes(to->data), count = vexfs_leaf_count(to->data);
	bool stays = vexfs_leaf_has(to->data, de);
	int err = t->io->ops->modify(t->io, to);

	if (err)
		return err;
	vexfs_leaf_absorb(to->data, b->data, de);
	vexfs_leaf_set_chain(to->data, next);
	err = vexfs_tree_block_free(t, b);
	if (err) {
		vexfs_leaf_set_chain(to->data, was);
		vexfs_leaf_cut_tail(to->data, bytes, vexfs_leaf_count(to->data) - count);
		return err;
	}
	if (stays)
		vexfs_leaf_drop(to->data, de);
	vexfs_root_sub_blocks(t, 1);
	return t->io->ops->dirty(t->io, to);
}

/* The leaf's only entry goes: one of block @b, of more than one, takes its place. */
static int chain_pull(struct vexfs_tree *t, struct vexfs_blk *leaf, struct vexfs_blk *b,
		      struct vexfs_dirent *de)
{
	struct vexfs_dirent *first = vexfs_leaf_entry(b->data, 0);
	struct vexfs_dent d;
	int e, err = t->io->ops->modify(t->io, leaf);

	if (!err)
		err = t->io->ops->modify(t->io, b);
	if (err)
		return err;
	vexfs_dirent_decode(first, &d);
	vexfs_leaf_drop(leaf->data, de);
	vexfs_leaf_put(leaf->data, &d);
	vexfs_leaf_drop(b->data, first);
	err = t->io->ops->dirty(t->io, b);
	e = t->io->ops->dirty(t->io, leaf);
	return err ? err : e;
}

/* The leaf has no entry but @de: it must not become empty before its chain is. */
static int chain_refill(struct vexfs_tree *t, struct vexfs_spot *s, struct vexfs_dirent *de)
{
	struct vexfs_blk *leaf = &s->p.node[0], next;
	int err = vexfs_chain_read(t, leaf, &next);

	if (err)
		return err;
	if (vexfs_leaf_bytes(next.data) <= VEXFS_LEAF_JOINED)
		err = chain_fold(t, leaf, &next, de);
	else
		err = chain_pull(t, leaf, &next, de);
	t->io->ops->put(t->io, &next);	/* harmless if it has been freed */
	return err;
}

/**
 * vexfs_chain_remove - remove an entry whose leaf has a chain
 * @t:  the directory's tree
 * @s:  where the entry is
 * @de: the entry
 *
 * Return: 0, -EUCLEAN, or an error of block access; then nothing changed.
 */
int vexfs_chain_remove(struct vexfs_tree *t, struct vexfs_spot *s, struct vexfs_dirent *de)
{
	struct vexfs_blk *b = vexfs_spot_blk(s), *before;
	u32 left = vexfs_leaf_bytes(b->data) - vexfs_dirent_size(de);
	int err;

	if (!s->at.data && !left)
		return chain_refill(t, s, de);
	before = s->prev.data ? &s->prev : &s->p.node[0];
	if (s->at.data && (!left || vexfs_leaf_bytes(before->data) + left <= VEXFS_LEAF_JOINED))
		return chain_fold(t, before, b, de);
	err = t->io->ops->modify(t->io, b);
	if (err)
		return err;
	vexfs_leaf_drop(b->data, de);
	return t->io->ops->dirty(t->io, b);
}
