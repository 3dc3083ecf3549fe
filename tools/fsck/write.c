// SPDX-License-Identifier: GPL-2.0
/*
 * What a check or a repair has made in memory reaches the device here, and only here.
 *
 * First the undo file, if one is asked for. Then, each step on stable storage before the
 * next: blocks of trees and directories, which may be new and which nothing refers to yet;
 * tables, bitmaps and descriptors; the superblock and the journal's. Whatever interrupts
 * that, the log is still there to be replayed, and what is then found is found by the next
 * run. Signals that ask to end wait until it is over.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tools/fsck/fsck.h"

static int clear_error(struct fsck *f)
{
	struct vexfs_super_block *sb = &f->img.sb;

	sb->s_state &= ~cpu_to_le32(VEXFS_STATE_ERROR);
	sb->s_error_count = 0;
	sb->s_error_time = 0;
	sb->s_error_block = 0;
	sb->s_error_ino = 0;
	memset(sb->s_error_what, 0, sizeof(sb->s_error_what));
	return fsck_write_super(f);
}

/* ---- the steps ------------------------------------------------------------- */

static bool is_data(void *ctx, u64 blkno)
{
	struct fsck *f = ctx;

	return vexfs_data_range_valid(&f->img.geo, blkno, 1);
}

static bool not_last(void *ctx, u64 blkno)
{
	struct fsck *f = ctx;

	return blkno && blkno != f->img.geo.journal_start;
}

static int write_steps(struct fsck *f)
{
	int err = vexfs_image_flush_some(&f->img, is_data, f);

	if (!err)
		err = vexfs_image_flush_some(&f->img, not_last, f);
	return err ? err : vexfs_image_flush(&f->img);
}

static int write_all(struct fsck *f)
{
	sigset_t wait, before;
	int err;

	sigemptyset(&wait);
	sigaddset(&wait, SIGINT);
	sigaddset(&wait, SIGTERM);
	sigaddset(&wait, SIGHUP);
	sigprocmask(SIG_BLOCK, &wait, &before);
	f->img.writable = true;
	err = write_steps(f);
	f->img.writable = false;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}

/* ---- what will be written ---------------------------------------------------- */

struct list {
	u64	*blocks;
	size_t	n;
};

static int collect(void *ctx, u64 blkno)
{
	struct list *l = ctx;

	l->blocks[l->n++] = blkno;
	return 0;
}

static int save_undo(struct fsck *f)
{
	struct list l = { .blocks = calloc(f->img.changed + 1, sizeof(u64)) };
	int err;

	if (!l.blocks)
		return -ENOMEM;
	vexfs_image_each_changed(&f->img, collect, &l);
	err = fsck_undo_save(f, l.blocks, l.n);
	free(l.blocks);
	return err;
}

static int prepare(struct fsck *f, bool error)
{
	int err = 0;

	if (error)
		err = clear_error(f);
	if (!err && f->journal.dirty)
		err = fsck_journal_empty(f);
	if (!err && f->undo_path && f->img.changed)
		err = save_undo(f);
	return err;
}

/* Nothing may be written after a check that found what was not repaired at all. */
static bool wanted(const struct fsck *f, bool error)
{
	if (f->problems && !f->repairs)
		return false;
	return f->img.changed || f->journal.dirty || error;
}

/**
 * fsck_finish - write what was replayed and repaired
 * @f: the last round is over
 *
 * The error flag is cleared if that round found nothing.
 */
void fsck_finish(struct fsck *f)
{
	bool error = !f->problems && (le32_to_cpu(f->img.sb.s_state) & VEXFS_STATE_ERROR);
	bool replayed = f->journal.dirty && f->journal.blocks;
	int err;

	if (!wanted(f, error))
		return;
	err = prepare(f, error);
	if (!err)
		err = write_all(f);
	if (err) {
		fsck_fatal(f, err, "writing to the device");
		return;
	}
	fsck_say(f, "written: %s%s%s%s%s", f->repairs ? "the repairs" : "",
		 f->repairs && replayed ? "; " : "", replayed ? "what the journal held" : "",
		 error && (replayed || f->repairs) ? "; " : "", error ? "the error flag was cleared" : "");
}
