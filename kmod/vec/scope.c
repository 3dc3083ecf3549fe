// SPDX-License-Identifier: GPL-2.0
/*
 * May the searcher have this file, and what is it called?
 *
 * An embedding leads to an inode number; open(2) would have come by names. So
 * the same is asked upwards: is there a way from the file up to the directory
 * the search began at, on which the caller may search every directory, and may
 * the caller read the file? Names are looked up only for the results.
 *
 * Locking: s_vfs_rename_mutex, so that no directory moves while we climb, then
 * one directory at a time. None of the vector half's locks and no handle may be
 * held: looking up an inode can wait for an eviction, which takes them.
 */
#include "kmod/vec/vec.h"

#define VEXFS_SCOPE_MEMO	2048	/* entries of a lossy table, power of two */
#define VEXFS_SCOPE_DEPTH	1024

struct vexfs_memo {
	u64	ino;		/* 0: empty */
	bool	ok;
};

/**
 * struct vexfs_scope - the directory a search began at, and what it has learnt
 * @sb:    the filesystem
 * @idmap: of the mount the search came through
 * @top:   inode number of the directory
 * @dirs:  directories known (not) to be reachable, with search permission
 * @files: verdicts on files
 * @climb: the directories of one climb
 * @path:  PATH_MAX bytes, filled from the end
 * @name:  one component
 */
struct vexfs_scope {
	struct super_block	*sb;
	vexfs_idmap_t		*idmap;
	u64			top;
	struct vexfs_memo	dirs[VEXFS_SCOPE_MEMO];
	struct vexfs_verdict	files[VEXFS_SCOPE_MEMO];
	u64			climb[VEXFS_SCOPE_DEPTH];
	char			path[PATH_MAX];
	char			name[VEXFS_NAME_LEN + 1];
};

struct vexfs_scope *vexfs_scope_create(struct inode *dir, vexfs_idmap_t *idmap)
{
	struct vexfs_scope *sc = kvzalloc(sizeof(*sc), GFP_KERNEL_ACCOUNT);

	if (!sc)
		return NULL;
	sc->sb = dir->i_sb;
	sc->idmap = idmap;
	sc->top = dir->i_ino;
	return sc;
}

void vexfs_scope_free(struct vexfs_scope *sc)
{
	kvfree(sc);
}

void vexfs_scope_forget(struct vexfs_scope *sc)
{
	memset(sc->dirs, 0, sizeof(sc->dirs));
	memset(sc->files, 0, sizeof(sc->files));
}

static u32 vexfs_memo_slot(u64 ino)
{
	return (u32)((ino * 0x9e3779b97f4a7c15ULL) >> 32) & (VEXFS_SCOPE_MEMO - 1);
}

/* A consistent copy: link and unlink change the list under the same lock. */
static void vexfs_links_copy(struct inode *inode, struct vexfs_link *links)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	spin_lock(&vi->lock);
	memcpy(links, vi->links, sizeof(vi->links));
	spin_unlock(&vi->lock);
}

/* ---- climbing ------------------------------------------------------------- */

/* May the caller search directory @ino? Its parent in *@up. */
static bool vexfs_dir_search(struct vexfs_scope *sc, u64 ino, u64 *up)
{
	struct inode *dir = vexfs_iget(sc->sb, ino, VEXFS_IGET_MAYBE);
	struct vexfs_link links[VEXFS_INODE_LINKS];
	bool ok;

	if (IS_ERR(dir))
		return false;
	ok = S_ISDIR(dir->i_mode) && dir->i_nlink &&
	     !inode_permission(sc->idmap, dir, MAY_EXEC);
	vexfs_links_copy(dir, links);
	*up = le64_to_cpu(links[0].l_parent);
	iput(dir);
	return ok;
}

/*
 * Is there a way down from the scope to @dir? Every directory passed learns the
 * answer. s_vfs_rename_mutex held. The depth is bounded because a damaged
 * filesystem may hold a cycle.
 */
static bool vexfs_dir_reachable(struct vexfs_scope *sc, u64 dir)
{
	bool ok = false;
	u32 n = 0;

	while (n < VEXFS_SCOPE_DEPTH && dir) {
		struct vexfs_memo *m = &sc->dirs[vexfs_memo_slot(dir)];
		u64 up = 0;

		if (m->ino == dir) {
			ok = m->ok;
			break;
		}
		sc->climb[n++] = dir;
		if (!vexfs_dir_search(sc, dir, &up))
			break;
		if (dir == sc->top) {
			ok = true;
			break;
		}
		if (dir == VEXFS_ROOT_INO)
			break;
		dir = up;
	}
	while (n--) {
		struct vexfs_memo *m = &sc->dirs[vexfs_memo_slot(sc->climb[n])];

		m->ino = sc->climb[n];
		m->ok = ok;
	}
	return ok;
}

/* The first of the file's names that the caller can reach; -1: none. */
static int vexfs_reachable_link(struct vexfs_scope *sc, const struct vexfs_link *links)
{
	int i;

	for (i = 0; i < VEXFS_INODE_LINKS; i++) {
		u64 parent = le64_to_cpu(links[i].l_parent);

		if (parent && vexfs_dir_reachable(sc, parent))
			return i;
	}
	return -1;
}

/* ---- verdicts ----------------------------------------------------------------- */

static bool vexfs_file_ok(struct vexfs_scope *sc, struct inode *inode)
{
	struct vexfs_link links[VEXFS_INODE_LINKS];

	if (!S_ISREG(inode->i_mode) || !inode->i_nlink)
		return false;
	if (inode_permission(sc->idmap, inode, MAY_READ))
		return false;
	vexfs_links_copy(inode, links);
	return vexfs_reachable_link(sc, links) >= 0;
}

static int vexfs_scope_ask(struct vexfs_scope *sc, u64 ino, struct vexfs_verdict *v)
{
	struct inode *inode;

	memset(v, 0, sizeof(*v));
	v->ino = ino;
	if (mutex_lock_killable(&sc->sb->s_vfs_rename_mutex))
		return -EINTR;
	inode = vexfs_iget(sc->sb, ino, VEXFS_IGET_MAYBE);
	if (!IS_ERR(inode)) {
		v->generation = inode->i_generation;
		v->ok = vexfs_file_ok(sc, inode);
		v->datagen = READ_ONCE(VEXFS_I(inode)->datagen);
	}
	mutex_unlock(&sc->sb->s_vfs_rename_mutex);
	/* Maybe the last reference of a file unlinked meanwhile: outside the mutex. */
	if (!IS_ERR(inode))
		iput(inode);
	return inode == ERR_PTR(-ENOMEM) ? -ENOMEM : 0;
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

/* Name of (@hash, @ino) in directory @parent into sc->name. *@up, *@uphash: the
 * directory's own link. */
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
	vexfs_links_copy(dir, links);
	*up = links[0];
	iput(dir);
	return err;
}

/* Build the path backwards from one of the file's links. s_vfs_rename_mutex held. */
static int vexfs_path_build(struct vexfs_scope *sc, struct vexfs_link link, u64 ino, u32 *pos)
{
	u32 depth, len;
	int err;

	*pos = PATH_MAX;
	for (depth = 0; depth < VEXFS_SCOPE_DEPTH; depth++) {
		u64 parent = le64_to_cpu(link.l_parent);

		err = vexfs_link_name(sc, parent, le64_to_cpu(link.l_hash), ino, &len, &link);
		if (err)
			return err;
		if (*pos < len + 1)
			return -ENAMETOOLONG;
		if (*pos < PATH_MAX)
			sc->path[--*pos] = '/';
		*pos -= len;
		memcpy(sc->path + *pos, sc->name, len);
		if (parent == sc->top)
			return 0;
		ino = parent;
	}
	return -ELOOP;
}

static int vexfs_path_locked(struct vexfs_scope *sc, struct inode *inode, u32 *pos)
{
	struct vexfs_link links[VEXFS_INODE_LINKS];
	int i;

	vexfs_links_copy(inode, links);
	i = vexfs_reachable_link(sc, links);
	if (i < 0)
		return -ESTALE;
	return vexfs_path_build(sc, links[i], inode->i_ino, pos);
}

/**
 * vexfs_scope_path - the path of a result, relative to the scope
 * @sc:	  the search
 * @ino:  judged ok before
 * @path: where it begins; valid until the next call
 * @len:  its length, not terminated
 *
 * Return: 0, -ENAMETOOLONG (PATH_MAX), -ESTALE if the file is no longer where
 * it was judged, -EINTR, other errors.
 */
int vexfs_scope_path(struct vexfs_scope *sc, u64 ino, const char **path, u32 *len)
{
	struct inode *inode;
	u32 pos = PATH_MAX;
	int err;

	if (mutex_lock_killable(&sc->sb->s_vfs_rename_mutex))
		return -EINTR;
	inode = vexfs_iget(sc->sb, ino, VEXFS_IGET_MAYBE);
	err = PTR_ERR_OR_ZERO(inode);
	if (!err)
		err = vexfs_path_locked(sc, inode, &pos);
	mutex_unlock(&sc->sb->s_vfs_rename_mutex);
	if (!IS_ERR(inode))
		iput(inode);
	/* Unlinked or renamed between the verdict and now. */
	if (err == -ENOENT || err == -ENOTDIR || err == -ELOOP)
		err = -ESTALE;
	*path = sc->path + pos;
	*len = PATH_MAX - pos;
	return err;
}
