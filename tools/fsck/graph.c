// SPDX-License-Identifier: GPL-2.0
/*
 * Pass 4: the graph file of a collection. It is derived: whatever is wrong with it, the
 * repair is to do without, and the kernel makes it anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph.h"
#include "tools/fsck/region.h"

/**
 * struct graph - a graph file being checked
 * @g:	   its layout and counts, after the header
 * @mean:  its table of means
 * @block: one block
 */
struct graph {
	struct fsck_region file;
	struct vexfs_graph g;
	u32	*mean;
	_Alignas(64) u8 block[VEXFS_BLOCK_SIZE];
};

static const char *read_block(struct fsck *f, struct graph *k, u64 lblk)
{
	struct vexfs_blk b;
	u64 pblk;

	if (!fsck_region_map(f, &k->file, lblk, &pblk))
		return "hole in the graph";
	if (vexfs_image_get(&f->img, pblk, &b))
		return "unreadable block of the graph";
	memcpy(k->block, b.data, sizeof(k->block));
	f->img.io.ops->put(&f->img.io, &b);
	return NULL;
}

static const char *check_bounds(const struct graph *k, const struct vexfs_collection *c, const struct vexfs_inode *di)
{
	u64 blocks = le64_to_cpu(di->i_size) >> VEXFS_BLOCK_SHIFT;

	if (k->g.generation != le32_to_cpu(di->i_generation))
		return "graph of another file";
	if (!k->g.stamp || k->g.stamp > le64_to_cpu(c->c_stamp_limit))
		return "graph's stamp above the collection's limit";
	if (k->g.nrec > le64_to_cpu(c->c_nslots))
		return "graph of more slots than there are";
	if (vexfs_graph_blocks(&k->g, k->g.nrec) > blocks)
		return "graph longer than its file";
	return NULL;
}

static const char *check_records(struct fsck *f, struct graph *k)
{
	u32 end = vexfs_graph_blocks(&k->g, k->g.nrec), lblk;
	const char *why;

	for (lblk = k->g.first; lblk < end; lblk++) {
		why = read_block(f, k, lblk);
		if (!why && vexfs_graph_block_check(&k->g, lblk, k->block))
			why = "damaged records of the graph";
		if (why)
			return why;
	}
	return NULL;
}

/* NULL: sound, or none has been written. */
static const char *check_graph(struct fsck *f, struct graph *k, const struct vexfs_collection *c,
			       const struct vexfs_inode *di)
{
	struct vexfs_space s = vexfs_coll_space(c);
	const char *why;
	u32 lblk;

	if (!di->i_size)
		return NULL;
	why = read_block(f, k, 0);
	if (why || vexfs_all_zero(k->block, sizeof(k->block)))
		return why;
	why = vexfs_graph_head_read(&k->g, (const void *)k->block, &s, le32_to_cpu(c->c_id), k->mean);
	if (!why)
		why = check_bounds(k, c, di);
	for (lblk = 1; !why && lblk < k->g.first; lblk++) {
		why = read_block(f, k, lblk);
		if (!why)
			why = vexfs_graph_means_read(&k->g, (const void *)k->block, lblk);
	}
	return why ? why : check_records(f, k);
}

static const char *check_file(struct fsck *f, const struct vexfs_collection *c, u64 ino)
{
	struct vexfs_space s = vexfs_coll_space(c);
	struct graph *k = aligned_alloc(64, sizeof(*k));
	const char *why = NULL;
	struct vexfs_inode di;
	int err = k ? fsck_get_inode(f, ino, &di) : -ENOMEM;

	if (!err) {
		k->mean = aligned_alloc(64, vexfs_graph_mean_bytes(&s));
		err = k->mean ? fsck_region_open(f, &k->file, ino) : -ENOMEM;
		if (!err)
			why = check_graph(f, k, c, &di);
		free(k->mean);
	}
	free(k);
	if (err)
		fsck_fatal(f, err, "checking a graph");
	return why;
}

void fsck_graph(struct fsck *f, const struct vexfs_collection *c, const char *bad)
{
	u64 ino = vexfs_coll_file_ino(c, VEXFS_COLL_GRAPH);

	fsck_object(f, FSCK_FIX_GRAPH, le32_to_cpu(c->c_id));
	if (!bad && le32_to_cpu(c->c_state) == VEXFS_COLL_LIVE)
		bad = check_file(f, c, ino);
	if (bad)
		fsck_problem(f, GRAPH, f->where, (unsigned long long)ino, bad);
}
