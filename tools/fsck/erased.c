// SPDX-License-Identifier: GPL-2.0
/*
 * fsck.vexfs --erased: search the whole device for fingerprints of embeddings.
 *
 * Nothing is interpreted: every byte of the device is looked at, used or free, the journal and what lies
 * past the end of the filesystem included. It is read around the page cache where that is possible:
 * asked for is what the device has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/erased.h"
#include "tools/fsck/fsck.h"

#define STEP	(1U << 20)		/* bytes read at a time */
#define TAIL	(VEX_ERASED_WINDOW - 1)	/* of the step before, for windows that lie in both */

/**
 * struct hunt - one search
 * @buf:    a block that ends with the tail, then a step
 * @pos:    byte of the device where the searched memory begins
 * @known:  the superblock is sound: it is known where the journal is
 * @places: where something was found
 * @unread: blocks that cannot be read
 */
struct hunt {
	struct fsck *f;
	struct vex_erased list;
	u8	*buf;
	u64	pos, places, unread;
	bool	known;
};

static const char *area(const struct hunt *h, u64 blkno)
{
	const struct vexfs_geo *geo = &h->f->img.geo;

	if (!h->known)
		return "";
	if (blkno >= geo->journal_start && blkno - geo->journal_start < geo->journal_blocks)
		return ", journal";
	return blkno >= geo->blocks ? ", past the filesystem" : "";
}

/* A list may be anybody's: no control character of a label reaches a terminal. */
static void print_label(FILE *out, const char *s)
{
	for (; *s; s++)
		putc((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s, out);
}

static void found(void *ctx, size_t off, struct vex_erased_mark *mark)
{
	struct hunt *h = ctx;
	u64 at = h->pos + off, blkno = at >> VEXFS_BLOCK_SHIFT;
	FILE *out = h->f->out;

	mark->found++;
	if (h->places++ >= FSCK_MAX_LINES && !h->f->verbose) {
		if (h->places == FSCK_MAX_LINES + 1)
			fsck_say(h->f, "... more follow; -v prints all of them");
		return;
	}
	fprintf(out, "FOUND: byte %llu (block %llu%s): ", (unsigned long long)at, (unsigned long long)blkno,
		area(h, blkno));
	print_label(out, mark->label);
	putc('\n', out);
}

/* Not every file can be read directly, and none at its end if that is not a whole block. */
static int read_direct(struct hunt *h, u64 off, u8 *to, u32 len)
{
	int fd = h->f->dev.fd, flags, err = vexfs_dev_read(&h->f->dev, off, to, len);

	flags = err == -EINVAL ? fcntl(fd, F_GETFL) : 0;
	if (flags < 0 || !(flags & O_DIRECT))
		return err;
	if (fcntl(fd, F_SETFL, flags & ~O_DIRECT))
		return -errno;
	posix_fadvise(fd, off, 0, POSIX_FADV_DONTNEED);
	return vexfs_dev_read(&h->f->dev, off, to, len);
}

/* A block that cannot be read counts as zeros, and as not searched. */
static void read_step(struct hunt *h, u64 off, u8 *to, u32 len)
{
	u32 at, n;

	if (!read_direct(h, off, to, len))
		return;
	for (at = 0; at < len; at += n) {
		n = len - at < VEXFS_BLOCK_SIZE ? len - at : VEXFS_BLOCK_SIZE;
		if (!read_direct(h, off + at, to + at, n))
			continue;
		memset(to + at, 0, n);
		if (!h->unread++)
			fprintf(stderr, "fsck.vexfs: %s: block %llu cannot be read\n", h->f->path,
				(unsigned long long)((off + at) >> VEXFS_BLOCK_SHIFT));
	}
}

static void search_device(struct hunt *h)
{
	u8 *step = h->buf + VEXFS_BLOCK_SIZE;
	u64 off, bytes = h->f->dev.bytes;
	u32 len, tail = 0;

	for (off = 0; off < bytes; off += len) {
		len = bytes - off < STEP ? bytes - off : STEP;
		read_step(h, off, step, len);
		h->pos = off - tail;
		vex_erased_search(&h->list, step - tail, tail + len, found, h);
		tail = TAIL;		/* only the last step can be shorter than that */
		if (len > tail)
			memcpy(step - tail, step + len - tail, tail);
		fsck_progress(h->f, off >> VEXFS_BLOCK_SHIFT, bytes >> VEXFS_BLOCK_SHIFT);
	}
}

static int load(struct hunt *h)
{
	const char *path = h->f->erased_path;
	unsigned long line = 0;
	FILE *list = fopen(path, "re");
	int err = list ? vex_erased_load(&h->list, list, &line) : -errno;

	if (list)
		fclose(list);
	if (err == -EINVAL && line == 1)
		fprintf(stderr, "fsck.vexfs: %s: not a list of fingerprints; 'vexctl fingerprint' makes one\n", path);
	else if (err == -EINVAL)
		fprintf(stderr, "fsck.vexfs: %s: line %lu: expected 32 hexadecimal digits and a label\n", path, line);
	else if (err == -ENODATA)
		fprintf(stderr, "fsck.vexfs: %s: the list is empty: nothing to search for\n", path);
	else if (err)
		fprintf(stderr, "fsck.vexfs: %s: %s\n", path, strerror(-err));
	return err ? FSCK_FAILED : 0;
}

static int outcome(const struct hunt *h)
{
	struct fsck *f = h->f;
	size_t i, n = 0;
	char size[24];

	for (i = 0; i < h->list.n; i++)
		n += h->list.mark[i].found != 0;
	vexfs_format_size(f->dev.bytes, size, sizeof(size));
	if (n)
		fsck_say(f, "%s: %zu of %zu fingerprints FOUND, at %llu places in %s", f->path, n, h->list.n,
			 (unsigned long long)h->places, size);
	else
		fsck_say(f, "%s: none of %zu fingerprints found in %s", f->path, h->list.n, size);
	if (h->unread)
		fsck_say(f, "%s: %llu blocks cannot be read and were not searched", f->path,
			 (unsigned long long)h->unread);
	return (n ? FSCK_FOUND : 0) | (h->unread ? FSCK_FAILED : 0);
}

static int hunt(struct hunt *h)
{
	struct fsck *f = h->f;
	const char *what = NULL;
	int ret = load(h), flags;

	if (!ret)
		ret = fsck_open(f);
	if (ret)
		return ret;
	/* A device without a sound superblock is searched all the same. */
	h->known = !vexfs_image_open_super(&f->img, &f->dev, 0, &what);
	flags = fcntl(f->dev.fd, F_GETFL);
	if (flags < 0 || fcntl(f->dev.fd, F_SETFL, flags | O_DIRECT))
		posix_fadvise(f->dev.fd, 0, 0, POSIX_FADV_DONTNEED);
	f->pass = "blocks searched";
	search_device(h);
	return outcome(h);
}

int fsck_erased(struct fsck *f)
{
	struct hunt h = { .f = f };
	int ret;

	h.buf = aligned_alloc(VEXFS_BLOCK_SIZE, VEXFS_BLOCK_SIZE + STEP);
	if (!h.buf) {
		fputs("fsck.vexfs: out of memory\n", stderr);
		return FSCK_FAILED;
	}
	ret = hunt(&h);
	vex_erased_free(&h.list);
	free(h.buf);
	return ret;
}
