/* SPDX-License-Identifier: GPL-2.0 */
/* The graph of a collection in memory: index.c (it), absorb.c (the worker), walk.c (searches). On disk: graphfile.h. */
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
 * @dirty:   blocks of records that the file does not have as they are, @ndirty bits; the worker's, as are:
 * @changed: since the last checkpoint
 * @saving:  a checkpoint is under way, since @save_began; read anywhere
 * @sealed:  the header in the file may say that there is a graph
 * @partial: only a part of the file was brought in, for want of memory: it is not written
 * @unsaved: bits in @dirty, for sysfs
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

	unsigned long		*dirty;
	u32			ndirty, unsaved;
	bool			changed, saving, sealed, partial;
	u64			save_began;

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
	struct vexfs_index	*idx;		/* the worker's; NULL: a search */
	u32			first, calls;
	bool			killed;
};
int vexfs_index_block(void *ctx, u32 lblk, bool change, void **data);
void vexfs_index_changed_block(void *ctx, u32 lblk, bool change, void *data);
void vexfs_index_fpu(void *ctx, bool on);
/* What the worker has changed can be walked from now on. */
void vexfs_index_show(struct vexfs_index *idx);

/* absorb.c */
void vexfs_index_work(struct work_struct *work);
/* The worker is to stop. */
bool vexfs_index_stopped(const struct vexfs_coll *coll);
/* What core needs from the worker. */
void vexfs_index_engine(const struct vexfs_coll *coll, struct vexfs_index *idx);

/* save.c */
void vexfs_save_note(struct vexfs_index *idx);
int vexfs_save_forget(struct vexfs_coll *coll);
void vexfs_save_turn(struct vexfs_coll *coll, struct vexfs_index *idx);
bool vexfs_save_due(const struct vexfs_coll *coll, const struct vexfs_index *idx, bool busy);
unsigned long vexfs_save_wait(struct vexfs_coll *coll);

/* restore.c */
int vexfs_restore(struct vexfs_coll *coll);

#endif /* VEXFS_KMOD_VEC_INDEX_H */
