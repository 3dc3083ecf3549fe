// SPDX-License-Identifier: GPL-2.0
/* Characters, and the tokens of a vocabulary by their text. Documented in lib/tokenizer_impl.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/embed.h"
#include "lib/tokenizer_impl.h"

/* ---- characters -------------------------------------------------------------------------- */

int vex_chars_append(struct vex_chars *s, const uint32_t *c, size_t n)
{
	size_t room = s->room ? s->room : 64;
	uint32_t *bigger;

	if (n > VEX_CHARS_MAX - s->n)
		return -EFBIG;
	while (room < s->n + n)
		room *= 2;
	if (room != s->room) {
		bigger = realloc(s->c, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		s->c = bigger;
		s->room = room;
	}
	if (n)
		memcpy(s->c + s->n, c, n * sizeof(*c));
	s->n += n;
	return 0;
}

int vex_chars_add(struct vex_chars *s, uint32_t c)
{
	return vex_chars_append(s, &c, 1);
}

void vex_chars_free(struct vex_chars *s)
{
	free(s->c);
	memset(s, 0, sizeof(*s));
}

int vex_chars_decode(struct vex_chars *s, const char *text, size_t len, size_t chars)
{
	const char *p = text, *end = text + len;
	uint32_t c;
	bool valid;
	int ret = 0;

	for (; !ret && p < end && chars; chars--) {
		p += vex_utf8_decode(p, end, &c, &valid);
		ret = vex_chars_add(s, c);
	}
	return ret;
}

char *vex_chars_encode(const uint32_t *c, size_t n, size_t *len)
{
	uint8_t *out = malloc(4 * n + 1);
	size_t at = 0, i;
	int bytes;

	for (i = 0; out && i < n; i++) {
		bytes = u8_uctomb(out + at, c[i], 4);
		at += bytes > 0 ? (size_t)bytes : 0;
	}
	if (out)
		out[at] = '\0';
	*len = at;
	return (char *)out;
}

bool vex_char_is_space(uint32_t c)
{
	return c < 0x80 ? c == ' ' || (c >= '\t' && c <= '\r') : uc_is_property_white_space(c);
}

/* ---- the vocabulary ------------------------------------------------------------------------ */

static const char *text_of(const struct vex_vocab *v, const struct vex_token *t)
{
	return v->arena + t->text;
}

/* The place of a token: its own, or the empty one it would have. */
static uint32_t *place(const struct vex_vocab *v, const char *text, size_t len)
{
	uint32_t i = (uint32_t)XXH3_64bits(text, len) & v->mask;
	const struct vex_token *t;

	for (; v->table[i]; i = (i + 1) & v->mask) {
		t = &v->entry[v->table[i] - 1];
		if (t->len == len && !memcmp(text_of(v, t), text, len))
			break;
	}
	return &v->table[i];
}

static int grow_table(struct vex_vocab *v)
{
	uint32_t size = v->table ? 2 * (v->mask + 1) : 1024, i;
	uint32_t *table = calloc(size, sizeof(*table));

	if (!table)
		return -ENOMEM;
	free(v->table);
	v->table = table;
	v->mask = size - 1;
	for (i = 0; i < v->n; i++)
		*place(v, text_of(v, &v->entry[i]), v->entry[i].len) = i + 1;
	return 0;
}

static int make_room(struct vex_vocab *v, size_t len)
{
	size_t room = v->arena_room ? v->arena_room : 4096;
	void *bigger;

	while (room < v->arena_len + len)
		room *= 2;
	if (room != v->arena_room) {
		bigger = realloc(v->arena, room);
		if (!bigger)
			return -ENOMEM;
		v->arena = bigger;
		v->arena_room = room;
	}
	if (v->n == v->room) {
		bigger = realloc(v->entry, (v->room ? 2 * (size_t)v->room : 256) * sizeof(*v->entry));
		if (!bigger)
			return -ENOMEM;
		v->entry = bigger;
		v->room = v->room ? 2 * v->room : 256;
	}
	return !v->table || 2 * (v->n + 1) > v->mask ? grow_table(v) : 0;
}

int vex_vocab_add(struct vex_vocab *v, const char *text, size_t len, uint32_t id, double score)
{
	struct vex_token *t;
	uint32_t *p;

	if (len > VEX_TOKEN_MAX)
		return -EINVAL;
	if (make_room(v, len))
		return -ENOMEM;
	p = place(v, text, len);
	if (!*p) {
		v->entry[v->n] = (struct vex_token){ .text = (uint32_t)v->arena_len, .len = (uint16_t)len };
		memcpy(v->arena + v->arena_len, text, len);
		v->arena_len += len;
		*p = ++v->n;
	}
	t = &v->entry[*p - 1];
	t->id = id;
	t->score = score;
	v->top = id > v->top ? id : v->top;
	return 0;
}

const struct vex_token *vex_vocab_find(const struct vex_vocab *v, const char *text, size_t len)
{
	uint32_t *p = v->n && len <= VEX_TOKEN_MAX ? place(v, text, len) : NULL;

	return p && *p ? &v->entry[*p - 1] : NULL;
}

static int by_bytes(const void *a, const void *b, void *ctx)
{
	const struct vex_vocab *v = ctx;
	const struct vex_token *x = &v->entry[*(const uint32_t *)a], *y = &v->entry[*(const uint32_t *)b];
	int order = memcmp(text_of(v, x), text_of(v, y), x->len < y->len ? x->len : y->len);

	return order ? order : x->len - y->len;
}

int vex_vocab_sort(struct vex_vocab *v)
{
	uint32_t i;

	v->sorted = calloc((size_t)v->n + 1, sizeof(*v->sorted));
	if (!v->sorted)
		return -ENOMEM;
	for (i = 0; i < v->n; i++)
		v->sorted[i] = i;
	qsort_r(v->sorted, v->n, sizeof(*v->sorted), by_bytes, v);
	return 0;
}

/* Byte @at of the token at rank @i; -1: it is shorter. */
static int byte_at(const struct vex_vocab *v, uint32_t i, size_t at)
{
	const struct vex_token *t = &v->entry[v->sorted[i]];

	return at < t->len ? (unsigned char)text_of(v, t)[at] : -1;
}

/* The first rank in lo..hi whose byte @at is not below @c. */
static uint32_t bound(const struct vex_vocab *v, uint32_t lo, uint32_t hi, size_t at, int c)
{
	uint32_t mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (byte_at(v, mid, at) < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct vex_token *vex_prefix_next(const struct vex_vocab *v, struct vex_prefix *p, const char *text, size_t len)
{
	const struct vex_token *t;
	int c;

	while (p->lo < p->hi && p->len < len) {
		c = (unsigned char)text[p->len];
		p->lo = bound(v, p->lo, p->hi, p->len, c);
		p->hi = bound(v, p->lo, p->hi, p->len, c + 1);
		p->len++;
		if (p->lo == p->hi)
			return NULL;
		t = &v->entry[v->sorted[p->lo]];
		if (t->len == p->len)
			return t;
	}
	return NULL;
}

void vex_vocab_free(struct vex_vocab *v)
{
	free(v->entry);
	free(v->table);
	free(v->sorted);
	free(v->arena);
	memset(v, 0, sizeof(*v));
}
