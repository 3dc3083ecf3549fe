/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What x86's distance kernels share: from sums to keys.
 *
 * Only core/vec_sse2.c, vec_avx2.c and vec_avx512.c include this; nothing in it may run
 * but between kernel_fpu_begin() and kernel_fpu_end(). No library function is
 * called, and no float crosses the file's border.
 *
 * core/vec_group.h states the order of operations.
 */
#ifndef VEXFS_CORE_VEC_SIMD_H
#define VEXFS_CORE_VEC_SIMD_H

#include <immintrin.h>

#include "core/vec_group.h"

/*
 * GCC's headers declare the bytes of a register as char where an instruction means signed ones: with -funsigned-char,
 * which Linux uses since 6.2, GCC 14 takes _mm256_abs_epi8() for the absolute value of unsigned bytes and drops it.
 */
_Static_assert((char)-1 < 0, "compile with -fsigned-char: the intrinsics count on it");

SIMD_INLINE __m128 simd_f32(u32 bits)
{
	return _mm_castsi128_ps(_mm_cvtsi32_si128((int)bits));
}

SIMD_INLINE __m128 simd_f32x4(u32 bits)
{
	return _mm_castsi128_ps(_mm_set1_epi32((int)bits));
}

/* Keep the compiler from fusing this product with an addition: vec_int.c rounds both. */
SIMD_INLINE __m128 simd_rounded(__m128 v)
{
	__asm__("" : "+x"(v));
	return v;
}

/* maxps and minps return their second operand if one is a NaN: it survives. */
SIMD_INLINE __m128 simd_clamp_low(__m128 d)
{
	return _mm_max_ps(_mm_setzero_ps(), d);
}

SIMD_INLINE __m128 simd_clamp_cosine(__m128 d)
{
	return _mm_min_ps(_mm_set1_ps(2.0f), simd_clamp_low(d));
}

/* vexfs_f32_to_key(), four at a time; no formula above yields -0. */
SIMD_INLINE __m128i simd_keys(__m128 d)
{
	__m128 nan = _mm_cmpunord_ps(d, d), inf = simd_f32x4(0x7f800000);
	__m128i bits, flip;

	d = _mm_or_ps(_mm_and_ps(nan, inf), _mm_andnot_ps(nan, d));
	bits = _mm_castps_si128(d);
	flip = _mm_or_si128(_mm_srai_epi32(bits, 31), _mm_set1_epi32((int)0x80000000U));
	return _mm_xor_si128(bits, flip);
}

SIMD_INLINE __m128 simd_factor(u8 metric, __m128 scale, __m128 norm2)
{
	return metric == VEXFS_COSINE ? _mm_div_ps(scale, _mm_sqrt_ps(norm2)) : scale;
}

/**
 * simd_scan_keys - distance keys of four records
 * @q:	    the query
 * @qfactor: simd_factor() of its scale and norm in all lanes
 * @recs:   the records
 * @dots:   their codes' dot products with the query's
 */
SIMD_INLINE __m128i simd_scan_keys(const struct vexfs_query *q, __m128 qfactor,
				   const struct vexfs_code *const recs[SIMD_GROUP], __m128i dots)
{
	__m128 head[SIMD_GROUP], scale, norm2, ip;
	u8 metric = q->space.metric;
	int i;

	SIMD_UNROLL
	for (i = 0; i < SIMD_GROUP; i++)
		head[i] = _mm_loadu_ps((const float *)recs[i]);
	/* words 2 and 3 of each header, transposed */
	scale = _mm_movelh_ps(_mm_unpackhi_ps(head[0], head[1]), _mm_unpackhi_ps(head[2], head[3]));
	norm2 = _mm_movehl_ps(_mm_unpackhi_ps(head[2], head[3]), _mm_unpackhi_ps(head[0], head[1]));

	ip = simd_rounded(_mm_mul_ps(_mm_cvtepi32_ps(dots), qfactor));
	ip = simd_rounded(_mm_mul_ps(ip, simd_factor(metric, scale, norm2)));
	if (metric == VEXFS_L2)
		return simd_keys(simd_clamp_low(_mm_sub_ps(_mm_add_ps(simd_f32x4(q->norm2), norm2),
							   simd_rounded(_mm_add_ps(ip, ip)))));
	if (metric == VEXFS_COSINE)
		return simd_keys(simd_clamp_cosine(_mm_sub_ps(_mm_set1_ps(1.0f), ip)));
	return simd_keys(_mm_sub_ps(_mm_setzero_ps(), ip));
}

/* Distance key of one full-precision vector from its sums (lane 0). */
SIMD_INLINE u32 simd_exact_key(const struct vexfs_query *q, __m128 sum, __m128 norm2)
{
	__m128 norms;

	if (q->space.metric == VEXFS_COSINE) {
		/* Two roots: the product of two squared norms may overflow. */
		norms = _mm_mul_ss(_mm_sqrt_ss(simd_f32(q->norm2)), _mm_sqrt_ss(norm2));
		sum = _mm_sub_ss(_mm_set1_ps(1.0f), simd_rounded(_mm_div_ss(sum, norms)));
		sum = simd_clamp_cosine(sum);
	} else if (q->space.metric == VEXFS_IP) {
		sum = _mm_sub_ps(_mm_setzero_ps(), sum);
	}
	return (u32)_mm_cvtsi128_si32(simd_keys(sum));
}

/* Sum of four lanes, in lane 0. */
SIMD_INLINE __m128 simd_hsum(__m128 v)
{
	v = _mm_add_ps(v, _mm_movehl_ps(v, v));
	return _mm_add_ss(v, _mm_shuffle_ps(v, v, 1));
}

/* Lane i of the result: the sum of the lanes of v[i]. */
SIMD_INLINE __m128i simd_hsum4(const __m128i v[SIMD_GROUP])
{
	__m128i a = _mm_add_epi32(_mm_unpacklo_epi32(v[0], v[1]), _mm_unpackhi_epi32(v[0], v[1]));
	__m128i b = _mm_add_epi32(_mm_unpacklo_epi32(v[2], v[3]), _mm_unpackhi_epi32(v[2], v[3]));

	return _mm_add_epi32(_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b));
}

SIMD_INLINE void simd_store_keys(u32 *keys, u32 left, __m128i v)
{
	u32 tmp[SIMD_GROUP], j;

	if (left >= SIMD_GROUP) {
		_mm_storeu_si128((__m128i *)keys, v);
		return;
	}
	_mm_storeu_si128((__m128i *)tmp, v);
	for (j = 0; j < left; j++)
		keys[j] = tmp[j];
}

/* ---- struct vexfs_simd.shift, for every set ------------------------------------- */

SIMD_INLINE __m128 simd_load2(const float *p)
{
	return _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)p));
}

/* The first @n of four elements; the others are 0. */
SIMD_INLINE __m128 simd_load(const float *p, u32 n)
{
	if (n >= 4)
		return _mm_loadu_ps(p);
	if (n == 3)
		return _mm_movelh_ps(simd_load2(p), _mm_load_ss(p + 2));
	return n == 2 ? simd_load2(p) : _mm_load_ss(p);
}

SIMD_INLINE __m128 simd_shift_factor(const float *v, const struct vexfs_recentre *sh)
{
	__m128 sum[2] = { 0 }, x;
	u32 i;

	if (!sh->length)
		return simd_f32x4(sh->unit);
	for (i = 0; i < sh->n; i += 4) {
		x = simd_load(v + i, sh->n - i);
		sum[i >> 2 & 1] = _mm_add_ps(sum[i >> 2 & 1], _mm_mul_ps(x, x));
	}
	x = simd_hsum(_mm_add_ps(sum[0], sum[1]));
	x = _mm_div_ss(simd_f32(sh->length), _mm_sqrt_ss(x));
	return _mm_shuffle_ps(x, x, 0);
}

SIMD_INLINE float simd_hmax(__m128 v)
{
	v = _mm_max_ps(v, _mm_movehl_ps(v, v));
	return _mm_cvtss_f32(_mm_max_ss(v, _mm_shuffle_ps(v, v, 1)));
}

/* Elements into q->f32; its norm2. Return: the largest magnitude. The memory is padded: stores may overrun n. */
SIMD_INLINE float simd_shift_f32(struct vexfs_query *q, const float *v, const struct vexfs_recentre *sh)
{
	const float *mean = (const float *)sh->mean;
	__m128 factor = simd_shift_factor(v, sh), sum = _mm_setzero_ps(), top = sum, x;
	__m128 abs = simd_f32x4(0x7fffffff);
	u32 i;

	for (i = 0; i < sh->n; i += 4) {
		x = _mm_sub_ps(_mm_mul_ps(simd_load(v + i, sh->n - i), factor), simd_load(mean + i, sh->n - i));
		_mm_store_ps((float *)q->f32 + i, x);
		top = _mm_max_ps(top, _mm_and_ps(abs, x));
		sum = _mm_add_ps(sum, _mm_mul_ps(x, x));
	}
	sum = simd_hsum(sum);
	q->norm2 = (u32)_mm_cvtsi128_si32(_mm_castps_si128(sum));
	return simd_hmax(top);
}

/* Sixteen codes at a time. Whatever the elements are, no code is -128. */
SIMD_INLINE void simd_quantise(struct vexfs_query *q, u32 n, float inv)
{
	__m128 k = _mm_set1_ps(inv), low = _mm_set1_ps(-127.0f), high = _mm_set1_ps(127.0f);
	__m128i w[4];
	u32 i, j;

	for (i = 0; i < n; i += 16) {
		SIMD_UNROLL
		for (j = 0; j < 4; j++) {
			__m128 x = _mm_mul_ps(_mm_load_ps((const float *)q->f32 + i + 4 * j), k);

			/* minps and maxps return the second operand for a NaN */
			w[j] = _mm_cvtps_epi32(_mm_max_ps(_mm_min_ps(x, high), low));
		}
		_mm_store_si128((__m128i *)(q->code + i), _mm_packs_epi16(_mm_packs_epi32(w[0], w[1]),
									     _mm_packs_epi32(w[2], w[3])));
	}
}

SIMD_INLINE void simd_shift(struct vexfs_query *q, const u32 *v, const struct vexfs_recentre *sh)
{
	float top = simd_shift_f32(q, (const float *)v, sh), scale = top * (1.0f / 127.0f);

	/* Below this the inverse is not a number to count on: the vector is the mean. */
	if (!(top > 1e-30f))
		scale = 0.0f;
	simd_quantise(q, sh->n, scale > 0.0f ? 127.0f / top : 0.0f);
	q->scale = (u32)_mm_cvtsi128_si32(_mm_castps_si128(_mm_set_ss(scale)));
}

#endif /* VEXFS_CORE_VEC_SIMD_H */
