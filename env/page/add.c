// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexpage add: one run into the history. The line is appended by one write(2) to a file opened with O_APPEND, so that
 * lines of runs that end at the same time do not mix.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "page.h"

static void put_number(struct json_object *o, const char *key, double v)
{
	if (fabs(v) < 1e15 && v == floor(v))
		json_object_object_add(o, key, json_object_new_int64((long long)v));
	else
		json_object_object_add(o, key, json_object_new_double(v));
}

static struct json_object *row_new(struct json_object *rows, const char *name, const char *unit,
				   struct json_object *values)
{
	struct json_object *row = json_object_new_object();

	json_object_object_add(row, "name", json_object_new_string(name));
	json_object_object_add(row, "unit", json_object_new_string(unit));
	json_object_object_add(row, "values", values);
	json_object_array_add(rows, row);
	return row;
}

/* NAME=NUMBER a line; what is neither is left out. */
static bool read_counts(struct json_object *o, const char *path)
{
	struct json_object *counts = json_object_new_object();
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		char *equals = strrchr(line, '='), *end;
		double v;

		if (!equals || equals == line)
			continue;
		*equals = 0;
		v = strtod(equals + 1, &end);
		if (end > equals + 1 && (*end == '\n' || !*end) && isfinite(v))
			put_number(counts, line, v);
	}
	free(line);
	if (f)
		fclose(f);
	json_object_object_add(o, "counts", counts);
	return f;
}

/* ---- results of tests ---- */

static void count_up(struct json_object *o, const char *key)
{
	double v = 0;

	number_of(o, key, &v);
	put_number(o, key, v + 1);
}

static struct json_object *suite_values(struct json_object *rows, const char *suite)
{
	struct json_object *values, *row;

	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		row = json_object_array_get_idx(rows, i);
		if (!strcmp(string_of(row, "name"), suite))
			return json_object_object_get(row, "values");
	}
	values = json_object_new_object();
	for (const char *const *w = (const char *const[]){ "passed", "failed", "skipped", NULL }; *w; w++)
		json_object_object_add(values, *w, json_object_new_int(0));
	row_new(rows, suite, "tests", values);
	return values;
}

/* Suites of the host and of the environment are one row each: "host.vec" is "host", and "6.12" stays. */
static void suite_short(char *suite)
{
	if (*suite < '0' || *suite > '9')
		suite[strcspn(suite, ".")] = 0;
}

/* STATE MS SUITE FILE NAME a line, as vextest finish leaves them. */
static bool read_results(struct json_object *o, const char *path)
{
	struct json_object *counts = json_object_new_object(), *rows = json_object_new_array(), *values;
	struct json_object *failed = json_object_new_array();
	char state[32], suite[128], name[256], text[400];
	FILE *f = fopen(path, "re");
	const char *word;

	for (const char *const *w = (const char *const[]){ "passed", "failed", "skipped", NULL }; *w; w++)
		json_object_object_add(counts, *w, json_object_new_int(0));
	while (f && fscanf(f, "%31s %*s %127s %*s %255[^\n]", state, suite, name) == 3) {
		word = !strcmp(state, "unfinished") ? "failed" : !strcmp(state, "known") ? "skipped" : state;
		snprintf(text, sizeof(text), "%s %s", suite, name);
		suite_short(suite);
		values = suite_values(rows, suite);
		count_up(values, word);
		count_up(counts, word);
		if (!strcmp(word, "failed") && json_object_array_length(failed) < FAILED_KEPT)
			json_object_array_add(failed, json_object_new_string(text));
	}
	if (f)
		fclose(f);
	json_object_object_add(o, "counts", counts);
	json_object_object_add(o, "rows", rows);
	json_object_object_add(o, "failed", failed);
	return f;
}

/* ---- what benchmarks print with --json ---- */

static struct json_object *list_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return o && json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_array) ? v : NULL;
}

#define for_each(item, list, i) \
	for (size_t i = 0; list && i < json_object_array_length(list) && (item = json_object_array_get_idx(list, i)); i++)

/* bench fs: milliseconds of each filesystem. */
static void rows_fs(struct json_object *o, struct json_object *rows)
{
	struct json_object *in, *list = list_of(o, "rows"), *ms;
	double ratio;

	for_each(in, list, i) {
		struct json_object *row;

		if (!json_object_object_get_ex(in, "ms", &ms))
			continue;
		row = row_new(rows, string_of(in, "label"), "ms", json_object_get(ms));
		if (number_of(in, "ratio", &ratio))
			put_number(row, "ratio", ratio);
	}
}

/* bench vectors: queries a second of each method. */
static void rows_vectors(struct json_object *o, struct json_object *rows)
{
	struct json_object *set, *sets = list_of(o, "sets"), *m;
	char name[160];
	double qps;

	for_each(set, sets, i) {
		struct json_object *values = json_object_new_object(), *methods = list_of(set, "methods");

		for_each(m, methods, k) {
			snprintf(name, sizeof(name), "%.70s %.70s", string_of(m, "engine"), string_of(m, "method"));
			if (number_of(m, "qps", &qps))
				put_number(values, name, qps);
		}
		row_new(rows, string_of(set, "set"), "queries/s", values);
	}
}

/* bench vectors --graph: queries a second at a recall of 0.95. */
static void rows_graph(struct json_object *o, struct json_object *rows)
{
	struct json_object *set, *sets = list_of(o, "graph"), *e, *point;
	char name[120];

	for_each(set, sets, i) {
		struct json_object *values = json_object_new_object(), *engines = list_of(set, "engines");

		for_each(e, engines, k) {
			struct json_object *curve = list_of(e, "curve");
			double best = 0, recall, qps;

			for_each(point, curve, n)
				if (number_of(point, "recall_at_10", &recall) && recall >= 0.95 &&
				    number_of(point, "qps", &qps) && qps > best)
					best = qps;
			if (best > 0)
				put_number(values, string_of(e, "engine"), best);
		}
		snprintf(name, sizeof(name), "%.80s, graph, recall 0.95", string_of(set, "set"));
		row_new(rows, name, "queries/s", values);
	}
}

static bool read_bench(struct json_object *o, const char *path)
{
	struct json_object *in = json_object_from_file(path), *rows;

	if (!in)
		return false;
	rows = json_object_new_array();
	rows_fs(in, rows);
	rows_vectors(in, rows);
	rows_graph(in, rows);
	json_object_put(in);
	json_object_object_add(o, "rows", rows);
	return true;
}

/* ---- the line ---- */

static int append(const char *path, struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644), err = 0;
	char *line, last = '\n';
	ssize_t len, done;
	off_t end;

	if (fd < 0)
		return -errno;
	/* A line that a full disk has cut stays alone: what is broken then is one line, not two. */
	end = lseek(fd, 0, SEEK_END);
	if (end > 0 && pread(fd, &last, 1, end - 1) != 1)
		last = '\n';
	len = asprintf(&line, "%s%s\n", last == '\n' ? "" : "\n", text);
	if (len < 0)
		abort();
	done = len < LINE_MAX_BYTES ? write(fd, line, (size_t)len) : (errno = EFBIG, -1);
	if (done != len)
		err = done < 0 ? -errno : -ENOSPC;
	free(line);
	close(fd);
	return err;
}

static void bad_file(const char *path)
{
	fprintf(stderr, "vexpage: cannot read '%s': the run is noted without it\n", path);
}

int add_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "file", 1, 0, 'f' }, { "what", 1, 0, 'w' }, { "text", 1, 0, 't' }, { "code", 1, 0, 'c' },
		{ "ms", 1, 0, 'm' }, { "counts", 1, 0, 'n' }, { "results", 1, 0, 'r' }, { "bench", 1, 0, 'b' }, { 0 }
	};
	struct json_object *o = json_object_new_object();
	const char *file = NULL, *what = NULL;
	char *equals;
	int c, err;

	put_number(o, "v", HISTORY_VERSION);
	put_number(o, "time", (double)time(NULL));
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f': file = optarg; break;
		case 'w':
			what = optarg;
			json_object_object_add(o, "what", json_object_new_string(what));
			break;
		case 't':
			equals = strchr(optarg, '=');
			if (!equals)
				return VEX_USAGE;
			*equals = 0;
			json_object_object_add(o, optarg, json_object_new_string(equals + 1));
			break;
		case 'c': put_number(o, "code", strtod(optarg, NULL)); break;
		case 'm': put_number(o, "seconds", strtod(optarg, NULL) / 1000); break;
		case 'n': if (!read_counts(o, optarg)) bad_file(optarg); break;
		case 'r': if (!read_results(o, optarg)) bad_file(optarg); break;
		case 'b': if (!read_bench(o, optarg)) bad_file(optarg); break;
		default: return VEX_USAGE;
		}
	}
	if (!file || !what || optind != argc)
		return VEX_USAGE;
	err = append(file, o);
	json_object_put(o);
	if (err)
		fprintf(stderr, "vexpage: cannot append to '%s': %s\n", file, strerror(-err));
	return err ? VEX_ENV : VEX_PASSED;
}
