// SPDX-License-Identifier: GPL-2.0
/*
 * Quota: what users, groups and projects have, and how much they may have.
 *
 * The kernel's dquot code counts and judges. What it keeps is in three hidden
 * files, whose blocks are metadata: what somebody has changes in the transaction
 * that changes the inode, so a replay finds both, and no mount has to count.
 *
 * An inode gets its dquots when it comes into memory. Whatever is done to it later
 * finds them there: bringing one in reads the disk and may add a record, which no
 * handle with a few credits could do. Who makes an inode or gives one away brings
 * in the owner's before the handle starts (vexfs_quota_prime()).
 *
 * Hidden inodes are nobody's (S_NOQUOTA). A large value of an attribute, and an
 * embedding, are charged to the owners of their file: i_charged says how much,
 * and the VFS finds it in i_blocks and i_bytes, so that it goes to the next owner
 * with the rest.
 *
 * Locks: within a handle and data_sem, dquot->dq_lock, then dqio_sem, then the
 * data_sem of a quota file.
 */
#include "kmod/vexfs.h"
#include "core/extent.h"
#include <linux/quotaops.h>
#include <linux/seq_file.h>

#define VEXFS_QBLOCK		1024	/* of the format vfsv1; three in a block */
#define VEXFS_QBLOCKS		(VEXFS_MD_SPACE / VEXFS_QBLOCK)
#define VEXFS_QUOTA_NEW		3	/* blocks that a new record may add to its file */
/* Blocks of the files that one operation may change: three for each inode. A rename is about five. */
#define VEXFS_QUOTA_BLOCKS	15

bool vexfs_has_quota(struct super_block *sb)
{
	return VEXFS_SB(sb)->geo.feature[VEXFS_RO_COMPAT] & VEXFS_FEATURE_RO_COMPAT_QUOTA;
}

const char *vexfs_quota_option(int type)
{
	static const char *const option[] = { "usrquota", "grpquota", "prjquota" };

	return option[type];
}

int vexfs_quota_credits(struct super_block *sb)
{
	return sb_any_quota_loaded(sb) ? VEXFS_QUOTA_BLOCKS : 0;
}

/* ---- counting ---------------------------------------------------------------- */

u64 vexfs_inode_blocks(struct inode *inode)
{
	u64 bytes = inode_get_bytes(inode), charged = READ_ONCE(VEXFS_I(inode)->charged);

	return (bytes - min(bytes, charged)) >> VEXFS_BLOCK_SHIFT;
}

int vexfs_charge_blocks(struct inode *inode, u64 n, bool nofail)
{
	int flags = DQUOT_SPACE_WARN | (nofail ? DQUOT_SPACE_NOFAIL : 0);

	return inode ? __dquot_alloc_space(inode, n << VEXFS_BLOCK_SHIFT, flags) : 0;
}

/* A count from a damaged inode must not wrap around. */
void vexfs_uncharge_blocks(struct inode *inode, u64 n)
{
	u64 have;

	if (!inode)
		return;
	have = vexfs_inode_blocks(inode);
	if (n > have) {
		vexfs_corrupt(inode->i_sb, inode->i_ino, 0, "inode frees more blocks than it has");
		n = have;
	}
	__dquot_free_space(inode, n << VEXFS_BLOCK_SHIFT, 0);
}

int vexfs_charge_data(struct inode *inode, u32 n, const u32 *aside)
{
	qsize_t bytes = (qsize_t)n << VEXFS_BLOCK_SHIFT;

	if (!aside || READ_ONCE(VEXFS_I(inode)->reserved) < bytes)
		return vexfs_charge_blocks(inode, n, false);
	dquot_claim_space_nodirty(inode, bytes);
	return 0;
}

/* For fallocate(2), which has all the blocks or none. i_rwsem held, not in a handle. -EDQUOT. */
int vexfs_quota_reserve(struct inode *inode, u64 n)
{
	if (!sb_any_quota_loaded(inode->i_sb))
		return 0;
	return __dquot_alloc_space(inode, n << VEXFS_BLOCK_SHIFT, DQUOT_SPACE_WARN | DQUOT_SPACE_RESERVE);
}

void vexfs_quota_unreserve(struct inode *inode)
{
	qsize_t bytes = READ_ONCE(VEXFS_I(inode)->reserved);

	if (bytes)
		__dquot_free_space(inode, bytes, DQUOT_SPACE_RESERVE);
}

/* Takes vi->lock. */
int vexfs_charge_extra(struct inode *inode, u64 bytes)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err;

	if (!bytes || !vexfs_has_quota(inode->i_sb))
		return 0;
	err = __dquot_alloc_space(inode, bytes, DQUOT_SPACE_WARN);
	if (err)
		return err;
	spin_lock(&vi->lock);
	vi->charged += bytes;
	spin_unlock(&vi->lock);
	return 0;
}

void vexfs_uncharge_extra(struct inode *inode, u64 bytes)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	if (!bytes || !vexfs_has_quota(inode->i_sb))
		return;
	spin_lock(&vi->lock);
	bytes = min(bytes, vi->charged);
	vi->charged -= bytes;
	spin_unlock(&vi->lock);
	__dquot_free_space(inode, bytes, 0);
}

int vexfs_quota_new(struct inode *inode)
{
	int err = dquot_initialize(inode);

	return err ? err : dquot_alloc_inode(inode);
}

/* Its embeddings may have been deleted while it was not in memory. */
void vexfs_quota_free(struct inode *inode)
{
	vexfs_uncharge_extra(inode, VEXFS_I(inode)->charged);
	dquot_free_inode(inode);
}

/* ---- in and out of memory -------------------------------------------------------- */

/* A filesystem that cannot be written to can be read with its quota files damaged. */
int vexfs_quota_init(struct inode *inode)
{
	int err = dquot_initialize(inode);

	return err == -ENOMEM || !sb_rdonly(inode->i_sb) ? err : 0;
}

void vexfs_quota_drop(struct inode *inode)
{
	dquot_drop(inode);
}

void vexfs_quota_primed(struct inode *model)
{
	if (!IS_ERR_OR_NULL(model))
		iput(model);
}

/* An inode of the owners in question, which nobody else sees, holds their dquots. */
static struct inode *vexfs_quota_hold(struct inode *model)
{
	int err = dquot_initialize(model);

	if (!err)
		return model;
	iput(model);
	return ERR_PTR(err);
}

static struct inode *vexfs_quota_model(struct super_block *sb)
{
	struct inode *model;

	if (!sb_any_quota_loaded(sb))
		return NULL;
	model = new_inode(sb);
	return model ? model : ERR_PTR(-ENOMEM);
}

struct inode *vexfs_quota_prime(vexfs_idmap_t *idmap, struct inode *dir, umode_t mode)
{
	struct inode *model = vexfs_quota_model(dir->i_sb);

	if (IS_ERR_OR_NULL(model))
		return model;
	inode_init_owner(idmap, model, dir, mode);
	vexfs_inherit(model, dir);
	model->i_mode = 0;
	return vexfs_quota_hold(model);
}

static void vexfs_quota_copy(struct inode *model, const struct inode *inode, u32 projid)
{
	model->i_uid = inode->i_uid;
	model->i_gid = inode->i_gid;
	VEXFS_I(model)->projid = projid;
}

struct inode *vexfs_quota_prime_owner(vexfs_idmap_t *idmap, struct inode *inode, const struct iattr *attr)
{
	struct inode *model;

	if (!(attr->ia_valid & (ATTR_UID | ATTR_GID)))
		return NULL;
	model = vexfs_quota_model(inode->i_sb);
	if (IS_ERR_OR_NULL(model))
		return model;
	vexfs_quota_copy(model, inode, VEXFS_I(inode)->projid);
	i_uid_update(idmap, attr, model);
	i_gid_update(idmap, attr, model);
	return vexfs_quota_hold(model);
}

struct inode *vexfs_quota_prime_project(struct inode *inode, u32 projid)
{
	struct inode *model;

	if (projid == VEXFS_I(inode)->projid)
		return NULL;
	model = vexfs_quota_model(inode->i_sb);
	if (IS_ERR_OR_NULL(model))
		return model;
	vexfs_quota_copy(model, inode, projid);
	return vexfs_quota_hold(model);
}

int vexfs_quota_chown(vexfs_idmap_t *idmap, struct inode *inode, struct iattr *attr)
{
	return dquot_transfer(idmap, inode, attr);
}

/* i_uid and i_gid are as before: the dquots have been, a moment ago. */
void vexfs_quota_chown_undo(struct inode *inode)
{
	struct iattr back = { .ia_valid = ATTR_UID | ATTR_GID };
	kuid_t uid = inode->i_uid;
	kgid_t gid = inode->i_gid;

	back.ia_vfsuid = VFSUIDT_INIT(uid);
	back.ia_vfsgid = VFSGIDT_INIT(gid);
	inode->i_uid = INVALID_UID;
	inode->i_gid = INVALID_GID;
	if (dquot_transfer(vexfs_nop_idmap, inode, &back))
		vexfs_warn(inode->i_sb, "inode %llu stays charged to whom it was to be given",
			   (u64)inode->i_ino);
	inode->i_uid = uid;
	inode->i_gid = gid;
}

#ifdef CONFIG_QUOTA

int vexfs_quota_chproj(struct inode *inode, struct inode *model)
{
	struct dquot *to[MAXQUOTAS] = { };
	int err;

	if (!model)
		return 0;
	to[PRJQUOTA] = dqget(inode->i_sb, make_kqid_projid(make_kprojid(&init_user_ns, VEXFS_I(model)->projid)));
	if (IS_ERR(to[PRJQUOTA]))
		return PTR_ERR(to[PRJQUOTA]);
	err = __dquot_transfer(inode, to);	/* leaves there what is to be put */
	dqput(to[PRJQUOTA]);
	return err;
}

/* ---- the quota files ------------------------------------------------------------------ */

static u64 vexfs_quota_lblk(loff_t off)
{
	return div_u64(off / VEXFS_QBLOCK, VEXFS_QBLOCKS);
}

static u32 vexfs_quota_offset(loff_t off)
{
	u32 index;

	div_u64_rem(off / VEXFS_QBLOCK, VEXFS_QBLOCKS, &index);
	return VEXFS_MDHDR_SIZE + index * VEXFS_QBLOCK + off % VEXFS_QBLOCK;
}

/* The block at @lblk; NULL: a hole. ERR_PTR. */
static struct buffer_head *vexfs_quota_bread(struct inode *inode, u64 lblk)
{
	struct vexfs_extent e;
	int err = vexfs_map(inode, lblk, &e);

	if (err)
		return ERR_PTR(err);
	if (!e.pblk)
		return NULL;
	if (e.flags & VEXFS_EXT_UNWRITTEN)
		return ERR_PTR(vexfs_corrupt(inode->i_sb, inode->i_ino, e.pblk, "unwritten block in a quota file"));
	return vexfs_md_read(inode->i_sb, e.pblk + (lblk - e.lblk), VEXFS_MAGIC_QUOTA, 0, inode->i_ino);
}

/* Up to a boundary of the format's blocks, which it never reads across. */
ssize_t vexfs_quota_read(struct super_block *sb, int type, char *data, size_t len, loff_t off)
{
	struct inode *inode = sb_dqopt(sb)->files[type];
	struct buffer_head *bh;

	if (vexfs_quota_lblk(off) >= i_size_read(inode) >> VEXFS_BLOCK_SHIFT)
		return 0;
	len = min_t(size_t, len, VEXFS_QBLOCK - off % VEXFS_QBLOCK);
	bh = vexfs_quota_bread(inode, vexfs_quota_lblk(off));
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	if (bh)
		memcpy(data, bh->b_data + vexfs_quota_offset(off), len);
	else
		memset(data, 0, len);
	brelse(bh);
	return len;
}

/* A new block at the end of the file, with write access. ERR_PTR. */
static struct buffer_head *vexfs_quota_extend(handle_t *handle, struct inode *inode, u64 lblk)
{
	loff_t end = (loff_t)(lblk + 1) << VEXFS_BLOCK_SHIFT;
	struct vexfs_extent e;
	struct buffer_head *bh;
	int err = vexfs_map_alloc(handle, inode, lblk, 1, 0, &e);

	if (err)
		return ERR_PTR(err);
	bh = vexfs_md_create(handle, inode->i_sb, e.pblk, VEXFS_MAGIC_QUOTA, inode->i_ino);
	if (IS_ERR(bh) || end <= i_size_read(inode))
		return bh;
	i_size_write(inode, end);
	VEXFS_I(inode)->disksize = end;
	err = vexfs_mark_inode_dirty(handle, inode);
	if (!err)
		return bh;
	brelse(bh);
	return ERR_PTR(err);
}

static struct buffer_head *vexfs_quota_bwrite(handle_t *handle, struct inode *inode, u64 lblk)
{
	struct buffer_head *bh = vexfs_quota_bread(inode, lblk);
	int err;

	if (!bh)
		return vexfs_quota_extend(handle, inode, lblk);
	if (IS_ERR(bh))
		return bh;
	err = vexfs_md_modify(handle, inode->i_sb, bh);
	if (!err)
		return bh;
	brelse(bh);
	return ERR_PTR(err);
}

ssize_t vexfs_quota_write(struct super_block *sb, int type, const char *data, size_t len, loff_t off)
{
	struct inode *inode = sb_dqopt(sb)->files[type];
	handle_t *handle = journal_current_handle();
	struct buffer_head *bh;
	int err;

	if (!handle || len > VEXFS_QBLOCK - off % VEXFS_QBLOCK)
		return -EIO;
	bh = vexfs_quota_bwrite(handle, inode, vexfs_quota_lblk(off));
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	memcpy(bh->b_data + vexfs_quota_offset(off), data, len);
	err = vexfs_md_dirty(handle, sb, bh);
	brelse(bh);
	return err ? err : len;
}

/* ---- dquots ----------------------------------------------------------------------------- */

static handle_t *vexfs_quota_start(struct super_block *sb, int type, u32 new)
{
	return vexfs_start(sb, VEXFS_QUOTA_BLOCKS + new * vexfs_map_credits(sb_dqopt(sb)->files[type]), 0);
}

static int vexfs_write_dquot(struct dquot *dquot)
{
	handle_t *handle = vexfs_quota_start(dquot->dq_sb, dquot->dq_id.type, 0);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = dquot_commit(dquot);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/* Who has something has a record; only a new one has to be written. */
static int vexfs_acquire_dquot(struct dquot *dquot)
{
	handle_t *handle = vexfs_quota_start(dquot->dq_sb, dquot->dq_id.type, VEXFS_QUOTA_NEW);
	int err, err2;

	if (handle == ERR_PTR(-EROFS))
		return dquot_acquire(dquot);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = dquot_acquire(dquot);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/* From a worker, some time after the last user. A record that says nothing is removed. */
static int vexfs_release_dquot(struct dquot *dquot)
{
	struct super_block *sb = dquot->dq_sb;
	bool nested = journal_current_handle();
	handle_t *handle;
	int err, err2 = 0;

	if (!nested)
		sb_start_intwrite(sb);
	handle = vexfs_quota_start(sb, dquot->dq_id.type, 0);
	err = dquot_release(dquot);	/* also without a handle, or it would be tried without end */
	if (!IS_ERR(handle))
		err2 = vexfs_stop(handle);
	if (!nested)
		sb_end_intwrite(sb);
	return err ? err : IS_ERR(handle) ? PTR_ERR(handle) : err2;
}

/* At once, in the transaction of what has changed. */
static int vexfs_mark_dquot_dirty(struct dquot *dquot)
{
	dquot_mark_dquot_dirty(dquot);
	return vexfs_write_dquot(dquot);
}

static int vexfs_write_info(struct super_block *sb, int type)
{
	handle_t *handle = vexfs_quota_start(sb, type, 0);
	int err, err2;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = dquot_commit_info(sb, type);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

static int vexfs_get_projid(struct inode *inode, kprojid_t *projid)
{
	*projid = make_kprojid(&init_user_ns, VEXFS_I(inode)->projid);
	return 0;
}

static qsize_t *vexfs_get_reserved(struct inode *inode)
{
	return &VEXFS_I(inode)->reserved;
}

static const struct dquot_operations vexfs_dquot_ops = {
	.get_reserved_space = vexfs_get_reserved,
	.write_dquot = vexfs_write_dquot,
	.acquire_dquot = vexfs_acquire_dquot,
	.release_dquot = vexfs_release_dquot,
	.mark_dirty = vexfs_mark_dquot_dirty,
	.write_info = vexfs_write_info,
	.alloc_dquot = dquot_alloc,
	.destroy_dquot = dquot_destroy,
	.get_projid = vexfs_get_projid,
	.get_next_id = dquot_get_next_id,
};

struct dquot **vexfs_get_dquots(struct inode *inode)
{
	return VEXFS_I(inode)->dquot;
}

/* ---- mount ---------------------------------------------------------------------------------- */

void vexfs_quota_setup(struct super_block *sb)
{
	if (!vexfs_has_quota(sb))
		return;
	sb->dq_op = &vexfs_dquot_ops;
	sb->s_qcop = &dquot_quotactl_sysfile_ops;
	sb->s_quota_types = QTYPE_MASK_USR | QTYPE_MASK_GRP | QTYPE_MASK_PRJ;
	sb_dqopt(sb)->flags |= DQUOT_QUOTA_SYS_FILE | DQUOT_NOLIST_DIRTY;
}

/* The hidden inode of a quota file: VQUO blocks, and nobody's. ERR_PTR. */
static struct inode *vexfs_quota_iget(struct super_block *sb, int type)
{
	u64 ino = le64_to_cpu(VEXFS_SB(sb)->es->s_quota_ino[type]);
	struct inode *inode = vexfs_iget(sb, ino, VEXFS_IGET_HIDDEN);

	if (IS_ERR(inode))
		return inode;
	if (S_ISREG(inode->i_mode) && (VEXFS_I(inode)->flags & VEXFS_INODE_HIDDEN) &&
	    !VEXFS_I(inode)->links[0].l_parent)
		return inode;
	iput(inode);
	return ERR_PTR(vexfs_corrupt(sb, ino, 0, "quota file in an inode that is not its own"));
}

static int vexfs_quota_on(struct super_block *sb, int type, bool limits)
{
	unsigned int flags = DQUOT_USAGE_ENABLED | (limits ? DQUOT_LIMITS_ENABLED : 0);
	struct inode *inode = vexfs_quota_iget(sb, type);
	int err;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	lockdep_set_subclass(&VEXFS_I(inode)->data_sem, 1);
	err = dquot_load_quota_inode(inode, type, QFMT_VFS_V1, flags);
	if (err)
		lockdep_set_subclass(&VEXFS_I(inode)->data_sem, 0);
	iput(inode);
	return err;
}

static int vexfs_quota_on_all(struct super_block *sb, const struct vexfs_mount_opts *opts)
{
	int type, err = 0;

	for (type = 0; type < VEXFS_QUOTA_TYPES && !err; type++)
		err = vexfs_quota_on(sb, type, opts->quota[type]);
	return err;
}

/**
 * vexfs_quota_load - keep account from now on
 * @sb:	  being mounted; replayed; no inode has been read
 * @opts: for whom limits are enforced
 *
 * Also on a read-only mount, which may be made writable later: then the inodes in memory have
 * their dquots. The dquot code refuses a filesystem that says it is read-only.
 *
 * Return: 0, or an error that prevents the mount.
 */
int vexfs_quota_load(struct super_block *sb, const struct vexfs_mount_opts *opts)
{
	unsigned long ro = sb->s_flags & SB_RDONLY;
	int err;

	if (!vexfs_has_quota(sb) || vexfs_norecovery(sb))
		return 0;
	sb->s_flags &= ~SB_RDONLY;
	err = vexfs_quota_on_all(sb, opts);
	sb->s_flags |= ro;
	if (!err)
		return 0;
	vexfs_msg(sb, KERN_ERR, err == -ESRCH ? "quota cannot be kept: the kernel's module quota_v2 is missing" :
		  "quota cannot be kept: error %d; run fsck.vexfs", err);
	vexfs_quota_unload(sb);
	return ro ? 0 : err;
}

void vexfs_quota_unload(struct super_block *sb)
{
	int type;

	for (type = 0; type < VEXFS_QUOTA_TYPES; type++) {
		struct inode *inode = sb_dqopt(sb)->files[type];

		if (!inode || !igrab(inode))
			continue;
		dquot_quota_off(sb, type);
		lockdep_set_subclass(&VEXFS_I(inode)->data_sem, 0);
		iput(inode);
	}
}

/* Limits that were not enforced are from now on; quotaoff(8) is the way back. s_umount held for writing. */
int vexfs_quota_remount(struct super_block *sb, const struct vexfs_mount_opts *opts)
{
	static const unsigned int enforce[] = { FS_QUOTA_UDQ_ENFD, FS_QUOTA_GDQ_ENFD, FS_QUOTA_PDQ_ENFD };
	int type, err = 0;

	for (type = 0; type < VEXFS_QUOTA_TYPES && !err; type++)
		if (opts->quota[type] && !sb_has_quota_limits_enabled(sb, type))
			err = sb_any_quota_loaded(sb) ? sb->s_qcop->quota_enable(sb, enforce[type]) : -EINVAL;
	return err;
}

void vexfs_quota_show(struct seq_file *seq, struct super_block *sb)
{
	int type;

	for (type = 0; type < VEXFS_QUOTA_TYPES; type++)
		if (sb_has_quota_limits_enabled(sb, type))
			seq_printf(seq, ",%s", vexfs_quota_option(type));
}

#else /* CONFIG_QUOTA */

int vexfs_quota_chproj(struct inode *inode, struct inode *model) { return 0; }
void vexfs_quota_setup(struct super_block *sb) { }
void vexfs_quota_unload(struct super_block *sb) { }
void vexfs_quota_show(struct seq_file *seq, struct super_block *sb) { }

int vexfs_quota_remount(struct super_block *sb, const struct vexfs_mount_opts *opts)
{
	return 0;
}

int vexfs_quota_load(struct super_block *sb, const struct vexfs_mount_opts *opts)
{
	if (!vexfs_has_quota(sb) || sb_rdonly(sb))
		return 0;
	vexfs_msg(sb, KERN_ERR, "quota cannot be kept: this kernel was built without it; mount it read-only");
	return -EROFS;
}

#endif /* CONFIG_QUOTA */
