// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of collections, embeddings and searches: copies arguments, checks
 * sizes, reserved fields and permission, takes the VFS's locks. Nothing is
 * copied from or to user space under a lock of the filesystem.
 */
#include "kmod/vec/vec.h"
#include <linux/mount.h>
#include <linux/uaccess.h>

static bool vexfs_zero(const void *p, size_t n)
{
	return !memchr_inv(p, 0, n);
}

/* ---- collections ------------------------------------------------------------ */

static int vexfs_coll_arg(struct vexfs_ioc_collection *req, const void __user *arg)
{
	if (copy_from_user(req, arg, sizeof(*req)))
		return -EFAULT;
	if (req->size != sizeof(*req) || req->flags || req->pad || req->pad2 ||
	    !vexfs_zero(req->reserved, sizeof(req->reserved)))
		return -EINVAL;
	if (strnlen(req->name, sizeof(req->name)) == sizeof(req->name))
		return -EINVAL;
	return 0;
}

static int vexfs_coll_reply(void __user *arg, const struct vexfs_ioc_collection *req)
{
	return copy_to_user(arg, req, sizeof(*req)) ? -EFAULT : 0;
}

static bool vexfs_coll_may_change(struct file *file)
{
	return capable(CAP_SYS_ADMIN) ||
	       inode_owner_or_capable(vexfs_file_idmap(file), d_inode(file_inode(file)->i_sb->s_root));
}

static int vexfs_ioc_coll_change(struct file *file, void __user *arg, bool create)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct vexfs_ioc_collection req;
	int err = vexfs_coll_arg(&req, arg);

	if (err)
		return err;
	if (!vexfs_coll_may_change(file))
		return -EPERM;
	err = mnt_want_write_file(file);
	if (err)
		return err;
	err = create ? vexfs_coll_create(sb, &req) : vexfs_coll_drop(sb, req.name);
	mnt_drop_write_file(file);
	return err ? err : vexfs_coll_reply(arg, &req);
}

static int vexfs_ioc_coll_info(struct file *file, void __user *arg)
{
	struct vexfs_ioc_collection req;
	struct vexfs_coll *coll;
	int err = vexfs_coll_arg(&req, arg);

	if (err)
		return err;
	coll = vexfs_coll_get(file_inode(file)->i_sb, req.name);
	if (IS_ERR(coll))
		return PTR_ERR(coll);
	vexfs_coll_info(coll, &req);
	vexfs_coll_put(coll);
	return vexfs_coll_reply(arg, &req);
}

static int vexfs_ioc_coll_next(struct file *file, void __user *arg)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct vexfs_ioc_collection req;
	struct vexfs_coll *coll = NULL;
	int err = vexfs_coll_arg(&req, arg);
	u32 id;

	if (err)
		return err;
	for (id = req.id; id < VEXFS_MAX_COLL && !coll; id++)
		coll = vexfs_coll_get_id(sb, id);
	if (!coll)
		return -ENOENT;
	vexfs_coll_info(coll, &req);
	vexfs_coll_put(coll);
	return vexfs_coll_reply(arg, &req);
}

/* ---- embeddings ----------------------------------------------------------------- */

static int vexfs_vec_ioc(struct vexfs_ioc_vec *req, const void __user *arg, u32 flags)
{
	if (copy_from_user(req, arg, sizeof(*req)))
		return -EFAULT;
	if (req->size != sizeof(*req) || (req->flags & ~flags) ||
	    !vexfs_zero(req->reserved, sizeof(req->reserved)))
		return -EINVAL;
	if (strnlen(req->collection, sizeof(req->collection)) == sizeof(req->collection) ||
	    req->chunk > VEXFS_MAX_CHUNK)
		return -EINVAL;
	return 0;
}

/* What write(2) would say: the permission is the descriptor's. */
static int vexfs_vec_writable(struct file *file)
{
	if (!S_ISREG(file_inode(file)->i_mode))
		return -EINVAL;
	return file->f_mode & FMODE_WRITE ? 0 : -EBADF;
}

static int vexfs_vec_permission(struct file *file, int mask)
{
	struct inode *inode = file_inode(file);

	if (!S_ISREG(inode->i_mode))
		return -EINVAL;
	return inode_permission(vexfs_file_idmap(file), inode, mask);
}

/* A set if @set, else a delete, under i_rwsem. */
static int vexfs_vec_change(struct file *file, const struct vexfs_ioc_vec *req,
			    const struct vexfs_vec_arg *set)
{
	struct inode *inode = file_inode(file);
	int err = vexfs_vec_writable(file);

	if (!err)
		err = mnt_want_write_file(file);
	if (err)
		return err;
	inode_lock(inode);
	if (set)
		err = vexfs_vec_set(inode, set);
	else
		err = vexfs_vec_del(inode, req->collection, req->chunk,
				    req->flags & VEXFS_VEC_ALL_CHUNKS);
	inode_unlock(inode);
	mnt_drop_write_file(file);
	return err;
}

static int vexfs_ioc_vec_set(struct file *file, const void __user *arg)
{
	struct vexfs_ioc_vec req;
	struct vexfs_vec_arg set = { };
	int err = vexfs_vec_ioc(&req, arg, 0);

	if (err)
		return err;
	/* The longest vector there can be; the right length is checked later. */
	if (!req.bytes || req.bytes > VEXFS_MAX_DIM * 4)
		return -EINVAL;
	set.coll = req.collection;
	set.chunk = req.chunk;
	set.bytes = req.bytes;
	set.off = req.range_off;
	set.len = req.range_len;
	set.generation = req.generation;
	set.data = vmemdup_user(u64_to_user_ptr(req.data), req.bytes);
	if (IS_ERR(set.data))
		return PTR_ERR(set.data);
	err = vexfs_vec_change(file, &req, &set);
	kvfree(set.data);
	return err;
}

static int vexfs_ioc_vec_del(struct file *file, const void __user *arg)
{
	struct vexfs_ioc_vec req;
	int err = vexfs_vec_ioc(&req, arg, VEXFS_VEC_ALL_CHUNKS);

	if (!err && req.generation)
		err = -EINVAL;
	return err ? err : vexfs_vec_change(file, &req, NULL);
}

static int vexfs_ioc_data_gen(struct file *file, void __user *arg)
{
	struct inode *inode = file_inode(file);
	struct vexfs_ioc_data_gen req;
	u64 gen;
	int err;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.size != sizeof(req) || req.flags || req.generation ||
	    !vexfs_zero(req.reserved, sizeof(req.reserved)) || !S_ISREG(inode->i_mode))
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	inode_lock(inode);
	err = vexfs_datagen_settle(inode, &gen);
	inode_unlock(inode);
	if (err)
		return err;
	req.generation = gen + 1;
	return copy_to_user(arg, &req, sizeof(req)) ? -EFAULT : 0;
}

static int vexfs_vec_reply(void __user *arg, struct vexfs_ioc_vec *req,
			   const struct vexfs_vec_arg *get, int err)
{
	req->bytes = get->bytes;
	if (!err) {
		req->range_off = get->off;
		req->range_len = get->len;
		req->flags = get->stale ? VEXFS_VEC_STALE : 0;
		if (copy_to_user(u64_to_user_ptr(req->data), get->data, get->bytes))
			return -EFAULT;
	}
	return copy_to_user(arg, req, sizeof(*req)) ? -EFAULT : err;
}

static int vexfs_ioc_vec_get(struct file *file, void __user *arg)
{
	struct vexfs_ioc_vec req;
	struct vexfs_vec_arg get = { };
	int err = vexfs_vec_ioc(&req, arg, VEXFS_VEC_STALE);

	if (!err && req.generation)
		err = -EINVAL;
	if (!err)
		err = vexfs_vec_permission(file, MAY_READ);
	if (err)
		return err;
	get.coll = req.collection;
	get.chunk = req.chunk;
	get.bytes = min_t(u32, req.bytes, VEXFS_MAX_DIM * 4);
	get.data = kvmalloc(max(get.bytes, 1U), GFP_KERNEL_ACCOUNT);
	if (!get.data)
		return -ENOMEM;
	err = vexfs_vec_get(file_inode(file), &get);
	if (!err || err == -ERANGE)
		err = vexfs_vec_reply(arg, &req, &get, err);
	kvfree(get.data);
	return err;
}

/* Entries go out one by one: the list may be long, and no lock is held here. */
static int vexfs_list_copy(struct inode *inode, struct vexfs_ioc_vec_list *req)
{
	struct vexfs_vec_entry __user *out = u64_to_user_ptr(req->entries);
	u32 id = req->next_id, chunk = req->next_chunk, n = 0;
	struct vexfs_vec_entry e;
	int err = 0;

	while (n < req->count) {
		err = vexfs_vec_next(inode, &id, &chunk, &e, NULL);
		if (err)
			break;
		if (copy_to_user(&out[n++], &e, sizeof(e)))
			return -EFAULT;
		chunk++;
		cond_resched();
	}
	req->next_id = id;
	req->next_chunk = chunk;
	req->count = n;
	return err == -ENOENT ? 0 : err;
}

static int vexfs_ioc_vec_list(struct file *file, void __user *arg)
{
	struct vexfs_ioc_vec_list req;
	int err;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.size != sizeof(req) || req.flags || req.pad ||
	    !vexfs_zero(req.reserved, sizeof(req.reserved)))
		return -EINVAL;
	err = vexfs_vec_permission(file, MAY_READ);
	if (!err)
		err = vexfs_list_copy(file_inode(file), &req);
	if (err)
		return err;
	return copy_to_user(arg, &req, sizeof(req)) ? -EFAULT : 0;
}

/* ---- search, info --------------------------------------------------------- */

static int vexfs_ioc_search(struct file *file, void __user *arg)
{
	struct vexfs_ioc_search req;
	int err;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.size != sizeof(req) || !vexfs_zero(req.reserved, sizeof(req.reserved)) ||
	    strnlen(req.collection, sizeof(req.collection)) == sizeof(req.collection))
		return -EINVAL;
	err = vexfs_search(file, &req);
	if (err)
		return err;
	return copy_to_user(arg, &req, sizeof(req)) ? -EFAULT : 0;
}

static void vexfs_info_count(struct super_block *sb, struct vexfs_ioc_info *info)
{
	struct vexfs_ioc_collection c;
	u32 id;

	for (id = 0; id < VEXFS_MAX_COLL; id++) {
		struct vexfs_coll *coll = vexfs_coll_get_id(sb, id);

		if (!coll)
			continue;
		vexfs_coll_info(coll, &c);
		vexfs_coll_put(coll);
		info->collections++;
		info->embeddings += c.live;
	}
}

static int vexfs_ioc_info(struct file *file, void __user *arg)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_ioc_info info;
	u32 size;

	if (get_user(size, (u32 __user *)arg))
		return -EFAULT;
	if (size != sizeof(info))
		return -EINVAL;
	memset(&info, 0, sizeof(info));
	info.size = size;
	memcpy(info.uuid, &sb->s_uuid, sizeof(info.uuid));
	mutex_lock(&sbi->es_lock);
	memcpy(info.label, sbi->es->s_label, sizeof(info.label));
	mutex_unlock(&sbi->es_lock);
	strscpy(info.simd, vexfs_simd()->name, sizeof(info.simd));
	strscpy(info.version, VEXFS_VERSION_STRING, sizeof(info.version));
	vexfs_info_count(sb, &info);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/**
 * vexfs_vec_ioctl - an ioctl of the vector half
 * @file: any open file or directory of the filesystem
 * @cmd:  VEXFS_IOC_*
 * @arg:  the caller's structure
 *
 * Takes i_rwsem, sb_writers and the locks of collections itself; call with none.
 * Return: 0, or what include/uapi/vexfs.h says of the call; -ENOTTY: not one of these.
 */
long vexfs_vec_ioctl(struct file *file, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case VEXFS_IOC_COLL_CREATE:
		return vexfs_ioc_coll_change(file, arg, true);
	case VEXFS_IOC_COLL_DROP:
		return vexfs_ioc_coll_change(file, arg, false);
	case VEXFS_IOC_COLL_INFO:
		return vexfs_ioc_coll_info(file, arg);
	case VEXFS_IOC_COLL_NEXT:
		return vexfs_ioc_coll_next(file, arg);
	case VEXFS_IOC_VEC_SET:
		return vexfs_ioc_vec_set(file, arg);
	case VEXFS_IOC_VEC_GET:
		return vexfs_ioc_vec_get(file, arg);
	case VEXFS_IOC_VEC_DEL:
		return vexfs_ioc_vec_del(file, arg);
	case VEXFS_IOC_DATA_GEN:
		return vexfs_ioc_data_gen(file, arg);
	case VEXFS_IOC_VEC_LIST:
		return vexfs_ioc_vec_list(file, arg);
	case VEXFS_IOC_SEARCH:
		return vexfs_ioc_search(file, arg);
	case VEXFS_IOC_INFO:
		return vexfs_ioc_info(file, arg);
	}
	return -ENOTTY;
}
