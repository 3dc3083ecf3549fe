// SPDX-License-Identifier: GPL-2.0-only
/* What became of the tests, for programs: JUnit XML, one line per result, times for the next plan. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"

static const char *const state_words[STATES] = {
	"unfinished", "unfinished", "passed", "failed", "skipped", "known", "not-run",
};

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

void write_junit(const char *path)
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
			skipped += cases[end].state != PASSED && !case_bad(&cases[end]);
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

void write_list(const char *path)
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
void write_times(const char *path)
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
