/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Word vectors of a corpus: what the embedder `static` is made of.
 *
 *   texts -> static_corpus (words, and the texts as sequences of words)
 *         -> static_pmi (sparse matrix of positive pointwise mutual information)
 *         -> static_svd (its largest singular vectors, by a randomised method)
 *         -> static_wordnet (synonyms drawn together, if WordNet is installed)
 *
 * Everything is a function of texts, seed and WordNet alone: threads share rows, never sums.
 * Functions return 0 or a negative errno.
 */
#ifndef LIBVEXFS_STATIC_H
#define LIBVEXFS_STATIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/embed_words.h"

#define STATIC_TOKENS_MAX	(1u << 24)	/* words of text kept; beyond it every second text, then fourth ... */
#define STATIC_IDS_MAX		(1u << 20)	/* different words; later ones have no vector */
#define STATIC_WORDS_MAX	(1u << 16)	/* words with a vector: the most frequent */
#define STATIC_PAIRS_MAX	(1u << 24)	/* entries of the matrix: the most frequent pairs */
#define STATIC_BORDER		0u		/* between two texts; ids begin at 1 */

/**
 * struct static_corpus - texts as sequences of words
 * @words:	count: occurrences; stamp: id, from 1, in order of appearance
 * @tokens:	ids, each text ends with STATIC_BORDER; @used of @room
 * @begin:	of the text at hand
 * @texts:	offered so far
 * @stride:	every so manieth text is kept
 * @most:	tokens kept (STATIC_TOKENS_MAX; tests have less)
 */
struct static_corpus {
	struct vex_word_table words;
	uint32_t *tokens;
	size_t used, room, begin, most;
	uint64_t texts, stride;
	int failed;
};

int static_corpus_init(struct static_corpus *c);
void static_corpus_free(struct static_corpus *c);
/** static_corpus_add - one text; at most VEX_EMBED_MAX_TEXT bytes of it */
int static_corpus_add(struct static_corpus *c, const char *text, size_t len);

/**
 * struct static_vocabulary - the words that get vectors, the most frequent first
 * @word:   entries of the corpus' table
 * @count:  occurrences in the kept texts
 * @rank:   of each id: place in @word plus one, 0: none
 */
struct static_vocabulary {
	const struct vex_word **word;
	uint32_t *count, *rank;
	uint32_t n, ids;
};

int static_vocabulary_make(const struct static_corpus *c, uint32_t min_count, struct static_vocabulary *v);
void static_vocabulary_free(struct static_vocabulary *v);

/**
 * struct static_matrix - sparse, symmetric, @n * @n
 * @begin: @n + 1 places in @column and @value, of the rows
 */
struct static_matrix {
	uint32_t n;
	size_t *begin;
	uint32_t *column;
	float *value;
};

/**
 * static_pmi - positive pointwise mutual information of the words (Levy & Goldberg 2014)
 *
 * Pairs are counted in a window of words to both sides; only pairs that are more frequent than
 * chance has it are kept, and of too many the most frequent.
 */
int static_pmi(const struct static_corpus *c, const struct static_vocabulary *v, struct static_matrix *m);
void static_matrix_free(struct static_matrix *m);

/**
 * static_svd - rank-@dim factors of a symmetric matrix (Halko, Martinsson & Tropp 2011)
 * @out: m->n rows of @dim: eigenvectors of the largest absolute eigenvalues, each times |value|^@power;
 *	 zeros beyond the matrix' rank
 */
int static_svd(const struct static_matrix *m, uint32_t dim, float power, uint64_t seed, float *out);

/* static_dense.c */
/** static_orthonormalise - columns of @y, @n rows of @l, in place; dependent ones become zero */
int static_orthonormalise(float *y, uint32_t n, uint32_t l);
/** static_eigen - of the symmetric @a, @l * @l: values, and in the columns of @a the vectors */
int static_eigen(double *a, uint32_t l, double *values);

/* static_parallel.c: @fn for pieces of 0..@n-1, by as many threads as there are processors */
typedef void static_piece_fn(void *ctx, uint32_t piece, uint32_t from, uint32_t to);
#define STATIC_PIECES	32u	/* always, so that sums over pieces do not depend on the threads */
void static_parallel(uint32_t n, static_piece_fn *fn, void *ctx);

#endif /* LIBVEXFS_STATIC_H */
