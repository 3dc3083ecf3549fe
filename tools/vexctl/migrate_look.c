// SPDX-License-Identifier: GPL-2.0
/* vexctl migrate: which files are to be embedded anew */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/migrate.h"

#define LIST_BATCH	32

/* ---- files --------------------------------------------------------------------------------- */

/* Embeddings of a file with several names count once. */
struct linked {
	uint64_t ino, embeddings;
};

struct look {
	struct migration *m;
	struct linked *linked;
	size_t n, room;
};

/* How many embeddings a file has in a collection, and whether one is stale. */
static int count_in(int fd, uint32_t id, uint64_t *count, bool *stale)
{
	struct vexfs_vec_entry e[LIST_BATCH];
	struct vexfs_list pos = { .next_id = id };
	int n = 1, i;

	*count = 0;
	*stale = false;
	while (n > 0) {
		n = vexfs_embedding_list(fd, &pos, e, LIST_BATCH);
		for (i = 0; i < n; i++) {
			if (e[i].collection_id != id)
				return 0;
			++*count;
			*stale |= !!(e[i].flags & VEXFS_VEC_STALE);
		}
	}
	return n;
}

static int note_linked(struct look *l, uint64_t ino, uint64_t embeddings)
{
	size_t room = l->room ? 2 * l->room : 64;
	struct linked *bigger;

	if (l->n == l->room) {
		bigger = realloc(l->linked, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		l->linked = bigger;
		l->room = room;
	}
	l->linked[l->n++] = (struct linked){ ino, embeddings };
	return 0;
}

static int by_ino(const void *a, const void *b)
{
	const struct linked *x = a, *y = b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

static void count_linked(struct look *l)
{
	size_t i;

	if (l->n)
		qsort(l->linked, l->n, sizeof(l->linked[0]), by_ino);
	for (i = 0; i < l->n; i++)
		if (!i || l->linked[i].ino != l->linked[i - 1].ino)
			l->m->embeddings += l->linked[i].embeddings;
	free(l->linked);
}

/* A file with an embedding in the old collection, and without one of its content in the new one. */
static int take(struct migration *m, const char *path, bool was_stale, bool has)
{
	if (was_stale || has) {
		m->behind++;
	} else {
		m->lost++;
		if (!m->first_lost)
			m->first_lost = strdup(path);
	}
	return file_list_append(&m->job.files, path);
}

static int look_open(struct look *l, int fd, const struct stat *st, const char *path)
{
	struct migration *m = l->m;
	struct embed_state now = { 0 };
	bool was_stale;
	uint64_t was;
	int ret = count_in(fd, m->from.id, &was, &was_stale);

	if (ret || !was)
		return ret;
	m->files++;
	if (st->st_nlink > 1)
		ret = note_linked(l, st->st_ino, was);
	else
		m->embeddings += was;
	if (!ret)
		ret = embed_file_state(fd, m->job.coll.id, &now);
	if (!ret && (!now.has_first || now.stale))
		ret = take(m, path, was_stale, now.has_first);
	return ret;
}

/* Files that have gone, or that this user may not read, are noticed by the sum. */
static int look_at(struct look *l, const char *path)
{
	struct stat st;
	int fd = open_regular(AT_FDCWD, path, O_RDONLY, &st), ret;

	if (fd < 0)
		return fd == -ENOMEM || fd == -EMFILE ? fd : 0;
	ret = look_open(l, fd, &st, path);
	close(fd);
	return ret;
}

/* What is in the old collection and was not met. */
static int count_hidden(struct migration *m)
{
	struct vexfs_ioc_collection c;
	int ret = vexfs_collection_info(m->job.first.fd, m->exchanged ? m->shadow : m->name, &c);

	if (!ret && c.id == m->from.id && c.live > m->embeddings)
		m->hidden = c.live - m->embeddings;
	return ret;
}

int migrate_look(struct migration *m)
{
	struct look l = { .m = m };
	struct file_list all = { .quiet = true };
	size_t i;
	int ret;

	file_list_free(&m->job.files);
	m->files = m->embeddings = m->lost = m->behind = m->hidden = 0;
	free(m->first_lost);
	m->first_lost = NULL;
	ret = file_list_add(&all, m->job.root, m->job.first.st.st_dev);
	for (i = 0; !ret && i < all.n; i++)
		ret = interrupted() ? -EINTR : look_at(&l, all.path[i]);
	count_linked(&l);
	file_list_free(&all);
	return ret ? ret : count_hidden(m);
}
