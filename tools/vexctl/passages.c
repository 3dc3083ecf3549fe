// SPDX-License-Identifier: GPL-2.0
/* vexctl embed and index: the passages of one text, and their embeddings */
#include <errno.h>
#include <string.h>

#include "tools/vexctl/index.h"

static int make_vector(struct embed_job *j, const char *text, size_t len)
{
	int ret;

	if (j->reuse && reuse_find(j->reuse, text, len, j->data)) {
		j->counts.reused++;
		return 0;
	}
	ret = model_embed(j->e, VEX_TEXT_DOCUMENT, text, len, &j->coll, j->data);
	if (!ret && j->reuse)
		reuse_add(j->reuse, text, len, j->data);
	return ret;
}

static int set_chunk(struct embed_job *j, int fd, uint32_t chunk, size_t from, size_t to)
{
	struct vexfs_embedder_id id = { .name = "" };
	struct vexfs_embedding e = {
		.collection = j->opt->collection, .chunk = chunk, .data = j->data,
		.bytes = j->coll.dim * elem_size(j->coll.elem), .generation = j->generation,
		.embedder = &id,
	};
	int ret = make_vector(j, j->text.data + from, to - from);

	if (ret)
		return ret;
	if (j->passage) {
		e.range_off = from;
		e.range_len = to - from;
	}
	strncpy(id.name, j->e->ops->identity, sizeof(id.name) - 1);
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

int passages_set(struct embed_job *j, int fd, const struct embed_state *s)
{
	size_t size = j->passage ? (size_t)j->passage : TEXT_MAX;
	size_t first = text_first_word(&j->text), to = passage_end(&j->text, first, size);
	uint32_t chunks = 0;
	int ret = set_passages(j, fd, to, size, &chunks);

	if (!ret)
		ret = delete_chunks(j, fd, chunks, s->chunks);
	return ret ? ret : set_chunk(j, fd, 0, first, to);
}
