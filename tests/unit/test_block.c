// SPDX-License-Identifier: GPL-2.0
/* Superblock, geometry, headers, inodes, bitmaps and checksums. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "core/block.h"
#include "lib/image_place.h"
#include "memio.h"

/* ---- checksums ------------------------------------------------------------------- */

static void test_crc32c(void **state)
{
	u8 data[300];
	u32 i, n, whole, parts;

	/* The check value of CRC-32C, and two of RFC 3720, B.4. */
	assert_int_equal(~crc32c(~0U, "123456789", 9), 0xe3069283U);
	memset(data, 0, 32);
	assert_int_equal(~crc32c(~0U, data, 32), 0x8a9136aaU);
	memset(data, 0xff, 32);
	assert_int_equal(~crc32c(~0U, data, 32), 0x62a8ab43U);
	assert_int_equal(crc32c(123, data, 0), 123);
	for (i = 0; i < sizeof(data); i++)
		data[i] = i * 7;
	whole = crc32c(~0U, data, sizeof(data));
	for (n = 0; n <= sizeof(data); n++) {	/* every length and alignment */
		parts = crc32c(~0U, data, n);
		parts = crc32c(parts, data + n, sizeof(data) - n);
		assert_int_equal(parts, whole);
	}
}

/* Key 00 01 .. 0f, message 00 01 ..: the vectors of SipHash's reference implementation. */
static void test_siphash(void **state)
{
	const siphash_key_t key = {{ 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL }};
	u8 data[15];
	u32 i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = i;
	assert_true(siphash(data, 0, &key) == 0x726fdb47dd0e0e31ULL);
	assert_true(siphash(data, 8, &key) == 0x93f5f5799a932462ULL);
	assert_true(siphash(data, 15, &key) == 0xa129ca6149be45e5ULL);
}

/* ---- superblock -------------------------------------------------------------------- */

static void seal(struct vexfs_super_block *sb)
{
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
}

/* A valid superblock for @blocks blocks: tables right behind the first group's
 * metadata, journal behind them. */
static void make_sb(struct vexfs_super_block *sb, u64 blocks)
{
	u32 groups = DIV_ROUND_UP(blocks, VEXFS_BLOCKS_PER_GROUP), first;
	struct vexfs_geo geo;

	memset(sb, 0, sizeof(*sb));
	sb->s_magic = cpu_to_le32(VEXFS_SB_MAGIC);
	sb->s_version = cpu_to_le32(VEXFS_VERSION);
	sb->s_block_shift = cpu_to_le32(VEXFS_BLOCK_SHIFT);
	sb->s_blocks = cpu_to_le64(blocks);
	sb->s_groups = cpu_to_le32(groups);
	sb->s_blocks_per_group = cpu_to_le32(VEXFS_BLOCKS_PER_GROUP);
	sb->s_inodes_per_group = cpu_to_le32(1024);
	sb->s_itable_blocks = cpu_to_le32(128);
	sb->s_gdt_blocks = cpu_to_le32(DIV_ROUND_UP(groups, VEXFS_GD_PER_BLOCK));
	sb->s_inode_size = cpu_to_le32(VEXFS_INODE_SIZE);
	sb->s_root_ino = cpu_to_le64(VEXFS_ROOT_INO);
	memcpy(sb->s_uuid, "0123456789abcdef", 16);
	memcpy(sb->s_meta_uuid, "0123456789abcdef", 16);
	sb->s_checksum_type = VEXFS_CHECKSUM_CRC32C;
	sb->s_hash_version = VEXFS_HASH_SIPHASH;
	vexfs_geo_init(&geo, sb);
	assert_int_equal(vexfs_format_places(&geo), 0);
	first = vexfs_group_overhead(&geo, 0);
	free(geo.place);
	sb->s_orphan_start = cpu_to_le64(first);
	sb->s_orphan_blocks = cpu_to_le32(2);
	sb->s_coll_start = cpu_to_le64(first + 2);
	sb->s_coll_blocks = cpu_to_le32(VEXFS_COLL_BLOCKS);
	sb->s_journal_start = cpu_to_le64(first + 2 + VEXFS_COLL_BLOCKS);
	sb->s_journal_blocks = cpu_to_le32(VEXFS_MIN_JOURNAL);
	seal(sb);
}

static void test_sb_sizes(void **state)
{
	static const u64 good[] = { 4096, 32256, 32256 + 200, 1 << 20, 1ULL << 32 };
	struct vexfs_super_block sb;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		make_sb(&sb, good[i]);
		assert_null(vexfs_sb_verify(&sb));
	}
	make_sb(&sb, 4095);
	assert_non_null(vexfs_sb_verify(&sb));
	make_sb(&sb, VEXFS_MIN_BLOCKS);
	sb.s_blocks = cpu_to_le64(VEXFS_MAX_BLOCKS + 1);
	seal(&sb);
	assert_string_equal(vexfs_sb_verify(&sb), "device size out of range");
}

static void expect_bad(const struct vexfs_super_block *good, u32 offset, u32 size, u64 val,
		       const char *why)
{
	struct vexfs_super_block sb = *good;
	const char *got;
	u32 i;

	for (i = 0; i < size; i++)
		((u8 *)&sb)[offset + i] = val >> (8 * i);
	seal(&sb);
	got = vexfs_sb_verify(&sb);
	assert_non_null(got);
	assert_string_equal(got, why);
}

#define BAD(field, val, why) \
	expect_bad(&sb, offsetof(struct vexfs_super_block, field), sizeof(sb.field), val, why)

static void test_sb_fields(void **state)
{
	struct vexfs_super_block sb;
	u64 journal;

	make_sb(&sb, 100000);
	assert_null(vexfs_sb_verify(&sb));
	sb.s_label[3] ^= 1;
	assert_string_equal(vexfs_sb_verify(&sb), "wrong superblock checksum");
	seal(&sb);
	assert_null(vexfs_sb_verify(&sb));
	journal = le64_to_cpu(sb.s_journal_start);

	BAD(s_magic, 0x1234, "not a VexFS superblock");
	BAD(s_version, 1, "made by a development version (format 1): make it anew with mkfs.vexfs");
	BAD(s_version, 3, "made for another format version: use a newer VexFS");
	BAD(s_checksum_type, 0, "unknown checksum type");
	BAD(s_hash_version, 2, "unknown directory hash");
	BAD(s_feature_incompat, 0x80000000U, "unknown incompatible features: use a newer VexFS");
	BAD(s_reserve_blocks, 501, "too many blocks reserved");
	BAD(s_block_shift, 13, "unsupported block size");
	BAD(s_inode_size, 256, "unsupported inode size");
	BAD(s_blocks_per_group, 32768, "wrong number of blocks per group");
	BAD(s_root_ino, 3, "wrong root inode");
	BAD(s_errors, 3, "unknown errors policy");
	BAD(s_groups, 5, "wrong number of groups");
	BAD(s_groups, 0, "wrong number of groups");
	BAD(s_inodes_per_group, 0, "inodes per group out of range");
	BAD(s_inodes_per_group, 1023, "inodes per group out of range");
	BAD(s_inodes_per_group, VEXFS_BITS_PER_BITMAP + 8, "inodes per group out of range");
	BAD(s_itable_blocks, 127, "wrong inode table size");
	BAD(s_gdt_blocks, 2, "wrong descriptor table size");
	BAD(s_group, 2, "superblock copy in a wrong group");
	BAD(s_group, 9, "superblock copy in a wrong group");
	BAD(s_journal_blocks, VEXFS_MIN_JOURNAL - 1, "journal too small");
	BAD(s_journal_blocks, ~0U, "journal out of place");
	BAD(s_journal_start, ~0ULL, "journal out of place");
	BAD(s_orphan_blocks, 0, "orphan table out of place");
	BAD(s_orphan_start, 100000, "orphan table out of place");
	BAD(s_coll_blocks, 7, "wrong collection table size");
	BAD(s_coll_start, journal, "journal and tables overlap");
	BAD(s_orphan_start, journal + 5, "journal and tables overlap");
	BAD(s_orphan_start, le64_to_cpu(sb.s_coll_start) - 1, "journal and tables overlap");
}

/* ---- geometry ------------------------------------------------------------------------- */

static void test_supers(void **state)
{
	static const u32 with[] = { 0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243, 343, 625 };
	u32 g, i = 0;

	for (g = 0; g <= 625; g++) {
		bool want = i < ARRAY_SIZE(with) && with[i] == g;

		assert_int_equal(vexfs_group_has_super(g), want);
		i += want;
	}
}

/* The geometry of make_sb(), with places. */
static void make_geo(struct vexfs_geo *geo, u64 blocks)
{
	struct vexfs_super_block sb;

	make_sb(&sb, blocks);
	vexfs_geo_init(geo, &sb);
	assert_int_equal(vexfs_format_places(geo), 0);
	assert_null(vexfs_places_verify(geo));
}

static void test_geometry(void **state)
{
	struct vexfs_geo geo;
	u32 g;

	make_geo(&geo, 100000);
	assert_int_equal(geo.groups, 4);
	assert_int_equal(vexfs_gdt_block(&geo, 0), 1);
	assert_int_equal(vexfs_gdt_copy(&geo, 0), 32256 + 1);
	for (g = 0; g < geo.groups; g++) {	/* superblock, descriptors */
		assert_int_equal(vexfs_group_bbmap(&geo, g), 2 + g);
		assert_int_equal(vexfs_group_ibmap(&geo, g), 2 + 4 + g);
		assert_int_equal(vexfs_group_itable(&geo, g), 2 + 8 + 128 * g);
	}
	assert_int_equal(vexfs_group_overhead(&geo, 0), 2 + 4 * (2 + 128));
	assert_int_equal(vexfs_group_overhead(&geo, 1), 2);
	assert_int_equal(vexfs_group_overhead(&geo, 2), 0);
	assert_int_equal(vexfs_group_overhead(&geo, 3), 1);
	assert_int_equal(vexfs_group_blocks(&geo, 3), 100000 - 3 * 32256);
	assert_true(vexfs_in_itable(&geo, 10) && vexfs_in_itable(&geo, 10 + 4 * 128 - 1));
	assert_false(vexfs_in_itable(&geo, 9) || vexfs_in_itable(&geo, 10 + 4 * 128));
	assert_int_equal(vexfs_block_index(32256 + 7), 7);
	assert_int_equal(vexfs_ino_block(&geo, 1), vexfs_group_itable(&geo, 0));
	assert_int_equal(vexfs_ino_offset(&geo, 2), 512);
	assert_int_equal(vexfs_ino_block(&geo, 1024), vexfs_group_itable(&geo, 0) + 127);
	assert_int_equal(vexfs_ino_offset(&geo, 1024), 7 * 512);
	assert_int_equal(vexfs_ino_group(&geo, 1025), 1);
	assert_int_equal(vexfs_ino_index(&geo, 1025), 0);
	assert_true(vexfs_ino_valid(&geo, 1) && vexfs_ino_valid(&geo, 4096));
	assert_false(vexfs_ino_valid(&geo, 0) || vexfs_ino_valid(&geo, 4097));
	assert_false(vexfs_ino_valid(&geo, ~0ULL));
	free(geo.place);
}

static void expect_place(struct vexfs_geo *geo, u64 *field, u64 val, const char *why)
{
	u64 good = *field;
	const char *got;

	*field = val;
	got = vexfs_places_verify(geo);
	*field = good;
	if (!why)
		assert_null(got);
	else if (!got || strcmp(got, why))
		fail_msg("expected '%s', got '%s'", why, got ? got : "nothing");
}

/* 70 groups: two descriptor blocks. */
static void test_places(void **state)
{
	const u64 start = 65ULL * VEXFS_BLOCKS_PER_GROUP;
	const char *out = "group metadata out of place", *both = "group metadata overlap";
	struct vexfs_geo geo;

	make_geo(&geo, 70ULL * VEXFS_BLOCKS_PER_GROUP - 100);
	expect_place(&geo, &geo.place[65].bbmap, start, NULL);	/* its own group will do */
	expect_place(&geo, &geo.place[65].bbmap, 0, out);	/* of the other descriptor block */
	expect_place(&geo, &geo.place[5].bbmap, start, out);
	expect_place(&geo, &geo.place[65].bbmap, geo.blocks, out);
	expect_place(&geo, &geo.place[65].bbmap, ~0ULL, out);
	expect_place(&geo, &geo.place[65].itable, geo.blocks - 127, out);
	expect_place(&geo, &geo.place[65].itable, ~0ULL - 5, out);
	expect_place(&geo, &geo.place[65].itable, start + VEXFS_BLOCKS_PER_GROUP - 127, out); /* two groups */
	expect_place(&geo, &geo.place[5].bbmap, 0, both);	/* superblock */
	expect_place(&geo, &geo.place[5].bbmap, 1, both);	/* descriptors */
	expect_place(&geo, &geo.place[5].bbmap, 32256, both);	/* copies of both */
	expect_place(&geo, &geo.place[5].bbmap, 32257, both);
	expect_place(&geo, &geo.place[5].bbmap, geo.place[4].ibmap, both);
	expect_place(&geo, &geo.place[5].ibmap, geo.place[5].bbmap, both);
	expect_place(&geo, &geo.place[5].itable, geo.place[6].itable - 1, both);
	expect_place(&geo, &geo.journal_start, 5, "journal over group metadata");
	expect_place(&geo, &geo.journal_start, 32256 - 10, "journal over group metadata");
	expect_place(&geo, &geo.journal_start, 33ULL * 32256 - 10, NULL);	/* two groups, no metadata */
	expect_place(&geo, &geo.orphan_start, geo.place[16].itable, "orphan table over group metadata");
	expect_place(&geo, &geo.coll_start, 32256, "collection table over group metadata");
	free(geo.place);
}

/* vexfs_data_range_valid() against a map of the whole device. */
static void test_data_ranges(void **state)
{
	struct vexfs_geo geo;
	u8 *taken = calloc(1, 100001);
	u64 rng = rng_seed("data ranges", 31), b, i, len;
	u32 g;

	assert_non_null(taken);
	make_geo(&geo, 100000);
	for (g = 0; g < geo.groups; g++)
		memset(taken + vexfs_group_start(&geo, g), 1, vexfs_group_overhead(&geo, g));
	memset(taken + geo.orphan_start, 1, geo.orphan_blocks);
	memset(taken + geo.coll_start, 1, geo.coll_blocks);
	memset(taken + geo.journal_start, 1, geo.journal_blocks);
	for (b = 0; b < 100000; b++)
		assert_int_equal(vexfs_data_range_valid(&geo, b, 1), !taken[b]);
	for (i = 0; i < 20000; i++) {
		bool free_range = true;
		u64 k;

		b = rng_below(&rng, 100000);
		len = 1 + rng_below(&rng, i % 2 ? 10 : 40000);
		for (k = b; free_range && k < b + len; k++)
			free_range = k < 100000 && !taken[k];
		assert_int_equal(vexfs_data_range_valid(&geo, b, len), free_range);
	}
	free(geo.place);
	geo.place = NULL;
	assert_false(vexfs_data_range_valid(&geo, 90000, 1));	/* nothing is known yet */
	assert_false(vexfs_data_range_valid(&geo, 50000, 0));
	assert_false(vexfs_data_range_valid(&geo, 50000, ~0ULL));
	assert_false(vexfs_data_range_valid(&geo, ~0ULL, 2));
	free(taken);
}

/* ---- headers ------------------------------------------------------------------------------ */

static void test_header(void **state)
{
	u8 block[VEXFS_BLOCK_SIZE] __attribute__((aligned(8)));
	struct vexfs_geo geo = { .blocks = 100, .uuid = "uuid of the test" };
	struct vexfs_geo other = { .blocks = 100, .uuid = "another one" };
	u32 node = VEXFS_MAGIC_NODE, dir = VEXFS_MAGIC_DIR;

	memset(block, 0xee, sizeof(block));
	vexfs_mdhdr_init(block, &geo, node, 9, 5);
	assert_int_equal(block[VEXFS_BLOCK_SIZE - 1], 0);
	assert_memory_equal(block, "VNDE", 4);
	vexfs_mdhdr_seal(block);
	assert_null(vexfs_mdhdr_verify(block, &geo, node, 0, 9, 5));
	assert_null(vexfs_mdhdr_verify(block, &geo, dir, node, 9, 5));
	assert_non_null(vexfs_mdhdr_verify(block, &geo, dir, 0, 9, 5));
	assert_non_null(vexfs_mdhdr_verify(block, &geo, node, 0, 8, 5));
	assert_non_null(vexfs_mdhdr_verify(block, &geo, node, 0, 9, 6));
	assert_non_null(vexfs_mdhdr_verify(block, &other, node, 0, 9, 5));
	memset(block, 0, 4);
	vexfs_mdhdr_seal(block);
	assert_non_null(vexfs_mdhdr_verify(block, &geo, dir, 0, 9, 5));
}

/* A changed bit anywhere is noticed. */
static void test_header_bits(void **state)
{
	u8 block[VEXFS_BLOCK_SIZE] __attribute__((aligned(8)));
	struct vexfs_geo geo = { .blocks = 100 };
	u32 bit;

	vexfs_mdhdr_init(block, &geo, VEXFS_MAGIC_NODE, 9, 5);
	vexfs_mdhdr_seal(block);
	for (bit = 0; bit < VEXFS_BLOCK_SIZE * 8; bit += 3) {
		block[bit / 8] ^= 1 << bit % 8;
		assert_non_null(vexfs_mdhdr_verify(block, &geo, VEXFS_MAGIC_NODE, 0, 9, 5));
		block[bit / 8] ^= 1 << bit % 8;
	}
	assert_null(vexfs_mdhdr_verify(block, &geo, VEXFS_MAGIC_NODE, 0, 9, 5));
}

/* ---- inodes --------------------------------------------------------------------------------- */

static struct vexfs_geo inode_geo = { .blocks = 1000 };

static void make_inode(struct vexfs_inode *di, u32 mode)
{
	memset(di, 0, sizeof(*di));
	di->i_mode = cpu_to_le16(mode);
	di->i_magic = cpu_to_le16(VEXFS_INODE_MAGIC);
	di->i_ino = cpu_to_le64(12);
	di->i_nlink = cpu_to_le32(1);
}

static const char *inode_why(struct vexfs_inode *di)
{
	vexfs_inode_seal(di);
	return vexfs_inode_verify(di, &inode_geo, 12);
}

static void test_inode(void **state)
{
	struct vexfs_inode di;

	memset(&di, 0, sizeof(di));
	assert_string_equal(vexfs_inode_verify(&di, &inode_geo, 12), "inode is free");
	make_inode(&di, S_IFREG | 0644);
	assert_null(inode_why(&di));
	assert_non_null(vexfs_inode_verify(&di, &inode_geo, 13));
	di.i_uid = cpu_to_le32(1);
	assert_string_equal(vexfs_inode_verify(&di, &inode_geo, 12), "wrong inode checksum");
	assert_null(inode_why(&di));
	di.i_magic = 0;
	assert_non_null(inode_why(&di));
	make_inode(&di, S_IFREG | 0644);
	di.i_flags = cpu_to_le32(0x8000);
	assert_non_null(inode_why(&di));
	make_inode(&di, S_IFREG | 0644);
	di.i_mtime_nsec = cpu_to_le32(1000000000);
	assert_non_null(inode_why(&di));
	make_inode(&di, S_IFREG | 0644);
	di.i_xattr_block = cpu_to_le64(999);
	assert_non_null(inode_why(&di));
	di.i_xattr_block = 0;
	assert_null(inode_why(&di));
	di.i_blocks = cpu_to_le64(1000);
	assert_non_null(inode_why(&di));
	make_inode(&di, 0644);
	assert_non_null(inode_why(&di));
	make_inode(&di, 0170644);
	assert_non_null(inode_why(&di));
}

static void test_inode_contents(void **state)
{
	struct vexfs_inode di;

	make_inode(&di, S_IFREG);
	di.i_size = cpu_to_le64(VEXFS_MAX_LBLK << 12);
	assert_null(inode_why(&di));
	di.i_size = cpu_to_le64((VEXFS_MAX_LBLK << 12) + 1);
	assert_non_null(inode_why(&di));
	make_inode(&di, S_IFREG);
	di.i_root.r_count = cpu_to_le16(9);
	assert_non_null(inode_why(&di));
	make_inode(&di, S_IFDIR | 0755);
	assert_null(inode_why(&di));
	di.i_root.r_count = cpu_to_le16(1);	/* entries in the root */
	assert_non_null(inode_why(&di));
	make_inode(&di, S_IFCHR);
	assert_null(inode_why(&di));
	di.i_root.r_blocks = cpu_to_le64(1);
	assert_non_null(inode_why(&di));
	make_inode(&di, S_IFLNK | 0777);
	assert_non_null(inode_why(&di));	/* empty target */
	di.i_size = cpu_to_le64(144);
	memset(di.i_symlink, 'x', sizeof(di.i_symlink));
	assert_null(inode_why(&di));
	di.i_size = cpu_to_le64(145);		/* now the same bytes are a tree */
	assert_non_null(inode_why(&di));
	memset(&di.i_root, 0, sizeof(di.i_root));
	di.i_size = cpu_to_le64(VEXFS_SYMLINK_MAX);
	assert_null(inode_why(&di));
	di.i_size = cpu_to_le64(VEXFS_SYMLINK_MAX + 1);
	assert_non_null(inode_why(&di));
}

/* ---- bitmaps -------------------------------------------------------------------------------- */

static u32 slow_next(const u8 *model, u32 from, u32 nbits, u8 want)
{
	while (from < nbits && model[from] != want)
		from++;
	return from < nbits ? from : nbits;
}

static void check_bitmap(const u8 *map, const u8 *model, u32 nbits, u64 *rng)
{
	u32 i, from, count = 0;

	for (i = 0; i < nbits; i++) {
		assert_int_equal(vexfs_bit_test(map, i), model[i]);
		count += model[i];
	}
	assert_int_equal(vexfs_bits_count_set(map, nbits), count);
	for (i = 0; i < 50; i++) {
		from = rng_below(rng, nbits + 1);
		assert_int_equal(vexfs_bit_next_set(map, from, nbits),
				 slow_next(model, from, nbits, 1));
		assert_int_equal(vexfs_bit_next_clear(map, from, nbits),
				 slow_next(model, from, nbits, 0));
	}
}

/* Sizes of all remainders, in memory that ends with the map. */
static void test_bitmaps(void **state)
{
	u64 rng = rng_seed("bitmaps", 32);
	u32 nbits, i;

	for (nbits = 1; nbits < 300; nbits++) {
		u8 *map = calloc(1, (nbits + 7) / 8), *model = calloc(1, nbits);

		assert_true(map && model);
		for (i = 0; i < 20; i++) {
			u32 first = rng_below(&rng, nbits);
			u32 count = rng_below(&rng, nbits - first + 1);

			if (i % 3)
				vexfs_bits_set(map, first, count);
			else
				vexfs_bits_clear(map, first, count);
			memset(model + first, i % 3 != 0, count);
			check_bitmap(map, model, nbits, &rng);
		}
		free(map);
		free(model);
	}
}

static void test_bitmap_edges(void **state)
{
	u8 map[VEXFS_MD_SPACE] __attribute__((aligned(8)));
	u32 n = VEXFS_BITS_PER_BITMAP;

	memset(map, 0xff, sizeof(map));
	assert_int_equal(vexfs_bit_next_clear(map, 0, n), n);
	assert_int_equal(vexfs_bits_count_set(map, n), n);
	vexfs_bits_clear(map, n - 1, 1);
	assert_int_equal(vexfs_bit_next_clear(map, 0, n), n - 1);
	assert_int_equal(vexfs_bit_next_clear(map, 0, n - 1), n - 1);	/* not beyond */
	assert_int_equal(vexfs_bit_next_set(map, n, n), n);
	vexfs_bits_clear(map, 0, n);
	assert_int_equal(vexfs_bits_count_set(map, n), 0);
	assert_int_equal(vexfs_bit_next_set(map, 0, n), n);
	/* The bits after the last valid one do not count. */
	map[8] = 0xff;
	assert_int_equal(vexfs_bits_count_set(map, 67), 3);
	assert_int_equal(vexfs_bit_next_clear(map, 64, 67), 67);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_sb_sizes),
		cmocka_unit_test(test_sb_fields),
		cmocka_unit_test(test_supers),
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_data_ranges),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_header_bits),
		cmocka_unit_test(test_inode),
		cmocka_unit_test(test_inode_contents),
		cmocka_unit_test(test_bitmaps),
		cmocka_unit_test(test_bitmap_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
