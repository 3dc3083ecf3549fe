// SPDX-License-Identifier: GPL-2.0
/*
 * What happens when the filesystem finds damage or cannot write.
 *
 * Damage, and metadata that cannot be written, are subject to errors= and recorded
 * in the superblock. A block that cannot be read is neither: who needs it gets EIO,
 * and the others go on, unless an operation that has changed something cannot be
 * finished without it. Once the journal has stopped nothing more is recorded about
 * that: every later refusal follows from it.
 *
 * The finder may hold any lock and a handle, so it only logs, applies the
 * policy in memory and leaves the record in the superblock to a work item.
 */
#include "kmod/vexfs.h"
#include <linux/ratelimit.h>
#include "kmod/trace.h"
#include "uapi/vexfs.h"

/* ---- messages --------------------------------------------------------------- */

/*
 * Complaints are limited, for each filesystem on its own: one that is in a bad state
 * does not keep another's first complaint out of the log. Nothing is left out while
 * mounting. Any lock.
 */
void vexfs_printk(struct super_block *sb, const char *level, const char *fmt, ...)
{
	bool complaint = !strcmp(level, KERN_ERR) || !strcmp(level, KERN_WARNING);
	struct va_format vaf;
	va_list ap;

	if (complaint && (sb->s_flags & SB_BORN) && !___ratelimit(&VEXFS_SB(sb)->complaints, "vexfs"))
		return;
	va_start(ap, fmt);
	vaf.fmt = fmt;
	vaf.va = &ap;
	printk("%svexfs (%s): %pV\n", level, sb->s_id, &vaf);
	va_end(ap);
}

struct vexfs_where {
	char text[64];
};

/* "inode 5 block 7: ", as far as it is known. */
static const char *vexfs_where(struct vexfs_where *w, u64 ino, u64 blkno)
{
	int n = 0;

	w->text[0] = 0;
	if (ino)
		n = scnprintf(w->text, sizeof(w->text), "inode %llu", ino);
	if (blkno)
		n += scnprintf(w->text + n, sizeof(w->text) - n, "%sblock %llu", n ? " " : "", blkno);
	if (n)
		scnprintf(w->text + n, sizeof(w->text) - n, ": ");
	return w->text;
}

/* ---- the record in the superblock ------------------------------------------- */

/* Take the pending record. Returns how many errors it stands for. */
static unsigned int vexfs_error_take(struct vexfs_sb_info *sbi, u64 *ino, u64 *blk,
				     const char **what)
{
	unsigned int n;

	spin_lock(&sbi->err_lock);
	*ino = sbi->err_ino;
	*blk = sbi->err_blk;
	*what = sbi->err_what;
	n = sbi->err_count;
	sbi->err_count = 0;
	sbi->err_what = NULL;
	spin_unlock(&sbi->err_lock);
	return n;
}

static void vexfs_error_fill(struct vexfs_sb_info *sbi, u64 ino, u64 blk, const char *what,
			     unsigned int n)
{
	struct vexfs_super_block *es = sbi->es;

	es->s_state |= cpu_to_le32(VEXFS_STATE_ERROR);
	le32_add_cpu(&es->s_error_count, n);
	es->s_error_time = cpu_to_le64(ktime_get_real_seconds());
	es->s_error_block = cpu_to_le64(blk);
	es->s_error_ino = cpu_to_le64(ino);
	memset(es->s_error_what, 0, sizeof(es->s_error_what));
	strscpy(es->s_error_what, what, sizeof(es->s_error_what));
	es->s_checksum = cpu_to_le32(vexfs_sb_checksum(es));
}

/* Whether the superblock's buffer is in the journal's hands now, under @handle. */
static bool vexfs_error_join(struct vexfs_sb_info *sbi, handle_t **handle)
{
	struct super_block *sb = sbi->sb;

	if (!sbi->journal || is_journal_aborted(sbi->journal) || sb_rdonly(sb))
		return false;
	*handle = vexfs_start(sb, 1, 0);
	if (IS_ERR(*handle))
		return false;
	vexfs_bh_keep(sbi->sb_bh);
	if (!jbd2_journal_get_write_access(*handle, sbi->sb_bh))
		return true;
	vexfs_stop(*handle);
	return false;
}

/* Past the journal. es_lock not held. */
static int vexfs_error_write_super(struct vexfs_sb_info *sbi)
{
	vexfs_bh_keep(sbi->sb_bh);
	mark_buffer_dirty(sbi->sb_bh);
	return sync_dirty_buffer(sbi->sb_bh);
}

/* Record the error through the journal while it works, past it when it does not. */
static void vexfs_error_write(struct vexfs_sb_info *sbi)
{
	handle_t *handle;
	const char *what;
	unsigned int n;
	u64 ino, blk;
	bool joined;
	int err;

	n = vexfs_error_take(sbi, &ino, &blk, &what);
	if (!n || !sbi->es || bdev_read_only(sbi->sb->s_bdev) || vexfs_norecovery(sbi->sb))
		return;
	joined = vexfs_error_join(sbi, &handle);
	mutex_lock(&sbi->es_lock);
	vexfs_error_fill(sbi, ino, blk, what, n);
	mutex_unlock(&sbi->es_lock);
	if (joined) {
		err = jbd2_journal_dirty_metadata(handle, sbi->sb_bh);
		if (!vexfs_stop(handle) && !err)
			return;
	}
	err = vexfs_error_write_super(sbi);
	if (err)
		vexfs_msg(sbi->sb, KERN_ERR, "the error could not be recorded in the superblock: %d", err);
}

/* Each event once. Called by the work item alone, so that it can be waited for. */
static void vexfs_error_tell(struct vexfs_sb_info *sbi)
{
	if (!sbi->kobj.state_in_sysfs)
		return;			/* the end of the mount calls for it again */
	if (READ_ONCE(sbi->errors_seen) && !test_and_set_bit(VEXFS_SBF_TOLD_ERROR, &sbi->flags))
		vexfs_sysfs_event(sbi->sb, "error");
	if (vexfs_is_shutdown(sbi->sb) && !test_and_set_bit(VEXFS_SBF_TOLD_SHUTDOWN, &sbi->flags))
		vexfs_sysfs_event(sbi->sb, "shutdown");
}

/* First it is written down, then told. */
static void vexfs_error_work(struct work_struct *work)
{
	struct vexfs_sb_info *sbi = container_of(work, struct vexfs_sb_info, err_work);

	vexfs_error_write(sbi);
	vexfs_error_tell(sbi);
}

/* ---- the policy ------------------------------------------------------------- */

/* Stop the journal. jbd2 writes that down, so not where nothing may be written: a mount that
 * was read-only from the beginning has nothing to stop. Any lock. */
static void vexfs_journal_abort(struct super_block *sb, int err)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (sbi->journal && !is_journal_aborted(sbi->journal) &&
	    !(sb_rdonly(sb) && bdev_read_only(sb->s_bdev)))
		jbd2_journal_abort(sbi->journal, err);
}

/* The errors= policy. Lock-free: callers hold anything. A journal that has stopped can be
 * followed by nothing but reading, whatever the policy. */
static void vexfs_error_policy(struct super_block *sb, int err)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	bool stopped = sbi->journal && is_journal_aborted(sbi->journal);

	if (sbi->errors == VEXFS_ERRORS_CONTINUE && !stopped)
		return;
	set_bit(VEXFS_SBF_STOPPED, &sbi->flags);
	if (sbi->errors == VEXFS_ERRORS_SHUTDOWN)
		set_bit(VEXFS_SBF_SHUTDOWN, &sbi->flags);
	vexfs_journal_abort(sb, err);
	if (!sb_rdonly(sb)) {
		/* As ext4: s_umount cannot be taken here. Readers of the flag see
		 * it after the abort, so nothing is started in between. */
		smp_wmb();
		sb->s_flags |= SB_RDONLY;
		vexfs_msg(sb, KERN_CRIT, "now read-only; unmount and run fsck.vexfs");
	}
}

static void vexfs_error_record(struct super_block *sb, u64 ino, u64 blkno, const char *what)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_error e = { .time = ktime_get_real_seconds(), .ino = ino, .blk = blkno };

	strscpy(e.what, what, sizeof(e.what));
	spin_lock(&sbi->err_lock);
	sbi->last_error = e;
	if (!sbi->errors_seen++)
		sbi->first_error = e;
	if (!sbi->err_count++) {
		sbi->err_ino = ino;
		sbi->err_blk = blkno;
		sbi->err_what = what;
	}
	spin_unlock(&sbi->err_lock);
	schedule_work(&sbi->err_work);
}

/*
 * The policy first: a record that went into a transaction which the policy then aborts would be lost. What is found
 * after a shutdown is not recorded; nothing is to be written then.
 */
static void vexfs_error_handle(struct super_block *sb, u64 ino, u64 blkno, const char *what, int err)
{
	bool down = vexfs_is_shutdown(sb);

	vexfs_error_policy(sb, err);
	if (!down)
		vexfs_error_record(sb, ino, blkno, what);
}

int vexfs_corrupt(struct super_block *sb, u64 ino, u64 blkno, const char *what)
{
	struct vexfs_where w;

	trace_vexfs_corrupt(sb, ino, blkno, what, -EFSCORRUPTED);
	vexfs_msg(sb, KERN_ERR, "corrupt: %s%s", vexfs_where(&w, ino, blkno), what);
	vexfs_error_handle(sb, ino, blkno, what, -EFSCORRUPTED);
	return -EFSCORRUPTED;
}

static void vexfs_io_message(struct super_block *sb, u64 ino, u64 blkno, const char *what, int err)
{
	struct vexfs_where w;

	trace_vexfs_io_error(sb, ino, blkno, what, err);
	vexfs_msg(sb, KERN_ERR, "error %d: %s%s", err, vexfs_where(&w, ino, blkno), what);
}

/* Whether the running operation, if any, has handed a change to the journal. */
static bool vexfs_handle_changed(struct super_block *sb)
{
	handle_t *handle = journal_current_handle();

	return handle && handle->h_type == VEXFS_HANDLE_CHANGED && handle->h_transaction &&
	       handle->h_transaction->t_journal == VEXFS_SB(sb)->journal;
}

int vexfs_read_error(struct super_block *sb, u64 ino, u64 blkno, const char *what)
{
	if (vexfs_is_shutdown(sb))
		return -EIO;
	vexfs_io_message(sb, ino, blkno, what, -EIO);
	if (vexfs_handle_changed(sb))
		vexfs_error_handle(sb, ino, blkno, what, -EIO);
	return -EIO;
}

int vexfs_write_error(struct super_block *sb, u64 ino, u64 blkno, const char *what, int err)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (vexfs_is_shutdown(sb))
		return err;
	if (is_journal_aborted(sbi->journal)) {
		vexfs_journal_stopped(sb);
		return err;
	}
	vexfs_io_message(sb, ino, blkno, what, err);
	vexfs_error_handle(sb, ino, blkno, what, err);
	return err;
}

/**
 * vexfs_journal_stopped - somebody has found the journal aborted
 * @sb: any lock, in a handle or not
 *
 * If that was not this filesystem's doing, jbd2 could not write: the first to notice
 * says so, and applies the policy.
 */
void vexfs_journal_stopped(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (vexfs_is_shutdown(sb) || test_and_set_bit(VEXFS_SBF_STOPPED, &sbi->flags))
		return;
	vexfs_io_message(sb, 0, 0, "the journal was stopped", jbd2_journal_errno(sbi->journal) ?: -EIO);
	vexfs_error_handle(sb, 0, 0, "the journal was stopped", -EIO);
}

/**
 * vexfs_shutdown - stop the filesystem as a power cut would
 * @sb:  the filesystem
 * @how: VEXFS_SHUTDOWN_*, the numbers of XFS's and ext4's shutdown ioctl
 *
 * Return: 0, -EINVAL, or what the sync before returned.
 */
int vexfs_shutdown(struct super_block *sb, u32 how)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err = 0;

	if (how > VEXFS_SHUTDOWN_NOLOGFLUSH)
		return -EINVAL;
	if (vexfs_is_shutdown(sb))
		return 0;
	trace_vexfs_shutdown(sb, how);
	if (how == VEXFS_SHUTDOWN_DEFAULT) {
		down_read(&sb->s_umount);
		err = sync_filesystem(sb);
		up_read(&sb->s_umount);
	} else if (how == VEXFS_SHUTDOWN_LOGFLUSH) {
		err = vexfs_force_commit(sb);
	}
	vexfs_msg(sb, KERN_ALERT, "shut down by request");
	set_bit(VEXFS_SBF_SHUTDOWN, &sbi->flags);
	vexfs_journal_abort(sb, 0);
	schedule_work(&sbi->err_work);		/* tells it */
	return err;
}

void vexfs_error_init(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	spin_lock_init(&sbi->err_lock);
	mutex_init(&sbi->es_lock);
	mutex_init(&sbi->copies_lock);
	ratelimit_state_init(&sbi->complaints, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	INIT_WORK(&sbi->err_work, vexfs_error_work);
}

/* What earlier mounts have recorded. The superblock has been verified; no lock: mount. */
void vexfs_error_load(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	const struct vexfs_super_block *es = sbi->es;
	struct vexfs_error e = {
		.time = le64_to_cpu(es->s_error_time),
		.ino = le64_to_cpu(es->s_error_ino),
		.blk = le64_to_cpu(es->s_error_block),
	};

	memcpy(e.what, es->s_error_what, sizeof(e.what) - 1);
	spin_lock(&sbi->err_lock);
	sbi->errors_before = le32_to_cpu(es->s_error_count);
	if (!sbi->errors_seen)
		sbi->last_error = e;
	spin_unlock(&sbi->err_lock);
}

void vexfs_error_exit(struct super_block *sb)
{
	flush_work(&VEXFS_SB(sb)->err_work);
}
