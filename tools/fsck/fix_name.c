// SPDX-License-Identifier: GPL-2.0
/* Repair of names: what inodes record of them, link counts, what has no name. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/image_write.h"
#include "tools/fsck/fsck.h"

#define LOST_FOUND "lost+found"

/* ---- the names of the inodes that want theirs recorded anew ------------------ */

static int by_ino(const void *a, const void *b)
{
	const struct fsck_name *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static bool is_wanted(struct fsck *f, u64 ino)
{
	size_t lo = 0, hi = f->nwant;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct fsck_want *w = &f->want[mid];

		if (w->how < FSCK_FIX_NAMES || (w->how == FSCK_FIX_NAMES && w->id < ino))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->nwant && f->want[lo].how == FSCK_FIX_NAMES && f->want[lo].id == ino;
}

static void note_names(struct fsck *f, void *ctx, u64 blkno, const void *block)
{
	const struct vexfs_mdhdr *h = block;
	const struct vexfs_dirent *d = (const void *)((const u8 *)block + VEXFS_MDHDR_SIZE);
	const void *end = (const u8 *)d + le32_to_cpu(h->h_bytes);
	const u64 *dir = ctx;

	for (; (const void *)d < end; d = (const void *)((const u8 *)d + le16_to_cpu(d->d_rec_len))) {
		if (!is_wanted(f, le64_to_cpu(d->d_ino)))
			continue;
		if (!fsck_grow(f, &f->name, f->nname, &f->name_room, sizeof(*f->name)))
			return;
		f->name[f->nname++] = (struct fsck_name){ le64_to_cpu(d->d_ino), *dir, le64_to_cpu(d->d_hash) };
	}
}

/* One walk through all directories, before the first inode of a round. */
static void gather(struct fsck *f)
{
	size_t i;

	f->nname = 0;
	f->gathered = true;
	for (i = 0; i < f->ndirs && !f->err; i++) {
		u64 dir = f->dirs[i].ino;
		struct fsck_tree t = {
			.owner = dir, .quiet = true, .is_dir = true, .leaf = note_names, .ctx = &dir,
		};
		struct vexfs_inode di;

		if (!fsck_get_inode(f, dir, &di))
			fsck_tree_walk(f, &t, &di.i_root);
	}
	if (f->nname)
		qsort(f->name, f->nname, sizeof(*f->name), by_ino);
}

static size_t first_name(const struct fsck *f, u64 ino)
{
	size_t lo = 0, hi = f->nname;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (f->name[mid].ino < ino)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- records and counts ------------------------------------------------------ */

static void forget(struct vexfs_inode *di)
{
	memset(di->i_links, 0, sizeof(di->i_links));
	di->i_link_block = 0;
}

static int record(struct fsck *f, u64 ino, struct vexfs_inode *di, const struct fsck_name *n)
{
	struct vexfs_name name = { n->parent, n->hash };
	struct vexfs_linktree lt = {
		.io = &f->img.io, .ino = ino, .block = le64_to_cpu(di->i_link_block),
	};
	int err;

	if (vexfs_links_put(di->i_links, &name))
		return 0;
	err = vexfs_linktree_add(&lt, &name);
	di->i_link_block = cpu_to_le64(lt.block);
	return err;
}

static void names_of_dir(struct fsck *f, u64 ino, struct vexfs_inode *di, const struct fsck_name *n)
{
	const struct fsck_dir *d = fsck_dir_get(f, ino);

	forget(di);
	di->i_links[0].l_parent = cpu_to_le64(n ? n->parent : ino);
	di->i_links[0].l_hash = cpu_to_le64(n ? n->hash : 0);
	di->i_nlink = cpu_to_le32(2 + (d ? d->subdirs : 0));
}

static int names_of_file(struct fsck *f, u64 ino, struct vexfs_inode *di, size_t i)
{
	u32 n = 0;
	int err = 0;

	forget(di);
	for (; i < f->nname && f->name[i].ino == ino && !err; i++, n++)
		err = record(f, ino, di, &f->name[i]);
	di->i_nlink = cpu_to_le32(n);
	return err;
}

/* Count and records as the entries say. Without a name: see fsck_fix_connect(). */
int fsck_fix_names(struct fsck *f, u64 ino)
{
	struct vexfs_inode di, before;
	size_t i;
	bool named;
	int err = fsck_get_inode(f, ino, &di);

	if (err || (le32_to_cpu(di.i_flags) & VEXFS_INODE_HIDDEN))
		return err == -ENOENT ? 0 : err;
	if (!f->gathered)
		gather(f);
	i = first_name(f, ino);
	named = i < f->nname && f->name[i].ino == ino;
	before = di;
	if (!named && ino != VEXFS_ROOT_INO && !fsck_is_orphan(f, ino))
		return 0;
	if (!S_ISDIR(le16_to_cpu(di.i_mode)))
		err = names_of_file(f, ino, &di, i);
	else if (named || ino == VEXFS_ROOT_INO)
		names_of_dir(f, ino, &di, ino == VEXFS_ROOT_INO ? NULL : &f->name[i]);
	if (!err)
		err = fsck_settle_inode(f, ino, &di);
	if (!err && memcmp(&di, &before, sizeof(di)))
		fsck_did(f, "inode %llu: link count %u, names recorded anew", (unsigned long long)ino,
			 le32_to_cpu(di.i_nlink));
	return err;
}

/* ---- what has no name ---------------------------------------------------------- */

/* A directory that leads to the root, to put a name in. */
static bool sound_dir(struct fsck *f, u64 ino, struct vexfs_inode *di)
{
	const struct fsck_dir *d = fsck_dir_get(f, ino);

	return d && d->connected && !fsck_get_inode(f, ino, di) && S_ISDIR(le16_to_cpu(di->i_mode)) && di->i_nlink;
}

static void stamp(struct vexfs_inode *di, u64 salt)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	di->i_generation = cpu_to_le32((u32)now.tv_nsec ^ (u32)salt);
	di->i_version = cpu_to_le64(1);
	di->i_atime = di->i_mtime = di->i_ctime = di->i_btime = cpu_to_le64(now.tv_sec);
}

static int make_lost_found(struct fsck *f, struct vexfs_inode *root, struct vexfs_inode *lf)
{
	int err = vexfs_image_new_inode(&f->img, S_IFDIR | 0700, lf);

	if (err)
		return err;
	stamp(lf, 1);
	err = vexfs_image_add_name(&f->img, root, lf, LOST_FOUND, strlen(LOST_FOUND));
	if (!err)
		err = vexfs_image_put_inode(&f->img, lf);
	if (!err)
		err = vexfs_image_put_inode(&f->img, root);
	return err;
}

/* lost+found of the root, made if there is none; the root itself if the name is taken. */
static int lost_found(struct fsck *f, struct vexfs_inode *di)
{
	struct vexfs_inode root;
	struct vexfs_tree t = { .io = &f->img.io, .owner = VEXFS_ROOT_INO, .leaf_magic = VEXFS_MAGIC_DIR };
	u64 hash = vexfs_dir_hash(f->img.geo.hash_key, LOST_FOUND, strlen(LOST_FOUND)), ino;
	u8 type;
	int err = vexfs_image_get_inode(&f->img, VEXFS_ROOT_INO, &root);

	if (err)
		return err;
	t.root = &root.i_root;
	err = vexfs_dir_lookup(&t, hash, LOST_FOUND, strlen(LOST_FOUND), &ino, &type);
	if (err == -ENOENT)
		return make_lost_found(f, &root, di);
	if (err)
		return err;
	*di = root;
	return type == DT_DIR ? vexfs_image_get_inode(&f->img, ino, di) : 0;
}

static int name_in(struct fsck *f, struct vexfs_inode *dir, struct vexfs_inode *di, char *name, size_t size)
{
	u64 ino = le64_to_cpu(di->i_ino);
	int err, i;

	snprintf(name, size, "#%llu", (unsigned long long)ino);
	err = vexfs_image_add_name(&f->img, dir, di, name, strlen(name));
	for (i = 1; err == -EEXIST && i < 100; i++) {
		snprintf(name, size, "#%llu.%d", (unsigned long long)ino, i);
		err = vexfs_image_add_name(&f->img, dir, di, name, strlen(name));
	}
	return err;
}

/*
 * The inode records its directory, if not its name: it gets one there. If that directory is
 * gone, or does not lead to the root, in lost+found.
 */
int fsck_fix_connect(struct fsck *f, u64 ino)
{
	struct vexfs_inode di, dir;
	char name[40];
	int err = fsck_get_inode(f, ino, &di);

	if (err || !fsck_dir_get(f, VEXFS_ROOT_INO))
		return err == -ENOENT ? 0 : err;
	if (!sound_dir(f, le64_to_cpu(di.i_links[0].l_parent), &dir) ||
	    le64_to_cpu(di.i_links[0].l_parent) == ino)
		err = lost_found(f, &dir);
	forget(&di);
	di.i_nlink = cpu_to_le32(S_ISDIR(le16_to_cpu(di.i_mode)) ? 2 : 0);
	if (!err)
		err = name_in(f, &dir, &di, name, sizeof(name));
	if (!err)
		err = fsck_settle_inode(f, le64_to_cpu(dir.i_ino), &dir);
	if (!err)
		err = fsck_settle_inode(f, ino, &di);
	if (!err && fsck_is_orphan(f, ino))
		fsck_want(f, FSCK_FIX_ORPHANS, 0);
	if (!err)
		fsck_did(f, "inode %llu: named '%s' in directory %llu", (unsigned long long)ino, name,
			 (unsigned long long)le64_to_cpu(dir.i_ino));
	return err;
}

/* Nobody knows the mode it had: nobody but root gets in before root has looked. */
int fsck_fix_root(struct fsck *f, u64 ino)
{
	struct vexfs_inode di = {
		.i_mode = cpu_to_le16(S_IFDIR | 0700), .i_magic = cpu_to_le16(VEXFS_INODE_MAGIC),
		.i_ino = cpu_to_le64(ino), .i_nlink = cpu_to_le32(2),
	};
	struct vexfs_inode old;
	int err;

	if (!fsck_get_inode(f, ino, &old) && S_ISDIR(le16_to_cpu(old.i_mode)))
		return 0;
	stamp(&di, ino);
	di.i_links[0].l_parent = cpu_to_le64(ino);
	err = fsck_put_inode(f, ino, &di);
	if (!err)
		fsck_did(f, "inode %llu: root directory made anew", (unsigned long long)ino);
	return err;
}
