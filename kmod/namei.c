// SPDX-License-Identifier: GPL-2.0
/*
 * Names: lookup, create, link, unlink (rename: rename.c). Each operation is one handle, so
 * after a crash it has happened or not. The VFS holds the directories' i_rwsem.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"
#include "kmod/create.h"
#include "kmod/namei.h"
#include <linux/fs.h>
#include <linux/iversion.h>
#include <linux/namei.h>

/* ---- entries --------------------------------------------------------------- */

static u64 vexfs_hash(struct inode *dir, const struct qstr *name)
{
	return vexfs_dir_hash(VEXFS_SB(dir->i_sb)->geo.hash_key, name->name, name->len);
}

struct vexfs_name vexfs_name_of(struct inode *dir, const struct dentry *dentry)
{
	return (struct vexfs_name){ dir->i_ino, vexfs_hash(dir, &dentry->d_name) };
}

/* Blocks a change of @dir's tree may touch, allocations and the inode included. */
int vexfs_dir_op_credits(struct inode *dir)
{
	return vexfs_dir_credits(&VEXFS_I(dir)->root) + VEXFS_DIR_ALLOCS * VEXFS_ALLOC_CREDITS + 1;
}

/* After a change of @dir's tree: its entry count, its times. */
static int vexfs_dir_changed(handle_t *handle, struct inode *dir, int entries)
{
	i_size_write(dir, max_t(loff_t, i_size_read(dir) + entries, 0));
	vexfs_touch(dir);
	inode_inc_iversion(dir);
	return vexfs_mark_inode_dirty(handle, dir);
}

int vexfs_entry_add(handle_t *handle, struct inode *dir, const struct qstr *name,
		    struct inode *inode)
{
	struct vexfs_dent d = {
		.hash = vexfs_hash(dir, name),
		.ino = inode->i_ino,
		.type = fs_umode_to_dtype(inode->i_mode),
		.name_len = name->len,
		.name = name->name,
	};
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err, err2;

	vexfs_kio_init(&kio, dir->i_sb, handle, dir->i_ino);
	vexfs_dir_tree(&t, &kio, dir);
	err = vexfs_dir_add(&t, &d);
	/* The root may have been reshaped even if the entry found no room. */
	err2 = vexfs_dir_changed(handle, dir, err ? 0 : 1);
	return err ? err : err2;
}

int vexfs_entry_del(handle_t *handle, struct inode *dir, const struct qstr *name)
{
	u64 hash = vexfs_hash(dir, name);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err, err2;

	vexfs_kio_init(&kio, dir->i_sb, handle, dir->i_ino);
	vexfs_dir_tree(&t, &kio, dir);
	kio.room = VEXFS_ROOM_RESERVE;
	err = vexfs_dir_remove(&t, hash, name->name, name->len);
	err2 = vexfs_dir_changed(handle, dir, err ? 0 : -1);
	return err ? err : err2;
}

int vexfs_entry_replace(handle_t *handle, struct inode *dir, const struct qstr *name,
			struct inode *inode)
{
	u64 hash = vexfs_hash(dir, name);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err;

	vexfs_kio_init(&kio, dir->i_sb, handle, dir->i_ino);
	vexfs_dir_tree(&t, &kio, dir);
	err = vexfs_dir_replace(&t, hash, name->name, name->len, inode->i_ino,
				fs_umode_to_dtype(inode->i_mode));
	return err ? err : vexfs_dir_changed(handle, dir, 0);
}

/* ---- lookup --------------------------------------------------------------------- */

/*
 * What an entry leads to, against the entry. @dir's lock keeps the entry, so its inode has a
 * link, and a directory's record of its parent is true. NULL or the failed check.
 */
static const char *vexfs_entry_check(struct inode *dir, struct inode *inode, u8 type)
{
	if (fs_umode_to_dtype(inode->i_mode) != type)
		return "entry and inode differ in type";
	if (!inode->i_nlink)
		return "entry of an inode without links";
	if (inode->i_ino < VEXFS_FIRST_INO)
		return "entry of a reserved inode";
	if (S_ISDIR(inode->i_mode) &&
	    le64_to_cpu(VEXFS_I(inode)->links[0].l_parent) != dir->i_ino)
		return "entry of a directory that is in another";
	return NULL;
}

static struct dentry *vexfs_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = NULL;
	struct vexfs_kio kio;
	struct vexfs_tree t;
	u64 ino;
	u8 type;
	int err;

	if (dentry->d_name.len > VEXFS_NAME_LEN)
		return ERR_PTR(-ENAMETOOLONG);
	if (vexfs_is_shutdown(dir->i_sb))
		return ERR_PTR(-EIO);
	vexfs_kio_init(&kio, dir->i_sb, NULL, dir->i_ino);
	vexfs_dir_tree(&t, &kio, dir);
	err = vexfs_dir_lookup(&t, vexfs_hash(dir, &dentry->d_name), dentry->d_name.name,
			       dentry->d_name.len, &ino, &type);
	if (!err) {
		const char *what = NULL;

		inode = vexfs_iget(dir->i_sb, ino, 0);
		if (!IS_ERR(inode))
			what = vexfs_entry_check(dir, inode, type);
		if (what) {
			iput(inode);
			inode = ERR_PTR(vexfs_corrupt(dir->i_sb, ino, 0, what));
		}
	} else if (err != -ENOENT) {
		inode = ERR_PTR(err);
	}
	trace_vexfs_lookup(dir, &dentry->d_name, inode, err ? err : PTR_ERR_OR_ZERO(inode));
	return d_splice_alias(inode, dentry);
}

/* ---- what can fail comes first ------------------------------------------------------ */

/* Of these (each may be NULL), writing into the inode table cannot fail later. */
int vexfs_access_all(handle_t *handle, struct inode *a, struct inode *b, struct inode *c,
		     struct inode *d)
{
	struct inode *all[] = { a, b, c, d };
	int err = 0, i;

	for (i = 0; i < ARRAY_SIZE(all) && !err; i++)
		if (all[i])
			err = vexfs_inode_access(handle, all[i]);
	return err;
}

/* @inode is about to lose a name. Its last: it needs a place among the orphans first. */
int vexfs_prepare_drop(handle_t *handle, struct inode *inode, bool dir)
{
	return dir || inode->i_nlink == 1 ? vexfs_orphan_add(handle, inode) : 0;
}

/* It keeps it. */
void vexfs_cancel_drop(handle_t *handle, struct inode *inode)
{
	if (!VEXFS_I(inode)->truncating)
		vexfs_orphan_del(handle, inode);
}

/* ---- creation ---------------------------------------------------------------------- */

/* Undo a half-made inode: eviction, which needs handles of its own and so waits
 * until this one has stopped (discard_new_inode), frees it. */
void vexfs_abandon(handle_t *handle, struct inode *inode)
{
	clear_nlink(inode);
	memset(VEXFS_I(inode)->links, 0, sizeof(VEXFS_I(inode)->links));
	vexfs_orphan_add(handle, inode);
	vexfs_mark_inode_dirty(handle, inode);
}

int vexfs_make(handle_t *handle, vexfs_idmap_t *idmap, struct inode *dir, struct vexfs_create *c,
	       struct inode **out)
{
	struct inode *inode = vexfs_new_inode(handle, idmap, dir, c->mode);
	int err = 0;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	*out = inode;
	inode->i_rdev = c->rdev;
	if (S_ISDIR(c->mode))
		set_nlink(inode, 2);
	if (c->target)
		err = vexfs_set_target(handle, inode, c->target, c->target_len);
	vexfs_set_inode_ops(inode);
	if (!err)
		err = vexfs_acl_init(handle, inode, &c->acl);
	return err ? err : vexfs_label_init(handle, inode, dir, c->name, &c->acl.plan);
}

/* Inode and entry, in one handle. On an error @out may hold an abandoned inode. */
static int vexfs_make_entry(handle_t *handle, vexfs_idmap_t *idmap, struct inode *dir,
			    struct dentry *dentry, struct vexfs_create *c, struct inode **out)
{
	struct vexfs_name name = vexfs_name_of(dir, dentry);
	int err = vexfs_inode_access(handle, dir);

	if (!err)
		err = vexfs_make(handle, idmap, dir, c, out);
	if (!err)
		err = vexfs_inode_access(handle, *out);
	/* A new directory has nothing below it that the feed would not tell. */
	if (!err && S_ISREG(c->mode))
		err = vexfs_feed_touch(handle, *out);
	if (!err)
		err = vexfs_links_prepare(handle, *out, NULL, &name);
	if (!err)
		err = vexfs_entry_add(handle, dir, &dentry->d_name, *out);
	if (err) {
		if (*out)
			vexfs_abandon(handle, *out);
		return err;
	}
	vexfs_links_finish(handle, *out, NULL, &name);
	if (S_ISDIR(c->mode)) {
		inc_nlink(dir);
		vexfs_mark_inode_dirty(handle, dir);
	}
	if (IS_DIRSYNC(dir))
		handle->h_sync = 1;
	return vexfs_mark_inode_dirty(handle, *out);
}

static int vexfs_create_credits(struct inode *dir, const struct vexfs_create *c)
{
	return vexfs_dir_op_credits(dir) + VEXFS_NEW_INODE_CREDITS + VEXFS_ALLOC_CREDITS + 4 +
	       vexfs_feed_credits(dir->i_sb) + vexfs_acl_credits(dir->i_sb, &c->acl) + VEXFS_LABEL_CREDITS(dir->i_sb);
}

static int vexfs_create_once(vexfs_idmap_t *idmap, struct inode *dir, struct dentry *dentry,
			     struct vexfs_create *c)
{
	handle_t *handle = vexfs_start(dir->i_sb, vexfs_create_credits(dir, c), 2 * VEXFS_MAX_LEVEL);
	struct inode *inode = NULL;
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_make_entry(handle, idmap, dir, dentry, c, &inode);
	err2 = vexfs_stop(handle);
	/* Not in the handle: a security module may read attributes then. */
	if (!err)
		d_instantiate_new(dentry, inode);
	else if (inode)
		discard_new_inode(inode);
	vexfs_xattr_done(&c->acl.plan);
	return err ? err : err2;
}

/* The ACLs it inherits, and with them its mode. Not in a handle. */
int vexfs_create_begin(vexfs_idmap_t *idmap, struct inode *dir, struct vexfs_create *c)
{
	int err = vexfs_acl_inherit(dir, &c->mode, &c->acl);

	if (!err) {
		c->owners = vexfs_quota_prime(idmap, dir, c->mode);
		err = PTR_ERR_OR_ZERO(c->owners);
	}

	if (!err && (c->acl.acl[0] || c->acl.acl[1]))
		err = vexfs_feature_set(dir->i_sb, VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_XATTR);
	return err;
}

void vexfs_create_end(struct vexfs_create *c)
{
	vexfs_acl_new_put(&c->acl);
	vexfs_quota_primed(c->owners);
}

/* Is another attempt worth it? The first label of the filesystem needs the feature's bit. */
bool vexfs_create_again(struct inode *dir, int *err, unsigned int *seq, int *tries)
{
	struct super_block *sb = dir->i_sb;

	if (*err == -ENOSPC)
		return vexfs_room_retry(sb, seq, tries) || vexfs_vec_wait(sb);
	if (*err != -EAGAIN ||
	    (READ_ONCE(VEXFS_SB(sb)->geo.feature[VEXFS_INCOMPAT]) & VEXFS_FEATURE_INCOMPAT_XATTR))
		return false;
	*err = vexfs_feature_set(sb, VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_XATTR);
	return !*err;
}

static int vexfs_create_entry(vexfs_idmap_t *idmap, struct inode *dir, struct dentry *dentry,
			      struct vexfs_create *c)
{
	unsigned int seq = vexfs_room_seq(VEXFS_SB(dir->i_sb));
	int err = vexfs_create_begin(idmap, dir, c), tries = 0;

	c->name = &dentry->d_name;
	/* Two ACLs of 64 KiB may be more than a transaction of the smallest journal holds. */
	if (!err && !vexfs_credits_fit(dir->i_sb, vexfs_create_credits(dir, c)))
		err = -ENOSPC;
	if (err)
		goto out;
	do {
		err = vexfs_create_once(idmap, dir, dentry, c);
	} while (vexfs_create_again(dir, &err, &seq, &tries));
out:
	vexfs_create_end(c);
	trace_vexfs_create(dir, &dentry->d_name, err ? NULL : d_inode(dentry), err);
	return err;
}

static int vexfs_create(VEXFS_CREATE_ARGS)
{
	struct vexfs_create c = { .mode = mode };

	return vexfs_create_entry(idmap, dir, dentry, &c);
}

static int vexfs_mknod(vexfs_idmap_t *idmap, struct inode *dir, struct dentry *dentry,
		       umode_t mode, dev_t rdev)
{
	struct vexfs_create c = { .mode = mode, .rdev = rdev };

	return vexfs_create_entry(idmap, dir, dentry, &c);
}

static VEXFS_MKDIR_RET vexfs_mkdir(vexfs_idmap_t *idmap, struct inode *dir, struct dentry *dentry,
				   umode_t mode)
{
	struct vexfs_create c = { .mode = mode | S_IFDIR };

	return vexfs_mkdir_ret(vexfs_create_entry(idmap, dir, dentry, &c));
}

static int vexfs_symlink(vexfs_idmap_t *idmap, struct inode *dir, struct dentry *dentry,
			 const char *target)
{
	struct vexfs_create c = {
		.mode = S_IFLNK | 0777,
		.target = target,
		.target_len = strlen(target),
	};

	if (c.target_len > VEXFS_SYMLINK_MAX)
		return -ENAMETOOLONG;
	return vexfs_create_entry(idmap, dir, dentry, &c);
}

/* Record and entry, or neither. */
static int vexfs_link_entry(handle_t *handle, struct inode *inode, struct inode *dir,
			    struct dentry *dentry)
{
	struct vexfs_name name = vexfs_name_of(dir, dentry);
	int err = vexfs_links_prepare(handle, inode, NULL, &name);

	if (err)
		return err;
	err = vexfs_entry_add(handle, dir, &dentry->d_name, inode);
	if (err) {
		vexfs_links_undo(handle, inode, NULL, &name);
		return err;
	}
	return vexfs_links_finish(handle, inode, NULL, &name);
}

static int vexfs_link_once(struct inode *inode, struct inode *dir, struct dentry *dentry)
{
	int credits = vexfs_dir_op_credits(dir) + vexfs_links_credits(inode) + vexfs_feed_credits(dir->i_sb) + 3;
	int err = vexfs_feed_prepare(inode), err2;
	handle_t *handle;
	bool linked;

	if (err)
		return err;
	handle = vexfs_start(dir->i_sb, credits, 3 * VEXFS_MAX_LEVEL + 2);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_access_all(handle, dir, inode, NULL, NULL);
	if (!err)
		err = vexfs_feed_touch(handle, inode);
	if (!err)
		err = vexfs_link_entry(handle, inode, dir, dentry);
	linked = !err;
	if (linked) {
		inc_nlink(inode);
		/* O_TMPFILE: it was an orphan until it got its first name, unless it is one
		 * for a truncate, too. */
		if (inode->i_nlink == 1 && !VEXFS_I(inode)->truncating)
			err = vexfs_orphan_del(handle, inode);
		vexfs_set_ctime_now(inode);
		inode_inc_iversion(inode);
		err2 = vexfs_mark_inode_dirty(handle, inode);
		err = err ? err : err2;
		if (IS_DIRSYNC(dir))
			handle->h_sync = 1;
	}
	err2 = vexfs_stop(handle);
	if (linked) {
		ihold(inode);
		d_instantiate(dentry, inode);
	}
	return err ? err : err2;
}

static int vexfs_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	unsigned int seq = vexfs_room_seq(VEXFS_SB(dir->i_sb));
	int err, tries = 0;

	if (!vexfs_project_allows(dir, d_inode(old)))
		return -EXDEV;
	do {
		err = vexfs_link_once(d_inode(old), dir, dentry);
	} while (err == -ENOSPC && vexfs_room_retry(dir->i_sb, &seq, &tries));
	trace_vexfs_link(dir, &dentry->d_name, d_inode(old), err);
	return err;
}

/* ---- removal ------------------------------------------------------------------------ */

/*
 * Link counts come from the disk: no operation may begin that would make one negative. The
 * VFS has locked what is asked about.
 */

/* A file is about to lose a name. */
int vexfs_check_file_links(struct inode *inode)
{
	return inode->i_nlink ? 0 :
	       vexfs_corrupt(inode->i_sb, inode->i_ino, 0, "file with more names than links");
}

/* @dir is about to lose a subdirectory; two of its links are its own. */
int vexfs_check_dir_links(struct inode *dir)
{
	return dir->i_nlink > 2 ? 0 :
	       vexfs_corrupt(dir->i_sb, dir->i_ino, 0,
			     "directory with more subdirectories than links");
}

/* A name of @inode is gone; after the last (vexfs_prepare_drop()), eviction frees it. */
int vexfs_drop_link(handle_t *handle, struct inode *inode, bool dir)
{
	if (dir)
		clear_nlink(inode);
	else
		drop_nlink(inode);
	vexfs_set_ctime_now(inode);
	inode_inc_iversion(inode);
	return vexfs_mark_inode_dirty(handle, inode);
}

/* The entry and the record of its name, which is read before the entry goes. */
static int vexfs_remove_name(handle_t *handle, struct inode *dir, struct dentry *dentry)
{
	struct vexfs_name name = vexfs_name_of(dir, dentry);
	struct inode *inode = d_inode(dentry);
	int err = vexfs_links_prepare(handle, inode, &name, NULL);

	if (!err)
		err = vexfs_entry_del(handle, dir, &dentry->d_name);
	return err ? err : vexfs_links_finish(handle, inode, &name, NULL);
}

static int vexfs_remove_handle(handle_t *handle, struct inode *dir, struct dentry *dentry,
			       bool isdir)
{
	struct inode *inode = d_inode(dentry);
	int err = vexfs_access_all(handle, dir, inode, NULL, NULL);

	if (!err)
		err = vexfs_prepare_drop(handle, inode, isdir);
	if (err)
		return err;
	err = vexfs_remove_name(handle, dir, dentry);
	if (err) {
		vexfs_cancel_drop(handle, inode);
		return err;
	}
	if (isdir) {
		drop_nlink(dir);
		err = vexfs_mark_inode_dirty(handle, dir);
	}
	return err ? err : vexfs_drop_link(handle, inode, isdir);
}

static int vexfs_remove(struct inode *dir, struct dentry *dentry, bool isdir)
{
	struct inode *inode = d_inode(dentry);
	handle_t *handle;
	int err, err2;

	handle = vexfs_start(dir->i_sb, vexfs_dir_op_credits(dir) + vexfs_links_credits(inode) + 4,
			     2 * VEXFS_MAX_LEVEL + 3);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_remove_handle(handle, dir, dentry, isdir);
	if (IS_DIRSYNC(dir))
		handle->h_sync = 1;
	err2 = vexfs_stop(handle);
	err = err ? err : err2;
	trace_vexfs_unlink(dir, &dentry->d_name, inode, err);
	return err;
}

static int vexfs_unlink(struct inode *dir, struct dentry *dentry)
{
	int err = vexfs_check_file_links(d_inode(dentry));

	return err ? err : vexfs_remove(dir, dentry, false);
}

static int vexfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	int err;

	if (!vexfs_dir_empty(&VEXFS_I(d_inode(dentry))->root))
		return -ENOTEMPTY;
	err = vexfs_check_dir_links(dir);
	return err ? err : vexfs_remove(dir, dentry, true);
}

const struct inode_operations vexfs_dir_iops = {
	.lookup = vexfs_lookup,
	.create = vexfs_create,
	.mknod = vexfs_mknod,
	.mkdir = vexfs_mkdir,
	.symlink = vexfs_symlink,
	.link = vexfs_link,
	.unlink = vexfs_unlink,
	.rmdir = vexfs_rmdir,
	.rename = vexfs_rename,
	.tmpfile = vexfs_tmpfile,
	.setattr = vexfs_setattr,
	.getattr = vexfs_getattr,
	.fileattr_get = vexfs_fileattr_get,
	.fileattr_set = vexfs_fileattr_set,
	.listxattr = vexfs_listxattr,
	VEXFS_ACL_IOPS,
};
