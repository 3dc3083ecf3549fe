// SPDX-License-Identifier: GPL-2.0
/* The populated filesystem of fsck's tests, and every kind of damage to its inodes and directories. */
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

void fixture_make(struct fixture *x)
{
	struct ib *ib = &x->ib;
	char name[VEXFS_NAME_LEN + 1];
	int i;

	ib_make(ib, BLOCKS);
	x->dir = ib_mkdir(ib, ROOT, "dir");
	x->sub = ib_mkdir(ib, x->dir, "sub");
	x->big = ib_mkdir(ib, ROOT, "big");
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%0*d", 20 + i % 100, i);
		ib_file(ib, x->big, name, 0, 1);
	}
	x->file = ib_file(ib, x->dir, "file", 5, 5);
	x->frag = ib_file(ib, x->dir, "fragmented", 300, 1);
	x->linked = ib_file(ib, x->dir, "a", 2, 2);
	ib_add_name(ib, x->sub, "b", x->linked);
	x->many = ib_file(ib, x->dir, "m", 1, 1);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		ib_add_name(ib, x->sub, name, x->many);
	}
	x->symlink = ib_symlink(ib, x->dir, "short", "file");
	memset(name, 'x', 200);
	name[200] = 0;
	x->longlink = ib_symlink(ib, x->dir, "long", name);
	x->unwritten = ib_file(ib, x->dir, "prealloc", 1, 1);
	ib_add_extent(ib, x->unwritten, 10, 3, VEXFS_EXT_UNWRITTEN);
	ib_collection(ib, 0, "words", 8, 1);
	ib_collection(ib, 9, "pages", 1200, 3);
	for (i = 0; i < 20; i++)
		ib_embed(ib, 0, i, x->file, i);
	for (i = 0; i < 70; i++)
		ib_embed(ib, 9, i, i % 2 ? x->linked : x->frag, i);
}

/* ---- helpers for damage -------------------------------------------------- */

static void *body(const struct vexfs_blk *b)
{
	return (u8 *)b->data + VEXFS_MDHDR_SIZE;
}

struct vexfs_group_desc *pin_desc(struct ib *ib, struct vexfs_blk *b)
{
	ib_pin(ib, 1, b);
	return body(b);
}

/* The only leaf of a small directory. */
static u64 leaf_of(struct ib *ib, u64 dir)
{
	struct vexfs_inode di = ib_get_inode(ib, dir);

	assert_int_equal(le16_to_cpu(di.i_root.r_level), 1);
	return le64_to_cpu(di.i_root.r_recs[0].val);
}

struct vexfs_dirent *pin_entry(struct ib *ib, u64 dir, const char *name, struct vexfs_blk *b)
{
	struct vexfs_mdhdr *h = ib_pin(ib, leaf_of(ib, dir), b);
	u8 *p = body(b), *end = p + le32_to_cpu(h->h_bytes);

	while (p < end) {
		struct vexfs_dirent *d = (void *)p;

		if (d->d_name_len == strlen(name) && !memcmp(d->d_name, name, d->d_name_len))
			return d;
		p += le16_to_cpu(d->d_rec_len);
	}
	fail_msg("no entry %s", name);
	return NULL;
}

struct vexfs_slot *pin_slot(struct ib *ib, u32 id, u32 slot, struct vexfs_blk *b)
{
	struct vexfs_collection c = ib_get_coll(ib, id);

	ib_pin(ib, ib_map(ib, le64_to_cpu(c.c_slot_ino), slot / VEXFS_SLOTS_PER_BLOCK), b);
	return (struct vexfs_slot *)body(b) + slot % VEXFS_SLOTS_PER_BLOCK;
}

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

static u64 first_node(struct fixture *x, u64 ino)
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

static void nul_in_symlink(struct fixture *x)
{
	EDIT_INODE(x, x->symlink, di.i_symlink[1] = 0);
}

static void long_symlink_length(struct fixture *x)
{
	EDIT_INODE(x, x->longlink, di.i_size = cpu_to_le64(201));
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

static void entry_duplicate(struct fixture *x)
{
	/* "m" and "a" have names of one length: make one the other, in its place. */
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
	}
	ib_change(&x->ib, &b, true);
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
	{ "bad_sb_checksum", bad_sb_checksum, "superblock: wrong superblock checksum" },
	{ "bad_gdt_checksum", bad_gdt_checksum, "group descriptors: block 1: wrong block checksum" },
	{ "bad_gdt_copy", bad_gdt_copy, "copy of the group descriptors: block 2: wrong block checksum" },
	{ "gdt_differs", gdt_differs, "block 1 and its copy, block 2, name different places" },
	{ "gdt_place", gdt_place, "group descriptors: group metadata overlap" },
	{ "gdt_outside", gdt_outside, "group descriptors: group metadata out of place" },
	{ "gdt_both", gdt_both, "group descriptors: a block of group descriptors and its copy are damaged" },
	{ "bad_free_blocks", bad_free_blocks, "free blocks, there are" },
	{ "bad_free_inodes", bad_free_inodes, "free inodes, there are" },
	{ "bad_used_dirs", bad_used_dirs, "descriptor says 77 directories, there are 4" },
	{ "bad_itable_init", bad_itable_init, "group 0: group's inode table is larger than it can be" },
	{ "short_itable_init", short_itable_init, "beyond the 3 table blocks written" },
	{ "bad_bbmap_checksum", bad_bbmap_checksum, "group 0: block bitmap: block 3: wrong block" },
	{ "bad_ibmap_checksum", bad_ibmap_checksum, "group 0: inode bitmap: block 4: wrong block" },
	{ "leaked_block", leaked_block, "blocks 8189 to 8189: in use in the block bitmap, but nobody" },
	{ "unmarked_block", unmarked_block, "in use, but free in the block bitmap" },
	{ "unmarked_inode", unmarked_inode, "in use, but free in the inode bitmap" },
	{ "marked_inode", marked_inode, "free, but in use in the inode bitmap" },
	{ "marked_beyond", marked_beyond, "group 0: inode bitmap marks inode 2048" },
	{ "bad_inode_checksum", bad_inode_checksum, "wrong inode checksum" },
	{ "misplaced_inode", misplaced_inode, "misplaced inode" },
	{ "reserved_inode", reserved_inode, "inode 5: reserved, but in use" },
	{ "bad_i_blocks", bad_i_blocks, "has 5 blocks, i_blocks says 99" },
	{ "bad_r_blocks", bad_r_blocks, "its root says 1000" },
	{ "beyond_size", beyond_size, "lies beyond the size" },
	{ "xattr_block", xattr_block, "xattr block without the feature" },
	{ "inode_xattr", inode_xattr, "xattrs without the feature" },
	{ "inode_reserved", inode_reserved, "reserved field set" },
	{ "inode_epoch", inode_epoch, "change epoch without the feature" },
	{ "inode_flags", inode_flags, "unknown inode flags" },
	{ "inode_rdev", inode_rdev, "device number of something else" },
	{ "inode_vecmask", inode_vecmask, "not a file, but has embeddings" },
	{ "inode_root_reserved", inode_root_reserved, "B+tree root with a reserved field set" },
	{ "inode_links_order", inode_links_order, "records of names are not in order" },
	{ "inode_link_parent", inode_link_parent, "records an impossible name" },
	{ "dir_size_negative", dir_size_negative, "directory size out of range" },
	{ "header_reserved", header_reserved, "group descriptors: block 1: reserved field set" },
	{ "desc_reserved", desc_reserved, "group 0: reserved field set" },
	{ "sb_reserved", sb_reserved, "superblock: reserved field set" },
	{ "sb_feature_field", sb_feature_field, "superblock: change tree without the feature" },
	{ "sb_state", sb_state, "superblock: unknown state" },
	{ "special_blocks", special_blocks, "special file with blocks" },
	{ "shared_block", shared_block, "is used twice" },
	{ "extent_in_metadata", extent_in_metadata, "extent reaches fixed metadata" },
	{ "extent_overlap", extent_overlap, "overlaps the one before" },
	{ "extent_bad", extent_bad, "extent at logical block 0: " },
	{ "node_checksum", node_checksum, "wrong block checksum" },
	{ "node_order", node_order, "B+tree keys not ascending" },
	{ "node_owner", node_owner, "block of another owner" },
	{ "node_twice", node_twice, "is used twice" },
	{ "nul_in_symlink", nul_in_symlink, "symlink target contains a NUL byte" },
	{ "long_symlink_length", long_symlink_length, "symlink length differs" },
	{ "long_symlink_block", long_symlink_block, "long symlink without exactly one block" },
	{ "leaf_checksum", leaf_checksum, "wrong block checksum" },
	{ "entry_hash", entry_hash, "hash does not match the name" },
	{ "entry_free_inode", entry_free_inode, "entry 'file' (inode 2048): the inode is free" },
	{ "entry_impossible", entry_impossible, "impossible inode number" },
	{ "entry_type", entry_type, "type differs from the inode's" },
	{ "entry_hidden", entry_hidden, "names a hidden inode" },
	{ "entry_duplicate", entry_duplicate, "the name is there twice" },
	{ "dir_size", dir_size, "i_size says 3" },
	{ "dir_blocks", dir_blocks, "i_blocks 7" },
	{ "second_dir_name", second_dir_name, "a directory cannot have a second name" },
	{ "dir_node_level", dir_node_level, "inode 13: block" },
	{ "file_nlink", file_nlink, "has link count 3, should be 2" },
	{ "dir_nlink", dir_nlink, "directory has link count 2, should be 3" },
	{ "root_nlink", root_nlink, "inode 2: directory has link count 9, should be 4" },
	{ "link_missing", link_missing, "records a name in directory 13 that does not exist" },
	{ "link_unrecorded", link_unrecorded, "has 2 names, of which it records 1" },
	{ "names_lost", names_lost, "has 11 names, of which it records 4" },
	{ "names_in_metadata", names_in_metadata, "inode's block of names in fixed metadata" },
	{ "names_checksum", names_checksum, "recorded names: block" },
	{ "names_reserved", names_reserved, "block of names with unknown fields" },
	{ "names_record", names_record, "recorded name in an impossible directory" },
	{ "names_stale", names_stale, "records a name in directory 12 that does not exist" },
	{ "no_name", no_name, "has no name and is not in the orphan table" },
	{ "dir_no_name", dir_no_name, "directory has no name: not connected" },
	{ "dir_parent", dir_parent, "records parent 13, its entry is in 11" },
	{ "dir_hash", dir_hash, "records another name than it has" },
	{ "dir_no_parent", dir_no_parent, "directory records 0 parents" },
	{ "root_parent", root_parent, "the root directory is not its own parent" },
	{ "dir_cycle", dir_cycle, "directory is its own ancestor" },
	{ "no_root", no_root, "there is no root directory" },
	{ "removed_dir_entries", removed_dir_entries, "removed directory with entries" },
};

const struct damage *damage_get(size_t i)
{
	if (i < ARRAY_SIZE(damages))
		return &damages[i];
	i -= ARRAY_SIZE(damages);
	if (i < ncoll_damages)
		return &coll_damages[i];
	i -= ncoll_damages;
	return i < norphan_damages ? &orphan_damages[i] : NULL;
}
