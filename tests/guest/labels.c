// SPDX-License-Identifier: GPL-2.0
/*
 * needs: kernel=fault disk=test:32M mem=768M time=200 slice
 *
 * Labels of security modules: what is made has them at once, or it is not made. The module of a
 * debug kernel pretends that there are two, one of which needs an inode for its value.
 */
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "tests/guest/vecguest.h"

#define LARGE	4095

static char got[LARGE + 1];

static const char *f(const char *name)
{
	return guest_at(name);
}

static void pretend(bool on)
{
	int fd = open("/sys/kernel/debug/vexfs/label", O_WRONLY);

	if (fd < 0 || write(fd, on ? "Y" : "N", 1) != 1)
		ktap_bail("/sys/kernel/debug/vexfs/label");
	close(fd);
}

static bool labelled(const char *name)
{
	return lgetxattr(f(name), "security.pretended", got, sizeof(got)) == 7 && !memcmp(got, "a label", 7) &&
	       lgetxattr(f(name), "security.pretended.large", got, sizeof(got)) == LARGE;
}

static bool unlabelled(const char *name)
{
	return lgetxattr(f(name), "security.pretended", got, sizeof(got)) < 0 && errno == ENODATA;
}

static int make(const char *name)
{
	int fd = open(f(name), O_CREAT | O_EXCL | O_RDWR, 0644);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void test_full(void)
{
	static char buf[65536];
	int fd = open(f("fill"), O_CREAT | O_RDWR, 0644), n, err = 0;
	char name[32];

	while (write(fd, buf, sizeof(buf)) > 0)
		;
	while (write(fd, buf, 4096) > 0)
		;
	close(fd);
	sync();
	for (n = 0; n < 200 && !err; n++) {
		snprintf(name, sizeof(name), "n%d", n);
		err = make(name);
	}
	ktap(err == ENOSPC && access(f(name), F_OK) && errno == ENOENT, "no room for the label: no file");
	unlink(f("fill"));
	sync();
	ktap(!make(name) && labelled(name), "with room there is one");
}

static void test_crash(void)
{
	unsigned int how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	char name[32];
	int root, bad = 0;

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		bad += make(name);
		if (i == 50)
			sync();
	}
	root = vg_root();
	bad += ioctl(root, VEXFS_IOC_SHUTDOWN, &how);
	close(root);
	umount(guest_mnt);
	if (guest_mount(NULL))
		ktap_bail("mount");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		bad += !access(f(name), F_OK) ? !labelled(name) : i <= 50;
	}
	ktap(!bad, "after a crash no file is without");
}

int main(void)
{
	guest_setup();
	ktap_plan(8);
	vg_fresh("");
	ktap(!make("before") && unlabelled("before"), "without a module there are none");
	pretend(true);
	ktap(!make("file") && labelled("file"), "a file has its labels, the first of the filesystem too");
	ktap(!mkdir(f("dir"), 0755) && labelled("dir") && !mknod(f("fifo"), S_IFIFO | 0644, 0) && labelled("fifo") &&
	     !symlink("file", f("link")) && labelled("link"), "so have a directory, a fifo and a symlink");
	vg_remount();
	ktap(labelled("file") && labelled("link") && unlabelled("before"), "after a remount the same");
	test_full();
	test_crash();
	pretend(false);
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
