// SPDX-License-Identifier: GPL-2.0
/*
 * The extent map of a file.
 *
 * A record never reaches beyond the range of its leaf (core/btree_change.c keeps
 * it so). Whatever is done to a range of blocks therefore replaces a few
 * neighbouring records of one leaf, in one step that happens or does not: there
 * is no state in between that could lose blocks or map them twice.
 */
#include "core/extent.h"
#include "core/btree_node.h"

#define EXT_PBLK_MASK	((1ULL << VEXFS_EXT_PBLK_BITS) - 1)
#define EXT_LEN_MASK	((1ULL << VEXFS_EXT_LEN_BITS) - 1)

/**
 * struct run - neighbouring records of a leaf and what shall replace them
 * @pos: of the first
 * @old: how many there are
 * @n:   how many come
 * @ext: they: at most a written neighbour, three pieces, another neighbour
 */
struct run {
	u32 pos;
	u32 old;
	u32 n;
	struct vexfs_extent ext[5];
};

static u64 ext_end(const struct vexfs_extent *e)
{
	return e->lblk + e->len;
}

/**
 * vexfs_ext_pack - the record value of an extent
 * @e: not a hole; len <= VEXFS_EXT_MAX_LEN
 */
u64 vexfs_ext_pack(const struct vexfs_extent *e)
{
	return (e->pblk & EXT_PBLK_MASK) | (e->len & EXT_LEN_MASK) << VEXFS_EXT_PBLK_BITS |
	       (e->flags & VEXFS_EXT_FLAGS);
}

/**
 * vexfs_ext_unpack - decode and verify an extent record
 * @key:     of the record
 * @val:     of the record
 * @io:      says which blocks a file may have
 * @e:       the extent; to be ignored after a failure
 *
 * Return: NULL, or the failed check.
 */
const char *vexfs_ext_unpack(u64 key, u64 val, const struct vexfs_io *io,
			     struct vexfs_extent *e)
{
	u64 nblocks = vexfs_io_blocks(io);

	e->lblk = key;
	e->pblk = val & EXT_PBLK_MASK;
	e->len = val >> VEXFS_EXT_PBLK_BITS & EXT_LEN_MASK;
	e->flags = val & VEXFS_EXT_FLAGS;
	if (!e->len)
		return "extent of length 0";
	if (key >= VEXFS_MAX_LBLK || e->len > VEXFS_MAX_LBLK - key)
		return "extent beyond the largest file";
	if (!e->pblk || e->pblk >= nblocks || e->len > nblocks - e->pblk)
		return "extent outside the device";
	if (!vexfs_io_range_valid(io, e->pblk, e->len))
		return "extent reaches fixed metadata";
	if (e->flags & ~VEXFS_EXT_UNWRITTEN)
		return "extent with unknown flags";
	return NULL;
}

const char *vexfs_symlink_unpack(const struct vexfs_btree_root *root, const struct vexfs_io *io,
				 u64 *blkno)
{
	const struct vexfs_rec *rec = &root->r_recs[0];
	struct vexfs_extent e;
	const char *why;

	if (root->r_level || le16_to_cpu(root->r_count) != 1)
		return "long symlink without exactly one block";
	why = vexfs_ext_unpack(le64_to_cpu(rec->key), le64_to_cpu(rec->val), io, &e);
	if (why)
		return why;
	if (e.lblk || e.len != 1 || e.flags)
		return "long symlink without exactly one block";
	*blkno = e.pblk;
	return NULL;
}

const char *vexfs_symlink_verify(const void *block, const struct vexfs_btree_root *root, u64 size)
{
	const struct vexfs_mdhdr *h = block;
	u32 here = vexfs_symlink_in_block(size);

	if (le32_to_cpu(h->h_bytes) != here || size > VEXFS_SYMLINK_MAX)
		return "symlink length differs from the inode's";
	if (memchr((const u8 *)block + VEXFS_MDHDR_SIZE, 0, here) ||
	    memchr(vexfs_symlink_rest(root), 0, size - here))
		return "symlink target contains a NUL byte";
	return NULL;
}

static int ext_decode(struct vexfs_tree *t, const struct vexfs_kv *kv, struct vexfs_extent *e)
{
	const char *why = vexfs_ext_unpack(kv->key, kv->val, t->io, e);

	return why ? vexfs_bt_corrupt(t, kv->key, why) : 0;
}

static int ext_at(struct vexfs_tree *t, const struct vexfs_path *p, u32 pos,
		  struct vexfs_extent *e)
{
	struct vexfs_kv kv = vexfs_path_kv(t, p, pos);
	const char *why = vexfs_ext_unpack(kv.key, kv.val, t->io, e);

	return why ? t->io->ops->corrupt(t->io, p->node[0].blkno, why) : 0;
}

/* ---- lookups ------------------------------------------------------------------ */

/* The last extent that begins at or before @lblk. */
static int ext_le(struct vexfs_tree *t, u64 lblk, struct vexfs_extent *e)
{
	struct vexfs_kv kv;
	int err = vexfs_bt_find_le(t, lblk, &kv);

	return err ? err : ext_decode(t, &kv, e);
}

/* The first extent that begins at or after @lblk. */
static int ext_ge(struct vexfs_tree *t, u64 lblk, struct vexfs_extent *e)
{
	struct vexfs_kv kv;
	int err = vexfs_bt_find_ge(t, lblk, &kv);

	return err ? err : ext_decode(t, &kv, e);
}

/**
 * vexfs_ext_find - the extent or hole at a block
 * @t:    the file's tree
 * @lblk: logical block, < VEXFS_MAX_LBLK
 * @e:    e->lblk <= @lblk < e->lblk + e->len; a hole has pblk 0
 *
 * Return: 0, -EINVAL, -EUCLEAN, or an error of reading.
 */
int vexfs_ext_find(struct vexfs_tree *t, u64 lblk, struct vexfs_extent *e)
{
	struct vexfs_extent next;
	u64 start = 0;
	int err;

	if (lblk >= VEXFS_MAX_LBLK)
		return -EINVAL;
	err = ext_le(t, lblk, e);
	if (!err) {
		if (ext_end(e) > lblk)
			return 0;
		start = ext_end(e);
	} else if (err != -ENOENT) {
		return err;
	}
	err = ext_ge(t, lblk + 1, &next);
	if (err && err != -ENOENT)
		return err;
	e->lblk = start;
	e->len = (err ? VEXFS_MAX_LBLK : next.lblk) - start;
	e->pblk = 0;
	e->flags = 0;
	return 0;
}

/**
 * vexfs_ext_next - the first extent that ends after a block
 * @t:    the file's tree
 * @lblk: logical block
 * @e:    the extent; begins after @lblk if there is a hole
 *
 * Return: 0, -ENOENT, -EUCLEAN, or an error of reading.
 */
int vexfs_ext_next(struct vexfs_tree *t, u64 lblk, struct vexfs_extent *e)
{
	int err = ext_le(t, lblk, e);

	if (err && err != -ENOENT)
		return err;
	if (!err && ext_end(e) > lblk)
		return 0;
	return lblk < VEXFS_MAX_LBLK ? ext_ge(t, lblk + 1, e) : -ENOENT;
}

/**
 * vexfs_ext_end - the block after the last extent
 * @t:   the file's tree
 * @end: out; 0 for an empty tree
 *
 * Return: 0, -EUCLEAN, or an error of reading.
 */
int vexfs_ext_end(struct vexfs_tree *t, u64 *end)
{
	struct vexfs_extent e;
	int err = ext_le(t, VEXFS_MAX_LBLK, &e);

	*end = err ? 0 : ext_end(&e);
	return err == -ENOENT ? 0 : err;
}

/* ---- changes ----------------------------------------------------------------------- */

/* One record can say what the two say. */
static bool ext_joins(const struct vexfs_extent *a, const struct vexfs_extent *b)
{
	return ext_end(a) == b->lblk && a->pblk + a->len == b->pblk && a->flags == b->flags &&
	       a->len + b->len <= VEXFS_EXT_MAX_LEN;
}

static void run_add(struct run *r, u64 lblk, u64 len, u64 pblk, u64 flags)
{
	struct vexfs_extent e = { lblk, len, pblk, flags };

	if (!len)
		return;
	if (r->n && ext_joins(&r->ext[r->n - 1], &e))
		r->ext[r->n - 1].len += len;
	else
		r->ext[r->n++] = e;
}

static void run_add_ext(struct run *r, const struct vexfs_extent *e)
{
	run_add(r, e->lblk, e->len, e->pblk, e->flags);
}

/* Begin at @pos, with the record before it if there is one in the leaf: it may be
 * joined. (One in the leaf before is left alone: joining is not worth a second leaf.) */
static int run_begin(struct vexfs_tree *t, struct vexfs_path *p, u32 pos, struct run *r)
{
	struct vexfs_extent left;
	int err;

	memset(r, 0, sizeof(*r));
	r->pos = pos;
	if (!pos)
		return 0;
	err = ext_at(t, p, pos - 1, &left);
	if (err)
		return err;
	run_add_ext(r, &left);
	r->pos--;
	r->old = 1;
	return 0;
}

/* Take the record after those replaced, to join it. */
static int run_end(struct vexfs_tree *t, struct vexfs_path *p, struct run *r)
{
	struct vexfs_extent right;
	int err;

	if (r->pos + r->old == vexfs_path_count(t, p, 0))
		return 0;
	err = ext_at(t, p, r->pos + r->old, &right);
	if (err)
		return err;
	run_add_ext(r, &right);
	r->old++;
	return 0;
}

/* Replace the records; those at either end that stay as they are need not be named. */
static int run_apply(struct vexfs_tree *t, struct vexfs_path *p, const struct run *r)
{
	struct vexfs_kv kv[ARRAY_SIZE(r->ext)];
	u32 i, skip = 0, old = r->old, n = r->n;

	for (i = 0; i < n; i++) {
		kv[i].key = r->ext[i].lblk;
		kv[i].val = vexfs_ext_pack(&r->ext[i]);
	}
	for (; old && n; old--, n--, skip++) {
		struct vexfs_kv was = vexfs_path_kv(t, p, r->pos + skip);

		if (was.key != kv[skip].key || was.val != kv[skip].val)
			break;
	}
	for (; old && n; old--, n--) {
		struct vexfs_kv was = vexfs_path_kv(t, p, r->pos + skip + old - 1);

		if (was.key != kv[skip + n - 1].key || was.val != kv[skip + n - 1].val)
			break;
	}
	if (!old && !n)
		return 0;
	return vexfs_path_splice(t, p, r->pos + skip, old, &kv[skip], n);
}

static int insert_on_path(struct vexfs_tree *t, struct vexfs_path *p,
			  const struct vexfs_extent *e)
{
	struct run r;
	int err = run_begin(t, p, p->idx[0], &r);

	if (err)
		return err;
	run_add_ext(&r, e);
	err = run_end(t, p, &r);
	return err ? err : run_apply(t, p, &r);
}

/**
 * vexfs_ext_insert - map a range that is a hole
 * @t: the file's tree
 * @e: what to map; len <= VEXFS_EXT_MAX_LEN
 *
 * Return: 0; -EEXIST: part of it is mapped already; -EINVAL: no valid extent;
 * -ENOSPC, -EUCLEAN or an error of block access: nothing changed.
 */
int vexfs_ext_insert(struct vexfs_tree *t, const struct vexfs_extent *e)
{
	struct vexfs_extent hole;
	struct vexfs_path p;
	int err;

	if (e->len > VEXFS_EXT_MAX_LEN || e->pblk > EXT_PBLK_MASK ||
	    vexfs_ext_unpack(e->lblk, vexfs_ext_pack(e), t->io, &hole))
		return -EINVAL;
	err = vexfs_ext_find(t, e->lblk, &hole);
	if (err)
		return err;
	if (hole.pblk || ext_end(&hole) < ext_end(e))
		return -EEXIST;
	err = vexfs_path_find(t, e->lblk, &p);
	if (err)
		return err;
	err = insert_on_path(t, &p, e);
	vexfs_path_release(t, &p);
	return err;
}

/**
 * vexfs_ext_join - let two extents be one
 * @t:    the file's tree
 * @lblk: where one ends and the next begins; if one record can say what the two say, it does
 *
 * Records of two leaves stay as they are.
 *
 * Return: 0; -EUCLEAN or an error of block access: nothing changed.
 */
int vexfs_ext_join(struct vexfs_tree *t, u64 lblk)
{
	struct vexfs_path p;
	struct run r;
	int err = vexfs_path_find(t, lblk, &p);

	if (err)
		return err;
	if (p.idx[0] > 1 && vexfs_path_kv(t, &p, p.idx[0] - 1).key == lblk) {
		err = run_begin(t, &p, p.idx[0] - 1, &r);
		if (!err)
			err = run_end(t, &p, &r);
		if (!err)
			err = run_apply(t, &p, &r);
	}
	vexfs_path_release(t, &p);
	return err;
}

/* [from, to) of the extent @e, the record at @pos, has @flags from now on. */
static int convert_on_path(struct vexfs_tree *t, struct vexfs_path *p, u32 pos,
			   const struct vexfs_extent *e, u64 from, u64 to, u64 flags)
{
	struct run r;
	int err = run_begin(t, p, pos, &r);

	if (err)
		return err;
	r.old++;
	run_add(&r, e->lblk, from - e->lblk, e->pblk, e->flags);
	run_add(&r, from, to - from, e->pblk + (from - e->lblk), flags);
	run_add(&r, to, ext_end(e) - to, e->pblk + (to - e->lblk), e->flags);
	err = run_end(t, p, &r);
	return err ? err : run_apply(t, p, &r);
}

/* Give up to @len blocks from @lblk on, as far as one record goes, the flags @flags. */
static int ext_set_flags(struct vexfs_tree *t, u64 lblk, u64 len, u64 flags, u64 *done)
{
	struct vexfs_extent e;
	struct vexfs_path p;
	u64 end;
	int err;

	if (!len || lblk >= VEXFS_MAX_LBLK)
		return -EINVAL;
	err = vexfs_path_find(t, lblk, &p);
	if (err)
		return err;
	memset(&e, 0, sizeof(e));
	if (p.idx[0])
		err = ext_at(t, &p, p.idx[0] - 1, &e);
	if (!err && ext_end(&e) <= lblk)
		err = t->io->ops->corrupt(t->io, p.node[0].blkno, "block to convert is not mapped");
	if (!err) {
		end = len < ext_end(&e) - lblk ? lblk + len : ext_end(&e);
		*done = end - lblk;
		if (e.flags != flags)
			err = convert_on_path(t, &p, p.idx[0] - 1, &e, lblk, end, flags);
	}
	vexfs_path_release(t, &p);
	return err;
}

/**
 * vexfs_ext_convert - mark unwritten blocks as written
 * @t:    the file's tree
 * @lblk: first logical block
 * @len:  blocks, >= 1
 * @done: blocks that are now written, from @lblk on: as far as one record goes;
 *	  call again for the rest
 *
 * Return: 0; -EUCLEAN: @lblk is a hole, or the tree is damaged; -ENOSPC or an
 * error of block access: nothing changed.
 */
int vexfs_ext_convert(struct vexfs_tree *t, u64 lblk, u64 len, u64 *done)
{
	return ext_set_flags(t, lblk, len, 0, done);
}

/**
 * vexfs_ext_unwrite - mark blocks as unwritten: they read as zeros
 * @t:    the file's tree
 * @lblk: first logical block
 * @len:  blocks, >= 1
 * @done: as for vexfs_ext_convert()
 *
 * Return: as vexfs_ext_convert().
 */
int vexfs_ext_unwrite(struct vexfs_tree *t, u64 lblk, u64 len, u64 *done)
{
	return ext_set_flags(t, lblk, len, VEXFS_EXT_UNWRITTEN, done);
}

/* Cut @gone out of the extent @e, the record at @pos. */
static int unmap_on_path(struct vexfs_tree *t, struct vexfs_path *p, u32 pos,
			 const struct vexfs_extent *e, const struct vexfs_extent *gone)
{
	struct run r;

	memset(&r, 0, sizeof(r));
	r.pos = pos;
	r.old = 1;
	run_add(&r, e->lblk, gone->lblk - e->lblk, e->pblk, e->flags);
	run_add(&r, ext_end(gone), ext_end(e) - ext_end(gone), gone->pblk + gone->len, e->flags);
	return run_apply(t, p, &r);
}

/**
 * vexfs_ext_unmap_last - unmap the last extent, or piece of one, in a range
 * @t:    the file's tree
 * @lblk: first logical block of the range
 * @end:  block after it
 * @gone: which blocks the file no longer has; the caller frees them
 *
 * Return: 0; -ENOENT: nothing is mapped in the range; -ENOSPC (a hole in the
 * middle of a record needs another), -EUCLEAN or an error of block access:
 * nothing changed.
 */
int vexfs_ext_unmap_last(struct vexfs_tree *t, u64 lblk, u64 end, struct vexfs_extent *gone)
{
	struct vexfs_extent e;
	struct vexfs_path p;
	int err;

	if (lblk >= end)
		return -ENOENT;
	err = vexfs_path_find_le(t, end - 1, &p);
	if (err)
		return err;
	err = ext_at(t, &p, p.idx[0] - 1, &e);
	if (!err && ext_end(&e) <= lblk)
		err = -ENOENT;
	if (!err) {
		gone->lblk = max(lblk, e.lblk);
		gone->len = min(end, ext_end(&e)) - gone->lblk;
		gone->pblk = e.pblk + (gone->lblk - e.lblk);
		gone->flags = e.flags;
		err = unmap_on_path(t, &p, p.idx[0] - 1, &e, gone);
	}
	vexfs_path_release(t, &p);
	return err;
}

u32 vexfs_ext_credits(const struct vexfs_btree_root *root)
{
	return vexfs_bt_credits(root);	/* each change is one splice on one path */
}
