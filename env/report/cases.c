// SPDX-License-Identifier: GPL-2.0-only
/* Reading TAP, fail by default: a test that was planned and has no result failed, whatever the reason. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/proto.h"
#include "cases.h"

struct test_case *cases;
int ncases;
static int room, starts;

void cases_fatal(const char *what, const char *path)
{
	fprintf(stderr, "%s: %s %s: %s\n", program_invocation_short_name, what, path, strerror(errno));
	exit(VEX_ENV);
}

/* ---- reading ---- */

static int find(const char *suite, const char *name)
{
	for (int i = ncases; i-- > 0;)
		if (!strcmp(cases[i].name, name) && !strcmp(cases[i].suite, suite))
			return i;
	return -1;
}

static int suite_order(const char *suite)
{
	for (int i = 0; i < ncases; i++)
		if (!strcmp(cases[i].suite, suite))
			return cases[i].order;
	return ncases;
}

static struct test_case *append(const char *suite, const char *name, const char *file)
{
	struct test_case *c;

	if (ncases == room) {
		room = room ? room * 2 : 256;
		cases = realloc(cases, room * sizeof(*cases));
		if (!cases)
			cases_fatal("memory for", file);
	}
	c = &cases[ncases];
	memset(c, 0, sizeof(*c));
	c->order = suite_order(suite);
	snprintf(c->suite, sizeof(c->suite), "%s", suite);
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->file = file;
	ncases++;
	return c;
}

static struct test_case *add(const char *suite, const char *name, const char *file)
{
	int i = find(suite, name);

	return i >= 0 ? &cases[i] : append(suite, name, file);
}

/* The first sign of trouble explains a failure best. */
static void detail(struct test_case *c, const char *text)
{
	if (c && !c->detail[0])
		snprintf(c->detail, sizeof(c->detail), "%.500s", text);
}

bool tap_result_line(const char *line, bool *ok, char *name, size_t size, const char **directive)
{
	const char *p = line, *end;

	*ok = strncmp(p, "not ", 4);
	if (!*ok)
		p += 4;
	if (strncmp(p, "ok ", 3))
		return false;
	p += 3;
	p += strspn(p, "0123456789 ");
	if (!strncmp(p, "- ", 2))
		p += 2;
	*directive = end = strstr(p, "# ");
	if (!end)
		end = p + strlen(p);
	while (end > p && end[-1] == ' ')
		end--;
	snprintf(name, size, "%.*s", (int)(end - p), p);
	/* cmocka 1.1.5: "not ok 3 # SKIP name". */
	if (!*name && *directive && strcasestr(*directive, "skip"))
		snprintf(name, size, "%.150s", *directive + 6 + strspn(*directive + 6, " "));
	return *name;
}

static void set_result(struct test_case *c, bool ok, const char *directive)
{
	const char *skip = directive ? strcasestr(directive, "# SKIP") : NULL;
	const char *ms = directive ? strstr(directive, "# ms=") : NULL;

	c->state = skip ? SKIPPED : ok ? PASSED : FAILED;
	if (ms)
		c->ms = atol(ms + 5);
	if (skip) {
		c->detail[0] = 0;
		detail(c, skip + 6 + strspn(skip + 6, " "));
	}
}

static void relayed_line(const char *suite, const char *file, const char *line, struct test_case **current)
{
	char name[192];
	const char *directive;
	bool ok;

	if (sscanf(line, "# vex: plan %191s", name) == 1) {
		add(suite, name, file);
		*current = NULL;	/* add() may have moved it */
	} else if (sscanf(line, "# vex: start %191s", name) == 1) {
		*current = add(suite, name, file);
		(*current)->state = STARTED;
		(*current)->file = file;
		(*current)->started = ++starts;
	} else if (tap_result_line(line, &ok, name, sizeof(name), &directive)) {
		set_result(add(suite, name, file), ok, directive);
		*current = NULL;	/* what follows is nobody's */
	} else if (!*current) {
		return;
	} else if (!strncmp(line, "  not ok ", 9)) {
		detail(*current, line + 2);
	} else if (!strncmp(line, "# kernel: ", 10)) {
		(*current)->kernel = true;
		if (!(*current)->complaint[0])
			snprintf((*current)->complaint, sizeof((*current)->complaint), "%.250s", line + 10);
		detail(*current, line + 2);
	} else if (!strncmp(line, "# ", 2) && strncmp(line, "# vex", 5) && strncmp(line, "# stack: ", 9) &&
		   strncmp(line, "# in flight: ", 13)) {
		if (strstr(line, ": timed out after ") || strstr(line, ": a task hangs"))
			(*current)->timed_out = true;
		detail(*current, line + 2);
	}
}

/* Notes in plain TAP stand before the result they explain, the best of them last. */
static void flat_line(const char *suite, const char *file, const char *line, char *before, size_t size)
{
	struct test_case *c;
	char name[192];
	const char *directive;
	bool ok;

	if (!tap_result_line(line, &ok, name, sizeof(name), &directive)) {
		if (line[0] == '#' && line[1] == ' ')
			snprintf(before, size, "%.500s", line + 2);
		return;
	}
	c = append(suite, name, file);
	set_result(c, ok, directive);
	if (!ok)
		detail(c, before);
	before[0] = 0;
}

/*
 * KUnit indents by four columns per level; "# Subtest: NAME" or "# module: NAME" open a suite, whose
 * cases are one level deeper than its own result. A module that is loaded again runs them again: one
 * bad result counts, however many good ones there are.
 */
static void kunit_line(const char *suite, const char *file, const char *line, char *subtest, size_t size)
{
	const char *p = line, *directive;
	char text[192], name[448];
	struct test_case *c;
	bool ok;

	/* <6>[   12.345678] or [   12.345678][  T123] */
	if (*p == '<' && strchr(p, '>'))
		p = strchr(p, '>') + 1;
	while (*p == '[' && strchr(p, ']'))
		p = strchr(p, ']') + 1;
	if (*p == ' ')
		p++;
	if (strstr(p, "# Subtest: ")) {
		snprintf(subtest, size, "%.150s", strstr(p, "# Subtest: ") + 11);
		return;
	}
	if (!*subtest)
		return;
	if (!strncmp(p, "    ", 4) && tap_result_line(p + 4, &ok, text, sizeof(text), &directive)) {
		snprintf(name, sizeof(name), "%s.%s", subtest, text);
		c = add(suite, name, file);
		if (c->state != FAILED)
			set_result(c, ok, directive);
	} else if (tap_result_line(p, &ok, text, sizeof(text), &directive) && !strcmp(text, subtest)) {
		subtest[0] = 0;
	}
}

void cases_read(const char *suite, const char *path, enum tap_kind how)
{
	struct test_case *current = NULL;
	char line[4096], state[512] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		cases_fatal("cannot read", path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (how == TAP_SUITE)
			relayed_line(suite, path, line, &current);
		else if (how == TAP_FLAT)
			flat_line(suite, path, line, state, sizeof(state));
		else
			kunit_line(suite, path, line, state, sizeof(state));
	}
	fclose(f);
}

/* ---- judging ---- */

static bool as_expected(const struct test_case *c, const char *expect)
{
	if (!strcmp(expect, "timeout"))
		return c->timed_out;
	if (!strcmp(expect, "panic"))
		return c->kernel;
	return c->state == FAILED && !c->timed_out && !c->kernel;
}

static void apply_known(struct test_case *c, const char *expect, const char *reason)
{
	char text[512];

	if (c->state == SKIPPED || c->state == NOT_STARTED)
		return;
	if (c->state == PASSED) {
		c->state = FAILED;
		snprintf(text, sizeof(text), "passed, and is listed as a known failure: remove its entry (%.400s)",
			 reason);
	} else if (as_expected(c, expect)) {
		c->state = KNOWN;
		snprintf(text, sizeof(text), "known failure: %.450s", reason);
	} else {
		snprintf(text, sizeof(text), "failed in an unexpected way (expected: %s): %.400s", expect, c->detail);
	}
	snprintf(c->detail, sizeof(c->detail), "%s", text);
}

void cases_known(const char *path)
{
	char line[1024], suite[64], name[192], expect[16];
	FILE *f = fopen(path, "re");
	int n;

	if (!f)
		cases_fatal("cannot read", path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%63s %191s %15s %n", suite, name, expect, &n) < 3)
			continue;
		for (int i = 0; i < ncases; i++) {
			char *at = strchr(cases[i].name, '@');	/* stress@2: a repetition */
			size_t len = at ? (size_t)(at - cases[i].name) : strlen(cases[i].name);

			if (!strcmp(cases[i].suite, suite) && strlen(name) == len &&
			    !strncmp(cases[i].name, name, len))
				apply_known(&cases[i], expect, line + n);
		}
	}
	fclose(f);
}

const char *case_detail(const struct test_case *c)
{
	if (c->state == NOT_STARTED)
		return "not started: the guest ended before its turn";
	if (c->state == STARTED && !c->detail[0])
		return "started and never finished: the guest ended meanwhile";
	return c->detail;
}

/* Suites in the order they came, tests by name; plain TAP keeps its own order. */
static int compare(const void *x, const void *y)
{
	const struct test_case *a = x, *b = y;

	return a->order != b->order ? a->order - b->order : strverscmp(a->name, b->name);
}

bool case_bad(const struct test_case *c)
{
	return c->state == FAILED || c->state == STARTED || c->state == NOT_STARTED;
}

void cases_sort(void)
{
	qsort(cases, ncases, sizeof(*cases), compare);
}
