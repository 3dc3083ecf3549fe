// SPDX-License-Identifier: GPL-2.0-only
/* What has become of the guests of a run, and what of their tests is left to run. */
#include <getopt.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../report/cases.h"
#include "../proto/proto.h"
#include "test.h"

/* ---- the gravest code ---- */

static int gravity(int code)
{
	static const int order[] = {
		VEX_PASSED, VEX_FAILED, VEX_NOTHING, VEX_LOST, VEX_HANG, VEX_PANIC, VEX_ENV, VEX_INTERRUPTED,
	};

	for (int i = 0; i < (int)(sizeof(order) / sizeof(order[0])); i++)
		if (order[i] == code)
			return i;
	return 1;	/* as a failed test */
}

static void worse(int *worst, int code)
{
	if (gravity(code) > gravity(*worst))
		*worst = code;
}

/* ---- one guest ---- */

static bool any_case(const char *tap, bool (*is)(const struct test_case *c))
{
	for (int i = 0; i < ncases; i++)
		if (!strcmp(cases[i].file, tap) && is(&cases[i]))
			return true;
	return false;
}

static bool case_known(const struct test_case *c)
{
	return c->state == KNOWN;
}

/*
 * A launcher's exit code counts unless all that failed there was known to fail. A lost machine or a broken environment
 * always counts: nobody expects those. So does a guest without a code: who started it died.
 */
static void judge_guest(int *worst, const char *dir, bool quiet)
{
	const char *name = strrchr(dir, '/') + 1;
	char *tap = format_text("%s/tap.log", dir), *message;
	int code = run_code(dir);

	if (code < 0) {
		if (!quiet)
			fprintf(stderr, "warning: %s ended without a result (a full disk? no memory?): see %s\n", name, dir);
		worse(worst, VEX_ENV);
	} else if (code == VEX_LOST || code == VEX_ENV) {
		message = file_value(dir, "result", "message");
		if (!quiet)
			fprintf(stderr, "warning: %s: %s: %s\n", name, run_cause(code), message ? message : "");
		worse(worst, code);
		free(message);
	} else if (code && (!any_case(tap, case_known) || any_case(tap, case_bad))) {
		worse(worst, code);
	}
	free(tap);
}

static void read_guest(const char *dir)
{
	char *kernel = file_line(dir, "kernel"), *tap = format_text("%s/tap.log", dir);

	/* The cases keep the name of their file. */
	if (!access(tap, R_OK))
		cases_read(kernel ? kernel : "-", tap, TAP_SUITE);
	free(kernel);
}

/* The guest of a shard, and those that had what one before them had not started: DIR/SHARD.d, .d.again ... */
static void each_guest(const char *dir, const char *shard, void (*todo)(const char *guest, void *arg), void *arg)
{
	char *guest = format_text("%s/%s.d", dir, shard), *rows = format_text("%s/%s", dir, shard), *next;

	for (;;) {
		todo(guest, arg);
		next = format_text("%s.again", rows);
		free(rows);
		rows = next;
		if (access(rows, F_OK))
			break;
		next = format_text("%s.again", guest);
		free(guest);
		guest = next;
	}
	free(guest);
	free(rows);
}

/* The shards of a run, by their guests' directories: one that was not started has none. */
static char **shards_of(const char *dir, int *n)
{
	char *pattern = format_text("%s/shard*.d", dir), **names;
	glob_t g;

	*n = 0;
	if (glob(pattern, 0, NULL, &g))
		return NULL;
	names = grow(NULL, g.gl_pathc * sizeof(*names));
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *name = strrchr(g.gl_pathv[i], '/') + 1;

		names[(*n)++] = format_text("%.*s", (int)strlen(name) - 2, name);
	}
	return names;
}

struct judge {
	bool quiet;
	int worst;
};

static void read_one(const char *guest, void *arg)
{
	(void)arg;
	read_guest(guest);
}

static void judge_one(const char *guest, void *arg)
{
	struct judge *j = arg;

	judge_guest(&j->worst, guest, j->quiet);
}

int cmd_judge(int argc, char **argv)
{
	static const struct option options[] = { { "known", 1, 0, 'k' }, { "quiet", 0, 0, 'q' }, { 0 } };
	struct judge j = { 0 };
	const char *known = NULL, *dir;
	char **shards;
	int c, n = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'k': known = optarg; break;
		case 'q': j.quiet = true; break;
		default: return VEX_USAGE;
		}
	}
	if (optind >= argc)
		die(VEX_USAGE, "judge: a directory is required");
	dir = argv[optind++];
	shards = optind < argc ? argv + optind : shards_of(dir, &n);
	if (optind < argc)
		n = argc - optind;
	for (int i = 0; i < n; i++)
		each_guest(dir, shards[i], read_one, NULL);
	if (known)
		cases_known(known);
	for (int i = 0; i < n; i++)
		each_guest(dir, shards[i], judge_one, &j);
	return j.worst;
}

/* ---- how far it is ---- */

struct progress {
	unsigned int done, failed;
	char *started;		/* the last of one file */
};

static void count_file(struct progress *p, const char *path)
{
	FILE *f = fopen(path, "re");
	struct tap_line t;
	char *line = NULL;
	size_t room = 0;

	free(p->started);
	p->started = NULL;
	while (f && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		tap_parse(line, &t);
		if (t.what == TAP_RESULT && !t.depth) {
			p->done++;
			p->failed += !t.ok;
		} else if (t.what == TAP_STARTED) {
			free(p->started);
			p->started = copy_text(t.name);
		}
	}
	free(line);
	if (f)
		fclose(f);
}

static void count_guest(const char *guest, void *arg)
{
	char *tap = format_text("%s/tap.log", guest);

	if (!access(tap, F_OK))
		count_file(arg, tap);
	free(tap);
}

/* " KERNEL/TEST" of a shard that runs now */
static void print_running(const char *dir, const char *shard)
{
	struct progress p = { 0 };
	struct plan rows = { 0 };
	char *path = format_text("%s/%s", dir, shard);

	plan_read(&rows, path);
	each_guest(dir, shard, count_guest, &p);
	printf(" %s/%s", rows.n ? rows.row[0].kernel : "-", p.started ? p.started : "start");
	free(p.started);
	free(path);
}

/* "12 of 29 tests, 1 failed; running: 6.1/search 6.12/fsx" */
int cmd_state(int argc, char **argv)
{
	struct progress p = { 0 };
	char *pattern;
	glob_t g;

	if (argc < 3)
		die(VEX_USAGE, "state: a directory and a number are required");
	pattern = format_text("%s/shard*.d*/tap.log", argv[1]);
	if (!glob(pattern, GLOB_NOSORT, NULL, &g))
		for (size_t i = 0; i < g.gl_pathc; i++)
			count_file(&p, g.gl_pathv[i]);
	printf("%u of %s tests, %u failed; running:", p.done, argv[2], p.failed);
	for (int i = 3; i < argc; i++)
		print_running(argv[1], argv[i]);
	puts("");
	return VEX_PASSED;
}

/* ---- what a dead guest had not started ---- */

/* The tests that a guest started, as rows with a name only. */
static void started_tests(struct plan *p, const char *path)
{
	FILE *f = fopen(path, "re");
	struct tap_line t;
	char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		tap_parse(line, &t);
		if (t.what == TAP_STARTED)
			plan_add(p, &(struct row){ .name = copy_text(t.name) });
	}
	free(line);
	if (f)
		fclose(f);
}

static bool is_in(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->row[i].name, name))
			return true;
	return false;
}

/*
 * Writes the rows of the shard that are left. None where no test had started at all: the next guest would end in the
 * same way. Exit code: 0 if there are any.
 */
int cmd_again(int argc, char **argv)
{
	struct plan p = { 0 }, started = { 0 }, left = { 0 };

	if (argc != 4)
		die(VEX_USAGE, "again: a shard, a guest's tap.log and a file to write are required");
	plan_read(&p, argv[1]);
	started_tests(&started, argv[2]);
	for (size_t i = 0; started.n && i < p.n; i++)
		if (!is_in(&started, p.row[i].name))
			plan_add(&left, &p.row[i]);
	if (!left.n)
		return VEX_FAILED;
	plan_write(&left, argv[3]);
	return VEX_PASSED;
}
