// SPDX-License-Identifier: GPL-2.0
/* Free runs of a group, beside a model that looks at every block. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/freemap.h"

#define N	VEXFS_BLOCKS_PER_GROUP

/**
 * struct model - a group
 * @busy: one byte per block
 * @read: pieces whose bits were read
 */
struct model {
	u8	busy[N];
	u32	read;
	struct vexfs_freemap fm;
};

static struct model m;
static unsigned int seed = 1;

static u32 rnd(u32 n)
{
	return (u32)rand_r(&seed) % n;
}

static void busy(const void *ctx, u32 i, u64 *bits)
{
	const struct model *g = ctx;
	u32 b;

	((struct model *)(uintptr_t)g)->read++;
	memset(bits, 0, VEXFS_PIECE_BITS / 8);
	for (b = 0; b < VEXFS_PIECE_BITS; b++)
		if (g->busy[i * VEXFS_PIECE_BITS + b])
			bits[b / 64] |= 1ULL << (b % 64);
}

static void set(u32 start, u32 len, u8 value)
{
	u64 bits[VEXFS_PIECE_WORDS];
	u32 i;

	memset(m.busy + start, value, len);
	for (i = start / VEXFS_PIECE_BITS; i <= (start + len - 1) / VEXFS_PIECE_BITS; i++) {
		busy(&m, i, bits);
		vexfs_freemap_piece(&m.fm, i, bits);
	}
}

static u32 model_find(u32 from, u32 want)
{
	u32 run = 0, i;

	for (i = from; i < N; i++) {
		run = m.busy[i] ? 0 : run + 1;
		if (run == want)
			return i + 1 - want;
	}
	return N;
}

static u32 model_longest(void)
{
	u32 run = 0, most = 0, i;

	for (i = 0; i < N; i++) {
		run = m.busy[i] ? 0 : run + 1;
		most = max(most, run);
	}
	return most;
}

static void check(u32 from, u32 want)
{
	assert_int_equal(vexfs_freemap_find(&m.fm, busy, &m, from, want), model_find(from, want));
}

static void test_edges(void **state)
{
	set(0, N, 0);
	assert_int_equal(vexfs_freemap_longest(&m.fm), N);
	check(0, N);
	check(1, N);
	check(N - 1, 1);
	check(N - 1, 2);
	set(0, N, 1);
	assert_int_equal(vexfs_freemap_longest(&m.fm), 0);
	check(0, 1);
	/* Over the border of two pieces, and over whole ones. */
	set(VEXFS_PIECE_BITS - 1, 2, 0);
	check(0, 2);
	check(VEXFS_PIECE_BITS, 2);
	check(VEXFS_PIECE_BITS, 1);
	set(VEXFS_PIECE_BITS - 1, 3 * VEXFS_PIECE_BITS, 0);
	check(0, 3 * VEXFS_PIECE_BITS);
	check(0, 3 * VEXFS_PIECE_BITS + 1);
	check(VEXFS_PIECE_BITS + 7, 2 * VEXFS_PIECE_BITS);
	assert_int_equal(vexfs_freemap_longest(&m.fm), 3 * VEXFS_PIECE_BITS);
}

/* Runs set and cleared at random: first sparse, then dense, long and short ones. */
static void test_random(void **state)
{
	u32 round, k;

	for (round = 0; round < 400; round++) {
		u32 most = 1U << rnd(13), start = rnd(N);

		if (!(round % 100))
			set(0, N, round / 100 % 2);
		for (k = 0; k < 1 + rnd(40); k++, start = rnd(N))
			set(start, 1 + rnd(min(most, N - start)), rnd(2));
		assert_int_equal(vexfs_freemap_longest(&m.fm), model_longest());
		for (k = 0; k < 30; k++)
			check(rnd(3) ? rnd(N) : 0, 1 + rnd(rnd(2) ? most : 8));
		check(0, m.fm.longest ? m.fm.longest : 1);
		check(0, m.fm.longest + 1);
	}
}

/* What it is for: few pieces are looked into. */
static void test_reads(void **state)
{
	u32 i;

	set(0, N, 1);
	for (i = 0; i < N; i += 2)
		set(i, 1, 0);
	set(N - 3, 3, 0);
	m.read = 0;
	check(0, 3);
	assert_true(m.read <= 2);
	m.read = 0;
	check(0, 5);
	assert_int_equal(m.read, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
