// SPDX-License-Identifier: GPL-2.0
/*
 * How fast this core reads memory: a plain sum. A scan cannot be faster than
 * this over as many bytes; how near it comes says what is left to gain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

/* Compilers vectorise an integer sum at -O3; wider registers where there are some. */
#if defined(__x86_64__)
#define TARGETS __attribute__((target_clones("avx2", "default"), optimize("O3"), noinline))
#else
#define TARGETS __attribute__((noinline))
#endif

double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Eight sums: the adds must not be what is measured. */
TARGETS static u64 sum(const u64 *p, size_t n)
{
	u64 s[32] = { 0 }, total = 0;
	size_t i, j;

	for (i = 0; i + 32 <= n; i += 32)
		for (j = 0; j < 32; j++)
			s[j] += p[i + j];
	for (j = 0; j < 32; j++)
		total += s[j];
	return total;
}

double bandwidth(size_t bytes)
{
	size_t n = bytes / sizeof(u64), i;
	u64 *p = malloc(n * sizeof(u64));
	double best = 0, spent = 0, t;
	volatile u64 sink;
	int pass;

	if (!p)
		return 0;
	for (i = 0; i < n; i++)
		p[i] = i;
	for (pass = 0; pass < 5 || spent < 0.3; pass++) {
		t = cpu_seconds();
		sink = sum(p, n);
		t = cpu_seconds() - t;
		spent += t;
		if (t > 0 && (double)bytes / t > best)
			best = (double)bytes / t;
	}
	(void)sink;
	free(p);
	return best;
}
