// SPDX-License-Identifier: GPL-2.0
/*
 * Embeddings of a file: set, get, list. Deleting them is in del.c.
 *
 * A set writes payload and code into an unused slot and then, in the same
 * handle, makes that slot live, frees the old one and points the map at the new
 * one. The commit thread writes payload and code before the commit record, and
 * a freed slot is not reused before the commit: whatever the moment of a crash,
 * the old embedding is there, or the new one.
 *
 * A change locks the collection, looks up and brings in the blocks it needs,
 * and only then starts its handle: everybody's commit waits for an open handle,
 * so nothing in it may wait for a reader.
 */
#include "kmod/vec/slot.h"
#include "kmod/vec/trace.h"
#include <linux/iversion.h>
#include <linux/sched/signal.h>
#include <linux/xattr.h>

/* ---- one change ------------------------------------------------------------ */

/* Path and splits of the map; two slot blocks, the record, the inode. coll->sem held. */
int vexfs_vec_credits(struct vexfs_coll *coll)
{
	return vexfs_bt_credits(&coll->map) +
	       (le16_to_cpu(coll->map.r_level) + 1) * VEXFS_ALLOC_CREDITS + 4;
}

handle_t *vexfs_vec_start(struct vexfs_coll *coll)
{
	return vexfs_start(coll->sb, vexfs_vec_credits(coll), VEXFS_MAX_LEVEL + 1);
}

int vexfs_map_lookup(struct vexfs_coll *coll, u64 key, u32 *slot)
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

static int vexfs_slot_pin(struct vexfs_coll *coll, u32 slot, struct vexfs_pinned *p)
{
	struct buffer_head *bh = vexfs_slot_read(coll, slot, &p->s);

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	p->slot = slot;
	p->bh = bh;
	return 0;
}

int vexfs_slot_pin_live(struct vexfs_coll *coll, u32 slot, struct vexfs_pinned *p)
{
	int err = vexfs_slot_pin(coll, slot, p);

	if (err || p->s->v_state == VEXFS_SLOT_LIVE)
		return err;
	return vexfs_corrupt(coll->sb, coll->slots.inode->i_ino, p->bh->b_blocknr,
			     "embedding map leads to a free slot");
}

/* coll->sem held for writing, coll->lock held. */
void vexfs_slot_release(struct vexfs_coll *coll, struct vexfs_pinned *p, tid_t tid)
{
	memset(p->s, 0, sizeof(*p->s));
	vexfs_slot_count(p->bh, -1);
	__vexfs_slot_mark_freed(coll, p->slot, tid);
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
	struct vexfs_pinned old, new;
	struct vexfs_region_io payload_io, code_io;
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
static int vexfs_set_choose(struct vexfs_set *set)
{
	int err = vexfs_coll_check(set->coll);

	if (err)
		return err;
	err = vexfs_map_lookup(set->coll, set->key, &set->old.slot);
	set->replace = !err;
	if (err && err != -ENODATA)
		return err;
	if (set->replace && (set->arg->flags & XATTR_CREATE))
		return -EEXIST;
	if (!set->replace && (set->arg->flags & XATTR_REPLACE))
		return -ENODATA;
	return vexfs_slot_find_free(set->coll, &set->new.slot) ? 0 : -EAGAIN;
}

/* A block that cannot be read takes no further embeddings: the next slot may do. */
static int vexfs_set_region(struct vexfs_set *set, struct vexfs_region *r,
			    struct vexfs_region_io *io)
{
	int err = vexfs_region_prepare(set->coll, r, set->new.slot, io);

	if (err != -EIO || vexfs_is_shutdown(set->coll->sb))
		return err;
	vexfs_lost_quarantine(set->coll, r, set->new.slot);
	return -EAGAIN;
}

/* All that may read the disk. coll->sem held for writing, no handle. */
static int vexfs_set_prepare(struct vexfs_set *set)
{
	struct vexfs_coll *coll = set->coll;
	int err = vexfs_set_choose(set);

	if (!err)
		err = vexfs_slot_pin(coll, set->new.slot, &set->new);
	if (!err && set->replace)
		err = vexfs_slot_pin_live(coll, set->old.slot, &set->old);
	if (!err)
		err = vexfs_set_region(set, &coll->payload, &set->payload_io);
	if (!err)
		err = vexfs_set_region(set, &coll->code, &set->code_io);
	return err;
}

static void vexfs_set_unpin(struct vexfs_set *set)
{
	brelse(set->old.bh);
	brelse(set->new.bh);
	set->old.bh = NULL;
	set->new.bh = NULL;
	vexfs_region_unpin(&set->payload_io);
	vexfs_region_unpin(&set->code_io);
}

static int vexfs_set_data(handle_t *handle, struct vexfs_set *set)
{
	struct vexfs_coll *coll = set->coll;
	int err;

	err = vexfs_region_write(handle, coll, &coll->payload, set->new.slot, set->arg->data,
				 &set->payload_io);
	if (!err)
		err = vexfs_region_write(handle, coll, &coll->code, set->new.slot, set->code,
					 &set->code_io);
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
		err = vexfs_bt_update(&t, set->key, set->new.slot);
	else
		err = vexfs_bt_insert(&t, set->key, set->new.slot);
	err2 = vexfs_coll_record_write(handle, coll);
	return err ? err : err2;
}

/* To whoever searches, the new embedding appears as the old one disappears. */
static void vexfs_set_switch(handle_t *handle, struct vexfs_set *set)
{
	struct vexfs_coll *coll = set->coll;
	struct vexfs_slot rec;

	vexfs_slot_fill(set, &rec);
	spin_lock(&coll->lock);
	*set->new.s = rec;
	vexfs_slot_count(set->new.bh, 1);
	__vexfs_slot_mark_live(coll, set->new.slot);
	if (set->replace)
		vexfs_slot_release(coll, &set->old, handle->h_transaction->t_tid);
	spin_unlock(&coll->lock);
}

/* Everything that can fail for a reason other than the journal comes before the
 * first slot changes. */
static int vexfs_set_slots(handle_t *handle, struct vexfs_set *set)
{
	struct super_block *sb = set->coll->sb;
	int err = vexfs_md_modify(handle, sb, set->new.bh);

	if (!err && set->replace)
		err = vexfs_md_modify(handle, sb, set->old.bh);
	if (!err)
		err = vexfs_set_map(handle, set);
	if (err)
		return err;
	vexfs_set_switch(handle, set);
	vexfs_views_set(set->coll, set->new.slot);
	err = vexfs_md_dirty(handle, sb, set->new.bh);
	if (!err && set->replace)
		err = vexfs_md_dirty(handle, sb, set->old.bh);
	return err;
}

int vexfs_vec_touch(handle_t *handle, struct inode *inode)
{
	vexfs_set_ctime_now(inode);
	inode_inc_iversion(inode);
	return vexfs_mark_inode_dirty(handle, inode);
}

/* One that replaces another is as large; it may have been left by an earlier file of this number. */
static u32 vexfs_set_charge(const struct vexfs_set *set)
{
	if (set->replace && le32_to_cpu(set->old.s->v_generation) == set->inode->i_generation)
		return 0;
	return vexfs_coll_charge(&set->coll->space);
}

static int vexfs_set_charged(handle_t *handle, struct vexfs_set *set)
{
	u32 charge = vexfs_set_charge(set);
	int err = vexfs_charge_extra(set->inode, charge);

	if (err)
		return err;
	err = vexfs_set_data(handle, set);
	if (!err)
		err = vexfs_set_slots(handle, set);
	if (err)
		vexfs_uncharge_extra(set->inode, charge);
	return err;
}

/* coll->sem held for writing, everything prepared. Leaves with the lock given up. */
static int vexfs_set_change(struct vexfs_set *set)
{
	struct vexfs_coll *coll = set->coll;
	struct vexfs_inode_info *vi = VEXFS_I(set->inode);
	handle_t *handle = vexfs_vec_start(coll);
	int err, err2;

	if (IS_ERR(handle)) {
		up_write(&coll->sem);
		return PTR_ERR(handle);
	}
	if (IS_SYNC(set->inode))
		handle->h_sync = 1;
	err = vexfs_set_charged(handle, set);
	up_write(&coll->sem);
	if (!err) {
		spin_lock(&vi->lock);
		vi->vecmask |= BIT_ULL(coll->id);
		spin_unlock(&vi->lock);
		err = vexfs_vec_touch(handle, set->inode);
	}
	err2 = vexfs_stop(handle);		/* may wait for the commit */
	return err ? err : err2;
}

static int vexfs_set_once(struct vexfs_set *set)
{
	int err;

	down_write(&set->coll->sem);
	err = vexfs_set_prepare(set);
	if (err)
		up_write(&set->coll->sem);
	else
		err = vexfs_set_change(set);
	vexfs_set_unpin(set);
	return err;
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

/* Others may take the slots grown for this one; each round adds some. -EAGAIN: so try again. */
static int vexfs_set_grow(struct vexfs_set *set)
{
	int err = fatal_signal_pending(current) ? -EINTR : vexfs_coll_grow(set->coll);

	return err ? err : -EAGAIN;
}

static int vexfs_set_retry(struct vexfs_set *set)
{
	struct super_block *sb = set->coll->sb;
	unsigned int seq = vexfs_room_seq(VEXFS_SB(sb));
	int err, tries = 0;

	do {
		err = vexfs_set_once(set);
		if (err == -EAGAIN)
			err = vexfs_set_grow(set);
		/* Blocks may wait for a commit, and files that were deleted may still have slots. */
		if (err == -ENOSPC && (vexfs_room_retry(sb, &seq, &tries) || vexfs_vec_wait(sb)))
			err = -EAGAIN;
	} while (err == -EAGAIN);
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
		err = vexfs_coll_need_table(set.coll);
	if (!err)
		err = vexfs_set_encode(&set);
	if (!err)
		err = vexfs_set_content(&set);
	if (!err)
		err = vexfs_set_retry(&set);
	if (!err)
		vexfs_payload_relieve(inode->i_sb);
	if (!err && IS_SYNC(inode))
		err = vexfs_lost_check(set.coll, set.key);
	trace_vexfs_vec_set(inode->i_ino, set.coll, arg->chunk, set.new.slot, set.replace,
			    vexfs_trace_since(start), err);
	kvfree(set.code);
	vexfs_coll_put(set.coll);
	return err;
}

/* ---- get ------------------------------------------------------------------------- */

/* The slot's record, copied, if it is what the map says. coll->sem held. */
static int vexfs_slot_fetch(struct vexfs_coll *coll, u64 key, u32 slot, struct vexfs_slot *out)
{
	const char *what;
	int err = vexfs_slot_copy(coll, slot, out);

	if (err)
		return err;
	/* The table may not have been looked at as a whole. */
	what = vexfs_slot_verify(out, &VEXFS_SB(coll->sb)->geo, coll->stamp_limit);
	if (!what && (out->v_state != VEXFS_SLOT_LIVE ||
		      VEXFS_MAPKEY(le64_to_cpu(out->v_ino), le32_to_cpu(out->v_chunk)) != key))
		what = "slot and embedding map disagree";
	return what ? vexfs_corrupt(coll->sb, key >> 24, 0, what) : 0;
}

static bool vexfs_slot_stale(struct inode *inode, const struct vexfs_slot *s)
{
	return le64_to_cpu(s->v_datagen) != READ_ONCE(VEXFS_I(inode)->datagen);
}

/* Does the slot still hold what @s was copied from? */
static bool vexfs_slot_same(struct vexfs_coll *coll, u32 slot, const struct vexfs_slot *s)
{
	struct vexfs_slot now;

	return !vexfs_slot_copy(coll, slot, &now) && now.v_state == VEXFS_SLOT_LIVE &&
	       now.v_stamp == s->v_stamp;
}

/* No locks held. -EAGAIN: the embedding was replaced or deleted meanwhile. */
static int vexfs_get_payload(struct vexfs_coll *coll, u32 slot, const struct vexfs_slot *s,
			     void *data)
{
	struct vexfs_cursor c;
	int err;

	vexfs_cursor_init(&c, &coll->payload);
	err = vexfs_region_read(&c, slot, data);
	if (err || vexfs_vec_crc(&coll->space, data) == le32_to_cpu(s->v_payload_crc))
		return err;
	if (!vexfs_slot_same(coll, slot, s))
		return -EAGAIN;
	/* One embedding is lost; the filesystem is not in danger. */
	vexfs_warn(coll->sb, "collection %s slot %u: payload checksum is wrong; set the embedding of inode %llu again",
		   vexfs_coll_label(coll), slot, le64_to_cpu(s->v_ino));
	return -EFSCORRUPTED;
}

/* Takes coll->sem for the lookup alone. */
static int vexfs_get_find(struct vexfs_coll *coll, struct inode *inode, u32 chunk, u32 *slot,
			  struct vexfs_slot *s)
{
	u64 key = VEXFS_MAPKEY(inode->i_ino, chunk);
	int err;

	down_read(&coll->sem);
	err = vexfs_coll_check(coll);
	if (!err)
		err = vexfs_map_lookup(coll, key, slot);
	if (!err)
		err = vexfs_slot_fetch(coll, key, *slot, s);
	up_read(&coll->sem);
	/* Left by a file that had this number before and could not be cleaned up. */
	if (!err && le32_to_cpu(s->v_generation) != inode->i_generation)
		err = -ENODATA;
	return err;
}

static int vexfs_get_once(struct vexfs_coll *coll, struct inode *inode,
			  struct vexfs_vec_arg *arg, u32 room, u32 *slot)
{
	struct vexfs_slot s;
	int err = vexfs_get_find(coll, inode, arg->chunk, slot, &s);

	if (err)
		return err;
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
	u32 slot = 0, room = arg->bytes;
	int err;

	if (IS_ERR(coll))
		return PTR_ERR(coll);
	do {
		err = vexfs_coll_need_maps(coll, true);
		if (err)
			break;
		if (arg->chunk > VEXFS_MAX_CHUNK)
			err = -EINVAL;
		else if (fatal_signal_pending(current))
			err = -EINTR;
		else
			err = vexfs_get_once(coll, inode, arg, room, &slot);
	} while (err == -EAGAIN);
	trace_vexfs_vec_get(inode->i_ino, coll, arg->chunk, slot, false, vexfs_trace_since(start), err);
	vexfs_coll_put(coll);
	return err;
}

/* ---- list --------------------------------------------------------------------------- */

/* The first embedding of @inode in @coll with a chunk >= @chunk. coll->sem held. -ENOENT. */
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
		if (!vexfs_coll_permission(coll, MAY_READ))
			err = vexfs_coll_need_maps(coll, true);
		if (!err) {
			down_read(&coll->sem);
			err = vexfs_next_locked(coll, inode, *chunk, e);
			up_read(&coll->sem);
		}
		if (!err && name)
			vexfs_coll_name(coll, name);
		vexfs_coll_put(coll);
		if (!err)
			*chunk = e->chunk;
		if (err != -ENOENT && err != -EFSCORRUPTED)
			return err;
	}
	return -ENOENT;
}
