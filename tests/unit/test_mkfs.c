// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs: sizes, options, refusals, and what an interruption leaves. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/jbd2.h"
#include "lib/journal.h"
#include "tests/unit/imgbuild.h"
#include "tools/mkfs/mkfs.h"

static char dir[200], image[256];

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/vexfs-mkfs-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(image, sizeof(image), "%s/image", dir);
	return 0;
}

static int teardown(void **state)
{
	unlink(image);
	return rmdir(dir);
}

/* Run mkfs.vexfs with up to six arguments; expects the exit code and the text. */
static void mkfs(int code, const char *text, const char *a1, const char *a2, const char *a3,
		 const char *a4, const char *a5, const char *a6)
{
	char *argv[] = { "mkfs.vexfs", (char *)a1, (char *)a2, (char *)a3, (char *)a4, (char *)a5,
			 (char *)a6, NULL };
	char *out;
	int ret = run_captured(mkfs_main, argv, &out);

	if (ret != code || !strstr(out, text))
		fail_msg("expected exit code %d and '%s', got %d and:\n%s", code, text, ret, out);
	free(out);
}

#define MKFS1(code, text, a) mkfs(code, text, a, NULL, NULL, NULL, NULL, NULL)
#define MKFS2(code, text, a, b) mkfs(code, text, a, b, NULL, NULL, NULL, NULL)
#define MKFS3(code, text, a, b, c) mkfs(code, text, a, b, c, NULL, NULL, NULL)
#define MKFS4(code, text, a, b, c, d) mkfs(code, text, a, b, c, d, NULL, NULL)

static void open_image(struct ib *ib)
{
	memset(ib, 0, sizeof(*ib));
	snprintf(ib->path, sizeof(ib->path), "%s", image);
	ib_open(ib);
}

static void close_image(struct ib *ib)
{
	vexfs_image_close(&ib->img);
	vexfs_dev_close(&ib->dev);
}

static void fill(const char *path, off_t off, const void *data, size_t len)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, off), len);
	close(fd);
}

/* ---- sizes --------------------------------------------------------------- */

static void check_bitmap(struct ib *ib, u32 g, u32 magic, u64 blkno, u32 nbits, u32 free)
{
	struct vexfs_blk b;
	const u8 *map;

	assert_int_equal(ib->img.io.ops->read(&ib->img.io, blkno, magic, 0, g, &b), 0);
	map = (u8 *)b.data + VEXFS_MDHDR_SIZE;
	assert_int_equal(nbits - vexfs_bits_count_set(map, nbits), free);
	/* What lies beyond the group is never free. */
	assert_int_equal(vexfs_bit_next_clear(map, nbits, VEXFS_BITS_PER_BITMAP),
			 VEXFS_BITS_PER_BITMAP);
	ib->img.io.ops->put(&ib->img.io, &b);
}

static u64 check_group(struct ib *ib, u32 g)
{
	const struct vexfs_geo *geo = &ib->img.geo;
	const struct vexfs_group_desc *gd;
	struct vexfs_blk b;
	u32 blocks, inodes, index = g / VEXFS_GD_PER_BLOCK;

	assert_int_equal(ib->img.io.ops->read(&ib->img.io, vexfs_gdt_block(geo, index),
					      VEXFS_MAGIC_GDT, 0, index, &b), 0);
	gd = (struct vexfs_group_desc *)((u8 *)b.data + VEXFS_MDHDR_SIZE) + g % VEXFS_GD_PER_BLOCK;
	blocks = le32_to_cpu(gd->gd_free_blocks);
	inodes = le32_to_cpu(gd->gd_free_inodes);
	assert_int_equal(le32_to_cpu(gd->gd_used_dirs), g == 0);
	ib->img.io.ops->put(&ib->img.io, &b);
	check_bitmap(ib, g, VEXFS_MAGIC_BBMAP, vexfs_group_bbmap(geo, g),
		     vexfs_group_blocks(geo, g), blocks);
	check_bitmap(ib, g, VEXFS_MAGIC_IBMAP, vexfs_group_ibmap(geo, g), geo->inodes_per_group,
		     inodes);
	return blocks;
}

static void check_root(struct ib *ib)
{
	struct vexfs_inode di = ib_get_inode(ib, VEXFS_ROOT_INO);

	assert_null(vexfs_inode_verify(&di, &ib->img.geo, VEXFS_ROOT_INO));
	assert_int_equal(le16_to_cpu(di.i_mode), S_IFDIR | 0755);
	assert_int_equal(le32_to_cpu(di.i_nlink), 2);
	assert_int_equal(le64_to_cpu(di.i_size), 0);
	assert_int_equal(le64_to_cpu(di.i_links[0].l_parent), VEXFS_ROOT_INO);
	assert_int_equal(le64_to_cpu(di.i_links[0].l_hash), 0);
}

/* Every group, or on a huge device a sample of them. */
static void check_image(void)
{
	struct vexfs_journal j;
	struct ib ib;
	u64 free = 0;
	u32 g, step;

	open_image(&ib);
	step = ib.img.geo.groups > 500 ? ib.img.geo.groups / 250 : 1;
	for (g = 0; g < ib.img.geo.groups; g += step)
		free += check_group(&ib, g);
	if (step == 1)
		assert_int_equal(free, vexfs_format_free_blocks(&ib.img.sb));
	check_group(&ib, ib.img.geo.groups - 1);
	check_root(&ib);
	assert_int_equal(vexfs_journal_open(&ib.img, &j), 0);
	assert_false(j.dirty);
	assert_int_equal(j.sequence, 1);
	close_image(&ib);
}

static void test_sizes(void **state)
{
	static const char *const sizes[] = {
		"16M", "17M", "33554433", "100M", "125M", "126M", "127M", "130M", "140M", "252M",
		"255M", "1G", "20G", "200G", "3T",
	};
	struct timespec t0, t1;
	struct rusage ru;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		clock_gettime(CLOCK_MONOTONIC, &t0);
		MKFS2(0, "VexFS version 2", image, sizes[i]);
		clock_gettime(CLOCK_MONOTONIC, &t1);
		/* Nothing in it grows with the data area. */
		assert_true(t1.tv_sec - t0.tv_sec < 60);
		check_image();
		unlink(image);
	}
	getrusage(RUSAGE_SELF, &ru);
	assert_true(ru.ru_maxrss < 1 << 20);	/* KiB; sanitizers included */
}

static void test_default_journal(void **state)
{
	static const struct {
		const char *size;
		u32 blocks;
	} t[] = { { "16M", 1024 }, { "1G", 8192 }, { "20G", 24576 } };
	struct ib ib;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		MKFS3(0, "", "-q", image, t[i].size);
		open_image(&ib);
		assert_int_equal(ib.img.geo.journal_blocks, t[i].blocks);
		/* It begins in the middle group. */
		assert_int_equal(vexfs_block_group(ib.img.geo.journal_start),
				 (ib.img.geo.groups - 1) / 2);
		close_image(&ib);
		unlink(image);
	}
}

/* A journal larger than a group, and metadata in the first of the groups it is of. */
static void test_flex(void **state)
{
	const struct vexfs_geo *geo;
	struct ib ib;
	u32 g;

	MKFS4(0, "journal  1 GiB", "-J", "1024", image, "40G");
	check_image();
	open_image(&ib);
	geo = &ib.img.geo;
	assert_int_equal(geo->journal_blocks, 1 << 18);
	for (g = 0; g < geo->groups; g++) {
		u32 home = g - g % VEXFS_GD_PER_BLOCK % 16;

		assert_int_equal(vexfs_block_group(vexfs_group_bbmap(geo, g)), home);
		assert_int_equal(vexfs_block_group(vexfs_group_ibmap(geo, g)), home);
		assert_int_equal(vexfs_block_group(vexfs_group_itable(geo, g)), home);
		if (g != home)
			assert_true(vexfs_group_overhead(geo, g) <= 2);
	}
	assert_true(vexfs_data_range_valid(geo, 33ULL * VEXFS_BLOCKS_PER_GROUP, 65535));
	close_image(&ib);
	unlink(image);
	MKFS4(0, "", "-i", "1024", image, "1G");	/* the largest inode tables: fewer groups together */
	check_image();
	unlink(image);
	MKFS4(1, "does not fit: at most", "-J", "8192", image, "40G");
}

/* The first of a descriptor block's groups is the last of all: its copy is beside it. */
static void test_last_alone(void **state)
{
	struct ib ib;

	MKFS4(0, "", "-i", "1048576", image, "8065M");	/* 64 groups of 126 MiB and a little */
	check_image();
	open_image(&ib);
	assert_int_equal(ib.img.geo.gdt_blocks, 2);
	assert_int_equal(vexfs_gdt_block(&ib.img.geo, 1), 63ULL * VEXFS_BLOCKS_PER_GROUP);
	assert_int_equal(vexfs_gdt_copy(&ib.img.geo, 1), 64ULL * VEXFS_BLOCKS_PER_GROUP);
	close_image(&ib);
	unlink(image);
	MKFS4(0, "", "-i", "1048576", image, "7970M");
	check_image();
	open_image(&ib);
	assert_int_equal(ib.img.geo.groups, 64);
	assert_int_equal(vexfs_gdt_copy(&ib.img.geo, 1), 63ULL * VEXFS_BLOCKS_PER_GROUP + 1);
	close_image(&ib);
}

/* The plan at the largest size, and beyond; its places verify, or there would be none. */
static void test_largest(void **state)
{
	struct vexfs_format f = { .blocks = VEXFS_MAX_BLOCKS, .bytes_per_inode = 1 << 20, .uuid = "x" };
	struct vexfs_super_block sb;
	char why[256];

	assert_int_equal(vexfs_format_plan(&f, &sb, why, sizeof(why)), 0);
	assert_int_equal(le64_to_cpu(sb.s_blocks), VEXFS_MAX_BLOCKS);
	f.blocks++;
	assert_int_equal(vexfs_format_plan(&f, &sb, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "the largest VexFS has 256 TiB"));
}

/* A whole filesystem of 16 TiB: a gigabyte of bitmaps is too much for every run. VEXFS_BIG=1 asks for it. */
static void test_16t(void **state)
{
	if (!getenv("VEXFS_BIG"))
		skip();
	MKFS4(0, "", "-i", "67108864", image, "17592186040320");
	check_image();
}

/* ---- options ------------------------------------------------------------- */

static void test_options(void **state)
{
	static const u8 uuid[16] = { 0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x42, 0xd3,
				     0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00 };
	char *argv[] = { "mkfs.vexfs", "-q", "-L", "my label", "-U",
			 "123e4567-e89b-42d3-a456-426614174000", "-i", "8192", "-J", "size=8", "-E",
			 strdupa("root_owner=1000:100"), "--", image, "64M", NULL };
	struct vexfs_inode di;
	struct ib ib;
	char *out;

	assert_int_equal(run_captured(mkfs_main, argv, &out), 0);
	assert_string_equal(out, "");
	free(out);
	open_image(&ib);
	assert_string_equal((char *)ib.img.sb.s_label, "my label");
	assert_memory_equal(ib.img.sb.s_uuid, uuid, 16);
	assert_int_equal(ib.img.geo.journal_blocks, 2048);
	assert_int_equal(ib.img.geo.inodes_per_group, 8192);
	di = ib_get_inode(&ib, VEXFS_ROOT_INO);
	assert_int_equal(le32_to_cpu(di.i_uid), 1000);
	assert_int_equal(le32_to_cpu(di.i_gid), 100);
	close_image(&ib);
}

static void test_more_options(void **state)
{
	struct ib ib;

	mkfs(0, "", "-m", "2.5", "-Oxattr,project,^project", "-N90000", image, "300M");
	open_image(&ib);
	assert_int_equal(le32_to_cpu(ib.img.sb.s_reserve_blocks), 25);
	assert_int_equal(ib.img.geo.feature[VEXFS_INCOMPAT], VEXFS_FEATURE_INCOMPAT_XATTR);
	assert_int_equal(ib.img.geo.feature[VEXFS_RO_COMPAT], 0);
	assert_true(ib.img.geo.groups * ib.img.geo.inodes_per_group >= 90000);
	assert_true(ib.img.geo.groups * ib.img.geo.inodes_per_group < 90000 + 8 * ib.img.geo.groups);
	close_image(&ib);
	check_image();
	MKFS4(1, "inodes are too many for this size: at most 32256", "-f", "-N40000", image, "20M");
	MKFS4(2, "give a number of inodes", "-N", "0", image, "16M");
	MKFS4(2, "give percent from 0 to 50", "-m", "60", image, "16M");
	MKFS4(2, "is reserved", "-O", "encrypt", image, "16M");
	MKFS4(2, "without a value", "-E", strdupa("nodiscard=1"), image, "16M");
}

/* An old image gives its blocks back, unless that is not wanted. */
static void test_discard(void **state)
{
	static char data[1 << 20];
	struct stat st;

	memset(data, 'x', sizeof(data));
	fill(image, 10 << 20, data, sizeof(data));
	mkfs(0, "", "-f", "-E", strdupa("nodiscard"), image, "16M", NULL);
	assert_int_equal(stat(image, &st), 0);
	assert_true(st.st_blocks * 512 >= 1 << 20);
	MKFS3(0, "", "-f", image, "16M");
	assert_int_equal(stat(image, &st), 0);
	assert_true(st.st_blocks * 512 < 1 << 20);
}

static void test_help(void **state)
{
	MKFS1(0, "examples: mkfs.vexfs", "--help");
	MKFS1(0, "mkfs.vexfs ", "--version");
}

static void test_label_limit(void **state)
{
	char label[80];

	memset(label, 'x', sizeof(label));
	label[63] = 0;
	MKFS4(0, label, "-L", label, image, "16M");
	label[63] = 'x';
	label[64] = 0;
	MKFS4(2, "the label has 64 bytes; at most 63", "-L", label, image, "16M");
}

static void test_dry_run(void **state)
{
	struct stat st;

	MKFS3(0, "dry run, nothing was written", "-n", image, "20M");
	assert_int_equal(stat(image, &st), -1);
	MKFS3(0, "", "-q", image, "20M");
	MKFS2(1, "contains a VexFS filesystem", "-n", image);
	MKFS3(1, "too small", "-n", image, "1M");
}

/* ---- bad input ----------------------------------------------------------- */

static void test_usage(void **state)
{
	MKFS1(2, "name a device", NULL);
	MKFS1(2, "try: mkfs.vexfs --help", "-Z");
	MKFS3(2, "one argument too many", image, "16M", "x");
	MKFS2(2, "is not a size", image, "sixteen");
	MKFS2(2, "is not a size", image, "16Q");
	MKFS2(2, "try: mkfs.vexfs --help", image, "-5");
	MKFS2(2, "is not a size", image, "0");
	MKFS2(2, "is not a size", image, "99999999999999999999");
	MKFS2(2, "is not a size", image, "9999999P");
	MKFS4(2, "-i 10", "-i", "10", image, "16M");
	MKFS4(2, "-i x", "-i", "x", image, "16M");
	MKFS4(2, "-J 0", "-J", "0", image, "16M");
	MKFS4(2, "-U nonsense", "-U", "nonsense", image, "16M");
	MKFS4(2, "-U 0000", "-U", "00000000-0000-0000-0000-000000000000", image, "16M");
	MKFS4(2, "known are root_owner", "-E", strdupa("stride=4"), image, "16M");
	MKFS4(2, "give root_owner=UID:GID", "-E", strdupa("root_owner=-1:0"), image, "16M");
	MKFS4(2, "give seed=TEXT", "-E", strdupa("seed="), image, "16M");
	MKFS4(2, "give an existing directory", "-d", "/nowhere", image, "16M");
	MKFS4(2, "give an existing directory", "-d", "/dev/null", image, "16M");
	assert_int_equal(access(image, F_OK), -1);
}

static void test_too_small(void **state)
{
	MKFS2(1, "the smallest VexFS has 16 MiB (4096 blocks)", image, "16777215");
	MKFS2(1, "the smallest VexFS has 16 MiB", image, "4K");
	/* No empty file is left behind. */
	assert_int_equal(access(image, F_OK), -1);
	MKFS4(1, "does not fit: at most", "-J", "16", image, "16M");
	MKFS4(1, "does not fit: at most", "-J", "1100", image, "1G");
	MKFS4(1, "too small: at least 1024 blocks (4 MiB)", "-J", "3", image, "16M");
}

static void test_too_large(void **state)
{
	MKFS2(1, "the largest VexFS has 256 TiB", image, "900P");
}

static void test_wrong_kind(void **state)
{
	MKFS1(1, "does not exist; to create an image file add its size", image);
	MKFS2(1, "neither a block device nor a regular file", "/dev/null", "16M");
	MKFS2(1, "neither a block device nor a regular file", dir, "16M");
	MKFS2(1, "Not a directory", "/dev/null/x", "16M");
}

static void test_not_empty(void **state)
{
	/* An ext4 superblock as far as libblkid looks: magic, revision, a feature. */
	u8 ext[1024] = { 0 };

	MKFS3(0, "", "-q", image, "16M");
	MKFS1(1, "use -f to overwrite it", image);
	MKFS2(0, "VexFS version", "-f", image);
	unlink(image);

	fill(image, 0, "Dear diary", 10);
	MKFS2(1, "data of an unknown kind", image, "16M");
	MKFS3(0, "VexFS version", "-f", image, "16M");
	unlink(image);

	ext[0x38] = 0x53;
	ext[0x39] = 0xef;
	ext[0x4c] = 1;
	ext[0x18] = 2;
	ext[0x60] = 0x40;
	ext[0x04 + 1] = 0x40;
	memcpy(ext + 0x78, "home", 4);
	fill(image, 1024, ext, sizeof(ext));
	MKFS2(1, "an ext4 filesystem or volume (label 'home')", image, "16M");
	MKFS3(0, "VexFS version", "-f", image, "16M");
	unlink(image);

	/* A partition table. */
	memset(ext, 0, sizeof(ext));
	ext[446 + 4] = 0x83;
	ext[446 + 9] = 8;
	ext[446 + 12] = 64;
	ext[510] = 0x55;
	ext[511] = 0xaa;
	fill(image, 0, ext, 512);
	assert_int_equal(truncate(image, 1 << 20), 0);
	MKFS2(1, "a dos partition table", image, "16M");

	assert_int_equal(truncate(image, 0), 0);
	MKFS1(1, "is empty; add the size wanted", image);
}

/* Old signatures are gone, at the beginning and at the end. */
static void test_wipe(void **state)
{
	struct vexfs_dev dev;
	char buf[8];
	off_t end = 16 << 20;

	fill(image, 0, "OLDSIGNA", 8);
	fill(image, 65528, "OLDSIGNA", 8);
	fill(image, end - 8, "OLDSIGNA", 8);
	fill(image, end - 65536, "OLDSIGNA", 8);
	MKFS2(0, "", "-f", image);
	assert_int_equal(vexfs_dev_open(&dev, image, O_RDONLY), 0);
	assert_int_equal(vexfs_dev_read(&dev, 0, buf, 8), 0);
	assert_int_not_equal(memcmp(buf, "OLDSIGNA", 8), 0);
	assert_int_equal(vexfs_dev_read(&dev, end - 8, buf, 8), 0);
	assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(vexfs_dev_read(&dev, end - 65536, buf, 8), 0);
	assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 8);
	vexfs_dev_close(&dev);
}

/* A size smaller than the file: what lies behind stays. */
static void test_keeps_rest(void **state)
{
	struct vexfs_dev dev;
	char buf[8];

	fill(image, 20 << 20, "PRECIOUS", 8);
	MKFS3(0, "", "-f", image, "16M");
	assert_int_equal(vexfs_dev_open(&dev, image, O_RDONLY), 0);
	assert_int_equal(dev.bytes, (20 << 20) + 8);
	assert_int_equal(vexfs_dev_read(&dev, 20 << 20, buf, 8), 0);
	assert_memory_equal(buf, "PRECIOUS", 8);
	vexfs_dev_close(&dev);
	check_image();
}

/* An earlier journal must not pass for this one's, even with the same uuid. */
static void test_journal_is_zeroed(void **state)
{
	u8 block[VEXFS_BLOCK_SIZE], zeros[VEXFS_BLOCK_SIZE] = { 0 };
	struct ib ib;

	MKFS3(0, "", "-q", image, "16M");
	open_image(&ib);
	memset(block, 0xee, sizeof(block));
	assert_int_equal(vexfs_dev_write(&ib.dev, (ib.img.geo.journal_start + 5) * 4096, block,
					 4096), 0);
	close_image(&ib);
	MKFS3(0, "", "-q", "-f", image);
	open_image(&ib);
	assert_int_equal(vexfs_dev_read(&ib.dev, (ib.img.geo.journal_start + 5) * 4096, block,
					4096), 0);
	assert_memory_equal(block, zeros, 4096);
	close_image(&ib);
}

/* ---- interruption -------------------------------------------------------- */

struct watch {
	struct vexfs_dev dev;
	u32	calls, mountable;
};

static void watch_progress(void *ctx, const char *what, u64 done, u64 total)
{
	struct watch *w = ctx;
	struct vexfs_super_block sb;
	bool last = strcmp(what, "flush") == 0 && done == total;

	assert_int_equal(vexfs_dev_read(&w->dev, VEXFS_SB_OFFSET, &sb, sizeof(sb)), 0);
	w->calls++;
	if (!last)
		w->mountable += vexfs_sb_verify(&sb) == NULL;
	else
		assert_null(vexfs_sb_verify(&sb));
}

/* At no moment but the last is there a superblock, also over an older filesystem. */
static void test_superblock_last(void **state)
{
	struct watch w = { .calls = 0 };
	struct vexfs_format f = { .blocks = 70000, .uuid = "x", .progress = watch_progress,
				  .ctx = &w };
	struct vexfs_super_block sb;
	char why[256];

	MKFS3(0, "", "-q", image, "280M");
	assert_int_equal(vexfs_dev_open(&w.dev, image, O_RDWR), 0);
	assert_int_equal(vexfs_format_plan(&f, &sb, why, sizeof(why)), 0);
	assert_int_equal(vexfs_format_write(&w.dev, &f, &sb), 0);
	assert_true(w.calls >= 4);
	assert_int_equal(w.mountable, 0);
	vexfs_dev_close(&w.dev);
}

static void test_write_error(void **state)
{
	struct vexfs_format f = { .blocks = 4096, .uuid = "x" };
	struct vexfs_super_block sb;
	struct vexfs_dev dev;
	char why[256];

	fill(image, 0, "x", 1);
	assert_int_equal(vexfs_format_plan(&f, &sb, why, sizeof(why)), 0);
	assert_int_equal(vexfs_dev_open(&dev, image, O_RDWR), 0);
	assert_int_equal(vexfs_format_write(&dev, &f, &sb), -ENOSPC);
	vexfs_dev_close(&dev);
	assert_int_equal(truncate(image, 16 << 20), 0);
	assert_int_equal(vexfs_dev_open(&dev, image, O_RDONLY), 0);
	assert_int_equal(vexfs_format_write(&dev, &f, &sb), -EBADF);
	vexfs_dev_close(&dev);
}

/* ---- blkdev.c ------------------------------------------------------------ */

static void test_mountinfo(void **state)
{
	char text[] = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
		      "nonsense\n"
		      "30 22 7:3 / /mnt/with\\040blank\\134slash rw - vexfs /dev/loop3 rw\n";
	char where[64];
	FILE *f = fmemopen(text, strlen(text), "r");

	assert_non_null(f);
	assert_true(vexfs_mountinfo_find(f, 7, 3, where, sizeof(where)));
	assert_string_equal(where, "/mnt/with blank\\slash");
	rewind(f);
	assert_true(vexfs_mountinfo_find(f, 254, 1, where, sizeof(where)));
	assert_string_equal(where, "/");
	rewind(f);
	assert_false(vexfs_mountinfo_find(f, 7, 1, where, sizeof(where)));
	rewind(f);
	assert_true(vexfs_mountinfo_find(f, 7, 3, where, 5));
	assert_string_equal(where, "/mnt");
	fclose(f);
}

static void test_parse_size(void **state)
{
	u64 n;

	assert_int_equal(vexfs_parse_size("4096", &n), 0);
	assert_int_equal(n, 4096);
	assert_int_equal(vexfs_parse_size("3k", &n), 0);
	assert_int_equal(n, 3072);
	assert_int_equal(vexfs_parse_size("2GiB", &n), 0);
	assert_int_equal(n, 2ULL << 30);
	assert_int_equal(vexfs_parse_size("5TB", &n), 0);
	assert_int_equal(n, 5ULL << 40);
	assert_int_equal(vexfs_parse_size("", &n), -EINVAL);
	assert_int_equal(vexfs_parse_size("+1", &n), -EINVAL);
	assert_int_equal(vexfs_parse_size("1MM", &n), -EINVAL);
	assert_int_equal(vexfs_parse_size("0x10", &n), -EINVAL);
	assert_int_equal(vexfs_parse_size("8192P", &n), -ERANGE);
}

static void test_format_size(void **state)
{
	char buf[24];

	assert_string_equal(vexfs_format_size(0, buf, sizeof(buf)), "0 B");
	assert_string_equal(vexfs_format_size(1536, buf, sizeof(buf)), "1.5 KiB");
	assert_string_equal(vexfs_format_size(3ULL << 40, buf, sizeof(buf)), "3 TiB");
	assert_string_equal(vexfs_format_size(~0ULL, buf, sizeof(buf)), "15.9 EiB");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_sizes), T(test_default_journal), T(test_flex), T(test_last_alone),
		T(test_largest), T(test_16t), T(test_options), T(test_more_options), T(test_discard), T(test_help),
		T(test_label_limit), T(test_dry_run), T(test_usage), T(test_too_small),
		T(test_too_large), T(test_wrong_kind), T(test_not_empty), T(test_wipe),
		T(test_keeps_rest), T(test_journal_is_zeroed), T(test_superblock_last),
		T(test_write_error), T(test_mountinfo), T(test_parse_size), T(test_format_size),
	};

	return cmocka_run_group_tests_name("mkfs", tests, NULL, NULL);
}
