// SPDX-License-Identifier: GPL-2.0-only
/*
 * What became of a guest as a whole, from what its launcher left beside its tap.log: "result" (NAME=VALUE), "rc" (the
 * exit code, once everything is over). Its own failure (a leak found at the end, a module that stays, a lost machine)
 * is a case with a name, even when every test passed. The log itself is the guest's, and stays as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/proto.h"
#include "cases.h"

/* ---- files ---- */

char *file_value(const char *dir, const char *file, const char *name)
{
	char path[4096], *line = NULL, *found = NULL;
	size_t room = 0, len = strlen(name);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "re");
	while (f && !found && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, name, len) && line[len] == '=' && line[len + 1])
			found = strdup(line + len + 1);
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* The first line of a file, or its last; malloc'ed, NULL: none. */
static char *line_of(const char *path, bool last)
{
	char *line = NULL, *found = NULL;
	size_t room = 0;
	FILE *f = fopen(path, "re");

	while (f && (last || !found) && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		free(found);
		found = strdup(line);
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

char *file_line(const char *dir, const char *file)
{
	char path[4096];

	if (!dir)
		return line_of(file, false);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return line_of(path, false);
}

char *file_last(const char *path)
{
	return line_of(path, true);
}

int run_code(const char *dir)
{
	char *text = file_line(dir, "rc"), *end;
	long code = text ? strtol(text, &end, 10) : -1;

	if (text && (end == text || *end))
		code = -1;	/* a full disk */
	free(text);
	return (int)code;
}

const char *run_cause(int code)
{
	static char other[32];

	switch (code) {
	case VEX_PASSED: return "passed";
	case VEX_FAILED: return "test failed";
	case VEX_USAGE: return "usage";
	case VEX_PANIC: return "kernel panic, oops or warning";
	case VEX_HANG: return "hang or time-out";
	case VEX_LOST: return "VM lost";
	case VEX_ENV: return "environment broken";
	case VEX_NOTHING: return "nothing ran";
	case VEX_BUILD_ID: return "wrong build";
	case VEX_NO_DUMP: return "no memory dump";
	case VEX_INTERRUPTED: return "interrupted";
	}
	snprintf(other, sizeof(other), "status %d", code);
	return other;
}

/* ---- what the log said ---- */

/* Words since the last test that started or ended; a failed test takes them. */
void run_line(struct run_words *w, const struct tap_line *t)
{
	if (t->what == TAP_STARTED || (t->what == TAP_RESULT && !t->depth)) {
		if (t->what == TAP_RESULT && !t->ok) {
			w->failed = true;
			w->failed_kernel |= w->kernel;
			w->failed_time |= w->time;
		}
		w->kernel = w->time = false;
		w->last[0] = 0;
	} else if (t->what == TAP_NOTE && !t->depth) {
		w->time |= t->timed_out || strstr(t->text, "blocked for more than");
		if (t->about != TAP_KERNEL && t->about != TAP_ORACLE)
			return;
		w->kernel = true;
		if (!w->last[0])
			snprintf(w->last, sizeof(w->last), "%.500s", t->text);
	}
}

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);

	return a >= b && !strcmp(s + a - b, end);
}

/*
 * Whether a test is why the run ended with @code: it did not end itself, it failed, or the kernel complained in it. A
 * test that failed does not explain a lost machine, and one that timed out no guest that hangs after it.
 */
static bool explained(const struct run_words *w, int code, const char *message, const char *running)
{
	if (running)
		return true;
	if (code == VEX_FAILED)
		return w->failed;
	if (code == VEX_PANIC)
		return w->failed_kernel;
	return code == VEX_HANG && w->failed_time &&
	       (ends_with(message, "tests timed out") || ends_with(message, "hangs in the kernel"));
}

/* What ended the guest belongs to the test that ran then: one that was expected to panic is not excused for a hang. */
static void blame(struct test_case *c, int code, const char *message)
{
	char text[600];

	if (code != VEX_PANIC && code != VEX_HANG)
		return;
	snprintf(text, sizeof(text), "%s: %.500s", code == VEX_PANIC ? "kernel" : "the guest hung", message);
	case_explain(c, text);
	if (code != VEX_PANIC)
		return;
	c->kernel = true;
	if (!c->complaint[0])
		snprintf(c->complaint, sizeof(c->complaint), "%.250s", message);
}

/* A failure of the run itself. */
static void own_failure(const char *suite, const char *path, const char *dir, const struct run_words *w, int code,
			const char *message)
{
	char name[192], text[600];
	const char *slash = strrchr(dir, '/');
	struct test_case *c;

	snprintf(name, sizeof(name), "end-of-run.%.150s", slash ? slash + 1 : dir);
	if (w->last[0])
		snprintf(text, sizeof(text), "%s", w->last);
	else
		snprintf(text, sizeof(text), "%s: %.500s", run_cause(code), message);
	c = case_start(suite, name, path);
	c->state = FAILED;
	case_explain(c, text);
	if (!strncmp(w->last, "kernel: ", 8)) {
		c->kernel = true;
		snprintf(c->complaint, sizeof(c->complaint), "%.250s", w->last + 8);
	}
}

void run_end(const char *suite, const char *path, struct test_case *current, const struct run_words *w)
{
	char dir[4096], *message, *running;
	const char *slash = strrchr(path, '/'), *said;
	int code;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	code = run_code(dir);
	if (code <= 0 || code == VEX_INTERRUPTED)
		return;
	message = file_value(dir, "result", "message");
	running = file_value(dir, "result", "running");
	said = message ? message : "";
	if (running && current)
		blame(current, code, said);
	if ((w->last[0] && !current) || !explained(w, code, said, running))
		own_failure(suite, path, dir, w, code, said);
	free(message);
	free(running);
}
