// SPDX-License-Identifier: GPL-2.0-only
/* A round of guest tests: all shards of a plan, several at a time. */
#include <getopt.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "../report/cases.h"
#include "pool.h"
#include "test.h"

static struct run run = { .jobs = 1, .retry_ms = 10000 };
static struct pool pool;

/* "12 of 29 tests, 1 failed; running: 6.1/search 6.12/fsx" */
static void state(struct pool *p, FILE *f)
{
	char *pattern = format_text("%s/shard*.d*/tap.log", run.dir);
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
	if (run.until_fail && judge(run.dir, shard, 1, run.known, true))
		p->no_more = true;
}

static const char *word(const char *s)
{
	return *s ? s : NULL;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", 1, 0, 'd' }, { "machines", 1, 0, 'm' }, { "tests", 1, 0, 't' }, { "known", 1, 0, 'k' },
		{ "data", 1, 0, 'D' }, { "root", 1, 0, 'r' }, { "root-script", 1, 0, 's' }, { "records", 1, 0, 'R' },
		{ "jobs", 1, 0, 'j' }, { "tap", 0, 0, 'T' }, { "until-fail", 0, 0, 'u' }, { "retry-after", 1, 0, 'a' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'd': run.dir = optarg; break;
		case 'm': run.machines = optarg; break;
		case 't': run.tests = word(optarg); break;
		case 'k': run.known = optarg; break;
		case 'D': run.data = word(optarg); break;
		case 'r': run.root = optarg; break;
		case 's': run.root_script = optarg; break;
		case 'R': run.records = optarg; break;
		case 'j': run.jobs = atoi(optarg); break;
		case 'T': run.tap = true; break;
		case 'u': run.until_fail = true; break;
		case 'a': run.retry_ms = atoi(optarg) * 1000LL; break;
		default: exit(VEX_USAGE);
		}
	}
	run.trace = argv + optind;
	run.ntrace = argc - optind;
	if (!run.dir || !run.machines || run.jobs < 1)
		die(VEX_USAGE, "run: --dir, --machines and --jobs are required");
}

static void add_shards(void)
{
	for (int i = 1;; i++) {
		char *shard = format_text("shard%d", i), *path = format_text("%s/%s", run.dir, shard);
		struct plan rows = { 0 };

		if (access(path, R_OK))
			break;
		plan_read(&rows, path);
		run.tests_n += rows.n;
		pool_add(&pool, guest_new(&run, shard));
		free(shard);
		free(path);
	}
}

/* All guests of DIR; what became of them is in their directories. Exit code: 0, or that of an interruption. */
int cmd_run(int argc, char **argv)
{
	parse(argc, argv);
	pool_signals();
	pool.jobs = run.jobs;
	pool.done = shard_over;
	pool.state = state;
	add_shards();
	pool_run(&pool);
	return pool.interrupted ? VEX_INTERRUPTED : VEX_PASSED;
}
