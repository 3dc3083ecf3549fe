// SPDX-License-Identifier: GPL-2.0
/*
 * fsck.vexfs -y and -p: every kind of damage is either done away with, so that the next run
 * finds nothing and the files are what they were, or left with exit code 4.
 */
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

static u32 file_crc(const char *path)
{
	static u8 buf[1 << 16];
	FILE *f = fopen(path, "r");
	u32 crc = ~0U;
	size_t n;

	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		crc = crc32c(crc, buf, n);
	fclose(f);
	return crc;
}

/* Damage that -y does away with; the rest of the table it must leave as it is, with exit code 4. */
static const char *const repaired[] = {
	"bad_gdt_checksum", "bad_gdt_copy", "gdt_differs", "gdt_place", "bad_free_blocks", "bad_free_inodes",
	"bad_used_dirs", "bad_itable_init", "short_itable_init", "bad_bbmap_checksum", "bad_ibmap_checksum",
	"leaked_block", "leaked_runs", "unmarked_block", "unmarked_inode", "marked_beyond", "header_reserved",
	"desc_reserved",
};

static bool is_repaired(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(repaired); i++)
		if (!strcmp(name, repaired[i]))
			return true;
	return false;
}

/* What every file of the fixture holds, and that its name leads to it. */
static u32 content_crc(struct fixture *x)
{
	u64 ino[] = { x->file, x->frag, x->linked, x->many };
	u32 crc = ~0U, i, k;
	struct vexfs_blk b;

	for (i = 0; i < ARRAY_SIZE(ino); i++) {
		struct vexfs_inode di = ib_get_inode(&x->ib, ino[i]);

		crc = crc32c(crc, &di, sizeof(di));
		for (k = 0; k < (i == 1 ? 2 : 1); k++) {
			crc = crc32c(crc, ib_pin(&x->ib, ib_map(&x->ib, ino[i], 2 * k), &b), VEXFS_BLOCK_SIZE);
			x->ib.img.io.ops->put(&x->ib.img.io, &b);
		}
	}
	for (k = 0; k < 2; k++) {
		crc = crc32c(crc, ib_pin(&x->ib, leaf_of(&x->ib, k ? x->dir : x->sub), &b), VEXFS_BLOCK_SIZE);
		x->ib.img.io.ops->put(&x->ib.img.io, &b);
	}
	return crc;
}

/* Repaired, nothing left, files as before; or not, and the image is as it was. */
static void test_repair(void **state)
{
	const struct damage *d = *state;
	bool whole = is_repaired(d->name);
	u32 content, before;
	struct fixture x;
	char *out;
	int ret;

	fixture_make(&x);
	ib_close(&x.ib);	/* checksums are stored */
	ib_open(&x.ib);
	content = content_crc(&x);
	d->make(&x);
	ib_close(&x.ib);
	before = file_crc(x.ib.path);
	ret = fsck_args(&x.ib, &out, "-y", NULL, NULL);
	if (ret != (whole ? FSCK_CORRECTED : FSCK_ERRORS))
		fail_msg("%s: exit code %d and:\n%s", d->name, ret, out);
	free(out);
	expect(&x.ib, "-n", whole ? FSCK_CLEAN : FSCK_ERRORS, "");
	expect(&x.ib, "-y", whole ? FSCK_CLEAN : FSCK_ERRORS, "");
	if (whole) {
		ib_open(&x.ib);
		assert_int_equal(content_crc(&x), content);
		ib_close(&x.ib);
		assert_int_not_equal(file_crc(x.ib.path), before);
	}
	ib_remove(&x.ib);
}

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
