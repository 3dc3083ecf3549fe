// SPDX-License-Identifier: GPL-2.0
/*
 * Which links a record keeps: the nearest, but none that is much nearer to one
 * already kept (RobustPrune: Jayaram Subramanya et al., NeurIPS 2019, algorithm 2).
 * Locking: core/graph.h.
 */
#include "core/graph_impl.h"

/*
 * 1 / 1.2 in float32, of squared distances: a candidate is dropped if one that is
 * kept is nearer to it than 1/1.2 of its distance. 1 would leave no long links.
 */
#define ALPHA_INVERSE	0x3f555555U

/* Ascending by key; Shell's sort, as the lists are short and partly sorted. */
static void sort_candidates(struct vexfs_graph_work *w, u32 n)
{
	u32 gap, i, j;

	for (gap = n > 24 ? 13 : n > 8 ? 4 : 1; gap; gap = gap > 4 ? 4 : gap > 1 ? 1 : 0) {
		for (i = gap; i < n; i++) {
			u64 e = w->pool[i];

			for (j = i; j >= gap && w->pool[j - gap] > e; j -= gap)
				w->pool[j] = w->pool[j - gap];
			w->pool[j] = e;
		}
	}
}

/* From here on a distance decides by being above this. */
static u32 drop_limit(u32 key)
{
	return vexfs_f32_to_key(vexfs_sf_mul(vexfs_key_to_f32(key), ALPHA_INVERSE));
}

/* Record @id in w->from. */
static bool load_from(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id)
{
	struct vexfs_graph_node *node;
	int err;

	node = graph_open(g, id, false, &err);
	if (!node)
		return false;
	graph_query_copy(g, &w->from, node);
	graph_close(g, id, false, node);
	return true;
}

/* Drop those of the candidates w->ids[0..n) that are too near to w->from. Return: how many are left. */
static u32 drop_near(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 n)
{
	u32 i, left = 0;

	graph_compare(g, w, &w->from, n);
	for (i = 0; i < n; i++) {
		if (w->keys[i] <= w->limit[i])
			continue;
		w->ids[left] = w->ids[i];
		w->limit[left++] = w->limit[i];
	}
	return left;
}

/*
 * graph_prune - choose links
 * @n:	  candidates in w->pool, each once, at most GRAPH_BATCH; sorted here
 * @keep: g->degree ids, nearest first
 *
 * Return: how many were chosen.
 */
u32 graph_prune(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 n, u32 *keep)
{
	u32 i, kept = 0;

	sort_candidates(w, n);
	for (i = 0; i < n; i++) {
		w->ids[i] = pool_id(w->pool[i]);
		w->limit[i] = drop_limit(pool_key(w->pool[i]));
	}
	while (n && kept < g->degree) {
		u32 id = w->ids[0];

		keep[kept++] = id;
		n--;
		memmove(w->ids, w->ids + 1, n * sizeof(*w->ids));
		memmove(w->limit, w->limit + 1, n * sizeof(*w->limit));
		if (n && load_from(g, w, id))
			n = drop_near(g, w, n);
	}
	return kept;
}

static bool has_link(const struct vexfs_graph_node *node, u32 degree, u32 link)
{
	u32 i;

	for (i = 0; i < degree; i++)
		if (le32_to_cpu(node->gn_link[i]) == link)
			return true;
	return false;
}

/* The links of a full record and one more, as candidates in w->pool. */
static u32 gather(struct vexfs_graph *g, struct vexfs_graph_work *w, struct vexfs_graph_node *node, u32 degree,
		  u32 link)
{
	u32 i, n = 0;

	for (i = 0; i < degree; i++)
		w->ids[i] = le32_to_cpu(node->gn_link[i]);
	w->ids[degree] = link;
	graph_query_copy(g, &w->from, node);
	graph_compare(g, w, &w->from, degree + 1);
	for (i = 0; i <= degree; i++)
		if (w->keys[i] < KEY_FAR)
			w->pool[n++] = (u64)w->keys[i] << 32 | w->ids[i];
	return n;
}

static bool contains(const u32 *ids, u32 n, u32 id)
{
	while (n && *ids != id)
		ids++, n--;
	return n;
}

/* The new link is kept whatever the rule says: its vector may be reachable by no other. */
static void prune_full(struct vexfs_graph *g, struct vexfs_graph_work *w, struct vexfs_graph_node *node, u32 degree,
		       u32 link)
{
	u32 keep[VEXFS_GRAPH_MAX_LINKS], i, n;

	n = graph_prune(g, w, gather(g, w, node, degree, link), keep);
	if (!contains(keep, n, link))
		keep[n < g->degree ? n++ : n - 1] = link;
	for (i = 0; i < n; i++)
		node->gn_link[i] = cpu_to_le32(keep[i]);
	memset(node->gn_link + n, 0, (g->links - n) * sizeof(*node->gn_link));
	node->gn_degree = (u8)n;
}

/*
 * graph_add_link - let record @id point to @link
 * Uses w->pool. A record that is full is pruned.
 *
 * Return: 0 or an error of ops->get.
 */
int graph_add_link(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 link)
{
	struct vexfs_graph_node *node;
	u32 degree;
	int err;

	node = graph_open(g, id, true, &err);
	if (!node)
		return err;
	degree = graph_degree(g, node);
	if (node->gn_state != VEXFS_GRAPH_NODE || has_link(node, degree, link)) {
		graph_close(g, id, false, node);
		return 0;
	}
	if (degree < g->links) {
		node->gn_link[degree] = cpu_to_le32(link);
		node->gn_degree = (u8)(degree + 1);
	} else {
		prune_full(g, w, node, degree, link);
	}
	graph_close(g, id, true, node);
	return 0;
}
