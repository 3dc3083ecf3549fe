// SPDX-License-Identifier: GPL-2.0
/* How well a passage answers a query by its words alone. */
#include <string.h>

#include "tools/vexctl/search.h"

#define FORM_WORTH	0.6f	/* another form of the word, against the word itself */
#define KIN_WORTH	0.5f	/* a word of the same meaning */
#define KIN_LEAST	0.35f	/* by chance words are as alike as this in 1 of a million pairs */
#define TF_HALF		1.2f	/* BM25's k1 and b */
#define LENGTH_SHARE	0.75f
#define USUAL_WORDS	150.0f	/* of a passage */

/**
 * struct tally - words of the query in a passage
 * @exact, @form, @kin: how often each occurs as it is, in another form, and by a word of its meaning
 * @words: of the passage
 */
struct tally {
	const struct terms *terms;
	unsigned int exact[TERMS_MAX], form[TERMS_MAX], kin[TERMS_MAX];
	unsigned int words;
};

static bool is_kin(const struct terms *t, unsigned int i, const char *word, size_t len)
{
	const struct vex_embedder *e = t->kin;

	return e && e->ops->kin(e, t->word[i], t->len[i], word, len) > KIN_LEAST;
}

static void count_word(void *ctx, const char *word, size_t len, unsigned int chars)
{
	struct tally *c = ctx;
	const struct terms *t = c->terms;
	unsigned int i;

	c->words++;
	for (i = 0; i < t->n; i++) {
		if (!terms_same(t->word[i], t->len[i], word, len))
			c->kin[i] += is_kin(t, i, word, len);
		else if (t->len[i] == len)
			c->exact[i]++;
		else
			c->form[i]++;
	}
}

static unsigned int count_exact(const struct terms *t, const char *text, size_t len)
{
	unsigned int i, n = 0;

	for (i = 0; i < t->nexact; i++)
		n += memmem(text, len, t->exact[i], t->exact_len[i]) != NULL;
	return n;
}

/* Okapi BM25, with the query's own weights. */
void words_score(const struct terms *t, const char *text, size_t len, struct word_score *s)
{
	struct tally c = { .terms = t };
	float total = 0, got = 0, rank = 0, length, tf, worth;
	unsigned int i;

	vex_words(text, len, count_word, &c);
	length = TF_HALF * (1 - LENGTH_SHARE + LENGTH_SHARE * (float)c.words / USUAL_WORDS);
	for (i = 0; i < t->n; i++) {
		worth = c.exact[i] ? 1.0f : c.form[i] ? FORM_WORTH : c.kin[i] ? KIN_WORTH : 0;
		tf = (float)c.exact[i] + FORM_WORTH * (float)c.form[i] + KIN_WORTH * (float)c.kin[i];
		total += t->weight[i];
		got += t->weight[i] * worth;
		rank += t->weight[i] * worth * tf / (tf + length);
	}
	s->share = total > 0 ? got / total : 0;
	s->rank = rank;
	s->verbatim = count_exact(t, text, len);
}
