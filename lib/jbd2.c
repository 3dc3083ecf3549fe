// SPDX-License-Identifier: GPL-2.0
/* The superblock of the jbd2 region. */
#include <string.h>

#include "lib/jbd2.h"

u32 jbd2_super_checksum(const struct jbd2_super *js)
{
	struct jbd2_super copy = *js;

	copy.s_checksum = jbd2_put32(0);
	return crc32c(~0U, &copy, sizeof(copy));
}

void jbd2_super_init(void *block, u32 blocks, const u8 uuid[16])
{
	struct jbd2_super *js = block;

	memset(block, 0, VEXFS_BLOCK_SIZE);
	js->s_header.h_magic = jbd2_put32(JBD2_MAGIC_NUMBER);
	js->s_header.h_blocktype = jbd2_put32(JBD2_SUPERBLOCK_V2);
	js->s_blocksize = jbd2_put32(VEXFS_BLOCK_SIZE);
	js->s_maxlen = jbd2_put32(blocks);
	js->s_first = jbd2_put32(1);
	js->s_sequence = jbd2_put32(1);
	js->s_feature_incompat = jbd2_put32(VEXFS_JBD2_FEATURES);
	js->s_checksum_type = JBD2_CRC32C_CHKSUM;
	js->s_nr_users = jbd2_put32(1);
	memcpy(js->s_uuid, uuid, 16);
	js->s_checksum = jbd2_put32(jbd2_super_checksum(js));
}
