/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Block access in memory for tests of core/: it hands out a copy of a block for
 * every pin, so that the address sanitizer sees a use after put, and it fails the
 * test when a block is changed without modify() or without dirty(). It counts what
 * is allocated and pinned, and fails any chosen call.
 */
#ifndef VEXFS_TESTS_MEMIO_H
#define VEXFS_TESTS_MEMIO_H

#include "core/block.h"
#include "core/btree.h"

struct memio_pin;

/**
 * struct memio - a device in memory
 * @io:		what the code under test gets
 * @geo:	for headers
 * @block:	the device: NULL where nothing is allocated
 * @live:	allocated blocks
 * @pins:	blocks pinned now
 * @limit:	allocations beyond so many blocks get -ENOSPC
 * @calls:	read, modify and alloc calls so far, and ...
 * @fail_at:	... the one that fails, -1: none
 * @damaged:	contents are not to be trusted: reads verify headers, protocol
 *		violations caused by damage in memory are not asserted
 * @steal:	per mille of allocations that return a block in use
 * @uncached:	no block can be read without waiting
 * @checked:	NULL, or (memio_track()) per block: its contents were verified
 * @verified:	... and how often that happened
 * @reports:	calls of corrupt()
 * @report:	what the last one said
 */
struct memio {
	struct vexfs_io io;
	struct vexfs_geo geo;
	u8 **block;
	u64 live, limit, next;
	struct memio_pin *pins;
	long calls, fail_at;
	bool damaged;
	u32 steal;
	u64 steal_rng;
	bool uncached;
	bool *checked;
	u32 verified;
	u32 reports;
	const char *report;
};

void memio_init(struct memio *m, u64 nblocks);
void memio_destroy(struct memio *m);
/* From now on it remembers which blocks have been verified, as the kernel does. */
void memio_track(struct memio *m);
u32 memio_pinned(const struct memio *m);
/* Allocate without pinning, for trees built by hand: the stored block. */
u8 *memio_raw_alloc(struct memio *m, u32 magic, u64 owner, u64 *blkno);
/* A random allocated block, NULL if there is none. */
u8 *memio_any(struct memio *m, u64 *rng, u64 *blkno);
/* An independent copy of the device. */
void memio_clone(struct memio *to, const struct memio *from);

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014) */
static inline u64 rng_next(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline u64 rng_below(u64 *state, u64 n)
{
	return rng_next(state) % n;
}

/* @fallback, or $VEXFS_SEED; printed, so that a failure can be repeated. */
u64 rng_seed(const char *what, u64 fallback);

#endif /* VEXFS_TESTS_MEMIO_H */
