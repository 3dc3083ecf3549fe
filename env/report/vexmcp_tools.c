// SPDX-License-Identifier: GPL-2.0-only
/* ./vex mcp: its tools. Arguments become words of a command line, never text for a shell of this host. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vexmcp.h"

#define WORDS_MAX	32
#define LOG_MAX		(256u << 10)	/* bytes that logs gives back */

enum kind { K_TEXT, K_NUMBER, K_FLAG, K_LINES };

/* An argument and the option it becomes; option NULL: the tool's function sees to it. */
struct argument {
	const char *name, *option;
	enum kind kind;
	bool required;
	const char *text;
};

struct tool {
	const char *name, *text;
	const char *words[4];
	struct argument args[9];
};

static const struct tool tools[] = {
	{ "build", "Builds the tools and the module. failed[] has the compiler's errors with file and line.",
	  { "build", "--json" },
	  { { "kernel", "--kernel", K_TEXT, false, "the module for this kernel (default: Debian 12's two)" },
	    { "check", "--check", K_FLAG, false, "the unit tests, too" } } },
	{ "test", "Builds what has changed and runs tests: without a filter all of them, which takes minutes.",
	  { "test", "--json" },
	  { { "only", "--only", K_TEXT, false, "host (unit tests), guest (in virtual machines) or env" },
	    { "kernel", "--kernel", K_TEXT, false, "guest tests on this kernel" },
	    { "filter", "--filter", K_TEXT, false, "only tests whose name matches this extended regular expression" },
	    { "full", "--full", K_FLAG, false, "also what takes long" },
	    { "repeat", "--repeat", K_NUMBER, false, "each test so many times" } } },
	{ "vm", "Runs a shell script as root in a guest with the module loaded. status is its exit status, logs.output "
	  "what it printed.",
	  { "vm", "--json" },
	  { { "script", NULL, K_LINES, true, "the script, for BusyBox sh" },
	    { "kernel", "--kernel", K_TEXT, false, "which kernel (default 6.1)" },
	    { "disk", "--disk", K_TEXT, false, "an empty disk: NAME=SIZE, such as d=64M; its device is $VEX_DISK_D" },
	    { "timeout", "--timeout", K_NUMBER, false, "seconds, scaled by the speed of the host (default 120)" },
	    { "kill_after_marker", "--kill-after-marker", K_TEXT, false, "cut the power when this text appears" } } },
	{ "crash", "Makes a panic into a bundle: dump, trace, symbols. Without a command it provokes one in VexFS; "
	  "another module needs a command.",
	  { "crash", "--json" },
	  { { "kernel", "--kernel", K_TEXT, false, "which kernel (default 6.1)" },
	    { "command", NULL, K_LINES, false,
	      "a line for the guest's shell, after the module's setup (VexFS: on /mnt/vexfs)" } } },
	{ "logs", "Reads the end of a log that a result names, or its lines with a word.", { NULL },
	  { { "path", NULL, K_TEXT, true, "as a result's logs, guests or bundle have it" },
	    { "lines", NULL, K_NUMBER, false, "so many at most (default 200)" },
	    { "match", NULL, K_TEXT, false, "only lines that hold this text" } } },
};

#define NTOOLS (sizeof(tools) / sizeof(tools[0]))

static bool __attribute__((format(printf, 2, 3))) wrong(struct tool_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	r->wrong = true;
	return false;
}

/* ---- what a client is told ---- */

static struct json_object *schema(const struct tool *t)
{
	static const char *const types[] = { "string", "integer", "boolean", "string" };
	struct json_object *o = json_object_new_object(), *all = json_object_new_object(),
			   *need = json_object_new_array();

	for (const struct argument *a = t->args; a->name; a++) {
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "type", json_object_new_string(types[a->kind]));
		json_object_object_add(one, "description", json_object_new_string(a->text));
		json_object_object_add(all, a->name, one);
		if (a->required)
			json_object_array_add(need, json_object_new_string(a->name));
	}
	json_object_object_add(o, "type", json_object_new_string("object"));
	json_object_object_add(o, "properties", all);
	json_object_object_add(o, "required", need);
	return o;
}

struct json_object *tools_list(void)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < NTOOLS; i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "name", json_object_new_string(tools[i].name));
		json_object_object_add(o, "description", json_object_new_string(tools[i].text));
		json_object_object_add(o, "inputSchema", schema(&tools[i]));
		json_object_array_add(list, o);
	}
	return list;
}

/* ---- arguments ---- */

static bool check_one(const struct argument *a, struct json_object *v, struct tool_result *r)
{
	const char *s;

	if (a->kind == K_NUMBER)
		return (json_object_is_type(v, json_type_int) && json_object_get_int64(v) > 0 &&
			json_object_get_int64(v) < 1000000) ||
		       wrong(r, "'%s' must be an integer from 1 to 999999", a->name);
	if (a->kind == K_FLAG)
		return json_object_is_type(v, json_type_boolean) || wrong(r, "'%s' must be true or false", a->name);
	if (!json_object_is_type(v, json_type_string))
		return wrong(r, "'%s' must be a string", a->name);
	s = json_object_get_string(v);
	if (strlen(s) != (size_t)json_object_get_string_len(v) || !*s)
		return wrong(r, "'%s' is empty or has a NUL character in it", a->name);
	if (a->kind == K_TEXT && strpbrk(s, "\r\n"))
		return wrong(r, "'%s' must be one line", a->name);
	/* a file of this host, which --disk takes as well, is not the client's to write to */
	if (!strcmp(a->name, "disk") && (strpbrk(s, "/,.") || !strchr(s, '=')))
		return wrong(r, "'disk' must be NAME=SIZE, such as d=64M");
	return true;
}

static bool check_arguments(const struct tool *t, struct json_object *args, struct tool_result *r)
{
	const struct argument *a;

	if (args) {
		json_object_object_foreach(args, key, value) {
			for (a = t->args; a->name && strcmp(a->name, key); a++)
				;
			if (!a->name)
				return wrong(r, "%s has no argument '%.60s'", t->name, key);
			if (!check_one(a, value, r))
				return false;
		}
	}
	for (a = t->args; a->name; a++)
		if (a->required && !json_object_object_get_ex(args, a->name, NULL))
			return wrong(r, "%s requires '%s'", t->name, a->name);
	return true;
}

static const char *text_of(struct json_object *args, const char *name)
{
	struct json_object *v;

	return args && json_object_object_get_ex(args, name, &v) ? json_object_get_string(v) : NULL;
}

/* ---- logs: what is below build/, and nothing else ---- */

static bool wanted(const char *line, const char *match)
{
	return !match || strstr(line, match);
}

static void put_safe(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc((*s >= 32 && *s < 127) || *s == '\n' || *s == '\t' ? *s : '?', f);
}

/* The last @lines of those that are wanted. */
static struct json_object *tail(FILE *f, const char *match, unsigned long lines, bool *cut)
{
	unsigned long n = 0, skip;
	char *line = NULL, *text = NULL;
	size_t room = 0, size = 0;
	struct json_object *o;
	FILE *out = open_memstream(&text, &size);

	while (getline(&line, &room, f) > 0)
		n += wanted(line, match);
	skip = n > lines ? n - lines : 0;
	*cut = skip;
	rewind(f);
	while (out && getline(&line, &room, f) > 0) {
		if (!wanted(line, match))
			continue;
		if (skip) {
			skip--;
			continue;
		}
		put_safe(out, line);
		fflush(out);
		if (size > LOG_MAX) {
			*cut = true;
			break;
		}
	}
	free(line);
	if (out)
		fclose(out);
	o = json_object_new_string(text ? text : "");
	free(text);
	return o;
}

static void read_log(const char *build, struct json_object *args, struct tool_result *r)
{
	const char *path = text_of(args, "path"), *lines = text_of(args, "lines"), *match = text_of(args, "match");
	char whole[PATH_MAX], base[PATH_MAX];
	size_t len;
	bool cut;
	FILE *f;

	if (!realpath(path, whole) || !realpath(build, base)) {
		snprintf(r->text, sizeof(r->text), "%.200s: %s", path, strerror(errno));
		return;
	}
	len = strlen(base);
	if (strncmp(whole, base, len) || whole[len] != '/') {
		wrong(r, "'path' must be below %.200s", base);
		return;
	}
	f = fopen(whole, "re");
	if (!f) {
		snprintf(r->text, sizeof(r->text), "%.200s: %s", path, strerror(errno));
		return;
	}
	r->data = json_object_new_object();
	json_object_object_add(r->data, "path", json_object_new_string(whole));
	json_object_object_add(r->data, "text", tail(f, match, lines ? strtoul(lines, NULL, 10) : 200, &cut));
	json_object_object_add(r->data, "cut", json_object_new_boolean(cut));
	fclose(f);
}

/* ---- commands ---- */

static bool write_script(const char *build, const char *text, struct tool_result *r)
{
	size_t len = strlen(text);
	bool ok;
	int fd;

	snprintf(r->script, sizeof(r->script), "%s/mcp-script-XXXXXX", build);
	fd = mkstemp(r->script);
	ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;
	if (fd >= 0)
		ok = !close(fd) && ok;
	if (!ok)
		snprintf(r->text, sizeof(r->text), "%.300s: %s", r->script, strerror(errno));
	if (!ok && fd >= 0)
		unlink(r->script);
	return ok;
}

struct words {
	char **v;
	size_t n;
};

static void word(struct words *w, const char *text)
{
	if (w->n + 1 < WORDS_MAX)
		w->v[w->n++] = strdup(text);
}

static void options(const struct tool *t, struct json_object *args, struct words *w)
{
	for (const struct argument *a = t->args; a->name; a++) {
		const char *text = text_of(args, a->name);

		if (!text || !a->option || (a->kind == K_FLAG && strcmp(text, "true")))
			continue;
		word(w, a->option);
		if (a->kind != K_FLAG)
			word(w, text);
	}
}

static void command(const char *root, const char *build, const struct tool *t, struct json_object *args,
		    struct tool_result *r)
{
	const char *script = text_of(args, "script"), *line = text_of(args, "command");
	struct words w = { calloc(WORDS_MAX, sizeof(char *)), 0 };
	char vex[PATH_MAX];

	if (!w.v || (script && !write_script(build, script, r))) {
		free(w.v);
		return;
	}
	snprintf(vex, sizeof(vex), "%s/vex", root);
	word(&w, vex);
	for (size_t i = 0; t->words[i]; i++)
		word(&w, t->words[i]);
	options(t, args, &w);
	if (script)
		word(&w, r->script);
	if (line) {
		word(&w, "--");
		word(&w, "sh");
		word(&w, "-c");
		word(&w, line);
	}
	r->argv = w.v;
}

void tool_prepare(const char *root, const char *build, const char *name, struct json_object *args,
		  struct tool_result *r)
{
	for (size_t i = 0; i < NTOOLS; i++) {
		if (strcmp(tools[i].name, name))
			continue;
		if (!check_arguments(&tools[i], args, r))
			return;
		if (tools[i].words[0])
			command(root, build, &tools[i], args, r);
		else
			read_log(build, args, r);
		return;
	}
	wrong(r, "unknown tool: %.100s", name);
}
