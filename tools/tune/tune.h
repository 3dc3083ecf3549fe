/* SPDX-License-Identifier: GPL-2.0 */
/* tune.vexfs: what its files share. */
#ifndef VEXFS_TOOLS_TUNE_H
#define VEXFS_TOOLS_TUNE_H

#include "core/feature.h"
#include "lib/image.h"

enum { TUNE_OK = 0, TUNE_FAILED = 1, TUNE_USAGE = 2 };

/**
 * struct tune - what the command line asks for
 * @path:     device, image file, or a directory of a mounted filesystem
 * @label, @uuid: new ones, or NULL; @uuid has been parsed into @new_uuid
 * @errors:   VEXFS_ERRORS_*, -1: as it is
 * @reserve:  in 1/1000, -1: as it is
 * @reserve_blocks: in blocks, where @has_blocks
 * @add:      features
 * @del:      features to take away: change_feed alone
 * @has_features: there are any
 * @list:     show the superblock (after the changes)
 */
struct tune {
	const char *path, *label, *uuid;
	u8	new_uuid[VEXFS_UUID_LEN];
	int	errors, reserve;
	u64	reserve_blocks;
	bool	has_blocks, has_features, list;
	u32	add[VEXFS_FEATURE_WORDS], del[VEXFS_FEATURE_WORDS];
};

/* The whole program, without exit(): 0 done, 1 failed, 2 usage. */
int tune_main(int argc, char **argv);
/* options.c: a message, and the command line. Returns an exit code, or -1 to continue. */
void tune_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int tune_parse(struct tune *t, int argc, char **argv);
/* feed.c: turn the change feed on or off, if that is asked for; all but the superblock is written. */
int tune_feed(const struct tune *t, struct vexfs_image *img);
/* quota.c: make the quota files, if that is asked for; the superblock is the caller's to store. */
int tune_quota(const struct tune *t, struct vexfs_image *img);
/* list.c */
void tune_list(const struct vexfs_super_block *sb);

#endif /* VEXFS_TOOLS_TUNE_H */
