// SPDX-License-Identifier: GPL-2.0
/* The distance kernels against double precision, against each other, and at the edge of memory. */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "vecref.h"

#define N 9	/* two groups of four and a rest */

static const struct vexfs_simd *kernels[MAX_KERNELS];
static int nkernels;

/* A query and N vectors of one space, as payload, float32 and code record. */
struct world {
	struct vexfs_space s;
	struct vexfs_query q;
	void *qmem;
	u8 *payload[N];
	u32 *f32[N];
	u8 *rec_mem[N];
	const struct vexfs_code *rec[N];
};

static void fill_payload(const struct vexfs_space *s, u8 *p, u64 *seed)
{
	u32 i;

	for (i = 0; i < s->dim; i++) {
		float f = rnd_float(seed);
		_Float16 h = (_Float16)f;
		s8 b = (s8)(127 * f);

		if (s->elem == VEXFS_F32)
			memcpy(p + 4 * i, &f, 4);
		else if (s->elem == VEXFS_F16)
			memcpy(p + 2 * i, &h, 2);
		else
			p[i] = (u8)(b ? b : 1);
	}
}

/* Every buffer is as small as the contract allows, so ASan sees a read beyond it. */
static void add_vector(struct world *w, u32 i, u64 *seed)
{
	w->payload[i] = malloc(vexfs_vec_bytes(&w->s));
	w->f32[i] = malloc(w->s.dim * sizeof(u32));
	/* at any address: records need no alignment */
	w->rec_mem[i] = malloc(vexfs_code_bytes(&w->s) + i % 5);
	w->rec[i] = (const void *)(w->rec_mem[i] + i % 5);
	fill_payload(&w->s, w->payload[i], seed);
	assert_int_equal(vexfs_vec_check(&w->s, w->payload[i]), 0);
	vexfs_vec_to_f32(&w->s, w->payload[i], w->f32[i]);
	vexfs_code_encode(&w->s, w->f32[i], i, (void *)(w->rec_mem[i] + i % 5));
	assert_true(vexfs_code_valid(&w->s, w->rec[i], i));
}

static void world_open(struct world *w, u32 dim, u8 elem, u8 metric, u64 *seed)
{
	u32 i, *qf = malloc(dim * sizeof(u32));

	w->s = (struct vexfs_space){ .dim = dim, .elem = elem, .metric = metric };
	for (i = 0; i < dim; i++)
		qf[i] = f2u(rnd_float(seed));
	w->qmem = aligned_alloc(64, (vexfs_query_bytes(&w->s) + 63) & ~63UL);
	assert_int_equal(vexfs_query_init(&w->q, &w->s, qf, w->qmem), 0);
	for (i = 0; i < N; i++)
		add_vector(w, i, seed);
	free(qf);
}

static void world_close(struct world *w)
{
	u32 i;

	for (i = 0; i < N; i++) {
		free(w->payload[i]);
		free(w->f32[i]);
		free(w->rec_mem[i]);
	}
	free(w->qmem);
}

static double finish(u8 metric, double dot, double nq, double nc, double l2)
{
	if (metric == VEXFS_L2)
		return l2;
	if (metric == VEXFS_IP)
		return -dot;
	return fmin(2, fmax(0, 1 - dot / sqrt(nq * nc)));
}

/* Distance in double and, in *size, the sum of its terms' magnitudes: what rounding scales with. */
static double exact_reference(const struct world *w, u32 v, double *size)
{
	double dot = 0, nq = 0, nc = 0, l2 = 0, abs = 0;
	u32 i;

	for (i = 0; i < w->s.dim; i++) {
		double a = u2f(w->q.f32[i]), b = u2f(w->f32[v][i]);

		dot += a * b;
		nq += a * a;
		nc += b * b;
		l2 += (a - b) * (a - b);
		abs += fabs(a * b);
	}
	*size = w->s.metric == VEXFS_L2 ? l2 : w->s.metric == VEXFS_IP ? abs : 1;
	return finish(w->s.metric, dot, nq, nc, l2);
}

/* The distance the codes stand for: dot product of codes, norms as stored. */
static double scan_reference(const struct world *w, u32 v, double *size)
{
	double dot = 0, nq = u2f(w->q.norm2), nc;
	struct vexfs_code head;
	const s8 *code = (const s8 *)(w->rec[v] + 1);
	u32 i;

	memcpy(&head, (const void *)w->rec[v], sizeof(head));
	nc = u2f(le32_to_cpu(head.k_norm2));
	for (i = 0; i < w->s.dim; i++)
		dot += w->q.code[i] * code[i];
	dot *= (double)u2f(w->q.scale) * u2f(le32_to_cpu(head.k_scale));
	*size = w->s.metric == VEXFS_L2 ? nq + nc : w->s.metric == VEXFS_IP ? fabs(dot) : 1;
	return finish(w->s.metric, dot, nq, nc, fmax(0, nq + nc - 2 * dot));
}

static void check_near(const char *what, const struct world *w, u32 v, u32 key, double want, double tol)
{
	double got = key_float(key);

	if (fabs(got - want) <= tol)
		return;
	fail_msg("%s dim %u elem %u metric %u vector %u: %.9g, want %.9g +- %.2g", what, w->s.dim,
		 w->s.elem, w->s.metric, v, got, want, tol);
}

static void check_scan(const struct world *w)
{
	u32 key[MAX_KERNELS][N + 1], v;
	double size, want;
	int k;

	for (k = 0; k < nkernels; k++) {
		key[k][N] = 0xabad1dea;
		kernels[k]->scan(&w->q, w->rec, N, key[k]);
		assert_int_equal(key[k][N], 0xabad1dea);
		/* not near: equal, on every processor */
		if (memcmp(key[k], key[0], sizeof(key[0])))
			fail_msg("scan of %s differs from int: dim %u elem %u metric %u",
				 kernels[k]->name, w->s.dim, w->s.elem, w->s.metric);
	}
	for (v = 0; v < N; v++) {
		want = scan_reference(w, v, &size);
		check_near("scan", w, v, key[0][v], want, 8 * FLT_EPSILON * size);
	}
}

static void check_exact(const struct world *w)
{
	u32 key[N + 1], v;
	double size, want, ulps;
	int k;

	for (k = 0; k < nkernels; k++) {
		key[N] = 0xabad1dea;
		kernels[k]->exact(&w->q, (const u32 *const *)w->f32, N, key);
		assert_int_equal(key[N], 0xabad1dea);
		/* 16 lanes at least: a sum has dim / 16 roundings, each half an ulp. */
		ulps = kernels[k]->fpu ? 8 + w->s.dim / 32.0 : 4;
		for (v = 0; v < N; v++) {
			want = exact_reference(w, v, &size);
			check_near(kernels[k]->name, w, v, key[v], want, ulps * FLT_EPSILON * size);
		}
	}
}

static void check_dim(u32 dim, u64 *seed)
{
	struct world w;
	u8 elem, metric;

	for (elem = VEXFS_F32; elem <= VEXFS_I8; elem++) {
		for (metric = VEXFS_L2; metric <= VEXFS_IP; metric++) {
			world_open(&w, dim, elem, metric, seed);
			check_scan(&w);
			check_exact(&w);
			world_close(&w);
		}
	}
}

static void test_every_dim(void **state)
{
	u64 seed = 11;
	u32 dim;

	for (dim = 1; dim <= 130; dim++)
		check_dim(dim, &seed);
}

static void test_large_dims(void **state)
{
	static const u32 dims[] = { 255, 256, 257, 300, 384, 768, 1000, 1536, 2047, 2048, 2049, 2063,
				    2064, 2080, 4095, 4096, 4111, 8191, 16383, 16384 };
	u64 seed = 12;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(dims); i++)
		check_dim(dims[i], &seed);
}

static void check_count(const struct world *w, u32 n)
{
	u32 all[N], some[N + 1], one, v;
	int k;

	for (k = 0; k < nkernels; k++) {
		kernels[k]->exact(&w->q, (const u32 *const *)w->f32, N, all);
		some[n] = 0xabad1dea;
		kernels[k]->exact(&w->q, (const u32 *const *)w->f32, n, some);
		assert_int_equal(some[n], 0xabad1dea);
		assert_memory_equal(some, all, n * sizeof(u32));
		kernels[k]->scan(&w->q, w->rec, N, all);
		kernels[k]->scan(&w->q, w->rec, n, some);
		assert_int_equal(some[n], 0xabad1dea);
		assert_memory_equal(some, all, n * sizeof(u32));
		for (v = 0; v < n; v++) {
			kernels[k]->scan(&w->q, w->rec + v, 1, &one);
			assert_int_equal(one, all[v]);
		}
	}
}

/* A vector's distance does not depend on its neighbours, their number or its address. */
static void test_counts(void **state)
{
	u64 seed = 13;
	u32 n, metric;
	struct world w;

	for (metric = VEXFS_L2; metric <= VEXFS_IP; metric++) {
		world_open(&w, 77, VEXFS_F32, (u8)metric, &seed);
		for (n = 0; n < N; n++)
			check_count(&w, n);
		world_close(&w);
	}
}

/*
 * Place @bytes at the very end (@end) or start of a page whose neighbours are
 * not mapped: a masked or inline-assembler read beyond them, which ASan does
 * not see, dies here.
 */
static void *fenced(const void *data, size_t bytes, bool end, void **map)
{
	size_t page = 4096, pages = (bytes + page - 1) / page;
	u8 *p = mmap(NULL, (pages + 2) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p + page, pages * page, PROT_READ | PROT_WRITE), 0);
	*map = p;
	p += page + (end ? pages * page - bytes : 0);
	memcpy(p, data, bytes);
	return p;
}

static void unfence(void *map, size_t bytes)
{
	munmap(map, ((bytes + 4095) / 4096 + 2) * 4096);
}

static void check_fence(const struct world *w, bool end)
{
	u32 rec_bytes = vexfs_code_bytes(&w->s), f32_bytes = 4 * w->s.dim, key[2], want[2];
	void *map[2];
	const struct vexfs_code *rec = fenced(w->rec[0], rec_bytes, end, &map[0]);
	const u32 *vec = fenced(w->f32[0], f32_bytes, end, &map[1]);
	int k;

	for (k = 0; k < nkernels; k++) {
		kernels[k]->scan(&w->q, w->rec, 1, &want[0]);
		kernels[k]->scan(&w->q, &rec, 1, &key[0]);
		kernels[k]->exact(&w->q, (const u32 *const *)w->f32, 1, &want[1]);
		kernels[k]->exact(&w->q, &vec, 1, &key[1]);
		assert_memory_equal(key, want, sizeof(key));
	}
	unfence(map[0], rec_bytes);
	unfence(map[1], f32_bytes);
}

static void test_guard_pages(void **state)
{
	u64 seed = 14;
	u32 dim, metric;
	struct world w;

	for (dim = 1; dim <= 130; dim++) {
		for (metric = VEXFS_L2; metric <= VEXFS_IP; metric++) {
			world_open(&w, dim, VEXFS_F32, (u8)metric, &seed);
			check_fence(&w, false);
			check_fence(&w, true);
			world_close(&w);
		}
	}
}

/* The largest dot products there are: every code +-127, every dimension that may overflow a lane. */
static void test_saturation(void **state)
{
	static const u32 dims[] = { 16, 32, 2047, 2048, 2049, 4096, 16384 };
	u32 i, j, sign, key[MAX_KERNELS];
	int k;

	for (i = 0; i < ARRAY_SIZE(dims); i++) {
		for (sign = 0; sign < 4; sign++) {
			struct vexfs_space s = { dims[i], VEXFS_F32, VEXFS_IP };
			float *v = malloc(4 * s.dim), *c = malloc(4 * s.dim);
			void *mem = aligned_alloc(64, (vexfs_query_bytes(&s) + 63) & ~63UL);
			struct vexfs_code *rec = malloc(vexfs_code_bytes(&s));
			const struct vexfs_code *recs[1] = { rec };
			struct vexfs_query q;

			for (j = 0; j < s.dim; j++) {
				v[j] = sign & 1 ? -127 : 127;
				c[j] = sign & 2 ? -127 : 127;
			}
			assert_int_equal(vexfs_query_init(&q, &s, (u32 *)v, mem), 0);
			vexfs_code_encode(&s, (u32 *)c, 0, rec);
			for (k = 0; k < nkernels; k++) {
				kernels[k]->scan(&q, recs, 1, &key[k]);
				assert_true(key_float(key[k]) == -v[0] * c[0] * (float)s.dim);
			}
			free(v), free(c), free(mem), free(rec);
		}
	}
}

/* Values at the ends of float32: all kernels scan alike; exact never returns garbage. */
static void test_extremes(void **state)
{
	static const float pool[] = { 0, -0.0f, FLT_MAX, -FLT_MAX, 1e30f, -1e30f, 1e-45f, -1e-45f,
				      FLT_MIN, 1, -1, 1e-20f, 1e19f };
	struct vexfs_space s = { .dim = 21, .elem = VEXFS_F32 };
	struct vexfs_code *rec = malloc(vexfs_code_bytes(&s));
	const struct vexfs_code *recs[1] = { rec };
	void *mem = aligned_alloc(64, (vexfs_query_bytes(&s) + 63) & ~63UL);
	float a[21], b[21];
	const u32 *vecs[1] = { (const u32 *)b };
	u32 round, i, key, ref, plain;
	u64 seed = 15;
	struct vexfs_query q;
	int k;

	for (round = 0; round < 30000; round++) {
		u32 few = 1 + rnd(&seed, ARRAY_SIZE(pool));

		s.metric = (u8)(VEXFS_L2 + round % 3);
		for (i = 0; i < s.dim; i++) {
			a[i] = pool[rnd(&seed, few)];
			b[i] = pool[ARRAY_SIZE(pool) - 1 - rnd(&seed, few)];
		}
		if (vexfs_vec_check(&s, b) || vexfs_query_init(&q, &s, (u32 *)a, mem))
			continue;
		vexfs_code_encode(&s, (u32 *)b, 0, rec);
		kernels[0]->scan(&q, recs, 1, &ref);
		kernels[0]->exact(&q, vecs, 1, &plain);
		for (k = 1; k < nkernels; k++) {
			kernels[k]->scan(&q, recs, 1, &key);
			assert_int_equal(key, ref);
			kernels[k]->exact(&q, vecs, 1, &key);
			/* A true distance that is finite may overflow on the way, no more. */
			if (isfinite(key_float(key)) && isfinite(key_float(plain)))
				assert_true(fabs((double)key_float(key) - key_float(plain)) <=
					    1e-4 * fabs(key_float(plain)) + 1e33);
			if (s.metric != VEXFS_IP)
				assert_true(key_float(key) >= 0);
			if (s.metric == VEXFS_COSINE)
				assert_true(key_float(key) <= 2);
		}
	}
	free(rec), free(mem);
}

/* Headers no encoder makes, as a damaged disk may hold them: the kernels still agree. */
static void test_garbage_headers(void **state)
{
	static const u32 bits[] = { 0, 0x80000000, 1, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345,
				    0xbf800000, 0x3f800000, 0x7f7fffff, 0x00800000 };
	u64 seed = 16;
	u32 i, j, metric, ref, key;
	struct world w;
	int k;

	for (metric = VEXFS_L2; metric <= VEXFS_IP; metric++) {
		world_open(&w, 40, VEXFS_F32, (u8)metric, &seed);
		for (i = 0; i < ARRAY_SIZE(bits); i++) {
			for (j = 0; j < ARRAY_SIZE(bits); j++) {
				struct vexfs_code head = { .k_scale = cpu_to_le32(bits[i]),
							   .k_norm2 = cpu_to_le32(bits[j]) };

				memcpy(w.rec_mem[0], &head, sizeof(head));
				kernels[0]->scan(&w.q, w.rec, 1, &ref);
				for (k = 1; k < nkernels; k++) {
					kernels[k]->scan(&w.q, w.rec, 1, &key);
					assert_int_equal(key, ref);
				}
			}
		}
		world_close(&w);
	}
}

/* The nearest vector of all is the query itself. */
static void test_self(void **state)
{
	u64 seed = 17;
	struct world w;
	const u32 *self[1];
	u32 key, metric;
	int k;

	for (metric = VEXFS_L2; metric <= VEXFS_COSINE; metric++) {
		world_open(&w, 100, VEXFS_F32, (u8)metric, &seed);
		self[0] = w.q.f32;
		for (k = 0; k < nkernels; k++) {
			kernels[k]->exact(&w.q, self, 1, &key);
			assert_true(key_float(key) <= 2 * FLT_EPSILON);
		}
		world_close(&w);
	}
}

/* Says which sets the others are about. */
static void test_all_present(void **state)
{
	int k;

	for (k = 0; k < nkernels; k++)
		print_message("kernels: %s\n", kernels[k]->name);
	if (nkernels == ALL_KERNELS)
		return;
	print_message("SKIP: this processor has %d of %d sets; those are tested\n", nkernels, ALL_KERNELS);
	skip();
}

static int find_kernels(void **state)
{
	nkernels = usable_kernels(kernels);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_present),
		cmocka_unit_test(test_every_dim),
		cmocka_unit_test(test_large_dims),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_guard_pages),
		cmocka_unit_test(test_saturation),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_garbage_headers),
		cmocka_unit_test(test_self),
	};

	return cmocka_run_group_tests(tests, find_kernels, NULL);
}
