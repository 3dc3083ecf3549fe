// SPDX-License-Identifier: GPL-2.0
/* vexctl stale, vexctl status: what the index of a directory lacks */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/vexctl/index.h"

/**
 * struct report - a directory looked at
 */
struct report {
	const struct options *opt;
	struct target t;
	char collection[VEXFS_IOC_NAME_LEN];
	struct vexfs_ioc_collection c;
	struct scope_state state;
};

static int report_open(struct report *r, const char *path)
{
	int ret = target_open(&r->t, path, O_RDONLY | O_DIRECTORY);

	if (ret)
		return ret;
	if (r->opt->collection)
		strcpy(r->collection, r->opt->collection);
	else
		ret = collection_choose(&r->t, true, r->collection);
	if (!ret)
		ret = target_collection(&r->t, r->collection, &r->c);
	if (ret)
		target_close(&r->t);
	return ret;
}

static int check(struct report *r, scope_fn *fn)
{
	int ret = scope_check(&r->t, &r->c, true, UINT64_MAX, &r->state, fn, r);

	if (!ret)
		return EXIT_OK;
	return list_fail(r->t.path, ret);
}

static void print_one(void *ctx, const char *path, bool stale)
{
	struct report *r = ctx;
	struct json_object *o;

	if (!strncmp(path, "./", 2))
		path += 2;
	if (r->opt->json) {
		o = json_object_new_object();
		json_add_path(o, path, strlen(path));
		json_object_object_add(o, "state", json_object_new_string(stale ? "stale" : "missing"));
		json_line(o);
		return;
	}
	if (r->opt->null && !isatty(STDOUT_FILENO)) {
		fwrite(path, 1, strlen(path) + 1, stdout);
		return;
	}
	if (!r->opt->null)
		fputs(stale ? "stale    " : "missing  ", stdout);
	print_safe(stdout, path, strlen(path));
	putchar('\n');
}

static int stale_path(const struct options *opt, const char *path)
{
	struct report r = { .opt = opt };
	int ret = report_open(&r, path);

	if (ret)
		return ret;
	ret = check(&r, print_one);
	if (!ret && (r.state.missing || r.state.stale)) {
		say_error("%llu without an embedding, %llu changed since: run 'vexctl index %s'",
			  (unsigned long long)r.state.missing, (unsigned long long)r.state.stale, path);
		ret = EXIT_PARTLY;
	}
	target_close(&r.t);
	return ret;
}

static int run_stale(const struct command *cmd, struct options *opt)
{
	return for_each_path(opt, stale_path);
}

const struct command cmd_stale = {
	.name = "stale",
	.summary = "list the files that are not indexed, or have changed since",
	.accepts = "collection null json",
	.min_args = 0,
	.max_args = -1,
	.run = run_stale,
	.help = "usage: vexctl stale [OPTION]... [DIR]...\n"
		"List the text files below DIR (default: here) without an embedding, and those that changed\n"
		"after it was made. Ignore lists count as for 'vexctl index'.\n\n"
		"  -c, --collection NAME  which one (default: the only one, or 'default')\n"
		"  -0, --null             names only, each followed by a NUL\n"
		"      --json             one object a line: path, state\n\n"
		"Exit status: 0 none, 4 some, 1 failed.\n\n"
		"example: vexctl stale ~/notes\n",
};

static void status_json(const struct report *r, uint64_t documents)
{
	struct json_object *o = json_object_new_object();
	const struct scope_state *s = &r->state;

	json_object_object_add(o, "path", json_text(r->t.path, strlen(r->t.path)));
	json_object_object_add(o, "collection", json_object_new_string(r->collection));
	json_object_object_add(o, "dim", json_object_new_int64(r->c.dim));
	json_object_object_add(o, "embedder", embedder_json(&r->c.embedder));
	json_object_object_add(o, "model_files", json_object_new_uint64(documents));
	json_object_object_add(o, "indexed",
			       s->known ? json_object_new_int64(s->when.tv_sec) : NULL);
	json_object_object_add(o, "files", json_object_new_uint64(s->looked));
	json_object_object_add(o, "missing", json_object_new_uint64(s->missing));
	json_object_object_add(o, "stale", json_object_new_uint64(s->stale));
	migration_report(&r->t, r->collection, &r->c, o);
	json_line(o);
}

static void status_text(const struct report *r, uint64_t documents)
{
	const struct scope_state *s = &r->state;
	char when[32] = "never as a whole";
	struct tm tm;

	if (s->known && localtime_r(&s->when.tv_sec, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	fputs("directory   ", stdout);
	print_safe(stdout, r->t.path, strlen(r->t.path));
	printf("\ncollection  %s: %u dimensions, %s, %s\n", r->collection, r->c.dim,
	       elem_name(r->c.elem), metric_name(r->c.metric));
	if (!documents && r->c.embedder.name[0])
		printf("embedder    %.63s\n", r->c.embedder.name);
	if (documents)
		printf("embedder    %s, words weighed by %llu files\n", builtin_of(&r->c),
		       (unsigned long long)documents);
	printf("indexed     %s\nfiles       %llu: %llu not indexed, %llu changed since\n", when,
	       (unsigned long long)s->looked, (unsigned long long)s->missing,
	       (unsigned long long)s->stale);
	migration_report(&r->t, r->collection, &r->c, NULL);
}

static uint64_t model_documents(const struct report *r)
{
	struct vex_embedder *e = NULL;
	char root[PATH_MAX];
	uint64_t n = 0;
	int fd = mount_root(&r->t, root);

	if (fd < 0)
		return 0;
	if (!builtin_load(fd, &r->c, &e)) {
		n = e->ops->documents(e);
		vex_embedder_destroy(e);
	}
	close(fd);
	return n;
}

static int status_path(const struct options *opt, const char *path)
{
	struct report r = { .opt = opt };
	int ret = report_open(&r, path);

	if (ret)
		return ret;
	ret = check(&r, NULL);
	if (!ret && opt->json)
		status_json(&r, model_documents(&r));
	else if (!ret)
		status_text(&r, model_documents(&r));
	if (!ret && (r.state.missing || r.state.stale))
		ret = EXIT_PARTLY;
	target_close(&r.t);
	return ret;
}

static int run_status(const struct command *cmd, struct options *opt)
{
	return for_each_path(opt, status_path);
}

const struct command cmd_status = {
	.name = "status",
	.summary = "how complete the index of a directory is",
	.accepts = "collection json",
	.min_args = 0,
	.max_args = -1,
	.run = run_status,
	.help = "usage: vexctl status [--collection NAME] [--json] [DIR]...\n"
		"Show which collection a search below DIR (default: here) uses, when DIR was indexed, and how\n"
		"many of its text files have no embedding or one of an older content. A 'vexctl migrate' that was\n"
		"interrupted is named, with the command that finishes it.\n\n"
		"  -c, --collection NAME  which one (default: the only one, or 'default')\n"
		"      --json             one object for each DIR\n\n"
		"Exit status: 0 complete, 4 not, 1 failed.\n\n"
		"example: vexctl status ~/notes\n",
};
