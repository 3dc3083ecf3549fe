// SPDX-License-Identifier: GPL-2.0
/*
 * The graph of a collection, in memory: what core/graph.h walks, in pages of its own.
 *
 * It is derived: the first search of a collection that is large enough has a worker read
 * it from the disk (restore.c) or build it (absorb.c), and until a slot has been absorbed
 * searches look at its code (walk.c). So it may be given up at any moment: when memory is
 * short, with the collection, at unmount. Nobody who sets or deletes waits for it.
 *
 * Locking. coll->index and the three bitmaps are under coll->lock, where sets and
 * deletes change slots: a bit of @clean goes in the same moment as the slot. The worker
 * alone changes records, without a lock, while searches walk them. They may, because
 * nothing in a record is trusted, and because at every moment
 *
 *	- a page once in pages->page[] stays until the last reference to the graph is put,
 *	- ids and degrees in records are below those bounds that core checks again.
 *
 * A search that meets a half-made record sees a wrong distance or lacks a link; its
 * candidates are measured by their payload, whatever the graph said. What a search must
 * find is published the other way round: the worker makes the record, then copies its
 * struct vexfs_graph to @shown under idx->lock, then sets the bit in @clean under
 * coll->lock. A search copies @clean first and @shown after it: a slot it takes for
 * absorbed has been reachable in the graph it walks. Pages are published by
 * smp_store_release() and read by smp_load_acquire().
 *
 * Lock order: sbi->vec_lock, coll->lock, idx->lock; innermost.
 */
#include "kmod/vec/index.h"
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>

static unsigned int graph_min = 2000;
module_param(graph_min, uint, 0644);
MODULE_PARM_DESC(graph_min, "embeddings from which on searches use a graph (2000; 0: never)");

static unsigned int graph_memory;
module_param(graph_memory, uint, 0644);
MODULE_PARM_DESC(graph_memory, "KiB that all graphs together may take (0: an eighth of the memory)");

#define VEXFS_INDEX_AGAIN	(60 * HZ)	/* after it was given up for want of memory */
#define VEXFS_INDEX_SOON	(HZ / 50)	/* sets come in groups */
#define VEXFS_INDEX_POOL	256		/* candidates of an insertion, with room for those of a large graph */
#define VEXFS_INDEX_MET		32768		/* records one meets */

/* Pages of records of all graphs of all filesystems. */
static atomic_long_t vexfs_index_pages = ATOMIC_LONG_INIT(0);

static bool vexfs_index_full(void)
{
	unsigned long limit = (unsigned long)READ_ONCE(graph_memory) << 10 >> PAGE_SHIFT;

	return atomic_long_read(&vexfs_index_pages) >= (long)(limit ?: totalram_pages() / 8);
}

/* Is there memory to build one? */
bool vexfs_index_may(const struct vexfs_coll *coll)
{
	return !vexfs_index_full() && time_after_eq64(get_jiffies_64(), READ_ONCE(coll->index_after));
}

/* Are there enough embeddings for a graph? Once it is there, it stays until half are left. */
bool vexfs_index_wanted(const struct vexfs_coll *coll)
{
	u32 min = READ_ONCE(graph_min);

	return min && READ_ONCE(coll->nlive) >= (READ_ONCE(coll->index) ? min / 2 : min);
}

/* ---- access ------------------------------------------------------------------------- */

/* A long walk lets others run, and ends when the task is killed. */
static void vexfs_index_pause(struct vexfs_index_at *at)
{
	cond_resched();
	if (fatal_signal_pending(current))
		at->killed = true;
}

/* struct vexfs_graph_ops.get: never in an FPU section, no lock held. */
int vexfs_index_block(void *ctx, u32 lblk, bool change, void **data)
{
	struct vexfs_index_at *at = ctx;
	u32 i = lblk - at->first;

	if (!(++at->calls % 1024))
		vexfs_index_pause(at);
	if (at->killed)
		return -EINTR;
	/* Pairs with the release of a new page: its records are there, all free. */
	*data = i < at->pages->n ? smp_load_acquire(&at->pages->page[i]) : NULL;
	return *data ? 0 : -ENOENT;
}

/* struct vexfs_graph_ops.put of the worker. */
void vexfs_index_changed_block(void *ctx, u32 lblk, bool change, void *data)
{
	struct vexfs_index_at *at = ctx;

	if (!change)
		return;
	__set_bit(lblk - at->first, at->idx->dirty);
	WRITE_ONCE(at->idx->changed, true);
}

void vexfs_index_show(struct vexfs_index *idx)
{
	spin_lock(&idx->lock);
	idx->shown = idx->work;
	spin_unlock(&idx->lock);
}

/* One expanded node at a time: core/graph.h. */
void vexfs_index_fpu(void *ctx, bool on)
{
	vexfs_simd_fpu(on);
}

/* ---- memory --------------------------------------------------------------------------- */

static void vexfs_index_pages_free(struct vexfs_index *idx)
{
	struct vexfs_index_pages *p = idx->pages, *older;
	u32 i;

	for (i = 0; p && i < p->n; i++)
		free_page((unsigned long)p->page[i]);
	atomic_long_sub(idx->npages, &vexfs_index_pages);
	for (; p; p = older) {
		older = p->older;
		kvfree(p);
	}
}

static void vexfs_index_bits_free(struct vexfs_index *idx)
{
	kvfree(idx->dirty);
	kvfree(idx->node);
	kvfree(idx->clean);
	kvfree(idx->skip);
}

/* Any context that may sleep; no locks needed. */
void vexfs_index_put(struct vexfs_index *idx)
{
	if (!idx || !refcount_dec_and_test(&idx->ref))
		return;
	vexfs_index_pages_free(idx);
	vexfs_index_bits_free(idx);
	kvfree(idx->mean);
	kvfree(idx->mem);
	kvfree(idx->w);
	kvfree(idx->raw);
	kvfree(idx->f32);
	kfree(idx);
}

/* The collection's graph, counted; NULL: it has none (yet). Takes coll->lock. */
struct vexfs_index *vexfs_index_get(struct vexfs_coll *coll)
{
	struct vexfs_index *idx;

	spin_lock(&coll->lock);
	idx = coll->index;
	if (idx)
		refcount_inc(&idx->ref);
	spin_unlock(&coll->lock);
	return idx;
}

void vexfs_index_attach(struct vexfs_coll *coll, struct vexfs_index *idx)
{
	spin_lock(&coll->lock);
	WRITE_ONCE(coll->index, idx);
	spin_unlock(&coll->lock);
}

u32 vexfs_index_detach(struct vexfs_coll *coll)
{
	struct vexfs_index *idx;
	u32 n = 0;

	spin_lock(&coll->lock);
	idx = coll->index;
	WRITE_ONCE(coll->index, NULL);
	spin_unlock(&coll->lock);
	if (idx)
		n = READ_ONCE(idx->npages);
	vexfs_index_put(idx);
	return n;
}

/* Memory of core, and for one vector. */
static int vexfs_index_buffers(struct vexfs_index *idx, const struct vexfs_space *s)
{
	size_t bytes;

	idx->mean = kvzalloc(vexfs_graph_mean_bytes(s) + 64, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	idx->w = kvmalloc(sizeof(*idx->w), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	idx->raw = kvmalloc(vexfs_vec_bytes(s), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	idx->f32 = kvmalloc_array(s->dim, sizeof(u32), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!idx->mean || !idx->w || !idx->raw || !idx->f32)
		return -ENOMEM;
	vexfs_graph_init(&idx->work, s, 0, PTR_ALIGN(idx->mean, 64));
	bytes = vexfs_graph_work_bytes(&idx->work, VEXFS_INDEX_POOL, VEXFS_INDEX_MET) + 64;
	idx->mem = kvmalloc(bytes, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!idx->mem)
		return -ENOMEM;
	vexfs_graph_work_init(idx->w, &idx->work, VEXFS_INDEX_POOL, VEXFS_INDEX_MET, PTR_ALIGN(idx->mem, 64));
	return 0;
}

/* An empty graph; ERR_PTR. The worker. */
struct vexfs_index *vexfs_index_create(struct vexfs_coll *coll)
{
	struct vexfs_index *idx = kzalloc(sizeof(*idx), GFP_KERNEL);
	int err = -ENOMEM;

	if (!idx)
		return ERR_PTR(-ENOMEM);
	refcount_set(&idx->ref, 1);
	spin_lock_init(&idx->lock);
	idx->busy = VEXFS_GRAPH_NONE;
	idx->sealed = true;
	err = vexfs_index_buffers(idx, &coll->space);
	if (!err)
		err = vexfs_index_room(coll, idx);
	if (!err)
		return idx;
	vexfs_index_put(idx);
	return ERR_PTR(err);
}

/* Longer bitmaps: @old's bits go into them. coll->lock held. */
static void vexfs_index_bits_move(struct vexfs_index *idx, unsigned long *const new[3], u32 nbits)
{
	u32 words = BITS_TO_LONGS(idx->nbits);

	if (words) {
		memcpy(new[0], idx->node, words * sizeof(long));
		memcpy(new[1], idx->clean, words * sizeof(long));
		memcpy(new[2], idx->skip, words * sizeof(long));
	}
	idx->node = new[0];
	idx->clean = new[1];
	idx->skip = new[2];
	idx->nbits = nbits;
}

/**
 * vexfs_index_room - bitmaps for all slots there are
 * @coll: the worker's
 * @idx:  its graph
 *
 * The worker; takes coll->lock. Return: 0, -ENOMEM.
 */
int vexfs_index_room(struct vexfs_coll *coll, struct vexfs_index *idx)
{
	unsigned long *new[3] = {}, *old[3] = { idx->node, idx->clean, idx->skip };
	u32 nbits = READ_ONCE(coll->nslots), i;
	bool all = true;

	if (nbits <= idx->nbits)
		return 0;
	/* Whole words of what is copied at a time, and some for slots to come. */
	nbits = ALIGN(nbits + nbits / 4, VEXFS_LIVE_BITS);
	for (i = 0; i < 3; i++) {
		new[i] = kvcalloc(BITS_TO_LONGS(nbits), sizeof(long),
				  GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		all = all && new[i];
	}
	if (all) {
		spin_lock(&coll->lock);
		vexfs_index_bits_move(idx, new, nbits);
		spin_unlock(&coll->lock);
	}
	for (i = 0; i < 3; i++)
		kvfree(all ? old[i] : new[i]);
	return all ? 0 : -ENOMEM;
}

/* Nothing is known of what the file has of new blocks. Whole words. */
static int vexfs_index_dirty_room(struct vexfs_index *idx, u32 n)
{
	unsigned long *dirty;

	n = ALIGN(n, BITS_PER_LONG);
	dirty = kvmalloc_array(BITS_TO_LONGS(n), sizeof(long), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!dirty)
		return -ENOMEM;
	bitmap_fill(dirty, n);
	if (idx->ndirty)
		memcpy(dirty, idx->dirty, BITS_TO_LONGS(idx->ndirty) * sizeof(long));
	kvfree(idx->dirty);
	idx->dirty = dirty;
	idx->ndirty = n;
	return 0;
}

/* A longer table of pages; searches that have the old one go on with it. */
static int vexfs_index_table(struct vexfs_index *idx, u32 n)
{
	struct vexfs_index_pages *p, *old = idx->pages;
	u32 have = old ? old->n : 0;

	if (n <= have)
		return 0;
	n = max3(n, 2 * have, idx->nbits / idx->work.per_block + 1);
	if (n > idx->ndirty && vexfs_index_dirty_room(idx, n))
		return -ENOMEM;
	p = kvzalloc(struct_size(p, page, n), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!p)
		return -ENOMEM;
	p->n = n;
	p->older = old;
	if (have)
		memcpy(p->page, old->page, have * sizeof(*p->page));
	spin_lock(&idx->lock);
	idx->pages = p;
	spin_unlock(&idx->lock);
	return 0;
}

/**
 * vexfs_index_page - the page that a record will be in
 * @idx:  the worker's graph
 * @slot: whose record
 *
 * The worker. Without the out-of-memory killer: a graph that cannot grow stays behind.
 * Return: 0, -ENOMEM, -ENOSPC: graphs take as much memory as they may.
 */
int vexfs_index_page(struct vexfs_index *idx, u32 slot)
{
	u32 i = slot / idx->work.per_block;
	int err = vexfs_index_table(idx, i + 1);
	void *page;

	if (err || idx->pages->page[i])
		return err;
	if (vexfs_index_full())
		return -ENOSPC;
	page = (void *)__get_free_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN | __GFP_ZERO);
	if (!page)
		return -ENOMEM;
	vexfs_graph_block_check(&idx->work, idx->work.first + i, page);	/* all free */
	atomic_long_inc(&vexfs_index_pages);
	WRITE_ONCE(idx->npages, idx->npages + 1);
	__set_bit(i, idx->dirty);
	/* Searches may look at once. */
	smp_store_release(&idx->pages->page[i], page);
	return 0;
}

/* ---- what changes ------------------------------------------------------------------------ */

/* Ask the worker to look. The caller has a reference to @coll; any context. It may wait for its next checkpoint. */
void vexfs_index_kick(struct vexfs_coll *coll)
{
	struct workqueue_struct *wq = VEXFS_SB(coll->sb)->vec_wq;

	if (READ_ONCE(coll->index_stop))
		return;
	if (READ_ONCE(coll->index_late) && xchg(&coll->index_late, false))
		mod_delayed_work(wq, &coll->index_work, VEXFS_INDEX_SOON);
	else
		queue_delayed_work(wq, &coll->index_work, VEXFS_INDEX_SOON);
}

void vexfs_index_rebuild(struct vexfs_coll *coll)
{
	WRITE_ONCE(coll->index_rebuild, true);
	WRITE_ONCE(coll->index_after, 0);
	WRITE_ONCE(coll->index_late, true);	/* now, whatever it waits for */
	vexfs_index_kick(coll);
}

/* A search would use a graph: if there is none, it comes. No locks. */
void vexfs_index_want(struct vexfs_coll *coll)
{
	if (!READ_ONCE(coll->index) && vexfs_index_wanted(coll) && vexfs_index_may(coll))
		vexfs_index_kick(coll);
}

/* A slot has been set or freed. coll->lock held. */
void __vexfs_index_changed(struct vexfs_coll *coll, u32 slot)
{
	struct vexfs_index *idx = coll->index;

	if (slot < idx->nbits) {
		if (__test_and_clear_bit(slot, idx->clean))
			idx->nclean--;
		__clear_bit(slot, idx->skip);
	}
	if (slot == idx->busy)
		idx->touched = true;
	vexfs_index_kick(coll);
}

/* ---- beginning and end --------------------------------------------------------------------- */

/* A new collection in memory. */
void vexfs_index_init(struct vexfs_coll *coll)
{
	INIT_DELAYED_WORK(&coll->index_work, vexfs_index_work);
}

/* Nobody has a reference any more, or will; waits for the worker's present embedding. */
void vexfs_index_exit(struct vexfs_coll *coll)
{
	WRITE_ONCE(coll->index_stop, true);
	cancel_delayed_work_sync(&coll->index_work);
	vexfs_index_detach(coll);
}

/* ---- memory is short -------------------------------------------------------------------------- */

/* Only for the machine: graphs are nobody's, so a cgroup's own shortage is not theirs. */
static bool vexfs_index_shrinks(struct shrink_control *sc)
{
#ifdef CONFIG_MEMCG
	return !sc->memcg || !parent_mem_cgroup(sc->memcg);
#else
	return true;
#endif
}

static struct vexfs_index *vexfs_index_of(struct vexfs_sb_info *sbi, int id)
{
	struct vexfs_coll *coll;
	struct vexfs_index *idx = NULL;

	spin_lock(&sbi->vec_lock);
	coll = sbi->coll[id];
	if (coll)
		idx = vexfs_index_get(coll);
	spin_unlock(&sbi->vec_lock);
	return idx;
}

/* For the superblock's shrinker. */
long vexfs_index_count(struct super_block *sb, struct shrink_control *sc)
{
	struct vexfs_index *idx;
	long n = 0;
	int id;

	for (id = 0; id < VEXFS_MAX_COLL && vexfs_index_shrinks(sc); id++) {
		idx = vexfs_index_of(VEXFS_SB(sb), id);
		n += idx ? READ_ONCE(idx->npages) : 0;
		vexfs_index_put(idx);
	}
	return n;
}

/* Is so much asked for since a search used it as it takes? Then it is not the collection's any more. */
static struct vexfs_index *vexfs_index_age(struct vexfs_coll *coll, long nr)
{
	struct vexfs_index *idx;

	spin_lock(&coll->lock);
	idx = coll->index;
	if (idx && !READ_ONCE(idx->saving) && atomic_long_add_return(nr, &idx->idle) >= READ_ONCE(idx->npages)) {
		WRITE_ONCE(coll->index_after, get_jiffies_64() + VEXFS_INDEX_AGAIN);
		WRITE_ONCE(coll->index, NULL);
	} else {
		idx = NULL;
	}
	spin_unlock(&coll->lock);
	return idx;
}

/* For the superblock's shrinker: graphs that searches do not use. Takes spinlocks alone. */
long vexfs_index_shrink(struct super_block *sb, struct shrink_control *sc)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_index *idx;
	long n = 0;
	int id;

	for (id = 0; id < VEXFS_MAX_COLL && vexfs_index_shrinks(sc); id++) {
		spin_lock(&sbi->vec_lock);
		idx = sbi->coll[id] ? vexfs_index_age(sbi->coll[id], sc->nr_to_scan) : NULL;
		spin_unlock(&sbi->vec_lock);
		n += idx ? READ_ONCE(idx->npages) : 0;
		vexfs_index_put(idx);
	}
	return n;
}

/* ---- how it is ------------------------------------------------------------------------------- */

/**
 * vexfs_index_state - all graphs of a filesystem, for sysfs
 * @sbi: the filesystem
 * @out: records, embeddings that wait to be absorbed or removed, bytes of memory, blocks that are not on the disk
 *
 * Takes vec_lock and coll->lock.
 */
void vexfs_index_state(struct vexfs_sb_info *sbi, struct vexfs_index_state *out)
{
	struct vexfs_coll *coll;
	struct vexfs_index *idx;
	int id;

	memset(out, 0, sizeof(*out));
	spin_lock(&sbi->vec_lock);
	for (id = 0; id < VEXFS_MAX_COLL; id++) {
		coll = sbi->coll[id];
		if (!coll)
			continue;
		spin_lock(&coll->lock);
		idx = coll->index;
		if (idx) {
			out->records += idx->nclean;
			out->backlog += coll->nlive - idx->nclean + idx->nnode - idx->nclean;
			out->bytes += (u64)READ_ONCE(idx->npages) << PAGE_SHIFT;
			out->unsaved += READ_ONCE(idx->unsaved);
		}
		spin_unlock(&coll->lock);
	}
	spin_unlock(&sbi->vec_lock);
}
