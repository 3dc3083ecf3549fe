// SPDX-License-Identifier: GPL-2.0
/*
 * The undo file: what blocks held before fsck.vexfs wrote to them.
 *
 * A head of 4096 bytes, then for each block a record and the 4096 bytes. The head is
 * written last: a file without one that verifies was not completed, and then nothing has
 * been written to the device. Numbers are little-endian.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/fsck/fsck.h"

#define UNDO_MAGIC	"VexFS undo 1\n"

struct undo_head {
	char	u_magic[16];
	__le32	u_checksum;	/* crc32c of the head, this field 0 */
	__le32	u_pad;
	__le64	u_count;	/* of blocks */
	__le64	u_bytes;	/* size of the device */
	u8	u_uuid[VEXFS_UUID_LEN];	/* s_meta_uuid */
	u8	u_zero[VEXFS_BLOCK_SIZE - 56];
};

struct undo_rec {
	__le64	r_blkno;
	__le32	r_crc;
	__le32	r_pad;
	u8	r_data[VEXFS_BLOCK_SIZE];
};

_Static_assert(sizeof(struct undo_head) == VEXFS_BLOCK_SIZE, "head of the undo file");

static u32 head_crc(const struct undo_head *h)
{
	struct undo_head copy = *h;

	copy.u_checksum = 0;
	return crc32c(~0U, &copy, sizeof(copy));
}

static u32 rec_crc(const struct undo_rec *r)
{
	return crc32c(crc32c(~0U, &r->r_blkno, 8), r->r_data, sizeof(r->r_data));
}

static u64 rec_offset(u64 i)
{
	return sizeof(struct undo_head) + i * sizeof(struct undo_rec);
}

/* ---- saving ------------------------------------------------------------------ */

/* A block that the device cannot read has nothing to be kept. */
static int save_block(struct fsck *f, const struct vexfs_dev *to, u64 blkno, u64 *count)
{
	struct undo_rec r = { .r_blkno = cpu_to_le64(blkno) };
	int err = vexfs_dev_read(&f->dev, blkno << VEXFS_BLOCK_SHIFT, r.r_data, sizeof(r.r_data));

	if (err)
		return err == -EIO ? 0 : err;
	r.r_crc = cpu_to_le32(rec_crc(&r));
	return vexfs_dev_write(to, rec_offset((*count)++), &r, sizeof(r));
}

static int save_all(struct fsck *f, const struct vexfs_dev *to, const u64 *blocks, size_t n)
{
	struct undo_head h = { .u_magic = UNDO_MAGIC, .u_bytes = cpu_to_le64(f->dev.bytes) };
	u64 count = 0;
	int err = 0;
	size_t i;

	for (i = 0; i < n && !err; i++)
		err = save_block(f, to, blocks[i], &count);
	if (!err)
		err = vexfs_dev_sync(to);
	if (err)
		return err;
	memcpy(h.u_uuid, f->img.geo.uuid, sizeof(h.u_uuid));
	h.u_count = cpu_to_le64(count);
	h.u_checksum = cpu_to_le32(head_crc(&h));
	err = vexfs_dev_write(to, 0, &h, sizeof(h));
	return err ? err : vexfs_dev_sync(to);
}

/**
 * fsck_undo_save - keep what blocks of the device hold
 * @f:      f->undo_path: the file, which must not exist
 * @blocks: those that will be written
 * @n:      how many
 *
 * Return: 0 or a negative errno; then the file does not exist.
 */
int fsck_undo_save(struct fsck *f, const u64 *blocks, size_t n)
{
	struct vexfs_dev to = { .path = f->undo_path, .writable = true };
	int err;

	to.fd = open(f->undo_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to.fd < 0) {
		err = -errno;
		fsck_fatal(f, err, "making the undo file (-z)");
		return err;
	}
	err = save_all(f, &to, blocks, n);
	vexfs_dev_close(&to);
	if (err)
		unlink(f->undo_path);
	else
		fsck_say(f, "undo file: %s; fsck.vexfs --undo %s %s takes the repair back", f->undo_path,
			 f->undo_path, f->path);
	return err;
}

/* ---- applying ------------------------------------------------------------------ */

static int bad_file(const struct fsck *f, const char *what)
{
	fprintf(stderr, "fsck.vexfs: %s: %s\n", f->apply_path, what);
	return FSCK_FAILED;
}

static int verify_rec(struct fsck *f, const struct vexfs_dev *from, u64 i, struct undo_rec *r)
{
	int err = vexfs_dev_read(from, rec_offset(i), r, sizeof(*r));

	if (err)
		return bad_file(f, strerror(-err));
	if (le32_to_cpu(r->r_crc) != rec_crc(r) ||
	    le64_to_cpu(r->r_blkno) >= f->dev.bytes >> VEXFS_BLOCK_SHIFT)
		return bad_file(f, "a block in it is damaged; nothing more was written");
	return 0;
}

/* A repair that was interrupted may have left a superblock that does not verify. */
static bool may_be_of(const struct vexfs_dev *dev, const u8 *uuid)
{
	struct vexfs_super_block sb;

	if (vexfs_dev_read(dev, VEXFS_SB_OFFSET, &sb, sizeof(sb)) || vexfs_sb_verify(&sb))
		return true;
	return !memcmp(sb.s_meta_uuid, uuid, VEXFS_UUID_LEN);
}

static int verify_head(struct fsck *f, const struct vexfs_dev *from, u64 *count)
{
	struct undo_head h;

	if (vexfs_dev_read(from, 0, &h, sizeof(h)) || memcmp(h.u_magic, UNDO_MAGIC, sizeof(UNDO_MAGIC)) ||
	    le32_to_cpu(h.u_checksum) != head_crc(&h))
		return bad_file(f, "not a complete undo file of fsck.vexfs");
	if (le64_to_cpu(h.u_bytes) != f->dev.bytes)
		return bad_file(f, "made for a device of another size");
	if (!may_be_of(&f->dev, h.u_uuid))
		return bad_file(f, "made for another filesystem; nothing was written");
	*count = le64_to_cpu(h.u_count);
	return 0;
}

/* All of it is read and verified before anything is written. */
static int apply(struct fsck *f, const struct vexfs_dev *from)
{
	struct undo_rec r;
	u64 count, i;
	int err = verify_head(f, from, &count);

	for (i = 0; !err && i < count; i++)
		err = verify_rec(f, from, i, &r);
	for (i = 0; !err && i < count; i++) {
		err = verify_rec(f, from, i, &r);
		if (!err && vexfs_dev_write(&f->dev, le64_to_cpu(r.r_blkno) << VEXFS_BLOCK_SHIFT, r.r_data,
					    sizeof(r.r_data)))
			err = bad_file(f, "the device cannot be written");
	}
	if (!err && vexfs_dev_sync(&f->dev))
		err = bad_file(f, "the device cannot be written");
	if (!err)
		fsck_say(f, "%s: %llu blocks are as they were before the repair", f->path,
			 (unsigned long long)count);
	return err;
}

/* f->dev is open for writing. Return: an exit code. */
int fsck_undo_apply(struct fsck *f)
{
	struct vexfs_dev from;
	int err = vexfs_dev_open(&from, f->apply_path, O_RDONLY);

	if (err)
		return bad_file(f, strerror(-err));
	err = apply(f, &from);
	vexfs_dev_close(&from);
	return err;
}
