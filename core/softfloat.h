/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IEEE-754 single precision in integer registers.
 *
 * The kernel may not touch floating-point registers outside kernel_fpu_begin()
 * and some machines have none it may use. Values are float32 bits in u32.
 * Every operation rounds to nearest even, denormals included, exactly as the
 * SIMD units do in the kernel's default mode: a formula made of these
 * operations gives the same bits in core/vec_int.c and in the SIMD kernels.
 */
#ifndef VEXFS_CORE_SOFTFLOAT_H
#define VEXFS_CORE_SOFTFLOAT_H

#include "core/platform.h"

#define VEXFS_SF_SIGN	0x80000000U
#define VEXFS_SF_INF	0x7f800000U
#define VEXFS_SF_NAN	0x7fc00000U
#define VEXFS_SF_ONE	0x3f800000U
#define VEXFS_SF_TWO	0x40000000U
#define VEXFS_SF_MIN	0x00800000U	/* smallest normal number, 2^-126 */

static inline bool vexfs_sf_isnan(u32 a)
{
	return (a & ~VEXFS_SF_SIGN) > VEXFS_SF_INF;
}

static inline bool vexfs_sf_isfinite(u32 a)
{
	return (a & VEXFS_SF_INF) != VEXFS_SF_INF;
}

static inline u32 vexfs_sf_neg(u32 a)
{
	return a ^ VEXFS_SF_SIGN;
}

u32 vexfs_sf_round(u32 sign, int exp, u64 m);
u32 vexfs_sf_from_s32(s32 v);
u32 vexfs_sf_from_odd_f16(u16 h);
u32 vexfs_sf_add(u32 a, u32 b);
u32 vexfs_sf_mul(u32 a, u32 b);
u32 vexfs_sf_div(u32 a, u32 b);
u32 vexfs_sf_sqrt(u32 a);

static inline u32 vexfs_sf_sub(u32 a, u32 b)
{
	return vexfs_sf_add(a, vexfs_sf_neg(b));
}

/**
 * vexfs_sf_from_f16 - widen an IEEE-754 half
 * @h: float16 bits
 *
 * Return: float32 bits of the same value; exact. A NaN keeps its payload and
 * becomes quiet, as the hardware's conversion does.
 */
static inline u32 vexfs_sf_from_f16(u16 h)
{
	u32 rest = h & 0x7fff;

	if (rest - 0x400 >= 0x7800)	/* exponent 0 or 31 */
		return vexfs_sf_from_odd_f16(h);
	return (u32)(h & 0x8000) << 16 | ((rest << 13) + (112U << 23));
}

/**
 * struct vexfs_acc - the exact sum of up to 2^16 products of two float32
 * @bin:  bin i counts units of 2^(8i - 300); a product goes to the bin of its
 *	  exponent, unrounded, so the sum does not depend on the order
 * @left: products that fit before the bins have to be carried
 *
 * A product is below 2^48 and is shifted by at most 7 bits; a carried bin is
 * below 2^8: 127 products stay below 2^63. The idea is Kulisch's long
 * accumulator (U. Kulisch, Computer Arithmetic and Validity, ch. 8), in base
 * 2^8 with delayed carries. 600 bytes: keep one per stack frame.
 */
#define VEXFS_ACC_BINS		75
#define VEXFS_ACC_BATCH		127

struct vexfs_acc {
	s64	bin[VEXFS_ACC_BINS];
	u32	left;
};

void vexfs_acc_init(struct vexfs_acc *acc);
void vexfs_acc_carry(struct vexfs_acc *acc);
u32 vexfs_acc_f32(struct vexfs_acc *acc);

/* Mantissa and exponent of a finite float32: value = mantissa * 2^(exp - 150). */
static inline u32 vexfs_sf_split(u32 a, u32 *exp)
{
	u32 e = (a >> 23) & 0xff, frac = a & 0x7fffff;

	*exp = e ? e : 1;
	return e ? frac | 0x800000 : frac;
}

/**
 * vexfs_acc_madd - add a * b exactly
 * @acc: accumulator
 * @a:	 finite float32 bits
 * @b:	 finite float32 bits
 *
 * Infinities and NaNs count as numbers of 2^128 and above: memory-safe, and
 * the sum then overflows, but the caller should have refused them.
 */
static inline void vexfs_acc_madd(struct vexfs_acc *acc, u32 a, u32 b)
{
	u32 ea, eb, ma = vexfs_sf_split(a, &ea), mb = vexfs_sf_split(b, &eb);
	u64 p = ((u64)ma * mb) << ((ea + eb) & 7);
	s64 sign = -(s64)((a ^ b) >> 31);

	if (!acc->left)
		vexfs_acc_carry(acc);
	acc->left--;
	acc->bin[(ea + eb) >> 3] += ((s64)p ^ sign) - sign;
}

#endif /* VEXFS_CORE_SOFTFLOAT_H */
