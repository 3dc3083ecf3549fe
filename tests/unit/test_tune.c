// SPDX-License-Identifier: GPL-2.0
/* tune.vexfs: each change, what is refused and why, and that nothing but the change has changed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/image_super.h"
#include "tests/unit/imgbuild.h"
#include "tests/unit/jbuild.h"
#include "tools/tune/tune.h"

#define BLOCKS	(3 * VEXFS_BLOCKS_PER_GROUP)	/* a copy of the superblock in group 1 */

static struct ib ib;
static struct vexfs_super_block before;

static u32 writes, writes_max = UINT32_MAX;	/* of the device: those after the last one fail */

int __real_vexfs_dev_write(const struct vexfs_dev *dev, u64 off, const void *buf, size_t len);
int __wrap_vexfs_dev_write(const struct vexfs_dev *dev, u64 off, const void *buf, size_t len);
int __wrap_vexfs_dev_write(const struct vexfs_dev *dev, u64 off, const void *buf, size_t len)
{
	if (writes >= writes_max)
		return -EIO;
	writes++;
	return __real_vexfs_dev_write(dev, off, buf, len);
}

static int setup(void **state)
{
	ib_make(&ib, BLOCKS);
	before = ib.img.sb;
	ib_close(&ib);
	return 0;
}

static int teardown(void **state)
{
	ib_remove(&ib);
	return 0;
}

/* Up to three arguments before the image. */
static void tune(int code, const char *text, const char *a1, const char *a2, const char *a3)
{
	char *argv[6] = { "tune.vexfs" }, *out;
	const char *arg[] = { a1, a2, a3 };
	int n = 1, i, ret;

	for (i = 0; i < 3; i++)
		if (arg[i])
			argv[n++] = (char *)arg[i];
	argv[n] = ib.path;
	ret = run_captured(tune_main, argv, &out);
	if (ret != code || !strstr(out, text))
		fail_msg("expected exit code %d and '%s', got %d and:\n%s", code, text, ret, out);
	free(out);
}

static struct vexfs_super_block super_of(u32 group)
{
	struct vexfs_super_block sb;
	struct vexfs_dev dev;
	u64 at = ((u64)group * VEXFS_BLOCKS_PER_GROUP << VEXFS_BLOCK_SHIFT) + VEXFS_SB_OFFSET;

	assert_int_equal(vexfs_dev_open(&dev, ib.path, O_RDONLY), 0);
	assert_int_equal(vexfs_dev_read(&dev, at, &sb, sizeof(sb)), 0);
	vexfs_dev_close(&dev);
	assert_null(vexfs_sb_verify(&sb));
	assert_int_equal(le32_to_cpu(sb.s_group), group);
	return sb;
}

/* Block 0 is what it was with the change that @want has. */
static void expect_super(struct vexfs_super_block want)
{
	struct vexfs_super_block sb = super_of(0);

	want.s_checksum = sb.s_checksum;
	assert_memory_equal(&want, &sb, sizeof(sb));
}

static int fsck(const char *option)
{
	const char *bin = getenv("VEXFS_BIN");
	char cmd[400];
	int ret;

	snprintf(cmd, sizeof(cmd), "%s/fsck.vexfs %s '%s' >&2", bin ? bin : "build/bin", option, ib.path);
	ret = system(cmd);
	assert_true(WIFEXITED(ret));
	return WEXITSTATUS(ret);
}

static void fsck_clean(void)
{
	assert_int_equal(fsck("-n"), 0);
}

static void test_label(void **state)
{
	struct vexfs_super_block want = before;
	char label[65];

	memset(label, 'x', 64);
	label[64] = 0;
	tune(2, "at most 63 are possible", "-L", label, NULL);
	expect_super(before);
	label[63] = 0;
	memcpy(want.s_label, label, 64);
	tune(0, "", "-L", label, NULL);
	expect_super(want);
	memset(want.s_label, 0, sizeof(want.s_label));
	tune(0, "", "-L", "", NULL);
	expect_super(want);
	fsck_clean();
}

static void test_uuid(void **state)
{
	struct vexfs_super_block sb;

	tune(0, "uuid       123e4567-e89b-42d3-a456-426614174000", "-l", "-U",
	     "123e4567-e89b-42d3-a456-426614174000");
	tune(0, "", "-U", "random", NULL);
	sb = super_of(0);
	assert_memory_not_equal(sb.s_uuid, before.s_uuid, 16);
	assert_memory_equal(sb.s_meta_uuid, before.s_meta_uuid, 16);
	tune(0, "", "-U", "time", NULL);
	tune(0, "uuid       00000000-0000-0000-0000-000000000000", "-l", "-U", "clear");
	tune(2, "give a uuid like", "-U", "nonsense", NULL);
	fsck_clean();
}

static void test_errors(void **state)
{
	struct vexfs_super_block want = before;

	want.s_errors = cpu_to_le32(VEXFS_ERRORS_SHUTDOWN);
	tune(0, "errors     shutdown", "-l", "-e", "shutdown");
	expect_super(want);
	tune(0, "", "-e", "continue", NULL);
	tune(0, "errors     remount-ro", "-l", "-e", "remount-ro");
	expect_super(before);
	tune(2, "give remount-ro, continue or shutdown", "-e", "panic", NULL);
}

static void test_reserve(void **state)
{
	tune(0, "reserve    5.0 %, 4838 blocks", "-l", "-m", "5");
	tune(0, "reserve    0.5 %", "-l", "-m", "0.5");
	tune(0, "reserve    50.0 %", "-l", "-m", "50");
	tune(0, "reserve    1.1 %", "-l", "-r", "1000");	/* rounded up */
	tune(0, "reserve    0.0 %, 0 blocks", "-l", "-r", "0");
	tune(1, "at most half of the blocks", "-r", "60000", NULL);
	tune(2, "give percent from 0 to 50", "-m", "51", NULL);
	tune(2, "give percent from 0 to 50", "-m", "50.1", NULL);
	tune(2, "give percent from 0 to 50", "-m", "-1", NULL);
	tune(2, "give one of them", "-m5", "-r1", NULL);
	tune(0, "", "-m", "5", NULL);
	fsck_clean();		/* the copies keep what they had */
}

static void test_features(void **state)
{
	struct vexfs_super_block copy, sb;

	tune(0, "features   project xattr", "-l", "-O", "xattr,project");
	sb = super_of(0);
	copy = super_of(1);
	assert_int_equal(sb.s_feature_incompat, copy.s_feature_incompat);
	assert_int_equal(sb.s_feature_ro_compat, copy.s_feature_ro_compat);
	fsck_clean();
	tune(0, "features   project inode_flags xattr", "-l", "-O", "inode_flags");
	tune(2, "a feature stays once it is set", "-O", "^xattr", NULL);
	tune(2, "is reserved, this version does not implement it", "-O", "encrypt", NULL);
	tune(2, "'bogus': unknown feature", "-O", "xattr,bogus", NULL);
	tune(2, "'': unknown feature", "-O", "xattr,", NULL);
}

/* Two owners, embeddings of two collections, a value in an inode of its own, an orphan. */
static u64 fill(void)
{
	static u8 value[6000];
	struct vexfs_inode di;
	u64 a, b, orphan;

	ib_make(&ib, BLOCKS);
	ib_feature(&ib, VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_XATTR);
	a = ib_file(&ib, VEXFS_ROOT_INO, "a", 20, 4);
	b = ib_file(&ib, VEXFS_ROOT_INO, "b", 3, 1);
	di = ib_get_inode(&ib, b);
	di.i_uid = cpu_to_le32(1000);
	di.i_gid = cpu_to_le32(100);
	ib_put_inode(&ib, b, &di);
	ib_xattr(&ib, a, IB_LARGE, VEXFS_XATTR_USER, "big", value, sizeof(value));
	ib_collection(&ib, 1, "one", 8, 1);
	ib_collection(&ib, 3, "two", 700, 1);
	ib_embed(&ib, 1, 0, a, 0);
	ib_embed(&ib, 1, 1, b, 0);
	ib_embed(&ib, 1, 2, a, 1);
	ib_embed(&ib, 3, 0, b, 0);
	orphan = ib_new_inode(&ib, S_IFREG | 0644);
	ib_orphan(&ib, 0, orphan);
	ib_close(&ib);
	return b;
}

static void test_quota(void **state)
{
	struct vexfs_inode di;
	u64 b;

	ib_remove(&ib);
	b = fill();
	fsck_clean();
	tune(0, "quota", "-l", "-O", "quota");
	assert_int_equal(super_of(0).s_state, 0);
	assert_true(super_of(0).s_quota_ino[0] && super_of(1).s_quota_ino[2]);
	fsck_clean();
	ib_open(&ib);
	di = ib_get_inode(&ib, b);
	/* a slot and the rounded payload and code of each, docs/format.md */
	assert_int_equal(le64_to_cpu(di.i_charged), 128 + 32 + 32 + 128 + 2800 + 720);
	ib_close(&ib);
	before = super_of(0);
	tune(0, "", "-O", "quota", NULL);	/* it has it */
	expect_super(before);
	tune(2, "a feature stays once it is set", "-O", "^quota", NULL);
	fsck_clean();
}

/* The writes it takes, of which no more than @most succeed. */
static u32 tune_cut(const char *feature, u32 most)
{
	ib_remove(&ib);
	fill();
	writes = 0;
	writes_max = most;
	tune(most == UINT32_MAX ? 0 : 1, "", "-O", feature, NULL);
	writes_max = UINT32_MAX;
	return writes;
}

/* Wherever it is cut short, the filesystem is sound, or says that it needs the check which makes it so. */
static void test_cut(void **state)
{
	static const char *const feature[] = { "quota", "change_feed", "quota,change_feed" };
	u32 i, n, all;

	for (i = 0; i < 3; i++) {
		all = tune_cut(feature[i], UINT32_MAX);
		assert_true(all > 5);
		fsck_clean();
		for (n = 0; n < all; n++) {
			tune_cut(feature[i], n);
			if (!(le32_to_cpu(super_of(0).s_state) & VEXFS_STATE_ERROR))
				fsck_clean();
			assert_true(fsck("-y") <= 1);
			fsck_clean();
		}
	}
}

/* Who does not know a feature does not change the filesystem. */
static void test_unknown_feature(void **state)
{
	struct vexfs_dev dev;

	before.s_feature_ro_compat = cpu_to_le32(1U << 30);
	before.s_checksum = cpu_to_le32(vexfs_sb_checksum(&before));
	assert_int_equal(vexfs_dev_open(&dev, ib.path, O_RDWR), 0);
	assert_int_equal(vexfs_dev_write(&dev, VEXFS_SB_OFFSET, &before, sizeof(before)), 0);
	vexfs_dev_close(&dev);
	tune(1, "use a newer VexFS", "-L", "x", NULL);
	tune(0, "unknown-1-30", "-l", NULL, NULL);
	expect_super(before);
}

/* The superblock in the journal is newer: -l shows it and writes nothing, a change is a change of it. */
static void test_journal(void **state)
{
	u8 block[VEXFS_BLOCK_SIZE] = { 0 };
	struct vexfs_super_block *sb = (void *)(block + VEXFS_SB_OFFSET), want = before;
	struct jb jb;

	want.s_errors = cpu_to_le32(VEXFS_ERRORS_CONTINUE);
	*sb = want;
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	ib_open(&ib);
	jb_begin(&jb, &ib, 1, 1);
	jb_block(&jb, 0, block);
	jb_commit(&jb);
	jb_end(&jb);
	ib_close(&ib);
	tune(0, "errors     continue", "-l", NULL, NULL);
	expect_super(before);
	tune(0, "", "-L", "", NULL);
	memset(want.s_label, 0, sizeof(want.s_label));
	expect_super(want);
	fsck_clean();
}

static void test_usage(void **state)
{
	char path[sizeof(ib.path)];

	tune(2, "nothing to do", NULL, NULL, NULL);
	tune(2, "is one argument too many", "-l", "x", NULL);
	tune(2, "try: tune.vexfs --help", "-Z", NULL, NULL);
	tune(0, "examples: tune.vexfs", "--help", NULL, NULL);
	tune(0, "tune.vexfs ", "--version", NULL, NULL);
	tune(0, "state      good", "-l", NULL, NULL);
	expect_super(before);
	strcpy(path, ib.path);
	strcpy(ib.path, "/dev/null");
	tune(1, "neither a block device nor an image file", "-l", NULL, NULL);
	/* Not a directory that a broken check could do harm to: procfs has no label. */
	strcpy(ib.path, "/proc/self");
	tune(1, "only -L alone works while it is mounted", "-L", "x", "-l");
	tune(1, "is not on a VexFS: nothing was changed", "-L", "x", NULL);
	strcpy(ib.path, path);
	assert_int_equal(truncate(ib.path, 100), 0);
	tune(1, "too short to hold a superblock", "-L", "x", NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_label), T(test_uuid), T(test_errors), T(test_reserve), T(test_features),
		T(test_unknown_feature), T(test_journal), T(test_usage), T(test_quota), T(test_cut),
	};

	return cmocka_run_group_tests_name("tune", tests, NULL, NULL);
}
