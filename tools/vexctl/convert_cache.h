/* SPDX-License-Identifier: GPL-2.0 */
/* Texts that converters made, for the next who asks in this process: a search looks at a file more than once. */
#ifndef VEXCTL_CONVERT_CACHE_H
#define VEXCTL_CONVERT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* The text of the file as @st has it, up to @room bytes of it; false: it is not known. For threads. */
bool convert_cached(const struct stat *st, char *out, size_t room, size_t *len);
/* Keep a copy, if memory lasts; others may go. */
void convert_keep(const struct stat *st, const char *text, size_t len);

#endif /* VEXCTL_CONVERT_CACHE_H */
