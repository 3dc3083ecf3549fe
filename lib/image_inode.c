// SPDX-License-Identifier: GPL-2.0
/* Making files in an unmounted filesystem: inodes and their names. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/dir.h"
#include "core/links.h"
#include "lib/image_write.h"

static void put(struct vexfs_image *img, struct vexfs_blk *b)
{
	img->io.ops->put(&img->io, b);
}

static void *body(struct vexfs_blk *b)
{
	return (u8 *)b->data + VEXFS_MDHDR_SIZE;
}

/* ---- inodes ---------------------------------------------------------------- */

int vexfs_image_get_inode(struct vexfs_image *img, u64 ino, struct vexfs_inode *di)
{
	struct vexfs_inode *p;
	struct vexfs_blk b;
	const char *why;
	int err = vexfs_image_inode(img, ino, &b, &p);

	if (err)
		return err;
	*di = *p;
	put(img, &b);
	why = vexfs_inode_verify(di, &img->geo, ino);
	return why ? img->io.ops->corrupt(&img->io, vexfs_ino_block(&img->geo, ino), why) : 0;
}

int vexfs_image_put_inode(struct vexfs_image *img, const struct vexfs_inode *di)
{
	struct vexfs_inode *p;
	struct vexfs_blk b;
	int err = vexfs_image_inode(img, le64_to_cpu(di->i_ino), &b, &p);

	if (err)
		return err;
	*p = *di;
	vexfs_inode_seal(p);
	vexfs_image_dirty(img, &b, false);
	put(img, &b);
	return 0;
}

/* No inode is in use beyond gd_itable_init: blocks of the table up to that of @index are zeroed. */
static int init_itable(struct vexfs_image *img, u32 group, u32 index, struct vexfs_group_desc *gd)
{
	u32 init = le32_to_cpu(gd->gd_itable_init);
	struct vexfs_blk b;
	int err = 0;

	for (; init <= index / VEXFS_INODES_PER_BLOCK && !err; init++) {
		err = vexfs_image_new(img, vexfs_group_itable(&img->geo, group) + init, &b);
		if (!err)
			put(img, &b);
	}
	gd->gd_itable_init = cpu_to_le32(init);
	return err;
}

/* The descriptor of an inode's group counts it. */
static int count_inode(struct vexfs_image *img, u32 group, u32 index, bool dir)
{
	u32 block = group / VEXFS_GD_PER_BLOCK;
	struct vexfs_group_desc *gd;
	struct vexfs_blk b;
	int err = img->io.ops->read(&img->io, vexfs_gdt_block(&img->geo, block), VEXFS_MAGIC_GDT, 0,
				    block, &b);

	if (err)
		return err;
	gd = (struct vexfs_group_desc *)body(&b) + group % VEXFS_GD_PER_BLOCK;
	gd->gd_free_inodes = cpu_to_le32(le32_to_cpu(gd->gd_free_inodes) - 1);
	gd->gd_used_dirs = cpu_to_le32(le32_to_cpu(gd->gd_used_dirs) + dir);
	err = init_itable(img, group, index, gd);
	vexfs_image_dirty(img, &b, true);
	put(img, &b);
	return err;
}

/* Returns 1 and the index of an inode that was free, 0 if the group has none. */
static int take_in_group(struct vexfs_image *img, u32 group, u32 *index)
{
	struct vexfs_blk b;
	int err = img->io.ops->read(&img->io, vexfs_group_ibmap(&img->geo, group), VEXFS_MAGIC_IBMAP,
				    0, group, &b);

	if (err)
		return err;
	*index = vexfs_bit_next_clear(body(&b), 0, img->geo.inodes_per_group);
	if (*index < img->geo.inodes_per_group) {
		vexfs_bits_set(body(&b), *index, 1);
		vexfs_image_dirty(img, &b, true);
		err = 1;
	}
	put(img, &b);
	return err;
}

/* From the group of the last inode on: those before it are full unless an inode was freed there since. */
static int take_inode(struct vexfs_image *img, bool dir, u64 *ino)
{
	u32 tries, group = img->igroup, index = 0;
	int ret = 0;

	for (tries = 0; tries < img->geo.groups && !ret; tries++) {
		group = (img->igroup + tries) % img->geo.groups;
		ret = take_in_group(img, group, &index);
	}
	if (ret <= 0)
		return ret ? ret : -ENOSPC;
	img->igroup = group;
	*ino = (u64)group * img->geo.inodes_per_group + index + 1;
	return count_inode(img, group, index, dir);
}

int vexfs_image_new_inode(struct vexfs_image *img, u16 mode, struct vexfs_inode *di)
{
	u64 ino;
	int err = take_inode(img, S_ISDIR(mode), &ino);

	if (err)
		return err;
	memset(di, 0, sizeof(*di));
	di->i_mode = cpu_to_le16(mode);
	di->i_magic = cpu_to_le16(VEXFS_INODE_MAGIC);
	di->i_ino = cpu_to_le64(ino);
	di->i_version = cpu_to_le64(1);
	di->i_nlink = cpu_to_le32(S_ISDIR(mode) ? 2 : 0);
	return 0;
}

/* ---- names ----------------------------------------------------------------- */

static void add_blocks(struct vexfs_image *img, struct vexfs_inode *di)
{
	di->i_blocks = cpu_to_le64(le64_to_cpu(di->i_blocks) + img->allocated);
}

static int add_entry(struct vexfs_image *img, struct vexfs_inode *dir, const struct vexfs_dent *d)
{
	struct vexfs_tree t = {
		.io = &img->io, .root = &dir->i_root, .owner = le64_to_cpu(dir->i_ino),
		.leaf_magic = VEXFS_MAGIC_DIR, .goal = img->goal,
	};
	int err;

	img->allocated = 0;
	err = vexfs_dir_add(&t, d);
	add_blocks(img, dir);
	if (!err)
		dir->i_size = cpu_to_le64(le64_to_cpu(dir->i_size) + 1);
	return err;
}

static int record_name(struct vexfs_image *img, struct vexfs_inode *di, const struct vexfs_name *n)
{
	struct vexfs_linktree lt = {
		.io = &img->io, .ino = le64_to_cpu(di->i_ino),
		.block = le64_to_cpu(di->i_link_block), .goal = img->goal,
	};
	int err;

	if (vexfs_links_put(di->i_links, n))
		return 0;
	img->allocated = 0;
	err = vexfs_linktree_add(&lt, n);
	di->i_link_block = cpu_to_le64(lt.block);
	add_blocks(img, di);
	return err;
}

int vexfs_image_add_name(struct vexfs_image *img, struct vexfs_inode *dir, struct vexfs_inode *di,
			 const char *name, u32 len)
{
	u16 mode = le16_to_cpu(di->i_mode);
	struct vexfs_dent d = {
		.hash = vexfs_dir_hash(img->geo.hash_key, name, len), .ino = le64_to_cpu(di->i_ino),
		.type = IFTODT(mode), .name_len = len, .name = name,
	};
	struct vexfs_name n = { le64_to_cpu(dir->i_ino), d.hash };
	struct vexfs_inode *counted = S_ISDIR(mode) ? dir : di;
	int err = add_entry(img, dir, &d);

	if (!err)
		err = record_name(img, di, &n);
	/* A directory's two are there from the beginning; it adds one to its parent's. */
	if (!err)
		counted->i_nlink = cpu_to_le32(le32_to_cpu(counted->i_nlink) + 1);
	return err;
}
