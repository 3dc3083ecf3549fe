/* SPDX-License-Identifier: GPL-2.0 */
/* Which embeddings of a collection callers may have, as it is remembered: view.c. */
#ifndef VEXFS_KMOD_VEC_VIEW_H
#define VEXFS_KMOD_VEC_VIEW_H

#include "kmod/vec/who.h"
#include <linux/xarray.h>

#define VEXFS_VIEWS	16	/* per filesystem */
#define VEXFS_PERM_LOG	4096	/* changed files remembered, power of two */
#define VEXFS_VIEW_MEMO	1024	/* files judged in this update: lossy, power of two */

/* ASKED: about to be judged; a set in between makes it UNKNOWN, and the verdict is void. */
enum { PLACE_UNKNOWN, PLACE_ASKED, PLACE_NO, PLACE_FIRST };
enum { WAY_UNKNOWN, WAY_NO, WAY_YES };

/**
 * struct vexfs_place - a directory that holds a name of a file
 * @parent: the directory
 * @next:   place of the file's next name; 0 = none. A file with one name shares
 *	    its place with the others of the directory
 */
struct vexfs_place {
	u64	parent;
	u32	next;
};

/**
 * struct vexfs_view - see view.c
 * @list:    in vexfs_views.list, most recently used first
 * @ref:     the list and everybody who uses it
 * @coll:    identity only: the last reference to a collection drops its views
 * @who:     whose view it is
 * @mutex:   the search that brings it up to date; all below
 * @place:   of each slot's file: PLACE_*, or an index of @places
 * @tag:     of each slot's file, as judged: a hash of its inode number
 * @nslots:  length of @place and @tag
 * @resets:  slots forgotten by sets, under vexfs_views.lock
 * @known:   @resets when every live slot had a place
 * @seen:    position in the log up to which changes are taken into account
 * @places:  from PLACE_FIRST to @nplaces
 * @ways:    place -> WAY_*, for @scope at @dirs_epoch
 * @nplaces: places in use
 * @room:    length of @places and @ways
 * @single:  directory -> place of a file with that one name
 * @scope:   inode number of the directory @ways is about
 * @dirs_epoch: when it was found out
 */
struct vexfs_view {
	struct list_head	list;
	refcount_t		ref;
	const struct vexfs_coll	*coll;
	struct vexfs_who	who;
	struct mutex		mutex;
	u32			*place;
	u16			*tag;
	u32			nslots;
	u64			resets, known;
	u64			seen;
	struct vexfs_place	*places;
	u8			*ways;
	u32			nplaces, room;
	struct xarray		single;
	u64			scope, dirs_epoch;
};

struct vexfs_views {
	spinlock_t		lock;		/* list, refs of its members, place pointers */
	struct list_head	list;
	u32			n;
	atomic64_t		dirs_epoch;
	spinlock_t		log_lock;
	u64			head;
	u64			log[VEXFS_PERM_LOG];
};

#endif /* VEXFS_KMOD_VEC_VIEW_H */
