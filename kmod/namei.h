/* SPDX-License-Identifier: GPL-2.0 */
/* Entries and links of inodes: what namei.c and rename.c share. The VFS holds i_rwsem of all inodes. */
#ifndef VEXFS_NAMEI_H
#define VEXFS_NAMEI_H

#include "kmod/vexfs.h"

/* namei.c */
struct vexfs_name vexfs_name_of(struct inode *dir, const struct dentry *dentry);
int vexfs_dir_op_credits(struct inode *dir);
int vexfs_entry_add(handle_t *handle, struct inode *dir, const struct qstr *name,
		    struct inode *inode);
int vexfs_entry_del(handle_t *handle, struct inode *dir, const struct qstr *name);
int vexfs_entry_replace(handle_t *handle, struct inode *dir, const struct qstr *name,
			struct inode *inode);
int vexfs_access_all(handle_t *handle, struct inode *a, struct inode *b, struct inode *c,
		     struct inode *d);
int vexfs_prepare_drop(handle_t *handle, struct inode *inode, bool dir);
void vexfs_cancel_drop(handle_t *handle, struct inode *inode);
int vexfs_check_file_links(struct inode *inode);
int vexfs_check_dir_links(struct inode *dir);
int vexfs_drop_link(handle_t *handle, struct inode *inode, bool dir);

/* rename.c */
int vexfs_rename(vexfs_idmap_t *idmap, struct inode *old_dir, struct dentry *old,
		 struct inode *new_dir, struct dentry *new, unsigned int flags);

#endif /* VEXFS_NAMEI_H */
