/* SPDX-License-Identifier: GPL-2.0 */
/* A directory in memory and a table of names that it is compared with. */
#ifndef VEXFS_TESTS_DIRMODEL_H
#define VEXFS_TESTS_DIRMODEL_H

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
static inline void make_names(struct fixture *f, u64 spread)
{
	u32 i, k;

	for (i = 0; i < NAMES; i++) {
		struct name *n = &f->name[i];

		n->len = i % 10 ? 6 + rng_below(&f->rng, 60) : VEXFS_NAME_LEN;
		for (k = 0; k < n->len; k++)
			n->s[k] = 'a' + rng_below(&f->rng, 26);
		snprintf(n->s, 6, "%05u", i);
		n->s[5] = '-';
		n->s[n->len] = 0;
		n->ino = 0;
		n->hash = spread ? VEXFS_HASH_MIN + rng_below(&f->rng, spread) :
				   vexfs_dir_hash(KEY, n->s, n->len);
	}
}

static struct fixture *sorting;

static inline int by_hash(const void *a, const void *b)
{
	const struct name *x = &sorting->name[*(const u32 *)a];
	const struct name *y = &sorting->name[*(const u32 *)b];

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static inline void start(struct fixture *f, const char *what, u64 seed, u64 spread)
{
	u32 i;

	f->rng = rng_seed(what, seed);
	make_names(f, spread);
	for (i = 0; i < NAMES; i++)
		f->order[i] = i;
	sorting = f;
	qsort(f->order, NAMES, sizeof(f->order[0]), by_hash);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	memio_destroy(&f->m);
	free(f);
	return 0;
}

/* ---- comparing the directory with the model ------------------------------------------ */

static inline int count_visit(void *ctx, struct vexfs_tree *t, u64 blkno, int level, const void *block)
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

static inline bool list_entry(void *ctx, const struct vexfs_dent *d)
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
	if (!l->left)
		return false;
	l->last = d->hash;
	l->sum += i;
	l->seen++;
	l->left--;
	return true;
}

static inline int list(struct fixture *f, struct listing *l)
{
	struct vexfs_dir_pos pos = { 0 };

	return vexfs_dir_iterate(&f->t, &pos, list_entry, l);
}

static inline void check_dir(struct fixture *f)
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
	assert_int_equal(list(f, &l), 0);
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

static inline int do_add(struct fixture *f, struct name *n)
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

static inline int do_remove(struct fixture *f, struct name *n)
{
	int err = vexfs_dir_remove(&f->t, n->hash, n->s, n->len);

	if (!err) {
		assert_true(n->ino);
		n->ino = 0;
		f->entries--;
	}
	return err;
}

static inline int do_replace(struct fixture *f, struct name *n)
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

static inline int do_lookup(struct fixture *f, struct name *n)
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

static inline int random_op(struct fixture *f, struct name *n, u32 what, u32 grow)
{
	if (what < 10)
		return do_lookup(f, n);
	if (what < 20)
		return do_replace(f, n);
	return what < 20 + grow ? do_add(f, n) : do_remove(f, n);
}

static inline void expect(int err, const struct name *n, bool had)
{
	assert_true(!err || err == (had ? -EEXIST : -ENOENT));
}

/* ---- what is done to it ------------------------------------------------------------------ */

static inline void random_ops(struct fixture *f, u32 ops)
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

/* With every failure; @names: few, so that they are added and removed again and again. */
static inline void failures(struct fixture *f, u32 names, u32 least)
{
	u32 i, failed = 0;

	for (i = 0; i < names * 4 / 5; i++)
		do_add(f, &f->name[rng_below(&f->rng, names)]);
	for (i = 0; i < 2500; i++) {
		struct name *n = &f->name[rng_below(&f->rng, names)];
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
			failed++;
			check_dir(f);
			/* What only saves room is left out when it fails. */
			if (!err && what >= 20 + grow)
				break;
			assert_true(err == -EIO || err == -ENOSPC);
		}
		f->m.fail_at = -1;
		expect(err, n, had);
	}
	check_dir(f);
	print_message("%u failures injected\n", failed);
	assert_true(failed > least);
}

/* As readdir does: a few entries a time, on from where the last part ended. */
static inline void iterate_in_parts(struct fixture *f)
{
	struct listing l = { .f = f };
	struct vexfs_dir_pos pos = { 0 };
	u32 i;
	int ret;

	for (i = 0; i < NAMES; i++)
		assert_int_equal(do_add(f, &f->name[i]), 0);
	do {
		l.left = 1 + rng_below(&f->rng, 100);
		ret = vexfs_dir_iterate(&f->t, &pos, list_entry, &l);
		assert_true(ret == 0 || (ret == 1 && !l.left));
	} while (ret);
	assert_int_equal(l.seen, NAMES);
	assert_int_equal(l.sum, (u64)NAMES * (NAMES - 1) / 2);
	l.left = 1;
	assert_int_equal(vexfs_dir_iterate(&f->t, &pos, list_entry, &l), 0);
	pos = (struct vexfs_dir_pos){ .hash = VEXFS_HASH_MAX + 1 };
	assert_int_equal(vexfs_dir_iterate(&f->t, &pos, list_entry, &l), 0);
	assert_int_equal(l.seen, NAMES);
}

static inline int try_add(struct fixture *f, u64 hash, u64 ino, u8 type, const char *name, u32 len)
{
	struct vexfs_dent d = { hash, ino, type, len, name };

	return vexfs_dir_add(&f->t, &d);
}

static inline bool harmless(int err)
{
	return !err || err == -ENOENT || err == -EEXIST || err == -EUCLEAN || err == -ENOSPC;
}

static inline bool any_entry(void *ctx, const struct vexfs_dent *d)
{
	assert_true(d->name_len && d->ino);
	++*(u32 *)ctx;
	return true;
}

static inline void abuse(struct fixture *f, u32 ops)
{
	char buf[VEXFS_NAME_LEN + 1];
	struct vexfs_dir_pos pos = { 0 };
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
	assert_true(harmless(vexfs_dir_iterate(&f->t, &pos, any_entry, &seen)));
	assert_true(seen <= f->m.live * VEXFS_MD_SPACE / 24);
}

static inline void damage(struct fixture *f)
{
	struct vexfs_btree_root root;
	u32 round, i, reports = 0;
	struct memio sound;
	u64 blkno;

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

#endif /* VEXFS_TESTS_DIRMODEL_H */
