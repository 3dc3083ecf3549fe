// SPDX-License-Identifier: GPL-2.0
/* The searches that are compared: core's kernels, and Faiss where it is installed. */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define BATCH	32	/* records per call, as in one of the kernel's FPU sections */

static const struct vexfs_simd *const all_kernels[] = {
	&vexfs_simd_int,
#ifdef __x86_64__
	&vexfs_simd_sse2,
	&vexfs_simd_avx2,
#endif
#ifdef __AARCH64EL__
	&vexfs_simd_neon,
	&vexfs_simd_neondot,
#endif
};

static bool usable(const struct vexfs_simd *k)
{
#ifdef __x86_64__
	if (k == &vexfs_simd_avx2)
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
#ifdef __AARCH64EL__
	if (k == &vexfs_simd_neondot)
		return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#endif
	return k;
}

/* Preparing the query is part of a search; its memory is not. */
static void prepare(const struct set *d, const float *query, struct vexfs_query *q)
{
	static u32 mem[VEXFS_MAX_DIM * 5 / 4 + 64] __attribute__((aligned(64)));

	if (!vexfs_query_init(q, &d->space, (const u32 *)query, mem))
		return;
	fputs("bench: a query is not a valid vector of its space\n", stderr);
	exit(1);
}

static void best_ids(struct vexfs_topk *t, u32 *ids)
{
	u32 i;

	vexfs_topk_sort(t);
	for (i = 0; i < K; i++)
		ids[i] = t->heap[i].id;
}

static void keep(struct vexfs_topk *t, const u32 *keys, u32 first, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (keys[i] <= vexfs_topk_worst(t))
			vexfs_topk_add(t, keys[i], first + i);
}

static void search_exact(const struct set *d, void *arg, const float *query, u32 *ids)
{
	const struct vexfs_simd *k = arg;
	struct vexfs_cand mem[K];
	struct vexfs_query q;
	struct vexfs_topk t;
	u32 i, j, n, keys[BATCH];
	const u32 *v[BATCH];

	prepare(d, query, &q);
	vexfs_topk_init(&t, mem, K);
	for (i = 0; i < d->n; i += n) {
		n = min(d->n - i, (u32)BATCH);
		for (j = 0; j < n; j++)
			v[j] = (const u32 *)(d->f32 + (size_t)(i + j) * d->space.dim);
		k->exact(&q, v, n, keys);
		keep(&t, keys, i, n);
	}
	best_ids(&t, ids);
}

/* From the payload, as the filesystem has it: widened first where it is not float32. */
static void rerank(const struct set *d, const struct vexfs_simd *k, const struct vexfs_query *q,
		   const struct vexfs_topk *rough, struct vexfs_topk *t)
{
	static u32 wide[VEXFS_MAX_DIM];
	const u32 *v = wide;
	u32 i, key;

	for (i = 0; i < rough->n; i++) {
		vexfs_vec_to_f32(&d->space, d->payload + (size_t)rough->heap[i].id *
				 vexfs_vec_bytes(&d->space), wide);
		k->exact(q, &v, 1, &key);
		vexfs_topk_add(t, key, rough->heap[i].id);
	}
}

static void search_codes(const struct set *d, void *arg, const float *query, u32 *ids)
{
	const struct vexfs_simd *k = arg;
	struct vexfs_cand mem[K], rough_mem[RERANK];
	struct vexfs_topk t, rough;
	struct vexfs_query q;
	u32 i, n, keys[BATCH];

	prepare(d, query, &q);
	vexfs_topk_init(&rough, rough_mem, RERANK);
	for (i = 0; i < d->n; i += n) {
		n = min(d->n - i, (u32)BATCH);
		k->scan(&q, d->rec + i, n, keys);
		keep(&rough, keys, i, n);
	}
	vexfs_topk_init(&t, mem, K);
	rerank(d, k, &q, &rough, &t);
	best_ids(&t, ids);
}

int methods_own(const struct set *d, struct method *m)
{
	double full = (double)d->n * d->space.dim * 4;
	double codes = (double)d->n * vexfs_code_bytes(&d->space);
	u32 i;
	int n = 0;

	for (i = 0; i < ARRAY_SIZE(all_kernels); i++) {
		void *k = (void *)all_kernels[i];

		if (!usable(k)) {
			fprintf(stderr, "SKIP: this processor cannot run the %s kernels\n",
				all_kernels[i]->name);
			continue;
		}
		m[n++] = (struct method){ "int8 scan + rerank 40", all_kernels[i]->name,
					  search_codes, k, codes };
		m[n++] = (struct method){ "float32 scan", all_kernels[i]->name,
					  search_exact, k, full };
	}
	return n;
}

#ifdef HAVE_FAISS
static void search_faiss(const struct set *d, void *arg, const float *query, u32 *ids)
{
	long found[K];
	int i;

	(void)d;
	faiss_search(arg, query, found, K);
	for (i = 0; i < K; i++)
		ids[i] = (u32)found[i];
}

/* Cosine on unit vectors is the inner product: Faiss has no cosine of its own. */
int methods_faiss(const struct set *d, struct method *m)
{
	static const char *const name[] = { "flat", "flat SQ8, no rerank" };
	int kind, n = 0, metric = d->space.metric != VEXFS_L2;
	double bytes = (double)d->n * d->space.dim;

	for (kind = 0; kind < 2; kind++) {
		void *index = faiss_open(kind, metric, (int)d->space.dim, d->n, d->f32);

		if (index)
			m[n++] = (struct method){ name[kind], "faiss", search_faiss, index,
						  kind ? bytes : 4 * bytes };
	}
	return n;
}

void methods_faiss_close(struct method *m, int n)
{
	while (n-- > 0)
		faiss_close(m[n].arg);
}
#else
int methods_faiss(const struct set *d, struct method *m)
{
	(void)d;
	(void)m;
	return 0;
}

void methods_faiss_close(struct method *m, int n)
{
	(void)m;
	(void)n;
}
#endif
