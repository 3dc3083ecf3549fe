// SPDX-License-Identifier: GPL-2.0
/*
 * Values of attributes that are too large for the inode and its block: each is in a hidden inode, in
 * blocks that are metadata, journaled and sealed like all others. So a value is set in one
 * transaction, and a crash finds the old one or the new one.
 *
 * The hidden inode belongs to one attribute of one inode, whose xattr_sem guards it: its content never
 * changes, another value is another inode. It is freed as a file is, by its last iput after it has lost
 * its link, but its blocks are revoked first.
 */
#include "kmod/vexfs.h"
#include "kmod/xattr.h"

/*
 * What the disk says, before an inode is looked up: iget would wait for one that is being freed, and a
 * damaged attribute may lead to any inode, even back to one that waits for us.
 */
static int vexfs_value_check(struct inode *owner, u64 ino, u32 len)
{
	struct super_block *sb = owner->i_sb;
	struct vexfs_geo *geo = &VEXFS_SB(sb)->geo;
	const char *what = "value of an attribute in an impossible inode";
	struct vexfs_inode *di;
	struct buffer_head *bh;

	if (!vexfs_ino_valid(geo, ino) || ino < VEXFS_FIRST_INO)
		return vexfs_corrupt(sb, owner->i_ino, 0, what);
	bh = vexfs_itable_read(sb, ino, &di);
	if (IS_ERR(bh))
		return PTR_ERR(bh) == -ESTALE ? vexfs_corrupt(sb, owner->i_ino, 0, what) : PTR_ERR(bh);
	what = vexfs_inode_verify(di, geo, ino);
	if (!what && vexfs_xattr_inode_verify(di, owner->i_ino, len))
		what = "value of an attribute in an inode that is not its own";
	brelse(bh);
	return what ? vexfs_corrupt(sb, owner->i_ino, 0, what) : 0;
}

/**
 * vexfs_value_get - the hidden inode of a value
 * @owner: xattr_sem held, or eviction; not in a handle
 * @ino:   its number
 * @len:   length of the value
 *
 * Return: the inode, or ERR_PTR: -EUCLEAN, -EIO, -ENOMEM.
 */
struct inode *vexfs_value_get(struct inode *owner, u64 ino, u32 len)
{
	int err = vexfs_value_check(owner, ino, len);

	return err ? ERR_PTR(err) : vexfs_iget(owner->i_sb, ino, VEXFS_IGET_HIDDEN);
}

/* Block @index of the value. */
static int vexfs_value_piece(struct inode *inode, u32 index, u32 len, void *buf)
{
	struct super_block *sb = inode->i_sb;
	struct vexfs_extent e;
	struct buffer_head *bh;
	const char *what;
	int err = vexfs_map(inode, index, &e);

	if (err)
		return err;
	if (!e.pblk || (e.flags & VEXFS_EXT_UNWRITTEN))
		return vexfs_corrupt(sb, inode->i_ino, 0, "value of an attribute has a hole");
	bh = vexfs_md_read(sb, e.pblk + (index - e.lblk), VEXFS_MAGIC_VALUE, 0, inode->i_ino);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	what = vexfs_xattr_value_verify(bh->b_data, index, len);
	if (what)
		err = vexfs_corrupt(sb, inode->i_ino, bh->b_blocknr, what);
	else
		memcpy(buf, bh->b_data + VEXFS_MDHDR_SIZE, vexfs_xattr_value_bytes(index, len));
	brelse(bh);
	return err;
}

/**
 * vexfs_value_read - read a large value
 * @owner: xattr_sem held
 * @e:	   the attribute
 * @buf:   e->value_len bytes
 */
int vexfs_value_read(struct inode *owner, const struct vexfs_xattr_ent *e, void *buf)
{
	struct inode *inode = vexfs_value_get(owner, e->ino, e->value_len);
	u32 i, n = vexfs_xattr_value_blocks(e->value_len);
	int err = 0;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	for (i = 0; i < n && !err; i++)
		err = vexfs_value_piece(inode, i, e->value_len, buf + i * VEXFS_MD_SPACE);
	iput(inode);
	return err;
}

/* ---- making one --------------------------------------------------------------- */

/* Its blocks, an allocation for each (but not more than there are groups: a small filesystem has a small journal), its
 * tree, its inode. */
int vexfs_value_credits(struct super_block *sb, u32 len)
{
	u32 n = vexfs_xattr_value_blocks(len);

	return VEXFS_NEW_INODE_CREDITS + n + VEXFS_ALLOC_CREDITS * min(n, VEXFS_SB(sb)->geo.groups) + 16;
}

static int vexfs_value_block(handle_t *handle, struct inode *inode, u64 blkno, const void *data, u32 n)
{
	struct buffer_head *bh = vexfs_md_create(handle, inode->i_sb, blkno, VEXFS_MAGIC_VALUE,
						 inode->i_ino);
	struct vexfs_mdhdr *h;
	int err;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	h = (void *)bh->b_data;
	h->h_bytes = cpu_to_le32(n);
	memcpy(h + 1, data, n);
	err = vexfs_md_dirty(handle, inode->i_sb, bh);
	brelse(bh);
	return err;
}

static int vexfs_value_fill(handle_t *handle, struct inode *inode, const void *value, u32 len)
{
	u32 n = vexfs_xattr_value_blocks(len), i = 0, k;
	struct vexfs_extent e;
	int err = 0;

	while (i < n && !err) {
		err = vexfs_map_alloc(handle, inode, i, n - i, 0, &e);
		for (k = 0; !err && k < e.len; k++, i++)
			err = vexfs_value_block(handle, inode, e.pblk + k, value + i * VEXFS_MD_SPACE,
						vexfs_xattr_value_bytes(i, len));
	}
	return err;
}

/**
 * vexfs_value_create - store a large value
 * @handle: with vexfs_value_credits()
 * @owner:  of the attribute; xattr_sem held, or not visible yet
 * @value:  the bytes
 * @len:    how many
 * @out:    its inode; after an error NULL, or one to be put when the handle has stopped
 *
 * Return: 0, -ENOSPC, -EIO, -ENOMEM.
 */
int vexfs_value_create(handle_t *handle, struct inode *owner, const void *value, u32 len,
		       struct inode **out)
{
	struct inode *inode = vexfs_new_hidden_inode(handle, owner->i_sb, owner);
	int err;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	*out = inode;
	VEXFS_I(inode)->links[0].l_parent = cpu_to_le64(owner->i_ino);
	err = vexfs_value_fill(handle, inode, value, len);
	if (!err) {
		i_size_write(inode, (loff_t)vexfs_xattr_value_blocks(len) << VEXFS_BLOCK_SHIFT);
		VEXFS_I(inode)->disksize = i_size_read(inode);
		err = vexfs_mark_inode_dirty(handle, inode);
	}
	if (err && !vexfs_orphan_add(handle, inode))
		vexfs_value_drop(handle, inode);
	return err;
}

/* It loses its link; it is among the orphans. Its last iput, not in a handle, frees it. Credits: 1. */
int vexfs_value_drop(handle_t *handle, struct inode *inode)
{
	clear_nlink(inode);
	return vexfs_mark_inode_dirty(handle, inode);
}

/* ---- the end --------------------------------------------------------------------- */

/* No block twice: it could not be revoked twice. */
static bool vexfs_value_distinct(const u64 *pblk, u32 n)
{
	u32 i;

	for (i = 0; i < n && (!pblk[n] || pblk[i] != pblk[n]); i++)
		;
	return i == n;
}

/* Where the blocks are; 0: a hole. */
static int vexfs_value_blocks(struct inode *inode, u64 *pblk)
{
	struct vexfs_extent e;
	u32 i;
	int err;

	for (i = 0; i < VEXFS_XATTR_VALUE_BLOCKS; i++) {
		err = vexfs_map(inode, i, &e);
		if (err)
			return err;
		pblk[i] = e.pblk ? e.pblk + (i - e.lblk) : 0;
		if (!vexfs_value_distinct(pblk, i))
			return vexfs_corrupt(inode->i_sb, inode->i_ino, pblk[i],
					     "block of a value twice in it");
	}
	return 0;
}

/* A block in memory is known to be the value's, or not. */
static bool vexfs_value_owns(struct inode *inode, const struct buffer_head *bh)
{
	const struct vexfs_mdhdr *h = (const void *)bh->b_data;

	return !buffer_vexfs_verified(bh) || (le32_to_cpu(h->h_magic) == VEXFS_MAGIC_VALUE &&
					      le64_to_cpu(h->h_owner) == inode->i_ino);
}

static int vexfs_value_revoke(handle_t *handle, struct inode *inode, u64 pblk)
{
	struct buffer_head *bh = sb_find_get_block(inode->i_sb, pblk);
	int err;

	if (bh && !vexfs_value_owns(inode, bh)) {
		brelse(bh);
		return vexfs_corrupt(inode->i_sb, inode->i_ino, pblk,
				     "block of a value belongs to something else");
	}
	if (bh) {
		clear_buffer_vexfs_verified(bh);
		clear_buffer_vexfs_checked(bh);
	}
	err = jbd2_journal_revoke(handle, pblk, bh);
	if (err)
		brelse(bh);	/* else consumed */
	return err;
}

/**
 * vexfs_value_evict - before the blocks of a value are freed as a file's are
 * @inode: hidden, without a link, being evicted
 *
 * A replay must not write them over what they will become. Repeating it after a crash is harmless.
 */
int vexfs_value_evict(struct inode *inode)
{
	u64 pblk[VEXFS_XATTR_VALUE_BLOCKS];
	int err = vexfs_value_blocks(inode, pblk), err2;
	handle_t *handle;
	u32 i;

	if (err)
		return err;
	handle = vexfs_start(inode->i_sb, 1, VEXFS_XATTR_VALUE_BLOCKS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	for (i = 0; i < VEXFS_XATTR_VALUE_BLOCKS && !err; i++)
		if (pblk[i])
			err = vexfs_value_revoke(handle, inode, pblk[i]);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}
