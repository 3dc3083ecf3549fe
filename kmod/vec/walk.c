// SPDX-License-Identifier: GPL-2.0
/*
 * A search through the graph: which slots its round looks at.
 *
 * Those are what the walk found and, exactly, all that the graph has not absorbed.
 * They go the way of a scan's slots from there: by their codes into the candidates,
 * judged, measured in full precision (scan.c, search.c). If fewer than k come out of
 * it and there are more, the search scans.
 *
 * A walk goes by way of all vectors in the graph. Through vectors of files that the
 * caller may not open, its length, and whether it has to be widened, would tell where
 * those are (docs/design.md). So a walk is for those who may open everything that
 * is in the collection, below the scope of this search, and for those whom no permission
 * keeps out (CAP_DAC_READ_SEARCH in the filesystem's user namespace). Everybody else
 * has a scan of what they may open. Which of the two tells whether there is something
 * hidden in the collection, as its time always has, and nothing more.
 *
 * Locking: coll->lock and idx->lock for copies; index.c has the order of publication.
 */
#include "kmod/vec/search.h"
#include "kmod/vec/index.h"
#include <linux/capability.h>

#define VEXFS_WALK_WIDEN	8	/* times the effort that a walk may widen to */
#define VEXFS_WALK_MET		128	/* records met for each candidate kept, at most */

/* ---- before it is known what the caller may have ------------------------------------------- */

void vexfs_walk_end(struct vexfs_find *f)
{
	kvfree(f->walk.all);
	kvfree(f->walk.look);
	vexfs_index_put(f->walk.index);
	memset(&f->walk, 0, sizeof(f->walk));
}

/* Slots from @first on. Takes coll->lock. Return: whether there are more. */
static bool vexfs_walk_copy(struct vexfs_find *f, u32 first)
{
	struct vexfs_coll *coll = f->coll;
	struct vexfs_index *idx = f->walk.index;
	u32 i, end = BIT_WORD(min(f->walk.nbits, first + VEXFS_LIVE_BITS));

	spin_lock(&coll->lock);
	end = min_t(u32, end, BITS_TO_LONGS(coll->nslots));
	for (i = BIT_WORD(first); i < end; i++) {
		unsigned long live = coll->bits.live[i], node = 0, clean = 0;

		if (i < BITS_TO_LONGS(idx->nbits)) {
			node = idx->node[i];
			clean = idx->clean[i];
		}
		f->walk.all[i] = live | node;
		f->walk.look[i] = live & ~clean;
		f->walk.reused |= live & node & ~clean;
	}
	spin_unlock(&coll->lock);
	return first + VEXFS_LIVE_BITS < f->walk.nbits;
}

/**
 * vexfs_walk_begin - is there a graph, and what has it not absorbed?
 * @f: f->mark has been taken
 *
 * Return: 0, also without a graph (f->walk.index), or -ENOMEM.
 */
int vexfs_walk_begin(struct vexfs_find *f)
{
	u32 first = 0;

	vexfs_walk_end(f);
	if (f->flat || (f->flags & VEXFS_SEARCH_EXACT))
		return 0;
	vexfs_index_want(f->coll);
	f->walk.index = vexfs_index_get(f->coll);
	if (!f->walk.index)
		return 0;
	atomic_long_set(&f->walk.index->idle, 0);
	f->walk.nbits = ALIGN(READ_ONCE(f->coll->nslots), VEXFS_LIVE_BITS);
	f->walk.all = kvcalloc(BITS_TO_LONGS(f->walk.nbits), sizeof(long), GFP_KERNEL_ACCOUNT);
	f->walk.look = kvcalloc(BITS_TO_LONGS(f->walk.nbits), sizeof(long), GFP_KERNEL_ACCOUNT);
	if (!f->walk.all || !f->walk.look)
		return -ENOMEM;
	while (vexfs_walk_copy(f, first)) {
		first += VEXFS_LIVE_BITS;
		cond_resched();
	}
	return 0;
}

/* ---- walk or scan? ---------------------------------------------------------------------------- */

/* May vectors be compared that are not below the scope, or of files removed since? */
static bool vexfs_walk_may(const struct vexfs_find *f)
{
	if (!f->permitted.hidden && !f->walk.reused)
		return true;
	return ns_capable_noaudit(f->coll->sb->s_user_ns, CAP_DAC_READ_SEARCH);
}

/* f->walk.look becomes those that are permitted. Return: how many they are. */
static u32 vexfs_walk_waiting(struct vexfs_find *f)
{
	u32 i, n = 0, words = BITS_TO_LONGS(min(f->walk.nbits, ALIGN(f->permitted.nslots, VEXFS_LIVE_BITS)));

	for (i = 0; i < words; i++) {
		f->walk.look[i] &= f->permitted.bits[i];
		n += hweight_long(f->walk.look[i]);
	}
	for (; i < BITS_TO_LONGS(f->walk.nbits); i++)
		f->walk.look[i] = 0;
	return n;
}

/* The snapshot of the graph that this search walks. Takes idx->lock. */
static void vexfs_walk_graph(struct vexfs_index *idx, struct vexfs_graph *g, struct vexfs_index_at *at)
{
	spin_lock(&idx->lock);
	*g = idx->shown;
	at->pages = idx->pages;
	spin_unlock(&idx->lock);
	at->first = g->first;
}

/*
 * Where the nearest do not match, a walk that ends with k that do has found some
 * of them at the edge of what it kept: it widens until it has half a window.
 */
static bool vexfs_walk_plan(struct vexfs_find *f, const struct vexfs_graph *g, u32 window, struct vexfs_graph_ask *ask)
{
	struct vexfs_plan_ask plan = { .total = g->count, .k = f->k, .ef = window };
	u32 waiting = vexfs_walk_waiting(f);

	f->walk.waiting = waiting;
	if (!g->count || f->permitted.truncated || !vexfs_walk_may(f))
		return false;
	plan.match = f->permitted.n - min(waiting, f->permitted.n);
	ask->f32 = f->query.f32;
	ask->want = window;
	ask->need = min(max(f->k, window / 2), plan.match);
	/* A scan of half of them is no longer worth a walk through the rest. */
	if (waiting <= plan.match)
		f->walk.plan = vexfs_graph_plan(&plan, &ask->ef, &ask->budget);
	return f->walk.plan != VEXFS_PLAN_SCAN;
}

/* ---- the walk ------------------------------------------------------------------------------------- */

/**
 * struct vexfs_walker - core's context of one search
 * @at: must be the first: index.c knows it alone
 * @f:  the search
 * @g:  its copy of the graph
 * @w:  memory of the walk
 */
struct vexfs_walker {
	struct vexfs_index_at	at;
	struct vexfs_find	*f;
	struct vexfs_graph	g;
	struct vexfs_graph_work	w;
};

/* Unabsorbed slots are looked at in any case; a record may be of what was in them before. */
static int vexfs_walk_admit(void *ctx, u32 id, u32 stamp)
{
	const struct vexfs_find *f = ((struct vexfs_walker *)ctx)->f;

	return id < f->permitted.nslots && id < f->walk.nbits && test_bit(id, f->permitted.bits) &&
	       !test_bit(id, f->walk.look);
}

static const struct vexfs_graph_ops vexfs_walk_ops = {
	.get = vexfs_index_block,
	.admit = vexfs_walk_admit,
	.fpu = vexfs_index_fpu,
};

/* Room for what it may widen to. */
static void *vexfs_walk_memory(struct vexfs_walker *k, const struct vexfs_graph_ask *ask)
{
	u32 pool = min(max(ask->ef, ask->want) * VEXFS_WALK_WIDEN, max(k->g.nodes, ask->want));
	u32 met = min(k->g.nodes, ask->ef * VEXFS_WALK_MET) + VEXFS_GRAPH_MAX_LINKS;
	void *mem = kvmalloc(vexfs_graph_work_bytes(&k->g, pool, met) + 64, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (mem)
		vexfs_graph_work_init(&k->w, &k->g, pool, met, PTR_ALIGN(mem, 64));
	return mem;
}

/* What it found goes into f->walk.look. 1: enough; 0: scan. */
static int vexfs_walk_go(struct vexfs_walker *k, const struct vexfs_graph_ask *ask)
{
	struct vexfs_find *f = k->f;
	struct vexfs_graph_reply reply;
	void *mem = vexfs_walk_memory(k, ask);
	int err = -ENOMEM;
	u32 i;

	if (mem)
		err = vexfs_graph_search(&k->g, &k->w, ask, f->heap, &reply);
	kvfree(mem);
	if (k->at.killed)
		return -EINTR;
	if (err)
		return err == -EDOM ? 0 : err;
	f->distances += reply.compared;
	for (i = 0; i < reply.n; i++)
		__set_bit(f->heap[i].id, f->walk.look);
	return reply.n >= ask->need;
}

/**
 * vexfs_walk_find - the slots that the first round is to look at, if a walk is the way
 * @f: it is known what the caller may have; f->heap has room for @window
 * @window: candidates wanted
 *
 * No locks held. Return: 1: they are in f->walk.look; 0: scan; -EINTR, -ENOMEM.
 */
int vexfs_walk_find(struct vexfs_find *f, u32 window)
{
	struct vexfs_walker *k;
	struct vexfs_graph_ask ask = {};
	int ret = 0;

	f->walk.plan = VEXFS_PLAN_SCAN;
	if (!f->walk.index)
		return 0;
	k = kvmalloc(sizeof(*k), GFP_KERNEL_ACCOUNT);
	if (!k)
		return -ENOMEM;
	memset(&k->at, 0, sizeof(k->at));
	k->f = f;
	vexfs_walk_graph(f->walk.index, &k->g, &k->at);
	k->g.ops = &vexfs_walk_ops;
	k->g.ctx = k;
	if (vexfs_walk_plan(f, &k->g, window, &ask))
		ret = vexfs_walk_go(k, &ask);
	kvfree(k);
	return ret;
}
