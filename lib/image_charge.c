// SPDX-License-Identifier: GPL-2.0
/* What the embeddings of an unmounted filesystem are charged to their files. Documented in lib/quota_file.h. */
#include <errno.h>
#include <stdlib.h>

#include "core/btree.h"
#include "core/coll.h"
#include "lib/quota_file.h"

static int by_ino(const void *a, const void *b)
{
	const struct vexfs_charge *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

int vexfs_charges_add(struct vexfs_charges *c, u64 ino, u64 bytes)
{
	struct vexfs_charge *p;
	size_t room;

	if (c->n && c->charge[c->n - 1].ino == ino) {
		c->charge[c->n - 1].bytes += bytes;
		return 0;
	}
	if (c->n == c->room) {
		room = c->room ? c->room * 2 : 1024;
		p = realloc(c->charge, room * sizeof(*p));
		if (!p)
			return -ENOMEM;
		c->charge = p;
		c->room = room;
	}
	c->charge[c->n++] = (struct vexfs_charge){ ino, bytes };
	return 0;
}

/* Also of one that is being dropped: what is still in its map is still charged. */
static int add_map(struct vexfs_image *img, struct vexfs_collection *rec, struct vexfs_charges *c)
{
	struct vexfs_space space = vexfs_coll_space(rec);
	struct vexfs_tree t = {
		.io = &img->io, .root = &rec->c_map, .owner = VEXFS_OWNER_COLL + le32_to_cpu(rec->c_id),
		.leaf_magic = VEXFS_MAGIC_NODE,
	};
	struct vexfs_kv kv = { .key = 0 };
	int err = vexfs_bt_find_ge(&t, 0, &kv);

	while (!err) {
		err = vexfs_charges_add(c, kv.key >> 24, vexfs_coll_charge(&space));
		if (!err)
			err = vexfs_bt_find_ge(&t, kv.key + 1, &kv);
	}
	return err == -ENOENT ? 0 : err;
}

static int add_block(struct vexfs_image *img, u32 index, struct vexfs_charges *c)
{
	u32 first = index * VEXFS_COLL_PER_BLOCK, i;
	struct vexfs_collection *table, rec;
	struct vexfs_blk b;
	int err = img->io.ops->read(&img->io, img->geo.coll_start + index, VEXFS_MAGIC_COLL, 0, index, &b);

	if (err)
		return err;
	table = (struct vexfs_collection *)((u8 *)b.data + VEXFS_MDHDR_SIZE);
	for (i = 0; i < VEXFS_COLL_PER_BLOCK && !err; i++) {
		rec = table[i];
		if (vexfs_coll_verify(&rec, &img->geo, first + i))
			err = -EUCLEAN;
		else if (le32_to_cpu(rec.c_state) != VEXFS_COLL_FREE)
			err = add_map(img, &rec, c);
	}
	img->io.ops->put(&img->io, &b);
	return err;
}

void vexfs_charges_sum(struct vexfs_charges *c)
{
	size_t i, n = 0;

	if (c->n)
		qsort(c->charge, c->n, sizeof(*c->charge), by_ino);
	for (i = 0; i < c->n; i++)
		if (n && c->charge[n - 1].ino == c->charge[i].ino)
			c->charge[n - 1].bytes += c->charge[i].bytes;
		else
			c->charge[n++] = c->charge[i];
	c->n = n;
}

int vexfs_charges_load(struct vexfs_image *img, struct vexfs_charges *c)
{
	u32 index;
	int err = 0;

	*c = (struct vexfs_charges){ };
	for (index = 0; index < VEXFS_COLL_BLOCKS && !err; index++)
		err = add_block(img, index, c);
	vexfs_charges_sum(c);
	return err;
}

const struct vexfs_charge *vexfs_charges_find(const struct vexfs_charges *c, u64 ino)
{
	struct vexfs_charge key = { .ino = ino };

	return c->n ? bsearch(&key, c->charge, c->n, sizeof(key), by_ino) : NULL;
}

u64 vexfs_charges_of(const struct vexfs_charges *c, u64 ino)
{
	const struct vexfs_charge *found = vexfs_charges_find(c, ino);

	return found ? found->bytes : 0;
}

void vexfs_charges_free(struct vexfs_charges *c)
{
	free(c->charge);
	*c = (struct vexfs_charges){ };
}
