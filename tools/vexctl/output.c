// SPDX-License-Identifier: GPL-2.0
/* Messages, tables, JSON, progress. Nothing from a file reaches a terminal raw. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

static void verror(const char *fmt, va_list ap)
{
	char *text;
	int len = vasprintf(&text, fmt, ap);

	if (len < 0)
		return;
	fflush(stdout);
	fputs("vexctl: ", stderr);
	print_safe(stderr, text, (size_t)len);
	fputc('\n', stderr);
	free(text);
}

void say_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	verror(fmt, ap);
	va_end(ap);
}

int usage_error(const struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	verror(fmt, ap);
	va_end(ap);
	fprintf(stderr, "try 'vexctl %s --help'\n", cmd->name);
	return EXIT_USAGE;
}

bool colour(FILE *f)
{
	const char *term = getenv("TERM");

	return isatty(fileno(f)) && !getenv("NO_COLOR") && term && strcmp(term, "dumb");
}

/* Characters of the category Cf, and the two that end lines: they reorder or hide what is shown. */
static const uint32_t format_chars[][2] = {
	{ 0xad, 0xad }, { 0x600, 0x605 }, { 0x61c, 0x61c }, { 0x6dd, 0x6dd }, { 0x70f, 0x70f },
	{ 0x890, 0x891 }, { 0x8e2, 0x8e2 }, { 0x180e, 0x180e }, { 0x200b, 0x200f },
	{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
	{ 0x110bd, 0x110bd }, { 0x110cd, 0x110cd }, { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 },
	{ 0x1d173, 0x1d17a }, { 0xe0001, 0xe007f },
};

static bool is_format(uint32_t cp)
{
	size_t i;

	for (i = 0; i < sizeof(format_chars) / sizeof(format_chars[0]); i++)
		if (cp >= format_chars[i][0] && cp <= format_chars[i][1])
			return true;
	return false;
}

/* C0 and C1 controls could drive the terminal; invalid UTF-8 could hide them. */
static bool printable(uint32_t cp, bool valid)
{
	return valid && cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0) && !is_format(cp);
}

static void print_char(FILE *f, const char *s, unsigned int n, bool raw)
{
	unsigned int i;

	if (raw)
		fwrite(s, 1, n, f);
	else
		for (i = 0; i < n; i++)
			fprintf(f, "\\x%02x", (unsigned char)s[i]);
}

void print_safe(FILE *f, const char *s, size_t len)
{
	const char *end = s + len;
	unsigned int n;
	uint32_t cp;
	bool valid;

	while (s < end) {
		n = vex_utf8_decode(s, end, &cp, &valid);
		print_char(f, s, n, printable(cp, valid));
		s += n;
	}
}

size_t print_text(FILE *f, const char *s, size_t len, size_t *max)
{
	const char *p = s, *end = s + len;
	unsigned int n;
	uint32_t cp;
	bool valid;

	for (; p < end && *max; (*max)--) {
		n = vex_utf8_decode(p, end, &cp, &valid);
		if (cp == '\t')
			fputc(' ', f);
		else if (!valid && cp >= 0xa0 && cp != 0xad)	/* Latin-1 */
			fprintf(f, "%c%c", (int)(0xc0 | cp >> 6), (int)(0x80 | (cp & 0x3f)));
		else	/* joiners: emoji and several scripts are written with them */
			print_char(f, p, n, printable(cp, valid) || cp == 0x200c || cp == 0x200d);
		p += n;
	}
	return (size_t)(p - s);
}

static bool valid_utf8(const char *s, size_t len)
{
	const char *end = s + len;
	uint32_t cp;
	bool valid = true;

	while (s < end && valid)
		s += vex_utf8_decode(s, end, &cp, &valid);
	return valid;
}

struct json_object *json_text(const char *s, size_t len)
{
	const char *end = s + len;
	struct json_object *o;
	char *copy = malloc(3 * len + 1), *out = copy;	/* U+FFFD has three bytes */
	unsigned int n;
	uint32_t cp;
	bool valid;

	if (!copy)
		return NULL;
	while (s < end) {
		n = vex_utf8_decode(s, end, &cp, &valid);
		out = valid ? mempcpy(out, s, n) : mempcpy(out, "\xef\xbf\xbd", 3);
		s += n;
	}
	o = json_object_new_string_len(copy, (int)(out - copy));
	free(copy);
	return o;
}

/* File names are bytes; JSON strings are not. Where they differ, the bytes come along in hex. */
void json_add_path(struct json_object *o, const char *path, size_t len)
{
	char *hex;
	size_t i;

	json_object_object_add(o, "path", json_text(path, len));
	if (valid_utf8(path, len))
		return;
	hex = malloc(2 * len + 1);
	for (i = 0; hex && i < len; i++)
		sprintf(hex + 2 * i, "%02x", (unsigned char)path[i]);
	if (hex)
		json_object_object_add(o, "path_hex", json_object_new_string_len(hex, (int)(2 * len)));
	free(hex);
}

struct json_object *json_double(double d, const char *fmt)
{
	char text[64];

	if (!isfinite(d))
		return NULL;	/* JSON has no infinity */
	snprintf(text, sizeof(text), fmt, d);
	return json_object_new_double_s(d, text);
}

int json_line(struct json_object *o)
{
	int ret = puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED |
						      JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(o);
	return ret < 0 ? EXIT_FAILED : EXIT_OK;
}

int json_finish(struct json_object *o)
{
	int ret = puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						      JSON_C_TO_STRING_SPACED |
						      JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(o);
	return ret < 0 ? EXIT_FAILED : EXIT_OK;
}

const char *human_bytes(uint64_t n, char buf[16])
{
	static const char units[] = "KMGTPE";
	double v = (double)n;
	int u = -1;

	while (v >= 1024 && u < 5) {
		v /= 1024;
		u++;
	}
	if (u < 0)
		snprintf(buf, 16, "%u B", (unsigned int)n);
	else
		snprintf(buf, 16, "%.1f %ciB", v, units[u]);
	return buf;
}

double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void progress_begin(struct progress *p, const char *what, uint64_t total, bool asked)
{
	p->terminal = isatty(fileno(stderr));
	p->on = asked || p->terminal;
	p->what = what;
	p->total = total;
	p->begun = p->shown = now_seconds();
}

void progress_text(char *buf, size_t room, const char *what, uint64_t done, uint64_t total,
		   double seconds, bool bar)
{
	static const char full[] = "####################", empty[] = "--------------------";
	int part = total ? (int)(done * 20 / total) : 0;
	char left[32] = "";

	if (part > 20)
		part = 20;
	if (done && done < total)
		snprintf(left, sizeof(left), ", %.0f s left",
			 seconds * (double)(total - done) / (double)done);
	if (bar)
		snprintf(buf, room, "%s %llu of %llu [%.*s%.*s]%s", what, (unsigned long long)done,
			 (unsigned long long)total, part, full, 20 - part, empty, left);
	else
		snprintf(buf, room, "%s %llu of %llu (%.0f s%s)", what, (unsigned long long)done,
			 (unsigned long long)total, seconds, left);
}

/* A terminal sees the line move; a log gets a line now and then. */
void progress_step(struct progress *p, uint64_t done)
{
	char text[160];
	double now;

	if (!p->on)
		return;
	now = now_seconds();
	if (now - p->shown < (p->terminal ? 0.1 : 2.0))
		return;
	p->shown = now;
	progress_text(text, sizeof(text), p->what, done, p->total, now - p->begun, p->terminal);
	fprintf(stderr, "%s%s%s", p->terminal ? "\r" : "", text, p->terminal ? "\x1b[K" : "\n");
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->on && p->terminal && p->shown > p->begun)
		fputs("\r\x1b[K", stderr);
}
