// SPDX-License-Identifier: GPL-2.0
/* Every kind of damage to groups, inodes, directories and names. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "tests/unit/fsck_damage.h"

#define ROOT	VEXFS_ROOT_INO
#define BLOCKS	FIXTURE_BLOCKS

/* ---- superblock, groups -------------------------------------------------- */

static void bad_sb_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, 0, false, p[VEXFS_SB_OFFSET + 900] ^= 1);
}

static void bad_gdt_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, 1, false, p[4000] ^= 1);
}

static void bad_gdt_copy(struct fixture *x)
{
	EDIT_BLOCK(x, 2, false, p[4000] ^= 1);
}

static void gdt_both(struct fixture *x)
{
	bad_gdt_checksum(x);
	bad_gdt_copy(x);
}

/* Possible by itself: the copy knows better. */
static void gdt_differs(struct fixture *x)
{
	EDIT_DESC(x, gd->gd_ibmap = gd->gd_bbmap; gd->gd_bbmap = cpu_to_le64(4));
}

static void gdt_place(struct fixture *x)
{
	EDIT_DESC(x, gd->gd_ibmap = gd->gd_bbmap);
}

static void gdt_outside(struct fixture *x)
{
	EDIT_DESC(x, gd->gd_itable = cpu_to_le64(BLOCKS - 1));
}

static void bad_free_blocks(struct fixture *x)
{
	EDIT_DESC(x, gd->gd_free_blocks = cpu_to_le32(le32_to_cpu(gd->gd_free_blocks) + 1));
}

static void bad_free_inodes(struct fixture *x)
{
	EDIT_DESC(x, gd->gd_free_inodes = cpu_to_le32(le32_to_cpu(gd->gd_free_inodes) - 1));
}

static void bad_used_dirs(struct fixture *x)
{
	EDIT_DESC(x, gd->gd_used_dirs = cpu_to_le32(77));
}

static void bad_itable_init(struct fixture *x)
{
	EDIT_DESC(x, gd->gd_itable_init = cpu_to_le32(100000));
}

static void short_itable_init(struct fixture *x)
{
	EDIT_DESC(x, gd->gd_itable_init = cpu_to_le32(3));
}

static void bad_bbmap_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, vexfs_group_bbmap(&x->ib.img.geo, 0), false, p[70] ^= 1);
}

static void bad_ibmap_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, vexfs_group_ibmap(&x->ib.img.geo, 0), false, p[70] ^= 1);
}

static void leaked_block(struct fixture *x)
{
	EDIT_BLOCK(x, vexfs_group_bbmap(&x->ib.img.geo, 0), true,
		   vexfs_bits_set(p + VEXFS_MDHDR_SIZE, BLOCKS - 3, 1));
}

static void leaked_runs(struct fixture *x)
{
	int i;

	EDIT_BLOCK(x, vexfs_group_bbmap(&x->ib.img.geo, 0), true, {
		for (i = 0; i < 9; i++)
			vexfs_bits_set(p + VEXFS_MDHDR_SIZE, BLOCKS - 3 - 2 * i, 1);
	});
}

static void unmarked_block(struct fixture *x)
{
	u64 blkno = ib_map(&x->ib, x->file, 2);

	EDIT_BLOCK(x, vexfs_group_bbmap(&x->ib.img.geo, 0), true,
		   vexfs_bits_clear(p + VEXFS_MDHDR_SIZE, blkno, 1));
}

static void unmarked_inode(struct fixture *x)
{
	EDIT_BLOCK(x, vexfs_group_ibmap(&x->ib.img.geo, 0), true,
		   vexfs_bits_clear(p + VEXFS_MDHDR_SIZE, x->file - 1, 1));
}

static void marked_inode(struct fixture *x)
{
	EDIT_BLOCK(x, vexfs_group_itable(&x->ib.img.geo, 0) +
		   (x->symlink - 1) / VEXFS_INODES_PER_BLOCK, false,
		   memset(p + vexfs_ino_offset(&x->ib.img.geo, x->symlink), 0, VEXFS_INODE_SIZE));
}

static void marked_beyond(struct fixture *x)
{
	EDIT_BLOCK(x, vexfs_group_ibmap(&x->ib.img.geo, 0), true,
		   vexfs_bits_set(p + VEXFS_MDHDR_SIZE, x->ib.img.geo.inodes_per_group - 1, 1));
}

/* ---- inodes -------------------------------------------------------------- */

static void bad_inode_checksum(struct fixture *x)
{
	struct vexfs_geo *geo = &x->ib.img.geo;

	EDIT_BLOCK(x, vexfs_ino_block(geo, x->file), false,
		   p[vexfs_ino_offset(geo, x->file) + 41] ^= 1);
}

static void misplaced_inode(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_ino = cpu_to_le64(x->frag));
}

static void reserved_inode(struct fixture *x)
{
	EDIT_INODE(x, 5, di = ib_get_inode(&x->ib, x->file); di.i_ino = cpu_to_le64(5));
}

static void bad_i_blocks(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_blocks = cpu_to_le64(99));
}

static void bad_r_blocks(struct fixture *x)
{
	EDIT_INODE(x, x->frag, di.i_root.r_blocks = cpu_to_le64(1000));
}

static void beyond_size(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_size = cpu_to_le64(4096));
}

static void xattr_block(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_xattr_block = cpu_to_le64(3000));
}

static void inode_xattr(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_xattr[111] = 1);
}

static void inode_reserved(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_reserved[sizeof(di.i_reserved) - 1] = 1);
}

static void inode_epoch(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_change_epoch = cpu_to_le64(1));
}

static void inode_flags(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_flags = cpu_to_le32(0x80000000));
}

static void flags_without_feature(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_flags = cpu_to_le32(VEXFS_INODE_IMMUTABLE));
}

static void project_without_feature(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_projid = cpu_to_le32(7));
}

static void with_flags(struct fixture *x, u64 ino, u32 flags)
{
	u32 all = VEXFS_FEATURE_RO_COMPAT_INODE_FLAGS | VEXFS_FEATURE_RO_COMPAT_PROJECT;

	EDIT_SUPER(x, sb->s_feature_ro_compat |= cpu_to_le32(all));
	EDIT_INODE(x, ino, di.i_flags |= cpu_to_le32(flags));
}

static void flag_of_directories(struct fixture *x) { with_flags(x, x->file, VEXFS_INODE_DIRSYNC); }
static void flag_of_symlink(struct fixture *x) { with_flags(x, x->symlink, VEXFS_INODE_IMMUTABLE); }
static void flag_of_hidden(struct fixture *x) { with_flags(x, x->file, VEXFS_INODE_HIDDEN | VEXFS_INODE_SYNC); }

static void inode_rdev(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_rdev = cpu_to_le32(0x801));
}

static void inode_vecmask(struct fixture *x)
{
	EDIT_INODE(x, x->dir, di.i_vecmask = cpu_to_le64(1));
}

static void inode_root_reserved(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_root.r_reserved = cpu_to_le32(1));
}

static void inode_links_order(struct fixture *x)
{
	EDIT_INODE(x, x->file, { di.i_links[2] = di.i_links[0]; });
}

static void inode_link_parent(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_links[0].l_parent = cpu_to_le64(1ULL << 41));
}

static void dir_size_negative(struct fixture *x)
{
	EDIT_INODE(x, x->dir, di.i_size = cpu_to_le64(~0ULL));
}

static void header_reserved(struct fixture *x)
{
	EDIT_BLOCK(x, 1, true, ((struct vexfs_mdhdr *)p)->h_reserved = cpu_to_le64(1));
}

static void desc_reserved(struct fixture *x)
{
	EDIT_DESC(x, gd->gd_reserved[5] = cpu_to_le32(1));
}

static void sb_reserved(struct fixture *x)
{
	EDIT_SUPER(x, sb->s_reserved[sizeof(sb->s_reserved) - 1] = 1);
}

static void sb_feature_field(struct fixture *x)
{
	EDIT_SUPER(x, sb->s_change_ino = cpu_to_le64(11));
}

static void sb_state(struct fixture *x)
{
	EDIT_SUPER(x, sb->s_state = cpu_to_le32(2));
}

static void special_blocks(struct fixture *x)
{
	u64 ino = ib_new_inode(&x->ib, S_IFIFO | 0600);

	ib_add_name(&x->ib, x->dir, "fifo", ino);
	EDIT_INODE(x, ino, di.i_blocks = cpu_to_le64(1));
}

static void set_extent(struct vexfs_inode *di, int i, u64 lblk, u64 pblk, u64 len)
{
	struct vexfs_extent e = { .lblk = lblk, .pblk = pblk, .len = len };

	di->i_root.r_recs[i].key = cpu_to_le64(lblk);
	di->i_root.r_recs[i].val = cpu_to_le64(vexfs_ext_pack(&e));
	if (le16_to_cpu(di->i_root.r_count) <= i)
		di->i_root.r_count = cpu_to_le16(i + 1);
}

static void shared_block(struct fixture *x)
{
	u64 pblk = ib_map(&x->ib, x->linked, 0);

	EDIT_INODE(x, x->file, set_extent(&di, 0, 0, pblk, 2));
}

static void extent_in_metadata(struct fixture *x)
{
	EDIT_INODE(x, x->file, set_extent(&di, 0, 0, x->ib.img.geo.journal_start, 2));
}

static void extent_overlap(struct fixture *x)
{
	u64 pblk = ib_map(&x->ib, x->file, 0);

	EDIT_INODE(x, x->file, set_extent(&di, 0, 0, pblk, 3); set_extent(&di, 1, 2, pblk + 3, 2));
}

static void extent_bad(struct fixture *x)
{
	EDIT_INODE(x, x->file, di.i_root.r_recs[0].val = cpu_to_le64(5));
}

u64 first_node(struct fixture *x, u64 ino)
{
	struct vexfs_inode di = ib_get_inode(&x->ib, ino);

	assert_true(le16_to_cpu(di.i_root.r_level) > 0);
	return le64_to_cpu(di.i_root.r_recs[0].val);
}

static void node_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, first_node(x, x->frag), false, p[200] ^= 1);
}

static void node_order(struct fixture *x)
{
	EDIT_BLOCK(x, first_node(x, x->frag), true,
		   memcpy(p + VEXFS_MDHDR_SIZE, p + VEXFS_MDHDR_SIZE + 32, 16));
}

static void node_owner(struct fixture *x)
{
	EDIT_BLOCK(x, first_node(x, x->frag), true,
		   ((struct vexfs_mdhdr *)p)->h_owner = cpu_to_le64(x->file));
}

static void node_twice(struct fixture *x)
{
	EDIT_INODE(x, x->frag, di.i_root.r_recs[1].val = di.i_root.r_recs[0].val);
}

static void node_foreign(struct fixture *x)
{
	EDIT_INODE(x, x->frag, di.i_root.r_recs[0].val = cpu_to_le64(x->ib.img.geo.journal_start));
}

static void short_symlink_blocks(struct fixture *x)
{
	EDIT_INODE(x, x->symlink, di.i_blocks = cpu_to_le64(1));
}

static void nul_in_symlink(struct fixture *x)
{
	EDIT_INODE(x, x->symlink, di.i_symlink[1] = 0);
}

static void long_symlink_length(struct fixture *x)
{
	EDIT_INODE(x, x->longlink, di.i_size = cpu_to_le64(201));
}

static void long_symlink_rest(struct fixture *x)
{
	EDIT_INODE(x, x->longlink, vexfs_symlink_rest(&di.i_root)[62] = 0);
}

static void long_symlink_block(struct fixture *x)
{
	EDIT_INODE(x, x->longlink, di.i_root.r_count = cpu_to_le16(0));
}

/* ---- directories --------------------------------------------------------- */

static void leaf_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, leaf_of(&x->ib, x->dir), false, p[100] ^= 1);
}

static void entry_hash(struct fixture *x)
{
	/* The last entry, so that the order stays right. */
	EDIT_BLOCK(x, leaf_of(&x->ib, x->sub), true, {
		struct vexfs_dirent *d = (void *)(p + VEXFS_MDHDR_SIZE), *last = d;
		u8 *end = (u8 *)d + le32_to_cpu(((struct vexfs_mdhdr *)p)->h_bytes);

		while ((u8 *)d < end) {
			last = d;
			d = (void *)((u8 *)d + le16_to_cpu(d->d_rec_len));
		}
		last->d_hash = cpu_to_le64(le64_to_cpu(last->d_hash) + 1);
	});
}

static void entry_free_inode(struct fixture *x)
{
	EDIT_ENTRY(x, x->dir, "file", d->d_ino = cpu_to_le64(x->ib.img.geo.inodes_per_group));
}

static void entry_impossible(struct fixture *x)
{
	EDIT_ENTRY(x, x->dir, "file", d->d_ino = cpu_to_le64(1ULL << 39));
}

static void entry_type(struct fixture *x)
{
	EDIT_ENTRY(x, x->dir, "file", d->d_type = DT_DIR);
}

static void entry_hidden(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 0);

	EDIT_ENTRY(x, x->dir, "file", d->d_ino = c.c_slot_ino);
}

/* "m" and "a" have names of one length: make "a" another "m", of inode @ino unless 0. */
static void second_m(struct fixture *x, u64 ino)
{
	struct vexfs_blk b;
	struct vexfs_dirent *m, *a;
	u64 hash;

	m = pin_entry(&x->ib, x->dir, "m", &b);
	hash = le64_to_cpu(m->d_hash);
	ib_change(&x->ib, &b, true);
	a = pin_entry(&x->ib, x->dir, "a", &b);
	/* Neighbours only if nothing lies between; move @a next to @m. */
	{
		struct vexfs_mdhdr *h = b.data;
		u32 len = le16_to_cpu(a->d_rec_len), off = (u8 *)a - (u8 *)b.data;
		u32 end = VEXFS_MDHDR_SIZE + le32_to_cpu(h->h_bytes), at;
		u8 copy[64];

		assert_true(len <= sizeof(copy));
		memcpy(copy, a, len);
		memmove((u8 *)b.data + off, (u8 *)b.data + off + len, end - off - len);
		for (at = VEXFS_MDHDR_SIZE; at < end - len;) {
			struct vexfs_dirent *d = (void *)((u8 *)b.data + at);

			at += le16_to_cpu(d->d_rec_len);
			if (le64_to_cpu(d->d_hash) == hash)
				break;
		}
		memmove((u8 *)b.data + at + len, (u8 *)b.data + at, end - at - len);
		memcpy((u8 *)b.data + at, copy, len);
		a = (void *)((u8 *)b.data + at);
		a->d_hash = cpu_to_le64(hash);
		a->d_name[0] = 'm';
		if (ino)
			a->d_ino = cpu_to_le64(ino);
	}
	ib_change(&x->ib, &b, true);
}

static void entry_duplicate(struct fixture *x)
{
	second_m(x, 0);
}

static void name_shared(struct fixture *x)
{
	second_m(x, x->many);
}

static void dir_size(struct fixture *x)
{
	EDIT_INODE(x, x->dir, di.i_size = cpu_to_le64(3));
}

static void dir_blocks(struct fixture *x)
{
	EDIT_INODE(x, x->dir, di.i_blocks = cpu_to_le64(7));
}

static void second_dir_name(struct fixture *x)
{
	ib_add_name(&x->ib, ROOT, "again", x->sub);
	EDIT_INODE(x, x->sub, memset(&di.i_links[1], 0, sizeof(di.i_links[1])));
}

static void dir_node_level(struct fixture *x)
{
	EDIT_BLOCK(x, first_node(x, x->big), true,
		   ((struct vexfs_mdhdr *)p)->h_count = cpu_to_le16(999));
}

/* ---- names --------------------------------------------------------------- */

static void file_nlink(struct fixture *x)
{
	EDIT_INODE(x, x->linked, di.i_nlink = cpu_to_le32(3));
}

static void dir_nlink(struct fixture *x)
{
	EDIT_INODE(x, x->dir, di.i_nlink = cpu_to_le32(2));
}

static void root_nlink(struct fixture *x)
{
	EDIT_INODE(x, ROOT, di.i_nlink = cpu_to_le32(9));
}

static void link_missing(struct fixture *x)
{
	EDIT_INODE(x, x->linked, {
		di.i_links[2].l_parent = cpu_to_le64(x->big);
		di.i_links[2].l_hash = cpu_to_le64(12345);
	});
}

static void link_unrecorded(struct fixture *x)
{
	EDIT_INODE(x, x->linked, memset(&di.i_links[1], 0, sizeof(di.i_links[1])));
}

static void names_lost(struct fixture *x)
{
	EDIT_INODE(x, x->many, di.i_link_block = 0);
}

static void names_in_metadata(struct fixture *x)
{
	EDIT_INODE(x, x->many, di.i_link_block = cpu_to_le64(x->ib.img.geo.journal_start));
}

static u64 names_block(struct fixture *x)
{
	struct vexfs_inode di = ib_get_inode(&x->ib, x->many);

	return le64_to_cpu(di.i_link_block);
}

static void names_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, names_block(x), false, p[3000] ^= 1);
}

static void names_reserved(struct fixture *x)
{
	EDIT_BLOCK(x, names_block(x), true, p[4095] = 1);
}

static void names_record(struct fixture *x)
{
	EDIT_BLOCK(x, names_block(x), true, p[VEXFS_MDHDR_SIZE + 16 + 8 + 5] = 1);
}

static void names_stale(struct fixture *x)
{
	EDIT_BLOCK(x, names_block(x), true, p[VEXFS_MDHDR_SIZE + 16] ^= 1);
}

/* Enough of them for a tree with nodes. */
static void names_tree(struct fixture *x)
{
	char name[8];
	int i;

	for (i = 10; i < 30; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		ib_add_name(&x->ib, x->sub, name, x->many);
	}
	EDIT_BLOCK(x, names_block(x), true, {
		struct vexfs_btree_root *root = (void *)(p + VEXFS_MDHDR_SIZE);

		root->r_blocks = cpu_to_le64(le64_to_cpu(root->r_blocks) + 1);
	});
}

static void no_name(struct fixture *x)
{
	u64 ino = ib_new_inode(&x->ib, S_IFREG | 0600);

	EDIT_INODE(x, ino, di.i_nlink = 0);
}

static void dir_no_name(struct fixture *x)
{
	u64 ino = ib_new_inode(&x->ib, S_IFDIR | 0700);

	EDIT_INODE(x, ino, {
		di.i_nlink = cpu_to_le32(2);
		di.i_links[0].l_parent = cpu_to_le64(ROOT);
	});
}

static void dir_parent(struct fixture *x)
{
	EDIT_INODE(x, x->sub, di.i_links[0].l_parent = cpu_to_le64(x->big));
}

static void dir_hash(struct fixture *x)
{
	EDIT_INODE(x, x->sub, di.i_links[0].l_hash = cpu_to_le64(99));
}

static void dir_no_parent(struct fixture *x)
{
	EDIT_INODE(x, x->sub, memset(di.i_links, 0, sizeof(di.i_links)));
}

static void root_parent(struct fixture *x)
{
	EDIT_INODE(x, ROOT, di.i_links[0].l_parent = cpu_to_le64(x->dir));
}

/* Two directories in each other, cut off from the root. */
static void dir_cycle(struct fixture *x)
{
	u64 a = ib_new_inode(&x->ib, S_IFDIR | 0700), b = ib_new_inode(&x->ib, S_IFDIR | 0700);

	ib_add_name(&x->ib, a, "b", b);
	ib_add_name(&x->ib, b, "a", a);
}

static void no_root(struct fixture *x)
{
	struct vexfs_geo *geo = &x->ib.img.geo;

	EDIT_BLOCK(x, vexfs_ino_block(geo, ROOT), false,
		   memset(p + vexfs_ino_offset(geo, ROOT), 0, VEXFS_INODE_SIZE));
}

static void removed_dir_entries(struct fixture *x)
{
	u64 ino = ib_new_inode(&x->ib, S_IFDIR | 0700);

	ib_file(&x->ib, ino, "left", 0, 1);
	ib_orphan(&x->ib, 0, ino);
}


/* ---- the table ----------------------------------------------------------- */

static const struct damage damages[] = {
	{ "bad_sb_checksum", bad_sb_checksum, FSCK_SB_LOST, "wrong superblock checksum" },
	{ "bad_gdt_checksum", bad_gdt_checksum, FSCK_GDT_BLOCK, "wrong block checksum" },
	{ "bad_gdt_copy", bad_gdt_copy, FSCK_GDT_COPY, "wrong block checksum" },
	{ "gdt_differs", gdt_differs, FSCK_GDT_DIFFER, NULL },
	{ "gdt_place", gdt_place, FSCK_PLACES, "group metadata overlap" },
	{ "gdt_outside", gdt_outside, FSCK_PLACES, "group metadata out of place" },
	{ "gdt_both", gdt_both, FSCK_PLACES,
	  "a block of group descriptors and its copy are damaged" },
	{ "bad_free_blocks", bad_free_blocks, FSCK_GD_FREE_BLOCKS, NULL },
	{ "bad_free_inodes", bad_free_inodes, FSCK_GD_FREE_INODES, NULL },
	{ "bad_used_dirs", bad_used_dirs, FSCK_GD_DIRS, NULL },
	{ "bad_itable_init", bad_itable_init, FSCK_GD_VALUE,
	  "group's inode table is larger than it can be" },
	{ "short_itable_init", short_itable_init, FSCK_IBMAP_BEYOND, NULL },
	{ "bad_bbmap_checksum", bad_bbmap_checksum, FSCK_BBMAP_BLOCK, "wrong block checksum" },
	{ "bad_ibmap_checksum", bad_ibmap_checksum, FSCK_IBMAP_BLOCK, "wrong block checksum" },
	{ "leaked_block", leaked_block, FSCK_BBMAP_LEAKED, NULL },
	{ "leaked_runs", leaked_runs, FSCK_BBMAP_MORE, NULL },
	{ "unmarked_block", unmarked_block, FSCK_BBMAP_UNMARKED, NULL },
	{ "unmarked_inode", unmarked_inode, FSCK_IBMAP_UNMARKED, NULL },
	{ "marked_inode", marked_inode, FSCK_IBMAP_LEAKED, NULL },
	{ "marked_beyond", marked_beyond, FSCK_IBMAP_BEYOND, NULL },
	{ "bad_inode_checksum", bad_inode_checksum, FSCK_INODE, "wrong inode checksum" },
	{ "misplaced_inode", misplaced_inode, FSCK_INODE, "misplaced inode" },
	{ "reserved_inode", reserved_inode, FSCK_INODE_RESERVED, NULL },
	{ "bad_i_blocks", bad_i_blocks, FSCK_INODE_BLOCKS, NULL },
	{ "bad_r_blocks", bad_r_blocks, FSCK_INODE_TREE, NULL },
	{ "beyond_size", beyond_size, FSCK_EXTENT_BEYOND, NULL },
	{ "xattr_block", xattr_block, FSCK_INODE, "xattr block without the feature" },
	{ "inode_xattr", inode_xattr, FSCK_INODE, "xattrs without the feature" },
	{ "inode_reserved", inode_reserved, FSCK_INODE, "reserved field set" },
	{ "inode_epoch", inode_epoch, FSCK_INODE, "change epoch without the feature" },
	{ "inode_flags", inode_flags, FSCK_INODE, "unknown inode flags" },
	{ "flags_without_feature", flags_without_feature, FSCK_INODE, "inode flag without its feature" },
	{ "project_without_feature", project_without_feature, FSCK_INODE, "project id without the feature" },
	{ "flag_of_directories", flag_of_directories, FSCK_INODE, "inode flag that its type cannot have" },
	{ "flag_of_symlink", flag_of_symlink, FSCK_INODE, "inode flag that its type cannot have" },
	{ "flag_of_hidden", flag_of_hidden, FSCK_INODE, "hidden inode with flags of chattr" },
	{ "inode_rdev", inode_rdev, FSCK_INODE, "device number of something else" },
	{ "inode_vecmask", inode_vecmask, FSCK_INODE,
	  "not a file, but has embeddings or belongs to a collection" },
	{ "inode_root_reserved", inode_root_reserved, FSCK_INODE,
	  "B+tree root with a reserved field set" },
	{ "inode_links_order", inode_links_order, FSCK_INODE,
	  "inode's records of names are not in order" },
	{ "inode_link_parent", inode_link_parent, FSCK_INODE, "inode records an impossible name" },
	{ "dir_size_negative", dir_size_negative, FSCK_INODE, "directory size out of range" },
	{ "header_reserved", header_reserved, FSCK_GDT_BLOCK, "reserved field set" },
	{ "desc_reserved", desc_reserved, FSCK_GD_VALUE, "reserved field set" },
	{ "sb_reserved", sb_reserved, FSCK_SB_FIELD, "reserved field set" },
	{ "sb_feature_field", sb_feature_field, FSCK_SB_FIELD, "change tree without the feature" },
	{ "sb_state", sb_state, FSCK_SB_FIELD, "unknown state" },
	{ "special_blocks", special_blocks, FSCK_SPECIAL_BLOCKS, NULL },
	{ "shared_block", shared_block, FSCK_BLOCK_TWICE, NULL },
	{ "extent_in_metadata", extent_in_metadata, FSCK_EXTENT, "extent reaches fixed metadata" },
	{ "extent_overlap", extent_overlap, FSCK_EXTENT_OVERLAP, NULL },
	{ "extent_bad", extent_bad, FSCK_EXTENT, "extent of length 0" },
	{ "node_checksum", node_checksum, FSCK_TREE_BLOCK, "wrong block checksum" },
	{ "node_order", node_order, FSCK_TREE_BLOCK, "B+tree keys not ascending" },
	{ "node_owner", node_owner, FSCK_TREE_BLOCK, "block of another owner" },
	{ "node_twice", node_twice, FSCK_BLOCK_TWICE, NULL },
	{ "node_foreign", node_foreign, FSCK_BLOCK_FOREIGN, NULL },
	{ "short_symlink_blocks", short_symlink_blocks, FSCK_SHORT_SYMLINK, NULL },
	{ "nul_in_symlink", nul_in_symlink, FSCK_INODE, "symlink target contains a NUL byte" },
	{ "long_symlink_length", long_symlink_length, FSCK_SYMLINK_BLOCK,
	  "symlink length differs from the inode's" },
	{ "long_symlink_rest", long_symlink_rest, FSCK_SYMLINK_BLOCK,
	  "symlink target contains a NUL byte" },
	{ "long_symlink_block", long_symlink_block, FSCK_LONG_SYMLINK,
	  "long symlink without exactly one block" },
	{ "leaf_checksum", leaf_checksum, FSCK_DIR_LEAF, "wrong block checksum" },
	{ "entry_hash", entry_hash, FSCK_DIRENT_HASH, NULL },
	{ "entry_free_inode", entry_free_inode, FSCK_DIRENT_FREE, NULL },
	{ "entry_impossible", entry_impossible, FSCK_DIRENT_INO, NULL },
	{ "entry_type", entry_type, FSCK_DIRENT_TYPE, NULL },
	{ "entry_hidden", entry_hidden, FSCK_DIRENT_HIDDEN, NULL },
	{ "entry_duplicate", entry_duplicate, FSCK_DIRENT_TWICE, NULL },
	{ "name_shared", name_shared, FSCK_NAME_SHARED, NULL },
	{ "dir_size", dir_size, FSCK_DIR_ENTRIES, NULL },
	{ "dir_blocks", dir_blocks, FSCK_DIR_BLOCKS, NULL },
	{ "second_dir_name", second_dir_name, FSCK_DIRENT_SECOND, NULL },
	{ "dir_node_level", dir_node_level, FSCK_TREE_BLOCK,
	  "B+tree node with a wrong number of records" },
	{ "file_nlink", file_nlink, FSCK_FILE_NLINK, NULL },
	{ "dir_nlink", dir_nlink, FSCK_DIR_NLINK, NULL },
	{ "root_nlink", root_nlink, FSCK_DIR_NLINK, NULL },
	{ "link_missing", link_missing, FSCK_NAME_MISSING, NULL },
	{ "link_unrecorded", link_unrecorded, FSCK_NAME_UNRECORDED, NULL },
	{ "names_lost", names_lost, FSCK_NAME_UNRECORDED, NULL },
	{ "names_in_metadata", names_in_metadata, FSCK_INODE,
	  "inode's block of names in fixed metadata" },
	{ "names_checksum", names_checksum, FSCK_NAMES_BLOCK, "wrong block checksum" },
	{ "names_reserved", names_reserved, FSCK_NAMES_BLOCK,
	  "block of names with unknown fields" },
	{ "names_record", names_record, FSCK_NAME_VALUE,
	  "recorded name in an impossible directory" },
	{ "names_stale", names_stale, FSCK_NAME_MISSING, NULL },
	{ "names_tree", names_tree, FSCK_NAMES_TREE, NULL },
	{ "no_name", no_name, FSCK_FILE_NO_NAME, NULL },
	{ "dir_no_name", dir_no_name, FSCK_DIR_NO_NAME, NULL },
	{ "dir_parent", dir_parent, FSCK_DIR_PARENT, NULL },
	{ "dir_hash", dir_hash, FSCK_DIR_NAME, NULL },
	{ "dir_no_parent", dir_no_parent, FSCK_DIR_PARENTS, NULL },
	{ "root_parent", root_parent, FSCK_ROOT_PARENT, NULL },
	{ "dir_cycle", dir_cycle, FSCK_DIR_LOOP, NULL },
	{ "no_root", no_root, FSCK_ROOT_MISSING, NULL },
	{ "removed_dir_entries", removed_dir_entries, FSCK_DIR_REMOVED, NULL },
};

const struct damage *damage_get(size_t i)
{
	if (i < ARRAY_SIZE(damages))
		return &damages[i];
	i -= ARRAY_SIZE(damages);
	if (i < ncoll_damages)
		return &coll_damages[i];
	i -= ncoll_damages;
	if (i < norphan_damages)
		return &orphan_damages[i];
	i -= norphan_damages;
	if (i < nchain_damages)
		return &chain_damages[i];
	i -= nchain_damages;
	return i < nxattr_damages ? &xattr_damages[i] : NULL;
}
