// SPDX-License-Identifier: GPL-2.0
/*
 * fsck.vexfs: a populated filesystem is clean; every kind of damage it claims to
 * find is made, with right checksums, and must be named.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/fsck_damage.h"
#include "tests/unit/jbuild.h"
#include "tools/fsck/fsck.h"

/* ---- what the device cannot read ------------------------------------------- */

static u64 unreadable;		/* a block; 0: all can be read */

int __real_vexfs_dev_read(struct vexfs_dev *dev, u64 off, void *buf, size_t len);
int __wrap_vexfs_dev_read(struct vexfs_dev *dev, u64 off, void *buf, size_t len);
int __wrap_vexfs_dev_read(struct vexfs_dev *dev, u64 off, void *buf, size_t len)
{
	u64 from = unreadable << VEXFS_BLOCK_SHIFT;

	if (unreadable && off < from + VEXFS_BLOCK_SIZE && off + len > from)
		return -EIO;
	return __real_vexfs_dev_read(dev, off, buf, len);
}

/* ---- running it ------------------------------------------------------------ */

static bool seen[10000];	/* codes that any run has printed */

/* The code at the beginning of a line of output, 0 if there is none. */
static unsigned int code_of(const char *line)
{
	unsigned int code;

	if (sscanf(line, "PROBLEM V%4u:", &code) == 1 || sscanf(line, "note V%4u:", &code) == 1)
		return code;
	return 0;
}

static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line && line[1] ? line + 1 : NULL;
}

static int fsck(struct ib *ib, const char *opt, char **out)
{
	char *argv[] = { "fsck.vexfs", (char *)opt, ib->path, NULL };
	int ret = run_captured(fsck_main, argv, out);
	const char *l;

	for (l = *out; l; l = next_line(l))
		seen[code_of(l)] = true;
	return ret;
}

/* Is there a line with this code, and with this in it if not NULL? */
static bool says(const char *out, enum fsck_code code, const char *why)
{
	const char *l, *p;

	for (l = out; l; l = next_line(l)) {
		p = why ? strstr(l, why) : l;
		if (code_of(l) == code && p && (!next_line(l) || p < next_line(l)))
			return true;
	}
	return false;
}

static void expect_code(struct ib *ib, const char *opt, int ret, enum fsck_code code,
			const char *why)
{
	char *out;
	int got = fsck(ib, opt, &out);

	if (got != ret || !says(out, code, why))
		fail_msg("expected exit code %d and V%04d %s, got %d and:\n%s", ret, code,
			 why ? why : "", got, out);
	free(out);
}

static void expect(struct ib *ib, const char *opt, int code, const char *text)
{
	char *out;
	int ret = fsck(ib, opt, &out);

	if (ret != code || !strstr(out, text))
		fail_msg("expected exit code %d and '%s', got %d and:\n%s", code, text, ret, out);
	free(out);
}

static void expect_not(struct ib *ib, const char *text)
{
	char *out;

	fsck(ib, "-n", &out);
	if (strstr(out, text))
		fail_msg("did not expect '%s':\n%s", text, out);
	free(out);
}

static void test_damage(void **state)
{
	const struct damage *d = *state;
	struct fixture x;

	fixture_make(&x);
	d->make(&x);
	ib_close(&x.ib);
	assert_int_not_equal(fsck_lookup(d->code)->class, FSCK_NOTE);
	expect_code(&x.ib, "-n", FSCK_ERRORS, d->code, d->why);
	ib_remove(&x.ib);
}

/* ---- no damage ----------------------------------------------------------- */

static void test_clean(void **state)
{
	struct fixture x;

	fixture_make(&x);
	ib_close(&x.ib);
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	expect(&x.ib, "-p", FSCK_CLEAN, ": clean");
	expect(&x.ib, "-y", FSCK_CLEAN, "2 collections, 90 embeddings");
	expect(&x.ib, "-f", FSCK_CLEAN, "4 directories");
	ib_remove(&x.ib);
}

/* Names of one hash that do not fit one leaf. */
static void test_chain(void **state)
{
	struct fixture x;

	fixture_make(&x);
	fixture_chain(&x);
	ib_close(&x.ib);
	expect(&x.ib, "-f", FSCK_CLEAN, "5 directories");
	ib_remove(&x.ib);
}

/* Codes are derived: damage to them is a note and no error. */
static void test_code_is_derived(void **state)
{
	struct vexfs_collection c;
	struct fixture x;

	fixture_make(&x);
	c = ib_get_coll(&x.ib, 9);
	EDIT_BLOCK(&x, ib_map(&x.ib, le64_to_cpu(c.c_code_ino), 3), false, p[100] ^= 1);
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_CLEAN, FSCK_CODE, NULL);
	expect(&x.ib, "-n", FSCK_CLEAN, "1 derived records are damaged");
	ib_remove(&x.ib);
}

/* Open but removed, and a truncate under way: not damage. */
static void test_orphans(void **state)
{
	struct fixture x;
	u64 ino;

	fixture_make(&x);
	ino = ib_new_inode(&x.ib, S_IFREG | 0600);
	ib_add_extent(&x.ib, ino, 0, 4, 0);
	ib_orphan(&x.ib, 600, ino);
	EDIT_INODE(&x, x.file, di.i_size = cpu_to_le64(10));
	ib_orphan(&x.ib, 2, x.file);
	ib_orphan(&x.ib, 9, ib_new_inode(&x.ib, S_IFDIR | 0700));
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_CLEAN, FSCK_ORPHANS_WAIT, "3 inodes");
	ib_remove(&x.ib);
}

/* More of them than the table has room for. */
static void test_orphan_list(void **state)
{
	struct fixture x;
	u64 ino[3];
	int i;

	fixture_make(&x);
	for (i = 0; i < 3; i++)
		ino[i] = ib_new_inode(&x.ib, S_IFREG | 0600);
	ib_orphan(&x.ib, 0, ino[0]);
	ib_orphan_head(&x.ib, 0, ino[1]);
	ib_orphan_next(&x.ib, ino[1], ino[2]);
	ib_orphan_next(&x.ib, ino[2], x.file);
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_CLEAN, FSCK_ORPHANS_WAIT, "4 inodes");
	ib_remove(&x.ib);
}

/* A collection half dropped is the next mount's work. */
static void test_dropping(void **state)
{
	struct fixture x;

	fixture_make(&x);
	EDIT_COLL(&x, 0, {
		c.c_state = cpu_to_le32(VEXFS_COLL_DROPPING);
		c.c_map.r_count = cpu_to_le16(0);
		c.c_map.r_level = 0;
		/* Its nodes would have been freed with it. */
		if (c.c_map.r_blocks) {
			assert_int_equal(vexfs_image_free_blocks(&x.ib.img,
					 le64_to_cpu(c.c_map.r_recs[0].val), 1), 0);
			c.c_map.r_blocks = 0;
		}
	});
	ib_close(&x.ib);
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	ib_remove(&x.ib);
}

/* ---- the journal --------------------------------------------------------- */

/* The device lacks what the log has: damaged without a replay, sound with it. */
static void dirty_fixture(struct fixture *x, struct jb *jb)
{
	u64 where[2] = { 1, vexfs_group_bbmap(&x->ib.img.geo, 0) };
	struct vexfs_blk b;
	int i;

	jb_begin(jb, &x->ib, 1, 1);
	for (i = 0; i < 2; i++) {
		vexfs_image_flush(&x->ib.img);
		ib_pin(&x->ib, where[i], &b);
		jb_block(jb, where[i], b.data);
		memset((u8 *)b.data + 64, 0x55, 12);	/* counters; places never change */
		ib_change(&x->ib, &b, true);
	}
	jb_commit(jb);
	jb_end(jb);
	ib_close(&x->ib);
}

static void test_dirty_journal(void **state)
{
	struct fixture x;
	struct jb jb;
	u32 before;

	fixture_make(&x);
	dirty_fixture(&x, &jb);
	before = file_crc(x.ib.path);
	expect_code(&x.ib, "-n", FSCK_CLEAN, FSCK_JOURNAL_DIRTY, NULL);
	expect_code(&x.ib, "-n", FSCK_CLEAN, FSCK_JOURNAL_REPLAYED,
		    "1 transactions, 2 blocks replayed in memory only");
	expect(&x.ib, "-f", FSCK_CLEAN, ": clean");
	assert_int_equal(file_crc(x.ib.path), before);
	expect(&x.ib, "-y", FSCK_CLEAN, "2 blocks replayed");
	assert_int_not_equal(file_crc(x.ib.path), before);
	expect_not(&x.ib, "replayed");
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	ib_remove(&x.ib);
}

/* A damaged log reaches the device by -y alone, as far as it can be read. */
static void test_damaged_journal(void **state)
{
	struct fixture x;
	struct jb jb;
	u32 before;

	fixture_make(&x);
	dirty_fixture(&x, &jb);
	ib_open(&x.ib);
	jb_flip(&x.ib, jb.first_data + 1, 5);
	ib_close(&x.ib);
	before = file_crc(x.ib.path);
	expect_code(&x.ib, "-p", FSCK_ERRORS, FSCK_JOURNAL,
		    "transaction 1: checksum of logged block");
	expect(&x.ib, "-n", FSCK_ERRORS, "1 blocks replayed in memory only");
	assert_int_equal(file_crc(x.ib.path), before);
	/* What can be read of it counts; the bitmap it lacked is counted anew. */
	expect(&x.ib, "-y", FSCK_CORRECTED, "REPAIRED");
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	ib_remove(&x.ib);
}

/* Damage that has nothing to do with the log: the log does not reach the device either. */
static void test_dirty_and_damaged(void **state)
{
	struct fixture x;
	struct jb jb;
	u32 before;

	fixture_make(&x);
	EDIT_INODE(&x, x.file, di.i_nlink = cpu_to_le32(7));
	dirty_fixture(&x, &jb);
	before = file_crc(x.ib.path);
	expect(&x.ib, "-p", FSCK_ERRORS, "nothing was changed");
	assert_int_equal(file_crc(x.ib.path), before);
	ib_remove(&x.ib);
}

/* A log with block 0 in it, changed by @change. */
static void log_super(struct fixture *x, void (*change)(struct vexfs_super_block *sb))
{
	u8 block[VEXFS_BLOCK_SIZE];
	struct vexfs_super_block *sb = (void *)(block + VEXFS_SB_OFFSET);
	struct jb jb;

	assert_int_equal(vexfs_dev_read(&x->ib.dev, 0, block, sizeof(block)), 0);
	change(sb);
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	jb_begin(&jb, &x->ib, 1, 2);
	jb_block(&jb, 0, block);
	jb_commit(&jb);
	jb_end(&jb);
	ib_close(&x->ib);
}

static void new_feature(struct vexfs_super_block *sb)
{
	sb->s_feature_ro_compat |= cpu_to_le32(0x80000000U);
}

static void new_journal(struct vexfs_super_block *sb)
{
	sb->s_journal_start = cpu_to_le64(le64_to_cpu(sb->s_journal_start) + 1);
}

static void new_label(struct vexfs_super_block *sb)
{
	memcpy(sb->s_label, "renamed", 8);
}

/* What the log makes of the superblock is judged as if it had been there before. */
static void test_journal_brings_super(void **state)
{
	static const struct {
		void (*change)(struct vexfs_super_block *sb);
		int code;
		enum fsck_code says;
	} cases[] = {
		{ new_feature, FSCK_FAILED, FSCK_JOURNAL_REPLAYED },
		{ new_journal, FSCK_ERRORS, FSCK_SB_REPLAYED },
		{ new_label, FSCK_CLEAN, FSCK_JOURNAL_REPLAYED },
	};
	struct fixture x;
	size_t i;
	u32 before;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_make(&x);
		log_super(&x, cases[i].change);
		before = file_crc(x.ib.path);
		expect_code(&x.ib, "-n", cases[i].code, cases[i].says, NULL);
		expect_code(&x.ib, "-p", cases[i].code, cases[i].says, NULL);
		if (cases[i].code != FSCK_CLEAN)
			assert_int_equal(file_crc(x.ib.path), before);
		expect(&x.ib, "-n", cases[i].code, "");
		if (cases[i].code == FSCK_ERRORS) {
			expect(&x.ib, "-y", FSCK_CORRECTED, "REPAIRED");
			expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
		}
		ib_remove(&x.ib);
	}
}

/* Clean is clean: the next mount must not ask for another check. */
static void test_error_flag(void **state)
{
	struct fixture x;

	fixture_make(&x);
	EDIT_BLOCK(&x, 0, false, {
		struct vexfs_super_block *sb = (void *)(p + VEXFS_SB_OFFSET);

		sb->s_state = cpu_to_le32(VEXFS_STATE_ERROR);
		sb->s_error_count = cpu_to_le32(3);
		memcpy(sb->s_error_what, "a check", 8);
		sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	});
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_CLEAN, FSCK_SB_ERROR, "recorded 3 errors");
	expect(&x.ib, "-p", FSCK_CLEAN, "the error flag was cleared");
	expect_not(&x.ib, "V0106");
	ib_open(&x.ib);
	EDIT_BLOCK(&x, 0, false, {
		struct vexfs_super_block *sb = (void *)(p + VEXFS_SB_OFFSET);

		sb->s_state = cpu_to_le32(VEXFS_STATE_ERROR);
		sb->s_error_count = 0;
		sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	});
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_CLEAN, FSCK_SB_CUT, "was cut short");
	expect(&x.ib, "-p", FSCK_CLEAN, "the error flag was cleared");
	expect_not(&x.ib, "V0110");
	ib_remove(&x.ib);
}

static void test_journal_super(void **state)
{
	struct fixture x;

	fixture_make(&x);
	jb_flip(&x.ib, 0, 0);
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_ERRORS, FSCK_JOURNAL, "no jbd2 magic number");
	expect(&x.ib, "-y", FSCK_CORRECTED, "REPAIRED");
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	ib_remove(&x.ib);
}

static void test_journal_error(void **state)
{
	struct fixture x;
	struct jbd2_super js;

	fixture_make(&x);
	js = jb_super(&x.ib);
	js.s_errno = jbd2_put32(-5);
	jb_put_super(&x.ib, &js);
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_CLEAN, FSCK_JOURNAL_ERROR, "-5");
	ib_remove(&x.ib);
}

/* What a feature this program does not know keeps is not judged; nothing is written. */
static void test_unknown_compat(void **state)
{
	struct fixture x;

	fixture_make(&x);
	EDIT_SUPER(&x, sb->s_feature_compat |= cpu_to_le32(0x80000000));
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_CLEAN, FSCK_SB_COMPAT, NULL);
	ib_remove(&x.ib);
}

/* ---- blocks that cannot be read ----------------------------------------------- */

static u64 node_block(struct fixture *x) { return first_node(x, x->frag); }
static u64 leaf_block(struct fixture *x) { return first_node(x, x->dir); }
static u64 gdt_block(struct fixture *x) { return vexfs_gdt_block(&x->ib.img.geo, 0); }
static u64 gdt_copy(struct fixture *x) { return vexfs_gdt_copy(&x->ib.img.geo, 0); }
static u64 block_bitmap(struct fixture *x) { return vexfs_group_bbmap(&x->ib.img.geo, 0); }
static u64 inode_bitmap(struct fixture *x) { return vexfs_group_ibmap(&x->ib.img.geo, 0); }
static u64 inode_block(struct fixture *x) { return vexfs_ino_block(&x->ib.img.geo, x->file); }
static u64 orphan_block(struct fixture *x) { return x->ib.img.geo.orphan_start; }
static u64 coll_block(struct fixture *x) { return x->ib.img.geo.coll_start; }

static u64 orphan_inode(struct fixture *x)
{
	ib_orphan_head(&x->ib, 0, x->file);
	return inode_block(x);
}

static u64 names_block(struct fixture *x)
{
	struct vexfs_inode di = ib_get_inode(&x->ib, x->many);

	return le64_to_cpu(di.i_link_block);
}

static u64 symlink_block(struct fixture *x)
{
	return ib_map(&x->ib, x->longlink, 0);
}

static u64 slot_block(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 9);

	return ib_map(&x->ib, vexfs_coll_file_ino(&c, VEXFS_COLL_SLOTS), 1);
}

static u64 payload_block(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 9);

	return ib_map(&x->ib, vexfs_coll_file_ino(&c, VEXFS_COLL_PAYLOAD), 1);
}

static u64 map_block(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 9);

	return le64_to_cpu(c.c_map.r_recs[0].val);
}

/* What does not follow from other blocks may be readable elsewhere: -y stays away. */
static void expect_unread(struct ib *ib, enum fsck_code code)
{
	if (code / 100 != 2 && code != FSCK_PAYLOAD_READ && code != FSCK_ORPHAN_LIST_READ)
		expect(ib, "-y", FSCK_ERRORS, "copy the device to a good one first; nothing was changed");
}

/* A block that the device does not give is a problem of what is in it, and never silence. */
static void test_unreadable(void **state)
{
	static const struct {
		u64 (*block)(struct fixture *x);
		enum fsck_code code;
	} cases[] = {
		{ gdt_block, FSCK_GDT_BLOCK }, { gdt_copy, FSCK_GDT_COPY },
		{ block_bitmap, FSCK_BBMAP_BLOCK }, { inode_bitmap, FSCK_IBMAP_BLOCK },
		{ inode_block, FSCK_ITABLE_BLOCK }, { node_block, FSCK_TREE_BLOCK },
		{ leaf_block, FSCK_DIR_LEAF }, { symlink_block, FSCK_SYMLINK_BLOCK },
		{ names_block, FSCK_NAMES_BLOCK }, { orphan_block, FSCK_ORPHAN_BLOCK },
		{ orphan_inode, FSCK_ORPHAN_LIST_READ }, { coll_block, FSCK_COLL_BLOCK },
		{ slot_block, FSCK_SLOT_BLOCK }, { payload_block, FSCK_PAYLOAD_READ },
		{ map_block, FSCK_MAP_BLOCK },
	};
	struct fixture x;
	size_t i;
	u64 blkno;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_make(&x);
		blkno = cases[i].block(&x);
		ib_close(&x.ib);
		unreadable = blkno;
		expect_code(&x.ib, "-n", FSCK_ERRORS, cases[i].code, NULL);
		expect_unread(&x.ib, cases[i].code);
		unreadable = 0;
		ib_remove(&x.ib);
	}
}

/* ---- errors of use ------------------------------------------------------- */

static void test_bad_use(void **state)
{
	char *usage[][5] = {
		{ "fsck.vexfs" }, { "fsck.vexfs", "-n", "a", "b" }, { "fsck.vexfs", "-n", "-y", "a" },
		{ "fsck.vexfs", "-Z", "a" }, { "fsck.vexfs", "-b4", "a" },
	};
	char *failed[][4] = {
		{ "fsck.vexfs", "-n", "/nonexistent/image" }, { "fsck.vexfs", "-n", "/dev/null" },
	};
	static const char *const why[] = { "No such file", "neither a block device nor an image" };
	char *out;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(usage); i++) {
		assert_int_equal(run_captured(fsck_main, usage[i], &out), FSCK_USAGE);
		free(out);
	}
	for (i = 0; i < ARRAY_SIZE(failed); i++) {
		assert_int_equal(run_captured(fsck_main, failed[i], &out), FSCK_FAILED);
		assert_non_null(strstr(out, why[i]));
		free(out);
	}
}

static void test_foreign(void **state)
{
	struct ib ib;
	FILE *f;

	ib_make(&ib, VEXFS_MIN_BLOCKS);
	ib_close(&ib);
	f = fopen(ib.path, "w");
	assert_non_null(f);
	expect(&ib, "-n", FSCK_FAILED, "not a VexFS filesystem");
	fputs("hello", f);
	fclose(f);
	expect(&ib, "-n", FSCK_FAILED, "not a VexFS filesystem");
	ib_remove(&ib);
}

static void test_cut_off(void **state)
{
	struct fixture x;

	fixture_make(&x);
	ib_close(&x.ib);
	assert_int_equal(truncate(x.ib.path, (FIXTURE_BLOCKS - 1) * 4096ULL), 0);
	expect_code(&x.ib, "-n", FSCK_ERRORS, FSCK_CUT_OFF, NULL);
	ib_remove(&x.ib);
}

/* The superblock is gone, a copy is there: say so. */
static void test_backup_super(void **state)
{
	struct fixture x;

	ib_make(&x.ib, VEXFS_BLOCKS_PER_GROUP + 8000);
	EDIT_BLOCK(&x, 0, false, memset(p, 0, 4096));
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_ERRORS, FSCK_SB_BAD, "a sound copy is in block 32256");
	expect(&x.ib, "-p", FSCK_ERRORS, "nothing was changed");
	expect(&x.ib, "-y", FSCK_CORRECTED, "REPAIRED");
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	ib_remove(&x.ib);
}

static void test_bad_copy(void **state)
{
	struct fixture x;

	ib_make(&x.ib, VEXFS_BLOCKS_PER_GROUP + 8000);
	vexfs_image_flush(&x.ib.img);
	unreadable = VEXFS_BLOCKS_PER_GROUP;
	expect_code(&x.ib, "-n", FSCK_ERRORS, FSCK_SB_COPY, "block 32256: cannot be read");
	unreadable = 0;
	EDIT_BLOCK(&x, VEXFS_BLOCKS_PER_GROUP, false, {
		struct vexfs_super_block *sb = (void *)(p + VEXFS_SB_OFFSET);

		memset(sb->s_hash_key, 0, sizeof(sb->s_hash_key));
		sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	});
	ib_close(&x.ib);
	expect_code(&x.ib, "-n", FSCK_ERRORS, FSCK_SB_COPY, "block 32256: differs");
	expect(&x.ib, "-p", FSCK_CORRECTED, "copy of the superblock written anew");
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	ib_remove(&x.ib);
}

/* An unbounded number of problems gives a bounded number of lines, except with -v. */
static void test_many_problems(void **state)
{
	struct vexfs_collection c;
	struct fixture x;
	char *out;
	u32 i;

	fixture_make(&x);
	ib_collection(&x.ib, 20, "many", 4, 25);
	for (i = 0; i < 756; i++)
		ib_embed(&x.ib, 20, i, x.file, i);
	c = ib_get_coll(&x.ib, 20);
	c.c_stamp_limit = 0;
	ib_put_coll(&x.ib, 20, &c);
	ib_close(&x.ib);
	expect(&x.ib, "-n", FSCK_ERRORS, "more follow; -v prints all of them");
	expect(&x.ib, "-n", FSCK_ERRORS, "DAMAGED, 756 problems found");
	expect_not(&x.ib, "slot 600 ");
	assert_int_equal(fsck(&x.ib, "-v", &out), FSCK_ERRORS);
	assert_non_null(strstr(out, "slot 600 "));
	free(out);
	ib_remove(&x.ib);
}

/* Random bytes anywhere: whatever it says, it ends, without a sanitizer's complaint. */
static void test_random_damage(void **state)
{
	const char *env = getenv("VEXFS_SEED");
	unsigned int seed = env ? strtoul(env, NULL, 0) : 20260101, i, k, found = 0;
	bool seal;

	printf("# VEXFS_SEED=%u\n", seed);
	for (i = 0; i < 60; i++) {
		struct fixture x;
		char *out;
		int ret;

		fixture_make(&x);
		for (k = 0; k < 5; k++) {
			u64 blkno = fixture_block(&x.ib.img.geo, &seed);

			seal = rand_r(&seed) % 2;
			EDIT_BLOCK(&x, blkno, seal && blkno >= x.ib.img.geo.orphan_start,
				   p[rand_r(&seed) % 4096] ^= 1 + rand_r(&seed) % 255);
		}
		ib_close(&x.ib);
		ret = fsck(&x.ib, "-n", &out);
		assert_true(ret == FSCK_CLEAN || ret == FSCK_ERRORS || ret == FSCK_FAILED);
		found += ret == FSCK_ERRORS;
		free(out);
		ib_remove(&x.ib);
	}
	printf("# %u of 60 found damaged\n", found);
	assert_true(found > 20);
}
/* ---- the table of problems ------------------------------------------------------- */

static void test_table(void **state)
{
	const struct fsck_known *k, *before = NULL;
	size_t i;

	for (i = 0; (k = fsck_known(i)); before = k, i++) {
		assert_true(!before || before->code < k->code);
		assert_in_range(k->code / 100, 1, 13);
		assert_ptr_equal(fsck_lookup(k->code), k);
		assert_true(*k->name && *k->text && *k->fix);
	}
	assert_true(i > 90);
}

static void test_list(void **state)
{
	char *argv[] = { "fsck.vexfs", "--problems", NULL }, *out, line[64];
	const struct fsck_known *k;
	size_t i;

	assert_int_equal(run_captured(fsck_main, argv, &out), FSCK_CLEAN);
	for (i = 0; (k = fsck_known(i)); i++) {
		snprintf(line, sizeof(line), "V%04d  ", k->code);
		assert_non_null(strstr(out, line));
		assert_non_null(strstr(out, k->fix));
	}
	assert_null(strchr(out, '%'));
	free(out);
}

/* The last test: what no other has made fsck say needs a reason here. */
static void test_every_code_seen(void **state)
{
	static const struct {
		enum fsck_code code;
		const char *why;
	} unseen[] = {
		{ FSCK_MOUNTED, "needs a mounted filesystem: tests/guest/errors.sh" },
		{ FSCK_QUOTA_CHARGED, "needs a filesystem with quota: test_quota.c, as the next" },
		{ FSCK_QUOTA_FILE, "" },
		{ FSCK_QUOTA_BLOCK, "" },
		{ FSCK_QUOTA_USAGE, "" },
		{ FSCK_QUOTA_INODE, "" },
		{ FSCK_FEED_SUPER, "needs a filesystem with a change feed: test_feed.c, as the next" },
		{ FSCK_FEED_INODE, "" },
		{ FSCK_FEED_BLOCK, "" },
		{ FSCK_FEED_COUNTS, "" },
		{ FSCK_FEED_NUMBER, "" },
		{ FSCK_FEED_MISSING, "" },
		{ FSCK_FEED_RECORD, "" },
	};
	const struct fsck_known *k;
	size_t i, j;
	bool excused;

	for (i = 0; (k = fsck_known(i)); i++) {
		for (j = 0, excused = false; j < ARRAY_SIZE(unseen); j++)
			excused |= unseen[j].code == k->code;
		if (seen[k->code] == excused)
			fail_msg("V%04d (%s): %s", k->code, k->name,
				 excused ? "seen, but listed as unseen" : "no test makes fsck say it");
	}
}

int main(void)
{
	const struct CMUnitTest last = cmocka_unit_test(test_every_code_seen);
	const struct CMUnitTest fixed[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_code_is_derived),
		cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_orphan_list),
		cmocka_unit_test(test_dropping),
		cmocka_unit_test(test_dirty_journal),
		cmocka_unit_test(test_damaged_journal),
		cmocka_unit_test(test_dirty_and_damaged),
		cmocka_unit_test(test_journal_brings_super),
		cmocka_unit_test(test_error_flag),
		cmocka_unit_test(test_journal_super),
		cmocka_unit_test(test_journal_error),
		cmocka_unit_test(test_unknown_compat),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_bad_use),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_backup_super),
		cmocka_unit_test(test_bad_copy),
		cmocka_unit_test(test_many_problems),
		cmocka_unit_test(test_random_damage),
	};
	const struct damage *d;
	struct CMUnitTest *tests;
	size_t i, n = 0;
	int ret;

	while (damage_get(n))
		n++;
	tests = calloc(ARRAY_SIZE(fixed) + n + 1, sizeof(*tests));
	if (!tests)
		return 1;
	memcpy(tests, fixed, sizeof(fixed));
	n = ARRAY_SIZE(fixed);
	for (i = 0; (d = damage_get(i)); i++)
		tests[n++] = (struct CMUnitTest){
			.name = d->name, .test_func = test_damage, .initial_state = (void *)d,
		};
	tests[n++] = last;
	ret = _cmocka_run_group_tests("fsck", tests, n, NULL, NULL);
	free(tests);
	return ret;
}
