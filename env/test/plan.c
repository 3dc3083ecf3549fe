// SPDX-License-Identifier: GPL-2.0-only
/* Which guest tests run on which kernels, with what, and why the others do not. */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "test.h"

#define MEMORY_MB	768	/* one size for nearly all: a saved guest is kept per size */
#define LIMIT_S		60

/* What ./vex test was asked for. */
struct options {
	const char *dir, *tests, *programs, *rows, *times, *lane;
	regex_t filter;
	struct kernels kernels;
	struct plan seen;	/* kernel, name and weight: what tests took last time */
	int jobs, repeat, cpus, default_cpus, memory, guess;
	bool full;
};

/* ---- rows ---- */

void plan_add(struct plan *p, const struct row *r)
{
	p->row = grow(p->row, (p->n + 1) * sizeof(*p->row));
	p->row[p->n++] = *r;
}

void plan_write(const struct plan *p, const char *path)
{
	FILE *f = fopen(path, "we");

	for (size_t i = 0; f && i < p->n; i++) {
		const struct row *r = &p->row[i];

		fprintf(f, "%s\t%d\t%s\t%d\t%d\t%s\t%d\t%ld\t%s\t%s\n", r->kernel, r->cpus, r->lane, r->memory, r->slow,
			r->name, r->limit, r->weight, r->path, r->needs);
	}
	if (!f || ferror(f) | fclose(f))
		die(VEX_ENV, "cannot write %s: %s: make room on the host (./vex clean)", path, strerror(errno));
}

static bool row_parse(struct row *r, char *line)
{
	char *field[10];

	for (int i = 0; i < 10; i++) {
		field[i] = strsep(&line, "\t");
		if (!field[i])
			return false;
	}
	*r = (struct row){
		.kernel = field[0], .cpus = atoi(field[1]), .lane = field[2], .memory = atoi(field[3]),
		.slow = atoi(field[4]), .name = field[5], .limit = atoi(field[6]), .weight = atol(field[7]),
		.path = field[8], .needs = field[9],
	};
	return r->cpus > 0;
}

void plan_read(struct plan *p, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	struct row r;

	if (!f)
		die(VEX_ENV, "cannot read %s: %s", path, strerror(errno));
	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		/* For the life of the program: the rows point into it. */
		if (!row_parse(&r, copy_text(line)))
			die(VEX_ENV, "%s is damaged (the disk was full?): run the command again", path);
		plan_add(p, &r);
	}
	free(line);
	fclose(f);
}

/* ---- one test ---- */

static char *value_or(const char *needs, const char *name, const char *otherwise)
{
	char *v = needs_value(needs, name);

	return v ? v : copy_text(otherwise);
}

static int number_or(const struct row *r, const char *name, int otherwise)
{
	char *v = needs_value(r->needs, name), *end = "";
	long n = v ? strtol(v, &end, 10) : otherwise;

	if (*end || n < 1 || n > 1000000)
		die(VEX_ENV, "%s: invalid '%s=%s' in its needs: use a number", r->path, name, v);
	free(v);
	return (int)n;
}

static int memory_of(const struct options *o, const struct row *r)
{
	char *v = value_or(r->needs, "mem", "768M");
	int mb = o->memory ? o->memory : megabytes(v);

	if (!mb)
		die(VEX_ENV, "%s: invalid 'mem=%s' in its needs (examples: 768, 768M, 1G)", r->path, v);
	free(v);
	return !o->memory && mb < MEMORY_MB ? MEMORY_MB : mb;
}

/* What it took last time, else a guess: most need a tenth of their limit. */
static long weight_of(const struct options *o, const struct row *r)
{
	for (size_t i = 0; i < o->seen.n; i++)
		if (!strcmp(o->seen.row[i].kernel, r->kernel) && !strcmp(o->seen.row[i].name, r->name))
			return o->seen.row[i].weight;
	return o->guess ? o->guess : r->limit * 100L;
}

/* The test once, or as often as --repeat says. */
static void plan_test(const struct options *o, struct plan *p, const struct kernel *k, char *name, char *path,
		      char *needs)
{
	struct row r = { .kernel = k->name, .name = name, .path = path, .needs = needs, .slow = k->slow };

	/*
	 * Two machines of one processor do more work than one of two where processors are emulated; a test that is
	 * about races says cpus=2.
	 */
	r.cpus = o->cpus ? o->cpus : number_or(&r, "cpus", o->default_cpus);
	r.lane = value_or(needs, "lane", o->lane);
	if (kernel_has(k, "uml")) {
		r.cpus = 1;
		r.lane = "cold";
	}
	r.limit = number_or(&r, "time", LIMIT_S) * k->slow / 100;
	r.memory = memory_of(o, &r) + k->memory;
	r.weight = weight_of(o, &r);
	if (o->repeat == 1)
		plan_add(p, &r);
	for (int i = 1; o->repeat > 1 && i <= o->repeat; i++) {
		r.name = format_text("%s@%d", name, i);
		plan_add(p, &r);
	}
}

/* ---- which tests ---- */

static void leave_out(const struct options *o, const char *kernel, const char *name, const char *why)
{
	char *path = format_text("%s/left-out-%s", o->dir, kernel);
	FILE *f = fopen(path, "ae");

	if (!f || fprintf(f, "ok 0 %s # SKIP %s\n", name, why) < 0 || fclose(f))
		die(VEX_ENV, "cannot write %s: %s: make room on the host (./vex clean)", path, strerror(errno));
	free(path);
}

/* Why a test is left out on a kernel; NULL: it runs. */
static char *why_not(const struct options *o, const struct kernel *k, const char *needs, const char *wanted)
{
	char *cpus;
	bool many;

	if (needs_has(needs, "full") && !o->full)
		return copy_text("takes long; run with --full");
	if (k->slice && kernel_has(k, "arm64"))
		return needs_has(needs, "arm64") ? NULL :
			copy_text("not in the slice for arm64; run with --full, or --filter");
	if (k->slice && !needs_has(needs, "slice") && !wanted)
		return format_text("not in the slice this kernel gets; run with --full, or --kernel %s", k->name);
	if (!kernel_has(k, "uml"))
		return NULL;
	cpus = value_or(needs, "cpus", "1");
	many = atoi(cpus) > 1;
	free(cpus);
	return many ? copy_text("User-Mode Linux has one processor") : NULL;
}

/* @program: path is that of a test in C, built for this machine; kernels of others have their own. */
static void choose(const struct options *o, struct plan *p, char *name, char *path, char *needs, bool program)
{
	char *wanted = needs_value(needs, "kernel"), *why;
	bool any = false;

	for (size_t i = 0; i < o->kernels.n; i++) {
		const struct kernel *k = &o->kernels.k[i];

		if (wanted && !kernel_in(k, wanted))
			continue;
		any = true;
		why = why_not(o, k, needs, wanted);
		if (why)
			leave_out(o, k->name, name, why);
		else
			plan_test(o, p, k, name, program && k->programs ? format_text("%s/%s", k->programs, name) : path,
				  needs);
		free(why);
	}
	if (!any) {
		why = format_text("only for kernel %s", wanted);
		leave_out(o, "none", name, why);
		free(why);
	}
	free(wanted);
}

/* A script says what it needs, or is a library that others source; a program of C that was not built does not run. */
static void choose_file(const struct options *o, struct plan *p, const char *source)
{
	const char *base = strrchr(source, '/') + 1, *dot = strrchr(base, '.');
	char *name = format_text("%.*s", (int)(dot - base), base), *needs, *path;

	if (regexec(&o->filter, name, 0, NULL, 0))
		return;
	needs = needs_of(source);
	if (!strcmp(dot, ".c")) {
		path = format_text("%s/%s", o->programs, name);
		if (!access(path, F_OK))
			choose(o, p, name, path, needs ? needs : "", true);
	} else if (needs) {
		choose(o, p, name, copy_text(source), needs, false);
	}
}

static void choose_all(const struct options *o, struct plan *p)
{
	static const char *const kinds[] = { "sh", "c" };

	for (int i = 0; i < 2; i++) {
		char *pattern = format_text("%s/*.%s", o->tests, kinds[i]);
		glob_t g;

		if (!glob(pattern, 0, NULL, &g))
			for (size_t k = 0; k < g.gl_pathc; k++)
				choose_file(o, p, g.gl_pathv[k]);
		free(pattern);
	}
}

/* --rows: "KERNEL NAME PATH", by tabs, and what they need: tests that somebody else has chosen. */
static void choose_rows(const struct options *o, struct plan *p)
{
	FILE *f = fopen(o->rows, "re");
	char *line = NULL;
	size_t room = 0;

	if (!f)
		die(VEX_ENV, "cannot read %s: %s", o->rows, strerror(errno));
	while (getline(&line, &room, f) > 0) {
		char *rest, *kernel, *name, *path;
		const struct kernel *k;

		line[strcspn(line, "\n")] = 0;
		rest = copy_text(line);
		kernel = strsep(&rest, "\t");
		name = strsep(&rest, "\t");
		path = strsep(&rest, "\t");
		k = kernels_find(&o->kernels, kernel);
		if (!k || !rest)
			die(VEX_USAGE, "%s: invalid row '%s' (KERNEL NAME PATH NEEDS, by tabs)", o->rows, line);
		plan_test(o, p, k, name, path, rest);
	}
	free(line);
	fclose(f);
}

/* ---- the command ---- */

/* "KERNEL NAME MS", of earlier runs; none: no test ever ran here. */
static void times_read(struct options *o)
{
	char kernel[64], name[192];
	struct row r = { 0 };
	FILE *f = o->times ? fopen(o->times, "re") : NULL;

	while (f && fscanf(f, "%63s %191s %ld", kernel, name, &r.weight) == 3) {
		r.kernel = copy_text(kernel);
		r.name = copy_text(name);
		plan_add(&o->seen, &r);
	}
	if (f)
		fclose(f);
}

/* Roots of env/debroot that tests of the plan want, by blanks, each once. */
static void print_roots(const struct plan *p)
{
	char *told = copy_text("");

	for (size_t i = 0; i < p->n; i++) {
		char *root = needs_value(p->row[i].needs, "root"), *more;

		if (root && !needs_has(told, root)) {
			printf(" %s", root);
			more = format_text("%s %s", told, root);
			free(told);
			told = more;
		}
		free(root);
	}
	free(told);
}

static void slice(struct options *o, const char *name)
{
	struct kernel *k = kernels_find(&o->kernels, name);

	if (k)
		k->slice = true;
}

static void filter(struct options *o, const char *regex)
{
	regfree(&o->filter);
	if (regcomp(&o->filter, *regex ? regex : ".*", REG_EXTENDED | REG_NOSUB))
		die(VEX_USAGE, "invalid filter '%s': it is an extended regular expression", regex);
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "dir", 1, 0, 'd' }, { "tests", 1, 0, 't' }, { "programs", 1, 0, 'p' }, { "rows", 1, 0, 'r' },
		{ "filter", 1, 0, 'f' }, { "times", 1, 0, 'T' }, { "kernel", 1, 0, 'k' }, { "slice", 1, 0, 's' },
		{ "jobs", 1, 0, 'j' }, { "repeat", 1, 0, 'n' }, { "full", 0, 0, 'F' }, { "cpus", 1, 0, 'c' },
		{ "default-cpus", 1, 0, 'C' }, { "memory", 1, 0, 'm' }, { "lane", 1, 0, 'l' }, { "guess", 1, 0, 'g' }, { 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 'd': o->dir = optarg; break;
		case 't': o->tests = optarg; break;
		case 'p': o->programs = optarg; break;
		case 'r': o->rows = optarg; break;
		case 'f': filter(o, optarg); break;
		case 'T': o->times = optarg; break;
		case 'k': kernels_add(&o->kernels, optarg); break;
		case 's': slice(o, optarg); break;
		case 'j': o->jobs = atoi(optarg); break;
		case 'n': o->repeat = atoi(optarg); break;
		case 'F': o->full = true; break;
		case 'c': o->cpus = atoi(optarg); break;
		case 'C': o->default_cpus = atoi(optarg); break;
		case 'm': o->memory = megabytes(optarg); break;
		case 'l': o->lane = optarg; break;
		case 'g': o->guess = atoi(optarg); break;
		default: exit(VEX_USAGE);
		}
	}
}

/* Writes DIR/shard1 ... and DIR/left-out-KERNEL; prints "TESTS SHARDS [ROOT]". */
int cmd_plan(int argc, char **argv)
{
	struct options o = { .jobs = 1, .repeat = 1, .default_cpus = 1, .lane = "auto" };
	struct plan p = { 0 };
	unsigned int shards;

	filter(&o, "");
	parse(&o, argc, argv);
	if (!o.dir || !(o.rows || (o.tests && o.programs)) || o.jobs < 1 || o.repeat < 1)
		die(VEX_USAGE, "plan: --dir DIR, and --tests DIR --programs DIR or --rows FILE are required");
	times_read(&o);
	if (o.rows)
		choose_rows(&o, &p);
	else
		choose_all(&o, &p);
	shards = pack(&p, o.dir, o.jobs);
	printf("%zu %u", p.n, shards);
	print_roots(&p);
	puts("");
	return VEX_PASSED;
}
