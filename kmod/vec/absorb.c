// SPDX-License-Identifier: GPL-2.0
/*
 * The worker that keeps a collection's graph up with its slots.
 *
 * It makes records for live slots that have none and takes those out whose slot has
 * been freed or set again. A turn takes VEXFS_TURN_MS and then lets as much time pass,
 * so that a build takes half a processor at most. Between two embeddings it holds
 * nothing, so stopping it takes no longer than one. This writes nothing to the disk: a
 * frozen or read-only filesystem does not stop it; suspending the machine does. When all
 * is absorbed it writes a checkpoint from time to time (save.c).
 *
 * A vector that cannot be read is left to searches, which tell of it; one that no graph
 * can hold (-EDOM) too. Without memory the worker stays behind and comes again later.
 *
 * Locking: index.c. The worker takes no lock that a set waits for but coll->lock, for
 * a few words.
 */
#include "kmod/vec/index.h"
#include <linux/sched/mm.h>

#define VEXFS_TURN_MS		20
#define VEXFS_TURN_BATCH	64	/* slots looked up at a time */
#define VEXFS_TRAIN		512	/* vectors the mean is of */
#define VEXFS_BEHIND		(10 * HZ)	/* until it tries again for memory */

static const struct vexfs_graph_ops vexfs_absorb_ops = {
	.get = vexfs_index_block,
	.put = vexfs_index_changed_block,
	.fpu = vexfs_index_fpu,
};

/**
 * struct vexfs_turn_of - a turn of the worker
 * @coll:    of which graph
 * @idx:     the graph
 * @at:	     core's way to the pages
 * @end:     when it ends
 * @slots:   next to work on
 */
struct vexfs_turn_of {
	struct vexfs_coll	*coll;
	struct vexfs_index	*idx;
	struct vexfs_index_at	at;
	unsigned long		end;
	u32			slots[VEXFS_TURN_BATCH];
};

bool vexfs_index_stopped(const struct vexfs_coll *coll)
{
	return READ_ONCE(coll->index_stop) || READ_ONCE(coll->state) != VEXFS_COLL_LIVE ||
	       vexfs_is_shutdown(coll->sb);
}

/* ---- the next slots ------------------------------------------------------------------- */

/* Word @i of the slots to be taken out, or else put in. coll->lock held. */
static unsigned long vexfs_absorb_word(const struct vexfs_turn_of *t, u32 i, bool out)
{
	const struct vexfs_index *idx = t->idx;

	if (out)
		return idx->node[i] & ~idx->clean[i];
	return t->coll->bits.live[i] & ~idx->node[i] & ~idx->skip[i];
}

/* Of VEXFS_LIVE_BITS slots from @first on. Takes coll->lock. */
static u32 vexfs_absorb_part(struct vexfs_turn_of *t, u32 first, u32 n, bool out)
{
	u32 i, bit, end;

	spin_lock(&t->coll->lock);
	end = BITS_TO_LONGS(min(t->idx->nbits, t->coll->nslots));
	for (i = BIT_WORD(first); i < min(end, (u32)BIT_WORD(first + VEXFS_LIVE_BITS)); i++) {
		unsigned long word = vexfs_absorb_word(t, i, out);

		for_each_set_bit(bit, &word, BITS_PER_LONG)
			if (n < VEXFS_TURN_BATCH)
				t->slots[n++] = i * BITS_PER_LONG + bit;
	}
	spin_unlock(&t->coll->lock);
	return n;
}

static u32 vexfs_absorb_next(struct vexfs_turn_of *t, bool out)
{
	u32 first, n = 0;

	for (first = 0; first < t->idx->nbits && n < VEXFS_TURN_BATCH; first += VEXFS_LIVE_BITS)
		n = vexfs_absorb_part(t, first, n, out);
	return n;
}

/* ---- one embedding ---------------------------------------------------------------------- */

/* False: nothing to do for it any more. */
static bool vexfs_absorb_begin(struct vexfs_coll *coll, struct vexfs_index *idx, u32 slot)
{
	bool go;

	spin_lock(&coll->lock);
	go = test_bit(slot, coll->bits.live) && !test_bit(slot, idx->node);
	idx->busy = slot;
	idx->touched = false;
	spin_unlock(&coll->lock);
	return go;
}

/* @made: there is a record, if only in part; @skip: there will be none. */
static void vexfs_absorb_end(struct vexfs_coll *coll, struct vexfs_index *idx, u32 slot, bool made, bool skip)
{
	spin_lock(&coll->lock);
	if (made) {
		__set_bit(slot, idx->node);
		idx->nnode++;
	}
	if (made && !idx->touched) {
		__set_bit(slot, idx->clean);
		idx->nclean++;
	}
	if (skip && !idx->touched)
		__set_bit(slot, idx->skip);
	idx->busy = VEXFS_GRAPH_NONE;
	spin_unlock(&coll->lock);
}

/* The vector of a slot, unpacked. -EILSEQ: it is not what the slot promises, or the slot changes. */
static int vexfs_absorb_read(struct vexfs_coll *coll, struct vexfs_index *idx, u32 slot, u32 *stamp)
{
	struct vexfs_cursor c;
	struct vexfs_slot s;
	int err = vexfs_slot_copy(coll, slot, &s);

	if (err)
		return err;
	if (s.v_state != VEXFS_SLOT_LIVE)
		return -EILSEQ;
	vexfs_cursor_init(&c, &coll->payload);
	err = vexfs_region_read(&c, slot, idx->raw);
	vexfs_cursor_done(&c);
	if (err)
		return err;
	if (vexfs_vec_crc(&coll->space, idx->raw) != le32_to_cpu(s.v_payload_crc))
		return -EILSEQ;
	*stamp = (u32)le64_to_cpu(s.v_stamp);
	vexfs_vec_to_f32(&coll->space, idx->raw, idx->f32);
	return 0;
}

/* 0: done, or left to searches; -ENOMEM, -ENOSPC: stay behind. */
static int vexfs_absorb_in(struct vexfs_turn_of *t, u32 slot)
{
	struct vexfs_index *idx = t->idx;
	u32 count = idx->work.count, stamp;
	int err = vexfs_index_page(idx, slot);

	if (err || !vexfs_absorb_begin(t->coll, idx, slot))
		return err;
	t->at.pages = idx->pages;
	err = vexfs_absorb_read(t->coll, idx, slot, &stamp);
	if (!err)
		err = vexfs_graph_insert(&idx->work, idx->w, slot, stamp, idx->f32);
	vexfs_index_show(idx);
	vexfs_absorb_end(t->coll, idx, slot, idx->work.count != count, err && err != -ENOMEM);
	return err == -ENOMEM ? err : 0;
}

static int vexfs_absorb_out(struct vexfs_turn_of *t, u32 slot)
{
	struct vexfs_index *idx = t->idx;

	t->at.pages = idx->pages;
	vexfs_graph_remove(&idx->work, idx->w, slot);
	vexfs_index_show(idx);
	spin_lock(&t->coll->lock);
	__clear_bit(slot, idx->node);
	idx->nnode--;
	spin_unlock(&t->coll->lock);
	return 0;
}

/* ---- one turn ------------------------------------------------------------------------------ */

/* All of one kind that can be had before the time is over. 1: it is. */
static int vexfs_absorb_all(struct vexfs_turn_of *t, bool out)
{
	u32 i, n;
	int err = 0;

	while ((n = vexfs_absorb_next(t, out))) {
		for (i = 0; i < n && !err; i++) {
			if (time_after(jiffies, t->end) || vexfs_index_stopped(t->coll))
				return 1;
			err = out ? vexfs_absorb_out(t, t->slots[i]) : vexfs_absorb_in(t, t->slots[i]);
			cond_resched();
		}
		if (err)
			return err;
	}
	return 0;
}

/* 1: more is to do; 0: not now; -ENOMEM. */
static int vexfs_absorb_turn(struct vexfs_coll *coll, struct vexfs_index *idx)
{
	struct vexfs_turn_of *t = kzalloc(sizeof(*t), GFP_KERNEL);
	int err = vexfs_index_room(coll, idx);

	if (!t || err) {
		kfree(t);
		return -ENOMEM;
	}
	t->coll = coll;
	t->idx = idx;
	t->at.first = idx->work.first;
	t->at.idx = idx;
	t->end = jiffies + msecs_to_jiffies(VEXFS_TURN_MS);
	idx->work.ctx = &t->at;
	err = vexfs_absorb_all(t, true);
	if (!err)
		err = vexfs_absorb_all(t, false);
	kfree(t);
	return err == -ENOSPC ? 0 : err;
}

void vexfs_index_engine(const struct vexfs_coll *coll, struct vexfs_index *idx)
{
	idx->work.ops = &vexfs_absorb_ops;
	idx->work.simd = vexfs_simd();
	idx->work.coll = coll->id;
}

/* ---- a new graph ------------------------------------------------------------------------------ */

static int vexfs_train_some(struct vexfs_coll *coll, struct vexfs_index *idx, struct vexfs_graph_train *t)
{
	u32 step = max(coll->nslots / VEXFS_TRAIN, 1U), slot, stamp;

	for (slot = 0; slot < READ_ONCE(coll->nslots) && idx->work.trained < VEXFS_TRAIN; slot += step) {
		if (vexfs_index_stopped(coll))
			return -EINTR;
		if (vexfs_slot_live(coll, slot) && !vexfs_absorb_read(coll, idx, slot, &stamp))
			vexfs_graph_train_add(t, idx->f32);
		cond_resched();
	}
	return 0;
}

static int vexfs_absorb_train(struct vexfs_coll *coll, struct vexfs_index *idx)
{
	struct vexfs_graph_train t = { .g = &idx->work };
	int err;

	t.tmp = kvmalloc_array(idx->work.gspace.dim, sizeof(u32), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!t.tmp)
		return -ENOMEM;
	err = vexfs_train_some(coll, idx, &t);
	vexfs_graph_train_end(&t);
	kvfree(t.tmp);
	return err;
}

static int vexfs_absorb_create(struct vexfs_coll *coll)
{
	struct vexfs_index *idx;
	int err;

	if (!vexfs_index_may(coll))
		return 0;
	err = vexfs_restore(coll);
	if (err)
		return err == -EINTR ? 0 : err;
	idx = vexfs_index_create(coll);
	if (IS_ERR(idx))
		return PTR_ERR(idx);
	vexfs_index_engine(coll, idx);
	err = vexfs_absorb_train(coll, idx);
	if (err) {
		vexfs_index_put(idx);
		return err == -EINTR ? 0 : err;
	}
	WRITE_ONCE(coll->save_after, get_jiffies_64());
	vexfs_index_show(idx);
	vexfs_index_attach(coll, idx);
	atomic64_inc(&VEXFS_SB(coll->sb)->graph_builds);
	return 1;
}

/* ---- the worker ------------------------------------------------------------------------------- */

/* False: the old one is still on the disk. */
static bool vexfs_absorb_rebuild(struct vexfs_coll *coll)
{
	vexfs_index_detach(coll);
	if (vexfs_save_forget(coll))
		return false;
	WRITE_ONCE(coll->index_rebuild, false);
	return true;
}

/* 1: again, at once; -ENOMEM: again later; 0: when it is asked to. */
static int vexfs_absorb(struct vexfs_coll *coll)
{
	struct vexfs_index *idx;
	int err;

	/* Pairs with the release in load.c: a collection that is ready has its slots. */
	if (vexfs_index_stopped(coll) || smp_load_acquire(&coll->stage) != VEXFS_COLL_READY)
		return 0;
	if (READ_ONCE(coll->index_rebuild) && !vexfs_absorb_rebuild(coll))
		return -ENOMEM;
	if (!vexfs_index_wanted(coll)) {
		vexfs_index_detach(coll);
		vexfs_save_forget(coll);
		return 0;
	}
	idx = vexfs_index_get(coll);
	if (!idx)
		return vexfs_absorb_create(coll);
	/* A checkpoint that has begun comes first, so that it ends; then the next turn absorbs again. */
	err = idx->saving ? 1 : vexfs_absorb_turn(coll, idx);
	if (err >= 0 && vexfs_save_due(coll, idx, err)) {
		vexfs_save_turn(coll, idx);
		err = 1;
	}
	vexfs_save_note(idx);
	vexfs_index_put(idx);
	return err;
}

/* index_work; no locks. */
void vexfs_index_work(struct work_struct *work)
{
	struct vexfs_coll *coll = container_of(to_delayed_work(work), struct vexfs_coll, index_work);
	unsigned long start = jiffies, delay;
	int more = vexfs_absorb(coll);

	if (vexfs_index_stopped(coll))
		return;
	if (more) {
		delay = more > 0 ? clamp(jiffies - start, 1UL, (unsigned long)HZ) : VEXFS_BEHIND;
	} else {
		delay = vexfs_save_wait(coll);
		if (!delay)
			return;
		WRITE_ONCE(coll->index_late, true);
	}
	queue_delayed_work(VEXFS_SB(coll->sb)->vec_wq, &coll->index_work, delay);
}
