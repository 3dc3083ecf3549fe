/* SPDX-License-Identifier: GPL-2.0 */
/* The graph of a collection in memory: index.c (it), absorb.c (the worker), walk.c (searches). */
#ifndef VEXFS_KMOD_VEC_INDEX_H
#define VEXFS_KMOD_VEC_INDEX_H

#include "kmod/vec/vec.h"
#include "core/graph.h"

/**
 * struct vexfs_index_pages - where the blocks of records are
 * @older: what it replaced: a search may still use it, so it goes with the graph
 * @n:	   entries of @page; NULL: no record in it yet
 */
struct vexfs_index_pages {
	struct vexfs_index_pages *older;
	u32	n;
	void	*page[];
};

/**
 * struct vexfs_index - the graph of a collection
 * @ref:     coll->index, the worker during a turn, every search that walks it
 * @work:    the worker's graph; nobody else looks at it
 * @mean:    of @work and @shown, settled before anybody sees the graph
 * @w, @mem: the worker's memory of core
 * @raw, @f32: one vector, as stored and unpacked
 * @npages:  pages of records, for the limit
 * @lock:    @shown, @pages; innermost
 * @shown:   @work after its last whole change: searches copy it
 * @pages:   the present one; the worker replaces it, under @lock
 *
 * The rest is under coll->lock:
 * @node:    slots that have a record
 * @clean:   of those, which record is of the slot's present vector; never of a slot that is not live
 * @skip:    slots whose present vector cannot be in the graph
 * @nbits:   slots these three are for
 * @nclean, @nnode: bits set
 * @busy:    the slot the worker inserts; @touched: it has changed since
 * @idle:    times memory was wanted back since a search used it, in pages
 */
struct vexfs_index {
	refcount_t		ref;
	struct vexfs_graph	work;
	u32			*mean;
	struct vexfs_graph_work	*w;
	void			*mem;
	void			*raw;
	u32			*f32;
	u32			npages;
	spinlock_t		lock;
	struct vexfs_graph	shown;
	struct vexfs_index_pages *pages;

	unsigned long		*node, *clean, *skip;
	u32			nbits, nclean, nnode;
	u32			busy;
	bool			touched;
	atomic_long_t		idle;
};

/* index.c */
bool vexfs_index_may(const struct vexfs_coll *coll);
bool vexfs_index_wanted(const struct vexfs_coll *coll);
struct vexfs_index *vexfs_index_get(struct vexfs_coll *coll);
void vexfs_index_put(struct vexfs_index *idx);
struct vexfs_index *vexfs_index_create(struct vexfs_coll *coll);
/* It is the collection's graph from now on; takes over the reference. */
void vexfs_index_attach(struct vexfs_coll *coll, struct vexfs_index *idx);
/* It is not any more. Return: pages that will be free when the last has put it. */
u32 vexfs_index_detach(struct vexfs_coll *coll);
int vexfs_index_room(struct vexfs_coll *coll, struct vexfs_index *idx);
int vexfs_index_page(struct vexfs_index *idx, u32 slot);

/* core's way to the records: ctx is a struct vexfs_index_at. */
struct vexfs_index_at {
	struct vexfs_index_pages *pages;
	u32			first, calls;
	bool			killed;
};
int vexfs_index_block(void *ctx, u32 lblk, bool change, void **data);
void vexfs_index_fpu(void *ctx, bool on);

/* absorb.c */
void vexfs_index_work(struct work_struct *work);

#endif /* VEXFS_KMOD_VEC_INDEX_H */
