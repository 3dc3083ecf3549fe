/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes, several at a time, and the signals that end them: pool.c. What is said meanwhile: progress.c. */
#ifndef VEX_POOL_H
#define VEX_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct pool;

/**
 * struct task - what runs as one process after another
 * @name: for the line of progress
 * @cost: of the pool's jobs, while it runs
 * @step: begins what comes next, by task_start() or task_wait(); when it does neither, the task is over. @code: -1 at
 *        the beginning, 0 after a wait, else what the process ended with; 128 + N: killed by signal N. After an
 *        interruption it only notes what became of the process.
 *
 * The others are the pool's.
 */
struct task {
	const char *name;
	int cost;
	void (*step)(struct pool *p, struct task *t, int code);

	enum { TASK_QUEUED, TASK_RUNS, TASK_WAITS, TASK_OVER } state;
	pid_t pid;
	long long until;	/* ms, of a task that waits */
	int out;		/* what its process prints; -1: nowhere */
	const char *label;	/* before each line of that */
	char *text;		/* of a line that is not over */
	size_t len;
};

/**
 * struct pool - tasks, of which as many run as @jobs has room for
 * @no_more:     tasks that are queued stay where they are
 * @interrupted: by a signal: nothing new begins
 * @done:        a task is over; not called after an interruption
 * @state:       words for the line of progress
 */
struct pool {
	int jobs;
	struct task **task;
	size_t n;
	bool no_more, interrupted;
	void (*done)(struct pool *p, struct task *t);
	void (*state)(struct pool *p, FILE *f);

	int free;
};

/*
 * From here on the signals INT, TERM and HUP wait for pool_run(), but for those that the caller of ./vex has ignored.
 * The program ends when its parent does.
 */
void pool_signals(void);
void pool_add(struct pool *p, struct task *t);
/* Until all tasks are over, or a signal comes: then it ends the processes by SIGTERM and waits for them. */
void pool_run(struct pool *p);

/**
 * task_start - begin a task's process, with no terminal to read from, in a process group of its own
 * @argv:  program and arguments; ends with NULL
 * @in:    file for standard input; NULL: none
 * @log:   file for standard error, to be appended to; NULL: that of this program
 * @out:   file for standard output; NULL: lines of it are printed, after @label
 * @label: NULL: that of this program's standard error
 */
void task_start(struct task *t, char *const argv[], const char *in, const char *log, const char *out,
		const char *label);
/* Calls step() again after so many ms. */
void task_wait(struct task *t, long long ms);

/* ---- progress.c ---- */

long long now_ms(void);
void progress_begin(void);
/* One line: rewritten in place on a terminal, elsewhere repeated every 30 s. */
void progress(struct pool *p);
/* Before anything else is printed. */
void progress_end(void);
/* On standard error, by the four columns of all that is said beside results. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
