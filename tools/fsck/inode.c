// SPDX-License-Identifier: GPL-2.0
/* Pass 1: inode tables and inode bitmaps. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "core/xattr.h"
#include "tools/fsck/fsck.h"

/* ---- one inode ----------------------------------------------------------- */

static u8 dtype_of(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return IFTODT(mode);
	default:
		return FSCK_DT_BAD;
	}
}

/* ---- the tree of recorded names ------------------------------------------ */

struct vexfs_linktree fsck_linktree_of(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	return (struct vexfs_linktree){
		.io = &f->img.io, .ino = ino, .block = le64_to_cpu(di->i_link_block),
	};
}

struct names {
	u64	ino;
	u32	n;
};

static void name_recs(struct fsck *f, void *ctx, const struct vexfs_rec *recs, u32 count)
{
	struct names *names = ctx;
	struct vexfs_name n;
	const char *bad;
	u32 i;

	names->n += count;
	for (i = 0; i < count; i++) {
		bad = vexfs_link_verify(le64_to_cpu(recs[i].key), le64_to_cpu(recs[i].val), &n);
		if (bad)
			fsck_problem(f, NAME_VALUE, (unsigned long long)names->ino, bad);
	}
}

u32 fsck_linktree(struct fsck *f, u64 ino, const struct vexfs_inode *di, u64 *blocks)
{
	struct names names = { .ino = ino };
	struct fsck_tree t = { .owner = VEXFS_OWNER_LINKS + ino, .recs = name_recs, .ctx = &names };
	u64 blkno = le64_to_cpu(di->i_link_block);
	struct vexfs_btree_root root;
	struct vexfs_blk b;
	const char *bad;

	*blocks = 0;
	fsck_object(f, FSCK_FIX_NAMES, ino);
	fsck_where(f, FSCK_NAMES_BLOCK, "inode %llu: recorded names", (unsigned long long)ino);
	if (!blkno || !fsck_claim(f, blkno, 1) ||
	    !fsck_read(f, blkno, VEXFS_MAGIC_LINKS, t.owner, &b))
		return 0;
	memcpy(&root, (const u8 *)b.data + VEXFS_MDHDR_SIZE, sizeof(root));
	bad = vexfs_linkblock_verify(b.data, f->img.io.nblocks);
	f->img.io.ops->put(&f->img.io, &b);
	if (bad) {
		fsck_report(f, blkno, bad);
		return 0;
	}
	fsck_tree_walk(f, &t, &root);
	if (!t.damaged && le64_to_cpu(root.r_blocks) != t.blocks)
		fsck_problem(f, NAMES_TREE, f->where, (unsigned long long)t.blocks,
			     (unsigned long long)le64_to_cpu(root.r_blocks));
	*blocks = t.blocks + 1;
	return names.n;
}

static u32 recorded_links(const struct vexfs_inode *di)
{
	u32 i, n = 0;

	for (i = 0; i < VEXFS_INODE_LINKS; i++)
		n += di->i_links[i].l_parent != 0;
	return n;
}

static void check_hidden(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	const char *bad = NULL;

	if (le32_to_cpu(di->i_nlink) != 1 && !fsck_is_orphan(f, ino))
		bad = "does not have a link count of 1";
	else if (recorded_links(di) && !vexfs_inode_is_value(di))
		bad = "records a name";
	if (bad)
		fsck_problem(f, HIDDEN, (unsigned long long)ino, bad);
}

static void check_directory(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	u32 n = recorded_links(di), nlink = le32_to_cpu(di->i_nlink);
	u64 parent = le64_to_cpu(di->i_links[0].l_parent);

	/* A removed directory that is still open has no name any more. */
	if (nlink ? n != 1 || !parent : n)
		fsck_problem(f, DIR_PARENTS, (unsigned long long)ino, n);
	if (ino == VEXFS_ROOT_INO && (parent != ino || di->i_links[0].l_hash))
		fsck_problem(f, ROOT_PARENT, (unsigned long long)ino);
	fsck_dir_add(f, ino, parent);
}

static void check_blocks(struct fsck *f, u64 ino, const struct vexfs_inode *di, u64 names)
{
	u32 mode = le16_to_cpu(di->i_mode);

	if (S_ISREG(mode) && fsck_is_feed(f, ino))
		fsck_feed_tree(f, ino, di);
	else if (S_ISREG(mode))
		fsck_file_extents(f, ino, di, fsck_is_orphan(f, ino), names);
	else if (S_ISLNK(mode))
		fsck_symlink(f, ino, di, names);
	else if (S_ISDIR(mode))
		check_directory(f, ino, di);
	else if (le64_to_cpu(di->i_blocks) != names)
		fsck_problem(f, SPECIAL_BLOCKS, (unsigned long long)ino);
}

static void check_inode(struct fsck *f, u64 ino, const struct vexfs_inode *di, u32 group_inodes)
{
	struct fsck_ino *fi = fsck_ino_add(f, ino, group_inodes);
	u32 flags = le32_to_cpu(di->i_flags);
	const char *bad;
	u64 names;

	if (!fi)
		return;
	f->used_inodes++;
	fsck_object(f, FSCK_FIX_EXTENTS, ino);
	fi->dtype = dtype_of(le16_to_cpu(di->i_mode));
	bad = vexfs_inode_verify(di, &f->img.geo, ino);
	if (bad) {
		fi->flags |= FSCK_INO_BAD;
		f->doubt = true;
		fsck_problem(f, INODE, (unsigned long long)ino,
			     (unsigned long long)vexfs_ino_block(&f->img.geo, ino), bad);
		return;
	}
	fi->nlink = le32_to_cpu(di->i_nlink);
	fi->recorded = recorded_links(di) + fsck_linktree(f, ino, di, &names);
	fsck_object(f, FSCK_FIX_EXTENTS, ino);
	fi->flags = (flags & VEXFS_INODE_HIDDEN ? FSCK_INO_HIDDEN : 0) |
		    (fsck_is_orphan(f, ino) ? FSCK_INO_ORPHAN : 0);
	if (di->i_orphan_next && !fsck_is_orphan(f, ino))
		fsck_problem(f, ORPHAN_STRAY, (unsigned long long)ino,
			     (unsigned long long)le64_to_cpu(di->i_orphan_next));
	if (flags & VEXFS_INODE_HIDDEN)
		check_hidden(f, ino, di);
	names += fsck_xattrs(f, ino, di);
	fsck_quota_inode(f, ino, di);
	fsck_feed_inode(f, ino, di);
	fsck_object(f, FSCK_FIX_EXTENTS, ino);
	check_blocks(f, ino, di, names);
}

/* ---- one group ----------------------------------------------------------- */

/**
 * struct igroup - a group's inodes while they are scanned
 * @map:   its inode bitmap, NULL if that does not verify
 * @init:  inode table blocks ever written
 * @first: number of its first inode
 */
struct igroup {
	u32	group, init;
	u64	first;
	const u8 *map;
};

static void check_bit(struct fsck *f, const struct igroup *g, u32 index, bool used)
{
	u64 ino = g->first + index;
	bool marked;

	if (!g->map)
		return;
	marked = vexfs_bit_test(g->map, index);
	if (ino < VEXFS_FIRST_INO)
		used = true;	/* reserved: never free, whether used or not */
	if (used && !marked)
		fsck_problem(f, IBMAP_UNMARKED, (unsigned long long)ino, g->group);
	else if (!used && marked)
		fsck_problem(f, IBMAP_LEAKED, (unsigned long long)ino, g->group);
}

static void scan_block(struct fsck *f, const struct igroup *g, u32 block)
{
	u64 blkno = vexfs_group_itable(&f->img.geo, g->group) + block;
	const struct vexfs_inode *di;
	struct vexfs_blk b;
	int err = vexfs_image_get(&f->img, blkno, &b);
	u32 i;

	if (err) {
		fsck_where(f, FSCK_ITABLE_BLOCK, "group %u: inode table", g->group);
		fsck_unread(f, blkno, err);
		return;
	}
	di = b.data;
	for (i = 0; i < VEXFS_INODES_PER_BLOCK; i++, di++) {
		u32 index = block * VEXFS_INODES_PER_BLOCK + i;
		u64 ino = g->first + index;
		bool used = di->i_mode != 0;

		check_bit(f, g, index, used);
		fsck_object(f, FSCK_FIX_CLEAR, ino);
		if (used && ino < VEXFS_FIRST_INO && ino != VEXFS_ROOT_INO)
			fsck_problem(f, INODE_RESERVED, (unsigned long long)ino);
		else if (used)
			check_inode(f, ino, di, g->init * VEXFS_INODES_PER_BLOCK);
	}
	f->img.io.ops->put(&f->img.io, &b);
}

/* No inode can be where the table was never written. */
static void check_uninit(struct fsck *f, const struct igroup *g)
{
	u32 n = f->img.geo.inodes_per_group, first = g->init * VEXFS_INODES_PER_BLOCK;
	u32 bit;

	if (!g->map)
		return;
	fsck_object(f, FSCK_FIX_ITABLE, g->group);
	bit = vexfs_bit_next_set(g->map, first, n);
	if (bit < n)
		fsck_problem(f, IBMAP_BEYOND, g->group, (unsigned long long)(g->first + bit),
			     g->init);
}

/* Without a descriptor, the last inode the bitmap marks tells how far the table goes. */
static u32 guess_init(const struct vexfs_geo *geo, const u8 *map)
{
	u32 n = geo->inodes_per_group;

	while (map && n && !vexfs_bit_test(map, n - 1))
		n--;
	return (n + VEXFS_INODES_PER_BLOCK - 1) / VEXFS_INODES_PER_BLOCK;
}

static void scan_group(struct fsck *f, u32 group)
{
	const struct vexfs_geo *geo = &f->img.geo;
	struct igroup g = { .group = group, .first = (u64)group * geo->inodes_per_group + 1 };
	struct vexfs_group_desc gd;
	struct vexfs_blk b;
	u32 i;

	fsck_where(f, FSCK_IBMAP_BLOCK, "group %u: inode bitmap", group);
	if (fsck_read(f, vexfs_group_ibmap(geo, group), VEXFS_MAGIC_IBMAP, group, &b))
		g.map = (const u8 *)b.data + VEXFS_MDHDR_SIZE;
	if (fsck_group_desc(f, group, &gd))
		g.init = le32_to_cpu(gd.gd_itable_init);
	else
		g.init = guess_init(geo, g.map);
	if (g.init > geo->itable_blocks)
		g.init = geo->itable_blocks;	/* pass 7 complains */
	f->itable[group] = g.init;
	for (i = 0; i < g.init && !f->err; i++)
		scan_block(f, &g, i);
	check_uninit(f, &g);
	f->img.io.ops->put(&f->img.io, &b);
}

void fsck_inodes(struct fsck *f)
{
	u32 g;

	for (g = 0; g < f->img.geo.groups && !f->err; g++) {
		scan_group(f, g);
		fsck_progress(f, g + 1, f->img.geo.groups);
	}
	if (!f->err)
		fsck_values(f);
	fsck_quota_files(f);
	fsck_feed_file(f);
}
