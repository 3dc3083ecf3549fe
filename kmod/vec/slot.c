// SPDX-License-Identifier: GPL-2.0
/*
 * Embeddings of a file: set, get, delete, list.
 *
 * A set writes payload and code into an unused slot and then, in the same
 * handle, makes that slot live, frees the old one and points the map at the new
 * one. The commit thread writes payload and code before the commit record, and
 * a freed slot is not reused before the commit: whatever the moment of a crash,
 * the old embedding is there, or the new one.
 */
#include "kmod/vec/vec.h"
#include "kmod/vec/trace.h"
#include <linux/iversion.h>
#include <linux/xattr.h>

/* ---- one change ------------------------------------------------------------ */

/* Path and splits of the map, one level more than now because it may grow before
 * the lock is ours; two slot blocks, the record, the inode. */
static int vexfs_vec_credits(struct vexfs_coll *coll)
{
	struct vexfs_btree_root root = { };
	u32 level = le16_to_cpu(READ_ONCE(coll->map.r_level));

	level = min_t(u32, level + 1, VEXFS_MAX_LEVEL);
	root.r_level = cpu_to_le16(level);
	return vexfs_bt_credits(&root) + (level + 1) * VEXFS_ALLOC_CREDITS + 4;
}

static handle_t *vexfs_vec_start(struct vexfs_coll *coll)
{
	return vexfs_start(coll->sb, vexfs_vec_credits(coll), VEXFS_MAX_LEVEL + 1);
}

static int vexfs_map_lookup(struct vexfs_coll *coll, u64 key, u32 *slot)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	struct vexfs_kv kv;
	int err;

	vexfs_coll_map(&t, &kio, coll, NULL);
	err = vexfs_bt_find_le(&t, key, &kv);
	if (err == -ENOENT || (!err && kv.key != key))
		return -ENODATA;
	if (!err && kv.val >= coll->nslots)
		err = vexfs_corrupt(coll->sb, key >> 24, 0, "embedding map leads past the slot table");
	*slot = kv.val;
	return err;
}

static void vexfs_slot_count(struct buffer_head *bh, int delta)
{
	le16_add_cpu(&((struct vexfs_mdhdr *)bh->b_data)->h_count, delta);
}

/* The slot's block, with journal access. */
static struct buffer_head *vexfs_slot_modify(handle_t *handle, struct vexfs_coll *coll, u32 slot,
					     struct vexfs_slot **s)
{
	struct buffer_head *bh = vexfs_slot_read(coll, slot, s);
	int err;

	if (IS_ERR(bh))
		return bh;
	err = vexfs_md_modify(handle, coll->sb, bh);
	if (!err)
		return bh;
	brelse(bh);
	return ERR_PTR(err);
}

/* Nothing can fail any more but the journal: the slot is free. */
static int vexfs_slot_release(handle_t *handle, struct vexfs_coll *coll, u32 slot,
			      struct buffer_head *bh, struct vexfs_slot *s)
{
	if (!test_bit(slot, coll->bits.live))
		return vexfs_corrupt(coll->sb, coll->slots->i_ino, bh->b_blocknr,
				     "embedding map leads to a free slot");
	memset(s, 0, sizeof(*s));
	vexfs_slot_count(bh, -1);
	vexfs_slot_mark_freed(coll, slot, handle->h_transaction->t_tid);
	return vexfs_md_dirty(handle, coll->sb, bh);
}

/* ---- set ---------------------------------------------------------------------- */

struct vexfs_set {
	struct inode	*inode;
	struct vexfs_coll *coll;
	const struct vexfs_vec_arg *arg;
	struct vexfs_code *code;
	u64	stamp;
	u64	datagen;
	u64	key;
	u32	crc;
	bool	replace;
	u32	old, new;
};

static void vexfs_slot_fill(struct vexfs_set *set, struct vexfs_slot *s)
{
	memset(s, 0, sizeof(*s));
	s->v_ino = cpu_to_le64(set->inode->i_ino);
	s->v_generation = cpu_to_le32(set->inode->i_generation);
	s->v_chunk = cpu_to_le32(set->arg->chunk);
	s->v_stamp = cpu_to_le64(set->stamp);
	s->v_off = cpu_to_le64(set->arg->off);
	s->v_len = cpu_to_le64(set->arg->len);
	s->v_datagen = cpu_to_le64(set->datagen);
	s->v_payload_crc = cpu_to_le32(set->crc);
	s->v_state = VEXFS_SLOT_LIVE;
}

/* Is there one already, may there be, and is there a slot? -EAGAIN: grow first. */
static int vexfs_set_prepare(struct vexfs_set *set)
{
	int err = vexfs_coll_check(set->coll);

	if (err)
		return err;
	err = vexfs_map_lookup(set->coll, set->key, &set->old);
	set->replace = !err;
	if (err && err != -ENODATA)
		return err;
	if (set->replace && (set->arg->flags & XATTR_CREATE))
		return -EEXIST;
	if (!set->replace && (set->arg->flags & XATTR_REPLACE))
		return -ENODATA;
	return vexfs_slot_find_free(set->coll, &set->new) ? 0 : -EAGAIN;
}

static int vexfs_set_data(handle_t *handle, struct vexfs_set *set)
{
	struct vexfs_coll *coll = set->coll;
	int err = vexfs_region_write(handle, coll, &coll->payload, set->new, set->arg->data);

	if (!err)
		err = vexfs_region_write(handle, coll, &coll->code, set->new, set->code);
	return err;
}

/* Point the map at the new slot. The root goes into the record also after an
 * error: core may have reshaped the tree. */
static int vexfs_set_map(handle_t *handle, struct vexfs_set *set)
{
	struct vexfs_coll *coll = set->coll;
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err, err2;

	err = vexfs_coll_record_access(handle, coll);
	if (err)
		return err;
	while (set->stamp >= coll->stamp_limit)
		coll->stamp_limit += VEXFS_STAMP_BATCH;
	vexfs_coll_map(&t, &kio, coll, handle);
	if (set->replace)
		err = vexfs_bt_update(&t, set->key, set->new);
	else
		err = vexfs_bt_insert(&t, set->key, set->new);
	err2 = vexfs_coll_record_write(handle, coll);
	return err ? err : err2;
}

/* Everything that can fail for a reason other than the journal comes before the
 * first slot changes. */
static int vexfs_set_slots(handle_t *handle, struct vexfs_set *set)
{
	struct vexfs_coll *coll = set->coll;
	struct buffer_head *bh, *old_bh = NULL;
	struct vexfs_slot *s, *old_s = NULL;
	int err;

	bh = vexfs_slot_modify(handle, coll, set->new, &s);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	if (set->replace)
		old_bh = vexfs_slot_modify(handle, coll, set->old, &old_s);
	err = PTR_ERR_OR_ZERO(old_bh);
	if (!err)
		err = vexfs_set_map(handle, set);
	if (!err) {
		vexfs_slot_fill(set, s);
		vexfs_slot_count(bh, 1);
		vexfs_slot_mark_live(coll, set->new);
		vexfs_views_set(coll, set->new);
		err = vexfs_md_dirty(handle, coll->sb, bh);
		if (!err && old_bh)
			err = vexfs_slot_release(handle, coll, set->old, old_bh, old_s);
	}
	if (!IS_ERR_OR_NULL(old_bh))
		brelse(old_bh);
	brelse(bh);
	return err;
}

static int vexfs_vec_touch(handle_t *handle, struct inode *inode)
{
	vexfs_set_ctime_now(inode);
	inode_inc_iversion(inode);
	return vexfs_mark_inode_dirty(handle, inode);
}

static int vexfs_set_once(struct vexfs_set *set)
{
	struct vexfs_coll *coll = set->coll;
	struct vexfs_inode_info *vi = VEXFS_I(set->inode);
	handle_t *handle = vexfs_vec_start(coll);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	if (IS_SYNC(set->inode))
		handle->h_sync = 1;
	down_write(&coll->sem);
	err = vexfs_set_prepare(set);
	if (!err)
		err = vexfs_set_data(handle, set);
	if (!err)
		err = vexfs_set_slots(handle, set);
	up_write(&coll->sem);
	if (!err) {
		spin_lock(&vi->lock);
		vi->vecmask |= BIT_ULL(coll->id);
		spin_unlock(&vi->lock);
		err = vexfs_vec_touch(handle, set->inode);
	}
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/* The code record, outside all locks. The stamp is taken here: stamps need not
 * commit in order. */
static int vexfs_set_encode(struct vexfs_set *set)
{
	const struct vexfs_space *space = &set->coll->space;
	u32 *f32 = kvmalloc_array(space->dim, sizeof(*f32), GFP_KERNEL);

	set->code = kvzalloc(vexfs_code_bytes(space), GFP_KERNEL);
	if (!f32 || !set->code) {
		kvfree(f32);
		return -ENOMEM;
	}
	set->stamp = atomic64_inc_return(&set->coll->stamp) - 1;
	set->crc = vexfs_vec_crc(space, set->arg->data);
	vexfs_vec_to_f32(space, set->arg->data, f32);
	vexfs_code_encode(space, f32, (u32)set->stamp, set->code);
	kvfree(f32);
	return 0;
}

static int vexfs_set_check(const struct vexfs_coll *coll, struct inode *inode,
			   const struct vexfs_vec_arg *arg)
{
	if (!S_ISREG(inode->i_mode) || (VEXFS_I(inode)->flags & VEXFS_INODE_HIDDEN))
		return -EINVAL;
	if (arg->chunk > VEXFS_MAX_CHUNK || arg->bytes != vexfs_vec_bytes(&coll->space))
		return -EINVAL;
	if (arg->off + arg->len < arg->off)
		return -EINVAL;
	return vexfs_vec_check(&coll->space, arg->data);
}

/* What the embedding is of: the content of this moment, which must be what the
 * caller read. i_rwsem held for writing; may sleep for the data's I/O. */
static int vexfs_set_content(struct vexfs_set *set)
{
	int err = vexfs_datagen_settle(set->inode, &set->datagen);

	if (!err && set->arg->generation && set->arg->generation != set->datagen + 1)
		err = -ESTALE;
	return err;
}

static int vexfs_set_retry(struct vexfs_set *set)
{
	int err;

	/* Others may take the slots grown for this one; each round adds some. */
	while ((err = vexfs_set_once(set)) == -EAGAIN) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = vexfs_coll_grow(set->coll);
		if (err)
			return err;
	}
	return err;
}

int vexfs_vec_set(struct inode *inode, const struct vexfs_vec_arg *arg)
{
	struct vexfs_set set = { .inode = inode, .arg = arg };
	ktime_t start = vexfs_trace_start(vexfs_vec_set);
	int err;

	set.coll = vexfs_coll_open(inode->i_sb, arg->coll, MAY_WRITE);
	if (IS_ERR(set.coll))
		return PTR_ERR(set.coll);
	set.key = VEXFS_MAPKEY(inode->i_ino, arg->chunk);
	err = vexfs_coll_embedder(set.coll, arg->embedder);
	if (!err)
		err = vexfs_set_check(set.coll, inode, arg);
	if (!err)
		err = vexfs_set_encode(&set);
	if (!err)
		err = vexfs_set_content(&set);
	if (!err)
		err = vexfs_set_retry(&set);
	trace_vexfs_vec_set(inode, set.coll, arg->chunk, set.new, set.replace,
			    vexfs_trace_since(start), err);
	kvfree(set.code);
	vexfs_coll_put(set.coll);
	return err;
}

/* ---- get ------------------------------------------------------------------------- */

/* The slot's record, copied, if it is what the map says. coll->sem held. */
static int vexfs_slot_fetch(struct vexfs_coll *coll, u64 key, u32 slot, struct vexfs_slot *out)
{
	struct vexfs_slot *s;
	struct buffer_head *bh = vexfs_slot_read(coll, slot, &s);
	int err = 0;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	*out = *s;
	if (s->v_state != VEXFS_SLOT_LIVE ||
	    VEXFS_MAPKEY(le64_to_cpu(s->v_ino), le32_to_cpu(s->v_chunk)) != key)
		err = vexfs_corrupt(coll->sb, key >> 24, bh->b_blocknr,
				    "slot and embedding map disagree");
	brelse(bh);
	return err;
}

static bool vexfs_slot_stale(struct inode *inode, const struct vexfs_slot *s)
{
	return le64_to_cpu(s->v_datagen) != READ_ONCE(VEXFS_I(inode)->datagen);
}

static int vexfs_get_payload(struct vexfs_coll *coll, u32 slot, const struct vexfs_slot *s,
			     void *data)
{
	struct vexfs_cursor c;
	int err;

	vexfs_cursor_init(&c, &coll->payload);
	err = vexfs_region_read(&c, slot, data);
	if (!err && vexfs_vec_crc(&coll->space, data) != le32_to_cpu(s->v_payload_crc)) {
		/* One embedding is lost; the filesystem is not in danger. */
		vexfs_warn(coll->sb, "collection %s slot %u: payload checksum is wrong; set the embedding of inode %llu again",
			   coll->name, slot, le64_to_cpu(s->v_ino));
		err = -EFSCORRUPTED;
	}
	return err;
}

static int vexfs_get_locked(struct vexfs_coll *coll, struct inode *inode,
			    struct vexfs_vec_arg *arg, u32 *slot)
{
	u64 key = VEXFS_MAPKEY(inode->i_ino, arg->chunk);
	u32 room = arg->bytes;
	struct vexfs_slot s;
	int err = vexfs_coll_check(coll);

	if (!err)
		err = vexfs_map_lookup(coll, key, slot);
	if (!err)
		err = vexfs_slot_fetch(coll, key, *slot, &s);
	if (err)
		return err;
	/* Left by a file that had this number before and could not be cleaned up. */
	if (le32_to_cpu(s.v_generation) != inode->i_generation)
		return -ENODATA;
	arg->bytes = vexfs_vec_bytes(&coll->space);
	arg->off = le64_to_cpu(s.v_off);
	arg->len = le64_to_cpu(s.v_len);
	arg->stale = vexfs_slot_stale(inode, &s);
	if (!arg->data)
		return 0;
	return room < arg->bytes ? -ERANGE : vexfs_get_payload(coll, *slot, &s, arg->data);
}

int vexfs_vec_get(struct inode *inode, struct vexfs_vec_arg *arg)
{
	struct vexfs_coll *coll = vexfs_coll_open(inode->i_sb, arg->coll, MAY_READ);
	ktime_t start = vexfs_trace_start(vexfs_vec_get);
	u32 slot = 0;
	int err;

	if (IS_ERR(coll))
		return PTR_ERR(coll);
	down_read(&coll->sem);
	err = arg->chunk > VEXFS_MAX_CHUNK ? -EINVAL : vexfs_get_locked(coll, inode, arg, &slot);
	up_read(&coll->sem);
	trace_vexfs_vec_get(inode, coll, arg->chunk, slot, false, vexfs_trace_since(start), err);
	vexfs_coll_put(coll);
	return err;
}

/* ---- list --------------------------------------------------------------------------- */

/* The first embedding of @inode in @coll with a chunk >= @chunk. -ENOENT. */
static int vexfs_next_locked(struct vexfs_coll *coll, struct inode *inode, u32 chunk,
			     struct vexfs_vec_entry *e)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	struct vexfs_slot s;
	struct vexfs_kv kv;
	int err = vexfs_coll_check(coll);

	if (err || chunk > VEXFS_MAX_CHUNK)
		return err ? err : -ENOENT;
	vexfs_coll_map(&t, &kio, coll, NULL);
	err = vexfs_bt_find_ge(&t, VEXFS_MAPKEY(inode->i_ino, chunk), &kv);
	if (!err && kv.key >> 24 != inode->i_ino)
		err = -ENOENT;
	if (!err)
		err = vexfs_slot_fetch(coll, kv.key, kv.val, &s);
	if (err)
		return err;
	if (le32_to_cpu(s.v_generation) != inode->i_generation)
		return -ENOENT;
	memset(e, 0, sizeof(*e));
	e->collection_id = coll->id;
	e->chunk = le32_to_cpu(s.v_chunk);
	e->range_off = le64_to_cpu(s.v_off);
	e->range_len = le64_to_cpu(s.v_len);
	e->flags = vexfs_slot_stale(inode, &s) ? VEXFS_VEC_STALE : 0;
	return 0;
}

/**
 * vexfs_vec_next - walk over a file's embeddings, by collection and chunk
 * @inode: the file
 * @id:	   in: the first collection to consider; out: the one found
 * @chunk: likewise
 * @e:	   the found one
 * @name:  its collection's name, VEXFS_IOC_NAME_LEN bytes, or NULL
 *
 * Collections the caller may not search are passed over, as are damaged ones.
 *
 * Return: 0, -ENOENT past the last.
 */
int vexfs_vec_next(struct inode *inode, u32 *id, u32 *chunk, struct vexfs_vec_entry *e,
		   char *name)
{
	u64 mask = READ_ONCE(VEXFS_I(inode)->vecmask);
	int err;

	for (; *id < VEXFS_MAX_COLL; (*id)++, *chunk = 0) {
		struct vexfs_coll *coll;

		if (!(mask & BIT_ULL(*id)))
			continue;
		coll = vexfs_coll_get_id(inode->i_sb, *id);
		if (!coll)
			continue;
		err = -ENOENT;
		if (!vexfs_coll_permission(coll, MAY_READ)) {
			down_read(&coll->sem);
			err = vexfs_next_locked(coll, inode, *chunk, e);
			up_read(&coll->sem);
		}
		if (!err && name)
			strscpy(name, coll->name, VEXFS_IOC_NAME_LEN);
		vexfs_coll_put(coll);
		if (!err)
			*chunk = e->chunk;
		if (err != -ENOENT && err != -EFSCORRUPTED)
			return err;
	}
	return -ENOENT;
}

/* ---- delete ---------------------------------------------------------------------------- */

static int vexfs_del_slot(handle_t *handle, struct vexfs_coll *coll, u64 key, u32 slot)
{
	struct buffer_head *bh;
	struct vexfs_slot *s;
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err, err2;

	bh = vexfs_slot_modify(handle, coll, slot, &s);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = vexfs_coll_record_access(handle, coll);
	if (!err) {
		vexfs_coll_map(&t, &kio, coll, handle);
		err = vexfs_bt_delete(&t, key);
		err2 = vexfs_coll_record_write(handle, coll);
		err = err ? err : err2;
	}
	if (!err)
		err = vexfs_slot_release(handle, coll, slot, bh, s);
	brelse(bh);
	return err;
}

/* The first embedding of @ino with a chunk in [*@chunk, @last]. 0, -ENODATA. */
static int vexfs_del_find(struct vexfs_coll *coll, u64 ino, u32 chunk, u32 last, u64 *key,
			  u32 *slot)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;
	struct vexfs_kv kv;
	int err = vexfs_coll_check(coll);

	if (err)
		return err;
	vexfs_coll_map(&t, &kio, coll, NULL);
	err = vexfs_bt_find_ge(&t, VEXFS_MAPKEY(ino, chunk), &kv);
	if (err == -ENOENT || (!err && kv.key > VEXFS_MAPKEY(ino, last)))
		return -ENODATA;
	*key = kv.key;
	*slot = kv.val;
	return err;
}

/* Delete one embedding of @inode with a chunk in [@chunk, @last]: 0, -ENODATA. */
static int vexfs_del_one(struct vexfs_coll *coll, struct inode *inode, u32 chunk, u32 last,
			 bool touch)
{
	ktime_t start = vexfs_trace_start(vexfs_vec_del);
	handle_t *handle = vexfs_vec_start(coll);
	u32 slot = 0;
	int err, err2;
	u64 key = 0;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	if (IS_SYNC(inode))
		handle->h_sync = 1;
	down_write(&coll->sem);
	err = vexfs_del_find(coll, inode->i_ino, chunk, last, &key, &slot);
	if (!err)
		err = vexfs_del_slot(handle, coll, key, slot);
	up_write(&coll->sem);
	if (!err && touch)
		err = vexfs_vec_touch(handle, inode);
	err2 = vexfs_stop(handle);
	err = err ? err : err2;
	/* -ENODATA ends the loop over all chunks: nothing was deleted. */
	if (err != -ENODATA)
		trace_vexfs_vec_del(inode, coll, key & VEXFS_MAX_CHUNK, slot, false,
				    vexfs_trace_since(start), err);
	return err;
}

int vexfs_vec_del(struct inode *inode, const char *name, u32 chunk, bool all)
{
	struct vexfs_coll *coll = vexfs_coll_open(inode->i_sb, name, MAY_WRITE);
	u32 last = all ? VEXFS_MAX_CHUNK : chunk;
	int err;

	if (IS_ERR(coll))
		return PTR_ERR(coll);
	if (chunk > VEXFS_MAX_CHUNK) {
		vexfs_coll_put(coll);
		return -EINVAL;
	}
	err = vexfs_del_one(coll, inode, all ? 0 : chunk, last, true);
	while (!err && all) {
		err = vexfs_del_one(coll, inode, 0, last, true);
		if (err == -ENODATA) {
			err = 0;
			break;
		}
	}
	vexfs_coll_put(coll);
	return err;
}

/**
 * vexfs_vec_evict - delete all embeddings of a file that is about to be freed
 * @inode: no names, no users; not in a handle, no locks
 *
 * A damaged collection is passed over: what it says about the file is refused
 * later, because the generation differs.
 *
 * Return: 0, or an error that must keep the inode from being freed.
 */
int vexfs_vec_evict(struct inode *inode)
{
	u64 mask = VEXFS_I(inode)->vecmask;
	int id, err;

	for (id = 0; id < VEXFS_MAX_COLL; id++) {
		struct vexfs_coll *coll = NULL;

		if (mask & BIT_ULL(id))
			coll = vexfs_coll_get_id(inode->i_sb, id);
		if (!coll)
			continue;
		do {
			err = vexfs_del_one(coll, inode, 0, VEXFS_MAX_CHUNK, false);
			cond_resched();
		} while (!err);
		vexfs_coll_put(coll);
		if (err != -ENODATA && err != -ENOENT && err != -EFSCORRUPTED)
			return err;
	}
	return 0;
}
