/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a text to the numbers of its tokens, as the file tokenizer.json of a model says (or vocab.txt: BERT's).
 *
 * What a text goes through: tokens that were added to the vocabulary are taken out, the rest is normalised, split into
 * pieces, and each piece is cut into tokens: WordPiece (the longest that fits, from the left), Unigram (the most likely
 * sequence) or WordLevel (the piece is one). Supported are the steps that models of static embeddings use; a file that
 * asks for another one is refused by its name, never read in part.
 *
 * The results are those of the library "tokenizers" (https://github.com/huggingface/tokenizers), which defined the file.
 *
 * Files come from anywhere: sizes, depth and references are checked. A loaded tokenizer is not changed by encoding: any
 * number of threads may use it.
 */
#ifndef LIBVEXFS_TOKENIZER_H
#define LIBVEXFS_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/safetensors.h"

#define VEX_TOKENIZER_MAX	(64u << 20)	/* bytes of a file */

struct vex_tokenizer;

/**
 * vex_tokenizer_load - from @len bytes of tokenizer.json
 *
 * Return: 0 and *@out; -EBADMSG: damaged, or it asks for what is not supported: @why says what; -ENOMEM.
 */
int vex_tokenizer_load(const char *json, size_t len, struct vex_tokenizer **out, char why[VEX_WHY]);

/** vex_tokenizer_load_words - from vocab.txt: a token on each line, lower case unless capital letters are in it */
int vex_tokenizer_load_words(const char *text, size_t len, struct vex_tokenizer **out, char why[VEX_WHY]);

void vex_tokenizer_free(struct vex_tokenizer *t);	/* NULL is fine */

/** vex_tokenizer_count - how many different tokens there are, those that were added included */
uint32_t vex_tokenizer_count(const struct vex_tokenizer *t);

/** vex_tokenizer_top - the largest number a token has */
uint32_t vex_tokenizer_top(const struct vex_tokenizer *t);

/** vex_tokenizer_median - characters of a token of median length */
uint32_t vex_tokenizer_median(const struct vex_tokenizer *t);

/**
 * vex_tokenizer_unknown - the token of what is not in the vocabulary; false: there is none
 * @named: it has a name in the file (WordPiece, WordLevel), not only a number (Unigram)
 */
bool vex_tokenizer_unknown(const struct vex_tokenizer *t, uint32_t *id, bool *named);

/**
 * vex_tokenizer_encode - the tokens of the first @chars characters of a text
 * @ids: out, malloc'ed, to be freed by the caller
 *
 * Bytes that are not UTF-8 are read as Latin-1.
 *
 * Return: how many; -EFBIG: it becomes too long when it is normalised; -ENOMEM.
 */
int64_t vex_tokenizer_encode(const struct vex_tokenizer *t, const char *text, size_t len, size_t chars, uint32_t **ids);

#endif /* LIBVEXFS_TOKENIZER_H */
