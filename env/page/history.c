// SPDX-License-Identifier: GPL-2.0-only
/* Reading the history. A line that cannot be read is counted and named, and the others are used. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "page.h"

bool number_of(struct json_object *o, const char *key, double *value)
{
	struct json_object *v = NULL;

	if (!o || !json_object_object_get_ex(o, key, &v) ||
	    (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double)))
		return false;
	*value = json_object_get_double(v);
	return isfinite(*value);
}

const char *string_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (!o || !json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string))
		return "";
	return json_object_get_string(v);
}

static struct json_object *member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, type) ? v : NULL;
}

/* One JSON object in UTF-8, and nothing else. */
static struct json_object *parse(const char *line, size_t len)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o;

	if (!t)
		abort();
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(t, line, (int)len + 1);
	if (json_tokener_get_error(t) != json_tokener_success || !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(t);
	return o;
}

static bool entry_fill(struct entry *e, struct json_object *o)
{
	double version, when, code;

	if (!number_of(o, "v", &version) || version != HISTORY_VERSION || !number_of(o, "time", &when) || when < 0 ||
	    when > 1e11 || !*string_of(o, "what"))
		return false;
	*e = (struct entry){
		.o = o, .what = string_of(o, "what"), .commit = string_of(o, "commit"),
		.kernel = string_of(o, "kernel"), .command = string_of(o, "command"), .seed = string_of(o, "seed"),
		.time = (long long)when, .seconds = -1, .counts = member(o, "counts", json_type_object),
		.rows = member(o, "rows", json_type_array), .failed = member(o, "failed", json_type_array),
	};
	if (number_of(o, "code", &code) && code >= 0 && code < 256)
		e->code = (int)code;
	if (!number_of(o, "seconds", &e->seconds) || e->seconds < 0)
		e->seconds = -1;
	return true;
}

static void add_line(struct history *h, char *line, size_t len)
{
	struct json_object *o;

	h->lines++;
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		line[--len] = 0;
	if (!len)
		return;
	o = len < LINE_MAX_BYTES && !memchr(line, 0, len) ? parse(line, len) : NULL;
	if (!(h->n & (h->n + 1)))
		h->entries = realloc(h->entries, (h->n + 1) * 2 * sizeof(*h->entries));
	if (!h->entries)
		abort();
	if (o && entry_fill(&h->entries[h->n], o)) {
		h->n++;
		return;
	}
	json_object_put(o);
	if (h->broken < BROKEN_NAMED)
		h->broken_at[h->broken] = h->lines;
	h->broken++;
}

/* 0, or a negative errno; a file that does not exist is an empty history. */
int history_read(struct history *h, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int err = 0;

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	errno = 0;
	while ((len = getline(&line, &room, f)) > 0)
		add_line(h, line, (size_t)len);
	if (ferror(f))
		err = errno ? -errno : -EIO;
	free(line);
	fclose(f);
	return err;
}

/* Leaves out what is before the first run of @commit, a beginning of its hash; false: it has no run. */
bool history_since(struct history *h, const char *commit)
{
	size_t i = 0, len = strlen(commit);

	/* The file has the first digits only. */
	if (len > 12)
		len = 12;
	while (i < h->n && strncmp(h->entries[i].commit, commit, len))
		i++;
	if (i == h->n)
		return false;
	for (size_t k = 0; k < i; k++)
		json_object_put(h->entries[k].o);
	memmove(h->entries, h->entries + i, (h->n - i) * sizeof(*h->entries));
	h->n -= i;
	return true;
}

static struct group *group_of(struct history *h, const struct entry *e)
{
	for (size_t i = 0; i < h->ngroups; i++)
		if (!strcmp(h->groups[i].what, e->what) && !strcmp(h->groups[i].kernel, e->kernel))
			return &h->groups[i];
	h->groups[h->ngroups] = (struct group){ .what = e->what, .kernel = e->kernel };
	return &h->groups[h->ngroups++];
}

static int by_name(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	int c = strcmp(x->what, y->what);

	return c ? c : strcmp(x->kernel, y->kernel);
}

void history_group(struct history *h)
{
	h->groups = calloc(h->n + 1, sizeof(*h->groups));
	if (!h->groups)
		abort();
	for (size_t i = 0; i < h->n; i++) {
		struct group *g = group_of(h, &h->entries[i]);

		if (!(g->n & (g->n + 1)))
			g->runs = realloc(g->runs, (g->n + 1) * 2 * sizeof(*g->runs));
		if (!g->runs)
			abort();
		g->runs[g->n++] = &h->entries[i];
	}
	qsort(h->groups, h->ngroups, sizeof(*h->groups), by_name);
}

void history_free(struct history *h)
{
	for (size_t i = 0; i < h->ngroups; i++)
		free(h->groups[i].runs);
	for (size_t i = 0; i < h->n; i++)
		json_object_put(h->entries[i].o);
	free(h->groups);
	free(h->entries);
}

const struct entry *group_last(const struct group *g)
{
	return g->runs[g->n - 1];
}

const char *date_text(long long t, char buf[32])
{
	time_t when = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(buf, 32, "%Y-%m-%d %H:%M", &tm))
		snprintf(buf, 32, "?");
	return buf;
}

/* Whole numbers as they are, others with three digits that count. */
const char *number_text(double v, char buf[32])
{
	double a = fabs(v);

	if (a < 1e15 && v == floor(v))
		snprintf(buf, 32, "%.0f", v);
	else if (a >= 1e15)
		snprintf(buf, 32, "%.3g", v);
	else
		snprintf(buf, 32, "%.*f", a >= 100 ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : 3, v);
	return buf;
}

const char *ending_text(int code)
{
	static char other[24];

	switch (code) {
	case 0: return "passed";
	case 1: return "failed";
	case 130: case 143: return "interrupted";
	}
	snprintf(other, sizeof(other), "exit code %d", code);
	return other;
}
