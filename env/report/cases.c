// SPDX-License-Identifier: GPL-2.0-only
/* Results of files of TAP, fail by default: a test that was planned and has no result failed, whatever the reason. */
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

static void set_result(struct test_case *c, const struct tap_line *t)
{
	c->state = t->skip ? SKIPPED : t->ok ? PASSED : FAILED;
	if (t->ms)
		c->ms = t->ms;
	if (t->skip) {
		c->detail[0] = 0;
		detail(c, t->reason);
	}
}

/* What is said while @c runs: the checks that failed, and notes at the left margin. */
static void relayed_words(struct test_case *c, const struct tap_line *t)
{
	if (t->what == TAP_RESULT && t->depth == 2 && !t->ok && !t->directive) {
		detail(c, t->text);
	} else if (!t->depth && tap_words(t)) {
		if (t->about == TAP_KERNEL) {
			c->kernel = true;
			if (!c->complaint[0])
				snprintf(c->complaint, sizeof(c->complaint), "%.250s", t->text + strlen("kernel: "));
		}
		c->timed_out |= t->timed_out;
		detail(c, t->text);
	}
}

static void relayed_line(const char *suite, const char *file, const struct tap_line *t, struct test_case **current)
{
	if (t->what == TAP_ANNOUNCED) {
		add(suite, t->name, file);
		*current = NULL;	/* add() may have moved it */
	} else if (t->what == TAP_STARTED) {
		*current = add(suite, t->name, file);
		(*current)->state = STARTED;
		(*current)->file = file;
		(*current)->started = ++starts;
	} else if (t->what == TAP_RESULT && !t->depth) {
		set_result(add(suite, t->name, file), t);
		*current = NULL;	/* what follows is nobody's */
	} else if (*current) {
		relayed_words(*current, t);
	}
}

/* Notes in plain TAP stand before the result they explain, the best of them last. */
static void flat_line(const char *suite, const char *file, const struct tap_line *t, char *before, size_t size)
{
	struct test_case *c;

	if (t->depth || t->what != TAP_RESULT) {
		if (!t->depth && t->what == TAP_NOTE)
			snprintf(before, size, "%.500s", t->text);
		return;
	}
	c = append(suite, t->name, file);
	set_result(c, t);
	if (!t->ok)
		detail(c, before);
	before[0] = 0;
}

/*
 * KUnit indents by four columns per level; "# Subtest: NAME" or "# module: NAME" open a suite, whose
 * cases are one level deeper than its own result. A module that is loaded again runs them again: one
 * bad result counts, however many good ones there are.
 */
static void kunit_line(const char *suite, const char *file, const struct tap_line *t, char *subtest, size_t size)
{
	char name[448];
	struct test_case *c;

	if (t->what == TAP_NOTE && !strncmp(t->text, "Subtest: ", 9)) {
		snprintf(subtest, size, "%.150s", t->text + 9);
	} else if (!*subtest || t->what != TAP_RESULT) {
		return;
	} else if (t->depth == 4) {
		snprintf(name, sizeof(name), "%s.%s", subtest, t->name);
		c = add(suite, name, file);
		if (c->state != FAILED)
			set_result(c, t);
	} else if (!t->depth && !strcmp(t->name, subtest)) {
		subtest[0] = 0;
	}
}

/* Behind "<6>[   12.345678] " or "[   12.345678][  T123] ", as the kernel's log has it. */
static const char *behind_stamp(const char *p)
{
	if (*p == '<' && strchr(p, '>'))
		p = strchr(p, '>') + 1;
	while (*p == '[' && strchr(p, ']'))
		p = strchr(p, ']') + 1;
	return *p == ' ' ? p + 1 : p;
}

void cases_read(const char *suite, const char *path, enum tap_kind how)
{
	struct test_case *current = NULL;
	char line[4096], state[512] = "";
	struct tap_line t;
	FILE *f = fopen(path, "re");

	if (!f)
		cases_fatal("cannot read", path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		tap_parse(how == TAP_KUNIT ? behind_stamp(line) : line, &t);
		if (how == TAP_SUITE)
			relayed_line(suite, path, &t, &current);
		else if (how == TAP_FLAT)
			flat_line(suite, path, &t, state, sizeof(state));
		else
			kunit_line(suite, path, &t, state, sizeof(state));
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
