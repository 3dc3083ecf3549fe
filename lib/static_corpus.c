// SPDX-License-Identifier: GPL-2.0
/* Texts as sequences of words; documented in lib/static.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/embed.h"
#include "lib/static.h"

#define FIRST_TOKENS	(1u << 14)

int static_corpus_init(struct static_corpus *c)
{
	memset(c, 0, sizeof(*c));
	c->stride = 1;
	c->most = STATIC_TOKENS_MAX;
	return vex_word_table_init(&c->words);
}

void static_corpus_free(struct static_corpus *c)
{
	vex_word_table_free(&c->words);
	free(c->tokens);
	memset(c, 0, sizeof(*c));
}

static int push(struct static_corpus *c, uint32_t id)
{
	size_t room = c->room ? 2 * c->room : FIRST_TOKENS;
	uint32_t *bigger;

	if (c->used == c->room) {
		bigger = realloc(c->tokens, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		c->tokens = bigger;
		c->room = room;
	}
	c->tokens[c->used++] = id;
	return 0;
}

static void add_token(void *ctx, const char *word, size_t len, unsigned int chars)
{
	struct static_corpus *c = ctx;
	uint64_t hash = vex_word_hash(word, len);
	struct vex_word *w = vex_word_table_find(&c->words, hash);

	if (c->failed || (!w && c->words.used >= STATIC_IDS_MAX))
		return;
	if (!w)
		w = vex_word_table_add(&c->words, hash, word, len, chars);
	if (!w) {
		c->failed = -ENOMEM;
		return;
	}
	if (!w->count++)
		w->stamp = c->words.used;
	c->failed = push(c, w->stamp);
}

/* Too many: every second of the texts that are kept goes, and so does every second that comes. */
static void thin_out(struct static_corpus *c)
{
	size_t from = 0, to = 0, i;
	bool keep = true;

	for (i = 0; i < c->used; i++) {
		if (c->tokens[i] != STATIC_BORDER)
			continue;
		if (keep) {
			memmove(c->tokens + to, c->tokens + from, (i + 1 - from) * sizeof(*c->tokens));
			to += i + 1 - from;
		}
		keep = !keep;
		from = i + 1;
	}
	c->used = to;
	c->stride *= 2;
}

int static_corpus_add(struct static_corpus *c, const char *text, size_t len)
{
	if (c->texts++ % c->stride)
		return 0;
	c->failed = 0;
	vex_words(text, len < VEX_EMBED_MAX_TEXT ? len : VEX_EMBED_MAX_TEXT, add_token, c);
	if (!c->failed)
		c->failed = push(c, STATIC_BORDER);
	if (!c->failed && c->used > c->most)
		thin_out(c);
	return c->failed;
}

/* ---- the vocabulary ------------------------------------------------------------------------- */

/* By the kept texts, not by all: a word that is in none of them has no neighbours. */
static void count_tokens(const struct static_corpus *c, uint32_t *count)
{
	size_t i;

	for (i = 0; i < c->used; i++)
		count[c->tokens[i]]++;
}

struct candidate {
	const struct vex_word *word;
	uint32_t count;
};

static int by_count(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->word->hash > y->word->hash) - (x->word->hash < y->word->hash);
}

static uint32_t find_candidates(const struct static_corpus *c, const uint32_t *count, uint32_t min,
				struct candidate *out)
{
	const struct vex_word *w;
	uint32_t i, n = 0;

	for (i = 0; i <= c->words.mask; i++) {
		w = &c->words.slots[i];
		if (w->hash && count[w->stamp] >= min)
			out[n++] = (struct candidate){ w, count[w->stamp] };
	}
	qsort(out, n, sizeof(*out), by_count);
	return n < STATIC_WORDS_MAX ? n : STATIC_WORDS_MAX;
}

int static_vocabulary_make(const struct static_corpus *c, uint32_t min_count, struct static_vocabulary *v)
{
	uint32_t *count = calloc(c->words.used + 1ull, sizeof(*count));
	struct candidate *all = calloc(c->words.used + 1ull, sizeof(*all));
	uint32_t i;
	int ret = -ENOMEM;

	memset(v, 0, sizeof(*v));
	if (!count || !all)
		goto out;
	count_tokens(c, count);
	v->n = find_candidates(c, count, min_count ? min_count : 1, all);
	v->ids = c->words.used + 1;
	v->word = calloc(v->n + 1ull, sizeof(*v->word));
	v->count = calloc(v->n + 1ull, sizeof(*v->count));
	v->rank = calloc(v->ids, sizeof(*v->rank));
	if (!v->word || !v->count || !v->rank)
		goto out;
	for (i = 0; i < v->n; i++) {
		v->word[i] = all[i].word;
		v->count[i] = all[i].count;
		v->rank[all[i].word->stamp] = i + 1;
	}
	ret = 0;
out:
	free(count);
	free(all);
	if (ret)
		static_vocabulary_free(v);
	return ret;
}

void static_vocabulary_free(struct static_vocabulary *v)
{
	free(v->word);
	free(v->count);
	free(v->rank);
	memset(v, 0, sizeof(*v));
}
