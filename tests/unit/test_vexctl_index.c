// SPDX-License-Identifier: GPL-2.0
/* vexctl index, stale, status: ignore rules, what is skipped, what is renewed, what search knows of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/vexctl_run.h"
#include "tools/vexctl/ignore.h"
#include "tools/vexctl/index.h"

/* ---- ignore rules ------------------------------------------------------------------------- */

static void test_glob(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{ "a", "a", true }, { "a", "ab", false }, { "*", "abc", true }, { "*", "a/b", false },
		{ "*.o", "x.o", true }, { "*.o", "x.oo", false }, { "a*b*c", "axbxbxc", true },
		{ "?", "a", true }, { "?", "/", false }, { "?", "", false },
		{ "[a-c]x", "bx", true }, { "[!a-c]x", "bx", false }, { "[^a-c]x", "dx", true },
		{ "[]]", "]", true }, { "[]-a]", "^", true }, { "[a", "[a", true }, { "[!a]", "/", false },
		{ "[\\]]", "]", true }, { "\\*", "*", true }, { "\\*", "a", false }, { "a\\", "a\\", true },
		{ "**/a", "a", true }, { "**/a", "x/y/a", true }, { "**/a", "xa", false },
		{ "a/**", "a/b", true }, { "a/**", "a", false },
		{ "a/**/b", "a/b", true }, { "a/**/b", "a/x/y/b", true }, { "a/**/b", "ab", false },
		{ "a**b", "axb", true }, { "a**b", "a/b", false }, { "**/*.c", "x/y.c", true },
		{ "**/x/*.c", "x/x/y.c", true }, { "a/**/b/*c", "a/b/b/xc", true },
		{ "a/*/b", "a/x/b", true }, { "a/*/b", "a/x/y/b", false }, { "", "", true },
		{ "a*/b", "abc/b", true }, { "**", "a/b", true }, { "*a", "/a", false },
	};
	char many[4096];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ignore_glob(cases[i].pattern, cases[i].text) != cases[i].match)
			fail_msg("'%s' against '%s'", cases[i].pattern, cases[i].text);
	/* what makes naive matchers run for years */
	memset(many, 'a', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	assert_false(ignore_glob("**/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", many));
}

static int match(const char *rules, const char *path, bool dir)
{
	struct ignore_list l = { 0 };
	int ret;

	assert_int_equal(ignore_parse(&l, rules, strlen(rules)), 0);
	ret = ignore_match(&l, path, dir);
	ignore_free(&l);
	return ret;
}

static void test_rules(void **state)
{
	assert_int_equal(match("", "a", false), -1);
	assert_int_equal(match("# a\n\n  \n", "a", false), -1);
	assert_int_equal(match("*.o\n", "x/y.o", false), 1);
	assert_int_equal(match("*.o\r\n", "y.o", false), 1);
	assert_int_equal(match("*.o\n!keep.o", "keep.o", false), 0);
	assert_int_equal(match("!keep.o\n*.o", "keep.o", false), 1);
	assert_int_equal(match("build/", "build", false), -1);
	assert_int_equal(match("build/", "x/build", true), 1);
	assert_int_equal(match("/build", "x/build", true), -1);
	assert_int_equal(match("/build", "build", true), 1);
	assert_int_equal(match("doc/*.txt", "doc/a.txt", false), 1);
	assert_int_equal(match("doc/*.txt", "x/doc/a.txt", false), -1);
	assert_int_equal(match("doc/*.txt", "doc/x/a.txt", false), -1);
	assert_int_equal(match("a ", "a", false), 1);
	assert_int_equal(match("a\\ ", "a ", false), 1);
	assert_int_equal(match("\\#a", "#a", false), 1);
	assert_int_equal(match("\\!a", "!a", false), 1);
	assert_int_equal(match("/", "a", true), -1);
	assert_int_equal(match("\xef\xbb\xbf*.o", "x.o", false), 1);
	assert_int_equal(match("a/\n", "a", true), 1);
	assert_int_equal(match("**/foo/bar", "x/foo/bar", false), 1);
}

/* ---- the command --------------------------------------------------------------------------- */

static void make_dir(const char *name)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const char *target, const char *name)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	assert_int_equal(symlink(target, path), 0);
}

static void write_tree(void)
{
	char line[300000];

	make_dir("src");
	make_dir("build");
	make_dir(".git");
	make_dir("src/deep");
	write_text(".gitignore", "build/\n*.o\n!keep.o\n");
	write_text("src/.vexignore", "/secret\n");
	write_text("tyre", "How to fix a flat tyre\n");
	write_text("bread", "Knead the dough and bake it\n");
	write_text("src/main.c", "int main(void) { return lighthouse(); }\n");
	write_text("src/secret", "the password is swordfish\n");
	write_text("src/deep/secret", "another secret about gardening\n");
	write_text("src/x.o", "object text\n");
	write_text("keep.o", "kept although an object\n");
	write_text("build/out", "generated text\n");
	write_text(".git/config", "remote origin\n");
	write_text("empty", "");
	write_file("picture", "P\0G", 3);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	write_text("data.json", line);
	make_link(".", "loop");
	make_link("nowhere", "dangling");
	assert_int_equal(chdir(fake.root), 0);
}

static void test_index(void **state)
{
	write_tree();
	assert_int_equal(run("search", "flat tyre", NULL), 1);
	assert_says(r.err, "vexctl index");
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, "made collection 'default': 768 dimensions");
	assert_says(r.out, "indexed 5 files in");
	assert_says(r.out, "skipped: 3 ignored, 2 symbolic link, 1 binary, 1 without words, 1 line too long");
	assert_says(r.out, "  ./picture: binary\n");
	assert_null(strstr(r.out, "secret"));
	assert_int_equal(run("index", "-v", NULL), 0);
	assert_says(r.out, "indexed 0 files in");
	assert_says(r.out, "5 up to date");
	assert_says(r.out, "./src/secret: ignored");
	assert_int_equal(run("index", "--json", "src", NULL), 0);
	assert_says(r.out, "\"up_to_date\": 2");
	assert_says(r.out, "{ \"path\": \"src/x.o\", \"reason\": \"ignored\" }");
	assert_int_equal(run("search", "flat tyre", NULL), 0);
	assert_string_equal(r.out, "tyre:1: How to fix a flat tyre\n");
	assert_int_equal(run("search", "swordfish", NULL), 3);
	assert_int_equal(run("search", "-L", "flat tyre", NULL), 0);
	assert_null(strstr(r.out, "build"));
	assert_says(r.out, "src/main.c\n");
}

/* What editors do: a new file in the place of the old one. */
static void test_changes(void **state)
{
	write_tree();
	assert_int_equal(run("index", "-q", NULL), 0);
	assert_string_equal(r.out, "");
	assert_int_equal(run("status", NULL), 0);
	assert_says(r.out, "0 not indexed, 0 changed since");
	assert_int_equal(run("stale", NULL), 0);
	assert_string_equal(r.out, "");
	write_text("new", "Bicycle wheels need spokes\n");
	assert_int_equal(rename("new", "tyre"), 0);
	write_text("bread", "Now it is about gardening\n");
	touch("bread", 1000);
	assert_int_equal(run("search", "dough", NULL), 4);
	assert_says(r.out, "bread:1: (stale) Now it is");
	assert_says(r.err, "1 files here are not indexed and 1 have changed");
	assert_int_equal(run("search", "lighthouse", NULL), 4);
	assert_says(r.err, "run 'vexctl index .'");
	assert_int_equal(run("stale", NULL), 4);
	assert_string_equal(r.out, "stale    bread\nmissing  tyre\n");
	assert_int_equal(run("stale", "-0", NULL), 4);
	assert_memory_equal(r.out, "bread\0tyre\0", 11);
	assert_int_equal(run("stale", "--json", "src", NULL), 0);
	assert_int_equal(run("status", "--json", NULL), 4);
	assert_says(r.out, "\"missing\": 1, \"stale\": 1");
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, "indexed 2 files");
	assert_int_equal(run("search", "spokes", NULL), 0);
	assert_says(r.out, "tyre:1: Bicycle");
	assert_int_equal(unlink("bread"), 0);
	assert_int_equal(run("search", "gardening", NULL), 0);
	assert_null(strstr(r.out, "bread"));
}

static void test_long_files(void **state)
{
	char text[20000];
	int i, at = 0;

	for (i = 0; at < 15000; i++)
		at += sprintf(text + at, "%sline %d speaks of trains and nothing else\n", i % 9 ? "" : "\n", i);
	sprintf(text + at, "\nthe octopus sleeps in the harbour\n");
	write_text("long", text);
	write_text("short", "about trains\n");
	write_text("copy", text);
	assert_int_equal(chdir(fake.root), 0);
	assert_int_equal(run("index", "--json", NULL), 0);
	assert_null(strstr(r.out, "\"reused\": 0"));
	assert_int_equal(run("search", "--per-file", "sleeping octopus", NULL), 0);
	assert_says(r.out, ": the octopus sleeps in the harbour\n");
	assert_null(strstr(r.out, "short"));
	/* a file that shrinks below the limit is embedded as a whole again */
	write_text("long", "short now\n");
	touch("long", 5);
	assert_int_equal(run("index", NULL), 0);
	assert_int_equal(run("list", "long", NULL), 0);
	assert_null(strstr(r.out, "bytes"));
}

/* The text is found, not the markup; lines are those of the file. */
static void test_other_kinds(void **state)
{
	static const char wide[] = "\xff\xfe" "T\0h\0e\0 \0o\0c\0t\0o\0p\0u\0s\0\n\0";

	write_file("wide.txt", wide, sizeof(wide) - 1);
	write_text("page.html", "<!doctype html>\n<html><head><style>p { color: red }</style></head>\n"
				"<p>The light<b>house</b> keeper &amp; the se&aacute;\n</html>\n");
	write_text("latin", "le caf\xe9 est ferm\xe9\n");
	assert_int_equal(chdir(fake.root), 0);
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, "indexed 3 files");
	assert_int_equal(run("search", "octopus", NULL), 0);
	assert_says(r.out, "wide.txt:1: The octopus\n");
	assert_int_equal(run("search", "lighthouse keeper", NULL), 0);
	assert_says(r.out, "page.html:3: The lighthouse keeper & the se\xc3\xa1\n");
	assert_int_equal(run("search", "color red", NULL), 3);
	assert_int_equal(run("search", "caf\xc3\xa9", NULL), 0);
	assert_says(r.out, "latin:1: le caf\xc3\xa9 est ferm\xc3\xa9\n");
}

static void test_arguments(void **state)
{
	write_tree();
	/* one bad argument does not end the others */
	assert_int_equal(run("index", "nowhere", "src", "dangling", "build", NULL), 1);
	assert_says(r.err, "nowhere");
	assert_says(r.err, "dangling");
	assert_int_equal(run("search", "lighthouse", "src", NULL), 0);
	assert_int_equal(run("search", "generated", NULL), 0);
	assert_int_equal(run("embed", "-c", "default", "nowhere", "tyre", "dangling", NULL), 1);
	assert_says(r.out, "embedded 1 of 1 files");
	assert_int_equal(run("index", "-c", "none", NULL), 1);
	assert_says(r.err, "there: default");
	make_dir("nothing");
	assert_int_equal(run("index", "nothing", NULL), 0);
}

static void test_failures(void **state)
{
	write_tree();
	fake.fail = ENOSPC;
	assert_int_equal(run("index", NULL), 1);
	assert_says(r.err, "stopped after 0 of");
	assert_says(r.err, "no space left");
	fake.fail = 0;
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, "indexed 5 files");
	/* a file that does not hold still is for the next run */
	write_text("tyre", "changed\n");
	touch("tyre", 77);
	fake.restless = 20;
	assert_int_equal(run("index", NULL), 1);
	fake.restless = 0;
	assert_says(r.err, "it keeps changing");
	assert_int_equal(run("index", NULL), 0);
}

static void test_nothing(void **state)
{
	write_file("binary", "a\0b", 3);
	assert_int_equal(chdir(fake.root), 0);
	assert_int_equal(run("index", NULL), 3);
	assert_says(r.err, "no text files");
}

static void test_progress(void **state)
{
	char t[160];

	progress_text(t, sizeof(t), "indexing: file", 5, 10, 3, true);
	assert_string_equal(t, "indexing: file 5 of 10 [##########----------], 3 s left");
	progress_text(t, sizeof(t), "x", 0, 0, 0, true);
	assert_string_equal(t, "x 0 of 0 [--------------------]");
	progress_text(t, sizeof(t), "x", 10, 10, 4, false);
	assert_string_equal(t, "x 10 of 10 (4 s)");
}

/* The words that the shell's completion is given. */
static void test_complete(void **state)
{
	assert_int_equal(run("--complete", NULL), 0);
	assert_says(r.out, "index\n");
	assert_says(r.out, "collection create\n");
	assert_int_equal(run("--complete", "search", "x", NULL), 0);
	assert_says(r.out, "--per-file\n");
	assert_null(strstr(r.out, "--metric"));
}

static void test_reuse(void **state)
{
	struct reuse *u = reuse_create(4);
	char out[4] = "";

	assert_non_null(u);
	assert_false(reuse_find(u, "text", 4, out));
	reuse_add(u, "text", 4, "abcd");
	assert_true(reuse_find(u, "text", 4, out));
	assert_memory_equal(out, "abcd", 4);
	assert_false(reuse_find(u, "texts", 5, out));
	assert_false(reuse_find(u, "", 0, out));
	reuse_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_rules),
		ON_FAKE(test_index),
		ON_FAKE(test_changes),
		ON_FAKE(test_long_files),
		ON_FAKE(test_other_kinds),
		ON_FAKE(test_arguments),
		ON_FAKE(test_failures),
		ON_FAKE(test_nothing),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
