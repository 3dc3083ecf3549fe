// SPDX-License-Identifier: GPL-2.0
/*
 * Windows: where a file that grows will grow on.
 *
 * When a write adds blocks to the end of a file that has some, the run after them is marked, in
 * memory only, so that other writers look elsewhere: each of several files that grow at a time stays in
 * few pieces. The next window of a file is twice as large, up to 8 MiB. A window ends when the last
 * writer closes the file, when the file grows elsewhere, and when the inode leaves memory.
 *
 * Blocks of a window are free, and counted as free. A device is as full with windows as without: who
 * finds nothing else ends all windows of a group and takes what they held.
 *
 * A window is changed under the lock of its group. Which group that is changes under data_sem of the inode.
 */
#include "kmod/balloc.h"

#define VEXFS_WINDOW_MIN	32	/* blocks */
#define VEXFS_WINDOW_MAX	2048
#define VEXFS_WINDOW_SHARE	32	/* at most one of so many free blocks */

u32 vexfs_window_size(struct vexfs_sb_info *sbi, const struct vexfs_window *w)
{
	u64 most = div_u64(percpu_counter_read_positive(&sbi->free_blocks), VEXFS_WINDOW_SHARE);

	if (most < VEXFS_WINDOW_MIN)
		return 0;
	return clamp_t(u64, 2 * w->size, VEXFS_WINDOW_MIN, min_t(u64, most, VEXFS_WINDOW_MAX));
}

/* The first @n blocks of a window are not of it any more. group->lock held; takes pending_lock. */
void vexfs_window_shift(struct vexfs_sb_info *sbi, struct vexfs_window *w, u32 n)
{
	spin_lock(&sbi->pending_lock);
	vexfs_avoid_clear(sbi, w->group, w->start, n);
	spin_unlock(&sbi->pending_lock);
	w->start += n;
	WRITE_ONCE(w->len, w->len - n);
	if (!w->len)
		hlist_del_init(&w->node);
}

void vexfs_window_set(struct vexfs_sb_info *sbi, struct vexfs_window *w, u32 group, u32 start, u32 len)
{
	struct vexfs_group_mem *m = vexfs_group_mem(sbi, group);

	w->group = group;
	w->start = start;
	w->size = min_t(u32, max_t(u32, 2 * w->size, VEXFS_WINDOW_MIN), VEXFS_WINDOW_MAX);
	WRITE_ONCE(w->len, len);
	hlist_add_head(&w->node, &m->windows);
	spin_lock(&sbi->pending_lock);
	vexfs_avoid_set(sbi, group, start, len);
	spin_unlock(&sbi->pending_lock);
}

void vexfs_window_end(struct vexfs_sb_info *sbi, struct vexfs_window *w)
{
	if (!READ_ONCE(w->len))
		return;
	mutex_lock(&vexfs_gi(sbi, w->group)->lock);
	if (w->len)
		vexfs_window_shift(sbi, w, w->len);
	mutex_unlock(&vexfs_gi(sbi, w->group)->lock);
}

void vexfs_windows_end(struct vexfs_sb_info *sbi, u32 group)
{
	struct vexfs_group_mem *m = vexfs_gi(sbi, group)->mem;
	struct vexfs_window *w;

	while (m && !hlist_empty(&m->windows)) {
		w = hlist_entry(m->windows.first, struct vexfs_window, node);
		vexfs_window_shift(sbi, w, w->len);
	}
}

/**
 * vexfs_window_close - the file does not grow any more
 * @inode: a regular file; nobody has it open for writing, or it leaves memory; takes data_sem
 *	   and the lock of a group
 */
void vexfs_window_close(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	if (!READ_ONCE(vi->window.size))
		return;
	down_write(&vi->data_sem);
	vexfs_window_end(VEXFS_SB(inode->i_sb), &vi->window);
	vi->window.size = 0;
	up_write(&vi->data_sem);
}
