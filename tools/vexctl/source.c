// SPDX-License-Identifier: GPL-2.0
/* vexctl import: files of embeddings, read record by record */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/transfer.h"

static const struct {
	const char *name, *end[2];
} formats[FORMATS] = {
	[FORMAT_NPY] = { "npy", { ".npy", NULL } },
	[FORMAT_FVECS] = { "fvecs", { ".fvecs", NULL } },
	[FORMAT_JSONL] = { "jsonl", { ".jsonl", ".ndjson" } },
	[FORMAT_COPY] = { "copy", { ".copy", ".tsv" } },
};

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = end ? strlen(end) : n + 1;

	return n > m && !strcmp(s + n - m, end);
}

int transfer_format(const struct command *cmd, const struct options *opt, const char *name)
{
	int i;

	for (i = 0; i < FORMATS; i++) {
		if (opt->format && !strcmp(opt->format, formats[i].name))
			return i;
		if (!opt->format && name &&
		    (ends_with(name, formats[i].end[0]) || ends_with(name, formats[i].end[1])))
			return i;
	}
	if (opt->format)
		usage_error(cmd, "--format %s: npy, fvecs, jsonl or copy is needed", opt->format);
	else if (name)
		usage_error(cmd, "%s: the name does not tell its format: --format npy, fvecs, jsonl or copy",
			    name);
	return name || opt->format ? -1 : FORMAT_JSONL;
}

bool has_side_file(enum transfer_format format)
{
	return format == FORMAT_NPY || format == FORMAT_FVECS;
}

char *side_file(const struct options *opt, const char *name)
{
	char *side;

	if (opt->paths)
		return strdup(opt->paths);
	return asprintf(&side, "%s.paths", name) < 0 ? NULL : side;
}

int source_error(const struct source *s, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	say_error("%s, %s %llu: %s", s->name, has_side_file(s->format) ? "row" : "line",
		  (unsigned long long)s->at, text ? text : "out of memory");
	free(text);
	return -1;
}

static FILE *open_input(const char *path)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (!f) {
		say_error("cannot open %s: %s", path, strerror(errno));
		return NULL;
	}
	/* Checked as a whole before anything is set: read twice. */
	if (!fstat(fileno(f), &st) && S_ISREG(st.st_mode))
		return f;
	say_error("%s must be a regular file: it is read twice", path);
	fclose(f);
	return NULL;
}

int source_open(struct source *s, const struct options *opt, const char *name, enum transfer_format format)
{
	s->name = name;
	s->format = format;
	s->elem = 'f';
	s->size = format == FORMAT_FVECS ? 4 : 0;
	s->f = open_input(name);
	if (!s->f)
		return EXIT_FAILED;
	if (has_side_file(format)) {
		s->side_name = side_file(opt, name);
		s->side = s->side_name ? open_input(s->side_name) : NULL;
		if (!s->side)
			return EXIT_FAILED;
	}
	return format == FORMAT_NPY && npy_open(s) ? EXIT_FAILED : EXIT_OK;
}

int source_rewind(struct source *s)
{
	s->at = 0;
	if (!fseek(s->f, s->start, SEEK_SET) && (!s->side || !fseek(s->side, 0, SEEK_SET)))
		return EXIT_OK;
	say_error("cannot read %s again: %s", s->name, strerror(errno));
	return EXIT_FAILED;
}

static void forget(struct source *s)
{
	vector_free(&s->r.v);
	memset(&s->r, 0, sizeof(s->r));
}

void source_close(struct source *s)
{
	forget(s);
	if (s->f)
		fclose(s->f);
	if (s->side)
		fclose(s->side);
	free(s->side_name);
	free(s->line);
}

/* 1; 0: the end; -1 */
static int next_line(struct source *s, FILE *f)
{
	ssize_t len = line_read(f, &s->line, &s->room, LINE_ROOM);

	if (len == -1)
		return 0;
	if (len == -EFBIG)
		return source_error(s, "the line is longer than %u MiB", LINE_ROOM >> 20);
	if (len < 0)
		return source_error(s, "%s", strerror((int)-len));
	if (memchr(s->line, 0, (size_t)len))
		return source_error(s, "there is a NUL byte in the line");
	return 1;
}

/* The row's line in the side file: as many of them as rows. */
static int next_row(struct source *s)
{
	int row = rows_next(s), line = row < 0 ? row : next_line(s, s->side);

	if (row < 0 || line < 0)
		return -1;
	if (row != line) {
		say_error("%s has %s than %s has lines: they do not belong together", s->name,
			  row ? "more rows" : "fewer rows", s->side_name);
		return -1;
	}
	return row ? side_parse(s, s->line) : 0;
}

/* ---- JSON lines -------------------------------------------------------------------------- */

static int json_number(struct json_object *o, const char *key, uint64_t max, uint64_t *out)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		return 0;
	if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0 ||
	    json_object_get_uint64(v) > max)
		return -1;
	*out = json_object_get_uint64(v);
	return 0;
}

static int json_vector(struct source *s, struct json_object *o)
{
	struct json_object *a, *e;
	size_t n, i;

	if (!json_object_object_get_ex(o, "vector", &a) && !json_object_object_get_ex(o, "embedding", &a))
		return source_error(s, "has no \"vector\"");
	n = json_object_is_type(a, json_type_array) ? json_object_array_length(a) : 0;
	if (!n || n > VEXFS_DIM_MAX)
		return source_error(s, "\"vector\" must be an array of 1 to %u numbers", VEXFS_DIM_MAX);
	s->r.v.v = malloc(n * sizeof(float));
	if (!s->r.v.v)
		return source_error(s, "out of memory");
	for (i = 0; i < n; i++) {
		e = json_object_array_get_idx(a, i);
		if (!json_object_is_type(e, json_type_double) && !json_object_is_type(e, json_type_int))
			return source_error(s, "element %zu of \"vector\" is not a number", i);
		s->r.v.v[s->r.v.n++] = (float)json_object_get_double(e);
	}
	return 1;
}

/* From hexadecimal digits to bytes, in place; false: they are none. */
static bool unhex(char *s)
{
	unsigned int byte;
	size_t i, n = strlen(s);

	for (i = 0; i < n / 2; i++) {
		if (strspn(s + 2 * i, "0123456789abcdefABCDEF") < 2 || sscanf(s + 2 * i, "%2x", &byte) != 1 ||
		    !byte)
			return false;
		s[i] = (char)byte;
	}
	s[n / 2] = '\0';
	return n && !(n % 2);
}

/* Names that are not UTF-8 come as bytes in "path_hex". Into the line's buffer, which has room. */
static int json_path(struct source *s, struct json_object *o)
{
	struct json_object *hex, *path;
	bool is_hex = json_object_object_get_ex(o, "path_hex", &hex);
	size_t len;

	if (!is_hex && !json_object_object_get_ex(o, "path", &path))
		return source_error(s, "has no \"path\"");
	if (is_hex)
		path = hex;
	len = json_object_is_type(path, json_type_string) ? (size_t)json_object_get_string_len(path) : 0;
	if (!len || len >= s->room || strlen(json_object_get_string(path)) != len)
		return source_error(s, "\"path\" must be a text");
	memcpy(s->line, json_object_get_string(path), len + 1);
	if (is_hex && !unhex(s->line))
		return source_error(s, "\"path_hex\" must be hexadecimal digits");
	s->r.path = s->line;
	return 1;
}

static int json_record(struct source *s, struct json_object *o)
{
	struct json_object *range = NULL, *stale;
	uint64_t chunk = 0;

	if (!json_object_is_type(o, json_type_object))
		return source_error(s, "expected a JSON object with \"path\" and \"vector\"");
	json_object_object_get_ex(o, "range", &range);
	if (json_number(o, "chunk", VEXFS_CHUNK_MAX, &chunk) ||
	    (range && (json_number(range, "offset", INT64_MAX, &s->r.off) ||
		       json_number(range, "length", INT64_MAX, &s->r.len))))
		return source_error(s, "\"chunk\" or \"range\" is not a number, or too large");
	s->r.chunk = (uint32_t)chunk;
	s->r.stale = json_object_object_get_ex(o, "stale", &stale) && json_object_get_boolean(stale);
	return json_vector(s, o) < 0 ? -1 : json_path(s, o);
}

static int json_parse(struct source *s)
{
	struct json_tokener *t = json_tokener_new();
	int len = (int)strlen(s->line), ret;
	struct json_object *o;

	if (!t)
		return source_error(s, "out of memory");
	o = json_tokener_parse_ex(t, s->line, len);
	if (!o || json_tokener_get_parse_end(t) < strlen(s->line))
		ret = source_error(s, "not a JSON object on one line");
	else
		ret = json_record(s, o);
	json_object_put(o);
	json_tokener_free(t);
	return ret;
}

int source_next(struct source *s)
{
	int ret;

	forget(s);
	s->at++;
	if (has_side_file(s->format))
		return next_row(s);
	ret = next_line(s, s->f);
	if (ret <= 0 || (s->format == FORMAT_COPY && !strcmp(s->line, "\\.")))
		return ret < 0 ? -1 : 0;
	return s->format == FORMAT_COPY ? copy_parse(s, s->line) : json_parse(s);
}
