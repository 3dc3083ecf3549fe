// SPDX-License-Identifier: GPL-2.0
/*
 * What is below the directory a search began at, and may the searcher know?
 *
 * An embedding leads to an inode number; open(2) would have come by names. So
 * the question is asked upwards: is there a way from the file up to the scope on
 * which the caller may read and search every directory? Search permission alone
 * would let open(2) through, but whoever knows no name cannot open it: a search
 * must not tell names that readdir(3) would not.
 *
 * Locking: none is held from one directory to the next, so a rename may leave us
 * on a way that never existed as a whole. What a search discloses is therefore
 * walked once more from the top (open.c). None of the vector half's locks and no
 * handle may be held: looking up an inode can wait for an eviction, which takes
 * them.
 */
#include "kmod/vec/vec.h"
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#define VEXFS_SCOPE_MEMO	2048	/* files: entries of a lossy table, power of two */

enum { DIR_NO = 1, DIR_YES, DIR_ASKED };

/**
 * struct vexfs_scope - the directory a search began at, and what it has learnt
 * @sb:    the filesystem
 * @at:    where the search began: mount and directory
 * @idmap: of that mount
 * @filter: which files are wanted; NULL: all
 * @top:   inode number of the directory
 * @dirs:  directory -> DIR_*: is there a way down to it from the scope?
 * @files: verdicts on files
 * @climb: the directories of one climb
 * @depth: how many have room in @climb
 * @path:  VEXFS_PATH_ROOM bytes, filled from the end
 * @name:  one component
 */
struct vexfs_scope {
	struct super_block	*sb;
	struct path		at;
	vexfs_idmap_t		*idmap;
	const struct vexfs_filter *filter;
	u64			top;
	struct xarray		dirs;
	struct vexfs_verdict	files[VEXFS_SCOPE_MEMO];
	u64			*climb;
	u32			depth;
	char			*path;
	char			name[VEXFS_NAME_LEN + 1];
};

/* The file stays open as long as the scope is used. */
struct vexfs_scope *vexfs_scope_create(struct file *file, const struct vexfs_filter *fl)
{
	struct vexfs_scope *sc = kvzalloc(sizeof(*sc), GFP_KERNEL_ACCOUNT);

	if (!sc)
		return NULL;
	xa_init_flags(&sc->dirs, XA_FLAGS_ACCOUNT);
	sc->sb = file_inode(file)->i_sb;
	sc->at = file->f_path;
	sc->idmap = vexfs_file_idmap(file);
	sc->filter = fl;
	sc->top = file_inode(file)->i_ino;
	sc->path = kvmalloc(VEXFS_PATH_ROOM, GFP_KERNEL_ACCOUNT);
	if (sc->path)
		return sc;
	kvfree(sc);
	return NULL;
}

void vexfs_scope_free(struct vexfs_scope *sc)
{
	if (!sc)
		return;
	xa_destroy(&sc->dirs);
	kvfree(sc->climb);
	kvfree(sc->path);
	kvfree(sc);
}

void vexfs_scope_forget(struct vexfs_scope *sc)
{
	xa_destroy(&sc->dirs);
	memset(sc->files, 0, sizeof(sc->files));
}

u64 vexfs_scope_top(const struct vexfs_scope *sc)
{
	return sc->top;
}

const struct path *vexfs_scope_at(const struct vexfs_scope *sc)
{
	return &sc->at;
}

static u32 vexfs_memo_slot(u64 ino)
{
	return (u32)((ino * 0x9e3779b97f4a7c15ULL) >> 32) & (VEXFS_SCOPE_MEMO - 1);
}

/**
 * vexfs_links_ask - the names of an inode that is about to be judged
 * @inode: the verdict may be kept: the next change of who may have it is recorded
 * @links: VEXFS_INODE_LINKS of them: a consistent copy
 *
 * Called before permission is looked at. Takes inode->lock.
 */
void vexfs_links_ask(struct inode *inode, struct vexfs_link *links)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	spin_lock(&vi->lock);
	vi->judged = true;
	memcpy(links, vi->links, sizeof(vi->links));
	spin_unlock(&vi->lock);
}

/* ---- climbing ------------------------------------------------------------- */

/* An inode that is gone or was never there is no error: nobody can reach it. */
static int vexfs_gone(int err)
{
	return err == -ESTALE || err == -ENOENT ? 0 : err;
}

/* 1: the caller may read and search directory @ino, whose parent is *@up. 0: not. */
static int vexfs_dir_open_to(struct vexfs_scope *sc, u64 ino, u64 *up)
{
	struct inode *dir = vexfs_iget(sc->sb, ino, VEXFS_IGET_MAYBE);
	struct vexfs_link links[VEXFS_INODE_LINKS];
	int ok;

	if (IS_ERR(dir))
		return vexfs_gone(PTR_ERR(dir));
	vexfs_links_ask(dir, links);
	ok = S_ISDIR(dir->i_mode) && dir->i_nlink &&
	     !inode_permission(sc->idmap, dir, MAY_READ | MAY_EXEC);
	*up = le64_to_cpu(links[0].l_parent);
	iput(dir);
	return ok;
}

static int vexfs_climb_push(struct vexfs_scope *sc, u32 n, u64 dir)
{
	u32 depth = sc->depth ? sc->depth * 2 : 64;
	u64 *climb;

	if (n == sc->depth) {
		climb = kvmalloc_array(depth, sizeof(*climb), GFP_KERNEL_ACCOUNT);
		if (!climb)
			return -ENOMEM;
		if (n)
			memcpy(climb, sc->climb, n * sizeof(*climb));
		kvfree(sc->climb);
		sc->climb = climb;
		sc->depth = depth;
	}
	sc->climb[n] = dir;
	return xa_err(xa_store(&sc->dirs, dir, xa_mk_value(DIR_ASKED), GFP_KERNEL));
}

/* Every directory passed learns the answer, or forgets that it was asked. */
static int vexfs_climb_end(struct vexfs_scope *sc, u32 n, int ok)
{
	while (n--) {
		/* An entry is replaced, which takes no memory. */
		if (ok >= 0)
			xa_store(&sc->dirs, sc->climb[n], xa_mk_value(ok ? DIR_YES : DIR_NO),
				 GFP_KERNEL);
		else
			xa_erase(&sc->dirs, sc->climb[n]);
	}
	return ok;
}

/**
 * vexfs_scope_reaches - is there a way down from the scope to a directory?
 * @sc:	 the search
 * @dir: inode number, from a link
 *
 * Of any depth; a cycle, which a damaged filesystem may hold, ends nowhere.
 *
 * Return: 1, 0, -EINTR, -ENOMEM, -EIO, -EUCLEAN.
 */
int vexfs_scope_reaches(struct vexfs_scope *sc, u64 dir)
{
	int ok = 0, err;
	u32 n = 0;
	u64 up;

	while (dir) {
		void *known = xa_load(&sc->dirs, dir);

		if (known)
			return vexfs_climb_end(sc, n, xa_to_value(known) == DIR_YES);
		if (fatal_signal_pending(current))
			return vexfs_climb_end(sc, n, -EINTR);
		err = vexfs_climb_push(sc, n, dir);
		if (err)
			return vexfs_climb_end(sc, n, err);
		n++;
		ok = vexfs_dir_open_to(sc, dir, &up);
		if (ok <= 0 || dir == sc->top)
			return vexfs_climb_end(sc, n, ok);
		dir = dir == VEXFS_ROOT_INO ? 0 : up;
		cond_resched();
	}
	return vexfs_climb_end(sc, n, 0);
}

/* ---- verdicts ----------------------------------------------------------------- */

/* 1: one of the file's names can be reached. 0: none, or an error. */
static int vexfs_links_reach(struct vexfs_scope *sc, struct inode *inode,
			     const struct vexfs_link *links)
{
	struct vexfs_link link;
	int i, ok = 0, more;
	u64 key = 0;

	for (i = 0; i < VEXFS_INODE_LINKS && links[i].l_parent && ok <= 0; i++) {
		ok = vexfs_scope_reaches(sc, le64_to_cpu(links[i].l_parent));
		if (ok == -EINTR || ok == -ENOMEM)
			return ok;
	}
	while (ok <= 0 && (more = vexfs_links_more(inode, &key, &link))) {
		ok = more > 0 ? vexfs_scope_reaches(sc, le64_to_cpu(link.l_parent)) : more;
		if (ok == -EINTR || ok == -ENOMEM)
			return ok;
		if (more < 0)
			break;		/* a damaged tree: reported, and the rest is not known */
	}
	return ok > 0;
}

static int vexfs_scope_ask(struct vexfs_scope *sc, u64 ino, struct vexfs_verdict *v)
{
	struct inode *inode = vexfs_iget(sc->sb, ino, VEXFS_IGET_MAYBE);
	struct vexfs_link links[VEXFS_INODE_LINKS];
	int ok = 0;

	memset(v, 0, sizeof(*v));
	v->ino = ino;
	if (IS_ERR(inode))
		return inode == ERR_PTR(-ENOMEM) ? -ENOMEM : 0;
	vexfs_links_ask(inode, links);
	v->generation = inode->i_generation;
	v->datagen = READ_ONCE(VEXFS_I(inode)->datagen);
	if (S_ISREG(inode->i_mode) && inode->i_nlink &&
	    !inode_permission(sc->idmap, inode, MAY_READ))
		ok = vexfs_links_reach(sc, inode, links);
	v->ok = ok > 0;
	v->pass = v->ok && (!sc->filter || vexfs_filter_inode(sc->filter, sc->idmap, inode));
	iput(inode);
	return min(ok, 0);
}

/**
 * vexfs_scope_judge - may the caller have embeddings of this file?
 * @sc:	 the search
 * @ino: from a slot; may be stale
 * @v:	 what was found; v->ok false for every reason alike
 *
 * Return: 0, -EINTR, -ENOMEM.
 */
int vexfs_scope_judge(struct vexfs_scope *sc, u64 ino, struct vexfs_verdict *v)
{
	struct vexfs_verdict *m = &sc->files[vexfs_memo_slot(ino)];
	int err;

	if (m->ino != ino) {
		struct vexfs_verdict fresh;

		err = vexfs_scope_ask(sc, ino, &fresh);
		if (err)
			return err;
		*m = fresh;
	}
	*v = *m;
	return 0;
}

/* ---- names ------------------------------------------------------------------------ */

/* Name of (@hash, @ino) in directory @parent into sc->name. *@up: the directory's
 * own link. */
static int vexfs_link_name(struct vexfs_scope *sc, u64 parent, u64 hash, u64 ino, u32 *len,
			   struct vexfs_link *up)
{
	struct inode *dir = vexfs_iget(sc->sb, parent, VEXFS_IGET_MAYBE);
	struct vexfs_link links[VEXFS_INODE_LINKS];
	int err;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	err = -ENOTDIR;
	if (S_ISDIR(dir->i_mode)) {
		inode_lock_shared(dir);
		err = vexfs_dir_entry_name(dir, hash, ino, sc->name, len);
		inode_unlock_shared(dir);
	}
	vexfs_links_ask(dir, links);
	*up = links[0];
	iput(dir);
	return err;
}

/**
 * vexfs_scope_path - the path from the scope to one of a file's names
 * @sc:	  the search
 * @link: the name; its directory is reachable
 * @ino:  the file
 * @path: where the path begins: valid, and not terminated, until the next call
 * @len:  its length
 *
 * No locks held; takes each directory's i_rwsem in turn.
 *
 * Return: 0, -ENAMETOOLONG, -ESTALE if something on the way has moved, -EINTR,
 * other errors.
 */
int vexfs_scope_path(struct vexfs_scope *sc, struct vexfs_link link, u64 ino, char **path,
		     u32 *len)
{
	u32 pos = VEXFS_PATH_ROOM, n;
	u64 parent;
	int err;

	do {
		parent = le64_to_cpu(link.l_parent);
		err = vexfs_link_name(sc, parent, le64_to_cpu(link.l_hash), ino, &n, &link);
		if (err)
			return err == -ENOENT || err == -ENOTDIR ? -ESTALE : err;
		if (pos < n + 1)
			return -ENAMETOOLONG;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (pos < VEXFS_PATH_ROOM)
			sc->path[--pos] = '/';
		pos -= n;
		memcpy(sc->path + pos, sc->name, n);
		ino = parent;
	} while (parent != sc->top);
	*path = sc->path + pos;
	*len = VEXFS_PATH_ROOM - pos;
	return 0;
}
