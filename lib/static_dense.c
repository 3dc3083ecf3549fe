// SPDX-License-Identifier: GPL-2.0
/*
 * The dense algebra of a randomised SVD: tall thin matrices, and small symmetric ones; documented in
 * lib/static.h. A library of linear algebra would give other bits on other processors, and be missing in
 * static programs; of the time of a training this is a small part.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/static.h"

#define DEPENDENT	1e-10	/* a pivot so small beside the largest is none */
#define SWEEPS_MAX	40	/* Jacobi's method needs about ten */

/* ---- orthonormal columns ----------------------------------------------------------------------- */

struct ortho {
	float *y;
	double *gram;	/* STATIC_PIECES times l * l */
	uint32_t l;
};

static void add_gram(void *ctx, uint32_t piece, uint32_t from, uint32_t to)
{
	struct ortho *o = ctx;
	double *g = o->gram + (size_t)piece * o->l * o->l;
	uint32_t r, i, j;

	for (r = from; r < to; r++) {
		const float *row = o->y + (size_t)r * o->l;

		for (i = 0; i < o->l; i++)
			for (j = 0; j <= i; j++)
				g[(size_t)i * o->l + j] += (double)row[i] * (double)row[j];
	}
}

/* Cholesky: the lower triangle of @g becomes L; columns without a pivot become zero. */
static void factor(double *g, uint32_t l)
{
	double largest = 0, s;
	uint32_t i, j, k;

	for (i = 0; i < l; i++)
		largest = g[(size_t)i * l + i] > largest ? g[(size_t)i * l + i] : largest;
	for (j = 0; j < l; j++) {
		s = g[(size_t)j * l + j];
		for (k = 0; k < j; k++)
			s -= g[(size_t)j * l + k] * g[(size_t)j * l + k];
		s = s > DEPENDENT * largest ? sqrt(s) : 0;
		g[(size_t)j * l + j] = s;
		for (i = j + 1; i < l; i++) {
			double t = g[(size_t)i * l + j];

			for (k = 0; k < j; k++)
				t -= g[(size_t)i * l + k] * g[(size_t)j * l + k];
			g[(size_t)i * l + j] = s > 0 ? t / s : 0;
		}
	}
}

/* Rows times the inverse of L's transpose. */
static void solve_rows(void *ctx, uint32_t piece, uint32_t from, uint32_t to)
{
	struct ortho *o = ctx;
	uint32_t r, j, k;

	for (r = from; r < to; r++) {
		float *row = o->y + (size_t)r * o->l;

		for (j = 0; j < o->l; j++) {
			const double *g = o->gram + (size_t)j * o->l;
			double s = row[j];

			for (k = 0; k < j; k++)
				s -= g[k] * (double)row[k];
			row[j] = g[j] > 0 ? (float)(s / g[j]) : 0;
		}
	}
}

/* Twice: the second time removes what rounding left the first time (Cholesky QR 2, Yamamoto et al. 2015). */
int static_orthonormalise(float *y, uint32_t n, uint32_t l)
{
	size_t square = (size_t)l * l, i, p;
	struct ortho o = { .y = y, .l = l, .gram = malloc(STATIC_PIECES * square * sizeof(double)) };
	int round;

	if (!o.gram)
		return -ENOMEM;
	for (round = 0; round < 2; round++) {
		memset(o.gram, 0, STATIC_PIECES * square * sizeof(double));
		static_parallel(n, add_gram, &o);
		for (p = 1; p < STATIC_PIECES; p++)
			for (i = 0; i < square; i++)
				o.gram[i] += o.gram[p * square + i];
		factor(o.gram, l);
		static_parallel(n, solve_rows, &o);
	}
	free(o.gram);
	return 0;
}

/* ---- eigenvalues ------------------------------------------------------------------------------- */

static void rotate(double *x, double *y, double c, double s)
{
	double a = *x, b = *y;

	*x = c * a - s * b;
	*y = s * a + c * b;
}

static void rotate_pair(double *a, double *v, uint32_t l, uint32_t p, uint32_t q)
{
	double apq = a[(size_t)p * l + q], t, c, s, theta;
	uint32_t k;

	theta = (a[(size_t)q * l + q] - a[(size_t)p * l + p]) / (2 * apq);
	t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
	c = 1 / sqrt(t * t + 1);
	s = t * c;
	for (k = 0; k < l; k++)		/* rows */
		rotate(&a[(size_t)p * l + k], &a[(size_t)q * l + k], c, s);
	for (k = 0; k < l; k++)		/* columns */
		rotate(&a[(size_t)k * l + p], &a[(size_t)k * l + q], c, s);
	for (k = 0; k < l; k++)		/* rows: eigenvectors */
		rotate(&v[(size_t)p * l + k], &v[(size_t)q * l + k], c, s);
}

static double off_diagonal(const double *a, uint32_t l, double *diagonal)
{
	double off = 0;
	uint32_t i, j;

	*diagonal = 0;
	for (i = 0; i < l; i++)
		for (j = 0; j < l; j++)
			*(i == j ? diagonal : &off) += a[(size_t)i * l + j] * a[(size_t)i * l + j];
	return off;
}

/* Jacobi's method, row by row (Golub & Van Loan, "Matrix Computations", 8.5). */
int static_eigen(double *a, uint32_t l, double *values)
{
	double *v = calloc((size_t)l * l, sizeof(*v)), off, diagonal;
	uint32_t sweep, p, q;

	if (!v)
		return -ENOMEM;
	for (p = 0; p < l; p++)
		v[(size_t)p * l + p] = 1;
	for (sweep = 0; sweep < SWEEPS_MAX; sweep++) {
		off = off_diagonal(a, l, &diagonal);
		if (!(off > 1e-20 * diagonal))
			break;
		for (p = 0; p < l; p++)
			for (q = p + 1; q < l; q++)
				if (a[(size_t)p * l + q] * a[(size_t)p * l + q] > 1e-26 * diagonal / l)
					rotate_pair(a, v, l, p, q);
	}
	for (p = 0; p < l; p++)
		values[p] = a[(size_t)p * l + p];
	for (p = 0; p < l; p++)
		for (q = 0; q < l; q++)
			a[(size_t)p * l + q] = v[(size_t)q * l + p];
	free(v);
	return 0;
}
