/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the distance kernels of every architecture share.
 *
 * Scan distances are made of correctly rounded operations in this order, in
 * every kernel, so that all kernels return the same bits:
 *
 *	ip     = (dot * fq) * fc	fq, fc: scale; cosine: scale / sqrt(norm2)
 *	L2     = max(0, (nq + nc) - (ip + ip))
 *	cosine = min(2, max(0, 1 - ip))
 *	IP     = 0 - ip
 */
#ifndef VEXFS_CORE_VEC_GROUP_H
#define VEXFS_CORE_VEC_GROUP_H

#include "core/vec.h"

#define SIMD_INLINE static inline __attribute__((always_inline))

#define SIMD_GROUP	4	/* records scanned side by side: the query is loaded once for all */

/* Loops over registers must vanish at -O2, where GCC does not unroll by itself. */
#ifdef __clang__
#define SIMD_UNROLL	_Pragma("unroll")
#else
#define SIMD_UNROLL	_Pragma("GCC unroll 4")
#endif

/* The kernels read the 16 bytes before a code's last, partial step: its header. */
_Static_assert(sizeof(struct vexfs_code) == 16, "a code's header must span one register of 128 bits");

/*
 * The group of recs[i]: its records, the last one repeated where the array
 * ends. Repeating costs less than a second code path, which would have to
 * return the same bits.
 */
SIMD_INLINE void simd_group(const struct vexfs_code *const *recs, u32 n, u32 i,
			    const struct vexfs_code *group[SIMD_GROUP])
{
	u32 j;

	SIMD_UNROLL
	for (j = 0; j < SIMD_GROUP; j++)
		group[j] = recs[i + j < n ? i + j : n - 1];
}

#endif /* VEXFS_CORE_VEC_GROUP_H */
