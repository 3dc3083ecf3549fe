// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=90 slice
 *
 * Files without a name (O_TMPFILE), the name they get by linkat(2), and what a crash leaves of
 * both; and the whiteouts that renames leave.
 */
#include <linux/fs.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "tests/guest/vecguest.h"

#ifndef O_TMPFILE
#define O_TMPFILE	(020000000 | O_DIRECTORY)
#endif
#define SIZE		20000
#define WHITEOUT	(1 << 2)
#define NOREPLACE	1

static char buf[SIZE], have[SIZE + 1];

static int tmpfile_in(const char *dir, int flags)
{
	int fd = open(guest_at(dir), O_TMPFILE | O_RDWR | flags, 0640);

	memset(buf, 't', sizeof(buf));
	if (fd >= 0 && write(fd, buf, SIZE) != SIZE)
		ktap_bail("write");
	return fd;
}

static int name_it(int fd, const char *name)
{
	return linkat(fd, "", AT_FDCWD, guest_at(name), AT_EMPTY_PATH) ? -errno : 0;
}

static bool whole(const char *name)
{
	int fd = open(guest_at(name), O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, have, sizeof(have));

	close(fd);
	return n == SIZE && !memcmp(have, buf, SIZE);
}

static unsigned long free_inodes(void)
{
	struct statfs st;

	return statfs(guest_mnt, &st) ? 0 : (unsigned long)st.f_ffree;
}

/* @fd, if not -1, is open when it happens. */
static void crash(__u32 how, int fd)
{
	int root = vg_root();

	if (ioctl(root, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(root);
	if (fd >= 0)
		close(fd);
	vg_remount();
}

static void test_unnamed(void)
{
	unsigned long before = free_inodes();
	unsigned long long room;
	struct stat st;
	int fd, bad = 0;

	sync();
	room = guest_free_blocks();
	fd = tmpfile_in("", 0);
	bad += fd < 0 || fstat(fd, &st) || st.st_nlink || (st.st_mode & 07777) != 0640;
	bad += free_inodes() != before - 1 || fsync(fd) != 0;
	close(fd);
	sync();
	bad += free_inodes() != before || guest_free_blocks() != room;
	fd = tmpfile_in("", 0);
	fsync(fd);
	close(fd);
	fd = tmpfile_in("", 0);
	fsync(fd);
	crash(VEXFS_SHUTDOWN_LOGFLUSH, fd);
	sync();
	bad += free_inodes() != before || guest_free_blocks() != room;
	ktap(!bad, "a file without a name goes with its last close, or with a crash");
}

static void test_named(void)
{
	struct stat st;
	int fd = tmpfile_in("", 0), bad = 0;

	bad += name_it(fd, "named") != 0 || fstat(fd, &st) || st.st_nlink != 1;
	bad += name_it(fd, "second") != 0 || unlink(guest_at("second")) != 0;
	bad += name_it(fd, "named") != -EEXIST;
	close(fd);
	vg_remount();
	bad += !whole("named");
	fd = tmpfile_in("", O_EXCL);
	bad += name_it(fd, "never") != -ENOENT;
	close(fd);
	ktap(!bad, "linkat gives it a name; with O_EXCL it does not");
}

static void test_named_crash(void)
{
	unsigned long before;
	int fd, bad = 0;
	struct stat st;

	sync();
	before = free_inodes();
	fd = tmpfile_in("", 0);
	bad += name_it(fd, "kept") != 0 || fsync(fd) != 0;
	close(fd);
	crash(VEXFS_SHUTDOWN_NOLOGFLUSH, -1);
	bad += !whole("kept") || free_inodes() != before - 1;
	fd = tmpfile_in("", 0);
	fsync(fd);
	bad += name_it(fd, "maybe") != 0;
	close(fd);
	crash(VEXFS_SHUTDOWN_NOLOGFLUSH, -1);
	if (stat(guest_at("maybe"), &st))
		bad += free_inodes() != before - 1;
	else
		bad += !whole("maybe") || st.st_nlink != 1 || free_inodes() != before - 2;
	ktap(!bad, "after a crash it has its name and content, or is gone");
}

/* An embedding of a file without a name is found when it has one. */
static void test_embedding(void)
{
	int fd = tmpfile_in("", 0), bad = 0;

	bad += vg_collection("tmp", 8, VEXFS_IOC_F32, VEXFS_IOC_L2) != 0;
	bad += vg_set(fd, "tmp", VEXFS_IOC_F32, 8, 0, 1) != 0 || name_it(fd, "vec") != 0;
	close(fd);
	vg_remount();
	fd = open(guest_at("vec"), O_RDONLY);
	bad += vg_compare(fd, "tmp", VEXFS_IOC_F32, 8, 0, 1) != 0;
	close(fd);
	fd = tmpfile_in("", 0);
	bad += vg_set(fd, "tmp", VEXFS_IOC_F32, 8, 0, 1) != 0;
	close(fd);
	ktap(!bad, "embeddings of files without a name");
}

/* ---- whiteouts ---------------------------------------------------------------------- */

static int move(const char *from, const char *to, unsigned int flags)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, guest_at(from), AT_FDCWD, guest_at(to), flags) ?
	       -errno : 0;
}

static bool is_whiteout(const char *name)
{
	struct stat st;

	return !lstat(guest_at(name), &st) && S_ISCHR(st.st_mode) && !st.st_rdev;
}

static void put_file(const char *name)
{
	int fd = open(guest_at(name), O_CREAT | O_TRUNC | O_RDWR, 0644);

	memset(buf, 't', sizeof(buf));
	if (fd < 0 || write(fd, buf, SIZE) != SIZE)
		ktap_bail("make %s", name);
	close(fd);
}

static void test_whiteout(void)
{
	unsigned long before;
	int bad = 0;

	if (mkdir(guest_at("a"), 0755) || mkdir(guest_at("b"), 0755) || mkdir(guest_at("a/dir"), 0755))
		ktap_bail("mkdir");
	put_file("a/x");
	put_file("b/y");
	sync();
	before = free_inodes();
	bad += move("a/x", "b/y", NOREPLACE | WHITEOUT) != -EEXIST || is_whiteout("a/x");
	bad += move("a/x", "b/x", NOREPLACE | WHITEOUT) != 0 || !is_whiteout("a/x") || !whole("b/x");
	bad += free_inodes() != before - 1;
	bad += move("b/x", "b/y", WHITEOUT) != 0 || !is_whiteout("b/x") || !whole("b/y");
	bad += move("a/dir", "b/dir", WHITEOUT) != 0 || !is_whiteout("a/dir");
	bad += move("b/y", "b/dir", 2 | WHITEOUT) != -EINVAL;
	crash(VEXFS_SHUTDOWN_LOGFLUSH, -1);
	bad += !is_whiteout("a/x") || !is_whiteout("b/x") || !is_whiteout("a/dir") || !whole("b/y");
	bad += rmdir(guest_at("b/dir")) != 0 || unlink(guest_at("a/dir")) != 0 ||
	       unlink(guest_at("a/x")) != 0 || unlink(guest_at("b/x")) != 0 || rmdir(guest_at("a")) != 0;
	ktap(!bad, "whiteouts are where renames left them");
}

static int overlay(void)
{
	char opts[900];

	snprintf(opts, sizeof(opts), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", guest_mnt,
		 guest_mnt, guest_mnt);
	return mount("overlay", guest_at("merged"), "overlay", 0, opts);
}

/* What overlayfs asks of an upper directory, as far as it needs no attributes. */
static void test_overlay(void)
{
	int bad = 0;

	if (guest_run("grep -qw overlay /proc/filesystems || modprobe overlay")) {
		ktap_skip("overlayfs on top", "this kernel has no overlayfs");
		return;
	}
	if (mkdir(guest_at("lower"), 0755) || mkdir(guest_at("upper"), 0755) ||
	    mkdir(guest_at("work"), 0755) || mkdir(guest_at("merged"), 0755))
		ktap_bail("mkdir");
	put_file("lower/f");
	put_file("lower/g");
	if (overlay())
		ktap_bail("mount overlay");
	bad += unlink(guest_at("merged/f")) != 0 || !is_whiteout("upper/f");
	bad += rename(guest_at("merged/g"), guest_at("merged/h")) != 0 || !is_whiteout("upper/g");
	bad += !whole("merged/h") || !whole("upper/h");
	bad += umount(guest_at("merged")) != 0;
	ktap(!bad, "overlayfs on top: whiteouts of unlink and rename");
}

int main(void)
{
	ktap_plan(7);
	guest_setup();
	vg_fresh("");
	test_unnamed();
	test_named();
	test_named_crash();
	test_embedding();
	test_whiteout();
	test_overlay();
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
