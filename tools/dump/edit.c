// SPDX-License-Identifier: GPL-2.0
/* --edit: set a field by its name, with a right checksum. For tests. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/coll.h"
#include "tools/dump/fields.h"

/* A field on the device. */
struct place {
	const struct dump_record *record;
	u64	blkno;
	u32	off;
};

static int wrong(const char *spec, const char *why)
{
	fprintf(stderr, "dump.vexfs: --edit %s: %s; example: --edit inode:12:i_size=4096\n", spec, why);
	return 2;
}

static bool find_slot(struct dump *d, u64 id, u64 slot, struct place *p)
{
	struct vexfs_collection c;
	struct vexfs_inode di;
	struct vexfs_tree t = { .io = &d->img.io, .root = &di.i_root, .leaf_magic = VEXFS_MAGIC_NODE };
	struct vexfs_extent e;
	u64 lblk = slot / VEXFS_SLOTS_PER_BLOCK;

	if (id >= VEXFS_MAX_COLL || !dump_get_collection(d, id, &c))
		return false;
	t.owner = vexfs_coll_file_ino(&c, VEXFS_COLL_SLOTS);
	if (!dump_get_inode(d, t.owner, &di) || lblk > VEXFS_MAX_LBLK - 1 || vexfs_ext_find(&t, lblk, &e) || !e.pblk)
		return false;
	p->blkno = e.pblk + (lblk - e.lblk);
	p->off = VEXFS_MDHDR_SIZE + slot % VEXFS_SLOTS_PER_BLOCK * VEXFS_SLOT_SIZE;
	return true;
}

/* Block and offset of a structure. False: there is none of these numbers. */
static bool find(struct dump *d, u32 kind, u64 n, u64 slot, struct place *p)
{
	const struct vexfs_geo *geo = &d->img.geo;

	p->off = VEXFS_MDHDR_SIZE;
	switch (kind) {
	case DUMP_SUPER:
		p->blkno = 0;
		p->off = VEXFS_SB_OFFSET;
		return true;
	case DUMP_GROUP:
		p->blkno = n < geo->groups ? vexfs_gdt_block(geo, n / VEXFS_GD_PER_BLOCK) : 0;
		p->off += n % VEXFS_GD_PER_BLOCK * sizeof(struct vexfs_group_desc);
		return n < geo->groups;
	case DUMP_INODE:
		if (!vexfs_ino_valid(geo, n))
			return false;
		p->blkno = vexfs_ino_block(geo, n);
		p->off = vexfs_ino_offset(geo, n);
		return true;
	case DUMP_COLL:
		p->blkno = geo->coll_start + n / VEXFS_COLL_PER_BLOCK;
		p->off += n % VEXFS_COLL_PER_BLOCK * sizeof(struct vexfs_collection);
		return n < VEXFS_MAX_COLL;
	default:
		return find_slot(d, n, slot, p);
	}
}

/* ":NUMBER" once or twice, as the structure needs; NULL: something else. */
static const char *parse_numbers(u32 kind, const char *s, u64 *n)
{
	u32 count = kind == DUMP_SUPER ? 0 : kind == DUMP_SLOT ? 2 : 1;
	char *end;

	for (; count; count--, n++, s = end) {
		if (*s++ != ':' || !isdigit((unsigned char)*s))
			return NULL;
		*n = strtoull(s, &end, 0);
	}
	return *s == ':' ? s + 1 : NULL;
}

/* The value as it is stored. Returns NULL, or what is wrong. */
static const char *parse_value(const struct dump_field *f, const char *text, u8 *bytes)
{
	u64 v;
	char *end;
	u32 i;

	memset(bytes, 0, f->len);
	if (f->how == DUMP_TEXT) {
		if (strlen(text) > f->len)
			return "the text is too long";
		memcpy(bytes, text, strlen(text));
		return NULL;
	}
	if (f->how == DUMP_HEX)
		return dump_parse_hex(text, bytes, f->len) == f->len ? NULL : "give as many hexadecimal bytes as it has";
	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || *end || end == text || *text == '-' || (f->len < 8 && v >> (8 * f->len)))
		return "not a number that fits the field";
	for (i = 0; i < f->len; i++)
		bytes[i] = v >> (8 * i);
	return NULL;
}

static int parse_kind(const char *spec)
{
	u32 i;

	for (i = 0; i < DUMP_RECORDS; i++) {
		size_t len = strlen(dump_records[i].name);

		if (!strncmp(spec, dump_records[i].name, len) && spec[len] == ':')
			return i;
	}
	return -1;
}

int dump_edit(struct dump *d, const char *spec)
{
	int kind = parse_kind(spec);
	u64 n[2] = { 0, 0 };
	const struct dump_field *f;
	const char *name, *eq, *why;
	struct place p;
	u8 bytes[VEXFS_BLOCK_SIZE];

	if (kind < 0)
		return wrong(spec, "the object is super, group:N, inode:N, collection:ID or slot:ID:N");
	name = parse_numbers(kind, spec + strlen(dump_records[kind].name), n);
	eq = name ? strchr(name, '=') : NULL;
	if (!eq)
		return wrong(spec, "give OBJECT:FIELD=VALUE");
	f = dump_field_find(&dump_records[kind], name, eq - name);
	if (!f)
		return wrong(spec, "unknown field; --json shows the fields");
	why = parse_value(f, eq + 1, bytes);
	if (why)
		return wrong(spec, why);
	if ((kind != DUMP_SUPER && !d->img.geo.place) || !find(d, kind, n[0], n[1], &p)) {
		dump_problem(d, "--edit %s: object not found", spec);
		return 1;
	}
	fprintf(stderr, "dump.vexfs: warning: %s is changed; --edit is for tests\n", d->path);
	return dump_write(d, p.blkno, p.off + f->off, bytes, f->len, true);
}
