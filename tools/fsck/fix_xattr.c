// SPDX-License-Identifier: GPL-2.0
/* Repair of attributes: those that are sound are stored anew, the block in a place of its own. */
#include <errno.h>
#include <string.h>

#include "core/xattr.h"
#include "tools/fsck/fsck.h"

/* ---- an area ---------------------------------------------------------------- */

/* Length of the record at @pos, 0: there is none, or nothing says where the next begins. */
static u32 record_len(const u8 *area, u32 size, u32 pos)
{
	u32 len;

	if (pos + VEXFS_XATTR_HDR > size)
		return 0;
	len = le16_to_cpu(((const struct vexfs_xattr *)(area + pos))->x_rec_len);
	return len < VEXFS_XATTR_HDR || len % 4 || len > size - pos ? 0 : len;
}

/* Is an area sound that ends at @end? */
static bool sound_until(const u8 *area, u32 size, u32 end, u16 mode)
{
	u8 cut[VEXFS_MD_SPACE] = { 0 };

	memcpy(cut, area, end);
	return !vexfs_xattr_area_verify(cut, size, mode);
}

void fsck_xattr_sound(u8 *area, u32 size, u16 mode)
{
	u32 pos = 0, len;

	while ((len = record_len(area, size, pos))) {
		if (sound_until(area, size, pos + len, mode)) {
			pos += len;
			continue;
		}
		memmove(area + pos, area + pos + len, size - pos - len);
		memset(area + size - len, 0, len);
	}
	memset(area + pos, 0, size - pos);
}

/* ---- an inode --------------------------------------------------------------- */

/**
 * struct attrs - the attributes of an inode while they are chosen
 * @next:    position in f->values of the next value that was noted
 * @dropped: attributes that are not kept
 */
struct attrs {
	u64	ino;
	u8	inlined[VEXFS_XATTR_INLINE], block[VEXFS_MD_SPACE];
	size_t	next;
	u32	dropped;
};

/* Values were noted in the order in which attributes are stored, and inodes ascend. */
static size_t first_value(const struct fsck *f, u64 owner)
{
	size_t lo = 0, hi = f->nvalues;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (f->values[mid].owner < owner)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A value that was not looked at is found sound or not in the next round. */
static bool value_sound(struct fsck *f, struct attrs *a, const struct vexfs_xattr_ent *e)
{
	const struct fsck_value *v;

	if (!e->large)
		return true;
	if (a->next >= f->nvalues)
		return true;
	v = &f->values[a->next];
	if (v->owner != a->ino || v->ino != e->ino)
		return true;
	a->next++;
	return !v->bad;
}

static void choose(struct fsck *f, struct attrs *a, const u8 *from, u8 *to, u32 size)
{
	struct vexfs_xattr_ent e, other;
	u32 pos = 0;

	while (vexfs_xattr_next(from, size, &pos, &e)) {
		bool twice = to == a->block &&
			     vexfs_xattr_find(a->inlined, sizeof(a->inlined), e.kind, e.name, e.name_len, &other);

		if (!value_sound(f, a, &e) || twice || !vexfs_xattr_add(to, size, &e))
			a->dropped++;
	}
}

/* What of the block can be kept, to @area. */
static void read_block(struct fsck *f, u64 ino, const struct vexfs_inode *di, u8 *area)
{
	struct vexfs_blk b;

	memset(area, 0, VEXFS_MD_SPACE);
	if (!di->i_xattr_block ||
	    !fsck_read_quiet(f, le64_to_cpu(di->i_xattr_block), VEXFS_MAGIC_XATTR, ino, &b))
		return;
	memcpy(area, vexfs_xattr_block_area(b.data), VEXFS_MD_SPACE);
	f->img.io.ops->put(&f->img.io, &b);
	fsck_xattr_sound(area, VEXFS_MD_SPACE, le16_to_cpu(di->i_mode));
}

/* The block, if there is something to be in it, in a new place: the old one may be another's as well. */
static int store_block(struct fsck *f, struct attrs *a, struct vexfs_inode *di)
{
	struct vexfs_blk b;
	u32 count;
	int err;

	di->i_xattr_block = 0;
	vexfs_xattr_used(a->block, sizeof(a->block), &count);
	if (!count)
		return 0;
	err = f->img.io.ops->alloc(&f->img.io, 0, VEXFS_MAGIC_XATTR, a->ino, &b);
	if (err)
		return err;
	memcpy(vexfs_xattr_block_area(b.data), a->block, sizeof(a->block));
	vexfs_xattr_block_count(b.data);
	di->i_xattr_block = cpu_to_le64(b.blkno);
	fsck_changed(f, &b, true);
	f->img.io.ops->put(&f->img.io, &b);
	return 0;
}

int fsck_fix_xattrs(struct fsck *f, u64 ino)
{
	struct attrs a = { .ino = ino, .next = first_value(f, ino) };
	u8 found[VEXFS_MD_SPACE];
	struct vexfs_inode di;
	int err = fsck_get_inode(f, ino, &di);

	if (err || (le32_to_cpu(di.i_flags) & VEXFS_INODE_HIDDEN))
		return err == -ENOENT ? 0 : err;
	choose(f, &a, di.i_xattr, a.inlined, VEXFS_XATTR_INLINE);
	read_block(f, ino, &di, found);
	choose(f, &a, found, a.block, VEXFS_MD_SPACE);
	memcpy(di.i_xattr, a.inlined, VEXFS_XATTR_INLINE);
	err = store_block(f, &a, &di);
	if (!err)
		err = fsck_settle_inode(f, ino, &di);
	if (!err)
		fsck_did(f, "inode %llu: attributes stored anew%s", (unsigned long long)ino,
			 a.dropped ? ", those that are damaged were removed" : "");
	return err;
}
