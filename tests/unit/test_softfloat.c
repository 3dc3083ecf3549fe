// SPDX-License-Identifier: GPL-2.0
/* core/softfloat against the processor's own arithmetic. */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/softfloat.h"
#include "vecref.h"

#define ROUNDS 400000

/* 113 bits of mantissa, by the name each architecture has for it. */
#ifdef __x86_64__
typedef __float128 quad;
#else
typedef long double quad;
_Static_assert(LDBL_MANT_DIG == 113, "long double must hold every product exactly");
#endif

static const u32 corner[] = {
	0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x00800001,
	0x3f7fffff, 0x3f800000, 0x3f800001, 0xbf800000, 0x40000000, 0x34000000, 0x33800000,
	0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffc00001,
	0x4b7fffff, 0x4b800000, 0x5f000000, 0x1f800000, 0x00ffffff, 0x7effffff,
};

/* Any bits; half of the time with an exponent near that of @near, where operations interact. */
static u32 rnd_bits(u64 *seed, u32 near)
{
	u32 u = (u32)rnd64(seed), e;

	if (rnd(seed, 8) == 0)
		return corner[rnd(seed, ARRAY_SIZE(corner))];
	if (rnd(seed, 2))
		return u;
	e = (((near >> 23) & 0xff) + rnd(seed, 61) - 30) & 0xff;
	/* Runs of zeros or ones in the mantissa make halfway cases. */
	if (rnd(seed, 2))
		u &= ~0U << rnd(seed, 24);
	return (u & 0x807fffff) | e << 23;
}

static void same(const char *op, u32 a, u32 b, u32 got, float want)
{
	if (isnan(want) ? vexfs_sf_isnan(got) : got == f2u(want))
		return;
	fail_msg("%s(%08x, %08x) = %08x, want %08x", op, a, b, got, f2u(want));
}

static void check_pair(u32 a, u32 b)
{
	/* volatile: computed by the processor at run time, in float */
	volatile float x = u2f(a), y = u2f(b);

	same("add", a, b, vexfs_sf_add(a, b), x + y);
	same("sub", a, b, vexfs_sf_sub(a, b), x - y);
	same("mul", a, b, vexfs_sf_mul(a, b), x * y);
	same("div", a, b, vexfs_sf_div(a, b), x / y);
	same("sqrt", a, 0, vexfs_sf_sqrt(a), sqrtf(x));
}

static void test_corners(void **state)
{
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(corner); i++)
		for (j = 0; j < ARRAY_SIZE(corner); j++)
			check_pair(corner[i], corner[j]);
}

static void test_random(void **state)
{
	u64 seed = 1;
	u32 a = 0x3f800000;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		u32 b = rnd_bits(&seed, a);

		check_pair(a, b);
		a = b;
	}
}

static void test_from_s32(void **state)
{
	static const s32 some[] = { 0, 1, -1, 127, -127, 16777216, 16777217, 16777219, -16777217,
				    33554431, 2147483647, -2147483647 - 1 };
	u64 seed = 2;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(some); i++)
		assert_int_equal(vexfs_sf_from_s32(some[i]), f2u((float)some[i]));
	for (i = 0; i < ROUNDS; i++) {
		s32 v = (s32)(u32)rnd64(&seed) >> rnd(&seed, 31);

		assert_int_equal(vexfs_sf_from_s32(v), f2u((float)v));
	}
}

/* IEEE-754 binary16 by its definition, in double. */
static double half_value(u32 h)
{
	u32 exp = h >> 10 & 31, frac = h & 0x3ff;
	double v = exp ? ldexp(1024 + frac, (int)exp - 25) : ldexp(frac, -24);

	return h & 0x8000 ? -v : v;
}

static void test_from_f16(void **state)
{
	u32 h, got;

	for (h = 0; h < 65536; h++) {
		got = vexfs_sf_from_f16((u16)h);
		if ((h & 0x7c00) != 0x7c00)
			assert_int_equal(got, f2u((float)half_value(h)));
		else if (h & 0x3ff)
			assert_true(vexfs_sf_isnan(got));
		else
			assert_int_equal(got, h & 0x8000 ? 0xff800000 : 0x7f800000);
	}
}

/* Exponents within a range that keeps a sum of products exact in 113 bits. */
static u32 tame(u64 *seed)
{
	return ((u32)rnd64(seed) & 0x807fffff) | (110 + rnd(seed, 24)) << 23;
}

static void test_acc_exact(void **state)
{
	struct vexfs_acc acc;
	u64 seed = 3;
	int round, i, n;

	for (round = 0; round < 2000; round++) {
		quad sum = 0;

		n = 1 + (int)rnd(&seed, 600);
		vexfs_acc_init(&acc);
		for (i = 0; i < n; i++) {
			u32 a = tame(&seed), b = tame(&seed);

			sum += (quad)u2f(a) * u2f(b);
			vexfs_acc_madd(&acc, a, b);
		}
		assert_int_equal(vexfs_acc_f32(&acc), f2u((float)sum));
	}
}

/* Terms of hugely different size that cancel: any rounding on the way would show. */
static void test_acc_cancel(void **state)
{
	struct vexfs_acc acc;
	u32 big = f2u(FLT_MAX), nbig = f2u(-FLT_MAX), tiny = 1;
	int i;

	vexfs_acc_init(&acc);
	for (i = 0; i < 1000; i++)
		vexfs_acc_madd(&acc, big, big);
	vexfs_acc_madd(&acc, f2u(3.0f), f2u(-0.5f));
	for (i = 0; i < 1000; i++)
		vexfs_acc_madd(&acc, nbig, big);
	assert_int_equal(vexfs_acc_f32(&acc), f2u(-1.5f));

	vexfs_acc_init(&acc);
	vexfs_acc_madd(&acc, tiny, f2u(1.0f));
	assert_int_equal(vexfs_acc_f32(&acc), 1);
	vexfs_acc_init(&acc);
	vexfs_acc_madd(&acc, tiny, tiny);
	assert_int_equal(vexfs_acc_f32(&acc), 0);
	/* A tie that a speck 150 places below decides. */
	vexfs_acc_init(&acc);
	vexfs_acc_madd(&acc, f2u(1.0f), f2u(1.0f));
	vexfs_acc_madd(&acc, f2u(0x1p-12f), f2u(0x1p-12f));
	vexfs_acc_madd(&acc, f2u(1e-35f), tiny);
	assert_int_equal(vexfs_acc_f32(&acc), 0x3f800001);
	vexfs_acc_init(&acc);
	assert_int_equal(vexfs_acc_f32(&acc), 0);
}

static void test_acc_limits(void **state)
{
	struct vexfs_acc acc;
	u32 i;

	vexfs_acc_init(&acc);
	for (i = 0; i < 65536; i++)
		vexfs_acc_madd(&acc, f2u(-FLT_MAX), f2u(FLT_MAX));
	assert_int_equal(vexfs_acc_f32(&acc), 0xff800000);
	/* The largest term there is, from bits nobody should have let in. */
	vexfs_acc_init(&acc);
	for (i = 0; i < 65536; i++)
		vexfs_acc_madd(&acc, 0xffffffff, 0x7fffffff);
	assert_int_equal(vexfs_acc_f32(&acc), 0xff800000);
	vexfs_acc_init(&acc);
	for (i = 0; i < 65536; i++)
		vexfs_acc_madd(&acc, f2u(1.0f), f2u(-127.0f));
	assert_int_equal(vexfs_acc_f32(&acc), f2u(-127.0f * 65536));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corners),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_from_s32),
		cmocka_unit_test(test_from_f16),
		cmocka_unit_test(test_acc_exact),
		cmocka_unit_test(test_acc_cancel),
		cmocka_unit_test(test_acc_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
