// SPDX-License-Identifier: GPL-2.0
/*
 * O_TMPFILE: a file without a name. It is an orphan from the handle that makes it to the one
 * that gives it its first name (vexfs_link()), so after a crash it is gone, or has a name and
 * all that was written back.
 */
#include "kmod/create.h"
#include "kmod/trace.h"
#include <linux/fs.h>

/* Inode and place among the orphans. On an error @out may hold an abandoned inode. */
static int vexfs_tmpfile_make(handle_t *handle, vexfs_idmap_t *idmap, struct inode *dir,
			      struct vexfs_create *c, struct inode **out)
{
	int err = vexfs_make(handle, idmap, dir, c, out);

	if (!err)
		err = vexfs_inode_access(handle, *out);
	if (!err)
		err = vexfs_orphan_add(handle, *out);
	if (err && *out)
		vexfs_abandon(handle, *out);
	if (err)
		return err;
	clear_nlink(*out);
	return vexfs_mark_inode_dirty(handle, *out);
}

static int vexfs_tmpfile_credits(struct super_block *sb, const struct vexfs_create *c)
{
	return VEXFS_NEW_INODE_CREDITS + VEXFS_ALLOC_CREDITS + 4 + vexfs_acl_credits(sb, &c->acl) +
	       VEXFS_LABEL_CREDITS(sb);
}

static int vexfs_tmpfile_once(vexfs_idmap_t *idmap, struct inode *dir, struct file *file,
			      struct vexfs_create *c)
{
	struct super_block *sb = dir->i_sb;
	handle_t *handle = vexfs_start(sb, vexfs_tmpfile_credits(sb, c), VEXFS_MAX_LEVEL);
	struct inode *inode = NULL;
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_tmpfile_make(handle, idmap, dir, c, &inode);
	err2 = vexfs_stop(handle);
	vexfs_xattr_done(&c->acl.plan);
	if (!err) {
		/* Not in the handle: a security module may read attributes then. d_tmpfile() takes a link away. */
		set_nlink(inode, 1);
		d_tmpfile(file, inode);
		unlock_new_inode(inode);
	} else if (inode) {
		discard_new_inode(inode);
	}
	return err ? err : err2;
}

/**
 * vexfs_tmpfile - the tmpfile operation of directories
 * @idmap: of the mount
 * @dir:   whose group, ACL and flags it inherits
 * @file:  to be opened on it
 * @mode:  of the file
 *
 * Return: 0 or -errno.
 */
int vexfs_tmpfile(vexfs_idmap_t *idmap, struct inode *dir, struct file *file, umode_t mode)
{
	unsigned int seq = vexfs_room_seq(VEXFS_SB(dir->i_sb));
	struct dentry *dentry = file->f_path.dentry;
	struct vexfs_create c = { .mode = mode, .name = &dentry->d_name };
	int err, tries = 0;

	if (vexfs_is_shutdown(dir->i_sb))
		return -EIO;
	err = vexfs_create_begin(idmap, dir, &c);
	if (!err && !vexfs_credits_fit(dir->i_sb, vexfs_tmpfile_credits(dir->i_sb, &c)))
		err = -ENOSPC;
	if (err)
		goto out;
	do {
		err = vexfs_tmpfile_once(idmap, dir, file, &c);
	} while (vexfs_create_again(dir, &err, &seq, &tries));
out:
	vexfs_create_end(&c);
	trace_vexfs_create(dir, &dentry->d_name, err ? NULL : d_inode(dentry), err);
	return finish_open_simple(file, err);
}
