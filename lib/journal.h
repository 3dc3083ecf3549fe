/* SPDX-License-Identifier: GPL-2.0 */
/* Looking at the jbd2 journal of an unmounted filesystem, and replaying it. */
#ifndef VEXFS_LIB_JOURNAL_H
#define VEXFS_LIB_JOURNAL_H

#include "lib/image.h"
#include "lib/jbd2.h"

/**
 * struct vexfs_journal - the journal as found
 * @dirty:	  there are transactions to replay (s_start is not 0)
 * @start:	  first log block, journal relative
 * @sequence:	  of the first transaction in the log
 * @end_sequence: of the transaction after the last complete one (after replay)
 * @error:	  what the kernel recorded as s_errno
 * @blocks:	  blocks replay put into the cache
 * @revoked:	  logged blocks it left out because they were revoked
 * @problem:	  the failed check, empty if none
 */
struct vexfs_journal {
	bool	dirty;
	u32	start, first, maxlen;
	u32	sequence, end_sequence;
	s32	error;
	u32	seed;
	u64	blocks, revoked;
	char	problem[128];
};

/**
 * vexfs_journal_open() - read and verify the journal superblock
 * @img: the filesystem
 * @j:	 filled in
 *
 * Return: 0; -EUCLEAN with j->problem set; an I/O error.
 */
int vexfs_journal_open(struct vexfs_image *img, struct vexfs_journal *j);

/**
 * vexfs_journal_replay() - put the logged blocks into the image's cache
 * @img: writable, or an overlay: then nothing reaches the device
 * @j:	 from vexfs_journal_open()
 *
 * Scan, revoke and replay passes as in the kernel's fs/jbd2/recovery.c. A log
 * that is damaged in the middle is replayed up to there.
 *
 * Return: 0; -EUCLEAN with j->problem set (the transactions before the damage
 * were replayed); -ENOMEM; an I/O error.
 */
int vexfs_journal_replay(struct vexfs_image *img, struct vexfs_journal *j);

/**
 * vexfs_journal_finish() - write the replayed blocks and empty the journal
 * @img: writable
 * @j:	 after a successful replay
 *
 * The blocks are flushed before the journal is marked empty, so that an
 * interruption only means that the replay is done again.
 *
 * Return: 0 or negative errno.
 */
int vexfs_journal_finish(struct vexfs_image *img, struct vexfs_journal *j);

#endif /* VEXFS_LIB_JOURNAL_H */
