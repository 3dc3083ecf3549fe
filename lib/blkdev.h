/* SPDX-License-Identifier: GPL-2.0 */
/* A block device or an image file: exact-length I/O, size, who else uses it. */
#ifndef VEXFS_LIB_BLKDEV_H
#define VEXFS_LIB_BLKDEV_H

#include <stdio.h>
#include <sys/stat.h>

#include "core/platform.h"

/**
 * struct vexfs_dev - an open device or image file
 * @path:     as the caller named it, for messages; not copied
 * @fd:	      open file descriptor, -1 if closed
 * @is_block: a block device, else a regular file
 * @writable: opened for writing
 * @bytes:    size when opened
 */
struct vexfs_dev {
	const char *path;
	int	fd;
	bool	is_block;
	bool	writable;
	u64	bytes;
};

/**
 * vexfs_dev_open() - open a device or image file
 * @dev:   filled in
 * @path:  block device or regular file
 * @flags: O_RDONLY or O_RDWR, optionally O_CREAT (image files) and O_EXCL
 *	   (block devices: refuse one that is mounted or otherwise claimed)
 *
 * Return: 0; -ENOTBLK if @path is neither a block device nor a regular file;
 * -EBUSY; the negative errno of open(2).
 */
int vexfs_dev_open(struct vexfs_dev *dev, const char *path, int flags);
/* Return: 0 or the negative errno of close(2). Harmless on a closed device. */
int vexfs_dev_close(struct vexfs_dev *dev);

/* Whole-length transfers at byte @off. A read past the end is -EIO. 0 or negative errno. */
int vexfs_dev_read(const struct vexfs_dev *dev, u64 off, void *buf, size_t len);
int vexfs_dev_write(const struct vexfs_dev *dev, u64 off, const void *buf, size_t len);
/* Make [off, off + len) read as zeros, without writing where the device can do that itself. */
int vexfs_dev_zero(const struct vexfs_dev *dev, u64 off, u64 len);
/* Nothing in [off, off + len) is needed any more: a hint, which a device may ignore. A file gets a hole. */
void vexfs_dev_discard(const struct vexfs_dev *dev, u64 off, u64 len);
/* Everything written so far is on stable storage afterwards. */
int vexfs_dev_sync(const struct vexfs_dev *dev);
/* Make an image file at least @bytes long (sparse); updates dev->bytes. */
int vexfs_dev_extend(struct vexfs_dev *dev, u64 bytes);

/**
 * vexfs_mountinfo_find() - is a device mounted?
 * @f:	   /proc/self/mountinfo, or text in its format (proc(5))
 * @maj:   device number looked for
 * @min:   device number looked for
 * @where: the mount point (octal escapes decoded), cut to @size bytes
 * @size:  room in @where
 */
bool vexfs_mountinfo_find(FILE *f, unsigned int maj, unsigned int min, char *where, size_t size);

/**
 * vexfs_dev_mounted() - is this device, or a loop device over this file, mounted?
 * @path:  block device or image file; need not exist
 * @where: the mount point if so
 * @size:  room in @where
 *
 * Return: 1 mounted, 0 not, negative errno if that could not be found out.
 */
int vexfs_dev_mounted(const char *path, char *where, size_t size);

/**
 * vexfs_parse_size() - "100M" to bytes
 * @text:  decimal number with an optional suffix K, M, G, T or P (powers of
 *	   1024, either case, an optional "iB" or "B" after it); no suffix: bytes
 * @bytes: the result
 *
 * Return: 0, -EINVAL not such a number, -ERANGE beyond 63 bits.
 */
int vexfs_parse_size(const char *text, u64 *bytes);

/* "1.5 GiB" into @buf (at least 24 bytes); returns @buf. */
const char *vexfs_format_size(u64 bytes, char *buf, size_t size);

#endif /* VEXFS_LIB_BLKDEV_H */
