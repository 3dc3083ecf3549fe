// SPDX-License-Identifier: GPL-2.0
/*
 * The embedder `static`: the lexical one in the first elements of a vector, and in the others the sum of word
 * vectors that were trained on the same texts (lib/static.h). docs/embedding.md tells the whole method.
 *
 * A word vector is what the word's neighbours say (from STATIC_ENOUGH words of text on) and what WordNet says,
 * if it is installed. With neither, the lexical embedder has all elements: fewer words than that make worse
 * vectors than none.
 *
 * A model, fitted or loaded, is one block of bytes of fixed layout. A loaded one is mapped from the file. Its
 * places are computed from sizes that were checked, never read from it: whatever it says, reading stays in it.
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
#include "lib/static.h"
#include "lib/static_model.h"

/*
 * Measured by ./vex bench embed; docs/embedding.md has the tables. WEIGHT: length of the word vectors' part beside
 * the lexical part's 1. Of a query of words that no text has, but WordNet knows, the lexical part says hardly more
 * than chance, and gets UNKNOWN_LEXICAL beside UNKNOWN_STATIC. If WordNet is all there is, queries of known words
 * have the lexical part only: that ranks as the lexical embedder does.
 */
#define WEIGHT		0.6f
#define UNKNOWN_LEXICAL	0.3f
#define UNKNOWN_STATIC	1.0f
#define NOISE		4.0f	/* deviations of chance that a cosine must be above: 1 in 30,000 is */

/**
 * struct static_embedder - the embedder
 * @lexical: its first part
 * @corpus:  while fitting
 * @own:     the model's block, if it was made here
 * @counts:  words of the text at hand
 */
struct static_embedder {
	struct vex_embedder base;
	struct vex_embedder *lexical;
	struct static_corpus corpus;
	struct static_model model;
	void *own;
	struct vex_word_table counts;
	int failed;
};

static struct static_embedder *to_static(struct vex_embedder *e)
{
	return (struct static_embedder *)e;
}

static void static_destroy(struct vex_embedder *e)
{
	struct static_embedder *s = to_static(e);

	vex_embedder_destroy(s->lexical);
	static_corpus_free(&s->corpus);
	vex_word_table_free(&s->counts);
	free(s->own);
	free(s);
}

static struct vex_embedder *static_create(uint32_t dim)
{
	struct static_embedder *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->base.dim = dim;
	s->base.ops = &vex_static_ops;
	s->lexical = vex_lexical_ops.create(dim);
	if (!s->lexical || static_corpus_init(&s->corpus) || vex_word_table_init(&s->counts)) {
		static_destroy(&s->base);
		return NULL;
	}
	return &s->base;
}

static int static_fit(struct vex_embedder *e, const char *text, size_t len)
{
	struct static_embedder *s = to_static(e);
	int ret = vex_lexical_ops.fit(s->lexical, text, len);

	return ret ? ret : static_corpus_add(&s->corpus, text, len);
}

/* The model is there: what the block has is what counts. */
static int use_block(struct static_embedder *s, const void *block, size_t len)
{
	XXH128_canonical_t hash;
	int ret = static_model_open(&s->model, block, len);

	if (!ret && s->model.dim * 2 > s->base.dim)
		ret = -EBADMSG;
	if (ret)
		return ret;
	s->lexical->dim = s->base.dim - s->model.dim;
	XXH128_canonicalFromHash(&hash, XXH3_128bits(block, len));
	memcpy(s->base.fingerprint, hash.digest, sizeof(hash.digest));
	return 0;
}

static int static_fit_done(struct vex_embedder *e)
{
	struct static_embedder *s = to_static(e);
	size_t len;
	int ret = vex_lexical_ops.fit_done(s->lexical);

	if (!ret)
		ret = static_model_make(&s->base, s->lexical, &s->corpus, &s->own, &len);
	static_corpus_free(&s->corpus);
	return ret ? ret : use_block(s, s->own, len);
}

static int static_load(struct vex_embedder *e, const void *block, size_t len)
{
	struct static_embedder *s = to_static(e);
	int ret = use_block(s, block, len);

	return ret ? ret : vex_lexical_ops.load(s->lexical, s->model.lexical, s->model.lexical_len);
}

static int static_save(struct vex_embedder *e, void **block, size_t *len)
{
	struct static_embedder *s = to_static(e);

	*len = s->model.len;
	*block = malloc(*len + 1);
	if (!*block)
		return -ENOMEM;
	memcpy(*block, s->model.block, *len);
	return 0;
}

/* ---- embedding ------------------------------------------------------------------------------- */

static void count_word(void *ctx, const char *word, size_t len, unsigned int chars)
{
	struct static_embedder *s = ctx;
	struct vex_word *w;

	if (s->failed)
		return;
	w = vex_word_table_add(&s->counts, vex_word_hash(word, len), word, len, chars);
	if (w)
		w->count++;
	else
		s->failed = -ENOMEM;
}

/**
 * struct strange - how much of a query is known by its meaning only
 */
struct strange {
	float known, all;
};

static void add_words(struct static_embedder *s, float *out, struct strange *strange)
{
	const struct vex_word_table *t = &s->counts;
	const struct vex_word *w;
	const char *word;
	float rarity, weight;
	uint32_t i, at;

	for (i = 0; i <= t->mask; i++) {
		w = &t->slots[i];
		if (!w->hash)
			continue;
		word = t->arena + w->text;
		rarity = vex_lexical_ops.rarity(s->lexical, word, w->len);
		weight = rarity * (1.0f + logf((float)w->count));
		at = static_model_find(&s->model, word, w->len);
		if (at < s->model.words)
			static_model_add(&s->model, at, weight, out);
		strange->all += weight;
		if (at < s->model.words && static_model_is_strange(&s->model, at))
			strange->known += weight;
	}
}

static void scale(float *v, uint32_t n, float by)
{
	while (n--)
		*v++ *= by;
}

/* To length 1, or nothing at all. */
static bool normalise(float *v, uint32_t n)
{
	double sum = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		sum += (double)v[i] * (double)v[i];
	if (!(sum > 1e-12))
		return false;
	scale(v, n, (float)(1 / sqrt(sum)));
	return true;
}

/* Cosines by chance: each part's deviation is 1 / sqrt(elements) times the lengths of both texts' parts. */
static float noise(const struct static_embedder *s, float lexical, float words)
{
	float document = 1 / (1 + WEIGHT * WEIGHT), query = 1 / (lexical * lexical + words * words), sum;

	sum = query * lexical * lexical * document / (float)(s->base.dim - s->model.dim);
	sum += query * words * words * document * WEIGHT * WEIGHT / (float)s->model.dim;
	return NOISE * sqrtf(sum);
}

/* Lengths of both parts: of a query, by the @share of it that is strange to all texts. */
static void weigh(struct static_embedder *s, enum vex_text_kind kind, float share, float *out)
{
	float words = s->model.trained || kind == VEX_TEXT_DOCUMENT ? WEIGHT : 0, lexical = 1;
	uint32_t split = s->base.dim - s->model.dim;

	if (kind == VEX_TEXT_QUERY) {
		lexical += share * (UNKNOWN_LEXICAL - lexical);
		words += share * (UNKNOWN_STATIC - words);
		s->base.noise = noise(s, lexical, words);
	}
	scale(out, split, lexical);
	scale(out + split, s->model.dim, words);
	normalise(out, s->base.dim);
}

static int add_static(struct static_embedder *s, enum vex_text_kind kind, const char *text, size_t len, float *out)
{
	float *part = out + s->base.dim - s->model.dim;
	struct strange strange = { 0 };

	vex_word_table_clear(&s->counts);
	s->failed = 0;
	vex_words(text, len < VEX_EMBED_MAX_TEXT ? len : VEX_EMBED_MAX_TEXT, count_word, s);
	if (s->failed)
		return s->failed;
	add_words(s, part, &strange);
	if (!normalise(part, s->model.dim))
		return 0;
	static_model_centre(&s->model, part);
	if (!normalise(part, s->model.dim))
		return 0;
	weigh(s, kind, strange.all > 0 ? strange.known / strange.all : 0, out);
	return 0;
}

static int static_embed(struct vex_embedder *e, enum vex_text_kind kind, const char *text, size_t len, float *out)
{
	struct static_embedder *s = to_static(e);
	int ret;

	memset(out, 0, e->dim * sizeof(*out));
	if (kind == VEX_TEXT_QUERY)
		e->noise = 0;
	ret = vex_lexical_ops.embed(s->lexical, kind, text, len, out);
	return ret || !s->model.dim ? ret : add_static(s, kind, text, len, out);
}

static uint64_t static_documents(const struct vex_embedder *e)
{
	return vex_lexical_ops.documents(((const struct static_embedder *)e)->lexical);
}

static float static_rarity(const struct vex_embedder *e, const char *word, size_t len)
{
	return vex_lexical_ops.rarity(((const struct static_embedder *)e)->lexical, word, len);
}

static float static_kin(const struct vex_embedder *e, const char *a, size_t alen, const char *b, size_t blen)
{
	const struct static_model *m = &((const struct static_embedder *)e)->model;
	uint32_t x = static_model_find(m, a, alen), y;

	if (x == m->words || !static_model_is_strange(m, x))
		return 0;
	y = static_model_find(m, b, blen);
	return y < m->words ? static_model_cosine(m, x, y) : 0;
}

const struct vex_embedder_ops vex_static_ops = {
	.name = "static",
	.identity = "static 1",
	.mapped = true,
	.create = static_create,
	.destroy = static_destroy,
	.fit = static_fit,
	.fit_done = static_fit_done,
	.embed = static_embed,
	.save = static_save,
	.load = static_load,
	.documents = static_documents,
	.rarity = static_rarity,
	.kin = static_kin,
};
