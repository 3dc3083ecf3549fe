// SPDX-License-Identifier: GPL-2.0
/*
 * Where new groups have their metadata, and how a filesystem grows by them: for mkfs and the kernel. Arithmetic only;
 * kmod/grow.c says in which order what is written.
 */
#include "core/grow.h"

/* ---- places ------------------------------------------------------------------- */

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

void vexfs_places_plan(struct vexfs_geo *geo, u32 first)
{
	u32 flex = flex_groups(geo), g, n;

	for (g = first; g < geo->groups; g += n) {
		u32 index = g / VEXFS_GD_PER_BLOCK, at = g % VEXFS_GD_PER_BLOCK;
		u32 end = min((index + 1) * (u32)VEXFS_GD_PER_BLOCK, geo->groups);

		n = min(flex - at % flex, end - g);
		place_set(geo, g, n);
	}
}

/* ---- sizes -------------------------------------------------------------------- */

u64 vexfs_grow_trim(u64 blocks, u32 itable_blocks)
{
	u32 tail = blocks % VEXFS_BLOCKS_PER_GROUP;

	/* Superblock copy, descriptor block and copy, two bitmaps: whichever group it is. */
	return tail < 5 + itable_blocks + VEXFS_MIN_DATA_BLOCKS ? blocks - tail : blocks;
}

u64 vexfs_grow_target(const struct vexfs_geo *geo, u64 blocks)
{
	u64 end = vexfs_group_start(geo, geo->groups);

	/* Within the last group there is, any number will do. */
	return max(geo->blocks, blocks <= end ? blocks : vexfs_grow_trim(blocks, geo->itable_blocks));
}

u64 vexfs_grow_step(const struct vexfs_geo *geo, u64 target)
{
	u64 end = vexfs_group_start(geo, geo->groups);

	if (geo->blocks == end)
		end = vexfs_group_start(geo, (geo->groups / VEXFS_GD_PER_BLOCK + 1) * VEXFS_GD_PER_BLOCK);
	return min(target, end);
}

void vexfs_grow_geo(struct vexfs_geo *geo, u64 blocks)
{
	geo->blocks = blocks;
	geo->groups = DIV_ROUND_UP(blocks, VEXFS_BLOCKS_PER_GROUP);
	geo->gdt_blocks = DIV_ROUND_UP(geo->groups, VEXFS_GD_PER_BLOCK);
}

void vexfs_grow_super(struct vexfs_super_block *sb, const struct vexfs_geo *geo)
{
	sb->s_blocks = cpu_to_le64(geo->blocks);
	sb->s_groups = cpu_to_le32(geo->groups);
	sb->s_gdt_blocks = cpu_to_le32(geo->gdt_blocks);
}

/* ---- content ------------------------------------------------------------------ */

/* A bitmap in which nothing is free but [@first, @end). */
static void bitmap_make(void *block, u32 first, u32 end)
{
	void *map = (u8 *)block + VEXFS_MDHDR_SIZE;

	memset(map, 0xff, VEXFS_MD_SPACE);
	vexfs_bits_clear(map, first, end - first);
	vexfs_mdhdr_seal(block);
}

void vexfs_grow_bbmap(void *block, const struct vexfs_geo *geo, u32 group)
{
	vexfs_mdhdr_init(block, geo, VEXFS_MAGIC_BBMAP, vexfs_group_bbmap(geo, group), group);
	bitmap_make(block, vexfs_group_overhead(geo, group), vexfs_group_blocks(geo, group));
}

void vexfs_grow_ibmap(void *block, const struct vexfs_geo *geo, u32 group)
{
	vexfs_mdhdr_init(block, geo, VEXFS_MAGIC_IBMAP, vexfs_group_ibmap(geo, group), group);
	bitmap_make(block, 0, geo->inodes_per_group);
}

void vexfs_grow_desc(struct vexfs_group_desc *gd, const struct vexfs_geo *geo, u32 group)
{
	memset(gd, 0, sizeof(*gd));
	gd->gd_free_blocks = cpu_to_le32(vexfs_group_blocks(geo, group) - vexfs_group_overhead(geo, group));
	gd->gd_free_inodes = cpu_to_le32(geo->inodes_per_group);
	gd->gd_bbmap = cpu_to_le64(vexfs_group_bbmap(geo, group));
	gd->gd_ibmap = cpu_to_le64(vexfs_group_ibmap(geo, group));
	gd->gd_itable = cpu_to_le64(vexfs_group_itable(geo, group));
}
