// SPDX-License-Identifier: GPL-2.0
/*
 * The embeddings of a file that nothing names or holds any more.
 *
 * Eviction deletes a few itself. A file that has more stays an orphan on disk
 * and leaves memory; its number goes to a queue. A worker takes it from there,
 * deletes some, and puts it at the end if more are left: so a file of millions
 * does not keep others waiting. When none is left, the inode is brought in once
 * more and freed by its eviction. Whoever unlinks does not wait, and a crash at
 * any moment leaves an orphan with fewer embeddings, which the next mount goes
 * on with.
 *
 * When many files are queued, the tasks that unlink more of them delete the
 * embeddings themselves, so that nobody makes such work faster than it is done. A
 * task that is killed or exits leaves the rest to the worker.
 *
 * The worker is held while the filesystem is frozen or read-only and while
 * orphans are recovered. Unmount and a remount read-only let it finish some
 * VEXFS_EVICT_LAST embeddings; more are left to the next mount.
 *
 * Meanwhile the inode is not in memory, where one without a name would keep the
 * VFS from remounting read-only.
 *
 * Locking: evictor.lock is innermost. The worker holds no lock from one file to
 * the next; it must not be waited for inside a handle or with coll->sem held.
 */
#include "kmod/vec/slot.h"
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#define VEXFS_EVICT_NOW		64	/* embeddings that any eviction deletes itself */
#define VEXFS_EVICT_TURN	1024	/* that the worker deletes of one file before the next has its turn */
#define VEXFS_EVICT_LAST	32768	/* that it deletes when the filesystem is unmounted */

static unsigned int evict_queue = 256;
module_param(evict_queue, uint, 0644);
MODULE_PARM_DESC(evict_queue,
		 "unlinked files whose embeddings a worker deletes; of more, the tasks that unlink them do (256)");

/* A file in the queue, and the collections that it may have embeddings in. */
struct vexfs_late {
	struct list_head	list;
	u64			ino, mask;
};

/**
 * struct vexfs_evictor - the worker and its queue
 * @sb:    the filesystem
 * @lock:  for all that follows, up to @turns
 * @queue: of struct vexfs_late
 * @n:     entries of @queue
 * @held:  nothing is taken from the queue
 * @coming: nothing is taken yet, but will be: the filesystem becomes writable
 * @busy:  one has been taken and is worked on
 * @turns_left: so many may be taken; negative: any number
 * @turns: taken so far and done with
 * @wait:  for @turns or @held to move
 * @work:  one turn
 */
struct vexfs_evictor {
	struct super_block	*sb;
	spinlock_t		lock;
	struct list_head	queue;
	u32			n;
	bool			held, coming, busy;
	int			turns_left;
	u64			turns;
	wait_queue_head_t	wait;
	struct work_struct	work;
};

static struct vexfs_evictor *vexfs_evictor(struct super_block *sb)
{
	return VEXFS_SB(sb)->evictor;
}

/* ---- the queue ------------------------------------------------------------------- */

static void vexfs_evict_kick(struct vexfs_evictor *ev)
{
	queue_work(VEXFS_SB(ev->sb)->vec_wq, &ev->work);
}

/* Something can be taken. Takes the lock. */
static bool vexfs_evict_pending(struct vexfs_evictor *ev)
{
	bool pending;

	spin_lock(&ev->lock);
	pending = ev->n && !ev->held && ev->turns_left;
	spin_unlock(&ev->lock);
	return pending;
}

/* The same, or there may be when the present turn ends. */
static bool vexfs_evict_unfinished(struct vexfs_evictor *ev)
{
	bool more;

	spin_lock(&ev->lock);
	more = (ev->n || ev->busy) && !ev->held && ev->turns_left;
	spin_unlock(&ev->lock);
	return more;
}

static void vexfs_evict_put(struct vexfs_evictor *ev, struct vexfs_late *l)
{
	spin_lock(&ev->lock);
	list_add_tail(&l->list, &ev->queue);
	ev->n++;
	spin_unlock(&ev->lock);
}

/* The next file; NULL: none. */
static struct vexfs_late *vexfs_evict_take(struct vexfs_evictor *ev)
{
	struct vexfs_late *l = NULL;

	spin_lock(&ev->lock);
	if (ev->n && !ev->held && ev->turns_left) {
		l = list_first_entry(&ev->queue, struct vexfs_late, list);
		list_del(&l->list);
		ev->n--;
		ev->busy = true;
		if (ev->turns_left > 0)
			ev->turns_left--;
	}
	spin_unlock(&ev->lock);
	return l;
}

/* ---- some embeddings -------------------------------------------------------------- */

/* Can this task be made to wait? One that is killed or exits cannot; a kernel thread works for others. */
static bool vexfs_evict_may_wait(void)
{
	return !(current->flags & (PF_EXITING | PF_KTHREAD)) && !fatal_signal_pending(current);
}

/* Is it time to leave the rest? @share: as many as that, or, S64_MAX, as many as there are while the task lives. */
static bool vexfs_evict_enough(s64 share, s64 done)
{
	return done && (done >= share || (share == S64_MAX && !vexfs_evict_may_wait()));
}

/* What file @ino has in one collection. 1: some are left. Takes sb_writers for each batch. */
static int vexfs_evict_coll(struct vexfs_coll *coll, u64 ino, s64 share, s64 *done)
{
	struct super_block *sb = coll->sb;
	struct vexfs_del *d = vexfs_del_create(coll, ino);
	int err = vexfs_coll_need_maps(coll, false);

	d->more = true;
	while (!err && d->more) {
		err = 1;
		if (vexfs_evict_enough(share, *done))
			break;
		sb_start_intwrite(sb);
		err = vexfs_del_batch(d);
		sb_end_intwrite(sb);
		*done += d->n;
		cond_resched();
	}
	vexfs_del_end(d);
	return err == -ENODATA || err == -ENOENT || err == -EFSCORRUPTED ? 0 : err;
}

/* In all of them. A damaged one is passed over: what it says about the file is refused
 * later, because the generation differs. */
static int vexfs_evict_some(struct super_block *sb, u64 ino, u64 mask, s64 share)
{
	int id, err = 0;
	s64 done = 0;

	for (id = 0; id < VEXFS_MAX_COLL && !err; id++) {
		struct vexfs_coll *coll = NULL;

		if (mask & BIT_ULL(id))
			coll = vexfs_coll_get_id(sb, id);
		if (coll)
			err = vexfs_evict_coll(coll, ino, share, &done);
	}
	return err;
}

/* ---- the worker ------------------------------------------------------------------- */

/* Nothing is left but the inode: bringing it in and letting it go evicts it. */
static int vexfs_evict_finish(struct super_block *sb, u64 ino)
{
	struct inode *inode = vexfs_iget(sb, ino, VEXFS_IGET_MAYBE | VEXFS_IGET_ORPHAN);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	iput(inode);
	return 0;
}

static void vexfs_evict_turn(struct vexfs_evictor *ev, struct vexfs_late *l)
{
	int err = vexfs_evict_some(ev->sb, l->ino, l->mask, VEXFS_EVICT_TURN);

	if (!err)
		err = vexfs_evict_finish(ev->sb, l->ino);
	if (err < 0 && err != -EROFS && !vexfs_is_shutdown(ev->sb))
		vexfs_warn(ev->sb, "inode %llu could not be deleted: error %d; the next mount retries",
			   l->ino, err);
	if (err == 1)
		vexfs_evict_put(ev, l);
	else
		kfree(l);
	spin_lock(&ev->lock);
	ev->turns++;
	ev->busy = false;
	spin_unlock(&ev->lock);
	wake_up_all(&ev->wait);
}

/* One turn, so that the system can be suspended between two. */
static void vexfs_evict_work(struct work_struct *work)
{
	struct vexfs_evictor *ev = container_of(work, struct vexfs_evictor, work);
	struct vexfs_late *l = vexfs_evict_take(ev);

	if (l)
		vexfs_evict_turn(ev, l);
	if (vexfs_evict_pending(ev))
		vexfs_evict_kick(ev);
}

/* ---- eviction -------------------------------------------------------------------- */

/* How many embeddings an eviction deletes before it leaves the rest. On a read-only mount it
 * is part of recovery, and the worker would come too late. */
static s64 vexfs_evict_share(struct super_block *sb)
{
	struct vexfs_evictor *ev = vexfs_evictor(sb);
	bool alone = sb_rdonly(sb) && !READ_ONCE(ev->coming);

	if (vexfs_evict_may_wait() && (alone || READ_ONCE(ev->n) >= READ_ONCE(evict_queue)))
		return S64_MAX;
	return VEXFS_EVICT_NOW;
}

/* The file must get into the queue: its inode is leaving memory. */
static void vexfs_evict_later(struct inode *inode)
{
	struct vexfs_evictor *ev = vexfs_evictor(inode->i_sb);
	struct vexfs_late *l = kmalloc(sizeof(*l), GFP_NOFS | __GFP_NOFAIL);

	l->ino = inode->i_ino;
	l->mask = VEXFS_I(inode)->vecmask;
	vexfs_evict_put(ev, l);
	if (vexfs_evict_pending(ev))
		vexfs_evict_kick(ev);
}

/**
 * vexfs_vec_evict - delete the embeddings of a file that is about to be freed
 * @inode: an orphan without names or users; not in a handle, no locks
 *
 * Return: 0: it has none any more; 1: the inode has to stay an orphan and leave
 * memory, a worker goes on with it; or an error that must keep it from being freed.
 */
int vexfs_vec_evict(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	u64 mask = VEXFS_I(inode)->vecmask;
	int err;

	/* Without a worker collections are not loaded (any more). */
	if (!mask || !vexfs_evictor(sb))
		return 0;
	err = vexfs_evict_some(sb, inode->i_ino, mask, vexfs_evict_share(sb));
	if (err == 1)
		vexfs_evict_later(inode);
	return err;
}

/* ---- hold, go on, wait ------------------------------------------------------------- */

/**
 * vexfs_vec_hold - the worker stops
 * @sb:	    s_umount held; nobody freezes it
 * @finish: after up to VEXFS_EVICT_LAST embeddings; otherwise after its present turn
 *
 * Waits for it. What is left stays in the queue, and on disk among the orphans.
 */
void vexfs_vec_hold(struct super_block *sb, bool finish)
{
	struct vexfs_evictor *ev = vexfs_evictor(sb);

	set_bit(VEXFS_SBF_HELD, &VEXFS_SB(sb)->flags);
	spin_lock(&ev->lock);
	ev->turns_left = finish ? VEXFS_EVICT_LAST / VEXFS_EVICT_TURN : 0;
	spin_unlock(&ev->lock);
	do {
		vexfs_evict_kick(ev);
		flush_work(&ev->work);
	} while (vexfs_evict_unfinished(ev));
	spin_lock(&ev->lock);
	ev->held = true;
	spin_unlock(&ev->lock);
	cancel_work_sync(&ev->work);	/* the last turn may not have ended */
	wake_up_all(&ev->wait);
}

/**
 * vexfs_vec_forget - a read-only filesystem becomes writable: empty the queue
 * @sb: s_umount held for writing; the worker is held
 *
 * What was left in it are orphans, which recovery finds, and puts into it again.
 */
void vexfs_vec_forget(struct super_block *sb)
{
	struct vexfs_evictor *ev = vexfs_evictor(sb);
	struct vexfs_late *l, *tmp;
	LIST_HEAD(old);

	spin_lock(&ev->lock);
	list_splice_init(&ev->queue, &old);
	ev->n = 0;
	ev->coming = true;
	spin_unlock(&ev->lock);
	list_for_each_entry_safe(l, tmp, &old, list)
		kfree(l);
}

/* The filesystem can be written to (again). Any context that may take a spinlock. */
void vexfs_vec_go_on(struct super_block *sb)
{
	struct vexfs_evictor *ev = vexfs_evictor(sb);

	clear_bit(VEXFS_SBF_HELD, &VEXFS_SB(sb)->flags);
	spin_lock(&ev->lock);
	ev->held = false;
	ev->coming = false;
	ev->turns_left = -1;
	spin_unlock(&ev->lock);
	if (vexfs_evict_pending(ev))
		vexfs_evict_kick(ev);
}

/**
 * vexfs_vec_wait - no room, but the worker may be about to make some
 * @sb: not in a handle, no lock of the vector half; i_rwsem of a file or directory
 *	in use may be held
 *
 * Return: true after its next turn; false if it has none, or the caller was killed.
 */
bool vexfs_vec_wait(struct super_block *sb)
{
	struct vexfs_evictor *ev = vexfs_evictor(sb);
	u64 turns;
	bool busy;

	spin_lock(&ev->lock);
	turns = ev->turns;
	busy = ev->busy || (ev->n && !ev->held);
	spin_unlock(&ev->lock);
	return busy && !wait_event_killable(ev->wait, READ_ONCE(ev->turns) != turns ||
					    READ_ONCE(ev->held));
}

/* ---- mount and unmount --------------------------------------------------------------- */

/* Held until vexfs_vec_go_on(). */
int vexfs_evictor_init(struct super_block *sb)
{
	struct vexfs_evictor *ev = kzalloc(sizeof(*ev), GFP_KERNEL);

	if (!ev)
		return -ENOMEM;
	ev->sb = sb;
	spin_lock_init(&ev->lock);
	INIT_LIST_HEAD(&ev->queue);
	ev->held = true;
	set_bit(VEXFS_SBF_HELD, &VEXFS_SB(sb)->flags);
	ev->turns_left = -1;
	init_waitqueue_head(&ev->wait);
	INIT_WORK(&ev->work, vexfs_evict_work);
	VEXFS_SB(sb)->evictor = ev;
	return 0;
}

/* Nobody uses the filesystem any more; collections are still there. */
void vexfs_evictor_exit(struct super_block *sb)
{
	struct vexfs_evictor *ev = vexfs_evictor(sb);

	if (!ev)
		return;
	vexfs_vec_hold(sb, true);
	vexfs_vec_forget(sb);
	VEXFS_SB(sb)->evictor = NULL;
	kfree(ev);
}
