// SPDX-License-Identifier: GPL-2.0-only
/* What became of the tests, for people: on standard error, in stable order. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

#define TOLD	5	/* failures explained */
#define WORDS	20	/* lines of a test's own about it */
#define REPORT	80	/* lines of the kernel's */

void show_results(void)
{
	for (int i = 0; i < ncases; i++) {
		const struct test_case *c = &cases[i];

		if (c->state == SKIPPED || c->state == NOT_RUN)
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
void show_failures(void)
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

static bool is_skip(const struct test_case *c)
{
	return c->state == SKIPPED || c->state == KNOWN || c->state == NOT_RUN;
}

/* One line per suite and reason, with the names behind it. */
void show_skips(void)
{
	bool *told = calloc(ncases + 1, sizeof(*told));

	if (!told)
		cases_fatal("memory for", "the skips");
	for (int i = 0; i < ncases; i++) {
		if (told[i] || !is_skip(&cases[i]))
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
