// SPDX-License-Identifier: GPL-2.0
/*
 * Open a hit as its searcher would, before it is told.
 *
 * Permission bits are not all that keeps a file from being opened: another
 * filesystem may be mounted on the way, a security module may judge by path
 * (AppArmor, TOMOYO, Landlock), a fanotify listener may refuse. So the path is
 * walked from the scope, component by component, in the caller's mount and with
 * the caller's credentials; every directory whose entry is used is opened for
 * reading, as readdir(3) would need it, and the file itself. Nothing is read.
 *
 * No locks held: every one of these steps may sleep and call out.
 */
#include "kmod/vec/search.h"
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/namei.h>
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#define VEXFS_OPEN_TRIES	3	/* beside renames */

enum { OPEN_NO = 1, OPEN_YES };

/* Errors that are about this machine or this process, not about the file. */
static bool vexfs_open_fatal(int err)
{
	return err == -ENOMEM || err == -ENFILE || err == -EINTR || err == -ERESTARTSYS;
}

/* 0, or why the caller cannot open it. */
static int vexfs_open_as(const struct path *at, int mask, int flags)
{
	struct file *file;
	int err = inode_permission(vexfs_mnt_idmap(at->mnt), d_inode(at->dentry), mask | MAY_OPEN);

	if (err)
		return err;
	file = dentry_open(at, flags | O_LARGEFILE, current_cred());
	if (IS_ERR(file))
		return PTR_ERR(file);
	fput(file);
	return 0;
}

/* A directory is opened once per search if it is met in the scope's own mount. */
static int vexfs_open_dir(struct vexfs_opened *o, const struct path *at)
{
	bool memo = at->mnt == vexfs_scope_at(o->sc)->mnt;
	u64 ino = d_inode(at->dentry)->i_ino;
	void *known = memo ? xa_load(&o->dirs, ino) : NULL;
	int err;

	if (known)
		return xa_to_value(known) == OPEN_YES ? 0 : -EACCES;
	err = vexfs_open_as(at, MAY_READ | MAY_EXEC, O_RDONLY | O_DIRECTORY);
	if (!memo || vexfs_open_fatal(err))
		return err;
	known = xa_store(&o->dirs, ino, xa_mk_value(err ? OPEN_NO : OPEN_YES), GFP_KERNEL);
	return xa_is_err(known) ? xa_err(known) : err;
}

/* From @at, whose reference is given up, to the entry @name in it. */
static int vexfs_step(struct vexfs_opened *o, struct path *at, const char *name)
{
	struct path next;
	int err = d_is_dir(at->dentry) ? vexfs_open_dir(o, at) : -ENOTDIR;

	if (!err)
		err = vfs_path_lookup(at->dentry, at->mnt, name, LOOKUP_NO_SYMLINKS, &next);
	path_put(at);
	if (!err)
		*at = next;
	return err;
}

/* *@at: the last component's, referenced, if 0 is returned. */
static int vexfs_walk(struct vexfs_opened *o, const char *path, u32 len, struct path *at)
{
	const char *end = path + len, *next;
	int err = 0;
	u32 n;

	*at = *vexfs_scope_at(o->sc);
	path_get(at);
	for (; path < end && !err; path = next + 1) {
		next = memchr(path, '/', end - path) ?: end;
		n = min_t(u32, next - path, VEXFS_NAME_LEN);
		memcpy(o->name, path, n);
		o->name[n] = 0;
		err = vexfs_step(o, at, o->name);
	}
	return err;
}

/* Is @inode what the path leads to, and may the caller open it? -ESTALE: another file. */
static int vexfs_open_path(struct vexfs_opened *o, struct inode *inode, const char *path, u32 len)
{
	struct path at;
	int err = vexfs_walk(o, path, len, &at);

	if (err)
		return err == -ENOENT ? -ESTALE : err;
	err = -ESTALE;
	if (d_inode(at.dentry) == inode)
		err = vexfs_open_as(&at, MAY_READ, O_RDONLY);
	path_put(&at);
	return err;
}

/* By one of its names. -EACCES: its directory cannot be reached. */
static int vexfs_open_link(struct vexfs_opened *o, struct inode *inode, struct vexfs_link link,
			   char **path, u32 *len)
{
	int err = vexfs_scope_reaches(o->sc, le64_to_cpu(link.l_parent));

	if (!err)
		return -EACCES;
	if (err > 0)
		err = vexfs_scope_path(o->sc, link, inode->i_ino, path, len);
	if (!err)
		err = vexfs_open_path(o, inode, *path, *len);
	return err;
}

/* By one of its names after the other. */
static int vexfs_open_links(struct vexfs_opened *o, struct inode *inode, char **path, u32 *len)
{
	struct vexfs_link links[VEXFS_INODE_LINKS], link;
	int i, err, result = -EACCES;
	u64 key = 0;

	vexfs_links_ask(inode, links);
	for (i = 0;; i++) {
		if (i < VEXFS_INODE_LINKS && !links[i].l_parent)
			i = VEXFS_INODE_LINKS;
		if (i < VEXFS_INODE_LINKS) {
			link = links[i];
		} else {
			err = vexfs_links_more(inode, &key, &link);
			if (err <= 0)
				return err == -EINTR ? err : result;
		}
		err = vexfs_open_link(o, inode, link, path, len);
		if (!err || vexfs_open_fatal(err))
			return err;
		if (err == -ESTALE || err == -ENAMETOOLONG)
			result = err;
	}
}

static int vexfs_open_inode(struct vexfs_opened *o, struct inode *inode, char **path, u32 *len)
{
	int try, err = -ESTALE;

	/* What a rename has moved meanwhile is looked for again; what a mount covers stays away. */
	for (try = 0; try < VEXFS_OPEN_TRIES && err == -ESTALE; try++)
		err = vexfs_open_links(o, inode, path, len);
	return err;
}

/**
 * vexfs_open_hit - may the caller open this file by a path below the scope?
 * @o:	  of this search
 * @c:	  the hit
 * @path: the path, not terminated; valid until the next call
 * @len:  its length
 *
 * A refusal is remembered for the rest of the search. No locks held.
 *
 * Return: 1; 0: no; -ENAMETOOLONG: it lies too deep for a search to tell;
 * -EINTR, -ENOMEM, -ENFILE.
 */
int vexfs_open_hit(struct vexfs_opened *o, const struct vexfs_found *c, char **path, u32 *len)
{
	struct inode *inode;
	int err;

	inode = vexfs_iget(o->sb, c->ino, VEXFS_IGET_MAYBE);
	err = PTR_ERR_OR_ZERO(inode);
	if (!err) {
		err = -EACCES;
		if (inode->i_generation == c->generation && inode->i_nlink)
			err = vexfs_open_inode(o, inode, path, len);
		iput(inode);
	}
	if (!err)
		return 1;
	if (fatal_signal_pending(current))
		return -EINTR;
	if (vexfs_open_fatal(err))
		return err;
	if (xa_is_err(xa_store(&o->refused, c->ino, xa_mk_value(1), GFP_KERNEL)))
		return -ENOMEM;
	return err == -ENAMETOOLONG ? err : 0;
}

bool vexfs_open_refused(struct vexfs_opened *o, u64 ino)
{
	return xa_load(&o->refused, ino);
}

void vexfs_opened_init(struct vexfs_opened *o, struct super_block *sb, struct vexfs_scope *sc)
{
	o->sb = sb;
	o->sc = sc;
	xa_init_flags(&o->dirs, XA_FLAGS_ACCOUNT);
	xa_init_flags(&o->refused, XA_FLAGS_ACCOUNT);
}

void vexfs_opened_free(struct vexfs_opened *o)
{
	xa_destroy(&o->dirs);
	xa_destroy(&o->refused);
}
