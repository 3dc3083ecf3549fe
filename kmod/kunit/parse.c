// SPDX-License-Identifier: GPL-2.0
/* What users spell: mount options, names of collections and of vector attributes. */
#include "kmod/kunit/kunit.h"
#include <kunit/test.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/xattr.h>

/* ---- mount options --------------------------------------------------------------- */

/* @value NULL: a flag, without "=" */
static int parse_option(struct kunit *test, const char *key, const char *value, int *errors)
{
	struct fs_context *fc = kunit_kzalloc(test, sizeof(*fc), GFP_KERNEL);
	struct vexfs_mount_opts opts = { .errors = -1 };
	struct fs_parameter param = {
		.key = key,
		.type = value ? fs_value_is_string : fs_value_is_flag,
		.size = value ? strlen(value) : 0,
	};
	int err;

	KUNIT_ASSERT_NOT_NULL(test, fc);
	if (value) {
		param.string = kunit_kzalloc(test, param.size + 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, param.string);
		memcpy(param.string, value, param.size);
	}
	fc->fs_private = &opts;
	err = vexfs_parse_param(fc, &param);
	*errors = opts.errors;
	return err;
}

static void test_errors_option(struct kunit *test)
{
	static const struct {
		const char *value;
		int want;
	} known[] = {
		{ "remount-ro", VEXFS_ERRORS_REMOUNT_RO },
		{ "continue", VEXFS_ERRORS_CONTINUE },
		{ "shutdown", VEXFS_ERRORS_SHUTDOWN },
	};
	int i, errors;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		KUNIT_EXPECT_EQ(test, parse_option(test, "errors", known[i].value, &errors), 0);
		KUNIT_EXPECT_EQ(test, errors, known[i].want);
	}
}

static void test_bad_options(struct kunit *test)
{
	static const char *const bad[] = { "", "panic", "Continue", "continue ", "remount" };
	int i, errors;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, parse_option(test, "errors", bad[i], &errors), -EINVAL,
				    "errors='%s'", bad[i]);
		KUNIT_EXPECT_EQ(test, errors, -1);
	}
	KUNIT_EXPECT_LT(test, parse_option(test, "errors", NULL, &errors), 0);
	KUNIT_EXPECT_EQ(test, parse_option(test, "error", "continue", &errors), -ENOPARAM);
	KUNIT_EXPECT_EQ(test, parse_option(test, "nosuch", NULL, &errors), -ENOPARAM);
	KUNIT_EXPECT_EQ(test, errors, -1);
}

/* ---- attribute names --------------------------------------------------------------- */

static void test_xattr_good(struct kunit *test)
{
	static const struct {
		const char *name, *coll;
		u32 chunk;
	} good[] = {
		{ "text", "text", 0 },
		{ "text.1", "text", 1 },
		{ "a-b_9.16777215", "a-b_9", VEXFS_MAX_CHUNK },
		{ "text.4095", "text", 4095 },
	};
	char coll[VEXFS_COLL_NAME_LEN + 1];
	u32 chunk;
	int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		chunk = ~0U;
		KUNIT_EXPECT_EQ_MSG(test, vexfs_xattr_parse(good[i].name, coll, &chunk), 0, "%s",
				    good[i].name);
		KUNIT_EXPECT_STREQ(test, coll, good[i].coll);
		KUNIT_EXPECT_EQ(test, chunk, good[i].chunk);
	}
}

static void test_xattr_bad(struct kunit *test)
{
	static const char *const bad[] = {
		"", ".", ".1", "text.", "text.0", "text.01", "text.+1", "text.-1", "text.1x",
		"text.16777216", "text.4294967297", "text.1.2", "te xt", "te/xt", "t\xc3\xa4xt",
		/* one more than a name may have */
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	char coll[VEXFS_COLL_NAME_LEN + 1];
	u32 chunk;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, vexfs_xattr_parse(bad[i], coll, &chunk), -EINVAL, "'%s'",
				    bad[i]);
}

/* What listxattr(2) prints, setxattr(2) understands. */
static void test_xattr_round_trip(struct kunit *test)
{
	static const u32 chunks[] = { 0, 1, 9, 10, 65535, VEXFS_MAX_CHUNK };
	static const char prefix[] = "user.vec.";
	char coll[VEXFS_COLL_NAME_LEN + 1], longest[VEXFS_COLL_NAME_LEN + 1];
	char *name = kunit_kzalloc(test, XATTR_NAME_MAX + 1, GFP_KERNEL);
	u32 chunk;
	int i, len;

	KUNIT_ASSERT_NOT_NULL(test, name);
	memset(longest, 'z', VEXFS_COLL_NAME_LEN);
	longest[VEXFS_COLL_NAME_LEN] = 0;
	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		len = vexfs_xattr_name(name, longest, chunks[i]);
		KUNIT_ASSERT_EQ(test, (size_t)len, strlen(name) + 1);
		KUNIT_ASSERT_EQ(test, strncmp(name, prefix, strlen(prefix)), 0);
		KUNIT_ASSERT_EQ(test, vexfs_xattr_parse(name + strlen(prefix), coll, &chunk), 0);
		KUNIT_EXPECT_STREQ(test, coll, longest);
		KUNIT_EXPECT_EQ(test, chunk, chunks[i]);
	}
}

static struct kunit_case parse_cases[] = {
	KUNIT_CASE(test_errors_option),
	KUNIT_CASE(test_bad_options),
	KUNIT_CASE(test_xattr_good),
	KUNIT_CASE(test_xattr_bad),
	KUNIT_CASE(test_xattr_round_trip),
	{}
};

struct kunit_suite vexfs_kunit_parse = { .name = "vexfs-parse", .test_cases = parse_cases };
kunit_test_suite(vexfs_kunit_parse);
