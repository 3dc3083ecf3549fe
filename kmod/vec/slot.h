/* SPDX-License-Identifier: GPL-2.0 */
/* Changing the embeddings of a file: what slot.c (set) and del.c (delete) share. */
#ifndef VEXFS_KMOD_VEC_SLOT_H
#define VEXFS_KMOD_VEC_SLOT_H

#include "kmod/vec/vec.h"

/* slot.c; coll->sem held for writing. Others are in vec.h. */
/* One change of one embedding: blocks it may modify. */
int vexfs_vec_credits(struct vexfs_coll *coll);
/* It is free, once transaction @tid has committed. coll->lock held. */
void vexfs_slot_release(struct vexfs_coll *coll, struct vexfs_pinned *p, tid_t tid);
/* Embeddings of @inode have changed: ctime. In a handle with a credit; i_rwsem held for writing, coll->sem not. */
int vexfs_vec_touch(handle_t *handle, struct inode *inode);

/* del.c */
#define VEXFS_DEL_BATCH	64	/* embeddings deleted in one handle */

/**
 * struct vexfs_del - embeddings of a file being deleted, batch by batch
 * @coll:  a counted reference
 * @ino:   the file
 * @inode: the same, if it stays: its ctime changes, and it may be a synchronous one
 * @chunk: the first that may be left; moves on, so that a delete ends although
 *	   somebody goes on setting embeddings before it
 * @last:  the last to delete
 * @more:  there were more when the last batch began
 * @n:     embeddings of this batch: found, and their blocks brought in, before its
 *	   handle starts
 * @key:   their keys in the map
 * @slot:  their slots
 */
struct vexfs_del {
	struct vexfs_coll	*coll;
	u64			ino;
	struct inode		*inode;
	u32			chunk, last;
	bool			more;
	u32			n;
	u64			key[VEXFS_DEL_BATCH];
	struct vexfs_pinned	slot[VEXFS_DEL_BATCH];
};
/* All that file @ino has in @coll. Never NULL; takes over the reference. vexfs_del_end() gives it up. */
struct vexfs_del *vexfs_del_create(struct vexfs_coll *coll, u64 ino);

#endif /* VEXFS_KMOD_VEC_SLOT_H */
