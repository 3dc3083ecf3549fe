// SPDX-License-Identifier: GPL-2.0
/* The regular files below a path, on one filesystem, following only links named by the user. */
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/vexctl.h"

int file_list_append(struct file_list *l, const char *path)
{
	size_t room = l->room ? 2 * l->room : 256;
	char **bigger;

	if (l->n == l->room) {
		bigger = realloc(l->path, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		l->path = bigger;
		l->room = room;
	}
	l->path[l->n] = strdup(path);
	if (!l->path[l->n])
		return -ENOMEM;
	l->n++;
	return 0;
}

static int visit(struct file_list *l, FTS *fts, FTSENT *e, dev_t dev)
{
	switch (e->fts_info) {
	case FTS_F:
		return e->fts_statp->st_dev == dev ? file_list_append(l, e->fts_path) : 0;
	case FTS_D:
		/* Our own models are no texts; other filesystems are not ours. */
		if (e->fts_statp->st_dev != dev || !strcmp(e->fts_name, MODEL_DIR))
			fts_set(fts, e, FTS_SKIP);
		return 0;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		if (!l->quiet)
			say_error("cannot read %s: %s", e->fts_path, strerror(e->fts_errno));
		l->errors++;
		return 0;
	default:
		return 0;
	}
}

int file_list_add(struct file_list *l, const char *path, dev_t dev)
{
	char *copy = strdup(path), *paths[] = { copy, NULL };
	FTSENT *e;
	FTS *fts;
	int ret = 0;

	if (!copy)
		return -ENOMEM;
	fts = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	if (!fts) {
		free(copy);
		return -errno;
	}
	while (!ret && (errno = 0, e = fts_read(fts)))
		ret = visit(l, fts, e, dev);
	if (!ret)
		ret = -errno;
	fts_close(fts);
	free(copy);
	return ret;
}

void file_list_free(struct file_list *l)
{
	while (l->n)
		free(l->path[--l->n]);
	free(l->path);
	memset(l, 0, sizeof(*l));
}
