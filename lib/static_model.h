/* SPDX-License-Identifier: GPL-2.0 */
/* The model of the embedder `static` as a block of bytes: made, checked, and read where it is. */
#ifndef LIBVEXFS_STATIC_MODEL_H
#define LIBVEXFS_STATIC_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATIC_DIM		192		/* elements of a word vector */
#define STATIC_ENOUGH		35000u		/* words of text that make word vectors worth their place */
#define STATIC_MODEL_WORDS	(1u << 17)	/* in a model, those of WordNet included */

struct vex_embedder;
struct static_corpus;

/**
 * struct static_model - places in a block
 * @words: with a vector, of @dim elements; both 0: there are none, the lexical part is all
 * @trained: on texts, not by WordNet alone
 * @lexical: the lexical embedder's model
 * @hash:   le64 of each word, ascending
 * @scale:  le32 bits of a float: one element is so long as its byte says, times that. The sign bit: no text has
 *	    the word, only WordNet
 * @mean:   le32 bits of @dim floats: of the training texts' vectors
 * @element: @words times @dim signed bytes
 */
struct static_model {
	const void *block;
	size_t len;
	uint32_t words, dim;
	bool trained;
	const void *lexical;
	size_t lexical_len;
	const unsigned char *hash, *scale, *mean;
	const signed char *element;
};

/** static_model_open - check all sizes in @block; -EBADMSG */
int static_model_open(struct static_model *m, const void *block, size_t len);

/** static_model_find - place of a word or of what it is a form of; m->words: it has no vector */
uint32_t static_model_find(const struct static_model *m, const char *word, size_t len);
void static_model_add(const struct static_model *m, uint32_t at, float weight, float *sum);
void static_model_centre(const struct static_model *m, float *v);
float static_model_cosine(const struct static_model *m, uint32_t a, uint32_t b);
bool static_model_is_strange(const struct static_model *m, uint32_t at);

/**
 * static_model_make - train
 * @e: told of the progress; @lexical: fitted on the texts of @c
 * Return: 0 and a malloc'ed block; -EINTR: e->step wanted no more; -ENOMEM
 */
int static_model_make(const struct vex_embedder *e, struct vex_embedder *lexical, const struct static_corpus *c,
		      void **block, size_t *len);

#endif /* LIBVEXFS_STATIC_MODEL_H */
