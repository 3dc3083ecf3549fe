// SPDX-License-Identifier: GPL-2.0
/* Repair of inodes: clearing one, its extents, what it counts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/xattr.h"
#include "tools/fsck/fsck.h"

int fsck_get_inode(struct fsck *f, u64 ino, struct vexfs_inode *di)
{
	struct fsck_ino *fi = fsck_ino_get(f, ino);
	struct vexfs_inode *p;
	struct vexfs_blk b;
	int err;

	if (!fi)
		return -ENOENT;
	err = vexfs_image_inode(&f->img, ino, &b, &p);
	if (err)
		return err;
	*di = *p;
	f->img.io.ops->put(&f->img.io, &b);
	return vexfs_inode_verify(di, &f->img.geo, ino) ? -ENOENT : 0;
}

int fsck_put_inode(struct fsck *f, u64 ino, struct vexfs_inode *di)
{
	struct vexfs_inode *p;
	struct vexfs_blk b;
	int err = vexfs_image_inode(&f->img, ino, &b, &p);

	if (err)
		return err;
	vexfs_inode_seal(di);
	*p = *di;
	fsck_changed(f, &b, false);
	f->img.io.ops->put(&f->img.io, &b);
	return 0;
}

/* Its blocks and names are found to be nobody's in the next round. */
int fsck_fix_clear(struct fsck *f, u64 ino)
{
	struct fsck_ino *fi = fsck_ino_get(f, ino);
	struct vexfs_inode *p;
	struct vexfs_blk b;
	int err = vexfs_image_inode(&f->img, ino, &b, &p);

	if (err)
		return err;
	memset(p, 0, sizeof(*p));
	fsck_changed(f, &b, false);
	f->img.io.ops->put(&f->img.io, &b);
	if (fi)
		fi->dtype = 0;
	fsck_did(f, "inode %llu: cleared", (unsigned long long)ino);
	return 0;
}

/* ---- counting -------------------------------------------------------------- */

static void add_len(struct fsck *f, void *ctx, const struct vexfs_rec *recs, u32 count)
{
	struct vexfs_extent e;
	u64 *blocks = ctx;
	u32 i;

	for (i = 0; i < count; i++)
		if (!vexfs_ext_unpack(le64_to_cpu(recs[i].key), le64_to_cpu(recs[i].val), &f->img.io, &e))
			*blocks += e.len;
}

static void ignore_recs(struct fsck *f, void *ctx, const struct vexfs_rec *recs, u32 count)
{
}

static void ignore_leaf(struct fsck *f, void *ctx, u64 blkno, const void *block)
{
}

/* Blocks of recorded names beyond the inode. False: damaged. */
static bool count_names(struct fsck *f, u64 ino, const struct vexfs_inode *di, u64 *blocks)
{
	struct fsck_tree t = { .owner = VEXFS_OWNER_LINKS + ino, .recs = ignore_recs, .quiet = true };
	struct vexfs_btree_root root;
	struct vexfs_blk b;
	bool bad;

	if (!di->i_link_block)
		return true;
	if (!fsck_read_quiet(f, le64_to_cpu(di->i_link_block), VEXFS_MAGIC_LINKS, t.owner, &b))
		return false;
	memcpy(&root, (const u8 *)b.data + VEXFS_MDHDR_SIZE, sizeof(root));
	bad = vexfs_linkblock_verify(b.data, f->img.io.nblocks);
	f->img.io.ops->put(&f->img.io, &b);
	if (bad)
		return false;
	fsck_tree_walk(f, &t, &root);
	*blocks += t.blocks + 1;
	return !t.damaged;
}

/* Set what follows from the trees of an inode at hand. False: they are damaged. */
static bool set_counts(struct fsck *f, u64 ino, struct vexfs_inode *di)
{
	u32 mode = le16_to_cpu(di->i_mode);
	u64 blocks = di->i_xattr_block != 0;
	struct fsck_tree t = {
		.owner = ino, .quiet = true, .is_dir = S_ISDIR(mode), .recs = add_len, .leaf = ignore_leaf,
		.ctx = &blocks,
	};

	if (!count_names(f, ino, di, &blocks))
		return false;
	if (fsck_is_feed(f, ino))
		t.recs = ignore_recs;
	if (S_ISREG(mode) || S_ISDIR(mode)) {
		fsck_tree_walk(f, &t, &di->i_root);
		di->i_root.r_blocks = cpu_to_le64(t.blocks);
		blocks += t.blocks;
	} else if (S_ISLNK(mode) && le64_to_cpu(di->i_size) > VEXFS_SYMLINK_INLINE) {
		di->i_root.r_blocks = 0;
		blocks++;
	}
	di->i_blocks = cpu_to_le64(blocks);
	if (!fsck_is_orphan(f, ino))
		di->i_orphan_next = 0;
	return !t.damaged;
}

static void set_hidden(struct fsck *f, u64 ino, struct vexfs_inode *di)
{
	if (!(le32_to_cpu(di->i_flags) & VEXFS_INODE_HIDDEN) || fsck_is_orphan(f, ino))
		return;
	di->i_nlink = cpu_to_le32(1);
	if (!vexfs_inode_is_value(di))
		memset(di->i_links, 0, sizeof(di->i_links));
}

/* Put an inode at hand; its counts are set if its trees allow. */
int fsck_settle_inode(struct fsck *f, u64 ino, struct vexfs_inode *di)
{
	struct vexfs_inode with = *di;

	if (set_counts(f, ino, &with))
		*di = with;
	set_hidden(f, ino, di);
	return fsck_put_inode(f, ino, di);
}

int fsck_fix_counts(struct fsck *f, u64 ino)
{
	struct vexfs_inode di, before;
	int err = fsck_get_inode(f, ino, &di);

	if (err)
		return err == -ENOENT ? 0 : err;
	before = di;
	err = fsck_settle_inode(f, ino, &di);
	if (!err && memcmp(&di, &before, sizeof(di)))
		fsck_did(f, "inode %llu: counts set", (unsigned long long)ino);
	return err;
}

/* ---- extents --------------------------------------------------------------- */

/**
 * struct pieces - the extents of a file that are kept
 * @end: logical block after the last
 * @eof: nothing written may be beyond; ~0: it may
 */
struct pieces {
	struct vexfs_extent *e;
	size_t	n, room;
	u64	end, eof;
};

static void keep(struct fsck *f, void *ctx, const struct vexfs_rec *recs, u32 count)
{
	struct pieces *p = ctx;
	struct vexfs_extent e;
	u32 i;

	for (i = 0; i < count; i++) {
		if (vexfs_ext_unpack(le64_to_cpu(recs[i].key), le64_to_cpu(recs[i].val), &f->img.io, &e) ||
		    !vexfs_data_range_valid(&f->img.geo, e.pblk, e.len))
			continue;
		if (!(e.flags & VEXFS_EXT_UNWRITTEN) && e.lblk + e.len > p->eof) {
			if (e.lblk >= p->eof)
				continue;
			e.len = p->eof - e.lblk;
		}
		/* Who reads finds the last record that begins at or before a block. */
		if (p->n && e.lblk < p->end)
			p->e[p->n - 1].len = e.lblk - p->e[p->n - 1].lblk;
		if (!fsck_grow(f, &p->e, p->n, &p->room, sizeof(*p->e)))
			return;
		p->e[p->n++] = e;
		p->end = e.lblk + e.len;
	}
}

/* Position of the first block at or after @blkno that the object refers to as the second. */
static size_t first_twice(const struct fsck *f, u64 id, u64 blkno)
{
	size_t lo = 0, hi = f->ntwice;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct fsck_twice *t = &f->twice[mid];

		if (t->id < id || (t->id == id && t->blkno < blkno))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A block of its own with the same content; @header: it says what it is, and gets its new address. Content of a
 * file may look like such a block, and stays what it is. */
static int copy_block(struct fsck *f, bool header, u64 from, u64 *to)
{
	u32 one = 1;
	struct vexfs_blk a, b;
	int err = vexfs_image_get(&f->img, from, &a);

	if (err)
		return err;
	err = vexfs_image_alloc_blocks(&f->img, from, &one, to);
	if (!err)
		err = vexfs_image_new(&f->img, *to, &b);
	if (!err) {
		memcpy(b.data, a.data, VEXFS_BLOCK_SIZE);
		if (header) {
			((struct vexfs_mdhdr *)b.data)->h_blkno = cpu_to_le64(*to);
			vexfs_mdhdr_seal(b.data);
		}
		fsck_changed(f, &b, false);
		f->img.io.ops->put(&f->img.io, &b);
	}
	f->img.io.ops->put(&f->img.io, &a);
	return err;
}

static int insert(struct vexfs_tree *t, const struct vexfs_extent *e, u64 from, u64 len, u64 pblk)
{
	struct vexfs_extent piece = {
		.lblk = e->lblk + from, .len = len, .pblk = pblk, .flags = e->flags,
	};

	return len ? vexfs_ext_insert(t, &piece) : 0;
}

/* Into the new tree; blocks that are another's first are copied. */
static int insert_own(struct fsck *f, u64 ino, struct vexfs_tree *t, const struct vexfs_extent *e)
{
	size_t i = first_twice(f, ino, e->pblk);
	u64 done = 0, at, to;
	int err = 0;

	for (; !err && i < f->ntwice && f->twice[i].id == ino; i++) {
		at = f->twice[i].blkno - e->pblk;
		if (at >= e->len)
			break;
		if (at < done)
			continue;
		err = insert(t, e, done, at - done, e->pblk + done);
		if (!err)
			err = copy_block(f, false, f->twice[i].blkno, &to);
		if (!err)
			err = insert(t, e, at, 1, to);
		done = at + 1;
	}
	return err ? err : insert(t, e, done, e->len - done, e->pblk + done);
}

static int build_tree(struct fsck *f, u64 ino, struct vexfs_inode *di, const struct pieces *p)
{
	struct vexfs_tree t = {
		.io = &f->img.io, .root = &di->i_root, .owner = ino, .leaf_magic = VEXFS_MAGIC_NODE,
	};
	size_t i;
	int err = 0;

	memset(&di->i_root, 0, sizeof(di->i_root));
	for (i = 0; i < p->n && !err; i++)
		err = insert_own(f, ino, &t, &p->e[i]);
	return err;
}

static u64 end_of_file(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	if (fsck_is_orphan(f, ino))
		return ~0ULL;
	return (le64_to_cpu(di->i_size) + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
}

/* The block of a long target, if it verifies, moves to where it is nobody else's. */
static int fix_symlink(struct fsck *f, u64 ino, struct vexfs_inode *di)
{
	struct vexfs_extent e = { .len = 1 };
	struct vexfs_blk b;
	u64 blkno;
	int err;

	if (le64_to_cpu(di->i_size) <= VEXFS_SYMLINK_INLINE ||
	    vexfs_symlink_unpack(&di->i_root, &f->img.io, &blkno) ||
	    !fsck_read_quiet(f, blkno, VEXFS_MAGIC_SYMLINK, ino, &b))
		return fsck_fix_clear(f, ino);
	f->img.io.ops->put(&f->img.io, &b);
	err = copy_block(f, true, blkno, &e.pblk);
	if (err)
		return err;
	di->i_root.r_recs[0].val = cpu_to_le64(vexfs_ext_pack(&e));
	fsck_did(f, "inode %llu: target moved to a block of its own", (unsigned long long)ino);
	return fsck_settle_inode(f, ino, di);
}

/* A tree of what verifies of the old one, in new blocks. */
int fsck_fix_extents(struct fsck *f, u64 ino)
{
	struct vexfs_inode di;
	struct pieces p = { 0 };
	struct fsck_tree t = { .owner = ino, .quiet = true, .recs = keep, .ctx = &p };
	int err = fsck_get_inode(f, ino, &di);

	if (err)
		return err == -ENOENT ? 0 : err;
	if (S_ISLNK(le16_to_cpu(di.i_mode)))
		return fix_symlink(f, ino, &di);
	if (!S_ISREG(le16_to_cpu(di.i_mode)) || fsck_is_feed(f, ino))
		return 0;
	p.eof = end_of_file(f, ino, &di);
	fsck_tree_walk(f, &t, &di.i_root);
	err = f->err ? f->err : build_tree(f, ino, &di, &p);
	free(p.e);
	if (!err)
		err = fsck_settle_inode(f, ino, &di);
	if (!err)
		fsck_did(f, "inode %llu: %s", (unsigned long long)ino,
			 t.damaged ? "part of its content is lost, the rest was kept" : "extents made anew");
	return err;
}
