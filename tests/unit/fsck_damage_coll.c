// SPDX-License-Identifier: GPL-2.0
/* Damage to collections: their table, slots, embedding maps and payload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "core/graph.h"
#include "tests/unit/fsck_damage.h"

/* ---- collections --------------------------------------------------------- */

static void coll_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, x->ib.img.geo.coll_start, false, p[1000] ^= 1);
}

static void coll_state(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_state = cpu_to_le32(7));
}

static void coll_index(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_id = cpu_to_le32(1));
}

static void coll_name(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_name[2] = '.');
}

static void coll_name_padding(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_name[20] = 'x');
}

static void coll_flags(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_flags = cpu_to_le16(1));
}

static void coll_mode(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_mode = cpu_to_le32(0755));
}

static void coll_graph(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_graph_ino = cpu_to_le64(x->file));
}

static void coll_reserved(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_reserved[103] = 1);
}

static void coll_free(struct fixture *x)
{
	EDIT_COLL(x, 3, c.c_dim = cpu_to_le32(8));
}

static void coll_same_name(struct fixture *x)
{
	EDIT_COLL(x, 9, {
		memset(c.c_name, 0, sizeof(c.c_name));
		memcpy(c.c_name, "words", 5);
	});
}

static void coll_dim(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_dim = 0);
}

static void coll_slots(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_nslots = cpu_to_le64(64));
}

static void coll_more_slots(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_nslots = cpu_to_le64(VEXFS_SLOTS_PER_BLOCK * 5));
}

static void coll_count(struct fixture *x)
{
	EDIT_BLOCK(x, x->ib.img.geo.coll_start, true,
		   ((struct vexfs_mdhdr *)p)->h_count = cpu_to_le16(2));
}

static void coll_inode(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_code_ino = cpu_to_le64(x->file));
}

static void coll_inode_twice(struct fixture *x)
{
	EDIT_COLL(x, 0, c.c_code_ino = c.c_payload_ino);
}

static void hidden_nobody(struct fixture *x)
{
	u64 ino = ib_new_inode(&x->ib, S_IFREG | 0600);

	EDIT_INODE(x, ino, {
		di.i_nlink = cpu_to_le32(1);
		di.i_flags = cpu_to_le32(VEXFS_INODE_HIDDEN);
	});
}

static void hidden_nlink(struct fixture *x)
{
	struct vexfs_collection coll = ib_get_coll(&x->ib, 0);

	EDIT_INODE(x, le64_to_cpu(coll.c_slot_ino), di.i_nlink = cpu_to_le32(2));
}

static void slot_checksum(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 9);

	EDIT_BLOCK(x, ib_map(&x->ib, le64_to_cpu(c.c_slot_ino), 1), false, p[99] ^= 1);
}

static void slot_state(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_state = 9);
}

static void slot_flags(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_flags = 1);
}

static void slot_reserved(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_reserved[71] = 1);
}

static void slot_freed(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_state = VEXFS_SLOT_FREE);
}

static void slot_inode(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_ino = cpu_to_le64(x->ib.img.geo.inodes_per_group));
}

static void slot_hidden(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 0);

	EDIT_SLOT(x, 0, 3, v->v_ino = c.c_slot_ino);
}

static void slot_generation(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_generation = cpu_to_le32(1));
}

static void slot_mask(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_vecmask = 0);
}

static void slot_datagen(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_datagen = cpu_to_le64(5));
}

static void slot_stamp(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_stamp = cpu_to_le64(70000));
}

static void slot_same_stamp(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_stamp = cpu_to_le64(104));
}

static void slot_chunk(struct fixture *x)
{
	EDIT_SLOT(x, 0, 3, v->v_chunk = cpu_to_le32(500));
}

static void slot_count(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 0);

	EDIT_BLOCK(x, ib_map(&x->ib, le64_to_cpu(c.c_slot_ino), 0), true,
		   ((struct vexfs_mdhdr *)p)->h_count = cpu_to_le16(19));
}

/* The embedding map of collection 9, whose record is @c. */
static struct vexfs_tree map_of_9(struct fixture *x, struct vexfs_collection *c)
{
	return (struct vexfs_tree){
		.io = &x->ib.img.io, .root = &c->c_map, .owner = VEXFS_OWNER_COLL + 9,
		.leaf_magic = VEXFS_MAGIC_NODE,
	};
}

static void map_value(struct fixture *x)
{
	EDIT_COLL(x, 9, {
		struct vexfs_tree map = map_of_9(x, &c);

		assert_int_equal(vexfs_bt_update(&map, VEXFS_MAPKEY(x->frag, 4), 5), 0);
	});
}

static void map_extra(struct fixture *x)
{
	EDIT_COLL(x, 9, {
		struct vexfs_tree map = map_of_9(x, &c);

		assert_int_equal(vexfs_bt_insert(&map, VEXFS_MAPKEY(x->frag, 4000), 125), 0);
	});
}

static void map_checksum(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 9);

	EDIT_BLOCK(x, le64_to_cpu(c.c_map.r_recs[0].val), false, p[200] ^= 1);
}

static void map_blocks(struct fixture *x)
{
	EDIT_COLL(x, 9, c.c_map.r_blocks = cpu_to_le64(le64_to_cpu(c.c_map.r_blocks) + 1));
}

static void payload_crc(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 9);

	EDIT_BLOCK(x, ib_map(&x->ib, le64_to_cpu(c.c_payload_ino), 3), false, p[17] ^= 1);
}

static void payload_hole(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 0);

	EDIT_INODE(x, le64_to_cpu(c.c_payload_ino),
		   di.i_root.r_recs[0].val |= cpu_to_le64(VEXFS_EXT_UNWRITTEN));
}

/* Where no slot is in use: the next set would find it. */
static void coll_hole(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 9);

	EDIT_INODE(x, le64_to_cpu(c.c_payload_ino), {
		u64 val = le64_to_cpu(di.i_root.r_recs[0].val);

		assert_int_equal(le16_to_cpu(di.i_root.r_count), 1);
		di.i_root.r_recs[0].val = cpu_to_le64(val - (1ULL << VEXFS_EXT_PBLK_BITS));
		di.i_blocks = cpu_to_le64(le64_to_cpu(di.i_blocks) - 1);
	});
}

static void slot_hole(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 0);

	EDIT_INODE(x, le64_to_cpu(c.c_slot_ino),
		   di.i_root.r_recs[0].val |= cpu_to_le64(VEXFS_EXT_UNWRITTEN));
}

/* ---- graphs ---------------------------------------------------------------- */

static const struct vexfs_simd *const ints = &vexfs_simd_int;

static int graph_get(void *ctx, u32 lblk, bool change, void **data)
{
	*data = (u8 *)ctx + (size_t)lblk * VEXFS_BLOCK_SIZE;
	return 0;
}

/* As the kernel would leave it: 20 vectors, in @mem. Return: blocks. */
static u32 graph_fill(struct vexfs_graph *g, const struct vexfs_space *s, u8 *mem, u32 *mean)
{
	static const struct vexfs_graph_ops ops = { .get = graph_get };
	static struct vexfs_graph_work w;
	void *work;
	float v[8];
	u32 i, k;

	vexfs_graph_init(g, s, 0, mean);
	g->ops = &ops;
	g->ctx = mem;
	g->simd = ints;
	vexfs_graph_block_check(g, g->first, mem + (size_t)g->first * VEXFS_BLOCK_SIZE);
	work = aligned_alloc(64, (vexfs_graph_work_bytes(g, 64, 256) + 63) & ~(size_t)63);
	vexfs_graph_work_init(&w, g, 64, 256, work);
	for (i = 0; i < 20; i++) {
		for (k = 0; k < 8; k++)
			v[k] = (float)((i * 37 + k * 11) % 50) - 25;
		assert_int_equal(vexfs_graph_insert(g, &w, i, i, (const u32 *)v), 0);
	}
	free(work);
	return vexfs_graph_blocks(g, g->nrec);
}

static void put_block(struct ib *ib, u64 ino, u32 lblk, const void *data)
{
	struct vexfs_blk b;

	memcpy(ib_pin(ib, ib_map(ib, ino, lblk), &b), data, VEXFS_BLOCK_SIZE);
	ib_change(ib, &b, false);
}

/* A sound graph of collection 0. Return: its inode. */
static u64 make_graph(struct fixture *x, u64 stamp)
{
	static _Alignas(64) u8 mem[3 * VEXFS_BLOCK_SIZE];
	static _Alignas(64) u32 mean[64];
	struct vexfs_collection words = ib_get_coll(&x->ib, 0);
	struct vexfs_space s = vexfs_coll_space(&words);
	u64 ino = ib_new_inode(&x->ib, S_IFREG | 0600);
	struct vexfs_graph g;
	u32 blocks, i;

	memset(mem, 0, sizeof(mem));
	blocks = graph_fill(&g, &s, mem, mean);
	assert_int_equal(blocks, 3);
	g.stamp = stamp;
	g.generation = le32_to_cpu(ib_get_inode(&x->ib, ino).i_generation);
	vexfs_graph_block_seal(&g, 2, mem + 2 * VEXFS_BLOCK_SIZE);
	vexfs_graph_means_write(&g, (void *)(mem + VEXFS_BLOCK_SIZE), 1);
	vexfs_graph_head_write(&g, (void *)mem);
	ib_add_extent(&x->ib, ino, 0, blocks, 0);
	EDIT_INODE(x, ino, {
		di.i_nlink = cpu_to_le32(1);
		di.i_flags = cpu_to_le32(VEXFS_INODE_HIDDEN);
		di.i_size = cpu_to_le64(blocks << VEXFS_BLOCK_SHIFT);
	});
	for (i = 0; i < blocks; i++)
		put_block(&x->ib, ino, i, mem + (size_t)i * VEXFS_BLOCK_SIZE);
	ib_feature(&x->ib, VEXFS_COMPAT, VEXFS_FEATURE_COMPAT_GRAPH);
	EDIT_COLL(x, 0, c.c_graph_ino = cpu_to_le64(ino));
	return ino;
}

static void break_graph(struct fixture *x, u32 lblk, u32 byte)
{
	u64 ino = make_graph(x, 20);

	EDIT_BLOCK(x, ib_map(&x->ib, ino, lblk), false, p[byte] ^= 1);
}

static void graph_head(struct fixture *x)
{
	break_graph(x, 0, 48);
}

static void graph_means(struct fixture *x)
{
	break_graph(x, 1, 40);
}

static void graph_record(struct fixture *x)
{
	break_graph(x, 2, 16);
}

static void graph_stamp(struct fixture *x)
{
	make_graph(x, 1ULL << 40);
}

static void graph_other(struct fixture *x)
{
	u64 ino = make_graph(x, 20);

	EDIT_INODE(x, ino, di.i_generation = cpu_to_le32(le32_to_cpu(di.i_generation) + 1));
}

static void graph_short(struct fixture *x)
{
	u64 ino = make_graph(x, 20);

	EDIT_INODE(x, ino, di.i_size = cpu_to_le64(2 << VEXFS_BLOCK_SHIFT));
}

static void graph_hole(struct fixture *x)
{
	u64 ino = make_graph(x, 20);

	EDIT_INODE(x, ino, di.i_root.r_recs[0].val |= cpu_to_le64(VEXFS_EXT_UNWRITTEN));
}

static void graph_inode(struct fixture *x)
{
	make_graph(x, 20);
	EDIT_COLL(x, 0, c.c_graph_ino = cpu_to_le64(x->file));
}

static void graph_twice(struct fixture *x)
{
	make_graph(x, 20);
	EDIT_COLL(x, 0, c.c_graph_ino = c.c_payload_ino);
}

/* ---- the table ----------------------------------------------------------- */

const struct damage coll_damages[] = {
	{ "coll_checksum", coll_checksum, FSCK_COLL_BLOCK, "wrong block checksum" },
	{ "coll_state", coll_state, FSCK_COLL, "unknown collection state" },
	{ "coll_index", coll_index, FSCK_COLL, "collection's index is not its place in the table" },
	{ "coll_name", coll_name, FSCK_COLL, "impossible collection name" },
	{ "coll_name_padding", coll_name_padding, FSCK_COLL, "impossible collection name" },
	{ "coll_flags", coll_flags, FSCK_COLL, "unknown collection flags" },
	{ "coll_mode", coll_mode, FSCK_COLL, "impossible collection mode" },
	{ "coll_graph", coll_graph, FSCK_COLL, "graph without the feature" },
	{ "coll_reserved", coll_reserved, FSCK_COLL, "reserved field set" },
	{ "coll_free", coll_free, FSCK_COLL, "free collection record is not empty" },
	{ "coll_same_name", coll_same_name, FSCK_COLL_NAME, NULL },
	{ "coll_dim", coll_dim, FSCK_COLL, "impossible dimension, element type or metric" },
	{ "coll_slots", coll_slots, FSCK_COLL, "impossible number of slots" },
	{ "coll_more_slots", coll_more_slots, FSCK_COLL_SHORT, NULL },
	{ "coll_count", coll_count, FSCK_COLL_COUNT, NULL },
	{ "coll_inode", coll_inode, FSCK_COLL_FILE, "is not a hidden file" },
	{ "coll_inode_twice", coll_inode_twice, FSCK_COLL_FILE, "has another use in a collection" },
	{ "hidden_nobody", hidden_nobody, FSCK_HIDDEN_STRAY, NULL },
	{ "hidden_nlink", hidden_nlink, FSCK_HIDDEN, "does not have a link count of 1" },
	{ "slot_checksum", slot_checksum, FSCK_SLOT_BLOCK, "wrong block checksum" },
	{ "slot_state", slot_state, FSCK_SLOT_VALUE, "unknown slot state" },
	{ "slot_flags", slot_flags, FSCK_SLOT_VALUE, "slot with unknown flags" },
	{ "slot_reserved", slot_reserved, FSCK_SLOT_VALUE, "reserved field set" },
	{ "slot_free_dirty", slot_freed, FSCK_SLOT_VALUE, "free slot is not empty" },
	{ "slot_freed", slot_freed, FSCK_MAP_STRAY, NULL },
	{ "slot_inode", slot_inode, FSCK_SLOT_FREE, NULL },
	{ "slot_hidden", slot_hidden, FSCK_SLOT_HIDDEN, NULL },
	{ "slot_generation", slot_generation, FSCK_SLOT_GENERATION, NULL },
	{ "slot_mask", slot_mask, FSCK_SLOT_VECMASK, NULL },
	{ "slot_datagen", slot_datagen, FSCK_SLOT_DATAGEN, NULL },
	{ "slot_stamp", slot_stamp, FSCK_SLOT_VALUE,
	  "slot's stamp not below the collection's limit" },
	{ "slot_same_stamp", slot_same_stamp, FSCK_STAMP_TWICE, NULL },
	{ "slot_chunk", slot_chunk, FSCK_SLOT_UNMAPPED, NULL },
	{ "slot_count", slot_count, FSCK_SLOT_COUNT, NULL },
	{ "map_value", map_value, FSCK_SLOT_MAPPED, NULL },
	{ "map_extra", map_extra, FSCK_MAP_STRAY, NULL },
	{ "map_checksum", map_checksum, FSCK_MAP_BLOCK, "wrong block checksum" },
	{ "map_blocks", map_blocks, FSCK_MAP_TREE, NULL },
	{ "payload_crc", payload_crc, FSCK_PAYLOAD_CRC, NULL },
	{ "payload_hole", payload_hole, FSCK_PAYLOAD_READ, NULL },
	{ "coll_hole", coll_hole, FSCK_COLL_HOLE, NULL },
	{ "slot_hole", slot_hole, FSCK_SLOT_HOLE, NULL },
	{ "graph_head", graph_head, FSCK_GRAPH, "wrong checksum of the graph's header" },
	{ "graph_means", graph_means, FSCK_GRAPH, "damaged means of the graph" },
	{ "graph_record", graph_record, FSCK_GRAPH, "damaged records of the graph" },
	{ "graph_stamp", graph_stamp, FSCK_GRAPH, "graph's stamp above the collection's limit" },
	{ "graph_other", graph_other, FSCK_GRAPH, "graph of another file" },
	{ "graph_short", graph_short, FSCK_GRAPH, "graph longer than its file" },
	{ "graph_hole", graph_hole, FSCK_GRAPH, "hole in the graph" },
	{ "graph_inode", graph_inode, FSCK_GRAPH, "is not a hidden file" },
	{ "graph_twice", graph_twice, FSCK_GRAPH, "has another use in a collection" },
};

const size_t ncoll_damages = ARRAY_SIZE(coll_damages);
