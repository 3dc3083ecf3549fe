// SPDX-License-Identifier: GPL-2.0
/* tune.vexfs: changes of the superblock of an unmounted filesystem; the label of a mounted one. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/feature_names.h"
#include "lib/image_super.h"
#include "lib/journal.h"
#include "tools/tune/tune.h"

/* Anything but the label, which a mounted filesystem changes itself. */
static bool needs_device(const struct tune *t)
{
	return t->uuid || t->errors >= 0 || t->reserve >= 0 || t->has_blocks || t->has_features;
}

static bool changes(const struct tune *t)
{
	return t->label || needs_device(t);
}

/* ---- mounted ----------------------------------------------------------------- */

/* The ioctl is every filesystem's: without a look first, a slip of the path would label another one. */
static int set_label(const struct tune *t, int fd)
{
	char label[FSLABEL_MAX] = "";
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return errno;
	if ((u32)st.f_type != VEXFS_SB_MAGIC)
		return EMEDIUMTYPE;
	snprintf(label, sizeof(label), "%s", t->label);
	return ioctl(fd, FS_IOC_SETFSLABEL, label) < 0 ? errno : 0;
}

static int label_mounted(const struct tune *t, const char *where)
{
	int fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 ? errno : set_label(t, fd);

	if (fd >= 0)
		close(fd);
	if (!err)
		return TUNE_OK;
	tune_complain("%s: %s", where, err == EMEDIUMTYPE ? "is not on a VexFS: nothing was changed" : strerror(err));
	return TUNE_FAILED;
}

static int tune_mounted(const struct tune *t, const char *where)
{
	if (!needs_device(t) && t->label && !t->list)
		return label_mounted(t, where);
	tune_complain("%s is mounted on %s: unmount it first%s", t->path, where,
		      t->label ? "; only -L alone works while it is mounted" : "");
	return TUNE_FAILED;
}

/* ---- not mounted --------------------------------------------------------------- */

static int failed(const struct tune *t, const char *what)
{
	tune_complain("%s: %s", t->path, what);
	return TUNE_FAILED;
}

static int open_dev(const struct tune *t, struct vexfs_dev *dev)
{
	int err = vexfs_dev_open(dev, t->path, changes(t) ? O_RDWR | O_EXCL : O_RDONLY);

	if (!err)
		return 0;
	if (err == -ENOTBLK)
		return failed(t, "neither a block device nor an image file");
	return failed(t, err == -EBUSY ? "is in use (mounted, swap, or part of a volume): release it first" :
		      strerror(-err));
}

/* What the journal holds of the superblock is newer: it goes to its place first. Without changes, in memory only. */
static int settle_journal(const struct tune *t, struct vexfs_image *img)
{
	struct vexfs_journal j;
	const char *bad = NULL;
	int err = vexfs_journal_open(img, &j);

	if (!err && !j.dirty)
		return 0;
	if (!err)
		err = vexfs_journal_replay(img, &j);
	if (!err && changes(t))
		err = vexfs_journal_finish(img, &j);
	if (!err)
		err = vexfs_image_reload(img, &bad);
	if (!err)
		return 0;
	tune_complain("%s: journal: %s; run fsck.vexfs first", t->path,
		      bad ? bad : err == -EUCLEAN ? j.problem : strerror(-err));
	return TUNE_FAILED;
}

static int set_reserve(const struct tune *t, struct vexfs_super_block *sb)
{
	u64 blocks = le64_to_cpu(sb->s_blocks), n = t->reserve;

	if (t->has_blocks)
		n = (t->reserve_blocks * 1000 + blocks - 1) / blocks;
	if (n > VEXFS_MAX_RESERVE)
		return failed(t, "the reserve is at most half of the blocks");
	sb->s_reserve_blocks = cpu_to_le32(n);
	return 0;
}

static int change(const struct tune *t, struct vexfs_super_block *sb)
{
	if (t->label) {
		memset(sb->s_label, 0, sizeof(sb->s_label));
		memcpy(sb->s_label, t->label, strlen(t->label));
	}
	if (t->uuid)
		memcpy(sb->s_uuid, t->new_uuid, sizeof(sb->s_uuid));
	if (t->errors >= 0)
		sb->s_errors = cpu_to_le32(t->errors);
	vexfs_features_add(sb, t->add);
	/* Its inode comes with it, or goes: tune_feed() has seen to that, as tune_quota() to its files. */
	if (t->del[VEXFS_RO_COMPAT] & VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED)
		sb->s_feature_ro_compat &= ~cpu_to_le32(VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED);
	return t->reserve >= 0 || t->has_blocks ? set_reserve(t, sb) : 0;
}

static int store(const struct tune *t, const struct vexfs_dev *dev, struct vexfs_super_block *sb,
		 const struct vexfs_super_block *before)
{
	bool copies = sb->s_feature_compat != before->s_feature_compat ||
		      sb->s_feature_ro_compat != before->s_feature_ro_compat ||
		      sb->s_feature_incompat != before->s_feature_incompat;
	int err = vexfs_super_store(dev, sb, copies);

	return err ? failed(t, strerror(-err)) : 0;
}

/*
 * What has inodes of its own is many writes: until the superblock is stored with all of it, it asks for a check, which
 * completes or takes back what a power cut leaves.
 */
static int change_structure(const struct tune *t, struct vexfs_image *img)
{
	u32 has = le32_to_cpu(img->sb.s_feature_ro_compat);
	u32 want = (t->add[VEXFS_RO_COMPAT] & ~has) | (t->del[VEXFS_RO_COMPAT] & has);
	__le32 state = img->sb.s_state;
	int ret, err;

	if (!(want & (VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED | VEXFS_FEATURE_RO_COMPAT_QUOTA)))
		return 0;
	img->sb.s_state |= cpu_to_le32(VEXFS_STATE_ERROR);
	err = vexfs_super_store(img->dev, &img->sb, false);
	if (err)
		return failed(t, strerror(-err));
	ret = tune_feed(t, img);
	if (!ret)
		ret = tune_quota(t, img);
	img->sb.s_state = state;
	return ret;
}

static int tune_image(const struct tune *t, struct vexfs_image *img)
{
	struct vexfs_super_block sb, before;
	int ret = settle_journal(t, img);

	if (ret)
		return ret;
	before = img->sb;
	if (changes(t) && vexfs_feature_unknown(&before, VEXFS_RO_COMPAT))
		return failed(t, "unknown read-only compatible features: use a newer VexFS");
	ret = change_structure(t, img);
	sb = img->sb;
	if (!ret && changes(t)) {
		ret = change(t, &sb);
		if (!ret)
			ret = store(t, img->dev, &sb, &before);
	}
	if (!ret && t->list)
		tune_list(&sb);
	return ret;
}

static int tune_device(const struct tune *t)
{
	struct vexfs_image img;
	struct vexfs_dev dev;
	const char *bad = NULL;
	int ret = open_dev(t, &dev), err;

	if (ret)
		return ret;
	err = vexfs_image_open_super(&img, &dev, changes(t) ? VEXFS_IMAGE_RW : 0, &bad);
	if (err) {
		tune_complain("%s: superblock: %s%s", t->path, bad ? bad : strerror(-err),
			      bad ? "; if this is a VexFS, run fsck.vexfs" : "");
		ret = TUNE_FAILED;
	} else {
		ret = tune_image(t, &img);
		vexfs_image_close(&img);
	}
	err = vexfs_dev_close(&dev);
	return ret || !err ? ret : failed(t, strerror(-err));
}

int tune_main(int argc, char **argv)
{
	struct tune t = { .errors = -1, .reserve = -1 };
	char where[4096];
	struct stat st;
	int ret = tune_parse(&t, argc, argv);

	if (ret >= 0)
		return ret;
	if (!changes(&t) && !t.list) {
		tune_complain("nothing to do: give -l or a change; try: tune.vexfs --help");
		return TUNE_USAGE;
	}
	if (stat(t.path, &st) == 0 && S_ISDIR(st.st_mode))
		return tune_mounted(&t, t.path);
	ret = vexfs_dev_mounted(t.path, where, sizeof(where));
	if (ret < 0)
		return failed(&t, strerror(-ret));
	return ret && changes(&t) ? tune_mounted(&t, where) : tune_device(&t);
}
