/* SPDX-License-Identifier: GPL-2.0 */
/* Where a new filesystem has the metadata of its groups. */
#ifndef VEXFS_LIB_IMAGE_PLACE_H
#define VEXFS_LIB_IMAGE_PLACE_H

#include "core/block.h"

/**
 * vexfs_format_places() - place bitmaps and inode tables
 * @geo: filled in from the superblock; geo->place is allocated, the caller's to free()
 *
 * Up to VEXFS_FLEX_GROUPS groups that share a descriptor block have all of it in the first of them, no more
 * than leave it 7/16 for data: what is between two such groups is one run of data.
 *
 * Return: 0 or -ENOMEM.
 */
int vexfs_format_places(struct vexfs_geo *geo);

#endif /* VEXFS_LIB_IMAGE_PLACE_H */
