// SPDX-License-Identifier: GPL-2.0
/*
 * Repair, in rounds.
 *
 * A round checks everything and notes which objects have problems; then each of these is
 * brought into order as a whole, in the order of enum fsck_how; then everything is checked
 * again, on what the repairs have made of it. That ends when a round finds nothing, when
 * nothing can be done about what it finds, or after MAX_ROUNDS. So a repair need not know
 * what follows from it: the next round finds that out, and the last one is the proof.
 *
 * All changes are in the image's cache, which hides the device, until write.c writes them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/fsck/fsck.h"

#define MAX_ROUNDS	24

static int groups(struct fsck *f, u64 id)
{
	return 0;	/* every round does them, before the others */
}

static int (*const repair[FSCK_FIX_KINDS])(struct fsck *f, u64 id) = {
	[FSCK_FIX_GROUPS] = groups,
	[FSCK_FIX_GDT] = groups,
	[FSCK_FIX_SB_COPY] = fsck_fix_sb_copy,
	[FSCK_FIX_GDT_COPY] = fsck_fix_gdt_copy,
	[FSCK_FIX_ITABLE] = fsck_fix_itable,
	[FSCK_FIX_SALVAGE] = fsck_fix_salvage,
	[FSCK_FIX_CLEAR] = fsck_fix_clear,
	[FSCK_FIX_XATTRS] = fsck_fix_xattrs,
	[FSCK_FIX_EXTENTS] = fsck_fix_extents,
	[FSCK_FIX_COUNTS] = fsck_fix_counts,
	[FSCK_FIX_ROOT] = fsck_fix_root,
	[FSCK_FIX_DIR] = fsck_fix_dir,
	[FSCK_FIX_UNLOOP] = fsck_fix_unloop,
	[FSCK_FIX_NAMES] = fsck_fix_names,
	[FSCK_FIX_CONNECT] = fsck_fix_connect,
	[FSCK_FIX_ORPHANS] = fsck_fix_orphans,
	[FSCK_FIX_COLL_TABLE] = fsck_fix_coll_table,
	[FSCK_FIX_COLL_RECORD] = fsck_fix_coll_record,
	[FSCK_FIX_SLOTS] = fsck_fix_slots,
	[FSCK_FIX_GRAPH] = fsck_fix_graph,
	[FSCK_FIX_FEED] = fsck_fix_feed,
	[FSCK_FIX_CHARGE] = fsck_fix_charge,
	[FSCK_FIX_QUOTA] = fsck_fix_quota,
};

/* ---- what is to be done ---------------------------------------------------- */

static int by_order(const void *a, const void *b)
{
	const struct fsck_want *x = a, *y = b;

	if (x->how != y->how)
		return x->how < y->how ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_twice(const void *a, const void *b)
{
	const struct fsck_twice *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->blkno < y->blkno ? -1 : x->blkno > y->blkno;
}

/* Each object once, in the order of repair. */
static void sort_wants(struct fsck *f)
{
	size_t i, n = 0;

	if (f->nwant)
		qsort(f->want, f->nwant, sizeof(*f->want), by_order);
	for (i = 0; i < f->nwant; i++)
		if (!n || by_order(&f->want[n - 1], &f->want[i]))
			f->want[n++] = f->want[i];
	f->nwant = n;
}

/* Only what is counted is wrong: then bitmaps are made exact, which frees what leaked. */
static bool only_counts(const struct fsck *f)
{
	size_t i;

	for (i = 0; i < f->nwant; i++)
		if (f->want[i].how > FSCK_FIX_GDT_COPY)
			return false;
	return f->nwant;
}

static void repair_one(struct fsck *f, const struct fsck_want *w)
{
	int err = repair[w->how] ? repair[w->how](f, w->id) : 0;

	if (err == -ENOSPC)
		f->no_space = true;
	else if (err && err != -EUCLEAN)
		fsck_fatal(f, err, "repairing");
	if (f->img.changed > FSCK_MAX_CHANGED)
		fsck_fatal(f, -ENOMEM, "a repair of more than 1 GiB of metadata");
}

/* As long as inodes may be missing, nothing that refers to inodes is judged. */
static enum fsck_how last_kind(const struct fsck *f)
{
	size_t i;

	for (i = 0; i < f->nwant; i++)
		if (f->want[i].how == FSCK_FIX_ITABLE)
			return FSCK_FIX_ITABLE;
	return FSCK_FIX_KINDS;
}

/* One round of repairs. False: nothing could be done. */
static bool repair_all(struct fsck *f)
{
	enum fsck_how last;
	size_t i;
	int err;

	sort_wants(f);
	last = last_kind(f);
	if (f->ntwice)
		qsort(f->twice, f->ntwice, sizeof(*f->twice), by_twice);
	f->exact = f->no_space || only_counts(f);
	f->no_space = false;
	err = fsck_fix_groups(f);
	if (err)
		fsck_fatal(f, err, "repairing bitmaps");
	for (i = 0; i < f->nwant && !f->err && f->want[i].how <= last; i++)
		repair_one(f, &f->want[i]);
	return f->acted && !f->err;
}

/* ---- rounds ---------------------------------------------------------------- */

static void begin(struct fsck *f)
{
	fsck_usage_free(f);
	f->problems = f->derived = f->lines = 0;
	f->used_inodes = f->used_blocks = f->embeddings = 0;
	f->collections = 0;
	f->unsafe = f->unread = f->doubt = false;
	f->nwant = f->acted = 0;
	f->gathered = false;
}

/* Check again; the lines are only shown if they are the last word. */
static char *check_again(struct fsck *f, void (*passes)(struct fsck *f))
{
	FILE *out = f->out;
	char *text = NULL;
	size_t size;

	begin(f);
	f->out = open_memstream(&text, &size);
	if (!f->out) {
		f->out = out;
		fsck_fatal(f, -ENOMEM, "checking again");
		return NULL;
	}
	passes(f);
	fclose(f->out);
	f->out = out;
	return text;
}

static void show_rest(struct fsck *f, char *text)
{
	const char *line, *end;

	fprintf(f->out, "Not repaired:\n");
	for (line = text; *line; line = end) {
		end = strchr(line, '\n');
		end = end ? end + 1 : line + strlen(line);
		if (!strncmp(line, "PROBLEM", 7))
			fwrite(line, 1, end - line, f->out);
	}
}

/* Does -p or -y go on after this round? */
static bool may_repair(struct fsck *f)
{
	if (!f->replay || !f->problems || f->err)
		return false;
	return !f->unread && !(f->preen && f->unsafe);
}

void fsck_rounds(struct fsck *f, void (*passes)(struct fsck *f))
{
	char *text = NULL;
	int n;

	passes(f);
	f->found = f->problems;
	for (n = 0; n < MAX_ROUNDS && may_repair(f) && repair_all(f); n++) {
		free(text);
		text = check_again(f, passes);
	}
	if (text && f->problems && !f->err)
		show_rest(f, text);
	free(text);
}
