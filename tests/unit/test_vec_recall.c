// SPDX-License-Identifier: GPL-2.0
/*
 * Recall of the flat tier on real embeddings: an exact scan finds the true
 * neighbours, an int8 scan reranked in full precision nearly all of them.
 *
 * Data: $VEXFS_DATA, or ../shared/data from the repository root.
 */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "vecref.h"

#define K	10
#define RERANK	40
#define EXACT_INT_QUERIES 10	/* the integer exact kernel is slow under the sanitizers */

struct set {
	struct vexfs_space s;
	u32 n, nq, truth_k, vec_bytes, rec_bytes;
	u8 *payload;		/* n vectors as they would be set */
	u32 *f32, *query;	/* n, nq vectors as float32 bits */
	u8 *recs;		/* n code records */
	u32 *truth;		/* nq rows of truth_k ids */
};

static const char *data_dir(void)
{
	const char *dir = getenv("VEXFS_DATA");

	return dir && *dir ? dir : "../shared/data";
}

/* The whole file, or NULL after printing why the test is skipped. */
static u8 *load(const char *name, size_t *len)
{
	char path[4096];
	u8 *buf;
	FILE *f;
	long n;

	snprintf(path, sizeof(path), "%s/%s", data_dir(), name);
	f = fopen(path, "rb");
	if (!f) {
		print_message("SKIP: no %s: set VEXFS_DATA to a directory that holds it\n", path);
		return NULL;
	}
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	assert_true(n > 0);
	buf = malloc((size_t)n);
	*len = fread(buf, 1, (size_t)n, f);
	assert_int_equal(*len, n);
	fclose(f);
	return buf;
}

/* Rows of .fvecs and .ivecs: u32 count, then count words. Strips the counts, in place. */
static u32 strip_rows(u8 *buf, size_t len, u32 width)
{
	size_t row = 4 + 4 * (size_t)width, i, n = len / row;

	assert_int_equal(len % row, 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(get_unaligned_le32(buf + i * row), width);
		memmove(buf + i * 4 * width, buf + i * row + 4, 4 * (size_t)width);
	}
	return (u32)n;
}

static void set_close(struct set *d)
{
	free(d->payload);
	free(d->f32);
	free(d->query);
	free(d->recs);
	free(d->truth);
}

static void prepare(struct set *d)
{
	const struct vexfs_space *s = &d->s;
	u32 i;

	d->rec_bytes = (vexfs_code_bytes(s) + 15) & ~15U;
	d->f32 = malloc((size_t)d->n * s->dim * 4);
	d->recs = malloc((size_t)d->n * d->rec_bytes);
	for (i = 0; i < d->n; i++) {
		const u8 *p = d->payload + (size_t)i * vexfs_vec_bytes(s);
		u32 *f = d->f32 + (size_t)i * s->dim;

		assert_int_equal(vexfs_vec_check(s, p), 0);
		vexfs_vec_to_f32(s, p, f);
		vexfs_code_encode(s, f, i, (void *)(d->recs + (size_t)i * d->rec_bytes));
	}
}

static bool open_stackexchange(struct set *d)
{
	size_t len, qlen, tlen;
	u8 *q = NULL, *truth = NULL;
	u32 i;

	memset(d, 0, sizeof(*d));
	d->s = (struct vexfs_space){ .dim = 768, .elem = VEXFS_F16, .metric = VEXFS_COSINE };
	d->payload = load("stackexchange-bge-768/questions.f16", &len);
	q = d->payload ? load("stackexchange-bge-768/queries.f16", &qlen) : NULL;
	truth = q ? load("stackexchange-bge-768/groundtruth.ivecs", &tlen) : NULL;
	d->truth = (u32 *)truth;
	if (truth) {
		d->n = (u32)(len / vexfs_vec_bytes(&d->s));
		d->nq = (u32)(qlen / vexfs_vec_bytes(&d->s));
		d->query = malloc((size_t)d->nq * d->s.dim * 4);
		for (i = 0; i < d->nq; i++)
			vexfs_vec_to_f32(&d->s, q + i * vexfs_vec_bytes(&d->s),
					 d->query + i * d->s.dim);
		d->truth_k = get_unaligned_le32(truth);
		assert_int_equal(strip_rows(truth, tlen, d->truth_k), d->nq);
		prepare(d);
	}
	free(q);
	return truth;
}

static bool open_siftsmall(struct set *d)
{
	size_t len, qlen, tlen;
	u8 *q, *truth;

	memset(d, 0, sizeof(*d));
	d->s = (struct vexfs_space){ .dim = 128, .elem = VEXFS_F32, .metric = VEXFS_L2 };
	d->payload = load("siftsmall-128.base.fvecs", &len);
	q = d->payload ? load("siftsmall-128.query.fvecs", &qlen) : NULL;
	d->query = (u32 *)q;
	truth = q ? load("siftsmall-128.groundtruth.ivecs", &tlen) : NULL;
	d->truth = (u32 *)truth;
	if (truth) {
		d->n = strip_rows(d->payload, len, 128);
		d->nq = strip_rows(q, qlen, 128);
		d->truth_k = get_unaligned_le32(truth);
		assert_int_equal(strip_rows(truth, tlen, d->truth_k), d->nq);
		prepare(d);
	}
	return truth;
}

static double distance(const struct set *d, u32 query, u32 v)
{
	double dot = 0, nq = 0, nc = 0, l2 = 0;
	u32 i, dim = d->s.dim;

	for (i = 0; i < dim; i++) {
		double a = u2f(d->query[query * dim + i]), b = u2f(d->f32[(size_t)v * dim + i]);

		dot += a * b;
		nq += a * a;
		nc += b * b;
		l2 += (a - b) * (a - b);
	}
	return d->s.metric == VEXFS_L2 ? l2 : 1 - dot / sqrt(nq * nc);
}

/* Of the K found, how many are no farther than the true K-th: equal distances count. */
static u32 hits(const struct set *d, u32 query, const struct vexfs_topk *t)
{
	double limit = distance(d, query, d->truth[query * d->truth_k + K - 1]);
	u32 i, n = 0;

	limit += 1e-6 * fabs(limit) + 1e-7;
	for (i = 0; i < t->n && i < K; i++)
		n += distance(d, query, t->heap[i].id) <= limit;
	return n;
}

static void search_exact(const struct set *d, const struct vexfs_simd *k, const struct vexfs_query *q,
			 struct vexfs_topk *t)
{
	const u32 *v;
	u32 i, key;

	for (i = 0; i < d->n; i++) {
		v = d->f32 + (size_t)i * d->s.dim;
		k->exact(q, &v, 1, &key);
		vexfs_topk_add(t, key, i);
	}
}

static void scan_codes(const struct set *d, const struct vexfs_simd *k, const struct vexfs_query *q,
		       struct vexfs_topk *t)
{
	const struct vexfs_code *recs[32];
	u32 i, j, n, keys[32];

	for (i = 0; i < d->n; i += n) {
		n = min(d->n - i, 32U);
		for (j = 0; j < n; j++)
			recs[j] = (const void *)(d->recs + (size_t)(i + j) * d->rec_bytes);
		k->scan(q, recs, n, keys);
		for (j = 0; j < n; j++)
			vexfs_topk_add(t, keys[j], i + j);
	}
}

static void search_codes(const struct set *d, const struct vexfs_simd *k, const struct vexfs_query *q,
			 struct vexfs_topk *t)
{
	struct vexfs_cand mem[RERANK];
	struct vexfs_topk rough;
	const u32 *v;
	u32 i, key;

	vexfs_topk_init(&rough, mem, RERANK);
	scan_codes(d, k, q, &rough);
	for (i = 0; i < rough.n; i++) {
		v = d->f32 + (size_t)mem[i].id * d->s.dim;
		k->exact(q, &v, 1, &key);
		vexfs_topk_add(t, key, mem[i].id);
	}
}

typedef void (*search_fn)(const struct set *d, const struct vexfs_simd *k,
			  const struct vexfs_query *q, struct vexfs_topk *t);

static double recall(const struct set *d, const struct vexfs_simd *k, search_fn search, u32 nq)
{
	void *mem = aligned_alloc(64, (vexfs_query_bytes(&d->s) + 63) & ~63UL);
	struct vexfs_cand best[K];
	struct vexfs_query q;
	struct vexfs_topk t;
	u32 i, found = 0;

	for (i = 0; i < nq; i++) {
		assert_int_equal(vexfs_query_init(&q, &d->s, d->query + i * d->s.dim, mem), 0);
		vexfs_topk_init(&t, best, K);
		search(d, k, &q, &t);
		vexfs_topk_sort(&t);
		found += hits(d, i, &t);
	}
	free(mem);
	return (double)found / (nq * K);
}

static void check_recall(const struct set *d)
{
	const struct vexfs_simd *kernels[MAX_KERNELS];
	int i, n = usable_kernels(kernels);
	double exact, codes;

	for (i = 0; i < n; i++) {
		exact = recall(d, kernels[i], search_exact,
			       kernels[i]->fpu ? d->nq : min(d->nq, (u32)EXACT_INT_QUERIES));
		codes = recall(d, kernels[i], search_codes, d->nq);
		print_message("# %-4s recall@%d: exact %.4f, int8 + rerank %d %.4f\n",
			      kernels[i]->name, K, exact, RERANK, codes);
		assert_true(exact == 1.0);
		assert_true(codes >= 0.99);
	}
}

static void run(bool (*open)(struct set *d))
{
	struct set d;

	if (!open(&d)) {
		set_close(&d);
		skip();
	}
	check_recall(&d);
	set_close(&d);
}

static void test_stackexchange(void **state)
{
	run(open_stackexchange);
}

static void test_siftsmall(void **state)
{
	run(open_siftsmall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stackexchange),
		cmocka_unit_test(test_siftsmall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
