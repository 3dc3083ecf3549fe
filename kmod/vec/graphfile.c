// SPDX-License-Identifier: GPL-2.0
/*
 * The graph file of a collection: its inode, its blocks, reading and writing them.
 *
 * The file is hidden, derived from slots and payload, and may be missing. Its blocks are
 * allocated by handles, a bounded number in each, as those of the payload are. What is in
 * them does not go through the journal, nor through a cache: records are in pages of the
 * graph in memory (index.c), and bios move whole blocks between those and the device. No
 * buffer of such a block exists, so nothing else writes to it.
 *
 * Locking: the collection's worker alone uses the file; a drop and unmount stop the worker
 * first. coll->graph.inode changes under coll->lock, for who only looks at it.
 */
#include "kmod/vec/graphfile.h"
#include <linux/bio.h>
#include <linux/sched/mm.h>

/* ---- reading and writing ------------------------------------------------------------ */

void vexfs_graphio_begin(struct vexfs_graphio *io)
{
	atomic_set(&io->left, 1);
	init_completion(&io->done);
	io->err = 0;
}

static void vexfs_graphio_put(struct vexfs_graphio *io)
{
	if (atomic_dec_and_test(&io->left))
		complete(&io->done);
}

/* In an interrupt. */
static void vexfs_graphio_endio(struct bio *bio)
{
	struct vexfs_graphio *io = bio->bi_private;

	if (bio->bi_status)
		WRITE_ONCE(io->err, blk_status_to_errno(bio->bi_status));
	bio_put(bio);
	vexfs_graphio_put(io);
}

static void vexfs_graphio_submit(struct vexfs_coll *coll, struct vexfs_graphio *io, blk_opf_t op, u64 pblk,
				 void *const *page, u32 n)
{
	struct bio *bio = bio_alloc(coll->sb->s_bdev, n, op, GFP_NOFS);
	u32 i;

	bio->bi_iter.bi_sector = pblk << (VEXFS_BLOCK_SHIFT - SECTOR_SHIFT);
	for (i = 0; i < n; i++)
		__bio_add_page(bio, virt_to_page(page[i]), VEXFS_BLOCK_SIZE, offset_in_page(page[i]));
	bio->bi_private = io;
	bio->bi_end_io = vexfs_graphio_endio;
	atomic_inc(&io->left);
	submit_bio(bio);
}

/**
 * vexfs_graphio_add - begin to move blocks
 * @coll: whose graph file
 * @io:   vexfs_graphio_begin(); vexfs_graphio_end() waits
 * @op:   REQ_OP_READ or REQ_OP_WRITE, with flags
 * @lblk: the first
 * @page: 4096 bytes each, aligned; left alone until the end
 * @n:	  how many
 *
 * Return: 0; -ENODATA: the file has no such block; -EIO.
 */
int vexfs_graphio_add(struct vexfs_coll *coll, struct vexfs_graphio *io, blk_opf_t op, u64 lblk, void *const *page,
		      u32 n)
{
	struct vexfs_extent e;
	u32 part;

	if (vexfs_is_shutdown(coll->sb))
		return -EIO;
	for (; n; n -= part, lblk += part, page += part) {
		if (!vexfs_extmap_look(&coll->graph, lblk, &e))
			return -ENODATA;
		part = min3((u64)n, e.lblk + e.len - lblk, (u64)VEXFS_GRAPHIO);
		vexfs_graphio_submit(coll, io, op, e.pblk + (lblk - e.lblk), page, part);
	}
	return 0;
}

int vexfs_graphio_end(struct vexfs_graphio *io)
{
	vexfs_graphio_put(io);
	wait_for_completion_io(&io->done);
	return READ_ONCE(io->err);
}

/* One block; waits. */
int vexfs_graphio_one(struct vexfs_coll *coll, blk_opf_t op, u64 lblk, void *page)
{
	struct vexfs_graphio io;
	int err, err2;

	vexfs_graphio_begin(&io);
	err = vexfs_graphio_add(coll, &io, op, lblk, &page, 1);
	err2 = vexfs_graphio_end(&io);
	return err ? err : err2;
}

/* ---- the file ------------------------------------------------------------------------- */

static void vexfs_graphfile_is(struct vexfs_coll *coll, struct inode *inode)
{
	spin_lock(&coll->lock);
	coll->graph.inode = inode;
	spin_unlock(&coll->lock);
}

/* Where its blocks are. 0, -ENOMEM, -EIO, -EUCLEAN. */
int vexfs_graphfile_open(struct vexfs_coll *coll)
{
	unsigned int flags;
	int err;

	if (vexfs_extmap_blocks(&coll->graph))
		return 0;
	flags = memalloc_nofs_save();
	err = vexfs_extmap_load(&coll->graph, false);
	memalloc_nofs_restore(flags);
	return err;
}

static int vexfs_graphfile_name(handle_t *handle, struct vexfs_coll *coll, u64 ino)
{
	int err = vexfs_coll_record_access(handle, coll);

	return err ? err : vexfs_coll_record_graph(handle, coll, ino);
}

/* An empty file that the record names, in one handle. coll->sem held for writing. */
static int vexfs_graphfile_new(struct vexfs_coll *coll)
{
	handle_t *handle = vexfs_start(coll->sb, VEXFS_NEW_INODE_CREDITS + 4, 0);
	struct inode *inode;
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	inode = vexfs_new_hidden_inode(handle, coll->sb, NULL);
	err = PTR_ERR_OR_ZERO(inode);
	if (!err) {
		err = vexfs_graphfile_name(handle, coll, inode->i_ino);
		if (err) {
			clear_nlink(inode);
			vexfs_orphan_add(handle, inode);
		}
	}
	err2 = vexfs_stop(handle);
	if (!err)
		vexfs_graphfile_is(coll, inode);
	else if (!IS_ERR(inode))
		coll->graph_doomed = inode;
	return err ? err : err2;
}

/**
 * vexfs_graphfile_create - the collection gets a graph file, without a block
 * @coll: the worker's, without one
 *
 * Writing is allowed (save.c). Takes coll->sem.
 *
 * Return: 0, -ENOENT (a drop has come first), -ENOSPC, errors of the journal.
 */
int vexfs_graphfile_create(struct vexfs_coll *coll)
{
	unsigned int flags;
	int err = vexfs_feature_set(coll->sb, VEXFS_COMPAT, VEXFS_FEATURE_COMPAT_GRAPH);

	if (err)
		return err;
	flags = memalloc_nofs_save();
	down_write(&coll->sem);
	err = vexfs_coll_check(coll);
	if (!err)
		err = vexfs_graphfile_new(coll);
	up_write(&coll->sem);
	memalloc_nofs_restore(flags);
	return err;
}

/* A graph leaves room for what users store: it takes half of what is free at most. */
static bool vexfs_graphfile_room(struct vexfs_coll *coll, u64 blocks)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(coll->sb);
	s64 free = percpu_counter_sum(&sbi->free_blocks) - sbi->reserve_blocks - (s64)sbi->root_blocks;

	return free > 0 && blocks <= (u64)free / 2;
}

/**
 * vexfs_graphfile_grow - more blocks for the file, in one handle
 * @coll: the worker's
 * @need: blocks it is to have
 *
 * The blocks hold what the device held: a block counts once it has been written, and only
 * with a header. Writing is allowed. Return: 1: call again; 0; -ENOSPC, other errors.
 */
int vexfs_graphfile_grow(struct vexfs_coll *coll, u64 need)
{
	u64 have = vexfs_extmap_blocks(&coll->graph);
	handle_t *handle;
	int err, err2;

	if (have >= need)
		return 0;
	if (!vexfs_graphfile_room(coll, need - have))
		return -ENOSPC;
	handle = vexfs_start(coll->sb, vexfs_map_credits(coll->graph.inode) + 2, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_hidden_append(handle, &coll->graph, have, need);
	err2 = vexfs_stop(handle);
	if (!err)
		err = vexfs_extmap_blocks(&coll->graph) < need;
	return err2 ? err2 : err;
}

/* coll->sem held for writing. */
static int vexfs_graphfile_unname(struct vexfs_coll *coll)
{
	struct inode *inode = coll->graph.inode;
	handle_t *handle = vexfs_start(coll->sb, 4, 0);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_graphfile_name(handle, coll, 0);
	if (!err) {
		clear_nlink(inode);
		vexfs_orphan_add(handle, inode);
		vexfs_mark_inode_dirty(handle, inode);
		coll->graph_doomed = inode;
		vexfs_graphfile_is(coll, NULL);
	}
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/**
 * vexfs_graphfile_forget - the collection has no graph file any more
 * @coll: the worker's
 *
 * Writing is allowed. Its blocks are free after vexfs_graphfile_reap(). Takes coll->sem.
 *
 * Return: 0, also if there was none; errors of the journal.
 */
int vexfs_graphfile_forget(struct vexfs_coll *coll)
{
	unsigned int flags;
	int err;

	if (!coll->graph.inode)
		return 0;
	flags = memalloc_nofs_save();
	down_write(&coll->sem);
	err = vexfs_coll_check(coll);
	if (!err)
		err = vexfs_graphfile_unname(coll);
	up_write(&coll->sem);
	memalloc_nofs_restore(flags);
	if (!err)
		vexfs_extmap_free(&coll->graph);
	return err;
}

/* Eviction starts handles, and waits for a thaw if it has to: no locks, not between enter and leave. */
void vexfs_graphfile_reap(struct vexfs_coll *coll)
{
	iput(coll->graph_doomed);
	coll->graph_doomed = NULL;
}
