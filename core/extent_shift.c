// SPDX-License-Identifier: GPL-2.0
/*
 * Moving the extents of a file by whole blocks: a range is taken out or put in.
 *
 * Every record from some block on gets another key, and for a range taken out the order
 * changes, too: its extents go to the end of the tree, beyond the end of the file. But no
 * record is added or removed, so no block of the tree is. All the nodes are pinned, with
 * write access, before the first is changed; from there on nothing can fail. So all of it
 * is one change, which a crash leaves out or not, as long as one transaction has room for
 * the nodes.
 */
#include "core/extent.h"
#include "core/btree_node.h"

static struct vexfs_extent shift_ext(struct vexfs_tree *t, const struct vexfs_kv *kv)
{
	struct vexfs_extent e;

	if (vexfs_ext_unpack(kv->key, kv->val, t->io, &e))
		e.len = 0;
	return e;
}

/* ---- taking the nodes ------------------------------------------------------------ */

/* Pin a node of the path once more, for us. The list has parents before children. */
static int shift_take(struct vexfs_tree *t, struct vexfs_shift *s, const struct vexfs_path *p,
		      int level)
{
	struct vexfs_shift_node *n = &s->node[s->nodes];
	int err;

	if (s->taken[level] == p->node[level].blkno)
		return 0;
	if (s->nodes == s->max_nodes)
		return -E2BIG;
	err = t->io->ops->read(t->io, p->node[level].blkno, VEXFS_MAGIC_NODE, 0, t->owner, &n->blk);
	if (err)
		return err;
	s->taken[level] = p->node[level].blkno;
	n->level = level;
	n->idx = p->idx[level + 1];
	s->nodes++;
	return t->io->ops->modify(t->io, &n->blk);
}

/* The records of the path's leaf, from @pos on. */
static int shift_records(struct vexfs_tree *t, struct vexfs_shift *s, const struct vexfs_path *p,
			 u32 pos)
{
	u32 count = vexfs_path_count(t, p, 0);

	for (; pos < count; pos++) {
		struct vexfs_kv kv = vexfs_path_kv(t, p, pos);

		if (s->recs == s->max_recs)
			return -E2BIG;
		if (!shift_ext(t, &kv).len)
			return vexfs_bt_corrupt(t, kv.key, "invalid extent");
		s->rec[s->recs++] = kv;
	}
	return 0;
}

static int shift_leaf(struct vexfs_tree *t, struct vexfs_shift *s, const struct vexfs_path *p,
		      u32 pos)
{
	int level, err = 0;

	for (level = p->depth - 1; level >= 0 && !err; level--)
		err = shift_take(t, s, p, level);
	return err ? err : shift_records(t, s, p, pos);
}

/* Where in the leaf the records from @from on begin. -EINVAL: an extent covers it. */
static int shift_first(struct vexfs_tree *t, struct vexfs_shift *s, const struct vexfs_path *p,
		       u64 from)
{
	struct vexfs_kv kv;
	int level;

	s->pos = p->idx[0];
	for (level = 0; level <= p->depth; level++)
		s->lo[level] = vexfs_path_lo(t, p, level);
	if (!s->pos)
		return 0;
	kv = vexfs_path_kv(t, p, s->pos - 1);
	if (kv.key == from)
		s->pos--;
	else if (kv.key + shift_ext(t, &kv).len > from)
		return -EINVAL;
	return 0;
}

/* All nodes with records from @from on, and those records. */
static int shift_begin(struct vexfs_tree *t, struct vexfs_shift *s, u64 from)
{
	struct vexfs_path p;
	u64 key = from;
	bool first = true;
	int err;

	s->nodes = 0;
	s->recs = 0;
	memset(s->taken, 0, sizeof(s->taken));
	do {
		err = vexfs_path_find(t, key, &p);
		if (err)
			return err;
		if (first)
			err = shift_first(t, s, &p, from);
		if (!err)
			err = shift_leaf(t, s, &p, first ? s->pos : 0);
		first = false;
		key = vexfs_path_next_key(t, &p);
		s->depth = p.depth;
		vexfs_path_release(t, &p);
	} while (!err && key != ~0ULL);
	return err;
}

static void shift_end(struct vexfs_tree *t, struct vexfs_shift *s)
{
	while (s->nodes)
		t->io->ops->put(t->io, &s->node[--s->nodes].blk);
}

/* ---- storing them ---------------------------------------------------------------------- */

/* cur[]: the nodes above and at the one at hand. */
static struct vexfs_rec *shift_recs(struct vexfs_tree *t, struct vexfs_shift *s,
				    struct vexfs_shift_node **cur, int level)
{
	return level == s->depth ? t->root->r_recs : vexfs_node_recs(cur[level]->blk.data);
}

/* The leaf begins with @key from now on: its parent says so, and if it is the first child
 * there, so do those above. */
static void shift_bound(struct vexfs_tree *t, struct vexfs_shift *s,
			struct vexfs_shift_node **cur, u64 key)
{
	int level;

	for (level = 0; level < s->depth; level++) {
		u32 idx = cur[level]->idx;

		shift_recs(t, s, cur, level + 1)[idx].key = cpu_to_le64(key);
		if (idx)
			break;
	}
}

/* The key of a first child is without meaning, but must not be above the keys after it, which
 * may become smaller: at every level of the first path. */
static void shift_bound_first(struct vexfs_tree *t, struct vexfs_shift *s,
			      struct vexfs_shift_node **cur)
{
	int level;

	for (level = 0; level < s->depth; level++)
		if (!cur[level]->idx)
			shift_recs(t, s, cur, level + 1)[0].key = cpu_to_le64(s->lo[level + 1]);
}

static void shift_put(struct vexfs_rec *recs, u32 pos, u32 count, const struct vexfs_kv *kv)
{
	for (; pos < count; pos++, kv++) {
		recs[pos].key = cpu_to_le64(kv->key);
		recs[pos].val = cpu_to_le64(kv->val);
	}
}

/* Returns how many records of s->rec the leaf took. */
static u32 shift_store_leaf(struct vexfs_tree *t, struct vexfs_shift *s,
			    struct vexfs_shift_node **cur, u32 done, bool first)
{
	void *block = cur[0]->blk.data;
	u32 count = le16_to_cpu(((struct vexfs_mdhdr *)block)->h_count), pos = first ? s->pos : 0;

	if (first)
		shift_bound_first(t, s, cur);
	/* The first leaf keeps its first record, and so its bound, or all of them move. */
	if (!pos)
		shift_bound(t, s, cur, s->rec[done].key);
	shift_put(vexfs_node_recs(block), pos, count, &s->rec[done]);
	return count - pos;
}

/* Returns an error of the journal, if there was one. */
static int shift_store(struct vexfs_tree *t, struct vexfs_shift *s)
{
	struct vexfs_shift_node *cur[VEXFS_MAX_LEVEL + 1] = { };
	bool first = true;
	u32 i, done = 0;
	int err = 0, e;

	if (!s->depth)
		shift_put(t->root->r_recs, s->pos, le16_to_cpu(t->root->r_count), s->rec);
	for (i = 0; i < s->nodes; i++) {
		cur[s->node[i].level] = &s->node[i];
		if (s->node[i].level)
			continue;
		done += shift_store_leaf(t, s, cur, done, first);
		first = false;
	}
	for (i = 0; i < s->nodes; i++) {
		e = t->io->ops->dirty(t->io, &s->node[i].blk);
		err = err ? err : e;
	}
	return err;
}

/* ---- the new keys -------------------------------------------------------------------------- */

static void shift_reverse(struct vexfs_kv *a, u32 n)
{
	u32 i;

	for (i = 0; i < n / 2; i++) {
		struct vexfs_kv kv = a[i];

		a[i] = a[n - 1 - i];
		a[n - 1 - i] = kv;
	}
}

/* How many records are below @end; -EINVAL: one of them reaches over it. */
static int shift_below(struct vexfs_tree *t, struct vexfs_shift *s, u64 end, u32 *n)
{
	for (*n = 0; *n < s->recs && s->rec[*n].key < end; ++*n)
		if (s->rec[*n].key + shift_ext(t, &s->rec[*n]).len > end)
			return -EINVAL;
	return 0;
}

static int shift_keys_down(struct vexfs_tree *t, struct vexfs_shift *s, u64 first, u64 end, u64 to)
{
	u32 cut, i;
	int err = shift_below(t, s, end, &cut);

	if (err)
		return err;
	shift_reverse(s->rec, cut);
	shift_reverse(s->rec + cut, s->recs - cut);
	shift_reverse(s->rec, s->recs);
	for (i = 0; i < s->recs - cut; i++) {
		s->rec[i].key -= end - first;
		if (s->rec[i].key + shift_ext(t, &s->rec[i]).len > to)
			return -EINVAL;
	}
	for (; i < s->recs; i++)
		s->rec[i].key += to - first;
	return 0;
}

static int shift_keys_up(struct vexfs_tree *t, struct vexfs_shift *s, u64 len)
{
	u32 i;

	for (i = 0; i < s->recs; i++) {
		if (s->rec[i].key + shift_ext(t, &s->rec[i]).len > VEXFS_MAX_LBLK - len)
			return -EINVAL;
		s->rec[i].key += len;
	}
	return 0;
}

/**
 * vexfs_ext_collapse - take a range out of a file
 * @t:     the file's tree
 * @s:     memory
 * @first: first block of the range; no extent covers it and the block before it
 * @end:   block after it; the same
 * @to:    where the extents of the range go: not below the end of those that move down,
 *	   and so low that they do not reach beyond the largest file
 *
 * Return: 0; -E2BIG: @s has no place for so much; -EINVAL: these are not the edges of
 * extents, or @to is too low; -EUCLEAN or an error of block access: nothing changed.
 */
int vexfs_ext_collapse(struct vexfs_tree *t, struct vexfs_shift *s, u64 first, u64 end, u64 to)
{
	int err;

	if (first >= end || to < first || to > VEXFS_MAX_LBLK - (end - first))
		return -EINVAL;
	err = shift_begin(t, s, first);
	if (!err)
		err = shift_keys_down(t, s, first, end, to);
	if (!err)
		err = shift_store(t, s);
	shift_end(t, s);
	return err;
}

/**
 * vexfs_ext_make_room - put a hole into a file
 * @t:     the file's tree
 * @s:     memory
 * @first: where; no extent covers it and the block before it
 * @len:   blocks, fewer than VEXFS_MAX_LBLK
 *
 * Return: as vexfs_ext_collapse(); -EINVAL also if an extent would be beyond the largest file.
 */
int vexfs_ext_make_room(struct vexfs_tree *t, struct vexfs_shift *s, u64 first, u64 len)
{
	int err;

	if (!len || len >= VEXFS_MAX_LBLK || first >= VEXFS_MAX_LBLK)
		return -EINVAL;
	err = shift_begin(t, s, first);
	if (!err)
		err = shift_keys_up(t, s, len);
	if (!err)
		err = shift_store(t, s);
	shift_end(t, s);
	return err;
}

/**
 * vexfs_ext_split - let an extent end at a block
 * @t:    the file's tree
 * @lblk: an extent that covers it and the block before it becomes two
 *
 * Return: 0; -ENOSPC, -EUCLEAN or an error of block access: nothing changed.
 */
int vexfs_ext_split(struct vexfs_tree *t, u64 lblk)
{
	struct vexfs_extent left, right;
	struct vexfs_kv kv[2];
	struct vexfs_path p;
	int err;

	if (!lblk || lblk >= VEXFS_MAX_LBLK)
		return 0;
	err = vexfs_path_find(t, lblk, &p);
	if (err)
		return err;
	if (!p.idx[0])
		goto out;
	kv[0] = vexfs_path_kv(t, &p, p.idx[0] - 1);
	left = shift_ext(t, &kv[0]);
	if (!left.len || left.lblk == lblk || left.lblk + left.len <= lblk)
		goto out;
	right = left;
	right.lblk = lblk;
	right.len -= lblk - left.lblk;
	right.pblk += lblk - left.lblk;
	left.len = lblk - left.lblk;
	kv[0].val = vexfs_ext_pack(&left);
	kv[1].key = lblk;
	kv[1].val = vexfs_ext_pack(&right);
	err = vexfs_path_splice(t, &p, p.idx[0] - 1, 1, kv, 2);
out:
	vexfs_path_release(t, &p);
	return err;
}
