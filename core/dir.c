// SPDX-License-Identifier: GPL-2.0
/*
 * Directories: a B+tree by name hash with packed leaves.
 *
 * A leaf is verified whenever it is read, so that the walks over its entries
 * below need no checks of their own.
 */
#include "core/dir.h"
#include "core/btree_node.h"

#define DT_VALID_MASK	0x1557U		/* DT_UNKNOWN FIFO CHR DIR BLK REG LNK SOCK: 0 1 2 4 6 8 10 12 */

/* ---- a leaf's bytes --------------------------------------------------------- */

static u32 leaf_bytes(const void *block)
{
	const struct vexfs_mdhdr *h = block;

	return le32_to_cpu(h->h_bytes);
}

static u32 leaf_count(const void *block)
{
	const struct vexfs_mdhdr *h = block;

	return le16_to_cpu(h->h_count);
}

static void leaf_set(void *block, u32 count, u32 bytes)
{
	struct vexfs_mdhdr *h = block;

	h->h_count = cpu_to_le16(count);
	h->h_bytes = cpu_to_le32(bytes);
}

/* The entry at @off bytes after the header. */
static struct vexfs_dirent *leaf_entry(const void *block, u32 off)
{
	return (struct vexfs_dirent *)((u8 *)block + VEXFS_MDHDR_SIZE + off);
}

static u32 entry_size(const struct vexfs_dirent *de)
{
	return le16_to_cpu(de->d_rec_len);
}

static u64 entry_hash(const struct vexfs_dirent *de)
{
	return le64_to_cpu(de->d_hash);
}

static void entry_decode(const struct vexfs_dirent *de, struct vexfs_dent *d)
{
	d->hash = entry_hash(de);
	d->ino = le64_to_cpu(de->d_ino);
	d->type = de->d_type;
	d->name_len = de->d_name_len;
	d->name = de->d_name;
}

static void entry_encode(struct vexfs_dirent *de, const struct vexfs_dent *d)
{
	u32 size = VEXFS_DIRENT_SIZE(d->name_len);

	memset(de, 0, size);
	de->d_hash = cpu_to_le64(d->hash);
	de->d_ino = cpu_to_le64(d->ino);
	de->d_rec_len = cpu_to_le16(size);
	de->d_name_len = d->name_len;
	de->d_type = d->type;
	memcpy((u8 *)de + VEXFS_DIRENT_HDR, d->name, d->name_len);
}

/* ---- verifying ---------------------------------------------------------------- */

static bool name_valid(const char *name, u32 len)
{
	if (!len || len > VEXFS_NAME_LEN)
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	return !memchr(name, '/', len) && !memchr(name, 0, len);
}

static bool type_valid(u8 type)
{
	return type < 16 && (DT_VALID_MASK >> type & 1);
}

static bool padding_zero(const struct vexfs_dirent *de)
{
	const u8 *p = (const u8 *)de;
	u32 i;

	for (i = VEXFS_DIRENT_HDR + de->d_name_len; i < entry_size(de); i++)
		if (p[i])
			return false;
	return true;
}

/* One entry with @space bytes to the end of what the leaf uses. */
static const char *entry_verify(const struct vexfs_dirent *de, u32 space, u64 lo, u64 hi)
{
	if (space < VEXFS_DIRENT_SIZE(1) || entry_size(de) > space)
		return "directory entry beyond its leaf";
	if (entry_size(de) != VEXFS_DIRENT_SIZE(de->d_name_len))
		return "directory entry of a wrong length";
	if (entry_hash(de) < lo || entry_hash(de) >= hi)
		return "directory entry's hash out of range";
	if (!de->d_ino)
		return "directory entry without inode";
	if (!type_valid(de->d_type))
		return "directory entry of unknown type";
	if (!name_valid(de->d_name, de->d_name_len))
		return "directory entry with an invalid name";
	if (!padding_zero(de))
		return "directory entry with garbage after its name";
	return NULL;
}

/**
 * vexfs_dir_leaf_verify - structure of a directory leaf
 * @block: 4096 bytes whose header has been verified
 * @lo:    lowest hash it may hold
 * @hi:    its hashes are below this
 *
 * Return: NULL, or the failed check.
 */
const char *vexfs_dir_leaf_verify(const void *block, u64 lo, u64 hi)
{
	const struct vexfs_mdhdr *h = block;
	u32 bytes = leaf_bytes(block), off = 0, n;
	const char *why;

	if (h->h_level)
		return "directory leaf of a wrong level";
	if (bytes > VEXFS_MD_SPACE)
		return "directory leaf with too many bytes";
	lo = max(lo, (u64)VEXFS_HASH_MIN);
	hi = min(hi, (u64)VEXFS_HASH_MAX + 1);
	for (n = 0; off < bytes; n++) {
		const struct vexfs_dirent *de = leaf_entry(block, off);

		why = entry_verify(de, bytes - off, lo, hi);
		if (why)
			return why;
		lo = entry_hash(de);	/* the next one's hash is not below */
		off += entry_size(de);
	}
	if (!n || n != leaf_count(block))
		return "directory leaf with a wrong number of entries";
	return NULL;
}

/* ---- searching ------------------------------------------------------------------- */

/**
 * vexfs_dir_hash - hash of a name
 * @key:  s_hash_key, 16 bytes: who does not know it cannot make names collide
 * @name: not terminated
 * @len:  its length
 *
 * SipHash-2-4, folded into [VEXFS_HASH_MIN, VEXFS_HASH_MAX] (the values outside
 * are readdir positions of their own: ".", "..", the end).
 */
u64 vexfs_dir_hash(const u8 *key, const char *name, u32 len)
{
	const u64 span = VEXFS_HASH_MAX - VEXFS_HASH_MIN + 1;
	siphash_key_t k;
	__le64 half[2];
	u64 h;

	memcpy(half, key, sizeof(half));
	k = (siphash_key_t){{ le64_to_cpu(half[0]), le64_to_cpu(half[1]) }};
	h = siphash(name, len, &k) >> 1;
	return VEXFS_HASH_MIN + (h < span ? h : h - span);
}

/* Offset of the first entry with a hash >= @hash. */
static u32 leaf_seek(const void *block, u64 hash)
{
	u32 off = 0;

	while (off < leaf_bytes(block) && entry_hash(leaf_entry(block, off)) < hash)
		off += entry_size(leaf_entry(block, off));
	return off;
}

static bool entry_is(const struct vexfs_dirent *de, const char *name, u32 len)
{
	return de->d_name_len == len && !memcmp(de->d_name, name, len);
}

/* The entry of that hash and name, NULL if there is none. */
static struct vexfs_dirent *leaf_find(const void *block, u64 hash, const char *name, u32 len)
{
	u32 off = leaf_seek(block, hash);

	for (; off < leaf_bytes(block); off += entry_size(leaf_entry(block, off))) {
		struct vexfs_dirent *de = leaf_entry(block, off);

		if (entry_hash(de) != hash)
			break;
		if (entry_is(de, name, len))
			return de;
	}
	return NULL;
}

/* A path to the leaf that can hold @hash. -ENOENT, and nothing pinned, if there is none. */
static int dir_path(struct vexfs_tree *t, u64 hash, struct vexfs_path *p)
{
	int err = vexfs_path_find(t, hash, p);

	return err ? err : p->depth ? 0 : -ENOENT;
}

/* A path to the leaf with the entry, and the entry. */
static int dir_find(struct vexfs_tree *t, u64 hash, const char *name, u32 len,
		    struct vexfs_path *p, struct vexfs_dirent **de)
{
	int err = dir_path(t, hash, p);

	if (err)
		return err;
	*de = leaf_find(p->node[0].data, hash, name, len);
	if (*de)
		return 0;
	vexfs_path_release(t, p);
	return -ENOENT;
}

/**
 * vexfs_dir_lookup - find a name
 * @t:    the directory's tree
 * @hash: of the name
 * @name: not terminated
 * @len:  its length
 * @ino:  the entry's inode number
 * @type: the entry's DT_*
 *
 * Return: 0, -ENOENT, -EUCLEAN, or an error of reading.
 */
int vexfs_dir_lookup(struct vexfs_tree *t, u64 hash, const char *name, u32 len,
		     u64 *ino, u8 *type)
{
	struct vexfs_dirent *de;
	struct vexfs_path p;
	int err = dir_find(t, hash, name, len, &p, &de);

	if (err)
		return err;
	*ino = le64_to_cpu(de->d_ino);
	*type = de->d_type;
	vexfs_path_release(t, &p);
	return 0;
}

/**
 * vexfs_dir_name_of - the name under which a directory holds an inode
 * @t:    the directory's tree
 * @hash: of the name, as recorded in the inode's link
 * @ino:  the inode
 * @name: 256 bytes; terminated
 * @len:  its length
 *
 * Return: 0, -ENOENT, -EUCLEAN, or an error of reading.
 */
int vexfs_dir_name_of(struct vexfs_tree *t, u64 hash, u64 ino, char *name, u32 *len)
{
	struct vexfs_dirent *de;
	struct vexfs_path p;
	u32 off;
	int err = dir_path(t, hash, &p);

	if (err)
		return err;
	err = -ENOENT;
	off = leaf_seek(p.node[0].data, hash);
	for (; off < leaf_bytes(p.node[0].data); off += entry_size(de)) {
		de = leaf_entry(p.node[0].data, off);
		if (entry_hash(de) != hash)
			break;
		if (le64_to_cpu(de->d_ino) != ino)
			continue;
		memcpy(name, de->d_name, de->d_name_len);
		name[de->d_name_len] = 0;
		*len = de->d_name_len;
		err = 0;
		break;
	}
	vexfs_path_release(t, &p);
	return err;
}

/* Entries of one leaf with hash >= @from; false when @emit stopped. */
static bool leaf_iterate(const void *block, u64 from,
			 bool (*emit)(void *ctx, const struct vexfs_dent *d), void *ctx)
{
	u32 off = leaf_seek(block, from);
	struct vexfs_dent d;

	for (; off < leaf_bytes(block); off += entry_size(leaf_entry(block, off))) {
		entry_decode(leaf_entry(block, off), &d);
		if (!emit(ctx, &d))
			return false;
	}
	return true;
}

int vexfs_dir_iterate(struct vexfs_tree *t, u64 from,
		      bool (*emit)(void *ctx, const struct vexfs_dent *d), void *ctx)
{
	struct vexfs_path p;
	bool more;
	int err;

	/* Each leaf is found anew by its first key, which grows: the loop ends. */
	while (from != ~0ULL) {
		err = dir_path(t, from, &p);
		if (err)
			return err == -ENOENT ? 0 : err;
		more = leaf_iterate(p.node[0].data, from, emit, ctx);
		from = vexfs_path_next_key(t, &p);
		vexfs_path_release(t, &p);
		if (!more)
			return 1;
	}
	return 0;
}

bool vexfs_dir_empty(const struct vexfs_btree_root *root)
{
	return !root->r_count;
}

u32 vexfs_dir_credits(const struct vexfs_btree_root *root)
{
	return vexfs_bt_credits(root);	/* an empty one: the first leaf */
}

/* ---- adding ------------------------------------------------------------------------ */

/* Put @d after the entries with hashes not above its own; there is room. */
static void leaf_put(void *block, const struct vexfs_dent *d)
{
	u32 size = VEXFS_DIRENT_SIZE(d->name_len);
	u32 bytes = leaf_bytes(block);
	u32 off = leaf_seek(block, d->hash + 1);

	memmove(leaf_entry(block, off + size), leaf_entry(block, off), bytes - off);
	entry_encode(leaf_entry(block, off), d);
	leaf_set(block, leaf_count(block) + 1, bytes + size);
}

/* The first entry: a leaf, and a root that points at it. */
static int add_first(struct vexfs_tree *t, const struct vexfs_dent *d)
{
	struct vexfs_btree_root *root = t->root;
	struct vexfs_blk b;
	int err = t->io->ops->alloc(t->io, t->goal, t->leaf_magic, t->owner, &b);

	if (err)
		return err;
	leaf_put(b.data, d);
	err = t->io->ops->dirty(t->io, &b);
	root->r_level = cpu_to_le16(1);
	root->r_count = cpu_to_le16(1);
	root->r_blocks = cpu_to_le64(1);
	root->r_recs[0].key = 0;
	root->r_recs[0].val = cpu_to_le64(b.blkno);
	t->io->ops->put(t->io, &b);
	return err;
}

static int add_in_leaf(struct vexfs_tree *t, struct vexfs_path *p, const struct vexfs_dent *d)
{
	int err = t->io->ops->modify(t->io, &p->node[0]);

	if (err)
		return err;
	leaf_put(p->node[0].data, d);
	return t->io->ops->dirty(t->io, &p->node[0]);
}

/**
 * struct cut - how to split a leaf for one more entry
 * @hash: entries from this hash on go right
 * @skew: by how many bytes the halves then differ
 */
struct cut {
	u64 hash;
	u32 skew;
};

/* Consider a cut before hash @hash, with @left of @total bytes before it. */
static void cut_consider(struct cut *best, u64 hash, u32 left, u32 total)
{
	u32 right = total - left;
	u32 skew = left > right ? left - right : right - left;

	if (left && right && left <= VEXFS_MD_SPACE && right <= VEXFS_MD_SPACE &&
	    skew < best->skew) {
		best->hash = hash;
		best->skew = skew;
	}
}

/*
 * Where to split, counting @d as if it were in the leaf already: at a change of
 * hash, nearest to the middle, so that both halves fit. -ENOSPC when there is no
 * such place: entries of one hash (practically) fill a leaf.
 */
static int find_cut(const void *block, const struct vexfs_dent *d, u64 *hash)
{
	u32 size = VEXFS_DIRENT_SIZE(d->name_len);
	u32 bytes = leaf_bytes(block), total = bytes + size, off;
	struct cut best = { 0, ~0U };
	u64 last = 0;

	for (off = 0; off < bytes; off += entry_size(leaf_entry(block, off))) {
		u64 h = entry_hash(leaf_entry(block, off));

		if (last < d->hash && d->hash < h)
			cut_consider(&best, d->hash, off, total);
		if (h != last)
			cut_consider(&best, h, off + (d->hash < h ? size : 0), total);
		last = h;
	}
	if (last < d->hash)
		cut_consider(&best, d->hash, bytes, total);
	*hash = best.hash;
	return best.skew == ~0U ? -ENOSPC : 0;
}

/* Copy the entries from @off on into the new leaf @to. */
static u32 leaf_copy_tail(const void *block, u32 off, void *to)
{
	u32 bytes = leaf_bytes(block), pos, n = 0;

	for (pos = off; pos < bytes; pos += entry_size(leaf_entry(block, pos)))
		n++;
	memcpy(leaf_entry(to, 0), leaf_entry(block, off), bytes - off);
	leaf_set(to, n, bytes - off);
	return n;
}

static void leaf_cut_tail(void *block, u32 off, u32 n)
{
	memset(leaf_entry(block, off), 0, leaf_bytes(block) - off);
	leaf_set(block, leaf_count(block) - n, off);
}

/* Split the path's leaf before @hash into it and @right, and link @right. */
static int split_leaf(struct vexfs_tree *t, struct vexfs_path *p, const struct vexfs_dent *d,
		      u64 hash, struct vexfs_blk *right)
{
	void *left = p->node[0].data;
	u32 off = leaf_seek(left, hash);
	u32 moved = leaf_copy_tail(left, off, right->data);
	int err, e;

	if (d->hash >= hash)
		leaf_put(right->data, d);
	err = t->io->ops->modify(t->io, &p->node[0]);
	/* Last of what can fail: once linked, both halves must be true. */
	if (!err)
		err = vexfs_path_insert_child(t, p, 0, hash, right->blkno);
	if (err)
		return err;
	leaf_cut_tail(left, off, moved);
	if (d->hash < hash)
		leaf_put(left, d);
	err = t->io->ops->dirty(t->io, right);
	e = t->io->ops->dirty(t->io, &p->node[0]);
	t->io->ops->put(t->io, right);
	return err ? err : e;
}

static int add_with_split(struct vexfs_tree *t, struct vexfs_path *p, const struct vexfs_dent *d)
{
	struct vexfs_blk right;
	u64 hash;
	int err = find_cut(p->node[0].data, d, &hash);

	if (err)
		return err;
	err = t->io->ops->alloc(t->io, t->goal, t->leaf_magic, t->owner, &right);
	if (err)
		return err;
	if (vexfs_path_has_block(p, right.blkno)) {
		/* A damaged bitmap: what was verified on the path is gone. */
		err = t->io->ops->corrupt(t->io, right.blkno, "block in use was marked free");
		t->io->ops->put(t->io, &right);
		return err;
	}
	err = split_leaf(t, p, d, hash, &right);
	if (err && right.data) {
		int e = t->io->ops->free(t->io, &right);

		if (e && right.data)
			t->io->ops->put(t->io, &right);
	}
	return err;
}

static int add_on_path(struct vexfs_tree *t, struct vexfs_path *p, const struct vexfs_dent *d)
{
	const void *leaf = p->node[0].data;

	if (leaf_find(leaf, d->hash, d->name, d->name_len))
		return -EEXIST;
	if (leaf_bytes(leaf) + VEXFS_DIRENT_SIZE(d->name_len) <= VEXFS_MD_SPACE)
		return add_in_leaf(t, p, d);
	return add_with_split(t, p, d);
}

/**
 * vexfs_dir_add - add an entry
 * @t: the directory's tree
 * @d: the entry
 *
 * Return: 0, -EEXIST, -EINVAL: no valid entry, -ENOSPC: no block, or a leaf full
 * of names of this very hash, -EUCLEAN, or an error of block access. After an
 * error the directory is as it was.
 */
int vexfs_dir_add(struct vexfs_tree *t, const struct vexfs_dent *d)
{
	struct vexfs_path p;
	int err;

	if (!name_valid(d->name, d->name_len) || !type_valid(d->type) || !d->ino ||
	    d->hash < VEXFS_HASH_MIN || d->hash > VEXFS_HASH_MAX)
		return -EINVAL;
	err = dir_path(t, d->hash, &p);
	if (err == -ENOENT)
		return add_first(t, d);
	if (err)
		return err;
	err = add_on_path(t, &p, d);
	vexfs_path_release(t, &p);
	return err;
}

/* ---- removing and replacing ------------------------------------------------------------ */

static void leaf_drop(void *block, struct vexfs_dirent *de)
{
	u32 size = entry_size(de), bytes = leaf_bytes(block);
	u32 off = (u8 *)de - (u8 *)leaf_entry(block, 0);

	memmove(de, leaf_entry(block, off + size), bytes - off - size);
	memset(leaf_entry(block, bytes - size), 0, size);
	leaf_set(block, leaf_count(block) - 1, bytes - size);
}

/**
 * vexfs_dir_remove - remove an entry
 * @t:    the directory's tree
 * @hash: of the name
 * @name: not terminated
 * @len:  its length
 *
 * Return: 0, -ENOENT, -EUCLEAN, or an error of block access; then nothing changed.
 */
int vexfs_dir_remove(struct vexfs_tree *t, u64 hash, const char *name, u32 len)
{
	struct vexfs_dirent *de;
	struct vexfs_path p;
	int err = dir_find(t, hash, name, len, &p, &de);

	if (err)
		return err;
	if (leaf_count(p.node[0].data) == 1)
		return vexfs_path_remove_leaf(t, &p);
	err = t->io->ops->modify(t->io, &p.node[0]);
	if (!err) {
		leaf_drop(p.node[0].data, de);
		err = t->io->ops->dirty(t->io, &p.node[0]);
	}
	vexfs_path_release(t, &p);
	return err;
}

/**
 * vexfs_dir_replace - point an entry at another inode
 * @t:    the directory's tree
 * @hash: of the name
 * @name: not terminated
 * @len:  its length
 * @ino:  the new inode number
 * @type: its DT_*
 *
 * Return: 0, -ENOENT, -EINVAL, -EUCLEAN, or an error of block access; then
 * nothing changed.
 */
int vexfs_dir_replace(struct vexfs_tree *t, u64 hash, const char *name, u32 len, u64 ino, u8 type)
{
	struct vexfs_dirent *de;
	struct vexfs_path p;
	int err;

	if (!ino || !type_valid(type))
		return -EINVAL;
	err = dir_find(t, hash, name, len, &p, &de);
	if (err)
		return err;
	err = t->io->ops->modify(t->io, &p.node[0]);
	if (!err) {
		de->d_ino = cpu_to_le64(ino);
		de->d_type = type;
		err = t->io->ops->dirty(t->io, &p.node[0]);
	}
	vexfs_path_release(t, &p);
	return err;
}
