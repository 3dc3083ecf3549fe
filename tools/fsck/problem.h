/* SPDX-License-Identifier: GPL-2.0 */
/* The table of problems: codes, and what is known about each. */
#ifndef VEXFS_TOOLS_FSCK_PROBLEM_H
#define VEXFS_TOOLS_FSCK_PROBLEM_H

#include <stdio.h>

enum fsck_class {
	FSCK_DAMAGE,
	FSCK_FIXABLE,
	FSCK_NOTE
};

enum fsck_code {
#define P(name, code, class, text, fix)	FSCK_##name = (code),
#include "tools/fsck/problems.h"
#undef P
};

/* As arrays, so that the compiler checks arguments against them. */
#define P(name, code, class, text, fix) \
	static const char fsck_text_##name[] __attribute__((unused)) = text;
#include "tools/fsck/problems.h"
#undef P

/**
 * struct fsck_known - an entry of the table
 * @name: for programmers and lists
 * @text: printf format
 * @fix:  what a repair would do
 */
struct fsck_known {
	enum fsck_code	code;
	enum fsck_class	class;
	const char	*name, *text, *fix;
};

/* The @i-th entry; NULL after the last. */
const struct fsck_known *fsck_known(size_t i);
/* The entry of a code of the table. */
const struct fsck_known *fsck_lookup(enum fsck_code code);
void fsck_list_problems(FILE *out);

#endif /* VEXFS_TOOLS_FSCK_PROBLEM_H */
