// SPDX-License-Identifier: GPL-2.0
/*
 * jbd2 over a reserved region of the device, metadata buffers, and core's
 * block access on top of both.
 *
 * The journal has no inode: the region is contiguous, so mapping a log block
 * is an addition, and replay needs nothing that replay may still have to
 * repair. A block's checksum is stored by a jbd2 trigger when the block is
 * copied out for commit, once per transaction however often it changed.
 */
#include "kmod/vexfs.h"
#include "core/journal.h"
#include "kmod/trace.h"
#include <linux/proc_fs.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

/* ---- the journal ------------------------------------------------------- */

static int vexfs_j_bmap(journal_t *journal, sector_t *block)
{
	struct super_block *sb = journal->j_private;

	*block += VEXFS_SB(sb)->geo.journal_start;
	return 0;
}

static void vexfs_j_commit(journal_t *journal, transaction_t *transaction)
{
	struct super_block *sb = journal->j_private;
	tid_t tid = transaction->t_tid;

	vexfs_balloc_commit(VEXFS_SB(sb), tid);
	vexfs_vec_commit(VEXFS_SB(sb), tid);
}

static void vexfs_j_frozen(struct jbd2_buffer_trigger_type *type, struct buffer_head *bh,
			   void *data, size_t size)
{
	vexfs_mdhdr_seal(data);
}

/*
 * Judge the journal's superblock before jbd2 sees it: jbd2 takes one that says it has no checksum at its word, and
 * then skips what is logged without a message. On 6.1 jbd2 has not even read the block when the journal is opened.
 * @dirty: the log holds something to replay, which a device that cannot be written does not allow.
 */
static int vexfs_journal_judge(struct super_block *sb, bool *dirty)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct buffer_head *bh = sb_bread(sb, sbi->geo.journal_start);
	const struct vexfs_journal_super *js;
	const char *why;

	if (!bh) {
		vexfs_msg(sb, KERN_ERR, "the journal's superblock (block %llu) cannot be read",
			  sbi->geo.journal_start);
		return -EIO;
	}
	js = (const void *)bh->b_data;
	why = vexfs_journal_super_verify(js, &sbi->geo);
	*dirty = vexfs_journal_super_dirty(js);
	brelse(bh);
	if (why) {
		vexfs_msg(sb, KERN_ERR, "the journal's superblock (block %llu) is damaged: %s",
			  sbi->geo.journal_start, why);
		return -EFSCORRUPTED;
	}
	if (*dirty && bdev_read_only(sb->s_bdev) && !vexfs_norecovery(sb)) {
		vexfs_msg(sb, KERN_ERR,
			  "the journal needs recovery but the device is read-only: mount it writable once, or with norecovery");
		return -EROFS;
	}
	return 0;
}

/*
 * What opening the journal writes: the features, and that an error has been taken note of. A device that cannot be
 * written leaves it to the remount that can. No lock: mount, or s_umount held for writing.
 */
int vexfs_journal_writable(struct super_block *sb, journal_t *journal)
{
	if (bdev_read_only(sb->s_bdev))
		return 0;
	if (journal->j_superblock->s_errno)
		jbd2_journal_update_sb_errno(journal);

	/* csum v3 and 64 bit come as a pair: v3 tags carry the high block half */
	if (!jbd2_journal_set_features(journal, 0, 0,
				       JBD2_FEATURE_INCOMPAT_REVOKE | JBD2_FEATURE_INCOMPAT_64BIT |
				       JBD2_FEATURE_INCOMPAT_CSUM_V3))
		return -EINVAL;
	return 0;
}

static journal_t *vexfs_journal_open(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	journal_t *journal;

	journal = jbd2_journal_init_dev(sb->s_bdev, sb->s_bdev, sbi->geo.journal_start,
					sbi->geo.journal_blocks, VEXFS_BLOCK_SIZE);
	if (IS_ERR_OR_NULL(journal))	/* NULL before 6.8: no memory, or not readable */
		return journal ? journal : ERR_PTR(-EIO);
	journal->j_private = sb;
	journal->j_bmap = vexfs_j_bmap;
	journal->j_commit_callback = vexfs_j_commit;
	journal->j_submit_inode_data_buffers = vexfs_vec_submit;
	journal->j_finish_inode_data_buffers = vexfs_vec_finish;
	write_lock(&journal->j_state_lock);
	journal->j_flags |= JBD2_BARRIER;
	write_unlock(&journal->j_state_lock);
	return journal;
}

/* Open, recover and start the journal. */
int vexfs_journal_load(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	journal_t *journal;
	bool dirty;
	int err = vexfs_journal_judge(sb, &dirty);

	if (err)
		return err;
	journal = vexfs_journal_open(sb);
	if (IS_ERR(journal)) {
		vexfs_msg(sb, KERN_ERR, "the journal cannot be opened: error %ld", PTR_ERR(journal));
		return PTR_ERR(journal);
	}
	/* One that is not loaded is aborted from jbd2's own view, and not written when it is closed. */
	if (vexfs_norecovery(sb)) {
		sbi->journal = journal;
		if (dirty)
			vexfs_warn(sb, "the journal is not replayed (norecovery): what is read may be old or damaged");
		return 0;
	}
	if (dirty)
		vexfs_msg(sb, KERN_INFO, "recovering from the journal");
	err = jbd2_journal_load(journal);
	/*
	 * An abort left its error in the journal's superblock, and jbd2 starts no handle until somebody has taken note of
	 * it. What was committed has been recovered; the error itself is in the filesystem's superblock.
	 */
	if (!err && jbd2_journal_errno(journal)) {
		vexfs_warn(sb, "the journal was stopped by error %d before", jbd2_journal_errno(journal));
		jbd2_journal_clear_err(journal);
		jbd2_journal_ack_err(journal);
	}
	if (!err)
		err = vexfs_journal_writable(sb, journal);
	if (err) {
		vexfs_msg(sb, KERN_ERR, "the journal cannot be used: error %d; run fsck.vexfs on it", err);
		jbd2_journal_destroy(journal);
		return err;
	}
	sbi->trigger.t_frozen = vexfs_j_frozen;
	sbi->journal = journal;
	return 0;
}

void vexfs_journal_interval(struct super_block *sb, unsigned int seconds)
{
	journal_t *journal = VEXFS_SB(sb)->journal;

	write_lock(&journal->j_state_lock);
	journal->j_commit_interval = HZ * (seconds ?: JBD2_DEFAULT_MAX_COMMIT_AGE);
	write_unlock(&journal->j_state_lock);
}

/* For want of memory jbd2 goes on with a directory that lacks the file "info", and warns when it
 * does not find it in the end. So both go here. */
static void vexfs_journal_unproc(journal_t *journal)
{
	char path[sizeof(journal->j_devname) + sizeof("fs/jbd2/")];

	if (!journal->j_proc_entry)
		return;
	snprintf(path, sizeof(path), "fs/jbd2/%s", journal->j_devname);
	if (!remove_proc_subtree(path, NULL))
		journal->j_proc_entry = NULL;
}

void vexfs_journal_destroy(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int aborted, err;

	if (!sbi->journal)
		return;
	/* Whoever started a commit callback has returned before destroy returns. */
	aborted = is_journal_aborted(sbi->journal);
	vexfs_journal_unproc(sbi->journal);
	err = jbd2_journal_destroy(sbi->journal);
	sbi->journal = NULL;
	if (err < 0 && !aborted)
		vexfs_msg(sb, KERN_ERR, "the journal could not be closed: error %d", err);
}

/* ---- handles ------------------------------------------------------------- */

#define VEXFS_HANDLE_TRIES	50	/* 20 ms apart */

/*
 * jbd2 gives up when there is no memory for the handle itself, which is rarely for long. @nofail: half of an operation
 * is done (a file is shorter, its blocks still mapped; data are written, their blocks not yet marked so): wait for
 * memory as long as it takes.
 */
static handle_t *vexfs_handle(struct super_block *sb, int credits, int revokes, bool nofail)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	handle_t *handle;
	int try;

	credits += vexfs_quota_credits(sb);
	if (vexfs_is_shutdown(sb))
		return ERR_PTR(-EIO);
	if (sb_rdonly(sb) && !test_bit(VEXFS_SBF_RECOVERING, &sbi->flags))
		return ERR_PTR(-EROFS);
	if (is_journal_aborted(sbi->journal)) {
		vexfs_journal_stopped(sb);
		return ERR_PTR(-EROFS);
	}
	for (try = 1;; try++) {
		handle = jbd2__journal_start(sbi->journal, credits, 0, revokes, GFP_NOFS, 0, 0);
		if (handle != ERR_PTR(-ENOMEM))
			return handle;
		if (!nofail && (try >= VEXFS_HANDLE_TRIES || fatal_signal_pending(current)))
			return handle;
		memalloc_retry_wait(GFP_NOFS);
	}
}

int vexfs_rdonly_sync(struct super_block *sb)
{
	return is_journal_aborted(VEXFS_SB(sb)->journal) && !vexfs_norecovery(sb) ? -EROFS : 0;
}

#define VEXFS_JOURNAL_SPARE	16	/* what jbd2 adds for its own blocks */

bool vexfs_credits_fit(struct super_block *sb, int credits)
{
	return credits + vexfs_quota_credits(sb) + VEXFS_JOURNAL_SPARE <= VEXFS_SB(sb)->journal->j_max_transaction_buffers;
}

handle_t *vexfs_start(struct super_block *sb, int credits, int revokes)
{
	ktime_t start = vexfs_trace_start(vexfs_trans_start);
	handle_t *handle = vexfs_handle(sb, credits, revokes, false);

	trace_vexfs_trans_start(sb, handle, credits, revokes, vexfs_trace_since(start), _RET_IP_);
	return handle;
}

handle_t *vexfs_start_nofail(struct super_block *sb, int credits, int revokes)
{
	ktime_t start = vexfs_trace_start(vexfs_trans_start);
	handle_t *handle = vexfs_handle(sb, credits, revokes, true);

	trace_vexfs_trans_start(sb, handle, credits, revokes, vexfs_trace_since(start), _RET_IP_);
	return handle;
}

/* NULL once the journal was aborted in the middle of a restart. */
static struct super_block *vexfs_handle_sb(const handle_t *handle)
{
	return handle->h_transaction ? handle->h_transaction->t_journal->j_private : NULL;
}

int vexfs_stop(handle_t *handle)
{
	trace_vexfs_trans_stop(vexfs_handle_sb(handle), handle);
	return jbd2_journal_stop(handle);
}

int vexfs_extend(handle_t *handle, int credits, int revokes)
{
	int err;

	if (vexfs_handle_sb(handle))
		credits += vexfs_quota_credits(vexfs_handle_sb(handle));
	if (jbd2_handle_buffer_credits(handle) >= credits &&
	    handle->h_revoke_credits >= revokes)
		return 0;
	err = jbd2_journal_extend(handle, credits, revokes);
	if (err <= 0)
		return err;
	err = jbd2__journal_restart(handle, credits, revokes, GFP_NOFS);
	handle->h_type = 0;	/* what was changed so far is complete */
	trace_vexfs_trans_restart(vexfs_handle_sb(handle), handle);
	return err;
}

int vexfs_force_commit(struct super_block *sb)
{
	ktime_t start = vexfs_trace_start(vexfs_force_commit);
	int err = jbd2_journal_force_commit(VEXFS_SB(sb)->journal);

	trace_vexfs_force_commit(sb, vexfs_trace_since(start), err);
	return err;
}

/* ---- what a buffer is ------------------------------------------------------ */

static bool vexfs_claim(struct buffer_head *bh, int as, int other)
{
	unsigned long flags;
	bool ok;

	spin_lock_irqsave(&bh->b_uptodate_lock, flags);
	ok = !test_bit(other, &bh->b_state);
	if (ok)
		set_bit(as, &bh->b_state);
	spin_unlock_irqrestore(&bh->b_uptodate_lock, flags);
	return ok;
}

bool vexfs_claim_metadata(struct buffer_head *bh)
{
	return vexfs_claim(bh, BH_VexfsVerified, BH_VexfsPayload);
}

/* What the journal holds is metadata, or was until its transaction commits. */
bool vexfs_claim_payload(struct buffer_head *bh)
{
	if (buffer_vexfs_payload(bh))
		return true;
	return !buffer_jbd(bh) && vexfs_claim(bh, BH_VexfsPayload, BH_VexfsVerified);
}

/* ---- metadata buffers ------------------------------------------------------ */

void vexfs_bh_keep(struct buffer_head *bh)
{
	lock_buffer(bh);
	if (buffer_write_io_error(bh)) {
		clear_buffer_write_io_error(bh);
		set_buffer_uptodate(bh);
	}
	unlock_buffer(bh);
}

/* What comes from the disk next has not been verified, whatever the buffer held before. */
static void vexfs_bh_forget(struct buffer_head *bh)
{
	lock_buffer(bh);
	if (!buffer_uptodate(bh)) {
		clear_buffer_vexfs_verified(bh);
		clear_buffer_vexfs_checked(bh);
	}
	unlock_buffer(bh);
}

struct buffer_head *vexfs_bread(struct super_block *sb, u64 blkno)
{
	struct buffer_head *bh = sb_getblk(sb, blkno);

	if (!bh)
		return NULL;
	if (buffer_write_io_error(bh) && !buffer_uptodate(bh))
		vexfs_bh_keep(bh);
	if (buffer_uptodate(bh))
		return bh;
	vexfs_bh_forget(bh);
	brelse(bh);
	return sb_bread(sb, blkno);
}

/* The inode to name in a message: what a block's header says of its owner, for kinds that have one. */
static u64 vexfs_md_ino(u32 magic, u64 owner)
{
	bool has = magic == VEXFS_MAGIC_NODE || magic == VEXFS_MAGIC_DIR ||
		   magic == VEXFS_MAGIC_CHAIN || magic == VEXFS_MAGIC_SYMLINK ||
		   magic == VEXFS_MAGIC_SLOT || magic == VEXFS_MAGIC_XATTR ||
		   magic == VEXFS_MAGIC_VALUE;

	return has && owner < VEXFS_OWNER_COLL ? owner : 0;
}

/*
 * Two who read a block at the same time both verify it. The first may have gone
 * on to change it before the second was done, whose checksum then is wrong; but
 * the flag was set before the change.
 */
static bool vexfs_md_verified_meanwhile(struct buffer_head *bh)
{
	/* The content was read before: if it was the changed one, the flag is seen. */
	smp_rmb();
	return buffer_vexfs_verified(bh);
}

static int vexfs_md_verify(struct super_block *sb, struct buffer_head *bh, u32 magic, u32 magic2,
			   u64 owner)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	const struct vexfs_mdhdr *h = (const void *)bh->b_data;
	const char *what;

	/* The checksum in a buffer that changed since is not current; the
	 * flag says that the content never came unverified from the disk. */
	if (buffer_vexfs_verified(bh)) {
		u32 m = le32_to_cpu(h->h_magic);

		if ((m == magic || (magic2 && m == magic2)) && le64_to_cpu(h->h_owner) == owner)
			return 0;
		return vexfs_corrupt(sb, vexfs_md_ino(magic, owner), bh->b_blocknr,
				     "block belongs to something else");
	}
	what = vexfs_mdhdr_verify(bh->b_data, &sbi->geo, magic, magic2, bh->b_blocknr, owner);
	if (what && vexfs_md_verified_meanwhile(bh))
		return vexfs_md_verify(sb, bh, magic, magic2, owner);
	if (what)
		return vexfs_corrupt(sb, vexfs_md_ino(magic, owner), bh->b_blocknr, what);
	if (!vexfs_claim_metadata(bh))
		return vexfs_corrupt(sb, vexfs_md_ino(magic, owner), bh->b_blocknr,
				     "block of metadata is payload of a collection as well");
	return 0;
}

struct buffer_head *vexfs_md_read(struct super_block *sb, u64 blkno, u32 magic, u32 magic2,
				  u64 owner)
{
	struct buffer_head *bh;
	int err;

	if (!blkno || blkno >= vexfs_geo_blocks(&VEXFS_SB(sb)->geo))
		return ERR_PTR(vexfs_corrupt(sb, vexfs_md_ino(magic, owner), blkno,
					     "block address outside the device"));
	if (vexfs_is_shutdown(sb))
		return ERR_PTR(-EIO);
	bh = vexfs_bread(sb, blkno);
	if (!bh)
		return ERR_PTR(vexfs_read_error(sb, vexfs_md_ino(magic, owner), blkno,
						"metadata read failed"));
	err = vexfs_md_verify(sb, bh, magic, magic2, owner);
	if (err) {
		brelse(bh);
		return ERR_PTR(err);
	}
	return bh;
}

struct buffer_head *vexfs_md_create(handle_t *handle, struct super_block *sb, u64 blkno, u32 magic,
				    u64 owner)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct buffer_head *bh = sb_getblk(sb, blkno);
	int err;

	if (!bh)
		return ERR_PTR(-ENOMEM);
	if (!vexfs_claim_metadata(bh)) {
		brelse(bh);
		return ERR_PTR(vexfs_corrupt(sb, vexfs_md_ino(magic, owner), blkno,
					     "free block is payload of a collection"));
	}
	clear_buffer_vexfs_checked(bh);
	lock_buffer(bh);
	err = jbd2_journal_get_create_access(handle, bh);
	if (err) {
		clear_buffer_vexfs_verified(bh);
		unlock_buffer(bh);
		brelse(bh);
		return ERR_PTR(err);
	}
	vexfs_mdhdr_init(bh->b_data, &sbi->geo, magic, blkno, owner);
	set_buffer_uptodate(bh);
	unlock_buffer(bh);
	jbd2_journal_set_triggers(bh, &sbi->trigger);
	return bh;
}

int vexfs_md_modify(handle_t *handle, struct super_block *sb, struct buffer_head *bh)
{
	int err;

	if (buffer_write_io_error(bh) && !buffer_uptodate(bh))
		vexfs_bh_keep(bh);
	err = jbd2_journal_get_write_access(handle, bh);
	if (err)
		return vexfs_write_error(sb, 0, bh->b_blocknr, "no journal access", err);
	jbd2_journal_set_triggers(bh, &VEXFS_SB(sb)->trigger);
	return 0;
}

int vexfs_md_dirty(handle_t *handle, struct super_block *sb, struct buffer_head *bh)
{
	int err = jbd2_journal_dirty_metadata(handle, bh);

	handle->h_type = VEXFS_HANDLE_CHANGED;
	if (err)
		return vexfs_write_error(sb, 0, bh->b_blocknr,
					 "metadata not accepted by the journal", err);
	return 0;
}

/* ---- core's block access ----------------------------------------------------- */

static struct vexfs_kio *to_kio(struct vexfs_io *io)
{
	return container_of(io, struct vexfs_kio, io);
}

static void vexfs_kio_pin(struct vexfs_blk *b, struct buffer_head *bh)
{
	b->blkno = bh->b_blocknr;
	b->data = bh->b_data;
	b->priv = bh;
}

static bool vexfs_kio_cached(struct vexfs_io *io, u64 blkno)
{
	struct buffer_head *bh = sb_find_get_block(to_kio(io)->sb, blkno);
	bool cached = bh && buffer_uptodate(bh) && buffer_vexfs_verified(bh);

	brelse(bh);
	return cached;
}

static int vexfs_kio_read(struct vexfs_io *io, u64 blkno, u32 magic, u32 magic2, u64 owner,
			  struct vexfs_blk *b)
{
	struct buffer_head *bh;

	if (to_kio(io)->nowait && !vexfs_kio_cached(io, blkno)) {
		to_kio(io)->missing = blkno;
		return -EAGAIN;
	}
	bh = vexfs_md_read(to_kio(io)->sb, blkno, magic, magic2, owner);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	vexfs_kio_pin(b, bh);
	return 0;
}

static int vexfs_kio_modify(struct vexfs_io *io, struct vexfs_blk *b)
{
	return vexfs_md_modify(to_kio(io)->handle, to_kio(io)->sb, b->priv);
}

static int vexfs_kio_dirty(struct vexfs_io *io, struct vexfs_blk *b)
{
	return vexfs_md_dirty(to_kio(io)->handle, to_kio(io)->sb, b->priv);
}

static void vexfs_kio_put(struct vexfs_io *io, struct vexfs_blk *b)
{
	brelse(b->priv);
	memset(b, 0, sizeof(*b));
}

static int vexfs_kio_alloc(struct vexfs_io *io, u64 goal, u32 magic, u64 owner,
			   struct vexfs_blk *b)
{
	struct vexfs_kio *kio = to_kio(io);
	/* What was promised goes first. */
	enum vexfs_room room = kio->promised && *kio->promised ? VEXFS_ROOM_PROMISED : kio->room;
	struct buffer_head *bh;
	u32 len = 1;
	u64 blkno;
	int err = vexfs_charge_blocks(kio->charge, 1, room != VEXFS_ROOM_NORMAL);

	if (err)
		return err;
	err = vexfs_alloc_blocks(kio->handle, kio->sb, goal, &blkno, &len, room);
	if (err)
		goto fail;
	if (room == VEXFS_ROOM_PROMISED)
		--*kio->promised;
	bh = vexfs_md_create(kio->handle, kio->sb, blkno, magic, owner);
	if (IS_ERR(bh)) {
		vexfs_free_blocks(kio->handle, kio->sb, blkno, 1);
		err = PTR_ERR(bh);
		goto fail;
	}
	vexfs_kio_pin(b, bh);
	return 0;
fail:
	vexfs_uncharge_blocks(kio->charge, 1);
	return err;
}

/* Revoked in the same transaction: a replay must not write the old content over
 * what the block will have become. What can fail for a read comes first, since a
 * revoked block is not written any more. */
static int vexfs_kio_free(struct vexfs_io *io, struct vexfs_blk *b)
{
	struct vexfs_kio *kio = to_kio(io);
	struct buffer_head *bh = b->priv;
	u64 blkno = b->blkno;
	int err;

	memset(b, 0, sizeof(*b));
	err = vexfs_free_blocks(kio->handle, kio->sb, blkno, 1);
	if (err) {
		brelse(bh);
		return err;
	}
	vexfs_uncharge_blocks(kio->charge, 1);
	clear_buffer_vexfs_verified(bh);
	clear_buffer_vexfs_checked(bh);
	err = jbd2_journal_revoke(kio->handle, blkno, bh);
	if (!err)		/* which has consumed it */
		return 0;
	brelse(bh);
	return vexfs_write_error(kio->sb, kio->owner_ino, blkno, "revoke failed", err);
}

/*
 * A block's contents are verified once after they came from the disk. That is enough:
 *  - only core changes them, under the lock of the block's tree; the buffer is in no other hands,
 *    since a buffer is not payload and metadata at a time (vexfs_claim_metadata());
 *  - freeing the block takes the flag away, and so does making it a new one, of any kind;
 *  - a buffer that is read again has lost the flag (vexfs_bh_forget()), and one that left memory
 *    comes back without; what an earlier mount left is dropped by the next (vexfs_read_super());
 *  - magic and owner are compared at every access (vexfs_md_verify()), so the flag is only looked at
 *    by the tree that set it, and what depends on the place in the tree is checked each time
 *    (vexfs_tree_block_check()).
 * Who writes to the device of a mounted filesystem can break this, as with any other filesystem.
 */
static bool vexfs_kio_checked(struct vexfs_io *io, const struct vexfs_blk *b)
{
	return buffer_vexfs_checked((struct buffer_head *)b->priv);
}

static void vexfs_kio_set_checked(struct vexfs_io *io, struct vexfs_blk *b)
{
	set_buffer_vexfs_checked((struct buffer_head *)b->priv);
}

static int vexfs_kio_corrupt(struct vexfs_io *io, u64 blkno, const char *what)
{
	return vexfs_corrupt(to_kio(io)->sb, to_kio(io)->owner_ino, blkno, what);
}

static const struct vexfs_io_ops vexfs_kio_ops = {
	.read = vexfs_kio_read,
	.modify = vexfs_kio_modify,
	.dirty = vexfs_kio_dirty,
	.put = vexfs_kio_put,
	.alloc = vexfs_kio_alloc,
	.free = vexfs_kio_free,
	.cached = vexfs_kio_cached,
	.checked = vexfs_kio_checked,
	.set_checked = vexfs_kio_set_checked,
	.corrupt = vexfs_kio_corrupt,
};

void vexfs_kio_init(struct vexfs_kio *kio, struct super_block *sb, handle_t *handle, u64 ino)
{
	kio->io.ops = &vexfs_kio_ops;
	kio->io.nblocks = 0;	/* it may grow before the kio is done with */
	kio->io.geo = &VEXFS_SB(sb)->geo;
	kio->sb = sb;
	kio->handle = handle;
	kio->owner_ino = ino;
	kio->charge = NULL;
	kio->room = VEXFS_ROOM_NORMAL;
	kio->promised = NULL;
	kio->nowait = false;
	kio->missing = 0;
}
