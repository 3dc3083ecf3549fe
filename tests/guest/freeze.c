// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:32M mem=256M time=60
 *
 * Memory is reclaimed from a frozen filesystem: inodes are evicted, none waits to be thawed
 * (thawing needs a lock that reclaim holds: a hang is seen as this test's time-out), and
 * what a failed write left beyond the end of a file is freed later.
 */
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "tests/guest/guest.h"

#define FILES	200

static void freeze(bool on)
{
	int fd = open(guest_mnt, O_RDONLY);

	if (fd < 0 || ioctl(fd, on ? FIFREEZE : FITHAW, 0))
		ktap_bail(on ? "freeze" : "thaw");
	close(fd);
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "3", 1) != 1)
		ktap_bail("drop_caches");
	close(fd);
}

/* Files, some with an attribute whose value has an inode of its own. */
static bool make_files(void)
{
	static char value[20000];
	char name[20];
	int fd, i;

	for (i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		fd = open(guest_at(name), O_CREAT | O_RDWR, 0644);
		if (fd < 0 || write(fd, "content", 7) != 7 ||
		    (i % 10 == 0 && fsetxattr(fd, "user.large", value, sizeof(value), 0)))
			return false;
		close(fd);
	}
	sync();
	return true;
}

/* A file with blocks beyond its end that nobody asked for, held open over the freeze. */
static int failed_write(void)
{
	int fd = open(guest_at("tail"), O_CREAT | O_RDWR, 0644);

	if (fd < 0 || write(fd, "x", 1) != 1 || pwrite(fd, (void *)4096, 1 << 20, 4096) != -1)
		ktap_bail("a write with a bad buffer");
	return fd;
}

int main(void)
{
	unsigned long long before;
	int fd;

	ktap_plan(6);
	guest_setup();
	ktap(guest_mkfs("") == 0 && guest_mount(NULL) == 0, "mkfs and mount");
	ktap(make_files(), "%d files", FILES);
	before = guest_free_blocks();
	fd = failed_write();

	freeze(true);
	close(fd);
	drop_caches();
	ktap(true, "inodes leave memory while it is frozen");
	freeze(false);
	ktap(true, "it can be thawed");

	drop_caches();
	unlink(guest_at("tail"));
	sync();
	ktap(guest_free_blocks() == before, "%llu blocks are free, %llu were", guest_free_blocks(), before);
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
