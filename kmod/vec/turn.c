// SPDX-License-Identifier: GPL-2.0
/*
 * Whose turn is it to search?
 *
 * A search may use a processor for long, and memory. So that a user who starts
 * many does not slow others down more than one with as many processors' worth of
 * them, each user has a number of searches on a filesystem that run at a time; the
 * next ones wait, first come, first served. A waiting search holds nothing but
 * its place.
 *
 * The user is the real uid of the task, which cannot be changed without
 * privilege, as it is for RLIMIT_NPROC. Root has the same limit as everybody.
 */
#include "kmod/vec/turn.h"
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/moduleparam.h>

static unsigned int search_per_user;
module_param(search_per_user, uint, 0644);
MODULE_PARM_DESC(search_per_user,
		 "searches of one user that run at a time on a filesystem (0: as many as processors, at least 2)");

/**
 * struct vexfs_searcher - a user who searches; exists as long as a search runs
 * @node:    in vexfs_turns.users
 * @uid:     who it is
 * @running: searches that have their turn
 * @waiting: struct vexfs_turn of the others, in their order
 */
struct vexfs_searcher {
	struct hlist_node	node;
	kuid_t			uid;
	u32			running;
	struct list_head	waiting;
};

struct vexfs_turns {
	spinlock_t		lock;		/* all of it; innermost */
	DECLARE_HASHTABLE(users, 6);
};

static u32 vexfs_turns_limit(void)
{
	return READ_ONCE(search_per_user) ?: max(num_online_cpus(), 2U);
}

/* The lock is held. */
static struct vexfs_searcher *vexfs_searcher_find(struct vexfs_turns *ts, kuid_t uid)
{
	struct vexfs_searcher *u;

	hash_for_each_possible(ts->users, u, node, __kuid_val(uid))
		if (uid_eq(u->uid, uid))
			return u;
	return NULL;
}

/* Whoever waits and may run now. The lock is held. True: nobody is left, and the user is not listed any more. */
static bool vexfs_searcher_next(struct vexfs_searcher *u)
{
	struct vexfs_turn *t;

	while (u->running < vexfs_turns_limit() && !list_empty(&u->waiting)) {
		t = list_first_entry(&u->waiting, struct vexfs_turn, list);
		list_del_init(&t->list);
		u->running++;
		complete(&t->go);
	}
	if (u->running || !list_empty(&u->waiting))
		return false;
	hash_del(&u->node);
	return true;
}

/* Runs, or waits if @wait: 0. Else -EAGAIN. The lock is held. */
static int vexfs_searcher_add(struct vexfs_searcher *u, struct vexfs_turn *t, bool wait)
{
	t->user = u;
	INIT_LIST_HEAD(&t->list);
	init_completion(&t->go);
	if (!wait && (u->running >= vexfs_turns_limit() || !list_empty(&u->waiting)))
		return -EAGAIN;
	list_add_tail(&t->list, &u->waiting);
	vexfs_searcher_next(u);
	return 0;
}

static struct vexfs_searcher *vexfs_searcher_alloc(kuid_t uid)
{
	struct vexfs_searcher *u = kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);

	if (u) {
		u->uid = uid;
		INIT_LIST_HEAD(&u->waiting);
	}
	return u;
}

/**
 * vexfs_turn_take - wait until the caller may search
 * @sb:	  the filesystem
 * @t:	  out: the turn, to be given back with vexfs_turn_give() if 0 is returned
 * @wait: or fail
 *
 * No locks held. Return: 0, -EAGAIN (not now), -EINTR (a fatal signal), -ENOMEM.
 */
int vexfs_turn_take(struct super_block *sb, struct vexfs_turn *t, bool wait)
{
	struct vexfs_turns *ts = VEXFS_SB(sb)->turns;
	struct vexfs_searcher *new = vexfs_searcher_alloc(current_uid()), *u;
	int err;

	if (!new)
		return -ENOMEM;
	spin_lock(&ts->lock);
	u = vexfs_searcher_find(ts, new->uid);
	if (!u) {
		u = new;
		hash_add(ts->users, &u->node, __kuid_val(u->uid));
	}
	err = vexfs_searcher_add(u, t, wait);
	spin_unlock(&ts->lock);
	if (u != new)
		kfree(new);
	if (err || !wait_for_completion_killable(&t->go))
		return err;
	vexfs_turn_give(sb, t);
	return -EINTR;
}

/* The search has ended, or did not begin: its caller was killed. No locks. */
void vexfs_turn_give(struct super_block *sb, struct vexfs_turn *t)
{
	struct vexfs_turns *ts = VEXFS_SB(sb)->turns;
	struct vexfs_searcher *u = t->user;
	bool last;

	spin_lock(&ts->lock);
	if (list_empty(&t->list))
		u->running--;		/* it had its turn, maybe without having noticed */
	else
		list_del(&t->list);
	last = vexfs_searcher_next(u);
	spin_unlock(&ts->lock);
	if (last)
		kfree(u);
}

int vexfs_turns_init(struct super_block *sb)
{
	struct vexfs_turns *ts = kzalloc(sizeof(*ts), GFP_KERNEL);

	if (!ts)
		return -ENOMEM;
	spin_lock_init(&ts->lock);
	hash_init(ts->users);
	VEXFS_SB(sb)->turns = ts;
	return 0;
}

/* Nobody searches any more. */
void vexfs_turns_exit(struct super_block *sb)
{
	kfree(VEXFS_SB(sb)->turns);
	VEXFS_SB(sb)->turns = NULL;
}
