// SPDX-License-Identifier: GPL-2.0
/* vexctl search: the files nearest to a text or a vector */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

#define PATHS_FIRST	(64u << 10)
#define PATHS_MAX	(8u << 20)	/* 1024 hits with the longest paths there are, twice */

/**
 * struct query - a search from the command line to its output
 * @text:  the words, or NULL when a vector was given
 * @scope: the directory
 * @terms: of @text, for snippets
 */
struct query {
	const struct options *opt;
	const char *text;
	struct target scope;
	struct vexfs_ioc_collection coll;
	struct vexfs_search s;
	struct vexfs_embedder_id embedder;
	struct vector v;
	struct terms *terms;
	struct text file;
	double seconds;
};

static int no_model(const struct query *q, const char *root, int err)
{
	const char *where = root[0] ? root : q->scope.path;

	if (err == -ENOENT)
		say_error("%s has no lexical model of collection '%s': make one with 'vexctl embed "
			  "--collection %s %s', or search with --vector FILE", where,
			  q->opt->collection, q->opt->collection, where);
	else if (err == -EBADMSG || err == -EFBIG)
		say_error("the lexical model of collection '%s' in %s/%s is damaged: make it again "
			  "with 'vexctl embed --refit --collection %s %s'", q->opt->collection,
			  where, MODEL_DIR, q->opt->collection, where);
	else
		say_error("cannot read the model of collection '%s' in %s/%s: %s",
			  q->opt->collection, where, MODEL_DIR, strerror(-err));
	return EXIT_FAILED;
}

static int embed_query(struct query *q, struct vex_embedder *e)
{
	int ret;

	if (e->dim != q->coll.dim) {
		say_error("the lexical model makes vectors of %u elements, collection '%s' has %u: "
			  "make it again with 'vexctl embed --refit'", e->dim, q->opt->collection,
			  q->coll.dim);
		return EXIT_FAILED;
	}
	q->v.n = e->dim;
	q->v.v = malloc(e->dim * sizeof(float));
	ret = q->v.v ? e->ops->embed(e, VEX_TEXT_QUERY, q->text, strlen(q->text), q->v.v) : -ENOMEM;
	if (ret == -ENODATA)
		say_error("the query has no words to search for");
	else if (ret)
		say_error("cannot embed the query: %s", strerror(-ret));
	return ret ? EXIT_FAILED : EXIT_OK;
}

static int text_vector(struct query *q)
{
	struct vex_embedder *e = NULL;
	char root[PATH_MAX];
	int fd = mount_root(&q->scope, root), ret;

	ret = fd < 0 ? fd : model_load(fd, q->opt->collection, vex_lexical_ops.name, &e);
	if (fd >= 0)
		close(fd);
	if (ret)
		return no_model(q, root, ret);
	ret = embed_query(q, e);
	vex_embedder_destroy(e);
	snprintf(q->embedder.name, sizeof(q->embedder.name), "%s", vex_lexical_ops.name);
	return ret;
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
static int search_with_paths(struct query *q)
{
	uint32_t room = PATHS_FIRST;
	char *bigger;
	int ret;

	for (;; room *= 4) {
		bigger = realloc(q->s.paths, room);
		if (!bigger)
			return -ENOMEM;
		q->s.paths = bigger;
		q->s.path_bytes = room;
		ret = vexfs_search(q->scope.fd, &q->s);
		if (ret || room >= PATHS_MAX || !path_missing(&q->s))
			return ret;
	}
}

static int search_fail(const struct query *q, int err)
{
	if (err == -EDOM)
		say_error("the query vector cannot be used: all zero under the cosine metric, or an "
			  "element that is NaN or infinite");
	else if (err == -EMEDIUMTYPE)
		embedder_fail(&q->scope, q->opt->collection);
	else
		target_fail(&q->scope, q->opt->collection, "search", err);
	return EXIT_FAILED;
}

static int run_query(struct query *q)
{
	double begun = now_seconds();
	int ret;

	q->s.collection = q->opt->collection;
	q->s.embedder = &q->embedder;
	q->s.vector = q->v.v;
	q->s.dim = q->coll.dim;
	q->s.k = (uint32_t)q->opt->k;
	q->s.effort = (uint32_t)q->opt->effort;
	q->s.max_work = q->opt->max_work;
	q->s.flags = (q->opt->exact ? VEXFS_SEARCH_EXACT : 0) |
		     (q->opt->fresh ? VEXFS_SEARCH_FRESH : 0);
	q->s.hits = calloc(q->s.k, sizeof(*q->s.hits));
	ret = q->s.hits ? search_with_paths(q) : -ENOMEM;
	q->seconds = now_seconds() - begun;
	return ret ? search_fail(q, ret) : EXIT_OK;
}

/* The path of a hit, relative to the scope; "" and 0 if there was no room for it. */
static const char *hit_path(const struct query *q, const struct vexfs_search_hit *h, size_t *len)
{
	*len = 0;
	if (h->flags & VEXFS_HIT_NO_PATH || h->path_off > q->s.path_bytes ||
	    h->path_len > q->s.path_bytes - h->path_off)
		return "";
	*len = h->path_len;
	return q->s.paths + h->path_off;
}

/* Between search and look the file may have become something else: no links, no waiting. */
static int open_hit(const struct query *q, const struct vexfs_search_hit *h)
{
	char path[PATH_MAX];
	struct stat st;
	size_t len;
	const char *p = hit_path(q, h, &len);
	int fd;

	if (!len || len >= sizeof(path))
		return -1;
	memcpy(path, p, len);
	path[len] = '\0';
	fd = openat(q->scope.fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != h->ino)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* false: no text to show */
static bool find_snippet(struct query *q, const struct vexfs_search_hit *h, struct snippet *s)
{
	int fd = open_hit(q, h), ret;

	if (fd < 0)
		return false;
	ret = text_read(&q->file, fd, h->range_off, h->range_len);
	close(fd);
	if (ret || q->file.binary || !q->file.len)
		return false;
	snippet_find(q->terms, q->file.data, q->file.len, s);
	return s->len > 0;
}

static void print_snippet(const struct snippet *s)
{
	bool on = colour(stdout);
	size_t i, run;

	printf("      %s", s->more_before ? "... " : "");
	for (i = 0; i < s->len; i += run) {
		for (run = 1; i + run < s->len && s->mark[i + run] == s->mark[i]; run++)
			;
		if (on && s->mark[i])
			fputs("\x1b[1m", stdout);
		print_safe(stdout, s->text + i, run);
		if (on && s->mark[i])
			fputs("\x1b[0m", stdout);
	}
	puts(s->more_after ? " ..." : "");
}

static bool is_cosine(const struct query *q)
{
	return q->coll.metric == VEXFS_IOC_COSINE;
}

static void print_hit(struct query *q, const struct vexfs_search_hit *h, unsigned int rank)
{
	float d = vexfs_hit_distance(h);
	struct snippet s;
	size_t len;
	const char *path = hit_path(q, h, &len);

	printf("%4u  %10.4f", rank, (double)d);
	if (is_cosine(q))
		printf("  %10.4f", 1.0 - (double)d);
	fputs("  ", stdout);
	if (len)
		print_safe(stdout, path, len);
	else
		printf("(inode %llu)", (unsigned long long)h->ino);
	if (h->range_len)
		printf(" [%llu..%llu]", (unsigned long long)h->range_off,
		       (unsigned long long)(h->range_off + h->range_len));
	else if (h->chunk)
		printf(" [chunk %u]", h->chunk);
	puts(h->flags & VEXFS_HIT_STALE ? "  (stale)" : "");
	if (q->terms && find_snippet(q, h, &s))
		print_snippet(&s);
}

/* On standard error, so that it is seen also where the results go through a pipe. */
static void warn_truncated(const struct query *q)
{
	if (!(q->s.reply & VEXFS_REPLY_TRUNCATED))
		return;
	if (q->opt->max_work)
		say_error("not everything was searched: there are more embeddings below %s, and at most "
			  "%llu were to be compared (--max-work)", q->scope.path,
			  (unsigned long long)q->opt->max_work);
	else
		say_error("not everything was searched: there are more embeddings below %s than one "
			  "search compares; search smaller directories one by one", q->scope.path);
}

static void print_result(struct query *q)
{
	uint32_t i;

	printf("%4s  %10s%s  %s\n", "RANK", "DISTANCE", is_cosine(q) ? "  SIMILARITY" : "", "PATH");
	for (i = 0; i < q->s.found; i++)
		print_hit(q, &q->s.hits[i], i + 1);
	printf("%u hit%s in %.1f ms%s%s%s\n", q->s.found, q->s.found == 1 ? "" : "s",
	       q->seconds * 1e3, q->opt->exact ? ", exact" : "",
	       q->s.reply & VEXFS_REPLY_INCOMPLETE ? ", incomplete" : "",
	       q->s.reply & VEXFS_REPLY_TRUNCATED ? ", truncated" : "");
}

static struct json_object *hit_json(struct query *q, const struct vexfs_search_hit *h,
				    unsigned int rank)
{
	struct json_object *o = json_object_new_object();
	float d = vexfs_hit_distance(h);
	struct snippet s;
	size_t len;
	const char *path = hit_path(q, h, &len);

	json_object_object_add(o, "rank", json_object_new_int64(rank));
	json_object_object_add(o, "distance", json_double((double)d, "%.9g"));
	if (is_cosine(q))
		json_object_object_add(o, "similarity", json_double(1.0 - (double)d, "%.7g"));
	if (len)
		json_add_path(o, path, len);
	json_object_object_add(o, "inode", json_object_new_uint64(h->ino));
	json_object_object_add(o, "generation", json_object_new_int64(h->generation));
	json_object_object_add(o, "chunk", json_object_new_int64(h->chunk));
	json_object_object_add(o, "range_offset", json_object_new_uint64(h->range_off));
	json_object_object_add(o, "range_length", json_object_new_uint64(h->range_len));
	json_object_object_add(o, "stale",
			       json_object_new_boolean(!!(h->flags & VEXFS_HIT_STALE)));
	if (q->terms && find_snippet(q, h, &s))
		json_object_object_add(o, "snippet", json_text(s.text, s.len));
	return o;
}

static int result_json(struct query *q)
{
	struct json_object *o = json_object_new_object(), *hits = json_object_new_array();
	uint32_t i;

	for (i = 0; i < q->s.found; i++)
		json_object_array_add(hits, hit_json(q, &q->s.hits[i], i + 1));
	json_object_object_add(o, "collection", json_object_new_string(q->opt->collection));
	json_object_object_add(o, "scope", json_text(q->scope.path, strlen(q->scope.path)));
	json_object_object_add(o, "metric", json_object_new_string(metric_name(q->coll.metric)));
	json_object_object_add(o, "k", json_object_new_uint64(q->opt->k));
	json_object_object_add(o, "exact", json_object_new_boolean(q->opt->exact));
	json_object_object_add(o, "approximate",
			       json_object_new_boolean(!!(q->s.reply & VEXFS_REPLY_APPROXIMATE)));
	json_object_object_add(o, "incomplete",
			       json_object_new_boolean(!!(q->s.reply & VEXFS_REPLY_INCOMPLETE)));
	json_object_object_add(o, "truncated",
			       json_object_new_boolean(!!(q->s.reply & VEXFS_REPLY_TRUNCATED)));
	json_object_object_add(o, "total_ms", json_double(q->seconds * 1e3, "%.6f"));
	json_object_object_add(o, "hits", hits);
	return json_finish(o);
}

static int show_result(struct query *q)
{
	int ret = EXIT_OK;

	if (q->opt->snippet && q->text) {
		q->terms = terms_create(q->text);
		if (!q->terms || text_init(&q->file)) {
			say_error("out of memory");
			return EXIT_FAILED;
		}
	}
	if (q->opt->json)
		ret = result_json(q);
	else if (q->s.found)
		print_result(q);
	else
		say_error("nothing found: no embedding in collection '%s' below %s that you may read%s",
			  q->opt->collection, q->scope.path,
			  q->opt->fresh ? " and that is fresh" : "");
	if (!q->opt->json)
		warn_truncated(q);
	return ret ? ret : q->s.found ? EXIT_OK : EXIT_NOTHING;
}

static int search_scope(struct query *q)
{
	const struct options *opt = q->opt;
	int ret = target_collection(&q->scope, opt->collection, &q->coll);

	if (ret)
		return ret;
	if (opt->vector)
		ret = vector_read(opt->vector, opt->raw, true, &q->coll, &q->v);
	else
		ret = text_vector(q);
	if (!ret)
		ret = run_query(q);
	return ret ? ret : show_result(q);
}

static int run_search(const struct command *cmd, struct options *opt)
{
	struct query q = { .opt = opt };
	int texts = opt->vector ? 0 : 1, ret;

	if (opt->nargs < texts)
		return usage_error(cmd, "the text to search for is missing (or --vector FILE)");
	if (opt->nargs > texts + 1)
		return usage_error(cmd, "unexpected argument '%s': put the query in quotes",
				   opt->args[texts + 1]);
	if (opt->raw && !opt->vector)
		return usage_error(cmd, "--raw is about the elements of --vector FILE");
	if (texts && (opt->embedder || opt->fingerprint))
		return usage_error(cmd, "--embedder and --fingerprint are about --vector FILE");
	ret = embedder_ask(cmd, opt, &q.embedder);
	if (ret)
		return ret;
	if (texts)
		q.text = opt->args[opt->nargs - 1];
	ret = target_open(&q.scope, opt->nargs > texts ? opt->args[0] : ".",
			  O_RDONLY | O_DIRECTORY);
	if (ret)
		return ret;
	ret = search_scope(&q);
	target_close(&q.scope);
	vector_free(&q.v);
	terms_free(q.terms);
	text_free(&q.file);
	free(q.s.hits);
	free(q.s.paths);
	return ret;
}

const struct command cmd_search = {
	.name = "search",
	.summary = "find the files nearest to a text or a vector",
	.accepts = "collection k exact fresh snippet vector raw effort max-work embedder fingerprint json",
	.min_args = 0, .max_args = 2, .needs_collection = true,
	.run = run_search,
	.help =
	"usage: vexctl search --collection NAME [OPTION]... [DIR] \"QUERY TEXT\"\n"
	"       vexctl search --collection NAME --vector FILE|- [OPTION]... [DIR]\n"
	"Find the embeddings below DIR (default: here) nearest to a text or to a vector. Only\n"
	"files you may open are found. A text becomes a vector by the model that 'vexctl embed'\n"
	"has made.\n\n"
	"  -c, --collection NAME  where to search\n"
	"  -k, --k N              results wanted, 1 to 1024 (default 10)\n"
	"      --exact            compare every vector in full precision\n"
	"      --fresh            leave out files that changed after they were embedded\n"
	"      --snippet          show the best matching part of each file\n"
	"      --vector FILE      the query as numbers; with --raw as little-endian float32\n"
	"      --effort N         candidates to compare in full precision (default: chosen)\n"
	"      --max-work N       embeddings to compare at most (default: the system's limit); if\n"
	"                         there are more, the output says so\n"
	"      --embedder NAME    which embedder made the vector; another one's collection is refused\n"
	"      --fingerprint HEX  and its fingerprint, up to 64 digits\n"
	"      --json             for programs\n\n"
	"example: vexctl search --collection notes --k 5 --snippet /mnt \"lost luggage refund\"\n",
};
