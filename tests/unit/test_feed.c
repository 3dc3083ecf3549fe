// SPDX-License-Identifier: GPL-2.0
/*
 * The change feed: its tree against a model, also when blocks run out or cannot be read; turned on and off by tune,
 * checked and made anew by fsck. That the kernel keeps it is for the guest tests feed and feedrand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/feed.h"
#include "lib/image_feed.h"
#include "tests/unit/fsck_damage.h"
#include "tests/unit/memio.h"
#include "tools/fsck/fsck.h"
#include "tools/tune/tune.h"

/* ---- the tree ---------------------------------------------------------------------- */

#define INODES	3000

static u64 number_of[INODES];
static u64 next_number;

static void same_as_model(struct vexfs_tree *t)
{
	struct vexfs_kv kv;
	u64 from = 0;
	u32 n = 0, have = 0, i;

	while (!vexfs_bt_find_ge(t, from, &kv)) {
		assert_true(kv.val < INODES && number_of[kv.val] == kv.key);
		from = kv.key + 1;
		n++;
	}
	for (i = 0; i < INODES; i++)
		have += number_of[i] != 0;
	assert_int_equal(n, have);
}

/* @to 0: the inode is deleted. Returns what the move did. */
static int move(struct vexfs_tree *t, u32 i, bool gone)
{
	u64 to = gone ? 0 : next_number;
	int err = vexfs_feed_move(t, i, number_of[i], to);

	if (err)
		return err;
	number_of[i] = to;
	next_number += !gone;
	return 0;
}

static void test_model(void **state)
{
	struct vexfs_btree_root root = { 0 };
	unsigned int seed = 5;
	struct memio m;
	struct vexfs_tree t = { .root = &root, .owner = 77, .leaf_magic = VEXFS_MAGIC_NODE };
	u64 next;
	u32 i;

	memio_init(&m, 4000);
	t.io = &m.io;
	memset(number_of, 0, sizeof(number_of));
	next_number = 1;
	for (i = 0; i < 40000; i++)
		assert_int_equal(move(&t, rand_r(&seed) % INODES, rand_r(&seed) % 8 == 0), 0);
	same_as_model(&t);
	assert_int_equal(vexfs_feed_next(&t, 3, &next), 0);
	assert_true(next > 3 && next <= next_number);
	assert_int_equal(vexfs_feed_next(&t, next_number + 9, &next), 0);
	assert_int_equal(next, next_number + 9);
	for (i = 0; i < INODES; i++)
		assert_int_equal(move(&t, i, true), 0);
	assert_int_equal(root.r_blocks, 0);
	assert_int_equal(m.live, 0);
	memio_destroy(&m);
}

/* No block, or one that cannot be read: the tree has what it had. */
static void test_failures(void **state)
{
	struct vexfs_btree_root root = { 0 }, was;
	struct memio m, copy;
	struct vexfs_tree t = { .root = &root, .owner = 77, .leaf_magic = VEXFS_MAGIC_NODE };
	unsigned int seed = 6, failed = 0;
	long n;
	u32 i;

	memio_init(&m, 4000);
	t.io = &m.io;
	memset(number_of, 0, sizeof(number_of));
	next_number = 1;
	for (i = 0; i < 1500; i++)
		assert_int_equal(move(&t, rand_r(&seed) % INODES, false), 0);
	for (i = 0; i < 120; i++) {
		for (n = 0;; n++) {
			memio_clone(&copy, &m);
			was = root;
			t.io = &copy.io;
			copy.calls = 0;
			copy.fail_at = n;
			if (!move(&t, i, i % 4 == 0))
				break;
			failed++;
			copy.fail_at = -1;
			same_as_model(&t);
			root = was;
			memio_destroy(&copy);
		}
		copy.fail_at = -1;
		same_as_model(&t);
		memio_destroy(&m);
		m = copy;
		t.io = &m.io;
	}
	print_message("%u failures injected\n", failed);
	assert_true(failed > 120);
	memio_destroy(&m);
}

static void test_full(void **state)
{
	struct vexfs_btree_root root = { 0 };
	struct memio m;
	struct vexfs_tree t = { .root = &root, .owner = 77, .leaf_magic = VEXFS_MAGIC_NODE };
	u32 i;

	memio_init(&m, 4000);
	t.io = &m.io;
	m.limit = 1;
	memset(number_of, 0, sizeof(number_of));
	next_number = 1;
	for (i = 0; !move(&t, i, false); i++)
		;
	assert_true(i >= 200 && i < 300);
	same_as_model(&t);
	/* Who leaves needs nothing. */
	while (i--)
		assert_int_equal(move(&t, i, true), 0);
	memio_destroy(&m);
}

/* An inode says that it has a number which is another's. */
static void test_lie(void **state)
{
	struct vexfs_btree_root root = { 0 };
	struct memio m;
	struct vexfs_tree t = { .root = &root, .owner = 77, .leaf_magic = VEXFS_MAGIC_NODE };
	struct vexfs_kv kv;

	memio_init(&m, 4000);
	t.io = &m.io;
	assert_int_equal(vexfs_feed_move(&t, 12, 0, 1), 0);
	assert_int_equal(vexfs_feed_move(&t, 13, 1, 2), -EUCLEAN);
	assert_int_equal(vexfs_feed_move(&t, 13, 0, 1), -EUCLEAN);
	assert_int_equal(vexfs_feed_move(&t, 13, 9, 0), -EUCLEAN);
	assert_int_equal(m.reports, 3);
	assert_int_equal(vexfs_bt_find_le(&t, 100, &kv), 0);
	assert_true(kv.key == 1 && kv.val == 12);
	memio_destroy(&m);
}

/* ---- in a filesystem ------------------------------------------------------------------ */

static void number(struct fixture *x, struct vexfs_inode *feed, u64 ino, u64 n)
{
	struct vexfs_tree t = vexfs_image_feed_tree(&x->ib.img, feed);

	EDIT_INODE(x, ino, di.i_change_epoch = cpu_to_le64(n));
	assert_int_equal(vexfs_bt_insert(&t, n, ino), 0);
}

/* The filesystem of fsck's tests, with a feed of a few hundred numbers, so that the tree has blocks. */
static void with_feed(struct fixture *x)
{
	struct vexfs_inode feed;
	u64 ino, n = 5;

	fixture_make(x);
	assert_int_equal(vexfs_image_feed_on(&x->ib.img, 4711, 1000), 0);
	ino = le64_to_cpu(x->ib.img.sb.s_change_ino);
	EDIT_SUPER(x, sb->s_feature_ro_compat = x->ib.img.sb.s_feature_ro_compat;
		   sb->s_change_ino = cpu_to_le64(ino); sb->s_change_epoch = cpu_to_le64(7));
	x->ib.img.sb.s_change_epoch = cpu_to_le64(7);
	feed = ib_get_inode(&x->ib, ino);
	number(x, &feed, x->file, n++);
	number(x, &feed, x->big, n++);
	number(x, &feed, x->frag, n++);
	number(x, &feed, x->linked, n++);
	number(x, &feed, x->many, n++);
	number(x, &feed, x->unwritten, n++);
	number(x, &feed, x->dir, n++);
	number(x, &feed, x->sub, n++);
	number(x, &feed, VEXFS_ROOT_INO, n++);
	feed.i_blocks = feed.i_root.r_blocks;
	ib_put_inode(&x->ib, ino, &feed);
}

static void expect(struct ib *ib, const char *opt, int code, const char *text)
{
	char *argv[] = { "fsck.vexfs", (char *)opt, ib->path, NULL }, *out;
	int ret = run_captured(fsck_main, argv, &out);

	if (ret != code || !strstr(out, text))
		fail_msg("%s: expected exit code %d and '%s', got %d and:\n%s", opt, code, text, ret, out);
	free(out);
}

static u64 feed_of(struct fixture *x)
{
	return le64_to_cpu(x->ib.img.sb.s_change_ino);
}

static void epoch(struct fixture *x)
{
	EDIT_SUPER(x, sb->s_change_epoch = 0);
}

static void no_inode(struct fixture *x)
{
	EDIT_SUPER(x, sb->s_change_ino = cpu_to_le64(99999999));
}

static void visible(struct fixture *x)
{
	EDIT_SUPER(x, sb->s_change_ino = cpu_to_le64(x->file));
}

static void cleared(struct fixture *x)
{
	EDIT_BLOCK(x, vexfs_ino_block(&x->ib.img.geo, feed_of(x)), false,
		   memset(p + vexfs_ino_offset(&x->ib.img.geo, feed_of(x)), 0, VEXFS_INODE_SIZE));
}

static void bad_inode(struct fixture *x)
{
	EDIT_BLOCK(x, vexfs_ino_block(&x->ib.img.geo, feed_of(x)), false,
		   p[vexfs_ino_offset(&x->ib.img.geo, feed_of(x)) + 50] ^= 1);
}

static void block(struct fixture *x)
{
	EDIT_BLOCK(x, first_node(x, feed_of(x)), false, p[100] ^= 1);
}

static void blocks(struct fixture *x)
{
	EDIT_INODE(x, feed_of(x), di.i_blocks = cpu_to_le64(3));
}

static void size(struct fixture *x)
{
	EDIT_INODE(x, feed_of(x), di.i_size = cpu_to_le64(4096));
}

static void impossible(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_change_epoch = cpu_to_le64(VEXFS_CHANGE_MAX));
}

static void of_symlink(struct fixture *x)
{
	EDIT_INODE(x, x->symlink, di.i_change_epoch = cpu_to_le64(1));
}

static void unrecorded(struct fixture *x)
{
	EDIT_INODE(x, x->chain ? x->chain : x->file, di.i_change_epoch = cpu_to_le64(50));
}

static void stray(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_change_epoch = 0);
}

static void twice(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_change_epoch = cpu_to_le64(6));
}

static const struct {
	const char *name;
	void (*make)(struct fixture *x);
	const char *text;
} cases[] = {
	{ "epoch", epoch, "V1301: change feed: impossible change epoch" },
	{ "no inode", no_inode, "V1302: change feed: inode 99999999 is free or damaged" },
	{ "visible", visible, "V1302: change feed: inode" },
	{ "cleared", cleared, "V1302: change feed: inode" },
	{ "bad inode", bad_inode, "V1302: change feed: inode" },
	{ "block", block, "V1303: change tree: block" },
	{ "blocks", blocks, "V1304: change tree has 1 blocks, its inode says 3" },
	{ "size", size, "V1304" },
	{ "impossible", impossible, "impossible change number 4611686018427387904" },
	{ "symlink", of_symlink, "V1305" },
	{ "unrecorded", unrecorded, "V1306" },
	{ "stray", stray, "V1307: change tree: number 5 is of inode" },
	{ "twice", twice, "V1306" },
};

/* After a repair tree and inodes agree, and old marks are refused: another generation, and an epoch above all. */
static void check_repaired(struct fixture *x)
{
	struct vexfs_inode feed;
	struct vexfs_tree t;
	struct vexfs_kv kv;
	u64 from = 0, epoch, n = 0;

	ib_open(&x->ib);
	feed = ib_get_inode(&x->ib, feed_of(x));
	epoch = le64_to_cpu(x->ib.img.sb.s_change_epoch);
	assert_int_not_equal(le32_to_cpu(feed.i_generation), 4711);
	t = vexfs_image_feed_tree(&x->ib.img, &feed);
	for (; !vexfs_bt_find_ge(&t, from, &kv); n++) {
		struct vexfs_inode di = ib_get_inode(&x->ib, kv.val);

		assert_int_equal(le64_to_cpu(di.i_change_epoch), kv.key);
		assert_true(kv.key < epoch);
		from = kv.key + 1;
	}
	assert_true(n >= 6);
	ib_close(&x->ib);
}

static void test_damage(void **state)
{
	struct fixture x;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("%s\n", cases[i].name);
		with_feed(&x);
		cases[i].make(&x);
		ib_close(&x.ib);
		expect(&x.ib, "-n", FSCK_ERRORS, cases[i].text);
		expect(&x.ib, "-y", FSCK_CORRECTED, "change feed made anew from the inodes");
		expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
		check_repaired(&x);
		ib_remove(&x.ib);
	}
}

static void tune(struct ib *ib, const char *feature)
{
	char *argv[] = { "tune.vexfs", "-O", (char *)feature, ib->path, NULL }, *out;

	assert_int_equal(run_captured(tune_main, argv, &out), 0);
	free(out);
}

static void test_on_off(void **state)
{
	struct vexfs_inode di;
	struct fixture x;
	u32 i;

	with_feed(&x);
	ib_close(&x.ib);
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	tune(&x.ib, "change_feed");		/* which it has: nothing changes */
	for (i = 0; i < 2; i++) {
		tune(&x.ib, "^change_feed");
		expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
		ib_open(&x.ib);
		assert_int_equal(x.ib.img.sb.s_change_ino, 0);
		assert_int_equal(x.ib.img.sb.s_change_epoch, 0);
		di = ib_get_inode(&x.ib, x.file);
		assert_int_equal(di.i_change_epoch, 0);
		ib_close(&x.ib);
		tune(&x.ib, "change_feed");
		expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	}
	ib_open(&x.ib);
	assert_int_equal(le64_to_cpu(x.ib.img.sb.s_change_epoch), 1);
	ib_close(&x.ib);
	ib_remove(&x.ib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_lie),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_on_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
