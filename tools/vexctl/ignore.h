/* SPDX-License-Identifier: GPL-2.0 */
/* Lists of files to leave out, by the pattern rules of gitignore(5). */
#ifndef VEXCTL_IGNORE_H
#define VEXCTL_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct ignore_rule - one line
 * @pattern:  without what the other fields say
 * @again:    "!": take what an earlier rule left out
 * @dirs:     "/" at the end: directories only
 * @anchored: has a "/" elsewhere: compared with the path below the list's directory, not with the name
 */
struct ignore_rule {
	char *pattern;
	bool again, dirs, anchored;
};

struct ignore_list {
	struct ignore_rule *rule;
	size_t n, room;
};

/** ignore_parse - add the rules of a file's @text; -ENOMEM */
int ignore_parse(struct ignore_list *l, const char *text, size_t len);
/** ignore_read - add the rules of a file, if it is there and a regular file; -ENOMEM */
int ignore_read(struct ignore_list *l, int dirfd, const char *name);
void ignore_free(struct ignore_list *l);

/**
 * ignore_match - what the last rule that matches says
 * @path: below the list's directory, without a leading "/"
 *
 * Return: 1: left out, 0: taken, -1: no rule matches.
 */
int ignore_match(const struct ignore_list *l, const char *path, bool is_dir);

/** ignore_glob - does @text match @pattern, where "*" does not match "/"? Time: length^2, at worst ^3 */
bool ignore_glob(const char *pattern, const char *text);

#endif /* VEXCTL_IGNORE_H */
