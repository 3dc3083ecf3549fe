/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the graph share, and nobody else. */
#ifndef VEXFS_CORE_GRAPH_IMPL_H
#define VEXFS_CORE_GRAPH_IMPL_H

#include "core/graph.h"
#include "core/softfloat.h"

#define GRAPH_SEEN	0x80000000U	/* in a pool entry's id: its links have been followed */
#define GRAPH_BATCH	256		/* records compared at once: arrays of struct vexfs_graph_work */
#define KEY_FAR		0xff800000U	/* key of +Inf: the record is free, or nothing to compare with */

_Static_assert(GRAPH_BATCH >= 2 * VEXFS_GRAPH_MAX_LINKS + 64, "a removal joins two lists");

/* id / per_block: a division for each record that is met would cost as much as a short code's comparison. */
static inline u32 graph_group(const struct vexfs_graph *g, u32 id)
{
	return (u32)(id * g->recip >> g->shift);
}

static inline u32 graph_lblk(const struct vexfs_graph *g, u32 id)
{
	return g->first + graph_group(g, id);
}

/* Record @id in the block that has it. */
static inline void *graph_at(const struct vexfs_graph *g, u32 id, void *data)
{
	return (u8 *)data + (id - graph_group(g, id) * g->per_block) * g->stride;
}

static inline struct vexfs_code *graph_code(const struct vexfs_graph *g, void *node)
{
	return (struct vexfs_code *)((u8 *)node + g->code_at);
}

static inline void graph_put(const struct vexfs_graph *g, u32 lblk, bool change, void *data)
{
	if (g->ops->put)
		g->ops->put(g->ctx, lblk, change, data);
}

static inline void graph_fpu(const struct vexfs_graph *g, bool on)
{
	if (g->simd->fpu && g->ops->fpu)
		g->ops->fpu(g->ctx, on);
}

static inline u32 pool_id(u64 entry)
{
	return (u32)entry & ~GRAPH_SEEN;
}

static inline u32 pool_key(u64 entry)
{
	return (u32)(entry >> 32);
}

/* Links that may be followed; the rest of a hostile record's are ignored. */
static inline u32 graph_degree(const struct vexfs_graph *g, const struct vexfs_graph_node *node)
{
	if (node->gn_state != VEXFS_GRAPH_NODE)
		return 0;
	return min((u32)node->gn_degree, g->links);
}

/* graph.c */
struct vexfs_graph_node *graph_open(struct vexfs_graph *g, u32 id, bool change, int *err);
void graph_close(struct vexfs_graph *g, u32 id, bool change, struct vexfs_graph_node *node);
bool graph_is_node(struct vexfs_graph *g, u32 id);
void graph_free(const struct vexfs_graph *g, struct vexfs_graph_node *node);
void graph_query_copy(struct vexfs_graph *g, struct vexfs_query *q, struct vexfs_graph_node *node);

/* graph_space.c */
int graph_prepare(struct vexfs_graph *g, struct vexfs_graph_work *w, const u32 *f32, bool stored);

/* graph_search.c: distances of w->ids[0..n) to @q in w->keys; unreadable records are KEY_FAR */
void graph_compare(struct vexfs_graph *g, struct vexfs_graph_work *w, const struct vexfs_query *q, u32 n);
u32 graph_walk(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 ef);

/* graph_prune.c */
u32 graph_prune(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 n, u32 *keep);
int graph_add_link(struct vexfs_graph *g, struct vexfs_graph_work *w, u32 id, u32 link);

#endif /* VEXFS_CORE_GRAPH_IMPL_H */
