// SPDX-License-Identifier: GPL-2.0
/*
 * Block allocation: one bitmap per group, first fit from a goal, by an index (kmod/groupmem.c). A file that
 * grows has a window, where others do not take blocks as long as there are any elsewhere (kmod/window.c).
 *
 * A freed block must not be handed out before the transaction that freed it
 * has committed: after a crash the old owner may own it again. The bit in the
 * bitmap is cleared at once, inside the handle; it is pending: a second, in-memory
 * bitmap of the group (avoid) keeps the allocator away until the commit callback clears
 * it. The callback runs in the commit thread, which a holder of group->lock
 * may be waiting for, so it takes only pending_lock.
 *
 * Room is claimed from the counter free_blocks before any group is searched.
 * A reserve is left to what must not fail any more: completion of I/O, eviction,
 * freeing. Beside it, blocks are promised one by one: before a write is accepted,
 * what the extent tree may need to mark its blocks as written (extent.c) is
 * taken off free_blocks, though no block has been chosen yet. Beyond the reserve, the
 * superblock's s_reserve_blocks keeps room for who has CAP_SYS_RESOURCE: full for
 * users is not full for the administrator who has to clean up.
 *
 * Trimming (discard.c) claims free blocks, too, and marks them as pending while the
 * device discards them. With the option discard, blocks whose transaction has
 * committed stay pending until the device has been told.
 */
#include "kmod/balloc.h"
#include "kmod/trace.h"

#define VEXFS_RESERVE_SHARE	128	/* one block of so many is reserved, within ... */
#define VEXFS_RESERVE_MIN	16
#define VEXFS_RESERVE_MAX	4096
#define VEXFS_ROOM_TRIES	3	/* commits made for one operation */
#define VEXFS_ROOM_PIECES	1000	/* and its attempts, where blocks come back piece by piece */
#define VEXFS_COMMIT_BATCH	64	/* pending entries per hold of pending_lock */
#define VEXFS_GDT_AHEAD	64	/* descriptor blocks read ahead at mount */
#define VEXFS_FIT_ALL	2048	/* blocks: a run of so many is as good as a longer one */
#define VEXFS_FIT_PART	32	/* ... and one of so many is better than the first there is */
#define VEXFS_FIT_VISITS	16	/* groups looked into for that */

/* The array may be replaced by a longer copy (kmod/grow.c); what it points to stays. */
static struct vexfs_gset *vexfs_gset(struct vexfs_sb_info *sbi, u32 group)
{
	return READ_ONCE(sbi->gset)[group / VEXFS_GD_PER_BLOCK];
}

struct vexfs_group *vexfs_gi(struct vexfs_sb_info *sbi, u32 group)
{
	return &vexfs_gset(sbi, group)->group[group % VEXFS_GD_PER_BLOCK];
}

struct vexfs_group_desc *vexfs_gd(struct vexfs_sb_info *sbi, u32 group, struct buffer_head **bh)
{
	struct buffer_head *b = vexfs_gset(sbi, group)->bh;

	if (bh)
		*bh = b;
	return (void *)(b->b_data + VEXFS_MDHDR_SIZE +
			(group % VEXFS_GD_PER_BLOCK) * sizeof(struct vexfs_group_desc));
}

/* ---- mount -------------------------------------------------------------- */

void vexfs_balloc_init(struct vexfs_sb_info *sbi)
{
	INIT_LIST_HEAD(&sbi->pending);
	INIT_LIST_HEAD(&sbi->discards);
	INIT_LIST_HEAD(&sbi->group_mem);
	spin_lock_init(&sbi->pending_lock);
	spin_lock_init(&sbi->room_lock);
	init_waitqueue_head(&sbi->room_wait);
	atomic64_set(&sbi->promised, 0);
}

struct vexfs_gset *vexfs_gset_new(struct buffer_head *bh)
{
	struct vexfs_gset *s = kvzalloc(sizeof(*s), GFP_KERNEL);
	u32 i;

	if (!s)
		return NULL;
	s->bh = bh;
	for (i = 0; i < VEXFS_GD_PER_BLOCK; i++)
		mutex_init(&s->group[i].lock);
	return s;
}

void vexfs_gset_free(struct vexfs_gset *s)
{
	if (!s)
		return;
	brelse(s->bh);
	kvfree(s);
}

/* They are far from each other: some are asked for at a time. */
static void vexfs_gdt_ahead(struct super_block *sb, u32 first)
{
	const struct vexfs_geo *geo = &VEXFS_SB(sb)->geo;
	u32 i;

	for (i = first; i < min(first + VEXFS_GDT_AHEAD, geo->gdt_blocks); i++)
		sb_breadahead(sb, vexfs_gdt_block(geo, i));
}

static int vexfs_gset_read(struct super_block *sb, u32 i)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct buffer_head *bh = vexfs_md_read(sb, vexfs_gdt_block(&sbi->geo, i), VEXFS_MAGIC_GDT, 0, i);

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	sbi->gset[i] = vexfs_gset_new(bh);
	if (!sbi->gset[i]) {
		brelse(bh);
		return -ENOMEM;
	}
	vexfs_places_set(&sbi->geo, i, bh->b_data);
	return 0;
}

static int vexfs_gdt_read(struct super_block *sb)
{
	u32 i;
	int err = 0;

	for (i = 0; i < VEXFS_SB(sb)->geo.gdt_blocks && !err; i++) {
		if (!(i % VEXFS_GDT_AHEAD))
			vexfs_gdt_ahead(sb, i);
		err = vexfs_gset_read(sb, i);
		cond_resched();
	}
	return err;
}

static int vexfs_places_check(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	const char *what = vexfs_places_verify(&sbi->geo);

	return what ? vexfs_corrupt(sb, 0, sbi->gset[0]->bh->b_blocknr, what) : 0;
}

void vexfs_reserve_set(struct vexfs_sb_info *sbi)
{
	u64 root = div_u64(sbi->geo.blocks * le32_to_cpu(sbi->es->s_reserve_blocks), 1000);

	WRITE_ONCE(sbi->reserve_blocks, clamp_t(u64, sbi->geo.blocks / VEXFS_RESERVE_SHARE, VEXFS_RESERVE_MIN,
						VEXFS_RESERVE_MAX));
	WRITE_ONCE(sbi->root_blocks, root);
}

static int vexfs_groups_count(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 blocks = 0, inodes = 0;
	u32 g;

	for (g = 0; g < sbi->geo.groups; g++) {
		struct vexfs_group_desc *gd = vexfs_gd(sbi, g, NULL);
		const char *what = vexfs_gd_verify(gd, &sbi->geo, g);

		if (what)
			return vexfs_corrupt(sb, 0, vexfs_gset(sbi, g)->bh->b_blocknr, what);
		vexfs_gi(sbi, g)->free_blocks = le32_to_cpu(gd->gd_free_blocks);
		vexfs_gi(sbi, g)->free_inodes = le32_to_cpu(gd->gd_free_inodes);
		blocks += vexfs_gi(sbi, g)->free_blocks;
		inodes += vexfs_gi(sbi, g)->free_inodes;
	}
	percpu_counter_set(&sbi->free_blocks, blocks);
	percpu_counter_set(&sbi->free_inodes, inodes);
	vexfs_reserve_set(sbi);
	return 0;
}

int vexfs_groups_load(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	sbi->gset = kvcalloc(sbi->geo.gdt_blocks, sizeof(*sbi->gset), GFP_KERNEL);
	sbi->geo.place = kvcalloc(sbi->geo.groups, sizeof(*sbi->geo.place), GFP_KERNEL);
	if (!sbi->gset || !sbi->geo.place)
		return -ENOMEM;
	err = vexfs_gdt_read(sb);
	if (!err)
		err = vexfs_places_check(sb);
	if (!err)
		err = vexfs_groups_count(sb);
	return err;
}

void vexfs_groups_unload(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_pending *p, *n;
	u32 i;

	/* Nothing commits any more; an aborted journal leaves entries behind. */
	list_splice(&sbi->discards, &sbi->pending);
	list_for_each_entry_safe(p, n, &sbi->pending, list)
		kfree(p);
	for (i = 0; sbi->gset && i < sbi->geo.gdt_blocks; i++)
		vexfs_gset_free(sbi->gset[i]);
	vexfs_group_mem_unload(sbi);
	kvfree(sbi->geo.place);
	kvfree(sbi->gset);
	vexfs_grow_unload(sbi);
}

/* ---- pending frees ----------------------------------------------------------- */

/*
 * group->lock held. Marks the blocks untouchable until @tid has committed. The tree no longer has them: an
 * error here would leak them, so the small allocations may not fail.
 */
static void vexfs_pending_add(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len, tid_t tid)
{
	struct vexfs_pending *p, *last;

	vexfs_group_mem(sbi, group);
	p = kmalloc(sizeof(*p), GFP_NOFS | __GFP_NOFAIL);
	*p = (struct vexfs_pending){ .tid = tid, .group = group, .start = start, .len = len };
	spin_lock(&sbi->pending_lock);
	vexfs_avoid_set(sbi, group, start, len);
	/* Runs freed in order, as a truncate does, make one entry. */
	last = list_empty(&sbi->pending) ? NULL :
		list_last_entry(&sbi->pending, struct vexfs_pending, list);
	if (last && last->tid == tid && last->group == group && start + len == last->start) {
		last->start = start;
		last->len += len;
	} else {
		list_add_tail(&p->list, &sbi->pending);
		p = NULL;
	}
	spin_unlock(&sbi->pending_lock);
	kfree(p);
	percpu_counter_add(&sbi->pending_blocks, len);
}

/* The oldest entry, if transaction @tid freed it or one before. pending_lock held. */
static struct vexfs_pending *vexfs_pending_first(struct vexfs_sb_info *sbi, tid_t tid)
{
	struct vexfs_pending *p = list_first_entry_or_null(&sbi->pending, struct vexfs_pending, list);

	return p && tid_geq(tid, p->tid) ? p : NULL;
}

void vexfs_pending_free(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len)
{
	vexfs_avoid_clear(sbi, group, start, len);
	percpu_counter_add(&sbi->pending_blocks, -(s64)len);
	percpu_counter_add(&sbi->free_blocks, len);
	sbi->room_seq++;
}

/* A batch of entries; whoever sees them gone sees the counters and room_seq moved.
 * Returns blocks; @done: the entries. Takes pending_lock. */
static u64 vexfs_pending_batch(struct vexfs_sb_info *sbi, tid_t tid, struct list_head *done)
{
	struct vexfs_pending *p;
	u64 blocks = 0;
	int n;

	spin_lock(&sbi->pending_lock);
	for (n = 0; n < VEXFS_COMMIT_BATCH && (p = vexfs_pending_first(sbi, tid)); n++) {
		vexfs_pending_free(sbi, p->group, p->start, p->len);
		list_move(&p->list, done);
		blocks += p->len;
	}
	spin_unlock(&sbi->pending_lock);
	return blocks;
}

/* The same where the device is told first. */
static u64 vexfs_pending_hand_on(struct vexfs_sb_info *sbi, tid_t tid)
{
	struct vexfs_pending *p;
	u64 blocks = 0;
	int n;

	spin_lock(&sbi->pending_lock);
	for (n = 0; n < VEXFS_COMMIT_BATCH && (p = vexfs_pending_first(sbi, tid)); n++) {
		list_move_tail(&p->list, &sbi->discards);
		blocks += p->len;
	}
	spin_unlock(&sbi->pending_lock);
	return blocks;
}

/**
 * vexfs_balloc_commit - blocks freed by a committed transaction may be used again
 * @sbi: the filesystem
 * @tid: the transaction; earlier ones have committed before
 *
 * Called by the commit thread; see the head of the file about locks. Entries are
 * in the order of their transactions, since one takes no handles before the one
 * before it has no more.
 */
void vexfs_balloc_commit(struct vexfs_sb_info *sbi, tid_t tid)
{
	bool discard = test_bit(VEXFS_SBF_DISCARD, &sbi->flags);
	struct vexfs_pending *p, *n;
	u64 blocks = 0, more;

	/* jbd2 calls back for a transaction that was given up, too: after a replay its blocks
	 * have their old owners. */
	if (is_journal_aborted(sbi->journal)) {
		wake_up_all(&sbi->room_wait);
		return;
	}
	do {
		LIST_HEAD(done);

		more = discard ? vexfs_pending_hand_on(sbi, tid) : vexfs_pending_batch(sbi, tid, &done);
		list_for_each_entry_safe(p, n, &done, list)
			kfree(p);
		blocks += more;
		cond_resched();
	} while (more);
	if (discard && blocks)
		queue_work(sbi->discard_wq, &sbi->discard_work);
	wake_up_all(&sbi->room_wait);
	trace_vexfs_commit(sbi->sb, tid, blocks);
}

/* ---- room -------------------------------------------------------------------- */

/*
 * Take up to @want blocks, at least @least, off free_blocks, and leave @keep.
 * Returns how many, 0 if there are fewer than @least. Far from the end nobody
 * waits; near it (where the counter's parts might deceive, and two who look
 * first and take then) they take turns under room_lock.
 */
u32 vexfs_claim(struct vexfs_sb_info *sbi, u32 want, u32 least, s64 keep)
{
	s64 far = keep + 2 * (s64)want * num_online_cpus(), room;

	if (percpu_counter_compare(&sbi->free_blocks, far) > 0) {
		percpu_counter_add(&sbi->free_blocks, -(s64)want);
		return want;
	}
	spin_lock(&sbi->room_lock);
	room = percpu_counter_sum(&sbi->free_blocks) - keep;
	want = room < (s64)least ? 0 : min_t(s64, want, room);
	percpu_counter_add(&sbi->free_blocks, -(s64)want);
	spin_unlock(&sbi->room_lock);
	return want;
}

/* What the caller has to leave. By his subjective credentials: those of the client, in knfsd. */
static s64 vexfs_claim_keep(struct vexfs_sb_info *sbi)
{
	if (!sbi->root_blocks || ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE))
		return sbi->reserve_blocks;
	return sbi->reserve_blocks + sbi->root_blocks;
}

int vexfs_promise_take(struct vexfs_sb_info *sbi, u32 n)
{
	if (!vexfs_claim(sbi, n, n, vexfs_claim_keep(sbi)))
		return -ENOSPC;
	atomic64_add(n, &sbi->promised);
	return 0;
}

void vexfs_promise_give(struct vexfs_sb_info *sbi, u32 n)
{
	atomic64_sub(n, &sbi->promised);
	percpu_counter_add(&sbi->free_blocks, n);
}

unsigned int vexfs_room_seq(struct vexfs_sb_info *sbi)
{
	return READ_ONCE(sbi->room_seq);
}

/* Nothing that @tid or an earlier transaction freed is pending any more. */
static bool vexfs_room_settled(struct vexfs_sb_info *sbi, tid_t tid)
{
	bool settled;

	spin_lock(&sbi->pending_lock);
	settled = !vexfs_pending_first(sbi, tid);
	spin_unlock(&sbi->pending_lock);
	return settled;
}

/* Is the device being told of blocks? They come back without a commit. pending_lock held. */
static bool vexfs_room_comes(struct vexfs_sb_info *sbi)
{
	return sbi->trimming || !list_empty(&sbi->discards);
}

/* Some of them have come, or none will. */
static bool vexfs_room_here(struct vexfs_sb_info *sbi, unsigned int seq)
{
	bool here;

	spin_lock(&sbi->pending_lock);
	here = sbi->room_seq != seq || !vexfs_room_comes(sbi);
	spin_unlock(&sbi->pending_lock);
	return here;
}

/* jbd2 wakes those who wait for a commit before it calls vexfs_balloc_commit(). */
static bool vexfs_room_commit(struct super_block *sb, tid_t tid)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	ktime_t start = vexfs_trace_start(vexfs_force_commit);
	int err = jbd2_complete_transaction(sbi->journal, tid);

	if (!err)
		wait_event(sbi->room_wait, vexfs_room_settled(sbi, tid) ||
			   is_journal_aborted(sbi->journal));
	trace_vexfs_force_commit(sb, vexfs_trace_since(start), err);
	return !err && !is_journal_aborted(sbi->journal);
}

/**
 * vexfs_room_retry - after -ENOSPC: is another attempt worth it?
 * @sb:    the filesystem
 * @seq:   vexfs_room_seq() from before the attempt; is moved
 * @tries: attempts so far
 *
 * Yes if a commit has freed blocks since the attempt began, or if one can: then
 * it is made, and waited for; also if the device gives some back that it is being
 * told of, which it does piece by piece. Not in a handle; may be called with
 * i_rwsem and, as a commit locks no folio, with a folio locked.
 */
bool vexfs_room_retry(struct super_block *sb, unsigned int *seq, int *tries)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_pending *last;
	unsigned int was = *seq;
	bool comes, commit;
	tid_t tid = 0;

	spin_lock(&sbi->pending_lock);
	last = list_empty(&sbi->pending) ? NULL :
	       list_last_entry(&sbi->pending, struct vexfs_pending, list);
	if (last)
		tid = last->tid;
	comes = vexfs_room_comes(sbi);
	*seq = sbi->room_seq;
	spin_unlock(&sbi->pending_lock);
	commit = last && *tries < VEXFS_ROOM_TRIES;
	if (fatal_signal_pending(current) || (*tries)++ >= VEXFS_ROOM_PIECES)
		return false;
	if (*seq != was)
		return true;
	if (commit && !vexfs_room_commit(sb, tid))
		return false;
	if (comes && wait_event_killable(sbi->room_wait, vexfs_room_here(sbi, was)))
		return false;
	*seq = vexfs_room_seq(sbi);
	return commit || *seq != was;
}

/* ---- allocation ---------------------------------------------------------------- */

struct buffer_head *vexfs_bbmap_read(struct super_block *sb, u32 group)
{
	return vexfs_md_read(sb, vexfs_group_bbmap(&VEXFS_SB(sb)->geo, group), VEXFS_MAGIC_BBMAP, 0,
			     group);
}

u32 vexfs_next_free(const struct vexfs_group *g, const void *map, u32 from, u32 nbits)
{
	for (;;) {
		from = vexfs_bit_next_clear(map, from, nbits);
		if (from >= nbits || !g->mem || !test_bit(from, g->mem->avoid))
			return from;
		from = find_next_zero_bit(g->mem->avoid, nbits, from);
	}
}

u32 vexfs_run_length(const struct vexfs_group *g, const void *map, u32 start, u32 nbits)
{
	u32 end = vexfs_bit_next_set(map, start, nbits);

	if (g->mem)
		end = min_t(u32, end, find_next_bit(g->mem->avoid, end, start));
	return end - start;
}

/* Change the bitmap and the counters. group->lock held, both buffers writable. */
static void vexfs_group_account(struct vexfs_sb_info *sbi, u32 group, s32 delta)
{
	struct vexfs_group_desc *gd = vexfs_gd(sbi, group, NULL);

	vexfs_gi(sbi, group)->free_blocks += delta;
	gd->gd_free_blocks = cpu_to_le32(vexfs_gi(sbi, group)->free_blocks);
}

/* Journal access to a group's bitmap and descriptor. */
static int vexfs_group_modify(handle_t *handle, struct super_block *sb, struct buffer_head *bmap,
			      struct buffer_head *gdt)
{
	int err = vexfs_md_modify(handle, sb, bmap);

	return err ? err : vexfs_md_modify(handle, sb, gdt);
}

static int vexfs_group_dirty(handle_t *handle, struct super_block *sb, struct buffer_head *bmap,
			     struct buffer_head *gdt)
{
	int err = vexfs_md_dirty(handle, sb, bmap);

	return err ? err : vexfs_md_dirty(handle, sb, gdt);
}

/**
 * struct vexfs_alloc - what is looked for
 * @handle: of which
 * @sb:     the filesystem
 * @win:    a window, as vexfs_alloc_data() says; NULL
 * @goal:   block number
 * @next:   take what is right there, if anything is
 * @len:    blocks; in the end, what was got
 * @spare:  more that a run is to have, for @win
 * @least:  how short a run may be
 * @steal:  nothing else is left: what windows hold
 * @visits: groups to look into
 * @blkno:  what was got
 */
struct vexfs_alloc {
	handle_t		*handle;
	struct super_block	*sb;
	struct vexfs_window	*win;
	u64			goal;
	bool			next, steal;
	u32			len, spare, least, visits;
	u64			blkno;
};

/* Take blocks [@start, @start + @len) of a group. group->lock held. */
static int vexfs_alloc_take(const struct vexfs_alloc *a, u32 group, struct buffer_head *bh, u32 start, u32 len)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(a->sb);
	void *map = bh->b_data + VEXFS_MDHDR_SIZE;
	struct buffer_head *gdt;
	int err = 0;

	vexfs_gd(sbi, group, &gdt);
	if (vexfs_bit_next_set(map, start, start + len) < start + len)
		err = vexfs_corrupt(a->sb, 0, bh->b_blocknr, "bitmap has changed by itself");
	if (!err && !vexfs_data_range_valid(&sbi->geo, vexfs_group_start(&sbi->geo, group) + start, len))
		err = vexfs_corrupt(a->sb, 0, bh->b_blocknr, "bitmap calls metadata free");
	if (!err && len > vexfs_gi(sbi, group)->free_blocks)
		err = vexfs_corrupt(a->sb, 0, gdt->b_blocknr, "free block count below what is free");
	if (!err)
		err = vexfs_group_modify(a->handle, a->sb, bh, gdt);
	if (err)
		return err;
	vexfs_bits_set(map, start, len);
	vexfs_index_used(sbi, group, start, len);
	vexfs_group_account(sbi, group, -(s32)len);
	return vexfs_group_dirty(a->handle, a->sb, bh, gdt);
}

/* A run that may have spare blocks after it; 0: the group has none. group->lock held. */
static u32 vexfs_alloc_find(const struct vexfs_alloc *a, u32 group, const void *map, u32 from, bool there,
			    u32 *start)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(a->sb);
	u32 nbits = vexfs_group_blocks(&sbi->geo, group), want = min(a->len + a->spare, nbits), got = 0;

	if (there && from < nbits)
		got = vexfs_run_length(vexfs_gi(sbi, group), map, from, min(nbits, from + want));
	if (got) {
		*start = from;
		return got;
	}
	got = vexfs_index_find(sbi, group, map, from, want, a->least, start);
	if (!got && a->steal) {
		vexfs_windows_end(sbi, group);
		got = vexfs_index_find(sbi, group, map, from, want, 1, start);
	}
	return got;
}

/* One group. 0, -ENOSPC (nothing here), or an error. group->lock held. */
static int vexfs_alloc_locked(struct vexfs_alloc *a, u32 group, u32 from, bool there)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(a->sb);
	struct buffer_head *bh = vexfs_bbmap_read(a->sb, group);
	u32 start, run, len;
	int err;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	run = vexfs_alloc_find(a, group, bh->b_data + VEXFS_MDHDR_SIZE, from, there, &start);
	len = min(run, a->len);
	err = len ? vexfs_alloc_take(a, group, bh, start, len) : -ENOSPC;
	brelse(bh);
	if (err)
		return err;
	if (a->win && run > len)
		vexfs_window_set(sbi, a->win, group, start + len, run - len);
	a->blkno = vexfs_group_start(&sbi->geo, group) + start;
	a->len = len;
	return 0;
}

/* May it have what is looked for? @there: of any length, at the goal. A guess that costs nothing: no lock. */
static bool vexfs_alloc_worth(const struct vexfs_alloc *a, const struct vexfs_group *g, bool there)
{
	u32 too_long = READ_ONCE(g->too_long);

	if (there || a->steal)
		return READ_ONCE(g->free_blocks);
	return READ_ONCE(g->free_blocks) >= a->least && (!too_long || a->least < too_long);
}

/* From the goal's group on, all groups, but few that are not known. Takes their locks. */
static int vexfs_alloc_groups(struct vexfs_alloc *a)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(a->sb);
	u32 groups = vexfs_geo_groups(&sbi->geo), first = vexfs_block_group(a->goal), i, visits = 0;
	int err = -ENOSPC;

	for (i = 0; i < groups && err == -ENOSPC && visits < a->visits; i++) {
		u32 group = (first + i) % groups;
		struct vexfs_group *g = vexfs_gi(sbi, group);

		if (!vexfs_alloc_worth(a, g, a->next && !i))
			continue;
		mutex_lock(&g->lock);
		err = vexfs_alloc_locked(a, group, i ? 0 : vexfs_block_index(a->goal), a->next && !i);
		mutex_unlock(&g->lock);
		visits++;
	}
	return err;
}

/*
 * Up to a->len blocks, which have been claimed: first where all of it fits, then where a good part does, then
 * anywhere. A group that is not known costs a read of its bitmap, so few of them are looked into for a better fit.
 */
static int vexfs_alloc_search(struct vexfs_alloc *a)
{
	u32 all = min_t(u32, a->len + a->spare, VEXFS_FIT_ALL);
	int err;

	if (a->goal >= vexfs_geo_blocks(&VEXFS_SB(a->sb)->geo))
		a->goal = 0;
	a->least = all;
	a->visits = VEXFS_FIT_VISITS;
	err = vexfs_alloc_groups(a);
	if (err == -ENOSPC) {
		a->least = min(all, VEXFS_FIT_PART);
		err = vexfs_alloc_groups(a);
	}
	if (err == -ENOSPC) {
		a->least = 1;
		a->steal = true;
		a->spare = 0;
		a->visits = U32_MAX;
		err = vexfs_alloc_groups(a);
	}
	return err;
}

/* The search, and the counters: before it, what it may take is claimed. */
static int vexfs_alloc_claimed(struct vexfs_alloc *a, int (*search)(struct vexfs_alloc *a), enum vexfs_room room)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(a->sb);
	u32 want = a->len, claimed = want;
	int err = -ENOSPC;

	if (room != VEXFS_ROOM_PROMISED)
		claimed = vexfs_claim(sbi, want, 1, room == VEXFS_ROOM_NORMAL ? vexfs_claim_keep(sbi) : 0);
	a->len = claimed;
	if (claimed)
		err = search(a);
	if (room == VEXFS_ROOM_PROMISED && !err)
		atomic64_sub(a->len, &sbi->promised);
	else if (room != VEXFS_ROOM_PROMISED)
		percpu_counter_add(&sbi->free_blocks, claimed - (err ? 0 : a->len));
	trace_vexfs_alloc_blocks(a->sb, vexfs_handle_tid(a->handle), a->goal, want, a->blkno, a->len, err);
	return err;
}

int vexfs_alloc_blocks(handle_t *handle, struct super_block *sb, u64 goal, u64 *blkno, u32 *len,
		       enum vexfs_room room)
{
	struct vexfs_alloc a = { .handle = handle, .sb = sb, .goal = goal, .len = *len };
	int err = vexfs_alloc_claimed(&a, vexfs_alloc_search, room);

	*blkno = a.blkno;
	*len = a.len;
	return err;
}

/* ---- content of files ------------------------------------------------------------- */

/* From the window of the file, which begins at the goal. -ENOSPC: others have taken it. Takes the group's lock. */
static int vexfs_alloc_window(struct vexfs_alloc *a)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(a->sb);
	struct vexfs_window *w = a->win;
	struct buffer_head *bh = vexfs_bbmap_read(a->sb, w->group);
	int err = -ENOSPC;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	mutex_lock(&vexfs_gi(sbi, w->group)->lock);
	a->len = min(a->len, w->len);
	if (a->len)
		err = vexfs_alloc_take(a, w->group, bh, w->start, a->len);
	if (!err) {
		a->blkno = vexfs_group_start(&sbi->geo, w->group) + w->start;
		vexfs_window_shift(sbi, w, a->len);
	}
	mutex_unlock(&vexfs_gi(sbi, w->group)->lock);
	brelse(bh);
	return err;
}

static bool vexfs_window_at(struct vexfs_sb_info *sbi, const struct vexfs_window *w, u64 goal)
{
	return READ_ONCE(w->len) && vexfs_group_start(&sbi->geo, w->group) + READ_ONCE(w->start) == goal;
}

int vexfs_alloc_data(handle_t *handle, struct inode *inode, u64 goal, bool next, bool grows, u64 *blkno,
		     u32 *len, enum vexfs_room room)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_window *w = &VEXFS_I(inode)->window;
	struct vexfs_alloc a = { .handle = handle, .sb = inode->i_sb, .goal = goal, .next = next, .len = *len };
	int err = -ENOSPC;

	if (next && vexfs_window_at(sbi, w, goal)) {
		a.win = w;
		err = vexfs_alloc_claimed(&a, vexfs_alloc_window, room);
	}
	if (err == -ENOSPC) {
		vexfs_window_end(sbi, w);
		a.win = grows ? w : NULL;
		a.len = *len;
		a.spare = grows ? vexfs_window_size(sbi, w) : 0;
		err = vexfs_alloc_claimed(&a, vexfs_alloc_search, room);
	}
	*blkno = a.blkno;
	*len = a.len;
	return err;
}

/* ---- freeing ---------------------------------------------------------------------- */

static int vexfs_free_in_group(handle_t *handle, struct super_block *sb, u32 group, u32 start,
			       u32 len)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct buffer_head *bh, *gdt;
	void *map;
	int err;

	bh = vexfs_bbmap_read(sb, group);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	map = bh->b_data + VEXFS_MDHDR_SIZE;
	vexfs_gd(sbi, group, &gdt);
	err = vexfs_group_modify(handle, sb, bh, gdt);
	if (!err && vexfs_bit_next_clear(map, start, start + len) < start + len)
		err = vexfs_corrupt(sb, 0, vexfs_group_start(&sbi->geo, group) + start,
				    "freeing blocks that are free");
	if (!err) {
		vexfs_pending_add(sbi, group, start, len, handle->h_transaction->t_tid);
		vexfs_bits_clear(map, start, len);
		vexfs_group_account(sbi, group, len);
		err = vexfs_group_dirty(handle, sb, bh, gdt);
	}
	brelse(bh);
	return err;
}

int vexfs_free_blocks(handle_t *handle, struct super_block *sb, u64 blkno, u64 len)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err = 0;

	if (!vexfs_data_range_valid(&sbi->geo, blkno, len))
		return vexfs_corrupt(sb, 0, blkno, "freeing blocks that hold fixed metadata");
	trace_vexfs_free_blocks(sb, vexfs_handle_tid(handle), blkno, len);
	while (len && !err) {
		u32 group = vexfs_block_group(blkno);
		u32 index = vexfs_block_index(blkno);
		u32 n = min_t(u64, len, VEXFS_BLOCKS_PER_GROUP - index);

		mutex_lock(&vexfs_gi(sbi, group)->lock);
		err = vexfs_free_in_group(handle, sb, group, index, n);
		mutex_unlock(&vexfs_gi(sbi, group)->lock);
		blkno += n;
		len -= n;
	}
	return err;
}
