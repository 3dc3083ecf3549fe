// SPDX-License-Identifier: GPL-2.0
/* Directories against a table of names, with every failure and with damage. */
#include "dirmodel.h"

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_random(void **state)
{
	struct fixture *f = *state;

	start(f, "dir random", 21, 0);
	random_ops(f, 100000);
}

/* So few hashes that most leaves hold several names of one. */
static void test_colliding(void **state)
{
	struct fixture *f = *state;

	start(f, "dir colliding", 22, 1000);
	random_ops(f, 60000);
}

static void test_failures(void **state)
{
	struct fixture *f = *state;

	start(f, "dir failures", 24, 0);
	failures(f, 1500, 3000);
}

static void test_iterate_in_parts(void **state)
{
	struct fixture *f = *state;

	start(f, "dir iterate", 25, 0);
	iterate_in_parts(f);
}

/* ---- room ------------------------------------------------------------------------------------ */

/* Bytes of entries per block of the directory, in percent of what a block holds. */
static u32 occupancy(struct fixture *f)
{
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < NAMES; i++)
		bytes += f->name[i].ino ? VEXFS_DIRENT_SIZE(f->name[i].len) : 0;
	return f->m.live ? bytes * 100 / (f->m.live * VEXFS_MD_SPACE) : 0;
}

/* Few of many are left: so few are the blocks, and the tree is as low. */
static void test_joins(void **state)
{
	struct fixture *f = *state;
	u32 i, k;

	start(f, "dir joins", 33, 0);
	for (i = 0; i < NAMES; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	assert_int_equal(le16_to_cpu(f->root.r_level), 2);
	for (i = 0; i < NAMES; i++) {
		k = (u32)((u64)i * 4999 % NAMES);
		if (k % 300)
			assert_int_equal(do_remove(f, &f->name[k]), 0);
	}
	check_dir(f);
	print_message("%u of %u names left: %u %% of %u blocks\n", f->entries, NAMES, occupancy(f),
		      (u32)f->m.live);
	assert_true(occupancy(f) >= 30);
	assert_int_equal(le16_to_cpu(f->root.r_level), 1);
}

/* Nothing is read for a join that would have to be waited for. */
static void test_joins_uncached(void **state)
{
	struct fixture *f = *state;
	u32 i;

	start(f, "dir joins uncached", 39, 0);
	for (i = 0; i < NAMES; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	f->m.uncached = true;
	for (i = 0; i < NAMES; i++) {
		f->m.calls = 0;
		assert_int_equal(do_remove(f, &f->name[i]), 0);
		/* The path, and what is modified: no more than without a join. */
		assert_true(f->m.calls <= 3 + 3);
	}
	check_dir(f);
	assert_int_equal(f->m.live, 0);
}

/* Adding and removing at random, for long, at one size. */
static void test_occupancy(void **state)
{
	struct fixture *f = *state;
	u32 i, least = 100;

	start(f, "dir occupancy", 34, 0);
	for (i = 0; i < NAMES / 2; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	for (i = 0; i < 60000; i++) {
		struct name *n = &f->name[rng_below(&f->rng, NAMES)];

		assert_int_equal(n->ino ? do_remove(f, n) : do_add(f, n), 0);
		if (i % 1000 == 0 && occupancy(f) < least)
			least = occupancy(f);
	}
	check_dir(f);
	print_message("occupancy never below %u %%\n", least);
	assert_true(least >= 45);
}

static void test_bad_entries(void **state)
{
	struct fixture *f = *state;
	u64 ino;
	u8 type;

	assert_int_equal(vexfs_dir_lookup(&f->t, 100, "a", 1, &ino, &type), -ENOENT);
	assert_int_equal(vexfs_dir_remove(&f->t, 100, "a", 1), -ENOENT);
	assert_int_equal(try_add(f, 100, 1, DT_REG, "", 0), -EINVAL);
	assert_int_equal(try_add(f, 100, 1, DT_REG, ".", 1), -EINVAL);
	assert_int_equal(try_add(f, 100, 1, DT_REG, "..", 2), -EINVAL);
	assert_int_equal(try_add(f, 100, 1, DT_REG, "a/b", 3), -EINVAL);
	assert_int_equal(try_add(f, 100, 1, DT_REG, "a\0b", 3), -EINVAL);
	assert_int_equal(try_add(f, 100, 0, DT_REG, "a", 1), -EINVAL);
	assert_int_equal(try_add(f, 100, 1, 3, "a", 1), -EINVAL);
	assert_int_equal(try_add(f, 100, 1, 0x80, "a", 1), -EINVAL);
	assert_int_equal(try_add(f, VEXFS_HASH_MIN - 1, 1, DT_REG, "a", 1), -EINVAL);
	assert_int_equal(try_add(f, VEXFS_HASH_MAX + 1, 1, DT_REG, "a", 1), -EINVAL);
	assert_int_equal(f->m.live, 0);
	assert_int_equal(try_add(f, VEXFS_HASH_MAX, 1, DT_REG, "...", 3), 0);
	assert_int_equal(try_add(f, VEXFS_HASH_MIN, 1, DT_REG, ".a", 2), 0);
	assert_int_equal(try_add(f, VEXFS_HASH_MIN, 1, DT_REG, ".a", 2), -EEXIST);
	assert_int_equal(try_add(f, VEXFS_HASH_MIN, 1, DT_REG, "..a", 3), 0);
	assert_int_equal(vexfs_dir_lookup(&f->t, VEXFS_HASH_MAX, "...", 3, &ino, &type), 0);
	assert_int_equal(vexfs_dir_replace(&f->t, VEXFS_HASH_MAX, "...", 3, 0, DT_REG), -EINVAL);
	assert_int_equal(f->m.live, 1);
	assert_int_equal(f->m.reports, 0);
}

static void test_hash(void **state)
{
	u64 rng = 1, h;
	u32 i;
	u8 key[VEXFS_HASH_KEY_LEN] = { 0 };
	char name[8];

	/* The fold keeps to its range. */
	for (i = 0; i < 100000; i++) {
		h = rng_next(&rng);
		memcpy(name, &h, 8);
		memcpy(key, &i, sizeof(i));
		h = vexfs_dir_hash(key, name, 8);
		assert_true(h >= VEXFS_HASH_MIN && h <= VEXFS_HASH_MAX);
	}
	assert_true(vexfs_dir_hash(key, "a", 1) != vexfs_dir_hash(KEY, "a", 1));
	assert_true(vexfs_dir_hash(key, "a", 1) != vexfs_dir_hash(key, "b", 1));
	/* SipHash-2-4 of "" under the key 00..0f is 726fdb47dd0e0e31 (reference implementation). */
	for (i = 0; i < sizeof(key); i++)
		key[i] = i;
	assert_int_equal(vexfs_dir_hash(key, "", 0), (0x726fdb47dd0e0e31ULL >> 1) + VEXFS_HASH_MIN);
}

static void test_damage(void **state)
{
	struct fixture *f = *state;

	start(f, "dir damage", 26, 0);
	damage(f);
}

/* ---- the leaf verifier ------------------------------------------------------------------------ */

static struct vexfs_dirent *raw_entry(u8 *block, u32 off, u64 hash, const char *name)
{
	struct vexfs_mdhdr *h = (void *)block;
	struct vexfs_dirent *de = (void *)(block + VEXFS_MDHDR_SIZE + off);
	u32 size = VEXFS_DIRENT_SIZE(strlen(name));

	memset(de, 0, size);
	de->d_hash = cpu_to_le64(hash);
	de->d_ino = cpu_to_le64(12);
	de->d_rec_len = cpu_to_le16(size);
	de->d_name_len = strlen(name);
	de->d_type = DT_REG;
	memcpy(block + VEXFS_MDHDR_SIZE + off + VEXFS_DIRENT_HDR, name, strlen(name));
	h->h_count = cpu_to_le16(le16_to_cpu(h->h_count) + 1);
	h->h_bytes = cpu_to_le32(off + size);
	return de;
}

static const char *leaf_why(const u8 *block)
{
	return vexfs_dir_leaf_verify(block, 0, ~0ULL);
}

static void test_leaf_verify(void **state)
{
	u8 block[VEXFS_BLOCK_SIZE] __attribute__((aligned(8))) = { 0 };
	struct vexfs_mdhdr *h = (void *)block;
	struct vexfs_dirent *a, *b;

	assert_non_null(leaf_why(block));		/* empty */
	a = raw_entry(block, 0, 20, "first");
	b = raw_entry(block, 32, 30, "second");
	assert_null(leaf_why(block));
	assert_null(vexfs_dir_leaf_verify(block, 20, 31));
	assert_non_null(vexfs_dir_leaf_verify(block, 21, 31));
	assert_non_null(vexfs_dir_leaf_verify(block, 20, 30));
	b->d_hash = cpu_to_le64(19);
	assert_non_null(leaf_why(block));		/* order */
	h->h_next = cpu_to_le64(77);
	assert_non_null(leaf_why(block));		/* a chain, and two hashes */
	b->d_hash = cpu_to_le64(20);
	assert_null(leaf_why(block));
	h->h_next = 0;
	h->h_count = cpu_to_le16(3);
	assert_non_null(leaf_why(block));
	h->h_count = cpu_to_le16(2);
	h->h_level = cpu_to_le16(1);
	assert_non_null(leaf_why(block));
	h->h_level = 0;
	h->h_bytes = cpu_to_le32(VEXFS_MD_SPACE + 8);
	assert_non_null(leaf_why(block));
	h->h_bytes = cpu_to_le32(63);
	assert_non_null(leaf_why(block));
	h->h_bytes = cpu_to_le32(64);
	assert_null(leaf_why(block));
	b->d_ino = 0;
	assert_non_null(leaf_why(block));
	b->d_ino = cpu_to_le64(1);
	b->d_type = 5;
	assert_non_null(leaf_why(block));
	b->d_type = DT_SOCK;
	assert_null(leaf_why(block));
	b->d_name[2] = '/';
	assert_non_null(leaf_why(block));
	b->d_name[2] = 0;
	assert_non_null(leaf_why(block));
	b->d_name[2] = 'c';
	b->d_name[6] = 'x';				/* padding */
	assert_non_null(leaf_why(block));
	b->d_name[6] = 0;
	b->d_rec_len = cpu_to_le16(40);
	assert_non_null(leaf_why(block));
	b->d_rec_len = cpu_to_le16(32);
	assert_null(leaf_why(block));
	a->d_name_len = 0;
	assert_non_null(leaf_why(block));
}

/* ---- verified once ----------------------------------------------------------------------------- */

static void lookup_all(struct fixture *f)
{
	u32 i;

	for (i = 0; i < NAMES; i++)
		do_lookup(f, &f->name[i]);
}

/* Each block is verified when it is first read, and not again before it has been freed. */
static void test_verified_once(void **state)
{
	struct fixture *f = *state;
	u32 i;

	start(f, "dir verified once", 37, 0);
	for (i = 0; i < NAMES; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	memio_track(&f->m);
	f->m.verified = 0;
	lookup_all(f);
	assert_int_equal(f->m.verified, f->m.live);
	lookup_all(f);
	assert_int_equal(f->m.verified, f->m.live);
	for (i = 0; i < NAMES; i++)
		assert_int_equal(do_remove(f, &f->name[i]), 0);
	for (i = 0; i < NAMES; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	f->m.verified = 0;
	lookup_all(f);		/* what is new was not verified before */
	assert_true(f->m.verified && f->m.verified <= f->m.live);
	random_ops(f, 20000);
}

/* A block that two parents lead to has been verified at one place: the other notices. */
static void test_verified_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct vexfs_dir_pos pos = { 0 };
	u32 i, seen = 0;

	start(f, "dir verified elsewhere", 38, 0);
	memio_track(&f->m);
	for (i = 0; i < 150; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	assert_true(le16_to_cpu(f->root.r_count) > 2);
	lookup_all(f);
	f->m.damaged = true;
	f->root.r_recs[2].val = f->root.r_recs[0].val;
	assert_int_equal(vexfs_dir_iterate(&f->t, &pos, any_entry, &seen), -EUCLEAN);
	assert_string_equal(f->m.report, "directory entry's hash out of range");
	f->m.damaged = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_colliding, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iterate_in_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_joins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_joins_uncached, setup, teardown),
		cmocka_unit_test_setup_teardown(test_occupancy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verified_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verified_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_leaf_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
