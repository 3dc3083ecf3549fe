/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making files in an unmounted filesystem: inodes, names, content, attributes.
 *
 * An inode is at hand as a copy, which the caller gets or makes, and puts when it is complete. The calls change the
 * copy and blocks in the image's cache, never the inode in its table. After an error the image is to be given up:
 * nothing is taken back.
 */
#ifndef VEXFS_LIB_IMAGE_WRITE_H
#define VEXFS_LIB_IMAGE_WRITE_H

#include "core/xattr.h"
#include "lib/image.h"

/* A verified copy of an inode in use. Return: 0, -EUCLEAN, an I/O error. */
int vexfs_image_get_inode(struct vexfs_image *img, u64 ino, struct vexfs_inode *di);
/* Put it in its place, sealed. */
int vexfs_image_put_inode(struct vexfs_image *img, const struct vexfs_inode *di);

/**
 * vexfs_image_new_inode() - take the first free inode number
 * @img:  writable or overlay
 * @mode: type and permissions
 * @di:	  filled in: number, mode, version 1; a directory has the link count 2, others 0. Owner, times and
 *	  generation are the caller's to fill in
 *
 * Return: 0, -ENOSPC, -EUCLEAN, an I/O error.
 */
int vexfs_image_new_inode(struct vexfs_image *img, u16 mode, struct vexfs_inode *di);

/**
 * vexfs_image_add_name() - give an inode a name
 * @img: writable or overlay
 * @dir: the directory: its entries and link count change
 * @di:	 the inode: its recorded names and link count change
 * @name: valid and not in the directory yet; not terminated
 * @len: its length
 *
 * Return: 0, -EEXIST, -EMLINK, -ENOSPC, -EUCLEAN, an I/O error.
 */
int vexfs_image_add_name(struct vexfs_image *img, struct vexfs_inode *dir, struct vexfs_inode *di,
			 const char *name, u32 len);

/**
 * vexfs_image_add_data() - write content into a hole
 * @img:   writable: data goes to the device directly, past the cache
 * @di:	   a regular file; its i_size is the caller's
 * @lblk:  first logical block
 * @data:  whole blocks
 * @count: how many
 *
 * Return: 0, -EFBIG, -ENOSPC, -EUCLEAN, an I/O error.
 */
int vexfs_image_add_data(struct vexfs_image *img, struct vexfs_inode *di, u64 lblk, const void *data,
			 u32 count);

/* Store the target of a symlink, 1 to VEXFS_SYMLINK_MAX bytes, and i_size. */
int vexfs_image_set_target(struct vexfs_image *img, struct vexfs_inode *di, const char *target,
			   u32 len);

/**
 * vexfs_image_add_xattr() - store an attribute that is not there
 * @img: a filesystem with the feature xattr
 * @di:	 the inode
 * @e:	 kind, name and value; where the value is stored is decided here, as the kernel does
 *
 * Return: 0, -E2BIG (the attributes of the inode are full), -ENOSPC, -EUCLEAN, an I/O error.
 */
int vexfs_image_add_xattr(struct vexfs_image *img, struct vexfs_inode *di,
			  const struct vexfs_xattr_ent *e);

#endif /* VEXFS_LIB_IMAGE_WRITE_H */
