// SPDX-License-Identifier: GPL-2.0
/* Making files in an unmounted filesystem: content, targets of symlinks, attributes. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/extent.h"
#include "lib/image_write.h"

static void put(struct vexfs_image *img, struct vexfs_blk *b)
{
	img->io.ops->put(&img->io, b);
}

static void add_blocks(struct vexfs_inode *di, u64 n)
{
	di->i_blocks = cpu_to_le64(le64_to_cpu(di->i_blocks) + n);
}

/* Map allocated blocks. */
static int add_run(struct vexfs_image *img, struct vexfs_inode *di, const struct vexfs_extent *e)
{
	struct vexfs_tree t = {
		.io = &img->io, .root = &di->i_root, .owner = le64_to_cpu(di->i_ino),
		.leaf_magic = VEXFS_MAGIC_NODE, .goal = img->goal,
	};
	int err;

	img->allocated = 0;
	err = vexfs_ext_insert(&t, e);
	add_blocks(di, e->len + img->allocated);
	return err;
}

static int take_run(struct vexfs_image *img, u32 want, struct vexfs_extent *e)
{
	int err;

	e->flags = 0;
	err = vexfs_image_alloc_blocks(img, img->goal, &want, &e->pblk);
	e->len = want;
	if (!err)
		img->goal = e->pblk + want;
	return err;
}

int vexfs_image_add_data(struct vexfs_image *img, struct vexfs_inode *di, u64 lblk, const void *data,
			 u32 count)
{
	struct vexfs_extent e;
	int err = 0;

	if (lblk + count > VEXFS_MAX_LBLK)
		return -EFBIG;
	for (; count && !err; count -= e.len, lblk += e.len) {
		e.lblk = lblk;
		err = take_run(img, min(count, (u32)VEXFS_EXT_MAX_LEN), &e);
		if (err)
			return err;
		err = vexfs_dev_write(img->dev, e.pblk << VEXFS_BLOCK_SHIFT, data,
				      e.len << VEXFS_BLOCK_SHIFT);
		if (!err)
			err = add_run(img, di, &e);
		data = (const u8 *)data + (e.len << VEXFS_BLOCK_SHIFT);
	}
	return err;
}

/* A metadata block of the inode that its extents lead to. */
static int add_block(struct vexfs_image *img, struct vexfs_inode *di, u64 lblk, u32 magic,
		     const void *data, u32 bytes)
{
	struct vexfs_extent e = { .lblk = lblk };
	struct vexfs_mdhdr *h;
	struct vexfs_blk b;
	int err = take_run(img, 1, &e);

	if (!err)
		err = vexfs_image_new(img, e.pblk, &b);
	if (err)
		return err;
	h = b.data;
	vexfs_mdhdr_init(h, &img->geo, magic, e.pblk, le64_to_cpu(di->i_ino));
	h->h_bytes = cpu_to_le32(bytes);
	memcpy(h + 1, data, bytes);
	vexfs_image_dirty(img, &b, true);
	put(img, &b);
	return add_run(img, di, &e);
}

int vexfs_image_set_target(struct vexfs_image *img, struct vexfs_inode *di, const char *target,
			   u32 len)
{
	u32 here = vexfs_symlink_in_block(len);
	int err;

	di->i_size = cpu_to_le64(len);
	if (len <= VEXFS_SYMLINK_INLINE) {
		memcpy(di->i_symlink, target, len);
		return 0;
	}
	err = add_block(img, di, 0, VEXFS_MAGIC_SYMLINK, target, here);
	memcpy(vexfs_symlink_rest(&di->i_root), target + here, len - here);
	return err;
}

/* ---- attributes -------------------------------------------------------------- */

/* The hidden inode of a large value. */
static int store_value(struct vexfs_image *img, const struct vexfs_inode *owner,
		       struct vexfs_xattr_ent *e)
{
	u32 blocks = vexfs_xattr_value_blocks(e->value_len), i;
	struct vexfs_inode di;
	int err = vexfs_image_new_inode(img, S_IFREG | 0600, &di);

	for (i = 0; i < blocks && !err; i++)
		err = add_block(img, &di, i, VEXFS_MAGIC_VALUE,
				(const u8 *)e->value + i * VEXFS_MD_SPACE,
				vexfs_xattr_value_bytes(i, e->value_len));
	if (err)
		return err;
	di.i_size = cpu_to_le64((u64)blocks << VEXFS_BLOCK_SHIFT);
	di.i_nlink = cpu_to_le32(1);
	di.i_flags = cpu_to_le32(VEXFS_INODE_HIDDEN);
	di.i_links[0].l_parent = owner->i_ino;
	di.i_generation = owner->i_generation;
	di.i_atime = di.i_mtime = di.i_ctime = di.i_btime = owner->i_btime;
	e->ino = le64_to_cpu(di.i_ino);
	return vexfs_image_put_inode(img, &di);
}

/* The block of attributes, made if there is none. */
static int attr_block(struct vexfs_image *img, struct vexfs_inode *di, struct vexfs_blk *b)
{
	u64 owner = le64_to_cpu(di->i_ino);
	int err;

	if (di->i_xattr_block)
		return img->io.ops->read(&img->io, le64_to_cpu(di->i_xattr_block),
					 VEXFS_MAGIC_XATTR, 0, owner, b);
	err = img->io.ops->alloc(&img->io, img->goal, VEXFS_MAGIC_XATTR, owner, b);
	if (err)
		return err;
	di->i_xattr_block = cpu_to_le64(b->blkno);
	add_blocks(di, 1);
	return 0;
}

static int add_to_block(struct vexfs_image *img, struct vexfs_inode *di,
			const struct vexfs_xattr_ent *e)
{
	struct vexfs_blk b;
	int err = attr_block(img, di, &b);

	if (err)
		return err;
	if (!vexfs_xattr_add(vexfs_xattr_block_area(b.data), VEXFS_MD_SPACE, e))
		err = -E2BIG;
	vexfs_xattr_block_count(b.data);
	vexfs_image_dirty(img, &b, true);
	put(img, &b);
	return err;
}

/* Whether the block has room for a record, without making it. */
static int fits_block(struct vexfs_image *img, const struct vexfs_inode *di,
		      const struct vexfs_xattr_ent *e)
{
	u32 used, count, size = vexfs_xattr_rec_size(e);
	struct vexfs_blk b;
	int err;

	if (!di->i_xattr_block)
		return size <= VEXFS_MD_SPACE;
	err = img->io.ops->read(&img->io, le64_to_cpu(di->i_xattr_block), VEXFS_MAGIC_XATTR, 0,
				le64_to_cpu(di->i_ino), &b);
	if (err)
		return err;
	used = vexfs_xattr_used(vexfs_xattr_block_area(b.data), VEXFS_MD_SPACE, &count);
	put(img, &b);
	return size <= VEXFS_MD_SPACE - used;
}

int vexfs_image_add_xattr(struct vexfs_image *img, struct vexfs_inode *di,
			  const struct vexfs_xattr_ent *ent)
{
	struct vexfs_xattr_ent e = *ent;
	int ret;

	if (e.value_len > VEXFS_XATTR_VALUE_MAX)
		return -EINVAL;
	e.large = false;
	if (vexfs_xattr_add(di->i_xattr, VEXFS_XATTR_INLINE, &e))
		return 0;
	ret = fits_block(img, di, &e);
	if (!ret) {
		e.large = true;
		ret = e.value_len ? store_value(img, di, &e) : -E2BIG;
		if (ret || vexfs_xattr_add(di->i_xattr, VEXFS_XATTR_INLINE, &e))
			return ret;
		ret = fits_block(img, di, &e);
	}
	if (ret <= 0)
		return ret ? ret : -E2BIG;
	return add_to_block(img, di, &e);
}
