// SPDX-License-Identifier: GPL-2.0
/*
 * The change feed: every inode that changes is moved to the end of a tree of change numbers (core/feed.h), once in an
 * epoch. A reader begins a new epoch and finds what has changed since the beginning of an earlier one.
 *
 * When: an inode whose number is older than the epoch is *due*. It is moved
 *  - in the handle that makes it, gives it a name, moves it, or changes who may have it: what a reader finds in the
 *    feed has happened as a whole, because a number is told only after its transaction has committed;
 *  - before its content changes, where embeddings become stale (the head of kmod/file.c), and content is written to
 *    the disk only after the number is (vi->stale_tid). So after a crash every change has its number.
 * Who reads content that the feed told of asks for its generation first (VEXFS_IOC_DATA_GEN): that waits for writes
 * that were announced in the epoch before. Pages that such a write, or a mapping, has left dirty are noticed when they
 * are written out: the inode is due by then.
 *
 * Only regular files and directories are in the tree. A directory is moved when it gets another name, owner or mode,
 * never because of what is made in it: it says that all below may be new to a reader.
 *
 * The tree may take the last blocks of the device (VEXFS_ROOM_RESERVE). If there are none, or it is damaged, the change
 * is refused, before anything of it shows.
 *
 * Lock: data_sem of the tree's inode, inside a handle, over no disk read that the caller could have made before
 * (vexfs_feed_prepare()); readers give it up before they wait for the disk.
 */
#include "kmod/vexfs.h"
#include "core/feed.h"

#define VEXFS_FEED_READS	64	/* blocks read for one path: more means that it changes all the time */

static void vexfs_feed_tree(struct vexfs_tree *t, struct vexfs_kio *kio, struct super_block *sb, handle_t *handle)
{
	vexfs_ext_tree(t, kio, VEXFS_SB(sb)->change_inode, handle);
	kio->room = VEXFS_ROOM_RESERVE;
}

static struct vexfs_inode_info *vexfs_feed_info(struct super_block *sb)
{
	return VEXFS_I(VEXFS_SB(sb)->change_inode);
}

/* ---- reading without waiting under the lock -------------------------------------- */

/*
 * Run @look, which may stop at a block that is not in memory, under the lock, shared; read the block without it, and
 * again. Not in a handle.
 */
static int vexfs_feed_look(struct super_block *sb, int (*look)(struct vexfs_tree *t, void *ctx), void *ctx)
{
	struct vexfs_inode_info *fi = vexfs_feed_info(sb);
	struct buffer_head *bh;
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err, n;

	for (n = 0; n < VEXFS_FEED_READS; n++) {
		vexfs_feed_tree(&t, &kio, sb, NULL);
		kio.nowait = true;
		down_read(&fi->data_sem);
		err = look(&t, ctx);
		up_read(&fi->data_sem);
		if (err != -EAGAIN)
			return err;
		bh = vexfs_md_read(sb, kio.missing, VEXFS_MAGIC_NODE, 0, t.owner);
		/* It may be something else by now: then the next look does not lead there. */
		if (IS_ERR(bh))
			return PTR_ERR(bh);
		brelse(bh);
	}
	vexfs_feed_tree(&t, &kio, sb, NULL);
	down_read(&fi->data_sem);
	err = look(&t, ctx);
	up_read(&fi->data_sem);
	return err;
}

/* ---- moving an inode ------------------------------------------------------------------- */

bool vexfs_feed_due(struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 number;

	if (!sbi->change_inode || (vi->flags & VEXFS_INODE_HIDDEN) ||
	    !(S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode)))
		return false;
	/* Pairs with the release when it is stored: stale_tid is that of the number. */
	number = smp_load_acquire(&vi->change);
	/* One that is impossible is damage, which the move reports. */
	return number < READ_ONCE(sbi->change_epoch) || number >= VEXFS_CHANGE_MAX;
}

static int vexfs_feed_look_path(struct vexfs_tree *t, void *ctx)
{
	u64 *number = ctx;
	struct vexfs_kv kv;
	int err = vexfs_bt_find_le(t, ~0ULL - 1, &kv);

	if (!err && *number)
		err = vexfs_bt_find_ge(t, *number, &kv);
	return err == -ENOENT ? 0 : err;
}

static int vexfs_feed_read_path(struct inode *inode)
{
	u64 number = READ_ONCE(VEXFS_I(inode)->change);

	return vexfs_feed_look(inode->i_sb, vexfs_feed_look_path, &number);
}

/**
 * vexfs_feed_prepare - read the blocks that moving an inode needs
 * @inode: about to be changed; no handle, no lock below one
 *
 * Return: 0, -EIO, -EUCLEAN.
 */
int vexfs_feed_prepare(struct inode *inode)
{
	return vexfs_feed_due(inode) ? vexfs_feed_read_path(inode) : 0;
}

int vexfs_feed_credits(struct super_block *sb)
{
	struct vexfs_btree_root *root;
	u32 level;

	if (!VEXFS_SB(sb)->change_inode)
		return 0;
	root = &vexfs_feed_info(sb)->root;
	level = le16_to_cpu(READ_ONCE(root->r_level)) + 1;	/* it may grow meanwhile */
	return 2 * (2 * level + 1) + 2 * (level + 1) * VEXFS_ALLOC_CREDITS + 2;
}

/* The tree and its inode, to number @to (0: leave it). The lock is held for writing. */
static int vexfs_feed_change(handle_t *handle, struct inode *inode, u64 to)
{
	struct inode *feed = VEXFS_SB(inode->i_sb)->change_inode;
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err, err2;

	vexfs_feed_tree(&t, &kio, inode->i_sb, handle);
	err = vexfs_feed_move(&t, inode->i_ino, vi->change, to);
	err2 = vexfs_mark_inode_dirty(handle, feed);
	if (err || err2)
		return err ? err : err2;
	/* A new inode is gone if this is. */
	if (!(vexfs_inode_state(inode) & I_NEW))
		WRITE_ONCE(vi->stale_tid, handle->h_transaction->t_tid);
	/* Who sees the number (vexfs_feed_due()) writes content that has to wait for stale_tid. */
	smp_store_release(&vi->change, to);
	return 0;
}

/**
 * vexfs_feed_touch - an inode changes: it gets a number of this epoch, if it is due
 * @handle: with vexfs_feed_credits() left, and VEXFS_MAX_LEVEL revokes
 * @inode:  vexfs_feed_prepare() was called before the handle
 *
 * Before the first visible change of the operation: it may fail. Writes the inode.
 *
 * Return: 0, -ENOSPC, -EIO, -EUCLEAN: nothing has changed.
 */
int vexfs_feed_touch(handle_t *handle, struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	int err;

	if (!vexfs_feed_due(inode))
		return 0;
	err = vexfs_inode_access(handle, inode);
	if (!err)
		err = vexfs_inode_access(handle, sbi->change_inode);
	if (err)
		return err;
	down_write(&vexfs_feed_info(inode->i_sb)->data_sem);
	if (vexfs_feed_due(inode)) {
		err = vexfs_feed_change(handle, inode, sbi->change_next);
		if (!err)
			WRITE_ONCE(sbi->change_next, sbi->change_next + 1);
	}
	up_write(&vexfs_feed_info(inode->i_sb)->data_sem);
	if (err)
		return err;
	if (wq_has_sleeper(&sbi->change_wait))
		wake_up_all(&sbi->change_wait);
	return vexfs_mark_inode_dirty(handle, inode);
}

/* Its record, if it has one, is read: for vexfs_feed_forget(). As vexfs_feed_prepare(). */
int vexfs_feed_forget_prepare(struct inode *inode)
{
	return VEXFS_SB(inode->i_sb)->change_inode && VEXFS_I(inode)->change ? vexfs_feed_read_path(inode) : 0;
}

/**
 * vexfs_feed_forget - an inode is deleted and leaves the tree
 * @handle: as for vexfs_feed_touch()
 * @inode:  evicted, without a link
 *
 * Return: 0, -EIO, -EUCLEAN: nothing has changed.
 */
int vexfs_feed_forget(handle_t *handle, struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	int err;

	if (!sbi->change_inode || !VEXFS_I(inode)->change)
		return 0;
	err = vexfs_inode_access(handle, inode);
	if (!err)
		err = vexfs_inode_access(handle, sbi->change_inode);
	if (err)
		return err;
	down_write(&vexfs_feed_info(inode->i_sb)->data_sem);
	err = vexfs_feed_change(handle, inode, 0);
	up_write(&vexfs_feed_info(inode->i_sb)->data_sem);
	return err ? err : vexfs_mark_inode_dirty(handle, inode);
}

/* ---- epochs ---------------------------------------------------------------------------------- */

/* In a handle with one credit. Takes the feed's lock and es_lock. */
static int vexfs_feed_epoch_store(handle_t *handle, struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	vexfs_bh_keep(sbi->sb_bh);
	err = jbd2_journal_get_write_access(handle, sbi->sb_bh);
	if (err)
		return err;
	down_write(&vexfs_feed_info(sb)->data_sem);
	mutex_lock(&sbi->es_lock);
	sbi->es->s_change_epoch = cpu_to_le64(sbi->change_next);
	sbi->es->s_checksum = cpu_to_le32(vexfs_sb_checksum(sbi->es));
	mutex_unlock(&sbi->es_lock);
	sbi->change_tid = handle->h_transaction->t_tid;
	WRITE_ONCE(sbi->change_epoch, sbi->change_next);
	up_write(&vexfs_feed_info(sb)->data_sem);
	return vexfs_md_dirty(handle, sb, sbi->sb_bh);
}

/**
 * vexfs_feed_epoch - begin a new epoch, unless nothing has changed in this one
 * @sb: no lock, no handle; a write access to the filesystem (sb_start_write())
 *
 * Return: 0, -EROFS, -EIO, -ENOMEM.
 */
int vexfs_feed_epoch(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	handle_t *handle;
	int err, err2;

	if (READ_ONCE(sbi->change_next) == READ_ONCE(sbi->change_epoch))
		return 0;
	handle = vexfs_start(sb, 1, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_feed_epoch_store(handle, sb);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/**
 * vexfs_feed_now - where the feed is
 * @sb:   no lock, no handle; not over a locked folio: may wait for a commit
 * @now:  out; its epoch, and with it all changes with lower numbers, are on the disk
 *
 * Return: 0, -EIO.
 */
int vexfs_feed_now(struct super_block *sb, struct vexfs_feed_state *now)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	tid_t tid;

	down_read(&vexfs_feed_info(sb)->data_sem);
	now->epoch = sbi->change_epoch;
	now->next = sbi->change_next;
	tid = sbi->change_tid;
	up_read(&vexfs_feed_info(sb)->data_sem);
	now->feed = sbi->change_id;
	return tid ? jbd2_complete_transaction(sbi->journal, tid) : 0;
}

/* ---- reading the feed ------------------------------------------------------------------------- */

static int vexfs_feed_look_batch(struct vexfs_tree *t, void *ctx)
{
	struct vexfs_feed_batch *b = ctx;
	int err = 0;

	while (b->n < ARRAY_SIZE(b->rec) && b->from < b->end && !err) {
		err = vexfs_bt_find_ge(t, b->from, &b->rec[b->n]);
		if (!err && b->rec[b->n].key >= b->end)
			err = -ENOENT;
		if (!err)
			b->from = b->rec[b->n++].key + 1;
	}
	if (err == -ENOENT)
		b->from = b->end;
	return err == -ENOENT ? 0 : err;
}

/**
 * vexfs_feed_read - the next records of the feed
 * @sb: no lock, no handle
 * @b:  @from and @end say which; filled in
 *
 * Return: 0 (b->n 0: there are no more), -EIO, -EUCLEAN.
 */
int vexfs_feed_read(struct super_block *sb, struct vexfs_feed_batch *b)
{
	b->n = 0;
	return vexfs_feed_look(sb, vexfs_feed_look_batch, b);
}

/* ---- mount --------------------------------------------------------------------------------------- */

/* Marks of another filesystem, or of a feed that was turned off or repaired since, are told apart by this. */
static u64 vexfs_feed_id(struct inode *feed)
{
	struct vexfs_geo *geo = &VEXFS_SB(feed->i_sb)->geo;
	u64 half[2];

	memcpy(half, geo->uuid, sizeof(half));
	return (half[0] ^ half[1] ^ ((u64)feed->i_generation << 32 | feed->i_generation)) | 1;
}

/* ERR_PTR */
static struct inode *vexfs_feed_iget(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 ino = le64_to_cpu(sbi->es->s_change_ino);
	const char *why = vexfs_feed_check_super(sbi->es);
	struct inode *inode;

	if (why)
		return ERR_PTR(vexfs_corrupt(sb, ino, 0, why));
	inode = vexfs_iget(sb, ino, VEXFS_IGET_HIDDEN);
	if (IS_ERR(inode))
		return inode;
	if (S_ISREG(inode->i_mode) && (VEXFS_I(inode)->flags & VEXFS_INODE_HIDDEN) &&
	    !VEXFS_I(inode)->links[0].l_parent && !i_size_read(inode))
		return inode;
	iput(inode);
	return ERR_PTR(vexfs_corrupt(sb, ino, 0, "change tree in an inode that is not its own"));
}

static int vexfs_feed_open(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct inode *inode = vexfs_feed_iget(sb);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int err;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	lockdep_set_subclass(&VEXFS_I(inode)->data_sem, 2);
	sbi->change_epoch = le64_to_cpu(sbi->es->s_change_epoch);
	vexfs_ext_tree(&t, &kio, inode, NULL);
	err = vexfs_feed_next(&t, sbi->change_epoch, &sbi->change_next);
	sbi->change_id = vexfs_feed_id(inode);
	if (!err)
		sbi->change_inode = inode;
	else
		iput(inode);
	return err;
}

/**
 * vexfs_feed_load - changes are written down from now on
 * @sb: being mounted; replayed; nothing has been changed
 *
 * A mount that cannot write does without a damaged one.
 *
 * Return: 0, or an error that prevents the mount.
 */
int vexfs_feed_load(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	init_waitqueue_head(&sbi->change_wait);
	if (!vexfs_has_feed(sb) || vexfs_norecovery(sb))
		return 0;
	err = vexfs_feed_open(sb);
	if (!err)
		return 0;
	vexfs_msg(sb, KERN_ERR, "the change feed cannot be used: error %d; run fsck.vexfs", err);
	return sb_rdonly(sb) ? 0 : err;
}

void vexfs_feed_unload(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (!sbi->change_inode)
		return;
	lockdep_set_subclass(&vexfs_feed_info(sb)->data_sem, 0);
	iput(sbi->change_inode);
	sbi->change_inode = NULL;
}
