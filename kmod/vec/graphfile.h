/* SPDX-License-Identifier: GPL-2.0 */
/* The graph of a collection on the disk: graphfile.c (the file), save.c (checkpoints), restore.c (after a mount). */
#ifndef VEXFS_KMOD_VEC_GRAPHFILE_H
#define VEXFS_KMOD_VEC_GRAPHFILE_H

#include "kmod/vec/index.h"
#include <linux/blk_types.h>
#include <linux/completion.h>

#define VEXFS_GRAPHIO	64	/* blocks of one bio */

/**
 * struct vexfs_graphio - blocks under way
 * @left: bios, and one more until vexfs_graphio_end()
 * @err:  of one that failed
 */
struct vexfs_graphio {
	atomic_t		left;
	struct completion	done;
	int			err;
};
void vexfs_graphio_begin(struct vexfs_graphio *io);
int vexfs_graphio_add(struct vexfs_coll *coll, struct vexfs_graphio *io, blk_opf_t op, u64 lblk, void *const *page,
		      u32 n);
int vexfs_graphio_end(struct vexfs_graphio *io);
int vexfs_graphio_one(struct vexfs_coll *coll, blk_opf_t op, u64 lblk, void *page);

int vexfs_graphfile_open(struct vexfs_coll *coll);
int vexfs_graphfile_create(struct vexfs_coll *coll);
int vexfs_graphfile_grow(struct vexfs_coll *coll, u64 need);
int vexfs_graphfile_forget(struct vexfs_coll *coll);
void vexfs_graphfile_reap(struct vexfs_coll *coll);

#endif /* VEXFS_KMOD_VEC_GRAPHFILE_H */
