/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log format of jbd2, big-endian, as far as VexFS uses it: checksum v3,
 * 64-bit block numbers, revoke records. It is documented in the kernel's
 * Documentation/filesystems/ext4/journal.rst; the names are those of
 * include/linux/jbd2.h.
 */
#ifndef VEXFS_LIB_JBD2_H
#define VEXFS_LIB_JBD2_H

#include "core/platform.h"

#define JBD2_MAGIC_NUMBER		0xc03b3998U

#define JBD2_DESCRIPTOR_BLOCK		1
#define JBD2_COMMIT_BLOCK		2
#define JBD2_SUPERBLOCK_V1		3
#define JBD2_SUPERBLOCK_V2		4
#define JBD2_REVOKE_BLOCK		5

#define JBD2_FEATURE_INCOMPAT_REVOKE	0x01U
#define JBD2_FEATURE_INCOMPAT_64BIT	0x02U
#define JBD2_FEATURE_INCOMPAT_CSUM_V3	0x10U

#define JBD2_FLAG_ESCAPE		1	/* the block began with the magic */
#define JBD2_FLAG_SAME_UUID		2	/* no uuid follows the tag */
#define JBD2_FLAG_DELETED		4
#define JBD2_FLAG_LAST_TAG		8

#define JBD2_CRC32C_CHKSUM		4

typedef struct { u8 b[4]; } jbd2_be32;
typedef struct { u8 b[8]; } jbd2_be64;

struct jbd2_header {
	jbd2_be32 h_magic;
	jbd2_be32 h_blocktype;
	jbd2_be32 h_sequence;
};

struct jbd2_super {
	struct jbd2_header s_header;
	jbd2_be32 s_blocksize;
	jbd2_be32 s_maxlen;		/* blocks of the journal, this one included */
	jbd2_be32 s_first;		/* first block of the log proper */
	jbd2_be32 s_sequence;		/* first commit expected in the log */
	jbd2_be32 s_start;		/* where the log starts; 0: nothing to recover */
	jbd2_be32 s_errno;
	jbd2_be32 s_feature_compat;
	jbd2_be32 s_feature_incompat;
	jbd2_be32 s_feature_ro_compat;
	u8	  s_uuid[16];
	jbd2_be32 s_nr_users;
	jbd2_be32 s_dynsuper;
	jbd2_be32 s_max_transaction;
	jbd2_be32 s_max_trans_data;
	u8	  s_checksum_type;
	u8	  s_padding2[3];
	jbd2_be32 s_num_fc_blks;
	jbd2_be32 s_head;
	u8	  s_padding[40 * 4];
	jbd2_be32 s_checksum;		/* crc32c of the 1024 bytes, this field 0 */
	u8	  s_users[16 * 48];
};

struct jbd2_tag3 {
	jbd2_be32 t_blocknr;
	jbd2_be32 t_flags;
	jbd2_be32 t_blocknr_high;
	jbd2_be32 t_checksum;		/* of sequence number and logged block */
};

struct jbd2_commit {
	struct jbd2_header c_header;
	u8	  c_chksum_type;
	u8	  c_chksum_size;
	u8	  c_padding[2];
	jbd2_be32 c_chksum[8];		/* [0]: crc32c of the block, this field 0 */
	jbd2_be64 c_commit_sec;
	jbd2_be32 c_commit_nsec;
};

struct jbd2_revoke {
	struct jbd2_header r_header;
	jbd2_be32 r_count;		/* bytes in use, this header included */
};

_Static_assert(sizeof(struct jbd2_super) == 1024, "jbd2 superblock");
_Static_assert(__builtin_offsetof(struct jbd2_super, s_checksum) == 0xfc, "jbd2 superblock");
_Static_assert(sizeof(struct jbd2_tag3) == 16, "jbd2 tag");
_Static_assert(sizeof(struct jbd2_commit) == 60, "jbd2 commit block");

static inline u32 jbd2_get32(jbd2_be32 v)
{
	return (u32)v.b[0] << 24 | (u32)v.b[1] << 16 | (u32)v.b[2] << 8 | v.b[3];
}

static inline jbd2_be32 jbd2_put32(u32 v)
{
	return (jbd2_be32){ { v >> 24, v >> 16, v >> 8, v } };
}

static inline u64 jbd2_get64(jbd2_be64 v)
{
	jbd2_be32 hi, lo;

	__builtin_memcpy(&hi, v.b, 4);
	__builtin_memcpy(&lo, v.b + 4, 4);
	return (u64)jbd2_get32(hi) << 32 | jbd2_get32(lo);
}

static inline jbd2_be64 jbd2_put64(u64 v)
{
	jbd2_be32 hi = jbd2_put32(v >> 32), lo = jbd2_put32(v);
	jbd2_be64 r;

	__builtin_memcpy(r.b, &hi, 4);
	__builtin_memcpy(r.b + 4, &lo, 4);
	return r;
}

/* The features mkfs sets and replay understands; a kernel mount sets the same. */
#define VEXFS_JBD2_FEATURES \
	(JBD2_FEATURE_INCOMPAT_REVOKE | JBD2_FEATURE_INCOMPAT_64BIT | JBD2_FEATURE_INCOMPAT_CSUM_V3)

u32 jbd2_super_checksum(const struct jbd2_super *js);
/* An empty journal of @blocks blocks; @block is the 4096 bytes of its first block. */
void jbd2_super_init(void *block, u32 blocks, const u8 uuid[16]);

#endif /* VEXFS_LIB_JBD2_H */
