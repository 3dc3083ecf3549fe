/* SPDX-License-Identifier: GPL-2.0 */
/* Extended attributes: what the files that store them share. */
#ifndef VEXFS_KMOD_XATTR_H
#define VEXFS_KMOD_XATTR_H

#include "core/xattr.h"

/**
 * struct vexfs_xattr_plan - a change of an inode's attributes, worked out before anything changes
 * @inl:     i_xattr as it will be
 * @area:    the records of the block as it will be; NULL: it had none and will not
 * @used:    bytes of them
 * @bh:      the block as it is, NULL: none
 * @ent:     what is stored; its value may be in an inode to be made
 * @inl_has: it will be in the inode itself
 * @remove:  nothing is stored
 * @mode:    of the inode from then on; 0: stays. With it, removing what does not exist succeeds
 * @gone:    hidden inode of the old value
 * @made:    of the new one
 * @gone_bytes: what the owners were charged for it
 * @made_bytes: what they have been
 */
struct vexfs_xattr_plan {
	u8			inl[VEXFS_XATTR_INLINE];
	void			*area;
	u32			used;
	struct buffer_head	*bh;
	struct vexfs_xattr_ent	ent;
	bool			inl_has, remove;
	umode_t			mode;
	struct inode		*gone, *made;
	u64			gone_bytes, made_bytes;
};

/* What the owners are charged for a value of @len bytes that is in an inode of its own. */
static inline u64 vexfs_value_charge(u32 len)
{
	return (u64)vexfs_xattr_value_blocks(len) << VEXFS_BLOCK_SHIFT;
}

/* xattr.c: see there */
int vexfs_xattr_prepare(struct inode *inode, const struct vexfs_xattr_ent *e, bool remove, int flags,
			struct vexfs_xattr_plan *p);
int vexfs_xattr_credits(struct super_block *sb, const struct vexfs_xattr_plan *p);
int vexfs_xattr_apply(handle_t *handle, struct inode *inode, struct vexfs_xattr_plan *p);
void vexfs_xattr_done(struct vexfs_xattr_plan *p);
int vexfs_xattr_init(handle_t *handle, struct inode *inode, const struct vexfs_xattr_ent *e,
		     struct vexfs_xattr_plan *p);
int vexfs_xattr_init_credits(struct super_block *sb, u32 len);

/* xattrval.c: large values */
int vexfs_value_credits(struct super_block *sb, u32 len);
struct inode *vexfs_value_get(struct inode *owner, u64 ino, u32 len);
int vexfs_value_read(struct inode *owner, const struct vexfs_xattr_ent *e, void *buf);
int vexfs_value_create(handle_t *handle, struct inode *owner, const void *value, u32 len,
		       struct inode **out);
int vexfs_value_drop(handle_t *handle, struct inode *inode);
int vexfs_value_evict(struct inode *inode);

/**
 * struct vexfs_acl_new - the ACLs of an inode to be made: its own, and its default
 * @acl:  NULL: none
 * @ent:  the same as attributes
 * @plan: of the one that could not be stored, to be freed when the handle has stopped
 */
struct vexfs_acl_new {
	struct posix_acl	*acl[2];
	struct vexfs_xattr_ent	ent[2];
	struct vexfs_xattr_plan	plan;
};

/* acl.c: see there */
int vexfs_acl_chmod(struct inode *inode, umode_t mode, struct posix_acl **acl, struct vexfs_xattr_ent *e);
int vexfs_acl_inherit(struct inode *dir, umode_t *mode, struct vexfs_acl_new *new);
int vexfs_acl_init(handle_t *handle, struct inode *inode, struct vexfs_acl_new *new);
int vexfs_acl_credits(struct super_block *sb, const struct vexfs_acl_new *new);
void vexfs_acl_new_put(struct vexfs_acl_new *new);

/* label.c: labels of security modules. Credits: a few small ones and a large one. */
#define VEXFS_LABEL_MAX		4096
#define VEXFS_LABEL_CREDITS(sb)	(32 + vexfs_value_credits(sb, VEXFS_LABEL_MAX))
int vexfs_label_init(handle_t *handle, struct inode *inode, struct inode *dir, const struct qstr *name,
		     struct vexfs_xattr_plan *plan);
#ifdef VEXFS_DEBUG
extern bool vexfs_label_pretend;
#define VEXFS_LABEL_TEST_BYTES	4095
#endif

#endif /* VEXFS_KMOD_XATTR_H */
