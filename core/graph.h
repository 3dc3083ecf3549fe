/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The graph of a collection: approximate nearest neighbours by greedy walks.
 *
 * One flat graph of bounded degree, as in DiskANN's Vamana (Jayaram Subramanya
 * et al., NeurIPS 2019), built by insertions as in FreshDiskANN (Singh et al.,
 * arXiv 2105.09613). A record has a vector's links and, beside them, its int8
 * code; records are of one size and none straddles a block. A record's id is the
 * number of the vector's slot in the collection. docs/design.md says why.
 *
 * The graph is derived data. Nothing read from it is trusted: ids are checked
 * against the number of records, every walk has a budget, numbers that are no
 * distances count as far away. A damaged graph finds less. Whether an id that a
 * search returns is still that vector, the slot table says: ops->admit.
 *
 * Nothing here allocates, sleeps or locks; what ops->get does is its own affair.
 * Each call needs a struct vexfs_graph_work of its own. Readers may run
 * concurrently; insert, remove and the like need the graph for themselves, or
 * readers have copies of struct vexfs_graph that were made between two changes: such
 * a reader beside one writer may miss a vector that is being linked, or be told a
 * wrong distance, as in a damaged graph.
 */
#ifndef VEXFS_CORE_GRAPH_H
#define VEXFS_CORE_GRAPH_H

#include "core/vec.h"

#define VEXFS_GRAPH_BUILD	100	/* candidates an insertion looks for, unless told */

/**
 * struct vexfs_graph_ops - what the graph needs from its surroundings
 * @get:   block @lblk of the graph file in *@data, 4096 bytes, 64-byte aligned, until @put. @change: the caller may
 *	   write to it. Up to 200 blocks are held at once, the same one repeatedly. Return: 0 or a negative error
 *	   number: the record counts as lost, except to a caller that must change it
 * @put:   end of @get; @change: as there. May be NULL
 * @admit: may vector @id with this low half of v_stamp be in the result; NULL: all may. Called at the end of a walk
 *	   for the nearest first, with no block held; may sleep. Return: 1, 0, or a negative error number, which ends
 *	   the search
 * @fpu:   called with true before and with false after a struct vexfs_simd is used that needs the FPU. May be NULL
 */
struct vexfs_graph_ops {
	int	(*get)(void *ctx, u32 lblk, bool change, void **data);
	void	(*put)(void *ctx, u32 lblk, bool change, void *data);
	int	(*admit)(void *ctx, u32 id, u32 stamp);
	void	(*fpu)(void *ctx, bool on);
};

/**
 * struct vexfs_graph - an open graph
 * @space:   of the collection
 * @gspace:  of the codes: squared L2 whatever the collection's metric is
 * @mean:    gspace.dim words, padded with zeros to a multiple of 4; the caller's memory
 * @stride, @links, @degree, @per_block, @first, @nrec, @count, @nodes, @trained, @unit, @reach, @entry:
 *	     see struct vexfs_graph_head
 * @stamp, @generation: likewise; whether they are right, the caller knows
 * @recip, @shift: id / per_block is id * recip >> shift
 * @code_at: byte of a record where its struct vexfs_code is
 * @build:   candidates an insertion looks for; twice as many from 16384 vectors on
 */
struct vexfs_graph {
	struct vexfs_space space, gspace;
	const struct vexfs_simd *simd;
	const struct vexfs_graph_ops *ops;
	void	*ctx;
	u32	*mean;
	u32	stride, per_block, links, degree, code_at, first;
	u32	nrec, count, nodes, trained, unit, reach;
	u32	coll, build, shift, generation;
	u64	recip;
	u64	stamp;
	u32	nentries, entry[VEXFS_GRAPH_ENTRIES];
};

/* ---- layout and header (graph.c) ------------------------------------------------ */

/* Elements of a code for @s, and bytes of memory for its table of means. */
u32 vexfs_graph_dim(const struct vexfs_space *s);
static inline size_t vexfs_graph_mean_bytes(const struct vexfs_space *s)
{
	return ((size_t)vexfs_graph_dim(s) + 15) / 16 * 64;
}

/**
 * vexfs_graph_init - a new, empty graph
 * @g:	   to fill; ops, ctx and simd are set by the caller
 * @s:	   valid space of the collection
 * @links: places for links in a record; 0: what suits the dimension. Never more than fit
 * @mean:  vexfs_graph_mean_bytes(), 64-byte aligned; zeroed
 */
void vexfs_graph_init(struct vexfs_graph *g, const struct vexfs_space *s, u32 links, u32 *mean);

/* Blocks of a graph file for ids below @nrec. */
u32 vexfs_graph_blocks(const struct vexfs_graph *g, u32 nrec);

void vexfs_graph_head_write(const struct vexfs_graph *g, struct vexfs_graph_head *h);
/**
 * vexfs_graph_head_read - open a graph
 * @g:	  to fill; ops, ctx and simd are set by the caller
 * @h:	  block 0
 * @s:	  valid space of the collection
 * @coll: its id
 * @mean: as for vexfs_graph_init(); vexfs_graph_means_read() fills it
 *
 * Return: NULL or the failed check. The graph then has to be built anew.
 */
const char *vexfs_graph_head_read(struct vexfs_graph *g, const struct vexfs_graph_head *h,
				  const struct vexfs_space *s, u32 coll, u32 *mean);
/* Block @lblk, 1..first - 1, of the table of means. */
void vexfs_graph_means_write(const struct vexfs_graph *g, struct vexfs_graph_means *m, u32 lblk);
const char *vexfs_graph_means_read(struct vexfs_graph *g, const struct vexfs_graph_means *m, u32 lblk);

/* Checksums of every record of a block, before it is written. */
void vexfs_graph_block_seal(const struct vexfs_graph *g, u32 lblk, void *data);
/**
 * vexfs_graph_block_check - a block as it was read from disk
 * A record that is damaged becomes free: the graph loses it, and the caller may insert it again.
 *
 * Return: records that were lost.
 */
u32 vexfs_graph_block_check(const struct vexfs_graph *g, u32 lblk, void *data);

/* ---- after reading (graph_sweep.c) -------------------------------------------------- */

/* Memory for it: four bytes and a bit for each id. 4-byte aligned. */
size_t vexfs_graph_sweep_bytes(const struct vexfs_graph *g);
/**
 * vexfs_graph_sweep - free the records that no search can reach
 * Every block has been through vexfs_graph_block_check(). count and nodes become what they are. The caller inserts the
 * vectors again that have no record then.
 *
 * Return: records that were freed.
 */
u32 vexfs_graph_sweep(struct vexfs_graph *g, void *mem);
/* Is there a record of @id? *@stamp: low half of v_stamp of its vector. */
bool vexfs_graph_record(struct vexfs_graph *g, u32 id, u32 *stamp);

/* ---- statistics (graph_space.c) --------------------------------------------------- */

/**
 * struct vexfs_graph_train - mean, unit and reach of a sample
 * @g:	 the graph, still empty; its mean, unit and reach are set at the end
 * @tmp: gspace.dim words
 */
struct vexfs_graph_train {
	struct vexfs_graph *g;
	u32	*tmp;
};
/* Add one of some hundreds or thousands of vectors, dim finite words. Any order; the first settles the unit. */
void vexfs_graph_train_add(struct vexfs_graph_train *t, const u32 *f32);
void vexfs_graph_train_end(struct vexfs_graph_train *t);

/* ---- work memory (graph.c) -------------------------------------------------------- */

/**
 * struct vexfs_graph_work - memory of one call at a time
 * @pool:  nearest so far, ascending: key << 32 | seen << 31 | id
 * @cap:   places in @pool; @npool: in use; @next: the first whose links were not followed
 * @table: hash of the ids met; @tbits: log2 of its places, @bits: of those this walk uses, @met: ids in it
 * @budget: records that may still be compared
 * @query: the prepared query; @from: a record as a query
 * @tmp:   elements of a folded vector
 * @ids, @lblk, @data, @rec, @keys: the records that are compared, @limit: distances below which they are dropped
 * @heir:  links of a record that is removed, @near: those that may point to it
 */
struct vexfs_graph_work {
	u64	*pool;
	u32	cap, npool, next;
	u32	*table, tbits, bits, met, budget;
	struct vexfs_query query, from;
	u32	*tmp;
	u32	ids[256], keys[256], limit[256], lblk[256], heir[65], near[256];
	void	*data[256];
	const struct vexfs_code *rec[256];
};

/* @pool: candidates at most, @met: ids a walk may meet. Rounded up to a power of two. */
size_t vexfs_graph_work_bytes(const struct vexfs_graph *g, u32 pool, u32 met);
/* @mem: vexfs_graph_work_bytes() bytes, 64-byte aligned. */
void vexfs_graph_work_init(struct vexfs_graph_work *w, const struct vexfs_graph *g, u32 pool, u32 met, void *mem);

/* ---- searching (graph_search.c) ---------------------------------------------------- */

/**
 * struct vexfs_graph_ask - a search
 * @f32:    the query, dim finite words; under the cosine not zero
 * @ef:	    candidates the walk keeps: effort, at least @want
 * @want:   admitted results to return, for a rerank by the caller
 * @need:   widen until so many were admitted, or the budget ends; 0: never widen
 * @budget: records that may be compared; 0: as many as the work memory holds
 */
struct vexfs_graph_ask {
	const u32 *f32;
	u32	ef, want, need, budget;
};

/**
 * struct vexfs_graph_reply
 * @n:	      results, ascending by the codes' distance
 * @compared: records compared
 * @expanded: records whose links were followed
 * @ef:	      the effort it ended with
 * @complete: false: the budget or the work memory ended, fewer than need were found, and there may be more
 */
struct vexfs_graph_reply {
	u32	n, compared, expanded, ef;
	bool	complete;
};

/**
 * vexfs_graph_search - nearest vectors by their codes
 * @out: want entries. Keys are those of gspace, for ordering only
 *
 * Return: 0, -EDOM for a query outside the space, or what ops->admit returned.
 */
int vexfs_graph_search(struct vexfs_graph *g, struct vexfs_graph_work *w, const struct vexfs_graph_ask *ask,
		       struct vexfs_cand *out, struct vexfs_graph_reply *reply);

/* ---- changing (graph_insert.c, graph_remove.c) --------------------------------------- */

/**
 * vexfs_graph_insert - add a vector
 * @w:	   its candidates and ids may be few: the links are then chosen among fewer
 * @id:	   its slot, without a record so far; blocks up to it exist, and those without content have been
 *	   through vexfs_graph_block_check()
 * @stamp: low half of v_stamp
 * @f32:   dim finite words
 *
 * Return: 0; -EDOM: cannot be in a graph, keep scanning it; -EEXIST; an error of ops->get, nothing or only some
 * of the links were made then, and the graph is still sound.
 */
int vexfs_graph_insert(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 stamp, const u32 *f32);

/**
 * vexfs_graph_remove - take a vector out, joining its neighbours with each other
 * Return: 0, -ENOENT, or an error of ops->get.
 */
int vexfs_graph_remove(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id);

/* Choose entry points anew, spread over the graph. Insertions do it as the graph grows. */
void vexfs_graph_entries(struct vexfs_graph *g, struct vexfs_graph_work *w);

/* ---- planning (graph_plan.c) ------------------------------------------------------------ */

enum vexfs_plan { VEXFS_PLAN_SCAN, VEXFS_PLAN_WALK, VEXFS_PLAN_WIDEN };

/**
 * struct vexfs_plan_ask - what is known before a search
 * @total:   vectors in the graph
 * @match:   of them, an estimate of those that pass the filter
 * @k, @ef:  results and effort asked for
 */
struct vexfs_plan_ask {
	u32	total, match, k, ef;
};

/**
 * vexfs_graph_plan - scan what matches, or walk the graph
 * @ef:	    to give to vexfs_graph_search()
 * @budget: likewise: a walk that has compared so many should have been a scan
 *
 * Return: VEXFS_PLAN_WALK where nearly everything matches, VEXFS_PLAN_WIDEN where a walk must look at several
 * vectors for each that passes, VEXFS_PLAN_SCAN where that would cost more than comparing all that match.
 */
enum vexfs_plan vexfs_graph_plan(const struct vexfs_plan_ask *ask, u32 *ef, u32 *budget);

/**
 * struct vexfs_sift_ask - what is known of a filter before a search
 * @n:	    vectors that the filter is about
 * @asked:  a sample of them; @passed: those of it that pass
 * @window: candidates wanted
 * @most:   candidates that there is room for
 */
struct vexfs_sift_ask {
	u32	n, asked, passed, window, most;
};

/**
 * vexfs_graph_sift - ask the filter of the nearest alone, or of all before anything is compared
 *
 * Return: how many of the nearest are likely to have @window among them that pass, some more for bad luck; 0: too
 * few pass, or the sample is too small to tell, and asking all first is cheaper.
 */
u32 vexfs_graph_sift(const struct vexfs_sift_ask *ask);

#endif /* VEXFS_CORE_GRAPH_H */
