// SPDX-License-Identifier: GPL-2.0
/* core/xattr: records in an area, against a model; their order; ACLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "core/xattr.h"

#define SIZE	VEXFS_MD_SPACE
#define NAMES	40

static u8 area[SIZE] __attribute__((aligned(8)));

struct model {
	bool	there;
	u32	len;
	u8	value[600];
};

static struct model model[NAMES];

static struct vexfs_xattr_ent ent(u32 i, char *name)
{
	struct vexfs_xattr_ent e = { .kind = 1 + i % 3, .name = name };

	/* Some are the beginning of another. */
	e.name_len = sprintf(name, "%.*s", 1 + (int)i / 3, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	return e;
}

static void check_model(void)
{
	struct vexfs_xattr_ent e, got;
	char name[64];
	u32 i, n = 0, count;

	assert_null(vexfs_xattr_area_verify(area, SIZE, S_IFREG));
	for (i = 0; i < NAMES; i++) {
		e = ent(i, name);
		n += model[i].there;
		assert_int_equal(vexfs_xattr_find(area, SIZE, e.kind, name, e.name_len, &got), model[i].there);
		if (!model[i].there)
			continue;
		assert_int_equal(got.value_len, model[i].len);
		assert_memory_equal(got.value, model[i].value, model[i].len);
	}
	vexfs_xattr_used(area, SIZE, &count);
	assert_int_equal(count, n);
}

/* Puts and removals at random; a put that finds no room leaves everything as it is. */
static void test_model(void **state)
{
	struct vexfs_xattr_ent e;
	char name[64];
	u32 turn, i, used, count, refused = 0;

	srandom(1);
	for (turn = 0; turn < 20000; turn++) {
		i = random() % NAMES;
		e = ent(i, name);
		if (random() % 3 == 0) {
			vexfs_xattr_del(area, SIZE, e.kind, name, e.name_len);
			model[i].there = false;
		} else if (!model[i].there) {
			struct model m = { true, random() % 600, { 0 } };

			memset(m.value, random(), m.len);
			e.value = m.value;
			e.value_len = m.len;
			used = vexfs_xattr_used(area, SIZE, &count);
			if (vexfs_xattr_add(area, SIZE, &e)) {
				model[i] = m;
			} else {
				assert_true(used + vexfs_xattr_rec_size(&e) > SIZE);
				refused++;
			}
		}
		check_model();
	}
	assert_true(refused > 100);
}

/* Any byte changed is found, or leaves something that can be read. */
static void test_bytes(void **state)
{
	__le32 words[2][VEXFS_XATTR_INLINE / 4] = { { 0 } };
	u8 *copy = (u8 *)words[0], *bad = (u8 *)words[1];
	struct vexfs_xattr_ent e = { .kind = 1, .name = "name", .name_len = 4, .value = "value", .value_len = 5 };
	u32 off, v, pos, taken = 0;

	assert_true(vexfs_xattr_add(copy, VEXFS_XATTR_INLINE, &e));
	e.kind = 3;
	e.large = true;
	e.ino = 77;
	assert_true(vexfs_xattr_add(copy, VEXFS_XATTR_INLINE, &e));
	assert_null(vexfs_xattr_area_verify(copy, VEXFS_XATTR_INLINE, S_IFDIR));
	for (off = 0; off < VEXFS_XATTR_INLINE; off++)
		for (v = 0; v < 256; v++) {
			memcpy(bad, copy, VEXFS_XATTR_INLINE);
			bad[off] = v;
			if (vexfs_xattr_area_verify(bad, VEXFS_XATTR_INLINE, S_IFDIR))
				continue;
			taken++;
			for (pos = 0; vexfs_xattr_next(bad, VEXFS_XATTR_INLINE, &pos, &e);)
				assert_in_range(pos, 1, VEXFS_XATTR_INLINE);
		}
	assert_in_range(taken, 1000, 10000);
}

static void test_edges(void **state)
{
	__le32 words[VEXFS_XATTR_INLINE / 4] = { 0 };
	u8 *small = (u8 *)words, value[200] = { 0 };
	struct vexfs_xattr_ent e = { .kind = 1, .name = "n", .name_len = 1, .value = value, .value_len = 103 };

	assert_true(vexfs_xattr_add(small, VEXFS_XATTR_INLINE, &e));	/* to the last byte */
	assert_null(vexfs_xattr_area_verify(small, VEXFS_XATTR_INLINE, S_IFREG));
	e.name = "o";
	e.value_len = 0;
	assert_false(vexfs_xattr_add(small, VEXFS_XATTR_INLINE, &e));
	vexfs_xattr_del(small, VEXFS_XATTR_INLINE, 1, "n", 1);
	assert_true(vexfs_all_zero(small, VEXFS_XATTR_INLINE));
	e.value_len = 104;
	assert_false(vexfs_xattr_add(small, VEXFS_XATTR_INLINE, &e));
	e.value_len = 0xfffffff0U;
	assert_false(vexfs_xattr_add(small, VEXFS_XATTR_INLINE, &e));
	assert_int_equal(vexfs_xattr_value_blocks(1), 1);
	assert_int_equal(vexfs_xattr_value_blocks(4032), 1);
	assert_int_equal(vexfs_xattr_value_blocks(4033), 2);
	assert_int_equal(vexfs_xattr_value_blocks(65536), VEXFS_XATTR_VALUE_BLOCKS);
	assert_int_equal(vexfs_xattr_value_bytes(16, 65536), 65536 - 16 * 4032);
}

/* ---- ACLs ---------------------------------------------------------------------- */

#define NONE	0xffffffffU
static u8 acl[100];

/* Tag, permission, id ... 0 */
static u32 make_acl(const u32 *e)
{
	u32 n = 4;

	memcpy(acl, (u8[]){ 2, 0, 0, 0 }, 4);
	for (; *e; e += 3, n += 8)
		memcpy(acl + n, (u8[]){ e[0], e[0] >> 8, e[1], e[1] >> 8, e[2], e[2] >> 8, e[2] >> 16,
					e[2] >> 24 }, 8);
	return n;
}
#define ACL(...) make_acl((const u32[]){ __VA_ARGS__, 0 })

static void test_acl(void **state)
{
	u32 n = ACL(1, 7, NONE, 4, 5, NONE, 32, 0, NONE);

	assert_null(vexfs_acl_verify(acl, n));
	assert_non_null(vexfs_acl_verify(acl, n - 1));
	assert_non_null(vexfs_acl_verify(acl, 3));
	assert_non_null(vexfs_acl_verify(acl, 4));
	acl[0] = 1;
	assert_string_equal(vexfs_acl_verify(acl, n), "ACL of an unknown version");
	n = ACL(1, 7, NONE, 2, 6, 5, 2, 6, 3, 4, 5, NONE, 8, 1, 0, 16, 7, NONE, 32, 0, NONE);
	assert_null(vexfs_acl_verify(acl, n));
	n = ACL(1, 7, NONE, 2, 6, 5, 4, 5, NONE, 32, 0, NONE);
	assert_string_equal(vexfs_acl_verify(acl, n), "ACL lacks an entry");
	n = ACL(1, 8, NONE, 4, 5, NONE, 32, 0, NONE);
	assert_string_equal(vexfs_acl_verify(acl, n), "impossible ACL entry");
	n = ACL(1, 7, NONE, 4, 5, NONE, 3, 5, NONE, 32, 0, NONE);
	assert_string_equal(vexfs_acl_verify(acl, n), "impossible ACL entry");
	n = ACL(1, 7, 0, 4, 5, NONE, 32, 0, NONE);
	assert_non_null(vexfs_acl_verify(acl, n));
	n = ACL(1, 7, NONE, 2, 5, NONE, 4, 5, NONE, 16, 7, NONE, 32, 0, NONE);
	assert_non_null(vexfs_acl_verify(acl, n));
	n = ACL(4, 5, NONE, 1, 7, NONE, 32, 0, NONE);
	assert_string_equal(vexfs_acl_verify(acl, n), "ACL entries are not in order");
	n = ACL(1, 7, NONE, 1, 7, NONE, 4, 5, NONE, 32, 0, NONE);
	assert_string_equal(vexfs_acl_verify(acl, n), "ACL entries are not in order");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model), cmocka_unit_test(test_bytes), cmocka_unit_test(test_edges),
		cmocka_unit_test(test_acl),
	};

	return cmocka_run_group_tests_name("xattr", tests, NULL, NULL);
}
