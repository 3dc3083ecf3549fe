// SPDX-License-Identifier: GPL-2.0
/* Where a new filesystem has the metadata of its groups. */
#include <errno.h>
#include <stdlib.h>

#include "lib/image_place.h"

/* Groups that are placed together: a power of two. */
static u32 flex_groups(const struct vexfs_geo *geo)
{
	u32 n = VEXFS_FLEX_GROUPS;

	while (n > 1 && n * (2 + geo->itable_blocks) > VEXFS_BLOCKS_PER_GROUP * 9 / 16)
		n /= 2;
	return n;
}

/* Superblock copy, descriptor block and its copy, which are at the start of a group whatever else is there. */
static u32 fixed_head(const struct vexfs_geo *geo, u32 group)
{
	u32 index = group / VEXFS_GD_PER_BLOCK;
	u64 end = vexfs_group_start(geo, group) + vexfs_group_has_super(group);

	if (vexfs_gdt_block(geo, index) == end)
		end++;
	if (vexfs_gdt_copy(geo, index) == end)
		end++;
	return end - vexfs_group_start(geo, group);
}

/* The metadata of @n groups from @first on into the first. */
static void place_set(struct vexfs_geo *geo, u32 first, u32 n)
{
	u64 next = vexfs_group_start(geo, first) + fixed_head(geo, first);
	u32 i;

	for (i = 0; i < n; i++)
		geo->place[first + i].bbmap = next++;
	for (i = 0; i < n; i++)
		geo->place[first + i].ibmap = next++;
	for (i = 0; i < n; i++, next += geo->itable_blocks)
		geo->place[first + i].itable = next;
	for (i = 1; i < n; i++)
		geo->place[first + i].head = fixed_head(geo, first + i);
	geo->place[first].head = next - vexfs_group_start(geo, first);
}

int vexfs_format_places(struct vexfs_geo *geo)
{
	u32 flex = flex_groups(geo), g, n;

	geo->place = calloc(geo->groups, sizeof(*geo->place));
	if (!geo->place)
		return -ENOMEM;
	for (g = 0; g < geo->groups; g += n) {
		u32 end = min((g / VEXFS_GD_PER_BLOCK + 1) * (u32)VEXFS_GD_PER_BLOCK, geo->groups);

		n = min(flex, end - g);
		place_set(geo, g, n);
	}
	return 0;
}
