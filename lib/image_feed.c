// SPDX-License-Identifier: GPL-2.0
/* The change feed of an unmounted filesystem: turning it on and off. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/feature.h"
#include "core/feed.h"
#include "lib/image_feed.h"
#include "lib/image_write.h"

static void put(struct vexfs_image *img, struct vexfs_blk *b)
{
	img->io.ops->put(&img->io, b);
}

static void *body(struct vexfs_blk *b)
{
	return (u8 *)b->data + VEXFS_MDHDR_SIZE;
}

struct vexfs_tree vexfs_image_feed_tree(struct vexfs_image *img, struct vexfs_inode *di)
{
	return (struct vexfs_tree){
		.io = &img->io, .root = &di->i_root, .owner = le64_to_cpu(di->i_ino),
		.leaf_magic = VEXFS_MAGIC_NODE, .goal = img->goal,
	};
}

int vexfs_image_feed_inode(struct vexfs_image *img, u32 generation, s64 now, struct vexfs_inode *di)
{
	int err = vexfs_image_new_inode(img, S_IFREG | 0600, di);

	if (err)
		return err;
	di->i_nlink = cpu_to_le32(1);
	di->i_flags = cpu_to_le32(VEXFS_INODE_HIDDEN);
	di->i_generation = cpu_to_le32(generation);
	di->i_atime = di->i_mtime = di->i_ctime = di->i_btime = cpu_to_le64(now);
	return 0;
}

static void set_bit(struct vexfs_image *img, bool on)
{
	u32 word = le32_to_cpu(img->sb.s_feature_ro_compat);

	word = on ? word | VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED : word & ~VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED;
	img->sb.s_feature_ro_compat = cpu_to_le32(word);
	img->geo.feature[VEXFS_RO_COMPAT] = word;
}

int vexfs_image_feed_on(struct vexfs_image *img, u32 generation, s64 now)
{
	struct vexfs_inode di;
	int err;

	set_bit(img, true);
	err = vexfs_image_feed_inode(img, generation, now, &di);
	if (!err)
		err = vexfs_image_put_inode(img, &di);
	img->sb.s_change_ino = di.i_ino;
	img->sb.s_change_epoch = cpu_to_le64(1);
	return err;
}

/* ---- off --------------------------------------------------------------------- */

static int forget_number(struct vexfs_image *img, u64 ino)
{
	struct vexfs_inode di;
	int err = vexfs_image_get_inode(img, ino, &di);

	if (err || !di.i_change_epoch)
		return err;
	di.i_change_epoch = 0;
	return vexfs_image_put_inode(img, &di);
}

static int forget_group(struct vexfs_image *img, u32 group)
{
	u32 n = img->geo.inodes_per_group, i = 0;
	struct vexfs_blk b;
	u64 ino;
	int err = img->io.ops->read(&img->io, vexfs_group_ibmap(&img->geo, group), VEXFS_MAGIC_IBMAP, 0, group, &b);

	if (err)
		return err;
	while (!err && (i = vexfs_bit_next_set(body(&b), i, n)) < n) {
		ino = (u64)group * n + ++i;
		if (ino == VEXFS_ROOT_INO || ino >= VEXFS_FIRST_INO)
			err = forget_number(img, ino);
	}
	put(img, &b);
	return err;
}

static int count_free_inode(struct vexfs_image *img, u32 group)
{
	u32 block = group / VEXFS_GD_PER_BLOCK;
	struct vexfs_group_desc *gd;
	struct vexfs_blk b;
	int err = img->io.ops->read(&img->io, vexfs_gdt_block(&img->geo, block), VEXFS_MAGIC_GDT, 0, block, &b);

	if (err)
		return err;
	gd = (struct vexfs_group_desc *)body(&b) + group % VEXFS_GD_PER_BLOCK;
	gd->gd_free_inodes = cpu_to_le32(le32_to_cpu(gd->gd_free_inodes) + 1);
	vexfs_image_dirty(img, &b, true);
	put(img, &b);
	return 0;
}

static int free_inode(struct vexfs_image *img, u64 ino)
{
	u32 group = vexfs_ino_group(&img->geo, ino);
	struct vexfs_inode *di;
	struct vexfs_blk b;
	int err = vexfs_image_inode(img, ino, &b, &di);

	if (err)
		return err;
	memset(di, 0, sizeof(*di));
	vexfs_image_dirty(img, &b, false);
	put(img, &b);
	err = img->io.ops->read(&img->io, vexfs_group_ibmap(&img->geo, group), VEXFS_MAGIC_IBMAP, 0, group, &b);
	if (err)
		return err;
	vexfs_bits_clear(body(&b), vexfs_ino_index(&img->geo, ino), 1);
	vexfs_image_dirty(img, &b, true);
	put(img, &b);
	return count_free_inode(img, group);
}

/* The tree, record by record, which frees its blocks, and its inode. */
static int free_tree(struct vexfs_image *img, u64 ino)
{
	struct vexfs_inode di;
	struct vexfs_tree t;
	struct vexfs_kv kv;
	int err = vexfs_image_get_inode(img, ino, &di);

	t = vexfs_image_feed_tree(img, &di);
	while (!err && !(err = vexfs_bt_find_ge(&t, 0, &kv)))
		err = vexfs_bt_delete(&t, kv.key);
	return err == -ENOENT ? free_inode(img, ino) : err;
}

int vexfs_image_feed_off(struct vexfs_image *img)
{
	int err = 0;
	u32 g;

	for (g = 0; g < img->geo.groups && !err; g++)
		err = forget_group(img, g);
	if (!err)
		err = free_tree(img, le64_to_cpu(img->sb.s_change_ino));
	if (err)
		return err;
	img->sb.s_change_ino = 0;
	img->sb.s_change_epoch = 0;
	set_bit(img, false);
	return 0;
}
