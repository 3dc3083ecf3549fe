// SPDX-License-Identifier: GPL-2.0
/*
 * Two collections get each other's names, in one transaction.
 *
 * Everything else of a collection is known by its index: slots, map, i_vecmask, charges, views, the graph and its
 * file. So names are all that changes, in the two records and in memory. Who looks a name up holds coll_sem and
 * finds the collection of before or of after; who has a reference works on with the collection it has found.
 */
#include "kmod/vec/vec.h"
#include "kmod/vec/trace.h"
#include <linux/sched/signal.h>

/* In a handle, journal access to its block held: the record gets the name that is in memory. */
static int vexfs_coll_record_name(handle_t *handle, struct vexfs_coll *coll)
{
	struct buffer_head *bh;
	struct vexfs_collection *rec = vexfs_coll_record(VEXFS_SB(coll->sb), coll->id, &bh);

	memcpy(rec->c_name, coll->name, sizeof(rec->c_name));
	return vexfs_md_dirty(handle, coll->sb, bh);
}

/* One after the other: each reader looks at one name, and lookups are kept out by coll_sem. */
static void vexfs_coll_swap_names(struct vexfs_coll *a, struct vexfs_coll *b)
{
	char name[VEXFS_COLL_NAME_LEN + 1], other[VEXFS_COLL_NAME_LEN + 1];

	strscpy_pad(name, a->name, sizeof(name));
	strscpy_pad(other, b->name, sizeof(other));
	spin_lock(&a->lock);
	write_seqcount_begin(&a->name_seq);
	memcpy(a->name, other, sizeof(a->name));
	write_seqcount_end(&a->name_seq);
	spin_unlock(&a->lock);
	spin_lock(&b->lock);
	write_seqcount_begin(&b->name_seq);
	memcpy(b->name, name, sizeof(b->name));
	write_seqcount_end(&b->name_seq);
	spin_unlock(&b->lock);
}

/* In a handle, both sem held for writing; nothing has changed if journal access is refused. */
static int vexfs_coll_exchange_records(handle_t *handle, struct vexfs_coll *a, struct vexfs_coll *b)
{
	int err = vexfs_coll_record_access(handle, a), err2;

	if (!err)
		err = vexfs_coll_record_access(handle, b);
	if (err)
		return err;
	vexfs_coll_swap_names(a, b);
	VEXFS_SB(a->sb)->coll_exchanges++;
	err = vexfs_coll_record_name(handle, a);
	err2 = vexfs_coll_record_name(handle, b);
	return err ? err : err2;
}

/* coll_sem held for writing, which keeps two exchanges from taking both sem in other orders. */
static int vexfs_coll_exchange_locked(struct vexfs_coll *a, struct vexfs_coll *b)
{
	handle_t *handle;
	int err, err2;

	down_write(&a->sem);
	down_write_nested(&b->sem, SINGLE_DEPTH_NESTING);
	err = vexfs_coll_check(a) ?: vexfs_coll_check(b);
	if (!err) {
		handle = vexfs_start(a->sb, 2, 0);
		err = PTR_ERR_OR_ZERO(handle);
	}
	if (!err) {
		err = vexfs_coll_exchange_records(handle, a, b);
		err2 = vexfs_stop(handle);
		err = err ? err : err2;
	}
	up_write(&b->sem);
	up_write(&a->sem);
	return err;
}

u64 vexfs_coll_exchanges(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 n;

	down_read(&sbi->coll_sem);
	n = sbi->coll_exchanges;
	up_read(&sbi->coll_sem);
	return n;
}

/* With references and permission to both. -EAGAIN: a name has moved since it was looked up. */
static int vexfs_coll_exchange_found(struct vexfs_coll *a, struct vexfs_coll *b, const char *name, const char *other)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(a->sb);
	int err = -EAGAIN;

	down_write(&sbi->coll_sem);
	if (vexfs_coll_find(sbi, name) == a && vexfs_coll_find(sbi, other) == b)
		err = vexfs_coll_exchange_locked(a, b);
	up_write(&sbi->coll_sem);
	return err;
}

/* A reference to one that the caller may change. ERR_PTR. */
static struct vexfs_coll *vexfs_coll_get_own(struct super_block *sb, const char *name)
{
	struct vexfs_coll *coll = vexfs_coll_get(sb, name);
	int err;

	if (IS_ERR(coll))
		return coll;
	err = vexfs_coll_may_change(coll);
	if (!err)
		return coll;
	vexfs_coll_put(coll);
	return ERR_PTR(err);
}

/* What is wrong with the first is told before the second is looked for: the error must not tell whether that exists. */
static int vexfs_coll_try_exchange(struct super_block *sb, const char *name, const char *other)
{
	struct vexfs_coll *a = vexfs_coll_get_own(sb, name), *b;
	int err;

	if (IS_ERR(a))
		return PTR_ERR(a);
	b = vexfs_coll_get_own(sb, other);
	err = PTR_ERR_OR_ZERO(b);
	if (!err) {
		/* The same one if an exchange has come between. */
		err = a == b ? -EAGAIN : vexfs_coll_exchange_found(a, b, name, other);
		vexfs_coll_put(b);
	}
	vexfs_coll_put(a);
	return err;
}

/**
 * vexfs_coll_exchange - two collections get each other's names
 * @sb:    write access held
 * @name:  of one, terminated
 * @other: of the other
 *
 * Takes coll_sem and the sem of both for writing, then one handle. Commands that have found a collection by a name
 * before finish with that collection. One that is damaged keeps its name: EUCLEAN.
 *
 * Return: 0, -EINVAL (a bad name, or one name twice), -ENOENT, -EPERM, -EUCLEAN, -EINTR (fatal signal), -EIO, -EROFS.
 */
int vexfs_coll_exchange(struct super_block *sb, const char *name, const char *other)
{
	int err;

	if (!strcmp(name, other))
		return -EINVAL;
	do {
		err = vexfs_coll_try_exchange(sb, name, other);
	} while (err == -EAGAIN && !fatal_signal_pending(current));
	err = err == -EAGAIN ? -EINTR : err;
	trace_vexfs_coll_exchange(sb, name, other, err);
	return err;
}
