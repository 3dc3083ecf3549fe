/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The superblock of the journal: what VexFS accepts of it. jbd2 itself believes
 * a superblock that says it has no checksum, and then may skip what is logged;
 * so kernel and tools ask here before anything is replayed.
 */
#ifndef VEXFS_CORE_JOURNAL_H
#define VEXFS_CORE_JOURNAL_H

#include "core/block.h"

/**
 * struct vexfs_journal_super - the 1024 bytes jbd2 calls journal_superblock_t
 *
 * Names and meaning as in include/linux/jbd2.h and the kernel's
 * Documentation/filesystems/ext4/journal.rst; big-endian.
 */
struct vexfs_journal_super {
	__be32	s_magic;
	__be32	s_blocktype;
	__be32	s_header_sequence;
	__be32	s_blocksize;
	__be32	s_maxlen;		/* blocks of the journal, this one included */
	__be32	s_first;		/* first block of the log proper */
	__be32	s_sequence;		/* first commit expected in the log */
	__be32	s_start;		/* where the log starts; 0: nothing to recover */
	__be32	s_errno;
	__be32	s_feature_compat;
	__be32	s_feature_incompat;
	__be32	s_feature_ro_compat;
	__u8	s_uuid[VEXFS_UUID_LEN];
	__be32	s_nr_users;
	__be32	s_dynsuper;
	__be32	s_max_transaction;
	__be32	s_max_trans_data;
	__u8	s_checksum_type;
	__u8	s_padding2[3];
	__be32	s_num_fc_blks;
	__be32	s_head;			/* Linux 6.4 and later leave a hint here */
	__u8	s_padding[160];
	__be32	s_checksum;		/* crc32c of the 1024 bytes, this field 0 */
	__u8	s_users[768];
};

VEXFS_SIZE_CHECK(struct vexfs_journal_super, 1024);
VEXFS_OFFS_CHECK(struct vexfs_journal_super, s_checksum, 252);

#define VEXFS_JOURNAL_MAGIC	0xc03b3998U
#define VEXFS_JOURNAL_SUPER_V2	4
#define VEXFS_JOURNAL_CRC32C	4
/* Revoke records, 64-bit block numbers, checksum v3: always all three, never more. */
#define VEXFS_JOURNAL_INCOMPAT	0x13U

u32 vexfs_journal_super_checksum(const struct vexfs_journal_super *js);

/**
 * vexfs_journal_super_verify - may this journal be used, and its log replayed?
 * @js:  the first 1024 bytes of the journal region
 * @geo: of the filesystem
 *
 * Every field has the value mkfs gave it, except those that change in use:
 * s_sequence, s_start (verified to lie in the log), s_errno, s_head.
 *
 * Return: NULL, or the failed check (a constant string).
 */
const char *vexfs_journal_super_verify(const struct vexfs_journal_super *js,
				       const struct vexfs_geo *geo);

/* There are transactions to replay. */
static inline bool vexfs_journal_super_dirty(const struct vexfs_journal_super *js)
{
	return js->s_start != 0;
}

#endif /* VEXFS_CORE_JOURNAL_H */
