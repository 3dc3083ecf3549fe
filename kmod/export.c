// SPDX-License-Identifier: GPL-2.0
/*
 * File handles: for the NFS server, open_by_handle_at(2), fanotify and overlayfs.
 *
 * A handle is a number and a generation, so it stays good over a remount and is stale
 * (-ESTALE) once its file has been deleted, even if another one got the number. Nothing in
 * a handle is trusted: who sends one may have made it up, and no value of it leads to a
 * hidden inode or to a complaint about damage.
 *
 * No lock is held by those who call here, but that of the child in get_parent.
 */
#include "kmod/vexfs.h"
#include <linux/exportfs.h>

/* The layouts that newer kernels call FILEID_INO64_GEN and FILEID_INO64_GEN_PARENT; 6.1 has no names for them. */
enum { VEXFS_FID = 0x81, VEXFS_FID_PARENT = 0x82 };

/**
 * struct vexfs_fid - a file handle, little-endian
 * @ino:	inode number
 * @gen:	its generation
 * @parent_ino: VEXFS_FID_PARENT: the directory it was found in
 * @parent_gen: likewise
 */
struct vexfs_fid {
	__le64	ino;
	__le32	gen;
	__le64	parent_ino;
	__le32	parent_gen;
} __packed;

/* Lengths of handles count words of four bytes. */
#define VEXFS_FID_WORDS		(offsetof(struct vexfs_fid, parent_ino) / 4)
#define VEXFS_FID_PARENT_WORDS	(sizeof(struct vexfs_fid) / 4)

static int vexfs_encode_fh(struct inode *inode, u32 *fh, int *max_len, struct inode *parent)
{
	int words = parent ? VEXFS_FID_PARENT_WORDS : VEXFS_FID_WORDS;
	struct vexfs_fid *fid = (void *)fh;
	bool fits = *max_len >= words;

	*max_len = words;
	if (!fits)
		return FILEID_INVALID;
	fid->ino = cpu_to_le64(inode->i_ino);
	fid->gen = cpu_to_le32(inode->i_generation);
	if (!parent)
		return VEXFS_FID;
	fid->parent_ino = cpu_to_le64(parent->i_ino);
	fid->parent_gen = cpu_to_le32(parent->i_generation);
	return VEXFS_FID_PARENT;
}

/* An open file without a name still has its handle. Takes a reference. ERR_PTR. */
static struct inode *vexfs_fid_inode(struct super_block *sb, u64 ino, u32 gen)
{
	struct inode *inode;

	if (ino < VEXFS_FIRST_INO && ino != VEXFS_ROOT_INO)
		return ERR_PTR(-ESTALE);
	inode = vexfs_iget(sb, ino, VEXFS_IGET_MAYBE);
	if (IS_ERR(inode) || inode->i_generation == gen)
		return inode;
	iput(inode);
	return ERR_PTR(-ESTALE);
}

static struct dentry *vexfs_fh_to_dentry(struct super_block *sb, struct fid *fh, int len, int type)
{
	const struct vexfs_fid *fid = (const void *)fh;

	if ((type != VEXFS_FID && type != VEXFS_FID_PARENT) || len < (int)VEXFS_FID_WORDS)
		return ERR_PTR(-ESTALE);
	return d_obtain_alias(vexfs_fid_inode(sb, le64_to_cpu(fid->ino),
					      le32_to_cpu(fid->gen)));
}

static struct dentry *vexfs_fh_to_parent(struct super_block *sb, struct fid *fh, int len, int type)
{
	const struct vexfs_fid *fid = (const void *)fh;

	if (type != VEXFS_FID_PARENT || len < (int)VEXFS_FID_PARENT_WORDS)
		return ERR_PTR(-ESTALE);
	return d_obtain_alias(vexfs_fid_inode(sb, le64_to_cpu(fid->parent_ino),
					      le32_to_cpu(fid->parent_gen)));
}

/* The name number @i that the inode itself records; false: there are no more. */
static bool vexfs_inline_link(struct inode *inode, unsigned int i, struct vexfs_link *link)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	if (i >= VEXFS_INODE_LINKS)
		return false;
	spin_lock(&vi->lock);
	*link = vi->links[i];
	spin_unlock(&vi->lock);
	return true;
}

/* ".." of @child, whose i_rwsem is held. */
static struct dentry *vexfs_get_parent(struct dentry *child)
{
	struct inode *inode = d_inode(child), *dir;
	struct vexfs_link up;

	vexfs_inline_link(inode, 0, &up);
	if (!up.l_parent)	/* it has been removed */
		return ERR_PTR(-ESTALE);
	dir = vexfs_iget(inode->i_sb, le64_to_cpu(up.l_parent), VEXFS_IGET_MAYBE);
	if (!IS_ERR(dir) && !S_ISDIR(dir->i_mode)) {
		iput(dir);
		dir = ERR_PTR(vexfs_corrupt(inode->i_sb, inode->i_ino, 0, "the parent is not a directory"));
	}
	return d_obtain_alias(dir);
}

/* Is @link a name in @dir that leads to @inode now? Then 0, and it is in @name. */
static int vexfs_name_by_link(struct inode *dir, struct inode *inode, const struct vexfs_link *link,
			      char *name)
{
	u32 len;
	int err;

	if (le64_to_cpu(link->l_parent) != dir->i_ino)
		return -ENOENT;
	inode_lock_shared(dir);
	err = vexfs_dir_entry_name(dir, le64_to_cpu(link->l_hash), inode->i_ino, name, &len);
	inode_unlock_shared(dir);
	if (!err)
		name[len] = 0;
	return err;
}

/* A name of @child in @parent, from the record of its names rather than by reading the directory.
 * @name: NAME_MAX + 1 bytes. -ENOENT: it has none there. */
static int vexfs_get_name(struct dentry *parent, char *name, struct dentry *child)
{
	struct inode *dir = d_inode(parent), *inode = d_inode(child);
	struct vexfs_link link;
	int err = -ENOENT, more = 1;
	unsigned int i;
	u64 key = 0;

	for (i = 0; err == -ENOENT && vexfs_inline_link(inode, i, &link); i++)
		err = vexfs_name_by_link(dir, inode, &link, name);
	if (S_ISDIR(inode->i_mode))
		return err;
	while (err == -ENOENT && more > 0) {
		more = vexfs_links_more(inode, &key, &link);
		if (more > 0)
			err = vexfs_name_by_link(dir, inode, &link, name);
		else if (more < 0)
			err = more;
	}
	return err;
}

/* The NFS server promises that what it answered is on the disk. No dirty flag of the VFS says so: an
 * inode is written to the journal when it changes. */
static int vexfs_commit_metadata(struct inode *inode)
{
	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	if (sb_rdonly(inode->i_sb))
		return vexfs_rdonly_sync(inode->i_sb);
	return jbd2_complete_transaction(VEXFS_SB(inode->i_sb)->journal, VEXFS_I(inode)->sync_tid);
}

const struct export_operations vexfs_export_ops = {
	.encode_fh = vexfs_encode_fh,
	.fh_to_dentry = vexfs_fh_to_dentry,
	.fh_to_parent = vexfs_fh_to_parent,
	.get_parent = vexfs_get_parent,
	.get_name = vexfs_get_name,
	.commit_metadata = vexfs_commit_metadata,
};
