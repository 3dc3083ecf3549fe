/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of block allocation share: kmod/balloc.c; kmod/groupmem.c, what a group keeps in memory;
 * kmod/window.c, room to grow; and kmod/discard.c, which takes free blocks off the allocator while the
 * device discards them.
 */
#ifndef VEXFS_KMOD_BALLOC_H
#define VEXFS_KMOD_BALLOC_H

#include "kmod/vexfs.h"
#include "core/freemap.h"

/**
 * struct vexfs_pending - a run that was freed and may not be used yet
 * @list:  sbi->pending, then, with the option discard, sbi->discards; under pending_lock
 * @tid:   what freed it
 * @group: where,
 * @start: from which block of the group on,
 * @len:   how many
 */
struct vexfs_pending {
	struct list_head list;
	tid_t	tid;
	u32	group, start, len;
};

/* A group's block bitmap, verified; ERR_PTR. May wait for the disk; any lock. */
struct buffer_head *vexfs_bbmap_read(struct super_block *sb, u32 group);
/*
 * First block at or after @from that is neither used nor to be avoided. group->lock held, as for the next.
 */
u32 vexfs_next_free(const struct vexfs_group *g, const void *map, u32 from, u32 nbits);
/* How many from @start on, before block @nbits of the group. */
u32 vexfs_run_length(const struct vexfs_group *g, const void *map, u32 start, u32 nbits);
/* Up to @want blocks off free_blocks, at least @least, or none (0), and @keep stay. Takes room_lock. */
u32 vexfs_claim(struct vexfs_sb_info *sbi, u32 want, u32 least, s64 keep);
/* Blocks are no longer pending, but free. pending_lock held. */
void vexfs_pending_free(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len);


/**
 * struct vexfs_group_mem - a group's part that can be made anew (kmod/groupmem.c)
 * @lru:     sbi->group_mem, the one used last first; under pending_lock
 * @group:   number
 * @nbits:   blocks of the group when the index was last brought up to date
 * @avoided: bits set in @avoid
 * @stale:   pieces of @fm that have changed since; these two under pending_lock
 * @avoid:   free blocks that are not to be taken, 1 bit each, as in the bitmap: pending, held by
 *	     a trim, or of a window. Bits are set under group->lock and pending_lock, cleared
 *	     under pending_lock at least, read under either
 * @windows: those of the group; under group->lock
 * @fm:      index of free runs; under group->lock
 */
struct vexfs_group_mem {
	struct list_head	lru;
	u32			group, nbits, avoided;
	u64			stale;
	unsigned long		*avoid;
	struct hlist_head	windows;
	struct vexfs_freemap	fm;
};

/* groupmem.c */
/* Made if it is not there, with @avoid. group->lock held. */
struct vexfs_group_mem *vexfs_group_mem(struct vexfs_sb_info *sbi, u32 group);
void vexfs_group_mem_unload(struct vexfs_sb_info *sbi);
/* Free blocks are not to be taken: group->lock and pending_lock held, vexfs_group_mem() has been called. */
void vexfs_avoid_set(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len);
/* They may be, or they are used now. pending_lock held. */
void vexfs_avoid_clear(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len);
/*
 * A run of @want blocks: the first at or after @from, or else the first of the group; or the longest there
 * is, if it has @least. Returns how many, 0 if none; *@start. group->lock held; takes pending_lock.
 */
u32 vexfs_index_find(struct vexfs_sb_info *sbi, u32 group, const void *map, u32 from, u32 want, u32 least,
		     u32 *start);
/* Blocks of the bitmap have become used. group->lock held; takes pending_lock. */
void vexfs_index_used(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len);

/* window.c */
/* How large the next window of a file is to be; 0: none, the device is almost full. No lock. */
u32 vexfs_window_size(struct vexfs_sb_info *sbi, const struct vexfs_window *w);
/* A new window, of a file that has none. data_sem and group->lock held; takes pending_lock. */
void vexfs_window_set(struct vexfs_sb_info *sbi, struct vexfs_window *w, u32 group, u32 start, u32 len);
/* The first @n blocks are not of the window any more. group->lock held; takes pending_lock. */
void vexfs_window_shift(struct vexfs_sb_info *sbi, struct vexfs_window *w, u32 n);
/* data_sem held, unless the inode leaves memory; takes group->lock. */
void vexfs_window_end(struct vexfs_sb_info *sbi, struct vexfs_window *w);
/* All windows of a group. group->lock held; takes pending_lock. */
void vexfs_windows_end(struct vexfs_sb_info *sbi, u32 group);

#endif /* VEXFS_KMOD_BALLOC_H */
