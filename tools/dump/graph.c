// SPDX-License-Identifier: GPL-2.0
/* The graph of a collection: header and records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/coll.h"
#include "core/graph.h"
#include "tools/dump/dump.h"

/**
 * struct graph - a graph file being shown
 * @tree: where its blocks are, under @di
 */
struct graph {
	struct dump *d;
	struct vexfs_inode di;
	struct vexfs_tree tree;
	struct vexfs_graph g;
	u32	*mean;
	_Alignas(64) u8 block[VEXFS_BLOCK_SIZE];
};

static bool read_block(struct graph *k, u32 lblk)
{
	struct vexfs_extent e;
	struct vexfs_blk b;

	if (vexfs_ext_find(&k->tree, lblk, &e) || !e.pblk || (e.flags & VEXFS_EXT_UNWRITTEN) ||
	    vexfs_image_get(&k->d->img, e.pblk + (lblk - e.lblk), &b)) {
		dump_problem(k->d, "graph: block %u cannot be read", lblk);
		return false;
	}
	memcpy(k->block, b.data, sizeof(k->block));
	dump_put(k->d, &b);
	return true;
}

static void show_head(const struct vexfs_graph *g)
{
	u32 i;

	printf("%-12s %llu, generation %u\n", "stamp", (unsigned long long)g->stamp, g->generation);
	printf("%-12s %u, of them %u nodes, ids below %u\n", "vectors", g->count, g->nodes, g->nrec);
	printf("%-12s %u of %u bytes in a block, from block %u on\n", "records", g->per_block, g->stride, g->first);
	printf("%-12s %u places, pruned to %u\n", "links", g->links, g->degree);
	printf("%-12s %u vectors, %u elements of a code\n", "means", g->trained, g->gspace.dim);
	printf("%-12s", "entries");
	for (i = 0; i < g->nentries; i++)
		printf(" %u", g->entry[i]);
	putchar('\n');
}

static void show_record(const struct graph *k, u32 id, const u8 *rec)
{
	const struct vexfs_graph_node *node = (const void *)rec;
	const struct vexfs_code *code = (const void *)(rec + k->g.code_at);
	u32 i;

	if (node->gn_state == VEXFS_GRAPH_FREE)
		return;
	printf("  %8u  stamp %u, %s", id, le32_to_cpu(code->k_stamp), node->gn_state == VEXFS_GRAPH_TWIN ? "twin of" : "links");
	for (i = 0; i < node->gn_degree && i < k->g.links; i++)
		printf(" %u", le32_to_cpu(node->gn_link[i]));
	if (le32_to_cpu(node->gn_next) != VEXFS_GRAPH_NONE)
		printf(", next %u", le32_to_cpu(node->gn_next));
	putchar('\n');
}

static void show_records(struct graph *k)
{
	u32 end = vexfs_graph_blocks(&k->g, k->g.nrec), lblk, i, lost;

	for (lblk = k->g.first; lblk < end && read_block(k, lblk); lblk++) {
		lost = vexfs_graph_block_check(&k->g, lblk, k->block);
		if (lost)
			dump_problem(k->d, "graph: block %u: %u damaged records", lblk, lost);
		for (i = 0; i < k->g.per_block; i++)
			show_record(k, (lblk - k->g.first) * k->g.per_block + i, k->block + (size_t)i * k->g.stride);
	}
}

static void show_graph(struct graph *k, u32 id, const struct vexfs_space *s)
{
	const char *why;

	if (!k->di.i_size || !read_block(k, 0))
		return;
	if (vexfs_all_zero(k->block, sizeof(k->block))) {
		puts("no graph at the moment: the header is zeros");
		return;
	}
	why = vexfs_graph_head_read(&k->g, (const void *)k->block, s, id, k->mean);
	if (why) {
		dump_problem(k->d, "graph: %s", why);
		return;
	}
	if (k->g.generation != le32_to_cpu(k->di.i_generation))
		dump_problem(k->d, "graph: of another file");
	if (vexfs_graph_blocks(&k->g, k->g.nrec) > le64_to_cpu(k->di.i_size) >> VEXFS_BLOCK_SHIFT) {
		dump_problem(k->d, "graph: longer than its file");
		return;
	}
	show_head(&k->g);
	show_records(k);
}

static void show_file(struct dump *d, u32 id, const struct vexfs_collection *c, u64 ino)
{
	struct vexfs_space s = vexfs_coll_space(c);
	struct graph *k = aligned_alloc(64, sizeof(*k));
	u32 *mean = aligned_alloc(64, vexfs_graph_mean_bytes(&s));

	if (k && mean && dump_get_inode(d, ino, &k->di)) {
		k->d = d;
		k->mean = mean;
		k->tree = (struct vexfs_tree){
			.io = &d->img.io, .root = &k->di.i_root, .owner = ino, .leaf_magic = VEXFS_MAGIC_NODE,
		};
		show_graph(k, id, &s);
	}
	free(mean);
	free(k);
}

void dump_graph(struct dump *d, u64 id)
{
	struct vexfs_collection c;
	u64 ino;

	if (id >= VEXFS_MAX_COLL || !dump_get_collection(d, id, &c) || le32_to_cpu(c.c_state) == VEXFS_COLL_FREE ||
	    vexfs_coll_verify(&c, &d->img.geo, id)) {
		dump_problem(d, "there is no sound collection %llu: see --collections", (unsigned long long)id);
		return;
	}
	ino = vexfs_coll_file_ino(&c, VEXFS_COLL_GRAPH);
	printf("graph of collection %llu: '%.*s', inode %llu\n", (unsigned long long)id, (int)sizeof(c.c_name),
	       (const char *)c.c_name, (unsigned long long)ino);
	if (ino)
		show_file(d, id, &c, ino);
}
