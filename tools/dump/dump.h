/* SPDX-License-Identifier: GPL-2.0 */
/* dump.vexfs: what its files share. */
#ifndef VEXFS_TOOLS_DUMP_H
#define VEXFS_TOOLS_DUMP_H

#include "core/btree.h"
#include "core/dir.h"
#include "core/extent.h"
#include "core/feature.h"
#include "lib/image.h"
#include "lib/journal.h"

/**
 * struct dump - one run
 * @json: in that form
 * @raw: the superblock does not verify: only raw blocks can be shown
 */
struct dump {
	struct vexfs_dev dev;
	struct vexfs_image img;
	const char *path;
	bool	raw, replay, json;
	int	problems;
};

/* The whole program, without exit(): 0 done, 1 failed or damage seen, 2 usage. */
int dump_main(int argc, char **argv);

void dump_problem(struct dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Read and verify a block; false: reported. To be put. */
bool dump_read(struct dump *d, u64 blkno, u32 magic, u64 owner, struct vexfs_blk *b);
void dump_put(struct dump *d, struct vexfs_blk *b);
/* A verified inode; false: reported. */
bool dump_get_inode(struct dump *d, u64 ino, struct vexfs_inode *di);

/* Find out where groups have their metadata; without that, only blocks can be shown. */
void dump_places(struct dump *d);

/* super.c */
void dump_super(struct dump *d, u64 unused);
void dump_group(struct dump *d, u64 group);
void dump_journal(struct dump *d, u64 unused);
void dump_orphans(struct dump *d, u64 unused);
/* inode.c */
void dump_inode(struct dump *d, u64 ino);
void dump_extents(struct dump *d, u64 ino);
void dump_dir(struct dump *d, u64 ino);
void dump_extract(struct dump *d, u64 ino);	/* the content, as it is */
/* coll.c */
void dump_collections(struct dump *d, u64 unused);
void dump_slots(struct dump *d, u64 id);
bool dump_get_collection(struct dump *d, u32 id, struct vexfs_collection *c);	/* not verified */
/* graph.c */
void dump_graph(struct dump *d, u64 id);
/* inode.c: what does not print is escaped */
void dump_string(const char *s, u32 len);
/* path.c: to standard output, as ls(1) and cat(1) */
void dump_ls(struct dump *d, const char *path);
void dump_cat(struct dump *d, const char *path);
/* json.c: what an option of one letter shows, as JSON */
bool dump_json_knows(char opt);
void dump_json(struct dump *d, char opt, u64 arg, bool first);
void dump_json_end(bool any);
/* raw.c */
void dump_block(struct dump *d, u64 blkno);
u32 dump_parse_hex(const char *text, u8 *bytes, u32 room);
/* Bytes of one block, to the device; 0 or 1. */
int dump_write(struct dump *d, u64 blkno, u32 off, const u8 *bytes, u32 len, bool seal);
/* edit.c: OBJECT:FIELD=VALUE; as dump_poke() */
int dump_edit(struct dump *d, const char *spec);
/* BLOCK:OFFSET=HEXBYTES; 0, 1 failed, 2 usage */
int dump_poke(struct dump *d, const char *spec, bool seal);

#endif /* VEXFS_TOOLS_DUMP_H */
