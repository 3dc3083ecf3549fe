// SPDX-License-Identifier: GPL-2.0
/* The embedder `static`: its algebra, its training, WordNet, and models that are damaged or lie. */
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
#include <unistd.h>
#include <cmocka.h>

#include "lib/embed.h"
#include "lib/static.h"
#include "lib/static_model.h"
#include "lib/static_wordnet.h"
#include "tests/unit/slurp.h"
#include "tests/unit/toywordnet.h"

#define DIM	(2 * STATIC_DIM)

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* ---- algebra -------------------------------------------------------------------------- */

static double column_dot(const float *y, uint32_t n, uint32_t l, uint32_t a, uint32_t b)
{
	double s = 0;
	uint32_t r;

	for (r = 0; r < n; r++)
		s += (double)y[r * l + a] * (double)y[r * l + b];
	return s;
}

static void test_orthonormal(void **state)
{
	enum { N = 300, L = 12 };
	float y[N * L];
	uint64_t seed = 7;
	uint32_t i, j;

	for (i = 0; i < N * L; i++)
		y[i] = (float)next_random(&seed) / 2147483648.0f - 0.3f;
	for (i = 0; i < N; i++)		/* depends on two others */
		y[i * L + 5] = 2 * y[i * L + 1] - y[i * L + 3];
	assert_int_equal(static_orthonormalise(y, N, L), 0);
	for (i = 0; i < L; i++)
		for (j = 0; j < L; j++)
			assert_true(fabs(column_dot(y, N, L, i, j) - (i == j && i != 5)) < 1e-5);
}

static void test_eigen(void **state)
{
	enum { L = 20 };
	double a[L * L], v[L * L], values[L], av;
	uint64_t seed = 3;
	uint32_t i, j, k;

	for (i = 0; i < L; i++)
		for (j = 0; j <= i; j++)
			a[i * L + j] = a[j * L + i] = (double)(next_random(&seed) % 2001) / 1000 - 1;
	memcpy(v, a, sizeof(a));
	assert_int_equal(static_eigen(v, L, values), 0);
	for (k = 0; k < L; k++)
		for (i = 0; i < L; i++) {
			for (av = 0, j = 0; j < L; j++)
				av += a[i * L + j] * v[j * L + k];
			assert_true(fabs(av - values[k] * v[i * L + k]) < 1e-9);
		}
}

/* A sparse matrix of two blocks of ones: rank 2, eigenvalues the blocks' sizes. */
static void test_svd(void **state)
{
	enum { N = 100, FIRST = 60, D = 8 };
	struct static_matrix m = { .n = N };
	float *out = calloc(N * D, sizeof(*out)), s;
	uint32_t i, j, k;
	size_t n = 0;

	m.begin = calloc(N + 1, sizeof(*m.begin));
	m.column = calloc(N * N, sizeof(*m.column));
	m.value = calloc(N * N, sizeof(*m.value));
	for (i = 0; i < N; i++) {
		for (j = 0; j < N; j++)
			if ((i < FIRST) == (j < FIRST)) {
				m.column[n] = j;
				m.value[n++] = 1;
			}
		m.begin[i + 1] = n;
	}
	assert_int_equal(static_svd(&m, D, 0.5f, 1, out), 0);
	for (i = 0; i < N; i++)		/* U |S| U' is the matrix again */
		for (j = 0; j < N; j++) {
			for (s = 0, k = 0; k < D; k++)
				s += out[i * D + k] * out[j * D + k];
			assert_true(fabsf(s - ((i < FIRST) == (j < FIRST))) < 1e-3f);
		}
	static_matrix_free(&m);
	free(out);
}

/* ---- texts ------------------------------------------------------------------------------- */

static void add_text(struct static_corpus *c, const char *text)
{
	assert_int_equal(static_corpus_add(c, text, strlen(text)), 0);
}

static void test_corpus(void **state)
{
	struct static_vocabulary v;
	struct static_corpus c;
	unsigned int i;

	assert_int_equal(static_corpus_init(&c), 0);
	add_text(&c, "red green red");
	add_text(&c, "");
	add_text(&c, "green blue");
	assert_int_equal(c.words.used, 3);
	assert_int_equal(c.used, 3 + 1 + 1 + 2 + 1);
	assert_int_equal(static_vocabulary_make(&c, 2, &v), 0);
	assert_int_equal(v.n, 2);
	assert_int_equal(v.count[0] + v.count[1], 4);
	static_vocabulary_free(&v);
	for (c.most = 1000, i = 0; i < 5000; i++)
		add_text(&c, i & 1 ? "odd one" : "even two");
	assert_true(c.used <= c.most && c.used > c.most / 4);
	assert_true(c.stride >= 8);
	static_corpus_free(&c);
}

static float entry(const struct static_matrix *m, uint32_t row, uint32_t column)
{
	size_t i;

	for (i = m->begin[row]; i < m->begin[row + 1]; i++)
		if (m->column[i] == column)
			return m->value[i];
	return 0;
}

static uint32_t row_of(const struct static_corpus *c, const struct static_vocabulary *v, const char *word)
{
	const struct vex_word *w = vex_word_table_find(&c->words, vex_word_hash(word, strlen(word)));

	assert_non_null(w);
	return v->rank[w->stamp] - 1;
}

static void test_pmi(void **state)
{
	struct static_vocabulary v;
	struct static_corpus c;
	struct static_matrix m;
	uint32_t a, b, x;

	assert_int_equal(static_corpus_init(&c), 0);
	add_text(&c, "a b");
	add_text(&c, "a b");
	add_text(&c, "x y");
	add_text(&c, "x y");
	assert_int_equal(static_vocabulary_make(&c, 1, &v), 0);
	assert_int_equal(static_pmi(&c, &v, &m), 0);
	a = row_of(&c, &v, "a");
	b = row_of(&c, &v, "b");
	x = row_of(&c, &v, "x");
	/* p(a, b) = 1/4 of the ordered pairs, p(a) = p(b) = 1/4 */
	assert_true(fabsf(entry(&m, a, b) - logf(4)) < 1e-5f);
	assert_true(entry(&m, a, b) == entry(&m, b, a));
	assert_true(entry(&m, a, x) == 0 && entry(&m, a, a) == 0);
	static_matrix_free(&m);
	static_vocabulary_free(&v);
	static_corpus_free(&c);
}

/* ---- training ---------------------------------------------------------------------------- */

static const char *const topics[][12] = {
	{ "car", "automobile", "engine", "wheel", "brake", "garage", "driver", "road", "tyre", "fuel", "gear", "oil" },
	{ "doctor", "physician", "patient", "clinic", "fever", "pill", "nurse", "pulse", "blood", "ward", "bed", "cure" },
	{ "cat", "feline", "mouse", "fur", "claw", "purr", "milk", "whisker", "paw", "tail", "nap", "hunt" },
	{ "bread", "loaf", "oven", "dough", "yeast", "flour", "crust", "baker", "knead", "butter", "salt", "warm" },
};

/* The first two words of a topic are never in one text: what makes them alike is the company they keep. */
static void make_text(uint64_t *seed, unsigned int topic, char *text, size_t room)
{
	size_t len = (size_t)snprintf(text, room, "%s", topics[topic][next_random(seed) % 2]);
	unsigned int i;

	for (i = 0; i < 8; i++)
		len += (size_t)snprintf(text + len, room - len, " %s", topics[topic][2 + next_random(seed) % 10]);
}

static struct vex_embedder *trained(const char *name, unsigned int texts)
{
	struct vex_embedder *e;
	uint64_t seed = 11;
	char text[256];
	unsigned int i;

	assert_int_equal(vex_embedder_create(name, DIM, &e), 0);
	for (i = 0; i < texts; i++) {
		make_text(&seed, i % 4, text, sizeof(text));
		assert_int_equal(e->ops->fit(e, text, strlen(text)), 0);
	}
	return e;
}

#define ENOUGH_TEXTS	(STATIC_ENOUGH / 9 + 1)

static struct vex_embedder *fitted(const char *name, unsigned int texts)
{
	struct vex_embedder *e = trained(name, texts);

	assert_int_equal(e->ops->fit_done(e), 0);
	return e;
}

static float alike(struct vex_embedder *e, const char *query, const char *document)
{
	float a[DIM], b[DIM], s = 0, aa = 0, bb = 0;
	unsigned int i;

	assert_int_equal(e->ops->embed(e, VEX_TEXT_QUERY, query, strlen(query), a), 0);
	assert_int_equal(e->ops->embed(e, VEX_TEXT_DOCUMENT, document, strlen(document), b), 0);
	for (i = 0; i < DIM; i++) {
		s += a[i] * b[i];
		aa += a[i] * a[i];
		bb += b[i] * b[i];
	}
	assert_true(fabsf(aa - 1) < 1e-4f && fabsf(bb - 1) < 1e-4f);
	return s;
}

static void test_company(void **state)
{
	struct vex_embedder *e, *lexical = fitted("lexical", ENOUGH_TEXTS);

	vex_static_wordnet(NULL);
	e = fitted("static", ENOUGH_TEXTS);
	assert_true(alike(e, "car", "automobile") > alike(e, "car", "physician") + 0.15f);
	assert_true(alike(e, "physician", "doctor") > alike(e, "physician", "loaf") + 0.15f);
	assert_true(alike(lexical, "car", "automobile") < alike(e, "car", "automobile"));
	assert_true(alike(e, "car", "car") > alike(e, "car", "automobile"));
	vex_embedder_destroy(e);
	vex_embedder_destroy(lexical);
}

/* Too little text, and no WordNet: the vectors are those of the lexical embedder, bit by bit. */
static void test_small_tree(void **state)
{
	struct vex_embedder *e, *lexical = fitted("lexical", 400);
	float a[DIM], b[DIM];
	char text[256];
	uint64_t seed = 5;
	unsigned int i;

	vex_static_wordnet(NULL);
	e = fitted("static", 400);
	for (i = 0; i < 40; i++) {
		make_text(&seed, i % 4, text, sizeof(text));
		assert_int_equal(e->ops->embed(e, i & 1, text, strlen(text), a), 0);
		assert_int_equal(lexical->ops->embed(lexical, i & 1, text, strlen(text), b), 0);
		assert_memory_equal(a, b, sizeof(a));
	}
	assert_true(e->noise == 0);
	vex_embedder_destroy(e);
	vex_embedder_destroy(lexical);
}

static void test_deterministic(void **state)
{
	struct vex_embedder *a, *b;
	size_t alen, blen;
	void *x, *y;

	vex_static_wordnet(NULL);
	a = fitted("static", ENOUGH_TEXTS);
	b = fitted("static", ENOUGH_TEXTS);
	assert_int_equal(a->ops->save(a, &x, &alen), 0);
	assert_int_equal(b->ops->save(b, &y, &blen), 0);
	assert_int_equal(alen, blen);
	assert_memory_equal(x, y, alen);
	assert_memory_equal(a->fingerprint, b->fingerprint, sizeof(a->fingerprint));
	vex_embedder_destroy(a);
	a = fitted("static", ENOUGH_TEXTS + 1);
	assert_memory_not_equal(a->fingerprint, b->fingerprint, sizeof(a->fingerprint));
	vex_embedder_destroy(a);
	vex_embedder_destroy(b);
	free(x);
	free(y);
}

static int stop_at(void *ctx, uint32_t done, uint32_t of)
{
	assert_true(done <= of);
	return done == *(uint32_t *)ctx ? -EINTR : 0;
}

static void test_interrupted(void **state)
{
	struct vex_embedder *e;
	uint32_t at;

	vex_static_wordnet(NULL);
	for (at = 0; at < 4; at++) {
		e = trained("static", ENOUGH_TEXTS);
		e->step = stop_at;
		e->step_ctx = &at;
		assert_int_equal(e->ops->fit_done(e), -EINTR);
		vex_embedder_destroy(e);
	}
}

static void test_nothing(void **state)
{
	struct vex_embedder *e;
	float v[DIM];

	assert_int_equal(vex_embedder_create("static", DIM, &e), 0);
	assert_int_equal(e->ops->fit_done(e), 0);
	assert_int_equal(e->ops->embed(e, VEX_TEXT_QUERY, "...", 3, v), -ENODATA);
	assert_int_equal(e->ops->embed(e, VEX_TEXT_QUERY, "word", 4, v), 0);
	vex_embedder_destroy(e);
	assert_int_equal(vex_embedder_create("static", 8, &e), 0);	/* no room for words */
	assert_int_equal(e->ops->fit(e, "word", 4), 0);
	assert_int_equal(e->ops->fit_done(e), 0);
	assert_int_equal(e->ops->embed(e, VEX_TEXT_QUERY, "word", 4, v), 0);
	vex_embedder_destroy(e);
}

/* ---- WordNet -------------------------------------------------------------------------------- */

static size_t features(const struct wordnet *w, const char *word)
{
	size_t n;

	wordnet_find(w, vex_word_hash(word, strlen(word)), &n);
	return n;
}

static void test_wordnet(void **state)
{
	struct wordnet w;
	char dir[64];

	make_wordnet(dir);
	assert_int_equal(wordnet_read(dir, &w), 0);
	assert_int_equal(features(&w, "automobile"), 2);	/* its own, and the one above */
	assert_int_equal(features(&w, "car"), 3);
	assert_int_equal(features(&w, "geese"), 1);		/* goose */
	assert_int_equal(features(&w, "nonsense"), 0);
	assert_int_equal(features(&w, "motor"), 0);		/* part of a phrase */
	wordnet_free(&w);
	assert_int_equal(wordnet_read("/nonexistent", &w), -ENOENT);
	wordnet_file(dir, "index.noun", "car n many\n");
	assert_int_equal(wordnet_read(dir, &w), -EBADMSG);
	wordnet_file(dir, "index.noun", "car n 1 0 1 0 12x4\n");
	assert_int_equal(wordnet_read(dir, &w), -EBADMSG);
	wordnet_file(dir, "index.noun", wordnet_files[0].text);
	wordnet_file(dir, "data.noun", "00000100 06 n ff car 0 auto\n");
	assert_int_equal(wordnet_read(dir, &w), -EBADMSG);
	remove_wordnet(dir);
}

/* Lines cut anywhere, bytes of any kind: an error, or a smaller WordNet; never a read beyond. */
static void test_wordnet_bytes(void **state)
{
	uint64_t seed = 9;
	struct wordnet w;
	char dir[64], *text;
	unsigned int round, i;
	size_t which, len;

	make_wordnet(dir);
	for (round = 0; round < 400; round++) {
		which = round % 2;
		text = strdup(wordnet_files[which].text);
		len = strlen(text);
		for (i = 0; i < 1 + round % 3; i++)
			text[next_random(&seed) % len] = (char)(1 + next_random(&seed) % 255);
		if (round % 5 == 4)
			text[next_random(&seed) % len] = '\0';
		wordnet_file(dir, wordnet_files[which].name, text);
		if (!wordnet_read(dir, &w))
			wordnet_free(&w);
		wordnet_file(dir, wordnet_files[which].name, wordnet_files[which].text);
		free(text);
	}
	remove_wordnet(dir);
}

static struct vex_embedder *with_wordnet(const char *dir)
{
	static const char *const texts[] = {
		"the automobile has a dead battery", "two geese on the lake", "the van is full of boxes",
		"bread and butter for breakfast", "a letter from the town hall",
	};
	struct vex_embedder *e;
	size_t i;

	vex_static_wordnet(dir);
	assert_int_equal(vex_embedder_create("static", DIM, &e), 0);
	for (i = 0; i < 5; i++)
		assert_int_equal(e->ops->fit(e, texts[i], strlen(texts[i])), 0);
	assert_int_equal(e->ops->fit_done(e), 0);
	return e;
}

static void test_synonyms(void **state)
{
	const char *right = "the automobile has a dead battery", *wrong = "a letter from the town hall";
	struct vex_embedder *e;
	char dir[64];

	make_wordnet(dir);
	e = with_wordnet(dir);
	assert_true(alike(e, "car", right) > 0.15f);
	assert_true(alike(e, "car", right) > e->noise);
	assert_true(alike(e, "cars", right) > e->noise);
	assert_true(alike(e, "car", wrong) < e->noise);
	assert_true(alike(e, "goose", "two geese on the lake") > e->noise);
	assert_true(alike(e, "battery", right) > e->noise);
	vex_embedder_destroy(e);
	remove_wordnet(dir);
	vex_static_wordnet(NULL);
}

/* ---- models that are damaged ---------------------------------------------------------------- */

static struct vex_embedder *small_model(void)
{
	struct vex_embedder *e;
	char dir[64];

	make_wordnet(dir);
	e = with_wordnet(dir);
	remove_wordnet(dir);
	return e;
}

static void test_file_damage(void **state)
{
	struct vex_embedder *a = small_model(), *b;
	char path[64] = "/tmp/vex-static-XXXXXX";
	unsigned char *file;
	size_t len, i;
	int dir;

	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(vex_model_save(a, dir, "m"), 0);
	len = slurp(dir, "m", &file);
	for (i = 0; i < len; i++) {	/* every truncation */
		spit(dir, "m", file, i);
		assert_int_equal(vex_model_load(dir, "m", &b), -EBADMSG);
	}
	for (i = 0; i < len; i++) {	/* every byte */
		file[i] ^= 0x10;
		spit(dir, "m", file, len);
		assert_true(vex_model_load(dir, "m", &b) < 0);
		file[i] ^= 0x10;
	}
	spit(dir, "m", file, len);
	assert_int_equal(vex_model_load(dir, "m", &b), 0);
	assert_string_equal(b->ops->name, "static");
	assert_memory_equal(a->fingerprint, b->fingerprint, sizeof(a->fingerprint));
	assert_true(alike(a, "car", "automobile") == alike(b, "car", "automobile"));
	vex_embedder_destroy(a);
	vex_embedder_destroy(b);
	unlinkat(dir, "m", 0);
	close(dir);
	assert_int_equal(rmdir(path), 0);
	free(file);
}

/* Blocks whose checksum is right, but not what they say. */
static void test_block_lies(void **state)
{
	struct vex_embedder *a = small_model(), *b;
	uint64_t seed = 42;
	unsigned char *lie;
	size_t len, i, round;
	void *block;
	float v[DIM];

	assert_int_equal(a->ops->save(a, &block, &len), 0);
	for (i = 0; i < len; i++) {
		lie = malloc(i + 1);	/* its end is seen by ASan */
		memcpy(lie, block, i);
		assert_int_equal(vex_embedder_create("static", DIM, &b), 0);
		assert_int_equal(b->ops->load(b, lie, i), -EBADMSG);
		vex_embedder_destroy(b);
		free(lie);
	}
	for (round = 0; round < 2000; round++) {
		lie = malloc(len);
		memcpy(lie, block, len);
		for (i = 0; i < 1 + round % 4; i++)
			lie[next_random(&seed) % (round & 1 ? 24 : len)] = (unsigned char)next_random(&seed);
		assert_int_equal(vex_embedder_create("static", DIM, &b), 0);
		if (!b->ops->load(b, lie, len))
			b->ops->embed(b, VEX_TEXT_QUERY, "the car and the geese", 21, v);
		vex_embedder_destroy(b);
		free(lie);
	}
	free(block);
	vex_embedder_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orthonormal),
		cmocka_unit_test(test_eigen),
		cmocka_unit_test(test_svd),
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_pmi),
		cmocka_unit_test(test_company),
		cmocka_unit_test(test_small_tree),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_wordnet),
		cmocka_unit_test(test_wordnet_bytes),
		cmocka_unit_test(test_synonyms),
		cmocka_unit_test(test_file_damage),
		cmocka_unit_test(test_block_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
