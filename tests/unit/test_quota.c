// SPDX-License-Identifier: GPL-2.0
/*
 * Quota files: packed and read back, made by mkfs -O quota, checked and written anew by fsck. That the kernel reads
 * and writes the same is for the guest tests of this name.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/quota_file.h"
#include "tests/unit/fsck_damage.h"
#include "tools/fsck/fsck.h"
#include "tools/mkfs/mkfs.h"

/* ---- the format -------------------------------------------------------------- */

static struct vexfs_quota_rec some_rec(u32 id)
{
	return (struct vexfs_quota_rec){
		.id = id, .space = id * 3ULL, .inodes = id / 7, .ihard = id + 1ULL, .bsoft = 5, .btime = 1ULL << 40,
	};
}

static void fill(struct vexfs_quota_table *t, u32 n)
{
	unsigned int seed = 1;
	u32 i, id;

	vexfs_quota_init(t);
	for (i = 0; i < n; i++) {
		id = i == 0 ? 0 : i == 1 ? ~0U : i % 2 ? i : (u32)rand_r(&seed) * 2654435761U;
		*vexfs_quota_get(t, id) = some_rec(id);
	}
}

static void test_round_trip(void **state)
{
	struct vexfs_quota_table a, b;
	u32 n, type;
	size_t i;
	u8 *blocks;
	int err;

	for (type = 0; type < VEXFS_QUOTA_TYPES; type++) {
		vexfs_quota_init(&a);
		for (i = 0; i < 3000; i++) {
			u32 id = i < 2 ? -(u32)i : (u32)i * 2654435761U >> i % 20;

			*vexfs_quota_get(&a, id) = some_rec(id);
		}
		a.bgrace = 77;
		assert_int_equal(vexfs_quota_pack(&a, type, &blocks, &n), 0);
		vexfs_quota_init(&b);
		assert_null(vexfs_quota_unpack(&b, type, blocks, n, &err));
		assert_int_equal(err, 0);
		assert_int_equal(b.n, a.n);
		assert_int_equal(b.bgrace, 77);
		assert_memory_equal(a.rec, b.rec, a.n * sizeof(*a.rec));
		vexfs_quota_free(&b);
		assert_non_null(vexfs_quota_unpack(&b, (type + 1) % 3, blocks, n, &err));
		vexfs_quota_free(&b);
		free(blocks);
		vexfs_quota_free(&a);
	}
}

/* Whatever a file holds, reading it ends, within it. */
static void test_garbage(void **state)
{
	struct vexfs_quota_table t;
	unsigned int seed = 3;
	u32 n, i, j;
	u8 *blocks, *copy;
	int err;

	fill(&t, 400);
	assert_int_equal(vexfs_quota_pack(&t, 0, &blocks, &n), 0);
	vexfs_quota_free(&t);
	copy = malloc((size_t)n * VEXFS_QBLOCK);
	for (i = 0; i < 500; i++) {
		memcpy(copy, blocks, (size_t)n * VEXFS_QBLOCK);
		for (j = 0; j < 1 + i % 40; j++)
			copy[VEXFS_QBLOCK + rand_r(&seed) % ((n - 1) * VEXFS_QBLOCK)] = rand_r(&seed);
		vexfs_quota_init(&t);
		vexfs_quota_unpack(&t, 0, copy, n, &err);
		assert_int_equal(err, 0);
		vexfs_quota_free(&t);
	}
	free(copy);
	free(blocks);
}

static u64 le(const u8 *p, int n)
{
	u64 v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* What quota_v2 of Linux expects where: one record, of id 0x01020304. */
static void test_bytes(void **state)
{
	struct vexfs_quota_table t;
	u32 n;
	u8 *p;

	vexfs_quota_init(&t);
	*vexfs_quota_get(&t, 0x01020304) = (struct vexfs_quota_rec){ 0x01020304, 4096, 2, 1, 3, 5, 6, 7, 8 };
	assert_int_equal(vexfs_quota_pack(&t, 1, &p, &n), 0);
	assert_int_equal(n, 6);
	assert_int_equal(le(p, 4), 0xd9c01927);
	assert_int_equal(le(p + 4, 4), 1);
	assert_int_equal(le(p + 8, 4), 604800);
	assert_int_equal(le(p + 20, 4), 6);		/* blocks */
	assert_int_equal(le(p + 24, 4), 0);		/* free ones */
	assert_int_equal(le(p + 28, 4), 5);		/* with room for records */
	assert_int_equal(le(p + 1024 + 4 * 1, 4), 2);
	assert_int_equal(le(p + 2048 + 4 * 2, 4), 3);
	assert_int_equal(le(p + 3072 + 4 * 3, 4), 4);
	assert_int_equal(le(p + 4096 + 4 * 4, 4), 5);
	p += 5120;
	assert_int_equal(le(p + 8, 2), 1);
	p += 16;
	assert_int_equal(le(p, 4), 0x01020304);
	assert_int_equal(le(p + 8, 8), 1);
	assert_int_equal(le(p + 16, 8), 3);
	assert_int_equal(le(p + 24, 8), 2);
	assert_int_equal(le(p + 32, 8), 5);
	assert_int_equal(le(p + 40, 8), 6);
	assert_int_equal(le(p + 48, 8), 4096);
	assert_int_equal(le(p + 56, 8), 7);
	assert_int_equal(le(p + 64, 8), 8);
	free(p - 5120 - 16);
	vexfs_quota_free(&t);
}

/* ---- in a filesystem ------------------------------------------------------------ */

/* The filesystem of fsck's tests, with quota: attributes are counted, embeddings are not yet. */
static void with_quota(struct fixture *x)
{
	static char value[9000];

	fixture_make(x);
	ib_xattr(&x->ib, x->dir, IB_LARGE, VEXFS_XATTR_USER, "v", value, sizeof(value));
	x->ib.img.sb.s_feature_ro_compat |= cpu_to_le32(VEXFS_FEATURE_RO_COMPAT_QUOTA);
	x->ib.img.geo.feature[VEXFS_RO_COMPAT] |= VEXFS_FEATURE_RO_COMPAT_QUOTA;
	assert_int_equal(vexfs_image_quota_make(&x->ib.img), 0);
	EDIT_SUPER(x, sb->s_feature_ro_compat = x->ib.img.sb.s_feature_ro_compat;
		   memcpy(sb->s_quota_ino, x->ib.img.sb.s_quota_ino, sizeof(sb->s_quota_ino)));
	ib_close(&x->ib);
}

static void expect(struct ib *ib, const char *opt, int code, const char *text)
{
	char *argv[] = { "fsck.vexfs", (char *)opt, ib->path, NULL }, *out;
	int ret = run_captured(fsck_main, argv, &out);

	if (ret != code || !strstr(out, text))
		fail_msg("%s: expected exit code %d and '%s', got %d and:\n%s", opt, code, text, ret, out);
	free(out);
}

/* What embeddings are charged is found, and set right. */
static void test_embeddings(void **state)
{
	const u32 words = 128 + 32 + 32;	/* slot, 8 float32, code with header: rounded up to 16 */
	struct fixture x;
	struct vexfs_inode di;
	char text[100];

	with_quota(&x);
	snprintf(text, sizeof(text), "V1201: inode %llu: is charged 0 bytes for embeddings and values, should be %u",
		 (unsigned long long)x.file, 20 * words);
	expect(&x.ib, "-n", FSCK_ERRORS, text);
	expect(&x.ib, "-p", FSCK_CORRECTED, "REPAIRED");
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	ib_open(&x.ib);
	di = ib_get_inode(&x.ib, x.file);
	assert_int_equal(le64_to_cpu(di.i_charged), 20 * words);
	di = ib_get_inode(&x.ib, x.dir);
	assert_int_equal(le64_to_cpu(di.i_charged), 3 * 4096);
	ib_close(&x.ib);
	ib_remove(&x.ib);
}

static u64 quota_block(struct fixture *x, int type)
{
	return ib_map(&x->ib, le64_to_cpu(x->ib.img.sb.s_quota_ino[type]), 0);
}

static void usage(struct fixture *x)
{
	struct vexfs_quota_table t;
	const char *why;

	vexfs_quota_init(&t);
	assert_int_equal(vexfs_image_quota_load(&x->ib.img, 0, &t, &why), 0);
	assert_null(why);
	vexfs_quota_find(&t, 0)->space += 1;
	vexfs_quota_find(&t, 0)->bhard = 12345678;
	vexfs_quota_get(&t, 77)->isoft = 9;
	assert_int_equal(vexfs_image_quota_store(&x->ib.img, 0, &t), 0);
	vexfs_quota_free(&t);
}

static void charged(struct fixture *x)
{
	EDIT_INODE(x, x->symlink, di.i_charged = cpu_to_le64(5));
}

static void header(struct fixture *x)
{
	EDIT_BLOCK(x, quota_block(x, 1), true, p[64] ^= 1);
}

static void checksum(struct fixture *x)
{
	EDIT_BLOCK(x, quota_block(x, 2), false, p[70] ^= 1);
}

static void tree(struct fixture *x)
{
	EDIT_BLOCK(x, quota_block(x, 0), true, memset(p + 64 + 1024, 0x01, 8));
}

static void shared(struct fixture *x)
{
	EDIT_SUPER(x, sb->s_quota_ino[1] = sb->s_quota_ino[0]);
}

static void owner(struct fixture *x)
{
	EDIT_INODE(x, x->sub, di.i_uid = cpu_to_le32(1234));
}

static void test_damage(void **state)
{
	static const struct {
		void (*make)(struct fixture *x);
		const char *text;
		bool repaired;
	} cases[] = {
		{ usage, "V1204: quota of user 0: file says", true },
		{ owner, "V1204: quota of user 1234: file says 0 bytes in 0 inodes", true },
		{ charged, "V1201", true },
		{ header, "V1202: quota of groups: no header of its type", true },
		{ checksum, "V1203: quota of projects: block", true },
		{ tree, "V1202: quota of users: tree leads out of the file", true },
		{ shared, "V1205: quota of groups: inode", false },
	};
	struct fixture x;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		with_quota(&x);
		expect(&x.ib, "-p", FSCK_CORRECTED, "REPAIRED");
		ib_open(&x.ib);
		cases[i].make(&x);
		ib_close(&x.ib);
		expect(&x.ib, "-n", FSCK_ERRORS, cases[i].text);
		if (cases[i].repaired) {
			expect(&x.ib, "-y", FSCK_CORRECTED, "REPAIRED");
			expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
		}
		ib_remove(&x.ib);
	}
}

/* A file that is written anew has the limits of the old one. */
static void test_limits(void **state)
{
	struct vexfs_quota_table t;
	struct fixture x;
	const char *why;

	with_quota(&x);
	expect(&x.ib, "-p", FSCK_CORRECTED, "REPAIRED");
	ib_open(&x.ib);
	usage(&x);
	ib_close(&x.ib);
	expect(&x.ib, "-p", FSCK_CORRECTED, "quota of users written anew");
	ib_open(&x.ib);
	vexfs_quota_init(&t);
	assert_int_equal(vexfs_image_quota_load(&x.ib.img, 0, &t, &why), 0);
	assert_int_equal(vexfs_quota_find(&t, 0)->bhard, 12345678);
	assert_int_equal(vexfs_quota_find(&t, 77)->isoft, 9);
	vexfs_quota_free(&t);
	ib_close(&x.ib);
	ib_remove(&x.ib);
}

/* ---- mkfs -------------------------------------------------------------------------- */

static void test_mkfs(void **state)
{
	char dir[] = "/tmp/vexfs-quota-XXXXXX", path[64], image[64];
	char *argv[] = { "mkfs.vexfs", "-q", "-O", "quota,project", "--populate", dir, image, "32M", NULL }, *out;
	struct vexfs_quota_table t;
	struct ib ib = { };
	const char *why;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(image, sizeof(image), "%s.img", dir);
	fd = open(path, O_CREAT | O_RDWR, 0644);
	assert_int_equal(write(fd, dir, sizeof(dir)), sizeof(dir));
	close(fd);
	assert_int_equal(run_captured(mkfs_main, argv, &out), 0);
	free(out);
	snprintf(ib.path, sizeof(ib.path), "%s", image);
	expect(&ib, "-n", FSCK_CLEAN, ": clean");
	ib_open(&ib);
	vexfs_quota_init(&t);
	assert_int_equal(vexfs_image_quota_load(&ib.img, 0, &t, &why), 0);
	assert_null(why);
	/* The root with one leaf, the file with one block. */
	assert_int_equal(vexfs_quota_find(&t, geteuid())->inodes, 2);
	assert_int_equal(vexfs_quota_find(&t, geteuid())->space, 2 * 4096);
	vexfs_quota_free(&t);
	ib_close(&ib);
	ib_remove(&ib);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_garbage), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_embeddings), cmocka_unit_test(test_damage), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_mkfs),
	};

	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
