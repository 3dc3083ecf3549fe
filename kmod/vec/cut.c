// SPDX-License-Identifier: GPL-2.0
/*
 * A search that may compare fewer embeddings than its caller may have: which?
 *
 * Not those in the first slots: where an embedding is stored depends on what
 * others have set and deleted, hidden ones included, and a reply must not tell of
 * that. So files are taken in the order of a hash of their inode numbers, which
 * the view knows of every slot (its tag); in the one group of files that is taken
 * in part, embeddings in the order of inode number and chunk. The same files with
 * the same embeddings are cut in the same way whatever else there is.
 *
 * The key where the cut is made is found digit by digit, by counting. A sample, which
 * says how many pass a filter, is chosen by the same hash.
 */
#include "kmod/vec/view.h"
#include <linux/math64.h>
#include <linux/sched/signal.h>

#define VEXFS_DIGIT_BITS	16
#define VEXFS_DIGITS		(1U << VEXFS_DIGIT_BITS)
#define VEXFS_CUT_PART		4096	/* slots between two looks at signals */

static_assert(VEXFS_TAGS <= VEXFS_DIGITS);

/**
 * struct vexfs_cut - a cut being made
 * @coll:  the collection
 * @tag:   of each slot
 * @out:   what is cut
 * @left:  embeddings wanted from here on
 * @last:  groups of files below this tag are in, above it out
 * @key:   of the last embedding wanted in that group, as far as known: its upper digits
 * @count: how often each digit occurs
 */
struct vexfs_cut {
	struct vexfs_coll	*coll;
	const u16		*tag;
	struct vexfs_permitted	*out;
	u32			left;
	u32			last;
	u64			key;
	u32			*count;
};

static int vexfs_cut_pause(u32 slot)
{
	if (slot % VEXFS_CUT_PART)
		return 0;
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static void vexfs_cut_drop(struct vexfs_permitted *out, u32 slot)
{
	__clear_bit(slot, out->bits);
	out->n--;
}

/* The digit in which the last one wanted lies; @left: how many of those with that digit. */
static u32 vexfs_cut_digit(struct vexfs_cut *c)
{
	u32 digit = 0;

	while (digit < VEXFS_DIGITS - 1 && c->count[digit] < c->left)
		c->left -= c->count[digit++];
	return digit;
}

/* How many embeddings each group of files has; the group with the last one wanted. */
static int vexfs_cut_groups(struct vexfs_cut *c)
{
	u32 slot;
	int err;

	for_each_set_bit(slot, c->out->bits, c->out->nslots) {
		err = vexfs_cut_pause(slot);
		if (err)
			return err;
		c->count[c->tag[slot]]++;
	}
	c->last = vexfs_cut_digit(c);
	for_each_set_bit(slot, c->out->bits, c->out->nslots) {
		err = vexfs_cut_pause(slot);
		if (err)
			return err;
		if (c->tag[slot] > c->last)
			vexfs_cut_drop(c->out, slot);
	}
	return 0;
}

/* Key of the embedding in a slot. One that cannot be read, or has gone, drops out: 0. */
static u64 vexfs_cut_key(struct vexfs_cut *c, u32 slot)
{
	struct vexfs_slot s;
	int err = vexfs_slot_copy(c->coll, slot, &s);

	if (!err && s.v_state == VEXFS_SLOT_LIVE)
		return VEXFS_MAPKEY(le64_to_cpu(s.v_ino), le32_to_cpu(s.v_chunk));
	c->out->incomplete |= err != 0;
	vexfs_cut_drop(c->out, slot);
	return 0;
}

/* The next lower digit of the key, @shift bits up. */
static int vexfs_cut_step(struct vexfs_cut *c, u32 shift)
{
	u64 above = shift + VEXFS_DIGIT_BITS < 64 ? ~0ULL << (shift + VEXFS_DIGIT_BITS) : 0, key;
	u32 slot;
	int err;

	memset(c->count, 0, VEXFS_DIGITS * sizeof(*c->count));
	for_each_set_bit(slot, c->out->bits, c->out->nslots) {
		err = vexfs_cut_pause(slot);
		if (err)
			return err;
		if (c->tag[slot] != c->last)
			continue;
		key = vexfs_cut_key(c, slot);
		if (key && (key & above) == (c->key & above))
			c->count[key >> shift & (VEXFS_DIGITS - 1)]++;
	}
	c->key |= (u64)vexfs_cut_digit(c) << shift;
	return 0;
}

/* In the group that is taken in part: what comes after the key is out. */
static int vexfs_cut_rest(struct vexfs_cut *c)
{
	u32 slot;
	int err;

	for_each_set_bit(slot, c->out->bits, c->out->nslots) {
		err = vexfs_cut_pause(slot);
		if (err)
			return err;
		if (c->tag[slot] == c->last && vexfs_cut_key(c, slot) > c->key)
			vexfs_cut_drop(c->out, slot);
	}
	return 0;
}

static int vexfs_cut_group(struct vexfs_cut *c)
{
	int shift, err = 0;

	for (shift = 64 - VEXFS_DIGIT_BITS; shift >= 0 && !err; shift -= VEXFS_DIGIT_BITS)
		err = vexfs_cut_step(c, shift);
	return err ? err : vexfs_cut_rest(c);
}

/**
 * vexfs_permitted_cut - leave @max embeddings
 * @coll: no locks held
 * @out:  more than @max, not 0: gets @truncated
 * @tag:  of each slot: a function of the inode number, below VEXFS_TAGS
 * @max:  how many
 *
 * Reads the records of the group of files that is taken in part. Slots that change
 * meanwhile may make it some more or fewer.
 *
 * Return: 0, -EINTR, -ENOMEM.
 */
int vexfs_permitted_cut(struct vexfs_coll *coll, struct vexfs_permitted *out, const u16 *tag, u32 max)
{
	struct vexfs_cut c = { .coll = coll, .tag = tag, .out = out, .left = max };
	int err;

	c.count = kvcalloc(VEXFS_DIGITS, sizeof(*c.count), GFP_KERNEL_ACCOUNT);
	if (!c.count)
		return -ENOMEM;
	out->truncated = true;
	err = vexfs_cut_groups(&c);
	/* The group is in as a whole if all of it is wanted. */
	if (!err && c.count[c.last] > c.left)
		err = vexfs_cut_group(&c);
	kvfree(c.count);
	return err;
}

/* Of the slots, those of files with a tag below @limit. @n: how many, also beyond @room. */
static int vexfs_view_below(const struct vexfs_view *v, const struct vexfs_permitted *p, u32 limit, u32 *out,
			    u32 room, u32 *n)
{
	u32 slot;

	*n = 0;
	for_each_set_bit(slot, p->bits, p->nslots) {
		if (v->tag[slot] < limit && (*n)++ < room)
			out[*n - 1] = slot;
		if (slot % VEXFS_LIVE_BITS == 0)
			cond_resched();
	}
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/**
 * vexfs_view_sample - some of the slots
 * @v:	  the view they are from
 * @p:	  the slots, more than @room
 * @out:  gets them
 * @room: about half of it is used
 *
 * By a hash of inode numbers, as vexfs_permitted_cut() chooses: the same files of the same permitted ones, whatever
 * else there is. No locks held. Return: how many, possibly none; -EINTR.
 */
int vexfs_view_sample(struct vexfs_view *v, const struct vexfs_permitted *p, u32 *out, u32 room)
{
	u32 n = room + 1, limit = (u32)div_u64((u64)VEXFS_TAGS * (room / 2), p->n);
	int err = 0;

	if (mutex_lock_killable(&v->mutex))
		return -EINTR;
	/* A file of many passages may be too much. */
	for (; !err && limit && n > room; limit /= 2)
		err = vexfs_view_below(v, p, limit, out, room, &n);
	mutex_unlock(&v->mutex);
	return err ? err : n > room ? 0 : (int)n;
}
