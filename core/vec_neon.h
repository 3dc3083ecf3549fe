/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the distance kernels for arm64 share: scanning, and from sums to keys.
 *
 * Only core/vec_neon.c and vec_neondot.c include this; nothing in it may run but
 * between kernel_neon_begin() and kernel_neon_end(), with FPCR 0 (round to
 * nearest, denormals kept). No library function is called, and no float crosses
 * the file's border.
 *
 * core/vec_group.h states the order of operations. GCC fuses a product with an
 * addition also where intrinsics wrote them apart: neon_rounded() keeps it from
 * that where the bits must be those of the other sets.
 *
 * Codes are not prefetched: that was not measured on arm64 hardware, and
 * records are read in the order they are stored in.
 */
#ifndef VEXFS_CORE_VEC_NEON_H
#define VEXFS_CORE_VEC_NEON_H

#include "core/vec_group.h"

/* After Linux's own headers: the compiler's define its limits anew, and not the other way round. */
#ifdef __KERNEL__
#include <asm/neon-intrinsics.h>
#else
#include <arm_neon.h>
#endif

/* core/vec_neon.c; the set with dot products has nothing better for float32. */
void vexfs_neon_exact(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys);
void vexfs_neon_shift(struct vexfs_query *q, const u32 *v, const struct vexfs_recentre *sh);

/* Add the products of 16 codes to four sums. */
typedef int32x4_t (*neon_step)(int32x4_t sum, int8x16_t q, int8x16_t c);

SIMD_INLINE float32x4_t neon_f32x4(u32 bits)
{
	return vreinterpretq_f32_u32(vdupq_n_u32(bits));
}

SIMD_INLINE float32x4_t neon_rounded(float32x4_t v)
{
	__asm__("" : "+w"(v));
	return v;
}

/* fmax and fmin return a NaN if one operand is one: it survives. */
SIMD_INLINE float32x4_t neon_clamp_low(float32x4_t d)
{
	return vmaxq_f32(vdupq_n_f32(0.0f), d);
}

SIMD_INLINE float32x4_t neon_clamp_cosine(float32x4_t d)
{
	return vminq_f32(vdupq_n_f32(2.0f), neon_clamp_low(d));
}

/* vexfs_f32_to_key(), four at a time; no formula yields -0. */
SIMD_INLINE uint32x4_t neon_keys(float32x4_t d)
{
	uint32x4_t bits, flip;

	d = vbslq_f32(vceqq_f32(d, d), d, neon_f32x4(0x7f800000));
	bits = vreinterpretq_u32_f32(d);
	flip = vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(bits), 31));
	return veorq_u32(bits, vorrq_u32(flip, vdupq_n_u32(0x80000000U)));
}

SIMD_INLINE float32x4_t neon_factor(u8 metric, float32x4_t scale, float32x4_t norm2)
{
	return metric == VEXFS_COSINE ? vdivq_f32(scale, vsqrtq_f32(norm2)) : scale;
}

SIMD_INLINE float32x4_t neon_head(const struct vexfs_code *rec)
{
	return vreinterpretq_f32_u8(vld1q_u8((const u8 *)rec));	/* at any address */
}

/**
 * neon_scan_keys - distance keys of four records
 * @q:	    the query
 * @qfactor: neon_factor() of its scale and norm in all lanes
 * @recs:   the records
 * @dots:   their codes' dot products with the query's
 */
SIMD_INLINE uint32x4_t neon_scan_keys(const struct vexfs_query *q, float32x4_t qfactor,
				      const struct vexfs_code *const recs[SIMD_GROUP], int32x4_t dots)
{
	/* words 2 and 3 of each header, transposed */
	float32x4_t a = vzip2q_f32(neon_head(recs[0]), neon_head(recs[1]));
	float32x4_t b = vzip2q_f32(neon_head(recs[2]), neon_head(recs[3]));
	float32x4_t scale = vcombine_f32(vget_low_f32(a), vget_low_f32(b));
	float32x4_t norm2 = vcombine_f32(vget_high_f32(a), vget_high_f32(b)), ip;
	u8 metric = q->space.metric;

	ip = neon_rounded(vmulq_f32(vcvtq_f32_s32(dots), qfactor));
	ip = neon_rounded(vmulq_f32(ip, neon_factor(metric, scale, norm2)));
	if (metric == VEXFS_L2)
		return neon_keys(neon_clamp_low(vsubq_f32(vaddq_f32(neon_f32x4(q->norm2), norm2),
							  neon_rounded(vaddq_f32(ip, ip)))));
	if (metric == VEXFS_COSINE)
		return neon_keys(neon_clamp_cosine(vsubq_f32(vdupq_n_f32(1.0f), ip)));
	return neon_keys(vsubq_f32(vdupq_n_f32(0.0f), ip));
}

SIMD_INLINE void neon_store_keys(u32 *keys, u32 left, uint32x4_t v)
{
	u32 tmp[SIMD_GROUP], j;

	if (left >= SIMD_GROUP) {
		vst1q_u32(keys, v);
		return;
	}
	vst1q_u32(tmp, v);
	for (j = 0; j < left; j++)
		keys[j] = tmp[j];
}

/* The query's last dim % 16 elements at the end of a register, zeros before. */
SIMD_INLINE int8x16_t neon_query_tail(const struct vexfs_query *q)
{
	u32 i, tail = q->space.dim & 15;
	s8 buf[16] = { 0 };

	for (i = 0; i < tail; i++)
		buf[16 - tail + i] = q->code[q->space.dim - tail + i];
	return vld1q_s8(buf);
}

/*
 * Sums of four records. The last step reads the last 16 bytes of each, against a
 * query that is zero where they were counted before; for dim < 16 it begins in
 * the record's header.
 */
SIMD_INLINE int32x4_t neon_dots(const struct vexfs_query *q, int8x16_t tail,
				const struct vexfs_code *const recs[SIMD_GROUP], neon_step step)
{
	int32x4_t sum[SIMD_GROUP] = { 0 };
	u32 i, j, dim = q->space.dim;

	for (i = 0; i + 16 <= dim; i += 16) {
		int8x16_t qv = vld1q_s8(q->code + i);

		SIMD_UNROLL
		for (j = 0; j < SIMD_GROUP; j++)
			sum[j] = step(sum[j], qv, vld1q_s8((const s8 *)(recs[j] + 1) + i));
	}
	if (i < dim) {
		SIMD_UNROLL
		for (j = 0; j < SIMD_GROUP; j++)
			sum[j] = step(sum[j], tail, vld1q_s8((const s8 *)(recs[j] + 1) + (int)dim - 16));
	}
	return vpaddq_s32(vpaddq_s32(sum[0], sum[1]), vpaddq_s32(sum[2], sum[3]));
}

SIMD_INLINE void neon_scan(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
			   u32 *keys, neon_step step)
{
	float32x4_t qfactor = neon_factor(q->space.metric, neon_f32x4(q->scale), neon_f32x4(q->norm2));
	const struct vexfs_code *group[SIMD_GROUP];
	int8x16_t tail = neon_query_tail(q);
	u32 i;

	for (i = 0; i < n; i += SIMD_GROUP) {
		simd_group(recs, n, i, group);
		neon_store_keys(keys + i, n - i,
				neon_scan_keys(q, qfactor, group, neon_dots(q, tail, group, step)));
	}
}

#endif /* VEXFS_CORE_VEC_NEON_H */
