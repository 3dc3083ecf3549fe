// SPDX-License-Identifier: GPL-2.0
/* Damage to the chain of a directory: names of one hash that do not fit one leaf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "tests/unit/fsck_damage.h"

#define CHAIN_NAMES	60	/* 17 in a block */

void fixture_chain(struct fixture *x)
{
	char name[VEXFS_NAME_LEN + 1];
	int i;

	vexfs_dir_hash_prefix = "collide-";
	x->chain = ib_mkdir(&x->ib, VEXFS_ROOT_INO, "chain");
	for (i = 0; i < CHAIN_NAMES; i++) {
		snprintf(name, sizeof(name), "collide-%0200d", i);
		ib_file(&x->ib, x->chain, name, 0, 1);
	}
	ib_file(&x->ib, x->chain, "another", 0, 1);
}

static bool is_kind(struct ib *ib, u64 blkno, u64 owner, u32 magic)
{
	struct vexfs_blk b;
	struct vexfs_mdhdr *h = ib_pin(ib, blkno, &b);
	bool is = le32_to_cpu(h->h_magic) == magic && le64_to_cpu(h->h_owner) == owner;

	ib->img.io.ops->put(&ib->img.io, &b);
	return is;
}

static u64 next_of(struct fixture *x, u64 blkno)
{
	struct vexfs_blk b;
	struct vexfs_mdhdr *h = ib_pin(&x->ib, blkno, &b);
	u64 next = le64_to_cpu(h->h_next);

	x->ib.img.io.ops->put(&x->ib.img.io, &b);
	return next;
}

/* The leaf with the chain (0), the chain's first block (1) ...; makes the directory first. */
static u64 chain_block(struct fixture *x, int n)
{
	u64 b;

	if (!x->chain)
		fixture_chain(x);
	for (b = 1; b < FIXTURE_BLOCKS; b++)
		if (is_kind(&x->ib, b, x->chain, VEXFS_MAGIC_DIR) && next_of(x, b))
			break;
	assert_true(b < FIXTURE_BLOCKS);
	while (n--)
		b = next_of(x, b);
	assert_true(b);
	return b;
}

static void set_next(struct fixture *x, u64 blkno, u64 next)
{
	EDIT_BLOCK(x, blkno, true, ((struct vexfs_mdhdr *)p)->h_next = cpu_to_le64(next));
}

static void chain_loop(struct fixture *x)
{
	u64 first = chain_block(x, 1);

	set_next(x, chain_block(x, 3), first);
}

static void chain_cut(struct fixture *x)
{
	u64 leaf = chain_block(x, 0);

	set_next(x, leaf, 0);
}

static void chain_shared(struct fixture *x)
{
	u64 leaf = chain_block(x, 0);

	set_next(x, leaf, ib_map(&x->ib, x->file, 0));
}

static void chain_outside(struct fixture *x)
{
	u64 last = chain_block(x, 3);

	set_next(x, last, FIXTURE_BLOCKS);
}

static void chain_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, chain_block(x, 2), false, p[300] ^= 1);
}

static struct vexfs_dirent *first_entry(u8 *block)
{
	return (void *)(block + VEXFS_MDHDR_SIZE);
}

static void chain_hash(struct fixture *x)
{
	EDIT_BLOCK(x, chain_block(x, 2), true,
		   first_entry(p)->d_hash = cpu_to_le64(le64_to_cpu(first_entry(p)->d_hash) - 1));
}

static void chain_empty(struct fixture *x)
{
	EDIT_BLOCK(x, chain_block(x, 2), true, {
		struct vexfs_mdhdr *h = (void *)p;

		h->h_count = 0;
		h->h_bytes = 0;
	});
}

static void chain_twice(struct fixture *x)
{
	char name[VEXFS_NAME_LEN];

	EDIT_BLOCK(x, chain_block(x, 0), true, memcpy(name, first_entry(p)->d_name, 208));
	EDIT_BLOCK(x, chain_block(x, 3), true, memcpy(p + VEXFS_MDHDR_SIZE + VEXFS_DIRENT_HDR, name, 208));
}

/* A leaf of several hashes leads to a chain. */
static void chain_hashes(struct fixture *x)
{
	struct vexfs_inode di;

	fixture_chain(x);
	di = ib_get_inode(&x->ib, x->dir);
	set_next(x, le64_to_cpu(di.i_root.r_recs[0].val), chain_block(x, 1));
}

const struct damage chain_damages[] = {
	{ "chain_loop", chain_loop, FSCK_DIR_LEAF, "directory chain not ascending" },
	{ "chain_cut", chain_cut, FSCK_DIR_ENTRIES, NULL },
	{ "chain_shared", chain_shared, FSCK_BLOCK_TWICE, NULL },
	{ "chain_outside", chain_outside, FSCK_BLOCK_FOREIGN, NULL },
	{ "chain_checksum", chain_checksum, FSCK_DIR_LEAF, "wrong block checksum" },
	{ "chain_hash", chain_hash, FSCK_DIR_LEAF, "directory entry's hash out of range" },
	{ "chain_empty", chain_empty, FSCK_DIR_LEAF, "directory leaf with a wrong number of entries" },
	{ "chain_twice", chain_twice, FSCK_DIR_CHAIN_TWICE, NULL },
	{ "chain_hashes", chain_hashes, FSCK_DIR_LEAF, "directory leaf of several hashes with a chain" },
};

const size_t nchain_damages = ARRAY_SIZE(chain_damages);
