// SPDX-License-Identifier: GPL-2.0
/*
 * The format, frozen: a small filesystem is made from a description, and the fields of its metadata are asserted at
 * their places. Left out: the journal's superblock after its start, the middle of the block bitmap, inodes beyond the
 * four asserted. Numbers, not names: nothing here takes an offset or a size from ondisk.h, and checksums are computed
 * by the definition. Whoever makes this test fail has changed the format: docs/format.md says what that takes.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/quota_file.h"
#include "tests/unit/imgbuild.h"

static struct ib ib;
static u64 dir, file, longlink, orphan;

/* ---- a block, and which of its bytes were looked at ------------------------ */

static struct {
	u8 data[4096];
	bool seen[4096];
} v;

static void view(u64 blkno)
{
	int fd = open(ib.path, O_RDONLY);

	memset(&v, 0, sizeof(v));
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, v.data, 4096, blkno * 4096), 4096);
	close(fd);
}

static u64 get(u32 off, u32 size)
{
	u64 val = 0;
	u32 i;

	for (i = 0; i < size; i++) {
		val |= (u64)v.data[off + i] << (8 * i);
		v.seen[off + i] = true;
	}
	return val;
}

/* Little-endian number of @size bytes at @off. */
static void num(u32 off, u32 size, u64 want)
{
	u64 got = get(off, size);

	if (got != want)
		fail_msg("byte %u: %llu (%#llx), not %llu (%#llx)", off, (unsigned long long)got,
			 (unsigned long long)got, (unsigned long long)want,
			 (unsigned long long)want);
}

static void bytes(u32 off, const void *want, u32 len)
{
	if (memcmp(v.data + off, want, len))
		fail_msg("byte %u: '%.*s', not '%.*s'", off, (int)len, (const char *)v.data + off,
			 (int)len, (const char *)want);
	memset(v.seen + off, true, len);
}

/* Everything from @from up to @to that nothing has asserted is zero. */
static void rest_zero(u32 from, u32 to)
{
	for (; from < to; from++)
		if (!v.seen[from] && v.data[from])
			fail_msg("byte %u: %#x, not 0", from, v.data[from]);
}

/* CRC-32C, bit by bit, reflected, from ~0, not inverted; the four bytes at @field count as zeros. */
static u32 crc_of(u32 from, u32 len, u32 field)
{
	u32 c = 0xffffffff, i, bit;

	for (i = from; i < from + len; i++) {
		c ^= i >= field && i < field + 4 ? 0 : v.data[i];
		for (bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
	}
	return c;
}

static void crc(u32 from, u32 len, u32 field)
{
	num(field, 4, crc_of(from, len, field));
}

static void header_next(const char *magic, u64 blkno, u64 owner, u32 level, u32 count, u32 used,
			u64 next)
{
	view(blkno);
	bytes(0, magic, 4);
	crc(0, 4096, 4);
	bytes(8, "0123456789abcde", 16);
	num(24, 8, blkno);
	num(32, 8, owner);
	num(40, 2, level);
	num(42, 2, count);
	num(44, 4, used);
	num(48, 8, next);
	num(56, 8, 0);
}

static void header(const char *magic, u64 blkno, u64 owner, u32 level, u32 count, u32 used)
{
	header_next(magic, blkno, owner, level, count, used, 0);
}

/* ---- the description -------------------------------------------------------- */

static int make(void **state)
{
	char target[4096];

	ib_make(&ib, 4096);
	dir = ib_mkdir(&ib, 2, "dir");
	file = ib_file(&ib, dir, "file", 3, 2);
	memset(target, 't', 4032);
	memset(target + 4032, 'u', 63);
	target[4095] = 0;
	ib_symlink(&ib, dir, "short", "target");
	longlink = ib_symlink(&ib, dir, "long", target);
	orphan = ib_new_inode(&ib, S_IFREG | 0600);
	ib_orphan(&ib, 505, orphan);
	ib_collection(&ib, 9, "words", 4, 1);
	ib_embed(&ib, 9, 2, file, 7);
	ib_close(&ib);
	return 0;
}

static int drop(void **state)
{
	ib_remove(&ib);
	return 0;
}

/* ---- the bytes ---------------------------------------------------------------- */

static void test_superblock(void **state)
{
	view(0);
	bytes(1024, "VEXF", 4);
	crc(1024, 1024, 1028);
	num(1032, 4, 2);		/* version */
	num(1036, 4, 12);		/* block shift */
	num(1040, 8, 4096);		/* blocks */
	num(1048, 4, 1);		/* groups */
	num(1052, 4, 32256);
	num(1056, 4, 1024);		/* inodes per group, */
	num(1060, 4, 128);		/* in blocks */
	num(1064, 4, 1);		/* descriptor blocks */
	num(1068, 4, 512);		/* inode size */
	num(1072, 4, 0);		/* features */
	num(1076, 4, 0);
	num(1080, 4, 0);
	num(1084, 4, 0);		/* group */
	bytes(1088, "0123456789abcde", 16);
	bytes(1104, "test\0\0", 6);
	bytes(1168, "0123456789abcde", 16);	/* hash key */
	num(1184, 8, 143);		/* journal, orphans, collections */
	num(1192, 8, 133);
	num(1200, 8, 135);
	num(1208, 4, 1024);
	num(1212, 4, 2);
	num(1216, 4, 8);
	num(1220, 4, 0);		/* state, policy, errors */
	num(1224, 4, 0);
	num(1228, 4, 0);
	num(1232, 8, 2);		/* root */
	num(1240, 8, 1700000000);
	bytes(1320, "0123456789abcde", 16);	/* metadata uuid */
	num(1336, 1, 1);		/* crc32c */
	num(1337, 1, 1);		/* siphash */
	rest_zero(0, 4096);
}

static void test_descriptors(void **state)
{
	u64 blkno;

	for (blkno = 1; blkno <= 2; blkno++) {	/* and the copy, with mkfs's counters */
		header("VGDT", blkno, 0, 0, 0, 0);
		get(64, 4);
		get(68, 4);
		num(72, 4, blkno == 1 ? 2 : 1);	/* directories */
		num(76, 4, blkno == 1 ? 3 : 2);	/* table blocks written */
		num(80, 8, 3);
		num(88, 8, 4);
		num(96, 8, 5);
		rest_zero(0, 4096);
	}
	view(2);
	num(64, 4, 4096 - 1167);
	num(68, 4, 1014);
}

static void test_bitmaps(void **state)
{
	u32 i;

	header("VBBM", 3, 0, 0, 0, 0);
	for (i = 0; i < 1167; i++)	/* superblock to journal */
		assert_true(v.data[64 + i / 8] >> (i % 8) & 1);
	assert_false(v.data[64 + 4000 / 8] >> (4000 % 8) & 1);
	for (i = 4096; i < 32256; i++)
		assert_true(v.data[64 + i / 8] >> (i % 8) & 1);
	header("VIBM", 4, 0, 0, 0, 0);
	num(64, 2, 0xffff);		/* 1 to 10, root's dir, file, two links, orphan, slots */
	num(66, 1, 0x03);		/* payload, codes */
	for (i = 67; i < 64 + 128; i++)
		num(i, 1, 0);
	for (; i < 4096; i++)
		num(i, 1, 0xff);
}

/* The fixed part of inode @ino, of which byte 0 is at @at. */
static void inode(u64 ino, u32 at, u32 mode, u32 nlink, u32 generation, u64 size, u64 blocks)
{
	view(5 + (ino - 1) / 8);
	assert_int_equal(at, (ino - 1) % 8 * 512);
	num(at, 2, mode);
	bytes(at + 2, "VI", 2);
	crc(at, 512, at + 4);
	num(at + 8, 8, 0);		/* orphan list */
	num(at + 16, 8, ino);
	num(at + 24, 4, 0);
	num(at + 28, 4, 0);
	num(at + 32, 4, nlink);
	num(at + 36, 4, generation);
	num(at + 40, 8, size);
	num(at + 48, 8, blocks);
	num(at + 64, 8, 1700000000);	/* mtime */
}

static void root_of(u32 at, u32 level, u32 count, u64 blocks)
{
	num(at + 368, 2, level);
	num(at + 370, 2, count);
	num(at + 372, 4, 0);
	num(at + 376, 8, blocks);
}

static void link_of(u32 at, u32 n, u64 parent, u64 hash)
{
	num(at + 192 + 16 * n, 8, parent);
	num(at + 200 + 16 * n, 8, hash);
}

/* SipHash-2-4 of the names under the key "0123456789abcde\0", folded; computed by its reference implementation. */
#define HASH_DIR	0x11db7a54331df25cULL
#define HASH_FILE	0x54f4755a29aadf1cULL
#define HASH_SHORT	0x25468707ffaa885cULL
#define HASH_LONG	0x993079dc55efb38ULL

static void test_inodes(void **state)
{
	assert_int_equal(dir, 11);
	assert_int_equal(file, 12);
	assert_int_equal(longlink, 14);
	inode(2, 512, 0040755, 3, 7, 1, 1);
	num(512 + 56, 8, 1700000000);	/* atime, ctime, btime */
	num(512 + 72, 8, 1700000000);
	num(512 + 80, 8, 1700000000);
	num(512 + 104, 8, 1);		/* version */
	link_of(512, 0, 2, 0);
	root_of(512, 1, 1, 1);
	num(512 + 384, 8, 0);		/* its leaf: see test_directory */
	get(512 + 392, 8);
	rest_zero(512, 1024);

	inode(12, 1536, 0100644, 1, 42, 5 * 4096, 3);
	num(1536 + 128, 8, 1 << 9);	/* collections */
	link_of(1536, 0, 11, HASH_FILE);
	root_of(1536, 0, 2, 0);
	num(1536 + 384, 8, 0);		/* logical blocks 0 and 1, */
	num(1536 + 392, 8, get(1536 + 392, 8) % (1ULL << 44) | 2ULL << 44);
	num(1536 + 400, 8, 3);		/* 3 */
	num(1536 + 408, 8, get(1536 + 408, 8) % (1ULL << 44) | 1ULL << 44);
	rest_zero(1536, 2048);

	inode(13, 2048, 0120777, 1, 42, 6, 0);
	link_of(2048, 0, 11, HASH_SHORT);
	bytes(2048 + 368, "target", 6);
	rest_zero(2048, 2560);

	inode(16, 3584, 0100600, 1, 42, 4096, 1);	/* slot table */
	num(3584 + 112, 4, 1);		/* hidden */
	root_of(3584, 0, 1, 0);
	num(3584 + 384, 8, 0);
	get(3584 + 392, 8);
	rest_zero(3584, 4096);
}

static u64 first_block(u64 ino)
{
	u64 val;

	view(5 + (ino - 1) / 8);
	memcpy(&val, v.data + (ino - 1) % 8 * 512 + 392, 8);
	return le64_to_cpu(val) % (1ULL << 44);
}

static void entry(u32 at, u64 hash, u64 ino, u32 len, u32 type, const char *name)
{
	num(at, 8, hash);
	num(at + 8, 8, ino);
	num(at + 16, 2, len);
	num(at + 18, 1, strlen(name));
	num(at + 19, 1, type);
	bytes(at + 20, name, strlen(name));
}

static void test_directory(void **state)
{
	header("VDIR", first_block(2), 2, 0, 1, 24);
	entry(64, HASH_DIR, 11, 24, 4, "dir");
	rest_zero(0, 4096);
	header("VDIR", first_block(11), 11, 0, 3, 80);
	entry(64, HASH_LONG, 14, 24, 10, "long");	/* ascending by hash */
	entry(88, HASH_SHORT, 13, 32, 10, "short");
	entry(120, HASH_FILE, 12, 24, 8, "file");
	rest_zero(0, 4096);
}

static void test_long_symlink(void **state)
{
	u32 i;

	header("VSLK", first_block(14), 14, 0, 0, 4032);
	for (i = 0; i < 4032; i++)
		num(64 + i, 1, 't');
	inode(14, 2560, 0120777, 1, 42, 4095, 1);
	link_of(2560, 0, 11, HASH_LONG);
	root_of(2560, 0, 1, 0);
	num(2560 + 384, 8, 0);
	get(2560 + 392, 8);
	for (i = 0; i < 63; i++)	/* what the block has no room for */
		num(2560 + 400 + i, 1, 'u');
	rest_zero(2560, 3072);
}

static void test_orphans(void **state)
{
	header("VOPH", 133, 0, 0, 0, 0);
	rest_zero(0, 4096);
	header("VOPH", 134, 1, 0, 0, 0);
	num(64 + 8, 8, orphan);		/* 505 = 504 + 1 */
	rest_zero(0, 4096);
}

static void test_collection(void **state)
{
	const u32 at = 64 + 504;	/* collection 9 is the second of the second block */

	header("VCOL", 135, 0, 0, 0, 0);
	rest_zero(0, 4096);
	header("VCOL", 136, 1, 0, 1, 0);
	num(at, 4, 1);			/* live */
	num(at + 4, 4, 9);
	bytes(at + 8, "words\0", 6);
	num(at + 72, 4, 4);
	num(at + 76, 1, 1);		/* f32 */
	num(at + 77, 1, 2);		/* cosine */
	num(at + 78, 2, 0);
	num(at + 80, 8, 16);		/* slots, payload, codes */
	num(at + 88, 8, 17);
	num(at + 96, 8, 18);
	num(at + 104, 8, 31);
	num(at + 112, 8, 65536);
	num(at + 120, 8, 0);
	num(at + 128, 2, 0);		/* map */
	num(at + 130, 2, 1);
	num(at + 132, 4, 0);
	num(at + 136, 8, 0);
	num(at + 144, 8, 12 << 24 | 7);
	num(at + 152, 8, 2);
	rest_zero(0, 4096);
}

static void test_slot(void **state)
{
	const u32 at = 64 + 2 * 128;

	header("VSLT", first_block(16), 16, 0, 1, 0);
	num(at, 8, 12);
	num(at + 8, 4, 42);
	num(at + 12, 4, 7);
	num(at + 16, 8, 102);
	num(at + 24, 8, 0);
	num(at + 32, 8, 0);
	num(at + 40, 8, 0);
	get(at + 48, 4);		/* crc of the payload: below */
	num(at + 52, 1, 1);
	rest_zero(0, 4096);
}

/* Slot 2 of each file: 16 bytes of payload at 2 * 16; a code of 16 + 4 bytes, rounded up, at 2 * 32. */
static void test_payload(void **state)
{
	static const float vec[4] = { 11.5f, 18.5f, 25.5f, 32.5f };
	u32 payload_crc, scale, norm;
	float f;

	view(first_block(16));
	payload_crc = get(64 + 2 * 128 + 48, 4);
	view(first_block(17));
	bytes(32, vec, 16);
	assert_int_equal(payload_crc, crc_of(32, 16, 4096));
	view(first_block(18));
	num(68, 4, 102);
	scale = get(72, 4);
	norm = get(76, 4);
	memcpy(&f, &scale, 4);
	assert_true(f > 0.25f && f < 0.26f);	/* 32.5 / 127 */
	memcpy(&f, &norm, 4);
	assert_true(f == 11.5f * 11.5f + 18.5f * 18.5f + 25.5f * 25.5f + 32.5f * 32.5f);
	num(80, 1, 45);
	num(81, 1, 72);
	num(82, 1, 100);
	num(83, 1, 127);
	rest_zero(84, 4096);
}

static void test_journal(void **state)
{
	static const u8 head[] = { 0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 4, 0, 0, 0, 0,
				   0, 0, 16, 0, 0, 0, 4, 0, 0, 0, 0, 1, 0, 0, 0, 1 };

	view(143);
	bytes(0, head, sizeof(head));	/* v2 superblock, 4096, 1024 blocks, first 1, sequence 1 */
	num(28, 4, 0);			/* empty */
	num(32, 4, 0);
	bytes(48, "0123456789abcde", 16);
}

/* Fifteen names of one hash, of which fourteen fit a leaf. Added to the image here, after the rest. */
static void test_chain(void **state)
{
	u64 chain, leaf, next, hash;
	char name[256];
	u32 i;

	ib_open(&ib);
	chain = ib_mkdir(&ib, 2, "chain");
	vexfs_dir_hash_prefix = "same-";
	for (i = 0; i < 15; i++) {
		snprintf(name, sizeof(name), "same-%0250u", i);
		ib_file(&ib, chain, name, 0, 1);
	}
	vexfs_dir_hash_prefix = NULL;
	ib_close(&ib);
	leaf = first_block(chain);
	view(leaf);
	next = get(48, 8);
	hash = get(64, 8);
	header_next("VDIR", leaf, chain, 0, 14, 14 * 280, next);
	for (i = 0; i < 14; i++) {
		num(64 + i * 280, 8, hash);
		num(64 + i * 280 + 16, 2, 280);
	}
	header("VDCH", next, chain, 0, 1, 280);
	entry(64, hash, chain + 15, 280, 8, name);
	rest_zero(0, 4096);
}

/* Attributes: in the inode, in its block, in an inode of their own; an ACL. Added to the image here. */
static void test_xattrs(void **state)
{
	static const u8 acl[] = {
		2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
		0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
	};
	char large[5000];
	u64 f, block, value;

	memset(large, 'L', sizeof(large));
	ib_open(&ib);
	f = ib_file(&ib, 2, "attributes", 0, 1);
	ib_xattr(&ib, f, IB_INLINE, 4, "", acl, sizeof(acl));
	ib_xattr(&ib, f, IB_INLINE, 1, "mime", "text", 4);
	block = ib_xattr(&ib, f, IB_BLOCK, 3, "selinux", "label", 6);
	ib_xattr(&ib, f, IB_BLOCK, 2, "t", "", 0);
	value = ib_xattr(&ib, f, IB_LARGE, 1, "z", large, sizeof(large));
	ib_close(&ib);

	view(0);
	num(1080, 4, 2);		/* incompat: xattr */
	view(5 + (f - 1) / 8);
	f = (f - 1) % 8 * 512;		/* from here on its place in the block */
	num(f + 48, 8, 1);		/* i_blocks: the block of attributes */
	num(f + 136, 8, block);
	num(f + 256, 2, 16);		/* record: length, kind, name, value */
	num(f + 258, 1, 1);
	num(f + 259, 1, 4);
	num(f + 260, 4, 4);
	bytes(f + 264, "mimetext", 8);
	num(f + 272, 2, 20);		/* the value is elsewhere */
	num(f + 274, 1, 0x81);
	num(f + 275, 1, 1);
	num(f + 276, 4, 5000);
	bytes(f + 280, "z", 1);
	num(f + 281, 8, value);
	num(f + 289, 3, 0);
	num(f + 292, 2, 36);
	num(f + 294, 1, 4);
	num(f + 295, 1, 0);
	num(f + 296, 4, 28);
	bytes(f + 300, acl, 28);
	rest_zero(f + 256, f + 368);
	f = get(f + 16, 8);

	header("VXAT", block, f, 0, 2, 36);
	num(64, 2, 12);
	num(66, 1, 2);
	num(67, 1, 1);
	num(68, 4, 0);
	bytes(72, "t", 1);
	num(76, 2, 24);
	num(78, 1, 3);
	num(79, 1, 7);
	num(80, 4, 6);
	bytes(84, "selinuxlabel", 13);
	rest_zero(64, 4096);

	view(5 + (value - 1) / 8);
	num((value - 1) % 8 * 512 + 32, 4, 1);		/* links */
	num((value - 1) % 8 * 512 + 40, 8, 8192);	/* two blocks */
	num((value - 1) % 8 * 512 + 112, 4, 1);		/* hidden */
	num((value - 1) % 8 * 512 + 192, 8, f);		/* whose it is */
	num((value - 1) % 8 * 512 + 200, 8, 0);
	block = get((value - 1) % 8 * 512 + 392, 8) & ((1ULL << 44) - 1);
	header("VXVL", block, value, 0, 0, 4032);
	bytes(64, large, 4032);
	header("VXVL", block + 1, value, 0, 0, 968);
	bytes(64, large, 968);
	rest_zero(64, 4096);
}

/* Feature quota: the superblock, an inode, a block of a quota file. */
static void test_quota(void **state)
{
	static const u8 start[8] = { 0x11, 0x1f, 0xc0, 0xd9, 1, 0, 0, 0 };
	struct vexfs_super_block *sb;
	struct vexfs_inode di;
	struct vexfs_blk b;
	u64 ino, block;

	ib_open(&ib);
	ib.img.geo.feature[VEXFS_RO_COMPAT] |= VEXFS_FEATURE_RO_COMPAT_QUOTA;
	assert_int_equal(vexfs_image_quota_make(&ib.img), 0);
	assert_int_equal(vexfs_image_quota_charge(&ib.img), 0);
	ino = le64_to_cpu(ib.img.sb.s_quota_ino[0]);
	sb = (void *)((u8 *)ib_pin(&ib, 0, &b) + VEXFS_SB_OFFSET);
	sb->s_feature_ro_compat |= cpu_to_le32(VEXFS_FEATURE_RO_COMPAT_QUOTA);
	memcpy(sb->s_quota_ino, ib.img.sb.s_quota_ino, sizeof(sb->s_quota_ino));
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	ib_change(&ib, &b, false);
	block = ib_map(&ib, ino, 0);
	di = ib_get_inode(&ib, dir);
	di.i_charged = cpu_to_le64(0x112233);
	ib_put_inode(&ib, dir, &di);
	ib_close(&ib);
	view(0);
	num(1024 + 320, 8, ino);
	num(1024 + 328, 8, ino + 1);
	num(1024 + 336, 8, ino + 2);
	view(5 + (dir - 1) / 8);
	num((dir - 1) % 8 * 512 + 176, 8, 0x112233);
	header("VQUO", block, ino, 0, 0, 0);
	bytes(64, start, sizeof(start));
	num(64 + 8, 4, 604800);
}

/* Features inode_flags and project, and all they add to a directory. */
static void test_flags(void **state)
{
	struct vexfs_super_block *sb;
	struct vexfs_inode di;
	struct vexfs_blk b;

	ib_open(&ib);
	sb = (void *)((u8 *)ib_pin(&ib, 0, &b) + VEXFS_SB_OFFSET);
	sb->s_feature_ro_compat = cpu_to_le32(VEXFS_FEATURE_RO_COMPAT_INODE_FLAGS | VEXFS_FEATURE_RO_COMPAT_PROJECT);
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	ib_change(&ib, &b, false);
	ib_close(&ib);
	ib_open(&ib);
	di = ib_get_inode(&ib, dir);
	di.i_flags = cpu_to_le32(VEXFS_INODE_IMMUTABLE | VEXFS_INODE_APPEND | VEXFS_INODE_NODUMP | VEXFS_INODE_NOATIME |
				 VEXFS_INODE_SYNC | VEXFS_INODE_DIRSYNC | VEXFS_INODE_PROJINHERIT);
	di.i_projid = cpu_to_le32(0x12345678);
	ib_put_inode(&ib, dir, &di);
	di = ib_get_inode(&ib, dir);
	assert_null(vexfs_inode_verify(&di, &ib.img.geo, dir));
	ib_close(&ib);
	view(0);
	num(1076, 4, 0x2 | 0x4);
	view(5 + (dir - 1) / 8);
	num((dir - 1) % 8 * 512 + 112, 4, 0x10 | 0x20 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400);
	num((dir - 1) % 8 * 512 + 116, 4, 0x12345678);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_superblock), cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_bitmaps), cmocka_unit_test(test_inodes),
		cmocka_unit_test(test_directory), cmocka_unit_test(test_long_symlink),
		cmocka_unit_test(test_orphans), cmocka_unit_test(test_collection),
		cmocka_unit_test(test_slot), cmocka_unit_test(test_payload),
		cmocka_unit_test(test_journal), cmocka_unit_test(test_chain),
		cmocka_unit_test(test_xattrs),
		cmocka_unit_test(test_flags), cmocka_unit_test(test_quota),
	};

	return cmocka_run_group_tests_name("golden", tests, make, drop);
}
