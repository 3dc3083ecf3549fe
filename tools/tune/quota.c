// SPDX-License-Identifier: GPL-2.0
/* tune.vexfs -O quota: the quota files, with what is in use now. */
#include <string.h>

#include "lib/image_super.h"
#include "lib/quota_file.h"
#include "tools/tune/tune.h"

static void report(void *ctx, u64 blkno, const char *what)
{
	tune_complain("block %llu: %s", (unsigned long long)blkno, what);
}

static int make_files(struct vexfs_image *img)
{
	const char *what = NULL;
	int err = vexfs_image_places(img, &what);

	if (err)
		return err;
	img->report = report;
	img->sb.s_feature_ro_compat |= cpu_to_le32(VEXFS_FEATURE_RO_COMPAT_QUOTA);
	img->geo.feature[VEXFS_RO_COMPAT] |= VEXFS_FEATURE_RO_COMPAT_QUOTA;
	err = vexfs_image_quota_make(img);
	return err ? err : vexfs_image_flush(img);
}

/* The feature is on the device before the first inode is charged. */
static int change(struct vexfs_image *img)
{
	int err = make_files(img);

	if (!err)
		err = vexfs_super_store(img->dev, &img->sb, true);
	if (!err)
		err = vexfs_image_quota_charge(img);
	return err ? err : vexfs_image_flush(img);
}

int tune_quota(const struct tune *t, struct vexfs_image *img)
{
	bool has = le32_to_cpu(img->sb.s_feature_ro_compat) & VEXFS_FEATURE_RO_COMPAT_QUOTA;
	int err;

	if (has || !(t->add[VEXFS_RO_COMPAT] & VEXFS_FEATURE_RO_COMPAT_QUOTA))
		return 0;
	err = change(img);
	if (!err)
		return 0;
	tune_complain("%s: counting what users have: %s; run fsck.vexfs", t->path, strerror(-err));
	return TUNE_FAILED;
}
