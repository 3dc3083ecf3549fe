// SPDX-License-Identifier: GPL-2.0-only
/* What is said while processes run. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "pool.h"

#define EVERY_MS	30000	/* in a log */
#define REDRAW_MS	1000	/* on a terminal */

static long long begun, next;
static bool drawn;

long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void progress_begin(void)
{
	begun = now_ms();
	next = begun + (isatty(STDERR_FILENO) ? 0 : EVERY_MS);
}

static int columns(void)
{
	struct winsize w;

	return !ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col > 40 ? w.ws_col : 100;
}

void progress(struct pool *p)
{
	bool terminal = isatty(STDERR_FILENO);
	char *text = NULL;
	size_t size;
	FILE *f;

	if (now_ms() < next || !(f = open_memstream(&text, &size)))
		return;
	p->state(p, f);
	fclose(f);
	if (terminal)
		fprintf(stderr, "\r\033[K    [%lld s] %.*s", (now_ms() - begun) / 1000, columns() - 20, text);
	else
		fprintf(stderr, "    [%lld s] %s\n", (now_ms() - begun) / 1000, text);
	free(text);
	drawn = terminal;
	next = now_ms() + (terminal ? REDRAW_MS : EVERY_MS);
}

void progress_end(void)
{
	if (drawn)
		fputs("\r\033[K", stderr);
	drawn = false;
}

void note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	progress_end();
	fputs("    ", stderr);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void warn(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	progress_end();
	fputs("warning: ", stderr);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}
