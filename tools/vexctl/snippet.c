// SPDX-License-Identifier: GPL-2.0
/* The window of a text that has most of a query's words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/vexctl.h"

#define MATCHES_MAX	4096
#define WINDOW		150	/* bytes between the first and the last match shown */
#define LEAD		30	/* bytes of context before the first match */
#define LINE_LEAD	90	/* unless the line begins so near */

/**
 * struct match - a word of the text that is (a form of) a query word
 */
struct match {
	size_t off, len;
	unsigned int term;
};

/**
 * struct finder - the search for matches in a text
 * @count: matches per term
 */
struct finder {
	const struct terms *terms;
	struct match match[MATCHES_MAX];
	size_t n;
	unsigned int count[TERMS_MAX];
};

/**
 * struct place - a word of the text as it is written
 */
struct place {
	struct finder *f;
	size_t off, len;
};

static void check_word(void *ctx, const char *word, size_t len, unsigned int chars)
{
	struct place *at = ctx;
	struct finder *f = at->f;
	const struct terms *t = f->terms;
	unsigned int i;

	for (i = 0; i < t->n && f->n < MATCHES_MAX; i++) {
		if (!terms_same(t->word[i], t->len[i], word, len))
			continue;
		/* what is written as one can be several words: once is enough */
		if (f->n && f->match[f->n - 1].off == at->off)
			return;
		f->match[f->n++] =
			(struct match){ .off = at->off, .len = at->len, .term = i };
		f->count[i]++;
		return;
	}
}

/* The words of vex_words(), with their places. */
static void find_matches(struct finder *f, const char *text, size_t len)
{
	const char *p = text, *end = text + len, *begin = NULL;
	struct place at = { .f = f };
	unsigned int n;
	uint32_t cp;
	bool valid, word;

	while (p < end && f->n < MATCHES_MAX) {
		n = vex_utf8_decode(p, end, &cp, &valid);
		word = vex_is_word_char(cp);
		if (word && !begin)
			begin = p;
		p += n;
		if (!begin || (word && p < end))
			continue;
		at.off = (size_t)(begin - text);
		at.len = (size_t)(p - begin) - (word ? 0 : n);
		vex_words(begin, at.len, check_word, &at);
		begin = NULL;
	}
}

/* What a window is worth: its distinct words, those rare in this text most. */
static float window_value(const struct finder *f, size_t first, size_t last)
{
	bool seen[TERMS_MAX] = { false };
	float value = 0;
	size_t i;

	for (i = first; i <= last; i++) {
		if (seen[f->match[i].term])
			continue;
		seen[f->match[i].term] = true;
		value += 1.0f / (1.0f + logf((float)f->count[f->match[i].term]));
	}
	return value;
}

/* Index of the first match of the best window; the earliest of equals. */
static size_t best_window(const struct finder *f)
{
	size_t first, last = 0, best = 0;
	float value, best_value = -1;

	for (first = 0; first < f->n; first++) {
		if (last < first)
			last = first;
		while (last + 1 < f->n && f->match[last + 1].off + f->match[last + 1].len <=
		       f->match[first].off + WINDOW)
			last++;
		value = window_value(f, first, last);
		if (value > best_value * 1.0001f) {
			best_value = value;
			best = first;
		}
	}
	return best;
}

/* Begin at the line's beginning if that is near, otherwise at a word's. */
static size_t window_start(const char *text, size_t match)
{
	size_t at = match, least = match > LINE_LEAD ? match - LINE_LEAD : 0;

	while (at > least && text[at - 1] != '\n')
		at--;
	if (!at || text[at - 1] == '\n')
		return at;
	at = match > LEAD ? match - LEAD : 0;
	while (at < match && text[at - 1] != ' ' && text[at - 1] != '\t')
		at++;
	return at;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static bool marked(const struct finder *f, size_t *next, size_t at)
{
	while (*next < f->n && f->match[*next].off + f->match[*next].len <= at)
		(*next)++;
	return *next < f->n && f->match[*next].off <= at;
}

/* Copy from @start, white space collapsed, up to SNIPPET_MAX bytes; returns where it stopped. */
static size_t copy_window(const struct finder *f, const char *text, size_t len, size_t start,
			  struct snippet *s)
{
	size_t at, next = 0;

	for (at = start; at < len && s->len < SNIPPET_MAX; at++) {
		if (!is_space(text[at])) {
			s->mark[s->len] = marked(f, &next, at);
			s->text[s->len++] = text[at];
		} else if (s->len && s->text[s->len - 1] != ' ') {
			s->mark[s->len] = false;
			s->text[s->len++] = ' ';
		}
	}
	return at;
}

static void drop_character(struct snippet *s)
{
	while (s->len && ((unsigned char)s->text[s->len - 1] & 0xc0) == 0x80)
		s->len--;
	if (s->len && (unsigned char)s->text[s->len - 1] >= 0xc0)
		s->len--;
}

/* Not in the middle of a word, nor of a character. */
static void trim_end(struct snippet *s)
{
	size_t at = s->len;

	while (at > SNIPPET_MAX / 2 && s->text[at - 1] != ' ')
		at--;
	if (at > SNIPPET_MAX / 2)
		s->len = at;
	else
		drop_character(s);
}

/* Without a match: not on the blank lines a passage may begin with. */
static size_t first_text(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len && is_space(text[at]))
		at++;
	return at < len ? at : 0;
}

void snippet_find(const struct terms *terms, const char *text, size_t len, struct snippet *s)
{
	struct finder *f = calloc(1, sizeof(*f));
	size_t start, end;

	memset(s, 0, sizeof(*s));
	if (!f)
		return;
	f->terms = terms;
	find_matches(f, text, len);
	start = f->n ? window_start(text, f->match[best_window(f)].off) : first_text(text, len);
	s->at = start;
	end = copy_window(f, text, len, start, s);
	s->more_before = start > 0;
	while (end < len && is_space(text[end]))
		end++;
	s->more_after = end < len;
	if (s->more_after)
		trim_end(s);
	while (s->len && s->text[s->len - 1] == ' ')
		s->len--;
	s->text[s->len] = '\0';
	free(f);
}
