// SPDX-License-Identifier: GPL-2.0
/*
 * Embeddings as extended attributes, so that cp -a, rsync -X and tar carry them
 * and any language can use them:
 *
 *	user.vec.<collection>		chunk 0
 *	user.vec.<collection>.<n>	chunk n, 1.., no leading zeros
 *
 * The value is the elements, little-endian, followed by the byte range the
 * embedding was made from (two __le64: offset, length) unless that is the whole
 * file. What made it is not said, so a collection's embedder is not checked.
 */
#include "kmod/vec/vec.h"
#include "kmod/xattr.h"
#include "kmod/kunit/kunit.h"
#include <linux/sched/signal.h>
#include <linux/xattr.h>

#define VEXFS_XATTR_PREFIX	XATTR_USER_PREFIX "vec."
#define VEXFS_RANGE_BYTES	16

/* "<collection>[.<n>]" */
vexfs_testable int vexfs_xattr_parse(const char *name, char *coll, u32 *chunk)
{
	const char *dot = strchrnul(name, '.');
	size_t len = dot - name;

	if (!vexfs_coll_name_valid(name, len))
		return -EINVAL;
	memcpy(coll, name, len);
	coll[len] = 0;
	*chunk = 0;
	if (!*dot)
		return 0;
	/* kstrtou32() takes a sign and leading zeros: two names for one chunk. */
	if (dot[1] < '1' || dot[1] > '9' || kstrtou32(dot + 1, 10, chunk) ||
	    *chunk > VEXFS_MAX_CHUNK)
		return -EINVAL;
	return 0;
}

/* ---- get --------------------------------------------------------------------- */

static int vexfs_vec_xattr_value(struct vexfs_vec_arg *arg, void *buf, size_t size)
{
	u32 range = arg->off || arg->len ? VEXFS_RANGE_BYTES : 0;
	u32 bytes = arg->bytes;

	if (!buf)
		return bytes + range;
	if (size < bytes + range)
		return -ERANGE;
	if (range) {
		__le64 r[2] = { cpu_to_le64(arg->off), cpu_to_le64(arg->len) };

		memcpy(buf + bytes, r, sizeof(r));
	}
	return bytes + range;
}

static int vexfs_vec_xattr_get(const struct xattr_handler *handler, struct dentry *dentry,
			   struct inode *inode, const char *name, void *buf, size_t size)
{
	char coll[VEXFS_COLL_NAME_LEN + 1];
	struct vexfs_vec_arg arg = { .coll = coll, .data = buf, .bytes = size };
	int err = vexfs_xattr_parse(name, coll, &arg.chunk);

	/* What cannot exist does not. */
	if (err || !S_ISREG(inode->i_mode))
		return -ENODATA;
	if (!size)
		arg.data = NULL;
	err = vexfs_vec_get(inode, &arg);
	if (err)
		return err == -ENOENT || err == -EACCES ? -ENODATA : err;
	return vexfs_vec_xattr_value(&arg, arg.data, size);
}

/* ---- set ------------------------------------------------------------------------ */

/* The value's tail is a range if that is what the length says. */
static int vexfs_xattr_split(struct super_block *sb, struct vexfs_vec_arg *arg, size_t size)
{
	struct vexfs_coll *coll = vexfs_coll_open(sb, arg->coll, MAY_WRITE);
	__le64 r[2];
	u32 bytes;

	if (IS_ERR(coll))
		return PTR_ERR(coll);
	bytes = vexfs_vec_bytes(&coll->space);
	vexfs_coll_put(coll);
	if (size != bytes && size != bytes + VEXFS_RANGE_BYTES)
		return -EINVAL;
	arg->bytes = bytes;
	if (size != bytes) {
		memcpy(r, arg->data + bytes, sizeof(r));
		arg->off = le64_to_cpu(r[0]);
		arg->len = le64_to_cpu(r[1]);
	}
	return 0;
}

/* Removal: XATTR_REPLACE says that it must exist, which it must anyway. */
static int vexfs_vec_xattr_remove(struct inode *inode, const struct vexfs_vec_arg *arg)
{
	int err = vexfs_vec_del(inode, arg->coll, arg->chunk);

	return err == -ENOENT ? -ENODATA : err;
}

static int vexfs_vec_xattr_set(const struct xattr_handler *handler, vexfs_idmap_t *idmap,
			   struct dentry *dentry, struct inode *inode, const char *name,
			   const void *value, size_t size, int flags)
{
	char coll[VEXFS_COLL_NAME_LEN + 1];
	struct vexfs_vec_arg arg = {
		.coll = coll, .data = (void *)value, .flags = flags,
	};
	int err = vexfs_xattr_parse(name, coll, &arg.chunk);

	if (!S_ISREG(inode->i_mode))
		return -EOPNOTSUPP;
	if (err)
		return err;
	if (!value)
		return vexfs_vec_xattr_remove(inode, &arg);
	err = vexfs_xattr_split(inode->i_sb, &arg, size);
	return err ? err : vexfs_vec_set(inode, &arg);
}

const struct xattr_handler vexfs_vec_xattr_handler = {
	.prefix	= VEXFS_XATTR_PREFIX,
	.get	= vexfs_vec_xattr_get,
	.set	= vexfs_vec_xattr_set,
};

/* ---- list --------------------------------------------------------------------------- */

vexfs_testable int vexfs_xattr_name(char *out, const char *coll, u32 chunk)
{
	if (!chunk)
		return snprintf(out, XATTR_NAME_MAX + 1, VEXFS_XATTR_PREFIX "%s", coll) + 1;
	return snprintf(out, XATTR_NAME_MAX + 1, VEXFS_XATTR_PREFIX "%s.%u", coll, chunk) + 1;
}

static ssize_t vexfs_vec_list_names(struct inode *inode, char *buf, size_t size, ssize_t total)
{
	char coll[VEXFS_IOC_NAME_LEN], *name = kmalloc(XATTR_NAME_MAX + 1, GFP_KERNEL);
	struct vexfs_vec_entry e;
	u32 id = 0, chunk = 0;
	int err = 0, len;

	if (!name)
		return -ENOMEM;
	for (;; chunk++) {
		err = fatal_signal_pending(current) ? -EINTR :
			vexfs_vec_next(inode, &id, &chunk, &e, coll);
		if (err)
			break;
		len = vexfs_xattr_name(name, coll, chunk);
		if (total + len > XATTR_LIST_MAX)
			break;
		if (buf && total + len > size) {
			err = -ERANGE;
			break;
		}
		if (buf)
			memcpy(buf + total, name, len);
		total += len;
	}
	kfree(name);
	return err && err != -ENOENT ? err : total;
}

#define VEXFS_LIST_TRIES	8	/* whoever exchanges names all the time keeps nobody in the kernel */

/**
 * vexfs_vec_listxattr - one name per embedding, after those of stored attributes
 * @inode: any; no lock held
 * @buf:   NULL: only the length is asked for
 * @size:  of @buf
 * @total: bytes it has already
 *
 * listxattr(2) has room for XATTR_LIST_MAX bytes. The names that would not fit are left out: with
 * -E2BIG nobody could copy the file's other attributes. The ioctl lists all. An exchange of names meanwhile lets the
 * list begin again: one name twice would be copied twice, and the other never.
 *
 * Return: the new total, -ERANGE, or an error of reading.
 */
ssize_t vexfs_vec_listxattr(struct inode *inode, char *buf, size_t size, ssize_t total)
{
	u64 before, now;
	ssize_t ret;
	int i;

	if (!S_ISREG(inode->i_mode) || !READ_ONCE(VEXFS_I(inode)->vecmask))
		return total;
	now = vexfs_coll_exchanges(inode->i_sb);
	for (i = 0; i < VEXFS_LIST_TRIES; i++) {
		before = now;
		ret = vexfs_vec_list_names(inode, buf, size, total);
		now = vexfs_coll_exchanges(inode->i_sb);
		if (before == now || ret == -EINTR)
			break;
	}
	return ret;
}
