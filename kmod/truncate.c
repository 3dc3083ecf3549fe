// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a file: truncation, and what is mapped beyond the end.
 *
 * A file that is cut is an orphan from before the first change to after the last, so a
 * crash in between is finished by the next mount. Beyond the end of any other file there
 * are only unwritten blocks: what a failed write has left, which goes when the last writer
 * closes the file or the inode leaves memory (vi->tail), and what fallocate(2) was asked to
 * keep there, which stays until the file is truncated or deleted. The disk does not tell the
 * two apart: what an inode has there when it is read into memory stays (vi->keep).
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"

/* Blocks up to the end of the file. */
static u64 vexfs_size_blocks(struct inode *inode)
{
	return (i_size_read(inode) + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
}

/**
 * vexfs_truncate_begin - the inode becomes an orphan: a crash from now on is finished
 * @inode: a regular file; i_rwsem held, or eviction or recovery
 *
 * Nothing shows yet. After success, vexfs_truncate_cancel() or
 * vexfs_truncate_finish().
 */
int vexfs_truncate_begin(struct inode *inode)
{
	handle_t *handle = vexfs_start(inode->i_sb, 2, 0);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_inode_access(handle, inode);
	if (!err)
		err = vexfs_orphan_add(handle, inode);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/* The inode leaves the orphans, unless it has no name or more is to be done.
 * If it stays one: a truncate to the size it has does no harm. */
void vexfs_truncate_cancel(struct inode *inode)
{
	handle_t *handle;

	if (!inode->i_nlink || VEXFS_I(inode)->truncating)
		return;
	handle = vexfs_start_nofail(inode->i_sb, 2, 0);
	if (IS_ERR(handle))
		return;
	vexfs_orphan_del(handle, inode);
	vexfs_stop(handle);
}

/* i_size on disk. */
static int vexfs_truncate_size(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	handle_t *handle = vexfs_start_nofail(inode->i_sb, 1, 0);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	down_write(&vi->data_sem);
	vi->disksize = i_size_read(inode);
	up_write(&vi->data_sem);
	err = vexfs_mark_inode_dirty(handle, inode);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/**
 * vexfs_truncate_finish - free the blocks past i_size
 * @inode: i_size is final, the page cache has been cut; vexfs_truncate_begin() has
 *	   made it an orphan; i_rwsem held, or eviction or recovery
 *
 * The size on disk moves first; a crash in between is finished at the next
 * mount, and so is a failure, if not before (vexfs_truncate_retry(), eviction).
 */
int vexfs_truncate_finish(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 first = vexfs_size_blocks(inode);
	int err;

	trace_vexfs_truncate(inode);
	vi->truncating = true;
	err = vexfs_truncate_size(inode);
	if (!err)
		err = vexfs_unmap_range(inode, first, VEXFS_MAX_LBLK);
	if (err)
		return err;
	vi->truncating = false;
	vi->tail = false;
	vi->keep = 0;
	vexfs_truncate_cancel(inode);
	return 0;
}

int vexfs_truncate(struct inode *inode)
{
	int err = vexfs_truncate_begin(inode);

	return err ? err : vexfs_truncate_finish(inode);
}

/* Blocks that an earlier truncate could not free hold old content. */
int vexfs_truncate_retry(struct inode *inode)
{
	return VEXFS_I(inode)->truncating ? vexfs_truncate(inode) : 0;
}

/**
 * vexfs_trim - free what writes have left beyond the end of the file
 * @inode: a regular file; i_rwsem held, or eviction
 *
 * Writes that failed leave such blocks, and so does a crash. Below vi->keep they may be
 * what fallocate(2) was asked for.
 */
int vexfs_trim(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 first = max(vexfs_size_blocks(inode), vi->keep);
	u64 end;
	int err;

	if (vi->truncating)
		return vexfs_truncate(inode);
	if (!READ_ONCE(vi->tail))
		return 0;
	err = vexfs_map_end(inode, &end);
	if (!err && end > first)
		err = vexfs_unmap_range(inode, first, VEXFS_MAX_LBLK);
	if (!err)
		vi->tail = false;
	return err;
}

/* All beyond the end, also what was asked for: i_rwsem held. */
int vexfs_trim_all(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	if (vi->keep > vexfs_size_blocks(inode)) {
		vi->keep = 0;
		WRITE_ONCE(vi->tail, true);
	}
	return vexfs_trim(inode);
}
