// SPDX-License-Identifier: GPL-2.0
/*
 * B+trees of 16-byte records: reading.
 *
 * Invariants that readers rely on and every change keeps:
 *  - no node below the root is empty, so that one step to a neighbouring leaf
 *    always finds a record;
 *  - every child's keys lie in [its key in the parent, the next key there); the
 *    bounds are checked on each read, so that two parents cannot share a child
 *    and every walk ends;
 *  - the key ~0 does not exist: it stands for "beyond the last leaf".
 */
#include "core/btree.h"
#include "core/btree_node.h"
#include "core/dir.h"

/* ---- verifiers ------------------------------------------------------------ */

static const char *recs_verify(const struct vexfs_rec *rec, u32 count, int level, u64 lo, u64 hi,
			       u64 nblocks)
{
	u32 i;

	for (i = 0; i < count; i++) {
		u64 key = le64_to_cpu(rec[i].key);
		u64 val = le64_to_cpu(rec[i].val);

		if (key < lo || key >= hi)
			return "B+tree key out of range";
		if (i && key <= le64_to_cpu(rec[i - 1].key))
			return "B+tree keys not ascending";
		if (level && (!val || val >= nblocks))
			return "B+tree child outside the device";
	}
	return NULL;
}

/**
 * vexfs_node_verify - structure of one node
 * @block:   4096 bytes whose header has been verified
 * @level:   expected level
 * @lo:      lowest key it may hold
 * @hi:      its keys are below this
 * @nblocks: of the device
 *
 * The values of leaf records are not looked at.
 *
 * Return: NULL, or the failed check.
 */
const char *vexfs_node_verify(const void *block, int level, u64 lo, u64 hi, u64 nblocks)
{
	const struct vexfs_mdhdr *h = block;
	u32 count = le16_to_cpu(h->h_count);

	if (le16_to_cpu(h->h_level) != level)
		return "B+tree node of a wrong level";
	if (!count || count > VEXFS_RECS_PER_NODE)
		return "B+tree node with a wrong number of records";
	return recs_verify(vexfs_node_recs((void *)block), count, level, lo, hi, nblocks);
}

/**
 * vexfs_root_verify - structure of a tree's root
 * @root:    the root
 * @is_dir:  a directory's: its level 0 holds no records
 * @nblocks: of the device
 *
 * Return: NULL, or the failed check.
 */
const char *vexfs_root_verify(const struct vexfs_btree_root *root, bool is_dir, u64 nblocks)
{
	u32 level = le16_to_cpu(root->r_level);
	u32 count = le16_to_cpu(root->r_count);
	u64 blocks = le64_to_cpu(root->r_blocks);

	if (level > VEXFS_MAX_LEVEL)
		return "B+tree root of a wrong level";
	if (root->r_reserved)
		return "B+tree root with a reserved field set";
	if (count > VEXFS_RECS_PER_ROOT || (level && !count) || (is_dir && !level && count))
		return "B+tree root with a wrong number of records";
	if (blocks >= nblocks || blocks < level || (!level && blocks))
		return "B+tree with a wrong number of blocks";
	return recs_verify(root->r_recs, count, level, 0, ~0ULL, nblocks);
}

/* What may differ by the way a verified node was reached: a damaged tree may lead to it twice. */
static const char *node_bounds(const void *block, int level, u64 lo, u64 hi)
{
	const struct vexfs_rec *rec = vexfs_node_recs((void *)block);
	const struct vexfs_mdhdr *h = block;
	u32 count = le16_to_cpu(h->h_count);

	if (le16_to_cpu(h->h_level) != level)
		return "B+tree node of a wrong level";
	if (le64_to_cpu(rec[0].key) < lo || le64_to_cpu(rec[count - 1].key) >= hi)
		return "B+tree key out of range";
	return NULL;
}

static const char *block_verify(struct vexfs_tree *t, const void *block, int level, u64 lo, u64 hi)
{
	if (!level && t->leaf_magic == VEXFS_MAGIC_DIR)
		return vexfs_dir_leaf_verify(block, lo, hi);
	return vexfs_node_verify(block, level, lo, hi, vexfs_io_blocks(t->io));
}

static const char *block_bounds(struct vexfs_tree *t, const void *block, int level, u64 lo, u64 hi)
{
	if (!level && t->leaf_magic == VEXFS_MAGIC_DIR)
		return vexfs_dir_leaf_bounds(block, lo, hi);
	return node_bounds(block, level, lo, hi);
}

/**
 * vexfs_tree_block_check - the contents of a block of a tree
 * @t:     the tree
 * @b:     pinned; its header has been verified
 * @level: of the block
 * @lo:    lowest key it may hold
 * @hi:    its keys are below this
 *
 * All of a block is verified once after it came from the device. From then on only
 * this code changes it, under the lock of the tree. What remains to be checked is
 * what the contents cannot say: that they are right for the place that led here.
 *
 * Return: 0 or -EUCLEAN.
 */
int vexfs_tree_block_check(struct vexfs_tree *t, struct vexfs_blk *b, int level, u64 lo, u64 hi)
{
	const struct vexfs_io_ops *ops = t->io->ops;
	const char *why;

	if (ops->checked && ops->checked(t->io, b)) {
		why = block_bounds(t, b->data, level, lo, hi);
	} else {
		why = block_verify(t, b->data, level, lo, hi);
		if (!why && ops->set_checked)
			ops->set_checked(t->io, b);
	}
	return why ? ops->corrupt(t->io, b->blkno, why) : 0;
}

/* ---- paths -------------------------------------------------------------------- */

struct vexfs_rec *vexfs_path_recs(struct vexfs_tree *t, const struct vexfs_path *p, int level)
{
	if (level == p->depth)
		return t->root->r_recs;
	return vexfs_node_recs(p->node[level].data);
}

u32 vexfs_path_count(struct vexfs_tree *t, const struct vexfs_path *p, int level)
{
	const struct vexfs_mdhdr *h;

	if (level == p->depth)
		return le16_to_cpu(t->root->r_count);
	h = p->node[level].data;
	return le16_to_cpu(h->h_count);
}

/* Lower bound of the keys of the path's node at @level. */
u64 vexfs_path_lo(struct vexfs_tree *t, const struct vexfs_path *p, int level)
{
	int l;

	for (l = level + 1; l <= p->depth; l++)
		if (p->idx[l])
			return le64_to_cpu(vexfs_path_recs(t, p, l)[p->idx[l]].key);
	return 0;
}

/* First key beyond those of the path's node at @level; ~0: no bound. */
u64 vexfs_path_hi(struct vexfs_tree *t, const struct vexfs_path *p, int level)
{
	int l;

	for (l = level + 1; l <= p->depth; l++)
		if (p->idx[l] + 1 < vexfs_path_count(t, p, l))
			return le64_to_cpu(vexfs_path_recs(t, p, l)[p->idx[l] + 1].key);
	return ~0ULL;
}

/* How many of @count ascending records have keys <= @key. */
static u32 recs_upper(const struct vexfs_rec *rec, u32 count, u64 key)
{
	u32 lo = 0, hi = count;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (le64_to_cpu(rec[mid].key) <= key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Set idx[@level] for @key: see struct vexfs_path. */
static void path_pick(struct vexfs_tree *t, struct vexfs_path *p, int level, u64 key)
{
	u32 n;

	if (!level && t->leaf_magic == VEXFS_MAGIC_DIR) {
		p->idx[0] = 0;		/* directory leaves are searched by dir.c */
		return;
	}
	n = recs_upper(vexfs_path_recs(t, p, level), vexfs_path_count(t, p, level), key);
	/* The first child's range begins at minus infinity. */
	p->idx[level] = level && n ? n - 1 : n;
}

/* Pin and verify a block at @level; it is zeroed if it could not be read, pinned otherwise. */
static int block_read(struct vexfs_tree *t, u64 blkno, int level, u64 lo, u64 hi,
		      struct vexfs_blk *b)
{
	u32 magic = level ? VEXFS_MAGIC_NODE : t->leaf_magic;
	int err = -VEXFS_ECORRUPT;

	if (vexfs_io_range_valid(t->io, blkno, 1))
		err = t->io->ops->read(t->io, blkno, magic, 0, t->owner, b);
	else
		t->io->ops->corrupt(t->io, blkno, "B+tree child in fixed metadata");
	if (err) {
		memset(b, 0, sizeof(*b));
		return err;
	}
	return vexfs_tree_block_check(t, b, level, lo, hi);
}

/* Pin and verify the child that idx[level + 1] points at as node[level]. */
static int path_read(struct vexfs_tree *t, struct vexfs_path *p, int level)
{
	u64 blkno = le64_to_cpu(vexfs_path_recs(t, p, level + 1)[p->idx[level + 1]].val);

	return block_read(t, blkno, level, vexfs_path_lo(t, p, level), vexfs_path_hi(t, p, level),
			  &p->node[level]);
}

/* Start a path at the root. Block 0 stands for the root in error reports. */
static int path_start(struct vexfs_tree *t, struct vexfs_path *p)
{
	const char *why = vexfs_root_verify(t->root, t->leaf_magic == VEXFS_MAGIC_DIR,
					    vexfs_io_blocks(t->io));

	memset(p, 0, sizeof(*p));
	if (why)
		return t->io->ops->corrupt(t->io, 0, why);
	p->depth = le16_to_cpu(t->root->r_level);
	return 0;
}

/**
 * vexfs_path_find - pin the nodes from the root to the leaf of a key
 * @t:   the tree
 * @key: holds it, or would
 * @p:   to be released with vexfs_path_release() after success; nothing is
 *	 pinned after an error
 *
 * A path of depth 0 has no node: the root is the leaf (a directory: is empty).
 *
 * Return: 0, -EUCLEAN, or an error of reading.
 */
int vexfs_path_find(struct vexfs_tree *t, u64 key, struct vexfs_path *p)
{
	int level;
	int err = path_start(t, p);

	if (err)
		return err;
	path_pick(t, p, p->depth, key);
	for (level = p->depth - 1; level >= 0; level--) {
		err = path_read(t, p, level);
		if (err) {
			vexfs_path_release(t, p);
			return err;
		}
		path_pick(t, p, level, key);
	}
	return 0;
}

u64 vexfs_path_next_key(struct vexfs_tree *t, const struct vexfs_path *p)
{
	return vexfs_path_hi(t, p, 0);
}

void vexfs_path_release(struct vexfs_tree *t, struct vexfs_path *p)
{
	int level;

	for (level = 0; level < VEXFS_MAX_LEVEL; level++)
		if (p->node[level].data)
			t->io->ops->put(t->io, &p->node[level]);
}

int vexfs_path_sibling(struct vexfs_tree *t, struct vexfs_path *p, int level, u32 idx,
		       struct vexfs_blk *b)
{
	const struct vexfs_rec *rec = vexfs_path_recs(t, p, level + 1);
	u32 count = vexfs_path_count(t, p, level + 1);
	u64 lo, hi, blkno = idx < count ? le64_to_cpu(rec[idx].val) : 0;
	int err;

	if (!blkno || (t->io->ops->cached && !t->io->ops->cached(t->io, blkno)))
		return -ENOENT;
	lo = idx ? le64_to_cpu(rec[idx].key) : vexfs_path_lo(t, p, level + 1);
	hi = idx + 1 < count ? le64_to_cpu(rec[idx + 1].key) : vexfs_path_hi(t, p, level + 1);
	err = block_read(t, blkno, level, lo, hi, b);
	if (err && b->data)
		t->io->ops->put(t->io, b);
	return err;
}

/**
 * vexfs_path_find_le - the path to the last record with a key <= @key
 * @t:   a record tree
 * @key: sought
 * @p:   idx[0] - 1 is the record's position. To be released after success
 *
 * Return: 0, -ENOENT (nothing pinned), -EUCLEAN, or an error of reading.
 */
int vexfs_path_find_le(struct vexfs_tree *t, u64 key, struct vexfs_path *p)
{
	int err = vexfs_path_find(t, key, p);
	u64 lo;

	if (err || p->idx[0])
		return err;
	/* The leaf begins after @key: the answer ends the leaf before it. */
	lo = vexfs_path_lo(t, p, 0);
	vexfs_path_release(t, p);
	if (!lo)
		return -ENOENT;
	err = vexfs_path_find(t, lo - 1, p);
	if (!err && !p->idx[0]) {
		err = t->io->ops->corrupt(t->io, p->node[0].blkno, "B+tree leaf changed under us");
		vexfs_path_release(t, p);
	}
	return err;
}

/* ---- lookups -------------------------------------------------------------------- */

struct vexfs_kv vexfs_path_kv(struct vexfs_tree *t, const struct vexfs_path *p, u32 pos)
{
	const struct vexfs_rec *rec = &vexfs_path_recs(t, p, 0)[pos];
	struct vexfs_kv kv = { le64_to_cpu(rec->key), le64_to_cpu(rec->val) };

	return kv;
}

/**
 * vexfs_bt_find_le - the last record with a key not above a given one
 * @t:   a record tree
 * @key: the highest key wanted
 * @kv:  the record
 *
 * Return: 0, -ENOENT, -EUCLEAN, or an error of reading.
 */
int vexfs_bt_find_le(struct vexfs_tree *t, u64 key, struct vexfs_kv *kv)
{
	struct vexfs_path p;
	int err = vexfs_path_find_le(t, key, &p);

	if (err)
		return err;
	*kv = vexfs_path_kv(t, &p, p.idx[0] - 1);
	vexfs_path_release(t, &p);
	return 0;
}

/**
 * vexfs_bt_find_ge - the first record with a key not below a given one
 * @t:   a record tree
 * @key: the lowest key wanted
 * @kv:  the record
 *
 * Return: 0, -ENOENT, -EUCLEAN, or an error of reading.
 */
int vexfs_bt_find_ge(struct vexfs_tree *t, u64 key, struct vexfs_kv *kv)
{
	struct vexfs_path p;
	u64 next;
	u32 pos;
	int err = vexfs_path_find(t, key, &p);

	if (err)
		return err;
	pos = p.idx[0];
	if (pos && vexfs_path_kv(t, &p, pos - 1).key == key)
		pos--;
	if (pos == vexfs_path_count(t, &p, 0)) {
		/* All of this leaf is below @key: the answer begins the next. */
		next = vexfs_path_next_key(t, &p);
		vexfs_path_release(t, &p);
		if (next == ~0ULL)
			return -ENOENT;
		err = vexfs_path_find(t, next, &p);
		if (err)
			return err;
		pos = 0;
	}
	*kv = vexfs_path_kv(t, &p, pos);
	vexfs_path_release(t, &p);
	return 0;
}

/**
 * vexfs_bt_corrupt - report a leaf record whose value makes no sense
 * @t:    a record tree
 * @key:  the record's
 * @what: the failed check
 *
 * Return: -EUCLEAN.
 */
int vexfs_bt_corrupt(struct vexfs_tree *t, u64 key, const char *what)
{
	struct vexfs_path p;
	u64 blkno = 0;

	if (!vexfs_path_find(t, key, &p)) {
		blkno = p.node[0].blkno;
		vexfs_path_release(t, &p);
	}
	return t->io->ops->corrupt(t->io, blkno, what);
}

u32 vexfs_bt_credits(const struct vexfs_btree_root *root)
{
	/* A path, a sibling of each of its nodes, and what the root grows. */
	return 2 * le16_to_cpu(root->r_level) + 1;
}

/* ---- walk ------------------------------------------------------------------------- */

/* Step to the next child to be visited: the level whose idx it is, -1 at the end. */
static int walk_up(struct vexfs_tree *t, struct vexfs_path *p, int level)
{
	while (p->idx[level] >= vexfs_path_count(t, p, level)) {
		if (level == p->depth)
			return -1;
		t->io->ops->put(t->io, &p->node[level]);
		p->idx[++level]++;
	}
	return level;
}

static int walk_visit(struct vexfs_tree *t, const struct vexfs_blk *b, int level,
		      vexfs_bt_visit_t visit, void *ctx)
{
	int ret = visit(ctx, t, b->blkno, level, b->data);

	if (!ret && !level && t->leaf_magic == VEXFS_MAGIC_DIR)
		ret = vexfs_dir_walk_chain(t, b, visit, ctx);
	return ret;
}

static int walk_below_root(struct vexfs_tree *t, struct vexfs_path *p, vexfs_bt_visit_t visit,
			   void *ctx)
{
	int level = p->depth;
	int ret;

	while ((level = walk_up(t, p, level)) > 0) {
		struct vexfs_blk *b = &p->node[level - 1];

		ret = path_read(t, p, level - 1);
		if (ret)
			return ret;
		ret = walk_visit(t, b, level - 1, visit, ctx);
		if (ret < 0)
			return ret;
		if (ret || level == 1) {
			t->io->ops->put(t->io, b);
			p->idx[level]++;
		} else {
			p->idx[--level] = 0;
		}
	}
	return 0;
}

/**
 * vexfs_bt_walk - visit all blocks of a tree, parents first, in key order
 * @t:     any tree; must not change meanwhile
 * @visit: see vexfs_bt_visit_t
 * @ctx:   for @visit
 *
 * Every block is verified before it is visited; the first damaged one ends the
 * walk.
 *
 * Return: 0, what @visit returned when negative, -EUCLEAN, or an error of reading.
 */
int vexfs_bt_walk(struct vexfs_tree *t, vexfs_bt_visit_t visit, void *ctx)
{
	struct vexfs_path p;
	int ret = path_start(t, &p);

	if (ret)
		return ret;
	ret = visit(ctx, t, 0, p.depth, NULL);
	if (ret || !p.depth)
		return min(ret, 0);
	ret = walk_below_root(t, &p, visit, ctx);
	vexfs_path_release(t, &p);
	return ret;
}
