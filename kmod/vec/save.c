// SPDX-License-Identifier: GPL-2.0
/*
 * Checkpoints: the worker writes a collection's graph to its file.
 *
 * Only blocks that have changed since the last checkpoint are written, in place:
 *
 *	1. the header becomes zeros, and is on the disk before anything else changes
 *	2. blocks of records, with their checksums
 *	3. a commit of the journal: the file's blocks, and the sets of all vectors that have a
 *	   record, are on the disk
 *	4. the means; a flush; the header
 *
 * So a power cut leaves the graph of before (until 1), the new one (from 4 on), or none, and
 * then it is built anew. A second file, and a transaction that changes them over, would never
 * leave none; it would also write all of a graph each time and take its space twice.
 *
 * A graph may be older than the slots: after a mount each record is compared with its slot
 * (restore.c). That takes stamps that were used once. Step 3 sees to it: a set that is not
 * committed before a power cut leaves its stamp to another one.
 *
 * While a checkpoint is under way nothing is absorbed, so it ends. Before each of its steps,
 * of VEXFS_SAVE_BLOCKS blocks at most, the worker looks whether it may write, and keeps a freeze
 * out until the step ends. What cannot be written (no space, an I/O error, a frozen or
 * read-only filesystem) stays noted in idx->dirty; nobody gets an error for it.
 *
 * Locking: the worker alone. Steps take coll->sem and handles (graphfile.c), so no lock of the
 * vector half may be held.
 */
#include "kmod/vec/graphfile.h"
#include <linux/moduleparam.h>

static unsigned int graph_checkpoint = 30;
module_param(graph_checkpoint, uint, 0644);
MODULE_PARM_DESC(graph_checkpoint, "seconds between two checkpoints of a graph, at least (30; 0: none are made)");

#define VEXFS_SAVE_BLOCKS	1024U		/* written in one step */
#define VEXFS_SAVE_SHARE	50		/* a checkpoint takes 1/50 of the time, or less */
#define VEXFS_SAVE_OVERDUE	(120 * HZ)	/* while there is always something to absorb */
#define VEXFS_SAVE_BEHIND	(60 * HZ)	/* after it failed */
#define VEXFS_SAVE_HELD		(5 * HZ)	/* while nothing may be written */

/* ---- may it write? ----------------------------------------------------------------------- */

static bool vexfs_save_writable(struct super_block *sb)
{
	return !sb_rdonly(sb) && !vexfs_is_shutdown(sb) && !is_journal_aborted(VEXFS_SB(sb)->journal);
}

/* Until vexfs_save_leave() nobody freezes the filesystem. VEXFS_SBF_HELD: it is about to become read-only. */
static bool vexfs_save_enter(struct super_block *sb)
{
	if (!vexfs_save_writable(sb) || !sb_start_intwrite_trylock(sb))
		return false;
	if (!test_bit(VEXFS_SBF_HELD, &VEXFS_SB(sb)->flags))
		return true;
	sb_end_intwrite(sb);
	return false;
}

static void vexfs_save_leave(struct super_block *sb)
{
	sb_end_intwrite(sb);
}

/* ---- one step ------------------------------------------------------------------------------ */

static u32 vexfs_save_count(const struct vexfs_index *idx)
{
	return vexfs_graph_blocks(&idx->work, idx->work.nrec) - idx->work.first;
}

/* Zeros for a header: the file does not count until it is sealed again. */
static int vexfs_save_unseal(struct vexfs_coll *coll, struct vexfs_index *idx)
{
	void *page = (void *)get_zeroed_page(GFP_NOFS);
	int err;

	if (!page)
		return -ENOMEM;
	err = vexfs_graphio_one(coll, REQ_OP_WRITE | REQ_SYNC | REQ_PREFLUSH | REQ_FUA, 0, page);
	free_page((unsigned long)page);
	if (!err)
		idx->sealed = false;
	return err;
}

/* Up to VEXFS_GRAPHIO neighbours from block @i on that are to be written. Blocks without a record have no page. */
static u32 vexfs_save_run(struct vexfs_index *idx, u32 i, u32 end, void **page)
{
	u32 n;

	for (n = 0; n < VEXFS_GRAPHIO && i + n < end && test_bit(i + n, idx->dirty); n++) {
		page[n] = i + n < idx->pages->n ? idx->pages->page[i + n] : NULL;
		if (page[n])
			vexfs_graph_block_seal(&idx->work, idx->work.first + i + n, page[n]);
		else
			page[n] = page_address(ZERO_PAGE(0));
	}
	return n;
}

/* 1: there may be more to write. */
static int vexfs_save_records(struct vexfs_coll *coll, struct vexfs_index *idx, u32 i, u32 end)
{
	u32 first = i, last = i, left, n;
	void *page[VEXFS_GRAPHIO];
	struct vexfs_graphio io;
	struct blk_plug plug;
	int err = 0, err2;

	vexfs_graphio_begin(&io);
	blk_start_plug(&plug);
	for (left = VEXFS_SAVE_BLOCKS; left && i < end && !err; i = find_next_bit(idx->dirty, end, i + n)) {
		n = vexfs_save_run(idx, i, min(end, i + left), page);
		err = vexfs_graphio_add(coll, &io, REQ_OP_WRITE | REQ_SYNC, idx->work.first + i, page, n);
		left -= n;
		last = i + n;
	}
	blk_finish_plug(&plug);
	err2 = vexfs_graphio_end(&io);
	err = err ? err : err2;
	if (!err)
		bitmap_clear(idx->dirty, first, last - first);
	return err ? err : 1;
}

static int vexfs_save_means(struct vexfs_coll *coll, struct vexfs_index *idx, void *page)
{
	u32 lblk;
	int err = 0;

	for (lblk = 1; lblk < idx->work.first && !err; lblk++) {
		vexfs_graph_means_write(&idx->work, page, lblk);
		err = vexfs_graphio_one(coll, REQ_OP_WRITE | REQ_SYNC, lblk, page);
	}
	return err;
}

/* The header says that there is a graph. From the moment its write begins it may do so. */
static int vexfs_save_seal(struct vexfs_coll *coll, struct vexfs_index *idx)
{
	void *page = (void *)get_zeroed_page(GFP_NOFS);
	int err;

	if (!page)
		return -ENOMEM;
	err = vexfs_force_commit(coll->sb);
	if (!err)
		err = vexfs_save_means(coll, idx, page);
	if (!err) {
		idx->work.stamp = atomic64_read(&coll->stamp);
		idx->work.generation = coll->graph.inode->i_generation;
		vexfs_graph_head_write(&idx->work, page);
		idx->sealed = true;
		err = vexfs_graphio_one(coll, REQ_OP_WRITE | REQ_SYNC | REQ_PREFLUSH | REQ_FUA, 0, page);
	}
	free_page((unsigned long)page);
	return err;
}

/* 1: more is to do; 0: all of it is on the disk; or an error. */
static int vexfs_save_step(struct vexfs_coll *coll, struct vexfs_index *idx)
{
	u32 end = vexfs_save_count(idx), i;
	int err;

	if (!coll->graph.inode) {
		bitmap_fill(idx->dirty, idx->ndirty);
		err = vexfs_graphfile_create(coll);
		return err ? err : 1;
	}
	err = vexfs_graphfile_open(coll);
	if (!err)
		err = vexfs_graphfile_grow(coll, idx->work.first + end);
	if (err)
		return err;
	if (idx->sealed) {
		err = vexfs_save_unseal(coll, idx);
		return err ? err : 1;
	}
	i = find_first_bit(idx->dirty, end);
	return i < end ? vexfs_save_records(coll, idx, i, end) : vexfs_save_seal(coll, idx);
}

/* ---- one turn --------------------------------------------------------------------------------- */

static void vexfs_save_put_off(struct vexfs_coll *coll, u64 pause)
{
	WRITE_ONCE(coll->save_after, get_jiffies_64() + pause);
}

static void vexfs_save_done(struct vexfs_coll *coll, struct vexfs_index *idx)
{
	u64 took = get_jiffies_64() - idx->save_began;

	idx->changed = false;
	coll->save_told = false;
	atomic64_inc(&VEXFS_SB(coll->sb)->graph_saves);
	vexfs_save_put_off(coll, max_t(u64, (u64)READ_ONCE(graph_checkpoint) * HZ, took * VEXFS_SAVE_SHARE));
}

/* A file with a hole is replaced by another; what has not worked for another reason may the next time. */
static void vexfs_save_failed(struct vexfs_coll *coll, int err)
{
	vexfs_save_put_off(coll, VEXFS_SAVE_BEHIND);
	if (vexfs_is_shutdown(coll->sb) || READ_ONCE(coll->state) != VEXFS_COLL_LIVE)
		return;
	if (err == -EFSCORRUPTED)		/* of the file's inode or tree: fsck's affair */
		coll->graph_lost = true;
	if (err == -ENODATA && !vexfs_graphfile_forget(coll))
		vexfs_save_put_off(coll, 0);
	if (!coll->save_told)
		vexfs_warn(coll->sb, "collection %s: its graph could not be written: error %d; searches are not affected",
			   vexfs_coll_label(coll), err);
	coll->save_told = true;
}

/**
 * vexfs_save_turn - a step of a checkpoint, or its beginning
 * @coll: the worker's
 * @idx:  its graph, a reference held; ->saving says whether there is more to do
 */
void vexfs_save_turn(struct vexfs_coll *coll, struct vexfs_index *idx)
{
	int err;

	if (!vexfs_save_enter(coll->sb)) {
		WRITE_ONCE(idx->saving, false);
		vexfs_save_put_off(coll, VEXFS_SAVE_HELD);
		return;
	}
	if (!idx->saving)
		idx->save_began = get_jiffies_64();
	WRITE_ONCE(idx->saving, true);
	err = vexfs_save_step(coll, idx);
	if (err != 1)
		WRITE_ONCE(idx->saving, false);
	if (!err)
		vexfs_save_done(coll, idx);
	else if (err < 0)
		vexfs_save_failed(coll, err);
	vexfs_save_leave(coll->sb);
	vexfs_graphfile_reap(coll);
}

/* For sysfs. The worker. */
void vexfs_save_note(struct vexfs_index *idx)
{
	u32 n = idx->changed ? bitmap_weight(idx->dirty, vexfs_save_count(idx)) : 0;

	WRITE_ONCE(idx->unsaved, n);
}

/**
 * vexfs_save_forget - give up the graph on the disk
 * @coll: the worker's, without a graph in memory
 *
 * Return: 0, or an error: nothing may be written now, or the journal's.
 */
int vexfs_save_forget(struct vexfs_coll *coll)
{
	int err;

	if (!coll->graph.inode)
		return 0;
	if (!vexfs_save_enter(coll->sb))
		return -EROFS;
	err = vexfs_graphfile_forget(coll);
	vexfs_save_leave(coll->sb);
	vexfs_graphfile_reap(coll);
	return err;
}

/* Is it time to begin one? @busy: there is more to absorb. */
bool vexfs_save_due(const struct vexfs_coll *coll, const struct vexfs_index *idx, bool busy)
{
	u64 when = READ_ONCE(coll->save_after);

	if (idx->saving)
		return true;
	if (!READ_ONCE(graph_checkpoint) || !idx->changed || idx->partial || coll->graph_lost)
		return false;
	return time_after_eq64(get_jiffies_64(), busy ? when + VEXFS_SAVE_OVERDUE : when);
}

/* Until it is, in jiffies; 0: no checkpoint is wanted. */
unsigned long vexfs_save_wait(struct vexfs_coll *coll)
{
	struct vexfs_index *idx = vexfs_index_get(coll);
	u64 now = get_jiffies_64(), when = READ_ONCE(coll->save_after);
	bool wanted = idx && idx->changed && !idx->partial && !coll->graph_lost && READ_ONCE(graph_checkpoint) &&
		      vexfs_save_writable(coll->sb);

	vexfs_index_put(idx);
	if (!wanted)
		return 0;
	return time_after64(when, now) ? min_t(u64, when - now + 1, 3600 * HZ) : 1;
}

/* ---- the end of a writable mount ------------------------------------------------------------------ */

#define VEXFS_SAVE_LAST	64	/* steps: 256 MiB */

/* A graph is being saved: searches and memory pressure leave it alone. Takes coll->lock. */
static bool vexfs_save_busy(struct vexfs_coll *coll)
{
	bool busy;

	spin_lock(&coll->lock);
	busy = coll->index && READ_ONCE(coll->index->saving);
	spin_unlock(&coll->lock);
	return busy;
}

/**
 * vexfs_save_finish - checkpoints that are under way come to their end
 * @sb: about to be unmounted or to become read-only; no locks of the vector half
 *
 * Up to VEXFS_SAVE_LAST steps of each; a graph that has more left will be built anew.
 * One that has changed since its checkpoint is not written: the next mount finds out what is new.
 */
void vexfs_save_finish(struct super_block *sb)
{
	struct vexfs_coll *coll;
	int id, i;

	for (id = 0; id < VEXFS_MAX_COLL; id++) {
		coll = vexfs_coll_get_id(sb, id);
		for (i = 0; coll && i < VEXFS_SAVE_LAST && vexfs_save_busy(coll); i++)
			flush_delayed_work(&coll->index_work);
		vexfs_coll_put(coll);
	}
}
