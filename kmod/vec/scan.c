// SPDX-License-Identifier: GPL-2.0
/*
 * The distances of a search: all permitted slots by their codes (or, exactly, by
 * their payload), and candidates in full precision.
 *
 * Everything read is checked once after it came from the disk: a block's buffer
 * carries a flag when every live record in it has passed. The flag goes with the
 * buffer when memory is reclaimed.
 */
#include "kmod/vec/search.h"
#include <linux/sched/signal.h>

/* ---- batches ----------------------------------------------------------------- */

static void vexfs_batch_reset(struct vexfs_batch *b)
{
	while (b->n)
		brelse(b->bh[--b->n]);
}

static void *vexfs_batch_bounce(struct vexfs_batch *b)
{
	return b->bounce + (size_t)b->n * b->stride;
}

/* @bh: reference handed over, NULL if the record lies in the bounce buffer */
static void vexfs_batch_push(struct vexfs_batch *b, u32 tag, const void *rec,
			     struct buffer_head *bh)
{
	b->tag[b->n] = tag;
	b->rec[b->n] = rec;
	b->bh[b->n] = bh;
	b->n++;
}

/* ---- checking what was read --------------------------------------------------- */

/* Stamp and payload checksum of a live slot. */
static int vexfs_slot_marks(struct vexfs_coll *coll, u32 slot, u64 *stamp, u32 *crc)
{
	struct vexfs_slot *s;
	struct buffer_head *bh = vexfs_slot_read(coll, slot, &s);

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	*stamp = le64_to_cpu(s->v_stamp);
	*crc = le32_to_cpu(s->v_payload_crc);
	brelse(bh);
	return 0;
}

/* 0, -EILSEQ if the record is not what the slot promises, or an error. */
static int vexfs_record_check(struct vexfs_coll *coll, bool code, u32 slot, const void *rec)
{
	u64 stamp;
	u32 crc;
	int err = vexfs_slot_marks(coll, slot, &stamp, &crc);
	bool good;

	if (err)
		return err;
	if (code)
		good = vexfs_code_valid(&coll->space, rec, (u32)stamp);
	else
		good = vexfs_vec_crc(&coll->space, rec) == crc;
	return good ? 0 : -EILSEQ;
}

/* All live records of the block that holds @slot; remembers if all are good. */
static int vexfs_block_check(struct vexfs_coll *coll, const struct vexfs_region *r, bool code,
			     u32 slot, struct buffer_head *bh)
{
	u32 first = slot - slot % r->l.per_block, i;
	u32 end = min(first + r->l.per_block, coll->nslots);
	int err, result = 0;
	bool all = true;

	for (i = first; i < end; i++) {
		if (!test_bit(i, coll->bits.live))
			continue;
		err = vexfs_record_check(coll, code, i,
					 bh->b_data + (i - first) * r->l.stride);
		if (err && err != -EILSEQ)
			return err;
		all = all && !err;
		if (i == slot)
			result = err;
	}
	if (all)
		set_buffer_vexfs_checked(bh);
	return result;
}

/* The record of @slot in place: pinned, checked. -EILSEQ, ERR_PTR. */
static struct buffer_head *vexfs_record_pin(struct vexfs_coll *coll, struct vexfs_cursor *c,
					    bool code, u32 slot, const void **rec)
{
	struct buffer_head *bh = vexfs_region_pin(c, slot, rec);
	int err;

	if (IS_ERR(bh) || buffer_vexfs_checked(bh))
		return bh;
	err = vexfs_block_check(coll, c->r, code, slot, bh);
	if (!err)
		return bh;
	brelse(bh);
	return ERR_PTR(err);
}

/* ---- loading a record into the batch -------------------------------------------- */

static bool vexfs_in_place(const struct vexfs_space *space)
{
#ifdef __LITTLE_ENDIAN
	return space->elem == VEXFS_F32;
#else
	return false;
#endif
}

/* A vector as stored, checked; in @raw if it does not fit a block. */
static int vexfs_load_raw(struct vexfs_find *f, struct vexfs_cursor *c, u32 slot,
			  const void **rec, struct buffer_head **bh)
{
	int err;

	*bh = NULL;
	if (c->r->l.blocks == 1) {
		*bh = vexfs_record_pin(f->coll, c, false, slot, rec);
		err = PTR_ERR_OR_ZERO(*bh);
		if (err)
			*bh = NULL;
		return err;
	}
	*rec = f->raw;
	err = vexfs_region_read(c, slot, f->raw);
	return err ? err : vexfs_record_check(f->coll, false, slot, f->raw);
}

static int vexfs_load_vector(struct vexfs_find *f, struct vexfs_cursor *c, u32 slot, u32 tag)
{
	const struct vexfs_space *space = &f->coll->space;
	struct vexfs_batch *b = &f->batch;
	struct buffer_head *bh;
	const void *rec;
	int err = vexfs_load_raw(f, c, slot, &rec, &bh);

	if (err)
		return err;
	if (bh && vexfs_in_place(space)) {
		vexfs_batch_push(b, tag, rec, bh);
		return 0;
	}
	vexfs_vec_to_f32(space, rec, vexfs_batch_bounce(b));
	brelse(bh);
	vexfs_batch_push(b, tag, vexfs_batch_bounce(b), NULL);
	return 0;
}

/* A code that fails its check is made again from the payload, for this search. */
static int vexfs_remake_code(struct vexfs_find *f, struct vexfs_cursor *payload, u32 slot)
{
	const struct vexfs_space *space = &f->coll->space;
	struct buffer_head *bh;
	const void *rec;
	u32 *f32;
	int err = vexfs_load_raw(f, payload, slot, &rec, &bh);

	if (err)
		return err;
	f32 = kvmalloc_array(space->dim, sizeof(*f32), GFP_NOFS);
	if (f32) {
		vexfs_vec_to_f32(space, rec, f32);
		vexfs_code_encode(space, f32, 0, vexfs_batch_bounce(&f->batch));
		vexfs_batch_push(&f->batch, slot, vexfs_batch_bounce(&f->batch), NULL);
	}
	brelse(bh);
	kvfree(f32);
	return f32 ? 0 : -ENOMEM;
}

static int vexfs_load_code(struct vexfs_find *f, struct vexfs_cursor *c,
			   struct vexfs_cursor *payload, u32 slot)
{
	struct vexfs_batch *b = &f->batch;
	struct buffer_head *bh = NULL;
	const void *rec;
	int err;

	if (c->r->l.blocks == 1) {
		bh = vexfs_record_pin(f->coll, c, true, slot, &rec);
		err = PTR_ERR_OR_ZERO(bh);
	} else {
		rec = vexfs_batch_bounce(b);
		err = vexfs_region_read(c, slot, vexfs_batch_bounce(b));
		if (!err)
			err = vexfs_record_check(f->coll, true, slot, rec);
	}
	if (err == -EILSEQ)
		return vexfs_remake_code(f, payload, slot);
	if (!err)
		vexfs_batch_push(b, slot, rec, bh);
	return err;
}

/* A vector that is damaged cannot be found; the others can. */
static int vexfs_load_failed(struct vexfs_find *f, u32 slot, int err)
{
	if (err != -EILSEQ)
		return err;
	vexfs_warn(f->coll->sb, "collection %s slot %u: payload checksum is wrong; left out of searches",
		   f->coll->name, slot);
	return 0;
}

/* ---- scanning ----------------------------------------------------------------------- */

/* Not met in the rounds before: those took everything up to f->last. */
static bool vexfs_scan_new(const struct vexfs_find *f, u32 key, u32 slot)
{
	if (!f->have_last)
		return true;
	return key != f->last.key ? key > f->last.key : slot > f->last.id;
}

static int vexfs_scan_flush(struct vexfs_find *f, struct vexfs_topk *top)
{
	struct vexfs_batch *b = &f->batch;
	u32 i;

	if (f->flags & VEXFS_SEARCH_EXACT)
		vexfs_simd_exact(&f->query, (const u32 *const *)b->rec, b->n, b->keys);
	else
		vexfs_simd_scan(&f->query, (const struct vexfs_code *const *)b->rec, b->n,
				b->keys);
	f->distances += b->n;
	for (i = 0; i < b->n; i++)
		if (vexfs_scan_new(f, b->keys[i], b->tag[i]))
			vexfs_topk_add(top, b->keys[i], b->tag[i]);
	vexfs_batch_reset(b);
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static int vexfs_scan_slots(struct vexfs_find *f, struct vexfs_topk *top,
			    struct vexfs_cursor *code, struct vexfs_cursor *payload)
{
	bool exact = f->flags & VEXFS_SEARCH_EXACT;
	struct vexfs_coll *coll = f->coll;
	int err = 0;
	u32 slot;

	for_each_set_bit(slot, f->permitted.bits, min(f->permitted.nslots, coll->nslots)) {
		if (!test_bit(slot, coll->bits.live))
			continue;
		vexfs_region_ahead(exact ? payload : code, slot);
		if (exact)
			err = vexfs_load_vector(f, payload, slot, slot);
		else
			err = vexfs_load_code(f, code, payload, slot);
		if (err)
			err = vexfs_load_failed(f, slot, err);
		if (!err && f->batch.n == f->batch.cap)
			err = vexfs_scan_flush(f, top);
		if (err)
			return err;
	}
	return f->batch.n ? vexfs_scan_flush(f, top) : 0;
}

/**
 * vexfs_scan - the best of all permitted slots, by code or, with SEARCH_EXACT, exactly
 * @f:	 the search; candidates up to f->last were met in earlier rounds
 * @top: receives (key, slot)
 *
 * coll->sem held for reading. Return: 0, -EINTR, -EIO, -EUCLEAN.
 */
int vexfs_scan(struct vexfs_find *f, struct vexfs_topk *top)
{
	struct vexfs_cursor code, payload;
	int err;

	vexfs_cursor_init(&code, &f->coll->code);
	vexfs_cursor_init(&payload, &f->coll->payload);
	err = vexfs_scan_slots(f, top, &code, &payload);
	vexfs_batch_reset(&f->batch);
	vexfs_cursor_done(&code);
	vexfs_cursor_done(&payload);
	return err;
}

/* ---- full precision --------------------------------------------------------------------- */

static void vexfs_rerank_flush(struct vexfs_find *f)
{
	struct vexfs_batch *b = &f->batch;
	u32 i;

	vexfs_simd_exact(&f->query, (const u32 *const *)b->rec, b->n, b->keys);
	f->distances += b->n;
	for (i = 0; i < b->n; i++) {
		struct vexfs_found *c = &f->cands[b->tag[i]];

		c->key = b->keys[i];
		vexfs_result_add(f, c);
	}
	vexfs_batch_reset(b);
}

/* Is the candidate's slot still the one that was scanned? */
static int vexfs_rerank_same(struct vexfs_find *f, struct vexfs_found *c)
{
	u64 stamp;
	u32 crc;
	int err;

	if (!test_bit(c->slot, f->coll->bits.live)) {
		c->ok = false;
	} else {
		err = vexfs_slot_marks(f->coll, c->slot, &stamp, &crc);
		if (err)
			return err;
		c->ok = stamp == c->stamp;
	}
	f->lost |= !c->ok;
	return 0;
}

static int vexfs_rerank_all(struct vexfs_find *f, struct vexfs_cursor *payload)
{
	u32 i;
	int err;

	for (i = 0; i < f->ncands; i++) {
		struct vexfs_found *c = &f->cands[i];

		if (!c->ok)
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		err = vexfs_rerank_same(f, c);
		if (!err && c->ok)
			err = vexfs_load_vector(f, payload, c->slot, i);
		if (err)
			err = vexfs_load_failed(f, c->slot, err);
		if (err)
			return err;
		if (f->batch.n == f->batch.cap) {
			vexfs_rerank_flush(f);
			cond_resched();
		}
	}
	vexfs_rerank_flush(f);
	return 0;
}

/**
 * vexfs_rerank - measure the candidates still wanted, add them to the results
 * @f: the search
 *
 * coll->sem held for reading. Return: 0, -EINTR, -EIO, -EUCLEAN.
 */
int vexfs_rerank(struct vexfs_find *f)
{
	struct vexfs_cursor payload;
	int err;
	u32 i;

	vexfs_cursor_init(&payload, &f->coll->payload);
	for (i = 0; i < f->ncands; i++)
		if (f->cands[i].ok && f->cands[i].slot < f->coll->nslots)
			vexfs_region_prefetch(&payload, f->cands[i].slot);
	err = vexfs_rerank_all(f, &payload);
	vexfs_batch_reset(&f->batch);
	vexfs_cursor_done(&payload);
	return err;
}
