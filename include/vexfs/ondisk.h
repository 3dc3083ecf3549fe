/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * VexFS on-disk format, and nothing else.
 *
 * All integers are little-endian. A block is 4096 bytes. The device is cut
 * into groups of VEXFS_BLOCKS_PER_GROUP blocks. A group starts with what it has
 * of these, and the rest of it is data:
 *
 *	[superblock copy]   only groups for which vexfs_group_has_super() holds;
 *			    in group 0 it is block 0
 *	[descriptor block]  of it and the VEXFS_GD_PER_BLOCK - 1 groups after it:
 *			    only a group whose number they divide
 *	[its copy]	    in the next group
 *	[block bitmaps, inode bitmaps, inode tables] of any of the groups that share
 *			    a descriptor block with it: the descriptors say where
 *
 * mkfs puts the metadata of VEXFS_FLEX_GROUPS groups into the first of them, so
 * that data and journal find long runs.
 *
 * Every metadata block except the superblock, the inode table and the journal
 * starts with struct vexfs_mdhdr: magic, checksum, filesystem uuid, its own
 * address and its owner. A block that was misplaced, left over from an older
 * filesystem, or belongs to somebody else is therefore recognised.
 */
#ifndef VEXFS_ONDISK_H
#define VEXFS_ONDISK_H

#include <linux/types.h>

#define VEXFS_BLOCK_SHIFT	12
#define VEXFS_BLOCK_SIZE	4096
#define VEXFS_SB_OFFSET		1024	/* bytes into block 0 / a backup block */
#define VEXFS_SB_SIZE		1024
#define VEXFS_VERSION		2	/* 1 was never released; it is refused */
#define VEXFS_NAME_LEN		255
#define VEXFS_LABEL_LEN		64
#define VEXFS_UUID_LEN		16
#define VEXFS_HASH_KEY_LEN	16

/* Magic numbers: printable in a hex dump, first byte first. */
#define VEXFS_SB_MAGIC		0x46584556U	/* "VEXF" */
#define VEXFS_MAGIC_GDT		0x54444756U	/* "VGDT" group descriptors   */
#define VEXFS_MAGIC_BBMAP	0x4d424256U	/* "VBBM" block bitmap        */
#define VEXFS_MAGIC_IBMAP	0x4d424956U	/* "VIBM" inode bitmap        */
#define VEXFS_MAGIC_NODE	0x45444e56U	/* "VNDE" B+tree node, records*/
#define VEXFS_MAGIC_DIR		0x52494456U	/* "VDIR" directory leaf      */
#define VEXFS_MAGIC_CHAIN	0x48434456U	/* "VDCH" more entries of one hash */
#define VEXFS_MAGIC_SYMLINK	0x4b4c5356U	/* "VSLK" long symlink target */
#define VEXFS_MAGIC_LINKS	0x4b4e4c56U	/* "VLNK" root of recorded names */
#define VEXFS_MAGIC_ORPHAN	0x48504f56U	/* "VOPH" orphan table        */
#define VEXFS_MAGIC_COLL	0x4c4f4356U	/* "VCOL" collection table    */
#define VEXFS_MAGIC_SLOT	0x544c5356U	/* "VSLT" slot table          */
#define VEXFS_MAGIC_XATTR	0x54415856U	/* "VXAT" extended attributes */
#define VEXFS_MAGIC_VALUE	0x4c565856U	/* "VXVL" piece of a large value of one */
#define VEXFS_MAGIC_QUOTA	0x4f555156U	/* "VQUO" block of a quota file */
#define VEXFS_INODE_MAGIC	0x4956U		/* "VI"			      */

/**
 * struct vexfs_mdhdr - header of every self-describing metadata block
 * @h_magic:	what the block is (VEXFS_MAGIC_*)
 * @h_checksum:	crc32c of the whole block with this field zero, seed ~0
 * @h_uuid:	uuid of the filesystem
 * @h_blkno:	the block's own address
 * @h_owner:	inode number of a tree/table block; group of a bitmap; index of
 *		the block within its table for gdt, orphan and collection blocks.
 *		For a tree that belongs to a collection: VEXFS_OWNER_COLL + id;
 *		for the tree of an inode's names: VEXFS_OWNER_LINKS + inode number
 * @h_level:	B+tree: 0 = leaf
 * @h_count:	number of records, directory entries or slots in use
 * @h_bytes:	directory leaf, long symlink, attributes, piece of a value: bytes in use
 *		after the header
 * @h_next:	directory leaf, block of a chain: next block of the chain, 0 = none;
 *		first block of the orphan table: head of the orphan list; else 0
 */
struct vexfs_mdhdr {
	__le32	h_magic;
	__le32	h_checksum;
	__u8	h_uuid[VEXFS_UUID_LEN];
	__le64	h_blkno;
	__le64	h_owner;
	__le16	h_level;
	__le16	h_count;
	__le32	h_bytes;
	__le64	h_next;
	__le64	h_reserved;		/* 0 */
};

#define VEXFS_MDHDR_SIZE	64
#define VEXFS_MD_SPACE		(VEXFS_BLOCK_SIZE - VEXFS_MDHDR_SIZE)	/* 4032 */
#define VEXFS_OWNER_COLL	(1ULL << 63)
#define VEXFS_OWNER_LINKS	(1ULL << 62)

/* A bitmap block holds its header and one bit per block or inode, LSB first. */
#define VEXFS_BITS_PER_BITMAP	(VEXFS_MD_SPACE * 8)			/* 32256 */
#define VEXFS_BLOCKS_PER_GROUP	VEXFS_BITS_PER_BITMAP

/* ---- superblock ------------------------------------------------------- */

/*
 * Feature bits. docs/format.md says what each adds; core/feature.c lists the fields each owns, which are 0 in a
 * filesystem without it. Who does not know an incompat bit does not mount; a ro_compat bit: does not write; a
 * compat bit: keeps what it does not understand. No checker repairs what has any bit it does not know.
 */
#define VEXFS_FEATURE_COMPAT_GRAPH		0x0001U	/* graph files of collections */
#define VEXFS_FEATURE_RO_COMPAT_QUOTA		0x0001U
#define VEXFS_FEATURE_RO_COMPAT_PROJECT		0x0002U
#define VEXFS_FEATURE_RO_COMPAT_INODE_FLAGS	0x0004U	/* flags of chattr(1) */
#define VEXFS_FEATURE_RO_COMPAT_VERITY		0x0008U
#define VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED	0x0010U
#define VEXFS_FEATURE_INCOMPAT_REFLINK		0x0001U	/* VEXFS_EXT_SHARED extents */
#define VEXFS_FEATURE_INCOMPAT_XATTR		0x0002U	/* xattrs other than user.vec.*, ACLs */
#define VEXFS_FEATURE_INCOMPAT_CASEFOLD		0x0004U
#define VEXFS_FEATURE_INCOMPAT_ENCRYPT		0x0008U

/* Defined here ... */
#define VEXFS_FEATURE_COMPAT_ALL	0x0001U
#define VEXFS_FEATURE_RO_COMPAT_ALL	0x001fU
#define VEXFS_FEATURE_INCOMPAT_ALL	0x000fU
/* ... and known to the programs built with this header. */
#define VEXFS_FEATURE_COMPAT_SUPP	VEXFS_FEATURE_COMPAT_GRAPH
#define VEXFS_FEATURE_RO_COMPAT_SUPP	(VEXFS_FEATURE_RO_COMPAT_QUOTA | \
					 VEXFS_FEATURE_RO_COMPAT_PROJECT | \
					 VEXFS_FEATURE_RO_COMPAT_INODE_FLAGS | \
					 VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED)
#define VEXFS_FEATURE_INCOMPAT_SUPP	VEXFS_FEATURE_INCOMPAT_XATTR

#define VEXFS_STATE_ERROR	0x0001	/* the kernel found damage: run fsck */

#define VEXFS_CHECKSUM_CRC32C	1
#define VEXFS_HASH_SIPHASH	1
#define VEXFS_QUOTA_TYPES	3
#define VEXFS_MAX_RESERVE	500	/* s_reserve_blocks: half of the filesystem */

#define VEXFS_ERRORS_REMOUNT_RO	0
#define VEXFS_ERRORS_CONTINUE	1
#define VEXFS_ERRORS_SHUTDOWN	2

struct vexfs_super_block {
	__le32	s_magic;
	__le32	s_checksum;		/* crc32c of the 1024 bytes, this field 0, seed ~0 */
	__le32	s_version;
	__le32	s_block_shift;		/* 12 */
	__le64	s_blocks;		/* device size in blocks */
	__le32	s_groups;
	__le32	s_blocks_per_group;	/* VEXFS_BLOCKS_PER_GROUP */
	__le32	s_inodes_per_group;	/* multiple of VEXFS_INODES_PER_BLOCK */
	__le32	s_itable_blocks;	/* s_inodes_per_group / VEXFS_INODES_PER_BLOCK */
	__le32	s_gdt_blocks;		/* descriptor blocks */
	__le32	s_inode_size;		/* 512 */
	__le32	s_feature_compat;
	__le32	s_feature_ro_compat;
	__le32	s_feature_incompat;
	__le32	s_group;		/* group of this copy */
	__u8	s_uuid[VEXFS_UUID_LEN];	/* what blkid shows; may be changed */
	__u8	s_label[VEXFS_LABEL_LEN];	/* NUL padded */
	__u8	s_hash_key[VEXFS_HASH_KEY_LEN];	/* secret of the directory hash */
	__le64	s_journal_start;	/* block number of the jbd2 region */
	__le64	s_orphan_start;
	__le64	s_coll_start;
	__le32	s_journal_blocks;
	__le32	s_orphan_blocks;
	__le32	s_coll_blocks;		/* VEXFS_COLL_BLOCKS */
	__le32	s_state;
	__le32	s_errors;		/* policy; a mount option overrides it */
	__le32	s_error_count;
	__le64	s_root_ino;
	__le64	s_mkfs_time;		/* seconds since the epoch */
	__le64	s_error_time;		/* of the last error, with ... */
	__le64	s_error_block;
	__le64	s_error_ino;
	__u8	s_error_what[48];	/* ... the failed check */
	__u8	s_meta_uuid[VEXFS_UUID_LEN];	/* in the header of every block; never changes */
	__u8	s_checksum_type;	/* VEXFS_CHECKSUM_CRC32C */
	__u8	s_hash_version;		/* VEXFS_HASH_* */
	__le16	s_pad;
	__le32	s_reserve_blocks;	/* kept for root, in units of 1/1000 of s_blocks */
	/* Fields of features: 0 unless the feature's bit is set. */
	__le64	s_quota_ino[VEXFS_QUOTA_TYPES];	/* hidden inodes: user, group, project */
	__le64	s_change_ino;		/* hidden inode: the change tree */
	__le64	s_change_epoch;
	__le64	s_refcount_ino;		/* hidden inode: owners of shared extents */
	__u8	s_reserved[656];	/* 0 */
};


#define VEXFS_ROOT_INO		2
#define VEXFS_FIRST_INO		11	/* 1..10 are reserved */
#define VEXFS_MAX_INO		((1ULL << 40) - 1)	/* fits a map key */

/* Block 0's copy, and one in groups 1 and the powers of 3, 5 and 7. */
#define VEXFS_MIN_BLOCKS	4096	/* 16 MiB: smallest device mkfs accepts */
#define VEXFS_MAX_BLOCKS	(1ULL << 36)	/* 256 TiB: a kernel keeps every descriptor in memory */
#define VEXFS_MIN_JOURNAL	1024	/* blocks; jbd2's own minimum */

/* ---- group descriptors ------------------------------------------------- */

struct vexfs_group_desc {
	__le32	gd_free_blocks;
	__le32	gd_free_inodes;
	__le32	gd_used_dirs;
	__le32	gd_itable_init;		/* inode table blocks ever written; the
					 * rest is garbage and holds no inode */
	__le64	gd_bbmap;		/* block number of the block bitmap, */
	__le64	gd_ibmap;		/* the inode bitmap */
	__le64	gd_itable;		/* and the first block of the inode table */
	__le32	gd_reserved[6];		/* 0 */
};

#define VEXFS_GD_PER_BLOCK	(VEXFS_MD_SPACE / 64)			/* 63 */
#define VEXFS_FLEX_GROUPS	16	/* whose metadata mkfs puts together, at most */

/* ---- B+trees ------------------------------------------------------------ */

/**
 * struct vexfs_rec - one record of a B+tree
 * @key: records of a node are sorted by key, strictly ascending
 * @val: in an inner node the child's block number; the child holds the keys
 *	 from this key (the first child: from minus infinity) up to the next.
 *	 In a leaf, extents:  key = first logical block, val = VEXFS_EXT_*;
 *	 embedding map:	      key = VEXFS_MAPKEY(ino, chunk), val = slot;
 *	 directories have leaves of their own (struct vexfs_dirent), found by
 *	 key = hash.
 */
struct vexfs_rec {
	__le64	key;
	__le64	val;
};

#define VEXFS_RECS_PER_NODE	(VEXFS_MD_SPACE / 16)			/* 252 */
#define VEXFS_RECS_PER_ROOT	8
#define VEXFS_MAX_LEVEL		6	/* 8 * 252^5 children are beyond any key space */

/**
 * struct vexfs_btree_root - root of a B+tree, inside an inode or a collection
 * @r_level:  0: the records are leaf records; n: children have level n - 1.
 *	      A directory's root has level >= 1 as soon as it has an entry.
 * @r_count:  records in use
 * @r_blocks: blocks of the tree itself (nodes and directory leaves)
 */
struct vexfs_btree_root {
	__le16	r_level;
	__le16	r_count;
	__le32	r_reserved;
	__le64	r_blocks;
	struct vexfs_rec r_recs[VEXFS_RECS_PER_ROOT];
};

/* Extent record value: 44 bits block, 16 bits length, 4 bits flags. */
#define VEXFS_EXT_PBLK_BITS	44
#define VEXFS_EXT_LEN_BITS	16
#define VEXFS_EXT_MAX_LEN	65535U
#define VEXFS_EXT_UNWRITTEN	(1ULL << 60)	/* reads as zeros */
#define VEXFS_EXT_SHARED	(1ULL << 61)	/* reserved for reflink */
#define VEXFS_EXT_FLAGS		(0xfULL << 60)
#define VEXFS_MAX_LBLK		0xffffffffULL	/* last logical block + 1: 16 TiB */

/* ---- inodes -------------------------------------------------------------- */

/**
 * struct vexfs_link - a name of the inode
 * @l_parent: inode number of the directory, 0 = unused
 * @l_hash:   hash key of the entry there
 *
 * A directory has exactly one, in i_links[0]: it is what ".." means; a removed
 * one has none. A hidden inode has none, but one that is an attribute's value: struct
 * vexfs_xattr. Other inodes record every name: in i_links, from the front on,
 * and beyond that in a tree. i_link_block holds its root, a struct
 * vexfs_btree_root after the header and zeros after that. Leaf records:
 * key = l_hash ^ VEXFS_LINK_MASK(l_parent), val = l_parent. The tree's blocks
 * count in i_blocks. There is no empty tree: i_link_block is 0 then.
 */
#define VEXFS_LINK_MASK(parent) (((__u64)(parent) * 0x9e3779b97f4a7c15ULL) >> 1)

struct vexfs_link {
	__le64	l_parent;
	__le64	l_hash;
};

#define VEXFS_INODE_LINKS	4
#define VEXFS_XATTR_INLINE	112	/* bytes */
#define VEXFS_SYMLINK_INLINE	144	/* bytes; longer targets have a block */
#define VEXFS_SYMLINK_MAX	4095	/* PATH_MAX with its NUL */
#define VEXFS_SYMLINK_BLOCK	VEXFS_MD_SPACE	/* of those in the block; the rest follows in the inode */

#define VEXFS_INODE_HIDDEN	0x00000001U	/* a collection's file or a value, has no name */
#define VEXFS_INODE_FLAGS	0x00000001U	/* those above; each below needs its feature */
#define VEXFS_INODE_IMMUTABLE	0x00000010U	/* inode_flags */
#define VEXFS_INODE_APPEND	0x00000020U
#define VEXFS_INODE_NODUMP	0x00000040U
#define VEXFS_INODE_NOATIME	0x00000080U
#define VEXFS_INODE_SYNC	0x00000100U
#define VEXFS_INODE_DIRSYNC	0x00000200U
#define VEXFS_INODE_PROJINHERIT	0x00000400U	/* project */
#define VEXFS_INODE_USER	0x000007f0U	/* those above: users set them, hidden inodes have none */
#define VEXFS_INODE_VERITY	0x00000800U	/* verity */
#define VEXFS_INODE_CASEFOLD	0x00001000U	/* casefold */
#define VEXFS_INODE_ENCRYPT	0x00002000U	/* encrypt */
#define VEXFS_INODE_FEATURES	0x00003ff0U	/* all that features add */

struct vexfs_inode {
	__le16	i_mode;			/* 0: free */
	__le16	i_magic;
	__le32	i_checksum;		/* crc32c of the 512 bytes, this field 0, seed ~0 */
	__le64	i_orphan_next;		/* next inode of the orphan overflow list; 0 = last or not in it */
	__le64	i_ino;
	__le32	i_uid;
	__le32	i_gid;
	__le32	i_nlink;
	__le32	i_generation;
	__le64	i_size;			/* bytes; a directory: number of entries */
	__le64	i_blocks;		/* 4 KiB blocks, data and tree */
	__le64	i_atime;		/* seconds, signed */
	__le64	i_mtime;
	__le64	i_ctime;
	__le64	i_btime;
	__le32	i_atime_nsec;
	__le32	i_mtime_nsec;
	__le32	i_ctime_nsec;
	__le32	i_btime_nsec;
	__le64	i_version;
	__le32	i_flags;		/* VEXFS_INODE_* */
	__le32	i_projid;
	__le64	i_datagen;		/* grows when content changes after an embedding was set */
	__le64	i_vecmask;		/* collections that may hold embeddings: bit = collection id */
	__le64	i_xattr_block;
	__le32	i_rdev;			/* new_encode_dev() format */
	__le32	i_pad1;			/* 0 */
	__le64	i_link_block;		/* names beyond i_links; 0 = none */
	__le64	i_change_epoch;		/* its record in the change tree; 0 = none */
	__le64	i_verity_ino;		/* hidden inode: Merkle tree and descriptor */
	__le64	i_charged;		/* quota: bytes charged to the owners beyond i_blocks */
	__u8	i_reserved[8];		/* 0 */
	struct vexfs_link i_links[VEXFS_INODE_LINKS];
	__u8	i_xattr[VEXFS_XATTR_INLINE];	/* small attributes */
	union {
		struct vexfs_btree_root i_root;	/* file: extents; directory: entries */
		__u8	i_symlink[VEXFS_SYMLINK_INLINE];	/* i_size <= 144 */
	};
};

#define VEXFS_INODE_SIZE	512
#define VEXFS_INODES_PER_BLOCK	(VEXFS_BLOCK_SIZE / VEXFS_INODE_SIZE)	/* 8 */

/* ---- extended attributes ------------------------------------------------------- */

/**
 * struct vexfs_xattr - an attribute
 * @x_rec_len:	 this header, name and what is stored of the value, rounded up to 4
 * @x_kind:	 VEXFS_XATTR_*: namespace; with VEXFS_XATTR_LARGE: the value is elsewhere
 * @x_name_len:	 of the name without its prefix; 0 for an ACL
 * @x_value_len: bytes of the value
 * @x_data:	 name, value, zeros. VEXFS_XATTR_LARGE: name, number of the hidden inode
 *		 that has the value (__le64), zeros
 *
 * Records are packed in i_xattr, and after the header of the block i_xattr_block, from the
 * front; the rest of the area is zero. Within an area they ascend by kind and name, and no two have
 * both in common, nor has one in each area.
 *
 * The hidden inode has its owner's number in i_links[0].l_parent and hash 0 there, i_nlink 1
 * and i_size a multiple of the block size. Its logical block n (VEXFS_MAGIC_VALUE) has, after the
 * header, the bytes of the value from n * VEXFS_MD_SPACE on; none is a hole or unwritten.
 */
struct vexfs_xattr {
	__le16	x_rec_len;
	__u8	x_kind;
	__u8	x_name_len;
	__le32	x_value_len;
	__u8	x_data[];
};

#define VEXFS_XATTR_USER	1	/* "user." */
#define VEXFS_XATTR_TRUSTED	2	/* "trusted." */
#define VEXFS_XATTR_SECURITY	3	/* "security." */
#define VEXFS_XATTR_ACL		4	/* "system.posix_acl_access" */
#define VEXFS_XATTR_DEFAULT_ACL	5	/* "system.posix_acl_default" */
#define VEXFS_XATTR_KINDS	6
#define VEXFS_XATTR_LARGE	0x80	/* flag in x_kind */

#define VEXFS_XATTR_HDR		8
#define VEXFS_XATTR_VALUE_MAX	65536	/* bytes */
#define VEXFS_XATTR_VALUE_BLOCKS \
	((VEXFS_XATTR_VALUE_MAX + VEXFS_MD_SPACE - 1) / VEXFS_MD_SPACE)	/* 17 */

/* ---- directories ----------------------------------------------------------- */

/**
 * struct vexfs_dirent - directory entry, packed after a leaf's header
 *
 * Entries are sorted by hash, SipHash-2-4 of the name under s_hash_key folded
 * into [VEXFS_HASH_MIN, VEXFS_HASH_MAX]. Entries of equal hash are in one leaf; if
 * they do not all fit, the leaf has no others and the rest is in a chain of blocks
 * (VEXFS_MAGIC_CHAIN), which h_next leads to. Block numbers ascend along a chain.
 * "." and ".." are not stored.
 */
struct vexfs_dirent {
	__le64	d_hash;
	__le64	d_ino;
	__le16	d_rec_len;	/* this header + name, rounded up to 8 */
	__u8	d_name_len;
	__u8	d_type;		/* DT_* */
	char	d_name[];	/* not terminated; padding is zero */
};

#define VEXFS_DIRENT_HDR	20
#define VEXFS_DIRENT_SIZE(namelen) (((namelen) + VEXFS_DIRENT_HDR + 7) & ~7U)
#define VEXFS_HASH_MIN		16ULL
#define VEXFS_HASH_MAX		0x7ffffffffffffff0ULL

/* ---- orphan table ------------------------------------------------------------ */

/*
 * After the header: __le64 inode numbers, 0 = free. An inode is in the table
 * while it has no name but is open, or while a truncate of it is under way.
 *
 * When all slots are taken, the next such inode is put at the front of a list:
 * h_next of the table's first block is the number of its first inode (0: empty),
 * i_orphan_next of each inode that of the next. An inode is in the table or in
 * the list, once; the field is 0 in all others.
 */
#define VEXFS_ORPHANS_PER_BLOCK	(VEXFS_MD_SPACE / 8)			/* 504 */

/* ---- collections and embeddings ---------------------------------------------- */

#define VEXFS_COLL_NAME_LEN	63
#define VEXFS_MAX_COLL		64	/* i_vecmask has 64 bits */
#define VEXFS_COLL_PER_BLOCK	8
#define VEXFS_COLL_BLOCKS	(VEXFS_MAX_COLL / VEXFS_COLL_PER_BLOCK)
#define VEXFS_MAX_DIM		16384
#define VEXFS_MAX_CHUNK		((1U << 24) - 1)

#define VEXFS_EMBEDDER_LEN	64
#define VEXFS_FINGERPRINT_LEN	32

#define VEXFS_COLL_FREE		0
#define VEXFS_COLL_LIVE		1
#define VEXFS_COLL_DROPPING	2	/* being freed; mount finishes it */

/* element types */
#define VEXFS_F32		1
#define VEXFS_F16		2
#define VEXFS_I8		3
/* metrics; a smaller distance is nearer */
#define VEXFS_L2		1	/* squared Euclidean distance */
#define VEXFS_COSINE		2	/* 1 - cosine similarity */
#define VEXFS_IP		3	/* minus the inner product */

struct vexfs_collection {
	__le32	c_state;
	__le32	c_id;			/* index in the table */
	__u8	c_name[VEXFS_COLL_NAME_LEN + 1];	/* NUL padded */
	__le32	c_dim;
	__u8	c_elem;
	__u8	c_metric;
	__le16	c_flags;		/* 0 */
	__le64	c_slot_ino;		/* hidden inodes: slot table, */
	__le64	c_payload_ino;		/* vectors as they were set, */
	__le64	c_code_ino;		/* int8 codes, derived */
	__le64	c_nslots;		/* slots that exist, used or not: multiple of
					 * VEXFS_SLOTS_PER_BLOCK */
	__le64	c_stamp_limit;		/* all stamps in use are below this */
	__le64	c_btime;
	struct vexfs_btree_root c_map;	/* (inode, chunk) -> slot */
	__le32	c_uid;			/* who may administer it, */
	__le32	c_gid;
	__le32	c_mode;			/* and, as of a file: r search, w set and delete, x 0 */
	__le32	c_pad;			/* 0 */
	__le64	c_graph_ino;		/* hidden inodes: graph, */
	__le64	c_sketch_ino;		/* sketches; both derived, 0 = none */
	__u8	c_embedder[VEXFS_EMBEDDER_LEN];	/* name and version, NUL padded; "" = any */
	__u8	c_fingerprint[VEXFS_FINGERPRINT_LEN];	/* of the embedder; zeros = any */
	__u8	c_reserved[104];	/* 0 */
};

#define VEXFS_MAPKEY(ino, chunk) (((__u64)(ino) << 24) | (chunk))

#define VEXFS_SLOT_FREE		0
#define VEXFS_SLOT_LIVE		1

/**
 * struct vexfs_slot - one embedding
 * @v_ino:	   the file
 * @v_generation:  its i_generation
 * @v_chunk:	   number of the passage within the file
 * @v_stamp:	   grows with every set in the collection
 * @v_off, @v_len: byte range of the passage; both 0 = the whole file
 * @v_datagen:	   the file's i_datagen when this was set; differs later = stale
 * @v_payload_crc: crc32c of the payload's elements, seed ~0
 */
struct vexfs_slot {
	__le64	v_ino;
	__le32	v_generation;
	__le32	v_chunk;
	__le64	v_stamp;
	__le64	v_off;
	__le64	v_len;
	__le64	v_datagen;
	__le32	v_payload_crc;
	__u8	v_state;
	__u8	v_flags;		/* 0 */
	__le16	v_pad;			/* 0 */
	__u8	v_reserved[72];		/* 0: room for copies of what a filter asks of the file */
};

#define VEXFS_SLOT_SIZE		128
#define VEXFS_SLOTS_PER_BLOCK	(VEXFS_MD_SPACE / VEXFS_SLOT_SIZE)	/* 31 */

/*
 * Payload file: slot s holds dim elements. A vector of at most 4096 bytes has
 * VEXFS_BLOCK_SIZE / roundup(bytes, 16) neighbours per block and never
 * straddles two; a larger one starts a block of its own. Code file: the same
 * rule for struct vexfs_code followed by dim signed bytes. Both files are
 * written outside the journal, ordered before the commit that makes the slot
 * live, always to slots that no committed transaction uses.
 */
struct vexfs_code {
	__le32	k_checksum;	/* crc32c of the rest of the record, seed ~0 */
	__le32	k_stamp;	/* low half of v_stamp */
	__le32	k_scale;	/* float32 bits: element = code * scale */
	__le32	k_norm2;	/* float32 bits: squared norm of the vector as set */
};

/* ---- the graph file of a collection (feature graph): derived, outside the journal --- */

#define VEXFS_GRAPH_MAGIC	0x48475856U	/* "VXGH" */
#define VEXFS_GRAPH_VERSION	1
#define VEXFS_GRAPH_ENTRIES	64
#define VEXFS_GRAPH_MAX_DIM	3584		/* elements of a code; longer vectors are folded */
#define VEXFS_GRAPH_MAX_LINKS	64
#define VEXFS_GRAPH_MAX_ID	0x7fffffffU	/* ids, which are slot numbers, are below */
#define VEXFS_GRAPH_NONE	0xffffffffU
#define VEXFS_GRAPH_MEANS	1016		/* elements in a block of the table of means */

/**
 * struct vexfs_graph_head - block 0 of a graph file
 * @gh_checksum:  crc32c of the rest of the block, seed ~0
 * @gh_stamp:     above the stamps of all vectors that have a record
 * @gh_dim:	  of the collection
 * @gh_gdim:	  elements of a code, after folding and with the element that inner products get
 * @gh_stride:	  bytes of a record; gh_per_block of them to a block, none straddles two
 * @gh_links:	  places for links in a record
 * @gh_degree:	  links a record is pruned to
 * @gh_first:	  first block of records; the table of means is before it
 * @gh_nrec:	  ids below this may have records
 * @gh_count:	  vectors in the graph
 * @gh_nodes:	  of them, those that are no duplicates
 * @gh_trained:	  vectors that mean, unit and reach are of
 * @gh_unit:	  float32, a power of two: elements are multiplied by it (not under the cosine)
 * @gh_reach:	  float32: length that an inner product's vectors are extended to
 * @gh_entry:	  where searches start
 * @gh_generation: i_generation of the file: blocks may hold the header of an earlier one
 */
struct vexfs_graph_head {
	__le32	gh_checksum;
	__le32	gh_magic;
	__le16	gh_version;
	__u8	gh_metric;
	__u8	gh_elem;
	__le32	gh_coll;
	__le64	gh_stamp;
	__le32	gh_dim;
	__le32	gh_gdim;
	__le16	gh_stride;
	__le16	gh_per_block;
	__le16	gh_links;
	__le16	gh_degree;
	__le32	gh_first;
	__le32	gh_nrec;
	__le32	gh_count;
	__le32	gh_nodes;
	__le32	gh_trained;
	__le32	gh_unit;
	__le32	gh_reach;
	__le32	gh_nentries;
	__le32	gh_entry[VEXFS_GRAPH_ENTRIES];
	__le32	gh_generation;
	__u8	gh_reserved[3764];	/* 0 */
};

/* Means: float32, block by block from block 1 on. */
struct vexfs_graph_means {
	__le32	gm_checksum;		/* crc32c of the rest of the block, seed ~0 */
	__le32	gm_magic;		/* VEXFS_GRAPH_MAGIC */
	__le32	gm_block;		/* its logical block */
	__le32	gm_reserved[5];		/* 0 */
	__le32	gm_mean[VEXFS_GRAPH_MEANS];
};

/**
 * struct vexfs_graph_node - the start of a record
 * @gn_checksum: crc32c of the record's id and of its bytes from gn_next to the last link, seed ~0;
 *		 the code, at the end of the record, has its own
 * @gn_next:	 next of the vectors with the same code, or VEXFS_GRAPH_NONE
 * @gn_state:	 VEXFS_GRAPH_FREE, NODE, TWIN
 * @gn_degree:	 links in use
 * @gn_link:	 NODE: neighbours; TWIN: gn_link[0] is the vector before it in the chain
 *
 * Then zeros, then at a fixed place struct vexfs_code and gh_gdim signed bytes.
 */
struct vexfs_graph_node {
	__le32	gn_checksum;
	__le32	gn_next;
	__u8	gn_state;
	__u8	gn_degree;
	__le16	gn_reserved;		/* 0 */
	__le32	gn_link[];
};

#define VEXFS_GRAPH_FREE	0	/* nothing here */
#define VEXFS_GRAPH_NODE	1	/* a vector with links */
#define VEXFS_GRAPH_TWIN	2	/* in a NODE's chain of equal codes */

/* ---- every size and offset above is part of the format ---------------------- */

#define VEXFS_SIZE_CHECK(type, size) \
	_Static_assert(sizeof(type) == (size), #type " changed size")
#define VEXFS_OFFS_CHECK(type, field, off) \
	_Static_assert(__builtin_offsetof(type, field) == (off), #type "." #field " moved")

VEXFS_SIZE_CHECK(struct vexfs_mdhdr, VEXFS_MDHDR_SIZE);
VEXFS_SIZE_CHECK(struct vexfs_graph_head, 4096);
VEXFS_OFFS_CHECK(struct vexfs_graph_head, gh_entry, 72);
VEXFS_SIZE_CHECK(struct vexfs_graph_means, 4096);
VEXFS_SIZE_CHECK(struct vexfs_graph_node, 12);
VEXFS_OFFS_CHECK(struct vexfs_mdhdr, h_blkno, 24);
VEXFS_OFFS_CHECK(struct vexfs_mdhdr, h_bytes, 44);
VEXFS_SIZE_CHECK(struct vexfs_super_block, VEXFS_SB_SIZE);
VEXFS_OFFS_CHECK(struct vexfs_super_block, s_uuid, 64);
VEXFS_OFFS_CHECK(struct vexfs_super_block, s_hash_key, 144);
VEXFS_OFFS_CHECK(struct vexfs_super_block, s_meta_uuid, 296);
VEXFS_OFFS_CHECK(struct vexfs_super_block, s_root_ino, 208);
VEXFS_SIZE_CHECK(struct vexfs_group_desc, 64);
VEXFS_OFFS_CHECK(struct vexfs_group_desc, gd_bbmap, 16);
VEXFS_SIZE_CHECK(struct vexfs_rec, 16);
VEXFS_SIZE_CHECK(struct vexfs_btree_root, 144);
VEXFS_SIZE_CHECK(struct vexfs_inode, VEXFS_INODE_SIZE);
VEXFS_OFFS_CHECK(struct vexfs_inode, i_size, 40);
VEXFS_OFFS_CHECK(struct vexfs_inode, i_links, 192);
VEXFS_OFFS_CHECK(struct vexfs_inode, i_xattr, 256);
VEXFS_OFFS_CHECK(struct vexfs_inode, i_root, 368);
VEXFS_OFFS_CHECK(struct vexfs_dirent, d_name, VEXFS_DIRENT_HDR);
VEXFS_OFFS_CHECK(struct vexfs_xattr, x_data, VEXFS_XATTR_HDR);
VEXFS_SIZE_CHECK(struct vexfs_collection, 504);
VEXFS_OFFS_CHECK(struct vexfs_collection, c_map, 128);
VEXFS_SIZE_CHECK(struct vexfs_slot, VEXFS_SLOT_SIZE);
VEXFS_OFFS_CHECK(struct vexfs_collection, c_uid, 272);
VEXFS_SIZE_CHECK(struct vexfs_code, 16);

#endif /* VEXFS_ONDISK_H */
