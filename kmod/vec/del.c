// SPDX-License-Identifier: GPL-2.0
/*
 * Deleting embeddings: batch by batch.
 *
 * A file may have 2^24 embeddings in a collection, so nothing is held for all of
 * them: a batch locks the collection, finds its embeddings and brings in their
 * blocks, and deletes them in one handle, which is restarted when the transaction
 * is full. Whoever deletes many takes i_rwsem and write access for each batch
 * anew, and looks for a fatal signal between two. A delete that ends early has
 * deleted the chunks of lower number.
 */
#include "kmod/vec/slot.h"
#include "kmod/vec/trace.h"
#include <linux/sched/signal.h>

/* ---- one batch ----------------------------------------------------------------- */

/* The first embedding of the file with a chunk in [@chunk, d->last]. coll->sem held. 0, -ENODATA. */
static int vexfs_del_find(struct vexfs_del *d, u32 chunk, u64 *key, u32 *slot)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	struct vexfs_kv kv;
	int err;

	if (chunk > d->last)
		return -ENODATA;
	vexfs_coll_map(&t, &kio, d->coll, NULL);
	err = vexfs_bt_find_ge(&t, VEXFS_MAPKEY(d->ino, chunk), &kv);
	if (err == -ENOENT || (!err && kv.key > VEXFS_MAPKEY(d->ino, d->last)))
		return -ENODATA;
	*key = kv.key;
	*slot = kv.val;
	return err;
}

/* The next one into the batch, or, if that is full, into d->more. */
static int vexfs_del_next(struct vexfs_del *d, u32 *chunk)
{
	u64 key;
	u32 slot;
	int err = vexfs_del_find(d, *chunk, &key, &slot);

	if (err)
		return err;
	if (d->n == VEXFS_DEL_BATCH) {
		d->more = true;
		return -ENODATA;
	}
	*chunk = (key & VEXFS_MAX_CHUNK) + 1;
	d->key[d->n] = key;
	err = vexfs_slot_pin_live(d->coll, slot, &d->slot[d->n]);
	if (d->slot[d->n].bh)
		d->n++;
	return err;
}

/* coll->sem held for writing, no handle. -ENODATA: there is nothing to delete. */
static int vexfs_del_prepare(struct vexfs_del *d)
{
	u32 chunk = d->chunk;
	int err = vexfs_coll_check(d->coll);

	d->n = 0;
	d->more = false;
	while (!err)
		err = vexfs_del_next(d, &chunk);
	return err == -ENODATA && d->n ? 0 : err;
}

static void vexfs_del_unpin(struct vexfs_del *d)
{
	u32 i;

	for (i = 0; i < d->n; i++) {
		brelse(d->slot[i].bh);
		d->slot[i].bh = NULL;
	}
}

static int vexfs_del_map(handle_t *handle, struct vexfs_coll *coll, u64 key)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err, err2;

	err = vexfs_coll_record_access(handle, coll);
	if (err)
		return err;
	vexfs_coll_map(&t, &kio, coll, handle);
	err = vexfs_bt_delete(&t, key);
	err2 = vexfs_coll_record_write(handle, coll);
	return err ? err : err2;
}

int vexfs_vec_uncharge(handle_t *handle, struct inode *inode, struct vexfs_coll *coll, const struct vexfs_slot *s)
{
	if (!inode || le32_to_cpu(s->v_generation) != inode->i_generation || !vexfs_has_quota(coll->sb))
		return 0;
	vexfs_uncharge_extra(inode, vexfs_coll_charge(&coll->space));
	return vexfs_mark_inode_dirty(handle, inode);
}

int vexfs_del_slot(handle_t *handle, struct inode *inode, struct vexfs_coll *coll, u64 key, struct vexfs_pinned *p)
{
	int err = vexfs_md_modify(handle, coll->sb, p->bh);

	if (!err)
		err = vexfs_del_map(handle, coll, key);
	if (!err)
		err = vexfs_vec_uncharge(handle, inode, coll, p->s);
	if (err)
		return err;
	spin_lock(&coll->lock);
	vexfs_slot_release(coll, p, handle->h_transaction->t_tid);
	spin_unlock(&coll->lock);
	return vexfs_md_dirty(handle, coll->sb, p->bh);
}

/* All of the batch in one handle, restarted when the transaction is full: what has
 * been deleted by then is consistent. coll->sem held for writing. */
static int vexfs_del_all(handle_t *handle, struct vexfs_del *d)
{
	ktime_t start = vexfs_trace_start(vexfs_vec_del);
	int err = 0;
	u32 i;

	for (i = 0; i < d->n && !err; i++) {
		u32 chunk = d->key[i] & VEXFS_MAX_CHUNK;

		err = vexfs_extend(handle, vexfs_vec_credits(d->coll), VEXFS_MAX_LEVEL + 1);
		if (!err)
			err = vexfs_del_slot(handle, d->inode, d->coll, d->key[i], &d->slot[i]);
		if (!err)
			d->chunk = chunk + 1;
		trace_vexfs_vec_del(d->ino, d->coll, chunk, d->slot[i].slot, false,
				    vexfs_trace_since(start), err);
	}
	return err;
}

/* coll->sem held for writing and given up here, the batch prepared. */
static int vexfs_del_change(struct vexfs_del *d)
{
	handle_t *handle = vexfs_vec_start(d->coll);
	int err, err2;

	if (IS_ERR(handle)) {
		up_write(&d->coll->sem);
		return PTR_ERR(handle);
	}
	if (d->inode && IS_SYNC(d->inode))
		handle->h_sync = 1;
	err = vexfs_del_all(handle, d);
	up_write(&d->coll->sem);
	if (!err && d->inode)
		err = vexfs_vec_touch(handle, d->inode);
	err2 = vexfs_stop(handle);		/* may wait for the commit */
	return err ? err : err2;
}

int vexfs_del_batch(struct vexfs_del *d)
{
	int err;

	down_write(&d->coll->sem);
	err = vexfs_del_prepare(d);
	if (err)
		up_write(&d->coll->sem);
	else
		err = vexfs_del_change(d);
	vexfs_del_unpin(d);
	return err;
}

/* ---- beginning and end ------------------------------------------------------------ */

struct vexfs_del *vexfs_del_create(struct vexfs_coll *coll, u64 ino)
{
	/* Eviction may free memory for somebody: it may wait, but not for other evictions. */
	struct vexfs_del *d = kzalloc(sizeof(*d), GFP_NOFS | __GFP_NOFAIL);

	d->coll = coll;
	d->ino = ino;
	d->last = VEXFS_MAX_CHUNK;
	return d;
}

struct vexfs_del *vexfs_del_begin(struct inode *inode, const char *name, u32 chunk, u32 last)
{
	struct vexfs_coll *coll;
	struct vexfs_del *d;
	int err;

	if (chunk > VEXFS_MAX_CHUNK)
		return ERR_PTR(-EINVAL);
	coll = vexfs_coll_open(inode->i_sb, name, MAY_WRITE);
	if (IS_ERR(coll))
		return ERR_CAST(coll);
	err = vexfs_coll_need_maps(coll, true);
	if (err) {
		vexfs_coll_put(coll);
		return ERR_PTR(err);
	}
	d = vexfs_del_create(coll, inode->i_ino);
	d->inode = inode;
	d->chunk = chunk;
	d->last = last;
	return d;
}

bool vexfs_del_more(const struct vexfs_del *d)
{
	return d->more;
}

void vexfs_del_end(struct vexfs_del *d)
{
	vexfs_coll_put(d->coll);
	kfree(d);
}

int vexfs_vec_del(struct inode *inode, const char *name, u32 chunk)
{
	struct vexfs_del *d = vexfs_del_begin(inode, name, chunk, chunk);
	int err;

	if (IS_ERR(d))
		return PTR_ERR(d);
	err = vexfs_del_batch(d);
	vexfs_del_end(d);
	return err;
}
