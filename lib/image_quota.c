// SPDX-License-Identifier: GPL-2.0
/* Quota files in an unmounted filesystem: reading, writing, making them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/extent.h"
#include "lib/image_write.h"
#include "lib/quota_file.h"

static void put(struct vexfs_image *img, struct vexfs_blk *b)
{
	img->io.ops->put(&img->io, b);
}

static struct vexfs_tree tree_of(struct vexfs_image *img, struct vexfs_inode *di)
{
	return (struct vexfs_tree){
		.io = &img->io, .root = &di->i_root, .owner = le64_to_cpu(di->i_ino),
		.leaf_magic = VEXFS_MAGIC_NODE, .goal = img->goal,
	};
}

/* The inode of a quota file, and a check that it can be one. *@why as for load. */
static int get_file(struct vexfs_image *img, int type, struct vexfs_inode *di, const char **why)
{
	u64 ino = le64_to_cpu(img->sb.s_quota_ino[type]);
	int err;

	*why = NULL;
	if (!vexfs_ino_valid(&img->geo, ino) || ino < VEXFS_FIRST_INO) {
		*why = "impossible inode";
		return 0;
	}
	err = vexfs_image_get_inode(img, ino, di);
	if (!err && (!S_ISREG(le16_to_cpu(di->i_mode)) || vexfs_inode_is_value(di) ||
		     !(le32_to_cpu(di->i_flags) & VEXFS_INODE_HIDDEN)))
		*why = "inode is not a hidden file";
	else if (!err && le64_to_cpu(di->i_size) >> VEXFS_BLOCK_SHIFT > le64_to_cpu(di->i_blocks))
		*why = "inode has fewer blocks than its size says";
	return err;
}

/* ---- reading ------------------------------------------------------------------ */

static int read_block(struct vexfs_image *img, struct vexfs_inode *di, u64 lblk, u8 *out, const char **why)
{
	struct vexfs_tree t = tree_of(img, di);
	struct vexfs_extent e;
	struct vexfs_blk b;
	int err = vexfs_ext_find(&t, lblk, &e);

	if (err)
		return err;
	if (!e.pblk || (e.flags & VEXFS_EXT_UNWRITTEN)) {
		*why = "file has a hole";
		return 0;
	}
	err = img->io.ops->read(&img->io, e.pblk + (lblk - e.lblk), VEXFS_MAGIC_QUOTA, 0, t.owner, &b);
	if (err)
		return err;
	memcpy(out, (u8 *)b.data + VEXFS_MDHDR_SIZE, VEXFS_QBLOCKS * VEXFS_QBLOCK);
	put(img, &b);
	return 0;
}

int vexfs_image_quota_load(struct vexfs_image *img, int type, struct vexfs_quota_table *t, const char **why)
{
	struct vexfs_inode di;
	int err = get_file(img, type, &di, why);
	u64 n, i;
	u8 *blocks;

	if (err || *why)
		return err;
	n = le64_to_cpu(di.i_size) >> VEXFS_BLOCK_SHIFT;
	blocks = n <= ~0U / VEXFS_QBLOCKS ? malloc(n * VEXFS_QBLOCKS * VEXFS_QBLOCK + 1) : NULL;
	if (!blocks)
		return -ENOMEM;
	for (i = 0; i < n && !err && !*why; i++)
		err = read_block(img, &di, i, blocks + i * VEXFS_QBLOCKS * VEXFS_QBLOCK, why);
	if (!err && !*why)
		*why = vexfs_quota_unpack(t, type, blocks, n * VEXFS_QBLOCKS, &err);
	free(blocks);
	return err;
}

/* ---- writing --------------------------------------------------------------------- */

/* Where block @lblk is; one is taken if there is none. */
static int map_block(struct vexfs_image *img, struct vexfs_inode *di, u64 lblk, u64 *pblk)
{
	struct vexfs_tree t = tree_of(img, di);
	struct vexfs_extent e;
	u32 one = 1;
	int err = vexfs_ext_find(&t, lblk, &e);

	if (err || (e.pblk && !(e.flags & VEXFS_EXT_UNWRITTEN))) {
		*pblk = e.pblk + (lblk - e.lblk);
		return err;
	}
	if (e.pblk)
		return -EUCLEAN;
	e = (struct vexfs_extent){ .lblk = lblk, .len = 1 };
	err = vexfs_image_alloc_blocks(img, img->goal, &one, &e.pblk);
	if (err)
		return err;
	img->allocated = 0;
	err = vexfs_ext_insert(&t, &e);
	di->i_blocks = cpu_to_le64(le64_to_cpu(di->i_blocks) + 1 + img->allocated);
	*pblk = e.pblk;
	return err;
}

static int write_block(struct vexfs_image *img, struct vexfs_inode *di, u64 lblk, const u8 *data, u32 n)
{
	struct vexfs_blk b;
	u64 pblk;
	int err = map_block(img, di, lblk, &pblk);

	if (!err)
		err = vexfs_image_new(img, pblk, &b);
	if (err)
		return err;
	vexfs_mdhdr_init(b.data, &img->geo, VEXFS_MAGIC_QUOTA, pblk, le64_to_cpu(di->i_ino));
	memcpy((u8 *)b.data + VEXFS_MDHDR_SIZE, data, n * VEXFS_QBLOCK);
	vexfs_image_dirty(img, &b, true);
	put(img, &b);
	return 0;
}

static int write_file(struct vexfs_image *img, struct vexfs_inode *di, const u8 *blocks, u32 n)
{
	u64 size = (u64)((n + VEXFS_QBLOCKS - 1) / VEXFS_QBLOCKS) << VEXFS_BLOCK_SHIFT;
	u32 done, part;
	int err = 0;

	for (done = 0; done < n && !err; done += part) {
		part = min(n - done, (u32)VEXFS_QBLOCKS);
		err = write_block(img, di, done / VEXFS_QBLOCKS, blocks + (size_t)done * VEXFS_QBLOCK, part);
	}
	/* What follows in a file that was longer is not looked at: the header says how long it is. */
	if (le64_to_cpu(di->i_size) < size)
		di->i_size = cpu_to_le64(size);
	return err ? err : vexfs_image_put_inode(img, di);
}

int vexfs_image_quota_store(struct vexfs_image *img, int type, const struct vexfs_quota_table *t)
{
	struct vexfs_inode di;
	const char *why;
	u8 *blocks;
	u32 n;
	int err = get_file(img, type, &di, &why);

	if (err || why)
		return err ? err : -EUCLEAN;
	err = vexfs_quota_pack(t, type, &blocks, &n);
	if (err)
		return err;
	err = write_file(img, &di, blocks, n);
	free(blocks);
	return err;
}

/* ---- making them ------------------------------------------------------------------ */

static u64 area_charge(const void *area, u32 size)
{
	struct vexfs_xattr_ent e;
	u64 bytes = 0;
	u32 pos = 0;

	while (vexfs_xattr_next(area, size, &pos, &e))
		if (e.large)
			bytes += (u64)vexfs_xattr_value_blocks(e.value_len) << VEXFS_BLOCK_SHIFT;
	return bytes;
}

int vexfs_image_xattr_charge(struct vexfs_image *img, const struct vexfs_inode *di, u64 *bytes)
{
	struct vexfs_blk b;
	int err;

	*bytes = area_charge(di->i_xattr, VEXFS_XATTR_INLINE);
	if (!di->i_xattr_block)
		return 0;
	err = img->io.ops->read(&img->io, le64_to_cpu(di->i_xattr_block), VEXFS_MAGIC_XATTR, 0,
				le64_to_cpu(di->i_ino), &b);
	if (err)
		return err;
	*bytes += area_charge(vexfs_xattr_block_area(b.data), VEXFS_MD_SPACE);
	put(img, &b);
	return 0;
}

/**
 * struct count - a walk over all inodes
 * @table:   the users', groups' and projects' usage, to be counted; NULL: i_charged is stored
 * @charges: of embeddings
 */
struct count {
	struct vexfs_quota_table *table;
	struct vexfs_charges charges;
};

static int count_usage(struct vexfs_quota_table *t, const struct vexfs_inode *di, u64 charged)
{
	const u32 id[VEXFS_QUOTA_TYPES] = {
		le32_to_cpu(di->i_uid), le32_to_cpu(di->i_gid), le32_to_cpu(di->i_projid),
	};
	int i;

	for (i = 0; i < VEXFS_QUOTA_TYPES; i++) {
		struct vexfs_quota_rec *r = vexfs_quota_get(&t[i], id[i]);

		if (!r)
			return -ENOMEM;
		r->inodes++;
		r->space += (le64_to_cpu(di->i_blocks) << VEXFS_BLOCK_SHIFT) + charged;
	}
	return 0;
}

static int count_inode(struct vexfs_image *img, u64 ino, struct count *c)
{
	struct vexfs_inode di;
	u64 charged;
	int err = vexfs_image_get_inode(img, ino, &di);

	if (err || le32_to_cpu(di.i_flags) & VEXFS_INODE_HIDDEN)
		return err;
	err = vexfs_image_xattr_charge(img, &di, &charged);
	if (err)
		return err;
	charged += vexfs_charges_of(&c->charges, ino);
	if (c->table)
		return count_usage(c->table, &di, charged);
	if (le64_to_cpu(di.i_charged) == charged)
		return 0;
	di.i_charged = cpu_to_le64(charged);
	return vexfs_image_put_inode(img, &di);
}

/* All of a group that its bitmap marks; the reserved ones but for the root are none. */
static int count_group(struct vexfs_image *img, u32 group, struct count *c)
{
	u32 n = img->geo.inodes_per_group, i = 0;
	struct vexfs_blk b;
	u64 ino;
	int err = img->io.ops->read(&img->io, vexfs_group_ibmap(&img->geo, group), VEXFS_MAGIC_IBMAP, 0,
				    group, &b);

	if (err)
		return err;
	while (!err && (i = vexfs_bit_next_set((u8 *)b.data + VEXFS_MDHDR_SIZE, i, n)) < n) {
		ino = (u64)group * n + ++i;
		if (ino == VEXFS_ROOT_INO || ino >= VEXFS_FIRST_INO)
			err = count_inode(img, ino, c);
	}
	put(img, &b);
	return err;
}

static int count_all(struct vexfs_image *img, struct vexfs_quota_table *table)
{
	struct count c = { .table = table };
	int err = vexfs_charges_load(img, &c.charges);
	u32 g;

	for (g = 0; g < img->geo.groups && !err; g++)
		err = count_group(img, g, &c);
	vexfs_charges_free(&c.charges);
	return err;
}

/* Made as the root was. */
static int new_file(struct vexfs_image *img, int type)
{
	struct vexfs_inode di, root;
	int err = vexfs_image_get_inode(img, VEXFS_ROOT_INO, &root);

	if (!err)
		err = vexfs_image_new_inode(img, S_IFREG | 0600, &di);
	if (err)
		return err;
	di.i_nlink = cpu_to_le32(1);
	di.i_flags = cpu_to_le32(VEXFS_INODE_HIDDEN);
	di.i_generation = cpu_to_le32(le32_to_cpu(root.i_generation) + 1 + type);
	di.i_atime = di.i_mtime = di.i_ctime = di.i_btime = root.i_btime;
	img->sb.s_quota_ino[type] = di.i_ino;
	return vexfs_image_put_inode(img, &di);
}

int vexfs_image_quota_make(struct vexfs_image *img)
{
	struct vexfs_quota_table t[VEXFS_QUOTA_TYPES];
	int err, i;

	for (i = 0; i < VEXFS_QUOTA_TYPES; i++)
		vexfs_quota_init(&t[i]);
	err = count_all(img, t);
	for (i = 0; i < VEXFS_QUOTA_TYPES; i++) {
		if (!err)
			err = new_file(img, i);
		if (!err)
			err = vexfs_image_quota_store(img, i, &t[i]);
		vexfs_quota_free(&t[i]);
	}
	return err;
}

int vexfs_image_quota_charge(struct vexfs_image *img)
{
	return count_all(img, NULL);
}
