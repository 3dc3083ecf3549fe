// SPDX-License-Identifier: GPL-2.0
/*
 * The orphan table: inodes to finish after a crash, either because they have no
 * name any more or because a truncate was under way. A fixed array of inode
 * numbers in journaled blocks; an inode remembers its slot. orphan_lock keeps
 * two handles from taking the same slot.
 */
#include "kmod/vexfs.h"
#include "kmod/trace.h"

static __le64 *vexfs_orphan_at(struct vexfs_sb_info *sbi, u32 slot, struct buffer_head **bh)
{
	*bh = sbi->orphan_bh[slot / VEXFS_ORPHANS_PER_BLOCK];
	return (__le64 *)((*bh)->b_data + VEXFS_MDHDR_SIZE) + slot % VEXFS_ORPHANS_PER_BLOCK;
}

static u32 vexfs_orphan_slots(struct vexfs_sb_info *sbi)
{
	return sbi->geo.orphan_blocks * VEXFS_ORPHANS_PER_BLOCK;
}

int vexfs_orphan_load(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 i;

	mutex_init(&sbi->orphan_lock);
	sbi->orphan_bh = kvcalloc(sbi->geo.orphan_blocks, sizeof(*sbi->orphan_bh), GFP_KERNEL);
	if (!sbi->orphan_bh)
		return -ENOMEM;
	for (i = 0; i < sbi->geo.orphan_blocks; i++) {
		struct buffer_head *bh = vexfs_md_read(sb, sbi->geo.orphan_start + i,
						       VEXFS_MAGIC_ORPHAN, 0, i);

		if (IS_ERR(bh))
			return PTR_ERR(bh);
		sbi->orphan_bh[i] = bh;
	}
	return 0;
}

void vexfs_orphan_unload(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 i;

	for (i = 0; sbi->orphan_bh && i < sbi->geo.orphan_blocks; i++)
		brelse(sbi->orphan_bh[i]);
	kvfree(sbi->orphan_bh);
}

static int vexfs_orphan_write(handle_t *handle, struct super_block *sb, u32 slot, u64 ino)
{
	struct buffer_head *bh;
	__le64 *p = vexfs_orphan_at(VEXFS_SB(sb), slot, &bh);
	int err = vexfs_md_modify(handle, sb, bh);

	if (err)
		return err;
	*p = cpu_to_le64(ino);
	return vexfs_md_dirty(handle, sb, bh);
}

/* A free slot, searched from the hint on; orphan_lock held. */
static int vexfs_orphan_find(struct vexfs_sb_info *sbi, u32 *slot)
{
	u32 n = vexfs_orphan_slots(sbi), i;
	struct buffer_head *bh;

	for (i = 0; i < n; i++) {
		*slot = (sbi->orphan_hint + i) % n;
		if (!*vexfs_orphan_at(sbi, *slot, &bh))
			return 0;
	}
	return -ENOSPC;
}

/* Idempotent: an inode stands in the table once. */
int vexfs_orphan_add(handle_t *handle, struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err = 0;
	u32 slot;

	mutex_lock(&sbi->orphan_lock);
	if (!vi->orphan_slot) {
		err = vexfs_orphan_find(sbi, &slot);
		if (!err)
			err = vexfs_orphan_write(handle, inode->i_sb, slot, inode->i_ino);
		if (!err) {
			vi->orphan_slot = slot + 1;
			sbi->orphan_hint = slot + 1;
		}
		trace_vexfs_orphan_add(inode->i_sb, inode->i_ino, err ? 0 : slot, err);
	}
	mutex_unlock(&sbi->orphan_lock);
	return err;
}

int vexfs_orphan_del(handle_t *handle, struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err = 0;

	mutex_lock(&sbi->orphan_lock);
	if (vi->orphan_slot) {
		sbi->orphan_hint = vi->orphan_slot - 1;
		err = vexfs_orphan_write(handle, inode->i_sb, vi->orphan_slot - 1, 0);
		trace_vexfs_orphan_del(inode->i_sb, inode->i_ino, vi->orphan_slot - 1, err);
		vi->orphan_slot = 0;
	}
	mutex_unlock(&sbi->orphan_lock);
	return err;
}

/* ---- recovery at mount ----------------------------------------------------- */

static void vexfs_orphan_clear(struct super_block *sb, u32 slot)
{
	handle_t *handle = vexfs_start(sb, 1, 0);

	if (IS_ERR(handle))
		return;
	vexfs_orphan_write(handle, sb, slot, 0);
	vexfs_stop(handle);
}

static void vexfs_orphan_one(struct super_block *sb, u32 slot, u64 ino)
{
	struct inode *inode = ERR_PTR(-ESTALE);

	if (vexfs_ino_valid(&VEXFS_SB(sb)->geo, ino))
		inode = vexfs_iget(sb, ino, VEXFS_IGET_MAYBE | VEXFS_IGET_HIDDEN |
				   VEXFS_IGET_ORPHAN);
	trace_vexfs_orphan_recover(sb, ino, slot, PTR_ERR_OR_ZERO(inode));
	if (IS_ERR(inode)) {
		vexfs_warn(sb, "orphan table: inode %llu cannot be finished: error %ld", ino,
			   PTR_ERR(inode));
		vexfs_orphan_clear(sb, slot);
		return;
	}
	VEXFS_I(inode)->orphan_slot = slot + 1;
	if (inode->i_nlink && S_ISREG(inode->i_mode))
		vexfs_truncate(inode);		/* takes it off the table */
	else if (inode->i_nlink)
		vexfs_orphan_clear(sb, slot);
	iput(inode);				/* no name: deletes it */
}

/* Finish what a crash interrupted. Also on a read-only mount, as the journal's
 * replay is: both are needed to see a consistent tree. */
void vexfs_orphan_recover(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 slot, n = vexfs_orphan_slots(sbi), found = 0;

	if (bdev_read_only(sb->s_bdev))
		return;
	set_bit(VEXFS_SBF_RECOVERING, &sbi->flags);
	for (slot = 0; slot < n; slot++) {
		struct buffer_head *bh;
		u64 ino = le64_to_cpu(*vexfs_orphan_at(sbi, slot, &bh));

		if (!ino)
			continue;
		found++;
		vexfs_orphan_one(sb, slot, ino);
	}
	clear_bit(VEXFS_SBF_RECOVERING, &sbi->flags);
	if (found)
		vexfs_msg(sb, KERN_INFO, "%u inodes finished after an unclean unmount", found);
}
