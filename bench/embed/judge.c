// SPDX-License-Identifier: GPL-2.0
/*
 * Embedders on a corpus of real texts, with held-out ones as queries: paired differences to the lexical embedder
 * of 384 and of 768 dimensions, each over fresh random splits.
 * usage: judge [--wordnet DIR] TEXTS.jsonl [VECTORS.f16]...
 *
 * Each line of TEXTS has "text" and "forum", the class of the text. With VECTORS, of a strong model:
 *   in-top-100   of the ten texts nearest by those, how many are among the first 100
 *   top 1        how often the text nearest by those comes first
 * and always
 *   right forum  how many of the first ten are of the query's class
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <json-c/json.h>

#include "core/softfloat.h"
#include "lib/embed.h"
#include "lib/static_wordnet.h"

#define JUDGE_DIM	768
#define TEXTS_MAX	7074
#define QUERIES		400
#define SPLITS		5
#define FIRST_SEED	20261130
#define SEEN		100
#define NEAREST		10

enum { IN_SEEN, FORUM, TOP, MEASURES };

static const char *const measures[MEASURES] = { "in-top-100", "right forum", "top 1" };

/**
 * struct way - an embedder that is measured; each after the first two is compared with both
 */
static const struct way {
	const char *title, *name;
	uint32_t dim;
	bool wordnet;
} ways[] = {
	{ "lexical 384", "lexical", 384, false },
	{ "lexical 768", "lexical", 768, false },
	{ "static 768", "static", 768, false },
	{ "static 960", "static", 960, false },
	{ "static 960, WordNet", "static", 960, true },
};

#define WAYS	(sizeof(ways) / sizeof(ways[0]))
#define BASES	2

struct tally {
	double sum[WAYS][MEASURES], diff[WAYS][BASES][MEASURES], squares[WAYS][BASES][MEASURES], seconds[WAYS];
	unsigned int n;
};

static char *text[TEXTS_MAX], *forum[TEXTS_MAX];
static float *judge;	/* NULL: none */
static unsigned int ntexts;
static const char *wordnet = STATIC_WORDNET_DIR;

static void die(const char *what)
{
	fprintf(stderr, "judge: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		die("memory");
	return p;
}

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33);
}

static char *field(struct json_object *o, const char *name)
{
	struct json_object *f;

	if (!json_object_object_get_ex(o, name, &f)) {
		errno = EINVAL;
		die(name);
	}
	return strdup(json_object_get_string(f));
}

static void read_texts(const char *path)
{
	FILE *f = fopen(path, "r");
	struct json_object *o;
	char *line = NULL;
	size_t room = 0;

	if (!f)
		die(path);
	while (ntexts < TEXTS_MAX && getline(&line, &room, f) > 0) {
		o = json_tokener_parse(line);
		text[ntexts] = field(o, "text");
		forum[ntexts++] = field(o, "forum");
		json_object_put(o);
	}
	free(line);
	fclose(f);
}

static void read_vectors(const char *path, unsigned int from)
{
	FILE *f = fopen(path, "r");
	uint16_t half[JUDGE_DIM];
	unsigned int i, k;
	uint32_t bits;

	if (!f)
		die(path);
	for (i = from; i < ntexts; i++) {
		if (fread(half, sizeof(half), 1, f) != 1)
			die(path);
		for (k = 0; k < JUDGE_DIM; k++) {
			bits = vexfs_sf_from_f16(half[k]);
			memcpy(&judge[(size_t)i * JUDGE_DIM + k], &bits, sizeof(bits));
		}
	}
	fclose(f);
}

static float dot(const float *a, const float *b, uint32_t n)
{
	float part[8] = { 0 };
	uint32_t i, k;

	for (i = 0; i < n; i += 8)
		for (k = 0; k < 8; k++)
			part[k] += a[i + k] * b[i + k];
	return part[0] + part[1] + part[2] + part[3] + part[4] + part[5] + part[6] + part[7];
}

/* The @k nearest of all[from..ntexts] by their places in @order, nearest first. */
static void nearest(const float *all, uint32_t dim, const unsigned int *order, const float *q, unsigned int k,
		    unsigned int *out)
{
	float best[SEEN], s;
	unsigned int i, j;

	for (j = 0; j < k; j++)
		best[j] = -2;
	for (i = QUERIES; i < ntexts; i++) {
		s = dot(all + (size_t)order[i] * dim, q, dim);
		if (s <= best[k - 1])
			continue;
		for (j = k - 1; j && best[j - 1] < s; j--) {
			best[j] = best[j - 1];
			out[j] = out[j - 1];
		}
		best[j] = s;
		out[j] = order[i];
	}
}

/* Trained on all but the queries; vectors of all. */
static float *embed_all(const struct way *w, const unsigned int *order, double *seconds)
{
	float *all = allocate((size_t)ntexts * w->dim, sizeof(*all));
	struct vex_embedder *e;
	struct timespec a, b;
	unsigned int i;
	int ret;

	vex_static_wordnet(w->wordnet ? wordnet : NULL);
	if (vex_embedder_create(w->name, w->dim, &e))
		die(w->name);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = QUERIES; i < ntexts; i++)
		e->ops->fit(e, text[order[i]], strlen(text[order[i]]));
	ret = e->ops->fit_done(e);
	clock_gettime(CLOCK_MONOTONIC, &b);
	*seconds += (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	errno = -ret;
	if (ret)
		die("training");
	for (i = 0; i < ntexts; i++)
		e->ops->embed(e, i < QUERIES ? VEX_TEXT_QUERY : VEX_TEXT_DOCUMENT, text[order[i]],
			      strlen(text[order[i]]), all + (size_t)order[i] * w->dim);
	vex_embedder_destroy(e);
	return all;
}

static void measure(const float *all, uint32_t dim, const unsigned int *order, unsigned int q,
		    const unsigned int *right, double m[MEASURES])
{
	unsigned int seen[SEEN] = { 0 }, i, j;

	nearest(all, dim, order, all + (size_t)q * dim, SEEN, seen);
	m[IN_SEEN] = m[FORUM] = 0;
	for (i = 0; i < NEAREST; i++) {
		m[FORUM] += !strcmp(forum[seen[i]], forum[q]) / (double)NEAREST;
		for (j = 0; judge && j < SEEN; j++)
			m[IN_SEEN] += (seen[j] == right[i]) / (double)NEAREST;
	}
	m[TOP] = judge && seen[0] == right[0];
}

static void add(struct tally *t, double m[WAYS][MEASURES])
{
	unsigned int w, b, i;
	double d;

	for (w = 0; w < WAYS; w++)
		for (i = 0; i < MEASURES; i++) {
			t->sum[w][i] += m[w][i];
			for (b = 0; b < BASES; b++) {
				d = m[w][i] - m[b][i];
				t->diff[w][b][i] += d;
				t->squares[w][b][i] += d * d;
			}
		}
	t->n++;
}

static void split(struct tally *t, uint64_t seed)
{
	unsigned int order[TEXTS_MAX], right[NEAREST] = { 0 }, i, j, w, swap;
	double m[WAYS][MEASURES];
	float *all[WAYS];

	for (i = 0; i < ntexts; i++)
		order[i] = i;
	for (i = ntexts - 1; i; i--) {
		j = next_random(&seed) % (i + 1);
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
	for (w = 0; w < WAYS; w++)
		all[w] = embed_all(&ways[w], order, &t->seconds[w]);
	for (i = 0; i < QUERIES; i++) {
		if (judge)
			nearest(judge, JUDGE_DIM, order, judge + (size_t)order[i] * JUDGE_DIM, NEAREST, right);
		for (w = 0; w < WAYS; w++)
			measure(all[w], ways[w].dim, order, order[i], right, m[w]);
		add(t, m);
	}
	for (w = 0; w < WAYS; w++)
		free(all[w]);
}

static void print_row(const struct tally *t, unsigned int w, unsigned int i)
{
	unsigned int b;
	double mean;

	printf("%-20s %-12s %.3f", ways[w].title, measures[i], t->sum[w][i] / t->n);
	for (b = 0; w >= BASES && b < BASES; b++) {
		mean = t->diff[w][b][i] / t->n;
		printf("   %+.3f ± %.3f", mean, sqrt((t->squares[w][b][i] / t->n - mean * mean) / t->n));
	}
	putchar('\n');
}

static void print(const struct tally *t)
{
	unsigned int w, i;

	printf("%u texts, %u of them held out as queries; %u splits, seeds %u to %u\n\n", ntexts, QUERIES, SPLITS,
	       FIRST_SEED, FIRST_SEED + SPLITS - 1);
	printf("%-20s %-12s %-6s  %-16s %s\n", "embedder", "", "mean", "to lexical 384", "to lexical 768");
	for (w = 0; w < WAYS; w++)
		for (i = 0; i < MEASURES; i++)
			if (t->sum[w][i] > 0 && (judge || i == FORUM))
				print_row(t, w, i);
	for (w = BASES; w < WAYS; w++)
		printf("%s: trained in %.1f s\n", ways[w].title, t->seconds[w] / SPLITS);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct tally t = { .n = 0 };
	unsigned int i, from;
	int a = 1;

	if (argc > 2 && !strcmp(argv[1], "--wordnet")) {
		wordnet = argv[2];
		a = 3;
	}
	if (argc - a > 1)
		judge = allocate((size_t)TEXTS_MAX * JUDGE_DIM, sizeof(*judge));
	for (; a < argc; a += 2) {
		from = ntexts;
		read_texts(argv[a]);
		if (a + 1 < argc)
			read_vectors(argv[a + 1], from);
	}
	if (ntexts < 2 * QUERIES) {
		fprintf(stderr, "judge: too few texts\n");
		return 2;
	}
	for (i = 0; i < SPLITS; i++)
		split(&t, FIRST_SEED + i);
	print(&t);
	return 0;
}
