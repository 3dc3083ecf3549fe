/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Models of static embeddings, as model2vec and sentence-transformers write them: a matrix with a vector for each
 * token (model.safetensors) and the tokenizer (tokenizer.json, or BERT's vocab.txt). The vector of a text is the mean
 * of those of its tokens, scaled to length 1. https://github.com/MinishLab/model2vec
 *
 * What it computes is what model2vec's StaticModel.encode() does: the first 512 characters times the median length of a
 * token count, and of those the first 512 tokens; unknown words are left out where the tokenizer names the token that
 * stands for them; tensors "weights" and "mapping" of models with a quantised vocabulary are used.
 *
 * The matrix is mapped, not read. Nothing of a model is trusted; but a file that is cut while it is mapped raises
 * SIGBUS where it is read, as files do.
 */
#ifndef LIBVEXFS_MODEL2VEC_H
#define LIBVEXFS_MODEL2VEC_H

#include "lib/embed.h"
#include "lib/safetensors.h"

#define VEX_MODEL2VEC_IDENTITY	"model2vec 1"	/* another number: other vectors of the same model */

struct vex_model2vec;

/**
 * vex_model2vec_open - open the model at @path, a directory or its file of safetensors
 * @dim: out: elements of its vectors
 * @fingerprint: out: a hash of both files
 * @why: what is wrong, with the file's name
 *
 * Return: 0 and *@out; -ENOENT and other errors of opening; -EBADMSG: damaged, or not such a model; -EFBIG; -ENOMEM.
 */
int vex_model2vec_open(const char *path, struct vex_model2vec **out, uint32_t *dim,
		       unsigned char fingerprint[VEX_EMBED_FINGERPRINT], char why[VEX_WHY]);
void vex_model2vec_close(struct vex_model2vec *m);	/* NULL is fine */

/**
 * vex_model2vec_embed - the vector of a text, of length 1; any number of threads may call it
 *
 * Return: 0; -ENODATA: no token of it is known; -EBADMSG: the model has elements that are not finite; -EFBIG; -ENOMEM.
 */
int vex_model2vec_embed(const struct vex_model2vec *m, const char *text, size_t len, float *out);

#endif /* LIBVEXFS_MODEL2VEC_H */
