// SPDX-License-Identifier: GPL-2.0
/*
 * Where the blocks of a collection's files are: an array made once from the
 * extent tree and replaced by a longer one when the file grows. Blocks of such
 * a file never move, so an answer stays right however old the array was, and
 * asking takes no lock that a change of the file could wait for.
 */
#include "kmod/vec/vec.h"
#include <linux/bsearch.h>
#include <linux/sched/signal.h>

static struct vexfs_extmap *vexfs_extmap_alloc(u32 n)
{
	struct vexfs_extmap *m = kvmalloc(struct_size(m, e, n), GFP_NOFS);

	if (m) {
		m->n = 0;
		m->blocks = 0;
	}
	return m;
}

/* Add @e, merged with the last one if it continues it. There is room. */
static void vexfs_extmap_push(struct vexfs_extmap *m, const struct vexfs_extent *e)
{
	struct vexfs_extent *last = m->n ? &m->e[m->n - 1] : NULL;

	if (last && last->lblk + last->len == e->lblk && last->pblk + last->len == e->pblk)
		last->len += e->len;
	else
		m->e[m->n++] = *e;
	m->blocks = e->lblk + e->len;
}

/* @new is published; readers may use the old one until they leave RCU. */
static void vexfs_extmap_publish(struct vexfs_hidden *h, struct vexfs_extmap *new)
{
	struct vexfs_extmap *old = rcu_replace_pointer(h->map, new, true);

	if (old)
		kvfree_rcu(old, rcu);
}

void vexfs_extmap_free(struct vexfs_hidden *h)
{
	vexfs_extmap_publish(h, NULL);
}

/* Blocks the file may have: written, and where data may be. Others count as
 * holes, which whoever asks for them is told of. */
static bool vexfs_extent_usable(struct super_block *sb, const struct vexfs_extent *e)
{
	return e->pblk && !(e->flags & VEXFS_EXT_UNWRITTEN) &&
	       vexfs_data_range_valid(&VEXFS_SB(sb)->geo, e->pblk, e->len);
}

/**
 * vexfs_extmap_add - remember what the file has grown by
 * @h: the file; its only changer is the caller (coll->sem held for writing, or
 *     nobody knows it yet)
 * @e: past all that is known so far; not a hole
 *
 * May be called in a handle. Return: 0, -ENOMEM, -EUCLEAN (a block no file may have).
 */
int vexfs_extmap_add(struct vexfs_hidden *h, const struct vexfs_extent *e)
{
	struct vexfs_extmap *old = rcu_dereference_protected(h->map, true), *new;
	u32 n = old ? old->n : 0;

	if (!vexfs_extent_usable(h->inode->i_sb, e))
		return vexfs_corrupt(h->inode->i_sb, h->inode->i_ino, e->pblk,
				     "collection's file has blocks that cannot be its own");
	new = vexfs_extmap_alloc(n + 1);
	if (!new)
		return -ENOMEM;
	if (n) {
		memcpy(new->e, old->e, n * sizeof(new->e[0]));
		new->n = n;
	}
	vexfs_extmap_push(new, e);
	vexfs_extmap_publish(h, new);
	return 0;
}

/* Room doubles: the number of extents is not known before. */
static int vexfs_extmap_room(struct vexfs_extmap **m, u32 *room)
{
	struct vexfs_extmap *more;

	if (*m && (*m)->n < *room)
		return 0;
	*room = *m ? *room * 2 : 8;
	more = vexfs_extmap_alloc(*room);
	if (!more)
		return -ENOMEM;
	if (*m) {
		memcpy(more->e, (*m)->e, (*m)->n * sizeof(more->e[0]));
		more->n = (*m)->n;
	}
	kvfree(*m);
	*m = more;
	return 0;
}

/**
 * vexfs_extmap_load - read the map of a file from its extent tree
 * @h:	      inode at hand
 * @killable: give up on a fatal signal
 *
 * No locks held but one that serialises the callers; takes the inode's data_sem.
 * Return: 0, -EINTR, -ENOMEM, -EUCLEAN, -EIO.
 */
int vexfs_extmap_load(struct vexfs_hidden *h, bool killable)
{
	u64 lblk = 0, end = i_size_read(h->inode) >> VEXFS_BLOCK_SHIFT;
	struct vexfs_extmap *m = NULL;
	struct vexfs_extent e;
	u32 room = 0;
	int err;

	do {
		err = vexfs_extmap_room(&m, &room);
		if (!err && lblk < end)
			err = vexfs_map(h->inode, lblk, &e);
		if (!err && killable && fatal_signal_pending(current))
			err = -EINTR;
		if (err || lblk >= end)
			break;
		if (vexfs_extent_usable(h->inode->i_sb, &e))
			vexfs_extmap_push(m, &e);
		lblk = e.lblk + e.len;
		cond_resched();
	} while (lblk < end);
	if (err) {
		kvfree(m);
		return err;
	}
	m->blocks = end;
	vexfs_extmap_publish(h, m);
	return 0;
}

static int vexfs_extent_cmp(const void *key, const void *elt)
{
	const struct vexfs_extent *e = elt;
	u64 lblk = *(const u64 *)key;

	if (lblk < e->lblk)
		return -1;
	return lblk >= e->lblk + e->len;
}

/**
 * vexfs_extmap_find - the extent that holds a block
 * @h:	  the file
 * @lblk: block of it
 * @e:	  where to copy the extent
 *
 * Any locks may be held; takes none, does not sleep. Return: 0, or -EUCLEAN: the
 * file has no such block, which has been reported as damage.
 */
int vexfs_extmap_find(const struct vexfs_hidden *h, u64 lblk, struct vexfs_extent *e)
{
	if (vexfs_extmap_look(h, lblk, e))
		return 0;
	return vexfs_corrupt(h->inode->i_sb, h->inode->i_ino, lblk,
			     "hole in a file of a collection");
}

bool vexfs_extmap_look(const struct vexfs_hidden *h, u64 lblk, struct vexfs_extent *e)
{
	const struct vexfs_extent *found = NULL;
	const struct vexfs_extmap *m;

	rcu_read_lock();
	m = rcu_dereference(h->map);
	if (m)
		found = bsearch(&lblk, m->e, m->n, sizeof(m->e[0]), vexfs_extent_cmp);
	if (found)
		*e = *found;
	rcu_read_unlock();
	return found;
}

int vexfs_extmap_next(const struct vexfs_hidden *h, u64 lblk, struct vexfs_extent *e)
{
	const struct vexfs_extmap *m;
	int err = -ENOENT;
	u32 i;

	rcu_read_lock();
	m = rcu_dereference(h->map);
	for (i = 0; m && i < m->n && err; i++) {
		if (m->e[i].lblk < lblk)
			continue;
		*e = m->e[i];
		err = 0;
	}
	rcu_read_unlock();
	return err;
}

/* Blocks the file has; takes no lock. */
u64 vexfs_extmap_blocks(const struct vexfs_hidden *h)
{
	const struct vexfs_extmap *m;
	u64 blocks;

	rcu_read_lock();
	m = rcu_dereference(h->map);
	blocks = m ? m->blocks : 0;
	rcu_read_unlock();
	return blocks;
}
