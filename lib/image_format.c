// SPDX-License-Identifier: GPL-2.0
/* Making a filesystem: the plan (geometry) and its writing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/grow.h"
#include "lib/feature_names.h"
#include "lib/image_format.h"
#include "lib/image_place.h"
#include "lib/jbd2.h"

#define WIPE_BYTES	(64U << 10)	/* where other formats keep their signatures */
#define MIN_INODES	16U
/* Inode table blocks mkfs writes: they hold the reserved inodes and the first free ones. */
#define ITABLE_INIT	2U

/* ---- the plan ------------------------------------------------------------ */

static u64 div_up(u64 n, u64 d)
{
	return n / d + (n % d != 0);
}

static u32 plan_inodes_per_group(const struct vexfs_format *f, u64 blocks)
{
	u32 ratio = f->bytes_per_inode ?: VEXFS_DEFAULT_BYTES_PER_INODE;
	u64 span = blocks < VEXFS_BLOCKS_PER_GROUP ? blocks : VEXFS_BLOCKS_PER_GROUP;
	u64 n = f->inodes ? div_up(f->inodes, div_up(blocks, VEXFS_BLOCKS_PER_GROUP)) :
		span * VEXFS_BLOCK_SIZE / ratio;

	n = div_up(n, VEXFS_INODES_PER_BLOCK) * VEXFS_INODES_PER_BLOCK;
	if (n < MIN_INODES)
		n = MIN_INODES;
	return n < VEXFS_BITS_PER_BITMAP ? n : VEXFS_BITS_PER_BITMAP;
}

static u32 plan_journal_blocks(const struct vexfs_format *f)
{
	u64 n = f->blocks / 32;

	if (f->journal_blocks)
		return f->journal_blocks;
	if (n < VEXFS_MIN_JOURNAL)
		return VEXFS_MIN_JOURNAL;
	return n < VEXFS_MAX_DEFAULT_JOURNAL ? n : VEXFS_MAX_DEFAULT_JOURNAL;
}

static u32 plan_orphan_blocks(u64 inodes)
{
	u64 n = inodes / (VEXFS_ORPHANS_PER_BLOCK * 64);

	if (n < 2)
		return 2;
	return n < 64 ? n : 64;
}

/* Groups and tables; false if group 0 has no room for them. */
static bool plan_groups(const struct vexfs_format *f, u64 blocks, struct vexfs_super_block *sb)
{
	u64 groups = div_up(blocks, VEXFS_BLOCKS_PER_GROUP);
	u32 ipg = plan_inodes_per_group(f, blocks);

	sb->s_blocks = cpu_to_le64(blocks);
	sb->s_groups = cpu_to_le32(groups);
	sb->s_gdt_blocks = cpu_to_le32(div_up(groups, VEXFS_GD_PER_BLOCK));
	sb->s_inodes_per_group = cpu_to_le32(ipg);
	sb->s_itable_blocks = cpu_to_le32(ipg / VEXFS_INODES_PER_BLOCK);
	sb->s_orphan_blocks = cpu_to_le32(plan_orphan_blocks(groups * ipg));
	return (groups - 1) * ipg < VEXFS_MAX_INO;
}

/* The tables are at the beginning of group 0's data. */
static bool plan_tables(const struct vexfs_geo *geo, struct vexfs_super_block *sb)
{
	u32 start = vexfs_group_overhead(geo, 0);
	u32 tables = le32_to_cpu(sb->s_orphan_blocks) + VEXFS_COLL_BLOCKS;

	if (start + tables + VEXFS_MIN_DATA_BLOCKS > vexfs_group_blocks(geo, 0))
		return false;
	sb->s_orphan_start = cpu_to_le64(start);
	sb->s_coll_start = cpu_to_le64(start + le32_to_cpu(sb->s_orphan_blocks));
	return true;
}

/*
 * A last group that has no room for its own tables and some data is left off,
 * which costs the device at most a few MiB at its end.
 */
static u64 plan_trim(const struct vexfs_format *f)
{
	u32 ipg = plan_inodes_per_group(f, f->blocks);

	if (f->blocks < VEXFS_BLOCKS_PER_GROUP)
		return f->blocks;
	return vexfs_grow_trim(f->blocks, ipg / VEXFS_INODES_PER_BLOCK);
}

static void plan_identity(const struct vexfs_format *f, struct vexfs_super_block *sb)
{
	memset(sb, 0, sizeof(*sb));
	sb->s_magic = cpu_to_le32(VEXFS_SB_MAGIC);
	sb->s_version = cpu_to_le32(VEXFS_VERSION);
	sb->s_block_shift = cpu_to_le32(VEXFS_BLOCK_SHIFT);
	sb->s_blocks_per_group = cpu_to_le32(VEXFS_BLOCKS_PER_GROUP);
	sb->s_inode_size = cpu_to_le32(VEXFS_INODE_SIZE);
	sb->s_coll_blocks = cpu_to_le32(VEXFS_COLL_BLOCKS);
	sb->s_errors = cpu_to_le32(VEXFS_ERRORS_REMOUNT_RO);
	sb->s_root_ino = cpu_to_le64(VEXFS_ROOT_INO);
	sb->s_mkfs_time = cpu_to_le64(f->now);
	sb->s_checksum_type = VEXFS_CHECKSUM_CRC32C;
	sb->s_hash_version = VEXFS_HASH_SIPHASH;
	sb->s_reserve_blocks = cpu_to_le32(f->reserve);
	vexfs_features_add(sb, f->feature);
	memcpy(sb->s_hash_key, f->hash_key, sizeof(sb->s_hash_key));
	memcpy(sb->s_uuid, f->uuid, sizeof(sb->s_uuid));
	memcpy(sb->s_meta_uuid, f->uuid, sizeof(sb->s_meta_uuid));
	memcpy(sb->s_label, f->label, strnlen(f->label, sizeof(f->label) - 1));
}

/* Data blocks in a row from the beginning of @group's data on, no more than @want; group 0: after the tables. */
static u64 data_run(const struct vexfs_geo *geo, const struct vexfs_super_block *sb, u32 group,
		    u64 want, u64 *start)
{
	u64 first = group ? vexfs_group_overhead(geo, group) :
		    le64_to_cpu(sb->s_coll_start) + VEXFS_COLL_BLOCKS;
	u64 run = vexfs_group_blocks(geo, group) - first;

	*start = vexfs_group_start(geo, group) + first;
	while (run < want && ++group < geo->groups && !vexfs_group_overhead(geo, group))
		run += vexfs_group_blocks(geo, group);
	return run;
}

/* From the middle group on, so that the way to the journal is short. */
static int plan_journal(const struct vexfs_format *f, const struct vexfs_geo *geo,
			struct vexfs_super_block *sb, char *why, size_t size)
{
	u32 middle = (geo->groups - 1) / 2, i;
	u64 want = plan_journal_blocks(f), need = want + VEXFS_MIN_DATA_BLOCKS, start, run, most = 0;

	if (want < VEXFS_MIN_JOURNAL) {
		snprintf(why, size, "a journal of %u blocks is too small: at least %d blocks (%d MiB)",
			 (u32)want, VEXFS_MIN_JOURNAL, VEXFS_MIN_JOURNAL / 256);
		return -EINVAL;
	}
	for (i = 0; i < geo->groups; i++) {
		run = data_run(geo, sb, (middle + i) % geo->groups, need, &start);
		if (run >= need) {
			sb->s_journal_start = cpu_to_le64(start);
			sb->s_journal_blocks = cpu_to_le32(want);
			return 0;
		}
		most = run > most ? run : most;
	}
	most = most > VEXFS_MIN_DATA_BLOCKS ? (most - VEXFS_MIN_DATA_BLOCKS) / 256 : 0;
	snprintf(why, size, "a journal of %u MiB does not fit: at most %u MiB here%s",
		 (u32)want / 256, (u32)most, most < VEXFS_MIN_JOURNAL / 256 ?
		 "; use a larger device or fewer inodes (-i)" : "");
	return -EINVAL;
}

static int plan_check(const struct vexfs_format *f, char *why, size_t size)
{
	u32 bpi = f->bytes_per_inode ?: VEXFS_DEFAULT_BYTES_PER_INODE;
	u64 most = div_up(f->blocks, VEXFS_BLOCKS_PER_GROUP) * VEXFS_BITS_PER_BITMAP;

	if (f->blocks < VEXFS_MIN_BLOCKS) {
		snprintf(why, size,
			 "too small: %llu KiB, and the smallest VexFS has %d MiB (%d blocks)",
			 (unsigned long long)f->blocks * 4, VEXFS_MIN_BLOCKS / 256,
			 VEXFS_MIN_BLOCKS);
		return -EINVAL;
	}
	if (f->blocks > VEXFS_MAX_BLOCKS) {
		snprintf(why, size, "too large: the largest VexFS has %llu TiB; use a smaller size",
			 VEXFS_MAX_BLOCKS >> 28);
		return -EINVAL;
	}
	if (bpi < VEXFS_MIN_BYTES_PER_INODE || bpi > VEXFS_MAX_BYTES_PER_INODE) {
		snprintf(why, size, "%u bytes per inode: use %u to %u", bpi,
			 VEXFS_MIN_BYTES_PER_INODE, VEXFS_MAX_BYTES_PER_INODE);
		return -EINVAL;
	}
	if (f->inodes > most) {
		snprintf(why, size, "%llu inodes are too many for this size: at most %llu",
			 (unsigned long long)f->inodes, (unsigned long long)most);
		return -EINVAL;
	}
	return 0;
}

/* The kernel would refuse what core's verifiers refuse: never write that. */
static int check_places(const struct vexfs_geo *planned, const struct vexfs_super_block *sb,
			char *why, size_t size)
{
	struct vexfs_geo geo;
	const char *bad;

	vexfs_geo_init(&geo, sb);
	geo.place = planned->place;
	bad = vexfs_places_verify(&geo);
	if (!bad)
		return 0;
	snprintf(why, size, "the planned places do not verify (%s): a bug in mkfs", bad);
	return -EINVAL;
}

static int plan_places(const struct vexfs_format *f, struct vexfs_super_block *sb, char *why,
		       size_t size)
{
	struct vexfs_geo geo;
	int err;

	vexfs_geo_init(&geo, sb);
	err = vexfs_format_places(&geo);
	if (!err && !plan_tables(&geo, sb)) {
		snprintf(why, size, "%llu blocks do not fit the format with that many inodes: use a larger value for -i",
			 (unsigned long long)f->blocks);
		err = -EINVAL;
	} else if (!err) {
		err = plan_journal(f, &geo, sb, why, size);
		if (!err)
			err = check_places(&geo, sb, why, size);
	} else {
		snprintf(why, size, "out of memory");
	}
	free(geo.place);
	return err;
}

int vexfs_format_plan(const struct vexfs_format *f, struct vexfs_super_block *sb, char *why,
		      size_t size)
{
	const char *bad;
	int err = plan_check(f, why, size);

	if (err)
		return err;
	plan_identity(f, sb);
	if (!plan_groups(f, plan_trim(f), sb)) {
		snprintf(why, size, "too many inodes for this size: use a larger value for -i");
		return -EINVAL;
	}
	err = plan_places(f, sb, why, size);
	if (err)
		return err;
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	bad = vexfs_sb_verify(sb);
	if (bad) {
		snprintf(why, size, "the planned superblock does not verify (%s): a bug in mkfs",
			 bad);
		return -EINVAL;
	}
	return 0;
}

/* ---- what is in use in a new filesystem ---------------------------------- */

struct span {
	u64 start, len;
};

/* The fixed regions that lie in data areas. */
static void fixed_spans(const struct vexfs_geo *geo, struct span s[3])
{
	s[0] = (struct span){ geo->journal_start, geo->journal_blocks };
	s[1] = (struct span){ geo->orphan_start, geo->orphan_blocks };
	s[2] = (struct span){ geo->coll_start, geo->coll_blocks };
}

/* The part of a span that is in a group: bits [first, first + n). */
static u32 span_in_group(const struct vexfs_geo *geo, struct span s, u32 group, u32 *first)
{
	u64 lo = vexfs_group_start(geo, group), hi = lo + vexfs_group_blocks(geo, group);
	u64 from = s.start > lo ? s.start : lo;
	u64 to = s.start + s.len < hi ? s.start + s.len : hi;

	*first = from - lo;
	return from < to ? to - from : 0;
}

static u32 group_used(const struct vexfs_geo *geo, u32 group)
{
	u32 used = vexfs_group_overhead(geo, group), first;
	struct span s[3];
	int i;

	fixed_spans(geo, s);
	for (i = 0; i < 3; i++)
		used += span_in_group(geo, s[i], group, &first);
	return used;
}

static u32 group_used_inodes(u32 group)
{
	return group == 0 ? VEXFS_FIRST_INO - 1 : 0;
}

u64 vexfs_format_free_blocks(const struct vexfs_super_block *sb)
{
	struct vexfs_geo geo;
	u64 n = 0;
	u32 g;

	vexfs_geo_init(&geo, sb);
	if (vexfs_format_places(&geo))
		return 0;
	for (g = 0; g < geo.groups; g++)
		n += vexfs_group_blocks(&geo, g) - group_used(&geo, g);
	free(geo.place);
	return n;
}

/* ---- writing ------------------------------------------------------------- */

struct writer {
	const struct vexfs_dev *dev;
	const struct vexfs_format *f;
	struct vexfs_geo geo;
	const struct vexfs_super_block *sb;
};

static void progress(const struct writer *w, const char *what, u64 done, u64 total)
{
	if (w->f->progress)
		w->f->progress(w->f->ctx, what, done, total);
}

static int write_blocks(const struct writer *w, u64 blkno, const void *data, u64 count)
{
	return vexfs_dev_write(w->dev, blkno << VEXFS_BLOCK_SHIFT, data,
			       count << VEXFS_BLOCK_SHIFT);
}

/*
 * The end matters too: raid metadata and backup partition tables live there.
 * A filesystem made on purpose smaller than its device keeps off the rest.
 */
static int wipe(const struct writer *w)
{
	static const char zeros[WIPE_BYTES];
	u64 end = w->f->blocks << VEXFS_BLOCK_SHIFT;
	int err = vexfs_dev_write(w->dev, 0, zeros, WIPE_BYTES);

	if (w->dev->bytes - end < VEXFS_BLOCK_SIZE)
		end = w->dev->bytes;
	if (!err)
		err = vexfs_dev_write(w->dev, end - WIPE_BYTES, zeros, WIPE_BYTES);
	if (!err)
		err = vexfs_dev_sync(w->dev);
	return err;
}

static void make_super(const struct writer *w, u32 group, u8 *block)
{
	struct vexfs_super_block *sb = (void *)(block + VEXFS_SB_OFFSET);

	memset(block, 0, VEXFS_BLOCK_SIZE);
	*sb = *w->sb;
	sb->s_group = cpu_to_le32(group);
	sb->s_checksum = 0;
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
}

static void make_block_bitmap(const struct writer *w, u32 group, u8 *block)
{
	u32 nbits = vexfs_group_blocks(&w->geo, group), first, n;
	u8 *map = block + VEXFS_MDHDR_SIZE;
	struct span s[3];
	int i;

	vexfs_mdhdr_init(block, &w->geo, VEXFS_MAGIC_BBMAP, vexfs_group_bbmap(&w->geo, group),
			 group);
	vexfs_bits_set(map, 0, vexfs_group_overhead(&w->geo, group));
	fixed_spans(&w->geo, s);
	for (i = 0; i < 3; i++) {
		n = span_in_group(&w->geo, s[i], group, &first);
		if (n)
			vexfs_bits_set(map, first, n);
	}
	/* Blocks a short last group does not have are never free. */
	vexfs_bits_set(map, nbits, VEXFS_BITS_PER_BITMAP - nbits);
	vexfs_mdhdr_seal(block);
}

static void make_inode_bitmap(const struct writer *w, u32 group, u8 *block)
{
	u32 nbits = w->geo.inodes_per_group;
	u8 *map = block + VEXFS_MDHDR_SIZE;

	vexfs_mdhdr_init(block, &w->geo, VEXFS_MAGIC_IBMAP, vexfs_group_ibmap(&w->geo, group),
			 group);
	vexfs_bits_set(map, 0, group_used_inodes(group));
	vexfs_bits_set(map, nbits, VEXFS_BITS_PER_BITMAP - nbits);
	vexfs_mdhdr_seal(block);
}

/* One kind of bitmap of the groups from @group on that has them side by side: how many there are. */
static u32 bitmap_run(const struct writer *w, u32 group, u64 (*where)(const struct vexfs_geo *, u32))
{
	u32 n = 1;

	while (n < VEXFS_FLEX_GROUPS && group + n < w->geo.groups &&
	       where(&w->geo, group + n) == where(&w->geo, group) + n)
		n++;
	return n;
}

static int write_bitmaps(const struct writer *w, u64 (*where)(const struct vexfs_geo *, u32),
			 void (*make)(const struct writer *, u32, u8 *))
{
	static u8 buf[VEXFS_FLEX_GROUPS][VEXFS_BLOCK_SIZE];
	u32 g, n, i;
	int err = 0;

	for (g = 0; g < w->geo.groups && !err; g += n) {
		n = bitmap_run(w, g, where);
		for (i = 0; i < n; i++)
			make(w, g + i, buf[i]);
		err = write_blocks(w, where(&w->geo, g), buf, n);
		progress(w, "group bitmaps", g + n, w->geo.groups);
	}
	return err;
}

/* The copies of the superblock, or zeros over those of an earlier filesystem. */
static int write_copies(const struct writer *w, bool valid)
{
	u8 block[VEXFS_BLOCK_SIZE] = { 0 };
	int err = 0;
	u32 g;

	for (g = 1; g < w->geo.groups && !err; g++) {
		if (!vexfs_group_has_super(g))
			continue;
		if (valid)
			make_super(w, g, block);
		err = write_blocks(w, vexfs_group_start(&w->geo, g), block, 1);
	}
	return err;
}

static int write_groups(const struct writer *w)
{
	int err = write_copies(w, false);

	if (!err)
		err = write_bitmaps(w, vexfs_group_bbmap, make_block_bitmap);
	return err ? err : write_bitmaps(w, vexfs_group_ibmap, make_inode_bitmap);
}

static void make_desc(const struct writer *w, u32 group, struct vexfs_group_desc *gd)
{
	u32 blocks = vexfs_group_blocks(&w->geo, group) - group_used(&w->geo, group);
	u32 inodes = w->geo.inodes_per_group - group_used_inodes(group);

	gd->gd_free_blocks = cpu_to_le32(blocks);
	gd->gd_free_inodes = cpu_to_le32(inodes);
	gd->gd_bbmap = cpu_to_le64(vexfs_group_bbmap(&w->geo, group));
	gd->gd_ibmap = cpu_to_le64(vexfs_group_ibmap(&w->geo, group));
	gd->gd_itable = cpu_to_le64(vexfs_group_itable(&w->geo, group));
	if (group == 0) {
		gd->gd_used_dirs = cpu_to_le32(1);
		gd->gd_itable_init = cpu_to_le32(ITABLE_INIT);
	}
}

static int write_gdt_block(const struct writer *w, u32 index, u64 blkno)
{
	u8 block[VEXFS_BLOCK_SIZE] = { 0 };
	struct vexfs_group_desc *gd = (void *)(block + VEXFS_MDHDR_SIZE);
	u32 first = index * VEXFS_GD_PER_BLOCK, i;

	vexfs_mdhdr_init(block, &w->geo, VEXFS_MAGIC_GDT, blkno, index);
	for (i = 0; i < VEXFS_GD_PER_BLOCK && first + i < w->geo.groups; i++)
		make_desc(w, first + i, &gd[i]);
	vexfs_mdhdr_seal(block);
	return write_blocks(w, blkno, block, 1);
}

static int write_gdt(const struct writer *w)
{
	int err = 0;
	u32 i;

	for (i = 0; i < w->geo.gdt_blocks && !err; i++) {
		err = write_gdt_block(w, i, vexfs_gdt_block(&w->geo, i));
		if (!err)
			err = write_gdt_block(w, i, vexfs_gdt_copy(&w->geo, i));
	}
	return err;
}

static void make_root(const struct writer *w, struct vexfs_inode *di)
{
	di->i_mode = cpu_to_le16(S_IFDIR | 0755);
	di->i_magic = cpu_to_le16(VEXFS_INODE_MAGIC);
	di->i_ino = cpu_to_le64(VEXFS_ROOT_INO);
	di->i_uid = cpu_to_le32(w->f->root_uid);
	di->i_gid = cpu_to_le32(w->f->root_gid);
	di->i_nlink = cpu_to_le32(2);
	di->i_generation = cpu_to_le32(w->f->generation);
	di->i_atime = cpu_to_le64(w->f->now);
	di->i_mtime = di->i_atime;
	di->i_ctime = di->i_atime;
	di->i_btime = di->i_atime;
	di->i_version = cpu_to_le64(1);
	di->i_links[0].l_parent = cpu_to_le64(VEXFS_ROOT_INO);
	vexfs_inode_seal(di);
}

static int write_itable(const struct writer *w)
{
	u8 buf[ITABLE_INIT * VEXFS_BLOCK_SIZE] = { 0 };
	u64 first = vexfs_group_itable(&w->geo, 0);
	u64 rel = vexfs_ino_block(&w->geo, VEXFS_ROOT_INO) - first;

	make_root(w, (void *)(buf + rel * VEXFS_BLOCK_SIZE +
			      vexfs_ino_offset(&w->geo, VEXFS_ROOT_INO)));
	return write_blocks(w, first, buf, ITABLE_INIT);
}

static int write_table(const struct writer *w, u32 magic, u64 start, u32 count)
{
	int err = 0;
	u32 i;

	for (i = 0; i < count && !err; i++) {
		u8 block[VEXFS_BLOCK_SIZE] = { 0 };

		vexfs_mdhdr_init(block, &w->geo, magic, start + i, i);
		vexfs_mdhdr_seal(block);
		err = write_blocks(w, start + i, block, 1);
	}
	return err;
}

/*
 * The log is zeroed: blocks of an earlier filesystem with the same uuid could
 * otherwise pass for transactions of this one.
 */
static int write_journal(const struct writer *w)
{
	u64 off = w->geo.journal_start << VEXFS_BLOCK_SHIFT;
	u8 block[VEXFS_BLOCK_SIZE];
	int err;

	progress(w, "journal", 0, 1);
	err = vexfs_dev_zero(w->dev, off, (u64)w->geo.journal_blocks << VEXFS_BLOCK_SHIFT);
	if (err)
		return err;
	jbd2_super_init(block, w->geo.journal_blocks, w->geo.uuid);
	err = write_blocks(w, w->geo.journal_start, block, 1);
	progress(w, "journal", 1, 1);
	return err;
}

static int write_tables(const struct writer *w)
{
	int err = write_gdt(w);

	if (!err)
		err = write_itable(w);
	if (!err)
		err = write_table(w, VEXFS_MAGIC_ORPHAN, w->geo.orphan_start,
				  w->geo.orphan_blocks);
	if (!err)
		err = write_table(w, VEXFS_MAGIC_COLL, w->geo.coll_start, w->geo.coll_blocks);
	return err;
}

#define DISCARD_STEP	(1ULL << 18)	/* blocks: 1 GiB, so that a slow device shows that it works */

static void discard(const struct writer *w)
{
	u64 at, n;

	for (at = 0; at < w->geo.blocks; at += n) {
		n = min(DISCARD_STEP, w->geo.blocks - at);
		vexfs_dev_discard(w->dev, at << VEXFS_BLOCK_SHIFT, n << VEXFS_BLOCK_SHIFT);
		progress(w, "discards", at + n, w->geo.blocks);
	}
}

static int write_body(const struct writer *w)
{
	int err;

	if (w->f->discard)
		discard(w);
	err = wipe(w);
	if (!err)
		err = write_groups(w);
	if (!err)
		err = write_tables(w);
	return err ? err : write_journal(w);
}

static int write_supers(const struct writer *w)
{
	u8 block[VEXFS_BLOCK_SIZE];
	int err = write_copies(w, true);

	progress(w, "flush", 0, 1);
	if (!err)
		err = vexfs_dev_sync(w->dev);
	make_super(w, 0, block);
	if (!err)
		err = write_blocks(w, 0, block, 1);
	if (!err)
		err = vexfs_dev_sync(w->dev);
	progress(w, "flush", 1, 1);
	return err;
}

static int with_writer(const struct vexfs_dev *dev, const struct vexfs_format *f,
		       const struct vexfs_super_block *sb, int (*write)(const struct writer *w))
{
	struct writer w = { .dev = dev, .f = f, .sb = sb };
	int err;

	vexfs_geo_init(&w.geo, sb);
	if (dev->bytes >> VEXFS_BLOCK_SHIFT < w.geo.blocks)
		return -ENOSPC;
	err = vexfs_format_places(&w.geo);
	if (!err)
		err = write(&w);
	free(w.geo.place);
	return err;
}

int vexfs_format_begin(const struct vexfs_dev *dev, const struct vexfs_format *f,
		       const struct vexfs_super_block *sb)
{
	return with_writer(dev, f, sb, write_body);
}

int vexfs_format_finish(const struct vexfs_dev *dev, const struct vexfs_format *f,
			const struct vexfs_super_block *sb)
{
	return with_writer(dev, f, sb, write_supers);
}

int vexfs_format_write(const struct vexfs_dev *dev, const struct vexfs_format *f,
		       const struct vexfs_super_block *sb)
{
	int err = vexfs_format_begin(dev, f, sb);

	return err ? err : vexfs_format_finish(dev, f, sb);
}
