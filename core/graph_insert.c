// SPDX-License-Identifier: GPL-2.0
/* Adding vectors, entry points. Locking: core/graph.h. */
#include "core/graph_impl.h"

#define LARGE	16384	/* vectors */

/* The prepared vector as a record without links. */
static void write_record(struct vexfs_graph *g, struct vexfs_graph_work *w, struct vexfs_graph_node *node, u32 stamp)
{
	struct vexfs_code *code = graph_code(g, node);

	memset(node, 0, g->stride);
	node->gn_next = cpu_to_le32(VEXFS_GRAPH_NONE);
	node->gn_state = VEXFS_GRAPH_NODE;
	code->k_stamp = cpu_to_le32(stamp);
	code->k_scale = cpu_to_le32(w->query.scale);
	code->k_norm2 = cpu_to_le32(w->query.norm2);
	memcpy(code + 1, w->query.code, g->gspace.dim);
	code->k_checksum = cpu_to_le32(crc32c(~0U, (const u8 *)code + 4, vexfs_code_bytes(&g->gspace) - 4));
}

/* ---- duplicates ---------------------------------------------------------------------- */

static bool same_code(struct vexfs_graph *g, struct vexfs_graph_work *w, struct vexfs_graph_node *node)
{
	struct vexfs_code *code = graph_code(g, node);

	return node->gn_state == VEXFS_GRAPH_NODE && le32_to_cpu(code->k_scale) == w->query.scale &&
	       le32_to_cpu(code->k_norm2) == w->query.norm2 && !memcmp(code + 1, w->query.code, g->gspace.dim);
}

/* The nearest candidates have the prepared vector's code, if any has. */
static u32 find_equal(struct vexfs_graph *g, struct vexfs_graph_work *w)
{
	struct vexfs_graph_node *node;
	bool same;
	u32 i, id;
	int err;

	for (i = 0; i < w->npool && i < 4; i++) {
		id = pool_id(w->pool[i]);
		node = graph_open(g, id, false, &err);
		if (!node)
			continue;
		same = same_code(g, w, node);
		graph_close(g, id, false, node);
		if (same)
			return id;
	}
	return VEXFS_GRAPH_NONE;
}

static void set_before(struct vexfs_graph *g, u32 id, u32 before)
{
	struct vexfs_graph_node *node;
	int err;

	node = id == VEXFS_GRAPH_NONE ? NULL : graph_open(g, id, true, &err);
	if (!node)
		return;
	if (node->gn_state == VEXFS_GRAPH_TWIN)
		node->gn_link[0] = cpu_to_le32(before);
	graph_close(g, id, true, node);
}

/* Behind @first at once: a chain may be long. */
static int chain(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 stamp, u32 first)
{
	struct vexfs_graph_node *node, *head;
	__le32 next;
	int err;

	head = graph_open(g, first, true, &err);
	if (!head)
		return err;
	node = graph_open(g, id, true, &err);
	if (node) {
		write_record(g, w, node, stamp);
		next = head->gn_next;
		node->gn_next = next;
		node->gn_state = VEXFS_GRAPH_TWIN;
		node->gn_degree = 1;
		node->gn_link[0] = cpu_to_le32(first);
		head->gn_next = cpu_to_le32(id);
		set_before(g, le32_to_cpu(next), id);
		graph_close(g, id, true, node);
		g->count++;
	}
	graph_close(g, first, true, head);
	return err;
}

/* ---- insertion ------------------------------------------------------------------------- */

static u32 without(struct vexfs_graph_work *w, u32 id)
{
	u32 i, n = 0;

	for (i = 0; i < w->npool && n < GRAPH_BATCH; i++)
		if (pool_id(w->pool[i]) != id)
			w->pool[n++] = w->pool[i] & ~(u64)GRAPH_SEEN;
	return n;
}

static int link_in(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 stamp)
{
	u32 keep[VEXFS_GRAPH_MAX_LINKS], i, n;
	struct vexfs_graph_node *node;
	int err;

	n = graph_prune(g, w, without(w, id), keep);
	node = graph_open(g, id, true, &err);
	if (!node)
		return err;
	write_record(g, w, node, stamp);
	for (i = 0; i < n; i++)
		node->gn_link[i] = cpu_to_le32(keep[i]);
	node->gn_degree = (u8)n;
	graph_close(g, id, true, node);
	g->count++;
	g->nodes++;
	for (i = 0; i < n && !err; i++)
		err = graph_add_link(g, w, keep[i], id);
	return err;
}

static int check_place(struct vexfs_graph *g, u32 id)
{
	struct vexfs_graph_node *node;
	bool used;
	int err;

	if (id >= g->nrec)
		return id < VEXFS_GRAPH_MAX_ID ? 0 : -EDOM;
	node = graph_open(g, id, false, &err);
	if (!node)
		return err;
	used = node->gn_state != VEXFS_GRAPH_FREE;
	graph_close(g, id, false, node);
	return used ? -EEXIST : 0;
}

/* New entry points while there are few, then at every doubling. */
static void grow_entries(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id)
{
	if (!g->nentries) {
		g->entry[g->nentries++] = id;
		return;
	}
	if (g->nodes >= 64 && !(g->nodes & (g->nodes - 1)))
		vexfs_graph_entries(g, w);
}

/* A large graph needs better links, and can pay for them: the walks of others get dearer, too. */
static u32 build_list(const struct vexfs_graph *g, const struct vexfs_graph_work *w)
{
	return min(g->nodes < LARGE ? g->build : 2 * g->build, w->cap);
}

int vexfs_graph_insert(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 stamp, const u32 *f32)
{
	u32 equal;
	int err = check_place(g, id);

	if (!err)
		err = graph_prepare(g, w, f32, true);
	if (err)
		return err;
	w->budget = ~0U;
	graph_walk(g, w, build_list(g, w));
	if (g->nrec <= id)
		g->nrec = id + 1;
	equal = find_equal(g, w);
	if (equal != VEXFS_GRAPH_NONE)
		return chain(g, w, id, stamp, equal);
	err = link_in(g, w, id, stamp);
	if (!err)
		grow_entries(g, w, id);
	return err;
}

/* ---- entry points ------------------------------------------------------------------------ */

#define ENTRIES	24	/* fewer may all be far from a cluster; each costs every walk a comparison */

/* Ids at about even steps: the same graph gets the same entry points. */
static u32 sample_nodes(struct vexfs_graph *g, u32 *ids)
{
	u32 i, n = 0, step = max(g->nrec / (2 * ENTRIES), 1U);

	for (i = 0; i < 2 * ENTRIES && n < ENTRIES; i++) {
		u32 id = (u32)(((u64)i * step + (i * 2654435761U >> 8) % step));

		if (id < g->nrec && graph_is_node(g, id))
			ids[n++] = id;
	}
	return n;
}

/* Where hardly any are left, a sample may miss them all. */
static u32 first_node(struct vexfs_graph *g, u32 *ids)
{
	for (*ids = 0; *ids < g->nrec; ++*ids)
		if (graph_is_node(g, *ids))
			return 1;
	return 0;
}

/* Not the farthest from each other: those are outliers, and hardly anything points away from them. */
void vexfs_graph_entries(struct vexfs_graph *g, struct vexfs_graph_work *w)
{
	u32 n = sample_nodes(g, w->ids);

	if (!n)
		n = first_node(g, w->ids);
	if (!n)
		return;
	memcpy(g->entry, w->ids, n * sizeof(*g->entry));
	g->nentries = n;
}
