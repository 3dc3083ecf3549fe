// SPDX-License-Identifier: GPL-2.0
/* vexctl embed and index: the passages of one text, and their embeddings */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/index.h"

/**
 * struct passage - a part of the text
 * @empty: without a word, so without an embedding
 */
struct passage {
	size_t from, to;
	bool empty;
};

/**
 * struct passages - those of one file, by chunk number
 * @vectors: in the collection's element type, @bytes each
 */
struct passages {
	struct passage *p;
	size_t n, room, bytes;
	unsigned char *vectors;
};

/* ---- what the passages are ------------------------------------------------------------- */

static int add_passage(struct passages *ps, size_t from, size_t to)
{
	size_t room = ps->room ? 2 * ps->room : 16;
	struct passage *bigger;

	if (ps->n == ps->room) {
		bigger = realloc(ps->p, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		ps->p = bigger;
		ps->room = room;
	}
	ps->p[ps->n++] = (struct passage){ .from = from, .to = to };
	return 0;
}

/* Chunk 0 begins with the first word, so that it has something to go by. */
static int split(const struct embed_job *j, struct passages *ps)
{
	size_t size = j->passage ? (size_t)j->passage : TEXT_MAX, from = text_first_word(&j->text), to;
	int ret;

	do {
		to = passage_end(&j->text, from, size);
		ret = add_passage(ps, from, to);
		from = to;
	} while (!ret && from < j->text.len);
	return ret;
}

/* ---- their vectors ------------------------------------------------------------------------ */

static const char *start(const struct embed_job *j, const struct passage *p)
{
	return j->text.data + p->from;
}

static bool has_word(const struct embed_job *j, const struct passage *p)
{
	struct text part = { .data = j->text.data + p->from, .len = p->to - p->from };

	return text_first_word(&part) < part.len;
}

/* One by one. */
static int make_vector(struct embed_job *j, struct passage *p, void *vector)
{
	int ret = model_embed(j->e, VEX_TEXT_DOCUMENT, start(j, p), p->to - p->from, &j->coll, vector);

	p->empty = ret == -ENODATA;
	if (!ret && j->reuse)
		reuse_add(j->reuse, start(j, p), p->to - p->from, vector);
	return p->empty ? 0 : ret;
}

/* All that are @wanted at once: texts that travel far travel together. */
static int make_together(struct embed_job *j, struct passages *ps, const size_t *wanted, size_t n)
{
	struct vex_text *texts = calloc(n + 1, sizeof(*texts));
	float *out = calloc(n + 1, j->e->dim * sizeof(*out));
	size_t i;
	int ret = texts && out ? 0 : -ENOMEM;

	for (i = 0; !ret && i < n; i++)
		texts[i] = (struct vex_text){ .text = start(j, &ps->p[wanted[i]]),
					      .len = ps->p[wanted[i]].to - ps->p[wanted[i]].from };
	if (!ret)
		ret = j->e->ops->embed_many(j->e, VEX_TEXT_DOCUMENT, texts, n, out);
	for (i = 0; !ret && i < n; i++) {
		struct vector v = { .v = out + i * j->e->dim, .n = j->e->dim };
		void *vector = ps->vectors + wanted[i] * ps->bytes;

		ret = model_encode(&v, &j->coll, vector);
		if (!ret && j->reuse)
			reuse_add(j->reuse, texts[i].text, texts[i].len, vector);
	}
	free(texts);
	free(out);
	return ret;
}

static bool reused(struct embed_job *j, const struct passage *p, void *vector)
{
	if (!j->reuse || !reuse_find(j->reuse, start(j, p), p->to - p->from, vector))
		return false;
	j->counts.reused++;
	return true;
}

/* Before the first is set: an embedder that fails in the middle of a file leaves it as it was. */
static int make_vectors(struct embed_job *j, struct passages *ps)
{
	size_t *wanted = malloc(ps->n * sizeof(*wanted)), n = 0, i;
	int ret = 0;

	ps->bytes = (size_t)j->coll.dim * elem_size(j->coll.elem);
	ps->vectors = malloc(ps->n * ps->bytes);
	if (!wanted || !ps->vectors)
		ret = -ENOMEM;
	for (i = 0; !ret && i < ps->n; i++) {
		void *vector = ps->vectors + i * ps->bytes;

		if (reused(j, &ps->p[i], vector))
			continue;
		if (!j->e->ops->embed_many)
			ret = make_vector(j, &ps->p[i], vector);
		else if (has_word(j, &ps->p[i]))
			wanted[n++] = i;
		else
			ps->p[i].empty = true;
	}
	if (!ret && n)
		ret = make_together(j, ps, wanted, n);
	free(wanted);
	return ret;
}

/* ---- setting them --------------------------------------------------------------------------- */

static int set_chunk(struct embed_job *j, int fd, const struct passages *ps, uint32_t chunk)
{
	const struct passage *p = &ps->p[chunk];
	struct vexfs_embedder_id id = { .name = "" };
	struct vexfs_embedding e = {
		.collection = j->opt->collection, .chunk = chunk, .data = ps->vectors + chunk * ps->bytes,
		.bytes = (uint32_t)ps->bytes, .generation = j->generation, .embedder = &id,
	};
	int ret;

	if (j->passage) {
		e.range_off = p->from;
		e.range_len = p->to - p->from;
	}
	memcpy(id.name, j->e->identity, strlen(j->e->identity));
	memcpy(id.fingerprint, j->e->fingerprint, sizeof(id.fingerprint));
	ret = vexfs_embedding_set(fd, &e);
	if (ret == -EINVAL)	/* another length: the collection has been exchanged for one of another embedder */
		ret = -EMEDIUMTYPE;
	if (!ret)
		j->counts.embeddings++;
	return ret;
}

static int delete_chunk(struct embed_job *j, int fd, uint32_t chunk)
{
	int ret = vexfs_embedding_del(fd, j->opt->collection, chunk);

	return ret == -ENODATA ? 0 : ret;
}

/* Chunk 0 last: its presence means that the others are there. */
static int set_passages(struct embed_job *j, int fd, const struct passages *ps, const struct embed_state *s)
{
	uint32_t chunk;
	int ret = 0;

	if (ps->p[0].empty)
		return -ENODATA;
	for (chunk = 1; !ret && chunk < ps->n; chunk++)
		ret = ps->p[chunk].empty ? delete_chunk(j, fd, chunk) : set_chunk(j, fd, ps, chunk);
	/* what an earlier, longer version of the file had */
	for (; !ret && chunk < s->chunks; chunk++)
		ret = delete_chunk(j, fd, chunk);
	return ret ? ret : set_chunk(j, fd, ps, 0);
}

int passages_set(struct embed_job *j, int fd, const struct embed_state *s)
{
	struct passages ps = { .n = 0 };
	int ret = split(j, &ps);

	if (!ret)
		ret = make_vectors(j, &ps);
	if (!ret)
		ret = set_passages(j, fd, &ps, s);
	free(ps.p);
	free(ps.vectors);
	return ret;
}
