// SPDX-License-Identifier: GPL-2.0
/*
 * From a collection's vectors to a graph's: every metric becomes squared L2,
 * and the mean is subtracted, so that the eight bits of a code are spent on what
 * distinguishes the vectors and not on what they have in common.
 *
 * cosine: length 1. Squared L2 is twice the cosine distance.
 * inner product: one more element makes every stored vector as long as the
 *	longest of the sample; a query is scaled to that length and has 0 there
 *	(Neyshabur, Srebro: On Symmetric and Asymmetric LSHs, ICML 2015, 3.2).
 * more than VEXFS_GRAPH_MAX_DIM elements: element i is added to or subtracted
 *	from element i mod the maximum (Charikar, Chen, Farach-Colton, ICALP 2002).
 *
 * Integer arithmetic only, but for simd->shift.
 */
#include "core/graph_impl.h"

/* Room for an inner product's extra element stays free. */
static u32 fold_dim(const struct vexfs_graph *g)
{
	return g->gspace.dim - (g->space.metric == VEXFS_IP);
}

/* A fixed pseudo-random sign for element @i. */
static u32 fold_sign(u32 i)
{
	i *= 0x9e3779b1U;
	i ^= i >> 15;
	return i * 0x85ebca77U & VEXFS_SF_SIGN;
}

/* The vector in @tmp, folded if it is longer; what overflows is found by its norm. */
static void fold(const struct vexfs_graph *g, const u32 *f32, u32 *tmp)
{
	u32 i, to = fold_dim(g);

	memcpy(tmp, f32, to * sizeof(*tmp));
	for (i = to; i < g->space.dim; i++)
		tmp[i % to] = vexfs_sf_add(tmp[i % to], f32[i] ^ fold_sign(i));
}

/* sqrt(reach^2 - |v|^2); vectors that are longer than any of the sample stay as they are. */
static u32 extension(const struct vexfs_graph *g, const u32 *v)
{
	u32 n = fold_dim(g), scaled, left;

	scaled = vexfs_sf_mul(vexfs_vec_norm2(v, n), vexfs_sf_mul(g->unit, g->unit));
	left = vexfs_sf_sub(vexfs_sf_mul(g->reach, g->reach), scaled);
	if (left & VEXFS_SF_SIGN || vexfs_sf_isnan(left))
		return 0;
	/* shift multiplies it by the unit */
	return vexfs_sf_div(vexfs_sf_sqrt(left), g->unit);
}

static u32 wanted_length(const struct vexfs_graph *g, bool stored)
{
	if (g->space.metric == VEXFS_COSINE)
		return VEXFS_SF_ONE;
	return g->space.metric == VEXFS_IP && !stored ? g->reach : 0;
}

/* A query of zeros has no length to change. */
static bool all_zero(const u32 *v, u32 n)
{
	while (n && !(*v & ~VEXFS_SF_SIGN))
		v++, n--;
	return !n;
}

/*
 * graph_prepare - a vector as the graph's query, in w->query
 * @f32:    dim finite words
 * @stored: for a record, not for a search
 *
 * Return: 0, or -EDOM: its distances are not numbers.
 */
int graph_prepare(struct vexfs_graph *g, struct vexfs_graph_work *w, const u32 *f32, bool stored)
{
	struct vexfs_recentre sh = {
		.mean = g->mean, .n = g->gspace.dim, .unit = g->unit, .length = wanted_length(g, stored),
	};
	const u32 *v = f32;

	if (g->space.dim != g->gspace.dim) {
		fold(g, f32, w->tmp);
		v = w->tmp;
		if (g->space.metric == VEXFS_IP)
			w->tmp[fold_dim(g)] = stored ? extension(g, v) : 0;
	}
	if (sh.length && all_zero(v, sh.n))
		sh.length = 0;
	graph_fpu(g, true);
	g->simd->shift(&w->query, v, &sh);
	graph_fpu(g, false);
	return w->query.norm2 < VEXFS_SF_INF ? 0 : -EDOM;
}

/* ---- statistics ------------------------------------------------------------------------ */

/* 2^-e for an element of about 2^e where squares of such elements would leave float32; else 1. */
static u32 choose_unit(const u32 *f32, u32 dim)
{
	u32 i, top = 0, e;

	for (i = 0; i < dim; i++)
		top = max(top, f32[i] & ~VEXFS_SF_SIGN);
	e = top >> 23;
	if (!e || (e > 127 - 30 && e < 127 + 30))
		return VEXFS_SF_ONE;
	return min(max(254 - e, 1U), 253U) << 23;
}

static u32 train_factor(const struct vexfs_graph *g, u32 norm2)
{
	if (g->space.metric == VEXFS_COSINE)
		return vexfs_sf_div(VEXFS_SF_ONE, vexfs_sf_sqrt(norm2));
	return g->unit;
}

/* Sums are kept where the means will be; their rounding is far below a code's step. */
void vexfs_graph_train_add(struct vexfs_graph_train *t, const u32 *f32)
{
	struct vexfs_graph *g = t->g;
	u32 i, n = fold_dim(g), norm2, factor, length;

	if (!g->trained)
		g->unit = g->space.metric == VEXFS_COSINE ? VEXFS_SF_ONE : choose_unit(f32, g->space.dim);
	fold(g, f32, t->tmp);
	norm2 = vexfs_vec_norm2(t->tmp, n);
	factor = train_factor(g, norm2);
	for (i = 0; i < n; i++)
		g->mean[i] = vexfs_sf_add(g->mean[i], vexfs_sf_mul(t->tmp[i], factor));
	length = vexfs_sf_mul(vexfs_sf_sqrt(norm2), g->unit);
	if (length < VEXFS_SF_INF && length > g->reach)
		g->reach = length;
	g->trained++;
}

void vexfs_graph_train_end(struct vexfs_graph_train *t)
{
	struct vexfs_graph *g = t->g;
	u32 i, n = vexfs_sf_from_s32((s32)max(g->trained, 1U));

	for (i = 0; i < g->gspace.dim; i++) {
		g->mean[i] = vexfs_sf_div(g->mean[i], n);
		if (!vexfs_sf_isfinite(g->mean[i]))
			g->mean[i] = 0;
	}
	if (!g->reach)
		g->reach = VEXFS_SF_ONE;
}
