/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KTAP for guest tests in C: include once, call ktap_plan(), then one ktap()
 * per case, and return ktap_exit() from main().
 */
#ifndef VEXFS_KTAP_H
#define VEXFS_KTAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ktap_planned, ktap_run, ktap_failed;

static inline void ktap_plan(int n)
{
	ktap_planned = n;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n1..%d\n", n);
}

/* A line for the reader; allowed anywhere. */
static inline void __attribute__((format(printf, 1, 2))) ktap_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("# ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

/* Reports read the place of a failed check from the note before it. */
static inline bool __attribute__((format(printf, 4, 5)))
ktap_at(const char *file, int line, bool ok, const char *fmt, ...)
{
	va_list ap;

	if (!ok)
		printf("# at %s:%d\n", file, line);
	va_start(ap, fmt);
	printf("%sok %d ", ok ? "" : "not ", ++ktap_run);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	ktap_failed += !ok;
	return ok;
}

#define ktap(ok, ...) ktap_at(__FILE__, __LINE__, ok, __VA_ARGS__)

static inline void ktap_skip(const char *what, const char *why)
{
	printf("ok %d %s # SKIP %s\n", ++ktap_run, what, why);
}

/* The rest cannot run: say why and stop. */
static inline void __attribute__((format(printf, 1, 2), noreturn)) ktap_bail(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	printf("Bail out! ");
	vprintf(fmt, ap);
	printf(" (errno %d: %s)\n", err, strerror(err));
	va_end(ap);
	exit(1);
}

static inline int ktap_exit(void)
{
	if (ktap_run != ktap_planned) {
		printf("# planned %d, ran %d\n", ktap_planned, ktap_run);
		return 1;
	}
	return ktap_failed ? 1 : 0;
}

#endif /* VEXFS_KTAP_H */
