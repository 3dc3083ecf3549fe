/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Embedders: from text to a vector.
 *
 * An embedder is fitted on the texts of a corpus (or brings a trained model and
 * has nothing to fit), can be saved and loaded, and turns documents and queries
 * into vectors of one space. vexctl knows only this interface; the implementation
 * here is `lexical`, which needs neither a model nor a network. vexctl has others,
 * which ask a program (tools/vexctl/remote.h).
 *
 * Texts come from users: any bytes, any length. Nothing here trusts a model
 * file either; loading verifies every field.
 *
 * Functions return 0 or a negative errno. An embedder is not thread-safe, but for
 * @embed_many.
 */
#ifndef LIBVEXFS_EMBED_H
#define LIBVEXFS_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VEX_EMBED_MAX_DIM	16384
#define VEX_EMBED_DEFAULT_DIM	384
#define VEX_EMBED_MAX_TEXT	(1u << 20)	/* bytes looked at per text; the rest is ignored */
#define VEX_EMBED_MAX_MODEL	(64u << 20)	/* bytes of a saved model */

struct vex_embedder;

/**
 * enum vex_text_kind - what a text is for
 *
 * Many embedders treat the two sides differently (weights here, prefixes in
 * trained models); both kinds yield vectors of the same space.
 */
enum vex_text_kind {
	VEX_TEXT_DOCUMENT,
	VEX_TEXT_QUERY,
};

/**
 * struct vex_text - a text among several
 */
struct vex_text {
	const char *text;
	size_t len;
};

/**
 * struct vex_embedder_ops - one kind of embedder
 * @name:	as in the model's file name, at most 15 bytes
 * @identity:	of embedders from vex_embedder_create(): name and version
 * @create:	an unfitted embedder for vectors of @dim float32; NULL: no memory
 * @destroy:	free it
 * @fit:	learn from one document; call before the first @embed
 * @fit_done:	end of the corpus
 * @embed:	@text of @len bytes to @dim float32 of unit length. -ENODATA: the
 *		text has nothing to go by (no words)
 * @embed_many:	@n texts at once, @dim float32 of each after those of the one before; any
 *		number of threads may call it. NULL: @embed does one after the other
 * @save:	the model as one malloc'ed block; the caller frees it
 * @load:	from such a block, of any provenance. -EBADMSG: damaged
 * @mapped:	@load keeps the block, which lives as long as the embedder
 * @documents:	number of documents it was fitted on
 * @rarity:	how rare a word of vex_words() is: 0 in every document, larger in few; NULL: cannot tell
 * @kin:	how alike two words of vex_words() are in meaning, of which no text has the first: at most 1; 0: not,
 *		or it is in a text. NULL: cannot tell
 */
struct vex_embedder_ops {
	const char *name, *identity;
	bool mapped;
	struct vex_embedder *(*create)(uint32_t dim);
	void (*destroy)(struct vex_embedder *e);
	int (*fit)(struct vex_embedder *e, const char *text, size_t len);
	int (*fit_done)(struct vex_embedder *e);
	int (*embed)(struct vex_embedder *e, enum vex_text_kind kind, const char *text, size_t len,
		     float *out);
	int (*embed_many)(struct vex_embedder *e, enum vex_text_kind kind, const struct vex_text *texts,
			  size_t n, float *out);
	int (*save)(struct vex_embedder *e, void **block, size_t *len);
	int (*load)(struct vex_embedder *e, const void *block, size_t len);
	uint64_t (*documents)(const struct vex_embedder *e);
	float (*rarity)(const struct vex_embedder *e, const char *word, size_t len);
	float (*kin)(const struct vex_embedder *e, const char *a, size_t alen, const char *b, size_t blen);
};

#define VEX_EMBED_IDENTITY	64	/* with the terminating NUL, as a collection stores it */
#define VEX_EMBED_FINGERPRINT	32

/**
 * struct vex_embedder - the common beginning of every embedder
 * @identity:	name and version: another one makes other vectors of the same text
 * @fingerprint: of its model; zeros: it has none
 * @noise:	cosines below it are chance, of the query embedded last; 0: not known
 * @step:	called by a long @fit_done: @done of @of steps; not 0: it ends with that. May be NULL
 * @map, @map_len: of the file of a model that is used where it is
 */
struct vex_embedder {
	const struct vex_embedder_ops *ops;
	uint32_t dim;
	char identity[VEX_EMBED_IDENTITY];
	unsigned char fingerprint[VEX_EMBED_FINGERPRINT];
	float noise;
	int (*step)(void *ctx, uint32_t done, uint32_t of);
	void *step_ctx;
	void *map;
	size_t map_len;
};

extern const struct vex_embedder_ops vex_lexical_ops;
extern const struct vex_embedder_ops vex_static_ops;

/** vex_static_wordnet - where `static` looks for WordNet when it is trained; NULL: nowhere */
void vex_static_wordnet(const char *dir);

/** vex_embedder_find - the embedder called @name, or NULL */
const struct vex_embedder_ops *vex_embedder_find(const char *name);

/** vex_embedder_create - an unfitted embedder; -EINVAL: unknown name or dimension; -ENOMEM */
int vex_embedder_create(const char *name, uint32_t dim, struct vex_embedder **out);
void vex_embedder_destroy(struct vex_embedder *e);	/* NULL is fine */

/**
 * vex_model_save - write an embedder's model to a file
 * @dirfd, @name: where; replaced atomically (temporary file, fsync, rename)
 */
int vex_model_save(struct vex_embedder *e, int dirfd, const char *name);

/**
 * vex_model_load - read a model file
 *
 * Return: 0 and *@out; -ENOENT; -EBADMSG (not a model, or damaged); -EPROTO (of
 * another version); -EFBIG; -ENOMEM; read errors. Never follows a
 * symbolic link and never blocks on a special file.
 */
int vex_model_load(int dirfd, const char *name, struct vex_embedder **out);

/**
 * typedef vex_word_fn - called for every word of a text
 * @word:  normalised and case-folded UTF-8, not terminated
 * @len:   1..VEX_WORD_MAX bytes
 * @chars: code points in it
 */
typedef void (*vex_word_fn)(void *ctx, const char *word, size_t len, unsigned int chars);

#define VEX_WORD_CHARS	32			/* longer words are cut into pieces */
#define VEX_WORD_MAX	(4 * VEX_WORD_CHARS)

/**
 * vex_words - split a text into words
 *
 * A word is a run of letters, marks and digits of the text in Unicode's NFKC form
 * with full case folding, so that equal text in other code points gives equal words.
 * Scripts written without spaces (Han, kana, Thai, Lao, Khmer, Myanmar) give
 * overlapping pairs instead; each emoji is a word. Bytes that are not UTF-8 are read
 * as Latin-1.
 */
void vex_words(const char *text, size_t len, vex_word_fn fn, void *ctx);

/** vex_utf8_decode - one code point at @p < @end; *@valid tells Latin-1 fall-backs apart
 * Return: bytes consumed, 1..4. */
unsigned int vex_utf8_decode(const char *p, const char *end, uint32_t *cp, bool *valid);
bool vex_is_word_char(uint32_t cp);

#endif /* LIBVEXFS_EMBED_H */
