// SPDX-License-Identifier: GPL-2.0
/* Orphans: the table, and the list that goes on through the inodes when it is full. */
#include <errno.h>
#include <stdlib.h>

#include "tools/fsck/fsck.h"

static int cmp_u64(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void add(struct fsck *f, u64 ino)
{
	size_t room = f->orphans_room;
	u64 *more;

	if (f->norphans == room) {
		room = room ? 2 * room : 512;
		more = realloc(f->orphan_list, room * sizeof(*more));
		if (!more) {
			fsck_fatal(f, -ENOMEM, "reading the orphan table");
			return;
		}
		f->orphan_list = more;
		f->orphans_room = room;
	}
	f->orphan_list[f->norphans++] = ino;
}

static bool possible(struct fsck *f, u64 ino)
{
	return vexfs_ino_valid(&f->img.geo, ino) && ino >= VEXFS_FIRST_INO;
}

/* Returns the head of the list, which only the first block has (core sees to it). */
static u64 load_block(struct fsck *f, u32 index)
{
	u64 blkno = f->img.geo.orphan_start + index, head;
	const __le64 *slot;
	struct vexfs_blk b;
	u32 i;

	if (!fsck_read(f, blkno, VEXFS_MAGIC_ORPHAN, index, &b))
		return 0;
	head = le64_to_cpu(((const struct vexfs_mdhdr *)b.data)->h_next);
	slot = (const void *)((const u8 *)b.data + VEXFS_MDHDR_SIZE);
	for (i = 0; i < VEXFS_ORPHANS_PER_BLOCK && !f->err; i++) {
		u64 ino = le64_to_cpu(slot[i]);

		if (!ino)
			continue;
		if (possible(f, ino))
			add(f, ino);
		else
			fsck_problem(f, ORPHAN_INO, (unsigned long long)blkno,
				     (unsigned long long)ino);
	}
	f->img.io.ops->put(&f->img.io, &b);
	return head;
}

/* The inode after @ino in the list. False: the list cannot be followed further. */
static bool next_of(struct fsck *f, u64 ino, u64 *next)
{
	struct vexfs_inode *di;
	struct vexfs_blk b;
	bool used;

	if (!possible(f, ino)) {
		fsck_problem(f, ORPHAN_LIST_INO, (unsigned long long)ino);
		return false;
	}
	if (vexfs_image_inode(&f->img, ino, &b, &di)) {
		fsck_problem(f, ORPHAN_LIST_READ, (unsigned long long)ino);
		return false;
	}
	used = !vexfs_inode_verify(di, &f->img.geo, ino);
	*next = le64_to_cpu(di->i_orphan_next);
	f->img.io.ops->put(&f->img.io, &b);
	if (!used)
		fsck_problem(f, ORPHAN_LIST_FREE, (unsigned long long)ino);
	return used;
}

/* A cycle leads back to the inode that was the 2^n-th on the way (Brent). */
static void load_list(struct fsck *f, u64 head)
{
	u64 ino, next, mark = 0, n = 0, power = 1;

	for (ino = head; ino && !f->err; ino = next) {
		if (ino == mark) {
			fsck_problem(f, ORPHAN_LIST_LOOP, (unsigned long long)ino);
			return;
		}
		if (!next_of(f, ino, &next))
			return;
		if (++n == power) {
			mark = ino;
			power *= 2;
		}
		add(f, ino);
	}
}

void fsck_orphans_load(struct fsck *f)
{
	u32 n = f->img.geo.orphan_blocks, i;
	u64 head = 0;
	size_t k;

	fsck_object(f, FSCK_FIX_ORPHANS, 0);
	fsck_where(f, FSCK_ORPHAN_BLOCK, "orphan table");
	for (i = 0; i < n && !f->err; i++)
		head |= load_block(f, i);
	load_list(f, head);
	if (f->norphans)
		qsort(f->orphan_list, f->norphans, sizeof(u64), cmp_u64);
	for (k = 1; k < f->norphans; k++)
		if (f->orphan_list[k] == f->orphan_list[k - 1])
			fsck_problem(f, ORPHAN_TWICE, (unsigned long long)f->orphan_list[k]);
}

bool fsck_is_orphan(const struct fsck *f, u64 ino)
{
	return f->norphans && bsearch(&ino, f->orphan_list, f->norphans, sizeof(u64), cmp_u64);
}

void fsck_orphans_check(struct fsck *f)
{
	size_t k;

	fsck_object(f, FSCK_FIX_ORPHANS, 0);
	for (k = 0; k < f->norphans; k++)
		if (!fsck_ino_get(f, f->orphan_list[k]))
			fsck_problem(f, ORPHAN_FREE, (unsigned long long)f->orphan_list[k]);
	if (f->norphans)
		fsck_problem(f, ORPHANS_WAIT, f->norphans);
}
