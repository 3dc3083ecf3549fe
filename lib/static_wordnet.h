/* SPDX-License-Identifier: GPL-2.0 */
/*
 * WordNet's words and senses (Fellbaum, "WordNet: An Electronic Lexical Database", 1998), as Debian's package
 * wordnet-base installs them: index.{noun,verb,adj,adv}, data.*, *.exc.
 */
#ifndef LIBVEXFS_STATIC_WORDNET_H
#define LIBVEXFS_STATIC_WORDNET_H

#include <stddef.h>
#include <stdint.h>

#define STATIC_WORDNET_DIR	"/usr/share/wordnet"

/**
 * struct wordnet_feature - what a word means, or nearly
 * @word:   hash of the word (vex_word_hash())
 * @synset: a set of synonyms that it is in, or one that is more general than that or similar to it
 * @weight: first senses are more likely than others; synonyms nearer than generalisations
 */
struct wordnet_feature {
	uint64_t word, synset;
	float weight;
};

/**
 * struct wordnet - sorted by word, then synset; each pair once
 */
struct wordnet {
	struct wordnet_feature *feature;
	size_t n, room;
};

/**
 * wordnet_read - all single words of the files in @dir
 *
 * Return: -ENOENT: it is not installed; -EBADMSG: these are other files; -ENOMEM.
 */
int wordnet_read(const char *dir, struct wordnet *w);
void wordnet_free(struct wordnet *w);

/** wordnet_find - features of a word: *@n of them from the returned one on */
const struct wordnet_feature *wordnet_find(const struct wordnet *w, uint64_t word, size_t *n);

#endif /* LIBVEXFS_STATIC_WORDNET_H */
