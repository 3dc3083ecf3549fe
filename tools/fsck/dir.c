// SPDX-License-Identifier: GPL-2.0
/* Pass 2: directories, and the inodes their entries name. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/fsck/fsck.h"

struct name {
	u8	len;
	char	s[VEXFS_NAME_LEN];
};

/**
 * struct walk - one directory
 * @dir:     its record
 * @entries: found so far
 * @chain:   names of the leaf at hand and its chain, if it has one
 */
struct walk {
	struct fsck_dir *dir;
	u64	entries;
	struct name *chain;
	size_t	nchain, room;
};

/* A name for a message: what does not print becomes '?'. */
static const char *printable(const struct vexfs_dirent *d, char buf[VEXFS_NAME_LEN + 1])
{
	u32 i;

	for (i = 0; i < d->d_name_len; i++) {
		unsigned char c = d->d_name[i];

		buf[i] = c < 32 || c == 127 ? '?' : c;
	}
	buf[i] = 0;
	return buf;
}

/* An entry of the table whose text is about a directory entry. */
#define bad_entry(f, w, d, what) do { \
	char buf_[VEXFS_NAME_LEN + 1]; \
	fsck_problem(f, what, (unsigned long long)(w)->dir->ino, printable(d, buf_), \
		     (unsigned long long)le64_to_cpu((d)->d_ino)); \
} while (0)

/* ---- the named inode ----------------------------------------------------- */

static bool is_recorded(struct fsck *f, u64 ino, u64 parent, u64 hash)
{
	struct vexfs_inode *di;
	struct vexfs_blk b;
	struct vexfs_name n = { parent, hash };
	struct vexfs_linktree lt;
	bool found;
	int err = vexfs_image_inode(&f->img, ino, &b, &di);

	if (err) {
		fsck_fatal(f, err, "reading an inode");
		return false;
	}
	found = vexfs_links_index(di->i_links, &n) >= 0;
	lt = fsck_linktree_of(f, ino, di);
	f->img.io.ops->put(&f->img.io, &b);
	if (found || !lt.block)
		return found;
	f->img.report = NULL;		/* damage of the tree was reported in pass 1 */
	found = !vexfs_linktree_find(&lt, &n);
	f->img.report = fsck_report;
	return found;
}

static void name_of_dir(struct fsck *f, struct walk *w, const struct vexfs_dirent *d)
{
	struct fsck_dir *target = fsck_dir_get(f, le64_to_cpu(d->d_ino));

	if (!target)
		return;		/* its inode does not verify */
	if (target->found) {
		bad_entry(f, w, d, DIRENT_SECOND);
		fsck_want(f, FSCK_FIX_DIR, target->found);
	} else {
		target->found = w->dir->ino;
	}
	w->dir->subdirs++;
}

static void check_target(struct fsck *f, struct walk *w, const struct vexfs_dirent *d)
{
	u64 ino = le64_to_cpu(d->d_ino);
	struct fsck_ino *fi = fsck_ino_get(f, ino);

	if (!vexfs_ino_valid(&f->img.geo, ino) || ino < VEXFS_FIRST_INO) {
		bad_entry(f, w, d, DIRENT_INO);
		return;
	}
	if (!fi) {
		bad_entry(f, w, d, DIRENT_FREE);
		return;
	}
	fi->names++;
	if (fi->flags & FSCK_INO_BAD)
		return;		/* reported in pass 1 */
	if (fi->flags & FSCK_INO_HIDDEN)
		bad_entry(f, w, d, DIRENT_HIDDEN);
	if (fi->dtype != d->d_type)
		bad_entry(f, w, d, DIRENT_TYPE);
	if (fi->dtype == DT_DIR)
		name_of_dir(f, w, d);
	if (!(fi->flags & FSCK_INO_HIDDEN) && is_recorded(f, ino, w->dir->ino, le64_to_cpu(d->d_hash)))
		fi->matched++;
}

/* ---- leaves -------------------------------------------------------------- */

static const struct vexfs_dirent *next_entry(const struct vexfs_dirent *d)
{
	return (const void *)((const u8 *)d + le16_to_cpu(d->d_rec_len));
}

/* Entries of equal hash are neighbours in a leaf: compare with those before @d. */
static void check_unique(struct fsck *f, struct walk *w, const struct vexfs_dirent *run,
			 const struct vexfs_dirent *d)
{
	for (; run != d; run = next_entry(run))
		if (run->d_name_len == d->d_name_len &&
		    !memcmp(run->d_name, d->d_name, d->d_name_len)) {
			bad_entry(f, w, d, DIRENT_TWICE);
			return;
		}
}

static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int cmp = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);

	return cmp ? cmp : (int)x->len - (int)y->len;
}

static void chain_add(struct fsck *f, struct walk *w, const struct vexfs_dirent *d)
{
	struct name *n;

	if (w->nchain == w->room) {
		w->room = w->room ? 2 * w->room : 256;
		n = realloc(w->chain, w->room * sizeof(*n));
		if (!n) {
			fsck_fatal(f, -ENOMEM, "checking a directory");
			w->room = w->nchain;
			return;
		}
		w->chain = n;
	}
	n = &w->chain[w->nchain++];
	n->len = d->d_name_len;
	memcpy(n->s, d->d_name, d->d_name_len);
}

/* All names of a chain are known. Twice in one block has been reported. */
static void chain_end(struct fsck *f, struct walk *w)
{
	size_t i;

	qsort(w->chain, w->nchain, sizeof(*w->chain), by_name);
	for (i = 1; i < w->nchain; i++)
		if (!by_name(&w->chain[i - 1], &w->chain[i])) {
			fsck_problem(f, DIR_CHAIN_TWICE, (unsigned long long)w->dir->ino);
			break;
		}
	w->nchain = 0;
}

/* A leaf with a chain, or a block of it. */
static bool is_chained(const struct vexfs_mdhdr *h)
{
	return h->h_next || le32_to_cpu(h->h_magic) == VEXFS_MAGIC_CHAIN;
}

/* The leaf has been verified: entries are packed, in bounds and sorted. */
static void leaf(struct fsck *f, void *ctx, u64 blkno, const void *block)
{
	const struct vexfs_mdhdr *h = block;
	const struct vexfs_dirent *d = (const void *)((const u8 *)block + VEXFS_MDHDR_SIZE);
	const void *end = (const u8 *)d + le32_to_cpu(h->h_bytes);
	const struct vexfs_dirent *run = d;
	struct walk *w = ctx;
	const u8 *key = f->img.geo.hash_key;

	if (le32_to_cpu(h->h_magic) == VEXFS_MAGIC_DIR)
		w->nchain = 0;		/* the chain before could not be read to its end */
	for (; (const void *)d < end; d = next_entry(d)) {
		w->entries++;
		if (le64_to_cpu(d->d_hash) != vexfs_dir_hash(key, d->d_name, d->d_name_len))
			bad_entry(f, w, d, DIRENT_HASH);
		if (d->d_hash != run->d_hash)
			run = d;
		check_unique(f, w, run, d);
		check_target(f, w, d);
		if (is_chained(h))
			chain_add(f, w, d);
	}
	if (w->nchain && !h->h_next)
		chain_end(f, w);
}

static void check_counts(struct fsck *f, const struct vexfs_inode *di, const struct walk *w,
			 u64 blocks)
{
	unsigned long long ino = w->dir->ino;
	u64 size = le64_to_cpu(di->i_size);

	if (size != w->entries)
		fsck_problem(f, DIR_ENTRIES, ino, (unsigned long long)w->entries,
			     (unsigned long long)size);
	if (le64_to_cpu(di->i_root.r_blocks) != blocks ||
	    le64_to_cpu(di->i_blocks) != blocks + (di->i_xattr_block != 0))
		fsck_problem(f, DIR_BLOCKS, ino, (unsigned long long)blocks,
			     (unsigned long long)le64_to_cpu(di->i_root.r_blocks),
			     (unsigned long long)le64_to_cpu(di->i_blocks));
	if (!di->i_nlink && w->entries)
		fsck_problem(f, DIR_REMOVED, ino);
}

static void check_dir(struct fsck *f, struct fsck_dir *dir)
{
	struct walk w = { .dir = dir };
	struct fsck_tree t = { .owner = dir->ino, .is_dir = true, .leaf = leaf, .ctx = &w };
	struct vexfs_inode *p, di;
	struct vexfs_blk b;
	int err = vexfs_image_inode(&f->img, dir->ino, &b, &p);

	if (err) {
		fsck_fatal(f, err, "reading a directory's inode");
		return;
	}
	di = *p;
	f->img.io.ops->put(&f->img.io, &b);
	fsck_object(f, FSCK_FIX_DIR, dir->ino);
	fsck_where(f, FSCK_TREE_BLOCK, "inode %llu", (unsigned long long)dir->ino);
	fsck_tree_walk(f, &t, &di.i_root);
	if (!t.damaged)
		check_counts(f, &di, &w, t.blocks);
	free(w.chain);
}

void fsck_dirs(struct fsck *f)
{
	size_t i;

	for (i = 0; i < f->ndirs && !f->err; i++) {
		check_dir(f, &f->dirs[i]);
		fsck_progress(f, i + 1, f->ndirs);
	}
}
