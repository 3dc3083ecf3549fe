// SPDX-License-Identifier: GPL-2.0
/*
 * Filters of a search: what a file must be besides permitted.
 *
 * They come after permission (view.c): only files that the caller may open are
 * looked at, and stat(2) would tell the caller as much of each. So neither the
 * reply nor the work of a filter depends on hidden files. Attributes are read
 * as they are in memory, without a lock: who changes a file during a search finds
 * it as it was before or after. Candidates are asked once more (scope.c).
 *
 * To ask the inode of every file costs many times what comparing its embedding
 * does. So a sample is asked first: where enough pass, only the nearest are asked,
 * as many more of them as the sample says (f->sift). The sample is of permitted
 * files, and always of the same: how a search is planned tells nothing of others.
 */
#include "kmod/vec/search.h"
#include <linux/sched/signal.h>

#define VEXFS_FILTER_ALL	(VEXFS_FILTER_NEWER | VEXFS_FILTER_OLDER | VEXFS_FILTER_LARGER | \
				 VEXFS_FILTER_SMALLER | VEXFS_FILTER_UID)

/* ---- what is asked for --------------------------------------------------------- */

/* A field without its bit was meant by somebody who forgot the bit. */
static bool vexfs_filter_time(struct timespec64 *to, const struct vexfs_search_time *t, bool given)
{
	if (t->pad || t->nsec >= NSEC_PER_SEC || (!given && (t->sec || t->nsec)))
		return false;
	to->tv_sec = t->sec;
	to->tv_nsec = t->nsec;
	return true;
}

/**
 * vexfs_filter_init - the filter of a request
 * @fl:	 to fill
 * @req: from the caller
 *
 * Return: 0, or -EINVAL: unknown bits, fields without their bit, times that are none,
 * a user that the caller's namespace does not have.
 */
int vexfs_filter_init(struct vexfs_filter *fl, const struct vexfs_ioc_search *req)
{
	u32 what = req->filter;

	if (what & ~VEXFS_FILTER_ALL)
		return -EINVAL;
	if (!vexfs_filter_time(&fl->newer, &req->newer, what & VEXFS_FILTER_NEWER) ||
	    !vexfs_filter_time(&fl->older, &req->older, what & VEXFS_FILTER_OLDER))
		return -EINVAL;
	if ((req->larger && !(what & VEXFS_FILTER_LARGER)) || (req->smaller && !(what & VEXFS_FILTER_SMALLER)) ||
	    (req->uid && !(what & VEXFS_FILTER_UID)))
		return -EINVAL;
	fl->what = what;
	fl->larger = req->larger;
	fl->smaller = req->smaller;
	fl->uid = make_kuid(current_user_ns(), req->uid);
	return what & VEXFS_FILTER_UID && !uid_valid(fl->uid) ? -EINVAL : 0;
}

/**
 * vexfs_filter_inode - does a file pass?
 * @fl:	   the filter
 * @idmap: of the mount the search came through: owners are as stat(2) shows them there
 * @inode: a file the caller may open
 *
 * Any context; takes no locks.
 */
bool vexfs_filter_inode(const struct vexfs_filter *fl, vexfs_idmap_t *idmap, struct inode *inode)
{
	struct timespec64 mtime = vexfs_mtime(inode);
	u64 size = i_size_read(inode);

	if (fl->what & VEXFS_FILTER_NEWER && timespec64_compare(&mtime, &fl->newer) <= 0)
		return false;
	if (fl->what & VEXFS_FILTER_OLDER && timespec64_compare(&mtime, &fl->older) >= 0)
		return false;
	if (fl->what & VEXFS_FILTER_LARGER && size <= fl->larger)
		return false;
	if (fl->what & VEXFS_FILTER_SMALLER && size >= fl->smaller)
		return false;
	return !(fl->what & VEXFS_FILTER_UID) || vfsuid_eq_kuid(i_uid_into_vfsuid(idmap, inode), fl->uid);
}

/* ---- slots ------------------------------------------------------------------------- */

/* A file that was asked about, and opened; a table of them is lossy. */
struct vexfs_passed {
	u64	ino, datagen;
	u32	generation;
	bool	pass, opened;
};

/**
 * struct vexfs_filtering - slots being looked at
 * @f:	  the search; it has been settled what it may look at
 * @memo: chunks of a file often come together: it is looked at once
 * @sample: some of the slots
 * @opens: files that may still be opened
 * @opened: files that could be
 */
struct vexfs_filtering {
	struct vexfs_find	*f;
	struct vexfs_passed	memo[VEXFS_FILTER_MEMO];
	u32			sample[VEXFS_SAMPLE];
	u32			opens, opened;
};

/* A file that has gone passes no filter. 0, -EIO, -EUCLEAN, -ENOMEM. */
static int vexfs_filter_file(struct vexfs_filtering *fi, struct vexfs_passed *p)
{
	struct vexfs_find *f = fi->f;
	struct inode *inode = vexfs_iget(f->coll->sb, p->ino, VEXFS_IGET_MAYBE);

	p->pass = false;
	if (IS_ERR(inode))
		return inode == ERR_PTR(-ESTALE) || inode == ERR_PTR(-ENOENT) ? 0 : PTR_ERR(inode);
	p->datagen = READ_ONCE(VEXFS_I(inode)->datagen);
	p->pass = S_ISREG(inode->i_mode) && inode->i_generation == p->generation &&
		  vexfs_filter_inode(&f->filter, f->idmap, inode);
	iput(inode);
	return 0;
}

/* The file of a slot, which is copied to @s. NULL: the slot is not live. */
static struct vexfs_passed *vexfs_filter_look(struct vexfs_filtering *fi, u32 slot, struct vexfs_slot *s)
{
	struct vexfs_passed *p;
	u64 ino;
	int err = vexfs_slot_copy(fi->f->coll, slot, s);

	if (err || s->v_state != VEXFS_SLOT_LIVE)
		return ERR_PTR(err);
	ino = le64_to_cpu(s->v_ino);
	p = &fi->memo[hash_64(ino, ilog2(VEXFS_FILTER_MEMO))];
	if (p->ino == ino && p->generation == le32_to_cpu(s->v_generation))
		return p;
	*p = (struct vexfs_passed) { .ino = ino, .generation = le32_to_cpu(s->v_generation) };
	err = vexfs_filter_file(fi, p);
	if (!err)
		return p;
	p->ino = 0;
	return ERR_PTR(err);
}

/* 1: the embedding in the slot is to be searched; 0: it is not. */
static int vexfs_filter_slot(struct vexfs_filtering *fi, u32 slot)
{
	struct vexfs_slot s;
	struct vexfs_passed *p = vexfs_filter_look(fi, slot, &s);

	if (IS_ERR_OR_NULL(p))
		return PTR_ERR_OR_ZERO(p);
	if (fi->f->flags & VEXFS_SEARCH_FRESH && p->datagen != le64_to_cpu(s.v_datagen))
		return 0;
	return p->pass;
}

static int vexfs_filter_bits(struct vexfs_filtering *fi, struct vexfs_permitted *p)
{
	u32 slot;
	int ret;

	for_each_set_bit(slot, p->bits, p->nslots) {
		ret = fatal_signal_pending(current) ? -EINTR : vexfs_filter_slot(fi, slot);
		if (ret == -EIO || ret == -EFSCORRUPTED) {
			p->incomplete = true;
			ret = 0;
		}
		if (ret < 0)
			return ret;
		if (!ret) {
			__clear_bit(slot, p->bits);
			p->n--;
		}
		cond_resched();
	}
	return 0;
}

/* How many of the sample pass. */
static int vexfs_filter_ask(struct vexfs_filtering *fi, u32 n)
{
	int ret, passed = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		ret = fatal_signal_pending(current) ? -EINTR : vexfs_filter_slot(fi, fi->sample[i]);
		if (ret < 0 && ret != -EIO && ret != -EFSCORRUPTED)
			return ret;
		passed += ret > 0;
		cond_resched();
	}
	return passed;
}

static int vexfs_filter_estimate(struct vexfs_filtering *fi)
{
	struct vexfs_find *f = fi->f;
	struct vexfs_sift_ask ask = { .n = f->permitted.n, .window = f->first_window, .most = VEXFS_WINDOW_MAX };
	int n = vexfs_view_sample(f->view, &f->permitted, fi->sample, VEXFS_SAMPLE);

	if (n < 0)
		return n;
	ask.asked = (u32)n;
	n = vexfs_filter_ask(fi, ask.asked);
	if (n < 0)
		return n;
	ask.passed = (u32)n;
	f->sift = vexfs_graph_sift(&ask);
	return 0;
}

/**
 * vexfs_filter_plan - f->sift: how many of the nearest to look at for enough that pass; 0: ask all first
 * @f: f->permitted has been settled, without the filter
 *
 * No locks held. Return: 0, -EINTR, -ENOMEM.
 */
int vexfs_filter_plan(struct vexfs_find *f)
{
	struct vexfs_filtering *fi;
	int err;

	f->sift = 0;
	if (f->permitted.n <= VEXFS_SIFT_MIN || f->permitted.n > f->max_work)
		return 0;
	fi = kvzalloc(sizeof(*fi), GFP_KERNEL_ACCOUNT);
	if (!fi)
		return -ENOMEM;
	fi->f = f;
	err = vexfs_filter_estimate(fi);
	kvfree(fi);
	return err;
}

/**
 * vexfs_filter_slots - leave of the permitted slots those that pass
 * @f: f->permitted has been settled
 *
 * Looks at the inode of every permitted file. No locks held. Damage leaves slots out
 * and sets @incomplete. Return: 0, -EINTR, -ENOMEM.
 */
int vexfs_filter_slots(struct vexfs_find *f)
{
	struct vexfs_filtering *fi = kvzalloc(sizeof(*fi), GFP_KERNEL_ACCOUNT);
	int err;

	if (!fi)
		return -ENOMEM;
	fi->f = f;
	err = vexfs_filter_bits(fi, &f->permitted);
	kvfree(fi);
	return err;
}

/* ---- how many are stale ---------------------------------------------------------------- */

/* 1: the caller can open it, as a hit is opened; 0: not; -EBUSY: enough have been. */
static int vexfs_filter_open(struct vexfs_filtering *fi, struct vexfs_passed *p)
{
	struct vexfs_found c = { .ino = p->ino, .generation = p->generation };
	char *path;
	u32 len;
	int ok;

	if (p->opened)
		return 1;
	if (vexfs_open_refused(&fi->f->opened, p->ino))
		return 0;
	if (!fi->opens)
		return -EBUSY;
	fi->opens--;
	ok = vexfs_open_hit(&fi->f->opened, &c, &path, &len);
	if (ok == -ENAMETOOLONG)
		return 0;
	p->opened = ok > 0;
	fi->opened += p->opened;
	return ok;
}

/* 1: stale, in a file that can be opened. 0: not. */
static int vexfs_filter_stale_slot(struct vexfs_filtering *fi, u32 slot)
{
	struct vexfs_slot s;
	struct vexfs_passed *p = vexfs_filter_look(fi, slot, &s);

	if (IS_ERR_OR_NULL(p))
		return PTR_ERR_OR_ZERO(p);
	if (!p->pass || p->datagen == le64_to_cpu(s.v_datagen))
		return 0;
	return vexfs_filter_open(fi, p);
}

static int vexfs_filter_count(struct vexfs_filtering *fi, const struct vexfs_permitted *p, u64 *n)
{
	u32 slot;
	int ret;

	for_each_set_bit(slot, p->bits, p->nslots) {
		ret = fatal_signal_pending(current) ? -EINTR : vexfs_filter_stale_slot(fi, slot);
		if (ret == -EIO || ret == -EFSCORRUPTED || ret == -EBUSY)
			fi->f->reply |= VEXFS_REPLY_AT_LEAST;
		else if (ret < 0)
			return ret;
		if (ret == -EBUSY) {
			/* Each has one at least; how many more were met depends on slots. */
			*n = fi->opened;
			return 0;
		}
		*n += ret > 0;
		cond_resched();
	}
	return 0;
}

/**
 * vexfs_filter_stale - how many embeddings are stale, of files that pass, whatever was found
 * @f: the search
 * @n: the number; VEXFS_REPLY_AT_LEAST is set if there may be more
 *
 * Looks at the inode of every permitted file, and opens those with stale ones as a hit is opened: what only a
 * mount or a security module keeps from the caller is not counted. No locks held.
 * Return: 0, -EINTR, -ENOMEM, -ENFILE; -ENOENT (dropped), -EIO, -EUCLEAN.
 */
int vexfs_filter_stale(struct vexfs_find *f, u64 *n)
{
	struct vexfs_asked_about about = {};
	struct vexfs_filtering *fi = kvzalloc(sizeof(*fi), GFP_KERNEL_ACCOUNT);
	struct vexfs_permitted p;
	int err;

	*n = 0;
	if (!fi)
		return -ENOMEM;
	fi->f = f;
	fi->opens = VEXFS_COUNT_OPENS;
	err = vexfs_view_permitted(f->view, f->coll, f->scope, &about, &p);
	if (p.incomplete)
		f->reply |= VEXFS_REPLY_AT_LEAST;
	if (!err)
		err = vexfs_filter_count(fi, &p, n);
	kvfree(p.bits);
	kvfree(fi);
	return err;
}
