// SPDX-License-Identifier: GPL-2.0
/* vexctl export --follow: batches as JSON lines, or as transactions of PostgreSQL with pgvector */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/follow.h"

int stream_open(struct stream *o)
{
	o->f = open_memstream(&o->text, &o->len);
	return o->f ? 0 : -ENOMEM;
}

void stream_close(struct stream *o)
{
	if (o->f)
		fclose(o->f);
	free(o->text);
	o->f = NULL;
	o->text = NULL;
}

/* ---- JSON lines --------------------------------------------------------------------- */

static void json_put(struct stream *o, struct json_object *line)
{
	fputs(json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), o->f);
	putc('\n', o->f);
	json_object_put(line);
}

static struct json_object *json_op(const struct stream *o, const char *op)
{
	struct json_object *line = json_object_new_object();

	json_object_object_add(line, "op", json_object_new_string(op));
	json_object_object_add(line, "collection", json_object_new_string(o->coll->name));
	return line;
}

static struct json_object *json_file(const struct stream *o, const char *op, uint64_t ino, uint32_t generation)
{
	struct json_object *line = json_op(o, op);

	json_object_object_add(line, "ino", json_object_new_uint64(ino));
	json_object_object_add(line, "generation", json_object_new_int64(generation));
	return line;
}

static void json_chunk(struct json_object *line, uint32_t chunk)
{
	json_object_object_add(line, "chunk", json_object_new_int64(chunk));
}

/* Digits enough for the element type to come back as it was. */
static const char *digits(const struct stream *o)
{
	return o->coll->elem == VEXFS_IOC_F16 ? "%.5g" : "%.9g";
}

static void json_set(struct stream *o, const struct known_file *f, const struct vexfs_embedding *e,
		     const struct vector *v)
{
	struct json_object *line = json_file(o, "set", f->ino, f->generation), *range = json_object_new_object(),
			   *a = json_object_new_array();
	size_t i;

	json_chunk(line, e->chunk);
	json_add_path(line, f->path, strlen(f->path));
	json_object_object_add(range, "offset", json_object_new_uint64(e->range_off));
	json_object_object_add(range, "length", json_object_new_uint64(e->range_len));
	json_object_object_add(line, "range", range);
	json_object_object_add(line, "stale", json_object_new_boolean(e->stale));
	for (i = 0; i < v->n; i++)
		json_object_array_add(a, json_double((double)v->v[i], digits(o)));
	json_object_object_add(line, "vector", a);
	json_put(o, line);
}

/* ---- SQL ---------------------------------------------------------------------------- */

/* Between quotes; what PostgreSQL cannot store is shown as U+FFFD: the path is not what a row is known by. */
static void sql_text(FILE *f, const char *s)
{
	const char *end = s + strlen(s);
	unsigned int n;
	uint32_t cp;
	bool valid;

	putc('\'', f);
	while (s < end) {
		n = vex_utf8_decode(s, end, &cp, &valid);
		if (!valid)
			fputs("\xef\xbf\xbd", f);
		else if (cp == '\'')
			fputs("''", f);
		else
			fwrite(s, 1, n, f);
		s += n;
	}
	putc('\'', f);
}

static void sql_where(const struct stream *o, uint64_t ino, uint32_t generation, uint32_t chunk)
{
	fprintf(o->f, " WHERE collection = '%s' AND ino = %llu AND generation = %u", o->coll->name,
		(unsigned long long)ino, generation);
	if (chunk != GONE_ALL)
		fprintf(o->f, " AND chunk = %u", chunk);
	fputs(";\n", o->f);
}

static void sql_set(struct stream *o, const struct known_file *f, const struct vexfs_embedding *e,
		    const struct vector *v)
{
	size_t i;

	fprintf(o->f, "INSERT INTO vexfs_embedding VALUES ('%s', %llu, %u, %u, ", o->coll->name,
		(unsigned long long)f->ino, f->generation, e->chunk);
	sql_text(o->f, f->path);
	fprintf(o->f, ", %llu, %llu, %s, '", (unsigned long long)e->range_off, (unsigned long long)e->range_len,
		e->stale ? "true" : "false");
	for (i = 0; i < v->n; i++) {
		putc(i ? ',' : '[', o->f);
		fprintf(o->f, digits(o), (double)v->v[i]);
	}
	fputs("]') ON CONFLICT (collection, ino, generation, chunk) DO UPDATE SET path = EXCLUDED.path, "
	      "range_offset = EXCLUDED.range_offset, range_length = EXCLUDED.range_length, stale = EXCLUDED.stale, "
	      "embedding = EXCLUDED.embedding;\n", o->f);
}

static void sql_begin(struct stream *o)
{
	fputs("SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
	      "SET client_min_messages = warning;\n"
	      "CREATE TABLE IF NOT EXISTS vexfs_embedding (collection text, ino bigint, generation bigint, chunk int, "
	      "path text, range_offset bigint, range_length bigint, stale boolean, embedding vector, "
	      "PRIMARY KEY (collection, ino, generation, chunk));\n"
	      "CREATE TABLE IF NOT EXISTS vexfs_mark (collection text PRIMARY KEY, mark text NOT NULL);\n", o->f);
}

/* The reader's mark moves in the transaction, from the one the batch follows: another batch changes nothing. */
static void sql_mark(struct stream *o, const char *mark)
{
	const char *name = o->coll->name;

	if (!o->previous[0]) {
		fprintf(o->f, "INSERT INTO vexfs_mark VALUES ('%s', '%s') ON CONFLICT (collection) DO UPDATE SET mark "
			"= EXCLUDED.mark;\n", name, mark);
		return;
	}
	fprintf(o->f, "DO $$ BEGIN UPDATE vexfs_mark SET mark = '%s' WHERE collection = '%s' AND mark = '%s'; "
		"IF NOT FOUND THEN RAISE EXCEPTION 'collection %s is not at mark %s: start vexctl export with --since "
		"and the mark in vexfs_mark'; END IF; END $$;\n", mark, name, o->previous, name, o->previous);
}

/* ---- operations ---------------------------------------------------------------------- */

static void begin_op(struct stream *o)
{
	if (!o->ops++ && o->sql) {
		if (!o->told)
			sql_begin(o);
		fputs("BEGIN;\n", o->f);
	}
}

void stream_reset(struct stream *o)
{
	begin_op(o);
	if (o->sql)
		fprintf(o->f, "DELETE FROM vexfs_embedding WHERE collection = '%s';\n", o->coll->name);
	else
		json_put(o, json_op(o, "reset"));
}

void stream_set(struct stream *o, const struct known_file *f, const struct vexfs_embedding *e, const struct vector *v)
{
	begin_op(o);
	if (o->sql)
		sql_set(o, f, e, v);
	else
		json_set(o, f, e, v);
}

void stream_stale(struct stream *o, const struct known_file *f, uint32_t chunk)
{
	struct json_object *line;

	begin_op(o);
	if (o->sql) {
		fputs("UPDATE vexfs_embedding SET stale = true", o->f);
		sql_where(o, f->ino, f->generation, chunk);
		return;
	}
	line = json_file(o, "stale", f->ino, f->generation);
	json_chunk(line, chunk);
	json_add_path(line, f->path, strlen(f->path));
	json_put(o, line);
}

void stream_move(struct stream *o, const struct known_file *f)
{
	struct json_object *line;

	begin_op(o);
	if (o->sql) {
		fputs("UPDATE vexfs_embedding SET path = ", o->f);
		sql_text(o->f, f->path);
		sql_where(o, f->ino, f->generation, GONE_ALL);
		return;
	}
	line = json_file(o, "move", f->ino, f->generation);
	json_add_path(line, f->path, strlen(f->path));
	json_put(o, line);
}

void stream_delete(struct stream *o, uint64_t ino, uint32_t generation, uint32_t chunk)
{
	struct json_object *line;

	begin_op(o);
	if (o->sql) {
		fputs("DELETE FROM vexfs_embedding", o->f);
		sql_where(o, ino, generation, chunk);
		return;
	}
	line = json_file(o, "delete", ino, generation);
	if (chunk != GONE_ALL)
		json_chunk(line, chunk);
	json_put(o, line);
}

static void put_mark(struct stream *o, const char *mark)
{
	struct json_object *line;

	if (o->sql) {
		sql_mark(o, mark);
		fputs("COMMIT;\n", o->f);
		return;
	}
	line = json_object_new_object();
	json_object_object_add(line, "mark", json_object_new_string(mark));
	json_object_object_add(line, "previous", o->previous[0] ? json_object_new_string(o->previous) : NULL);
	json_put(o, line);
}

/* Not through stdio: a reader that is slow is waited for, and Ctrl-C ends that. */
static int write_out(const char *p, size_t left)
{
	ssize_t n;

	while (left) {
		n = write(STDOUT_FILENO, p, left);
		if (n < 0 && errno == EINTR && !follow_stopped())
			continue;
		if (n < 0 && errno == EINTR) {
			say_error("interrupted in the middle of a batch: the reader's mark says where to continue");
			return EXIT_INTERRUPTED;
		}
		if (n < 0) {
			say_error("cannot write the output: %s; start again with --since and the reader's mark",
				  errno == EPIPE ? "its reader has ended" : strerror(errno));
			return EXIT_FAILED;
		}
		p += n;
		left -= (size_t)n;
	}
	return EXIT_OK;
}

int stream_flush(struct stream *o, const struct vexfs_feed_mark *mark)
{
	char text[MARK_MAX];
	int ret;

	mark_print(mark, text);
	put_mark(o, text);
	if (fflush(o->f)) {
		say_error("out of memory");
		return EXIT_FAILED;
	}
	ret = write_out(o->text, o->len);
	strcpy(o->previous, text);
	o->told += o->ops;
	o->ops = 0;
	stream_close(o);
	if (!ret && stream_open(o)) {
		say_error("out of memory");
		return EXIT_FAILED;
	}
	return ret;
}
