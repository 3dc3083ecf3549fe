/* SPDX-License-Identifier: GPL-2.0 */
/* English words as they are bent. */
#ifndef LIBVEXFS_STATIC_FORMS_H
#define LIBVEXFS_STATIC_FORMS_H

#include <stddef.h>

#define STATIC_FORMS	18u	/* rules */
#define STATIC_BASE_MAX	66	/* bytes of a base; longer words are no English forms */

/**
 * static_base - what @word of @len bytes may be a form of, by a rule of 0..STATIC_FORMS - 1
 * @base: STATIC_BASE_MAX bytes, not terminated
 *
 * Return: its length, 0: the rule is not for such words. Most bases are no words.
 */
size_t static_base(unsigned int rule, const char *word, size_t len, char *base);

#endif /* LIBVEXFS_STATIC_FORMS_H */
