// SPDX-License-Identifier: GPL-2.0
/* lib/journal.c: logs written by hand are replayed as the kernel would. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/journal.h"
#include "tests/unit/jbuild.h"

#define A	3000	/* blocks of nobody, to be logged */
#define B	3001
#define C	3002

static struct ib ib;
static struct jb jb;
static struct vexfs_journal j;

static int setup(void **state)
{
	ib_make(&ib, VEXFS_MIN_BLOCKS);
	return 0;
}

static int teardown(void **state)
{
	jb_end(&jb);
	jb.data = NULL;
	vexfs_image_close(&ib.img);
	vexfs_dev_close(&ib.dev);
	ib_remove(&ib);
	return 0;
}

/* Replay into a fresh overlay. */
static int replay(void)
{
	int err;

	vexfs_image_close(&ib.img);
	vexfs_dev_close(&ib.dev);
	ib_open(&ib);
	ib.img.writable = false;
	err = vexfs_journal_open(&ib.img, &j);
	return err ? err : vexfs_journal_replay(&ib.img, &j);
}

/* What the cache has in a block, all bytes of which are equal. */
static int byte_of(u64 blkno)
{
	struct vexfs_blk b;
	u8 *p = ib_pin(&ib, blkno, &b), v = p[0];
	int i;

	for (i = 0; i < VEXFS_BLOCK_SIZE; i++)
		assert_int_equal(p[i], v);
	ib.img.io.ops->put(&ib.img.io, &b);
	return v;
}

static void expect_problem(int err, const char *text)
{
	assert_int_equal(err, -EUCLEAN);
	if (!strstr(j.problem, text))
		fail_msg("expected '%s', got '%s'", text, j.problem);
}

/* ---- sound logs ---------------------------------------------------------- */

static void test_empty(void **state)
{
	assert_int_equal(vexfs_journal_open(&ib.img, &j), 0);
	assert_false(j.dirty);
}

static void test_simple(void **state)
{
	u8 block[VEXFS_BLOCK_SIZE], dev[VEXFS_BLOCK_SIZE];

	jb_begin(&jb, &ib, 1, 5);
	jb_fill(&jb, A, 1);
	jb_fill(&jb, B, 2);
	jb_commit(&jb);
	jb_fill(&jb, A, 3);
	jb_commit(&jb);
	assert_int_equal(replay(), 0);
	assert_true(j.dirty);
	assert_int_equal(j.end_sequence, 7);
	assert_int_equal(j.blocks, 3);
	assert_int_equal(byte_of(A), 3);
	assert_int_equal(byte_of(B), 2);
	/* An overlay: the device still has what it had. */
	memset(block, 0, sizeof(block));
	assert_int_equal(vexfs_dev_read(&ib.dev, A * 4096ULL, dev, 4096), 0);
	assert_memory_equal(dev, block, 4096);
	assert_int_equal(vexfs_image_flush(&ib.img), -EROFS);
}

static void test_escape(void **state)
{
	jbd2_be32 magic = jbd2_put32(JBD2_MAGIC_NUMBER);
	u8 block[VEXFS_BLOCK_SIZE];
	struct vexfs_blk b;

	memset(block, 7, sizeof(block));
	memcpy(block, &magic, 4);
	jb_begin(&jb, &ib, 1, 1);
	jb_block(&jb, A, block);
	jb_commit(&jb);
	assert_int_equal(replay(), 0);
	ib_pin(&ib, A, &b);
	assert_memory_equal(b.data, block, sizeof(block));
	ib.img.io.ops->put(&ib.img.io, &b);
}

static void test_revoke(void **state)
{
	jb_begin(&jb, &ib, 1, 1);
	jb_fill(&jb, A, 1);
	jb_fill(&jb, B, 1);
	jb_fill(&jb, C, 1);
	jb_commit(&jb);
	jb_revoke(&jb, A);
	jb_revoke(&jb, B);
	jb_commit(&jb);
	jb_fill(&jb, B, 2);	/* used as metadata again */
	jb_commit(&jb);
	assert_int_equal(replay(), 0);
	assert_int_equal(byte_of(A), 0);
	assert_int_equal(byte_of(B), 2);
	assert_int_equal(byte_of(C), 1);
	assert_int_equal(j.revoked, 2);
}

/* A revoke covers its own transaction; one of an incomplete transaction counts for nothing. */
static void test_revoke_edges(void **state)
{
	jb_begin(&jb, &ib, 1, 1);
	jb_fill(&jb, A, 1);
	jb_revoke(&jb, A);
	jb_fill(&jb, B, 1);
	jb_commit(&jb);
	jb_revoke(&jb, B);
	jb_abandon(&jb);
	assert_int_equal(replay(), 0);
	assert_int_equal(byte_of(A), 0);
	assert_int_equal(byte_of(B), 1);
}

static void test_wrap(void **state)
{
	u32 i;

	jb_begin(&jb, &ib, VEXFS_MIN_JOURNAL - 2, 1);
	for (i = 0; i < 20; i++)
		jb_fill(&jb, A + i, i + 1);
	jb_commit(&jb);
	assert_int_equal(replay(), 0);
	for (i = 0; i < 20; i++)
		assert_int_equal(byte_of(A + i), i + 1);
}

static void test_many_blocks(void **state)
{
	u32 i;

	jb_begin(&jb, &ib, 700, 1);
	for (i = 0; i < JB_MAX_BLOCKS; i++)
		jb_fill(&jb, 2500 + i, i);
	jb_commit(&jb);
	assert_int_equal(replay(), 0);
	assert_int_equal(j.blocks, JB_MAX_BLOCKS);
	for (i = 0; i < JB_MAX_BLOCKS; i++)
		assert_int_equal(byte_of(2500 + i), i & 255);
}

static void test_sequence_wraps(void **state)
{
	jb_begin(&jb, &ib, 1, 0xffffffffU);
	jb_fill(&jb, A, 1);
	jb_fill(&jb, B, 1);
	jb_commit(&jb);
	jb_revoke(&jb, A);
	jb_fill(&jb, C, 2);
	jb_commit(&jb);
	assert_int_equal(replay(), 0);
	assert_int_equal(j.end_sequence, 1);
	assert_int_equal(byte_of(A), 0);
	assert_int_equal(byte_of(B), 1);
	assert_int_equal(byte_of(C), 2);
}

static void test_incomplete(void **state)
{
	jb_begin(&jb, &ib, 1, 1);
	jb_fill(&jb, A, 1);
	jb_commit(&jb);
	jb_fill(&jb, A, 2);
	jb_fill(&jb, B, 2);
	jb_abandon(&jb);
	assert_int_equal(replay(), 0);
	assert_int_equal(j.end_sequence, 2);
	assert_int_equal(byte_of(A), 1);
	assert_int_equal(byte_of(B), 0);
}

/* The end of the log is followed by blocks of an earlier round of the ring. */
static void test_stale_tail(void **state)
{
	jb_begin(&jb, &ib, 1, 10);
	jb_fill(&jb, A, 9);
	jb_commit(&jb);
	jb_fill(&jb, A, 9);
	jb_commit(&jb);
	jb_end(&jb);
	jb_begin(&jb, &ib, 1, 20);
	jb_fill(&jb, A, 1);
	jb_commit(&jb);
	assert_int_equal(replay(), 0);
	assert_int_equal(j.end_sequence, 21);
	assert_int_equal(byte_of(A), 1);
}

/* A commit block of the right number but an earlier time, unsound: stale, not damaged. */
static void test_stale_commit(void **state)
{
	jb_begin(&jb, &ib, 1, 1);
	jb_fill(&jb, A, 1);
	jb_commit(&jb);
	jb.when = 10;
	jb_fill(&jb, B, 2);
	jb_commit(&jb);
	jb_flip(&ib, jb.commit, 20);
	assert_int_equal(replay(), 0);
	assert_int_equal(j.end_sequence, 2);
	assert_int_equal(byte_of(B), 0);
}

static void test_finish(void **state)
{
	u8 dev[VEXFS_BLOCK_SIZE];

	jb_begin(&jb, &ib, 1, 5);
	jb_fill(&jb, A, 1);
	jb_commit(&jb);
	assert_int_equal(replay(), 0);
	ib.img.writable = true;
	assert_int_equal(vexfs_journal_finish(&ib.img, &j), 0);
	assert_int_equal(vexfs_dev_read(&ib.dev, A * 4096ULL, dev, 4096), 0);
	assert_int_equal(dev[17], 1);
	assert_int_equal(vexfs_journal_open(&ib.img, &j), 0);
	assert_false(j.dirty);
	assert_true(j.sequence > 6);
}

/* ---- damage -------------------------------------------------------------- */

/* Three transactions; @which is damaged by flipping a bit in log block @pos. */
static void three(u32 *descriptor, u32 *data, u32 *commit, u32 *revoke)
{
	jb_begin(&jb, &ib, 1, 1);
	jb_fill(&jb, A, 1);
	jb_commit(&jb);
	jb_fill(&jb, A, 2);
	jb_fill(&jb, B, 2);
	jb_revoke(&jb, 2999);
	jb_commit(&jb);
	*descriptor = jb.first_descriptor;
	*data = jb.first_data;
	*commit = jb.commit;
	*revoke = jb.revoke_block;
	jb_fill(&jb, C, 3);
	jb_commit(&jb);
}

static void test_bad_descriptor(void **state)
{
	u32 descriptor, data, commit, revoke;

	three(&descriptor, &data, &commit, &revoke);
	jb_flip(&ib, descriptor, 3000);
	expect_problem(replay(), "transaction 2: checksum of its descriptor or revoke block wrong");
	assert_int_equal(byte_of(A), 1);
	assert_int_equal(byte_of(C), 0);
}

static void test_bad_revoke(void **state)
{
	u32 descriptor, data, commit, revoke;

	three(&descriptor, &data, &commit, &revoke);
	jb_flip(&ib, revoke, 20);
	expect_problem(replay(), "transaction 2: checksum of its descriptor or revoke block wrong");
	assert_int_equal(byte_of(A), 1);
}

static void test_bad_commit(void **state)
{
	u32 descriptor, data, commit, revoke;

	three(&descriptor, &data, &commit, &revoke);
	jb_flip(&ib, commit, 40);
	expect_problem(replay(), "transaction 2: checksum of its commit block wrong");
	assert_int_equal(byte_of(A), 1);
	assert_int_equal(byte_of(C), 0);
}

/* Its first sector is there, followed by what was in the log before: all it stands for is on the disk. */
static void test_torn_commit(void **state)
{
	u32 descriptor, data, commit, revoke;

	three(&descriptor, &data, &commit, &revoke);
	jb_flip(&ib, commit, 512);
	jb_flip(&ib, commit, 3000);
	assert_int_equal(replay(), 0);
	assert_int_equal(byte_of(A), 2);
	assert_int_equal(byte_of(B), 2);
	assert_int_equal(byte_of(C), 3);
}

/* The other blocks of the log still get to their places. */
static void test_bad_data(void **state)
{
	u32 descriptor, data, commit, revoke;

	three(&descriptor, &data, &commit, &revoke);
	jb_flip(&ib, data, 3000);
	expect_problem(replay(), "transaction 2: checksum of logged block 3000 wrong");
	assert_int_equal(byte_of(A), 1);
	assert_int_equal(byte_of(B), 2);
	assert_int_equal(byte_of(C), 3);
}

static void test_foreign_block(void **state)
{
	jb_begin(&jb, &ib, 1, 1);
	jb_fill(&jb, VEXFS_MIN_BLOCKS + 5, 1);
	jb_commit(&jb);
	expect_problem(replay(), "logged block 4101 is not of the filesystem");
	jb_end(&jb);
	jb_begin(&jb, &ib, 1, 1);
	jb_fill(&jb, ib.img.geo.journal_start + 1, 1);
	jb_commit(&jb);
	expect_problem(replay(), "is not of the filesystem");
	jb_end(&jb);
	jb_begin(&jb, &ib, 1, 1);
	jb_fill(&jb, 1ULL << 40, 1);
	jb_commit(&jb);
	expect_problem(replay(), "is not of the filesystem");
}

/* Every change of the superblock that makes it unusable, with a right checksum. */
static void test_bad_super(void **state)
{
	struct jbd2_super good = jb_super(&ib), js;
	static const char *const what[] = {
		"magic", "version 2", "block size", "its length", "its length", "first log block",
		"start of the log", "unknown features", "not all set", "not all set",
		"unknown features", "unknown features", "checksum type", "another filesystem",
		"not used", "not used", "not used",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(what); i++) {
		js = good;
		switch (i) {
		case 0: js.s_header.h_magic = jbd2_put32(1); break;
		case 1: js.s_header.h_blocktype = jbd2_put32(3); break;
		case 2: js.s_blocksize = jbd2_put32(1024); break;
		case 3: js.s_maxlen = jbd2_put32(10); break;
		case 4: js.s_maxlen = jbd2_put32(1 << 20); break;
		case 5: js.s_first = jbd2_put32(0); break;
		case 6: js.s_start = jbd2_put32(1 << 20); break;
		case 7: js.s_feature_incompat = jbd2_put32(0x1000 | VEXFS_JBD2_FEATURES); break;
		case 8: js.s_feature_incompat = jbd2_put32(JBD2_FEATURE_INCOMPAT_CSUM_V3); break;
		/* One flipped bit, and jbd2 believes a superblock without a checksum. */
		case 9: js.s_feature_incompat.b[3] ^= JBD2_FEATURE_INCOMPAT_CSUM_V3; break;
		case 10: js.s_feature_compat = jbd2_put32(1); break;
		case 11: js.s_feature_ro_compat = jbd2_put32(1); break;
		case 12: js.s_checksum_type = 1; break;
		case 13: js.s_uuid[3] ^= 1; break;
		case 14: js.s_num_fc_blks = jbd2_put32(256); break;
		case 15: js.s_padding[7] = 1; break;
		case 16: js.s_users[700] = 1; break;
		}
		jb_put_super(&ib, &js);
		expect_problem(vexfs_journal_open(&ib.img, &j), what[i]);
		assert_false(j.dirty);
	}
	jb_put_super(&ib, &good);
	assert_int_equal(vexfs_journal_open(&ib.img, &j), 0);
	jb_flip(&ib, 0, 0x3f0);
	expect_problem(vexfs_journal_open(&ib.img, &j), "wrong checksum");
}

/* A ring without an end: every block claims to be a descriptor. */
static void test_endless(void **state)
{
	u32 i;

	jb_begin(&jb, &ib, 1, 1);
	for (i = 1; i < VEXFS_MIN_JOURNAL; i++) {
		jb.pos = i;
		jb_fill(&jb, A, 1);
		jb_abandon(&jb);
	}
	assert_int_equal(replay(), 0);
	assert_int_equal(j.blocks, 0);
}

static void test_random(void **state)
{
	const char *env = getenv("VEXFS_SEED");
	unsigned int seed = env ? strtoul(env, NULL, 0) : 4711, i, k;
	u32 descriptor, data, commit, revoke, bad = 0;

	print_message("# VEXFS_SEED=%u\n", seed);
	for (i = 0; i < 300; i++) {
		int err;

		three(&descriptor, &data, &commit, &revoke);
		for (k = 0; k < 3; k++)
			jb_flip(&ib, rand_r(&seed) % 14, rand_r(&seed) % 4096);
		jb_end(&jb);
		jb.data = NULL;
		err = replay();
		assert_true(err == 0 || err == -EUCLEAN);
		bad += err != 0;
	}
	assert_true(bad > 100);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_empty), T(test_simple), T(test_escape), T(test_revoke),
		T(test_revoke_edges), T(test_wrap), T(test_many_blocks), T(test_sequence_wraps),
		T(test_incomplete), T(test_stale_tail), T(test_stale_commit), T(test_finish),
		T(test_bad_descriptor), T(test_bad_revoke), T(test_bad_commit), T(test_torn_commit),
		T(test_bad_data), T(test_foreign_block), T(test_bad_super), T(test_endless), T(test_random),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
