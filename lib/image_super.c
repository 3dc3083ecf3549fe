// SPDX-License-Identifier: GPL-2.0
/* Changing the superblock of an unmounted filesystem. */
#include <errno.h>

#include "lib/image_super.h"

static int store_in(const struct vexfs_dev *dev, const struct vexfs_super_block *sb, u32 group)
{
	struct vexfs_super_block copy = *sb;

	copy.s_group = cpu_to_le32(group);
	copy.s_checksum = cpu_to_le32(vexfs_sb_checksum(&copy));
	return vexfs_dev_write(dev, ((u64)group * VEXFS_BLOCKS_PER_GROUP << VEXFS_BLOCK_SHIFT) +
			       VEXFS_SB_OFFSET, &copy, sizeof(copy));
}

static int store_copies(const struct vexfs_dev *dev, const struct vexfs_super_block *sb)
{
	u32 g, groups = le32_to_cpu(sb->s_groups);
	int err = 0;

	for (g = 1; g < groups && !err; g++)
		if (vexfs_group_has_super(g))
			err = store_in(dev, sb, g);
	return err ? err : vexfs_dev_sync(dev);
}

int vexfs_super_store(const struct vexfs_dev *dev, struct vexfs_super_block *sb, bool copies)
{
	int err = 0;

	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	if (vexfs_sb_verify(sb))
		return -EUCLEAN;
	if (copies)
		err = store_copies(dev, sb);
	if (!err)
		err = store_in(dev, sb, 0);
	return err ? err : vexfs_dev_sync(dev);
}
