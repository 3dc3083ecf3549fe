// SPDX-License-Identifier: GPL-2.0
/*
 * What has changed below a directory since a mark: the feed (kmod/feed.c), asked by somebody.
 *
 * The feed is the filesystem's; who asks is told what a search from the same directory could find: files the caller
 * may read, reached through directories the caller may read and search (scope.c), each opened on its behalf before it
 * is told (open.c). What is hidden shows in two ways: a mark tells how many changes there were in the whole
 * filesystem, as statfs(2) tells how many inodes are in use, and a call takes its time for them.
 *
 * A call looks at VEXFS_CHANGES_LOOK changes at most. It first reads what is older than the current epoch. Only when
 * that is done, and something has changed in the epoch, it begins a new one, so that the end of the old one is a mark:
 * what changes from then on gets a number beyond. Both are on the disk before anything is told.
 *
 * No locks are held over any of this.
 */
#include "kmod/vec/search.h"
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#define VEXFS_CHANGES_LOOK	4096
#define VEXFS_CHANGES_CHUNKS	65536	/* embeddings of one file looked at; more: it is told */

/**
 * struct vexfs_asking - one call
 * @sb:      the filesystem
 * @scope:   of the caller
 * @opened:  likewise
 * @coll:    NULL: all changes are told
 * @entries: the caller's memory
 * @paths:   likewise
 * @count:   room of @entries
 * @path_bytes: of @paths
 * @n:       used of the first
 * @bytes:   of the second
 * @full:    there was no room for an entry, which is told next time
 */
struct vexfs_asking {
	struct super_block	*sb;
	struct vexfs_scope	*scope;
	struct vexfs_opened	opened;
	struct vexfs_coll	*coll;
	struct vexfs_change __user *entries;
	char __user		*paths;
	u32			count, path_bytes, n, bytes;
	bool			full;
};

/* ---- one inode -------------------------------------------------------------------------- */

/* Of the file's embeddings in the collection: VEXFS_CHANGE_*; 0: all are of its content. -EINTR, -EIO. */
static int vexfs_change_state(struct vexfs_coll *coll, struct inode *inode)
{
	u32 id = coll->id, chunk = 0, n;
	struct vexfs_vec_entry e;
	int err;

	for (n = 0; n < VEXFS_CHANGES_CHUNKS; n++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = vexfs_vec_next(inode, &id, &chunk, &e, NULL);
		if (err && err != -ENOENT)
			return err;
		if (err || e.collection_id != coll->id)
			return n ? 0 : VEXFS_CHANGE_NEW;
		if (e.flags & VEXFS_VEC_STALE)
			return VEXFS_CHANGE_STALE;
		chunk++;
		cond_resched();
	}
	return VEXFS_CHANGE_STALE;
}

/* A signal or memory: the call ends. Anything else is about this inode, which is not told. */
static int vexfs_change_error(int err)
{
	return err == -EINTR || err == -ENOMEM || err == -ENFILE ? err : 0;
}

/* The path of the scope's own entry is empty. 1, 0: the caller cannot have it, -errno. */
static int vexfs_change_path(struct vexfs_asking *a, struct vexfs_change *c, char **path)
{
	struct vexfs_found found = { .ino = c->ino, .generation = c->generation };
	int ok;

	if (c->ino == vexfs_scope_top(a->scope)) {
		c->path_len = 0;
		return 1;
	}
	ok = vexfs_open_hit(&a->opened, &found, path, &c->path_len);
	if (ok != -ENAMETOOLONG)
		return ok;
	c->flags |= VEXFS_CHANGE_NO_PATH;
	c->path_len = 0;
	return 1;
}

/*
 * The number of an operation is on the disk before the operation has ended for the VFS: until then a new inode cannot
 * be had, and a new name may still be known as one that does not exist. The operation holds the directory's lock.
 */
static struct inode *vexfs_change_iget(struct vexfs_asking *a, u64 ino)
{
	struct inode *inode;

	while ((inode = vexfs_iget(a->sb, ino, VEXFS_IGET_MAYBE)) == ERR_PTR(-ESTALE)) {
		if (!vexfs_being_created(a->sb, ino))
			break;
		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		schedule_timeout_uninterruptible(1);
	}
	return inode;
}

static void vexfs_change_dir_settle(struct vexfs_asking *a, const struct vexfs_link *link)
{
	struct inode *dir = vexfs_iget(a->sb, le64_to_cpu(link->l_parent), VEXFS_IGET_MAYBE);

	if (IS_ERR(dir))
		return;
	inode_lock_shared(dir);
	inode_unlock_shared(dir);
	iput(dir);
}

/* Wait until a call that gives @inode a name or takes one away has ended. */
static void vexfs_change_settle(struct vexfs_asking *a, struct inode *inode)
{
	struct vexfs_link links[VEXFS_INODE_LINKS], link;
	u64 key = 0;
	int i;

	vexfs_links_ask(inode, links);
	for (i = 0; i < VEXFS_INODE_LINKS && links[i].l_parent; i++)
		vexfs_change_dir_settle(a, &links[i]);
	while (vexfs_links_more(inode, &key, &link) > 0)
		vexfs_change_dir_settle(a, &link);
}

/* Entry and path to the caller, if there is room. */
static int vexfs_change_tell(struct vexfs_asking *a, struct vexfs_change *c, const char *path)
{
	if (c->path_len > a->path_bytes - a->bytes) {
		a->full = a->n > 0;
		if (a->full)
			return 0;
		c->flags |= VEXFS_CHANGE_NO_PATH;
		c->path_len = 0;
	}
	c->path_off = a->bytes;
	if ((c->path_len && copy_to_user(a->paths + a->bytes, path, c->path_len)) ||
	    copy_to_user(&a->entries[a->n], c, sizeof(*c)))
		return -EFAULT;
	a->bytes += c->path_len;
	a->n++;
	return 0;
}

/* 1: the caller may find it, and *@flags say what it is; 0: it is not told. */
static int vexfs_change_judge(struct vexfs_asking *a, struct inode *inode, u32 *flags)
{
	struct vexfs_verdict v;
	int ret;

	if (!inode->i_nlink)
		return 0;
	if (S_ISDIR(inode->i_mode)) {
		*flags = VEXFS_CHANGE_TREE;
		return vexfs_scope_reaches(a->scope, inode->i_ino);
	}
	ret = vexfs_scope_judge(a->scope, inode->i_ino, &v);
	if (ret || !v.ok)
		return ret;
	ret = a->coll ? vexfs_change_state(a->coll, inode) : 0;
	if (ret < 0)
		return ret;
	*flags = ret;
	return ret || !a->coll;
}

static int vexfs_change_one(struct vexfs_asking *a, const struct vexfs_kv *rec)
{
	struct vexfs_change c = { .ino = rec->val, .number = rec->key };
	struct inode *inode = vexfs_change_iget(a, rec->val);
	char *path = NULL;
	int ret;

	if (IS_ERR(inode))
		return vexfs_change_error(PTR_ERR(inode));
	c.generation = inode->i_generation;
	ret = vexfs_change_judge(a, inode, &c.flags);
	if (ret > 0) {
		ret = vexfs_change_path(a, &c, &path);
		if (!ret) {
			vexfs_change_settle(a, inode);
			ret = vexfs_change_path(a, &c, &path);
		}
	}
	iput(inode);
	if (ret <= 0)
		return vexfs_change_error(ret);
	return vexfs_change_tell(a, &c, path);
}

/* ---- the feed ---------------------------------------------------------------------------- */

/* Numbers from *@from on, below @end; *@from moves over what has been told or left out. */
static int vexfs_changes_read(struct vexfs_asking *a, u64 *from, u64 end)
{
	struct vexfs_feed_batch b = { .from = *from, .end = end };
	u32 looked, i;
	int err;

	for (looked = 0; looked < VEXFS_CHANGES_LOOK && *from < end; looked += b.n) {
		err = vexfs_feed_read(a->sb, &b);
		if (err)
			return err;
		for (i = 0; i < b.n; i++) {
			if (a->n == a->count)
				return 0;
			if (fatal_signal_pending(current))
				return -EINTR;
			err = vexfs_change_one(a, &b.rec[i]);
			if (err || a->full)
				return err;
			*from = b.rec[i].key + 1;
			cond_resched();
		}
		*from = b.from;
	}
	return 0;
}

/* All of the epochs before has been read: the current one ends, if anything has changed in it. */
static int vexfs_changes_turn(struct super_block *sb, struct vexfs_feed_state *now)
{
	int err = -EROFS;

	if (!sb_rdonly(sb)) {
		sb_start_write(sb);
		err = vexfs_feed_epoch(sb);
		sb_end_write(sb);
	}
	return err ? err : vexfs_feed_now(sb, now);
}

static bool vexfs_changes_moved(struct super_block *sb, u64 number)
{
	return READ_ONCE(VEXFS_SB(sb)->change_next) > number || vexfs_is_shutdown(sb) || sb_rdonly(sb);
}

/* Nothing is known to have changed: wait. -EINTR: any signal. */
static int vexfs_changes_wait(struct super_block *sb, const struct vexfs_ioc_changes *req)
{
	long left;

	if (!(req->flags & VEXFS_CHANGES_WAIT))
		return 0;
	left = wait_event_interruptible_timeout(VEXFS_SB(sb)->change_wait,
						vexfs_changes_moved(sb, req->mark.number),
						msecs_to_jiffies(req->timeout_ms));
	if (vexfs_is_shutdown(sb))
		return -EIO;
	return left < 0 ? -EINTR : 0;
}

/* The mark of the request, made of what it says. */
static int vexfs_changes_mark(struct super_block *sb, struct vexfs_ioc_changes *req, struct vexfs_feed_state *now)
{
	int err = vexfs_feed_now(sb, now);

	if (!err && !req->mark.feed && !req->mark.number) {
		if (now->next > now->epoch)
			err = vexfs_changes_turn(sb, now);
		req->mark = (struct vexfs_feed_mark){ now->feed, now->epoch };
		req->count = 0;
		req->flags = 0;
		return err;
	}
	if (!err && (req->mark.feed != now->feed || req->mark.number > now->epoch))
		err = -EREMOTE;
	if (!err && req->mark.number == now->next)
		err = vexfs_changes_wait(sb, req);
	return err ? err : vexfs_feed_now(sb, now);
}

static int vexfs_changes_run(struct vexfs_asking *a, struct vexfs_ioc_changes *req, struct vexfs_feed_state *now)
{
	u64 from = req->mark.number;
	int err = 0;

	if (from >= now->epoch && now->next > now->epoch)
		err = vexfs_changes_turn(a->sb, now);
	if (!err)
		err = vexfs_changes_read(a, &from, now->epoch);
	if (err)
		return err;
	req->mark.number = from;
	req->count = a->n;
	req->flags = from < READ_ONCE(VEXFS_SB(a->sb)->change_next) ? VEXFS_CHANGES_MORE : 0;
	return 0;
}

static int vexfs_changes_begin(struct vexfs_asking *a, struct file *scope, const struct vexfs_ioc_changes *req)
{
	a->sb = file_inode(scope)->i_sb;
	a->entries = u64_to_user_ptr(req->entries);
	a->paths = u64_to_user_ptr(req->paths);
	a->count = req->count;
	a->path_bytes = req->path_bytes;
	if (req->collection[0]) {
		a->coll = vexfs_coll_open(a->sb, req->collection, MAY_READ);
		if (IS_ERR(a->coll))
			return PTR_ERR(a->coll);
	}
	a->scope = vexfs_scope_create(scope, NULL);
	if (!a->scope) {
		if (a->coll)
			vexfs_coll_put(a->coll);
		return -ENOMEM;
	}
	vexfs_opened_init(&a->opened, a->sb, a->scope);
	return 0;
}

static void vexfs_changes_end(struct vexfs_asking *a)
{
	vexfs_opened_free(&a->opened);
	vexfs_scope_free(a->scope);
	if (a->coll)
		vexfs_coll_put(a->coll);
}

/**
 * vexfs_changes - answer VEXFS_IOC_CHANGES
 * @scope: the directory
 * @req:   flags, count and reserved fields are checked; out: the reply
 *
 * Takes write access to the filesystem when it begins an epoch; may wait for a commit, and for changes if that is
 * asked for. An error leaves the caller's mark good for another attempt.
 *
 * Return: 0, or what include/uapi/vexfs.h says.
 */
int vexfs_changes(struct file *scope, struct vexfs_ioc_changes *req)
{
	struct super_block *sb = file_inode(scope)->i_sb;
	struct vexfs_asking a = { };
	struct vexfs_feed_state now;
	int err;

	if (!S_ISDIR(file_inode(scope)->i_mode))
		return -ENOTDIR;
	if (!VEXFS_SB(sb)->change_inode)
		return -EOPNOTSUPP;
	err = file_permission(scope, MAY_READ | MAY_EXEC);
	if (!err)
		err = vexfs_changes_mark(sb, req, &now);
	if (err || !req->count)
		return err;
	err = vexfs_changes_begin(&a, scope, req);
	if (err)
		return err;
	err = vexfs_changes_run(&a, req, &now);
	vexfs_changes_end(&a);
	return err;
}
