// SPDX-License-Identifier: GPL-2.0
/* Extended attributes: records, their order, and the one verifier. See core/xattr.h. */
#include "core/xattr.h"

#define MODE_FMT	0170000
#define MODE_DIR	0040000
#define MODE_LNK	0120000
#define MODE_REG	0100000

const char *vexfs_xattr_prefix(u8 kind)
{
	static const char *const prefix[VEXFS_XATTR_KINDS] = {
		[VEXFS_XATTR_USER] = "user.",
		[VEXFS_XATTR_TRUSTED] = "trusted.",
		[VEXFS_XATTR_SECURITY] = "security.",
		[VEXFS_XATTR_ACL] = "system.posix_acl_access",
		[VEXFS_XATTR_DEFAULT_ACL] = "system.posix_acl_default",
	};

	return kind < VEXFS_XATTR_KINDS ? prefix[kind] : NULL;
}

static bool is_acl(u8 kind)
{
	return kind == VEXFS_XATTR_ACL || kind == VEXFS_XATTR_DEFAULT_ACL;
}

/* ---- records ---------------------------------------------------------------- */

static u32 round_up_4(u32 n)
{
	return (n + 3) & ~3U;
}

u32 vexfs_xattr_rec_size(const struct vexfs_xattr_ent *e)
{
	return round_up_4(VEXFS_XATTR_HDR + e->name_len + (e->large ? 8 : e->value_len));
}

static const struct vexfs_xattr *rec_at(const void *area, u32 pos)
{
	return (const void *)((const u8 *)area + pos);
}

/* 0 at the end of the area, and where its records end. */
static u32 rec_len(const void *area, u32 size, u32 pos)
{
	return pos + VEXFS_XATTR_HDR > size ? 0 : le16_to_cpu(rec_at(area, pos)->x_rec_len);
}

/* Fields alone: whether they are possible is for others to say. */
static void decode(const struct vexfs_xattr *x, struct vexfs_xattr_ent *e)
{
	__le64 ino;

	e->kind = x->x_kind & ~VEXFS_XATTR_LARGE;
	e->large = x->x_kind & VEXFS_XATTR_LARGE;
	e->name_len = x->x_name_len;
	e->name = (const char *)x->x_data;
	e->value_len = le32_to_cpu(x->x_value_len);
	e->value = e->large ? NULL : x->x_data + x->x_name_len;
	e->ino = 0;
	if (e->large) {
		memcpy(&ino, x->x_data + x->x_name_len, sizeof(ino));
		e->ino = le64_to_cpu(ino);
	}
}

/* By kind, then by the bytes of the name, then by its length. */
static int compare(const struct vexfs_xattr_ent *a, u8 kind, const char *name, u32 name_len)
{
	u32 n = a->name_len < name_len ? a->name_len : name_len;
	int c = (int)a->kind - (int)kind;

	if (!c && n)
		c = memcmp(a->name, name, n);
	return c ? c : (int)a->name_len - (int)name_len;
}

/* ---- verifying ---------------------------------------------------------------- */

static const char *check_name(const struct vexfs_xattr_ent *e)
{
	if (is_acl(e->kind))
		return e->name_len ? "ACL with a name" : NULL;
	if (!e->name_len || memchr(e->name, 0, e->name_len))
		return "impossible name of an attribute";
	if (strlen(vexfs_xattr_prefix(e->kind)) + e->name_len > 255)
		return "attribute's name is too long";
	/* user.vec.* is made from the embeddings. */
	if (e->kind == VEXFS_XATTR_USER && e->name_len >= 4 && !memcmp(e->name, "vec.", 4))
		return "stored attribute with the name of an embedding";
	return NULL;
}

static const char *check_value(const struct vexfs_xattr_ent *e, u16 mode)
{
	if (e->value_len > VEXFS_XATTR_VALUE_MAX || (e->large && !e->value_len))
		return "attribute's value has an impossible length";
	if (e->large && (e->ino < VEXFS_FIRST_INO || e->ino >= VEXFS_MAX_INO))
		return "attribute's value in an impossible inode";
	if (!is_acl(e->kind))
		return NULL;
	if ((mode & MODE_FMT) == MODE_LNK)
		return "symlink with an ACL";
	if (e->kind == VEXFS_XATTR_DEFAULT_ACL && (mode & MODE_FMT) != MODE_DIR)
		return "default ACL of something that is not a directory";
	return e->large ? NULL : vexfs_acl_verify(e->value, e->value_len);
}

/* The record at @pos is within the area, and all its bytes have a meaning. */
static const char *check_bounds(const void *area, u32 size, u32 pos, struct vexfs_xattr_ent *e)
{
	const struct vexfs_xattr *x = rec_at(area, pos);
	u32 len = rec_len(area, size, pos), used;

	if (len < VEXFS_XATTR_HDR || len > size - pos || len % 4)
		return "attribute's record has an impossible length";
	if (!vexfs_xattr_prefix(x->x_kind & ~VEXFS_XATTR_LARGE))
		return "unknown kind of attribute";
	used = VEXFS_XATTR_HDR + x->x_name_len;
	if (x->x_kind & VEXFS_XATTR_LARGE)
		used += 8;
	else if (le32_to_cpu(x->x_value_len) > size)
		return "attribute's value has an impossible length";
	else
		used += le32_to_cpu(x->x_value_len);
	if (round_up_4(used) != len)
		return "attribute's record has another length than its parts";
	if (!vexfs_all_zero((const u8 *)x + used, len - used))
		return "attribute's padding is not zero";
	decode(x, e);
	return NULL;
}

/**
 * vexfs_xattr_area_verify - are these sound records, in order, and zeros after them?
 * @area: i_xattr, or what follows a block's header
 * @size: its length, a multiple of 4
 * @mode: of the inode
 *
 * Return: NULL or the failed check. Values elsewhere are not looked at.
 */
const char *vexfs_xattr_area_verify(const void *area, u32 size, u16 mode)
{
	struct vexfs_xattr_ent e, last = { };
	const char *why = NULL;
	u32 pos = 0;

	while (!why && rec_len(area, size, pos)) {
		why = check_bounds(area, size, pos, &e);
		if (!why)
			why = check_name(&e);
		if (!why)
			why = check_value(&e, mode);
		if (!why && pos && compare(&last, e.kind, e.name, e.name_len) >= 0)
			why = "attributes are not in order";
		last = e;
		pos += rec_len(area, size, pos);
	}
	if (why)
		return why;
	return vexfs_all_zero((const u8 *)area + pos, size - pos) ? NULL :
	       "bytes after the last attribute";
}

const char *vexfs_xattr_block_verify(const void *block, u16 mode)
{
	const struct vexfs_mdhdr *h = block;
	const void *area = (const u8 *)block + VEXFS_MDHDR_SIZE;
	const char *why = vexfs_xattr_area_verify(area, VEXFS_MD_SPACE, mode);
	u32 count, used;

	if (why)
		return why;
	used = vexfs_xattr_used(area, VEXFS_MD_SPACE, &count);
	if (!count)
		return "block of attributes without one";
	if (le16_to_cpu(h->h_count) != count || le32_to_cpu(h->h_bytes) != used || h->h_level)
		return "block of attributes counts them wrong";
	return NULL;
}

u32 vexfs_xattr_value_blocks(u32 len)
{
	return (len + VEXFS_MD_SPACE - 1) / VEXFS_MD_SPACE;
}

u32 vexfs_xattr_value_bytes(u32 index, u32 len)
{
	u32 left = len - index * VEXFS_MD_SPACE;

	return left < VEXFS_MD_SPACE ? left : VEXFS_MD_SPACE;
}

const char *vexfs_xattr_inode_verify(const struct vexfs_inode *di, u64 owner, u32 len)
{
	if (!vexfs_inode_is_value(di) || (le16_to_cpu(di->i_mode) & MODE_FMT) != MODE_REG)
		return "is not the value of an attribute";
	if (le64_to_cpu(di->i_links[0].l_parent) != owner)
		return "is the value of another inode's attribute";
	if (le32_to_cpu(di->i_nlink) != 1)
		return "is being freed";
	if (le64_to_cpu(di->i_size) != (u64)vexfs_xattr_value_blocks(len) << VEXFS_BLOCK_SHIFT)
		return "has another length than the value";
	return NULL;
}

const char *vexfs_xattr_value_verify(const void *block, u32 index, u32 len)
{
	const struct vexfs_mdhdr *h = block;
	u32 n = vexfs_xattr_value_bytes(index, len);

	if (le32_to_cpu(h->h_bytes) != n || h->h_count || h->h_level)
		return "piece of a value has another length";
	if (!vexfs_all_zero((const u8 *)(h + 1) + n, VEXFS_MD_SPACE - n))
		return "bytes after the end of a value";
	return NULL;
}

/* ---- ACLs ---------------------------------------------------------------------- */

/* The value of the attribute, as in the kernel's posix_acl_xattr.h. */
struct acl_entry {
	__le16	tag, perm;
	__le32	id;
};

#define ACL_VERSION	2
#define ACL_NO_ID	0xffffffffU
enum { TAG_USER_OBJ = 1, TAG_USER = 2, TAG_GROUP_OBJ = 4, TAG_GROUP = 8, TAG_MASK = 16, TAG_OTHER = 32 };

static bool tag_known(u32 tag)
{
	return tag && tag <= TAG_OTHER && !(tag & (tag - 1));
}

static const char *acl_check_entry(const struct acl_entry *a, u32 last)
{
	u32 tag = le16_to_cpu(a->tag);
	bool named = tag == TAG_USER || tag == TAG_GROUP;

	if (!tag_known(tag) || le16_to_cpu(a->perm) > 7)
		return "impossible ACL entry";
	if (named != (le32_to_cpu(a->id) != ACL_NO_ID))
		return "ACL entry without an owner, or with one too many";
	if (tag < last || (tag == last && !named))
		return "ACL entries are not in order";
	return NULL;
}

/* Entries of owner, group and others; a mask if anybody is named. */
static bool acl_complete(u32 tags)
{
	u32 need = TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER;

	if (tags & (TAG_USER | TAG_GROUP))
		need |= TAG_MASK;
	return (tags & need) == need;
}

const char *vexfs_acl_verify(const void *value, u32 len)
{
	const u8 *p = value;
	struct acl_entry a;
	const char *why;
	__le32 version;
	u32 tags = 0, last = 0, pos;

	if (len < sizeof(version) || (len - sizeof(version)) % sizeof(a))
		return "ACL has an impossible length";
	memcpy(&version, p, sizeof(version));
	if (le32_to_cpu(version) != ACL_VERSION)
		return "ACL of an unknown version";
	for (pos = sizeof(version); pos < len; pos += sizeof(a)) {
		memcpy(&a, p + pos, sizeof(a));
		why = acl_check_entry(&a, last);
		if (why)
			return why;
		last = le16_to_cpu(a.tag);
		tags |= last;
	}
	return acl_complete(tags) ? NULL : "ACL lacks an entry";
}

/* ---- reading --------------------------------------------------------------------- */

bool vexfs_xattr_next(const void *area, u32 size, u32 *pos, struct vexfs_xattr_ent *e)
{
	u32 len = rec_len(area, size, *pos);

	if (!len)
		return false;
	decode(rec_at(area, *pos), e);
	*pos += len;
	return true;
}

/* Where the attribute is, or would be. */
static u32 place_of(const void *area, u32 size, u8 kind, const char *name, u32 name_len, bool *found)
{
	struct vexfs_xattr_ent e;
	u32 pos = 0, next = 0;
	int c;

	*found = false;
	while (vexfs_xattr_next(area, size, &next, &e)) {
		c = compare(&e, kind, name, name_len);
		if (c >= 0) {
			*found = !c;
			break;
		}
		pos = next;
	}
	return pos;
}

bool vexfs_xattr_find(const void *area, u32 size, u8 kind, const char *name, u32 name_len,
		      struct vexfs_xattr_ent *e)
{
	bool found;
	u32 pos = place_of(area, size, kind, name, name_len, &found);

	return found && vexfs_xattr_next(area, size, &pos, e);
}

u32 vexfs_xattr_used(const void *area, u32 size, u32 *count)
{
	struct vexfs_xattr_ent e;
	u32 pos = 0;

	for (*count = 0; vexfs_xattr_next(area, size, &pos, &e); ++*count)
		;
	return pos;
}

/* ---- changing --------------------------------------------------------------------- */

void vexfs_xattr_del(void *area, u32 size, u8 kind, const char *name, u32 name_len)
{
	bool found;
	u32 pos = place_of(area, size, kind, name, name_len, &found), len, count, used;

	if (!found)
		return;
	used = vexfs_xattr_used(area, size, &count);
	len = rec_len(area, size, pos);
	memmove((u8 *)area + pos, (u8 *)area + pos + len, used - pos - len);
	memset((u8 *)area + used - len, 0, len);
}

static void encode(struct vexfs_xattr *x, const struct vexfs_xattr_ent *e, u32 len)
{
	__le64 ino = cpu_to_le64(e->ino);

	memset(x, 0, len);
	x->x_rec_len = cpu_to_le16(len);
	x->x_kind = e->kind | (e->large ? VEXFS_XATTR_LARGE : 0);
	x->x_name_len = e->name_len;
	x->x_value_len = cpu_to_le32(e->value_len);
	if (e->name_len)
		memcpy(x->x_data, e->name, e->name_len);
	if (e->large)
		memcpy(x->x_data + e->name_len, &ino, sizeof(ino));
	else if (e->value_len)
		memcpy(x->x_data + e->name_len, e->value, e->value_len);
}

bool vexfs_xattr_add(void *area, u32 size, const struct vexfs_xattr_ent *e)
{
	u32 count, used = vexfs_xattr_used(area, size, &count), pos, len;
	bool found;

	/* Also the largest value must not make the sum wrap around. */
	if (!e->large && e->value_len > size)
		return false;
	len = vexfs_xattr_rec_size(e);
	if (len > size - used)
		return false;
	pos = place_of(area, size, e->kind, e->name, e->name_len, &found);
	memmove((u8 *)area + pos + len, (u8 *)area + pos, used - pos);
	encode((void *)((u8 *)area + pos), e, len);
	return true;
}

void vexfs_xattr_block_count(void *block)
{
	struct vexfs_mdhdr *h = block;
	u32 count, used = vexfs_xattr_used(vexfs_xattr_block_area(block), VEXFS_MD_SPACE, &count);

	h->h_count = cpu_to_le16(count);
	h->h_bytes = cpu_to_le32(used);
}
