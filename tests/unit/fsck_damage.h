/* SPDX-License-Identifier: GPL-2.0 */
/* The populated filesystem of fsck's tests, and every kind of damage to it. */
#ifndef VEXFS_TESTS_FSCK_DAMAGE_H
#define VEXFS_TESTS_FSCK_DAMAGE_H

#include "tests/unit/imgbuild.h"
#include "tools/fsck/problem.h"

#define FIXTURE_BLOCKS	8192

/* What the filesystem of every test holds: inode numbers. */
struct fixture {
	struct ib ib;
	u64	dir, sub, big, file, frag, linked, many, symlink, longlink, unwritten, chain;
};

void fixture_make(struct fixture *x);	/* fsck_fixture.c, with what pins pieces of it */
u64 fixture_block(const struct vexfs_geo *geo, unsigned int *seed);
u32 file_crc(const char *path);
void fixture_chain(struct fixture *x);	/* a directory "chain" in addition; fsck_damage_chain.c */

/**
 * struct damage - one kind of damage
 * @make: does it to an open fixture
 * @code: of the problem that fsck must find, which is not a note
 * @why:  the failed check, for problems that are any of core's checks
 */
struct damage {
	const char *name;
	void	(*make)(struct fixture *x);
	enum fsck_code code;
	const char *why;
};

extern const struct damage coll_damages[];	/* fsck_damage_coll.c, part of what damage_get() counts */
extern const size_t ncoll_damages;
extern const struct damage orphan_damages[];	/* fsck_damage_orphan.c, likewise */
extern const size_t norphan_damages;
extern const struct damage chain_damages[];	/* fsck_damage_chain.c, likewise */
extern const size_t nchain_damages;
extern const struct damage xattr_damages[];	/* fsck_damage_xattr.c, likewise */
extern const size_t nxattr_damages;
void fixture_xattr(struct fixture *x);	/* attributes of x->file, x->dir; fsck_damage_xattr.c */

/**
 * damage_get() - the kinds of damage, one after the other
 * @i: 0 for the first
 *
 * Return: the kind, NULL when there are no more.
 */
const struct damage *damage_get(size_t i);

/* Pinned pieces: entry of a small directory, slot, descriptor of group 0. */
struct vexfs_group_desc *pin_desc(struct ib *ib, struct vexfs_blk *b);
struct vexfs_dirent *pin_entry(struct ib *ib, u64 dir, const char *name, struct vexfs_blk *b);
/* The only leaf of a small directory. */
u64 leaf_of(struct ib *ib, u64 dir);
/* The first node of an inode's tree. */
u64 first_node(struct fixture *x, u64 ino);
struct vexfs_slot *pin_slot(struct ib *ib, u32 id, u32 slot, struct vexfs_blk *b);

/* Statements on the superblock (sb); its checksum is made right. */
#define EDIT_SUPER(x, ...) do { \
	struct vexfs_blk b; \
	u8 *p_ = ib_pin(&(x)->ib, 0, &b); \
	struct vexfs_super_block *sb = (void *)(p_ + VEXFS_SB_OFFSET); \
	__VA_ARGS__; \
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb)); \
	ib_change(&(x)->ib, &b, false); \
} while (0)

/* Statements on an inode (di), slot (v), collection (c), descriptor (gd), entry (d), block (p). */
#define EDIT_INODE(x, ino, ...) do { \
	struct vexfs_inode di = ib_get_inode(&(x)->ib, ino); \
	__VA_ARGS__; \
	ib_put_inode(&(x)->ib, ino, &di); \
} while (0)

#define EDIT_SLOT(x, id, slot, ...) do { \
	struct vexfs_blk b; \
	struct vexfs_slot *v = pin_slot(&(x)->ib, id, slot, &b); \
	__VA_ARGS__; \
	ib_change(&(x)->ib, &b, true); \
} while (0)

#define EDIT_COLL(x, id, ...) do { \
	struct vexfs_collection c = ib_get_coll(&(x)->ib, id); \
	__VA_ARGS__; \
	ib_put_coll(&(x)->ib, id, &c); \
} while (0)

#define EDIT_DESC(x, ...) do { \
	struct vexfs_blk b; \
	struct vexfs_group_desc *gd = pin_desc(&(x)->ib, &b); \
	__VA_ARGS__; \
	ib_change(&(x)->ib, &b, true); \
} while (0)

#define EDIT_ENTRY(x, dir, name, ...) do { \
	struct vexfs_blk b; \
	struct vexfs_dirent *d = pin_entry(&(x)->ib, dir, name, &b); \
	__VA_ARGS__; \
	ib_change(&(x)->ib, &b, true); \
} while (0)

/* Change a block with (seal) or without making its checksum right. */
#define EDIT_BLOCK(x, blkno, seal, ...) do { \
	struct vexfs_blk b; \
	u8 *p = ib_pin(&(x)->ib, blkno, &b); \
	__VA_ARGS__; \
	ib_change(&(x)->ib, &b, seal); \
} while (0)

#endif /* VEXFS_TESTS_FSCK_DAMAGE_H */
