// SPDX-License-Identifier: GPL-2.0
/* Directories against a table of names, with every failure and with damage. */
#include <dirent.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/dir.h"
#include "memio.h"

#define NAMES	6000U
#define KEY	((const u8 *)"0123456789abcdef")

/**
 * struct name - one name the model knows
 * @ino: 0: not in the directory
 */
struct name {
	char s[VEXFS_NAME_LEN + 1];
	u32 len;
	u64 hash;
	u64 ino;
	u8 type;
};

struct fixture {
	struct memio m;
	struct vexfs_btree_root root;
	struct vexfs_tree t;
	struct name name[NAMES];
	u32 order[NAMES];	/* by hash */
	u32 entries;
	u64 rng;
};

/* Names of all lengths; every tenth is as long as can be. @spread: how many hashes
 * there are, 0: the real ones. */
static void make_names(struct fixture *f, u64 spread)
{
	u32 i, k;

	for (i = 0; i < NAMES; i++) {
		struct name *n = &f->name[i];

		n->len = i % 10 ? 6 + rng_below(&f->rng, 60) : VEXFS_NAME_LEN;
		for (k = 0; k < n->len; k++)
			n->s[k] = 'a' + rng_below(&f->rng, 26);
		snprintf(n->s, 6, "%05u", i);
		n->s[5] = '-';
		n->ino = 0;
		n->hash = spread ? VEXFS_HASH_MIN + rng_below(&f->rng, spread) :
				   vexfs_dir_hash(KEY, n->s, n->len);
	}
}

static struct fixture *sorting;

static int by_hash(const void *a, const void *b)
{
	const struct name *x = &sorting->name[*(const u32 *)a];
	const struct name *y = &sorting->name[*(const u32 *)b];

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void start(struct fixture *f, const char *what, u64 seed, u64 spread)
{
	u32 i;

	f->rng = rng_seed(what, seed);
	make_names(f, spread);
	for (i = 0; i < NAMES; i++)
		f->order[i] = i;
	sorting = f;
	qsort(f->order, NAMES, sizeof(f->order[0]), by_hash);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memio_init(&f->m, 1 << 14);
	f->t.io = &f->m.io;
	f->t.root = &f->root;
	f->t.owner = 5;
	f->t.leaf_magic = VEXFS_MAGIC_DIR;
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

/* ---- comparing the directory with the model ------------------------------------------ */

static int count_visit(void *ctx, struct vexfs_tree *t, u64 blkno, int level, const void *block)
{
	*(u32 *)ctx += block != NULL;
	return 0;
}

/**
 * struct listing - what vexfs_dir_iterate() showed
 * @left: entries to go before it is stopped
 */
struct listing {
	struct fixture *f;
	u64 last, sum;
	u32 seen, left;
};

static bool list_entry(void *ctx, const struct vexfs_dent *d)
{
	struct listing *l = ctx;
	u32 i = strtoul(d->name, NULL, 10);
	const struct name *n = &l->f->name[i];

	assert_true(i < NAMES && n->ino);
	assert_int_equal(d->name_len, n->len);
	assert_memory_equal(d->name, n->s, n->len);
	assert_int_equal(d->ino, n->ino);
	assert_int_equal(d->type, n->type);
	assert_true(d->hash == n->hash && d->hash >= l->last);
	l->last = d->hash;
	l->sum += i;
	l->seen++;
	return --l->left != 0;
}

static void check_dir(struct fixture *f)
{
	struct listing l = { .f = f, .left = ~0U };
	long calls = f->m.calls, fail_at = f->m.fail_at;
	u32 blocks = 0, i;
	u64 sum = 0;

	f->m.fail_at = -1;
	assert_int_equal(memio_pinned(&f->m), 0);
	assert_int_equal(vexfs_bt_walk(&f->t, count_visit, &blocks), 0);
	assert_int_equal(blocks, f->m.live);
	assert_int_equal(blocks, le64_to_cpu(f->root.r_blocks));
	assert_int_equal(vexfs_dir_iterate(&f->t, 0, list_entry, &l), 0);
	for (i = 0; i < NAMES; i++)
		sum += f->name[i].ino ? i : 0;
	assert_int_equal(l.seen, f->entries);
	assert_int_equal(l.sum, sum);		/* each of them once */
	assert_int_equal(vexfs_dir_empty(&f->root), !f->entries);
	assert_int_equal(f->m.reports, 0);
	f->m.calls = calls;
	f->m.fail_at = fail_at;
}

/* ---- operations on both ------------------------------------------------------------------ */

static int do_add(struct fixture *f, struct name *n)
{
	struct vexfs_dent d = { n->hash, 100 + rng_below(&f->rng, 1000), DT_REG, n->len, n->s };
	int err = vexfs_dir_add(&f->t, &d);

	if (!err) {
		assert_false(n->ino);
		n->ino = d.ino;
		n->type = DT_REG;
		f->entries++;
	}
	return err;
}

static int do_remove(struct fixture *f, struct name *n)
{
	int err = vexfs_dir_remove(&f->t, n->hash, n->s, n->len);

	if (!err) {
		assert_true(n->ino);
		n->ino = 0;
		f->entries--;
	}
	return err;
}

static int do_replace(struct fixture *f, struct name *n)
{
	u64 ino = 5000 + rng_below(&f->rng, 1000);
	int err = vexfs_dir_replace(&f->t, n->hash, n->s, n->len, ino, DT_DIR);

	if (!err) {
		assert_true(n->ino);
		n->ino = ino;
		n->type = DT_DIR;
	}
	return err;
}

static int do_lookup(struct fixture *f, struct name *n)
{
	char name[VEXFS_NAME_LEN + 1];
	u64 ino = 0;
	u32 len = 0;
	u8 type = 0;
	int err = vexfs_dir_lookup(&f->t, n->hash, n->s, n->len, &ino, &type);

	assert_int_equal(err, n->ino ? 0 : -ENOENT);
	if (err)
		return err;
	assert_true(ino == n->ino && type == n->type);
	assert_int_equal(vexfs_dir_name_of(&f->t, n->hash, ino, name, &len), 0);
	assert_int_equal(strlen(name), len);
	/* Of several names of one hash and inode, any will do. */
	n = &f->name[strtoul(name, NULL, 10)];
	assert_true(!strcmp(name, n->s) && n->ino == ino);
	assert_int_equal(vexfs_dir_name_of(&f->t, n->hash, 1, name, &len), -ENOENT);
	return 0;
}

static int random_op(struct fixture *f, struct name *n, u32 what, u32 grow)
{
	if (what < 10)
		return do_lookup(f, n);
	if (what < 20)
		return do_replace(f, n);
	return what < 20 + grow ? do_add(f, n) : do_remove(f, n);
}

static void expect(int err, const struct name *n, bool had)
{
	assert_true(!err || err == (had ? -EEXIST : -ENOENT));
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void random_ops(struct fixture *f, u32 ops)
{
	static const u32 grow[] = { 70, 40, 10, 75, 40, 0 };
	u32 i, phase;

	for (phase = 0; phase < ARRAY_SIZE(grow); phase++)
		for (i = 0; i < ops / ARRAY_SIZE(grow); i++) {
			struct name *n = &f->name[rng_below(&f->rng, NAMES)];
			bool had = n->ino;

			expect(random_op(f, n, rng_below(&f->rng, 100), grow[phase]), n, had);
			if (i % 1500 == 0)
				check_dir(f);
		}
	check_dir(f);
	for (i = 0; i < NAMES; i++)
		if (f->name[i].ino)
			assert_int_equal(do_remove(f, &f->name[i]), 0);
	check_dir(f);
	assert_int_equal(f->m.live, 0);
	assert_int_equal(f->root.r_level, 0);
}

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

/* More names of one hash than a leaf holds: -ENOSPC, and all others still work. */
static void test_one_hash_fills_leaf(void **state)
{
	struct fixture *f = *state;
	u32 i, full = 0;

	start(f, "dir full hash", 23, 3);
	for (i = 0; i < NAMES; i++) {
		int err = do_add(f, &f->name[i]);

		assert_true(!err || err == -ENOSPC);
		full += err != 0;
		if (i % 500 == 0)
			check_dir(f);
	}
	check_dir(f);
	assert_true(full && f->entries > 3 * (VEXFS_MD_SPACE - 280) / 280);
	assert_int_equal(f->m.live, 3);
	for (i = 0; i < NAMES; i++)
		do_lookup(f, &f->name[i]);
}

static void test_failures(void **state)
{
	struct fixture *f = *state;
	u32 i, failed = 0;

	start(f, "dir failures", 24, 0);
	for (i = 0; i < 1200; i++)
		do_add(f, &f->name[rng_below(&f->rng, 1500)]);
	for (i = 0; i < 2500; i++) {
		struct name *n = &f->name[rng_below(&f->rng, 1500)];
		u32 what = 10 + rng_below(&f->rng, 90), grow = i < 1500 ? 5 : 70;
		bool had = n->ino;
		int err;
		long k;

		for (k = 0;; k++) {
			f->m.calls = 0;
			f->m.fail_at = k;
			err = random_op(f, n, what, grow);
			if (f->m.calls <= k)
				break;
			assert_true(err == -EIO || err == -ENOSPC);
			failed++;
			check_dir(f);
		}
		f->m.fail_at = -1;
		expect(err, n, had);
	}
	check_dir(f);
	print_message("%u failures injected\n", failed);
	assert_true(failed > 3000);
}

/* As readdir does: a few entries a time, on from the last hash. */
static void test_iterate_in_parts(void **state)
{
	struct fixture *f = *state;
	struct listing l = { .f = f };
	u32 i;
	int ret;

	start(f, "dir iterate", 25, 0);
	for (i = 0; i < NAMES; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	do {
		l.left = 1 + rng_below(&f->rng, 100);
		ret = vexfs_dir_iterate(&f->t, l.seen ? l.last + 1 : 0, list_entry, &l);
		assert_true(ret == 0 || ret == 1);
	} while (ret);
	assert_int_equal(l.seen, NAMES);
	l.left = 1;
	assert_int_equal(vexfs_dir_iterate(&f->t, ~0ULL, list_entry, &l), 0);
	assert_int_equal(vexfs_dir_iterate(&f->t, VEXFS_HASH_MAX + 1, list_entry, &l), 0);
	assert_int_equal(l.seen, NAMES);
}

static int try_add(struct fixture *f, u64 hash, u64 ino, u8 type, const char *name, u32 len)
{
	struct vexfs_dent d = { hash, ino, type, len, name };

	return vexfs_dir_add(&f->t, &d);
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

static bool harmless(int err)
{
	return !err || err == -ENOENT || err == -EEXIST || err == -EUCLEAN || err == -ENOSPC;
}

static bool any_entry(void *ctx, const struct vexfs_dent *d)
{
	assert_true(d->name_len && d->ino);
	++*(u32 *)ctx;
	return true;
}

static void abuse(struct fixture *f, u32 ops)
{
	char buf[VEXFS_NAME_LEN + 1];
	u32 i, len, seen = 0;
	u64 ino;
	u8 type;

	for (i = 0; i < ops; i++) {
		const struct name *n = &f->name[rng_below(&f->rng, NAMES)];

		assert_true(harmless(vexfs_dir_lookup(&f->t, n->hash, n->s, n->len, &ino, &type)));
		assert_true(harmless(vexfs_dir_name_of(&f->t, n->hash, n->ino, buf, &len)));
		assert_true(harmless(try_add(f, n->hash, 9, DT_FIFO, n->s, n->len)));
		n = &f->name[rng_below(&f->rng, NAMES)];
		assert_true(harmless(vexfs_dir_replace(&f->t, n->hash, n->s, n->len, 7, DT_LNK)));
		assert_true(harmless(vexfs_dir_remove(&f->t, n->hash, n->s, n->len)));
		assert_int_equal(memio_pinned(&f->m), 0);
	}
	assert_true(harmless(vexfs_dir_iterate(&f->t, 0, any_entry, &seen)));
	assert_true(seen <= f->m.live * VEXFS_MD_SPACE / 24);
}

static void test_damage(void **state)
{
	struct fixture *f = *state;
	struct vexfs_btree_root root;
	u32 round, i, reports = 0;
	struct memio sound;
	u64 blkno;

	start(f, "dir damage", 26, 0);
	for (i = 0; i < 5000; i++)
		do_add(f, &f->name[rng_below(&f->rng, NAMES)]);
	sound = f->m;
	root = f->root;
	for (round = 0; round < 250; round++) {
		memio_clone(&f->m, &sound);
		f->m.damaged = true;
		f->m.steal = round % 4 ? 0 : 300;
		for (i = 0; i < 1 + round % 40; i++) {
			u8 *block = memio_any(&f->m, &f->rng, &blkno);

			block[rng_below(&f->rng, round % 2 ? 128 : 4096)] = rng_next(&f->rng);
			if (round % 3)
				vexfs_mdhdr_seal(block);
		}
		if (round % 7 == 0)
			((u8 *)&f->root)[rng_below(&f->rng, sizeof(root))] ^= 1 << round % 8;
		abuse(f, 60);
		reports += f->m.reports;
		memio_destroy(&f->m);
		f->root = root;
	}
	assert_true(reports > 100);
	f->m = sound;
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
	b->d_hash = cpu_to_le64(20);
	assert_null(leaf_why(block));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_colliding, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_hash_fills_leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iterate_in_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_leaf_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
