// SPDX-License-Identifier: GPL-2.0
/* B+trees against a sorted array, with every failure and with damage. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "memio.h"

#define OWNER	77
#define SLOTS	40000U		/* keys that the model knows */
#define STRIDE	16U		/* between them */

/**
 * struct fixture - a tree, its device and what it ought to hold
 * @has, @val: by slot; the key of slot s is s * STRIDE
 */
struct fixture {
	struct memio m;
	struct vexfs_btree_root root;
	struct vexfs_tree t;
	bool has[SLOTS];
	u64 val[SLOTS];
	u64 rng;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memio_init(&f->m, 1 << 14);
	f->t.io = &f->m.io;
	f->t.root = &f->root;
	f->t.owner = OWNER;
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

/* ---- comparing the tree with the model ------------------------------------------ */

/**
 * struct check - one walk
 * @slot:   next slot the tree may show
 * @blocks: seen
 * @keys:   of the level 1 node (or root) just visited: the first keys of the leaves
 *	    that follow
 */
struct check {
	struct fixture *f;
	u32 slot, blocks;
	u64 keys[VEXFS_RECS_PER_NODE];
	u32 nkeys, leaf;
	bool leftmost;
};

static const struct vexfs_rec *recs_of(struct vexfs_tree *t, const void *block, u32 *count)
{
	const struct vexfs_mdhdr *h = block;

	if (!block) {
		*count = le16_to_cpu(t->root->r_count);
		return t->root->r_recs;
	}
	*count = le16_to_cpu(h->h_count);
	return (const void *)((const u8 *)block + VEXFS_MDHDR_SIZE);
}

static void check_leaf(struct check *c, const struct vexfs_rec *rec, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++, c->slot++) {
		while (c->slot < SLOTS && !c->f->has[c->slot])
			c->slot++;
		assert_true(c->slot < SLOTS);
		assert_int_equal(le64_to_cpu(rec[i].key), (u64)c->slot * STRIDE);
		assert_int_equal(le64_to_cpu(rec[i].val), c->f->val[c->slot]);
	}
}

static int check_visit(void *ctx, struct vexfs_tree *t, u64 blkno, int level, const void *block)
{
	struct check *c = ctx;
	u32 count, i;
	const struct vexfs_rec *rec = recs_of(t, block, &count);

	c->blocks += block != NULL;
	if (level == 1) {
		c->nkeys = count;
		c->leaf = 0;
		for (i = 0; i < count; i++)
			c->keys[i] = le64_to_cpu(rec[i].key);
	}
	if (level)
		return 0;
	/* A leaf begins with its key above, but for the leftmost. */
	if (block && !c->leftmost)
		assert_int_equal(le64_to_cpu(rec[0].key), c->keys[c->leaf]);
	c->leftmost = false;
	c->leaf++;
	check_leaf(c, rec, count);
	return 0;
}

static void check_tree(struct fixture *f)
{
	struct check c = { .f = f, .leftmost = true };
	long calls = f->m.calls, fail_at = f->m.fail_at;

	f->m.fail_at = -1;
	assert_int_equal(memio_pinned(&f->m), 0);
	assert_int_equal(vexfs_bt_walk(&f->t, check_visit, &c), 0);
	while (c.slot < SLOTS && !f->has[c.slot])
		c.slot++;
	assert_int_equal(c.slot, SLOTS);
	assert_int_equal(c.blocks, le64_to_cpu(f->root.r_blocks));
	assert_int_equal(c.blocks, f->m.live);
	assert_int_equal(f->m.reports, 0);
	f->m.calls = calls;
	f->m.fail_at = fail_at;
}

/* ---- operations on both --------------------------------------------------------------- */

static int do_insert(struct fixture *f, u32 slot, u64 val)
{
	int err = vexfs_bt_insert(&f->t, (u64)slot * STRIDE, val);

	if (f->has[slot])
		assert_true(err == -EEXIST || f->m.fail_at >= 0);
	if (!err) {
		assert_false(f->has[slot]);
		f->has[slot] = true;
		f->val[slot] = val;
	}
	return err;
}

static int do_update(struct fixture *f, u32 slot, u64 val)
{
	int err = vexfs_bt_update(&f->t, (u64)slot * STRIDE, val);

	if (!err) {
		assert_true(f->has[slot]);
		f->val[slot] = val;
	} else if (f->m.fail_at < 0) {
		assert_int_equal(err, -ENOENT);
		assert_false(f->has[slot]);
	}
	return err;
}

static int do_delete(struct fixture *f, u32 slot)
{
	int err = vexfs_bt_delete(&f->t, (u64)slot * STRIDE);

	if (!err) {
		assert_true(f->has[slot]);
		f->has[slot] = false;
	} else if (f->m.fail_at < 0) {
		assert_int_equal(err, -ENOENT);
		assert_false(f->has[slot]);
	}
	return err;
}

/* Find around @key, which need not be a multiple of STRIDE. */
static int do_find(struct fixture *f, u64 key)
{
	u32 le = key / STRIDE, ge = (key + STRIDE - 1) / STRIDE;
	struct vexfs_kv kv;
	int err = vexfs_bt_find_le(&f->t, key, &kv);

	while (le && !f->has[le])
		le--;
	assert_int_equal(err, f->has[le] ? 0 : -ENOENT);
	if (!err) {
		assert_int_equal(kv.key, (u64)le * STRIDE);
		assert_int_equal(kv.val, f->val[le]);
	}
	err = vexfs_bt_find_ge(&f->t, key, &kv);
	while (ge < SLOTS && !f->has[ge])
		ge++;
	assert_int_equal(err, ge < SLOTS ? 0 : -ENOENT);
	if (!err) {
		assert_int_equal(kv.key, (u64)ge * STRIDE);
		assert_int_equal(kv.val, f->val[ge]);
	}
	return err;
}

/* @grow: chance of an insert in percent of inserts and deletes. */
static int random_op(struct fixture *f, u32 slots, u32 grow)
{
	u32 slot = rng_below(&f->rng, slots);
	u32 what = rng_below(&f->rng, 100);

	if (what < 10)
		return do_find(f, rng_below(&f->rng, (u64)(slots - 1) * STRIDE));
	if (what < 20)
		return do_update(f, slot, rng_next(&f->rng));
	if (rng_below(&f->rng, 100) < grow)
		return do_insert(f, slot, rng_next(&f->rng));
	return do_delete(f, slot);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void test_random(void **state)
{
	static const u32 grow[] = { 90, 50, 10, 95, 60, 0 };
	struct fixture *f = *state;
	u32 i, phase;

	f->rng = rng_seed("btree random", 1);
	for (phase = 0; phase < ARRAY_SIZE(grow); phase++)
		for (i = 0; i < 20000; i++) {
			random_op(f, SLOTS, grow[phase]);
			if (i % 2000 == 0)
				check_tree(f);
		}
	check_tree(f);
	for (i = 0; i < SLOTS; i++)
		if (f->has[i])
			do_delete(f, i);
	check_tree(f);
	assert_int_equal(f->root.r_level, 0);
	assert_int_equal(f->m.live, 0);
}

/* Ascending inserts leave full nodes behind: so many blocks and no more. */
static void test_ascending(void **state)
{
	struct fixture *f = *state;
	u32 i;

	for (i = 0; i < SLOTS; i++)
		assert_int_equal(do_insert(f, i, i), 0);
	check_tree(f);
	assert_true(f->m.live <= SLOTS / VEXFS_RECS_PER_NODE + 4);
	for (i = SLOTS; i-- > 0;)
		assert_int_equal(do_delete(f, i), 0);
	check_tree(f);
	assert_int_equal(f->m.live, 0);
}

static void test_descending(void **state)
{
	struct fixture *f = *state;
	u32 i;

	for (i = SLOTS; i-- > 0;)
		assert_int_equal(do_insert(f, i, i), 0);
	check_tree(f);
	/* From the front: every leaf, and every first child, goes in turn. */
	for (i = 0; i < SLOTS; i++) {
		assert_int_equal(do_delete(f, i), 0);
		if (i % 3000 == 0)
			check_tree(f);
	}
	assert_int_equal(f->m.live, 0);
}

static void test_root_shrinks(void **state)
{
	struct fixture *f = *state;
	u32 i;

	for (i = 0; i < 9; i++)
		assert_int_equal(do_insert(f, i, i), 0);
	assert_int_equal(le16_to_cpu(f->root.r_level), 1);
	for (i = 0; i < 5; i++)
		assert_int_equal(do_delete(f, i), 0);
	assert_int_equal(le16_to_cpu(f->root.r_level), 0);
	assert_int_equal(f->m.live, 0);
	check_tree(f);
}

static void test_key_limits(void **state)
{
	struct fixture *f = *state;
	struct vexfs_kv kv;

	assert_int_equal(vexfs_bt_insert(&f->t, ~0ULL, 1), -EINVAL);
	assert_int_equal(vexfs_bt_find_le(&f->t, ~0ULL, &kv), -ENOENT);
	assert_int_equal(vexfs_bt_insert(&f->t, ~0ULL - 1, 5), 0);
	assert_int_equal(vexfs_bt_find_le(&f->t, ~0ULL, &kv), 0);
	assert_int_equal(kv.val, 5);
	assert_int_equal(vexfs_bt_find_ge(&f->t, ~0ULL, &kv), -ENOENT);
	assert_int_equal(vexfs_bt_find_ge(&f->t, 0, &kv), 0);
	assert_int_equal(vexfs_bt_delete(&f->t, ~0ULL - 1), 0);
	assert_int_equal(vexfs_bt_delete(&f->t, ~0ULL - 1), -ENOENT);
}

/* Fail each read, modify and alloc of each operation in turn. */
static void test_failures(void **state)
{
	struct fixture *f = *state;
	u32 i, failed = 0;

	f->rng = rng_seed("btree failures", 2);
	for (i = 0; i < 1500; i++)
		do_insert(f, rng_below(&f->rng, 4000), i);
	for (i = 0; i < 2500; i++) {
		u32 slot = rng_below(&f->rng, 4000), what = rng_below(&f->rng, 5);
		u32 grow = i < 1200 ? 1 : 3;
		long n;
		int err;

		for (n = 0;; n++) {
			f->m.calls = 0;
			f->m.fail_at = n;
			err = what > grow ? do_insert(f, slot, i) :
			      what ? do_delete(f, slot) : do_update(f, slot, i);
			if (f->m.calls <= n)
				break;		/* got through without the failure */
			assert_true(err == -EIO || err == -ENOSPC);
			failed++;
			check_tree(f);
		}
		f->m.fail_at = -1;
		assert_true(!err || err == -EEXIST || err == -ENOENT);
		if (!err && i % 16 == 0)
			check_tree(f);
	}
	print_message("%u failures injected\n", failed);
	assert_true(failed > 3000);
}

/* A device without room: every operation works or says so, the tree is right. */
static void test_no_space(void **state)
{
	struct fixture *f = *state;
	u32 i, full = 0;

	f->rng = rng_seed("btree no space", 3);
	f->m.limit = 40;
	for (i = 0; i < 20000; i++) {
		full += random_op(f, SLOTS, 75) == -ENOSPC;
		if (i % 1000 == 0)
			check_tree(f);
	}
	assert_true(full > 100);
}

/* ---- a tall tree: all nodes on one path full ------------------------------------------- */

struct built {
	struct fixture *f;
	u32 records;
};

static void set_rec(struct vexfs_rec *rec, u64 key, u64 val)
{
	rec->key = cpu_to_le64(key);
	rec->val = cpu_to_le64(val);
}

/* A node for keys from @lo on, @span of them; the @full one has no room anywhere on
 * the path through its middle, the others hold one record. (Recursion: a test may.) */
static u64 build_node(struct built *b, int level, u64 lo, u64 span, bool full)
{
	u32 count = full ? VEXFS_RECS_PER_NODE : 1, i;
	u64 step = span / VEXFS_RECS_PER_NODE, blkno;
	u8 *block = memio_raw_alloc(&b->f->m, VEXFS_MAGIC_NODE, OWNER, &blkno);
	struct vexfs_rec *rec = (void *)(block + VEXFS_MDHDR_SIZE);
	struct vexfs_mdhdr *h = (void *)block;

	for (i = 0; i < count; i++) {
		u64 key = lo + i * step;

		if (level)
			set_rec(&rec[i], key, build_node(b, level - 1, key, step,
							 full && i == count / 2));
		else
			set_rec(&rec[i], key, ++b->records);
	}
	h->h_level = cpu_to_le16(level);
	h->h_count = cpu_to_le16(count);
	vexfs_mdhdr_seal(block);
	return blkno;
}

/* A full root of level @level; returns a key that belongs into the full leaf. */
static u64 build_tall(struct built *b, int level)
{
	struct vexfs_btree_root *root = &b->f->root;
	u64 span = (1ULL << 62) / VEXFS_RECS_PER_ROOT, key = 4 * span;
	int l;
	u32 i;

	for (i = 0; i < VEXFS_RECS_PER_ROOT; i++)
		set_rec(&root->r_recs[i], i * span,
			build_node(b, level - 1, i * span, span, i == 4));
	root->r_level = cpu_to_le16(level);
	root->r_count = cpu_to_le16(VEXFS_RECS_PER_ROOT);
	root->r_blocks = cpu_to_le64(b->f->m.live);
	for (l = level - 1; l >= 0; l--) {
		span /= VEXFS_RECS_PER_NODE;
		key += VEXFS_RECS_PER_NODE / 2 * span;
	}
	return key + 1;
}

struct tally {
	u64 last;
	u32 records, blocks;
};

static int tally_visit(void *ctx, struct vexfs_tree *t, u64 blkno, int level, const void *block)
{
	struct tally *c = ctx;
	u32 count, i;
	const struct vexfs_rec *rec = recs_of(t, block, &count);

	c->blocks += block != NULL;
	for (i = 0; !level && i < count; i++, c->records++) {
		assert_true(!c->records || le64_to_cpu(rec[i].key) > c->last);
		c->last = le64_to_cpu(rec[i].key);
	}
	return 0;
}

static void check_tall(struct fixture *f, u32 records, int level)
{
	struct tally c = { 0 };

	f->m.fail_at = -1;
	assert_int_equal(vexfs_bt_walk(&f->t, tally_visit, &c), 0);
	assert_int_equal(memio_pinned(&f->m), 0);
	assert_int_equal(c.records, records);
	assert_int_equal(c.blocks, f->m.live);
	assert_int_equal(c.blocks, le64_to_cpu(f->root.r_blocks));
	assert_int_equal(le16_to_cpu(f->root.r_level), level);
}

static void test_split_all_levels(void **state)
{
	struct fixture *f = *state;
	struct built b = { .f = f };
	u64 key = build_tall(&b, 5);
	u64 live = f->m.live;
	u32 credits = vexfs_bt_credits(&f->root);
	struct vexfs_kv kv;
	long n;
	int err;

	check_tall(f, b.records, 5);
	for (n = 0;; n++) {
		f->m.calls = 0;
		f->m.fail_at = n;
		err = vexfs_bt_insert(&f->t, key, 4711);
		if (f->m.calls <= n)
			break;
		assert_true(err == -EIO || err == -ENOSPC);
		check_tall(f, b.records, 5);
	}
	assert_int_equal(err, 0);
	assert_int_equal(n, 5 + 6 + 5);		/* reads, allocations, modifications */
	assert_int_equal(f->m.live, live + 6);
	assert_int_equal(n - 5, credits);	/* ... all but the reads */
	check_tall(f, b.records + 1, 6);
	assert_int_equal(vexfs_bt_find_le(&f->t, key, &kv), 0);
	assert_int_equal(kv.val, 4711);
}

static void test_highest_tree(void **state)
{
	struct fixture *f = *state;
	struct built b = { .f = f };
	u64 key = build_tall(&b, VEXFS_MAX_LEVEL);

	assert_int_equal(vexfs_bt_insert(&f->t, key, 1), -ENOSPC);
	check_tall(f, b.records, VEXFS_MAX_LEVEL);
	assert_int_equal(vexfs_bt_delete(&f->t, key - 1), 0);
	assert_int_equal(vexfs_bt_insert(&f->t, key, 1), 0);
	check_tall(f, b.records, VEXFS_MAX_LEVEL);
}

/* Chains of single records: deleting one frees the whole chain. */
static void test_cut_chain(void **state)
{
	struct fixture *f = *state;
	struct built b = { .f = f };
	u64 live;
	long n;
	int err;

	build_tall(&b, 5);
	live = f->m.live;
	for (n = 0;; n++) {
		f->m.calls = 0;
		f->m.fail_at = n;
		err = vexfs_bt_delete(&f->t, 0);	/* the leftmost */
		if (f->m.calls <= n)
			break;
		assert_int_equal(err, -EIO);
		check_tall(f, b.records, 5);
	}
	assert_int_equal(err, 0);
	assert_int_equal(f->m.live, live - 5);
	check_tall(f, b.records - 1, 5);
}

/* ---- damage -------------------------------------------------------------------------------- */

static void damage(struct fixture *f, bool reseal)
{
	u64 blkno;
	u8 *block = memio_any(&f->m, &f->rng, &blkno);
	u32 i, n = 1 + rng_below(&f->rng, 4);
	/* Half of the hits near the header, where the counts are. */
	u32 span = rng_below(&f->rng, 2) ? 128 : VEXFS_BLOCK_SIZE;

	if (!block)
		return;
	for (i = 0; i < n; i++)
		block[rng_below(&f->rng, span)] = rng_next(&f->rng);
	if (reseal)
		vexfs_mdhdr_seal(block);
}

static bool harmless(int err)
{
	return !err || err == -ENOENT || err == -EEXIST || err == -EUCLEAN || err == -ENOSPC;
}

static int any_visit(void *ctx, struct vexfs_tree *t, u64 blkno, int level, const void *block)
{
	(*(u32 *)ctx)++;
	return 0;
}

static void abuse(struct fixture *f, u32 ops)
{
	u32 i, seen = 0;
	struct vexfs_kv kv;

	for (i = 0; i < ops; i++) {
		u64 key = rng_below(&f->rng, (u64)SLOTS * STRIDE);

		assert_true(harmless(vexfs_bt_find_le(&f->t, key, &kv)));
		assert_true(harmless(vexfs_bt_find_ge(&f->t, key, &kv)));
		assert_true(harmless(vexfs_bt_insert(&f->t, key, i)));
		assert_true(harmless(vexfs_bt_update(&f->t, key, i)));
		assert_true(harmless(vexfs_bt_delete(&f->t, key / STRIDE * STRIDE)));
		assert_int_equal(memio_pinned(&f->m), 0);
	}
	assert_true(harmless(vexfs_bt_walk(&f->t, any_visit, &seen)));
	assert_true(seen <= f->m.io.nblocks + 1);
}

/* Random bytes in random blocks, seen by the checksum or not. */
static void test_damage(void **state)
{
	struct fixture *f = *state;
	struct vexfs_btree_root root;
	u32 round, i, reports = 0;
	struct memio sound;

	f->rng = rng_seed("btree damage", 4);
	for (i = 0; i < 6000; i++)
		do_insert(f, rng_below(&f->rng, SLOTS), i);
	sound = f->m;
	root = f->root;
	for (round = 0; round < 250; round++) {
		memio_clone(&f->m, &sound);
		f->m.damaged = true;
		f->m.steal = round % 3 ? 0 : 200;
		f->m.steal_rng = round;
		for (i = 0; i < 1 + round % 5; i++)
			damage(f, round % 2);
		if (round % 7 == 0)
			((u8 *)&f->root)[rng_below(&f->rng, sizeof(f->root))] ^= 1 << round % 8;
		abuse(f, 40);
		reports += f->m.reports;
		memio_destroy(&f->m);
		f->root = root;
	}
	assert_true(reports > 100);
	f->m = sound;
	f->m.reports = 0;
	check_tree(f);
}

/* Each structural rule is noticed, with the checksum right. */
static void test_verifiers(void **state)
{
	u8 block[VEXFS_BLOCK_SIZE] __attribute__((aligned(8))) = { 0 };
	struct vexfs_mdhdr *h = (void *)block;
	struct vexfs_rec *rec = (void *)(block + VEXFS_MDHDR_SIZE);
	struct vexfs_btree_root root = { 0 };

	h->h_count = cpu_to_le16(2);
	h->h_level = cpu_to_le16(1);
	set_rec(&rec[0], 10, 5);
	set_rec(&rec[1], 20, 6);
	assert_null(vexfs_node_verify(block, 1, 10, 21, 7));
	assert_non_null(vexfs_node_verify(block, 0, 10, 21, 7));
	assert_non_null(vexfs_node_verify(block, 1, 11, 21, 7));
	assert_non_null(vexfs_node_verify(block, 1, 10, 20, 7));
	assert_non_null(vexfs_node_verify(block, 1, 10, 21, 6));
	set_rec(&rec[1], 10, 6);
	assert_non_null(vexfs_node_verify(block, 1, 10, 21, 7));
	set_rec(&rec[1], 20, 0);
	assert_non_null(vexfs_node_verify(block, 1, 10, 21, 7));
	h->h_level = 0;
	assert_null(vexfs_node_verify(block, 0, 10, 21, 7));
	h->h_count = 0;
	assert_non_null(vexfs_node_verify(block, 0, 10, 21, 7));
	h->h_count = cpu_to_le16(VEXFS_RECS_PER_NODE + 1);
	assert_non_null(vexfs_node_verify(block, 0, 10, 21, 7));

	assert_null(vexfs_root_verify(&root, false, 100));
	root.r_blocks = cpu_to_le64(1);
	assert_non_null(vexfs_root_verify(&root, false, 100));
	root.r_level = cpu_to_le16(1);
	assert_non_null(vexfs_root_verify(&root, false, 100));	/* no child */
	root.r_count = cpu_to_le16(1);
	set_rec(&root.r_recs[0], 0, 99);
	assert_null(vexfs_root_verify(&root, false, 100));
	assert_null(vexfs_root_verify(&root, true, 100));
	assert_non_null(vexfs_root_verify(&root, true, 99));
	root.r_count = cpu_to_le16(VEXFS_RECS_PER_ROOT + 1);
	assert_non_null(vexfs_root_verify(&root, false, 100));
	root.r_count = cpu_to_le16(1);
	root.r_level = cpu_to_le16(VEXFS_MAX_LEVEL + 1);
	assert_non_null(vexfs_root_verify(&root, false, 100));
	root.r_level = cpu_to_le16(2);
	assert_non_null(vexfs_root_verify(&root, false, 100));	/* blocks < level */
	root.r_level = 0;
	root.r_blocks = 0;
	assert_null(vexfs_root_verify(&root, false, 100));
	assert_non_null(vexfs_root_verify(&root, true, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ascending, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descending, setup, teardown),
		cmocka_unit_test_setup_teardown(test_root_shrinks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_all_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_highest_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test(test_verifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
