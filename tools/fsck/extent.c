// SPDX-License-Identifier: GPL-2.0
/* Pass 1: the blocks of files and symlinks. */
#include <errno.h>
#include <string.h>

#include "tools/fsck/fsck.h"

/**
 * struct extents - a file's extents while they are walked
 * @ino:     the file
 * @eof:     blocks up to its size
 * @past_eof: written blocks may lie beyond: a truncate or removal is under way
 * @end:     logical block after the last extent
 * @blocks:  data blocks
 */
struct extents {
	u64	ino, eof, end, blocks;
	bool	past_eof, damaged;
};

static void one_extent(struct fsck *f, struct extents *x, const struct vexfs_extent *e)
{
	unsigned long long ino = x->ino, lblk = e->lblk;

	if (e->lblk < x->end) {
		fsck_problem(f, EXTENT_OVERLAP, ino, lblk);
		x->damaged = true;
	}
	if (!x->past_eof && !(e->flags & VEXFS_EXT_UNWRITTEN) && e->lblk + e->len > x->eof)
		fsck_problem(f, EXTENT_BEYOND, ino, lblk);
	if (e->lblk + e->len > x->end)
		x->end = e->lblk + e->len;
	x->blocks += e->len;
	if (!fsck_claim(f, e->pblk, e->len))
		x->damaged = true;
}

static void leaf_recs(struct fsck *f, void *ctx, const struct vexfs_rec *recs, u32 count)
{
	struct extents *x = ctx;
	struct vexfs_extent e;
	u32 i;

	for (i = 0; i < count; i++) {
		u64 key = le64_to_cpu(recs[i].key);
		const char *bad = vexfs_ext_unpack(key, le64_to_cpu(recs[i].val),
						   &f->img.io, &e);

		if (!bad) {
			one_extent(f, x, &e);
			continue;
		}
		fsck_problem(f, EXTENT, (unsigned long long)x->ino, (unsigned long long)key, bad);
		x->damaged = true;
	}
}

static void check_counts(struct fsck *f, const struct vexfs_inode *di, u64 ino, u64 data,
			 u64 tree, u64 names)
{
	u64 r_blocks = le64_to_cpu(di->i_root.r_blocks);
	u64 i_blocks = le64_to_cpu(di->i_blocks);

	if (r_blocks != tree)
		fsck_problem(f, INODE_TREE, (unsigned long long)ino, (unsigned long long)tree,
			     (unsigned long long)r_blocks);
	if (i_blocks != data + tree + names)
		fsck_problem(f, INODE_BLOCKS, (unsigned long long)ino,
			     (unsigned long long)(data + tree + names),
			     (unsigned long long)i_blocks);
}

void fsck_file_extents(struct fsck *f, u64 ino, const struct vexfs_inode *di, bool orphan,
		       u64 names)
{
	u64 size = le64_to_cpu(di->i_size);
	struct extents x = {
		.ino = ino, .past_eof = orphan,
		.eof = (size + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT,
	};
	struct fsck_tree t = { .owner = ino, .recs = leaf_recs, .ctx = &x };

	fsck_where(f, FSCK_TREE_BLOCK, "inode %llu", (unsigned long long)ino);
	fsck_tree_walk(f, &t, &di->i_root);
	if (!t.damaged && !x.damaged)
		check_counts(f, di, ino, x.blocks, t.blocks, names);
}

/* ---- symlinks ------------------------------------------------------------ */

static void long_symlink(struct fsck *f, u64 ino, const struct vexfs_inode *di, u64 names)
{
	struct vexfs_io *io = &f->img.io;
	struct vexfs_blk b;
	u64 blkno;
	const char *bad = vexfs_symlink_unpack(&di->i_root, io, &blkno);

	if (bad) {
		fsck_problem(f, LONG_SYMLINK, (unsigned long long)ino, bad);
		return;
	}
	if (!fsck_claim(f, blkno, 1))
		return;
	check_counts(f, di, ino, 1, 0, names);
	if (!fsck_read(f, blkno, VEXFS_MAGIC_SYMLINK, ino, &b))
		return;
	bad = vexfs_symlink_verify(b.data, &di->i_root, le64_to_cpu(di->i_size));
	if (bad)
		fsck_report(f, blkno, bad);
	io->ops->put(io, &b);
}

void fsck_symlink(struct fsck *f, u64 ino, const struct vexfs_inode *di, u64 names)
{
	fsck_where(f, FSCK_SYMLINK_BLOCK, "inode %llu", (unsigned long long)ino);
	if (le64_to_cpu(di->i_size) > VEXFS_SYMLINK_INLINE) {
		long_symlink(f, ino, di, names);
		return;
	}
	if (le64_to_cpu(di->i_blocks) != names)
		fsck_problem(f, SHORT_SYMLINK, (unsigned long long)ino);
}
