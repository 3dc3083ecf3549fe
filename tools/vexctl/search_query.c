// SPDX-License-Identifier: GPL-2.0
/* vexctl search: from the query to the kernel's answer */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/remote.h"
#include "tools/vexctl/search.h"

#define PATHS_FIRST	(64u << 10)
#define PATHS_MAX	(8u << 20)	/* 1024 hits with the longest paths there are, twice */
#define CANDIDATES_MIN	200		/* nearest passages whose words are looked at */
#define CANDIDATES_PER	20		/* for each result wanted */

/* Has another collection got the name since it was looked up? vexctl migrate exchanges two. */
static bool has_moved(const struct search_job *j)
{
	struct vexfs_ioc_collection now;

	return !vexfs_collection_info(j->scope.fd, j->collection, &now) &&
	       (now.id != j->coll.id || now.btime != j->coll.btime);
}

static int no_model(const struct search_job *j, const char *root, int err)
{
	const char *where = root[0] ? root : j->scope.path;

	if (has_moved(j))
		return SEARCH_AGAIN;
	if (builtin_is(builtin_of(&j->coll), &vex_static_ops))
		return builtin_fail(j->collection, &j->coll, where, err);
	if (err == -ENOENT)
		say_error("%s has no lexical model of collection '%s': make one with 'vexctl index "
			  "--collection %s %s', or search with --vector FILE", where,
			  j->collection, j->collection, where);
	else if (err == -EPROTO)
		say_error("the lexical model of collection '%s' in %s/%s is of another version: make it "
			  "again with 'vexctl index --refit --collection %s %s'", j->collection,
			  where, MODEL_DIR, j->collection, where);
	else if (err == -EBADMSG || err == -EFBIG)
		say_error("the lexical model of collection '%s' in %s/%s is damaged: make it again "
			  "with 'vexctl index --refit --collection %s %s'", j->collection,
			  where, MODEL_DIR, j->collection, where);
	else
		say_error("cannot read the model of collection '%s' in %s/%s: %s",
			  j->collection, where, MODEL_DIR, strerror(-err));
	return EXIT_FAILED;
}

static int embed_query(struct search_job *j)
{
	struct vex_embedder *e = j->e;
	char *subject = terms_subject(j->terms);
	const char *text = subject ? subject : j->text;
	int ret;

	if (e->dim != j->coll.dim) {
		free(subject);
		if (has_moved(j))
			return SEARCH_AGAIN;
		say_error("the %s model makes vectors of %u elements, collection '%s' has %u: "
			  "make it again with 'vexctl index --refit'", e->ops->name, e->dim, j->collection,
			  j->coll.dim);
		return EXIT_FAILED;
	}
	j->v.n = e->dim;
	j->v.v = malloc(e->dim * sizeof(float));
	ret = j->v.v ? e->ops->embed(e, VEX_TEXT_QUERY, text, strlen(text), j->v.v) : -ENOMEM;
	free(subject);
	if (ret == -ENODATA)
		say_error("the query has no words to search for");
	else if (ret)
		say_error("cannot embed the query: %s", strerror(-ret));
	return ret ? EXIT_FAILED : EXIT_OK;
}

/* The question as it was asked: such embedders read sentences. */
static int ask_remote(struct search_job *j)
{
	struct vex_embedder *e = j->remote;
	int ret;

	strcpy(j->embedder.name, e->identity);
	memcpy(j->embedder.fingerprint, e->fingerprint, sizeof(j->embedder.fingerprint));
	if (!j->terms->n) {
		say_error("the query has no words to search for");
		return EXIT_FAILED;
	}
	if (remote_is_local(e))
		terms_weigh(j->terms, e);
	j->v.n = e->dim;
	j->v.v = malloc(e->dim * sizeof(float));
	interrupt_catch();
	ret = j->v.v ? e->ops->embed(e, VEX_TEXT_QUERY, j->text, strlen(j->text), j->v.v) : -ENOMEM;
	interrupt_release();
	if (ret == -ENODATA)
		say_error("%s knows none of the words of the query", e->identity);
	else if (ret && ret != -EREMOTEIO && ret != -EINTR)
		say_error("cannot embed the query: %s", strerror(-ret));
	return ret == -EINTR ? EXIT_INTERRUPTED : ret ? EXIT_FAILED : EXIT_OK;
}

static int text_vector(struct search_job *j)
{
	char root[PATH_MAX];
	int fd, ret;

	if (j->remote)
		return ask_remote(j);
	fd = mount_root(&j->scope, root);
	ret = fd < 0 ? fd : builtin_load(fd, &j->coll, &j->e);
	if (fd >= 0)
		close(fd);
	if (ret)
		return no_model(j, root, ret);
	snprintf(j->embedder.name, sizeof(j->embedder.name), "%s", j->e->ops->identity);
	memcpy(j->embedder.fingerprint, j->e->fingerprint, sizeof(j->embedder.fingerprint));
	terms_weigh(j->terms, j->e);
	return embed_query(j);
}

int search_vector(struct search_job *j)
{
	if (j->opt->vector)
		return vector_read(j->opt->vector, j->opt->raw, true, &j->coll, &j->v);
	return text_vector(j);
}

static bool path_missing(const struct vexfs_search *s)
{
	uint32_t i;

	for (i = 0; i < s->found; i++)
		if (s->hits[i].flags & VEXFS_HIT_NO_PATH)
			return true;
	return false;
}

/* Paths have no known length: when the room was short, search again with more. */
static int search_with_paths(struct search_job *j)
{
	uint32_t room = PATHS_FIRST;
	char *bigger;
	int ret;

	for (;; room *= 4) {
		bigger = realloc(j->s.paths, room);
		if (!bigger)
			return -ENOMEM;
		j->s.paths = bigger;
		j->s.path_bytes = room;
		ret = vexfs_search(j->scope.fd, &j->s);
		if (ret || room >= PATHS_MAX || !path_missing(&j->s))
			return ret;
	}
}

static int search_fail(const struct search_job *j, int err)
{
	if ((err == -EINVAL || err == -EMEDIUMTYPE) && has_moved(j))
		return SEARCH_AGAIN;
	if (err == -EDOM)
		say_error("the query vector cannot be used: all zero under the cosine metric, or an "
			  "element that is NaN or infinite");
	else if (err == -EMEDIUMTYPE)
		embedder_fail(&j->scope, j->collection);
	else if (err == -EACCES)
		say_error("cannot search %s: you may not search collection '%s'", j->scope.path,
			  j->collection);
	else
		target_fail(&j->scope, j->collection, "search", err);
	return EXIT_FAILED;
}

static bool one_per_file(const struct search_job *j)
{
	return j->opt->per_file || j->opt->with_hits;
}

bool search_wants_files(const struct search_job *j)
{
	return one_per_file(j) && !(j->s.flags & VEXFS_SEARCH_PER_FILE) && j->s.found == j->s.k &&
	       j->nfound < j->opt->k;
}

/* More than are shown: some are left out for their words or for being of one file. */
static uint32_t candidates(const struct search_job *j)
{
	const struct options *opt = j->opt;
	uint64_t n = opt->k;

	if (opt->without_hits)
		return VEXFS_SEARCH_MAX_K;
	if (j->text)
		n = n * CANDIDATES_PER > CANDIDATES_MIN ? n * CANDIDATES_PER : CANDIDATES_MIN;
	return n < VEXFS_SEARCH_MAX_K ? (uint32_t)n : VEXFS_SEARCH_MAX_K;
}

int search_ask(struct search_job *j)
{
	double begun = now_seconds();
	int ret;

	j->s.collection = j->collection;
	j->s.embedder = &j->embedder;
	j->s.vector = j->v.v;
	j->s.dim = j->coll.dim;
	j->s.k = candidates(j);
	j->s.effort = (uint32_t)j->opt->effort;
	j->s.max_work = j->opt->max_work;
	j->s.filter = &j->filter;
	j->s.flags |= (j->opt->exact ? VEXFS_SEARCH_EXACT : 0) |
		      (j->opt->fresh ? VEXFS_SEARCH_FRESH : 0) |
		      (j->opt->summary ? VEXFS_SEARCH_COUNT : 0);
	/* By vectors alone the nearest passage of a file is its best; by words another one may be. */
	if (one_per_file(j) && (!j->text || j->opt->exact))
		j->s.flags |= VEXFS_SEARCH_PER_FILE;
	free(j->s.hits);
	j->s.hits = calloc(j->s.k, sizeof(*j->s.hits));
	ret = j->s.hits ? search_with_paths(j) : -ENOMEM;
	j->seconds += now_seconds() - begun;
	return ret ? search_fail(j, ret) : EXIT_OK;
}
