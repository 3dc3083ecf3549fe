// SPDX-License-Identifier: GPL-2.0-only
/* The object: what became of a command, from its records and the logs that they name. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "cases.h"
#include "json.h"

/* ---- text and members ---- */

/* Bytes of the character of UTF-8 at s; 0: invalid. */
static size_t utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, low, high;	/* of the first byte, of the second */
		unsigned char len;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		if (*s < forms[f].first || *s > forms[f].last)
			continue;
		if (forms[f].len > 1 && (s[1] < forms[f].low || s[1] > forms[f].high))
			return 0;
		for (size_t i = 2; i < forms[f].len; i++)
			if ((s[i] & 0xc0) != 0x80)
				return 0;
		return forms[f].len;
	}
	return 0;
}

struct json_object *text_new(const char *s)
{
	struct json_object *o;
	size_t n = 0, len;
	char *out;

	if (!s || !*s)
		return NULL;
	out = malloc(strlen(s) + 1);
	if (!out)
		abort();
	for (; *s; s += len ? len : 1) {
		len = utf8_length((const unsigned char *)s);
		if (!len)
			out[n++] = '?';
		else if (len == 1 && ((unsigned char)*s < 32 || *s == 127))
			out[n++] = ' ';
		else
			for (size_t i = 0; i < len; i++)
				out[n++] = s[i];
	}
	o = json_object_new_string_len(out, (int)n);
	free(out);
	return o;
}

void put_text(struct json_object *o, const char *key, const char *s)
{
	json_object_object_add(o, key, text_new(s));
}

void put_int(struct json_object *o, const char *key, long n)
{
	json_object_object_add(o, key, n ? json_object_new_int64(n) : NULL);
}

static struct json_object *seconds_new(double s)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", s);
	return json_object_new_double_s(s, text);
}

static const char *get_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	return o && json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : NULL;
}

/* ---- guests ---- */

/* Its launcher's exit code; -1: it left none. */
static int guest_code(const char *dir)
{
	char *text = file_value(dir, "result", "exit");
	int code = text ? atoi(text) : -1;

	free(text);
	return code;
}

/* The guest that explains the end: the first with the command's exit code, the first that went wrong, the last. */
static const struct record *guest_to_blame(int status)
{
	const struct record *wrong = NULL, *last = NULL;

	for (size_t i = 0; i < nrecords; i++) {
		int code;

		if (strcmp(records[i].kind, "guest"))
			continue;
		code = guest_code(records[i].v[0]);
		last = &records[i];
		if (code > 0 && code == status)
			return last;
		if (code && !wrong)
			wrong = last;
	}
	return wrong ? wrong : last;
}

static struct json_object *guests_make(void)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < nrecords; i++) {
		const char *dir = records[i].v[0];
		struct json_object *o;
		char *message, *ms;

		if (strcmp(records[i].kind, "guest"))
			continue;
		message = file_value(dir, "result", "message");
		ms = file_value(dir, "result", "total_ms");
		o = json_object_new_object();
		put_text(o, "kernel", records[i].v[1]);
		put_text(o, "directory", dir);
		put_text(o, "verdict", guest_code(dir) < 0 ? NULL : verdict_word(guest_code(dir)));
		put_text(o, "message", message ? kernel_text(message) : NULL);
		json_object_object_add(o, "seconds", ms ? seconds_new(atol(ms) / 1000.0) : NULL);
		json_object_array_add(list, o);
		free(message);
		free(ms);
	}
	return list;
}

/* What a script or command in the guest ended with; -1: it did not, or there was none. */
static int guest_status(const struct record *guest)
{
	char *verdict, *at;
	int status = -1;

	if (!guest || guest_code(guest->v[0]))
		return -1;
	verdict = file_value(guest->v[0], "result", "session");
	if (verdict)
		status = atoi(verdict);
	free(verdict);
	verdict = NULL;
	if (status < 0) {
		char path[PATH_MAX], line[1024];
		FILE *f;

		snprintf(path, sizeof(path), "%s/result", guest->v[0]);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			at = strstr(line, " status=");
			if (!strncmp(line, "verdict ", 8) && strstr(line, " kind=exec ") && at)
				status = atoi(at + 8);
		}
		if (f)
			fclose(f);
	}
	return status;
}

/* ---- logs ---- */

/* The whole path of DIR/NAME where that is, and is not empty. */
static void put_path(struct json_object *o, const char *key, const char *dir, const char *name)
{
	char path[PATH_MAX], whole[PATH_MAX];
	FILE *f;
	int c = EOF;

	json_object_object_add(o, key, NULL);
	if (!dir || !*dir)
		return;
	snprintf(path, sizeof(path), "%s%s%s", dir, *name ? "/" : "", name);
	if (!realpath(path, whole))
		return;
	f = *name ? fopen(whole, "re") : NULL;
	if (f) {
		c = fgetc(f);
		fclose(f);
	}
	if (!*name || c != EOF)
		put_text(o, key, whole);
}

static struct json_object *logs_make(const struct record *guest)
{
	struct json_object *o = json_object_new_object();
	const char *dir = record_value("directory"), *one = guest ? guest->v[0] : "", *bundle = record_value("bundle");

	if (!*dir)
		dir = one;
	put_path(o, "directory", dir, "");
	put_path(o, "console", one, "console.log");
	put_path(o, "output", one, "out.log");
	put_path(o, "tap", one, "tap.log");
	if (!get_text(o, "tap"))
		put_path(o, "tap", dir, "validate.log");
	put_path(o, "trace", one, "trace.txt");
	if (*bundle)
		put_path(o, "trace", bundle, "trace.txt");
	put_text(o, "build", record_last("step") ? record_last("step")->v[1] : NULL);
	put_path(o, "junit", dir, "junit.xml");
	return o;
}

/* ---- the command line ---- */

static void quote(FILE *f, const char *s)
{
	if (*s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-")]) {
		fprintf(f, " %s", s);
		return;
	}
	fputs(" '", f);
	for (; *s; s++)
		if (*s == '\'')
			fputs("'\\''", f);
		else
			fputc(*s, f);
	fputc('\'', f);
}

/* Adds a word to WORD|WORD|... or K,K,... unless it is there. */
static void join(char *to, size_t size, const char *word, size_t len, char by)
{
	size_t have = strlen(to);
	char *at = to;

	while ((at = strstr(at, word)) && at[len] && at[len] != by)
		at++;
	if (!(at && !strncmp(at, word, len)) && have + len + 2 < size)
		snprintf(to + have, size - have, "%.*s%.*s", have ? 1 : 0, &by, (int)len, word);
}

/* The options of ./vex test that say which tests run, and how often, are said anew; the others stay. */
static void other_options(FILE *f)
{
	static const char *const anew[] = { "--only", "--filter", "--kernel", "--repeat", "--jobs", "--show", NULL };
	bool value = false;

	for (size_t i = 0; i < nrecords; i++) {
		const char *word = records[i].v[0];
		size_t k = 0;

		if (strcmp(records[i].kind, "argument"))
			continue;
		while (!value && anew[k] && strcmp(anew[k], word))
			k++;
		if (!value && !anew[k] && strcmp(word, "--until-fail"))
			quote(f, word);
		value = !value && anew[k];
	}
}

/* Of ./vex test: only what failed. False: that is not tests of one kind. */
static bool narrower(FILE *f, struct json_object *failed)
{
	char filter[2048] = "", kernels[256] = "";
	const char *suite = NULL;

	for (size_t i = 0; i < json_object_array_length(failed); i++) {
		struct json_object *o = json_object_array_get_idx(failed, i);
		const char *s = get_text(o, "suite"), *test = get_text(o, "test"), *kernel = get_text(o, "kernel");

		if (!s || !test || (suite && strcmp(s, suite)) || !strncmp(test, "end-of-run", 10))
			return false;
		suite = s;
		join(filter, sizeof(filter), test, strcspn(test, "@"), '|');
		if (kernel)
			join(kernels, sizeof(kernels), kernel, strlen(kernel), ',');
	}
	if (!suite || (strcmp(suite, "guest") && strcmp(suite, "host") && strcmp(suite, "env")))
		return false;
	fprintf(f, " --only %s", suite);
	if (*kernels)
		fprintf(f, " --kernel %s", kernels);
	if (strcmp(suite, "host"))
		fprintf(f, " --filter '^(%s)$'", filter);
	other_options(f);
	return true;
}

static void put_reproduce(struct json_object *o, struct json_object *failed)
{
	const char *command = record_value("command"), *program = record_value("program");
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	fputs(*program ? program : "./vex", f);
	quote(f, command);
	if (strcmp(command, "test") || !narrower(f, failed))
		for (size_t i = 0; i < nrecords; i++)
			if (!strcmp(records[i].kind, "argument"))
				quote(f, records[i].v[0]);
	fclose(f);
	json_object_object_add(o, "reproduce", text_new(text));
	free(text);
}

static struct json_object *arguments_make(void)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < nrecords; i++)
		if (!strcmp(records[i].kind, "argument"))
			json_object_array_add(list, text_new(records[i].v[0]));
	return list;
}

/* ---- what one command alone has ---- */

/* A list of records of a kind as objects with these members; null without one. */
static struct json_object *rows(const char *kind, const char *const *keys)
{
	struct json_object *list = NULL, *o;

	for (size_t i = 0; i < nrecords; i++) {
		if (strcmp(records[i].kind, kind))
			continue;
		if (!list)
			list = json_object_new_array();
		o = json_object_new_object();
		for (size_t k = 0; keys[k]; k++)
			put_text(o, keys[k], strcmp(records[i].v[k], "-") ? records[i].v[k] : NULL);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *bundle_make(void)
{
	const char *dir = record_value("bundle");
	struct json_object *o;
	char *method;

	if (!*dir)
		return NULL;
	o = json_object_new_object();
	method = file_value(dir, "info", "method");
	put_text(o, "directory", dir);
	put_text(o, "method", method);
	free(method);
	return o;
}

static struct json_object *facts_make(void)
{
	const char *path = record_value("facts");
	FILE *f = *path ? fopen(path, "re") : NULL;
	struct json_object *o;
	char line[1024];

	if (!f)
		return NULL;
	o = json_object_new_object();
	while (fgets(line, sizeof(line), f)) {
		char *value = strchr(line, '=');

		line[strcspn(line, "\n")] = 0;
		if (!value)
			continue;
		*value++ = 0;
		json_object_object_add(o, line, json_object_new_string(value));
	}
	fclose(f);
	return o;
}

/* ---- the verdict ---- */

/*
 * A command that forwards the status of what ran in the guest may end with any number: what the guest's launcher says
 * comes first. A signal that ended ./vex itself (128 + N) is an interruption.
 */
static const char *verdict_of(int code, const struct record *guest, int status)
{
	if (status > 0 && status == code && guest)
		return "failed";
	if (code == 128 + 1 || code == 128 + 2 || code == 128 + 3 || code == 128 + 15)
		return "interrupted";
	if (code > VEX_NO_DUMP)
		return status >= 0 ? "failed" : "environment";
	return verdict_word(code);
}

/* The message ./vex ended with: the last one, with this exit code if there is one. */
static const char *last_words(int code)
{
	const char *last = "";

	for (size_t i = nrecords; i-- > 0;) {
		if (strcmp(records[i].kind, "end"))
			continue;
		if (atoi(records[i].v[0]) == code)
			return records[i].v[1];
		if (!*last)
			last = records[i].v[1];
	}
	return last;
}

static void success(char *text, size_t size, struct json_object *counts, struct json_object *trace)
{
	const char *bundle = record_value("bundle"), *function = get_text(trace, "function");

	if (*bundle)
		snprintf(text, size, "the guest panicked%s%s, and the bundle is complete", function ? " in " : "",
			 function ? function : "");
	else if (counts)
		snprintf(text, size, "%s passed, %s failed, %s skipped", get_text(counts, "passed"),
			 get_text(counts, "failed"), get_text(counts, "skipped"));
	else
		snprintf(text, size, "passed");
}

static void first_failed(char *text, size_t size, struct json_object *failed, unsigned int left_out)
{
	struct json_object *o = json_object_array_get_idx(failed, 0);
	size_t n = json_object_array_length(failed) + left_out;
	const char *file = get_text(o, "file"), *line = get_text(o, "line"), *test = get_text(o, "test"),
		   *message = get_text(o, "message");

	snprintf(text, size, "%s: %.600s", test ? test : "", message ? message : "");
	size -= strlen(text);
	text += strlen(text);
	if (file)
		snprintf(text, size, " (%s%s%s)", file, line ? ":" : "", line ? line : "");
	size -= strlen(text);
	text += strlen(text);
	if (n > 1)
		snprintf(text, size, "; %zu more", n - 1);
}

/* A guest's own end, and where in the module that was. */
static void guest_words(char *text, size_t size, const char *message, int code, struct json_object *trace)
{
	const char *function = get_text(trace, "function"), *file = get_text(trace, "file"),
		   *line = get_text(trace, "line");

	if (trace && code == VEX_PANIC)
		message = get_text(trace, "complaint");
	if (function && file && line)
		snprintf(text, size, "%.500s in %.100s (%.200s:%s)", kernel_text(message), function, file, line);
	else
		snprintf(text, size, "%.900s", kernel_text(message));
}

static void put_cause(struct json_object *o, int code, const struct record *guest, int status, unsigned int left_out)
{
	struct json_object *failed = json_object_object_get(o, "failed"), *trace = json_object_object_get(o, "trace");
	char text[TEXT_MAX] = "", *message = guest ? file_value(guest->v[0], "result", "message") : NULL;
	const char *words = last_words(code), *verdict = get_text(o, "verdict");

	if (!code)
		success(text, sizeof(text), json_object_object_get(o, "counts"), trace);
	else if (json_object_array_length(failed))
		first_failed(text, sizeof(text), failed, left_out);
	else if (!strcmp(verdict, "interrupted"))
		snprintf(text, sizeof(text), "interrupted by a signal");
	else if (*words)
		snprintf(text, sizeof(text), "%.900s", words);
	else if (status > 0 && status == code)
		snprintf(text, sizeof(text), "what ran in the guest ended with status %d", status);
	else if (message && guest_code(guest->v[0]) == code)
		guest_words(text, sizeof(text), message, code, trace);
	else if (code > 128)
		snprintf(text, sizeof(text), "./vex was killed by signal %d", code - 128);
	else
		snprintf(text, sizeof(text), "ended with exit code %d (%s)", code, verdict);
	put_text(o, "cause", text);
	free(message);
}

struct json_object *object_make(int code, double seconds)
{
	static const char *const kernel_keys[] = { "name", "state", "release", "purpose", NULL };
	static const char *const machine_keys[] = { "state", "text", NULL };
	const struct record *guest = guest_to_blame(code);
	struct json_object *o = json_object_new_object(), *failed, *trace = NULL;
	int status = guest_status(guest);
	unsigned int left_out;

	json_object_object_add(o, "schema", json_object_new_int(JSON_SCHEMA));
	put_text(o, "command", record_value("command"));
	json_object_object_add(o, "arguments", arguments_make());
	put_text(o, "verdict", verdict_of(code, guest, status));
	json_object_object_add(o, "exit_code", json_object_new_int(code));
	json_object_object_add(o, "cause", NULL);	/* its place; made of the others */
	json_object_object_add(o, "seconds", seconds_new(seconds));
	failed = failed_list(&left_out);
	put_reproduce(o, failed);
	json_object_object_add(o, "status", status < 0 ? NULL : json_object_new_int(status));
	json_object_object_add(o, "counts", failed_counts());
	json_object_object_add(o, "failed", failed);
	json_object_object_add(o, "failed_left_out", json_object_new_int((int)left_out));
	if (*record_value("bundle"))
		trace = trace_read(record_value("bundle"), guest ? guest->v[1] : NULL, "");
	else if (guest)
		trace = trace_read(guest->v[0], guest->v[1], "");
	json_object_object_add(o, "trace", trace);
	json_object_object_add(o, "blocked", guest ? blocked_read(guest->v[0], guest->v[1]) : json_object_new_array());
	json_object_object_add(o, "guests", guests_make());
	json_object_object_add(o, "logs", logs_make(guest));
	json_object_object_add(o, "kernels", rows("kernel", kernel_keys));
	json_object_object_add(o, "machine", rows("machine", machine_keys));
	json_object_object_add(o, "bundle", bundle_make());
	json_object_object_add(o, "facts", facts_make());
	put_cause(o, code, guest, status, left_out);
	return o;
}
