// SPDX-License-Identifier: GPL-2.0
/* vexctl embed: reading the files, setting their embeddings */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/embed.h"

#define COMPLAINTS_MAX	10	/* per-file errors shown; all are counted */
#define LIST_BATCH	32

/* Non-blocking, no links: what was a regular file when it was listed may have changed. */
static int open_regular(const char *path, int flags, struct stat *st)
{
	int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, st))
		ret = -errno;
	else if (!S_ISREG(st->st_mode))
		ret = -EINVAL;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static int fit_file(struct embed_job *j, const char *path)
{
	struct stat st;
	int fd = open_regular(path, O_RDONLY, &st), ret;

	if (fd < 0)
		return 0;
	ret = text_read(&j->text, fd, 0, 0);
	close(fd);
	if (ret || j->text.binary || !j->text.len)
		return 0;
	return j->e->ops->fit(j->e, j->text.data, j->text.len);
}

int embed_fit(struct embed_job *j)
{
	struct progress p;
	size_t i;
	int ret = 0;

	progress_begin(&p, "reading words: file", j->files.n, j->opt->progress);
	for (i = 0; !ret && i < j->files.n; i++) {
		ret = fit_file(j, j->files.path[i]);
		progress_step(&p, i + 1);
	}
	progress_end(&p);
	return ret ? ret : j->e->ops->fit_done(j->e);
}

/**
 * struct state - the embeddings a file has in the collection
 * @chunks: one more than the highest chunk number
 */
struct state {
	bool has_first, first_is_whole, stale;
	uint32_t chunks;
};

static int file_state(const struct embed_job *j, int fd, struct state *s)
{
	struct vexfs_vec_entry e[LIST_BATCH];
	struct vexfs_list pos = { .next_id = j->coll.id };
	int n = 1, i;

	memset(s, 0, sizeof(*s));
	while (n > 0) {
		n = vexfs_embedding_list(fd, &pos, e, LIST_BATCH);
		for (i = 0; i < n; i++) {
			if (e[i].collection_id != j->coll.id)
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

/* Chunk 0 is set last, so that its presence means that the others are there. */
static bool up_to_date(const struct embed_job *j, const struct state *s)
{
	if (j->opt->force || j->opt->refit || j->fitted || !s->has_first || s->stale)
		return false;
	return s->first_is_whole == !j->opt->chunk_size;
}

static int set_chunk(struct embed_job *j, int fd, uint32_t chunk, size_t from, size_t to)
{
	struct vexfs_embedder_id id = { .name = "" };
	struct vexfs_embedding e = {
		.collection = j->opt->collection, .chunk = chunk, .data = j->data,
		.bytes = j->coll.dim * elem_size(j->coll.elem), .generation = j->generation,
		.embedder = &id,
	};
	int ret = model_embed(j->e, VEX_TEXT_DOCUMENT, j->text.data + from, to - from, &j->coll,
			      j->data);

	if (ret)
		return ret;
	if (j->opt->chunk_size) {
		e.range_off = from;
		e.range_len = to - from;
	}
	strncpy(id.name, j->embedder, sizeof(id.name) - 1);
	ret = vexfs_embedding_set(fd, &e);
	if (!ret)
		j->counts.embeddings++;
	return ret;
}

/*
 * Chunk 0 begins with the first word, so that it has something to go by; the
 * other passages have an embedding if they have words. *@chunks: passages in all.
 */
static int set_passages(struct embed_job *j, int fd, size_t from, size_t size, uint32_t *chunks)
{
	size_t to;
	int ret = 0;

	for (*chunks = 1; !ret && from < j->text.len; (*chunks)++) {
		to = passage_end(&j->text, from, size);
		ret = set_chunk(j, fd, *chunks, from, to);
		if (ret == -ENODATA)
			ret = vexfs_embedding_del(fd, j->opt->collection, *chunks);
		if (ret == -ENODATA)
			ret = 0;
		from = to;
	}
	return ret;
}

/* What an earlier, longer version of the file had. */
static int delete_chunks(struct embed_job *j, int fd, uint32_t from, uint32_t to)
{
	int ret = 0;

	for (; !ret && from < to; from++) {
		ret = vexfs_embedding_del(fd, j->opt->collection, from);
		if (ret == -ENODATA)
			ret = 0;
	}
	return ret;
}

static int set_all(struct embed_job *j, int fd, const struct state *s)
{
	size_t size = j->opt->chunk_size ? (size_t)j->opt->chunk_size : TEXT_MAX;
	size_t first = text_first_word(&j->text), to = passage_end(&j->text, first, size);
	uint32_t chunks = 0;
	int ret = set_passages(j, fd, to, size, &chunks);

	if (!ret)
		ret = delete_chunks(j, fd, chunks, s->chunks);
	return ret ? ret : set_chunk(j, fd, 0, first, to);
}

/* -ENODATA: there is nothing to embed; an embedding of what was there before goes. */
static int embed_text(struct embed_job *j, int fd, const struct state *s)
{
	int ret = j->text.binary || !j->text.len ? -ENODATA : set_all(j, fd, s);

	if (ret == -ENODATA && s->chunks)
		vexfs_embedding_del_all(fd, j->opt->collection);
	return ret;
}

/*
 * What was read is what must be stamped: the kernel refuses an embedding of content
 * that has changed since it was asked for the generation. Read such a file once more,
 * and leave one that does not hold still for the next run: what it has by then is stale.
 */
static int embed_steadily(struct embed_job *j, int fd, const struct state *s)
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

static void count(struct embed_job *j, const char *path, int ret)
{
	if (ret == -ENODATA && j->text.binary)
		j->counts.binary++;
	else if (ret == -ENODATA)
		j->counts.empty++;
	else if (!ret)
		j->counts.embedded++;
	else if (++j->counts.failed <= COMPLAINTS_MAX)
		say_error("cannot embed %s: %s", path, ret == -ESTALE ?
			  "it keeps changing; run vexctl embed again" : reason(ret));
	if ((!ret || ret == -ENODATA) && j->text.cut)
		j->counts.cut++;
}

static void embed_file(struct embed_job *j, const char *path)
{
	struct state state;
	struct stat st;
	int fd = open_regular(path, O_RDWR, &st), ret;

	j->text.cut = j->text.binary = false;
	ret = fd < 0 ? fd : file_state(j, fd, &state);
	if (!ret && up_to_date(j, &state))
		j->counts.fresh++;
	else
		count(j, path, ret ? ret : embed_steadily(j, fd, &state));
	if (fd >= 0)
		close(fd);
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
