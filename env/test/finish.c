// SPDX-License-Identifier: GPL-2.0-only
/* The end of a run: its reports, its last line, and its exit code by its gravest part. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "../report/cases.h"
#include "pool.h"
#include "test.h"

static struct whole whole;
static int code;

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", 1, 0, 'd' }, { "kernel", 1, 0, 'k' }, { "records", 1, 0, 'R' }, { 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd': whole.dir = optarg; break;
		case 'k': kernels_add(&whole.kernels, optarg); break;
		case 'R': whole.records = optarg; break;
		default: exit(VEX_USAGE);
		}
	}
	if (!whole.dir)
		die(VEX_USAGE, "finish: --dir is required");
}

/* What the parts of the run ended with. */
static void read_codes(void)
{
	char *path = format_text("%s/codes", whole.dir), *line = NULL;
	FILE *f = fopen(path, "re");
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		int c = atoi(line);

		/* This program itself was killed. */
		worse(&code, c > 128 && c != VEX_INTERRUPTED ? VEX_ENV : c);
	}
	free(line);
	if (f)
		fclose(f);
	free(path);
	whole.interrupted = code == VEX_INTERRUPTED;
}

/* For --json; a full disk costs the object a detail, and the run nothing. */
static void write_records(void)
{
	FILE *f = whole.records ? fopen(whole.records, "ae") : NULL;

	if (!f)
		return;
	fprintf(f, "known\t%s/known\n", whole.dir);
	if (whole.interrupted)
		fputs("interrupted\n", f);
	fclose(f);
}

static void write_reports(void)
{
	char *junit = format_text("%s/junit.xml", whole.dir), *list = format_text("%s/results", whole.dir);

	write_junit(junit);
	write_list(list);
	free(junit);
	free(list);
}

/* Below the checkout. */
static const char *short_name(const char *path)
{
	const char *root = getenv("VEX_ROOT");
	size_t len = root ? strlen(root) : 0;

	return len && !strncmp(path, root, len) && path[len] == '/' ? path + len + 1 : path;
}

/* The last line, and what failed or did not run in the exit code. */
static void last_line(void)
{
	int count[STATES] = { 0 }, failed, skipped;

	for (int i = 0; i < ncases; i++)
		count[cases[i].state]++;
	failed = count[FAILED] + count[STARTED] + count[NOT_STARTED];
	skipped = count[SKIPPED] + count[KNOWN];
	if (failed)
		worse(&code, VEX_FAILED);
	if (whole.interrupted)
		warn("interrupted: all guests ended; what had finished is counted below");
	else if (!count[PASSED] && !failed)
		warn("nothing ran: no test matches");
	if (!count[PASSED] && !failed)
		worse(&code, VEX_NOTHING);
	note("logs: %s", short_name(whole.dir));
	printf("%d passed, %d failed", count[PASSED], failed);
	if (skipped)
		printf(", %d skipped", skipped);
	if (count[NOT_RUN])
		printf(", %d not run (interrupted)", count[NOT_RUN]);
	puts("");
}

int cmd_finish(int argc, char **argv)
{
	char *known;

	parse(argc, argv);
	read_codes();
	known = format_text("%s/known", whole.dir);
	write_records();
	files_all(&whole);
	if (!access(known, R_OK))
		cases_known(known);
	if (whole.interrupted)
		cases_interrupted();
	cases_sort();
	write_reports();
	last_line();
	return fflush(stdout) ? VEX_ENV : code;
}
