/* SPDX-License-Identifier: GPL-2.0 */
/* New inodes: what the files that make them share. */
#ifndef VEXFS_CREATE_H
#define VEXFS_CREATE_H

#include "kmod/vexfs.h"
#include "kmod/xattr.h"

/**
 * struct vexfs_create - what is new about an inode besides its owner
 * @mode:	with the type
 * @rdev:	of a device
 * @target:	of a symlink, else NULL
 * @target_len: its length
 * @name:	for security modules
 * @acl:	from vexfs_create_begin(); all zero: none
 * @owners:	likewise; holds their dquots
 */
struct vexfs_create {
	umode_t		mode;
	dev_t		rdev;
	const char	*target;
	u32		target_len;
	const struct qstr *name;
	struct vexfs_acl_new acl;
	struct inode	*owners;
};

/* namei.c */
/* What the directory hands down. Not in a handle; vexfs_create_end() afterwards, also after an error. */
int vexfs_create_begin(vexfs_idmap_t *idmap, struct inode *dir, struct vexfs_create *c);
void vexfs_create_end(struct vexfs_create *c);
/* A locked new inode with one link, complete but for its name; on an error without an inode, or
 * (half-made) with: then vexfs_abandon(), and discard_new_inode() after the handle. After the
 * handle, vexfs_xattr_done(&c->acl.plan) in any case. */
int vexfs_make(handle_t *handle, vexfs_idmap_t *idmap, struct inode *dir, struct vexfs_create *c,
	       struct inode **out);
/* After *@err: is another attempt worth it? *@seq: vexfs_room_seq() before the first, *@tries: 0. */
bool vexfs_create_again(struct inode *dir, int *err, unsigned int *seq, int *tries);
void vexfs_abandon(handle_t *handle, struct inode *inode);

/* symlink.c */
/* Of a new inode, whose caller writes it. Credits: VEXFS_ALLOC_CREDITS + 1. */
int vexfs_set_target(handle_t *handle, struct inode *inode, const char *target, u32 len);

/* tmpfile.c */
int vexfs_tmpfile(vexfs_idmap_t *idmap, struct inode *dir, struct file *file, umode_t mode);

#endif /* VEXFS_CREATE_H */
