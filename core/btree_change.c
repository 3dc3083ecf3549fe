// SPDX-License-Identifier: GPL-2.0
/*
 * B+trees of 16-byte records: changing.
 *
 * Every change happens in two steps. The first collects all that can fail: new
 * blocks, write access to every block concerned. The second only moves bytes.
 * So a change either happens completely or leaves tree and allocation as they
 * were. (dirty() and free() fail only when the journal has been aborted; then
 * nothing more reaches the disk, and the error is passed on after the blocks in
 * memory are consistent.)
 *
 * In a record tree, the key of a child is the first key below it, but for the
 * leftmost child of a level. Removing a first record therefore raises the keys
 * above it. That keeps an extent from reaching beyond the range of its leaf: all
 * records one range of a file needs have room in one leaf, and vexfs_path_splice()
 * can replace them at once.
 */
#include "core/btree_node.h"

/* A root takes back the records of its only child when there are at most this
 * many: half of its own, so that the next insert does not push them out again. */
#define ROOT_TAKES_BACK	(VEXFS_RECS_PER_ROOT / 2)

/* Inner nodes below this many records look for one to join; at most so many make one node. */
#define NODE_SPARSE	(VEXFS_RECS_PER_NODE / 4)
#define NODE_JOINED	(VEXFS_RECS_PER_NODE * 3 / 4)

/**
 * struct splice - a change of consecutive records of one node
 * @level: the node is the path's at this level
 * @pos:   of the first record to go
 * @nold:  records to go
 * @nnew:  records to come in their place
 * @recs:  the new ones
 */
struct splice {
	int level;
	u32 pos, nold, nnew;
	const struct vexfs_kv *recs;
};

/**
 * struct growth - what a splice that does not fit needs
 * @top:  highest level that changes; nodes below it split
 * @root: the root moves its records into a new node
 * @want: new nodes, one for each split and one for the root
 * @blk:  they
 */
struct growth {
	int top;
	bool root;
	int want;
	struct vexfs_blk blk[VEXFS_MAX_LEVEL + 1];
};

/* ---- records of one node ---------------------------------------------------- */

static void rec_set(struct vexfs_rec *rec, const struct vexfs_kv *kv)
{
	rec->key = cpu_to_le64(kv->key);
	rec->val = cpu_to_le64(kv->val);
}

/* Do it to an array of @count records; returns how many there are then. What is
 * vacated is cleared: old values must not look like records to a reader of dumps. */
static u32 recs_splice(struct vexfs_rec *rec, u32 count, u32 pos, const struct splice *s)
{
	u32 now = count - s->nold + s->nnew;
	u32 i;

	memmove(&rec[pos + s->nnew], &rec[pos + s->nold],
		(count - pos - s->nold) * sizeof(*rec));
	for (i = 0; i < s->nnew; i++)
		rec_set(&rec[pos + i], &s->recs[i]);
	if (now < count)
		memset(&rec[now], 0, (count - now) * sizeof(*rec));
	return now;
}

static void block_set_count(void *block, u32 count)
{
	struct vexfs_mdhdr *h = block;

	h->h_count = cpu_to_le16(count);
}

static void block_set_level(void *block, int level)
{
	struct vexfs_mdhdr *h = block;

	h->h_level = cpu_to_le16(level);
}

static void path_set_count(struct vexfs_tree *t, struct vexfs_path *p, int level, u32 count)
{
	if (level == p->depth)
		t->root->r_count = cpu_to_le16(count);
	else
		block_set_count(p->node[level].data, count);
}

/* ---- blocks -------------------------------------------------------------------- */

static int path_modify(struct vexfs_tree *t, struct vexfs_path *p, int level)
{
	return level == p->depth ? 0 : t->io->ops->modify(t->io, &p->node[level]);
}

static void blk_dirty(struct vexfs_tree *t, struct vexfs_blk *b, int *err)
{
	int e = t->io->ops->dirty(t->io, b);

	if (e && !*err)
		*err = e;
}

static void path_dirty(struct vexfs_tree *t, struct vexfs_path *p, int level, int *err)
{
	if (level < p->depth)
		blk_dirty(t, &p->node[level], err);
}

void vexfs_root_add_blocks(struct vexfs_tree *t, s64 n)
{
	u64 blocks = le64_to_cpu(t->root->r_blocks) + n;

	t->root->r_blocks = cpu_to_le64(blocks);
}

/* A damaged count of blocks must not wrap around. */
void vexfs_root_sub_blocks(struct vexfs_tree *t, u64 n)
{
	vexfs_root_add_blocks(t, -(s64)min(n, (u64)le64_to_cpu(t->root->r_blocks)));
}

int vexfs_tree_block_free(struct vexfs_tree *t, struct vexfs_blk *b)
{
	int err = t->io->ops->free(t->io, b);

	if (err && b->data)
		t->io->ops->put(t->io, b);
	memset(b, 0, sizeof(*b));
	return err;
}

/* ---- first step: collect what can fail ------------------------------------------- */

static int growth_plan(struct vexfs_tree *t, struct vexfs_path *p, const struct splice *s,
		       struct growth *g)
{
	int more = (int)s->nnew - (int)s->nold;
	int level = s->level;

	memset(g, 0, sizeof(*g));
	while (level < p->depth &&
	       (int)vexfs_path_count(t, p, level) + more > VEXFS_RECS_PER_NODE) {
		level++;
		more = 1;
	}
	g->top = level;
	g->root = level == p->depth &&
		  (int)vexfs_path_count(t, p, level) + more > VEXFS_RECS_PER_ROOT;
	g->want = level - s->level + g->root;
	return g->root && p->depth == VEXFS_MAX_LEVEL ? -ENOSPC : 0;
}

static void growth_undo(struct vexfs_tree *t, struct growth *g)
{
	int i;

	for (i = 0; i < g->want; i++)
		if (g->blk[i].data)
			vexfs_tree_block_free(t, &g->blk[i]);
}

/* A damaged bitmap may hand out a block that is in use. If it is one of the path's,
 * what was verified there is gone: nothing below may trust it. */
bool vexfs_path_has_block(const struct vexfs_path *p, u64 blkno)
{
	int level;

	for (level = 0; level < p->depth; level++)
		if (p->node[level].data && p->node[level].blkno == blkno)
			return true;
	return false;
}

static int growth_alloc(struct vexfs_tree *t, struct vexfs_path *p, struct growth *g)
{
	int i, err;

	for (i = 0; i < g->want; i++) {
		struct vexfs_blk *b = &g->blk[i];

		err = t->io->ops->alloc(t->io, t->goal, VEXFS_MAGIC_NODE, t->owner, b);
		if (err) {
			memset(b, 0, sizeof(*b));
			return err;
		}
		if (vexfs_path_has_block(p, b->blkno)) {
			err = t->io->ops->corrupt(t->io, b->blkno, "block in use was marked free");
			t->io->ops->put(t->io, b);
			return err;
		}
	}
	return 0;
}

static int path_modify_range(struct vexfs_tree *t, struct vexfs_path *p, int from, int to)
{
	int level, err = 0;

	for (level = from; level <= to && !err; level++)
		err = path_modify(t, p, level);
	return err;
}

/* The highest level whose key changes when the first key of the path's node at
 * @level becomes @key; @level itself when none does. */
static int raise_top(struct vexfs_tree *t, const struct vexfs_path *p, int level, u64 key)
{
	int l;

	for (l = level + 1; l <= p->depth; l++)
		if (p->idx[l])
			return key > vexfs_path_lo(t, p, level) ? l : level;
	return level;
}

/* ---- second step: move bytes --------------------------------------------------------- */

static void raise_keys(struct vexfs_tree *t, struct vexfs_path *p, int level, int top, u64 key,
		       int *err)
{
	for (level++; level <= top; level++) {
		vexfs_path_recs(t, p, level)[p->idx[level]].key = cpu_to_le64(key);
		path_dirty(t, p, level, err);
	}
}

/* The key of a first child is without meaning; before a second child comes that may
 * have a lower one, it gets the bound it stands for. */
static void first_child_key(struct vexfs_tree *t, struct vexfs_path *p, const struct splice *s)
{
	struct vexfs_rec *rec = vexfs_path_recs(t, p, s->level);

	if (s->level && s->pos == 1 && s->nnew && le64_to_cpu(rec[0].key) >= s->recs[0].key)
		rec[0].key = cpu_to_le64(vexfs_path_lo(t, p, s->level));
}

static void place(struct vexfs_tree *t, struct vexfs_path *p, const struct splice *s, int *err)
{
	u32 count = vexfs_path_count(t, p, s->level);

	count = recs_splice(vexfs_path_recs(t, p, s->level), count, s->pos, s);
	path_set_count(t, p, s->level, count);
	path_dirty(t, p, s->level, err);
}

/* Where to cut a full node: in the middle, but not within what is replaced. At its
 * end right before the change: ascending inserts leave full nodes behind. */
static u32 split_pos(u32 count, const struct splice *s)
{
	u32 end = s->pos + s->nold;
	u32 at = count / 2;

	if (end == count)
		return s->pos;
	return at > s->pos && at < end ? end : at;
}

static void split(struct vexfs_tree *t, struct vexfs_path *p, const struct splice *s,
		  struct vexfs_blk *right, int *err)
{
	struct vexfs_rec *rec = vexfs_path_recs(t, p, s->level);
	struct vexfs_rec *new = vexfs_node_recs(right->data);
	u32 count = vexfs_path_count(t, p, s->level);
	u32 at = split_pos(count, s);
	u32 moved = count - at;

	memcpy(new, &rec[at], moved * sizeof(*rec));
	memset(&rec[at], 0, moved * sizeof(*rec));
	if (s->pos >= at)
		moved = recs_splice(new, moved, s->pos - at, s);
	else
		at = recs_splice(rec, at, s->pos, s);
	block_set_level(right->data, s->level);
	block_set_count(right->data, moved);
	path_set_count(t, p, s->level, at);
	blk_dirty(t, right, err);
	path_dirty(t, p, s->level, err);
}

/* The root's records move down into a new node, where the splice finds room. */
static void grow_root(struct vexfs_tree *t, struct vexfs_path *p, const struct splice *s,
		      struct vexfs_blk *b, int *err)
{
	struct vexfs_btree_root *root = t->root;
	struct vexfs_kv child = { 0, b->blkno };
	u32 count = le16_to_cpu(root->r_count);

	memcpy(vexfs_node_recs(b->data), root->r_recs, count * sizeof(root->r_recs[0]));
	count = recs_splice(vexfs_node_recs(b->data), count, s->pos, s);
	block_set_level(b->data, p->depth);
	block_set_count(b->data, count);
	blk_dirty(t, b, err);

	memset(root->r_recs, 0, sizeof(root->r_recs));
	rec_set(&root->r_recs[0], &child);
	root->r_count = cpu_to_le16(1);
	root->r_level = cpu_to_le16(p->depth + 1);
}

static int growth_apply(struct vexfs_tree *t, struct vexfs_path *p, const struct splice *first,
			struct growth *g)
{
	struct splice s = *first;
	struct vexfs_kv child;
	int i, err = 0;

	for (i = 0; s.level < g->top; i++) {
		first_child_key(t, p, &s);
		split(t, p, &s, &g->blk[i], &err);
		child.key = le64_to_cpu(vexfs_node_recs(g->blk[i].data)[0].key);
		child.val = g->blk[i].blkno;
		s.level++;
		s.pos = p->idx[s.level] + 1;
		s.nold = 0;
		s.nnew = 1;
		s.recs = &child;
	}
	first_child_key(t, p, &s);
	if (g->root)
		grow_root(t, p, &s, &g->blk[i], &err);
	else
		place(t, p, &s, &err);
	vexfs_root_add_blocks(t, g->want);
	for (i = 0; i < g->want; i++)
		t->io->ops->put(t->io, &g->blk[i]);
	return err;
}

static int splice_grow(struct vexfs_tree *t, struct vexfs_path *p, const struct splice *s)
{
	struct growth g;
	int err = growth_plan(t, p, s, &g);

	if (!err)
		err = growth_alloc(t, p, &g);
	if (!err)
		err = path_modify_range(t, p, s->level, g.top);
	if (err) {
		growth_undo(t, &g);
		return err;
	}
	return growth_apply(t, p, s, &g);
}

/* The first key that the path's node will have. */
static u64 splice_first_key(struct vexfs_tree *t, struct vexfs_path *p, const struct splice *s)
{
	const struct vexfs_rec *rec = vexfs_path_recs(t, p, s->level);

	if (s->pos)
		return le64_to_cpu(rec[0].key);
	return s->nnew ? s->recs[0].key : le64_to_cpu(rec[s->nold].key);
}

static int splice_place(struct vexfs_tree *t, struct vexfs_path *p, const struct splice *s)
{
	int top = s->level, err;
	u64 key = 0;

	if (p->depth && !s->level) {
		key = splice_first_key(t, p, s);
		top = raise_top(t, p, 0, key);
	}
	err = path_modify_range(t, p, s->level, top);
	if (err)
		return err;
	place(t, p, s, &err);
	raise_keys(t, p, s->level, top, key, &err);
	return err;
}

/* ---- shrinking ------------------------------------------------------------------------ */

static void root_clear(struct vexfs_btree_root *root)
{
	memset(root->r_recs, 0, sizeof(root->r_recs));
	root->r_level = 0;
	root->r_count = 0;
}

/* Give up the root's only child if its records fit into the root. Only a child on
 * the path is considered: looking for one would read blocks for a mere saving. */
static int root_take_back(struct vexfs_tree *t, struct vexfs_path *p)
{
	struct vexfs_rec recs[ROOT_TAKES_BACK];
	int level = p->depth - 1;
	u32 count;
	int err;

	if (level < 0 || le16_to_cpu(t->root->r_count) != 1 || !p->node[level].data)
		return 0;
	count = vexfs_path_count(t, p, level);
	if (count > ROOT_TAKES_BACK || (!level && t->leaf_magic == VEXFS_MAGIC_DIR))
		return 0;
	memcpy(recs, vexfs_node_recs(p->node[level].data), count * sizeof(recs[0]));
	err = vexfs_tree_block_free(t, &p->node[level]);
	if (err)
		return err;
	root_clear(t->root);
	memcpy(t->root->r_recs, recs, count * sizeof(recs[0]));
	t->root->r_level = cpu_to_le16(level);
	t->root->r_count = cpu_to_le16(count);
	vexfs_root_sub_blocks(t, 1);
	return 0;
}

/* Take the child at @level's record, and what it must raise, out of the tree. */
static int cut_record(struct vexfs_tree *t, struct vexfs_path *p, int level, int top, u64 key)
{
	struct splice s = { level, p->idx[level], 1, 0, NULL };
	int err = 0;

	place(t, p, &s, &err);
	raise_keys(t, p, level, top, key, &err);
	if (!vexfs_path_count(t, p, level))
		root_clear(t->root);	/* only the root can have become empty */
	return err;
}

/* Remove the path's leaf and the parents it leaves empty. */
static int path_cut(struct vexfs_tree *t, struct vexfs_path *p)
{
	int level = 1, top, l, e, err;
	u64 key = 0;

	/* The record to go is in the lowest ancestor that keeps another. */
	while (level < p->depth && vexfs_path_count(t, p, level) == 1)
		level++;
	top = level;
	if (!p->idx[level] && vexfs_path_count(t, p, level) > 1) {
		key = le64_to_cpu(vexfs_path_recs(t, p, level)[1].key);
		top = raise_top(t, p, level, key);
	}
	err = path_modify_range(t, p, level, top);
	if (!err)
		err = vexfs_tree_block_free(t, &p->node[0]);	/* the tree is as it was if this fails */
	if (err)
		return err;
	err = cut_record(t, p, level, top, key);
	for (l = 1; l < level; l++) {
		e = vexfs_tree_block_free(t, &p->node[l]);
		err = err ? err : e;
	}
	vexfs_root_sub_blocks(t, level);
	return err ? err : root_take_back(t, p);
}

/* ---- joining ---------------------------------------------------------------------------- */

int vexfs_path_drop_child(struct vexfs_tree *t, struct vexfs_path *p, int level, u32 idx,
			  struct vexfs_blk *b, int *late)
{
	struct splice s = { level + 1, idx, 1, 0, NULL };
	int err = path_modify(t, p, level + 1), e;

	if (!err)
		err = vexfs_tree_block_free(t, b);
	if (err)
		return err;
	/* Not the first child: no key above changes, and the parent keeps a record. */
	place(t, p, &s, late);
	vexfs_root_sub_blocks(t, 1);
	e = root_take_back(t, p);
	*late = *late ? *late : e;
	return 0;
}

/* The records of @right, child @idx, go to the end of @left. */
static int node_join(struct vexfs_tree *t, struct vexfs_path *p, int level, struct vexfs_blk *left,
		     struct vexfs_blk *right, u32 idx)
{
	struct vexfs_mdhdr *lh = left->data, *rh = right->data;
	u32 count = le16_to_cpu(lh->h_count), more = le16_to_cpu(rh->h_count);
	struct vexfs_rec *rec = vexfs_node_recs(left->data);
	int err, late = 0;

	if (count + more > NODE_JOINED)
		return 0;
	err = t->io->ops->modify(t->io, left);
	if (err)
		return 0;
	memcpy(&rec[count], vexfs_node_recs(right->data), more * sizeof(*rec));
	/* A first child's key is without meaning; from here on it is the bound it stands for. */
	rec[count].key = vexfs_path_recs(t, p, level + 1)[idx].key;
	block_set_count(left->data, count + more);
	blk_dirty(t, left, &late);
	err = vexfs_path_drop_child(t, p, level, idx, right, &late);
	if (err) {
		memset(&rec[count], 0, more * sizeof(*rec));
		block_set_count(left->data, count);
		blk_dirty(t, left, &late);
	}
	return late;
}

/* Join the path's sparse node at @level with the child after or before it. */
static int node_join_sibling(struct vexfs_tree *t, struct vexfs_path *p, int level)
{
	u32 idx = p->idx[level + 1];
	struct vexfs_blk b;
	int err = vexfs_path_sibling(t, p, level, idx + 1, &b);

	if (!err) {
		err = node_join(t, p, level, &p->node[level], &b, idx + 1);
	} else {
		if (err != -ENOENT || !idx || vexfs_path_sibling(t, p, level, idx - 1, &b))
			return 0;
		err = node_join(t, p, level, &b, &p->node[level], idx);
	}
	t->io->ops->put(t->io, &b);	/* harmless if it has been freed */
	return err;
}

int vexfs_path_join(struct vexfs_tree *t, struct vexfs_path *p)
{
	int level;

	if (p->depth > 1 && le16_to_cpu(t->root->r_count) == 1 &&
	    vexfs_path_count(t, p, p->depth - 1) <= ROOT_TAKES_BACK) {
		root_take_back(t, p);
		return 0;
	}
	for (level = 1; level < p->depth; level++)
		if (vexfs_path_count(t, p, level) < NODE_SPARSE)
			return node_join_sibling(t, p, level);
	return 0;
}

/* ---- the interface ------------------------------------------------------------------- */

/* New keys ascend, and lie between their neighbours and in the leaf's range. Only
 * what a damaged record implies can violate that. */
static bool splice_in_order(struct vexfs_tree *t, const struct vexfs_path *p,
			    const struct splice *s)
{
	const struct vexfs_rec *rec = vexfs_path_recs(t, p, 0);
	u32 count = vexfs_path_count(t, p, 0), i;
	u64 lo = vexfs_path_lo(t, p, 0), hi = vexfs_path_hi(t, p, 0);

	if (s->pos > count || s->nold > count - s->pos)
		return false;
	if (s->pos)
		lo = max(lo, (u64)le64_to_cpu(rec[s->pos - 1].key) + 1);
	if (s->pos + s->nold < count)
		hi = min(hi, (u64)le64_to_cpu(rec[s->pos + s->nold].key));
	for (i = 0; i < s->nnew; i++) {
		if (s->recs[i].key < lo || s->recs[i].key >= hi)
			return false;
		lo = s->recs[i].key + 1;
	}
	return true;
}

int vexfs_path_splice(struct vexfs_tree *t, struct vexfs_path *p, u32 pos, u32 nold,
		      const struct vexfs_kv *recs, u32 nnew)
{
	struct splice s = { 0, pos, nold, nnew, recs };
	int err;

	if (!splice_in_order(t, p, &s))
		return t->io->ops->corrupt(t->io, p->node[0].blkno,
					   "record reaches beyond its leaf");
	if (nnew > nold)
		return splice_grow(t, p, &s);
	if (p->depth && !nnew && nold == vexfs_path_count(t, p, 0))
		return path_cut(t, p);
	err = splice_place(t, p, &s);
	if (err || nnew == nold)
		return err;
	return root_take_back(t, p);
}

/**
 * vexfs_path_insert_child - link a block that was split off the path's node
 * @t:     the tree
 * @p:     can afterwards only be released
 * @level: of the node that was split, and of @child
 * @key:   first key of @child's range; inside that of the node
 * @child: its address; it is counted in r_blocks
 *
 * Return: 0; -ENOSPC or another error: the tree is as it was.
 */
int vexfs_path_insert_child(struct vexfs_tree *t, struct vexfs_path *p, int level, u64 key,
			    u64 child)
{
	struct vexfs_kv kv = { key, child };
	struct splice s = { level + 1, 0, 0, 1, &kv };
	int err;

	if (level < 0 || level >= p->depth || key <= vexfs_path_lo(t, p, level) ||
	    key >= vexfs_path_hi(t, p, level))
		return -EINVAL;
	s.pos = p->idx[level + 1] + 1;
	err = splice_grow(t, p, &s);
	if (!err)
		vexfs_root_add_blocks(t, 1);
	return err;
}

/**
 * vexfs_path_remove_leaf - remove the leaf the path ends in, whatever it holds
 * @t: the tree
 * @p: is released
 *
 * Return: 0, or an error: the tree is as it was (unless the journal was aborted).
 */
int vexfs_path_remove_leaf(struct vexfs_tree *t, struct vexfs_path *p)
{
	int err = p->depth ? path_cut(t, p) : -EINVAL;

	vexfs_path_release(t, p);
	return err;
}

/**
 * vexfs_bt_insert - add a record
 * @t:   a record tree
 * @key: of the record; not ~0
 * @val: of the record
 *
 * Return: 0, -EEXIST, -ENOSPC, -EINVAL, -EUCLEAN, or an error of block access.
 * After an error the tree is as it was.
 */
int vexfs_bt_insert(struct vexfs_tree *t, u64 key, u64 val)
{
	struct vexfs_kv kv = { key, val };
	struct vexfs_path p;
	int err;

	if (key == ~0ULL)
		return -EINVAL;
	err = vexfs_path_find(t, key, &p);
	if (err)
		return err;
	if (p.idx[0] && vexfs_path_kv(t, &p, p.idx[0] - 1).key == key)
		err = -EEXIST;
	else
		err = vexfs_path_splice(t, &p, p.idx[0], 0, &kv, 1);
	vexfs_path_release(t, &p);
	return err;
}

/* Replace the record of @key by @nnew (0 or 1) records. */
static int bt_replace(struct vexfs_tree *t, u64 key, const struct vexfs_kv *kv, u32 nnew)
{
	struct vexfs_path p;
	int err = vexfs_path_find(t, key, &p);

	if (err)
		return err;
	if (!p.idx[0] || vexfs_path_kv(t, &p, p.idx[0] - 1).key != key)
		err = -ENOENT;
	else
		err = vexfs_path_splice(t, &p, p.idx[0] - 1, 1, kv, nnew);
	vexfs_path_release(t, &p);
	return err;
}

/**
 * vexfs_bt_update - give a record another value
 * @t:   a record tree
 * @key: of the record
 * @val: its new value
 *
 * Return: 0, -ENOENT, -EUCLEAN, or an error of block access; then nothing changed.
 */
int vexfs_bt_update(struct vexfs_tree *t, u64 key, u64 val)
{
	struct vexfs_kv kv = { key, val };

	return bt_replace(t, key, &kv, 1);
}

/**
 * vexfs_bt_delete - remove a record, and the nodes that become empty by that
 * @t:   a record tree
 * @key: of the record
 *
 * Return: 0, -ENOENT, -EUCLEAN, or an error of block access; then nothing changed.
 */
int vexfs_bt_delete(struct vexfs_tree *t, u64 key)
{
	return bt_replace(t, key, NULL, 0);
}
