// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of collections, embeddings and searches: copies arguments, checks
 * sizes, reserved fields and permission, takes the VFS's locks. Nothing is
 * copied from or to user space under a lock of the filesystem.
 */
#include "kmod/vec/vec.h"
#include <linux/mount.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

/* The numbers of the interface are those on disk. */
static_assert(VEXFS_IOC_F32 == VEXFS_F32 && VEXFS_IOC_F16 == VEXFS_F16 &&
	      VEXFS_IOC_I8 == VEXFS_I8);
static_assert(VEXFS_IOC_L2 == VEXFS_L2 && VEXFS_IOC_COSINE == VEXFS_COSINE &&
	      VEXFS_IOC_IP == VEXFS_IP);
static_assert(VEXFS_IOC_NAME_LEN == VEXFS_COLL_NAME_LEN + 1);
static_assert(sizeof_field(struct vexfs_embedder_id, name) == VEXFS_EMBEDDER_LEN &&
	      sizeof_field(struct vexfs_embedder_id, fingerprint) == VEXFS_FINGERPRINT_LEN);

/* Sizes of the structures of version 1: the least a caller may have. The structures only ever grow. */
#define VEXFS_COLL_SIZE_1	256
#define VEXFS_EXCHANGE_SIZE_1	160
#define VEXFS_VEC_SIZE_1	216
#define VEXFS_DATA_GEN_SIZE_1	32
#define VEXFS_LIST_SIZE_1	48
#define VEXFS_SEARCH_SIZE_1	256
#define VEXFS_CHANGES_SIZE_1	152
#define VEXFS_INFO_SIZE_1	184
static_assert(sizeof(struct vexfs_ioc_collection) == VEXFS_COLL_SIZE_1);
static_assert(sizeof(struct vexfs_ioc_exchange) == VEXFS_EXCHANGE_SIZE_1);
static_assert(sizeof(struct vexfs_ioc_vec) == VEXFS_VEC_SIZE_1);
static_assert(sizeof(struct vexfs_ioc_data_gen) == VEXFS_DATA_GEN_SIZE_1);
static_assert(sizeof(struct vexfs_ioc_vec_list) == VEXFS_LIST_SIZE_1);
static_assert(offsetof(struct vexfs_ioc_search, filter) == VEXFS_SEARCH_SIZE_1);
static_assert(sizeof(struct vexfs_ioc_changes) == VEXFS_CHANGES_SIZE_1);
static_assert(sizeof(struct vexfs_ioc_info) == VEXFS_INFO_SIZE_1);

static bool vexfs_zero(const void *p, size_t n)
{
	return !memchr_inv(p, 0, n);
}

/* A structure of whatever version, as ours; *@usize: of the caller's. */
static int vexfs_arg_in(void *to, u32 ksize, u32 min, const void __user *arg, u32 *usize)
{
	if (get_user(*usize, (const u32 __user *)arg))
		return -EFAULT;
	if (*usize < min)
		return -EINVAL;
	return *usize > PAGE_SIZE ? -E2BIG : copy_struct_from_user(to, ksize, arg, *usize);
}

/* As much of the reply as the caller knows. */
static int vexfs_arg_out(void __user *arg, const void *from, u32 ksize, u32 usize)
{
	return copy_to_user(arg, from, min(ksize, usize)) ? -EFAULT : 0;
}

static bool vexfs_terminated(const char *name)
{
	return strnlen(name, VEXFS_IOC_NAME_LEN) < VEXFS_IOC_NAME_LEN;
}

/* ---- collections ------------------------------------------------------------ */

static int vexfs_coll_arg(struct vexfs_ioc_collection *req, const void __user *arg, u32 flags)
{
	u32 usize;
	int err = vexfs_arg_in(req, sizeof(*req), VEXFS_COLL_SIZE_1, arg, &usize);

	if (err)
		return err;
	req->size = usize;
	if ((req->flags & ~flags) || req->pad || !vexfs_zero(req->reserved, sizeof(req->reserved)))
		return -EINVAL;
	return vexfs_terminated(req->name) && vexfs_embedder_valid(&req->embedder) ? 0 : -EINVAL;
}

/* Who is told the count needs the slot table; of one that is damaged, or cannot be read, the rest is told. -EINTR. */
static int vexfs_coll_describe(struct vexfs_coll *coll, struct vexfs_ioc_collection *out)
{
	if (vexfs_coll_owned(coll) && vexfs_coll_need_table(coll) == -EINTR)
		return -EINTR;
	vexfs_coll_info(coll, out);
	vexfs_coll_tell(coll, out);
	return 0;
}

/* @size: of the caller's structure; @name: it was asked for by, NULL: tell the one it has. */
static int vexfs_coll_reply(void __user *arg, struct vexfs_coll *coll, u32 size, const char *name)
{
	struct vexfs_ioc_collection out;

	if (vexfs_coll_describe(coll, &out))
		return -EINTR;
	out.size = size;
	if (name)		/* an exchange that came since does not count */
		strscpy_pad(out.name, name, sizeof(out.name));
	return vexfs_arg_out(arg, &out, sizeof(out), size);
}

static int vexfs_ioc_coll_create(struct file *file, void __user *arg)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct vexfs_ioc_collection req;
	struct vexfs_coll *coll;
	int err = vexfs_coll_arg(&req, arg, VEXFS_COLL_MODE | VEXFS_COLL_UID | VEXFS_COLL_GID);

	if (err)
		return err;
	if (!vexfs_coll_may_create(file))
		return -EPERM;
	err = mnt_want_write_file(file);
	if (err)
		return err;
	err = vexfs_coll_create(sb, &req);
	mnt_drop_write_file(file);
	if (err)
		return err;
	/* Whoever has dropped it meanwhile has not made it fail. Its name may have moved, its id is told. */
	coll = vexfs_coll_get_id(sb, req.id);
	if (!coll)
		return 0;
	err = vexfs_coll_reply(arg, coll, req.size, req.name);
	vexfs_coll_put(coll);
	return err;
}

static int vexfs_ioc_coll_drop(struct file *file, void __user *arg)
{
	struct vexfs_ioc_collection req;
	int err = vexfs_coll_arg(&req, arg, 0);

	if (!err)
		err = mnt_want_write_file(file);
	if (err)
		return err;
	err = vexfs_coll_drop(file_inode(file)->i_sb, req.name);
	mnt_drop_write_file(file);
	return err;
}

static int vexfs_ioc_coll_exchange(struct file *file, const void __user *arg)
{
	struct vexfs_ioc_exchange req;
	u32 usize;
	int err = vexfs_arg_in(&req, sizeof(req), VEXFS_EXCHANGE_SIZE_1, arg, &usize);

	if (err)
		return err;
	if (req.flags || !vexfs_zero(req.reserved, sizeof(req.reserved)) ||
	    !vexfs_terminated(req.name) || !vexfs_terminated(req.other))
		return -EINVAL;
	err = mnt_want_write_file(file);
	if (err)
		return err;
	err = vexfs_coll_exchange(file_inode(file)->i_sb, req.name, req.other);
	mnt_drop_write_file(file);
	return err;
}

static int vexfs_ioc_coll_change(struct file *file, void __user *arg)
{
	struct vexfs_ioc_collection req;
	struct vexfs_coll *coll;
	int err = vexfs_coll_arg(&req, arg, VEXFS_COLL_MODE | VEXFS_COLL_UID | VEXFS_COLL_GID |
				 VEXFS_COLL_EMBEDDER);

	if (err)
		return err;
	coll = vexfs_coll_get(file_inode(file)->i_sb, req.name);
	if (IS_ERR(coll))
		return PTR_ERR(coll);
	err = vexfs_coll_may_change(coll);
	if (!err)
		err = mnt_want_write_file(file);
	if (!err) {
		err = vexfs_coll_change(coll, &req);
		mnt_drop_write_file(file);
	}
	if (!err)
		err = vexfs_coll_reply(arg, coll, req.size, req.name);
	vexfs_coll_put(coll);
	return err;
}

static int vexfs_ioc_coll_rebuild(struct file *file, void __user *arg)
{
	struct vexfs_ioc_collection req;
	struct vexfs_coll *coll;
	int err = vexfs_coll_arg(&req, arg, 0);

	if (err)
		return err;
	coll = vexfs_coll_get(file_inode(file)->i_sb, req.name);
	if (IS_ERR(coll))
		return PTR_ERR(coll);
	err = vexfs_coll_may_change(coll);
	if (!err)
		err = vexfs_coll_need_table(coll);
	if (!err)
		err = mnt_want_write_file(file);
	if (!err) {
		vexfs_index_rebuild(coll);
		mnt_drop_write_file(file);
	}
	vexfs_coll_put(coll);
	return err;
}

static int vexfs_ioc_coll_info(struct file *file, void __user *arg)
{
	struct vexfs_ioc_collection req;
	struct vexfs_coll *coll;
	int err = vexfs_coll_arg(&req, arg, 0);

	if (err)
		return err;
	coll = vexfs_coll_open(file_inode(file)->i_sb, req.name, 0);
	if (IS_ERR(coll))
		return PTR_ERR(coll);
	err = vexfs_coll_reply(arg, coll, req.size, req.name);
	vexfs_coll_put(coll);
	return err;
}

/* The first one from @id on that the caller may search or fill; NULL. */
static struct vexfs_coll *vexfs_coll_from(struct super_block *sb, u32 id)
{
	for (; id < VEXFS_MAX_COLL; id++) {
		struct vexfs_coll *coll = vexfs_coll_get_id(sb, id);

		if (coll && !vexfs_coll_permission(coll, 0))
			return coll;
		vexfs_coll_put(coll);
	}
	return NULL;
}

static int vexfs_ioc_coll_next(struct file *file, void __user *arg)
{
	struct vexfs_ioc_collection req;
	struct vexfs_coll *coll;
	int err = vexfs_coll_arg(&req, arg, 0);

	if (err)
		return err;
	coll = vexfs_coll_from(file_inode(file)->i_sb, req.id);
	if (!coll)
		return -ENOENT;
	err = vexfs_coll_reply(arg, coll, req.size, NULL);
	vexfs_coll_put(coll);
	return err;
}

/* ---- embeddings ----------------------------------------------------------------- */

static int vexfs_vec_ioc(struct vexfs_ioc_vec *req, const void __user *arg, u32 flags)
{
	u32 usize;
	int err = vexfs_arg_in(req, sizeof(*req), VEXFS_VEC_SIZE_1, arg, &usize);

	if (err)
		return err;
	req->size = usize;
	if ((req->flags & ~flags) || !vexfs_zero(req->reserved, sizeof(req->reserved)))
		return -EINVAL;
	if (!vexfs_terminated(req->collection) || !vexfs_embedder_valid(&req->embedder) ||
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

/* A set if @set, else a batch of deletes, with write access and under i_rwsem. */
static int vexfs_vec_change(struct file *file, const struct vexfs_vec_arg *set,
			    struct vexfs_del *del)
{
	struct inode *inode = file_inode(file);
	int err = mnt_want_write_file(file);

	if (err)
		return err;
	inode_lock(inode);
	if (IS_IMMUTABLE(inode) || IS_APPEND(inode))	/* as the VFS says of every xattr */
		err = -EPERM;
	else
		err = set ? vexfs_vec_set(inode, set) : vexfs_del_batch(del);
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
	err = vexfs_vec_writable(file);
	if (err)
		return err;
	set.coll = req.collection;
	set.chunk = req.chunk;
	set.bytes = req.bytes;
	set.off = req.range_off;
	set.len = req.range_len;
	set.generation = req.generation;
	set.embedder = &req.embedder;
	set.data = vmemdup_user(u64_to_user_ptr(req.data), req.bytes);
	if (IS_ERR(set.data))
		return PTR_ERR(set.data);
	err = vexfs_vec_change(file, &set, NULL);
	kvfree(set.data);
	return err;
}

/* Between two batches others get at the file, and the filesystem can be frozen. */
static int vexfs_vec_del_all(struct file *file, struct vexfs_del *del)
{
	int err = vexfs_vec_change(file, NULL, del);
	bool any = !err;

	while (!err && vexfs_del_more(del)) {
		cond_resched();
		err = fatal_signal_pending(current) ? -EINTR : vexfs_vec_change(file, NULL, del);
	}
	return any && err == -ENODATA ? 0 : err;
}

static int vexfs_ioc_vec_del(struct file *file, const void __user *arg)
{
	struct vexfs_ioc_vec req;
	struct vexfs_del *del;
	int err = vexfs_vec_ioc(&req, arg, VEXFS_VEC_ALL_CHUNKS);
	bool all;

	if (!err && req.generation)
		err = -EINVAL;
	if (!err)
		err = vexfs_vec_writable(file);
	if (err)
		return err;
	all = req.flags & VEXFS_VEC_ALL_CHUNKS;
	del = vexfs_del_begin(file_inode(file), req.collection, all ? 0 : req.chunk,
			      all ? VEXFS_MAX_CHUNK : req.chunk);
	if (IS_ERR(del))
		return PTR_ERR(del);
	err = vexfs_vec_del_all(file, del);
	vexfs_del_end(del);
	return err;
}

static int vexfs_ioc_data_gen(struct file *file, void __user *arg)
{
	struct inode *inode = file_inode(file);
	struct vexfs_ioc_data_gen req;
	u32 usize;
	u64 gen;
	int err = vexfs_arg_in(&req, sizeof(req), VEXFS_DATA_GEN_SIZE_1, arg, &usize);

	if (err)
		return err;
	if (req.flags || req.generation ||
	    !vexfs_zero(req.reserved, sizeof(req.reserved)) || !S_ISREG(inode->i_mode))
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	inode_lock(inode);
	err = vexfs_datagen_settle(inode, &gen);
	inode_unlock(inode);
	if (err)
		return err;
	req.size = usize;
	req.generation = gen + 1;
	return vexfs_arg_out(arg, &req, sizeof(req), usize);
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
	return vexfs_arg_out(arg, req, sizeof(*req), req->size) ?: err;
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
		err = fatal_signal_pending(current) ? -EINTR :
			vexfs_vec_next(inode, &id, &chunk, &e, NULL);
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
	u32 usize;
	int err = vexfs_arg_in(&req, sizeof(req), VEXFS_LIST_SIZE_1, arg, &usize);

	if (err)
		return err;
	if (req.flags || req.pad || !vexfs_zero(req.reserved, sizeof(req.reserved)))
		return -EINVAL;
	err = vexfs_vec_permission(file, MAY_READ);
	if (!err)
		err = vexfs_list_copy(file_inode(file), &req);
	if (err)
		return err;
	req.size = usize;
	return vexfs_arg_out(arg, &req, sizeof(req), usize);
}

/* ---- search, info --------------------------------------------------------- */

static int vexfs_ioc_search(struct file *file, void __user *arg)
{
	struct vexfs_ioc_search req;
	u32 usize;
	int err = vexfs_arg_in(&req, sizeof(req), VEXFS_SEARCH_SIZE_1, arg, &usize);

	if (err)
		return err;
	if (!vexfs_zero(req.reserved, sizeof(req.reserved)) || req.pad || !vexfs_terminated(req.collection) ||
	    !vexfs_embedder_valid(&req.embedder))
		return -EINVAL;
	err = vexfs_search(file, &req);
	if (err)
		return err;
	req.size = usize;
	return vexfs_arg_out(arg, &req, sizeof(req), usize);
}

static int vexfs_ioc_changes(struct file *file, void __user *arg)
{
	struct vexfs_ioc_changes req;
	u32 usize;
	int err = vexfs_arg_in(&req, sizeof(req), VEXFS_CHANGES_SIZE_1, arg, &usize);

	if (err)
		return err;
	if ((req.flags & ~VEXFS_CHANGES_WAIT) || req.pad || !req.count ||
	    !vexfs_zero(req.reserved, sizeof(req.reserved)) || !vexfs_terminated(req.collection))
		return -EINVAL;
	err = vexfs_changes(file, &req);
	if (err)
		return err;
	req.size = usize;
	return vexfs_arg_out(arg, &req, sizeof(req), usize);
}

static int vexfs_info_count(struct super_block *sb, struct vexfs_ioc_info *info)
{
	struct vexfs_ioc_collection c;
	struct vexfs_coll *coll;
	u32 id;

	for (id = 0; (coll = vexfs_coll_from(sb, id)); id = c.id + 1) {
		int err = vexfs_coll_describe(coll, &c);

		vexfs_coll_put(coll);
		if (err)
			return err;
		info->collections++;
		info->embeddings += c.live;
	}
	return 0;
}

static int vexfs_ioc_info(struct file *file, void __user *arg)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_ioc_info info;
	u32 usize;
	int err = vexfs_arg_in(&info, sizeof(info), VEXFS_INFO_SIZE_1, arg, &usize);

	if (err)
		return err;
	if (info.flags || !vexfs_zero(info.reserved, sizeof(info.reserved)))
		return -EINVAL;
	memset(&info, 0, sizeof(info));
	info.size = usize;
	memcpy(info.uuid, &sb->s_uuid, sizeof(info.uuid));
	mutex_lock(&sbi->es_lock);
	memcpy(info.label, sbi->es->s_label, sizeof(info.label));
	mutex_unlock(&sbi->es_lock);
	strscpy(info.simd, vexfs_simd()->name, sizeof(info.simd));
	strscpy(info.version, VEXFS_VERSION_STRING, sizeof(info.version));
	err = vexfs_info_count(sb, &info);
	return err ? err : vexfs_arg_out(arg, &info, sizeof(info), usize);
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
	if (_IOC_TYPE(cmd) != 'V')
		return -ENOTTY;
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(VEXFS_IOC_COLL_CREATE):
		return vexfs_ioc_coll_create(file, arg);
	case _IOC_NR(VEXFS_IOC_COLL_DROP):
		return vexfs_ioc_coll_drop(file, arg);
	case _IOC_NR(VEXFS_IOC_COLL_EXCHANGE):
		return vexfs_ioc_coll_exchange(file, arg);
	case _IOC_NR(VEXFS_IOC_COLL_CHANGE):
		return vexfs_ioc_coll_change(file, arg);
	case _IOC_NR(VEXFS_IOC_COLL_REBUILD):
		return vexfs_ioc_coll_rebuild(file, arg);
	case _IOC_NR(VEXFS_IOC_COLL_INFO):
		return vexfs_ioc_coll_info(file, arg);
	case _IOC_NR(VEXFS_IOC_COLL_NEXT):
		return vexfs_ioc_coll_next(file, arg);
	case _IOC_NR(VEXFS_IOC_VEC_SET):
		return vexfs_ioc_vec_set(file, arg);
	case _IOC_NR(VEXFS_IOC_VEC_GET):
		return vexfs_ioc_vec_get(file, arg);
	case _IOC_NR(VEXFS_IOC_VEC_DEL):
		return vexfs_ioc_vec_del(file, arg);
	case _IOC_NR(VEXFS_IOC_DATA_GEN):
		return vexfs_ioc_data_gen(file, arg);
	case _IOC_NR(VEXFS_IOC_VEC_LIST):
		return vexfs_ioc_vec_list(file, arg);
	case _IOC_NR(VEXFS_IOC_SEARCH):
		return vexfs_ioc_search(file, arg);
	case _IOC_NR(VEXFS_IOC_CHANGES):
		return vexfs_ioc_changes(file, arg);
	case _IOC_NR(VEXFS_IOC_INFO):
		return vexfs_ioc_info(file, arg);
	}
	return -ENOTTY;
}
