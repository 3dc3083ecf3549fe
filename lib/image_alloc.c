// SPDX-License-Identifier: GPL-2.0
/* Allocating blocks of an unmounted filesystem: bitmaps and descriptors, nothing cached. */
#include <errno.h>
#include <string.h>

#include "lib/image.h"

static void put(struct vexfs_image *img, struct vexfs_blk *b)
{
	img->io.ops->put(&img->io, b);
}

static void *bitmap(struct vexfs_blk *b)
{
	return (u8 *)b->data + VEXFS_MDHDR_SIZE;
}

static int read_bbmap(struct vexfs_image *img, u32 group, struct vexfs_blk *b)
{
	return img->io.ops->read(&img->io, vexfs_group_bbmap(&img->geo, group),
				 VEXFS_MAGIC_BBMAP, 0, group, b);
}

static int add_free(struct vexfs_image *img, u32 group, s32 delta)
{
	u32 index = group / VEXFS_GD_PER_BLOCK;
	struct vexfs_group_desc *gd;
	struct vexfs_blk b;
	int err = img->io.ops->read(&img->io, vexfs_gdt_block(&img->geo, index), VEXFS_MAGIC_GDT, 0,
				    index, &b);

	if (err)
		return err;
	gd = (struct vexfs_group_desc *)bitmap(&b) + group % VEXFS_GD_PER_BLOCK;
	gd->gd_free_blocks = cpu_to_le32(le32_to_cpu(gd->gd_free_blocks) + delta);
	img->taken -= delta;
	vexfs_image_dirty(img, &b, true);
	put(img, &b);
	return 0;
}

/* Returns 1 if blocks were found, 0 if the group has none from bit @from on. */
static int alloc_in_group(struct vexfs_image *img, u32 group, u32 from, u32 *len, u64 *blkno)
{
	u32 nbits = vexfs_group_blocks(&img->geo, group), first, end;
	struct vexfs_blk b;
	int err = read_bbmap(img, group, &b);

	if (err)
		return err;
	first = vexfs_bit_next_clear(bitmap(&b), from, nbits);
	if (first >= nbits) {
		put(img, &b);
		return 0;
	}
	end = vexfs_bit_next_set(bitmap(&b), first, nbits);
	*len = end - first < *len ? end - first : *len;
	*blkno = vexfs_group_start(&img->geo, group) + first;
	vexfs_bits_set(bitmap(&b), first, *len);
	vexfs_image_dirty(img, &b, true);
	put(img, &b);
	err = add_free(img, group, -(s32)*len);
	return err ? err : 1;
}

int vexfs_image_alloc_blocks(struct vexfs_image *img, u64 goal, u32 *len, u64 *blkno)
{
	u32 group, from, tries;
	int ret;

	if (goal >= img->geo.blocks)
		goal = 0;
	group = vexfs_block_group(goal);
	from = vexfs_block_index(goal);
	/* The goal's group comes twice: from the goal on, at last from its beginning. */
	for (tries = 0; tries <= img->geo.groups; tries++) {
		ret = alloc_in_group(img, group, from, len, blkno);
		if (ret)
			return ret < 0 ? ret : 0;
		group = group + 1 < img->geo.groups ? group + 1 : 0;
		from = 0;
	}
	return -ENOSPC;
}

static int free_in_group(struct vexfs_image *img, u64 blkno, u32 len)
{
	u32 group = vexfs_block_group(blkno), first = vexfs_block_index(blkno);
	struct vexfs_blk b;
	int err = read_bbmap(img, group, &b);

	if (err)
		return err;
	if (vexfs_bit_next_clear(bitmap(&b), first, first + len) < first + len) {
		put(img, &b);
		return img->io.ops->corrupt(&img->io, blkno, "freeing a free block");
	}
	vexfs_bits_clear(bitmap(&b), first, len);
	vexfs_image_dirty(img, &b, true);
	put(img, &b);
	return add_free(img, group, len);
}

int vexfs_image_free_blocks(struct vexfs_image *img, u64 blkno, u32 len)
{
	int err = 0;
	u32 n;

	if (!vexfs_data_range_valid(&img->geo, blkno, len))
		return img->io.ops->corrupt(&img->io, blkno, "freeing fixed metadata");
	for (; len && !err; blkno += n, len -= n) {
		n = min(len, VEXFS_BLOCKS_PER_GROUP - vexfs_block_index(blkno));
		err = free_in_group(img, blkno, n);
	}
	return err;
}
