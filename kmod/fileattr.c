// SPDX-License-Identifier: GPL-2.0
/*
 * The flags of chattr(1) and the project of a file: reading, changing, inheriting them.
 *
 * The VFS has checked who may (owner; CAP_LINUX_IMMUTABLE for immutable and append; the
 * initial user namespace for projects) and holds i_rwsem. Both are features: their bit is
 * set in the superblock, in a transaction of its own, before the first inode has any.
 */
#include "kmod/vexfs.h"
#include <linux/iversion.h>

#define VEXFS_CHATTR	(VEXFS_INODE_IMMUTABLE | VEXFS_INODE_APPEND | VEXFS_INODE_NODUMP | \
			 VEXFS_INODE_NOATIME | VEXFS_INODE_SYNC | VEXFS_INODE_DIRSYNC)
#define VEXFS_FILEATTR	VEXFS_INODE_USER
/* Immutable and append are about one file, not about what is made in it. */
#define VEXFS_INHERITED	(VEXFS_FILEATTR & ~(VEXFS_INODE_IMMUTABLE | VEXFS_INODE_APPEND))

static const struct {
	u32		disk, user;
	unsigned int	vfs;
} vexfs_fileattrs[] = {
	{ VEXFS_INODE_IMMUTABLE, FS_IMMUTABLE_FL, S_IMMUTABLE },
	{ VEXFS_INODE_APPEND, FS_APPEND_FL, S_APPEND },
	{ VEXFS_INODE_NODUMP, FS_NODUMP_FL, 0 },
	{ VEXFS_INODE_NOATIME, FS_NOATIME_FL, S_NOATIME },
	{ VEXFS_INODE_SYNC, FS_SYNC_FL, S_SYNC },
	{ VEXFS_INODE_DIRSYNC, FS_DIRSYNC_FL, S_DIRSYNC },
	{ VEXFS_INODE_PROJINHERIT, FS_PROJINHERIT_FL, 0 },
};

static u32 vexfs_flags_to_user(u32 disk)
{
	u32 user = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vexfs_fileattrs); i++)
		if (disk & vexfs_fileattrs[i].disk)
			user |= vexfs_fileattrs[i].user;
	return user;
}

static u32 vexfs_flags_from_user(u32 user)
{
	u32 disk = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vexfs_fileattrs); i++)
		if (user & vexfs_fileattrs[i].user)
			disk |= vexfs_fileattrs[i].disk;
	return disk;
}

/**
 * vexfs_flags_to_vfs - let the VFS act as the inode's flags say
 * @inode: new, or i_rwsem held
 */
void vexfs_flags_to_vfs(struct inode *inode)
{
	unsigned int mask = 0, set = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vexfs_fileattrs); i++) {
		mask |= vexfs_fileattrs[i].vfs;
		if (VEXFS_I(inode)->flags & vexfs_fileattrs[i].disk)
			set |= vexfs_fileattrs[i].vfs;
	}
	inode_set_flags(inode, set, mask);
}

/**
 * vexfs_inherit - what a new inode has from its directory
 * @inode: not visible yet; its mode is set
 * @dir:   i_rwsem held
 */
void vexfs_inherit(struct inode *inode, struct inode *dir)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode), *di = VEXFS_I(dir);

	vi->flags |= di->flags & VEXFS_INHERITED & vexfs_inode_flags_of(inode->i_mode);
	if (di->flags & VEXFS_INODE_PROJINHERIT)
		vi->projid = di->projid;
	vexfs_flags_to_vfs(inode);
}

/**
 * vexfs_project_allows - may @dir get a name of @inode?
 * @dir:   i_rwsem held
 * @inode: likewise, or about to be moved
 *
 * What is in a directory that hands its project down is of that project.
 */
bool vexfs_project_allows(struct inode *dir, struct inode *inode)
{
	return !(VEXFS_I(dir)->flags & VEXFS_INODE_PROJINHERIT) ||
	       VEXFS_I(dir)->projid == VEXFS_I(inode)->projid;
}

int vexfs_fileattr_get(struct dentry *dentry, vexfs_fileattr_t *fa)
{
	struct vexfs_inode_info *vi = VEXFS_I(d_inode(dentry));

	fileattr_fill_flags(fa, vexfs_flags_to_user(READ_ONCE(vi->flags)));
	fa->fsx_projid = READ_ONCE(vi->projid);
	return 0;
}

/* The feature bits that come before @flags and @projid do. Not in a handle. */
static int vexfs_fileattr_features(struct super_block *sb, u32 flags, u32 projid)
{
	int err = 0;

	if (flags & VEXFS_CHATTR)
		err = vexfs_feature_set(sb, VEXFS_RO_COMPAT, VEXFS_FEATURE_RO_COMPAT_INODE_FLAGS);
	if (!err && (projid || (flags & VEXFS_INODE_PROJINHERIT)))
		err = vexfs_feature_set(sb, VEXFS_RO_COMPAT, VEXFS_FEATURE_RO_COMPAT_PROJECT);
	return err;
}

/* In one handle, or not at all. i_rwsem held. */
static int vexfs_fileattr_store_primed(struct inode *inode, u32 flags, u32 projid, struct inode *owners)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	handle_t *handle = vexfs_start(inode->i_sb, 1, 0);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_inode_access(handle, inode);
	if (!err)
		err = vexfs_quota_chproj(inode, owners);
	if (!err) {
		spin_lock(&vi->lock);
		WRITE_ONCE(vi->flags, (vi->flags & ~VEXFS_FILEATTR) | flags);
		WRITE_ONCE(vi->projid, projid);
		spin_unlock(&vi->lock);
		vexfs_flags_to_vfs(inode);
		vexfs_set_ctime_now(inode);
		inode_inc_iversion(inode);
		err = vexfs_mark_inode_dirty(handle, inode);
	}
	if (IS_SYNC(inode))
		handle->h_sync = 1;
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

static int vexfs_fileattr_store(struct inode *inode, u32 flags, u32 projid)
{
	struct inode *owners = vexfs_quota_prime_project(inode, projid);
	int err;

	if (IS_ERR(owners))
		return PTR_ERR(owners);
	err = vexfs_fileattr_store_primed(inode, flags, projid, owners);
	vexfs_quota_primed(owners);
	return err;
}

/*
 * A file that becomes immutable stops changing before it says so: i_rwsem keeps write(2)
 * out, direct writes in flight are waited for, and writing the dirty pages makes them
 * read-only in every mapping; the next store there faults, and finds the flag.
 */
static int vexfs_fileattr_freeze(struct inode *inode, u32 flags, u32 projid)
{
	struct address_space *mapping = inode->i_mapping;
	int err;

	inode_dio_wait(inode);
	filemap_invalidate_lock(mapping);
	err = filemap_write_and_wait(mapping);
	if (!err)
		err = vexfs_fileattr_store(inode, flags, projid);
	filemap_invalidate_unlock(mapping);
	return err;
}

int vexfs_fileattr_set(vexfs_idmap_t *idmap, struct dentry *dentry, vexfs_fileattr_t *fa)
{
	struct inode *inode = d_inode(dentry);
	u32 old = VEXFS_I(inode)->flags & VEXFS_FILEATTR, flags;
	u32 projid = fa->fsx_projid;
	int err;

	if (fa->flags & ~vexfs_flags_to_user(VEXFS_FILEATTR) || (fa->fsx_xflags & ~FS_XFLAG_COMMON) ||
	    fa->fsx_extsize || fa->fsx_cowextsize)
		return -EOPNOTSUPP;
	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	/* As ext4: those that mean nothing here are left out. */
	flags = vexfs_flags_from_user(fa->flags) & vexfs_inode_flags_of(inode->i_mode);
	if (flags == old && projid == VEXFS_I(inode)->projid)
		return 0;
	/* What is and stays immutable does not change in any other way either. */
	if (flags & old & VEXFS_INODE_IMMUTABLE)
		return -EPERM;
	err = vexfs_fileattr_features(inode->i_sb, flags, projid);
	if (err)
		return err;
	if (S_ISREG(inode->i_mode) && (flags & ~old & VEXFS_INODE_IMMUTABLE))
		return vexfs_fileattr_freeze(inode, flags, projid);
	return vexfs_fileattr_store(inode, flags, projid);
}
