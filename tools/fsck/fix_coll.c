// SPDX-License-Identifier: GPL-2.0
/* Repair of the collection table: its blocks and records. What a record leads to: fix_slot.c. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/coll.h"
#include "core/feature.h"
#include "lib/image_write.h"
#include "tools/fsck/fsck.h"

static struct vexfs_collection *records(const struct vexfs_blk *b)
{
	return (void *)((u8 *)b->data + VEXFS_MDHDR_SIZE);
}

static bool in_use(const struct vexfs_collection *c)
{
	return le32_to_cpu(c->c_state) != VEXFS_COLL_FREE;
}

/* ---- a record ----------------------------------------------------------------- */

static void fix_name(struct vexfs_collection *c, u32 id)
{
	char name[VEXFS_COLL_NAME_LEN + 1] = "";
	u32 i, n = 0;

	for (i = 0; i < VEXFS_COLL_NAME_LEN && c->c_name[i]; i++)
		if (vexfs_coll_name_valid((const char *)c->c_name + i, 1))
			name[n++] = c->c_name[i];
	if (!n)
		snprintf(name, sizeof(name), "collection-%u", id);
	memset(c->c_name, 0, sizeof(c->c_name));
	memcpy(c->c_name, name, strlen(name));
}

static void fix_embedder(struct vexfs_collection *c)
{
	u32 len = strnlen((const char *)c->c_embedder, VEXFS_EMBEDDER_LEN);

	if (len == VEXFS_EMBEDDER_LEN || !vexfs_all_zero(c->c_embedder + len, VEXFS_EMBEDDER_LEN - len))
		memset(c->c_embedder, 0, sizeof(c->c_embedder));
}

/* The map is made from the slots; how many of those there are, the slot table says (COLL_SHORT). */
static void fix_numbers(struct vexfs_collection *c, const struct vexfs_geo *geo)
{
	u64 blocks = le64_to_cpu(c->c_nslots) / VEXFS_SLOTS_PER_BLOCK, most = 0xffffffffULL / VEXFS_SLOTS_PER_BLOCK;

	most = min(most, geo->blocks);
	c->c_nslots = cpu_to_le64(min(blocks, most) * VEXFS_SLOTS_PER_BLOCK);
	if (vexfs_root_verify(&c->c_map, false, geo->blocks))
		memset(&c->c_map, 0, sizeof(c->c_map));
}

/* Fields that can be anything, or follow from others. False: the vectors' format is not known. */
static bool salvage(struct vexfs_collection *c, const struct vexfs_geo *geo, u32 id)
{
	if (!in_use(c))
		return false;
	if (le32_to_cpu(c->c_state) > VEXFS_COLL_DROPPING)
		c->c_state = cpu_to_le32(VEXFS_COLL_LIVE);
	c->c_id = cpu_to_le32(id);
	c->c_flags = 0;
	c->c_mode &= cpu_to_le32(0666);
	vexfs_feature_clear_coll(c, geo);
	fix_name(c, id);
	fix_embedder(c);
	fix_numbers(c, geo);
	return !vexfs_coll_verify(c, geo, id);
}

/* ---- its files ------------------------------------------------------------------ */

/* A hidden file that no record before, nor this one, has as another of its files. */
static bool own_file(struct fsck *f, const struct vexfs_collection *c, u32 id, u32 which)
{
	u64 ino = vexfs_coll_file_ino(c, which);
	const struct fsck_ino *fi = fsck_ino_get(f, ino);
	struct vexfs_inode di;
	u32 i;

	if (!fi || fi->dtype != DT_REG || fsck_get_inode(f, ino, &di) ||
	    !(le32_to_cpu(di.i_flags) & VEXFS_INODE_HIDDEN) || (fi->coll && fi->coll != id + 1))
		return false;
	for (i = 0; i < which; i++)
		if (vexfs_coll_file_ino(c, i) == ino)
			return false;
	return true;
}

/* An empty one: fix_slot.c gives it its blocks, and the kernel its codes. */
static int new_code_file(struct fsck *f, struct vexfs_collection *c)
{
	struct vexfs_inode di;
	int err = vexfs_image_new_inode(&f->img, S_IFREG | 0600, &di);

	if (err)
		return err;
	di.i_nlink = cpu_to_le32(1);
	di.i_flags = cpu_to_le32(VEXFS_INODE_HIDDEN);
	di.i_size = cpu_to_le64(vexfs_coll_file_blocks(c, VEXFS_COLL_CODE) << VEXFS_BLOCK_SHIFT);
	err = vexfs_image_put_inode(&f->img, &di);
	if (!err)
		vexfs_coll_file_set_ino(c, VEXFS_COLL_CODE, le64_to_cpu(di.i_ino));
	return err;
}

/* Bring a record into order, or clear it. */
static int fix_record(struct fsck *f, struct vexfs_collection *c, u32 id)
{
	struct vexfs_collection with = *c;
	bool sound = salvage(&with, &f->img.geo, id) && own_file(f, &with, id, VEXFS_COLL_SLOTS) &&
		     own_file(f, &with, id, VEXFS_COLL_PAYLOAD);
	int err = 0;

	if (sound && !own_file(f, &with, id, VEXFS_COLL_CODE))
		err = new_code_file(f, &with);
	if (err)
		return err;
	if (!sound)
		memset(&with, 0, sizeof(with));
	if (!memcmp(&with, c, sizeof(with)))
		return 0;
	*c = with;
	if (sound)
		fsck_did(f, "collection %u '%s': record brought into order", id, (const char *)c->c_name);
	else
		fsck_did(f, "collection %u: record cleared: its embeddings are lost", id);
	return 0;
}

static void count(struct vexfs_blk *b)
{
	struct vexfs_mdhdr *h = b->data;
	u32 i, n = 0;

	for (i = 0; i < VEXFS_COLL_PER_BLOCK; i++)
		n += in_use(&records(b)[i]);
	h->h_count = cpu_to_le16(n);
}

int fsck_fix_coll_record(struct fsck *f, u64 id)
{
	u32 index = id / VEXFS_COLL_PER_BLOCK;
	struct vexfs_blk b;
	int err;

	if (!fsck_read_quiet(f, f->img.geo.coll_start + index, VEXFS_MAGIC_COLL, index, &b))
		return 0;		/* COLL_TABLE has been asked for as well */
	err = fix_record(f, &records(&b)[id % VEXFS_COLL_PER_BLOCK], id);
	if (!err) {
		count(&b);
		fsck_changed(f, &b, true);
	}
	f->img.io.ops->put(&f->img.io, &b);
	return err;
}

/* ---- its graph ---------------------------------------------------------------------- */

/* The record names none any more. *@ino: the one it named, 0 if that is another's. */
static int forget_graph(struct fsck *f, u32 id, u64 *ino)
{
	u32 index = id / VEXFS_COLL_PER_BLOCK;
	struct vexfs_collection *c;
	struct vexfs_blk b;

	*ino = 0;
	if (!fsck_read_quiet(f, f->img.geo.coll_start + index, VEXFS_MAGIC_COLL, index, &b))
		return 0;		/* COLL_TABLE has been asked for as well */
	c = &records(&b)[id % VEXFS_COLL_PER_BLOCK];
	if (in_use(c) && vexfs_coll_file_ino(c, VEXFS_COLL_GRAPH)) {
		if (own_file(f, c, id, VEXFS_COLL_GRAPH))
			*ino = vexfs_coll_file_ino(c, VEXFS_COLL_GRAPH);
		vexfs_coll_file_set_ino(c, VEXFS_COLL_GRAPH, 0);
		fsck_changed(f, &b, true);
		fsck_did(f, "collection %u '%s': graph discarded", id, (const char *)c->c_name);
	}
	f->img.io.ops->put(&f->img.io, &b);
	return 0;
}

int fsck_fix_graph(struct fsck *f, u64 id)
{
	u64 ino;
	int err = forget_graph(f, id, &ino);

	return err || !ino ? err : fsck_fix_clear(f, ino);
}

/* ---- a block of the table ---------------------------------------------------------- */

/* Of the records of a block with a wrong checksum, those that can be used, for root alone. */
static void keep_records(struct fsck *f, struct vexfs_blk *b, u32 index)
{
	u32 i;

	for (i = 0; i < VEXFS_COLL_PER_BLOCK; i++) {
		struct vexfs_collection *c = &records(b)[i];

		if (!salvage(c, &f->img.geo, index * VEXFS_COLL_PER_BLOCK + i)) {
			memset(c, 0, sizeof(*c));
			continue;
		}
		c->c_uid = 0;
		c->c_gid = 0;
		c->c_mode = cpu_to_le32(0600);
		fsck_did(f, "collection %u '%s': kept, for root alone", index * VEXFS_COLL_PER_BLOCK + i,
			 (const char *)c->c_name);
	}
}

static bool has_its_header(struct fsck *f, const void *block, u64 blkno, u32 index)
{
	const struct vexfs_mdhdr *h = block;

	return le32_to_cpu(h->h_magic) == VEXFS_MAGIC_COLL && le64_to_cpu(h->h_blkno) == blkno &&
	       le64_to_cpu(h->h_owner) == index && !memcmp(h->h_uuid, f->img.geo.uuid, VEXFS_UUID_LEN);
}

static int block_anew(struct fsck *f, u64 blkno, u32 index, struct vexfs_blk *b)
{
	u8 old[VEXFS_BLOCK_SIZE];
	bool known;
	int err = vexfs_image_get(&f->img, blkno, b);

	if (err)
		return err;
	memcpy(old, b->data, sizeof(old));
	known = has_its_header(f, old, blkno, index);
	vexfs_mdhdr_init(b->data, &f->img.geo, VEXFS_MAGIC_COLL, blkno, index);
	if (known) {
		memcpy(records(b), old + VEXFS_MDHDR_SIZE, VEXFS_COLL_PER_BLOCK * sizeof(struct vexfs_collection));
		keep_records(f, b, index);
	}
	return 0;
}

/* Names of the other blocks of the table, and of those before in this one. */
static bool name_taken(struct fsck *f, const struct vexfs_collection *c, u32 id)
{
	struct vexfs_blk b;
	bool taken = false;
	u32 i;

	for (i = 0; i < id && !taken; i++) {
		u32 index = i / VEXFS_COLL_PER_BLOCK;

		if (!fsck_read_quiet(f, f->img.geo.coll_start + index, VEXFS_MAGIC_COLL, index, &b))
			continue;
		taken = in_use(&records(&b)[i % VEXFS_COLL_PER_BLOCK]) &&
			!memcmp(records(&b)[i % VEXFS_COLL_PER_BLOCK].c_name, c->c_name, sizeof(c->c_name));
		f->img.io.ops->put(&f->img.io, &b);
	}
	return taken;
}

static void rename_twice(struct fsck *f, struct vexfs_collection *c, u32 id)
{
	char name[VEXFS_COLL_NAME_LEN + 1], tail[16];
	u32 len;

	if (le32_to_cpu(c->c_state) != VEXFS_COLL_LIVE || vexfs_coll_verify(c, &f->img.geo, id) ||
	    !name_taken(f, c, id))
		return;
	snprintf(tail, sizeof(tail), "-%u", id);
	memcpy(name, c->c_name, sizeof(name));
	len = strlen(name);
	len = min(len, (u32)(VEXFS_COLL_NAME_LEN - strlen(tail)));
	memset(c->c_name, 0, sizeof(c->c_name));
	memcpy(c->c_name, name, len);
	memcpy(c->c_name + len, tail, strlen(tail));
	fsck_did(f, "collection %u: renamed from '%s' to '%s'", id, name, (const char *)c->c_name);
}

/* Header, count, and names that two collections have. */
int fsck_fix_coll_table(struct fsck *f, u64 index)
{
	u64 blkno = f->img.geo.coll_start + index;
	struct vexfs_blk b;
	int err = 0;
	u32 i;

	if (!fsck_read_quiet(f, blkno, VEXFS_MAGIC_COLL, index, &b))
		err = block_anew(f, blkno, index, &b);
	if (err)
		return err;
	fsck_changed(f, &b, true);
	for (i = 0; i < VEXFS_COLL_PER_BLOCK; i++)
		rename_twice(f, &records(&b)[i], index * VEXFS_COLL_PER_BLOCK + i);
	count(&b);
	fsck_changed(f, &b, true);
	f->img.io.ops->put(&f->img.io, &b);
	fsck_did(f, "collection table: block %llu written anew", (unsigned long long)blkno);
	return 0;
}
