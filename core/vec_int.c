// SPDX-License-Identifier: GPL-2.0
/*
 * Distance kernels in plain integers, for machines and contexts without a
 * usable FPU, and the reference the SIMD kernels are tested against.
 *
 * @scan gives the same bits as the SIMD kernels (vec_group.h states the order of
 * operations). @exact sums without any rounding before the last step, so it is
 * more precise than they are, and about thirty times slower.
 */
#include "core/softfloat.h"
#include "core/vec.h"

/* |sum| <= 16384 * 127 * 127 < 2^28. */
static s32 dot_codes(const s8 *a, const s8 *b, u32 n)
{
	s32 s0 = 0, s1 = 0, s2 = 0, s3 = 0;
	u32 i;

	/* Four sums: the adds of one need not wait for each other. */
	for (i = 0; i + 4 <= n; i += 4) {
		s0 += a[i] * b[i];
		s1 += a[i + 1] * b[i + 1];
		s2 += a[i + 2] * b[i + 2];
		s3 += a[i + 3] * b[i + 3];
	}
	for (; i < n; i++)
		s0 += a[i] * b[i];
	return s0 + s1 + s2 + s3;
}

/* A NaN stays: vexfs_f32_to_key() puts it last. */
static u32 clamp_cosine(u32 d)
{
	if (vexfs_sf_isnan(d))
		return d;
	if (d & VEXFS_SF_SIGN)
		return 0;
	return d > VEXFS_SF_TWO ? VEXFS_SF_TWO : d;
}

/* What a code is multiplied with: its scale; its scale over its norm for the cosine. */
static u32 code_factor(u8 metric, u32 scale, u32 norm2)
{
	return metric == VEXFS_COSINE ? vexfs_sf_div(scale, vexfs_sf_sqrt(norm2)) : scale;
}

static u32 scan_distance(const struct vexfs_query *q, u32 qfactor, const struct vexfs_code *rec)
{
	s32 dot = dot_codes(q->code, (const s8 *)(rec + 1), q->space.dim);
	u32 ip = vexfs_sf_mul(vexfs_sf_from_s32(dot), qfactor), norm2, d;
	struct vexfs_code head;

	memcpy(&head, (const void *)rec, sizeof(head));	/* a record may lie at any address */
	norm2 = le32_to_cpu(head.k_norm2);
	ip = vexfs_sf_mul(ip, code_factor(q->space.metric, le32_to_cpu(head.k_scale), norm2));
	switch (q->space.metric) {
	case VEXFS_L2:
		d = vexfs_sf_sub(vexfs_sf_add(q->norm2, norm2), vexfs_sf_add(ip, ip));
		return d & VEXFS_SF_SIGN && !vexfs_sf_isnan(d) ? 0 : d;
	case VEXFS_COSINE:
		return clamp_cosine(vexfs_sf_sub(VEXFS_SF_ONE, ip));
	default:
		return vexfs_sf_sub(0, ip);
	}
}

static void int_scan(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
		     u32 *keys)
{
	u32 i, qfactor = code_factor(q->space.metric, q->scale, q->norm2);

	for (i = 0; i < n; i++)
		keys[i] = vexfs_f32_to_key(scan_distance(q, qfactor, recs[i]));
}

static u32 exact_dot(const u32 *a, const u32 *b, u32 n)
{
	struct vexfs_acc acc;
	u32 i;

	vexfs_acc_init(&acc);
	for (i = 0; i < n; i++)
		vexfs_acc_madd(&acc, a[i], b[i]);
	return vexfs_acc_f32(&acc);
}

/* Every difference is rounded as the SIMD kernels round it; nothing else is. */
static u32 exact_l2(const u32 *a, const u32 *b, u32 n)
{
	struct vexfs_acc acc;
	u32 i, d;

	vexfs_acc_init(&acc);
	for (i = 0; i < n; i++) {
		d = vexfs_sf_sub(a[i], b[i]);
		vexfs_acc_madd(&acc, d, d);
	}
	return vexfs_acc_f32(&acc);
}

static u32 exact_cosine(const struct vexfs_query *q, const u32 *v)
{
	u32 dim = q->space.dim, dot = exact_dot(q->f32, v, dim);
	u32 norms = vexfs_sf_mul(vexfs_sf_sqrt(q->norm2), vexfs_sf_sqrt(exact_dot(v, v, dim)));

	return clamp_cosine(vexfs_sf_sub(VEXFS_SF_ONE, vexfs_sf_div(dot, norms)));
}

static u32 exact_distance(const struct vexfs_query *q, const u32 *v)
{
	switch (q->space.metric) {
	case VEXFS_L2:
		return exact_l2(q->f32, v, q->space.dim);
	case VEXFS_COSINE:
		return exact_cosine(q, v);
	default:
		return vexfs_sf_sub(0, exact_dot(q->f32, v, q->space.dim));
	}
}

static void int_exact(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys)
{
	u32 i;

	for (i = 0; i < n; i++)
		keys[i] = vexfs_f32_to_key(exact_distance(q, vecs[i]));
}

static u32 shift_factor(const u32 *v, const struct vexfs_recentre *sh)
{
	if (!sh->length)
		return sh->unit;
	return vexfs_sf_div(sh->length, vexfs_sf_sqrt(vexfs_vec_norm2(v, sh->n)));
}

/* An overflow in one element shows in norm2, which is what the caller looks at. */
static void int_shift(struct vexfs_query *q, const u32 *v, const struct vexfs_recentre *sh)
{
	u32 i, factor = shift_factor(v, sh);
	bool finite = true;

	for (i = 0; i < sh->n; i++) {
		q->f32[i] = vexfs_sf_sub(vexfs_sf_mul(v[i], factor), sh->mean[i]);
		finite &= vexfs_sf_isfinite(q->f32[i]);
	}
	q->norm2 = finite ? vexfs_vec_norm2(q->f32, sh->n) : VEXFS_SF_INF;
	q->scale = 0;
	if (finite)
		q->scale = vexfs_vec_quantise(q->f32, sh->n, q->code);
}

const struct vexfs_simd vexfs_simd_int = {
	.name	= "int",
	.fpu	= false,
	.scan	= int_scan,
	.exact	= int_exact,
	.shift	= int_shift,
};
