/* SPDX-License-Identifier: GPL-2.0 */
/* A search under way: what search.c (rounds) and scan.c (distances) share. */
#ifndef VEXFS_KMOD_SEARCH_H
#define VEXFS_KMOD_SEARCH_H

#include "kmod/vec/vec.h"

#define VEXFS_WINDOW_MIN	64
#define VEXFS_WINDOW_MAX	65536	/* candidates of a round: bounds memory (4.5 MiB) */
#define VEXFS_TRIES		3
#define VEXFS_BATCH		64
/* Elements per FPU section: 10 us of full-precision AVX2 work with the data in
 * the cache, some 30 us from memory. */
#define VEXFS_BATCH_ELEMS	32768

/* A candidate, later a result. */
struct vexfs_found {
	u64	ino;
	u64	stamp;
	u64	datagen;
	u64	off, len;
	u32	key;
	u32	slot;
	u32	generation;
	u32	chunk;
	bool	ok;		/* still wanted */
	bool	stale;
};

/**
 * struct vexfs_batch - rows measured in one FPU section, their memory pinned
 * @tag:    what a row is: the slot (scan) or the index in cands (rerank)
 * @bounce: @cap rows of @stride bytes, for records that cannot be used in place
 */
struct vexfs_batch {
	u32	n, cap, stride;
	u8	*bounce;
	u32	tag[VEXFS_BATCH];
	u32	keys[VEXFS_BATCH];
	const void *rec[VEXFS_BATCH];
	struct buffer_head *bh[VEXFS_BATCH];
};

/**
 * struct vexfs_find - one search
 * @window:  candidates of this round; @heap and @cands have room for them
 * @last:    worst candidate of the round before, if @have_last: this round takes
 *	     what comes after it
 * @seq:     coll->seq at the first round; @moved: it is another now
 * @lost:    a candidate's slot changed between scan and measurement
 * @results: the best k so far, ascending (room for one more)
 * @all_rounds: of all attempts, as are @candidates (looked at) and @distances
 *	     (computed): what a search cost, for tracing
 */
struct vexfs_find {
	struct vexfs_coll	*coll;
	struct vexfs_scope	*scope;
	u32			flags, k;
	void			*query_mem;
	struct vexfs_query	query;
	u8			*raw;		/* one vector as stored */
	struct vexfs_batch	batch;

	u32			first_window, window, rounds;
	struct vexfs_cand	*heap;
	struct vexfs_found	*cands;
	u32			ncands;
	struct vexfs_cand	last;
	bool			have_last;
	u64			seq;
	bool			moved, lost;

	struct vexfs_found	*results;
	u32			nresults;

	u32			all_rounds, retries;
	u64			candidates, distances;
};

/* scan.c; coll->sem held for reading */
int vexfs_scan(struct vexfs_find *f, struct vexfs_topk *top);
int vexfs_rerank(struct vexfs_find *f);
/* search.c */
void vexfs_result_add(struct vexfs_find *f, const struct vexfs_found *c);

#endif /* VEXFS_KMOD_SEARCH_H */
