// SPDX-License-Identifier: GPL-2.0
/* The block cache over a device: core's struct vexfs_io in user space. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/image.h"

#define CACHE_BLOCKS	8192	/* 32 MiB of clean blocks */

/**
 * struct vexfs_cblk - a cached block
 * @next:     in its hash chain
 * @newer, @older: in the list by last use
 * @pins:     users; a pinned block does not move
 * @dirty:    differs from the device
 * @seal:     has a header to be sealed before it is written
 * @verified: its checksum was right when read, or it was made here
 */
struct vexfs_cblk {
	struct vexfs_cblk *next, *newer, *older;
	u64	blkno;
	u32	pins;
	bool	dirty, seal, verified;
	u8	data[VEXFS_BLOCK_SIZE] __attribute__((aligned(16)));
};

static struct vexfs_image *to_image(struct vexfs_io *io)
{
	return (struct vexfs_image *)((char *)io - offsetof(struct vexfs_image, io));
}

/* ---- hash and use order -------------------------------------------------- */

static struct vexfs_cblk **chain(struct vexfs_image *img, u64 blkno)
{
	return &img->hash[(blkno * 0x9e3779b97f4a7c15ULL) >> 40 & (img->hash_size - 1)];
}

static void lru_unlink(struct vexfs_image *img, struct vexfs_cblk *c)
{
	*(c->newer ? &c->newer->older : &img->lru_first) = c->older;
	*(c->older ? &c->older->newer : &img->lru_last) = c->newer;
}

static void lru_push(struct vexfs_image *img, struct vexfs_cblk *c)
{
	c->newer = NULL;
	c->older = img->lru_first;
	*(c->older ? &c->older->newer : &img->lru_last) = c;
	img->lru_first = c;
}

static struct vexfs_cblk *lookup(struct vexfs_image *img, u64 blkno)
{
	struct vexfs_cblk *c = *chain(img, blkno);

	while (c && c->blkno != blkno)
		c = c->next;
	return c;
}

static void drop(struct vexfs_image *img, struct vexfs_cblk *c)
{
	struct vexfs_cblk **p = chain(img, c->blkno);

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	lru_unlink(img, c);
	img->cached--;
	free(c);
}

static void set_dirty(struct vexfs_image *img, struct vexfs_cblk *c, bool dirty)
{
	img->changed += dirty - c->dirty;
	c->dirty = dirty;
}

/* Too many blocks that could be dropped: an overlay's changed blocks cannot. */
static bool crowded(const struct vexfs_image *img)
{
	return img->cached - (img->writable ? 0 : img->changed) >= img->cache_max;
}

static int write_back(struct vexfs_image *img, struct vexfs_cblk *c)
{
	int err;

	if (c->seal)
		vexfs_mdhdr_seal(c->data);
	err = vexfs_dev_write(img->dev, c->blkno << VEXFS_BLOCK_SHIFT, c->data,
			      VEXFS_BLOCK_SIZE);
	if (!err)
		set_dirty(img, c, false);
	return err;
}

/*
 * Make room from the least recently used end. An overlay's changed blocks have
 * nowhere else to be and stay; the search is bounded so that many of them at
 * the end do not make every miss slow.
 */
static int shrink(struct vexfs_image *img)
{
	struct vexfs_cblk *c = img->lru_last, *newer;
	unsigned int budget = 64;
	int err = 0;

	for (; c && crowded(img) && budget && !err; c = newer, budget--) {
		newer = c->newer;
		if (c->pins)
			continue;
		if (c->dirty && !img->writable) {
			lru_unlink(img, c);
			lru_push(img, c);
			continue;
		}
		if (c->dirty)
			err = write_back(img, c);
		if (!err)
			drop(img, c);
	}
	return err;
}

static int insert(struct vexfs_image *img, u64 blkno, struct vexfs_cblk **ret)
{
	struct vexfs_cblk **head = chain(img, blkno), *c;
	int err = crowded(img) ? shrink(img) : 0;

	if (err)
		return err;
	c = malloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	memset(c, 0, offsetof(struct vexfs_cblk, data));
	c->blkno = blkno;
	c->next = *head;
	*head = c;
	lru_push(img, c);
	img->cached++;
	*ret = c;
	return 0;
}

static void pin(struct vexfs_image *img, struct vexfs_cblk *c, struct vexfs_blk *b)
{
	c->pins++;
	lru_unlink(img, c);
	lru_push(img, c);
	*b = (struct vexfs_blk){ .blkno = c->blkno, .data = c->data, .priv = c };
}

int vexfs_image_get(struct vexfs_image *img, u64 blkno, struct vexfs_blk *b)
{
	struct vexfs_cblk *c;
	int err = 0;

	memset(b, 0, sizeof(*b));
	if (blkno >= img->io.nblocks)
		return -EINVAL;
	c = lookup(img, blkno);
	if (!c) {
		err = insert(img, blkno, &c);
		if (err)
			return err;
		err = vexfs_dev_read(img->dev, blkno << VEXFS_BLOCK_SHIFT, c->data,
				     VEXFS_BLOCK_SIZE);
	}
	if (err)
		drop(img, c);
	else
		pin(img, c, b);
	return err;
}

int vexfs_image_new(struct vexfs_image *img, u64 blkno, struct vexfs_blk *b)
{
	struct vexfs_cblk *c;
	int err;

	memset(b, 0, sizeof(*b));
	if (blkno >= img->io.nblocks)
		return -EINVAL;
	c = lookup(img, blkno);
	err = c ? 0 : insert(img, blkno, &c);
	if (err)
		return err;
	memset(c->data, 0, VEXFS_BLOCK_SIZE);
	set_dirty(img, c, true);
	c->seal = false;
	c->verified = false;
	pin(img, c, b);
	return 0;
}

int vexfs_image_dirty(struct vexfs_image *img, struct vexfs_blk *b, bool seal)
{
	struct vexfs_cblk *c = b->priv;

	set_dirty(img, c, true);
	c->seal = seal;
	c->verified = seal;
	return 0;
}

/* ---- core's block access ------------------------------------------------- */

static void io_put(struct vexfs_io *io, struct vexfs_blk *b)
{
	struct vexfs_cblk *c = b->priv;

	if (c)
		c->pins--;
	memset(b, 0, sizeof(*b));
}

static int io_corrupt(struct vexfs_io *io, u64 blkno, const char *what)
{
	struct vexfs_image *img = to_image(io);

	if (img->report)
		img->report(img->report_ctx, blkno, what);
	return -EUCLEAN;
}

/* What of the header may differ between two reads of a block whose checksum was found right. */
static const char *recheck(const struct vexfs_blk *b, u32 magic, u32 magic2, u64 owner)
{
	const struct vexfs_mdhdr *h = b->data;
	u32 m = le32_to_cpu(h->h_magic);

	if (m != magic && (!magic2 || m != magic2))
		return "wrong magic";
	return le64_to_cpu(h->h_owner) == owner ? NULL : "wrong owner";
}

static int io_read(struct vexfs_io *io, u64 blkno, u32 magic, u32 magic2, u64 owner,
		   struct vexfs_blk *b)
{
	struct vexfs_image *img = to_image(io);
	struct vexfs_cblk *c;
	const char *bad;
	int err = vexfs_image_get(img, blkno, b);

	if (err == -EINVAL)
		return io_corrupt(io, blkno, "address beyond the device");
	if (err)
		return err;
	c = b->priv;
	bad = c->verified ? recheck(b, magic, magic2, owner) :
	      vexfs_mdhdr_verify(b->data, &img->geo, magic, magic2, blkno, owner);
	if (bad) {
		io_put(io, b);
		return io_corrupt(io, blkno, bad);
	}
	c->verified = true;
	return 0;
}

static int io_modify(struct vexfs_io *io, struct vexfs_blk *b)
{
	return 0;
}

static int io_dirty(struct vexfs_io *io, struct vexfs_blk *b)
{
	return vexfs_image_dirty(to_image(io), b, true);
}

static int io_alloc(struct vexfs_io *io, u64 goal, u32 magic, u64 owner, struct vexfs_blk *b)
{
	struct vexfs_image *img = to_image(io);
	u32 len = 1;
	u64 blkno;
	int err;

	memset(b, 0, sizeof(*b));
	err = vexfs_image_alloc_blocks(img, goal, &len, &blkno);
	if (!err)
		err = vexfs_image_new(img, blkno, b);
	if (err)
		return err;
	vexfs_mdhdr_init(b->data, &img->geo, magic, blkno, owner);
	vexfs_image_dirty(img, b, true);
	img->allocated++;
	return 0;
}

static int io_free(struct vexfs_io *io, struct vexfs_blk *b)
{
	struct vexfs_image *img = to_image(io);
	u64 blkno = b->blkno;

	io_put(io, b);
	img->allocated--;
	return img->lazy_free ? 0 : vexfs_image_free_blocks(img, blkno, 1);
}

static const struct vexfs_io_ops image_ops = {
	.read = io_read,
	.modify = io_modify,
	.dirty = io_dirty,
	.put = io_put,
	.alloc = io_alloc,
	.free = io_free,
	.corrupt = io_corrupt,
};

/* ---- open, flush, close -------------------------------------------------- */

static void set_super(struct vexfs_image *img, const struct vexfs_super_block *sb)
{
	free(img->geo.place);
	img->sb = *sb;
	vexfs_geo_init(&img->geo, sb);
	img->io.nblocks = img->geo.blocks;
	img->io.geo = &img->geo;
}

int vexfs_image_open_sb(struct vexfs_image *img, struct vexfs_dev *dev, unsigned int flags,
			const struct vexfs_super_block *sb)
{
	memset(img, 0, sizeof(*img));
	img->io.ops = &image_ops;
	img->dev = dev;
	img->writable = flags & VEXFS_IMAGE_RW;
	img->cache_max = CACHE_BLOCKS;
	img->hash_size = 1U << 14;
	img->hash = calloc(img->hash_size, sizeof(*img->hash));
	if (!img->hash)
		return -ENOMEM;
	set_super(img, sb);
	return 0;
}

/* A descriptor block or, if that does not verify, its copy: what places need is in both. */
static int read_gdt(struct vexfs_image *img, u32 index, struct vexfs_blk *b)
{
	u64 blkno[2] = { vexfs_gdt_block(&img->geo, index), vexfs_gdt_copy(&img->geo, index) };
	int i, err;

	for (i = 0; i < 2; i++) {
		err = vexfs_image_get(img, blkno[i], b);
		if (err)
			continue;
		if (!vexfs_mdhdr_verify(b->data, &img->geo, VEXFS_MAGIC_GDT, 0, blkno[i], index))
			return 0;
		io_put(&img->io, b);
		err = -EUCLEAN;
	}
	return err;
}

int vexfs_image_places(struct vexfs_image *img, const char **what)
{
	struct vexfs_blk b;
	int err = 0;
	u32 i;

	*what = NULL;
	free(img->geo.place);
	img->geo.place = calloc(img->geo.groups, sizeof(*img->geo.place));
	if (!img->geo.place)
		return -ENOMEM;
	for (i = 0; i < img->geo.gdt_blocks && !err; i++) {
		err = read_gdt(img, i, &b);
		if (err)
			break;
		vexfs_places_set(&img->geo, i, b.data);
		io_put(&img->io, &b);
	}
	if (err == -EUCLEAN)
		*what = "a block of group descriptors and its copy are damaged";
	else if (!err)
		*what = vexfs_places_verify(&img->geo);
	if (err || *what) {
		free(img->geo.place);
		img->geo.place = NULL;
	}
	return *what ? -EUCLEAN : err;
}

int vexfs_image_open(struct vexfs_image *img, struct vexfs_dev *dev, unsigned int flags,
		     const char **what)
{
	int err = vexfs_image_open_super(img, dev, flags, what);

	if (err)
		return err;
	err = vexfs_image_places(img, what);
	if (err)
		vexfs_image_close(img);
	return err;
}

int vexfs_image_open_super(struct vexfs_image *img, struct vexfs_dev *dev, unsigned int flags,
			   const char **what)
{
	struct vexfs_super_block sb;
	int err = vexfs_dev_read(dev, VEXFS_SB_OFFSET, &sb, sizeof(sb));

	*what = NULL;
	memset(img, 0, sizeof(*img));
	if (err == -EIO && dev->bytes < VEXFS_SB_OFFSET + sizeof(sb)) {
		*what = "too short to hold a superblock";
		return -EUCLEAN;
	}
	if (err)
		return err;
	*what = vexfs_sb_verify(&sb);
	return *what ? -EUCLEAN : vexfs_image_open_sb(img, dev, flags, &sb);
}

int vexfs_image_reload(struct vexfs_image *img, const char **what)
{
	const struct vexfs_super_block *sb;
	bool places = img->geo.place;
	struct vexfs_blk b;
	int err = vexfs_image_get(img, 0, &b);

	if (err)
		return err;
	sb = (const void *)((char *)b.data + VEXFS_SB_OFFSET);
	*what = vexfs_sb_verify(sb);
	if (!*what)
		set_super(img, sb);
	io_put(&img->io, &b);
	if (!*what && places)
		return vexfs_image_places(img, what);
	return *what ? -EUCLEAN : 0;
}

int vexfs_image_flush_some(struct vexfs_image *img, bool (*want)(void *ctx, u64 blkno), void *ctx)
{
	struct vexfs_cblk *c;
	int err;

	if (!img->writable)
		return -EROFS;
	for (c = img->lru_last; c; c = c->newer) {
		if (!c->dirty || (want && !want(ctx, c->blkno)))
			continue;
		err = write_back(img, c);
		if (err)
			return err;
	}
	return vexfs_dev_sync(img->dev);
}

int vexfs_image_flush(struct vexfs_image *img)
{
	return vexfs_image_flush_some(img, NULL, NULL);
}

int vexfs_image_each_changed(struct vexfs_image *img, int (*fn)(void *ctx, u64 blkno), void *ctx)
{
	struct vexfs_cblk *c;
	int err = 0;

	for (c = img->lru_last; c && !err; c = c->newer)
		if (c->dirty)
			err = fn(ctx, c->blkno);
	return err;
}

void vexfs_image_close(struct vexfs_image *img)
{
	struct vexfs_cblk *c = img->lru_first, *older;

	for (; c; c = older) {
		older = c->older;
		free(c);
	}
	free(img->hash);
	free(img->geo.place);
	memset(img, 0, sizeof(*img));
}

int vexfs_image_inode(struct vexfs_image *img, u64 ino, struct vexfs_blk *b,
		      struct vexfs_inode **di)
{
	int err = vexfs_image_get(img, vexfs_ino_block(&img->geo, ino), b);

	if (!err)
		*di = (void *)((char *)b->data + vexfs_ino_offset(&img->geo, ino));
	return err;
}
