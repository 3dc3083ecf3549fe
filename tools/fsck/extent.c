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
		fsck_problem(f, "inode %llu: extent at logical block %llu overlaps the one before",
			     ino, lblk);
		x->damaged = true;
	}
	if (!x->past_eof && !(e->flags & VEXFS_EXT_UNWRITTEN) && e->lblk + e->len > x->eof)
		fsck_problem(f, "inode %llu: written extent at logical block %llu lies beyond the size",
			     ino, lblk);
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
						   f->img.io.nblocks, &e);

		if (!bad) {
			one_extent(f, x, &e);
			continue;
		}
		fsck_problem(f, "inode %llu: extent at logical block %llu: %s",
			     (unsigned long long)x->ino, (unsigned long long)key, bad);
		x->damaged = true;
	}
}

static void check_counts(struct fsck *f, const struct vexfs_inode *di, u64 ino, u64 data,
			 u64 tree)
{
	u64 r_blocks = le64_to_cpu(di->i_root.r_blocks);
	u64 i_blocks = le64_to_cpu(di->i_blocks);

	if (r_blocks != tree)
		fsck_problem(f, "inode %llu: tree has %llu blocks, its root says %llu",
			     (unsigned long long)ino, (unsigned long long)tree,
			     (unsigned long long)r_blocks);
	if (i_blocks != data + tree)
		fsck_problem(f, "inode %llu: has %llu blocks, i_blocks says %llu",
			     (unsigned long long)ino, (unsigned long long)(data + tree),
			     (unsigned long long)i_blocks);
}

void fsck_file_extents(struct fsck *f, u64 ino, const struct vexfs_inode *di, bool orphan)
{
	u64 size = le64_to_cpu(di->i_size);
	struct extents x = {
		.ino = ino, .past_eof = orphan,
		.eof = (size + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT,
	};
	struct fsck_tree t = { .owner = ino, .recs = leaf_recs, .ctx = &x };

	fsck_where(f, "inode %llu", (unsigned long long)ino);
	fsck_tree_walk(f, &t, &di->i_root);
	if (!t.damaged && !x.damaged)
		check_counts(f, di, ino, x.blocks, t.blocks);
}

/* ---- symlinks ------------------------------------------------------------ */

static void check_target(struct fsck *f, u64 ino, const char *target, u64 size)
{
	if (memchr(target, 0, size))
		fsck_problem(f, "inode %llu: symlink target contains a NUL byte",
			     (unsigned long long)ino);
}

static void long_symlink(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	const struct vexfs_btree_root *root = &di->i_root;
	struct vexfs_io *io = &f->img.io;
	struct vexfs_extent e;
	struct vexfs_blk b;

	if (le16_to_cpu(root->r_level) || le16_to_cpu(root->r_count) != 1 ||
	    vexfs_ext_unpack(le64_to_cpu(root->r_recs[0].key), le64_to_cpu(root->r_recs[0].val),
			     io->nblocks, &e) || e.lblk || e.len != 1 || e.flags) {
		fsck_problem(f, "inode %llu: long symlink without exactly one block",
			     (unsigned long long)ino);
		return;
	}
	if (!fsck_claim(f, e.pblk, 1))
		return;
	check_counts(f, di, ino, 1, 0);
	if (io->ops->read(io, e.pblk, VEXFS_MAGIC_SYMLINK, 0, ino, &b))
		return;
	if (le32_to_cpu(((const struct vexfs_mdhdr *)b.data)->h_bytes) != le64_to_cpu(di->i_size))
		fsck_problem(f, "inode %llu: block %llu: symlink length differs from the inode's",
			     (unsigned long long)ino, (unsigned long long)e.pblk);
	check_target(f, ino, (const char *)b.data + VEXFS_MDHDR_SIZE, le64_to_cpu(di->i_size));
	io->ops->put(io, &b);
}

void fsck_symlink(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	fsck_where(f, "inode %llu", (unsigned long long)ino);
	if (le64_to_cpu(di->i_size) > VEXFS_SYMLINK_INLINE) {
		long_symlink(f, ino, di);
		return;
	}
	check_target(f, ino, (const char *)di->i_symlink, le64_to_cpu(di->i_size));
	if (di->i_blocks)
		fsck_problem(f, "inode %llu: short symlink with blocks", (unsigned long long)ino);
}
