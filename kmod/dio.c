// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O.
 *
 * A write that stays within the file, over blocks that are written already, changes nothing but
 * content: it holds i_rwsem shared, so that such writes run side by side, and can be asked not to
 * wait. Every other write holds it alone. Blocks are taken away, moved or made unwritten only
 * by who holds i_rwsem alone and has waited for direct I/O: what a shared holder has found to be
 * written stays so until its I/O is done.
 */
#include "kmod/vexfs.h"
#include <linux/uio.h>

#define VEXFS_DIO_RECORDS	64	/* a range in more pieces is not looked through under the shared lock */

/* Takes i_rwsem shared. -EAGAIN: it would have to wait. */
static int vexfs_dio_lock(const struct kiocb *iocb)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (!(iocb->ki_flags & IOCB_NOWAIT))
		inode_lock_shared(inode);
	else if (!inode_trylock_shared(inode))
		return -EAGAIN;
	return 0;
}

ssize_t vexfs_dio_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret = vexfs_dio_lock(iocb);

	if (ret)
		return ret;
	ret = iomap_dio_rw(iocb, to, &vexfs_iomap_read_ops, NULL, 0, NULL, 0);
	inode_unlock_shared(inode);
	file_accessed(iocb->ki_filp);
	return ret;
}

static int vexfs_dio_write_end(struct kiocb *iocb, ssize_t size, int error, unsigned int flags)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t end = iocb->ki_pos + size;
	bool grows = end > i_size_read(inode);
	int err = 0;

	if (error || !size)
		return error;
	if ((flags & IOMAP_DIO_UNWRITTEN) || grows || end > READ_ONCE(VEXFS_I(inode)->disksize))
		err = vexfs_convert(inode, iocb->ki_pos, size, end);
	/* Growing writes wait for their I/O under i_rwsem. The size moves last: below it a
	 * reader must find what was written, not an unwritten block. */
	if (!err && grows)
		i_size_write(inode, end);
	return err;
}

static const struct iomap_dio_ops vexfs_dio_write_ops = {
	.end_io = vexfs_dio_write_end,
};

/* i_rwsem held alone. */
ssize_t vexfs_dio_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	unsigned int flags = 0;
	int err = vexfs_stale_commit(inode);

	if (err)
		return err;
	/* A partial block is zeroed around the write, which another write to the
	 * same block must not see half done. */
	if (!IS_ALIGNED(iocb->ki_pos | iov_iter_count(from), VEXFS_BLOCK_SIZE) ||
	    iocb->ki_pos + iov_iter_count(from) > i_size_read(inode))
		flags |= IOMAP_DIO_FORCE_WAIT;
	return iomap_dio_rw(iocb, from, &vexfs_iomap_ops, &vexfs_dio_write_ops, flags, NULL, 0);
}

/* ---- overwrites -------------------------------------------------------------- */

/* i_rwsem held shared. 1: all of the range is written; 0: it is not, or in too many pieces;
 * -EAGAIN: to know would mean to wait. Takes data_sem. */
static int vexfs_dio_written(struct inode *inode, loff_t pos, size_t len, bool nowait)
{
	u64 lblk = pos >> VEXFS_BLOCK_SHIFT, end = ((pos + len - 1) >> VEXFS_BLOCK_SHIFT) + 1;
	struct vexfs_extent e;
	int err, n;

	for (n = 0; n < VEXFS_DIO_RECORDS; n++) {
		err = nowait ? vexfs_map_nowait(inode, lblk, &e) : vexfs_map(inode, lblk, &e);
		if (err || !e.pblk || (e.flags & VEXFS_EXT_UNWRITTEN))
			return err;
		lblk = e.lblk + e.len;
		if (lblk >= end)
			return 1;
	}
	return 0;
}

/* i_rwsem held shared; takes data_sem. -ENOTBLK: it has to be held alone. */
static ssize_t vexfs_overwrite_fits(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	ssize_t len = generic_write_checks(iocb, from);
	int ret;

	if (len <= 0)
		return len;
	/* Taking setuid and the like away needs the lock alone. */
	if (!IS_NOSEC(inode) || vi->truncating)
		return -ENOTBLK;
	if (iocb->ki_pos + len > min(i_size_read(inode), READ_ONCE(vi->disksize)))
		return -ENOTBLK;
	ret = vexfs_dio_written(inode, iocb->ki_pos, len, iocb->ki_flags & IOCB_NOWAIT);
	if (ret <= 0)
		return ret ? ret : -ENOTBLK;
	return len;
}

/* i_rwsem held shared. The times, and what embeddings have to know. */
static int vexfs_overwrite_begin(struct kiocb *iocb)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err;

	if (IS_IMMUTABLE(inode))	/* opened before it was */
		return -EPERM;
	/* Both start a handle or wait for a commit. */
	if ((iocb->ki_flags & IOCB_NOWAIT) && (vexfs_content_unnoted(inode) || READ_ONCE(vi->stale_tid)))
		return -EAGAIN;
	err = kiocb_modified(iocb);
	if (!err)
		err = vexfs_content_changed(inode);
	return err ? err : vexfs_stale_commit(inode);
}

static ssize_t vexfs_overwrite_locked(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t ret = vexfs_overwrite_fits(iocb, from);
	int err;

	if (ret <= 0)
		return ret;
	err = vexfs_overwrite_begin(iocb);
	if (err)
		return err;
	return iomap_dio_rw(iocb, from, &vexfs_iomap_ops, &vexfs_dio_write_ops, IOMAP_DIO_OVERWRITE_ONLY, NULL, 0);
}

/**
 * vexfs_dio_overwrite - a direct write that needs i_rwsem shared only
 * @iocb: IOCB_DIRECT is set; IOCB_NOWAIT is obeyed
 * @from: what to write; as it was unless something has been written
 *
 * Takes and drops i_rwsem.
 *
 * Return: bytes written, -EIOCBQUEUED, -EAGAIN (it would have to wait), -ENOTBLK (this is
 * another kind of write, nothing has been done), or an error of the write.
 */
ssize_t vexfs_dio_overwrite(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret = vexfs_dio_lock(iocb);

	if (ret)
		return ret;
	ret = vexfs_overwrite_locked(iocb, from);
	inode_unlock_shared(inode);
	return ret;
}
