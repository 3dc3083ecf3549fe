/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, vexfs:*. docs/tracing.md lists them with their fields; what the
 * words mean is the same everywhere:
 *
 *	dev		device, printed as major:minor
 *	ino, dir	inode numbers
 *	pos, len	bytes, in a file
 *	lblk, pblk	4 KiB blocks, in the file and on the device; blocks: how many
 *	tid		jbd2 transaction
 *	coll		index of a collection, collection: its name
 *	duration_ns	of the whole operation; 0 if tracing began in the middle of it
 *	ret		0 or a negative errno
 *
 * Instantiated by trace.c, and those of collections and searches (vec/trace.h) by
 * vec/trace.c. The generator includes the headers once more, as "kmod/trace.h"
 * from the directory the module is built in.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vexfs

#if !defined(VEXFS_KMOD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VEXFS_KMOD_TRACE_H

#include <linux/iomap.h>
#include <linux/tracepoint.h>
#include "kmod/trace_common.h"

/* ---- the filesystem as a whole ------------------------------------------------- */

TRACE_EVENT(vexfs_mount,
	TP_PROTO(struct super_block *sb, u64 duration_ns, int ret),
	TP_ARGS(sb, duration_ns, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, blocks)
		__field(u64, free_blocks)
		__field(u64, free_inodes)
		__field(u32, groups)
		__field(u32, rdonly)
		__field(u64, duration_ns)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->blocks = VEXFS_SB(sb)->geo.blocks;
		__entry->free_blocks = percpu_counter_read_positive(&VEXFS_SB(sb)->free_blocks);
		__entry->free_inodes = percpu_counter_read_positive(&VEXFS_SB(sb)->free_inodes);
		__entry->groups = VEXFS_SB(sb)->geo.groups;
		__entry->rdonly = sb_rdonly(sb);
		__entry->duration_ns = duration_ns;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d blocks %llu free_blocks %llu free_inodes %llu groups %u rdonly %u duration_ns %llu ret %d",
		  vexfs_show_dev(__entry->dev), __entry->blocks, __entry->free_blocks,
		  __entry->free_inodes, __entry->groups, __entry->rdonly, __entry->duration_ns,
		  __entry->ret)
);

TRACE_EVENT(vexfs_unmount,
	TP_PROTO(struct super_block *sb),
	TP_ARGS(sb),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, free_blocks)
		__field(u64, free_inodes)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->free_blocks = percpu_counter_read_positive(&VEXFS_SB(sb)->free_blocks);
		__entry->free_inodes = percpu_counter_read_positive(&VEXFS_SB(sb)->free_inodes);
	),
	TP_printk("dev %d:%d free_blocks %llu free_inodes %llu", vexfs_show_dev(__entry->dev),
		  __entry->free_blocks, __entry->free_inodes)
);

TRACE_EVENT(vexfs_sync_fs,
	TP_PROTO(struct super_block *sb, int wait, u64 duration_ns, int ret),
	TP_ARGS(sb, wait, duration_ns, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(int, wait)
		__field(u64, duration_ns)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->wait = wait;
		__entry->duration_ns = duration_ns;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d wait %d duration_ns %llu ret %d", vexfs_show_dev(__entry->dev),
		  __entry->wait, __entry->duration_ns, __entry->ret)
);

TRACE_EVENT(vexfs_shutdown,
	TP_PROTO(struct super_block *sb, u32 how),
	TP_ARGS(sb, how),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, how)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->how = how;
	),
	TP_printk("dev %d:%d how %s", vexfs_show_dev(__entry->dev),
		  __print_symbolic(__entry->how, { 0, "FLUSH" }, { 1, "LOG" }, { 2, "NOLOG" }))
);

DECLARE_EVENT_CLASS(vexfs_error,
	TP_PROTO(struct super_block *sb, u64 ino, u64 pblk, const char *what, int ret),
	TP_ARGS(sb, ino, pblk, what, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, pblk)
		__field(int, ret)
		__string(what, what)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->ino = ino;
		__entry->pblk = pblk;
		__entry->ret = ret;
		vexfs_assign_str(what, what);
	),
	TP_printk("dev %d:%d ino %llu pblk %llu what '%s' ret %d", vexfs_show_dev(__entry->dev),
		  __entry->ino, __entry->pblk, __get_str(what), __entry->ret)
);
#define DEFINE_VEXFS_ERROR(name) \
DEFINE_EVENT(vexfs_error, name, \
	TP_PROTO(struct super_block *sb, u64 ino, u64 pblk, const char *what, int ret), \
	TP_ARGS(sb, ino, pblk, what, ret))
DEFINE_VEXFS_ERROR(vexfs_corrupt);
DEFINE_VEXFS_ERROR(vexfs_io_error);

/* ---- names and inodes ------------------------------------------------------------- */

/* @inode: NULL or an ERR_PTR where there is none */
DECLARE_EVENT_CLASS(vexfs_name,
	TP_PROTO(struct inode *dir, const struct qstr *name, struct inode *inode, int ret),
	TP_ARGS(dir, name, inode, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, dir)
		__field(u64, ino)
		__field(u32, mode)
		__field(u32, nlink)
		__field(int, ret)
		__string(name, (const char *)name->name)
	),
	TP_fast_assign(
		__entry->dev = dir->i_sb->s_dev;
		__entry->dir = dir->i_ino;
		__entry->ino = IS_ERR_OR_NULL(inode) ? 0 : inode->i_ino;
		__entry->mode = IS_ERR_OR_NULL(inode) ? 0 : inode->i_mode;
		__entry->nlink = IS_ERR_OR_NULL(inode) ? 0 : inode->i_nlink;
		__entry->ret = ret;
		vexfs_assign_str(name, (const char *)name->name);
	),
	TP_printk("dev %d:%d dir %llu ino %llu mode 0%o nlink %u name '%s' ret %d",
		  vexfs_show_dev(__entry->dev), __entry->dir, __entry->ino, __entry->mode,
		  __entry->nlink, __get_str(name), __entry->ret)
);
#define DEFINE_VEXFS_NAME(name_) \
DEFINE_EVENT(vexfs_name, name_, \
	TP_PROTO(struct inode *dir, const struct qstr *name, struct inode *inode, int ret), \
	TP_ARGS(dir, name, inode, ret))
DEFINE_VEXFS_NAME(vexfs_lookup);
DEFINE_VEXFS_NAME(vexfs_create);
DEFINE_VEXFS_NAME(vexfs_link);
DEFINE_VEXFS_NAME(vexfs_unlink);

TRACE_EVENT(vexfs_rename,
	TP_PROTO(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		 struct dentry *new, unsigned int flags, int ret),
	TP_ARGS(old_dir, old, new_dir, new, flags, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, old_dir)
		__field(u64, new_dir)
		__field(u64, ino)
		__field(u64, target)
		__field(u32, flags)
		__field(int, ret)
		__string(old_name, (const char *)old->d_name.name)
		__string(new_name, (const char *)new->d_name.name)
	),
	TP_fast_assign(
		__entry->dev = old_dir->i_sb->s_dev;
		__entry->old_dir = old_dir->i_ino;
		__entry->new_dir = new_dir->i_ino;
		__entry->ino = d_inode(old)->i_ino;
		__entry->target = d_inode(new) ? d_inode(new)->i_ino : 0;
		__entry->flags = flags;
		__entry->ret = ret;
		vexfs_assign_str(old_name, (const char *)old->d_name.name);
		vexfs_assign_str(new_name, (const char *)new->d_name.name);
	),
	TP_printk("dev %d:%d old_dir %llu old_name '%s' new_dir %llu new_name '%s' ino %llu target %llu flags 0x%x ret %d",
		  vexfs_show_dev(__entry->dev), __entry->old_dir, __get_str(old_name),
		  __entry->new_dir, __get_str(new_name), __entry->ino, __entry->target,
		  __entry->flags, __entry->ret)
);

DECLARE_EVENT_CLASS(vexfs_inode,
	TP_PROTO(struct inode *inode),
	TP_ARGS(inode),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u32, mode)
		__field(u32, nlink)
		__field(u64, size)
		__field(u64, blocks)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->mode = inode->i_mode;
		__entry->nlink = inode->i_nlink;
		__entry->size = i_size_read(inode);
		__entry->blocks = vexfs_inode_blocks(inode);
	),
	TP_printk("dev %d:%d ino %llu mode 0%o nlink %u size %llu blocks %llu",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->mode, __entry->nlink,
		  __entry->size, __entry->blocks)
);
#define DEFINE_VEXFS_INODE(name) \
DEFINE_EVENT(vexfs_inode, name, TP_PROTO(struct inode *inode), TP_ARGS(inode))
DEFINE_VEXFS_INODE(vexfs_inode_read);
DEFINE_VEXFS_INODE(vexfs_truncate);
DEFINE_VEXFS_INODE(vexfs_evict);

DECLARE_EVENT_CLASS(vexfs_orphan,
	TP_PROTO(struct super_block *sb, u64 ino, u32 slot, int ret),
	TP_ARGS(sb, ino, slot, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u32, slot)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->ino = ino;
		__entry->slot = slot;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d ino %llu slot %u ret %d", vexfs_show_dev(__entry->dev),
		  __entry->ino, __entry->slot, __entry->ret)
);
#define DEFINE_VEXFS_ORPHAN(name) \
DEFINE_EVENT(vexfs_orphan, name, \
	TP_PROTO(struct super_block *sb, u64 ino, u32 slot, int ret), TP_ARGS(sb, ino, slot, ret))
DEFINE_VEXFS_ORPHAN(vexfs_orphan_add);
DEFINE_VEXFS_ORPHAN(vexfs_orphan_del);
DEFINE_VEXFS_ORPHAN(vexfs_orphan_recover);

/* ---- blocks ------------------------------------------------------------------------ */

TRACE_EVENT(vexfs_alloc_blocks,
	TP_PROTO(struct super_block *sb, tid_t tid, u64 goal, u32 want, u64 pblk, u32 blocks,
		 int ret),
	TP_ARGS(sb, tid, goal, want, pblk, blocks, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, tid)
		__field(u64, goal)
		__field(u64, pblk)
		__field(u32, want)
		__field(u32, blocks)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->tid = tid;
		__entry->goal = goal;
		__entry->pblk = ret ? 0 : pblk;
		__entry->want = want;
		__entry->blocks = ret ? 0 : blocks;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d tid %u goal %llu want %u pblk %llu blocks %u ret %d",
		  vexfs_show_dev(__entry->dev), __entry->tid, __entry->goal, __entry->want,
		  __entry->pblk, __entry->blocks, __entry->ret)
);

TRACE_EVENT(vexfs_free_blocks,
	TP_PROTO(struct super_block *sb, tid_t tid, u64 pblk, u64 blocks),
	TP_ARGS(sb, tid, pblk, blocks),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, tid)
		__field(u64, pblk)
		__field(u64, blocks)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->tid = tid;
		__entry->pblk = pblk;
		__entry->blocks = blocks;
	),
	TP_printk("dev %d:%d tid %u pblk %llu blocks %llu", vexfs_show_dev(__entry->dev),
		  __entry->tid, __entry->pblk, __entry->blocks)
);

/* ---- transactions --------------------------------------------------------------------- */

/* duration_ns: how long the caller waited for the handle */
TRACE_EVENT(vexfs_trans_start,
	TP_PROTO(struct super_block *sb, handle_t *handle, int credits, int revokes,
		 u64 duration_ns, unsigned long ip),
	TP_ARGS(sb, handle, credits, revokes, duration_ns, ip),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, tid)
		__field(int, credits)
		__field(int, revokes)
		__field(u64, duration_ns)
		__field(unsigned long, ip)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->tid = vexfs_handle_tid(handle);
		__entry->credits = credits;
		__entry->revokes = revokes;
		__entry->duration_ns = duration_ns;
		__entry->ip = ip;
		__entry->ret = PTR_ERR_OR_ZERO(handle);
	),
	TP_printk("dev %d:%d tid %u credits %d revokes %d duration_ns %llu caller %pS ret %d",
		  vexfs_show_dev(__entry->dev), __entry->tid, __entry->credits, __entry->revokes,
		  __entry->duration_ns, (void *)__entry->ip, __entry->ret)
);

/* credits, revokes: what the handle did not use */
DECLARE_EVENT_CLASS(vexfs_handle,
	TP_PROTO(struct super_block *sb, handle_t *handle),
	TP_ARGS(sb, handle),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, tid)
		__field(int, credits)
		__field(int, revokes)
		__field(u32, sync)
	),
	TP_fast_assign(
		__entry->dev = sb ? sb->s_dev : 0;
		__entry->tid = vexfs_handle_tid(handle);
		__entry->credits = handle->h_transaction ? jbd2_handle_buffer_credits(handle) : 0;
		__entry->revokes = handle->h_revoke_credits;
		__entry->sync = handle->h_sync;
	),
	TP_printk("dev %d:%d tid %u credits %d revokes %d sync %u", vexfs_show_dev(__entry->dev),
		  __entry->tid, __entry->credits, __entry->revokes, __entry->sync)
);
DEFINE_EVENT(vexfs_handle, vexfs_trans_stop,
	TP_PROTO(struct super_block *sb, handle_t *handle), TP_ARGS(sb, handle));
DEFINE_EVENT(vexfs_handle, vexfs_trans_restart,
	TP_PROTO(struct super_block *sb, handle_t *handle), TP_ARGS(sb, handle));

TRACE_EVENT(vexfs_force_commit,
	TP_PROTO(struct super_block *sb, u64 duration_ns, int ret),
	TP_ARGS(sb, duration_ns, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, duration_ns)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->duration_ns = duration_ns;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d duration_ns %llu ret %d", vexfs_show_dev(__entry->dev),
		  __entry->duration_ns, __entry->ret)
);

/* In the commit thread: the transaction is on disk; blocks: freed by it, usable from now on */
TRACE_EVENT(vexfs_commit,
	TP_PROTO(struct super_block *sb, tid_t tid, u64 blocks),
	TP_ARGS(sb, tid, blocks),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, tid)
		__field(u64, blocks)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->tid = tid;
		__entry->blocks = blocks;
	),
	TP_printk("dev %d:%d tid %u blocks %llu", vexfs_show_dev(__entry->dev), __entry->tid,
		  __entry->blocks)
);

/* ---- file data ------------------------------------------------------------------------ */

/* ret: bytes, or a negative errno */
DECLARE_EVENT_CLASS(vexfs_file,
	TP_PROTO(struct inode *inode, loff_t pos, size_t len, bool direct, u64 duration_ns,
		 ssize_t ret),
	TP_ARGS(inode, pos, len, direct, duration_ns, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(s64, pos)
		__field(u64, len)
		__field(u32, direct)
		__field(u64, duration_ns)
		__field(s64, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->pos = pos;
		__entry->len = len;
		__entry->direct = direct;
		__entry->duration_ns = duration_ns;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d ino %llu pos %lld len %llu direct %u duration_ns %llu ret %lld",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->pos, __entry->len,
		  __entry->direct, __entry->duration_ns, __entry->ret)
);
#define DEFINE_VEXFS_FILE(name) \
DEFINE_EVENT(vexfs_file, name, \
	TP_PROTO(struct inode *inode, loff_t pos, size_t len, bool direct, u64 duration_ns, \
		 ssize_t ret), \
	TP_ARGS(inode, pos, len, direct, duration_ns, ret))
DEFINE_VEXFS_FILE(vexfs_read);
DEFINE_VEXFS_FILE(vexfs_write);

DECLARE_EVENT_CLASS(vexfs_extent,
	TP_PROTO(struct inode *inode, u64 lblk, const struct vexfs_extent *e, int ret),
	TP_ARGS(inode, lblk, e, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, want)
		__field(u64, lblk)
		__field(u64, pblk)
		__field(u64, blocks)
		__field(u32, unwritten)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->want = lblk;
		__entry->lblk = ret ? 0 : e->lblk;
		__entry->pblk = ret ? 0 : e->pblk;
		__entry->blocks = ret ? 0 : e->len;
		__entry->unwritten = !ret && (e->flags & VEXFS_EXT_UNWRITTEN);
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d ino %llu want %llu lblk %llu pblk %llu blocks %llu unwritten %u ret %d",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->want, __entry->lblk,
		  __entry->pblk, __entry->blocks, __entry->unwritten, __entry->ret)
);
#define DEFINE_VEXFS_EXTENT(name) \
DEFINE_EVENT(vexfs_extent, name, \
	TP_PROTO(struct inode *inode, u64 lblk, const struct vexfs_extent *e, int ret), \
	TP_ARGS(inode, lblk, e, ret))
DEFINE_VEXFS_EXTENT(vexfs_map);
DEFINE_VEXFS_EXTENT(vexfs_map_alloc);
DEFINE_VEXFS_EXTENT(vexfs_unmap);

TRACE_EVENT(vexfs_fallocate,
	TP_PROTO(struct inode *inode, int mode, loff_t pos, u64 len, int ret),
	TP_ARGS(inode, mode, pos, len, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(int, mode)
		__field(s64, pos)
		__field(u64, len)
		__field(u64, size)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->mode = mode;
		__entry->pos = pos;
		__entry->len = len;
		__entry->size = i_size_read(inode);
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d ino %llu mode %#x pos %lld len %llu size %llu ret %d",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->mode, __entry->pos,
		  __entry->len, __entry->size, __entry->ret)
);

TRACE_EVENT(vexfs_convert,
	TP_PROTO(struct inode *inode, loff_t pos, u64 len, int ret),
	TP_ARGS(inode, pos, len, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(s64, pos)
		__field(u64, len)
		__field(u64, disksize)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->pos = pos;
		__entry->len = len;
		__entry->disksize = VEXFS_I(inode)->disksize;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d ino %llu pos %lld len %llu disksize %llu ret %d",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->pos, __entry->len,
		  __entry->disksize, __entry->ret)
);

DECLARE_EVENT_CLASS(vexfs_iomap,
	TP_PROTO(struct inode *inode, loff_t pos, u64 len, unsigned int flags,
		 const struct iomap *iomap, int ret),
	TP_ARGS(inode, pos, len, flags, iomap, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(s64, pos)
		__field(u64, len)
		__field(u32, flags)
		__field(u32, type)
		__field(s64, offset)
		__field(u64, length)
		__field(u64, addr)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->pos = pos;
		__entry->len = len;
		__entry->flags = flags;
		__entry->type = ret ? IOMAP_HOLE : iomap->type;
		__entry->offset = ret ? 0 : iomap->offset;
		__entry->length = ret ? 0 : iomap->length;
		__entry->addr = ret ? IOMAP_NULL_ADDR : iomap->addr;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d ino %llu pos %lld len %llu flags %s type %s offset %lld length %llu addr 0x%llx ret %d",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->pos, __entry->len,
		  vexfs_show_iomap(__entry->flags), vexfs_show_type(__entry->type),
		  __entry->offset, __entry->length, __entry->addr, __entry->ret)
);
#define DEFINE_VEXFS_IOMAP(name) \
DEFINE_EVENT(vexfs_iomap, name, \
	TP_PROTO(struct inode *inode, loff_t pos, u64 len, unsigned int flags, \
		 const struct iomap *iomap, int ret), \
	TP_ARGS(inode, pos, len, flags, iomap, ret))
DEFINE_VEXFS_IOMAP(vexfs_iomap_begin);
DEFINE_VEXFS_IOMAP(vexfs_writeback_map);

TRACE_EVENT(vexfs_iomap_end,
	TP_PROTO(struct inode *inode, loff_t pos, u64 len, ssize_t written, unsigned int flags),
	TP_ARGS(inode, pos, len, written, flags),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(s64, pos)
		__field(u64, len)
		__field(s64, written)
		__field(u32, flags)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->pos = pos;
		__entry->len = len;
		__entry->written = written;
		__entry->flags = flags;
	),
	TP_printk("dev %d:%d ino %llu pos %lld len %llu written %lld flags %s",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->pos, __entry->len,
		  __entry->written, vexfs_show_iomap(__entry->flags))
);

TRACE_EVENT(vexfs_writepages,
	TP_PROTO(struct inode *inode, const struct writeback_control *wbc, u64 duration_ns, int ret),
	TP_ARGS(inode, wbc, duration_ns, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(s64, range_start)
		__field(s64, range_end)
		__field(s64, nr_to_write)
		__field(u32, sync_mode)
		__field(u64, duration_ns)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->range_start = wbc->range_start;
		__entry->range_end = wbc->range_end;
		__entry->nr_to_write = wbc->nr_to_write;
		__entry->sync_mode = wbc->sync_mode;
		__entry->duration_ns = duration_ns;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d ino %llu range_start %lld range_end %lld nr_to_write %lld sync_mode %u duration_ns %llu ret %d",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->range_start,
		  __entry->range_end, __entry->nr_to_write, __entry->sync_mode,
		  __entry->duration_ns, __entry->ret)
);

/* A write to unwritten blocks, or past the size on disk, has completed */
TRACE_EVENT(vexfs_ioend,
	TP_PROTO(struct inode *inode, loff_t pos, u64 len, u32 type, int ret),
	TP_ARGS(inode, pos, len, type, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(s64, pos)
		__field(u64, len)
		__field(u32, type)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->pos = pos;
		__entry->len = len;
		__entry->type = type;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d ino %llu pos %lld len %llu type %s ret %d",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->pos, __entry->len,
		  vexfs_show_type(__entry->type), __entry->ret)
);

TRACE_EVENT(vexfs_fsync,
	TP_PROTO(struct inode *inode, int datasync, tid_t tid, u64 duration_ns, int ret),
	TP_ARGS(inode, datasync, tid, duration_ns, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(int, datasync)
		__field(u32, tid)
		__field(u64, duration_ns)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->datasync = datasync;
		__entry->tid = tid;
		__entry->duration_ns = duration_ns;
		__entry->ret = ret;
	),
	TP_printk("dev %d:%d ino %llu datasync %d tid %u duration_ns %llu ret %d",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->datasync, __entry->tid,
		  __entry->duration_ns, __entry->ret)
);

#endif /* VEXFS_KMOD_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH kmod
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
