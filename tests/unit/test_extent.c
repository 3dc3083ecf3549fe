// SPDX-License-Identifier: GPL-2.0
/* Extent maps against an array of blocks, with every failure and with damage. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/btree_node.h"
#include "core/extent.h"
#include "memio.h"

#define BLOCKS	20000U			/* of the file, that the model knows */
#define DEVICE	(1U << 18)
/* A device of @n blocks without fixed metadata. */
#define IO_OF(n)	(&(const struct vexfs_io){ .nblocks = (n) })

/**
 * struct fixture - a file's map, its device and what it ought to say
 * @pblk:      by logical block; 0: hole
 * @unwritten: by logical block
 */
struct fixture {
	struct memio m;
	struct vexfs_btree_root root;
	struct vexfs_tree t;
	u64 pblk[BLOCKS];
	bool unwritten[BLOCKS];
	u64 rng;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memio_init(&f->m, DEVICE);
	f->t.io = &f->m.io;
	f->t.root = &f->root;
	f->t.owner = 99;
	f->t.leaf_magic = VEXFS_MAGIC_NODE;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	memio_destroy(&f->m);
	free(f);
	return 0;
}

/* ---- comparing the map with the model --------------------------------------------- */

struct check {
	struct fixture *f;
	u64 lblk;		/* next block the map may show */
	u32 blocks, records, leaves;
	u64 leaf[1000];		/* first key of each leaf */
};

static void check_extent(struct check *c, const struct vexfs_extent *e)
{
	u64 i;

	assert_true(e->lblk >= c->lblk && e->lblk + e->len <= BLOCKS);
	for (; c->lblk < e->lblk; c->lblk++)
		assert_int_equal(c->f->pblk[c->lblk], 0);
	for (i = 0; i < e->len; i++, c->lblk++) {
		assert_int_equal(c->f->pblk[c->lblk], e->pblk + i);
		assert_int_equal(c->f->unwritten[c->lblk], !!e->flags);
	}
}

static int check_visit(void *ctx, struct vexfs_tree *t, u64 blkno, int level, const void *block)
{
	const struct vexfs_mdhdr *h = block;
	const struct vexfs_rec *rec = t->root->r_recs;
	u32 count = le16_to_cpu(t->root->r_count), i;
	struct check *c = ctx;
	struct vexfs_extent e;

	c->blocks += block != NULL;
	if (block) {
		rec = (const void *)((const u8 *)block + VEXFS_MDHDR_SIZE);
		count = le16_to_cpu(h->h_count);
	}
	if (!level && block) {
		assert_true(count && c->leaves < 1000);
		c->leaf[c->leaves++] = le64_to_cpu(rec[0].key);
	}
	for (i = 0; !level && i < count; i++, c->records++) {
		assert_null(vexfs_ext_unpack(le64_to_cpu(rec[i].key), le64_to_cpu(rec[i].val),
					     IO_OF(DEVICE), &e));
		check_extent(c, &e);
	}
	return 0;
}

/* The key of a child is the first one below it, but for the leftmost. */
static void check_bounds(struct fixture *f, const struct check *c)
{
	struct vexfs_path p;
	u32 i;

	for (i = 0; i < c->leaves; i++) {
		assert_int_equal(vexfs_path_find(&f->t, c->leaf[i], &p), 0);
		assert_int_equal(vexfs_path_lo(&f->t, &p, 0), i ? c->leaf[i] : 0);
		vexfs_path_release(&f->t, &p);
	}
}

static u32 check_map(struct fixture *f)
{
	struct check c = { .f = f };
	long calls = f->m.calls, fail_at = f->m.fail_at;

	f->m.fail_at = -1;
	assert_int_equal(memio_pinned(&f->m), 0);
	assert_int_equal(vexfs_bt_walk(&f->t, check_visit, &c), 0);
	check_bounds(f, &c);
	for (; c.lblk < BLOCKS; c.lblk++)
		assert_int_equal(f->pblk[c.lblk], 0);
	assert_int_equal(c.blocks, le64_to_cpu(f->root.r_blocks));
	assert_int_equal(c.blocks, f->m.live);
	assert_int_equal(f->m.reports, 0);
	f->m.calls = calls;
	f->m.fail_at = fail_at;
	return c.records;
}

/* ---- operations on both ---------------------------------------------------------------- */

struct range {
	u64 lblk, len;
	u64 pblk;
	u64 flags;
};

static bool is_hole(const struct fixture *f, u64 lblk, u64 len)
{
	u64 i;

	for (i = lblk; i < lblk + len; i++)
		if (f->pblk[i])
			return false;
	return true;
}

static int do_insert(struct fixture *f, const struct range *r)
{
	struct vexfs_extent e = { r->lblk, r->len, r->pblk, r->flags };
	int err = vexfs_ext_insert(&f->t, &e);
	u64 i;

	if (f->m.fail_at < 0)
		assert_int_equal(err == -EEXIST, !is_hole(f, r->lblk, r->len));
	for (i = 0; !err && i < r->len; i++) {
		f->pblk[r->lblk + i] = r->pblk + i;
		f->unwritten[r->lblk + i] = r->flags != 0;
	}
	return err;
}

/* Only the part that one call converts; a hole at the start is not asked for. With flags, the
 * blocks become unwritten. */
static int do_convert(struct fixture *f, const struct range *r)
{
	u64 done = 0, i;
	int err;

	if (!f->pblk[r->lblk])
		return 0;
	err = (r->flags ? vexfs_ext_unwrite : vexfs_ext_convert)(&f->t, r->lblk, r->len, &done);
	if (err)
		return err;
	assert_true(done >= 1 && done <= r->len);
	for (i = r->lblk; i < r->lblk + done; i++) {
		assert_true(f->pblk[i]);
		f->unwritten[i] = r->flags != 0;
	}
	return 0;
}

static int do_unmap(struct fixture *f, const struct range *r)
{
	struct vexfs_extent gone;
	u64 last = r->lblk + r->len, i;
	int err = vexfs_ext_unmap_last(&f->t, r->lblk, last, &gone);

	if (err == -ENOENT)
		assert_true(is_hole(f, r->lblk, r->len));
	if (err)
		return err;
	assert_true(gone.lblk >= r->lblk && gone.lblk + gone.len <= last);
	assert_true(is_hole(f, gone.lblk + gone.len, last - gone.lblk - gone.len));
	for (i = 0; i < gone.len; i++) {
		assert_int_equal(f->pblk[gone.lblk + i], gone.pblk + i);
		assert_int_equal(f->unwritten[gone.lblk + i], gone.flags != 0);
		f->pblk[gone.lblk + i] = 0;
		f->unwritten[gone.lblk + i] = false;
	}
	return 0;
}

/* ---- whole blocks taken out and put in ---- */

static u64 model_end(const struct fixture *f)
{
	u64 end = BLOCKS;

	while (end && !f->pblk[end - 1])
		end--;
	return end;
}

/* Block @from, before it moved, is at @to now. */
static void model_move(struct fixture *f, const struct fixture *old, u64 from, u64 to)
{
	f->pblk[to] = old->pblk[from];
	f->unwritten[to] = old->unwritten[from];
}

static void model_shift(struct fixture *f, const struct range *r, u64 to)
{
	struct fixture *old = malloc(sizeof(*old));
	u64 i, last = r->lblk + r->len;

	assert_non_null(old);
	memcpy(old, f, sizeof(*old));
	for (i = r->lblk; i < BLOCKS; i++) {
		f->pblk[i] = 0;
		f->unwritten[i] = false;
	}
	for (i = r->lblk; i < BLOCKS; i++) {
		if (!old->pblk[i])
			continue;
		if (r->flags)
			model_move(f, old, i, i + r->len);
		else
			model_move(f, old, i, i < last ? i - r->lblk + to : i - r->len);
	}
	free(old);
}

/* With flags a hole is made, else the range is taken out. Its edges are cut before, which changes
 * nothing in the model. */
static int do_shift(struct fixture *f, const struct range *r)
{
	u64 end = model_end(f), to = end > r->lblk + r->len ? end - r->len : r->lblk;
	u32 max = (u32)le64_to_cpu(f->root.r_blocks) + 1 + 2 * (VEXFS_MAX_LEVEL + 1);
	struct vexfs_shift s = { .max_nodes = max, .max_recs = max * VEXFS_RECS_PER_NODE };
	int err;

	if ((r->flags ? end : to) + r->len > BLOCKS)
		return 0;
	err = vexfs_ext_split(&f->t, r->lblk);
	if (!err && !r->flags)
		err = vexfs_ext_split(&f->t, r->lblk + r->len);
	if (err)
		return err;
	s.node = calloc(s.max_nodes, sizeof(*s.node));
	s.rec = calloc(s.max_recs, sizeof(*s.rec));
	assert_true(s.node && s.rec);
	err = r->flags ? vexfs_ext_make_room(&f->t, &s, r->lblk, r->len) :
			 vexfs_ext_collapse(&f->t, &s, r->lblk, r->lblk + r->len, to);
	free(s.node);
	free(s.rec);
	if (err)
		return err;
	model_shift(f, r, to);
	return vexfs_ext_join(&f->t, r->lblk);
}

static void do_find(struct fixture *f, u64 lblk)
{
	struct vexfs_extent e;
	u64 i, end;

	assert_int_equal(vexfs_ext_find(&f->t, lblk, &e), 0);
	assert_true(e.lblk <= lblk && lblk < e.lblk + e.len);
	for (i = e.lblk; i < e.lblk + e.len && i < BLOCKS; i++) {
		assert_int_equal(f->pblk[i], e.pblk ? e.pblk + (i - e.lblk) : 0);
		assert_int_equal(f->unwritten[i], e.flags != 0);
	}
	if (!e.pblk) {		/* a hole goes as far as it can */
		assert_true(!e.lblk || f->pblk[e.lblk - 1]);
		assert_true(i < BLOCKS ? f->pblk[i] : e.lblk + e.len == VEXFS_MAX_LBLK);
	}
	for (i = lblk; i < BLOCKS && !f->pblk[i];)
		i++;
	assert_int_equal(vexfs_ext_next(&f->t, lblk, &e), i < BLOCKS ? 0 : -ENOENT);
	assert_int_equal(vexfs_ext_end(&f->t, &end), 0);
	assert_true(end ? f->pblk[end - 1] && is_hole(f, end, BLOCKS - end) : i == BLOCKS);
	if (i < BLOCKS)
		assert_true(e.lblk + e.len > lblk && e.lblk <= i && e.pblk);
}

/* Often where a file's last write ended, on the device as in the file. */
static void random_range(struct fixture *f, u32 blocks, u32 most, struct range *r)
{
	r->lblk = rng_below(&f->rng, blocks - 1);
	r->len = 1 + rng_below(&f->rng, most);
	if (r->len > blocks - r->lblk)
		r->len = blocks - r->lblk;
	r->flags = rng_below(&f->rng, 3) ? VEXFS_EXT_UNWRITTEN : 0;
	r->pblk = 1 + rng_below(&f->rng, DEVICE - 2 * most - 2);
	if (rng_below(&f->rng, 2))
		while (r->lblk && f->pblk[r->lblk])
			r->lblk--;
	if (r->lblk && f->pblk[r->lblk - 1] && rng_below(&f->rng, 2))
		r->pblk = f->pblk[r->lblk - 1] + 1;
	else if (f->pblk[r->lblk + r->len < BLOCKS ? r->lblk + r->len : 0] > r->len)
		r->pblk = f->pblk[r->lblk + r->len < BLOCKS ? r->lblk + r->len : 0] - r->len;
	if (r->pblk + r->len >= DEVICE)
		r->pblk = 1;
}

static int random_op(struct fixture *f, u32 what, const struct range *r)
{
	if (what < 60)
		return do_insert(f, r);
	if (what < 77)
		return do_convert(f, r);
	if (what < 80)
		return do_shift(f, r);
	return do_unmap(f, r);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void test_random(void **state)
{
	struct fixture *f = *state;
	u32 i, most = 4, records = 0, n;
	struct range r;
	int err;

	f->rng = rng_seed("extent random", 11);
	for (i = 0; i < 100000; i++) {
		if (i % 10000 == 0)
			most = 1 << rng_below(&f->rng, 7);
		random_range(f, BLOCKS, most, &r);
		err = random_op(f, rng_below(&f->rng, 100), &r);
		assert_true(!err || err == -EEXIST || err == -ENOENT);
		do_find(f, rng_below(&f->rng, BLOCKS));
		if (i % 2000 == 0) {
			n = check_map(f);
			records = n > records ? n : records;
		}
	}
	check_map(f);
	print_message("up to %u extents\n", records);
	assert_true(records > 2000);
	r.lblk = 0;
	r.len = BLOCKS;
	while (!do_unmap(f, &r))
		;
	check_map(f);
	assert_int_equal(f->m.live, 0);
}

static void test_failures(void **state)
{
	struct fixture *f = *state;
	u32 i, failed = 0, what;
	struct range r;
	long n;
	int err;

	f->rng = rng_seed("extent failures", 12);
	for (i = 0; i < 6000; i++) {
		random_range(f, 3000, 8, &r);
		what = rng_below(&f->rng, 100);
		for (n = 0; i > 3000; n++) {
			f->m.calls = 0;
			f->m.fail_at = n;
			err = random_op(f, what, &r);
			if (f->m.calls <= n)
				break;
			assert_true(err == -EIO || err == -ENOSPC);
			failed++;
			check_map(f);
		}
		f->m.fail_at = -1;
		if (i <= 3000)
			random_op(f, what, &r);
	}
	check_map(f);
	print_message("%u failures injected\n", failed);
	assert_true(failed > 3000);
}

static void test_no_space(void **state)
{
	struct fixture *f = *state;
	u32 i, full = 0;
	struct range r;

	f->rng = rng_seed("extent no space", 13);
	f->m.limit = 6;
	for (i = 0; i < 20000; i++) {
		random_range(f, BLOCKS, 6, &r);
		full += random_op(f, rng_below(&f->rng, 100), &r) == -ENOSPC;
		if (i % 1000 == 0)
			check_map(f);
	}
	assert_true(full > 100);
}

/* What is not an edge of extents, or has no room, is refused and changes nothing. */
static void check_one(struct fixture *f, u64 lblk, u64 pblk)
{
	struct vexfs_extent e;

	assert_int_equal(vexfs_ext_find(&f->t, lblk, &e), 0);
	assert_true(e.lblk == lblk && e.pblk == pblk);
}

static void test_shift_refuses(void **state)
{
	struct fixture *f = *state;
	struct vexfs_shift_node node[4];
	struct vexfs_kv rec[VEXFS_RECS_PER_ROOT];
	struct vexfs_shift s = { .node = node, .rec = rec, .max_nodes = 4, .max_recs = 2 };
	struct range a = { 10, 10, 500, 0 }, b = { 30, 10, 700, 0 }, c = { 50, 1, 100, 0 };

	assert_int_equal(do_insert(f, &a), 0);
	assert_int_equal(do_insert(f, &b), 0);
	assert_int_equal(vexfs_ext_collapse(&f->t, &s, 15, 30, 100), -EINVAL);
	assert_int_equal(vexfs_ext_collapse(&f->t, &s, 5, 35, 100), -EINVAL);
	assert_int_equal(vexfs_ext_collapse(&f->t, &s, 20, 30, 29), -EINVAL);
	assert_int_equal(vexfs_ext_collapse(&f->t, &s, 20, 20, 100), -EINVAL);
	assert_int_equal(vexfs_ext_collapse(&f->t, &s, 20, 30, VEXFS_MAX_LBLK - 9), -EINVAL);
	assert_int_equal(vexfs_ext_make_room(&f->t, &s, 15, 1), -EINVAL);
	assert_int_equal(vexfs_ext_make_room(&f->t, &s, 20, VEXFS_MAX_LBLK - 39), -EINVAL);
	assert_int_equal(do_insert(f, &c), 0);
	assert_int_equal(vexfs_ext_make_room(&f->t, &s, 5, 1), -E2BIG);
	check_map(f);
	assert_int_equal(vexfs_ext_make_room(&f->t, &s, 20, VEXFS_MAX_LBLK - 51), 0);
	check_one(f, 30 + VEXFS_MAX_LBLK - 51, 700);
}

static u32 count_records(struct fixture *f);

/* What an insert has parted, a collapse puts together; what is not adjacent, or differs, stays apart. */
static void test_join(void **state)
{
	struct fixture *f = *state;
	struct range a = { 10, 100, 500, 0 }, b = { 110, 10, 900, 0 }, c = { 120, 10, 910, VEXFS_EXT_UNWRITTEN };
	struct range at = { 0, 1, 0, 0 };
	u64 i;

	assert_int_equal(do_insert(f, &a) || do_insert(f, &b) || do_insert(f, &c), 0);
	for (i = 110; i > 11; i--) {
		at = (struct range){ i - 1, 1, 0, 1 };
		assert_int_equal(do_shift(f, &at), 0);
	}
	check_map(f);
	assert_true(count_records(f) > 100);
	for (i = 10; i < 110; i++) {
		if (i > 10) {
			at = (struct range){ i, 1, 0, 0 };
			assert_int_equal(do_shift(f, &at), 0);
		}
		check_map(f);
	}
	assert_int_equal(vexfs_ext_join(&f->t, 110) || vexfs_ext_join(&f->t, 120) || vexfs_ext_join(&f->t, 50), 0);
	assert_int_equal(vexfs_ext_join(&f->t, 0) || vexfs_ext_join(&f->t, 10) || vexfs_ext_join(&f->t, 5000), 0);
	check_map(f);
	print_message("%u extents\n", count_records(f));
	assert_true(count_records(f) <= 5);
}

/* The first keys of all leaves but the first. */
static u32 leaf_keys(struct fixture *f, struct check *c)
{
	memset(c, 0, sizeof(*c));
	c->f = f;
	assert_int_equal(vexfs_bt_walk(&f->t, check_visit, c), 0);
	return c->leaves;
}

/* A leaf all of whose records move: its bound moves, too, or an extent could reach over it. */
static void test_shift_whole_leaf(void **state)
{
	struct fixture *f = *state;
	struct check c;
	u32 i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 800; i++) {
			struct range r = { 2 * i + round * 4000, 1, 1000 + 2 * i + round * 4000, 0 };

			assert_int_equal(do_insert(f, &r), 0);
		}
		check_map(f);
		for (i = 1; i < leaf_keys(f, &c); i++) {
			struct range room = { c.leaf[i], 10, 0, 1 };
			struct range fill = { c.leaf[i] - 1, 8, 100000 + 100 * i + 10000 * round, 0 };

			assert_int_equal(do_shift(f, &room), 0);
			check_map(f);
			if (is_hole(f, fill.lblk, fill.len))
				assert_int_equal(do_insert(f, &fill), 0);
			check_map(f);
		}
		for (i = leaf_keys(f, &c) - 1; i; i--) {
			struct range out = { c.leaf[i], 7, 0, 0 };

			assert_int_equal(do_shift(f, &out), 0);
			check_map(f);
		}
	}
}

static int count_visit(void *ctx, struct vexfs_tree *t, u64 blkno, int level, const void *block)
{
	if (!level)
		*(u32 *)ctx += le16_to_cpu(((const struct vexfs_mdhdr *)block)->h_count);
	return 0;
}

static u32 count_records(struct fixture *f)
{
	u32 n = 0;

	if (!le16_to_cpu(f->root.r_level))
		return le16_to_cpu(f->root.r_count);
	assert_int_equal(vexfs_bt_walk(&f->t, count_visit, &n), 0);
	return n;
}

static void put_single(struct fixture *f, u64 lblk)
{
	struct vexfs_extent e = { lblk, 1, 1000 + lblk % 200000, 0 };

	assert_int_equal(vexfs_ext_insert(&f->t, &e), 0);
}

/* The keys of first children without meaning may be high: they must not end up above their neighbours'. */
static void test_shift_inner_keys(void **state)
{
	struct fixture *f = *state;
	struct vexfs_shift s = { .max_nodes = 1000, .max_recs = 1000 * VEXFS_RECS_PER_NODE };
	const struct vexfs_rec *root = f->root.r_recs;
	struct vexfs_extent gone;
	u64 i, first, second;
	u32 before = 0, after = 0;

	for (i = 0; i < 140000; i++)
		put_single(f, 2 * i);
	assert_int_equal(le16_to_cpu(f->root.r_level), 2);
	assert_true(le16_to_cpu(f->root.r_count) >= 3);
	first = le64_to_cpu(root[1].key);
	second = le64_to_cpu(root[2].key);
	while (!vexfs_ext_unmap_last(&f->t, 0, first, &gone))
		;
	for (i = 0; i < 600; i++)
		put_single(f, 2 * i);
	assert_int_equal(vexfs_bt_walk(&f->t, count_visit, &before), 0);
	s.node = calloc(s.max_nodes, sizeof(*s.node));
	s.rec = calloc(s.max_recs, sizeof(*s.rec));
	assert_true(s.node && s.rec);
	assert_int_equal(vexfs_ext_collapse(&f->t, &s, 600, second - 100, 400000), 0);
	assert_int_equal(vexfs_bt_walk(&f->t, count_visit, &after), 0);
	assert_int_equal(before, after);
	for (i = 0; i < 600; i += 2) {
		struct vexfs_extent e;

		assert_int_equal(vexfs_ext_find(&f->t, i, &e), 0);
		assert_int_equal(e.pblk, 1000 + i);
	}
	free(s.node);
	free(s.rec);
}

/* Write a file front to back, in pieces, as write-back does: one extent remains. */
static void test_sequential_is_one_extent(void **state)
{
	struct fixture *f = *state;
	struct range r = { 0, 1000, 500, VEXFS_EXT_UNWRITTEN };
	u64 i;

	assert_int_equal(do_insert(f, &r), 0);
	for (i = 0; i < 1000; i += 10) {
		struct range piece = { i, 10, 0, 0 };

		assert_int_equal(do_convert(f, &piece), 0);
		assert_int_equal(check_map(f), i < 990 ? 2 : 1);
	}
	for (i = 1000; i < 3000; i += 10) {
		struct range piece = { i, 10, 500 + i, 0 };

		assert_int_equal(do_insert(f, &piece), 0);
	}
	assert_int_equal(check_map(f), 1);
}

/* Three pieces out of one, and one out of three. */
static void test_convert_middle(void **state)
{
	struct fixture *f = *state;
	struct range all = { 100, 30, 5000, VEXFS_EXT_UNWRITTEN };
	struct range middle = { 110, 10, 0, 0 };
	struct range front = { 100, 30, 0, 0 };
	struct range back = { 120, 10, 0, 0 };

	assert_int_equal(do_insert(f, &all), 0);
	assert_int_equal(do_convert(f, &middle), 0);
	assert_int_equal(check_map(f), 3);
	assert_int_equal(do_convert(f, &front), 0);	/* up to the written part */
	assert_int_equal(check_map(f), 2);
	assert_int_equal(do_convert(f, &middle), 0);	/* nothing to do */
	assert_int_equal(check_map(f), 2);
	assert_int_equal(do_convert(f, &back), 0);
	assert_int_equal(check_map(f), 1);
	assert_int_equal(do_unmap(f, &middle), 0);	/* punch a hole */
	assert_int_equal(check_map(f), 2);
	middle.pblk = 5010;
	assert_int_equal(do_insert(f, &middle), 0);	/* and fill it */
	assert_int_equal(check_map(f), 1);
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	struct vexfs_extent e = { 0, VEXFS_EXT_MAX_LEN, 100, 0 }, found;
	u64 done;

	assert_int_equal(vexfs_ext_insert(&f->t, &e), 0);
	e.lblk += e.len;
	e.pblk += e.len;
	e.len = 10;
	assert_int_equal(vexfs_ext_insert(&f->t, &e), 0);	/* contiguous, but too long */
	assert_int_equal(le16_to_cpu(f->root.r_count), 2);
	assert_int_equal(vexfs_ext_insert(&f->t, &e), -EEXIST);
	e.lblk--;
	assert_int_equal(vexfs_ext_insert(&f->t, &e), -EEXIST);
	e.lblk = VEXFS_MAX_LBLK - 9;
	assert_int_equal(vexfs_ext_insert(&f->t, &e), -EINVAL);
	e.lblk = VEXFS_MAX_LBLK - 10;
	assert_int_equal(vexfs_ext_insert(&f->t, &e), 0);
	e.lblk = 1 << 20;
	e.pblk = DEVICE - 9;
	assert_int_equal(vexfs_ext_insert(&f->t, &e), -EINVAL);
	e.pblk = 0;
	assert_int_equal(vexfs_ext_insert(&f->t, &e), -EINVAL);
	e.pblk = 1;
	e.len = VEXFS_EXT_MAX_LEN + 1;
	assert_int_equal(vexfs_ext_insert(&f->t, &e), -EINVAL);
	e.len = 1;
	e.flags = VEXFS_EXT_SHARED;
	assert_int_equal(vexfs_ext_insert(&f->t, &e), -EINVAL);
	assert_int_equal(vexfs_ext_find(&f->t, VEXFS_MAX_LBLK, &found), -EINVAL);
	assert_int_equal(vexfs_ext_find(&f->t, 1 << 20, &found), 0);
	assert_int_equal(found.lblk, VEXFS_EXT_MAX_LEN + 10);
	assert_int_equal(found.lblk + found.len, VEXFS_MAX_LBLK - 10);
	assert_int_equal(vexfs_ext_next(&f->t, VEXFS_MAX_LBLK, &found), -ENOENT);
	assert_int_equal(vexfs_ext_convert(&f->t, 0, 0, &done), -EINVAL);
	assert_int_equal(f->m.reports, 0);
	f->m.damaged = true;		/* a hole that was to be written: damage */
	assert_int_equal(vexfs_ext_convert(&f->t, 1 << 20, 1, &done), -EUCLEAN);
	assert_int_equal(f->m.reports, 1);
}

static bool harmless(int err)
{
	return !err || err == -ENOENT || err == -EEXIST || err == -EUCLEAN || err == -ENOSPC;
}

static void abuse(struct fixture *f, u32 ops)
{
	struct vexfs_extent e;
	u64 done, lblk;
	u32 i;

	for (i = 0; i < ops; i++) {
		struct vexfs_extent new = { 0, 1 + i % 9, 77, 0 };

		lblk = rng_below(&f->rng, BLOCKS);
		new.lblk = lblk;
		assert_true(harmless(vexfs_ext_find(&f->t, lblk, &e)));
		assert_true(harmless(vexfs_ext_next(&f->t, lblk, &e)));
		assert_true(harmless(vexfs_ext_insert(&f->t, &new)));
		assert_true(harmless(vexfs_ext_convert(&f->t, lblk, 5, &done)));
		assert_true(harmless(vexfs_ext_unmap_last(&f->t, lblk, lblk + 7, &e)));
		assert_int_equal(memio_pinned(&f->m), 0);
	}
}

static void test_damage(void **state)
{
	struct fixture *f = *state;
	struct vexfs_btree_root root;
	u32 round, i, reports = 0;
	struct memio sound;
	struct range r;
	u64 blkno;

	f->rng = rng_seed("extent damage", 14);
	for (i = 0; i < 8000; i++) {
		random_range(f, BLOCKS, 4, &r);
		random_op(f, rng_below(&f->rng, 85), &r);
	}
	check_map(f);
	sound = f->m;
	root = f->root;
	for (round = 0; round < 150; round++) {
		memio_clone(&f->m, &sound);
		f->m.damaged = true;
		f->m.steal = round % 4 ? 0 : 200;
		for (i = 0; i < 6; i++) {
			u8 *block = memio_any(&f->m, &f->rng, &blkno);

			block[rng_below(&f->rng, VEXFS_BLOCK_SIZE)] = rng_next(&f->rng);
			block[rng_below(&f->rng, 256)] ^= 1 << round % 8;
			if (round % 3)
				vexfs_mdhdr_seal(block);
		}
		if (round % 5 == 0)
			((u8 *)&f->root)[rng_below(&f->rng, sizeof(root))] ^= 1 << round % 8;
		abuse(f, 60);
		reports += f->m.reports;
		memio_destroy(&f->m);
		f->root = root;
	}
	assert_true(reports > 100);
	f->m = sound;
}

static void test_unpack(void **state)
{
	struct vexfs_extent e = { 7, 3, 90, VEXFS_EXT_UNWRITTEN }, d;
	u64 val = vexfs_ext_pack(&e);

	assert_null(vexfs_ext_unpack(7, val, IO_OF(93), &d));
	assert_memory_equal(&d, &e, sizeof(d));
	assert_non_null(vexfs_ext_unpack(7, val, IO_OF(92), &d));
	assert_non_null(vexfs_ext_unpack(VEXFS_MAX_LBLK - 2, val, IO_OF(93), &d));
	assert_null(vexfs_ext_unpack(VEXFS_MAX_LBLK - 3, val, IO_OF(93), &d));
	assert_non_null(vexfs_ext_unpack(~0ULL, val, IO_OF(93), &d));
	assert_non_null(vexfs_ext_unpack(7, val | VEXFS_EXT_SHARED, IO_OF(93), &d));
	assert_non_null(vexfs_ext_unpack(7, 90, IO_OF(93), &d));
	e.pblk = 0;
	assert_non_null(vexfs_ext_unpack(7, vexfs_ext_pack(&e), IO_OF(93), &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shift_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_join, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shift_whole_leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shift_inner_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sequential_is_one_extent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_convert_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test(test_unpack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
