// SPDX-License-Identifier: GPL-2.0
/* vexctl search as people type it: no options, grep's output, exact words first, honest exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/vexctl_run.h"
#include "tools/vexctl/search.h"

static void write_notes(void)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/sub", fake.root);
	assert_int_equal(mkdir(path, 0755), 0);
	write_text("tyre", "Bicycle notes\n\nHow to fix a flat tyre:\ntake the wheel off first\nthen glue\n");
	write_text("bread", "Knead the dough, let it rise,\nbake it in a hot oven\n");
	write_text("code.c", "int vex_open_file(void)\n{\n\treturn ENOENT;\n}\n");
	write_text("other.c", "int vex_close_file(void)\n{\n\treturn vex_open(file);\n}\n");
	write_text("sub/sea", "The lighthouse keeper polished the lens above the stormy sea\n");
	write_text("evil", "the purple\x1b[31m octopus\xe2\x80\xae plays\xe2\x80\x8b chess\n");
	run("collection", "create", "%", "notes", "--dim", "384", NULL);
	assert_int_equal(run("embed", "-c", "notes", "%", NULL), 0);
}

static void enter(void)
{
	assert_int_equal(chdir(fake.root), 0);
}

static void test_no_option(void **state)
{
	write_notes();
	enter();
	assert_int_equal(run("search", "flat tyre", NULL), 0);
	assert_string_equal(r.out, "tyre:3: How to fix a flat tyre: take the wheel off first then glue\n");
	assert_string_equal(r.err, "");
	/* with the directory before or after the text */
	assert_int_equal(run("search", "sub", "stormy sea", NULL), 0);
	assert_says(r.out, "sub/sea:1: The lighthouse keeper polished");
	assert_int_equal(run("search", "stormy sea", "sub/", NULL), 0);
	assert_says(r.out, "sub/sea:1: The lighthouse");
	assert_int_equal(run("search", "how", "to", "fix", NULL), 2);
	assert_says(r.err, "quotes");
	assert_int_equal(run("search", "how", "to", NULL), 2);
	assert_says(r.err, "quotes");
	/* nothing is like that */
	assert_int_equal(run("search", "quantum chromodynamics", NULL), 3);
	assert_string_equal(r.out, "");
	assert_says(r.err, "nothing found");
	assert_int_equal(run("search", "--json", "quantum chromodynamics", NULL), 3);
	assert_string_equal(r.out, "");
	assert_int_equal(run("search", "--weak", "quantum chromodynamics", NULL), 0);
	assert_says(r.out, "(weak)");
	assert_null(strstr(r.out, "-0."));
}

static void test_which_collection(void **state)
{
	write_notes();
	enter();
	/* one that no text can be searched in does not count */
	run("collection", "create", "%", "vectors", "--dim", "4", NULL);
	assert_int_equal(run("search", "flat tyre", NULL), 0);
	run("collection", "create", "%", "more", "--dim", "64", NULL);
	assert_int_equal(run("embed", "-c", "more", "%", NULL), 0);
	assert_int_equal(run("search", "flat tyre", NULL), 1);
	assert_says(r.err, "several collections fit: notes, more");
	assert_int_equal(run("search", "-c", "notes", "flat tyre", NULL), 0);
	run("collection", "create", "%", "default", "--dim", "384", NULL);
	assert_int_equal(run("embed", "-c", "default", "%", NULL), 0);
	assert_int_equal(run("search", "--json", "flat tyre", NULL), 0);
	assert_says(r.out, "\"collection\": \"default\"");
	assert_int_equal(run("search", "-c", "nots", "flat tyre", NULL), 1);
	assert_says(r.err, "there: notes, vectors, more, default");
}

static void test_output(void **state)
{
	write_notes();
	enter();
	assert_int_equal(run("search", "-l", "tyre", NULL), 0);
	assert_string_equal(r.out, "tyre\n");
	assert_int_equal(run("search", "-l0", "tyre", NULL), 0);
	assert_memory_equal(r.out, "tyre\0\0", 6);
	assert_int_equal(run("search", "-L", "tyre", NULL), 0);
	assert_says(r.out, "bread\n");
	assert_null(strstr(r.out, "tyre"));
	assert_int_equal(run("search", "-n", "-C1", "flat tyre", NULL), 0);
	assert_string_equal(r.out, "tyre-2- \ntyre:3: How to fix a flat tyre:\n"
				   "tyre-4- take the wheel off first\n");
	assert_int_equal(run("search", "--max-width", "10", "flat tyre", NULL), 0);
	assert_string_equal(r.out, "tyre:3: How to fix\n");
	assert_int_equal(run("search", "-k1", "--json", "flat tyre", NULL), 0);
	assert_says(r.out, "\"rank\": 1, \"score\": 0.");
	assert_says(r.out, "\"path\": \"tyre\", \"line\": 3, \"range\": ");
	assert_says(r.out, "\"stale\": false");
	assert_says(r.out, "\"embedder\": \"lexical 2\"");
	assert_ptr_equal(strchr(r.out, '\n'), r.out + strlen(r.out) - 1);
	assert_int_equal(run("search", "--min-score", "0.99", "flat tyre", NULL), 3);
	assert_int_equal(run("search", "--min-score", "2", "flat tyre", NULL), 2);
	assert_int_equal(run("search", "-l", "--json", "flat tyre", NULL), 2);
}

/* Nothing that drives, reorders or hides reaches the terminal. */
static void test_escapes(void **state)
{
	write_notes();
	write_text("n\xe2\x80\xaegpj.exe\n2", "a zebra crossing\n");
	enter();
	assert_int_equal(run("embed", "-c", "notes", "%", NULL), 0);
	assert_int_equal(run("search", "purple octopus", NULL), 0);
	assert_says(r.out, "evil:1: the purple\\x1b[31m octopus\\xe2\\x80\\xae plays\\xe2\\x80\\x8b chess");
	assert_int_equal(run("search", "zebra crossing", NULL), 0);
	assert_string_equal(r.out, "n\\xe2\\x80\\xaegpj.exe\\x0a2:1: a zebra crossing\n");
	assert_int_equal(run("search", "-l", "-0", "zebra crossing", NULL), 0);
	assert_string_equal(r.out, "n\xe2\x80\xaegpj.exe\n2");
}

static void test_exact_words(void **state)
{
	char name[32], text[200];
	int i;

	write_notes();
	enter();
	for (i = 0; i < 40; i++) {
		sprintf(name, "x%d.c", i);
		sprintf(text, "int vex_%d_open(struct file *file, int open, int vex)\n", i);
		write_text(name, text);
	}
	assert_int_equal(run("embed", "-c", "notes", "--refit", "%", NULL), 0);
	assert_int_equal(run("search", "-k", "1", "vex_open_file", NULL), 0);
	assert_says(r.out, "code.c:1: ");
	assert_int_equal(run("search", "-k", "1", "where is ENOENT returned?", NULL), 0);
	assert_says(r.out, "code.c:");
	assert_int_equal(run("search", "-k", "1", "\"vex_open(file)\"", NULL), 0);
	assert_says(r.out, "other.c:");
}

static void test_stale(void **state)
{
	write_notes();
	enter();
	touch("tyre", 1000);
	assert_int_equal(run("search", "flat tyre", NULL), 4);
	assert_says(r.out, "tyre:3: (stale) How to");
	assert_says(r.err, "0 files here are not indexed and 1 have changed since: run 'vexctl index .'");
	assert_int_equal(run("search", "--json", "flat tyre", NULL), 4);
	assert_says(r.out, "\"stale\": true");
	assert_int_equal(run("search", "--fresh", "--weak", "bake bread in an oven", NULL), 0);
}

/* Composed or not, in any case: the same word. */
static void test_other_code_points(void **state)
{
	write_notes();
	write_text("nfd", "the cafe\xcc\x81 of \xc4\x91\xe1\xba\xa5t n\xc6\xb0\xe1\xbb\x9b" "c\n");
	enter();
	assert_int_equal(run("embed", "-c", "notes", "%", NULL), 0);
	assert_int_equal(run("search", "caf\xc3\xa9", NULL), 0);
	assert_says(r.out, "nfd:1:");
	assert_int_equal(run("search", "\xc4\x90\xe1\xba\xa4T N\xc6\xaf\xe1\xbb\x9a" "C", NULL), 0);
	assert_says(r.out, "nfd:1:");
	assert_int_equal(run("search", "\xf0\x9f\x9a\x80", NULL), 3);
}

static void test_like(void **state)
{
	write_notes();
	write_text("tyres", "A flat tyre and how to fix the wheel\n");
	enter();
	assert_int_equal(run("embed", "-c", "notes", "%", NULL), 0);
	assert_int_equal(run("search", "--like", "tyres", NULL), 0);
	assert_int_equal(strncmp(r.out, "tyre:", 5), 0);
	assert_null(strstr(r.out, "tyres:"));
	assert_int_equal(run("search", "--like", "none", NULL), 1);
	assert_says(r.err, "none");
	assert_int_equal(run("search", "--like", "sub", NULL), 1);
	assert_int_equal(run("search", "--like", "tyres", "--vector", "x", NULL), 2);
}

/* One file of many passages, and one of one. */
static void write_lighthouses(void)
{
	char text[4000];
	int i, at = 0;

	for (i = 0; i < 60; i++)
		at += sprintf(text + at, "the lighthouse number %d stands above the sea\n", i);
	write_text("long", text);
	write_text("short", "another lighthouse\n");
}

static void test_per_file(void **state)
{
	write_lighthouses();
	run("collection", "create", "%", "notes", "--dim", "384", NULL);
	assert_int_equal(run("embed", "-c", "notes", "--chunk-size", "400", "%", NULL), 0);
	enter();
	assert_int_equal(run("search", "-k", "4", "lighthouse sea", NULL), 0);
	assert_says(strchr(strstr(r.out, "long:"), '\n'), "long:");
	assert_int_equal(run("search", "--per-file", "lighthouse sea", NULL), 0);
	assert_null(strstr(strstr(r.out, "long:") + 1, "long:"));
	assert_says(r.out, "short:1: another");
}

static void set_times(const char *name, time_t sec)
{
	char path[PATH_MAX + 64];
	struct timespec t[2] = { { .tv_sec = sec }, { .tv_sec = sec } };

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void test_filters(void **state)
{
	char uid[16];

	write_lighthouses();
	set_times("short", 1000000000);		/* 2001-09-09 */
	run("collection", "create", "%", "notes", "--dim", "384", NULL);
	assert_int_equal(run("embed", "-c", "notes", "%", NULL), 0);
	enter();
	assert_int_equal(run("search", "-l", "--newer", "1d", "lighthouse", NULL), 0);
	assert_string_equal(r.out, "long\n");
	assert_int_equal(run("search", "-l", "--older", "1d", "lighthouse", NULL), 0);
	assert_string_equal(r.out, "short\n");
	assert_int_equal(run("search", "-l", "--older", "2001-09-12", "--newer", "2001-09-06 12:00", "lighthouse", NULL), 0);
	assert_string_equal(r.out, "short\n");
	assert_int_equal(run("search", "-l", "--newer", "@1000000000", "lighthouse", NULL), 0);
	assert_string_equal(r.out, "long\n");
	assert_int_equal(run("search", "-l", "--newer", "@999999999", "lighthouse", NULL), 0);
	assert_says(r.out, "short\n");
	assert_int_equal(run("search", "-l", "--newer", "short", "lighthouse", NULL), 0);
	assert_string_equal(r.out, "long\n");
	assert_int_equal(run("search", "-l", "--larger", "1K", "lighthouse", NULL), 0);
	assert_string_equal(r.out, "long\n");
	assert_int_equal(run("search", "-l", "--smaller", "1k", "lighthouse", NULL), 0);
	assert_string_equal(r.out, "short\n");
	assert_int_equal(run("search", "--smaller", "1", "lighthouse", NULL), 3);
	assert_says(r.err, "of a file as asked for");
	snprintf(uid, sizeof(uid), "%u", geteuid());
	assert_int_equal(run("search", "--owner", uid, "lighthouse", NULL), 0);
	assert_int_equal(run("search", "--owner", "4000000", "lighthouse", NULL), 3);
}

static void test_filters_refused(void **state)
{
	static const char *const when[] = { "7x", "d", "", "-1d", "2026-13-01", "2026-02-31", "@", "@x", "none", "1dd",
					    "99999999999d" };
	size_t i;

	write_notes();
	enter();
	for (i = 0; i < sizeof(when) / sizeof(when[0]); i++) {
		assert_int_equal(run("search", "--newer", when[i], "x", NULL), 2);
		assert_says(r.err, "12h");
		assert_int_equal(run("search", "--older", when[i], "x", NULL), 2);
	}
	assert_int_equal(run("search", "--larger", "-1", "x", NULL), 2);
	assert_int_equal(run("search", "--smaller", "1X", "x", NULL), 2);
	assert_int_equal(run("search", "--owner", "no such user", "x", NULL), 2);
	assert_int_equal(run("search", "--owner", "4294967295", "x", NULL), 2);
	assert_says(r.err, "no such user");
}

static void test_summary(void **state)
{
	write_notes();
	set_times("bread", 1000000000);
	enter();
	assert_int_equal(run("search", "--summary", "flat tyre", NULL), 0);
	assert_says(r.err, "1 found in ");
	assert_says(r.err, "ms, complete; 1 embeddings stale\n");
	fake.plan = VEXFS_SEARCHED_WALK;
	assert_int_equal(run("search", "--json", "--summary", "flat tyre", NULL), 0);
	assert_says(strchr(r.out, '\n'), "{ \"summary\": { \"found\": 1, \"seconds\": ");
	assert_says(r.out, "\"complete\": true, \"approximate\": false, \"incomplete\": false, \"truncated\": false, "
		    "\"plan\": \"walk\", \"pending\": 3, \"stale\": 1, \"stale_at_least\": false } }\n");
	fake.plan = VEXFS_SEARCHED_UNTOLD;
	assert_int_equal(run("search", "--json", "--summary", "--smaller", "1", "flat tyre", NULL), 3);
	assert_says(r.out, "{ \"summary\": { \"found\": 0, ");
	assert_says(r.out, "\"plan\": null, \"pending\": null, ");
}

/* More passages of one file than are looked at: others are asked for. */
static void test_files_behind(void **state)
{
	char name[32], *text = malloc(1 << 20);
	int i, at = 0;

	for (i = 0; i < 400; i++)
		at += sprintf(text + at, "the lighthouse stands above the sea, number %d, and its lamp is lit at dusk\n\n", i);
	write_text("long", text);
	free(text);
	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "other%d", i);
		write_text(name, "a lighthouse, said the captain, is hard to miss when the fog has lifted at last\n");
	}
	run("collection", "create", "%", "notes", "--dim", "384", NULL);
	assert_int_equal(run("embed", "-c", "notes", "--chunk-size", "80", "%", NULL), 0);
	enter();
	fake.searches = 0;
	assert_int_equal(run("search", "-l", "--weak", "-k", "4", "lighthouse above the sea", NULL), 0);
	assert_int_equal(fake.searches, 2);
	assert_says(r.out, "long\n");
	assert_says(r.out, "other2\n");
}

/* ---- the pure parts ------------------------------------------------------------------------ */

static void test_similarity(void **state)
{
	assert_true(similarity(VEXFS_IOC_COSINE, 0.25f) == 0.75f);
	assert_true(similarity(VEXFS_IOC_COSINE, 1.5f) == 0);
	assert_true(similarity(VEXFS_IOC_COSINE, (float)NAN) == 0);
	assert_true(similarity(VEXFS_IOC_COSINE, -1e-7f) == 1);
	assert_true(similarity(VEXFS_IOC_L2, (float)INFINITY) == 0);
	assert_true(similarity(VEXFS_IOC_L2, 0) == 1);
	assert_true(similarity(VEXFS_IOC_IP, 0) == 0.5f);
	assert_true(noise_floor(768) < noise_floor(384) && noise_floor(0) == 0);
}

static void test_fuse(void **state)
{
	/* by vectors a b c d; by words d c; e has an identifier */
	struct found f[] = {
		{ .path = "a" }, { .path = "b" }, { .path = "c", .rank_words = 1 },
		{ .path = "d", .rank_words = 2 }, { .path = "e", .verbatim = 1 },
	};
	char order[6] = "";
	int i;

	fuse_ranks(f, 5);
	for (i = 0; i < 5; i++)
		order[i] = f[i].path[0];
	assert_string_equal(order, "edcab");
	fuse_ranks(f, 0);
}

static void test_terms(void **state)
{
	static const struct {
		const char *query;
		unsigned int exact;
	} cases[] = {
		{ "how to fix a tyre", 0 }, { "what is vex_open()?", 1 }, { "see kmod/file.c", 1 },
		{ "fooBar", 1 }, { "std::vector", 1 }, { "E1234.", 1 }, { "in 2024, then.", 0 },
		{ "\"as written\" and not", 1 }, { "\"open", 0 }, { "a.b", 1 }, { "", 0 }, { "...", 0 },
		{ "The end.", 0 }, { "(vfs_read)", 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct terms *t = terms_create(cases[i].query);

		if (t->nexact != cases[i].exact)
			fail_msg("'%s': %u exact parts", cases[i].query, t->nexact);
		terms_free(t);
	}
}

static void test_function_words(void **state)
{
	assert_true(is_function_word("the", 3) && is_function_word("a", 1) && is_function_word("für", 4));
	assert_true(is_function_word("uno", 3));
	assert_false(is_function_word("th", 2) || is_function_word("tyre", 4) || is_function_word("o d", 3));
}

/* In few documents a word as "the" is rare: it must not make a hit. */
static void test_small_set(void **state)
{
	write_notes();
	enter();
	assert_int_equal(run("search", "where is the key of the house", NULL), 3);
	assert_int_equal(run("search", "how is the dough of the bread", NULL), 0);
	assert_int_equal(strncmp(r.out, "bread:", 6), 0);
}

static void test_words(void **state)
{
	struct terms *t = terms_create("sort numbers");
	struct word_score a, b, c;

	words_score(t, "sort the numbers", 16, &a);
	words_score(t, "sorting them", 12, &b);
	words_score(t, "nothing", 7, &c);
	assert_true(a.share == 1 && a.rank > b.rank && b.share > 0 && b.share < 0.5f);
	assert_true(c.share == 0 && c.rank == 0);
	words_score(t, "", 0, &c);
	assert_true(c.share == 0);
	terms_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FAKE(test_no_option),
		ON_FAKE(test_which_collection),
		ON_FAKE(test_output),
		ON_FAKE(test_escapes),
		ON_FAKE(test_exact_words),
		ON_FAKE(test_stale),
		ON_FAKE(test_other_code_points),
		ON_FAKE(test_like),
		ON_FAKE(test_per_file),
		ON_FAKE(test_filters),
		ON_FAKE(test_filters_refused),
		ON_FAKE(test_files_behind),
		ON_FAKE(test_summary),
		cmocka_unit_test(test_similarity),
		cmocka_unit_test(test_fuse),
		cmocka_unit_test(test_terms),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_function_words),
		ON_FAKE(test_small_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
