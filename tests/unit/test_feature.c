// SPDX-License-Identifier: GPL-2.0
/* Feature bits: fields without their feature, unknown bits, other format versions, in core and in the tools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "core/feature.h"
#include "tests/unit/imgbuild.h"
#include "tools/dump/dump.h"
#include "tools/fsck/fsck.h"

static const u32 all[VEXFS_FEATURE_WORDS] = {
	VEXFS_FEATURE_COMPAT_ALL, VEXFS_FEATURE_RO_COMPAT_ALL, VEXFS_FEATURE_INCOMPAT_ALL,
};

/* ---- core ---------------------------------------------------------------- */

/* Whatever is defined has a name, and nothing else has; what is supported is defined. */
static void test_names(void **state)
{
	u32 w, bit;

	for (w = 0; w < VEXFS_FEATURE_WORDS; w++)
		for (bit = 0; bit < 32; bit++)
			assert_int_equal(!!vexfs_feature_name(w, bit), all[w] >> bit & 1);
	assert_int_equal(VEXFS_FEATURE_COMPAT_SUPP & ~VEXFS_FEATURE_COMPAT_ALL, 0);
	assert_int_equal(VEXFS_FEATURE_RO_COMPAT_SUPP & ~VEXFS_FEATURE_RO_COMPAT_ALL, 0);
	assert_int_equal(VEXFS_FEATURE_INCOMPAT_SUPP & ~VEXFS_FEATURE_INCOMPAT_ALL, 0);
}

static struct vexfs_geo geo_with(u32 word, u32 bits)
{
	struct vexfs_geo geo = { .blocks = 100000 };

	geo.feature[word] = bits;
	return geo;
}

static const char *inode_why(u32 off, u32 len, const struct vexfs_geo *geo)
{
	struct vexfs_inode di = {
		.i_mode = cpu_to_le16(S_IFREG | 0644), .i_magic = cpu_to_le16(VEXFS_INODE_MAGIC),
		.i_ino = cpu_to_le64(12),
	};

	memset((u8 *)&di + off, 1, len);
	vexfs_inode_seal(&di);
	return vexfs_inode_verify(&di, geo, 12);
}

#define NONE	0, 0
struct owned_field {
	u32	off, len, word, bit;
};
#define FIELD(type, f) offsetof(struct type, f), 1
#define RO(f)		VEXFS_RO_COMPAT, VEXFS_FEATURE_RO_COMPAT_##f
#define INC(f)		VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_##f

/* Refused without the feature; taken with it; a reserved field is taken beside any undefined bit. */
static void test_inode_fields(void **state)
{
	static const struct owned_field fields[] = {
		{ FIELD(vexfs_inode, i_projid), RO(PROJECT) },
		{ FIELD(vexfs_inode, i_change_epoch), RO(CHANGE_FEED) },
		{ FIELD(vexfs_inode, i_verity_ino), RO(VERITY) },
		{ FIELD(vexfs_inode, i_charged), RO(QUOTA) },
		{ FIELD(vexfs_inode, i_pad1), NONE },
		{ FIELD(vexfs_inode, i_reserved[0]), NONE },
		{ FIELD(vexfs_inode, i_reserved[7]), NONE },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct owned_field *f = &fields[i];
		struct vexfs_geo without = geo_with(VEXFS_COMPAT, 0);
		struct vexfs_geo with = geo_with(f->word, f->bit ? f->bit : 0x80000000U);
		struct vexfs_geo future = geo_with(VEXFS_RO_COMPAT, 0x80000000U);

		assert_non_null(inode_why(f->off, f->len, &without));
		assert_null(inode_why(f->off, f->len, &with));
		assert_int_equal(!inode_why(f->off, f->len, &future), !f->bit);
	}
}

static const char *flag_why(u32 flag, u32 word, u32 bits)
{
	struct vexfs_geo geo = geo_with(word, bits);
	struct vexfs_inode di = { .i_flags = cpu_to_le32(flag) };

	return vexfs_feature_check_inode(&di, &geo);
}

static void test_inode_flags(void **state)
{
	static const struct {
		u32 flags, word, bit;
	} t[] = {
		{ 0x3f0, RO(INODE_FLAGS) }, { 0x400, RO(PROJECT) }, { 0x800, RO(VERITY) },
		{ 0x1000, INC(CASEFOLD) }, { 0x2000, INC(ENCRYPT) },
	};
	u32 i, bit;

	assert_null(flag_why(VEXFS_INODE_FLAGS, 0, 0));
	for (i = 0; i < ARRAY_SIZE(t); i++)
		for (bit = 1; bit; bit <<= 1) {
			if (!(t[i].flags & bit))
				continue;
			assert_string_equal(flag_why(bit, 0, 0), "inode flag without its feature");
			assert_string_equal(flag_why(bit, 0, 0x80000000U),
					    "inode flag without its feature");
			assert_null(flag_why(bit, t[i].word, t[i].bit));
		}
	for (bit = 0x4000; bit; bit <<= 1) {
		assert_string_equal(flag_why(bit, 0, 0), "unknown inode flags");
		assert_null(flag_why(bit, VEXFS_COMPAT, 0x40000000U));
	}
}

static void test_records(void **state)
{
	struct vexfs_geo none = geo_with(0, 0), graph = geo_with(VEXFS_COMPAT, 1);
	struct vexfs_collection c = { .c_graph_ino = cpu_to_le64(77) };
	struct vexfs_mdhdr h = { .h_reserved = cpu_to_le64(1) };
	struct vexfs_group_desc gd = { 0 };
	struct vexfs_slot s = { 0 };

	assert_string_equal(vexfs_feature_check_coll(&c, &none), "graph without the feature");
	assert_null(vexfs_feature_check_coll(&c, &graph));
	c.c_reserved[sizeof(c.c_reserved) - 1] = 1;
	assert_string_equal(vexfs_feature_check_coll(&c, &graph), "reserved field set");
	assert_non_null(vexfs_feature_check_header(&h, &none));
	assert_null(vexfs_feature_check_slot(&s, &none));
	s.v_pad = cpu_to_le16(1);
	assert_non_null(vexfs_feature_check_slot(&s, &none));
	assert_null(vexfs_feature_check_desc(&gd, &none));
	gd.gd_reserved[0] = cpu_to_le32(1);
	assert_non_null(vexfs_feature_check_desc(&gd, &none));
}

/* ---- the tools ----------------------------------------------------------- */

static void edit_super(struct ib *ib, u32 off, u32 val)
{
	struct vexfs_super_block *sb;
	struct vexfs_blk b;
	__le32 le = cpu_to_le32(val);

	ib_open(ib);
	sb = (void *)((u8 *)ib_pin(ib, 0, &b) + VEXFS_SB_OFFSET);
	memcpy((u8 *)sb + off, &le, 4);
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	ib_change(ib, &b, false);
	ib_close(ib);
}

static void expect(int (*prog)(int, char **), struct ib *ib, const char *opt, int code,
		   const char *text)
{
	char *argv[] = { "test", (char *)opt, ib->path, NULL }, *out;
	int ret = run_captured(prog, argv, &out);

	if (ret != code || !strstr(out, text))
		fail_msg("%s: expected exit code %d and '%s', got %d and:\n%s", opt, code, text,
			 ret, out);
	free(out);
}

/* Is the bit of the word at byte @off of the superblock one that the programs know? */
static bool known(u32 off, u32 bit)
{
	static const u32 known_bits[] = {
		VEXFS_FEATURE_COMPAT_SUPP, VEXFS_FEATURE_RO_COMPAT_SUPP, VEXFS_FEATURE_INCOMPAT_SUPP,
	};

	return known_bits[(off - 48) / 4] & 1U << bit;
}

/* fsck does not judge what it does not know; with a compat bit it looks, and writes nothing. */
static void test_unknown_bits(void **state)
{
	u32 bit, off;
	struct ib ib;

	for (bit = 0; bit < 32; bit++)
		for (off = 48; off <= 56; off += 4) {
			if (known(off, bit))
				continue;
			ib_make(&ib, VEXFS_MIN_BLOCKS);
			ib_close(&ib);
			edit_super(&ib, off, 1U << bit);
			expect(fsck_main, &ib, "-n", off == 48 ? FSCK_CLEAN : FSCK_FAILED,
			       off == 48 ? "this program does not know" : "use a newer");
			expect(fsck_main, &ib, "-p", FSCK_FAILED, "use a newer");
			expect(fsck_main, &ib, "-y", FSCK_FAILED, "use a newer");
			ib_remove(&ib);
		}
}

static void test_dump_names(void **state)
{
	struct ib ib;

	ib_make(&ib, VEXFS_MIN_BLOCKS);
	ib_close(&ib);
	expect(dump_main, &ib, "-S", 0, "incompat         none");
	edit_super(&ib, 52, 0x8000001fU);
	expect(dump_main, &ib, "-S", 0,
	       "ro_compat        quota project inode_flags verity change_feed unknown-31");
	edit_super(&ib, 56, 2);
	expect(dump_main, &ib, "-S", 0, "incompat         xattr");
	edit_super(&ib, 56, 4);
	expect(dump_main, &ib, "-S", 1, "incompat         casefold");
	ib_remove(&ib);
}

/* What udev would learn; standard error too. Run from the top of the tree, as make check does. */
static int udev_probe(int argc, char **argv)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "sh packaging/systemd/udev-probe '%s'", argv[2]);
	return WEXITSTATUS(system(cmd));
}

/* A version this program was not made for is not damage, and the sentence says what to do. */
static void test_versions(void **state)
{
	static const char *const text[] = { [1] = "make it anew with mkfs.vexfs",
					    [3] = "use a newer VexFS" };
	struct ib ib;
	u32 v;

	for (v = 1; v <= 3; v += 2) {
		ib_make(&ib, VEXFS_MIN_BLOCKS);
		ib_close(&ib);
		expect(udev_probe, &ib, "-", 0, "ID_FS_VERSION=2");
		edit_super(&ib, 8, v);
		expect(fsck_main, &ib, "-n", FSCK_FAILED, text[v]);
		expect(fsck_main, &ib, "-p", FSCK_FAILED, text[v]);
		expect(dump_main, &ib, "-S", 1, text[v]);
		expect(udev_probe, &ib, "-", 1, text[v]);
		ib_remove(&ib);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_inode_fields),
		cmocka_unit_test(test_inode_flags), cmocka_unit_test(test_records),
		cmocka_unit_test(test_unknown_bits), cmocka_unit_test(test_dump_names),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests_name("feature", tests, NULL, NULL);
}
