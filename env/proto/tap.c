// SPDX-License-Identifier: GPL-2.0-only
/* One line of TAP or KTAP. Nothing is allocated and nothing fails: init runs it as PID 1. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static const char *after(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) ? NULL : s + len;
}

static const char *blanks(const char *s)
{
	return s + strspn(s, " ");
}

/* The first word of @from. */
static void set_name(struct tap_line *t, const char *from)
{
	snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(from, " "), from);
}

/* "# SKIP why", "# TODO why", "# ms=12", in this order or any other. */
static void directives(struct tap_line *t, const char *s)
{
	const char *skip = strcasestr(s, "# SKIP"), *ms = strstr(s, "# ms=");

	t->directive = true;
	t->expected = strcasestr(s, "# TODO") || strstr(s, "# XFAIL");
	if (ms)
		t->ms = atol(ms + 5);
	if (skip) {
		t->skip = true;
		t->reason = blanks(skip + 6);
	}
}

/* @s: behind "ok " or "not ok " */
static void result(struct tap_line *t, const char *s)
{
	const char *number = blanks(s), *p = number + strspn(number, "0123456789"), *end;
	size_t digits = p - number;

	/* "ok 3rd" has no number. */
	if (digits && *p && *p != ' ')
		p = number, digits = 0;
	p = blanks(p);
	if (*p == '-' && (p[1] == ' ' || !p[1]))
		p = blanks(p + 1);
	end = strstr(p, "# ");
	if (end)
		directives(t, end);
	else
		end = p + strlen(p);
	while (end > p && end[-1] == ' ')
		end--;
	t->what = TAP_RESULT;
	snprintf(t->name, sizeof(t->name), "%.*s", (int)(end - p), p);
	/* cmocka 1.1.5: "not ok 3 # SKIP name". */
	if (!*t->name && t->skip)
		snprintf(t->name, sizeof(t->name), "%.190s", t->reason);
	if (!*t->name)
		snprintf(t->name, sizeof(t->name), "%.*s", digits ? (int)digits : 1, digits ? number : "?");
}

static bool is_result(struct tap_line *t)
{
	const char *s = after(t->text, "not ");

	t->ok = !s;
	s = after(s ? s : t->text, "ok ");
	if (!s)
		return false;
	result(t, s);
	return true;
}

static bool is_plan(struct tap_line *t)
{
	const char *s = after(t->text, "1..");
	const char *more;

	if (!s || !isdigit((unsigned char)*s))
		return false;
	t->what = TAP_PLAN;
	t->plan = atoi(s);
	more = strchr(s, '#');
	if (more)
		directives(t, more);
	return true;
}

/* What init says of itself: only its words begin at the left margin. */
static void note_of_init(struct tap_line *t, const char *s)
{
	const char *name = after(s, "plan "), *limit;

	t->about = TAP_INIT;
	if (name) {
		t->what = TAP_ANNOUNCED;
		set_name(t, name);
		return;
	}
	name = after(s, "start ");
	if (!name)
		return;
	t->what = TAP_STARTED;
	set_name(t, name);
	limit = strstr(name, " limit_ms=");
	if (limit)
		t->limit_ms = strtoul(limit + 10, NULL, 10);
}

static void note(struct tap_line *t)
{
	static const struct {
		const char *prefix;
		enum tap_about about;
	} kinds[] = {
		{ "kernel: ", TAP_KERNEL }, { "kmemleak", TAP_ORACLE }, { "cannot unload", TAP_ORACLE },
		{ "stack: ", TAP_STACK }, { "in flight: ", TAP_IN_FLIGHT },
	};

	t->what = TAP_NOTE;
	t->text = t->text[1] == ' ' ? t->text + 2 : t->text + 1;
	t->timed_out = strstr(t->text, ": timed out after ") || strstr(t->text, ": a task hangs");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (after(t->text, kinds[i].prefix))
			t->about = kinds[i].about;
	if (!t->depth && after(t->text, "vex: "))
		note_of_init(t, t->text + 5);
}

void tap_parse(const char *line, struct tap_line *t)
{
	memset(t, 0, sizeof(*t));
	t->text = blanks(line);
	t->depth = t->text - line;
	t->reason = "";
	if (*t->text == '#')
		note(t);
	else if (after(t->text, "Bail out!"))
		t->what = TAP_BAIL;
	else if (!is_result(t))
		is_plan(t);
}

bool tap_words(const struct tap_line *t)
{
	return t->what == TAP_NOTE && (t->about == TAP_WORDS || t->about == TAP_KERNEL || t->about == TAP_ORACLE);
}
