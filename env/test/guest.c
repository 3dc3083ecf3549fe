// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of a shard: its files, the launcher's process, and what comes after it. A guest's log is the guest's: what
 * became of it is in the files beside it, "result" of the launcher and "rc", and the judge goes by them.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "../report/cases.h"
#include "pool.h"
#include "test.h"

/**
 * struct guest - a shard's guest, and those that get what one before them had not started
 * @rows:  file with the rows of the guest of now; @dir: its directory
 * @code:  the launcher's
 * @again: a machine that could not be started is started for the second time
 */
struct guest {
	struct task task;
	const struct run *run;
	char *rows, *dir;
	struct plan plan;
	struct machine machine;
	enum { NEW, PACKS, RUNS, WAITS, DECODES } step;
	int code;
	bool again;
};

static struct guest *guest_of(const struct task *t)
{
	return (struct guest *)t;	/* its first member */
}

static const char *name_of(const struct guest *g)
{
	return strrchr(g->dir, '/') + 1;
}

/* ---- files ---- */

static FILE *create(const char *dir, const char *name)
{
	char *path = format_text("%s/%s", dir, name);
	FILE *f = fopen(path, "we");

	if (!f)
		die(VEX_ENV, "cannot write %s: %s: make room on the host (./vex clean)", path, strerror(errno));
	free(path);
	return f;
}

static void finish(FILE *f, const char *dir, const char *name)
{
	if (ferror(f) | fclose(f))
		die(VEX_ENV, "cannot write %s/%s: %s: make room on the host (./vex clean)", dir, name, strerror(errno));
}

static void write_line(const char *dir, const char *name, const char *line)
{
	FILE *f = create(dir, name);

	fprintf(f, "%s\n", line);
	finish(f, dir, name);
}

/* All of a file that the kernel's directory has. */
static void copy_part(FILE *to, const struct guest *g, const char *name)
{
	char *path = format_text("%s/%s/%s", g->run->machines, g->machine.kernel, name), *line = NULL;
	FILE *from = fopen(path, "re");
	size_t room = 0;

	if (!from)
		die(VEX_ENV, "cannot read %s: %s", path, strerror(errno));
	while (getline(&line, &room, from) > 0)
		fputs(line, to);
	free(line);
	fclose(from);
	free(path);
}

static void write_job(const struct guest *g)
{
	FILE *f = create(g->dir, "job");

	copy_part(f, g, "job");
	fputs("kind tests\n", f);
	shard_job(f, &g->plan);
	if (g->machine.data && g->run->data)
		fputs("env VEX_DATA=/vex/data\n", f);
	finish(f, g->dir, "job");
}

/* Libraries and data files that tests look for beside themselves. */
static void beside(FILE *f, const char *path)
{
	const char *base = strrchr(path, '/') + 1, *dot = strrchr(base, '.');
	struct stat st;
	char *needs;

	if (stat(path, &st) || !S_ISREG(st.st_mode) || (dot && !strcmp(dot, ".c")))
		return;
	needs = needs_of(path);
	if (!needs)
		fprintf(f, "file /vex/tests/%s 0755 %s\n", base, path);
	free(needs);
}

static void beside_tests(FILE *f, const char *tests)
{
	char *pattern = format_text("%s/*", tests);
	glob_t all;

	if (!glob(pattern, 0, NULL, &all)) {
		for (size_t i = 0; i < all.gl_pathc; i++)
			beside(f, all.gl_pathv[i]);
		globfree(&all);
	}
	free(pattern);
}

static void write_payload_list(const struct guest *g)
{
	FILE *f = create(g->dir, "payload.list");

	shard_files(f, &g->plan);
	if (g->run->tests)
		beside_tests(f, g->run->tests);
	if (g->machine.data && g->run->data)
		fprintf(f, "tree /vex/data %s\n", g->run->data);
	if (g->machine.root && g->run->root_script)
		fprintf(f, "file /vex/debroot.sh 0644 %s\n", g->run->root_script);
	copy_part(f, g, "payload");
	fprintf(f, "file /vex/job 0644 %s/job\n", g->dir);
	finish(f, g->dir, "payload.list");
}

/* What ./vex ssh and others look for while the guest runs. */
static void link_guest_file(const struct guest *g)
{
	char *from = format_text("%s/%s/guest", g->run->machines, g->machine.kernel);
	char *to = format_text("%s/guest", g->dir);

	if (link(from, to) && errno != ENOENT && errno != EEXIST)
		warn("cannot write %s: %s: ./vex ssh will not find this guest", to, strerror(errno));
	free(from);
	free(to);
}

/* The record of --json: a full disk costs the object a detail, and the run nothing. */
static void note_guest(const struct guest *g)
{
	FILE *f = g->run->records ? fopen(g->run->records, "ae") : NULL;

	if (f) {
		fprintf(f, "guest\t%s\t%s\n", g->dir, g->machine.kernel);
		fclose(f);
	}
}

/* ---- command lines ---- */

struct words {
	char **v;
	size_t n;
};

/* @word: malloc'ed, NULL for the end. */
static void add(struct words *w, char *word)
{
	w->v = grow(w->v, (w->n + 1) * sizeof(*w->v));
	w->v[w->n++] = word;
}

static void add_all(struct words *w, const char *option, char *value)
{
	add(w, copy_text(option));
	add(w, value);
}

static void words_free(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
}

/* A program in the directory of this one. */
static char *program(const char *name)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		die(VEX_ENV, "/proc/self/exe: %s: mount /proc", strerror(errno));
	path[n] = 0;
	return format_text("%.*s/%s", (int)(strrchr(path, '/') - path), path, name);
}

static void launcher_words(const struct guest *g, struct words *w)
{
	char *path = format_text("%s/%s/argv", g->run->machines, g->machine.kernel), *line = NULL;
	FILE *f = fopen(path, "re");
	size_t room = 0;

	if (!f)
		die(VEX_ENV, "cannot read %s: %s", path, strerror(errno));
	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		add(w, copy_text(line));
	}
	free(line);
	fclose(f);
	if (!w->n)
		die(VEX_ENV, "%s is empty (the disk was full?): run the command again", path);
	free(path);
}

static void disk_words(const struct guest *g, struct words *w)
{
	struct disk d[DISKS_MAX] = { 0 };
	int n = shard_disks(&g->plan, d);

	if (g->machine.root && g->run->root)
		add_all(w, "--disk", format_text("root=%s:ro,format=raw", g->run->root));
	for (int i = 0; i < n; i++)
		add_all(w, "--disk", format_text("%s=%s", d[i].name, d[i].size));
}

/* ---- one process after another ---- */

static void start_pack(struct guest *g)
{
	struct words w = { 0 };
	char *list = format_text("%s/payload.list", g->dir), *log = format_text("%s/launcher.log", g->dir);

	add(&w, program("vexpack"));
	add(&w, copy_text("-d"));
	add_all(&w, "-o", format_text("%s/payload.img", g->dir));
	add(&w, NULL);
	g->step = PACKS;
	task_start(&g->task, w.v, list, log, NULL, NULL);
	words_free(&w);
	free(list);
	free(log);
}

static void start_launcher(struct guest *g)
{
	const struct machine *m = &g->machine;
	char *log = format_text("%s/launcher.log", g->dir), *label = format_text("%s| ", m->kernel);
	struct words w = { 0 };

	launcher_words(g, &w);
	add_all(&w, "--payload", format_text("%s/payload.img", g->dir));
	add_all(&w, "--rundir", copy_text(g->dir));
	add_all(&w, "--lane", copy_text(m->lane));
	add_all(&w, "--memory", format_text("%d", m->memory));
	add_all(&w, "--cpus", format_text("%d", m->cpus));
	disk_words(g, &w);
	add_all(&w, "--show", copy_text(g->run->tap ? "tap" : "none"));
	add_all(&w, "--timeout", format_text("%ld", m->timeout));
	add_all(&w, "--idle", format_text("%d", m->idle));
	add(&w, NULL);
	g->step = RUNS;
	task_start(&g->task, w.v, NULL, log, NULL, label);
	words_free(&w);
	free(log);	/* the label is the task's */
}

static void start_trace(struct guest *g)
{
	char *log = format_text("%s/launcher.log", g->dir);
	struct words w = { 0 };

	for (int i = 0; i < g->run->ntrace; i++)
		add(&w, copy_text(g->run->trace[i]));
	add(&w, copy_text(g->dir));
	add(&w, copy_text(g->machine.kernel));
	add(&w, format_text("%d", g->code));
	add(&w, NULL);
	g->step = DECODES;
	task_start(&g->task, w.v, NULL, log, log, NULL);
	words_free(&w);
	free(log);
}

/* The first guest of a shard, or the next. */
static void begin(struct guest *g)
{
	mkdir(g->dir, 0777);
	g->plan = (struct plan){ 0 };
	g->again = false;
	plan_read(&g->plan, g->rows);
	shard_machine(&g->plan, &g->machine);
	write_line(g->dir, "kernel", g->machine.kernel);
	write_job(g);
	write_payload_list(g);
	link_guest_file(g);
	note_guest(g);
	start_pack(g);
}

/* What had not started when a guest died gets a guest of its own. */
static void next_guest(struct guest *g)
{
	char *tap = format_text("%s/tap.log", g->dir), *rows = format_text("%s.again", g->rows), *dir;
	bool left = (g->code == VEX_PANIC || g->code == VEX_HANG || g->code == VEX_LOST) &&
		    write_left(g->rows, tap, rows);

	free(tap);
	if (!left) {
		free(rows);
		return;
	}
	dir = format_text("%s.again", g->dir);
	free(g->rows);
	free(g->dir);
	g->rows = rows;
	g->dir = dir;
	begin(g);
}

static void guest_over(struct pool *p, struct guest *g)
{
	char *text = format_text("%d", g->code);

	write_line(g->dir, "rc", text);
	free(text);
	if (!p->interrupted)
		next_guest(g);
}

/* The launcher says in "result" why it failed; for it, when it could not. */
static void say_result(const struct guest *g, const char *message)
{
	char *line = format_text("message=%s", message), *had = file_value(g->dir, "result", "message");

	if (!had)
		write_line(g->dir, "result", line);
	free(line);
	free(had);
}

static bool any_started(const struct guest *g)
{
	char *tap = format_text("%s/tap.log", g->dir);
	struct tap_count c = { 0 };
	bool any;

	tap_count(&c, tap);
	any = c.started;
	free(tap);
	free(c.started);
	return any;
}

/*
 * A machine that could not be started (no memory, no room at that moment) is started once more: no test has begun, and
 * the shard would lose all of them. What took the memory or the room may be done with it by then.
 */
static bool try_again(struct guest *g)
{
	char *message;

	if (g->code != VEX_ENV || g->again || any_started(g))
		return false;
	message = file_value(g->dir, "result", "message");
	warn("%s could not be started (%s): once more in %lld s", name_of(g), message ? message : "",
	     g->run->retry_ms / 1000);
	free(message);
	message = format_text("%s/result", g->dir);
	unlink(message);
	free(message);
	g->again = true;
	g->step = WAITS;
	task_wait(&g->task, g->run->retry_ms);
	return true;
}

static void machine_over(struct pool *p, struct guest *g, int code)
{
	char *path = format_text("%s/payload.img", g->dir);

	unlink(path);
	free(path);
	path = format_text("%s/tap.log", g->dir);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	free(path);
	g->code = code;
	if (code > VEX_NO_DUMP && code != VEX_INTERRUPTED) {
		g->code = VEX_ENV;
		path = code > 128 ? format_text("the launcher was killed by signal %d", code - 128) :
				    format_text("the launcher ended with status %d", code);
		say_result(g, path);
		free(path);
	}
	if (p->interrupted)
		guest_over(p, g);
	else if ((g->code == VEX_PANIC || g->code == VEX_HANG) && g->run->ntrace)
		start_trace(g);
	else if (!try_again(g))
		guest_over(p, g);
}

static void pack_over(struct pool *p, struct guest *g, int code)
{
	char *log, *last, *message;

	if (!code && !p->interrupted) {
		start_launcher(g);
		return;
	}
	log = format_text("%s/launcher.log", g->dir);
	last = file_last(log);
	message = format_text("could not write the payload disk: %s; make room on the host (./vex clean)",
			      last ? last : "");
	if (!p->interrupted)
		say_result(g, message);
	machine_over(p, g, p->interrupted ? VEX_INTERRUPTED : VEX_ENV);
	free(message);
	free(last);
	free(log);
}

static void guest_step(struct pool *p, struct task *t, int code)
{
	struct guest *g = guest_of(t);

	switch (g->step) {
	case NEW:
		begin(g);
		break;
	case PACKS:
		pack_over(p, g, code);
		break;
	case RUNS:
		free((char *)t->label);
		t->label = NULL;
		machine_over(p, g, code);
		break;
	case WAITS:
		if (p->interrupted)
			machine_over(p, g, VEX_INTERRUPTED);
		else
			start_pack(g);
		break;
	case DECODES:
		guest_over(p, g);
		break;
	}
}

/* ---- the task ---- */

struct task *guest_new(const struct run *r, char *shard)
{
	struct guest *g = grow(NULL, sizeof(*g));
	struct disk d[DISKS_MAX] = { 0 };

	memset(g, 0, sizeof(*g));
	g->run = r;
	g->rows = format_text("%s/%s", r->round, shard);
	g->dir = format_text("%s/%s.d", r->round, shard);
	plan_read(&g->plan, g->rows);
	if (!g->plan.n)
		die(VEX_ENV, "%s has no test in it (the disk was full?): run the command again", g->rows);
	shard_machine(&g->plan, &g->machine);
	shard_disks(&g->plan, d);	/* what cannot be given is said before any guest runs */
	g->task.name = shard;
	/* A machine larger than the host runs alone. */
	g->task.cost = g->machine.cpus > r->jobs ? r->jobs : g->machine.cpus;
	g->task.step = guest_step;
	return &g->task;
}

void guest_running(const struct task *t, FILE *f)
{
	const struct guest *g = guest_of(t);
	char *tap = format_text("%s/tap.log", g->dir);
	struct tap_count c = { 0 };

	tap_count(&c, tap);
	fprintf(f, " %s/%s", g->machine.kernel, c.started ? c.started : "start");
	free(c.started);
	free(tap);
}
