// SPDX-License-Identifier: GPL-2.0
/*
 * The block map of a file: core's extent tree under data_sem, inside handles.
 * map_seq moves with every change, so that iomap notices a mapping it cached
 * has become old.
 *
 * Marking blocks as written when their I/O completes may split records and so
 * need blocks for the tree, when the data have long been accepted. What it can
 * need at most is promised (vi->promised, of kmod/balloc.c) before blocks are
 * mapped unwritten, and before such blocks are written that were there already.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"

#define VEXFS_STEPS	64	/* records between two looks for a fatal signal */

void vexfs_ext_tree(struct vexfs_tree *t, struct vexfs_kio *kio, struct inode *inode,
		    handle_t *handle)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_geo *geo = &VEXFS_SB(inode->i_sb)->geo;

	vexfs_kio_init(kio, inode->i_sb, handle, inode->i_ino);
	kio->charge = inode;
	t->io = &kio->io;
	t->root = &vi->root;
	t->owner = inode->i_ino;
	t->leaf_magic = VEXFS_MAGIC_NODE;
	t->goal = vexfs_group_start(geo, vexfs_ino_group(geo, inode->i_ino));
}

/* data_sem held. */
static int vexfs_map_held(struct inode *inode, u64 lblk, struct vexfs_extent *e, bool nowait)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err;

	vexfs_ext_tree(&t, &kio, inode, NULL);
	kio.nowait = nowait;
	err = vexfs_ext_find(&t, lblk, e);
	trace_vexfs_map(inode, lblk, e, err);
	return err;
}

int vexfs_map(struct inode *inode, u64 lblk, struct vexfs_extent *e)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err;

	down_read(&vi->data_sem);
	err = vexfs_map_held(inode, lblk, e, false);
	up_read(&vi->data_sem);
	return err;
}

int vexfs_map_nowait(struct inode *inode, u64 lblk, struct vexfs_extent *e)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err;

	if (!down_read_trylock(&vi->data_sem))
		return -EAGAIN;
	err = vexfs_map_held(inode, lblk, e, true);
	up_read(&vi->data_sem);
	return err;
}

int vexfs_map_end(struct inode *inode, u64 *end)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err;

	vexfs_ext_tree(&t, &kio, inode, NULL);
	down_read(&VEXFS_I(inode)->data_sem);
	err = vexfs_ext_end(&t, end);
	up_read(&VEXFS_I(inode)->data_sem);
	return err;
}

/* Room for one tree operation with the allocations and frees it may make, the
 * allocation of data, the inode and the orphan table. */
int vexfs_map_credits(struct inode *inode)
{
	u32 tree = vexfs_ext_credits(&VEXFS_I(inode)->root);

	return tree + (VEXFS_MAX_LEVEL + 1) * VEXFS_ALLOC_CREDITS + VEXFS_ALLOC_CREDITS + 2;
}

/* ---- what conversions may need ------------------------------------------------ */

/*
 * Blocks of the tree that converting all unwritten blocks, and @more to come, may
 * take. Each conversion adds at most two records to a leaf. A leaf that is full
 * of records splits up to three times before both halves have room (a split at
 * the end of a leaf leaves it full); the 125 records that a half has room for
 * come from as many blocks. One more for each level, one for a new root. As long
 * as the records fit into the root, none. data_sem held.
 */
static u32 vexfs_promise_need(struct inode *inode, u64 more)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 n = vi->unwritten + more, nodes = le64_to_cpu(vi->root.r_blocks);
	u64 blocks = vexfs_inode_blocks(inode) + more;
	u32 level = le16_to_cpu(vi->root.r_level);

	if (!n || (!level && blocks <= VEXFS_RECS_PER_ROOT))
		return 0;
	return min(n, 3 * (nodes + 1)) + n / 64 + level + 2;
}

/* data_sem held for writing, as for the next. -ENOSPC. */
static int vexfs_promise(struct inode *inode, u64 more)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u32 need = vexfs_promise_need(inode, more);
	int err;

	if (need <= vi->promised)
		return 0;
	err = vexfs_promise_take(VEXFS_SB(inode->i_sb), need - vi->promised);
	if (!err)
		vi->promised = need;
	return err;
}

static void vexfs_promise_trim(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u32 need = vexfs_promise_need(inode, 0);

	if (need >= vi->promised)
		return;
	vexfs_promise_give(VEXFS_SB(inode->i_sb), vi->promised - need);
	vi->promised = need;
}

/* Unwritten blocks became written, or were unmapped. An inode that came from disk
 * may have more than are counted: rather too many than too few. */
static void vexfs_unwritten_less(struct inode *inode, u64 n)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	vi->unwritten -= min(n, vi->unwritten);
	vexfs_promise_trim(inode);
}

static int vexfs_unwritten_count(struct vexfs_tree *t, u64 *n)
{
	struct vexfs_extent e = { };
	int err;

	*n = 0;
	for (;;) {
		err = vexfs_ext_next(t, e.lblk + e.len, &e);
		if (err)
			return err == -ENOENT ? 0 : err;
		if (e.flags & VEXFS_EXT_UNWRITTEN)
			*n += e.len;
		cond_resched();
	}
}

/**
 * vexfs_promise_mapped - unwritten blocks that the disk has had are about to be written
 * @inode: i_rwsem or invalidate_lock held; takes data_sem
 *
 * They are counted once, by a walk over the tree: a crash may have left them.
 *
 * Return: 0, -ENOSPC, or an error of reading.
 */
int vexfs_promise_mapped(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err = 0;
	u64 n;

	if (READ_ONCE(vi->unwritten_known))
		return 0;
	vexfs_ext_tree(&t, &kio, inode, NULL);
	down_write(&vi->data_sem);
	if (!vi->unwritten_known) {
		err = vexfs_unwritten_count(&t, &n);
		if (!err) {
			vi->unwritten = n;
			err = vexfs_promise(inode, 0);
		}
		if (!err)
			WRITE_ONCE(vi->unwritten_known, true);
	}
	up_write(&vi->data_sem);
	return err;
}

void vexfs_promise_end(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	if (!vi->promised)
		return;
	down_write(&vi->data_sem);
	vi->unwritten = 0;
	vexfs_promise_trim(inode);
	up_write(&vi->data_sem);
}

/* ---- mapping --------------------------------------------------------------------- */

/* After the block before @lblk (*@next), so that a file grown in steps stays in one piece, or near the inode. */
static u64 vexfs_data_goal(struct vexfs_tree *t, u64 lblk, bool *next)
{
	struct vexfs_extent prev;

	*next = lblk && !vexfs_ext_find(t, lblk - 1, &prev) && prev.pblk;
	return *next ? prev.pblk + (lblk - prev.lblk) : t->goal;
}

/* The most tree blocks that one more record may take. */
static u32 vexfs_insert_need(const struct vexfs_btree_root *root)
{
	u32 level = le16_to_cpu(root->r_level);

	if (!level && le16_to_cpu(root->r_count) < VEXFS_RECS_PER_ROOT)
		return 0;
	return level + 1;
}

/* Room for a record, and for converting what is to be mapped unwritten: up to *@n
 * blocks. *@spare: to be given back. -ENOSPC. */
static int vexfs_map_room(struct inode *inode, u64 flags, u32 *n, u32 *spare)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	u32 need = vexfs_insert_need(&VEXFS_I(inode)->root);
	int err = need ? vexfs_promise_take(sbi, need) : 0;

	if (err)
		return err;
	*spare = need;
	if (!(flags & VEXFS_EXT_UNWRITTEN))
		return 0;
	while ((err = vexfs_promise(inode, *n)) && *n > 1)
		*n /= 2;
	return err;
}

/* The blocks themselves: @n at most, which have been charged. @last: no block after them is mapped. */
static int vexfs_map_blocks_new(struct inode *inode, struct vexfs_tree *t, struct vexfs_kio *kio,
				struct vexfs_extent *new, u32 n, bool last, u32 *aside)
{
	struct super_block *sb = inode->i_sb;
	bool next;
	u64 goal = vexfs_data_goal(t, new->lblk, &next);
	/* What is asked for by fallocate(2), or hidden, comes in one piece as it is. */
	bool grows = next && last && !aside && (new->flags & VEXFS_EXT_UNWRITTEN);
	int err = vexfs_alloc_data(kio->handle, inode, goal, next, grows, &new->pblk, &n,
				   aside ? VEXFS_ROOM_PROMISED : VEXFS_ROOM_NORMAL);

	if (err)
		return err;
	if (aside)
		*aside -= n;
	new->len = n;
	/* Buffers the block device still holds from an earlier life of these
	 * blocks as metadata must not be written over the file's data. */
	clean_bdev_aliases(sb->s_bdev, new->pblk, n);
	err = vexfs_ext_insert(t, new);
	if (err)
		vexfs_free_blocks(kio->handle, sb, new->pblk, n);
	return err;
}

/* Charge up to @n blocks, at least one, and map as many; what is not used is given back. */
static int vexfs_map_charged(struct inode *inode, struct vexfs_tree *t, struct vexfs_kio *kio,
			     struct vexfs_extent *new, u32 n, bool last, u32 *aside)
{
	int err;

	while ((err = vexfs_charge_data(inode, n, aside)) && n > 1)
		n /= 2;
	if (err)
		return err;
	err = vexfs_map_blocks_new(inode, t, kio, new, n, last, aside);
	n -= err ? 0 : new->len;
	if (n)
		vexfs_uncharge_blocks(inode, n);
	return err;
}

/* Blocks that an inode brought from the disk has beyond its end may have been asked for. */
static int vexfs_keep_known(struct inode *inode, struct vexfs_tree *t)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 end;
	int err;

	if (vi->keep < VEXFS_MAX_LBLK || (vi->flags & VEXFS_INODE_HIDDEN))
		return 0;
	err = vexfs_ext_end(t, &end);
	if (!err)
		vi->keep = end;
	return err;
}

/* @new has been mapped: if it is beyond the end, is it to stay there? */
static void vexfs_note_tail(struct inode *inode, const struct vexfs_extent *new, bool asked)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 end = new->lblk + new->len;

	if ((end << VEXFS_BLOCK_SHIFT) <= i_size_read(inode) || (vi->flags & VEXFS_INODE_HIDDEN))
		return;
	if (asked)
		vi->keep = max(vi->keep, end);
	else
		WRITE_ONCE(vi->tail, true);
}

/* data_sem held for writing; @e is the hole at @want->lblk on entry. */
static int vexfs_map_hole(struct inode *inode, struct vexfs_tree *t, struct vexfs_kio *kio,
			  const struct vexfs_want *want, struct vexfs_extent *e)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 room = e->lblk + e->len - want->lblk;
	struct vexfs_extent new = { .lblk = want->lblk, .flags = want->flags };
	bool last = e->lblk + e->len >= VEXFS_MAX_LBLK;
	u32 n = min3(want->len, room, (u64)VEXFS_EXT_MAX_LEN), spare = 0;
	int err = vexfs_keep_known(inode, t);

	if (!err && want->aside)
		n = min(n, *want->aside);
	if (!err && !n)
		err = -ENOSPC;
	if (!err)
		err = vexfs_map_room(inode, want->flags, &n, &spare);
	kio->promised = &spare;
	if (!err)
		err = vexfs_map_charged(inode, t, kio, &new, n, last, want->aside);
	kio->promised = NULL;
	if (!err) {
		if (want->flags & VEXFS_EXT_UNWRITTEN)
			vi->unwritten += new.len;
		vexfs_note_tail(inode, &new, want->aside);
		*e = new;
	}
	vexfs_promise_give(VEXFS_SB(inode->i_sb), spare);
	vexfs_promise_trim(inode);
	return err;
}

/* After a change of @inode's tree, which may have been reshaped even if it ended with @err.
 * data_sem held. */
static int vexfs_tree_changed(handle_t *handle, struct inode *inode, int err)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err2;

	WRITE_ONCE(vi->map_seq, vi->map_seq + 1);
	err2 = vexfs_mark_inode_dirty(handle, inode);
	return err ? err : err2;
}

int vexfs_map_new(handle_t *handle, struct inode *inode, const struct vexfs_want *want,
		  struct vexfs_extent *e, bool *fresh)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err;

	*fresh = false;
	if (want->lblk >= VEXFS_MAX_LBLK)
		return -EFBIG;
	vexfs_ext_tree(&t, &kio, inode, handle);
	down_write(&vi->data_sem);
	err = vexfs_inode_access(handle, inode);
	if (!err)
		err = vexfs_ext_find(&t, want->lblk, e);
	if (err || e->pblk)
		goto out;
	err = vexfs_map_hole(inode, &t, &kio, want, e);
	*fresh = !err;
	err = vexfs_tree_changed(handle, inode, err);
	trace_vexfs_map_alloc(inode, want->lblk, e, err);
out:
	up_write(&vi->data_sem);
	return err;
}

int vexfs_map_alloc(handle_t *handle, struct inode *inode, u64 lblk, u64 len, u64 flags,
		    struct vexfs_extent *e)
{
	struct vexfs_want want = { .lblk = lblk, .len = len, .flags = flags };
	bool fresh;

	return vexfs_map_new(handle, inode, &want, e, &fresh);
}

/* ---- conversion at I/O completion ------------------------------------------- */

/* One handle's worth: converts up to *@len blocks at @lblk, *@len = done, and moves the
 * size on disk over them. */
static int vexfs_convert_step(struct inode *inode, u64 lblk, u64 *len, loff_t new_size)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_extent was = { };
	u64 want = *len, done = 0;
	struct vexfs_kio kio;
	struct vexfs_tree t;
	handle_t *handle;
	loff_t reach;
	int err = 0, err2;

	/* The data have been accepted and are on disk. */
	handle = vexfs_start_nofail(inode->i_sb, vexfs_map_credits(inode), VEXFS_MAX_LEVEL);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	vexfs_ext_tree(&t, &kio, inode, handle);
	kio.room = VEXFS_ROOM_RESERVE;
	kio.promised = &vi->promised;
	down_write(&vi->data_sem);
	if (want)
		err = vexfs_ext_find(&t, lblk, &was);
	if (want && !err)
		err = vexfs_ext_convert(&t, lblk, want, &done);
	if (!err && (was.flags & VEXFS_EXT_UNWRITTEN))
		vexfs_unwritten_less(inode, done);
	/* With every step: a written block is never beyond the end. */
	reach = min_t(loff_t, new_size, (lblk + done) << VEXFS_BLOCK_SHIFT);
	if (!err && reach > vi->disksize)
		vi->disksize = reach;
	err = vexfs_tree_changed(handle, inode, err);
	up_write(&vi->data_sem);
	*len = done;
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
 * Return: 0, or an error; the size has then moved no further than what is written.
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
	int err;

	vexfs_ext_tree(&t, &kio, inode, handle);
	kio.room = VEXFS_ROOM_RESERVE;
	down_write(&vi->data_sem);
	err = vexfs_ext_unmap_last(&t, first, end, &gone);
	if (err == -ENOENT) {
		up_write(&vi->data_sem);
		return 0;
	}
	trace_vexfs_unmap(inode, first, &gone, err);
	if (!err) {
		err = vexfs_free_blocks(handle, inode->i_sb, gone.pblk, gone.len);
		vexfs_uncharge_blocks(inode, gone.len);
	}
	if (!err && (gone.flags & VEXFS_EXT_UNWRITTEN) && vi->unwritten_known)
		vexfs_unwritten_less(inode, gone.len);
	err = vexfs_tree_changed(handle, inode, err);
	up_write(&vi->data_sem);
	return err ? err : 1;
}

/* As much of a range as a fatal signal lets, if @killable; then -EINTR. */
static int vexfs_unmap_steps(handle_t *handle, struct inode *inode, u64 first, u64 end,
			     bool killable)
{
	int more, n, revokes = VEXFS_MAX_LEVEL + 1;

	for (n = 1;; n++) {
		more = vexfs_unmap_step(handle, inode, first, end);
		if (more <= 0)
			return more;
		if (killable && !(n % VEXFS_STEPS) && fatal_signal_pending(current))
			return -EINTR;
		more = vexfs_extend(handle, vexfs_map_credits(inode), revokes);
		if (more < 0)
			return more;
		cond_resched();
	}
}

static int vexfs_unmap(struct inode *inode, u64 first, u64 end, bool killable)
{
	handle_t *handle = vexfs_start_nofail(inode->i_sb, vexfs_map_credits(inode),
					      VEXFS_MAX_LEVEL + 1);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_unmap_steps(handle, inode, first, end, killable);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

int vexfs_unmap_range(struct inode *inode, u64 first, u64 end)
{
	return vexfs_unmap(inode, first, end, false);
}

int vexfs_punch_range(struct inode *inode, u64 first, u64 end)
{
	return vexfs_unmap(inode, first, end, true);
}

/* Own handles. An error leaves blocks too many, which the end of the file or of the inode frees. */
void vexfs_unmap_unwritten(struct inode *inode, u64 first, u64 end)
{
	struct vexfs_extent e;
	u64 stop;

	for (; first < end; first = stop) {
		if (vexfs_map(inode, first, &e))
			return;
		stop = min(end, e.lblk + e.len);
		if (e.pblk && (e.flags & VEXFS_EXT_UNWRITTEN) &&
		    vexfs_unmap_range(inode, first, stop))
			return;
	}
}

/* ---- written blocks that are to read as zeros ------------------------------------- */

/* The first written extent in [@lblk, @end), cut to it. -ENOENT: there is none. Takes data_sem. */
static int vexfs_next_written(struct inode *inode, u64 lblk, u64 end, struct vexfs_extent *e)
{
	u64 stop;
	int err;

	for (; lblk < end; lblk = e->lblk + e->len) {
		err = vexfs_map(inode, lblk, e);
		if (err)
			return err;
		if (!e->pblk || (e->flags & VEXFS_EXT_UNWRITTEN))
			continue;
		stop = min(end, e->lblk + e->len);
		e->pblk += lblk - e->lblk;
		e->lblk = lblk;
		e->len = stop - lblk;
		return 0;
	}
	return -ENOENT;
}

static int vexfs_count_written(struct inode *inode, u64 first, u64 end, u64 *n)
{
	struct vexfs_extent e;
	int err;

	for (*n = 0;; *n += e.len) {
		err = vexfs_next_written(inode, first, end, &e);
		if (err)
			return err == -ENOENT ? 0 : err;
		first = e.lblk + e.len;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/* @n blocks more are going to be unwritten: what converting them back may need is promised. */
static int vexfs_unwrite_promise(struct inode *inode, u64 n)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err = vexfs_promise_mapped(inode);

	if (err)
		return err;
	down_write(&vi->data_sem);
	err = vexfs_promise(inode, n);
	if (!err)
		vi->unwritten += n;
	up_write(&vi->data_sem);
	return err;
}

/* That, and @spare blocks for the tree. -ENOSPC: neither. */
static int vexfs_unwrite_room(struct inode *inode, u64 n, u32 spare)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	int err = vexfs_promise_take(sbi, spare);

	if (err)
		return err;
	err = vexfs_unwrite_promise(inode, n);
	if (err)
		vexfs_promise_give(sbi, spare);
	return err;
}

/* One record, in its own handle. *@n: blocks left of those counted; *@spare: for the tree. */
static int vexfs_unwrite_step(struct inode *inode, const struct vexfs_extent *e, u64 *n, u32 *spare)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	handle_t *handle;
	u64 done = 0;
	int err, err2;

	handle = vexfs_start_nofail(inode->i_sb, vexfs_map_credits(inode), VEXFS_MAX_LEVEL);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	vexfs_ext_tree(&t, &kio, inode, handle);
	kio.room = VEXFS_ROOM_RESERVE;
	kio.promised = spare;
	down_write(&vi->data_sem);
	err = vexfs_inode_access(handle, inode);
	if (!err)
		err = vexfs_ext_unwrite(&t, e->lblk, e->len, &done);
	if (!err)
		*n -= min(done, *n);
	err = vexfs_tree_changed(handle, inode, err);
	up_write(&vi->data_sem);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

static int vexfs_unwrite_steps(struct inode *inode, u64 first, u64 end, u64 *n, u32 *spare)
{
	struct vexfs_extent e;
	int err, steps;

	for (steps = 1;; steps++) {
		err = vexfs_next_written(inode, first, end, &e);
		if (!err)
			err = vexfs_unwrite_step(inode, &e, n, spare);
		if (err)
			return err == -ENOENT ? 0 : err;
		first = e.lblk + e.len;
		if (!(steps % VEXFS_STEPS) && fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/**
 * vexfs_unwrite_range - written blocks become unwritten ones
 * @inode: a regular file; i_rwsem and invalidate_lock held, no page of the range dirty,
 *	   no direct I/O; not in a handle
 * @first: logical block
 * @end:   logical block after the range
 *
 * All the room that it and the way back may need is taken first.
 *
 * Return: 0; -ENOSPC: nothing has changed; -EINTR after a fatal signal, or an error of
 * reading: part of the range, from its begin on, has changed.
 */
int vexfs_unwrite_range(struct inode *inode, u64 first, u64 end)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u32 spare = 2 * (VEXFS_MAX_LEVEL + 1);
	unsigned int seq = vexfs_room_seq(sbi);
	u64 n;
	int err = vexfs_count_written(inode, first, end, &n), tries = 0;

	if (err || !n)
		return err;
	do {
		err = vexfs_unwrite_room(inode, n, spare);
	} while (err == -ENOSPC && vexfs_room_retry(inode->i_sb, &seq, &tries));
	if (err)
		return err;
	err = vexfs_unwrite_steps(inode, first, end, &n, &spare);
	down_write(&vi->data_sem);
	vexfs_unwritten_less(inode, n);
	up_write(&vi->data_sem);
	vexfs_promise_give(sbi, spare);
	return err;
}
