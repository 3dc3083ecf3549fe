/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The change feed: which inodes have changed, in the order of their last change.
 *
 * A record tree in the hidden inode s_change_ino: the key is a change number, the value the inode that has it in
 * i_change_epoch. Every inode has one record at most. Numbers grow; those from s_change_epoch on belong to the
 * current epoch, and an inode that has one of them is not moved by further changes.
 *
 * Locking: the caller's, as for any tree.
 */
#ifndef VEXFS_CORE_FEED_H
#define VEXFS_CORE_FEED_H

#include "core/btree.h"

/* Numbers are below this: 2^62 changes are more than a device lives to see, and nothing overflows. */
#define VEXFS_CHANGE_MAX	(1ULL << 62)

/* What the superblock says of the feed; the feature is set. NULL or the failed check. */
const char *vexfs_feed_check_super(const struct vexfs_super_block *sb);
/* The first number that is not in use: above every key and not below @epoch. */
int vexfs_feed_next(struct vexfs_tree *t, u64 epoch, u64 *next);
/*
 * @ino gets number @to instead of @from (0: it had none; @to 0: it leaves the tree). The new record comes first: after
 * an error the tree has what it had. -ENOSPC only if @to is not 0; -EUCLEAN.
 */
int vexfs_feed_move(struct vexfs_tree *t, u64 ino, u64 from, u64 to);

#endif /* VEXFS_CORE_FEED_H */
