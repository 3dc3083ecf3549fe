// SPDX-License-Identifier: GPL-2.0
/*
 * Growing while mounted: the filesystem takes blocks that its device has got.
 *
 * It goes in steps (core/grow.h), each of them one transaction, after each of them the filesystem is whole. The bitmaps
 * of new groups are where nobody looks yet, so they are written to their places at once. The transaction then changes
 * what says how large the filesystem is: block 0 and the superblock's copies, the descriptor block and its copy. Its
 * commit flushes the device before it is on disk itself. So a power cut leaves the size before the step or after it.
 *
 * In memory, everything a group is found by is there before vexfs_grow_publish() moves the sizes:
 *
 *  - geo.groups and geo.blocks are stored with release semantics, last; who reads them by vexfs_geo_groups() or
 *    vexfs_geo_blocks() finds every group they count in geo.place and sbi->gset. They only ever grow.
 *  - these two arrays are replaced by longer copies when they are full. Entries of groups that exist never change,
 *    so who still reads the old array reads the truth; it is kept until the filesystem is unmounted. Arrays double,
 *    so all that is kept is less than what is in use.
 *  - struct vexfs_gset, which holds mutexes and counters, never moves.
 *
 * So readers take no lock and need no RCU, and nothing waits for a grower. One grower at a time: VEXFS_SBF_GROWING.
 */
#include "kmod/balloc.h"
#include "core/grow.h"
#include "uapi/vexfs.h"
#include <linux/blkdev.h>
#include <linux/mount.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

/**
 * struct vexfs_grow - a step under way
 * @to:	   the geometry after it; ->place is the array that will be in use
 * @first: the first new group
 * @set:   where the new groups will be
 * @fresh: @set is new, and so is its descriptor block
 * @copy:  of the descriptor block
 * @bmap:  of the last group, where it becomes longer
 * @n:	   superblocks
 * @super: block 0, and the copies that can be read; of the steps before, too
 */
struct vexfs_grow {
	struct vexfs_geo	to;
	u32			first;
	struct vexfs_gset	*set;
	bool			fresh;
	struct buffer_head	*copy, *bmap;
	u32			n;
	struct buffer_head	*super[1 + VEXFS_SB_COPIES];
};

/* ---- memory ------------------------------------------------------------------------ */

/* An array that was replaced. */
struct vexfs_kept {
	struct vexfs_kept *next;
	void *array;
};

/*
 * The array, or a copy of it with room for @want entries and as many again; the old one is kept. *@room: entries
 * there is room for. Only the grower calls this. NULL: no memory.
 */
static void *vexfs_grow_array(struct vexfs_sb_info *sbi, void *array, u32 used, u32 want, size_t size, u32 *room)
{
	struct vexfs_kept *kept;
	void *longer;

	if (want <= max(*room, used))
		return array;
	kept = kmalloc(sizeof(*kept), GFP_KERNEL);
	longer = kept ? kvcalloc(2 * (size_t)want, size, GFP_KERNEL) : NULL;
	if (!longer) {
		kfree(kept);
		return NULL;
	}
	memcpy(longer, array, used * size);
	*kept = (struct vexfs_kept){ .next = sbi->kept, .array = array };
	sbi->kept = kept;
	*room = 2 * want;
	return longer;
}

void vexfs_grow_unload(struct vexfs_sb_info *sbi)
{
	struct vexfs_kept *k, *next;

	for (k = sbi->kept; k; k = next) {
		next = k->next;
		kvfree(k->array);
		kfree(k);
	}
}

/*
 * Arrays with room for what is to come. They may be put to use at once: what readers find in them is as it was.
 */
static int vexfs_grow_arrays(struct vexfs_sb_info *sbi, struct vexfs_geo *to)
{
	struct vexfs_group_place *place;
	struct vexfs_gset **gset;

	place = vexfs_grow_array(sbi, sbi->geo.place, sbi->geo.groups, to->groups, sizeof(*place), &sbi->place_room);
	if (!place)
		return -ENOMEM;
	/* Readers follow the pointer: what it points to comes first. */
	smp_store_release(&sbi->geo.place, place);
	gset = vexfs_grow_array(sbi, sbi->gset, sbi->geo.gdt_blocks, to->gdt_blocks, sizeof(*gset), &sbi->gset_room);
	if (!gset)
		return -ENOMEM;
	/* The same. */
	smp_store_release(&sbi->gset, gset);
	to->place = place;
	return 0;
}

/* ---- buffers ------------------------------------------------------------------------- */

/* A block whose content will be written as a whole: what the device has there does not matter. NULL: no memory. */
static struct buffer_head *vexfs_grow_getblk(struct super_block *sb, u64 blkno)
{
	struct buffer_head *bh = sb_getblk(sb, blkno);

	if (!bh)
		return NULL;
	lock_buffer(bh);
	if (!buffer_uptodate(bh)) {
		memset(bh->b_data, 0, VEXFS_BLOCK_SIZE);
		set_buffer_uptodate(bh);
	}
	unlock_buffer(bh);
	return bh;
}

/* Copies of the superblock in groups that are new. */
static int vexfs_grow_copies(struct super_block *sb, struct vexfs_grow *g)
{
	u32 group;

	for (group = g->first; group < g->to.groups; group++) {
		if (!vexfs_group_has_super(group) || g->n == ARRAY_SIZE(g->super))
			continue;
		g->super[g->n] = vexfs_grow_getblk(sb, vexfs_group_start(&g->to, group));
		if (!g->super[g->n])
			return -ENOMEM;
		memset(g->super[g->n]->b_data, 0, VEXFS_BLOCK_SIZE);
		g->n++;
	}
	return 0;
}

/* ---- what nobody looks at yet ---------------------------------------------------------- */

static int vexfs_grow_claim(struct super_block *sb, struct buffer_head *bh)
{
	if (vexfs_claim_metadata(bh))
		return 0;
	return vexfs_corrupt(sb, 0, bh->b_blocknr, "block beyond the end is payload of a collection");
}

/* Write a block of metadata that is new to its place. */
static int vexfs_grow_write(struct super_block *sb, u64 blkno, u32 group,
			    void (*make)(void *block, const struct vexfs_geo *geo, u32 group),
			    const struct vexfs_geo *geo)
{
	struct buffer_head *bh = sb_getblk(sb, blkno);
	int err;

	if (!bh)
		return -ENOMEM;
	err = vexfs_grow_claim(sb, bh);
	if (err) {
		brelse(bh);
		return err;
	}
	lock_buffer(bh);
	make(bh->b_data, geo, group);
	set_buffer_uptodate(bh);
	mark_buffer_dirty(bh);
	unlock_buffer(bh);
	err = sync_dirty_buffer(bh);
	brelse(bh);
	return err;
}

static int vexfs_grow_bitmaps(struct super_block *sb, const struct vexfs_grow *g)
{
	u32 group;
	int err = 0;

	for (group = g->first; group < g->to.groups && !err; group++) {
		err = vexfs_grow_write(sb, vexfs_group_bbmap(&g->to, group), group, vexfs_grow_bbmap, &g->to);
		if (!err)
			err = vexfs_grow_write(sb, vexfs_group_ibmap(&g->to, group), group, vexfs_grow_ibmap, &g->to);
	}
	return err;
}

/* The set that the new groups belong to: there, or made, with the buffer of its descriptor block. */
static int vexfs_grow_set(struct super_block *sb, struct vexfs_grow *g)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 index = g->first / VEXFS_GD_PER_BLOCK;
	struct buffer_head *bh;

	g->fresh = index >= sbi->geo.gdt_blocks;
	if (!g->fresh) {
		g->set = sbi->gset[index];
		return 0;
	}
	bh = vexfs_grow_getblk(sb, vexfs_gdt_block(&g->to, index));
	g->set = bh ? vexfs_gset_new(bh) : NULL;
	if (!g->set) {
		brelse(bh);
		return -ENOMEM;
	}
	vexfs_mdhdr_init(bh->b_data, &g->to, VEXFS_MAGIC_GDT, bh->b_blocknr, index);
	return vexfs_grow_claim(sb, bh);
}

/* Everything that can fail before the handle. */
static int vexfs_grow_prepare(struct super_block *sb, struct vexfs_grow *g)
{
	u32 index = g->first / VEXFS_GD_PER_BLOCK;
	int err = vexfs_grow_arrays(VEXFS_SB(sb), &g->to);

	if (err)
		return err;
	vexfs_places_plan(&g->to, g->first);
	err = vexfs_grow_set(sb, g);
	if (err)
		return err;
	g->copy = vexfs_grow_getblk(sb, vexfs_gdt_copy(&g->to, index));
	if (!g->copy)
		return -ENOMEM;
	err = vexfs_grow_copies(sb, g);
	return err ? err : vexfs_grow_bitmaps(sb, g);
}

/* ---- the transaction --------------------------------------------------------------------- */

/* Write access to all that will be changed. In a handle with vexfs_grow_credits(). */
static int vexfs_grow_access(handle_t *handle, struct super_block *sb, struct vexfs_grow *g)
{
	int err = 0;
	u32 i;

	for (i = 0; i < g->n && !err; i++) {
		vexfs_bh_keep(g->super[i]);
		err = jbd2_journal_get_write_access(handle, g->super[i]);
	}
	if (!err && g->set)
		err = vexfs_md_modify(handle, sb, g->set->bh);
	if (!err && g->copy)
		err = vexfs_md_modify(handle, sb, g->copy);
	return err;
}

static int vexfs_grow_credits(const struct vexfs_grow *g)
{
	return g->n + 2;	/* the descriptor block, and its copy or the bitmap */
}

/* The new sizes into block 0 and the copies, those that are new included. Takes es_lock. */
static void vexfs_grow_supers(struct super_block *sb, struct vexfs_grow *g)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 i;

	mutex_lock(&sbi->es_lock);
	vexfs_grow_super(sbi->es, &g->to);
	sbi->es->s_checksum = cpu_to_le32(vexfs_sb_checksum(sbi->es));
	for (i = 1; i < g->n; i++) {
		struct vexfs_super_block *es = (void *)(g->super[i]->b_data + VEXFS_SB_OFFSET);

		*es = *sbi->es;
		es->s_group = cpu_to_le32(vexfs_block_group(g->super[i]->b_blocknr));
		es->s_checksum = cpu_to_le32(vexfs_sb_checksum(es));
	}
	mutex_unlock(&sbi->es_lock);
}

/* The new groups' descriptors, in the block and in its copy, and what is known of them in memory. */
static void vexfs_grow_groups(struct vexfs_grow *g)
{
	struct vexfs_group_desc *gd = (void *)(g->set->bh->b_data + VEXFS_MDHDR_SIZE);
	u32 index = g->first / VEXFS_GD_PER_BLOCK, group;

	for (group = g->first; group < g->to.groups; group++) {
		u32 i = group % VEXFS_GD_PER_BLOCK;

		vexfs_grow_desc(&gd[i], &g->to, group);
		g->set->group[i].free_blocks = le32_to_cpu(gd[i].gd_free_blocks);
		g->set->group[i].free_inodes = le32_to_cpu(gd[i].gd_free_inodes);
	}
	vexfs_mdhdr_init(g->copy->b_data, &g->to, VEXFS_MAGIC_GDT, g->copy->b_blocknr, index);
	memcpy(g->copy->b_data + VEXFS_MDHDR_SIZE, gd, VEXFS_MD_SPACE);
}

/* From here on everybody sees the new size. */
static void vexfs_grow_publish(struct vexfs_sb_info *sbi, struct vexfs_grow *g)
{
	if (g->set)
		WRITE_ONCE(sbi->gset[g->first / VEXFS_GD_PER_BLOCK], g->set);
	WRITE_ONCE(sbi->geo.gdt_blocks, g->to.gdt_blocks);
	/* Pairs with vexfs_geo_groups(): who sees the groups finds their sets and places. */
	smp_store_release(&sbi->geo.groups, g->to.groups);
	/* Pairs with vexfs_geo_blocks(): who sees the blocks finds their groups. */
	smp_store_release(&sbi->geo.blocks, g->to.blocks);
	g->fresh = false;
}

static int vexfs_grow_dirty(handle_t *handle, struct super_block *sb, struct vexfs_grow *g)
{
	int err = 0;
	u32 i;

	for (i = 0; i < g->n && !err; i++)
		err = vexfs_md_dirty(handle, sb, g->super[i]);
	if (!err && g->set)
		err = vexfs_md_dirty(handle, sb, g->set->bh);
	if (!err && g->copy)
		err = vexfs_md_dirty(handle, sb, g->copy);
	return err;
}

/* Blocks that were none before are free. Takes pending_lock. */
static void vexfs_room_new(struct vexfs_sb_info *sbi, u64 blocks)
{
	spin_lock(&sbi->pending_lock);
	percpu_counter_add(&sbi->free_blocks, blocks);
	sbi->room_seq++;
	spin_unlock(&sbi->pending_lock);
	wake_up_all(&sbi->room_wait);
}

/* New groups. After write access nothing fails but the journal. */
static int vexfs_grow_commit(handle_t *handle, struct super_block *sb, struct vexfs_grow *g)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 blocks = 0, inodes = 0;
	u32 group;
	int err = vexfs_grow_access(handle, sb, g);

	if (err)
		return err;
	vexfs_grow_groups(g);
	vexfs_grow_supers(sb, g);
	for (group = g->first; group < g->to.groups; group++) {
		blocks += g->set->group[group % VEXFS_GD_PER_BLOCK].free_blocks;
		inodes += g->set->group[group % VEXFS_GD_PER_BLOCK].free_inodes;
	}
	vexfs_grow_publish(sbi, g);
	err = vexfs_grow_dirty(handle, sb, g);
	percpu_counter_add(&sbi->free_inodes, inodes);
	vexfs_room_new(sbi, blocks);
	return err;
}

/*
 * The last group has become longer, and what follows its block @from is free. Write access to @bmap and the
 * descriptor has been taken. Takes the group's lock.
 */
static int vexfs_group_extend(handle_t *handle, struct super_block *sb, struct buffer_head *bmap, u32 group, u32 from)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 len = vexfs_group_blocks(&sbi->geo, group) - from;
	struct vexfs_group *g = vexfs_gi(sbi, group);
	struct buffer_head *gdt;
	struct vexfs_group_desc *gd = vexfs_gd(sbi, group, &gdt);
	int err;

	mutex_lock(&g->lock);
	vexfs_bits_clear(bmap->b_data + VEXFS_MDHDR_SIZE, from, len);
	vexfs_index_used(sbi, group, from, len);	/* as far as the index goes: changed */
	WRITE_ONCE(g->too_long, 0);
	g->free_blocks += len;
	gd->gd_free_blocks = cpu_to_le32(g->free_blocks);
	err = vexfs_md_dirty(handle, sb, bmap);
	if (!err)
		err = vexfs_md_dirty(handle, sb, gdt);
	mutex_unlock(&g->lock);
	vexfs_room_new(sbi, len);
	return err;
}

/* The rest of a short last group. */
static int vexfs_grow_extend(handle_t *handle, struct super_block *sb, struct vexfs_grow *g)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 group = g->to.groups - 1, from = vexfs_group_blocks(&sbi->geo, group);
	struct buffer_head *gdt;
	int err = vexfs_md_modify(handle, sb, g->bmap);

	vexfs_gd(sbi, group, &gdt);
	if (!err)
		err = vexfs_md_modify(handle, sb, gdt);
	if (!err)
		err = vexfs_grow_access(handle, sb, g);
	if (err)
		return err;
	vexfs_grow_supers(sb, g);
	vexfs_grow_publish(sbi, g);
	err = vexfs_grow_dirty(handle, sb, g);
	return err ? err : vexfs_group_extend(handle, sb, g->bmap, group, from);
}

/* In one transaction, under copies_lock. */
static int vexfs_grow_transaction(struct super_block *sb, struct vexfs_grow *g)
{
	handle_t *handle = vexfs_start(sb, vexfs_grow_credits(g), 0);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = g->bmap ? vexfs_grow_extend(handle, sb, g) : vexfs_grow_commit(handle, sb, g);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/* What can fail when only the last group becomes longer: its bitmap is read before the handle. */
static int vexfs_grow_prepare_last(struct super_block *sb, struct vexfs_grow *g)
{
	u32 group = g->first - 1;
	struct buffer_head *bh = vexfs_md_read(sb, vexfs_group_bbmap(&g->to, group), VEXFS_MAGIC_BBMAP, 0, group);

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	g->bmap = bh;
	return 0;
}

/* To g->to, whose place is not set yet. Takes copies_lock. */
static int vexfs_grow_one(struct super_block *sb, struct vexfs_grow *g)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err = g->to.groups > g->first ? vexfs_grow_prepare(sb, g) : vexfs_grow_prepare_last(sb, g);

	if (err)
		return err;
	mutex_lock(&sbi->copies_lock);
	err = vexfs_grow_transaction(sb, g);
	mutex_unlock(&sbi->copies_lock);
	return err;
}

static int vexfs_grow_once(struct super_block *sb, struct vexfs_grow *g, u64 target)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 n = g->n;
	int err;

	g->to = sbi->geo;
	g->first = sbi->geo.groups;
	vexfs_grow_geo(&g->to, vexfs_grow_step(&sbi->geo, target));
	err = vexfs_grow_one(sb, g);
	brelse(g->copy);
	brelse(g->bmap);
	if (g->fresh)
		vexfs_gset_free(g->set);
	g->copy = g->bmap = NULL;
	g->set = NULL;
	g->fresh = false;
	/* Of groups that did not come about. */
	while (err && g->n > n)
		brelse(g->super[--g->n]);
	return err;
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* Step by step; a signal ends it between two. Each step keeps a freeze and a remount waiting, no longer. */
static int vexfs_grow_steps(struct file *file, struct vexfs_grow *g, u64 target)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err = 0;

	while (sbi->geo.blocks < target && !err) {
		if (signal_pending(current))
			return -EINTR;
		err = mnt_want_write_file(file);
		if (err)
			return err;
		err = vexfs_grow_once(sb, g, target);
		if (!err)
			vexfs_reserve_set(sbi);
		mnt_drop_write_file(file);
		cond_resched();
	}
	return err;
}

static int vexfs_grow_to(struct file *file, u64 target)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_grow *g = kzalloc(sizeof(*g), GFP_KERNEL);
	u64 before = sbi->geo.blocks;
	int err, err2 = 0;
	u32 i;

	if (!g)
		return -ENOMEM;
	g->super[0] = sbi->sb_bh;
	g->n = 1 + vexfs_copies_read(sb, g->super + 1);
	err = vexfs_grow_steps(file, g, target);
	for (i = 1; i < g->n; i++)
		brelse(g->super[i]);
	kfree(g);
	/* What the caller is told is on disk. */
	if (sbi->geo.blocks > before) {
		err2 = vexfs_force_commit(sb);
		vexfs_msg(sb, KERN_INFO, "grown from %llu to %llu blocks", before, sbi->geo.blocks);
	}
	return err ? err : err2;
}

static u64 vexfs_device_blocks(struct super_block *sb)
{
	return bdev_nr_bytes(sb->s_bdev) >> VEXFS_BLOCK_SHIFT;
}

/* Is @blocks a size that it can have? The grower. */
static int vexfs_grow_check(struct super_block *sb, u64 blocks)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (sbi->es->s_state & cpu_to_le32(VEXFS_STATE_ERROR))
		return -EFSCORRUPTED;
	if (blocks > VEXFS_MAX_BLOCKS)
		return -EFBIG;
	if (blocks > vexfs_device_blocks(sb))
		return -ENOSPC;
	return blocks < sbi->geo.blocks ? -EINVAL : 0;
}

/*
 * Make the filesystem @bytes large; 0: as large as the device. No lock held. After an error it is whole, and may have
 * grown by a part: see struct vexfs_ioc_grow.
 */
static int vexfs_grow_fs(struct file *file, u64 bytes)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 blocks = bytes ? bytes >> VEXFS_BLOCK_SHIFT : min(vexfs_device_blocks(sb), (u64)VEXFS_MAX_BLOCKS);
	int err;

	if (sb_rdonly(sb))
		return -EROFS;
	if (test_and_set_bit_lock(VEXFS_SBF_GROWING, &sbi->flags))
		return -EBUSY;
	err = vexfs_grow_check(sb, blocks);
	if (!err && vexfs_grow_target(&sbi->geo, blocks) > sbi->geo.blocks)
		err = vexfs_grow_to(file, vexfs_grow_target(&sbi->geo, blocks));
	clear_bit_unlock(VEXFS_SBF_GROWING, &sbi->flags);
	return err;
}

#define VEXFS_GROW_SIZE_1	72	/* of version 1 */
static_assert(sizeof(struct vexfs_ioc_grow) == VEXFS_GROW_SIZE_1);

/* A structure of whatever version, as ours. */
static int vexfs_grow_arg(struct vexfs_ioc_grow *req, const void __user *arg)
{
	u32 size;
	int err;

	if (get_user(size, (const u32 __user *)arg))
		return -EFAULT;
	if (size < VEXFS_GROW_SIZE_1)
		return -EINVAL;
	err = size > PAGE_SIZE ? -E2BIG : copy_struct_from_user(req, sizeof(*req), arg, size);
	if (err)
		return err;
	req->size = size;
	return (req->flags & ~VEXFS_GROW_QUERY) || memchr_inv(req->reserved, 0, sizeof(req->reserved)) ? -EINVAL : 0;
}

/**
 * vexfs_ioc_grow - the ioctl VEXFS_IOC_GROW
 * @file: any file of the filesystem
 * @arg:  struct vexfs_ioc_grow
 *
 * No lock held, not in a handle. Takes write access to the mount and copies_lock, step by step.
 *
 * Return: 0, also if nothing is to be done, or an error of those in uapi/vexfs.h. The sizes are told in any case.
 */
int vexfs_ioc_grow(struct file *file, void __user *arg)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct vexfs_ioc_grow req;
	int err = vexfs_grow_arg(&req, arg);
	u32 size;

	if (err)
		return err;
	size = req.size;
	if (!(req.flags & VEXFS_GROW_QUERY))
		err = capable(CAP_SYS_ADMIN) ? vexfs_grow_fs(file, req.bytes) : -EPERM;
	req.bytes = vexfs_geo_blocks(&VEXFS_SB(sb)->geo) << VEXFS_BLOCK_SHIFT;
	req.device_bytes = bdev_nr_bytes(sb->s_bdev);
	req.max_bytes = VEXFS_MAX_BLOCKS << VEXFS_BLOCK_SHIFT;
	if (copy_to_user(arg, &req, min_t(u32, size, sizeof(req))))
		return -EFAULT;
	return err;
}
