// SPDX-License-Identifier: GPL-2.0
/*
 * dump.vexfs shows what is there, and its --poke makes damage that fsck finds.
 * Runs the built programs: $VEXFS_BIN, or build/bin below the working directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "tests/unit/fsck_damage.h"

static struct fixture x;

static int setup(void **state)
{
	fixture_make(&x);
	ib_close(&x.ib);
	return 0;
}

static int teardown(void **state)
{
	ib_remove(&x.ib);
	return 0;
}

static char *output(const char *tool, const char *args, int *code)
{
	const char *bin = getenv("VEXFS_BIN");
	char cmd[800], *text = calloc(1, 1 << 20);
	int status;
	size_t n;
	FILE *p;

	assert_non_null(text);
	snprintf(cmd, sizeof(cmd), "%s/%s %s %s 2>&1", bin ? bin : "build/bin", tool, args,
		 x.ib.path);
	p = popen(cmd, "r");
	assert_non_null(p);
	n = fread(text, 1, (1 << 20) - 1, p);
	assert_true(n < (1 << 20) - 1);
	status = pclose(p);
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	return text;
}

static void expect(const char *tool, const char *args, int code, const char *want)
{
	int got;
	char *text = output(tool, args, &got);

	if (got != code || !strstr(text, want))
		fail_msg("%s %s: expected exit code %d and '%s', got %d and:\n%s", tool, args, code,
			 want, got, text);
	free(text);
}

static void test_super(void **state)
{
	expect("dump.vexfs", "", 0, "label            test");
	expect("dump.vexfs", "-S", 0, "directories      4");
	expect("dump.vexfs", "-g 0", 0, "table written");
	expect("dump.vexfs", "-j", 0, "empty");
}

static void test_inodes(void **state)
{
	char args[64];

	snprintf(args, sizeof(args), "-d %llu", (unsigned long long)x.dir);
	expect("dump.vexfs", args, 0, "'fragmented'");
	snprintf(args, sizeof(args), "-i %llu", (unsigned long long)x.many);
	expect("dump.vexfs", args, 0, "more names   block ");
	expect("dump.vexfs", args, 0, "link count   11");
	snprintf(args, sizeof(args), "-i %llu", (unsigned long long)x.symlink);
	expect("dump.vexfs", args, 0, "target       'file'");
	snprintf(args, sizeof(args), "-e %llu", (unsigned long long)x.unwritten);
	expect("dump.vexfs", args, 0, "3 blocks  unwritten");
	snprintf(args, sizeof(args), "-e %llu", (unsigned long long)x.frag);
	expect("dump.vexfs", args, 0, "level 0    block");
}

/* Blocks with a hole of one between: what each begins with is where it belongs, and the rest is zeros. */
static void test_extract(void **state)
{
	static u8 want[9 << VEXFS_BLOCK_SHIFT];
	u8 *got;
	char args[64];
	int code, i;
	struct vexfs_inode di;
	u64 ino;

	memset(want, 0, sizeof(want));
	ib_open(&x.ib);
	ino = ib_file(&x.ib, x.dir, "content", 5, 1);
	for (i = 0; i < 5; i++) {
		struct vexfs_blk b;
		u8 *p = ib_pin(&x.ib, ib_map(&x.ib, ino, 2 * i), &b);

		memset(p, 0, VEXFS_BLOCK_SIZE);
		memset(p, 'a' + i, 100);
		memset(want + (2 * i << VEXFS_BLOCK_SHIFT), 'a' + i, 100);
		ib_change(&x.ib, &b, false);
	}
	di = ib_get_inode(&x.ib, ino);
	di.i_size = cpu_to_le64(sizeof(want) - 1000);
	ib_put_inode(&x.ib, ino, &di);
	ib_close(&x.ib);
	snprintf(args, sizeof(args), "--extract %llu", (unsigned long long)ino);
	got = (u8 *)output("dump.vexfs", args, &code);
	assert_int_equal(code, 0);
	assert_memory_equal(got, want, sizeof(want) - 1000);
	assert_int_equal(got[sizeof(want) - 1000], 0);
	free(got);
	snprintf(args, sizeof(args), "-x %llu", (unsigned long long)x.dir);
	expect("dump.vexfs", args, 1, "a directory, not a file");
}

static void test_collections(void **state)
{
	expect("dump.vexfs", "-c", 0, "collection 9: 'pages', live");
	expect("dump.vexfs", "-s 0", 0, "chunk 19 stamp 119");
	expect("dump.vexfs", "-s 9", 0, "1200 x f32, cosine");
}

static void test_refusals(void **state)
{
	expect("dump.vexfs", "-i 0", 1, "there is no inode 0");
	expect("dump.vexfs", "-i 99999999", 1, "there is no inode");
	expect("dump.vexfs", "-i 2000", 1, "inode is free");
	expect("dump.vexfs", "-d 16", 1, "not a directory");
	expect("dump.vexfs", "-e 2", 1, "a directory has no extents");
	expect("dump.vexfs", "-g 1", 1, "there is no group 1");
	expect("dump.vexfs", "-b 8192", 1, "there is no block 8192");
	expect("dump.vexfs", "-s 3", 1, "there is no collection 3");
	expect("dump.vexfs", "-i x", 2, "is not a number");
	expect("dump.vexfs", "-i -4", 2, "is not a number");
	expect("dump.vexfs", "--seal", 2, "--seal goes with --poke");
	expect("dump.vexfs", "--nonsense", 2, "try: dump.vexfs --help");
	expect("dump.vexfs", "--poke 1:4095=0102", 2, "within one block");
	expect("dump.vexfs", "--poke 1:0=abc", 2, "within one block");
	expect("dump.vexfs", "--poke 1:0=", 2, "within one block");
	expect("dump.vexfs", "--poke 9000:0=00", 1, "block 9000");
	expect("dump.vexfs", "--poke 1:4294967295=0102", 2, "within one block");
	expect("dump.vexfs", "--ls /dir/none", 1, "no 'none' in inode");
	expect("dump.vexfs", "--ls /dir/file/x", 1, "no 'x' in inode");
	expect("dump.vexfs", "--cat /dir", 1, "a directory, not a file");
	expect("dump.vexfs", "--json -x 11", 2, "--json does not go with -x");
	expect("dump.vexfs", "--edit inode:11:i_none=1", 2, "unknown field");
	expect("dump.vexfs", "--edit inode:11:i_uid=0x100000000", 2, "not a number that fits the field");
	expect("dump.vexfs", "--edit inode:i_uid=0", 2, "give OBJECT:FIELD=VALUE");
	expect("dump.vexfs", "--edit file:11:i_uid=0", 2, "the object is super, group:N");
	expect("dump.vexfs", "--edit inode:99999:i_uid=0", 1, "object not found");
	expect("dump.vexfs", "--edit slot:3:0:v_flags=0", 1, "object not found");
	expect("fsck.vexfs", "-n", 0, ": clean");
}

static void test_poke(void **state)
{
	char args[128];
	u32 block = 5 + (x.linked - 1) / 8, off = (x.linked - 1) % 8 * 512;

	/* i_nlink lies at byte 32 of an inode. */
	snprintf(args, sizeof(args), "--poke %u:%u=07 --seal", block, off + 32);
	expect("dump.vexfs", args, 0, "");
	expect("fsck.vexfs", "-n", 4, "has link count 7, should be 2");
	snprintf(args, sizeof(args), "--poke %u:%u=02 --seal", block, off + 32);
	expect("dump.vexfs", args, 0, "");
	expect("fsck.vexfs", "-n", 0, ": clean");
	snprintf(args, sizeof(args), "--poke %u:%u=03", block, off + 32);
	expect("dump.vexfs", args, 0, "");
	expect("fsck.vexfs", "-n", 4, "wrong inode checksum");
	expect("dump.vexfs", "--poke 1:1000=ff --seal", 0, "");
	expect("dump.vexfs", "-b 1", 0, "(right)");
	expect("dump.vexfs", "--poke 1:1000=fe", 0, "");
	expect("dump.vexfs", "-b 1", 0, "(WRONG)");
	expect("dump.vexfs", "--poke 8000:0=01 --seal", 1, "nothing with a checksum");
	expect("dump.vexfs", "--poke 0:1100=ff", 0, "");
	expect("dump.vexfs", "-i 2", 1, "only --super and --block work");
	expect("dump.vexfs", "-b 0", 0, "VEXF");
	expect("dump.vexfs", "", 1, "wrong superblock checksum");
}

static void test_paths(void **state)
{
	struct vexfs_blk b;

	expect("dump.vexfs", "--ls /", 0, "'big'");
	expect("dump.vexfs", "--ls dir//sub/../sub/.", 0, "'m7'");
	expect("dump.vexfs", "--ls /dir/short", 0, "120777");
	ib_open(&x.ib);
	memcpy(ib_pin(&x.ib, ib_map(&x.ib, x.linked, 0), &b), "by its path", 11);
	ib_change(&x.ib, &b, false);
	ib_close(&x.ib);
	expect("dump.vexfs", "--cat /dir/sub/b", 0, "by its path");
}

/* Element @i of an array of objects: a number of it. */
static s64 number(struct json_object *array, int i, const char *name)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(json_object_array_get_idx(array, i), name, &v));
	return json_object_get_int64(v);
}

static void test_json(void **state)
{
	struct json_object *all, *list, *text;
	char args[128];
	int code;
	char *out;

	snprintf(args, sizeof(args), "--json -S -i %llu -e %llu -d %llu -c -s 9 -g 0", (unsigned long long)x.many,
		 (unsigned long long)x.unwritten, (unsigned long long)x.dir);
	out = output("dump.vexfs", args, &code);
	assert_int_equal(code, 0);
	all = json_tokener_parse(out);
	assert_non_null(all);
	assert_int_equal(json_object_array_length(all), 7);
	assert_int_equal(number(all, 0, "s_blocks"), FIXTURE_BLOCKS);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(all, 0), "s_label", &text));
	assert_string_equal(json_object_get_string(text), "test");
	assert_int_equal(number(all, 1, "i_nlink"), 11);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(all, 2), "extents", &list));
	assert_int_equal(json_object_array_length(list), 2);
	assert_int_equal(number(list, 1, "logical"), 10);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(all, 3), "entries", &list));
	assert_int_equal(json_object_array_length(list), 8);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(all, 4), "collections", &list));
	assert_int_equal(number(list, 1, "c_dim"), 1200);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(all, 5), "slots", &list));
	assert_int_equal(json_object_array_length(list), 70);
	assert_int_equal(number(list, 69, "slot"), 69);
	assert_int_equal(number(all, 6, "gd_used_dirs"), 4);
	json_object_put(all);
	free(out);
}

/* A field by its name, with a right checksum: fsck finds what it means. */
static void test_edit(void **state)
{
	static const struct {
		const char *edit, *found;
	} cases[] = {
		{ "group:0:gd_used_dirs=9", "descriptor says 9 directories, there are 4" },
		{ "slot:9:33:v_flags=1", "slot with unknown flags" },
		{ "collection:0:c_name=pages", "has the name of collection" },
		{ "super:s_state=1", "was cut short" },
	};
	char args[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(args, sizeof(args), "--edit %s", cases[i].edit);
		expect("dump.vexfs", args, 0, "warning");
		expect("fsck.vexfs", "-n", 4, cases[i].found);
	}
	snprintf(args, sizeof(args), "--edit inode:%llu:i_nlink=7", (unsigned long long)x.linked);
	expect("dump.vexfs", args, 0, "--edit is for tests");
	expect("fsck.vexfs", "-n", 4, "has link count 7, should be 2");
	expect("fsck.vexfs", "-y", 1, "REPAIRED");
}

/* Whatever is damaged, it ends by itself with an exit code of its own. */
static void test_damaged(void **state)
{
	const struct damage *d;
	int code;
	size_t i;

	for (i = 0; (d = damage_get(i)); i++) {
		ib_remove(&x.ib);
		fixture_make(&x);
		d->make(&x);
		ib_close(&x.ib);
		free(output("dump.vexfs", "-S -g 0 -i 11 -d 2 -d 11 -d 12 -d 13 -e 314 -e 315 -c "
			    "-s 0 -s 9 -o -j -r", &code));
		if (code > 1)
			fail_msg("%s: exit code %d", d->name, code);
		free(output("dump.vexfs", "--json -S -g 0 -i 11 -d 2 -e 314 -c -s 0 -s 9", &code));
		if (code > 1)
			fail_msg("%s: exit code %d with --json", d->name, code);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_super), T(test_inodes), T(test_extract), T(test_collections), T(test_refusals), T(test_poke),
		T(test_damaged), T(test_paths), T(test_json), T(test_edit),
	};

	return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
