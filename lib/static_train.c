// SPDX-License-Identifier: GPL-2.0
/* From a corpus, and WordNet, to a model; documented in lib/static_model.h. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/embed.h"
#include "lib/static.h"
#include "lib/static_block.h"
#include "lib/static_forms.h"
#include "lib/static_model.h"
#include "lib/static_wordnet.h"

#define MIN_COUNT	3	/* rarer words have too few neighbours to say what they mean */
#define POWER		0.5f	/* of the singular values: Levy, Goldberg & Dagan 2015 found less than 1 better */
#define SEED		1
#define MEANING		0.5f	/* of what WordNet says beside what neighbours say */
#define STEPS		4	/* told of */

/**
 * struct word - a word of the model
 * @base:     of what it is a form of, in WordNet; 0: of nothing there
 * @rank:     of its trained vector plus one; 0: it has none
 * @strange:  it is in no text
 */
struct word {
	uint64_t hash, base;
	uint32_t rank;
	bool strange;
};

/**
 * struct training - the work
 * @trained: vectors of the vocabulary, of unit length; NULL: too little text
 * @word:    of the model, ascending by hash; @vector: of each
 */
struct training {
	const struct vex_embedder *e;
	struct vex_embedder *lexical;
	const struct static_corpus *c;
	struct static_vocabulary v;
	struct wordnet wordnet;
	float *trained;
	struct word *word;
	float *vector, mean[STATIC_DIM];
	uint32_t n;
};

static const char *wordnet_dir = STATIC_WORDNET_DIR;

void vex_static_wordnet(const char *dir)
{
	wordnet_dir = dir;
}

static int step(const struct training *t, uint32_t done)
{
	return t->e->step ? t->e->step(t->e->step_ctx, done, STEPS) : 0;
}

static bool normalise(float *v)
{
	double sum = 0;
	uint32_t i;

	for (i = 0; i < STATIC_DIM; i++)
		sum += (double)v[i] * (double)v[i];
	if (!(sum > 1e-20))
		return false;
	for (i = 0; i < STATIC_DIM; i++)
		v[i] = (float)(v[i] / sqrt(sum));
	return true;
}

/* ---- what a word's neighbours say -------------------------------------------------------------- */

static int train_words(struct training *t)
{
	struct static_matrix m;
	uint32_t i;
	int ret = static_vocabulary_make(t->c, MIN_COUNT, &t->v);

	if (ret || !t->v.n)
		return ret;
	ret = static_pmi(t->c, &t->v, &m);
	if (ret)
		return ret;
	ret = step(t, 2);
	t->trained = ret ? NULL : malloc((size_t)t->v.n * STATIC_DIM * sizeof(float));
	if (!ret)
		ret = t->trained ? static_svd(&m, STATIC_DIM, POWER, SEED, t->trained) : -ENOMEM;
	static_matrix_free(&m);
	for (i = 0; !ret && i < t->v.n; i++)
		normalise(t->trained + (size_t)i * STATIC_DIM);
	return ret;
}

/* ---- what WordNet says ------------------------------------------------------------------------- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* A synset is a random direction (Kanerva et al., "Random Indexing", 2000): nearly orthogonal to all others. */
static void add_synset(uint64_t synset, float weight, float *v)
{
	uint64_t bits = 0;
	uint32_t i;

	for (i = 0; i < STATIC_DIM; i++, bits >>= 1) {
		if (!(i % 64))
			bits = mix(synset + (i / 64 + 1) * 0x9e3779b97f4a7c15ull);
		v[i] += bits & 1 ? weight : -weight;
	}
}

static void add_meaning(const struct training *t, uint64_t hash, float *v)
{
	size_t n, i;
	const struct wordnet_feature *f = wordnet_find(&t->wordnet, hash, &n);

	for (i = 0; i < n; i++)
		add_synset(f[i].synset, f[i].weight, v);
}

/* "buying" is a noun, and a form of the verb. */
static bool meaning_of(const struct training *t, const struct word *w, float *v)
{
	memset(v, 0, STATIC_DIM * sizeof(*v));
	add_meaning(t, w->hash, v);
	if (w->base)
		add_meaning(t, w->base, v);
	return normalise(v);
}

static bool is_in_wordnet(const struct training *t, uint64_t hash)
{
	size_t n;

	wordnet_find(&t->wordnet, hash, &n);
	return n > 0;
}

static uint64_t find_base(const struct training *t, const struct vex_word *w)
{
	char base[STATIC_BASE_MAX];
	unsigned int rule;
	uint64_t hash = 0;
	size_t n;

	for (rule = 0; !hash && t->wordnet.n && rule < STATIC_FORMS; rule++) {
		n = static_base(rule, t->c->words.arena + w->text, w->len, base);
		if (n && is_in_wordnet(t, vex_word_hash(base, n)))
			hash = vex_word_hash(base, n);
	}
	return hash;
}

/* ---- the model's words ------------------------------------------------------------------------- */

static void add_word(struct training *t, const struct word *w)
{
	if (t->n < STATIC_MODEL_WORDS)
		t->word[t->n++] = *w;
}

static void add_known(struct training *t)
{
	const struct vex_word_table *words = &t->c->words;
	const struct vex_word *w;
	struct word one;
	uint32_t i;

	for (i = 0; i < t->v.n && t->trained; i++) {
		w = t->v.word[i];
		add_word(t, &(struct word){ .hash = w->hash, .base = find_base(t, w), .rank = i + 1 });
	}
	for (i = 0; i <= words->mask; i++) {
		w = &words->slots[i];
		if (!w->hash || (t->trained && t->v.rank[w->stamp]))
			continue;
		one = (struct word){ .hash = w->hash, .base = find_base(t, w) };
		if (one.base || is_in_wordnet(t, w->hash))
			add_word(t, &one);
	}
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t list_synsets(const struct training *t, uint64_t hash, uint64_t *out)
{
	size_t n, k;
	const struct wordnet_feature *f = wordnet_find(&t->wordnet, hash, &n);

	for (k = 0; out && k < n; k++)
		out[k] = f[k].synset;
	return n;
}

/* Every synset of a known word, ascending. */
static uint64_t *known_synsets(const struct training *t, size_t *count)
{
	uint64_t *s;
	size_t n = 0, i;

	for (i = 0; i < t->n; i++)
		n += list_synsets(t, t->word[i].hash, NULL) + list_synsets(t, t->word[i].base, NULL);
	s = malloc((n + 1) * sizeof(*s));
	*count = 0;
	for (i = 0; s && i < t->n; i++) {
		*count += list_synsets(t, t->word[i].hash, s + *count);
		*count += list_synsets(t, t->word[i].base, s + *count);
	}
	if (s)
		qsort(s, *count, sizeof(*s), by_number);
	return s;
}

/* Words of WordNet alone that share a synset with one that is in the texts: one may ask by them. */
static int add_strange(struct training *t)
{
	const struct wordnet *w = &t->wordnet;
	size_t count, i, next;
	uint64_t *s = known_synsets(t, &count);
	bool shares;

	if (!s)
		return -ENOMEM;
	for (i = 0; i < w->n; i = next) {
		shares = false;
		for (next = i; next < w->n && w->feature[next].word == w->feature[i].word; next++)
			if (!shares && bsearch(&w->feature[next].synset, s, count, sizeof(*s), by_number))
				shares = true;
		if (shares && !vex_word_table_find(&t->c->words, w->feature[i].word))
			add_word(t, &(struct word){ .hash = w->feature[i].word, .strange = true });
	}
	free(s);
	return 0;
}

static int by_hash(const void *a, const void *b)
{
	const struct word *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

static int make_vectors(struct training *t)
{
	float meaning[STATIC_DIM], *v;
	uint32_t i, k;
	bool means;

	t->vector = calloc((size_t)t->n * STATIC_DIM + 1, sizeof(*t->vector));
	if (!t->vector)
		return -ENOMEM;
	for (i = 0; i < t->n; i++) {
		v = t->vector + (size_t)i * STATIC_DIM;
		if (t->word[i].rank)
			memcpy(v, t->trained + (size_t)(t->word[i].rank - 1) * STATIC_DIM, STATIC_DIM * sizeof(*v));
		means = meaning_of(t, &t->word[i], meaning);
		for (k = 0; means && k < STATIC_DIM; k++)
			v[k] += (t->word[i].rank ? MEANING : 1) * meaning[k];
		normalise(v);
	}
	return 0;
}

static int collect_words(struct training *t)
{
	int ret = 0;

	t->word = malloc(STATIC_MODEL_WORDS * sizeof(*t->word));
	if (!t->word)
		return -ENOMEM;
	add_known(t);
	if (t->n && t->wordnet.n)
		ret = add_strange(t);
	qsort(t->word, t->n, sizeof(*t->word), by_hash);
	return ret ? ret : make_vectors(t);
}

/* ---- the mean of the texts' vectors -------------------------------------------------------------- */

static const float *vector_of(const struct training *t, uint64_t hash)
{
	const struct word *w = bsearch(&(struct word){ .hash = hash }, t->word, t->n, sizeof(*w), by_hash);

	return w ? t->vector + (size_t)(w - t->word) * STATIC_DIM : NULL;
}

/* What all texts have in common does not tell them apart (Arora et al., 2017, take out a direction for it). */
static void add_text(float *sum, double *mean, uint64_t *n)
{
	uint32_t k;

	if (normalise(sum)) {
		for (k = 0; k < STATIC_DIM; k++)
			mean[k] += sum[k];
		++*n;
	}
	memset(sum, 0, STATIC_DIM * sizeof(*sum));
}

static int find_mean(struct training *t)
{
	const struct static_corpus *c = t->c;
	struct known {
		const float *vector;
		float weight;
	} *id = calloc(c->words.used + 1ull, sizeof(*id));
	double mean[STATIC_DIM] = { 0 };
	float sum[STATIC_DIM] = { 0 };
	const struct vex_word *w;
	uint64_t texts = 0;
	uint32_t i, k;
	size_t at;

	if (!id)
		return -ENOMEM;
	for (i = 0; i <= c->words.mask; i++) {
		w = &c->words.slots[i];
		if (w->hash)
			id[w->stamp] = (struct known){ vector_of(t, w->hash),
				t->lexical->ops->rarity(t->lexical, c->words.arena + w->text, w->len) };
	}
	for (at = 0; at < c->used; at++) {
		if (c->tokens[at] == STATIC_BORDER)
			add_text(sum, mean, &texts);
		for (k = 0; id[c->tokens[at]].vector && k < STATIC_DIM; k++)
			sum[k] += id[c->tokens[at]].weight * id[c->tokens[at]].vector[k];
	}
	for (k = 0; texts && k < STATIC_DIM; k++)
		t->mean[k] = (float)(mean[k] / (double)texts);
	free(id);
	return 0;
}

/* ---- the block ------------------------------------------------------------------------------------ */

static void put_float(unsigned char *p, float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	bits = htole32(bits);
	memcpy(p, &bits, sizeof(bits));
}

/* To bytes, of which the largest is 127. */
static float put_elements(signed char *out, const float *v)
{
	float largest = 0;
	uint32_t k;

	for (k = 0; k < STATIC_DIM; k++)
		largest = fabsf(v[k]) > largest ? fabsf(v[k]) : largest;
	for (k = 0; k < STATIC_DIM; k++)
		out[k] = largest > 0 ? (signed char)lrintf(v[k] * 127 / largest) : 0;
	return largest / 127;
}

static void put_words(const struct training *t, unsigned char *p)
{
	unsigned char *scales = p + 8ull * t->n, *means = scales + 4ull * t->n;
	signed char *elements = (signed char *)means + sizeof(t->mean);
	uint64_t hash;
	uint32_t i;
	float scale;

	for (i = 0; i < t->n; i++) {
		hash = htole64(t->word[i].hash);
		memcpy(p + 8ull * i, &hash, sizeof(hash));
		scale = put_elements(elements + (size_t)i * STATIC_DIM, t->vector + (size_t)i * STATIC_DIM);
		put_float(scales + 4ull * i, t->word[i].strange ? -scale : scale);
	}
	for (i = 0; i < STATIC_DIM; i++)
		put_float(means + 4ull * i, t->mean[i]);
}

static int make_block(const struct training *t, void **block, size_t *len)
{
	struct static_block *b;
	size_t lexical_len, head;
	void *lexical;
	int ret = t->lexical->ops->save(t->lexical, &lexical, &lexical_len);

	if (ret)
		return ret;
	head = sizeof(*b) + (size_t)static_round(lexical_len);
	*len = head + (t->n ? t->n * (12ull + STATIC_DIM) + sizeof(t->mean) : 0);
	b = calloc(1, *len);
	if (b) {
		b->version = htole32(STATIC_BLOCK_VERSION);
		b->words = htole32(t->n);
		b->dim = htole32(t->n ? STATIC_DIM : 0);
		b->trained = htole32(!!t->trained);
		b->lexical_len = htole64(lexical_len);
		memcpy(b + 1, lexical, lexical_len);
		if (t->n)
			put_words(t, (unsigned char *)b + head);
	}
	free(lexical);
	*block = b;
	return b ? 0 : -ENOMEM;
}

static bool is_enough(const struct static_corpus *c)
{
	size_t i, words = 0;

	for (i = 0; i < c->used && words < STATIC_ENOUGH; i++)
		words += c->tokens[i] != STATIC_BORDER;
	return words >= STATIC_ENOUGH;
}

static int train(struct training *t, void **block, size_t *len)
{
	int ret = step(t, 0);

	if (t->e->dim < 2 * STATIC_DIM)		/* no room beside the lexical part */
		return ret ? ret : make_block(t, block, len);
	if (!ret && wordnet_dir)
		ret = wordnet_read(wordnet_dir, &t->wordnet);
	if (ret == -ENOENT)
		ret = 0;	/* it need not be installed */
	if (!ret)
		ret = step(t, 1);
	if (!ret && is_enough(t->c))
		ret = train_words(t);
	if (!ret)
		ret = step(t, 3);
	if (!ret)
		ret = collect_words(t);
	if (!ret && t->n)
		ret = find_mean(t);
	if (!ret)
		ret = step(t, STEPS);
	return ret ? ret : make_block(t, block, len);
}

int static_model_make(const struct vex_embedder *e, struct vex_embedder *lexical, const struct static_corpus *c,
		      void **block, size_t *len)
{
	struct training t = { .e = e, .lexical = lexical, .c = c };
	int ret = train(&t, block, len);

	static_vocabulary_free(&t.v);
	wordnet_free(&t.wordnet);
	free(t.trained);
	free(t.word);
	free(t.vector);
	return ret;
}
