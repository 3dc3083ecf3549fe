/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of the vector half on disk: collections, their files, slots. One
 * verifier for the kernel, fsck and dump.
 */
#ifndef VEXFS_CORE_COLL_H
#define VEXFS_CORE_COLL_H

#include "core/block.h"
#include "core/vec.h"

/* 1..63 of [A-Za-z0-9_-]. No dots: user.vec.<name>.<chunk> stays unambiguous. */
bool vexfs_coll_name_valid(const char *name, size_t len);
/* Dimension, element type and metric of a record. */
struct vexfs_space vexfs_coll_space(const struct vexfs_collection *c);
/* A record of the table at index @id, free ones included: NULL or the failed check. */
const char *vexfs_coll_verify(const struct vexfs_collection *c, const struct vexfs_geo *geo,
			      u32 id);

/* The hidden files every collection has, in the order of their fields. */
enum vexfs_coll_file {
	VEXFS_COLL_SLOTS,
	VEXFS_COLL_PAYLOAD,
	VEXFS_COLL_CODE,
	VEXFS_COLL_FILES,
	/* It may have one more, derived: inode 0 means none, and any size is right. */
	VEXFS_COLL_GRAPH = VEXFS_COLL_FILES
};

const char *vexfs_coll_file_name(enum vexfs_coll_file which);
u64 vexfs_coll_file_ino(const struct vexfs_collection *c, enum vexfs_coll_file which);
void vexfs_coll_file_set_ino(struct vexfs_collection *c, enum vexfs_coll_file which, u64 ino);
/* Bytes the file has for one vector of @space: 0 for the slot table, whose blocks have headers. */
u32 vexfs_coll_file_record(const struct vexfs_space *space, enum vexfs_coll_file which);
/* What an embedding is charged to its file's owners: its slot, payload and code. */
u32 vexfs_coll_charge(const struct vexfs_space *space);
/* Blocks the file must have for the collection's slots; @c has been verified. */
u64 vexfs_coll_file_blocks(const struct vexfs_collection *c, enum vexfs_coll_file which);

/**
 * vexfs_slot_verify - a slot, live or free
 * @v:		 from a slot table block whose header has been verified
 * @geo:	 the filesystem's geometry
 * @stamp_limit: of the collection
 *
 * Whether its inode exists and the embedding map agrees is for the caller.
 *
 * Return: NULL, or the failed check.
 */
const char *vexfs_slot_verify(const struct vexfs_slot *v, const struct vexfs_geo *geo,
			      u64 stamp_limit);

/* ---- where the record of a slot is in a payload or code file (struct vexfs_layout) ---- */

/* Its first logical block, */
static inline u64 vexfs_layout_lblk(const struct vexfs_layout *l, u32 slot)
{
	return (u64)(slot / l->per_block) * l->blocks;
}

/* the byte in that block, */
static inline u32 vexfs_layout_offset(const struct vexfs_layout *l, u32 slot)
{
	return slot % l->per_block * l->stride;
}

/* and the blocks that hold @nslots of them. */
static inline u64 vexfs_layout_need(const struct vexfs_layout *l, u32 nslots)
{
	u32 groups = nslots / l->per_block + (nslots % l->per_block != 0);

	return (u64)groups * l->blocks;
}

#endif /* VEXFS_CORE_COLL_H */
