// SPDX-License-Identifier: GPL-2.0
/*
 * Search in user space: core's kernels beside memory bandwidth and Faiss.
 *
 * One thread; times are processor time of that thread, so that a busy machine
 * disturbs less. The methods take turns within a run; medians over the runs.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define MAX_RUNS	101
#define RUN_SECONDS	0.25	/* processor time of a method in one run, at least one query */
#define RECALL_SECONDS	5.0
#define BIG_BUFFER	(512UL << 20)

struct result {
	struct method m;
	u32 per_run, recall_queries;
	double recall, qps[MAX_RUNS], median;
};

struct options {
	const char *only, *data_dir;
	int runs;
	bool json;
};

static double run_once(const struct set *d, struct result *r, u32 *next)
{
	double t = cpu_seconds();
	u32 i, ids[K];

	for (i = 0; i < r->per_run; i++)
		r->m.search(d, r->m.arg, d->query + (size_t)((*next)++ % d->nq) * d->space.dim, ids);
	t = cpu_seconds() - t;
	return t > 0 ? r->per_run / t : 0;
}

/* Recall of as many queries as fit the time; from their speed, the queries of a run. */
static void calibrate(const struct set *d, struct result *r)
{
	double start = cpu_seconds(), spent = 0;
	u32 i, j, ids[K], hit = 0;

	for (i = 0; i < d->nq && (i < 1 || spent < RECALL_SECONDS); i++) {
		const float *q = d->query + (size_t)i * d->space.dim;

		r->m.search(d, r->m.arg, q, ids);
		spent = cpu_seconds() - start;
		for (j = 0; j < K; j++)
			hit += ids[j] < d->n &&
			       set_distance(d, q, d->f32 + (size_t)ids[j] * d->space.dim) <= d->limit[i];
	}
	r->recall_queries = i;
	r->recall = (double)hit / (i * K);
	r->per_run = (u32)(RUN_SECONDS * i / spent);
	if (!r->per_run)
		r->per_run = 1;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const struct set *d, struct result *r, int n, int runs)
{
	u32 next = 0;
	int i, run;

	for (i = 0; i < n; i++)
		calibrate(d, &r[i]);
	for (run = 0; run < runs; run++)
		for (i = 0; i < n; i++)
			r[i].qps[run] = run_once(d, &r[i], &next);
	for (i = 0; i < n; i++) {
		qsort(r[i].qps, (size_t)runs, sizeof(double), by_value);
		r[i].median = (r[i].qps[(runs - 1) / 2] + r[i].qps[runs / 2]) / 2;
	}
}

/* The one the others are compared with: Faiss's exact search. */
static double faiss_flat_qps(const struct result *r, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (!strcmp(r[i].m.engine, "faiss") && !strcmp(r[i].m.name, "flat"))
			return r[i].median;
	return 0;
}

static void print_human(const struct set *d, const struct result *r, int n, double big, int runs)
{
	double faiss = faiss_flat_qps(r, n);
	int i;

	printf("\n%s: %s\n", d->name, d->what);
	printf("%-22s %-6s %9s %9s %7s %8s %8s %9s %15s\n", "method", "engine", "queries/s",
	       "us/query", "GB/s", "of same", "of DRAM", "x faiss", "recall@10");
	for (i = 0; i < n; i++) {
		double rate = r[i].m.bytes * r[i].median;

		printf("%-22s %-6s %9.1f %9.0f %7.2f %7.0f%% %7.0f%% ", r[i].m.name, r[i].m.engine,
		       r[i].median, 1e6 / r[i].median, rate / 1e9,
		       100 * rate / bandwidth((size_t)r[i].m.bytes), 100 * rate / big);
		if (faiss > 0)
			printf("%9.2f", r[i].median / faiss);
		else
			printf("%9s", "-");
		printf(" %8.4f (%u)\n", r[i].recall, r[i].recall_queries);
	}
	printf("medians of %d runs\n", runs);
}

static void print_json(const struct set *d, const struct result *r, int n, bool first)
{
	double faiss = faiss_flat_qps(r, n);
	int i;

	printf("%s\n  {\"set\": \"%s\", \"vectors\": %u, \"dim\": %u, \"queries\": %u, \"methods\": [",
	       first ? "" : ",", d->name, d->n, d->space.dim, d->nq);
	for (i = 0; i < n; i++) {
		printf("%s\n    {\"method\": \"%s\", \"engine\": \"%s\", \"qps\": %.2f, "
		       "\"gb_per_s\": %.3f, \"same_size_gb_per_s\": %.3f, ",
		       i ? "," : "", r[i].m.name, r[i].m.engine, r[i].median,
		       r[i].m.bytes * r[i].median / 1e9, bandwidth((size_t)r[i].m.bytes) / 1e9);
		if (faiss > 0)
			printf("\"x_faiss\": %.3f, ", r[i].median / faiss);
		printf("\"recall_at_10\": %.5f, \"recall_queries\": %u}", r[i].recall,
		       r[i].recall_queries);
	}
	printf("\n  ]}");
}

static bool bench_set(const char *name, const struct options *o, double big, bool first)
{
	struct method m[MAX_METHODS];
	struct result r[MAX_METHODS] = { 0 };
	struct set d;
	int i, own, n;

	fprintf(stderr, "... %s: loading, exact truth in double precision\n", name);
	if (!set_open(&d, name, o->data_dir)) {
		set_close(&d);
		return false;
	}
	own = methods_own(&d, m);
	n = own + methods_faiss(&d, m + own);
	for (i = 0; i < n; i++)
		r[i].m = m[i];
	fprintf(stderr, "... %s: %d methods, %d runs\n", name, n, o->runs);
	measure(&d, r, n, o->runs);
	if (o->json)
		print_json(&d, r, n, first);
	else
		print_human(&d, r, n, big, o->runs);
	fflush(stdout);
	methods_faiss_close(m + own, n - own);
	set_close(&d);
	return true;
}

static void usage(FILE *f)
{
	fputs("usage: bench-vectors [--json] [--runs N] [--set NAME] [--data DIR]\n"
	      "  --runs N    5 to 101, 5 unless told\n"
	      "  --set NAME  stackexchange, siftsmall or synthetic; all unless told\n"
	      "  --data DIR  where the real sets lie; $VEXFS_DATA or ../shared/data unless told\n", f);
}

static bool known_set(const char *name)
{
	int i;

	for (i = 0; set_names[i]; i++)
		if (!strcmp(set_names[i], name))
			return true;
	return false;
}

static void bad_option(const char *what, const char *value)
{
	fprintf(stderr, "bench-vectors: %s: %s\n", what, value);
	usage(stderr);
	exit(2);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },	{ "runs", required_argument, NULL, 'r' },
		{ "set", required_argument, NULL, 's' }, { "data", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },	{ NULL, 0, NULL, 0 },
	};
	const char *env = getenv("VEXFS_DATA");
	int c;

	*o = (struct options){ .runs = 5, .data_dir = env && *env ? env : "../shared/data" };
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'j')
			o->json = true;
		else if (c == 'r')
			o->runs = atoi(optarg);
		else if (c == 's')
			o->only = optarg;
		else if (c == 'd')
			o->data_dir = optarg;
		else
			usage(c == 'h' ? stdout : stderr), exit(c == 'h' ? 0 : 2);
	}
	if (optind < argc)
		bad_option("unexpected argument", argv[optind]);
	if (o->runs < 5 || o->runs > MAX_RUNS)
		bad_option("--runs takes 5 to 101", "a median of fewer says little");
	if (o->only && !known_set(o->only))
		bad_option("no such set", o->only);
}

int main(int argc, char **argv)
{
	struct options o;
	double big;
	int i, done = 0;

	parse(argc, argv, &o);
	big = bandwidth(BIG_BUFFER);
	if (o.json)
		printf("{\"dram_gb_per_s\": %.3f, \"runs\": %d, \"sets\": [", big / 1e9, o.runs);
	else
		printf("memory: %.1f GB/s, a plain sum over 512 MB; one thread, processor time\n"
		       "'of same': share of what a plain sum over as many bytes reaches (caches included)\n",
		       big / 1e9);
	for (i = 0; set_names[i]; i++)
		if (!o.only || !strcmp(o.only, set_names[i]))
			done += bench_set(set_names[i], &o, big, !done);
	if (o.json)
		printf("\n]}\n");
	if (!done)
		fputs("bench-vectors: nothing was measured\n", stderr);
	return done ? 0 : 1;
}
