// SPDX-License-Identifier: GPL-2.0
/*
 * Distance kernels for arm64 with dot products (FEAT_DotProd: optional in Armv8.2,
 * in every Armv8.4): one instruction for what NEON alone needs three for.
 *
 * Compiled with its own flags; every function here runs under the caller's
 * kernel_neon_begin(), on a processor that has sdot.
 */
#ifdef __AARCH64EL__
#include "core/vec_neon.h"

/* Sums of four products are added in 32 bits: 16384 elements stay below 2^28. */
SIMD_INLINE int32x4_t neon_sdot(int32x4_t sum, int8x16_t q, int8x16_t c)
{
	return vdotq_s32(sum, q, c);
}

static void neondot_scan(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
			 u32 *keys)
{
	neon_scan(q, recs, n, keys, neon_sdot);
}

const struct vexfs_simd vexfs_simd_neondot = {
	.name	= "neondot",
	.fpu	= true,
	.scan	= neondot_scan,
	.exact	= vexfs_neon_exact,
	.shift	= vexfs_neon_shift,
};
#endif /* __AARCH64EL__ */
