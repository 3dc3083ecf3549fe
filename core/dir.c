// SPDX-License-Identifier: GPL-2.0
/*
 * Directories: a B+tree by name hash with packed leaves. Here: verifying, looking
 * up, listing.
 *
 * A leaf has been verified before its entries are walked (vexfs_tree_block_check()),
 * so the walks below need no checks of their own. Entries of one hash are in one
 * leaf, or in one leaf and its chain: see core/dir_chain.c.
 */
#include "core/dir_leaf.h"

#define DT_VALID_MASK	0x1557U		/* DT_UNKNOWN FIFO CHR DIR BLK REG LNK SOCK: 0 1 2 4 6 8 10 12 */

/* ---- verifying ---------------------------------------------------------------- */

bool vexfs_dirent_name_valid(const char *name, u32 len)
{
	if (!len || len > VEXFS_NAME_LEN)
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	return !memchr(name, '/', len) && !memchr(name, 0, len);
}

bool vexfs_dirent_type_valid(u8 type)
{
	return type < 16 && (DT_VALID_MASK >> type & 1);
}

static bool padding_zero(const struct vexfs_dirent *de)
{
	const u8 *p = (const u8 *)de;
	u32 i;

	for (i = VEXFS_DIRENT_HDR + de->d_name_len; i < vexfs_dirent_size(de); i++)
		if (p[i])
			return false;
	return true;
}

/* One entry with @space bytes to the end of what the leaf uses. */
static const char *entry_verify(const struct vexfs_dirent *de, u32 space, u64 lo, u64 hi)
{
	if (space < VEXFS_DIRENT_SIZE(1) || vexfs_dirent_size(de) > space)
		return "directory entry beyond its leaf";
	if (vexfs_dirent_size(de) != VEXFS_DIRENT_SIZE(de->d_name_len))
		return "directory entry of a wrong length";
	if (vexfs_dirent_hash(de) < lo || vexfs_dirent_hash(de) >= hi)
		return "directory entry's hash out of range";
	if (!de->d_ino)
		return "directory entry without inode";
	if (!vexfs_dirent_type_valid(de->d_type))
		return "directory entry of unknown type";
	if (!vexfs_dirent_name_valid(de->d_name, de->d_name_len))
		return "directory entry with an invalid name";
	if (!padding_zero(de))
		return "directory entry with garbage after its name";
	return NULL;
}

/**
 * vexfs_dir_leaf_verify - structure of a directory leaf or a block of a chain
 * @block: 4096 bytes whose header has been verified
 * @lo:    lowest hash it may hold
 * @hi:    its hashes are below this
 *
 * Return: NULL, or the failed check.
 */
const char *vexfs_dir_leaf_verify(const void *block, u64 lo, u64 hi)
{
	const struct vexfs_mdhdr *h = block;
	u32 bytes = vexfs_leaf_bytes(block), off = 0, n;
	const char *why;

	if (h->h_level)
		return "directory leaf of a wrong level";
	if (bytes > VEXFS_MD_SPACE)
		return "directory leaf with too many bytes";
	lo = max(lo, (u64)VEXFS_HASH_MIN);
	hi = min(hi, (u64)VEXFS_HASH_MAX + 1);
	for (n = 0; off < bytes; n++) {
		const struct vexfs_dirent *de = vexfs_leaf_entry(block, off);

		why = entry_verify(de, bytes - off, lo, hi);
		if (why)
			return why;
		lo = vexfs_dirent_hash(de);	/* the next one's hash is not below */
		off += vexfs_dirent_size(de);
	}
	if (!n || n != vexfs_leaf_count(block))
		return "directory leaf with a wrong number of entries";
	if (h->h_next && lo != vexfs_leaf_first_hash(block))
		return "directory leaf of several hashes with a chain";
	return NULL;
}

/*
 * The order in a leaf cannot change by the way it was reached, but a damaged tree may
 * lead to it twice. Its first hash has to fit. That a later one is too high only
 * makes names unfindable: no walk over leaves takes its next step from an entry.
 */
const char *vexfs_dir_leaf_bounds(const void *block, u64 lo, u64 hi)
{
	u64 first = vexfs_leaf_first_hash(block);

	return first < lo || first >= hi ? "directory entry's hash out of range" : NULL;
}

/* ---- searching ------------------------------------------------------------------- */

#ifdef VEXFS_UNIT
const char *vexfs_dir_hash_prefix;

/* How much of a name is hashed. */
static u32 hashed_length(const char *name, u32 len)
{
	u32 same = vexfs_dir_hash_prefix ? strlen(vexfs_dir_hash_prefix) : 0;

	return same && len > same && !memcmp(name, vexfs_dir_hash_prefix, same) ? same : len;
}
#else
#define hashed_length(name, len)	(len)
#endif

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
	h = siphash(name, hashed_length(name, len), &k) >> 1;
	return VEXFS_HASH_MIN + (h < span ? h : h - span);
}

u32 vexfs_leaf_seek(const void *block, u64 hash)
{
	u32 off = 0;

	while (off < vexfs_leaf_bytes(block) &&
	       vexfs_dirent_hash(vexfs_leaf_entry(block, off)) < hash)
		off += vexfs_dirent_size(vexfs_leaf_entry(block, off));
	return off;
}

/* The entry at @off, NULL if it is not there or of another hash. */
static struct vexfs_dirent *leaf_at(const void *block, u32 off, u64 hash)
{
	struct vexfs_dirent *de = vexfs_leaf_entry(block, off);

	return off < vexfs_leaf_bytes(block) && vexfs_dirent_hash(de) == hash ? de : NULL;
}

struct vexfs_dirent *vexfs_leaf_find(const void *block, u64 hash, const char *name, u32 len)
{
	u32 off = vexfs_leaf_seek(block, hash);
	struct vexfs_dirent *de;

	for (; (de = leaf_at(block, off, hash)); off += vexfs_dirent_size(de))
		if (de->d_name_len == len && !memcmp(de->d_name, name, len))
			return de;
	return NULL;
}

static struct vexfs_dirent *leaf_find_ino(const void *block, u64 hash, u64 ino)
{
	u32 off = vexfs_leaf_seek(block, hash);
	struct vexfs_dirent *de;

	for (; (de = leaf_at(block, off, hash)); off += vexfs_dirent_size(de))
		if (le64_to_cpu(de->d_ino) == ino)
			return de;
	return NULL;
}

int vexfs_spot_open(struct vexfs_tree *t, u64 hash, struct vexfs_spot *s)
{
	int err;

	memset(&s->prev, 0, sizeof(s->prev));
	memset(&s->at, 0, sizeof(s->at));
	err = vexfs_path_find(t, hash, &s->p);
	return err ? err : s->p.depth ? 0 : -ENOENT;
}

/* An entry of @hash: of name @name, or if that is NULL of inode @ino. */
static int spot_find(struct vexfs_tree *t, u64 hash, const char *name, u32 len, u64 ino,
		     struct vexfs_spot *s, struct vexfs_dirent **de)
{
	int err = vexfs_spot_open(t, hash, s);

	if (err)
		return err;
	while (!err) {
		const void *block = vexfs_spot_blk(s)->data;

		*de = name ? vexfs_leaf_find(block, hash, name, len) :
			     leaf_find_ino(block, hash, ino);
		if (*de)
			return 0;
		err = vexfs_leaf_first_hash(block) == hash ? vexfs_spot_next(t, s) : -ENOENT;
	}
	vexfs_spot_release(t, s);
	return err;
}

int vexfs_spot_find(struct vexfs_tree *t, u64 hash, const char *name, u32 len,
		    struct vexfs_spot *s, struct vexfs_dirent **de)
{
	return spot_find(t, hash, name, len, 0, s, de);
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
	struct vexfs_spot s;
	int err = spot_find(t, hash, name, len, 0, &s, &de);

	if (err)
		return err;
	*ino = le64_to_cpu(de->d_ino);
	*type = de->d_type;
	vexfs_spot_release(t, &s);
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
	struct vexfs_spot s;
	int err = spot_find(t, hash, NULL, 0, ino, &s, &de);

	if (err)
		return err;
	memcpy(name, de->d_name, de->d_name_len);
	name[de->d_name_len] = 0;
	*len = de->d_name_len;
	vexfs_spot_release(t, &s);
	return 0;
}

bool vexfs_dir_empty(const struct vexfs_btree_root *root)
{
	return !root->r_count;
}

u32 vexfs_dir_credits(const struct vexfs_btree_root *root)
{
	/* An empty one: the first leaf. Two leaves more: see vexfs_dir_add(). */
	return vexfs_bt_credits(root) + 2;
}

/* ---- listing ---------------------------------------------------------------------- */

/**
 * struct listing - a vexfs_dir_iterate() under way
 * @t:    the directory's tree
 * @s:    the leaf at hand, or a block of its chain
 * @pos:  after the last entry shown
 * @emit: shows one
 * @ctx:  for @emit
 */
struct listing {
	struct vexfs_tree *t;
	struct vexfs_spot s;
	struct vexfs_dir_pos *pos;
	bool (*emit)(void *ctx, const struct vexfs_dent *d);
	void *ctx;
};

static void pos_after(struct vexfs_dir_pos *pos, const struct vexfs_dirent *de)
{
	pos->hash = vexfs_dirent_hash(de);
	pos->name_len = de->d_name_len;
	memcpy(pos->name, de->d_name, de->d_name_len);
}

static void pos_set(struct vexfs_dir_pos *pos, u64 hash)
{
	pos->hash = hash;
	pos->name_len = 0;
}

/* Is the name of an entry of the position's hash after it? */
static bool after_pos(const struct vexfs_dirent *de, const struct vexfs_dir_pos *pos)
{
	int cmp = memcmp(de->d_name, pos->name, min(de->d_name_len, pos->name_len));

	return cmp ? cmp > 0 : de->d_name_len > pos->name_len;
}

/* The first entry after the position in one block, if it is before *@least. */
static void least_in_block(const void *block, const struct vexfs_dir_pos *pos,
			   struct vexfs_dir_pos *least)
{
	u32 off = vexfs_leaf_seek(block, pos->hash);
	struct vexfs_dirent *de;

	for (; (de = leaf_at(block, off, pos->hash)); off += vexfs_dirent_size(de))
		if (after_pos(de, pos) && (!least->name_len || !after_pos(de, least)))
			pos_after(least, de);
}

/* The entry of the position's hash that comes next, in leaf or chain: *@de. -ENOENT. */
static int run_next(struct listing *l, struct vexfs_dirent **de)
{
	struct vexfs_dir_pos least = { .hash = l->pos->hash };
	int err = 0;

	vexfs_spot_rewind(l->t, &l->s);
	while (!err) {
		least_in_block(vexfs_spot_blk(&l->s)->data, l->pos, &least);
		err = vexfs_spot_next(l->t, &l->s);
	}
	if (err != -ENOENT || !least.name_len)
		return err;
	vexfs_spot_rewind(l->t, &l->s);
	for (err = 0; !err; err = vexfs_spot_next(l->t, &l->s)) {
		*de = vexfs_leaf_find(vexfs_spot_blk(&l->s)->data, least.hash, least.name,
				      least.name_len);
		if (*de)
			return 0;
	}
	return err;
}

/* Show the entries of one hash, from the position on. 1: stopped. */
static int list_run(struct listing *l)
{
	struct vexfs_dirent *de;
	struct vexfs_dent d;
	int err;

	while (!(err = run_next(l, &de))) {
		vexfs_dirent_decode(de, &d);
		if (!l->emit(l->ctx, &d))
			return 1;
		pos_after(l->pos, de);
	}
	if (err == -ENOENT)
		pos_set(l->pos, l->pos->hash + 1);
	return err == -ENOENT ? 0 : err;
}

/* Is the entry at @off the only one of its hash, of which none has been shown? */
static bool is_single(const struct listing *l, const void *block, u32 off)
{
	const struct vexfs_dirent *de = vexfs_leaf_entry(block, off);
	u64 hash = vexfs_dirent_hash(de);

	return !vexfs_leaf_chain(block) && !leaf_at(block, off + vexfs_dirent_size(de), hash) &&
	       !(l->pos->name_len && l->pos->hash == hash);
}

static int list_leaf(struct listing *l)
{
	const void *block = l->s.p.node[0].data;
	u32 off = vexfs_leaf_seek(block, l->pos->hash);
	struct vexfs_dent d;
	int ret;

	while (off < vexfs_leaf_bytes(block)) {
		vexfs_dirent_decode(vexfs_leaf_entry(block, off), &d);
		if (is_single(l, block, off)) {
			if (!l->emit(l->ctx, &d))
				return 1;
			pos_set(l->pos, d.hash + 1);
			off += VEXFS_DIRENT_SIZE(d.name_len);
			continue;
		}
		if (l->pos->hash != d.hash)
			pos_set(l->pos, d.hash);
		ret = list_run(l);
		if (ret)
			return ret;
		off = vexfs_leaf_seek(block, l->pos->hash);
	}
	return 0;
}

int vexfs_dir_iterate(struct vexfs_tree *t, struct vexfs_dir_pos *pos,
		      bool (*emit)(void *ctx, const struct vexfs_dent *d), void *ctx)
{
	struct listing l = { .t = t, .pos = pos, .emit = emit, .ctx = ctx };
	u64 from = pos->hash;
	int ret;

	/* Each leaf is found anew by its first key, which grows: the loop ends. */
	while (from != ~0ULL) {
		ret = vexfs_spot_open(t, from, &l.s);
		if (ret)
			return ret == -ENOENT ? 0 : ret;
		ret = list_leaf(&l);
		from = vexfs_path_next_key(t, &l.s.p);
		vexfs_spot_release(t, &l.s);
		if (ret)
			return ret;
		if (from > pos->hash)
			pos_set(pos, from);
	}
	return 0;
}
