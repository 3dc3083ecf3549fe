// SPDX-License-Identifier: GPL-2.0
/*
 * core/ with the kernel's types, checksum and byte order: blocks are sealed and
 * verified, and trees, extent maps and directories are compared with plain arrays
 * over a device in memory.
 */
#include "kmod/kunit/kunit.h"
#include <kunit/test.h>

#define DEVICE	512		/* blocks */
#define OWNER	77
/* A device of @n blocks without fixed metadata. */
#define IO_OF(n)	(&(const struct vexfs_io){ .nblocks = (n) })

struct core_dev {
	struct vexfs_io		io;
	struct vexfs_geo	geo;
	struct vexfs_btree_root	root;
	struct vexfs_tree	t;
	void			*block[DEVICE];
	u32			used, pinned, reports;
	u64			rng;
};

/* ---- a device in memory -------------------------------------------------------------- */

static struct core_dev *to_dev(struct vexfs_io *io)
{
	return container_of(io, struct core_dev, io);
}

static int dev_corrupt(struct vexfs_io *io, u64 blkno, const char *what)
{
	to_dev(io)->reports++;
	return -EUCLEAN;
}

static void dev_pin(struct core_dev *d, u64 blkno, struct vexfs_blk *b)
{
	b->blkno = blkno;
	b->data = d->block[blkno];
	b->priv = d;
	d->pinned++;
}

static int dev_read(struct vexfs_io *io, u64 blkno, u32 magic, u32 magic2, u64 owner,
		    struct vexfs_blk *b)
{
	struct core_dev *d = to_dev(io);
	const char *what;

	if (blkno >= DEVICE || !d->block[blkno])
		return dev_corrupt(io, blkno, "free");
	what = vexfs_mdhdr_verify(d->block[blkno], &d->geo, magic, magic2, blkno, owner);
	if (what)
		return dev_corrupt(io, blkno, what);
	dev_pin(d, blkno, b);
	return 0;
}

static int dev_modify(struct vexfs_io *io, struct vexfs_blk *b)
{
	return 0;
}

static int dev_dirty(struct vexfs_io *io, struct vexfs_blk *b)
{
	vexfs_mdhdr_seal(b->data);
	return 0;
}

static void dev_put(struct vexfs_io *io, struct vexfs_blk *b)
{
	if (b->priv)
		to_dev(io)->pinned--;
	memset(b, 0, sizeof(*b));
}

static int dev_alloc(struct vexfs_io *io, u64 goal, u32 magic, u64 owner, struct vexfs_blk *b)
{
	struct core_dev *d = to_dev(io);
	u64 blkno;

	for (blkno = 1; blkno < DEVICE && d->block[blkno]; blkno++)
		;
	if (blkno == DEVICE)
		return -ENOSPC;
	d->block[blkno] = kzalloc(VEXFS_BLOCK_SIZE, GFP_KERNEL);
	if (!d->block[blkno])
		return -ENOMEM;
	vexfs_mdhdr_init(d->block[blkno], &d->geo, magic, blkno, owner);
	d->used++;
	dev_pin(d, blkno, b);
	return 0;
}

static int dev_free(struct vexfs_io *io, struct vexfs_blk *b)
{
	struct core_dev *d = to_dev(io);

	kfree(d->block[b->blkno]);
	d->block[b->blkno] = NULL;
	d->used--;
	dev_put(io, b);
	return 0;
}

static const struct vexfs_io_ops dev_ops = {
	.read = dev_read,
	.modify = dev_modify,
	.dirty = dev_dirty,
	.put = dev_put,
	.alloc = dev_alloc,
	.free = dev_free,
	.corrupt = dev_corrupt,
};

static int core_init(struct kunit *test)
{
	struct core_dev *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, d);
	d->io.ops = &dev_ops;
	d->io.nblocks = 1U << 20;	/* extents may lead anywhere; metadata is below DEVICE */
	d->geo.blocks = d->io.nblocks;
	memcpy(d->geo.uuid, "kunit in a guest", VEXFS_UUID_LEN);
	d->t.io = &d->io;
	d->t.root = &d->root;
	d->t.owner = OWNER;
	d->t.leaf_magic = VEXFS_MAGIC_NODE;
	d->rng = 1;
	test->priv = d;
	return 0;
}

static void core_exit(struct kunit *test)
{
	struct core_dev *d = test->priv;
	int i;

	KUNIT_EXPECT_EQ_MSG(test, d->pinned, 0U, "blocks left pinned");
	KUNIT_EXPECT_EQ_MSG(test, d->reports, 0U, "damage reported where there is none");
	for (i = 0; i < DEVICE; i++)
		kfree(d->block[i]);
}

/* ---- checksums and verifiers ------------------------------------------------------------ */

/* The check value of CRC-32C, "123456789" -> e3069283, before its last inversion. */
static void test_crc(struct kunit *test)
{
	static const struct vexfs_space nine = { .dim = 9, .elem = VEXFS_I8, .metric = VEXFS_L2 };

	KUNIT_EXPECT_EQ(test, vexfs_vec_crc(&nine, "123456789"), ~0xe3069283U);
}

/* Any bit that flips in a block is noticed, and so is a block in the wrong place. */
static void test_header(struct kunit *test)
{
	struct core_dev *d = test->priv;
	u8 *b = kunit_kzalloc(test, VEXFS_BLOCK_SIZE, GFP_KERNEL);
	u32 bit, missed = 0;

	KUNIT_ASSERT_NOT_NULL(test, b);
	vexfs_mdhdr_init(b, &d->geo, VEXFS_MAGIC_NODE, 5, OWNER);
	b[1000] = 1;
	vexfs_mdhdr_seal(b);
	KUNIT_EXPECT_NULL(test, vexfs_mdhdr_verify(b, &d->geo, VEXFS_MAGIC_NODE, 0, 5, OWNER));
	KUNIT_EXPECT_NULL(test, vexfs_mdhdr_verify(b, &d->geo, 1, VEXFS_MAGIC_NODE, 5, OWNER));
	KUNIT_EXPECT_NOT_NULL(test, vexfs_mdhdr_verify(b, &d->geo, VEXFS_MAGIC_DIR, 0, 5, OWNER));
	KUNIT_EXPECT_NOT_NULL(test, vexfs_mdhdr_verify(b, &d->geo, VEXFS_MAGIC_NODE, 0, 6, OWNER));
	KUNIT_EXPECT_NOT_NULL(test, vexfs_mdhdr_verify(b, &d->geo, VEXFS_MAGIC_NODE, 0, 5, OWNER + 1));
	for (bit = 0; bit < VEXFS_BLOCK_SIZE * 8; bit += bit < 1024 ? 1 : 61) {
		b[bit / 8] ^= 1 << bit % 8;
		missed += !vexfs_mdhdr_verify(b, &d->geo, VEXFS_MAGIC_NODE, 0, 5, OWNER);
		b[bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ_MSG(test, missed, 0U, "flipped bits not noticed");
}

static void test_inode(struct kunit *test)
{
	struct core_dev *d = test->priv;
	struct vexfs_inode *di = kunit_kzalloc(test, sizeof(*di), GFP_KERNEL);
	u32 bit, missed = 0;

	KUNIT_ASSERT_NOT_NULL(test, di);
	KUNIT_EXPECT_STREQ(test, vexfs_inode_verify(di, &d->geo, 12), "inode is free");
	di->i_magic = cpu_to_le16(VEXFS_INODE_MAGIC);
	di->i_mode = cpu_to_le16(S_IFREG | 0644);
	di->i_ino = cpu_to_le64(12);
	di->i_nlink = cpu_to_le32(1);
	vexfs_inode_seal(di);
	KUNIT_EXPECT_NULL(test, vexfs_inode_verify(di, &d->geo, 12));
	KUNIT_EXPECT_NOT_NULL(test, vexfs_inode_verify(di, &d->geo, 13));
	for (bit = 0; bit < sizeof(*di) * 8; bit++) {
		((u8 *)di)[bit / 8] ^= 1 << bit % 8;
		missed += !vexfs_inode_verify(di, &d->geo, 12);
		((u8 *)di)[bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ_MSG(test, missed, 0U, "flipped bits not noticed");
	/* right by checksum, wrong by content */
	di->i_blocks = cpu_to_le64(d->geo.blocks);
	vexfs_inode_seal(di);
	KUNIT_EXPECT_NOT_NULL(test, vexfs_inode_verify(di, &d->geo, 12));
}

static void test_bitmap(struct kunit *test)
{
	unsigned long *model = kunit_kzalloc(test, 1024 / 8, GFP_KERNEL);
	struct core_dev *d = test->priv;
	u8 *map = kunit_kzalloc(test, 1024 / 8, GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	KUNIT_ASSERT_NOT_NULL(test, map);
	for (i = 0; i < 3000; i++) {
		u32 first = vexfs_kunit_below(&d->rng, 1000);
		u32 n = 1 + vexfs_kunit_below(&d->rng, min(1000 - first, 90U));

		if (i & 1) {
			vexfs_bits_clear(map, first, n);
			bitmap_clear(model, first, n);
		} else {
			vexfs_bits_set(map, first, n);
			bitmap_set(model, first, n);
		}
		first = vexfs_kunit_below(&d->rng, 1000);
		KUNIT_ASSERT_EQ(test, vexfs_bit_test(map, first), test_bit(first, model));
		KUNIT_ASSERT_EQ(test, (unsigned long)vexfs_bit_next_clear(map, first, 1000),
				find_next_zero_bit(model, 1000, first));
		KUNIT_ASSERT_EQ(test, (unsigned long)vexfs_bit_next_set(map, first, 1000),
				find_next_bit(model, 1000, first));
		KUNIT_ASSERT_EQ(test, vexfs_bits_count_set(map, 1000), (u32)bitmap_weight(model, 1000));
	}
}

/* ---- trees ----------------------------------------------------------------------------------- */

#define KEYS	4096
#define STEPS	4000

static void check_neighbours(struct kunit *test, struct core_dev *d, const unsigned long *have, u32 key)
{
	unsigned long ge = find_next_bit(have, KEYS, key), le = find_last_bit(have, key + 1);
	struct vexfs_kv kv;
	int err;

	err = vexfs_bt_find_ge(&d->t, key, &kv);
	KUNIT_ASSERT_EQ(test, err, ge < KEYS ? 0 : -ENOENT);
	if (!err)
		KUNIT_ASSERT_EQ(test, kv.key, (u64)ge);
	err = vexfs_bt_find_le(&d->t, key, &kv);
	KUNIT_ASSERT_EQ(test, err, le <= key ? 0 : -ENOENT);
	if (!err) {
		KUNIT_ASSERT_EQ(test, kv.key, (u64)le);
		KUNIT_ASSERT_EQ(test, kv.val, (u64)le * 3 + 1);
	}
}

/* Growing for a while, then shrinking to nothing. */
static void test_btree(struct kunit *test)
{
	unsigned long *have = kunit_kzalloc(test, KEYS / 8, GFP_KERNEL);
	struct core_dev *d = test->priv;
	u32 i, key, n = 0;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, have);
	for (i = 0; i < STEPS || n; i++) {
		key = vexfs_kunit_below(&d->rng, KEYS);
		if (i >= STEPS)
			key = find_next_bit(have, KEYS, 0);
		if (i < STEPS && vexfs_kunit_below(&d->rng, 10) < (i < STEPS / 2 ? 8 : 3)) {
			err = vexfs_bt_insert(&d->t, key, (u64)key * 3 + 1);
			KUNIT_ASSERT_EQ(test, err, test_bit(key, have) ? -EEXIST : 0);
			n += !test_and_set_bit(key, have);
		} else {
			err = vexfs_bt_delete(&d->t, key);
			KUNIT_ASSERT_EQ(test, err, test_bit(key, have) ? 0 : -ENOENT);
			n -= test_and_clear_bit(key, have);
		}
		check_neighbours(test, d, have, vexfs_kunit_below(&d->rng, KEYS));
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, d->used, 0U);
}

/* A damaged node is reported and nothing stays pinned. */
static void test_btree_damage(struct kunit *test)
{
	struct core_dev *d = test->priv;
	struct vexfs_kv kv;
	u32 i, found = 0;

	for (i = 0; i < 2000; i++)
		KUNIT_ASSERT_EQ(test, vexfs_bt_insert(&d->t, i * 2, i), 0);
	for (i = 1; i < DEVICE; i++) {
		if (!d->block[i])
			continue;
		((u8 *)d->block[i])[VEXFS_MDHDR_SIZE + 9] ^= 0x40;
		/* A search that passes this node ends with an error, any other does not. */
		for (kv.key = 0; kv.key < 4000; kv.key += 50)
			found += vexfs_bt_find_ge(&d->t, kv.key, &(struct vexfs_kv){}) == -EUCLEAN;
		((u8 *)d->block[i])[VEXFS_MDHDR_SIZE + 9] ^= 0x40;
	}
	KUNIT_EXPECT_GE(test, found, d->used);
	KUNIT_EXPECT_GE(test, d->reports, found);
	d->reports = 0;
}

/* ---- extents ---------------------------------------------------------------------------------- */

#define FILE_BLOCKS	1024

struct ext_model {
	u32	pblk[FILE_BLOCKS];	/* 0: hole */
	bool	unwritten[FILE_BLOCKS];
};

static void ext_compare(struct kunit *test, struct core_dev *d, const struct ext_model *m)
{
	struct vexfs_extent e;
	u64 lblk, i;

	for (lblk = 0; lblk < FILE_BLOCKS; lblk = e.lblk + e.len) {
		KUNIT_ASSERT_EQ(test, vexfs_ext_find(&d->t, lblk, &e), 0);
		KUNIT_ASSERT_LE(test, e.lblk, lblk);
		KUNIT_ASSERT_GT(test, e.lblk + e.len, lblk);
		for (i = lblk; i < e.lblk + e.len && i < FILE_BLOCKS; i++) {
			KUNIT_ASSERT_EQ(test, (u64)m->pblk[i], e.pblk ? e.pblk + (i - e.lblk) : 0);
			KUNIT_ASSERT_EQ(test, m->unwritten[i], e.pblk && (e.flags & VEXFS_EXT_UNWRITTEN));
		}
	}
}

static void ext_map(struct kunit *test, struct core_dev *d, struct ext_model *m, u32 first, u32 n)
{
	struct vexfs_extent e = { .lblk = first, .len = n, .flags = VEXFS_EXT_UNWRITTEN };
	u32 i;

	for (i = first; i < first + n && !m->pblk[i]; i++)
		;
	e.len = i - first;
	if (!e.len)
		return;
	e.pblk = 4096 + vexfs_kunit_below(&d->rng, 1 << 19);
	KUNIT_ASSERT_EQ(test, vexfs_ext_insert(&d->t, &e), 0);
	for (i = 0; i < e.len; i++) {
		m->pblk[first + i] = e.pblk + i;
		m->unwritten[first + i] = true;
	}
}

static void ext_write(struct kunit *test, struct core_dev *d, struct ext_model *m, u32 first, u32 n)
{
	u64 lblk = first, done;
	u32 i;

	for (i = first; i < first + n && m->pblk[i]; i++)
		m->unwritten[i] = false;
	while (lblk < i) {
		KUNIT_ASSERT_EQ(test, vexfs_ext_convert(&d->t, lblk, i - lblk, &done), 0);
		KUNIT_ASSERT_GT(test, done, 0ULL);
		lblk += done;
	}
}

static void ext_unmap(struct kunit *test, struct core_dev *d, struct ext_model *m, u32 first, u32 n)
{
	struct vexfs_extent gone;
	u64 i;
	int err;

	while (!(err = vexfs_ext_unmap_last(&d->t, first, first + n, &gone))) {
		KUNIT_ASSERT_GE(test, gone.lblk, (u64)first);
		KUNIT_ASSERT_LE(test, gone.lblk + gone.len, (u64)first + n);
		for (i = 0; i < gone.len; i++) {
			KUNIT_ASSERT_EQ(test, (u64)m->pblk[gone.lblk + i], gone.pblk + i);
			m->pblk[gone.lblk + i] = 0;
			m->unwritten[gone.lblk + i] = false;
		}
	}
	KUNIT_ASSERT_EQ(test, err, -ENOENT);
}

static void test_extent(struct kunit *test)
{
	struct ext_model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct core_dev *d = test->priv;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < 1500; i++) {
		u32 first = vexfs_kunit_below(&d->rng, FILE_BLOCKS);
		u32 n = 1 + vexfs_kunit_below(&d->rng, min(FILE_BLOCKS - first, 30U));

		switch (vexfs_kunit_below(&d->rng, 4)) {
		case 0:
		case 1:
			ext_map(test, d, m, first, n);
			break;
		case 2:
			ext_write(test, d, m, first, n);
			break;
		case 3:
			ext_unmap(test, d, m, first, n);
			break;
		}
		if (i % 50 == 0)
			ext_compare(test, d, m);
		cond_resched();
	}
	ext_compare(test, d, m);
	ext_unmap(test, d, m, 0, FILE_BLOCKS);
	KUNIT_EXPECT_EQ(test, d->used, 0U);
}

static void test_extent_decode(struct kunit *test)
{
	struct vexfs_extent e = { .lblk = 9, .len = 7, .pblk = 1000, .flags = VEXFS_EXT_UNWRITTEN }, got;

	KUNIT_EXPECT_NULL(test, vexfs_ext_unpack(9, vexfs_ext_pack(&e), IO_OF(2000), &got));
	KUNIT_EXPECT_EQ(test, got.lblk, 9ULL);
	KUNIT_EXPECT_EQ(test, got.len, 7ULL);
	KUNIT_EXPECT_EQ(test, got.pblk, 1000ULL);
	KUNIT_EXPECT_EQ(test, got.flags, (u64)VEXFS_EXT_UNWRITTEN);
	/* past the device, of no length, at block 0, past the largest file */
	KUNIT_EXPECT_NOT_NULL(test, vexfs_ext_unpack(9, vexfs_ext_pack(&e), IO_OF(1006), &got));
	e.len = 0;
	KUNIT_EXPECT_NOT_NULL(test, vexfs_ext_unpack(9, vexfs_ext_pack(&e), IO_OF(2000), &got));
	e.len = 7;
	e.pblk = 0;
	KUNIT_EXPECT_NOT_NULL(test, vexfs_ext_unpack(9, vexfs_ext_pack(&e), IO_OF(2000), &got));
	e.pblk = 1000;
	KUNIT_EXPECT_NOT_NULL(test, vexfs_ext_unpack(VEXFS_MAX_LBLK, vexfs_ext_pack(&e), IO_OF(2000), &got));
}

/* ---- directories ------------------------------------------------------------------------------ */

#define NAMES	600

static struct vexfs_dent entry(char *buf, u32 i)
{
	struct vexfs_dent d = { .ino = i + 2, .type = i % 2 ? 8 : 4, .name = buf };

	/* some short, some of the greatest length */
	d.name_len = sprintf(buf, "name-%u", i);
	if (i % 10 == 0) {
		memset(buf + d.name_len, 'x', VEXFS_NAME_LEN - d.name_len);
		d.name_len = VEXFS_NAME_LEN;
	}
	d.hash = vexfs_dir_hash((const u8 *)"0123456789abcdef", buf, d.name_len);
	return d;
}

static void test_dir(struct kunit *test)
{
	char *buf = kunit_kzalloc(test, VEXFS_NAME_LEN + 1, GFP_KERNEL);
	struct core_dev *d = test->priv;
	struct vexfs_dent e;
	u64 ino;
	u32 i;
	u8 type;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	d->t.leaf_magic = VEXFS_MAGIC_DIR;
	for (i = 0; i < NAMES; i++) {
		e = entry(buf, i);
		KUNIT_ASSERT_EQ(test, vexfs_dir_lookup(&d->t, e.hash, e.name, e.name_len, &ino, &type),
				-ENOENT);
		KUNIT_ASSERT_EQ(test, vexfs_dir_add(&d->t, &e), 0);
		KUNIT_ASSERT_EQ(test, vexfs_dir_add(&d->t, &e), -EEXIST);
	}
	for (i = 0; i < NAMES; i++) {
		e = entry(buf, i);
		KUNIT_ASSERT_EQ(test, vexfs_dir_lookup(&d->t, e.hash, e.name, e.name_len, &ino, &type), 0);
		KUNIT_ASSERT_EQ(test, ino, e.ino);
		KUNIT_ASSERT_EQ(test, type, e.type);
		if (i % 3)
			continue;
		KUNIT_ASSERT_EQ(test, vexfs_dir_remove(&d->t, e.hash, e.name, e.name_len), 0);
		KUNIT_ASSERT_EQ(test, vexfs_dir_lookup(&d->t, e.hash, e.name, e.name_len, &ino, &type),
				-ENOENT);
	}
	for (i = 0; i < NAMES; i++) {
		e = entry(buf, i);
		KUNIT_ASSERT_EQ(test, vexfs_dir_remove(&d->t, e.hash, e.name, e.name_len),
				i % 3 ? 0 : -ENOENT);
	}
	KUNIT_EXPECT_TRUE(test, vexfs_dir_empty(&d->root));
	KUNIT_EXPECT_EQ(test, d->used, 0U);
}

static struct kunit_case core_cases[] = {
	KUNIT_CASE(test_crc),
	KUNIT_CASE(test_header),
	KUNIT_CASE(test_inode),
	KUNIT_CASE(test_bitmap),
	KUNIT_CASE(test_btree),
	KUNIT_CASE(test_btree_damage),
	KUNIT_CASE(test_extent),
	KUNIT_CASE(test_extent_decode),
	KUNIT_CASE(test_dir),
	{}
};

struct kunit_suite vexfs_kunit_core = {
	.name = "vexfs-core",
	.init = core_init,
	.exit = core_exit,
	.test_cases = core_cases,
};
kunit_test_suite(vexfs_kunit_core);
