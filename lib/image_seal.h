/* SPDX-License-Identifier: GPL-2.0 */
/* Making the checksum at a place right again after a deliberate change. */
#ifndef VEXFS_LIB_IMAGE_SEAL_H
#define VEXFS_LIB_IMAGE_SEAL_H

#include "core/block.h"

/**
 * vexfs_seal_block() - recompute the checksum that covers a byte of a block
 * @geo:   geometry
 * @blkno: address of the block
 * @off:   byte in it; in an inode table it selects the inode
 * @block: its 4096 bytes
 *
 * Return: 0, or -ENOENT if nothing with a checksum is recognised there.
 */
int vexfs_seal_block(const struct vexfs_geo *geo, u64 blkno, u32 off, void *block);

#endif /* VEXFS_LIB_IMAGE_SEAL_H */
