// SPDX-License-Identifier: GPL-2.0-only
/* The files of a run, each with how it is read: for the report of a round of guests, and for that of the whole run. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "../report/cases.h"
#include "test.h"

/* The cases keep the path. A file may be missing: a killed program did not come to write it. */
static void take(const struct whole *w, enum tap_kind how, const char *suite, char *path)
{
	FILE *f;

	if (access(path, R_OK)) {
		free(path);
		return;
	}
	cases_read(suite, path, how);
	f = w->records ? fopen(w->records, "ae") : NULL;
	if (f) {
		fprintf(f, "tap\t%s\t%s\t%s\n", tap_kind_word(how), suite, path);
		fclose(f);
	}
}

static void each(const struct whole *w, char *pattern, void (*todo)(const struct whole *w, const char *path))
{
	glob_t g;

	if (!glob(pattern, 0, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			todo(w, g.gl_pathv[i]);
		globfree(&g);
	}
	free(pattern);
}

/* ---- guests ---- */

static const struct kernel *wanted;	/* of take_guest() */

static void take_guest(const struct whole *w, const char *dir)
{
	char *kernel = file_line(dir, "kernel"), *tap = format_text("%s/tap.log", dir), *suite;

	if (kernel && !strcmp(kernel, wanted->name) && !access(tap, R_OK)) {
		take(w, TAP_SUITE, kernel, tap);
		suite = format_text("kunit.%s", kernel);
		if (kernel_has(wanted, "kunit"))
			take(w, TAP_KUNIT, suite, format_text("%s/console.log", dir));
		free(suite);
	} else {
		free(tap);
	}
	free(kernel);
}

/* The names of what a shard has to do, in a file for each kernel: no guest may have come to them. */
static void take_planned(const struct whole *w, const char *rows)
{
	struct plan p = { 0 };
	char *path;
	FILE *f;

	if (strchr(strrchr(rows, '/'), '.'))
		return;		/* a guest's directory, or what one guest has left for another */
	plan_read(&p, rows);
	if (!p.n)
		return;
	path = format_text("%s.planned", rows);
	f = fopen(path, "we");
	for (size_t i = 0; f && i < p.n; i++)
		fprintf(f, "%s\n", p.row[i].name);
	if (!f || ferror(f) | fclose(f))
		die(VEX_ENV, "cannot write %s: %s: make room on the host (./vex clean)", path, strerror(errno));
	take(w, TAP_PLANNED, p.row[0].kernel, path);
}

void files_guest(const struct whole *w, const char *round)
{
	take(w, TAP_SUITE, "none", format_text("%s/left-out-none", round));
	for (size_t i = 0; i < w->kernels.n; i++)
		take(w, TAP_SUITE, w->kernels.k[i].name, format_text("%s/left-out-%s", round, w->kernels.k[i].name));
	for (size_t i = 0; i < w->kernels.n; i++) {
		wanted = &w->kernels.k[i];
		each(w, format_text("%s/earlier/*", w->dir), take_guest);
		each(w, format_text("%s/shard*.d*", round), take_guest);
	}
	if (w->interrupted)
		each(w, format_text("%s/shard*", round), take_planned);
}

/* ---- programs and scripts ---- */

/* DIR/NAME.tap: plain TAP; of a script, or of what left its exit status beside it. */
static void take_tap(const struct whole *w, const char *path, const char *kind, bool script)
{
	const char *base = strrchr(path, '/') + 1;
	char *suite = format_text("%s.%.*s", kind, (int)(strlen(base) - strlen(".tap")), base);
	char *rc = format_text("%.*s.rc", (int)(strlen(path) - strlen(".tap")), path);

	take(w, script || !access(rc, F_OK) ? TAP_SCRIPT : TAP_FLAT, suite, copy_text(path));
	free(suite);
	free(rc);
}

static void take_host(const struct whole *w, const char *path)
{
	take_tap(w, path, "host", false);
}

static void take_env(const struct whole *w, const char *path)
{
	if (!strcmp(strrchr(path, '/'), "/left-out.tap"))
		take(w, TAP_FLAT, "env", copy_text(path));
	else
		take_tap(w, path, "env", true);
}

/* The last round: the others were the same tests again and again. */
static char *last_round(const char *dir)
{
	char *path = format_text("%s/guest", dir), *next;

	for (int i = 1;; i++) {
		next = format_text("%s/guest.%d", dir, i);
		if (access(next, F_OK))
			break;
		free(path);
		path = next;
	}
	free(next);
	return path;
}

void files_all(const struct whole *w)
{
	char *round = last_round(w->dir);

	take(w, TAP_FLAT, "known-failures", format_text("%s/known.tap", w->dir));
	each(w, format_text("%s/host/*.tap", w->dir), take_host);
	files_guest(w, round);
	each(w, format_text("%s/env/*.tap", w->dir), take_env);
	if (w->interrupted)
		take(w, TAP_PLANNED, "env", format_text("%s/env/planned", w->dir));
	free(round);
}
