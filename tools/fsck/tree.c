// SPDX-License-Identifier: GPL-2.0
/*
 * Walking a tree of any kind. Unlike core's walk this one goes on after damage,
 * and claims every block before it looks inside, so that a loop or a shared
 * subtree is reported and not followed.
 */
#include "tools/fsck/fsck.h"

/* A node on the way down: its records and the keys it may hold, [lo, hi). */
struct frame {
	struct vexfs_blk b;
	const struct vexfs_rec *recs;
	u32	count, idx;
	int	level;
	u64	lo, hi;
};

static const struct vexfs_rec *node_recs(const void *block)
{
	return (const void *)((const u8 *)block + VEXFS_MDHDR_SIZE);
}

static bool get_block(struct fsck *f, struct fsck_tree *t, u64 blkno, u32 magic, struct vexfs_blk *b)
{
	if (t->quiet)
		return fsck_read_quiet(f, blkno, magic, t->owner, b);
	return fsck_claim(f, blkno, 1) && fsck_read(f, blkno, magic, t->owner, b);
}

/* Pin and verify a block of the tree. False: damage, reported. */
static bool read_block(struct fsck *f, struct fsck_tree *t, u64 blkno, u32 magic, int level, u64 lo,
		       u64 hi, struct vexfs_blk *b)
{
	struct vexfs_io *io = &f->img.io;
	const char *bad;

	if (t->is_dir)
		f->where_code = magic != VEXFS_MAGIC_NODE ? FSCK_DIR_LEAF : FSCK_TREE_BLOCK;
	if (!get_block(f, t, blkno, magic, b))
		return false;
	bad = magic != VEXFS_MAGIC_NODE ? vexfs_dir_leaf_verify(b->data, lo, hi) :
	      vexfs_node_verify(b->data, level, lo, hi, io->nblocks);
	if (!bad)
		return true;
	if (!t->quiet)
		fsck_report(f, blkno, bad);
	io->ops->put(io, b);
	return false;
}

/* The chain of a leaf, if it has one. A loop leads to a block that has been claimed. */
static void visit_chain(struct fsck *f, struct fsck_tree *t, const struct vexfs_blk *leaf)
{
	const struct vexfs_mdhdr *h = leaf->data;
	const struct vexfs_dirent *d = (const void *)(h + 1);
	u64 blkno = le64_to_cpu(h->h_next), hash = le64_to_cpu(d->d_hash), last = 0;
	struct vexfs_blk b;

	while (blkno && !f->err) {
		if (blkno <= last && t->quiet) {
			t->damaged = true;
			return;
		}
		if (blkno <= last)
			fsck_report(f, last, "directory chain not ascending");
		if (!read_block(f, t, blkno, VEXFS_MAGIC_CHAIN, 0, hash, hash + 1, &b)) {
			t->damaged = true;
			return;
		}
		t->blocks++;
		t->leaf(f, t->ctx, b.blkno, b.data);
		last = blkno;
		blkno = le64_to_cpu(((const struct vexfs_mdhdr *)b.data)->h_next);
		f->img.io.ops->put(&f->img.io, &b);
	}
}

static void visit_leaf(struct fsck *f, struct fsck_tree *t, const struct vexfs_blk *b)
{
	const struct vexfs_mdhdr *h = b->data;

	if (t->is_dir) {
		t->leaf(f, t->ctx, b->blkno, b->data);
		visit_chain(f, t, b);
	} else {
		t->recs(f, t->ctx, node_recs(b->data), le16_to_cpu(h->h_count));
	}
}

/* Follow the next record of @up; a node becomes the next frame. True if it did. */
static bool descend(struct fsck *f, struct fsck_tree *t, struct frame *up, struct frame *down)
{
	const struct vexfs_rec *rec = &up->recs[up->idx];
	u64 lo = up->idx ? le64_to_cpu(rec->key) : up->lo, hi = up->hi;
	u32 magic = t->is_dir && up->level == 1 ? VEXFS_MAGIC_DIR : VEXFS_MAGIC_NODE;
	struct vexfs_blk b;

	if (++up->idx < up->count)
		hi = le64_to_cpu(up->recs[up->idx].key);
	if (!read_block(f, t, le64_to_cpu(rec->val), magic, up->level - 1, lo, hi, &b)) {
		t->damaged = true;
		return false;
	}
	t->blocks++;
	if (up->level == 1) {
		visit_leaf(f, t, &b);
		f->img.io.ops->put(&f->img.io, &b);
		return false;
	}
	*down = (struct frame){
		.b = b, .recs = node_recs(b.data), .level = up->level - 1, .lo = lo, .hi = hi,
		.count = le16_to_cpu(((const struct vexfs_mdhdr *)b.data)->h_count),
	};
	return true;
}

void fsck_tree_walk(struct fsck *f, struct fsck_tree *t, const struct vexfs_btree_root *root)
{
	struct frame stack[VEXFS_MAX_LEVEL + 1];
	int top = 0;

	stack[0] = (struct frame){
		.recs = root->r_recs, .count = le16_to_cpu(root->r_count),
		.level = le16_to_cpu(root->r_level), .hi = ~0ULL,
	};
	if (!stack[0].level) {
		if (!t->is_dir)
			t->recs(f, t->ctx, root->r_recs, stack[0].count);
		return;
	}
	while (top >= 0 && !f->err) {
		if (stack[top].idx < stack[top].count) {
			top += descend(f, t, &stack[top], &stack[top + 1]);
			continue;
		}
		f->img.io.ops->put(&f->img.io, &stack[top--].b);
	}
	while (top >= 0)
		f->img.io.ops->put(&f->img.io, &stack[top--].b);
}
