// SPDX-License-Identifier: GPL-2.0
/* Damage to the orphan table and to the list of orphans beyond it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "tests/unit/fsck_damage.h"

static void orphan_free(struct fixture *x)
{
	ib_orphan(&x->ib, 3, x->ib.img.geo.inodes_per_group);
}

static void orphan_impossible(struct fixture *x)
{
	ib_orphan(&x->ib, 3, 1ULL << 50);
}

static void orphan_coll(struct fixture *x)
{
	struct vexfs_collection c = ib_get_coll(&x->ib, 9);

	ib_orphan(&x->ib, 3, vexfs_coll_file_ino(&c, VEXFS_COLL_CODE));
}

static void orphan_twice(struct fixture *x)
{
	ib_orphan(&x->ib, 3, x->file);
	ib_orphan(&x->ib, 7, x->file);
}

static void orphan_list_cycle(struct fixture *x)
{
	u64 a = ib_new_inode(&x->ib, S_IFREG | 0600), b = ib_new_inode(&x->ib, S_IFREG | 0600);

	ib_orphan_head(&x->ib, 0, x->file);
	ib_orphan_next(&x->ib, x->file, a);
	ib_orphan_next(&x->ib, a, b);
	ib_orphan_next(&x->ib, b, a);
}

static void orphan_list_free(struct fixture *x)
{
	ib_orphan_head(&x->ib, 0, x->file);
	ib_orphan_next(&x->ib, x->file, x->ib.img.geo.inodes_per_group);
}

static void orphan_list_impossible(struct fixture *x)
{
	ib_orphan_head(&x->ib, 0, 3);
}

static void orphan_list_second_head(struct fixture *x)
{
	ib_orphan_head(&x->ib, 1, x->file);
}

static void orphan_list_twice(struct fixture *x)
{
	ib_orphan(&x->ib, 5, x->file);
	ib_orphan_head(&x->ib, 0, x->file);
}

static void orphan_list_stray(struct fixture *x)
{
	ib_orphan_next(&x->ib, x->file, 2);
}

static void orphan_checksum(struct fixture *x)
{
	EDIT_BLOCK(x, x->ib.img.geo.orphan_start, false, p[1000] ^= 1);
}

const struct damage orphan_damages[] = {
	{ "orphan_free", orphan_free, FSCK_ORPHAN_FREE, NULL },
	{ "orphan_impossible", orphan_impossible, FSCK_ORPHAN_INO, NULL },
	{ "orphan_coll", orphan_coll, FSCK_ORPHAN_COLL, NULL },
	{ "orphan_twice", orphan_twice, FSCK_ORPHAN_TWICE, NULL },
	{ "orphan_list_cycle", orphan_list_cycle, FSCK_ORPHAN_LIST_LOOP, NULL },
	{ "orphan_list_free", orphan_list_free, FSCK_ORPHAN_LIST_FREE, NULL },
	{ "orphan_list_impossible", orphan_list_impossible, FSCK_ORPHAN_LIST_INO, NULL },
	{ "orphan_list_second_head", orphan_list_second_head, FSCK_ORPHAN_BLOCK,
	  "list head in a block that has none" },
	{ "orphan_list_twice", orphan_list_twice, FSCK_ORPHAN_TWICE, NULL },
	{ "orphan_list_stray", orphan_list_stray, FSCK_ORPHAN_STRAY, NULL },
	{ "orphan_checksum", orphan_checksum, FSCK_ORPHAN_BLOCK, "wrong block checksum" },
};

const size_t norphan_damages = ARRAY_SIZE(orphan_damages);
