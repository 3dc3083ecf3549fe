// SPDX-License-Identifier: GPL-2.0
/* Texts to words: UTF-8, letters and digits, lower case. */
#include <string.h>

#include "lib/embed.h"

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

/* Latin Extended-A pairs capitals and small letters, even/odd in some parts, odd/even in others. */
static uint32_t lower_latin_a(uint32_t cp)
{
	if (cp == 0x130)
		return 'i';
	if (cp == 0x178)
		return 0xff;
	if (cp == 0x138 || cp == 0x149 || cp == 0x17f)
		return cp;
	if ((cp >= 0x139 && cp <= 0x148) || cp >= 0x179)
		return cp + (cp & 1);
	return cp | 1;
}

uint32_t vex_lower(uint32_t cp)
{
	if (cp < 0x80)
		return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
	if (cp < 0x100)
		return cp >= 0xc0 && cp <= 0xde && cp != 0xd7 ? cp + 32 : cp;
	if (cp < 0x180)
		return lower_latin_a(cp);
	if (cp >= 0x391 && cp <= 0x3a9)
		return cp + 32;
	if (cp >= 0x400 && cp <= 0x40f)
		return cp + 80;
	if (cp >= 0x410 && cp <= 0x42f)
		return cp + 32;
	return cp;
}

/* Punctuation, symbols and spaces above ASCII; everything else there counts as a letter. */
static bool is_separator(uint32_t cp)
{
	if (cp < 0xc0)
		return cp != 0xaa && cp != 0xb5 && cp != 0xba;	/* ordinals, micro sign */
	return cp == 0xd7 || cp == 0xf7 || (cp >= 0x2000 && cp <= 0x2bff) ||
	       (cp >= 0x3000 && cp <= 0x303f) || (cp >= 0xe000 && cp <= 0xf8ff) ||
	       (cp >= 0xfe30 && cp <= 0xfe6f) || (cp >= 0xff00 && cp <= 0xff0f) ||
	       (cp >= 0xfff0 && cp <= 0xffff) || (cp >= 0x1f000 && cp <= 0x1faff) || cp == 0xfeff;
}

bool vex_is_word_char(uint32_t cp)
{
	if (cp < 0x80)
		return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') ||
		       (cp >= 'A' && cp <= 'Z');
	return !is_separator(cp);
}

/* Scripts written without spaces between words. Hangul has spaces. */
static bool is_unspaced(uint32_t cp)
{
	return (cp >= 0x3040 && cp <= 0x30ff) || (cp >= 0x3400 && cp <= 0x9fff) ||
	       (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0x20000 && cp <= 0x3ffff);
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
	append(s, vex_lower(cp));
}

void vex_words(const char *text, size_t len, vex_word_fn fn, void *ctx)
{
	struct splitter s = { .fn = fn, .ctx = ctx };
	const char *p = text, *end = text + len;
	uint32_t cp;
	bool valid;

	while (p < end) {
		p += vex_utf8_decode(p, end, &cp, &valid);
		if (!vex_is_word_char(cp))
			end_word(&s);
		else if (is_unspaced(cp))
			add_ideograph(&s, cp);
		else
			add_letter(&s, cp);
	}
	end_word(&s);
}
