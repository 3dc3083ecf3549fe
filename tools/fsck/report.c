// SPDX-License-Identifier: GPL-2.0
/* One line per problem, notes, progress. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "tools/fsck/fsck.h"

/* False: there have been so many that this one is not printed. */
static bool room(struct fsck *f)
{
	if (f->lines++ >= FSCK_MAX_LINES && !f->verbose) {
		if (f->lines == FSCK_MAX_LINES + 1)
			fprintf(f->out, "... more follow; -v prints all of them\n");
		return false;
	}
	return true;
}

void fsck_tell(struct fsck *f, enum fsck_code code, const char *fmt, ...)
{
	bool note = fsck_lookup(code)->class == FSCK_NOTE;
	va_list ap;

	f->problems += !note;
	if (!room(f))
		return;
	fprintf(f->out, "%s V%04d: ", note ? "note" : "PROBLEM", code);
	va_start(ap, fmt);
	vfprintf(f->out, fmt, ap);
	va_end(ap);
	fputc('\n', f->out);
}

void fsck_say(struct fsck *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(f->out, fmt, ap);
	va_end(ap);
	fputc('\n', f->out);
}

void fsck_where(struct fsck *f, enum fsck_code code, const char *fmt, ...)
{
	va_list ap;

	f->where_code = code;
	va_start(ap, fmt);
	vsnprintf(f->where, sizeof(f->where), fmt, ap);
	va_end(ap);
}

void fsck_report(void *ctx, u64 blkno, const char *what)
{
	struct fsck *f = ctx;

	/* Codes of fsck_where() have one text, which is this one's. */
	fsck_tell(f, f->where_code, fsck_text_TREE_BLOCK, f->where, (unsigned long long)blkno, what);
}

void fsck_unread(struct fsck *f, u64 blkno, int err)
{
	char what[80];

	if (err == -ENOMEM) {
		fsck_fatal(f, err, "reading a block");
		return;
	}
	snprintf(what, sizeof(what), "cannot be read: %s", strerror(-err));
	fsck_report(f, blkno, what);
}

bool fsck_read(struct fsck *f, u64 blkno, u32 magic, u64 owner, struct vexfs_blk *b)
{
	int err = f->img.io.ops->read(&f->img.io, blkno, magic, 0, owner, b);

	if (err && err != -EUCLEAN)		/* which has been reported */
		fsck_unread(f, blkno, err);
	return !err;
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
