// SPDX-License-Identifier: GPL-2.0
/*
 * Telling the device which blocks are free: FITRIM, and the mount option discard.
 *
 * A block is free here when the transaction that freed it is on disk: before, it may have its
 * old owner again after a crash. While the device works, the run is the allocator's no longer
 * (balloc.c); a piece is small, since who needs the last blocks waits for it.
 */
#include "kmod/vexfs.h"
#include <linux/blkdev.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

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
	u64 blocks = VEXFS_SB(sb)->geo.blocks, len = r->len >> VEXFS_BLOCK_SHIFT;
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
