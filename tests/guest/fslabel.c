// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:300M mem=256M time=120 slice
 *
 * The label of a mounted filesystem: set by root alone, on a writable mount, in block 0 and in
 * the copies, in one transaction.
 */
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "tests/guest/guest.h"
#include "uapi/vexfs.h"

#define LONGEST	63

static int set_label(const char *label)
{
	char buf[FSLABEL_MAX] = "";
	int fd = open(guest_mnt, O_RDONLY), err;

	strcpy(buf, label);
	err = ioctl(fd, FS_IOC_SETFSLABEL, buf) ? -errno : 0;
	close(fd);
	return err;
}

static bool label_is(const char *want)
{
	char buf[FSLABEL_MAX];
	int fd = open(guest_mnt, O_RDONLY);

	memset(buf, 'x', sizeof(buf));
	if (ioctl(fd, FS_IOC_GETFSLABEL, buf))
		ktap_bail("FS_IOC_GETFSLABEL");
	close(fd);
	return !strcmp(buf, want);
}

/* How often the disk has this label, at the place it has in a superblock. */
static unsigned int on_disk(const char *label)
{
	unsigned char block[4096];
	unsigned int n = 0;
	off_t at;
	int fd = open(guest_disk, O_RDONLY);

	for (at = 0; pread(fd, block, sizeof(block), at) == (ssize_t)sizeof(block); at += 32256 * 4096LL)
		n += !strncmp((char *)block + 1024 + 80, label, 64);
	close(fd);
	return n;
}

static int as_nobody(const char *label)
{
	int st, fd = open(guest_mnt, O_RDONLY);
	char buf[FSLABEL_MAX] = "";
	pid_t pid = fork();

	strcpy(buf, label);
	if (!pid)
		_exit(setgid(65534) || setuid(65534) ? 100 : ioctl(fd, FS_IOC_SETFSLABEL, buf) ? errno : 0);
	if (pid < 0 || waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		ktap_bail("waitpid");
	close(fd);
	return -WEXITSTATUS(st);
}

static void crash(unsigned int how)
{
	int fd = open(guest_mnt, O_RDONLY);

	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(fd);
	if (umount(guest_mnt) || guest_mount(NULL))
		ktap_bail("mount after the crash");
}

int main(void)
{
	char longest[LONGEST + 2];
	unsigned int copies;

	memset(longest, 'l', sizeof(longest));
	longest[LONGEST + 1] = 0;
	ktap_plan(9);
	guest_setup();
	if (guest_mkfs("-L first"))
		ktap_bail("mkfs");
	copies = on_disk("first");
	if (guest_mount(NULL))
		ktap_bail("mount");
	ktap(label_is("first"), "the label of mkfs");
	ktap(set_label(longest) == -EINVAL && label_is("first"), "64 bytes are too many");
	longest[LONGEST] = 0;
	ktap(set_label(longest) == 0 && label_is(longest), "63 bytes are not");
	ktap(as_nobody("theirs") == -EPERM && label_is(longest), "users do not set it");
	ktap(set_label("second") == 0 && label_is("second"), "a shorter one");
	crash(VEXFS_SHUTDOWN_LOGFLUSH);
	ktap(label_is("second"), "it is there after a crash");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		ktap_bail("remount");
	ktap(set_label("third") == -EROFS && label_is("second"), "not on a read-only mount");
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(copies >= 2 && on_disk("second") == copies, "in block 0 and in the copies, %u in all", copies);
	ktap(guest_fsck() == 0, "fsck finds nothing");
	return ktap_exit();
}
