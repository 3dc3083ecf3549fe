// SPDX-License-Identifier: GPL-2.0
/*
 * Repair of what is counted: bitmaps, descriptors, copies. All of it follows from what the
 * passes found, so it is made anew wherever it differs.
 *
 * As long as other repairs are due, a bitmap keeps the bits it had (f->exact is false): what
 * was in use on the device is not handed out to what repairs, so that a repair that is
 * interrupted while it is written has destroyed nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "tools/fsck/fsck.h"

void fsck_changed(struct fsck *f, struct vexfs_blk *b, bool seal)
{
	if (seal)
		vexfs_mdhdr_seal(b->data);
	vexfs_image_dirty(&f->img, b, seal);
}

static void *body(const struct vexfs_blk *b)
{
	return (u8 *)b->data + VEXFS_MDHDR_SIZE;
}

/*
 * Pin a metadata block that is made anew if it has to be. *@sound: it verifies; if not, it is
 * an empty one. Nothing is reported.
 */
static int get_anew(struct fsck *f, u64 blkno, u32 magic, u64 owner, struct vexfs_blk *b, bool *sound)
{
	int err;

	f->img.report = NULL;
	err = f->img.io.ops->read(&f->img.io, blkno, magic, 0, owner, b);
	f->img.report = fsck_report;
	*sound = !err;
	if (!err || err == -ENOMEM)
		return err;
	err = vexfs_image_new(&f->img, blkno, b);
	if (!err)
		vexfs_mdhdr_init(b->data, &f->img.geo, magic, blkno, owner);
	return err;
}

/* ---- bitmaps ------------------------------------------------------------- */

/* The block has the bits of @map from now on. True if it had others, or did not verify. */
static int store_bits(struct fsck *f, u64 blkno, u32 magic, u32 group, u8 *map)
{
	struct vexfs_blk b;
	bool sound;
	u32 i;
	int err = get_anew(f, blkno, magic, group, &b, &sound);

	if (err)
		return err;
	for (i = 0; sound && !f->exact && i < VEXFS_MD_SPACE; i++)
		map[i] |= ((u8 *)body(&b))[i];
	if (!sound || memcmp(body(&b), map, VEXFS_MD_SPACE)) {
		memcpy(body(&b), map, VEXFS_MD_SPACE);
		fsck_changed(f, &b, true);
		f->acted++;
	}
	f->img.io.ops->put(&f->img.io, &b);
	return 0;
}

static void inode_bits(struct fsck *f, u32 group, u8 *map)
{
	u32 n = f->img.geo.inodes_per_group, i;

	memset(map, 0, VEXFS_MD_SPACE);
	vexfs_bits_set(map, n, VEXFS_BITS_PER_BITMAP - n);
	for (i = 0; i < f->ino_room[group]; i++)
		if (f->ino_map[group][i].dtype)
			vexfs_bits_set(map, i, 1);
	if (group == 0)
		vexfs_bits_set(map, 0, VEXFS_FIRST_INO - 1);
}

static u32 count_dirs(const struct fsck *f, u32 group)
{
	u32 i, n = 0;

	for (i = 0; i < f->ino_room[group]; i++)
		n += f->ino_map[group][i].dtype == DT_DIR;
	return n;
}

/* ---- descriptors --------------------------------------------------------- */

static struct vexfs_group_desc fresh_desc(const struct fsck *f, u32 group)
{
	const struct vexfs_group_place *p = &f->img.geo.place[group];

	return (struct vexfs_group_desc){
		.gd_bbmap = cpu_to_le64(p->bbmap), .gd_ibmap = cpu_to_le64(p->ibmap),
		.gd_itable = cpu_to_le64(p->itable), .gd_itable_init = cpu_to_le32(f->itable[group]),
	};
}

static int store_desc(struct fsck *f, const struct vexfs_group_desc *gd, u32 group)
{
	u32 index = group / VEXFS_GD_PER_BLOCK, first = index * VEXFS_GD_PER_BLOCK, i;
	struct vexfs_group_desc *at;
	struct vexfs_blk b;
	bool sound;
	int err = get_anew(f, vexfs_gdt_block(&f->img.geo, index), VEXFS_MAGIC_GDT, index, &b, &sound);

	if (err)
		return err;
	at = body(&b);
	for (i = first; !sound && i < f->img.geo.groups && i - first < VEXFS_GD_PER_BLOCK; i++)
		at[i - first] = fresh_desc(f, i);
	at += group - first;
	if (!sound || memcmp(at, gd, sizeof(*at))) {
		*at = *gd;
		fsck_changed(f, &b, true);
		f->acted++;
	}
	f->img.io.ops->put(&f->img.io, &b);
	return 0;
}

static int fix_group(struct fsck *f, u32 group)
{
	const struct vexfs_geo *geo = &f->img.geo;
	u32 nbits = vexfs_group_blocks(geo, group);
	struct vexfs_group_desc gd = fresh_desc(f, group);
	u8 map[VEXFS_MD_SPACE];
	int err;

	fsck_group_usage(f, group, map);
	err = store_bits(f, vexfs_group_bbmap(geo, group), VEXFS_MAGIC_BBMAP, group, map);
	gd.gd_free_blocks = cpu_to_le32(nbits - vexfs_bits_count_set(map, nbits));
	if (err)
		return err;
	inode_bits(f, group, map);
	err = store_bits(f, vexfs_group_ibmap(geo, group), VEXFS_MAGIC_IBMAP, group, map);
	gd.gd_free_inodes = cpu_to_le32(geo->inodes_per_group -
					vexfs_bits_count_set(map, geo->inodes_per_group));
	gd.gd_used_dirs = cpu_to_le32(count_dirs(f, group));
	return err ? err : store_desc(f, &gd, group);
}

int fsck_fix_groups(struct fsck *f)
{
	u64 before = f->acted;
	int err = 0;
	u32 g;

	for (g = 0; g < f->img.geo.groups && !err; g++)
		err = fix_group(f, g);
	if (f->acted != before) {
		f->acted = before;
		fsck_did(f, "bitmaps and group descriptors counted anew");
	}
	return err;
}

int fsck_fix_gdt_copy(struct fsck *f, u64 index)
{
	u64 blkno = vexfs_gdt_copy(&f->img.geo, index);
	u32 first = index * VEXFS_GD_PER_BLOCK, i;
	struct vexfs_group_desc *gd;
	struct vexfs_blk b;
	int err = vexfs_image_new(&f->img, blkno, &b);

	if (err)
		return err;
	vexfs_mdhdr_init(b.data, &f->img.geo, VEXFS_MAGIC_GDT, blkno, index);
	gd = body(&b);
	for (i = first; i < f->img.geo.groups && i - first < VEXFS_GD_PER_BLOCK; i++)
		gd[i - first] = fresh_desc(f, i);
	fsck_changed(f, &b, true);
	f->img.io.ops->put(&f->img.io, &b);
	fsck_did(f, "block %llu: copy of the group descriptors written anew", (unsigned long long)blkno);
	return 0;
}

int fsck_fix_sb_copy(struct fsck *f, u64 group)
{
	u64 blkno = vexfs_group_start(&f->img.geo, group);
	struct vexfs_super_block *sb;
	struct vexfs_blk b;
	int err = vexfs_image_new(&f->img, blkno, &b);

	if (err)
		return err;
	sb = (void *)((u8 *)b.data + VEXFS_SB_OFFSET);
	*sb = f->img.sb;
	sb->s_group = cpu_to_le32(group);
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	fsck_changed(f, &b, false);
	f->img.io.ops->put(&f->img.io, &b);
	fsck_did(f, "block %llu: copy of the superblock written anew", (unsigned long long)blkno);
	return 0;
}

/* ---- inode tables -------------------------------------------------------- */

/* Keep the inodes of a block beyond what was scanned that the bitmap marks and that verify. */
static int keep_marked(struct fsck *f, u32 group, u32 block, const u8 *marked, bool *any)
{
	u64 first = (u64)group * f->img.geo.inodes_per_group + 1;
	u32 index = block * VEXFS_INODES_PER_BLOCK, i;
	struct vexfs_inode *di;
	struct vexfs_blk b;
	int err = vexfs_image_get(&f->img, vexfs_group_itable(&f->img.geo, group) + block, &b);

	if (err)
		return err;
	di = b.data;
	*any = false;
	for (i = 0; i < VEXFS_INODES_PER_BLOCK; i++, index++, di++)
		if (vexfs_bit_test(marked, index) &&
		    !vexfs_inode_verify(di, &f->img.geo, first + index))
			*any = true;
		else
			memset(di, 0, sizeof(*di));
	fsck_changed(f, &b, false);
	f->img.io.ops->put(&f->img.io, &b);
	return 0;
}

/* The table ends where f->itable says, and so do the bits of the bitmap. */
static int end_itable(struct fsck *f, u32 group)
{
	u32 first = f->itable[group] * VEXFS_INODES_PER_BLOCK;
	struct vexfs_group_desc gd;
	struct vexfs_blk b;
	int err = f->img.io.ops->read(&f->img.io, vexfs_group_ibmap(&f->img.geo, group),
				      VEXFS_MAGIC_IBMAP, 0, group, &b);

	if (err)
		return err;
	vexfs_bits_clear(body(&b), first, f->img.geo.inodes_per_group - first);
	fsck_changed(f, &b, true);
	f->img.io.ops->put(&f->img.io, &b);
	fsck_did(f, "group %u: inode table has %u blocks", group, f->itable[group]);
	if (!fsck_group_desc(f, group, &gd))
		return 0;
	gd.gd_itable_init = cpu_to_le32(f->itable[group]);
	return store_desc(f, &gd, group);
}

/*
 * The bitmap marks inodes beyond what the descriptor says was ever written. If they are there,
 * the descriptor is wrong, else the bitmap, which the next round then finds out.
 */
int fsck_fix_itable(struct fsck *f, u64 group)
{
	u32 n = f->img.geo.inodes_per_group, i;
	u8 marked[VEXFS_MD_SPACE];
	struct vexfs_blk b;
	bool any;
	int err = f->img.io.ops->read(&f->img.io, vexfs_group_ibmap(&f->img.geo, group),
				      VEXFS_MAGIC_IBMAP, 0, group, &b);

	if (err)
		return 0;
	memcpy(marked, body(&b), sizeof(marked));
	f->img.io.ops->put(&f->img.io, &b);
	while (n && !vexfs_bit_test(marked, n - 1))
		n--;
	for (i = f->itable[group]; i * VEXFS_INODES_PER_BLOCK < n && !err; i++) {
		err = keep_marked(f, group, i, marked, &any);
		if (!err && any)
			f->itable[group] = i + 1;
	}
	return err ? err : end_itable(f, group);
}

/* ---- which descriptors to believe ---------------------------------------- */

/* Is an inode where the group's table is said to begin? */
static bool itable_there(struct fsck *f, u32 group, u64 blkno)
{
	u64 ino = (u64)group * f->img.geo.inodes_per_group + 1;
	const struct vexfs_inode *di;
	struct vexfs_blk b;
	bool found = false;
	u32 i;

	if (vexfs_image_get(&f->img, blkno, &b))
		return false;
	di = b.data;
	for (i = 0; i < VEXFS_INODES_PER_BLOCK; i++)
		found |= le16_to_cpu(di[i].i_magic) == VEXFS_INODE_MAGIC && le64_to_cpu(di[i].i_ino) == ino + i;
	f->img.io.ops->put(&f->img.io, &b);
	return found;
}

/* How many bitmaps and inode tables are where these descriptors say. */
static u32 score(struct fsck *f, u32 index, const struct vexfs_group_desc *gd)
{
	u32 first = index * VEXFS_GD_PER_BLOCK, i, k, n = 0;
	struct vexfs_blk b;

	for (i = 0; first + i < f->img.geo.groups && i < VEXFS_GD_PER_BLOCK; i++) {
		n += itable_there(f, first + i, le64_to_cpu(gd[i].gd_itable));
		for (k = 0; k < 2; k++) {
			u64 blkno = le64_to_cpu(k ? gd[i].gd_ibmap : gd[i].gd_bbmap);

			if (vexfs_image_get(&f->img, blkno, &b))
				continue;
			n += !vexfs_mdhdr_verify(b.data, &f->img.geo, k ? VEXFS_MAGIC_IBMAP : VEXFS_MAGIC_BBMAP,
						 0, blkno, first + i);
			f->img.io.ops->put(&f->img.io, &b);
		}
	}
	return n;
}

static bool differ(const struct vexfs_group_desc *x, const struct vexfs_group_desc *y)
{
	return x->gd_bbmap != y->gd_bbmap || x->gd_ibmap != y->gd_ibmap || x->gd_itable != y->gd_itable;
}

/* Two sound blocks that name different places: the places of the better one for both. */
static void settle(struct fsck *f, struct vexfs_blk *a, struct vexfs_blk *b, u32 index)
{
	struct vexfs_group_desc *x = body(a), *y = body(b);
	bool same = true;
	u32 i;

	for (i = 0; i < VEXFS_GD_PER_BLOCK; i++)
		same &= !differ(&x[i], &y[i]);
	if (same || score(f, index, y) <= score(f, index, x))
		return;
	fsck_object(f, FSCK_FIX_GDT_COPY, index);
	fsck_problem(f, GDT_DIFFER, (unsigned long long)a->blkno, (unsigned long long)b->blkno);
	for (i = 0; i < VEXFS_GD_PER_BLOCK; i++) {
		x[i].gd_bbmap = y[i].gd_bbmap;
		x[i].gd_ibmap = y[i].gd_ibmap;
		x[i].gd_itable = y[i].gd_itable;
	}
	fsck_changed(f, a, true);
	fsck_did(f, "block %llu: places of the groups taken from the copy", (unsigned long long)a->blkno);
}

int fsck_settle_places(struct fsck *f)
{
	const struct vexfs_geo *geo = &f->img.geo;
	struct vexfs_blk a, b;
	u32 i;

	f->img.report = NULL;
	for (i = 0; i < geo->gdt_blocks; i++) {
		if (!f->img.io.ops->read(&f->img.io, vexfs_gdt_block(geo, i), VEXFS_MAGIC_GDT, 0, i, &a) &&
		    !f->img.io.ops->read(&f->img.io, vexfs_gdt_copy(geo, i), VEXFS_MAGIC_GDT, 0, i, &b)) {
			settle(f, &a, &b, i);
			f->img.io.ops->put(&f->img.io, &b);
		}
		f->img.io.ops->put(&f->img.io, &a);
	}
	f->img.report = fsck_report;
	return 0;
}
