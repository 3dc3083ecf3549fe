// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexjson: what a command of ./vex did, as one JSON object (docs/json.md).
 *
 *	vexjson object STATUS MILLISECONDS RECORDS	the object, from the records of env/lib/report.sh
 *	vexjson check [FILE]	whether FILE (standard input) is one such object, and nothing else
 *	vexjson get PATH [FILE]	one value: failed[0].file, failed[].test (each); status 1: not there, or null
 *	vexjson manifest LOG <FIELDS	of an image (manifest.c)
 *	vexjson fields		the description of the fields, for docs/json.md
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "cases.h"
#include "json.h"

static int usage(void)
{
	fputs("usage: vexjson object STATUS MILLISECONDS RECORDS | check [FILE] | get PATH [FILE] |\n"
	      "       manifest LOG | fields\n", stderr);
	return VEX_USAGE;
}

/* A file may be missing: a killed run did not come to write it. */
static void read_tests(void)
{
	bool any = false;

	for (size_t i = 0; i < nrecords; i++) {
		if (strcmp(records[i].kind, "tap") || access(records[i].v[2], R_OK))
			continue;
		cases_read(records[i].v[1], records[i].v[2], tap_kind_of(records[i].v[0]));
		any = true;
	}
	if (any && !access(record_value("known"), R_OK))
		cases_known(record_value("known"));
	if (record_last("interrupted"))
		cases_interrupted();
	cases_sort();
}

static int make_object(const char *status, const char *ms, const char *path)
{
	struct json_object *o;

	if (!records_read(path)) {
		fprintf(stderr, "vexjson: %s: %s\n", path, strerror(errno));
		return VEX_ENV;
	}
	read_tests();
	o = object_make(atoi(status), atol(ms) / 1000.0);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return fflush(stdout) ? VEX_ENV : VEX_PASSED;
}

/* One JSON text and white space; NULL: it is not, which is said. */
static struct json_object *read_one(const char *path)
{
	struct json_tokener *t = json_tokener_new();
	FILE *f = path ? fopen(path, "re") : stdin;
	struct json_object *o;
	size_t room = 0;
	ssize_t len = -1;
	char *text = NULL;

	if (f)
		len = getdelim(&text, &room, 0, f);
	if (len < 0) {
		fprintf(stderr, "vexjson: nothing to read%s%s\n", path ? " in " : "", path ? path : "");
		exit(VEX_FAILED);
	}
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(t, text, (int)len + 1);
	if (json_tokener_get_error(t) != json_tokener_success || !o) {
		fprintf(stderr, "vexjson: not one JSON text in UTF-8: %s\n",
			json_tokener_error_desc(json_tokener_get_error(t)));
		exit(VEX_FAILED);
	}
	json_tokener_free(t);
	free(text);
	return o;
}

static int check(const char *path)
{
	struct json_object *o = read_one(path);
	bool good = fields_check(o);

	json_object_put(o);
	return good ? VEX_PASSED : VEX_FAILED;
}

/* Prints what is at the path below @o; whether there was anything. */
static bool get(struct json_object *o, const char *path)
{
	size_t len = strcspn(path, ".["), n;
	struct json_object *v = NULL;
	char key[128], *end;
	bool any = false;

	if (!o)
		return false;
	if (!*path) {
		puts(json_object_is_type(o, json_type_string) ? json_object_get_string(o) :
		     json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		return true;
	}
	if (*path == '.')
		return get(o, path + 1);
	if (*path == '[') {
		if (!json_object_is_type(o, json_type_array))
			return false;
		n = strtoul(path + 1, &end, 10);
		if (end > path + 1 && *end == ']')
			return get(json_object_array_get_idx(o, n), end + 1);
		for (size_t i = 0; path[1] == ']' && i < json_object_array_length(o); i++)
			any |= get(json_object_array_get_idx(o, i), path + 2);
		return any;
	}
	snprintf(key, sizeof(key), "%.*s", (int)len, path);
	return json_object_object_get_ex(o, key, &v) && get(v, path + len);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "object"))
		return make_object(argv[2], argv[3], argv[4]);
	if (argc >= 2 && argc <= 3 && !strcmp(argv[1], "check"))
		return check(argv[2]);
	if (argc >= 3 && argc <= 4 && !strcmp(argv[1], "get"))
		return get(read_one(argv[3]), argv[2]) ? VEX_PASSED : VEX_FAILED;
	if (argc == 3 && !strcmp(argv[1], "manifest"))
		return manifest(argv[2]);
	if (argc != 2 || strcmp(argv[1], "fields"))
		return usage();
	fields_table();
	return VEX_PASSED;
}
