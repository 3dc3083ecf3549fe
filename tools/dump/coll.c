// SPDX-License-Identifier: GPL-2.0
/* Collections and slots. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/coll.h"
#include "tools/dump/dump.h"

static const char *name_of(const char *const *names, u32 n, u32 value)
{
	return value < n && names[value] ? names[value] : "unknown";
}

static const char *elem_name(u8 elem)
{
	static const char *const names[] = {
		[VEXFS_F32] = "f32", [VEXFS_F16] = "f16", [VEXFS_I8] = "i8",
	};

	return name_of(names, ARRAY_SIZE(names), elem);
}

static const char *metric_name(u8 metric)
{
	static const char *const names[] = {
		[VEXFS_L2] = "l2", [VEXFS_COSINE] = "cosine", [VEXFS_IP] = "ip",
	};

	return name_of(names, ARRAY_SIZE(names), metric);
}

bool dump_get_collection(struct dump *d, u32 id, struct vexfs_collection *c)
{
	u32 index = id / VEXFS_COLL_PER_BLOCK;
	struct vexfs_blk b;

	if (!dump_read(d, d->img.geo.coll_start + index, VEXFS_MAGIC_COLL, index, &b))
		return false;
	*c = ((const struct vexfs_collection *)((const u8 *)b.data + VEXFS_MDHDR_SIZE))
		[id % VEXFS_COLL_PER_BLOCK];
	dump_put(d, &b);
	return true;
}

/* Any bytes but NUL are allowed in a name. */
static void show_embedder(const struct vexfs_collection *c)
{
	u32 i;

	printf("%-12s '", "embedder");
	for (i = 0; i < sizeof(c->c_embedder) && c->c_embedder[i]; i++)
		putchar(c->c_embedder[i] >= 0x20 && c->c_embedder[i] < 0x7f ? c->c_embedder[i] : '?');
	printf("', fingerprint ");
	for (i = 0; i < sizeof(c->c_fingerprint); i++)
		printf("%02x", c->c_fingerprint[i]);
	putchar('\n');
}

static void show_files(const struct vexfs_collection *c)
{
	u32 i;

	printf("%-12s", "inodes");
	for (i = 0; i < VEXFS_COLL_FILES; i++)
		printf("%s %s %llu", i ? "," : "", vexfs_coll_file_name(i),
		       (unsigned long long)vexfs_coll_file_ino(c, i));
	if (vexfs_coll_file_ino(c, VEXFS_COLL_GRAPH))
		printf(", %s %llu", vexfs_coll_file_name(VEXFS_COLL_GRAPH),
		       (unsigned long long)vexfs_coll_file_ino(c, VEXFS_COLL_GRAPH));
	putchar('\n');
}

static void show_collection(struct dump *d, u32 id, const struct vexfs_collection *c)
{
	static const char *const states[] = { "free", "live", "dropping" };
	const char *why = vexfs_coll_verify(c, &d->img.geo, id);

	if (why)
		dump_problem(d, "collection %u: %s", id, why);
	printf("collection %u: '%.*s', %s\n", id, (int)sizeof(c->c_name), (const char *)c->c_name,
	       name_of(states, ARRAY_SIZE(states), le32_to_cpu(c->c_state)));
	printf("%-12s %u x %s, %s\n", "vectors", le32_to_cpu(c->c_dim), elem_name(c->c_elem),
	       metric_name(c->c_metric));
	printf("%-12s %u:%u, mode %04o\n", "owner", le32_to_cpu(c->c_uid), le32_to_cpu(c->c_gid),
	       le32_to_cpu(c->c_mode));
	if (c->c_embedder[0] || !vexfs_all_zero(c->c_fingerprint, sizeof(c->c_fingerprint)))
		show_embedder(c);
	show_files(c);
	printf("%-12s %llu\n", "slots", (unsigned long long)le64_to_cpu(c->c_nslots));
	printf("%-12s %llu\n", "stamp limit", (unsigned long long)le64_to_cpu(c->c_stamp_limit));
	printf("%-12s level %u, %u records, %llu blocks\n", "map", le16_to_cpu(c->c_map.r_level),
	       le16_to_cpu(c->c_map.r_count), (unsigned long long)le64_to_cpu(c->c_map.r_blocks));
}

void dump_collections(struct dump *d, u64 unused)
{
	struct vexfs_collection c;
	u32 id;

	for (id = 0; id < VEXFS_MAX_COLL; id++)
		if (dump_get_collection(d, id, &c) && le32_to_cpu(c.c_state) != VEXFS_COLL_FREE)
			show_collection(d, id, &c);
}

/* @limit: no stamp is as high. */
static void show_slot(struct dump *d, u64 n, const struct vexfs_slot *v, u64 limit)
{
	const char *why = vexfs_slot_verify(v, &d->img.geo, limit);

	if (why)
		dump_problem(d, "slot %llu: %s", (unsigned long long)n, why);
	if (v->v_state == VEXFS_SLOT_FREE)
		return;
	printf("  %8llu  inode %llu.%u chunk %u stamp %llu range %llu+%llu datagen %llu crc %08x%s\n",
	       (unsigned long long)n, (unsigned long long)le64_to_cpu(v->v_ino),
	       le32_to_cpu(v->v_generation), le32_to_cpu(v->v_chunk),
	       (unsigned long long)le64_to_cpu(v->v_stamp),
	       (unsigned long long)le64_to_cpu(v->v_off), (unsigned long long)le64_to_cpu(v->v_len),
	       (unsigned long long)le64_to_cpu(v->v_datagen), le32_to_cpu(v->v_payload_crc),
	       v->v_state == VEXFS_SLOT_LIVE ? "" : "  UNKNOWN STATE");
}

static void show_slot_block(struct dump *d, u64 ino, u64 index, u64 pblk, u64 limit)
{
	const struct vexfs_slot *v;
	struct vexfs_blk b;
	u32 i;

	if (!dump_read(d, pblk, VEXFS_MAGIC_SLOT, ino, &b))
		return;
	v = (const void *)((const u8 *)b.data + VEXFS_MDHDR_SIZE);
	printf("  block %llu\n", (unsigned long long)pblk);
	for (i = 0; i < VEXFS_SLOTS_PER_BLOCK; i++)
		show_slot(d, index * VEXFS_SLOTS_PER_BLOCK + i, &v[i], limit);
	dump_put(d, &b);
}

void dump_slots(struct dump *d, u64 id)
{
	struct vexfs_collection c;
	struct vexfs_inode di;
	struct vexfs_extent e;
	struct vexfs_tree t;
	u64 ino, i, blocks;

	if (id >= VEXFS_MAX_COLL || !dump_get_collection(d, id, &c) ||
	    le32_to_cpu(c.c_state) == VEXFS_COLL_FREE) {
		dump_problem(d, "there is no collection %llu: see --collections",
			     (unsigned long long)id);
		return;
	}
	show_collection(d, id, &c);
	ino = vexfs_coll_file_ino(&c, VEXFS_COLL_SLOTS);
	if (!dump_get_inode(d, ino, &di))
		return;
	if (!S_ISREG(le16_to_cpu(di.i_mode))) {
		dump_problem(d, "inode %llu: not a file", (unsigned long long)ino);
		return;
	}
	t = (struct vexfs_tree){ .io = &d->img.io, .root = &di.i_root, .owner = ino,
				 .leaf_magic = VEXFS_MAGIC_NODE };
	blocks = le64_to_cpu(c.c_nslots) / VEXFS_SLOTS_PER_BLOCK;
	for (i = 0; i < blocks; i++) {
		if (vexfs_ext_find(&t, i, &e))
			return;
		if (e.pblk && !(e.flags & VEXFS_EXT_UNWRITTEN))
			show_slot_block(d, ino, i, e.pblk + (i - e.lblk),
					le64_to_cpu(c.c_stamp_limit));
		else if (!e.pblk)	/* a hole: on to its end, however far that is */
			i = e.lblk + e.len - 1;
	}
}
