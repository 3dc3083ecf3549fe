// SPDX-License-Identifier: GPL-2.0
/* The change feed: moving an inode to another change number. */
#include "core/feed.h"
#include "core/block.h"
#include "core/btree_node.h"

/* What the superblock says of the feed. */
const char *vexfs_feed_check_super(const struct vexfs_super_block *sb)
{
	u64 epoch = le64_to_cpu(sb->s_change_epoch);

	return epoch && epoch < VEXFS_CHANGE_MAX ? NULL : "impossible change epoch";
}

/**
 * vexfs_feed_next - the number for the next change
 * @t:     the change tree
 * @epoch: s_change_epoch
 * @next:  out
 *
 * Return: 0, -EUCLEAN, or an error of reading.
 */
int vexfs_feed_next(struct vexfs_tree *t, u64 epoch, u64 *next)
{
	struct vexfs_kv kv;
	int err = vexfs_bt_find_le(t, ~0ULL - 1, &kv);

	*next = epoch;
	if (err)
		return err == -ENOENT ? 0 : err;
	if (kv.key >= VEXFS_CHANGE_MAX)
		return vexfs_bt_corrupt(t, kv.key, "impossible change number");
	*next = max(epoch, kv.key + 1);
	return 0;
}

/* The record of a number that an inode says it has. */
static int feed_drop(struct vexfs_tree *t, u64 ino, u64 number)
{
	struct vexfs_kv kv;
	int err = vexfs_bt_find_ge(t, number, &kv);

	if (!err && (kv.key != number || kv.val != ino))
		err = -ENOENT;
	if (err == -ENOENT)
		return t->io->ops->corrupt(t->io, 0, "inode without a record in the change tree");
	return err ? err : vexfs_bt_delete(t, number);
}

int vexfs_feed_move(struct vexfs_tree *t, u64 ino, u64 from, u64 to)
{
	int err = to ? vexfs_bt_insert(t, to, ino) : 0;

	if (err == -EEXIST)
		return vexfs_bt_corrupt(t, to, "change number in use");
	if (err || !from)
		return err;
	err = feed_drop(t, ino, from);
	if (err && to)
		vexfs_bt_delete(t, to);		/* its blocks are at hand */
	return err;
}
