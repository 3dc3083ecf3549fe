// SPDX-License-Identifier: GPL-2.0
/* Pass 4: the collection table and the hidden inodes. */
#include <dirent.h>
#include <string.h>

#include "core/coll.h"
#include "tools/fsck/fsck.h"

/* ---- hidden inodes ------------------------------------------------------- */

/* Why it cannot be a collection's file; NULL: it can. */
static const char *no_file(const struct fsck_ino *fi)
{
	if (!fi)
		return "is free";
	if (fi->flags & FSCK_INO_BAD)
		return "is damaged";
	if (!(fi->flags & FSCK_INO_HIDDEN) || fi->dtype != DT_REG)
		return "is not a hidden file";
	return fi->coll ? "has another use in a collection" : NULL;
}

/* Size of the inode in blocks; -1 if it cannot be this collection's. */
static s64 own_inode(struct fsck *f, const struct vexfs_collection *c, u64 ino, const char *role)
{
	struct fsck_ino *fi = fsck_ino_get(f, ino);
	const char *bad = no_file(fi);
	struct vexfs_inode *di;
	struct vexfs_blk b;
	s64 blocks;
	int err;

	if (bad) {
		f->doubt = true;
		fsck_problem(f, COLL_FILE, f->where, role, (unsigned long long)ino, bad);
		return -1;
	}
	err = vexfs_image_inode(&f->img, ino, &b, &di);
	if (err) {
		fsck_fatal(f, err, "reading an inode");
		return -1;
	}
	if (fi->flags & FSCK_INO_ORPHAN)
		fsck_problem(f, ORPHAN_COLL, (unsigned long long)ino);
	fi->coll = le32_to_cpu(c->c_id) + 1;
	blocks = le64_to_cpu(di->i_size) >> VEXFS_BLOCK_SHIFT;
	f->img.io.ops->put(&f->img.io, &b);
	return blocks;
}

/* All are looked at, so that each is known to be owned. */
static bool check_inodes(struct fsck *f, const struct vexfs_collection *c)
{
	bool ok = true;
	u32 i;

	for (i = 0; i < VEXFS_COLL_FILES; i++) {
		const char *role = vexfs_coll_file_name(i);
		s64 blocks = own_inode(f, c, vexfs_coll_file_ino(c, i), role);
		u64 needed = vexfs_coll_file_blocks(c, i);

		ok &= blocks >= 0 && (u64)blocks >= needed;
		if (blocks >= 0 && (u64)blocks < needed)
			fsck_problem(f, COLL_SHORT, f->where, role, (long long)blocks,
				     (unsigned long long)needed);
	}
	return ok;
}

/* After the files that every collection has: one that is another's is not its graph. */
static void check_graph(struct fsck *f, const struct vexfs_collection *c)
{
	u64 ino = vexfs_coll_file_ino(c, VEXFS_COLL_GRAPH);
	struct fsck_ino *fi;
	const char *bad;

	if (!ino)
		return;
	fi = fsck_ino_get(f, ino);
	bad = no_file(fi);
	if (!bad)
		fi->coll = le32_to_cpu(c->c_id) + 1;
	fsck_graph(f, c, bad);
}

/* ---- the table ----------------------------------------------------------- */

static void check_collection(struct fsck *f, const struct vexfs_collection *c, u32 id)
{
	const char *bad = vexfs_coll_verify(c, &f->img.geo, id);
	bool inodes;

	fsck_object(f, FSCK_FIX_SLOTS, id);
	if (bad) {
		f->doubt = true;
		fsck_problem(f, COLL, id, bad);
		return;
	}
	if (le32_to_cpu(c->c_state) == VEXFS_COLL_FREE)
		return;
	f->collections++;
	fsck_where(f, FSCK_COLL_BLOCK, "collection %u '%s'", id, (const char *)c->c_name);
	inodes = check_inodes(f, c);
	fsck_map(f, c, inodes);
}

static void check_graph_of(struct fsck *f, const struct vexfs_collection *c, u32 id)
{
	if (le32_to_cpu(c->c_state) == VEXFS_COLL_FREE || vexfs_coll_verify(c, &f->img.geo, id))
		return;
	fsck_where(f, FSCK_COLL_BLOCK, "collection %u '%s'", id, (const char *)c->c_name);
	check_graph(f, c);
}

static void load_block(struct fsck *f, u32 index, struct vexfs_collection *table)
{
	u32 first = index * VEXFS_COLL_PER_BLOCK, used = 0, said, i;
	u64 blkno = f->img.geo.coll_start + index;
	struct vexfs_blk b;

	fsck_object(f, FSCK_FIX_COLL_TABLE, index);
	fsck_where(f, FSCK_COLL_BLOCK, "collection table");
	if (!fsck_read(f, blkno, VEXFS_MAGIC_COLL, index, &b)) {
		f->doubt = true;
		return;
	}
	memcpy(table + first, (const u8 *)b.data + VEXFS_MDHDR_SIZE,
	       VEXFS_COLL_PER_BLOCK * sizeof(*table));
	said = le16_to_cpu(((const struct vexfs_mdhdr *)b.data)->h_count);
	f->img.io.ops->put(&f->img.io, &b);
	for (i = 0; i < VEXFS_COLL_PER_BLOCK; i++)
		used += le32_to_cpu(table[first + i].c_state) != VEXFS_COLL_FREE;
	if (used != said)
		fsck_problem(f, COLL_COUNT, (unsigned long long)blkno, said, used);
}

static void coll_name(struct fsck *f, u32 i, u32 j)
{
	fsck_object(f, FSCK_FIX_COLL_TABLE, i / VEXFS_COLL_PER_BLOCK);
	fsck_problem(f, COLL_NAME, i, j);
}

static void check_names(struct fsck *f, const struct vexfs_collection *table)
{
	u32 i, j;

	for (i = 0; i < VEXFS_MAX_COLL; i++)
		for (j = 0; j < i; j++)
			if (le32_to_cpu(table[i].c_state) == VEXFS_COLL_LIVE &&
			    le32_to_cpu(table[j].c_state) == VEXFS_COLL_LIVE &&
			    !memcmp(table[i].c_name, table[j].c_name, sizeof(table[i].c_name)))
				coll_name(f, i, j);
}

static void check_hidden(struct fsck *f)
{
	u32 g, i;

	/*
	 * The files of a feature this program does not know have no owner it could find. The owner of
	 * others may be damaged, and is repaired first.
	 */
	if (f->unknown_compat || f->doubt)
		return;
	for (g = 0; g < f->img.geo.groups; g++)
		for (i = 0; i < f->ino_room[g]; i++) {
			const struct fsck_ino *fi = &f->ino_map[g][i];

			u64 ino = (u64)g * f->img.geo.inodes_per_group + i + 1;

			fsck_object(f, FSCK_FIX_CLEAR, ino);
			if ((fi->flags & FSCK_INO_HIDDEN) && !fi->coll &&
			    !(fi->flags & FSCK_INO_ORPHAN))
				fsck_problem(f, HIDDEN_STRAY, (unsigned long long)ino);
		}
}

void fsck_collections(struct fsck *f)
{
	struct vexfs_collection table[VEXFS_MAX_COLL];
	u32 i;

	memset(table, 0, sizeof(table));
	for (i = 0; i < VEXFS_COLL_BLOCKS; i++)
		load_block(f, i, table);
	check_names(f, table);
	for (i = 0; i < VEXFS_MAX_COLL && !f->err; i++)
		check_collection(f, &table[i], i);
	for (i = 0; i < VEXFS_MAX_COLL && !f->err; i++)
		check_graph_of(f, &table[i], i);
	check_hidden(f);
}
