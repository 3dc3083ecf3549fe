/* SPDX-License-Identifier: GPL-2.0 */
/* The tokenizer's own parts; lib/tokenizer.h is for the others. */
#ifndef LIBVEXFS_TOKENIZER_IMPL_H
#define LIBVEXFS_TOKENIZER_IMPL_H

#include <json-c/json.h>

#include "lib/tokenizer.h"

#define VEX_TOKEN_MAX	1024	/* bytes of a token */
#define VEX_CHARS_MAX	(4u << 20)	/* characters that a text may become */

/* ---- characters -------------------------------------------------------------------------- */

/**
 * struct vex_chars - a text as code points
 */
struct vex_chars {
	uint32_t *c;
	size_t n, room;
};

int vex_chars_add(struct vex_chars *s, uint32_t c);			/* -ENOMEM, -EFBIG */
int vex_chars_append(struct vex_chars *s, const uint32_t *c, size_t n);
void vex_chars_free(struct vex_chars *s);
/* At most @chars of them. */
int vex_chars_decode(struct vex_chars *s, const char *text, size_t len, size_t chars);
/* As malloc'ed UTF-8, terminated; NULL: no memory. */
char *vex_chars_encode(const uint32_t *c, size_t n, size_t *len);
bool vex_char_is_space(uint32_t c);

/* ---- the vocabulary ------------------------------------------------------------------------ */

/**
 * struct vex_vocab - tokens by their text
 * @entry: of @n tokens, @text is an offset in @arena
 * @table: indexes of entries + 1 by hash, @mask + 1 places, at most half of them used
 * @sorted: indexes of entries in the order of their bytes; NULL until vex_vocab_sort()
 */
struct vex_vocab {
	struct vex_token {
		uint32_t text, id;
		uint16_t len;
		double score;
	} *entry;
	uint32_t n, room, mask, top;
	uint32_t *table, *sorted;
	char *arena;
	size_t arena_len, arena_room;
};

/* A token that is there already gets the new number and score. -ENOMEM; -EINVAL: too long. */
int vex_vocab_add(struct vex_vocab *v, const char *text, size_t len, uint32_t id, double score);
const struct vex_token *vex_vocab_find(const struct vex_vocab *v, const char *text, size_t len);
int vex_vocab_sort(struct vex_vocab *v);
void vex_vocab_free(struct vex_vocab *v);
/**
 * struct vex_prefix - the tokens that a text begins with, the shortest first
 * Begin with lo = 0, hi = v->n, len = 0.
 */
struct vex_prefix {
	uint32_t lo, hi;
	size_t len;
};
/* The next one that is longer; NULL: none. */
const struct vex_token *vex_prefix_next(const struct vex_vocab *v, struct vex_prefix *p, const char *text, size_t len);

/* ---- steps ----------------------------------------------------------------------------------- */

#define VEX_STEPS_MAX	64

/**
 * struct vex_step_loader - how steps of one kind are read from JSON
 * @what:  their name in messages
 * @list:  the member of a "Sequence" that has its steps
 * @names: the types that are supported; a NULL ends them
 * @load:  the step of type @kind at place @i of @steps, zeroed before
 */
struct vex_step_loader {
	const char *what, *list;
	const struct vex_step_name {
		const char *name;
		int kind;
	} *names;
	int (*load)(void *steps, unsigned int i, int kind, struct json_object *o, char why[VEX_WHY]);
};

/* The step or the sequence @o, or none if it is NULL, after *@n others. -EBADMSG: not supported, @why says what. */
int vex_steps_load(const struct vex_step_loader *l, void *steps, unsigned int *n, struct json_object *o,
		   char why[VEX_WHY]);
int vex_unsupported(char why[VEX_WHY], const char *what, const char *name);

enum vex_normal {
	VEX_NORMAL_BERT, VEX_NORMAL_CHARSMAP, VEX_NORMAL_NFC, VEX_NORMAL_NFD, VEX_NORMAL_NFKC, VEX_NORMAL_NFKD,
	VEX_NORMAL_LOWER, VEX_NORMAL_STRIP, VEX_NORMAL_ACCENTS, VEX_NORMAL_REPLACE, VEX_NORMAL_PREPEND, VEX_NORMAL_NMT,
};

/**
 * struct vex_normal_step - a step of normalisation
 * @clean, @cjk, @accents, @lower: of BERT's
 * @left, @right: of VEX_NORMAL_STRIP
 * @from, @to: what is replaced, by what; @to alone is prepended
 * @spaces: @from is a run of so many white space characters at least; 0: it is @from
 * @any_space: and they may be others than the blank
 * @map: a compiled map of sentencepiece, and its length
 */
struct vex_normal_step {
	enum vex_normal kind;
	bool clean, cjk, accents, lower, left, right, any_space;
	unsigned int spaces;
	struct vex_chars from, to;
	unsigned char *map;
	size_t map_len;
};

/* From the member "normalizer", which may be null. */
int vex_normal_load(struct vex_normal_step *steps, unsigned int *n, struct json_object *o, char why[VEX_WHY]);
void vex_normal_free(struct vex_normal_step *steps, unsigned int n);
/* All steps on @s. */
int vex_normalise(const struct vex_normal_step *steps, unsigned int n, struct vex_chars *s);
/* tokenizer_charsmap.c: is it one; and what it makes of @in, appended to @out. */
bool vex_charsmap_valid(const unsigned char *map, size_t len);
int vex_charsmap_apply(const unsigned char *map, size_t len, const struct vex_chars *in, struct vex_chars *out);

enum vex_split {
	VEX_SPLIT_BERT, VEX_SPLIT_SPACE, VEX_SPLIT_WORDS, VEX_SPLIT_PUNCTUATION, VEX_SPLIT_DIGITS, VEX_SPLIT_METASPACE,
};

enum vex_prepend { VEX_PREPEND_NEVER, VEX_PREPEND_FIRST, VEX_PREPEND_ALWAYS };

/**
 * struct vex_split_step - a step that splits into pieces
 * @mark:  a blank becomes this one (VEX_SPLIT_METASPACE), which is prepended, and
 * @split: begins a piece
 * @single: each digit is a piece
 */
struct vex_split_step {
	enum vex_split kind;
	uint32_t mark;
	enum vex_prepend prepend;
	bool split, single;
};

int vex_split_load(struct vex_split_step *steps, unsigned int *n, struct json_object *o, char why[VEX_WHY]);
/* @fn for each piece of @c; @first: it is the beginning of the text. */
typedef int (*vex_piece_fn)(void *ctx, const uint32_t *c, size_t n);
int vex_split(const struct vex_split_step *steps, unsigned int n, const uint32_t *c, size_t len, bool first,
	      vex_piece_fn fn, void *ctx);

/* ---- models ------------------------------------------------------------------------------------ */

enum vex_model { VEX_WORDPIECE, VEX_UNIGRAM, VEX_WORDLEVEL };

/**
 * struct vex_added - a token that is taken out of the text before all else
 * @normalised: out of the normalised text, and its own text is normalised
 */
struct vex_added {
	struct vex_chars text;
	uint32_t id;
	bool normalised, single_word, left, right;
};

/**
 * struct vex_tokenizer - documented in lib/tokenizer.h
 * @added:    the longest first
 * @most:     tokens of a text, from "truncation"; 0: any number
 * @prefix:   of tokens that continue a word
 * @word_max: characters of a word; longer ones are unknown
 * @median:   characters of a token of median length
 */
struct vex_tokenizer {
	struct vex_normal_step normal[VEX_STEPS_MAX];
	struct vex_split_step split[VEX_STEPS_MAX];
	unsigned int nnormal, nsplit;
	struct vex_added *added;
	uint32_t nadded, extra, top, median;
	uint64_t most, word_max;
	enum vex_model model;
	struct vex_vocab vocab;
	char prefix[VEX_TOKEN_MAX];
	bool has_unknown, bytes;
	uint32_t unknown;
	double least;
};

/**
 * struct vex_ids - tokens of a text
 * @most: no more are kept
 */
struct vex_ids {
	uint32_t *id;
	size_t n, room;
	uint64_t most;
};

int vex_ids_add(struct vex_ids *ids, uint32_t id);
/* tokenizer_models.c: the tokens of one piece */
int vex_tokens_of(const struct vex_tokenizer *t, const uint32_t *c, size_t n, struct vex_ids *ids);

/* NULL, or a member of the object @o that has the type. */
struct json_object *vex_member(struct json_object *o, const char *name, enum json_type type);
bool vex_member_true(struct json_object *o, const char *name, bool otherwise);

#endif /* LIBVEXFS_TOKENIZER_IMPL_H */
