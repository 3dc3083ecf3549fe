// SPDX-License-Identifier: GPL-2.0
/* How complete the index of a directory is. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tools/vexctl/index.h"

#define ENOUGH		1	/* tree_walk(): stop */

static void mark_name(char name[96], const char *collection)
{
	snprintf(name, 96, "user.vexctl.%.63s", collection);
}

void scope_mark(int dirfd, const char *collection, const struct timespec *when)
{
	char name[96], value[64];
	int len = snprintf(value, sizeof(value), "%lld.%09ld", (long long)when->tv_sec,
			   when->tv_nsec);

	mark_name(name, collection);
	/* Without it nothing is known about completeness, and nothing is said. */
	if (fsetxattr(dirfd, name, value, (size_t)len, 0))
		errno = 0;
}

static bool read_mark(int dirfd, const char *collection, struct timespec *when)
{
	char name[96], value[64], link[64];
	long long sec;
	long nsec;
	ssize_t n;

	mark_name(name, collection);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);	/* it may be O_PATH */
	n = getxattr(link, name, value, sizeof(value) - 1);
	if (n <= 0)
		return false;
	value[n] = '\0';
	if (sscanf(value, "%lld.%ld", &sec, &nsec) != 2)
		return false;
	when->tv_sec = sec;
	when->tv_nsec = nsec;
	return true;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec >= b->tv_nsec;
}

/*
 * The mark of the directory or of the nearest one above it. A directory on the way
 * that has changed since may have been moved here with all that is in it: then
 * nothing below it is known to be indexed, which @all tells.
 */
static void find_mark(const struct target *t, const char *collection, struct scope_state *s,
		      bool *all)
{
	int fd = openat(t->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), up;
	struct timespec newest = { 0 };
	struct stat st, above;

	while (fd >= 0 && !fstat(fd, &st)) {
		s->known = read_mark(fd, collection, &s->when);
		if (s->known)
			break;
		if (is_later(&st.st_ctim, &newest))
			newest = st.st_ctim;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
		if (fd < 0 || fstat(fd, &above) || above.st_dev != st.st_dev ||
		    above.st_ino == st.st_ino)
			break;
	}
	if (fd >= 0)
		close(fd);
	*all |= s->known && is_later(&newest, &s->when);
}

/**
 * struct look - a scope_check() under way
 */
struct look {
	const struct vexfs_ioc_collection *c;
	struct scope_state *s;
	bool all;
	uint64_t most;
	scope_fn *fn;
	void *ctx;
	struct text text;
};

/* What index would take, of a file this user may write to. */
static bool is_text(struct look *l, int fd, const char *path)
{
	if (access(path, W_OK) || (!l->text.data && text_init(&l->text)))
		return false;
	return !text_read(&l->text, fd, 0, 0) && embed_unfit(&l->text) == SKIP_NONE;
}

static void look_at(struct look *l, const char *path)
{
	struct embed_state state;
	bool missing, stale;
	struct stat st;
	int fd = open_regular(AT_FDCWD, path, O_RDONLY, &st);

	if (fd < 0)
		return;
	if (!embed_file_state(fd, l->c->id, &state)) {
		stale = state.stale;
		missing = !state.has_first && is_text(l, fd, path);
		l->s->missing += missing;
		l->s->stale += stale && !missing;
		if (l->fn && (missing || stale))
			l->fn(l->ctx, path, !missing);
	}
	close(fd);
}

static int look_file(void *ctx, const char *path, const struct stat *st, bool fresh)
{
	struct look *l = ctx;

	if (fresh && !l->all)
		return 0;
	if (l->s->looked == l->most) {
		l->s->partly = true;
		return ENOUGH;
	}
	l->s->looked++;
	look_at(l, path);
	return 0;
}

int scope_check(const struct target *t, const struct vexfs_ioc_collection *c, bool all, uint64_t most,
		struct scope_state *s, scope_fn *fn, void *ctx)
{
	static const struct tree_ops ops = { .file = look_file };
	struct look l = { .c = c, .s = s, .all = all, .most = most, .fn = fn, .ctx = ctx };
	char root[PATH_MAX];
	int rootfd, ret;

	memset(s, 0, sizeof(*s));
	find_mark(t, c->name, s, &l.all);
	if (!s->known && !all)
		return 0;
	rootfd = mount_root(t, root);
	if (rootfd < 0)
		return rootfd;
	close(rootfd);
	ret = tree_walk(t->path, root, l.all ? NULL : &s->when, &ops, &l);
	text_free(&l.text);
	return ret == ENOUGH ? 0 : ret;
}
