/* SPDX-License-Identifier: GPL-2.0 */
/* The turns of those who search: turn.c. */
#ifndef VEXFS_KMOD_VEC_TURN_H
#define VEXFS_KMOD_VEC_TURN_H

#include "kmod/vec/vec.h"
#include <linux/completion.h>

struct vexfs_searcher;

/**
 * struct vexfs_turn - one search's place among those of its user
 * @user: whose
 * @list: in the queue; empty: it has its turn
 * @go:	  it has got it
 */
struct vexfs_turn {
	struct vexfs_searcher	*user;
	struct list_head	list;
	struct completion	go;
};

int vexfs_turn_take(struct super_block *sb, struct vexfs_turn *t, bool wait);
void vexfs_turn_give(struct super_block *sb, struct vexfs_turn *t);
int vexfs_turns_init(struct super_block *sb);
void vexfs_turns_exit(struct super_block *sb);

#endif /* VEXFS_KMOD_VEC_TURN_H */
