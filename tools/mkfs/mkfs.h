/* SPDX-License-Identifier: GPL-2.0 */
/* mkfs.vexfs: what its files share. */
#ifndef VEXFS_TOOLS_MKFS_H
#define VEXFS_TOOLS_MKFS_H

#include "lib/image_format.h"

/* The whole program, without exit(): 0 done, 1 failed, 2 usage. */
int mkfs_main(int argc, char **argv);

/**
 * mkfs_probe() - what is on the device now?
 * @dev:  open device or image
 * @what: a description ("ext4 filesystem labelled 'home'"), cut to @size bytes
 * @size: room in @what
 *
 * Return: 1 something is there, 0 nothing recognised, negative errno.
 */
int mkfs_probe(const struct vexfs_dev *dev, char *what, size_t size);

#endif /* VEXFS_TOOLS_MKFS_H */
