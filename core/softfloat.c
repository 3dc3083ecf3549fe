// SPDX-License-Identifier: GPL-2.0
/*
 * IEEE-754 single precision in integer registers: see softfloat.h.
 *
 * No 64-bit division anywhere: 32-bit kernels have no instruction for it.
 */
#include "core/softfloat.h"

static inline int bits_of(u64 m)
{
	return m ? 64 - __builtin_clzll(m) : 0;
}

/* m / 2^shift rounded to nearest, ties to even; 0 < shift. */
static u64 shift_right_round(u64 m, int shift)
{
	u64 half, rest;

	if (shift > 63)			/* m < 2^62: below one half */
		return 0;
	half = 1ULL << (shift - 1);
	rest = m & (2 * half - 1);
	m >>= shift;
	return m + (rest > half || (rest == half && (m & 1)));
}

/**
 * vexfs_sf_round - the float32 nearest to (-1)^sign * m * 2^exp
 * @sign: 0 or VEXFS_SF_SIGN
 * @exp:  exponent of the integer @m
 * @m:	  magnitude, below 2^62; bit 0 may stand for a non-zero remainder if m has
 *	  more than 25 significant bits
 *
 * Return: float32 bits; infinity on overflow.
 */
u32 vexfs_sf_round(u32 sign, int exp, u64 m)
{
	int shift = bits_of(m) - 24;

	if (!m)
		return sign;
	/* The last bit of a result is never worth less than 2^-149. */
	if (shift < -149 - exp)
		shift = -149 - exp;
	m = shift > 0 ? shift_right_round(m, shift) : m << -shift;
	exp += shift + 149;
	if (exp > 253)
		return sign | VEXFS_SF_INF;
	/*
	 * A sum, not an or: the hidden bit of a normal m, and the carry of a m
	 * rounded up to 2^24, both belong into the exponent.
	 */
	return sign | (((u32)exp << 23) + (u32)m);
}

u32 vexfs_sf_from_s32(s32 v)
{
	return vexfs_sf_round(v < 0 ? VEXFS_SF_SIGN : 0, 0, v < 0 ? -(s64)v : v);
}

/* What vexfs_sf_from_f16() leaves out: zeros and denormals, infinities and NaNs. */
u32 vexfs_sf_from_odd_f16(u16 h)
{
	u32 sign = (u32)(h & 0x8000) << 16, frac = h & 0x3ff;

	if (!(h & 0x7c00))
		return vexfs_sf_round(sign, -24, frac);
	return sign | VEXFS_SF_INF | frac << 13 | (frac ? 0x400000 : 0);
}

/*
 * Sum of two finite numbers, |a| >= |b|. Bits of b are lost only beyond 36
 * places, where they are too small to decide a rounding.
 */
static u32 add_ordered(u32 a, u32 b)
{
	u32 ea, eb, ma = vexfs_sf_split(a, &ea), mb = vexfs_sf_split(b, &eb);
	u64 x = (u64)ma << 36, y = ea - eb > 63 ? 0 : ((u64)mb << 36) >> (ea - eb);
	u32 sign = a & VEXFS_SF_SIGN;

	if (!((a ^ b) & VEXFS_SF_SIGN))
		return vexfs_sf_round(sign, (int)ea - 186, x + y);
	return vexfs_sf_round(x == y ? 0 : sign, (int)ea - 186, x - y);
}

u32 vexfs_sf_add(u32 a, u32 b)
{
	u32 absa = a & ~VEXFS_SF_SIGN, absb = b & ~VEXFS_SF_SIGN;

	if (absa > VEXFS_SF_INF || absb > VEXFS_SF_INF)
		return VEXFS_SF_NAN;
	if (absa == VEXFS_SF_INF)
		return absb == VEXFS_SF_INF && a != b ? VEXFS_SF_NAN : a;
	if (absb == VEXFS_SF_INF)
		return b;
	return absa >= absb ? add_ordered(a, b) : add_ordered(b, a);
}

u32 vexfs_sf_mul(u32 a, u32 b)
{
	u32 absa = a & ~VEXFS_SF_SIGN, absb = b & ~VEXFS_SF_SIGN;
	u32 sign = (a ^ b) & VEXFS_SF_SIGN, ea, eb, ma, mb;

	if (absa > VEXFS_SF_INF || absb > VEXFS_SF_INF)
		return VEXFS_SF_NAN;
	if (absa == VEXFS_SF_INF || absb == VEXFS_SF_INF)
		return absa && absb ? sign | VEXFS_SF_INF : VEXFS_SF_NAN;
	ma = vexfs_sf_split(a, &ea);
	mb = vexfs_sf_split(b, &eb);
	return vexfs_sf_round(sign, (int)(ea + eb) - 300, (u64)ma * mb);
}

/* As vexfs_sf_split(), with bit 23 set also for denormals. */
static u32 split_normal(u32 a, int *exp)
{
	u32 e, m = vexfs_sf_split(a, &e);
	int up = 24 - bits_of(m);

	*exp = (int)e - 150 - up;
	return m << up;
}

/* Long division, one bit a turn; ma and mb have 24 bits. */
static u32 div_finite(u32 sign, u32 a, u32 b)
{
	int ea, eb, i;
	u32 rest = split_normal(a, &ea), mb = split_normal(b, &eb), fits;
	u64 q = 0;

	for (i = 0; i < 28; i++) {
		/* No branch: half of them would be mispredicted. */
		fits = 0U - (rest >= mb);
		q = q << 1 | (fits & 1);
		rest = (rest - (mb & fits)) << 1;
	}
	return vexfs_sf_round(sign, ea - eb - 28, q << 1 | (rest != 0));
}

u32 vexfs_sf_div(u32 a, u32 b)
{
	u32 absa = a & ~VEXFS_SF_SIGN, absb = b & ~VEXFS_SF_SIGN;
	u32 sign = (a ^ b) & VEXFS_SF_SIGN;

	if (absa > VEXFS_SF_INF || absb > VEXFS_SF_INF)
		return VEXFS_SF_NAN;
	if (absa == VEXFS_SF_INF || !absb)
		return absa == absb ? VEXFS_SF_NAN : sign | VEXFS_SF_INF;
	if (absb == VEXFS_SF_INF || !absa)
		return sign;
	return div_finite(sign, a, b);
}

/* floor(sqrt(n)), bit by bit; *exact tells whether nothing was lost. */
static u64 isqrt(u64 n, bool *exact)
{
	u64 root = 0, fits, bit = 1ULL << 54;	/* n < 2^56 */

	while (bit > n)
		bit >>= 2;
	for (; bit; bit >>= 2) {
		fits = 0ULL - (n >= root + bit);	/* no branch, as above */
		n -= (root + bit) & fits;
		root = (root >> 1) + (bit & fits);
	}
	*exact = !n;
	return root;
}

u32 vexfs_sf_sqrt(u32 a)
{
	int e;
	u64 m;
	bool exact;

	if (!(a & ~VEXFS_SF_SIGN) || a == VEXFS_SF_INF)
		return a;
	if (a > VEXFS_SF_INF)		/* NaN, or below zero */
		return VEXFS_SF_NAN;
	m = split_normal(a, &e);
	if (e & 1) {
		m <<= 1;
		e--;
	}
	/* 30 more bits: a root of 27 bits, two more than rounding needs. */
	m = isqrt(m << 30, &exact);
	return vexfs_sf_round(0, e / 2 - 16, m << 1 | (exact ? 0 : 1));
}

void vexfs_acc_init(struct vexfs_acc *acc)
{
	memset(acc, 0, sizeof(*acc));
	acc->left = VEXFS_ACC_BATCH;
}

/* Leave 0..255 in every bin but the last, which keeps the sign. */
void vexfs_acc_carry(struct vexfs_acc *acc)
{
	s64 carry = 0;
	int i;

	for (i = 0; i < VEXFS_ACC_BINS - 1; i++) {
		carry += acc->bin[i];
		acc->bin[i] = carry & 0xff;
		carry >>= 8;		/* arithmetic in every compiler we build with */
	}
	acc->bin[i] += carry;
	acc->left = VEXFS_ACC_BATCH;
}

static void acc_negate(struct vexfs_acc *acc)
{
	int i;

	for (i = 0; i < VEXFS_ACC_BINS; i++)
		acc->bin[i] = -acc->bin[i];
	vexfs_acc_carry(acc);
}

/**
 * vexfs_acc_f32 - the float32 nearest to the sum
 * @acc: accumulator; its contents are destroyed
 *
 * Return: float32 bits, correctly rounded; infinity on overflow.
 */
u32 vexfs_acc_f32(struct vexfs_acc *acc)
{
	u32 sign = 0;
	u64 m = 0;
	int i, top, low;

	vexfs_acc_carry(acc);
	if (acc->bin[VEXFS_ACC_BINS - 1] < 0) {
		sign = VEXFS_SF_SIGN;
		acc_negate(acc);
	}
	for (top = VEXFS_ACC_BINS - 1; top && !acc->bin[top]; top--)
		;
	low = top > 6 ? top - 6 : 0;
	for (i = top; i >= low; i--)
		m = m << 8 | (u64)acc->bin[i];
	for (i = low - 1; i >= 0; i--)
		m |= acc->bin[i] != 0;
	return vexfs_sf_round(sign, 8 * low - 300, m);
}
