// SPDX-License-Identifier: GPL-2.0
/* vexctl: parsing, output, and every command against a model of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/fake_vexfs.h"
#include "tools/vexctl/vexctl.h"

/* ---- values --------------------------------------------------------------------------- */

static void test_numbers(void **state)
{
	uint64_t n, off, len;

	assert_int_equal(parse_number("42", 1, 100, &n), 0);
	assert_int_equal(n, 42);
	assert_int_equal(parse_number("0", 1, 100, &n), -ERANGE);
	assert_int_equal(parse_number("101", 1, 100, &n), -ERANGE);
	assert_int_equal(parse_number("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_number("", 0, 9, &n), -EINVAL);
	assert_int_equal(parse_number("-1", 0, 9, &n), -EINVAL);
	assert_int_equal(parse_number(" 1", 0, 9, &n), -EINVAL);
	assert_int_equal(parse_number("1x", 0, 9, &n), -EINVAL);
	assert_int_equal(parse_number("0x10", 0, 99, &n), -EINVAL);
	assert_int_equal(parse_size("4k", 0, 1 << 20, &n), 0);
	assert_int_equal(n, 4096);
	assert_int_equal(parse_size("1M", 0, 1 << 20, &n), 0);
	assert_int_equal(n, 1 << 20);
	assert_int_equal(parse_size("2M", 0, 1 << 20, &n), -ERANGE);
	assert_int_equal(parse_size("18014398509481984K", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_size("1KB", 0, 1 << 20, &n), -EINVAL);
	assert_int_equal(parse_size("1q", 0, 1 << 20, &n), -EINVAL);
	assert_int_equal(parse_range("10:20", &off, &len), 0);
	assert_int_equal(off, 10);
	assert_int_equal(len, 20);
	assert_int_equal(parse_range("10", &off, &len), -EINVAL);
	assert_int_equal(parse_range("10:0", &off, &len), -ERANGE);
	assert_int_equal(parse_range(":5", &off, &len), -EINVAL);
	assert_int_equal(parse_range("9223372036854775807:1", &off, &len), -ERANGE);
}

static void test_names(void **state)
{
	char name[80];

	assert_int_equal(parse_elem("f32"), VEXFS_IOC_F32);
	assert_int_equal(parse_elem("i8"), VEXFS_IOC_I8);
	assert_int_equal(parse_elem("F32"), -EINVAL);
	assert_int_equal(parse_metric("cosine"), VEXFS_IOC_COSINE);
	assert_int_equal(parse_metric(""), -EINVAL);
	assert_string_equal(elem_name(VEXFS_IOC_F16), "f16");
	assert_string_equal(elem_name(0), "?");
	assert_string_equal(metric_name(VEXFS_IOC_IP), "ip");
	assert_string_equal(metric_name(9), "?");
	assert_int_equal(elem_size(7), 0);
	assert_null(collection_name_error("a-B_9"));
	assert_non_null(collection_name_error(""));
	assert_non_null(collection_name_error("a.b"));
	assert_non_null(collection_name_error("a b"));
	memset(name, 'n', sizeof(name));
	name[63] = '\0';
	assert_null(collection_name_error(name));
	name[63] = 'n';
	name[64] = '\0';
	assert_non_null(collection_name_error(name));
}

static void test_vector_text(void **state)
{
	static const char *const good[] = {
		"1 -2.5 3e2", "[1, -2.5, 3e2]", "1,-2.5,3e2\n", "  [ 1\n-2.5\t300 ] ", "1.0,-2.50, 300,",
	};
	static const struct {
		const char *text;
		size_t where;
	} bad[] = {
		{ "1 x 3", 2 }, { "1 2]", 0 }, { "[1 2", 0 }, { "[[1]]", 1 }, { "1;2", 0 },
		{ "0.1.2", 0 }, { "[", 0 },
	};
	struct vector v;
	size_t i, where;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(vector_parse(good[i], strlen(good[i]), &v, &where), 0);
		assert_int_equal(v.n, 3);
		assert_true(v.v[0] == 1 && v.v[1] == -2.5f && v.v[2] == 300);
		vector_free(&v);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(vector_parse(bad[i].text, strlen(bad[i].text), &v, &where),
				 -EINVAL);
		assert_int_equal(where, bad[i].where);
	}
	assert_int_equal(vector_parse("", 0, &v, &where), 0);
	assert_int_equal(v.n, 0);
	vector_free(&v);
}

static void test_vector_too_long(void **state)
{
	char *text = malloc(2 * VEXFS_DIM_MAX + 4);
	struct vector v;
	size_t where, i;

	for (i = 0; i <= VEXFS_DIM_MAX; i++)
		memcpy(text + 2 * i, "1 ", 2);
	assert_int_equal(vector_parse(text, 2 * VEXFS_DIM_MAX, &v, &where), 0);
	assert_int_equal(v.n, VEXFS_DIM_MAX);
	vector_free(&v);
	assert_int_equal(vector_parse(text, 2 * VEXFS_DIM_MAX + 2, &v, &where), -E2BIG);
	free(text);
}

static void test_vector_elements(void **state)
{
	float in[] = { 1, -0.5f, 100, 0 };
	struct vector v = { .v = in, .n = 4 }, back;
	unsigned char raw[16];
	size_t where = 99, i;
	uint8_t elem;

	for (elem = VEXFS_IOC_F32; elem <= VEXFS_IOC_F16; elem++) {
		assert_int_equal(vector_encode(&v, elem, raw, &where), 0);
		assert_int_equal(vector_decode(raw, 4 * elem_size(elem), elem, &back), 0);
		for (i = 0; i < 4; i++)
			assert_true(back.v[i] == in[i]);
		vector_free(&back);
	}
	assert_int_equal(raw[0] | raw[1] << 8, 0x3c00);		/* 1.0 as f16, little-endian */
	assert_int_equal(vector_encode(&v, VEXFS_IOC_I8, raw, &where), -EDOM);
	assert_int_equal(where, 1);
	in[1] = -128;
	assert_int_equal(vector_encode(&v, VEXFS_IOC_I8, raw, &where), 0);
	assert_int_equal(raw[1], 0x80);
	in[3] = 128;
	assert_int_equal(vector_encode(&v, VEXFS_IOC_I8, raw, &where), -EDOM);
	assert_int_equal(where, 3);
	in[2] = 70000;		/* beyond f16 */
	assert_int_equal(vector_encode(&v, VEXFS_IOC_F16, raw, &where), -EDOM);
	assert_int_equal(where, 2);
	in[0] = NAN;
	assert_int_equal(vector_encode(&v, VEXFS_IOC_F32, raw, &where), -EDOM);
	assert_int_equal(where, 0);
	assert_int_equal(vector_decode(raw, 7, VEXFS_IOC_F32, &back), -EINVAL);
}

/* ---- text ----------------------------------------------------------------------------------- */

static void make_text(struct text *t, const char *data, size_t len)
{
	assert_int_equal(text_init(t), 0);
	memcpy(t->data, data, len);
	t->len = len;
}

/* Passages tile the text, none is longer than asked, none begins inside a character. */
static void test_passages(void **state)
{
	static const char piece[] = "Zwei W\xc3\xb6rter \xe2\x82\xac und\nmehr \xf0\x9f\x90\xa7 ";
	char data[2000];
	struct text t;
	size_t size, from, end, len = 0;

	while (len + sizeof(piece) < sizeof(data)) {
		memcpy(data + len, piece, sizeof(piece) - 1);
		len += sizeof(piece) - 1;
	}
	make_text(&t, data, len);
	for (size = 64; size < 700; size += 7) {
		for (from = 0; from < len; from = end) {
			end = passage_end(&t, from, size);
			assert_true(end > from && end - from <= size && end <= len);
			assert_true(end == len || (t.data[end] & 0xc0) != 0x80);
			/* this text has blanks everywhere: never in a word */
			assert_true(end == len || strchr(" \n", t.data[end - 1]));
		}
	}
	memset(t.data, 'x', len);
	assert_int_equal(passage_end(&t, 0, 100), 100);
	memset(t.data, 0x80, len);	/* no sequences at all */
	assert_true(passage_end(&t, 0, 100) > 96);
	text_free(&t);
}

static void test_first_word(void **state)
{
	struct text t;

	make_text(&t, "-- \xe2\x80\x94 \n# word", 14);
	assert_int_equal(text_first_word(&t), 10);
	t.len = 9;
	assert_int_equal(text_first_word(&t), 9);
	text_free(&t);
}

static void find(const char *query, const char *text, struct snippet *s)
{
	struct terms *terms = terms_create(query);

	assert_non_null(terms);
	snippet_find(terms, text, strlen(text), s);
	terms_free(terms);
}

static void assert_marked(const struct snippet *s, const char *word)
{
	const char *at = strstr(s->text, word);
	size_t i;

	assert_non_null(at);
	for (i = 0; i < strlen(word); i++)
		assert_true(s->mark[at - s->text + (long)i]);
}

static void test_snippets(void **state)
{
	struct snippet s;

	find("cats", "The dog.\nThe\n  Cat sat on the mat.\n", &s);
	assert_non_null(strstr(s.text, "Cat sat"));	/* three letters are no stem */
	assert_false(s.mark[9]);
	find("mounting disks", "First line\nHow to mount a disk:\n run it\n", &s);
	assert_string_equal(s.text, "How to mount a disk: run it");
	assert_true(s.more_before);
	assert_false(s.more_after);
	assert_marked(&s, "disk");
	assert_false(s.mark[0]);
	find("\xc3\x9c" "BER", "a\nweit \xc3\xbc" "ber Land", &s);
	assert_marked(&s, "\xc3\xbc" "ber");
	find("nothing", "some text", &s);
	assert_string_equal(s.text, "some text");
	find("x", "", &s);
	assert_int_equal(s.len, 0);
}

/* The window with most of the words wins over the first one. */
static void test_snippet_best(void **state)
{
	char text[4000];
	struct snippet s;
	size_t i;

	strcpy(text, "the red fox alone. ");
	for (i = 0; i < 40; i++)
		strcat(text, "filling words without any meaning here. ");
	strcat(text, "The quick red fox jumps over the lazy dog. ");
	for (i = 0; i < 20; i++)
		strcat(text, "and more and more words ");
	find("red fox jumps lazy", text, &s);
	assert_marked(&s, "jumps");
	assert_marked(&s, "lazy");
	assert_true(s.more_before && s.more_after);
	assert_true(s.len <= SNIPPET_MAX);
}

static void test_snippet_garbage(void **state)
{
	uint32_t seed = 7;
	char text[600];
	struct snippet s;
	size_t i, round;

	for (round = 0; round < 500; round++) {
		for (i = 0; i < sizeof(text) - 1; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = (char)(seed >> 24);
			if (!text[i])
				text[i] = 'a';
		}
		text[sizeof(text) - 1] = '\0';
		find("a b \xff", text, &s);
		assert_true(s.len <= SNIPPET_MAX);
		assert_int_equal(s.text[s.len], 0);
	}
}

/* ---- the program ------------------------------------------------------------------------------ */

struct result {
	int code;
	char out[1 << 18], err[1 << 16];
};

static FILE *redirect(FILE *stream, int *saved)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	fflush(stream);
	*saved = dup(fileno(stream));
	dup2(fileno(f), fileno(stream));
	return f;
}

static void restore(FILE *stream, int saved, FILE *f, char *text, size_t room)
{
	size_t n;

	fflush(stream);
	dup2(saved, fileno(stream));
	close(saved);
	rewind(f);
	n = fread(text, 1, room - 1, f);
	text[n] = '\0';
	fclose(f);
}

static struct result r;		/* of the last run() */

static int run_vector(char **argv, int argc)
{
	int out, err;
	FILE *fout = redirect(stdout, &out), *ferr = redirect(stderr, &err);

	r.code = vexctl_main(argc, argv);
	restore(stdout, out, fout, r.out, sizeof(r.out));
	restore(stderr, err, ferr, r.err, sizeof(r.err));
	return r.code;
}

/* run("search", "-c", "x", NULL) as in a shell; %: the root of the fake filesystem */
static int run(const char *word, ...)
{
	char *argv[40] = { strdup("vexctl") };
	int argc = 1, i, code;
	va_list ap;

	va_start(ap, word);
	for (; word; word = va_arg(ap, const char *)) {
		if (word[0] != '%')
			argv[argc++] = strdup(word);
		else if (asprintf(&argv[argc++], "%s%s", fake.root, word + 1) < 0)
			abort();
	}
	va_end(ap);
	/* vexctl may reorder the vector, so keep what to free */
	char *copy[40];

	memcpy(copy, argv, sizeof(copy));
	code = run_vector(argv, argc);
	for (i = 0; i < argc; i++)
		free(copy[i]);
	return code;
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' does not say '%s'", text, part);
}

static void write_file(const char *name, const char *data, size_t len)
{
	char path[PATH_MAX + 64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

/* Another modification time, whatever the clock's granularity. */
static void touch(const char *name, long seconds)
{
	struct timespec t[2] = { { seconds, 0 }, { seconds, 0 } };
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static int mount_fake(void **state)
{
	fake_mount();
	return 0;
}

static int umount_fake(void **state)
{
	fake_umount();
	return 0;
}

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
	assert_int_equal(run("search", "%", "q", NULL), 2);
	assert_says(r.err, "--collection NAME is missing");
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
	assert_says(r.err, "create it with");
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
	assert_says(r.err, "vexctl embed");
	assert_int_equal(run("embed", "-c", "x", "%", NULL), 0);
	assert_says(r.out, "embedded 5 of 8 files");
	assert_says(r.out, "binary 1, without words 2, failed 0");
	snprintf(model, sizeof(model), "%s/.vexctl/x.lexical", fake.root);
	assert_int_equal(access(model, R_OK), 0);

	assert_int_equal(run("search", "-c", "x", "--k", "2", "--snippet", "%",
			     "sending mail by SMTP", NULL), 0);
	assert_says(r.out, "   1 ");
	assert_says(r.out, "  mail\n      Mail transfer agent");
	assert_null(strstr(r.out, "game"));
	/* scope, and a name that would drive the terminal */
	assert_int_equal(run("search", "-c", "x", "--exact", "%/sub", "mail", NULL), 0);
	assert_says(r.out, "\\x1b[31mred\\xff");
	assert_null(strstr(r.out, "transfer"));
	assert_null(strchr(r.out, 0x1b));
	assert_int_equal(run("search", "-c", "x", "--json", "--snippet", "%/sub", "mail", NULL), 0);
	assert_says(r.out, "\"path_hex\": \"1b5b33316d726564ff\"");
	assert_says(r.out, "\"snippet\": \"Mail reader for the terminal\"");
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
	assert_int_equal(run("search", "-c", "x", "--k", "1", "%", "smtp", NULL), 0);
	assert_says(r.out, "mail  (stale)");
	assert_int_equal(run("search", "-c", "x", "--fresh", "--json", "%", "smtp", NULL), 0);
	assert_null(strstr(r.out, "\"mail\""));
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
	assert_says(r.err, "create it with");
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
	assert_says(r.out, "  game\n");
	assert_int_equal(run("search", "-c", "b", "-k", "1", "%", "ancient strategy", NULL), 0);
	assert_says(r.out, "  game\n");
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
	assert_int_equal(run("search", "-c", "x", "--vector", "%/q", "-k", "1024", "%", NULL), 0);
	assert_says(r.out, "   1      2.0000  b\n   2     18.0000  a\n");
	assert_says(r.out, "2 hits");
	assert_null(strstr(r.out, "SIMILARITY"));
	assert_int_equal(run("search", "-c", "x", "--vector", "%/q.raw", "--raw", "-k", "1", "%",
			     NULL), 0);
	assert_says(r.out, "   1      0.0000  a\n");
	assert_int_equal(run("search", "-c", "x", "--vector", "%/a", "%", NULL), 1);
	assert_int_equal(run("search", "-c", "x", "--vector", "%/none", "%", NULL), 1);
	assert_int_equal(run("search", "-c", "x", "--raw", "%", "q", NULL), 2);
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
	assert_int_equal(run("search", "-c", "x", "--vector", "%/v", "-k", "40", "%", NULL), 0);
	assert_true(fake.searches > 1);
	assert_null(strstr(r.out, "(inode"));
	assert_says(r.out, "40 hits");
}

#define ON_FAKE(test) cmocka_unit_test_setup_teardown(test, mount_fake, umount_fake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_vector_text),
		cmocka_unit_test(test_vector_too_long),
		cmocka_unit_test(test_vector_elements),
		cmocka_unit_test(test_passages),
		cmocka_unit_test(test_first_word),
		cmocka_unit_test(test_snippets),
		cmocka_unit_test(test_snippet_best),
		cmocka_unit_test(test_snippet_garbage),
		ON_FAKE(test_usage),
		ON_FAKE(test_option_errors),
		ON_FAKE(test_collections),
		ON_FAKE(test_set_get_del),
		ON_FAKE(test_raw),
		ON_FAKE(test_import),
		ON_FAKE(test_embed_and_search),
		ON_FAKE(test_embed_again),
		ON_FAKE(test_embed_passages),
		ON_FAKE(test_embed_errors),
		ON_FAKE(test_small_types),
		ON_FAKE(test_search_by_vector),
		ON_FAKE(test_long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
