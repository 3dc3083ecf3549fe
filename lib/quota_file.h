/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Quota files as the kernel's quota_v2 reads them (vfsv1): header, a tree of four levels that leads an
 * id to a block, blocks with records. In blocks of 1024 bytes, three of which are in each VQUO block.
 */
#ifndef VEXFS_LIB_QUOTA_FILE_H
#define VEXFS_LIB_QUOTA_FILE_H

#include "lib/image.h"

#define VEXFS_QBLOCK	1024U
#define VEXFS_QBLOCKS	(VEXFS_MD_SPACE / VEXFS_QBLOCK)	/* in a block */

/**
 * struct vexfs_quota_rec - what one user, group or project has and may have
 * @space, @inodes: bytes and inodes in use
 * @isoft, @ihard, @bsoft, @bhard, @itime, @btime: limits and times of grace, as stored: blocks of 1024 bytes
 */
struct vexfs_quota_rec {
	u32	id;
	u64	space, inodes;
	u64	ihard, isoft, bhard, bsoft, btime, itime;
};

/**
 * struct vexfs_quota_table - a quota file in memory
 * @rec: ascending by id
 * @bgrace, @igrace: seconds
 */
struct vexfs_quota_table {
	struct vexfs_quota_rec *rec;
	size_t	n, room;
	u32	bgrace, igrace;
};

void vexfs_quota_init(struct vexfs_quota_table *t);
void vexfs_quota_free(struct vexfs_quota_table *t);
/* The record of an id, NULL: there is none. */
struct vexfs_quota_rec *vexfs_quota_find(const struct vexfs_quota_table *t, u32 id);
/* The same, or a new one. NULL: no memory. */
struct vexfs_quota_rec *vexfs_quota_get(struct vexfs_quota_table *t, u32 id);

/* Both on blocks of 1024 bytes. @type: 0 user, 1 group, 2 project. The caller frees *@blocks. */
int vexfs_quota_pack(const struct vexfs_quota_table *t, int type, u8 **blocks, u32 *n);
/* NULL, or the failed check. *@err: 0 or -ENOMEM. */
const char *vexfs_quota_unpack(struct vexfs_quota_table *t, int type, const u8 *blocks, u32 n, int *err);

/* ---- in an image: image_quota.c ---- */

/* Read the file of a type. *@why: NULL or the failed check. Return: 0, -EUCLEAN (reported), an I/O error. */
int vexfs_image_quota_load(struct vexfs_image *img, int type, struct vexfs_quota_table *t, const char **why);
/* Write it, into the inode s_quota_ino says, which keeps its blocks and gets more if they are needed. */
int vexfs_image_quota_store(struct vexfs_image *img, int type, const struct vexfs_quota_table *t);
/* Bytes that @di's owners are charged for values of attributes in inodes of their own. */
int vexfs_image_xattr_charge(struct vexfs_image *img, const struct vexfs_inode *di, u64 *bytes);

/**
 * struct vexfs_charges - what files are charged for embeddings and values
 * @charge: ascending by inode number, each once, after vexfs_charges_sum()
 */
struct vexfs_charges {
	struct vexfs_charge {
		u64	ino, bytes;
	} *charge;
	size_t	n, room;
};

/* In any order, and several times for one file; -ENOMEM. */
int vexfs_charges_add(struct vexfs_charges *c, u64 ino, u64 bytes);
void vexfs_charges_sum(struct vexfs_charges *c);
/*
 * The embeddings of all collections, summed. The caller frees it, also after an error.
 * Return: 0, -ENOMEM, -EUCLEAN, an I/O error.
 */
int vexfs_charges_load(struct vexfs_image *img, struct vexfs_charges *c);
/* After vexfs_charges_sum(); NULL: nothing was added for the file. */
const struct vexfs_charge *vexfs_charges_find(const struct vexfs_charges *c, u64 ino);
/* Bytes; 0: the file has no embeddings. */
u64 vexfs_charges_of(const struct vexfs_charges *c, u64 ino);
void vexfs_charges_free(struct vexfs_charges *c);

/**
 * vexfs_image_quota_make() - the quota files of a filesystem
 * @img: with the feature and without files; img->sb gets s_quota_ino
 *
 * Counts what every inode has, but leaves i_charged as it is: vexfs_image_quota_charge() sets it.
 *
 * Return: 0, -ENOSPC, -ENOMEM, -EUCLEAN, an I/O error.
 */
int vexfs_image_quota_make(struct vexfs_image *img);

/**
 * vexfs_image_quota_charge() - i_charged of every inode
 * @img: with the feature
 *
 * Return: 0, -ENOMEM, -EUCLEAN, an I/O error.
 */
int vexfs_image_quota_charge(struct vexfs_image *img);

#endif /* VEXFS_LIB_QUOTA_FILE_H */
