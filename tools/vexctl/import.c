// SPDX-License-Identifier: GPL-2.0
/* vexctl import: ready-made vectors, one per listed file */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/transfer.h"

#define COMPLAINTS_MAX	10	/* per-file errors shown; all are counted */

/**
 * struct import - the two inputs, read in step
 * @lines: in the list
 * @head: bytes before each row: 4 (the dimension) in .fvecs, otherwise 0
 * @elem: element type of the rows
 * @row, @data: one row, as read and as the collection wants it
 */
struct import {
	const struct options *opt;
	struct vexfs_ioc_collection coll;
	struct vexfs_embedder_id embedder;
	bool have_coll;
	FILE *list, *vectors;
	size_t head, row_bytes;
	uint8_t elem;
	unsigned char *row;
	void *data;
	uint64_t lines, rows, done, failed;
};

static int open_input(const char *path, FILE **f)
{
	*f = fopen(path, "re");
	if (*f)
		return EXIT_OK;
	say_error("cannot open %s: %s", path, strerror(errno));
	return EXIT_FAILED;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && !strcmp(s + n - m, end);
}

static int choose_format(const struct command *cmd, struct import *im)
{
	const char *path = im->opt->vectors;

	im->head = ends_with(path, ".fvecs") ? 4 : 0;
	if (im->head || ends_with(path, ".f32"))
		im->elem = VEXFS_IOC_F32;
	else if (ends_with(path, ".f16"))
		im->elem = VEXFS_IOC_F16;
	else if (ends_with(path, ".i8"))
		im->elem = VEXFS_IOC_I8;
	else
		return usage_error(cmd, "--vectors %s: the name must end in .fvecs, .f32, .f16 or .i8",
				   path);
	return EXIT_OK;
}

/*
 * Lists and rows are counted before anything is set: two files that do not
 * belong together must not give every file its neighbour's vector.
 */
static int count_lines(struct import *im)
{
	char *line = NULL;
	size_t room = 0;
	int ret = EXIT_OK;

	while (!ret && getline(&line, &room, im->list) > 0) {
		im->lines++;
		if (line[0] != '\n')
			continue;
		say_error("%s: line %llu is empty: every line names the file of one vector",
			  im->opt->list, (unsigned long long)im->lines);
		ret = EXIT_FAILED;
	}
	free(line);
	if (!ret && !im->lines) {
		say_error("%s names no files", im->opt->list);
		ret = EXIT_FAILED;
	}
	if (!ret && fseek(im->list, 0, SEEK_SET)) {
		say_error("%s must be a regular file: it is read twice", im->opt->list);
		ret = EXIT_FAILED;
	}
	return ret;
}

static int wrong_dim(const struct import *im, uint32_t dim)
{
	say_error("%s: row %llu has %u elements, collection '%s' has dimension %u", im->opt->vectors,
		  (unsigned long long)im->done, dim, im->opt->collection, im->coll.dim);
	return EXIT_FAILED;
}

/* .fvecs say their dimension: a better message than one about the number of bytes. */
static int check_first_row(struct import *im)
{
	uint32_t dim;

	if (!im->head)
		return EXIT_OK;
	if (fread(&dim, sizeof(dim), 1, im->vectors) != 1 || fseek(im->vectors, 0, SEEK_SET)) {
		say_error("%s: cannot read the first row", im->opt->vectors);
		return EXIT_FAILED;
	}
	return le32toh(dim) == im->coll.dim ? EXIT_OK : wrong_dim(im, le32toh(dim));
}

/* How many rows there are; says so if it is not a whole number. */
static int count_rows(struct import *im)
{
	struct stat st;

	im->row_bytes = im->head + (size_t)im->coll.dim * elem_size(im->elem);
	if (fstat(fileno(im->vectors), &st) || !S_ISREG(st.st_mode)) {
		say_error("%s is not a regular file", im->opt->vectors);
		return EXIT_FAILED;
	}
	im->rows = (uint64_t)st.st_size / im->row_bytes;
	if ((uint64_t)st.st_size % im->row_bytes || !im->rows) {
		say_error("%s: %lld bytes are not a whole number of rows of dimension %u (the "
			  "collection's), %zu bytes each", im->opt->vectors,
			  (long long)st.st_size, im->coll.dim, im->row_bytes);
		return EXIT_FAILED;
	}
	if (im->rows != im->lines) {
		say_error("%s has %llu rows, %s names %llu files", im->opt->vectors,
			  (unsigned long long)im->rows, im->opt->list,
			  (unsigned long long)im->lines);
		return EXIT_FAILED;
	}
	im->row = malloc(im->row_bytes);
	im->data = malloc((size_t)im->coll.dim * elem_size(im->coll.elem));
	if (im->row && im->data)
		return EXIT_OK;
	say_error("out of memory");
	return EXIT_FAILED;
}

/* A row in the collection's element type at im->data. Ends the import when the file is wrong. */
static int read_row(struct import *im)
{
	struct vector v;
	uint32_t dim = 0;
	size_t where;
	int ret;

	if (fread(im->row, im->row_bytes, 1, im->vectors) != 1) {
		say_error("%s: cannot read row %llu", im->opt->vectors,
			  (unsigned long long)im->done);
		return EXIT_FAILED;
	}
	if (im->head)
		memcpy(&dim, im->row, sizeof(dim));
	if (im->head && le32toh(dim) != im->coll.dim)
		return wrong_dim(im, le32toh(dim));
	if (vector_decode(im->row + im->head, im->row_bytes - im->head, im->elem, &v)) {
		say_error("out of memory");
		return EXIT_FAILED;
	}
	ret = vector_encode(&v, im->coll.elem, im->data, &where);
	if (ret)
		say_error("%s: row %llu: element %zu (%g) has no place in type %s", im->opt->vectors,
			  (unsigned long long)im->done, where, (double)v.v[where],
			  elem_name(im->coll.elem));
	vector_free(&v);
	return ret ? EXIT_FAILED : EXIT_OK;
}

static int set_row(struct import *im, const char *path)
{
	struct vexfs_embedding e = {
		.collection = im->opt->collection, .chunk = (uint32_t)im->opt->chunk,
		.data = im->data, .bytes = im->coll.dim * elem_size(im->coll.elem),
		.embedder = &im->embedder,
	};
	int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), ret;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		ret = -errno;
	else	/* devices may give the ioctl another meaning */
		ret = S_ISREG(st.st_mode) ? vexfs_embedding_set(fd, &e) : -ENOTTY;
	if (fd >= 0)
		close(fd);
	if (!ret)
		return 0;
	if (++im->failed <= COMPLAINTS_MAX)
		say_error("cannot set the embedding of %s: %s", path, reason(ret));
	/* These will not get better with the next file. */
	return ret == -ENOSPC || ret == -EROFS || ret == -EUCLEAN ||
	       ret == -EMEDIUMTYPE ? ret : 0;
}

/* The collection is that of the filesystem the first file is on. */
static int begin(struct import *im, const char *first)
{
	struct target t;
	int ret = target_open(&t, first, O_RDONLY);

	if (ret)
		return ret;
	ret = target_collection(&t, im->opt->collection, &im->coll);
	target_close(&t);
	im->have_coll = !ret;
	if (!ret)
		ret = check_first_row(im);
	return ret ? ret : count_rows(im);
}

static int import_line(struct import *im, char *line, size_t len)
{
	int ret;

	if (len && line[len - 1] == '\n')
		line[--len] = '\0';
	if (!im->have_coll) {
		ret = begin(im, line);
		if (ret)
			return ret;
	}
	if (im->done == im->rows) {
		say_error("%s grew while it was being read", im->opt->list);
		return EXIT_FAILED;
	}
	ret = read_row(im);
	if (ret)
		return ret;
	ret = set_row(im, line);
	im->done++;
	return ret ? EXIT_FAILED : EXIT_OK;
}

static int import_all(struct import *im)
{
	struct progress p;
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int ret = EXIT_OK;

	progress_begin(&p, "importing: file", im->lines, im->opt->progress);
	while (!ret && (len = getline(&line, &room, im->list)) > 0) {
		ret = import_line(im, line, (size_t)len);
		progress_step(&p, im->done);
	}
	progress_end(&p);
	free(line);
	return ret;
}

static int report(const struct import *im, int ret)
{
	struct json_object *o;

	if (im->failed > COMPLAINTS_MAX)
		say_error("... and %llu more", (unsigned long long)im->failed - COMPLAINTS_MAX);
	if (im->opt->json) {
		o = json_object_new_object();
		json_object_object_add(o, "set", json_object_new_uint64(im->done - im->failed));
		json_object_object_add(o, "failed", json_object_new_uint64(im->failed));
		json_finish(o);
	} else if (!im->opt->quiet) {
		printf("set %llu embeddings in '%s', %llu failed\n",
		       (unsigned long long)(im->done - im->failed), im->opt->collection,
		       (unsigned long long)im->failed);
	}
	return ret || im->failed ? EXIT_FAILED : EXIT_OK;
}

static int run_import(const struct command *cmd, struct options *opt)
{
	struct import im = { .opt = opt };
	int ret;

	if (opt->nargs && (opt->list || opt->vectors))
		return usage_error(cmd, "unexpected argument '%s': --list and --vectors name both files",
				   opt->args[0]);
	if (opt->nargs)
		return import_records(cmd, opt);
	if (!opt->list || !opt->vectors)
		return usage_error(cmd, "a FILE with paths, or --list FILE and --vectors FILE are needed");
	if (!opt->collection)
		return usage_error(cmd, "--collection NAME is missing");
	ret = embedder_ask(cmd, opt, &im.embedder);
	if (!ret)
		ret = choose_format(cmd, &im);
	if (!ret)
		ret = open_input(opt->list, &im.list);
	if (!ret)
		ret = open_input(opt->vectors, &im.vectors);
	if (!ret)
		ret = count_lines(&im);
	if (!ret)
		ret = report(&im, import_all(&im));
	if (im.list)
		fclose(im.list);
	if (im.vectors)
		fclose(im.vectors);
	free(im.row);
	free(im.data);
	return ret;
}

const struct command cmd_import = {
	.name = "import",
	.summary = "store ready-made vectors from a file",
	.accepts = "collection format paths all skip-missing list vectors chunk embedder fingerprint progress "
		   "json quiet",
	.min_args = 0, .max_args = 2,
	.run = run_import,
	.help =
	"usage: vexctl import [OPTION]... FILE [DIR]\n"
	"       vexctl import --collection NAME --list FILE --vectors VECTORS [OPTION]...\n"
	"Store embeddings of the files below DIR (default: here) as 'vexctl export' wrote them, or other\n"
	"programs. All of FILE is checked before anything is set: one bad record, and nothing is.\n\n"
	"  .jsonl  one object a line: \"path\" below DIR, \"vector\", and as you like \"chunk\" and\n"
	"          \"range\": {\"offset\": N, \"length\": N}\n"
	"  .copy   PostgreSQL's COPY text: path, chunk, offset, length, embedding; or path, embedding\n"
	"  .npy    NumPy's matrix, one vector a row; FILE.paths has as many lines: the path, or path,\n"
	"  .fvecs  chunk, offset and length with tabs between them, backslashes and tabs as \\\\ and \\t\n\n"
	"  -c, --collection NAME  where to (default: the only one, or 'default')\n"
	"      --format FORMAT    jsonl, copy, npy or fvecs, whatever the name's end\n"
	"      --paths FILE       the paths of .npy and .fvecs\n"
	"      --skip-missing     leave out files that are not there\n"
	"  -a, --all              also what was stale when it was exported: it counts as fresh then\n"
	"In the second form, which does not check ahead, --list names one path per line, and VECTORS has as\n"
	"many rows: NAME.fvecs, or bare little-endian rows in NAME.f32, NAME.f16, NAME.i8.\n"
	"      --list FILE, --vectors VECTORS\n"
	"      --chunk N          number of the passage (default 0)\n"
	"      --embedder NAME    what made the vectors: checked against the collection's\n"
	"      --fingerprint H    of its model: likewise\n"
	"      --progress         show progress even without a terminal\n"
	"  -q, --quiet            print errors only\n"
	"      --json             print the counts as JSON\n\n"
	"Exit status: 0 done, 1 failed, 2 usage, 3 FILE is empty, 130 interrupted.\n\n"
	"example: vexctl import clip.npy ~/pictures\n",
};
