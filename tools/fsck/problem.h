/* SPDX-License-Identifier: GPL-2.0 */
/* The table of problems: codes, and what is known about each. */
#ifndef VEXFS_TOOLS_FSCK_PROBLEM_H
#define VEXFS_TOOLS_FSCK_PROBLEM_H

#include <stdio.h>

enum fsck_class {
	FSCK_DAMAGE,
	FSCK_FIXABLE,
	FSCK_SAFE,
	FSCK_NOTE
};

/*
 * What repairs an object, in the order in which one round does it (repair.c). Each brings
 * the whole object into order, whatever is wrong with it.
 */
enum fsck_how {
	FSCK_FIX_NONE,
	FSCK_FIX_NOW,
	FSCK_FIX_OBJECT,	/* what fsck_object() has named */
	FSCK_FIX_GROUPS,	/* bitmaps and descriptors of all groups */
	FSCK_FIX_SB_COPY,	/* of a group */
	FSCK_FIX_GDT,		/* a descriptor block */
	FSCK_FIX_GDT_COPY,
	FSCK_FIX_ITABLE,	/* of a group */
	FSCK_FIX_SALVAGE,	/* an inode, as those before ORPHANS */
	FSCK_FIX_CLEAR,
	FSCK_FIX_XATTRS,
	FSCK_FIX_EXTENTS,
	FSCK_FIX_COUNTS,
	FSCK_FIX_ROOT,
	FSCK_FIX_DIR,
	FSCK_FIX_UNLOOP,
	FSCK_FIX_NAMES,
	FSCK_FIX_CONNECT,
	FSCK_FIX_ORPHANS,	/* all of them */
	FSCK_FIX_COLL_TABLE,
	FSCK_FIX_COLL_RECORD,	/* a collection, as the next */
	FSCK_FIX_SLOTS,
	FSCK_FIX_GRAPH,		/* of a collection */
	FSCK_FIX_FEED,		/* the change feed: all of it */
	FSCK_FIX_CHARGE,	/* an inode */
	FSCK_FIX_QUOTA,		/* a quota file: user, group, project */
	FSCK_FIX_KINDS
};

enum fsck_code {
#define P(name, code, class, how, text, fix)	FSCK_##name = (code),
#include "tools/fsck/problems.h"
#undef P
};

/* As arrays, so that the compiler checks arguments against them. */
#define P(name, code, class, how, text, fix) \
	static const char fsck_text_##name[] __attribute__((unused)) = text;
#include "tools/fsck/problems.h"
#undef P

/**
 * struct fsck_known - an entry of the table
 * @name: for programmers and lists
 * @text: printf format
 * @how:  what repairs it
 * @fix:  the same in words
 */
struct fsck_known {
	enum fsck_code	code;
	enum fsck_class	class;
	enum fsck_how	how;
	const char	*name, *text, *fix;
};

/* The @i-th entry; NULL after the last. */
const struct fsck_known *fsck_known(size_t i);
/* The entry of a code of the table. */
const struct fsck_known *fsck_lookup(enum fsck_code code);
void fsck_list_problems(FILE *out);

#endif /* VEXFS_TOOLS_FSCK_PROBLEM_H */
