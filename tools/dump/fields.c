// SPDX-License-Identifier: GPL-2.0
/* The fields of structures, by their names in <vexfs/ondisk.h>: for --json and --edit. */
#include <string.h>

#include "tools/dump/fields.h"

#define FIELD(type, field, how) \
	{ #field, offsetof(struct type, field), sizeof(((struct type *)0)->field), how }
#define N(type, field)	FIELD(type, field, DUMP_NUMBER)
#define T(type, field)	FIELD(type, field, DUMP_TEXT)
#define H(type, field)	FIELD(type, field, DUMP_HEX)

#define S(field) N(vexfs_super_block, field)
static const struct dump_field super_fields[] = {
	S(s_magic), S(s_checksum), S(s_version), S(s_block_shift), S(s_blocks), S(s_groups), S(s_blocks_per_group),
	S(s_inodes_per_group), S(s_itable_blocks), S(s_gdt_blocks), S(s_inode_size), S(s_feature_compat),
	S(s_feature_ro_compat), S(s_feature_incompat), S(s_group), H(vexfs_super_block, s_uuid),
	T(vexfs_super_block, s_label), S(s_journal_start), S(s_orphan_start), S(s_coll_start), S(s_journal_blocks),
	S(s_orphan_blocks), S(s_coll_blocks), S(s_state), S(s_errors), S(s_error_count), S(s_root_ino), S(s_mkfs_time),
	S(s_error_time), S(s_error_block), S(s_error_ino), T(vexfs_super_block, s_error_what),
	H(vexfs_super_block, s_meta_uuid), S(s_checksum_type), S(s_hash_version), S(s_reserve_blocks), S(s_change_ino),
	S(s_change_epoch), S(s_refcount_ino),
};

#define G(field) N(vexfs_group_desc, field)
static const struct dump_field group_fields[] = {
	G(gd_free_blocks), G(gd_free_inodes), G(gd_used_dirs), G(gd_itable_init), G(gd_bbmap), G(gd_ibmap),
	G(gd_itable),
};

#define I(field) N(vexfs_inode, field)
static const struct dump_field inode_fields[] = {
	I(i_mode), I(i_magic), I(i_checksum), I(i_orphan_next), I(i_ino), I(i_uid), I(i_gid), I(i_nlink),
	I(i_generation), I(i_size), I(i_blocks), I(i_atime), I(i_mtime), I(i_ctime), I(i_btime), I(i_atime_nsec),
	I(i_mtime_nsec), I(i_ctime_nsec), I(i_btime_nsec), I(i_version), I(i_flags), I(i_projid), I(i_datagen),
	I(i_vecmask), I(i_xattr_block), I(i_rdev), I(i_pad1), I(i_link_block), I(i_change_epoch), I(i_verity_ino),
	I(i_charged),
	H(vexfs_inode, i_links), H(vexfs_inode, i_xattr), H(vexfs_inode, i_root),
};

#define C(field) N(vexfs_collection, field)
static const struct dump_field coll_fields[] = {
	C(c_state), C(c_id), T(vexfs_collection, c_name), C(c_dim), C(c_elem), C(c_metric), C(c_flags), C(c_slot_ino),
	C(c_payload_ino), C(c_code_ino), C(c_nslots), C(c_stamp_limit), C(c_btime), C(c_uid), C(c_gid), C(c_mode),
	C(c_pad), C(c_graph_ino), C(c_sketch_ino), T(vexfs_collection, c_embedder), H(vexfs_collection, c_fingerprint),
	H(vexfs_collection, c_map),
};

#define V(field) N(vexfs_slot, field)
static const struct dump_field slot_fields[] = {
	V(v_ino), V(v_generation), V(v_chunk), V(v_stamp), V(v_off), V(v_len), V(v_datagen), V(v_payload_crc),
	V(v_state), V(v_flags), V(v_pad),
};

#define RECORD(name, fields)	{ name, fields, ARRAY_SIZE(fields) }
const struct dump_record dump_records[DUMP_RECORDS] = {
	[DUMP_SUPER] = RECORD("super", super_fields),
	[DUMP_GROUP] = RECORD("group", group_fields),
	[DUMP_INODE] = RECORD("inode", inode_fields),
	[DUMP_COLL] = RECORD("collection", coll_fields),
	[DUMP_SLOT] = RECORD("slot", slot_fields),
};

const struct dump_field *dump_field_find(const struct dump_record *r, const char *name, size_t len)
{
	u32 i;

	for (i = 0; i < r->n; i++)
		if (strlen(r->field[i].name) == len && !memcmp(r->field[i].name, name, len))
			return &r->field[i];
	return NULL;
}

u64 dump_field_number(const struct dump_field *f, const void *record)
{
	const u8 *p = (const u8 *)record + f->off;
	u64 v = 0;
	u32 i;

	for (i = f->len; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}
