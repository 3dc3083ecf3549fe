// SPDX-License-Identifier: GPL-2.0
/*
 * Nearest neighbours below a directory: the flat tier.
 *
 * In rounds. Each takes the next best candidates (a window) by a scan of the
 * int8 codes, asks which of them the caller may have, and measures those in
 * full precision. Rounds go on with larger windows until k results are found or
 * nothing is left; a candidate is judged in one round only. The result is the
 * exact order of everything measured.
 *
 * Scanning and measuring hold coll->sem (shared); judging must not, because it
 * looks up inodes. What changes in between is noticed (a slot's stamp, the
 * collection's seq) and the search begins again, a few times at most.
 */
#include "kmod/vec/search.h"
#include "kmod/vec/trace.h"
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

/* ---- memory ---------------------------------------------------------------- */

static void *vexfs_alloc(size_t n, size_t size)
{
	return kvmalloc_array(n, size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}

static void vexfs_window_free(struct vexfs_find *f)
{
	kvfree(f->heap);
	kvfree(f->cands);
	f->heap = NULL;
	f->cands = NULL;
}

static int vexfs_window_alloc(struct vexfs_find *f, u32 window)
{
	vexfs_window_free(f);
	f->window = window;
	f->heap = vexfs_alloc(window, sizeof(*f->heap));
	f->cands = vexfs_alloc(window, sizeof(*f->cands));
	return f->heap && f->cands ? 0 : -ENOMEM;
}

static void vexfs_find_free(struct vexfs_find *f)
{
	vexfs_window_free(f);
	vexfs_scope_free(f->scope);
	kvfree(f->results);
	kvfree(f->query_mem);
	kvfree(f->batch.bounce);
	kvfree(f->raw);
	vexfs_coll_put(f->coll);
	kvfree(f);
}

static int vexfs_find_query(struct vexfs_find *f, const struct vexfs_ioc_search *req)
{
	const struct vexfs_space *space = &f->coll->space;
	u32 *bits;
	int err;

	if (req->query_bytes != 4 * space->dim)
		return -EINVAL;
	bits = vmemdup_user(u64_to_user_ptr(req->query), req->query_bytes);
	if (IS_ERR(bits))
		return PTR_ERR(bits);
	f->query_mem = vexfs_alloc(1, vexfs_query_bytes(space) + 64);
	err = -ENOMEM;
	if (f->query_mem)
		err = vexfs_query_init(&f->query, space, bits, PTR_ALIGN(f->query_mem, 64));
	kvfree(bits);
	return err;
}

static int vexfs_find_buffers(struct vexfs_find *f)
{
	u32 dim = f->coll->space.dim;

	f->batch.cap = clamp_t(u32, VEXFS_BATCH_ELEMS / dim, 1, VEXFS_BATCH);
	/* room for a float32 vector, or a code record, per row */
	f->batch.stride = ALIGN(dim * 4 + sizeof(struct vexfs_code), 64);
	f->batch.bounce = vexfs_alloc(f->batch.cap, f->batch.stride);
	f->raw = vexfs_alloc(1, vexfs_vec_bytes(&f->coll->space));
	f->results = vexfs_alloc(f->k + 1, sizeof(*f->results));
	return f->batch.bounce && f->raw && f->results ? 0 : -ENOMEM;
}

static struct vexfs_find *vexfs_find_create(struct file *file,
					    const struct vexfs_ioc_search *req)
{
	struct inode *dir = file_inode(file);
	struct vexfs_find *f = kvzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	int err;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->flags = req->flags;
	f->k = req->k;
	f->first_window = req->effort ? max(req->effort, req->k) :
		max_t(u32, 4 * req->k, VEXFS_WINDOW_MIN);
	f->first_window = min_t(u32, f->first_window, VEXFS_WINDOW_MAX);
	f->coll = vexfs_coll_get(dir->i_sb, req->collection);
	if (IS_ERR(f->coll)) {
		err = PTR_ERR(f->coll);
		f->coll = NULL;
		goto fail;
	}
	f->scope = vexfs_scope_create(dir, vexfs_file_idmap(file));
	err = f->scope ? vexfs_find_query(f, req) : -ENOMEM;
	if (!err)
		err = vexfs_find_buffers(f);
	if (!err)
		return f;
fail:
	vexfs_find_free(f);
	return ERR_PTR(err);
}

/* ---- one round ------------------------------------------------------------------ */

/* What the rest of the round needs to know of each candidate. */
static int vexfs_cand_fill(struct vexfs_coll *coll, struct vexfs_cand *h, struct vexfs_found *c)
{
	struct vexfs_slot *s;
	struct buffer_head *bh = vexfs_slot_read(coll, h->id, &s);

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	c->key = h->key;
	c->slot = h->id;
	c->ino = le64_to_cpu(s->v_ino);
	c->generation = le32_to_cpu(s->v_generation);
	c->chunk = le32_to_cpu(s->v_chunk);
	c->stamp = le64_to_cpu(s->v_stamp);
	c->off = le64_to_cpu(s->v_off);
	c->len = le64_to_cpu(s->v_len);
	c->datagen = le64_to_cpu(s->v_datagen);
	c->ok = s->v_state == VEXFS_SLOT_LIVE;
	brelse(bh);
	return 0;
}

/* The best candidates after f->last into f->cands, ascending. */
static int vexfs_round_collect(struct vexfs_find *f)
{
	struct vexfs_coll *coll = f->coll;
	unsigned int nofs = memalloc_nofs_save();
	struct vexfs_topk top;
	int err;
	u32 i;

	down_read(&coll->sem);
	err = vexfs_coll_check(coll);
	if (!f->rounds)
		f->seq = coll->seq;
	f->moved = f->seq != coll->seq;
	vexfs_topk_init(&top, f->heap, f->window);
	if (!err)
		err = vexfs_scan(f, &top);
	vexfs_topk_sort(&top);
	for (i = 0; i < top.n && !err; i++)
		err = vexfs_cand_fill(coll, &f->heap[i], &f->cands[i]);
	up_read(&coll->sem);
	memalloc_nofs_restore(nofs);
	f->ncands = top.n;
	if (top.n)
		f->last = f->heap[top.n - 1];
	f->rounds++;
	return err;
}

/* No locks held. Leaves c->ok set for those the caller may have. */
static int vexfs_round_judge(struct vexfs_find *f)
{
	struct vexfs_verdict v;
	u32 i;
	int err;

	for (i = 0; i < f->ncands; i++) {
		struct vexfs_found *c = &f->cands[i];

		if (!c->ok)
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		err = vexfs_scope_judge(f->scope, c->ino, &v);
		if (err)
			return err;
		c->stale = v.datagen != c->datagen;
		c->ok = v.ok && v.generation == c->generation &&
			!(c->stale && (f->flags & VEXFS_SEARCH_FRESH));
		cond_resched();
	}
	return 0;
}

static bool vexfs_found_before(const struct vexfs_found *a, const struct vexfs_found *b)
{
	return a->key != b->key ? a->key < b->key : a->slot < b->slot;
}

/* An embedding set again between two rounds may be met twice. */
static bool vexfs_result_twice(struct vexfs_find *f, const struct vexfs_found *c)
{
	u32 i;

	for (i = 0; i < f->nresults && f->moved; i++)
		if (f->results[i].ino == c->ino && f->results[i].chunk == c->chunk)
			return true;
	return false;
}

/* Keep the best k in order; k is small. */
void vexfs_result_add(struct vexfs_find *f, const struct vexfs_found *c)
{
	u32 i = f->nresults;

	if (vexfs_result_twice(f, c))
		return;
	while (i && vexfs_found_before(c, &f->results[i - 1])) {
		f->results[i] = f->results[i - 1];
		i--;
	}
	f->results[i] = *c;
	if (f->nresults < f->k)
		f->nresults++;
}

static int vexfs_round_measure(struct vexfs_find *f)
{
	unsigned int nofs = memalloc_nofs_save();
	int err;

	down_read(&f->coll->sem);
	err = vexfs_coll_check(f->coll);
	if (!err)
		err = vexfs_rerank(f);
	up_read(&f->coll->sem);
	memalloc_nofs_restore(nofs);
	return err;
}

/* ---- the whole search --------------------------------------------------------------- */

static int vexfs_attempt(struct vexfs_find *f)
{
	u32 window = f->first_window;
	int err;

	f->nresults = 0;
	f->rounds = 0;
	f->lost = false;
	f->have_last = false;
	do {
		err = vexfs_window_alloc(f, window);
		if (!err)
			err = vexfs_round_collect(f);
		if (!err)
			err = vexfs_round_judge(f);
		if (!err)
			err = vexfs_round_measure(f);
		if (err)
			return err;
		f->all_rounds++;
		f->candidates += f->ncands;
		trace_vexfs_search_round(f);
		f->have_last = true;
		window = min_t(u32, window * 4, VEXFS_WINDOW_MAX);
	} while (f->nresults < f->k && f->ncands == f->window);
	return f->lost || f->moved ? -EAGAIN : 0;
}

/* Paths of the results. -EAGAIN: one of them is not where it was. */
static int vexfs_find_paths(struct vexfs_find *f, struct vexfs_search_hit *hits, char *paths,
			    u32 room, u32 *used, bool last_try)
{
	u32 i, n = 0, len, pos = 0;
	const char *path;
	int err;

	for (i = 0; i < f->nresults; i++) {
		struct vexfs_found *c = &f->results[i];
		struct vexfs_search_hit *h = &hits[n];

		err = vexfs_scope_path(f->scope, c->ino, &path, &len);
		if (err == -ESTALE && !last_try)
			return -EAGAIN;
		if (err == -EINTR || err == -ENOMEM)
			return err;
		if (err && err != -ENAMETOOLONG)
			continue;
		memset(h, 0, sizeof(*h));
		h->ino = c->ino;
		h->generation = c->generation;
		h->chunk = c->chunk;
		h->range_off = c->off;
		h->range_len = c->len;
		h->distance = vexfs_key_to_f32(c->key);
		h->flags = c->stale ? VEXFS_HIT_STALE : 0;
		if (err || len > room - pos) {
			h->flags |= VEXFS_HIT_NO_PATH;
		} else {
			memcpy(paths + pos, path, len);
			h->path_off = pos;
			h->path_len = len;
			pos += len;
		}
		n++;
		cond_resched();
	}
	f->nresults = n;
	*used = pos;
	return 0;
}

static int vexfs_find_run(struct vexfs_find *f, struct vexfs_search_hit *hits, char *paths,
			  u32 room, u32 *used)
{
	int try, err = 0;

	for (try = 1; try <= VEXFS_TRIES; try++) {
		f->retries = try - 1;
		err = vexfs_attempt(f);
		if (err && err != -EAGAIN)
			return err;
		if (err && try < VEXFS_TRIES)
			continue;
		err = vexfs_find_paths(f, hits, paths, room, used, try == VEXFS_TRIES);
		if (err != -EAGAIN)
			return err;
		/* What was learnt about directories is old. */
		vexfs_scope_forget(f->scope);
	}
	return err;
}

static int vexfs_search_check(struct file *file, const struct vexfs_ioc_search *req)
{
	if (!S_ISDIR(file_inode(file)->i_mode))
		return -ENOTDIR;
	if (!req->k || req->k > VEXFS_SEARCH_MAX_K)
		return -EINVAL;
	if (req->flags & ~(VEXFS_SEARCH_EXACT | VEXFS_SEARCH_FRESH))
		return -EINVAL;
	return 0;
}

static int vexfs_search_reply(const struct vexfs_ioc_search *req,
			      const struct vexfs_search_hit *hits, u32 n, const char *paths,
			      u32 used)
{
	if (copy_to_user(u64_to_user_ptr(req->hits), hits, n * sizeof(*hits)))
		return -EFAULT;
	if (used && copy_to_user(u64_to_user_ptr(req->paths), paths, used))
		return -EFAULT;
	return 0;
}

/**
 * vexfs_search - the k nearest embeddings below a directory
 * @file: the directory; its mount's idmap is the caller's view of owners
 * @req:  checked for size and reserved fields; @found and @nsec are filled in,
 *	  hits and paths written to user space
 *
 * No locks held. Return: 0, -EINVAL, -EDOM, -ENOENT, -ENOTDIR, -EFAULT, -ENOMEM,
 * -EINTR (fatal signal), -EUCLEAN, -EIO.
 */
int vexfs_search(struct file *file, struct vexfs_ioc_search *req)
{
	struct vexfs_search_hit *hits = NULL;
	ktime_t start = ktime_get();
	struct vexfs_find *f;
	char *paths = NULL;
	u32 room, used = 0;
	int err = vexfs_search_check(file, req);

	if (err)
		return err;
	f = vexfs_find_create(file, req);
	if (IS_ERR(f))
		return PTR_ERR(f);
	trace_vexfs_search_begin(file_inode(file), f);
	room = min_t(u64, req->path_bytes, (u64)req->k * PATH_MAX);
	hits = vexfs_alloc(req->k, sizeof(*hits));
	paths = vexfs_alloc(1, max(room, 1U));
	err = hits && paths ? vexfs_find_run(f, hits, paths, room, &used) : -ENOMEM;
	if (!err) {
		req->found = f->nresults;
		req->nsec = ktime_to_ns(ktime_sub(ktime_get(), start));
		err = vexfs_search_reply(req, hits, f->nresults, paths, used);
	}
	trace_vexfs_search_end(file_inode(file), f, ktime_to_ns(ktime_sub(ktime_get(), start)), err);
	kvfree(hits);
	kvfree(paths);
	vexfs_find_free(f);
	return err;
}
