// SPDX-License-Identifier: GPL-2.0
/* Two rankings made one: by vectors, and by words. */
#include <math.h>
#include <stdlib.h>

#include "tools/vexctl/search.h"

/* Cormack, Clarke, Büttcher, Reciprocal Rank Fusion, SIGIR 2009: 60 is theirs. */
#define RRF_K	60.0f

/* Cosines of unrelated unit vectors have a deviation of 1/sqrt(dim); 4 of them is 1 in 30,000. */
float noise_floor(uint32_t dim)
{
	return dim ? 4.0f / sqrtf((float)dim) : 0;
}

float similarity(uint8_t metric, float distance)
{
	float s;

	if (metric == VEXFS_IOC_COSINE)
		s = 1.0f - distance;
	else if (metric == VEXFS_IOC_L2)
		s = 1.0f / (1.0f + distance);
	else
		s = 1.0f / (1.0f + expf(distance));
	if (!(s > 0))		/* and NaN */
		return 0;
	return s < 1.0f ? s : 1.0f;
}

static int by_words(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->rank_words != y->rank_words)
		return x->rank_words > y->rank_words ? -1 : 1;
	return (x->by_vector > y->by_vector) - (x->by_vector < y->by_vector);
}

static int by_fused(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->verbatim != y->verbatim)
		return x->verbatim > y->verbatim ? -1 : 1;
	if (x->fused != y->fused)
		return x->fused > y->fused ? -1 : 1;
	return (x->by_vector > y->by_vector) - (x->by_vector < y->by_vector);
}

/* What has none of the words gets nothing from its place among the words. */
void fuse_ranks(struct found *f, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		f[i].by_vector = i;
		f[i].fused = 1.0f / (RRF_K + (float)i + 1);
	}
	qsort(f, n, sizeof(*f), by_words);
	for (i = 0; i < n && f[i].rank_words > 0; i++)
		f[i].fused += 1.0f / (RRF_K + (float)i + 1);
	qsort(f, n, sizeof(*f), by_fused);
}
