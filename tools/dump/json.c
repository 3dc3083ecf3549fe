// SPDX-License-Identifier: GPL-2.0
/*
 * --json: structures with all their fields, by the names they have in <vexfs/ondisk.h>. One array, an object for
 * each option. Names and texts are bytes: those that are not ASCII are written as \u00XX.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/coll.h"
#include "tools/dump/fields.h"

static void text(const char *s, u32 len)
{
	u32 i;

	putchar('"');
	for (i = 0; i < len; i++) {
		unsigned char c = s[i];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void value(const struct dump_field *f, const void *record)
{
	const u8 *p = (const u8 *)record + f->off;
	u32 i;

	if (f->how == DUMP_NUMBER) {
		printf("%llu", (unsigned long long)dump_field_number(f, record));
	} else if (f->how == DUMP_TEXT) {
		text((const char *)p, strnlen((const char *)p, f->len));
	} else {
		putchar('"');
		for (i = 0; i < f->len; i++)
			printf("%02x", p[i]);
		putchar('"');
	}
}

/* The fields of a record; the brace is left open. */
static void record(u32 kind, const void *p)
{
	const struct dump_record *r = &dump_records[kind];
	u32 i;

	printf("{\"type\":\"%s\"", r->name);
	for (i = 0; i < r->n; i++) {
		printf(",\"%s\":", r->field[i].name);
		value(&r->field[i], p);
	}
}

static void super(struct dump *d, u64 unused)
{
	record(DUMP_SUPER, &d->img.sb);
	putchar('}');
}

static void group(struct dump *d, u64 n)
{
	u32 index = n / VEXFS_GD_PER_BLOCK;
	struct vexfs_blk b;

	if (n >= d->img.geo.groups) {
		dump_problem(d, "there is no group %llu", (unsigned long long)n);
	} else if (dump_read(d, vexfs_gdt_block(&d->img.geo, index), VEXFS_MAGIC_GDT, index, &b)) {
		record(DUMP_GROUP, (u8 *)b.data + VEXFS_MDHDR_SIZE +
		       n % VEXFS_GD_PER_BLOCK * sizeof(struct vexfs_group_desc));
		printf(",\"group\":%llu}", (unsigned long long)n);
		dump_put(d, &b);
		return;
	}
	printf("null");
}

static void inode(struct dump *d, u64 ino)
{
	struct vexfs_inode di;

	if (!dump_get_inode(d, ino, &di)) {
		printf("null");
		return;
	}
	record(DUMP_INODE, &di);
	putchar('}');
}

static void extents(struct dump *d, u64 ino)
{
	struct vexfs_inode di;
	struct vexfs_tree t = { .io = &d->img.io, .root = &di.i_root, .owner = ino, .leaf_magic = VEXFS_MAGIC_NODE };
	struct vexfs_extent e;
	u64 lblk = 0;

	printf("{\"type\":\"extents\",\"inode\":%llu,\"extents\":[", (unsigned long long)ino);
	if (dump_get_inode(d, ino, &di) && S_ISREG(le16_to_cpu(di.i_mode)))
		while (!vexfs_ext_next(&t, lblk, &e)) {
			printf("%s{\"logical\":%llu,\"physical\":%llu,\"blocks\":%llu,\"unwritten\":%s}",
			       lblk ? "," : "", (unsigned long long)e.lblk, (unsigned long long)e.pblk,
			       (unsigned long long)e.len, e.flags & VEXFS_EXT_UNWRITTEN ? "true" : "false");
			lblk = e.lblk + e.len;
		}
	printf("]}");
}

static bool entry(void *ctx, const struct vexfs_dent *e)
{
	bool *first = ctx;

	printf("%s{\"inode\":%llu,\"hash\":%llu,\"dtype\":%u,\"name\":", *first ? "" : ",", (unsigned long long)e->ino,
	       (unsigned long long)e->hash, e->type);
	*first = false;
	text(e->name, e->name_len);
	putchar('}');
	return true;
}

static void dir(struct dump *d, u64 ino)
{
	struct vexfs_inode di;
	struct vexfs_tree t = { .io = &d->img.io, .root = &di.i_root, .owner = ino, .leaf_magic = VEXFS_MAGIC_DIR };
	struct vexfs_dir_pos pos = { 0 };
	bool first = true;

	printf("{\"type\":\"directory\",\"inode\":%llu,\"entries\":[", (unsigned long long)ino);
	if (dump_get_inode(d, ino, &di) && S_ISDIR(le16_to_cpu(di.i_mode)))
		vexfs_dir_iterate(&t, &pos, entry, &first);
	printf("]}");
}

static void collections(struct dump *d, u64 unused)
{
	struct vexfs_collection c;
	const char *comma = "";
	u32 id;

	printf("{\"type\":\"collections\",\"collections\":[");
	for (id = 0; id < VEXFS_MAX_COLL; id++)
		if (dump_get_collection(d, id, &c) && le32_to_cpu(c.c_state) != VEXFS_COLL_FREE) {
			fputs(comma, stdout);
			comma = ",";
			record(DUMP_COLL, &c);
			putchar('}');
		}
	printf("]}");
}

static const char *slots_of_block(const struct vexfs_slot *v, u64 first, const char *comma)
{
	u32 i;

	for (i = 0; i < VEXFS_SLOTS_PER_BLOCK; i++, v++)
		if (v->v_state != VEXFS_SLOT_FREE) {
			fputs(comma, stdout);
			comma = ",";
			record(DUMP_SLOT, v);
			printf(",\"slot\":%llu}", (unsigned long long)(first + i));
		}
	return comma;
}

static void slots(struct dump *d, u64 id)
{
	struct vexfs_collection c;
	struct vexfs_inode di;
	struct vexfs_tree t = { .io = &d->img.io, .root = &di.i_root, .leaf_magic = VEXFS_MAGIC_NODE };
	const char *comma = "";
	struct vexfs_extent e;
	struct vexfs_blk b;
	u64 i, lblk;

	printf("{\"type\":\"slots\",\"collection\":%llu,\"slots\":[", (unsigned long long)id);
	if (id >= VEXFS_MAX_COLL || !dump_get_collection(d, id, &c) || le32_to_cpu(c.c_state) == VEXFS_COLL_FREE) {
		dump_problem(d, "there is no collection %llu", (unsigned long long)id);
	} else {
		t.owner = vexfs_coll_file_ino(&c, VEXFS_COLL_SLOTS);
		if (!dump_get_inode(d, t.owner, &di) || !S_ISREG(le16_to_cpu(di.i_mode)))
			memset(&di.i_root, 0, sizeof(di.i_root));
		for (lblk = 0; !vexfs_ext_next(&t, lblk, &e); lblk = e.lblk + e.len)
			for (i = 0; i < e.len && !(e.flags & VEXFS_EXT_UNWRITTEN); i++) {
				if (!dump_read(d, e.pblk + i, VEXFS_MAGIC_SLOT, t.owner, &b))
					continue;
				comma = slots_of_block((const void *)((u8 *)b.data + VEXFS_MDHDR_SIZE),
						       (e.lblk + i) * VEXFS_SLOTS_PER_BLOCK, comma);
				dump_put(d, &b);
			}
	}
	printf("]}");
}

static const struct {
	char	opt;
	void	(*show)(struct dump *d, u64 arg);
} shows[] = {
	{ 'S', super }, { 'g', group }, { 'i', inode }, { 'e', extents }, { 'd', dir }, { 'c', collections }, { 's', slots },
};

bool dump_json_knows(char opt)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(shows); i++)
		if (shows[i].opt == opt)
			return true;
	return false;
}

void dump_json(struct dump *d, char opt, u64 arg, bool first)
{
	u32 i;

	printf(first ? "[" : ",\n ");
	for (i = 0; i < ARRAY_SIZE(shows); i++)
		if (shows[i].opt == opt)
			shows[i].show(d, arg);
}

void dump_json_end(bool any)
{
	printf(any ? "]\n" : "[]\n");
}
