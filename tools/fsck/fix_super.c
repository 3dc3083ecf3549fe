// SPDX-License-Identifier: GPL-2.0
/* Repair of the superblock, its error record, and the journal. Everything stays in memory until write.c. */
#include <errno.h>
#include <string.h>

#include "lib/jbd2.h"
#include "tools/fsck/fsck.h"

/* Put what f->img.sb says into block 0. */
int fsck_write_super(struct fsck *f)
{
	struct vexfs_super_block *sb;
	struct vexfs_blk b;
	int err = vexfs_image_get(&f->img, 0, &b);

	if (err == -EIO)
		err = vexfs_image_new(&f->img, 0, &b);
	if (err)
		return err;
	sb = (void *)((u8 *)b.data + VEXFS_SB_OFFSET);
	*sb = f->img.sb;
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	fsck_changed(f, &b, false);
	f->img.io.ops->put(&f->img.io, &b);
	return 0;
}

/* ---- the journal --------------------------------------------------------- */

static int put_journal_super(struct fsck *f, struct jbd2_super *js)
{
	struct vexfs_blk b;
	int err = vexfs_image_new(&f->img, f->img.geo.journal_start, &b);

	if (err)
		return err;
	js->s_checksum = jbd2_put32(jbd2_super_checksum(js));
	memcpy(b.data, js, sizeof(*js));
	fsck_changed(f, &b, false);
	f->img.io.ops->put(&f->img.io, &b);
	f->journal.dirty = false;
	return 0;
}

/* Above every sequence number in the region: nothing old can be taken for what follows in a new log. */
static u32 fresh_sequence(struct fsck *f)
{
	const struct vexfs_geo *geo = &f->img.geo;
	u8 block[VEXFS_BLOCK_SIZE];
	const struct jbd2_header *h = (const void *)block;
	bool any = false;
	u32 i, seq, most = 0;

	for (i = 1; i < geo->journal_blocks; i++) {
		if (vexfs_dev_read(&f->dev, (geo->journal_start + i) << VEXFS_BLOCK_SHIFT, block,
				   sizeof(block)) ||
		    jbd2_get32(h->h_magic) != JBD2_MAGIC_NUMBER)
			continue;
		seq = jbd2_get32(h->h_sequence);
		if (!any || (s32)(seq - most) > 0)
			most = seq;
		any = true;
	}
	return any ? most + 2 : 1;
}

/* An empty journal, whatever its superblock and its log were. */
int fsck_journal_discard(struct fsck *f)
{
	u8 block[VEXFS_BLOCK_SIZE];
	struct jbd2_super *js = (void *)block;

	jbd2_super_init(block, f->img.geo.journal_blocks, f->img.geo.uuid);
	js->s_sequence = jbd2_put32(fresh_sequence(f));
	return put_journal_super(f, js);
}

/*
 * All of it was replayed: mark it empty. As the kernel does, with a gap: blocks of an
 * incomplete last transaction must not match the next sequence number.
 */
int fsck_journal_empty(struct fsck *f)
{
	struct jbd2_super js;
	int err = vexfs_dev_read(&f->dev, f->img.geo.journal_start << VEXFS_BLOCK_SHIFT, &js, sizeof(js));

	if (err)
		return err;
	js.s_start = jbd2_put32(0);
	js.s_sequence = jbd2_put32(f->journal.end_sequence + 1);
	return put_journal_super(f, &js);
}
