/* SPDX-License-Identifier: GPL-2.0 */
/* vexctl export and import: the files that embeddings leave and come back in. */
#ifndef VEXCTL_TRANSFER_H
#define VEXCTL_TRANSFER_H

#include "tools/vexctl/vexctl.h"

/**
 * enum transfer_format - of a file of embeddings
 *
 * The first two hold vectors only: their paths are in a side file, FILE.paths, with one line per
 * vector: path, chunk, offset and length, with tabs between them, or the path alone.
 */
enum transfer_format { FORMAT_NPY, FORMAT_FVECS, FORMAT_JSONL, FORMAT_COPY, FORMATS };

/* By --format, or by how @name ends; says what is wrong. -1: it cannot be told. */
int transfer_format(const struct command *cmd, const struct options *opt, const char *name);
bool has_side_file(enum transfer_format format);
char *side_file(const struct options *opt, const char *name);	/* malloc'ed; NULL: no memory */

/**
 * struct record - one embedding on its way
 * @path:  below the directory, as it was in the file
 * @off, @len: bytes it was made from; 0, 0: the whole file
 * @stale: the file had changed since
 */
struct record {
	char *path;
	uint32_t chunk;
	uint64_t off, len;
	bool stale;
	struct vector v;
};

/**
 * struct source - a file that is read record by record
 * @at:   the record, or line, at hand, from 1
 * @rows, @elem, @size, @start: of .npy: how many, their elements' type and size, the first's offset
 */
struct source {
	const char *name;
	char *side_name;
	enum transfer_format format;
	FILE *f, *side;
	char *line;
	size_t room;
	uint64_t at, rows;
	uint32_t columns;
	char elem;
	size_t size;
	long start;
	struct record r;
};
/* All say what is wrong. EXIT_OK or EXIT_FAILED. */
int source_open(struct source *s, const struct options *opt, const char *name,
		enum transfer_format format);
int source_rewind(struct source *s);
void source_close(struct source *s);
/* The next record into s->r, good until the next call. 1; 0: the end; -1: not readable, said. */
int source_next(struct source *s);
/* Say "FILE, row 3: ..." (or "FILE, line 3: ..."); -1. */
int source_error(const struct source *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* rows.c: .npy and .fvecs; as source_next(). The path is not theirs. */
int npy_open(struct source *s);		/* 0 or -1 */
int rows_next(struct source *s);
/* What an .npy begins with, @room bytes and always as many; the type is that of the collection. */
#define NPY_HEAD	128
void npy_head(char head[NPY_HEAD], uint8_t elem, uint64_t rows, uint32_t dim);

/* copytext.c: lines of PostgreSQL's COPY, and of side files; 1, or -1 after source_error() */
int copy_parse(struct source *s, char *line);
int side_parse(struct source *s, char *line);
void copy_path(FILE *f, const char *path);	/* with its escapes */

/* lines.c */
#define LINE_ROOM	(8u << 20)	/* longer lines are no records */
/* One line without its end, NUL terminated. Its length; -1: the end; -EFBIG: longer than @max, and
 * skipped; other negative errno. A NUL in it is passed on. */
ssize_t line_read(FILE *f, char **line, size_t *room, size_t max);

/* seen.c: pairs of inode and chunk */
struct seen;
struct seen *seen_create(void);
void seen_free(struct seen *s);
/* The number that was given with an equal pair, 0: it is new, -ENOMEM. @number: not 0 */
int64_t seen_add(struct seen *s, uint64_t ino, uint32_t chunk, int64_t number);

/* sink.c */
/**
 * struct sink - files that are there as a whole, or not at all
 * @name, @part, @side, @side_part: where to, and the names they have until sink_done(); @name NULL:
 *         standard output
 */
struct sink {
	const char *name;
	char *part, *side_name, *side_part;
	FILE *f, *side;
	enum transfer_format format;
	uint8_t elem;
	uint32_t dim;
	uint64_t rows;
};
int sink_open(struct sink *s, const struct options *opt, enum transfer_format format,
	      const struct vexfs_ioc_collection *c);
/* @raw: little-endian elements of the collection's type; @r->v the same as floats */
int sink_put(struct sink *s, const struct record *r, const void *raw, size_t bytes);
int sink_done(struct sink *s);		/* EXIT_OK: the files have their names */
void sink_drop(struct sink *s);		/* forget what was written */

/* import_records.c */
int import_records(const struct command *cmd, const struct options *opt);

#endif /* VEXCTL_TRANSFER_H */
