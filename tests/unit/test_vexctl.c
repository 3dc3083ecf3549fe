// SPDX-License-Identifier: GPL-2.0
/* vexctl: every command against a model of the kernel. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/vexctl_run.h"

static void test_usage(void **state)
{
	assert_int_equal(run(NULL), 2);
	assert_int_equal(run("--help", NULL), 0);
	assert_says(r.out, "Exit codes: 0 done, 1 failed, 2 usage, 3 nothing found");
	assert_int_equal(run("--version", NULL), 0);
	assert_int_equal(run("frob", NULL), 2);
	assert_says(r.err, "unknown command 'frob'");
	assert_int_equal(run("collection", NULL), 2);
	assert_int_equal(run("collection", "--help", NULL), 0);
	assert_int_equal(run("collection", "frob", NULL), 2);
	assert_int_equal(run("search", "--help", NULL), 0);
	assert_says(r.out, "example:");
	assert_int_equal(run("help", "embed", NULL), 0);
	assert_says(r.out, "usage: vexctl embed");
	assert_int_equal(run("help", "frob", NULL), 2);
}

static void test_option_errors(void **state)
{
	assert_int_equal(run("search", "-c", "x", "--frob", "%", "q", NULL), 2);
	assert_says(r.err, "unknown option '--frob'");
	assert_int_equal(run("search", "-c", "x", "-z", "%", "q", NULL), 2);
	assert_int_equal(run("search", "-c", "x", "--dim", "3", "%", "q", NULL), 2);
	assert_says(r.err, "--dim does not belong");
	assert_int_equal(run("search", "%", "q", "--collection", NULL), 2);
	assert_says(r.err, "needs a value");
	assert_int_equal(run("search", "-c", "x", "--exact=yes", "%", "q", NULL), 2);
	assert_int_equal(run("search", "%", "q", NULL), 1);
	assert_says(r.err, "nothing is indexed");
	assert_int_equal(run("search", "-c", "a.b", "%", "q", NULL), 2);
	assert_int_equal(run("search", "-c", "x", "--k", "0", "%", "q", NULL), 2);
	assert_says(r.err, "between 1 and 1024");
	assert_int_equal(run("search", "-c", "x", "--k=1025", "%", "q", NULL), 2);
	assert_int_equal(run("search", "-c", "x", NULL), 2);
	assert_says(r.err, "text to search for is missing");
	assert_int_equal(run("search", "-c", "x", "%", "two", "words", NULL), 2);
	assert_int_equal(run("get", "-c", "x", NULL), 2);
	assert_int_equal(run("get", "-c", "x", "%/a", "%/b", NULL), 2);
	assert_int_equal(run("set", "-c", "x", "--chunk", "16777216", "%/a", NULL), 2);
	assert_int_equal(run("set", "-c", "x", "--range", "5", "%/a", NULL), 2);
	assert_int_equal(run("collection", "create", "%", "x", NULL), 2);
	assert_says(r.err, "--dim N is missing");
	assert_int_equal(run("collection", "create", "%", "x", "-d", "3", "--type", "f64", NULL), 2);
	assert_int_equal(run("collection", "create", "%", "x y", "-d", "3", NULL), 2);
	assert_int_equal(run("del", "-c", "x", "--all", "--chunk", "1", "%/a", NULL), 2);
	assert_int_equal(run("embed", "-c", "x", "--embedder", "magic", "%", NULL), 2);
	assert_int_equal(run("embed", "-c", "x", "--chunk-size", "63", "%", NULL), 2);
}

static void test_collections(void **state)
{
	assert_int_equal(run("collection", "list", "%", NULL), 0);
	assert_says(r.out, "no collections");
	assert_int_equal(run("collection", "create", "%", "x", "--dim", "3", NULL), 0);
	assert_int_equal(run("collection", "create", "%", "x", "--dim", "3", NULL), 1);
	assert_says(r.err, "exists already");
	assert_int_equal(run("collection", "create", "%", "y", "-d", "4", "--type", "i8", "--metric",
			     "ip", "--json", NULL), 0);
	assert_says(r.out, "\"metric\": \"ip\"");
	assert_int_equal(run("collection", "list", "%", NULL), 0);
	assert_says(r.out, "x ");
	assert_says(r.out, "y ");
	assert_int_equal(run("rebuild", "%", "x", NULL), 0);
	assert_says(r.out, "the graph of 'x' is made anew");
	assert_int_equal(run("rebuild", "-q", "%", "none", NULL), 1);
	assert_says(r.err, "does not exist");
	assert_int_equal(run("rebuild", "%", NULL), 2);
	assert_int_equal(run("collection", "drop", "%", "none", "--yes", NULL), 1);
	assert_says(r.err, "does not exist");
	assert_int_equal(run("collection", "drop", "%", "x", "--yes", NULL), 0);
	assert_int_equal(run("collection", "list", "--json", "%", NULL), 0);
	assert_null(strstr(r.out, "\"x\""));
	assert_int_equal(run("collection", "list", "/proc", NULL), 1);
	assert_says(r.err, "not on a VexFS");
	assert_int_equal(run("collection", "list", "/dev/null", NULL), 1);
	assert_says(r.err, "not on a VexFS");
}

/* A vector file outside of the fake filesystem's tree would do as well. */
static void test_owner_and_embedder(void **state)
{
	write_text("f", "text");
	write_text("v", "1 2 3");
	assert_int_equal(run("collection", "create", "%", "x", "--dim", "3", "--mode", "0640", "--owner",
			     "5:6", "--embedder", "e 1", "--fingerprint", "0aFF", "--json", NULL), 0);
	assert_says(r.out, "\"mode\": 416");
	assert_says(r.out, "\"uid\": 5");
	assert_says(r.out, "\"0aff0000");
	assert_int_equal(run("collection", "list", "%", NULL), 0);
	assert_says(r.out, "5:6 0640");
	assert_int_equal(run("set", "-c", "x", "--embedder", "e 2", "%/f", "%/v", NULL), 1);
	assert_says(r.err, "another embedder, 'e 1'");
	assert_int_equal(run("set", "-c", "x", "--fingerprint", "0b", "%/f", "%/v", NULL), 1);
	assert_int_equal(run("set", "-c", "x", "--embedder", "e 1", "%/f", "%/v", NULL), 0);
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "--embedder", "e 2", "%", NULL), 1);
	assert_says(r.err, "another embedder, 'e 1'");
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "--embedder", "e 1", "%", NULL), 0);
	assert_int_equal(run("collection", "change", "%", "x", "--mode", "0666", "--owner", ":7", NULL), 0);
	assert_says(r.out, "owner 5:7, mode 0666");
	assert_int_equal(run("collection", "change", "%", "x", NULL), 2);
	assert_int_equal(run("collection", "change", "%", "x", "--mode", "0777", NULL), 2);
	assert_int_equal(run("collection", "change", "%", "x", "--mode", "rw", NULL), 2);
	assert_int_equal(run("collection", "change", "%", "x", "--owner", "bob", NULL), 2);
	assert_int_equal(run("collection", "change", "%", "x", "--owner", "5:", NULL), 2);
	assert_int_equal(run("collection", "change", "%", "x", "--fingerprint", "abc", NULL), 2);
	assert_int_equal(run("collection", "change", "%", "none", "--mode", "0600", NULL), 1);
	assert_says(r.err, "does not exist");
}

static void test_set_get_del(void **state)
{
	run("collection", "create", "%", "x", "--dim", "3", NULL);
	write_text("f", "hello");
	write_text("v", "[0.25, -1.5, 3]");
	write_text("short", "1 2");
	write_text("nan", "1 nan 2");
	write_text("zero", "0 0 0");
	write_text("word", "1 two 3");
	assert_int_equal(run("set", "-c", "x", "%/f", "%/v", NULL), 0);
	assert_int_equal(run("get", "-c", "x", "%/f", NULL), 0);
	assert_string_equal(r.out, "0.25 -1.5 3\n");
	assert_int_equal(run("set", "-c", "x", "--chunk", "7", "--range", "1:3", "%/f", "%/v", NULL), 0);
	assert_int_equal(run("get", "-c", "x", "--chunk=7", "--json", "%/f", NULL), 0);
	assert_says(r.out, "\"range_offset\": 1");
	assert_says(r.out, "\"stale\": false");
	assert_int_equal(run("set", "-c", "x", "%/f", "%/short", NULL), 1);
	assert_says(r.err, "2 elements");
	assert_says(r.err, "dimension 3");
	assert_int_equal(run("set", "-c", "x", "%/f", "%/nan", NULL), 1);
	assert_says(r.err, "element 1 is NaN");
	assert_int_equal(run("set", "-c", "x", "%/f", "%/zero", NULL), 1);
	assert_says(r.err, "all zero");
	assert_int_equal(run("set", "-c", "x", "%/f", "%/word", NULL), 1);
	assert_says(r.err, "not a number at byte 2");
	assert_int_equal(run("set", "-c", "none", "%/f", "%/v", NULL), 1);
	assert_says(r.err, "does not exist");
	assert_int_equal(run("get", "-c", "x", "%/v", NULL), 3);
	assert_int_equal(run("get", "-c", "x", "%/missing", NULL), 1);
	assert_int_equal(run("list", "%/f", NULL), 0);
	assert_says(r.out, "chunk 7");
	assert_says(r.out, "bytes 1..4");
	touch("f", 1000);
	assert_int_equal(run("list", "--json", "%/f", NULL), 0);
	assert_says(r.out, "\"stale\": true");
	assert_int_equal(run("list", "%/v", NULL), 3);
	assert_int_equal(run("del", "-c", "x", "%/f", NULL), 0);
	assert_int_equal(run("del", "-c", "x", "%/f", NULL), 3);
	assert_int_equal(run("del", "-c", "x", "--all", "%/f", "%/missing", NULL), 1);
	assert_int_equal(run("list", "%/f", NULL), 3);
}

static void test_raw(void **state)
{
	static const unsigned char i8[] = { 1, 0xff, 127, 0x80 };

	run("collection", "create", "%", "x", "--dim", "4", "--type", "i8", NULL);
	write_text("f", "hello");
	write_file("v", (const char *)i8, 4);
	assert_int_equal(run("set", "-c", "x", "--raw", "%/f", "%/v", NULL), 0);
	assert_int_equal(run("get", "-c", "x", "%/f", NULL), 0);
	assert_string_equal(r.out, "1 -1 127 -128\n");
	assert_int_equal(run("get", "-c", "x", "--raw", "%/f", NULL), 0);
	assert_memory_equal(r.out, i8, 4);
	write_text("big", "1 2 300 4");
	assert_int_equal(run("set", "-c", "x", "%/f", "%/big", NULL), 1);
	assert_says(r.err, "element 2 (300)");
}

static void test_import(void **state)
{
	static const float rows[] = { 1, 0, 0, 1, 0.5f, 0.5f };
	char list[3 * PATH_MAX];
	int i;

	run("collection", "create", "%", "x", "--dim", "2", "--type", "f16", NULL);
	write_text("a", "a");
	write_text("b", "b");
	write_text("c", "c");
	write_file("rows.f32", (const char *)rows, sizeof(rows));
	for (i = 0, list[0] = '\0'; i < 3; i++)
		sprintf(list + strlen(list), "%s/%c\n", fake.root, 'a' + i);
	write_text("list", list);
	assert_int_equal(run("import", "-c", "x", "--list", "%/list", "--vectors", "%/rows.f32", NULL),
			 0);
	assert_says(r.out, "set 3 embeddings");
	assert_int_equal(run("get", "-c", "x", "%/c", NULL), 0);
	assert_string_equal(r.out, "0.5 0.5\n");
	write_text("gap", "a\n\nb\n");
	assert_int_equal(run("import", "-c", "x", "--list", "%/gap", "--vectors", "%/rows.f32", NULL),
			 1);
	assert_says(r.err, "line 2 is empty");
	/* more rows than lines, fewer, a broken row, no such file */
	list[strlen(list) - strlen(fake.root) - 3] = '\0';
	write_text("list2", list);
	fake.sets = 0;
	assert_int_equal(run("import", "-c", "x", "--list", "%/list2", "--vectors", "%/rows.f32",
			     NULL), 1);
	assert_says(r.err, "has 3 rows");
	assert_int_equal(fake.sets, 0);
	write_file("two.f32", (const char *)rows, 16);
	assert_int_equal(run("import", "-c", "x", "--list", "%/list", "--vectors", "%/two.f32", NULL),
			 1);
	assert_says(r.err, "has 2 rows");
	write_file("odd.f32", (const char *)rows, 15);
	assert_int_equal(run("import", "-c", "x", "--list", "%/list", "--vectors", "%/odd.f32", NULL),
			 1);
	assert_says(r.err, "not a whole number of rows");
	write_file("x.fvecs", "\3\0\0\0\0\0\0\0\0\0\0\0", 12);
	assert_int_equal(run("import", "-c", "x", "--list", "%/list", "--vectors", "%/x.fvecs", NULL),
			 1);
	assert_says(r.err, "row 0 has 3 elements");
	assert_int_equal(run("import", "-c", "x", "--list", "%/list", "--vectors", "%/list", NULL), 2);
	assert_int_equal(run("import", "-c", "x", "--list", "%/list", NULL), 2);
}

static void write_corpus(void)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/sub", fake.root);
	assert_int_equal(mkdir(path, 0755), 0);
	write_text("editor", "A text editor with syntax highlighting\nfor programmers\n");
	write_text("game", "Strategy game of ancient warfare\n");
	write_text("mail", "Mail transfer agent, delivers messages over SMTP\n");
	write_text("sub/image", "Convert images between PNG and JPEG\n");
	write_text("sub/\x1b[31mred\xff", "Mail reader for the terminal\n");
	write_text("empty", "");
	write_text("blank", " \n--\n");
	write_file("binary", "text\0editor", 11);
}

static void test_embed_and_search(void **state)
{
	char model[PATH_MAX + 64];

	run("collection", "create", "%", "x", "--dim", "256", NULL);
	write_corpus();
	assert_int_equal(run("search", "-c", "x", "%", "mail", NULL), 1);
	assert_says(r.err, "no lexical model");
	assert_says(r.err, "vexctl index");
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	assert_says(r.out, "embedded 5 of 8 files");
	assert_says(r.out, "binary 1, without words 2, failed 0");
	snprintf(model, sizeof(model), "%s/.vexctl/x.lexical", fake.root);
	assert_int_equal(access(model, R_OK), 0);

	assert_int_equal(run("search", "-c", "x", "--k", "2", "--table", "--snippet", "%",
			     "sending mail by SMTP", NULL), 0);
	assert_says(r.out, "   1 ");
	assert_says(r.out, "/mail\n      Mail transfer agent");
	assert_null(strstr(r.out, "game"));
	/* scope, and a name that would drive the terminal */
	assert_int_equal(run("search", "-c", "x", "--exact", "%/sub", "mail", NULL), 0);
	assert_says(r.out, "\\x1b[31mred\\xff");
	assert_null(strstr(r.out, "transfer"));
	assert_null(strchr(r.out, 0x1b));
	assert_int_equal(run("search", "-c", "x", "--json", "--snippet", "%/sub", "mail", NULL), 0);
	assert_says(r.out, "2f7375622f1b5b33316d726564ff\"");
	assert_says(r.out, "\"passage\": \"Mail reader for the terminal\"");
	assert_int_equal(run("search", "-c", "x", "%", "!!!", NULL), 1);
	assert_says(r.err, "no words");
	assert_int_equal(run("search", "-c", "x", "%/mail", "mail", NULL), 1);
	assert_int_equal(run("search", "-c", "none", "%", "mail", NULL), 1);
	assert_says(r.err, "collection 'none' does not exist");
	assert_int_equal(run("stat", "%", NULL), 0);
	assert_says(r.out, "embeddings   5 in 1 collection");
	assert_null(strchr(r.out, 0x1b));
	assert_int_equal(run("stat", "--json", "%", NULL), 0);
	assert_says(r.out, "\"uuid\": \"ab000000-0000-0000-0000-0000000000cd\"");
	/* a dropped collection takes its model along */
	assert_int_equal(run("collection", "drop", "%", "x", "--yes", NULL), 0);
	assert_int_not_equal(access(model, R_OK), 0);
}

static void test_embed_again(void **state)
{
	run("collection", "create", "%", "x", "--dim", "64", NULL);
	write_corpus();
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	assert_int_equal(run("embed", "-c", "x", "--json", "%", NULL), 0);
	assert_says(r.out, "\"up_to_date\": 5");
	assert_says(r.out, "\"model_new\": false");
	touch("mail", 1000);
	assert_int_equal(run("search", "-c", "x", "--k", "1", "--table", "%", "smtp", NULL), 4);
	assert_says(r.out, "mail  (stale)");
	assert_says(r.err, "run 'vexctl index --collection x");
	assert_int_equal(run("search", "-c", "x", "--fresh", "--weak", "--json", "%", "smtp", NULL), 0);
	assert_null(strstr(r.out, "/mail\""));
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	assert_says(r.out, "embedded 1 of 8 files");
	assert_int_equal(run("embed", "-c", "x", "--force", "--quiet", "%", NULL), 0);
	assert_string_equal(r.out, "");
	assert_int_equal(run("embed", "-c", "x", "--refit", "%", NULL), 0);
	assert_says(r.out, "embedded 5 of 8 files");
	/* text that became binary loses its embedding */
	write_file("mail", "a\0b", 3);
	touch("mail", 2000);
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	assert_int_equal(run("get", "-c", "x", "%/mail", NULL), 3);
}

/* What is stamped is what was read: a file that changes in between is read again, once. */
static void test_embed_restless(void **state)
{
	run("collection", "create", "%", "x", "--dim", "64", NULL);
	write_corpus();
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	touch("mail", 1000);
	fake.restless = 1;
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	assert_says(r.out, "embedded 1 of 8 files");
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	assert_says(r.out, "up to date 5");
	touch("mail", 2000);
	fake.restless = 2;
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 1);
	assert_says(r.err, "keeps changing");
	assert_says(r.out, "failed 1");
	/* its old embedding is stale, so the next run makes a new one */
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	assert_says(r.out, "embedded 1 of 8 files");
}

static void test_embed_passages(void **state)
{
	char text[1000] = "-----\n";

	while (strlen(text) < 900)
		strcat(text, "some words of a longer text\n");
	run("collection", "create", "%", "x", "--dim", "64", NULL);
	write_text("long", text);
	assert_int_equal(run("embed", "-c", "x", "--chunk-size", "100", "%", NULL), 0);
	assert_int_equal(run("list", "%/long", NULL), 0);
	assert_says(r.out, "chunk 0        bytes 6..");
	assert_says(r.out, "chunk 9 ");
	fake.sets = 0;
	assert_int_equal(run("embed", "-c", "x", "--chunk-size", "100", "%", NULL), 0);
	assert_int_equal(fake.sets, 0);
	/* a shorter text leaves no passage of the longer one */
	text[150] = '\0';
	write_text("long", text);
	touch("long", 1000);
	assert_int_equal(run("embed", "-c", "x", "--chunk-size", "100", "%", NULL), 0);
	assert_int_equal(run("get", "-c", "x", "--chunk", "1", "%/long", NULL), 0);
	assert_int_equal(run("get", "-c", "x", "--chunk", "2", "%/long", NULL), 3);
	/* whole files again */
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	assert_int_equal(run("get", "-c", "x", "--chunk", "1", "%/long", NULL), 3);
}

static void test_embed_errors(void **state)
{
	char path[PATH_MAX + 64];

	assert_int_equal(run("embed", "-c", "x", "%", NULL), 1);
	assert_says(r.err, "does not exist");
	run("collection", "create", "%", "x", "--dim", "64", NULL);
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 3);
	assert_says(r.err, "no text files");
	write_corpus();
	/* one error per file, at most ten shown, all counted, exit 1 */
	fake.fail = EACCES;
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 1);
	assert_says(r.out, "failed 5");
	assert_says(r.err, "permission denied");
	fake.fail = 0;
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	/* a damaged model is not used, and not silently replaced */
	write_file(".vexctl/x.lexical", "VEXMODELxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 40);
	assert_int_equal(run("search", "-c", "x", "%", "mail", NULL), 1);
	assert_says(r.err, "damaged");
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 1);
	assert_says(r.err, "--refit");
	assert_int_equal(run("embed", "-c", "x", "--refit", "%", NULL), 0);
	assert_int_equal(run("search", "-c", "x", "%", "mail", NULL), 0);
	/* embeddings made by somebody else */
	snprintf(path, sizeof(path), "%s/.vexctl/x.lexical", fake.root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 1);
	assert_says(r.err, "holds 5 embeddings");
	run("collection", "create", "%", "l2", "-d", "8", "--type", "i8", "--metric", "l2", NULL);
	assert_int_equal(run("embed", "-c", "l2", "%", NULL), 1);
	assert_says(r.err, "i8");
	assert_int_equal(run("embed", "-c", "x", "/proc/self", NULL), 1);
}

static void test_small_types(void **state)
{
	write_corpus();
	run("collection", "create", "%", "h", "--dim", "384", "--type", "f16", NULL);
	run("collection", "create", "%", "b", "--dim", "384", "--type", "i8", NULL);
	assert_int_equal(run("embed", "-c", "h", "%", NULL), 0);
	assert_int_equal(run("embed", "-c", "b", "%", NULL), 0);
	assert_int_equal(run("search", "-c", "h", "-k", "1", "%", "ancient strategy", NULL), 0);
	assert_says(r.out, "/game:1: Strategy");
	assert_int_equal(run("search", "-c", "b", "-k", "1", "%", "ancient strategy", NULL), 0);
	assert_says(r.out, "/game:1: Strategy");
}

static void test_search_by_vector(void **state)
{
	run("collection", "create", "%", "x", "--dim", "2", "--metric", "l2", NULL);
	write_text("a", "a");
	write_text("b", "b");
	write_text("v", "1 1");
	write_text("w", "5 5");
	write_text("q", "[4, 4]");
	write_file("q.raw", "\0\0\x80?\0\0\x80?", 8);
	assert_int_equal(run("search", "-c", "x", "--vector", "%/q", "%", NULL), 3);
	assert_says(r.err, "nothing found");
	run("set", "-c", "x", "%/a", "%/v", NULL);
	run("set", "-c", "x", "%/b", "%/w", NULL);
	assert_int_equal(run("search", "-c", "x", "--vector", "%/q", "-k", "1024", "--table", "%",
			     NULL), 0);
	assert_says(r.out, "   1      2.0000      0.3333  ");
	assert_says(r.out, "/b\n   2     18.0000      0.0526  ");
	assert_says(r.out, "2 hits");
	assert_int_equal(run("search", "-c", "x", "--vector", "%/q.raw", "--raw", "-k", "1", "--table",
			     "%", NULL), 0);
	assert_says(r.out, "   1      0.0000      1.0000  ");
	assert_says(r.out, "/a\n");
	assert_int_equal(run("search", "-c", "x", "--vector", "%/a", "%", NULL), 1);
	assert_int_equal(run("search", "-c", "x", "--vector", "%/none", "%", NULL), 1);
	assert_int_equal(run("search", "-c", "x", "--raw", "%", "q", NULL), 2);
}

/* What was not searched is said, to people and to programs, and only then. */
static void test_truncated(void **state)
{
	run("collection", "create", "%", "x", "--dim", "2", "--metric", "l2", NULL);
	write_text("a", "a");
	write_text("b", "b");
	write_text("v", "1 1");
	run("set", "-c", "x", "%/a", "%/v", NULL);
	run("set", "-c", "x", "%/b", "%/v", NULL);
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "--max-work", "1", "--table", "%",
			     NULL), 4);
	assert_says(r.out, "1 hit in ");
	assert_says(r.out, ", truncated\n");
	assert_says(r.err, "not everything was searched");
	assert_says(r.err, "--max-work");
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "--max-work", "2", "--table", "%",
			     NULL), 0);
	assert_null(strstr(r.out, "truncated"));
	assert_string_equal(r.err, "");
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "--json", "%", NULL), 0);
	fake.max_work = 1;
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "--json", "%", NULL), 4);
	assert_says(r.err, "not everything was searched");
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "%", NULL), 4);
	assert_says(r.err, "search smaller directories one by one");
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "--max-work", "0", "%", NULL), 2);
}

/* More path than the first buffer holds: searched again with more room, nothing lost. */
static void test_long_paths(void **state)
{
	char path[2 * PATH_MAX], name[256];
	int i, depth;
	size_t at;

	run("collection", "create", "%", "x", "--dim", "2", NULL);
	write_text("v", "1 1");
	memset(name, 'n', 250);
	name[250] = '\0';
	at = (size_t)sprintf(path, "%s", fake.root);
	for (depth = 0; depth < 10; depth++) {
		at += (size_t)sprintf(path + at, "/%s", name);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	for (i = 0; i < 40; i++) {
		sprintf(path + at, "/%d", i);
		write_text(path + strlen(fake.root) + 1, "x");
		assert_int_equal(run("set", "-c", "x", path, "%/v", NULL), 0);
	}
	fake.searches = 0;
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "-k", "40", "--table", "%", NULL), 0);
	assert_true(fake.searches > 1);
	assert_null(strstr(r.out, "(inode"));
	assert_says(r.out, "40 hits");
}

static void test_grow(void **state)
{
	const uint64_t gib = 1ull << 30;

	fake.bytes = 10 * gib;
	fake.device = 500 * gib;
	assert_int_equal(run("grow", "%", "20G", NULL), EXIT_OK);
	assert_says(r.out, "grown from 10.0 GiB to 20.0 GiB");
	assert_int_equal(fake.grows, 1);
	assert_int_equal(run("grow", "--json", "%", NULL), EXIT_OK);
	assert_says(r.out, "\"before\": 21474836480");
	assert_int_equal(fake.bytes, 500 * gib);
	assert_int_equal(fake.grows, 9);		/* 64 GiB at a time */
	assert_int_equal(run("grow", "%", NULL), EXIT_OK);
	assert_says(r.out, "nothing to do: it has 500.0 GiB of the device already");
	assert_int_equal(run("grow", "-q", "%", NULL), EXIT_OK);
	assert_string_equal(r.out, "");
	assert_int_equal(run("grow", "--help", NULL), EXIT_OK);
	assert_says(r.out, "example: lvextend");
}

static void interrupt(void)
{
	raise(SIGINT);
}

static void test_grow_refused(void **state)
{
	static const struct { int err; const char *text; } why[] = {
		{ EPERM, "only root may do this" },
		{ EBUSY, "it is being grown by somebody else" },
		{ ENOTTY, "load a newer vexfs.ko" },
		{ EROFS, "mounted read-only" },
		{ EUCLEAN, "damage found" },
	};
	const uint64_t gib = 1ull << 30;
	size_t i;

	fake.bytes = 10 * gib;
	fake.device = 500 * gib;
	assert_int_equal(run("grow", "%", "501G", NULL), EXIT_FAILED);
	assert_says(r.err, "its device has 500.0 GiB; make that larger first");
	assert_int_equal(run("grow", "%", "300T", NULL), EXIT_FAILED);
	assert_says(r.err, "the format has room for 256.0 TiB");
	assert_int_equal(run("grow", "%", "9G", NULL), EXIT_FAILED);
	assert_says(r.err, "it has 10.0 GiB, which is more than 9.0 GiB; a VexFS cannot shrink");
	assert_int_equal(run("grow", "%", "1X", NULL), EXIT_USAGE);
	assert_int_equal(run("grow", "%", "0", NULL), EXIT_USAGE);
	assert_int_equal(run("grow", NULL), EXIT_USAGE);
	for (i = 0; i < sizeof(why) / sizeof(why[0]); i++) {
		fake.fail = why[i].err;
		assert_int_equal(run("grow", "%", NULL), EXIT_FAILED);
		assert_says(r.err, why[i].text);
	}
	fake.fail = 0;
	assert_int_equal(fake.bytes, 10 * gib);
	fake.on_grow = interrupt;
	assert_int_equal(run("grow", "%", NULL), EXIT_FAILED);
	assert_says(r.err, "stopped; it has 74.0 GiB now; the same command continues");
	fake.on_grow = NULL;
	assert_int_equal(run("grow", "%", NULL), EXIT_OK);
	assert_int_equal(fake.bytes, 500 * gib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FAKE(test_usage),
		ON_FAKE(test_option_errors),
		ON_FAKE(test_collections),
		ON_FAKE(test_owner_and_embedder),
		ON_FAKE(test_set_get_del),
		ON_FAKE(test_raw),
		ON_FAKE(test_import),
		ON_FAKE(test_embed_and_search),
		ON_FAKE(test_embed_again),
		ON_FAKE(test_embed_restless),
		ON_FAKE(test_embed_passages),
		ON_FAKE(test_embed_errors),
		ON_FAKE(test_small_types),
		ON_FAKE(test_search_by_vector),
		ON_FAKE(test_truncated),
		ON_FAKE(test_long_paths),
		ON_FAKE(test_grow),
		ON_FAKE(test_grow_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
