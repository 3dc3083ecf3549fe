// SPDX-License-Identifier: GPL-2.0
/* Reading the files of a collection. */
#include <string.h>

#include "tools/fsck/region.h"

int fsck_region_open(struct fsck *f, struct fsck_region *r, u64 ino)
{
	struct vexfs_inode *di;
	struct vexfs_blk b;
	int err = vexfs_image_inode(&f->img, ino, &b, &di);

	if (err)
		return err;
	r->ino = ino;
	r->root = di->i_root;
	r->e.len = 0;
	r->tree = (struct vexfs_tree){
		.io = &f->img.io, .root = &r->root, .owner = ino, .leaf_magic = VEXFS_MAGIC_NODE,
	};
	f->img.io.ops->put(&f->img.io, &b);
	return 0;
}

bool fsck_region_map(struct fsck *f, struct fsck_region *r, u64 lblk, u64 *pblk)
{
	if (lblk < r->e.lblk || lblk - r->e.lblk >= r->e.len) {
		int err;

		f->img.report = NULL;
		err = vexfs_ext_find(&r->tree, lblk, &r->e);
		f->img.report = fsck_report;
		if (err) {
			r->e.len = 0;
			return false;
		}
	}
	if (!r->e.pblk || (r->e.flags & VEXFS_EXT_UNWRITTEN))
		return false;
	*pblk = r->e.pblk + (lblk - r->e.lblk);
	return true;
}

bool fsck_region_read(struct fsck *f, struct fsck_region *r, u64 slot, u8 *rec)
{
	u64 lblk = vexfs_layout_lblk(&r->l, slot), pblk;
	u32 offs = vexfs_layout_offset(&r->l, slot), left = r->l.bytes, n;
	struct vexfs_blk b;

	for (; left; left -= n, rec += n, lblk++, offs = 0) {
		if (!fsck_region_map(f, r, lblk, &pblk) || vexfs_image_get(&f->img, pblk, &b))
			return false;
		n = VEXFS_BLOCK_SIZE - offs < left ? VEXFS_BLOCK_SIZE - offs : left;
		memcpy(rec, (const u8 *)b.data + offs, n);
		f->img.io.ops->put(&f->img.io, &b);
	}
	return true;
}
