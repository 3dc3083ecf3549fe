/* SPDX-License-Identifier: GPL-2.0 */
/* The change feed of an unmounted filesystem: turning it on and off. */
#ifndef VEXFS_LIB_IMAGE_FEED_H
#define VEXFS_LIB_IMAGE_FEED_H

#include "lib/image.h"

/* The change tree of the filesystem, by a copy of its inode, which the caller puts after a change. */
struct vexfs_tree vexfs_image_feed_tree(struct vexfs_image *img, struct vexfs_inode *di);

/**
 * vexfs_image_feed_inode() - a hidden inode for a change tree, empty
 * @img:	writable or overlay; its geometry has the feature
 * @generation:	random: marks of another tree are refused by it
 * @now:	seconds since 1970
 * @di:		filled in; the caller puts it
 *
 * Return: 0, -ENOSPC, -EUCLEAN, an I/O error.
 */
int vexfs_image_feed_inode(struct vexfs_image *img, u32 generation, s64 now, struct vexfs_inode *di);

/**
 * vexfs_image_feed_on() - begin to keep a feed
 * @img:	has no feed; img->sb gets the bit and its fields, for the caller to store after a flush
 * @generation, @now: as above
 *
 * No inode has a number yet: what is there has not changed since. Return: as above.
 */
int vexfs_image_feed_on(struct vexfs_image *img, u32 generation, s64 now);

/**
 * vexfs_image_feed_off() - forget the feed
 * @img: has one; img->sb loses the bit and its fields, for the caller to store after a flush
 *
 * Return: 0, -EUCLEAN, an I/O error: the image is to be given up.
 */
int vexfs_image_feed_off(struct vexfs_image *img);

#endif /* VEXFS_LIB_IMAGE_FEED_H */
