// SPDX-License-Identifier: GPL-2.0
/*
 * Payload and code files: fixed slots, read and written through the block
 * device's buffer cache, never through the page cache of their inodes.
 *
 * Writing is out of place (a slot no committed transaction uses) and ordered:
 * the block is changed and queued inside the handle that makes the slot live,
 * and the commit thread writes the queue out before it writes the commit
 * record. Nothing on that way allocates, maps or starts a handle, so the
 * commit thread cannot wait for itself.
 *
 * The buffers are never marked dirty: the queue's reference keeps them in memory,
 * and the commit alone writes them, with a completion of its own. Writeback of the
 * device would record a failed write as an error of the device, and jbd2 stops a
 * journal whose device has one; a vector that cannot be written costs its embedding
 * only (lost.c).
 */
#include "kmod/vec/vec.h"
#include <linux/bio.h>

#define VEXFS_AHEAD	32	/* blocks asked for at a time */
#define VEXFS_QUEUE_MAX	32768UL	/* blocks that wait for a commit before sets wait too */

/* ---- mapping ------------------------------------------------------------- */

void vexfs_cursor_init(struct vexfs_cursor *c, const struct vexfs_region *r)
{
	memset(c, 0, sizeof(*c));
	c->r = r;
}

void vexfs_cursor_done(struct vexfs_cursor *c)
{
	brelse(c->bh);
	c->bh = NULL;
}

u64 vexfs_region_need(const struct vexfs_region *r, u32 nslots)
{
	return vexfs_layout_need(&r->l, nslots);
}

static int vexfs_region_map(struct vexfs_cursor *c, u64 lblk, u64 *pblk)
{
	int err;

	if (lblk < c->e.lblk || lblk - c->e.lblk >= c->e.len) {
		err = vexfs_extmap_find(&c->r->h, lblk, &c->e);
		if (err) {
			c->e.len = 0;
			return err;
		}
	}
	*pblk = c->e.pblk + (lblk - c->e.lblk);
	return 0;
}

/* ---- reading ---------------------------------------------------------------- */

/* The buffer is payload from now on, and its reference handed through; or it is
 * given up, because it is metadata in use. */
static struct buffer_head *vexfs_region_own(const struct vexfs_region *r, struct buffer_head *bh)
{
	struct inode *inode = r->h.inode;
	u64 blkno = bh->b_blocknr;

	if (vexfs_claim_payload(bh))
		return bh;
	brelse(bh);
	return ERR_PTR(vexfs_corrupt(inode->i_sb, inode->i_ino, blkno,
				     "block of a collection is metadata as well"));
}

static struct buffer_head *vexfs_region_bread(struct vexfs_cursor *c, u64 lblk)
{
	struct inode *inode = c->r->h.inode;
	struct buffer_head *bh;
	u64 pblk;
	int err;

	err = vexfs_region_map(c, lblk, &pblk);
	if (err)
		return ERR_PTR(err);
	if (vexfs_is_shutdown(inode->i_sb))
		return ERR_PTR(-EIO);
	bh = sb_bread(inode->i_sb, pblk);
	return bh ? vexfs_region_own(c->r, bh) : ERR_PTR(-EIO);
}

/* Bounded: a step asks for VEXFS_AHEAD blocks once half of the last are used. */
void vexfs_region_ahead(struct vexfs_cursor *c, u32 slot)
{
	u64 lblk = vexfs_layout_lblk(&c->r->l, slot), end, pblk;

	if (lblk + VEXFS_AHEAD / 2 < c->ahead)
		return;
	end = min(max(lblk, c->ahead) + VEXFS_AHEAD, vexfs_extmap_blocks(&c->r->h));
	for (c->ahead = max(lblk, c->ahead); c->ahead < end; c->ahead++) {
		if (vexfs_region_map(c, c->ahead, &pblk))
			return;
		sb_breadahead(c->r->h.inode->i_sb, pblk);
	}
}

void vexfs_region_prefetch(struct vexfs_cursor *c, u32 slot)
{
	u64 lblk = vexfs_layout_lblk(&c->r->l, slot), pblk;
	u32 i;

	for (i = 0; i < c->r->l.blocks; i++)
		if (!vexfs_region_map(c, lblk + i, &pblk))
			sb_breadahead(c->r->h.inode->i_sb, pblk);
}

/* Neighbours share a block: it is looked up once. */
struct buffer_head *vexfs_region_pin(struct vexfs_cursor *c, u32 slot, const void **rec)
{
	u64 lblk = vexfs_layout_lblk(&c->r->l, slot);

	if (!c->bh || c->lblk != lblk) {
		struct buffer_head *bh = vexfs_region_bread(c, lblk);

		if (IS_ERR(bh))
			return bh;
		brelse(c->bh);
		c->bh = bh;
		c->lblk = lblk;
	}
	get_bh(c->bh);
	*rec = c->bh->b_data + vexfs_layout_offset(&c->r->l, slot);
	return c->bh;
}

int vexfs_region_read(struct vexfs_cursor *c, u32 slot, void *buf)
{
	u64 lblk = vexfs_layout_lblk(&c->r->l, slot);
	u32 offs = vexfs_layout_offset(&c->r->l, slot), left = c->r->l.bytes, n;
	struct buffer_head *bh;

	for (; left; left -= n, buf += n, lblk++, offs = 0) {
		bh = vexfs_region_bread(c, lblk);
		if (IS_ERR(bh))
			return PTR_ERR(bh);
		n = min_t(u32, left, VEXFS_BLOCK_SIZE - offs);
		memcpy(buf, bh->b_data + offs, n);
		brelse(bh);
	}
	return 0;
}

/* What the device holds of a block, whatever memory does. The buffer's lock keeps writes of it out. */
static int vexfs_block_on_disk(struct super_block *sb, u64 pblk, struct page *page)
{
	struct buffer_head *bh = sb_getblk(sb, pblk);
	struct bio_vec bv;
	struct bio bio;
	int err;

	if (!bh)
		return -ENOMEM;
	bio_init(&bio, sb->s_bdev, &bv, 1, REQ_OP_READ);
	bio.bi_iter.bi_sector = pblk << (VEXFS_BLOCK_SHIFT - SECTOR_SHIFT);
	__bio_add_page(&bio, page, VEXFS_BLOCK_SIZE, 0);
	lock_buffer(bh);
	err = submit_bio_wait(&bio);
	unlock_buffer(bh);
	bio_uninit(&bio);
	brelse(bh);
	return err;
}

int vexfs_region_read_disk(const struct vexfs_region *r, u32 slot, void *buf)
{
	u64 lblk = vexfs_layout_lblk(&r->l, slot), pblk;
	u32 offs = vexfs_layout_offset(&r->l, slot), left = r->l.bytes, n;
	struct page *page = alloc_page(GFP_NOFS | __GFP_NOFAIL);
	struct vexfs_cursor c;
	int err = 0;

	vexfs_cursor_init(&c, r);
	for (; left && !err; left -= n, buf += n, lblk++, offs = 0) {
		n = min_t(u32, left, VEXFS_BLOCK_SIZE - offs);
		err = vexfs_region_map(&c, lblk, &pblk);
		if (!err)
			err = vexfs_block_on_disk(r->h.inode->i_sb, pblk, page);
		if (!err)
			memcpy(buf, page_address(page) + offs, n);
	}
	__free_page(page);
	return err;
}

bool vexfs_region_holds(const struct vexfs_region *r, u32 slot, u64 pblk)
{
	u64 lblk = vexfs_layout_lblk(&r->l, slot), at;
	struct vexfs_cursor c;
	u32 i;

	vexfs_cursor_init(&c, r);
	for (i = 0; i < r->l.blocks; i++)
		if (!vexfs_region_map(&c, lblk + i, &at) && at == pblk)
			return true;
	return false;
}

/* ---- writing ------------------------------------------------------------------- */

/* Is another slot of the block in use, live or until the next commit? */
static bool vexfs_block_shared(struct vexfs_coll *coll, const struct vexfs_region *r, u32 slot)
{
	u32 first = slot - slot % r->l.per_block, i;
	u32 end = min_t(u32, first + r->l.per_block, coll->nslots);

	for (i = first; i < end; i++)
		if (i != slot && vexfs_slot_used(coll, i))
			return true;
	return false;
}

/*
 * The buffer of a block about to be written, up to date. A block nobody else
 * uses is not read: what lies there is whatever the device held before.
 */
static struct buffer_head *vexfs_region_getblk(struct vexfs_coll *coll, struct vexfs_cursor *c,
					       u32 slot, u64 lblk)
{
	struct super_block *sb = coll->sb;
	struct buffer_head *bh;
	u64 pblk;
	int err;

	if (vexfs_block_shared(coll, c->r, slot))
		return vexfs_region_bread(c, lblk);
	err = vexfs_region_map(c, lblk, &pblk);
	if (err)
		return ERR_PTR(err);
	bh = sb_getblk(sb, pblk);
	if (!bh)
		return ERR_PTR(-ENOMEM);
	bh = vexfs_region_own(c->r, bh);
	if (IS_ERR(bh))
		return bh;
	lock_buffer(bh);
	memset(bh->b_data, 0, VEXFS_BLOCK_SIZE);
	set_buffer_vexfs_checked(bh);
	set_buffer_uptodate(bh);
	unlock_buffer(bh);
	return bh;
}

int vexfs_region_prepare(struct vexfs_coll *coll, struct vexfs_region *r, u32 slot,
			 struct vexfs_region_io *io)
{
	u64 lblk = vexfs_layout_lblk(&r->l, slot);
	struct vexfs_cursor c;

	vexfs_cursor_init(&c, r);
	for (io->n = 0; io->n < r->l.blocks; io->n++) {
		struct buffer_head *bh = vexfs_region_getblk(coll, &c, slot, lblk + io->n);

		if (IS_ERR(bh))
			return PTR_ERR(bh);
		io->bh[io->n] = bh;
	}
	return 0;
}

void vexfs_region_unpin(struct vexfs_region_io *io)
{
	while (io->n)
		brelse(io->bh[--io->n]);
}

/* Once per block and transaction is enough; takes a reference of its own. */
static void vexfs_queue(struct vexfs_sb_info *sbi, struct vexfs_queued **spare)
{
	struct buffer_head *bh = (*spare)->bh;

	spin_lock(&sbi->vec_lock);
	if (!buffer_vexfs_queued(bh)) {
		set_buffer_vexfs_queued(bh);
		get_bh(bh);
		list_add_tail(&(*spare)->list, &sbi->vec_dirty);
		sbi->vec_ndirty++;
		*spare = NULL;
	}
	spin_unlock(&sbi->vec_lock);
}

/*
 * Change part of a block. The buffer lock keeps a write that is under way
 * stable; a commit that is writing the queue out right now belongs to an
 * earlier transaction, has taken the block off the queue before, and does not
 * see this change as its own.
 */
static int vexfs_block_write(struct vexfs_sb_info *sbi, const struct vexfs_queued *what, u32 offs,
			     const void *data, u32 len)
{
	struct vexfs_queued *q = kmemdup(what, sizeof(*what), GFP_NOFS);
	struct buffer_head *bh = what->bh;

	if (!q)
		return -ENOMEM;
	lock_buffer(bh);
	memcpy(bh->b_data + offs, data, len);
	unlock_buffer(bh);
	vexfs_queue(sbi, &q);
	kfree(q);
	return 0;
}

int vexfs_region_write(handle_t *handle, struct vexfs_coll *coll, struct vexfs_region *r,
		       u32 slot, const void *rec, struct vexfs_region_io *io)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(coll->sb);
	u32 offs = vexfs_layout_offset(&r->l, slot), left = r->l.bytes, n, i;
	struct vexfs_queued q = { .coll = coll->id, .slot = slot, .code = r == &coll->code };
	int err;

	for (i = 0; left; left -= n, rec += n, i++, offs = 0) {
		n = min_t(u32, left, VEXFS_BLOCK_SIZE - offs);
		q.bh = io->bh[i];
		err = vexfs_block_write(sbi, &q, offs, rec, n);
		if (err)
			return err;
	}
	/* One range for the whole queue: submit ignores it. */
	return jbd2_journal_inode_ranged_write(handle, &sbi->vec_jinode, 0, 1);
}

/**
 * vexfs_payload_relieve - keep what waits for a commit from filling the memory
 * @sb: not in a handle; i_rwsem may be held. May wait for a commit
 */
void vexfs_payload_relieve(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	unsigned long max = min(VEXFS_QUEUE_MAX, totalram_pages() / 16);
	unsigned long n = READ_ONCE(sbi->vec_ndirty);

	if (n >= max)
		vexfs_force_commit(sb);
	else if (n >= max / 2)
		jbd2_journal_start_commit(sbi->journal, NULL);
}

void vexfs_region_disown(struct vexfs_region *r)
{
	struct vexfs_extent e;
	u64 lblk, i;

	for (lblk = 0; !vexfs_extmap_next(&r->h, lblk, &e); lblk = e.lblk + e.len) {
		for (i = 0; i < e.len; i++) {
			struct buffer_head *bh = sb_find_get_block(r->h.inode->i_sb, e.pblk + i);

			if (!bh)
				continue;
			clear_buffer_vexfs_checked(bh);
			clear_buffer_vexfs_payload(bh);
			brelse(bh);
			cond_resched();
		}
		cond_resched();
	}
}

/* ---- the commit thread --------------------------------------------------------- */

/* Memory holds the content as it should be, so the buffer stays up to date. In an interrupt. */
static void vexfs_payload_done(struct buffer_head *bh, bool uptodate)
{
	if (!uptodate)
		set_buffer_vexfs_failed(bh);
	unlock_buffer(bh);
	put_bh(bh);
}

VEXFS_BH_END(vexfs_payload_end, vexfs_payload_done)

static void vexfs_payload_write(struct buffer_head *bh)
{
	lock_buffer(bh);
	get_bh(bh);
	vexfs_bh_submit(REQ_OP_WRITE | REQ_SYNC, bh, vexfs_payload_end);
}

/**
 * vexfs_vec_submit - start writing what sets have queued
 * @jinode: the filesystem's vec_jinode; called by jbd2 once per commit with sets
 *
 * What sets of the next transaction have queued by now goes with it: early,
 * which does no harm. From here on a set that changes one of these blocks again
 * queues it anew, so its own commit will not miss the change.
 */
int vexfs_vec_submit(struct jbd2_inode *jinode)
{
	struct vexfs_sb_info *sbi = container_of(jinode, struct vexfs_sb_info, vec_jinode);
	struct vexfs_queued *q;
	struct blk_plug plug;

	spin_lock(&sbi->vec_lock);
	list_for_each_entry(q, &sbi->vec_dirty, list)
		clear_buffer_vexfs_queued(q->bh);
	list_splice_tail_init(&sbi->vec_dirty, &sbi->vec_writing);
	sbi->vec_ndirty = 0;
	spin_unlock(&sbi->vec_lock);

	blk_start_plug(&plug);
	list_for_each_entry(q, &sbi->vec_writing, list)
		vexfs_payload_write(q->bh);
	blk_finish_plug(&plug);
	return 0;
}

/**
 * vexfs_vec_finish - wait for what vexfs_vec_submit() started
 * @jinode: as there
 *
 * The commit goes through, for what everybody else has changed: a block that could not
 * be written costs the embeddings in it, which lost.c sees to.
 *
 * Return: 0.
 */
int vexfs_vec_finish(struct jbd2_inode *jinode)
{
	struct vexfs_sb_info *sbi = container_of(jinode, struct vexfs_sb_info, vec_jinode);
	struct vexfs_queued *q, *tmp;
	LIST_HEAD(lost);

	list_for_each_entry_safe(q, tmp, &sbi->vec_writing, list) {
		wait_on_buffer(q->bh);
		if (buffer_vexfs_failed(q->bh)) {
			clear_buffer_vexfs_failed(q->bh);
			list_move_tail(&q->list, &lost);
			continue;
		}
		brelse(q->bh);
		kfree(q);
	}
	INIT_LIST_HEAD(&sbi->vec_writing);
	vexfs_lost_add(sbi, &lost, 0);
	return 0;
}

/* ---- mount and unmount ------------------------------------------------------------ */

/* jbd2 wants an inode for its tracepoints: the device's lives long enough. */
void vexfs_payload_init(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	spin_lock_init(&sbi->vec_lock);
	INIT_LIST_HEAD(&sbi->vec_dirty);
	INIT_LIST_HEAD(&sbi->vec_writing);
	vexfs_lost_init(sbi);
	jbd2_journal_init_jbd_inode(&sbi->vec_jinode, sbi->sb_bh->b_page->mapping->host);
}

/* No set can come any more. What an aborted journal left in the queue is dropped. */
void vexfs_payload_exit(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_queued *q, *tmp;

	if (sbi->journal) {
		jbd2_journal_force_commit(sbi->journal);
		vexfs_lost_exit(sbi);
		jbd2_journal_release_jbd_inode(sbi->journal, &sbi->vec_jinode);
	}
	spin_lock(&sbi->vec_lock);
	list_for_each_entry(q, &sbi->vec_dirty, list)
		clear_buffer_vexfs_queued(q->bh);
	spin_unlock(&sbi->vec_lock);
	list_for_each_entry_safe(q, tmp, &sbi->vec_dirty, list) {
		list_del(&q->list);
		brelse(q->bh);
		kfree(q);
	}
}
