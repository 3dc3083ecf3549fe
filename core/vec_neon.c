// SPDX-License-Identifier: GPL-2.0
/*
 * Distance kernels for NEON, which every little-endian arm64 has.
 *
 * Compiled with its own flags; every function here runs under the caller's
 * kernel_neon_begin() (struct vexfs_simd.fpu).
 */
#ifdef __AARCH64EL__
#include "core/vec_neon.h"

/*
 * Two products of bytes are added in 16 bits: at most 2 * 127 * 128 in
 * magnitude, also with -128, which codes never have: no overflow.
 */
SIMD_INLINE int32x4_t neon_madd(int32x4_t sum, int8x16_t q, int8x16_t c)
{
	int16x8_t pairs = vmull_s8(vget_low_s8(q), vget_low_s8(c));

	return vpadalq_s16(sum, vmlal_high_s8(pairs, q, c));
}

static void neon_scan_madd(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
			   u32 *keys)
{
	neon_scan(q, recs, n, keys, neon_madd);
}

/* The first @n of four elements; the others are 0. */
SIMD_INLINE float32x4_t load_f32(const float *p, u32 n)
{
	float32x4_t v = vdupq_n_f32(0.0f);

	if (n >= 4)
		return vld1q_f32(p);
	v = vld1q_lane_f32(p, v, 0);
	if (n > 1)
		v = vld1q_lane_f32(p + 1, v, 1);
	return n > 2 ? vld1q_lane_f32(p + 2, v, 2) : v;
}

/* One step of the metric's sum: (a - b)^2 or a * b. */
SIMD_INLINE float32x4_t exact_step(u8 metric, float32x4_t acc, float32x4_t a, float32x4_t b)
{
	if (metric == VEXFS_L2) {
		a = vsubq_f32(a, b);
		b = a;
	}
	return vfmaq_f32(acc, a, b);
}

SIMD_INLINE float sum4(const float32x4_t v[4])
{
	return vaddvq_f32(vaddq_f32(vaddq_f32(v[0], v[1]), vaddq_f32(v[2], v[3])));
}

/* Distance key of one full-precision vector from its sums. */
SIMD_INLINE u32 exact_key(const struct vexfs_query *q, float sum, float norm2)
{
	float32x4_t d = vdupq_n_f32(sum), norms;

	if (q->space.metric == VEXFS_COSINE) {
		/* Two roots: the product of two squared norms may overflow. */
		norms = vmulq_f32(vsqrtq_f32(neon_f32x4(q->norm2)), vsqrtq_f32(vdupq_n_f32(norm2)));
		d = vsubq_f32(vdupq_n_f32(1.0f), neon_rounded(vdivq_f32(d, norms)));
		d = neon_clamp_cosine(d);
	} else if (q->space.metric == VEXFS_IP) {
		d = vsubq_f32(vdupq_n_f32(0.0f), d);
	}
	return vgetq_lane_u32(neon_keys(d), 0);
}

/*
 * Four sums, so that a multiply-add need not wait for the one before. Lanes and
 * order are fixed: the same vector always gives the same bits.
 */
SIMD_INLINE u32 exact_one(u8 metric, const struct vexfs_query *q, const u32 *vec)
{
	const float *a = (const float *)q->f32, *b = (const float *)vec;
	float32x4_t sum[4] = { 0 }, norm[4] = { 0 }, v;
	u32 i, j, dim = q->space.dim;

	for (i = 0; i + 16 <= dim; i += 16) {
		SIMD_UNROLL
		for (j = 0; j < 4; j++) {
			v = vld1q_f32(b + i + 4 * j);
			sum[j] = exact_step(metric, sum[j], vld1q_f32(a + i + 4 * j), v);
			if (metric == VEXFS_COSINE)
				norm[j] = exact_step(metric, norm[j], v, v);
		}
	}
	/* The query is padded with zeros: only the vector's end needs care. */
	for (; i < dim; i += 4) {
		v = load_f32(b + i, dim - i);
		sum[0] = exact_step(metric, sum[0], vld1q_f32(a + i), v);
		if (metric == VEXFS_COSINE)
			norm[0] = exact_step(metric, norm[0], v, v);
	}
	return exact_key(q, sum4(sum), sum4(norm));
}

void vexfs_neon_exact(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys)
{
	u32 i;

	for (i = 0; i < n; i++) {
		/* A constant metric per call: the compiler drops the other two. */
		if (q->space.metric == VEXFS_L2)
			keys[i] = exact_one(VEXFS_L2, q, vecs[i]);
		else if (q->space.metric == VEXFS_COSINE)
			keys[i] = exact_one(VEXFS_COSINE, q, vecs[i]);
		else
			keys[i] = exact_one(VEXFS_IP, q, vecs[i]);
	}
}

/* ---- struct vexfs_simd.shift ------------------------------------------------------ */

SIMD_INLINE float32x4_t shift_factor(const float *v, const struct vexfs_recentre *sh)
{
	float32x4_t sum[2] = { 0 }, x;
	u32 i;

	if (!sh->length)
		return neon_f32x4(sh->unit);
	for (i = 0; i < sh->n; i += 4) {
		x = load_f32(v + i, sh->n - i);
		sum[i >> 2 & 1] = vfmaq_f32(sum[i >> 2 & 1], x, x);
	}
	x = vdupq_n_f32(vaddvq_f32(vaddq_f32(sum[0], sum[1])));
	return vdivq_f32(neon_f32x4(sh->length), vsqrtq_f32(x));
}

/* Elements into q->f32; its norm2. Return: the largest magnitude. The memory is padded: stores may overrun n. */
SIMD_INLINE float shift_f32(struct vexfs_query *q, const float *v, const struct vexfs_recentre *sh)
{
	const float *mean = (const float *)sh->mean;
	float32x4_t factor = shift_factor(v, sh), sum = vdupq_n_f32(0.0f), top = sum, x;
	u32 i;

	for (i = 0; i < sh->n; i += 4) {
		x = neon_rounded(vmulq_f32(load_f32(v + i, sh->n - i), factor));
		x = vsubq_f32(x, load_f32(mean + i, sh->n - i));
		vst1q_f32((float *)q->f32 + i, x);
		top = vmaxq_f32(top, vabsq_f32(x));
		sum = vfmaq_f32(sum, x, x);
	}
	q->norm2 = vgetq_lane_u32(vreinterpretq_u32_f32(vdupq_n_f32(vaddvq_f32(sum))), 0);
	return vmaxvq_f32(top);
}

/* Sixteen codes at a time. A NaN becomes 0: whatever the elements are, no code is -128. */
SIMD_INLINE void quantise(struct vexfs_query *q, u32 n, float inv)
{
	float32x4_t low = vdupq_n_f32(-127.0f), high = vdupq_n_f32(127.0f), x;
	int16x4_t w[4];
	u32 i, j;

	for (i = 0; i < n; i += 16) {
		SIMD_UNROLL
		for (j = 0; j < 4; j++) {
			x = vmulq_n_f32(vld1q_f32((const float *)q->f32 + i + 4 * j), inv);
			w[j] = vqmovn_s32(vcvtnq_s32_f32(vmaxq_f32(vminq_f32(x, high), low)));
		}
		vst1q_s8(q->code + i, vcombine_s8(vqmovn_s16(vcombine_s16(w[0], w[1])),
						  vqmovn_s16(vcombine_s16(w[2], w[3]))));
	}
}

void vexfs_neon_shift(struct vexfs_query *q, const u32 *v, const struct vexfs_recentre *sh)
{
	float top = shift_f32(q, (const float *)v, sh), scale = top * (1.0f / 127.0f);

	/* Below this the inverse is not a number to count on: the vector is the mean. */
	if (!(top > 1e-30f))
		scale = 0.0f;
	quantise(q, sh->n, scale > 0.0f ? 127.0f / top : 0.0f);
	q->scale = vgetq_lane_u32(vreinterpretq_u32_f32(vdupq_n_f32(scale)), 0);
}

const struct vexfs_simd vexfs_simd_neon = {
	.name	= "neon",
	.fpu	= true,
	.scan	= neon_scan_madd,
	.exact	= vexfs_neon_exact,
	.shift	= vexfs_neon_shift,
};
#endif /* __AARCH64EL__ */
