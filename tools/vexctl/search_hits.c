// SPDX-License-Identifier: GPL-2.0
/* vexctl search: which of the kernel's hits are worth showing, and in what order */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/convert.h"
#include "tools/vexctl/remote.h"
#include "tools/vexctl/search.h"

#define CONVERT_BUDGET	5	/* seconds for the texts of all hits: the others are judged by vectors alone */
#define WORDS_ENOUGH	0.25f	/* so much of the query in a passage is no chance */

/* The path of a hit, relative to the scope; none if there was no room for it. */
static void set_path(const struct search_job *j, struct found *f)
{
	const struct vexfs_search_hit *h = f->hit;

	if (h->flags & VEXFS_HIT_NO_PATH || h->path_off > j->s.path_bytes ||
	    h->path_len > j->s.path_bytes - h->path_off)
		return;
	f->path = j->s.paths + h->path_off;
	f->path_len = h->path_len;
}

/* Between search and look the file may have become something else: no links, no waiting. */
static int open_hit(const struct search_job *j, const struct found *f)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (!f->path_len || f->path_len >= sizeof(path))
		return -1;
	memcpy(path, f->path, f->path_len);
	path[f->path_len] = '\0';
	fd = open_regular(j->scope.fd, path, O_RDONLY, &st);
	if (fd >= 0 && st.st_ino != f->hit->ino) {
		close(fd);
		fd = -1;
	}
	return fd;
}

bool search_text(struct search_job *j, const struct found *f, bool whole)
{
	const struct vexfs_search_hit *h = f->hit;
	int fd = open_hit(j, f), ret;

	if (fd < 0)
		return false;
	ret = whole ? text_read(&j->file, fd, 0, 0) :
		      text_read(&j->file, fd, h->range_off, h->range_len);
	close(fd);
	return !ret && !j->file.binary && j->file.len;
}

static bool is_weak(const struct search_job *j, const struct found *f)
{
	/* What chance gives is known of the vectors of vexctl's own embedders only. */
	if (!j->text || j->remote || f->verbatim || f->words >= WORDS_ENOUGH)
		return false;
	return f->score < (j->e && j->e->noise > 0 ? j->e->noise : noise_floor(j->coll.dim));
}

static void judge(struct search_job *j, struct found *f)
{
	struct word_score w = { 0 };

	set_path(j, f);
	f->score = similarity(j->coll.metric, vexfs_hit_distance(f->hit));
	if (j->text && search_text(j, f, false))
		words_score(j->terms, j->file.data, j->file.len, &w);
	f->words = w.share;
	/* Of programs and servers the vectors rank, after what was asked for as it is written. */
	f->rank_words = j->remote && !remote_is_local(j->remote) ? 0 : w.rank;
	f->verbatim = w.verbatim;
	f->weak = is_weak(j, f);
}

static bool same_file_before(const struct search_job *j, const struct found *f)
{
	size_t i;

	for (i = 0; i < j->nfound; i++)
		if (j->found[i].hit->ino == f->hit->ino)
			return true;
	return false;
}

static bool wanted(const struct search_job *j, const struct found *f)
{
	const struct options *opt = j->opt;

	if (j->like && f->hit->ino == j->not)
		return false;
	if ((f->weak && !opt->weak) || f->score < (float)opt->min_score)
		return false;
	return !(opt->per_file || opt->with_hits) || !same_file_before(j, f);
}

/* The best part of the passage, and its line in the file. */
static void illustrate(struct search_job *j, struct found *f)
{
	size_t from = (size_t)f->hit->range_off, len, i;

	if (!search_text(j, f, true) || from >= j->file.len)
		return;
	len = j->file.len - from;
	if (f->hit->range_len && f->hit->range_len < len)
		len = (size_t)f->hit->range_len;
	snippet_find(j->terms, j->file.data + from, len, &f->snippet);
	for (i = from + f->snippet.at; i < j->file.len && strchr(" \t\r\n\f", j->file.data[i]); i++)
		;
	f->page = text_page(&j->file, i);
	f->line = 1;
	for (i = 0; i < from + f->snippet.at; i++)
		f->line += j->file.data[i] == '\n';
}

static void choose(struct search_job *j, size_t n)
{
	const struct options *opt = j->opt;
	size_t i, most = opt->without_hits ? n : (size_t)opt->k;

	for (i = 0; i < n && j->nfound < most; i++) {
		if (!wanted(j, &j->found[i]))
			continue;
		j->found[j->nfound] = j->found[i];
		if (!opt->with_hits && !opt->without_hits)
			illustrate(j, &j->found[j->nfound]);
		j->stale += !!(j->found[j->nfound].hit->flags & VEXFS_HIT_STALE);
		j->nfound++;
	}
}

int search_judge(struct search_job *j)
{
	size_t i, n = j->s.found;

	free(j->found);
	text_free(&j->file);
	j->nfound = j->stale = 0;
	j->found = calloc(n + 1, sizeof(*j->found));
	if (!j->found || text_init(&j->file))
		return -ENOMEM;
	convert_budget(CONVERT_BUDGET);
	for (i = 0; i < n; i++) {
		j->found[i].hit = &j->s.hits[i];
		judge(j, &j->found[i]);
	}
	if (j->text && !j->opt->exact)
		fuse_ranks(j->found, n);
	choose(j, n);
	convert_budget(0);
	return 0;
}
