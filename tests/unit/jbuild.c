// SPDX-License-Identifier: GPL-2.0
/* Writing jbd2 logs by hand, as the kernel's commit code would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/jbuild.h"

static u64 log_offset(const struct ib *ib, u32 pos)
{
	return (ib->img.geo.journal_start + pos) << VEXFS_BLOCK_SHIFT;
}

void jb_read(struct ib *ib, u32 pos, void *block)
{
	assert_int_equal(vexfs_dev_read(&ib->dev, log_offset(ib, pos), block, VEXFS_BLOCK_SIZE), 0);
}

void jb_write(struct ib *ib, u32 pos, const void *block)
{
	assert_int_equal(vexfs_dev_write(&ib->dev, log_offset(ib, pos), block, VEXFS_BLOCK_SIZE),
			 0);
}

void jb_flip(struct ib *ib, u32 pos, u32 off)
{
	u8 block[VEXFS_BLOCK_SIZE];

	jb_read(ib, pos, block);
	block[off] ^= 0x10;
	jb_write(ib, pos, block);
}

struct jbd2_super jb_super(struct ib *ib)
{
	u8 block[VEXFS_BLOCK_SIZE];
	struct jbd2_super js;

	jb_read(ib, 0, block);
	memcpy(&js, block, sizeof(js));
	return js;
}

void jb_put_super(struct ib *ib, struct jbd2_super *js)
{
	u8 block[VEXFS_BLOCK_SIZE] = { 0 };

	js->s_checksum = jbd2_put32(jbd2_super_checksum(js));
	memcpy(block, js, sizeof(*js));
	jb_write(ib, 0, block);
}

void jb_begin(struct jb *jb, struct ib *ib, u32 start, u32 sequence)
{
	struct jbd2_super js = jb_super(ib);

	memset(jb, 0, sizeof(*jb));
	jb->ib = ib;
	jb->pos = start;
	jb->sequence = sequence;
	jb->maxlen = jbd2_get32(js.s_maxlen);
	jb->seed = crc32c(~0U, js.s_uuid, 16);
	jb->when = 1000;
	jb->data = malloc(JB_MAX_BLOCKS * VEXFS_BLOCK_SIZE);
	assert_non_null(jb->data);
	js.s_start = jbd2_put32(start);
	js.s_sequence = jbd2_put32(sequence);
	jb_put_super(ib, &js);
}

void jb_end(struct jb *jb)
{
	free(jb->data);
}

void jb_block(struct jb *jb, u64 blkno, const void *data)
{
	assert_true(jb->n < JB_MAX_BLOCKS);
	jb->blkno[jb->n] = blkno;
	memcpy(jb->data[jb->n++], data, VEXFS_BLOCK_SIZE);
}

void jb_fill(struct jb *jb, u64 blkno, u8 byte)
{
	u8 block[VEXFS_BLOCK_SIZE];

	memset(block, byte, sizeof(block));
	jb_block(jb, blkno, block);
}

void jb_revoke(struct jb *jb, u64 blkno)
{
	assert_true(jb->nrevoke < JB_MAX_REVOKES);
	jb->revoke[jb->nrevoke++] = blkno;
}

static u32 append(struct jb *jb, const void *block)
{
	u32 pos = jb->pos;

	jb_write(jb->ib, pos, block);
	if (++jb->pos == jb->maxlen)
		jb->pos = 1;
	return pos;
}

static void set_header(struct jb *jb, void *block, u32 type)
{
	struct jbd2_header *h = block;

	memset(block, 0, VEXFS_BLOCK_SIZE);
	h->h_magic = jbd2_put32(JBD2_MAGIC_NUMBER);
	h->h_blocktype = jbd2_put32(type);
	h->h_sequence = jbd2_put32(jb->sequence);
}

static void set_tail(struct jb *jb, u8 *block)
{
	jbd2_be32 crc = jbd2_put32(crc32c(jb->seed, block, VEXFS_BLOCK_SIZE));

	memcpy(block + VEXFS_BLOCK_SIZE - 4, &crc, 4);
}

/* The log's copy of block @i: escaped if it begins like a log block. */
static struct jbd2_tag3 make_tag(struct jb *jb, u32 i, bool first, bool last)
{
	jbd2_be32 magic = jbd2_put32(JBD2_MAGIC_NUMBER), seq = jbd2_put32(jb->sequence);
	u32 flags = (first ? 0 : JBD2_FLAG_SAME_UUID) | (last ? JBD2_FLAG_LAST_TAG : 0);
	u32 crc;

	if (!memcmp(jb->data[i], &magic, 4)) {
		memset(jb->data[i], 0, 4);
		flags |= JBD2_FLAG_ESCAPE;
	}
	crc = crc32c(crc32c(jb->seed, &seq, 4), jb->data[i], VEXFS_BLOCK_SIZE);
	return (struct jbd2_tag3){
		jbd2_put32(jb->blkno[i]), jbd2_put32(flags), jbd2_put32(jb->blkno[i] >> 32),
		jbd2_put32(crc),
	};
}

/* One descriptor and the blocks it describes, from block @i on; returns the next. */
static u32 put_descriptor(struct jb *jb, u32 i)
{
	/* The first tag is followed by a uuid, the block ends with a checksum. */
	u32 room = (VEXFS_BLOCK_SIZE - 12 - 16 - 4) / sizeof(struct jbd2_tag3), k, off = 12, pos;
	u32 n = jb->n - i < room ? jb->n - i : room;
	u8 block[VEXFS_BLOCK_SIZE];

	set_header(jb, block, JBD2_DESCRIPTOR_BLOCK);
	for (k = 0; k < n; k++) {
		struct jbd2_tag3 tag = make_tag(jb, i + k, k == 0, k == n - 1);

		memcpy(block + off, &tag, sizeof(tag));
		off += sizeof(tag) + (k == 0 ? 16 : 0);
	}
	set_tail(jb, block);
	pos = append(jb, block);
	if (i == 0)
		jb->first_descriptor = pos;
	for (k = 0; k < n; k++) {
		pos = append(jb, jb->data[i + k]);
		if (i + k == 0)
			jb->first_data = pos;
	}
	return i + n;
}

static void put_revokes(struct jb *jb)
{
	struct jbd2_revoke *r;
	u8 block[VEXFS_BLOCK_SIZE];
	u32 i;

	set_header(jb, block, JBD2_REVOKE_BLOCK);
	r = (void *)block;
	r->r_count = jbd2_put32(sizeof(*r) + jb->nrevoke * 8);
	for (i = 0; i < jb->nrevoke; i++) {
		jbd2_be64 v = jbd2_put64(jb->revoke[i]);

		memcpy(block + sizeof(*r) + i * 8, &v, 8);
	}
	set_tail(jb, block);
	jb->revoke_block = append(jb, block);
}

void jb_abandon(struct jb *jb)
{
	u32 i = 0;

	if (jb->nrevoke)
		put_revokes(jb);
	while (i < jb->n)
		i = put_descriptor(jb, i);
	jb->n = 0;
	jb->nrevoke = 0;
}

void jb_commit(struct jb *jb)
{
	struct jbd2_commit *c;
	u8 block[VEXFS_BLOCK_SIZE];

	jb_abandon(jb);
	set_header(jb, block, JBD2_COMMIT_BLOCK);
	c = (void *)block;
	c->c_commit_sec = jbd2_put64(jb->when++);
	c->c_chksum[0] = jbd2_put32(crc32c(jb->seed, block, VEXFS_BLOCK_SIZE));
	jb->commit = append(jb, block);
	jb->sequence++;
}
