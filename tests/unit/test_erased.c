// SPDX-License-Identifier: GPL-2.0
/* Fingerprints of embeddings, and fsck.vexfs --erased: what is on the device is found, wherever it is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/vec.h"
#include "lib/erased.h"
#include "tests/unit/fsck_damage.h"
#include "tools/fsck/fsck.h"

#define VECTOR	512	/* bytes of a random one */

static u64 unreadable;		/* a block; 0: all can be read */

int __real_vexfs_dev_read(const struct vexfs_dev *dev, u64 off, void *buf, size_t len);
int __wrap_vexfs_dev_read(const struct vexfs_dev *dev, u64 off, void *buf, size_t len);
int __wrap_vexfs_dev_read(const struct vexfs_dev *dev, u64 off, void *buf, size_t len)
{
	u64 from = unreadable << VEXFS_BLOCK_SHIFT;

	if (unreadable && off < from + VEXFS_BLOCK_SIZE && off + len > from)
		return -EIO;
	return __real_vexfs_dev_read(dev, off, buf, len);
}

/* ---- lists -------------------------------------------------------------------- */

static void random_vector(u8 v[VECTOR], unsigned int seed)
{
	int i;

	for (i = 0; i < VECTOR; i++)
		v[i] = (u8)(rand_r(&seed) >> 8);
}

static void put_windows(FILE *f, const void *data, size_t len, size_t skip, const char *label)
{
	size_t off[VEX_ERASED_PARTS];
	unsigned int i, n = vex_erased_windows(data, len, skip, off);
	char hex[33];

	for (i = 0; i < n; i++) {
		vex_erased_hex((const u8 *)data + off[i], hex);
		fprintf(f, "%s %s at %zu\n", hex, label, off[i]);
	}
}

static FILE *new_list(char path[64])
{
	FILE *f;

	snprintf(path, 64, "/tmp/vexfs-test-erased-%ld", (long)getpid());
	f = fopen(path, "w+");
	assert_non_null(f);
	fputs(VEX_ERASED_HEAD "\n", f);
	return f;
}

static int load(const char *text, size_t len, struct vex_erased *e, unsigned long *line)
{
	FILE *f = fmemopen((void *)text, len, "r");
	int err;

	assert_non_null(f);
	err = vex_erased_load(e, f, line);
	fclose(f);
	return err;
}

static void test_windows(void **state)
{
	static u8 v[10000];
	size_t off[VEX_ERASED_PARTS], skip, len;
	unsigned int i, n;

	memset(v, 7, sizeof(v));
	assert_int_equal(vex_erased_windows(v, 4096, 0, off), 0);
	for (i = 0; i < sizeof(v); i++)
		v[i] = (u8)(i * 31);
	assert_int_equal(vex_erased_windows(v, VEX_ERASED_WINDOW - 1, 0, off), 0);
	assert_int_equal(vex_erased_windows(v, VEX_ERASED_WINDOW, 0, off), 1);
	for (len = 32; len <= sizeof(v); len += 83) {
		for (skip = 0; skip <= 16; skip += 16) {
			n = vex_erased_windows(v, len, skip, off);
			assert_true(n >= 1 && (len < 256 || n == VEX_ERASED_PARTS));
			for (i = 0; i < n; i++) {
				assert_true(off[i] + VEX_ERASED_WINDOW <= len && (!i || off[i] > off[i - 1]));
				assert_int_equal((off[i] + skip) / 4096, (off[i] + skip + VEX_ERASED_WINDOW - 1) / 4096);
			}
		}
	}
}

static void expect_load(const char *text, size_t len, int want, unsigned long where)
{
	struct vex_erased e;
	unsigned long line;
	int err = load(text, len, &e, &line);

	if (err != want || (want == -EINVAL && line != where))
		fail_msg("'%s': error %d in line %lu, expected %d in line %lu", text, err, line, want, where);
	vex_erased_free(&e);
}

static void test_lists(void **state)
{
#define HEX "00112233445566778899aAbBcCdDeEfF"
#define LOAD(text, want, line) expect_load(text, sizeof(text) - 1, want, line)
	LOAD(VEX_ERASED_HEAD "\n" HEX " a label\n", 0, 0);
	LOAD(VEX_ERASED_HEAD "\n" HEX, 0, 0);
	LOAD(VEX_ERASED_HEAD "\n\n# remark\n" HEX " twice\n" HEX " twice\n", 0, 0);
	LOAD(VEX_ERASED_HEAD "\n", -ENODATA, 0);
	LOAD("# another file\n" HEX "\n", -EINVAL, 1);
	LOAD(HEX " no head\n", -EINVAL, 1);
	LOAD(VEX_ERASED_HEAD "\n" HEX "0 too long\n", -EINVAL, 2);
	LOAD(VEX_ERASED_HEAD "\n\n0123\n", -EINVAL, 3);
	LOAD(VEX_ERASED_HEAD "\n" "g0112233445566778899aabbccddeeff\n", -EINVAL, 2);
	LOAD(VEX_ERASED_HEAD "\n" HEX " a\0b\n", -EINVAL, 2);
}

static void note_place(void *ctx, size_t off, struct vex_erased_mark *mark)
{
	*(size_t *)ctx = off;
	mark->found++;
}

static void test_any_alignment(void **state)
{
	u8 area[2048], v[VECTOR];
	struct vex_erased e;
	char path[64];
	FILE *f = new_list(path);
	unsigned long line;
	size_t at, i, last;

	random_vector(v, 1);
	put_windows(f, v, sizeof(v), 0, "v");
	rewind(f);
	assert_int_equal(vex_erased_load(&e, f, &line), 0);
	fclose(f);
	unlink(path);
	assert_int_equal(e.n, VEX_ERASED_PARTS);
	for (at = 0; at < 70; at++) {
		memset(area, 0, sizeof(area));
		memcpy(area + at, v, sizeof(v));
		vex_erased_search(&e, area, sizeof(area), note_place, &last);
		for (i = 0; i < e.n; i++)
			assert_int_equal(e.mark[i].found, at + 1);
		assert_int_equal(last, at + VECTOR / 4 * 3);
	}
	area[at - 1] ^= 1;	/* one bit of the first window */
	vex_erased_search(&e, area, sizeof(area), note_place, &last);
	for (at = i = 0; i < e.n; i++)
		at += e.mark[i].found;
	assert_int_equal(at, 70 * 4 + 3);
	vex_erased_free(&e);
}

/* ---- fsck.vexfs --erased ------------------------------------------------------------ */

static void expect(const char *image, const char *list, const char *opt, int code, const char *text)
{
	char *argv[] = { "fsck.vexfs", "--erased", (char *)list, (char *)image, (char *)opt, NULL }, *out;
	int ret = run_captured(fsck_main, argv, &out);

	if (ret != code || !strstr(out, text))
		fail_msg("expected exit code %d and '%s', got %d and:\n%s", code, text, ret, out);
	free(out);
}

static void expect_place(const char *image, const char *list, u64 at, const char *area)
{
	char text[128];

	snprintf(text, sizeof(text), "FOUND: byte %llu (block %llu%s): gone at 0\n", (unsigned long long)at,
		 (unsigned long long)at >> VEXFS_BLOCK_SHIFT, area);
	expect(image, list, NULL, FSCK_FOUND, text);
}

static void write_at(const char *image, u64 at, const void *data, size_t len)
{
	FILE *f = fopen(image, "r+");

	assert_non_null(f);
	assert_int_equal(fseeko(f, (off_t)at, SEEK_SET), 0);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

/* A vector that was deleted, in each place that nothing else looks at. */
static void test_places(void **state)
{
	static const u8 zeros[VECTOR];
	struct fixture x;
	u8 v[VECTOR], other[VECTOR];
	char list[64];
	FILE *f = new_list(list);
	u64 end = (u64)FIXTURE_BLOCKS << VEXFS_BLOCK_SHIFT, journal;
	size_t i;

	random_vector(v, 2);
	random_vector(other, 3);
	put_windows(f, v, VECTOR, 0, "gone");
	fclose(f);
	fixture_make(&x);
	journal = (x.ib.img.geo.journal_start + 3) << VEXFS_BLOCK_SHIFT;
	ib_close(&x.ib);
	write_at(x.ib.path, end - 8192, other, VECTOR);
	expect(x.ib.path, list, NULL, FSCK_CLEAN, "none of 4 fingerprints found in 32 MiB");
	const struct { u64 at; const char *area; } places[] = {
		{ end - 4096, "" }, { end - VECTOR, "" }, { end - 12345, "" }, { (30 << 20) - 17, "" },
		{ journal + 16, ", journal" }, { 0, "" },
	};

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		write_at(x.ib.path, places[i].at, v, VECTOR);
		expect_place(x.ib.path, list, places[i].at, places[i].area);
		write_at(x.ib.path, places[i].at, zeros, VECTOR);
		expect(x.ib.path, list, NULL, FSCK_CLEAN, "none of 4");
	}
	/* Past the filesystem, in a last piece that is not a block. */
	write_at(x.ib.path, end + 100, v, VECTOR);
	expect_place(x.ib.path, list, end + 100, ", past the filesystem");
	expect(x.ib.path, list, NULL, FSCK_FOUND, ": 4 of 4 fingerprints FOUND, at 4 places in");
	ib_remove(&x.ib);
	unlink(list);
}

/* Write bytes of a hidden file, or zeros. */
static void write_region(struct fixture *x, __le64 ino, u64 at, const void *data, u32 len)
{
	struct vexfs_blk b;
	const u8 *from = data;
	u32 n;

	ib_open(&x->ib);
	for (; len; len -= n, at += n) {
		n = VEXFS_BLOCK_SIZE - at % VEXFS_BLOCK_SIZE;
		n = n < len ? n : len;
		ib_pin(&x->ib, ib_map(&x->ib, le64_to_cpu(ino), at >> VEXFS_BLOCK_SHIFT), &b);
		if (from)
			memcpy((u8 *)b.data + at % VEXFS_BLOCK_SIZE, from, n);
		else
			memset((u8 *)b.data + at % VEXFS_BLOCK_SIZE, 0, n);
		from = from ? from + n : NULL;
		ib_change(&x->ib, &b, false);
	}
	ib_close(&x->ib);
}

/* An embedding as it is stored, payload in two blocks and code; then its bytes are overwritten. */
static void test_stored(void **state)
{
	struct vexfs_space s = { .dim = 1200, .elem = VEXFS_F32, .metric = VEXFS_COSINE };
	struct vexfs_code *code = calloc(1, vexfs_code_bytes(&s));
	static u32 bits[1200], i;
	static float v[1200];
	struct vexfs_collection c;
	unsigned int seed = 6;
	struct fixture x;
	char list[64];
	FILE *f = new_list(list);

	assert_non_null(code);
	for (i = 0; i < s.dim; i++)	/* unlike those of the fixture, which are parts of each other */
		v[i] = (float)rand_r(&seed) / (float)RAND_MAX - 0.5f;
	vexfs_vec_to_f32(&s, v, bits);
	vexfs_code_encode(&s, bits, 123, code);
	put_windows(f, v, sizeof(v), 0, "vector");
	put_windows(f, code + 1, s.dim, sizeof(*code), "code");
	fclose(f);
	fixture_make(&x);
	c = ib_get_coll(&x.ib, 9);
	ib_close(&x.ib);
	expect(x.ib.path, list, NULL, FSCK_CLEAN, "none of 8");
	write_region(&x, c.c_payload_ino, 5 * 8192, v, sizeof(v));		/* of slot 5 */
	write_region(&x, c.c_code_ino, 4096 + 2 * 1216, code, vexfs_code_bytes(&s));
	expect(x.ib.path, list, NULL, FSCK_FOUND, ": 8 of 8 fingerprints FOUND, at 8 places");
	write_region(&x, c.c_payload_ino, 5 * 8192, NULL, sizeof(v));
	expect(x.ib.path, list, NULL, FSCK_FOUND, ": 4 of 8 fingerprints FOUND, at 4 places");
	write_region(&x, c.c_code_ino, 4096 + 2 * 1216, NULL, vexfs_code_bytes(&s));
	expect(x.ib.path, list, NULL, FSCK_CLEAN, "none of 8");
	free(code);
	ib_remove(&x.ib);
	unlink(list);
}

static void test_unreadable(void **state)
{
	struct fixture x;
	u8 v[VECTOR];
	char list[64];
	FILE *f = new_list(list);
	u64 block = FIXTURE_BLOCKS - 100;

	random_vector(v, 4);
	put_windows(f, v, VECTOR, 0, "gone");
	fclose(f);
	fixture_make(&x);
	ib_close(&x.ib);
	unreadable = block;
	expect(x.ib.path, list, NULL, FSCK_FAILED, "1 blocks cannot be read and were not searched");
	write_at(x.ib.path, (block - 1) << VEXFS_BLOCK_SHIFT, v, VECTOR);
	expect(x.ib.path, list, NULL, FSCK_FOUND | FSCK_FAILED, "4 of 4 fingerprints FOUND, at 4 places");
	unreadable = 0;
	ib_remove(&x.ib);
	unlink(list);
}

/* What a list and a device may be. */
static void test_bad_use(void **state)
{
	char image[80], list[64], label[] = "evil \x1b[31m";
	FILE *f = new_list(list);
	u8 v[VECTOR];

	snprintf(image, sizeof(image), "%s.img", list);
	random_vector(v, 5);
	put_windows(f, v, VECTOR, 0, label);
	fclose(f);
	fclose(fopen(image, "w"));
	expect(image, list, NULL, FSCK_CLEAN, "none of 4");
	write_at(image, 5, v, VECTOR);		/* not a filesystem */
	expect(image, list, NULL, FSCK_FOUND, "FOUND: byte 5 (block 0): evil ?[31m at 0\n");
	expect(image, image, NULL, FSCK_FAILED, "not a list of fingerprints");
	expect(image, "/nonexistent", NULL, FSCK_FAILED, "No such file");
	expect("/nonexistent", list, NULL, FSCK_FAILED, "No such file");
	expect(image, list, "-y", FSCK_USAGE, "--erased only searches");
	expect(image, list, "-b1", FSCK_USAGE, "--erased only searches");
	unlink(image);
	unlink(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_any_alignment),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_stored),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_bad_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
