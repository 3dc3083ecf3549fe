/* SPDX-License-Identifier: GPL-2.0 */
/* What the vector tests share: random numbers, the kernels this machine can run, bits. */
#ifndef VEXFS_TESTS_VECREF_H
#define VEXFS_TESTS_VECREF_H

#include <string.h>
#ifdef __aarch64__
#include <sys/auxv.h>
#include <asm/hwcap.h>
#endif

#include "core/vec.h"

/* splitmix64 (Steele, Lea, Flood 2014): a stated seed gives the same test everywhere. */
static inline u64 rnd64(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline u32 rnd(u64 *state, u32 below)
{
	return (u32)(rnd64(state) >> 32) % below;
}

/* Roughly normal: the sum of four uniform numbers. */
static inline float rnd_float(u64 *state)
{
	u64 r = rnd64(state);
	int i, sum = 0;

	for (i = 0; i < 4; i++, r >>= 16)
		sum += (int)(r & 0xffff) - 32768;
	return (float)sum / 32768.0f;
}

static inline u32 f2u(float f)
{
	u32 u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline float u2f(u32 u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline float key_float(u32 key)
{
	return u2f(vexfs_key_to_f32(key));
}

#define MAX_KERNELS 4

/* As many as the best processor of this architecture runs. */
#if defined(__x86_64__)
#define ALL_KERNELS 4
#elif defined(__AARCH64EL__)
#define ALL_KERNELS 3
#else
#define ALL_KERNELS 1
#endif

/* The kernels this processor can run; the plain-integer one comes first. */
static inline int usable_kernels(const struct vexfs_simd *k[MAX_KERNELS])
{
	int n = 0;

	k[n++] = &vexfs_simd_int;
#ifdef __x86_64__
	k[n++] = &vexfs_simd_sse2;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		k[n++] = &vexfs_simd_avx2;
	if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512vl"))
		k[n++] = &vexfs_simd_avx512;
#endif
#ifdef __AARCH64EL__
	k[n++] = &vexfs_simd_neon;
	if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP)
		k[n++] = &vexfs_simd_neondot;
#endif
	return n;
}

#endif /* VEXFS_TESTS_VECREF_H */
