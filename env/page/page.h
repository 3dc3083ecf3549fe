/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The history of campaigns and benchmarks: one JSON object a line, one line a run.
 *
 *	{"v": 1, "time": SECONDS, "what": "crash-test", "module": "vexfs", "commit": "0123abcd+changes",
 *	 "kernel": "6.1", "command": "crash-test --seed 7", "seed": "7", "code": 0, "seconds": 12.5,
 *	 "counts": {"states": 3000, ...}, "failed": ["6.12 rename", ...],
 *	 "rows": [{"name": "make a file", "unit": "ms", "ratio": 1.2, "values": {"vexfs": 3.1, "ext4": 3.7}}, ...]}
 *
 * All but v, time and what may be missing. Unknown members are kept in the file and not shown.
 */
#ifndef ENV_PAGE_H
#define ENV_PAGE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#define HISTORY_VERSION	1
#define LINE_MAX_BYTES	(1 << 20)	/* a longer line is broken */
#define BROKEN_NAMED	8		/* numbers of broken lines that are told */
#define RUNS_PLOTTED	60		/* the last ones of a group */
#define RUNS_LISTED	10
#define FAILED_KEPT	50		/* names, of one run */

/* A run; strings belong to @o and are never NULL. */
struct entry {
	struct json_object *o, *counts, *rows, *failed;	/* NULL: it has none */
	const char *what, *commit, *kernel, *command, *seed;
	long long time;
	double seconds;		/* negative: not known */
	int code;
};

/* Runs of one campaign on one kernel, oldest first. */
struct group {
	const char *what, *kernel;
	struct entry **runs;
	size_t n;
};

struct history {
	struct entry *entries;
	struct group *groups;
	size_t n, ngroups;
	unsigned long lines, broken, broken_at[BROKEN_NAMED];
};

/* add.c */
int add_main(int argc, char **argv);

/* history.c */
int history_read(struct history *h, const char *path);
bool history_since(struct history *h, const char *commit);
void history_group(struct history *h);
void history_free(struct history *h);
const struct entry *group_last(const struct group *g);
bool number_of(struct json_object *o, const char *key, double *value);
const char *string_of(struct json_object *o, const char *key);
const char *date_text(long long t, char buf[32]);
const char *number_text(double v, char buf[32]);
const char *ending_text(int code);

/* text.c, html.c, plot.c */
void text_write(FILE *f, const struct history *h);
void html_write(FILE *f, const struct history *h, const char *module);
void html_text(FILE *f, const char *s);
void plot_counts(FILE *f, const struct group *g);
void plot_rows(FILE *f, const struct group *g);

#endif
