// SPDX-License-Identifier: GPL-2.0
/* A query by its words, and what in it is to be taken as written. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/vexctl.h"

#define STEM_MIN	4	/* words that share so long a beginning count as forms of one */
#define FUNCTION_WEIGHT	0.1f	/* of words that are no subject, or in every document */
#define EXACT_MIN	3	/* bytes of an identifier */

static void add_term(void *ctx, const char *word, size_t len, unsigned int chars)
{
	struct terms *t = ctx;
	unsigned int i;

	for (i = 0; i < t->n; i++)
		if (t->len[i] == len && !memcmp(t->word[i], word, len))
			return;
	if (t->n == TERMS_MAX)
		return;
	memcpy(t->word[t->n], word, len);
	t->weight[t->n] = 1;
	t->len[t->n++] = len;
}

static void add_exact(struct terms *t, const char *s, size_t len)
{
	if (len < EXACT_MIN || t->nexact == EXACT_MAX)
		return;
	t->exact[t->nexact] = s;
	t->exact_len[t->nexact++] = len;
}

/* foo_bar, fooBar, foo.bar, foo::bar, a/b, ab-12, E1234: no word of prose is written so. */
static bool is_identifier(const char *s, size_t len)
{
	bool letter = false, digit = false, inner = false, hump = false;
	size_t i;

	for (i = 0; i < len; i++) {
		letter |= isalpha((unsigned char)s[i]);
		digit |= isdigit((unsigned char)s[i]);
		if (!i || i + 1 == len)
			continue;
		inner |= strchr("_./:@#$", s[i]) != NULL;
		hump |= islower((unsigned char)s[i - 1]) && isupper((unsigned char)s[i]);
	}
	return inner || hump || (letter && digit);
}

/* Sentences end in what identifiers do not. */
static size_t trim(const char **s, size_t len)
{
	while (len && strchr("('\"[{<`", **s)) {
		(*s)++;
		len--;
	}
	while (len && strchr(")'\"]}>`.,;:!?", (*s)[len - 1]))
		len--;
	return len;
}

static void find_identifiers(struct terms *t, const char *query)
{
	const char *p = query, *word;
	size_t len;

	while (*p) {
		p += strspn(p, " \t\r\n");
		word = p;
		len = strcspn(p, " \t\r\n");
		p += len;
		len = trim(&word, len);
		if (len && is_identifier(word, len))
			add_exact(t, word, len);
	}
}

static void find_quoted(struct terms *t, const char *query)
{
	const char *open = strchr(query, '"'), *end;

	while (open) {
		end = strchr(open + 1, '"');
		if (!end)
			return;
		add_exact(t, open + 1, (size_t)(end - open - 1));
		open = strchr(end + 1, '"');
	}
}

struct terms *terms_create(const char *query)
{
	struct terms *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	vex_words(query, strlen(query), add_term, t);
	find_quoted(t, query);
	find_identifiers(t, query);
	return t;
}

void terms_free(struct terms *t)
{
	free(t);
}

/* Alone they still find something: a query of such words only has them all alike. */
static float word_weight(const struct terms *t, unsigned int i, const struct vex_embedder *e)
{
	if (is_function_word(t->word[i], t->len[i]))
		return FUNCTION_WEIGHT;
	return FUNCTION_WEIGHT + (e->ops->rarity ? e->ops->rarity(e, t->word[i], t->len[i]) : 1);
}

void terms_weigh(struct terms *t, const struct vex_embedder *e)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		t->weight[i] = word_weight(t, i, e);
	t->kin = e->ops->kin ? e : NULL;
}

char *terms_subject(const struct terms *t)
{
	char *text = t->n < TERMS_MAX ? malloc(TERMS_MAX * (VEX_WORD_MAX + 1)) : NULL, *p = text;
	unsigned int i;

	for (i = 0; text && i < t->n; i++) {
		if (is_function_word(t->word[i], t->len[i]))
			continue;
		p = mempcpy(p, t->word[i], t->len[i]);
		*p++ = ' ';
	}
	if (p != text) {
		p[-1] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

bool terms_same(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t least = alen < blen ? alen : blen;

	if (memcmp(a, b, least))
		return false;
	return alen == blen || (least >= STEM_MIN && alen + blen - 2 * least <= least);
}
