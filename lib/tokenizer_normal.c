// SPDX-License-Identifier: GPL-2.0
/*
 * The steps that normalise a text, as tokenizer.json names them. Documented in lib/tokenizer_impl.h.
 *
 * Characters are those of libunistring's Unicode: newer ones than the model's library knew may differ.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "lib/tokenizer_impl.h"

#define MAP_MAX		(8u << 20)	/* bytes; that of XLM-R has 240 KiB */
#define REPLACE_MAX	256		/* characters */

/* ---- from JSON ------------------------------------------------------------------------------ */

static int load_text(struct vex_chars *s, struct json_object *o)
{
	return vex_chars_decode(s, json_object_get_string(o), (size_t)json_object_get_string_len(o), REPLACE_MAX);
}

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static int load_map(struct vex_normal_step *s, struct json_object *o, char why[VEX_WHY])
{
	const char *text = o ? json_object_get_string(o) : "";
	uint32_t bits = 0, n = 0;

	s->map = malloc(strlen(text) + 1);
	if (!s->map)
		return -ENOMEM;
	for (; base64_digit(*text) >= 0; text++) {
		bits = bits << 6 | (uint32_t)base64_digit(*text);
		n += 6;
		if (n >= 8) {
			n -= 8;
			s->map[s->map_len++] = (unsigned char)(bits >> n);
		}
	}
	while (*text == '=')
		text++;
	if (!*text && s->map_len <= MAP_MAX && vex_charsmap_valid(s->map, s->map_len))
		return 0;
	snprintf(why, VEX_WHY, "the precompiled map of characters of its tokenizer is damaged");
	return -EBADMSG;
}

static int load_regex(struct vex_normal_step *s, const char *regex, char why[VEX_WHY])
{
	static const struct {
		const char *regex;
		unsigned int spaces;
		bool any;
	} known[] = {
		{ " +", 1, false }, { " {2,}", 2, false }, { "\\s", 1, true }, { "\\s+", 1, true }, { "\\s{2,}", 2, true },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(known[i].regex, regex)) {
			s->spaces = known[i].spaces;
			s->any_space = known[i].any;
			return 0;
		}
	}
	return vex_unsupported(why, "a regular expression", regex);
}

static int load_replace(struct vex_normal_step *s, struct json_object *o, char why[VEX_WHY])
{
	struct json_object *pattern = vex_member(o, "pattern", json_type_object);
	struct json_object *to = vex_member(o, "content", json_type_string);
	struct json_object *text = vex_member(pattern, "String", json_type_string);
	struct json_object *regex = vex_member(pattern, "Regex", json_type_string);
	int ret;

	if (!to || (!text && !regex) || (text && !json_object_get_string_len(text)))
		return vex_unsupported(why, "a replacement", "without a pattern");
	if (json_object_get_string_len(to) > REPLACE_MAX || (text && json_object_get_string_len(text) > REPLACE_MAX))
		return vex_unsupported(why, "a replacement", "longer than 256 bytes");
	ret = load_text(&s->to, to);
	if (!ret)
		ret = text ? load_text(&s->from, text) : load_regex(s, json_object_get_string(regex), why);
	/* "\s" replaces one by one */
	if (!ret && regex && !strcmp(json_object_get_string(regex), "\\s"))
		s->spaces = 0;
	return ret;
}

static int load_prepend(struct vex_normal_step *s, struct json_object *o, char why[VEX_WHY])
{
	struct json_object *to = vex_member(o, "prepend", json_type_string);

	if (!to || json_object_get_string_len(to) > REPLACE_MAX)
		return vex_unsupported(why, "a normalizer", "Prepend of nothing");
	return load_text(&s->to, to);
}

static void load_bert(struct vex_normal_step *s, struct json_object *o)
{
	s->clean = vex_member_true(o, "clean_text", true);
	s->cjk = vex_member_true(o, "handle_chinese_chars", true);
	s->lower = vex_member_true(o, "lowercase", true);
	s->accents = vex_member_true(o, "strip_accents", s->lower);	/* null: as lowercase */
}

static const struct vex_step_name names[] = {
	{ "BertNormalizer", VEX_NORMAL_BERT }, { "Precompiled", VEX_NORMAL_CHARSMAP }, { "NFC", VEX_NORMAL_NFC },
	{ "NFD", VEX_NORMAL_NFD }, { "NFKC", VEX_NORMAL_NFKC }, { "NFKD", VEX_NORMAL_NFKD },
	{ "Lowercase", VEX_NORMAL_LOWER }, { "Strip", VEX_NORMAL_STRIP }, { "StripAccents", VEX_NORMAL_ACCENTS },
	{ "Replace", VEX_NORMAL_REPLACE }, { "Prepend", VEX_NORMAL_PREPEND }, { "Nmt", VEX_NORMAL_NMT },
	{ NULL, 0 },
};

static int load_step(void *steps, unsigned int i, int kind, struct json_object *o, char why[VEX_WHY])
{
	struct vex_normal_step *s = (struct vex_normal_step *)steps + i;

	s->kind = (enum vex_normal)kind;
	s->left = vex_member_true(o, "strip_left", true);
	s->right = vex_member_true(o, "strip_right", true);
	if (s->kind == VEX_NORMAL_BERT)
		load_bert(s, o);
	if (s->kind == VEX_NORMAL_CHARSMAP)
		return load_map(s, vex_member(o, "precompiled_charsmap", json_type_string), why);
	if (s->kind == VEX_NORMAL_REPLACE)
		return load_replace(s, o, why);
	return s->kind == VEX_NORMAL_PREPEND ? load_prepend(s, o, why) : 0;
}

int vex_normal_load(struct vex_normal_step *steps, unsigned int *n, struct json_object *o, char why[VEX_WHY])
{
	static const struct vex_step_loader l = { "a normalizer", "normalizers", names, load_step };

	return vex_steps_load(&l, steps, n, o, why);
}

void vex_normal_free(struct vex_normal_step *steps, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		vex_chars_free(&steps[i].from);
		vex_chars_free(&steps[i].to);
		free(steps[i].map);
	}
}

/* ---- the steps ------------------------------------------------------------------------------- */

static bool is_control(uint32_t c)
{
	if (c == '\t' || c == '\n' || c == '\r')
		return false;
	return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf |
						   UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Co);
}

/* The ideographs that BERT puts between blanks. */
static bool is_cjk(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
	       (c >= 0x2a700 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0xf900 && c <= 0xfaff) ||
	       (c >= 0x2f800 && c <= 0x2fa1f);
}

static int clean(const struct vex_normal_step *s, const struct vex_chars *in, struct vex_chars *out)
{
	const uint32_t blank = ' ';
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < in->n; i++) {
		uint32_t c = in->c[i];

		if (s->clean && (!c || c == 0xfffd || is_control(c)))
			continue;
		if (s->clean && vex_char_is_space(c))
			c = blank;
		if (s->cjk && is_cjk(c)) {
			const uint32_t apart[] = { blank, c, blank };

			ret = vex_chars_append(out, apart, 3);
		} else {
			ret = vex_chars_add(out, c);
		}
	}
	return ret;
}

/* In place: nothing becomes longer. */
static void drop_accents(struct vex_chars *s)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		if (s->c[i] < 0x300 || !uc_is_general_category_withtable(s->c[i], UC_CATEGORY_MASK_Mn))
			s->c[n++] = s->c[i];
	s->n = n;
}

/* Character by character: one of them becomes two. */
static int lower(const struct vex_chars *in, struct vex_chars *out)
{
	static const uint32_t dotted[] = { 'i', 0x307 };
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < in->n; i++)
		ret = in->c[i] == 0x130 ? vex_chars_append(out, dotted, 2) : vex_chars_add(out, uc_tolower(in->c[i]));
	return ret;
}

static int normal_form(uninorm_t form, const struct vex_chars *in, struct vex_chars *out)
{
	size_t n;
	uint32_t *c = u32_normalize(form, in->c, in->n, NULL, &n);
	int ret;

	if (!c)
		return in->n ? -ENOMEM : 0;
	ret = vex_chars_append(out, c, n);
	free(c);
	return ret;
}

static void swap(struct vex_chars *a, struct vex_chars *b)
{
	struct vex_chars c = *a;

	*a = *b;
	*b = c;
	b->n = 0;
}

static int bert(const struct vex_normal_step *s, struct vex_chars *text, struct vex_chars *room)
{
	int ret = clean(s, text, room);

	swap(text, room);
	if (!ret && s->accents) {
		ret = normal_form(UNINORM_NFD, text, room);
		swap(text, room);
		drop_accents(text);
	}
	if (!ret && s->lower) {
		ret = lower(text, room);
		swap(text, room);
	}
	return ret;
}

static void strip(const struct vex_normal_step *s, struct vex_chars *text)
{
	size_t from = 0;

	while (s->right && text->n && vex_char_is_space(text->c[text->n - 1]))
		text->n--;
	while (s->left && from < text->n && vex_char_is_space(text->c[from]))
		from++;
	text->n -= from;
	memmove(text->c, text->c + from, text->n * sizeof(*text->c));
}

/* Characters at @i that the step replaces; 0: none. */
static size_t match(const struct vex_normal_step *s, const struct vex_chars *in, size_t i)
{
	size_t n = s->from.n, most = s->spaces ? SIZE_MAX : 1;

	if (n)
		return n <= in->n - i && !memcmp(in->c + i, s->from.c, n * sizeof(*in->c)) ? n : 0;
	while (n < most && i + n < in->n && (s->any_space ? vex_char_is_space(in->c[i + n]) : in->c[i + n] == ' '))
		n++;
	return n >= s->spaces ? n : 0;
}

static int replace(const struct vex_normal_step *s, const struct vex_chars *in, struct vex_chars *out)
{
	size_t i = 0, n;
	int ret = 0;

	while (!ret && i < in->n) {
		n = match(s, in, i);
		ret = n ? vex_chars_append(out, s->to.c, s->to.n) : vex_chars_add(out, in->c[i]);
		i += n ? n : 1;
	}
	return ret;
}

/* As sentencepiece's rule "nmt": controls go, other blanks and invisible characters are blanks. */
static int nmt(const struct vex_chars *in, struct vex_chars *out)
{
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < in->n; i++) {
		uint32_t c = in->c[i];

		if ((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f)
			continue;
		if (c == 9 || c == 10 || c == 12 || c == 13 || c == 0x1680 || (c >= 0x200b && c <= 0x200f) || c == 0x2028 ||
		    c == 0x2029 || c == 0x2581 || c == 0xfeff || c == 0xfffd)
			c = ' ';
		ret = vex_chars_add(out, c);
	}
	return ret;
}

static int prepend(const struct vex_normal_step *s, const struct vex_chars *in, struct vex_chars *out)
{
	int ret = in->n ? vex_chars_append(out, s->to.c, s->to.n) : 0;

	return ret ? ret : vex_chars_append(out, in->c, in->n);
}

static int apply(const struct vex_normal_step *s, struct vex_chars *text, struct vex_chars *room)
{
	switch (s->kind) {
	case VEX_NORMAL_CHARSMAP:
		return vex_charsmap_apply(s->map, s->map_len, text, room);
	case VEX_NORMAL_NFC:
		return normal_form(UNINORM_NFC, text, room);
	case VEX_NORMAL_NFD:
		return normal_form(UNINORM_NFD, text, room);
	case VEX_NORMAL_NFKC:
		return normal_form(UNINORM_NFKC, text, room);
	case VEX_NORMAL_NFKD:
		return normal_form(UNINORM_NFKD, text, room);
	case VEX_NORMAL_LOWER:
		return lower(text, room);
	case VEX_NORMAL_REPLACE:
		return replace(s, text, room);
	case VEX_NORMAL_PREPEND:
		return prepend(s, text, room);
	default:
		return nmt(text, room);
	}
}

int vex_normalise(const struct vex_normal_step *steps, unsigned int n, struct vex_chars *text)
{
	struct vex_chars room = { NULL, 0, 0 };
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < n && text->n; i++) {
		if (steps[i].kind == VEX_NORMAL_STRIP) {
			strip(&steps[i], text);
		} else if (steps[i].kind == VEX_NORMAL_ACCENTS) {
			drop_accents(text);
		} else if (steps[i].kind == VEX_NORMAL_BERT) {
			ret = bert(&steps[i], text, &room);
		} else {
			ret = apply(&steps[i], text, &room);
			swap(text, &room);
		}
	}
	vex_chars_free(&room);
	return ret;
}
