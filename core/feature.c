// SPDX-License-Identifier: GPL-2.0
/* Feature bits: names, and one table of the fields each feature owns. */
#include "core/feature.h"

/* ---- the words ------------------------------------------------------------ */

static const u32 supported[VEXFS_FEATURE_WORDS] = {
	VEXFS_FEATURE_COMPAT_SUPP, VEXFS_FEATURE_RO_COMPAT_SUPP, VEXFS_FEATURE_INCOMPAT_SUPP,
};

static const u32 defined[VEXFS_FEATURE_WORDS] = {
	VEXFS_FEATURE_COMPAT_ALL, VEXFS_FEATURE_RO_COMPAT_ALL, VEXFS_FEATURE_INCOMPAT_ALL,
};

static const struct {
	u32	word, bit;
	const char *name;
} names[] = {
	{ VEXFS_COMPAT, VEXFS_FEATURE_COMPAT_GRAPH, "graph" },
	{ VEXFS_RO_COMPAT, VEXFS_FEATURE_RO_COMPAT_QUOTA, "quota" },
	{ VEXFS_RO_COMPAT, VEXFS_FEATURE_RO_COMPAT_PROJECT, "project" },
	{ VEXFS_RO_COMPAT, VEXFS_FEATURE_RO_COMPAT_INODE_FLAGS, "inode_flags" },
	{ VEXFS_RO_COMPAT, VEXFS_FEATURE_RO_COMPAT_VERITY, "verity" },
	{ VEXFS_RO_COMPAT, VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED, "change_feed" },
	{ VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_REFLINK, "reflink" },
	{ VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_XATTR, "xattr" },
	{ VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_CASEFOLD, "casefold" },
	{ VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_ENCRYPT, "encrypt" },
};

u32 vexfs_feature_bits(const struct vexfs_super_block *sb, enum vexfs_feature_word word)
{
	switch (word) {
	case VEXFS_COMPAT:
		return le32_to_cpu(sb->s_feature_compat);
	case VEXFS_RO_COMPAT:
		return le32_to_cpu(sb->s_feature_ro_compat);
	default:
		return le32_to_cpu(sb->s_feature_incompat);
	}
}

u32 vexfs_feature_unknown(const struct vexfs_super_block *sb, enum vexfs_feature_word word)
{
	return vexfs_feature_bits(sb, word) & ~supported[word];
}

const char *vexfs_feature_name(enum vexfs_feature_word word, u32 bit)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].word == word && names[i].bit == 1U << bit)
			return names[i].name;
	return NULL;
}

/* ---- fields ---------------------------------------------------------------- */

/**
 * struct owned - bytes of a record that are zero without a feature
 * @off:  where: bytes into the record
 * @len:  bytes
 * @word: of the feature
 * @bit:  in it; 0: not given to any feature yet
 * @why:  the failed check
 */
struct owned {
	u16	off, len;
	u8	word;
	u32	bit;
	const char *why;
};

#define FIELD(type, field)	offsetof(type, field), sizeof(((type *)0)->field)
#define SB(field)		FIELD(struct vexfs_super_block, field)
#define INODE(field)		FIELD(struct vexfs_inode, field)
#define COLL(field)		FIELD(struct vexfs_collection, field)
#define RO(name)		VEXFS_RO_COMPAT, VEXFS_FEATURE_RO_COMPAT_##name
#define INCOMPAT(name)		VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_##name

#define RESERVED		0, 0, "reserved field set"

static const struct owned header_fields[] = {
	{ FIELD(struct vexfs_mdhdr, h_reserved), RESERVED },
};

static const struct owned super_fields[] = {
	{ SB(s_pad), RESERVED },
	{ SB(s_quota_ino), RO(QUOTA), "quota inodes without the feature" },
	{ SB(s_change_ino), RO(CHANGE_FEED), "change tree without the feature" },
	{ SB(s_change_epoch), RO(CHANGE_FEED), "change epoch without the feature" },
	{ SB(s_refcount_ino), INCOMPAT(REFLINK), "reference tree without the feature" },
	{ SB(s_reserved), RESERVED },
};

static const struct owned inode_fields[] = {
	{ INODE(i_projid), RO(PROJECT), "project id without the feature" },
	{ INODE(i_xattr_block), INCOMPAT(XATTR), "xattr block without the feature" },
	{ INODE(i_xattr), INCOMPAT(XATTR), "xattrs without the feature" },
	{ INODE(i_change_epoch), RO(CHANGE_FEED), "change epoch without the feature" },
	{ INODE(i_verity_ino), RO(VERITY), "verity data without the feature" },
	{ INODE(i_charged), RO(QUOTA), "charged bytes without the feature" },
	{ INODE(i_pad1), RESERVED },
	{ INODE(i_reserved), RESERVED },
};

static const struct owned coll_fields[] = {
	{ COLL(c_graph_ino), VEXFS_COMPAT, VEXFS_FEATURE_COMPAT_GRAPH, "graph without the feature" },
	{ COLL(c_sketch_ino), RESERVED },
	{ COLL(c_pad), RESERVED },
	{ COLL(c_reserved), RESERVED },
};

static const struct owned slot_fields[] = {
	{ FIELD(struct vexfs_slot, v_pad), RESERVED },
	{ FIELD(struct vexfs_slot, v_reserved), RESERVED },
};

static const struct owned desc_fields[] = {
	{ FIELD(struct vexfs_group_desc, gd_reserved), RESERVED },
};

static const struct {
	u32	flag;
	u8	word;
	u32	bit;
} inode_flags[] = {
	{ VEXFS_INODE_IMMUTABLE, RO(INODE_FLAGS) },
	{ VEXFS_INODE_APPEND, RO(INODE_FLAGS) },
	{ VEXFS_INODE_NODUMP, RO(INODE_FLAGS) },
	{ VEXFS_INODE_NOATIME, RO(INODE_FLAGS) },
	{ VEXFS_INODE_SYNC, RO(INODE_FLAGS) },
	{ VEXFS_INODE_DIRSYNC, RO(INODE_FLAGS) },
	{ VEXFS_INODE_PROJINHERIT, RO(PROJECT) },
	{ VEXFS_INODE_VERITY, RO(VERITY) },
	{ VEXFS_INODE_CASEFOLD, INCOMPAT(CASEFOLD) },
	{ VEXFS_INODE_ENCRYPT, INCOMPAT(ENCRYPT) },
};

/* Some bit is set that this header does not define: reserved bytes may have a meaning. */
static bool from_the_future(const u32 *feature)
{
	u32 w;

	for (w = 0; w < VEXFS_FEATURE_WORDS; w++)
		if (feature[w] & ~defined[w])
			return true;
	return false;
}

static const char *check(const void *record, const struct owned *f, u32 n, const u32 *feature)
{
	bool future = from_the_future(feature);

	for (; n; f++, n--) {
		if (f->bit ? feature[f->word] & f->bit : future)
			continue;
		if (!vexfs_all_zero((const u8 *)record + f->off, f->len))
			return f->why;
	}
	return NULL;
}

/* Bytes that check() would complain of become zero. */
static void clear(void *record, const struct owned *f, u32 n, const u32 *feature)
{
	bool future = from_the_future(feature);

	for (; n; f++, n--)
		if (!(f->bit ? feature[f->word] & f->bit : future))
			memset((u8 *)record + f->off, 0, f->len);
}

static const char *check_flags(u32 flags, const u32 *feature)
{
	u32 i;

	flags &= ~VEXFS_INODE_FLAGS;
	for (i = 0; i < ARRAY_SIZE(inode_flags); i++) {
		if (!(flags & inode_flags[i].flag))
			continue;
		if (!(feature[inode_flags[i].word] & inode_flags[i].bit))
			return "inode flag without its feature";
		flags &= ~inode_flags[i].flag;
	}
	return flags && !from_the_future(feature) ? "unknown inode flags" : NULL;
}

const char *vexfs_feature_check_header(const struct vexfs_mdhdr *h, const struct vexfs_geo *geo)
{
	return check(h, header_fields, ARRAY_SIZE(header_fields), geo->feature);
}

const char *vexfs_feature_check_super(const struct vexfs_super_block *sb)
{
	const u32 feature[VEXFS_FEATURE_WORDS] = {
		vexfs_feature_bits(sb, VEXFS_COMPAT), vexfs_feature_bits(sb, VEXFS_RO_COMPAT),
		vexfs_feature_bits(sb, VEXFS_INCOMPAT),
	};

	return check(sb, super_fields, ARRAY_SIZE(super_fields), feature);
}

const char *vexfs_feature_check_inode(const struct vexfs_inode *di, const struct vexfs_geo *geo)
{
	const char *why = check_flags(le32_to_cpu(di->i_flags), geo->feature);

	return why ? why : check(di, inode_fields, ARRAY_SIZE(inode_fields), geo->feature);
}

const char *vexfs_feature_check_coll(const struct vexfs_collection *c, const struct vexfs_geo *geo)
{
	return check(c, coll_fields, ARRAY_SIZE(coll_fields), geo->feature);
}

const char *vexfs_feature_check_slot(const struct vexfs_slot *s, const struct vexfs_geo *geo)
{
	return check(s, slot_fields, ARRAY_SIZE(slot_fields), geo->feature);
}

const char *vexfs_feature_check_desc(const struct vexfs_group_desc *gd, const struct vexfs_geo *geo)
{
	return check(gd, desc_fields, ARRAY_SIZE(desc_fields), geo->feature);
}

/* ---- repair ------------------------------------------------------------------ */

void vexfs_feature_clear_super(struct vexfs_super_block *sb)
{
	const u32 feature[VEXFS_FEATURE_WORDS] = {
		vexfs_feature_bits(sb, VEXFS_COMPAT), vexfs_feature_bits(sb, VEXFS_RO_COMPAT),
		vexfs_feature_bits(sb, VEXFS_INCOMPAT),
	};

	clear(sb, super_fields, ARRAY_SIZE(super_fields), feature);
}

void vexfs_feature_clear_inode(struct vexfs_inode *di, const struct vexfs_geo *geo)
{
	u32 flags = le32_to_cpu(di->i_flags), known = VEXFS_INODE_FLAGS, i;

	for (i = 0; i < ARRAY_SIZE(inode_flags); i++)
		if (geo->feature[inode_flags[i].word] & inode_flags[i].bit)
			known |= inode_flags[i].flag;
	di->i_flags = cpu_to_le32(flags & known);
	clear(di, inode_fields, ARRAY_SIZE(inode_fields), geo->feature);
}

void vexfs_feature_clear_coll(struct vexfs_collection *c, const struct vexfs_geo *geo)
{
	clear(c, coll_fields, ARRAY_SIZE(coll_fields), geo->feature);
}

void vexfs_feature_clear_slot(struct vexfs_slot *s, const struct vexfs_geo *geo)
{
	clear(s, slot_fields, ARRAY_SIZE(slot_fields), geo->feature);
}
