// SPDX-License-Identifier: GPL-2.0
/* Symbolic links: up to 144 bytes inside the inode, longer ones in a block. */
#include "kmod/vexfs.h"

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
	what = vexfs_symlink_verify(bh->b_data, size);
	if (what) {
		brelse(bh);
		return ERR_PTR(vexfs_corrupt(sb, inode->i_ino, blkno, what));
	}
	target = kmemdup_nul(bh->b_data + VEXFS_MDHDR_SIZE, size, GFP_KERNEL);
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
