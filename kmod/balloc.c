// SPDX-License-Identifier: GPL-2.0
/*
 * Block allocation: one bitmap per group, first fit from a goal.
 *
 * A freed block must not be handed out before the transaction that freed it
 * has committed: after a crash the old owner may own it again. The bit in the
 * bitmap is cleared at once, inside the handle; a second, in-memory bitmap per
 * group (pending) keeps the allocator away until the commit callback clears
 * it. The callback runs in the commit thread, which a holder of group->lock
 * may be waiting for, so it takes only pending_lock.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"

#define VEXFS_SCAN_RUNS	8	/* runs looked at in a group before taking the longest */

struct vexfs_pending {
	struct list_head list;
	tid_t	tid;
	u32	group, start, len;
};

struct vexfs_group_desc *vexfs_gd(struct vexfs_sb_info *sbi, u32 group, struct buffer_head **bh)
{
	struct buffer_head *b = sbi->gdt[group / VEXFS_GD_PER_BLOCK];

	if (bh)
		*bh = b;
	return (void *)(b->b_data + VEXFS_MDHDR_SIZE +
			(group % VEXFS_GD_PER_BLOCK) * sizeof(struct vexfs_group_desc));
}

/* ---- mount -------------------------------------------------------------- */

static int vexfs_gdt_read(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 i;

	for (i = 0; i < sbi->geo.gdt_blocks; i++) {
		struct buffer_head *bh = vexfs_md_read(sb, 1 + i, VEXFS_MAGIC_GDT, 0, i);

		if (IS_ERR(bh))
			return PTR_ERR(bh);
		sbi->gdt[i] = bh;
	}
	return 0;
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
			return vexfs_corrupt(sb, 0, sbi->gdt[g / VEXFS_GD_PER_BLOCK]->b_blocknr,
					     what);
		mutex_init(&sbi->groups[g].lock);
		sbi->groups[g].free_blocks = le32_to_cpu(gd->gd_free_blocks);
		sbi->groups[g].free_inodes = le32_to_cpu(gd->gd_free_inodes);
		blocks += sbi->groups[g].free_blocks;
		inodes += sbi->groups[g].free_inodes;
	}
	percpu_counter_set(&sbi->free_blocks, blocks);
	percpu_counter_set(&sbi->free_inodes, inodes);
	return 0;
}

int vexfs_groups_load(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	sbi->gdt = kvcalloc(sbi->geo.gdt_blocks, sizeof(*sbi->gdt), GFP_KERNEL);
	sbi->groups = kvcalloc(sbi->geo.groups, sizeof(*sbi->groups), GFP_KERNEL);
	if (!sbi->gdt || !sbi->groups)
		return -ENOMEM;
	err = vexfs_gdt_read(sb);
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
	list_for_each_entry_safe(p, n, &sbi->pending, list)
		kfree(p);
	for (i = 0; sbi->gdt && i < sbi->geo.gdt_blocks; i++)
		brelse(sbi->gdt[i]);
	for (i = 0; sbi->groups && i < sbi->geo.groups; i++)
		kvfree(sbi->groups[i].pending);
	kvfree(sbi->gdt);
	kvfree(sbi->groups);
}

/* ---- pending frees ----------------------------------------------------------- */

/*
 * group->lock held. Marks the blocks untouchable until @tid has committed. The tree no longer has them: an
 * error here would leak them, so these two small allocations may not fail.
 */
static void vexfs_pending_add(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len, tid_t tid)
{
	struct vexfs_group *g = &sbi->groups[group];
	struct vexfs_pending *p, *last;

	if (!g->pending)
		g->pending = kzalloc(VEXFS_MD_SPACE, GFP_NOFS | __GFP_NOFAIL);
	p = kmalloc(sizeof(*p), GFP_NOFS | __GFP_NOFAIL);
	*p = (struct vexfs_pending){ .tid = tid, .group = group, .start = start, .len = len };
	spin_lock(&sbi->pending_lock);
	bitmap_set(g->pending, start, len);
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

/**
 * vexfs_balloc_commit - blocks freed by a committed transaction may be used again
 * @sbi: the filesystem
 * @tid: the transaction; earlier ones have committed before
 *
 * Called by the commit thread; see the head of the file about locks.
 */
void vexfs_balloc_commit(struct vexfs_sb_info *sbi, tid_t tid)
{
	struct vexfs_pending *p, *n;
	u64 blocks = 0;
	LIST_HEAD(done);

	spin_lock(&sbi->pending_lock);
	list_for_each_entry_safe(p, n, &sbi->pending, list) {
		if (!tid_geq(tid, p->tid))
			continue;
		bitmap_clear(sbi->groups[p->group].pending, p->start, p->len);
		list_move(&p->list, &done);
	}
	spin_unlock(&sbi->pending_lock);
	list_for_each_entry_safe(p, n, &done, list) {
		percpu_counter_add(&sbi->pending_blocks, -(s64)p->len);
		percpu_counter_add(&sbi->free_blocks, p->len);
		blocks += p->len;
		kfree(p);
	}
	trace_vexfs_commit(sbi->sb, tid, blocks);
}

/* ---- allocation ---------------------------------------------------------------- */

static struct buffer_head *vexfs_bbmap_read(struct super_block *sb, u32 group)
{
	return vexfs_md_read(sb, vexfs_group_bbmap(&VEXFS_SB(sb)->geo, group), VEXFS_MAGIC_BBMAP, 0,
			     group);
}

/* First block at or after @from that is neither used nor pending. */
static u32 vexfs_next_free(const struct vexfs_group *g, const void *map, u32 from, u32 nbits)
{
	for (;;) {
		from = vexfs_bit_next_clear(map, from, nbits);
		if (from >= nbits || !g->pending || !test_bit(from, g->pending))
			return from;
		from = find_next_zero_bit(g->pending, nbits, from);
	}
}

static u32 vexfs_run_length(const struct vexfs_group *g, const void *map, u32 start, u32 nbits)
{
	u32 end = vexfs_bit_next_set(map, start, nbits);

	if (g->pending)
		end = min_t(u32, end, find_next_bit(g->pending, end, start));
	return end - start;
}

/* The first run of @want blocks at or after @from, or the longest of a few. */
static u32 vexfs_find_run(const struct vexfs_group *g, const void *map, u32 from, u32 nbits,
			  u32 want, u32 *start)
{
	u32 best = 0, runs, pos = from;

	for (runs = 0; runs < VEXFS_SCAN_RUNS && best < want; runs++) {
		u32 len;

		pos = vexfs_next_free(g, map, pos, nbits);
		if (pos >= nbits)
			break;
		len = vexfs_run_length(g, map, pos, min(nbits, pos + want));
		if (len > best) {
			best = len;
			*start = pos;
		}
		pos += len;
	}
	return best;
}

/* Change the bitmap and the counters. group->lock held, both buffers writable. */
static void vexfs_group_account(struct vexfs_sb_info *sbi, u32 group, s32 delta)
{
	struct vexfs_group_desc *gd = vexfs_gd(sbi, group, NULL);

	sbi->groups[group].free_blocks += delta;
	gd->gd_free_blocks = cpu_to_le32(sbi->groups[group].free_blocks);
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

/* One group, lock held. 0, -ENOSPC (nothing here), or an error. */
static int vexfs_alloc_locked(handle_t *handle, struct super_block *sb, u32 group, u32 from,
			      u64 *blkno, u32 *len)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_group *g = &sbi->groups[group];
	struct buffer_head *bh, *gdt;
	u32 nbits = vexfs_group_blocks(&sbi->geo, group);
	u32 start = 0, got;
	void *map;
	int err;

	bh = vexfs_bbmap_read(sb, group);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	map = bh->b_data + VEXFS_MDHDR_SIZE;
	got = vexfs_find_run(g, map, from, nbits, *len, &start);
	if (got < *len && from > 0) {
		u32 start2 = 0, got2 = vexfs_find_run(g, map, 0, nbits, *len, &start2);

		if (got2 > got) {
			got = got2;
			start = start2;
		}
	}
	err = got ? 0 : -ENOSPC;
	vexfs_gd(sbi, group, &gdt);
	if (!err && !vexfs_data_range_valid(&sbi->geo, vexfs_group_start(&sbi->geo, group) + start,
					    got))
		err = vexfs_corrupt(sb, 0, bh->b_blocknr, "bitmap calls metadata free");
	if (!err && got > g->free_blocks)
		err = vexfs_corrupt(sb, 0, gdt->b_blocknr, "free block count below what is free");
	if (!err)
		err = vexfs_group_modify(handle, sb, bh, gdt);
	if (!err) {
		vexfs_bits_set(map, start, got);
		vexfs_group_account(sbi, group, -(s32)got);
		err = vexfs_group_dirty(handle, sb, bh, gdt);
		*blkno = vexfs_group_start(&sbi->geo, group) + start;
		*len = got;
	}
	brelse(bh);
	return err;
}

int vexfs_alloc_blocks(handle_t *handle, struct super_block *sb, u64 goal, u64 *blkno, u32 *len)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 first, group, i, from, want = *len;
	int err = -ENOSPC;

	if (goal >= sbi->geo.blocks)
		goal = 0;
	first = vexfs_block_group(goal);
	for (i = 0; i < sbi->geo.groups; i++) {
		group = (first + i) % sbi->geo.groups;
		from = i ? 0 : vexfs_block_index(goal);
		if (!READ_ONCE(sbi->groups[group].free_blocks))
			continue;
		mutex_lock(&sbi->groups[group].lock);
		err = vexfs_alloc_locked(handle, sb, group, from, blkno, len);
		mutex_unlock(&sbi->groups[group].lock);
		if (err != -ENOSPC)
			break;
	}
	if (!err)
		percpu_counter_add(&sbi->free_blocks, -(s64)*len);
	trace_vexfs_alloc_blocks(sb, vexfs_handle_tid(handle), goal, want, *blkno, *len, err);
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

		mutex_lock(&sbi->groups[group].lock);
		err = vexfs_free_in_group(handle, sb, group, index, n);
		mutex_unlock(&sbi->groups[group].lock);
		blkno += n;
		len -= n;
	}
	return err;
}
