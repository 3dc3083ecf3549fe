// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:192M mem=512M time=500
 *
 * A file with more names than its inode holds: each is recorded, however names
 * come, move and go, so that search finds the file by any of them. 9, 10,000 and
 * 70,000 names in a few directories; they are renamed, some over others, some are
 * exchanged; a crash; at last one name is left.
 */
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "tests/guest/vecguest.h"

#define DIRS		7
#define XCHG		2		/* RENAME_EXCHANGE */

static float here[4] = { 1, 2, 3, 4 };

static const char *name(uint32_t i, const char *kind)
{
	static char p[2][300];
	static int turn;

	turn = !turn;
	snprintf(p[turn], sizeof(p[turn]), "%s/d%u/%s%u", guest_mnt, i % DIRS, kind, i);
	return p[turn];
}

static void must(int ret, const char *what, uint32_t i)
{
	if (ret)
		ktap_bail("%s %u: %s", what, i, strerror(errno));
}

static int fsck_clean(void)
{
	int st;

	if (umount(guest_mnt))
		ktap_bail("umount");
	st = guest_fsck();
	must(guest_mount(""), "mount", 0);
	return st == 0;
}

/* Stop the filesystem as a crash does, after what is committed. */
static void crash(void)
{
	uint32_t how = VEXFS_SHUTDOWN_LOGFLUSH;
	int fd = vg_root();

	must(ioctl(fd, VEXFS_IOC_SHUTDOWN, &how), "shutdown", 0);
	close(fd);
	must(umount(guest_mnt), "umount", 0);
	must(guest_mount(""), "mount after the crash", 0);
}

static bool finds(const char *path)
{
	static struct vg_search g;
	int fd = vg_root(), err = vg_run(&g, fd, "links", here, 4, 1, 0);

	close(fd);
	if (err || g.s.found != 1 || strcmp(vg_path(&g, 0), path)) {
		ktap_note("search: error %d, %u found, %s instead of %s", err, g.s.found,
			  g.s.found ? vg_path(&g, 0) : "nothing", path);
		return false;
	}
	return true;
}

static void make(void)
{
	struct vexfs_embedding e = {
		.collection = "links", .data = here, .bytes = sizeof(here),
	};
	char dir[16];
	int fd;

	vg_fresh("");
	for (int i = 0; i < DIRS; i++) {
		snprintf(dir, sizeof(dir), "d%d", i);
		vg_mkdir(dir, 0755);
	}
	must(vg_collection("links", 4, VEXFS_IOC_F32, VEXFS_IOC_L2), "collection", 0);
	fd = vg_file("d0/n0", 0644);
	must(vexfs_embedding_set(fd, &e), "set", 0);
	close(fd);
}

static struct stat attributes(const char *path)
{
	struct stat st = { 0 };

	must(stat(path, &st), "stat", 0);
	return st;
}

/* Every tenth moves over a file of another inode, every tenth changes places with one. */
static void rename_each(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (i % 10 == 3 || i % 10 == 7)
			close(open(name(i, "r"), O_CREAT | O_WRONLY, 0644));
		if (i % 10 == 7) {
			must((int)syscall(SYS_renameat2, AT_FDCWD, name(i, "n"), AT_FDCWD,
					  name(i, "r"), XCHG), "exchange", i);
			must(unlink(name(i, "n")), "unlink what was exchanged", i);
		} else {
			must(rename(name(i, "n"), name(i, "r")), "rename", i);
		}
	}
}

static void make_names(uint32_t n)
{
	make();
	for (uint32_t i = 1; i < n; i++)
		must(link(name(0, "n"), name(i, "n")), "link", i);
	ktap(attributes(name(n - 1, "n")).st_nlink == n && fsck_clean(),
	     "%u names: each is recorded", n);
}

/* More than a link count of 16 bits holds; an emulated guest has no time to move them all. */
static void very_many(uint32_t n)
{
	make_names(n);
	rename_each(n / 70);
	for (uint32_t i = n / 70; i < n / 35; i++)
		must(unlink(name(i, "n")), "unlink", i);
	crash();
	ktap(fsck_clean(), "%u names: some moved and removed, and a crash", n);
	umount(guest_mnt);
}

static void names(uint32_t n)
{
	struct stat one, st;
	uint32_t last = n - 1;
	char path[300];

	make_names(1);
	one = attributes(name(0, "n"));
	umount(guest_mnt);
	make_names(n);
	rename_each(n);
	st = attributes(name(last, "r"));
	ktap(st.st_nlink == n && fsck_clean(), "%u names: each is renamed", n);
	for (uint32_t i = 0; i < n / 2; i++)
		must(unlink(name(i, "r")), "unlink", i);
	crash();
	ktap(fsck_clean(), "%u names: half of them removed, and a crash", n);
	for (uint32_t i = n / 2; i < last; i++)
		must(unlink(name(i, "r")), "unlink", i);
	st = attributes(name(last, "r"));
	ktap(st.st_nlink == 1 && st.st_blocks <= one.st_blocks + 24,
	     "%u names: with one left, the record takes at most three blocks", n);
	snprintf(path, sizeof(path), "d%u/r%u", last % DIRS, last);
	ktap(finds(path), "%u names: search finds the file by the last", n);
	must(unlink(name(last, "r")), "unlink", last);
	ktap(fsck_clean(), "%u names: all removed", n);
	umount(guest_mnt);
}

/* The inode holds four: moving one of them needs no block, on a full device neither. */
static void in_place(void)
{
	char path[300];
	struct stat st;

	make();
	for (uint32_t i = 1; i < 4; i++)
		must(link(name(0, "n"), name(i, "n")), "link", i);
	st = attributes(name(0, "n"));
	for (uint32_t i = 0; i < 4; i++)
		must(rename(name(i, "n"), name(i, "r")), "rename", i);
	ktap(st.st_blocks == attributes(name(3, "r")).st_blocks && fsck_clean(),
	     "a rename replaces the record in place");
	for (uint32_t i = 0; i < 3; i++)
		must(unlink(name(i, "r")), "unlink", i);
	snprintf(path, sizeof(path), "d3/r3");
	ktap(finds(path), "... and search finds it");
	umount(guest_mnt);
}

int main(void)
{
	guest_setup();
	ktap_plan(18);
	in_place();
	names(9);
	names(10000);
	very_many(70000);
	return ktap_exit();
}
