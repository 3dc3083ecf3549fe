/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Extended attributes as they are stored: two areas of packed records, and values in hidden inodes.
 *
 * An area is memory: the kernel builds a new one beside the old and stores it when nothing can fail
 * any more. Locking: the caller's; nothing here looks beyond its arguments.
 */
#ifndef VEXFS_CORE_XATTR_H
#define VEXFS_CORE_XATTR_H

#include "core/block.h"

/**
 * struct vexfs_xattr_ent - an attribute, decoded
 * @kind:      VEXFS_XATTR_*, without the flag
 * @large:     the value is in inode @ino, @value is NULL
 * @name:      without prefix, not terminated
 * @value_len: of the whole value
 */
struct vexfs_xattr_ent {
	u8		kind, name_len;
	bool		large;
	u32		value_len;
	const char	*name;
	const void	*value;
	u64		ino;
};

/* Prefix of a kind's names; the whole name of an ACL. NULL: unknown kind. */
const char *vexfs_xattr_prefix(u8 kind);
/* Bytes a record takes. */
u32 vexfs_xattr_rec_size(const struct vexfs_xattr_ent *e);
/* Where a block has its records, VEXFS_MD_SPACE bytes. */
static inline void *vexfs_xattr_block_area(void *block)
{
	return (u8 *)block + VEXFS_MDHDR_SIZE;
}

/* Verifiers: NULL or the failed check. @mode: of the inode, for what only some kinds may have. */
const char *vexfs_xattr_area_verify(const void *area, u32 size, u16 mode);
const char *vexfs_xattr_block_verify(const void *block, u16 mode);	/* header verified before */
/* The hidden inode that has a value of @len bytes of @owner. */
const char *vexfs_xattr_inode_verify(const struct vexfs_inode *di, u64 owner, u32 len);
/* Block @index of a value of @len bytes; header verified before. */
const char *vexfs_xattr_value_verify(const void *block, u32 index, u32 len);
/* An ACL, as the value of its attribute. */
const char *vexfs_acl_verify(const void *value, u32 len);

/* Does a hidden inode claim to be the value of an attribute (not the file of a collection)? */
static inline bool vexfs_inode_is_value(const struct vexfs_inode *di)
{
	return (le32_to_cpu(di->i_flags) & VEXFS_INODE_HIDDEN) && di->i_links[0].l_parent;
}

u32 vexfs_xattr_value_blocks(u32 len);
/* Bytes of a value in its block @index. */
u32 vexfs_xattr_value_bytes(u32 index, u32 len);

/* The areas below have been verified. */

/* The record at *@pos, which moves on; 0 for the first. False: there are no more. */
bool vexfs_xattr_next(const void *area, u32 size, u32 *pos, struct vexfs_xattr_ent *e);
bool vexfs_xattr_find(const void *area, u32 size, u8 kind, const char *name, u32 name_len,
		      struct vexfs_xattr_ent *e);
/* Bytes in use, and records. */
u32 vexfs_xattr_used(const void *area, u32 size, u32 *count);
/* Take it out, if it is there. */
void vexfs_xattr_del(void *area, u32 size, u8 kind, const char *name, u32 name_len);
/* Put one in that is not there; @e refers to memory outside of the area. False: no room, nothing changed. */
bool vexfs_xattr_add(void *area, u32 size, const struct vexfs_xattr_ent *e);
/* A block's header, after a change of its records. */
void vexfs_xattr_block_count(void *block);

#endif /* VEXFS_CORE_XATTR_H */
