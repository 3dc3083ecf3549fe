// SPDX-License-Identifier: GPL-2.0
/* vexctl export: the embeddings below a directory, with their paths, to a file */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/follow.h"
#include "tools/vexctl/transfer.h"

#define COMPLAINTS_MAX	10	/* per-file notes shown; all are counted */
#define LIST_BATCH	32

/**
 * struct exporting - one run
 * @skip:  bytes of the listed paths before what is below the directory
 * @seen:  files with several names, written once
 * @stale, @unread, @unnamed: left out: embeddings of older content; files that could not be read;
 *         embeddings whose path the format cannot hold
 */
struct exporting {
	const struct options *opt;
	struct target dir;
	char collection[VEXFS_IOC_NAME_LEN];
	struct vexfs_ioc_collection coll;
	struct file_list files;
	struct seen *seen;
	struct sink sink;
	void *data;
	size_t skip;
	uint64_t stale, unread, unnamed;
};

static void note(struct exporting *x, const char *path, const char *why)
{
	if (x->unread + x->unnamed <= COMPLAINTS_MAX)
		say_error("left out: %s: %s", path, why);
}

static bool is_utf8(const char *path)
{
	const char *end = path + strlen(path);
	bool valid = true;
	uint32_t cp;

	while (path < end && valid)
		path += vex_utf8_decode(path, end, &cp, &valid);
	return valid;
}

static int put(struct exporting *x, const char *path, const struct vexfs_embedding *e)
{
	struct record r = {
		.path = (char *)path + x->skip, .chunk = e->chunk, .off = e->range_off,
		.len = e->range_len, .stale = e->stale,
	};
	int ret;

	if (x->sink.format == FORMAT_COPY && !is_utf8(r.path)) {
		x->unnamed++;
		note(x, path, "PostgreSQL stores UTF-8 only, and the name is not");
		return EXIT_OK;
	}
	if (vector_decode(e->data, e->bytes, x->coll.elem, &r.v)) {
		say_error("out of memory");
		return EXIT_FAILED;
	}
	ret = sink_put(&x->sink, &r, e->data, e->bytes);
	vector_free(&r.v);
	return ret;
}

/* One of a file's embeddings. EXIT_*, or a negative errno that concerns this file. */
static int export_chunk(struct exporting *x, int fd, const char *path, uint32_t chunk)
{
	struct vexfs_embedding e = {
		.collection = x->collection, .chunk = chunk, .data = x->data,
		.bytes = x->coll.dim * elem_size(x->coll.elem),
	};
	int ret = vexfs_embedding_get(fd, &e);

	if (ret)
		return ret == -ENODATA ? EXIT_OK : ret;	/* deleted meanwhile */
	if (e.stale && !x->opt->all) {
		x->stale++;
		return EXIT_OK;
	}
	return put(x, path, &e);
}

static int export_open(struct exporting *x, int fd, const char *path)
{
	struct vexfs_vec_entry e[LIST_BATCH];
	struct vexfs_list pos = { .next_id = x->coll.id };
	int n = 1, i, ret = EXIT_OK;

	while (!ret && n > 0) {
		n = vexfs_embedding_list(fd, &pos, e, LIST_BATCH);
		for (i = 0; !ret && i < n; i++) {
			if (e[i].collection_id != x->coll.id)
				return EXIT_OK;
			ret = export_chunk(x, fd, path, e[i].chunk);
		}
	}
	return n < 0 ? n : ret;
}

static int export_file(struct exporting *x, const char *path)
{
	struct stat st;
	int fd = open_regular(AT_FDCWD, path, O_RDONLY, &st), ret = fd;

	if (fd >= 0) {
		ret = 0;
		if (st.st_nlink > 1) {
			int64_t before = seen_add(x->seen, st.st_ino, 0, 1);

			ret = before < 0 ? (int)before : 0;
			if (before > 0) {
				close(fd);
				return EXIT_OK;
			}
		}
		if (!ret)
			ret = export_open(x, fd, path);
		close(fd);
	}
	if (ret >= 0 || ret == -ENOENT)		/* removed since it was listed */
		return ret < 0 ? EXIT_OK : ret;
	x->unread++;
	note(x, path, ret == -EACCES ? "permission denied" : reason(ret));
	return EXIT_OK;
}

static int export_files(struct exporting *x)
{
	struct progress p;
	size_t i;
	int ret = EXIT_OK;

	progress_begin(&p, "exporting: file", x->files.n, x->opt->progress);
	interrupt_catch();
	for (i = 0; !ret && i < x->files.n; i++) {
		if (interrupted())
			ret = EXIT_INTERRUPTED;
		else
			ret = export_file(x, x->files.path[i]);
		progress_step(&p, i + 1);
	}
	interrupt_release();
	progress_end(&p);
	if (ret == EXIT_INTERRUPTED)
		say_error("interrupted: nothing was kept of the output");
	return ret;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static int report(struct exporting *x)
{
	bool partly = x->unread || x->unnamed || x->files.errors;

	if (x->unread + x->unnamed > COMPLAINTS_MAX)
		say_error("... and %llu more", (unsigned long long)(x->unread + x->unnamed - COMPLAINTS_MAX));
	if (x->stale)
		say_error("%llu embedding%s of older content left out (--all takes them along)",
			  (unsigned long long)x->stale, plural(x->stale));
	if (!x->sink.rows) {
		say_error("no embedding in collection '%s' below %s that you may read", x->collection,
			  x->dir.path);
		return EXIT_NOTHING;
	}
	if (x->sink.name && !x->opt->quiet)
		printf("%llu embedding%s of collection '%s' in %s%s%s\n", (unsigned long long)x->sink.rows,
		       plural(x->sink.rows), x->collection, x->sink.name, x->sink.side_name ? ", paths in " : "",
		       x->sink.side_name ? x->sink.side_name : "");
	return partly ? EXIT_PARTLY : EXIT_OK;
}

/* Only to a file that is not there yet are embeddings written before all is well. */
static int export_all(struct exporting *x, enum transfer_format format)
{
	int ret = file_list_add(&x->files, x->dir.path, x->dir.st.st_dev);

	if (ret)
		return list_fail(x->dir.path, ret);
	x->skip = strlen(x->dir.path);
	x->skip += x->dir.path[x->skip - 1] != '/';
	x->seen = seen_create();
	x->data = malloc((size_t)x->coll.dim * elem_size(x->coll.elem));
	if (!x->seen || !x->data) {
		say_error("out of memory");
		return EXIT_FAILED;
	}
	ret = sink_open(&x->sink, x->opt, format, &x->coll);
	if (!ret)
		ret = export_files(x);
	if (!ret && x->sink.rows)
		ret = sink_done(&x->sink);
	return ret ? ret : report(x);
}

static int run_export(const struct command *cmd, struct options *opt)
{
	bool to_stdout = !opt->output || !strcmp(opt->output, "-");
	struct exporting x = { .opt = opt };
	int format, ret;

	if (opt->follow)
		return export_follow(cmd, opt);
	if (opt->state || opt->since || option_given(opt, "wait") || option_given(opt, "interval"))
		return usage_error(cmd, "--state, --since, --wait and --interval require --follow");
	format = transfer_format(cmd, opt, to_stdout ? NULL : opt->output);
	if (format < 0)
		return EXIT_USAGE;
	if (to_stdout && has_side_file((enum transfer_format)format))
		return usage_error(cmd, "--format %s needs --output FILE: it is two files", opt->format);
	ret = target_open(&x.dir, opt->nargs ? opt->args[0] : ".", O_RDONLY | O_DIRECTORY);
	if (ret)
		return ret;
	if (opt->collection)
		strcpy(x.collection, opt->collection);
	else
		ret = collection_choose(&x.dir, false, x.collection);
	if (!ret)
		ret = target_collection(&x.dir, x.collection, &x.coll);
	if (!ret)
		ret = export_all(&x, (enum transfer_format)format);
	sink_drop(&x.sink);
	seen_free(x.seen);
	free(x.data);
	file_list_free(&x.files);
	target_close(&x.dir);
	return ret;
}

const struct command cmd_export = {
	.name = "export",
	.summary = "write the embeddings below a directory to a file",
	.accepts = "collection output format paths all progress quiet follow state since wait interval",
	.min_args = 0, .max_args = 1,
	.run = run_export,
	.help =
	"usage: vexctl export [OPTION]... [DIR]\n"
	"       vexctl export --follow [--state FILE [--since MARK]] [OPTION]... [DIR]\n"
	"Write the embeddings of the files below DIR (default: here), with their paths, passages and\n"
	"vectors. 'vexctl import FILE DIR' reads them again.\n\n"
	"  -c, --collection NAME  of which (default: the only one, or 'default')\n"
	"  -o, --output FILE      where to (default: standard output); written as a whole or not at all\n"
	"      --format FORMAT    jsonl, copy, npy or fvecs (default: by FILE's end, .jsonl, .copy, .npy,\n"
	"                         .fvecs; on standard output jsonl)\n"
	"      --paths FILE       the paths of .npy and .fvecs (default: FILE.paths): path, chunk, offset\n"
	"                         and length, with tabs between them\n"
	"  -a, --all              also embeddings of an older content than the file has now\n"
	"      --progress         show progress even without a terminal\n"
	"  -q, --quiet            print errors only\n\n"
	"The format copy is for PostgreSQL with pgvector:\n"
	"  CREATE TABLE e (path text, chunk int, off bigint, len bigint, embedding vector(768));\n"
	"  \\copy e FROM 'notes.copy'\n\n"
	"With --follow the output does not end: first all embeddings, then each that is set, goes stale, is\n"
	"moved or deleted, in batches that end with a mark. docs/scaling.md has the fields and the tables.\n\n"
	"      --follow           do so until a signal ends it\n"
	"      --format FORMAT    jsonl, or sql: transactions for PostgreSQL with pgvector, for psql\n"
	"      --state FILE       what has been told: another run continues (default: begin from nothing)\n"
	"      --since MARK       of the last batch that the reader has; '' if it has none\n"
	"      --wait SECONDS     end when nothing has changed for so long (0: after all that there is)\n"
	"      --interval SECONDS look at every file so often, for deletes and sets (default 10)\n\n"
	"Exit status: 0 done, 1 failed, 3 there are none, 4 some could not be read, 130 interrupted.\n\n"
	"example: vexctl export --output notes.npy ~/notes\n"
	"         vexctl export --follow --state notes.state --since \"$mark\" ~/notes | reader\n",
};
