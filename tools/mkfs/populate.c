// SPDX-License-Identifier: GPL-2.0
/*
 * mkfs.vexfs --populate: a directory becomes the filesystem's content, without mounting it.
 *
 * The walk is in the order of names, and inode numbers and blocks are given out in the order of the walk, so that
 * the image depends on what is in the directory and not on how its filesystem keeps it.
 */
#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tools/mkfs/mkfs.h"
#include "tools/mkfs/populate.h"

struct hard_link {
	dev_t	dev;
	ino_t	ino;
	u64	image_ino;
};

int populate_failed(struct populate *p, int err, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mkfs_complain("%s: %s", p->path, text);
	p->said = true;
	return err;
}

int populate_check(struct populate *p)
{
	if (mkfs_stopped)
		return -EINTR;
	if (p->f->progress)
		p->f->progress(p->f->ctx, "entries", p->entries, 0);
	return 0;
}

/* ---- inodes ---------------------------------------------------------------- */

/* new_encode_dev() of the kernel. */
static u32 encode_dev(dev_t dev)
{
	u32 maj = major(dev), min = minor(dev);

	return (min & 0xff) | maj << 8 | (min & ~0xffU) << 12;
}

static bool dev_fits(dev_t dev)
{
	return major(dev) < 1U << 12 && minor(dev) < 1U << 20;
}

static void set_time(const struct populate *p, struct timespec t, __le64 *sec, __le32 *nsec)
{
	if (p->has_epoch && t.tv_sec >= p->epoch)
		t = (struct timespec){ .tv_sec = p->epoch };
	*sec = cpu_to_le64(t.tv_sec);
	*nsec = cpu_to_le32(t.tv_nsec);
}

static void set_times(const struct populate *p, const struct stat *st, struct vexfs_inode *di)
{
	struct timespec now = { .tv_sec = p->f->now };
	bool fixed = p->has_epoch;

	set_time(p, st->st_mtim, &di->i_mtime, &di->i_mtime_nsec);
	set_time(p, fixed ? st->st_mtim : st->st_atim, &di->i_atime, &di->i_atime_nsec);
	set_time(p, fixed ? st->st_mtim : st->st_ctim, &di->i_ctime, &di->i_ctime_nsec);
	set_time(p, fixed ? st->st_mtim : now, &di->i_btime, &di->i_btime_nsec);
}

/* Random, but the same for the same seed. */
static u32 generation(const struct populate *p, u64 ino)
{
	u64 n = ino * 0x9e3779b97f4a7c15ULL + p->f->generation;

	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ULL;
	n = (n ^ n >> 27) * 0x94d049bb133111ebULL;
	return n >> 32;
}

static void set_owner(const struct populate *p, const struct stat *st, struct vexfs_inode *di)
{
	di->i_uid = cpu_to_le32(st->st_uid);
	di->i_gid = cpu_to_le32(st->st_gid);
	set_times(p, st, di);
}

/* What the inode has beside its attributes. */
static int set_content(struct populate *p, const char *name, const struct stat *st,
		       struct vexfs_inode *di)
{
	char target[VEXFS_SYMLINK_MAX + 1];
	ssize_t n;

	if (S_ISREG(st->st_mode))
		return populate_data(p, name, st, di);
	if (S_ISLNK(st->st_mode)) {
		n = readlink(name, target, sizeof(target));
		if (n < 0)
			return populate_failed(p, -errno, "cannot be read: %s", strerror(errno));
		if (n == 0 || n > VEXFS_SYMLINK_MAX)
			return populate_failed(p, -ENAMETOOLONG, "the target has %zd bytes", n);
		return vexfs_image_set_target(&p->img, di, target, n);
	}
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		if (!dev_fits(st->st_rdev))
			return populate_failed(p, -EOVERFLOW, "the device number is too large");
		di->i_rdev = cpu_to_le32(encode_dev(st->st_rdev));
	}
	return 0;
}

/* ---- names ----------------------------------------------------------------- */

static u64 get_number(const FTSENT *ent)
{
	return (unsigned long)ent->fts_number;
}

static int give_name(struct populate *p, const FTSENT *ent, struct vexfs_inode *di)
{
	struct vexfs_inode dir;
	int err = vexfs_image_get_inode(&p->img, get_number(ent->fts_parent), &dir);

	if (!err)
		err = vexfs_image_add_name(&p->img, &dir, di, ent->fts_name, ent->fts_namelen);
	if (!err)
		err = vexfs_image_put_inode(&p->img, &dir);
	if (!err)
		err = vexfs_image_put_inode(&p->img, di);
	p->entries++;
	return err;
}

static int by_identity(const void *a, const void *b)
{
	const struct hard_link *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* The inode in the image, if this is another name of one. 1, 0, negative errno. */
static int find_link(struct populate *p, const struct stat *st, struct vexfs_inode *di)
{
	struct hard_link key = { st->st_dev, st->st_ino, 0 }, **found;
	int err;

	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 0;
	found = tfind(&key, &p->links, by_identity);
	if (!found)
		return 0;
	err = vexfs_image_get_inode(&p->img, (*found)->image_ino, di);
	return err ? err : 1;
}

static int remember_link(struct populate *p, const struct stat *st, u64 ino)
{
	struct hard_link *l;

	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 0;
	l = malloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct hard_link){ st->st_dev, st->st_ino, ino };
	if (tsearch(l, &p->links, by_identity))
		return 0;
	free(l);
	return -ENOMEM;
}

static int make_inode(struct populate *p, FTSENT *ent, struct vexfs_inode *di)
{
	const struct stat *st = ent->fts_statp;
	int err = vexfs_image_new_inode(&p->img, st->st_mode, di);

	if (err == -ENOSPC)
		return populate_failed(p, err, "all inodes are in use: make more of them (-i, -N)");
	if (err)
		return err;
	di->i_generation = cpu_to_le32(generation(p, le64_to_cpu(di->i_ino)));
	set_owner(p, st, di);
	err = set_content(p, ent->fts_accpath, st, di);
	if (!err)
		err = populate_flags(p, ent->fts_accpath, di);
	if (!err)
		err = populate_xattrs(p, ent->fts_accpath, di);
	if (!err)
		err = remember_link(p, st, le64_to_cpu(di->i_ino));
	ent->fts_number = le64_to_cpu(di->i_ino);
	return err;
}

/* The image must not contain itself: it would grow while it is read. */
static bool is_target(const struct populate *p, const struct stat *st)
{
	struct stat target;

	return S_ISREG(st->st_mode) && !fstat(p->img.dev->fd, &target) &&
	       target.st_dev == st->st_dev && target.st_ino == st->st_ino;
}

static int copy_entry(struct populate *p, FTSENT *ent)
{
	struct vexfs_inode di;
	int ret;

	if (is_target(p, ent->fts_statp))
		return populate_failed(p, -EINVAL, "is the image that is being made: make it elsewhere");
	ret = find_link(p, ent->fts_statp, &di);
	if (!ret)
		ret = make_inode(p, ent, &di);
	return ret < 0 ? ret : give_name(p, ent, &di);
}

/* The directory itself: owner, mode, times and attributes of the root. */
static int copy_root(struct populate *p, FTSENT *ent)
{
	const struct stat *st = ent->fts_statp;
	struct vexfs_inode di;
	int err = vexfs_image_get_inode(&p->img, VEXFS_ROOT_INO, &di);

	if (err)
		return err;
	if (!S_ISDIR(st->st_mode))
		return populate_failed(p, -ENOTDIR, "is not a directory");
	ent->fts_number = VEXFS_ROOT_INO;
	di.i_mode = cpu_to_le16(st->st_mode);
	set_owner(p, st, &di);
	if (p->root_owner) {
		di.i_uid = cpu_to_le32(p->f->root_uid);
		di.i_gid = cpu_to_le32(p->f->root_gid);
	}
	err = populate_flags(p, ent->fts_accpath, &di);
	if (!err)
		err = populate_xattrs(p, ent->fts_accpath, &di);
	return err ? err : vexfs_image_put_inode(&p->img, &di);
}

/* ---- the walk -------------------------------------------------------------- */

static int visit(struct populate *p, FTSENT *ent)
{
	p->path = ent->fts_path;
	switch (ent->fts_info) {
	case FTS_DP:
		return 0;
	case FTS_NS:
	case FTS_ERR:
	case FTS_DNR:
		if (ent->fts_errno == ENOENT && ent->fts_level > 0)
			return populate_failed(p, -ENOENT, "vanished while it was copied");
		return populate_failed(p, -ent->fts_errno, "cannot be read: %s",
				       strerror(ent->fts_errno));
	case FTS_DC:
		return populate_failed(p, -ELOOP, "contains itself");
	default:
		return ent->fts_level == 0 ? copy_root(p, ent) : copy_entry(p, ent);
	}
}

static int in_order(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int walk(struct populate *p, const char *dir)
{
	char *const roots[] = { (char *)dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW, in_order);
	FTSENT *ent;
	int err = 0;

	p->path = dir;
	if (!fts)
		return populate_failed(p, -errno, "%s", strerror(errno));
	while (!err && (errno = 0, ent = fts_read(fts))) {
		err = visit(p, ent);
		if (!err)
			err = populate_check(p);
	}
	if (!err && errno)
		err = populate_failed(p, -errno, "%s", strerror(errno));
	if (err && !p->said && err != -EINTR)
		populate_failed(p, err, "%s", err == -ENOSPC ?
				"does not fit: the image is full, give it a larger size" :
				strerror(-err));
	if (fts_close(fts) < 0 && !err)
		err = populate_failed(p, -errno, "%s", strerror(errno));
	return err;
}

/* ---- from outside ------------------------------------------------------------ */

static void report(void *ctx, u64 blkno, const char *what)
{
	mkfs_complain("block %llu: %s: a bug in mkfs", (unsigned long long)blkno, what);
}

static int begin(struct populate *p, struct vexfs_dev *dev, const struct vexfs_super_block *sb)
{
	const char *what;
	int err = vexfs_image_open_sb(&p->img, dev, VEXFS_IMAGE_RW, sb);

	if (err)
		return err;
	p->img.report = report;
	p->buf = malloc(MKFS_CHUNK);
	p->names = malloc(VEXFS_XATTR_VALUE_MAX);
	p->value = malloc(VEXFS_XATTR_VALUE_MAX);
	if (!p->buf || !p->names || !p->value)
		return -ENOMEM;
	return vexfs_image_places(&p->img, &what);
}

static void end(struct populate *p)
{
	vexfs_image_close(&p->img);
	tdestroy(p->links, free);
	free(p->buf);
	free(p->names);
	free(p->value);
}

int mkfs_populate(struct vexfs_dev *dev, struct mkfs_source *src, const struct vexfs_format *f,
		  struct vexfs_super_block *sb)
{
	struct populate p = {
		.f = f, .epoch = f->now, .has_epoch = src->has_epoch, .root_owner = src->root_owner,
	};
	int err = begin(&p, dev, sb);

	if (!err)
		err = walk(&p, src->dir);
	if (!err)
		err = vexfs_image_flush(&p.img);
	src->used = p.img.taken;
	sb->s_feature_incompat = p.img.sb.s_feature_incompat;
	sb->s_feature_ro_compat = p.img.sb.s_feature_ro_compat;
	end(&p);
	return err;
}
