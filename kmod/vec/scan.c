// SPDX-License-Identifier: GPL-2.0
/*
 * The distances of a search: all permitted slots by their codes (or, exactly, by
 * their payload), and candidates in full precision.
 *
 * Everything read is checked once after it came from the disk: a block's buffer
 * carries a flag when every live record in it has passed. The flag goes with the
 * buffer when memory is reclaimed.
 *
 * No lock is held: slots may be freed and used again while they are read. What
 * a slot was is known by its stamp, which is looked at again whenever content
 * is not as expected, and before a distance counts.
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

/* @bh: reference handed over, NULL if the record is in the bounce buffer */
static void vexfs_batch_push(struct vexfs_batch *b, u32 tag, const void *rec,
			     struct buffer_head *bh)
{
	b->tag[b->n] = tag;
	b->rec[b->n] = rec;
	b->bh[b->n] = bh;
	b->n++;
}

/* ---- checking what was read --------------------------------------------------- */

static bool vexfs_record_good(struct vexfs_coll *coll, bool code, const struct vexfs_slot *s,
			      const void *rec)
{
	if (code)
		return vexfs_code_valid(&coll->space, rec, (u32)le64_to_cpu(s->v_stamp));
	return vexfs_vec_crc(&coll->space, rec) == le32_to_cpu(s->v_payload_crc);
}

/* 0, -ESTALE if the slot is not live or has changed just now, -EILSEQ if the
 * record is not what the slot promises, or an error. */
static int vexfs_record_check(struct vexfs_coll *coll, bool code, u32 slot, const void *rec)
{
	struct vexfs_slot s, again;
	int err = vexfs_slot_copy(coll, slot, &s);

	if (err)
		return err;
	if (s.v_state != VEXFS_SLOT_LIVE)
		return -ESTALE;
	if (vexfs_record_good(coll, code, &s, rec))
		return 0;
	err = vexfs_slot_copy(coll, slot, &again);
	if (err)
		return err;
	return again.v_state == VEXFS_SLOT_LIVE && again.v_stamp == s.v_stamp ? -EILSEQ : -ESTALE;
}

/* All live records of the block that holds @slot; remembers if all are good:
 * what is set later is. */
static int vexfs_block_check(struct vexfs_coll *coll, const struct vexfs_region *r, bool code,
			     u32 slot, struct buffer_head *bh)
{
	u32 first = slot - slot % r->l.per_block, i;
	u32 end = min(first + r->l.per_block, READ_ONCE(coll->nslots));
	int err, result = -ESTALE;
	bool all = true;

	for (i = first; i < end; i++) {
		err = -ESTALE;
		if (vexfs_slot_live(coll, i))
			err = vexfs_record_check(coll, code, i,
						 bh->b_data + (i - first) * r->l.stride);
		if (err && err != -EILSEQ && err != -ESTALE)
			return err;
		all = all && err != -EILSEQ;
		if (i == slot)
			result = err;
	}
	if (all)
		set_buffer_vexfs_checked(bh);
	return result;
}

/* The record of @slot in place: pinned, checked. -EILSEQ, -ESTALE, ERR_PTR. */
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
	f32 = kvmalloc_array(space->dim, sizeof(*f32), GFP_KERNEL_ACCOUNT);
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
	if (err == -EILSEQ || err == -EIO)
		return vexfs_remake_code(f, payload, slot);
	if (!err)
		vexfs_batch_push(b, slot, rec, bh);
	return err;
}

/* A vector that is damaged or cannot be read cannot be found; the others can. One that has
 * gone is not looked for. */
static int vexfs_load_failed(struct vexfs_find *f, u32 slot, int err)
{
	if (err == -ESTALE)
		return 0;
	if ((err != -EILSEQ && err != -EIO) || vexfs_is_shutdown(f->coll->sb))
		return err;
	vexfs_warn(f->coll->sb, "collection %s slot %u: payload %s; left out of searches", vexfs_coll_label(f->coll),
		   slot, err == -EIO ? "cannot be read" : "checksum is wrong");
	f->reply |= VEXFS_REPLY_INCOMPLETE;
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

	if (f->exact)
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

/* What a scan reads from: codes, or payload if exact or if a code is damaged. */
struct vexfs_scan_at {
	struct vexfs_cursor code, payload;
};

static int vexfs_scan_slot(struct vexfs_find *f, struct vexfs_topk *top, struct vexfs_scan_at *at,
			   u32 slot)
{
	int err;

	if (f->exact)
		err = vexfs_load_vector(f, &at->payload, slot, slot);
	else
		err = vexfs_load_code(f, &at->code, &at->payload, slot);
	if (err)
		err = vexfs_load_failed(f, slot, err);
	if (!err && f->batch.n == f->batch.cap)
		err = vexfs_scan_flush(f, top);
	return err;
}

/* Which of the slots from @first on are live and to be looked at, in f->live. 0: no more. */
static u32 vexfs_scan_part(struct vexfs_find *f, u32 first)
{
	const unsigned long *bits = f->walk.on ? f->walk.look : f->permitted.bits;
	u32 n, nslots = f->walk.on ? f->walk.nbits : f->permitted.nslots;

	if (first >= nslots)
		return 0;
	n = min(vexfs_slots_live(f->coll, first, f->live), nslots - first);
	bitmap_and(f->live, f->live, bits + BIT_WORD(first), n);
	return n;
}

/* Every slot to be looked at that is live when its turn comes: all permitted ones, or the walk's. */
static int vexfs_scan_slots(struct vexfs_find *f, struct vexfs_topk *top, struct vexfs_scan_at *at)
{
	struct vexfs_cursor *ahead = f->exact ? &at->payload : &at->code;
	u32 first, n, i;
	int err;

	for (first = 0; (n = vexfs_scan_part(f, first)); first += n) {
		for_each_set_bit(i, f->live, n) {
			vexfs_region_ahead(ahead, first + i);
			err = vexfs_scan_slot(f, top, at, first + i);
			if (err)
				return err;
		}
		/* There may be few among many that are not permitted. */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return f->batch.n ? vexfs_scan_flush(f, top) : 0;
}

/* Of what was set meanwhile, what the caller may have: hidden slots are looked up, never measured. */
static int vexfs_scan_recent_slots(struct vexfs_find *f, struct vexfs_topk *top,
				   struct vexfs_scan_at *at, int n)
{
	int i, ok, err;

	for (i = 0; i < n; i++) {
		/* One embedding set many times leaves as many slots: the last is live. */
		if (!vexfs_slot_live(f->coll, f->recent[i]))
			continue;
		ok = fatal_signal_pending(current) ? -EINTR : vexfs_find_recent(f, f->recent[i]);
		if (ok < 0)
			return ok;
		if (!ok)
			continue;
		f->twice = true;
		/* An earlier round has passed the place it would have had. */
		f->moved |= f->have_last;
		err = vexfs_scan_slot(f, top, at, f->recent[i]);
		if (err)
			return err;
	}
	return f->batch.n ? vexfs_scan_flush(f, top) : 0;
}

/*
 * An embedding set again during the scan may have moved from a slot the scan
 * had not reached to one it had passed: look at what was set meanwhile. f->moved
 * if that was too much, or does not end.
 */
static int vexfs_scan_recent(struct vexfs_find *f, struct vexfs_topk *top,
			     struct vexfs_scan_at *at)
{
	int n, err, pass;

	for (pass = 0; pass < VEXFS_PASSES; pass++) {
		n = vexfs_slots_recent(f->coll, &f->mark, f->recent);
		if (!n)
			return 0;
		if (n < 0)
			break;
		err = vexfs_scan_recent_slots(f, top, at, n);
		if (err)
			return err;
	}
	f->moved = true;
	f->twice = true;
	return 0;
}

/**
 * vexfs_scan - the best of all permitted slots, by code or, with f->exact, exactly
 * @f:	 the search; candidates up to f->last were met in earlier rounds
 * @top: receives (key, slot)
 *
 * No locks needed. Sets f->moved if embeddings may have been missed that were
 * set again meanwhile. Return: 0, -EINTR, -EIO, -EUCLEAN.
 */
int vexfs_scan(struct vexfs_find *f, struct vexfs_topk *top)
{
	struct vexfs_scan_at at;
	int err;

	vexfs_cursor_init(&at.code, &f->coll->code);
	vexfs_cursor_init(&at.payload, &f->coll->payload);
	err = vexfs_scan_slots(f, top, &at);
	if (!err)
		err = vexfs_scan_recent(f, top, &at);
	vexfs_batch_reset(&f->batch);
	vexfs_cursor_done(&at.code);
	vexfs_cursor_done(&at.payload);
	return err;
}

/**
 * vexfs_scan_again - look at what was set since the scan
 * @f:	 the search
 * @top: what the scan found, sorted since; those that are no candidates any more
 *	 (f->cands) make room
 *
 * Return: as vexfs_scan().
 */
int vexfs_scan_again(struct vexfs_find *f, struct vexfs_topk *top)
{
	struct vexfs_scan_at at;
	u32 i, n = top->n;
	int err;

	vexfs_topk_init(top, f->heap, f->window);
	for (i = 0; i < n; i++)
		if (f->cands[i].ok)
			vexfs_topk_add(top, f->heap[i].key, f->heap[i].id);
	vexfs_cursor_init(&at.code, &f->coll->code);
	vexfs_cursor_init(&at.payload, &f->coll->payload);
	err = vexfs_scan_recent(f, top, &at);
	vexfs_batch_reset(&f->batch);
	vexfs_cursor_done(&at.code);
	vexfs_cursor_done(&at.payload);
	return err;
}

/* ---- full precision --------------------------------------------------------------------- */

/* The same embedding set again since the scan: make the candidate what it is now. */
static bool vexfs_follow_slot(struct vexfs_found *c, u32 slot, const struct vexfs_slot *s)
{
	if (s->v_state != VEXFS_SLOT_LIVE || le64_to_cpu(s->v_ino) != c->ino ||
	    le32_to_cpu(s->v_chunk) != c->chunk || le32_to_cpu(s->v_generation) != c->generation)
		return false;
	c->slot = slot;
	c->stamp = le64_to_cpu(s->v_stamp);
	c->off = le64_to_cpu(s->v_off);
	c->len = le64_to_cpu(s->v_len);
	c->datagen = le64_to_cpu(s->v_datagen);
	/* Content may have changed since the verdict, too; never back. */
	c->stale = c->datagen < c->filegen;
	return true;
}

/* The candidate's slot is no longer its own: where is it? Not among what was set
 * since the scan: deleted, or found by the scan in its new place. -ESTALE: it
 * may have moved again while we looked. */
static int vexfs_follow(struct vexfs_find *f, struct vexfs_found *c)
{
	struct vexfs_slot s;
	u64 mark = f->mark;
	int err, n = vexfs_slots_recent(f->coll, &mark, f->recent);

	f->twice = true;
	f->lost |= n < 0;
	while (n-- > 0) {
		err = vexfs_slot_copy(f->coll, f->recent[n], &s);
		if (err)
			return err;
		if (vexfs_follow_slot(c, f->recent[n], &s))
			return 0;
	}
	if (mark != vexfs_slots_mark(f->coll))
		return -ESTALE;
	c->ok = false;
	return 0;
}

/* Is the candidate's slot still the one that was scanned? */
static int vexfs_rerank_same(struct vexfs_find *f, const struct vexfs_found *c, bool *same)
{
	struct vexfs_slot s;
	int err = vexfs_slot_copy(f->coll, c->slot, &s);

	if (!err)
		*same = s.v_state == VEXFS_SLOT_LIVE && le64_to_cpu(s.v_stamp) == c->stamp;
	return err;
}

/* A distance counts if the slot was the candidate's all the time it was read;
 * otherwise the candidate is not done. */
static int vexfs_rerank_flush(struct vexfs_find *f)
{
	struct vexfs_batch *b = &f->batch;
	int err = 0;
	u32 i;

	vexfs_simd_exact(&f->query, (const u32 *const *)b->rec, b->n, b->keys);
	f->distances += b->n;
	for (i = 0; i < b->n && !err; i++) {
		struct vexfs_found *c = &f->cands[b->tag[i]];

		c->key = b->keys[i];
		err = vexfs_rerank_same(f, c, &c->done);
		if (!err && c->done)
			vexfs_result_add(f, c);
	}
	vexfs_batch_reset(b);
	return err;
}

static int vexfs_rerank_load(struct vexfs_find *f, struct vexfs_cursor *payload, u32 i)
{
	struct vexfs_found *c = &f->cands[i];
	bool same;
	int err = vexfs_rerank_same(f, c, &same);

	if (!err && !same)
		err = vexfs_follow(f, c);
	if (!err && c->ok)
		err = vexfs_load_vector(f, payload, c->slot, i);
	if (err == -EILSEQ || err == -EIO)
		c->done = true;		/* damaged; -ESTALE: changed again, so once more */
	return err ? vexfs_load_failed(f, c->slot, err) : 0;
}

static int vexfs_rerank_all(struct vexfs_find *f, struct vexfs_cursor *payload)
{
	int err = 0;
	u32 i;

	for (i = 0; i < f->ncands && !err; i++) {
		if (!f->cands[i].ok || f->cands[i].done)
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		err = vexfs_rerank_load(f, payload, i);
		if (!err && f->batch.n == f->batch.cap)
			err = vexfs_rerank_flush(f);
		cond_resched();
	}
	return err ? err : vexfs_rerank_flush(f);
}

static bool vexfs_rerank_done(const struct vexfs_find *f)
{
	u32 i;

	for (i = 0; i < f->ncands; i++)
		if (f->cands[i].ok && !f->cands[i].done)
			return false;
	return true;
}

/**
 * vexfs_rerank - measure the candidates still wanted, add them to the results
 * @f: the search
 *
 * No locks needed. Return: 0, -EINTR, -EIO, -EUCLEAN.
 */
int vexfs_rerank(struct vexfs_find *f)
{
	struct vexfs_cursor payload;
	int err = 0, pass;
	u32 i;

	vexfs_cursor_init(&payload, &f->coll->payload);
	for (i = 0; i < f->ncands; i++)
		if (f->cands[i].ok && f->cands[i].slot < READ_ONCE(f->coll->nslots))
			vexfs_region_prefetch(&payload, f->cands[i].slot);
	for (pass = 0; pass < VEXFS_PASSES && !err; pass++) {
		err = vexfs_rerank_all(f, &payload);
		if (vexfs_rerank_done(f))
			break;
	}
	f->lost |= pass == VEXFS_PASSES;
	vexfs_batch_reset(&f->batch);
	vexfs_cursor_done(&payload);
	return err;
}
