/* SPDX-License-Identifier: GPL-2.0 */
/* mkfs.vexfs: what its files share. */
#ifndef VEXFS_TOOLS_MKFS_H
#define VEXFS_TOOLS_MKFS_H

#include <signal.h>

#include "lib/image_format.h"

enum { MKFS_OK = 0, MKFS_FAILED = 1, MKFS_USAGE = 2 };

/**
 * struct mkfs_source - what the filesystem is filled with
 * @dir:	a directory, or NULL
 * @has_epoch:	the environment has SOURCE_DATE_EPOCH: an image that can be made again
 * @root_owner: the owner of the root directory was given
 * @used:	set by mkfs_populate(): blocks that the content takes
 */
struct mkfs_source {
	const char *dir;
	bool	has_epoch, root_owner;
	u64	used;
};

/**
 * struct mkfs - one run
 * @f:	     the filesystem wanted
 * @sb:	     the plan
 * @dev:     the target
 * @src:     what is copied into it
 * @path:    its name
 * @seed:    text that everything random is derived from, or NULL
 * @bytes:   SIZE argument, 0 = the whole device
 * @has_uuid: -U was given
 * @force, @dry, @quiet: -f, -n, -q
 * @created: the file did not exist before
 * @started, @shown: monotonic time of the first progress call and of the last one shown
 */
struct mkfs {
	struct vexfs_format f;
	struct vexfs_super_block sb;
	struct vexfs_dev dev;
	struct mkfs_source src;
	const char *path, *seed;
	u64	bytes;
	bool	has_uuid, force, dry, quiet, created;
	time_t	started, shown;
};

/* The whole program, without exit(): 0 done, 1 failed, 2 usage. */
int mkfs_main(int argc, char **argv);

/* SIGINT, SIGTERM or SIGHUP asked to stop. */
extern volatile sig_atomic_t mkfs_stopped;

/* options.c: a message, and the command line. Returns an exit code, or -1 to continue. */
void mkfs_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* struct vexfs_image.report: what mkfs has made cannot be damaged. */
void mkfs_bug(void *ctx, u64 blkno, const char *what);
int mkfs_parse(struct mkfs *m, int argc, char **argv);
/* seed.c: uuid, hash key and generation, at random or from the seed. 0 or MKFS_FAILED, with a message. */
int mkfs_identity(struct mkfs *m);

/**
 * mkfs_populate() - copy a directory into the filesystem
 * @dev: after vexfs_format_begin()
 * @src: the directory
 * @f:	 as given to it
 * @sb:	 as given to it; features that are used are added
 *
 * Return: 0, -EINTR, or a negative errno after a message.
 */
int mkfs_populate(struct vexfs_dev *dev, struct mkfs_source *src, const struct vexfs_format *f,
		  struct vexfs_super_block *sb);

/* The quota files, if @sb has the feature, which gets their inodes; *@used: plus the blocks they take. */
int mkfs_quota(struct vexfs_dev *dev, struct vexfs_super_block *sb, u64 *used);

/* The change tree's inode, if @sb has the feature, which gets its fields. */
int mkfs_feed(struct vexfs_dev *dev, const struct vexfs_format *f, struct vexfs_super_block *sb);

/**
 * mkfs_probe() - what is on the device now?
 * @dev:  open device or image
 * @what: a description ("ext4 filesystem labelled 'home'"), cut to @size bytes
 * @size: room in @what
 *
 * Return: 1 something is there, 0 nothing recognised, negative errno.
 */
int mkfs_probe(const struct vexfs_dev *dev, char *what, size_t size);

#endif /* VEXFS_TOOLS_MKFS_H */
