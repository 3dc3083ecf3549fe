/* SPDX-License-Identifier: GPL-2.0 */
/* States of a disk that a power cut may leave, made on a copy of it. */
#ifndef VEXFS_CRASH_STATE_H
#define VEXFS_CRASH_STATE_H

#include "tests/crash/judge.h"
#include "tests/crash/log.h"

/**
 * struct cs_state - which one
 * @at:	   the power went after entry @at of the log had been sent to the device
 * @order: 0: all entries up to it are on the disk; others choose, of those that no flush has made
 *	   durable, a random subset, of which one may be torn
 */
struct cs_state {
	uint32_t at, order;
};

struct cs_undo {
	uint64_t	at, len;
	uint8_t		*old;
};

/**
 * struct cs_disk - the copy
 * @done: entries of the log that are on it for good
 */
struct cs_disk {
	int			fd;
	const struct cl_log	*log;
	uint64_t		seed;
	uint32_t		done;
	struct cs_undo		*undo;
	uint32_t		undos, room;
};

/* @fd: a copy of the disk as it was before the first entry. */
void cs_init(struct cs_disk *d, int fd, const struct cl_log *log, uint64_t seed);
void cs_free(struct cs_disk *d);
/* Make the state; @s.at never decreases. *@torn: a write is there in part. 0 or a negative errno. */
int cs_make(struct cs_disk *d, struct cs_state s, bool *torn);
/* Before the next one. */
int cs_unmake(struct cs_disk *d);
/* Which operations had returned and had begun; false: the recording had not reached the first. */
bool cs_window(const struct cl_log *log, struct cs_state s, uint32_t ops, struct cj_window *w);
/* How many entries could be missing in a state at @at. */
uint32_t cs_loose(const struct cl_log *log, uint32_t at);

#endif /* VEXFS_CRASH_STATE_H */
