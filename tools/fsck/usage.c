// SPDX-License-Identifier: GPL-2.0
/* Who uses which block, and what is known about every inode. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/fsck/fsck.h"

bool fsck_grow(struct fsck *f, void *array, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void **p = array, *q;

	if (n < *room)
		return true;
	q = realloc(*p, more * size);
	if (!q) {
		fsck_fatal(f, -ENOMEM, "noting what was found");
		return false;
	}
	*p = q;
	*room = more;
	return true;
}

int fsck_usage_init(struct fsck *f)
{
	u32 groups = f->img.geo.groups;

	f->block_map = calloc(groups, sizeof(*f->block_map));
	f->ino_map = calloc(groups, sizeof(*f->ino_map));
	f->ino_room = calloc(groups, sizeof(*f->ino_room));
	f->itable = calloc(groups, sizeof(*f->itable));
	return f->block_map && f->ino_map && f->ino_room && f->itable ? 0 : -ENOMEM;
}

void fsck_usage_free(struct fsck *f)
{
	u32 g;

	for (g = 0; f->block_map && g < f->img.geo.groups; g++)
		free(f->block_map[g]);
	for (g = 0; f->ino_map && g < f->img.geo.groups; g++)
		free(f->ino_map[g]);
	free(f->block_map);
	free(f->ino_map);
	free(f->ino_room);
	free(f->itable);
	free(f->dirs);
	free(f->orphan_list);
	free(f->values);
	free(f->twice);
	fsck_feed_free(f);
	fsck_quota_free(f);
	f->block_map = NULL;
	f->ino_map = NULL;
	f->ino_room = NULL;
	f->itable = NULL;
	f->dirs = NULL;
	f->orphan_list = NULL;
	f->values = NULL;
	f->twice = NULL;
	f->ndirs = f->dirs_room = f->norphans = f->orphans_room = 0;
	f->nvalues = f->values_room = f->ntwice = f->twice_room = 0;
}

/* ---- blocks -------------------------------------------------------------- */

/* The part of a region that is in the group; the journal may span several. */
static void set_span(const struct vexfs_geo *geo, u32 group, u8 *map, u64 start, u64 len)
{
	u64 lo = vexfs_group_start(geo, group), hi = lo + vexfs_group_blocks(geo, group);
	u64 from = max(start, lo), to = min(start + len, hi);

	if (from < to)
		vexfs_bits_set(map, from - lo, to - from);
}

static void set_fixed(const struct vexfs_geo *geo, u32 group, u8 *map)
{
	u32 nbits = vexfs_group_blocks(geo, group);

	vexfs_bits_set(map, 0, vexfs_group_overhead(geo, group));
	vexfs_bits_set(map, nbits, VEXFS_BITS_PER_BITMAP - nbits);
	set_span(geo, group, map, geo->journal_start, geo->journal_blocks);
	set_span(geo, group, map, geo->orphan_start, geo->orphan_blocks);
	set_span(geo, group, map, geo->coll_start, geo->coll_blocks);
}

static u8 *group_map(struct fsck *f, u32 group)
{
	u8 *map = f->block_map[group];

	if (map)
		return map;
	map = calloc(1, VEXFS_MD_SPACE);
	if (!map) {
		fsck_fatal(f, -ENOMEM, "noting blocks in use");
		return NULL;
	}
	set_fixed(&f->img.geo, group, map);
	f->block_map[group] = map;
	return map;
}

void fsck_group_usage(struct fsck *f, u32 group, u8 *map)
{
	if (f->block_map[group]) {
		memcpy(map, f->block_map[group], VEXFS_MD_SPACE);
		return;
	}
	memset(map, 0, VEXFS_MD_SPACE);
	set_fixed(&f->img.geo, group, map);
}

/* Every block of [first, end) that is set: the object at hand is not its first owner. */
static void note_twice(struct fsck *f, const u8 *map, u64 start, u32 first, u32 end)
{
	while (f->replay && (first = vexfs_bit_next_set(map, first, end)) < end) {
		if (!fsck_grow(f, &f->twice, f->ntwice, &f->twice_room, sizeof(*f->twice)))
			return;
		f->twice[f->ntwice++] = (struct fsck_twice){ f->id, start + first++ };
	}
}

static bool claim_in_group(struct fsck *f, u64 blkno, u32 len)
{
	u8 *map = group_map(f, vexfs_block_group(blkno));
	u32 first = vexfs_block_index(blkno), taken;

	if (!map)
		return false;
	taken = vexfs_bit_next_set(map, first, first + len);
	note_twice(f, map, blkno - first, first, first + len);
	vexfs_bits_set(map, first, len);
	if (taken == first + len)
		return true;
	fsck_problem(f, BLOCK_TWICE, f->where, (unsigned long long)(blkno + taken - first));
	return false;
}

bool fsck_claim(struct fsck *f, u64 blkno, u64 len)
{
	bool ok = true;
	u32 n;

	if (!vexfs_data_range_valid(&f->img.geo, blkno, len)) {
		fsck_problem(f, BLOCK_FOREIGN, f->where, (unsigned long long)blkno,
			     (unsigned long long)(blkno + len - 1));
		return false;
	}
	for (; len; blkno += n, len -= n) {
		n = min(len, (u64)(VEXFS_BLOCKS_PER_GROUP - vexfs_block_index(blkno)));
		if (!claim_in_group(f, blkno, n))
			ok = false;
		else
			f->used_blocks += n;
	}
	return ok;
}

/* ---- inodes -------------------------------------------------------------- */

struct fsck_ino *fsck_ino_get(struct fsck *f, u64 ino)
{
	u32 group, index;

	if (!vexfs_ino_valid(&f->img.geo, ino))
		return NULL;
	group = vexfs_ino_group(&f->img.geo, ino);
	index = vexfs_ino_index(&f->img.geo, ino);
	if (!f->ino_map[group] || index >= f->ino_room[group])
		return NULL;
	return f->ino_map[group][index].dtype ? &f->ino_map[group][index] : NULL;
}

struct fsck_ino *fsck_ino_add(struct fsck *f, u64 ino, u32 group_inodes)
{
	u32 group = vexfs_ino_group(&f->img.geo, ino);

	if (!f->ino_map[group]) {
		f->ino_map[group] = calloc(group_inodes, sizeof(struct fsck_ino));
		f->ino_room[group] = f->ino_map[group] ? group_inodes : 0;
	}
	if (!f->ino_map[group]) {
		fsck_fatal(f, -ENOMEM, "noting inodes");
		return NULL;
	}
	return &f->ino_map[group][vexfs_ino_index(&f->img.geo, ino)];
}

int fsck_dir_add(struct fsck *f, u64 ino, u64 parent)
{
	if (f->ndirs == f->dirs_room) {
		size_t room = f->dirs_room ? f->dirs_room * 2 : 256;
		struct fsck_dir *p = realloc(f->dirs, room * sizeof(*p));

		if (!p) {
			fsck_fatal(f, -ENOMEM, "noting directories");
			return -ENOMEM;
		}
		f->dirs = p;
		f->dirs_room = room;
	}
	f->dirs[f->ndirs++] = (struct fsck_dir){ .ino = ino, .recorded = parent };
	return 0;
}

static int cmp_dir(const void *a, const void *b)
{
	const struct fsck_dir *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

struct fsck_dir *fsck_dir_get(struct fsck *f, u64 ino)
{
	struct fsck_dir key = { .ino = ino };

	return f->ndirs ? bsearch(&key, f->dirs, f->ndirs, sizeof(key), cmp_dir) : NULL;
}
