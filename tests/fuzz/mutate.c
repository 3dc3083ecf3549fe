// SPDX-License-Identifier: GPL-2.0
/*
 * From a program to an image. A step names a block by its place in the list of those that hold
 * something, and something in it that is as large as a field; values come from what fields hold.
 */
#include <string.h>

#include "lib/jbd2.h"
#include "tests/fuzz/image.h"

/**
 * struct step - one change, decoded
 * @b, @other: blocks
 * @at:	   a byte of the block; a multiple of @size
 * @size:  1, 2, 4, 8
 */
struct step {
	u8	kind, *b, *other;
	u32	at, from, size, value;
};

enum { OP_VALUE, OP_BIT, OP_ADD, OP_COPY_FIELD, OP_COPY_RECORD, OP_COPY_BLOCK, OP_ZERO, OP_RANDOM, OPS };

/* Values at which counts, lengths and addresses break; and ones that are some block or inode. */
static u64 interesting(const struct fuzz *z, u32 v)
{
	static const u64 fixed[] = {
		0, 1, 2, 3, 7, 8, 10, 11, 31, 32, 63, 64, 112, 144, 252, 253, 255, 256, 504, 4031, 4032, 4033, 4095,
		4096, 32256, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32, (1ULL << 40) - 1, 1ULL << 40,
		1ULL << 44, 1ULL << 60, 1ULL << 61, 1ULL << 62, ~0ULL >> 1, 1ULL << 63, ~0ULL - 1, ~0ULL, FUZZ_BLOCKS - 1,
		FUZZ_BLOCKS, VEXFS_MAX_LBLK, VEXFS_MAX_LBLK - 1, VEXFS_HASH_MAX, VEXFS_HASH_MIN,
	};
	u32 n = v >> 3;

	switch (v & 7) {
	case 0: case 1: case 2:
		return fixed[n % ARRAY_SIZE(fixed)];
	case 3: case 4:
		return z->block[0][n % z->nblock[0]];
	case 5:
		return n % 100;		/* an inode, a collection, a level */
	case 6:				/* an extent of some block */
		return z->block[0][n % z->nblock[0]] | (u64)(1 + (n >> 12) % 5) << VEXFS_EXT_PBLK_BITS;
	default:
		return n;
	}
}

static u64 get(const u8 *p, u32 size)
{
	u64 v = 0;

	memcpy(&v, p, size);
	return v;
}

static void put(u8 *p, u32 size, u64 v)
{
	memcpy(p, &v, size);
}

/* Half of all places are in the first 160 bytes: headers, roots, first records. */
static u32 place(u32 v, u32 size)
{
	u32 at = v & 1 ? (v >> 1) % 160 : (v >> 1) % VEXFS_BLOCK_SIZE;

	return at - at % size;
}

/* Returns the block that is changed. */
static u32 decode(struct fuzz *z, const u8 *op, struct step *s)
{
	const u32 *list = z->block[z->now], n = z->nblock[z->now];
	u32 blkno = list[get(op + 2, 2) % n];

	s->kind = op[0] % OPS;
	s->size = 1U << (op[1] & 3);
	s->b = z->dev[z->now] + (size_t)blkno * VEXFS_BLOCK_SIZE;
	s->other = z->dev[z->now] + (size_t)list[get(op + 4, 2) % n] * VEXFS_BLOCK_SIZE;
	s->at = place(get(op + 6, 2), s->size);
	s->from = place(get(op + 8, 2), s->size);
	s->value = get(op + 8, 4);
	return blkno;
}

/* Another block's content under this one's header. */
static void copy_block(u8 *to, const u8 *from)
{
	memcpy(to + VEXFS_MDHDR_SIZE, from + VEXFS_MDHDR_SIZE, VEXFS_MD_SPACE);
	memcpy(to + offsetof(struct vexfs_mdhdr, h_level), from + offsetof(struct vexfs_mdhdr, h_level), 8);
}

static u32 room(const struct step *s, u32 n)
{
	u32 most = VEXFS_BLOCK_SIZE - (s->at > s->from ? s->at : s->from);

	return n < most ? n : most;
}

static void change(const struct fuzz *z, const struct step *s)
{
	u8 *p = s->b + s->at;
	u32 record = 1U << (3 + s->value % 7);

	switch (s->kind) {
	case OP_VALUE:
		put(p, s->size, interesting(z, s->value));
		break;
	case OP_BIT:
		*p ^= 1 << s->value % 8;
		break;
	case OP_ADD:
		put(p, s->size, get(p, s->size) + (s32)(s->value % 16) - 8);
		break;
	case OP_COPY_FIELD:
		put(p, s->size, get(s->other + s->from, s->size));
		break;
	case OP_COPY_RECORD:
		memmove(p, s->other + s->from, room(s, record));
		break;
	case OP_COPY_BLOCK:
		copy_block(s->b, s->other);
		break;
	case OP_ZERO:
		memset(p, 0, room(s, record));
		break;
	default:
		put(p, s->size, s->value * 0x9e3779b97f4a7c15ULL);
	}
}

/* ---- checksums -------------------------------------------------------------------- */

static void seal_inodes(u8 *block)
{
	struct vexfs_inode *di = (void *)block;
	u32 i;

	for (i = 0; i < VEXFS_INODES_PER_BLOCK; i++)
		if (di[i].i_mode)
			vexfs_inode_seal(&di[i]);
}

/* What a copied inode says of its own number is not worth a find. */
static void place_inodes(u8 *block, u64 first)
{
	struct vexfs_inode *di = (void *)block;
	u32 i;

	for (i = 0; i < VEXFS_INODES_PER_BLOCK; i++)
		if (di[i].i_mode && le64_to_cpu(di[i].i_ino) != first + i)
			di[i].i_ino = cpu_to_le64(first + i);
}

static bool has_header(const u8 *block)
{
	/* "V", then the kind: the magic numbers of blocks, and of nothing else that begins a block. */
	return block[0] == 'V' && block[1] >= 'A' && block[1] <= 'Z' && block[2] >= 'A' && block[3] >= 'A';
}

static void seal(struct fuzz *z, u32 blkno, bool place_them)
{
	u8 *p = z->dev[z->now] + (size_t)blkno * VEXFS_BLOCK_SIZE;
	u64 table = z->geo.place[0].itable;

	if (!blkno || (blkno == vexfs_group_start(&z->geo, 1) && z->geo.groups > 1)) {
		struct vexfs_super_block *sb = (void *)(p + VEXFS_SB_OFFSET);

		sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	} else if (blkno == z->geo.journal_start) {
		struct jbd2_super *js = (void *)p;

		js->s_checksum = jbd2_put32(jbd2_super_checksum(js));
	} else if (blkno >= table && blkno < table + z->geo.itable_blocks) {
		u64 first = (blkno - table) * VEXFS_INODES_PER_BLOCK + 1;

		if (place_them)
			place_inodes(p, first);
		seal_inodes(p);
	} else if (has_header(p)) {
		vexfs_mdhdr_seal(p);
	}
}

static void reset(struct fuzz *z)
{
	u8 *touched = z->touched[z->now];
	size_t i;

	for (i = 0; i < FUZZ_BLOCKS; i++)
		if (touched[i])
			memcpy(z->dev[z->now] + i * VEXFS_BLOCK_SIZE, z->base[z->now] + i * VEXFS_BLOCK_SIZE,
			       VEXFS_BLOCK_SIZE);
	memset(touched, 0, FUZZ_BLOCKS);
}

/* Bits 5 to 7 of a step's second byte: one in eight leaves the checksum as it is. */
void fuzz_apply(struct fuzz *z, const u8 *program, size_t size)
{
	const u8 *op = program + 1;
	struct step s;

	z->now = size ? program[0] % FUZZ_BASES : 0;
	reset(z);
	for (; op + FUZZ_OP <= program + size; op += FUZZ_OP) {
		u32 blkno = decode(z, op, &s);

		fuzz_touch(z, blkno);
		change(z, &s);
		if (op[1] >> 5)
			seal(z, blkno, op[1] & 4);
	}
}
