// SPDX-License-Identifier: GPL-2.0
/*
 * Payload that could not be written costs the embeddings in that block, not the
 * filesystem, whatever errors= says.
 *
 * The commit goes through. A worker then asks the disk itself which records of the
 * block are not on it, gives their files an error and deletes their embeddings, so that
 * nothing is left that leads to nothing. fsync(2) and syncfs(2) wait for the worker and
 * return EIO. The block's slots are not used again before the next mount, so that the
 * next set does not meet the same sector. A crash between commit and worker leaves slots
 * whose checksum says that the payload is not theirs.
 *
 * The worker takes coll->sem and handles, but no i_rwsem, and never waits for a thaw:
 * who waits for it may hold i_rwsem or s_umount. What it cannot delete now (a frozen or
 * read-only filesystem, no memory) stays in the list and is tried again.
 */
#include "kmod/vec/vec.h"

#define VEXFS_LOST_RETRY	HZ

/* ---- one record ------------------------------------------------------------------- */

static bool vexfs_lost_on_disk(struct vexfs_coll *coll, const struct vexfs_region *r, u32 slot,
			       const struct vexfs_slot *s)
{
	void *buf = kvmalloc(r->l.bytes, GFP_KERNEL | __GFP_NOFAIL);
	bool good = !vexfs_region_read_disk(r, slot, buf);

	if (good && r == &coll->code)
		good = vexfs_code_valid(&coll->space, buf, (u32)le64_to_cpu(s->v_stamp));
	else if (good)
		good = vexfs_vec_crc(&coll->space, buf) == le32_to_cpu(s->v_payload_crc);
	kvfree(buf);
	return good;
}

/* For fsync(2) of the file, and syncfs(2). Nobody can ask any more during unmount. */
static void vexfs_lost_tell(struct vexfs_coll *coll, const struct vexfs_slot *s)
{
	struct super_block *sb = coll->sb;
	u64 ino = le64_to_cpu(s->v_ino);
	struct inode *inode;

	atomic64_inc(&VEXFS_SB(sb)->vec_nlost);
	vexfs_msg(sb, KERN_ERR, "collection %s: the embedding of inode %llu, chunk %u could not be written and is lost",
		  vexfs_coll_label(coll), ino, le32_to_cpu(s->v_chunk));
	if (!(sb->s_flags & SB_ACTIVE))
		return;
	errseq_set(&sb->s_wb_err, -EIO);
	inode = vexfs_iget(sb, ino, VEXFS_IGET_MAYBE);
	if (IS_ERR(inode))
		return;
	/* Not AS_EIO of the mapping: that would be an error of writing the file's data. */
	if (inode->i_generation == le32_to_cpu(s->v_generation))
		filemap_set_wb_err(inode->i_mapping, -EIO);
	iput(inode);
}

/* Bring in what the deletion changes. coll->sem held for writing. -ESTALE: it has gone. */
static int vexfs_lost_prepare(struct vexfs_coll *coll, u32 slot, const struct vexfs_slot *seen,
			      u64 key, struct vexfs_pinned *p)
{
	u32 mapped;
	int err = vexfs_coll_check(coll);

	if (!err && !vexfs_slot_live(coll, slot))
		err = -ESTALE;
	if (!err)
		err = vexfs_slot_pin_live(coll, slot, p);
	if (!err && p->s->v_stamp != seen->v_stamp)
		err = -ESTALE;
	if (!err)
		err = vexfs_map_lookup(coll, key, &mapped);
	return !err && mapped != slot ? -ESTALE : err;
}

/* Unless the slot holds something else by now. Takes coll->sem. */
static int vexfs_lost_delete(struct vexfs_coll *coll, u32 slot, const struct vexfs_slot *seen)
{
	u64 key = VEXFS_MAPKEY(le64_to_cpu(seen->v_ino), le32_to_cpu(seen->v_chunk));
	struct inode *inode = vexfs_vec_file(coll->sb, seen);
	struct vexfs_pinned p = { };
	handle_t *handle;
	int err, err2;

	down_write(&coll->sem);
	err = vexfs_lost_prepare(coll, slot, seen, key, &p);
	if (err)
		goto out;
	handle = vexfs_vec_start(coll);
	err = PTR_ERR_OR_ZERO(handle);
	if (!err) {
		err = vexfs_del_slot(handle, inode, coll, key, &p);
		err2 = vexfs_stop(handle);
		err = err ? err : err2;
	}
out:
	up_write(&coll->sem);
	brelse(p.bh);
	iput(inode);
	return err;
}

/* ---- one block ------------------------------------------------------------------------ */

/* 0: nothing is left to do here. */
static int vexfs_lost_slot(struct vexfs_coll *coll, const struct vexfs_region *r, u32 slot,
			   bool told)
{
	struct vexfs_slot seen;
	int err;

	if (!vexfs_slot_live(coll, slot) || vexfs_slot_copy(coll, slot, &seen) ||
	    seen.v_state != VEXFS_SLOT_LIVE || vexfs_lost_on_disk(coll, r, slot, &seen))
		return 0;
	if (!told)
		vexfs_lost_tell(coll, &seen);
	if (!sb_start_intwrite_trylock(coll->sb))
		return -EBUSY;
	err = vexfs_lost_delete(coll, slot, &seen);
	sb_end_intwrite(coll->sb);
	return err == -EROFS || err == -ENOMEM ? err : 0;
}

/* The block of @r that @slot's record is in cannot be used: until the next mount it takes no more
 * embeddings. Takes coll->lock. */
void vexfs_lost_quarantine(struct vexfs_coll *coll, const struct vexfs_region *r, u32 slot)
{
	vexfs_slots_quarantine(coll, slot - slot % r->l.per_block, r->l.per_block);
}

static bool vexfs_lost_in(struct vexfs_coll *coll, const struct vexfs_queued *q)
{
	const struct vexfs_region *r = q->code ? &coll->code : &coll->payload;
	u32 first = q->slot - q->slot % r->l.per_block, i;
	bool done = true;

	/* Another collection may have the number by now. */
	if (vexfs_coll_check(coll) || !vexfs_region_holds(r, q->slot, q->bh->b_blocknr))
		return true;
	vexfs_lost_quarantine(coll, r, q->slot);
	for (i = 0; i < r->l.per_block; i++)
		done = !vexfs_lost_slot(coll, r, first + i, q->told) && done;
	return done;
}

/* False: to be tried again. */
static bool vexfs_lost_block(struct super_block *sb, struct vexfs_queued *q)
{
	struct vexfs_coll *coll = vexfs_coll_get_id(sb, q->coll);
	bool done;

	if (!coll)
		return true;
	done = vexfs_lost_in(coll, q);
	q->told = true;
	vexfs_coll_put(coll);
	return done;
}

/* ---- the worker -------------------------------------------------------------------------- */

static struct vexfs_queued *vexfs_lost_take(struct vexfs_sb_info *sbi)
{
	struct vexfs_queued *q;

	spin_lock(&sbi->vec_lock);
	q = list_first_entry_or_null(&sbi->vec_lost, struct vexfs_queued, list);
	if (q)
		list_del(&q->list);
	spin_unlock(&sbi->vec_lock);
	return q;
}

static void vexfs_lost_free(struct vexfs_queued *q)
{
	brelse(q->bh);
	kfree(q);
}

/* Whoever waits for the worker finds the deletions committed. */
static void vexfs_lost_work(struct work_struct *work)
{
	struct vexfs_sb_info *sbi = container_of(work, struct vexfs_sb_info, vec_lost_work.work);
	struct vexfs_queued *q;
	bool any = false;
	LIST_HEAD(later);

	while ((q = vexfs_lost_take(sbi))) {
		any = true;
		if (vexfs_is_shutdown(sbi->sb) || is_journal_aborted(sbi->journal) ||
		    vexfs_lost_block(sbi->sb, q))
			vexfs_lost_free(q);
		else
			list_add_tail(&q->list, &later);
	}
	if (any)
		jbd2_journal_force_commit(sbi->journal);
	vexfs_lost_add(sbi, &later, VEXFS_LOST_RETRY);
}

/* The filesystem becomes writable. The caller waits for the work. */
void vexfs_lost_resume(struct vexfs_sb_info *sbi)
{
	mod_delayed_work(sbi->vec_wq, &sbi->vec_lost_work, 0);
}

void vexfs_vec_settle(struct super_block *sb)
{
	flush_delayed_work(&VEXFS_SB(sb)->vec_lost_work);
}

void vexfs_lost_add(struct vexfs_sb_info *sbi, struct list_head *lost, unsigned long delay)
{
	if (list_empty(lost))
		return;
	spin_lock(&sbi->vec_lock);
	list_splice_tail_init(lost, &sbi->vec_lost);
	spin_unlock(&sbi->vec_lock);
	if (!delay || !sb_rdonly(sbi->sb))
		queue_delayed_work(sbi->vec_wq, &sbi->vec_lost_work, delay);
}

int vexfs_lost_check(struct vexfs_coll *coll, u64 key)
{
	u32 slot;
	int err;

	vexfs_vec_settle(coll->sb);
	down_read(&coll->sem);
	err = vexfs_coll_check(coll);
	if (!err)
		err = vexfs_map_lookup(coll, key, &slot);
	up_read(&coll->sem);
	return err == -ENODATA ? -EIO : 0;
}

void vexfs_lost_init(struct vexfs_sb_info *sbi)
{
	INIT_LIST_HEAD(&sbi->vec_lost);
	INIT_DELAYED_WORK(&sbi->vec_lost_work, vexfs_lost_work);
}

/* Unmount; collections and journal are still there. What is left is for the checksums to tell. */
void vexfs_lost_exit(struct vexfs_sb_info *sbi)
{
	struct vexfs_queued *q;

	vexfs_vec_settle(sbi->sb);
	cancel_delayed_work_sync(&sbi->vec_lost_work);
	while ((q = vexfs_lost_take(sbi)))
		vexfs_lost_free(q);
}
