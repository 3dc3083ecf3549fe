// SPDX-License-Identifier: GPL-2.0
/*
 * Searches beside a writer, as in the module: each has a copy of struct vexfs_graph made
 * between two changes, and walks records that are changed meanwhile. Nothing may be
 * read out of bounds (the sanitizers tell), and what never changes is found.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/graph.h"
#include "tests/unit/vecref.h"

#define DIM	24
#define CAP	900
#define FIXED	300	/* ids below never change */
#define CHANGES	1500
#define POOL	256
#define MET	4096

struct beside {
	struct vexfs_graph g, shown;
	struct vexfs_space s;
	u8 *mem;
	u32 *mean;
	float vec[CAP][DIM];
	pthread_mutex_t lock;
	bool stop;
	u32 searches, found, wrong;
};

static int get(void *ctx, u32 lblk, bool change, void **data)
{
	struct beside *b = ctx;

	if (lblk < b->g.first || lblk >= vexfs_graph_blocks(&b->g, CAP))
		return -ENOENT;
	*data = b->mem + (size_t)lblk * VEXFS_BLOCK_SIZE;
	return 0;
}

static const struct vexfs_graph_ops ops = { .get = get };

static void show(struct beside *b)
{
	pthread_mutex_lock(&b->lock);
	b->shown = b->g;
	pthread_mutex_unlock(&b->lock);
}

static void *work_memory(struct vexfs_graph_work *w, const struct vexfs_graph *g)
{
	void *mem = aligned_alloc(64, (vexfs_graph_work_bytes(g, POOL, MET) + 63) & ~(size_t)63);

	vexfs_graph_work_init(w, g, POOL, MET, mem);
	return mem;
}

static void search_one(struct beside *b, struct vexfs_graph_work *w, u32 id)
{
	struct vexfs_graph_ask ask = { .f32 = (const u32 *)b->vec[id], .ef = 64, .want = 10 };
	struct vexfs_graph_reply reply;
	struct vexfs_cand out[10];
	struct vexfs_graph g;
	u32 i;

	pthread_mutex_lock(&b->lock);
	g = b->shown;
	pthread_mutex_unlock(&b->lock);
	if (vexfs_graph_search(&g, w, &ask, out, &reply))
		b->wrong++;
	for (i = 0; i < reply.n; i++) {
		b->found += out[i].id == id;
		b->wrong += out[i].id >= CAP;
	}
	b->searches++;
}

static void *reader(void *arg)
{
	struct beside *b = arg;
	struct vexfs_graph_work *w = malloc(sizeof(*w));
	void *mem = work_memory(w, &b->shown);
	u32 i;

	for (i = 0; !__atomic_load_n(&b->stop, __ATOMIC_RELAXED) || i < 100; i++)
		search_one(b, w, i * 7 % FIXED);
	free(mem);
	free(w);
	return NULL;
}

static void random_row(struct beside *b, u32 id, u64 *seed)
{
	u64 centre = rnd(seed, 20) + 1;
	u32 i;

	for (i = 0; i < DIM; i++)
		b->vec[id][i] = rnd_float(&centre) + 0.5f * rnd_float(seed);
}

static void open_beside(struct beside *b)
{
	const struct vexfs_simd *k[MAX_KERNELS];
	u32 i, blocks;

	b->s = (struct vexfs_space){ .dim = DIM, .elem = VEXFS_F32, .metric = VEXFS_L2 };
	b->mean = aligned_alloc(64, vexfs_graph_mean_bytes(&b->s));
	vexfs_graph_init(&b->g, &b->s, 0, b->mean);
	usable_kernels(k);
	b->g.simd = k[0];
	b->g.ops = &ops;
	b->g.ctx = b;
	blocks = vexfs_graph_blocks(&b->g, CAP);
	b->mem = aligned_alloc(VEXFS_BLOCK_SIZE, (size_t)blocks * VEXFS_BLOCK_SIZE);
	memset(b->mem, 0, (size_t)blocks * VEXFS_BLOCK_SIZE);
	for (i = b->g.first; i < blocks; i++)
		vexfs_graph_block_check(&b->g, i, b->mem + (size_t)i * VEXFS_BLOCK_SIZE);
	pthread_mutex_init(&b->lock, NULL);
}

static void change(struct beside *b, struct vexfs_graph_work *w, u64 *seed)
{
	bool live[CAP] = { false };
	u32 i, id;

	for (i = 0; i < CHANGES; i++) {
		id = FIXED + rnd(seed, CAP - FIXED);
		if (live[id]) {
			assert_int_equal(vexfs_graph_remove(&b->g, w, id), 0);
		} else {
			random_row(b, id, seed);
			assert_int_equal(vexfs_graph_insert(&b->g, w, id, id, (const u32 *)b->vec[id]), 0);
		}
		live[id] = !live[id];
		show(b);
	}
}

static void test_beside(void **state)
{
	struct beside *b = calloc(1, sizeof(*b));
	struct vexfs_graph_work *w = malloc(sizeof(*w));
	pthread_t thread;
	u64 seed = 11;
	void *mem;
	u32 i;

	open_beside(b);
	mem = work_memory(w, &b->g);
	for (i = 0; i < FIXED; i++) {
		random_row(b, i, &seed);
		assert_int_equal(vexfs_graph_insert(&b->g, w, i, i, (const u32 *)b->vec[i]), 0);
	}
	show(b);
	assert_int_equal(pthread_create(&thread, NULL, reader, b), 0);
	change(b, w, &seed);
	__atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(b->wrong, 0);
	assert_true(b->searches >= 100);
	assert_true((double)b->found >= 0.98 * b->searches);
	free(mem);
	free(w);
	free(b->mem);
	free(b->mean);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_beside) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
