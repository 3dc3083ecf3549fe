// SPDX-License-Identifier: GPL-2.0
/*
 * Repair of a collection: the blocks of its files, its slots, and its embedding map.
 *
 * Every live slot is judged by itself, as slot.c does; one that cannot be right is freed, and
 * its file has that embedding no more. The map follows from the slots that are left.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/feature.h"
#include "tools/fsck/region.h"

/* A slot that stays. */
struct live {
	u64	key, stamp;
	u32	slot;
};

/**
 * struct coll - the collection being repaired
 * @c:	    its record, put when all is done
 * @live:   slots that stay
 * @freed:  embeddings that were given up
 * @rec:    room for one vector
 * @at:	    records of the old map that are as they should be
 * @differ: the old map has something else
 */
struct coll {
	u32	id;
	struct vexfs_collection c;
	struct vexfs_space space;
	struct fsck_region file[VEXFS_COLL_FILES];
	struct live *live;
	size_t	n, room;
	u64	freed;
	u8	*rec;
	size_t	at;
	bool	differ;
};

/* ---- the record ---------------------------------------------------------------- */

static struct vexfs_collection *pin_record(struct fsck *f, u32 id, struct vexfs_blk *b)
{
	u32 index = id / VEXFS_COLL_PER_BLOCK;

	if (!fsck_read_quiet(f, f->img.geo.coll_start + index, VEXFS_MAGIC_COLL, index, b))
		return NULL;
	return (struct vexfs_collection *)((u8 *)b->data + VEXFS_MDHDR_SIZE) + id % VEXFS_COLL_PER_BLOCK;
}

static bool get_record(struct fsck *f, u32 id, struct vexfs_collection *c)
{
	struct vexfs_blk b;
	struct vexfs_collection *p = pin_record(f, id, &b);

	if (!p)
		return false;
	*c = *p;
	f->img.io.ops->put(&f->img.io, &b);
	return le32_to_cpu(c->c_state) == VEXFS_COLL_LIVE && !vexfs_coll_verify(c, &f->img.geo, id);
}

static void put_record(struct fsck *f, u32 id, const struct vexfs_collection *c)
{
	struct vexfs_blk b;
	struct vexfs_collection *p = pin_record(f, id, &b);

	if (!p)
		return;
	*p = *c;
	fsck_changed(f, &b, true);
	f->img.io.ops->put(&f->img.io, &b);
}

/* ---- blocks of the files --------------------------------------------------------- */

/* Slots that a file of @blocks blocks has room for. */
static u64 room_of(const struct coll *k, u32 which, u64 blocks)
{
	struct vexfs_layout l;

	if (which == VEXFS_COLL_SLOTS)
		return blocks * VEXFS_SLOTS_PER_BLOCK;
	vexfs_layout_init(&l, vexfs_coll_file_record(&k->space, which));
	return blocks / l.blocks * l.per_block;
}

static void fewer_slots(struct coll *k, u64 most)
{
	u64 n = le64_to_cpu(k->c.c_nslots);

	most -= most % VEXFS_SLOTS_PER_BLOCK;
	k->c.c_nslots = cpu_to_le64(min(n, most));
}

static int fill_hole(struct fsck *f, struct vexfs_tree *t, const struct vexfs_extent *e, u64 lblk, u64 end)
{
	struct vexfs_extent new = { .lblk = lblk };
	u64 room = min(end, e->lblk + e->len) - lblk;
	u32 len = min(room, (u64)VEXFS_EXT_MAX_LEN);
	int err = vexfs_image_alloc_blocks(&f->img, 0, &len, &new.pblk);

	new.len = len;
	return err ? err : vexfs_ext_insert(t, &new);
}

/* Every block below @end of a tree is there and written. *@lblk: how far that has come. */
static int fill(struct fsck *f, struct vexfs_tree *t, u64 end, u64 *lblk)
{
	struct vexfs_extent e;
	u64 done;
	int err = 0;

	for (*lblk = 0; *lblk < end && !err;) {
		err = vexfs_ext_find(t, *lblk, &e);
		if (err)
			break;
		if (!e.pblk)
			err = fill_hole(f, t, &e, *lblk, end);
		else if (e.flags & VEXFS_EXT_UNWRITTEN)
			err = vexfs_ext_convert(t, e.lblk, e.len, &done);
		else
			*lblk = e.lblk + e.len;
	}
	return err;
}

/* What is missing is filled; without room for that, there are fewer slots. */
static int fill_file(struct fsck *f, struct coll *k, u32 which)
{
	u64 ino = vexfs_coll_file_ino(&k->c, which), lblk;
	struct vexfs_inode di, before;
	struct vexfs_tree t = {
		.io = &f->img.io, .root = &di.i_root, .owner = ino, .leaf_magic = VEXFS_MAGIC_NODE,
	};
	u64 need = vexfs_coll_file_blocks(&k->c, which), have;
	int err = fsck_get_inode(f, ino, &di);

	if (err)
		return err;
	before = di;
	have = le64_to_cpu(di.i_size) >> VEXFS_BLOCK_SHIFT;
	if (which == VEXFS_COLL_CODE && have < need)
		di.i_size = cpu_to_le64(need << VEXFS_BLOCK_SHIFT);
	else if (have < need)
		fewer_slots(k, room_of(k, which, have));
	err = fill(f, &t, vexfs_coll_file_blocks(&k->c, which), &lblk);
	if (err == -ENOSPC) {
		fewer_slots(k, room_of(k, which, lblk));
		err = 0;
	}
	if (!err && memcmp(&di, &before, sizeof(di))) {
		err = fsck_settle_inode(f, ino, &di);
		fsck_did(f, "collection %u: blocks of its %s file allocated", k->id, vexfs_coll_file_name(which));
	}
	return err;
}

static int open_files(struct fsck *f, struct coll *k)
{
	u32 i, bytes;
	int err = 0;

	for (i = 0; i < VEXFS_COLL_FILES && !err; i++)
		err = fill_file(f, k, i);
	for (i = 0; i < VEXFS_COLL_FILES && !err; i++) {
		err = fsck_region_open(f, &k->file[i], vexfs_coll_file_ino(&k->c, i));
		bytes = vexfs_coll_file_record(&k->space, i);
		if (bytes)
			vexfs_layout_init(&k->file[i].l, bytes);
	}
	if (err)
		return err;
	k->rec = malloc(vexfs_vec_bytes(&k->space));
	return k->rec ? 0 : -ENOMEM;
}

/* ---- one slot ---------------------------------------------------------------------- */

/* A stamp nobody has; false: there is none left. */
static bool new_stamp(struct coll *k, struct vexfs_slot *v)
{
	u64 limit = le64_to_cpu(k->c.c_stamp_limit);

	if (limit == ~0ULL)
		return false;
	v->v_stamp = cpu_to_le64(limit);
	k->c.c_stamp_limit = cpu_to_le64(limit + 1);
	return true;
}

/* Content the inode has not had yet: the embedding is of other content than it has. */
static void make_stale(struct vexfs_inode *di, struct vexfs_slot *v)
{
	if (!di->i_datagen)
		di->i_datagen = cpu_to_le64(1);
	v->v_datagen = cpu_to_le64(le64_to_cpu(di->i_datagen) - 1);
}

/* The file of an embedding knows of it. False: it is not the file it was set for. */
static bool fix_owner(struct fsck *f, const struct coll *k, struct vexfs_slot *v)
{
	u64 ino = le64_to_cpu(v->v_ino);
	const struct fsck_ino *fi = fsck_ino_get(f, ino);
	struct vexfs_inode di, before;

	if (!fi || fi->dtype != DT_REG || fsck_get_inode(f, ino, &di) ||
	    (le32_to_cpu(di.i_flags) & VEXFS_INODE_HIDDEN) || di.i_generation != v->v_generation)
		return false;
	before = di;
	di.i_vecmask |= cpu_to_le64(1ULL << k->id);
	if (le64_to_cpu(v->v_datagen) > le64_to_cpu(di.i_datagen))
		make_stale(&di, v);
	if (!memcmp(&di, &before, sizeof(di)))
		return true;
	f->acted++;
	return !fsck_put_inode(f, ino, &di);
}

static bool fix_slot(struct fsck *f, struct coll *k, struct vexfs_slot *v, u32 slot)
{
	v->v_flags = 0;
	vexfs_feature_clear_slot(v, &f->img.geo);
	if (le64_to_cpu(v->v_stamp) >= le64_to_cpu(k->c.c_stamp_limit) && !new_stamp(k, v))
		return false;
	if (vexfs_slot_verify(v, &f->img.geo, le64_to_cpu(k->c.c_stamp_limit)) ||
	    v->v_state != VEXFS_SLOT_LIVE)
		return false;
	return fix_owner(f, k, v) && fsck_region_read(f, &k->file[VEXFS_COLL_PAYLOAD], slot, k->rec) &&
	       vexfs_vec_crc(&k->space, k->rec) == le32_to_cpu(v->v_payload_crc);
}

static void give_up(struct fsck *f, struct coll *k, struct vexfs_slot *v)
{
	if (v->v_state != VEXFS_SLOT_FREE) {
		k->freed++;
		fsck_did(f, "collection %u '%s': embedding of inode %llu, chunk %u given up: set it again", k->id,
			 (const char *)k->c.c_name, (unsigned long long)le64_to_cpu(v->v_ino),
			 le32_to_cpu(v->v_chunk));
	}
	memset(v, 0, sizeof(*v));
}

static void note_live(struct fsck *f, struct coll *k, const struct vexfs_slot *v, u32 slot)
{
	if (!fsck_grow(f, &k->live, k->n, &k->room, sizeof(*k->live)))
		return;
	k->live[k->n++] = (struct live){
		VEXFS_MAPKEY(le64_to_cpu(v->v_ino), le32_to_cpu(v->v_chunk)), le64_to_cpu(v->v_stamp), slot,
	};
}

/* ---- blocks of slots ----------------------------------------------------------------- */

static struct vexfs_slot *slots_of(const struct vexfs_blk *b)
{
	return (void *)((u8 *)b->data + VEXFS_MDHDR_SIZE);
}

/* Pin a block of the slot table; one that does not verify is made anew, empty. */
static int pin_slots(struct fsck *f, struct coll *k, u64 index, struct vexfs_blk *b)
{
	struct fsck_region *table = &k->file[VEXFS_COLL_SLOTS];
	u64 pblk;
	int err;

	if (!fsck_region_map(f, table, index, &pblk))
		return -EUCLEAN;
	if (fsck_read_quiet(f, pblk, VEXFS_MAGIC_SLOT, table->ino, b))
		return 0;
	err = vexfs_image_new(&f->img, pblk, b);
	if (err)
		return err;
	vexfs_mdhdr_init(b->data, &f->img.geo, VEXFS_MAGIC_SLOT, pblk, table->ino);
	fsck_changed(f, b, true);
	fsck_did(f, "collection %u '%s': block %llu of the slot table written anew, empty: set its embeddings again",
		 k->id, (const char *)k->c.c_name, (unsigned long long)index);
	return 0;
}

static void unpin_slots(struct fsck *f, struct vexfs_blk *b, const u8 *before)
{
	struct vexfs_mdhdr *h = b->data;
	u32 i, live = 0;

	for (i = 0; i < VEXFS_SLOTS_PER_BLOCK; i++)
		live += slots_of(b)[i].v_state == VEXFS_SLOT_LIVE;
	h->h_count = cpu_to_le16(live);
	if (memcmp(b->data, before, VEXFS_BLOCK_SIZE)) {
		fsck_changed(f, b, true);
		f->acted++;
	}
	f->img.io.ops->put(&f->img.io, b);
}

static int fix_block(struct fsck *f, struct coll *k, u64 index)
{
	u8 before[VEXFS_BLOCK_SIZE];
	struct vexfs_blk b;
	u32 i, slot;
	int err = pin_slots(f, k, index, &b);

	if (err)
		return err;
	memcpy(before, b.data, sizeof(before));
	for (i = 0; i < VEXFS_SLOTS_PER_BLOCK; i++) {
		struct vexfs_slot *v = &slots_of(&b)[i];

		slot = index * VEXFS_SLOTS_PER_BLOCK + i;
		if (v->v_state != VEXFS_SLOT_FREE && fix_slot(f, k, v, slot))
			note_live(f, k, v, slot);
		else
			give_up(f, k, v);
	}
	unpin_slots(f, &b, before);
	return 0;
}

/* ---- embeddings that have something in common ------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct live *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->stamp > y->stamp ? -1 : x->stamp < y->stamp;
}

static int by_stamp(const void *a, const void *b)
{
	const struct live *x = a, *y = b;

	if (x->stamp != y->stamp)
		return x->stamp < y->stamp ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* Give one up, or give it another stamp. */
static int change_slot(struct fsck *f, struct coll *k, struct live *l, bool stamp)
{
	u8 before[VEXFS_BLOCK_SIZE];
	struct vexfs_slot *v;
	struct vexfs_blk b;
	int err = pin_slots(f, k, l->slot / VEXFS_SLOTS_PER_BLOCK, &b);

	if (err)
		return err;
	memcpy(before, b.data, sizeof(before));
	v = &slots_of(&b)[l->slot % VEXFS_SLOTS_PER_BLOCK];
	if (!stamp || !new_stamp(k, v))
		give_up(f, k, v);
	l->stamp = le64_to_cpu(v->v_stamp);
	l->key = v->v_state == VEXFS_SLOT_LIVE ? l->key : ~0ULL;
	unpin_slots(f, &b, before);
	return 0;
}

/* Those that were given up go from the list. */
static void forget(struct coll *k)
{
	size_t i, n = 0;

	for (i = 0; i < k->n; i++)
		if (k->live[i].key != ~0ULL)
			k->live[n++] = k->live[i];
	k->n = n;
}

/* Of two of one passage the later one stays; of two with one stamp, one gets another. Ends by key. */
static int settle_twice(struct fsck *f, struct coll *k)
{
	size_t i;
	int err = 0;

	if (!k->n)
		return 0;
	qsort(k->live, k->n, sizeof(*k->live), by_key);
	for (i = k->n; i-- > 1 && !err;)
		if (k->live[i].key == k->live[i - 1].key)
			err = change_slot(f, k, &k->live[i], false);
	forget(k);
	qsort(k->live, k->n, sizeof(*k->live), by_stamp);
	for (i = k->n; i-- > 1 && !err;)
		if (k->live[i].stamp == k->live[i - 1].stamp)
			err = change_slot(f, k, &k->live[i], true);
	forget(k);
	qsort(k->live, k->n, sizeof(*k->live), by_key);
	return err;
}

/* ---- the map ----------------------------------------------------------------------------- */

static void compare(struct fsck *f, void *ctx, const struct vexfs_rec *recs, u32 count)
{
	struct coll *k = ctx;
	u32 i;

	for (i = 0; i < count && !k->differ; i++, k->at++)
		k->differ = k->at >= k->n || le64_to_cpu(recs[i].key) != k->live[k->at].key ||
			    le64_to_cpu(recs[i].val) != k->live[k->at].slot;
}

/* Is a block of the map another's too? Its blocks are then not to be kept. */
static bool shared(const struct fsck *f, u32 id)
{
	size_t i;

	for (i = 0; i < f->ntwice && f->twice[i].id <= id; i++)
		if (f->twice[i].id == id)
			return true;
	return false;
}

/* True: the map is as it should be. */
static bool map_right(struct fsck *f, struct coll *k)
{
	struct fsck_tree t = {
		.owner = VEXFS_OWNER_COLL + k->id, .recs = compare, .ctx = k, .quiet = true,
	};

	fsck_tree_walk(f, &t, &k->c.c_map);
	return !t.damaged && !k->differ && k->at == k->n && !shared(f, k->id) &&
	       t.blocks == le64_to_cpu(k->c.c_map.r_blocks);
}

static int make_map(struct fsck *f, struct coll *k)
{
	struct vexfs_tree t = {
		.io = &f->img.io, .root = &k->c.c_map, .owner = VEXFS_OWNER_COLL + k->id,
		.leaf_magic = VEXFS_MAGIC_NODE,
	};
	size_t i;
	int err = 0;

	if (map_right(f, k))
		return 0;
	memset(&k->c.c_map, 0, sizeof(k->c.c_map));
	for (i = 0; i < k->n && !err; i++)
		err = vexfs_bt_insert(&t, k->live[i].key, k->live[i].slot);
	fsck_did(f, "collection %u '%s': embedding map made anew", k->id, (const char *)k->c.c_name);
	return err;
}

/* ---- */

static int fix_all(struct fsck *f, struct coll *k)
{
	u64 i;
	int err = open_files(f, k);

	for (i = 0; !err && !f->err && i < le64_to_cpu(k->c.c_nslots) / VEXFS_SLOTS_PER_BLOCK; i++)
		err = fix_block(f, k, i);
	if (!err)
		err = settle_twice(f, k);
	return err ? err : make_map(f, k);
}

int fsck_fix_slots(struct fsck *f, u64 id)
{
	struct coll k = { .id = id };
	struct vexfs_collection before;
	int err;

	if (!get_record(f, id, &k.c))
		return 0;		/* damaged, and repaired before the next round */
	before = k.c;
	k.space = vexfs_coll_space(&k.c);
	err = fix_all(f, &k);
	if (!err) {
		put_record(f, id, &k.c);
		f->acted += memcmp(&before, &k.c, sizeof(before)) != 0;
	}
	free(k.live);
	free(k.rec);
	return err == -ENOENT ? 0 : err;
}
