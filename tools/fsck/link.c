// SPDX-License-Identifier: GPL-2.0
/* Pass 3: link counts, recorded names, connectivity. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "tools/fsck/fsck.h"

/* ---- connectivity -------------------------------------------------------- */

enum { UNSEEN, ON_WAY, CONNECTED, CUT_OFF };

/* The directory above according to the entries; NULL at the root or where there is none. */
static struct fsck_dir *above(struct fsck *f, const struct fsck_dir *d)
{
	return d->ino == VEXFS_ROOT_INO || !d->found ? NULL : fsck_dir_get(f, d->found);
}

/*
 * Go up until something is known, then mark the way. Each directory is marked
 * once, so all of it takes two steps per directory.
 */
static void connect(struct fsck *f, struct fsck_dir *start)
{
	struct fsck_dir *d = start, *p;
	u32 verdict;

	while (d->state == UNSEEN && (p = above(f, d))) {
		d->state = ON_WAY;
		d = p;
	}
	fsck_object(f, FSCK_FIX_UNLOOP, d->ino);
	if (d->state == ON_WAY) {
		fsck_problem(f, DIR_LOOP, (unsigned long long)d->ino);
		verdict = CUT_OFF;
	} else if (d->state == UNSEEN) {
		/* The root, or a directory without a name, which is reported on its own. */
		verdict = d->ino == VEXFS_ROOT_INO ? CONNECTED : CUT_OFF;
		d->state = verdict;
	} else {
		verdict = d->state;
	}
	for (d = start; d && d->state == ON_WAY; d = above(f, d)) {
		d->state = verdict;
		d->connected = verdict == CONNECTED;
	}
	start->connected = start->state == CONNECTED;
}

/* ---- directories --------------------------------------------------------- */

static void check_dir(struct fsck *f, const struct fsck_dir *d)
{
	const struct fsck_ino *fi = fsck_ino_get(f, d->ino);
	unsigned long long ino = d->ino;
	bool root = d->ino == VEXFS_ROOT_INO;

	fsck_object(f, FSCK_FIX_NAMES, d->ino);
	if (!fi || (!fi->nlink && (fi->flags & FSCK_INO_ORPHAN) && !fi->names))
		return;
	if (fi->nlink != 2 + d->subdirs)
		fsck_problem(f, DIR_NLINK, ino, fi->nlink, 2 + d->subdirs);
	if (root)
		return;
	if (!fi->names)
		fsck_problem(f, DIR_NO_NAME, ino);
	else if (d->found != d->recorded)
		fsck_problem(f, DIR_PARENT, ino, (unsigned long long)d->recorded,
			     (unsigned long long)d->found);
	else if (!fi->matched)
		fsck_problem(f, DIR_NAME, ino);
}

/* ---- files --------------------------------------------------------------- */

/* Is there an entry for this recorded name? */
static bool entry_exists(struct fsck *f, u64 ino, u64 parent, u64 hash)
{
	struct vexfs_tree t = { .io = &f->img.io, .owner = parent, .leaf_magic = VEXFS_MAGIC_DIR };
	struct vexfs_btree_root root;
	struct vexfs_inode *di;
	struct vexfs_blk b;
	char name[VEXFS_NAME_LEN + 1];
	u32 len;

	if (!fsck_dir_get(f, parent) || vexfs_image_inode(&f->img, parent, &b, &di))
		return false;
	root = di->i_root;
	f->img.io.ops->put(&f->img.io, &b);
	t.root = &root;
	return vexfs_dir_name_of(&t, hash, ino, name, &len) == 0;
}

static void check_exists(struct fsck *f, u64 ino, u64 parent, u64 hash)
{
	if (!entry_exists(f, ino, parent, hash))
		fsck_problem(f, NAME_MISSING, (unsigned long long)ino, (unsigned long long)parent);
}

/* The counts differ: say which recorded names do not exist. */
static void name_missing(struct fsck *f, u64 ino)
{
	struct vexfs_link links[VEXFS_INODE_LINKS];
	struct vexfs_linktree lt;
	struct vexfs_inode *di;
	struct vexfs_name n;
	struct vexfs_blk b;
	u64 key = 0;
	int i, err = vexfs_image_inode(&f->img, ino, &b, &di);

	if (err) {
		fsck_fatal(f, err, "reading an inode");
		return;
	}
	memcpy(links, di->i_links, sizeof(links));
	lt = fsck_linktree_of(f, ino, di);
	f->img.io.ops->put(&f->img.io, &b);
	f->img.report = NULL;		/* damage was reported in passes 1 and 2 */
	for (i = 0; i < VEXFS_INODE_LINKS; i++)
		if (links[i].l_parent)
			check_exists(f, ino, le64_to_cpu(links[i].l_parent),
				     le64_to_cpu(links[i].l_hash));
	while (vexfs_linktree_next(&lt, &key, &n) == 0)
		check_exists(f, ino, n.parent, n.hash);
	f->img.report = fsck_report;
}

static void check_recorded(struct fsck *f, u64 ino, const struct fsck_ino *fi)
{
	if (fi->recorded > fi->matched)
		name_missing(f, ino);
	else if (fi->recorded < fi->matched)
		fsck_problem(f, NAME_SHARED, (unsigned long long)ino);
	if (fi->names > fi->matched)
		fsck_problem(f, NAME_UNRECORDED, (unsigned long long)ino, fi->names, fi->matched);
}

static void check_file(struct fsck *f, u64 ino, const struct fsck_ino *fi)
{
	unsigned long long n = ino;

	if (fi->flags & FSCK_INO_HIDDEN)
		return;		/* entries that name one are reported in pass 2 */
	fsck_object(f, FSCK_FIX_NAMES, ino);
	if (fi->nlink != fi->names)
		fsck_problem(f, FILE_NLINK, n, fi->nlink, fi->names);
	if (!fi->names && !(fi->flags & FSCK_INO_ORPHAN))
		fsck_problem(f, FILE_NO_NAME, n);
	check_recorded(f, ino, fi);
}

static void check_group(struct fsck *f, u32 group)
{
	u64 first = (u64)group * f->img.geo.inodes_per_group + 1;
	u32 i;

	for (i = 0; i < f->ino_room[group] && !f->err; i++) {
		const struct fsck_ino *fi = &f->ino_map[group][i];

		if (fi->dtype && !(fi->flags & FSCK_INO_BAD) && fi->dtype != DT_DIR)
			check_file(f, first + i, fi);
	}
}

void fsck_links(struct fsck *f)
{
	size_t i;
	u32 g;

	fsck_object(f, FSCK_FIX_ROOT, VEXFS_ROOT_INO);
	if (!fsck_dir_get(f, VEXFS_ROOT_INO))
		fsck_problem(f, ROOT_MISSING, VEXFS_ROOT_INO);
	for (i = 0; i < f->ndirs; i++)
		check_dir(f, &f->dirs[i]);
	for (i = 0; i < f->ndirs; i++)
		connect(f, &f->dirs[i]);
	for (g = 0; g < f->img.geo.groups && !f->err; g++) {
		check_group(f, g);
		fsck_progress(f, g + 1, f->img.geo.groups);
	}
}
