// SPDX-License-Identifier: GPL-2.0
/* Making the checksum at a place right again after a deliberate change (tests, dump --poke). */
#include <errno.h>

#include "lib/image.h"
#include "lib/image_seal.h"
#include "lib/jbd2.h"

static bool known_magic(u32 magic)
{
	switch (magic) {
	case VEXFS_MAGIC_GDT:
	case VEXFS_MAGIC_BBMAP:
	case VEXFS_MAGIC_IBMAP:
	case VEXFS_MAGIC_NODE:
	case VEXFS_MAGIC_DIR:
	case VEXFS_MAGIC_CHAIN:
	case VEXFS_MAGIC_SYMLINK:
	case VEXFS_MAGIC_LINKS:
	case VEXFS_MAGIC_ORPHAN:
	case VEXFS_MAGIC_COLL:
	case VEXFS_MAGIC_SLOT:
	case VEXFS_MAGIC_XATTR:
	case VEXFS_MAGIC_VALUE:
	case VEXFS_MAGIC_QUOTA:
		return true;
	default:
		return false;
	}
}

static void seal_super(void *block)
{
	struct vexfs_super_block *sb = (void *)((u8 *)block + VEXFS_SB_OFFSET);

	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
}

int vexfs_seal_block(const struct vexfs_geo *geo, u64 blkno, u32 off, void *block)
{
	u32 group = vexfs_block_group(blkno);

	if (blkno == vexfs_group_start(geo, group) && vexfs_group_has_super(group)) {
		seal_super(block);
	} else if (geo->place && blkno < geo->blocks && vexfs_in_itable(geo, blkno)) {
		vexfs_inode_seal((void *)((u8 *)block + off / VEXFS_INODE_SIZE * VEXFS_INODE_SIZE));
	} else if (blkno == geo->journal_start) {
		struct jbd2_super *js = block;

		js->s_checksum = jbd2_put32(jbd2_super_checksum(js));
	} else if (known_magic(le32_to_cpu(((struct vexfs_mdhdr *)block)->h_magic))) {
		vexfs_mdhdr_seal(block);
	} else {
		return -ENOENT;
	}
	return 0;
}
