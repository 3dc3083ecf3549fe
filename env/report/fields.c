// SPDX-License-Identifier: GPL-2.0-only
/* The fields of the object, each once: documents are printed from this table and objects are checked against it. */
#include <stdio.h>
#include <string.h>

#include "../proto/proto.h"
#include "json.h"

enum { T_INT = 1, T_NUMBER = 2, T_TEXT = 4, T_BOOL = 8, T_LIST = 16, T_OBJECT = 32, T_MAP = 64, T_NULL = 128 };

struct field {
	const char *path;
	unsigned int types;
	const char *text;
};

static const struct field fields[] = {
	{ "schema", T_INT, "1; another number when a field is renamed, removed or means something else" },
	{ "command", T_TEXT, "of `./vex`: `test`, `vm` ..." },
	{ "arguments", T_LIST, "its arguments, without `--json`" },
	{ "arguments[]", T_TEXT | T_NULL, "one of them; null where it is empty" },
	{ "verdict", T_TEXT, "the word of the exit code, see the table above" },
	{ "exit_code", T_INT, "of `./vex`" },
	{ "cause", T_TEXT, "why, in one sentence; for a success what came of it" },
	{ "seconds", T_NUMBER, "how long it took" },
	{ "reproduce", T_TEXT, "a command line for a shell in the checkout that does again what failed" },
	{ "status", T_INT | T_NULL, "exit status of the script or command in the guest, if that came to its end" },
	{ "counts", T_OBJECT | T_NULL, "of tests or checks; null if the command has none" },
	{ "counts.passed", T_INT, "" },
	{ "counts.failed", T_INT, "" },
	{ "counts.skipped", T_INT, "known failures included" },
	{ "counts.not_run", T_INT, "of an interrupted run: tests that had not started" },
	{ "failed", T_LIST, "what failed, the first 200; empty when nothing did" },
	{ "failed[]", T_OBJECT, "" },
	{ "failed[].suite", T_TEXT, "host, guest, kunit, env, build, image, lint, machine or known-failures" },
	{ "failed[].kernel", T_TEXT | T_NULL, "of guest tests: which" },
	{ "failed[].test", T_TEXT, "the test; of a build the step, of a linter its name" },
	{ "failed[].check", T_TEXT | T_NULL, "the check within it; null if the test failed as a whole" },
	{ "failed[].file", T_TEXT | T_NULL, "source file, below the checkout" },
	{ "failed[].line", T_INT | T_NULL, "its line; of a kernel's complaint: in the module" },
	{ "failed[].message", T_TEXT, "what was said" },
	{ "failed_left_out", T_INT, "how many more there are" },
	{ "trace", T_OBJECT | T_NULL, "the kernel's first complaint, decoded" },
	{ "trace.kernel", T_TEXT | T_NULL, "which kernel" },
	{ "trace.complaint", T_TEXT, "its first line" },
	{ "trace.function", T_TEXT | T_NULL, "the first function of the module in it, inlined ones included" },
	{ "trace.file", T_TEXT | T_NULL, "where that is, below the checkout" },
	{ "trace.line", T_INT | T_NULL, "" },
	{ "trace.frames", T_LIST, "innermost first; what the kernel marks with ? is left out" },
	{ "trace.frames[]", T_OBJECT, "" },
	{ "trace.frames[].function", T_TEXT, "" },
	{ "trace.frames[].module", T_TEXT | T_NULL, "null: the kernel itself" },
	{ "trace.frames[].file", T_TEXT | T_NULL, "null: no debug information (Debian's kernels)" },
	{ "trace.frames[].line", T_INT | T_NULL, "" },
	{ "trace.frames[].inlined", T_BOOL, "into the next frame" },
	{ "blocked", T_LIST, "of a hang: tasks that wait for what does not come" },
	{ "blocked[]", T_OBJECT, "" },
	{ "blocked[].task", T_TEXT, "" },
	{ "blocked[].function", T_TEXT | T_NULL, "the first function of the module that it is in" },
	{ "blocked[].file", T_TEXT | T_NULL, "" },
	{ "blocked[].line", T_INT | T_NULL, "" },
	{ "guests", T_LIST, "guests that ran" },
	{ "guests[]", T_OBJECT, "" },
	{ "guests[].kernel", T_TEXT, "which kernel, or the image" },
	{ "guests[].directory", T_TEXT, "its logs" },
	{ "guests[].verdict", T_TEXT | T_NULL, "of this guest; null: it was ended before it had one" },
	{ "guests[].message", T_TEXT | T_NULL, "the launcher's" },
	{ "guests[].seconds", T_NUMBER | T_NULL, "from its start to its end" },
	{ "logs", T_OBJECT, "whole paths; null if the file does not exist" },
	{ "logs.directory", T_TEXT | T_NULL, "of this run" },
	{ "logs.console", T_TEXT | T_NULL, "of the guest that went wrong, or of the only one" },
	{ "logs.output", T_TEXT | T_NULL, "what the script or command printed" },
	{ "logs.tap", T_TEXT | T_NULL, "what that guest's tests, or the checks of an image, printed" },
	{ "logs.trace", T_TEXT | T_NULL, "the trace as text, with source lines" },
	{ "logs.build", T_TEXT | T_NULL, "of the step that failed" },
	{ "logs.junit", T_TEXT | T_NULL, "all results as JUnit XML" },
	{ "kernels", T_LIST | T_NULL, "`kernel list`: all kernels" },
	{ "kernels[]", T_OBJECT, "" },
	{ "kernels[].name", T_TEXT, "for `--kernel`" },
	{ "kernels[].state", T_TEXT, "`ready`, `cached`, `not fetched`, `not built` or `build begun`" },
	{ "kernels[].release", T_TEXT | T_NULL, "what `uname -r` says" },
	{ "kernels[].purpose", T_TEXT | T_NULL, "" },
	{ "machine", T_LIST | T_NULL, "`doctor`: what it found" },
	{ "machine[]", T_OBJECT, "" },
	{ "machine[].state", T_TEXT, "`ok`, `missing` (counts), `absent` (does not count) or `warning`" },
	{ "machine[].text", T_TEXT, "" },
	{ "bundle", T_OBJECT | T_NULL, "`crash`: the bundle that was made" },
	{ "bundle.directory", T_TEXT, "for `./vex crash open`" },
	{ "bundle.method", T_TEXT | T_NULL, "`kdump` or `hypervisor`" },
	{ "facts", T_MAP | T_NULL, "`run`: what the guest measured, name to text" },
};

#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

const char *verdict_word(int code)
{
	switch (code) {
	case VEX_PASSED: return "passed";
	case VEX_FAILED: return "failed";
	case VEX_USAGE: return "usage";
	case VEX_PANIC: return "panic";
	case VEX_HANG: return "hang";
	case VEX_LOST: return "lost";
	case VEX_ENV: return "environment";
	case VEX_NOTHING: return "nothing-ran";
	case VEX_BUILD_ID: return "wrong-build";
	case VEX_NO_DUMP: return "no-dump";
	case VEX_INTERRUPTED: return "interrupted";
	default: return "failed";
	}
}

static unsigned int type_of(struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_null: return T_NULL;
	case json_type_boolean: return T_BOOL;
	case json_type_double: return T_NUMBER;
	case json_type_int: return T_INT | T_NUMBER;
	case json_type_string: return T_TEXT;
	case json_type_array: return T_LIST;
	default: return T_OBJECT | T_MAP;
	}
}

static const struct field *field_of(const char *path)
{
	for (size_t i = 0; i < NFIELDS; i++)
		if (!strcmp(fields[i].path, path))
			return &fields[i];
	return NULL;
}

static bool check_value(struct json_object *o, const char *path);

/* Every field of the table is there, and no other. */
static bool check_members(struct json_object *o, const char *path)
{
	size_t len = strlen(path);
	bool good = true;
	char name[128];

	json_object_object_foreach(o, key, value) {
		snprintf(name, sizeof(name), "%s%s%s", path, len ? "." : "", key);
		good = check_value(value, name) && good;
	}
	for (size_t i = 0; i < NFIELDS; i++) {
		const char *p = fields[i].path, *rest;

		if (strncmp(p, path, len) || (len && p[len] != '.'))
			continue;
		rest = p + len + (len != 0);
		if (!*rest || strpbrk(rest, ".[") || json_object_object_get_ex(o, rest, NULL))
			continue;
		fprintf(stderr, "vexjson: %s is missing\n", p);
		good = false;
	}
	return good;
}

static bool check_value(struct json_object *o, const char *path)
{
	const struct field *f = field_of(path);
	bool good = true;
	char name[140];

	if (!f || !(f->types & type_of(o))) {
		fprintf(stderr, "vexjson: %s: %s\n", path, f ? "a value of another type" : "unknown field");
		return false;
	}
	if (json_object_is_type(o, json_type_array)) {
		snprintf(name, sizeof(name), "%s[]", path);
		for (size_t i = 0; i < json_object_array_length(o); i++)
			good = check_value(json_object_array_get_idx(o, i), name) && good;
	} else if (json_object_is_type(o, json_type_object) && !(f->types & T_MAP)) {
		good = check_members(o, path);
	}
	return good;
}

bool fields_check(struct json_object *o)
{
	if (json_object_is_type(o, json_type_object))
		return check_members(o, "");
	fprintf(stderr, "vexjson: not an object\n");
	return false;
}

void fields_table(void)
{
	static const char *const words[] = { "integer", "number", "text", "boolean", "list", "object", "object",
					     "null" };

	for (size_t i = 0; i < NFIELDS; i++) {
		const char *between = "";

		if (!fields[i].text[0] && strstr(fields[i].path, "[]") &&
		    !strcmp(strrchr(fields[i].path, '['), "[]"))
			continue;	/* a list of objects: the next rows say it */
		printf("* `%s` (", fields[i].path);
		for (size_t t = 0; t < sizeof(words) / sizeof(words[0]); t++) {
			if (!(fields[i].types & 1u << t))
				continue;
			printf("%s%s", between, words[t]);
			between = " or ";
		}
		printf(")%s%s\n", fields[i].text[0] ? ": " : "", fields[i].text);
	}
}
