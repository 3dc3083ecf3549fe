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

int cmd_shard(int argc, char **argv);

/* ---- judge.c: what has become of a run ---- */

int cmd_judge(int argc, char **argv);
int cmd_state(int argc, char **argv);
int cmd_again(int argc, char **argv);

#endif
