// SPDX-License-Identifier: GPL-2.0
/*
 * Orphans: inodes to finish after a crash, either because they have no name any
 * more or because a truncate was under way.
 *
 * The first of them are in the orphan table, an array of inode numbers in
 * journaled blocks. A slot is claimed by a bit in memory, without a lock, so
 * that two handles do not wait for each other's journal access. While the table
 * is full, an orphan goes to the front of a list that runs through the inodes
 * themselves (i_orphan_next); its head is in the table's first block. So there
 * is a place for every inode, and one user cannot take the last. orphan_lock
 * serialises changes of the list.
 *
 * An inode may leave memory as an orphan: when it could not be deleted, or a
 * truncate of it not be finished. Its place is remembered by number (ino) then,
 * and found again when the inode is read the next time.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"

#define VEXFS_ORPHAN_LIST	U32_MAX	/* "slot" of what is in the list */

/**
 * struct vexfs_orphan - an orphan that is in the list, or not in memory
 * @list:  in sbi->orphan_list, in the order of the disk, or in sbi->orphan_lost
 * @ino:   its number
 * @inode: NULL: not in memory
 * @slot:  of the table, or VEXFS_ORPHAN_LIST
 */
struct vexfs_orphan {
	struct list_head list;
	u64		ino;
	struct inode	*inode;
	u32		slot;
};

static __le64 *vexfs_orphan_at(struct vexfs_sb_info *sbi, u32 slot, struct buffer_head **bh)
{
	*bh = sbi->orphan_bh[slot / VEXFS_ORPHANS_PER_BLOCK];
	return (__le64 *)((*bh)->b_data + VEXFS_MDHDR_SIZE) + slot % VEXFS_ORPHANS_PER_BLOCK;
}

static u32 vexfs_orphan_slots(struct vexfs_sb_info *sbi)
{
	return sbi->geo.orphan_blocks * VEXFS_ORPHANS_PER_BLOCK;
}

static __le64 *vexfs_orphan_head(struct vexfs_sb_info *sbi)
{
	return &((struct vexfs_mdhdr *)sbi->orphan_bh[0]->b_data)->h_next;
}

/* Never NULL: half of an operation may be done where one is needed. */
static struct vexfs_orphan *vexfs_orphan_new(u64 ino, struct inode *inode, u32 slot)
{
	struct vexfs_orphan *o = kmalloc(sizeof(*o), GFP_NOFS | __GFP_NOFAIL);

	o->ino = ino;
	o->inode = inode;
	o->slot = slot;
	return o;
}

bool vexfs_is_orphan(struct inode *inode)
{
	return VEXFS_I(inode)->orphan_slot || VEXFS_I(inode)->orphan;
}

/* ---- mount and unmount ------------------------------------------------------ */

static int vexfs_orphan_read_table(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 i;

	for (i = 0; i < sbi->geo.orphan_blocks; i++) {
		struct buffer_head *bh = vexfs_md_read(sb, sbi->geo.orphan_start + i,
						       VEXFS_MAGIC_ORPHAN, 0, i);

		if (IS_ERR(bh))
			return PTR_ERR(bh);
		sbi->orphan_bh[i] = bh;
	}
	return 0;
}

/* What the last mount left in the table waits for vexfs_orphan_recover(). */
static void vexfs_orphan_load_table(struct vexfs_sb_info *sbi)
{
	u32 slot, n = vexfs_orphan_slots(sbi);
	struct buffer_head *bh;

	for (slot = 0; slot < n; slot++) {
		u64 ino = le64_to_cpu(*vexfs_orphan_at(sbi, slot, &bh));

		if (!ino)
			continue;
		__set_bit(slot, sbi->orphan_map);
		list_add_tail(&vexfs_orphan_new(ino, NULL, slot)->list, &sbi->orphan_lost);
	}
}

/* The number after @ino in the list. NULL or the failed check. */
static const char *vexfs_orphan_next(struct super_block *sb, u64 ino, u64 *next)
{
	struct vexfs_inode *di;
	struct buffer_head *bh;
	const char *what = NULL;

	if (!vexfs_ino_valid(&VEXFS_SB(sb)->geo, ino) || ino < VEXFS_FIRST_INO)
		return "orphan list leads to an impossible inode";
	bh = vexfs_itable_read(sb, ino, &di);
	if (IS_ERR(bh))
		return "orphan list leads to an inode that cannot be read";
	if (vexfs_inode_verify(di, &VEXFS_SB(sb)->geo, ino))
		what = "orphan list leads to a free or damaged inode";
	else
		*next = le64_to_cpu(di->i_orphan_next);
	brelse(bh);
	return what;
}

static void vexfs_orphan_free(struct list_head *list)
{
	struct vexfs_orphan *o, *n;

	list_for_each_entry_safe(o, n, list, list)
		kfree(o);
	INIT_LIST_HEAD(list);
}

/*
 * Follow the list. A cycle is noticed by the inode that was the 2^n-th on the
 * way (Brent), that is after less than three times its length. A damaged list
 * is left alone, for fsck: nothing is added to it.
 */
static void vexfs_orphan_load_list(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 ino = le64_to_cpu(*vexfs_orphan_head(sbi)), next, mark = 0, n = 0, power = 1;

	for (; ino; ino = next) {
		const char *what = ino == mark ? "orphan list has a cycle" :
						 vexfs_orphan_next(sb, ino, &next);

		if (what) {
			vexfs_corrupt(sb, ino, 0, what);
			vexfs_orphan_free(&sbi->orphan_list);
			sbi->orphan_broken = true;
			return;
		}
		if (++n == power) {
			mark = ino;
			power *= 2;
		}
		list_add_tail(&vexfs_orphan_new(ino, NULL, VEXFS_ORPHAN_LIST)->list,
			      &sbi->orphan_list);
		cond_resched();
	}
}

int vexfs_orphan_load(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	sbi->orphan_bh = kvcalloc(sbi->geo.orphan_blocks, sizeof(*sbi->orphan_bh), GFP_KERNEL);
	sbi->orphan_map = bitmap_zalloc(vexfs_orphan_slots(sbi), GFP_KERNEL);
	if (!sbi->orphan_bh || !sbi->orphan_map)
		return -ENOMEM;
	err = vexfs_orphan_read_table(sb);
	if (err)
		return err;
	vexfs_orphan_load_table(sbi);
	vexfs_orphan_load_list(sb);
	return 0;
}

/* Before vexfs_orphan_load(), so that vexfs_orphan_unload() can always be called. */
void vexfs_orphan_init(struct vexfs_sb_info *sbi)
{
	mutex_init(&sbi->orphan_lock);
	INIT_LIST_HEAD(&sbi->orphan_list);
	INIT_LIST_HEAD(&sbi->orphan_lost);
}

void vexfs_orphan_unload(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 i;

	vexfs_orphan_free(&sbi->orphan_list);
	vexfs_orphan_free(&sbi->orphan_lost);
	for (i = 0; sbi->orphan_bh && i < sbi->geo.orphan_blocks; i++)
		brelse(sbi->orphan_bh[i]);
	kvfree(sbi->orphan_bh);
	bitmap_free(sbi->orphan_map);
}

/* ---- the table ---------------------------------------------------------------- */

static int vexfs_orphan_write(handle_t *handle, struct super_block *sb, u32 slot, u64 ino)
{
	struct buffer_head *bh;
	__le64 *p = vexfs_orphan_at(VEXFS_SB(sb), slot, &bh);
	int err = vexfs_md_modify(handle, sb, bh);

	if (err)
		return err;
	*p = cpu_to_le64(ino);
	return vexfs_md_dirty(handle, sb, bh);
}

/* A slot for the caller alone; VEXFS_ORPHAN_LIST if all are taken. Processors
 * begin at different blocks. No lock. */
static u32 vexfs_orphan_claim(struct vexfs_sb_info *sbi)
{
	u32 n = vexfs_orphan_slots(sbi), slot;
	u32 from = raw_smp_processor_id() * 13 % sbi->geo.orphan_blocks * VEXFS_ORPHANS_PER_BLOCK;

	for (;;) {
		slot = find_next_zero_bit(sbi->orphan_map, n, from);
		if (slot < n && !test_and_set_bit(slot, sbi->orphan_map))
			return slot;
		if (slot >= n && !from)
			return VEXFS_ORPHAN_LIST;
		from = slot < n ? slot : 0;
	}
}

static int vexfs_slot_add(handle_t *handle, struct inode *inode, u32 slot)
{
	int err = vexfs_orphan_write(handle, inode->i_sb, slot, inode->i_ino);

	if (err)
		clear_bit(slot, VEXFS_SB(inode->i_sb)->orphan_map);
	else
		VEXFS_I(inode)->orphan_slot = slot + 1;
	return err;
}

static int vexfs_slot_del(handle_t *handle, struct super_block *sb, u32 slot)
{
	int err = vexfs_orphan_write(handle, sb, slot, 0);

	if (!err)
		clear_bit(slot, VEXFS_SB(sb)->orphan_map);
	return err;
}

/* ---- the list: orphan_lock held ---------------------------------------------------- */

/* @inode, if it is in memory, is not written by vexfs_mark_inode_dirty() at the same time: its lock, taken here. */
static void vexfs_orphan_store_next(struct inode *inode, struct vexfs_inode *di, u64 next)
{
	if (!inode) {
		di->i_orphan_next = cpu_to_le64(next);
		vexfs_inode_seal(di);
		return;
	}
	spin_lock(&VEXFS_I(inode)->lock);
	di->i_orphan_next = cpu_to_le64(next);
	vexfs_inode_seal(di);
	spin_unlock(&VEXFS_I(inode)->lock);
}

/* vexfs_mark_inode_dirty() leaves the field as it is on disk. */
static int vexfs_orphan_set_next(handle_t *handle, struct super_block *sb, struct vexfs_orphan *o,
				 u64 next)
{
	struct vexfs_inode *di;
	struct buffer_head *bh = vexfs_itable_read(sb, o->ino, &di);
	int err;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = jbd2_journal_get_write_access(handle, bh);
	if (!err) {
		vexfs_orphan_store_next(o->inode, di, next);
		err = vexfs_md_dirty(handle, sb, bh);
	}
	brelse(bh);
	return err;
}

static int vexfs_orphan_set_head(handle_t *handle, struct super_block *sb, u64 ino)
{
	struct buffer_head *bh = VEXFS_SB(sb)->orphan_bh[0];
	int err = vexfs_md_modify(handle, sb, bh);

	if (err)
		return err;
	*vexfs_orphan_head(VEXFS_SB(sb)) = cpu_to_le64(ino);
	return vexfs_md_dirty(handle, sb, bh);
}

static u64 vexfs_orphan_after(struct vexfs_sb_info *sbi, struct list_head *pos)
{
	return list_is_last(pos, &sbi->orphan_list) ? 0 :
	       list_next_entry(list_entry(pos, struct vexfs_orphan, list), list)->ino;
}

static int vexfs_list_add(handle_t *handle, struct super_block *sb, struct vexfs_orphan *o)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 first = list_empty(&sbi->orphan_list) ? 0 :
		    list_first_entry(&sbi->orphan_list, struct vexfs_orphan, list)->ino;
	int err = sbi->orphan_broken ? -EFSCORRUPTED : 0;

	if (!err)
		err = vexfs_orphan_set_next(handle, sb, o, first);
	if (!err)
		err = vexfs_orphan_set_head(handle, sb, o->ino);
	if (!err)
		list_add(&o->list, &sbi->orphan_list);
	return err;
}

/* @clear: the inode stays, so its own link must not. */
static int vexfs_list_del(handle_t *handle, struct super_block *sb, struct vexfs_orphan *o,
			  bool clear)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 next = vexfs_orphan_after(sbi, &o->list);
	int err;

	if (list_is_first(&o->list, &sbi->orphan_list))
		err = vexfs_orphan_set_head(handle, sb, next);
	else
		err = vexfs_orphan_set_next(handle, sb, list_prev_entry(o, list), next);
	if (!err && clear)
		err = vexfs_orphan_set_next(handle, sb, o, 0);
	if (!err)
		list_del(&o->list);
	return err;
}

static int vexfs_orphan_push(handle_t *handle, struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_orphan *o = vexfs_orphan_new(inode->i_ino, inode, VEXFS_ORPHAN_LIST);
	int err;

	mutex_lock(&sbi->orphan_lock);
	err = vexfs_list_add(handle, inode->i_sb, o);
	if (!err)
		VEXFS_I(inode)->orphan = o;
	mutex_unlock(&sbi->orphan_lock);
	if (err)
		kfree(o);
	return err;
}

static int vexfs_orphan_pull(handle_t *handle, struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_orphan *o = VEXFS_I(inode)->orphan;
	int err;

	mutex_lock(&sbi->orphan_lock);
	err = vexfs_list_del(handle, inode->i_sb, o, true);
	if (!err)
		VEXFS_I(inode)->orphan = NULL;
	mutex_unlock(&sbi->orphan_lock);
	if (!err)
		kfree(o);
	return err;
}

/* ---- the interface ------------------------------------------------------------------ */

/**
 * vexfs_orphan_add - the next mount shall finish this inode, if we do not
 * @handle: with two credits: the orphan table, and the inode's table block
 * @inode:  the caller's alone (i_rwsem, or it is new, or being evicted)
 *
 * Idempotent. To be called before anything of the operation shows: it fails if
 * the journal has been aborted, or the disk is damaged. Takes orphan_lock.
 */
int vexfs_orphan_add(handle_t *handle, struct inode *inode)
{
	u32 slot;
	int err;

	if (vexfs_is_orphan(inode))
		return 0;
	slot = vexfs_orphan_claim(VEXFS_SB(inode->i_sb));
	if (slot == VEXFS_ORPHAN_LIST)
		err = vexfs_orphan_push(handle, inode);
	else
		err = vexfs_slot_add(handle, inode, slot);
	trace_vexfs_orphan_add(inode->i_sb, inode->i_ino, slot, err);
	return err;
}

/**
 * vexfs_orphan_del - the inode is finished
 * @handle: with two credits: the orphan table or another inode's table block,
 *	    and the inode's own
 * @inode:  as for vexfs_orphan_add()
 */
int vexfs_orphan_del(handle_t *handle, struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u32 slot = vi->orphan ? VEXFS_ORPHAN_LIST : vi->orphan_slot - 1;
	int err;

	if (!vexfs_is_orphan(inode))
		return 0;
	if (vi->orphan) {
		err = vexfs_orphan_pull(handle, inode);
	} else {
		err = vexfs_slot_del(handle, inode->i_sb, slot);
		if (!err)
			vi->orphan_slot = 0;
	}
	trace_vexfs_orphan_del(inode->i_sb, inode->i_ino, slot, err);
	return err;
}

/* An orphan leaves memory unfinished: called by eviction, which nothing races with. */
void vexfs_orphan_leave(struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_orphan *o = NULL;

	if (!vexfs_is_orphan(inode))
		return;
	if (!vi->orphan)
		o = vexfs_orphan_new(inode->i_ino, NULL, vi->orphan_slot - 1);
	mutex_lock(&sbi->orphan_lock);
	if (vi->orphan)
		vi->orphan->inode = NULL;
	else
		list_add(&o->list, &sbi->orphan_lost);
	WRITE_ONCE(sbi->orphans_lost, sbi->orphans_lost + 1);
	mutex_unlock(&sbi->orphan_lock);
	vi->orphan = NULL;
	vi->orphan_slot = 0;
}

static struct vexfs_orphan *vexfs_orphan_find(struct list_head *list, u64 ino)
{
	struct vexfs_orphan *o;

	list_for_each_entry(o, list, list)
		if (o->ino == ino)
			return o;
	return NULL;
}

/* An inode has been read, nobody else has it yet: is it one that left as an orphan? */
void vexfs_orphan_return(struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_orphan *o;

	if (!READ_ONCE(sbi->orphans_lost))
		return;
	mutex_lock(&sbi->orphan_lock);
	o = vexfs_orphan_find(&sbi->orphan_lost, inode->i_ino);
	if (o) {
		vi->orphan_slot = o->slot + 1;
		list_del(&o->list);
		kfree(o);
	} else {
		o = vexfs_orphan_find(&sbi->orphan_list, inode->i_ino);
		if (o) {
			o->inode = inode;
			vi->orphan = o;
		}
	}
	if (o)
		WRITE_ONCE(sbi->orphans_lost, sbi->orphans_lost - 1);
	mutex_unlock(&sbi->orphan_lock);
	vi->truncating = vexfs_is_orphan(inode) && S_ISREG(inode->i_mode);
}

/* ---- recovery ------------------------------------------------------------- */

/* An orphan that nobody has in memory. */
struct vexfs_orphan_nr {
	u64	ino;
	u32	slot;
};

/* A copy: both lists change while the orphans are finished. orphan_lock held. */
static u64 vexfs_orphan_copy(struct vexfs_sb_info *sbi, struct vexfs_orphan_nr *nr, u64 room)
{
	struct vexfs_orphan *o;
	u64 n = 0;

	list_for_each_entry(o, &sbi->orphan_lost, list)
		if (n < room)
			nr[n++] = (struct vexfs_orphan_nr) { .ino = o->ino, .slot = o->slot };
	list_for_each_entry(o, &sbi->orphan_list, list)
		if (n < room && !o->inode)
			nr[n++] = (struct vexfs_orphan_nr) { .ino = o->ino, .slot = o->slot };
	return n;
}

/* It is listed by mistake: forget it. @stays: there is such an inode. */
static void vexfs_orphan_drop(struct super_block *sb, u64 ino, bool stays)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	handle_t *handle = vexfs_start(sb, 2, 0);
	struct vexfs_orphan *o;
	int err = -ENOENT;

	if (IS_ERR(handle))
		return;
	mutex_lock(&sbi->orphan_lock);
	o = vexfs_orphan_find(&sbi->orphan_lost, ino);
	if (o) {
		err = vexfs_slot_del(handle, sb, o->slot);
		if (!err)
			list_del(&o->list);
	} else {
		o = vexfs_orphan_find(&sbi->orphan_list, ino);
		if (o && !o->inode)
			err = vexfs_list_del(handle, sb, o, stays);
	}
	if (!err)
		WRITE_ONCE(sbi->orphans_lost, sbi->orphans_lost - 1);
	mutex_unlock(&sbi->orphan_lock);
	vexfs_stop(handle);
	if (!err)
		kfree(o);
}

/* It has a name, and nothing can have been under way. */
static void vexfs_orphan_clear(struct inode *inode)
{
	handle_t *handle = vexfs_start(inode->i_sb, 2, 0);

	if (IS_ERR(handle))
		return;
	vexfs_orphan_del(handle, inode);
	vexfs_stop(handle);
}

/* It has a name. Takes i_rwsem: the filesystem may be in use. */
static void vexfs_orphan_finish(struct inode *inode)
{
	inode_lock(inode);
	if (!vexfs_is_orphan(inode))
		;			/* somebody else was first */
	else if (S_ISREG(inode->i_mode))
		vexfs_truncate(inode);	/* it is no orphan then */
	else
		vexfs_orphan_clear(inode);
	inode_unlock(inode);
}

static void vexfs_orphan_one(struct super_block *sb, const struct vexfs_orphan_nr *nr)
{
	struct inode *inode = ERR_PTR(-ESTALE);

	if (vexfs_ino_valid(&VEXFS_SB(sb)->geo, nr->ino))
		inode = vexfs_iget(sb, nr->ino,
				   VEXFS_IGET_MAYBE | VEXFS_IGET_HIDDEN | VEXFS_IGET_ORPHAN);
	trace_vexfs_orphan_recover(sb, nr->ino, nr->slot, PTR_ERR_OR_ZERO(inode));
	if (IS_ERR(inode)) {
		vexfs_warn(sb, "orphan inode %llu cannot be finished: error %ld", nr->ino,
			   PTR_ERR(inode));
		/* What cannot be read now may be read by the next mount, or fsck. */
		if (PTR_ERR(inode) == -ESTALE)
			vexfs_orphan_drop(sb, nr->ino, false);
		return;
	}
	if (!vexfs_is_orphan(inode))
		vexfs_orphan_drop(sb, nr->ino, true);	/* the root, or a collection's */
	else if (inode->i_nlink)
		vexfs_orphan_finish(inode);
	iput(inode);				/* no name: deletes it */
}

static u64 vexfs_orphan_all(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 n = READ_ONCE(sbi->orphans_lost), i;
	struct vexfs_orphan_nr *nr;

	if (!n)
		return 0;
	nr = kvmalloc_array(n, sizeof(*nr), GFP_KERNEL);
	if (!nr) {
		vexfs_warn(sb, "no memory to finish %llu inodes; the next mount retries", n);
		return 0;
	}
	mutex_lock(&sbi->orphan_lock);
	n = vexfs_orphan_copy(sbi, nr, n);
	mutex_unlock(&sbi->orphan_lock);
	for (i = 0; i < n; i++) {
		vexfs_orphan_one(sb, &nr[i]);
		cond_resched();
	}
	kvfree(nr);
	return n;
}

/**
 * vexfs_orphan_expect - inodes read from now on may be listed
 * @sb: being mounted, root and collections in memory: these are in use, and if they are
 *	listed it is by mistake. No lock needed.
 */
void vexfs_orphan_expect(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_orphan *o;

	list_for_each_entry(o, &sbi->orphan_lost, list)
		sbi->orphans_lost++;
	list_for_each_entry(o, &sbi->orphan_list, list)
		sbi->orphans_lost++;
}

/**
 * vexfs_orphan_recover - finish what a crash interrupted
 * @sb: being mounted, or made writable: s_umount held for writing
 *
 * Also on a read-only mount, as the journal's replay is: both are needed to see a
 * consistent tree. A device that cannot be written leaves it to the remount that can.
 */
void vexfs_orphan_recover(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 found;

	if (bdev_read_only(sb->s_bdev) || vexfs_norecovery(sb))
		return;
	set_bit(VEXFS_SBF_RECOVERING, &sbi->flags);
	found = vexfs_orphan_all(sb);
	clear_bit(VEXFS_SBF_RECOVERING, &sbi->flags);
	if (found)
		vexfs_msg(sb, KERN_INFO, "%llu inodes finished that the last mount left", found);
}
