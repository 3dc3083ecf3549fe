// SPDX-License-Identifier: GPL-2.0
/*
 * Distance kernels for AVX-512 with VNNI: codes 64 at a time, one instruction
 * for what AVX2 needs three for.
 *
 * Compiled with its own flags; every function here runs under the caller's
 * kernel_fpu_begin(), on a processor that has AVX512F, BW, VL and VNNI.
 */
#ifdef __x86_64__
#include "core/vec_simd.h"

/*
 * vpdpbusd multiplies unsigned by signed bytes: c ^ 0x80 is c + 128, and what
 * that adds to the dot product, 128 * sum(q), is subtracted at the end. A sum
 * of four products, <= 4 * 255 * 127, is added in 32 bits: nothing saturates,
 * and 16384 elements stay below 2^30.
 */
SIMD_INLINE __m512i dot_step(__m512i sum, __m512i c, __m512i q)
{
	return _mm512_dpbusd_epi32(sum, _mm512_xor_si512(c, _mm512_set1_epi8((char)0x80)), q);
}

SIMD_INLINE const s8 *codes(const struct vexfs_code *rec)
{
	return (const s8 *)(rec + 1);
}

/* 128 * the sum of the query's codes; its padding is zeros. */
SIMD_INLINE s32 query_bias(const struct vexfs_query *q)
{
	__m512i sum = _mm512_setzero_si512(), ones = _mm512_set1_epi8(1);
	u32 i;

	for (i = 0; i < q->space.dim; i += 64)
		sum = _mm512_dpbusd_epi32(sum, ones, _mm512_maskz_loadu_epi8(
			q->space.dim - i >= 64 ? ~0ULL : (1ULL << (q->space.dim - i)) - 1, q->code + i));
	return 128 * _mm512_reduce_add_epi32(sum);
}

/* Sums of four records. A masked load does not touch what it leaves out. */
SIMD_INLINE void dot4(const struct vexfs_query *q, const struct vexfs_code *const recs[SIMD_GROUP],
		      const struct vexfs_code *const next[SIMD_GROUP], __m512i sum[SIMD_GROUP])
{
	u32 i, j, dim = q->space.dim, tail = dim & 63;
	__mmask64 mask = (1ULL << tail) - 1;
	__m512i qv;

	for (i = 0; i + 64 <= dim; i += 64) {
		qv = _mm512_loadu_si512(q->code + i);
		SIMD_UNROLL
		for (j = 0; j < SIMD_GROUP; j++) {
			_mm_prefetch((const char *)codes(next[j]) + i, _MM_HINT_T0);
			sum[j] = dot_step(sum[j], _mm512_loadu_si512(codes(recs[j]) + i), qv);
		}
	}
	if (!tail)
		return;
	qv = _mm512_maskz_loadu_epi8(mask, q->code + i);
	SIMD_UNROLL
	for (j = 0; j < SIMD_GROUP; j++)
		sum[j] = dot_step(sum[j], _mm512_maskz_loadu_epi8(mask, codes(recs[j]) + i), qv);
}

SIMD_INLINE __m128i fold(__m512i v)
{
	__m256i h = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));

	return _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
}

static void avx512_scan(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
			u32 *keys)
{
	__m128 qfactor = simd_factor(q->space.metric, simd_f32x4(q->scale), simd_f32x4(q->norm2));
	const struct vexfs_code *group[SIMD_GROUP], *next[SIMD_GROUP];
	__m128i bias = _mm_set1_epi32(query_bias(q));
	u32 i, j;

	for (i = 0; i < n; i += SIMD_GROUP) {
		__m512i sum[SIMD_GROUP] = { 0 };
		__m128i dots[SIMD_GROUP];

		simd_group(recs, n, i, group);
		simd_group(recs, n, i + SIMD_GROUP, next);
		dot4(q, group, next, sum);
		SIMD_UNROLL
		for (j = 0; j < SIMD_GROUP; j++)
			dots[j] = fold(sum[j]);
		simd_store_keys(keys + i, n - i,
				simd_scan_keys(q, qfactor, group, _mm_sub_epi32(simd_hsum4(dots), bias)));
	}
}

SIMD_INLINE __m512 exact_step(u8 metric, __m512 acc, __m512 a, __m512 b)
{
	if (metric == VEXFS_L2) {
		a = _mm512_sub_ps(a, b);
		b = a;
	}
	return _mm512_fmadd_ps(a, b, acc);
}

SIMD_INLINE __m128 hsum(__m512 v)
{
	__m256 h = _mm256_add_ps(_mm512_castps512_ps256(v),
				 _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1)));

	return simd_hsum(_mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1)));
}

/* Two sums, so that a multiply-add need not wait for the one before; the order is fixed. */
SIMD_INLINE u32 avx512_exact_one(u8 metric, const struct vexfs_query *q, const u32 *vec)
{
	const float *a = (const float *)q->f32, *b = (const float *)vec;
	__m512 sum[2] = { 0 }, norm[2] = { 0 }, v;
	u32 i, s, dim = q->space.dim;

	for (i = 0; i < dim; i += 16) {
		__mmask16 mask = dim - i >= 16 ? 0xffff : (__mmask16)((1U << (dim - i)) - 1);

		s = i >> 4 & 1;
		v = _mm512_maskz_loadu_ps(mask, b + i);
		sum[s] = exact_step(metric, sum[s], _mm512_maskz_loadu_ps(mask, a + i), v);
		if (metric == VEXFS_COSINE)
			norm[s] = exact_step(metric, norm[s], v, v);
	}
	return simd_exact_key(q, hsum(_mm512_add_ps(sum[0], sum[1])), hsum(_mm512_add_ps(norm[0], norm[1])));
}

static void avx512_exact(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys)
{
	u32 i;

	for (i = 0; i < n; i++) {
		if (q->space.metric == VEXFS_L2)
			keys[i] = avx512_exact_one(VEXFS_L2, q, vecs[i]);
		else if (q->space.metric == VEXFS_COSINE)
			keys[i] = avx512_exact_one(VEXFS_COSINE, q, vecs[i]);
		else
			keys[i] = avx512_exact_one(VEXFS_IP, q, vecs[i]);
	}
}

static void avx512_shift(struct vexfs_query *q, const u32 *v, const struct vexfs_recentre *sh)
{
	simd_shift(q, v, sh);
}

const struct vexfs_simd vexfs_simd_avx512 = {
	.name	= "avx512",
	.fpu	= true,
	.scan	= avx512_scan,
	.exact	= avx512_exact,
	.shift	= avx512_shift,
};
#endif /* __x86_64__ */
