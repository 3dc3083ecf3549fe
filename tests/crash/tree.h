/* SPDX-License-Identifier: GPL-2.0 */
/* What an image holds once its journal is replayed (in memory), as far as the model knows of it. */
#ifndef VEXFS_CRASH_TREE_H
#define VEXFS_CRASH_TREE_H

#include "lib/image.h"
#include "tests/crash/model.h"

#define CT_NAMES	256

struct ct_name {
	char	path[CR_PATH];
	u64	ino;
};

/**
 * struct ct_file - an inode
 * @xattr:  length of its attribute, 0: none
 * @acl:    the operation that set its ACL, 0: none
 * @vec:    the operation that set its embedding, 0: none
 * @stale:  the embedding says that content has changed since
 */
struct ct_file {
	u32	mode, uid, nlink, generation, xattr, acl, vec;
	u64	size, datagen;
	bool	stale;
	char	target[CR_PATH];
	struct vexfs_inode di;
};

struct ct_slot {
	u64	ino, datagen;
	u32	generation, vec;
};

struct ct_tree {
	struct vexfs_dev	dev;
	struct vexfs_image	img;
	struct ct_name		name[CT_NAMES];
	u32			names;
	struct ct_slot		slot[CT_NAMES];
	u32			slots;
	char			why[200];
};

/* Return: 0, or -1 with the reason in t->why. */
int ct_open(struct ct_tree *t, const char *path);
void ct_close(struct ct_tree *t);
int ct_file(struct ct_tree *t, u64 ino, struct ct_file *f);
/* @buf: CR_MAX_SIZE bytes */
int ct_content(struct ct_tree *t, u64 ino, struct ct_file *f, u8 *buf);

#endif /* VEXFS_CRASH_TREE_H */
