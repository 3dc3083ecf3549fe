/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Feature bits: which fields a feature owns, and what this program knows.
 *
 * A field that a feature owns is zero in a filesystem without it. A field kept
 * for features nobody has defined yet is zero unless the filesystem has a bit
 * that this header does not define: who defined the bit may have given it a meaning.
 */
#ifndef VEXFS_CORE_FEATURE_H
#define VEXFS_CORE_FEATURE_H

#include "core/block.h"

/* The feature words, for those who treat all three alike. */
enum vexfs_feature_word { VEXFS_COMPAT, VEXFS_RO_COMPAT, VEXFS_INCOMPAT, VEXFS_FEATURE_WORDS };

/* A word of the superblock. */
u32 vexfs_feature_bits(const struct vexfs_super_block *sb, enum vexfs_feature_word word);
/* Its bits that this program does not support, whether the header defines them or not. */
u32 vexfs_feature_unknown(const struct vexfs_super_block *sb, enum vexfs_feature_word word);
/* Name of the feature of bit number @bit; NULL: not defined. */
const char *vexfs_feature_name(enum vexfs_feature_word word, u32 bit);

/*
 * Verifiers of what features own: NULL, or the failed check. They expect a record whose checksum has been
 * verified. No locks: they look at nothing but their arguments.
 */
const char *vexfs_feature_check_header(const struct vexfs_mdhdr *h, const struct vexfs_geo *geo);
const char *vexfs_feature_check_super(const struct vexfs_super_block *sb);
const char *vexfs_feature_check_inode(const struct vexfs_inode *di, const struct vexfs_geo *geo);
const char *vexfs_feature_check_coll(const struct vexfs_collection *c, const struct vexfs_geo *geo);
const char *vexfs_feature_check_slot(const struct vexfs_slot *s, const struct vexfs_geo *geo);
const char *vexfs_feature_check_desc(const struct vexfs_group_desc *gd, const struct vexfs_geo *geo);

/* Repair: zero what the verifiers above would refuse. The checksum is the caller's to compute anew. */
void vexfs_feature_clear_super(struct vexfs_super_block *sb);
void vexfs_feature_clear_inode(struct vexfs_inode *di, const struct vexfs_geo *geo);
void vexfs_feature_clear_coll(struct vexfs_collection *c, const struct vexfs_geo *geo);
void vexfs_feature_clear_slot(struct vexfs_slot *s, const struct vexfs_geo *geo);

#endif /* VEXFS_CORE_FEATURE_H */
