// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs -O quota: the quota files, when all that they count is there. */
#include "tools/mkfs/mkfs.h"
#include "lib/image_write.h"
#include "lib/quota_file.h"

int mkfs_quota(struct vexfs_dev *dev, struct vexfs_super_block *sb, u64 *used)
{
	struct vexfs_image img;
	const char *what;
	int err;

	if (!(le32_to_cpu(sb->s_feature_ro_compat) & VEXFS_FEATURE_RO_COMPAT_QUOTA))
		return 0;
	err = vexfs_image_open_sb(&img, dev, VEXFS_IMAGE_RW, sb);
	if (err)
		return err;
	img.report = mkfs_bug;
	err = vexfs_image_places(&img, &what);
	if (!err)
		err = vexfs_image_quota_make(&img);
	if (!err)
		err = vexfs_image_quota_charge(&img);
	if (!err)
		err = vexfs_image_flush(&img);
	*used += img.taken;
	memcpy(sb->s_quota_ino, img.sb.s_quota_ino, sizeof(sb->s_quota_ino));
	vexfs_image_close(&img);
	return err;
}
