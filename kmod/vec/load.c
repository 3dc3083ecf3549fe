// SPDX-License-Identifier: GPL-2.0
/*
 * What a mount leaves out: the maps of a collection's files and the bitmaps of its slots
 * are made when somebody needs them, so that mounting takes the same time however many
 * embeddings there are.
 *
 * Reading, listing and deleting embeddings need the maps, a few extents. Setting,
 * searching and counting need the bitmaps, and so the whole slot table, which is read
 * and verified then. Damage found there is an error of who uses the collection.
 *
 * While there are no bitmaps, or they are being made, embeddings may be deleted but not
 * set. A slot freed before there are bitmaps is noted by its transaction alone: the
 * bitmaps are not used before that has committed. One freed meanwhile is pending in them,
 * whether its block has been looked at or not.
 *
 * Whoever loads holds only the mutex that others who need the same wait for: not in a
 * handle, under no lock that a commit could need, and killable where the caller is a
 * system call that may fail.
 */
#include "kmod/vec/vec.h"
#include "kmod/kunit/kunit.h"
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#define VEXFS_LOAD_AHEAD	32	/* blocks of the slot table asked for at a time */

static bool vexfs_coll_has(const struct vexfs_coll *coll, enum vexfs_coll_stage stage)
{
	/* Pairs with the releases below: what a stage promises is there. */
	return smp_load_acquire(&coll->stage) >= stage;
}

/* Damage stays; memory and disks may be better the next time. */
static int vexfs_load_result(struct vexfs_coll *coll, int err)
{
	if (err && err != -EINTR && err != -ENOMEM)
		vexfs_warn(coll->sb, "collection %s cannot be used: error %d; run fsck.vexfs",
			   vexfs_coll_label(coll), err);
	if (err == -EFSCORRUPTED)
		WRITE_ONCE(coll->broken, true);
	return err;
}

/* ---- maps --------------------------------------------------------------------------- */

/* map_mutex held. */
static int vexfs_load_maps(struct vexfs_coll *coll, bool killable)
{
	int i, err = READ_ONCE(coll->broken) ? -EFSCORRUPTED : 0;
	unsigned int flags = memalloc_nofs_save();

	if (err || vexfs_coll_has(coll, VEXFS_COLL_MAPPED))
		goto out;
	for (i = 0; i < VEXFS_COLL_FILES && !err; i++)
		err = vexfs_extmap_load(vexfs_coll_hidden(coll, i), killable);
	err = vexfs_load_result(coll, err);
	if (!err)	/* after the maps of its files */
		smp_store_release(&coll->stage, VEXFS_COLL_MAPPED);
out:
	memalloc_nofs_restore(flags);
	return err;
}

/**
 * vexfs_coll_need_maps - where the blocks of a collection's files are
 * @coll:     a reference is held; no lock of the vector half, not in a handle
 * @killable: give up on a fatal signal; false: eviction, which must not
 *
 * Takes map_mutex. Return: 0, -EINTR, -ENOMEM, -EIO, -EUCLEAN.
 */
int vexfs_coll_need_maps(struct vexfs_coll *coll, bool killable)
{
	int err;

	if (vexfs_coll_has(coll, VEXFS_COLL_MAPPED))
		return 0;
	if (!killable)
		mutex_lock(&coll->map_mutex);
	else if (mutex_lock_killable(&coll->map_mutex))
		return -EINTR;
	err = vexfs_load_maps(coll, killable);
	mutex_unlock(&coll->map_mutex);
	return err;
}

/* ---- bitmaps --------------------------------------------------------------------------- */

/* From here on, what is deleted is pending. @early, @tid: what was freed before. */
vexfs_testable int vexfs_load_begin(struct vexfs_coll *coll, bool *early, tid_t *tid)
{
	struct vexfs_slotmap new;
	int err = vexfs_slotmap_alloc(&new, coll->nslots);

	if (err)
		return err;
	down_write(&coll->sem);
	spin_lock(&coll->lock);
	coll->bits = new;
	coll->nlive = 0;
	*early = coll->freed_early;
	*tid = coll->freed_tid;
	spin_unlock(&coll->lock);
	up_write(&coll->sem);
	return 0;
}

/* What was pending in them is noted by its transaction: __vexfs_slot_mark_freed(). */
vexfs_testable void vexfs_load_undo(struct vexfs_coll *coll)
{
	struct vexfs_slotmap old;

	down_write(&coll->sem);
	spin_lock(&coll->lock);
	old = coll->bits;
	memset(&coll->bits, 0, sizeof(coll->bits));
	coll->nlive = 0;
	spin_unlock(&coll->lock);
	up_write(&coll->sem);
	vexfs_slotmap_release(&old);
}

/* The slots of one block, the first of which is @slot; @s is in its buffer. */
static const char *vexfs_load_slots(struct vexfs_coll *coll, u32 slot, const struct vexfs_slot *s)
{
	const struct vexfs_geo *geo = &VEXFS_SB(coll->sb)->geo;
	const char *what = NULL;
	u32 i;

	spin_lock(&coll->lock);
	for (i = 0; i < VEXFS_SLOTS_PER_BLOCK && !what; i++) {
		what = vexfs_slot_verify(&s[i], geo, coll->stamp_limit);
		if (!what && s[i].v_state == VEXFS_SLOT_LIVE)
			__vexfs_slot_found(coll, slot + i);
	}
	spin_unlock(&coll->lock);
	return what;
}

static int vexfs_load_block(struct vexfs_coll *coll, u32 slot)
{
	struct vexfs_slot *s;
	struct buffer_head *bh = vexfs_slot_read(coll, slot, &s);
	const char *what;
	int err = 0;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	what = vexfs_load_slots(coll, slot, s);
	if (what)
		err = vexfs_corrupt(coll->sb, coll->slots.inode->i_ino, bh->b_blocknr, what);
	brelse(bh);
	return err;
}

static int vexfs_load_blocks(struct vexfs_coll *coll)
{
	u32 slot, n = coll->nslots;
	int err = 0;

	for (slot = 0; slot < n && !err; slot += VEXFS_SLOTS_PER_BLOCK) {
		if (slot / VEXFS_SLOTS_PER_BLOCK % VEXFS_LOAD_AHEAD == 0)
			vexfs_slots_ahead(coll, slot, VEXFS_LOAD_AHEAD);
		err = fatal_signal_pending(current) ? -EINTR : vexfs_load_block(coll, slot);
		cond_resched();
	}
	return err;
}

/* table_mutex held. */
static int vexfs_load_table(struct vexfs_coll *coll)
{
	bool early;
	tid_t tid;
	int err = vexfs_load_begin(coll, &early, &tid);

	if (err)
		return err;
	err = vexfs_load_blocks(coll);
	if (err) {
		vexfs_load_undo(coll);
		return err;
	}
	/* A journal that has stopped commits nothing, but nothing can be set then either. */
	if (early)
		jbd2_complete_transaction(VEXFS_SB(coll->sb)->journal, tid);
	spin_lock(&coll->lock);
	/* After the table of slots. */
	smp_store_release(&coll->stage, VEXFS_COLL_READY);
	spin_unlock(&coll->lock);
	return 0;
}

/**
 * vexfs_coll_need_table - the bitmaps of a collection's slots
 * @coll: a reference is held; no lock of the vector half, not in a handle
 *
 * The first to ask reads and verifies the whole slot table. Takes table_mutex, and
 * coll->sem for a moment. Return: 0, -EINTR (fatal signal), -ENOMEM, -EIO, -EUCLEAN.
 */
int vexfs_coll_need_table(struct vexfs_coll *coll)
{
	unsigned int flags;
	int err;

	if (vexfs_coll_has(coll, VEXFS_COLL_READY))
		return 0;
	err = vexfs_coll_need_maps(coll, true);
	if (err)
		return err;
	if (mutex_lock_killable(&coll->table_mutex))
		return -EINTR;
	flags = memalloc_nofs_save();
	err = READ_ONCE(coll->broken) ? -EFSCORRUPTED : 0;
	if (!err && !vexfs_coll_has(coll, VEXFS_COLL_READY))
		err = vexfs_load_result(coll, vexfs_load_table(coll));
	memalloc_nofs_restore(flags);
	mutex_unlock(&coll->table_mutex);
	return err;
}
