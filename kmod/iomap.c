// SPDX-License-Identifier: GPL-2.0
/*
 * File data through iomap.
 *
 * The rules, which the order folio lock -> handle imposes:
 *  - a new block is allocated unwritten, when the write begins, so a full
 *    device is reported by write(2);
 *  - at I/O completion, in a worker, it is converted and only then the size on
 *    disk moves: a crash never shows what the block held before;
 *  - writeback looks mappings up and never starts a handle.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"

#define VEXFS_ALLOC_RETRIES	3

/* ---- mappings ------------------------------------------------------------ */

/* A cached mapping is stale once any mapping of the inode has changed: a page
 * whose block was converted meanwhile must be read, not zeroed. */
static bool vexfs_iomap_valid(struct inode *inode, const struct iomap *iomap)
{
	return iomap->validity_cookie == READ_ONCE(VEXFS_I(inode)->map_seq);
}

static const struct vexfs_iomap_folio_ops vexfs_folio_ops = {
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

static int vexfs_alloc_once(struct inode *inode, u64 lblk, u64 len, struct vexfs_extent *e)
{
	handle_t *handle;
	int err, err2;

	handle = vexfs_start(inode->i_sb, vexfs_map_credits(inode), VEXFS_MAX_LEVEL);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_map_alloc(handle, inode, lblk, len, VEXFS_EXT_UNWRITTEN, e);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/* Full, but blocks wait for a commit to become free: commit and try again. */
static int vexfs_alloc_retry(struct inode *inode, u64 lblk, u64 len, struct vexfs_extent *e)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	int tries, err;

	for (tries = 0; ; tries++) {
		err = vexfs_alloc_once(inode, lblk, len, e);
		if (err != -ENOSPC || tries == VEXFS_ALLOC_RETRIES ||
		    percpu_counter_sum(&sbi->pending_blocks) <= 0)
			return err;
		if (vexfs_force_commit(inode->i_sb))
			return err;
	}
}

static int vexfs_iomap_map(struct inode *inode, loff_t pos, loff_t length, bool alloc,
			   struct iomap *iomap)
{
	u64 lblk = pos >> VEXFS_BLOCK_SHIFT;
	u64 end = (pos + length + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
	unsigned int seq = READ_ONCE(VEXFS_I(inode)->map_seq);
	struct vexfs_extent e;
	int err;

	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	if (lblk >= VEXFS_MAX_LBLK)
		return -EFBIG;
	smp_rmb();	/* the cookie is not younger than the mapping */
	err = vexfs_map(inode, lblk, &e);
	if (!err && alloc && !e.pblk) {
		err = vexfs_alloc_retry(inode, lblk, end - lblk, &e);
		/* Look again: the cookie must be older than the mapping. */
		seq = READ_ONCE(VEXFS_I(inode)->map_seq);
		smp_rmb();	/* pairs as the one above */
		if (!err)
			err = vexfs_map(inode, lblk, &e);
	}
	if (err)
		return err;
	vexfs_fill_iomap(inode, &e, seq, iomap);
	return 0;
}

static int vexfs_iomap_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
			     struct iomap *iomap, struct iomap *srcmap)
{
	bool alloc = (flags & IOMAP_WRITE) && !(flags & IOMAP_ZERO);
	int err = vexfs_iomap_map(inode, pos, length, alloc, iomap);

	/* O_DSYNC must flush the journal, which IOMAP_F_DIRTY asks for. */
	if (!err && (flags & IOMAP_WRITE))
		iomap->flags |= IOMAP_F_DIRTY;
	trace_vexfs_iomap_begin(inode, pos, length, flags, iomap, err);
	return err;
}

static int vexfs_iomap_begin_read(struct inode *inode, loff_t pos, loff_t length,
				  unsigned int flags, struct iomap *iomap, struct iomap *srcmap)
{
	int err = vexfs_iomap_map(inode, pos, length, false, iomap);

	trace_vexfs_iomap_begin(inode, pos, length, flags, iomap, err);
	return err;
}

/* Nothing to undo: blocks allocated and not written stay unwritten. */
static int vexfs_iomap_end(struct inode *inode, loff_t pos, loff_t length, ssize_t written,
			   unsigned int flags, struct iomap *iomap)
{
	trace_vexfs_iomap_end(inode, pos, length, written, flags);
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
static int vexfs_map_blocks(VEXFS_MAP_BLOCKS_ARGS)
{
	int err = vexfs_iomap_map(inode, offset, VEXFS_BLOCK_SIZE, false, &wpc->iomap);

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
static int vexfs_prepare_ioend(struct iomap_ioend *ioend, int status)
{
	loff_t left = i_size_read(ioend->io_inode) - ioend->io_offset;

	ioend->io_size = clamp_t(loff_t, left, 0, ioend->io_size);
	if (ioend->io_type == IOMAP_UNWRITTEN || vexfs_ioend_grows(ioend))
		vexfs_ioend_bio(ioend)->bi_end_io = vexfs_end_bio;
	return status;
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
	trace_vexfs_ioend(inode, ioend->io_offset, ioend->io_size, ioend->io_type, err);
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

static const struct iomap_writeback_ops vexfs_writeback_ops = {
	.map_blocks = vexfs_map_blocks,
	.prepare_ioend = vexfs_prepare_ioend,
};

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
	struct iomap_writepage_ctx wpc = {};
	ktime_t start = vexfs_trace_start(vexfs_writepages);
	int err;

	if (vexfs_is_shutdown(mapping->host->i_sb))
		return -EIO;
	/* A page made dirty without a fault, by I/O into memory that was mapped: see kmod/file.c. */
	err = mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ? vexfs_content_changed(mapping->host) : 0;
	if (!err)
		err = vexfs_stale_commit(mapping->host);
	if (!err)
		err = iomap_writepages(mapping, wbc, &wpc, &vexfs_writeback_ops);
	trace_vexfs_writepages(mapping->host, wbc, vexfs_trace_since(start), err);
	return err;
}

static int vexfs_read_folio(struct file *unused, struct folio *folio)
{
	return iomap_read_folio(folio, &vexfs_iomap_read_ops);
}

static void vexfs_readahead(struct readahead_control *rac)
{
	iomap_readahead(rac, &vexfs_iomap_read_ops);
}

static sector_t vexfs_bmap(struct address_space *mapping, sector_t block)
{
	return iomap_bmap(mapping, block, &vexfs_iomap_read_ops);
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
	VEXFS_AOPS_ERROR_REMOVE,
};
