// SPDX-License-Identifier: GPL-2.0
/* What of a superblock never changes: to compare copies, and before with after a replay. */
#include "core/block.h"

/* The kernel and tune.vexfs change these in block 0 and leave the copies alone. */
static void mask_variable(struct vexfs_super_block *sb)
{
	sb->s_checksum = 0;
	sb->s_group = 0;
	sb->s_state = 0;
	sb->s_errors = 0;
	sb->s_error_count = 0;
	sb->s_error_time = 0;
	sb->s_error_block = 0;
	sb->s_error_ino = 0;
	sb->s_reserve_blocks = 0;
	/* A newer kernel sets a feature when it is first used. */
	sb->s_feature_compat = 0;
	sb->s_feature_ro_compat = 0;
	sb->s_feature_incompat = 0;
	memset(sb->s_quota_ino, 0, sizeof(sb->s_quota_ino));
	sb->s_change_ino = 0;
	sb->s_change_epoch = 0;
	sb->s_refcount_ino = 0;
	memset(sb->s_uuid, 0, sizeof(sb->s_uuid));
	memset(sb->s_label, 0, sizeof(sb->s_label));
	memset(sb->s_error_what, 0, sizeof(sb->s_error_what));
}

/**
 * vexfs_sb_same - do two superblocks describe the same filesystem?
 * @a: verified; changed by the call, a copy for comparison only
 * @b: verified; likewise
 *
 * Return: true if they agree in all but what changes in use (state, recorded
 * errors, label, uuid, reserve, features with their fields) and the group they lie in.
 */
bool vexfs_sb_same(struct vexfs_super_block *a, struct vexfs_super_block *b)
{
	mask_variable(a);
	mask_variable(b);
	return !memcmp(a, b, sizeof(*a));
}

/**
 * vexfs_sb_replayed - can a log have made one superblock of another?
 * @a: verified, from before the replay; changed by the call
 * @b: verified, from after it; likewise
 *
 * Return: true if vexfs_sb_same() is, or would be if the filesystem had not grown.
 */
bool vexfs_sb_replayed(struct vexfs_super_block *a, struct vexfs_super_block *b)
{
	if (le64_to_cpu(b->s_blocks) > le64_to_cpu(a->s_blocks)) {
		a->s_blocks = b->s_blocks;
		a->s_groups = b->s_groups;
		a->s_gdt_blocks = b->s_gdt_blocks;
	}
	return vexfs_sb_same(a, b);
}
