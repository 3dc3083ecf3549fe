// SPDX-License-Identifier: GPL-2.0
/*
 * mkfs.vexfs --populate: what is copied, that the same input makes the same image, and what a failure leaves. The
 * guest test of this name compares a mounted copy; here images are read by core/ and judged by fsck.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/image_write.h"
#include "tests/unit/imgbuild.h"
#include "tools/mkfs/mkfs.h"

static char dir[200], tree[256], image[256], other[256];
static struct ib ib;

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/vexfs-populate-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(tree, sizeof(tree), "%s/tree", dir);
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	assert_int_equal(mkdir(tree, 0750), 0);
	assert_int_equal(setenv("SOURCE_DATE_EPOCH", "1700000000", 1), 0);
	return 0;
}

static int teardown(void **state)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	unsetenv("SOURCE_DATE_EPOCH");
	return system(cmd);
}

static const char *at(const char *name)
{
	static char path[4][600];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", tree, name);
	return path[turn];
}

static void put_file(const char *name, off_t off, const void *data, size_t len)
{
	int fd = open(at(name), O_RDWR | O_CREAT, 0640);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, off), len);
	close(fd);
}

static void populate_to(const char *to, const char *size, int code, const char *text)
{
	char *argv[] = { "mkfs.vexfs", "-f", "-i", "4096", "--populate", tree, (char *)to, (char *)size, NULL };
	char *out;
	int ret = run_captured(mkfs_main, argv, &out);

	if (ret != code || !strstr(out, text))
		fail_msg("expected exit code %d and '%s', got %d and:\n%s", code, text, ret, out);
	free(out);
}

static void fsck_clean(const char *path)
{
	const char *bin = getenv("VEXFS_BIN");
	char cmd[700];

	snprintf(cmd, sizeof(cmd), "%s/fsck.vexfs -n '%s' >&2", bin ? bin : "build/bin", path);
	assert_int_equal(system(cmd), 0);
}

static void open_image(void)
{
	fsck_clean(image);
	memset(&ib, 0, sizeof(ib));
	snprintf(ib.path, sizeof(ib.path), "%s", image);
	ib_open(&ib);
}

static void close_image(void)
{
	vexfs_image_close(&ib.img);
	vexfs_dev_close(&ib.dev);
}

/* The inode of a name below a directory. */
static struct vexfs_inode find(u64 parent, const char *name)
{
	struct vexfs_inode di = ib_get_inode(&ib, parent);
	struct vexfs_tree t = {
		.io = &ib.img.io, .root = &di.i_root, .owner = parent, .leaf_magic = VEXFS_MAGIC_DIR,
	};
	u64 ino;
	u8 type;

	if (vexfs_dir_lookup(&t, vexfs_dir_hash(ib.img.geo.hash_key, name, strlen(name)), name,
			     strlen(name), &ino, &type))
		fail_msg("no %s", name);
	assert_int_equal(vexfs_image_get_inode(&ib.img, ino, &di), 0);
	return di;
}

static u64 ino_of(u64 parent, const char *name)
{
	struct vexfs_inode di = find(parent, name);

	return le64_to_cpu(di.i_ino);
}

/* ---- what is copied ---------------------------------------------------------- */

static void test_files(void **state)
{
	struct timespec t[2] = { { 1000000000, 5 }, { 1234567890, 987654321 } };
	struct vexfs_inode di;
	struct stat st;
	struct vexfs_blk b;
	char block[4096];

	memset(block, 'x', sizeof(block));
	put_file("file", 0, block, 4096);
	put_file("file", 40960, block, 100);
	assert_int_equal(utimensat(AT_FDCWD, at("file"), t, 0), 0);
	assert_int_equal(chmod(at("file"), 04751), 0);
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(mkdir(at("sub"), 01777), 0);
	populate_to(image, "32M", 0, "VexFS version 2");
	open_image();
	di = find(VEXFS_ROOT_INO, "file");
	assert_int_equal(le16_to_cpu(di.i_mode), S_IFREG | 04751);
	assert_int_equal(le64_to_cpu(di.i_size), 41060);
	assert_int_equal(le64_to_cpu(di.i_blocks), 2);		/* the hole is kept */
	assert_int_equal(le64_to_cpu(di.i_mtime), 1234567890);
	assert_int_equal(le32_to_cpu(di.i_mtime_nsec), 987654321);
	assert_int_equal(le64_to_cpu(di.i_atime), 1234567890);	/* SOURCE_DATE_EPOCH: reading changes it */
	assert_int_equal(stat(at("file"), &st), 0);
	assert_int_equal(le32_to_cpu(di.i_uid), st.st_uid);
	ib_pin(&ib, ib_map(&ib, le64_to_cpu(di.i_ino), 10), &b);
	assert_memory_equal(b.data, block, 100);
	assert_true(vexfs_all_zero((u8 *)b.data + 100, 3996));
	ib.img.io.ops->put(&ib.img.io, &b);
	di = find(VEXFS_ROOT_INO, "sub");
	assert_int_equal(le64_to_cpu(di.i_mtime), 1700000000);	/* not later than SOURCE_DATE_EPOCH */
	di = find(VEXFS_ROOT_INO, "fifo");
	assert_true(S_ISFIFO(le16_to_cpu(di.i_mode)));
	di = ib_get_inode(&ib, VEXFS_ROOT_INO);
	assert_int_equal(le16_to_cpu(di.i_mode), S_IFDIR | 0750);
	assert_int_equal(le32_to_cpu(di.i_nlink), 3);
	close_image();
}

static void test_devices(void **state)
{
	struct vexfs_inode di;

	if (geteuid())
		skip();
	if (mknod(at("dev"), S_IFBLK | 0600, makedev(259, 70000)))
		skip();
	populate_to(image, "16M", 0, "");
	open_image();
	di = find(VEXFS_ROOT_INO, "dev");
	assert_int_equal(le32_to_cpu(di.i_rdev), (70000 & 0xff) | 259 << 8 | (70000 & ~0xff) << 12);
	close_image();
}

/* One inode, more names than it records itself, in several directories. */
static void test_hard_links(void **state)
{
	struct vexfs_inode di;
	char name[40];
	u64 ino;
	int i;

	assert_int_equal(mkdir(at("sub"), 0755), 0);
	put_file("a", 0, "x", 1);
	for (i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), i % 2 ? "l%d" : "sub/l%d", i);
		assert_int_equal(link(at("a"), at(name)), 0);
	}
	populate_to(image, "16M", 0, "");
	open_image();
	ino = ino_of(VEXFS_ROOT_INO, "a");
	di = ib_get_inode(&ib, ino);
	assert_int_equal(le32_to_cpu(di.i_nlink), 401);
	assert_true(di.i_link_block != 0);
	assert_int_equal(ino_of(VEXFS_ROOT_INO, "l399"), ino);
	assert_int_equal(ino_of(ino_of(VEXFS_ROOT_INO, "sub"), "l398"), ino);
	close_image();
}

static void test_symlinks(void **state)
{
	static const u32 len[] = { 1, 144, 145, 4032, 4033, 4095 };
	char target[4096], name[20];
	struct vexfs_inode di;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(len); i++) {
		memset(target, 'a' + i, len[i]);
		target[len[i]] = 0;
		snprintf(name, sizeof(name), "%u", len[i]);
		assert_int_equal(symlink(target, at(name)), 0);
	}
	populate_to(image, "16M", 0, "");
	open_image();
	for (i = 0; i < ARRAY_SIZE(len); i++) {
		snprintf(name, sizeof(name), "%u", len[i]);
		di = find(VEXFS_ROOT_INO, name);
		assert_int_equal(le64_to_cpu(di.i_size), len[i]);
		assert_int_equal(le64_to_cpu(di.i_blocks), len[i] > VEXFS_SYMLINK_INLINE);
	}
	close_image();
}

static void test_big_directory(void **state)
{
	struct vexfs_inode di;
	char name[40];
	int i;

	for (i = 0; i < 30000; i++) {
		snprintf(name, sizeof(name), "a-name-%06d", i);
		assert_int_equal(mknod(at(name), S_IFREG | 0600, 0), 0);
	}
	populate_to(image, "200M", 0, "");
	open_image();
	di = ib_get_inode(&ib, VEXFS_ROOT_INO);
	assert_int_equal(le64_to_cpu(di.i_size), 30000);
	assert_true(le16_to_cpu(di.i_root.r_level) >= 2);
	find(VEXFS_ROOT_INO, "a-name-029999");
	close_image();
}

/* In the inode and in the block. Larger values than the host's filesystem takes: the next test. */
static void test_xattrs(void **state)
{
	struct vexfs_xattr_ent e;
	struct vexfs_inode di;
	char value[1000];

	memset(value, 'v', sizeof(value));
	put_file("f", 0, "x", 1);
	if (setxattr(at("f"), "user.small", "1", 1, 0) || setxattr(at("f"), "user.large", value, 1000, 0))
		skip();
	populate_to(image, "16M", 0, "");
	open_image();
	assert_true(ib.img.geo.feature[VEXFS_INCOMPAT] & VEXFS_FEATURE_INCOMPAT_XATTR);
	di = find(VEXFS_ROOT_INO, "f");
	assert_true(vexfs_xattr_find(di.i_xattr, VEXFS_XATTR_INLINE, VEXFS_XATTR_USER, "small", 5, &e));
	assert_true(di.i_xattr_block != 0);
	assert_int_equal(le64_to_cpu(di.i_blocks), 2);
	close_image();
}

/* What a filesystem says of "flagged", "project" and directories called so: the host's may have none of these. */
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	char link[64], path[600] = "";
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if ((request != FS_IOC_FSGETXATTR && request != FS_IOC_GETFLAGS) ||
	    readlink(link, path, sizeof(path) - 1) < 0)
		return __real_ioctl(fd, request, arg);
	if (request == FS_IOC_GETFLAGS)
		*(int *)arg = strstr(path, "flagged") ? FS_DIRSYNC_FL : 0;
	else
		*(struct fsxattr *)arg = (struct fsxattr){
			.fsx_xflags = strstr(path, "flagged") ? FS_XFLAG_IMMUTABLE | FS_XFLAG_NODUMP | FS_XFLAG_DAX : 0,
			.fsx_projid = strstr(path, "project") ? 77 : 0,
		};
	return 0;
}

static void test_flags(void **state)
{
	struct vexfs_inode di;

	put_file("flagged", 0, "x", 1);
	put_file("project", 0, "x", 1);
	put_file("plain", 0, "x", 1);
	assert_int_equal(mkdir(at("flagged-dir"), 0755), 0);
	populate_to(image, "16M", 0, "");
	open_image();
	di = find(VEXFS_ROOT_INO, "flagged");
	assert_int_equal(le32_to_cpu(di.i_flags), VEXFS_INODE_IMMUTABLE | VEXFS_INODE_NODUMP);
	di = find(VEXFS_ROOT_INO, "flagged-dir");
	assert_int_equal(le32_to_cpu(di.i_flags), VEXFS_INODE_IMMUTABLE | VEXFS_INODE_NODUMP | VEXFS_INODE_DIRSYNC);
	di = find(VEXFS_ROOT_INO, "project");
	assert_int_equal(le32_to_cpu(di.i_projid), 77);
	di = find(VEXFS_ROOT_INO, "plain");
	assert_int_equal(le32_to_cpu(di.i_flags) | le32_to_cpu(di.i_projid), 0);
	close_image();
}

/* Every way to store a value, through the library: the kernel's rule decides which. */
static void test_xattr_places(void **state)
{
	static u8 value[VEXFS_XATTR_VALUE_MAX];
	struct vexfs_xattr_ent e = { .kind = VEXFS_XATTR_USER, .value = value, .name_len = 3 };
	struct vexfs_inode di, root;
	char name[4];
	u32 i;

	ib_make(&ib, 8192);
	ib.img.geo.feature[VEXFS_INCOMPAT] |= VEXFS_FEATURE_INCOMPAT_XATTR;
	assert_int_equal(vexfs_image_new_inode(&ib.img, S_IFREG | 0644, &di), 0);
	memset(value, 0xa5, sizeof(value));
	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "%03u", i);
		e.name = name;
		e.value_len = i % 3 ? i * 37 : sizeof(value) - i;
		assert_int_equal(vexfs_image_add_xattr(&ib.img, &di, &e), 0);
	}
	e.value_len = 0;
	for (; i < 1000; i++) {
		snprintf(name, sizeof(name), "%03u", i);
		if (vexfs_image_add_xattr(&ib.img, &di, &e))
			break;
	}
	assert_true(i < 1000);
	assert_int_equal(vexfs_image_add_xattr(&ib.img, &di, &e), -E2BIG);
	assert_int_equal(vexfs_image_get_inode(&ib.img, VEXFS_ROOT_INO, &root), 0);
	assert_int_equal(vexfs_image_add_name(&ib.img, &root, &di, "f", 1), 0);
	assert_int_equal(vexfs_image_put_inode(&ib.img, &di), 0);
	assert_int_equal(vexfs_image_put_inode(&ib.img, &root), 0);
	assert_int_equal(vexfs_image_add_name(&ib.img, &root, &di, "f", 1), -EEXIST);
	ib_xattr(&ib, VEXFS_ROOT_INO, IB_INLINE, VEXFS_XATTR_USER, "x", "", 0);	/* sets the feature's bit */
	ib_close(&ib);
	fsck_clean(ib.path);
	ib_remove(&ib);
}

/* ---- the same again ------------------------------------------------------------ */

static bool same_files(const char *a, const char *b)
{
	char cmd[700];

	snprintf(cmd, sizeof(cmd), "cmp -s '%s' '%s'", a, b);
	return system(cmd) == 0;
}

static void test_reproducible(void **state)
{
	char name[40], cmd[700], block[4096];
	int i;

	memset(block, 'x', sizeof(block));
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%03d", (i * 7) % 300);
		put_file(name, 0, block, 100 + i * 13 % 4000);
	}
	assert_int_equal(link(at("001"), at("link")), 0);
	populate_to(image, "32M", 0, "");
	/* A copy has other inode numbers, another order of names, and no holes. */
	snprintf(cmd, sizeof(cmd), "cd '%s' && cp -a --sparse=never tree copy && rm -r tree && mv copy tree", dir);
	assert_int_equal(system(cmd), 0);
	populate_to(other, "32M", 0, "");
	assert_true(same_files(image, other));
	put_file("000", 0, "y", 1);
	populate_to(other, "32M", 0, "");
	assert_false(same_files(image, other));
	unsetenv("SOURCE_DATE_EPOCH");
	populate_to(image, "32M", 0, "");
	populate_to(other, "32M", 0, "");
	assert_false(same_files(image, other));
}

static void test_seed(void **state)
{
	char *argv[] = { "mkfs.vexfs", "-q", "-f", "-E", NULL, image, "16M", NULL };
	struct vexfs_super_block first;
	char *out;
	int i;

	for (i = 0; i < 3; i++) {
		argv[4] = strdupa(i < 2 ? "seed=one" : "seed=two");
		assert_int_equal(run_captured(mkfs_main, argv, &out), 0);
		free(out);
		open_image();
		if (!i)
			first = ib.img.sb;
		assert_int_equal(!memcmp(first.s_uuid, ib.img.sb.s_uuid, 16), i < 2);
		assert_int_equal(!memcmp(first.s_hash_key, ib.img.sb.s_hash_key, 16), i < 2);
		close_image();
	}
}

static void test_bad_epoch(void **state)
{
	setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
	populate_to(image, "16M", 2, "give seconds since 1970");
}

/* ---- failures ------------------------------------------------------------------ */

static void expect_nothing(const char *path)
{
	struct vexfs_super_block sb;
	struct vexfs_dev dev;

	assert_int_equal(vexfs_dev_open(&dev, path, O_RDONLY), 0);
	assert_int_equal(vexfs_dev_read(&dev, VEXFS_SB_OFFSET, &sb, sizeof(sb)), 0);
	assert_int_not_equal(le32_to_cpu(sb.s_magic), VEXFS_SB_MAGIC);
	vexfs_dev_close(&dev);
}

/* The image is full. A file that was made goes, one that was there has no filesystem afterwards. */
static void test_full(void **state)
{
	static char data[8 << 20];
	char name[20];
	int i;

	memset(data, 'x', sizeof(data));
	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%d", i);
		put_file(name, 0, data, sizeof(data));
	}
	populate_to(image, "16M", 1, "does not fit: the image is full");
	assert_int_equal(access(image, F_OK), -1);
	assert_int_equal(mknod(image, S_IFREG | 0600, 0), 0);
	populate_to(image, "300M", 0, "");
	assert_int_equal(truncate(image, 16 << 20), 0);
	populate_to(image, "16M", 1, "it holds no filesystem now");
	expect_nothing(image);
}

static void test_no_inodes(void **state)
{
	char name[20];
	int i;

	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(mknod(at(name), S_IFREG | 0600, 0), 0);
	}
	populate_to(image, "16M", 1, "all inodes are in use");
}

static void test_itself(void **state)
{
	populate_to(at("image"), "16M", 1, "is the image that is being made");
	assert_int_equal(access(at("image"), F_OK), -1);
}

static void test_unreadable(void **state)
{
	if (!geteuid())
		skip();		/* root reads everything */
	put_file("secret", 0, "x", 1);
	assert_int_equal(chmod(at("secret"), 0), 0);
	populate_to(image, "16M", 1, "secret: cannot be opened: Permission denied");
	chmod(at("secret"), 0600);
}

static void test_too_large(void **state)
{
	put_file("f", 0, "x", 1);
	if (truncate(at("f"), 17LL << 40))
		skip();		/* the host's filesystem has no such files */
	populate_to(image, "16M", 1, "is too large: a file has at most 16 TiB");
}

/* What the handler of SIGINT does, when the first entry has been copied. */
static void interrupt(void *ctx, const char *what, u64 done, u64 total)
{
	mkfs_stopped = !strcmp(what, "entries") && done ? SIGINT : 0;
}

static void test_interrupted(void **state)
{
	struct vexfs_format f = { .blocks = 4096, .uuid = "x", .progress = interrupt };
	struct mkfs_source src = { .dir = tree };
	struct vexfs_super_block sb;
	struct vexfs_dev dev;
	char why[256];

	put_file("a", 0, "x", 1);
	put_file("b", 0, "x", 1);
	populate_to(image, "16M", 0, "");
	assert_int_equal(vexfs_format_plan(&f, &sb, why, sizeof(why)), 0);
	assert_int_equal(vexfs_dev_open(&dev, image, O_RDWR), 0);
	assert_int_equal(vexfs_format_begin(&dev, &f, &sb), 0);
	assert_int_equal(mkfs_populate(&dev, &src, &f, &sb), -EINTR);
	vexfs_dev_close(&dev);
	expect_nothing(image);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_files), T(test_devices), T(test_hard_links), T(test_symlinks),
		T(test_big_directory), T(test_xattrs), T(test_flags), T(test_xattr_places), T(test_reproducible),
		T(test_seed), T(test_bad_epoch), T(test_full), T(test_no_inodes), T(test_itself),
		T(test_unreadable), T(test_too_large), T(test_interrupted),
	};

	return cmocka_run_group_tests_name("populate", tests, NULL, NULL);
}
