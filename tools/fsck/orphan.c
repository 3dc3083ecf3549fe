// SPDX-License-Identifier: GPL-2.0
/* The orphan table. */
#include <errno.h>
#include <stdlib.h>

#include "tools/fsck/fsck.h"

static int cmp_u64(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void load_block(struct fsck *f, u32 index)
{
	u64 blkno = f->img.geo.orphan_start + index;
	const __le64 *slot;
	struct vexfs_blk b;
	u32 i;

	if (f->img.io.ops->read(&f->img.io, blkno, VEXFS_MAGIC_ORPHAN, 0, index, &b))
		return;
	slot = (const void *)((const u8 *)b.data + VEXFS_MDHDR_SIZE);
	for (i = 0; i < VEXFS_ORPHANS_PER_BLOCK; i++) {
		u64 ino = le64_to_cpu(slot[i]);

		if (!ino)
			continue;
		if (vexfs_ino_valid(&f->img.geo, ino) && ino >= VEXFS_FIRST_INO)
			f->orphan_list[f->norphans++] = ino;
		else
			fsck_problem(f, "orphan table: block %llu: impossible inode number %llu",
				     (unsigned long long)blkno, (unsigned long long)ino);
	}
	f->img.io.ops->put(&f->img.io, &b);
}

void fsck_orphans_load(struct fsck *f)
{
	u32 n = f->img.geo.orphan_blocks, i;
	size_t k;

	fsck_where(f, "orphan table");
	f->orphan_list = calloc((size_t)n * VEXFS_ORPHANS_PER_BLOCK, sizeof(u64));
	if (!f->orphan_list) {
		fsck_fatal(f, -ENOMEM, "reading the orphan table");
		return;
	}
	for (i = 0; i < n; i++)
		load_block(f, i);
	qsort(f->orphan_list, f->norphans, sizeof(u64), cmp_u64);
	for (k = 1; k < f->norphans; k++)
		if (f->orphan_list[k] == f->orphan_list[k - 1])
			fsck_problem(f, "orphan table: inode %llu stands in it twice",
				     (unsigned long long)f->orphan_list[k]);
}

bool fsck_is_orphan(const struct fsck *f, u64 ino)
{
	return f->norphans && bsearch(&ino, f->orphan_list, f->norphans, sizeof(u64), cmp_u64);
}

void fsck_orphans_check(struct fsck *f)
{
	size_t k;

	for (k = 0; k < f->norphans; k++)
		if (!fsck_ino_get(f, f->orphan_list[k]))
			fsck_problem(f, "orphan table: inode %llu is free",
				     (unsigned long long)f->orphan_list[k]);
	if (f->norphans)
		fsck_note(f, "orphan table: %zu inodes wait to be finished by the next mount",
			  f->norphans);
}
