// SPDX-License-Identifier: GPL-2.0
/*
 * The end of an inode: what leaves memory, and what is deleted because nothing names it any more.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"
#include "kmod/xattr.h"

/* Tree blocks of a directory (empty: none) and of a long symlink. */
static int vexfs_evict_symlink(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct super_block *sb = inode->i_sb;
	struct vexfs_kio kio;
	struct vexfs_blk b;
	handle_t *handle;
	const char *what;
	u64 blkno;
	int err;

	if (i_size_read(inode) <= VEXFS_SYMLINK_INLINE || !vi->root.r_count)
		return 0;
	vexfs_kio_init(&kio, sb, NULL, inode->i_ino);
	what = vexfs_symlink_unpack(&vi->root, &kio.io, &blkno);
	if (what)
		return vexfs_corrupt(sb, inode->i_ino, 0, what);
	handle = vexfs_start(sb, VEXFS_ALLOC_CREDITS + 2, 1);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	vexfs_kio_init(&kio, sb, handle, inode->i_ino);
	kio.charge = inode;
	err = kio.io.ops->read(&kio.io, blkno, VEXFS_MAGIC_SYMLINK, 0, inode->i_ino, &b);
	if (!err)
		err = kio.io.ops->free(&kio.io, &b);
	if (!err) {
		memset(&vi->root, 0, sizeof(vi->root));
		i_size_write(inode, 0);
		err = vexfs_mark_inode_dirty(handle, inode);
	}
	vexfs_stop(handle);
	return err;
}

/* What a named file holds beyond its end: of a truncate not finished, or of
 * writes that failed. If it cannot be freed now, then the next time. Memory
 * reclaim comes here with s_umount held, which thawing needs: it may not wait
 * for a frozen filesystem. */
static void vexfs_evict_tail(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	if ((!READ_ONCE(vi->tail) && !vi->truncating) || sb_rdonly(inode->i_sb) ||
	    vexfs_is_shutdown(inode->i_sb) || !sb_start_intwrite_trylock(inode->i_sb))
		return;
	vexfs_trim(inode);
	sb_end_intwrite(inode->i_sb);
}

static int vexfs_delete_content(struct inode *inode)
{
	int err = 0;

	if (S_ISREG(inode->i_mode)) {
		if (VEXFS_I(inode)->flags & VEXFS_INODE_HIDDEN && VEXFS_I(inode)->links[0].l_parent)
			err = vexfs_value_evict(inode);
		i_size_write(inode, 0);
		err = err ? err : vexfs_truncate(inode);
	} else if (S_ISLNK(inode->i_mode)) {
		err = vexfs_evict_symlink(inode);
	} else if (S_ISDIR(inode->i_mode) && !vexfs_dir_empty(&VEXFS_I(inode)->root)) {
		err = vexfs_corrupt(inode->i_sb, inode->i_ino, 0, "removed directory with entries");
	}
	return err ? err : vexfs_links_evict(inode);
}

/* It has nothing any more. *@cleared: whether clear_inode() has been called. */
static int vexfs_delete_record(struct inode *inode, bool *cleared)
{
	int credits = VEXFS_NEW_INODE_CREDITS + 2 + vexfs_feed_credits(inode->i_sb);
	int err = vexfs_feed_forget_prepare(inode);
	handle_t *handle;

	if (err)
		return err;
	handle = vexfs_start(inode->i_sb, credits, VEXFS_MAX_LEVEL);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_feed_forget(handle, inode);
	if (!err)
		err = vexfs_orphan_del(handle, inode);
	if (!err) {
		*cleared = true;
		err = vexfs_free_inode(handle, inode);
	}
	vexfs_stop(handle);
	return err;
}

/* Its attributes and embeddings take write access themselves: they may be many. What it held on the
 * disk is free before that. 1: a worker goes on. */
static int vexfs_delete_parts(struct inode *inode, bool *cleared)
{
	struct super_block *sb = inode->i_sb;
	int err;

	if (inode->i_ino < VEXFS_FIRST_INO)
		return vexfs_corrupt(sb, inode->i_ino, 0, "reserved inode without a link");
	sb_start_intwrite(sb);
	err = vexfs_delete_content(inode);
	sb_end_intwrite(sb);
	if (!err)
		err = vexfs_xattr_evict(inode);
	if (!err && S_ISREG(inode->i_mode))
		err = vexfs_vec_evict(inode);
	if (err)
		return err;
	sb_start_intwrite(sb);
	err = vexfs_delete_record(inode, cleared);
	sb_end_intwrite(sb);
	return err;
}

/* Nothing names or holds the inode: free all it has. On an error it stays among
 * the orphans, for the next mount or fsck. */
static bool vexfs_delete_inode(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	bool cleared = false;
	int err = vexfs_delete_parts(inode, &cleared);

	if (err < 0 && err != -EROFS && !vexfs_is_shutdown(sb))
		vexfs_warn(sb, "inode %llu could not be deleted: error %d; the next mount retries",
			   (u64)inode->i_ino, err);
	return cleared;
}

void vexfs_evict_inode(struct inode *inode)
{
	bool cleared = false;

	trace_vexfs_evict(inode);
	truncate_inode_pages_final(&inode->i_data);
	vexfs_window_close(inode);
	if (!is_bad_inode(inode)) {
		if (!inode->i_nlink)
			cleared = vexfs_delete_inode(inode);
		else if (S_ISREG(inode->i_mode))
			vexfs_evict_tail(inode);
		vexfs_promise_end(inode);
		vexfs_orphan_leave(inode);
	}
	if (!cleared)
		clear_inode(inode);
	vexfs_quota_drop(inode);
}
