// SPDX-License-Identifier: GPL-2.0
/* The embedders of lib/embed.h: words, the lexical embedder's behaviour, model files. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "lib/embed.h"
#include "lib/embed_words.h"
#include "tests/unit/slurp.h"

#define DIM	VEX_EMBED_DEFAULT_DIM

/* ---- words ---------------------------------------------------------------------- */

struct word_list {
	char text[4096];
	size_t len, words, longest;
};

static void collect(void *ctx, const char *word, size_t len, unsigned int chars)
{
	struct word_list *l = ctx;

	assert_in_range(len, 1, VEX_WORD_MAX);
	assert_in_range(chars, 1, VEX_WORD_CHARS);
	l->words++;
	if (len > l->longest)
		l->longest = len;
	if (l->len + len + 1 >= sizeof(l->text))
		return;
	memcpy(l->text + l->len, word, len);
	l->len += len;
	l->text[l->len++] = '|';
}

static const char *words_of(struct word_list *l, const char *text)
{
	memset(l, 0, sizeof(*l));
	vex_words(text, strlen(text), collect, l);
	return l->text;
}

static void test_words(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "" },
		{ " ...!? \n", "" },
		{ "The cat, the CAT", "the|cat|the|cat|" },
		{ "x86-64 in 2024", "x86|64|in|2024|" },
		{ "na\xc3\xafve \xc3\x9c" "BER", "na\xc3\xafve|\xc3\xbc" "ber|" },
		{ "\xc5\x81\xc3\xb3" "d\xc5\xba \xc5\xbd", "\xc5\x82\xc3\xb3" "d\xc5\xba|\xc5\xbe|" },
		{ "\xce\xa3\xce\xa9", "\xcf\x83\xcf\x89|" },
		{ "\xd0\x9c\xd0\xb8\xd1\x80", "\xd0\xbc\xd0\xb8\xd1\x80|" },
		/* an em dash and curly quotes separate */
		{ "a\xe2\x80\x94" "b \xe2\x80\x9c" "c\xe2\x80\x9d", "a|b|c|" },
		/* ideographs: overlapping pairs; a lone one is a word */
		{ "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
		  "\xe6\x97\xa5\xe6\x9c\xac|\xe6\x9c\xac\xe8\xaa\x9e|" },
		{ "x\xe6\x97\xa5y", "x|\xe6\x97\xa5|y|" },
		/* not UTF-8: Latin-1 letters, other bytes separate */
		{ "caf\xe9 \xff\x80z", "caf\xc3\xa9|\xc3\xbf|z|" },
		/* cut short at the end, overlong, surrogate, beyond Unicode */
		{ "a\xe2\x82", "a\xc3\xa2|" },
		{ "a\xc0\xaf" "b", "a\xc3\xa0|b|" },
		{ "a\xed\xa0\x80", "a\xc3\xad|" },
		{ "\xf5\x80\x80\x80", "\xc3\xb5|" },
	};
	struct word_list l;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(words_of(&l, cases[i].text), cases[i].words);
}

/* Equal text in other code points gives equal words; every script has some. */
static void test_unicode_words(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "cafe\xcc\x81 caf\xc3\xa9 CAF\xc3\x89", "caf\xc3\xa9|caf\xc3\xa9|caf\xc3\xa9|" },
		{ "\xc4\x90\xe1\xba\xa4T", "\xc4\x91\xe1\xba\xa5t|" },
		{ "Stra\xc3\x9f" "e STRASSE", "strasse|strasse|" },
		{ "\xef\xbc\xa6\xef\xbd\x95\xef\xbd\x8c\xef\xbd\x8c", "full|" },
		{ "\xf0\x9d\x90\x80\xf0\x9d\x90\x81", "ab|" },
		{ "o\xef\xac\x83" "ce", "office|" },
		{ "co\xc2\xad" "operate", "cooperate|" },
		{ "\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",
		  "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83|" },
		/* emoji, with a skin tone, joined: words of their own */
		{ "go\xf0\x9f\x9a\x80!", "go|\xf0\x9f\x9a\x80|" },
		{ "\xe2\x9d\xa4\xef\xb8\x8f", "\xe2\x9d\xa4|" },
		/* Hebrew, Arabic with a vowel sign, Hindi with its marks */
		{ "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d|" },
		{ "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\x80",
		  "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\x80|" },
		/* Thai, half-width katakana with its voicing mark, hangul in one word */
		{ "\xe0\xb8\x81\xe0\xb8\x82\xe0\xb8\x84",
		  "\xe0\xb8\x81\xe0\xb8\x82|\xe0\xb8\x82\xe0\xb8\x84|" },
		{ "\xef\xbd\xb6\xef\xbe\x9e\xef\xbd\xb7", "\xe3\x82\xac\xe3\x82\xad|" },
		{ "\xed\x95\x9c\xea\xb8\x80", "\xed\x95\x9c\xea\xb8\x80|" },
	};
	struct word_list l;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(words_of(&l, cases[i].text), cases[i].words);
}

static void test_long_words(void **state)
{
	struct word_list l;
	char text[1001];

	memset(text, 'a', 1000);
	text[1000] = '\0';
	words_of(&l, text);
	assert_int_equal(l.words, (1000 + VEX_WORD_CHARS - 1) / VEX_WORD_CHARS);
	assert_int_equal(l.longest, VEX_WORD_CHARS);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Any bytes: no overrun (ASan watches), words within bounds (collect() checks). */
static void test_random_bytes(void **state)
{
	uint64_t seed = 88172645463325252ull;
	struct word_list l;
	size_t round, i, len;
	char *text;

	for (round = 0; round < 2000; round++) {
		len = next_random(&seed) % 200;
		text = malloc(len ? len : 1);
		for (i = 0; i < len; i++)
			text[i] = (char)(next_random(&seed) >> (round & 1 ? 8 : 57));
		memset(&l, 0, sizeof(l));
		vex_words(text, len, collect, &l);
		free(text);
	}
}

static void test_utf8_round(void **state)
{
	const char *euro = "\xe2\x82\xac";
	uint32_t cp;
	bool valid;

	assert_int_equal(vex_utf8_decode(euro, euro + 3, &cp, &valid), 3);
	assert_int_equal(cp, 0x20ac);
	assert_true(valid);
	assert_int_equal(vex_utf8_decode(euro, euro + 2, &cp, &valid), 1);
	assert_int_equal(cp, 0xe2);
	assert_false(valid);
}

/* ---- word tables ------------------------------------------------------------------ */

static void test_word_table(void **state)
{
	struct vex_word_table t;
	struct vex_word *w;
	char name[16];
	unsigned int i, n;

	assert_int_equal(vex_word_table_init(&t), 0);
	for (i = 0; i < 20000; i++) {
		n = (unsigned int)snprintf(name, sizeof(name), "w%u", i);
		w = vex_word_table_add(&t, vex_word_hash(name, n), name, n, n);
		assert_non_null(w);
		w->count = i % 5;
	}
	assert_int_equal(t.used, 20000);
	assert_int_equal(vex_word_table_prune(&t, 3), 0);
	assert_int_equal(t.used, 8000);
	for (i = 0; i < 20000; i++) {
		n = (unsigned int)snprintf(name, sizeof(name), "w%u", i);
		w = vex_word_table_find(&t, vex_word_hash(name, n));
		assert_int_equal(w != NULL, i % 5 >= 3);
		if (w) {
			assert_int_equal(w->count, i % 5);
			assert_int_equal(w->len, n);
			assert_memory_equal(t.arena + w->text, name, n);
		}
	}
	vex_word_table_clear(&t);
	assert_int_equal(t.used, 0);
	vex_word_table_clear(&t);
	assert_true(t.mask < 4096);	/* shrinks when it has been found too large */
	vex_word_table_free(&t);
}

/* ---- the lexical embedder ---------------------------------------------------------- */

static const char *const corpus[] = {
	"A text editor for programmers with syntax highlighting and macros",
	"Text editor with syntax highlighting, macros and many plugins for programmers",
	"Strategy game set in ancient warfare, build cities and armies",
	"A turn-based strategy game about building an ancient empire",
	"Library for reading and writing compressed image files such as PNG and JPEG",
	"Convert images between PNG, JPEG and TIFF on the command line",
	"Mail transfer agent that delivers messages over SMTP",
	"Mail client for the terminal which speaks IMAP and SMTP",
	"Compiler for the C programming language, optimising for many processors",
	"Debugger for programs written in C and C++",
	"Plays music files and streams, with playlists",
	"Tool that edits the tags of music files",
};

#define NCORPUS (sizeof(corpus) / sizeof(corpus[0]))

static struct vex_embedder *new_embedder(uint32_t dim)
{
	struct vex_embedder *e;

	assert_int_equal(vex_embedder_create("lexical", dim, &e), 0);
	return e;
}

static struct vex_embedder *fitted(uint32_t dim)
{
	struct vex_embedder *e = new_embedder(dim);
	size_t i;

	for (i = 0; i < NCORPUS; i++)
		assert_int_equal(e->ops->fit(e, corpus[i], strlen(corpus[i])), 0);
	assert_int_equal(e->ops->fit_done(e), 0);
	return e;
}

static void embed(struct vex_embedder *e, enum vex_text_kind kind, const char *text, float *out)
{
	assert_int_equal(e->ops->embed(e, kind, text, strlen(text), out), 0);
}

static float dot(const float *a, const float *b, size_t n)
{
	float sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static float similarity(struct vex_embedder *e, const char *a, const char *b)
{
	float va[DIM], vb[DIM];

	embed(e, VEX_TEXT_DOCUMENT, a, va);
	embed(e, VEX_TEXT_DOCUMENT, b, vb);
	return dot(va, vb, DIM);
}

static void test_unit_length(void **state)
{
	static const uint32_t dims[] = { 2, 3, 64, 384, 1000, 16384 };
	struct vex_embedder *e;
	float *v;
	size_t i, k;

	for (i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
		e = fitted(dims[i]);
		v = malloc(dims[i] * sizeof(*v));
		for (k = 0; k < NCORPUS; k++) {
			embed(e, VEX_TEXT_DOCUMENT, corpus[k], v);
			assert_true(fabsf(dot(v, v, dims[i]) - 1.0f) < 1e-4f);
		}
		free(v);
		vex_embedder_destroy(e);
	}
}

static void test_near_and_far(void **state)
{
	struct vex_embedder *e = fitted(DIM);
	float near = similarity(e, corpus[0], corpus[1]);
	float far = similarity(e, corpus[0], corpus[6]);

	assert_true(near > 0.6f);
	assert_true(near > far + 0.4f);
	assert_true(similarity(e, corpus[2], corpus[3]) > similarity(e, corpus[2], corpus[4]));
	/* case and punctuation are nothing */
	assert_true(similarity(e, "Mail, client!", "mail CLIENT") > 0.9999f);
	vex_embedder_destroy(e);
}

/* Forms of a word share n-grams: near each other, far from other words. */
static void test_word_forms(void **state)
{
	static const char *const forms[][3] = {
		{ "compress", "compression", "bluetooth" },
		{ "synchronise", "synchronisation", "wallpaper" },
		{ "editor", "editors", "network" },
		{ "debugging", "debugger", "spreadsheet" },
	};
	struct vex_embedder *e = fitted(DIM);
	float form, other;
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		form = similarity(e, forms[i][0], forms[i][1]);
		other = similarity(e, forms[i][0], forms[i][2]);
		assert_true(form > 0.25f);
		assert_true(form > other + 0.2f);
	}
	/* numbers have no forms */
	assert_true(similarity(e, "2018", "2019") < 0.3f);
	vex_embedder_destroy(e);
}

static size_t nearest(struct vex_embedder *e, const char *query)
{
	float q[DIM], d[DIM], s, best = -2;
	size_t i, at = 0;

	embed(e, VEX_TEXT_QUERY, query, q);
	for (i = 0; i < NCORPUS; i++) {
		embed(e, VEX_TEXT_DOCUMENT, corpus[i], d);
		s = dot(q, d, DIM);
		if (s > best) {
			best = s;
			at = i;
		}
	}
	return at;
}

static void test_queries(void **state)
{
	struct vex_embedder *e = fitted(DIM);
	size_t i;

	/* a document's own words find it */
	for (i = 0; i < NCORPUS; i++)
		assert_int_equal(nearest(e, corpus[i]), i);
	assert_int_equal(nearest(e, "ancient warfare"), 2);
	assert_int_equal(nearest(e, "converting an image to tiff"), 5);
	assert_int_equal(nearest(e, "deliver mail by smtp"), 6);
	assert_int_equal(nearest(e, "tag editing for music"), 11);
	vex_embedder_destroy(e);
}

/* Frequent words must not decide: that is what the fit is for. */
static void test_rare_words_weigh_more(void **state)
{
	struct vex_embedder *e = new_embedder(DIM);
	float q[DIM], a[DIM], b[DIM];
	char text[64];
	int i;

	for (i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "common words everywhere number%d", i);
		assert_int_equal(e->ops->fit(e, text, strlen(text)), 0);
	}
	assert_int_equal(e->ops->fit_done(e), 0);
	embed(e, VEX_TEXT_QUERY, "common zebra", q);
	embed(e, VEX_TEXT_DOCUMENT, "common everywhere", a);
	embed(e, VEX_TEXT_DOCUMENT, "zebra crossing", b);
	assert_true(dot(q, b, DIM) > dot(q, a, DIM) + 0.2f);
	vex_embedder_destroy(e);
}

static void test_nothing_to_embed(void **state)
{
	struct vex_embedder *e = fitted(DIM);
	float v[DIM];
	static const char zeros[100];

	assert_int_equal(e->ops->embed(e, VEX_TEXT_DOCUMENT, "", 0, v), -ENODATA);
	assert_int_equal(e->ops->embed(e, VEX_TEXT_DOCUMENT, " .,;\n", 5, v), -ENODATA);
	assert_int_equal(e->ops->embed(e, VEX_TEXT_DOCUMENT, zeros, sizeof(zeros), v), -ENODATA);
	vex_embedder_destroy(e);
}

static void test_binary_and_huge(void **state)
{
	struct vex_embedder *e = fitted(DIM);
	size_t len = VEX_EMBED_MAX_TEXT + 4096, i;
	uint64_t seed = 1234567;
	char *text = malloc(len);
	float a[DIM], b[DIM];

	for (i = 0; i < len; i++)
		text[i] = (char)next_random(&seed);
	assert_int_equal(e->ops->fit(e, text, len), 0);
	assert_int_equal(e->ops->embed(e, VEX_TEXT_DOCUMENT, text, len, a), 0);
	assert_true(fabsf(dot(a, a, DIM) - 1.0f) < 1e-3f);
	/* what lies beyond the bound does not count */
	memset(text + VEX_EMBED_MAX_TEXT, 'x', 4096);
	assert_int_equal(e->ops->embed(e, VEX_TEXT_DOCUMENT, text, len, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	free(text);
	vex_embedder_destroy(e);
}

/* More distinct words than are remembered: bounded memory, and the frequent ones stay. */
static void test_bounded_vocabulary(void **state)
{
	struct vex_embedder *e = new_embedder(DIM);
	char *text = malloc(VEX_EMBED_MAX_TEXT);
	unsigned int doc, word = 0;
	size_t len, size;
	void *block;

	for (doc = 0; doc < 6; doc++) {
		len = (size_t)sprintf(text, "frequent words ");
		while (len < VEX_EMBED_MAX_TEXT - 16)
			len += (size_t)sprintf(text + len, "%x ", 0x100000 + word++);
		assert_int_equal(e->ops->fit(e, text, len), 0);
	}
	assert_true(word > 1u << 19);
	assert_int_equal(e->ops->fit_done(e), 0);
	assert_int_equal(e->ops->save(e, &block, &size), 0);
	assert_true(size < 256);	/* two words */
	free(block);
	free(text);
	vex_embedder_destroy(e);
}

static void test_deterministic(void **state)
{
	struct vex_embedder *a = fitted(DIM), *b = fitted(DIM);
	float va[DIM], vb[DIM];
	size_t i;

	for (i = 0; i < NCORPUS; i++) {
		embed(a, VEX_TEXT_DOCUMENT, corpus[i], va);
		embed(b, VEX_TEXT_DOCUMENT, corpus[NCORPUS - 1 - i], vb);	/* other history */
		embed(b, VEX_TEXT_DOCUMENT, corpus[i], vb);
		assert_memory_equal(va, vb, sizeof(va));
	}
	vex_embedder_destroy(a);
	vex_embedder_destroy(b);
}

static void test_create_errors(void **state)
{
	struct vex_embedder *e;

	assert_int_equal(vex_embedder_create("nonsense", DIM, &e), -EINVAL);
	assert_int_equal(vex_embedder_create("lexical", 0, &e), -EINVAL);
	assert_int_equal(vex_embedder_create("lexical", VEX_EMBED_MAX_DIM + 1, &e), -EINVAL);
	vex_embedder_destroy(NULL);
}

/* ---- model files -------------------------------------------------------------------- */

static int temporary_dir(char path[64])
{
	int fd;

	strcpy(path, "/tmp/vex-embed-XXXXXX");
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	return fd;
}

static void test_model_round_trip(void **state)
{
	struct vex_embedder *a = fitted(DIM), *b;
	float va[DIM], vb[DIM];
	char path[64];
	int dir = temporary_dir(path);

	assert_int_equal(vex_model_save(a, dir, "m"), 0);
	assert_int_equal(vex_model_save(a, dir, "m"), 0);	/* replaces */
	assert_int_equal(vex_model_load(dir, "m", &b), 0);
	assert_int_equal(b->dim, DIM);
	assert_int_equal(b->ops->documents(b), NCORPUS);
	embed(a, VEX_TEXT_QUERY, "strategy for editing mail", va);
	embed(b, VEX_TEXT_QUERY, "strategy for editing mail", vb);
	assert_memory_equal(va, vb, sizeof(va));
	vex_embedder_destroy(a);
	vex_embedder_destroy(b);
	assert_int_equal(unlinkat(dir, "m", 0), 0);
	close(dir);
	assert_int_equal(rmdir(path), 0);	/* and no temporary file is left */
}

/* Every byte of a model file matters: changing any is noticed, and so is any other length. */
static void test_model_damage(void **state)
{
	struct vex_embedder *a = fitted(DIM), *b;
	unsigned char *file;
	char path[64];
	int dir = temporary_dir(path);
	size_t len, i;

	assert_int_equal(vex_model_save(a, dir, "m"), 0);
	len = slurp(dir, "m", &file);
	for (i = 0; i < len; i += i < 200 ? 1 : 977) {
		file[i] ^= 0x10;
		spit(dir, "m", file, len);
		assert_true(vex_model_load(dir, "m", &b) < 0);
		file[i] ^= 0x10;
	}
	for (i = 0; i < len; i += i < 100 ? 1 : 4099) {
		spit(dir, "m", file, i);
		assert_int_equal(vex_model_load(dir, "m", &b), -EBADMSG);
	}
	file[len] = 0;
	spit(dir, "m", file, len + 1);
	assert_int_equal(vex_model_load(dir, "m", &b), -EBADMSG);
	spit(dir, "m", file, len);
	assert_int_equal(vex_model_load(dir, "m", &b), 0);
	vex_embedder_destroy(b);
	assert_int_equal(vex_model_load(dir, "none", &b), -ENOENT);
	assert_int_equal(symlinkat("m", dir, "link"), 0);
	assert_int_equal(vex_model_load(dir, "link", &b), -EBADMSG);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(vex_model_load(dir, "fifo", &b), -EBADMSG);
	unlinkat(dir, "m", 0);
	unlinkat(dir, "link", 0);
	unlinkat(dir, "fifo", 0);
	close(dir);
	assert_int_equal(rmdir(path), 0);
	free(file);
	vex_embedder_destroy(a);
}

/* A block that passes no checksum reaches load() only from a liar: still no harm. */
static void test_model_lies(void **state)
{
	struct vex_embedder *a = fitted(DIM), *b;
	uint64_t seed = 42;
	unsigned char *block;
	void *p;
	size_t len, round, i;
	float v[DIM];

	assert_int_equal(a->ops->save(a, &p, &len), 0);
	block = p;
	for (round = 0; round < 300; round++) {
		unsigned char *lie = malloc(len);

		memcpy(lie, block, len);
		for (i = 0; i < 1 + round % 4; i++)
			lie[next_random(&seed) % (round & 1 ? 64 : len)] =
				(unsigned char)next_random(&seed);
		b = new_embedder(DIM);
		if (!b->ops->load(b, lie, len))
			b->ops->embed(b, VEX_TEXT_QUERY, corpus[0], strlen(corpus[0]), v);
		vex_embedder_destroy(b);
		free(lie);
	}
	b = new_embedder(DIM);
	assert_int_equal(b->ops->load(b, block, len - 1), -EBADMSG);
	assert_int_equal(b->ops->load(b, block, 3), -EBADMSG);
	vex_embedder_destroy(b);
	free(p);
	vex_embedder_destroy(a);
}

/* ---- real questions -------------------------------------------------------------------- */

struct question {
	char *text, *forum;
};

static char *copy_field(struct json_object *o, const char *name)
{
	struct json_object *field;

	assert_true(json_object_object_get_ex(o, name, &field));
	return strdup(json_object_get_string(field));
}

static struct question *load_questions(const char *dir, const char *name, size_t *n)
{
	struct question *all = NULL;
	struct json_object *o;
	char path[4096], *line = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/stackexchange-bge-768/%s", dir, name);
	f = fopen(path, "r");
	if (!f)
		return NULL;
	for (*n = 0; getline(&line, &room, f) > 0; (*n)++) {
		o = json_tokener_parse(line);
		assert_non_null(o);
		all = realloc(all, (*n + 1) * sizeof(*all));
		all[*n] = (struct question){ copy_field(o, "text"), copy_field(o, "forum") };
		json_object_put(o);
	}
	free(line);
	fclose(f);
	return all;
}

static void free_questions(struct question *q, size_t n)
{
	while (n--) {
		free(q[n].text);
		free(q[n].forum);
	}
	free(q);
}

/* How many of the ten nearest are of the query's forum. */
static unsigned int same_forum(const float *all, const struct question *base, size_t n,
			       const float *q, const char *forum)
{
	float best[10], s;
	size_t at[10], i, k;
	unsigned int same = 0;

	for (k = 0; k < 10; k++)
		best[k] = -2;
	for (i = 0; i < n; i++) {
		s = dot(all + i * DIM, q, DIM);
		if (s <= best[9])
			continue;
		for (k = 9; k && best[k - 1] < s; k--) {
			best[k] = best[k - 1];
			at[k] = at[k - 1];
		}
		best[k] = s;
		at[k] = i;
	}
	for (k = 0; k < 10; k++)
		same += !strcmp(base[at[k]].forum, forum);
	return same;
}

/*
 * 200 held-out titles against 6,874 of nine forums. One title in nine, or a
 * little more, would be of the same forum by chance; see docs/embedding.md.
 */
static void test_stack_exchange(void **state)
{
	const char *dir = getenv("VEXFS_DATA") ? getenv("VEXFS_DATA") : "../shared/data";
	struct question *base, *queries = NULL;
	struct vex_embedder *e;
	size_t n, m, i, same = 0;
	float *all, q[DIM];

	base = load_questions(dir, "questions.jsonl", &n);
	if (base)
		queries = load_questions(dir, "queries.jsonl", &m);
	if (!base || !queries) {
		print_message("# SKIP: no Stack Exchange titles in %s (set VEXFS_DATA)\n", dir);
		skip();
	}
	e = new_embedder(DIM);
	for (i = 0; i < n; i++)
		assert_int_equal(e->ops->fit(e, base[i].text, strlen(base[i].text)), 0);
	assert_int_equal(e->ops->fit_done(e), 0);
	all = malloc(n * DIM * sizeof(*all));
	for (i = 0; i < n; i++)
		embed(e, VEX_TEXT_DOCUMENT, base[i].text, all + i * DIM);
	for (i = 0; i < m; i++) {
		embed(e, VEX_TEXT_QUERY, queries[i].text, q);
		same += same_forum(all, base, n, q, queries[i].forum);
	}
	print_message("# same forum: %.3f of the nearest ten\n", (double)same / (double)(10 * m));
	assert_true((double)same / (double)(10 * m) > 0.50);
	vex_embedder_destroy(e);
	free(all);
	free_questions(base, n);
	free_questions(queries, m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_unicode_words),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_utf8_round),
		cmocka_unit_test(test_word_table),
		cmocka_unit_test(test_unit_length),
		cmocka_unit_test(test_near_and_far),
		cmocka_unit_test(test_word_forms),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_rare_words_weigh_more),
		cmocka_unit_test(test_nothing_to_embed),
		cmocka_unit_test(test_binary_and_huge),
		cmocka_unit_test(test_bounded_vocabulary),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_create_errors),
		cmocka_unit_test(test_model_round_trip),
		cmocka_unit_test(test_model_damage),
		cmocka_unit_test(test_model_lies),
		cmocka_unit_test(test_stack_exchange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
