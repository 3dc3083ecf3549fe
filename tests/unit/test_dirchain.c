// SPDX-License-Identifier: GPL-2.0
/*
 * More names of one hash than a leaf holds. The tests of the tree choose the hashes
 * themselves, so names collide as they want.
 */
#include "dirmodel.h"

static u32 chain_blocks(struct fixture *f)
{
	u32 n = 0;
	u64 b;

	for (b = 0; b < f->m.io.nblocks; b++)
		n += f->m.block[b] && ((struct vexfs_mdhdr *)f->m.block[b])->h_magic ==
				      cpu_to_le32(VEXFS_MAGIC_CHAIN);
	return n;
}

/* More names of one hash than a leaf holds go into a chain. */
static void test_one_hash_fills_leaf(void **state)
{
	struct fixture *f = *state;
	const u32 names = NAMES / 4;
	u64 bytes = 0;
	u32 i;

	start(f, "dir full hash", 23, 3);
	for (i = 0; i < names; i++) {
		assert_int_equal(do_add(f, &f->name[i]), 0);
		assert_int_equal(do_add(f, &f->name[i]), -EEXIST);
		bytes += VEXFS_DIRENT_SIZE(f->name[i].len);
		if (i % 500 == 0)
			check_dir(f);
	}
	check_dir(f);
	assert_int_equal(chain_blocks(f), f->m.live - 3);
	assert_true(f->m.live * (VEXFS_MD_SPACE - 300) < bytes);	/* none is wasted */
	for (i = 0; i < NAMES; i++)
		do_lookup(f, &f->name[i]);
	for (i = 0; i < names; i += 3)
		assert_int_equal(do_replace(f, &f->name[i]), 0);
	check_dir(f);
	for (i = 0; i < names; i++) {
		assert_int_equal(do_remove(f, &f->name[(i * 7) % names]), 0);
		assert_int_equal(do_remove(f, &f->name[(i * 7) % names]), -ENOENT);
		if (i % 500 == 0)
			check_dir(f);
	}
	assert_int_equal(f->m.live, 0);
}

/* Everything at random with a handful of hashes: chains begin, grow, shrink and end, between leaves
 * that split and join. */
static void test_chains(void **state)
{
	struct fixture *f = *state;

	start(f, "dir chains", 27, 12);
	random_ops(f, 24000);
	start(f, "dir chains and others", 28, 0);
	for (u32 i = 0; i < NAMES; i += 2)
		f->name[i].hash = f->name[i % 20].hash;
	random_ops(f, 24000);
}

/* A chain is as short as what is in it: one that lost most of its names loses its blocks. */
static void test_chain_shrinks(void **state)
{
	struct fixture *f = *state;
	u32 i, full;

	start(f, "dir chain shrinks", 29, 1);
	for (i = 0; i < 2000; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	full = chain_blocks(f);
	for (i = 0; i < 2000; i++)
		if (i % 16)
			assert_int_equal(do_remove(f, &f->name[i]), 0);
	check_dir(f);
	print_message("%u blocks of a chain, %u with a sixteenth of the names\n", full, chain_blocks(f));
	assert_true(chain_blocks(f) <= full / 6);
	for (i = 0; i < 2000; i += 16)
		assert_int_equal(do_remove(f, &f->name[i]), 0);
	assert_int_equal(f->m.live, 0);
}

static void test_chain_failures(void **state)
{
	struct fixture *f = *state;

	start(f, "dir chain failures", 30, 4);
	failures(f, 600, 3000);
}

/* The same where nearly every part ends between names of one hash. */
static void test_iterate_chains(void **state)
{
	struct fixture *f = *state;

	start(f, "dir iterate chains", 31, 25);
	iterate_in_parts(f);
}

/* rm -r: what a part has shown is removed before the next, and others come. */
static void test_iterate_and_remove(void **state)
{
	struct fixture *f = *state;
	struct vexfs_dir_pos pos = { 0 };
	u32 i, shown = 0, half = NAMES / 2;
	int ret;

	start(f, "dir iterate and remove", 32, 25);
	for (i = 0; i < half; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	do {
		struct listing l = { .f = f, .left = 1 + rng_below(&f->rng, 40) };
		struct vexfs_dir_pos from = pos;

		ret = vexfs_dir_iterate(&f->t, &pos, list_entry, &l);
		l.left = l.seen;
		l.seen = 0;
		l.last = 0;
		/* Once more, to see what was shown. */
		for (; l.left; shown++) {
			struct listing one = { .f = f, .left = 1 };
			struct vexfs_dir_pos p = from;

			assert_true(vexfs_dir_iterate(&f->t, &p, list_entry, &one) >= 0);
			assert_int_equal(do_remove(f, &f->name[one.sum]), 0);
			l.left--;
		}
	} while (ret);
	assert_int_equal(shown, half);
	assert_int_equal(f->m.live, 0);
}

static void test_chain_damage(void **state)
{
	struct fixture *f = *state;

	start(f, "dir chain damage", 35, 40);
	damage(f);
}

static u8 *any_chain_block(struct fixture *f, bool last, u64 *blkno)
{
	for (u64 b = 1; b < f->m.io.nblocks; b++) {
		struct vexfs_mdhdr *h = (void *)f->m.block[b];

		if (h && h->h_magic == cpu_to_le32(VEXFS_MAGIC_CHAIN) && last == !h->h_next) {
			*blkno = b;
			return f->m.block[b];
		}
	}
	return NULL;
}

/* What was said about a chain damaged by @how. */
static const char *chain_report(struct fixture *f, int how)
{
	struct vexfs_dir_pos pos = { 0 };
	struct memio sound = f->m;
	struct vexfs_mdhdr *h;
	const char *report;
	u64 first, b;
	u32 seen = 0;

	memio_clone(&f->m, &sound);
	f->m.damaged = true;
	any_chain_block(f, false, &first);
	h = (void *)any_chain_block(f, how == 0, &b);
	assert_non_null(h);
	if (how == 0)
		h->h_next = cpu_to_le64(first);				/* a loop */
	else if (how == 1)
		((struct vexfs_dirent *)(h + 1))->d_hash = cpu_to_le64(VEXFS_HASH_MIN + 1);
	else if (how == 2)
		h->h_count = h->h_bytes = 0;				/* empty */
	else
		h->h_next = cpu_to_le64(b);				/* to itself */
	vexfs_mdhdr_seal(h);
	assert_int_equal(vexfs_dir_iterate(&f->t, &pos, any_entry, &seen), -EUCLEAN);
	assert_int_equal(try_add(f, VEXFS_HASH_MIN, 9, DT_REG, "new", 3), -EUCLEAN);
	report = f->m.report;
	memio_destroy(&f->m);
	f->m = sound;
	return report;
}

static void test_chain_reports(void **state)
{
	struct fixture *f = *state;
	u32 i;

	start(f, "dir chain reports", 36, 1);
	for (i = 0; i < 500; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	assert_string_equal(chain_report(f, 0), "directory chain not ascending");
	assert_string_equal(chain_report(f, 1), "directory entry's hash out of range");
	assert_string_equal(chain_report(f, 2), "directory leaf with a wrong number of entries");
	assert_string_equal(chain_report(f, 3), "directory chain not ascending");
	check_dir(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_hash_fills_leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain_shrinks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iterate_chains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iterate_and_remove, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain_reports, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
