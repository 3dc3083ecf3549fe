// SPDX-License-Identifier: GPL-2.0-only
/* The last run of each campaign, for a terminal. */
#include <string.h>

#include "page.h"

/* What is in the file may have been made by anybody: no control characters for the terminal. */
static void plain(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc((unsigned char)*s < 32 || *s == 127 ? '?' : *s, f);
}

static void counts_write(FILE *f, const struct entry *e)
{
	char buf[32];
	double v;

	if (!e->counts)
		return;
	json_object_object_foreach(e->counts, key, value) {
		(void)value;
		if (!number_of(e->counts, key, &v))
			continue;
		fprintf(f, "  %12s  ", number_text(v, buf));
		plain(f, key);
		fputc('\n', f);
	}
}

static void row_write(FILE *f, struct json_object *row)
{
	struct json_object *values = NULL;
	char buf[32];
	double v;

	fputs("  ", f);
	plain(f, string_of(row, "name"));
	if (number_of(row, "ratio", &v))
		fprintf(f, ", ratio %s", number_text(v, buf));
	fputs(" (", f);
	plain(f, string_of(row, "unit"));
	fputs("):", f);
	if (json_object_object_get_ex(row, "values", &values) && json_object_is_type(values, json_type_object)) {
		json_object_object_foreach(values, key, value) {
			(void)value;
			if (!number_of(values, key, &v))
				continue;
			fputs("  ", f);
			plain(f, key);
			fprintf(f, " %s", number_text(v, buf));
		}
	}
	fputc('\n', f);
}

static void failed_write(FILE *f, const struct entry *e)
{
	for (size_t i = 0; e->failed && i < json_object_array_length(e->failed); i++) {
		struct json_object *v = json_object_array_get_idx(e->failed, i);

		if (!json_object_is_type(v, json_type_string))
			continue;
		fputs("  failed: ", f);
		plain(f, json_object_get_string(v));
		fputc('\n', f);
	}
}

static void group_write(FILE *f, const struct group *g)
{
	const struct entry *e = group_last(g);
	char buf[32];

	fputc('\n', f);
	plain(f, g->what);
	if (*g->kernel) {
		fputs(" on ", f);
		plain(f, g->kernel);
	}
	fprintf(f, ": %s, %s UTC", ending_text(e->code), date_text(e->time, buf));
	if (*e->commit) {
		fputs(", commit ", f);
		plain(f, e->commit);
	}
	if (e->seconds >= 0)
		fprintf(f, ", %s s", number_text(e->seconds, buf));
	fprintf(f, "; %zu run%s\n", g->n, g->n == 1 ? "" : "s");
	if (*e->command) {
		fputs("  ./vex ", f);
		plain(f, e->command);
		fputc('\n', f);
	}
	counts_write(f, e);
	for (size_t i = 0; e->rows && i < json_object_array_length(e->rows); i++)
		row_write(f, json_object_array_get_idx(e->rows, i));
	failed_write(f, e);
}

void text_write(FILE *f, const struct history *h)
{
	fprintf(f, "runs: %zu, of %zu campaigns and benchmarks; the last of each:\n", h->n, h->ngroups);
	for (size_t i = 0; i < h->ngroups; i++)
		group_write(f, &h->groups[i]);
}
