/* SPDX-License-Identifier: GPL-2.0 */
/* mkfs.vexfs --populate: what its files share. */
#ifndef VEXFS_TOOLS_MKFS_POPULATE_H
#define VEXFS_TOOLS_MKFS_POPULATE_H

#include <fts.h>

#include "lib/image_format.h"
#include "lib/image_write.h"

/**
 * struct populate - copying a directory into a new filesystem
 * @img:      the filesystem
 * @f:	      how it is made: times, generations, progress
 * @epoch:    SOURCE_DATE_EPOCH: no time is later, and times that reading or copying changes count as
 *	      the time of the last change of content
 * @has_epoch: it is set
 * @root_owner: the owner of the root directory is f's
 * @links:    inodes with several names seen so far: tsearch(3) tree of struct hard_link
 * @path:     of the object at hand, for messages
 * @entries: copied so far
 * @left_out: attributes of kinds that VexFS does not have
 * @buf:      MKFS_CHUNK bytes
 * @names, @value: VEXFS_XATTR_VALUE_MAX bytes each, for attributes
 * @said:     a message has been printed about the error returned
 */
struct populate {
	struct vexfs_image img;
	const struct vexfs_format *f;
	s64	epoch;
	bool	has_epoch, root_owner;
	void	*links;
	const char *path;
	u64	entries, left_out;
	u8	*buf;
	char	*names;
	u8	*value;
	bool	said;
};

#define MKFS_CHUNK	(1U << 20)

/* Print "PATH: text" and return @err; mkfs says nothing more about it then. */
int populate_failed(struct populate *p, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The content of a regular file; @name from the current directory. populate_data.c */
int populate_data(struct populate *p, const char *name, const struct stat *st,
		  struct vexfs_inode *di);
/* Its attributes; also of other types. populate_xattr.c */
int populate_xattrs(struct populate *p, const char *name, struct vexfs_inode *di);
/* Flags of chattr(1) and project, of files and directories. populate_flags.c */
int populate_flags(struct populate *p, const char *name, struct vexfs_inode *di);
/* -EINTR once mkfs has been told to stop, else 0. */
int populate_check(struct populate *p);

#endif /* VEXFS_TOOLS_MKFS_POPULATE_H */
