// SPDX-License-Identifier: GPL-2.0
/* One line per problem, notes, progress. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "tools/fsck/fsck.h"

static void line(struct fsck *f, const char *kind, const char *fmt, va_list ap)
{
	if (f->lines++ >= FSCK_MAX_LINES && !f->verbose) {
		if (f->lines == FSCK_MAX_LINES + 1)
			fprintf(f->out, "... more follow; -v prints all of them\n");
		return;
	}
	fputs(kind, f->out);
	vfprintf(f->out, fmt, ap);
	fputc('\n', f->out);
}

void fsck_problem(struct fsck *f, const char *fmt, ...)
{
	va_list ap;

	f->problems++;
	va_start(ap, fmt);
	line(f, "PROBLEM: ", fmt, ap);
	va_end(ap);
}

void fsck_derived(struct fsck *f, const char *fmt, ...)
{
	va_list ap;

	f->derived++;
	va_start(ap, fmt);
	line(f, "note: ", fmt, ap);
	va_end(ap);
}

void fsck_note(struct fsck *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(f->out, fmt, ap);
	va_end(ap);
	fputc('\n', f->out);
}

void fsck_where(struct fsck *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->where, sizeof(f->where), fmt, ap);
	va_end(ap);
}

void fsck_report(void *ctx, u64 blkno, const char *what)
{
	struct fsck *f = ctx;

	fsck_problem(f, "%s: block %llu: %s", f->where, (unsigned long long)blkno, what);
}

void fsck_fatal(struct fsck *f, int err, const char *what)
{
	if (f->err)
		return;
	f->err = err;
	fflush(f->out);
	fprintf(stderr, "fsck.vexfs: %s: %s: %s\n", f->path, what, strerror(-err));
}

void fsck_pass(struct fsck *f, int number, const char *what)
{
	f->pass = what;
	if (!f->preen)
		fprintf(f->out, "Pass %d: %s\n", number, what);
}

void fsck_progress(struct fsck *f, u64 done, u64 total)
{
	time_t now;

	if (f->progress_fd < 0)
		return;
	now = time(NULL);
	if (now == f->shown)
		return;
	f->shown = now;
	dprintf(f->progress_fd, "\r%s: %llu of %llu (%u%%)\r", f->pass, (unsigned long long)done,
		(unsigned long long)total, total ? (unsigned int)(done * 100 / total) : 100);
}
