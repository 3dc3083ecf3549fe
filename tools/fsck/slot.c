// SPDX-License-Identifier: GPL-2.0
/*
 * Pass 4: the embeddings of a collection: slot table, embedding map, payload
 * and codes.
 *
 * Every live slot must be what the map has under its (inode, chunk). If then
 * the map has as many records as there are live slots, each belongs to exactly
 * one: no slot-sized table is needed to find out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/coll.h"
#include "tools/fsck/region.h"

/**
 * struct slots - one collection being checked
 * @id, @name:	of the collection
 * @map:	its embedding map
 * @map_ok:	it verifies: look slots up in it
 * @records:	records in the map
 * @live:	live slots
 * @matched:	live slots the map agrees about
 * @stamps:	of the live slots
 * @rec:	room for one payload or code record
 */
struct slots {
	u32	id;
	const char *name;
	struct vexfs_space space;
	u64	nslots, limit;
	struct vexfs_btree_root root;
	struct vexfs_tree map;
	bool	map_ok;
	u64	records, live, matched;
	struct fsck_region file[VEXFS_COLL_FILES];
	u64	*stamps;
	size_t	room;
	u8	*rec;
};

/* An entry of the table whose text is about a slot. */
#define bad_slot(f, s, slot, v, what, ...) \
	fsck_problem(f, what, (s)->id, (s)->name, (unsigned long long)(slot), \
		     (unsigned long long)le64_to_cpu((v)->v_ino), le32_to_cpu((v)->v_chunk), \
		     ##__VA_ARGS__)

/* ---- one slot ------------------------------------------------------------ */

/* The file an embedding belongs to. */
static void check_owner(struct fsck *f, const struct slots *s, const struct vexfs_slot *v,
			u64 slot)
{
	u64 ino = le64_to_cpu(v->v_ino);
	const struct fsck_ino *fi = fsck_ino_get(f, ino);
	struct vexfs_inode *di;
	struct vexfs_blk b;
	int err;

	if (!fi)
		bad_slot(f, s, slot, v, SLOT_FREE);
	else if (fi->flags & FSCK_INO_HIDDEN)
		bad_slot(f, s, slot, v, SLOT_HIDDEN);
	if (!fi || fi->flags & (FSCK_INO_HIDDEN | FSCK_INO_BAD))
		return;		/* a bad one was reported in pass 1 */
	err = vexfs_image_inode(&f->img, ino, &b, &di);
	if (err) {
		fsck_fatal(f, err, "reading an inode");
		return;
	}
	if (di->i_generation != v->v_generation)
		bad_slot(f, s, slot, v, SLOT_GENERATION);
	else if (!(le64_to_cpu(di->i_vecmask) >> s->id & 1))
		bad_slot(f, s, slot, v, SLOT_VECMASK);
	else if (le64_to_cpu(v->v_datagen) > le64_to_cpu(di->i_datagen))
		bad_slot(f, s, slot, v, SLOT_DATAGEN);
	if (di->i_generation == v->v_generation)
		fsck_quota_charge(f, ino, vexfs_coll_charge(&s->space));
	f->img.io.ops->put(&f->img.io, &b);
}

static void check_mapped(struct fsck *f, struct slots *s, const struct vexfs_slot *v, u64 slot)
{
	struct vexfs_kv kv;
	u64 key = VEXFS_MAPKEY(le64_to_cpu(v->v_ino), le32_to_cpu(v->v_chunk));

	if (!s->map_ok || le64_to_cpu(v->v_ino) > VEXFS_MAX_INO)
		return;
	if (vexfs_bt_find_ge(&s->map, key, &kv) || kv.key != key)
		bad_slot(f, s, slot, v, SLOT_UNMAPPED);
	else if (kv.val != slot)
		bad_slot(f, s, slot, v, SLOT_MAPPED);
	else
		s->matched++;
}

static void check_payload(struct fsck *f, struct slots *s, const struct vexfs_slot *v, u64 slot)
{
	if (!fsck_region_read(f, &s->file[VEXFS_COLL_PAYLOAD], slot, s->rec))
		bad_slot(f, s, slot, v, PAYLOAD_READ);
	else if (vexfs_vec_crc(&s->space, s->rec) != le32_to_cpu(v->v_payload_crc))
		bad_slot(f, s, slot, v, PAYLOAD_CRC);
}

static void check_code(struct fsck *f, struct slots *s, const struct vexfs_slot *v, u64 slot)
{
	if (fsck_region_read(f, &s->file[VEXFS_COLL_CODE], slot, s->rec) &&
	    vexfs_code_valid(&s->space, (const void *)s->rec, (u32)le64_to_cpu(v->v_stamp)))
		return;
	f->derived++;
	fsck_problem(f, CODE, s->id, s->name, (unsigned long long)slot);
}

static void add_stamp(struct fsck *f, struct slots *s, u64 stamp)
{
	if (s->live == s->room) {
		size_t room = s->room ? s->room * 2 : 1024;
		u64 *p = realloc(s->stamps, room * sizeof(*p));

		if (!p) {
			fsck_fatal(f, -ENOMEM, "noting stamps");
			return;
		}
		s->stamps = p;
		s->room = room;
	}
	s->stamps[s->live++] = stamp;
}

static void check_live(struct fsck *f, struct slots *s, const struct vexfs_slot *v, u64 slot)
{
	check_owner(f, s, v, slot);
	check_mapped(f, s, v, slot);
	check_payload(f, s, v, slot);
	check_code(f, s, v, slot);
	add_stamp(f, s, le64_to_cpu(v->v_stamp));
}

/* ---- the table ----------------------------------------------------------- */

/* Pin block @index of the slot table; false: reported. */
static bool slot_block(struct fsck *f, struct slots *s, u64 index, struct vexfs_blk *b)
{
	struct fsck_region *table = &s->file[VEXFS_COLL_SLOTS];
	u64 pblk;

	fsck_where(f, FSCK_SLOT_BLOCK, "collection %u '%s': slot table (inode %llu)", s->id, s->name,
		   (unsigned long long)table->ino);
	if (!fsck_region_map(f, table, index, &pblk)) {
		fsck_problem(f, SLOT_HOLE, f->where, (unsigned long long)index);
		return false;
	}
	return fsck_read(f, pblk, VEXFS_MAGIC_SLOT, table->ino, b);
}

static const struct vexfs_slot *block_slots(const struct vexfs_blk *b)
{
	return (const void *)((const u8 *)b->data + VEXFS_MDHDR_SIZE);
}

static void check_block(struct fsck *f, struct slots *s, u64 index)
{
	u64 first = index * VEXFS_SLOTS_PER_BLOCK;
	const struct vexfs_slot *v;
	struct vexfs_blk b;
	u32 i, live = 0, said;

	if (!slot_block(f, s, index, &b)) {
		s->map_ok = false;	/* counts will not match, and that has its cause */
		return;
	}
	v = block_slots(&b);
	for (i = 0; i < VEXFS_SLOTS_PER_BLOCK && !f->err; i++, v++) {
		const char *bad = vexfs_slot_verify(v, &f->img.geo, s->limit);

		if (bad)
			bad_slot(f, s, first + i, v, SLOT_VALUE, bad);
		if (v->v_state == VEXFS_SLOT_LIVE) {
			live++;
			check_live(f, s, v, first + i);
		}
	}
	said = le16_to_cpu(((const struct vexfs_mdhdr *)b.data)->h_count);
	if (said != live)
		fsck_problem(f, SLOT_COUNT, f->where, (unsigned long long)b.blkno, said, live);
	f->img.io.ops->put(&f->img.io, &b);
}

static int cmp_u64(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void check_stamps(struct fsck *f, struct slots *s)
{
	u64 i;

	if (s->live)
		qsort(s->stamps, s->live, sizeof(u64), cmp_u64);
	for (i = 1; i < s->live; i++)
		if (s->stamps[i] == s->stamps[i - 1])
			fsck_problem(f, STAMP_TWICE, s->id, s->name,
				     (unsigned long long)s->stamps[i]);
}

/* ---- the map ------------------------------------------------------------- */

static void count_recs(struct fsck *f, void *ctx, const struct vexfs_rec *recs, u32 count)
{
	struct slots *s = ctx;

	s->records += count;
}

/* More records than live slots: name those that lead nowhere. */
static void check_record(struct fsck *f, struct slots *s, u64 key, u64 slot)
{
	const struct vexfs_slot *v;
	struct vexfs_blk b;
	bool ok;

	if (slot < s->nslots) {
		if (!slot_block(f, s, slot / VEXFS_SLOTS_PER_BLOCK, &b))
			return;
		v = block_slots(&b) + slot % VEXFS_SLOTS_PER_BLOCK;
		ok = v->v_state == VEXFS_SLOT_LIVE &&
		     VEXFS_MAPKEY(le64_to_cpu(v->v_ino), le32_to_cpu(v->v_chunk)) == key;
		f->img.io.ops->put(&f->img.io, &b);
		if (ok)
			return;
	}
	fsck_problem(f, MAP_STRAY, s->id, s->name, (unsigned long long)(key >> 24),
		     (u32)key & VEXFS_MAX_CHUNK, (unsigned long long)slot);
}

static void check_records(struct fsck *f, struct slots *s)
{
	struct vexfs_kv kv = { 0 };
	u64 from = 0;

	while (!f->err && !vexfs_bt_find_ge(&s->map, from, &kv)) {
		check_record(f, s, kv.key, kv.val);
		from = kv.key + 1;
	}
}

/* ---- */

static int slots_open(struct fsck *f, struct slots *s, const struct vexfs_collection *c)
{
	u32 i, bytes, most = 1;
	int err = 0;

	for (i = 0; i < VEXFS_COLL_FILES && !err; i++) {
		err = fsck_region_open(f, &s->file[i], vexfs_coll_file_ino(c, i));
		bytes = vexfs_coll_file_record(&s->space, i);
		if (bytes)
			vexfs_layout_init(&s->file[i].l, bytes);
		most = bytes > most ? bytes : most;
	}
	if (err)
		return err;
	s->rec = malloc(most);
	return s->rec ? 0 : -ENOMEM;
}

/* The kernel writes to any slot, used or not. A hole in the slot table is reported with its block. */
static void check_holes(struct fsck *f, struct slots *s, const struct vexfs_collection *c)
{
	u64 lblk, pblk, need;
	u32 i;

	fsck_where(f, FSCK_COLL_HOLE, "collection %u '%s'", s->id, s->name);
	for (i = VEXFS_COLL_PAYLOAD; i < VEXFS_COLL_FILES; i++) {
		need = vexfs_coll_file_blocks(c, i);
		for (lblk = 0; lblk < need && fsck_region_map(f, &s->file[i], lblk, &pblk);)
			lblk = s->file[i].e.lblk + s->file[i].e.len;
		if (lblk < need)
			fsck_problem(f, COLL_HOLE, f->where, vexfs_coll_file_name(i),
				     (unsigned long long)lblk);
	}
}

static void check_slots(struct fsck *f, struct slots *s, const struct vexfs_collection *c)
{
	u64 blocks = s->nslots / VEXFS_SLOTS_PER_BLOCK, i;
	int err = slots_open(f, s, c);

	if (err)
		fsck_fatal(f, err, "reading a collection");
	else
		check_holes(f, s, c);
	for (i = 0; i < blocks && !f->err; i++) {
		check_block(f, s, i);
		fsck_progress(f, i + 1, blocks);
	}
	check_stamps(f, s);
	if (s->map_ok && s->records != s->matched)
		check_records(f, s);
	f->embeddings += s->live;
	free(s->stamps);
	free(s->rec);
}

void fsck_map(struct fsck *f, const struct vexfs_collection *c, bool inodes_ok)
{
	struct slots s = {
		.id = le32_to_cpu(c->c_id), .name = (const char *)c->c_name,
		.space = vexfs_coll_space(c),
		.nslots = le64_to_cpu(c->c_nslots), .limit = le64_to_cpu(c->c_stamp_limit),
		.root = c->c_map,
	};
	struct fsck_tree t = { .owner = VEXFS_OWNER_COLL + s.id, .recs = count_recs, .ctx = &s };

	fsck_where(f, FSCK_MAP_BLOCK, "collection %u '%s': embedding map", s.id, s.name);
	fsck_tree_walk(f, &t, &c->c_map);
	if (!t.damaged && le64_to_cpu(c->c_map.r_blocks) != t.blocks)
		fsck_problem(f, MAP_TREE, f->where, (unsigned long long)t.blocks,
			     (unsigned long long)le64_to_cpu(c->c_map.r_blocks));
	/* One that is being dropped has parts missing by right; the next mount finishes it. */
	if (!inodes_ok || le32_to_cpu(c->c_state) != VEXFS_COLL_LIVE) {
		fsck_quota_unsure(f);
		return;
	}
	s.map = (struct vexfs_tree){
		.io = &f->img.io, .root = &s.root, .owner = t.owner, .leaf_magic = VEXFS_MAGIC_NODE,
	};
	s.map_ok = !t.damaged;
	check_slots(f, &s, c);
}
