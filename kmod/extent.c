// SPDX-License-Identifier: GPL-2.0
/*
 * The block map of a file: core's extent tree under data_sem, inside handles.
 * map_seq moves with every change, so that iomap notices a mapping it cached
 * has become old.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"

static void vexfs_ext_tree(struct vexfs_tree *t, struct vexfs_kio *kio, struct inode *inode,
			   handle_t *handle)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_geo *geo = &VEXFS_SB(inode->i_sb)->geo;

	vexfs_kio_init(kio, inode->i_sb, handle, inode->i_ino);
	t->io = &kio->io;
	t->root = &vi->root;
	t->owner = inode->i_ino;
	t->leaf_magic = VEXFS_MAGIC_NODE;
	t->goal = vexfs_group_start(geo, vexfs_ino_group(geo, inode->i_ino));
}

int vexfs_map(struct inode *inode, u64 lblk, struct vexfs_extent *e)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err;

	vexfs_ext_tree(&t, &kio, inode, NULL);
	down_read(&vi->data_sem);
	err = vexfs_ext_find(&t, lblk, e);
	up_read(&vi->data_sem);
	trace_vexfs_map(inode, lblk, e, err);
	return err;
}

/* Room for one tree operation with the allocations and frees it may make, the
 * allocation of data, the inode and the orphan table. */
int vexfs_map_credits(struct inode *inode)
{
	u32 tree = vexfs_ext_credits(&VEXFS_I(inode)->root);

	return tree + (VEXFS_MAX_LEVEL + 1) * VEXFS_ALLOC_CREDITS + VEXFS_ALLOC_CREDITS + 2;
}

/* Blocks of the tree itself and of data, in units of 512 bytes for stat(2). A count from a
 * damaged inode must not wrap around. */
void vexfs_add_blocks(struct inode *inode, s64 blocks)
{
	s64 have = inode->i_blocks >> (VEXFS_BLOCK_SHIFT - 9);

	if (-blocks > have) {
		vexfs_corrupt(inode->i_sb, inode->i_ino, 0, "inode frees more blocks than it has");
		blocks = -have;
	}
	if (blocks >= 0)
		inode_add_bytes(inode, blocks << VEXFS_BLOCK_SHIFT);
	else
		inode_sub_bytes(inode, -blocks << VEXFS_BLOCK_SHIFT);
}

/* Near the block before @lblk, so that a file grown in steps stays in one piece. */
static u64 vexfs_data_goal(struct vexfs_tree *t, u64 lblk)
{
	struct vexfs_extent prev;

	if (lblk && !vexfs_ext_find(t, lblk - 1, &prev) && prev.pblk)
		return prev.pblk + (lblk - prev.lblk);
	return t->goal;
}

/* data_sem held for writing; @e is the hole at @lblk on entry. */
static int vexfs_map_hole(handle_t *handle, struct inode *inode, struct vexfs_tree *t, u64 lblk,
			  u64 len, u64 flags, struct vexfs_extent *e)
{
	struct super_block *sb = inode->i_sb;
	u64 room = e->lblk + e->len - lblk;
	struct vexfs_extent new;
	u32 n = min3(len, room, (u64)VEXFS_EXT_MAX_LEN);
	int err;

	new.lblk = lblk;
	new.flags = flags;
	err = vexfs_alloc_blocks(handle, sb, vexfs_data_goal(t, lblk), &new.pblk, &n);
	if (err)
		return err;
	new.len = n;
	/* Buffers the block device still holds from an earlier life of these
	 * blocks as metadata must not be written over the file's data. */
	clean_bdev_aliases(sb->s_bdev, new.pblk, n);
	err = vexfs_ext_insert(t, &new);
	if (err) {
		vexfs_free_blocks(handle, sb, new.pblk, n);
		return err;
	}
	vexfs_add_blocks(inode, n);
	*e = new;
	return 0;
}

int vexfs_map_alloc(handle_t *handle, struct inode *inode, u64 lblk, u64 len, u64 flags,
		    struct vexfs_extent *e)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err, err2;

	if (lblk >= VEXFS_MAX_LBLK)
		return -EFBIG;
	vexfs_ext_tree(&t, &kio, inode, handle);
	down_write(&vi->data_sem);
	err = vexfs_ext_find(&t, lblk, e);
	if (err || e->pblk)
		goto out;
	err = vexfs_map_hole(handle, inode, &t, lblk, len, flags, e);
	vexfs_add_blocks(inode, kio.allocated);
	WRITE_ONCE(vi->map_seq, vi->map_seq + 1);
	/* Also after an error: the tree may have been reshaped. */
	err2 = vexfs_mark_inode_dirty(handle, inode);
	err = err ? err : err2;
	trace_vexfs_map_alloc(inode, lblk, e, err);
out:
	up_write(&vi->data_sem);
	return err;
}

/* ---- conversion at I/O completion ------------------------------------------- */

/* One handle's worth: converts up to *@len blocks at @lblk, *@len = done. The
 * last step moves the on-disk size, never before the blocks are written. */
static int vexfs_convert_step(struct inode *inode, u64 lblk, u64 *len, loff_t new_size)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 want = *len, done = 0;
	struct vexfs_kio kio;
	struct vexfs_tree t;
	handle_t *handle;
	int err = 0, err2;

	handle = vexfs_start(inode->i_sb, vexfs_map_credits(inode), VEXFS_MAX_LEVEL);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	vexfs_ext_tree(&t, &kio, inode, handle);
	down_write(&vi->data_sem);
	if (want)
		err = vexfs_ext_convert(&t, lblk, want, &done);
	if (!err && done == want && new_size > vi->disksize)
		vi->disksize = new_size;
	vexfs_add_blocks(inode, kio.allocated);
	WRITE_ONCE(vi->map_seq, vi->map_seq + 1);
	err2 = vexfs_mark_inode_dirty(handle, inode);
	up_write(&vi->data_sem);
	*len = done;
	err = err ? err : err2;
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/**
 * vexfs_convert - what was written becomes visible on disk
 * @inode: a regular file; no locks needed, not in a handle
 * @pos:   first byte written
 * @bytes: how many
 * @size:  the size on disk grows to this much; 0: it stays
 *
 * Return: 0, or an error; the size has then not moved.
 */
int vexfs_convert(struct inode *inode, loff_t pos, u64 bytes, loff_t size)
{
	u64 lblk = pos >> VEXFS_BLOCK_SHIFT;
	u64 end = (pos + bytes + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
	int err;

	do {
		u64 len = end - lblk;

		err = vexfs_convert_step(inode, lblk, &len, size);
		lblk += len;
	} while (!err && lblk < end);
	trace_vexfs_convert(inode, pos, bytes, err);
	return err;
}

/* ---- unmapping ------------------------------------------------------------------ */

/* Unmap the last piece of [first, end). 1: more may follow, 0: done. */
static int vexfs_unmap_step(handle_t *handle, struct inode *inode, u64 first, u64 end)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_extent gone;
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err, err2;

	vexfs_ext_tree(&t, &kio, inode, handle);
	down_write(&vi->data_sem);
	err = vexfs_ext_unmap_last(&t, first, end, &gone);
	if (err == -ENOENT) {
		up_write(&vi->data_sem);
		return 0;
	}
	trace_vexfs_unmap(inode, first, &gone, err);
	if (!err) {
		err = vexfs_free_blocks(handle, inode->i_sb, gone.pblk, gone.len);
		vexfs_add_blocks(inode, -(s64)gone.len);
	}
	vexfs_add_blocks(inode, kio.allocated);
	WRITE_ONCE(vi->map_seq, vi->map_seq + 1);
	err2 = vexfs_mark_inode_dirty(handle, inode);
	up_write(&vi->data_sem);
	err = err ? err : err2;
	return err ? err : 1;
}

int vexfs_unmap_range(struct inode *inode, u64 first, u64 end)
{
	int more, err, credits, revokes = VEXFS_MAX_LEVEL + 1;
	handle_t *handle;

	credits = vexfs_map_credits(inode);
	handle = vexfs_start(inode->i_sb, credits, revokes);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	for (;;) {
		more = vexfs_unmap_step(handle, inode, first, end);
		if (more <= 0)
			break;
		more = vexfs_extend(handle, vexfs_map_credits(inode), revokes);
		if (more < 0)
			break;
		cond_resched();
	}
	err = vexfs_stop(handle);
	return more < 0 ? more : err;
}

/* Put the inode on (off) the orphan table and write it, in a handle of its own. */
static int vexfs_truncate_mark(struct inode *inode, bool on)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	handle_t *handle = vexfs_start(inode->i_sb, 2, 0);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	if (on) {
		err = vexfs_orphan_add(handle, inode);
		/* Not on the table: a smaller size would leave blocks that nobody frees. */
		if (!err) {
			down_write(&vi->data_sem);
			vi->disksize = i_size_read(inode);
			up_write(&vi->data_sem);
		}
	} else {
		/* An unlinked inode stays on the table until it is freed. */
		err = inode->i_nlink ? vexfs_orphan_del(handle, inode) : 0;
	}
	err2 = vexfs_mark_inode_dirty(handle, inode);
	err = err ? err : err2;
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/**
 * vexfs_truncate - free the blocks past i_size
 * @inode: a regular file whose i_size is final; the caller has dealt with the
 *	   page cache and, unless at eviction or recovery, holds i_rwsem
 *
 * The size on disk moves first, in the transaction that notes the inode as an
 * orphan; a crash in between is finished at the next mount, and so is a failure.
 */
int vexfs_truncate(struct inode *inode)
{
	u64 first = (i_size_read(inode) + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
	int err;

	trace_vexfs_truncate(inode);
	err = vexfs_truncate_mark(inode, true);
	if (err)
		return err;
	err = vexfs_unmap_range(inode, first, VEXFS_MAX_LBLK);
	if (err)
		return err;
	return vexfs_truncate_mark(inode, false);
}
