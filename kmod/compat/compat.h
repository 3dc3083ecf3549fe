/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One face for the kernels VexFS builds against. Everything here carries the
 * vexfs_ prefix: a kernel name defined as a fallback would break the build the
 * day a stable update brings the real one.
 */
#ifndef VEXFS_COMPAT_H
#define VEXFS_COMPAT_H

#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/exportfs.h>
#include <linux/fileattr.h>
#include <linux/buffer_head.h>
#include <linux/posix_acl_xattr.h>
#include <linux/mount.h>
#include <linux/user_namespace.h>
#ifdef VEXFS_HAVE_FILELOCK_H
#include <linux/filelock.h>
#endif
#ifdef VEXFS_HAVE_MNT_IDMAP
#include <linux/mnt_idmapping.h>
#endif

/* ---- who acts, seen through a mount ------------------------------------ */
#ifdef VEXFS_HAVE_MNT_IDMAP
typedef struct mnt_idmap vexfs_idmap_t;
#define vexfs_nop_idmap		(&nop_mnt_idmap)
#define vexfs_file_idmap(file)	file_mnt_idmap(file)
#define vexfs_mnt_idmap(mnt)	mnt_idmap(mnt)
#define vexfs_idmap_get(idmap)	mnt_idmap_get(idmap)
#define vexfs_idmap_put(idmap)	mnt_idmap_put(idmap)
#else
typedef struct user_namespace vexfs_idmap_t;
#define vexfs_nop_idmap		(&init_user_ns)
#define vexfs_file_idmap(file)	file_mnt_user_ns(file)
#define vexfs_mnt_idmap(mnt)	mnt_user_ns(mnt)
#define vexfs_idmap_get(idmap)	get_user_ns(idmap)
#define vexfs_idmap_put(idmap)	put_user_ns(idmap)
#endif

#ifndef VEXFS_HAVE_PATH_LOOKUP_DECLARED
int vfs_path_lookup(struct dentry *dentry, struct vfsmount *mnt, const char *name,
		    unsigned int flags, struct path *path);
#endif

static inline void vexfs_fillattr(vexfs_idmap_t *idmap, u32 mask, struct inode *inode,
				  struct kstat *stat)
{
#ifdef VEXFS_HAVE_FILLATTR_MASK
	generic_fillattr(idmap, mask, inode, stat);
#else
	generic_fillattr(idmap, inode, stat);
#endif
}

/* ---- ACLs ---------------------------------------------------------------- */
#ifdef VEXFS_HAVE_SET_ACL_DENTRY
#define VEXFS_ACL_IOPS .get_inode_acl = vexfs_get_acl, .set_acl = vexfs_set_acl
#define vexfs_cached_acl(inode, type)	get_inode_acl(inode, type)
#else
#define VEXFS_ACL_IOPS .get_acl = vexfs_get_acl, .set_acl = vexfs_set_acl
#define vexfs_cached_acl(inode, type)	get_acl(inode, type)
#endif

/* @value is to be freed by kvfree(). */
static inline int vexfs_acl_to_xattr(struct user_namespace *ns, const struct posix_acl *acl, size_t size,
				     void **value)
{
#ifdef VEXFS_HAVE_ACL_TO_XATTR_ALLOC
	*value = posix_acl_to_xattr(ns, acl, &size, GFP_NOFS);
	return *value ? 0 : -ENOMEM;
#else
	int err;

	*value = kvmalloc(size, GFP_NOFS);
	if (!*value)
		return -ENOMEM;
	err = posix_acl_to_xattr(ns, acl, *value, size);
	if (err >= 0)
		return 0;
	kvfree(*value);
	return err;
#endif
}

#ifdef VEXFS_HAVE_FILE_KATTR
typedef struct file_kattr vexfs_fileattr_t;
#else
typedef struct fileattr vexfs_fileattr_t;
#endif

/* ---- times --------------------------------------------------------------- */
#ifdef VEXFS_HAVE_CTIME_ACCESSORS
#define vexfs_ctime(inode)		inode_get_ctime(inode)
#define vexfs_set_ctime(inode, ts)	inode_set_ctime_to_ts(inode, ts)
#define vexfs_set_ctime_now(inode)	inode_set_ctime_current(inode)
#else
#define vexfs_ctime(inode)		((inode)->i_ctime)
#define vexfs_set_ctime(inode, ts)	((inode)->i_ctime = (ts))
#define vexfs_set_ctime_now(inode)	((inode)->i_ctime = current_time(inode))
#endif

#ifdef VEXFS_HAVE_MTIME_ACCESSORS
#define vexfs_atime(inode)		inode_get_atime(inode)
#define vexfs_mtime(inode)		inode_get_mtime(inode)
#define vexfs_set_atime(inode, ts)	inode_set_atime_to_ts(inode, ts)
#define vexfs_set_mtime(inode, ts)	inode_set_mtime_to_ts(inode, ts)
#else
#define vexfs_atime(inode)		((inode)->i_atime)
#define vexfs_mtime(inode)		((inode)->i_mtime)
#define vexfs_set_atime(inode, ts)	((inode)->i_atime = (ts))
#define vexfs_set_mtime(inode, ts)	((inode)->i_mtime = (ts))
#endif

/* ctime = mtime = now, as every change of a directory wants it */
static inline void vexfs_touch(struct inode *inode)
{
	struct timespec64 now = current_time(inode);

	vexfs_set_mtime(inode, now);
	vexfs_set_ctime(inode, now);
}

/* ---- iomap ----------------------------------------------------------------- */
/*
 * The struct whose ->iomap_valid() is asked before a folio of a write is used. From 6.17 on it
 * goes with the call, before that with the mapping. NULL compiles everywhere and loses the check
 * for mappings that have become stale.
 */
#if defined(VEXFS_HAVE_IOMAP_WRITE_OPS)
#define vexfs_iomap_folio_ops	iomap_write_ops
#define vexfs_set_folio_ops(iomap, ops)	do { } while (0)
#elif defined(VEXFS_HAVE_IOMAP_FOLIO_OPS)
#define vexfs_iomap_folio_ops	iomap_folio_ops
#define vexfs_set_folio_ops(iomap, ops)	((iomap)->folio_ops = (ops))
#else
#define vexfs_iomap_folio_ops	iomap_page_ops
#define vexfs_set_folio_ops(iomap, ops)	((iomap)->page_ops = (ops))
#endif

static inline ssize_t vexfs_buffered_write(struct kiocb *iocb, struct iov_iter *from,
					   const struct iomap_ops *ops,
					   const struct vexfs_iomap_folio_ops *folio_ops)
{
#if defined(VEXFS_HAVE_IOMAP_WRITE_OPS)
	return iomap_file_buffered_write(iocb, from, ops, folio_ops, NULL);
#elif defined(VEXFS_HAVE_BUFFERED_WRITE_PRIVATE)
	return iomap_file_buffered_write(iocb, from, ops, NULL);
#else
	return iomap_file_buffered_write(iocb, from, ops);
#endif
}

static inline int vexfs_zero_range(struct inode *inode, loff_t pos, loff_t len,
				   const struct iomap_ops *ops,
				   const struct vexfs_iomap_folio_ops *folio_ops)
{
#if defined(VEXFS_HAVE_IOMAP_WRITE_OPS)
	return iomap_zero_range(inode, pos, len, NULL, ops, folio_ops, NULL);
#elif defined(VEXFS_HAVE_ZERO_RANGE_PRIVATE)
	return iomap_zero_range(inode, pos, len, NULL, ops, NULL);
#else
	return iomap_zero_range(inode, pos, len, NULL, ops);
#endif
}

static inline vm_fault_t vexfs_iomap_mkwrite(struct vm_fault *vmf, const struct iomap_ops *ops)
{
#ifdef VEXFS_HAVE_MKWRITE_PRIVATE
	return iomap_page_mkwrite(vmf, ops, NULL);
#else
	return iomap_page_mkwrite(vmf, ops);
#endif
}

static inline int vexfs_iomap_read_folio(struct folio *folio, const struct iomap_ops *ops)
{
#ifdef VEXFS_HAVE_IOMAP_BIO_READ
	iomap_bio_read_folio(folio, ops);
	return 0;
#else
	return iomap_read_folio(folio, ops);
#endif
}

static inline void vexfs_iomap_readahead(struct readahead_control *rac, const struct iomap_ops *ops)
{
#ifdef VEXFS_HAVE_IOMAP_BIO_READ
	iomap_bio_readahead(rac, ops);
#else
	iomap_readahead(rac, ops);
#endif
}

#ifdef VEXFS_HAVE_MAP_BLOCKS_LEN
#define VEXFS_MAP_BLOCKS_ARGS \
	struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t offset, unsigned int len
#else
#define VEXFS_MAP_BLOCKS_ARGS \
	struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t offset
#endif

#ifdef VEXFS_HAVE_IOEND_BIO_EMBEDDED
#define vexfs_ioend_bio(ioend)		(&(ioend)->io_bio)
#define vexfs_bio_ioend(bio)		container_of(bio, struct iomap_ioend, io_bio)
#else
#define vexfs_ioend_bio(ioend)		((ioend)->io_bio)
#define vexfs_bio_ioend(bio)		((struct iomap_ioend *)(bio)->bi_private)
#endif

#ifdef VEXFS_HAVE_IOMAP_DIRTY_FOLIO
#define vexfs_dirty_folio		iomap_dirty_folio
#else
#define vexfs_dirty_folio		filemap_dirty_folio
#endif

#ifdef VEXFS_HAVE_IOEND_FLAGS
#define vexfs_ioend_unwritten(ioend)	(!!((ioend)->io_flags & IOMAP_IOEND_UNWRITTEN))
#else
#define vexfs_ioend_unwritten(ioend)	((ioend)->io_type == IOMAP_UNWRITTEN)
#endif

/* ---- buffers ------------------------------------------------------------------ */
/* VEXFS_BH_END(name, done): a @name for vexfs_bh_submit() that calls @done(bh, uptodate). */
#ifdef VEXFS_HAVE_BH_SUBMIT
#define VEXFS_BH_END(name, done)				\
static void name(struct bio *bio)				\
{								\
	struct buffer_head *bh;					\
	bool uptodate = bio_endio_bh(bio, &bh);			\
								\
	done(bh, uptodate);					\
}
#define vexfs_bh_submit(opf, bh, end)	bh_submit(bh, opf, end)
#else
#define VEXFS_BH_END(name, done)				\
static void name(struct buffer_head *bh, int uptodate)		\
{								\
	done(bh, uptodate);					\
}
#define vexfs_bh_submit(opf, bh, end)				\
do {								\
	(bh)->b_end_io = (end);					\
	submit_bh(opf, bh);					\
} while (0)
#endif

/* ---- files -------------------------------------------------------------------- */
#ifdef VEXFS_HAVE_FILEMAP_SPLICE_READ
#define vexfs_splice_read		filemap_splice_read
#else
#define vexfs_splice_read		generic_file_splice_read
#endif

#ifdef VEXFS_HAVE_ERROR_REMOVE_FOLIO
#define VEXFS_AOPS_ERROR_REMOVE		.error_remove_folio = generic_error_remove_folio
#else
#define VEXFS_AOPS_ERROR_REMOVE		.error_remove_page = generic_error_remove_page
#endif

/* io_uring may run direct writes of a file side by side. */
#ifdef FOP_DIO_PARALLEL_WRITE
#define VEXFS_FOP_FLAGS			.fop_flags = FOP_DIO_PARALLEL_WRITE,
#else
#define VEXFS_FOP_FLAGS
#endif

/* Only where iomap knows which blocks of a large folio are dirty: elsewhere a small write would
 * write all of it back. */
static inline void vexfs_large_folios(struct inode *inode)
{
#ifdef VEXFS_HAVE_IOMAP_DIRTY_FOLIO
	mapping_set_large_folios(inode->i_mapping);
#endif
}

/* ---- inodes ------------------------------------------------------------------- */
#ifdef VEXFS_HAVE_INODE_STATE
#define vexfs_inode_state(inode)	inode_state_read_once(inode)
#else
#define vexfs_inode_state(inode)	READ_ONCE((inode)->i_state)
#endif

#ifdef VEXFS_HAVE_CREATE_NO_EXCL
#define VEXFS_CREATE_ARGS \
	vexfs_idmap_t *idmap, struct inode *dir, struct dentry *dentry, umode_t mode
#else
#define VEXFS_CREATE_ARGS \
	vexfs_idmap_t *idmap, struct inode *dir, struct dentry *dentry, umode_t mode, bool excl
#endif

/* ---- work --------------------------------------------------------------------- */
/* A queue says where it runs: the kernel warns about one that says neither this nor WQ_UNBOUND. */
#ifdef VEXFS_HAVE_WQ_PERCPU
#define VEXFS_WQ_PERCPU			WQ_PERCPU
#else
#define VEXFS_WQ_PERCPU			0
#endif

/* ---- superblock ------------------------------------------------------------------ */
static inline void vexfs_set_xattr_handlers(struct super_block *sb,
					    const struct xattr_handler *const *handlers)
{
#ifdef VEXFS_HAVE_XATTR_HANDLERS_CONST
	sb->s_xattr = handlers;
#else
	sb->s_xattr = (const struct xattr_handler **)handlers;
#endif
}

/* Who the filesystem is, for the VFS; s_id is its name in /sys/fs/vexfs. */
static inline void vexfs_set_identity(struct super_block *sb, const u8 *uuid)
{
#ifdef VEXFS_HAVE_SUPER_SET_UUID
	super_set_uuid(sb, uuid, sizeof(sb->s_uuid));
	super_set_sysfs_name_id(sb);
#else
	memcpy(&sb->s_uuid, uuid, sizeof(sb->s_uuid));
#endif
}

#ifdef VEXFS_HAVE_MKDIR_DENTRY
#define VEXFS_MKDIR_RET			struct dentry *
#define vexfs_mkdir_ret(err)		ERR_PTR(err)
#else
#define VEXFS_MKDIR_RET			int
#define vexfs_mkdir_ret(err)		(err)
#endif

#endif /* VEXFS_COMPAT_H */
