// SPDX-License-Identifier: GPL-2.0
/*
 * Nearest neighbours below a directory: the flat tier.
 *
 * First it is settled which embeddings the caller may have (view.c), and which of
 * those are of files as wanted (filter.c); hidden ones
 * have no part in anything that follows, so neither replies nor the work behind
 * them tell where hidden vectors are. Then in rounds: each takes the next best
 * candidates (a window) by a scan of the int8 codes, judges their files once more
 * and measures them in full precision. One round is enough unless embeddings are
 * left out as stale, or change meanwhile. The result is the exact order of
 * everything measured. Last, the best are opened as the caller would open them
 * (open.c), and the first k that can be are the reply.
 *
 * Work is limited: a user has only so many searches at a time (turn.c), and an
 * attempt compares only so many embeddings. If the caller may have more, some are
 * left out (cut.c); rounds go on while all that are left fit. Both are said in the
 * reply, and depend on what the caller may open alone.
 *
 * No lock is held over any of it, so that nobody who writes waits for a search,
 * however slow it is. What changes meanwhile is noticed (a slot's stamp, the
 * collection's nset); what was set again is looked at again, and where that is
 * not enough the search begins anew, a few times at most.
 */
#include "kmod/vec/search.h"
#include "kmod/vec/trace.h"
#include "kmod/vec/turn.h"
#include <linux/capability.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>

static unsigned int search_max_work = 4194304;
module_param(search_max_work, uint, 0644);
MODULE_PARM_DESC(search_max_work, "embeddings that a search may compare (4194304; 0: any number)");

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
	vexfs_walk_end(f);
	kvfree(f->permitted.bits);
	vexfs_opened_free(&f->opened);
	vexfs_view_put(f->view);
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
	int err = -ENOMEM;

	if (req->query_bytes != 4 * space->dim)
		return -EINVAL;
	bits = vexfs_alloc(1, req->query_bytes);
	f->query_mem = vexfs_alloc(1, vexfs_query_bytes(space) + 64);
	if (bits && f->query_mem)
		err = copy_from_user(bits, u64_to_user_ptr(req->query), req->query_bytes) ? -EFAULT :
			vexfs_query_init(&f->query, space, bits, PTR_ALIGN(f->query_mem, 64));
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
	f->room = 2 * f->k + VEXFS_WINDOW_MIN;
	f->results = vexfs_alloc(f->room + 1, sizeof(*f->results));
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
	f->first_window = req->effort ? max(req->effort, req->k) : 4 * req->k;
	f->first_window = clamp_t(u32, f->first_window, VEXFS_WINDOW_MIN, VEXFS_WINDOW_MAX);
	f->max_work = min_not_zero(req->max_work, (u64)(READ_ONCE(search_max_work) ?: U32_MAX));
	f->idmap = vexfs_file_idmap(file);
	vexfs_opened_init(&f->opened, dir->i_sb, NULL);
	err = vexfs_filter_init(&f->filter, req);
	if (err)
		goto fail;
	f->coll = vexfs_coll_open(dir->i_sb, req->collection, MAY_READ);
	if (IS_ERR(f->coll)) {
		err = PTR_ERR(f->coll);
		f->coll = NULL;
		goto fail;
	}
	err = vexfs_coll_embedder(f->coll, &req->embedder);
	if (!err)
		err = vexfs_coll_need_table(f->coll);
	if (err)
		goto fail;
	f->scope = vexfs_scope_create(file, &f->filter);
	f->opened.sc = f->scope;
	f->view = vexfs_view_get(f->coll, f->idmap);
	err = f->scope && f->view ? vexfs_find_query(f, req) : -ENOMEM;
	if (!err)
		err = vexfs_find_buffers(f);
	if (!err)
		return f;
fail:
	vexfs_find_free(f);
	return ERR_PTR(err);
}

/* ---- what changes meanwhile ------------------------------------------------------ */

int vexfs_find_recent(struct vexfs_find *f, u32 slot)
{
	struct vexfs_verdict v;
	struct vexfs_slot s;
	int err = vexfs_slot_copy(f->coll, slot, &s);

	if (err || s.v_state != VEXFS_SLOT_LIVE)
		return err;
	err = vexfs_scope_judge(f->scope, le64_to_cpu(s.v_ino), &v);
	if (err)
		return err;
	return v.pass && v.generation == le32_to_cpu(s.v_generation);
}

/* ---- one round ------------------------------------------------------------------ */

/* What the rest of the round needs to know of each candidate. */
static int vexfs_cand_fill(struct vexfs_coll *coll, struct vexfs_cand *h, struct vexfs_found *c)
{
	struct vexfs_slot s;
	int err = vexfs_slot_copy(coll, h->id, &s);

	if (err)
		return err;
	c->key = h->key;
	c->slot = h->id;
	c->ino = le64_to_cpu(s.v_ino);
	c->generation = le32_to_cpu(s.v_generation);
	c->chunk = le32_to_cpu(s.v_chunk);
	c->stamp = le64_to_cpu(s.v_stamp);
	c->off = le64_to_cpu(s.v_off);
	c->len = le64_to_cpu(s.v_len);
	c->datagen = le64_to_cpu(s.v_datagen);
	c->ok = s.v_state == VEXFS_SLOT_LIVE;
	c->done = false;
	return 0;
}

/* All candidates, ascending. False: some have gone and may be somewhere else now. */
static int vexfs_cands_fill(struct vexfs_find *f, struct vexfs_topk *top, bool *all)
{
	int err;
	u32 i;

	*all = true;
	vexfs_topk_sort(top);
	for (i = 0; i < top->n; i++) {
		err = fatal_signal_pending(current) ? -EINTR :
			vexfs_cand_fill(f->coll, &f->heap[i], &f->cands[i]);
		if (err)
			return err;
		*all &= f->cands[i].ok;
		cond_resched();
	}
	*all |= f->mark == vexfs_slots_mark(f->coll);
	return 0;
}

static int vexfs_cands_settle(struct vexfs_find *f, struct vexfs_topk *top)
{
	int err, pass;
	bool all;

	for (pass = 0; pass < VEXFS_PASSES; pass++) {
		err = vexfs_cands_fill(f, top, &all);
		if (err || all)
			return err;
		err = vexfs_scan_again(f, top);
		if (err)
			return err;
	}
	f->lost = true;
	return vexfs_cands_fill(f, top, &all);
}

/* The best candidates after f->last into f->cands, ascending. */
static int vexfs_round_collect(struct vexfs_find *f)
{
	struct vexfs_coll *coll = f->coll;
	struct vexfs_topk top;
	int err = vexfs_coll_check(coll);

	vexfs_topk_init(&top, f->heap, f->window);
	if (!err)
		err = vexfs_scan(f, &top);
	if (!err)
		err = vexfs_cands_settle(f, &top);
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

	f->passed = 0;
	for (i = 0; i < f->ncands; i++) {
		struct vexfs_found *c = &f->cands[i];

		if (!c->ok || vexfs_open_refused(&f->opened, c->ino)) {
			c->ok = false;
			continue;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		err = vexfs_scope_judge(f->scope, c->ino, &v);
		if (err)
			return err;
		c->filegen = v.datagen;
		c->stale = v.datagen != c->datagen;
		c->ok = v.pass && v.generation == c->generation &&
			!(c->stale && (f->flags & VEXFS_SEARCH_FRESH));
		f->passed += c->ok;
		cond_resched();
	}
	return 0;
}

/* Of equal distances the order must not tell in which order slots were used. */
static bool vexfs_found_before(const struct vexfs_found *a, const struct vexfs_found *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	return a->ino != b->ino ? a->ino < b->ino : a->chunk < b->chunk;
}

/* An embedding set again between two rounds may be met twice. */
static bool vexfs_result_twice(struct vexfs_find *f, const struct vexfs_found *c)
{
	u32 i;

	for (i = 0; i < f->nresults && (f->rounds > 1 || f->twice); i++)
		if (f->results[i].ino == c->ino && f->results[i].chunk == c->chunk)
			return true;
	return false;
}

/* One embedding a file: false if the one there is nearer; one that is farther makes room. */
static bool vexfs_result_instead(struct vexfs_find *f, const struct vexfs_found *c)
{
	u32 i;

	for (i = 0; i < f->nresults; i++) {
		if (f->results[i].ino != c->ino)
			continue;
		if (!vexfs_found_before(c, &f->results[i]))
			return false;
		f->nresults--;
		memmove(&f->results[i], &f->results[i + 1], (f->nresults - i) * sizeof(*f->results));
		return true;
	}
	return true;
}

/* Keep the best in order; they are few. */
void vexfs_result_add(struct vexfs_find *f, const struct vexfs_found *c)
{
	u32 i;

	if (f->flags & VEXFS_SEARCH_PER_FILE && !vexfs_result_instead(f, c))
		return;
	i = f->nresults;
	if (i == f->room)
		f->more = true;
	if (i == f->room && !vexfs_found_before(c, &f->results[i - 1]))
		return;
	if (vexfs_result_twice(f, c))
		return;
	while (i && vexfs_found_before(c, &f->results[i - 1])) {
		f->results[i] = f->results[i - 1];
		i--;
	}
	f->results[i] = *c;
	if (f->nresults < f->room)
		f->nresults++;
}

/* No locks held: what is measured is checked to be what was judged. */
static int vexfs_round_measure(struct vexfs_find *f)
{
	int err = vexfs_coll_check(f->coll);

	return err ? err : vexfs_rerank(f);
}

/* ---- the whole search --------------------------------------------------------------- */

static bool vexfs_filtered(const struct vexfs_find *f)
{
	return f->filter.what || f->flags & VEXFS_SEARCH_FRESH;
}

/* Of the permitted slots, those that pass, and of these as many as may be compared. */
static int vexfs_find_filter(struct vexfs_find *f)
{
	int err = vexfs_filtered(f) ? vexfs_filter_slots(f) : 0;

	f->sift = 0;
	if (!err)
		err = vexfs_view_cut(f->view, f->coll, f->max_work, &f->permitted);
	if (f->permitted.incomplete)
		f->reply |= VEXFS_REPLY_INCOMPLETE;
	if (f->permitted.truncated)
		f->reply |= VEXFS_REPLY_TRUNCATED;
	return err;
}

static int vexfs_find_permitted(struct vexfs_find *f)
{
	struct vexfs_asked_about about = { .bits = f->walk.all, .n = f->walk.nbits };
	int err;

	kvfree(f->permitted.bits);
	f->permitted.bits = NULL;
	f->sift = 0;
	f->reply &= ~VEXFS_REPLY_TRUNCATED;
	err = vexfs_view_permitted(f->view, f->coll, f->scope, &about, &f->permitted);
	if (f->permitted.incomplete)
		f->reply |= VEXFS_REPLY_INCOMPLETE;
	if (!err && vexfs_filtered(f))
		err = vexfs_filter_plan(f);
	return err || f->sift ? err : vexfs_find_filter(f);
}

/*
 * Have the codes put the nearest in the wrong order? Of the candidates of a scan,
 * in the order of their codes, the nearest by distance are in the first half, if
 * codes tell vectors apart. If one of the nearest comes later, nearer ones may not
 * be among the candidates at all: an offset that all vectors share, a component
 * that dominates, near-duplicates. Equal ones at the end tell nothing.
 */
static bool vexfs_round_misled(const struct vexfs_find *f)
{
	u32 i, order = 0, worst;
	struct vexfs_topk top;

	if (f->ncands < f->window)
		return false;
	vexfs_topk_init(&top, f->heap, min(max(f->k, VEXFS_ORDER_MIN), f->passed / 4));
	for (i = 0; i < f->ncands && top.cap; i++)
		if (f->cands[i].ok && f->cands[i].done)
			vexfs_topk_add(&top, f->cands[i].key, order++);
	if (!top.n)
		return false;
	worst = vexfs_topk_worst(&top);
	for (i = 0; i < top.n; i++)
		if (top.heap[i].id >= order / 2 && top.heap[i].key < worst)
			return true;
	return false;
}

static int vexfs_round(struct vexfs_find *f, u32 window)
{
	int err = vexfs_window_alloc(f, window);

	if (!err)
		err = vexfs_round_collect(f);
	if (!err)
		err = vexfs_round_judge(f);
	if (!err)
		err = vexfs_round_measure(f);
	f->all_rounds++;
	f->candidates += f->ncands;
	f->seen += f->ncands;
	f->work_left -= min(f->work_left, f->permitted.n);
	trace_vexfs_search_round(f);
	f->have_last = true;
	return err;
}

/* Is another round needed, and may there be one? */
static bool vexfs_round_again(struct vexfs_find *f)
{
	if (f->nresults >= f->k || f->ncands < f->window)
		return false;
	if (f->permitted.n <= f->work_left)
		return true;
	/* What is left to look at stays so. */
	if (f->seen < f->permitted.n)
		f->reply |= VEXFS_REPLY_TRUNCATED;
	return false;
}

/* Rounds that begin anew look at what was set meanwhile anew: it is not among the permitted slots. */
static void vexfs_rounds_reset(struct vexfs_find *f)
{
	f->mark = f->begun;
	f->nresults = 0;
	f->rounds = 0;
	f->lost = false;
	f->moved = false;
	f->twice = false;
	f->more = false;
	f->have_last = false;
	f->work_left = f->max_work;
	f->seen = 0;
}

/*
 * Is that the answer? Also as many as there are: those that are left out have been
 * seen. Of candidates that were filtered a handful that passed are no choice: the
 * order by codes is not that by distances.
 */
static bool vexfs_round_answers(const struct vexfs_find *f)
{
	if (!f->more)
		return true;
	return f->nresults >= f->k && (!f->sift || f->passed >= f->first_window / 2);
}

/* One round over what a walk finds. 1: that is the answer; 0: scan, as if nothing had been. */
static int vexfs_walk_round(struct vexfs_find *f)
{
	u32 window = f->sift ?: f->first_window;
	int err = vexfs_window_alloc(f, window);

	if (!err)
		err = vexfs_walk_find(f, window);
	if (err <= 0)
		return err;
	f->walk.on = true;
	err = vexfs_round(f, window);
	f->walk.on = false;
	f->more |= f->seen < f->permitted.n;
	if (err)
		return err;
	f->plan = f->sift || f->walk.plan == VEXFS_PLAN_WIDEN ? VEXFS_SEARCHED_WIDE : VEXFS_SEARCHED_WALK;
	return vexfs_round_answers(f);
}

/* One round over all that are permitted, of whose nearest enough should pass the filter. 1: they did. */
static int vexfs_sift_round(struct vexfs_find *f)
{
	int err = vexfs_round(f, f->sift);

	f->more |= f->ncands == f->window;
	f->plan = VEXFS_SEARCHED_SIFT;
	if (!err && !f->exact && vexfs_round_misled(f))
		return 0;
	return err ? err : vexfs_round_answers(f);
}

/* 1: answered. 0: too few passed; f->permitted is now what passes, to be scanned. */
static int vexfs_sift(struct vexfs_find *f)
{
	int err = vexfs_walk_round(f);

	/* Not after a walk that found too few: they are not where the query is. */
	if (!err && f->walk.plan == VEXFS_PLAN_SCAN)
		err = vexfs_sift_round(f);
	return err ? err : vexfs_find_filter(f);
}

/* A scan of payload, if as many may be compared once more. */
static int vexfs_exact_round(struct vexfs_find *f)
{
	u32 left = f->work_left;

	if (f->permitted.n > left)
		return 0;
	f->exact = true;
	vexfs_rounds_reset(f);
	f->work_left = left;
	return vexfs_round(f, f->first_window);
}

static int vexfs_scan_rounds(struct vexfs_find *f)
{
	u32 window = f->first_window;
	int err = vexfs_round(f, window);

	if (!err && !f->exact && vexfs_round_misled(f))
		err = vexfs_exact_round(f);
	while (!err && vexfs_round_again(f)) {
		window = min_t(u32, window * 4, VEXFS_WINDOW_MAX);
		err = vexfs_round(f, window);
	}
	f->more |= f->ncands == f->window;
	f->plan = VEXFS_SEARCHED_SCAN;
	return err;
}

/* -EAGAIN: something the caller may have moved meanwhile. */
static int vexfs_attempt(struct vexfs_find *f)
{
	int err;

	/* Whatever is set from here on is looked at again, whoever it belongs to by then. */
	f->exact = f->flags & VEXFS_SEARCH_EXACT;
	f->begun = vexfs_slots_mark(f->coll);
	f->mark = f->begun;
	err = vexfs_walk_begin(f);
	if (!err)
		err = vexfs_find_permitted(f);
	vexfs_rounds_reset(f);
	if (!err)
		err = f->sift ? vexfs_sift(f) : vexfs_walk_round(f);
	if (!err) {
		vexfs_rounds_reset(f);
		err = vexfs_scan_rounds(f);
	}
	if (err < 0)
		return err;
	return f->lost || f->moved ? -EAGAIN : 0;
}

static int vexfs_find_attempt(struct vexfs_find *f)
{
	int try, err = -EAGAIN;

	for (try = 0; try < VEXFS_TRIES && err == -EAGAIN; try++) {
		if (try) {
			f->retries++;
			/* What was learnt about directories is old. */
			vexfs_scope_forget(f->scope);
		}
		err = vexfs_attempt(f);
	}
	return err == -EAGAIN ? 0 : err;
}

/**
 * struct vexfs_out - the reply being put together
 * @hits:  room for k
 * @n:     of them filled in
 * @paths: a file's path is in it once
 * @room:  bytes of @paths
 * @used:  of them filled in
 */
struct vexfs_out {
	struct vexfs_search_hit *hits;
	u32	n;
	char	*paths;
	u32	room, used;
};

static void vexfs_out_path(struct vexfs_out *o, struct vexfs_search_hit *h, const char *path,
			   u32 len)
{
	if (len >= PATH_MAX || len > o->room - o->used) {
		h->flags |= VEXFS_HIT_NO_PATH;
		return;
	}
	memcpy(o->paths + o->used, path, len);
	h->path_off = o->used;
	h->path_len = len;
	o->used += len;
}

static struct vexfs_search_hit *vexfs_out_hit(struct vexfs_out *o, const struct vexfs_found *c)
{
	struct vexfs_search_hit *h = &o->hits[o->n++];

	memset(h, 0, sizeof(*h));
	h->ino = c->ino;
	h->generation = c->generation;
	h->chunk = c->chunk;
	h->range_off = c->off;
	h->range_len = c->len;
	h->distance = vexfs_key_to_f32(c->key);
	h->flags = c->stale ? VEXFS_HIT_STALE : 0;
	return h;
}

/* Another passage of a file that is in the reply already. */
static bool vexfs_out_again(struct vexfs_out *o, const struct vexfs_found *c)
{
	struct vexfs_search_hit *h;
	u32 i;

	for (i = 0; i < o->n; i++) {
		if (o->hits[i].ino != c->ino)
			continue;
		h = vexfs_out_hit(o, c);
		h->flags |= o->hits[i].flags & VEXFS_HIT_NO_PATH;
		h->path_off = o->hits[i].path_off;
		h->path_len = o->hits[i].path_len;
		return true;
	}
	return false;
}

/* The first k results the caller can open. 1: some could not, and more may exist. */
static int vexfs_find_open(struct vexfs_find *f, struct vexfs_out *o)
{
	bool refused = false;
	char *path;
	u32 i, len;
	int ok;

	o->n = 0;
	o->used = 0;
	for (i = 0; i < f->nresults && o->n < f->k; i++) {
		const struct vexfs_found *c = &f->results[i];

		if (vexfs_open_refused(&f->opened, c->ino) || vexfs_out_again(o, c))
			continue;
		ok = vexfs_open_hit(&f->opened, c, &path, &len);
		f->opens++;
		if (ok > 0)
			vexfs_out_path(o, vexfs_out_hit(o, c), path, len);
		else if (ok == -ENAMETOOLONG)
			f->reply |= VEXFS_REPLY_INCOMPLETE;
		else if (ok < 0)
			return ok;
		refused |= ok <= 0;
		cond_resched();
	}
	return o->n < f->k && refused && f->more;
}

static int vexfs_find_run(struct vexfs_find *f, struct vexfs_out *o)
{
	int err, run = 0;

	do {
		err = vexfs_find_attempt(f);
		if (!err)
			err = vexfs_find_open(f, o);
		f->flat = true;		/* others than those that could not be opened: all there are */
	} while (err == 1 && f->opens < f->k + VEXFS_MORE_OPENS && ++run < VEXFS_RUNS);
	if (err == 1) {
		f->reply |= VEXFS_REPLY_INCOMPLETE;
		err = 0;
	}
	if (f->more && !f->exact)
		f->reply |= VEXFS_REPLY_APPROXIMATE;
	f->nresults = o->n;
	return err;
}

static int vexfs_search_check(struct file *file, const struct vexfs_ioc_search *req)
{
	if (!S_ISDIR(file_inode(file)->i_mode))
		return -ENOTDIR;
	if (!req->k || req->k > VEXFS_SEARCH_MAX_K)
		return -EINVAL;
	if (req->flags & ~(VEXFS_SEARCH_EXACT | VEXFS_SEARCH_FRESH | VEXFS_SEARCH_PER_FILE | VEXFS_SEARCH_COUNT))
		return -EINVAL;
	return 0;
}

/*
 * Whether there was a walk tells whether something in the collection is hidden
 * from the caller. Its owner knows how many embeddings there are, and from those
 * whom no permission keeps out nothing is hidden.
 */
static bool vexfs_search_tells(const struct vexfs_find *f)
{
	return vexfs_coll_counted(f->coll) || ns_capable_noaudit(f->coll->sb->s_user_ns, CAP_DAC_READ_SEARCH);
}

static int vexfs_search_reply(struct vexfs_ioc_search *req, const struct vexfs_find *f,
			      const struct vexfs_out *o)
{
	bool told = vexfs_search_tells(f);

	req->found = o->n;
	req->reply = f->reply;
	req->plan = told ? f->plan : VEXFS_SEARCHED_UNTOLD;
	req->pending = told ? f->walk.waiting : 0;
	if (copy_to_user(u64_to_user_ptr(req->hits), o->hits, o->n * sizeof(*o->hits)))
		return -EFAULT;
	if (o->used && copy_to_user(u64_to_user_ptr(req->paths), o->paths, o->used))
		return -EFAULT;
	return 0;
}

static int vexfs_search_find(struct vexfs_find *f, struct vexfs_ioc_search *req)
{
	struct vexfs_out o = { .room = min_t(u64, req->path_bytes, (u64)req->k * PATH_MAX) };
	int err = -ENOMEM;

	o.hits = vexfs_alloc(req->k, sizeof(*o.hits));
	o.paths = vexfs_alloc(1, max(o.room, 1U));
	if (o.hits && o.paths)
		err = vexfs_find_run(f, &o);
	req->stale = 0;
	if (!err && f->flags & VEXFS_SEARCH_COUNT)
		err = vexfs_filter_stale(f, &req->stale);
	if (!err)
		err = vexfs_search_reply(req, f, &o);
	kvfree(o.hits);
	kvfree(o.paths);
	return err;
}

/* The caller has its turn. */
static int vexfs_search_turn(struct file *file, struct vexfs_ioc_search *req)
{
	ktime_t start = ktime_get();
	struct vexfs_find *f = vexfs_find_create(file, req);
	int err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	trace_vexfs_search_begin(file_inode(file), f);
	err = vexfs_search_find(f, req);
	trace_vexfs_search_end(file_inode(file), f, ktime_to_ns(ktime_sub(ktime_get(), start)), err);
	vexfs_find_free(f);
	return err;
}

/**
 * vexfs_search - the k nearest embeddings below a directory
 * @file: the directory; its mount is how the caller sees what is below it
 * @req:  checked for size and reserved fields; @found and @reply are filled in,
 *	  hits and paths written to user space
 *
 * No locks held. Waits until fewer of the user's searches run, unless @file is
 * O_NONBLOCK. Return: 0, -EINVAL, -EDOM, -ENOENT, -EACCES, -EMEDIUMTYPE, -ENOTDIR,
 * -EAGAIN, -EFAULT, -ENOMEM, -ENFILE, -EINTR (fatal signal), -EUCLEAN, -EIO.
 */
int vexfs_search(struct file *file, struct vexfs_ioc_search *req)
{
	struct super_block *sb = file_inode(file)->i_sb;
	int err = vexfs_search_check(file, req);
	struct vexfs_turn turn;

	if (!err)
		err = vexfs_turn_take(sb, &turn, !(file->f_flags & O_NONBLOCK));
	if (err)
		return err;
	err = vexfs_search_turn(file, req);
	vexfs_turn_give(sb, &turn);
	return err;
}
