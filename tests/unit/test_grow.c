// SPDX-License-Identifier: GPL-2.0
/* Growing: sizes and places, step by step, against what mkfs makes of the same size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/grow.h"

#define BPG	((u64)VEXFS_BLOCKS_PER_GROUP)
#define ROOM	400	/* groups */

/* As after mkfs; the journal and the tables are not looked at here. */
static void make(struct vexfs_geo *geo, u64 blocks, u32 inodes_per_group)
{
	memset(geo, 0, sizeof(*geo));
	geo->inodes_per_group = inodes_per_group;
	geo->itable_blocks = inodes_per_group / VEXFS_INODES_PER_BLOCK;
	vexfs_grow_geo(geo, blocks);
	assert_true(geo->groups <= ROOM);
	geo->place = calloc(ROOM, sizeof(*geo->place));
	assert_non_null(geo->place);
	vexfs_places_plan(geo, 0);
}

/* In group 0 after its head, where nothing else is. */
static void tables(struct vexfs_geo *geo, u64 start)
{
	geo->journal_start = start;
	geo->journal_blocks = VEXFS_MIN_JOURNAL;
	geo->orphan_start = geo->journal_start + geo->journal_blocks;
	geo->orphan_blocks = 2;
	geo->coll_start = geo->orphan_start + 2;
	geo->coll_blocks = VEXFS_COLL_BLOCKS;
}

/* What a reader asks of descriptors, and the heads it computes. */
static void expect_sound(const struct vexfs_geo *geo)
{
	struct vexfs_geo seen = *geo;
	const char *why;
	u32 g;

	seen.place = calloc(ROOM, sizeof(*seen.place));
	assert_non_null(seen.place);
	memcpy(seen.place, geo->place, geo->groups * sizeof(*seen.place));
	for (g = 0; g < geo->groups; g++)
		seen.place[g].head = 0;
	tables(&seen, vexfs_group_overhead(geo, 0));
	why = vexfs_places_verify(&seen);
	if (why)
		fail_msg("%llu blocks: %s", (unsigned long long)geo->blocks, why);
	for (g = 0; g < geo->groups; g++) {
		struct vexfs_group_desc gd;

		assert_true(seen.place[g].head <= geo->place[g].head);
		assert_true(geo->place[g].head <= vexfs_group_blocks(geo, g));
		vexfs_grow_desc(&gd, geo, g);
		assert_null(vexfs_gd_verify(&gd, geo, g));
	}
	free(seen.place);
}

static void grow_to(struct vexfs_geo *geo, u64 want)
{
	u64 target = vexfs_grow_target(geo, want);

	while (geo->blocks < target) {
		u64 next = vexfs_grow_step(geo, target);
		u32 first = geo->groups;

		assert_true(next > geo->blocks && next <= target);
		/* One descriptor block at a time, and a short last group by itself. */
		if (geo->blocks % BPG)
			assert_true(DIV_ROUND_UP(next, BPG) == geo->groups);
		else
			assert_true((next - 1) / BPG / VEXFS_GD_PER_BLOCK == geo->groups / VEXFS_GD_PER_BLOCK);
		vexfs_grow_geo(geo, next);
		vexfs_places_plan(geo, first);
		expect_sound(geo);
	}
}

static void test_as_mkfs(void **state)
{
	/* From the beginning of a set on, growing places the groups where mkfs would. */
	static const u64 from[] = { 16, 32, 48, 63, 79, 126, 142 };
	static const u64 to[] = { 64, 65, 70, 100, 126, 127, 130, 200, 391 };
	u32 i, k, g;

	for (i = 0; i < ARRAY_SIZE(from); i++)
		for (k = 0; k < ARRAY_SIZE(to); k++) {
			struct vexfs_geo a, b;

			if (to[k] <= from[i])
				continue;
			make(&a, from[i] * BPG, 8064);
			make(&b, to[k] * BPG - 5000, 8064);
			grow_to(&a, to[k] * BPG - 5000);
			assert_int_equal(a.blocks, b.blocks);
			assert_int_equal(a.gdt_blocks, b.gdt_blocks);
			for (g = 0; g < a.groups; g++) {
				assert_int_equal(a.place[g].bbmap, b.place[g].bbmap);
				assert_int_equal(a.place[g].ibmap, b.place[g].ibmap);
				assert_int_equal(a.place[g].itable, b.place[g].itable);
			}
			free(a.place);
			free(b.place);
		}
}

static void test_group_by_group(void **state)
{
	static const u32 ipg[] = { 8, 1024, 8064, VEXFS_BITS_PER_BITMAP };
	struct vexfs_geo geo;
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(ipg); i++) {
		make(&geo, BPG / 2, ipg[i]);
		for (n = 1; n <= 140; n++)
			grow_to(&geo, n * BPG);
		assert_int_equal(geo.groups, 140);
		free(geo.place);
	}
}

/* Any sizes, with a short last group each time. */
static void test_any_sizes(void **state)
{
	u64 rng = 20261129;
	struct vexfs_geo geo;
	u32 round;

	for (round = 0; round < 200; round++) {
		u64 size = 4096;

		make(&geo, size, round % 2 ? 8064 : 512);
		while (size < 250 * BPG) {
			rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
			size += (rng >> 33) % (round % 3 ? 3 * BPG : 60 * BPG);
			grow_to(&geo, size);
			assert_true(geo.blocks <= size && size - geo.blocks < 5 + geo.itable_blocks + 64);
		}
		free(geo.place);
	}
}

static void test_targets(void **state)
{
	u32 tail = 5 + 1008 + VEXFS_MIN_DATA_BLOCKS;
	struct vexfs_geo geo;

	make(&geo, 2 * BPG, 8064);
	assert_int_equal(vexfs_grow_target(&geo, 100), 2 * BPG);	/* never less */
	assert_int_equal(vexfs_grow_target(&geo, 2 * BPG), 2 * BPG);
	assert_int_equal(vexfs_grow_target(&geo, 2 * BPG + tail - 1), 2 * BPG);
	assert_int_equal(vexfs_grow_target(&geo, 2 * BPG + tail), 2 * BPG + tail);
	free(geo.place);
	make(&geo, BPG + 2000, 8064);
	assert_int_equal(vexfs_grow_target(&geo, BPG + 2001), BPG + 2001);	/* within the last group */
	assert_int_equal(vexfs_grow_target(&geo, 2 * BPG + 1), 2 * BPG);
	free(geo.place);
}

/* A descriptor block's copy moves once: when its second group comes. */
static void test_copy_moves(void **state)
{
	struct vexfs_geo geo;

	make(&geo, 64 * BPG, 8064);
	assert_int_equal(vexfs_gdt_block(&geo, 1), 63 * BPG);
	assert_int_equal(vexfs_gdt_copy(&geo, 1), 63 * BPG + 1);
	assert_int_equal(vexfs_group_bbmap(&geo, 63), 63 * BPG + 2);
	grow_to(&geo, 65 * BPG);
	assert_int_equal(vexfs_gdt_copy(&geo, 1), 64 * BPG);
	assert_int_equal(vexfs_group_bbmap(&geo, 63), 63 * BPG + 2);
	assert_int_equal(vexfs_group_bbmap(&geo, 64), 64 * BPG + 1);
	free(geo.place);
}

static void test_content(void **state)
{
	static u8 block[VEXFS_BLOCK_SIZE];
	const void *map = block + VEXFS_MDHDR_SIZE;
	struct vexfs_geo geo;

	make(&geo, 20 * BPG - 5000, 8064);
	vexfs_grow_bbmap(block, &geo, 19);
	assert_null(vexfs_mdhdr_verify(block, &geo, VEXFS_MAGIC_BBMAP, 0, vexfs_group_bbmap(&geo, 19), 19));
	assert_int_equal(vexfs_bit_next_clear(map, 0, BPG), vexfs_group_overhead(&geo, 19));
	assert_int_equal(vexfs_bits_count_set(map, BPG), vexfs_group_overhead(&geo, 19) + 5000);
	vexfs_grow_ibmap(block, &geo, 19);
	assert_null(vexfs_mdhdr_verify(block, &geo, VEXFS_MAGIC_IBMAP, 0, vexfs_group_ibmap(&geo, 19), 19));
	assert_int_equal(vexfs_bits_count_set(map, BPG), BPG - 8064);
	free(geo.place);
}

/* A log may hold a larger superblock of the same filesystem, not a smaller one. */
static void test_replayed(void **state)
{
	struct vexfs_super_block a = { 0 }, b = { 0 }, x, y;
	struct vexfs_geo geo;

	make(&geo, 2 * BPG, 8064);
	vexfs_grow_super(&a, &geo);
	grow_to(&geo, 70 * BPG);
	vexfs_grow_super(&b, &geo);
	assert_int_equal(le32_to_cpu(b.s_groups), 70);
	assert_int_equal(le32_to_cpu(b.s_gdt_blocks), 2);
	x = a, y = b;
	assert_true(vexfs_sb_replayed(&x, &y));
	x = b, y = a;
	assert_false(vexfs_sb_replayed(&x, &y));
	x = a, y = b;
	y.s_journal_start = cpu_to_le64(7);
	assert_false(vexfs_sb_replayed(&x, &y));
	free(geo.place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_mkfs),
		cmocka_unit_test(test_group_by_group),
		cmocka_unit_test(test_any_sizes),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_copy_moves),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_replayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
