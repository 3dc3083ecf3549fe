// SPDX-License-Identifier: GPL-2.0
/* Reading WordNet; documented in lib/static_wordnet.h, the files in wndb(5WN). */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/embed.h"
#include "lib/embed_words.h"
#include "lib/static_wordnet.h"

#define RELATED		0.5f	/* weight of a synset above, beside the word's own */
#define FEATURES_MAX	(4u << 20)
#define LETTERS		3	/* of a word; "in" is an inch, and "a" a vitamin */
#define LINE_FIELDS	600	/* of a line; what is beyond is not looked at */

static const char *const parts[] = { "noun", "verb", "adj", "adv" };

static int add(struct wordnet *w, uint64_t word, uint64_t synset, float weight)
{
	size_t room = w->room ? 2 * w->room : 4096;
	struct wordnet_feature *bigger;

	if (w->n == FEATURES_MAX)
		return -EBADMSG;
	if (w->n == w->room) {
		bigger = realloc(w->feature, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		w->feature = bigger;
		w->room = room;
	}
	w->feature[w->n++] = (struct wordnet_feature){ word, synset, weight };
	return 0;
}

static unsigned int split(char *line, char *field[LINE_FIELDS])
{
	unsigned int n = 0;
	char *p, *rest = line;

	while (n < LINE_FIELDS && (p = strtok_r(n ? NULL : line, " \n", &rest)))
		field[n++] = p;
	return n;
}

/* Part of speech and offset; 0: not a number, or none that wndb has. */
static uint64_t synset_of(unsigned int part, const char *offset)
{
	char *end;
	unsigned long n = strtoul(offset, &end, 10);

	return *end || end == offset || n > UINT_MAX ? 0 : (uint64_t)(part + 1) << 32 | n;
}

struct one_word {
	uint64_t hash;
	unsigned int n;
};

static void count_words(void *ctx, const char *word, size_t len, unsigned int chars)
{
	struct one_word *o = ctx;

	o->hash = vex_word_hash(word, len);
	o->n++;
}

/* 0: it is not one word as this embedder cuts text. */
static uint64_t single_word(const char *lemma)
{
	struct one_word o = { 0 };

	if (strlen(lemma) >= LETTERS && !strpbrk(lemma, "_-'./"))
		vex_words(lemma, strlen(lemma), count_words, &o);
	return o.n == 1 ? o.hash : 0;
}

/* lemma pos synset_cnt p_cnt [symbol ...] sense_cnt tagsense_cnt offset ..., the likeliest sense first. */
static int index_line(struct wordnet *w, unsigned int part, char *line)
{
	char *field[LINE_FIELDS];
	unsigned int n = split(line, field), senses, from, i;
	uint64_t word, synset;
	int ret = 0;

	if (n < 7)
		return -EBADMSG;
	word = single_word(field[0]);
	senses = (unsigned int)strtoul(field[2], NULL, 10);
	from = 6 + (unsigned int)strtoul(field[3], NULL, 10);
	for (i = 0; word && !ret && i < senses && from < n && i < n - from; i++) {
		synset = synset_of(part, field[from + i]);
		ret = synset ? add(w, word, synset, 1.0f / (float)(1 + i)) : -EBADMSG;
	}
	return ret;
}

/* offset file type w_cnt(hex) [word id ...] p_cnt [symbol offset pos source/target ...] */
static int data_line(struct wordnet *above, unsigned int part, char *line)
{
	char *field[LINE_FIELDS], *gloss = strchr(line, '|');
	unsigned int n, words, pointers, at, i;
	uint64_t from, to;
	int ret = 0;

	if (gloss)
		*gloss = '\0';
	n = split(line, field);
	words = n > 5 ? (unsigned int)strtoul(field[3], NULL, 16) : UINT_MAX / 4;
	at = 4 + 2 * words;
	from = at < n ? synset_of(part, field[0]) : 0;
	if (!from)
		return -EBADMSG;
	pointers = (unsigned int)strtoul(field[at++], NULL, 10);
	for (i = 0; !ret && i < pointers && at + 4 <= n; i++, at += 4) {
		if (field[at][0] != '@' && strcmp(field[at], "&"))
			continue;
		to = synset_of(part, field[at + 1]);
		ret = to ? add(above, from, to, RELATED) : -EBADMSG;
	}
	return ret;
}

static int by_word(const void *a, const void *b)
{
	const struct wordnet_feature *x = a, *y = b;

	if (x->word != y->word)
		return x->word < y->word ? -1 : 1;
	if (x->synset != y->synset)
		return x->synset < y->synset ? -1 : 1;
	return (x->weight < y->weight) - (x->weight > y->weight);
}

/* Of equal ones the heaviest stays. */
static void sort(struct wordnet *w)
{
	size_t i, n = 0;

	if (w->n)
		qsort(w->feature, w->n, sizeof(*w->feature), by_word);
	for (i = 0; i < w->n; i++)
		if (!n || w->feature[n - 1].word != w->feature[i].word ||
		    w->feature[n - 1].synset != w->feature[i].synset)
			w->feature[n++] = w->feature[i];
	w->n = n;
}

/**
 * struct reading - the files' contents
 * @words: with the synsets they are in
 * @above: synsets (as .word) with those above them or similar to them
 * @forms: irregular forms, with the synsets of their base
 */
struct reading {
	struct wordnet words, above, forms;
};

static int index_fn(struct reading *r, unsigned int part, char *line)
{
	return index_line(&r->words, part, line);
}

static int data_fn(struct reading *r, unsigned int part, char *line)
{
	return data_line(&r->above, part, line);
}

/* "bought buy": an irregular form means what its base means. */
static int exception_fn(struct reading *r, unsigned int part, char *line)
{
	char *field[LINE_FIELDS];
	const struct wordnet_feature *f;
	uint64_t word, base;
	size_t i, n;
	int ret = 0;

	if (split(line, field) < 2)
		return 0;
	word = single_word(field[0]);
	base = single_word(field[1]);
	if (!word || !base)
		return 0;
	f = wordnet_find(&r->words, base, &n);
	for (i = 0; !ret && i < n; i++)
		if (f[i].synset >> 32 == part + 1)
			ret = add(&r->forms, word, f[i].synset, f[i].weight);
	return ret;
}

typedef int line_fn(struct reading *r, unsigned int part, char *line);

static int read_file(const char *path, unsigned int part, line_fn *fn, struct reading *r)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int ret = 0;

	if (!f)
		return -ENOENT;
	while (!ret && getline(&line, &room, f) > 0)
		if (*line != ' ')	/* the licence */
			ret = fn(r, part, line);
	free(line);
	fclose(f);
	return ret;
}

static int read_kind(const char *dir, bool data, line_fn *fn, struct reading *r)
{
	char path[PATH_MAX];
	unsigned int part;
	int ret = 0;

	for (part = 0; !ret && part < sizeof(parts) / sizeof(parts[0]); part++) {
		snprintf(path, sizeof(path), "%s/%s.%s", dir, data ? "data" : "index", parts[part]);
		ret = read_file(path, part, fn, r);
	}
	return ret;
}

static int read_forms(const char *dir, struct reading *r)
{
	char path[PATH_MAX];
	unsigned int part;
	int ret = 0;

	for (part = 0; !ret && part < sizeof(parts) / sizeof(parts[0]); part++) {
		snprintf(path, sizeof(path), "%s/%s.exc", dir, parts[part]);
		ret = read_file(path, part, exception_fn, r);
		ret = ret == -ENOENT ? 0 : ret;
	}
	return ret;
}

/* What a word's synsets are kinds of, or similar to, it is too, a little. */
static int add_related(struct wordnet *w, const struct wordnet *above)
{
	const struct wordnet_feature *f;
	size_t own = w->n, i, k, n;
	int ret = 0;

	for (i = 0; !ret && i < own; i++) {
		f = wordnet_find(above, w->feature[i].synset, &n);
		for (k = 0; !ret && k < n; k++)
			ret = add(w, w->feature[i].word, f[k].synset, f[k].weight * w->feature[i].weight);
	}
	return ret;
}

static int add_all(struct wordnet *w, const struct wordnet *more)
{
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < more->n; i++)
		ret = add(w, more->feature[i].word, more->feature[i].synset, more->feature[i].weight);
	sort(w);
	return ret;
}

int wordnet_read(const char *dir, struct wordnet *w)
{
	struct reading r = { 0 };
	int ret = read_kind(dir, false, index_fn, &r);

	if (!ret)
		ret = read_kind(dir, true, data_fn, &r);
	sort(&r.words);
	sort(&r.above);
	if (!ret)
		ret = read_forms(dir, &r);
	if (!ret)
		ret = add_all(&r.words, &r.forms);
	if (!ret)
		ret = add_related(&r.words, &r.above);
	sort(&r.words);
	wordnet_free(&r.above);
	wordnet_free(&r.forms);
	if (ret)
		wordnet_free(&r.words);
	*w = r.words;
	return ret;
}

void wordnet_free(struct wordnet *w)
{
	free(w->feature);
	memset(w, 0, sizeof(*w));
}

const struct wordnet_feature *wordnet_find(const struct wordnet *w, uint64_t word, size_t *n)
{
	size_t lo = 0, hi = w->n, mid;

	*n = 0;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (w->feature[mid].word < word)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + *n < w->n && w->feature[lo + *n].word == word)
		++*n;
	return w->feature + lo;
}
