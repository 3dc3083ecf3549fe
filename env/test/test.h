/* SPDX-License-Identifier: GPL-2.0-only */
/* vextest: what its files share. vextest.c has the commands. */
#ifndef VEX_TEST_H
#define VEX_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Ends the program with this exit code and a message that says what to do. */
void die(int code, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* As the C library's, or the end of the program. */
void *grow(void *p, size_t size);
char *copy_text(const char *s);
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- needs.c: what a test asks for ---- */

/**
 * needs_of - the words behind "needs:" in the first line of a file that has it
 * @path: a test
 *
 * Return: the words, by blanks; NULL: no line has it. To be freed.
 */
char *needs_of(const char *path);
/* The value of NAME=VALUE; NULL: not there. To be freed. */
char *needs_value(const char *needs, const char *name);
bool needs_has(const char *needs, const char *word);
/* 768, 768M or 1G in megabytes; 0: neither. */
int megabytes(const char *text);

/* ---- kernels.c ---- */

/**
 * struct kernel - a kernel as env/lib/kernels.sh describes it
 * @traits: words by blanks
 * @programs: directory of the tests in C that are built for it; NULL: of --programs
 * @slice:  only the tests with "slice" run on it, those with "arm64" if it is such a kernel
 * @slow:   percent of the time of a kernel without checkers
 * @memory: MB on top of what a test asks for
 */
struct kernel {
	char *name, *traits, *programs;
	bool slice;
	int slow, memory;
};

struct kernels {
	struct kernel *k;
	size_t n;
};

/* @text: "NAME TRAIT...", of which slow=PERCENT may be one */
void kernels_add(struct kernels *all, const char *text);
struct kernel *kernels_find(const struct kernels *all, const char *name);
bool kernel_has(const struct kernel *k, const char *trait);
/* @list: names, traits and "all", by commas */
bool kernel_in(const struct kernel *k, const char *list);

/* ---- plan.c: which tests run where ---- */

/**
 * struct row - one test on one kernel
 * @slow:   the kernel's, in percent
 * @limit:  seconds it may take, before scaling by the speed of the host
 * @weight: ms it is expected to take
 */
struct row {
	char *kernel, *lane, *name, *path, *needs;
	int cpus, memory, slow, limit;
	long weight;
};

struct plan {
	struct row *row;
	size_t n;
};

/* A file of rows: each shard is one, and so is what a dead guest had not started. */
void plan_read(struct plan *p, const char *path);
void plan_write(const struct plan *p, const char *path);
void plan_add(struct plan *p, const struct row *r);
int cmd_plan(int argc, char **argv);

/* ---- known.c: what is expected to fail ---- */

int cmd_known(int argc, char **argv);

/* ---- pack.c: which tests share a guest ---- */

/* Writes DIR/shard1 ..., the heaviest first; returns how many there are. */
unsigned int pack(const struct plan *p, const char *dir, int jobs);

/* ---- shard.c: what one guest is given ---- */

#define DISKS_MAX	4	/* of the launcher */

struct disk {
	char *name, *size;
};

/**
 * struct machine - one that all tests of a guest can run on
 * @memory:  MB
 * @timeout: seconds, of all tests and the start
 * @idle:    seconds without a byte from the guest
 * @root:    of env/debroot, that they want; NULL: none
 * @data:    they want the directory of real vectors
 */
struct machine {
	char *kernel, *lane, *root;
	int cpus, memory, idle;
	long timeout;
	bool data;
};

void shard_machine(const struct plan *p, struct machine *m);
/* Each name once, at the largest size that is wanted; returns how many. More than DISKS_MAX end the program. */
int shard_disks(const struct plan *p, struct disk *d);
/* The lines of the job, and those of the payload's list. */
void shard_job(FILE *f, const struct plan *p);
void shard_files(FILE *f, const struct plan *p);
int cmd_shard(int argc, char **argv);

/* ---- guest.c: the guests of a run ---- */

struct pool;
struct task;

/**
 * struct run - a round of guest tests
 * @round:    has the shards, and gets the guests' directories
 * @machines: has a directory for each kernel, with the files argv (the launcher and its arguments, one a line), job
 *            (its first lines), payload (its first entries) and, where others may look for the guest, guest
 * @tests:    directory with what tests look for beside themselves; NULL: none
 * @known:    the known failures in force; NULL: none
 * @data:     the directory of real vectors; NULL: none
 * @root:     image of the root that tests of the plan want; NULL: none; @root_script: with which they use it
 * @records:  file that notes the guests for --json; NULL: none
 * @trace:    command that decodes a kernel's trace, without its last arguments GUEST KERNEL CODE; none: @ntrace is 0
 * @retry_ms: before a machine that could not be started is started once more
 * @tap:      what the tests print is printed as it comes
 * @tests_n:  how many there are
 */
struct run {
	const char *round, *machines, *tests, *known, *data, *root, *root_script, *records;
	char **trace;
	int jobs, ntrace;
	long long retry_ms;
	bool tap;
	size_t tests_n;
};

/* The task of a shard: a file of the round, whose name it keeps. */
struct task *guest_new(const struct run *r, char *shard);
/* "KERNEL/TEST" that runs there now. */
void guest_running(const struct task *t, FILE *f);

/* ---- run.c: rounds of them ---- */

int cmd_run(int argc, char **argv);

/* ---- scripts.c: the environment's own tests ---- */

int cmd_scripts(int argc, char **argv);

/* ---- files.c: what a run leaves, read into the cases ---- */

/**
 * struct whole - a run of ./vex test or ./vex fstests
 * @dir:         known, known.tap, host/, guest/ or guest.1/ ..., env/; earlier/, guests of a run that is resumed;
 *               codes, what its parts ended with
 * @kernels:     of the run, in its order
 * @records:     file that notes what is read, for --json; NULL: none
 * @interrupted: what had not started was not run
 */
struct whole {
	const char *dir, *records;
	struct kernels kernels;
	bool interrupted;
};

/* Of a round of guests, and of all. */
void files_guest(const struct whole *w, const char *round);
void files_all(const struct whole *w);

/* ---- finish.c: the end of a run ---- */

int cmd_finish(int argc, char **argv);

/* ---- judge.c: what has become of a run ---- */

/* The graver of two exit codes: a panic is more than a failed test. */
void worse(int *worst, int code);

/* The exit code of the gravest guest of these shards. @known: a file, or NULL. @quiet: says nothing about others. */
int judge(const char *dir, char *const *shards, size_t n, const char *known, bool quiet);
/* Of all shards. */
int judge_all(const char *dir, const char *known);
/* Writes the rows of a shard of which a guest's tap.log has no start. False: none, or no test had started at all. */
bool write_left(const char *rows, const char *tap, const char *path);

/* Top-level results of a log. */
struct tap_count {
	unsigned int done, failed;
	char *started;		/* the last test that was; NULL: none. To be freed */
};

void tap_count(struct tap_count *c, const char *path);
int cmd_judge(int argc, char **argv);
int cmd_again(int argc, char **argv);
int cmd_cause(int argc, char **argv);

#endif
