// SPDX-License-Identifier: GPL-2.0
/*
 * The graph in user space beside hnswlib and Faiss's HNSW: queries per second at a recall, build time, memory.
 *
 * One thread, processor time, engines in turns, medians of the runs. Our search includes the rerank in full precision.
 * Sets are compared by squared L2; the real ones under the cosine have unit length, where that is the same order.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "bench.h"
#include "core/graph.h"
#include "graph_peers.h"

#define MAX_RUNS	31
#define RUN_SECONDS	0.1
#define POOL		1024
#define MET		65536
#define HUGE_PAGE	(2UL << 20)

static const int efforts[] = { 10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768 };
static const double levels[] = { 0.90, 0.95, 0.98, 0.99, 0.995 };

double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- core's graph, in memory ------------------------------------------------------ */

struct own {
	struct vexfs_graph g;
	struct vexfs_graph_work w;
	struct vexfs_query query;
	const struct set *d;
	u32 *mean;
	u8 *mem;
	void *work, *qmem;
};

static int get_block(void *ctx, u32 lblk, bool change, void **data)
{
	*data = ((struct own *)ctx)->mem + (size_t)lblk * VEXFS_BLOCK_SIZE;
	return 0;
}

static const struct vexfs_graph_ops own_ops = { .get = get_block };

static void *aligned(size_t bytes, size_t to)
{
	void *p = aligned_alloc(to, (bytes + to - 1) / to * to);

	if (p)
		return p;
	fputs("bench-graph: out of memory\n", stderr);
	exit(1);
}

static const struct vexfs_simd *best_kernels(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512vl"))
		return &vexfs_simd_avx512;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return &vexfs_simd_avx2;
	return &vexfs_simd_sse2;
#elif defined(__AARCH64EL__)
	return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? &vexfs_simd_neondot : &vexfs_simd_neon;
#else
	return &vexfs_simd_int;
#endif
}

/* Huge pages, as the kernel's own mapping of the page cache has. */
static void own_memory(struct own *o, u32 n)
{
	u32 i, blocks = vexfs_graph_blocks(&o->g, n);
	size_t bytes = (size_t)blocks * VEXFS_BLOCK_SIZE;

	o->mem = aligned(bytes, HUGE_PAGE);
	madvise(o->mem, bytes, MADV_HUGEPAGE);
	memset(o->mem, 0, bytes);
	for (i = o->g.first; i < blocks; i++)
		vexfs_graph_block_check(&o->g, i, o->mem + (size_t)i * VEXFS_BLOCK_SIZE);
	o->work = aligned(vexfs_graph_work_bytes(&o->g, POOL, MET), 64);
	vexfs_graph_work_init(&o->w, &o->g, POOL, MET, o->work);
	o->qmem = aligned(vexfs_query_bytes(&o->g.space), 64);
}

static void own_train(struct own *o)
{
	const struct set *d = o->d;
	struct vexfs_graph_train t = { .g = &o->g, .tmp = aligned(o->g.gspace.dim * 4, 64) };
	u32 i;

	for (i = 0; i < d->n; i += d->n / 1000 + 1)
		vexfs_graph_train_add(&t, (const u32 *)(d->f32 + (size_t)i * d->space.dim));
	vexfs_graph_train_end(&t);
	free(t.tmp);
}

static void *own_build(const struct set *d)
{
	struct own *o = aligned(sizeof(*o), 64);
	u32 i;

	o->d = d;
	o->mean = aligned(vexfs_graph_mean_bytes(&d->space), 64);
	vexfs_graph_init(&o->g, &d->space, 0, o->mean);
	o->g.ops = &own_ops;
	o->g.ctx = o;
	o->g.simd = best_kernels();
	own_memory(o, d->n);
	own_train(o);
	for (i = 0; i < d->n; i++)
		if (vexfs_graph_insert(&o->g, &o->w, i, i, (const u32 *)(d->f32 + (size_t)i * d->space.dim)))
			fprintf(stderr, "bench-graph: vector %u refused\n", i);
	return o;
}

static void own_search(void *index, const float *query, int ef, long *ids, int k)
{
	struct own *o = index;
	const struct set *d = o->d;
	u32 want = max(min((u32)ef, 20U), (u32)(10 + ef / 4)), i, key;
	struct vexfs_graph_ask ask = { .f32 = (const u32 *)query, .ef = (u32)ef, .want = want };
	struct vexfs_cand out[POOL], best[64];
	struct vexfs_graph_reply r;
	struct vexfs_topk t;

	vexfs_topk_init(&t, best, (u32)k);
	if (vexfs_query_init(&o->query, &d->space, (const u32 *)query, o->qmem) ||
	    vexfs_graph_search(&o->g, &o->w, &ask, out, &r))
		r.n = 0;
	for (i = 0; i < r.n; i++)
		__builtin_prefetch(d->f32 + (size_t)out[i].id * d->space.dim);
	for (i = 0; i < r.n; i++) {
		const u32 *v = (const u32 *)(d->f32 + (size_t)out[i].id * d->space.dim);

		o->g.simd->exact(&o->query, &v, 1, &key);
		vexfs_topk_add(&t, key, out[i].id);
	}
	for (i = 0; i < (u32)k; i++)
		ids[i] = i < t.n ? (long)best[i].id : -1;
}

static void own_close(void *index)
{
	struct own *o = index;

	free(o->mem);
	free(o->mean);
	free(o->work);
	free(o->qmem);
	free(o);
}

static double own_bytes(void *index, u32 dim)
{
	return (double)VEXFS_BLOCK_SIZE / ((struct own *)index)->g.per_block;
}

/* ---- engines ------------------------------------------------------------------------ */

/* Level 0 of either: 33 words of links, the vector, and what Debian's versions add per element. */
#ifdef HAVE_HNSWLIB
static void *build_hnsw(const struct set *d)
{
	return hnsw_build((int)d->space.dim, d->n, d->f32);
}

static double hnsw_bytes(void *index, u32 dim)
{
	return 4.0 * dim + 4 * 33 + 8 + 8;	/* label; level and the pointer to upper links */
}
#endif
#ifdef HAVE_FAISS
static void *build_faiss(const struct set *d)
{
	return faiss_hnsw_build((int)d->space.dim, d->n, d->f32);
}

static double faiss_bytes(void *index, u32 dim)
{
	return 1.0 * dim + 4 * 32 + 8 + 4;
}
#endif

struct engine {
	const char *name;
	void *(*build)(const struct set *d);
	void (*search)(void *index, const float *query, int ef, long *ids, int k);
	void (*close)(void *index);
	double (*bytes)(void *index, u32 dim);
};

static const struct engine engines[] = {
	{ "vexfs", own_build, own_search, own_close, own_bytes },
#ifdef HAVE_HNSWLIB
	{ "hnswlib", build_hnsw, hnsw_search, hnsw_close, hnsw_bytes },
#endif
#ifdef HAVE_FAISS
	{ "faiss HNSW,SQ8", build_faiss, faiss_hnsw_search, faiss_hnsw_close, faiss_bytes },
#endif
};

#define ENGINES	((int)ARRAY_SIZE(engines))
#define EFFORTS	((int)ARRAY_SIZE(efforts))
#define LEVELS	((int)ARRAY_SIZE(levels))

struct outcome {
	void *index;
	double build, bytes, recall[ARRAY_SIZE(efforts)], qps[ARRAY_SIZE(efforts)], runs[MAX_RUNS];
};

/* ---- measuring ------------------------------------------------------------------------ */

static double recall_of(const struct set *d, int e, void *index, int ef)
{
	u32 i, j, hit = 0;
	long ids[K];

	for (i = 0; i < d->nq; i++) {
		const float *q = d->query + (size_t)i * d->space.dim;

		engines[e].search(index, q, ef, ids, K);
		for (j = 0; j < K; j++)
			hit += ids[j] >= 0 && set_distance(d, q, d->f32 + (size_t)ids[j] * d->space.dim) <= d->limit[i];
	}
	return (double)hit / (d->nq * K);
}

static double run_once(const struct set *d, int e, void *index, int ef)
{
	double start = cpu_seconds(), spent;
	u32 i, done = 0;
	long ids[K];

	do {
		for (i = 0; i < d->nq; i++)
			engines[e].search(index, d->query + (size_t)i * d->space.dim, ef, ids, K);
		done += d->nq;
		spent = cpu_seconds() - start;
	} while (spent < RUN_SECONDS);
	return done / spent;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const struct set *d, struct outcome *o, int runs)
{
	int i, e, r;

	for (i = 0; i < EFFORTS; i++) {
		for (r = 0; r < runs; r++)
			for (e = 0; e < ENGINES; e++)
				if (o[e].index)
					o[e].runs[r] = run_once(d, e, o[e].index, efforts[i]);
		for (e = 0; e < ENGINES; e++) {
			if (!o[e].index)
				continue;
			o[e].recall[i] = recall_of(d, e, o[e].index, efforts[i]);
			qsort(o[e].runs, (size_t)runs, sizeof(double), by_value);
			o[e].qps[i] = o[e].runs[runs / 2];
		}
	}
}

/* Queries per second at a recall, between two efforts by the logarithm; 0: never reached. */
static double qps_at(const struct outcome *o, double recall)
{
	double part;
	int i;

	for (i = 0; i < EFFORTS && o->recall[i] < recall; i++)
		;
	if (i == EFFORTS || !i)
		return i ? 0 : o->qps[0];
	part = (recall - o->recall[i - 1]) / (o->recall[i] - o->recall[i - 1]);
	return exp(log(o->qps[i - 1]) * (1 - part) + log(o->qps[i]) * part);
}

/* ---- printing ---------------------------------------------------------------------------- */

static void print_human(const struct set *d, const struct outcome *o)
{
	int e, i;

	printf("\n%s: %s\n%-16s %8s %9s", d->name, d->what, "queries/s at", "build s", "B/vector");
	for (i = 0; i < LEVELS; i++)
		printf("   @%-5.3f (ours)", levels[i]);
	printf("\n");
	for (e = 0; e < ENGINES; e++) {
		if (!o[e].index)
			continue;
		printf("%-16s %8.2f %9.0f", engines[e].name, o[e].build, o[e].bytes);
		for (i = 0; i < LEVELS; i++) {
			double q = qps_at(&o[e], levels[i]);

			if (q > 0)
				printf(" %8.0f %5.2fx", q, qps_at(&o[0], levels[i]) / q);
			else
				printf("        -      -");
		}
		printf("\n");
	}
}

static void print_json(const struct set *d, const struct outcome *o, bool first)
{
	const char *sep = "";
	int e, i;

	printf("%s\n  {\"set\": \"%s\", \"vectors\": %u, \"dim\": %u, \"queries\": %u, \"engines\": [",
	       first ? "" : ",", d->name, d->n, d->space.dim, d->nq);
	for (e = 0; e < ENGINES; e++) {
		if (!o[e].index)
			continue;
		printf("%s\n    {\"engine\": \"%s\", \"build_s\": %.3f, \"bytes_per_vector\": %.0f, \"curve\": [",
		       sep, engines[e].name, o[e].build, o[e].bytes);
		for (i = 0; i < EFFORTS; i++)
			printf("%s{\"ef\": %d, \"recall_at_10\": %.5f, \"qps\": %.1f}", i ? ", " : "", efforts[i],
			       o[e].recall[i], o[e].qps[i]);
		printf("]}");
		sep = ",";
	}
	printf("\n  ]}");
}

static bool bench_set(const char *name, const char *data_dir, int runs, bool json, bool first)
{
	struct outcome o[ARRAY_SIZE(engines)] = { 0 };
	struct set d;
	double start;
	int e;

	fprintf(stderr, "... %s: loading, exact truth in double precision\n", name);
	if (!set_open(&d, name, data_dir)) {
		set_close(&d);
		return false;
	}
	for (e = 0; e < ENGINES; e++) {
		fprintf(stderr, "... %s: %s builds\n", name, engines[e].name);
		start = cpu_seconds();
		o[e].index = engines[e].build(&d);
		o[e].build = cpu_seconds() - start;
		if (o[e].index)
			o[e].bytes = engines[e].bytes(o[e].index, d.space.dim);
	}
	fprintf(stderr, "... %s: %d runs\n", name, runs);
	measure(&d, o, runs);
	if (json)
		print_json(&d, o, first);
	else
		print_human(&d, o);
	fflush(stdout);
	for (e = 0; e < ENGINES; e++)
		if (o[e].index)
			engines[e].close(o[e].index);
	set_close(&d);
	return true;
}

static void usage(FILE *f)
{
	fputs("usage: bench-graph [--json] [--runs N] [--set NAME] [--data DIR]\n"
	      "  --runs N    3 to 31, 3 unless told\n"
	      "  --set NAME  stackexchange, siftsmall, or synthetic (many minutes); the first two unless told\n"
	      "  --data DIR  where the real sets are; $VEXFS_DATA or ../shared/data unless told\n", f);
}

static void bad_usage(void)
{
	usage(stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },	 { "runs", required_argument, NULL, 'r' },
		{ "set", required_argument, NULL, 's' }, { "data", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },	 { NULL, 0, NULL, 0 },
	};
	const char *env = getenv("VEXFS_DATA"), *only = NULL, *data = env && *env ? env : "../shared/data";
	int c, i, runs = 3, done = 0, known = 0;
	bool json = false;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'r')
			runs = atoi(optarg);
		else if (c == 's')
			only = optarg;
		else if (c == 'd')
			data = optarg;
		else if (c == 'h')
			return usage(stdout), 0;
		else
			bad_usage();
	}
	if (optind < argc || runs < 3 || runs > MAX_RUNS)
		bad_usage();
	for (i = 0; set_names[i]; i++)
		known += !only || !strcmp(only, set_names[i]);
	if (!known)
		bad_usage();
	printf(json ? "{\"graph\": [" : "graph search, recall@10; one thread, processor time; kernels: %s\n",
	       best_kernels()->name);
	for (i = 0; set_names[i]; i++)
		if (only ? !strcmp(only, set_names[i]) : strcmp("synthetic", set_names[i]))
			done += bench_set(set_names[i], data, runs, json, !done);
	if (json)
		printf("\n]}\n");
	if (!done)
		fputs("bench-graph: nothing was measured\n", stderr);
	return done ? 0 : 1;
}
