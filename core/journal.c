// SPDX-License-Identifier: GPL-2.0
/* The superblock of the journal: one table of checks for kernel and tools. */
#include "core/journal.h"

/**
 * vexfs_journal_super_checksum - checksum a journal superblock ought to have
 * @js: its s_checksum is not looked at
 */
u32 vexfs_journal_super_checksum(const struct vexfs_journal_super *js)
{
	const u32 at = offsetof(struct vexfs_journal_super, s_checksum);
	const __be32 zero = 0;
	u32 crc = crc32c(~0U, js, at);

	crc = crc32c(crc, &zero, sizeof(zero));
	return crc32c(crc, js->s_users, sizeof(js->s_users));
}

static bool all_zero(const u8 *p, u32 n)
{
	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

/* What must be right before anything else in the block can be believed. */
static const char *check_identity(const struct vexfs_journal_super *js,
				  const struct vexfs_geo *geo)
{
	if (be32_to_cpu(js->s_magic) != VEXFS_JOURNAL_MAGIC)
		return "no jbd2 magic number";
	if (be32_to_cpu(js->s_blocktype) != VEXFS_JOURNAL_SUPER_V2)
		return "not a version 2 superblock";
	/* Without these bits jbd2 verifies nothing, this block included. */
	if (be32_to_cpu(js->s_feature_incompat) & ~VEXFS_JOURNAL_INCOMPAT)
		return "unknown features";
	if (be32_to_cpu(js->s_feature_incompat) != VEXFS_JOURNAL_INCOMPAT)
		return "the features revoke, 64bit and csum_v3 are not all set";
	if (js->s_feature_compat || js->s_feature_ro_compat)
		return "unknown features";
	if (js->s_checksum_type != VEXFS_JOURNAL_CRC32C)
		return "unknown checksum type";
	if (be32_to_cpu(js->s_checksum) != vexfs_journal_super_checksum(js))
		return "wrong checksum";
	if (memcmp(js->s_uuid, geo->uuid, VEXFS_UUID_LEN))
		return "journal of another filesystem";
	return NULL;
}

static const char *check_shape(const struct vexfs_journal_super *js, const struct vexfs_geo *geo)
{
	u32 start = be32_to_cpu(js->s_start);

	if (be32_to_cpu(js->s_blocksize) != VEXFS_BLOCK_SIZE)
		return "wrong block size";
	if (be32_to_cpu(js->s_maxlen) != geo->journal_blocks)
		return "its length is not that of its region";
	if (be32_to_cpu(js->s_first) != 1)
		return "first log block out of place";
	if (start >= geo->journal_blocks)
		return "start of the log out of range";
	return NULL;
}

static const char *check_unused(const struct vexfs_journal_super *js)
{
	if (be32_to_cpu(js->s_nr_users) != 1 || js->s_dynsuper || js->s_header_sequence ||
	    js->s_max_transaction || js->s_max_trans_data || js->s_num_fc_blks ||
	    !all_zero(js->s_padding2, sizeof(js->s_padding2)) ||
	    !all_zero(js->s_padding, sizeof(js->s_padding)) ||
	    !all_zero(js->s_users, sizeof(js->s_users)))
		return "a field that is not used is not zero";
	return NULL;
}

const char *vexfs_journal_super_verify(const struct vexfs_journal_super *js,
				       const struct vexfs_geo *geo)
{
	const char *why = check_identity(js, geo);

	if (!why)
		why = check_shape(js, geo);
	return why ? why : check_unused(js);
}
