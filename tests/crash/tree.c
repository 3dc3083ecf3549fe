// SPDX-License-Identifier: GPL-2.0
/* See tree.h. */
#include <fcntl.h>
#include <linux/types.h>
#include <linux/posix_acl_xattr.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/coll.h"
#include "core/dir.h"
#include "core/extent.h"
#include "core/xattr.h"
#include "lib/journal.h"
#include "tests/crash/tree.h"

static int __attribute__((format(printf, 2, 3))) bad(struct ct_tree *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return -1;
}

static void put(struct ct_tree *t, struct vexfs_blk *b)
{
	t->img.io.ops->put(&t->img.io, b);
}

static struct vexfs_tree tree_of(struct ct_tree *t, u64 ino, struct vexfs_inode *di, u32 magic)
{
	return (struct vexfs_tree){ .io = &t->img.io, .root = &di->i_root, .owner = ino, .leaf_magic = magic };
}

static int get_inode(struct ct_tree *t, u64 ino, struct vexfs_inode *di)
{
	struct vexfs_inode *p;
	struct vexfs_blk b;
	const char *why;

	if (!vexfs_ino_valid(&t->img.geo, ino) || vexfs_image_inode(&t->img, ino, &b, &p))
		return bad(t, "inode %llu cannot be read", (unsigned long long)ino);
	*di = *p;
	put(t, &b);
	why = vexfs_inode_verify(di, &t->img.geo, ino);
	return why ? bad(t, "inode %llu: %s", (unsigned long long)ino, why) : 0;
}

/* ---- names ---------------------------------------------------------------------- */

struct walk {
	struct ct_tree	*t;
	const char	*prefix;
	int		ret;
};

static bool is_name(const struct vexfs_dent *d, const char *name)
{
	return d->name_len == strlen(name) && !memcmp(d->name, name, d->name_len);
}

static bool see_entry(void *ctx, const struct vexfs_dent *d)
{
	struct walk *w = ctx;
	struct ct_name *n = &w->t->name[w->t->names];

	if (!*w->prefix && (is_name(d, "lost+found") || is_name(d, CR_BALLAST)))
		return true;
	if (w->t->names == CT_NAMES || strlen(w->prefix) + d->name_len >= sizeof(n->path)) {
		w->ret = bad(w->t, "more names than ever were");
		return false;
	}
	strcpy(n->path, w->prefix);
	strncat(n->path, d->name, d->name_len);
	n->ino = d->ino;
	w->t->names++;
	return true;
}

static int list_dir(struct ct_tree *t, u64 ino, const char *prefix)
{
	struct walk w = { t, prefix, 0 };
	struct vexfs_dir_pos pos = { 0 };
	struct vexfs_inode di;
	struct vexfs_tree dir;

	if (get_inode(t, ino, &di))
		return -1;
	dir = tree_of(t, ino, &di, VEXFS_MAGIC_DIR);
	if (vexfs_dir_iterate(&dir, &pos, see_entry, &w) < 0)
		return bad(t, "directory %llu cannot be read", (unsigned long long)ino);
	return w.ret;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct ct_name *)a)->path, ((const struct ct_name *)b)->path);
}

/* The list grows with the directories that are found on the way. */
static int list_all(struct ct_tree *t)
{
	struct vexfs_inode di;
	char prefix[CR_PATH + 1];
	u32 i;

	if (list_dir(t, VEXFS_ROOT_INO, ""))
		return -1;
	for (i = 0; i < t->names; i++) {
		if (get_inode(t, t->name[i].ino, &di))
			return -1;
		if (!S_ISDIR(le16_to_cpu(di.i_mode)))
			continue;
		strcat(strcpy(prefix, t->name[i].path), "/");
		if (list_dir(t, t->name[i].ino, prefix))
			return -1;
	}
	qsort(t->name, t->names, sizeof(t->name[0]), by_path);
	return 0;
}

/* ---- embeddings --------------------------------------------------------------------- */

static int see_slots(struct ct_tree *t, u64 ino, u64 blkno)
{
	const struct vexfs_slot *v;
	struct vexfs_blk b;
	u32 i;

	if (t->img.io.ops->read(&t->img.io, blkno, VEXFS_MAGIC_SLOT, 0, ino, &b))
		return bad(t, "slot block %llu cannot be read", (unsigned long long)blkno);
	v = (const void *)((const u8 *)b.data + VEXFS_MDHDR_SIZE);
	for (i = 0; i < VEXFS_SLOTS_PER_BLOCK; i++) {
		if (v[i].v_state != VEXFS_SLOT_LIVE || t->slots == CT_NAMES)
			continue;
		t->slot[t->slots++] = (struct ct_slot){
			.ino = le64_to_cpu(v[i].v_ino), .generation = le32_to_cpu(v[i].v_generation),
			.vec = (u32)le64_to_cpu(v[i].v_off), .datagen = le64_to_cpu(v[i].v_datagen),
		};
	}
	put(t, &b);
	return 0;
}

/* Of collection 0, if there is one. */
static int list_slots(struct ct_tree *t)
{
	const struct vexfs_collection *c;
	struct vexfs_extent e = { 0 };
	struct vexfs_inode di;
	struct vexfs_tree map;
	struct vexfs_blk b;
	u64 ino = 0, i;

	if (t->img.io.ops->read(&t->img.io, t->img.geo.coll_start, VEXFS_MAGIC_COLL, 0, 0, &b))
		return bad(t, "the collection table cannot be read");
	c = (const void *)((const u8 *)b.data + VEXFS_MDHDR_SIZE);
	if (le32_to_cpu(c->c_state) == VEXFS_COLL_LIVE)
		ino = vexfs_coll_file_ino(c, VEXFS_COLL_SLOTS);
	put(t, &b);
	if (!ino)
		return 0;
	if (get_inode(t, ino, &di))
		return -1;
	map = tree_of(t, ino, &di, VEXFS_MAGIC_NODE);
	while (!vexfs_ext_next(&map, e.lblk + e.len, &e))
		for (i = 0; !(e.flags & VEXFS_EXT_UNWRITTEN) && i < e.len; i++)
			if (see_slots(t, ino, e.pblk + i))
				return -1;
	return 0;
}

/* ---- one inode -------------------------------------------------------------------------- */

/* Of an ACL as do_acl() of record.c makes it: the second entry is that of the user. */
static u32 acl_op(const struct vexfs_xattr_ent *e)
{
	const struct posix_acl_xattr_entry *user = (const void *)((const u8 *)e->value +
								  sizeof(struct posix_acl_xattr_header) + sizeof(*user));

	if (e->value_len < sizeof(struct posix_acl_xattr_header) + 2 * sizeof(*user))
		return UINT32_MAX;
	return le32_to_cpu(user->e_id) - CR_ACL_UID;
}

static void attributes_in(struct ct_file *f, const void *area, u32 size)
{
	struct vexfs_xattr_ent e;

	if (vexfs_xattr_find(area, size, VEXFS_XATTR_USER, CR_XATTR, strlen(CR_XATTR), &e))
		f->xattr = e.value_len;
	if (vexfs_xattr_find(area, size, VEXFS_XATTR_ACL, "", 0, &e))
		f->acl = acl_op(&e);
}

static int see_attributes(struct ct_tree *t, u64 ino, struct ct_file *f)
{
	u64 blkno = le64_to_cpu(f->di.i_xattr_block);
	struct vexfs_blk b;

	attributes_in(f, f->di.i_xattr, VEXFS_XATTR_INLINE);
	if (!blkno)
		return 0;
	if (t->img.io.ops->read(&t->img.io, blkno, VEXFS_MAGIC_XATTR, 0, ino, &b))
		return bad(t, "attribute block %llu cannot be read", (unsigned long long)blkno);
	attributes_in(f, vexfs_xattr_block_area(b.data), VEXFS_MD_SPACE);
	put(t, &b);
	return 0;
}

static int see_embedding(struct ct_tree *t, u64 ino, struct ct_file *f)
{
	u32 i;

	for (i = 0; i < t->slots; i++) {
		if (t->slot[i].ino != ino || t->slot[i].generation != f->generation)
			continue;
		if (f->vec)
			return bad(t, "inode %llu has two embeddings", (unsigned long long)ino);
		f->vec = t->slot[i].vec;
		f->stale = t->slot[i].datagen != f->datagen;
	}
	return 0;
}

int ct_file(struct ct_tree *t, u64 ino, struct ct_file *f)
{
	memset(f, 0, sizeof(*f));
	if (get_inode(t, ino, &f->di))
		return -1;
	f->mode = le16_to_cpu(f->di.i_mode);
	f->uid = le32_to_cpu(f->di.i_uid);
	f->nlink = le32_to_cpu(f->di.i_nlink);
	f->generation = le32_to_cpu(f->di.i_generation);
	f->size = le64_to_cpu(f->di.i_size);
	f->datagen = le64_to_cpu(f->di.i_datagen);
	if (S_ISLNK(f->mode) && f->size < sizeof(f->target))
		memcpy(f->target, f->di.i_symlink, f->size);
	return see_attributes(t, ino, f) || see_embedding(t, ino, f) ? -1 : 0;
}

int ct_content(struct ct_tree *t, u64 ino, struct ct_file *f, u8 *buf)
{
	struct vexfs_tree map = tree_of(t, ino, &f->di, VEXFS_MAGIC_NODE);
	u64 lblk, blocks = (f->size + VEXFS_BLOCK_SIZE - 1) / VEXFS_BLOCK_SIZE;
	struct vexfs_extent e;
	struct vexfs_blk b;

	if (f->size > CR_MAX_SIZE)
		return bad(t, "inode %llu: a size of %llu", (unsigned long long)ino, (unsigned long long)f->size);
	memset(buf, 0, CR_MAX_SIZE);
	for (lblk = 0; lblk < blocks; lblk++) {
		if (vexfs_ext_find(&map, lblk, &e))
			return bad(t, "inode %llu: extents cannot be read", (unsigned long long)ino);
		if (!e.pblk || (e.flags & VEXFS_EXT_UNWRITTEN))
			continue;
		if (vexfs_image_get(&t->img, e.pblk + (lblk - e.lblk), &b))
			return bad(t, "inode %llu: content cannot be read", (unsigned long long)ino);
		memcpy(buf + lblk * VEXFS_BLOCK_SIZE, b.data, VEXFS_BLOCK_SIZE);
		put(t, &b);
	}
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int replay(struct ct_tree *t)
{
	struct vexfs_journal j;
	const char *why = NULL;
	int err = vexfs_journal_open(&t->img, &j);

	if (!err && j.dirty)
		err = vexfs_journal_replay(&t->img, &j);
	if (err)
		return bad(t, "journal: %s", j.problem[0] ? j.problem : strerror(-err));
	err = vexfs_image_reload(&t->img, &why);
	if (!err)
		err = vexfs_image_places(&t->img, &why);
	return err ? bad(t, "superblock: %s", why ? why : strerror(-err)) : 0;
}

int ct_open(struct ct_tree *t, const char *path)
{
	const char *why = NULL;
	int err;

	memset(t, 0, sizeof(*t));
	err = vexfs_dev_open(&t->dev, path, O_RDONLY);
	if (err)
		return bad(t, "%s: %s", path, strerror(-err));
	err = vexfs_image_open_super(&t->img, &t->dev, 0, &why);
	if (err) {
		vexfs_dev_close(&t->dev);
		return bad(t, "superblock: %s", why ? why : strerror(-err));
	}
	if (!replay(t) && !list_all(t) && !list_slots(t))
		return 0;
	ct_close(t);
	return -1;
}

void ct_close(struct ct_tree *t)
{
	vexfs_image_close(&t->img);
	vexfs_dev_close(&t->dev);
}
