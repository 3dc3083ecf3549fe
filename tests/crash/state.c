// SPDX-License-Identifier: GPL-2.0
/* See state.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/crash/state.h"

#define SECTOR	512
#define PIECE	(1U << 20)

static uint64_t next(uint64_t *r)
{
	uint64_t x = *r += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static int transfer(ssize_t n, size_t len)
{
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static int remember(struct cs_disk *d, uint64_t at, uint64_t len)
{
	struct cs_undo *u;

	if (d->undos == d->room) {
		d->room = d->room ? 2 * d->room : 64;
		u = realloc(d->undo, d->room * sizeof(*u));
		if (!u)
			return -ENOMEM;
		d->undo = u;
	}
	u = &d->undo[d->undos];
	*u = (struct cs_undo){ at, len, malloc(len) };
	if (!u->old)
		return -ENOMEM;
	d->undos++;
	return transfer(pread(d->fd, u->old, len, (off_t)at), len);
}

/* Bytes [@from, @from + @len) of an entry. */
static int apply_piece(struct cs_disk *d, const struct cl_entry *e, uint64_t from, uint32_t len, bool keep)
{
	uint8_t *buf = malloc(len);
	int err = buf ? 0 : -ENOMEM;

	if (!err && keep)
		err = remember(d, e->at + from, len);
	/* A device may return anything for what was discarded. */
	if (!err && e->discard)
		memset(buf, 0xdd, len);
	else if (!err)
		err = transfer(pread(d->log->fd, buf, len, (off_t)(e->data + from)), len);
	if (!err)
		err = transfer(pwrite(d->fd, buf, len, (off_t)(e->at + from)), len);
	free(buf);
	return err;
}

static int apply(struct cs_disk *d, const struct cl_entry *e, bool keep)
{
	uint64_t from;
	int err = 0;

	for (from = 0; !err && from < e->len; from += PIECE)
		err = apply_piece(d, e, from, e->len - from < PIECE ? (uint32_t)(e->len - from) : PIECE, keep);
	return err;
}

/* Some of its sectors. */
static int apply_torn(struct cs_disk *d, const struct cl_entry *e, uint64_t *r)
{
	uint64_t from;
	int err = 0;

	for (from = 0; !err && from < e->len; from += SECTOR)
		if (next(r) & 1)
			err = apply_piece(d, e, from, SECTOR, true);
	return err;
}

/* The last entry up to @at that waits for what was before it; 0: there is none. */
static uint32_t last_flush(const struct cl_log *log, uint32_t at)
{
	while (at && !log->entry[at].flush)
		at--;
	return at;
}

static bool is_loose(const struct cl_log *log, uint32_t i, uint32_t at)
{
	return log->entry[i].len && (!log->entry[i].fua || i == at);
}

uint32_t cs_loose(const struct cl_log *log, uint32_t at)
{
	uint32_t n = 0, i;

	for (i = last_flush(log, at); i <= at; i++)
		n += is_loose(log, i, at);
	return n;
}

/* Each of them with the same probability, which differs from state to state. */
static int apply_some(struct cs_disk *d, struct cs_state s, uint32_t first, bool *torn)
{
	uint64_t r = d->seed * 1000003 + s.at * 1009ULL + s.order;
	uint32_t odds = 1 + (uint32_t)(next(&r) % 7), i;
	int err = 0;

	for (i = first; !err && i <= s.at; i++) {
		const struct cl_entry *e = &d->log->entry[i];

		if (is_loose(d->log, i, s.at) && next(&r) % 8 >= odds)
			continue;
		if (is_loose(d->log, i, s.at) && !*torn && !e->discard && e->len > SECTOR && !(next(&r) % 8)) {
			*torn = true;
			err = apply_torn(d, e, &r);
		} else {
			err = apply(d, e, true);
		}
	}
	return err;
}

int cs_make(struct cs_disk *d, struct cs_state s, bool *torn)
{
	uint32_t first = last_flush(d->log, s.at), i;
	int err = 0;

	*torn = false;
	for (; !err && d->done < first; d->done++)
		err = apply(d, &d->log->entry[d->done], false);
	if (!err && s.order)
		return apply_some(d, s, first, torn);
	for (i = first; !err && i <= s.at; i++)
		err = apply(d, &d->log->entry[i], true);
	return err;
}

int cs_unmake(struct cs_disk *d)
{
	int err = 0;

	while (d->undos) {
		struct cs_undo *u = &d->undo[--d->undos];
		int err2 = transfer(pwrite(d->fd, u->old, u->len, (off_t)u->at), u->len);

		free(u->old);
		err = err ? err : err2;
	}
	return err;
}

/*
 * A mark is recorded at once, a write only by the next flush: one that is before a mark had returned
 * by then; one that is after it may have been there before. So what has returned is counted up to the
 * state, and what may have begun up to the next flush.
 */
bool cs_window(const struct cl_log *log, struct cs_state s, uint32_t ops, struct cj_window *w)
{
	int64_t acked = -1, begun = -1;
	uint32_t i;

	for (i = 0; i < log->n && (i <= s.at || !log->entry[i].flush); i++) {
		if (log->entry[i].mark < 0)
			continue;
		begun = log->entry[i].mark;
		if (i <= s.at)
			acked = begun;
	}
	if (acked < 0)
		return false;
	w->acked = (uint32_t)acked;
	w->begun = begun + 1 < ops ? (uint32_t)begun + 1 : ops;
	return true;
}

void cs_init(struct cs_disk *d, int fd, const struct cl_log *log, uint64_t seed)
{
	*d = (struct cs_disk){ .fd = fd, .log = log, .seed = seed };
}

void cs_free(struct cs_disk *d)
{
	cs_unmake(d);
	free(d->undo);
}
