// SPDX-License-Identifier: GPL-2.0-only
/* What has become of the guests of a run, and what of their tests is left to run. */
#include <getopt.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../report/cases.h"
#include "../proto/proto.h"
#include "pool.h"
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

void worse(int *worst, int code)
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
			warn("%s ended without a result (a full disk? no memory?): see %s", name, dir);
		worse(worst, VEX_ENV);
	} else if (code == VEX_LOST || code == VEX_ENV) {
		message = file_value(dir, "result", "message");
		if (!quiet)
			warn("%s: %s: %s", name, run_cause(code), message ? message : "");
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

int judge(const char *dir, char *const *shards, size_t n, const char *known, bool quiet)
{
	struct judge j = { .quiet = quiet };

	for (size_t i = 0; i < n; i++)
		each_guest(dir, shards[i], read_one, NULL);
	if (known)
		cases_known(known);
	for (size_t i = 0; i < n; i++)
		each_guest(dir, shards[i], judge_one, &j);
	return j.worst;
}

int judge_all(const char *dir, const char *known)
{
	int n;
	char **shards = shards_of(dir, &n);

	cases_forget();
	return judge(dir, shards, n, known, false);
}

int cmd_judge(int argc, char **argv)
{
	static const struct option options[] = { { "known", 1, 0, 'k' }, { "quiet", 0, 0, 'q' }, { 0 } };
	const char *known = NULL, *dir;
	bool quiet = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'k': known = optarg; break;
		case 'q': quiet = true; break;
		default: return VEX_USAGE;
		}
	}
	if (optind >= argc)
		die(VEX_USAGE, "judge: a directory is required");
	dir = argv[optind++];
	return optind < argc ? judge(dir, argv + optind, argc - optind, known, quiet) : judge_all(dir, known);
}

/* "vextest cause CODE": an exit code in words. */
int cmd_cause(int argc, char **argv)
{
	if (argc != 2)
		die(VEX_USAGE, "cause: an exit code is required");
	puts(run_cause(atoi(argv[1])));
	return VEX_PASSED;
}

/* ---- how far it is ---- */

void tap_count(struct tap_count *c, const char *path)
{
	FILE *f = fopen(path, "re");
	struct tap_line t;
	char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		tap_parse(line, &t);
		if (t.what == TAP_RESULT && !t.depth) {
			c->done++;
			c->failed += !t.ok;
		} else if (t.what == TAP_STARTED) {
			free(c->started);
			c->started = copy_text(t.name);
		}
	}
	free(line);
	if (f)
		fclose(f);
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

/* None where no test had started at all: the next guest would end in the same way. */
bool write_left(const char *rows, const char *tap, const char *path)
{
	struct plan p = { 0 }, started = { 0 }, left = { 0 };

	plan_read(&p, rows);
	started_tests(&started, tap);
	for (size_t i = 0; started.n && i < p.n; i++)
		if (!is_in(&started, p.row[i].name))
			plan_add(&left, &p.row[i]);
	if (left.n)
		plan_write(&left, path);
	return left.n;
}

/* Exit code: 0 if there are any. */
int cmd_again(int argc, char **argv)
{
	if (argc != 4)
		die(VEX_USAGE, "again: a shard, a guest's tap.log and a file to write are required");
	return write_left(argv[1], argv[2], argv[3]) ? VEX_PASSED : VEX_FAILED;
}
