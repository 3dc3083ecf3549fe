// SPDX-License-Identifier: GPL-2.0-only
/* "failed": failed checks of tests, compilers' errors, linters' findings, each with its place where that is known. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "json.h"

#define CHECKS_MAX	20	/* of one test */

static struct json_object *list;
static unsigned int more;

/* Takes over the place's file. */
static void add(const char *suite, const char *kernel, const char *test, const char *check, struct place *p,
		const char *message)
{
	struct json_object *o;

	if (json_object_array_length(list) < FAILED_MAX) {
		o = json_object_new_object();
		put_text(o, "suite", suite);
		put_text(o, "kernel", kernel);
		put_text(o, "test", test);
		put_text(o, "check", check);
		put_text(o, "file", p->file);
		put_int(o, "line", p->line);
		put_text(o, "message", message && *message ? message : "failed");
		json_object_array_add(list, o);
	} else {
		more++;
	}
	free(p->file);
	*p = (struct place){ 0 };
}

/* ---- tests ---- */

/* Where a test's source is: guest tests may be in another directory (--tests). */
static void source_of(const char *dir, const char *name, char *path, size_t size)
{
	const char *root = *dir == '/' ? "" : getenv("VEX_ROOT");

	for (const char *const *end = (const char *const[]){ "sh", "c", NULL }; *end; end++) {
		snprintf(path, size, "%s/%s/%.*s.%s", root ? root : ".", dir, (int)strcspn(name, "@"), name, *end);
		if (!access(path, R_OK))
			return;
	}
	*path = 0;
}

/* What was said about the next result: its notes, and the place in one of them. */
struct notes {
	char text[TEXT_MAX];
	struct place place;
};

static void notes_add(struct notes *n, const char *text)
{
	size_t len = strlen(n->text);

	text += strspn(text, "# ");
	if (!n->place.file)
		place_in(text, &n->place);
	if (*text && len < sizeof(n->text) - 4)
		snprintf(n->text + len, sizeof(n->text) - len, "%s%s", len ? "; " : "", text);
}

static void notes_clear(struct notes *n)
{
	free(n->place.file);
	memset(n, 0, sizeof(*n));
}

/* One failed check: where a note says it is, else where its name is in the test's source. */
static void add_check(const char *suite, const char *kernel, const char *test, const char *check, const char *source,
		      struct notes *n)
{
	char message[TEXT_MAX];

	if (!n->place.file)
		place_of(source, check, &n->place);
	snprintf(message, sizeof(message), "%.300s%s%.600s", check, n->text[0] ? ": " : "", n->text);
	add(suite, kernel, test, check, &n->place, message);
	notes_clear(n);
}

/* One line of a guest test's: its checks are two columns to the right of init's own lines, their notes before them. */
static bool guest_check(const struct test_case *c, const struct tap_line *t, const char *source, struct notes *n)
{
	bool failed = t->what == TAP_RESULT && t->depth == 2 && !t->ok && !t->directive;

	if (t->what == TAP_NOTE && t->depth == 2) {
		notes_add(n, t->text);
	} else if (failed) {
		add_check("guest", c->suite, c->name, t->name, source, n);
	} else if (t->what == TAP_RESULT && t->depth == 2) {
		notes_clear(n);
	}
	return failed;
}

static unsigned int guest_checks(const struct test_case *c, const char *source)
{
	struct notes n = { 0 };
	unsigned int found = 0;
	char *line = NULL;
	struct tap_line t;
	size_t room = 0;
	bool on = false;
	FILE *f = fopen(c->file, "re");

	while (f && found < CHECKS_MAX && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\r\n")] = 0;
		tap_parse(line, &t);
		if (t.what == TAP_STARTED)
			on = !strcmp(t.name, c->name);
		else if (t.what == TAP_RESULT && !t.depth)
			on = false;
		if (on)
			found += guest_check(c, &t, source, &n);
	}
	free(line);
	if (f)
		fclose(f);
	notes_clear(&n);
	return found;
}

static void directory_of(const char *file, char *dir, size_t size)
{
	const char *slash = strrchr(file, '/');

	snprintf(dir, size, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
}

/* What the kernel said while a test ran is a failure of its own, with the place in the module. */
static void guest_complaint(const struct test_case *c, const char *message)
{
	struct json_object *trace, *v = NULL;
	struct place p = { 0 };
	char dir[PATH_MAX];

	directory_of(c->file, dir, sizeof(dir));
	trace = trace_read(dir, c->suite, c->complaint);
	if (trace && !c->complaint[0])
		message = json_object_get_string(json_object_object_get(trace, "complaint"));
	if (trace && json_object_object_get_ex(trace, "file", &v) && v) {
		p.file = strdup(json_object_get_string(v));
		p.line = json_object_get_int(json_object_object_get(trace, "line"));
	}
	add("guest", c->suite, c->name, NULL, &p, kernel_text(message));
	json_object_put(trace);
}

static void guest_case(const struct test_case *c)
{
	const char *dir = record_value("tests"), *said = case_detail(c);
	bool kernel = c->complaint[0] || strstr(said, "kernel: ") || strstr(said, "the guest hung");
	char source[PATH_MAX];
	struct place p = { 0 };

	source_of(*dir ? dir : "tests/guest", c->name, source, sizeof(source));
	/* The graver first: a check that failed beside an oops failed because of it. */
	if (kernel)
		guest_complaint(c, c->complaint[0] ? c->complaint : said);
	if (guest_checks(c, source) || kernel)
		return;
	if (*source)
		p.file = source_name(source);
	add("guest", c->suite, c->name, NULL, &p, said);
}

/* In plain TAP notes are before the result they explain; cmocka and images have them behind it. */
static void flat_notes(const struct test_case *c, bool behind, struct notes *n)
{
	FILE *f = fopen(c->file, "re");
	struct tap_line t;
	char *line = NULL;
	bool on = false;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\r\n")] = 0;
		tap_parse(line, &t);
		if (t.depth)
			continue;
		if (t.what == TAP_NOTE) {
			if (!behind || on)
				notes_add(n, t.text);
		} else if (t.what == TAP_RESULT) {
			if (on || (!t.ok && !behind && !strcmp(t.name, c->name)))
				break;
			on = behind && !t.ok && !strcmp(t.name, c->name);
			notes_clear(n);
		}
	}
	free(line);
	if (f)
		fclose(f);
}

static void flat_case(const struct test_case *c)
{
	const char *dot = strchr(c->suite, '.'), *test = dot ? dot + 1 : c->name;
	bool env = !strncmp(c->suite, "env", 3), host = !strncmp(c->suite, "host.", 5);
	char suite[64], source[PATH_MAX] = "";
	struct notes n = { 0 };

	snprintf(suite, sizeof(suite), "%.*s", (int)strcspn(c->suite, "."), c->suite);
	if (env)
		source_of("tests/env", test, source, sizeof(source));
	else if (host)
		source_of("tests/unit", test, source, sizeof(source));
	flat_notes(c, !env, &n);
	/* What no line of the file says: how the script itself ended. */
	if (!n.text[0] && strcmp(c->detail, c->name))
		notes_add(&n, c->detail);
	add_check(suite, NULL, test, dot ? c->name : NULL, source, &n);
}

static void kunit_case(const struct test_case *c)
{
	struct place p = { 0 };

	add("kunit", c->suite + 6, c->name, NULL, &p, case_detail(c));
}

static bool is_flat(const char *suite)
{
	return !strncmp(suite, "host.", 5) || !strncmp(suite, "env", 3) || !strncmp(suite, "image.", 6) ||
	       !strcmp(suite, "known-failures");
}

static void tests_failed(void)
{
	for (int i = 0; i < ncases; i++) {
		if (!case_bad(&cases[i]))
			continue;
		if (!strncmp(cases[i].suite, "kunit.", 6))
			kunit_case(&cases[i]);
		else if (is_flat(cases[i].suite))
			flat_case(&cases[i]);
		else
			guest_case(&cases[i]);
	}
}

/* ---- builds, linters, the machine ---- */

/* "core/extent.c:12:5: error: ..." and what modpost and linkers say. */
static bool build_error(const char *line)
{
	return strstr(line, " error: ") || strstr(line, " fatal error: ") || strstr(line, "ERROR: modpost: ") ||
	       strstr(line, "undefined reference to");
}

static void build_failed(const struct record *r)
{
	FILE *f = fopen(r->v[1], "re");
	unsigned int before = json_object_array_length(list) + more;
	char *line = NULL, last[TEXT_MAX] = "";
	struct place p = { 0 };
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		const char *text;

		line[strcspn(line, "\r\n")] = 0;
		if (line[strspn(line, " \t")])
			snprintf(last, sizeof(last), "%.900s", line);
		if (!build_error(line))
			continue;
		text = strstr(line, "error: ");
		place_in(line, &p);
		add("build", NULL, r->v[0], NULL, &p, text && p.line ? text : line);
	}
	free(line);
	if (f)
		fclose(f);
	if (json_object_array_length(list) + more == before)
		add("build", NULL, r->v[0], NULL, &p, last);
}

/* FILE:LINE: [RULE] MESSAGE */
static void lint_failed(const struct record *r)
{
	FILE *f = fopen(r->v[1], "re");
	char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		char *colon = strchr(line, ':'), *rest = colon;
		struct place p = { 0 };

		line[strcspn(line, "\r\n")] = 0;
		if (colon) {
			p.file = strndup(line, (size_t)(colon - line));
			p.line = strtol(colon + 1, &rest, 10);
			rest += strspn(rest, ": ");
		}
		add("lint", NULL, r->v[0], NULL, &p, rest ? rest : line);
	}
	free(line);
	if (f)
		fclose(f);
}

struct json_object *failed_list(unsigned int *left_out)
{
	list = json_object_new_array();
	for (size_t i = 0; i < nrecords; i++) {
		const struct record *r = &records[i];
		struct place p = { 0 };

		if (!strcmp(r->kind, "step"))
			build_failed(r);
		else if (!strcmp(r->kind, "lint"))
			lint_failed(r);
		else if (!strcmp(r->kind, "machine") && !strcmp(r->v[0], "missing"))
			add("machine", NULL, "doctor", NULL, &p, r->v[1]);
	}
	tests_failed();
	*left_out = more;
	return list;
}

struct json_object *failed_counts(void)
{
	struct json_object *o;
	int count[STATES] = { 0 };

	if (!ncases)
		return NULL;
	for (int i = 0; i < ncases; i++)
		count[cases[i].state]++;
	o = json_object_new_object();
	json_object_object_add(o, "passed", json_object_new_int(count[PASSED]));
	json_object_object_add(o, "failed",
			       json_object_new_int(count[FAILED] + count[STARTED] + count[NOT_STARTED]));
	json_object_object_add(o, "skipped", json_object_new_int(count[SKIPPED] + count[KNOWN]));
	json_object_object_add(o, "not_run", json_object_new_int(count[NOT_RUN]));
	return o;
}
