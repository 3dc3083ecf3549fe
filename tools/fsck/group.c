// SPDX-License-Identifier: GPL-2.0
/* Pass 7: block bitmaps and group descriptors against what was found. */
#include <dirent.h>
#include <string.h>

#include "tools/fsck/fsck.h"

#define MAX_RUNS	8	/* runs of wrong bits named per group and kind */

bool fsck_group_desc(struct fsck *f, u32 group, struct vexfs_group_desc *gd)
{
	u32 index = group / VEXFS_GD_PER_BLOCK;
	struct vexfs_blk b;
	int err;

	/* Pass 0 has reported a damaged block: not again for each of its groups. */
	f->img.report = NULL;
	err = f->img.io.ops->read(&f->img.io, vexfs_gdt_block(&f->img.geo, index),
				  VEXFS_MAGIC_GDT, 0, index, &b);
	f->img.report = fsck_report;
	if (err)
		return false;
	*gd = ((const struct vexfs_group_desc *)((const u8 *)b.data + VEXFS_MDHDR_SIZE))
		[group % VEXFS_GD_PER_BLOCK];
	f->img.io.ops->put(&f->img.io, &b);
	return true;
}

/* ---- block bitmap -------------------------------------------------------- */

/* Report the runs of bits that are set in @a and not in @b. */
static void report_runs(struct fsck *f, u32 group, const u8 *a, const u8 *b, bool leaked)
{
	u64 start = vexfs_group_start(&f->img.geo, group);
	u32 nbits = vexfs_group_blocks(&f->img.geo, group), runs = 0, bit = 0, end, i;
	u8 diff[VEXFS_MD_SPACE];
	unsigned long long first, last;

	for (i = 0; i < VEXFS_MD_SPACE; i++)
		diff[i] = a[i] & ~b[i];
	while ((bit = vexfs_bit_next_set(diff, bit, nbits)) < nbits) {
		end = vexfs_bit_next_clear(diff, bit, nbits);
		if (runs++ == MAX_RUNS && !f->verbose) {
			fsck_problem(f, BBMAP_MORE, group);
			return;
		}
		first = start + bit;
		last = start + end - 1;
		if (leaked)
			fsck_problem(f, BBMAP_LEAKED, group, first, last);
		else
			fsck_problem(f, BBMAP_UNMARKED, group, first, last);
		bit = end;
	}
}

/* Free blocks according to the bitmap, or -1 if it does not verify. */
static s64 check_bitmap(struct fsck *f, u32 group)
{
	u32 nbits = vexfs_group_blocks(&f->img.geo, group);
	u8 found[VEXFS_MD_SPACE];
	const u8 *map;
	struct vexfs_blk b;
	s64 free;

	fsck_where(f, FSCK_BBMAP_BLOCK, "group %u: block bitmap", group);
	if (!fsck_read(f, vexfs_group_bbmap(&f->img.geo, group), VEXFS_MAGIC_BBMAP, group, &b))
		return -1;
	map = (const u8 *)b.data + VEXFS_MDHDR_SIZE;
	fsck_group_usage(f, group, found);
	report_runs(f, group, found, map, false);
	report_runs(f, group, map, found, true);
	free = nbits - vexfs_bits_count_set(map, nbits);
	f->img.io.ops->put(&f->img.io, &b);
	return free;
}

/* ---- descriptor ---------------------------------------------------------- */

static void count_inodes(const struct fsck *f, u32 group, u32 *used, u32 *dirs)
{
	u32 i, reserved = group == 0 ? VEXFS_FIRST_INO - 1 : 0;

	*used = reserved;
	*dirs = 0;
	for (i = 0; i < f->ino_room[group]; i++) {
		const struct fsck_ino *fi = &f->ino_map[group][i];

		*used += fi->dtype && i >= reserved;
		*dirs += fi->dtype == DT_DIR;
	}
}

static void check_desc(struct fsck *f, u32 group, s64 free_blocks)
{
	struct vexfs_group_desc gd;
	const char *bad;
	u32 used, dirs, said;

	if (!fsck_group_desc(f, group, &gd))
		return;
	count_inodes(f, group, &used, &dirs);
	said = le32_to_cpu(gd.gd_free_blocks);
	if (free_blocks >= 0 && said != free_blocks)
		fsck_problem(f, GD_FREE_BLOCKS, group, said, (u32)free_blocks);
	said = le32_to_cpu(gd.gd_free_inodes);
	if (said != f->img.geo.inodes_per_group - used)
		fsck_problem(f, GD_FREE_INODES, group, said, f->img.geo.inodes_per_group - used);
	said = le32_to_cpu(gd.gd_used_dirs);
	if (said != dirs)
		fsck_problem(f, GD_DIRS, group, said, dirs);
	bad = vexfs_gd_verify(&gd, &f->img.geo, group);
	if (bad)
		fsck_problem(f, GD_VALUE, group, bad);
}

void fsck_groups(struct fsck *f)
{
	u32 g;

	for (g = 0; g < f->img.geo.groups && !f->err; g++) {
		check_desc(f, g, check_bitmap(f, g));
		fsck_progress(f, g + 1, f->img.geo.groups);
	}
}
