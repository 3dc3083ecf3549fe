// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files: read, write, mmap, fsync, seek, fiemap.
 *
 * What makes an embedding stale: whoever changes content calls vexfs_content_changed()
 * first, while holding a lock that vexfs_datagen_settle() takes, and keeps it until the
 * change can be seen. write(2), buffered or direct, and with it splice, sendfile,
 * copy_file_range, AIO and io_uring: vexfs_write_checks(), under i_rwsem, or, under i_rwsem
 * shared, kmod/dio.c; a direct write that outlives i_rwsem is counted in i_dio_count.
 * truncate(2) and O_TRUNC: vexfs_setsize(),
 * under i_rwsem. A store through a mapping: vexfs_page_mkwrite(), under invalidate_lock and
 * then the folio lock; settling write-protects the pages, so the first store after it
 * faults. fallocate(2), where it changes bytes: kmod/falloc.c, under i_rwsem, direct writes
 * waited for. What dirties a page behind a mapping's back (DMA into pinned memory) is noticed
 * when the page is written out (vexfs_writepages()): settled content has no dirty pages.
 *
 * The same calls put the file into the change feed (kmod/feed.c).
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"
#include <linux/blkdev.h>
#include <linux/uio.h>

/* ---- read and write ---------------------------------------------------------- */

static ssize_t vexfs_do_read(struct kiocb *iocb, struct iov_iter *to)
{
	if (vexfs_is_shutdown(file_inode(iocb->ki_filp)->i_sb))
		return -EIO;
	if (!iov_iter_count(to))
		return 0;
	if (iocb->ki_flags & IOCB_DIRECT)
		return vexfs_dio_read(iocb, to);
	return generic_file_read_iter(iocb, to);
}

static ssize_t vexfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	bool direct = iocb->ki_flags & IOCB_DIRECT;
	struct inode *inode = file_inode(iocb->ki_filp);
	ktime_t start = vexfs_trace_start(vexfs_read);
	size_t len = iov_iter_count(to);
	loff_t pos = iocb->ki_pos;
	ssize_t ret = vexfs_do_read(iocb, to);

	trace_vexfs_read(inode, pos, len, direct, vexfs_trace_since(start), ret);
	return ret;
}

/* Everything a write does before the first byte; i_rwsem held. */
static ssize_t vexfs_write_checks(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	loff_t size = i_size_read(inode);
	ssize_t ret = generic_write_checks(iocb, from);
	int err;

	if (ret <= 0)
		return ret;
	if (IS_IMMUTABLE(inode))	/* opened before it was */
		return -EPERM;
	err = file_remove_privs(file);
	if (!err)
		err = file_update_time(file);
	if (!err)
		err = vexfs_truncate_retry(inode);
	if (!err)
		err = vexfs_content_changed(inode);
	/* The gap between the old end and the write must read as zeros. */
	if (!err && iocb->ki_pos > size)
		err = vexfs_zero_tail(inode, size, iocb->ki_pos);
	return err ? err : ret;
}

static ssize_t vexfs_buffered(struct kiocb *iocb, struct iov_iter *from)
{
	loff_t pos = iocb->ki_pos;
	ssize_t ret;

	iocb->ki_flags &= ~IOCB_DIRECT;
	ret = vexfs_buffered_write(iocb, from, &vexfs_iomap_ops, &vexfs_folio_ops);
	if (ret > 0)
		iocb->ki_pos = pos + ret;	/* some kernels did it, some leave it to us */
	return ret;
}

static ssize_t vexfs_write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t ret = vexfs_write_checks(iocb, from);

	if (ret <= 0)
		return ret;
	if (iocb->ki_flags & IOCB_DIRECT) {
		ret = vexfs_dio_write(iocb, from);
		if (ret != -ENOTBLK)
			return ret;
	}
	return vexfs_buffered(iocb, from);
}

static ssize_t vexfs_do_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	if (iocb->ki_flags & IOCB_DIRECT) {
		ret = vexfs_dio_overwrite(iocb, from);
		if (ret != -ENOTBLK)
			return ret;
	}
	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;		/* any other write may start a handle, which waits */
	inode_lock(inode);
	ret = vexfs_write_locked(iocb, from);
	inode_unlock(inode);
	if (ret > 0 && !(iocb->ki_flags & IOCB_DIRECT))	/* which has seen to that itself */
		ret = generic_write_sync(iocb, ret);
	return ret;
}

static ssize_t vexfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	bool direct = iocb->ki_flags & IOCB_DIRECT;
	struct inode *inode = file_inode(iocb->ki_filp);
	ktime_t start = vexfs_trace_start(vexfs_write);
	size_t len = iov_iter_count(from);
	loff_t pos = iocb->ki_pos;
	ssize_t ret = vexfs_do_write(iocb, from);

	trace_vexfs_write(inode, pos, len, direct, vexfs_trace_since(start), ret);
	return ret;
}

/* ---- mmap ----------------------------------------------------------------------- */

static vm_fault_t vexfs_page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	sb_start_pagefault(inode->i_sb);
	/* The folio stays locked until the store is possible, which is later than this lock. */
	filemap_invalidate_lock_shared(inode->i_mapping);
	if (!IS_IMMUTABLE(inode)) {	/* mapped before it was */
		file_update_time(vmf->vma->vm_file);
		if (!vexfs_content_changed(inode))
			ret = vexfs_iomap_mkwrite(vmf, &vexfs_iomap_ops);
	}
	filemap_invalidate_unlock_shared(inode->i_mapping);
	sb_end_pagefault(inode->i_sb);
	return ret;
}

static const struct vm_operations_struct vexfs_vm_ops = {
	.fault = filemap_fault,
	.map_pages = filemap_map_pages,
	.page_mkwrite = vexfs_page_mkwrite,
};

static int vexfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vexfs_is_shutdown(file_inode(file)->i_sb))
		return -EIO;
	file_accessed(file);
	vma->vm_ops = &vexfs_vm_ops;
	return 0;
}

/* ---- fsync ------------------------------------------------------------------------ */

/**
 * vexfs_fsync - data, then the transaction that last changed the inode
 * @file:     a file or directory
 * @start:    first byte of the range whose data to write
 * @end:      last byte
 * @datasync: leave out what reading the data back does not need
 *
 * Also for directories. The commit flushes the device's cache; when there is
 * nothing to commit, the data still needs a flush of its own.
 */
int vexfs_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file->f_mapping->host;
	journal_t *journal = VEXFS_SB(inode->i_sb)->journal;
	ktime_t begin = vexfs_trace_start(vexfs_fsync);
	bool flush;
	tid_t tid;
	int err, err2;

	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	err = file_write_and_wait_range(file, start, end);
	if (err)
		return err;
	if (sb_rdonly(inode->i_sb))
		return vexfs_rdonly_sync(inode->i_sb);
	tid = datasync ? VEXFS_I(inode)->datasync_tid : VEXFS_I(inode)->sync_tid;
	flush = (journal->j_flags & JBD2_BARRIER) && !jbd2_trans_will_send_data_barrier(journal, tid);
	err = jbd2_complete_transaction(journal, tid);
	/* The commit may have failed to write the file's embeddings. */
	vexfs_vec_settle(inode->i_sb);
	err2 = file_check_and_advance_wb_err(file);
	err = err ? err : err2;
	if (flush) {
		err2 = blkdev_issue_flush(inode->i_sb->s_bdev);
		err = err ? err : err2;
	}
	trace_vexfs_fsync(inode, datasync, tid, vexfs_trace_since(begin), err);
	return err;
}

/* ---- the rest ------------------------------------------------------------------------ */

static loff_t vexfs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	if (whence != SEEK_HOLE && whence != SEEK_DATA)
		return generic_file_llseek(file, offset, whence);
	inode_lock_shared(inode);
	offset = whence == SEEK_HOLE ? iomap_seek_hole(inode, offset, &vexfs_iomap_read_ops) :
				       iomap_seek_data(inode, offset, &vexfs_iomap_read_ops);
	inode_unlock_shared(inode);
	return offset < 0 ? offset : vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
}

static int vexfs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	int err;

	inode_lock_shared(inode);
	err = iomap_fiemap(inode, info, start, len, &vexfs_iomap_read_ops);
	inode_unlock_shared(inode);
	return err;
}

static int vexfs_open(struct inode *inode, struct file *file)
{
	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	file->f_mode |= FMODE_CAN_ODIRECT | FMODE_NOWAIT;
	return generic_file_open(inode, file);
}

/* The last writer closes it: what failed writes left beyond its end is freed now, or at
 * eviction if the filesystem is frozen. Takes i_rwsem. */
static void vexfs_release_tail(struct inode *inode)
{
	if (sb_rdonly(inode->i_sb) || vexfs_is_shutdown(inode->i_sb))
		return;
	/* In this order: an attribute's old value is evicted, which writes, with i_rwsem of its owner held. */
	inode_lock(inode);
	if (sb_start_intwrite_trylock(inode->i_sb)) {
		vexfs_trim(inode);
		sb_end_intwrite(inode->i_sb);
	}
	inode_unlock(inode);
}

/* A file that was cut to nothing and written anew: begin to write it now, so that a crash
 * does not find it empty. Programs that expect this do not call fsync. */
static int vexfs_release(struct inode *inode, struct file *file)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	if (READ_ONCE(vi->rewritten)) {
		WRITE_ONCE(vi->rewritten, false);
		filemap_flush(inode->i_mapping);
	}
	if (atomic_read(&inode->i_writecount) == 1) {
		vexfs_window_close(inode);
		if (READ_ONCE(vi->tail))
			vexfs_release_tail(inode);
	}
	return 0;
}

const struct file_operations vexfs_file_fops = {
	.llseek = vexfs_llseek,
	.read_iter = vexfs_read_iter,
	.write_iter = vexfs_write_iter,
	.mmap = vexfs_mmap,
	.open = vexfs_open,
	.release = vexfs_release,
	.fsync = vexfs_fsync,
	.splice_read = vexfs_splice_read,
	.splice_write = iter_file_splice_write,
	.fallocate = vexfs_fallocate,
	.unlocked_ioctl = vexfs_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.setlease = generic_setlease,	/* the default before 7.0; none now */
	VEXFS_FOP_FLAGS
};

const struct inode_operations vexfs_file_iops = {
	.setattr = vexfs_setattr,
	.getattr = vexfs_getattr,
	.fileattr_get = vexfs_fileattr_get,
	.fileattr_set = vexfs_fileattr_set,
	.listxattr = vexfs_listxattr,
	VEXFS_ACL_IOPS,
	.fiemap = vexfs_fiemap,
};

const struct inode_operations vexfs_special_iops = {
	.setattr = vexfs_setattr,
	.getattr = vexfs_getattr,
	.listxattr = vexfs_listxattr,
	VEXFS_ACL_IOPS,
};
