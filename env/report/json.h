/* SPDX-License-Identifier: GPL-2.0-only */
/* vexjson: what its files share. docs/json.md has the object's fields, fields.c the one table of them. */
#ifndef VEX_JSON_H
#define VEX_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define JSON_SCHEMA	1	/* a field that is renamed, removed or means something else makes it 2 */
#define FAILED_MAX	200	/* entries of "failed" */
#define FRAMES_MAX	64
#define BLOCKED_MAX	20
#define TEXT_MAX	1000	/* bytes of a message */

/* ---- records.c: what ./vex noted while it ran, one record a line: KIND and fields, by tabs ---- */

#define RECORD_FIELDS	8

struct record {
	const char *kind, *v[RECORD_FIELDS];	/* never NULL, "" where there are fewer */
	unsigned int n;
};

extern struct record *records;
extern size_t nrecords;

/* False: the file cannot be read, errno says why. */
bool records_read(const char *path);
/* The last record of a kind, or NULL. */
const struct record *record_last(const char *kind);
const char *record_value(const char *kind);	/* its first field; "" */

/* ---- trace.c ---- */

/**
 * struct place - where something went wrong
 * @file: malloc'ed; NULL: not known
 * @line: 0: not known
 */
struct place {
	char *file;
	long line;
};

/* The first FILE:LINE of a source in the text. */
bool place_in(const char *text, struct place *p);
/* The one line of a source that holds a literal text; the file without a line where it is on none, or on several. */
bool place_of(const char *file, const char *literal, struct place *p);
/* Below the checkout, without the build directory's copy. */
char *source_name(const char *path);

/* What stands behind "[   12.345678][  T123] ". */
const char *kernel_text(const char *line);
/* The kernel's report in DIR/trace.txt, from the line on that has @from ("": the first), or NULL. */
struct json_object *trace_read(const char *dir, const char *kernel, const char *from);

/* Tasks that wait for what does not come, of the same file. */
struct json_object *blocked_read(const char *dir, const char *kernel);

/* ---- failed.c ---- */

/* All of "failed"; *@left_out: how many are not in it. */
struct json_object *failed_list(unsigned int *left_out);
/* Passed, failed and skipped tests, and those not run; NULL: this command ran none. */
struct json_object *failed_counts(void);

/* ---- object.c ---- */

/* The whole object; all records are read by now. */
struct json_object *object_make(int status, double seconds);

/* ---- fields.c ---- */

/* Whether the object is as described; says on standard error what is not. */
bool fields_check(struct json_object *o);
void fields_table(void);
/* The name of an exit code. */
const char *verdict_word(int code);

/* ---- manifest.c ---- */

/* Prints the manifest of an image; an exit code. */
int manifest(const char *log);

/* ---- text and members ---- */

/* A string of valid UTF-8 without control characters; NULL or "": null. */
struct json_object *text_new(const char *s);
void put_text(struct json_object *o, const char *key, const char *s);
void put_int(struct json_object *o, const char *key, long n);

#endif
