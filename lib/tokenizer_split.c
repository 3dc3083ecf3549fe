// SPDX-License-Identifier: GPL-2.0
/* The steps that split a text into pieces, as tokenizer.json names them. Documented in lib/tokenizer_impl.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>

#include "lib/tokenizer_impl.h"

/* ---- from JSON ------------------------------------------------------------------------------ */

#define WHAT "a pre-tokenizer"

/* Newer files have prepend_scheme, older ones add_prefix_space. */
static int load_metaspace(struct vex_split_step *s, struct json_object *o, char why[VEX_WHY])
{
	struct json_object *mark = vex_member(o, "replacement", json_type_string);
	struct json_object *scheme = vex_member(o, "prepend_scheme", json_type_string);
	const char *name = scheme ? json_object_get_string(scheme) : "always";
	struct vex_chars c = { NULL, 0, 0 };
	int ret = mark ? vex_chars_decode(&c, json_object_get_string(mark), (size_t)json_object_get_string_len(mark), 2) :
			 vex_chars_add(&c, 0x2581);

	if (!ret && c.n == 1)
		s->mark = c.c[0];
	vex_chars_free(&c);
	if (ret)
		return ret;
	if (!s->mark)
		return vex_unsupported(why, WHAT, "Metaspace that is not one character");
	s->split = vex_member_true(o, "split", true);
	s->prepend = !strcmp(name, "always") ? VEX_PREPEND_ALWAYS : !strcmp(name, "first") ? VEX_PREPEND_FIRST :
								    VEX_PREPEND_NEVER;
	if (!scheme && !vex_member_true(o, "add_prefix_space", true))
		s->prepend = VEX_PREPEND_NEVER;
	return 0;
}

static int load_punctuation(struct json_object *o, char why[VEX_WHY])
{
	struct json_object *behavior = vex_member(o, "behavior", json_type_string);

	if (!behavior || !strcmp(json_object_get_string(behavior), "Isolated"))
		return 0;
	return vex_unsupported(why, WHAT, "Punctuation that is not Isolated");
}

static const struct vex_step_name names[] = {
	{ "BertPreTokenizer", VEX_SPLIT_BERT }, { "WhitespaceSplit", VEX_SPLIT_SPACE }, { "Whitespace", VEX_SPLIT_WORDS },
	{ "Punctuation", VEX_SPLIT_PUNCTUATION }, { "Digits", VEX_SPLIT_DIGITS }, { "Metaspace", VEX_SPLIT_METASPACE },
	{ NULL, 0 },
};

static int load_step(void *steps, unsigned int i, int kind, struct json_object *o, char why[VEX_WHY])
{
	struct vex_split_step *s = (struct vex_split_step *)steps + i;

	s->kind = (enum vex_split)kind;
	s->single = vex_member_true(o, "individual_digits", false);
	if (s->kind == VEX_SPLIT_PUNCTUATION)
		return load_punctuation(o, why);
	return s->kind == VEX_SPLIT_METASPACE ? load_metaspace(s, o, why) : 0;
}

int vex_split_load(struct vex_split_step *steps, unsigned int *n, struct json_object *o, char why[VEX_WHY])
{
	static const struct vex_step_loader l = { WHAT, "pretokenizers", names, load_step };

	return vex_steps_load(&l, steps, n, o, why);
}

/* ---- the steps ------------------------------------------------------------------------------- */

/**
 * struct split_run - pieces on their way through the steps
 */
struct split_run {
	const struct vex_split_step *steps;
	unsigned int n;
	vex_piece_fn fn;
	void *ctx;
};

static int run(const struct split_run *r, unsigned int step, const uint32_t *c, size_t n, bool first);

static bool is_punctuation(uint32_t c)
{
	if (c < 0x80)
		return c > ' ' && c < 0x7f && !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
	return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_P);
}

static bool is_digit(uint32_t c)
{
	return c < 0x80 ? c >= '0' && c <= '9' : uc_is_general_category_withtable(c, UC_CATEGORY_MASK_N);
}

/* As \w of a regular expression over Unicode. */
static bool is_word(uint32_t c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
	return uc_is_property_alphabetic(c) || uc_is_property_join_control(c) ||
	       uc_is_general_category_withtable(c, UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Pc);
}

/*
 * Characters of one class are a piece; DROP: they are between pieces, ALONE: each is one.
 */
enum class { DROP, ALONE, CLASS_1, CLASS_2 };

static enum class class_of(const struct vex_split_step *s, uint32_t c)
{
	switch (s->kind) {
	case VEX_SPLIT_SPACE:
		return vex_char_is_space(c) ? DROP : CLASS_1;
	case VEX_SPLIT_BERT:
		return vex_char_is_space(c) ? DROP : is_punctuation(c) ? ALONE : CLASS_1;
	case VEX_SPLIT_WORDS:
		return vex_char_is_space(c) ? DROP : is_word(c) ? CLASS_1 : CLASS_2;
	case VEX_SPLIT_PUNCTUATION:
		return is_punctuation(c) ? ALONE : CLASS_1;
	default:
		return !is_digit(c) ? CLASS_1 : s->single ? ALONE : CLASS_2;
	}
}

static int by_class(const struct split_run *r, unsigned int step, const uint32_t *c, size_t n, bool first)
{
	const struct vex_split_step *s = &r->steps[step];
	size_t from, to;
	int ret = 0;

	for (from = 0; !ret && from < n; from = to) {
		enum class class = class_of(s, c[from]);

		for (to = from + 1; to < n && class != ALONE && class_of(s, c[to]) == class; to++)
			;
		if (class != DROP)
			ret = run(r, step + 1, c + from, to - from, first && !from);
	}
	return ret;
}

/* The mark for each blank, and in front; then it begins each piece. */
static int metaspace(const struct split_run *r, unsigned int step, const uint32_t *c, size_t n, bool first)
{
	const struct vex_split_step *s = &r->steps[step];
	struct vex_chars marked = { NULL, 0, 0 };
	bool prepend = s->prepend == VEX_PREPEND_ALWAYS || (s->prepend == VEX_PREPEND_FIRST && first);
	size_t i, from, to;
	int ret = 0;

	if (prepend && c[0] != ' ' && c[0] != s->mark)
		ret = vex_chars_add(&marked, s->mark);
	for (i = 0; !ret && i < n; i++)
		ret = vex_chars_add(&marked, c[i] == ' ' ? s->mark : c[i]);
	for (from = 0; !ret && from < marked.n; from = to) {
		for (to = from + 1; to < marked.n && !(s->split && marked.c[to] == s->mark); to++)
			;
		ret = run(r, step + 1, marked.c + from, to - from, first && !from);
	}
	vex_chars_free(&marked);
	return ret;
}

/* As deep as there are steps. */
static int run(const struct split_run *r, unsigned int step, const uint32_t *c, size_t n, bool first)
{
	if (!n)
		return 0;
	if (step == r->n)
		return r->fn(r->ctx, c, n);
	return (r->steps[step].kind == VEX_SPLIT_METASPACE ? metaspace : by_class)(r, step, c, n, first);
}

int vex_split(const struct vex_split_step *steps, unsigned int n, const uint32_t *c, size_t len, bool first,
	      vex_piece_fn fn, void *ctx)
{
	struct split_run r = { .steps = steps, .n = n, .fn = fn, .ctx = ctx };

	return run(&r, 0, c, len, first);
}
