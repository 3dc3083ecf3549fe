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

void cases_forget(void)
{
	ncases = starts = 0;
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

struct test_case *case_start(const char *suite, const char *name, const char *file)
{
	struct test_case *c = add(suite, name, file);

	c->state = STARTED;
	c->file = file;
	c->started = ++starts;
	return c;
}

/* The first sign of trouble explains a failure best. */
void case_explain(struct test_case *c, const char *text)
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
		case_explain(c, t->reason);
	}
}

/* What is said while @c runs: the checks that failed, and notes at the left margin. */
static void relayed_words(struct test_case *c, const struct tap_line *t)
{
	if (t->what == TAP_RESULT && t->depth == 2 && !t->ok && !t->directive) {
		case_explain(c, t->text);
	} else if (!t->depth && tap_words(t)) {
		if (t->about == TAP_KERNEL) {
			c->kernel = true;
			if (!c->complaint[0])
				snprintf(c->complaint, sizeof(c->complaint), "%.250s", t->text + strlen("kernel: "));
		}
		c->timed_out |= t->timed_out;
		case_explain(c, t->text);
	}
}

/* What reading a file remembers from one line to the next. */
struct reader {
	struct test_case *current;	/* as init relayed it: the test that runs */
	struct run_words words;
	char text[512];			/* plain: the note before a result; KUnit: the suite */
};

static void relayed_line(const char *suite, const char *file, const struct tap_line *t, struct test_case **current)
{
	if (t->what == TAP_ANNOUNCED) {
		add(suite, t->name, file);
		*current = NULL;	/* add() may have moved it */
	} else if (t->what == TAP_STARTED) {
		*current = case_start(suite, t->name, file);
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
		case_explain(c, before);
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

/* The end of a script: without a code, failed without a failed check, or without any check it is a failure. */
static void script_end(const char *suite, const char *path, int first)
{
	const char *test = strchr(suite, '.') ? strchr(suite, '.') + 1 : suite;
	char name[192], beside[4096], *rc, *last;
	int len = (int)(strlen(path) - strlen(".tap"));
	struct test_case *c;

	snprintf(beside, sizeof(beside), "%.*s.rc", len, path);
	rc = file_line(NULL, beside);
	for (int i = first; i < ncases; i++)
		if (rc && (cases[i].state == FAILED || !atoi(rc))) {
			free(rc);
			return;
		}
	if (rc)
		snprintf(name, sizeof(name), "%.100s ended with status %d", test, atoi(rc));
	else
		snprintf(name, sizeof(name), "%.100s left no result", test);
	c = append(suite, name, path);
	c->state = FAILED;
	snprintf(beside, sizeof(beside), "%.*s.err", len, path);
	last = file_last(beside);
	case_explain(c, last ? last : "");
	free(last);
	free(rc);
}

static const struct {
	enum tap_kind how;
	const char *word;
} kinds[] = { { TAP_FLAT, "--flat" }, { TAP_SUITE, "--suite" }, { TAP_KUNIT, "--kunit" }, { TAP_SCRIPT, "--script" },
	      { TAP_PLANNED, "--planned" } };

const char *tap_kind_word(enum tap_kind how)
{
	size_t i = 0;

	while (i < sizeof(kinds) / sizeof(kinds[0]) - 1 && kinds[i].how != how)
		i++;
	return kinds[i].word;
}

enum tap_kind tap_kind_of(const char *word)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].word, word))
			return kinds[i].how;
	return TAP_FLAT;
}

static void read_line(const char *suite, const char *path, enum tap_kind how, const char *line, struct reader *r)
{
	struct tap_line t;

	if (how == TAP_PLANNED) {
		add(suite, line, path);
		return;
	}
	tap_parse(how == TAP_KUNIT ? behind_stamp(line) : line, &t);
	if (how == TAP_SUITE) {
		relayed_line(suite, path, &t, &r->current);
		run_line(&r->words, &t);
	} else if (how == TAP_KUNIT) {
		kunit_line(suite, path, &t, r->text, sizeof(r->text));
	} else {
		flat_line(suite, path, &t, r->text, sizeof(r->text));
	}
}

void cases_read(const char *suite, const char *path, enum tap_kind how)
{
	struct reader r = { 0 };
	int first = ncases;
	char line[4096];
	FILE *f = fopen(path, "re");

	if (!f)
		cases_fatal("cannot read", path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		read_line(suite, path, how, line, &r);
	}
	fclose(f);
	if (how == TAP_SUITE)
		run_end(suite, path, r.current, &r.words);
	else if (how == TAP_SCRIPT)
		script_end(suite, path, first);
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

/* "stress" is meant for "stress@2", its second run, as well. */
static bool same_test(const char *name, const char *test)
{
	size_t len = strcspn(name, "@");

	return strlen(test) == len && !strncmp(name, test, len);
}

/* One run of a script of the environment: cases[first..end). */
static void apply_known_script(int first, int end, const char *reason)
{
	bool failed = false;
	struct test_case *c;

	for (int i = first; i < end; i++)
		failed |= cases[i].state == FAILED;
	for (int i = first; i < end; i++)
		if (cases[i].state == FAILED)
			apply_known(&cases[i], "fail", reason);
	if (failed)
		return;
	c = append(cases[first].suite, "known-failure", cases[first].file);
	c->state = PASSED;
	apply_known(c, "fail", reason);
}

static void known_script(const char *name, const char *reason)
{
	int n = ncases;

	for (int i = 0, end; i < n; i = end) {
		const char *suite = cases[i].suite;

		for (end = i + 1; end < n && !strcmp(cases[end].suite, suite); end++)
			;
		if (!strncmp(suite, "env.", 4) && same_test(suite + 4, name))
			apply_known_script(i, end, reason);
	}
}

static void known_test(const char *suite, const char *name, const char *expect, const char *reason)
{
	for (int i = 0; i < ncases; i++)
		if (!strcmp(cases[i].suite, suite) && same_test(cases[i].name, name))
			apply_known(&cases[i], expect, reason);
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
		if (!strcmp(suite, "env"))
			known_script(name, line + n);
		else
			known_test(suite, name, expect, line + n);
	}
	fclose(f);
}

void cases_interrupted(void)
{
	for (int i = 0; i < ncases; i++) {
		if (cases[i].state == STARTED)
			case_explain(&cases[i], "interrupted while it ran");
		if (cases[i].state != NOT_STARTED)
			continue;
		cases[i].state = NOT_RUN;
		snprintf(cases[i].detail, sizeof(cases[i].detail), "not run (interrupted)");
	}
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
