// SPDX-License-Identifier: GPL-2.0-only
/* The environment's own tests: scripts, several at a time, but for those that say "alone". */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "../report/cases.h"
#include "pool.h"
#include "test.h"

/**
 * struct script - a script, or one of its repetitions
 * @start: ms
 */
struct script {
	struct task task;
	char *file;
	long long start;
	bool begun;
};

static struct {
	const char *dir, *scripts, *bare, *words;
	regex_t filter;
	int jobs, repeat;
	bool full, until_fail;
} o = { .jobs = 1, .repeat = 1 };

/* DIR/env/NAMEEND */
static char *beside(const struct task *t, const char *end)
{
	return format_text("%s/env/%s%s", o.dir, t->name, end);
}

static void write_number(const struct task *t, const char *end, long long n)
{
	char *path = beside(t, end);
	FILE *f = fopen(path, "we");

	if (!f || fprintf(f, "%lld\n", n) < 0 || fclose(f))
		die(VEX_ENV, "cannot write %s: %s: make room on the host (./vex clean)", path, strerror(errno));
	free(path);
}

/* ---- a script ---- */

/* Its results in NAME.tap, its errors in NAME.err, its exit status in NAME.rc, how long it took in NAME.ms. */
static void script_step(struct pool *p, struct task *t, int code)
{
	struct script *s = (struct script *)t;
	char *argv[] = { "bash", s->file, NULL }, *tap, *err;

	(void)p;
	if (!s->begun) {
		s->begun = true;
		s->start = now_ms();
		tap = beside(t, ".tap");
		err = beside(t, ".err");
		task_start(t, argv, NULL, err, tap, NULL);
		free(tap);
		free(err);
	} else {
		write_number(t, ".ms", now_ms() - s->start);
		write_number(t, ".rc", code);
	}
}

static void script_over(struct pool *p, struct task *t)
{
	char *tap = beside(t, ".tap"), *suite = format_text("env.%s", t->name);
	char *known = format_text("%s/known", o.dir);
	int passed = 0, failed = 0, skipped = 0;
	long long ms = now_ms() - ((struct script *)t)->start;

	cases_forget();
	cases_read(suite, tap, TAP_SCRIPT);
	if (!access(known, R_OK))
		cases_known(known);
	for (int i = 0; i < ncases; i++) {
		passed += cases[i].state == PASSED;
		failed += case_bad(&cases[i]);
		skipped += cases[i].state == SKIPPED || cases[i].state == KNOWN;
	}
	progress_end();
	fprintf(stderr, "    %s: %d passed, %d failed", t->name, passed, failed);
	if (skipped)
		fprintf(stderr, ", %d skipped", skipped);
	fprintf(stderr, ", %lld.%lld s\n", ms / 1000, ms % 1000 / 100);
	show_failures();
	if (failed && o.until_fail)
		p->no_more = true;
	free(tap);
	free(suite);
	free(known);
}

static void state(struct pool *p, FILE *f)
{
	size_t waiting = 0;

	for (size_t i = 0; i < p->n; i++)
		waiting += p->task[i]->state == TASK_QUEUED;
	fprintf(f, "%zu waiting; running:", waiting);
	for (size_t i = 0; i < p->n; i++)
		if (p->task[i]->state == TASK_RUNS)
			fprintf(f, " %s", p->task[i]->name);
}

/* ---- which scripts ---- */

/* Whether the line "# env-test:" of a script has a word. */
static bool says(const char *file, const char *word)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (f && !found && getline(&line, &room, f) > 0)
		found = !strncmp(line, "# env-test: ", 12) && strstr(line + 12, word);
	free(line);
	if (f)
		fclose(f);
	return found;
}

static void leave_out(const char *name)
{
	char *path = format_text("%s/env/left-out.tap", o.dir);
	FILE *f = fopen(path, "ae");

	if (!f || fprintf(f, "ok 0 %s # SKIP takes long; run with --full\n", name) < 0 || fclose(f))
		die(VEX_ENV, "cannot write %s: %s: make room on the host (./vex clean)", path, strerror(errno));
	free(path);
}

static void add(struct pool *p, const char *name, const char *file)
{
	if (!o.full && !says(file, "quick")) {
		leave_out(name);
		return;
	}
	for (int i = 1; i <= o.repeat; i++) {
		struct script *s = grow(NULL, sizeof(*s));

		*s = (struct script){ .file = copy_text(file) };
		s->task.name = o.repeat == 1 ? copy_text(name) : format_text("%s@%d", name, i);
		s->task.cost = says(file, "alone") ? o.jobs : 1;
		s->task.step = script_step;
		pool_add(p, &s->task);
	}
}

static void add_all(struct pool *p)
{
	char *pattern = format_text("%s/*.sh", o.scripts);
	glob_t g;

	if (glob(pattern, 0, NULL, &g))
		g.gl_pathc = 0;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *base = strrchr(g.gl_pathv[i], '/') + 1;
		char *name = format_text("%.*s", (int)(strlen(base) - strlen(".sh")), base);
		size_t len = strlen(name);

		/* Those that end in lib are sourced by others. */
		if (!(len >= 3 && !strcmp(name + len - 3, "lib")) && !(o.bare && !strcmp(name, "bare")) &&
		    !regexec(&o.filter, name, 0, NULL, 0))
			add(p, name, g.gl_pathv[i]);
		free(name);
	}
	free(pattern);
}

/* ---- the command ---- */

/* The names of those that an interruption left out. */
static void write_planned(const struct pool *p)
{
	char *path = format_text("%s/env/planned", o.dir);
	FILE *f = fopen(path, "we");

	for (size_t i = 0; f && i < p->n; i++)
		if (p->task[i]->state == TASK_QUEUED)
			fprintf(f, "%s\n", p->task[i]->name);
	if (!f || ferror(f) | fclose(f))
		die(VEX_ENV, "cannot write %s: %s: make room on the host (./vex clean)", path, strerror(errno));
	free(path);
}

static void filter(const char *regex)
{
	o.words = regex;
	regfree(&o.filter);
	if (regcomp(&o.filter, *regex ? regex : ".*", REG_EXTENDED | REG_NOSUB))
		die(VEX_USAGE, "invalid filter '%s': it is an extended regular expression", regex);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", 1, 0, 'd' }, { "scripts", 1, 0, 's' }, { "bare", 1, 0, 'b' }, { "filter", 1, 0, 'f' },
		{ "jobs", 1, 0, 'j' }, { "repeat", 1, 0, 'n' }, { "full", 0, 0, 'F' }, { "until-fail", 0, 0, 'u' },
		{ 0 }
	};
	int c;

	filter("");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd': o.dir = optarg; break;
		case 's': o.scripts = optarg; break;
		case 'b': o.bare = optarg; break;
		case 'f': filter(optarg); break;
		case 'j': o.jobs = atoi(optarg); break;
		case 'n': o.repeat = atoi(optarg); break;
		case 'F': o.full = true; break;
		case 'u': o.until_fail = true; break;
		default: exit(VEX_USAGE);
		}
	}
	if (!o.dir || (!o.scripts && !o.bare) || o.jobs < 1)
		die(VEX_USAGE, "scripts: --dir, --jobs, and --scripts or --bare are required");
	/* Cases of bare machines are reported as they end where they are all there is. */
	if (!o.scripts) {
		setenv("VEX_BARE_FILTER", o.words, 1);
		dup2(STDERR_FILENO, 3);
	}
	if (o.full)
		setenv("VEX_BARE_FULL", "1", 1);
}

/* The scripts of a directory, and bare.sh where it is asked for by name; each leaves its files in DIR/env. */
int cmd_scripts(int argc, char **argv)
{
	struct pool p = { .done = script_over, .state = state };
	char *dir;

	parse(argc, argv);
	dir = format_text("%s/env", o.dir);
	mkdir(dir, 0777);
	free(dir);
	if (o.bare)
		add(&p, "bare", o.bare);
	if (o.scripts)
		add_all(&p);
	if (!p.n)
		return VEX_PASSED;
	p.jobs = o.jobs;
	fprintf(stderr, "==> Tests of the environment: %zu, %d at a time\n", p.n, p.jobs);
	pool_signals();
	pool_run(&p);
	if (p.interrupted)
		write_planned(&p);
	return p.interrupted ? VEX_INTERRUPTED : VEX_PASSED;
}
