/* SPDX-License-Identifier: GPL-2.0 */
/* A search under way: what search.c (rounds) and scan.c (distances) share. */
#ifndef VEXFS_KMOD_SEARCH_H
#define VEXFS_KMOD_SEARCH_H

#include "kmod/vec/vec.h"
#include "core/graph.h"
#include <linux/xarray.h>

#define VEXFS_WINDOW_MIN	64
#define VEXFS_WINDOW_MAX	65536	/* candidates of a round: bounds memory (4.5 MiB) */
#define VEXFS_TRIES		3
#define VEXFS_RUNS		32	/* looking for others than those that could not be opened */
#define VEXFS_MORE_OPENS	1024	/* beyond k: files a search opens before it gives up */
#define VEXFS_PASSES		16	/* over what is set while a scan runs */
#define VEXFS_FILTER_MEMO	1024	/* files a filter remembers, power of two */
#define VEXFS_SAMPLE		512	/* room for slots a filter is tried on */
#define VEXFS_ORDER_MIN		16U	/* nearest whose order by code is looked at, at least */
#define VEXFS_COUNT_OPENS	1024	/* files opened for the count of stale embeddings */
#define VEXFS_SIFT_MIN		1024	/* so few are asked one by one */
#define VEXFS_BATCH		64
/* Elements per FPU section: 10 us of full-precision AVX2 work with the data in
 * the cache, some 30 us from memory. */
#define VEXFS_BATCH_ELEMS	32768

/* A candidate, later a result. */
struct vexfs_found {
	u64	ino;
	u64	stamp;
	u64	datagen, filegen;	/* what the embedding recorded, what the file has now */
	u64	off, len;
	u32	key;
	u32	slot;
	u32	generation;
	u32	chunk;
	bool	ok;		/* still wanted */
	bool	done;		/* measured */
	bool	stale;
};

/**
 * struct vexfs_opened - what opening hits has taught (open.c)
 * @dirs:    directory in the scope's mount -> may it be opened for reading?
 * @refused: files that could not be opened
 * @name:    one component
 */
struct vexfs_opened {
	struct super_block	*sb;
	struct vexfs_scope	*sc;
	struct xarray		dirs, refused;
	char			name[VEXFS_NAME_LEN + 1];
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
 * struct vexfs_walking - a search's use of the graph (walk.c)
 * @index: counted; NULL: there is none, or it is not to be used
 * @all:   slots that were live when the attempt began, or had a record
 * @look:  slots that the round looks at: permitted and not absorbed, and what the walk found
 * @nbits: length of both
 * @reused: a slot has a record of what was in it before
 * @on:	   rounds look at @look alone
 * @plan:  of the last walk; VEXFS_PLAN_SCAN: there was none
 * @waiting: slots to be looked at that the graph has not absorbed
 */
struct vexfs_walking {
	struct vexfs_index	*index;
	unsigned long		*all, *look;
	u32			nbits;
	bool			reused, on;
	enum vexfs_plan		plan;
	u32			waiting;
};

/**
 * struct vexfs_find - one search
 * @filter, @idmap: which files are wanted, as seen through which mount
 * @permitted: slots this search may look at, and is to look at; nothing else has a part in it
 * @sift:    not 0: @permitted is without the filter, and so many of the nearest are filtered
 * @max_work: embeddings that an attempt may compare; @work_left: of them; @seen: candidates
 *	     of its rounds
 * @window:  candidates of this round; @heap and @cands have room for them
 * @last:    worst candidate of the round before, if @have_last: this round takes
 *	     what comes after it
 * @exact:   measure everything: asked for, or codes have put the nearest in the wrong order
 * @begun:   coll->nset when the attempt began
 * @mark:    coll->nset up to which this attempt has looked at what was set; @recent: room
 *	     for the slots of one look; @twice: a slot may have been looked at twice
 * @live:    a part of the bitmap of live slots
 * @moved:   an embedding set again may have been missed
 * @walk:    the graph; @flat: do without
 * @plan:    VEXFS_SEARCHED_*: where the last attempt's answer came from
 * @lost:    a candidate's slot changed between scan and measurement
 * @passed:  candidates of the round that were measured
 * @more:    permitted embeddings are left that were not measured, or not kept
 * @results: the best so far, ascending; at most @room (and room for one more):
 *	     more than k, because some may not be opened
 * @reply:   VEXFS_REPLY_*
 * @opens:   hits opened or refused
 * @all_rounds: of all attempts, as are @candidates (looked at) and @distances
 *	     (computed): what a search cost, for tracing
 */
struct vexfs_find {
	struct vexfs_coll	*coll;
	struct vexfs_scope	*scope;
	struct vexfs_view	*view;
	struct vexfs_filter	filter;
	vexfs_idmap_t		*idmap;
	struct vexfs_permitted	permitted;
	u32			sift;
	struct vexfs_opened	opened;
	u32			flags, k, max_work, work_left, seen;
	void			*query_mem;
	struct vexfs_query	query;
	u8			*raw;		/* one vector as stored */
	struct vexfs_batch	batch;

	u32			first_window, window, rounds;
	struct vexfs_cand	*heap;
	struct vexfs_found	*cands;
	u32			ncands, passed;
	struct vexfs_cand	last;
	bool			have_last;
	bool			moved, lost, twice, more, exact;
	u64			begun, mark;
	unsigned long		live[BITS_TO_LONGS(VEXFS_LIVE_BITS)];
	u32			recent[VEXFS_RECENT];
	struct vexfs_walking	walk;
	bool			flat;
	u32			plan;

	struct vexfs_found	*results;
	u32			nresults, room;
	u32			reply, opens;

	u32			all_rounds, retries;
	u64			candidates, distances;
};

/* scan.c; no locks needed */
int vexfs_scan(struct vexfs_find *f, struct vexfs_topk *top);
int vexfs_scan_again(struct vexfs_find *f, struct vexfs_topk *top);
int vexfs_rerank(struct vexfs_find *f);
/* search.c */
/* May the caller have what is in a slot set since the search began? 1, 0, -errno. */
int vexfs_find_recent(struct vexfs_find *f, u32 slot);
void vexfs_result_add(struct vexfs_find *f, const struct vexfs_found *c);
/* filter.c */
int vexfs_filter_plan(struct vexfs_find *f);
int vexfs_filter_slots(struct vexfs_find *f);
int vexfs_filter_stale(struct vexfs_find *f, u64 *n);
/* walk.c */
int vexfs_walk_begin(struct vexfs_find *f);
int vexfs_walk_find(struct vexfs_find *f, u32 window);
void vexfs_walk_end(struct vexfs_find *f);
/* open.c */
void vexfs_opened_init(struct vexfs_opened *o, struct super_block *sb, struct vexfs_scope *sc);
void vexfs_opened_free(struct vexfs_opened *o);
bool vexfs_open_refused(struct vexfs_opened *o, u64 ino);
int vexfs_open_hit(struct vexfs_opened *o, const struct vexfs_found *c, char **path, u32 *len);

#endif /* VEXFS_KMOD_SEARCH_H */
