// SPDX-License-Identifier: GPL-2.0
/*
 * Who may do what with a collection.
 *
 * A collection has owner, group and mode like a file: r to search it and to read
 * embeddings and what is known of it, w to set and delete embeddings, besides
 * what the file itself asks for. To a caller with neither it does not exist.
 *
 * It belongs to the filesystem, not to a directory, so nothing here looks
 * through the caller's mount: an idmapped mount of a subdirectory makes nobody
 * the owner of everybody's embeddings.
 */
#include "kmod/vec/vec.h"
#include <linux/cred.h>

/* ---- owner and mode ---------------------------------------------------------- */

/* Consistent: they change under the same lock. */
static struct vexfs_coll_owner vexfs_coll_owner(struct vexfs_coll *coll)
{
	struct vexfs_coll_owner o;

	spin_lock(&coll->lock);
	o = coll->owner;
	spin_unlock(&coll->lock);
	return o;
}

static bool vexfs_may_manage(struct super_block *sb)
{
	return ns_capable(sb->s_user_ns, CAP_SYS_ADMIN);
}

/**
 * vexfs_coll_owned - is the caller the owner, or whoever manages the filesystem?
 * @coll: takes coll->lock
 */
bool vexfs_coll_owned(struct vexfs_coll *coll)
{
	return uid_eq(vexfs_coll_owner(coll).uid, current_fsuid()) || vexfs_may_manage(coll->sb);
}

/**
 * vexfs_coll_counted - as vexfs_coll_owned(), for what is told besides: a refusal is not audited
 * @coll: takes coll->lock
 */
bool vexfs_coll_counted(struct vexfs_coll *coll)
{
	return uid_eq(vexfs_coll_owner(coll).uid, current_fsuid()) ||
	       ns_capable_noaudit(coll->sb->s_user_ns, CAP_SYS_ADMIN);
}

/**
 * vexfs_coll_may_change - may the caller drop it, rebuild its graph, give it to somebody else?
 * @coll: takes coll->lock
 *
 * Return: 0; -EPERM; -ENOENT, as vexfs_coll_permission().
 */
int vexfs_coll_may_change(struct vexfs_coll *coll)
{
	return vexfs_coll_owned(coll) ? 0 : vexfs_coll_permission(coll, 0) ?: -EPERM;
}

/* Of MAY_READ and MAY_WRITE, what the caller may. */
static int vexfs_coll_allows(struct vexfs_coll *coll)
{
	struct vexfs_coll_owner o = vexfs_coll_owner(coll);
	struct user_namespace *ns = coll->sb->s_user_ns;
	int mask;

	if (ns_capable_noaudit(ns, CAP_DAC_OVERRIDE))
		return MAY_READ | MAY_WRITE;
	if (uid_eq(o.uid, current_fsuid()))
		mask = o.mode >> 6;
	else if (in_group_p(o.gid))
		mask = o.mode >> 3;
	else
		mask = o.mode;
	mask &= MAY_READ | MAY_WRITE;
	if (!(mask & MAY_READ) && ns_capable_noaudit(ns, CAP_DAC_READ_SEARCH))
		mask |= MAY_READ;
	return mask;
}

/**
 * vexfs_coll_permission - may the caller search or fill a collection?
 * @coll: takes coll->lock
 * @mask: MAY_READ, MAY_WRITE
 *
 * Return: 0; -EACCES; -ENOENT: the caller may do neither, and is not to know it.
 */
int vexfs_coll_permission(struct vexfs_coll *coll, int mask)
{
	int allowed = vexfs_coll_allows(coll);

	if (!allowed)
		return -ENOENT;
	return mask & ~allowed ? -EACCES : 0;
}

/**
 * vexfs_coll_open - a counted reference to a collection the caller may use
 * @sb:	  the filesystem
 * @name: terminated
 * @mask: MAY_READ, MAY_WRITE
 *
 * Return: the collection, or ERR_PTR: -EINVAL (name), -ENOENT, -EACCES.
 */
struct vexfs_coll *vexfs_coll_open(struct super_block *sb, const char *name, int mask)
{
	struct vexfs_coll *coll = vexfs_coll_get(sb, name);
	int err;

	if (IS_ERR(coll))
		return coll;
	err = vexfs_coll_permission(coll, mask);
	if (!err)
		return coll;
	vexfs_coll_put(coll);
	return ERR_PTR(err);
}

/**
 * vexfs_coll_may_create - may the caller make collections?
 * @file: any open file of the filesystem
 *
 * Whoever manages the filesystem, or the owner of its root directory as it is on
 * disk. The owner must come through a mount that shows that directory: an owner
 * shut into a part of the filesystem does not speak for the whole.
 */
bool vexfs_coll_may_create(struct file *file)
{
	struct super_block *sb = file_inode(file)->i_sb;

	if (vexfs_may_manage(sb))
		return true;
	return file->f_path.mnt->mnt_root == sb->s_root &&
	       uid_eq(d_inode(sb->s_root)->i_uid, current_fsuid());
}

/* ---- the embedder ---------------------------------------------------------------- */

static bool vexfs_all_zero_bytes(const void *p, size_t n)
{
	return !memchr_inv(p, 0, n);
}

/* Either side may leave a part open. */
static bool vexfs_part_fits(const void *a, const void *b, size_t n)
{
	return vexfs_all_zero_bytes(a, n) || vexfs_all_zero_bytes(b, n) || !memcmp(a, b, n);
}

/**
 * vexfs_coll_embedder - is this the embedder the collection is for?
 * @coll: takes coll->lock
 * @e:	  what the caller says it uses; NULL or zeros: it says nothing
 *
 * Vectors of different embedders have no distance that means anything.
 *
 * Return: 0 or -EMEDIUMTYPE.
 */
int vexfs_coll_embedder(struct vexfs_coll *coll, const struct vexfs_embedder_id *e)
{
	bool fits = true;

	if (!e)
		return 0;
	spin_lock(&coll->lock);
	fits = vexfs_part_fits(coll->embedder.name, e->name, sizeof(e->name)) &&
	       vexfs_part_fits(coll->embedder.fingerprint, e->fingerprint, sizeof(e->fingerprint));
	spin_unlock(&coll->lock);
	return fits ? 0 : -EMEDIUMTYPE;
}

/* NUL padded to the end, so that two of the same name are the same bytes. */
bool vexfs_embedder_valid(const struct vexfs_embedder_id *e)
{
	size_t len = strnlen(e->name, sizeof(e->name));

	return len < sizeof(e->name) &&
	       vexfs_all_zero_bytes(e->name + len, sizeof(e->name) - len);
}

/* ---- what a request asks for ------------------------------------------------------- */

static int vexfs_owner_uid(struct vexfs_coll_owner *o, u32 uid)
{
	o->uid = make_kuid(current_user_ns(), uid);
	return uid_valid(o->uid) ? 0 : -EINVAL;
}

static int vexfs_owner_gid(struct vexfs_coll_owner *o, u32 gid)
{
	o->gid = make_kgid(current_user_ns(), gid);
	return gid_valid(o->gid) ? 0 : -EINVAL;
}

/* To give it away takes a capability; to one's own groups the owner may, as with a file. */
static int vexfs_owner_allowed(struct super_block *sb, const struct vexfs_coll_owner *old,
			       const struct vexfs_coll_owner *new)
{
	if (vexfs_may_manage(sb))
		return 0;
	if (!uid_eq(old->uid, new->uid))
		return -EPERM;
	return gid_eq(old->gid, new->gid) || in_group_p(new->gid) ? 0 : -EPERM;
}

static int vexfs_owner_ask(struct super_block *sb, const struct vexfs_ioc_collection *req,
			   struct vexfs_coll_owner *o)
{
	struct vexfs_coll_owner old = *o;
	int err = 0;

	if (req->flags & VEXFS_COLL_MODE) {
		if (req->mode & ~0666U)
			return -EINVAL;
		o->mode = req->mode;
	}
	if (req->flags & VEXFS_COLL_UID)
		err = vexfs_owner_uid(o, req->uid);
	if (!err && (req->flags & VEXFS_COLL_GID))
		err = vexfs_owner_gid(o, req->gid);
	return err ? err : vexfs_owner_allowed(sb, &old, o);
}

/**
 * vexfs_coll_new_owner - owner, mode and embedder of a collection about to be made
 * @coll: not known to anybody yet
 * @req:  checked for reserved fields
 *
 * The caller's, and 0666: as with files in a shared directory, who may write a
 * file decides about its embeddings; the mode narrows that.
 *
 * Return: 0, -EINVAL, -EPERM.
 */
int vexfs_coll_new_owner(struct vexfs_coll *coll, const struct vexfs_ioc_collection *req)
{
	coll->owner.uid = current_fsuid();
	coll->owner.gid = current_fsgid();
	coll->owner.mode = VEXFS_COLL_DEFAULT_MODE;
	coll->embedder = req->embedder;
	return vexfs_owner_ask(coll->sb, req, &coll->owner);
}

/* coll->sem held for writing, in a handle; nothing has changed if an error is returned. */
static int vexfs_coll_change_locked(handle_t *handle, struct vexfs_coll *coll,
				    const struct vexfs_ioc_collection *req)
{
	struct vexfs_coll_owner o = vexfs_coll_owner(coll);
	int err = vexfs_coll_check(coll);

	if (!err)
		err = vexfs_owner_ask(coll->sb, req, &o);
	/* What is in it was made by somebody else. */
	if (!err && (req->flags & VEXFS_COLL_EMBEDDER) && coll->nlive &&
	    vexfs_coll_embedder(coll, &req->embedder))
		err = -EBUSY;
	if (!err)
		err = vexfs_coll_record_access(handle, coll);
	if (err)
		return err;
	spin_lock(&coll->lock);
	coll->owner = o;
	if (req->flags & VEXFS_COLL_EMBEDDER)
		coll->embedder = req->embedder;
	spin_unlock(&coll->lock);
	return vexfs_coll_record_write(handle, coll);
}

/**
 * vexfs_coll_change - another owner, group, mode or embedder
 * @coll: no locks held; write access to the mount
 * @req:  @flags says what
 *
 * Return: 0, -EPERM, -EINVAL, -EBUSY (embeddings of another embedder are in it),
 * -ENOENT, -EUCLEAN, -EIO, -ENOMEM, -EINTR (fatal signal), -EROFS.
 */
int vexfs_coll_change(struct vexfs_coll *coll, const struct vexfs_ioc_collection *req)
{
	handle_t *handle;
	int err, err2;

	if (!vexfs_coll_owned(coll))
		return -EPERM;
	/* Is it empty? */
	err = req->flags & VEXFS_COLL_EMBEDDER ? vexfs_coll_need_table(coll) : 0;
	if (err)
		return err;
	down_write(&coll->sem);
	handle = vexfs_start(coll->sb, 1, 0);
	err = PTR_ERR_OR_ZERO(handle);
	if (!err) {
		err = vexfs_coll_change_locked(handle, coll, req);
		err2 = vexfs_stop(handle);
		err = err ? err : err2;
	}
	up_write(&coll->sem);
	return err;
}

/* ---- on disk and to user space -------------------------------------------------------- */

/* From a verified record. */
void vexfs_coll_owner_load(struct vexfs_coll *coll, const struct vexfs_collection *rec)
{
	struct user_namespace *ns = coll->sb->s_user_ns;

	coll->owner.uid = make_kuid(ns, le32_to_cpu(rec->c_uid));
	coll->owner.gid = make_kgid(ns, le32_to_cpu(rec->c_gid));
	coll->owner.mode = le32_to_cpu(rec->c_mode);
	memcpy(coll->embedder.name, rec->c_embedder, sizeof(coll->embedder.name));
	memcpy(coll->embedder.fingerprint, rec->c_fingerprint, sizeof(coll->embedder.fingerprint));
}

/* coll->sem held for writing, or nobody knows it yet. */
void vexfs_coll_owner_store(const struct vexfs_coll *coll, struct vexfs_collection *rec)
{
	struct user_namespace *ns = coll->sb->s_user_ns;

	rec->c_uid = cpu_to_le32(from_kuid(ns, coll->owner.uid));
	rec->c_gid = cpu_to_le32(from_kgid(ns, coll->owner.gid));
	rec->c_mode = cpu_to_le32(coll->owner.mode);
	memcpy(rec->c_embedder, coll->embedder.name, sizeof(rec->c_embedder));
	memcpy(rec->c_fingerprint, coll->embedder.fingerprint, sizeof(rec->c_fingerprint));
}

/**
 * vexfs_coll_tell - what the caller may know of a collection
 * @coll: permission to search it was checked; takes coll->lock
 * @out:  filled in by vexfs_coll_info()
 *
 * Counts are of everybody's embeddings: only the owner gets those.
 */
void vexfs_coll_tell(struct vexfs_coll *coll, struct vexfs_ioc_collection *out)
{
	struct vexfs_coll_owner o = vexfs_coll_owner(coll);

	out->uid = from_kuid_munged(current_user_ns(), o.uid);
	out->gid = from_kgid_munged(current_user_ns(), o.gid);
	out->mode = o.mode;
	spin_lock(&coll->lock);
	out->embedder = coll->embedder;
	spin_unlock(&coll->lock);
	if (vexfs_coll_owned(coll)) {
		out->flags |= VEXFS_COLL_COUNTS;
		return;
	}
	out->live = 0;
	out->slots = 0;
	out->bytes = 0;
}
