/* SPDX-License-Identifier: GPL-2.0 */
/* The files below a directory that are to be indexed, and the others with the reason. */
#ifndef VEXCTL_TREE_H
#define VEXCTL_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/**
 * enum skip - why a file is not indexed
 */
enum skip {
	SKIP_NONE,
	SKIP_IGNORED,		/* a rule of .gitignore or .vexignore; a directory counts once */
	SKIP_LINK,
	SKIP_SPECIAL,
	SKIP_OTHER_FS,
	SKIP_DENIED,
	SKIP_GONE,		/* removed while it was looked at */
	SKIP_BINARY,
	SKIP_EMPTY,
	SKIP_LONG_LINE,
	SKIP_NO_CONVERTER,	/* the program that reads such files is not installed */
	SKIP_UNCONVERTED,	/* it could not read this one */
	SKIP_SLOW,		/* or took too long */
	SKIP_REASONS,
};
const char *skip_reason(enum skip why);	/* "binary" */

/**
 * struct tree_ops - what to do with what is found
 * @file:  a regular file; @fresh: neither it nor a directory above it, below the one asked for,
 *         has changed (ctime) since tree_walk()'s @since. Not 0 ends the walk with that value
 * @skip:  anything else; may be NULL
 */
struct tree_ops {
	int (*file)(void *ctx, const char *path, const struct stat *st, bool fresh);
	void (*skip)(void *ctx, const char *path, enum skip why);
};

/**
 * tree_walk - the files below @path, sorted by name in each directory
 * @root:  of the filesystem: lists between it and @path count, too; "": only those below @path
 * @since: for @fresh; NULL: nothing is
 *
 * Links are not followed, other filesystems not entered. Return: 0, -ENOMEM, or what @file returned.
 */
int tree_walk(const char *path, const char *root, const struct timespec *since,
	      const struct tree_ops *ops, void *ctx);

/**
 * tree_one - one path below a directory, as tree_walk() of the directory would find it
 * @top:  the directory
 * @rel:  below it; "": the directory itself
 * @tree: a directory: all below it, too. Otherwise a file; of an ignore list: all below its directory
 * @root, @ops, @ctx: as above; @fresh is false
 *
 * What is not there any more is passed over. Return: as above.
 */
int tree_one(const char *top, const char *rel, bool tree, const char *root, const struct tree_ops *ops, void *ctx);

#endif /* VEXCTL_TREE_H */
