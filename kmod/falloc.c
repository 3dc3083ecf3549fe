// SPDX-License-Identifier: GPL-2.0
/*
 * fallocate(2): preallocation, holes, zeros, and content that moves (kmod/shift.c).
 *
 * An operation first does what can fail and does not show: blocks for the holes (room for
 * all of them is set aside before the first is mapped, and a failure gives the mapped ones
 * back), dirty pages written, the pages at both edges read. Then, in handles of one record
 * each, blocks are unmapped or marked unwritten; a crash or a fatal signal may leave a part
 * of a long range done. The edges, which are in memory, come last and cannot fail.
 *
 * Zeroing does not free and allocate: written blocks become unwritten ones in place, so that
 * it needs no room but for the tree.
 *
 * Everything here runs under i_rwsem, held for writing. From the flush on it holds
 * invalidate_lock: no page can become dirty, and none can be read in, until all is done.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"
#include <linux/falloc.h>

/**
 * struct vexfs_edge - bytes to be zeroed in a block that stays
 * @folio: NULL if they are zeros already
 * @from:  first byte, in the file
 * @len:   how many
 */
struct vexfs_edge {
	struct folio	*folio;
	loff_t		from;
	size_t		len;
};

/**
 * struct vexfs_falloc - one call
 * @inode: the file
 * @from:  first byte
 * @to:    after the last byte
 * @size:  of the file, when the call began
 * @first: block of the first byte
 * @end:   after the block of the last byte
 * @inner: first block with no byte outside the range and inside the file
 * @inner_end: after the last such block
 * @aside: blocks set aside and not yet mapped
 * @keep:  vi->keep when the call began
 * @holes: runs without blocks, before the call; then places in @piece
 * @n:     runs in @piece
 * @piece: what was mapped
 */
struct vexfs_falloc {
	struct inode	*inode;
	loff_t		from, to, size;
	u64		first, end;
	u64		inner, inner_end;
	u32		aside;
	u64		keep;
	u32		holes, n;
	struct vexfs_piece { u64 lblk, len; } *piece;
};

/* ---- blocks for holes -------------------------------------------------------- */

/* How many blocks are missing. */
static int vexfs_falloc_count(struct vexfs_falloc *fa, u32 *need)
{
	struct vexfs_extent e;
	u64 lblk;
	int err;

	*need = 0;
	fa->holes = 0;
	for (lblk = fa->first; lblk < fa->end; lblk = e.lblk + e.len) {
		err = vexfs_map(fa->inode, lblk, &e);
		if (err)
			return err;
		if (!e.pblk) {
			*need += min(fa->end, e.lblk + e.len) - lblk;
			fa->holes++;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Place for one run more: a store through a mapping may have divided a hole since it was counted. */
static int vexfs_falloc_place(struct vexfs_falloc *fa)
{
	u32 places = fa->piece ? 2 * fa->holes : fa->holes;
	struct vexfs_piece *piece;

	if (fa->piece && fa->n < fa->holes)
		return 0;
	piece = kvmalloc_array(places, sizeof(*piece), GFP_KERNEL_ACCOUNT);
	if (!piece)
		return -ENOMEM;
	if (fa->piece)
		memcpy(piece, fa->piece, fa->n * sizeof(*piece));
	kvfree(fa->piece);
	fa->piece = piece;
	fa->holes = places;
	return 0;
}

/* vexfs_falloc_place() has succeeded. */
static void vexfs_falloc_note(struct vexfs_falloc *fa, const struct vexfs_extent *e)
{
	struct vexfs_piece *last = fa->n ? &fa->piece[fa->n - 1] : NULL;

	if (last && last->lblk + last->len == e->lblk)
		last->len += e->len;
	else
		fa->piece[fa->n++] = (struct vexfs_piece){ e->lblk, e->len };
}

/* Blocks for all the holes, from those set aside. */
static int vexfs_falloc_map(struct vexfs_falloc *fa)
{
	struct vexfs_want want = { .flags = VEXFS_EXT_UNWRITTEN, .aside = &fa->aside };
	struct vexfs_extent e;
	bool fresh;
	int err;

	for (want.lblk = fa->first; want.lblk < fa->end; want.lblk = e.lblk + e.len) {
		want.len = fa->end - want.lblk;
		err = vexfs_falloc_place(fa);
		if (!err)
			err = vexfs_prepare(fa->inode, &want, true, &e, &fresh);
		if (err)
			return err;
		if (fresh)
			vexfs_falloc_note(fa, &e);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Takes data_sem: a fault may be finding out what there is beyond the end. */
static void vexfs_falloc_keep(struct inode *inode, u64 end)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	down_write(&vi->data_sem);
	vi->keep = end;
	up_write(&vi->data_sem);
}

/* After a failure. Takes invalidate_lock. A page that became dirty meanwhile keeps its blocks. */
static void vexfs_falloc_undo(struct vexfs_falloc *fa)
{
	while (fa->n--)
		vexfs_give_back(fa->inode, fa->piece[fa->n].lblk << VEXFS_BLOCK_SHIFT,
				fa->piece[fa->n].len << VEXFS_BLOCK_SHIFT, 0);
	vexfs_falloc_keep(fa->inode, fa->keep);
	WRITE_ONCE(VEXFS_I(fa->inode)->tail, true);	/* if it kept any beyond the end */
}

/* All the blocks or none. Afterwards vexfs_falloc_undo() takes them back. */
static int vexfs_falloc_fill(struct vexfs_falloc *fa)
{
	struct super_block *sb = fa->inode->i_sb;
	u32 need;
	int err = vexfs_falloc_count(fa, &need);

	if (err || !need)
		return err;
	err = vexfs_falloc_place(fa);
	if (err)
		return err;
	err = vexfs_quota_reserve(fa->inode, need);
	if (err)
		return err;
	err = vexfs_set_aside(sb, need);
	if (err) {
		vexfs_quota_unreserve(fa->inode);
		return err;
	}
	fa->aside = need;
	err = vexfs_falloc_map(fa);
	vexfs_promise_give(VEXFS_SB(sb), fa->aside);
	vexfs_quota_unreserve(fa->inode);
	if (err)
		vexfs_falloc_undo(fa);
	return err;
}

/* ---- edges ---------------------------------------------------------------------- */

/* The page of the edge, alone in its folio: of a large one all would become dirty, also what is a
 * hole. invalidate_lock held, so nobody else brings the page back meanwhile; it is clean. */
static struct folio *vexfs_edge_folio(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio = read_mapping_folio(mapping, index, NULL);
	int err;

	if (IS_ERR(folio) || !folio_test_large(folio))
		return folio;
	folio_put(folio);
	err = invalidate_inode_pages2_range(mapping, index, index);
	return err ? ERR_PTR(err) : read_mapping_folio(mapping, index, NULL);
}

/*
 * Bytes [@from, @to) of one block are to become zeros: make ready whatever can fail.
 * invalidate_lock held, the block's page clean: what is not written reads as zeros.
 */
static int vexfs_edge_prepare(struct inode *inode, loff_t from, loff_t to, struct vexfs_edge *edge)
{
	struct vexfs_extent e;
	struct folio *folio;
	int err;

	edge->folio = NULL;
	to = min(to, i_size_read(inode));
	if (from >= to)
		return 0;
	err = vexfs_map(inode, from >> VEXFS_BLOCK_SHIFT, &e);
	if (err || !e.pblk || (e.flags & VEXFS_EXT_UNWRITTEN))
		return err;
	folio = vexfs_edge_folio(inode->i_mapping, from >> PAGE_SHIFT);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	edge->folio = folio;
	edge->from = from;
	edge->len = to - from;
	return 0;
}

/* With @zero, else only let go. invalidate_lock held since it was prepared: the folio is
 * still the mapping's, and up to date. */
static void vexfs_edge_finish(struct vexfs_edge *edge, bool zero)
{
	struct folio *folio = edge->folio;

	if (!folio)
		return;
	if (zero) {
		folio_lock(folio);
		folio_wait_stable(folio);
		folio_zero_range(folio, offset_in_folio(folio, edge->from), edge->len);
		folio_mark_dirty(folio);
		folio_unlock(folio);
	}
	folio_put(folio);
}

/* Both ends of the range; if it is within a block, the first is all of it. */
static int vexfs_edges_prepare(struct vexfs_falloc *fa, struct vexfs_edge edge[2])
{
	loff_t head = round_up(fa->from, VEXFS_BLOCK_SIZE);
	loff_t tail = max_t(loff_t, fa->inner_end << VEXFS_BLOCK_SHIFT, head);
	int err;

	edge[1].folio = NULL;
	err = vexfs_edge_prepare(fa->inode, fa->from, min(head, fa->to), &edge[0]);
	if (!err)
		err = vexfs_edge_prepare(fa->inode, tail, fa->to, &edge[1]);
	if (err)
		vexfs_edge_finish(&edge[0], false);
	return err;
}

/* ---- zeros ------------------------------------------------------------------------ */

/*
 * What is on the disk is what the pages say, and whole blocks of the range have none any more, nor
 * get any as long as invalidate_lock is held. Folios go as they are, nothing is zeroed in them:
 * they may reach beyond the range, and the call may still fail.
 */
static int vexfs_falloc_flush(struct vexfs_falloc *fa)
{
	struct address_space *mapping = fa->inode->i_mapping;
	int err = filemap_write_and_wait_range(mapping, fa->first << VEXFS_BLOCK_SHIFT,
					       (fa->end << VEXFS_BLOCK_SHIFT) - 1);

	if (err || fa->inner >= fa->inner_end)
		return err;
	return invalidate_inode_pages2_range(mapping, fa->inner, fa->inner_end - 1);
}

static int vexfs_falloc_inner(struct vexfs_falloc *fa, int (*change)(struct inode *, u64, u64))
{
	return fa->inner < fa->inner_end ? change(fa->inode, fa->inner, fa->inner_end) : 0;
}

/* The range reads as zeros; @change does that to whole blocks. invalidate_lock held. */
static int vexfs_falloc_clear(struct vexfs_falloc *fa, int (*change)(struct inode *, u64, u64))
{
	struct vexfs_edge edge[2];
	int err = vexfs_falloc_flush(fa);

	if (!err)
		err = vexfs_edges_prepare(fa, edge);
	if (err)
		return err;
	err = vexfs_falloc_inner(fa, change);
	vexfs_edge_finish(&edge[0], !err);
	vexfs_edge_finish(&edge[1], !err);
	return err;
}

/* ---- the modes ---------------------------------------------------------------------- */

static int vexfs_falloc_punch(struct vexfs_falloc *fa)
{
	int err;

	filemap_invalidate_lock(fa->inode->i_mapping);
	err = vexfs_falloc_clear(fa, vexfs_punch_range);
	filemap_invalidate_unlock(fa->inode->i_mapping);
	return err;
}

/* With @zero the range reads as zeros, too; without FALLOC_FL_KEEP_SIZE the file then reaches
 * to its end. */
static int vexfs_falloc_allocate(struct vexfs_falloc *fa, bool zero, bool grow)
{
	struct address_space *mapping = fa->inode->i_mapping;
	int err = vexfs_falloc_fill(fa);

	if (err)
		return err;
	/* Also what was there already: a failed write may have left it, to be freed. */
	if ((loff_t)(fa->end << VEXFS_BLOCK_SHIFT) > fa->size && VEXFS_I(fa->inode)->keep < fa->end)
		vexfs_falloc_keep(fa->inode, fa->end);
	if (!(zero || grow))
		return 0;
	filemap_invalidate_lock(mapping);
	if (zero)
		err = vexfs_falloc_clear(fa, vexfs_unwrite_range);
	if (!err && grow)
		err = vexfs_grow(fa->inode, fa->to);
	filemap_invalidate_unlock(mapping);
	if (err)
		vexfs_falloc_undo(fa);
	return err;
}

/* Does moving make sense, and is there room for it? -EINVAL, -EFBIG. */
static int vexfs_falloc_may_move(const struct vexfs_falloc *fa, bool out)
{
	loff_t len = fa->to - fa->from;

	if (!IS_ALIGNED(fa->from | len, VEXFS_BLOCK_SIZE))
		return -EINVAL;
	if (out)
		return fa->to >= fa->size ? -EINVAL : 0;
	if (len > fa->inode->i_sb->s_maxbytes - fa->size)
		return -EFBIG;
	return fa->from >= fa->size ? -EINVAL : 0;
}

/* What follows the begin of the range moves: none of it may be in the page cache. What is before
 * is written out as well: converting it later could join extents across the edge. */
static int vexfs_falloc_move(struct vexfs_falloc *fa, bool out)
{
	struct address_space *mapping = fa->inode->i_mapping;
	u64 len = fa->end - fa->first;
	int err;

	filemap_invalidate_lock(mapping);
	/* A store through a mapping must fault, and wait, not come between writing out and dropping. */
	unmap_mapping_range(mapping, 0, 0, 0);
	err = filemap_write_and_wait(mapping);
	if (!err) {
		truncate_pagecache(fa->inode, fa->from);
		err = out ? vexfs_collapse_blocks(fa->inode, fa->first, len) :
			    vexfs_insert_blocks(fa->inode, fa->first, len);
	}
	filemap_invalidate_unlock(mapping);
	return err;
}

/* ---- the call -------------------------------------------------------------------------- */

static void vexfs_falloc_init(struct vexfs_falloc *fa, struct inode *inode, loff_t from, loff_t len)
{
	fa->inode = inode;
	fa->from = from;
	fa->to = from + len;
	fa->size = i_size_read(inode);
	fa->first = fa->from >> VEXFS_BLOCK_SHIFT;
	fa->end = (fa->to + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
	fa->inner = (fa->from + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
	/* What follows the last byte of the file in its block is nothing to keep. */
	fa->inner_end = fa->to >= fa->size ? fa->end : fa->to >> VEXFS_BLOCK_SHIFT;
	fa->keep = VEXFS_I(inode)->keep;
	fa->holes = fa->n = 0;
	fa->piece = NULL;
}

/* Whatever has to be in order before content changes, or the size, to @size: as for write(2). */
static int vexfs_falloc_begin(struct vexfs_falloc *fa, struct file *file, loff_t size, bool content)
{
	struct inode *inode = fa->inode;
	int err = size > fa->size ? inode_newsize_ok(inode, size) : 0;

	if (!err)
		err = file_modified(file);
	if (!err)
		err = vexfs_truncate_retry(inode);
	if (!err && content)
		err = vexfs_content_changed(inode);
	if (!err)
		inode_dio_wait(inode);
	return err;
}

static int vexfs_falloc_run_move(struct vexfs_falloc *fa, struct file *file, int mode)
{
	bool out = mode & FALLOC_FL_COLLAPSE_RANGE;
	int err = vexfs_falloc_may_move(fa, out);

	if (!err)
		err = vexfs_falloc_begin(fa, file, out ? 0 : fa->size + (fa->to - fa->from), true);
	return err ? err : vexfs_falloc_move(fa, out);
}

static int vexfs_falloc_run(struct vexfs_falloc *fa, struct file *file, int mode)
{
	bool grow = !(mode & FALLOC_FL_KEEP_SIZE) && fa->to > fa->size;
	bool clear = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);
	int err;

	/* The VFS has asked, before the lock. */
	if (IS_IMMUTABLE(fa->inode) || (IS_APPEND(fa->inode) && (mode & ~FALLOC_FL_KEEP_SIZE)))
		return -EPERM;
	if (IS_SWAPFILE(fa->inode))
		return -ETXTBSY;
	if (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
		return vexfs_falloc_run_move(fa, file, mode);
	err = vexfs_falloc_begin(fa, file, grow ? fa->to : 0, grow || (clear && fa->from < fa->size));
	if (err)
		return err;
	if (mode & FALLOC_FL_PUNCH_HOLE)
		return vexfs_falloc_punch(fa);
	return vexfs_falloc_allocate(fa, mode & FALLOC_FL_ZERO_RANGE, grow);
}

static int vexfs_falloc_locked(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct vexfs_falloc fa;
	int err;

	inode_lock(inode);
	vexfs_falloc_init(&fa, inode, offset, len);
	err = vexfs_falloc_run(&fa, file, mode);
	inode_unlock(inode);
	kvfree(fa.piece);
	return err;
}

static bool vexfs_falloc_known(int mode)
{
	if (mode == FALLOC_FL_COLLAPSE_RANGE || mode == FALLOC_FL_INSERT_RANGE)
		return true;
	return !(mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE));
}

/**
 * vexfs_fallocate - the fallocate operation of regular files
 * @file:   open for writing; the VFS has looked at immutable, append-only and swap files
 * @mode:   FALLOC_FL_*
 * @offset: first byte
 * @len:    bytes; the VFS has seen to it that the range is within s_maxbytes
 *
 * Takes i_rwsem and invalidate_lock.
 *
 * Return: 0 or -errno. Allocation, collapse and insert, then, have done nothing. Zeroing and
 * punching a range of many records may have been done for a part of it, if the disk failed or
 * -EINTR.
 */
long vexfs_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	int err;

	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	if (!vexfs_falloc_known(mode))
		return -EOPNOTSUPP;
	err = vexfs_falloc_locked(file, mode, offset, len);
	if (!err && ((file->f_flags & O_DSYNC) || IS_SYNC(inode)))
		err = vfs_fsync_range(file, offset, offset + len - 1, !(file->f_flags & __O_SYNC));
	trace_vexfs_fallocate(inode, mode, offset, len, err);
	return err;
}
