// SPDX-License-Identifier: GPL-2.0
/* A block device or an image file: exact-length I/O, size, who else uses it. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/blkdev.h"

static int dev_size(struct vexfs_dev *dev)
{
	struct stat st;
	u64 bytes;

	if (fstat(dev->fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		dev->bytes = st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	dev->is_block = true;
	if (ioctl(dev->fd, BLKGETSIZE64, &bytes) < 0)
		return -errno;
	dev->bytes = bytes;
	return 0;
}

int vexfs_dev_open(struct vexfs_dev *dev, const char *path, int flags)
{
	struct stat st;
	int err;

	memset(dev, 0, sizeof(*dev));
	dev->path = path;
	dev->writable = (flags & O_ACCMODE) != O_RDONLY;
	/*
	 * O_EXCL claims a block device, but on a file together with O_CREAT it
	 * would demand that the file does not exist yet. Opening a FIFO or a
	 * terminal could hang, hence the look before and O_NONBLOCK.
	 */
	if (stat(path, &st) == 0) {
		if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode)) {
			dev->fd = -1;
			return -ENOTBLK;
		}
		if (!S_ISBLK(st.st_mode))
			flags &= ~O_EXCL;
		else
			flags &= ~O_CREAT;
	}
	dev->fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666);
	if (dev->fd < 0)
		return -errno;
	err = dev_size(dev);
	if (err)
		vexfs_dev_close(dev);
	return err;
}

int vexfs_dev_close(struct vexfs_dev *dev)
{
	int fd = dev->fd;

	dev->fd = -1;
	return fd >= 0 && close(fd) < 0 ? -errno : 0;
}

int vexfs_dev_read(const struct vexfs_dev *dev, u64 off, void *buf, size_t len)
{
	while (len) {
		ssize_t n = pread(dev->fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		buf = (char *)buf + n;
		off += n;
		len -= n;
	}
	return 0;
}

int vexfs_dev_write(const struct vexfs_dev *dev, u64 off, const void *buf, size_t len)
{
	while (len) {
		ssize_t n = pwrite(dev->fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOSPC;
		buf = (const char *)buf + n;
		off += n;
		len -= n;
	}
	return 0;
}

static int dev_write_zeros(const struct vexfs_dev *dev, u64 off, u64 len)
{
	static const char zeros[1 << 16];

	while (len) {
		size_t n = len < sizeof(zeros) ? len : sizeof(zeros);
		int err = vexfs_dev_write(dev, off, zeros, n);

		if (err)
			return err;
		off += n;
		len -= n;
	}
	return 0;
}

int vexfs_dev_zero(const struct vexfs_dev *dev, u64 off, u64 len)
{
	/* On a block device this becomes "write zeros", without a transfer where it can. */
	int mode = dev->is_block ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE;

	if (!len || fallocate(dev->fd, mode | FALLOC_FL_KEEP_SIZE, off, len) == 0)
		return 0;
	return dev_write_zeros(dev, off, len);
}

void vexfs_dev_discard(const struct vexfs_dev *dev, u64 off, u64 len)
{
	u64 range[2] = { off, len };
	int ret = dev->is_block ? ioctl(dev->fd, BLKDISCARD, range) :
		  fallocate(dev->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);

	(void)ret;	/* many devices have no such thing */
}

int vexfs_dev_sync(const struct vexfs_dev *dev)
{
	return fsync(dev->fd) < 0 ? -errno : 0;
}

int vexfs_dev_extend(struct vexfs_dev *dev, u64 bytes)
{
	if (bytes <= dev->bytes)
		return 0;
	if (ftruncate(dev->fd, bytes) < 0)
		return -errno;
	dev->bytes = bytes;
	return 0;
}

/* ---- who else uses it ---------------------------------------------------- */

/* mountinfo writes blanks and backslashes of a path as \ooo. */
static void unescape(const char *from, char *to, size_t size)
{
	size_t n = 0;

	while (*from && *from != ' ' && n + 1 < size) {
		unsigned int c;

		if (from[0] == '\\' && sscanf(from + 1, "%3o", &c) == 1) {
			to[n++] = c;
			from += 4;
		} else {
			to[n++] = *from++;
		}
	}
	to[n] = 0;
}

bool vexfs_mountinfo_find(FILE *f, unsigned int maj, unsigned int min, char *where, size_t size)
{
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (!found && getline(&line, &room, f) > 0) {
		unsigned int a, b;
		int pos = 0;

		/* id parent maj:min root mountpoint ... */
		if (sscanf(line, "%*d %*d %u:%u %*s %n", &a, &b, &pos) < 2 || !pos)
			continue;
		found = a == maj && b == min;
		if (found)
			unescape(line + pos, where, size);
	}
	free(line);
	return found;
}

static int devno_mounted(dev_t devno, char *where, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	bool found;

	if (!f)
		return -errno;
	found = vexfs_mountinfo_find(f, major(devno), minor(devno), where, size);
	fclose(f);
	return found;
}

/* The device number of loop device @name if it stands over file @st, else 0. */
static dev_t loop_over(const char *name, const struct stat *st)
{
	char attr[300], target[4096], devpath[300];
	struct stat back, node;
	FILE *f;
	bool same;

	snprintf(attr, sizeof(attr), "/sys/block/%s/loop/backing_file", name);
	f = fopen(attr, "re");
	if (!f)
		return 0;
	same = fgets(target, sizeof(target), f);
	fclose(f);
	if (!same)
		return 0;
	target[strcspn(target, "\n")] = 0;
	if (stat(target, &back) < 0 || back.st_dev != st->st_dev || back.st_ino != st->st_ino)
		return 0;
	snprintf(devpath, sizeof(devpath), "/dev/%s", name);
	return stat(devpath, &node) == 0 && S_ISBLK(node.st_mode) ? node.st_rdev : 0;
}

static int file_mounted(const struct stat *st, char *where, size_t size)
{
	DIR *d = opendir("/sys/block");
	struct dirent *de;
	int ret = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (ret == 0 && (de = readdir(d))) {
		dev_t devno;

		if (strncmp(de->d_name, "loop", 4) != 0)
			continue;
		devno = loop_over(de->d_name, st);
		if (devno)
			ret = devno_mounted(devno, where, size);
	}
	closedir(d);
	return ret;
}

int vexfs_dev_mounted(const char *path, char *where, size_t size)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISBLK(st.st_mode))
		return devno_mounted(st.st_rdev, where, size);
	return S_ISREG(st.st_mode) ? file_mounted(&st, where, size) : 0;
}

/* ---- sizes in words ------------------------------------------------------ */

int vexfs_parse_size(const char *text, u64 *bytes)
{
	static const char suffixes[] = "KMGTP";
	unsigned long long n;
	unsigned int shift = 0;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end && strchr(suffixes, toupper((unsigned char)*end))) {
		shift = 10 * (strchr(suffixes, toupper((unsigned char)*end)) - suffixes + 1);
		end++;
		if (!strcasecmp(end, "iB") || !strcasecmp(end, "B"))
			end += strlen(end);
	}
	if (*end)
		return -EINVAL;
	if (n > (u64)INT64_MAX >> shift)
		return -ERANGE;
	*bytes = (u64)n << shift;
	return 0;
}

const char *vexfs_format_size(u64 bytes, char *buf, size_t size)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int i = 0;
	u64 frac = 0;

	while (bytes >= 1024 && i + 1 < ARRAY_SIZE(unit)) {
		frac = (bytes % 1024) * 10 / 1024;
		bytes /= 1024;
		i++;
	}
	if (frac)
		snprintf(buf, size, "%llu.%llu %s", (unsigned long long)bytes,
			 (unsigned long long)frac, unit[i]);
	else
		snprintf(buf, size, "%llu %s", (unsigned long long)bytes, unit[i]);
	return buf;
}
