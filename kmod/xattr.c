// SPDX-License-Identifier: GPL-2.0
/*
 * Extended attributes that are stored: user, trusted, security, ACLs (kmod/acl.c). user.vec.* are made from the
 * embeddings (kmod/vec/xattr.c). docs/format.md has the layout, core/xattr.c the records.
 *
 * A change is worked out first, on copies of the two areas (vexfs_xattr_prepare()), with all that
 * has to be read; then one handle takes room and journal access for all of it and, when nothing can
 * fail any more, stores it (vexfs_xattr_apply()). What can be evicted by it is put after the handle
 * (vexfs_xattr_done()).
 *
 * xattr_sem: readers hold it while they read from the disk, so it is taken before a handle and never in
 * one. Eviction and creation do without: nobody else has the inode.
 */
#include "kmod/vexfs.h"
#include "kmod/xattr.h"
#include <linux/capability.h>
#include <linux/iversion.h>
#include <linux/posix_acl_xattr.h>
#include <linux/sched/mm.h>
#include <linux/xattr.h>

#define VEXFS_XATTR_CREDITS	8	/* the inode, its block, a value that goes, spare */

/* ---- reading ------------------------------------------------------------------ */

/* The block of attributes, verified; NULL: there is none. ERR_PTR. */
static struct buffer_head *vexfs_xattr_block(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	u64 blkno = VEXFS_I(inode)->xattr_block;
	struct buffer_head *bh;
	const char *what;

	if (!blkno)
		return NULL;
	bh = vexfs_md_read(sb, blkno, VEXFS_MAGIC_XATTR, 0, inode->i_ino);
	if (IS_ERR(bh) || buffer_vexfs_checked(bh))
		return bh;
	what = vexfs_xattr_block_verify(bh->b_data, inode->i_mode);
	if (!what) {
		set_buffer_vexfs_checked(bh);
		return bh;
	}
	brelse(bh);
	return ERR_PTR(vexfs_corrupt(sb, inode->i_ino, blkno, what));
}

static bool vexfs_xattr_find_in(const struct buffer_head *bh, u8 kind, const char *name,
				struct vexfs_xattr_ent *e)
{
	return bh && vexfs_xattr_find(vexfs_xattr_block_area(bh->b_data), VEXFS_MD_SPACE, kind, name,
				      strlen(name), e);
}

/* Its length, and the value if there is room for it. xattr_sem held. */
static int vexfs_xattr_value(struct inode *inode, const struct vexfs_xattr_ent *e, void *buf,
			     size_t size)
{
	int err = 0;

	if (!size)
		return e->value_len;
	if (size < e->value_len)
		return -ERANGE;
	if (e->large)
		err = vexfs_value_read(inode, e, buf);
	else
		memcpy(buf, e->value, e->value_len);
	return err ? err : e->value_len;
}

static int vexfs_xattr_get_locked(struct inode *inode, u8 kind, const char *name, void *buf, size_t size)
{
	struct vexfs_xattr_ent e;
	struct buffer_head *bh;
	int ret = -ENODATA;

	if (vexfs_xattr_find(VEXFS_I(inode)->xattr, VEXFS_XATTR_INLINE, kind, name, strlen(name), &e))
		return vexfs_xattr_value(inode, &e, buf, size);
	bh = vexfs_xattr_block(inode);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	if (vexfs_xattr_find_in(bh, kind, name, &e))
		ret = vexfs_xattr_value(inode, &e, buf, size);
	brelse(bh);
	return ret;
}

/**
 * vexfs_xattr_get - a stored attribute
 * @inode: any; takes xattr_sem; not in a handle
 * @kind:  VEXFS_XATTR_*
 * @name:  without prefix
 * @buf:   for the value
 * @size:  of @buf; 0: only the length is asked for
 *
 * Return: its length, -ENODATA, -ERANGE, -EUCLEAN, -EIO, -ENOMEM.
 */
int vexfs_xattr_get(struct inode *inode, u8 kind, const char *name, void *buf, size_t size)
{
	int ret;

	down_read(&VEXFS_I(inode)->xattr_sem);
	ret = vexfs_xattr_get_locked(inode, kind, name, buf, size);
	up_read(&VEXFS_I(inode)->xattr_sem);
	return ret;
}

/* ---- working out a change -------------------------------------------------------- */

/* Copies of both areas. */
static int vexfs_xattr_copy(struct inode *inode, struct vexfs_xattr_plan *p)
{
	memcpy(p->inl, VEXFS_I(inode)->xattr, sizeof(p->inl));
	p->bh = vexfs_xattr_block(inode);
	if (IS_ERR(p->bh)) {
		int err = PTR_ERR(p->bh);

		p->bh = NULL;
		return err;
	}
	p->area = kzalloc(VEXFS_MD_SPACE, GFP_NOFS);
	if (!p->area)
		return -ENOMEM;
	if (p->bh)
		memcpy(p->area, vexfs_xattr_block_area(p->bh->b_data), VEXFS_MD_SPACE);
	return 0;
}

/* The attribute as it is now; false: there is none. */
static bool vexfs_xattr_old(const struct vexfs_xattr_plan *p, const struct vexfs_xattr_ent *e,
			    struct vexfs_xattr_ent *old)
{
	return vexfs_xattr_find(p->inl, VEXFS_XATTR_INLINE, e->kind, e->name, e->name_len, old) ||
	       vexfs_xattr_find(p->area, VEXFS_MD_SPACE, e->kind, e->name, e->name_len, old);
}

static bool vexfs_xattr_put(struct vexfs_xattr_plan *p)
{
	p->inl_has = vexfs_xattr_add(p->inl, VEXFS_XATTR_INLINE, &p->ent);
	return p->inl_has || vexfs_xattr_add(p->area, VEXFS_MD_SPACE, &p->ent);
}

/* In the inode, else in the block, else with an inode for the value. -ENOSPC: too many. */
static int vexfs_xattr_place(struct vexfs_xattr_plan *p)
{
	if (vexfs_xattr_put(p))
		return 0;
	if (!p->ent.value_len)
		return -ENOSPC;
	p->ent.large = true;
	return vexfs_xattr_put(p) ? 0 : -ENOSPC;
}

static void vexfs_xattr_take(struct vexfs_xattr_plan *p)
{
	vexfs_xattr_del(p->inl, VEXFS_XATTR_INLINE, p->ent.kind, p->ent.name, p->ent.name_len);
	vexfs_xattr_del(p->area, VEXFS_MD_SPACE, p->ent.kind, p->ent.name, p->ent.name_len);
}

/**
 * vexfs_xattr_prepare - work out a change of the attributes
 * @inode:  xattr_sem held for writing, or nobody else has it
 * @e:	    what it is about; memory of the caller until done
 * @remove: take it away
 * @flags:  XATTR_CREATE, XATTR_REPLACE
 * @p:	    zeroed by the caller, but for @p->mode; vexfs_xattr_done() also after an error
 *
 * Return: 0, -EEXIST, -ENODATA, -ENOSPC (attributes of the inode are full), -EUCLEAN, -EIO, -ENOMEM.
 */
int vexfs_xattr_prepare(struct inode *inode, const struct vexfs_xattr_ent *e, bool remove, int flags,
			struct vexfs_xattr_plan *p)
{
	struct vexfs_xattr_ent old;
	u32 count;
	bool had;
	int err = vexfs_xattr_copy(inode, p);

	if (err)
		return err;
	p->ent = *e;
	p->remove = remove;
	had = vexfs_xattr_old(p, e, &old);
	if (had && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!had && ((remove && !p->mode) || (flags & XATTR_REPLACE)))
		return -ENODATA;
	if (had && old.large) {
		struct inode *gone = vexfs_value_get(inode, old.ino, old.value_len);

		if (IS_ERR(gone))
			return PTR_ERR(gone);
		p->gone = gone;
		p->gone_bytes = vexfs_value_charge(old.value_len);
	}
	vexfs_xattr_take(p);
	err = remove ? 0 : vexfs_xattr_place(p);
	p->used = vexfs_xattr_used(p->area, VEXFS_MD_SPACE, &count);
	return err;
}

int vexfs_xattr_credits(struct super_block *sb, const struct vexfs_xattr_plan *p)
{
	return VEXFS_XATTR_CREDITS + (p->ent.large && !p->remove ?
				      vexfs_value_credits(sb, p->ent.value_len) : 0);
}

/* ---- storing it ---------------------------------------------------------------------- */

/* The inode for the value; its number goes into the record. */
static int vexfs_xattr_large(handle_t *handle, struct inode *inode, struct vexfs_xattr_plan *p)
{
	int err;

	if (p->remove || !p->ent.large)
		return 0;
	err = vexfs_charge_extra(inode, vexfs_value_charge(p->ent.value_len));
	if (err)
		return err;
	p->made_bytes = vexfs_value_charge(p->ent.value_len);
	err = vexfs_value_create(handle, inode, p->ent.value, p->ent.value_len, &p->made);
	if (err)
		return err;
	vexfs_xattr_take(p);
	p->ent.ino = p->made->i_ino;
	vexfs_xattr_put(p);	/* as large as the one that was there: it fits */
	return 0;
}

/* Journal access to the block, or a new one, or none any more. */
static int vexfs_xattr_room(handle_t *handle, struct inode *inode, struct vexfs_xattr_plan *p)
{
	struct vexfs_geo *geo = &VEXFS_SB(inode->i_sb)->geo;
	struct vexfs_kio kio;
	struct vexfs_blk b;
	int err = 0;

	vexfs_kio_init(&kio, inode->i_sb, handle, inode->i_ino);
	kio.charge = inode;
	if (p->bh && p->used)
		return vexfs_md_modify(handle, inode->i_sb, p->bh);
	if (p->bh) {
		b = (struct vexfs_blk){ .blkno = p->bh->b_blocknr, .data = p->bh->b_data, .priv = p->bh };
		p->bh = NULL;
		err = kio.io.ops->free(&kio.io, &b);
	} else if (p->used) {
		err = kio.io.ops->alloc(&kio.io, vexfs_group_start(geo, vexfs_ino_group(geo, inode->i_ino)),
					VEXFS_MAGIC_XATTR, inode->i_ino, &b);
		if (!err)
			p->bh = b.priv;
	}
	return err;
}

/* Nothing here fails but by a journal that has stopped. */
static int vexfs_xattr_store(handle_t *handle, struct inode *inode, struct vexfs_xattr_plan *p)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err = 0, err2;

	if (p->bh) {
		memcpy(vexfs_xattr_block_area(p->bh->b_data), p->area, VEXFS_MD_SPACE);
		vexfs_xattr_block_count(p->bh->b_data);
		set_buffer_vexfs_checked(p->bh);
		err = vexfs_md_dirty(handle, inode->i_sb, p->bh);
	}
	spin_lock(&vi->lock);
	memcpy(vi->xattr, p->inl, sizeof(vi->xattr));
	vi->xattr_block = p->bh ? p->bh->b_blocknr : 0;
	spin_unlock(&vi->lock);
	if (p->gone) {
		vexfs_value_drop(handle, p->gone);
		vexfs_uncharge_extra(inode, p->gone_bytes);
	}
	if (p->mode)
		inode->i_mode = p->mode;
	vexfs_set_ctime_now(inode);
	inode_inc_iversion(inode);
	err2 = vexfs_mark_inode_dirty(handle, inode);
	return err ? err : err2;
}

/**
 * vexfs_xattr_apply - store what was worked out
 * @handle: with vexfs_xattr_credits(), and a revoke
 * @inode:  as for vexfs_xattr_prepare()
 * @p:	    prepared; on an error nothing of it has happened
 *
 * Return: 0, -ENOSPC (the device is full), -EIO, -ENOMEM.
 */
int vexfs_xattr_apply(handle_t *handle, struct inode *inode, struct vexfs_xattr_plan *p)
{
	int err = vexfs_inode_access(handle, inode);

	if (!err && p->gone)
		err = vexfs_orphan_add(handle, p->gone);
	if (err)
		return err;
	err = vexfs_xattr_large(handle, inode, p);
	if (!err)
		err = vexfs_xattr_room(handle, inode, p);
	if (!err)
		return vexfs_xattr_store(handle, inode, p);
	vexfs_uncharge_extra(inode, p->made_bytes);
	if (p->gone)
		vexfs_orphan_del(handle, p->gone);
	if (p->made && p->made->i_nlink && !vexfs_orphan_add(handle, p->made))
		vexfs_value_drop(handle, p->made);
	return err;
}

/* Free what a plan holds. Not in a handle: values without an attribute are evicted. */
void vexfs_xattr_done(struct vexfs_xattr_plan *p)
{
	iput(p->gone);
	iput(p->made);
	brelse(p->bh);
	kfree(p->area);
	memset(p, 0, sizeof(*p));
}

/**
 * vexfs_xattr_init - give a new inode an attribute, in the handle that makes it
 * @handle: with vexfs_xattr_init_credits()
 * @inode:  not visible yet
 * @e:	    what to store
 * @p:	    zeroed, and so after success; else vexfs_xattr_done() when the handle has stopped
 */
int vexfs_xattr_init(handle_t *handle, struct inode *inode, const struct vexfs_xattr_ent *e,
		     struct vexfs_xattr_plan *p)
{
	int err = vexfs_xattr_prepare(inode, e, false, XATTR_CREATE, p);

	if (!err)
		err = vexfs_xattr_apply(handle, inode, p);
	if (!err)
		vexfs_xattr_done(p);	/* nothing in it has lost its link: nothing is evicted */
	return err;
}

/* A few small ones fit the block; a larger one may need an inode. */
int vexfs_xattr_init_credits(struct super_block *sb, u32 len)
{
	return VEXFS_XATTR_CREDITS + (len > VEXFS_MD_SPACE / 8 ? vexfs_value_credits(sb, len) : 0);
}

static int vexfs_xattr_change(struct inode *inode, struct vexfs_xattr_plan *p)
{
	int credits = vexfs_xattr_credits(inode->i_sb, p) + vexfs_feed_credits(inode->i_sb);
	int err = p->mode ? vexfs_feed_prepare(inode) : 0, err2;
	handle_t *handle;

	if (err)
		return err;
	handle = vexfs_start(inode->i_sb, credits, 1 + 2 * VEXFS_MAX_LEVEL);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	if (IS_SYNC(inode))
		handle->h_sync = 1;
	/* An ACL: who may have the file changes. */
	if (p->mode)
		err = vexfs_feed_touch(handle, inode);
	if (!err)
		err = vexfs_xattr_apply(handle, inode, p);
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

/**
 * vexfs_xattr_set - set or remove a stored attribute
 * @inode:  i_rwsem held; takes xattr_sem; not in a handle
 * @e:	    @kind, @name, @value
 * @remove: take it away
 * @flags:  XATTR_CREATE, XATTR_REPLACE
 * @mode:   0, or the mode that goes with it: there may be nothing to remove then
 *
 * A crash finds the old value or the new one; an error leaves the old one.
 *
 * Return: 0, -EEXIST, -ENODATA, -ENOSPC, -E2BIG, -EROFS, -EUCLEAN, -EIO, -ENOMEM.
 */
int vexfs_xattr_set(struct inode *inode, const struct vexfs_xattr_ent *e, bool remove, int flags,
		    umode_t mode)
{
	struct super_block *sb = inode->i_sb;
	unsigned int seq = vexfs_room_seq(VEXFS_SB(sb));
	struct vexfs_xattr_plan p = { };
	int err = 0, tries = 0;
	bool again;

	if (e->value_len > VEXFS_XATTR_VALUE_MAX)
		return -E2BIG;
	if (vexfs_is_shutdown(sb))
		return -EIO;
	down_write(&VEXFS_I(inode)->xattr_sem);
	do {
		p.mode = mode;
		err = vexfs_xattr_prepare(inode, e, remove, flags, &p);
		if (!err && !remove)
			err = vexfs_feature_set(sb, VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_XATTR);
		again = !err && vexfs_credits_fit(sb, vexfs_xattr_credits(sb, &p));
		if (again)
			err = vexfs_xattr_change(inode, &p);
		else if (!err)
			err = -ENOSPC;
		vexfs_xattr_done(&p);
	} while (again && err == -ENOSPC &&
		 (vexfs_room_retry(sb, &seq, &tries) || vexfs_vec_wait(sb)));
	up_write(&VEXFS_I(inode)->xattr_sem);
	return err;
}

/* ---- the end of an inode ---------------------------------------------------------------- */

/* An attribute whose value has an inode; its name goes to @name, since the area will change. */
static int vexfs_xattr_any_large(struct inode *inode, struct vexfs_xattr_ent *e, char *name)
{
	struct buffer_head *bh = vexfs_xattr_block(inode);
	int found = 0;
	u32 pos = 0;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	while (!found && vexfs_xattr_next(VEXFS_I(inode)->xattr, VEXFS_XATTR_INLINE, &pos, e))
		found = e->large;
	for (pos = 0; bh && !found;) {
		if (!vexfs_xattr_next(vexfs_xattr_block_area(bh->b_data), VEXFS_MD_SPACE, &pos, e))
			break;
		found = e->large;
	}
	if (found) {
		memcpy(name, e->name, e->name_len);
		e->name = name;
	}
	brelse(bh);
	return found;
}

static int vexfs_xattr_evict_large(struct inode *inode, const struct vexfs_xattr_ent *e)
{
	struct vexfs_xattr_plan p = { };
	int err = vexfs_xattr_prepare(inode, e, true, 0, &p);

	if (!err) {
		sb_start_intwrite(inode->i_sb);
		err = vexfs_xattr_change(inode, &p);
		sb_end_intwrite(inode->i_sb);
	}
	vexfs_xattr_done(&p);
	return err;
}

static int vexfs_xattr_evict_block(struct inode *inode)
{
	struct vexfs_xattr_plan p = { .bh = vexfs_xattr_block(inode), .remove = true };
	int err;

	if (IS_ERR(p.bh))
		return PTR_ERR(p.bh);
	sb_start_intwrite(inode->i_sb);
	err = vexfs_xattr_change(inode, &p);
	sb_end_intwrite(inode->i_sb);
	vexfs_xattr_done(&p);
	return err;
}

/**
 * vexfs_xattr_evict - free the attributes of an inode that is being deleted
 * @inode: without a link, evicted; no handle, no write access to the filesystem held
 *
 * Each step is complete: after a crash or an error the rest is freed by the next mount.
 */
int vexfs_xattr_evict(struct inode *inode)
{
	struct vexfs_xattr_ent e;
	char name[XATTR_NAME_MAX + 1];
	unsigned int nofs;
	int err;

	if (!VEXFS_I(inode)->xattr[0] && !VEXFS_I(inode)->xattr[1] && !VEXFS_I(inode)->xattr_block)
		return 0;
	/* Memory may be what it is evicted for. */
	nofs = memalloc_nofs_save();
	while ((err = vexfs_xattr_any_large(inode, &e, name)) > 0) {
		err = vexfs_xattr_evict_large(inode, &e);
		if (err)
			break;
	}
	if (!err && VEXFS_I(inode)->xattr_block)
		err = vexfs_xattr_evict_block(inode);
	memalloc_nofs_restore(nofs);
	return err;
}

/* ---- the VFS ------------------------------------------------------------------------------ */

static int vexfs_handler_get(const struct xattr_handler *handler, struct dentry *dentry,
			     struct inode *inode, const char *name, void *buf, size_t size)
{
	return vexfs_xattr_get(inode, handler->flags, name, buf, size);
}

static int vexfs_handler_set(const struct xattr_handler *handler, vexfs_idmap_t *idmap,
			     struct dentry *dentry, struct inode *inode, const char *name,
			     const void *value, size_t size, int flags)
{
	struct vexfs_xattr_ent e = {
		.kind = handler->flags, .name = name, .name_len = strlen(name),
		.value = value, .value_len = size,
	};
	int err;

	if (!e.name_len || e.name_len != strlen(name))
		return -EINVAL;
	err = vexfs_xattr_set(inode, &e, !value, flags, 0);
	/* A security module may let others in, or fewer. */
	if (!err && e.kind == VEXFS_XATTR_SECURITY)
		vexfs_perm_changed(inode);
	return err;
}

#define VEXFS_XATTR_HANDLER(n, p, k)			\
static const struct xattr_handler vexfs_##n##_handler = { \
	.prefix	= p,					\
	.flags	= k,					\
	.get	= vexfs_handler_get,			\
	.set	= vexfs_handler_set,			\
}
VEXFS_XATTR_HANDLER(user, XATTR_USER_PREFIX, VEXFS_XATTR_USER);
VEXFS_XATTR_HANDLER(trusted, XATTR_TRUSTED_PREFIX, VEXFS_XATTR_TRUSTED);
VEXFS_XATTR_HANDLER(security, XATTR_SECURITY_PREFIX, VEXFS_XATTR_SECURITY);

/* The first whose prefix fits is asked. */
const struct xattr_handler *const vexfs_xattr_handlers[] = {
	&vexfs_vec_xattr_handler,
	&vexfs_user_handler,
	&vexfs_trusted_handler,
	&vexfs_security_handler,
#ifndef VEXFS_HAVE_SET_ACL_DENTRY	/* later the VFS does without */
	&posix_acl_access_xattr_handler,
	&posix_acl_default_xattr_handler,
#endif
	NULL
};

/* May the caller see that there is such a name? */
static bool vexfs_xattr_listed(struct inode *inode, u8 kind)
{
	if (kind == VEXFS_XATTR_ACL || kind == VEXFS_XATTR_DEFAULT_ACL)
		return IS_POSIXACL(inode);
	return kind != VEXFS_XATTR_TRUSTED || capable(CAP_SYS_ADMIN);
}

/* Names of an area after the @total bytes there are; the new total, or -ERANGE. xattr_sem held. */
static ssize_t vexfs_list_area(struct inode *inode, const void *area, u32 size, char *buf, size_t room,
			       ssize_t total)
{
	struct vexfs_xattr_ent e;
	const char *prefix;
	size_t plen, len;
	u32 pos = 0;

	while (vexfs_xattr_next(area, size, &pos, &e)) {
		if (!vexfs_xattr_listed(inode, e.kind))
			continue;
		prefix = vexfs_xattr_prefix(e.kind);
		plen = strlen(prefix);
		len = plen + e.name_len + 1;
		if (buf && total + len > room)
			return -ERANGE;
		if (buf) {
			memcpy(buf + total, prefix, plen);
			memcpy(buf + total + plen, e.name, e.name_len);
			buf[total + len - 1] = 0;
		}
		total += len;
	}
	return total;
}

static ssize_t vexfs_list_stored(struct inode *inode, char *buf, size_t size)
{
	ssize_t total = vexfs_list_area(inode, VEXFS_I(inode)->xattr, VEXFS_XATTR_INLINE, buf, size, 0);
	struct buffer_head *bh;

	if (total < 0)
		return total;
	bh = vexfs_xattr_block(inode);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	if (bh)
		total = vexfs_list_area(inode, vexfs_xattr_block_area(bh->b_data), VEXFS_MD_SPACE, buf, size,
					total);
	brelse(bh);
	return total;
}

/* The stored ones first, then embeddings as far as they fit. Takes xattr_sem. */
ssize_t vexfs_listxattr(struct dentry *dentry, char *buf, size_t size)
{
	struct inode *inode = d_inode(dentry);
	ssize_t total;

	down_read(&VEXFS_I(inode)->xattr_sem);
	total = vexfs_list_stored(inode, buf, size);
	up_read(&VEXFS_I(inode)->xattr_sem);
	return total < 0 ? total : vexfs_vec_listxattr(inode, buf, size, total);
}
