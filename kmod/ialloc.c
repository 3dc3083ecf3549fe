// SPDX-License-Identifier: GPL-2.0
/*
 * Inode allocation. The lowest free number of a group is taken, so that the
 * initialised part of its inode table (gd_itable_init) grows block by block
 * and mkfs need not write the table.
 */
#include "kmod/vexfs.h"
#include <linux/iversion.h>
#include <linux/random.h>

static struct buffer_head *vexfs_ibmap_read(struct super_block *sb, u32 group)
{
	return vexfs_md_read(sb, vexfs_group_ibmap(&VEXFS_SB(sb)->geo, group), VEXFS_MAGIC_IBMAP, 0,
			     group);
}

/* Make the table block that holds inode @index of @group valid: zeros, if it
 * was never written. group->lock held, gdt writable. */
static int vexfs_itable_init(handle_t *handle, struct super_block *sb, u32 group, u32 index)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_group_desc *gd = vexfs_gd(sbi, group, NULL);
	u32 block = index / VEXFS_INODES_PER_BLOCK, init = le32_to_cpu(gd->gd_itable_init);
	struct buffer_head *bh;
	int err;

	if (block < init)
		return 0;
	if (block > init)
		return vexfs_corrupt(sb, 0, 0, "inode bitmap skips part of the inode table");
	bh = sb_getblk(sb, vexfs_group_itable(&sbi->geo, group) + block);
	if (!bh)
		return -ENOMEM;
	lock_buffer(bh);
	err = jbd2_journal_get_create_access(handle, bh);
	if (!err) {
		memset(bh->b_data, 0, VEXFS_BLOCK_SIZE);
		set_buffer_uptodate(bh);
	}
	unlock_buffer(bh);
	if (!err)
		err = vexfs_md_dirty(handle, sb, bh);
	if (!err)
		gd->gd_itable_init = cpu_to_le32(block + 1);
	brelse(bh);
	return err;
}

/* The table block of inode @index can be read: found out before anything changes, so that a bad one costs the caller
 * an error and not the journal. Left in the cache for who writes the inode. */
static int vexfs_itable_check(struct super_block *sb, u32 group, u32 index, u64 ino)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 block = index / VEXFS_INODES_PER_BLOCK;
	u64 blkno = vexfs_group_itable(&sbi->geo, group) + block;
	struct buffer_head *bh;

	if (block >= le32_to_cpu(vexfs_gd(sbi, group, NULL)->gd_itable_init))
		return 0;
	bh = vexfs_bread(sb, blkno);
	if (!bh)
		return vexfs_read_error(sb, ino, blkno, "inode read failed");
	brelse(bh);
	return 0;
}

static void vexfs_igroup_account(struct vexfs_sb_info *sbi, u32 group, int inodes, int dirs)
{
	struct vexfs_group_desc *gd = vexfs_gd(sbi, group, NULL);

	vexfs_gi(sbi, group)->free_inodes += inodes;
	gd->gd_free_inodes = cpu_to_le32(vexfs_gi(sbi, group)->free_inodes);
	le32_add_cpu(&gd->gd_used_dirs, dirs);
	percpu_counter_add(&sbi->free_inodes, inodes);
}

/* group->lock held. 0, -ENOSPC, error. */
static int vexfs_ialloc_locked(handle_t *handle, struct super_block *sb, u32 group, bool dir,
			       u64 *ino)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct buffer_head *bh, *gdt;
	u32 bit, n = sbi->geo.inodes_per_group;
	void *map;
	int err = 0;

	bh = vexfs_ibmap_read(sb, group);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	map = bh->b_data + VEXFS_MDHDR_SIZE;
	vexfs_gd(sbi, group, &gdt);
	bit = vexfs_bit_next_clear(map, vexfs_gi(sbi, group)->ino_hint, n);
	*ino = (u64)group * n + bit + 1;
	if (bit >= n)
		err = -ENOSPC;
	else if (*ino < VEXFS_FIRST_INO)
		err = vexfs_corrupt(sb, *ino, bh->b_blocknr, "bitmap calls a reserved inode free");
	else
		err = vexfs_itable_check(sb, group, bit, *ino);
	if (!err)
		err = vexfs_md_modify(handle, sb, bh);
	if (!err)
		err = vexfs_md_modify(handle, sb, gdt);
	if (!err)
		err = vexfs_itable_init(handle, sb, group, bit);
	if (!err) {
		vexfs_bits_set(map, bit, 1);
		vexfs_gi(sbi, group)->ino_hint = bit + 1;
		vexfs_igroup_account(sbi, group, -1, dir);
		err = vexfs_md_dirty(handle, sb, bh);
	}
	if (!err)
		err = vexfs_md_dirty(handle, sb, gdt);
	brelse(bh);
	return err;
}

/* ---- where a directory goes ------------------------------------------------------- */

#define VEXFS_SPREAD_LOOK	64	/* groups compared */

/* Has the group its share, @part of 4, of what is free on average? A guess: no lock. */
static bool vexfs_group_roomy(struct vexfs_sb_info *sbi, u32 group, u32 part)
{
	u64 inodes = div_u64(percpu_counter_read_positive(&sbi->free_inodes) * part, 4 * sbi->geo.groups);
	u64 blocks = div_u64(percpu_counter_read_positive(&sbi->free_blocks) * part, 4 * sbi->geo.groups);
	struct vexfs_group *g = vexfs_gi(sbi, group);

	return READ_ONCE(g->free_inodes) >= max_t(u64, inodes, 1) &&
	       READ_ONCE(g->free_blocks) >= max_t(u64, blocks, 1);
}

/* The one with most free blocks, of all. */
static u32 vexfs_group_emptiest(struct vexfs_sb_info *sbi, u32 best)
{
	u32 groups = vexfs_geo_groups(&sbi->geo), g;

	for (g = 0; g < groups; g++)
		if (READ_ONCE(vexfs_gi(sbi, g)->free_inodes) &&
		    READ_ONCE(vexfs_gi(sbi, g)->free_blocks) >
		    READ_ONCE(vexfs_gi(sbi, best)->free_blocks))
			best = g;
	return best;
}

/* A directory of the root begins a tree: among the groups that have 3/4 of what groups have on average, the one with
 * fewest directories. Where none has, the emptiest. */
static u32 vexfs_group_spread(struct vexfs_sb_info *sbi, u32 parent)
{
	u32 groups = vexfs_geo_groups(&sbi->geo), best = ~0U, fewest = ~0U, i;
	u32 first = READ_ONCE(sbi->spread) % groups;

	for (i = 0; i < min_t(u32, groups, VEXFS_SPREAD_LOOK); i++) {
		u32 g = (first + i) % groups;
		u32 dirs = le32_to_cpu(READ_ONCE(vexfs_gd(sbi, g, NULL)->gd_used_dirs));

		if (dirs < fewest && vexfs_group_roomy(sbi, g, 3)) {
			best = g;
			fewest = dirs;
		}
	}
	if (best == ~0U)
		return vexfs_group_emptiest(sbi, parent);
	WRITE_ONCE(sbi->spread, best + 1);
	return best;
}

/* Any other stays with its parent as long as there is some room, then goes to the next group that has some. */
static u32 vexfs_group_near(struct vexfs_sb_info *sbi, u32 parent)
{
	u32 groups = vexfs_geo_groups(&sbi->geo), i;

	for (i = 0; i < min_t(u32, groups, VEXFS_SPREAD_LOOK); i++)
		if (vexfs_group_roomy(sbi, (parent + i) % groups, 1))
			return (parent + i) % groups;
	return parent;
}

/* Files go to their directory's group. */
static u32 vexfs_pick_group(struct vexfs_sb_info *sbi, struct inode *dir, bool is_dir)
{
	u32 parent = vexfs_ino_group(&sbi->geo, dir->i_ino);

	if (!is_dir)
		return parent;
	return dir->i_ino == VEXFS_ROOT_INO ? vexfs_group_spread(sbi, parent) : vexfs_group_near(sbi, parent);
}

/* In group @first, or in the next that has one. */
static int vexfs_ialloc(handle_t *handle, struct super_block *sb, u32 first, bool is_dir, u64 *ino)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 groups = vexfs_geo_groups(&sbi->geo), i;
	int err = -ENOSPC;

	for (i = 0; i < groups && err == -ENOSPC; i++) {
		u32 group = (first + i) % groups;

		if (!READ_ONCE(vexfs_gi(sbi, group)->free_inodes))
			continue;
		mutex_lock(&vexfs_gi(sbi, group)->lock);
		err = vexfs_ialloc_locked(handle, sb, group, is_dir, ino);
		mutex_unlock(&vexfs_gi(sbi, group)->lock);
	}
	return err;
}

static void vexfs_init_new(struct inode *inode, u64 ino)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	inode->i_ino = ino;
	inode->i_generation = get_random_u32();
	inode_set_iversion(inode, 1);
	vexfs_touch(inode);
	vexfs_set_atime(inode, vexfs_ctime(inode));
	vi->btime = vexfs_ctime(inode);
}

static struct inode *vexfs_new(handle_t *handle, struct super_block *sb, vexfs_idmap_t *idmap,
			       struct inode *dir, u32 group, umode_t mode)
{
	struct inode *inode = new_inode(sb);
	u64 ino;
	int err;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (dir) {
		inode_init_owner(idmap, inode, dir, mode);
		vexfs_inherit(inode, dir);
	} else {
		inode->i_mode = mode;
		inode->i_uid = GLOBAL_ROOT_UID;
		inode->i_gid = GLOBAL_ROOT_GID;
		inode->i_flags |= S_NOQUOTA;
	}
	err = vexfs_quota_new(inode);
	if (err)
		goto fail;
	err = vexfs_ialloc(handle, sb, group, S_ISDIR(mode), &ino);
	if (err) {
		vexfs_quota_free(inode);
		goto fail;
	}
	vexfs_init_new(inode, ino);
	if (insert_inode_locked(inode) < 0) {
		err = vexfs_corrupt(sb, ino, 0, "bitmap calls an inode free that is in use");
		goto fail;
	}
	return inode;
fail:
	make_bad_inode(inode);
	iput(inode);
	return ERR_PTR(err);
}

struct inode *vexfs_new_inode(handle_t *handle, vexfs_idmap_t *idmap, struct inode *dir,
			      umode_t mode)
{
	u32 group = vexfs_pick_group(VEXFS_SB(dir->i_sb), dir, S_ISDIR(mode));

	return vexfs_new(handle, dir->i_sb, idmap, dir, group, mode);
}

struct inode *vexfs_new_hidden_inode(handle_t *handle, struct super_block *sb, struct inode *owner)
{
	u32 group = owner ? vexfs_ino_group(&VEXFS_SB(sb)->geo, owner->i_ino) : 0;
	struct inode *inode = vexfs_new(handle, sb, vexfs_nop_idmap, NULL, group, S_IFREG | 0600);
	int err;

	if (IS_ERR(inode))
		return inode;
	VEXFS_I(inode)->flags |= VEXFS_INODE_HIDDEN;
	set_nlink(inode, 1);
	vexfs_set_inode_ops(inode);
	err = vexfs_mark_inode_dirty(handle, inode);
	unlock_new_inode(inode);
	if (err) {
		iput(inode);
		return ERR_PTR(err);
	}
	return inode;
}

/* Clear the table slot: a free inode reads as mode 0. */
static int vexfs_clear_slot(handle_t *handle, struct super_block *sb, u64 ino)
{
	struct vexfs_geo *geo = &VEXFS_SB(sb)->geo;
	struct buffer_head *bh = vexfs_bread(sb, vexfs_ino_block(geo, ino));
	int err;

	if (!bh)
		return vexfs_read_error(sb, ino, vexfs_ino_block(geo, ino), "inode read failed");
	err = jbd2_journal_get_write_access(handle, bh);
	if (!err) {
		memset(bh->b_data + vexfs_ino_offset(geo, ino), 0, VEXFS_INODE_SIZE);
		err = vexfs_md_dirty(handle, sb, bh);
	}
	brelse(bh);
	return err;
}

/**
 * vexfs_free_inode - give the number of an evicted inode back
 * @handle: with VEXFS_NEW_INODE_CREDITS left
 * @inode:  truncated, without pages; this function calls clear_inode(), because
 *	    the number may be used again as soon as its bit is clear
 */
int vexfs_free_inode(handle_t *handle, struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u64 ino = inode->i_ino;
	u32 group = vexfs_ino_group(&sbi->geo, ino), bit = vexfs_ino_index(&sbi->geo, ino);
	bool dir = S_ISDIR(inode->i_mode);
	struct buffer_head *bh, *gdt;
	int err;

	clear_inode(inode);
	bh = vexfs_ibmap_read(sb, group);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = vexfs_clear_slot(handle, sb, ino);
	mutex_lock(&vexfs_gi(sbi, group)->lock);
	vexfs_gd(sbi, group, &gdt);
	if (!err)
		err = vexfs_md_modify(handle, sb, bh);
	if (!err)
		err = vexfs_md_modify(handle, sb, gdt);
	if (!err && !vexfs_bit_test(bh->b_data + VEXFS_MDHDR_SIZE, bit))
		err = vexfs_corrupt(sb, ino, bh->b_blocknr, "freeing an inode that is free");
	if (!err) {
		vexfs_bits_clear(bh->b_data + VEXFS_MDHDR_SIZE, bit, 1);
		vexfs_gi(sbi, group)->ino_hint = min(vexfs_gi(sbi, group)->ino_hint, bit);
		vexfs_igroup_account(sbi, group, 1, -dir);
		err = vexfs_md_dirty(handle, sb, bh);
	}
	if (!err)
		err = vexfs_md_dirty(handle, sb, gdt);
	mutex_unlock(&vexfs_gi(sbi, group)->lock);
	/* Not under the lock: the quota files have blocks in groups, too. */
	if (!err)
		vexfs_quota_free(inode);
	brelse(bh);
	return err;
}
