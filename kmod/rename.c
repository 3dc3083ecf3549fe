// SPDX-License-Identifier: GPL-2.0
/*
 * rename(2) with its flags: one handle, in which all that can fail comes before the first
 * change. The VFS holds i_rwsem of the directories and of what is moved or replaced.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"
#include "kmod/create.h"
#include "kmod/namei.h"
#include <linux/fs.h>
#include <linux/iversion.h>

/* One rename; the VFS has locked all but @white, which is made for it. */
struct vexfs_ren {
	vexfs_idmap_t	*idmap;
	struct inode	*old_dir, *new_dir;
	struct dentry	*old, *new;
	unsigned int	flags;
	struct inode	*white;
	struct vexfs_create create;	/* of @white */
};

/* A directory moved: ".." and the parents' link counts. */
static int vexfs_move_dotdot(handle_t *handle, struct inode *from, struct inode *to, bool replaced)
{
	int err;

	drop_nlink(from);
	if (!replaced)
		inc_nlink(to);
	err = vexfs_mark_inode_dirty(handle, from);
	return err ? err : vexfs_mark_inode_dirty(handle, to);
}

/* RENAME_WHITEOUT: what has the old name afterwards. Half-made or complete, it is in @r->white. */
static int vexfs_make_whiteout(handle_t *handle, struct vexfs_ren *r)
{
	int err = vexfs_make(handle, r->idmap, r->old_dir, &r->create, &r->white);

	return err ? err : vexfs_inode_access(handle, r->white);
}

/* The new name. What can fail for want of room comes before the old one goes. */
static int vexfs_rename_add(handle_t *handle, struct inode *dir, struct dentry *new,
			    struct inode *target, struct inode *inode)
{
	return target ? vexfs_entry_replace(handle, dir, &new->d_name, inode) :
			vexfs_entry_add(handle, dir, &new->d_name, inode);
}

/* The old name stays: the blocks with the new one are at hand, so this does not fail. */
static void vexfs_rename_undo(handle_t *handle, struct inode *dir, struct dentry *new,
			      struct inode *target)
{
	if (target)
		vexfs_entry_replace(handle, dir, &new->d_name, target);
	else
		vexfs_entry_del(handle, dir, &new->d_name);
}

/* The old name: gone, or the whiteout's. */
static int vexfs_rename_del(handle_t *handle, struct inode *dir, struct dentry *old,
			    struct inode *white)
{
	return white ? vexfs_entry_replace(handle, dir, &old->d_name, white) :
		       vexfs_entry_del(handle, dir, &old->d_name);
}

/* What can fail of the records of the names. */
static int vexfs_rename_prepare(handle_t *handle, const struct vexfs_ren *r,
				const struct vexfs_name *from, const struct vexfs_name *to)
{
	struct inode *target = d_inode(r->new);
	int err = target ? vexfs_links_prepare(handle, target, to, NULL) : 0;

	if (!err && r->white)
		err = vexfs_links_prepare(handle, r->white, NULL, from);
	return err ? err : vexfs_links_prepare(handle, d_inode(r->old), from, to);
}

/* The entries and the records of their names. A whiteout that fails is given up as a whole. */
static int vexfs_rename_entries(handle_t *handle, const struct vexfs_ren *r)
{
	struct vexfs_name from = vexfs_name_of(r->old_dir, r->old);
	struct vexfs_name to = vexfs_name_of(r->new_dir, r->new);
	struct inode *inode = d_inode(r->old), *target = d_inode(r->new);
	int err = vexfs_rename_prepare(handle, r, &from, &to), err2 = 0;

	if (err)
		return err;
	err = vexfs_rename_add(handle, r->new_dir, r->new, target, inode);
	if (!err) {
		err = vexfs_rename_del(handle, r->old_dir, r->old, r->white);
		if (err)
			vexfs_rename_undo(handle, r->new_dir, r->new, target);
	}
	if (err) {
		vexfs_links_undo(handle, inode, &from, &to);
		return err;
	}
	err = vexfs_links_finish(handle, inode, &from, &to);
	if (target)
		err2 = vexfs_links_finish(handle, target, &to, NULL);
	if (!err2 && r->white)
		err2 = vexfs_links_finish(handle, r->white, NULL, &from);
	return err ? err : err2;
}

static int vexfs_rename_handle(handle_t *handle, struct vexfs_ren *r)
{
	struct inode *inode = d_inode(r->old), *target = d_inode(r->new);
	bool isdir = S_ISDIR(inode->i_mode);
	int err = vexfs_access_all(handle, r->old_dir, r->new_dir, inode, target);

	if (!err)
		err = vexfs_feed_touch(handle, inode);
	if (!err && (r->flags & RENAME_WHITEOUT))
		err = vexfs_make_whiteout(handle, r);
	if (!err && target)
		err = vexfs_prepare_drop(handle, target, isdir);
	if (err)
		return err;
	err = vexfs_rename_entries(handle, r);
	if (err && target)
		vexfs_cancel_drop(handle, target);
	if (!err && target)
		err = vexfs_drop_link(handle, target, isdir);
	if (!err && isdir && (r->old_dir != r->new_dir || target))
		err = vexfs_move_dotdot(handle, r->old_dir, r->new_dir, target);
	if (!err && r->white)
		err = vexfs_mark_inode_dirty(handle, r->white);
	if (err)
		return err;
	vexfs_set_ctime_now(inode);
	return vexfs_mark_inode_dirty(handle, inode);
}

static int vexfs_exchange_entries(handle_t *handle, struct inode *old_dir, struct dentry *old,
				  struct inode *new_dir, struct dentry *new)
{
	struct vexfs_name x = vexfs_name_of(old_dir, old), y = vexfs_name_of(new_dir, new);
	struct inode *a = d_inode(old), *b = d_inode(new);
	int err = vexfs_links_prepare(handle, a, &x, &y), err2;

	if (err)
		return err;
	err = vexfs_links_prepare(handle, b, &y, &x);
	if (err)
		goto undo_a;
	err = vexfs_entry_replace(handle, new_dir, &new->d_name, a);
	if (!err) {
		err = vexfs_entry_replace(handle, old_dir, &old->d_name, b);
		if (err)
			vexfs_entry_replace(handle, new_dir, &new->d_name, b);
	}
	if (err)
		goto undo_b;
	err = vexfs_links_finish(handle, a, &x, &y);
	err2 = vexfs_links_finish(handle, b, &y, &x);
	return err ? err : err2;
undo_b:
	vexfs_links_undo(handle, b, &y, &x);
undo_a:
	vexfs_links_undo(handle, a, &x, &y);
	return err;
}

static int vexfs_exchange_handle(handle_t *handle, struct inode *old_dir, struct dentry *old,
				 struct inode *new_dir, struct dentry *new)
{
	struct inode *a = d_inode(old), *b = d_inode(new);
	bool adir = S_ISDIR(a->i_mode), bdir = S_ISDIR(b->i_mode);
	int err = vexfs_access_all(handle, old_dir, new_dir, a, b);

	if (!err)
		err = vexfs_feed_touch(handle, a);
	if (!err)
		err = vexfs_feed_touch(handle, b);
	if (!err)
		err = vexfs_exchange_entries(handle, old_dir, old, new_dir, new);
	if (!err && old_dir != new_dir && adir != bdir)
		err = adir ? vexfs_move_dotdot(handle, old_dir, new_dir, false) :
			     vexfs_move_dotdot(handle, new_dir, old_dir, false);
	if (err)
		return err;
	vexfs_set_ctime_now(a);
	vexfs_set_ctime_now(b);
	err = vexfs_mark_inode_dirty(handle, a);
	return err ? err : vexfs_mark_inode_dirty(handle, b);
}

/* The same for a rename: which links will go? */
static int vexfs_rename_check(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
			      struct dentry *new, unsigned int flags)
{
	struct inode *target = d_inode(new);
	bool isdir = d_is_dir(old);
	int err = 0;

	if (flags & RENAME_EXCHANGE) {
		if (old_dir == new_dir || isdir == d_is_dir(new))
			return 0;
		return vexfs_check_dir_links(isdir ? old_dir : new_dir);
	}
	if (target && !isdir)
		err = vexfs_check_file_links(target);
	if (!err && isdir && (old_dir != new_dir || target))
		err = vexfs_check_dir_links(old_dir);
	return err;
}

static int vexfs_rename_credits(const struct vexfs_ren *r)
{
	int credits = vexfs_dir_op_credits(r->old_dir) + vexfs_dir_op_credits(r->new_dir) +
		      vexfs_links_credits(d_inode(r->old)) + 2 * vexfs_feed_credits(r->old_dir->i_sb) + 8;

	if (d_inode(r->new))
		credits += vexfs_links_credits(d_inode(r->new));
	if (r->flags & RENAME_WHITEOUT)
		credits += VEXFS_NEW_INODE_CREDITS + 4 + VEXFS_LABEL_CREDITS(r->old_dir->i_sb);
	return credits;
}

/* The handle has stopped: the whiteout is one, or is deleted. */
static void vexfs_put_whiteout(struct inode *white, bool failed)
{
	if (!white)
		return;
	if (failed) {
		discard_new_inode(white);
		return;
	}
	unlock_new_inode(white);
	iput(white);
}

static int vexfs_rename_once(struct vexfs_ren *r)
{
	int err = vexfs_feed_prepare(d_inode(r->old)), err2;
	handle_t *handle;

	if (!err && (r->flags & RENAME_EXCHANGE))
		err = vexfs_feed_prepare(d_inode(r->new));
	if (err)
		return err;
	r->white = NULL;
	handle = vexfs_start(r->old_dir->i_sb, vexfs_rename_credits(r), 6 * VEXFS_MAX_LEVEL + 6);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	if (r->flags & RENAME_EXCHANGE)
		err = vexfs_exchange_handle(handle, r->old_dir, r->old, r->new_dir, r->new);
	else
		err = vexfs_rename_handle(handle, r);
	if (err && r->white)
		vexfs_abandon(handle, r->white);
	if (IS_DIRSYNC(r->old_dir) || IS_DIRSYNC(r->new_dir))
		handle->h_sync = 1;
	err2 = vexfs_stop(handle);
	vexfs_put_whiteout(r->white, err);
	vexfs_xattr_done(&r->create.acl.plan);
	return err ? err : err2;
}

/* Is another attempt worth it? */
static bool vexfs_rename_again(struct vexfs_ren *r, int *err, unsigned int *seq, int *tries)
{
	if (r->flags & RENAME_WHITEOUT)
		return vexfs_create_again(r->old_dir, err, seq, tries);
	return *err == -ENOSPC && vexfs_room_retry(r->old_dir->i_sb, seq, tries);
}

/*
 * The content that gets the name of another file is on disk before the name is: a crash
 * finds the old content or the new under it, not a file of no length. Programs replace
 * files like this without fsync. i_rwsem of the directories and of both files held.
 */
static int vexfs_rename_data(struct inode *inode)
{
	return S_ISREG(inode->i_mode) ? filemap_write_and_wait(inode->i_mapping) : 0;
}

int vexfs_rename(vexfs_idmap_t *idmap, struct inode *old_dir, struct dentry *old,
		 struct inode *new_dir, struct dentry *new, unsigned int flags)
{
	struct vexfs_ren r = {
		idmap, old_dir, new_dir, old, new, flags, NULL,
		{ .mode = S_IFCHR | WHITEOUT_MODE, .rdev = WHITEOUT_DEV, .name = &old->d_name },
	};
	unsigned int seq = vexfs_room_seq(VEXFS_SB(old_dir->i_sb));
	struct inode *target = d_inode(new);
	int err = 0, tries = 0;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if (!vexfs_project_allows(new_dir, d_inode(old)) ||
	    ((flags & RENAME_EXCHANGE) && !vexfs_project_allows(old_dir, target)))
		return -EXDEV;
	if (target && S_ISDIR(target->i_mode) && !(flags & RENAME_EXCHANGE) &&
	    !vexfs_dir_empty(&VEXFS_I(target)->root))
		return -ENOTEMPTY;
	err = vexfs_rename_check(old_dir, old, new_dir, new, flags);
	if (!err && target)
		err = vexfs_rename_data(d_inode(old));
	if (!err && target && (flags & RENAME_EXCHANGE))
		err = vexfs_rename_data(target);
	if (!err && (flags & RENAME_WHITEOUT) &&
	    !vexfs_credits_fit(old_dir->i_sb, vexfs_rename_credits(&r)))
		err = -ENOSPC;
	if (err)
		return err;
	if (flags & RENAME_WHITEOUT)
		r.create.owners = vexfs_quota_prime(idmap, old_dir, r.create.mode);
	if (IS_ERR(r.create.owners))
		return PTR_ERR(r.create.owners);
	do {
		err = vexfs_rename_once(&r);
	} while (vexfs_rename_again(&r, &err, &seq, &tries));
	vexfs_quota_primed(r.create.owners);
	trace_vexfs_rename(old_dir, old, new_dir, new, flags, err);
	return err;
}
