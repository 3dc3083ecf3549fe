// SPDX-License-Identifier: GPL-2.0
/* vexctl set, get, del, list: the embeddings of a file */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/vexctl.h"

int set_fail(const struct target *t, const char *collection, int err)
{
	if (err == -EDOM)
		say_error("cannot set the embedding of %s: the vector is all zero, which has no "
			  "direction under the cosine metric, or too large", t->path);
	else if (err == -EMEDIUMTYPE)
		embedder_fail(t, collection);
	else
		target_fail(t, collection, "set the embedding of", err);
	return EXIT_FAILED;
}

/* The vector in the collection's element type; malloc'ed, NULL after an error was reported. */
static void *encode(const struct vector *v, const struct vexfs_ioc_collection *c)
{
	void *data = malloc((size_t)c->dim * elem_size(c->elem));
	size_t where;

	if (!data) {
		say_error("out of memory");
	} else if (vector_encode(v, c->elem, data, &where)) {
		say_error("element %zu (%g) has no place in type %s of collection '%.63s'%s", where,
			  (double)v->v[where], elem_name(c->elem), c->name,
			  c->elem == VEXFS_IOC_I8 ? ": integers from -128 to 127 are needed" : "");
		free(data);
		data = NULL;
	}
	return data;
}

static int set_vector(const struct command *cmd, const struct options *opt,
		      const struct target *t, const struct vexfs_ioc_collection *c,
		      const struct vector *v, uint64_t off, uint64_t len)
{
	struct vexfs_embedder_id id;
	struct vexfs_embedding e = {
		.collection = opt->collection, .chunk = (uint32_t)opt->chunk,
		.bytes = c->dim * elem_size(c->elem), .data = encode(v, c),
		.range_off = off, .range_len = len, .embedder = &id,
	};
	int ret = embedder_ask(cmd, opt, &id);

	if (ret || !e.data) {
		free(e.data);
		return ret ? ret : EXIT_FAILED;
	}
	ret = vexfs_embedding_set(t->fd, &e);
	free(e.data);
	return ret ? set_fail(t, opt->collection, ret) : EXIT_OK;
}

static int run_set(const struct command *cmd, struct options *opt)
{
	const char *from = opt->nargs > 1 ? opt->args[1] : "-";
	struct vexfs_ioc_collection c;
	uint64_t off = 0, len = 0;
	struct target t;
	struct vector v;
	int ret;

	if (opt->range && parse_range(opt->range, &off, &len))
		return usage_error(cmd, "--range %s: OFFSET:LENGTH in bytes is needed", opt->range);
	ret = target_open(&t, opt->args[0], O_RDWR);
	if (ret)
		return ret;
	ret = target_collection(&t, opt->collection, &c);
	if (!ret)
		ret = vector_read(from, opt->raw, false, &c, &v);
	if (!ret) {
		ret = set_vector(cmd, opt, &t, &c, &v, off, len);
		vector_free(&v);
	}
	target_close(&t);
	return ret;
}

static struct json_object *embedding_json(const struct vexfs_embedding *e,
					  const struct vexfs_ioc_collection *c,
					  const struct vector *v)
{
	struct json_object *o = json_object_new_object(), *a = json_object_new_array();
	size_t i;

	for (i = 0; i < v->n; i++)
		json_object_array_add(a, json_double((double)v->v[i], "%.9g"));
	json_object_object_add(o, "collection", json_object_new_string(e->collection));
	json_object_object_add(o, "chunk", json_object_new_int64(e->chunk));
	json_object_object_add(o, "range_offset", json_object_new_uint64(e->range_off));
	json_object_object_add(o, "range_length", json_object_new_uint64(e->range_len));
	json_object_object_add(o, "stale", json_object_new_boolean(e->stale));
	json_object_object_add(o, "type", json_object_new_string(elem_name(c->elem)));
	json_object_object_add(o, "vector", a);
	return o;
}

static int print_embedding(const struct options *opt, const struct vexfs_embedding *e,
			   const struct vexfs_ioc_collection *c)
{
	struct vector v;
	size_t i;
	int ret = EXIT_OK;

	if (opt->raw)
		return fwrite(e->data, 1, e->bytes, stdout) == e->bytes ? EXIT_OK : EXIT_FAILED;
	if (vector_decode(e->data, e->bytes, c->elem, &v)) {
		say_error("the embedding has %u bytes, no whole number of elements", e->bytes);
		return EXIT_FAILED;
	}
	if (opt->json)
		ret = json_finish(embedding_json(e, c, &v));
	else
		for (i = 0; i < v.n; i++)
			printf("%.9g%c", (double)v.v[i], i + 1 < v.n ? ' ' : '\n');
	if (e->stale && !opt->json)
		say_error("note: the embedding is stale: the file changed after it was set");
	vector_free(&v);
	return ret;
}

static int get_embedding(const struct options *opt, const struct target *t)
{
	struct vexfs_ioc_collection c;
	struct vexfs_embedding e = {
		.collection = opt->collection, .chunk = (uint32_t)opt->chunk,
	};
	int ret = target_collection(t, opt->collection, &c);

	if (ret)
		return ret;
	e.bytes = c.dim * elem_size(c.elem);
	e.data = malloc(e.bytes);
	ret = e.data ? vexfs_embedding_get(t->fd, &e) : -ENOMEM;
	if (ret == -ENODATA) {
		say_error("%s has no embedding (chunk %u) in collection '%s'", t->path, e.chunk,
			  opt->collection);
		ret = EXIT_NOTHING;
	} else if (ret) {
		ret = target_fail(t, opt->collection, "get the embedding of", ret);
	} else {
		ret = print_embedding(opt, &e, &c);
	}
	free(e.data);
	return ret;
}

static int run_get(const struct command *cmd, struct options *opt)
{
	struct target t;
	int ret = target_open(&t, opt->args[0], O_RDONLY);

	if (ret)
		return ret;
	ret = get_embedding(opt, &t);
	target_close(&t);
	return ret;
}

static int del_one(const struct options *opt, const char *path)
{
	struct target t;
	int ret = target_open(&t, path, O_RDWR);

	if (ret)
		return ret;
	if (opt->all)
		ret = vexfs_embedding_del_all(t.fd, opt->collection);
	else
		ret = vexfs_embedding_del(t.fd, opt->collection, (uint32_t)opt->chunk);
	if (ret == -ENODATA) {
		say_error("%s has no such embedding in collection '%s'", path, opt->collection);
		ret = EXIT_NOTHING;
	} else if (ret) {
		ret = target_fail(&t, opt->collection, "delete the embedding of", ret);
	}
	target_close(&t);
	return ret;
}

static int run_del(const struct command *cmd, struct options *opt)
{
	if (opt->all && option_given(opt, "chunk"))
		return usage_error(cmd, "--all and --chunk exclude each other");
	return for_each_path(opt, del_one);
}

#define LIST_BATCH	64

/**
 * struct listing - the output of vexctl list
 * @names: of the collections, by id; "" not looked up yet
 */
struct listing {
	const struct options *opt;
	const struct target *t;
	struct json_object *out;
	unsigned int shown;
	uint32_t name_id;
	char name[VEXFS_IOC_NAME_LEN];
};

/* Entries come sorted by collection, so that remembering one name is enough. */
static const char *collection_of(struct listing *l, uint32_t id)
{
	struct vexfs_ioc_collection c;

	if (l->name[0] && l->name_id == id)
		return l->name;
	l->name_id = id;
	if (!vexfs_collection_next(l->t->fd, id, &c) && c.id == id)
		snprintf(l->name, sizeof(l->name), "%.63s", c.name);
	else
		snprintf(l->name, sizeof(l->name), "#%u", id);
	return l->name;
}

static void list_json(struct listing *l, const struct vexfs_vec_entry *e, const char *name)
{
	struct json_object *o = json_object_new_object();

	json_add_path(o, l->t->path, strlen(l->t->path));
	json_object_object_add(o, "collection", json_object_new_string(name));
	json_object_object_add(o, "chunk", json_object_new_int64(e->chunk));
	json_object_object_add(o, "range_offset", json_object_new_uint64(e->range_off));
	json_object_object_add(o, "range_length", json_object_new_uint64(e->range_len));
	json_object_object_add(o, "stale",
			       json_object_new_boolean(!!(e->flags & VEXFS_VEC_STALE)));
	json_object_array_add(l->out, o);
}

static void list_entry(struct listing *l, const struct vexfs_vec_entry *e)
{
	const char *name = collection_of(l, e->collection_id);
	char range[48] = "whole file";

	if (l->opt->collection && strcmp(l->opt->collection, name))
		return;
	l->shown++;
	if (l->out) {
		list_json(l, e, name);
		return;
	}
	if (e->range_len)
		snprintf(range, sizeof(range), "bytes %llu..%llu", (unsigned long long)e->range_off,
			 (unsigned long long)(e->range_off + e->range_len));
	printf("%-24s chunk %-8u %-28s %s  ", name, e->chunk, range,
	       e->flags & VEXFS_VEC_STALE ? "stale" : "fresh");
	print_safe(stdout, l->t->path, strlen(l->t->path));
	putchar('\n');
}

static int list_target(struct listing *l)
{
	struct vexfs_vec_entry entries[LIST_BATCH];
	struct vexfs_list pos = { 0 };
	int n, i;

	while ((n = vexfs_embedding_list(l->t->fd, &pos, entries, LIST_BATCH)) > 0)
		for (i = 0; i < n; i++)
			list_entry(l, &entries[i]);
	return n < 0 ? target_fail(l->t, NULL, "list the embeddings of", n) : EXIT_OK;
}

static int list_one(struct listing *l, const char *path)
{
	struct target t;
	int ret = target_open(&t, path, O_RDONLY);

	if (ret)
		return ret;
	l->t = &t;
	l->name[0] = '\0';
	ret = list_target(l);
	l->t = NULL;
	target_close(&t);
	return ret;
}

static int run_list(const struct command *cmd, struct options *opt)
{
	struct listing l = { .opt = opt };
	int ret = EXIT_OK, i;

	if (opt->json)
		l.out = json_object_new_array();
	for (i = 0; i < opt->nargs; i++)
		ret = worse_status(ret, list_one(&l, opt->args[i]));
	if (opt->json)
		json_finish(l.out);
	else if (!l.shown && !ret)
		say_error("no embeddings: 'vexctl embed' or 'vexctl set' makes them");
	return ret ? ret : l.shown ? EXIT_OK : EXIT_NOTHING;
}

const struct command cmd_set = {
	.name = "set",
	.summary = "store a file's embedding",
	.accepts = "collection chunk range raw embedder fingerprint",
	.min_args = 1, .max_args = 2, .needs_collection = true,
	.run = run_set,
	.help =
	"usage: vexctl set --collection NAME [OPTION]... FILE [VECTORFILE|-]\n"
	"Store an embedding of FILE. The vector is read from VECTORFILE or standard input:\n"
	"numbers separated by blanks or commas, or a JSON array.\n\n"
	"  -c, --collection NAME  where to\n"
	"      --chunk N          number of the passage (default 0)\n"
	"      --range OFF:LEN    bytes of the file it was made from (default: all)\n"
	"      --embedder NAME    what made the vectors: checked against the collection's\n"
	"      --fingerprint H    of its model: likewise\n"
	"      --raw              the input is little-endian elements of the collection's type\n\n"
	"example: echo '[0.1, 0.7, 0.2]' | vexctl set --collection colours /mnt/sky.png\n",
};

const struct command cmd_get = {
	.name = "get",
	.summary = "print a file's embedding",
	.accepts = "collection chunk raw json",
	.min_args = 1, .max_args = 1, .needs_collection = true,
	.run = run_get,
	.help =
	"usage: vexctl get --collection NAME [OPTION]... FILE\n"
	"Print an embedding of FILE.\n\n"
	"  -c, --collection NAME  where from\n"
	"      --chunk N          number of the passage (default 0)\n"
	"      --raw              little-endian elements instead of text\n"
	"      --json             with range and stale flag\n\n"
	"example: vexctl get --collection colours /mnt/sky.png\n",
};

const struct command cmd_del = {
	.name = "del",
	.summary = "delete files' embeddings",
	.accepts = "collection chunk all",
	.min_args = 1, .max_args = -1, .needs_collection = true,
	.run = run_del,
	.help =
	"usage: vexctl del --collection NAME [--chunk N | --all] FILE...\n"
	"Delete an embedding of each FILE.\n\n"
	"  -c, --collection NAME  where from\n"
	"      --chunk N          number of the passage (default 0)\n"
	"  -a, --all              every passage\n\n"
	"example: vexctl del --collection colours --all /mnt/sky.png\n",
};

const struct command cmd_list = {
	.name = "list",
	.summary = "show which embeddings files have",
	.accepts = "collection json",
	.min_args = 1, .max_args = -1,
	.run = run_list,
	.help =
	"usage: vexctl list [--collection NAME] [--json] FILE...\n"
	"Show the embeddings of each FILE: collection, passage, byte range, stale or fresh.\n\n"
	"example: vexctl list /mnt/notes/*.txt\n",
};
