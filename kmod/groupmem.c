// SPDX-License-Identifier: GPL-2.0
/*
 * What a group keeps in memory about its blocks, as long as it is used.
 *
 * Two things, made when the group is first searched: which free blocks are not to be taken (see
 * struct vexfs_group_mem), and an index of the free runs (core/freemap.h), which is brought up to date,
 * piece by piece, when somebody searches. The index can be made anew from the bitmap at any time.
 * So what is kept has a bound, however large the device is: beyond VEXFS_GROUP_MEM_MAX groups
 * the one not used for longest goes, and the superblock's shrinker takes away any. Groups with
 * blocks that are not to be taken stay; those are at most as many as a transaction frees.
 */
#include "kmod/balloc.h"

#define VEXFS_GROUP_MEM_MAX	1024	/* groups; up to 5 KiB each */
#define VEXFS_GROUP_MEM_LOOK	16	/* candidates looked at to find one that can go */

static u64 vexfs_pieces(u32 start, u32 len)
{
	return GENMASK_ULL((start + len - 1) / VEXFS_PIECE_BITS, start / VEXFS_PIECE_BITS);
}

/* ---- making and dropping ---------------------------------------------------------------- */

static void vexfs_group_mem_free(struct vexfs_group_mem *m)
{
	if (m)
		kfree(m->avoid);
	kfree(m);
}

/*
 * The one not used for longest that can go; NULL. Takes pending_lock, and tries the group's lock,
 * under which its holder uses what is freed here.
 */
static struct vexfs_group_mem *vexfs_group_mem_oldest(struct vexfs_sb_info *sbi)
{
	struct vexfs_group_mem *m = NULL;
	int n;

	spin_lock(&sbi->pending_lock);
	for (n = 0; n < VEXFS_GROUP_MEM_LOOK && !list_empty(&sbi->group_mem); n++) {
		m = list_last_entry(&sbi->group_mem, struct vexfs_group_mem, lru);
		if (!m->avoided && mutex_trylock(&vexfs_gi(sbi, m->group)->lock)) {
			list_del(&m->lru);
			sbi->group_mems--;
			vexfs_gi(sbi, m->group)->mem = NULL;
			mutex_unlock(&vexfs_gi(sbi, m->group)->lock);
			break;
		}
		list_move(&m->lru, &sbi->group_mem);
		m = NULL;
	}
	spin_unlock(&sbi->pending_lock);
	return m;
}

/* group->lock held. Who frees blocks cannot go back: these two small allocations may not fail. */
static struct vexfs_group_mem *vexfs_group_mem_make(struct vexfs_sb_info *sbi, u32 group)
{
	struct vexfs_group_mem *m = kzalloc(sizeof(*m), GFP_NOFS | __GFP_NOFAIL);

	m->group = group;
	INIT_HLIST_HEAD(&m->windows);
	spin_lock(&sbi->pending_lock);
	list_add(&m->lru, &sbi->group_mem);
	sbi->group_mems++;
	vexfs_gi(sbi, group)->mem = m;
	spin_unlock(&sbi->pending_lock);
	if (READ_ONCE(sbi->group_mems) > VEXFS_GROUP_MEM_MAX)
		vexfs_group_mem_free(vexfs_group_mem_oldest(sbi));
	return m;
}

struct vexfs_group_mem *vexfs_group_mem(struct vexfs_sb_info *sbi, u32 group)
{
	struct vexfs_group_mem *m = vexfs_gi(sbi, group)->mem;

	if (!m)
		m = vexfs_group_mem_make(sbi, group);
	if (!m->avoid)
		m->avoid = kzalloc(VEXFS_MD_SPACE, GFP_NOFS | __GFP_NOFAIL);
	return m;
}

void vexfs_group_mem_unload(struct vexfs_sb_info *sbi)
{
	struct vexfs_group_mem *m, *n;

	list_for_each_entry_safe(m, n, &sbi->group_mem, lru)
		vexfs_group_mem_free(m);
}

/**
 * vexfs_group_mem_count - groups that have something in memory, for the shrinker
 * @sbi: the filesystem; no lock needed
 */
long vexfs_group_mem_count(struct vexfs_sb_info *sbi)
{
	return READ_ONCE(sbi->group_mems);
}

/**
 * vexfs_group_mem_shrink - up to @nr of them go
 * @sbi: the filesystem; takes pending_lock, waits for nothing
 * @nr:  how many
 *
 * Return: how many went.
 */
long vexfs_group_mem_shrink(struct vexfs_sb_info *sbi, long nr)
{
	struct vexfs_group_mem *m;
	long n;

	for (n = 0; n < nr && (m = vexfs_group_mem_oldest(sbi)); n++)
		vexfs_group_mem_free(m);
	return n;
}

/* ---- free blocks that are not to be taken ------------------------------------------------ */

void vexfs_avoid_set(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len)
{
	struct vexfs_group_mem *m = vexfs_gi(sbi, group)->mem;

	bitmap_set(m->avoid, start, len);
	m->avoided += len;
	m->stale |= vexfs_pieces(start, len);
}

void vexfs_avoid_clear(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len)
{
	struct vexfs_group_mem *m = vexfs_gi(sbi, group)->mem;

	bitmap_clear(m->avoid, start, len);
	m->avoided -= len;
	m->stale |= vexfs_pieces(start, len);
	vexfs_gi(sbi, group)->too_long = 0;
}

/* ---- the index ------------------------------------------------------------------------------ */

/**
 * struct vexfs_bits - what core asks about
 * @map:   used blocks, as on disk
 * @avoid: those that are not to be taken
 * @nbits: blocks of the group
 */
struct vexfs_bits {
	const void		*map;
	const unsigned long	*avoid;
	u32			nbits;
};

static void vexfs_busy(const void *ctx, u32 i, u64 *busy)
{
	const struct vexfs_bits *b = ctx;
	const __le64 *used = b->map + i * (VEXFS_PIECE_BITS / 8);
	u32 w, n = min_t(u32, b->nbits - min(b->nbits, i * VEXFS_PIECE_BITS), VEXFS_PIECE_BITS);
	u64 avoid[VEXFS_PIECE_WORDS];

	bitmap_to_arr64(avoid, b->avoid + i * BITS_TO_LONGS(VEXFS_PIECE_BITS), VEXFS_PIECE_BITS);
	for (w = 0; w < VEXFS_PIECE_WORDS; w++)
		busy[w] = le64_to_cpu(used[w]) | avoid[w];
	if (n < VEXFS_PIECE_BITS)
		busy[n / 64] |= ~0ULL << (n % 64);
	for (w = n / 64 + 1; w < VEXFS_PIECE_WORDS; w++)
		busy[w] = ~0ULL;
}

/* Which pieces have changed since the last time; all, if the group has grown. Takes pending_lock. */
static u64 vexfs_index_stale(struct vexfs_sb_info *sbi, struct vexfs_group_mem *m, u32 nbits)
{
	u64 stale;

	spin_lock(&sbi->pending_lock);
	stale = m->nbits == nbits ? m->stale : vexfs_pieces(0, VEXFS_BLOCKS_PER_GROUP);
	m->stale = 0;
	m->nbits = nbits;
	list_move(&m->lru, &sbi->group_mem);
	spin_unlock(&sbi->pending_lock);
	return stale;
}

static void vexfs_index_refresh(struct vexfs_sb_info *sbi, struct vexfs_group_mem *m,
				const struct vexfs_bits *b)
{
	u64 stale = vexfs_index_stale(sbi, m, b->nbits), busy[VEXFS_PIECE_WORDS];
	u32 i;

	for (; stale; stale &= stale - 1) {
		i = __ffs64(stale);
		vexfs_busy(b, i, busy);
		vexfs_freemap_piece(&m->fm, i, busy);
	}
}

/* There is no run of @longest + 1 blocks: who looks for one need not come again, until blocks become
 * free. Takes pending_lock. */
static void vexfs_index_note(struct vexfs_sb_info *sbi, struct vexfs_group_mem *m, u32 longest)
{
	spin_lock(&sbi->pending_lock);
	if (!m->stale)
		WRITE_ONCE(vexfs_gi(sbi, m->group)->too_long, longest + 1);
	spin_unlock(&sbi->pending_lock);
}

u32 vexfs_index_find(struct vexfs_sb_info *sbi, u32 group, const void *map, u32 from, u32 want, u32 least,
		     u32 *start)
{
	struct vexfs_group_mem *m = vexfs_group_mem(sbi, group);
	struct vexfs_bits b = { map, m->avoid, vexfs_group_blocks(&sbi->geo, group) };
	u32 longest;

	vexfs_index_refresh(sbi, m, &b);
	*start = vexfs_freemap_find(&m->fm, vexfs_busy, &b, from, want);
	if (*start >= b.nbits && from)
		*start = vexfs_freemap_find(&m->fm, vexfs_busy, &b, 0, want);
	if (*start < b.nbits)
		return want;
	longest = vexfs_freemap_longest(&m->fm);
	vexfs_index_note(sbi, m, longest);
	if (longest < least)
		return 0;
	*start = vexfs_freemap_find(&m->fm, vexfs_busy, &b, from, longest);
	if (*start >= b.nbits)
		*start = vexfs_freemap_find(&m->fm, vexfs_busy, &b, 0, longest);
	return *start < b.nbits ? longest : 0;
}

void vexfs_index_used(struct vexfs_sb_info *sbi, u32 group, u32 start, u32 len)
{
	struct vexfs_group_mem *m = vexfs_gi(sbi, group)->mem;

	if (!m)
		return;
	spin_lock(&sbi->pending_lock);
	m->stale |= vexfs_pieces(start, len);
	spin_unlock(&sbi->pending_lock);
}
