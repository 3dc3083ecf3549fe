// SPDX-License-Identifier: GPL-2.0
/*
 * Distance kernels for SSE2, which every x86-64 has.
 *
 * Compiled with its own flags; every function here runs under the caller's
 * kernel_fpu_begin() (struct vexfs_simd.fpu).
 */
#ifdef __x86_64__
#include "core/vec_simd.h"

/*
 * A code in the upper half of a 16-bit lane is 256 times itself: no sign
 * extension is needed, but the sums are 256 times too large. Per 16 bytes a
 * 32-bit lane receives 4 products of up to 256 * 127 * 127: 2,048 bytes still
 * fit, then the sum is brought back to scale (exactly: it is a multiple of 256).
 */
#define SSE2_CHUNK	2048

SIMD_INLINE __m128i madd_shifted(__m128i code, __m128i qlo, __m128i qhi)
{
	__m128i zero = _mm_setzero_si128();

	return _mm_add_epi32(_mm_madd_epi16(_mm_unpacklo_epi8(zero, code), qlo),
			     _mm_madd_epi16(_mm_unpackhi_epi8(zero, code), qhi));
}

SIMD_INLINE void widen(__m128i q, __m128i *lo, __m128i *hi)
{
	*lo = _mm_srai_epi16(_mm_unpacklo_epi8(q, q), 8);
	*hi = _mm_srai_epi16(_mm_unpackhi_epi8(q, q), 8);
}

/* Add @bytes (a multiple of 16, at most SSE2_CHUNK) at @at of four codes to their sums. */
SIMD_INLINE void dot_chunk(const s8 *q, const struct vexfs_code *const recs[SIMD_GROUP],
			   const struct vexfs_code *const next[SIMD_GROUP], u32 at, u32 bytes,
			   __m128i sum[SIMD_GROUP])
{
	__m128i acc[SIMD_GROUP] = { 0 }, qlo, qhi;
	u32 i, j;

	for (i = at; i < at + bytes; i += 16) {
		widen(_mm_loadu_si128((const __m128i *)(q + i)), &qlo, &qhi);
		SIMD_UNROLL
		for (j = 0; j < SIMD_GROUP; j++) {
			const s8 *code = (const s8 *)(recs[j] + 1) + i;

			_mm_prefetch((const s8 *)(next[j] + 1) + i, _MM_HINT_T0);
			acc[j] = _mm_add_epi32(acc[j], madd_shifted(
				_mm_loadu_si128((const __m128i *)code), qlo, qhi));
		}
	}
	SIMD_UNROLL
	for (j = 0; j < SIMD_GROUP; j++)
		sum[j] = _mm_add_epi32(sum[j], _mm_srai_epi32(acc[j], 8));
}

/* The query's last dim % 16 elements at the end of a register, zeros before. */
SIMD_INLINE __m128i query_tail(const struct vexfs_query *q)
{
	u32 i, tail = q->space.dim & 15;
	s8 buf[16] = { 0 };

	for (i = 0; i < tail; i++)
		buf[16 - tail + i] = q->code[q->space.dim - tail + i];
	return _mm_loadu_si128((const __m128i *)buf);
}

/*
 * The last 16 bytes of each code, against a query that is zero where they were
 * counted before. For dim < 16 the load starts in the record's header.
 */
SIMD_INLINE void dot_tail(__m128i tail, const struct vexfs_code *const recs[SIMD_GROUP], u32 dim,
			  __m128i sum[SIMD_GROUP])
{
	__m128i qlo, qhi;
	u32 j;

	widen(tail, &qlo, &qhi);
	SIMD_UNROLL
	for (j = 0; j < SIMD_GROUP; j++) {
		const s8 *code = (const s8 *)(recs[j] + 1) + (int)dim - 16;
		__m128i v = madd_shifted(_mm_loadu_si128((const __m128i *)code), qlo, qhi);

		sum[j] = _mm_add_epi32(sum[j], _mm_srai_epi32(v, 8));
	}
}

static void sse2_scan(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
		      u32 *keys)
{
	__m128 qfactor = simd_factor(q->space.metric, simd_f32x4(q->scale), simd_f32x4(q->norm2));
	const struct vexfs_code *group[SIMD_GROUP], *next[SIMD_GROUP];
	u32 i, at, dim = q->space.dim, whole = dim & ~15U;
	__m128i tail = query_tail(q);

	for (i = 0; i < n; i += SIMD_GROUP) {
		__m128i sum[SIMD_GROUP] = { 0 };

		simd_group(recs, n, i, group);
		simd_group(recs, n, i + SIMD_GROUP, next);
		for (at = 0; at < whole; at += SSE2_CHUNK)
			dot_chunk(q->code, group, next, at,
				  whole - at < SSE2_CHUNK ? whole - at : SSE2_CHUNK, sum);
		if (whole < dim)
			dot_tail(tail, group, dim, sum);
		simd_store_keys(keys + i, n - i, simd_scan_keys(q, qfactor, group, simd_hsum4(sum)));
	}
}

/* One step of the metric's sum: (a - b)^2 or a * b. */
SIMD_INLINE __m128 sse2_step(u8 metric, __m128 acc, __m128 a, __m128 b)
{
	if (metric == VEXFS_L2) {
		a = _mm_sub_ps(a, b);
		b = a;
	}
	return _mm_add_ps(acc, _mm_mul_ps(a, b));
}

/*
 * Four sums, so that an addition need not wait for the one before. The number
 * of lanes and the order are fixed: the same vector always gives the same bits.
 */
SIMD_INLINE u32 sse2_exact_one(u8 metric, const struct vexfs_query *q, const u32 *vec)
{
	const float *a = (const float *)q->f32, *b = (const float *)vec;
	__m128 sum[4] = { 0 }, norm[4] = { 0 };
	u32 i, j, dim = q->space.dim;

	for (i = 0; i + 16 <= dim; i += 16) {
		SIMD_UNROLL
		for (j = 0; j < 4; j++) {
			__m128 v = _mm_loadu_ps(b + i + 4 * j);

			sum[j] = sse2_step(metric, sum[j], _mm_loadu_ps(a + i + 4 * j), v);
			if (metric == VEXFS_COSINE)
				norm[j] = sse2_step(metric, norm[j], v, v);
		}
	}
	for (; i < dim; i++) {
		__m128 v = _mm_load_ss(b + i);

		sum[0] = sse2_step(metric, sum[0], _mm_load_ss(a + i), v);
		if (metric == VEXFS_COSINE)
			norm[0] = sse2_step(metric, norm[0], v, v);
	}
	sum[0] = _mm_add_ps(_mm_add_ps(sum[0], sum[1]), _mm_add_ps(sum[2], sum[3]));
	norm[0] = _mm_add_ps(_mm_add_ps(norm[0], norm[1]), _mm_add_ps(norm[2], norm[3]));
	return simd_exact_key(q, simd_hsum(sum[0]), simd_hsum(norm[0]));
}

static void sse2_exact(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys)
{
	u32 i;

	for (i = 0; i < n; i++) {
		/* A constant metric per call: the compiler drops the other two. */
		if (q->space.metric == VEXFS_L2)
			keys[i] = sse2_exact_one(VEXFS_L2, q, vecs[i]);
		else if (q->space.metric == VEXFS_COSINE)
			keys[i] = sse2_exact_one(VEXFS_COSINE, q, vecs[i]);
		else
			keys[i] = sse2_exact_one(VEXFS_IP, q, vecs[i]);
	}
}

static void sse2_shift(struct vexfs_query *q, const u32 *v, const struct vexfs_recentre *sh)
{
	simd_shift(q, v, sh);
}

const struct vexfs_simd vexfs_simd_sse2 = {
	.name	= "sse2",
	.fpu	= true,
	.scan	= sse2_scan,
	.exact	= sse2_exact,
	.shift	= sse2_shift,
};
#endif /* __x86_64__ */
