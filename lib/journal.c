// SPDX-License-Identifier: GPL-2.0
/*
 * Replay of a jbd2 log in user space.
 *
 * The log is a ring of blocks [first, maxlen). A transaction is any number of
 * descriptor blocks, each followed by the blocks its tags name, and revoke
 * blocks, ended by a commit block; all carry its sequence number. Three passes
 * as in the kernel's fs/jbd2/recovery.c: SCAN finds the last complete
 * transaction, REVOKE collects the blocks not to be replayed, REPLAY copies. Before
 * that, SIZE looks whether the filesystem has grown: blocks it has got since may be in the log.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal.h"
#include "lib/journal.h"

enum pass { SCAN, REVOKE, SIZE, REPLAY };

struct revoke {
	u64 blkno;
	u32 sequence;
};

/**
 * struct replay - a replay under way
 * @pos:	 next log block
 * @sequence:	 the transaction it should belong to
 * @visited:	 blocks looked at in this pass: a damaged ring must not be walked for ever
 * @last_commit: time of the last commit block, to tell stale blocks of an earlier round
 * @blocks:	 size of the filesystem after the replay
 * @suspect:	 a block of the current transaction has a wrong checksum: an error if the
 *		 transaction turns out to be committed, else the unfinished end of the log
 */
struct replay {
	struct vexfs_image *img;
	struct vexfs_journal *j;
	enum pass pass;
	u32	pos, sequence, visited;
	u64	last_commit, blocks;
	bool	suspect;
	struct revoke *revokes;
	size_t	nrevokes, room;
	u8	block[VEXFS_BLOCK_SIZE];	/* descriptor, commit or revoke */
	u8	data[VEXFS_BLOCK_SIZE];		/* a logged block */
};

static int problem(struct vexfs_journal *j, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int problem(struct vexfs_journal *j, const char *fmt, ...)
{
	va_list ap;

	/* The first one is the cause of the others. */
	if (j->problem[0])
		return -EUCLEAN;
	va_start(ap, fmt);
	vsnprintf(j->problem, sizeof(j->problem), fmt, ap);
	va_end(ap);
	return -EUCLEAN;
}

static int read_log(struct replay *r, u32 pos, void *block)
{
	u64 blkno = r->img->geo.journal_start + pos;

	return vexfs_dev_read(r->img->dev, blkno << VEXFS_BLOCK_SHIFT, block, VEXFS_BLOCK_SIZE);
}

static void advance(struct replay *r, u32 blocks)
{
	u32 ring = r->j->maxlen - r->j->first;

	r->visited += blocks;
	r->pos = r->j->first + (r->pos - r->j->first + blocks) % ring;
}

/* ---- checksums ----------------------------------------------------------- */

/* Descriptor and revoke blocks end with a checksum of the block without it. */
static bool tail_ok(const struct replay *r)
{
	static const u8 zero[4];
	jbd2_be32 tail;
	u32 crc;

	memcpy(&tail, r->block + VEXFS_BLOCK_SIZE - 4, 4);
	crc = crc32c(r->j->seed, r->block, VEXFS_BLOCK_SIZE - 4);
	return crc32c(crc, zero, 4) == jbd2_get32(tail);
}

/*
 * Of the whole block, or of its header with zeros after it, as jbd2 writes them: power that goes may leave the first
 * sector followed by what was there before, and what the commit stands for was on the disk before that sector. jbd2
 * of 6.12 does the same; that of 6.1 calls the journal corrupt, and does not mount before fsck has replayed it.
 */
static bool commit_ok(struct replay *r)
{
	static const u8 zeros[VEXFS_BLOCK_SIZE - sizeof(struct jbd2_commit)];
	struct jbd2_commit *c = (void *)r->block;
	jbd2_be32 stored = c->c_chksum[0];
	u32 head, whole, torn;

	c->c_chksum[0] = jbd2_put32(0);
	head = crc32c(r->j->seed, c, sizeof(*c));
	whole = crc32c(head, c + 1, sizeof(zeros));
	torn = crc32c(head, zeros, sizeof(zeros));
	c->c_chksum[0] = stored;
	return whole == jbd2_get32(stored) || torn == jbd2_get32(stored);
}

static bool data_ok(const struct replay *r, const struct jbd2_tag3 *tag)
{
	jbd2_be32 seq = jbd2_put32(r->sequence);
	u32 crc = crc32c(r->j->seed, &seq, 4);

	return crc32c(crc, r->data, VEXFS_BLOCK_SIZE) == jbd2_get32(tag->t_checksum);
}

/* ---- revoke records ------------------------------------------------------ */

static int add_revoke(struct replay *r, u64 blkno)
{
	if (r->nrevokes == r->room) {
		size_t room = r->room ? r->room * 2 : 512;
		struct revoke *p = realloc(r->revokes, room * sizeof(*p));

		if (!p)
			return -ENOMEM;
		r->revokes = p;
		r->room = room;
	}
	r->revokes[r->nrevokes++] = (struct revoke){ blkno, r->sequence };
	return 0;
}

static int on_revoke(struct replay *r)
{
	const struct jbd2_revoke *h = (const void *)r->block;
	u32 used = jbd2_get32(h->r_count), off;
	int err = 0;

	if (!tail_ok(r)) {
		r->suspect = true;
		return 0;
	}
	if (used < sizeof(*h) || used > VEXFS_BLOCK_SIZE - 4)
		return problem(r->j, "transaction %u: revoke block of %u bytes", r->sequence, used);
	for (off = sizeof(*h); r->pass == REVOKE && off + 8 <= used && !err; off += 8) {
		jbd2_be64 blkno;

		memcpy(&blkno, r->block + off, 8);
		err = add_revoke(r, jbd2_get64(blkno));
	}
	return err;
}

static int cmp_revoke(const void *a, const void *b)
{
	const struct revoke *x = a, *y = b;

	if (x->blkno != y->blkno)
		return x->blkno < y->blkno ? -1 : 1;
	return 0;
}

/* Sort by address and keep the latest transaction of each (sequence numbers wrap). */
static void sort_revokes(struct replay *r)
{
	size_t i, n = 0;

	if (r->nrevokes)
		qsort(r->revokes, r->nrevokes, sizeof(*r->revokes), cmp_revoke);
	for (i = 0; i < r->nrevokes; i++) {
		struct revoke *last = n ? &r->revokes[n - 1] : NULL;

		if (!last || last->blkno != r->revokes[i].blkno)
			r->revokes[n++] = r->revokes[i];
		else if ((s32)(r->revokes[i].sequence - last->sequence) > 0)
			last->sequence = r->revokes[i].sequence;
	}
	r->nrevokes = n;
}

/* Was the block freed by this transaction or a later one? Then its log copy is obsolete. */
static bool revoked(const struct replay *r, u64 blkno)
{
	struct revoke key = { .blkno = blkno };
	const struct revoke *found = NULL;

	if (r->nrevokes)
		found = bsearch(&key, r->revokes, r->nrevokes, sizeof(key), cmp_revoke);
	return found && (s32)(found->sequence - r->sequence) >= 0;
}

/* ---- descriptor blocks --------------------------------------------------- */

static u64 tag_block(const struct jbd2_tag3 *tag)
{
	return (u64)jbd2_get32(tag->t_blocknr_high) << 32 | jbd2_get32(tag->t_blocknr);
}

/* Is this a superblock of the same filesystem, grown? */
static int size_block(struct replay *r, const struct jbd2_tag3 *tag, u32 pos)
{
	const struct vexfs_super_block *sb = (const void *)(r->data + VEXFS_SB_OFFSET);
	struct vexfs_super_block before = r->img->sb, after;
	int err;

	if (tag_block(tag))
		return 0;
	err = read_log(r, pos, r->data);
	if (err || !data_ok(r, tag) || vexfs_sb_verify(sb))
		return err;
	after = *sb;
	if (le64_to_cpu(sb->s_blocks) <= r->img->dev->bytes >> VEXFS_BLOCK_SHIFT &&
	    vexfs_sb_replayed(&before, &after))
		r->blocks = max(r->blocks, le64_to_cpu(sb->s_blocks));
	return 0;
}

static int replay_block(struct replay *r, const struct jbd2_tag3 *tag, u32 pos)
{
	const struct vexfs_geo *geo = &r->img->geo;
	u64 blkno = tag_block(tag);
	struct vexfs_blk b;
	int err;

	if (blkno >= r->blocks ||
	    (blkno >= geo->journal_start && blkno - geo->journal_start < geo->journal_blocks))
		return problem(r->j, "transaction %u: logged block %llu is not of the filesystem",
			       r->sequence, (unsigned long long)blkno);
	if (revoked(r, blkno)) {
		r->j->revoked++;
		return 0;
	}
	err = read_log(r, pos, r->data);
	if (err)
		return err;
	if (!data_ok(r, tag))
		return problem(r->j, "transaction %u: checksum of logged block %llu wrong",
			       r->sequence, (unsigned long long)blkno);
	err = vexfs_image_new(r->img, blkno, &b);
	if (err)
		return err;
	memcpy(b.data, r->data, VEXFS_BLOCK_SIZE);
	if (jbd2_get32(tag->t_flags) & JBD2_FLAG_ESCAPE) {
		jbd2_be32 magic = jbd2_put32(JBD2_MAGIC_NUMBER);

		memcpy(b.data, &magic, 4);
	}
	r->img->io.ops->put(&r->img->io, &b);
	r->j->blocks++;
	return 0;
}

static int on_descriptor(struct replay *r)
{
	u32 off = sizeof(struct jbd2_header), flags = 0;
	struct jbd2_tag3 tag;
	int err = 0;

	if (!tail_ok(r))
		r->suspect = true;
	while (!(flags & JBD2_FLAG_LAST_TAG) && off + sizeof(tag) <= VEXFS_BLOCK_SIZE - 4) {
		memcpy(&tag, r->block + off, sizeof(tag));
		flags = jbd2_get32(tag.t_flags);
		off += sizeof(tag) + (flags & JBD2_FLAG_SAME_UUID ? 0 : 16);
		/* One damaged block must not keep the good ones from their places. */
		if (r->pass == SIZE || r->pass == REPLAY) {
			int ret = r->pass == SIZE ? size_block(r, &tag, r->pos) : replay_block(r, &tag, r->pos);

			if (ret && ret != -EUCLEAN)
				return ret;
			err = err ? err : ret;
		}
		advance(r, 1);
	}
	return err;
}

/* ---- passes -------------------------------------------------------------- */

/* Returns 1 at the end of the log, 0 to go on. */
static int on_commit(struct replay *r)
{
	const struct jbd2_commit *c = (const void *)r->block;
	u64 when = jbd2_get64(c->c_commit_sec);
	bool good = commit_ok(r);

	if (r->pass == SCAN && (!good || r->suspect)) {
		/* Older than its predecessor: left over from an earlier round of the ring. */
		if (when >= r->last_commit)
			problem(r->j, "transaction %u: checksum of its %s block wrong",
				r->sequence, good ? "descriptor or revoke" : "commit");
		return 1;
	}
	r->last_commit = when;
	r->suspect = false;
	r->sequence++;
	return 0;
}

/* One block of the log and what belongs to it. Returns 1 at the end, 0 to go on. */
static int step(struct replay *r)
{
	const struct jbd2_header *h = (const void *)r->block;
	int err;

	if (r->pass != SCAN && r->sequence == r->j->end_sequence)
		return 1;
	if (r->visited > r->j->maxlen)
		return r->pass == SCAN ? 1 : problem(r->j, "the log has no end");
	err = read_log(r, r->pos, r->block);
	if (err)
		return err;
	if (jbd2_get32(h->h_magic) != JBD2_MAGIC_NUMBER ||
	    jbd2_get32(h->h_sequence) != r->sequence)
		return 1;
	advance(r, 1);
	switch (jbd2_get32(h->h_blocktype)) {
	case JBD2_DESCRIPTOR_BLOCK:
		return on_descriptor(r);
	case JBD2_COMMIT_BLOCK:
		return on_commit(r);
	case JBD2_REVOKE_BLOCK:
		return on_revoke(r);
	default:
		return 1;
	}
}

static int run_pass(struct replay *r, enum pass pass)
{
	int ret, damage = 0;

	r->pass = pass;
	r->pos = r->j->start;
	r->sequence = r->j->sequence;
	r->visited = 0;
	r->last_commit = 0;
	r->suspect = false;
	while ((ret = step(r)) <= 0) {
		if (ret == -EUCLEAN && pass == REPLAY && r->visited <= r->j->maxlen)
			damage = ret;
		else if (ret)
			return ret;
	}
	if (pass == SCAN)
		r->j->end_sequence = r->sequence;
	return damage;
}

/* The image's cache takes new blocks until its superblock is loaded anew. */
static int replay_passes(struct replay *r)
{
	int err = run_pass(r, SCAN);

	if (!err)
		err = run_pass(r, REVOKE);
	sort_revokes(r);
	if (!err)
		err = run_pass(r, SIZE);
	r->img->io.nblocks = r->blocks;
	return err ? err : run_pass(r, REPLAY);
}

int vexfs_journal_replay(struct vexfs_image *img, struct vexfs_journal *j)
{
	struct replay *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->img = img;
	r->j = j;
	r->blocks = img->geo.blocks;
	err = replay_passes(r);
	free(r->revokes);
	free(r);
	return err ? err : j->problem[0] ? -EUCLEAN : 0;
}

/* ---- the journal superblock ---------------------------------------------- */

int vexfs_journal_open(struct vexfs_image *img, struct vexfs_journal *j)
{
	struct vexfs_journal_super js;
	const char *why;
	int err = vexfs_dev_read(img->dev, img->geo.journal_start << VEXFS_BLOCK_SHIFT, &js,
				 sizeof(js));

	memset(j, 0, sizeof(*j));
	if (err)
		return err;
	j->start = be32_to_cpu(js.s_start);
	j->first = be32_to_cpu(js.s_first);
	j->maxlen = be32_to_cpu(js.s_maxlen);
	j->sequence = be32_to_cpu(js.s_sequence);
	j->end_sequence = j->sequence;
	j->error = (s32)be32_to_cpu(js.s_errno);
	j->seed = crc32c(~0U, js.s_uuid, sizeof(js.s_uuid));
	why = vexfs_journal_super_verify(&js, &img->geo);
	if (why)
		return problem(j, "%s", why);
	j->dirty = vexfs_journal_super_dirty(&js);
	return 0;
}

int vexfs_journal_finish(struct vexfs_image *img, struct vexfs_journal *j)
{
	u64 off = img->geo.journal_start << VEXFS_BLOCK_SHIFT;
	struct vexfs_journal_super js;
	int err = vexfs_image_flush(img);

	if (!err)
		err = vexfs_dev_read(img->dev, off, &js, sizeof(js));
	if (err)
		return err;
	js.s_start = 0;
	/* As the kernel does, leave a gap: blocks of an incomplete last transaction
	 * must not match the next sequence number. */
	js.s_sequence = cpu_to_be32(j->end_sequence + 1);
	js.s_checksum = cpu_to_be32(vexfs_journal_super_checksum(&js));
	err = vexfs_dev_write(img->dev, off, &js, sizeof(js));
	if (!err)
		err = vexfs_dev_sync(img->dev);
	j->dirty = err;
	return err;
}
