// SPDX-License-Identifier: GPL-2.0
/*
 * Removal of a collection.
 *
 * A drop first marks the record, which takes the collection away from everybody
 * in one transaction, and then frees what belongs to it in many small ones. A
 * crash in between is finished by the next mount.
 */
#include "kmod/vec/turn.h"
#include "kmod/vec/trace.h"

/* Free the last leaf of the map. 1: there is more. */
static int vexfs_map_shrink(handle_t *handle, struct vexfs_coll *coll)
{
	struct vexfs_path path;
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err = 0, err2;

	if (!coll->map.r_count)
		return 0;
	vexfs_coll_map(&t, &kio, coll, handle);
	err = vexfs_coll_record_access(handle, coll);
	if (err)
		return err;
	if (!coll->map.r_level) {
		coll->map.r_count = 0;
	} else {
		err = vexfs_path_find(&t, ~0ULL, &path);
		if (!err)
			err = vexfs_path_remove_leaf(&t, &path);
	}
	err2 = vexfs_coll_record_write(handle, coll);
	err = err ? err : err2;
	return err ? err : coll->map.r_count != 0;
}

/* Blocks one removal of a leaf may change: its path, the record, a bitmap and a
 * descriptor for every node freed. */
#define VEXFS_SHRINK_CREDITS ((VEXFS_MAX_LEVEL + 1) * (1 + VEXFS_ALLOC_CREDITS) + 1)

static int vexfs_map_free(struct vexfs_coll *coll)
{
	handle_t *handle;
	int more, err = 0;

	do {
		sb_start_intwrite(coll->sb);
		down_write(&coll->sem);
		handle = vexfs_start(coll->sb, VEXFS_SHRINK_CREDITS, VEXFS_MAX_LEVEL + 1);
		more = PTR_ERR_OR_ZERO(handle);
		if (!more) {
			more = vexfs_map_shrink(handle, coll);
			err = vexfs_stop(handle);
		}
		up_write(&coll->sem);
		sb_end_intwrite(coll->sb);
		cond_resched();
	} while (more == 1 && !err);
	return more < 0 ? more : err;
}

/* The record goes and the inodes become orphans, in one transaction. coll_sem
 * held for writing. */
static int vexfs_coll_clear_record(handle_t *handle, struct vexfs_coll *coll)
{
	struct vexfs_collection *rec;
	struct buffer_head *bh;
	int err;

	rec = vexfs_coll_record(VEXFS_SB(coll->sb), coll->id, &bh);
	err = vexfs_md_modify(handle, coll->sb, bh);
	if (err)
		return err;
	memset(rec, 0, sizeof(*rec));
	le16_add_cpu(&((struct vexfs_mdhdr *)bh->b_data)->h_count, -1);
	err = vexfs_md_dirty(handle, coll->sb, bh);
	vexfs_coll_doom(handle, coll, VEXFS_COLL_FILES);
	vexfs_coll_doom_file(handle, coll->graph.inode);
	vexfs_coll_publish(VEXFS_SB(coll->sb), coll->id, NULL);
	return err;
}

static int vexfs_coll_clear(struct vexfs_coll *coll)
{
	struct super_block *sb = coll->sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	handle_t *handle;
	int err;

	sb_start_intwrite(sb);
	down_write(&sbi->coll_sem);
	handle = vexfs_start(sb, 1 + (VEXFS_COLL_FILES + 1) * 2, 0);
	err = PTR_ERR_OR_ZERO(handle);
	if (!err) {
		err = vexfs_coll_clear_record(handle, coll);
		vexfs_stop(handle);
	}
	up_write(&sbi->coll_sem);
	sb_end_intwrite(sb);
	return err;
}

/* State is DROPPING on disk and in memory, and nobody uses it: free everything. */
static int vexfs_coll_finish_drop(struct vexfs_coll *coll)
{
	int err;

	vexfs_index_exit(coll);
	err = vexfs_coll_uncharge_all(coll);
	if (!err)
		err = vexfs_map_free(coll);
	if (!err)
		err = vexfs_slots_revoke(coll);
	if (!err) {
		vexfs_region_disown(&coll->payload);
		vexfs_region_disown(&coll->code);
		err = vexfs_coll_clear(coll);
	}
	if (!err)
		vexfs_coll_free(coll);
	return err;
}

/**
 * struct vexfs_drop - a caller waits for the end of a removal
 * @refs: the caller and the worker: the caller may be killed
 * @done: the worker is through, with @err
 * @err:  0, or why something is left
 */
struct vexfs_drop {
	refcount_t		refs;
	struct completion	done;
	int			err;
};

static void vexfs_drop_put(struct vexfs_drop *drop)
{
	if (refcount_dec_and_test(&drop->refs))
		kfree(drop);
}

/* What cannot be finished now waits for the next mount, or until it is made writable. */
void vexfs_coll_drop_work(struct work_struct *work)
{
	struct vexfs_coll *coll = container_of(work, struct vexfs_coll, drop_work);
	struct vexfs_drop *drop = coll->drop;
	int err;

	coll->drop = NULL;
	err = vexfs_coll_finish_drop(coll);		/* frees coll */
	if (err)
		WRITE_ONCE(coll->left, true);
	if (!drop)
		return;
	drop->err = err;
	complete(&drop->done);
	vexfs_drop_put(drop);
}

/* -EAGAIN: the name has moved to another collection, which is the one to drop. */
static int vexfs_coll_mark_dropping(struct vexfs_coll *coll, const char *name, struct vexfs_drop *drop)
{
	handle_t *handle;
	int err, err2;

	down_write(&coll->sem);
	handle = vexfs_start(coll->sb, 1, 0);
	if (IS_ERR(handle)) {
		up_write(&coll->sem);
		return PTR_ERR(handle);
	}
	/* Of two drops one finds the other's mark. */
	err = coll->state != VEXFS_COLL_LIVE ? -ENOENT : strcmp(coll->name, name) ? -EAGAIN : 0;
	if (!err)
		err = vexfs_coll_record_access(handle, coll);
	if (!err) {
		WRITE_ONCE(coll->state, VEXFS_COLL_DROPPING);
		err = vexfs_coll_record_write(handle, coll);
	}
	err2 = vexfs_stop(handle);
	err = err ? err : err2;
	if (!err)	/* else it may be another drop's, who waits for it */
		coll->drop = drop;
	up_write(&coll->sem);
	return err;
}

/* Give up the collection's own reference and the caller's. True: the worker has begun. */
static bool vexfs_coll_abandon(struct vexfs_coll *coll)
{
	struct workqueue_struct *wq = VEXFS_SB(coll->sb)->vec_wq;

	if (!refcount_sub_and_test(2, &coll->users))
		return false;
	queue_work(wq, &coll->drop_work);
	return true;
}

/* Somebody who still searches it is not waited for: the last one starts the worker. */
static int vexfs_coll_drop_wait(struct vexfs_coll *coll, struct vexfs_drop *drop)
{
	if (!vexfs_coll_abandon(coll))
		return 0;
	if (wait_for_completion_killable(&drop->done))
		return -EINTR;
	return drop->err;
}

/* Files of a feature this module does not know: without the record nothing would lead to them. coll_sem not needed. */
static bool vexfs_coll_unknown_files(struct vexfs_coll *coll)
{
	struct buffer_head *bh;
	const struct vexfs_collection *rec = vexfs_coll_record(VEXFS_SB(coll->sb), coll->id, &bh);

	return rec->c_sketch_ino;
}

/* -EAGAIN: an exchange has come first. */
static int vexfs_coll_try_drop(struct super_block *sb, const char *name)
{
	struct vexfs_coll *coll = vexfs_coll_get(sb, name);
	struct vexfs_drop *drop;
	int err;

	if (IS_ERR(coll))
		return PTR_ERR(coll);
	err = vexfs_coll_may_change(coll);
	drop = kzalloc(sizeof(*drop), GFP_KERNEL);
	if (!err)
		err = !drop ? -ENOMEM : coll->broken ? -EFSCORRUPTED :
		      vexfs_coll_unknown_files(coll) ? -EOPNOTSUPP : 0;
	if (!err) {
		refcount_set(&drop->refs, 2);
		init_completion(&drop->done);
		err = vexfs_coll_mark_dropping(coll, name, drop);
	}
	if (err != -EAGAIN)
		trace_vexfs_coll_drop(coll, err);
	if (err) {
		vexfs_coll_put(coll);
		kfree(drop);
		return err;
	}
	err = vexfs_coll_drop_wait(coll, drop);
	vexfs_drop_put(drop);
	return err;
}

/**
 * vexfs_coll_drop - remove a collection and every embedding in it
 * @sb:	  write access held
 * @name: of the collection
 *
 * Its name is free and nobody sees it any more when this returns. Its space is
 * free as well unless somebody was using it or the caller was killed; then it
 * will be soon, at the latest when the filesystem has been unmounted.
 *
 * Takes coll->sem and handles. Return: 0, -ENOENT, -EPERM, -EOPNOTSUPP, -EINTR
 * (fatal signal), or an error that left it invisible but not wholly freed; the next
 * mount continues then.
 */
int vexfs_coll_drop(struct super_block *sb, const char *name)
{
	int err;

	do {
		err = vexfs_coll_try_drop(sb, name);
	} while (err == -EAGAIN && !fatal_signal_pending(current));
	return err == -EAGAIN ? -EINTR : err;
}
