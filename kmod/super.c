// SPDX-License-Identifier: GPL-2.0
/* Mount, unmount, statfs, sync, freeze; the module. */
#include "kmod/vexfs.h"
#include "kmod/debugfs.h"
#include "kmod/kunit/kunit.h"
#include "kmod/trace.h"
#include <linux/blkdev.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/iversion.h>
#include <linux/module.h>
#include <linux/statfs.h>
#include <linux/seq_file.h>

static struct kmem_cache *vexfs_inode_cache;

/* ---- inode memory ---------------------------------------------------------- */

static void vexfs_inode_init_once(void *obj)
{
	struct vexfs_inode_info *vi = obj;

	init_rwsem(&vi->data_sem);
	init_rwsem(&vi->xattr_sem);
	spin_lock_init(&vi->lock);
	spin_lock_init(&vi->ioend_lock);
	INIT_LIST_HEAD(&vi->ioends);
	inode_init_once(&vi->vfs_inode);
}

static struct inode *vexfs_alloc_inode(struct super_block *sb)
{
	struct vexfs_inode_info *vi = alloc_inode_sb(sb, vexfs_inode_cache, GFP_KERNEL);

	if (!vi)
		return NULL;
	/*
	 * Not in the constructor: freeing memory makes DEBUG_OBJECTS forget the work items in it, and a
	 * slab object that is used again is not constructed again.
	 */
	INIT_WORK(&vi->ioend_work, vexfs_ioend_work);
	memset(&vi->root, 0, sizeof(vi->root));
	memset(vi->links, 0, sizeof(vi->links));
	vi->symlink[VEXFS_SYMLINK_INLINE] = 0;
	vi->disksize = 0;
	vi->flags = 0;
	vi->projid = 0;
	vi->xattr_block = 0;
	memset(vi->xattr, 0, sizeof(vi->xattr));
	vi->link_block = 0;
	vi->vecmask = 0;
	vi->charged = 0;
	vi->reserved = 0;
	memset(vi->dquot, 0, sizeof(vi->dquot));
	vi->datagen = 0;
	vi->datagen_seen = false;
	vi->judged = false;
	vi->stale_tid = 0;
	vi->change = 0;
	vi->sync_tid = 0;
	vi->datasync_tid = 0;
	vi->rewritten = false;
	vi->orphan_slot = 0;
	vi->orphan = NULL;
	vi->truncating = false;
	vi->tail = false;
	vi->keep = 0;
	vi->unwritten_known = true;
	vi->unwritten = 0;
	vi->promised = 0;
	memset(&vi->window, 0, sizeof(vi->window));
	vi->map_seq = 0;
	return &vi->vfs_inode;
}

static void vexfs_free_inode_mem(struct inode *inode)
{
	kmem_cache_free(vexfs_inode_cache, VEXFS_I(inode));
}

/* ---- sync, statfs, freeze ------------------------------------------------------ */

static int vexfs_sync_journal(struct super_block *sb, int wait)
{
	journal_t *journal = VEXFS_SB(sb)->journal;
	bool flush;
	tid_t tid;
	int err = 0;

	if (vexfs_is_shutdown(sb))
		return -EIO;
	/* Data in the device's cache needs a flush of its own unless a commit's is still to come:
	 * the last transaction may be past its own, or there may be nothing to commit. */
	tid = jbd2_get_latest_transaction(journal);
	flush = wait && (journal->j_flags & JBD2_BARRIER) &&
		!jbd2_trans_will_send_data_barrier(journal, tid);
	if (jbd2_journal_start_commit(journal, &tid) && wait)
		err = jbd2_log_wait_commit(journal, tid);
	if (wait)		/* syncfs(2) looks at s_wb_err next */
		vexfs_vec_settle(sb);
	if (flush && !err)
		err = blkdev_issue_flush(sb->s_bdev);
	return err;
}

/* A freeze syncs before it keeps internal writers out: the last moment to stop the worker without
 * leaving it blocked. s_umount is held then. */
static bool vexfs_freezing(struct super_block *sb)
{
	return sb->s_writers.frozen == SB_FREEZE_PAGEFAULT;
}

static int vexfs_sync_fs(struct super_block *sb, int wait)
{
	ktime_t start = vexfs_trace_start(vexfs_sync_fs);
	int err;

	if (vexfs_freezing(sb))
		vexfs_vec_hold(sb, false);
	err = vexfs_sync_journal(sb, wait);
	if (err && vexfs_freezing(sb))
		vexfs_vec_go_on(sb);
	trace_vexfs_sync_fs(sb, wait, vexfs_trace_since(start), err);
	return err;
}

static int vexfs_freeze(struct super_block *sb)
{
	journal_t *journal = VEXFS_SB(sb)->journal;
	int err;

	if (sb_rdonly(sb))
		return 0;
	/* The VFS keeps writers out; empty the log, so that a copy of the
	 * device taken now needs no replay. */
	jbd2_journal_lock_updates(journal);
	err = jbd2_journal_flush(journal, 0);
	jbd2_journal_unlock_updates(journal);
	vexfs_discard_flush(sb);
	if (err)
		vexfs_vec_go_on(sb);
	return err;
}

static int vexfs_unfreeze(struct super_block *sb)
{
	if (!sb_rdonly(sb))
		vexfs_vec_go_on(sb);
	return 0;
}

static int vexfs_statfs(struct dentry *dentry, struct kstatfs *st)
{
	struct super_block *sb = dentry->d_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	s64 free;
	u64 overhead = sbi->geo.journal_blocks + sbi->geo.orphan_blocks + sbi->geo.coll_blocks;
	u64 blocks = vexfs_geo_blocks(&sbi->geo);
	u32 groups = vexfs_geo_groups(&sbi->geo), g;

	for (g = 0; g < groups; g++)
		overhead += vexfs_group_overhead(&sbi->geo, g);
	st->f_type = VEXFS_SB_MAGIC;
	st->f_bsize = VEXFS_BLOCK_SIZE;
	st->f_blocks = blocks - min(overhead, blocks);
	/* What a commit away is free counts as free: allocation waits for it. The reserve does not. */
	free = percpu_counter_sum(&sbi->free_blocks) + percpu_counter_sum(&sbi->pending_blocks) -
	       sbi->reserve_blocks;
	st->f_bfree = clamp_t(s64, free, 0, st->f_blocks);
	st->f_bavail = clamp_t(s64, free - (s64)sbi->root_blocks, 0, st->f_blocks);
	st->f_files = (u64)groups * sbi->geo.inodes_per_group;
	st->f_ffree = percpu_counter_sum_positive(&sbi->free_inodes);
	st->f_namelen = VEXFS_NAME_LEN;
	st->f_fsid = uuid_to_fsid(sb->s_uuid.b);
	return 0;
}

static const char *const vexfs_errors_name[] = {
	[VEXFS_ERRORS_REMOUNT_RO] = "remount-ro",
	[VEXFS_ERRORS_CONTINUE] = "continue",
	[VEXFS_ERRORS_SHUTDOWN] = "shutdown",
};

static int vexfs_show_options(struct seq_file *seq, struct dentry *root)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(root->d_sb);

	seq_printf(seq, ",errors=%s", vexfs_errors_name[sbi->errors]);
	if (vexfs_norecovery(root->d_sb))
		seq_puts(seq, ",norecovery");
	if (sbi->commit)
		seq_printf(seq, ",commit=%u", sbi->commit);
	if (!(root->d_sb->s_flags & SB_POSIXACL))
		seq_puts(seq, ",noacl");
	if (test_bit(VEXFS_SBF_DISCARD, &sbi->flags))
		seq_puts(seq, ",discard");
	vexfs_quota_show(seq, root->d_sb);
	return 0;
}

/* In /proc/PID/mountstats. */
static int vexfs_show_stats(struct seq_file *seq, struct dentry *root)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(root->d_sb);

	seq_printf(seq, "lost_embeddings=%lld", (long long)atomic64_read(&sbi->vec_nlost));
	return 0;
}

/* ---- unmount ---------------------------------------------------------------------- */

/* Serves put_super and every failed mount: whatever exists is taken down. */
static void vexfs_teardown(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	vexfs_feed_unload(sb);
	vexfs_quota_unload(sb);
	if (sbi->ioend_wq)
		destroy_workqueue(sbi->ioend_wq);
	if (sbi->vec_wq)
		destroy_workqueue(sbi->vec_wq);
	vexfs_error_exit(sb);
	vexfs_journal_destroy(sb);
	if (sbi->discard_wq)
		destroy_workqueue(sbi->discard_wq);
	vexfs_orphan_unload(sb);
	vexfs_groups_unload(sb);
	brelse(sbi->sb_bh);
	percpu_counter_destroy(&sbi->free_blocks);
	percpu_counter_destroy(&sbi->free_inodes);
	percpu_counter_destroy(&sbi->pending_blocks);
	sb->s_fs_info = NULL;
	kfree(sbi);
}

static void vexfs_put_super(struct super_block *sb)
{
	trace_vexfs_unmount(sb);
	vexfs_sysfs_exit(sb);
	vexfs_colls_unload(sb);
	vexfs_teardown(sb);
}

/* For the superblock's shrinker: what can be made anew. */
static long vexfs_cached_count(struct super_block *sb, struct shrink_control *sc)
{
	return vexfs_views_count(sb, sc) + vexfs_group_mem_count(VEXFS_SB(sb)) + vexfs_index_count(sb, sc);
}

static long vexfs_cached_free(struct super_block *sb, struct shrink_control *sc)
{
	long n = vexfs_views_shrink(sb, sc);

	n += vexfs_group_mem_shrink(VEXFS_SB(sb), sc->nr_to_scan - n);
	return n + vexfs_index_shrink(sb, sc);
}

const struct super_operations vexfs_sops = {
	.alloc_inode = vexfs_alloc_inode,
	.free_inode = vexfs_free_inode_mem,
	.dirty_inode = vexfs_dirty_inode,
	.write_inode = vexfs_write_inode,
	.evict_inode = vexfs_evict_inode,
	.put_super = vexfs_put_super,
	.nr_cached_objects = vexfs_cached_count,
	.free_cached_objects = vexfs_cached_free,
	.sync_fs = vexfs_sync_fs,
	.freeze_fs = vexfs_freeze,
	.unfreeze_fs = vexfs_unfreeze,
	.statfs = vexfs_statfs,
	.show_options = vexfs_show_options,
	.show_stats = vexfs_show_stats,
#ifdef CONFIG_QUOTA
	.quota_read = vexfs_quota_read,
	.quota_write = vexfs_quota_write,
	.get_dquots = vexfs_get_dquots,
#endif
};

/* ---- mount --------------------------------------------------------------------------- */

/*
 * Features this module does not know: an incompat bit was refused before. With a ro_compat bit the filesystem can be
 * read; a compat bit asks for nothing but that fields are kept. @write: it is to be written to.
 */
static int vexfs_check_features(struct super_block *sb, const struct vexfs_super_block *es, bool write)
{
	u32 ro = vexfs_feature_unknown(es, VEXFS_RO_COMPAT);

	if (ro && write) {
		vexfs_msg(sb, KERN_ERR, "unknown features %#x: mount it read-only, or use a newer VexFS", ro);
		return -EROFS;
	}
	return 0;
}

static int vexfs_check_super(struct super_block *sb, bool silent)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	const struct vexfs_super_block *es = sbi->es;
	const char *what = vexfs_sb_refuse(es);

	if (what) {
		vexfs_msg(sb, KERN_ERR, "%s", what);
		return -EINVAL;
	}
	what = vexfs_sb_verify(es);
	if (le32_to_cpu(es->s_magic) != VEXFS_SB_MAGIC) {
		if (!silent)
			vexfs_msg(sb, KERN_ERR, "not a VexFS: no magic number at byte %d",
				  VEXFS_SB_OFFSET);
		return -EINVAL;
	}
	if (what) {
		vexfs_msg(sb, KERN_ERR, "damaged superblock: %s; run fsck.vexfs", what);
		return -EFSCORRUPTED;
	}
	vexfs_geo_init(&sbi->geo, es);
	if (sbi->geo.blocks > bdev_nr_bytes(sb->s_bdev) >> VEXFS_BLOCK_SHIFT) {
		vexfs_msg(sb, KERN_ERR, "the device has %llu blocks, the filesystem %llu: it was cut short",
			  (u64)bdev_nr_bytes(sb->s_bdev) >> VEXFS_BLOCK_SHIFT, sbi->geo.blocks);
		return -EFSCORRUPTED;
	}
	return vexfs_check_features(sb, es, !sb_rdonly(sb));
}

static int vexfs_read_super(struct super_block *sb, bool silent)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (!sb_set_blocksize(sb, VEXFS_BLOCK_SIZE)) {
		vexfs_msg(sb, KERN_ERR, "device does not support %d-byte blocks", VEXFS_BLOCK_SIZE);
		return -EINVAL;
	}
	/* What an earlier mount knew of buffers that others kept in memory is old. */
	invalidate_bdev(sb->s_bdev);
	sbi->sb_bh = sb_bread(sb, 0);
	if (!sbi->sb_bh) {
		vexfs_msg(sb, KERN_ERR, "the superblock cannot be read");
		return -EIO;
	}
	sbi->es = (void *)(sbi->sb_bh->b_data + VEXFS_SB_OFFSET);
	return vexfs_check_super(sb, silent);
}

static int vexfs_init_counters(struct vexfs_sb_info *sbi)
{
	int err = percpu_counter_init(&sbi->free_blocks, 0, GFP_KERNEL);

	if (!err)
		err = percpu_counter_init(&sbi->free_inodes, 0, GFP_KERNEL);
	if (!err)
		err = percpu_counter_init(&sbi->pending_blocks, 0, GFP_KERNEL);
	return err;
}

static void vexfs_setup_sb(struct super_block *sb)
{
	sb->s_magic = VEXFS_SB_MAGIC;
	sb->s_op = &vexfs_sops;
	sb->s_export_op = &vexfs_export_ops;
	sb->s_time_gran = 1;
	sb->s_maxbytes = min_t(u64, MAX_LFS_FILESIZE, VEXFS_MAX_LBLK << VEXFS_BLOCK_SHIFT);
	sb->s_max_links = U32_MAX - 1;
	/* Whoever writes need not look for security.capability each time. */
	sb->s_flags |= SB_I_VERSION | SB_NOSEC;
	vexfs_set_xattr_handlers(sb, vexfs_xattr_handlers);
	vexfs_set_identity(sb, VEXFS_SB(sb)->es->s_uuid);
	vexfs_quota_setup(sb);
}

static int vexfs_mount_root(struct super_block *sb)
{
	struct inode *root = vexfs_iget(sb, VEXFS_ROOT_INO, 0);

	if (IS_ERR(root))
		return PTR_ERR(root);
	if (!S_ISDIR(root->i_mode)) {
		iput(root);
		return vexfs_corrupt(sb, VEXFS_ROOT_INO, 0, "the root is not a directory");
	}
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

/*
 * Replay, and judge the superblock again: the log may have changed it. It may not make another filesystem of it.
 * No lock: mount.
 */
static int vexfs_replay(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_super_block *sbs = kmalloc_array(2, sizeof(*sbs), GFP_KERNEL);
	int err;

	if (!sbs)
		return -ENOMEM;
	sbs[0] = *sbi->es;
	err = vexfs_journal_load(sb);
	if (!err)
		err = vexfs_check_super(sb, false);
	if (!err) {
		sbs[1] = *sbi->es;
		if (!vexfs_sb_replayed(&sbs[0], &sbs[1])) {
			vexfs_msg(sb, KERN_ERR, "damaged journal: it holds the superblock of another filesystem");
			err = -EFSCORRUPTED;
		}
	}
	kfree(sbs);
	return err;
}

/* The order matters: replay before anything is read, orphans after the
 * collections they may have embeddings in. */
static int vexfs_load(struct super_block *sb, const struct vexfs_mount_opts *opts)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	sbi->ioend_wq = alloc_workqueue("vexfs-ioend/%s", VEXFS_WQ_PERCPU | WQ_MEM_RECLAIM | WQ_FREEZABLE,
					0, sb->s_id);
	sbi->vec_wq = alloc_workqueue("vexfs-vec/%s", WQ_UNBOUND | WQ_FREEZABLE, 0, sb->s_id);
	if (!sbi->ioend_wq || !sbi->vec_wq)
		return -ENOMEM;
	err = vexfs_replay(sb);
	if (!err)
		vexfs_error_load(sb);	/* before this mount finds any */
	if (!err)
		err = vexfs_groups_load(sb);
	if (!err)
		err = vexfs_orphan_load(sb);
	if (!err)
		err = vexfs_quota_load(sb, opts);
	if (!err)
		err = vexfs_feed_load(sb);
	if (!err)
		err = vexfs_mount_root(sb);
	if (!err)
		err = vexfs_colls_load(sb);
	if (err)
		return err;
	vexfs_orphan_expect(sb);
	/* What frees inodes has to understand all there is to know about them. */
	if (!vexfs_feature_unknown(sbi->es, VEXFS_RO_COMPAT))
		vexfs_orphan_recover(sb);
	if (!sb_rdonly(sb)) {
		vexfs_colls_finish(sb);
		vexfs_vec_go_on(sb);
	}
	return 0;
}

/* Nothing to replay if it cannot be read, nothing to write if it has not been replayed. */
static int vexfs_set_norecovery(struct super_block *sb, struct fs_context *fc)
{
	if (!sb_rdonly(sb))
		return invalfc(fc, "norecovery requires a read-only mount");
	set_bit(VEXFS_SBF_NORECOVERY, &VEXFS_SB(sb)->flags);
	return 0;
}

/* Limits can be enforced only where account is kept. */
static int vexfs_quota_wanted(struct super_block *sb, struct fs_context *fc)
{
	const struct vexfs_mount_opts *opts = fc->fs_private;
	int type;

	for (type = 0; type < VEXFS_QUOTA_TYPES && !vexfs_has_quota(sb); type++)
		if (opts->quota[type])
			return invalfc(fc, "option '%s': this filesystem keeps no account; unmount it, and tune.vexfs -O quota makes one",
				       vexfs_quota_option(type));
	return 0;
}

/* @seconds: -1: no change. Mount, or s_umount held for writing. */
static void vexfs_set_commit(struct super_block *sb, int seconds)
{
	if (seconds < 0)
		return;
	VEXFS_SB(sb)->commit = seconds;
	vexfs_journal_interval(sb, seconds);
}

static int vexfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct vexfs_mount_opts *opts = fc->fs_private;
	struct vexfs_sb_info *sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	ktime_t start = vexfs_trace_start(vexfs_mount);
	int err;

	if (!sbi)
		return -ENOMEM;
	sb->s_fs_info = sbi;
	sbi->sb = sb;
	sbi->errors = VEXFS_ERRORS_CONTINUE;	/* until there is something to protect */
	vexfs_error_init(sb);
	vexfs_balloc_init(sbi);
	vexfs_orphan_init(sbi);
	init_rwsem(&sbi->coll_sem);
	err = vexfs_init_counters(sbi);
	if (!err && opts->norecovery)
		err = vexfs_set_norecovery(sb, fc);
	if (!err)
		err = vexfs_read_super(sb, fc->sb_flags & SB_SILENT);
	if (!err)
		err = vexfs_quota_wanted(sb, fc);
	if (err)
		goto fail;
	vexfs_setup_sb(sb);
	if (!opts->acl_given || opts->acl)
		sb->s_flags |= SB_POSIXACL;
	sbi->errors = opts->errors >= 0 ? opts->errors : le32_to_cpu(sbi->es->s_errors);
	err = vexfs_load(sb, opts);
	if (err)
		goto fail_loaded;
	vexfs_set_commit(sb, opts->commit);
	if (opts->discard)
		err = vexfs_discard_prepare(sb);
	if (!err)
		err = vexfs_sysfs_init(sb);
	if (err)
		goto fail_loaded;
	vexfs_discard_set(sb, opts->discard);
	if (sbi->es->s_state & cpu_to_le32(VEXFS_STATE_ERROR))
		vexfs_warn(sb, "damage was found earlier (%.48s): run fsck.vexfs",
			   sbi->es->s_error_what);
	trace_vexfs_mount(sb, vexfs_trace_since(start), 0);
	return 0;

fail_loaded:
	vexfs_colls_unload(sb);
	if (sb->s_root) {
		dput(sb->s_root);
		sb->s_root = NULL;
	}
	evict_inodes(sb);
fail:
	trace_vexfs_mount(sb, vexfs_trace_since(start), err);
	vexfs_teardown(sb);
	return err;
}

static int vexfs_get_tree(struct fs_context *fc)
{
	return get_tree_bdev(fc, vexfs_fill_super);
}

#define VEXFS_MAX_COMMIT	(24 * 60 * 60)	/* seconds */

enum { Opt_errors, Opt_acl, Opt_noacl, Opt_commit, Opt_norecovery, Opt_discard, Opt_quota };

static const struct constant_table vexfs_errors_table[] = {
	{ "remount-ro", VEXFS_ERRORS_REMOUNT_RO },
	{ "continue", VEXFS_ERRORS_CONTINUE },
	{ "shutdown", VEXFS_ERRORS_SHUTDOWN },
	{}
};

static const struct fs_parameter_spec vexfs_params[] = {
	fsparam_enum("errors", Opt_errors, vexfs_errors_table),
	fsparam_flag("acl", Opt_acl),
	fsparam_flag("noacl", Opt_noacl),
	fsparam_flag_no("discard", Opt_discard),
	fsparam_u32("commit", Opt_commit),
	fsparam_flag("norecovery", Opt_norecovery),
	fsparam_flag("noload", Opt_norecovery),		/* as ext4 calls it */
	fsparam_flag("usrquota", Opt_quota + USRQUOTA),
	fsparam_flag("grpquota", Opt_quota + GRPQUOTA),
	fsparam_flag("prjquota", Opt_quota + PRJQUOTA),
	fsparam_flag("quota", Opt_quota + USRQUOTA),	/* as ext4 calls it, */
	fsparam_flag("uquota", Opt_quota + USRQUOTA),	/* and XFS */
	fsparam_flag("gquota", Opt_quota + GRPQUOTA),
	fsparam_flag("pquota", Opt_quota + PRJQUOTA),
	{}
};

vexfs_testable int vexfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct vexfs_mount_opts *opts = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, vexfs_params, param, &result);

	switch (opt) {
	case -ENOPARAM:
		return vexfs_foreign_option(fc, param);
	case Opt_errors:
		opts->errors = result.uint_32;
		return 0;
	case Opt_commit:
		if (result.uint_32 > VEXFS_MAX_COMMIT)
			return invalfc(fc, "commit=%u is too long", result.uint_32);
		opts->commit = result.uint_32;
		return 0;
	case Opt_acl:
	case Opt_noacl:
		opts->acl = opt == Opt_acl;
		opts->acl_given = true;
		return 0;
	case Opt_discard:
		opts->discard = !result.negated;
		opts->discard_given = true;
		return 0;
	case Opt_norecovery:
		opts->norecovery = true;
		return 0;
	case Opt_quota + USRQUOTA:
	case Opt_quota + GRPQUOTA:
	case Opt_quota + PRJQUOTA:
		opts->quota[opt - Opt_quota] = true;
		return 0;
	default:
		return opt;
	}
}

/*
 * Read-only becomes writable: what the read-only mount has left undone is finished first. The superblock still says
 * read-only, so VEXFS_SBF_RECOVERING lets these changes through and no others. s_umount held for writing.
 */
static int vexfs_make_writable(struct fs_context *fc, struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	if (vexfs_is_shutdown(sb) || is_journal_aborted(sbi->journal) ||
	    test_bit(VEXFS_SBF_STOPPED, &sbi->flags)) {
		errorf(fc, "vexfs: filesystem was stopped after an error: unmount, run fsck.vexfs, mount again");
		return -EROFS;
	}
	if (vexfs_has_feed(sb) && !sbi->change_inode) {
		errorf(fc, "vexfs: the change feed is damaged: unmount, run fsck.vexfs, mount again");
		return -EFSCORRUPTED;
	}
	err = vexfs_check_features(sb, sbi->es, true);
	if (!err)
		err = vexfs_journal_writable(sb, sbi->journal);
	if (err)
		return err;
	vexfs_vec_forget(sb);
	vexfs_orphan_recover(sb);
	set_bit(VEXFS_SBF_RECOVERING, &sbi->flags);
	vexfs_colls_resume(sb);
	clear_bit(VEXFS_SBF_RECOVERING, &sbi->flags);
	/* The worker's handles need the flag gone, which the VFS does too, but later. */
	sb->s_flags &= ~SB_RDONLY;
	vexfs_vec_go_on(sb);
	return 0;
}

static int vexfs_reconfigure(struct fs_context *fc)
{
	struct vexfs_mount_opts *opts = fc->fs_private;
	struct super_block *sb = fc->root->d_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	bool ro = fc->sb_flags & SB_RDONLY;
	int err = 0;

	if (opts->norecovery && !vexfs_norecovery(sb))
		return invalfc(fc, "norecovery: only when it is mounted");
	if (!ro && vexfs_norecovery(sb))
		return invalfc(fc, "mounted with norecovery: unmount, mount again");
	err = vexfs_quota_wanted(sb, fc);
	if (!err && opts->discard)
		err = vexfs_discard_prepare(sb);
	if (err)
		return err;
	/* Removals under way need to write. */
	if (ro && !sb_rdonly(sb)) {
		vexfs_save_finish(sb);
		vexfs_vec_hold(sb, true);
		flush_workqueue(sbi->vec_wq);
	}
	sync_filesystem(sb);
	if (ro)			/* nobody frees more meanwhile */
		vexfs_discard_flush(sb);
	if (!ro && sb_rdonly(sb))
		err = vexfs_make_writable(fc, sb);
	if (err)
		return err;
	err = vexfs_quota_remount(sb, opts);
	if (err)
		return err;
	if (opts->discard_given)
		vexfs_discard_set(sb, opts->discard);
	if (opts->errors >= 0)
		sbi->errors = opts->errors;
	if (opts->acl_given && opts->acl != !!(sb->s_flags & SB_POSIXACL)) {
		sb->s_flags ^= SB_POSIXACL;
		vexfs_perm_changed_all(sb);
	}
	vexfs_set_commit(sb, opts->commit);
	return 0;
}

static void vexfs_free_fc(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations vexfs_context_ops = {
	.parse_param = vexfs_parse_param,
	.get_tree = vexfs_get_tree,
	.reconfigure = vexfs_reconfigure,
	.free = vexfs_free_fc,
};

static int vexfs_init_fs_context(struct fs_context *fc)
{
	struct vexfs_mount_opts *opts = kzalloc(sizeof(*opts), GFP_KERNEL);

	if (!opts)
		return -ENOMEM;
	opts->errors = -1;
	opts->commit = -1;
	fc->fs_private = opts;
	fc->ops = &vexfs_context_ops;
	/* A flag of mount(2), too: without it here, a remount would take it away. */
	fc->sb_flags |= SB_I_VERSION;
	return 0;
}

static struct file_system_type vexfs_fs_type = {
	.owner = THIS_MODULE,
	.name = "vexfs",
	.init_fs_context = vexfs_init_fs_context,
	.parameters = vexfs_params,
	.kill_sb = kill_block_super,
	.fs_flags = FS_REQUIRES_DEV | FS_ALLOW_IDMAP,
};

/* ---- module ------------------------------------------------------------------------------ */

static int __init vexfs_init(void)
{
	int err;

	/* readlink(2) copies a short target straight out of the inode. */
	vexfs_inode_cache = kmem_cache_create_usercopy("vexfs_inode",
			sizeof(struct vexfs_inode_info), 0, SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
			offsetof(struct vexfs_inode_info, symlink),
			sizeof_field(struct vexfs_inode_info, symlink), vexfs_inode_init_once);
	if (!vexfs_inode_cache)
		return -ENOMEM;
	vexfs_simd_init();
	err = vexfs_sysfs_module_init();
	if (err)
		goto fail_cache;
	err = register_filesystem(&vexfs_fs_type);
	if (err)
		goto fail_sysfs;
	vexfs_debugfs_init();
	return 0;

fail_sysfs:
	vexfs_sysfs_module_exit();
fail_cache:
	kmem_cache_destroy(vexfs_inode_cache);
	return err;
}

static void __exit vexfs_exit(void)
{
	vexfs_debugfs_exit();
	unregister_filesystem(&vexfs_fs_type);
	vexfs_sysfs_module_exit();
	rcu_barrier();		/* inodes are freed after a grace period */
	kmem_cache_destroy(vexfs_inode_cache);
}

module_init(vexfs_init);
module_exit(vexfs_exit);
MODULE_DESCRIPTION("VexFS: a filesystem that indexes and searches vector embeddings");
MODULE_AUTHOR("the VexFS authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(VEXFS_VERSION_STRING);
MODULE_ALIAS_FS("vexfs");
MODULE_SOFTDEP("pre: crc32c");
