/* SPDX-License-Identifier: GPL-2.0 */
/* The change feed: kmod/feed.c, which says when an inode is moved in it, and which locks. */
#ifndef VEXFS_KMOD_FEED_H
#define VEXFS_KMOD_FEED_H

/* An inode that is about to change has no number of this epoch. Any context. */
bool vexfs_feed_due(struct inode *inode);
/* Before a handle, what the next needs; in the handle, before anything shows. */
int vexfs_feed_prepare(struct inode *inode);
int vexfs_feed_touch(handle_t *handle, struct inode *inode);
int vexfs_feed_credits(struct super_block *sb);
/* It is deleted. */
int vexfs_feed_forget_prepare(struct inode *inode);
int vexfs_feed_forget(handle_t *handle, struct inode *inode);

/**
 * struct vexfs_feed_state - where the feed is
 * @feed:  which feed: not 0
 * @epoch: first number of the current epoch
 * @next:  the number that the next change will get; @epoch: nothing has changed in it
 */
struct vexfs_feed_state {
	u64	feed, epoch, next;
};

/**
 * struct vexfs_feed_batch - records that are read at a time
 * @from: the first number wanted; moves on
 * @end:  numbers are below this
 * @n:    how many were found
 * @rec:  number and inode of each
 */
struct vexfs_feed_batch {
	u64	from, end;
	u32	n;
	struct vexfs_kv rec[32];
};

int vexfs_feed_epoch(struct super_block *sb);
int vexfs_feed_now(struct super_block *sb, struct vexfs_feed_state *now);
int vexfs_feed_read(struct super_block *sb, struct vexfs_feed_batch *b);

int vexfs_feed_load(struct super_block *sb);
void vexfs_feed_unload(struct super_block *sb);

static inline bool vexfs_has_feed(struct super_block *sb)
{
	return READ_ONCE(VEXFS_SB(sb)->geo.feature[VEXFS_RO_COMPAT]) & VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED;
}

#endif /* VEXFS_KMOD_FEED_H */
