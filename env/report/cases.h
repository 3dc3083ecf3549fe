/* SPDX-License-Identifier: GPL-2.0-only */
/* Results from files of TAP and KTAP, and the judge of what was read: for vexreport (people) and vexjson (programs). */
#ifndef VEX_CASES_H
#define VEX_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "../proto/tap.h"

/* NOT_RUN: the run was interrupted before it started */
enum state { NOT_STARTED, STARTED, PASSED, FAILED, SKIPPED, KNOWN, NOT_RUN, STATES };

/**
 * struct test_case - one result
 * @detail:    the first sign of trouble, or the reason of a skip
 * @complaint: the kernel's first during this test
 * @file:      where it was read, the caller's
 * @order:     of the suite's first mention
 * @timed_out: why it failed: time
 * @kernel:    why it failed: the kernel's own complaints
 * @started:   1, 2 ...: @file is a guest's tap.log, beside its console.log
 */
struct test_case {
	char suite[64], name[192], detail[512], complaint[256];
	const char *file;
	enum state state;
	int order;
	bool timed_out, kernel;
	int started;
	long ms;
};

extern struct test_case *cases;
extern int ncases;

/*
 * How a file is read: as init relayed it, plain TAP, a kernel log with KUnit's, plain TAP of a script that left its
 * exit status in FILE.rc and its standard error in FILE.err; no TAP: names of tests of the plan, one a line.
 */
enum tap_kind { TAP_SUITE = 's', TAP_FLAT = 'F', TAP_KUNIT = 'k', TAP_SCRIPT = 'S', TAP_PLANNED = 'p' };

/* The word of a kind, as the option of vexreport that it is, and back; another word: TAP_FLAT. */
const char *tap_kind_word(enum tap_kind how);
enum tap_kind tap_kind_of(const char *word);

/* All of these end the program, with its name, when a file cannot be read or memory is out. */
void cases_read(const char *suite, const char *path, enum tap_kind how);
/* All that was read: for a program that reads one thing after another. */
void cases_forget(void);
/*
 * Known failures, one per line: SUITE TEST fail|timeout|panic REASON...; after all was read. Suite "env": TEST is one
 * of the environment's scripts, and all that fails in it is known.
 */
void cases_known(const char *path);
/* The run was interrupted: what had not started was not run, and did not fail. */
void cases_interrupted(void);
/* Suites in the order they came, tests by name. */
void cases_sort(void);
void cases_fatal(const char *what, const char *path) __attribute__((noreturn));

/* Failed, started and never finished, or never started. */
bool case_bad(const struct test_case *c);
const char *case_detail(const struct test_case *c);

/* For run.c: the case of that name, new or known, begins here; the first words that explain one count. */
struct test_case *case_start(const char *suite, const char *name, const char *file);
void case_explain(struct test_case *c, const char *text);

/* ---- show.c: on standard error ---- */

void show_results(void);
void show_failures(void);
void show_skips(void);

/* ---- write.c: files ---- */

void write_junit(const char *path);
void write_list(const char *path);
/* Newer times instead of those that the file has. */
void write_times(const char *path);

/* ---- run.c: a guest as a whole ---- */

/**
 * struct run_words - what a guest's log said beside its results
 * @kernel:        since the last test: the kernel complained, or an oracle found something
 * @time:          since the last test: it had no time left, or hung
 * @failed:        a test failed; with @failed_kernel and @failed_time: after it had said that
 * @last:          the first of those complaints after the last test
 */
struct run_words {
	bool kernel, time, failed, failed_kernel, failed_time;
	char last[512];
};

void run_line(struct run_words *w, const struct tap_line *t);
/* At the end of DIR/tap.log: the end of the test that ran then (@current, or NULL), and the run's own failure. */
void run_end(const char *suite, const char *path, struct test_case *current, const struct run_words *w);
/* The exit code in DIR/rc; -1: there is none. */
int run_code(const char *dir);
/* An exit code in words. */
const char *run_cause(int code);
/* One value of a file of NAME=VALUE lines; malloc'ed, NULL where it has none or is empty. */
char *file_value(const char *dir, const char *file, const char *name);
/* The first line of a file (@dir NULL: FILE alone), and the last; malloc'ed, NULL: it cannot be read, or is empty. */
char *file_line(const char *dir, const char *file);
char *file_last(const char *path);

#endif
