/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of the change feed share: reading it to its end, and what it said. */
#ifndef VEXFS_FEEDGUEST_H
#define VEXFS_FEEDGUEST_H

#include <sys/ioctl.h>
#include <sys/mman.h>

#include "tests/guest/vecguest.h"

#define FEED_MAX	20000

struct feed_told {
	uint64_t ino;
	uint32_t flags;
	char path[120];
};

static struct feed_told feed_told[FEED_MAX];
static int feed_n, feed_calls;

static inline void feed_take(const struct vexfs_changes *c)
{
	for (uint32_t i = 0; i < c->found; i++) {
		const struct vexfs_change *e = &c->entries[i];
		struct feed_told *t = &feed_told[feed_n];

		if (feed_n == FEED_MAX)
			ktap_bail("more than %d changes", FEED_MAX);
		*t = (struct feed_told){ .ino = e->ino, .flags = e->flags };
		if (e->path_len < sizeof(t->path))
			memcpy(t->path, c->paths + e->path_off, e->path_len);
		feed_n++;
	}
}

/* All that has changed below @dir since the mark, @room entries at a time, into feed_told[]; the mark moves on. */
static inline int feed_read_some(const char *dir, const char *coll, struct vexfs_feed_mark *mark, uint32_t room)
{
	static struct vexfs_change entries[256];
	static char paths[16384];
	struct vexfs_changes c = {
		.collection = coll, .mark = *mark, .entries = entries, .count = room,
		.paths = paths, .path_bytes = sizeof(paths),
	};
	int fd = vg_open_dir(dir), err;

	if (fd < 0)
		ktap_bail("open %s", dir);
	feed_n = feed_calls = 0;
	do {
		err = vexfs_changes(fd, &c);
		feed_calls++;
		if (!err)
			feed_take(&c);
	} while (!err && c.more);
	close(fd);
	*mark = c.mark;
	return err;
}

static inline int feed_read(const char *dir, const char *coll, struct vexfs_feed_mark *mark)
{
	return feed_read_some(dir, coll, mark, 256);
}

static inline struct vexfs_feed_mark feed_now(const char *dir)
{
	struct vexfs_feed_mark m = { 0 };
	int err = feed_read(dir, NULL, &m);

	if (err)
		ktap_bail("a first mark: %s", strerror(-err));
	return m;
}

static inline uint64_t feed_ino(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		ktap_bail("fstat");
	return st.st_ino;
}

static inline const struct feed_told *feed_find(uint64_t ino)
{
	for (int i = 0; i < feed_n; i++)
		if (feed_told[i].ino == ino)
			return &feed_told[i];
	return NULL;
}

static inline bool feed_has(const char *path)
{
	for (int i = 0; i < feed_n; i++)
		if (!strcmp(feed_told[i].path, path))
			return true;
	return false;
}

/* These paths and no others: NULL at the end. */
static inline bool feed_is(const char *const *paths)
{
	int n = 0;

	for (; paths[n]; n++)
		if (!feed_has(paths[n])) {
			ktap_note("'%s' is missing", paths[n]);
			return false;
		}
	for (int i = n; i < feed_n; i++)
		ktap_note("told: '%s' (%#x)", feed_told[i].path, feed_told[i].flags);
	return n == feed_n;
}
#define FEED_IS(...) feed_is((const char *const[]){ __VA_ARGS__, NULL })

#endif /* VEXFS_FEEDGUEST_H */
