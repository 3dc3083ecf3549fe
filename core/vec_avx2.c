// SPDX-License-Identifier: GPL-2.0
/*
 * Distance kernels for AVX2 and FMA.
 *
 * Compiled with its own flags; every function here runs under the caller's
 * kernel_fpu_begin() (struct vexfs_simd.fpu), on a processor that has both.
 */
#ifdef __x86_64__
#include "core/vec_simd.h"

/*
 * vpmaddubsw multiplies unsigned by signed bytes: give it |q| and c with q's
 * sign. Two products are at most 2 * 127 * 127 < 2^15, so its saturation never
 * happens; c = -128 is no code (vexfs_code_valid()). @absq must be |q|.
 */
SIMD_INLINE __m256i madd_codes(__m256i q, __m256i absq, __m256i c)
{
	return _mm256_madd_epi16(_mm256_maddubs_epi16(absq, _mm256_sign_epi8(c, q)),
				 _mm256_set1_epi16(1));
}

SIMD_INLINE const s8 *codes(const struct vexfs_code *rec)
{
	return (const s8 *)(rec + 1);
}

/* Add the first @bytes, a multiple of 32, of four codes to their sums. */
SIMD_INLINE void dot_whole(const s8 *q, const struct vexfs_code *const recs[SIMD_GROUP],
			   const struct vexfs_code *const next[SIMD_GROUP], u32 bytes,
			   __m256i sum[SIMD_GROUP])
{
	u32 i, j;

	for (i = 0; i < bytes; i += 32) {
		__m256i qv = _mm256_load_si256((const __m256i *)(q + i));
		__m256i absq = _mm256_abs_epi8(qv);

		SIMD_UNROLL
		for (j = 0; j < SIMD_GROUP; j++) {
			__m256i c = _mm256_loadu_si256((const __m256i *)(codes(recs[j]) + i));

			_mm_prefetch(codes(next[j]) + i, _MM_HINT_T0);
			sum[j] = _mm256_add_epi32(sum[j], madd_codes(qv, absq, c));
		}
	}
}

/* The query's last dim % 32 elements at the end of @width bytes, zeros elsewhere. */
SIMD_INLINE __m256i query_tail(const struct vexfs_query *q, u32 width)
{
	u32 i, tail = q->space.dim & 31;
	s8 buf[32] = { 0 };

	for (i = 0; i < tail; i++)
		buf[width - tail + i] = q->code[q->space.dim - tail + i];
	return _mm256_loadu_si256((const __m256i *)buf);
}

/* A load may begin in the record's header (16 bytes), never before the record. */
SIMD_INLINE u32 tail_width(u32 dim)
{
	return (dim & 31) <= 16 ? 16 : 32;
}

SIMD_INLINE __m256i load_tail(const struct vexfs_code *rec, u32 dim, u32 width)
{
	const s8 *code = codes(rec) + (int)dim - (int)width;

	if (width == 32)
		return _mm256_loadu_si256((const __m256i *)code);
	return _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)code));
}

/* The last bytes of each code, against a query that is zero where they were counted before. */
SIMD_INLINE void dot_tail(__m256i q, const struct vexfs_code *const recs[SIMD_GROUP], u32 dim,
			  __m256i sum[SIMD_GROUP])
{
	__m256i absq = _mm256_abs_epi8(q);
	u32 j, width = tail_width(dim);

	SIMD_UNROLL
	for (j = 0; j < SIMD_GROUP; j++)
		sum[j] = _mm256_add_epi32(sum[j],
					  madd_codes(q, absq, load_tail(recs[j], dim, width)));
}

SIMD_INLINE __m128i fold(__m256i v)
{
	return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

static void avx2_scan(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
		      u32 *keys)
{
	__m128 qfactor = simd_factor(q->space.metric, simd_f32x4(q->scale), simd_f32x4(q->norm2));
	const struct vexfs_code *group[SIMD_GROUP], *next[SIMD_GROUP];
	u32 i, j, dim = q->space.dim, whole = dim & ~31U;
	__m256i tail = query_tail(q, tail_width(dim));

	for (i = 0; i < n; i += SIMD_GROUP) {
		__m256i sum[SIMD_GROUP] = { 0 };
		__m128i dots[SIMD_GROUP];

		simd_group(recs, n, i, group);
		simd_group(recs, n, i + SIMD_GROUP, next);
		dot_whole(q->code, group, next, whole, sum);
		if (whole < dim)
			dot_tail(tail, group, dim, sum);
		SIMD_UNROLL
		for (j = 0; j < SIMD_GROUP; j++)
			dots[j] = fold(sum[j]);
		simd_store_keys(keys + i, n - i,
				simd_scan_keys(q, qfactor, group, simd_hsum4(dots)));
	}
}

/* One step of the metric's sum: (a - b)^2 or a * b. */
SIMD_INLINE __m256 avx2_step(u8 metric, __m256 acc, __m256 a, __m256 b)
{
	if (metric == VEXFS_L2) {
		a = _mm256_sub_ps(a, b);
		b = a;
	}
	return _mm256_fmadd_ps(a, b, acc);
}

SIMD_INLINE __m256 sum4(const __m256 v[4])
{
	return _mm256_add_ps(_mm256_add_ps(v[0], v[1]), _mm256_add_ps(v[2], v[3]));
}

SIMD_INLINE __m128 hsum(__m256 v)
{
	return simd_hsum(_mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1)));
}

/* All ones in the first @n of eight lanes: a masked load does not touch the others' memory. */
SIMD_INLINE __m256i lanes(u32 n)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n),
				  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/*
 * Four sums, so that a multiply-add need not wait for the one before. Lanes and
 * order are fixed: the same vector always gives the same bits.
 */
SIMD_INLINE u32 avx2_exact_one(u8 metric, const struct vexfs_query *q, const u32 *vec)
{
	const float *a = (const float *)q->f32, *b = (const float *)vec;
	__m256 sum[4] = { 0 }, norm[4] = { 0 }, v;
	u32 i, j, dim = q->space.dim;

	for (i = 0; i + 32 <= dim; i += 32) {
		SIMD_UNROLL
		for (j = 0; j < 4; j++) {
			v = _mm256_loadu_ps(b + i + 8 * j);
			sum[j] = avx2_step(metric, sum[j], _mm256_loadu_ps(a + i + 8 * j), v);
			if (metric == VEXFS_COSINE)
				norm[j] = avx2_step(metric, norm[j], v, v);
		}
	}
	/* The query is padded with zeros: only the vector's end needs care. */
	for (; i < dim; i += 8) {
		v = _mm256_maskload_ps(b + i, lanes(dim - i));
		sum[0] = avx2_step(metric, sum[0], _mm256_loadu_ps(a + i), v);
		if (metric == VEXFS_COSINE)
			norm[0] = avx2_step(metric, norm[0], v, v);
	}
	return simd_exact_key(q, hsum(sum4(sum)), hsum(sum4(norm)));
}

static void avx2_exact(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys)
{
	u32 i;

	for (i = 0; i < n; i++) {
		/* A constant metric per call: the compiler drops the other two. */
		if (q->space.metric == VEXFS_L2)
			keys[i] = avx2_exact_one(VEXFS_L2, q, vecs[i]);
		else if (q->space.metric == VEXFS_COSINE)
			keys[i] = avx2_exact_one(VEXFS_COSINE, q, vecs[i]);
		else
			keys[i] = avx2_exact_one(VEXFS_IP, q, vecs[i]);
	}
}

static void avx2_shift(struct vexfs_query *q, const u32 *v, const struct vexfs_recentre *sh)
{
	simd_shift(q, v, sh);
}

const struct vexfs_simd vexfs_simd_avx2 = {
	.name	= "avx2",
	.fpu	= true,
	.scan	= avx2_scan,
	.exact	= avx2_exact,
	.shift	= avx2_shift,
};
#endif /* __x86_64__ */
