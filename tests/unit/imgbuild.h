/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Populated images for the tests of the tools: a small writer of unmounted
 * filesystems on core/ and lib/. Everything asserts: a test that cannot build
 * its image has failed.
 */
#ifndef VEXFS_TESTS_IMGBUILD_H
#define VEXFS_TESTS_IMGBUILD_H

#include "core/btree.h"
#include "core/dir.h"
#include "core/extent.h"
#include "core/links.h"
#include "core/coll.h"
#include "core/feature.h"
#include "core/xattr.h"
#include "lib/image.h"

struct ib {
	struct vexfs_dev dev;
	struct vexfs_image img;
	char	path[256];
};

/* Make and open an image of @blocks blocks in a file of its own; ib_close() writes it. */
void ib_make(struct ib *ib, u64 blocks);
void ib_open(struct ib *ib);		/* again, after ib_close() */
void ib_feature(struct ib *ib, enum vexfs_feature_word word, u32 bit);	/* compat or incompat */
void ib_close(struct ib *ib);		/* flush and close, the file stays */
void ib_remove(struct ib *ib);		/* the file, after ib_close() */

/* Inodes by value. ib_put_inode() seals. */
struct vexfs_inode ib_get_inode(struct ib *ib, u64 ino);
void ib_put_inode(struct ib *ib, u64 ino, const struct vexfs_inode *di);
/* An inode without a name, nlink 0, no contents. */
u64 ib_new_inode(struct ib *ib, u32 mode);

void ib_add_name(struct ib *ib, u64 dir, const char *name, u64 ino);	/* entry, i_links, nlink */
u64 ib_mkdir(struct ib *ib, u64 dir, const char *name);
/* A file of @blocks blocks in extents of @run blocks with gaps of one logical block between. */
u64 ib_file(struct ib *ib, u64 dir, const char *name, u32 blocks, u32 run);
u64 ib_symlink(struct ib *ib, u64 dir, const char *name, const char *target);
void ib_add_extent(struct ib *ib, u64 ino, u64 lblk, u32 len, u64 flags);
void ib_orphan(struct ib *ib, u32 slot, u64 ino);
void ib_orphan_head(struct ib *ib, u32 block, u64 ino);	/* of the list; in the table's @block */
void ib_orphan_next(struct ib *ib, u64 ino, u64 next);

/*
 * An attribute, stored in the inode, in the block, or (record in the inode) in an inode of its own. Sets the
 * feature's bit. Returns the number of the block or of that inode.
 */
enum ib_where { IB_INLINE, IB_BLOCK, IB_LARGE };
u64 ib_xattr(struct ib *ib, u64 ino, enum ib_where where, u8 kind, const char *name, const void *value,
	     u32 len);

/* A collection of f32 vectors with the cosine metric; room for 31 * @blocks slots. */
void ib_collection(struct ib *ib, u32 id, const char *name, u32 dim, u32 blocks);
void ib_embed(struct ib *ib, u32 id, u32 slot, u64 ino, u32 chunk);
struct vexfs_collection ib_get_coll(struct ib *ib, u32 id);
void ib_put_coll(struct ib *ib, u32 id, const struct vexfs_collection *c);

/* The physical block behind a file's logical one. */
u64 ib_map(struct ib *ib, u64 ino, u64 lblk);
/* Pin a block for writing; ib_change() marks and puts it. @seal: it has a header. */
void *ib_pin(struct ib *ib, u64 blkno, struct vexfs_blk *b);
void ib_change(struct ib *ib, struct vexfs_blk *b, bool seal);

/*
 * Run a program's main function with standard output and error in *@out (to be
 * freed); returns its exit code. @argv ends with NULL.
 */
int run_captured(int (*prog)(int argc, char **argv), char **argv, char **out);

#endif /* VEXFS_TESTS_IMGBUILD_H */
