// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs --populate: content of files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/mkfs/populate.h"

static bool is_zero(const u8 *block)
{
	return vexfs_all_zero(block, VEXFS_BLOCK_SIZE);
}

/*
 * Blocks of zeros become holes, whatever they are in the source: a copy of it on another filesystem, with holes
 * elsewhere or none, makes the same image.
 */
static int store_chunk(struct populate *p, struct vexfs_inode *di, u64 lblk, u32 blocks)
{
	u32 first, end = 0;
	int err = 0;

	while (!err && end < blocks) {
		for (first = end; first < blocks && is_zero(p->buf + first * VEXFS_BLOCK_SIZE); first++)
			;
		for (end = first; end < blocks && !is_zero(p->buf + end * VEXFS_BLOCK_SIZE); end++)
			;
		if (first < end)
			err = vexfs_image_add_data(&p->img, di, lblk + first,
						   p->buf + first * VEXFS_BLOCK_SIZE, end - first);
	}
	return err;
}

/* As much as there must be: less means that somebody cut the file. */
static int read_chunk(struct populate *p, int fd, u64 off, u32 len)
{
	u32 done = 0;

	while (done < len) {
		ssize_t n = pread(fd, p->buf + done, len - done, off + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return populate_failed(p, -errno, "cannot be read: %s", strerror(errno));
		if (n == 0)
			return populate_failed(p, -EIO, "became shorter while it was copied");
		done += n;
	}
	return 0;
}

/* The block the next data begins in; @size: there are none. */
static u64 next_data(int fd, u64 off, u64 size)
{
	off_t data = lseek(fd, off, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? size : off;
	return (u64)data & ~(u64)(VEXFS_BLOCK_SIZE - 1);
}

static int copy_data(struct populate *p, int fd, u64 size, struct vexfs_inode *di)
{
	u64 off = 0;
	u32 len, padded;
	int err = 0;

	while (!err && (off = next_data(fd, off, size)) < size) {
		len = size - off < MKFS_CHUNK ? size - off : MKFS_CHUNK;
		padded = (len + VEXFS_BLOCK_SIZE - 1) & ~(VEXFS_BLOCK_SIZE - 1);
		err = read_chunk(p, fd, off, len);
		if (err)
			break;
		memset(p->buf + len, 0, padded - len);
		err = store_chunk(p, di, off >> VEXFS_BLOCK_SHIFT, padded >> VEXFS_BLOCK_SHIFT);
		off += len;
		if (!err)
			err = populate_check(p);
	}
	return err;
}

/* A file that was replaced is not what owner and mode were taken from. */
static int check_same(struct populate *p, int fd, const struct stat *st)
{
	struct stat now;

	if (fstat(fd, &now) < 0)
		return populate_failed(p, -errno, "%s", strerror(errno));
	if (!S_ISREG(now.st_mode) || now.st_ino != st->st_ino || now.st_dev != st->st_dev ||
	    now.st_size != st->st_size)
		return populate_failed(p, -EAGAIN, "was changed or replaced while it was copied");
	return 0;
}

int populate_data(struct populate *p, const char *name, const struct stat *st,
		  struct vexfs_inode *di)
{
	int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err;

	if (fd < 0 && errno == ENOENT)
		return populate_failed(p, -ENOENT, "vanished while it was copied");
	if (fd < 0)
		return populate_failed(p, -errno, "cannot be opened: %s", strerror(errno));
	if ((u64)st->st_size > (u64)VEXFS_MAX_LBLK << VEXFS_BLOCK_SHIFT)
		err = populate_failed(p, -EFBIG, "is too large: a file has at most 16 TiB - 4 KiB");
	else
		err = check_same(p, fd, st);
	if (!err)
		err = copy_data(p, fd, st->st_size, di);
	if (!err)
		err = check_same(p, fd, st);
	di->i_size = cpu_to_le64(st->st_size);
	close(fd);
	return err;
}
