// SPDX-License-Identifier: GPL-2.0
/*
 * Halko, Martinsson & Tropp, "Finding Structure with Randomness", SIAM Review 2011: the range of a matrix is
 * that of its product with a few random vectors; power iterations sharpen it (algorithms 4.4 and 5.3).
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/static.h"

#define OVERSAMPLING	20
#define POWERS		3

struct product {
	const struct static_matrix *m;
	const float *x;
	float *y;
	double *small;	/* STATIC_PIECES times l * l */
	uint32_t l, dim;
};

static void multiply_rows(void *ctx, uint32_t piece, uint32_t from, uint32_t to)
{
	const struct product *p = ctx;
	uint32_t r, k;
	size_t i;

	for (r = from; r < to; r++) {
		float *y = p->y + (size_t)r * p->l;

		memset(y, 0, p->l * sizeof(*y));
		for (i = p->m->begin[r]; i < p->m->begin[r + 1]; i++) {
			const float *x = p->x + (size_t)p->m->column[i] * p->l;
			float v = p->m->value[i];

			for (k = 0; k < p->l; k++)
				y[k] += v * x[k];
		}
	}
}

/* X' Y, summed by pieces. */
static void project_rows(void *ctx, uint32_t piece, uint32_t from, uint32_t to)
{
	const struct product *p = ctx;
	double *s = p->small + (size_t)piece * p->l * p->l;
	uint32_t r, i, j;

	for (r = from; r < to; r++) {
		const float *x = p->x + (size_t)r * p->l, *y = p->y + (size_t)r * p->l;

		for (i = 0; i < p->l; i++)
			for (j = 0; j < p->l; j++)
				s[(size_t)i * p->l + j] += (double)x[i] * (double)y[j];
	}
}

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Uniform ones are as good as Gaussian ones here. */
static void randomise(float *x, size_t n, uint64_t seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		x[i] = (float)(splitmix(&seed) >> 40) / 8388608.0f - 1.0f;
}

static int find_range(struct product *p, float *q, float *other, uint64_t seed)
{
	size_t n = (size_t)p->m->n * p->l;
	int i, ret = 0;

	randomise(q, n, seed);
	for (i = 0; !ret && i <= POWERS; i++) {
		p->x = q;
		p->y = other;
		static_parallel(p->m->n, multiply_rows, p);
		memcpy(q, other, n * sizeof(*q));
		ret = static_orthonormalise(q, p->m->n, p->l);
	}
	return ret;
}

/* Q' A Q in p->small, made symmetric. */
static void make_small(struct product *p, const float *q, float *other)
{
	size_t square = (size_t)p->l * p->l, i, j, k;
	double *s = p->small;

	p->x = q;
	p->y = other;
	static_parallel(p->m->n, multiply_rows, p);
	memset(s, 0, STATIC_PIECES * square * sizeof(*s));
	static_parallel(p->m->n, project_rows, p);
	for (k = 1; k < STATIC_PIECES; k++)
		for (i = 0; i < square; i++)
			s[i] += s[k * square + i];
	for (i = 0; i < p->l; i++)
		for (j = 0; j < i; j++) {
			s[i * p->l + j] = (s[i * p->l + j] + s[j * p->l + i]) / 2;
			s[j * p->l + i] = s[i * p->l + j];
		}
}

/* Columns of @small, those of the largest |@value| first. */
static void order(const double *value, uint32_t l, uint32_t *column)
{
	uint32_t i, j, c;

	for (i = 0; i < l; i++) {
		c = i;
		for (j = i; j && fabs(value[column[j - 1]]) < fabs(value[c]); j--)
			column[j] = column[j - 1];
		column[j] = c;
	}
}

struct finish {
	const float *q;
	const double *small, *scale;
	const uint32_t *column;
	float *out;
	uint32_t l, dim;
};

static void finish_rows(void *ctx, uint32_t piece, uint32_t from, uint32_t to)
{
	const struct finish *f = ctx;
	uint32_t r, d, k;
	double s;

	for (r = from; r < to; r++)
		for (d = 0; d < f->dim; d++) {
			s = 0;
			for (k = 0; d < f->l && k < f->l; k++)
				s += (double)f->q[(size_t)r * f->l + k] * f->small[(size_t)k * f->l + f->column[d]];
			f->out[(size_t)r * f->dim + d] = d < f->l ? (float)(s * f->scale[d]) : 0;
		}
}

static int finish(struct product *p, const float *q, float power, float *out)
{
	double *value = calloc(2ull * p->l, sizeof(*value)), *scale = value + p->l;
	uint32_t *column = calloc(p->l, sizeof(*column)), i;
	struct finish f = { q, p->small, scale, column, out, p->l, p->dim };
	int ret = value && column ? static_eigen(p->small, p->l, value) : -ENOMEM;

	if (!ret) {
		order(value, p->l, column);
		for (i = 0; i < p->l; i++)
			scale[i] = value[column[i]] == 0 ? 0 : pow(fabs(value[column[i]]), (double)power);
		static_parallel(p->m->n, finish_rows, &f);
	}
	free(value);
	free(column);
	return ret;
}

int static_svd(const struct static_matrix *m, uint32_t dim, float power, uint64_t seed, float *out)
{
	struct product p = { .m = m, .dim = dim, .l = dim + OVERSAMPLING };
	float *q, *other;
	int ret;

	if (p.l > m->n)
		p.l = m->n;
	if (!m->n)
		return 0;
	q = malloc((size_t)m->n * p.l * sizeof(*q));
	other = malloc((size_t)m->n * p.l * sizeof(*other));
	p.small = malloc((size_t)STATIC_PIECES * p.l * p.l * sizeof(*p.small));
	ret = q && other && p.small ? find_range(&p, q, other, seed) : -ENOMEM;
	if (!ret) {
		make_small(&p, q, other);
		ret = finish(&p, q, power, out);
	}
	free(q);
	free(other);
	free(p.small);
	return ret;
}
