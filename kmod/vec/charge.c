// SPDX-License-Identifier: GPL-2.0
/*
 * Embeddings of a collection that is dropped: their files' owners are not charged for them any more.
 *
 * With quota, the map is taken apart from its end on, key by key, since each file has to be found and
 * changed. Without, it is freed leaf by leaf (coll.c).
 */
#include "kmod/vec/vec.h"

struct inode *vexfs_vec_file(struct super_block *sb, const struct vexfs_slot *s)
{
	struct inode *inode;

	if (!vexfs_has_quota(sb))
		return NULL;
	inode = vexfs_iget(sb, le64_to_cpu(s->v_ino), VEXFS_IGET_MAYBE);
	if (IS_ERR(inode))
		return NULL;
	if (inode->i_generation == le32_to_cpu(s->v_generation))
		return inode;
	iput(inode);
	return NULL;
}

/* The last record of the map and the slot it leads to. Nobody else changes them. -ENOENT: it is empty. */
static int vexfs_uncharge_last(struct vexfs_coll *coll, struct vexfs_kv *kv, struct vexfs_slot *s)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err;

	down_read(&coll->sem);
	vexfs_coll_map(&t, &kio, coll, NULL);
	err = vexfs_bt_find_le(&t, ~0ULL - 1, kv);
	if (!err && kv->val >= coll->nslots)
		err = vexfs_corrupt(coll->sb, kv->key >> 24, 0, "embedding map leads past the slot table");
	up_read(&coll->sem);
	return err ? err : vexfs_slot_copy(coll, kv->val, s);
}

/* In the caller's handle; coll->sem held for writing. */
static int vexfs_uncharge_key(handle_t *handle, struct vexfs_coll *coll, struct inode *inode, u64 key,
			      const struct vexfs_slot *s)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err = vexfs_coll_record_access(handle, coll), err2;

	if (err)
		return err;
	vexfs_coll_map(&t, &kio, coll, handle);
	err = vexfs_bt_delete(&t, key);
	err2 = vexfs_coll_record_write(handle, coll);
	err = err ? err : err2;
	return err ? err : vexfs_vec_uncharge(handle, inode, coll, s);
}

static int vexfs_uncharge_one(struct vexfs_coll *coll, struct inode *inode, u64 key, const struct vexfs_slot *s)
{
	handle_t *handle;
	int err, err2;

	sb_start_intwrite(coll->sb);
	down_write(&coll->sem);
	handle = vexfs_vec_start(coll);
	err = PTR_ERR_OR_ZERO(handle);
	if (!err) {
		err = vexfs_uncharge_key(handle, coll, inode, key, s);
		err2 = vexfs_stop(handle);
		err = err ? err : err2;
	}
	up_write(&coll->sem);
	sb_end_intwrite(coll->sb);
	return err;
}

int vexfs_coll_uncharge_all(struct vexfs_coll *coll)
{
	struct inode *inode = NULL;
	struct vexfs_slot s;
	struct vexfs_kv kv;
	int err;

	if (!vexfs_has_quota(coll->sb) || coll->broken)
		return 0;
	err = vexfs_coll_need_maps(coll, false);
	while (!err && !(err = vexfs_uncharge_last(coll, &kv, &s))) {
		if (!inode || inode->i_ino != kv.key >> 24) {
			iput(inode);
			inode = vexfs_vec_file(coll->sb, &s);
		}
		err = vexfs_uncharge_one(coll, inode, kv.key, &s);
		cond_resched();
	}
	iput(inode);
	return err == -ENOENT ? 0 : err;
}
