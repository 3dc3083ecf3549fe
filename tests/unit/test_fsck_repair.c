// SPDX-License-Identifier: GPL-2.0
/*
 * fsck.vexfs -y and -p: every kind of damage is either done away with, so that the next run
 * finds nothing and the files are what they were, or left with exit code 4.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/fsck_damage.h"
#include "tools/fsck/fsck.h"

/* The program with up to three options; the image comes last. */
static int fsck_args(struct ib *ib, char **out, char *a, char *b, char *c)
{
	char *argv[6] = { "fsck.vexfs", a };
	int n = 2;

	if (b)
		argv[n++] = b;
	if (c)
		argv[n++] = c;
	argv[n] = ib->path;
	return run_captured(fsck_main, argv, out);
}

static void expect(struct ib *ib, char *opt, int code, const char *text)
{
	char *out;
	int ret = fsck_args(ib, &out, opt, NULL, NULL);

	if (ret != code || !strstr(out, text))
		fail_msg("expected exit code %d and '%s', got %d and:\n%s", code, text, ret, out);
	free(out);
}

/* Damage that has no repair yet: -y must leave it, with exit code 4. */
static const char *const left[] = {
	/* One group: there is no copy of the superblock, and a wrong checksum may mean any field. */
	"bad_sb_checksum",
	/* Neither the descriptors nor their copy say where bitmaps and inodes are. */
	"gdt_both",
};

static bool is_repaired(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(left); i++)
		if (!strcmp(name, left[i]))
			return false;
	return true;
}

/* ---- what a reader sees ------------------------------------------------------ */

#define MAX_SEEN	1000

/**
 * struct view - what can be read
 * @crc:  of each block of some files; 0: it cannot be read
 * @name: inodes that some names lead to; 0: none
 */
struct view {
	u32	crc[MAX_SEEN], n;
	u64	name[8];
};

static u32 block_crc(struct ib *ib, struct vexfs_tree *t, u64 lblk)
{
	struct vexfs_extent e;
	struct vexfs_blk b;
	u32 crc = 1;

	if (vexfs_ext_find(t, lblk, &e))
		return 0;
	if (!e.pblk || (e.flags & VEXFS_EXT_UNWRITTEN))
		return crc;
	if (vexfs_image_get(&ib->img, e.pblk + (lblk - e.lblk), &b))
		return 0;
	crc = crc32c(~0U, b.data, VEXFS_BLOCK_SIZE) | 2;
	ib->img.io.ops->put(&ib->img.io, &b);
	return crc;
}

static void view_file(struct ib *ib, u64 ino, struct view *v)
{
	struct vexfs_inode di = ib_get_inode(ib, ino);
	struct vexfs_tree t = {
		.io = &ib->img.io, .root = &di.i_root, .owner = ino, .leaf_magic = VEXFS_MAGIC_NODE,
	};
	bool bad = vexfs_inode_verify(&di, &ib->img.geo, ino);
	u32 i;

	for (i = 0; i < 200; i++, v->n++)
		v->crc[v->n] = bad || i >= le64_to_cpu(di.i_size) >> VEXFS_BLOCK_SHIFT ? 0 :
			       block_crc(ib, &t, i);
}

static u64 view_name(struct ib *ib, u64 dir, const char *name)
{
	struct vexfs_inode di = ib_get_inode(ib, dir);
	struct vexfs_tree t = {
		.io = &ib->img.io, .root = &di.i_root, .owner = dir, .leaf_magic = VEXFS_MAGIC_DIR,
	};
	u64 hash = vexfs_dir_hash(ib->img.geo.hash_key, name, strlen(name)), ino;
	u8 type;

	if (vexfs_inode_verify(&di, &ib->img.geo, dir) ||
	    vexfs_dir_lookup(&t, hash, name, strlen(name), &ino, &type) ||
	    !vexfs_ino_valid(&ib->img.geo, ino))
		return 0;
	di = ib_get_inode(ib, ino);
	return vexfs_inode_verify(&di, &ib->img.geo, ino) || (le32_to_cpu(di.i_flags) & VEXFS_INODE_HIDDEN) ?
	       0 : ino;
}

static void view(struct fixture *x, struct view *v)
{
	struct ib *ib = &x->ib;
	u64 ino[] = { x->file, x->frag, x->linked, x->many, x->unwritten };
	size_t i;

	ib_open(ib);
	ib->img.report = NULL;
	v->n = 0;
	for (i = 0; i < ARRAY_SIZE(ino); i++)
		view_file(ib, ino[i], v);
	v->name[0] = view_name(ib, VEXFS_ROOT_INO, "dir");
	v->name[1] = view_name(ib, x->dir, "sub");
	v->name[2] = view_name(ib, x->dir, "file");
	v->name[3] = view_name(ib, x->dir, "fragmented");
	v->name[4] = view_name(ib, x->dir, "a");
	v->name[5] = view_name(ib, x->sub, "b");
	v->name[6] = view_name(ib, x->sub, "m7");
	v->name[7] = view_name(ib, x->dir, "prealloc");
	ib_close(ib);
}

/* What could be read can be read, and is the same. */
static void compare(const char *name, const struct view *before, const struct view *after)
{
	u32 i;

	for (i = 0; i < before->n; i++)
		if (before->crc[i] && before->crc[i] != after->crc[i])
			fail_msg("%s: block %u of file %u was readable", name, i % 200, i / 200);
	for (i = 0; i < ARRAY_SIZE(before->name); i++)
		if (before->name[i] && before->name[i] != after->name[i])
			fail_msg("%s: name %u led to inode %llu", name, i, (unsigned long long)before->name[i]);
}

/* Different content in all blocks of two files, so that a mix-up shows. */
static void fill(struct fixture *x)
{
	u64 ino[] = { x->file, x->frag, x->linked, x->many };
	struct vexfs_blk b;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ino); i++) {
		memset(ib_pin(&x->ib, ib_map(&x->ib, ino[i], 0), &b), 'a' + i, VEXFS_BLOCK_SIZE);
		ib_change(&x->ib, &b, false);
	}
}

/* ---- embeddings and attributes ------------------------------------------------- */

/* What a repair costs; all that is not listed costs no embedding. */
static const struct {
	const char *name;
	unsigned int collections, embeddings;
} cost[] = {
	{ "misplaced_inode", 2, 70 }, { "coll_dim", 1, 70 }, { "slot_checksum", 2, 59 },
	{ "slot_state", 2, 89 }, { "slot_free_dirty", 2, 89 }, { "slot_freed", 2, 89 }, { "slot_inode", 2, 89 },
	{ "slot_hidden", 2, 89 }, { "slot_generation", 2, 89 }, { "payload_crc", 2, 89 },
};

static void check_cost(const char *name, const char *out)
{
	unsigned int collections = 2, embeddings = 90;
	char want[80];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cost); i++)
		if (!strcmp(cost[i].name, name)) {
			collections = cost[i].collections;
			embeddings = cost[i].embeddings;
		}
	snprintf(want, sizeof(want), "%u collections, %u embeddings", collections, embeddings);
	if (!strstr(out, want))
		fail_msg("%s: expected %s:\n%s", name, want, out);
}

/* ---- */

/* Repaired and nothing left, or exit code 4; what could be read can be read in both cases. */
static void test_repair(void **state)
{
	const struct damage *d = *state;
	bool whole = is_repaired(d->name);
	struct view before, after;
	struct fixture x;
	char *out;
	u32 crc;
	int ret;

	fixture_make(&x);
	fill(&x);
	d->make(&x);
	ib_close(&x.ib);
	if (fsck_lookup(d->code)->how > FSCK_FIX_NOW && d->code / 100 > 1)
		view(&x, &before);
	else
		before.n = 0;
	crc = file_crc(x.ib.path);
	ret = fsck_args(&x.ib, &out, "-y", NULL, NULL);
	if (ret != (whole ? FSCK_CORRECTED : FSCK_ERRORS))
		fail_msg("%s: exit code %d and:\n%s", d->name, ret, out);
	free(out);
	assert_int_equal(fsck_args(&x.ib, &out, "-n", NULL, NULL), whole ? FSCK_CLEAN : FSCK_ERRORS);
	if (whole)
		check_cost(d->name, out);
	free(out);
	expect(&x.ib, "-y", whole ? FSCK_CLEAN : FSCK_ERRORS, "");
	if (whole)
		assert_int_not_equal(file_crc(x.ib.path), crc);
	if (before.n) {
		view(&x, &after);
		compare(d->name, &before, &after);
	}
	ib_remove(&x.ib);
}

/* ---- random damage ------------------------------------------------------------ */

/* Bytes of some blocks, half of them with a right checksum afterwards. */
static void damage_some(struct fixture *x, unsigned int *seed)
{
	int k;

	for (k = 0; k < 3; k++) {
		u64 blkno = fixture_block(&x->ib.img.geo, seed);
		bool seal = rand_r(seed) % 2 && blkno >= x->ib.img.geo.orphan_start;

		EDIT_BLOCK(x, blkno, seal, p[rand_r(seed) % 4096] ^= 1 + rand_r(seed) % 255);
	}
}

/* Whatever it is: what -y says it has repaired is clean, and a second -y writes nothing more. */
static bool repair_random(unsigned int *seed, unsigned int i)
{
	struct fixture x;
	char *out;
	int ret;
	u32 crc;

	fixture_make(&x);
	damage_some(&x, seed);
	ib_close(&x.ib);
	ret = fsck_args(&x.ib, &out, "-y", NULL, NULL);
	if (ret != FSCK_CLEAN && ret != FSCK_CORRECTED && ret != FSCK_ERRORS && ret != FSCK_FAILED)
		fail_msg("image %u: exit code %d and:\n%s", i, ret, out);
	free(out);
	crc = file_crc(x.ib.path);
	if (ret <= FSCK_CORRECTED)
		expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	fsck_args(&x.ib, &out, "-y", NULL, NULL);
	free(out);
	if (file_crc(x.ib.path) != crc)
		fail_msg("image %u: a second run writes again", i);
	ib_remove(&x.ib);
	return ret == FSCK_CORRECTED;
}

/* VEXFS_FSCK_IMAGES=10000 for the long form. */
static void test_random(void **state)
{
	const char *env = getenv("VEXFS_SEED"), *count = getenv("VEXFS_FSCK_IMAGES");
	unsigned int seed = env ? strtoul(env, NULL, 0) : 20261129, i, n, repaired = 0;

	n = count ? strtoul(count, NULL, 0) : 40;
	printf("# VEXFS_SEED=%u\n", seed);
	for (i = 0; i < n; i++)
		repaired += repair_random(&seed, i);
	printf("# %u of %u repaired\n", repaired, n);
	assert_true(repaired > n / 10);
}

/* ---- options -------------------------------------------------------------------- */

/* -p repairs counters and copies, and writes nothing if there is anything else. */
static void test_preen(void **state)
{
	struct fixture x;
	u32 before;

	fixture_make(&x);
	EDIT_DESC(&x, gd->gd_free_inodes = cpu_to_le32(1));
	ib_close(&x.ib);
	expect(&x.ib, "-p", FSCK_CORRECTED, "REPAIRED, 1 problem found");
	expect(&x.ib, "-n", FSCK_CLEAN, ": clean");
	ib_open(&x.ib);
	EDIT_DESC(&x, gd->gd_free_inodes = cpu_to_le32(1));
	EDIT_INODE(&x, x.file, di.i_nlink = cpu_to_le32(7));
	ib_close(&x.ib);
	before = file_crc(x.ib.path);
	expect(&x.ib, "-p", FSCK_ERRORS, "run fsck.vexfs -y; nothing was changed");
	assert_int_equal(file_crc(x.ib.path), before);
	ib_remove(&x.ib);
}

/* Another filesystem, as far as the superblock says; the second time, the first again. */
static void other_uuid(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct vexfs_super_block sb;

	assert_int_equal(pread(fd, &sb, sizeof(sb), VEXFS_SB_OFFSET), sizeof(sb));
	sb.s_meta_uuid[0] ^= 1;
	sb.s_checksum = cpu_to_le32(vexfs_sb_checksum(&sb));
	assert_int_equal(pwrite(fd, &sb, sizeof(sb), VEXFS_SB_OFFSET), sizeof(sb));
	close(fd);
}

/* What a repair has overwritten comes back, byte by byte; a bad file changes nothing. */
static void test_undo(void **state)
{
	struct fixture x;
	char undo[300], *out;
	u32 before, after;

	fixture_make(&x);
	EDIT_DESC(&x, gd->gd_free_inodes = cpu_to_le32(1));
	ib_close(&x.ib);
	before = file_crc(x.ib.path);
	snprintf(undo, sizeof(undo), "%s.undo", x.ib.path);
	assert_int_equal(fsck_args(&x.ib, &out, "-y", "-z", undo), FSCK_CORRECTED);
	free(out);
	after = file_crc(x.ib.path);
	assert_int_not_equal(after, before);
	assert_int_equal(truncate(undo, 8000), 0);
	assert_int_equal(fsck_args(&x.ib, &out, "--undo", undo, NULL), FSCK_FAILED);
	free(out);
	assert_int_equal(file_crc(x.ib.path), after);
	unlink(undo);
	ib_open(&x.ib);
	EDIT_DESC(&x, gd->gd_free_inodes = cpu_to_le32(1));
	ib_close(&x.ib);
	before = file_crc(x.ib.path);
	assert_int_equal(fsck_args(&x.ib, &out, "-y", "-z", undo), FSCK_CORRECTED);
	free(out);
	assert_int_equal(fsck_args(&x.ib, &out, "--undo", undo, NULL), FSCK_CLEAN);
	free(out);
	assert_int_equal(file_crc(x.ib.path), before);
	/* Another filesystem on a device of this size is left alone. */
	other_uuid(x.ib.path);
	after = file_crc(x.ib.path);
	assert_int_equal(fsck_args(&x.ib, &out, "--undo", undo, NULL), FSCK_FAILED);
	free(out);
	assert_int_equal(file_crc(x.ib.path), after);
	other_uuid(x.ib.path);
	assert_int_equal(file_crc(x.ib.path), before);
	/* An undo file is never overwritten: without one nothing is repaired. */
	assert_int_equal(fsck_args(&x.ib, &out, "-y", "-z", undo), FSCK_FAILED);
	free(out);
	assert_int_equal(file_crc(x.ib.path), before);
	unlink(undo);
	ib_remove(&x.ib);
}

int main(void)
{
	const struct CMUnitTest fixed[] = {
		cmocka_unit_test(test_preen),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_random),
	};
	const struct damage *d;
	struct CMUnitTest *tests;
	size_t i, n = 0;
	int ret;

	while (damage_get(n))
		n++;
	tests = calloc(ARRAY_SIZE(fixed) + n, sizeof(*tests));
	if (!tests)
		return 1;
	memcpy(tests, fixed, sizeof(fixed));
	n = ARRAY_SIZE(fixed);
	for (i = 0; (d = damage_get(i)); i++)
		tests[n++] = (struct CMUnitTest){
			.name = d->name, .test_func = test_repair, .initial_state = (void *)d,
		};
	ret = _cmocka_run_group_tests("fsck_repair", tests, n, NULL, NULL);
	free(tests);
	return ret;
}
