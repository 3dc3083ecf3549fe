// SPDX-License-Identifier: GPL-2.0
/*
 * Distances in the kernel's build: every set of SIMD kernels this processor can
 * run, inside kernel_fpu_begin(), against plain integers. There is no floating point
 * in here: float32 values are bits, and software arithmetic compares them.
 */
#include "kmod/kunit/kunit.h"
#include "core/softfloat.h"
#include <kunit/test.h>

#define N	9		/* two groups of four and a rest */
#define EPSILON	0x34000000U	/* 2^-23 */

static const struct vexfs_simd *const kernels[] = {
	&vexfs_simd_int,
#ifdef CONFIG_X86_64
	&vexfs_simd_sse2,
	&vexfs_simd_avx2,
#endif
};

struct vec_world {
	struct vexfs_space s;
	struct vexfs_query q;
	u32 *f32[N];
	struct vexfs_code *rec[N];
	u64 rng;
};

/* Positive and between 2^-7 and 1: sums do not cancel, so relative errors are small. */
static u32 positive(u64 *rng)
{
	return (120 + vexfs_kunit_below(rng, 7)) << 23 | vexfs_kunit_below(rng, 1 << 23);
}

static void fill_payload(struct vec_world *w, u8 *p)
{
	u32 i;

	for (i = 0; i < w->s.dim; i++) {
		if (w->s.elem == VEXFS_F32)
			((__le32 *)p)[i] = cpu_to_le32(positive(&w->rng));
		else if (w->s.elem == VEXFS_F16)
			((__le16 *)p)[i] = cpu_to_le16((8 + vexfs_kunit_below(&w->rng, 7)) << 10 |
						       vexfs_kunit_below(&w->rng, 1 << 10));
		else
			p[i] = 1 + vexfs_kunit_below(&w->rng, 127);
	}
}

static void add_vector(struct kunit *test, struct vec_world *w, int i)
{
	u8 *payload = kunit_kzalloc(test, vexfs_vec_bytes(&w->s), GFP_KERNEL);

	w->f32[i] = kunit_kzalloc(test, w->s.dim * sizeof(u32), GFP_KERNEL);
	w->rec[i] = kunit_kzalloc(test, vexfs_code_bytes(&w->s), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, payload);
	KUNIT_ASSERT_NOT_NULL(test, w->f32[i]);
	KUNIT_ASSERT_NOT_NULL(test, w->rec[i]);
	fill_payload(w, payload);
	KUNIT_ASSERT_EQ(test, vexfs_vec_check(&w->s, payload), 0);
	vexfs_vec_to_f32(&w->s, payload, w->f32[i]);
	vexfs_code_encode(&w->s, w->f32[i], i, w->rec[i]);
	KUNIT_ASSERT_TRUE(test, vexfs_code_valid(&w->s, w->rec[i], i));
	KUNIT_ASSERT_FALSE(test, vexfs_code_valid(&w->s, w->rec[i], i + 1));
	kunit_kfree(test, payload);
}

static struct vec_world *world(struct kunit *test, u32 dim, u8 elem, u8 metric)
{
	struct vec_world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	u32 *bits, i;
	void *mem;

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->s = (struct vexfs_space){ .dim = dim, .elem = elem, .metric = metric };
	w->rng = dim * 100 + elem * 10 + metric;
	bits = kunit_kzalloc(test, dim * sizeof(u32), GFP_KERNEL);
	mem = kunit_kzalloc(test, vexfs_query_bytes(&w->s) + 64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bits);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	for (i = 0; i < dim; i++)
		bits[i] = positive(&w->rng);
	KUNIT_ASSERT_EQ(test, vexfs_query_init(&w->q, &w->s, bits, PTR_ALIGN(mem, 64)), 0);
	for (i = 0; i < N; i++)
		add_vector(test, w, i);
	return w;
}

/* |a - b| <= @ulps * 2^-23 * max(|b|, @floor) */
static bool near(u32 a, u32 b, u32 ulps, u32 floor)
{
	u32 diff = vexfs_sf_sub(a, b) & ~VEXFS_SF_SIGN;
	u32 size = max(b & ~VEXFS_SF_SIGN, floor);
	u32 tol = vexfs_sf_mul(vexfs_sf_mul(vexfs_sf_from_s32(ulps), EPSILON), size);

	return vexfs_sf_isfinite(a) && diff <= tol;	/* positive floats order as their bits do */
}

static void check_kernel(struct kunit *test, struct vec_world *w, const struct vexfs_simd *s)
{
	u32 scan[N], want_scan[N], exact[N], want[N], i;
	/* 1 - cosine is as uncertain as 1 is */
	u32 floor = w->s.metric == VEXFS_COSINE ? VEXFS_SF_ONE : 0;

	vexfs_simd_int.scan(&w->q, (const struct vexfs_code *const *)w->rec, N, want_scan);
	vexfs_simd_int.exact(&w->q, (const u32 *const *)w->f32, N, want);
	vexfs_simd_scan_by(s, &w->q, (const struct vexfs_code *const *)w->rec, N, scan);
	vexfs_simd_exact_by(s, &w->q, (const u32 *const *)w->f32, N, exact);
	for (i = 0; i < N; i++) {
		/* approximate keys are equal everywhere, not near */
		KUNIT_EXPECT_EQ_MSG(test, scan[i], want_scan[i], "%s scan dim %u elem %u metric %u",
				    s->name, w->s.dim, w->s.elem, w->s.metric);
		KUNIT_EXPECT_TRUE_MSG(test,
			near(vexfs_key_to_f32(exact[i]), vexfs_key_to_f32(want[i]),
			     16 + w->s.dim / 16, floor),
			"%s exact dim %u elem %u metric %u: %08x, want %08x", s->name, w->s.dim,
			w->s.elem, w->s.metric, vexfs_key_to_f32(exact[i]), vexfs_key_to_f32(want[i]));
	}
}

static void check_all(struct kunit *test, const struct vexfs_simd *s)
{
	static const u32 dims[] = { 1, 3, 8, 15, 16, 31, 33, 64, 100, 384, 1000 };
	u8 elem, metric;
	int i;

	for (i = 0; i < ARRAY_SIZE(dims); i++)
		for (elem = VEXFS_F32; elem <= VEXFS_I8; elem++)
			for (metric = VEXFS_L2; metric <= VEXFS_IP; metric++)
				check_kernel(test, world(test, dims[i], elem, metric), s);
}

static void test_int(struct kunit *test)
{
	check_all(test, kernels[0]);
}

#ifdef CONFIG_X86_64
static void test_sse2(struct kunit *test)
{
	check_all(test, kernels[1]);
}

static void test_avx2(struct kunit *test)
{
	if (!vexfs_simd_usable(kernels[2]))
		kunit_skip(test, "this processor has no AVX2 with FMA");
	check_all(test, kernels[2]);
}
#endif

/* Distances of a vector to itself, by all kernels. */
static void test_self(struct kunit *test)
{
	struct vec_world *w = world(test, 64, VEXFS_F32, VEXFS_L2);
	const u32 *self[1] = { w->q.f32 };
	u32 key;
	int i;

	for (i = 0; i < ARRAY_SIZE(kernels); i++) {
		if (!vexfs_simd_usable(kernels[i]))
			continue;
		vexfs_simd_exact_by(kernels[i], &w->q, self, 1, &key);
		KUNIT_EXPECT_EQ_MSG(test, vexfs_key_to_f32(key), 0U, "%s", kernels[i]->name);
	}
}

/* ---- software floating point -------------------------------------------------------- */

static void test_softfloat_known(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, vexfs_sf_add(0x3f800000, 0x3f800000), 0x40000000U);	/* 1 + 1 */
	KUNIT_EXPECT_EQ(test, vexfs_sf_add(0x3dcccccd, 0x3e4ccccd), 0x3e99999aU);	/* .1 + .2 */
	KUNIT_EXPECT_EQ(test, vexfs_sf_div(0x3f800000, 0x40400000), 0x3eaaaaabU);	/* 1 / 3 */
	KUNIT_EXPECT_EQ(test, vexfs_sf_mul(0x40490fdb, 0x40490fdb), 0x411de9e7U);	/* pi * pi */
	KUNIT_EXPECT_EQ(test, vexfs_sf_sqrt(0x40000000), 0x3fb504f3U);			/* sqrt 2 */
	KUNIT_EXPECT_EQ(test, vexfs_sf_from_s32(-16777217), 0xcb800000U);		/* to even */
	KUNIT_EXPECT_EQ(test, vexfs_sf_from_f16(0x3555), 0x3eaaa000U);
	KUNIT_EXPECT_EQ(test, vexfs_sf_from_f16(0x0001), 0x33800000U);			/* denormal */
	/* overflow, underflow to a denormal, infinity - infinity */
	KUNIT_EXPECT_EQ(test, vexfs_sf_mul(0x7f7fffff, 0x40000000), VEXFS_SF_INF);
	KUNIT_EXPECT_EQ(test, vexfs_sf_mul(0x00800000, 0x3f000000), 0x00400000U);
	KUNIT_EXPECT_TRUE(test, vexfs_sf_isnan(vexfs_sf_sub(VEXFS_SF_INF, VEXFS_SF_INF)));
	KUNIT_EXPECT_TRUE(test, vexfs_sf_isnan(vexfs_sf_sqrt(0xbf800000)));
}

static void test_softfloat_laws(struct kunit *test)
{
	u64 rng = 7;
	int i;

	for (i = 0; i < 5000; i++) {
		u32 a = positive(&rng), b = positive(&rng) | vexfs_kunit_below(&rng, 2) << 31;

		KUNIT_ASSERT_EQ(test, vexfs_sf_add(a, b), vexfs_sf_add(b, a));
		KUNIT_ASSERT_EQ(test, vexfs_sf_mul(a, b), vexfs_sf_mul(b, a));
		KUNIT_ASSERT_EQ(test, vexfs_sf_mul(a, VEXFS_SF_ONE), a);
		KUNIT_ASSERT_EQ(test, vexfs_sf_add(a, a), vexfs_sf_mul(a, VEXFS_SF_TWO));
		KUNIT_ASSERT_EQ(test, vexfs_sf_div(vexfs_sf_mul(a, VEXFS_SF_TWO), VEXFS_SF_TWO), a);
		KUNIT_ASSERT_TRUE(test, near(vexfs_sf_mul(vexfs_sf_div(a, b), b), a, 2, 0));
		KUNIT_ASSERT_TRUE(test, near(vexfs_sf_sqrt(vexfs_sf_mul(a, a)), a, 2, 0));
		KUNIT_ASSERT_EQ(test, vexfs_key_to_f32(vexfs_f32_to_key(b)), b);
	}
}

static struct kunit_case vec_cases[] = {
	KUNIT_CASE(test_softfloat_known),
	KUNIT_CASE(test_softfloat_laws),
	KUNIT_CASE(test_int),
#ifdef CONFIG_X86_64
	KUNIT_CASE(test_sse2),
	KUNIT_CASE(test_avx2),
#endif
	KUNIT_CASE(test_self),
	{}
};

struct kunit_suite vexfs_kunit_vec = { .name = "vexfs-vec", .test_cases = vec_cases };
kunit_test_suite(vexfs_kunit_vec);
