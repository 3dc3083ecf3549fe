// SPDX-License-Identifier: GPL-2.0
/* Texts to words: UTF-8, normalised and case-folded by libunistring. */
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "lib/embed.h"

#define RUN_MAX	1024	/* bytes normalised at a time */

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Length of the sequence a lead byte announces; 0: not a lead byte. */
static unsigned int sequence_length(unsigned char c)
{
	if (c < 0xc2)
		return 0;	/* continuation, or an overlong two-byte form */
	if (c < 0xe0)
		return 2;
	if (c < 0xf0)
		return 3;
	return c < 0xf5 ? 4 : 0;
}

static bool scalar_value(uint32_t cp, unsigned int len)
{
	if (len == 3)
		return cp >= 0x800 && (cp < 0xd800 || cp > 0xdfff);
	return len == 2 || (cp >= 0x10000 && cp <= 0x10ffff);
}

unsigned int vex_utf8_decode(const char *p, const char *end, uint32_t *cp, bool *valid)
{
	unsigned char lead = (unsigned char)*p;
	unsigned int len = sequence_length(lead), i;
	uint32_t c;

	*cp = lead;
	*valid = lead < 0x80;
	if (!len || (size_t)(end - p) < len)
		return 1;
	c = lead & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if (!is_continuation(p[i]))
			return 1;
		c = c << 6 | ((unsigned char)p[i] & 0x3f);
	}
	if (!scalar_value(c, len))
		return 1;
	*cp = c;
	*valid = true;
	return len;
}

static unsigned int utf8_encode(uint32_t cp, char *out)
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

/* Properties of a character that decide what it does to a word. */
static bool is_letter(uint32_t cp)
{
	return uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M |
						    UC_CATEGORY_MASK_N);
}

static bool is_emoji(uint32_t cp)
{
	return cp >= 0x2000 && uc_is_property_emoji(cp) && !uc_is_property_default_ignorable_code_point(cp);
}

bool vex_is_word_char(uint32_t cp)
{
	if (cp < 0x80)
		return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') ||
		       (cp >= 'A' && cp <= 'Z');
	return is_letter(cp) || is_emoji(cp);
}

/* Scripts written without spaces between words. Hangul has spaces. */
static bool is_unspaced(uint32_t cp)
{
	static const char *const names[] = {
		"Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar",
	};
	const uc_script_t *script;
	size_t i;

	if (cp < 0xe00)
		return false;
	script = uc_script(cp);
	for (i = 0; script && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(script->name, names[i]))
			return true;
	return cp == 0x30fc;	/* the long vowel of both kana */
}

/**
 * struct splitter - a word being gathered
 * @len, @chars: bytes and code points in @word
 * @last: bytes of the last ideograph, to begin the next pair with
 * @unspaced: @word holds ideographs
 * @paired: the pair that ends in the last ideograph has been reported
 */
struct splitter {
	vex_word_fn fn;
	void *ctx;
	size_t len;
	unsigned int chars;
	unsigned int last;
	bool unspaced;
	bool paired;
	char word[VEX_WORD_MAX];
};

static void end_word(struct splitter *s)
{
	/* A lone ideograph is a word; after a pair its second half is none. */
	if (s->chars && !(s->unspaced && s->paired))
		s->fn(s->ctx, s->word, s->len, s->chars);
	s->len = 0;
	s->chars = 0;
	s->unspaced = false;
	s->paired = false;
}

static void append(struct splitter *s, uint32_t cp)
{
	s->last = utf8_encode(cp, s->word + s->len);
	s->len += s->last;
	s->chars++;
}

static void add_ideograph(struct splitter *s, uint32_t cp)
{
	if (!s->unspaced)
		end_word(s);
	s->unspaced = true;
	append(s, cp);
	if (s->chars < 2)
		return;
	s->fn(s->ctx, s->word, s->len, s->chars);
	memmove(s->word, s->word + s->len - s->last, s->last);
	s->len = s->last;
	s->chars = 1;
	s->paired = true;
}

static void add_letter(struct splitter *s, uint32_t cp)
{
	if (s->unspaced || s->chars == VEX_WORD_CHARS)
		end_word(s);
	append(s, cp);
}

/* Each is a word. */
static void add_emoji(struct splitter *s, uint32_t cp)
{
	end_word(s);
	append(s, cp);
	end_word(s);
}

/* One folded character. */
static void add_char(struct splitter *s, uint32_t cp)
{
	if (cp >= 0x80 && uc_is_property_default_ignorable_code_point(cp))
		return;		/* soft hyphens, joiners, variation selectors */
	if (!s->chars && cp >= 0x80 && uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_M))
		return;		/* an accent without a letter */
	if (!vex_is_word_char(cp))
		end_word(s);
	else if (cp >= 0x80 && is_emoji(cp) && !is_letter(cp))
		add_emoji(s, cp);
	else if (is_unspaced(cp))
		add_ideograph(s, cp);
	else
		add_letter(s, cp);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_ascii(const char *p, const char *end)
{
	while (p < end && !((unsigned char)*p & 0x80))
		p++;
	return p == end;
}

/* What belongs together in normalisation: up to a blank, at most RUN_MAX bytes, whole characters. */
static const char *run_end(const char *p, const char *end)
{
	const char *most = (size_t)(end - p) > RUN_MAX ? p + RUN_MAX : end, *at = p;
	uint32_t cp;
	bool valid;

	while (at < most && !is_blank(*at))
		at++;
	if (at < end && at == most) {
		for (at = p; at < most; at += vex_utf8_decode(at, end, &cp, &valid))
			;
	}
	return at;
}

/* As valid UTF-8: bytes that are none are taken for Latin-1. @out: 2 * len + 4 bytes. */
static size_t repair(const char *p, const char *end, uint8_t *out)
{
	size_t n = 0;
	uint32_t cp;
	bool valid;

	while (p < end) {
		p += vex_utf8_decode(p, end, &cp, &valid);
		n += utf8_encode(cp, (char *)out + n);
	}
	return n;
}

/* NFKC, full case folding, NFKC again: both can undo the other. NULL: no memory; the caller frees it. */
static uint8_t *fold(const uint8_t *s, size_t len, size_t *out)
{
	size_t n;
	uint8_t *once = u8_normalize(UNINORM_NFKC, s, len, NULL, &n), *twice;

	if (!once)
		return NULL;
	twice = u8_casefold(once, n, NULL, UNINORM_NFKC, NULL, out);
	free(once);
	return twice;
}

static void add_run(struct splitter *s, const char *p, const char *end)
{
	uint8_t valid[2 * RUN_MAX + 16], *folded;
	const char *at, *stop;
	size_t len;
	uint32_t cp;
	bool ok;

	folded = fold(valid, repair(p, end, valid), &len);
	if (!folded)
		return;
	at = (const char *)folded;
	stop = at + len;
	while (at < stop) {
		at += vex_utf8_decode(at, stop, &cp, &ok);
		add_char(s, cp);
	}
	free(folded);
}

static void add_ascii(struct splitter *s, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (!vex_is_word_char((unsigned char)*p))
			end_word(s);
		else
			add_letter(s, *p >= 'A' && *p <= 'Z' ? (uint32_t)*p + 32 : (uint32_t)*p);
	}
}

void vex_words(const char *text, size_t len, vex_word_fn fn, void *ctx)
{
	struct splitter s = { .fn = fn, .ctx = ctx };
	const char *p = text, *end = text + len, *stop;

	while (p < end) {
		if (is_blank(*p)) {
			end_word(&s);
			p++;
			continue;
		}
		stop = run_end(p, end);
		if (is_ascii(p, stop))
			add_ascii(&s, p, stop);
		else
			add_run(&s, p, stop);
		p = stop;
	}
	end_word(&s);
}
