// SPDX-License-Identifier: GPL-2.0
/*
 * Telling the device which blocks are free: FITRIM, and the mount option discard.
 *
 * A block is free here when the transaction that freed it is on disk: before, it may have its
 * old owner again after a crash. While the device works, the run is not the allocator's:
 * it is pending there (balloc.c). A piece is small, since who needs the last blocks waits for it.
 */
#include "kmod/balloc.h"
#include <linux/blkdev.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#define VEXFS_TRIM_MOST	4096	/* blocks at a time */

/**
 * struct vexfs_trim - where free blocks are looked for
 * @group: the group
 * @end:   block of the group after the last one
 * @least: blocks a run must have
 * @grain: blocks of one unit of the device, at least 1
 * @rest:  where the last piece ended: what is left of its run may be short
 */
struct vexfs_trim {
	u32 group, end, least, grain, rest;
};

/* ---- runs that are the device's ------------------------------------------------------- */

/* Pending, or no longer. group->lock held; takes pending_lock. */
static void vexfs_trim_note(struct vexfs_sb_info *sbi, u32 group, u32 start, s32 len)
{
	spin_lock(&sbi->pending_lock);
	if (len > 0)
		vexfs_avoid_set(sbi, group, start, len);
	else
		vexfs_avoid_clear(sbi, group, start, -len);
	percpu_counter_add(&sbi->pending_blocks, len);
	sbi->trimming += len;
	spin_unlock(&sbi->pending_lock);
}

/* Off the allocator. group->lock held. False: near the end of the device. Takes pending_lock. */
static bool vexfs_trim_mark(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len)
{
	/* First: who misses the blocks must find that they come back. */
	vexfs_trim_note(sbi, group, start, len);
	if (vexfs_claim(sbi, len, len, sbi->reserve_blocks))
		return true;
	vexfs_trim_note(sbi, group, start, -(s32)len);
	wake_up_all(&sbi->room_wait);
	return false;
}

/* How much of a run of @run blocks at @blkno is one piece: it ends where a unit of the device does. */
static u32 vexfs_trim_piece(const struct vexfs_trim *t, u64 blkno, u32 run)
{
	u32 most = max_t(u32, VEXFS_TRIM_MOST, 2 * t->grain), over;

	if (run <= most)
		return run;
	div_u64_rem(blkno + most, t->grain, &over);
	return most - over;
}

/* group->lock held. As vexfs_trim_take(). */
static int vexfs_trim_find(struct super_block *sb, const struct buffer_head *bh,
			   const struct vexfs_trim *t, u32 *start, u32 *len)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_group *g = vexfs_gi(sbi, t->group);
	const void *map = bh->b_data + VEXFS_MDHDR_SIZE;
	u64 first = vexfs_group_start(&sbi->geo, t->group);
	u32 run;

	for (*len = 0; (*start = vexfs_next_free(g, map, *start, t->end)) < t->end; *start += run) {
		run = vexfs_run_length(g, map, *start, t->end);
		if (!vexfs_data_range_valid(&sbi->geo, first + *start, run))
			return vexfs_corrupt(sb, 0, bh->b_blocknr, "bitmap calls metadata free");
		if (run < t->least && *start != t->rest)
			continue;
		run = vexfs_trim_piece(t, first + *start, run);
		/* Who waits for the lock has a handle: near the end of the device nobody looks on. */
		if (vexfs_trim_mark(sbi, t->group, *start, run))
			*len = run;
		break;
	}
	return 0;
}

/*
 * The next free run from block *@start of the group on is the caller's until vexfs_trim_give().
 * *@len: 0 if there is none. The reserve stays. Takes the group's lock; not in a handle.
 */
static int vexfs_trim_take(struct super_block *sb, const struct vexfs_trim *t, u32 *start, u32 *len)
{
	struct vexfs_group *g = vexfs_gi(VEXFS_SB(sb), t->group);
	struct buffer_head *bh = vexfs_bbmap_read(sb, t->group);
	int err;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	mutex_lock(&g->lock);
	vexfs_group_mem(VEXFS_SB(sb), t->group);
	vexfs_windows_end(VEXFS_SB(sb), t->group);	/* their blocks are free, too */
	err = vexfs_trim_find(sb, bh, t, start, len);
	mutex_unlock(&g->lock);
	brelse(bh);
	return err;
}

/* It is the allocator's again. Takes pending_lock. */
static void vexfs_trim_give(struct super_block *sb, u32 group, u32 start, u32 len)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	spin_lock(&sbi->pending_lock);
	vexfs_pending_free(sbi, group, start, len);
	sbi->trimming -= len;
	spin_unlock(&sbi->pending_lock);
	wake_up_all(&sbi->room_wait);
}

/* ---- FITRIM --------------------------------------------------------------------------- */

/* Takes the superblock's write protection, so that a freeze waits for one group at most. */
static int vexfs_trim_group(struct super_block *sb, struct vexfs_trim *t, u32 start, u64 *done)
{
	u64 first = vexfs_group_start(&VEXFS_SB(sb)->geo, t->group);
	u32 len;
	int err;

	sb_start_write(sb);
	do {
		err = fatal_signal_pending(current) ? -EINTR : vexfs_rdonly_sync(sb);
		if (!err)
			err = sb_rdonly(sb) ? -EROFS : vexfs_trim_take(sb, t, &start, &len);
		if (err || !len)
			break;
		err = sb_issue_discard(sb, first + start, len, GFP_NOFS, 0);
		vexfs_trim_give(sb, t->group, start, len);
		if (!err)
			*done += len;
		start += len;
		t->rest = start;
		cond_resched();
	} while (!err && !vexfs_is_shutdown(sb));
	sb_end_write(sb);
	return err;
}

/* Blocks [@first, @end) of the filesystem. */
static int vexfs_trim_range(struct super_block *sb, u64 first, u64 end, u32 least, u64 *done)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 grain = max(1U, bdev_discard_granularity(sb->s_bdev) >> VEXFS_BLOCK_SHIFT);
	int err = 0;

	while (first < end && !err && !vexfs_is_shutdown(sb)) {
		struct vexfs_trim t = {
			.group = vexfs_block_group(first), .least = least, .grain = grain, .rest = ~0U,
		};
		u64 start = vexfs_group_start(&sbi->geo, t.group);

		t.end = min_t(u64, vexfs_group_blocks(&sbi->geo, t.group), end - start);
		err = vexfs_trim_group(sb, &t, first - start, done);
		first = start + vexfs_group_blocks(&sbi->geo, t.group);
	}
	return err;
}

/* What the caller asked for, in blocks. -EINVAL: nothing that there is. */
static int vexfs_trim_bounds(struct super_block *sb, const struct fstrim_range *r, u64 *first,
			     u64 *end, u32 *least)
{
	u64 blocks = vexfs_geo_blocks(&VEXFS_SB(sb)->geo), len = r->len >> VEXFS_BLOCK_SHIFT;
	u64 grain = max_t(u64, r->minlen, bdev_discard_granularity(sb->s_bdev));

	*first = r->start >> VEXFS_BLOCK_SHIFT;
	if (*first >= blocks || !len || grain > (u64)VEXFS_BLOCKS_PER_GROUP << VEXFS_BLOCK_SHIFT)
		return -EINVAL;
	*end = *first + min(len, blocks - *first);
	*least = max_t(u64, 1, (grain + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT);
	return 0;
}

/**
 * vexfs_fitrim - the ioctl FITRIM
 * @sb:	 mounted writable
 * @arg: struct fstrim_range: start, length and least run in bytes; length becomes what was discarded
 *
 * No lock held, none expected.
 *
 * Return: 0; -EPERM, -EOPNOTSUPP (the device discards nothing), -EROFS, -EFAULT, -EINVAL (range
 * beyond the end, or a run no group has), -EINTR, -EIO.
 */
int vexfs_fitrim(struct super_block *sb, struct fstrim_range __user *arg)
{
	struct fstrim_range r;
	u64 first, end, done = 0;
	u32 least;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!bdev_max_discard_sectors(sb->s_bdev))
		return -EOPNOTSUPP;
	if (sb_rdonly(sb))
		return -EROFS;
	if (copy_from_user(&r, arg, sizeof(r)))
		return -EFAULT;
	err = vexfs_trim_bounds(sb, &r, &first, &end, &least);
	if (!err)
		err = vexfs_trim_range(sb, first, end, least, &done);
	if (err)
		return err;
	r.len = done << VEXFS_BLOCK_SHIFT;
	return copy_to_user(arg, &r, sizeof(r)) ? -EFAULT : 0;
}

/* ---- the option discard ---------------------------------------------------------------- */

/* The oldest run to discard; false: there is none. Takes pending_lock. */
static bool vexfs_discard_next(struct vexfs_sb_info *sbi, u64 *blkno, u32 *len)
{
	struct vexfs_pending *p;

	spin_lock(&sbi->pending_lock);
	p = list_first_entry_or_null(&sbi->discards, struct vexfs_pending, list);
	if (p) {
		*blkno = vexfs_group_start(&sbi->geo, p->group) + p->start;
		*len = p->len;
	}
	spin_unlock(&sbi->pending_lock);
	return p;
}

/* It has been discarded. Takes pending_lock. */
static void vexfs_discard_done(struct vexfs_sb_info *sbi)
{
	struct vexfs_pending *p;

	spin_lock(&sbi->pending_lock);
	p = list_first_entry(&sbi->discards, struct vexfs_pending, list);
	list_del(&p->list);
	vexfs_pending_free(sbi, p->group, p->start, p->len);
	spin_unlock(&sbi->pending_lock);
	kfree(p);
	wake_up_all(&sbi->room_wait);
}

/* In the order of commits. After an error or a shutdown the blocks are free all the same. */
static void vexfs_discard_worker(struct work_struct *work)
{
	struct vexfs_sb_info *sbi = container_of(work, struct vexfs_sb_info, discard_work);
	struct super_block *sb = sbi->sb;
	u64 blkno;
	u32 len;
	int err;

	while (vexfs_discard_next(sbi, &blkno, &len)) {
		err = vexfs_is_shutdown(sb) ? 0 : sb_issue_discard(sb, blkno, len, GFP_NOFS, 0);
		vexfs_discard_done(sbi);
		if (err && __ratelimit(&sbi->complaints))
			vexfs_msg(sb, KERN_WARNING, "discarding %u blocks at %llu: error %d", len, blkno, err);
		cond_resched();
	}
}

/**
 * vexfs_discard_prepare - what can fail of vexfs_discard_set()
 * @sb: being mounted, or remounted with the option
 *
 * Return: 0, -ENOMEM.
 */
int vexfs_discard_prepare(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (sbi->discard_wq)
		return 0;
	INIT_WORK(&sbi->discard_work, vexfs_discard_worker);
	sbi->discard_wq = alloc_workqueue("vexfs-discard/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 1, sb->s_id);
	return sbi->discard_wq ? 0 : -ENOMEM;
}

/**
 * vexfs_discard_set - are blocks that become free discarded?
 * @sb: being mounted, or remounted
 * @on: the option; vexfs_discard_prepare() has succeeded
 *
 * A device that discards nothing makes a warning.
 */
void vexfs_discard_set(struct super_block *sb, bool on)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (on && !bdev_max_discard_sectors(sb->s_bdev)) {
		vexfs_msg(sb, KERN_WARNING, "option discard: the device discards nothing");
		on = false;
	}
	smp_mb__before_atomic();	/* a commit that sees the flag sees the queue */
	if (on)
		set_bit(VEXFS_SBF_DISCARD, &sbi->flags);
	else
		clear_bit(VEXFS_SBF_DISCARD, &sbi->flags);
}

/* All that has been committed. Not in a handle. */
void vexfs_discard_flush(struct super_block *sb)
{
	if (VEXFS_SB(sb)->discard_wq)
		flush_workqueue(VEXFS_SB(sb)->discard_wq);
}
