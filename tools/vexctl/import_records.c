// SPDX-License-Identifier: GPL-2.0
/* vexctl import FILE: embeddings that come with their paths */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/transfer.h"

#define COMPLAINTS_MAX	10	/* bad records shown; all are counted */

/**
 * struct import - one run: all records are checked, then all are set
 * @path, @fd, @st: the file at hand; records of one file follow each other
 * @records: to be set
 * @missing, @stale: left out: no such file, an older content
 */
struct import {
	const struct options *opt;
	struct source src;
	struct target dir;
	char collection[VEXFS_IOC_NAME_LEN];
	struct vexfs_ioc_collection coll;
	struct vexfs_embedder_id embedder;
	struct seen *seen;
	void *data;
	char *path;
	int fd;
	struct stat st;
	uint64_t records, set, missing, stale, bad;
};

static void complain(struct import *im, const char *what)
{
	if (++im->bad <= COMPLAINTS_MAX)
		source_error(&im->src, "%s", what);
}

static void complain_path(struct import *im, int err)
{
	const char *why = err == -EXDEV ? "it is outside of the directory" :
			  err == -EINVAL ? "it is not a regular file" :
			  err == -ELOOP ? "a part of it is a symbolic link" :
			  err == -EACCES ? "permission denied: setting an embedding needs write permission" :
			  err == -ENOENT ? "no such file (--skip-missing leaves it out)" : strerror(-err);
	char *text;

	if (asprintf(&text, "%s: %s", im->src.r.path, why) < 0)
		text = NULL;
	complain(im, text ? text : why);
	free(text);
}

static void close_file(struct import *im)
{
	if (im->fd >= 0)
		close(im->fd);
	im->fd = -1;
	free(im->path);
	im->path = NULL;
}

/* The record's file as im->fd and im->st; negative errno. */
static int open_file(struct import *im)
{
	const char *path = im->src.r.path;

	if (im->path && !strcmp(im->path, path))
		return 0;
	close_file(im);
	im->fd = path[0] == '/' ? -EXDEV : open_beneath(im->dir.fd, path, O_RDWR, &im->st);
	if (im->fd < 0)
		return im->fd;
	if (!S_ISREG(im->st.st_mode))
		return -EINVAL;
	if (im->st.st_dev != im->dir.st.st_dev)
		return -EXDEV;
	im->path = strdup(path);
	return im->path ? 0 : -ENOMEM;
}

/* NULL: the vector fits, and is in im->data. */
static char *vector_wrong(struct import *im)
{
	const struct vector *v = &im->src.r.v;
	bool zero = true;
	size_t where, i;
	char *text;
	int n = 0;

	for (i = 0; i < v->n; i++)
		zero &= fabsf(v->v[i]) <= 0;
	if (v->n != im->coll.dim)
		n = asprintf(&text, "the vector has %zu elements, collection '%s' has dimension %u", v->n,
			     im->collection, im->coll.dim);
	else if (vector_encode(v, im->coll.elem, im->data, &where))
		n = asprintf(&text, "element %zu (%g) of the vector has no place in type %s", where,
			     (double)v->v[where], elem_name(im->coll.elem));
	else if (zero && im->coll.metric == VEXFS_IOC_COSINE)
		n = asprintf(&text, "the vector is all zero, which has no direction under the cosine metric");
	else
		return NULL;
	return n < 0 ? strdup("bad vector") : text;
}

/* Whether the record at hand is one of those to be set. */
static bool left_out(struct import *im, int err)
{
	if (im->src.r.stale && !im->opt->all) {
		im->stale++;
		return true;
	}
	if (err == -ENOENT && im->opt->skip_missing) {
		im->missing++;
		return true;
	}
	return false;
}

static void check_record(struct import *im)
{
	int err = open_file(im);
	char *wrong, text[96];
	int64_t before;

	if (left_out(im, err))
		return;
	im->records++;
	if (err) {
		complain_path(im, err);
		return;
	}
	wrong = vector_wrong(im);
	if (wrong)
		complain(im, wrong);
	free(wrong);
	before = seen_add(im->seen, im->st.st_ino, im->src.r.chunk, (int64_t)im->src.at);
	if (before < 0)
		complain(im, "out of memory");
	else if (before) {
		snprintf(text, sizeof(text), "the same file and chunk as %s %lld",
			 has_side_file(im->src.format) ? "row" : "line", (long long)before);
		complain(im, text);
	}
}

static uint64_t mib(long bytes)
{
	return bytes > 0 ? (uint64_t)bytes >> 20 : 0;
}

/* All of the file, before anything is set. */
static int check_all(struct import *im)
{
	struct progress p;
	struct stat st;
	int more = 1;

	if (fstat(fileno(im->src.f), &st))
		st.st_size = 0;
	progress_begin(&p, "checking: MiB", mib((long)st.st_size), im->opt->progress);
	while (!interrupted() && (more = source_next(&im->src)) > 0) {
		check_record(im);
		progress_step(&p, mib(ftell(im->src.f)));
	}
	progress_end(&p);
	if (im->bad > COMPLAINTS_MAX)
		say_error("... and %llu more", (unsigned long long)(im->bad - COMPLAINTS_MAX));
	if (interrupted())
		say_error("interrupted: nothing was set");
	else if (more < 0 || im->bad)
		say_error("nothing was set");
	else if (!im->records && !im->missing && !im->stale)
		say_error("%s has no embeddings", im->src.name);
	else
		return EXIT_OK;
	return interrupted() ? EXIT_INTERRUPTED : more < 0 || im->bad ? EXIT_FAILED : EXIT_NOTHING;
}

static int set_record(struct import *im)
{
	const struct record *r = &im->src.r;
	struct vexfs_embedding e = {
		.collection = im->collection, .chunk = r->chunk, .data = im->data,
		.bytes = im->coll.dim * elem_size(im->coll.elem), .range_off = r->off, .range_len = r->len,
		.embedder = &im->embedder,
	};
	uint64_t missing = im->missing, stale = im->stale;
	int err = open_file(im);
	char *wrong;

	if (left_out(im, err)) {	/* counted before */
		im->missing = missing;
		im->stale = stale;
		return 0;
	}
	if (err)
		return err;
	wrong = vector_wrong(im);
	free(wrong);
	if (wrong)
		return -EILSEQ;		/* not what was checked */
	err = vexfs_embedding_set(im->fd, &e);
	im->set += !err;
	return err;
}

static int stopped(struct import *im, int err)
{
	if (err == -EMEDIUMTYPE)
		embedder_fail(&im->dir, im->collection);
	say_error("%s after %llu of %llu embeddings%s%s: these are set, the others are not; the same command "
		  "sets them all", err == -EINTR ? "interrupted" : "stopped", (unsigned long long)im->set,
		  (unsigned long long)im->records, err == -EINTR ? "" : ": ",
		  err == -EINTR ? "" : err == -EILSEQ ? "the file was changed while it was read" : reason(err));
	return err == -EINTR ? EXIT_INTERRUPTED : EXIT_FAILED;
}

static int set_all(struct import *im)
{
	struct progress p;
	int more = 1, err = 0;

	progress_begin(&p, "importing: embedding", im->records, im->opt->progress);
	while (!err && (more = source_next(&im->src)) > 0) {
		err = interrupted() ? -EINTR : set_record(im);
		progress_step(&p, im->set);
	}
	progress_end(&p);
	if (!err && more < 0)
		err = -EILSEQ;
	return err ? stopped(im, err) : EXIT_OK;
}

static int report(const struct import *im)
{
	struct json_object *o;

	if (im->opt->json) {
		o = json_object_new_object();
		json_object_object_add(o, "collection", json_object_new_string(im->collection));
		json_object_object_add(o, "set", json_object_new_uint64(im->set));
		json_object_object_add(o, "missing", json_object_new_uint64(im->missing));
		json_object_object_add(o, "stale", json_object_new_uint64(im->stale));
		return json_line(o);
	}
	if (im->opt->quiet)
		return EXIT_OK;
	printf("set %llu embeddings in '%s'", (unsigned long long)im->set, im->collection);
	if (im->missing)
		printf(", left out %llu of files that are not here", (unsigned long long)im->missing);
	if (im->stale)
		printf(", left out %llu of older content", (unsigned long long)im->stale);
	putchar('\n');
	return EXIT_OK;
}

static int import_open(struct import *im)
{
	int ret = EXIT_OK;

	if (im->opt->collection)
		strcpy(im->collection, im->opt->collection);
	else
		ret = collection_choose(&im->dir, false, im->collection);
	if (!ret)
		ret = target_collection(&im->dir, im->collection, &im->coll);
	if (ret)
		return ret;
	im->seen = seen_create();
	im->data = malloc((size_t)im->coll.dim * elem_size(im->coll.elem));
	if (im->seen && im->data)
		return EXIT_OK;
	say_error("out of memory");
	return EXIT_FAILED;
}

int import_records(const struct command *cmd, const struct options *opt)
{
	struct import im = { .opt = opt, .fd = -1, .dir.fd = -1 };
	int format = transfer_format(cmd, opt, opt->args[0]), ret;

	if (format < 0)
		return EXIT_USAGE;
	ret = embedder_ask(cmd, opt, &im.embedder);
	if (!ret)
		ret = source_open(&im.src, opt, opt->args[0], (enum transfer_format)format);
	if (!ret)
		ret = target_open(&im.dir, opt->nargs > 1 ? opt->args[1] : ".", O_RDONLY | O_DIRECTORY);
	if (!ret)
		ret = import_open(&im);
	interrupt_catch();
	if (!ret)
		ret = check_all(&im);
	if (!ret)
		ret = source_rewind(&im.src);
	if (!ret)
		ret = set_all(&im);
	interrupt_release();
	if (!ret)
		ret = report(&im);
	close_file(&im);
	seen_free(im.seen);
	free(im.data);
	source_close(&im.src);
	target_close(&im.dir);
	return ret;
}
