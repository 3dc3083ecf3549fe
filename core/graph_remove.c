// SPDX-License-Identifier: GPL-2.0
/*
 * Taking vectors out, at once and without a trace: whoever pointed to the record
 * gets links to what it pointed to, as in IP-DiskANN (Xu et al., arXiv 2502.13826).
 * A link that is not found keeps pointing to a free record, which is infinitely
 * far away, or later to the slot's next vector. Locking: core/graph.h.
 */
#include "core/graph_impl.h"

#define HEIRS	3	/* links a record gets for the one it loses */

/* ---- chains of equal vectors ------------------------------------------------------------- */

/* Let @id's gn_next, or a twin's link back, be @to. Lost records are left alone. */
static void rechain(struct vexfs_graph *g, u32 id, bool back, u32 to)
{
	struct vexfs_graph_node *node;
	int err;

	node = id == VEXFS_GRAPH_NONE ? NULL : graph_open(g, id, true, &err);
	if (!node)
		return;
	if (!back && node->gn_state != VEXFS_GRAPH_FREE)
		node->gn_next = cpu_to_le32(to);
	else if (back && node->gn_state == VEXFS_GRAPH_TWIN)
		node->gn_link[0] = cpu_to_le32(to);
	graph_close(g, id, true, node);
}

static int remove_twin(struct vexfs_graph *g, u32 id, u32 before, u32 next)
{
	rechain(g, before, false, next);
	rechain(g, next, true, before);
	return 0;
}

/* The next of the chain takes over the links. Return: false if there is none. */
static bool promote(struct vexfs_graph *g, u32 id, u32 next)
{
	struct vexfs_graph_node *node, *heir;
	bool done = false;
	int err;

	node = graph_open(g, id, false, &err);
	heir = node && next != id ? graph_open(g, next, true, &err) : NULL;
	if (heir && heir->gn_state == VEXFS_GRAPH_TWIN) {
		heir->gn_state = VEXFS_GRAPH_NODE;
		heir->gn_degree = node->gn_degree;
		memcpy(heir->gn_link, node->gn_link, g->links * sizeof(*node->gn_link));
		done = true;
	}
	if (heir)
		graph_close(g, next, true, heir);
	if (node)
		graph_close(g, id, false, node);
	return done;
}

/* ---- neighbours ---------------------------------------------------------------------------- */

/* Take link @id from record @p. Return: whether it was there. */
static bool cut_link(struct vexfs_graph *g, u32 p, u32 id)
{
	struct vexfs_graph_node *node;
	u32 i, degree;
	int err;

	node = graph_open(g, p, true, &err);
	if (!node)
		return false;
	degree = graph_degree(g, node);
	for (i = 0; i < degree && le32_to_cpu(node->gn_link[i]) != id; i++)
		;
	if (i < degree) {
		node->gn_link[i] = node->gn_link[degree - 1];
		node->gn_link[degree - 1] = 0;
		node->gn_degree = (u8)(degree - 1);
	}
	graph_close(g, p, i < degree, node);
	return i < degree;
}

/* The HEIRS of w->heir[0..n) that are nearest to @p, in w->ids. */
static u32 nearest_heirs(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 p, u32 n)
{
	struct vexfs_cand mem[HEIRS];
	struct vexfs_graph_node *node;
	struct vexfs_topk best;
	u32 i;
	int err;

	node = graph_open(g, p, false, &err);
	if (!node)
		return 0;
	graph_query_copy(g, &w->from, node);
	graph_close(g, p, false, node);
	memcpy(w->ids, w->heir, n * sizeof(*w->ids));
	graph_compare(g, w, &w->from, n);
	vexfs_topk_init(&best, mem, HEIRS);
	for (i = 0; i < n; i++)
		if (w->ids[i] != p && w->keys[i] < KEY_FAR)
			vexfs_topk_add(&best, w->keys[i], w->ids[i]);
	for (i = 0; i < best.n; i++)
		w->ids[i] = mem[i].id;
	return best.n;
}

/* Record @p pointed to @id: let it point to the nearest of the heirs. */
static int repair(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 p, u32 id, u32 n)
{
	u32 ids[HEIRS], i, found;
	int err = 0;

	if (p == id || !cut_link(g, p, id))
		return 0;
	found = nearest_heirs(g, w, p, n);
	memcpy(ids, w->ids, sizeof(ids));
	for (i = 0; i < found && !err; i++)
		err = graph_add_link(g, w, p, ids[i]);
	return err;
}

/* What @id points to, in w->heir; @first, its chain's next, comes before. Return: how many. */
static u32 find_heirs(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 first)
{
	struct vexfs_graph_node *node;
	u32 i, degree, n = 0;
	int err;

	node = graph_open(g, id, false, &err);
	if (!node)
		return 0;
	graph_query_copy(g, &w->query, node);
	if (first != VEXFS_GRAPH_NONE)
		w->heir[n++] = first;
	degree = graph_degree(g, node);
	for (i = 0; i < degree; i++)
		w->heir[n++] = le32_to_cpu(node->gn_link[i]);
	graph_close(g, id, false, node);
	return n;
}

/* Those who may point to @id: what it points to, and what a walk to it meets. In w->near. */
static u32 find_near(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 heirs)
{
	u32 i, n = 0;

	graph_walk(g, w, min(g->build, w->cap));
	for (i = 0; i < heirs; i++)
		w->near[n++] = w->heir[i];
	for (i = 0; i < w->npool && n < ARRAY_SIZE(w->near); i++)
		w->near[n++] = pool_id(w->pool[i]);
	return n;
}

static int repair_all(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 first)
{
	u32 i, n, heirs;
	int err = 0, e;

	w->budget = ~0U;
	heirs = find_heirs(g, w, id, first);
	n = find_near(g, w, heirs);
	for (i = 0; i < n; i++) {
		e = w->near[i] < g->nrec ? repair(g, w, w->near[i], id, heirs) : 0;
		if (e)
			err = e;
	}
	return err;
}

/* ---- removal -------------------------------------------------------------------------------- */

static void replace_entry(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 first)
{
	u32 i;

	for (i = 0; i < g->nentries && g->entry[i] != id; i++)
		;
	if (i == g->nentries)
		return;
	if (first != VEXFS_GRAPH_NONE)
		g->entry[i] = first;
	else
		g->entry[i] = g->entry[--g->nentries];
	if (!g->nentries && g->nodes)
		vexfs_graph_entries(g, w);
}

static void free_place(struct vexfs_graph *g, u32 id)
{
	struct vexfs_graph_node *node;
	int err;

	node = graph_open(g, id, true, &err);
	if (!node)
		return;
	graph_free(g, node);
	graph_close(g, id, true, node);
}

static int remove_node(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 next)
{
	u32 first = promote(g, id, next) ? next : VEXFS_GRAPH_NONE;
	int err = repair_all(g, w, id, first);

	if (first == VEXFS_GRAPH_NONE && g->nodes)
		g->nodes--;
	free_place(g, id);
	replace_entry(g, w, id, first);
	return err;
}

int vexfs_graph_remove(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id)
{
	struct vexfs_graph_node *node;
	u32 next, before, state;
	int err;

	node = graph_open(g, id, true, &err);
	if (!node)
		return err;
	state = node->gn_state;
	next = le32_to_cpu(node->gn_next);
	before = le32_to_cpu(node->gn_link[0]);
	graph_close(g, id, false, node);
	if (state != VEXFS_GRAPH_NODE && state != VEXFS_GRAPH_TWIN)
		return -ENOENT;
	if (g->count)
		g->count--;
	if (state == VEXFS_GRAPH_NODE)
		return remove_node(g, w, id, next);
	err = remove_twin(g, id, before, next);
	free_place(g, id);
	return err;
}
