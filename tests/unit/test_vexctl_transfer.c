// SPDX-License-Identifier: GPL-2.0
/* vexctl export, import: every format there and back, and bad files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "lib/erased.h"
#include "tests/unit/vexctl_run.h"
#include "tools/vexctl/transfer.h"

#define TAB_NAME	"sub/tab\there\\n"
#define LATIN_NAME	"caf\xe9"

static char out[64], side[128];	/* outside of the filesystem */

static void set(const char *name, const char *chunk, const char *range, const char *vector)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%%/%s", name);
	write_text("v", vector);
	assert_int_equal(run("set", "-c", "x", "--chunk", chunk, path, "%/v", range ? "--range" : NULL, range,
			     NULL), 0);
}

static void write_tree(void)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/sub", fake.root);
	assert_int_equal(mkdir(path, 0755), 0);
	write_text("a", "first");
	write_text(TAB_NAME, "second");
	write_text(LATIN_NAME, "third");
	write_text("bare", "no embedding");
	set("a", "0", NULL, "1 0.5 -0.25");
	set("a", "7", "2:3", "0 1 2");
	set(TAB_NAME, "0", NULL, "3 2 1");
}

static void remember(void)
{
	snprintf(out, sizeof(out), "/tmp/vexfs-test-transfer-%ld", (long)getpid());
	assert_int_equal(chdir("/"), 0);
}

static const char *file(const char *end)
{
	static char name[96];

	snprintf(name, sizeof(name), "%s%s", out, end);
	snprintf(side, sizeof(side), "%s.paths", name);
	return name;
}

static void write_out(const char *end, const void *data, size_t len)
{
	FILE *f = fopen(file(end), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void write_records(const char *end, const char *text)
{
	write_out(end, text, strlen(text));
}

static void write_side(const char *text)
{
	FILE *f = fopen(side, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static size_t slurp(const char *name, char *data, size_t room)
{
	FILE *f = fopen(name, "r");
	size_t n;

	assert_non_null(f);
	n = fread(data, 1, room - 1, f);
	data[n] = '\0';
	fclose(f);
	return n;
}

static void clean(const char *end)
{
	unlink(file(end));
	unlink(side);
}

static void there_and_back(const char *end, const char *type)
{
	const char *name = file(end);

	clean(end);
	assert_int_equal(run("collection", "create", "%", "x", "--dim", "3", "--type", type, "--metric", "l2",
			     NULL), 0);
	write_tree();
	assert_int_equal(run("export", "-c", "x", "-o", name, "%", NULL), 0);
	assert_says(r.out, "3 embeddings of collection 'x' in ");
	assert_int_equal(run("collection", "drop", "%", "x", "--yes", NULL), 0);
	run("collection", "create", "%", "x", "--dim", "3", "--type", type, "--metric", "l2", NULL);
	assert_int_equal(run("import", name, "%/", NULL), 0);
	assert_string_equal(r.out, "set 3 embeddings in 'x'\n");
	assert_int_equal(run("get", "-c", "x", "%/a", NULL), 0);
	assert_string_equal(r.out, "1 0.5 -0.25\n");
	assert_int_equal(run("get", "-c", "x", "--chunk", "7", "--json", "%/a", NULL), 0);
	assert_says(r.out, "\"range_offset\": 2");
	assert_says(r.out, "\"range_length\": 3");
	assert_int_equal(run("get", "-c", "x", "%/" TAB_NAME, NULL), 0);
	assert_string_equal(r.out, "3 2 1\n");
	clean(end);
}

static void test_npy(void **state)
{
	there_and_back(".npy", "f32");
}

static void test_npy_half(void **state)
{
	there_and_back(".npy", "f16");
}

static void test_fvecs(void **state)
{
	there_and_back(".fvecs", "f16");
}

static void test_jsonl(void **state)
{
	there_and_back(".jsonl", "f16");
}

static void test_copy(void **state)
{
	there_and_back(".copy", "f32");
}

/* What other programs read is what it says. */
static void test_written(void **state)
{
	static const char head[] = "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), }";
	char data[4096];

	run("collection", "create", "%", "x", "--dim", "3", "--type", "f32", "--metric", "l2", NULL);
	write_tree();
	assert_int_equal(run("export", "-o", file(".npy"), "%", NULL), 0);
	assert_int_equal(slurp(file(".npy"), data, sizeof(data)), 128 + 3 * 12);
	assert_memory_equal(data, head, sizeof(head) - 1);
	assert_int_equal(data[127], '\n');
	slurp(side, data, sizeof(data));
	assert_says(data, "a\t7\t2\t3\n");
	assert_says(data, "sub/tab\\there\\\\n\t0\t0\t0\n");
	assert_int_equal(run("export", "--format", "copy", "%", NULL), 0);
	assert_says(r.out, "a\t0\t0\t0\t[1,0.5,-0.25]\n");
	assert_int_equal(run("export", "%", NULL), 0);
	assert_says(r.out, "{\"path\":\"a\",\"chunk\":7,\"range\":{\"offset\":2,\"length\":3},\"stale\":false,"
		    "\"vector\":[0,1,2]}\n");
	clean(".npy");
}

static void test_left_out(void **state)
{
	char first[PATH_MAX + 16], second[PATH_MAX + 16];

	run("collection", "create", "%", "x", "--dim", "3", "--metric", "l2", NULL);
	assert_int_equal(run("export", "%", NULL), 3);
	write_tree();
	/* PostgreSQL has no place for names that are not UTF-8; JSON has their bytes */
	set(LATIN_NAME, "0", NULL, "9 9 9");
	assert_int_equal(run("export", "--format", "copy", "%", NULL), 4);
	assert_says(r.err, "caf\\xe9: PostgreSQL stores UTF-8 only");
	assert_int_equal(run("export", "-o", file(".jsonl"), "%", NULL), 0);
	run("del", "-c", "x", "%/" LATIN_NAME, NULL);
	assert_int_equal(run("import", file(".jsonl"), "%", NULL), 0);
	assert_int_equal(run("get", "-c", "x", "%/" LATIN_NAME, NULL), 0);
	assert_string_equal(r.out, "9 9 9\n");
	/* of a file with two names there is one embedding */
	snprintf(first, sizeof(first), "%s/a", fake.root);
	snprintf(second, sizeof(second), "%s/b", fake.root);
	assert_int_equal(link(first, second), 0);
	assert_int_equal(run("export", "-o", file(".jsonl"), "%", NULL), 0);
	assert_says(r.out, "4 embeddings");
	assert_int_equal(run("import", file(".jsonl"), "%", NULL), 0);
	/* older content, and the same as fresh when asked for */
	touch("a", 1000);
	assert_int_equal(run("export", "-o", file(".jsonl"), "%", NULL), 0);
	assert_says(r.err, "2 embeddings of older content left out");
	assert_int_equal(run("export", "--all", "-o", file(".jsonl"), "%", NULL), 0);
	assert_int_equal(run("import", file(".jsonl"), "%", NULL), 0);
	assert_says(r.out, "set 2 embeddings in 'x', left out 2 of older content");
	assert_int_equal(run("import", "--all", "--json", file(".jsonl"), "%", NULL), 0);
	assert_says(r.out, "\"set\": 4, \"missing\": 0, \"stale\": 0");
	clean(".jsonl");
}

/* A bad file sets nothing, and says where it is bad. */
static void bad(const char *end, const char *text, const char *says)
{
	unsigned int sets = fake.sets;

	if (text)
		write_records(end, text);
	assert_int_equal(run("import", file(end), "%", NULL), 1);
	assert_says(r.err, says);
	assert_says(r.err, "nothing was set");
	assert_int_equal(fake.sets, sets);
	clean(end);
}

#define GOOD "{\"path\": \"a\", \"vector\": [1,2,3]}\n"

static void test_bad_jsonl(void **state)
{
	char link[PATH_MAX + 16];

	run("collection", "create", "%", "x", "--dim", "3", NULL);
	write_tree();
	bad(".jsonl", GOOD "{\"path\": \"bare\", \"vector\": [1,2]}\n", "line 2: the vector has 2 elements");
	bad(".jsonl", GOOD "{\"path\": \"bare\", \"vector\": [1,2,3", "line 2: not a JSON object");
	bad(".jsonl", GOOD "{\"path\": \"bare\", \"vector\": [1,NaN,3]}\n", "line 2: element 1 (nan)");
	bad(".jsonl", GOOD "{\"path\": \"bare\", \"vector\": [1,1e99,3]}\n", "line 2: element 1 (inf)");
	bad(".jsonl", GOOD "{\"path\": \"bare\", \"vector\": [0,0,0]}\n", "line 2: the vector is all zero");
	bad(".jsonl", GOOD "{\"path\": \"bare\", \"vector\": [1,\"2\",3]}\n", "element 1 of \"vector\" is not");
	bad(".jsonl", GOOD "{\"path\": \"bare\", \"vector\": []}\n", "must be an array of 1 to 16384");
	bad(".jsonl", GOOD "{\"path\": \"bare\"}\n", "has no \"vector\"");
	bad(".jsonl", GOOD "{\"vector\": [1,2,3]}\n", "has no \"path\"");
	bad(".jsonl", GOOD "{\"path\": \"a\\u0000b\", \"vector\": [1,2,3]}\n", "must be a text");
	bad(".jsonl", GOOD "{\"path\": \"gone\", \"vector\": [1,2,3]}\n", "gone: no such file (--skip-missing");
	bad(".jsonl", GOOD "{\"path\": \"/etc/passwd\", \"vector\": [1,2,3]}\n", "outside of the directory");
	bad(".jsonl", GOOD "{\"path\": \"../../etc/passwd\", \"vector\": [1,2,3]}\n", "outside of the directory");
	bad(".jsonl", GOOD "{\"path\": \"sub\", \"vector\": [1,2,3]}\n", "sub: ");
	bad(".jsonl", GOOD GOOD, "line 2: the same file and chunk as line 1");
	bad(".jsonl", GOOD "{\"path\": \"a\", \"chunk\": -1, \"vector\": [1,2,3]}\n", "not a number, or too large");
	bad(".jsonl", GOOD "{\"path_hex\": \"6\", \"vector\": [1,2,3]}\n", "hexadecimal digits");
	bad(".jsonl", GOOD "\n", "line 2: not a JSON object");
	bad(".jsonl", GOOD "[1]\n", "line 2: expected a JSON object");
	snprintf(link, sizeof(link), "%s/link", fake.root);
	assert_int_equal(symlink("a", link), 0);
	bad(".jsonl", GOOD "{\"path\": \"link\", \"vector\": [1,2,3]}\n", "link: a part of it is a symbolic link");
	write_records(".jsonl", "");
	assert_int_equal(run("import", file(".jsonl"), "%", NULL), 3);
	write_records(".jsonl", GOOD "{\"path\": \"gone\", \"vector\": [1,2,3]}\n");
	assert_int_equal(run("import", "--skip-missing", file(".jsonl"), "%", NULL), 0);
	assert_says(r.out, "set 1 embeddings in 'x', left out 1 of files that are not here");
	assert_int_equal(run("import", "/nonexistent.jsonl", "%", NULL), 1);
	assert_int_equal(run("import", file(".what"), "%", NULL), 2);
	assert_says(r.err, "--format npy, fvecs, jsonl or copy");
	assert_int_equal(run("export", "--format", "npy", "%", NULL), 2);
	assert_int_equal(run("import", "--list", "x", file(".jsonl"), NULL), 2);
	clean(".jsonl");
}

static void test_bad_copy(void **state)
{
	run("collection", "create", "%", "x", "--dim", "3", NULL);
	write_tree();
	bad(".copy", "a\t[1,2,3]\nbare\t[1,2]\n", "line 2: the vector has 2 elements");
	bad(".copy", "a\t[1,2,3]\nbare\t[1,2,", "line 2: the embedding is not a vector");
	bad(".copy", "a\t[1,2,3]\nbare\t1,2,3\n", "line 2: the embedding is not a vector");
	bad(".copy", "a\t[1,2,3]\nbare\t\\N\n", "line 2: the embedding is NULL");
	bad(".copy", "\\N\t[1,2,3]\n", "line 1: the path is NULL");
	bad(".copy", "a\t0\t[1,2,3]\n", "there are 3");
	bad(".copy", "a\tx\t0\t0\t[1,2,3]\n", "chunk, offset and length must be numbers");
	bad(".copy", "a\\\t[1,2,3]\n", "bad backslash escape");
	/* escapes that PostgreSQL itself may use, and its end */
	write_records(".copy", "\\x61\t[1,2,3]\nb\\141re\t[1,2,3]\n\\.\nrest\n");
	assert_int_equal(run("import", file(".copy"), "%", NULL), 0);
	assert_says(r.out, "set 2 embeddings");
	clean(".copy");
}

static const float three_rows[3][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };

static void write_npy(const char *dict, size_t bytes)
{
	char data[128 + sizeof(three_rows)];

	npy_head(data, VEXFS_IOC_F32, 3, 3);
	if (dict) {
		memset(data + 10, ' ', 117);
		memcpy(data + 10, dict, strlen(dict));
	}
	memcpy(data + 128, three_rows, sizeof(three_rows));
	write_out(".npy", data, bytes ? bytes : sizeof(data));
	write_side("a\nbare\nsub/tab\\there\\\\n\n");
}

static void refuse_npy(const char *dict, size_t bytes, const char *says)
{
	unsigned int sets = fake.sets;

	write_npy(dict, bytes);
	assert_int_equal(run("import", file(".npy"), "%", NULL), 1);
	assert_says(r.err, says);
	assert_int_equal(fake.sets, sets);
}

static void test_bad_rows(void **state)
{
	size_t n;

	run("collection", "create", "%", "x", "--dim", "3", NULL);
	write_tree();
	write_npy(NULL, 0);
	assert_int_equal(run("import", file(".npy"), "%", NULL), 0);
	assert_says(r.out, "set 3 embeddings");
	/* every truncation */
	for (n = 1; n < 128 + sizeof(three_rows); n++) {
		write_npy(NULL, n);
		assert_int_equal(run("import", file(".npy"), "%", NULL), 1);
	}
	refuse_npy("{'descr': '>f4', 'fortran_order': False, 'shape': (3, 3), }", 0, "little-endian");
	refuse_npy("{'descr': '|O', 'fortran_order': False, 'shape': (3, 3), }", 0, "little-endian");
	refuse_npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 3), }", 0, "ascontiguousarray");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }", 0, "expected a matrix");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 9), }", 0, "dimension 3");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }", 0, "truncated or damaged");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 99999999999), }", 0, "expected");
	write_npy(NULL, 0);
	write_side("a\nbare\n");
	bad(".npy", NULL, "has more rows than");
	write_npy(NULL, 0);
	write_side("a\nbare\nsub/tab\\there\\\\n\ncaf\xe9\n");
	bad(".npy", NULL, "has fewer rows than");
	write_out(".fvecs", "\3\0\0\0aaaabbbbcccc\3\0\0\0aa", 22);
	write_side("a\nbare\n");
	bad(".fvecs", NULL, "row 2: the file is truncated");
	write_out(".fvecs", "\0\0\0\0aaaabbbbcccc", 16);
	write_side("a\n");
	bad(".fvecs", NULL, "not a number of elements");
	clean(".npy");
}

static void interrupt(void)
{
	if (fake.sets == 2)
		raise(SIGINT);
}

static void full(void)
{
	if (fake.sets == 2)
		fake.fail = ENOSPC;
}

/* What ends an import in the middle is told with what was set by then; an export leaves no file. */
static void test_stopped(void **state)
{
	run("collection", "create", "%", "x", "--dim", "3", "--metric", "l2", NULL);
	write_tree();
	assert_int_equal(run("export", "-o", file(".jsonl"), "%", NULL), 0);
	fake.sets = 0;
	fake.on_set = interrupt;
	assert_int_equal(run("import", file(".jsonl"), "%", NULL), 130);
	assert_says(r.err, "interrupted after 2 of 3 embeddings: these are set, the others are not");
	fake.sets = 0;
	fake.on_set = full;
	assert_int_equal(run("import", file(".jsonl"), "%", NULL), 1);
	assert_says(r.err, "stopped after 2 of 3 embeddings: no space left");
	fake.on_set = NULL;
	fake.fail = 0;
	assert_int_equal(run("import", file(".jsonl"), "%", NULL), 0);
	assert_int_equal(run("export", "-o", "/nonexistent/x.jsonl", "%", NULL), 1);
	assert_int_equal(run("export", "--format", "jsonl", "-o", "/dev/full", "%", NULL), 1);
	assert_says(r.err, "No space left");
	clean(".jsonl");
}

/* ---- fingerprint --------------------------------------------------------------------- */

static void note_mark(void *ctx, size_t off, struct vex_erased_mark *mark)
{
	mark->found++;
}

/* How many of the lines of the last output are found in the vector that get --raw writes. */
static unsigned int found_in(struct vex_erased *e, const float *v, size_t n, const char *what)
{
	unsigned int marks = 0;
	size_t i;

	vex_erased_search(e, v, n * sizeof(*v), note_mark, NULL);
	for (i = 0; i < e->n; i++) {
		assert_true(!e->mark[i].found || !strncmp(e->mark[i].label, what, strlen(what)));
		marks += e->mark[i].found == 1;
		e->mark[i].found = 0;
	}
	return marks;
}

static void test_fingerprint(void **state)
{
	char text[2048] = "", *p = text;
	struct vex_erased e;
	unsigned long line;
	float v[64];
	FILE *f;
	int i;

	for (i = 0; i < 64; i++) {
		v[i] = (float)(i * i % 97) / 7.0f - 3.0f;
		p += sprintf(p, "%.9g ", (double)v[i]);
	}
	run("collection", "create", "%", "x", "--dim", "64", "--type", "f32", "--metric", "l2", NULL);
	write_text("a\tb", "first");
	set("a\tb", "0", NULL, text);
	set("a\tb", "3", "1:2", text);
	assert_int_equal(run("fingerprint", "-c", "x", "%/a\tb", NULL), 0);
	assert_says(r.out, " vector at 64, chunk 3 of ");
	assert_says(r.out, "/a\\x09b\n");
	f = fmemopen(r.out, strlen(r.out), "r");
	assert_int_equal(vex_erased_load(&e, f, &line), 0);
	fclose(f);
	assert_int_equal(e.n, 2 * (4 + 3));	/* of 64 bytes of code, the last quarter is too short for a window */
	assert_int_equal(found_in(&e, v, 64, "vector at "), 8);
	v[20] += 1;
	assert_int_equal(found_in(&e, v, 64, "vector at "), 6);
	vex_erased_free(&e);
}

static void test_no_fingerprint(void **state)
{
	run("collection", "create", "%", "x", "--dim", "3", "--type", "f32", "--metric", "l2", NULL);
	write_text("a", "first");
	write_text("bare", "second");
	set("a", "0", NULL, "1 2 3");
	assert_int_equal(run("fingerprint", "-c", "x", "%/a", NULL), 4);
	assert_says(r.err, "embeddings without a fingerprint: 1 (shorter than 32 bytes");
	assert_int_equal(run("fingerprint", "-c", "x", "%/bare", NULL), 3);
	assert_says(r.err, "has no embedding in collection 'x'");
	assert_int_equal(run("fingerprint", "-c", "y", "%/a", NULL), 1);
	assert_int_equal(run("fingerprint", "%/a", NULL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FAKE(test_npy), ON_FAKE(test_npy_half), ON_FAKE(test_fvecs), ON_FAKE(test_jsonl),
		ON_FAKE(test_copy), ON_FAKE(test_written), ON_FAKE(test_left_out), ON_FAKE(test_bad_jsonl),
		ON_FAKE(test_bad_copy), ON_FAKE(test_bad_rows), ON_FAKE(test_stopped), ON_FAKE(test_fingerprint),
		ON_FAKE(test_no_fingerprint),
	};

	remember();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
