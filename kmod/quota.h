/* SPDX-License-Identifier: GPL-2.0 */
/* What users, groups and projects have, and may have: kmod/quota.c. */
#ifndef VEXFS_KMOD_QUOTA_H
#define VEXFS_KMOD_QUOTA_H

struct vexfs_mount_opts;

/* Does the filesystem keep account? Not: is it being done just now. */
bool vexfs_has_quota(struct super_block *sb);
int vexfs_quota_credits(struct super_block *sb);
const char *vexfs_quota_option(int type);	/* of mount(8) */

/* super.c */
int vexfs_quota_load(struct super_block *sb, const struct vexfs_mount_opts *opts);
int vexfs_quota_remount(struct super_block *sb, const struct vexfs_mount_opts *opts);
void vexfs_quota_unload(struct super_block *sb);
void vexfs_quota_show(struct seq_file *seq, struct super_block *sb);
void vexfs_quota_setup(struct super_block *sb);
ssize_t vexfs_quota_read(struct super_block *sb, int type, char *data, size_t len, loff_t off);
ssize_t vexfs_quota_write(struct super_block *sb, int type, const char *data, size_t len, loff_t off);
struct dquot **vexfs_get_dquots(struct inode *inode);

/* An inode that comes into memory, and one that leaves it. Not in a handle. */
int vexfs_quota_init(struct inode *inode);
void vexfs_quota_drop(struct inode *inode);
/*
 * What an inode made in @dir, or @inode after a change of owner, will need in memory: before the
 * handle. NULL (no quota), an inode to be put after the handle, or ERR_PTR.
 */
struct inode *vexfs_quota_prime(vexfs_idmap_t *idmap, struct inode *dir, umode_t mode);
struct inode *vexfs_quota_prime_owner(vexfs_idmap_t *idmap, struct inode *inode, const struct iattr *attr);
struct inode *vexfs_quota_prime_project(struct inode *inode, u32 projid);
void vexfs_quota_primed(struct inode *model);
/* One inode more or less, in a handle. -EDQUOT. */
int vexfs_quota_new(struct inode *inode);
void vexfs_quota_free(struct inode *inode);
/* All that it has, to the owners it is about to get: primed, in a handle. -EDQUOT: nothing has happened. */
int vexfs_quota_chown(vexfs_idmap_t *idmap, struct inode *inode, struct iattr *attr);
void vexfs_quota_chown_undo(struct inode *inode);
int vexfs_quota_chproj(struct inode *inode, struct inode *model);

/*
 * Blocks of @inode (NULL: of none), in a handle whose caller writes the inode: they count in i_blocks and
 * are charged to its owners. -EDQUOT unless @nofail.
 */
int vexfs_charge_blocks(struct inode *inode, u64 n, bool nofail);
void vexfs_uncharge_blocks(struct inode *inode, u64 n);
/* Data: from what was reserved, if @aside is not NULL. */
int vexfs_charge_data(struct inode *inode, u32 n, const u32 *aside);
int vexfs_quota_reserve(struct inode *inode, u64 n);
void vexfs_quota_unreserve(struct inode *inode);
/* Bytes that are its owners', but not in its blocks: embeddings, large values. The same rules. */
int vexfs_charge_extra(struct inode *inode, u64 bytes);
void vexfs_uncharge_extra(struct inode *inode, u64 bytes);

/* Blocks that are its own. */
u64 vexfs_inode_blocks(struct inode *inode);

#endif /* VEXFS_KMOD_QUOTA_H */
