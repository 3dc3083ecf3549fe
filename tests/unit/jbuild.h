/* SPDX-License-Identifier: GPL-2.0 */
/* Writing jbd2 logs by hand, as the kernel's commit code would. */
#ifndef VEXFS_TESTS_JBUILD_H
#define VEXFS_TESTS_JBUILD_H

#include "lib/jbd2.h"
#include "tests/unit/imgbuild.h"

#define JB_MAX_BLOCKS	600
#define JB_MAX_REVOKES	64

/**
 * struct jb - a log being written
 * @pos:      next log block
 * @sequence: of the transaction being collected
 * @blkno, @data: its blocks
 * @first_descriptor, @first_data, @commit, @revoke_block: where the last
 *	      transaction's first blocks went, for tests that damage them
 */
struct jb {
	struct ib *ib;
	u32	pos, sequence, seed, maxlen;
	u64	when;
	u32	n, nrevoke;
	u64	blkno[JB_MAX_BLOCKS];
	u8	(*data)[VEXFS_BLOCK_SIZE];
	u64	revoke[JB_MAX_REVOKES];
	u32	first_descriptor, first_data, commit, revoke_block;
};

/* Begin a log at block @start of the journal; marks the journal as not empty. */
void jb_begin(struct jb *jb, struct ib *ib, u32 start, u32 sequence);
void jb_end(struct jb *jb);
void jb_block(struct jb *jb, u64 blkno, const void *data);
void jb_fill(struct jb *jb, u64 blkno, u8 byte);	/* a block of that byte */
void jb_revoke(struct jb *jb, u64 blkno);
void jb_commit(struct jb *jb);
void jb_abandon(struct jb *jb);		/* write all of it but the commit block */

/* Access to a log block or the journal superblock on the device. */
void jb_read(struct ib *ib, u32 pos, void *block);
void jb_write(struct ib *ib, u32 pos, const void *block);
void jb_flip(struct ib *ib, u32 pos, u32 off);		/* one bit */
struct jbd2_super jb_super(struct ib *ib);
void jb_put_super(struct ib *ib, struct jbd2_super *js);	/* sealed */

#endif /* VEXFS_TESTS_JBUILD_H */
