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

void fsck_object(struct fsck *f, enum fsck_how on, u64 id)
{
	f->on = on;
	f->id = id;
}

void fsck_want(struct fsck *f, enum fsck_how how, u64 id)
{
	if (!f->replay || how <= FSCK_FIX_NOW ||
	    !fsck_grow(f, &f->want, f->nwant, &f->want_room, sizeof(*f->want)))
		return;
	f->want[f->nwant++] = (struct fsck_want){ how, id };
}

static void count(struct fsck *f, const struct fsck_known *k)
{
	f->problems++;
	f->unsafe |= k->class != FSCK_SAFE;
	fsck_want(f, k->how == FSCK_FIX_OBJECT ? f->on : k->how, f->id);
}

void fsck_tell(struct fsck *f, enum fsck_code code, const char *fmt, ...)
{
	const struct fsck_known *k = fsck_lookup(code);
	bool note = k->class == FSCK_NOTE;
	va_list ap;

	if (!note)
		count(f, k);
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

void fsck_did(struct fsck *f, const char *fmt, ...)
{
	va_list ap;

	f->acted++;
	if (f->repairs++ >= FSCK_MAX_LINES && !f->verbose)
		return;
	fputs("FIXED: ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
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

/* What a device does not give may only be there the next time: it must not be written off. */
static bool made_anew(enum fsck_code code)
{
	enum fsck_how how = fsck_lookup(code)->how;

	return how >= FSCK_FIX_GROUPS && how <= FSCK_FIX_GDT_COPY;
}

void fsck_unread(struct fsck *f, u64 blkno, int err)
{
	char what[80];

	f->unread |= !made_anew(f->where_code);

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

bool fsck_read_quiet(struct fsck *f, u64 blkno, u32 magic, u64 owner, struct vexfs_blk *b)
{
	int err;

	f->img.report = NULL;
	err = f->img.io.ops->read(&f->img.io, blkno, magic, 0, owner, b);
	f->img.report = fsck_report;
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
