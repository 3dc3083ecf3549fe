// SPDX-License-Identifier: GPL-2.0
/* Superblock, groups, journal, orphan table. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uuid/uuid.h>

#include "tools/dump/dump.h"

static void show_time(const char *what, u64 seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	char buf[64];

	if (!seconds || !gmtime_r(&t, &tm) || !strftime(buf, sizeof(buf), "%F %T UTC", &tm))
		return;
	printf("%-16s %s\n", what, buf);
}

static void show_number(const char *what, u64 n)
{
	printf("%-16s %llu\n", what, (unsigned long long)n);
}

/* The bits of a word by name, "unknown N" for those this program does not define. */
static void show_features(const struct vexfs_super_block *sb, enum vexfs_feature_word word,
			  const char *what)
{
	u32 bits = vexfs_feature_bits(sb, word), bit;

	printf("%-16s", what);
	for (bit = 0; bit < 32; bit++) {
		const char *name = vexfs_feature_name(word, bit);

		if (!(bits & 1U << bit))
			continue;
		if (name)
			printf(" %s", name);
		else
			printf(" unknown-%u", bit);
	}
	printf(bits ? "\n" : " none\n");
}

static void show_identity(const struct vexfs_super_block *sb)
{
	char uuid[37];

	uuid_unparse(sb->s_uuid, uuid);
	show_number("version", le32_to_cpu(sb->s_version));
	printf("%-16s %.*s\n", "label", (int)sizeof(sb->s_label), (const char *)sb->s_label);
	printf("%-16s %s\n", "uuid", uuid);
	show_features(sb, VEXFS_COMPAT, "compat");
	show_features(sb, VEXFS_RO_COMPAT, "ro_compat");
	show_features(sb, VEXFS_INCOMPAT, "incompat");
	show_time("made", le64_to_cpu(sb->s_mkfs_time));
}

static void show_geometry(const struct vexfs_super_block *sb)
{
	show_number("blocks", le64_to_cpu(sb->s_blocks));
	show_number("groups", le32_to_cpu(sb->s_groups));
	show_number("inodes/group", le32_to_cpu(sb->s_inodes_per_group));
	printf("%-16s %u blocks, each in the first of its %d groups\n", "descriptors",
	       le32_to_cpu(sb->s_gdt_blocks), VEXFS_GD_PER_BLOCK);
	printf("%-16s %u blocks at %llu\n", "journal", le32_to_cpu(sb->s_journal_blocks),
	       (unsigned long long)le64_to_cpu(sb->s_journal_start));
	printf("%-16s %u blocks at %llu\n", "orphan table", le32_to_cpu(sb->s_orphan_blocks),
	       (unsigned long long)le64_to_cpu(sb->s_orphan_start));
	printf("%-16s %u blocks at %llu\n", "collections", le32_to_cpu(sb->s_coll_blocks),
	       (unsigned long long)le64_to_cpu(sb->s_coll_start));
	if (sb->s_quota_ino[0])
		printf("%-16s inodes %llu, %llu, %llu\n", "quota",
		       (unsigned long long)le64_to_cpu(sb->s_quota_ino[0]),
		       (unsigned long long)le64_to_cpu(sb->s_quota_ino[1]),
		       (unsigned long long)le64_to_cpu(sb->s_quota_ino[2]));
	if (sb->s_change_ino)
		printf("%-16s inode %llu, epoch from %llu on\n", "change feed",
		       (unsigned long long)le64_to_cpu(sb->s_change_ino),
		       (unsigned long long)le64_to_cpu(sb->s_change_epoch));
}

static void show_state(const struct vexfs_super_block *sb)
{
	static const char *const policy[] = { "remount-ro", "continue", "shutdown" };
	u32 errors = le32_to_cpu(sb->s_errors);

	printf("%-16s %s\n", "errors", errors < ARRAY_SIZE(policy) ? policy[errors] : "unknown");
	printf("%-16s %s\n", "state",
	       le32_to_cpu(sb->s_state) & VEXFS_STATE_ERROR ? "errors were found" : "good");
	if (!sb->s_error_count)
		return;
	show_number("error count", le32_to_cpu(sb->s_error_count));
	show_time("last error", le64_to_cpu(sb->s_error_time));
	printf("%-16s ", "");
	if (sb->s_error_ino)
		printf("inode %llu%s", (unsigned long long)le64_to_cpu(sb->s_error_ino),
		       sb->s_error_block ? ", " : ": ");
	if (sb->s_error_block)
		printf("block %llu: ", (unsigned long long)le64_to_cpu(sb->s_error_block));
	printf("%.*s\n", (int)sizeof(sb->s_error_what), (const char *)sb->s_error_what);
}

/* ---- groups -------------------------------------------------------------- */

static bool get_desc(struct dump *d, u32 group, struct vexfs_group_desc *gd)
{
	u32 index = group / VEXFS_GD_PER_BLOCK;
	struct vexfs_blk b;

	if (!dump_read(d, vexfs_gdt_block(&d->img.geo, index), VEXFS_MAGIC_GDT, index, &b))
		return false;
	*gd = ((const struct vexfs_group_desc *)((const u8 *)b.data + VEXFS_MDHDR_SIZE))
		[group % VEXFS_GD_PER_BLOCK];
	dump_put(d, &b);
	return true;
}

static void show_totals(struct dump *d)
{
	u64 blocks = 0, inodes = 0, dirs = 0;
	struct vexfs_group_desc gd;
	u32 g;

	for (g = 0; g < d->img.geo.groups; g++) {
		if (!get_desc(d, g, &gd)) {
			g += VEXFS_GD_PER_BLOCK - 1 - g % VEXFS_GD_PER_BLOCK;
			continue;
		}
		blocks += le32_to_cpu(gd.gd_free_blocks);
		inodes += le32_to_cpu(gd.gd_free_inodes);
		dirs += le32_to_cpu(gd.gd_used_dirs);
	}
	show_number("free blocks", blocks);
	show_number("free inodes", inodes);
	show_number("directories", dirs);
}

void dump_super(struct dump *d, u64 unused)
{
	struct vexfs_super_block sb;
	const char *bad;

	if (vexfs_dev_read(&d->dev, VEXFS_SB_OFFSET, &sb, sizeof(sb))) {
		dump_problem(d, "too short to hold a superblock");
		return;
	}
	bad = vexfs_sb_verify(&sb);
	if (bad)
		dump_problem(d, "superblock: %s", bad);
	/* The fields of another version are somewhere else. */
	if (le32_to_cpu(sb.s_magic) != VEXFS_SB_MAGIC ||
	    le32_to_cpu(sb.s_version) != VEXFS_VERSION)
		return;
	if (!bad)
		sb = d->img.sb;
	show_identity(&sb);
	show_geometry(&sb);
	show_state(&sb);
	if (!bad)
		show_totals(d);
}

/* Runs of set bits, as "0-141 1166". */
static void show_runs(const char *what, const u8 *map, u32 nbits, u64 base)
{
	u32 bit = 0, end;

	printf("%-16s", what);
	while ((bit = vexfs_bit_next_set(map, bit, nbits)) < nbits) {
		end = vexfs_bit_next_clear(map, bit, nbits);
		printf(end - bit > 1 ? " %llu-%llu" : " %llu", (unsigned long long)(base + bit),
		       (unsigned long long)(base + end - 1));
		bit = end;
	}
	putchar('\n');
}

static void show_bitmap(struct dump *d, const char *what, u64 blkno, u32 magic, u32 group,
			u32 nbits, u64 base)
{
	struct vexfs_blk b;

	if (!dump_read(d, blkno, magic, group, &b))
		return;
	show_runs(what, (const u8 *)b.data + VEXFS_MDHDR_SIZE, nbits, base);
	dump_put(d, &b);
}

void dump_group(struct dump *d, u64 group)
{
	const struct vexfs_geo *geo = &d->img.geo;
	struct vexfs_group_desc gd;

	if (group >= geo->groups) {
		dump_problem(d, "there is no group %llu: they go from 0 to %u",
			     (unsigned long long)group, geo->groups - 1);
		return;
	}
	printf("group %llu: blocks %llu to %llu%s\n", (unsigned long long)group,
	       (unsigned long long)vexfs_group_start(geo, group),
	       (unsigned long long)(vexfs_group_start(geo, group) +
				    vexfs_group_blocks(geo, group) - 1),
	       vexfs_group_has_super(group) ? ", with a superblock copy" : "");
	printf("%-16s %llu, inode bitmap %llu, inode table %llu\n", "block bitmap",
	       (unsigned long long)vexfs_group_bbmap(geo, group),
	       (unsigned long long)vexfs_group_ibmap(geo, group),
	       (unsigned long long)vexfs_group_itable(geo, group));
	show_number("metadata here", vexfs_group_overhead(geo, group));
	if (get_desc(d, group, &gd)) {
		show_number("free blocks", le32_to_cpu(gd.gd_free_blocks));
		show_number("free inodes", le32_to_cpu(gd.gd_free_inodes));
		show_number("directories", le32_to_cpu(gd.gd_used_dirs));
		printf("%-16s %u of %u blocks\n", "table written", le32_to_cpu(gd.gd_itable_init),
		       geo->itable_blocks);
	}
	show_bitmap(d, "blocks in use", vexfs_group_bbmap(geo, group), VEXFS_MAGIC_BBMAP, group,
		    vexfs_group_blocks(geo, group), vexfs_group_start(geo, group));
	show_bitmap(d, "inodes in use", vexfs_group_ibmap(geo, group), VEXFS_MAGIC_IBMAP, group,
		    geo->inodes_per_group, group * geo->inodes_per_group + 1);
}

/* ---- journal and orphans ------------------------------------------------- */

void dump_journal(struct dump *d, u64 unused)
{
	struct vexfs_journal j;
	int err = vexfs_journal_open(&d->img, &j);

	if (err) {
		dump_problem(d, "journal: %s", j.problem[0] ? j.problem : strerror(-err));
		return;
	}
	show_number("journal blocks", j.maxlen);
	show_number("sequence", j.sequence);
	show_number("start", j.start);
	if (j.error)
		printf("%-16s %d\n", "errno", j.error);
	printf("%-16s %s\n", "state", j.dirty ? "needs recovery" : "empty");
	if (!j.dirty || d->replay)
		return;
	err = vexfs_journal_replay(&d->img, &j);
	if (err)
		dump_problem(d, "journal: %s", j.problem[0] ? j.problem : strerror(-err));
	printf("%-16s %u transactions, %llu blocks, %llu revoked\n", "replay would do",
	       j.end_sequence - j.sequence, (unsigned long long)j.blocks,
	       (unsigned long long)j.revoked);
}

/* The list begins in the table's first block. A damaged one may have a cycle. */
static void dump_orphan_list(struct dump *d, u64 ino)
{
	u64 left = (u64)d->img.geo.groups * d->img.geo.inodes_per_group;
	struct vexfs_inode di;

	for (; ino && left; left--) {
		printf("orphan %llu, in the list\n", (unsigned long long)ino);
		if (!dump_get_inode(d, ino, &di))
			return;
		ino = le64_to_cpu(di.i_orphan_next);
	}
	if (ino)
		dump_problem(d, "the orphan list has a cycle");
}

void dump_orphans(struct dump *d, u64 unused)
{
	struct vexfs_blk b;
	const __le64 *slot;
	u64 head = 0;
	u32 i, k;

	for (i = 0; i < d->img.geo.orphan_blocks; i++) {
		if (!dump_read(d, d->img.geo.orphan_start + i, VEXFS_MAGIC_ORPHAN, i, &b))
			continue;
		slot = (const void *)((const u8 *)b.data + VEXFS_MDHDR_SIZE);
		for (k = 0; k < VEXFS_ORPHANS_PER_BLOCK; k++)
			if (slot[k])
				printf("orphan %llu\n", (unsigned long long)le64_to_cpu(slot[k]));
		if (!i)
			head = le64_to_cpu(((const struct vexfs_mdhdr *)b.data)->h_next);
		dump_put(d, &b);
	}
	dump_orphan_list(d, head);
}
