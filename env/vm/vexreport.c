// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexreport: read TAP and say what happened, fail by default: a test that was planned and has no
 * result failed, whatever the reason.
 *
 *	vexreport [OPTION]... FILE...
 *
 * How the files behind an option are read:
 *	--suite NAME	what init relayed: one result per guest test, its checks two columns to the right
 *	--flat NAME	plain TAP: each line is a result of its own
 *	--kunit NAME	a kernel log with the KTAP of KUnit suites somewhere in it
 * What is made of it:
 *	--known FILE	known failures, one per line: SUITE TEST fail|timeout|panic REASON...
 *	--junit FILE	all results as JUnit XML
 *	--list FILE	one line per result: STATE MS SUITE FILE NAME
 *	--show KIND	on stderr, in stable order: results, failures (and what led to them), skips; repeatable
 * Prints "passed failed skipped"; a known failure that failed as expected counts as skipped.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

enum state { NOT_STARTED, STARTED, PASSED, FAILED, SKIPPED, KNOWN, STATES };

static const char *const state_words[STATES] = {
	"failed", "failed", "passed", "failed", "skipped", "known",
};

struct test_case {
	char suite[64], name[192], detail[512], complaint[256];	/* the kernel's first */
	const char *file;
	enum state state;
	int order;			/* of the suite's first mention */
	bool timed_out, kernel;		/* why it failed: time, or the kernel's own complaints */
	int started;			/* 1, 2 ...: file is a guest's tap.log, beside its console.log */
	long ms;
};

static struct test_case *cases;
static int ncases, room, starts;

static void fatal(const char *what, const char *path)
{
	fprintf(stderr, "vexreport: %s %s: %s\n", what, path, strerror(errno));
	exit(VEX_ENV);
}

/* ---- reading ------------------------------------------------------------------------------- */

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
			fatal("memory for", file);
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

/* "ok 3 - some name # SKIP why": fills name, returns the directive or NULL; false: no result line. */
static bool result_line(const char *line, bool *ok, char *name, size_t size, const char **directive)
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
	} else if (result_line(line, &ok, name, sizeof(name), &directive)) {
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

	if (!result_line(line, &ok, name, sizeof(name), &directive)) {
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
	if (!strncmp(p, "    ", 4) && result_line(p + 4, &ok, text, sizeof(text), &directive)) {
		snprintf(name, sizeof(name), "%s.%s", subtest, text);
		c = add(suite, name, file);
		if (c->state != FAILED)
			set_result(c, ok, directive);
	} else if (result_line(p, &ok, text, sizeof(text), &directive) && !strcmp(text, subtest)) {
		subtest[0] = 0;
	}
}

static void read_file(const char *suite, const char *path, int how)
{
	struct test_case *current = NULL;
	char line[4096], state[512] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		fatal("cannot read", path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (how == 's')
			relayed_line(suite, path, line, &current);
		else if (how == 'F')
			flat_line(suite, path, line, state, sizeof(state));
		else
			kunit_line(suite, path, line, state, sizeof(state));
	}
	fclose(f);
}

/* ---- judging ------------------------------------------------------------------------------- */

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

static void read_known(const char *path)
{
	char line[1024], suite[64], name[192], expect[16];
	FILE *f = fopen(path, "re");
	int n;

	if (!f)
		fatal("cannot read", path);
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

static const char *state_detail(const struct test_case *c)
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

static bool bad(const struct test_case *c)
{
	return c->state == FAILED || c->state == STARTED || c->state == NOT_STARTED;
}

/* ---- telling ------------------------------------------------------------------------------- */

#define TOLD	5	/* failures explained */
#define WORDS	20	/* lines of a test's own about it */
#define REPORT	80	/* lines of the kernel's */

static void show_results(void)
{
	for (int i = 0; i < ncases; i++) {
		const struct test_case *c = &cases[i];

		if (c->state == SKIPPED)
			continue;
		fprintf(stderr, "    %s %s/%s  %ld.%ld s%s%s\n", bad(c) ? "not ok" : "ok    ", c->suite, c->name,
			c->ms / 1000, c->ms % 1000 / 100, c->state == PASSED ? "" : "  ",
			c->state == PASSED ? "" : state_detail(c));
	}
}

/* What the test said last, but for the checks that passed and for its stack, which stands in the way of the rest. */
static void show_words(const struct test_case *c)
{
	static char last[WORDS][512];
	char line[4096], name[192];
	bool on = false;
	int n = 0;
	FILE *f = fopen(c->file, "re");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (sscanf(line, "# vex: start %191s", name) == 1)
			on = !strcmp(name, c->name);
		else if (!strncmp(line, "ok ", 3) || !strncmp(line, "not ok ", 7))
			on = false;
		else if (on && strncmp(line + strspn(line, " "), "ok ", 3) && strncmp(line, "# vex", 5) &&
			 strncmp(line, "# stack: ", 9))
			snprintf(last[n++ % WORDS], sizeof(last[0]), "%.500s", line);
	}
	if (f)
		fclose(f);
	if (n > WORDS)
		fprintf(stderr, "        ... %d lines before these are in %s\n", n - WORDS, c->file);
	for (int i = n > WORDS ? n - WORDS : 0; i < n; i++)
		fprintf(stderr, "        %s\n", last[i % WORDS]);
}

/* How often the kernel had said the same, or shown the blocked tasks, for tests of this guest that came before. */
static int said_before(const struct test_case *c)
{
	int n = 0;

	for (int i = 0; i < ncases; i++)
		n += cases[i].started && cases[i].started < c->started && !strcmp(cases[i].file, c->file) &&
		     (c->complaint[0] ? !strcmp(cases[i].complaint, c->complaint) : cases[i].timed_out);
	return n;
}

/* The kernel's report of what failed the test: backtrace, lock chains, tasks that are blocked. */
static void show_console(const struct test_case *c)
{
	const char *slash = strrchr(c->file, '/'), *from = c->complaint;
	char path[4096], line[4096];
	int left = REPORT, skip;
	FILE *f;

	if (!*from && (c->timed_out || strstr(c->detail, "the guest hung: ")))
		from = "sysrq: Show Blocked State";
	if (!*from)
		return;
	skip = said_before(c);
	snprintf(path, sizeof(path), "%.*sconsole.log", slash ? (int)(slash - c->file) + 1 : 0, c->file);
	f = fopen(path, "re");
	while (f && left && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (left == REPORT && (!strstr(line, from) || skip-- > 0))
			continue;
		if (strstr(line, "sysrq: Show State"))
			break;		/* all tasks: only those that are blocked say something */
		fprintf(stderr, "        %s\n", line);
		left--;
	}
	if (f)
		fclose(f);
}

/* The first few with what led to it: who reads only this, as in a log of CI, has no other file. */
static void show_failures(void)
{
	int told = 0;

	for (int i = 0; i < ncases; i++) {
		const struct test_case *c = &cases[i];

		if (!bad(c))
			continue;
		fprintf(stderr, "    FAILED %s/%s: %s\n", c->suite, c->name, state_detail(c));
		if (!c->started || told++ >= TOLD)
			continue;
		show_words(c);
		show_console(c);
	}
}

/* One line per suite and reason, with the names behind it. */
static void show_skips(void)
{
	bool *told = calloc(ncases + 1, sizeof(*told));

	if (!told)
		fatal("memory for", "the skips");
	for (int i = 0; i < ncases; i++) {
		if (told[i] || (cases[i].state != SKIPPED && cases[i].state != KNOWN))
			continue;
		fprintf(stderr, "    %s %s: %s:", cases[i].state == KNOWN ? "not counted" : "skipped",
			cases[i].suite, cases[i].detail[0] ? cases[i].detail : "no reason given");
		for (int k = i; k < ncases; k++) {
			if (cases[k].state != cases[i].state || strcmp(cases[k].suite, cases[i].suite) ||
			    strcmp(cases[k].detail, cases[i].detail))
				continue;
			told[k] = true;
			fprintf(stderr, " %s", cases[k].name);
		}
		fputc('\n', stderr);
	}
	free(told);
}

static void xml_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '&')
			fputs("&amp;", f);
		else if (*s == '<')
			fputs("&lt;", f);
		else if (*s == '>')
			fputs("&gt;", f);
		else if (*s == '"')
			fputs("&quot;", f);
		else if ((unsigned char)*s >= 32 && (unsigned char)*s < 127)
			fputc(*s, f);
		else
			fputc('?', f);	/* XML 1.0 has no place for control characters */
	}
}

static void xml_case(FILE *f, const struct test_case *c)
{
	fputs("<testcase classname=\"", f);
	xml_text(f, c->suite);
	fputs("\" name=\"", f);
	xml_text(f, c->name);
	fprintf(f, "\" time=\"%ld.%03ld\">", c->ms / 1000, c->ms % 1000);
	if (c->state != PASSED) {
		fputs(bad(c) ? "<failure message=\"" : "<skipped message=\"", f);
		xml_text(f, state_detail(c));
		fputs("\"/>", f);
	}
	fputs("</testcase>\n", f);
}

static void write_junit(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		fatal("cannot write", path);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"vexfs\">\n", f);
	for (int i = 0, end; i < ncases; i = end) {
		int failed = 0, skipped = 0;
		long ms = 0;

		for (end = i; end < ncases && !strcmp(cases[end].suite, cases[i].suite); end++) {
			failed += bad(&cases[end]);
			skipped += cases[end].state == SKIPPED || cases[end].state == KNOWN;
			ms += cases[end].ms;
		}
		fputs("<testsuite name=\"", f);
		xml_text(f, cases[i].suite);
		fprintf(f, "\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" time=\"%ld.%03ld\">\n", end - i, failed,
			skipped, ms / 1000, ms % 1000);
		for (int k = i; k < end; k++)
			xml_case(f, &cases[k]);
		fputs("</testsuite>\n", f);
	}
	fputs("</testsuites>\n", f);
	if (ferror(f) || fclose(f))
		fatal("cannot write", path);
}

static void write_list(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		fatal("cannot write", path);
	for (int i = 0; i < ncases; i++)
		fprintf(f, "%s %ld %s %s %s\n", state_words[cases[i].state], cases[i].ms, cases[i].suite,
			cases[i].file, cases[i].name);
	if (ferror(f) || fclose(f))
		fatal("cannot write", path);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "suite", 1, 0, 's' }, { "flat", 1, 0, 'F' }, { "kunit", 1, 0, 'k' }, { "known", 1, 0, 'n' },
		{ "junit", 1, 0, 'j' }, { "list", 1, 0, 'l' }, { "show", 1, 0, 'w' }, { 0 }
	};
	const char *junit = NULL, *list = NULL, *known = NULL, *suite = "guest";
	bool results = false, failures = false, skips = false;
	int c, how = 's', count[STATES] = { 0 };

	while ((c = getopt_long(argc, argv, "-", options, NULL)) != -1) {
		switch (c) {
		case 's': case 'F': case 'k': suite = optarg; how = c; break;
		case 'n': known = optarg; break;
		case 'j': junit = optarg; break;
		case 'l': list = optarg; break;
		case 'w':
			results |= !strcmp(optarg, "results");
			failures |= !strcmp(optarg, "failures");
			skips |= !strcmp(optarg, "skips");
			break;
		case 1: read_file(suite, optarg, how); break;
		default: return VEX_USAGE;
		}
	}
	if (known)
		read_known(known);
	qsort(cases, ncases, sizeof(*cases), compare);
	for (int i = 0; i < ncases; i++)
		count[cases[i].state]++;
	if (results)
		show_results();
	if (skips)
		show_skips();
	if (failures)
		show_failures();
	if (junit)
		write_junit(junit);
	if (list)
		write_list(list);
	printf("%d %d %d\n", count[PASSED], count[FAILED] + count[STARTED] + count[NOT_STARTED],
	       count[SKIPPED] + count[KNOWN]);
	return 0;
}
