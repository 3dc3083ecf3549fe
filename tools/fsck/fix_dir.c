// SPDX-License-Identifier: GPL-2.0
/* Repair of a directory: a new tree of the entries that are right. Cycles of directories are cut. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/fsck/fsck.h"

/**
 * struct entries - what the blocks of a directory that verify hold
 * @dropped: entries that were not taken over
 * @without: an inode that is not to have an entry, or 0
 */
struct entries {
	struct vexfs_dent *d;	/* name: memory of its own */
	size_t	n, room;
	u64	dropped, without;
};

static void collect(struct fsck *f, void *ctx, u64 blkno, const void *block)
{
	const struct vexfs_mdhdr *h = block;
	const struct vexfs_dirent *d = (const void *)((const u8 *)block + VEXFS_MDHDR_SIZE);
	const void *end = (const u8 *)d + le32_to_cpu(h->h_bytes);
	struct entries *es = ctx;

	for (; (const void *)d < end; d = (const void *)((const u8 *)d + le16_to_cpu(d->d_rec_len))) {
		char *name = malloc(VEXFS_NAME_LEN);

		if (!name || !fsck_grow(f, &es->d, es->n, &es->room, sizeof(*es->d))) {
			free(name);
			fsck_fatal(f, -ENOMEM, "reading a directory");
			return;
		}
		memcpy(name, d->d_name, d->d_name_len);
		es->d[es->n++] = (struct vexfs_dent){
			.hash = vexfs_dir_hash(f->img.geo.hash_key, d->d_name, d->d_name_len),
			.ino = le64_to_cpu(d->d_ino), .name_len = d->d_name_len, .name = name,
		};
	}
}

static void free_entries(struct entries *es)
{
	size_t i;

	for (i = 0; i < es->n; i++)
		free((char *)es->d[i].name);
	free(es->d);
}

/* May the entry stay? A directory with several names keeps the one it records. */
static bool right(struct fsck *f, u64 dir, struct vexfs_dent *d)
{
	struct vexfs_inode di;

	if (d->ino < VEXFS_FIRST_INO || fsck_get_inode(f, d->ino, &di) ||
	    (le32_to_cpu(di.i_flags) & VEXFS_INODE_HIDDEN))
		return false;
	d->type = IFTODT(le16_to_cpu(di.i_mode));
	if (d->type != DT_DIR || fsck_ino_get(f, d->ino)->names < 2)
		return true;
	return le64_to_cpu(di.i_links[0].l_parent) == dir && le64_to_cpu(di.i_links[0].l_hash) == d->hash;
}

/* Of two entries of one name the second is called after its inode. */
static int add_entry(struct fsck *f, struct vexfs_tree *t, struct vexfs_dent *d)
{
	char name[24];
	u64 ino;
	u8 type;
	int err = vexfs_dir_add(t, d);

	if (err != -EEXIST)
		return err;
	if (!vexfs_dir_lookup(t, d->hash, d->name, d->name_len, &ino, &type) && ino == d->ino)
		return -EEXIST;
	d->name_len = snprintf(name, sizeof(name), "#%llu", (unsigned long long)d->ino);
	memcpy((char *)d->name, name, d->name_len);
	d->hash = vexfs_dir_hash(f->img.geo.hash_key, d->name, d->name_len);
	return vexfs_dir_add(t, d);
}

static int build(struct fsck *f, u64 dir, struct vexfs_inode *di, struct entries *es)
{
	struct vexfs_tree t = {
		.io = &f->img.io, .root = &di->i_root, .owner = dir, .leaf_magic = VEXFS_MAGIC_DIR,
	};
	size_t i;
	int err;

	memset(&di->i_root, 0, sizeof(di->i_root));
	for (i = 0; i < es->n; i++) {
		err = es->d[i].ino != es->without && right(f, dir, &es->d[i]) ? add_entry(f, &t, &es->d[i]) : -EEXIST;
		if (err && err != -EEXIST)
			return err;
		es->dropped += err == -EEXIST;
	}
	di->i_size = cpu_to_le64(es->n - es->dropped);
	return 0;
}

static int rebuild(struct fsck *f, u64 dir, u64 without)
{
	struct entries es = { .without = without };
	struct fsck_tree t = { .owner = dir, .quiet = true, .is_dir = true, .leaf = collect, .ctx = &es };
	struct vexfs_inode di;
	int err = fsck_get_inode(f, dir, &di);

	if (err || !S_ISDIR(le16_to_cpu(di.i_mode)))
		return err == -ENOENT ? 0 : err;
	fsck_tree_walk(f, &t, &di.i_root);
	err = f->err ? f->err : build(f, dir, &di, &es);
	if (!err)
		err = fsck_settle_inode(f, dir, &di);
	if (!err)
		fsck_did(f, "inode %llu: directory made anew with %llu entries%s", (unsigned long long)dir,
			 (unsigned long long)(es.n - es.dropped), t.damaged ? "; others were lost" : "");
	free_entries(&es);
	return err;
}

int fsck_fix_dir(struct fsck *f, u64 dir)
{
	return rebuild(f, dir, 0);
}

/* A directory below itself loses its name, and the next round finds it without one. */
int fsck_fix_unloop(struct fsck *f, u64 dir)
{
	const struct fsck_dir *d = fsck_dir_get(f, dir);

	return d && d->found ? rebuild(f, d->found, dir) : 0;
}
