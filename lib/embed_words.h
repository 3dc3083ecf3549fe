/* SPDX-License-Identifier: GPL-2.0 */
/* A hash table of words: the vocabulary of a corpus, and the word counts of one document. */
#ifndef LIBVEXFS_EMBED_WORDS_H
#define LIBVEXFS_EMBED_WORDS_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct vex_word - an entry
 * @hash:  64-bit hash of the word; 0 marks an empty place
 * @count: occurrences, or documents the word occurs in
 * @stamp: the caller's
 * @text:  offset of the word in the table's arena
 * @len, @chars: its bytes and code points
 */
struct vex_word {
	uint64_t hash;
	uint32_t count;
	uint32_t stamp;
	uint32_t text;
	uint8_t len;
	uint8_t chars;
};

/**
 * struct vex_word_table - open addressing, at most half full
 * @slots: @mask + 1 of them
 * @arena: the words' bytes, @arena_len used of @arena_room
 */
struct vex_word_table {
	struct vex_word *slots;
	uint32_t mask;
	uint32_t used;
	char *arena;
	size_t arena_len;
	size_t arena_room;
};

/** vex_word_hash - xxh64 of a word, never 0 */
uint64_t vex_word_hash(const char *word, size_t len);

int vex_word_table_init(struct vex_word_table *t);	/* -ENOMEM */
void vex_word_table_free(struct vex_word_table *t);
void vex_word_table_clear(struct vex_word_table *t);	/* keeps the memory */

/** vex_word_table_find - the entry, or NULL */
struct vex_word *vex_word_table_find(const struct vex_word_table *t, uint64_t hash);

/**
 * vex_word_table_add - the entry of a word, made with count 0 if it is new
 * @word: its bytes, or NULL to keep the hash only
 *
 * Return: NULL if there is no memory. Entries move: use it before the next add.
 */
struct vex_word *vex_word_table_add(struct vex_word_table *t, uint64_t hash, const char *word,
				    size_t len, unsigned int chars);

/** vex_word_table_prune - forget words with a count below @min; -ENOMEM leaves all */
int vex_word_table_prune(struct vex_word_table *t, uint32_t min);

#endif /* LIBVEXFS_EMBED_WORDS_H */
