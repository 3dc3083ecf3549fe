/* SPDX-License-Identifier: GPL-2.0 */
/* A file of a collection, read by slot. */
#ifndef VEXFS_TOOLS_FSCK_REGION_H
#define VEXFS_TOOLS_FSCK_REGION_H

#include "core/coll.h"
#include "tools/fsck/fsck.h"

/* A hidden file: its extents, with the last one used at hand. */
struct fsck_region {
	u64	ino;
	struct vexfs_btree_root root;
	struct vexfs_tree tree;
	struct vexfs_extent e;
	struct vexfs_layout l;
};

int fsck_region_open(struct fsck *f, struct fsck_region *r, u64 ino);
/* Damage in the extent tree is another's to report: here it is only a missing block. */
bool fsck_region_map(struct fsck *f, struct fsck_region *r, u64 lblk, u64 *pblk);
/* The record of a slot; @rec: r->l.bytes */
bool fsck_region_read(struct fsck *f, struct fsck_region *r, u64 slot, u8 *rec);

#endif /* VEXFS_TOOLS_FSCK_REGION_H */
