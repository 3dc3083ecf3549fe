// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plots, as SVG in the page: a small one for each number of a campaign over its runs, and bars for rows that have
 * peers. Colours come from the page's style sheet.
 */
#include <stdlib.h>
#include <string.h>

#include "page.h"

#define WIDTH	240
#define HEIGHT	64
#define EDGE	5

struct point {
	double v;
	const struct entry *e;
};

static size_t plotted_from(const struct group *g)
{
	return g->n > RUNS_PLOTTED ? g->n - RUNS_PLOTTED : 0;
}

/* A line from zero to the largest value, a dot for each run with its commit. */
static void line_write(FILE *f, const struct point *p, size_t n)
{
	double max = 0, x, y;
	char buf[32], date[32];

	for (size_t i = 0; i < n; i++)
		max = p[i].v > max ? p[i].v : max;
	fprintf(f, "<svg class=\"line\" viewBox=\"0 0 %d %d\" role=\"img\"><path class=\"base\" d=\"M0 %dH%d\"/>", WIDTH,
		HEIGHT, HEIGHT - EDGE, WIDTH);
	for (int dots = 0; dots < 2; dots++) {
		if (!dots)
			fputs("<polyline points=\"", f);
		for (size_t i = 0; i < n; i++) {
			x = n == 1 ? WIDTH / 2.0 : EDGE + (WIDTH - 2.0 * EDGE) * (double)i / (double)(n - 1);
			y = HEIGHT - EDGE - (max > 0 && p[i].v > 0 ? (HEIGHT - 2.0 * EDGE) * (p[i].v / max) : 0);
			if (!dots) {
				fprintf(f, "%.1f,%.1f ", x, y);
				continue;
			}
			fprintf(f, "<circle%s cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s: ", p[i].e->code ? " class=\"bad\"" : "",
				x, y, number_text(p[i].v, buf));
			html_text(f, p[i].e->commit);
			fprintf(f, ", %s</title></circle>", date_text(p[i].e->time, date));
		}
		if (!dots)
			fputs("\"/>", f);
	}
	fputs("</svg>\n", f);
}

static void card_open(FILE *f, const char *name, double last, const char *unit)
{
	char buf[32];

	fputs("<div class=\"card\"><div class=\"head\"><span>", f);
	html_text(f, name);
	fprintf(f, "</span> <b>%s", number_text(last, buf));
	if (*unit)
		fprintf(f, " %s", unit);
	fputs("</b></div>\n", f);
}

/* One number over the runs that have it. @counts: a count with this name; else the seconds of the run. */
static void number_card(FILE *f, const struct group *g, const char *name, bool counts)
{
	struct point p[RUNS_PLOTTED];
	size_t n = 0;
	double v;

	for (size_t i = plotted_from(g); i < g->n; i++) {
		const struct entry *e = g->runs[i];

		if (counts ? number_of(e->counts, name, &v) : (v = e->seconds) >= 0)
			p[n++] = (struct point){ v, e };
	}
	if (!n)
		return;
	card_open(f, name, p[n - 1].v, counts ? "" : "s");
	line_write(f, p, n);
	fputs("</div>\n", f);
}

void plot_counts(FILE *f, const struct group *g)
{
	const struct entry *e = group_last(g);

	fputs("<div class=\"cards\">\n", f);
	if (e->counts) {
		json_object_object_foreach(e->counts, key, value) {
			(void)value;
			number_card(f, g, key, true);
		}
	}
	number_card(f, g, "time of the run", false);
	fputs("</div>\n", f);
}

/* ---- rows ---- */

static struct json_object *values_of(struct json_object *row)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(row, "values", &v) && json_object_is_type(v, json_type_object) ? v : NULL;
}

static void bars_write(FILE *f, struct json_object *values)
{
	double max = 0, v;
	char buf[32];

	json_object_object_foreach(values, name, one) {
		(void)one;
		if (number_of(values, name, &v) && v > max)
			max = v;
	}
	json_object_object_foreach(values, key, value) {
		(void)value;
		if (!number_of(values, key, &v))
			continue;
		fputs("<div class=\"bar\"><span>", f);
		html_text(f, key);
		fprintf(f, "</span><svg role=\"img\"><rect%s width=\"%.1f%%\" height=\"100%%\"/></svg><b>%s</b></div>\n",
			strncmp(key, "vexfs", 5) ? "" : " class=\"own\"", max > 0 && v > 0 ? 100 * v / max : 0,
			number_text(v, buf));
	}
}

/* The ratio of this row in the runs that have it. */
static void ratio_write(FILE *f, const struct group *g, const char *name)
{
	struct point p[RUNS_PLOTTED];
	size_t n = 0;
	double v;

	for (size_t i = plotted_from(g); i < g->n; i++) {
		struct json_object *rows = g->runs[i]->rows;

		for (size_t k = 0; rows && k < json_object_array_length(rows); k++) {
			struct json_object *row = json_object_array_get_idx(rows, k);

			if (!strcmp(string_of(row, "name"), name) && number_of(row, "ratio", &v)) {
				p[n++] = (struct point){ v, g->runs[i] };
				break;
			}
		}
	}
	if (n > 1)
		line_write(f, p, n);
}

static void row_card(FILE *f, const struct group *g, struct json_object *row)
{
	const char *name = string_of(row, "name");
	char buf[32];
	double ratio;

	fputs("<div class=\"card\"><div class=\"head\"><span>", f);
	html_text(f, name);
	fputs(" <small>", f);
	html_text(f, string_of(row, "unit"));
	fputs("</small></span>", f);
	if (number_of(row, "ratio", &ratio))
		fprintf(f, " <b class=\"%s\">%s×</b>", ratio < 1 ? "slow" : "fast", number_text(ratio, buf));
	fputs("</div>\n", f);
	bars_write(f, values_of(row));
	if (number_of(row, "ratio", &ratio))
		ratio_write(f, g, name);
	fputs("</div>\n", f);
}

static void tests_table(FILE *f, struct json_object *rows)
{
	static const char *const words[] = { "passed", "failed", "skipped" };

	fputs("<div class=\"wide\"><table><tr><th>tests</th><th>passed</th><th>failed</th><th>skipped</th></tr>\n", f);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		double v;
		char buf[32];

		if (!values_of(row) || strcmp(string_of(row, "unit"), "tests"))
			continue;
		fputs("<tr><td>", f);
		html_text(f, string_of(row, "name"));
		fputs("</td>", f);
		for (size_t k = 0; k < 3; k++) {
			if (!number_of(values_of(row), words[k], &v))
				v = 0;
			fprintf(f, "<td%s>%s</td>", k == 1 && v > 0 ? " class=\"bad\"" : "", number_text(v, buf));
		}
		fputs("</tr>\n", f);
	}
	fputs("</table></div>\n", f);
}

void plot_rows(FILE *f, const struct group *g)
{
	struct json_object *rows = group_last(g)->rows, *row;
	size_t n = rows ? json_object_array_length(rows) : 0;

	if (!n)
		return;
	if (!strcmp(string_of(json_object_array_get_idx(rows, 0), "unit"), "tests")) {
		tests_table(f, rows);
		return;
	}
	fputs("<div class=\"cards\">\n", f);
	for (size_t i = 0; i < n; i++) {
		row = json_object_array_get_idx(rows, i);
		if (values_of(row))
			row_card(f, g, row);
	}
	fputs("</div>\n", f);
}
