// SPDX-License-Identifier: GPL-2.0
/* Symbolic links: up to 144 bytes inside the inode, longer ones in a block; of those, what the
 * block has no room for is in the inode. */
#include "kmod/create.h"

/* The target of a long symlink goes into a block of its own, the end of the longest into the inode. */
static int vexfs_symlink_block(handle_t *handle, struct inode *inode, const char *target, u32 len)
{
	struct vexfs_btree_root *root = &VEXFS_I(inode)->root;
	u32 here = vexfs_symlink_in_block(len);
	struct vexfs_extent e = { .len = 1 };
	struct vexfs_mdhdr *h;
	struct vexfs_kio kio;
	struct vexfs_blk b;
	int err;

	vexfs_kio_init(&kio, inode->i_sb, handle, inode->i_ino);
	kio.charge = inode;
	err = kio.io.ops->alloc(&kio.io, 0, VEXFS_MAGIC_SYMLINK, inode->i_ino, &b);
	if (err)
		return err;
	h = b.data;
	h->h_bytes = cpu_to_le32(here);
	memcpy((char *)b.data + VEXFS_MDHDR_SIZE, target, here);
	memcpy(vexfs_symlink_rest(root), target + here, len - here);
	e.pblk = b.blkno;
	err = kio.io.ops->dirty(&kio.io, &b);
	kio.io.ops->put(&kio.io, &b);
	root->r_count = cpu_to_le16(1);
	root->r_recs[0].val = cpu_to_le64(vexfs_ext_pack(&e));
	return err;
}

int vexfs_set_target(handle_t *handle, struct inode *inode, const char *target, u32 len)
{
	i_size_write(inode, len);
	if (len > VEXFS_SYMLINK_INLINE)
		return vexfs_symlink_block(handle, inode, target, len);
	memcpy(VEXFS_I(inode)->symlink, target, len);
	return 0;
}

/* A verified target, in one piece. */
static char *vexfs_join_target(const void *block, const struct vexfs_btree_root *root, loff_t size)
{
	u32 here = vexfs_symlink_in_block(size);
	char *target = kmalloc(size + 1, GFP_KERNEL);

	if (!target)
		return NULL;
	memcpy(target, block + VEXFS_MDHDR_SIZE, here);
	memcpy(target + here, vexfs_symlink_rest(root), size - here);
	target[size] = 0;
	return target;
}

static const char *vexfs_get_link(struct dentry *dentry, struct inode *inode,
				  struct delayed_call *done)
{
	struct super_block *sb = inode->i_sb;
	loff_t size = i_size_read(inode);
	struct buffer_head *bh;
	struct vexfs_kio kio;
	const char *what;
	char *target;
	u64 blkno;

	if (!dentry)
		return ERR_PTR(-ECHILD);	/* may sleep: not in RCU walk */
	vexfs_kio_init(&kio, sb, NULL, inode->i_ino);
	what = vexfs_symlink_unpack(&VEXFS_I(inode)->root, &kio.io, &blkno);
	if (what)
		return ERR_PTR(vexfs_corrupt(sb, inode->i_ino, 0, what));
	bh = vexfs_md_read(sb, blkno, VEXFS_MAGIC_SYMLINK, 0, inode->i_ino);
	if (IS_ERR(bh))
		return ERR_CAST(bh);
	what = vexfs_symlink_verify(bh->b_data, &VEXFS_I(inode)->root, size);
	if (what) {
		brelse(bh);
		return ERR_PTR(vexfs_corrupt(sb, inode->i_ino, blkno, what));
	}
	target = vexfs_join_target(bh->b_data, &VEXFS_I(inode)->root, size);
	brelse(bh);
	if (!target)
		return ERR_PTR(-ENOMEM);
	set_delayed_call(done, kfree_link, target);
	return target;
}

const struct inode_operations vexfs_symlink_iops = {
	.get_link = vexfs_get_link,
	.setattr = vexfs_setattr,
	.getattr = vexfs_getattr,
	.listxattr = vexfs_listxattr,
};

const struct inode_operations vexfs_fast_symlink_iops = {
	.get_link = simple_get_link,
	.setattr = vexfs_setattr,
	.getattr = vexfs_getattr,
	.listxattr = vexfs_listxattr,
};
