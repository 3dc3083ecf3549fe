// SPDX-License-Identifier: GPL-2.0
/* Pass 1: stored attributes, their block, and values in hidden inodes. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/xattr.h"
#include "tools/fsck/fsck.h"

/* A value in an inode of its own is looked at when all inodes are known. */
static void note_value(struct fsck *f, u64 owner, const struct vexfs_xattr_ent *e)
{
	size_t room = f->values_room;
	struct fsck_value *more;

	if (!e->large)
		return;
	fsck_quota_value(f, owner, e->value_len);
	if (f->nvalues == room) {
		room = room ? 2 * room : 64;
		more = realloc(f->values, room * sizeof(*more));
		if (!more) {
			fsck_fatal(f, -ENOMEM, "noting attributes");
			return;
		}
		f->values = more;
		f->values_room = room;
	}
	f->values[f->nvalues++] = (struct fsck_value){
		.owner = owner, .ino = e->ino, .len = e->value_len, .kind = e->kind,
	};
}

/* A damaged block: what can be kept of it has its values. */
static void note_rest(struct fsck *f, u64 ino, const struct vexfs_inode *di, const void *block)
{
	u8 area[VEXFS_MD_SPACE];
	struct vexfs_xattr_ent e;
	u32 pos = 0;

	memcpy(area, (const u8 *)block + VEXFS_MDHDR_SIZE, sizeof(area));
	fsck_xattr_sound(area, sizeof(area), le16_to_cpu(di->i_mode));
	while (vexfs_xattr_next(area, sizeof(area), &pos, &e))
		note_value(f, ino, &e);
}

static void check_block(struct fsck *f, u64 ino, const struct vexfs_inode *di, const void *area)
{
	struct vexfs_xattr_ent e, other;
	u32 pos = 0;

	while (vexfs_xattr_next(area, VEXFS_MD_SPACE, &pos, &e)) {
		note_value(f, ino, &e);
		if (vexfs_xattr_find(di->i_xattr, VEXFS_XATTR_INLINE, e.kind, e.name, e.name_len, &other))
			fsck_problem(f, XATTR_TWICE, (unsigned long long)ino,
				     vexfs_xattr_prefix(e.kind), (int)e.name_len, e.name);
	}
}

u32 fsck_xattrs(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	u64 blkno = le64_to_cpu(di->i_xattr_block);
	struct vexfs_xattr_ent e;
	struct vexfs_blk b;
	const char *bad;
	u32 pos = 0;

	while (vexfs_xattr_next(di->i_xattr, VEXFS_XATTR_INLINE, &pos, &e))
		note_value(f, ino, &e);
	if (!blkno)
		return 0;
	fsck_object(f, FSCK_FIX_XATTRS, ino);
	fsck_where(f, FSCK_XATTR_BLOCK, "inode %llu: attributes", (unsigned long long)ino);
	if (!fsck_claim(f, blkno, 1) || !fsck_read(f, blkno, VEXFS_MAGIC_XATTR, ino, &b))
		return 1;
	bad = vexfs_xattr_block_verify(b.data, le16_to_cpu(di->i_mode));
	if (bad) {
		fsck_report(f, blkno, bad);
		note_rest(f, ino, di, b.data);
	} else {
		check_block(f, ino, di, vexfs_xattr_block_area(b.data));
	}
	f->img.io.ops->put(&f->img.io, &b);
	return 1;
}

/* ---- values ---------------------------------------------------------------- */

/* Piece @index, to @buf; false: reported. */
static bool read_piece(struct fsck *f, const struct fsck_value *v, struct vexfs_inode *di, u32 index,
		       u8 *buf)
{
	struct vexfs_tree t = {
		.io = &f->img.io, .root = &di->i_root, .owner = v->ino, .leaf_magic = VEXFS_MAGIC_NODE,
	};
	struct vexfs_extent e;
	struct vexfs_blk b;
	const char *bad;
	u64 blkno;

	if (vexfs_ext_find(&t, index, &e))
		return false;	/* reported with the inode's tree */
	if (!e.pblk || (e.flags & VEXFS_EXT_UNWRITTEN)) {
		fsck_problem(f, XATTR_VALUE, (unsigned long long)v->owner, (unsigned long long)v->ino,
			     "has a hole");
		return false;
	}
	blkno = e.pblk + (index - e.lblk);
	if (!fsck_read(f, blkno, VEXFS_MAGIC_VALUE, v->ino, &b))
		return false;
	bad = vexfs_xattr_value_verify(b.data, index, v->len);
	if (bad)
		fsck_report(f, blkno, bad);
	else
		memcpy(buf + index * VEXFS_MD_SPACE, (u8 *)b.data + VEXFS_MDHDR_SIZE,
		       vexfs_xattr_value_bytes(index, v->len));
	f->img.io.ops->put(&f->img.io, &b);
	return !bad;
}

static void check_content(struct fsck *f, struct fsck_value *v, struct vexfs_inode *di, u8 *buf)
{
	u32 i, n = vexfs_xattr_value_blocks(v->len);
	const char *bad = NULL;
	bool ok = true;

	fsck_where(f, FSCK_VALUE_BLOCK, "inode %llu: value of an attribute", (unsigned long long)v->ino);
	for (i = 0; i < n; i++)
		ok &= read_piece(f, v, di, i, buf);
	if (ok && (v->kind == VEXFS_XATTR_ACL || v->kind == VEXFS_XATTR_DEFAULT_ACL))
		bad = vexfs_acl_verify(buf, v->len);
	if (bad)
		fsck_problem(f, XATTR_ACL, (unsigned long long)v->owner, bad);
	v->bad = !ok || bad;
}

static const char *check_inode(struct fsck *f, const struct fsck_value *v, struct vexfs_inode *di)
{
	struct fsck_ino *fi = fsck_ino_get(f, v->ino);
	struct vexfs_inode *at;
	struct vexfs_blk b;
	int err;

	if (!fi)
		return "is free";
	if (fi->flags & FSCK_INO_BAD)
		return "is damaged";
	if (!(fi->flags & FSCK_INO_HIDDEN))
		return "is not hidden";
	if (fi->coll)
		return "has another use";
	err = vexfs_image_inode(&f->img, v->ino, &b, &at);
	if (err) {
		fsck_fatal(f, err, "reading an inode");
		return NULL;
	}
	*di = *at;
	f->img.io.ops->put(&f->img.io, &b);
	fi->coll = FSCK_COLL_VALUE;
	return vexfs_xattr_inode_verify(di, v->owner, v->len);
}

void fsck_values(struct fsck *f)
{
	u8 *buf = malloc(VEXFS_XATTR_VALUE_BLOCKS * VEXFS_MD_SPACE);
	struct vexfs_inode di;
	const char *bad;
	size_t i;

	if (!buf) {
		fsck_fatal(f, -ENOMEM, "reading attributes");
		return;
	}
	for (i = 0; i < f->nvalues && !f->err; i++) {
		fsck_object(f, FSCK_FIX_XATTRS, f->values[i].owner);
		bad = check_inode(f, &f->values[i], &di);
		f->values[i].bad = bad;
		if (bad)
			fsck_problem(f, XATTR_VALUE, (unsigned long long)f->values[i].owner,
				     (unsigned long long)f->values[i].ino, bad);
		else if (!f->err)
			check_content(f, &f->values[i], &di, buf);
	}
	free(buf);
}
