// SPDX-License-Identifier: GPL-2.0-only
/* Disks: found by serial and never by letter; the payload is unpacked over the root tmpfs. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

#define NEWC_HEADER	110

static char block[1 << 16];

static void read_exact(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n <= 0)
			die("payload disk ends early: %s", n ? strerror(errno) : "end of device");
		p += n;
		len -= n;
	}
}

static uint32_t newc_field(const char *header, int index)
{
	char hex[9] = { 0 };

	memcpy(hex, header + 6 + index * 8, 8);
	return strtoul(hex, NULL, 16);
}

static void skip(int fd, size_t len)
{
	char pad[4];

	if (len)
		read_exact(fd, pad, len);
}

static void unpack_file(int fd, const char *path, mode_t mode, uint32_t size)
{
	int out;

	unlink(path);
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 07777);
	if (out < 0)
		die("unpack %s: %s", path, strerror(errno));
	while (size > 0) {
		size_t n = size < sizeof(block) ? size : sizeof(block);

		read_exact(fd, block, n);
		if (write(out, block, n) != (ssize_t)n)
			die("unpack %s: %s (give the guest more --memory)", path, strerror(errno));
		size -= n;
	}
	fchmod(out, mode & 07777);
	close(out);
}

static void unpack_symlink(int fd, const char *path, uint32_t size)
{
	char target[4096];

	if (size >= sizeof(target))
		die("unpack %s: link target too long", path);
	read_exact(fd, target, size);
	target[size] = 0;
	unlink(path);
	if (symlink(target, path))
		die("unpack %s: %s", path, strerror(errno));
}

/* Returns false at the trailer. */
static bool unpack_entry(int fd)
{
	char header[NEWC_HEADER + 1] = { 0 }, name[4096] = "/";
	uint32_t mode, size, namesize;

	read_exact(fd, header, NEWC_HEADER);
	if (memcmp(header, "070701", 6))
		die("payload is not a newc archive");
	mode = newc_field(header, 1);
	size = newc_field(header, 6);
	namesize = newc_field(header, 11);
	if (namesize < 2 || namesize >= sizeof(name) - 1)
		die("payload has a name of %u bytes", namesize);
	read_exact(fd, name + 1, namesize);
	skip(fd, -(NEWC_HEADER + namesize) & 3);
	if (!strcmp(name, "/TRAILER!!!"))
		return false;
	if (S_ISDIR(mode)) {
		if (mkdir(name, mode & 07777) && errno != EEXIST)
			die("unpack %s: %s", name, strerror(errno));
	} else if (S_ISLNK(mode)) {
		unpack_symlink(fd, name, size);
	} else {
		unpack_file(fd, name, mode, size);
	}
	skip(fd, -size & 3);
	return true;
}

bool disk_by_serial(const char *serial, char *dev, size_t size)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d))) {
		char path[512], value[64] = "";

		snprintf(path, sizeof(path), "/sys/block/%s/serial", e->d_name);
		if (e->d_name[0] == '.' || read_file(path, value, sizeof(value)) <= 0)
			continue;
		value[strcspn(value, "\n")] = 0;
		found = !strcmp(value, serial);
		if (found)
			snprintf(dev, size, "/dev/%s", e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

void unpack_payload(void)
{
	struct vex_payload_header h;
	char dev[300];
	int fd;

	if (!disk_by_serial(VEX_PAYLOAD_SERIAL, dev, sizeof(dev)))
		die("no disk with serial " VEX_PAYLOAD_SERIAL);
	fd = open(dev, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("open %s: %s", dev, strerror(errno));
	read_exact(fd, &h, sizeof(h));
	if (memcmp(h.magic, VEX_PAYLOAD_MAGIC, sizeof(h.magic)))
		die("payload disk has no " VEX_PAYLOAD_MAGIC " header");
	if (lseek(fd, VEX_PAYLOAD_OFFSET, SEEK_SET) < 0)
		die("seek %s: %s", dev, strerror(errno));
	while (unpack_entry(fd))
		;
	close(fd);
}

static bool for_each_disk(void (*fn)(const char *serial, const char *dev))
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[512], serial[64] = "", dev[300];

		snprintf(path, sizeof(path), "/sys/block/%s/serial", e->d_name);
		if (e->d_name[0] == '.' || read_file(path, serial, sizeof(serial)) <= 0)
			continue;
		serial[strcspn(serial, "\n")] = 0;
		/* "-" marks a slot that this run does not use. */
		if (!strcmp(serial, VEX_PAYLOAD_SERIAL) || serial[0] == '-' || !serial[0])
			continue;
		snprintf(dev, sizeof(dev), "/dev/%s", e->d_name);
		fn(serial, dev);
	}
	if (d)
		closedir(d);
	return d;
}

static void export_disk(const char *serial, const char *dev)
{
	char name[80];

	snprintf(name, sizeof(name), "VEX_DISK_%s", serial);
	for (char *p = name; *p; p++)
		*p = isalnum((unsigned char)*p) ? toupper((unsigned char)*p) : '_';
	setenv(name, dev, 1);
}

void export_disks(void)
{
	for_each_disk(export_disk);
}

#define BIG_DISK (64ULL << 30)

/* Zeros take room on the host, which it does not have for a disk of terabytes: that is discarded. */
static void blank_disk(const char *serial, const char *dev)
{
	uint64_t range[2] = { 0, 0 };
	int fd = open(dev, O_RDWR | O_CLOEXEC);

	(void)serial;
	if (fd < 0)
		return;			/* read-only disk: its content is the point */
	if (ioctl(fd, BLKGETSIZE64, &range[1]) == 0 && range[1])
		ioctl(fd, range[1] < BIG_DISK ? BLKZEROOUT : BLKDISCARD, range);
	close(fd);
}

void blank_disks(void)
{
	for_each_disk(blank_disk);
}

void mount_share(void)
{
	char line[64];

	mkdir("/share", 0755);
	if (uml_port(VEX_PORT_CTL, line, sizeof(line))) {
		if (mount("share", "/share", "hostfs", 0, NULL))
			die("mount of the shared directory: %s", strerror(errno));
		return;
	}
	/* The host chose one of the two; the other finds no device of its kind. */
	if (system("/bin/modprobe virtiofs 2>/dev/null; /bin/modprobe 9pnet_virtio 2>/dev/null; "
		   "/bin/modprobe 9p 2>/dev/null") >= 0 &&
	    (!mount("share", "/share", "virtiofs", 0, NULL) ||
	     !mount("share", "/share", "9p", 0, "trans=virtio,version=9p2000.L,msize=262144")))
		return;
	die("mount of the shared directory: %s (this kernel may lack 9p; as root it is virtiofs)",
	    strerror(errno));
}
