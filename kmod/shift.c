// SPDX-License-Identifier: GPL-2.0
/*
 * fallocate(2) that moves content: ranges of blocks taken out or put in.
 *
 * A crash leaves the file as it was or as it is to be: all extents move, and the size, in
 * one handle (core/extent_shift.c), for which the journal must have room; a file with more
 * blocks in its tree than that is refused. What is taken out goes beyond the end of the file
 * in that handle, and is freed from there as by a truncate: before, the file becomes an
 * orphan, so that a crash in between is finished by the next mount.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"

#define VEXFS_SHIFT_NODES	1024	/* 4 MiB of records in memory, at most */
#define VEXFS_SHIFT_TRIES	3
#define VEXFS_SHIFT_CREDITS	4	/* beside the nodes: the inode, spare */

/**
 * struct vexfs_move - one move
 * @shift: memory of core/extent_shift.c
 * @first: logical block where it begins
 * @len:   blocks
 * @size:  of the file afterwards
 */
struct vexfs_move {
	struct vexfs_shift shift;
	u64	first, len;
	loff_t	size;
};

/* Memory for the whole tree. -EOPNOTSUPP: one transaction has no room for it. */
static int vexfs_move_init(struct inode *inode, struct vexfs_move *m)
{
	journal_t *journal = VEXFS_SB(inode->i_sb)->journal;
	u64 nodes = le64_to_cpu(READ_ONCE(VEXFS_I(inode)->root.r_blocks));
	u64 most = min(VEXFS_SHIFT_NODES, journal->j_max_transaction_buffers / 2);

	if (nodes > most)
		return -EOPNOTSUPP;
	m->shift.max_nodes = max_t(u64, nodes, 1);
	m->shift.max_recs = m->shift.max_nodes * VEXFS_RECS_PER_NODE;
	m->shift.node = kvmalloc_array(m->shift.max_nodes, sizeof(*m->shift.node),
				       GFP_KERNEL_ACCOUNT);
	m->shift.rec = kvmalloc_array(m->shift.max_recs, sizeof(*m->shift.rec), GFP_KERNEL_ACCOUNT);
	return m->shift.node && m->shift.rec ? 0 : -ENOMEM;
}

static void vexfs_move_free(struct vexfs_move *m)
{
	kvfree(m->shift.node);
	kvfree(m->shift.rec);
	m->shift.node = NULL;
	m->shift.rec = NULL;
}

/*
 * Let an extent end at @lblk, or the two that meet there be one. Nothing shows of it. Own handle; takes
 * data_sem.
 */
static int vexfs_move_seam(struct inode *inode, u64 lblk, int (*change)(struct vexfs_tree *t, u64 lblk))
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	handle_t *handle = vexfs_start(inode->i_sb, vexfs_map_credits(inode), VEXFS_MAX_LEVEL);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	vexfs_ext_tree(&t, &kio, inode, handle);
	down_write(&VEXFS_I(inode)->data_sem);
	err = vexfs_inode_access(handle, inode);
	if (!err) {
		err = change(&t, lblk);
		err2 = vexfs_mark_inode_dirty(handle, inode);
		err = err ? err : err2;
	}
	up_write(&VEXFS_I(inode)->data_sem);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/* An extent ends at @lblk. Nothing shows of it. */
static int vexfs_move_split(struct inode *inode, u64 lblk)
{
	unsigned int seq = vexfs_room_seq(VEXFS_SB(inode->i_sb));
	int err, tries = 0;

	do {
		err = vexfs_move_seam(inode, lblk, vexfs_ext_split);
	} while (err == -ENOSPC && vexfs_room_retry(inode->i_sb, &seq, &tries));
	return err;
}

/* The tree's blocks are in memory before a handle waits for them. */
static int vexfs_move_read(struct inode *inode, u64 lblk)
{
	struct vexfs_extent e;
	int err;

	for (; lblk < VEXFS_MAX_LBLK; lblk = e.lblk + e.len) {
		err = vexfs_map(inode, lblk, &e);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* What is taken out goes behind all that stays, and beyond the new end. data_sem held. */
static int vexfs_move_tree(struct vexfs_tree *t, struct vexfs_move *m, bool out)
{
	u64 end, to = (m->size + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
	int err;

	if (!out)
		return vexfs_ext_make_room(t, &m->shift, m->first, m->len);
	err = vexfs_ext_end(t, &end);
	if (err)
		return err;
	if (end > m->len)
		to = max(to, end - m->len);
	return vexfs_ext_collapse(t, &m->shift, m->first, m->first + m->len, to);
}

/* All of the visible change. */
static int vexfs_move_step(struct inode *inode, struct vexfs_move *m, bool out)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	handle_t *handle;
	int err, err2;

	handle = vexfs_start(inode->i_sb, m->shift.max_nodes + VEXFS_SHIFT_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	vexfs_ext_tree(&t, &kio, inode, handle);
	down_write(&vi->data_sem);
	err = vexfs_inode_access(handle, inode);
	if (!err)
		err = vexfs_move_tree(&t, m, out);
	if (!err) {
		i_size_write(inode, m->size);
		vi->disksize = m->size;
		if (!out && vi->keep < VEXFS_MAX_LBLK)
			vi->keep += m->len;
		WRITE_ONCE(vi->map_seq, vi->map_seq + 1);
		err = vexfs_mark_inode_dirty(handle, inode);
	}
	up_write(&vi->data_sem);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

static int vexfs_collapse_move(struct inode *inode, struct vexfs_move *m)
{
	int err = vexfs_truncate_begin(inode);

	if (err)
		return err;
	err = vexfs_move_step(inode, m, true);
	if (err) {
		vexfs_truncate_cancel(inode);
		return err;
	}
	vexfs_truncate_finish(inode);	/* what fails is done again before the file grows */
	return 0;
}

static int vexfs_move_once(struct inode *inode, struct vexfs_move *m, bool out)
{
	int err = vexfs_move_init(inode, m);

	if (!err)
		err = vexfs_move_read(inode, m->first);
	if (!err)
		err = out ? vexfs_collapse_move(inode, m) : vexfs_move_step(inode, m, false);
	vexfs_move_free(m);
	return err;
}

/* Writing back what lies before may have added blocks to the tree since they were counted. */
static int vexfs_move(struct inode *inode, struct vexfs_move *m, bool out)
{
	int err, tries = 0;

	do {
		err = vexfs_move_once(inode, m, out);
	} while (err == -E2BIG && tries++ < VEXFS_SHIFT_TRIES);
	return err == -E2BIG ? -EOPNOTSUPP : err;
}

/**
 * vexfs_insert_blocks - make room in a file, as a hole
 * @inode: a regular file; i_rwsem and invalidate_lock held, nothing of it in the page cache
 *	   from @first on, no direct I/O; not in a handle
 * @first: logical block, inside the file
 * @len:   blocks
 *
 * Return: 0 or -errno: nothing has changed. -EOPNOTSUPP: too many extents; -EFBIG: what is
 * preallocated would move beyond the largest file.
 */
int vexfs_insert_blocks(struct inode *inode, u64 first, u64 len)
{
	struct vexfs_move m = { .first = first, .len = len };
	u64 end;
	int err = vexfs_map_end(inode, &end);

	m.size = i_size_read(inode) + (len << VEXFS_BLOCK_SHIFT);
	if (!err && end > VEXFS_MAX_LBLK - len)
		err = -EFBIG;
	if (!err)
		err = vexfs_move_split(inode, first);
	return err ? err : vexfs_move(inode, &m, false);
}

/**
 * vexfs_collapse_blocks - take a range out of a file
 * @inode: as for vexfs_insert_blocks()
 * @first: logical block
 * @len:   blocks; the range ends inside the file
 *
 * What is preallocated beyond the end is freed, too.
 *
 * Return: as vexfs_insert_blocks().
 */
int vexfs_collapse_blocks(struct inode *inode, u64 first, u64 len)
{
	struct vexfs_move m = { .first = first, .len = len };
	int err = vexfs_move_split(inode, first);

	m.size = i_size_read(inode) - (len << VEXFS_BLOCK_SHIFT);
	if (!err)
		err = vexfs_move_split(inode, first + len);
	if (!err)
		err = vexfs_move(inode, &m, true);
	if (!err)
		vexfs_move_seam(inode, first, vexfs_ext_join);	/* if not, the file has an extent more */
	return err;
}
