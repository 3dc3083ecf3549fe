// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240
 *
 * A device filled to the last block and the last inode: errors are ENOSPC and
 * come from write(2) or create, what was written before stays right, and
 * deleting makes all of it usable again.
 */
#include <sys/statvfs.h>

#include "tests/guest/guest.h"

#define CHUNK	65536

static unsigned char buf[CHUNK];

/* Write one file until the device is full. Returns bytes, -1 on another error. */
static long long fill_file(const char *name)
{
	char p[512];
	long long total = 0;
	int fd;

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, name);
	fd = open(p, O_CREAT | O_WRONLY | O_TRUNC, 0644);
	if (fd < 0)
		return -1;
	for (;;) {
		ssize_t n;

		memset(buf, (int)(total / CHUNK % 251) + 1, sizeof(buf));
		n = write(fd, buf, sizeof(buf));
		if (n < 0 && errno == ENOSPC)
			break;
		if (n <= 0)
			return -1;
		total += n;
	}
	return fsync(fd) || close(fd) ? -1 : total;
}

static bool right_file(const char *name, long long total)
{
	char p[512];
	long long off = 0;
	ssize_t n;
	int fd;

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, name);
	fd = open(p, O_RDONLY);
	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++, off++)
			if (buf[i] != off / CHUNK % 251 + 1)
				return false;
	close(fd);
	return off == total;
}

/* Empty files until there is no inode (or no directory block) left. */
static int fill_inodes(void)
{
	char p[512];
	int n = 0;

	snprintf(p, sizeof(p), "%s/many", guest_mnt);
	mkdir(p, 0755);
	for (;; n++) {
		int fd;

		snprintf(p, sizeof(p), "%s/many/%d", guest_mnt, n);
		fd = open(p, O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0)
			return errno == ENOSPC ? n : -1;
		close(fd);
	}
}

static bool empty_inodes(int n)
{
	char p[512];

	while (n--) {
		snprintf(p, sizeof(p), "%s/many/%d", guest_mnt, n);
		if (unlink(p))
			return false;
	}
	snprintf(p, sizeof(p), "%s/many", guest_mnt);
	return rmdir(p) == 0;
}

static bool remove_file(const char *name)
{
	char p[512];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, name);
	return unlink(p) == 0;
}

int main(void)
{
	unsigned long long before;
	long long a, b;
	int n, m;

	ktap_plan(11);
	guest_setup();
	ktap(guest_mkfs("") == 0 && guest_mount(NULL) == 0, "mkfs and mount");
	before = guest_free_blocks();
	a = fill_file("big");
	ktap(a > (long long)before * 4096 * 9 / 10, "one file takes %lld of %llu bytes", a, before * 4096);
	ktap(guest_free_blocks() < 16, "nothing is left: %llu blocks", guest_free_blocks());
	/* A block or two that were promised to the extents of the first, on a large device. */
	b = fill_file("more");
	ktap(b >= 0 && b < 16 * 4096, "the next file gets ENOSPC after %lld bytes", b);
	ktap(right_file("big", a), "the full file is right");
	/* At once, without a sync in between: freed blocks wait for a commit. */
	b = remove_file("big") ? fill_file("again") : -1;
	ktap(b >= a - 16 * 4096, "all of it is usable again at once: %lld bytes", b);
	ktap(umount(guest_mnt) == 0 && guest_mount(NULL) == 0 && right_file("again", b),
	     "right after a remount");
	remove_file("again");
	remove_file("more");
	n = fill_inodes();
	ktap(n > 3000, "%d empty files, then ENOSPC", n);
	ktap(empty_inodes(n), "all of them removed");
	m = fill_inodes();
	ktap(m == n, "the same number fits again: %d", m);
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
