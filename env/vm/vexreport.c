// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexreport: read the KTAP that init relayed and say what happened, fail by default: a test that was
 * planned and has no result failed, whatever the reason.
 *
 *	vexreport [--junit FILE] [--suite NAME] [--skips] TAP...
 *
 * Prints "passed failed skipped" as three numbers; --skips adds a line per skipped test with its reason.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

#define MAX_CASES 4096

enum state { NOT_STARTED, STARTED, PASSED, FAILED, SKIPPED };

struct test_case {
	char suite[64], name[128], detail[512];
	enum state state;
	long ms;
	unsigned int checks;		/* results inside the test */
};

static struct test_case cases[MAX_CASES];
static int ncases;

static struct test_case *find(const char *suite, const char *name)
{
	for (int i = ncases; i-- > 0;)
		if (!strcmp(cases[i].name, name) && !strcmp(cases[i].suite, suite))
			return &cases[i];
	return NULL;
}

static struct test_case *add(const char *suite, const char *name)
{
	struct test_case *c = find(suite, name);

	if (c)
		return c;
	if (ncases == MAX_CASES) {
		fprintf(stderr, "vexreport: more than %d tests\n", MAX_CASES);
		exit(VEX_ENV);
	}
	c = &cases[ncases++];
	snprintf(c->suite, sizeof(c->suite), "%s", suite);
	snprintf(c->name, sizeof(c->name), "%s", name);
	return c;
}

/* The first sign of trouble explains a failure best. */
static void detail(struct test_case *c, const char *text)
{
	if (c && !c->detail[0])
		snprintf(c->detail, sizeof(c->detail), "%.500s", text);
}

static void outer_result(const char *suite, const char *line, bool ok)
{
	const char *skip = strstr(line, "# SKIP"), *ms = strstr(line, "# ms=");
	struct test_case *c;
	char name[128];

	if (sscanf(line, ok ? "ok %*d %127s" : "not ok %*d %127s", name) != 1)
		return;
	c = add(suite, name);
	c->state = !ok ? FAILED : skip ? SKIPPED : PASSED;
	if (ms)
		c->ms = atol(ms + 5);
	if (skip) {
		c->detail[0] = 0;
		detail(c, skip + 6 + strspn(skip + 6, " "));
	}
}

static void read_tap(const char *suite, const char *path)
{
	struct test_case *current = NULL;
	char line[4096], name[128];
	FILE *f = fopen(path, "re");

	if (!f) {
		fprintf(stderr, "vexreport: %s: %s\n", path, strerror(errno));
		exit(VEX_ENV);
	}
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (sscanf(line, "# vex: plan %127s", name) == 1) {
			add(suite, name);
		} else if (sscanf(line, "# vex: start %127s", name) == 1) {
			current = add(suite, name);
			current->state = STARTED;
		} else if (!strncmp(line, "ok ", 3)) {
			outer_result(suite, line, true);
		} else if (!strncmp(line, "not ok ", 7)) {
			outer_result(suite, line, false);
		} else if (current && !strncmp(line, "  ok ", 5)) {
			current->checks++;
		} else if (current && !strncmp(line, "  not ok ", 9)) {
			current->checks++;
			detail(current, line + 2);
		} else if (!strncmp(line, "# kernel: ", 10)) {
			detail(current, line + 2);
		} else if (!strncmp(line, "# ", 2) && strncmp(line, "# vex", 5)) {
			detail(current, line + 2);
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

static void write_junit(const char *path, int failed, int skipped)
{
	FILE *f = fopen(path, "we");

	if (!f) {
		fprintf(stderr, "vexreport: %s: %s\n", path, strerror(errno));
		exit(VEX_ENV);
	}
	fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<testsuites><testsuite name=\"vexfs\" tests=\"%d\" failures=\"%d\" skipped=\"%d\">\n",
		ncases, failed, skipped);
	for (int i = 0; i < ncases; i++) {
		const struct test_case *c = &cases[i];

		fputs("<testcase classname=\"", f);
		xml_text(f, c->suite);
		fputs("\" name=\"", f);
		xml_text(f, c->name);
		fprintf(f, "\" time=\"%ld.%03ld\">", c->ms / 1000, c->ms % 1000);
		if (c->state != PASSED) {
			fputs(c->state == SKIPPED ? "<skipped message=\"" : "<failure message=\"", f);
			xml_text(f, state_detail(c));
			fputs("\"/>", f);
		}
		fputs("</testcase>\n", f);
	}
	fputs("</testsuite></testsuites>\n", f);
	if (ferror(f) || fclose(f)) {
		fprintf(stderr, "vexreport: cannot write %s: %s\n", path, strerror(errno));
		exit(VEX_ENV);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "junit", 1, 0, 'j' }, { "suite", 1, 0, 's' }, { "skips", 0, 0, 'k' },
		{ "failures", 0, 0, 'f' }, { 0 }
	};
	const char *junit = NULL, *suite = "guest";
	bool skips = false, failures = false;
	int c, count[5] = { 0 };

	while ((c = getopt_long(argc, argv, "-", options, NULL)) != -1) {
		if (c == 'j')
			junit = optarg;
		else if (c == 's')
			suite = optarg;	/* applies to the files behind it */
		else if (c == 'k')
			skips = true;
		else if (c == 'f')
			failures = true;
		else if (c == 1)
			read_tap(suite, optarg);
		else
			return VEX_USAGE;
	}
	for (int i = 0; i < ncases; i++)
		count[cases[i].state]++;
	for (int i = 0; i < ncases; i++) {
		const struct test_case *t = &cases[i];

		if (skips && t->state == SKIPPED)
			fprintf(stderr, "    skipped %s/%s: %s\n", t->suite, t->name, t->detail);
		if (failures && t->state != PASSED && t->state != SKIPPED)
			fprintf(stderr, "    FAILED %s/%s: %s\n", t->suite, t->name, state_detail(t));
	}
	if (junit)
		write_junit(junit, count[FAILED] + count[STARTED] + count[NOT_STARTED], count[SKIPPED]);
	printf("%d %d %d\n", count[PASSED], count[FAILED] + count[STARTED] + count[NOT_STARTED],
	       count[SKIPPED]);
	return 0;
}
