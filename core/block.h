/* SPDX-License-Identifier: GPL-2.0 */
/* Superblock, geometry, block headers and bitmaps: arithmetic and verifiers. */
#ifndef VEXFS_CORE_BLOCK_H
#define VEXFS_CORE_BLOCK_H

#include "core/platform.h"

/**
 * struct vexfs_group_place - where a group's metadata is, from its descriptor
 * @bbmap, @ibmap, @itable: block numbers
 * @head: blocks at the start of this group that are metadata, of whatever group
 */
struct vexfs_group_place {
	u64	bbmap, ibmap, itable;
	u32	head;
};

/**
 * struct vexfs_geo - geometry in CPU byte order, from a verified superblock
 * @place: one per group, from the descriptors, verified by vexfs_places_verify();
 *	   NULL until they are loaded: no range is data then. The memory is its loader's.
 */
struct vexfs_geo {
	u64	blocks;
	u64	journal_start, orphan_start, coll_start;
	u32	journal_blocks, orphan_blocks, coll_blocks;
	u32	groups, inodes_per_group, itable_blocks, gdt_blocks;
	u32	feature[3];		/* by enum vexfs_feature_word */
	struct vexfs_group_place *place;
	u8	uuid[VEXFS_UUID_LEN];
	u8	hash_key[VEXFS_HASH_KEY_LEN];
};

/* Verifiers return NULL, or the name of the failed check (a constant string). */
const char *vexfs_sb_verify(const struct vexfs_super_block *sb);
/* A sound superblock this program was not made for: what to do about it. NULL: not so. */
const char *vexfs_sb_refuse(const struct vexfs_super_block *sb);
/* Fill @geo from @sb; call vexfs_sb_verify() first. */
void vexfs_geo_init(struct vexfs_geo *geo, const struct vexfs_super_block *sb);
/* Sizes that may grow meanwhile: what they count is in geo->place for who has read them so. */
u64 vexfs_geo_blocks(const struct vexfs_geo *geo);
u32 vexfs_geo_groups(const struct vexfs_geo *geo);
u32 vexfs_sb_checksum(const struct vexfs_super_block *sb);
/* core/super.c */
bool vexfs_sb_same(struct vexfs_super_block *a, struct vexfs_super_block *b);
bool vexfs_sb_replayed(struct vexfs_super_block *a, struct vexfs_super_block *b);

bool vexfs_group_has_super(u32 group);
u64 vexfs_group_start(const struct vexfs_geo *geo, u32 group);
u32 vexfs_group_blocks(const struct vexfs_geo *geo, u32 group);	/* the last may be short */
/* From here on down to vexfs_data_range_valid(), all that name a place need geo->place. */
u64 vexfs_group_bbmap(const struct vexfs_geo *geo, u32 group);
u64 vexfs_group_ibmap(const struct vexfs_geo *geo, u32 group);
u64 vexfs_group_itable(const struct vexfs_geo *geo, u32 group);
u32 vexfs_group_overhead(const struct vexfs_geo *geo, u32 group); /* first data block, group relative */
u32 vexfs_block_group(u64 blkno);
u32 vexfs_block_index(u64 blkno);		/* bit within the group's bitmap */
u32 vexfs_ino_group(const struct vexfs_geo *geo, u64 ino);	/* ino counts from 1 */
u32 vexfs_ino_index(const struct vexfs_geo *geo, u64 ino);
u64 vexfs_ino_block(const struct vexfs_geo *geo, u64 ino);	/* inode table block */
u32 vexfs_ino_offset(const struct vexfs_geo *geo, u64 ino);	/* bytes into it */
/* Of the flags that features add, those an inode of this mode can have. */
u32 vexfs_inode_flags_of(u32 mode);
bool vexfs_ino_valid(const struct vexfs_geo *geo, u64 ino);
/* true if [blkno, blkno + len) lies inside the device and off all fixed metadata
 * (superblock copies, gdt, bitmaps, inode tables, journal, orphan and collection tables) */
bool vexfs_data_range_valid(const struct vexfs_geo *geo, u64 blkno, u64 len);
/* The same, but for the journal and the tables themselves. */
bool vexfs_range_off_heads(const struct vexfs_geo *geo, u64 blkno, u64 len);

/* core/place.c */
u64 vexfs_gdt_block(const struct vexfs_geo *geo, u32 index);	/* descriptor block @index */
u64 vexfs_gdt_copy(const struct vexfs_geo *geo, u32 index);	/* and the copy of it */
/* Fill geo->place of the groups of a descriptor block whose header has been verified. */
void vexfs_places_set(struct vexfs_geo *geo, u32 index, const void *block);
/* All places set: are they possible? Also of the journal and the tables. Fills in the heads. */
const char *vexfs_places_verify(struct vexfs_geo *geo);
bool vexfs_in_itable(const struct vexfs_geo *geo, u64 blkno);

void vexfs_mdhdr_init(void *block, const struct vexfs_geo *geo, u32 magic, u64 blkno, u64 owner);
u32 vexfs_mdhdr_checksum(const void *block);
void vexfs_mdhdr_seal(void *block);		/* store the checksum */
const char *vexfs_mdhdr_verify(const void *block, const struct vexfs_geo *geo, u32 magic,
			       u32 magic2, u64 blkno, u64 owner);

u32 vexfs_inode_checksum(const struct vexfs_inode *di);
void vexfs_inode_seal(struct vexfs_inode *di);
/* Structure, checksum, own number, sane mode, root level and count, symlink size. A free inode
 * (i_mode 0) fails with "inode is free"; callers that scan tables test i_mode first. */
const char *vexfs_inode_verify(const struct vexfs_inode *di, const struct vexfs_geo *geo, u64 ino);

/* A descriptor from a block whose header has been verified. */
const char *vexfs_gd_verify(const struct vexfs_group_desc *gd, const struct vexfs_geo *geo,
			    u32 group);

/* Fields that must be zero. */
bool vexfs_all_zero(const void *p, size_t len);

/* Bitmaps: @map is the byte array after the header, @nbits valid bits. */
bool vexfs_bit_test(const void *map, u32 bit);
void vexfs_bits_set(void *map, u32 first, u32 count);
void vexfs_bits_clear(void *map, u32 first, u32 count);
/* First clear (set) bit in [from, nbits), nbits if none. Word-wise. */
u32 vexfs_bit_next_clear(const void *map, u32 from, u32 nbits);
u32 vexfs_bit_next_set(const void *map, u32 from, u32 nbits);
u32 vexfs_bits_count_set(const void *map, u32 nbits);

#endif /* VEXFS_CORE_BLOCK_H */
