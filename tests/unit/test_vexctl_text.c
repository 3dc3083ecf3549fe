// SPDX-License-Identifier: GPL-2.0
/* vexctl: parsing of values, passages of text and snippets. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tools/vexctl/text_kind.h"
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

/* ---- UTF-16, HTML --------------------------------------------------------------------------- */

static void test_kinds(void **state)
{
	static const char le[] = "\xff\xfe" "a\0", bare[] = "h\0e\0l\0l\0o\0 \0w\0o\0r\0l\0d\0";

	assert_int_equal(text_kind(le, 4), TEXT_UTF16LE);
	assert_int_equal(text_kind("\xfe\xff\0a", 4), TEXT_UTF16BE);
	assert_int_equal(text_kind(bare, sizeof(bare) - 1), TEXT_UTF16LE);
	assert_int_equal(text_kind(bare + 1, sizeof(bare) - 2), TEXT_UTF16BE);
	assert_int_equal(text_kind("a\0\0b binary text", 17), TEXT_PLAIN);
	assert_int_equal(text_kind("\n<!DOCTYPE HTML>", 16), TEXT_HTML);
	assert_int_equal(text_kind("see <html>", 10), TEXT_PLAIN);
	assert_int_equal(text_kind("", 0), TEXT_PLAIN);
}

static void test_utf16(void **state)
{
	static const char raw[] = "\xff\xfe" "a\0\xe9\0\x3d\xd8\x80\xde\x00\xd8" "b\0x";
	char out[64], *whole;
	size_t n = text_from_utf16(raw, sizeof(raw) - 1, false, out, sizeof(out));

	assert_int_equal(n, 1 + 2 + 4 + 3 + 1);
	assert_memory_equal(out, "a\xc3\xa9\xf0\x9f\x9a\x80\xef\xbf\xbd" "b", n);
	whole = malloc(5);	/* never more than there is room for; ASan watches */
	n = text_from_utf16(raw, sizeof(raw) - 1, false, whole, 5);
	assert_int_equal(n, 3);
	free(whole);
}

static void html(const char *from, const char *to)
{
	char *text = strdup(from);
	size_t len = strlen(from), end;

	text_from_html(text, len);
	assert_int_equal(strlen(text), len);
	for (end = len; end && text[end - 1] == ' '; end--)
		;
	if (strlen(to) != end || strncmp(text, to, end))
		fail_msg("'%s' became '%s'", from, text);
	free(text);
}

static void test_html(void **state)
{
	html("plain", "plain");
	html("<p>one</p>two", "   one    two");
	html("a &lt; b &amp;c &#228; &#x20ac; &nope; & &;", "a <    b &c     \xc3\xa4     \xe2\x82\xac      &nope; & &;");
	html("caf&eacute;s x", "caf\xc3\xa9s       x");
	html("<b>bo</b>ld word", "bold        word");
	html("x<!-- no\n<p> -->y", "x       \n       y");
	html("<script>var a = '<p>';</script>z", "                               z");
	html("<style>p {", "");
	html("2 < 3 and <", "2 < 3 and <");
	html("<a href=\"x\">li</a>nk", "link");
	html("&#0;&#xd800;&#99999999;", "&#0;&#xd800;&#99999999;");
}

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
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_html),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
