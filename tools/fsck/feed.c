// SPDX-License-Identifier: GPL-2.0
/*
 * The change feed: the tree of change numbers against the numbers that inodes have, both ways.
 *
 * Gathered in pass 1, compared after the collections. The inodes are believed: whatever is wrong, the tree is made
 * anew from them, in an inode with another generation, so that readers with an old mark look at everything again.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "core/feed.h"
#include "lib/image_feed.h"
#include "lib/image_write.h"
#include "tools/fsck/fsck.h"

/**
 * struct fsck_feed - what has been gathered
 * @said: numbers that inodes have, in the order of inodes; compare() sorts them
 * @rec:  records of the tree, ascending
 * @damaged: the tree could not be read as a whole
 */
struct fsck_feed {
	struct vexfs_kv *said, *rec;
	size_t	nsaid, said_room, nrec, rec_room;
	bool	damaged;
};

static bool has_feed(const struct fsck *f)
{
	return f->img.geo.feature[VEXFS_RO_COMPAT] & VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED;
}

bool fsck_is_feed(const struct fsck *f, u64 ino)
{
	return has_feed(f) && ino == le64_to_cpu(f->img.sb.s_change_ino);
}

static struct fsck_feed *gathered(struct fsck *f)
{
	if (f->feed || !has_feed(f))
		return f->feed;
	f->feed = calloc(1, sizeof(*f->feed));
	if (!f->feed)
		fsck_fatal(f, -ENOMEM, "gathering changes");
	return f->feed;
}

void fsck_feed_free(struct fsck *f)
{
	if (!f->feed)
		return;
	free(f->feed->said);
	free(f->feed->rec);
	free(f->feed);
	f->feed = NULL;
}

/* ---- gathering ------------------------------------------------------------------ */

static bool may_change(const struct vexfs_inode *di)
{
	u32 type = le16_to_cpu(di->i_mode) & S_IFMT;

	return !(le32_to_cpu(di->i_flags) & VEXFS_INODE_HIDDEN) && (type == S_IFREG || type == S_IFDIR);
}

void fsck_feed_inode(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	struct vexfs_kv kv = { le64_to_cpu(di->i_change_epoch), ino };
	struct fsck_feed *feed = kv.key ? gathered(f) : NULL;

	if (!feed)
		return;
	fsck_object(f, FSCK_FIX_FEED, 0);
	if (!may_change(di) || kv.key >= VEXFS_CHANGE_MAX)
		fsck_problem(f, FEED_NUMBER, (unsigned long long)ino, (unsigned long long)kv.key);
	else if (fsck_grow(f, &feed->said, feed->nsaid, &feed->said_room, sizeof(*feed->said)))
		feed->said[feed->nsaid++] = kv;
}

static void tree_recs(struct fsck *f, void *ctx, const struct vexfs_rec *recs, u32 count)
{
	struct fsck_feed *feed = ctx;
	u32 i;

	for (i = 0; i < count; i++)
		if (fsck_grow(f, &feed->rec, feed->nrec, &feed->rec_room, sizeof(*feed->rec)))
			feed->rec[feed->nrec++] = (struct vexfs_kv){
				le64_to_cpu(recs[i].key), le64_to_cpu(recs[i].val),
			};
}

void fsck_feed_tree(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	struct fsck_feed *feed = gathered(f);
	struct fsck_tree t = { .owner = ino, .recs = tree_recs, .ctx = feed };

	if (!feed)
		return;
	fsck_object(f, FSCK_FIX_FEED, 0);
	fsck_where(f, FSCK_FEED_BLOCK, "change tree");
	fsck_tree_walk(f, &t, &di->i_root);
	feed->damaged = t.damaged;
	if (!t.damaged && (le64_to_cpu(di->i_root.r_blocks) != t.blocks || le64_to_cpu(di->i_blocks) != t.blocks ||
			   di->i_size))
		fsck_problem(f, FEED_COUNTS, (unsigned long long)t.blocks, (unsigned long long)le64_to_cpu(di->i_blocks));
}

static const char *inode_wrong(const struct fsck_ino *fi)
{
	if (!fi || fi->flags & FSCK_INO_BAD)
		return "is free or damaged";
	if (!(fi->flags & FSCK_INO_HIDDEN) || fi->dtype != DT_REG)
		return "is not a hidden file";
	return fi->coll ? "has another use" : NULL;
}

void fsck_feed_file(struct fsck *f)
{
	u64 ino = le64_to_cpu(f->img.sb.s_change_ino);
	struct fsck_ino *fi = fsck_ino_get(f, ino);
	const char *bad;

	if (!gathered(f))
		return;
	fsck_object(f, FSCK_FIX_FEED, 0);
	bad = vexfs_feed_check_super(&f->img.sb);
	if (bad)
		fsck_problem(f, FEED_SUPER, bad);
	bad = inode_wrong(fi);
	if (bad)
		fsck_problem(f, FEED_INODE, (unsigned long long)ino, bad);
	else
		fi->coll = FSCK_COLL_FEED;
	f->feed->damaged |= bad != NULL;
}

/* ---- comparing ------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const struct vexfs_kv *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->val < y->val ? -1 : x->val > y->val;
}

static void stray(struct fsck *f, const struct vexfs_kv *r)
{
	fsck_problem(f, FEED_RECORD, (unsigned long long)r->key, (unsigned long long)r->val);
}

static void missing(struct fsck *f, const struct vexfs_kv *s)
{
	fsck_problem(f, FEED_MISSING, (unsigned long long)s->val, (unsigned long long)s->key);
}

static void compare(struct fsck *f, const struct fsck_feed *feed)
{
	size_t i = 0, j = 0;
	int c;

	while (i < feed->nsaid || j < feed->nrec) {
		c = i == feed->nsaid ? 1 : j == feed->nrec ? -1 : by_number(&feed->said[i], &feed->rec[j]);
		if (c < 0)
			missing(f, &feed->said[i]);
		else if (c > 0)
			stray(f, &feed->rec[j]);
		i += c <= 0;
		j += c >= 0;
	}
}

void fsck_feed(struct fsck *f)
{
	struct fsck_feed *feed = gathered(f);

	if (!feed)
		return;
	fsck_object(f, FSCK_FIX_FEED, 0);
	if (feed->nsaid)
		qsort(feed->said, feed->nsaid, sizeof(*feed->said), by_number);
	if (!feed->damaged)
		compare(f, feed);
}

/* ---- repairing --------------------------------------------------------------------- */

/* Those that cannot have one lose their number; of two that have the same, the second. */
static int forget_number(struct fsck *f, u64 ino)
{
	struct vexfs_inode di;
	int err = fsck_get_inode(f, ino, &di);

	if (err || !di.i_change_epoch)
		return err == -ENOENT ? 0 : err;
	di.i_change_epoch = 0;
	return fsck_put_inode(f, ino, &di);
}

static int forget_impossible(struct fsck *f)
{
	u32 g, i;
	int err = 0;

	for (g = 0; g < f->img.geo.groups; g++)
		for (i = 0; i < f->ino_room[g] && !err; i++) {
			u64 ino = (u64)g * f->img.geo.inodes_per_group + i + 1;
			struct vexfs_inode di;

			if (!f->ino_map[g][i].dtype || fsck_get_inode(f, ino, &di))
				continue;
			if (di.i_change_epoch &&
			    (!may_change(&di) || le64_to_cpu(di.i_change_epoch) >= VEXFS_CHANGE_MAX))
				err = forget_number(f, ino);
		}
	return err;
}

/* The inode as it is, without its tree, or a new one. */
static int take_inode(struct fsck *f, struct vexfs_inode *di)
{
	u64 ino = le64_to_cpu(f->img.sb.s_change_ino);
	struct fsck_ino *fi = fsck_ino_get(f, ino);
	u32 generation;
	int err = 0;

	if (getrandom(&generation, sizeof(generation), 0) != sizeof(generation))
		generation = (u32)time(NULL);
	if (!fi || fi->coll != FSCK_COLL_FEED || fsck_get_inode(f, ino, di))
		err = vexfs_image_feed_inode(&f->img, generation, time(NULL), di);
	di->i_generation = cpu_to_le32(generation);
	di->i_size = 0;
	memset(&di->i_root, 0, sizeof(di->i_root));
	return err;
}

static int build(struct fsck *f, struct vexfs_inode *di, u64 *next)
{
	struct vexfs_tree t = vexfs_image_feed_tree(&f->img, di);
	const struct fsck_feed *feed = f->feed;
	size_t i;
	int err = 0;

	for (i = 0; i < feed->nsaid && !err; i++) {
		const struct vexfs_kv *s = &feed->said[i];
		struct vexfs_inode changed;

		/* A repair may have cleared it meanwhile. */
		if (fsck_get_inode(f, s->val, &changed) || le64_to_cpu(changed.i_change_epoch) != s->key)
			continue;
		err = s->key < *next ? forget_number(f, s->val) : vexfs_bt_insert(&t, s->key, s->val);
		if (!err && s->key >= *next)
			*next = s->key + 1;
	}
	di->i_blocks = di->i_root.r_blocks;
	return err;
}

int fsck_fix_feed(struct fsck *f, u64 id)
{
	struct vexfs_inode di;
	u64 next = 1;
	int err;

	if (!f->feed)
		return 0;
	err = forget_impossible(f);
	if (!err)
		err = take_inode(f, &di);
	if (!err)
		err = build(f, &di, &next);
	if (!err)
		err = fsck_put_inode(f, le64_to_cpu(di.i_ino), &di);
	if (err)
		return err;
	f->img.sb.s_change_ino = di.i_ino;
	f->img.sb.s_change_epoch = cpu_to_le64(next);
	err = fsck_write_super(f);
	if (!err)
		fsck_did(f, "change feed made anew from the inodes; readers of the feed look at everything again");
	return err;
}
