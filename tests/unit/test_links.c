// SPDX-License-Identifier: GPL-2.0
/* The record of an inode's names against an array, with every failure. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/links.h"
#include "memio.h"

#define MANY	70000U

struct fixture {
	struct memio m;
	struct vexfs_linktree lt;
	bool has[MANY];
	u64 rng;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memio_init(&f->m, 1 << 13);
	f->lt.io = &f->m.io;
	f->lt.ino = 1234;
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

/* One name in many directories, as cp -al makes them, and others in a few. */
static struct vexfs_name name_of(u32 i)
{
	u64 rng = i;

	if (i % 2)
		return (struct vexfs_name){ 11 + i, 0x123456789abcdULL };
	return (struct vexfs_name){ 11 + i % 5, VEXFS_HASH_MIN + (rng_next(&rng) >> 2) };
}

/* Every name is found, and walking finds each once. */
static u32 check(struct fixture *f)
{
	u32 n = 0, seen = 0, i;
	struct vexfs_name name;
	u64 key = 0;

	for (i = 0; i < MANY; i++)
		n += f->has[i];
	for (i = 0; i < MANY; i += n > 1000 ? 97 : 1) {
		name = name_of(i);
		assert_int_equal(vexfs_linktree_find(&f->lt, &name), f->has[i] ? 0 : -ENOENT);
	}
	while (vexfs_linktree_next(&f->lt, &key, &name) == 0)
		seen++;
	assert_int_equal(seen, n);
	assert_int_equal(memio_pinned(&f->m), 0);
	if (!n) {
		assert_int_equal(f->lt.block, 0);
		assert_int_equal(f->m.live, 0);
	}
	return n;
}

static void set(struct fixture *f, u32 i, bool has)
{
	struct vexfs_name name = name_of(i);

	assert_int_equal(has ? vexfs_linktree_add(&f->lt, &name) :
			       vexfs_linktree_del(&f->lt, &name), 0);
	f->has[i] = has;
}

static void test_many(void **state)
{
	struct fixture *f = *state;
	u32 i;

	for (i = 0; i < MANY; i++)
		set(f, i, true);
	assert_int_equal(check(f), MANY);
	for (i = 0; i < MANY; i++)
		set(f, i * 33331ULL % MANY, false);	/* coprime: each once */
	assert_int_equal(check(f), 0);
}

static void test_same(void **state)
{
	struct fixture *f = *state;
	struct vexfs_name name = name_of(1), other = name_of(2);

	set(f, 1, true);
	assert_int_equal(vexfs_linktree_add(&f->lt, &name), -EMLINK);
	assert_int_equal(vexfs_linktree_del(&f->lt, &other), -ENOENT);
	assert_int_equal(check(f), 1);
}

static void test_array(void **state)
{
	struct vexfs_link links[VEXFS_INODE_LINKS] = { 0 };
	struct vexfs_name name;
	u32 i;

	for (i = 0; i < VEXFS_INODE_LINKS; i++) {
		name = name_of(i);
		assert_true(vexfs_links_put(links, &name));
	}
	name = name_of(i);
	assert_false(vexfs_links_put(links, &name));
	assert_int_equal(vexfs_links_index(links, &name), -1);
	vexfs_links_drop(links, 1);
	name = name_of(VEXFS_INODE_LINKS - 1);
	assert_int_equal(vexfs_links_index(links, &name), 1);
	assert_int_equal(links[VEXFS_INODE_LINKS - 1].l_parent, 0);
	vexfs_links_drop(links, VEXFS_INODE_LINKS - 2);
	vexfs_links_drop(links, 1);
	vexfs_links_drop(links, 0);
	assert_true(vexfs_all_zero(links, sizeof(links)));
}

/* Each call fails at each place it can: the names are as they were. */
static void test_failures(void **state)
{
	struct fixture *f = *state;
	u32 step, i, failed = 0;

	f->rng = rng_seed("links failures", 41);
	for (step = 0; step < 2500; step++) {
		struct vexfs_name name;
		int err = -EIO;
		long at;

		i = rng_below(&f->rng, step < 1500 ? 900 : 300);
		name = name_of(i);
		for (at = 0; err; at++) {
			u64 block = f->lt.block;

			f->m.calls = 0;
			f->m.fail_at = at;
			err = f->has[i] ? vexfs_linktree_del(&f->lt, &name) :
					  vexfs_linktree_add(&f->lt, &name);
			f->m.fail_at = -1;
			if (!err)
				break;
			failed++;
			assert_int_equal(f->lt.block, block);
			assert_int_equal(vexfs_linktree_find(&f->lt, &name),
					 f->has[i] ? 0 : -ENOENT);
		}
		f->has[i] = !f->has[i];
		if (step % 50 == 0)
			check(f);
	}
	check(f);
	printf("%u failures injected\n", failed);
	assert_true(failed > 1000);
}

static void test_shrink(void **state)
{
	struct fixture *f = *state;
	u32 i, steps;
	int more = 1;

	for (i = 0; i < 20000; i++)
		set(f, i, true);
	for (steps = 0; more == 1; steps++)
		more = vexfs_linktree_shrink(&f->lt);
	assert_int_equal(more, 0);
	assert_true(steps > 50);
	memset(f->has, 0, sizeof(f->has));
	check(f);
	assert_int_equal(vexfs_linktree_shrink(&f->lt), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same, setup, teardown),
		cmocka_unit_test(test_array),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shrink, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
