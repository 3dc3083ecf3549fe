// SPDX-License-Identifier: GPL-2.0
/* vexctl embed: reading the files, setting their embeddings */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/index.h"

#define COMPLAINTS_MAX	10	/* per-file errors shown; all are counted */
#define LIST_BATCH	32
#define WHOLE_MAX	2048	/* index: larger files are embedded in passages */
#define PASSAGE		1024	/* of about so many bytes */
#define LONG_LINE	(256u << 10)	/* data, not text */

static int fit_file(struct embed_job *j, const char *path)
{
	struct stat st;
	int fd = open_regular(AT_FDCWD, path, O_RDONLY, &st), ret;

	if (fd < 0)
		return 0;
	ret = text_read(&j->text, fd, 0, 0);
	close(fd);
	if (ret || j->text.binary || !j->text.len)
		return 0;
	return j->e->ops->fit(j->e, j->text.data, j->text.len);
}

struct training {
	struct progress p;
	const struct options *opt;
};

static int training_step(void *ctx, uint32_t done, uint32_t of)
{
	struct training *t = ctx;

	if (!done)
		progress_begin(&t->p, "training: step", of, t->opt->progress);
	progress_step(&t->p, done);
	if (done == of || interrupted())
		progress_end(&t->p);
	return interrupted() ? -EINTR : 0;
}

int embed_fit(struct embed_job *j)
{
	struct training t = { .opt = j->opt };
	struct progress p;
	size_t i;
	int ret = 0;

	progress_begin(&p, "reading words: file", j->files.n, j->opt->progress);
	for (i = 0; !ret && i < j->files.n; i++) {
		ret = interrupted() ? -EINTR : fit_file(j, j->files.path[i]);
		progress_step(&p, i + 1);
	}
	progress_end(&p);
	j->e->step = training_step;
	j->e->step_ctx = &t;
	if (!ret)
		ret = j->e->ops->fit_done(j->e);
	j->e->step = NULL;
	return ret;
}

int embed_file_state(int fd, uint32_t collection, struct embed_state *s)
{
	struct vexfs_vec_entry e[LIST_BATCH];
	struct vexfs_list pos = { .next_id = collection };
	int n = 1, i;

	memset(s, 0, sizeof(*s));
	while (n > 0) {
		n = vexfs_embedding_list(fd, &pos, e, LIST_BATCH);
		for (i = 0; i < n; i++) {
			if (e[i].collection_id != collection)
				return 0;
			s->stale |= !!(e[i].flags & VEXFS_VEC_STALE);
			s->chunks = e[i].chunk + 1;
			if (!e[i].chunk) {
				s->has_first = true;
				s->first_is_whole = !e[i].range_len;
			}
		}
	}
	return n;
}

static uint64_t passage_size(const struct embed_job *j, const struct stat *st)
{
	if (!j->index || j->opt->chunk_size)
		return j->opt->chunk_size;
	return st->st_size > WHOLE_MAX ? PASSAGE : 0;
}

/* Chunk 0 is set last, so that its presence means that the others are there. */
static bool up_to_date(const struct embed_job *j, const struct embed_state *s)
{
	if (j->opt->force || j->opt->refit || j->fitted || !s->has_first || s->stale)
		return false;
	return s->first_is_whole == !j->passage;
}

int embed_unfit(const struct text *t)
{
	if (t->trouble)
		return t->trouble;
	if (t->binary)
		return SKIP_BINARY;
	if (text_first_word(t) == t->len)
		return SKIP_EMPTY;
	return text_longest_line(t) > LONG_LINE ? SKIP_LONG_LINE : SKIP_NONE;
}

/* vexctl embed takes long lines, too. */
static enum skip unfit(const struct embed_job *j)
{
	int why = embed_unfit(&j->text);

	return why == SKIP_LONG_LINE && !j->index ? SKIP_NONE : (enum skip)why;
}

/* -ENODATA: there is nothing to embed; an embedding of what was there before goes. */
static int embed_text(struct embed_job *j, int fd, const struct embed_state *s)
{
	enum skip why = unfit(j);
	int ret = why != SKIP_NONE ? -ENODATA : passages_set(j, fd, s);

	if (ret == -ENODATA)
		j->why = why != SKIP_NONE ? why : SKIP_EMPTY;
	if (ret == -ENODATA && s->chunks)
		vexfs_embedding_del_all(fd, j->opt->collection);
	return ret;
}

/*
 * What was read is what must be stamped: the kernel refuses an embedding of content
 * that has changed since it was asked for the generation. Read such a file once more,
 * and leave one that does not hold still for the next run: what it has by then is stale.
 */
static int embed_steadily(struct embed_job *j, int fd, const struct embed_state *s)
{
	int tries, ret = -ESTALE;

	for (tries = 0; ret == -ESTALE && tries < 2; tries++) {
		ret = vexfs_data_generation(fd, &j->generation);
		if (!ret)
			ret = text_read(&j->text, fd, 0, 0);
		if (!ret)
			ret = embed_text(j, fd, s);
	}
	return ret;
}

void embed_complain(struct embed_job *j, const char *path, int err)
{
	if (++j->counts.failed <= COMPLAINTS_MAX)
		say_error("cannot embed %s: %s", path, err == -ESTALE ?
			  "it keeps changing; run the command again" : reason(err));
}

/* No failure of index, but why it does not have the file. */
static enum skip no_failure(const struct embed_job *j, int err)
{
	if (!j->index)
		return SKIP_NONE;
	if (err == -EACCES || err == -EPERM)
		return SKIP_DENIED;
	/* a link or something else is there now */
	return err == -ENOENT || err == -ELOOP || err == -EINVAL ? SKIP_GONE : SKIP_NONE;
}

int embed_one(struct embed_job *j, const char *path)
{
	struct embed_state state;
	struct stat st;
	int fd = open_regular(AT_FDCWD, path, O_RDWR, &st), ret;

	j->why = SKIP_NONE;
	j->text.cut = j->text.binary = false;
	if (fd < 0) {
		j->why = no_failure(j, fd);
		return fd;
	}
	j->passage = passage_size(j, &st);
	ret = embed_file_state(fd, j->coll.id, &state);
	if (!ret && up_to_date(j, &state)) {
		j->counts.fresh++;
	} else if (!ret) {
		ret = embed_steadily(j, fd, &state);
		j->counts.embedded += !ret;
		j->counts.cut += j->text.cut && (!ret || ret == -ENODATA);
	}
	close(fd);
	return ret;
}

static void embed_file(struct embed_job *j, const char *path)
{
	int ret = embed_one(j, path);

	if (j->why == SKIP_BINARY || j->why >= SKIP_NO_CONVERTER)
		j->counts.binary++;
	else if (j->why == SKIP_EMPTY)
		j->counts.empty++;
	else if (ret)
		embed_complain(j, path, ret);
}

void embed_files(struct embed_job *j)
{
	struct progress p;
	size_t i;

	progress_begin(&p, "embedding: file", j->files.n, j->opt->progress);
	for (i = 0; i < j->files.n; i++) {
		embed_file(j, j->files.path[i]);
		progress_step(&p, i + 1);
	}
	progress_end(&p);
	if (j->counts.failed > COMPLAINTS_MAX + j->files.errors)
		say_error("... %llu files could not be embedded",
			  (unsigned long long)j->counts.failed);
}
