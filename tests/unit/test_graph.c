// SPDX-License-Identifier: GPL-2.0
/* The graph against brute force: what it finds, after any change, and what damage may do to it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/graph.h"
#include "tests/unit/vecref.h"

#define K	10
#define MET	20000
#define POOL	512

struct world {
	struct vexfs_graph g;
	struct vexfs_graph_work w;
	struct vexfs_space s;
	u8 *mem;
	void *work;
	u32 *mean;
	float *vec;		/* cap rows */
	bool *live;
	u32 cap, held, fail_one_in, admit_one_in, admitted;
	u64 seed;
};

static int get(void *ctx, u32 lblk, bool change, void **data)
{
	struct world *x = ctx;

	assert_in_range(lblk, x->g.first, vexfs_graph_blocks(&x->g, x->cap) - 1);
	if (x->fail_one_in && !rnd(&x->seed, x->fail_one_in))
		return -EIO;
	x->held++;
	*data = x->mem + (size_t)lblk * VEXFS_BLOCK_SIZE;
	return 0;
}

static void put(void *ctx, u32 lblk, bool change, void *data)
{
	struct world *x = ctx;

	assert_ptr_equal(data, x->mem + (size_t)lblk * VEXFS_BLOCK_SIZE);
	assert_int_not_equal(x->held--, 0);
}

static int admit(void *ctx, u32 id, u32 stamp)
{
	struct world *x = ctx;

	assert_int_equal(x->held, 0);
	x->admitted++;
	return x->live[id] && stamp == id + 7 && (!x->admit_one_in || id % x->admit_one_in == 0);
}

static const struct vexfs_graph_ops ops = { .get = get, .put = put, .admit = admit };

static float *row(struct world *x, u32 id)
{
	return x->vec + (size_t)id * x->s.dim;
}

static void open_world(struct world *x, u32 dim, u8 metric, u32 cap, u64 seed)
{
	const struct vexfs_simd *k[MAX_KERNELS];
	u32 i, blocks;

	memset(x, 0, sizeof(*x));
	x->s = (struct vexfs_space){ .dim = dim, .elem = VEXFS_F32, .metric = metric };
	x->cap = cap;
	x->seed = seed;
	x->mean = aligned_alloc(64, vexfs_graph_mean_bytes(&x->s));
	vexfs_graph_init(&x->g, &x->s, 0, x->mean);
	x->g.simd = k[seed % (u32)usable_kernels(k)];
	x->g.ops = &ops;
	x->g.ctx = x;
	blocks = vexfs_graph_blocks(&x->g, cap);
	x->mem = aligned_alloc(VEXFS_BLOCK_SIZE, (size_t)blocks * VEXFS_BLOCK_SIZE);
	memset(x->mem, 0, (size_t)blocks * VEXFS_BLOCK_SIZE);
	for (i = x->g.first; i < blocks; i++)
		assert_int_equal(vexfs_graph_block_check(&x->g, i, x->mem + (size_t)i * 4096), 0);
	x->work = aligned_alloc(64, (vexfs_graph_work_bytes(&x->g, POOL, MET) + 63) & ~(size_t)63);
	vexfs_graph_work_init(&x->w, &x->g, POOL, MET, x->work);
	x->vec = calloc((size_t)cap * dim, sizeof(float));
	x->live = calloc(cap, sizeof(bool));
}

static void close_world(struct world *x)
{
	assert_int_equal(x->held, 0);
	free(x->mean);
	free(x->mem);
	free(x->work);
	free(x->vec);
	free(x->live);
}

/* Clusters, so that the data has structure: a centre by number and a step. */
static void random_vector(struct world *x, float *v, float offset, float size)
{
	u64 centre = rnd(&x->seed, 20) + 1;
	u32 i;

	for (i = 0; i < x->s.dim; i++)
		v[i] = offset + size * (rnd_float(&centre) + 0.5f * rnd_float(&x->seed));
}

static void train(struct world *x, u32 n)
{
	struct vexfs_graph_train t = { .g = &x->g, .tmp = malloc(x->g.gspace.dim * 4) };
	u32 i;

	for (i = 0; i < n; i++)
		vexfs_graph_train_add(&t, (const u32 *)row(x, i));
	vexfs_graph_train_end(&t);
	free(t.tmp);
}

static void add(struct world *x, u32 id)
{
	assert_int_equal(vexfs_graph_insert(&x->g, &x->w, id, id + 7, (const u32 *)row(x, id)), 0);
	x->live[id] = true;
	assert_int_equal(x->held, 0);
}

static void drop(struct world *x, u32 id)
{
	assert_int_equal(vexfs_graph_remove(&x->g, &x->w, id), 0);
	x->live[id] = false;
	assert_int_equal(x->held, 0);
}

static void fill(struct world *x, u32 n, float offset, float size)
{
	u32 i;

	for (i = 0; i < n; i++)
		random_vector(x, row(x, i), offset, size);
	train(x, n);
	for (i = 0; i < n; i++)
		add(x, i);
	assert_int_equal(x->g.count, n);
}

static double distance(const struct world *x, const float *a, const float *b)
{
	double dot = 0, na = 0, nb = 0, l2 = 0;
	u32 i;

	for (i = 0; i < x->s.dim; i++) {
		dot += (double)a[i] * b[i];
		na += (double)a[i] * a[i];
		nb += (double)b[i] * b[i];
		l2 += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
	}
	return x->s.metric == VEXFS_L2 ? l2 : x->s.metric == VEXFS_IP ? -dot : 1 - dot / sqrt(na * nb);
}

static bool visible(const struct world *x, u32 id)
{
	return x->live[id] && (!x->admit_one_in || id % x->admit_one_in == 0);
}

/* How many of the true k nearest are among the results: recall * k. */
static u32 hits(struct world *x, const float *q, u32 k, const struct vexfs_cand *out, u32 n)
{
	u32 i, j, found = 0;

	for (i = 0; i < n; i++) {
		double d = distance(x, q, row(x, out[i].id));
		u32 nearer = 0;

		assert_true(visible(x, out[i].id));
		for (j = 0; j < i; j++)
			assert_int_not_equal(out[j].id, out[i].id);
		for (j = 0; j < x->cap; j++)
			nearer += visible(x, j) && distance(x, q, row(x, j)) < d - 1e-9 * fabs(d);
		found += nearer < k;
	}
	return min(found, k);
}

static struct vexfs_graph_reply search(struct world *x, const float *q, u32 ef, u32 want, struct vexfs_cand *out)
{
	struct vexfs_graph_ask ask = { .f32 = (const u32 *)q, .ef = ef, .want = want, .need = K };
	struct vexfs_graph_reply r;

	assert_int_equal(vexfs_graph_search(&x->g, &x->w, &ask, out, &r), 0);
	assert_int_equal(x->held, 0);
	assert_in_range(r.n, 0, want);
	return r;
}

/* Mean recall@K of random queries, the results reranked by nature: all 4K are looked at. */
static double recall(struct world *x, u32 queries, u32 ef, float offset, float size)
{
	float *q = malloc(x->s.dim * sizeof(float));
	struct vexfs_cand out[4 * K];
	u32 i, found = 0;

	for (i = 0; i < queries; i++) {
		random_vector(x, q, offset, size);
		found += hits(x, q, K, out, search(x, q, ef, 4 * K, out).n);
	}
	free(q);
	return (double)found / (queries * K);
}

static void test_layout(void **state)
{
	u32 dims[] = { 1, 2, 15, 16, 100, 128, 384, 768, 784, 1024, 1536, 3000, 3583, 3584, 3585, 16384 }, i, j, m;

	for (i = 0; i < ARRAY_SIZE(dims); i++)
		for (m = VEXFS_L2; m <= VEXFS_IP; m++) {
			struct vexfs_space s = { .dim = dims[i], .elem = VEXFS_F32, .metric = (u8)m };
			u32 *mean = aligned_alloc(64, vexfs_graph_mean_bytes(&s));
			struct vexfs_graph g;

			vexfs_graph_init(&g, &s, 0, mean);
			assert_in_range(g.links, 32, VEXFS_GRAPH_MAX_LINKS);
			assert_in_range(g.degree, 16, g.links - 1);
			assert_in_range(g.per_block * g.stride, 1, VEXFS_BLOCK_SIZE);
			assert_int_equal(g.code_at % 16, 0);
			/* the division by a product, at its edges */
			for (j = 0; j < 2000; j++) {
				u32 id = j < 1000 ? VEXFS_GRAPH_MAX_ID - j : j * 1073741U;

				assert_int_equal(id * g.recip >> g.shift, id / g.per_block);
			}
			assert_in_range(g.code_at, 12 + 4 * g.links, g.stride - 16 - g.gspace.dim);
			free(mean);
		}
}

static void test_head(void **state)
{
	struct vexfs_graph_head h, bad;
	struct vexfs_graph_means m;
	struct vexfs_graph g;
	struct world x;
	u32 i, *mean;

	open_world(&x, 1500, VEXFS_COSINE, 40, 1);
	fill(&x, 40, 1, 1);
	x.g.stamp = 1234567890123ULL;
	mean = aligned_alloc(64, vexfs_graph_mean_bytes(&x.s));
	vexfs_graph_head_write(&x.g, &h);
	assert_null(vexfs_graph_head_read(&g, &h, &x.s, 0, mean));
	for (i = 1; i < g.first; i++) {
		vexfs_graph_means_write(&x.g, &m, i);
		assert_null(vexfs_graph_means_read(&g, &m, i));
		assert_string_equal(vexfs_graph_means_read(&g, &m, i + 1), "damaged means of the graph");
	}
	assert_memory_equal(mean, x.mean, x.g.gspace.dim * 4);
	assert_true(g.stamp == x.g.stamp);
	assert_int_equal(g.nrec, 40);
	assert_memory_equal(g.entry, x.g.entry, sizeof(g.entry));
	for (i = 0; i < sizeof(h); i++) {
		bad = h;
		((u8 *)&bad)[i] ^= 1;
		assert_non_null(vexfs_graph_head_read(&g, &bad, &x.s, 0, mean));
	}
	assert_string_equal(vexfs_graph_head_read(&g, &h, &x.s, 1, mean), "graph of another collection");
	free(mean);
	close_world(&x);
}

static void test_recall(void **state)
{
	u32 dims[] = { 1, 2, 7, 64, 130, 784, 4000 }, i, m;
	struct world x;

	for (i = 0; i < ARRAY_SIZE(dims); i++)
		for (m = VEXFS_L2; m <= VEXFS_IP; m++) {
			u32 n = dims[i] > 500 ? 150 : 500;
			double got;

			open_world(&x, dims[i], (u8)m, n, dims[i] * 10 + m);
			fill(&x, n, 0, 1);
			got = recall(&x, 15, 128, 0, 1);
			print_message("dim %u metric %u: recall %.3f\n", dims[i], m, got);
			assert_true(got >= 0.99);
			close_world(&x);
		}
}

/* Sets that int8 codes of the vectors themselves lose: a common offset, extreme sizes, one large component. */
static void test_trusted(void **state)
{
	static const float set[][2] = { { 1000, 1 }, { -3e6f, 100 }, { 0, 1e-18f }, { 0, 1e18f }, { 1e30f, 1e29f } };
	struct world x;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(set); i++) {
		open_world(&x, 32, VEXFS_L2, 300, 50 + i);
		fill(&x, 300, set[i][0], set[i][1]);
		assert_true(recall(&x, 15, 64, set[i][0], set[i][1]) >= 0.99);
		close_world(&x);
	}
}

static void test_duplicates(void **state)
{
	struct vexfs_cand out[80];
	struct world x;
	u32 i, n;

	open_world(&x, 48, VEXFS_COSINE, 400, 3);
	for (i = 0; i < 400; i++)
		random_vector(&x, row(&x, i), 0, 1);
	for (i = 0; i < 400; i += 5)
		memcpy(row(&x, i), row(&x, 0), 48 * sizeof(float));
	train(&x, 400);
	for (i = 0; i < 400; i++)
		add(&x, i);
	assert_int_equal(x.g.count, 400);
	assert_int_equal(x.g.nodes, 321);
	n = search(&x, row(&x, 0), 32, 80, out).n;
	assert_int_equal(n, 80);
	assert_int_equal(hits(&x, row(&x, 0), 80, out, n), 80);
	/* from the front, where the links are, from the end, and from the middle */
	for (i = 0; i < 80; i++) {
		u32 id = i % 3 == 0 ? 5 * (i / 3) : i % 3 == 1 ? 395 - 5 * (i / 3) : 5 * (53 - i / 3);

		if (!x.live[id])
			continue;
		drop(&x, id);
		n = search(&x, row(&x, 0), 32, 10, out).n;
		assert_int_equal(hits(&x, row(&x, 0), 10, out, n), 10);
	}
	assert_true(recall(&x, 20, 64, 0, 1) >= 0.99);
	close_world(&x);
}

static void test_churn(void **state)
{
	struct world x;
	u32 round, i, id;

	open_world(&x, 40, VEXFS_L2, 600, 4);
	fill(&x, 600, 0, 1);
	assert_int_equal(vexfs_graph_insert(&x.g, &x.w, 5, 1, (const u32 *)row(&x, 5)), -EEXIST);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 60; i++) {
			id = rnd(&x.seed, 600);
			if (x.live[id])
				drop(&x, id);
		}
		for (id = 0; id < 600; id++) {
			if (x.live[id])
				continue;
			random_vector(&x, row(&x, id), 0, 1);
			add(&x, id);
		}
		assert_int_equal(x.g.count, 600);
	}
	assert_true(recall(&x, 30, 96, 0, 1) >= 0.99);
	for (id = 0; id < 600; id += 2)
		drop(&x, id);
	assert_true(recall(&x, 30, 96, 0, 1) >= 0.99);
	for (id = 1; id < 600; id += 2)
		drop(&x, id);
	assert_int_equal(x.g.count, 0);
	assert_int_equal(x.g.nodes, 0);
	assert_int_equal(vexfs_graph_remove(&x.g, &x.w, 5), -ENOENT);
	for (id = 0; id < 300; id++)
		add(&x, id);
	assert_true(recall(&x, 30, 96, 0, 1) >= 0.99);
	close_world(&x);
}

/* What cannot be reached after some blocks were lost is freed, and inserted again all is as before. */
static void sweep(struct world *x, u32 lost)
{
	void *mem = malloc(vexfs_graph_sweep_bytes(&x->g));
	u32 i, stamp, freed, n = 0, was = x->g.count;

	freed = vexfs_graph_sweep(&x->g, mem);
	free(mem);
	assert_int_equal(x->g.count, was - lost - freed);
	for (i = 0; i < x->cap; i++) {
		if (vexfs_graph_record(&x->g, i, &stamp)) {
			assert_true(x->live[i] && stamp == i + 7);
			n++;
		} else if (x->live[i]) {
			add(x, i);
		}
	}
	assert_int_equal(n, was - lost - freed);
	assert_int_equal(x->g.count, was);
}

static void test_sweep(void **state)
{
	struct world x;
	u32 i, lost, lblk;

	open_world(&x, 24, VEXFS_L2, 900, 9);
	for (i = 0; i < 900; i++)
		random_vector(&x, row(&x, i), 0, 1);
	for (i = 0; i < 900; i += 6)
		memcpy(row(&x, i), row(&x, 6 * (i % 36 / 6)), 24 * sizeof(float));
	train(&x, 900);
	for (i = 0; i < 900; i++)
		add(&x, i);
	for (i = 5; i < 900; i += 9)
		drop(&x, i);
	sweep(&x, 0);
	assert_true(recall(&x, 30, 96, 0, 1) >= 0.99);
	for (i = 0, lost = 0; i < 8; i++) {
		lblk = x.g.first + rnd(&x.seed, vexfs_graph_blocks(&x.g, 900) - x.g.first);
		x.mem[(size_t)lblk * VEXFS_BLOCK_SIZE + rnd(&x.seed, x.g.per_block) * x.g.stride + 12] ^= 1;
		lost += vexfs_graph_block_check(&x.g, lblk, x.mem + (size_t)lblk * VEXFS_BLOCK_SIZE);
	}
	assert_true(lost >= 8);
	sweep(&x, lost);
	assert_true(recall(&x, 30, 96, 0, 1) >= 0.99);
	close_world(&x);
}

/* k that pass come back whenever there are k, however few pass. */
static void test_filter(void **state)
{
	static const u32 one_in[] = { 2, 10, 40 };
	struct vexfs_cand out[K];
	struct world x;
	float q[24];
	u32 i;

	open_world(&x, 24, VEXFS_L2, 500, 5);
	fill(&x, 500, 0, 1);
	for (i = 0; i < ARRAY_SIZE(one_in); i++) {
		struct vexfs_graph_reply r;

		x.admit_one_in = one_in[i];
		random_vector(&x, q, 0, 1);
		r = search(&x, q, 20, K, out);
		assert_int_equal(r.n, K);
		assert_true(r.complete);
	}
	x.admit_one_in = 100;	/* only 5 pass: the reply says that this is all */
	assert_int_equal(search(&x, q, 20, K, out).n, 5);
	close_world(&x);
}

static void test_budget(void **state)
{
	struct vexfs_cand out[K];
	struct vexfs_graph_reply r;
	struct world x;
	u32 budget;

	open_world(&x, 24, VEXFS_L2, 500, 6);
	fill(&x, 500, 0, 1);
	x.admit_one_in = 100;
	for (budget = 1; budget < 400; budget += 13) {
		struct vexfs_graph_ask ask = {
			.f32 = (const u32 *)row(&x, 9), .ef = 50, .want = K, .need = K, .budget = budget,
		};

		assert_int_equal(vexfs_graph_search(&x.g, &x.w, &ask, out, &r), 0);
		assert_in_range(r.compared, 1, budget);
		assert_false(r.complete);
	}
	close_world(&x);
}

static u8 *record(struct world *x, u32 id)
{
	return x->mem + (size_t)(x->g.first + id / x->g.per_block) * 4096 + (size_t)(id % x->g.per_block) * x->g.stride;
}

/* A damaged record is found by its checksum, becomes free, and can be inserted again. */
static void test_checksum(void **state)
{
	struct world x;
	u32 lblk, i;
	u8 *block;

	open_world(&x, 50, VEXFS_L2, 200, 7);
	fill(&x, 200, 0, 1);
	lblk = x.g.first + 2;
	block = x.mem + (size_t)lblk * 4096;
	vexfs_graph_block_seal(&x.g, lblk, block);
	assert_int_equal(vexfs_graph_block_check(&x.g, lblk, block), 0);
	for (i = 0; i < x.g.per_block; i++)
		record(&x, 2 * x.g.per_block + i)[rnd(&x.seed, 12 + 4 * x.g.links)] ^= 4;
	assert_int_equal(vexfs_graph_block_check(&x.g, lblk, block), x.g.per_block);
	for (i = 0; i < x.g.per_block; i++)
		add(&x, 2 * x.g.per_block + i);
	assert_true(recall(&x, 20, 96, 0, 1) >= 0.97);
	/* written to another block's place */
	vexfs_graph_block_seal(&x.g, lblk, block);
	assert_int_equal(vexfs_graph_block_check(&x.g, lblk + 1, block), x.g.per_block);
	close_world(&x);
}

/* Any bytes at all: calls end, and stay within the records there are. */
static void test_hostile(void **state)
{
	struct vexfs_cand out[4 * K];
	struct world x;
	u32 round, i, j;

	for (round = 0; round < 60; round++) {
		open_world(&x, 20, round % 3 + 1, 200, 100 + round);
		fill(&x, 150, 0, 1);
		for (i = 0; i < 150; i++)
			for (j = 0; j < round; j++)
				record(&x, i)[rnd(&x.seed, x.g.stride)] = (u8)rnd64(&x.seed);
		for (i = 0; i < x.g.nentries; i++)
			x.g.entry[i] = (u32)rnd64(&x.seed) >> rnd(&x.seed, 32);
		for (i = 0; i < 50; i++) {
			random_vector(&x, row(&x, 150 + i), 0, 1);
			search(&x, row(&x, 150 + i), 32, 4 * K, out);
			(void)vexfs_graph_remove(&x.g, &x.w, i * 3);
			(void)vexfs_graph_insert(&x.g, &x.w, 150 + i, 157 + i, (const u32 *)row(&x, 150 + i));
		}
		close_world(&x);
	}
}

/* Cycles of twins, a twin that names itself, links to itself. */
static void test_rings(void **state)
{
	struct vexfs_cand out[4 * K];
	struct world x;
	u32 i;

	open_world(&x, 20, VEXFS_L2, 100, 8);
	fill(&x, 100, 0, 1);
	for (i = 0; i < 100; i++) {
		struct vexfs_graph_node *n = (void *)record(&x, i);

		n->gn_next = cpu_to_le32(i % 2 ? i : (i + 2) % 100);
		n->gn_link[0] = cpu_to_le32(i);
		n->gn_state = i % 4 ? VEXFS_GRAPH_NODE : VEXFS_GRAPH_TWIN;
	}
	for (i = 0; i < 100; i++) {
		search(&x, row(&x, i), 64, 4 * K, out);
		(void)vexfs_graph_remove(&x.g, &x.w, i);
	}
	close_world(&x);
}

/* Reads that fail cost recall; no block stays held, and what was made stays sound. */
static void test_errors(void **state)
{
	struct vexfs_cand out[4 * K];
	struct world x;
	u32 i, failed = 0;

	open_world(&x, 30, VEXFS_L2, 400, 9);
	for (i = 0; i < 400; i++)
		random_vector(&x, row(&x, i), 0, 1);
	train(&x, 400);
	x.fail_one_in = 200;
	for (i = 0; i < 400; i++) {
		int err = vexfs_graph_insert(&x.g, &x.w, i, i + 7, (const u32 *)row(&x, i));

		assert_true(!err || err == -EIO);
		failed += err != 0;
		assert_int_equal(x.held, 0);
		x.live[i] = !err;
		search(&x, row(&x, i), 64, 4 * K, out);
		if (i % 5 == 0 && !err)
			x.live[i] = vexfs_graph_remove(&x.g, &x.w, i);
	}
	assert_int_not_equal(failed, 0);
	x.fail_one_in = 0;
	assert_true(recall(&x, 20, 128, 0, 1) >= 0.9);
	close_world(&x);
}

static void test_refused(void **state)
{
	float v[4] = { 3e38f, -3e38f, 3e38f, 3e38f };
	struct world x;

	open_world(&x, 4, VEXFS_L2, 20, 10);
	fill(&x, 10, 0, 1);
	assert_int_equal(vexfs_graph_insert(&x.g, &x.w, 15, 1, (const u32 *)v), -EDOM);
	assert_int_equal(vexfs_graph_insert(&x.g, &x.w, VEXFS_GRAPH_MAX_ID, 1, (const u32 *)v), -EDOM);
	assert_int_equal(x.g.count, 10);
	close_world(&x);
}

static void test_plan(void **state)
{
	struct vexfs_plan_ask a = { .total = 1000000, .match = 1000000, .k = 10, .ef = 64 };
	u32 ef, budget;

	assert_int_equal(vexfs_graph_plan(&a, &ef, &budget), VEXFS_PLAN_WALK);
	assert_int_equal(ef, 64);
	/* records of what was deleted just now */
	a.match = 990000;
	assert_int_equal(vexfs_graph_plan(&a, &ef, &budget), VEXFS_PLAN_WALK);
	assert_int_equal(ef, 64);
	a.match = 500000;
	assert_int_equal(vexfs_graph_plan(&a, &ef, &budget), VEXFS_PLAN_WIDEN);
	assert_in_range(ef, 128, 300);
	a.match = 1000;
	assert_int_equal(vexfs_graph_plan(&a, &ef, &budget), VEXFS_PLAN_SCAN);
	a.match = 0;
	assert_int_equal(vexfs_graph_plan(&a, &ef, &budget), VEXFS_PLAN_SCAN);
	a = (struct vexfs_plan_ask){ .total = 2000, .match = 2000, .k = 10, .ef = 64 };
	assert_int_equal(vexfs_graph_plan(&a, &ef, &budget), VEXFS_PLAN_SCAN);
	a = (struct vexfs_plan_ask){ .total = ~0U, .match = 1, .k = ~0U, .ef = ~0U };
	assert_int_equal(vexfs_graph_plan(&a, &ef, &budget), VEXFS_PLAN_SCAN);
}

static void test_sift(void **state)
{
	struct vexfs_sift_ask a = { .n = 60000, .asked = 256, .passed = 256, .window = 64, .most = 65536 };
	u32 last = 0, now;

	assert_in_range(vexfs_graph_sift(&a), 64, 128);
	/* fewer that pass: more candidates, until asking all is cheaper */
	for (a.passed = 256; (now = vexfs_graph_sift(&a)); a.passed -= 8) {
		assert_true(now >= last && (u64)now * a.passed >= 64ULL * 256);
		last = now;
	}
	assert_int_equal(a.passed, 8);
	a.passed = 128;
	a.most = 100;
	assert_int_equal(vexfs_graph_sift(&a), 0);
	a = (struct vexfs_sift_ask){ .n = 300, .asked = 256, .passed = 32, .window = 64, .most = 65536 };
	assert_int_equal(vexfs_graph_sift(&a), 0);
	a = (struct vexfs_sift_ask){ .n = ~0U, .asked = ~0U, .passed = 16, .window = ~0U, .most = ~0U };
	assert_int_equal(vexfs_graph_sift(&a), 0);
	a = (struct vexfs_sift_ask){ 0 };
	assert_int_equal(vexfs_graph_sift(&a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout), cmocka_unit_test(test_head), cmocka_unit_test(test_recall),
		cmocka_unit_test(test_trusted), cmocka_unit_test(test_duplicates), cmocka_unit_test(test_churn),
		cmocka_unit_test(test_filter), cmocka_unit_test(test_sweep), cmocka_unit_test(test_budget),
		cmocka_unit_test(test_checksum), cmocka_unit_test(test_hostile), cmocka_unit_test(test_rings),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_plan), cmocka_unit_test(test_sift),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
