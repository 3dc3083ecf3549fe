// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes between the VFS and the inode table.
 *
 * An inode is written into its journaled table block whenever it changes
 * (vexfs_mark_inode_dirty), so there is nothing left to do at writeback but to
 * wait for a commit.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"
#include "kmod/xattr.h"
#include "kmod/vec/trace.h"
#include <linux/blkdev.h>
#include <linux/iversion.h>
#include <linux/posix_acl.h>
#include <linux/xattr.h>

/* ---- reading ------------------------------------------------------------- */

static struct timespec64 vexfs_time(__le64 sec, __le32 nsec)
{
	return (struct timespec64){
		.tv_sec = (s64)le64_to_cpu(sec),
		.tv_nsec = min_t(u32, le32_to_cpu(nsec), NSEC_PER_SEC - 1),
	};
}

static void vexfs_fill_times(struct inode *inode, const struct vexfs_inode *di)
{
	vexfs_set_atime(inode, vexfs_time(di->i_atime, di->i_atime_nsec));
	vexfs_set_mtime(inode, vexfs_time(di->i_mtime, di->i_mtime_nsec));
	vexfs_set_ctime(inode, vexfs_time(di->i_ctime, di->i_ctime_nsec));
	VEXFS_I(inode)->btime = vexfs_time(di->i_btime, di->i_btime_nsec);
}

/* fsync of an inode just read must wait for whatever is not committed yet. */
static void vexfs_init_tids(struct inode *inode)
{
	journal_t *journal = VEXFS_SB(inode->i_sb)->journal;
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	tid_t tid;

	read_lock(&journal->j_state_lock);
	if (journal->j_running_transaction)
		tid = journal->j_running_transaction->t_tid;
	else if (journal->j_committing_transaction)
		tid = journal->j_committing_transaction->t_tid;
	else
		tid = journal->j_commit_sequence;
	read_unlock(&journal->j_state_lock);
	vi->sync_tid = tid;
	vi->datasync_tid = tid;
	vi->stale_tid = 0;
}

static void vexfs_fill_inode(struct inode *inode, const struct vexfs_inode *di)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	inode->i_mode = le16_to_cpu(di->i_mode);
	i_uid_write(inode, le32_to_cpu(di->i_uid));
	i_gid_write(inode, le32_to_cpu(di->i_gid));
	set_nlink(inode, le32_to_cpu(di->i_nlink));
	inode->i_generation = le32_to_cpu(di->i_generation);
	i_size_write(inode, le64_to_cpu(di->i_size));
	vi->charged = le64_to_cpu(di->i_charged);
	inode_set_bytes(inode, (le64_to_cpu(di->i_blocks) << VEXFS_BLOCK_SHIFT) + vi->charged);
	vexfs_fill_times(inode, di);
	inode_set_iversion_queried(inode, le64_to_cpu(di->i_version));
	vi->disksize = le64_to_cpu(di->i_size);
	vi->flags = le32_to_cpu(di->i_flags);
	vi->projid = le32_to_cpu(di->i_projid);
	vi->xattr_block = le64_to_cpu(di->i_xattr_block);
	memcpy(vi->xattr, di->i_xattr, sizeof(vi->xattr));
	vi->datagen = le64_to_cpu(di->i_datagen);
	vi->vecmask = le64_to_cpu(di->i_vecmask);
	vi->change = le64_to_cpu(di->i_change_epoch);
	/* Whether an embedding saw this generation is not stored: assume so. */
	vi->datagen_seen = vi->vecmask != 0;
	/* The same for searches: one may remember a verdict from before it was evicted. */
	vi->judged = true;
	vi->unwritten_known = !di->i_blocks;
	vi->keep = di->i_blocks ? VEXFS_MAX_LBLK : 0;
	memcpy(vi->links, di->i_links, sizeof(vi->links));
	vi->link_block = le64_to_cpu(di->i_link_block);
	memcpy(vi->symlink, di->i_symlink, VEXFS_SYMLINK_INLINE);
	vi->symlink[VEXFS_SYMLINK_INLINE] = 0;
	vexfs_flags_to_vfs(inode);
	/* What it has is charged through its owner, or to nobody. */
	if (vi->flags & VEXFS_INODE_HIDDEN)
		inode->i_flags |= S_NOQUOTA;
	if (S_ISCHR(inode->i_mode) || S_ISBLK(inode->i_mode))
		inode->i_rdev = new_decode_dev(le32_to_cpu(di->i_rdev));
}

/* The table block of @ino, and where in it; -ESTALE: that block was never written. */
struct buffer_head *vexfs_itable_read(struct super_block *sb, u64 ino, struct vexfs_inode **di)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 group = vexfs_ino_group(&sbi->geo, ino);
	u32 block = vexfs_ino_index(&sbi->geo, ino) / VEXFS_INODES_PER_BLOCK;
	u64 blkno = vexfs_ino_block(&sbi->geo, ino);
	struct buffer_head *bh;

	if (block >= le32_to_cpu(vexfs_gd(sbi, group, NULL)->gd_itable_init))
		return ERR_PTR(-ESTALE);
	if (vexfs_is_shutdown(sb))
		return ERR_PTR(-EIO);
	bh = vexfs_bread(sb, blkno);
	if (!bh)
		return ERR_PTR(vexfs_read_error(sb, ino, blkno, "inode read failed"));
	*di = (void *)(bh->b_data + vexfs_ino_offset(&sbi->geo, ino));
	return bh;
}

static int vexfs_check_kind(struct inode *inode, const struct vexfs_inode *di, unsigned int flags)
{
	bool hidden = le32_to_cpu(di->i_flags) & VEXFS_INODE_HIDDEN;

	if (hidden && !(flags & VEXFS_IGET_HIDDEN))
		return flags & VEXFS_IGET_MAYBE ? -ESTALE :
			vexfs_corrupt(inode->i_sb, inode->i_ino, 0, "a name leads to a hidden inode");
	/* Nobody but the orphan table may bring in one without a link: its last iput would free it. */
	if (di->i_nlink || (flags & VEXFS_IGET_ORPHAN))
		return 0;
	return flags & VEXFS_IGET_MAYBE ? -ESTALE :
		vexfs_corrupt(inode->i_sb, inode->i_ino, 0, "inode in use has no links");
}

static int vexfs_read_inode(struct inode *inode, unsigned int flags)
{
	struct super_block *sb = inode->i_sb;
	struct vexfs_inode *di;
	struct buffer_head *bh = vexfs_itable_read(sb, inode->i_ino, &di);
	const char *what;
	int err = 0;

	if (IS_ERR(bh))
		return PTR_ERR(bh) == -ESTALE && !(flags & VEXFS_IGET_MAYBE) ?
			vexfs_corrupt(sb, inode->i_ino, 0, "inode in use was never written") :
			PTR_ERR(bh);
	what = vexfs_inode_verify(di, &VEXFS_SB(sb)->geo, inode->i_ino);
	if (!di->i_mode && (flags & VEXFS_IGET_MAYBE))
		err = -ESTALE;
	else if (what)
		err = vexfs_corrupt(sb, inode->i_ino, bh->b_blocknr, what);
	else
		err = vexfs_check_kind(inode, di, flags);
	if (!err) {
		vexfs_fill_inode(inode, di);
		vexfs_init_tids(inode);
		vexfs_orphan_return(inode);
		trace_vexfs_inode_read(inode);
	}
	brelse(bh);
	return err;
}

bool vexfs_being_created(struct super_block *sb, u64 ino)
{
	struct inode *inode;
	bool creating;

	rcu_read_lock();
	inode = find_inode_by_ino_rcu(sb, ino);
	creating = inode && (vexfs_inode_state(inode) & I_CREATING);
	rcu_read_unlock();
	return creating;
}

/*
 * iget_locked() answers NULL for two reasons: no memory, or an inode that has
 * its number but is not complete (I_CREATING). Who comes by a number that may be
 * stale can meet the second: the file it was about is gone then.
 */
static struct inode *vexfs_iget_locked(struct super_block *sb, u64 ino)
{
	struct inode *inode;
	int try;

	for (try = 0; try < 3; try++) {
		inode = iget_locked(sb, ino);
		if (inode)
			return inode;
		if (vexfs_being_created(sb, ino))
			return ERR_PTR(-ESTALE);
		/* It may have been, and is complete or gone now. */
	}
	return ERR_PTR(-ENOMEM);
}

struct inode *vexfs_iget(struct super_block *sb, u64 ino, unsigned int flags)
{
	struct inode *inode;
	int err;

	if (!vexfs_ino_valid(&VEXFS_SB(sb)->geo, ino)) {
		if (flags & VEXFS_IGET_MAYBE)
			return ERR_PTR(-ESTALE);
		return ERR_PTR(vexfs_corrupt(sb, ino, 0, "inode number out of range"));
	}
	inode = vexfs_iget_locked(sb, ino);
	if (IS_ERR(inode))
		return inode;
	if (!(vexfs_inode_state(inode) & I_NEW)) {
		/* Somebody who wanted a hidden one may have brought it in. */
		if ((VEXFS_I(inode)->flags & VEXFS_INODE_HIDDEN) && !(flags & VEXFS_IGET_HIDDEN)) {
			iput(inode);
			return ERR_PTR(-ESTALE);
		}
		return inode;
	}
	err = vexfs_read_inode(inode, flags);
	if (err) {
		iget_failed(inode);
		return ERR_PTR(err);
	}
	err = vexfs_quota_init(inode);
	if (err) {
		iget_failed(inode);
		return ERR_PTR(err);
	}
	vexfs_set_inode_ops(inode);
	unlock_new_inode(inode);
	return inode;
}

static void vexfs_set_symlink_ops(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	if (i_size_read(inode) > VEXFS_SYMLINK_INLINE) {
		inode->i_op = &vexfs_symlink_iops;
		return;
	}
	vi->symlink[i_size_read(inode)] = 0;
	inode->i_link = vi->symlink;
	inode->i_op = &vexfs_fast_symlink_iops;
}

void vexfs_set_inode_ops(struct inode *inode)
{
	if (S_ISREG(inode->i_mode)) {
		inode->i_op = &vexfs_file_iops;
		inode->i_fop = &vexfs_file_fops;
		inode->i_mapping->a_ops = &vexfs_aops;
		vexfs_large_folios(inode);
	} else if (S_ISDIR(inode->i_mode)) {
		inode->i_op = &vexfs_dir_iops;
		inode->i_fop = &vexfs_dir_fops;
	} else if (S_ISLNK(inode->i_mode)) {
		vexfs_set_symlink_ops(inode);
	} else {
		inode->i_op = &vexfs_special_iops;
		init_special_inode(inode, inode->i_mode, inode->i_rdev);
	}
}

/* ---- writing -------------------------------------------------------------- */

static void vexfs_store_times(struct inode *inode, struct vexfs_inode *di)
{
	struct timespec64 a = vexfs_atime(inode), m = vexfs_mtime(inode), c = vexfs_ctime(inode);
	struct timespec64 b = VEXFS_I(inode)->btime;

	di->i_atime = cpu_to_le64(a.tv_sec);
	di->i_atime_nsec = cpu_to_le32(a.tv_nsec);
	di->i_mtime = cpu_to_le64(m.tv_sec);
	di->i_mtime_nsec = cpu_to_le32(m.tv_nsec);
	di->i_ctime = cpu_to_le64(c.tv_sec);
	di->i_ctime_nsec = cpu_to_le32(c.tv_nsec);
	di->i_btime = cpu_to_le64(b.tv_sec);
	di->i_btime_nsec = cpu_to_le32(b.tv_nsec);
}

/* vi->lock held: two writers of one inode must not interleave. A root that
 * changes at this moment is written again by whoever changes it, in the same
 * transaction, which cannot commit before that handle has stopped. */
static void vexfs_store_inode(struct inode *inode, struct vexfs_inode *di)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	loff_t size = S_ISREG(inode->i_mode) ? vi->disksize : i_size_read(inode);
	__le64 orphan_next = di->i_orphan_next;		/* orphan.c alone changes it */

	/* In a new inode nothing counts; in a used one, what features keep that this module does not know. */
	if (!di->i_mode)
		memset(di, 0, sizeof(*di));
	di->i_orphan_next = orphan_next;
	di->i_magic = cpu_to_le16(VEXFS_INODE_MAGIC);
	di->i_mode = cpu_to_le16(inode->i_mode);
	di->i_ino = cpu_to_le64(inode->i_ino);
	di->i_uid = cpu_to_le32(i_uid_read(inode));
	di->i_gid = cpu_to_le32(i_gid_read(inode));
	di->i_nlink = cpu_to_le32(inode->i_nlink);
	di->i_generation = cpu_to_le32(inode->i_generation);
	di->i_size = cpu_to_le64(size);
	di->i_blocks = cpu_to_le64(vexfs_inode_blocks(inode));
	di->i_charged = cpu_to_le64(vi->charged);
	vexfs_store_times(inode, di);
	di->i_version = cpu_to_le64(inode_peek_iversion(inode));
	di->i_flags = cpu_to_le32(vi->flags);
	di->i_projid = cpu_to_le32(vi->projid);
	di->i_datagen = cpu_to_le64(vi->datagen);
	di->i_vecmask = cpu_to_le64(vi->vecmask);
	di->i_change_epoch = cpu_to_le64(READ_ONCE(vi->change));
	di->i_xattr_block = cpu_to_le64(vi->xattr_block);
	memcpy(di->i_xattr, vi->xattr, sizeof(di->i_xattr));
	if (S_ISCHR(inode->i_mode) || S_ISBLK(inode->i_mode))
		di->i_rdev = cpu_to_le32(new_encode_dev(inode->i_rdev));
	memcpy(di->i_links, vi->links, sizeof(di->i_links));
	di->i_link_block = cpu_to_le64(vi->link_block);
	memcpy(di->i_symlink, vi->symlink, VEXFS_SYMLINK_INLINE);
	vexfs_inode_seal(di);
}

/**
 * vexfs_inode_access - take what vexfs_mark_inode_dirty() needs
 * @handle: with a credit for the inode's table block
 * @inode:  any
 *
 * Until the handle has stopped, writing the inode fails only if the journal has
 * been aborted. For the beginning of an operation, before anything of it shows.
 */
int vexfs_inode_access(handle_t *handle, struct inode *inode)
{
	struct vexfs_inode *di;
	struct buffer_head *bh = vexfs_itable_read(inode->i_sb, inode->i_ino, &di);
	int err;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = jbd2_journal_get_write_access(handle, bh);
	brelse(bh);
	return err;
}

/* @datasync: fdatasync has to wait for this, too. */
static int vexfs_write_inode_to(handle_t *handle, struct inode *inode, bool datasync)
{
	struct super_block *sb = inode->i_sb;
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_inode *di;
	struct buffer_head *bh = vexfs_itable_read(sb, inode->i_ino, &di);
	int err;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = jbd2_journal_get_write_access(handle, bh);
	if (!err) {
		spin_lock(&vi->lock);
		vexfs_store_inode(inode, di);
		spin_unlock(&vi->lock);
		err = vexfs_md_dirty(handle, sb, bh);
		vi->sync_tid = handle->h_transaction->t_tid;
		if (datasync)
			vi->datasync_tid = handle->h_transaction->t_tid;
	}
	brelse(bh);
	return err;
}

/**
 * vexfs_mark_inode_dirty - write the inode into its table block
 * @handle: with one credit left
 * @inode:  any; data_sem may be held
 *
 * The checksum is computed here rather than by a trigger: a trigger would have
 * to seal all eight inodes of the block, and would make a damaged neighbour
 * look sound.
 */
int vexfs_mark_inode_dirty(handle_t *handle, struct inode *inode)
{
	return vexfs_write_inode_to(handle, inode, true);
}

/* The VFS changed times or the like. Times alone are nothing that fdatasync has to keep. */
void vexfs_dirty_inode(struct inode *inode, int flags)
{
	handle_t *handle;

	if (flags == I_DIRTY_TIME)
		return;
	handle = vexfs_start(inode->i_sb, 1, 0);
	if (IS_ERR(handle))
		return;
	vexfs_write_inode_to(handle, inode, flags & I_DIRTY_DATASYNC);
	vexfs_stop(handle);
}

int vexfs_write_inode(struct inode *inode, struct writeback_control *wbc)
{
	/* sync(2) comes with sync_fs, which commits for all inodes at once. */
	if (wbc->sync_mode != WB_SYNC_ALL || wbc->for_sync || (current->flags & PF_MEMALLOC))
		return 0;
	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	return jbd2_complete_transaction(VEXFS_SB(inode->i_sb)->journal, VEXFS_I(inode)->sync_tid);
}

/* ---- content generations --------------------------------------------------------- */

/* From here on a change of content must move the generation. */
static u64 vexfs_datagen_record(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 gen;

	spin_lock(&vi->lock);
	vi->datagen_seen = true;
	gen = vi->datagen;
	spin_unlock(&vi->lock);
	return gen;
}

/**
 * vexfs_datagen_settle - the generation of the content as it is at this moment
 * @inode: a regular file; i_rwsem held for writing, nothing below it, not in a handle
 * @gen:   out: every later change of the content moves on from it
 *
 * Nobody may be in the middle of a change that was announced before: i_rwsem keeps
 * write(2) and truncate out, direct writes in flight are waited for, and writing the
 * dirty pages makes them read-only in every mapping, so that the next store faults.
 * It also brings the content to the disk before anything that is made from it.
 *
 * Return: 0, or an error of writing the content.
 */
int vexfs_datagen_settle(struct inode *inode, u64 *gen)
{
	struct address_space *mapping = inode->i_mapping;
	int err;

	inode_dio_wait(inode);
	filemap_invalidate_lock(mapping);
	err = filemap_write_and_wait(mapping);
	if (!err)
		*gen = vexfs_datagen_record(inode);
	filemap_invalidate_unlock(mapping);
	return err;
}

/* Move the generation, once. stale_tid comes first: who finds nothing left to do
 * writes content that has to wait for it. */
static u64 vexfs_datagen_move(struct inode *inode, tid_t tid)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 gen;

	spin_lock(&vi->lock);
	if (vi->datagen_seen) {
		WRITE_ONCE(vi->stale_tid, tid);
		vi->datagen++;
		/* Pairs with vexfs_content_unnoted(): who finds nothing to note waits for this tid. */
		smp_store_release(&vi->datagen_seen, false);
	}
	gen = vi->datagen;
	spin_unlock(&vi->lock);
	return gen;
}

/* Does a change of content have to be written down first? */
bool vexfs_content_unnoted(struct inode *inode)
{
	/* Pairs with the release above. */
	return smp_load_acquire(&VEXFS_I(inode)->datagen_seen) || (inode->i_nlink && vexfs_feed_due(inode));
}

/* In the feed and of another generation, in one handle. */
static int vexfs_content_change_once(struct inode *inode)
{
	handle_t *handle;
	u64 gen;
	int err = vexfs_feed_prepare(inode), err2;

	if (err)
		return err;
	handle = vexfs_start(inode->i_sb, 1 + vexfs_feed_credits(inode->i_sb), VEXFS_MAX_LEVEL);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = inode->i_nlink ? vexfs_feed_touch(handle, inode) : 0;
	if (!err) {
		gen = vexfs_datagen_move(inode, handle->h_transaction->t_tid);
		trace_vexfs_stale(inode, gen, vexfs_handle_tid(handle));
		err = vexfs_mark_inode_dirty(handle, inode);
	}
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/*
 * Called before content changes. The new generation, and the number in the feed, must be
 * on disk before the new content is: writeback waits for the transaction noted in stale_tid.
 */
int vexfs_content_changed(struct inode *inode)
{
	unsigned int seq = vexfs_room_seq(VEXFS_SB(inode->i_sb));
	int err, tries = 0;

	if (!vexfs_content_unnoted(inode))
		return 0;
	do {
		err = vexfs_content_change_once(inode);
	} while (err == -ENOSPC && vexfs_room_retry(inode->i_sb, &seq, &tries));
	/* Not on its way to the disk: the next change has to try again. */
	if (err)
		vexfs_datagen_record(inode);
	return err;
}

/* ---- attributes -------------------------------------------------------------------- */

/**
 * vexfs_zero_tail - zero the rest of the block that ends a file which is to grow
 * @inode: the file
 * @from:  its size in bytes
 * @to:    the first byte that will be written, or the new size
 *
 * In memory and on disk: what lies there may be old content. i_rwsem held, not in a
 * handle. The size stays: what makes the file grow may fail.
 *
 * Returns 0 or -errno.
 */
int vexfs_zero_tail(struct inode *inode, loff_t from, loff_t to)
{
	loff_t block_end = round_up(from, VEXFS_BLOCK_SIZE);
	int err;

	if (from == block_end || from >= to)
		return 0;
	/* A dirty page over an unwritten block would be skipped by zero_range:
	 * writing it out makes it a written block, and zeroes past the end. */
	err = filemap_write_and_wait_range(inode->i_mapping, from, block_end - 1);
	if (!err)
		err = vexfs_zero_range(inode, from, min(to, block_end) - from, &vexfs_iomap_ops,
				       &vexfs_folio_ops);
	/* Before 6.10 this moves the size as a write does. */
	if (i_size_read(inode) != from)
		i_size_write(inode, from);
	return err;
}

int vexfs_grow(struct inode *inode, loff_t size)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	loff_t old = i_size_read(inode);
	handle_t *handle;
	int err = vexfs_zero_tail(inode, old, size), err2;

	if (!err && !IS_ALIGNED(old, VEXFS_BLOCK_SIZE))
		err = filemap_write_and_wait_range(inode->i_mapping, round_down(old, VEXFS_BLOCK_SIZE),
						   old);
	if (err)
		return err;
	handle = vexfs_start(inode->i_sb, 1, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_inode_access(handle, inode);
	if (!err) {
		i_size_write(inode, size);
		vexfs_touch(inode);
		down_write(&vi->data_sem);
		vi->disksize = max(vi->disksize, size);
		up_write(&vi->data_sem);
		err = vexfs_mark_inode_dirty(handle, inode);
	}
	err2 = vexfs_stop(handle);
	pagecache_isize_extended(inode, old, i_size_read(inode));
	return err ? err : err2;
}

/*
 * i_rwsem and invalidate_lock held. The size may not move in memory before the
 * inode is an orphan and the end of the last block can be zeroed; after that,
 * freeing may fail (a damaged tree), but is finished before the file grows.
 */
static int vexfs_shrink(struct inode *inode, loff_t size)
{
	loff_t end = min_t(loff_t, round_up(size, VEXFS_BLOCK_SIZE), i_size_read(inode));
	int err = vexfs_truncate_begin(inode);

	if (err)
		return err;
	if (size < end)
		err = vexfs_zero_range(inode, size, end - size, &vexfs_iomap_ops, &vexfs_folio_ops);
	if (err) {
		vexfs_truncate_cancel(inode);
		return err;
	}
	truncate_setsize(inode, size);
	vexfs_touch(inode);
	vexfs_truncate_finish(inode);
	return 0;
}

static int vexfs_setsize(struct inode *inode, loff_t size)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err;

	if (size == i_size_read(inode) && size == vi->disksize && !vi->truncating)
		return vexfs_trim_all(inode);
	err = vexfs_content_changed(inode);
	if (err)
		return err;
	inode_dio_wait(inode);
	filemap_invalidate_lock(inode->i_mapping);
	err = vexfs_truncate_retry(inode);
	if (!err && !size)
		WRITE_ONCE(vi->rewritten, true);
	if (!err && size > i_size_read(inode))
		err = vexfs_grow(inode, size);
	else if (!err)
		err = vexfs_shrink(inode, size);
	filemap_invalidate_unlock(inode->i_mapping);
	return err;
}

/* What the inode has goes to the new owners, and the ACL changes: both or neither. */
static int vexfs_chown_acl(handle_t *handle, vexfs_idmap_t *idmap, struct inode *inode, struct iattr *attr,
			   struct vexfs_xattr_plan *acl)
{
	int err = vexfs_quota_chown(idmap, inode, attr);

	if (err || !acl)
		return err;
	err = vexfs_xattr_apply(handle, inode, acl);
	if (err)
		vexfs_quota_chown_undo(inode);
	return err;
}

/* @resized: cannot be undone from here. @acl: what goes with the mode, NULL: nothing. */
static int vexfs_set_attributes(vexfs_idmap_t *idmap, struct inode *inode, struct iattr *attr,
				bool resized, struct vexfs_xattr_plan *acl)
{
	int credits = 1 + (acl ? vexfs_xattr_credits(inode->i_sb, acl) : 0), revokes = acl ? 1 + VEXFS_MAX_LEVEL : 0;
	bool perm = attr->ia_valid & (ATTR_MODE | ATTR_UID | ATTR_GID);
	handle_t *handle;
	int err, err2;

	if (perm) {
		err = vexfs_feed_prepare(inode);
		if (err)
			return err;
		credits += vexfs_feed_credits(inode->i_sb);
		revokes += VEXFS_MAX_LEVEL;
	}
	handle = resized ? vexfs_start_nofail(inode->i_sb, credits, revokes) :
			   vexfs_start(inode->i_sb, credits, revokes);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	if (IS_SYNC(inode))
		handle->h_sync = 1;
	err = vexfs_inode_access(handle, inode);
	if (!err && perm)
		err = vexfs_feed_touch(handle, inode);
	if (!err)
		err = vexfs_chown_acl(handle, idmap, inode, attr, acl);
	if (!err) {
		setattr_copy(idmap, inode, attr);
		if (perm)
			vexfs_perm_changed(inode);
		inode_inc_iversion(inode);
		err = vexfs_mark_inode_dirty(handle, inode);
	}
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/* The same for a file with an ACL that changes with the mode: @e is the new one. Takes xattr_sem. */
static int vexfs_set_mode_acl(vexfs_idmap_t *idmap, struct inode *inode, struct iattr *attr, bool resized,
			      const struct vexfs_xattr_ent *e)
{
	unsigned int seq = vexfs_room_seq(VEXFS_SB(inode->i_sb));
	struct vexfs_xattr_plan p = { };
	int err, tries = 0;

	down_write(&VEXFS_I(inode)->xattr_sem);
	do {
		err = vexfs_xattr_prepare(inode, e, false, 0, &p);
		if (!err)
			err = vexfs_set_attributes(idmap, inode, attr, resized, &p);
		vexfs_xattr_done(&p);
	} while (err == -ENOSPC && vexfs_room_retry(inode->i_sb, &seq, &tries));
	up_write(&VEXFS_I(inode)->xattr_sem);
	return err;
}

static int vexfs_set_rest(vexfs_idmap_t *idmap, struct inode *inode, struct iattr *attr, bool resized)
{
	struct posix_acl *acl = NULL;
	struct vexfs_xattr_ent e = { };
	int err = 0;

	if (attr->ia_valid & ATTR_MODE)
		err = vexfs_acl_chmod(inode, attr->ia_mode, &acl, &e);
	if (!err && !acl)
		err = vexfs_set_attributes(idmap, inode, attr, resized, NULL);
	else if (!err)
		err = vexfs_set_mode_acl(idmap, inode, attr, resized, &e);
	if (!err && acl) {
		set_cached_acl(inode, ACL_TYPE_ACCESS, acl);
		vexfs_perm_changed(inode);
	}
	kvfree(e.value);
	posix_acl_release(acl);
	return err;
}

int vexfs_setattr(vexfs_idmap_t *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	bool resize = (attr->ia_valid & ATTR_SIZE) && S_ISREG(inode->i_mode);
	int err = setattr_prepare(idmap, dentry, attr);
	struct inode *owners;

	if (err)
		return err;
	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	/* A descriptor may be open for writing from before. */
	if (IS_IMMUTABLE(inode))
		return -EPERM;
	owners = vexfs_quota_prime_owner(idmap, inode, attr);
	if (IS_ERR(owners))
		return PTR_ERR(owners);
	if (resize)
		err = vexfs_setsize(inode, attr->ia_size);
	if (!err)
		err = vexfs_set_rest(idmap, inode, attr, resize);
	vexfs_quota_primed(owners);
	return err;
}

int vexfs_getattr(vexfs_idmap_t *idmap, const struct path *path, struct kstat *stat, u32 mask,
		  unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);

	vexfs_fillattr(idmap, mask, inode, stat);
	stat->blocks = vexfs_inode_blocks(inode) << (VEXFS_BLOCK_SHIFT - 9);
	if (mask & STATX_BTIME) {
		stat->result_mask |= STATX_BTIME;
		stat->btime = VEXFS_I(inode)->btime;
	}
	if ((mask & STATX_DIOALIGN) && S_ISREG(inode->i_mode)) {
		stat->result_mask |= STATX_DIOALIGN;
		stat->dio_mem_align = bdev_dma_alignment(inode->i_sb->s_bdev) + 1;
		stat->dio_offset_align = bdev_logical_block_size(inode->i_sb->s_bdev);
	}
	generic_fill_statx_attr(inode, stat);
	stat->attributes_mask |= STATX_ATTR_NODUMP;
	if (VEXFS_I(inode)->flags & VEXFS_INODE_NODUMP)
		stat->attributes |= STATX_ATTR_NODUMP;
	return 0;
}
