// SPDX-License-Identifier: GPL-2.0-only
/* Rounds of guest tests: all shards of a plan, several at a time, and what became of them. */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "../report/cases.h"
#include "pool.h"
#include "test.h"

static struct run run = { .jobs = 1, .retry_ms = 10000 };
static struct whole whole;
static const char *times;
static bool until_fail;
static int rounds;	/* 0: until a test fails */

/* ---- a round ---- */

/* "12 of 29 tests, 1 failed; running: 6.1/search 6.12/fsx" */
static void state(struct pool *p, FILE *f)
{
	char *pattern = format_text("%s/shard*.d*/tap.log", run.round);
	struct tap_count c = { 0 };
	glob_t g;

	if (!glob(pattern, GLOB_NOSORT, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			tap_count(&c, g.gl_pathv[i]);
		globfree(&g);
	}
	free(c.started);
	free(pattern);
	fprintf(f, "%u of %zu tests, %u failed; running:", c.done, run.tests_n, c.failed);
	for (size_t i = 0; i < p->n; i++)
		if (p->task[i]->state == TASK_RUNS || p->task[i]->state == TASK_WAITS)
			guest_running(p->task[i], f);
}

/* With --until-fail nothing starts after the first failure. */
static void shard_over(struct pool *p, struct task *t)
{
	char *shard[] = { (char *)t->name };

	cases_forget();
	if (until_fail && judge(run.round, shard, 1, run.known, true))
		p->no_more = true;
}

static void add_shards(struct pool *p)
{
	run.tests_n = 0;
	for (int i = 1;; i++) {
		char *shard = format_text("shard%d", i), *path = format_text("%s/%s", run.round, shard);
		struct plan rows = { 0 };

		if (access(path, R_OK))
			break;
		plan_read(&rows, path);
		run.tests_n += rows.n;
		pool_add(p, guest_new(&run, shard));
		free(path);
	}
}

/* A guest that came to harm: where, as its launcher's log has it decoded. */
static void show_traces(void)
{
	char *pattern = format_text("%s/shard*.d*/trace.txt", run.round), *line = NULL;
	size_t room = 0;
	glob_t g;

	if (glob(pattern, 0, NULL, &g))
		g.gl_pathc = 0;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		char *log = format_text("%.*slauncher.log", (int)(strrchr(g.gl_pathv[i], '/') + 1 - g.gl_pathv[i]),
					g.gl_pathv[i]);
		FILE *f = fopen(log, "re");

		while (f && getline(&line, &room, f) > 0)
			if (!strncmp(line, "    ", 4) &&
			    (!strncmp(line + 4, "blocked: ", 9) || strstr(line, "the trace with source lines: ")))
				fputs(line, stderr);
		if (f)
			fclose(f);
		free(log);
	}
	free(line);
	free(pattern);
}

static void show_round(void)
{
	cases_forget();
	files_guest(&whole, run.round);
	if (run.known)
		cases_known(run.known);
	if (whole.interrupted)
		cases_interrupted();
	cases_sort();
	if (!run.tap)
		show_results();
	show_skips();
	show_failures();
	if (times)
		write_times(times);
}

static int one_round(void)
{
	struct pool p = { .jobs = run.jobs, .done = shard_over, .state = state };
	long long start = now_ms();
	int code;

	add_shards(&p);
	pool_run(&p);
	whole.interrupted = p.interrupted;
	show_round();
	code = judge_all(run.round, run.known);
	if (p.interrupted)
		code = VEX_INTERRUPTED;
	show_traces();
	note("%lld.%lld s", (now_ms() - start) / 1000, (now_ms() - start) % 1000 / 100);
	return code;
}

/* ---- rounds ---- */

static void link_all(const char *pattern_from, const char *to)
{
	glob_t g;

	if (glob(pattern_from, 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *base = strrchr(g.gl_pathv[i], '/') + 1;
		char *path = format_text("%s/%s", to, base);

		if (!strchr(base, '.') || !strncmp(base, "left-out", 8))
			if (link(g.gl_pathv[i], path))
				die(VEX_ENV, "cannot write %s: %s: make room on the host (./vex clean)", path,
				    strerror(errno));
		free(path);
	}
	globfree(&g);
}

/* The same plan once more. */
static void next_round(int round)
{
	char *to = format_text("%s/guest.%d", whole.dir, round), *shards = format_text("%s/shard*", run.round);
	char *left = format_text("%s/left-out*", run.round);

	if (mkdir(to, 0777))
		die(VEX_ENV, "cannot create %s: %s: make room on the host (./vex clean)", to, strerror(errno));
	link_all(shards, to);
	link_all(left, to);
	free(shards);
	free(left);
	run.round = to;
}

static const char *word(const char *s)
{
	return *s ? s : NULL;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", 1, 0, 'd' }, { "kernel", 1, 0, 'k' }, { "tests", 1, 0, 't' }, { "data", 1, 0, 'D' },
		{ "root", 1, 0, 'r' }, { "root-script", 1, 0, 's' }, { "records", 1, 0, 'R' }, { "jobs", 1, 0, 'j' },
		{ "tap", 0, 0, 'T' }, { "until-fail", 0, 0, 'u' }, { "rounds", 1, 0, 'n' }, { "times", 1, 0, 'm' },
		{ "retry-after", 1, 0, 'a' }, { 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'd': whole.dir = optarg; break;
		case 'k': kernels_add(&whole.kernels, optarg); break;
		case 't': run.tests = word(optarg); break;
		case 'D': run.data = word(optarg); break;
		case 'r': run.root = optarg; break;
		case 's': run.root_script = optarg; break;
		case 'R': run.records = optarg; break;
		case 'j': run.jobs = atoi(optarg); break;
		case 'T': run.tap = true; break;
		case 'u': until_fail = true; break;
		case 'n': rounds = atoi(optarg); break;
		case 'm': times = optarg; break;
		case 'a': run.retry_ms = atoi(optarg) * 1000LL; break;
		default: exit(VEX_USAGE);
		}
	}
	run.trace = argv + optind;
	run.ntrace = argc - optind;
	if (!whole.dir || run.jobs < 1)
		die(VEX_USAGE, "run: --dir and --jobs are required");
}

/* All guests of DIR/guest, and of DIR/guest.1, guest.2 ... with --until-fail. Exit code: that of the gravest. */
int cmd_run(int argc, char **argv)
{
	char *known;
	int code;

	parse(argc, argv);
	known = format_text("%s/known", whole.dir);
	run.known = access(known, R_OK) ? NULL : known;
	run.machines = format_text("%s/machines", whole.dir);
	run.round = format_text("%s/guest%s", whole.dir, until_fail ? ".1" : "");
	pool_signals();
	for (int round = 1;; round++) {
		if (until_fail)
			fprintf(stderr, "==> Round %d\n", round);
		code = one_round();
		if (!until_fail || code || round == rounds || !run.tests_n)
			return code;
		next_round(round + 1);
	}
}
