/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fsck.vexfs: what its files share.
 *
 * Pass 0  superblock, copies, journal		super.c
 * Pass 1  orphan table, inodes, their blocks	orphan.c inode.c extent.c xattr.c
 * Pass 2  directories				dir.c
 * Pass 3  names, connectivity, link counts	link.c
 * Pass 4  collections and embeddings		coll.c slot.c
 * Pass 5  change feed				feed.c
 * Pass 6  quota				quota.c
 * Pass 7  bitmaps and group descriptors	group.c
 *
 * Memory: one bit per block and 20 bytes per inode of groups that have any
 * (usage.c), 32 bytes per directory, 8 per embedding of one collection, and
 * the block cache. Checking changes nothing but by the journal's replay; what
 * repairs is in repair.c and fix_*.c, what reaches the device in write.c.
 */
#ifndef VEXFS_TOOLS_FSCK_H
#define VEXFS_TOOLS_FSCK_H

#include <stdio.h>
#include <time.h>

#include "core/btree.h"
#include "core/dir.h"
#include "core/extent.h"
#include "core/links.h"
#include "core/feature.h"
#include "lib/blkdev.h"
#include "lib/image.h"
#include "lib/journal.h"
#include "tools/fsck/problem.h"

/* Exit codes of fsck(8). */
#define FSCK_CLEAN	0
#define FSCK_CORRECTED	1
#define FSCK_ERRORS	4	/* left uncorrected */
#define FSCK_FAILED	8	/* operational error */
#define FSCK_USAGE	16
#define FSCK_FOUND	64	/* --erased: a fingerprint is on the device; fsck(8) has no such bit */

#define FSCK_MAX_LINES	500	/* problems printed; the rest is only counted */
#define FSCK_MAX_CHANGED (1U << 18)	/* blocks a repair keeps in memory: 1 GiB */

/* What pass 1 learnt about an inode in use; filled in further by pass 2. */
struct fsck_ino {
	u32	nlink;		/* i_nlink */
	u32	names;		/* directory entries found */
	u32	recorded;	/* names it records */
	union {
		u32	matched;	/* names found that are recorded */
		u32	coll;		/* hidden: id + 1 of the collection that owns it, or: */
#define FSCK_COLL_VALUE	(~0U)		/* it is an attribute's value */
#define FSCK_COLL_QUOTA	(~1U)		/* or a quota file */
#define FSCK_COLL_FEED	(~2U)		/* or the change tree */
	};
	u8	dtype;		/* DT_*; 0: free */
	u8	flags;		/* FSCK_INO_* */
};

#define FSCK_DT_BAD	15	/* dtype of an inode with an impossible mode */
#define FSCK_INO_BAD	0x01	/* does not verify: nothing else is said about it */
#define FSCK_INO_HIDDEN	0x02
#define FSCK_INO_ORPHAN	0x04	/* in the orphan table */

/* An attribute whose value is in an inode of its own. */
struct fsck_value {
	u64	owner, ino;
	u32	len;
	u8	kind;
	bool	bad;		/* it cannot be read, or is not one */
};

/* An object that is to be repaired. */
struct fsck_want {
	enum fsck_how how;
	u64	id;
};

/* A block that a second object refers to. */
struct fsck_twice {
	u64	id, blkno;
};

/* A directory entry, as the inode should record it. */
struct fsck_name {
	u64	ino, parent, hash;
};

struct fsck_dir {
	u64	ino;
	u64	recorded;	/* parent according to i_links[0] */
	u64	found;		/* parent according to the entries, 0 = none */
	u32	subdirs;
	u32	state;		/* link.c */
	bool	connected;	/* leads to the root */
};

/**
 * struct fsck - one run
 * @where:    the object being checked, for problems core reports
 * @where_code: and what they are called
 * @on, @id:  the object at hand: what repairs it, and its number (fsck_object())
 * @problems: damage found in this round
 * @found:    in the first one
 * @unsafe:   some of it is more than -p repairs
 * @unread:   a block cannot be read that only the device can give back: nothing is repaired
 * @want:     objects to repair
 * @twice:    blocks that belong to something else already
 * @acted:    repairs made in this round; @repairs: in all
 * @exact:    bitmaps are to have what was found and nothing else
 * @no_space: a repair found no free block or inode
 * @doubt:    a collection is damaged, or an inode with attributes: hidden inodes may be theirs
 * @itable:   per group: inode table blocks that were scanned
 * @derived:  damage to derived data, which the kernel rebuilds
 * @replayed: blocks the journal's replay put into the cache
 * @block_map: bit per block in use, per group; NULL: only fixed metadata
 * @ino_map:  per group, @ino_room[g] entries; NULL: no inode
 * @dirs:     ascending by inode number
 * @oom:      memory ran out: operational error
 */
struct fsck {
	struct vexfs_dev dev;
	struct vexfs_image img;
	struct vexfs_journal journal;
	const char *path;
	const char *undo_path, *apply_path, *erased_path;
	s64	use_copy;	/* -b: group whose superblock is used; -1: block 0's */
	bool	verbose, replay, read_only, preen;
	int	progress_fd;
	FILE	*out;
	char	where[96];
	enum fsck_code where_code;
	enum fsck_how on;
	u64	id;

	u64	problems, found, derived, lines;
	bool	unsafe, unread, exact, no_space, doubt;
	struct fsck_want *want;
	size_t	nwant, want_room;
	struct fsck_twice *twice;
	size_t	ntwice, twice_room;
	struct fsck_name *name;	/* of inodes whose names are recorded anew; fix_name.c */
	size_t	nname, name_room;
	bool	gathered;
	u64	acted, repairs;
	u32	*itable;
	u8	**block_map;
	struct fsck_ino **ino_map;
	u32	*ino_room;
	struct fsck_dir *dirs;
	size_t	ndirs, dirs_room;
	struct fsck_value *values;
	size_t	nvalues, values_room;
	struct fsck_quota *quota;	/* quota.c; NULL: no quota */
	struct fsck_feed *feed;		/* feed.c; NULL: no change feed */
	u64	*orphan_list;	/* ascending */
	size_t	norphans, orphans_room;
	u64	used_inodes, used_blocks, embeddings;
	u32	collections;
	u32	unknown_compat;	/* feature bits: nothing is written */
	const char *pass;
	time_t	shown;
	int	err;		/* operational error that ends the run */
};

/* The whole program, without exit(). */
int fsck_main(int argc, char **argv);

/* report.c */
/* An entry of the table of problems, by name, and the arguments of its text. */
#define fsck_problem(f, name, ...) \
	fsck_tell(f, FSCK_##name, fsck_text_##name, ##__VA_ARGS__)
void fsck_tell(struct fsck *f, enum fsck_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* About this run, not about the filesystem: verdict, statistics, what was written. */
void fsck_say(struct fsck *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A repair was made: one line, and count it. */
void fsck_did(struct fsck *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Problems that follow are of this object; FSCK_FIX_OBJECT in the table means @on. */
void fsck_object(struct fsck *f, enum fsck_how on, u64 id);
/* Beside the object at hand, repair this one. */
void fsck_want(struct fsck *f, enum fsck_how how, u64 id);
/* The object at hand: code and prefix of what core reports through img->report. */
void fsck_where(struct fsck *f, enum fsck_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void fsck_pass(struct fsck *f, int number, const char *what);
void fsck_progress(struct fsck *f, u64 done, u64 total);
void fsck_report(void *ctx, u64 blkno, const char *what);	/* struct vexfs_image.report */
/* A block of the object at hand that cannot be used: the device failed, memory ran out. */
void fsck_unread(struct fsck *f, u64 blkno, int err);
/* Pin a block of the object at hand. False: it was reported. */
bool fsck_read(struct fsck *f, u64 blkno, u32 magic, u64 owner, struct vexfs_blk *b);
/* As fsck_read(), and nothing is reported. */
bool fsck_read_quiet(struct fsck *f, u64 blkno, u32 magic, u64 owner, struct vexfs_blk *b);
/* An I/O or memory error: remember the first, say what was being done. */
void fsck_fatal(struct fsck *f, int err, const char *what);

/* usage.c */
/* An array that grows: room for one more element; false: reported. */
bool fsck_grow(struct fsck *f, void *array, size_t n, size_t *room, size_t size);
int fsck_usage_init(struct fsck *f);
void fsck_usage_free(struct fsck *f);
/*
 * Note that blocks belong to the object at hand. False, with a problem
 * reported, if they lie outside the data area or belong to something already.
 */
bool fsck_claim(struct fsck *f, u64 blkno, u64 len);
/* The bits of a group's blocks in use, fixed metadata included; 4032 bytes to @map. */
void fsck_group_usage(struct fsck *f, u32 group, u8 *map);
/* NULL if the number is invalid or the inode is free (dtype 0). */
struct fsck_ino *fsck_ino_get(struct fsck *f, u64 ino);
struct fsck_ino *fsck_ino_add(struct fsck *f, u64 ino, u32 group_inodes);
struct fsck_dir *fsck_dir_get(struct fsck *f, u64 ino);
int fsck_dir_add(struct fsck *f, u64 ino, u64 parent);

/* tree.c */
/**
 * struct fsck_tree - a tree being walked
 * @owner:  h_owner of its blocks
 * @is_dir: leaves are directory leaves (problems of these: FSCK_DIR_LEAF)
 * @recs:   called with the records of every leaf (not for directories)
 * @leaf:   called with every directory leaf and the blocks of its chain after it, verified
 * @quiet:  claim and report nothing: to repair what was reported before
 * @blocks: blocks of the tree that could be read
 * @damaged: a block could not be read or verified: counts are meaningless
 */
struct fsck_tree {
	u64	owner;
	bool	is_dir, quiet;
	void	(*recs)(struct fsck *f, void *ctx, const struct vexfs_rec *recs, u32 count);
	void	(*leaf)(struct fsck *f, void *ctx, u64 blkno, const void *block);
	void	*ctx;
	u64	blocks;
	bool	damaged;
};
/*
 * Walk all of it, claiming its blocks; damage is reported, as the object at hand's,
 * and walked around. @root has been verified.
 */
void fsck_tree_walk(struct fsck *f, struct fsck_tree *t, const struct vexfs_btree_root *root);

/* super.c: 0, or an exit code: nothing can be checked */
int fsck_super(struct fsck *f);
int fsck_open(struct fsck *f);	/* the device alone; refuses a mounted one if it is to be written */
/* What every round checks of it: recorded errors, descriptor blocks, copies. */
void fsck_copies(struct fsck *f);
/* repair.c: check, and if that is wanted repair and check again until nothing is left. */
void fsck_rounds(struct fsck *f, void (*passes)(struct fsck *f));
/* A changed block: with @seal its header's checksum is computed. */
void fsck_changed(struct fsck *f, struct vexfs_blk *b, bool seal);
/* fix_group.c: 0, or a negative errno */
int fsck_fix_groups(struct fsck *f);
int fsck_fix_sb_copy(struct fsck *f, u64 group);
int fsck_fix_gdt_copy(struct fsck *f, u64 index);
int fsck_fix_itable(struct fsck *f, u64 group);
int fsck_settle_places(struct fsck *f);
/* fix_inode.c; -ENOENT: it is free or does not verify */
int fsck_get_inode(struct fsck *f, u64 ino, struct vexfs_inode *di);
int fsck_put_inode(struct fsck *f, u64 ino, struct vexfs_inode *di);
int fsck_settle_inode(struct fsck *f, u64 ino, struct vexfs_inode *di);
int fsck_fix_clear(struct fsck *f, u64 ino);
int fsck_fix_counts(struct fsck *f, u64 ino);
int fsck_fix_extents(struct fsck *f, u64 ino);
int fsck_fix_salvage(struct fsck *f, u64 ino);	/* fix_salvage.c */
int fsck_fix_xattrs(struct fsck *f, u64 ino);	/* fix_xattr.c */
/* Keep the attributes of an area that are sound; the rest of it becomes zero. */
void fsck_xattr_sound(u8 *area, u32 size, u16 mode);
/* fix_dir.c, fix_name.c */
int fsck_fix_dir(struct fsck *f, u64 dir);
int fsck_fix_unloop(struct fsck *f, u64 dir);
int fsck_fix_names(struct fsck *f, u64 ino);
int fsck_fix_connect(struct fsck *f, u64 ino);
int fsck_fix_root(struct fsck *f, u64 ino);
int fsck_fix_orphans(struct fsck *f, u64 id);	/* fix_orphan.c */
/* fix_coll.c, fix_slot.c */
int fsck_fix_coll_table(struct fsck *f, u64 index);
int fsck_fix_coll_record(struct fsck *f, u64 id);
int fsck_fix_slots(struct fsck *f, u64 id);
int fsck_fix_graph(struct fsck *f, u64 id);
/* fix_super.c */
int fsck_journal_discard(struct fsck *f);
int fsck_journal_empty(struct fsck *f);
int fsck_write_super(struct fsck *f);
/* quota.c */
void fsck_quota_free(struct fsck *f);
/* What an inode in use has, and what its owners are charged beyond that. */
void fsck_quota_inode(struct fsck *f, u64 ino, const struct vexfs_inode *di);
void fsck_quota_charge(struct fsck *f, u64 ino, u64 bytes);
void fsck_quota_value(struct fsck *f, u64 ino, u32 len);
/* A collection is being dropped: what files are charged for it is not known. */
void fsck_quota_unsure(struct fsck *f);
void fsck_quota_files(struct fsck *f);	/* their inodes are in use by it */
void fsck_quota(struct fsck *f);
int fsck_fix_charge(struct fsck *f, u64 ino);
int fsck_fix_quota(struct fsck *f, u64 type);
/* feed.c */
void fsck_feed_free(struct fsck *f);
bool fsck_is_feed(const struct fsck *f, u64 ino);	/* the change tree's inode, says the superblock */
/* An inode in use, and the change tree: noted for later. */
void fsck_feed_inode(struct fsck *f, u64 ino, const struct vexfs_inode *di);
void fsck_feed_tree(struct fsck *f, u64 ino, const struct vexfs_inode *di);
void fsck_feed_file(struct fsck *f);	/* its inode is in use by it */
void fsck_feed(struct fsck *f);
int fsck_fix_feed(struct fsck *f, u64 id);
/* write.c */
void fsck_finish(struct fsck *f);
/* undo.c */
int fsck_undo_save(struct fsck *f, const u64 *blocks, size_t n);
int fsck_undo_apply(struct fsck *f);
/* erased.c: an exit code */
int fsck_erased(struct fsck *f);
/* orphan.c, inode.c, extent.c, dir.c, link.c, coll.c, slot.c, group.c */
void fsck_orphans_load(struct fsck *f);	/* before the inodes are looked at */
bool fsck_is_orphan(const struct fsck *f, u64 ino);
void fsck_orphans_check(struct fsck *f);
void fsck_inodes(struct fsck *f);
/* Check the attributes; how many blocks they have that i_blocks counts. */
u32 fsck_xattrs(struct fsck *f, u64 ino, const struct vexfs_inode *di);
void fsck_values(struct fsck *f);	/* when all inodes are known */
/* @names: blocks of recorded names and of attributes, which i_blocks counts too. */
void fsck_file_extents(struct fsck *f, u64 ino, const struct vexfs_inode *di, bool orphan,
		       u64 names);
void fsck_symlink(struct fsck *f, u64 ino, const struct vexfs_inode *di, u64 names);
void fsck_dirs(struct fsck *f);
void fsck_links(struct fsck *f);
/* Claim and check the tree of recorded names; how many there are, and its *@blocks. */
u32 fsck_linktree(struct fsck *f, u64 ino, const struct vexfs_inode *di, u64 *blocks);
/* Names beyond those in the inode itself. */
struct vexfs_linktree fsck_linktree_of(struct fsck *f, u64 ino, const struct vexfs_inode *di);
void fsck_collections(struct fsck *f);
/* Check a collection's map and, if its inodes are sound, its embeddings. */
void fsck_map(struct fsck *f, const struct vexfs_collection *c, bool inodes_ok);
/* Its graph file; @bad: why the inode cannot be one. */
void fsck_graph(struct fsck *f, const struct vexfs_collection *c, const char *bad);
void fsck_groups(struct fsck *f);
/* Inode table blocks of a group that were ever written, from a descriptor that verifies. */
bool fsck_group_desc(struct fsck *f, u32 group, struct vexfs_group_desc *gd);

#endif /* VEXFS_TOOLS_FSCK_H */
