// SPDX-License-Identifier: GPL-2.0
/* Repair of the orphan table: all that are orphans, each once, in the table alone. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "tools/fsck/fsck.h"

/* In use, and not the file of a collection, which the next mount would delete. */
static bool stays(struct fsck *f, u64 ino)
{
	struct vexfs_inode di;
	const struct fsck_ino *fi = fsck_ino_get(f, ino);

	if (!fi || fsck_get_inode(f, ino, &di))
		return false;
	if (fi->dtype == DT_DIR && di.i_nlink)
		return false;	/* it has got a name again */
	return !(fi->flags & FSCK_INO_HIDDEN) || !fi->coll || fi->coll == FSCK_COLL_VALUE;
}

static int leave_list(struct fsck *f, u64 ino)
{
	struct vexfs_inode di;
	int err = fsck_get_inode(f, ino, &di);

	if (err || !di.i_orphan_next)
		return err == -ENOENT ? 0 : err;
	di.i_orphan_next = 0;
	return fsck_put_inode(f, ino, &di);
}

/* Those that stay, to the front of the sorted list; the others are orphans no more. */
static size_t choose(struct fsck *f)
{
	size_t i, n = 0;

	for (i = 0; i < f->norphans; i++)
		if ((!n || f->orphan_list[n - 1] != f->orphan_list[i]) && stays(f, f->orphan_list[i]))
			f->orphan_list[n++] = f->orphan_list[i];
	return n;
}

static int write_block(struct fsck *f, u32 index)
{
	u64 blkno = f->img.geo.orphan_start + index;
	size_t first = (size_t)index * VEXFS_ORPHANS_PER_BLOCK, i;
	struct vexfs_blk b;
	__le64 *slot;
	int err = vexfs_image_new(&f->img, blkno, &b);

	if (err)
		return err;
	vexfs_mdhdr_init(b.data, &f->img.geo, VEXFS_MAGIC_ORPHAN, blkno, index);
	slot = (void *)((u8 *)b.data + VEXFS_MDHDR_SIZE);
	for (i = 0; i < VEXFS_ORPHANS_PER_BLOCK && first + i < f->norphans; i++)
		slot[i] = cpu_to_le64(f->orphan_list[first + i]);
	fsck_changed(f, &b, true);
	f->img.io.ops->put(&f->img.io, &b);
	return 0;
}

/*
 * The table is written anew. Orphans that only a damaged block or list knew have no name, and
 * the next round finds that out. More than the table holds: it is left as it is.
 */
int fsck_fix_orphans(struct fsck *f, u64 id)
{
	u32 i;
	size_t k;
	int err = 0;

	f->norphans = choose(f);
	if (f->norphans > (size_t)f->img.geo.orphan_blocks * VEXFS_ORPHANS_PER_BLOCK)
		return 0;
	for (k = 0; k < f->norphans && !err; k++)
		err = leave_list(f, f->orphan_list[k]);
	for (i = 0; i < f->img.geo.orphan_blocks && !err; i++)
		err = write_block(f, i);
	if (!err)
		fsck_did(f, "orphan table written anew with %zu inodes", f->norphans);
	return err;
}
