// SPDX-License-Identifier: GPL-2.0
/* The graph file: layout, header, checksums of records; work memory. Locking: core/graph.h. */
#include "core/graph_impl.h"

/* ---- layout ------------------------------------------------------------------------ */

#define NODE_HEAD	((u32)sizeof(struct vexfs_graph_node))
#define CODE_HEAD	((u32)sizeof(struct vexfs_code))

u32 vexfs_graph_dim(const struct vexfs_space *s)
{
	u32 dim = s->dim + (s->metric == VEXFS_IP);

	return min(dim, (u32)VEXFS_GRAPH_MAX_DIM);
}

/* A code ends with its record, on a cache line's bound where that costs no place for a link. */
static void place_code(struct vexfs_graph *g, u32 links)
{
	u32 dim = g->gspace.dim, end = g->stride - ((dim + 63) & ~63U);

	if (g->stride % 64 || end < NODE_HEAD + 4 * links + CODE_HEAD || end > g->stride)
		end = g->stride - ((dim + 15) & ~15U);
	g->code_at = end - CODE_HEAD;
	g->links = min((g->code_at - NODE_HEAD) / 4, (u32)VEXFS_GRAPH_MAX_LINKS);
}

/*
 * Exact for ids below 2^31: recip * per_block exceeds 2^shift by at most
 * per_block <= 2^(shift - 31) (Granlund, Montgomery, PLDI 1994, theorem 4.2).
 */
static void reciprocal(struct vexfs_graph *g)
{
	u32 q, rest;

	for (g->shift = 31; 1U << (g->shift - 31) < g->per_block; g->shift++)
		;
	/* 2^shift / per_block by two divisions of 32 bits */
	q = (1U << 31) / g->per_block;
	rest = (1U << 31) % g->per_block;
	g->recip = ((u64)q << (g->shift - 31)) + (rest << (g->shift - 31)) / g->per_block + 1;
}

/*
 * As many records to a block as have place for @links; what is left over is
 * place for more. A quarter of the places is slack: a list that is full is pruned
 * to g->degree, and not at the next link again.
 */
static void layout(struct vexfs_graph *g, u32 links)
{
	u32 least = (NODE_HEAD + 4 * links + CODE_HEAD + ((g->gspace.dim + 15) & ~15U) + 15) & ~15U;

	g->per_block = VEXFS_BLOCK_SIZE / least;
	g->stride = VEXFS_BLOCK_SIZE / g->per_block & ~15U;
	if ((g->stride & ~63U) >= least)
		g->stride &= ~63U;
	reciprocal(g);
	place_code(g, links);
	g->degree = g->links - g->links / 5;
	g->first = 1 + (g->gspace.dim + VEXFS_GRAPH_MEANS - 1) / VEXFS_GRAPH_MEANS;
}

/* Short codes get few links, so that records stay small; docs/design.md has the measurements. */
static u32 usual_links(u32 dim)
{
	return dim <= 192 ? 32 : 40;
}

void vexfs_graph_init(struct vexfs_graph *g, const struct vexfs_space *s, u32 links, u32 *mean)
{
	memset(g, 0, sizeof(*g));
	memset(mean, 0, vexfs_graph_mean_bytes(s));
	g->space = *s;
	g->gspace = (struct vexfs_space){
		.dim = vexfs_graph_dim(s), .elem = VEXFS_F32, .metric = VEXFS_L2,
	};
	g->mean = mean;
	g->build = VEXFS_GRAPH_BUILD;
	g->unit = VEXFS_SF_ONE;
	if (!links)
		links = usual_links(g->gspace.dim);
	layout(g, min(max(links, 8U), (u32)VEXFS_GRAPH_MAX_LINKS));
}

u32 vexfs_graph_blocks(const struct vexfs_graph *g, u32 nrec)
{
	return g->first + nrec / g->per_block + (nrec % g->per_block != 0);
}

/* ---- header -------------------------------------------------------------------------- */

static u32 rest_crc(const void *block)
{
	return crc32c(~0U, (const u8 *)block + 4, VEXFS_BLOCK_SIZE - 4);
}

void vexfs_graph_head_write(const struct vexfs_graph *g, struct vexfs_graph_head *h)
{
	u32 i;

	memset(h, 0, sizeof(*h));
	h->gh_magic = cpu_to_le32(VEXFS_GRAPH_MAGIC);
	h->gh_version = cpu_to_le16(VEXFS_GRAPH_VERSION);
	h->gh_metric = g->space.metric;
	h->gh_elem = g->space.elem;
	h->gh_coll = cpu_to_le32(g->coll);
	h->gh_stamp = cpu_to_le64(g->stamp);
	h->gh_generation = cpu_to_le32(g->generation);
	h->gh_dim = cpu_to_le32(g->space.dim);
	h->gh_gdim = cpu_to_le32(g->gspace.dim);
	h->gh_stride = cpu_to_le16((u16)g->stride);
	h->gh_per_block = cpu_to_le16((u16)g->per_block);
	h->gh_links = cpu_to_le16((u16)g->links);
	h->gh_degree = cpu_to_le16((u16)g->degree);
	h->gh_first = cpu_to_le32(g->first);
	h->gh_nrec = cpu_to_le32(g->nrec);
	h->gh_count = cpu_to_le32(g->count);
	h->gh_nodes = cpu_to_le32(g->nodes);
	h->gh_trained = cpu_to_le32(g->trained);
	h->gh_unit = cpu_to_le32(g->unit);
	h->gh_reach = cpu_to_le32(g->reach);
	h->gh_nentries = cpu_to_le32(g->nentries);
	for (i = 0; i < g->nentries; i++)
		h->gh_entry[i] = cpu_to_le32(g->entry[i]);
	h->gh_checksum = cpu_to_le32(rest_crc(h));
}

static bool all_zero(const u8 *p, size_t n)
{
	while (n && !*p)
		p++, n--;
	return !n;
}

static const char *check_head(const struct vexfs_graph_head *h, const struct vexfs_space *s, u32 coll)
{
	if (le32_to_cpu(h->gh_magic) != VEXFS_GRAPH_MAGIC)
		return "not a graph";
	if (le32_to_cpu(h->gh_checksum) != rest_crc(h))
		return "wrong checksum of the graph's header";
	if (le16_to_cpu(h->gh_version) != VEXFS_GRAPH_VERSION)
		return "unknown version of the graph";
	if (le32_to_cpu(h->gh_coll) != coll || le32_to_cpu(h->gh_dim) != s->dim ||
	    h->gh_metric != s->metric || h->gh_elem != s->elem)
		return "graph of another collection";
	if (!all_zero(h->gh_reserved, sizeof(h->gh_reserved)))
		return "reserved field of the graph set";
	return NULL;
}

/* The layout is made by the same rule as when the graph was: the fields are for other programs, and a proof. */
static bool same_layout(const struct vexfs_graph *g, const struct vexfs_graph_head *h)
{
	return le16_to_cpu(h->gh_stride) == g->stride && le16_to_cpu(h->gh_per_block) == g->per_block &&
	       le16_to_cpu(h->gh_links) == g->links && le16_to_cpu(h->gh_degree) == g->degree &&
	       le32_to_cpu(h->gh_first) == g->first && le32_to_cpu(h->gh_gdim) == g->gspace.dim;
}

static bool read_counts(struct vexfs_graph *g, const struct vexfs_graph_head *h)
{
	g->nrec = le32_to_cpu(h->gh_nrec);
	g->count = le32_to_cpu(h->gh_count);
	g->nodes = le32_to_cpu(h->gh_nodes);
	g->trained = le32_to_cpu(h->gh_trained);
	g->unit = le32_to_cpu(h->gh_unit);
	g->reach = le32_to_cpu(h->gh_reach);
	g->nentries = le32_to_cpu(h->gh_nentries);
	return g->nrec <= VEXFS_GRAPH_MAX_ID && g->count <= g->nrec && g->nodes <= g->count &&
	       g->nentries <= VEXFS_GRAPH_ENTRIES && g->unit < VEXFS_SF_INF && g->unit >= VEXFS_SF_MIN &&
	       g->reach < VEXFS_SF_INF;
}

const char *vexfs_graph_head_read(struct vexfs_graph *g, const struct vexfs_graph_head *h,
				  const struct vexfs_space *s, u32 coll, u32 *mean)
{
	const char *why = check_head(h, s, coll);
	u32 i;

	if (why)
		return why;
	vexfs_graph_init(g, s, le16_to_cpu(h->gh_links), mean);
	g->coll = coll;
	g->stamp = le64_to_cpu(h->gh_stamp);
	g->generation = le32_to_cpu(h->gh_generation);
	if (!same_layout(g, h))
		return "impossible layout of the graph";
	if (!read_counts(g, h))
		return "impossible counts of the graph";
	for (i = 0; i < g->nentries; i++)
		g->entry[i] = le32_to_cpu(h->gh_entry[i]);
	return NULL;
}

void vexfs_graph_means_write(const struct vexfs_graph *g, struct vexfs_graph_means *m, u32 lblk)
{
	u32 i, at = (lblk - 1) * VEXFS_GRAPH_MEANS;

	memset(m, 0, sizeof(*m));
	m->gm_magic = cpu_to_le32(VEXFS_GRAPH_MAGIC);
	m->gm_block = cpu_to_le32(lblk);
	for (i = 0; i < VEXFS_GRAPH_MEANS && at + i < g->gspace.dim; i++)
		m->gm_mean[i] = cpu_to_le32(g->mean[at + i]);
	m->gm_checksum = cpu_to_le32(rest_crc(m));
}

const char *vexfs_graph_means_read(struct vexfs_graph *g, const struct vexfs_graph_means *m, u32 lblk)
{
	u32 i, at = (lblk - 1) * VEXFS_GRAPH_MEANS;

	if (le32_to_cpu(m->gm_magic) != VEXFS_GRAPH_MAGIC || le32_to_cpu(m->gm_block) != lblk ||
	    le32_to_cpu(m->gm_checksum) != rest_crc(m))
		return "damaged means of the graph";
	for (i = 0; i < VEXFS_GRAPH_MEANS && at + i < g->gspace.dim; i++) {
		g->mean[at + i] = le32_to_cpu(m->gm_mean[i]);
		if (!vexfs_sf_isfinite(g->mean[at + i]))
			return "impossible means of the graph";
	}
	return NULL;
}

/* ---- records ------------------------------------------------------------------------------ */

/* The id is part of it: a record that was written to another one's place is damaged. */
static u32 node_crc(const struct vexfs_graph *g, u32 id, const struct vexfs_graph_node *node)
{
	__le32 seed = cpu_to_le32(id);

	return crc32c(crc32c(~0U, &seed, sizeof(seed)), (const u8 *)node + 4, NODE_HEAD - 4 + 4 * g->links);
}

static u32 block_first_id(const struct vexfs_graph *g, u32 lblk)
{
	return (lblk - g->first) * g->per_block;
}

void vexfs_graph_block_seal(const struct vexfs_graph *g, u32 lblk, void *data)
{
	u32 i, id = block_first_id(g, lblk);

	for (i = 0; i < g->per_block; i++) {
		struct vexfs_graph_node *node = graph_at(g, id + i, data);

		if (node->gn_state != VEXFS_GRAPH_FREE)
			node->gn_checksum = cpu_to_le32(node_crc(g, id + i, node));
	}
}

/* A free record is nothing to walk to: whatever bytes it has, its distance is infinite. */
void graph_free(const struct vexfs_graph *g, struct vexfs_graph_node *node)
{
	struct vexfs_code *code = graph_code(g, node);

	memset(node, 0, g->stride);
	code->k_norm2 = cpu_to_le32(VEXFS_SF_INF);
}

static bool record_sound(const struct vexfs_graph *g, u32 id, struct vexfs_graph_node *node)
{
	struct vexfs_code *code = graph_code(g, node);

	return node->gn_state <= VEXFS_GRAPH_TWIN && node->gn_degree <= g->links &&
	       le32_to_cpu(node->gn_checksum) == node_crc(g, id, node) &&
	       vexfs_code_valid(&g->gspace, code, le32_to_cpu(code->k_stamp));
}

u32 vexfs_graph_block_check(const struct vexfs_graph *g, u32 lblk, void *data)
{
	u32 i, id = block_first_id(g, lblk), lost = 0;

	for (i = 0; i < g->per_block; i++) {
		struct vexfs_graph_node *node = graph_at(g, id + i, data);

		if (node->gn_state != VEXFS_GRAPH_FREE) {
			if (record_sound(g, id + i, node))
				continue;
			lost++;
		}
		graph_free(g, node);
	}
	return lost;
}

/* ---- access ---------------------------------------------------------------------------------- */

/* Record @id until graph_close(), or NULL with the reason in *@err. */
struct vexfs_graph_node *graph_open(struct vexfs_graph *g, u32 id, bool change, int *err)
{
	void *data;

	*err = -ENOENT;
	if (id >= g->nrec)
		return NULL;
	*err = g->ops->get(g->ctx, graph_lblk(g, id), change, &data);
	return *err ? NULL : graph_at(g, id, data);
}

void graph_close(struct vexfs_graph *g, u32 id, bool change, struct vexfs_graph_node *node)
{
	graph_put(g, graph_lblk(g, id), change, (u8 *)node - (id - graph_group(g, id) * g->per_block) * g->stride);
}

bool graph_is_node(struct vexfs_graph *g, u32 id)
{
	struct vexfs_graph_node *node;
	bool yes;
	int err;

	node = graph_open(g, id, false, &err);
	if (!node)
		return false;
	yes = node->gn_state == VEXFS_GRAPH_NODE;
	graph_close(g, id, false, node);
	return yes;
}

/* A record as a query: distances from it to others. */
void graph_query_copy(struct vexfs_graph *g, struct vexfs_query *q, struct vexfs_graph_node *node)
{
	struct vexfs_code *code = graph_code(g, node);

	q->scale = le32_to_cpu(code->k_scale);
	q->norm2 = le32_to_cpu(code->k_norm2);
	memcpy(q->code, code + 1, g->gspace.dim);
}

/* ---- work memory ------------------------------------------------------------------------------- */

/* A table at most three quarters full: at least a third more places than ids. */
static u32 table_bits(u32 met)
{
	u32 bits = 8;

	while (bits < 30 && (3ULL << bits) / 4 < met)
		bits++;
	return bits;
}

static size_t align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

/* Pruning needs room for what it joins, and a list that is full one place more. */
static u32 pool_places(u32 pool)
{
	return max(pool, (u32)GRAPH_BATCH) + 1;
}

size_t vexfs_graph_work_bytes(const struct vexfs_graph *g, u32 pool, u32 met)
{
	return align64(sizeof(u64) * pool_places(pool)) + (sizeof(u32) << table_bits(met)) +
	       2 * align64(vexfs_query_bytes(&g->gspace)) + vexfs_graph_mean_bytes(&g->space);
}

static void query_memory(struct vexfs_query *q, const struct vexfs_graph *g, u8 *mem)
{
	u32 pad = (g->gspace.dim + 31) & ~31U;

	memset(mem, 0, vexfs_query_bytes(&g->gspace));
	q->space = g->gspace;
	q->f32 = (u32 *)mem;
	q->code = (s8 *)(q->f32 + pad);
}

void vexfs_graph_work_init(struct vexfs_graph_work *w, const struct vexfs_graph *g, u32 pool, u32 met, void *mem)
{
	u8 *p = mem;

	memset(w, 0, sizeof(*w));
	w->cap = pool_places(pool) - 1;
	w->pool = mem;
	p += align64(sizeof(u64) * pool_places(pool));
	w->tbits = table_bits(met);
	w->table = (u32 *)p;
	p += sizeof(u32) << w->tbits;
	query_memory(&w->query, g, p);
	p += align64(vexfs_query_bytes(&g->gspace));
	query_memory(&w->from, g, p);
	p += align64(vexfs_query_bytes(&g->gspace));
	w->tmp = (u32 *)p;
}
