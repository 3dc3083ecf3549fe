// SPDX-License-Identifier: GPL-2.0
/*
 * After a mount: a graph is read from its file.
 *
 * Nothing in the file is trusted. Header, means and records have checksums; a record that
 * does not verify is lost, and so are those that no search can reach without it
 * (core/graph_sweep.c): the worker inserts their vectors again. A record counts as absorbed
 * only if its slot holds the vector it was made of, which the stamp tells: the low half of
 * v_stamp is in the record, and the header is above all stamps that had a record. Whatever
 * was set or deleted since the checkpoint, also by a kernel that does not know graphs, is thus
 * found out slot by slot: searches scan it, and the worker absorbs it.
 *
 * Locking: the worker alone; index.c has the order of publication. The graph is attached
 * before slots are compared, so a set or delete in between is seen by one of the two.
 */
#include "kmod/vec/graphfile.h"

/**
 * struct vexfs_restore - a graph being read
 * @coll:  of which collection
 * @idx:   what has been read of it
 * @at:	   core's way to the pages
 * @lost:  records that were damaged
 * @page:  one block
 */
struct vexfs_restore {
	struct vexfs_coll	*coll;
	struct vexfs_index	*idx;
	struct vexfs_index_at	at;
	u32			lost;
	void			*page;
};

/* ---- header and means ------------------------------------------------------------------ */

static bool vexfs_restore_blank(const void *page)
{
	return !memchr_inv(page, 0, VEXFS_BLOCK_SIZE);
}

static const char *vexfs_restore_check(struct vexfs_restore *r)
{
	const struct vexfs_graph *g = &r->idx->work;

	if (g->generation != r->coll->graph.inode->i_generation || !g->stamp)
		return "header of another file";
	if (g->nrec > min(READ_ONCE(r->coll->nslots), r->idx->nbits))
		return "more records than slots";
	if (vexfs_graph_blocks(g, g->nrec) > vexfs_extmap_blocks(&r->coll->graph))
		return "more records than blocks";
	return NULL;
}

/* 0; -ENODATA: there is none; -EILSEQ: damaged, *@why; other errors. */
static int vexfs_restore_head(struct vexfs_restore *r, const char **why)
{
	struct vexfs_index *idx = r->idx;
	u32 lblk;
	int err = vexfs_graphio_one(r->coll, REQ_OP_READ, 0, r->page);

	if (err)
		return err;
	if (vexfs_restore_blank(r->page))
		return -ENODATA;
	*why = vexfs_graph_head_read(&idx->work, r->page, &r->coll->space, r->coll->id, PTR_ALIGN(idx->mean, 64));
	if (!*why)
		*why = vexfs_restore_check(r);
	vexfs_index_engine(r->coll, idx);
	for (lblk = 1; !*why && lblk < idx->work.first; lblk++) {
		err = vexfs_graphio_one(r->coll, REQ_OP_READ, lblk, r->page);
		if (err)
			return err;
		*why = vexfs_graph_means_read(&idx->work, r->page, lblk);
	}
	return *why ? -EILSEQ : 0;
}

/* ---- records ------------------------------------------------------------------------------ */

/* Blocks of records from @i on, @n of them, for which there are pages. */
static int vexfs_restore_part(struct vexfs_restore *r, u32 i, u32 n)
{
	struct vexfs_index *idx = r->idx;
	struct vexfs_graphio io;
	int err, err2;
	u32 k, lost;

	vexfs_graphio_begin(&io);
	err = vexfs_graphio_add(r->coll, &io, REQ_OP_READ, idx->work.first + i, idx->pages->page + i, n);
	err2 = vexfs_graphio_end(&io);
	err = err ? err : err2;
	/* An unreadable block among them: each by itself. */
	for (k = 0; k < n; k++) {
		void *page = idx->pages->page[i + k];

		if (err && vexfs_graphio_one(r->coll, REQ_OP_READ, idx->work.first + i + k, page))
			memset(page, 0xff, VEXFS_BLOCK_SIZE);
		lost = vexfs_graph_block_check(&idx->work, idx->work.first + i + k, page);
		if (!lost)
			__clear_bit(i + k, idx->dirty);
		r->lost += lost;
	}
	return vexfs_is_shutdown(r->coll->sb) ? -EIO : 0;
}

/* As many as memory is allowed for. */
static int vexfs_restore_records(struct vexfs_restore *r)
{
	struct vexfs_index *idx = r->idx;
	u32 end = vexfs_graph_blocks(&idx->work, idx->work.nrec) - idx->work.first, i, n;
	int err = 0;

	for (i = 0; i < end && !err; i += n) {
		if (vexfs_index_stopped(r->coll))
			return -EINTR;
		for (n = 0; n < VEXFS_GRAPHIO && i + n < end && !err; n++)
			err = vexfs_index_page(idx, (i + n) * idx->work.per_block);
		n -= err != 0;
		if (err == -ENOSPC) {
			idx->partial = true;
			end = i + n;
			err = 0;
		}
		if (!err && n)
			err = vexfs_restore_part(r, i, n);
		cond_resched();
	}
	return err;
}

/* Which records there are, and that all of them can be reached. */
static int vexfs_restore_sweep(struct vexfs_restore *r)
{
	struct vexfs_graph *g = &r->idx->work;
	void *mem = kvmalloc(vexfs_graph_sweep_bytes(g), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	u32 id, stamp, swept;

	if (!mem)
		return -ENOMEM;
	r->at.pages = r->idx->pages;
	r->at.first = g->first;
	r->at.idx = r->idx;
	g->ctx = &r->at;
	swept = vexfs_graph_sweep(g, mem);
	kvfree(mem);
	for (id = 0; id < g->nrec; id++)
		if (vexfs_graph_record(g, id, &stamp)) {
			__set_bit(id, r->idx->node);
			r->idx->nnode++;
		}
	r->idx->changed = r->lost || swept;
	if (r->lost)
		vexfs_warn(r->coll->sb, "collection %s: %u records of its graph were damaged, %u hung on them; they are made anew",
			   vexfs_coll_label(r->coll), r->lost, swept);
	return 0;
}

/* ---- slots ------------------------------------------------------------------------------------ */

/* Those of one block of the slot table. */
static void vexfs_restore_block(struct vexfs_restore *r, u32 first)
{
	struct vexfs_index *idx = r->idx;
	struct vexfs_coll *coll = r->coll;
	u32 stamp[VEXFS_SLOTS_PER_BLOCK], i;
	DECLARE_BITMAP(has, VEXFS_SLOTS_PER_BLOCK);
	struct buffer_head *bh;
	struct vexfs_slot *s;

	bitmap_zero(has, VEXFS_SLOTS_PER_BLOCK);
	for (i = 0; i < VEXFS_SLOTS_PER_BLOCK; i++)
		if (vexfs_graph_record(&idx->work, first + i, &stamp[i]))
			__set_bit(i, has);
	if (bitmap_empty(has, VEXFS_SLOTS_PER_BLOCK))
		return;
	bh = vexfs_slot_read(coll, first, &s);
	if (IS_ERR(bh))
		return;
	spin_lock(&coll->lock);
	for_each_set_bit(i, has, VEXFS_SLOTS_PER_BLOCK) {
		u64 now = le64_to_cpu(s[i].v_stamp);

		if (!test_bit(first + i, coll->bits.live) || (u32)now != stamp[i] || now >= idx->work.stamp)
			continue;
		if (!__test_and_set_bit(first + i, idx->clean))
			idx->nclean++;
	}
	spin_unlock(&coll->lock);
	brelse(bh);
}

static void vexfs_restore_slots(struct vexfs_restore *r)
{
	u32 slot, n = min(r->idx->work.nrec, READ_ONCE(r->coll->nslots));

	for (slot = 0; slot < n && !vexfs_index_stopped(r->coll); slot += VEXFS_SLOTS_PER_BLOCK) {
		vexfs_restore_block(r, slot);
		cond_resched();
	}
}

/* ---- */

static int vexfs_restore_read(struct vexfs_restore *r)
{
	const char *why = NULL;
	int err = vexfs_restore_head(r, &why);

	if (!err)
		err = vexfs_restore_records(r);
	if (!err)
		err = vexfs_restore_sweep(r);
	if (why)
		vexfs_warn(r->coll->sb, "collection %s: its graph is made anew: %s", vexfs_coll_label(r->coll), why);
	else if (err && err != -ENODATA && err != -ENOMEM && err != -EINTR)
		vexfs_warn(r->coll->sb, "collection %s: its graph is made anew: error %d", vexfs_coll_label(r->coll), err);
	return err;
}

static int vexfs_restore_begin(struct vexfs_restore *r)
{
	int err = vexfs_graphfile_open(r->coll);

	if (err)
		return err == -ENOMEM ? err : -ENODATA;
	r->page = (void *)__get_free_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	r->idx = vexfs_index_create(r->coll);
	if (!IS_ERR(r->idx) && r->page)
		return vexfs_restore_read(r);
	return -ENOMEM;
}

/**
 * vexfs_restore - bring in the graph that the last checkpoint has left
 * @coll: READY, without a graph; the worker's
 *
 * It is attached before this returns. Takes coll->lock, reads the disk, no lock held.
 *
 * Return: 1: there it is; 0: there is none to be had, make a new one; -EINTR: the worker is
 * to stop; -ENOMEM.
 */
int vexfs_restore(struct vexfs_coll *coll)
{
	struct vexfs_restore r = { .coll = coll };
	int err;

	if (!coll->graph.inode)
		return 0;
	err = vexfs_restore_begin(&r);
	free_page((unsigned long)r.page);
	if (err) {
		if (!IS_ERR_OR_NULL(r.idx))
			vexfs_index_put(r.idx);
		return err == -EINTR || err == -ENOMEM ? err : 0;
	}
	WRITE_ONCE(coll->save_after, get_jiffies_64());
	vexfs_index_show(r.idx);
	vexfs_index_attach(coll, r.idx);
	vexfs_restore_slots(&r);
	atomic64_inc(&VEXFS_SB(coll->sb)->graph_loads);
	return 1;
}
