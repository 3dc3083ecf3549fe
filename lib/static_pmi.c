// SPDX-License-Identifier: GPL-2.0
/*
 * Co-occurrences, and how much more frequent they are than chance has it.
 *
 * Levy & Goldberg, "Neural Word Embedding as Implicit Matrix Factorization", 2014; Levy, Goldberg &
 * Dagan, "Improving Distributional Similarity with Lessons Learned from Word Embeddings", 2015 (what of it
 * matters: the window, and the power of the singular values).
 *
 * A row is counted at a time, in an array of all words: the places of its word are known, so no table
 * of all pairs is needed, and memory is that of the result.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/static.h"

#define WINDOW		10	/* words to each side, all alike: a title, or a sentence around a word */
#define BUCKETS		4096u

struct entry {
	uint32_t column;
	float value;
};

/**
 * struct part - of the rows @from..@to
 * @pairs: how many there are of each weight, rounded down
 */
struct part {
	struct entry *entry;
	size_t n, room;
	uint32_t from, to;
	uint64_t pairs[BUCKETS];
	int failed;
};

/**
 * struct pmi - the work
 * @place:  @first[w]..@first[w + 1] are the places of word w in the tokens
 * @sum:    weight of the pairs of each word, then its logarithm; @total: logarithm of that of all
 * @least:  pairs of a smaller weight are left out
 */
struct pmi {
	const struct static_corpus *c;
	const struct static_vocabulary *v;
	size_t *first;
	uint32_t *place;
	double total, *sum;
	float least;
	struct static_matrix *m;
	struct part part[STATIC_PIECES];
};

static int find_places(struct pmi *p)
{
	const struct static_corpus *c = p->c;
	uint32_t n = p->v->n, r, i;
	size_t *next = calloc(n + 1ull, sizeof(*next));

	p->first = calloc(n + 1ull, sizeof(*p->first));
	p->place = malloc((c->used + 1) * sizeof(*p->place));
	if (!next || !p->first || !p->place) {
		free(next);
		return -ENOMEM;
	}
	for (r = 0; r < n; r++)
		p->first[r + 1] = p->first[r] + p->v->count[r];
	memcpy(next, p->first, (n + 1ull) * sizeof(*next));
	for (i = 0; i < c->used; i++) {
		r = c->tokens[i] ? p->v->rank[c->tokens[i]] : 0;
		if (r)
			p->place[next[r - 1]++] = i;
	}
	free(next);
	return 0;
}

/* One side of the window: @step is 1 or -1. */
static void count_side(const struct pmi *p, size_t at, int step, float *weight)
{
	const uint32_t *t = p->c->tokens;
	uint32_t r;
	int d;

	for (d = 1; d <= WINDOW && (step > 0 || at); d++) {
		at = step > 0 ? at + 1 : at - 1;
		if (at >= p->c->used || t[at] == STATIC_BORDER)
			return;
		r = p->v->rank[t[at]];
		if (r)
			weight[r - 1]++;
	}
}

static void count_row(const struct pmi *p, uint32_t row, float *weight)
{
	size_t i;

	memset(weight, 0, p->v->n * sizeof(*weight));
	for (i = p->first[row]; i < p->first[row + 1]; i++) {
		count_side(p, p->place[i], 1, weight);
		count_side(p, p->place[i], -1, weight);
	}
	weight[row] = 0;	/* a word says nothing of itself */
}

/* ---- first pass: sums, and how many pairs there are of each weight --------------------------- */

static unsigned int bucket(float weight)
{
	return weight < BUCKETS - 1 ? (unsigned int)weight : BUCKETS - 1;
}

static void sum_rows(void *ctx, uint32_t piece, uint32_t from, uint32_t to)
{
	struct pmi *p = ctx;
	float *weight = malloc((p->v->n + 1ull) * sizeof(*weight));
	uint32_t row, i;

	if (!weight) {
		p->part[piece].failed = -ENOMEM;
		return;
	}
	for (row = from; row < to; row++) {
		count_row(p, row, weight);
		for (i = 0; i < p->v->n; i++) {
			p->sum[row] += weight[i];
			p->part[piece].pairs[bucket(weight[i])] += weight[i] > 0;
		}
	}
	free(weight);
}

/* The least weight of a pair that is kept, so that there are not too many. */
static float least_weight(const struct pmi *p)
{
	uint64_t n = 0;
	unsigned int b, i;

	for (b = BUCKETS; b-- > 1;) {
		for (i = 0; i < STATIC_PIECES; i++)
			n += p->part[i].pairs[b];
		if (n > STATIC_PAIRS_MAX)
			return (float)(b + 1);
	}
	for (i = 0; i < STATIC_PIECES; i++)
		n += p->part[i].pairs[0];
	return n > STATIC_PAIRS_MAX ? 1.0f : 0.0f;
}

/* ---- second pass: the matrix ------------------------------------------------------------------ */

static int add_entry(struct part *t, uint32_t column, float value)
{
	size_t room = t->room ? 2 * t->room : 4096;
	struct entry *bigger;

	if (t->n == t->room) {
		bigger = realloc(t->entry, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		t->entry = bigger;
		t->room = room;
	}
	t->entry[t->n++] = (struct entry){ column, value };
	return 0;
}

static int add_row(struct pmi *p, struct part *t, uint32_t row, const float *weight)
{
	uint32_t i;
	double pmi;
	int ret = 0;

	for (i = 0; !ret && i < p->v->n; i++) {
		if (!(weight[i] > 0) || weight[i] < p->least)
			continue;
		pmi = log(weight[i]) - p->sum[row] - p->sum[i] + p->total;
		if (pmi > 0)
			ret = add_entry(t, i, (float)pmi);
	}
	p->m->begin[row + 1] = t->n;
	return ret;
}

static void fill_rows(void *ctx, uint32_t piece, uint32_t from, uint32_t to)
{
	struct pmi *p = ctx;
	float *weight = malloc((p->v->n + 1ull) * sizeof(*weight));
	struct part *t = &p->part[piece];
	uint32_t row;

	t->failed = weight ? 0 : -ENOMEM;
	for (row = from; !t->failed && row < to; row++) {
		count_row(p, row, weight);
		t->failed = add_row(p, t, row, weight);
	}
	t->from = from;
	t->to = to;
	free(weight);
}

/* log of what chance has: a word's share of all pairs. */
static void take_logs(struct pmi *p)
{
	double total = 0;
	uint32_t i;

	for (i = 0; i < p->v->n; i++)
		total += p->sum[i];
	p->total = total > 0 ? log(total) : 0;
	for (i = 0; i < p->v->n; i++)
		p->sum[i] = p->sum[i] > 0 ? log(p->sum[i]) : 0;
}

static int join_parts(struct pmi *p)
{
	struct static_matrix *m = p->m;
	size_t n = 0, i, at = 0;
	uint32_t k, r;

	for (k = 0; k < STATIC_PIECES; k++)
		n += p->part[k].n;
	m->column = malloc((n + 1) * sizeof(*m->column));
	m->value = malloc((n + 1) * sizeof(*m->value));
	if (!m->column || !m->value)
		return -ENOMEM;
	for (k = 0; k < STATIC_PIECES; k++) {
		struct part *t = &p->part[k];

		for (r = t->from; r < t->to; r++)
			m->begin[r + 1] += at;
		for (i = 0; i < t->n; i++, at++) {
			m->column[at] = t->entry[i].column;
			m->value[at] = t->entry[i].value;
		}
		free(t->entry);
		t->entry = NULL;
	}
	return 0;
}

static int failed(const struct pmi *p)
{
	unsigned int i;

	for (i = 0; i < STATIC_PIECES; i++)
		if (p->part[i].failed)
			return p->part[i].failed;
	return 0;
}

static int build(struct pmi *p)
{
	uint32_t n = p->v->n;
	int ret = find_places(p);

	p->sum = calloc(n + 1ull, sizeof(*p->sum));
	p->m->begin = calloc(n + 1ull, sizeof(*p->m->begin));
	if (ret || !p->sum || !p->m->begin)
		return -ENOMEM;
	static_parallel(n, sum_rows, p);
	ret = failed(p);
	if (ret)
		return ret;
	p->least = least_weight(p);
	take_logs(p);
	static_parallel(n, fill_rows, p);
	ret = failed(p);
	return ret ? ret : join_parts(p);
}

int static_pmi(const struct static_corpus *c, const struct static_vocabulary *v, struct static_matrix *m)
{
	struct pmi *p = calloc(1, sizeof(*p));
	unsigned int i;
	int ret;

	memset(m, 0, sizeof(*m));
	m->n = v->n;
	if (!p)
		return -ENOMEM;
	p->c = c;
	p->v = v;
	p->m = m;
	ret = build(p);
	for (i = 0; i < STATIC_PIECES; i++)
		free(p->part[i].entry);
	free(p->first);
	free(p->place);
	free(p->sum);
	free(p);
	if (ret)
		static_matrix_free(m);
	return ret;
}

void static_matrix_free(struct static_matrix *m)
{
	free(m->begin);
	free(m->column);
	free(m->value);
	memset(m, 0, sizeof(*m));
}
