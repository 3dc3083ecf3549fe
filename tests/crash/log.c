// SPDX-License-Identifier: GPL-2.0
/* See log.h. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/crash/log.h"

#define MAGIC		0x6a736677736872ULL
#define MAX_ENTRIES	(1U << 22)
#define LOG_FLUSH	1
#define LOG_FUA		2
#define LOG_DISCARD	4
#define LOG_MARK	8

struct log_super {
	uint64_t	magic, version, nr_entries;
	uint32_t	sectorsize;
} __attribute__((packed));

struct log_entry {
	uint64_t	sector, nr_sectors, flags, data_len;
} __attribute__((packed));

static int read_at(int fd, void *buf, size_t len, uint64_t off)
{
	ssize_t n = pread(fd, buf, len, (off_t)off);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EINVAL;
}

/* A mark's text follows its record, in the same sector. */
static int read_mark(int fd, uint64_t off, uint64_t len, uint32_t sector, int64_t *mark)
{
	char text[32] = "", *end;
	int err;

	if (len >= sizeof(text) || sizeof(struct log_entry) + len > sector)
		return -EINVAL;
	err = read_at(fd, text, len, off + sizeof(struct log_entry));
	if (err)
		return err;
	*mark = strtol(text, &end, 10);
	/* The driver's own, at the end, has a word. */
	if (end == text)
		*mark = -1;
	return 0;
}

static int read_entry(int fd, uint64_t *off, uint32_t sector, struct cl_entry *e)
{
	struct log_entry raw;
	uint64_t flags;
	int err = read_at(fd, &raw, sizeof(raw), *off);

	if (err)
		return err;
	flags = le64toh(raw.flags);
	*e = (struct cl_entry){
		.at = le64toh(raw.sector) * sector, .len = le64toh(raw.nr_sectors) * sector,
		.data = *off + sector, .flush = flags & LOG_FLUSH, .fua = flags & LOG_FUA,
		.discard = flags & LOG_DISCARD, .mark = -1,
	};
	if (e->at > 1ULL << 50 || e->len > 1ULL << 40)
		return -EINVAL;
	if (flags & LOG_MARK) {
		e->len = 0;
		err = read_mark(fd, *off, le64toh(raw.data_len), sector, &e->mark);
	}
	*off += sector + (e->discard ? 0 : e->len);
	return err;
}

int cl_open(struct cl_log *log, const char *path)
{
	struct log_super s;
	uint64_t off, n, i;
	int err;

	memset(log, 0, sizeof(*log));
	log->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (log->fd < 0)
		return -errno;
	err = read_at(log->fd, &s, sizeof(s), 0);
	n = le64toh(s.nr_entries);
	if (!err && (le64toh(s.magic) != MAGIC || n > MAX_ENTRIES || le32toh(s.sectorsize) < 512 ||
		     le32toh(s.sectorsize) > 4096))
		err = -EINVAL;
	if (err) {
		cl_close(log);
		return err;
	}
	log->entry = calloc(n + 1, sizeof(*log->entry));
	if (!log->entry)
		err = -ENOMEM;
	off = le32toh(s.sectorsize);
	for (i = 0; !err && i < n; i++)
		err = read_entry(log->fd, &off, le32toh(s.sectorsize), &log->entry[i]);
	log->n = (uint32_t)n;
	if (err)
		cl_close(log);
	return err;
}

void cl_close(struct cl_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->entry);
	log->entry = NULL;
	log->fd = -1;
}
