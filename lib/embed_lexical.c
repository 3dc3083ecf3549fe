// SPDX-License-Identifier: GPL-2.0
/*
 * The lexical embedder: words and character n-grams, TF-IDF weights, signed
 * feature hashing, unit length. docs/embedding.md tells the whole method.
 *
 * Sources: Salton & Buckley, "Term-weighting approaches in automatic text
 * retrieval", 1988 (tf-idf, its query side); Cavnar & Trenkle, "N-Gram-Based
 * Text Categorization", 1994, and Bojanowski et al., "Enriching Word Vectors
 * with Subword Information", 2017 (n-grams of 3..5 characters inside words
 * with boundary marks, a word being the sum of its parts); Weinberger et al.,
 * "Feature Hashing for Large Scale Multitask Learning", 2009 (the sign that
 * makes the inner product of hashed vectors unbiased).
 */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/embed.h"
#include "lib/embed_words.h"

#define NGRAM_MIN	3
#define NGRAM_MAX	5
#define NGRAM_SEED	0x6e6772616dull		/* "ngram": apart from the words' hashes */
#define VOCABULARY_MAX	(1u << 19)		/* words remembered while fitting */
#define GRAMS_MAX	(3 * (VEX_WORD_CHARS + 2))

/*
 * Weights, chosen on held-out text: docs/embedding.md has the tables.
 * NGRAM_SHARE: length of a word's n-gram part; the word's own feature has
 *	length 1. WORD_SPREAD: elements the word's feature is spread over: with
 *	one, a single collision of two heavy words looks like a match, and the
 *	best ten of thousands are full of such accidents. LEAD: the first words of
 *	a document say what it is about more often than the others.
 */
#define NGRAM_SHARE	1.5f
#define WORD_SPREAD	4
#define WORD_SCALE	0.5f		/* 1 / sqrt(WORD_SPREAD) */
#define LEAD_WORDS	16
#define LEAD_BOOST	1.5f

/**
 * struct lexical - the embedder
 * @vocab:     while fitting: every word with its document frequency; afterwards
 *	       those in at least two documents (the others count as unseen)
 * @docs:      documents fitted
 * @counts:    words of the document at hand
 * @failed:    a word callback ran out of memory
 */
struct lexical {
	struct vex_embedder base;
	struct vex_word_table vocab;
	struct vex_word_table counts;
	uint32_t docs;
	int failed;
};

static struct lexical *to_lexical(const struct vex_embedder *e)
{
	return (struct lexical *)e;
}

static void lexical_destroy(struct vex_embedder *e)
{
	struct lexical *l = to_lexical(e);

	vex_word_table_free(&l->vocab);
	vex_word_table_free(&l->counts);
	free(l);
}

static struct vex_embedder *lexical_create(uint32_t dim)
{
	struct lexical *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->base.dim = dim;
	l->base.ops = &vex_lexical_ops;
	if (vex_word_table_init(&l->vocab) || vex_word_table_init(&l->counts)) {
		lexical_destroy(&l->base);
		return NULL;
	}
	return &l->base;
}

/* ---- n-grams ------------------------------------------------------------------ */

static bool all_digits(const char *word, size_t len)
{
	while (len && word[len - 1] >= '0' && word[len - 1] <= '9')
		len--;
	return !len;
}

/*
 * Hashes of the n-grams of "<word>". The whole marked word is left out: the
 * word's own feature stands for it. Numbers have none: 2018 is no form of 2019.
 */
static unsigned int ngrams(const char *word, size_t len, uint64_t hash[GRAMS_MAX])
{
	char marked[VEX_WORD_MAX + 2];
	uint8_t start[VEX_WORD_CHARS + 3];
	unsigned int chars = 0, n, i, count = 0;
	size_t b;

	if (all_digits(word, len))
		return 0;
	marked[0] = '<';
	memcpy(marked + 1, word, len);
	marked[len + 1] = '>';
	for (b = 0; b < len + 2 && chars < VEX_WORD_CHARS + 2; b++)
		if (((unsigned char)marked[b] & 0xc0) != 0x80)
			start[chars++] = (uint8_t)b;
	start[chars] = (uint8_t)(len + 2);
	for (n = NGRAM_MIN; n <= NGRAM_MAX && n < chars; n++)
		for (i = 0; i + n <= chars; i++)
			hash[count++] = XXH64(marked + start[i], start[i + n] - start[i],
					      NGRAM_SEED);
	return count;
}

/* ---- fitting -------------------------------------------------------------------- */

static void fit_word(void *ctx, const char *word, size_t len, unsigned int chars)
{
	struct lexical *l = ctx;
	struct vex_word *w;

	if (l->failed)
		return;
	w = vex_word_table_add(&l->vocab, vex_word_hash(word, len), NULL, 0, 0);
	if (!w) {
		l->failed = -ENOMEM;
		return;
	}
	if (w->stamp != l->docs) {	/* once per document */
		w->stamp = l->docs;
		w->count++;
	}
}

/*
 * A vocabulary that outgrows its bound forgets its rarest words, as in lossy
 * counting (Manku & Motwani 2002): what is forgotten is as good as unseen.
 */
static int bound_vocabulary(struct lexical *l)
{
	uint32_t min;
	int ret = 0;

	for (min = 2; !ret && l->vocab.used > VOCABULARY_MAX; min *= 2)
		ret = vex_word_table_prune(&l->vocab, min);
	return ret;
}

static int lexical_fit(struct vex_embedder *e, const char *text, size_t len)
{
	struct lexical *l = to_lexical(e);

	if (l->docs == UINT32_MAX)
		return -EOVERFLOW;
	l->docs++;
	l->failed = 0;
	vex_words(text, len < VEX_EMBED_MAX_TEXT ? len : VEX_EMBED_MAX_TEXT, fit_word, l);
	return l->failed ? l->failed : bound_vocabulary(l);
}

/* Smoothed: at least 1, so that a word all documents share still counts a little. */
static float idf(uint32_t docs, uint32_t df)
{
	return logf((1.0f + (float)docs) / (1.0f + (float)df)) + 1.0f;
}

/* Words of one document are as good as unseen ones: forgetting them halves the model. */
static int lexical_fit_done(struct vex_embedder *e)
{
	return vex_word_table_prune(&to_lexical(e)->vocab, 2);
}

/* ---- embedding ------------------------------------------------------------------ */

static void count_word(void *ctx, const char *word, size_t len, unsigned int chars)
{
	struct lexical *l = ctx;
	struct vex_word *w;

	if (l->failed)
		return;
	w = vex_word_table_add(&l->counts, vex_word_hash(word, len), word, len, chars);
	if (!w) {
		l->failed = -ENOMEM;
		return;
	}
	if (!w->count)
		w->stamp = l->counts.used;	/* order of first occurrence */
	w->count++;
}

/* Signed feature hashing: high bits choose the element, an independent bit the sign. */
static void add_feature(float *out, uint32_t dim, uint64_t hash, float weight)
{
	uint32_t i = (uint32_t)((hash >> 32) * dim >> 32);

	out[i] += hash & 1 ? weight : -weight;
}

/* The n-gram part of a word: NGRAM_SHARE * @weight long, as if its n-grams were orthogonal. */
static void add_ngrams(const struct lexical *l, const char *word, size_t len, float weight,
		       float *out)
{
	uint64_t hash[GRAMS_MAX];
	unsigned int n = ngrams(word, len, hash), i;

	if (!n)
		return;
	weight *= NGRAM_SHARE / sqrtf((float)n);
	for (i = 0; i < n; i++)
		add_feature(out, l->base.dim, hash[i], weight);
}

/* The feature of the word itself: several elements, so that no single collision weighs much. */
static void add_word(const struct lexical *l, uint64_t hash, float weight, float *out)
{
	unsigned int i;

	weight *= WORD_SCALE;
	for (i = 0; i < WORD_SPREAD; i++) {
		hash *= 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 32;
		add_feature(out, l->base.dim, hash, weight);
	}
}

static float word_weight(const struct lexical *l, const struct vex_word *w,
			 enum vex_text_kind kind)
{
	const struct vex_word *known = vex_word_table_find(&l->vocab, w->hash);
	float rarity = idf(l->docs, known ? known->count : 1);
	float lead = kind == VEX_TEXT_DOCUMENT && w->stamp <= LEAD_WORDS ? LEAD_BOOST : 1.0f;

	return (1.0f + logf((float)w->count)) * rarity * lead;
}

static int normalise(float *v, uint32_t dim)
{
	float sum = 0;
	uint32_t i;

	for (i = 0; i < dim; i++)
		sum += v[i] * v[i];
	/* Features can cancel, all of them only in very few dimensions. */
	if (!(sum > 0))
		return -ENODATA;
	sum = 1.0f / sqrtf(sum);
	for (i = 0; i < dim; i++)
		v[i] *= sum;
	return 0;
}

static int lexical_embed(struct vex_embedder *e, enum vex_text_kind kind, const char *text,
			 size_t len, float *out)
{
	struct lexical *l = to_lexical(e);
	const struct vex_word *w;
	float weight;
	uint32_t i;

	memset(out, 0, e->dim * sizeof(*out));
	vex_word_table_clear(&l->counts);
	l->failed = 0;
	vex_words(text, len < VEX_EMBED_MAX_TEXT ? len : VEX_EMBED_MAX_TEXT, count_word, l);
	if (l->failed)
		return l->failed;
	for (i = 0; i <= l->counts.mask; i++) {
		w = &l->counts.slots[i];
		if (!w->hash)
			continue;
		weight = word_weight(l, w, kind);
		add_word(l, w->hash, weight, out);
		add_ngrams(l, l->counts.arena + w->text, w->len, weight, out);
	}
	return normalise(out, e->dim);
}

static uint64_t lexical_documents(const struct vex_embedder *e)
{
	return to_lexical(e)->docs;
}

static float lexical_rarity(const struct vex_embedder *e, const char *word, size_t len)
{
	const struct lexical *l = (const struct lexical *)e;
	const struct vex_word *known = vex_word_table_find(&l->vocab, vex_word_hash(word, len));

	return idf(l->docs, known ? known->count : 1) - 1.0f;
}

/* ---- the model as a block of bytes ------------------------------------------------ */

/**
 * struct lexical_block - little-endian; followed by @words * { le64 hash, le32 df },
 * ascending by hash
 */
struct lexical_block {
	uint32_t docs;
	uint32_t words;
	uint64_t reserved;
};

struct lexical_record {
	uint64_t hash;
	uint32_t df;
} __attribute__((packed));

static int by_hash(const void *a, const void *b)
{
	uint64_t x = le64toh(((const struct lexical_record *)a)->hash);
	uint64_t y = le64toh(((const struct lexical_record *)b)->hash);

	return (x > y) - (x < y);
}

static int lexical_save(struct vex_embedder *e, void **block, size_t *len)
{
	struct lexical *l = to_lexical(e);
	struct lexical_block *head;
	struct lexical_record *rec;
	uint32_t i, n = 0;

	*len = sizeof(*head) + l->vocab.used * sizeof(*rec);
	head = calloc(1, *len);
	if (!head)
		return -ENOMEM;
	head->docs = htole32(l->docs);
	head->words = htole32(l->vocab.used);
	rec = (struct lexical_record *)(head + 1);
	for (i = 0; i <= l->vocab.mask; i++) {
		if (!l->vocab.slots[i].hash)
			continue;
		rec[n].hash = htole64(l->vocab.slots[i].hash);
		rec[n++].df = htole32(l->vocab.slots[i].count);
	}
	/* Sorted, so that equal models are equal files. */
	qsort(rec, n, sizeof(*rec), by_hash);
	*block = head;
	return 0;
}

static int load_word(struct lexical *l, const struct lexical_record *rec, uint64_t after)
{
	uint64_t hash = le64toh(rec->hash);
	uint32_t df = le32toh(rec->df);
	struct vex_word *w;

	if (hash <= after || df < 2 || df > l->docs)
		return -EBADMSG;
	w = vex_word_table_add(&l->vocab, hash, NULL, 0, 0);
	if (!w)
		return -ENOMEM;
	w->count = df;
	return 0;
}

static int lexical_load(struct vex_embedder *e, const void *block, size_t len)
{
	struct lexical *l = to_lexical(e);
	const struct lexical_block *head = block;
	const struct lexical_record *rec = (const void *)(head + 1);
	uint64_t after = 0;
	uint32_t words, i;
	int ret;

	if (len < sizeof(*head) || head->reserved)
		return -EBADMSG;
	words = le32toh(head->words);
	if (words > VOCABULARY_MAX || len != sizeof(*head) + words * sizeof(*rec))
		return -EBADMSG;
	l->docs = le32toh(head->docs);
	for (i = 0; i < words; i++) {
		ret = load_word(l, &rec[i], after);
		if (ret)
			return ret;
		after = le64toh(rec[i].hash);
	}
	return 0;
}

const struct vex_embedder_ops vex_lexical_ops = {
	.name = "lexical",
	.identity = "lexical 2",
	.create = lexical_create,
	.destroy = lexical_destroy,
	.fit = lexical_fit,
	.fit_done = lexical_fit_done,
	.embed = lexical_embed,
	.save = lexical_save,
	.load = lexical_load,
	.documents = lexical_documents,
	.rarity = lexical_rarity,
};
