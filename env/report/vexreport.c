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
 *	--script NAME	the same, of a script of the environment: its exit status is in FILE.rc, its errors in FILE.err
 *	--kunit NAME	a kernel log with the KTAP of KUnit suites somewhere in it
 * What is made of it:
 *	--known FILE	known failures, one per line: SUITE TEST fail|timeout|panic REASON...
 *	--junit FILE	all results as JUnit XML
 *	--list FILE	one line per result: STATE (passed, failed, unfinished, skipped, known) MS SUITE FILE NAME
 *	--times FILE	KERNEL TEST MS of each test that passed, newer ones instead of those of the file
 *	--show KIND	on stderr, in stable order: results, failures (and what led to them), skips; repeatable
 * Prints "passed failed skipped"; a known failure that failed as expected counts as skipped.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/proto.h"
#include "cases.h"

static const char *const state_words[STATES] = {
	"unfinished", "unfinished", "passed", "failed", "skipped", "known",
};

/* ---- telling ---- */

#define TOLD	5	/* failures explained */
#define WORDS	20	/* lines of a test's own about it */
#define REPORT	80	/* lines of the kernel's */

static void show_results(void)
{
	for (int i = 0; i < ncases; i++) {
		const struct test_case *c = &cases[i];

		if (c->state == SKIPPED)
			continue;
		fprintf(stderr, "    %s %s/%s  %ld.%ld s%s%s\n", case_bad(c) ? "not ok" : "ok    ", c->suite, c->name,
			c->ms / 1000, c->ms % 1000 / 100, c->state == PASSED ? "" : "  ",
			c->state == PASSED ? "" : case_detail(c));
	}
}

/* What the test said last, but for the checks that passed and for its stack, which would hide the rest. */
static void show_words(const struct test_case *c)
{
	static char last[WORDS][512];
	char line[4096];
	struct tap_line t;
	bool on = false;
	int n = 0;
	FILE *f = fopen(c->file, "re");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		tap_parse(line, &t);
		if (t.what == TAP_STARTED)
			on = !strcmp(t.name, c->name);
		else if (t.what == TAP_RESULT && !t.depth)
			on = false;
		else if (on && !(t.what == TAP_RESULT && t.ok) && t.about != TAP_INIT && t.about != TAP_STACK)
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

/* The notes before the result of a script's check. */
static void show_notes(const struct test_case *c)
{
	static char last[WORDS][512];
	char line[4096];
	struct tap_line t;
	bool found = false;
	int n = 0;
	FILE *f = fopen(c->file, "re");

	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		tap_parse(line, &t);
		found = t.what == TAP_RESULT && !t.ok && !strcmp(t.name, c->name);
		if (t.what == TAP_RESULT && !found)
			n = 0;
		else if (t.what == TAP_NOTE)
			snprintf(last[n++ % WORDS], sizeof(last[0]), "%.500s", line);
	}
	if (f)
		fclose(f);
	for (int i = n > WORDS ? n - WORDS : 0; found && i < n; i++)
		fprintf(stderr, "        %s\n", last[i % WORDS]);
}

/* The first few with what led to it: who reads only this, as in a log of CI, has no other file. */
static void show_failures(void)
{
	int told = 0;

	for (int i = 0; i < ncases; i++) {
		const struct test_case *c = &cases[i];

		if (!case_bad(c))
			continue;
		fprintf(stderr, "    FAILED %s/%s: %s\n", c->suite, c->name, case_detail(c));
		if (!strncmp(c->suite, "env.", 4))
			show_notes(c);
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
		cases_fatal("memory for", "the skips");
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
		fputs(case_bad(c) ? "<failure message=\"" : "<skipped message=\"", f);
		xml_text(f, case_detail(c));
		fputs("\"/>", f);
	}
	fputs("</testcase>\n", f);
}

static void write_junit(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		cases_fatal("cannot write", path);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"vexfs\">\n", f);
	for (int i = 0, end; i < ncases; i = end) {
		int failed = 0, skipped = 0;
		long ms = 0;

		for (end = i; end < ncases && !strcmp(cases[end].suite, cases[i].suite); end++) {
			failed += case_bad(&cases[end]);
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
		cases_fatal("cannot write", path);
}

static void write_list(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		cases_fatal("cannot write", path);
	for (int i = 0; i < ncases; i++)
		fprintf(f, "%s %ld %s %s %s\n", state_words[cases[i].state], cases[i].ms, cases[i].suite,
			cases[i].file, cases[i].name);
	if (ferror(f) || fclose(f))
		cases_fatal("cannot write", path);
}

/* "stress@2" is a run of "stress". */
static void write_time(FILE *f, const struct test_case *c)
{
	if (c->state == PASSED && c->ms > 0 && !strchr(c->name, ' '))
		fprintf(f, "%s %.*s %ld\n", c->suite, (int)strcspn(c->name, "@"), c->name, c->ms);
}

static bool measured(const char *kernel, const char *name)
{
	for (int i = 0; i < ncases; i++)
		if (cases[i].state == PASSED && cases[i].ms > 0 && !strcmp(cases[i].suite, kernel) &&
		    strlen(name) == strcspn(cases[i].name, "@") && !strncmp(cases[i].name, name, strlen(name)))
			return true;
	return false;
}

/* What each test took, for the next plan. */
static void write_times(const char *path)
{
	char part[4096], kernel[64], name[192];
	FILE *old = fopen(path, "re"), *f;
	long ms;

	snprintf(part, sizeof(part), "%.4000s.new", path);
	f = fopen(part, "we");
	if (!f)
		cases_fatal("cannot write", part);
	for (int i = 0; i < ncases; i++)
		write_time(f, &cases[i]);
	while (old && fscanf(old, "%63s %191s %ld", kernel, name, &ms) == 3)
		if (!measured(kernel, name))
			fprintf(f, "%s %s %ld\n", kernel, name, ms);
	if (old)
		fclose(old);
	if (ferror(f) | fclose(f) || rename(part, path))
		cases_fatal("cannot write", path);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "suite", 1, 0, 's' }, { "flat", 1, 0, 'F' }, { "kunit", 1, 0, 'k' }, { "known", 1, 0, 'n' },
		{ "script", 1, 0, 'S' }, { "times", 1, 0, 't' },
		{ "junit", 1, 0, 'j' }, { "list", 1, 0, 'l' }, { "show", 1, 0, 'w' }, { 0 }
	};
	const char *junit = NULL, *list = NULL, *known = NULL, *times = NULL, *suite = "guest";
	bool results = false, failures = false, skips = false;
	int c, how = 's', count[STATES] = { 0 };

	while ((c = getopt_long(argc, argv, "-", options, NULL)) != -1) {
		switch (c) {
		case 's': case 'F': case 'k': case 'S': suite = optarg; how = c; break;
		case 'n': known = optarg; break;
		case 'j': junit = optarg; break;
		case 'l': list = optarg; break;
		case 't': times = optarg; break;
		case 'w':
			results |= !strcmp(optarg, "results");
			failures |= !strcmp(optarg, "failures");
			skips |= !strcmp(optarg, "skips");
			break;
		case 1: cases_read(suite, optarg, how); break;
		default: return VEX_USAGE;
		}
	}
	if (known)
		cases_known(known);
	cases_sort();
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
	if (times)
		write_times(times);
	printf("%d %d %d\n", count[PASSED], count[FAILED] + count[STARTED] + count[NOT_STARTED],
	       count[SKIPPED] + count[KNOWN]);
	return 0;
}
