// SPDX-License-Identifier: GPL-2.0
/* Walking a tree by the rules of its ignore lists. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/ignore.h"
#include "tools/vexctl/tree.h"
#include "tools/vexctl/vexctl.h"

/**
 * struct level - a directory on the way down
 * @rules: of its lists
 * @skip:  bytes of paths below it that are not below it
 * @changed: it, or one above it, has changed since
 */
struct level {
	struct ignore_list rules;
	size_t skip;
	bool changed;
	struct level *up;
};

/**
 * struct walk - one tree_walk()
 * @above: the path of the directory asked for below the filesystem's root, "" or with "/" at its end
 * @start: bytes of fts' paths that name the directory asked for
 * @rel:   tree_one(): what is looked for
 */
struct walk {
	const struct tree_ops *ops;
	void *ctx;
	const struct timespec *since;
	char above[PATH_MAX];
	size_t start;
	dev_t dev;
	const char *rel;
	struct level *level;
};

const char *skip_reason(enum skip why)
{
	static const char *const text[] = {
		[SKIP_IGNORED] = "ignored", [SKIP_LINK] = "symbolic link",
		[SKIP_SPECIAL] = "not a regular file", [SKIP_OTHER_FS] = "on another filesystem",
		[SKIP_DENIED] = "permission denied", [SKIP_GONE] = "removed meanwhile",
		[SKIP_BINARY] = "binary", [SKIP_EMPTY] = "without words",
		[SKIP_LONG_LINE] = "line too long",
		[SKIP_NO_CONVERTER] = "PDF, and pdftotext is not installed (package poppler-utils)",
		[SKIP_UNCONVERTED] = "no text could be got out of it",
		[SKIP_SLOW] = "getting the text out of it took too long",
	};

	return why > SKIP_NONE && why < SKIP_REASONS ? text[why] : "";
}

static void skip(struct walk *w, const char *path, enum skip why)
{
	if (w->ops->skip)
		w->ops->skip(w->ctx, path, why);
}

/* Lists deeper down come first; those of the filesystem's root last. */
static bool ignored(const struct walk *w, const char *path, bool is_dir)
{
	char whole[2 * PATH_MAX];
	const struct level *l;
	int verdict = -1;

	snprintf(whole, sizeof(whole), "%s%s", w->above, path + w->start);
	for (l = w->level; l && verdict < 0; l = l->up)
		verdict = ignore_match(&l->rules, whole + l->skip, is_dir);
	return verdict == 1;
}

/* vexctl's own models and the stores of version control are no texts of the user. */
static bool is_store(const char *name)
{
	return !strcmp(name, MODEL_DIR) || !strcmp(name, ".git") || !strcmp(name, ".hg") ||
	       !strcmp(name, ".svn");
}

static bool is_list(const char *name)
{
	return !strcmp(name, ".gitignore") || !strcmp(name, ".vexignore");
}

static int push_level(struct walk *w, int dirfd, const char *name, size_t skipped, bool changed)
{
	struct level *l = calloc(1, sizeof(*l));
	int fd, ret = 0;

	if (!l)
		return -ENOMEM;
	l->skip = skipped;
	l->changed = changed;
	l->up = w->level;
	w->level = l;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;	/* fts will say why */
	ret = ignore_read(&l->rules, fd, ".gitignore");
	if (!ret)
		ret = ignore_read(&l->rules, fd, ".vexignore");
	close(fd);
	return ret;
}

static void pop_level(struct walk *w)
{
	struct level *l = w->level;

	w->level = l->up;
	ignore_free(&l->rules);
	free(l);
}

/* Equal counts as changed: clocks tick in steps. */
static bool changed_since(const struct walk *w, const struct stat *st)
{
	if (!w->since)
		return true;
	if (st->st_ctim.tv_sec != w->since->tv_sec)
		return st->st_ctim.tv_sec > w->since->tv_sec;
	return st->st_ctim.tv_nsec >= w->since->tv_nsec;
}

static int enter(struct walk *w, FTS *fts, FTSENT *e)
{
	bool asked = e->fts_level == FTS_ROOTLEVEL, changed;
	size_t below = strlen(w->above) + e->fts_pathlen + 1 - w->start;

	if (!asked && (is_store(e->fts_name) || e->fts_statp->st_dev != w->dev ||
		       ignored(w, e->fts_path, true))) {
		if (!is_store(e->fts_name))
			skip(w, e->fts_path, e->fts_statp->st_dev != w->dev ? SKIP_OTHER_FS :
			     SKIP_IGNORED);
		fts_set(fts, e, FTS_SKIP);
		e->fts_number = 1;	/* no level of its own */
		return 0;
	}
	changed = asked ? !w->since : w->level->changed || changed_since(w, e->fts_statp);
	if (asked)
		below = strlen(w->above);
	return push_level(w, AT_FDCWD, e->fts_accpath, below, changed);
}

static int visit_file(struct walk *w, FTSENT *e)
{
	if (is_list(e->fts_name))
		return 0;
	if (e->fts_level > FTS_ROOTLEVEL && ignored(w, e->fts_path, false)) {
		skip(w, e->fts_path, SKIP_IGNORED);
		return 0;
	}
	return w->ops->file(w->ctx, e->fts_path, e->fts_statp,
			    !(w->level && w->level->changed) && !changed_since(w, e->fts_statp));
}

static enum skip error_reason(int err)
{
	return err == EACCES || err == EPERM ? SKIP_DENIED : SKIP_GONE;
}

static int visit(struct walk *w, FTS *fts, FTSENT *e)
{
	switch (e->fts_info) {
	case FTS_D:
		return enter(w, fts, e);
	case FTS_DP:
		if (!e->fts_number)
			pop_level(w);
		return 0;
	case FTS_F:
		return visit_file(w, e);
	case FTS_DNR:	/* after FTS_D, in the place of FTS_DP */
		pop_level(w);
		/* fallthrough */
	case FTS_ERR:
	case FTS_NS:
		skip(w, e->fts_path, error_reason(e->fts_errno));
		return 0;
	case FTS_SL:
	case FTS_SLNONE:
		if (!ignored(w, e->fts_path, false))
			skip(w, e->fts_path, SKIP_LINK);
		return 0;
	case FTS_DEFAULT:
		skip(w, e->fts_path, SKIP_SPECIAL);
		return 0;
	default:
		return 0;
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* The lists of the directories from the filesystem's root down to the one asked for. */
static int push_above(struct walk *w, const char *path, const char *root)
{
	char real[PATH_MAX], up[PATH_MAX];
	size_t rootlen = strlen(root), at;
	const char *slash;
	int ret = 0;

	if (!rootlen || !realpath(path, real) || strncmp(real, root, rootlen))
		return 0;
	while (rootlen && root[rootlen - 1] == '/')
		rootlen--;
	if (real[rootlen] != '/' || !real[rootlen + 1])
		return 0;		/* the root itself, or not below it */
	snprintf(w->above, sizeof(w->above), "%s/", real + rootlen + 1);
	for (at = rootlen; !ret && real[at]; at = (size_t)(slash - real)) {
		snprintf(up, sizeof(up), "%.*s/", (int)at, real);
		ret = push_level(w, AT_FDCWD, up, at == rootlen ? 0 : at - rootlen, false);
		slash = strchr(real + at + 1, '/');
		if (!slash)
			break;
	}
	return ret;
}

static int walk_all(struct walk *w, FTS *fts)
{
	FTSENT *e;
	int ret = 0;

	while (!ret && (errno = 0, e = fts_read(fts)))
		ret = visit(w, fts, e);
	return ret ? ret : -errno;
}

int tree_walk(const char *path, const char *root, const struct timespec *since,
	      const struct tree_ops *ops, void *ctx)
{
	struct walk w = { .ops = ops, .ctx = ctx, .since = since };
	char *copy = strdup(path), *paths[] = { copy, NULL };
	struct stat st;
	FTS *fts = NULL;
	int ret = copy && !stat(path, &st) ? push_above(&w, path, root) : -errno;

	if (!ret) {
		w.dev = st.st_dev;
		w.start = strlen(path);
		w.start += !w.start || path[w.start - 1] != '/';
		fts = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
		ret = fts ? walk_all(&w, fts) : -errno;
	}
	if (fts)
		fts_close(fts);
	while (w.level)
		pop_level(&w);
	free(copy);
	return ret;
}

/* Down to where @rel is, by the rules on the way. 1: it is left out; 0: it is not, or a negative errno. */
static int descend(struct walk *w, const char *top, const char *rel)
{
	char path[2 * PATH_MAX], name[NAME_MAX + 1];
	const char *slash;
	int n, ret = push_level(w, AT_FDCWD, top, strlen(w->above), false);

	for (; !ret && (slash = strchr(rel, '/')); rel = slash + 1) {
		n = (int)(slash - w->rel);
		snprintf(name, sizeof(name), "%.*s", (int)(slash - rel), rel);
		snprintf(path, sizeof(path), "%s/%.*s", top, n, w->rel);
		if (is_store(name) || ignored(w, path, true))
			return 1;
		ret = push_level(w, AT_FDCWD, path, strlen(w->above) + (size_t)n + 1, false);
	}
	return ret;
}

static const char *last_name(const char *rel)
{
	const char *slash = strrchr(rel, '/');

	return slash ? slash + 1 : rel;
}

/* The levels are set up. @path: the whole. */
static int look_at_one(struct walk *w, const char *path, bool tree)
{
	struct stat st;

	if (lstat(path, &st))
		return 0;
	if (st.st_dev != w->dev || is_store(last_name(path)) || ignored(w, path, tree))
		return 0;
	if (tree)
		return S_ISDIR(st.st_mode);	/* walk it */
	return S_ISREG(st.st_mode) ? w->ops->file(w->ctx, path, &st, false) : 0;
}

int tree_one(const char *top, const char *rel, bool tree, const char *root, const struct tree_ops *ops, void *ctx)
{
	struct walk w = { .ops = ops, .ctx = ctx, .rel = rel };
	char path[2 * PATH_MAX];
	struct stat st;
	int ret;

	if (!tree && is_list(last_name(rel))) {
		snprintf(path, sizeof(path), "%s/%.*s", top, (int)(last_name(rel) - rel), rel);
		return tree_walk(path, root, NULL, ops, ctx);
	}
	if (!*rel)
		return tree_walk(top, root, NULL, ops, ctx);
	ret = stat(top, &st) ? -errno : push_above(&w, top, root);
	snprintf(path, sizeof(path), "%s/%s", top, rel);
	w.dev = st.st_dev;
	w.start = strlen(top) + 1;
	if (!ret)
		ret = descend(&w, top, rel);
	if (ret <= 0)
		ret = ret ? ret : look_at_one(&w, path, tree);
	else
		ret = 0;
	while (w.level)
		pop_level(&w);
	return tree && ret == 1 ? tree_walk(path, root, NULL, ops, ctx) : ret;
}
