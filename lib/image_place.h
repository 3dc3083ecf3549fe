/* SPDX-License-Identifier: GPL-2.0 */
/* Where a new filesystem has the metadata of its groups. */
#ifndef VEXFS_LIB_IMAGE_PLACE_H
#define VEXFS_LIB_IMAGE_PLACE_H

#include "core/block.h"

/**
 * vexfs_format_places() - place bitmaps and inode tables
 * @geo: filled in from the superblock; geo->place is allocated, the caller's to free()
 *
 * By vexfs_places_plan().
 *
 * Return: 0 or -ENOMEM.
 */
int vexfs_format_places(struct vexfs_geo *geo);

#endif /* VEXFS_LIB_IMAGE_PLACE_H */
