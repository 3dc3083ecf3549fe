/* SPDX-License-Identifier: GPL-2.0 */
/* Changing the superblock of an unmounted filesystem. */
#ifndef VEXFS_LIB_IMAGE_SUPER_H
#define VEXFS_LIB_IMAGE_SUPER_H

#include "lib/blkdev.h"
#include "core/block.h"

/**
 * vexfs_super_store() - write a changed superblock
 * @dev:    open for writing; the journal is empty
 * @sb:	    verified but for its checksum, which is set here
 * @copies: geometry or features changed: the copies as well, before block 0, so that a copy never lacks a feature
 *	    that block 0 has
 *
 * Return: 0; -EUCLEAN if it does not verify (nothing was written); an I/O error.
 */
int vexfs_super_store(const struct vexfs_dev *dev, struct vexfs_super_block *sb, bool copies);

#endif /* VEXFS_LIB_IMAGE_SUPER_H */
