// SPDX-License-Identifier: GPL-2.0
/* One block as it is, and writing bytes into one. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "lib/image_seal.h"
#include "tools/dump/dump.h"

static void show_line(const u8 *p, u32 off)
{
	u32 i;

	printf("%04x ", off);
	for (i = 0; i < 16; i++)
		printf(" %02x", p[i]);
	fputs("  ", stdout);
	for (i = 0; i < 16; i++)
		putchar(isprint(p[i]) ? p[i] : '.');
	putchar('\n');
}

/* Equal lines are shown once. */
static void show_hex(const u8 *block)
{
	bool starred = false;
	u32 off;

	for (off = 0; off < VEXFS_BLOCK_SIZE; off += 16) {
		if (off && !memcmp(block + off, block + off - 16, 16)) {
			if (!starred)
				puts("*");
			starred = true;
			continue;
		}
		starred = false;
		show_line(block + off, off);
	}
}

static void show_header(const void *block)
{
	const struct vexfs_mdhdr *h = block;
	const char *magic = block;
	char uuid[37];

	if (magic[0] != 'V' || !isupper((unsigned char)magic[1]))
		return;
	uuid_unparse(h->h_uuid, uuid);
	printf("header: %.4s, checksum %08x (%s), uuid %s\n", magic, le32_to_cpu(h->h_checksum),
	       le32_to_cpu(h->h_checksum) == vexfs_mdhdr_checksum(block) ? "right" : "WRONG", uuid);
	printf("        block %llu, owner %llu, level %u, count %u, bytes %u\n",
	       (unsigned long long)le64_to_cpu(h->h_blkno),
	       (unsigned long long)le64_to_cpu(h->h_owner), le16_to_cpu(h->h_level),
	       le16_to_cpu(h->h_count), le32_to_cpu(h->h_bytes));
}

static int read_raw(struct dump *d, u64 blkno, u8 *block)
{
	struct vexfs_blk b;
	int err;

	if (blkno >= d->dev.bytes >> VEXFS_BLOCK_SHIFT)
		return -EINVAL;
	if (d->raw || blkno >= d->img.io.nblocks)
		return vexfs_dev_read(&d->dev, blkno << VEXFS_BLOCK_SHIFT, block, VEXFS_BLOCK_SIZE);
	err = vexfs_image_get(&d->img, blkno, &b);
	if (err)
		return err;
	memcpy(block, b.data, VEXFS_BLOCK_SIZE);
	dump_put(d, &b);
	return 0;
}

void dump_block(struct dump *d, u64 blkno)
{
	u8 block[VEXFS_BLOCK_SIZE];
	int err = read_raw(d, blkno, block);

	if (err == -EINVAL) {
		dump_problem(d, "there is no block %llu: the last one is %llu",
			     (unsigned long long)blkno,
			     (unsigned long long)(d->dev.bytes >> VEXFS_BLOCK_SHIFT) - 1);
		return;
	}
	if (err) {
		dump_problem(d, "block %llu: %s", (unsigned long long)blkno, strerror(-err));
		return;
	}
	printf("block %llu\n", (unsigned long long)blkno);
	show_header(block);
	show_hex(block);
}

/* ---- poke ---------------------------------------------------------------- */

/* HEXBYTES to bytes; their number, 0 if that is not what it is. */
u32 dump_parse_hex(const char *text, u8 *bytes, u32 room)
{
	u32 n;

	for (n = 0; *text; n++, text += 2) {
		unsigned int v;

		if (n == room || !isxdigit((unsigned char)text[0]) ||
		    !isxdigit((unsigned char)text[1]) || sscanf(text, "%2x", &v) != 1)
			return 0;
		bytes[n] = v;
	}
	return n;
}

static int poke(struct dump *d, u64 blkno, u32 off, const u8 *bytes, u32 len, bool seal)
{
	u8 block[VEXFS_BLOCK_SIZE];
	int err = read_raw(d, blkno, block);

	if (!err) {
		memcpy(block + off, bytes, len);
		if (seal)
			err = vexfs_seal_block(&d->img.geo, blkno, off, block);
	}
	if (err == -ENOENT) {
		dump_problem(d, "--seal: nothing with a checksum is in block %llu",
			     (unsigned long long)blkno);
		return 1;
	}
	if (!err)
		err = vexfs_dev_write(&d->dev, blkno << VEXFS_BLOCK_SHIFT, block, VEXFS_BLOCK_SIZE);
	if (err)
		dump_problem(d, "block %llu: %s", (unsigned long long)blkno, strerror(-err));
	return err ? 1 : 0;
}

/*
 * The image's cache still has what was there before: later options of the same
 * run show the change, so the block is read again by dropping the cache.
 */
static int refresh(struct dump *d)
{
	struct vexfs_super_block sb = d->img.sb;
	void (*report)(void *ctx, u64 blkno, const char *what) = d->img.report;
	int err;

	if (d->raw)
		return 0;
	vexfs_image_close(&d->img);
	err = vexfs_image_open_sb(&d->img, &d->dev, 0, &sb);
	d->img.report = report;
	d->img.report_ctx = d;
	if (err)
		dump_problem(d, "%s", strerror(-err));
	else
		dump_places(d);
	return err ? 1 : 0;
}

int dump_write(struct dump *d, u64 blkno, u32 off, const u8 *bytes, u32 len, bool seal)
{
	return poke(d, blkno, off, bytes, len, seal) || refresh(d) ? 1 : 0;
}

int dump_poke(struct dump *d, const char *spec, bool seal)
{
	unsigned long long blkno;
	unsigned int off;
	int pos = 0;
	u8 bytes[VEXFS_BLOCK_SIZE];
	u32 len = 0;

	if (sscanf(spec, "%llu:%u=%n", &blkno, &off, &pos) == 2 && pos)
		len = dump_parse_hex(spec + pos, bytes, sizeof(bytes));
	if (!len || off >= VEXFS_BLOCK_SIZE || off + len > VEXFS_BLOCK_SIZE) {
		fprintf(stderr, "dump.vexfs: --poke %s: give BLOCK:OFFSET=HEXBYTES within one block\n",
			spec);
		return 2;
	}
	/* The superblock itself can be sealed whatever is in it. */
	if (seal && d->raw && blkno) {
		dump_problem(d, "--seal needs a sound superblock, except for block 0");
		return 1;
	}
	return dump_write(d, blkno, off, bytes, len, seal);
}
