// SPDX-License-Identifier: GPL-2.0
/*
 * The slot table of a collection: journaled blocks of 31 slots, and the bitmaps
 * made from it (load.c).
 *
 * A slot freed by a transaction is not used again before that transaction has
 * committed: until then a crash brings the old embedding back, whose payload
 * must still be there.
 */
#include "kmod/vec/vec.h"
#include "kmod/kunit/kunit.h"
#include <linux/sched/signal.h>

#define VEXFS_GROW_MAX	64	/* slot-table blocks added at a time */
#define VEXFS_SLOTMAPS	5	/* bitmaps of struct vexfs_slotmap */
#define VEXFS_PENDING_MANY 256	/* freed slots worth a commit */

/* ---- blocks -------------------------------------------------------------- */

static int vexfs_slotblock_map(struct vexfs_coll *coll, u32 lblk, u64 *pblk)
{
	struct vexfs_extent e;
	int err = vexfs_extmap_find(&coll->slots, lblk, &e);

	if (!err)
		*pblk = e.pblk + (lblk - e.lblk);
	return err;
}

static struct buffer_head *vexfs_slotblock_read(struct vexfs_coll *coll, u32 lblk)
{
	u64 pblk;
	int err = vexfs_slotblock_map(coll, lblk, &pblk);

	if (err)
		return ERR_PTR(err);
	return vexfs_md_read(coll->sb, pblk, VEXFS_MAGIC_SLOT, 0, coll->slots.inode->i_ino);
}

static struct vexfs_slot *vexfs_slot_at(struct buffer_head *bh, u32 slot)
{
	return (struct vexfs_slot *)(bh->b_data + VEXFS_MDHDR_SIZE) + slot % VEXFS_SLOTS_PER_BLOCK;
}

struct buffer_head *vexfs_slot_read(struct vexfs_coll *coll, u32 slot, struct vexfs_slot **s)
{
	struct buffer_head *bh;

	if (slot >= READ_ONCE(coll->nslots))
		return ERR_PTR(vexfs_corrupt(coll->sb, coll->slots.inode->i_ino, 0,
					     "embedding map leads past the slot table"));
	bh = vexfs_slotblock_read(coll, slot / VEXFS_SLOTS_PER_BLOCK);
	if (!IS_ERR(bh))
		*s = vexfs_slot_at(bh, slot);
	return bh;
}

int vexfs_slot_copy(struct vexfs_coll *coll, u32 slot, struct vexfs_slot *out)
{
	struct vexfs_slot *s;
	struct buffer_head *bh = vexfs_slot_read(coll, slot, &s);

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	spin_lock(&coll->lock);
	*out = *s;
	spin_unlock(&coll->lock);
	brelse(bh);
	return 0;
}

void vexfs_slots_ahead(struct vexfs_coll *coll, u32 slot, u32 n)
{
	u32 lblk = slot / VEXFS_SLOTS_PER_BLOCK, end = coll->nslots / VEXFS_SLOTS_PER_BLOCK;
	u64 pblk;

	for (end = min(end, lblk + n); lblk < end; lblk++)
		if (!vexfs_slotblock_map(coll, lblk, &pblk))
			sb_breadahead(coll->sb, pblk);
}

/* ---- bitmaps ---------------------------------------------------------------- */

static unsigned long **vexfs_slotmap_bits(struct vexfs_slotmap *m, int i)
{
	unsigned long **bits[VEXFS_SLOTMAPS] = { &m->live, &m->used, &m->pending[0],
						 &m->pending[1], &m->bad };

	return bits[i];
}

void vexfs_slotmap_release(struct vexfs_slotmap *m)
{
	int i;

	for (i = 0; i < VEXFS_SLOTMAPS; i++)
		kvfree(*vexfs_slotmap_bits(m, i));
	memset(m, 0, sizeof(*m));
}

int vexfs_slotmap_alloc(struct vexfs_slotmap *m, u32 nslots)
{
	int i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < VEXFS_SLOTMAPS; i++) {
		unsigned long *b = kvcalloc(BITS_TO_LONGS(nslots), sizeof(long), GFP_KERNEL);

		if (!b) {
			vexfs_slotmap_release(m);
			return -ENOMEM;
		}
		*vexfs_slotmap_bits(m, i) = b;
	}
	return 0;
}

/* Replace the bitmaps by larger ones, for @nslots. coll->sem held for writing. */
vexfs_testable void vexfs_slotmap_swap(struct vexfs_coll *coll, struct vexfs_slotmap *new,
				       u32 nslots)
{
	struct vexfs_slotmap *m = &coll->bits;
	u32 i, bytes = BITS_TO_LONGS(coll->nslots) * sizeof(long);

	spin_lock(&coll->lock);
	for (i = 0; i < VEXFS_SLOTMAPS && bytes; i++)
		memcpy(*vexfs_slotmap_bits(new, i), *vexfs_slotmap_bits(m, i), bytes);
	new->npending[0] = m->npending[0];
	new->npending[1] = m->npending[1];
	new->hint = m->hint;
	swap(*m, *new);
	WRITE_ONCE(coll->nslots, nslots);
	spin_unlock(&coll->lock);
}

/* An unused slot; coll->sem held for writing. It is not reserved: mark it before unlocking. */
bool vexfs_slot_find_free(struct vexfs_coll *coll, u32 *slot)
{
	struct vexfs_slotmap *m = &coll->bits;

	spin_lock(&coll->lock);
	*slot = coll->nslots;
	if (m->hint < coll->nslots)
		*slot = find_next_zero_bit(m->used, coll->nslots, m->hint);
	m->hint = *slot;
	spin_unlock(&coll->lock);
	return *slot < coll->nslots;
}

bool vexfs_slot_used(struct vexfs_coll *coll, u32 slot)
{
	bool used;

	spin_lock(&coll->lock);
	used = test_bit(slot, coll->bits.used);
	spin_unlock(&coll->lock);
	return used;
}

bool vexfs_slot_live(struct vexfs_coll *coll, u32 slot)
{
	bool live;

	spin_lock(&coll->lock);
	live = slot < coll->nslots && test_bit(slot, coll->bits.live);
	spin_unlock(&coll->lock);
	return live;
}

void __vexfs_slot_found(struct vexfs_coll *coll, u32 slot)
{
	__set_bit(slot, coll->bits.used);
	__set_bit(slot, coll->bits.live);
	coll->nlive++;
}

void __vexfs_slot_mark_live(struct vexfs_coll *coll, u32 slot)
{
	__vexfs_slot_found(coll, slot);
	coll->recent[coll->nset++ % VEXFS_RECENT] = slot;
	vexfs_index_changed(coll, slot);
}

void vexfs_slot_mark_live(struct vexfs_coll *coll, u32 slot)
{
	spin_lock(&coll->lock);
	__vexfs_slot_mark_live(coll, slot);
	spin_unlock(&coll->lock);
}

/* Bitmaps that are being made may not have met the slot yet. */
void __vexfs_slot_mark_freed(struct vexfs_coll *coll, u32 slot, tid_t tid)
{
	struct vexfs_slotmap *m = &coll->bits;

	coll->seq++;
	vexfs_index_changed(coll, slot);
	if (coll->stage != VEXFS_COLL_READY) {
		coll->freed_early = true;
		coll->freed_tid = tid;
	}
	if (!m->live)
		return;
	if (__test_and_clear_bit(slot, m->live))
		coll->nlive--;
	__set_bit(slot, m->used);
	if (!__test_and_set_bit(slot, m->pending[tid & 1]))
		m->npending[tid & 1]++;
}

void vexfs_slot_mark_freed(struct vexfs_coll *coll, u32 slot, tid_t tid)
{
	spin_lock(&coll->lock);
	__vexfs_slot_mark_freed(coll, slot, tid);
	spin_unlock(&coll->lock);
}

/* ---- what searches look at -------------------------------------------------------- */

u32 vexfs_slots_live(struct vexfs_coll *coll, u32 first, unsigned long *bits)
{
	u32 n = 0;

	spin_lock(&coll->lock);
	if (first < coll->nslots) {
		n = min_t(u32, coll->nslots - first, VEXFS_LIVE_BITS);
		bitmap_copy(bits, coll->bits.live + BIT_WORD(first), n);
	}
	spin_unlock(&coll->lock);
	return n;
}

u64 vexfs_slots_mark(struct vexfs_coll *coll)
{
	u64 mark;

	spin_lock(&coll->lock);
	mark = coll->nset;
	spin_unlock(&coll->lock);
	return mark;
}

u64 vexfs_slots_seq(struct vexfs_coll *coll)
{
	u64 seq;

	spin_lock(&coll->lock);
	seq = coll->seq;
	spin_unlock(&coll->lock);
	return seq;
}

int vexfs_slots_recent(struct vexfs_coll *coll, u64 *mark, u32 *slots)
{
	int n = 0;

	spin_lock(&coll->lock);
	if (coll->nset - *mark > VEXFS_RECENT) {
		n = -EAGAIN;
		*mark = coll->nset;
	}
	for (; *mark != coll->nset; ++*mark)
		slots[n++] = coll->recent[*mark % VEXFS_RECENT];
	spin_unlock(&coll->lock);
	return n;
}

/* ---- commit ------------------------------------------------------------------------- */

void vexfs_slots_quarantine(struct vexfs_coll *coll, u32 first, u32 n)
{
	spin_lock(&coll->lock);
	if (first < coll->nslots) {
		n = min(n, coll->nslots - first);
		bitmap_set(coll->bits.bad, first, n);
		bitmap_set(coll->bits.used, first, n);
	}
	spin_unlock(&coll->lock);
}

vexfs_testable void vexfs_coll_commit(struct vexfs_coll *coll, u32 parity)
{
	struct vexfs_slotmap *m = &coll->bits;
	u32 slot;

	spin_lock(&coll->lock);
	if (m->npending[parity]) {
		for_each_set_bit(slot, m->pending[parity], coll->nslots) {
			if (test_bit(slot, m->bad))
				continue;
			__clear_bit(slot, m->used);
			m->hint = min(m->hint, slot);
		}
		bitmap_zero(m->pending[parity], coll->nslots);
		m->npending[parity] = 0;
	}
	spin_unlock(&coll->lock);
}

/**
 * vexfs_vec_commit - a transaction is on disk
 * @sbi: the filesystem
 * @tid: the transaction; the slots it freed may be reused
 *
 * Called in the commit thread, which holders of coll->sem may be waiting for:
 * only spinlocks here.
 */
void vexfs_vec_commit(struct vexfs_sb_info *sbi, tid_t tid)
{
	int i;

	if (!sbi->vec_dirty.next)
		return;			/* a mount that did not come as far as collections */
	spin_lock(&sbi->vec_lock);
	for (i = 0; i < VEXFS_MAX_COLL; i++)
		if (sbi->coll[i])
			vexfs_coll_commit(sbi->coll[i], tid & 1);
	spin_unlock(&sbi->vec_lock);
}

/* ---- growing ----------------------------------------------------------------------- */

static void vexfs_hidden_size(struct inode *inode, u64 blocks)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	down_write(&vi->data_sem);
	i_size_write(inode, blocks << VEXFS_BLOCK_SHIFT);
	vi->disksize = blocks << VEXFS_BLOCK_SHIFT;
	up_write(&vi->data_sem);
}

int vexfs_hidden_append(handle_t *handle, struct vexfs_hidden *h, u64 have, u64 need)
{
	struct vexfs_extent e;
	int err;

	/* Written extents over whatever the device held: nobody reads a record
	 * before a set has written it. */
	err = vexfs_map_alloc(handle, h->inode, have, need - have, 0, &e);
	if (err)
		return err;
	/* What was there already is left from a crash between two steps. */
	e.pblk += have - e.lblk;
	e.len -= have - e.lblk;
	e.lblk = have;
	err = vexfs_extmap_add(h, &e);
	if (err)
		return err;
	vexfs_hidden_size(h->inode, have + e.len);
	return vexfs_mark_inode_dirty(handle, h->inode);
}

/* One handle's worth of blocks for a region that needs @need. 1: call again. */
static int vexfs_region_step(struct vexfs_coll *coll, struct vexfs_region *r, u64 need)
{
	handle_t *handle;
	int err, err2 = 0;
	u64 have;

	down_write(&coll->sem);
	err = vexfs_coll_check(coll);
	have = vexfs_extmap_blocks(&r->h);
	if (err || have >= need)
		goto out;
	handle = vexfs_start(coll->sb, vexfs_map_credits(r->h.inode) + 2, 0);
	if (IS_ERR(handle)) {
		err = PTR_ERR(handle);
		goto out;
	}
	err = vexfs_hidden_append(handle, &r->h, have, need);
	err2 = vexfs_stop(handle);
	if (!err)
		err = vexfs_extmap_blocks(&r->h) < need;
out:
	up_write(&coll->sem);
	return err2 ? err2 : err;
}

static int vexfs_region_grow(struct vexfs_coll *coll, struct vexfs_region *r, u64 need)
{
	int err;

	do {
		err = vexfs_region_step(coll, r, need);
		if (err == 1 && fatal_signal_pending(current))
			err = -EINTR;
	} while (err == 1);
	return err;
}

/* A block of free slots at @lblk of the slot table. */
static int vexfs_slotblock_new(handle_t *handle, struct vexfs_coll *coll, u64 pblk)
{
	struct buffer_head *bh;
	int err;

	bh = vexfs_md_create(handle, coll->sb, pblk, VEXFS_MAGIC_SLOT, coll->slots.inode->i_ino);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = vexfs_md_dirty(handle, coll->sb, bh);
	brelse(bh);
	return err;
}

/* Append up to @want blocks; all of it in the caller's handle, coll->sem held for writing. */
static int vexfs_slots_append(handle_t *handle, struct vexfs_coll *coll, u32 want, u32 *got)
{
	u32 old = coll->nslots / VEXFS_SLOTS_PER_BLOCK, i;
	struct vexfs_extent e;
	int err;

	err = vexfs_map_alloc(handle, coll->slots.inode, old, want, 0, &e);
	if (err)
		return err;
	/* What was there already is left from a crash between two steps. */
	*got = min_t(u64, e.lblk + e.len - old, want);
	e.pblk += old - e.lblk;
	e.lblk = old;
	e.len = *got;
	for (i = 0; i < *got && !err; i++)
		err = vexfs_slotblock_new(handle, coll, e.pblk + i);
	if (!err)
		err = vexfs_extmap_add(&coll->slots, &e);
	if (err)
		return err;
	vexfs_hidden_size(coll->slots.inode, old + *got);
	return vexfs_mark_inode_dirty(handle, coll->slots.inode);
}

/* Table, record and bitmaps in one step; coll->sem held for writing, in a handle. */
static int vexfs_slots_extend(handle_t *handle, struct vexfs_coll *coll, u32 from, u32 add,
			      struct vexfs_slotmap *new)
{
	u32 got = 0;
	int err = vexfs_coll_record_access(handle, coll);

	if (!err)
		err = vexfs_slots_append(handle, coll, add, &got);
	if (err)
		return err;
	vexfs_slotmap_swap(coll, new, (from + got) * VEXFS_SLOTS_PER_BLOCK);
	return vexfs_coll_record_write(handle, coll);
}

/* Slots become visible, unless somebody else has added some. */
static int vexfs_slots_grow(struct vexfs_coll *coll, u32 from, u32 add)
{
	struct vexfs_slotmap new;
	handle_t *handle;
	int err, err2;

	err = vexfs_slotmap_alloc(&new, (from + add) * VEXFS_SLOTS_PER_BLOCK);
	if (err)
		return err;
	down_write(&coll->sem);
	err = vexfs_coll_check(coll);
	if (err || coll->nslots != from * VEXFS_SLOTS_PER_BLOCK)
		goto out;
	handle = vexfs_start(coll->sb, vexfs_map_credits(coll->slots.inode) + add + 4, 0);
	if (IS_ERR(handle)) {
		err = PTR_ERR(handle);
		goto out;
	}
	err = vexfs_slots_extend(handle, coll, from, add, &new);
	err2 = vexfs_stop(handle);
	err = err ? err : err2;
out:
	up_write(&coll->sem);
	vexfs_slotmap_release(&new);
	return err;
}

static bool vexfs_slot_find_free_pending(struct vexfs_coll *coll, u32 *pending)
{
	u32 slot;

	spin_lock(&coll->lock);
	*pending = coll->bits.npending[0] + coll->bits.npending[1];
	spin_unlock(&coll->lock);
	return vexfs_slot_find_free(coll, &slot);
}

/* Doubles, within reason: small steps fragment, large ones waste. */
static u32 vexfs_grow_step(struct vexfs_coll *coll, u32 have)
{
	u64 free = percpu_counter_read_positive(&VEXFS_SB(coll->sb)->free_blocks);
	u32 add = clamp_t(u32, have, 1, VEXFS_GROW_MAX);

	while (add > 1 && vexfs_region_need(&coll->payload, add * VEXFS_SLOTS_PER_BLOCK) +
	       vexfs_region_need(&coll->code, add * VEXFS_SLOTS_PER_BLOCK) > free / 8)
		add /= 2;
	return add;
}

static int vexfs_coll_grow_by(struct vexfs_coll *coll, u32 from, u32 add)
{
	u32 nslots = (from + add) * VEXFS_SLOTS_PER_BLOCK;
	int err;

	err = vexfs_region_grow(coll, &coll->payload, vexfs_region_need(&coll->payload, nslots));
	if (!err)
		err = vexfs_region_grow(coll, &coll->code, vexfs_region_need(&coll->code, nslots));
	if (!err)
		err = vexfs_slots_grow(coll, from, add);
	return err;
}

/**
 * vexfs_coll_grow - make room for more embeddings
 * @coll: no locks held, no handle
 *
 * Payload and code blocks come first, the slots that use them last, so that a
 * crash in between leaves blocks too many, which the next growth finds.
 *
 * Return: 0 (maybe because somebody else has grown it), -ENOSPC, other errors.
 */
int vexfs_coll_grow(struct vexfs_coll *coll)
{
	u32 from, add, pending;
	bool room;
	int err;

	down_write(&coll->sem);
	from = coll->nslots / VEXFS_SLOTS_PER_BLOCK;
	room = vexfs_slot_find_free_pending(coll, &pending);
	add = vexfs_grow_step(coll, from);
	up_write(&coll->sem);
	if (room)
		return 0;
	/* The same embeddings set over and over: a commit makes room for less. */
	if (pending >= VEXFS_PENDING_MANY && pending >= coll->nslots / 4)
		return vexfs_force_commit(coll->sb);
	if (from > U32_MAX / VEXFS_SLOTS_PER_BLOCK - VEXFS_GROW_MAX)
		return -ENOSPC;
	err = vexfs_coll_grow_by(coll, from, add);
	if (err == -ENOSPC && add > 1)
		err = vexfs_coll_grow_by(coll, from, 1);
	if (err == -ENOSPC && pending)
		err = vexfs_force_commit(coll->sb);
	return err;
}

/* ---- the end ------------------------------------------------------------------------- */

static int vexfs_slotblock_revoke(handle_t *handle, struct vexfs_coll *coll, u64 pblk)
{
	struct buffer_head *bh = sb_find_get_block(coll->sb, pblk);

	if (bh)
		clear_buffer_vexfs_verified(bh);
	return jbd2_journal_revoke(handle, pblk, bh);	/* consumes bh */
}

#define VEXFS_REVOKE_STEP	64U

/* One handle's worth. */
static int vexfs_slots_revoke_some(struct vexfs_coll *coll, u32 lblk, u32 end)
{
	handle_t *handle = vexfs_start(coll->sb, 1, VEXFS_REVOKE_STEP);
	int err = 0, err2;
	u64 pblk;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	for (; lblk < end && !err; lblk++) {
		err = vexfs_slotblock_map(coll, lblk, &pblk);
		if (!err)
			err = vexfs_slotblock_revoke(handle, coll, pblk);
	}
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/**
 * vexfs_slots_revoke - keep a replay from writing old slot tables over new data
 * @coll: being dropped: nobody reads or writes its slots any more
 *
 * The blocks are metadata, but the inode they hang on is freed as a file's data
 * is. Repeating it after a crash is harmless.
 */
int vexfs_slots_revoke(struct vexfs_coll *coll)
{
	u32 lblk, end = i_size_read(coll->slots.inode) >> VEXFS_BLOCK_SHIFT;
	int err = vexfs_extmap_load(&coll->slots, false);

	for (lblk = 0; lblk < end && !err; lblk += VEXFS_REVOKE_STEP) {
		sb_start_intwrite(coll->sb);
		err = vexfs_slots_revoke_some(coll, lblk, min(lblk + VEXFS_REVOKE_STEP, end));
		sb_end_intwrite(coll->sb);
		cond_resched();
	}
	return err;
}
