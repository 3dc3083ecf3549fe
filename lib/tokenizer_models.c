// SPDX-License-Identifier: GPL-2.0
/* From a piece to its tokens: WordPiece, Unigram, WordLevel. Documented in lib/tokenizer_impl.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tokenizer_impl.h"

#define UNKNOWN_PENALTY	10	/* below the least likely token, as sentencepiece has it */

int vex_ids_add(struct vex_ids *ids, uint32_t id)
{
	size_t room = ids->room ? 2 * ids->room : 64;
	uint32_t *bigger;

	if (ids->n >= ids->most)
		return 0;
	if (ids->n == ids->room) {
		bigger = realloc(ids->id, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		ids->id = bigger;
		ids->room = room;
	}
	ids->id[ids->n++] = id;
	return 0;
}

static int add_unknown(const struct vex_tokenizer *t, struct vex_ids *ids)
{
	return t->has_unknown ? vex_ids_add(ids, t->unknown) : 0;
}

/* ---- WordPiece -------------------------------------------------------------------------------- */

static size_t char_before(const char *word, size_t at)
{
	do {
		at--;
	} while (at && ((unsigned char)word[at] & 0xc0) == 0x80);
	return at;
}

/* The longest token that @word has from @from on; *@to: where it ends. */
static const struct vex_token *longest(const struct vex_tokenizer *t, const char *word, size_t len, size_t from,
				       size_t *to)
{
	char key[2 * VEX_TOKEN_MAX];
	size_t prefix = from ? strlen(t->prefix) : 0, end = len;
	const struct vex_token *found = NULL;

	while (end - from > VEX_TOKEN_MAX)
		end = char_before(word, end);
	memcpy(key, t->prefix, prefix);
	memcpy(key + prefix, word + from, end - from);
	for (; !found && end > from; end = char_before(word, end)) {
		found = vex_vocab_find(&t->vocab, key, prefix + end - from);
		*to = end;
	}
	return found;
}

/* A word is unknown as a whole if one of its parts is. */
static int wordpiece(const struct vex_tokenizer *t, const char *word, size_t len, size_t chars, struct vex_ids *ids)
{
	const struct vex_token *token;
	size_t from, to = 0, had = ids->n;
	int ret = 0;

	if (chars > t->word_max)
		return add_unknown(t, ids);
	for (from = 0; !ret && from < len; from = to) {
		token = longest(t, word, len, from, &to);
		if (!token) {
			ids->n = had;
			return add_unknown(t, ids);
		}
		ret = vex_ids_add(ids, token->id);
	}
	return ret;
}

static int wordlevel(const struct vex_tokenizer *t, const char *word, size_t len, struct vex_ids *ids)
{
	const struct vex_token *token = vex_vocab_find(&t->vocab, word, len);

	return token ? vex_ids_add(ids, token->id) : add_unknown(t, ids);
}

/* ---- Unigram ------------------------------------------------------------------------------------ */

/**
 * struct best - the best way to a place in the piece
 * @from:  where its last token begins; SIZE_MAX: none leads here
 * @known: and that is one of the vocabulary
 */
struct best {
	double score;
	size_t from;
	uint32_t id;
	bool known;
};

static void offer(struct best *to, double score, size_t from, uint32_t id, bool known)
{
	if (to->from == SIZE_MAX || score > to->score)
		*to = (struct best){ .score = score, .from = from, .id = id, .known = known };
}

static size_t char_len(const char *s, size_t len)
{
	size_t n = 1;

	while (n < len && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Viterbi's algorithm: the ways that end at each byte, from the left. */
static void find_best(const struct vex_tokenizer *t, const char *s, size_t len, struct best *best)
{
	const struct vex_token *token;
	size_t at, one;

	for (at = 0; at <= len; at++)
		best[at] = (struct best){ .score = 0, .from = SIZE_MAX };
	for (at = 0; at < len; at += one) {
		struct vex_prefix p = { .lo = 0, .hi = t->vocab.n };
		bool single = false;

		one = char_len(s + at, len - at);
		while ((token = vex_prefix_next(&t->vocab, &p, s + at, len - at))) {
			single |= token->len == one;
			offer(&best[at + token->len], best[at].score + token->score, at, token->id, true);
		}
		if (!single)
			offer(&best[at + one], best[at].score + t->least - UNKNOWN_PENALTY, at, t->unknown, false);
	}
}

/* What is not in the vocabulary, byte by byte; false: the bytes are not either. */
static bool add_bytes(const struct vex_tokenizer *t, const char *s, size_t len, struct vex_ids *ids, int *ret)
{
	const struct vex_token *token;
	size_t i, had = ids->n;
	char name[8];

	for (i = 0; i < len && !*ret; i++) {
		snprintf(name, sizeof(name), "<0x%02X>", (unsigned char)s[i]);
		token = vex_vocab_find(&t->vocab, name, 6);
		if (!token) {
			ids->n = had;
			return false;
		}
		*ret = vex_ids_add(ids, token->id);
	}
	return true;
}

/* @from..@to is unknown as a whole: neighbours have been joined. */
static int add_stretch(const struct vex_tokenizer *t, const char *s, size_t from, size_t to, struct vex_ids *ids)
{
	int ret = 0;

	if (t->bytes && add_bytes(t, s + from, to - from, ids, &ret))
		return ret;
	return add_unknown(t, ids);
}

/* The best way, turned round: @next[i] is where the token at i ends. */
static int collect(const struct vex_tokenizer *t, const char *s, size_t len, const struct best *best, size_t *next,
		   struct vex_ids *ids)
{
	size_t at, end;
	int ret = 0;

	for (at = len; at; at = best[at].from)
		next[best[at].from] = at;
	for (at = 0; !ret && at < len; at = end) {
		end = next[at];
		if (best[end].known) {
			ret = vex_ids_add(ids, best[end].id);
			continue;
		}
		while (end < len && !best[next[end]].known)
			end = next[end];
		ret = add_stretch(t, s, at, end, ids);
	}
	return ret;
}

static int unigram(const struct vex_tokenizer *t, const char *s, size_t len, struct vex_ids *ids)
{
	struct best *best = malloc((len + 1) * sizeof(*best));
	size_t *next = malloc((len + 1) * sizeof(*next));
	int ret = best && next ? 0 : -ENOMEM;

	if (!ret) {
		find_best(t, s, len, best);
		ret = collect(t, s, len, best, next, ids);
	}
	free(best);
	free(next);
	return ret;
}

int vex_tokens_of(const struct vex_tokenizer *t, const uint32_t *c, size_t n, struct vex_ids *ids)
{
	size_t len;
	char *s;
	int ret;

	if (ids->n >= ids->most)
		return 0;
	s = vex_chars_encode(c, n, &len);
	if (!s)
		return -ENOMEM;
	if (t->model == VEX_WORDPIECE)
		ret = wordpiece(t, s, len, n, ids);
	else if (t->model == VEX_UNIGRAM)
		ret = unigram(t, s, len, ids);
	else
		ret = wordlevel(t, s, len, ids);
	free(s);
	return ret;
}
