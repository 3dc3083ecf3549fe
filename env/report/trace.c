// SPDX-License-Identifier: GPL-2.0-only
/* Places in sources, and kernel reports that env/debug/decode.sh has given source lines. */
#include <ctype.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* The module's sources are compiled from copies below build/kmod/KERNEL. */
char *source_name(const char *path)
{
	const char *root = getenv("VEX_ROOT"), *copy = strstr(path, "/build/kmod/");
	size_t len = root ? strlen(root) : 0;

	if (copy && strchr(copy + 12, '/'))
		return strdup(strchr(copy + 12, '/') + 1);
	if (len && !strncmp(path, root, len) && path[len] == '/')
		path += len + 1;
	while (!strncmp(path, "./", 2))
		path += 2;
	return strdup(path);
}

bool place_in(const char *text, struct place *p)
{
	static regex_t re;
	static bool ready;
	regmatch_t m[4];
	char path[PATH_MAX];

	if (!ready && regcomp(&re, "([A-Za-z0-9_./+-]+\\.(c|h|S|rs|sh|cocci)):([0-9]+)", REG_EXTENDED))
		return false;
	ready = true;
	if (regexec(&re, text, 4, m, 0))
		return false;
	snprintf(path, sizeof(path), "%.*s", (int)(m[1].rm_eo - m[1].rm_so), text + m[1].rm_so);
	p->file = source_name(path);
	p->line = atol(text + m[3].rm_so);
	return true;
}

bool place_of(const char *file, const char *literal, struct place *p)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t room = 0;
	long n = 0, at = 0, hits = 0;

	if (!f)
		return false;
	while (literal && *literal && getline(&line, &room, f) > 0) {
		n++;
		if (strstr(line, literal)) {
			at = n;
			hits++;
		}
	}
	free(line);
	fclose(f);
	p->file = source_name(file);
	p->line = hits == 1 ? at : 0;
	return true;
}

const char *kernel_text(const char *line)
{
	while (*line == '[' && strchr(line, ']'))
		line = strchr(line, ']') + 1;
	return line + strspn(line, " ");
}

static struct json_object *frame_new(const char *function, const char *module, bool inlined)
{
	struct json_object *o = json_object_new_object();

	put_text(o, "function", function);
	put_text(o, "module", module);
	json_object_object_add(o, "file", NULL);
	json_object_object_add(o, "line", NULL);
	json_object_object_add(o, "inlined", json_object_new_boolean(inlined));
	return o;
}

/* "vexfs_create+0x4b/0x90 [vexfs]", with "RIP: 0010:" before it or not. */
static bool frame_line(const char *text, char *function, char *module)
{
	const char *p = text, *end;

	module[0] = 0;
	if (!strncmp(p, "RIP: ", 5) && strchr(p + 5, ':'))
		p = strchr(p + 5, ':') + 1;
	end = p + strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
	if (end == p || strncmp(end, "+0x", 3) || end - p > 200)
		return false;
	sprintf(function, "%.*s", (int)(end - p), p);
	p = strstr(end, " [");
	if (p)
		sscanf(p + 2, "%60[a-z0-9_]", module);
	return true;
}

/* "        [inlined in ]vexfs_create at kmod/namei.c:123", below the frame it belongs to. */
static bool source_line(const char *line, char *function, struct place *p)
{
	const char *at;

	if (strncmp(line, "        ", 8) || isspace((unsigned char)line[8]))
		return false;
	line += 8;
	if (!strncmp(line, "inlined in ", 11))
		line += 11;
	at = strstr(line, " at ");
	if (!at || at - line > 200)
		return false;
	sprintf(function, "%.*s", (int)(at - line), line);
	return place_in(at + 4, p);
}

static void frame_place(struct json_object *frame, struct place *p)
{
	put_text(frame, "file", p->file);
	put_int(frame, "line", p->line);
	free(p->file);
}

/* A frame's first source line is the innermost function; the last is the frame itself. */
static void add_source(struct json_object *frames, const char *function, struct place *p, bool first)
{
	size_t n = json_object_array_length(frames);
	struct json_object *last = json_object_array_get_idx(frames, n - 1), *frame, *module = NULL;

	if (first) {
		put_text(last, "function", function);
		frame_place(last, p);
		return;
	}
	json_object_object_add(last, "inlined", json_object_new_boolean(true));
	json_object_object_get_ex(last, "module", &module);
	frame = frame_new(function, json_object_get_string(module), false);
	frame_place(frame, p);
	json_object_array_add(frames, frame);
}

static bool report_ends(const char *text)
{
	return !strncmp(text, "</TASK>", 7) || strstr(text, "end trace ") || !strncmp(text, "Modules linked in", 17) ||
	       !strncmp(text, "task:", 5) || strstr(text, "sysrq: ");
}

/* Where another report begins: in a hang each blocked task and each processor has one. */
static bool report_begins(const char *text)
{
	return !strncmp(text, "task:", 5) || strstr(text, "INFO: task ") || strstr(text, "soft lockup") ||
	       strstr(text, "NMI backtrace for cpu") || strstr(text, "BUG: ") || strstr(text, "Kernel panic");
}

static struct json_object *frames_read(FILE *f)
{
	struct json_object *frames = json_object_new_array();
	char *line = NULL, function[256], module[64];
	struct place p;
	bool open = false, first = false;
	size_t room = 0;
	long at;

	while (at = ftell(f), json_object_array_length(frames) < FRAMES_MAX && getline(&line, &room, f) > 0) {
		const char *text;

		line[strcspn(line, "\r\n")] = 0;
		if (open && source_line(line, function, &p)) {
			add_source(frames, function, &p, first);
			first = false;
			continue;
		}
		text = kernel_text(line);
		open = first = frame_line(text, function, module);
		if (open)
			json_object_array_add(frames, frame_new(function, module, false));
		/* An oops lists its modules between the instruction and the stack. */
		else if (json_object_array_length(frames) > 1 && report_ends(text)) {
			fseek(f, at, SEEK_SET);		/* it may begin the next one */
			break;
		}
	}
	free(line);
	return frames;
}

/* 2: a function of a module in a file of its own; 1: of a module, or inlined from a header; 0: the kernel's. */
static int frame_rank(struct json_object *o)
{
	const char *file = json_object_get_string(json_object_object_get(o, "file"));

	if (!json_object_object_get(o, "module"))
		return 0;
	return file && *file != '/' ? 2 : 1;
}

static void trace_where(struct json_object *trace, struct json_object *frames)
{
	struct json_object *best = NULL, *v;
	int rank = 0;

	for (size_t i = 0; i < json_object_array_length(frames) && rank < 2; i++) {
		struct json_object *o = json_object_array_get_idx(frames, i);

		if (frame_rank(o) <= rank)
			continue;
		rank = frame_rank(o);
		best = o;
	}
	for (const char *const *key = (const char *const[]){ "function", "file", "line", NULL }; *key; key++) {
		v = NULL;
		if (best)
			json_object_object_get_ex(best, *key, &v);
		json_object_object_add(trace, *key, json_object_get(v));
	}
}

static struct json_object *report_read(FILE *f, const char *kernel, const char *head)
{
	struct json_object *trace = json_object_new_object(), *frames;

	put_text(trace, "kernel", kernel);
	put_text(trace, "complaint", kernel_text(head));
	frames = frames_read(f);
	trace_where(trace, frames);
	json_object_object_add(trace, "frames", frames);
	return trace;
}

static bool has_place(struct json_object *trace)
{
	return json_object_object_get(trace, "function");
}

/* The first report that has a function of a module; the first of all if none has. */
struct json_object *trace_read(const char *dir, const char *kernel, const char *from)
{
	struct json_object *trace = NULL, *next;
	char path[PATH_MAX], *line = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace.txt", dir);
	f = fopen(path, "re");
	while (f && !(trace && has_place(trace)) && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\r\n")] = 0;
		if (trace ? !report_begins(kernel_text(line)) : !strstr(line, from))
			continue;
		next = report_read(f, kernel, line);
		if (trace && !has_place(next)) {
			json_object_put(next);
			continue;
		}
		json_object_put(trace);
		trace = next;
	}
	free(line);
	if (f)
		fclose(f);
	/* The kernel's own words may be cut off elsewhere: then the first report is the one. */
	return trace || !*from ? trace : trace_read(dir, kernel, "");
}

struct json_object *blocked_read(const char *dir, const char *kernel)
{
	struct json_object *list = json_object_new_array(), *trace, *o;
	char path[PATH_MAX], *line = NULL, task[64], head[256];
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace.txt", dir);
	f = fopen(path, "re");
	while (f && json_object_array_length(list) < BLOCKED_MAX && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\r\n")] = 0;
		snprintf(head, sizeof(head), "%.250s", kernel_text(line));
		if (sscanf(head, "task:%60s state:D", task) != 1 || !strstr(head, "state:D"))
			continue;
		trace = report_read(f, kernel, head);
		o = json_object_new_object();
		put_text(o, "task", task);
		for (const char *const *key = (const char *const[]){ "function", "file", "line", NULL }; *key; key++)
			json_object_object_add(o, *key, json_object_get(json_object_object_get(trace, *key)));
		json_object_array_add(list, o);
		json_object_put(trace);
	}
	free(line);
	if (f)
		fclose(f);
	return list;
}
