// SPDX-License-Identifier: GPL-2.0
/* A tokenizer from its file, and a text's way through it. Documented in lib/tokenizer.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/embed.h"
#include "lib/tokenizer_impl.h"

#define DEPTH_MAX	32
#define VALUES_MAX	4000000	/* JSON values of a file: a vocabulary of 500,000 with scores has 1,500,000 */
#define ADDED_MAX	16384
#define MEDIAN_MAX	64	/* characters: it bounds the length of texts */

struct json_object *vex_member(struct json_object *o, const char *name, enum json_type type)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) && json_object_is_type(v, type) ? v : NULL;
}

bool vex_member_true(struct json_object *o, const char *name, bool otherwise)
{
	struct json_object *v = vex_member(o, name, json_type_boolean);

	return v ? json_object_get_boolean(v) : otherwise;
}

static int bad(char why[VEX_WHY], const char *what)
{
	snprintf(why, VEX_WHY, "%s", what);
	return -EBADMSG;
}

/* ---- JSON --------------------------------------------------------------------------------------- */

/* Values cost far more memory than the bytes they are written with. */
static bool too_many_values(const char *json, size_t len)
{
	size_t i, n = 0;
	bool text = false;

	for (i = 0; i < len; i++) {
		if (text && json[i] == '\\')
			i++;
		else if (json[i] == '"')
			text = !text;
		else if (!text && (json[i] == ',' || json[i] == '[' || json[i] == '{'))
			n++;
	}
	return n > VALUES_MAX;
}

static struct json_object *parse(const char *json, size_t len, char why[VEX_WHY])
{
	struct json_tokener *tok;
	struct json_object *o;

	if (!len || len > VEX_TOKENIZER_MAX || too_many_values(json, len)) {
		bad(why, len ? "tokenizer.json is too large" : "tokenizer.json is empty");
		return NULL;
	}
	tok = json_tokener_new_ex(DEPTH_MAX);
	o = tok ? json_tokener_parse_ex(tok, json, (int)len) : NULL;
	if (!tok || json_tokener_get_error(tok) != json_tokener_success ||
	    !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
		snprintf(why, VEX_WHY, "tokenizer.json is not a whole JSON object (%s)",
			 tok ? json_tokener_error_desc(json_tokener_get_error(tok)) : "out of memory");
	}
	if (tok)
		json_tokener_free(tok);
	return o;
}

static bool take_id(struct json_object *o, uint32_t *id)
{
	int64_t n = json_object_is_type(o, json_type_int) ? json_object_get_int64(o) : -1;

	*id = (uint32_t)n;
	return n >= 0 && n < INT32_MAX;
}

/* ---- the vocabulary ------------------------------------------------------------------------------ */

static int add_token(struct vex_tokenizer *t, const char *text, size_t len, uint32_t id, double score,
		     char why[VEX_WHY])
{
	int ret = vex_vocab_add(&t->vocab, text, len, id, score);

	return ret == -EINVAL ? bad(why, "its tokenizer has a token of more than 1,024 bytes") : ret;
}

/* {"token": number}; json-c keeps names until their NUL, which no token has. */
static int load_words(struct vex_tokenizer *t, struct json_object *vocab, char why[VEX_WHY])
{
	uint32_t id;
	int ret;

	if (!json_object_is_type(vocab, json_type_object))
		return bad(why, "its tokenizer has no vocabulary");
	json_object_object_foreach(vocab, token, number) {
		if (!take_id(number, &id))
			return bad(why, "its tokenizer has a token whose number is not one");
		ret = add_token(t, token, strlen(token), id, 0, why);
		if (ret)
			return ret;
	}
	return 0;
}

/* [["token", score], ...]: the place is the number. */
static int load_scored(struct vex_tokenizer *t, struct json_object *vocab, char why[VEX_WHY])
{
	struct json_object *pair, *text, *score;
	size_t i, n = json_object_is_type(vocab, json_type_array) ? json_object_array_length(vocab) : 0;
	double s;
	int ret;

	if (!n)
		return bad(why, "its tokenizer has no vocabulary");
	for (i = 0; i < n; i++) {
		pair = json_object_array_get_idx(vocab, i);
		if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
			return bad(why, "its tokenizer has a token without a score");
		text = json_object_array_get_idx(pair, 0);
		score = json_object_array_get_idx(pair, 1);
		s = json_object_get_double(score);
		if (!json_object_is_type(text, json_type_string) || !(s > -1e30 && s < 1e30) ||
		    !(json_object_is_type(score, json_type_double) || json_object_is_type(score, json_type_int)))
			return bad(why, "its tokenizer has a token without a score");
		ret = add_token(t, json_object_get_string(text), (size_t)json_object_get_string_len(text), (uint32_t)i, s, why);
		if (ret)
			return ret;
		t->least = !i || s < t->least ? s : t->least;
	}
	return vex_vocab_sort(&t->vocab);
}

static int load_unknown(struct vex_tokenizer *t, struct json_object *model, char why[VEX_WHY])
{
	struct json_object *name = vex_member(model, "unk_token", json_type_string);
	const struct vex_token *token;

	if (t->model == VEX_UNIGRAM) {
		json_object_object_get_ex(model, "unk_id", &name);
		t->has_unknown = name != NULL;
		if (name && (!take_id(name, &t->unknown) || t->unknown > t->vocab.top))
			return bad(why, "its tokenizer's unknown token is not in its vocabulary");
		return 0;
	}
	token = name ? vex_vocab_find(&t->vocab, json_object_get_string(name),
				      (size_t)json_object_get_string_len(name)) : vex_vocab_find(&t->vocab, "[UNK]", 5);
	t->has_unknown = token != NULL;
	t->unknown = token ? token->id : 0;
	return 0;
}

static int load_wordpiece(struct vex_tokenizer *t, struct json_object *model, char why[VEX_WHY])
{
	struct json_object *prefix = vex_member(model, "continuing_subword_prefix", json_type_string);
	struct json_object *most = vex_member(model, "max_input_chars_per_word", json_type_int);

	if (prefix && json_object_get_string_len(prefix) >= 64)
		return bad(why, "its tokenizer's prefix of tokens inside a word is too long");
	snprintf(t->prefix, sizeof(t->prefix), "%s", prefix ? json_object_get_string(prefix) : "##");
	t->word_max = most && json_object_get_int64(most) >= 0 ? (uint64_t)json_object_get_int64(most) : 100;
	return 0;
}

static int load_model(struct vex_tokenizer *t, struct json_object *model, char why[VEX_WHY])
{
	struct json_object *type = vex_member(model, "type", json_type_string), *vocab = NULL;
	const char *name = type ? json_object_get_string(type) : "(no type)";
	int ret;

	json_object_object_get_ex(model, "vocab", &vocab);
	if (!strcmp(name, "Unigram")) {
		t->model = VEX_UNIGRAM;
		t->bytes = vex_member_true(model, "byte_fallback", false);
		ret = load_scored(t, vocab, why);
	} else if (!strcmp(name, "WordPiece") || !strcmp(name, "WordLevel")) {
		t->model = name[4] == 'P' ? VEX_WORDPIECE : VEX_WORDLEVEL;
		ret = load_wordpiece(t, model, why);
		if (!ret)
			ret = load_words(t, vocab, why);
	} else {
		snprintf(why, VEX_WHY, "its tokenizer is of the type %.60s: WordPiece, Unigram and WordLevel are supported",
			 name);
		return -EBADMSG;
	}
	return ret ? ret : load_unknown(t, model, why);
}

/* ---- added tokens ---------------------------------------------------------------------------------- */

static int load_added(struct vex_tokenizer *t, struct json_object *o, char why[VEX_WHY])
{
	struct json_object *text = vex_member(o, "content", json_type_string), *number = NULL;
	struct vex_added *a = &t->added[t->nadded++];
	const struct vex_token *known;
	size_t len;
	int ret;

	json_object_object_get_ex(o, "id", &number);
	if (!text || !take_id(number, &a->id))
		return bad(why, "its tokenizer has an added token without a text or a number");
	len = (size_t)json_object_get_string_len(text);
	if (len > VEX_TOKEN_MAX)
		return bad(why, "its tokenizer has a token of more than 1,024 bytes");
	known = vex_vocab_find(&t->vocab, json_object_get_string(text), len);
	if (known)
		a->id = known->id;
	t->extra += !known;
	a->normalised = vex_member_true(o, "normalized", !vex_member_true(o, "special", false));
	a->single_word = vex_member_true(o, "single_word", false);
	a->left = vex_member_true(o, "lstrip", false);
	a->right = vex_member_true(o, "rstrip", false);
	t->top = a->id > t->top ? a->id : t->top;
	ret = vex_chars_decode(&a->text, json_object_get_string(text), len, SIZE_MAX);
	return ret ? ret : a->normalised ? vex_normalise(t->normal, t->nnormal, &a->text) : 0;
}

static int longest_first(const void *a, const void *b)
{
	const struct vex_added *x = a, *y = b;

	return (x->text.n < y->text.n) - (x->text.n > y->text.n);
}

static int load_all_added(struct vex_tokenizer *t, struct json_object *list, char why[VEX_WHY])
{
	size_t i, n = list ? json_object_array_length(list) : 0;
	int ret = 0;

	if (n > ADDED_MAX)
		return bad(why, "its tokenizer has more than 16,384 added tokens");
	t->added = calloc(n + 1, sizeof(*t->added));
	if (!t->added)
		return -ENOMEM;
	for (i = 0; !ret && i < n; i++)
		ret = load_added(t, json_object_array_get_idx(list, i), why);
	qsort(t->added, t->nadded, sizeof(*t->added), longest_first);
	return ret;
}

/* ---- loading ---------------------------------------------------------------------------------------- */

static size_t chars_in(const char *s, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* Of an even number the mean of the two in the middle, rounded down. */
static void find_median(struct vex_tokenizer *t)
{
	uint32_t have[VEX_TOKEN_MAX + 1] = { 0 }, i, n = t->vocab.n, seen = 0, low = 0;

	for (i = 0; i < t->vocab.n; i++)
		have[chars_in(t->vocab.arena + t->vocab.entry[i].text, t->vocab.entry[i].len)]++;
	for (i = 0; i <= VEX_TOKEN_MAX && seen <= n / 2; i++) {
		if (seen <= (n - 1) / 2 && seen + have[i] > (n - 1) / 2)
			low = i;
		seen += have[i];
	}
	t->median = n ? (low + i - 1) / 2 : 0;
	t->median = t->median < MEDIAN_MAX ? t->median : MEDIAN_MAX;
}

static void load_truncation(struct vex_tokenizer *t, struct json_object *o)
{
	struct json_object *most = vex_member(o, "max_length", json_type_int);

	t->most = UINT64_MAX;
	if (most && json_object_get_int64(most) > 0)
		t->most = (uint64_t)json_object_get_int64(most);
}

static int load(struct vex_tokenizer *t, struct json_object *o, char why[VEX_WHY])
{
	struct json_object *step = NULL;
	int ret = load_model(t, vex_member(o, "model", json_type_object), why);

	if (ret)
		return ret;
	t->top = t->vocab.top;
	json_object_object_get_ex(o, "normalizer", &step);
	ret = vex_normal_load(t->normal, &t->nnormal, step, why);
	step = NULL;
	json_object_object_get_ex(o, "pre_tokenizer", &step);
	if (!ret)
		ret = vex_split_load(t->split, &t->nsplit, step, why);
	if (!ret)
		ret = load_all_added(t, vex_member(o, "added_tokens", json_type_array), why);
	load_truncation(t, vex_member(o, "truncation", json_type_object));
	find_median(t);
	return ret;
}

static int finish(struct vex_tokenizer *t, int ret, struct vex_tokenizer **out, char why[VEX_WHY])
{
	if (!ret) {
		*out = t;
		return 0;
	}
	if (ret == -ENOMEM)
		bad(why, "out of memory");
	vex_tokenizer_free(t);
	return ret;
}

int vex_tokenizer_load(const char *json, size_t len, struct vex_tokenizer **out, char why[VEX_WHY])
{
	struct json_object *o = parse(json, len, why);
	struct vex_tokenizer *t = o ? calloc(1, sizeof(*t)) : NULL;
	int ret = t ? load(t, o, why) : o ? -ENOMEM : -EBADMSG;

	json_object_put(o);
	return finish(t, ret, out, why);
}

/* Trailing white space is not of a token. */
static int load_lines(struct vex_tokenizer *t, const char *text, size_t len, char why[VEX_WHY])
{
	const char *end = text + len, *line, *p;
	uint32_t id = 0;
	int ret = 0;

	for (line = text; !ret && line < end; line = p + (p < end)) {
		p = memchr(line, '\n', (size_t)(end - line));
		p = p ? p : end;
		for (len = (size_t)(p - line); len && strchr(" \t\r", line[len - 1]); len--)
			;
		ret = add_token(t, line, len, id++, 0, why);
	}
	if (!ret && t->vocab.n != id)
		ret = bad(why, "vocab.txt has a token twice");
	return ret ? ret : id ? 0 : bad(why, "vocab.txt is empty");
}

/* Special tokens are in capital letters in any case. */
static bool has_capitals(const struct vex_vocab *v)
{
	uint32_t i, j;

	for (i = 0; i < v->n; i++) {
		const char *s = v->arena + v->entry[i].text;

		for (j = 0; s[0] != '[' && j < v->entry[i].len; j++)
			if (s[j] >= 'A' && s[j] <= 'Z')
				return true;
	}
	return false;
}

int vex_tokenizer_load_words(const char *text, size_t len, struct vex_tokenizer **out, char why[VEX_WHY])
{
	struct vex_tokenizer *t = calloc(1, sizeof(*t));
	int ret = t ? len > VEX_TOKENIZER_MAX ? bad(why, "vocab.txt is too large") : load_lines(t, text, len, why) : -ENOMEM;
	bool cased;

	if (ret)
		return finish(t, ret, out, why);
	cased = has_capitals(&t->vocab);
	t->normal[t->nnormal++] = (struct vex_normal_step){
		.kind = VEX_NORMAL_BERT, .clean = true, .cjk = true, .lower = !cased, .accents = !cased,
	};
	t->split[t->nsplit++] = (struct vex_split_step){ .kind = VEX_SPLIT_BERT };
	t->model = VEX_WORDPIECE;
	load_wordpiece(t, NULL, why);
	load_unknown(t, NULL, why);
	load_truncation(t, NULL);
	t->top = t->vocab.top;
	find_median(t);
	return finish(t, 0, out, why);
}

void vex_tokenizer_free(struct vex_tokenizer *t)
{
	uint32_t i;

	if (!t)
		return;
	vex_normal_free(t->normal, t->nnormal);
	for (i = 0; i < t->nadded; i++)
		vex_chars_free(&t->added[i].text);
	free(t->added);
	vex_vocab_free(&t->vocab);
	free(t);
}

uint32_t vex_tokenizer_count(const struct vex_tokenizer *t)
{
	return t->vocab.n + t->extra;
}

uint32_t vex_tokenizer_top(const struct vex_tokenizer *t)
{
	return t->top;
}

uint32_t vex_tokenizer_median(const struct vex_tokenizer *t)
{
	return t->median;
}

bool vex_tokenizer_unknown(const struct vex_tokenizer *t, uint32_t *id, bool *named)
{
	*id = t->unknown;
	*named = t->model != VEX_UNIGRAM;
	return t->has_unknown;
}

/* ---- encoding --------------------------------------------------------------------------------------- */

/**
 * struct encoder - a text on its way
 */
struct encoder {
	const struct vex_tokenizer *t;
	struct vex_ids ids;
};

static int add_piece(void *ctx, const uint32_t *c, size_t n)
{
	struct encoder *e = ctx;

	return vex_tokens_of(e->t, c, n, &e->ids);
}

static bool is_word(uint32_t c)
{
	return c == '_' || vex_is_word_char(c);
}

/* The longest added token at @at, or NULL. */
static const struct vex_added *added_at(const struct vex_tokenizer *t, const uint32_t *c, size_t n, size_t at,
					bool normalised)
{
	const struct vex_added *a;

	for (a = t->added; a < t->added + t->nadded; a++)
		if (a->normalised == normalised && a->text.n && a->text.c[0] == c[at] && a->text.n <= n - at &&
		    !memcmp(a->text.c, c + at, a->text.n * sizeof(*c)))
			return a;
	return NULL;
}

/* An added token at *@from..*@to, with the white space it takes along. */
static bool takes(const struct vex_added *a, const uint32_t *c, size_t n, size_t begin, size_t *from, size_t *to)
{
	if (a->single_word && ((*from && is_word(c[*from - 1])) || (*to < n && is_word(c[*to]))))
		return false;
	while (a->left && *from > begin && vex_char_is_space(c[*from - 1]))
		(*from)--;
	while (a->right && *to < n && vex_char_is_space(c[*to]))
		(*to)++;
	return true;
}

static int encode_rest(struct encoder *e, const uint32_t *c, size_t n, bool first, bool normalised);

/* Added tokens, and what is between them. */
static int encode_part(struct encoder *e, const uint32_t *c, size_t n, bool first, bool normalised)
{
	const struct vex_added *a;
	size_t begin = 0, at = 0, from, to;
	int ret = 0;

	while (!ret && at < n) {
		a = added_at(e->t, c, n, at, normalised);
		if (!a) {
			at++;
			continue;
		}
		from = at;
		to = at + a->text.n;
		at = to;
		if (!takes(a, c, n, begin, &from, &to))
			continue;
		ret = encode_rest(e, c + begin, from - begin, first && !begin, normalised);
		if (!ret)
			ret = vex_ids_add(&e->ids, a->id);
		begin = at = to;
	}
	return ret ? ret : encode_rest(e, c + begin, n - begin, first && !begin, normalised);
}

static int encode_rest(struct encoder *e, const uint32_t *c, size_t n, bool first, bool normalised)
{
	struct vex_chars text = { NULL, 0, 0 };
	int ret;

	if (!n)
		return 0;
	if (normalised)
		return vex_split(e->t->split, e->t->nsplit, c, n, first, add_piece, e);
	ret = vex_chars_append(&text, c, n);
	if (!ret)
		ret = vex_normalise(e->t->normal, e->t->nnormal, &text);
	if (!ret)
		ret = encode_part(e, text.c, text.n, first, true);
	vex_chars_free(&text);
	return ret;
}

int64_t vex_tokenizer_encode(const struct vex_tokenizer *t, const char *text, size_t len, size_t chars, uint32_t **ids)
{
	struct encoder e = { .t = t, .ids = { .most = t->most } };
	struct vex_chars c = { NULL, 0, 0 };
	int ret = vex_chars_decode(&c, text, len, chars);

	if (!ret)
		ret = encode_part(&e, c.c, c.n, true, false);
	vex_chars_free(&c);
	*ids = e.ids.id;
	if (!ret)
		return (int64_t)e.ids.n;
	free(e.ids.id);
	*ids = NULL;
	return ret;
}
