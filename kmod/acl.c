// SPDX-License-Identifier: GPL-2.0
/*
 * POSIX ACLs: the attributes system.posix_acl_access and system.posix_acl_default, in the form that
 * getxattr(2) has, with ids of the filesystem. The VFS caches them in the inode and judges by them.
 *
 * An ACL and the mode that belongs to it change in one transaction. All who judge a file ask the VFS,
 * searches too; they are told of a change as they are of one of the mode (vexfs_perm_changed()).
 */
#include "kmod/vexfs.h"
#include "kmod/xattr.h"
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

static u8 vexfs_acl_kind(int type)
{
	return type == ACL_TYPE_ACCESS ? VEXFS_XATTR_ACL : VEXFS_XATTR_DEFAULT_ACL;
}

/* ---- reading ---------------------------------------------------------------- */

static struct posix_acl *vexfs_acl_decode(struct inode *inode, const void *value, int len)
{
	const char *what = vexfs_acl_verify(value, len);

	if (what)
		return ERR_PTR(vexfs_corrupt(inode->i_sb, inode->i_ino, 0, what));
	return posix_acl_from_xattr(i_user_ns(inode), value, len);
}

/* The stored value, to be freed by kvfree(); its length or an error. Takes xattr_sem. */
static int vexfs_acl_load(struct inode *inode, u8 kind, void **value)
{
	int len;

	*value = NULL;
	do {	/* it may grow in between */
		kvfree(*value);
		*value = NULL;
		len = vexfs_xattr_get(inode, kind, "", NULL, 0);
		if (len <= 0)
			return len ? len : -ENODATA;
		*value = kvmalloc(len, GFP_NOFS);
		if (!*value)
			return -ENOMEM;
		len = vexfs_xattr_get(inode, kind, "", *value, len);
	} while (len == -ERANGE);
	return len;
}

/**
 * vexfs_get_acl - the ACL of an inode, for the VFS, which caches it
 * @inode: takes xattr_sem; not in a handle
 * @type:  ACL_TYPE_*
 * @rcu:   nothing may be waited for: -ECHILD
 *
 * Return: NULL: it has none; ERR_PTR.
 */
struct posix_acl *vexfs_get_acl(struct inode *inode, int type, bool rcu)
{
	struct posix_acl *acl = NULL;
	void *value;
	int len;

	if (rcu)
		return ERR_PTR(-ECHILD);
	len = vexfs_acl_load(inode, vexfs_acl_kind(type), &value);
	if (len >= 0)
		acl = vexfs_acl_decode(inode, value, len);
	else if (len != -ENODATA)
		acl = ERR_PTR(len);
	kvfree(value);
	return acl;
}

/* ---- writing ------------------------------------------------------------------ */

/* As an attribute; @e->value is to be freed by kvfree(). @acl NULL: nothing to store. */
static int vexfs_acl_encode(struct inode *inode, const struct posix_acl *acl, int type,
			    struct vexfs_xattr_ent *e)
{
	size_t size = acl ? posix_acl_xattr_size(acl->a_count) : 0;
	void *value = NULL;
	int err;

	*e = (struct vexfs_xattr_ent){ .kind = vexfs_acl_kind(type), .name = "" };
	if (!acl)
		return 0;
	if (size > VEXFS_XATTR_VALUE_MAX)
		return -E2BIG;
	err = vexfs_acl_to_xattr(i_user_ns(inode), acl, size, &value);
	if (err)
		return err;
	e->value = value;
	e->value_len = size;
	return 0;
}

/**
 * vexfs_acl_set - store an ACL, and the mode that it makes
 * @inode: i_rwsem held; not in a handle
 * @acl:   NULL: take it away
 * @type:  ACL_TYPE_*
 * @mode:  the new mode
 */
static int vexfs_acl_set(struct inode *inode, struct posix_acl *acl, int type, umode_t mode)
{
	struct vexfs_xattr_ent e;
	int err = vexfs_acl_encode(inode, acl, type, &e);

	if (!err)
		err = vexfs_xattr_set(inode, &e, !acl, 0, mode);
	kvfree(e.value);
	if (err)
		return err;
	set_cached_acl(inode, type, acl);
	vexfs_perm_changed(inode);
	return 0;
}

/* For the VFS, which has checked who asks and what for. i_rwsem held. */
#ifdef VEXFS_HAVE_SET_ACL_DENTRY
int vexfs_set_acl(vexfs_idmap_t *idmap, struct dentry *dentry, struct posix_acl *acl, int type)
{
	struct inode *inode = d_inode(dentry);
#else
int vexfs_set_acl(vexfs_idmap_t *idmap, struct inode *inode, struct posix_acl *acl, int type)
{
#endif
	umode_t mode = inode->i_mode;
	int err = 0;

	/* What the mode says as well is not stored. */
	if (type == ACL_TYPE_ACCESS && acl)
		err = posix_acl_update_mode(idmap, inode, &mode, &acl);
	return err ? err : vexfs_acl_set(inode, acl, type, mode);
}

/* ---- chmod ---------------------------------------------------------------------- */

/**
 * vexfs_acl_chmod - the ACL that belongs to a new mode
 * @inode: i_rwsem held; not in a handle
 * @mode:  as it will be
 * @acl:   out: NULL: the inode has none, or its permissions stay
 * @e:	   out: it as an attribute; @e->value is to be freed by kvfree()
 */
int vexfs_acl_chmod(struct inode *inode, umode_t mode, struct posix_acl **acl, struct vexfs_xattr_ent *e)
{
	int err;

	*acl = NULL;
	e->value = NULL;
	if (!IS_POSIXACL(inode) || S_ISLNK(inode->i_mode) || !((mode ^ inode->i_mode) & 0777))
		return 0;
	*acl = vexfs_cached_acl(inode, ACL_TYPE_ACCESS);
	if (IS_ERR_OR_NULL(*acl)) {
		err = PTR_ERR_OR_ZERO(*acl);
		*acl = NULL;
		return err;
	}
	err = __posix_acl_chmod(acl, GFP_KERNEL, mode);	/* on an error @acl is put, and NULL */
	if (!err)
		err = vexfs_acl_encode(inode, *acl, ACL_TYPE_ACCESS, e);
	return err;
}

/* ---- creation ----------------------------------------------------------------------- */

/**
 * vexfs_acl_inherit - what an inode to be made gets from its directory
 * @dir:  i_rwsem held; not in a handle
 * @mode: in: as asked for; out: with the umask or the default ACL applied
 * @new:  filled in; vexfs_acl_new_put() also after an error
 */
int vexfs_acl_inherit(struct inode *dir, umode_t *mode, struct vexfs_acl_new *new)
{
	int err;

	memset(new, 0, sizeof(*new));
	err = posix_acl_create(dir, mode, &new->acl[1], &new->acl[0]);
	if (!err)
		err = vexfs_acl_encode(dir, new->acl[0], ACL_TYPE_ACCESS, &new->ent[0]);
	if (!err)
		err = vexfs_acl_encode(dir, new->acl[1], ACL_TYPE_DEFAULT, &new->ent[1]);
	return err;
}

/**
 * vexfs_acl_init - store them
 * @handle: with vexfs_acl_credits()
 * @inode:  new, not visible yet
 * @new:    from vexfs_acl_inherit()
 *
 * Return: 0, -ENOSPC, -EIO, -ENOMEM: the inode is to be abandoned.
 */
int vexfs_acl_init(handle_t *handle, struct inode *inode, struct vexfs_acl_new *new)
{
	int err = 0, i;

	for (i = 0; i < ARRAY_SIZE(new->acl) && !err; i++)
		if (new->acl[i])
			err = vexfs_xattr_init(handle, inode, &new->ent[i], &new->plan);
	if (err)
		return err;
	set_cached_acl(inode, ACL_TYPE_ACCESS, new->acl[0]);
	if (S_ISDIR(inode->i_mode))
		set_cached_acl(inode, ACL_TYPE_DEFAULT, new->acl[1]);
	return 0;
}

int vexfs_acl_credits(struct super_block *sb, const struct vexfs_acl_new *new)
{
	int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(new->acl); i++)
		if (new->acl[i])
			n += vexfs_xattr_init_credits(sb, new->ent[i].value_len);
	return n;
}

void vexfs_acl_new_put(struct vexfs_acl_new *new)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(new->acl); i++) {
		posix_acl_release(new->acl[i]);
		kvfree(new->ent[i].value);
	}
}
