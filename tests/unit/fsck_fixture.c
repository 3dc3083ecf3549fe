// SPDX-License-Identifier: GPL-2.0
/* The populated filesystem of fsck's tests, and pieces of it to change. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/fsck_damage.h"

#define ROOT	VEXFS_ROOT_INO

void fixture_make(struct fixture *x)
{
	struct ib *ib = &x->ib;
	char name[VEXFS_NAME_LEN + 1], target[VEXFS_SYMLINK_MAX + 1] = "";
	int i;

	x->chain = 0;
	ib_make(ib, FIXTURE_BLOCKS);
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
	memset(target, 'x', sizeof(target) - 1);
	x->longlink = ib_symlink(ib, x->dir, "long", target);
	x->unwritten = ib_file(ib, x->dir, "prealloc", 1, 1);
	ib_add_extent(ib, x->unwritten, 10, 3, VEXFS_EXT_UNWRITTEN);
	ib_collection(ib, 0, "words", 8, 1);
	ib_collection(ib, 9, "pages", 1200, 3);
	for (i = 0; i < 20; i++)
		ib_embed(ib, 0, i, x->file, i);
	for (i = 0; i < 70; i++)
		ib_embed(ib, 9, i, i % 2 ? x->linked : x->frag, i);
}

/* Group metadata with the inodes, the tables, or files and trees. */
u64 fixture_block(const struct vexfs_geo *geo, unsigned int *seed)
{
	switch (rand_r(seed) % 3) {
	case 0:
		return rand_r(seed) % 48;
	case 1:
		return geo->orphan_start + rand_r(seed) % (geo->orphan_blocks + geo->coll_blocks);
	default:
		return geo->journal_start + geo->journal_blocks + rand_r(seed) % 600;
	}
}

u32 file_crc(const char *path)
{
	static u8 buf[1 << 16];
	FILE *f = fopen(path, "r");
	u32 crc = ~0U;
	size_t n;

	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		crc = crc32c(crc, buf, n);
	fclose(f);
	return crc;
}

/* ---- pieces -------------------------------------------------- */

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
u64 leaf_of(struct ib *ib, u64 dir)
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
