// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs -O change_feed: the inode of the change tree. */
#include "lib/image_feed.h"
#include "tools/mkfs/mkfs.h"

int mkfs_feed(struct vexfs_dev *dev, const struct vexfs_format *f, struct vexfs_super_block *sb)
{
	struct vexfs_image img;
	const char *what;
	int err;

	if (!(le32_to_cpu(sb->s_feature_ro_compat) & VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED))
		return 0;
	err = vexfs_image_open_sb(&img, dev, VEXFS_IMAGE_RW, sb);
	if (err)
		return err;
	img.report = mkfs_bug;
	err = vexfs_image_places(&img, &what);
	if (!err)
		err = vexfs_image_feed_on(&img, f->generation + 16, f->now);
	if (!err)
		err = vexfs_image_flush(&img);
	sb->s_change_ino = img.sb.s_change_ino;
	sb->s_change_epoch = img.sb.s_change_epoch;
	vexfs_image_close(&img);
	return err;
}
