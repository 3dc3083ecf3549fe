// SPDX-License-Identifier: GPL-2.0
/*
 * Where groups keep their metadata: the descriptors say so, this checks it.
 *
 * The bitmaps and the inode table of a group may be in any group that shares its
 * descriptor block, at that group's start. So the fixed metadata of a group
 * make one head, and whether a block is data is one comparison.
 */
#include "core/block.h"

/* ---- descriptor blocks ------------------------------------------------------ */

static u32 first_group(u32 index)
{
	return index * VEXFS_GD_PER_BLOCK;
}

/* Groups described by the block. */
static u32 group_count(const struct vexfs_geo *geo, u32 index)
{
	return min(geo->groups - first_group(index), (u32)VEXFS_GD_PER_BLOCK);
}

/* First block of a group that is not its superblock copy. */
static u64 after_super(const struct vexfs_geo *geo, u32 group)
{
	return vexfs_group_start(geo, group) + vexfs_group_has_super(group);
}

u64 vexfs_gdt_block(const struct vexfs_geo *geo, u32 index)
{
	return after_super(geo, first_group(index));
}

/*
 * In the next group, or, where there is none, after the block itself. A filesystem that grows by that group gets
 * the copy there, and one block of the old group's head is not used any more.
 */
u64 vexfs_gdt_copy(const struct vexfs_geo *geo, u32 index)
{
	if (group_count(geo, index) > 1)
		return after_super(geo, first_group(index) + 1);
	return vexfs_gdt_block(geo, index) + 1;
}

void vexfs_places_set(struct vexfs_geo *geo, u32 index, const void *block)
{
	const struct vexfs_group_desc *gd = (const void *)((const u8 *)block + VEXFS_MDHDR_SIZE);
	struct vexfs_group_place *p = geo->place + first_group(index);
	u32 i;

	for (i = 0; i < group_count(geo, index); i++) {
		p[i].bbmap = le64_to_cpu(gd[i].gd_bbmap);
		p[i].ibmap = le64_to_cpu(gd[i].gd_ibmap);
		p[i].itable = le64_to_cpu(gd[i].gd_itable);
		p[i].head = 0;
	}
}

/* ---- checking ----------------------------------------------------------------- */

struct piece {
	u64 start, len;
};

enum { PIECE_BBMAP, PIECE_IBMAP, PIECE_ITABLE, PIECE_SUPER, PIECES_PER_GROUP };
#define MAX_PIECES	(VEXFS_GD_PER_BLOCK * PIECES_PER_GROUP + 2)

static u32 piece_count(const struct vexfs_geo *geo, u32 index)
{
	return group_count(geo, index) * PIECES_PER_GROUP + 2;
}

/*
 * Piece number @i of the fixed metadata under descriptor block @index; empty for a superblock copy that is not. Those
 * of a kind follow each other, which is how mkfs places them.
 */
static struct piece piece_at(const struct vexfs_geo *geo, u32 index, u32 i)
{
	u32 count = group_count(geo, index), g = first_group(index) + i % count;

	if (i == piece_count(geo, index) - 2)
		return (struct piece){ vexfs_gdt_block(geo, index), 1 };
	if (i == piece_count(geo, index) - 1)
		return (struct piece){ vexfs_gdt_copy(geo, index), 1 };
	switch (i / count) {
	case PIECE_SUPER:
		return (struct piece){ vexfs_group_start(geo, g), vexfs_group_has_super(g) };
	case PIECE_BBMAP:
		return (struct piece){ geo->place[g].bbmap, 1 };
	case PIECE_IBMAP:
		return (struct piece){ geo->place[g].ibmap, 1 };
	default:
		return (struct piece){ geo->place[g].itable, geo->itable_blocks };
	}
}

/* In one of the groups under the descriptor block, and in one only. */
static bool piece_in_range(const struct vexfs_geo *geo, u32 index, struct piece p)
{
	u64 lo = vexfs_group_start(geo, first_group(index));
	u64 hi = min(vexfs_group_start(geo, first_group(index) + group_count(geo, index)),
		     geo->blocks);

	if (!p.len)
		return true;
	return p.start >= lo && p.start < hi && p.len <= hi - p.start &&
	       vexfs_block_group(p.start) == vexfs_block_group(p.start + p.len - 1);
}

/*
 * Numbers of the pieces by ascending place. Insertion: few are far from where mkfs puts them, so this takes some
 * hundred moves, not the 32,000 that 254 pieces can take if an image says so.
 */
static void pieces_sort(const struct vexfs_geo *geo, u32 index, u8 *order)
{
	u32 n = piece_count(geo, index), i, k;

	for (i = 0; i < n; i++) {
		u64 start = piece_at(geo, index, i).start;

		for (k = i; k && piece_at(geo, index, order[k - 1]).start > start; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
}

static void head_grow(struct vexfs_geo *geo, struct piece p)
{
	u32 group = vexfs_block_group(p.start);
	u32 end = vexfs_block_index(p.start) + p.len;

	geo->place[group].head = max(geo->place[group].head, end);
}

static const char *places_check(struct vexfs_geo *geo, u32 index)
{
	u8 order[MAX_PIECES];
	u32 n = piece_count(geo, index), i;
	u64 end = 0;

	for (i = 0; i < n; i++)
		if (!piece_in_range(geo, index, piece_at(geo, index, i)))
			return "group metadata out of place";
	pieces_sort(geo, index, order);
	for (i = 0; i < n; i++) {
		struct piece p = piece_at(geo, index, order[i]);

		if (!p.len)
			continue;
		if (p.start < end)
			return "group metadata overlap";
		end = p.start + p.len;
		head_grow(geo, p);
	}
	return NULL;
}

/**
 * vexfs_places_verify - can the groups' metadata be where the descriptors say?
 * @geo: geo->place set for every group by vexfs_places_set(); the heads are computed here
 *
 * Return: NULL, or the failed check: geo->place is of no use then.
 */
const char *vexfs_places_verify(struct vexfs_geo *geo)
{
	const char *why;
	u32 i;

	for (i = 0; i < geo->gdt_blocks; i++) {
		why = places_check(geo, i);
		if (why)
			return why;
	}
	if (!vexfs_range_off_heads(geo, geo->journal_start, geo->journal_blocks))
		return "journal over group metadata";
	if (!vexfs_range_off_heads(geo, geo->orphan_start, geo->orphan_blocks))
		return "orphan table over group metadata";
	if (!vexfs_range_off_heads(geo, geo->coll_start, geo->coll_blocks))
		return "collection table over group metadata";
	return NULL;
}

/* Is the block in the inode table of any group? */
bool vexfs_in_itable(const struct vexfs_geo *geo, u64 blkno)
{
	u32 index = vexfs_block_group(blkno) / VEXFS_GD_PER_BLOCK, i;

	for (i = 0; i < group_count(geo, index); i++) {
		u64 first = geo->place[first_group(index) + i].itable;

		if (blkno >= first && blkno - first < geo->itable_blocks)
			return true;
	}
	return false;
}
