// SPDX-License-Identifier: GPL-2.0
/* Pass 0: the device, the superblock and its copies, the descriptor blocks, the journal. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tools/fsck/fsck.h"

static int failed(struct fsck *f, const char *what)
{
	fflush(f->out);
	fprintf(stderr, "fsck.vexfs: %s: %s\n", f->path, what);
	return FSCK_FAILED;
}

static int open_device(struct fsck *f)
{
	int err = vexfs_dev_open(&f->dev, f->path, f->replay ? O_RDWR | O_EXCL : O_RDONLY);

	switch (err) {
	case 0:
		return 0;
	case -ENOTBLK:
		return failed(f, "neither a block device nor an image file");
	case -EBUSY:
		return failed(f, "in use (mounted?); unmount it, or look without writing: -n");
	default:
		return failed(f, strerror(-err));
	}
}

static int check_mounted(struct fsck *f)
{
	char where[4096];

	if (vexfs_dev_mounted(f->path, where, sizeof(where)) != 1)
		return 0;
	if (f->replay)
		return failed(f, "it is mounted; unmount it, or look without writing: -n");
	fsck_problem(f, MOUNTED, f->path, where);
	return 0;
}

/* ---- the superblock ------------------------------------------------------ */

/* Of another format, or with unknown features that may change anything: not damage. */
static bool foreign(struct fsck *f)
{
	struct vexfs_super_block sb;

	return !vexfs_dev_read(&f->dev, VEXFS_SB_OFFSET, &sb, sizeof(sb)) && vexfs_sb_refuse(&sb);
}

static bool read_copy(struct fsck *f, u64 blkno, struct vexfs_super_block *sb)
{
	return !vexfs_dev_read(&f->dev, (blkno << VEXFS_BLOCK_SHIFT) + VEXFS_SB_OFFSET, sb,
			       sizeof(*sb)) && !vexfs_sb_verify(sb);
}

/* Go on with this one; what is checked and written from now on has it in block 0. */
static int open_as(struct fsck *f, struct vexfs_super_block sb)
{
	int err;

	sb.s_group = 0;
	sb.s_checksum = cpu_to_le32(vexfs_sb_checksum(&sb));
	err = vexfs_image_open_sb(&f->img, &f->dev, 0, &sb);
	if (!err)
		err = fsck_write_super(f);
	return err ? failed(f, strerror(-err)) : 0;
}

static int open_copy(struct fsck *f, const struct vexfs_super_block *copy)
{
	int err = open_as(f, *copy);

	if (!err)
		fsck_did(f, "superblock taken from its copy in group %u", le32_to_cpu(copy->s_group));
	return err;
}

/* A right checksum, and nothing wrong but fields that mean nothing, or nothing that matters. */
static bool clear_fields(struct fsck *f, struct vexfs_super_block *sb)
{
	if (vexfs_dev_read(&f->dev, VEXFS_SB_OFFSET, sb, sizeof(*sb)) ||
	    le32_to_cpu(sb->s_checksum) != vexfs_sb_checksum(sb))
		return false;
	sb->s_state &= cpu_to_le32(VEXFS_STATE_ERROR);
	if (le32_to_cpu(sb->s_errors) > VEXFS_ERRORS_SHUTDOWN)
		sb->s_errors = 0;
	if (le32_to_cpu(sb->s_reserve_blocks) > VEXFS_MAX_RESERVE)
		sb->s_reserve_blocks = 0;
	vexfs_feature_clear_super(sb);
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	return !vexfs_sb_verify(sb);
}

static int open_cleared(struct fsck *f, const struct vexfs_super_block *sb, const char *what)
{
	int err;

	fsck_problem(f, SB_FIELD, what);
	if (!f->replay || f->preen)
		return FSCK_ERRORS;
	err = open_as(f, *sb);
	if (!err)
		fsck_did(f, "superblock: the field was cleared");
	return err;
}

/* The first sound copy, or that of the group asked for. */
static bool find_copy(struct fsck *f, struct vexfs_super_block *copy, u64 *blkno)
{
	u32 last = f->use_copy >= 0 ? f->use_copy : 10, g;

	for (g = f->use_copy >= 0 ? f->use_copy : 1; g <= last; g++) {
		*blkno = (u64)g * VEXFS_BLOCKS_PER_GROUP;
		if (vexfs_group_has_super(g) && read_copy(f, *blkno, copy))
			return true;
	}
	return false;
}

/* No usable superblock: is there a filesystem at all? */
static int no_super(struct fsck *f, const char *what)
{
	struct vexfs_super_block copy, sb;
	u64 blkno;

	if (foreign(f))
		return failed(f, what);
	if (clear_fields(f, &sb))
		return open_cleared(f, &sb, what);
	if (find_copy(f, &copy, &blkno)) {
		fsck_problem(f, SB_BAD, what, (unsigned long long)blkno);
		return f->replay && !f->preen ? open_copy(f, &copy) : FSCK_ERRORS;
	}
	if (!vexfs_dev_read(&f->dev, VEXFS_SB_OFFSET, &sb, sizeof(sb)) &&
	    le32_to_cpu(sb.s_magic) == VEXFS_SB_MAGIC) {
		fsck_problem(f, SB_LOST, what);
		return FSCK_ERRORS;
	}
	fflush(f->out);
	fprintf(stderr, "fsck.vexfs: %s: not a VexFS filesystem (%s)\n", f->path, what);
	return FSCK_FAILED;
}

static void check_copy(struct fsck *f, u32 group)
{
	const struct vexfs_super_block *found;
	struct vexfs_super_block ours, copy;
	u64 blkno = vexfs_group_start(&f->img.geo, group);
	struct vexfs_blk b;
	const char *bad;
	int err = vexfs_image_get(&f->img, blkno, &b);

	fsck_object(f, FSCK_FIX_SB_COPY, group);
	fsck_where(f, FSCK_SB_COPY, "superblock copy");
	if (err) {
		fsck_unread(f, blkno, err);
		return;
	}
	found = (const void *)((u8 *)b.data + VEXFS_SB_OFFSET);
	bad = vexfs_sb_verify(found);
	ours = f->img.sb;
	copy = *found;
	if (!bad && le32_to_cpu(copy.s_group) != group)
		bad = "copy of another group";
	if (!bad && !vexfs_sb_same(&ours, &copy))
		bad = "differs from the superblock";
	if (bad)
		fsck_report(f, blkno, bad);
	f->img.io.ops->put(&f->img.io, &b);
}

static void check_state(struct fsck *f)
{
	const struct vexfs_super_block *sb = &f->img.sb;
	char ino[32] = "", block[32] = "";

	if (!(le32_to_cpu(sb->s_state) & VEXFS_STATE_ERROR))
		return;
	if (!sb->s_error_count) {
		fsck_problem(f, SB_CUT);
		return;
	}
	/* 0: the kernel did not know */
	if (sb->s_error_ino)
		snprintf(ino, sizeof(ino), "inode %llu ", (unsigned long long)le64_to_cpu(sb->s_error_ino));
	if (sb->s_error_block)
		snprintf(block, sizeof(block), "block %llu ",
			 (unsigned long long)le64_to_cpu(sb->s_error_block));
	fsck_problem(f, SB_ERROR, le32_to_cpu(sb->s_error_count), ino, block,
		     (int)sizeof(sb->s_error_what), (const char *)sb->s_error_what);
}

static int check_features(struct fsck *f)
{
	const struct vexfs_super_block *sb = &f->img.sb;

	f->unknown_compat = vexfs_feature_unknown(sb, VEXFS_COMPAT);
	if (vexfs_feature_unknown(sb, VEXFS_RO_COMPAT) || (f->unknown_compat && f->replay))
		return failed(f, "has features this program does not know: use a newer one");
	if (f->unknown_compat)
		fsck_problem(f, SB_COMPAT, f->unknown_compat);
	return 0;
}

static int check_length(struct fsck *f)
{
	u64 have = f->dev.bytes >> VEXFS_BLOCK_SHIFT;

	if (have >= f->img.geo.blocks)
		return 0;
	fsck_problem(f, CUT_OFF, (unsigned long long)have, (unsigned long long)f->img.geo.blocks);
	return FSCK_ERRORS;
}

/* ---- the journal --------------------------------------------------------- */

/* What could be replayed has been; the rest of the log is given up. */
static void journal_problem(struct fsck *f, int err)
{
	if (err != -EUCLEAN) {
		fsck_fatal(f, err, "reading the journal");
		return;
	}
	fsck_problem(f, JOURNAL, f->journal.problem);
	if (!f->replay || f->preen)
		return;
	err = fsck_journal_discard(f);
	if (err)
		fsck_fatal(f, err, "emptying the journal");
	else
		fsck_did(f, "journal emptied");
}

static void hook(struct fsck *f)
{
	f->img.report = fsck_report;
	f->img.report_ctx = f;
	f->img.lazy_free = true;
}

/* What the log holds is not of this filesystem: as if it had not been replayed. */
static int without_log(struct fsck *f, const struct vexfs_super_block *before)
{
	int err;

	vexfs_image_close(&f->img);
	err = vexfs_image_open_sb(&f->img, &f->dev, 0, before);
	if (!err)
		err = fsck_journal_discard(f);
	fsck_did(f, "journal emptied, nothing of it replayed");
	hook(f);
	return err ? failed(f, strerror(-err)) : 0;
}

/* Block 0 may have been among the replayed blocks: it is judged as if it had been read. */
static int reload_super(struct fsck *f)
{
	struct vexfs_super_block before = f->img.sb, after, device = before;
	const char *bad = NULL;
	int err = vexfs_image_reload(&f->img, &bad);

	after = f->img.sb;
	if (!bad && !err && !vexfs_sb_replayed(&before, &after))
		bad = "describes another filesystem";
	if (bad) {
		fsck_problem(f, SB_REPLAYED, bad);
		return f->replay && !f->preen ? without_log(f, &device) : FSCK_ERRORS;
	}
	if (err)
		return failed(f, strerror(-err));
	err = check_features(f);
	return err ? err : check_length(f);
}

static int replay(struct fsck *f)
{
	int err = vexfs_journal_replay(&f->img, &f->journal);

	if (err)
		journal_problem(f, err);
	fsck_problem(f, JOURNAL_REPLAYED, f->journal.end_sequence - f->journal.sequence,
		     (unsigned long long)f->journal.blocks, f->replay ? "" : " only");
	return reload_super(f);
}

static int check_journal(struct fsck *f)
{
	int err = vexfs_journal_open(&f->img, &f->journal);

	if (err) {
		journal_problem(f, err);
		return 0;
	}
	if (f->journal.error)
		fsck_problem(f, JOURNAL_ERROR, f->journal.error);
	if (!f->journal.dirty)
		return 0;
	fsck_problem(f, JOURNAL_DIRTY);
	return replay(f);
}

/* ---- */

/* Only what the copy is for is compared: the counters of the copy are mkfs's. */
static bool same_places(const struct vexfs_geo *geo, u32 index, const void *a, const void *b)
{
	const struct vexfs_group_desc *x = (const void *)((const u8 *)a + VEXFS_MDHDR_SIZE);
	const struct vexfs_group_desc *y = (const void *)((const u8 *)b + VEXFS_MDHDR_SIZE);
	u32 n = min(geo->groups - index * VEXFS_GD_PER_BLOCK, (u32)VEXFS_GD_PER_BLOCK), i;

	for (i = 0; i < n; i++)
		if (x[i].gd_bbmap != y[i].gd_bbmap || x[i].gd_ibmap != y[i].gd_ibmap ||
		    x[i].gd_itable != y[i].gd_itable)
			return false;
	return true;
}

static void check_gdt(struct fsck *f, u32 index)
{
	u64 blkno = vexfs_gdt_block(&f->img.geo, index), copy = vexfs_gdt_copy(&f->img.geo, index);
	struct vexfs_blk a, b;
	bool first, second;

	fsck_object(f, FSCK_FIX_GDT, index);
	fsck_where(f, FSCK_GDT_BLOCK, "group descriptors");
	first = fsck_read(f, blkno, VEXFS_MAGIC_GDT, index, &a);
	fsck_where(f, FSCK_GDT_COPY, "copy of the group descriptors");
	second = fsck_read(f, copy, VEXFS_MAGIC_GDT, index, &b);
	if (first && second && !same_places(&f->img.geo, index, a.data, b.data))
		fsck_problem(f, GDT_DIFFER, (unsigned long long)blkno, (unsigned long long)copy);
	if (first)
		f->img.io.ops->put(&f->img.io, &a);
	if (second)
		f->img.io.ops->put(&f->img.io, &b);
}

/* Where everything is: without that nothing else can be checked. */
static int find_places(struct fsck *f)
{
	const char *bad = NULL;
	int err = f->replay && !f->preen ? fsck_settle_places(f) : 0;

	if (!err)
		err = vexfs_image_places(&f->img, &bad);
	if (bad) {
		fsck_problem(f, PLACES, bad);
		return FSCK_ERRORS;
	}
	return err ? failed(f, strerror(-err)) : 0;
}

static int open_super(struct fsck *f)
{
	struct vexfs_super_block copy;
	const char *what = NULL;
	u64 blkno;
	int err;

	if (f->use_copy >= 0)
		return find_copy(f, &copy, &blkno) ? open_copy(f, &copy) :
		       failed(f, "no sound superblock in the group named by -b");
	err = vexfs_image_open_super(&f->img, &f->dev, 0, &what);
	if (what)
		return no_super(f, what);
	return err ? failed(f, strerror(-err)) : 0;
}

int fsck_open(struct fsck *f)
{
	int ret = open_device(f);

	return ret ? ret : check_mounted(f);
}

int fsck_super(struct fsck *f)
{
	int ret = fsck_open(f);

	if (ret)
		return ret;
	fsck_pass(f, 0, "superblock and journal");
	ret = open_super(f);
	if (ret)
		return ret;
	hook(f);
	fsck_where(f, FSCK_GDT_BLOCK, "group descriptors");
	ret = check_features(f);
	if (!ret)
		ret = check_length(f);
	if (!ret)
		ret = check_journal(f);
	return ret ? ret : find_places(f);
}

void fsck_copies(struct fsck *f)
{
	u32 g;

	check_state(f);
	for (g = 0; g < f->img.geo.gdt_blocks; g++)
		check_gdt(f, g);
	for (g = 1; g < f->img.geo.groups; g++)
		if (vexfs_group_has_super(g))
			check_copy(f, g);
}
