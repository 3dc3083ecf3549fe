// SPDX-License-Identifier: GPL-2.0
/*
 * Walking a graph: greedy best-first search with a bounded list of candidates
 * (Jayaram Subramanya et al., NeurIPS 2019, algorithm 1). Locking: core/graph.h.
 */
#include "core/graph_impl.h"

/* ---- ids that were met: open addressing, bounded ------------------------------------- */

/* As many places as the walk is expected to need: clearing them costs too. */
static void table_clear(struct vexfs_graph_work *w, u32 ef)
{
	u32 bits = 10;

	while (bits < w->tbits && (1ULL << bits) < 64ULL * ef)
		bits++;
	w->bits = bits < w->tbits ? bits : w->tbits;
	w->met = 0;
	memset(w->table, 0xff, sizeof(u32) << w->bits);
}

static bool table_full(const struct vexfs_graph_work *w)
{
	return w->met >= (3U << w->bits >> 2) - VEXFS_GRAPH_MAX_LINKS;
}

/* Return: true the first time. */
static bool table_add(struct vexfs_graph_work *w, u32 id)
{
	u32 mask = (1U << w->bits) - 1, at = id * 0x9e3779b1U >> (32 - w->bits);

	for (; w->table[at] != VEXFS_GRAPH_NONE; at = (at + 1) & mask)
		if (w->table[at] == id)
			return false;
	w->table[at] = id;
	w->met++;
	return true;
}

/* ---- the candidates ------------------------------------------------------------------------ */

/* Place of @entry among the ascending ones. */
static u32 pool_place(const struct vexfs_graph_work *w, u64 entry)
{
	u32 low = 0, high = w->npool, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (w->pool[mid] < entry)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void pool_add(struct vexfs_graph_work *w, u32 ef, u32 key, u32 id)
{
	u64 entry = (u64)key << 32 | id;
	u32 at;

	if (w->npool == ef) {
		if (entry >= w->pool[ef - 1])
			return;
		w->npool--;
	}
	at = pool_place(w, entry);
	memmove(w->pool + at + 1, w->pool + at, (w->npool - at) * sizeof(*w->pool));
	w->pool[at] = entry;
	w->npool++;
	if (at < w->next)
		w->next = at;
}

/* The nearest whose links have not been followed; it is marked. Return: false at the end. */
static bool pool_next(struct vexfs_graph_work *w, u32 *id)
{
	while (w->next < w->npool && w->pool[w->next] & GRAPH_SEEN)
		w->next++;
	if (w->next == w->npool)
		return false;
	*id = pool_id(w->pool[w->next]);
	w->pool[w->next] |= GRAPH_SEEN;
	return true;
}

/* ---- comparing -------------------------------------------------------------------------------- */

/* What stands for a record that cannot be read: a multiple of nothing, infinitely far away. */
static const u8 unreadable[sizeof(struct vexfs_code) + VEXFS_GRAPH_MAX_DIM] __attribute__((aligned(64))) = {
	[14] = VEXFS_SF_INF >> 16 & 0xff, [15] = VEXFS_SF_INF >> 24,	/* k_norm2 */
};

static void prefetch_lines(const void *p, u32 bytes)
{
	u32 i;

	for (i = 0; i < bytes; i += 64)
		__builtin_prefetch((const u8 *)p + i);
}

/* Only the first lines of the later ones: the kernels prefetch the next group while they compute. */
static void find_record(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 i)
{
	u32 id = w->ids[i];

	w->lblk[i] = graph_lblk(g, id);
	w->data[i] = NULL;
	w->rec[i] = (const struct vexfs_code *)unreadable;
	if (id >= g->nrec || g->ops->get(g->ctx, w->lblk[i], false, &w->data[i])) {
		w->data[i] = NULL;
		return;
	}
	w->rec[i] = graph_code(g, graph_at(g, id, w->data[i]));
	prefetch_lines(w->rec[i], i < 8 ? g->gspace.dim + 16 : 128);
}

static void put_records(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (w->data[i])
			graph_put(g, w->lblk[i], false, w->data[i]);
}

/* All records are asked for before any is looked at: their memory arrives meanwhile. */
void graph_compare(struct vexfs_graph *g, struct vexfs_graph_work *w, const struct vexfs_query *q, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		find_record(g, w, i);
	graph_fpu(g, true);
	g->simd->scan(q, w->rec, n, w->keys);
	graph_fpu(g, false);
	put_records(g, w, n);
	w->budget -= min(w->budget, n);
}

static void compare_to_pool(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 ef, u32 n)
{
	u32 i;

	graph_compare(g, w, &w->query, n);
	for (i = 0; i < n; i++)
		if (w->keys[i] < KEY_FAR)
			pool_add(w, ef, w->keys[i], w->ids[i]);
}

/* Links of @id that were not met before, in w->ids. */
static u32 new_links(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id)
{
	struct vexfs_graph_node *node;
	u32 i, link, degree, n = 0;
	int err;

	node = graph_open(g, id, false, &err);
	if (!node)
		return 0;
	degree = graph_degree(g, node);
	for (i = 0; i < degree; i++) {
		link = le32_to_cpu(node->gn_link[i]);
		if (link < g->nrec && table_add(w, link))
			w->ids[n++] = link;
	}
	graph_close(g, id, false, node);
	return n;
}

/* The nearest that remains is likely to be next: its links arrive while others are compared. */
static void prefetch_next(struct vexfs_graph *g, struct vexfs_graph_work *w)
{
	struct vexfs_graph_node *node;
	int err;

	while (w->next < w->npool && w->pool[w->next] & GRAPH_SEEN)
		w->next++;
	if (w->next == w->npool)
		return;
	node = graph_open(g, pool_id(w->pool[w->next]), false, &err);
	if (!node)
		return;
	prefetch_lines(node, sizeof(*node) + 4 * g->links);
	graph_close(g, pool_id(w->pool[w->next]), false, node);
}

static void walk_entries(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 ef)
{
	u32 i, n = 0;

	for (i = 0; i < g->nentries; i++)
		if (g->entry[i] < g->nrec && table_add(w, g->entry[i]))
			w->ids[n++] = g->entry[i];
	compare_to_pool(g, w, ef, n);
}

/*
 * graph_walk - the nearest to w->query, in w->pool
 * @ef: candidates to keep, at most w->cap
 *
 * Ends after at most w->budget comparisons, rounded up to a record's links:
 * every id is met once, whatever the links say.
 *
 * Return: records whose links were followed.
 */
u32 graph_walk(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 ef)
{
	u32 id, n, expanded = 0;

	table_clear(w, ef);
	w->npool = 0;
	w->next = 0;
	walk_entries(g, w, ef);
	while (w->budget && !table_full(w) && pool_next(w, &id)) {
		n = new_links(g, w, id);
		prefetch_next(g, w);
		compare_to_pool(g, w, ef, n);
		expanded++;
	}
	return expanded;
}

/* ---- from candidates to results ------------------------------------------------------------ */

struct results {
	struct vexfs_cand *out;
	u32	n, want;
};

/* Stamp and next of @id. Return: false if the record does not exist. */
static bool look(struct vexfs_graph *g, u32 id, u32 *stamp, u32 *next)
{
	struct vexfs_graph_node *node;
	int err;

	node = graph_open(g, id, false, &err);
	if (!node)
		return false;
	*stamp = le32_to_cpu(graph_code(g, node)->k_stamp);
	*next = node->gn_state == VEXFS_GRAPH_FREE ? VEXFS_GRAPH_NONE : le32_to_cpu(node->gn_next);
	graph_close(g, id, false, node);
	return true;
}

static int admit(struct vexfs_graph *g, struct results *r, u32 key, u32 id, u32 stamp)
{
	int ok = g->ops->admit ? g->ops->admit(g->ctx, id, stamp) : 1;

	if (ok > 0)
		r->out[r->n++] = (struct vexfs_cand){ .key = key, .id = id };
	return ok < 0 ? ok : 0;
}

/*
 * A candidate and those that equal it. A chain that damage has made a ring ends
 * with the budget; an id that is reported twice would be the caller's to see, so
 * every member but the first is met once.
 */
static int admit_chain(struct vexfs_graph *g, struct vexfs_graph_work *w, struct results *r, u64 entry)
{
	u32 id = pool_id(entry), stamp, next;
	int err = 0;

	while (!err && r->n < r->want && id < g->nrec && look(g, id, &stamp, &next)) {
		err = admit(g, r, pool_key(entry), id, stamp);
		id = next;
		if (next == VEXFS_GRAPH_NONE || !w->budget || table_full(w) || !table_add(w, next))
			break;
		w->budget--;
	}
	return err;
}

static int admit_pool(struct vexfs_graph *g, struct vexfs_graph_work *w, struct results *r)
{
	u32 i;
	int err = 0;

	r->n = 0;
	for (i = 0; i < w->npool && r->n < r->want && !err; i++)
		err = admit_chain(g, w, r, w->pool[i]);
	return err;
}

/* Everything was met, or the candidates did not even fill their list: wider finds no more. */
static bool exhausted(const struct vexfs_graph *g, const struct vexfs_graph_work *w, u32 ef)
{
	return w->npool < ef || w->met >= g->nodes;
}

int vexfs_graph_search(struct vexfs_graph *g, struct vexfs_graph_work *w, const struct vexfs_graph_ask *ask,
		       struct vexfs_cand *out, struct vexfs_graph_reply *reply)
{
	u32 budget = ask->budget ? ask->budget : ~0U, need = min(ask->need, ask->want);
	struct results r = { .out = out, .want = ask->want };
	int err = graph_prepare(g, w, ask->f32, false);
	bool full;

	memset(reply, 0, sizeof(*reply));
	if (err)
		return err;
	w->budget = budget;
	reply->ef = min(max(ask->ef, 1U), w->cap);
	for (;;) {
		reply->expanded += graph_walk(g, w, reply->ef);
		full = !w->budget || table_full(w);
		err = admit_pool(g, w, &r);
		reply->complete = r.n >= need || (!full && exhausted(g, w, reply->ef));
		if (err || reply->complete || full || reply->ef == w->cap)
			break;
		reply->ef = reply->ef < w->cap / 2 ? 2 * reply->ef : w->cap;
	}
	reply->n = r.n;
	reply->compared = budget - w->budget;
	return err;
}
