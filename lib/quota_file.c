// SPDX-License-Identifier: GPL-2.0
/* Quota files: packing a table of records into the format vfsv1, and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/quota_file.h"

#define GRACE		(7 * 24 * 3600U)
#define DEPTH		4
#define FANOUT		(VEXFS_QBLOCK / 4)
#define ROOT		1U	/* block of the tree's root */

static const u32 magic[VEXFS_QUOTA_TYPES] = { 0xd9c01f11, 0xd9c01927, 0xd9c03f14 };

struct header {
	__le32	magic, version;
	__le32	bgrace, igrace, flags, blocks, free_block, free_entry;
};

/* A block of records: this, then the records. */
struct leaf {
	__le32	next_free, prev_free;
	__le16	entries, pad1;
	__le32	pad2;
};

struct entry {
	__le32	id, pad;
	__le64	ihard, isoft, inodes, bhard, bsoft, space, btime, itime;
};

#define PER_LEAF	((VEXFS_QBLOCK - sizeof(struct leaf)) / sizeof(struct entry))

/* ---- the table --------------------------------------------------------------- */

void vexfs_quota_init(struct vexfs_quota_table *t)
{
	*t = (struct vexfs_quota_table){ .bgrace = GRACE, .igrace = GRACE };
}

void vexfs_quota_free(struct vexfs_quota_table *t)
{
	free(t->rec);
	memset(t, 0, sizeof(*t));
}

/* Index of the first record whose id is not below @id. */
static size_t place(const struct vexfs_quota_table *t, u32 id)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->rec[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct vexfs_quota_rec *vexfs_quota_find(const struct vexfs_quota_table *t, u32 id)
{
	size_t i = place(t, id);

	return i < t->n && t->rec[i].id == id ? &t->rec[i] : NULL;
}

struct vexfs_quota_rec *vexfs_quota_get(struct vexfs_quota_table *t, u32 id)
{
	size_t i = place(t, id), room = t->room ? 2 * t->room : 64;
	struct vexfs_quota_rec *p;

	if (i < t->n && t->rec[i].id == id)
		return &t->rec[i];
	if (t->n == t->room) {
		p = realloc(t->rec, room * sizeof(*p));
		if (!p)
			return NULL;
		t->rec = p;
		t->room = room;
	}
	memmove(&t->rec[i + 1], &t->rec[i], (t->n++ - i) * sizeof(*p));
	t->rec[i] = (struct vexfs_quota_rec){ .id = id };
	return &t->rec[i];
}

/* ---- packing ------------------------------------------------------------------ */

struct packer {
	u8	*blocks;
	u32	n, room;
	u32	leaf;		/* block that records are put into, 0: none yet */
};

static u8 *block_at(struct packer *p, u32 i)
{
	return p->blocks + (size_t)i * VEXFS_QBLOCK;
}

/* A new block of zeros; 0: no memory. */
static u32 new_block(struct packer *p)
{
	if (p->n == p->room) {
		u32 room = p->room ? 2 * p->room : 16;
		u8 *more = realloc(p->blocks, (size_t)room * VEXFS_QBLOCK);

		if (!more)
			return 0;
		p->blocks = more;
		p->room = room;
	}
	memset(block_at(p, p->n), 0, VEXFS_QBLOCK);
	return p->n++;
}

static __le32 *slot_of(struct packer *p, u32 block, u32 id, int level)
{
	return (__le32 *)block_at(p, block) + (id >> (8 * (DEPTH - 1 - level)) & (FANOUT - 1));
}

/* The leaf that has room for one more record; 0: no memory. */
static u32 open_leaf(struct packer *p)
{
	if (p->leaf && le16_to_cpu(((struct leaf *)block_at(p, p->leaf))->entries) < PER_LEAF)
		return p->leaf;
	p->leaf = new_block(p);
	return p->leaf;
}

static int add_entry(struct packer *p, const struct vexfs_quota_rec *r)
{
	u32 block = open_leaf(p), n;
	struct leaf *l;
	struct entry *e;

	if (!block)
		return -ENOMEM;
	l = (struct leaf *)block_at(p, block);
	n = le16_to_cpu(l->entries);
	e = (struct entry *)(l + 1) + n;
	l->entries = cpu_to_le16(n + 1);
	*e = (struct entry){
		.id = cpu_to_le32(r->id), .inodes = cpu_to_le64(r->inodes), .space = cpu_to_le64(r->space),
		.ihard = cpu_to_le64(r->ihard), .isoft = cpu_to_le64(r->isoft),
		.bhard = cpu_to_le64(r->bhard), .bsoft = cpu_to_le64(r->bsoft),
		.btime = cpu_to_le64(r->btime), .itime = cpu_to_le64(r->itime),
	};
	/* As the kernel: zeros would be an unused record. */
	if (vexfs_all_zero(e, sizeof(*e)))
		e->itime = cpu_to_le64(1);
	return 0;
}

static int add_record(struct packer *p, const struct vexfs_quota_rec *r)
{
	u32 block = ROOT, next;
	int level, err;

	for (level = 0; level < DEPTH - 1; level++, block = next) {
		next = le32_to_cpu(*slot_of(p, block, r->id, level));
		if (next)
			continue;
		next = new_block(p);
		if (!next)
			return -ENOMEM;
		*slot_of(p, block, r->id, level) = cpu_to_le32(next);
	}
	err = add_entry(p, r);
	*slot_of(p, block, r->id, level) = cpu_to_le32(p->leaf);
	return err;
}

static void finish(struct packer *p, const struct vexfs_quota_table *t, int type)
{
	struct header *h = (struct header *)p->blocks;
	bool room = p->leaf && le16_to_cpu(((struct leaf *)block_at(p, p->leaf))->entries) < PER_LEAF;

	h->magic = cpu_to_le32(magic[type]);
	h->version = cpu_to_le32(1);
	h->bgrace = cpu_to_le32(t->bgrace);
	h->igrace = cpu_to_le32(t->igrace);
	h->blocks = cpu_to_le32(p->n);
	h->free_entry = cpu_to_le32(room ? p->leaf : 0);
}

int vexfs_quota_pack(const struct vexfs_quota_table *t, int type, u8 **blocks, u32 *n)
{
	struct packer p = { };
	int err = 0;
	size_t i;

	new_block(&p);
	if (new_block(&p) != ROOT)
		err = -ENOMEM;
	for (i = 0; i < t->n && !err; i++)
		err = add_record(&p, &t->rec[i]);
	if (err) {
		free(p.blocks);
		return err;
	}
	finish(&p, t, type);
	*blocks = p.blocks;
	*n = p.n;
	return 0;
}

/* ---- unpacking ------------------------------------------------------------------- */

/**
 * struct reader - a file being read
 * @seen: bit per block: part of the tree already
 */
struct reader {
	struct vexfs_quota_table *t;
	const u8 *blocks;
	u32	n;
	u8	*seen;
	int	err;
};

static const struct entry *find_entry(const struct reader *r, u32 block, u32 id)
{
	const struct leaf *l = (const struct leaf *)(r->blocks + (size_t)block * VEXFS_QBLOCK);
	const struct entry *e = (const struct entry *)(l + 1);
	u32 i;

	for (i = 0; i < PER_LEAF; i++, e++)
		if (le32_to_cpu(e->id) == id && !vexfs_all_zero(e, sizeof(*e)))
			return e;
	return NULL;
}

static const char *read_entry(struct reader *r, u32 block, u32 id)
{
	const struct entry *e = find_entry(r, block, id);
	struct vexfs_quota_rec *rec;

	if (!e)
		return "tree leads to a block without the record";
	rec = vexfs_quota_get(r->t, id);
	if (!rec) {
		r->err = -ENOMEM;
		return NULL;
	}
	*rec = (struct vexfs_quota_rec){
		.id = id, .space = le64_to_cpu(e->space), .inodes = le64_to_cpu(e->inodes),
		.ihard = le64_to_cpu(e->ihard), .isoft = le64_to_cpu(e->isoft),
		.bhard = le64_to_cpu(e->bhard), .bsoft = le64_to_cpu(e->bsoft),
		.btime = le64_to_cpu(e->btime), .itime = le64_to_cpu(e->itime),
	};
	return NULL;
}

static const char *read_tree(struct reader *r, u32 block, u32 id, int level)
{
	const __le32 *slot = (const __le32 *)(r->blocks + (size_t)block * VEXFS_QBLOCK);
	const char *why = NULL;
	u32 i, next;

	if (vexfs_bit_test(r->seen, block))
		return "block of the tree is in it twice";
	vexfs_bits_set(r->seen, block, 1);
	for (i = 0; i < FANOUT && !why && !r->err; i++) {
		next = le32_to_cpu(slot[i]);
		if (!next)
			continue;
		if (next <= ROOT || next >= r->n)
			return "tree leads out of the file";
		why = level < DEPTH - 1 ? read_tree(r, next, id << 8 | i, level + 1) :
					  read_entry(r, next, id << 8 | i);
	}
	return why;
}

static const char *check_header(const struct header *h, int type, u32 n)
{
	if (le32_to_cpu(h->magic) != magic[type] || le32_to_cpu(h->version) != 1)
		return "no header of its type";
	if (le32_to_cpu(h->blocks) <= ROOT || le32_to_cpu(h->blocks) > n)
		return "header says more blocks than the file has";
	if (le32_to_cpu(h->free_block) >= le32_to_cpu(h->blocks) ||
	    le32_to_cpu(h->free_entry) >= le32_to_cpu(h->blocks))
		return "list of free blocks leads out of the file";
	return NULL;
}

const char *vexfs_quota_unpack(struct vexfs_quota_table *t, int type, const u8 *blocks, u32 n, int *err)
{
	const struct header *h = (const struct header *)blocks;
	const char *why = n > ROOT ? check_header(h, type, n) : "too short";
	struct reader r = { .t = t, .blocks = blocks };

	*err = 0;
	if (why)
		return why;
	r.n = le32_to_cpu(h->blocks);
	t->bgrace = le32_to_cpu(h->bgrace);
	t->igrace = le32_to_cpu(h->igrace);
	r.seen = calloc(1, (size_t)r.n / 8 + 8);
	if (!r.seen) {
		*err = -ENOMEM;
		return NULL;
	}
	why = read_tree(&r, ROOT, 0, 0);
	*err = r.err;
	free(r.seen);
	return why;
}
