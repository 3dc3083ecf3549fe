/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything fsck.vexfs can say about a filesystem. Included several times, each
 * time with another P(name, code, class, how, text, fix):
 *
 * @code:  printed as V0101; never given another meaning and never used again.
 *	   Its first two digits are the area.
 * @class: DAMAGE: something is lost, or only a guess could bring it back;
 *	   FIXABLE: what is right follows from the rest of the filesystem;
 *	   SAFE: likewise, and -p repairs it too: nothing that a user has changes;
 *	   NOTE: no problem
 * @how:   enum fsck_how: what repairs the object at hand (fsck_object());
 *	   NONE: nothing does, NOW: whoever reports it
 * @text:  printf format. AT_BLOCK: the object at hand (fsck_where()), a block
 *	   of it, and the check that core says has failed
 * @fix:   what a repair would do
 *
 * Ascending by code. Every entry has a test in tests/unit/fsck_damage*.c or
 * test_fsck.c; test_fsck.c lists those that cannot have one.
 */
#define AT_BLOCK	"%s: block %llu: %s"
#define ENTRY		"inode %llu: entry '%s' (inode %llu): "
#define SLOT		"collection %u '%s': slot %llu (inode %llu, chunk %u): "
#define RESTORE		"none: restore from backup"
#define FEED_ANEW	"make the tree anew from the inodes; readers of the feed look at everything again"

/* ---- 01: superblock, device ---- */
P(SB_BAD, 101, FIXABLE, NOW, "superblock: %s; a sound copy is in block %llu",
  "write the copy over it")
P(SB_LOST, 102, DAMAGE, NONE, "superblock: %s; no sound copy was found", RESTORE)
P(SB_COPY, 103, SAFE, SB_COPY, AT_BLOCK, "write the superblock over the copy")
P(CUT_OFF, 104, DAMAGE, NONE, "the device has %llu blocks, the filesystem %llu: it was cut off", RESTORE)
P(SB_REPLAYED, 105, DAMAGE, NOW, "superblock: %s, after replay of the journal",
  "discard the journal; what it held is lost")
P(SB_ERROR, 106, NOTE, NONE, "the kernel recorded %u errors; the last one: %s%s(%.*s)",
  "cleared by -p, -a and -y when the check is clean")
P(SB_COMPAT, 107, NOTE, NONE,
  "has compatible features (%#x) this program does not know: what they keep is not judged",
  "none: use a newer fsck.vexfs")
P(MOUNTED, 108, NOTE, NONE, "%s is mounted on %s: what is reported may only mean that it is changing",
  "none: unmount it first")

P(SB_FIELD, 109, FIXABLE, NOW, "superblock: %s; its checksum is right and the rest is sound",
  "clear the field")
P(SB_CUT, 110, NOTE, NONE, "a tool that changed the filesystem was cut short",
  "cleared by -p, -a and -y when the check is clean")

/* ---- 02: group descriptors, bitmaps, inode tables ---- */
P(GDT_BLOCK, 201, FIXABLE, GDT, AT_BLOCK, "write the copy over it and count anew")
P(GDT_COPY, 202, SAFE, GDT_COPY, AT_BLOCK, "write the descriptors over the copy")
P(GDT_DIFFER, 203, FIXABLE, GDT_COPY,
  "group descriptors: block %llu and its copy, block %llu, name different places",
  "keep the one whose places hold the group's bitmaps")
P(PLACES, 204, DAMAGE, NONE, "group descriptors: %s", RESTORE)
P(GD_VALUE, 205, SAFE, GROUPS, "group %u: %s", "count anew")
P(GD_FREE_BLOCKS, 206, SAFE, GROUPS, "group %u: descriptor says %u free blocks, there are %u",
  "count anew")
P(GD_FREE_INODES, 207, SAFE, GROUPS, "group %u: descriptor says %u free inodes, there are %u",
  "count anew")
P(GD_DIRS, 208, SAFE, GROUPS, "group %u: descriptor says %u directories, there are %u", "count anew")
P(BBMAP_BLOCK, 209, FIXABLE, GROUPS, AT_BLOCK, "write the bitmap anew")
P(BBMAP_UNMARKED, 210, SAFE, GROUPS,
  "group %u: blocks %llu to %llu: in use, but free in the block bitmap", "mark them")
P(BBMAP_LEAKED, 211, SAFE, GROUPS,
  "group %u: blocks %llu to %llu: in use in the block bitmap, but nobody's (leaked)",
  "free them")
P(BBMAP_MORE, 212, SAFE, GROUPS, "group %u: more runs of blocks are wrong in the block bitmap",
  "as of the first runs, which are listed; -v lists all")
P(IBMAP_BLOCK, 213, FIXABLE, GROUPS, AT_BLOCK, "write the bitmap anew")
P(IBMAP_UNMARKED, 214, SAFE, GROUPS,
  "inode %llu: in use, but free in the inode bitmap of group %u", "mark it")
P(IBMAP_LEAKED, 215, SAFE, GROUPS,
  "inode %llu: free, but in use in the inode bitmap of group %u", "free it")
P(IBMAP_BEYOND, 216, FIXABLE, ITABLE,
  "group %u: inode bitmap marks inode %llu, beyond the %u table blocks written",
  "look for inodes further on, then free the rest")
P(ITABLE_BLOCK, 217, DAMAGE, NONE, AT_BLOCK, RESTORE)

/* ---- 03: inodes ---- */
P(INODE, 301, DAMAGE, SALVAGE, "inode %llu: block %llu: %s",
  "clear the field; if content or type are not known, clear it and its names; after a wrong checksum, what is "
  "left is root's alone")
P(INODE_RESERVED, 302, DAMAGE, CLEAR, "inode %llu: reserved, but in use", "clear it")
P(INODE_BLOCKS, 303, SAFE, COUNTS, "inode %llu: has %llu blocks, i_blocks says %llu",
  "set the number found")
P(INODE_TREE, 304, FIXABLE, COUNTS, "inode %llu: tree has %llu blocks, its root says %llu",
  "set the number found")
P(SPECIAL_BLOCKS, 305, FIXABLE, COUNTS, "inode %llu: special file with blocks",
  "set the number found")
P(SHORT_SYMLINK, 306, FIXABLE, COUNTS, "inode %llu: short symlink with blocks",
  "set the number found")
P(LONG_SYMLINK, 307, DAMAGE, CLEAR, "inode %llu: %s", "clear it and its names")
P(SYMLINK_BLOCK, 308, DAMAGE, CLEAR, AT_BLOCK, "clear the inode and its names")
P(HIDDEN, 309, FIXABLE, COUNTS, "inode %llu: hidden inode %s", "set a link count of 1, without names")

/* ---- 04: blocks, extents, trees ---- */
P(TREE_BLOCK, 401, DAMAGE, OBJECT, AT_BLOCK,
  "cut the tree there: restore the file from backup")
P(BLOCK_TWICE, 402, DAMAGE, OBJECT, "%s: block %llu is used twice",
  "copy the block; one of the two has foreign content")
P(BLOCK_FOREIGN, 403, DAMAGE, OBJECT, "%s: blocks %llu to %llu are not in the data area",
  "remove the reference: restore the file from backup")
P(EXTENT, 404, DAMAGE, EXTENTS, "inode %llu: extent at logical block %llu: %s",
  "remove the extent: restore the file from backup")
P(EXTENT_OVERLAP, 405, DAMAGE, EXTENTS,
  "inode %llu: extent at logical block %llu overlaps the one before",
  "remove the extent: restore the file from backup")
P(EXTENT_BEYOND, 406, FIXABLE, EXTENTS,
  "inode %llu: written extent at logical block %llu is beyond the size",
  "free the blocks beyond the size")

/* ---- 05: directories ---- */
P(DIR_LEAF, 501, DAMAGE, DIR, AT_BLOCK,
  "remove the leaf; names come back from what inodes record")
P(DIRENT_SECOND, 502, DAMAGE, DIR, ENTRY "a directory cannot have a second name",
  "remove the entry that the directory does not record")
P(DIRENT_INO, 503, DAMAGE, DIR, ENTRY "impossible inode number", "remove the entry")
P(DIRENT_FREE, 504, DAMAGE, DIR, ENTRY "the inode is free", "remove the entry")
P(DIRENT_HIDDEN, 505, DAMAGE, DIR, ENTRY "names a hidden inode", "remove the entry")
P(DIRENT_TYPE, 506, FIXABLE, DIR, ENTRY "type differs from the inode's", "set the inode's type")
P(DIRENT_TWICE, 507, DAMAGE, DIR, ENTRY "the name is there twice", "rename one of them")
P(DIRENT_HASH, 508, FIXABLE, DIR, ENTRY "hash does not match the name", "insert the entry anew")
P(DIR_ENTRIES, 509, FIXABLE, DIR, "inode %llu: directory has %llu entries, i_size says %llu",
  "set the number found")
P(DIR_BLOCKS, 510, FIXABLE, DIR,
  "inode %llu: directory has %llu blocks, r_blocks says %llu, i_blocks %llu",
  "set the number found")
P(DIR_REMOVED, 511, DAMAGE, CONNECT, "inode %llu: removed directory with entries",
  "connect it in lost+found")
P(DIR_CHAIN_TWICE, 512, DAMAGE, DIR, "inode %llu: a name is in a leaf or its chain twice",
  "rename one of them")

/* ---- 06: names and link counts ---- */
P(DIR_PARENTS, 601, FIXABLE, NAMES, "inode %llu: directory records %u parents",
  "record the directory that has its entry")
P(ROOT_PARENT, 602, FIXABLE, NAMES, "inode %llu: the root directory is not its own parent",
  "record it as its own parent")
P(ROOT_MISSING, 603, DAMAGE, ROOT, "inode %u: the root directory is missing",
  "make one; what was in it goes to lost+found")
P(DIR_NLINK, 604, FIXABLE, NAMES, "inode %llu: directory has link count %u, should be %u",
  "set the count")
P(DIR_NO_NAME, 605, DAMAGE, CONNECT, "inode %llu: directory has no name: not connected",
  "connect it in lost+found")
P(DIR_PARENT, 606, FIXABLE, NAMES,
  "inode %llu: directory records parent %llu, its entry is in %llu",
  "record the directory that has its entry")
P(DIR_NAME, 607, FIXABLE, NAMES, "inode %llu: directory records another name than it has",
  "record the name it has")
P(DIR_LOOP, 608, DAMAGE, UNLOOP,
  "inode %llu: directory is its own ancestor, cut off from the root",
  "connect it in lost+found")
P(FILE_NLINK, 609, FIXABLE, NAMES, "inode %llu: has link count %u, should be %u", "set the count")
P(FILE_NO_NAME, 610, DAMAGE, CONNECT,
  "inode %llu: has no name and is not in the orphan table", "connect it in lost+found")
P(NAMES_BLOCK, 611, FIXABLE, NAMES, AT_BLOCK, "record the names anew")
P(NAME_VALUE, 612, FIXABLE, NAMES, "inode %llu: %s", "remove the record")
P(NAMES_TREE, 613, FIXABLE, NAMES, "%s: tree has %llu blocks, its root says %llu",
  "set the number found")
P(NAME_MISSING, 614, FIXABLE, NAMES,
  "inode %llu: records a name in directory %llu that does not exist", "remove the record")
P(NAME_SHARED, 615, FIXABLE, NAMES, "inode %llu: two names share one record",
  "record the names anew")
P(NAME_UNRECORDED, 616, FIXABLE, NAMES, "inode %llu: has %u names, of which it records %u",
  "record the names anew")

/* ---- 07: orphans ---- */
P(ORPHAN_BLOCK, 701, FIXABLE, ORPHANS, AT_BLOCK, "write the block anew, empty")
P(ORPHAN_INO, 702, FIXABLE, ORPHANS, "orphan table: block %llu: impossible inode number %llu",
  "remove it from the table")
P(ORPHAN_TWICE, 703, SAFE, ORPHANS, "orphan table: inode %llu is listed twice",
  "remove one of them")
P(ORPHAN_FREE, 704, SAFE, ORPHANS, "orphan table: inode %llu is free", "remove it from the table")
P(ORPHAN_LIST_INO, 705, FIXABLE, ORPHANS, "orphan list: impossible inode number %llu",
  "end the list there")
P(ORPHAN_LIST_READ, 706, FIXABLE, ORPHANS, "orphan list: inode %llu cannot be read",
  "end the list there")
P(ORPHAN_LIST_FREE, 707, FIXABLE, ORPHANS, "orphan list: inode %llu is free or damaged",
  "end the list there")
P(ORPHAN_LIST_LOOP, 708, FIXABLE, ORPHANS, "orphan list: a cycle through inode %llu",
  "end the list there")
P(ORPHAN_STRAY, 709, FIXABLE, COUNTS,
  "inode %llu: leads on to orphan %llu, but is not in the orphan list",
  "set the field to 0")
P(ORPHANS_WAIT, 710, NOTE, NONE, "orphan table: %zu inodes wait to be finished by the next mount",
  "none: the next mount finishes them")
P(ORPHAN_COLL, 711, FIXABLE, ORPHANS, "orphan table: inode %llu is a file of a collection",
  "remove it from the table")

/* ---- 08: collections ---- */
P(COLL_BLOCK, 801, DAMAGE, COLL_TABLE, AT_BLOCK,
  "keep the records that are sound, for root alone; create the other collections anew")
P(COLL_COUNT, 802, SAFE, COLL_TABLE,
  "collection table: block %llu: says %u collections, there are %u", "set the number found")
P(COLL, 803, DAMAGE, COLL_RECORD, "collection %u: %s",
  "clear the field; if vectors or slots are not known, clear the record: create the collection anew")
P(COLL_NAME, 804, DAMAGE, COLL_TABLE, "collection %u: has the name of collection %u", "rename one of them")
P(COLL_FILE, 805, DAMAGE, COLL_RECORD, "%s: %s inode %llu %s",
  "a new file for codes, which are derived; else clear the record: create the collection anew")
P(COLL_SHORT, 806, DAMAGE, SLOTS, "%s: its %s file has %lld blocks, its slots need %llu",
  "reduce the slots to those that have blocks")
P(HIDDEN_STRAY, 807, DAMAGE, CLEAR, "inode %llu: hidden, but nothing refers to it", "free it")
P(COLL_HOLE, 808, FIXABLE, SLOTS, "%s: its %s file has a hole at block %llu", "allocate the blocks")
P(GRAPH, 809, SAFE, GRAPH, "%s: graph (inode %llu): %s", "discard it: the kernel makes it anew")

/* ---- 09: embeddings ---- */
P(SLOT_BLOCK, 901, DAMAGE, SLOTS, AT_BLOCK, "write the block anew, empty: set the embeddings again")
P(SLOT_HOLE, 902, DAMAGE, SLOTS, "%s: block %llu of the table is a hole",
  "write the block anew, empty: set the embeddings again")
P(SLOT_COUNT, 903, SAFE, SLOTS, "%s: block %llu: says %u slots in use, there are %u",
  "set the number found")
P(SLOT_VALUE, 904, DAMAGE, SLOTS, SLOT "%s", "free the slot: set the embedding again")
P(SLOT_FREE, 905, DAMAGE, SLOTS, SLOT "the inode is free or impossible", "free the slot")
P(SLOT_HIDDEN, 906, DAMAGE, SLOTS, SLOT "the inode is hidden", "free the slot")
P(SLOT_GENERATION, 907, DAMAGE, SLOTS, SLOT "the inode has another generation", "free the slot")
P(SLOT_VECMASK, 908, FIXABLE, SLOTS, SLOT "the inode does not know of the collection (i_vecmask)",
  "set the bit in the inode")
P(SLOT_DATAGEN, 909, FIXABLE, SLOTS,
  SLOT "set for content the inode has not had yet (v_datagen)", "mark it as stale")
P(SLOT_UNMAPPED, 910, FIXABLE, SLOTS, SLOT "not in the embedding map", "insert it in the map")
P(SLOT_MAPPED, 911, DAMAGE, SLOTS, SLOT "the embedding map has another slot for it",
  "keep the slot with the higher stamp")
P(PAYLOAD_READ, 912, DAMAGE, SLOTS, SLOT "its vector cannot be read (hole or I/O error)",
  "free the slot: set the embedding again")
P(PAYLOAD_CRC, 913, DAMAGE, SLOTS, SLOT "checksum of its vector is wrong",
  "free the slot: set the embedding again")
P(CODE, 914, NOTE, NONE, "collection %u '%s': slot %llu: code is damaged (derived, will be rebuilt)",
  "none: the kernel makes the code anew from the vector")
P(STAMP_TWICE, 915, DAMAGE, SLOTS, "collection %u '%s': two slots have the stamp %llu",
  "give one of them a new stamp")
P(MAP_BLOCK, 916, FIXABLE, SLOTS, AT_BLOCK, "make the map anew from the slots")
P(MAP_TREE, 917, FIXABLE, SLOTS, "%s: tree has %llu blocks, its root says %llu",
  "set the number found")
P(MAP_STRAY, 918, FIXABLE, SLOTS,
  "collection %u '%s': the map leads inode %llu, chunk %u to slot %llu, which is not its",
  "remove it from the map")

/* ---- 10: journal ---- */
P(JOURNAL, 1001, DAMAGE, NOW, "journal: %s",
  "discard the journal; what it held from there on is lost")
P(JOURNAL_ERROR, 1002, NOTE, NONE, "journal: the kernel recorded error %d",
  "cleared by the next mount")
P(JOURNAL_DIRTY, 1003, NOTE, NONE,
  "journal: not empty, the filesystem was not unmounted cleanly",
  "replayed by -p, -a and -y, or by the next mount")
P(JOURNAL_REPLAYED, 1004, NOTE, NONE,
  "journal: %u transactions, %llu blocks replayed in memory%s", "none")

/* ---- 11: attributes ---- */
P(XATTR_BLOCK, 1101, DAMAGE, XATTRS, AT_BLOCK, "free the block: set its attributes again")
P(XATTR_TWICE, 1102, FIXABLE, XATTRS, "inode %llu: attribute '%s%.*s' is stored twice",
  "remove the one in the block, which the kernel does not see")
P(XATTR_VALUE, 1103, DAMAGE, XATTRS, "inode %llu: the value of an attribute, inode %llu, %s",
  "remove the attribute: set it again")
P(VALUE_BLOCK, 1104, DAMAGE, XATTRS, AT_BLOCK, "remove the attribute: set it again")
P(XATTR_ACL, 1105, DAMAGE, XATTRS, "inode %llu: %s", "remove the ACL: set it again")

/* ---- 12: quota ---- */
P(QUOTA_CHARGED, 1201, SAFE, CHARGE, "inode %llu: is charged %llu bytes for embeddings and values, should be %llu",
  "set the number found")
P(QUOTA_FILE, 1202, FIXABLE, QUOTA, "quota of %ss: %s", "write the file anew: set the limits again")
P(QUOTA_BLOCK, 1203, FIXABLE, QUOTA, AT_BLOCK, "write the file anew: set the limits again")
P(QUOTA_USAGE, 1204, SAFE, QUOTA,
  "quota of %s %u: file says %llu bytes in %llu inodes, there are %llu bytes in %llu inodes",
  "write the file anew")
P(QUOTA_INODE, 1205, DAMAGE, NONE, "quota of %ss: inode %llu %s", RESTORE)

/* ---- 13: change feed ---- */
P(FEED_SUPER, 1301, FIXABLE, FEED, "change feed: %s", FEED_ANEW)
P(FEED_INODE, 1302, FIXABLE, FEED, "change feed: inode %llu %s", FEED_ANEW)
P(FEED_BLOCK, 1303, FIXABLE, FEED, AT_BLOCK, FEED_ANEW)
P(FEED_COUNTS, 1304, FIXABLE, FEED, "change tree has %llu blocks, its inode says %llu", FEED_ANEW)
P(FEED_NUMBER, 1305, FIXABLE, FEED, "inode %llu: impossible change number %llu", FEED_ANEW)
P(FEED_MISSING, 1306, FIXABLE, FEED, "inode %llu: has change number %llu, which the change tree does not have",
  FEED_ANEW)
P(FEED_RECORD, 1307, FIXABLE, FEED, "change tree: number %llu is of inode %llu, which does not have it", FEED_ANEW)

#undef AT_BLOCK
#undef FEED_ANEW
#undef ENTRY
#undef SLOT
#undef RESTORE
