// SPDX-License-Identifier: GPL-2.0
/*
 * A graph as it was read from the disk, some of its records lost: keep what a search can reach.
 *
 * A record that is sound by itself may hang on one that is not: a twin on the record before it in its chain, a
 * vector on the only record that pointed to it. Such a record would count as absorbed and be found by no search, so it
 * is freed, and the caller inserts its vector again. Locking: core/graph.h.
 */
#include "core/graph_impl.h"

/**
 * struct sweep - records that were reached
 * @queue: their ids
 * @n:     how many
 * @done:  from this one on their links were not followed
 * @seen:  a bit for each id
 * @nodes: of them, how many are nodes
 */
struct sweep {
	u32	*queue, n, done, nodes;
	u8	*seen;
};

static bool seen(const struct sweep *s, u32 id)
{
	return s->seen[id / 8] >> id % 8 & 1;
}

static void reach(struct sweep *s, u32 id)
{
	s->seen[id / 8] |= (u8)(1U << id % 8);
	s->queue[s->n++] = id;
}

/* Is record @id a twin whose link back is @before? */
static bool follows(struct vexfs_graph *g, u32 id, u32 before)
{
	struct vexfs_graph_node *node;
	bool yes;
	int err;

	node = graph_open(g, id, false, &err);
	if (!node)
		return false;
	yes = node->gn_state == VEXFS_GRAPH_TWIN && le32_to_cpu(node->gn_link[0]) == before;
	graph_close(g, id, false, node);
	return yes;
}

/* The record after @id in its chain. A chain that leads elsewhere ends here. */
static void reach_next(struct vexfs_graph *g, struct sweep *s, u32 id)
{
	struct vexfs_graph_node *node;
	u32 next;
	int err;

	node = graph_open(g, id, false, &err);
	if (!node)
		return;
	next = le32_to_cpu(node->gn_next);
	graph_close(g, id, false, node);
	if (next == VEXFS_GRAPH_NONE)
		return;
	if (next < g->nrec && !seen(s, next) && follows(g, next, id)) {
		reach(s, next);
		return;
	}
	node = graph_open(g, id, true, &err);
	if (!node)
		return;
	node->gn_next = cpu_to_le32(VEXFS_GRAPH_NONE);
	graph_close(g, id, true, node);
}

/* Nodes that @id points to. */
static void reach_links(struct vexfs_graph *g, struct sweep *s, u32 id)
{
	u32 link[VEXFS_GRAPH_MAX_LINKS], degree, i;
	struct vexfs_graph_node *node;
	int err;

	node = graph_open(g, id, false, &err);
	if (!node)
		return;
	degree = graph_degree(g, node);
	s->nodes += node->gn_state == VEXFS_GRAPH_NODE;
	for (i = 0; i < degree; i++)
		link[i] = le32_to_cpu(node->gn_link[i]);
	graph_close(g, id, false, node);
	for (i = 0; i < degree; i++)
		if (link[i] < g->nrec && !seen(s, link[i]) && graph_is_node(g, link[i]))
			reach(s, link[i]);
}

/* Free what was not reached. */
static u32 drop(struct vexfs_graph *g, const struct sweep *s)
{
	struct vexfs_graph_node *node;
	u32 id, dropped = 0;
	bool used;
	int err;

	for (id = 0; id < g->nrec; id++) {
		if (seen(s, id))
			continue;
		node = graph_open(g, id, true, &err);
		if (!node)
			continue;
		used = node->gn_state != VEXFS_GRAPH_FREE;
		if (used)
			graph_free(g, node);
		graph_close(g, id, used, node);
		dropped += used;
	}
	return dropped;
}

size_t vexfs_graph_sweep_bytes(const struct vexfs_graph *g)
{
	return (size_t)g->nrec * sizeof(u32) + g->nrec / 8 + 1;
}

u32 vexfs_graph_sweep(struct vexfs_graph *g, void *mem)
{
	struct sweep s = { .queue = mem, .seen = (u8 *)mem + (size_t)g->nrec * sizeof(u32) };
	u32 i;

	memset(s.seen, 0, g->nrec / 8 + 1);
	for (i = 0; i < g->nentries; i++)
		if (g->entry[i] < g->nrec && !seen(&s, g->entry[i]) && graph_is_node(g, g->entry[i]))
			reach(&s, g->entry[i]);
	while (s.done < s.n) {
		i = s.queue[s.done++];
		reach_links(g, &s, i);
		reach_next(g, &s, i);
	}
	g->count = s.n;
	g->nodes = s.nodes;
	return drop(g, &s);
}

bool vexfs_graph_record(struct vexfs_graph *g, u32 id, u32 *stamp)
{
	struct vexfs_graph_node *node;
	bool used;
	int err;

	node = graph_open(g, id, false, &err);
	if (!node)
		return false;
	used = node->gn_state != VEXFS_GRAPH_FREE;
	*stamp = le32_to_cpu(graph_code(g, node)->k_stamp);
	graph_close(g, id, false, node);
	return used;
}
