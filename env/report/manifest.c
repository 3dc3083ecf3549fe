// SPDX-License-Identifier: GPL-2.0-only
/*
 * "vexjson manifest LOG": the manifest of an image (docs/images.md). Its fields come from standard input, one a line:
 * "string NAME VALUE", or "value NAME VALUE" for a number, true or false; no VALUE: "" and null. Checks, their counts
 * and the packages come from LOG, the TAP of the image's validation.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/proto.h"
#include "../proto/tap.h"
#include "json.h"

struct manifest {
	struct json_object *o, *checks, *packages;
	long passed, skipped, failed;
};

static void read_lines(FILE *f, void (*take)(struct manifest *m, char *line), struct manifest *m)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		take(m, line);
	}
	free(line);
}

static struct json_object *string_new(const char *s)
{
	struct json_object *o = text_new(s);

	return o ? o : json_object_new_string("");
}

static void take_field(struct manifest *m, char *line)
{
	char *name = strchr(line, ' '), *value = name ? strchr(name + 1, ' ') : NULL;

	if (!name)
		return;
	*name++ = 0;
	if (value)
		*value++ = 0;
	json_object_object_add(m->o, name, strcmp(line, "string") ? json_tokener_parse(value ? value : "null") :
								     string_new(value));
}

static void take_check(struct manifest *m, const struct tap_line *t)
{
	char text[512];

	snprintf(text, sizeof(text), "%s %s%s%s", t->ok ? "ok" : "not ok", t->name, t->skip ? " # SKIP " : "",
		 t->skip ? t->reason : "");
	json_object_array_add(m->checks, string_new(text));
	m->skipped += t->ok && t->skip;
	m->passed += t->ok && !t->skip;
	m->failed += !t->ok;
}

static void take_log(struct manifest *m, char *line)
{
	static const char package[] = "package ";
	struct tap_line t;
	char *version;

	tap_parse(line, &t);
	if (t.what == TAP_RESULT && !t.depth)
		take_check(m, &t);
	if (t.what != TAP_NOTE || strncmp(t.text, package, strlen(package)))
		return;
	line = (char *)t.text + strlen(package);	/* a part of what was parsed */
	version = strchr(line, ' ');
	if (!version)
		return;
	*version++ = 0;
	json_object_object_add(m->packages, line, string_new(version));
}

int manifest(const char *log)
{
	struct manifest m = { json_object_new_object(), json_object_new_array(), json_object_new_object(), 0, 0, 0 };
	FILE *f = fopen(log, "re");

	if (!f) {
		fprintf(stderr, "vexjson: %s: %s\n", log, strerror(errno));
		return VEX_ENV;
	}
	read_lines(stdin, take_field, &m);
	read_lines(f, take_log, &m);
	fclose(f);
	json_object_object_add(m.o, "checks_passed", json_object_new_int64(m.passed));
	json_object_object_add(m.o, "checks_skipped", json_object_new_int64(m.skipped));
	json_object_object_add(m.o, "checks_failed", json_object_new_int64(m.failed));
	json_object_object_add(m.o, "checks", m.checks);
	json_object_object_add(m.o, "packages", m.packages);
	/* SPACED: image_field reads one "name": value a line. */
	puts(json_object_to_json_string_ext(m.o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(m.o);
	return fflush(stdout) ? VEX_ENV : VEX_PASSED;
}
