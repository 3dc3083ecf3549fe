// SPDX-License-Identifier: GPL-2.0
/*
 * File data through iomap.
 *
 * The rules, which the order folio lock -> handle imposes:
 *  - a new block is allocated unwritten, when the write begins, with the promise
 *    of what its conversion may need, so a full device is reported by write(2);
 *  - what a write did not use is given back when it ends;
 *  - at I/O completion, in a worker, it is converted and only then the size on
 *    disk moves: a crash never shows what the block held before;
 *  - writeback looks mappings up and never starts a handle.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"
#include <linux/swap.h>

/* ---- mappings ------------------------------------------------------------ */

/* A cached mapping is stale once any mapping of the inode has changed: a page
 * whose block was converted meanwhile must be read, not zeroed. */
static bool vexfs_iomap_valid(struct inode *inode, const struct iomap *iomap)
{
	return iomap->validity_cookie == READ_ONCE(VEXFS_I(inode)->map_seq);
}

const struct vexfs_iomap_folio_ops vexfs_folio_ops = {
	.iomap_valid = vexfs_iomap_valid,
};

static void vexfs_fill_iomap(struct inode *inode, const struct vexfs_extent *e, unsigned int seq,
			     struct iomap *iomap)
{
	iomap->bdev = inode->i_sb->s_bdev;
	iomap->offset = (loff_t)e->lblk << VEXFS_BLOCK_SHIFT;
	iomap->length = e->len << VEXFS_BLOCK_SHIFT;
	iomap->flags = 0;
	iomap->validity_cookie = seq;
	vexfs_set_folio_ops(iomap, &vexfs_folio_ops);
	if (!e->pblk) {
		iomap->type = IOMAP_HOLE;
		iomap->addr = IOMAP_NULL_ADDR;
		return;
	}
	iomap->type = e->flags & VEXFS_EXT_UNWRITTEN ? IOMAP_UNWRITTEN : IOMAP_MAPPED;
	iomap->addr = e->pblk << VEXFS_BLOCK_SHIFT;
}

static int vexfs_alloc_once(struct inode *inode, const struct vexfs_want *want,
			    struct vexfs_extent *e, bool *fresh)
{
	handle_t *handle;
	int err, err2;

	handle = vexfs_start(inode->i_sb, vexfs_map_credits(inode), VEXFS_MAX_LEVEL);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_map_new(handle, inode, want, e, fresh);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/* Writing back what is dirty keeps promises, and so ends them. True if there may be
 * room now. Not with a folio locked. */
static bool vexfs_room_flush(struct super_block *sb)
{
	if (!atomic64_read(&VEXFS_SB(sb)->promised) || !down_read_trylock(&sb->s_umount))
		return false;
	sync_inodes_sb(sb);
	up_read(&sb->s_umount);
	return true;
}

static bool vexfs_prepared(struct inode *inode, const struct vexfs_extent *e)
{
	return e->pblk && (!(e->flags & VEXFS_EXT_UNWRITTEN) ||
			   READ_ONCE(VEXFS_I(inode)->unwritten_known));
}

/* One attempt to make what is at @want->lblk ready for a write: a hole becomes blocks;
 * blocks that were there already need a promise only. */
static int vexfs_prepare_once(struct inode *inode, const struct vexfs_want *want,
			      struct vexfs_extent *e, bool *fresh)
{
	int err = vexfs_map(inode, want->lblk, e);

	if (!err && !e->pblk)
		err = vexfs_alloc_once(inode, want, e, fresh);
	if (!err && !*fresh && (e->flags & VEXFS_EXT_UNWRITTEN))
		err = vexfs_promise_mapped(inode);
	return err;
}

/**
 * struct vexfs_patience - of somebody who has been told ENOSPC
 * @seq:   vexfs_room_seq() before the attempt
 * @tries: attempts so far
 * @flush: may write back what is dirty
 */
struct vexfs_patience {
	unsigned int	seq;
	int		tries;
	bool		flush;
};

/* Full, but blocks wait for a commit to become free, or are promised to what writeback
 * will convert: see to it. False: another attempt is not worth it. */
static bool vexfs_room_again(struct super_block *sb, struct vexfs_patience *p)
{
	if (vexfs_room_retry(sb, &p->seq, &p->tries))
		return true;
	if (!p->flush || !vexfs_room_flush(sb))
		return false;
	p->flush = false;
	p->tries = 0;
	return true;
}

int vexfs_prepare(struct inode *inode, const struct vexfs_want *want, bool may_flush,
		  struct vexfs_extent *e, bool *fresh)
{
	struct vexfs_patience p = { vexfs_room_seq(VEXFS_SB(inode->i_sb)), 0, may_flush };
	int err;

	*fresh = false;
	do
		err = vexfs_prepare_once(inode, want, e, fresh);
	while (err == -ENOSPC && vexfs_room_again(inode->i_sb, &p));
	return err;
}

int vexfs_set_aside(struct super_block *sb, u32 n)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_patience p = { vexfs_room_seq(sbi), 0, true };
	int err;

	/* Neither a commit nor writeback can make so much room. */
	if (n > percpu_counter_sum_positive(&sbi->free_blocks) + atomic64_read(&sbi->promised) +
		percpu_counter_sum_positive(&sbi->pending_blocks))
		return -ENOSPC;
	do
		err = vexfs_promise_take(sbi, n);
	while (err == -ENOSPC && vexfs_room_again(sb, &p));
	return err;
}

/* What is there now; the cookie must not be younger than the mapping. */
static int vexfs_iomap_lookup(struct inode *inode, u64 lblk, unsigned int flags, struct iomap *iomap,
			      struct vexfs_extent *e)
{
	unsigned int seq = READ_ONCE(VEXFS_I(inode)->map_seq);
	int err;

	smp_rmb();	/* pairs with data_sem, under which both change */
	err = flags & IOMAP_NOWAIT ? vexfs_map_nowait(inode, lblk, e) : vexfs_map(inode, lblk, e);
	if (!err)
		vexfs_fill_iomap(inode, e, seq, iomap);
	return err;
}

static int vexfs_iomap_check(struct inode *inode, u64 lblk)
{
	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	return lblk >= VEXFS_MAX_LBLK ? -EFBIG : 0;
}

static int vexfs_iomap_map(struct inode *inode, loff_t pos, unsigned int flags, struct iomap *iomap)
{
	u64 lblk = pos >> VEXFS_BLOCK_SHIFT;
	struct vexfs_extent e;
	int err = vexfs_iomap_check(inode, lblk);

	return err ? err : vexfs_iomap_lookup(inode, lblk, flags, iomap, &e);
}

static int vexfs_iomap_map_write(struct inode *inode, loff_t pos, loff_t length,
				 unsigned int flags, struct iomap *iomap)
{
	u64 lblk = pos >> VEXFS_BLOCK_SHIFT;
	u64 end = (pos + length + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
	struct vexfs_want want = { lblk, end - lblk, VEXFS_EXT_UNWRITTEN, NULL };
	struct vexfs_extent e, new;
	bool fresh;
	int err = vexfs_iomap_check(inode, lblk);

	if (!err)
		err = vexfs_iomap_lookup(inode, lblk, flags, iomap, &e);
	if (err || vexfs_prepared(inode, &e))
		return err;
	if (flags & (IOMAP_OVERWRITE_ONLY | IOMAP_NOWAIT))
		return -EAGAIN;
	err = vexfs_prepare(inode, &want, !(flags & IOMAP_FAULT), &new, &fresh);
	if (!err)
		err = vexfs_iomap_lookup(inode, lblk, flags, iomap, &e);
	if (err || !fresh)
		return err;
	/* Only what this write has allocated is its own to give back. */
	iomap->flags |= IOMAP_F_NEW;
	iomap->length = min_t(u64, iomap->offset + iomap->length,
			      (new.lblk + new.len) << VEXFS_BLOCK_SHIFT) - iomap->offset;
	return 0;
}

/* Reading what is written up to @end back needs a transaction that has not committed, or a new size. */
static bool vexfs_datasync_dirty(struct inode *inode, loff_t end)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	return end > READ_ONCE(vi->disksize) ||
	       !jbd2_transaction_committed(VEXFS_SB(inode->i_sb)->journal, vi->datasync_tid);
}

static int vexfs_iomap_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
			     struct iomap *iomap, struct iomap *srcmap)
{
	int err;

	if ((flags & IOMAP_WRITE) && !(flags & IOMAP_ZERO))
		err = vexfs_iomap_map_write(inode, pos, length, flags, iomap);
	else
		err = vexfs_iomap_map(inode, pos, flags, iomap);
	/* Without this, O_DSYNC does with a write that goes through the device's cache. */
	if (!err && (flags & IOMAP_WRITE) && vexfs_datasync_dirty(inode, pos + length))
		iomap->flags |= IOMAP_F_DIRTY;
	trace_vexfs_iomap_begin(inode, pos, length, flags, iomap, err);
	return err;
}

static int vexfs_iomap_begin_read(struct inode *inode, loff_t pos, loff_t length,
				  unsigned int flags, struct iomap *iomap, struct iomap *srcmap)
{
	int err = vexfs_iomap_map(inode, pos, flags, iomap);

	trace_vexfs_iomap_begin(inode, pos, length, flags, iomap, err);
	return err;
}

/*
 * Blocks allocated for [@pos, @pos + @length) that @written of it did not use (a
 * bad buffer, a signal) are freed. With invalidate_lock no page can become dirty
 * there; one that is (a store through a mapping) keeps the blocks.
 */
void vexfs_give_back(struct inode *inode, loff_t pos, loff_t length, ssize_t written)
{
	struct address_space *mapping = inode->i_mapping;
	loff_t from = written ? round_up(pos + written, VEXFS_BLOCK_SIZE) :
				round_down(pos, VEXFS_BLOCK_SIZE);
	loff_t end = round_up(pos + length, VEXFS_BLOCK_SIZE);

	if (from >= end)
		return;
	filemap_invalidate_lock(mapping);
	if (!filemap_range_needs_writeback(mapping, from, end - 1))
		vexfs_unmap_unwritten(inode, from >> VEXFS_BLOCK_SHIFT, end >> VEXFS_BLOCK_SHIFT);
	filemap_invalidate_unlock(mapping);
}

/* A mapping that became stale is looked up again for the rest of the write. i_rwsem
 * held, and no folio locked but in a fault. */
static int vexfs_iomap_end(struct inode *inode, loff_t pos, loff_t length, ssize_t written,
			   unsigned int flags, struct iomap *iomap)
{
	trace_vexfs_iomap_end(inode, pos, length, written, flags);
	if ((iomap->flags & IOMAP_F_NEW) && !(iomap->flags & IOMAP_F_STALE) &&
	    !(flags & IOMAP_FAULT) && written < length)
		vexfs_give_back(inode, pos, length, max_t(ssize_t, written, 0));
	return 0;
}

const struct iomap_ops vexfs_iomap_ops = {
	.iomap_begin = vexfs_iomap_begin,
	.iomap_end = vexfs_iomap_end,
};

const struct iomap_ops vexfs_iomap_read_ops = {
	.iomap_begin = vexfs_iomap_begin_read,
	.iomap_end = vexfs_iomap_end,
};

/* ---- writeback ------------------------------------------------------------- */

/* Always a fresh lookup: it costs little, and a mapping kept over several
 * folios could be of blocks that a truncate has given away meanwhile. */
static int vexfs_writeback_map(struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t offset)
{
	int err = vexfs_iomap_map(inode, offset, 0, &wpc->iomap);

	trace_vexfs_writeback_map(inode, offset, VEXFS_BLOCK_SIZE, 0, &wpc->iomap, err);
	return err;
}

/* Runs in interrupts: queue the ioend for the worker. */
static void vexfs_end_bio(struct bio *bio)
{
	struct iomap_ioend *ioend = vexfs_bio_ioend(bio);
	struct vexfs_inode_info *vi = VEXFS_I(ioend->io_inode);
	struct vexfs_sb_info *sbi = VEXFS_SB(ioend->io_inode->i_sb);
	unsigned long flags;

	spin_lock_irqsave(&vi->ioend_lock, flags);
	if (list_empty(&vi->ioends))
		WARN_ON_ONCE(!queue_work(sbi->ioend_wq, &vi->ioend_work));
	list_add_tail(&ioend->io_list, &vi->ioends);
	spin_unlock_irqrestore(&vi->ioend_lock, flags);
}

static bool vexfs_ioend_grows(struct iomap_ioend *ioend)
{
	return ioend->io_offset + ioend->io_size > READ_ONCE(VEXFS_I(ioend->io_inode)->disksize);
}

/*
 * About to be submitted. The size on disk may grow over what these folios hold now, no
 * further: an append may still copy into a folio that is under writeback, after the device
 * has read it. Kernels before 6.13 leave io_size at whole blocks (6.12 has the change in its
 * stable updates, 6.1 has not), and i_size at completion includes such an append.
 */
static void vexfs_hook_ioend(struct iomap_ioend *ioend)
{
	loff_t left = i_size_read(ioend->io_inode) - ioend->io_offset;

	ioend->io_size = clamp_t(loff_t, left, 0, ioend->io_size);
	if (vexfs_ioend_unwritten(ioend) || vexfs_ioend_grows(ioend))
		vexfs_ioend_bio(ioend)->bi_end_io = vexfs_end_bio;
}

static void vexfs_end_ioend(struct iomap_ioend *ioend)
{
	struct inode *inode = ioend->io_inode;
	unsigned int nofs = memalloc_nofs_save();
	int err = blk_status_to_errno(vexfs_ioend_bio(ioend)->bi_status);

	if (!err && vexfs_is_shutdown(inode->i_sb))
		err = -EIO;
	/* A truncate since then has made i_size what the size on disk may be at most. */
	if (!err)
		err = vexfs_convert(inode, ioend->io_offset, ioend->io_size,
				    min(ioend->io_offset + (loff_t)ioend->io_size, i_size_read(inode)));
	trace_vexfs_ioend(inode, ioend->io_offset, ioend->io_size,
			  vexfs_ioend_unwritten(ioend) ? IOMAP_UNWRITTEN : IOMAP_MAPPED, err);
	iomap_finish_ioends(ioend, err);
	memalloc_nofs_restore(nofs);
}

/* The last folio's writeback ends in here, after which the inode may go: it is
 * not touched after its list was taken. */
void vexfs_ioend_work(struct work_struct *work)
{
	struct vexfs_inode_info *vi = container_of(work, struct vexfs_inode_info, ioend_work);
	struct iomap_ioend *ioend;
	unsigned long flags;
	LIST_HEAD(list);

	spin_lock_irqsave(&vi->ioend_lock, flags);
	list_replace_init(&vi->ioends, &list);
	spin_unlock_irqrestore(&vi->ioend_lock, flags);

	iomap_sort_ioends(&list);
	while ((ioend = list_first_entry_or_null(&list, struct iomap_ioend, io_list))) {
		list_del_init(&ioend->io_list);
		iomap_ioend_try_merge(ioend, &list);
		vexfs_end_ioend(ioend);
		cond_resched();
	}
}

#ifdef VEXFS_HAVE_WRITEBACK_RANGE
static ssize_t vexfs_writeback_range(struct iomap_writepage_ctx *wpc, struct folio *folio, u64 pos,
				     unsigned int len, u64 end)
{
	int err = vexfs_writeback_map(wpc, wpc->inode, pos);

	return err ? err : iomap_add_to_ioend(wpc, folio, pos, end, len);
}

/* After an error, too: iomap then ends the bio, and what waits for it must be told by us. */
static int vexfs_writeback_submit(struct iomap_writepage_ctx *wpc, int err)
{
	vexfs_hook_ioend(wpc->wb_ctx);
	return iomap_ioend_writeback_submit(wpc, err);
}

static const struct iomap_writeback_ops vexfs_writeback_ops = {
	.writeback_range = vexfs_writeback_range,
	.writeback_submit = vexfs_writeback_submit,
};

static int vexfs_iomap_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct iomap_writepage_ctx wpc = {
		.inode = mapping->host,
		.wbc = wbc,
		.ops = &vexfs_writeback_ops,
	};

	return iomap_writepages(&wpc);
}
#else
static int vexfs_map_blocks(VEXFS_MAP_BLOCKS_ARGS)
{
	return vexfs_writeback_map(wpc, inode, offset);
}

static int vexfs_prepare_ioend(struct iomap_ioend *ioend, int status)
{
	vexfs_hook_ioend(ioend);
	return status;
}

static const struct iomap_writeback_ops vexfs_writeback_ops = {
	.map_blocks = vexfs_map_blocks,
	.prepare_ioend = vexfs_prepare_ioend,
};

static int vexfs_iomap_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct iomap_writepage_ctx wpc = {};

	return iomap_writepages(mapping, wbc, &wpc, &vexfs_writeback_ops);
}
#endif

/**
 * vexfs_stale_commit - an embedding's "content changed" reaches the disk first
 * @inode: whose content is about to be written
 *
 * Otherwise a crash could leave new content beside an embedding that still
 * looks current.
 */
int vexfs_stale_commit(struct inode *inode)
{
	tid_t tid = READ_ONCE(VEXFS_I(inode)->stale_tid);
	int err;

	if (!tid)
		return 0;
	err = jbd2_complete_transaction(VEXFS_SB(inode->i_sb)->journal, tid);
	if (!err)
		cmpxchg(&VEXFS_I(inode)->stale_tid, tid, 0);
	return err;
}

static int vexfs_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	ktime_t start = vexfs_trace_start(vexfs_writepages);
	int err;

	if (vexfs_is_shutdown(mapping->host->i_sb))
		return -EIO;
	/* A page made dirty without a fault, by I/O into memory that was mapped: see kmod/file.c. */
	err = mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ? vexfs_content_changed(mapping->host) : 0;
	if (!err)
		err = vexfs_stale_commit(mapping->host);
	if (!err)
		err = vexfs_iomap_writepages(mapping, wbc);
	trace_vexfs_writepages(mapping->host, wbc, vexfs_trace_since(start), err);
	return err;
}

static int vexfs_read_folio(struct file *unused, struct folio *folio)
{
	return vexfs_iomap_read_folio(folio, &vexfs_iomap_read_ops);
}

static void vexfs_readahead(struct readahead_control *rac)
{
	vexfs_iomap_readahead(rac, &vexfs_iomap_read_ops);
}

static sector_t vexfs_bmap(struct address_space *mapping, sector_t block)
{
	return iomap_bmap(mapping, block, &vexfs_iomap_read_ops);
}

/* Blocks of a swap file stay where they are: the VFS refuses to write, truncate or unlink it, and
 * vexfs_falloc_run() asks again under i_rwsem, which is held here. */
static int vexfs_swap_activate(struct swap_info_struct *sis, struct file *file, sector_t *span)
{
	sis->bdev = file_inode(file)->i_sb->s_bdev;
	return iomap_swapfile_activate(sis, file, span, &vexfs_iomap_read_ops);
}

const struct address_space_operations vexfs_aops = {
	.read_folio = vexfs_read_folio,
	.readahead = vexfs_readahead,
	.writepages = vexfs_writepages,
	.dirty_folio = vexfs_dirty_folio,
	.release_folio = iomap_release_folio,
	.invalidate_folio = iomap_invalidate_folio,
	.is_partially_uptodate = iomap_is_partially_uptodate,
	.migrate_folio = filemap_migrate_folio,
	.bmap = vexfs_bmap,
	.swap_activate = vexfs_swap_activate,
	VEXFS_AOPS_ERROR_REMOVE,
};
