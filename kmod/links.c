// SPDX-License-Identifier: GPL-2.0
/*
 * The inode's record of its names: what search climbs by.
 *
 * Each change of a name has three calls: prepare before the directory changes
 * does what can fail; then finish, or, if the directory could not be changed,
 * undo, which only take away what is there. All three: in a handle with
 * vexfs_links_credits(), i_rwsem of @inode held exclusively unless it is a
 * directory (its one record is guarded by those of its parents) or not yet
 * visible.
 *
 * @from: the name that goes, NULL: none does. @to: the name that comes.
 */
#include "kmod/vexfs.h"

/* Blocks an insert into the tree, or a removal, may change: bitmaps included. */
#define VEXFS_LINK_CREDITS (VEXFS_LINKTREE_CREDITS + (VEXFS_MAX_LEVEL + 2) * VEXFS_ALLOC_CREDITS)

/* May a name of @inode be in the tree, or come there? */
static bool vexfs_links_overflow(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	return !S_ISDIR(inode->i_mode) &&
	       (vi->link_block || vi->links[VEXFS_INODE_LINKS - 1].l_parent);
}

int vexfs_links_credits(struct inode *inode)
{
	return vexfs_links_overflow(inode) ? 2 * VEXFS_LINK_CREDITS : 0;
}

static void vexfs_links_tree(struct vexfs_linktree *lt, struct vexfs_kio *kio, struct inode *inode,
			     handle_t *handle)
{
	struct vexfs_geo *geo = &VEXFS_SB(inode->i_sb)->geo;

	vexfs_kio_init(kio, inode->i_sb, handle, inode->i_ino);
	kio->charge = inode;
	lt->io = &kio->io;
	lt->ino = inode->i_ino;
	lt->block = VEXFS_I(inode)->link_block;
	lt->goal = vexfs_group_start(geo, vexfs_ino_group(geo, inode->i_ino));
}

/* After a change of the tree, also after an error. */
static int vexfs_links_store(handle_t *handle, struct inode *inode, struct vexfs_linktree *lt)
{
	VEXFS_I(inode)->link_block = lt->block;
	return vexfs_mark_inode_dirty(handle, inode);
}

static bool vexfs_links_in_array(struct inode *inode, const struct vexfs_name *n)
{
	return vexfs_links_index(VEXFS_I(inode)->links, n) >= 0;
}

static int vexfs_links_insert(handle_t *handle, struct inode *inode, const struct vexfs_name *n)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_linktree lt;
	struct vexfs_kio kio;
	int err, err2;
	bool done;

	spin_lock(&vi->lock);
	done = vexfs_links_put(vi->links, n);
	spin_unlock(&vi->lock);
	if (done)
		return 0;
	vexfs_links_tree(&lt, &kio, inode, handle);
	err = vexfs_linktree_add(&lt, n);
	err2 = vexfs_links_store(handle, inode, &lt);
	return err ? err : err2;
}

/* A name that is not recorded, which fsck reports, can be removed all the same. */
static int vexfs_links_remove(handle_t *handle, struct inode *inode, const struct vexfs_name *n)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_linktree lt;
	struct vexfs_kio kio;
	int i, err, err2;

	spin_lock(&vi->lock);
	i = vexfs_links_index(vi->links, n);
	if (i >= 0)
		vexfs_links_drop(vi->links, i);
	spin_unlock(&vi->lock);
	if (i >= 0 || !vi->link_block)
		return 0;
	vexfs_links_tree(&lt, &kio, inode, handle);
	err = vexfs_linktree_del(&lt, n);
	err2 = vexfs_links_store(handle, inode, &lt);
	return err && err != -ENOENT ? err : err2;
}

/* Reads what removing a name from the tree will need. */
static int vexfs_links_look(struct inode *inode, const struct vexfs_name *n)
{
	struct vexfs_linktree lt;
	struct vexfs_kio kio;
	int err;

	vexfs_links_tree(&lt, &kio, inode, NULL);
	err = vexfs_linktree_find(&lt, n);
	return err == -ENOENT ? 0 : err;
}

int vexfs_links_prepare(handle_t *handle, struct inode *inode, const struct vexfs_name *from,
			const struct vexfs_name *to)
{
	int err = 0;

	if (S_ISDIR(inode->i_mode) || (from && vexfs_links_in_array(inode, from)))
		return 0;
	if (from)
		err = vexfs_links_look(inode, from);
	return err || !to ? err : vexfs_links_insert(handle, inode, to);
}

static void vexfs_links_set(struct inode *inode, u32 i, const struct vexfs_name *to)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	spin_lock(&vi->lock);
	vi->links[i].l_parent = cpu_to_le64(to ? to->parent : 0);
	vi->links[i].l_hash = cpu_to_le64(to ? to->hash : 0);
	spin_unlock(&vi->lock);
}

int vexfs_links_finish(handle_t *handle, struct inode *inode, const struct vexfs_name *from,
		       const struct vexfs_name *to)
{
	int err = 0;

	if (S_ISDIR(inode->i_mode))
		vexfs_links_set(inode, 0, to);
	else if (from && to && vexfs_links_in_array(inode, from))
		vexfs_links_set(inode, vexfs_links_index(VEXFS_I(inode)->links, from), to);
	else if (from)
		err = vexfs_links_remove(handle, inode, from);
	vexfs_perm_changed(inode);
	return err;
}

void vexfs_links_undo(handle_t *handle, struct inode *inode, const struct vexfs_name *from,
		      const struct vexfs_name *to)
{
	if (!to || S_ISDIR(inode->i_mode) || (from && vexfs_links_in_array(inode, from)))
		return;
	vexfs_links_remove(handle, inode, to);
}

/**
 * vexfs_links_more - the names beyond those in the inode, one after the other
 * @inode: no lock held; takes i_rwsem, shared
 * @key:   0 for the first; moves on
 * @link:  the name
 *
 * Return: 1, 0: there are no more, -EINTR, -EUCLEAN, or an error of reading.
 */
int vexfs_links_more(struct inode *inode, u64 *key, struct vexfs_link *link)
{
	struct vexfs_linktree lt;
	struct vexfs_name n;
	struct vexfs_kio kio;
	int err;

	if (!READ_ONCE(VEXFS_I(inode)->link_block))
		return 0;
	if (fatal_signal_pending(current))
		return -EINTR;
	inode_lock_shared(inode);
	vexfs_links_tree(&lt, &kio, inode, NULL);
	err = vexfs_linktree_next(&lt, key, &n);
	inode_unlock_shared(inode);
	if (err)
		return err == -ENOENT ? 0 : err;
	link->l_parent = cpu_to_le64(n.parent);
	link->l_hash = cpu_to_le64(n.hash);
	return 1;
}

/* One leaf of the tree, in a handle of its own. 1: there is more. */
static int vexfs_links_evict_step(struct inode *inode)
{
	struct vexfs_linktree lt;
	struct vexfs_kio kio;
	int more, err, err2;
	handle_t *handle;

	handle = vexfs_start(inode->i_sb, VEXFS_LINK_CREDITS + 1, VEXFS_MAX_LEVEL + 2);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	vexfs_links_tree(&lt, &kio, inode, handle);
	more = vexfs_linktree_shrink(&lt);
	err = vexfs_links_store(handle, inode, &lt);
	err2 = vexfs_stop(handle);
	if (more < 0)
		return more;
	return err ? err : err2 ? err2 : more;
}

/* Nothing names @inode: what is still recorded is damage, and is freed. */
int vexfs_links_evict(struct inode *inode)
{
	int more = VEXFS_I(inode)->link_block != 0;

	while (more == 1) {
		more = vexfs_links_evict_step(inode);
		cond_resched();
	}
	return more;
}
