// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of one guest agree on kernel, processors and lane; its machine is as large as its largest test. Guests are cut
 * so that there are some four per processor: fewer leave a processor idle at the end, more cost more starts.
 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define PER_JOB		4
#define SMALLEST_MS	20000L	/* a guest with less to do costs more than it saves */

/* Tests of one guest, and its load in ms. */
struct bin {
	const struct row **row;
	size_t n;
	long load;
};

struct bins {
	struct bin *b;
	size_t n;
};

static int same_machine(const struct row *a, const struct row *b)
{
	int d = strcmp(a->kernel, b->kernel);

	if (!d)
		d = a->cpus - b->cpus;
	return d ? d : strcmp(a->lane, b->lane);
}

static int by_machine_and_weight(const void *x, const void *y)
{
	const struct row *a = *(const struct row *const *)x, *b = *(const struct row *const *)y;
	int d = same_machine(a, b);

	if (d)
		return d;
	if (a->weight != b->weight)
		return a->weight < b->weight ? 1 : -1;
	return strverscmp(a->name, b->name);
}

static int by_name(const void *x, const void *y)
{
	const struct row *a = *(const struct row *const *)x, *b = *(const struct row *const *)y;

	return strverscmp(a->name, b->name);
}

/* The heaviest first: a long one that starts last is what everybody waits for. */
static int by_load(const void *x, const void *y)
{
	const struct bin *a = x, *b = y;

	if (a->load != b->load)
		return a->load < b->load ? 1 : -1;
	return same_machine(a->row[0], b->row[0]);
}

static void bin_add(struct bin *b, const struct row *r)
{
	b->row = grow(b->row, (b->n + 1) * sizeof(const struct row *));
	b->row[b->n++] = r;
	b->load += r->weight + 1;
}

/* Deals tests of one machine, heaviest first, each to the bin with the least load. */
static void deal(struct bins *all, const struct row **row, size_t n, long target)
{
	size_t first = all->n, count, best;
	long sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += row[i]->weight;
	count = (sum + target - 1) / target;
	count = count < 1 ? 1 : count > n ? n : count;
	all->n += count;
	all->b = grow(all->b, all->n * sizeof(*all->b));
	memset(&all->b[first], 0, count * sizeof(*all->b));
	for (size_t i = 0; i < n; i++) {
		best = first;
		for (size_t b = first; b < all->n; b++)
			if (all->b[b].load < all->b[best].load)
				best = b;
		bin_add(&all->b[best], row[i]);
	}
}

static void bin_write(struct bin *b, const char *path)
{
	struct plan p = { 0 };

	qsort(b->row, b->n, sizeof(const struct row *), by_name);
	for (size_t i = 0; i < b->n; i++)
		plan_add(&p, b->row[i]);
	plan_write(&p, path);
	free(p.row);
	free(b->row);
}

unsigned int pack(const struct plan *p, const char *dir, int jobs)
{
	const struct row **row = grow(NULL, (p->n + 1) * sizeof(const struct row *));
	struct bins all = { 0 };
	long total = 0, target;

	for (size_t i = 0; i < p->n; i++) {
		row[i] = &p->row[i];
		total += row[i]->weight;
	}
	target = total / (PER_JOB * jobs);
	if (target < SMALLEST_MS)
		target = SMALLEST_MS;
	qsort(row, p->n, sizeof(const struct row *), by_machine_and_weight);
	for (size_t i = 0, end; i < p->n; i = end) {
		for (end = i; end < p->n && !same_machine(row[i], row[end]); end++)
			;
		deal(&all, row + i, end - i, target);
	}
	if (all.n)
		qsort(all.b, all.n, sizeof(*all.b), by_load);
	for (size_t i = 0; i < all.n; i++) {
		char *path = format_text("%s/shard%zu", dir, i + 1);

		bin_write(&all.b[i], path);
		free(path);
	}
	free(all.b);
	free(row);
	return all.n;
}
