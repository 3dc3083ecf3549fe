// SPDX-License-Identifier: GPL-2.0
/* Superblock, geometry, block headers and bitmaps: arithmetic and verifiers. */
#include "core/block.h"
#include "core/btree.h"
#include "core/feature.h"
#include "core/xattr.h"

/* File types in i_mode, as every Unix has them. */
#define MODE_FMT	0170000U
#define MODE_FIFO	0010000U
#define MODE_CHR	0020000U
#define MODE_DIR	0040000U
#define MODE_BLK	0060000U
#define MODE_REG	0100000U
#define MODE_LNK	0120000U
#define MODE_SOCK	0140000U

#define NSEC_PER_SECOND	1000000000U

/* crc32c over @len bytes with the four at @field taken as zeros. */
static u32 checksum_without(const void *data, u32 len, u32 field)
{
	const u8 *p = data;
	const __le32 zero = 0;
	u32 crc = crc32c(~0U, p, field);

	crc = crc32c(crc, &zero, sizeof(zero));
	return crc32c(crc, p + field + sizeof(zero), len - field - sizeof(zero));
}

/* ---- superblock -------------------------------------------------------- */

/**
 * vexfs_sb_checksum - checksum a superblock ought to have
 * @sb: the superblock; its s_checksum is not looked at
 */
u32 vexfs_sb_checksum(const struct vexfs_super_block *sb)
{
	return checksum_without(sb, VEXFS_SB_SIZE, offsetof(struct vexfs_super_block, s_checksum));
}

/* Whatever else a later format changes, magic, checksum and version stay where they are. */
static const char *sb_check_identity(const struct vexfs_super_block *sb)
{
	if (le32_to_cpu(sb->s_magic) != VEXFS_SB_MAGIC)
		return "not a VexFS superblock";
	if (le32_to_cpu(sb->s_checksum) != vexfs_sb_checksum(sb))
		return "wrong superblock checksum";
	return NULL;
}

/**
 * vexfs_sb_refuse - a superblock of another format, or with features that change it
 * @sb: 1024 bytes from the device
 *
 * Not damage: nothing else in it can be judged, and nothing should be repaired.
 *
 * Return: a sentence that says what to do; NULL if this program may read the
 * filesystem, or if @sb does not look like a superblock at all.
 */
const char *vexfs_sb_refuse(const struct vexfs_super_block *sb)
{
	u32 version = le32_to_cpu(sb->s_version);

	if (sb_check_identity(sb))
		return NULL;
	if (version == 1)
		return "made by a development version (format 1): make it anew with mkfs.vexfs";
	if (version != VEXFS_VERSION)
		return "made for another format version: use a newer VexFS";
	if (vexfs_feature_unknown(sb, VEXFS_INCOMPAT))
		return "unknown incompatible features: use a newer VexFS";
	return NULL;
}

static const char *sb_check_constants(const struct vexfs_super_block *sb)
{
	if (le32_to_cpu(sb->s_block_shift) != VEXFS_BLOCK_SHIFT)
		return "unsupported block size";
	if (le32_to_cpu(sb->s_inode_size) != VEXFS_INODE_SIZE)
		return "unsupported inode size";
	if (le32_to_cpu(sb->s_blocks_per_group) != VEXFS_BLOCKS_PER_GROUP)
		return "wrong number of blocks per group";
	if (le64_to_cpu(sb->s_root_ino) != VEXFS_ROOT_INO)
		return "wrong root inode";
	if (sb->s_checksum_type != VEXFS_CHECKSUM_CRC32C)
		return "unknown checksum type";
	if (sb->s_hash_version != VEXFS_HASH_SIPHASH)
		return "unknown directory hash";
	if (le32_to_cpu(sb->s_errors) > VEXFS_ERRORS_SHUTDOWN)
		return "unknown errors policy";
	if (le32_to_cpu(sb->s_state) & ~VEXFS_STATE_ERROR)
		return "unknown state";
	if (le32_to_cpu(sb->s_reserve_blocks) > VEXFS_MAX_RESERVE)
		return "too many blocks reserved";
	return vexfs_feature_check_super(sb);
}

static const char *sb_check_groups(const struct vexfs_super_block *sb)
{
	u64 blocks = le64_to_cpu(sb->s_blocks);
	u32 groups = le32_to_cpu(sb->s_groups);
	u32 ipg = le32_to_cpu(sb->s_inodes_per_group);

	if (blocks < VEXFS_MIN_BLOCKS || blocks > VEXFS_MAX_BLOCKS)
		return "device size out of range";
	if (groups != DIV_ROUND_UP(blocks, VEXFS_BLOCKS_PER_GROUP))
		return "wrong number of groups";
	if (!ipg || ipg % VEXFS_INODES_PER_BLOCK || ipg > VEXFS_BITS_PER_BITMAP)
		return "inodes per group out of range";
	if (le32_to_cpu(sb->s_itable_blocks) != ipg / VEXFS_INODES_PER_BLOCK)
		return "wrong inode table size";
	/* Below, not at it: the map key ~0 must not exist (see vexfs_path_next_key()). */
	if ((u64)groups * ipg >= VEXFS_MAX_INO)
		return "too many inodes";
	if (le32_to_cpu(sb->s_gdt_blocks) != DIV_ROUND_UP(groups, VEXFS_GD_PER_BLOCK))
		return "wrong descriptor table size";
	if (le32_to_cpu(sb->s_group) >= groups || !vexfs_group_has_super(le32_to_cpu(sb->s_group)))
		return "superblock copy in a wrong group";
	return NULL;
}

static bool range_on_device(const struct vexfs_geo *geo, u64 blkno, u64 len)
{
	u64 blocks = vexfs_geo_blocks(geo);

	return len && blkno < blocks && len <= blocks - blkno;
}

static bool ranges_overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

static const char *geo_check_tables(const struct vexfs_geo *geo)
{
	if (geo->journal_blocks < VEXFS_MIN_JOURNAL)
		return "journal too small";
	if (!range_on_device(geo, geo->journal_start, geo->journal_blocks))
		return "journal out of place";
	if (!range_on_device(geo, geo->orphan_start, geo->orphan_blocks))
		return "orphan table out of place";
	if (geo->coll_blocks != VEXFS_COLL_BLOCKS)
		return "wrong collection table size";
	if (!range_on_device(geo, geo->coll_start, geo->coll_blocks))
		return "collection table out of place";
	if (ranges_overlap(geo->journal_start, geo->journal_blocks,
			   geo->orphan_start, geo->orphan_blocks) ||
	    ranges_overlap(geo->journal_start, geo->journal_blocks,
			   geo->coll_start, geo->coll_blocks) ||
	    ranges_overlap(geo->orphan_start, geo->orphan_blocks,
			   geo->coll_start, geo->coll_blocks))
		return "journal and tables overlap";
	return NULL;
}

/**
 * vexfs_sb_verify - is this a superblock whose geometry can be trusted?
 * @sb: 1024 bytes from the device
 *
 * Whether the device is as large as s_blocks says, and what to do about unknown
 * ro_compat features, is for the caller.
 *
 * Return: NULL, or the failed check.
 */
const char *vexfs_sb_verify(const struct vexfs_super_block *sb)
{
	struct vexfs_geo geo;
	const char *why;

	why = sb_check_identity(sb);
	if (!why)
		why = vexfs_sb_refuse(sb);
	if (!why)
		why = sb_check_constants(sb);
	if (!why)
		why = sb_check_groups(sb);
	if (why)
		return why;
	vexfs_geo_init(&geo, sb);
	return geo_check_tables(&geo);
}

void vexfs_geo_init(struct vexfs_geo *geo, const struct vexfs_super_block *sb)
{
	geo->place = NULL;
	geo->blocks = le64_to_cpu(sb->s_blocks);
	geo->journal_start = le64_to_cpu(sb->s_journal_start);
	geo->orphan_start = le64_to_cpu(sb->s_orphan_start);
	geo->coll_start = le64_to_cpu(sb->s_coll_start);
	geo->journal_blocks = le32_to_cpu(sb->s_journal_blocks);
	geo->orphan_blocks = le32_to_cpu(sb->s_orphan_blocks);
	geo->coll_blocks = le32_to_cpu(sb->s_coll_blocks);
	geo->groups = le32_to_cpu(sb->s_groups);
	geo->inodes_per_group = le32_to_cpu(sb->s_inodes_per_group);
	geo->itable_blocks = le32_to_cpu(sb->s_itable_blocks);
	geo->gdt_blocks = le32_to_cpu(sb->s_gdt_blocks);
	geo->feature[VEXFS_COMPAT] = vexfs_feature_bits(sb, VEXFS_COMPAT);
	geo->feature[VEXFS_RO_COMPAT] = vexfs_feature_bits(sb, VEXFS_RO_COMPAT);
	geo->feature[VEXFS_INCOMPAT] = vexfs_feature_bits(sb, VEXFS_INCOMPAT);
	memcpy(geo->uuid, sb->s_meta_uuid, VEXFS_UUID_LEN);
	memcpy(geo->hash_key, sb->s_hash_key, VEXFS_HASH_KEY_LEN);
}

/* ---- geometry ----------------------------------------------------------- */

u64 vexfs_geo_blocks(const struct vexfs_geo *geo)
{
	/* Pairs with vexfs_grow_publish(): what belongs to these blocks is there. */
	return smp_load_acquire(&geo->blocks);
}

u32 vexfs_geo_groups(const struct vexfs_geo *geo)
{
	/* Pairs with vexfs_grow_publish(): what belongs to these groups is there. */
	return smp_load_acquire(&geo->groups);
}

static bool is_power_of(u32 n, u32 base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

bool vexfs_group_has_super(u32 group)
{
	return group <= 1 || is_power_of(group, 3) || is_power_of(group, 5) ||
	       is_power_of(group, 7);
}

u64 vexfs_group_start(const struct vexfs_geo *geo, u32 group)
{
	return (u64)group * VEXFS_BLOCKS_PER_GROUP;
}

u32 vexfs_group_blocks(const struct vexfs_geo *geo, u32 group)
{
	u64 left = vexfs_geo_blocks(geo) - vexfs_group_start(geo, group);

	return left < VEXFS_BLOCKS_PER_GROUP ? left : VEXFS_BLOCKS_PER_GROUP;
}

/* While the filesystem grows, another array with the same places and more may take its place. */
static const struct vexfs_group_place *place_of(const struct vexfs_geo *geo, u32 group)
{
	return &READ_ONCE(geo->place)[group];
}

u64 vexfs_group_bbmap(const struct vexfs_geo *geo, u32 group)
{
	return place_of(geo, group)->bbmap;
}

u64 vexfs_group_ibmap(const struct vexfs_geo *geo, u32 group)
{
	return place_of(geo, group)->ibmap;
}

u64 vexfs_group_itable(const struct vexfs_geo *geo, u32 group)
{
	return place_of(geo, group)->itable;
}

u32 vexfs_group_overhead(const struct vexfs_geo *geo, u32 group)
{
	return place_of(geo, group)->head;
}

u32 vexfs_block_group(u64 blkno)
{
	return blkno / VEXFS_BLOCKS_PER_GROUP;
}

u32 vexfs_block_index(u64 blkno)
{
	return blkno % VEXFS_BLOCKS_PER_GROUP;
}

u32 vexfs_ino_group(const struct vexfs_geo *geo, u64 ino)
{
	return (ino - 1) / geo->inodes_per_group;
}

u32 vexfs_ino_index(const struct vexfs_geo *geo, u64 ino)
{
	return (ino - 1) % geo->inodes_per_group;
}

u64 vexfs_ino_block(const struct vexfs_geo *geo, u64 ino)
{
	return vexfs_group_itable(geo, vexfs_ino_group(geo, ino)) +
	       vexfs_ino_index(geo, ino) / VEXFS_INODES_PER_BLOCK;
}

u32 vexfs_ino_offset(const struct vexfs_geo *geo, u64 ino)
{
	return vexfs_ino_index(geo, ino) % VEXFS_INODES_PER_BLOCK * VEXFS_INODE_SIZE;
}

bool vexfs_ino_valid(const struct vexfs_geo *geo, u64 ino)
{
	return ino >= 1 && ino <= (u64)vexfs_geo_groups(geo) * geo->inodes_per_group;
}

/* Every group the range touches has its metadata at its start: a range that enters another
 * group needs it free of any. */
static bool range_off_heads(const struct vexfs_geo *geo, u64 blkno, u64 len)
{
	for (;;) {
		u32 index = vexfs_block_index(blkno), room = VEXFS_BLOCKS_PER_GROUP - index;

		if (index < place_of(geo, vexfs_block_group(blkno))->head)
			return false;
		if (len <= room)
			return true;
		blkno += room;
		len -= room;
	}
}

bool vexfs_data_range_valid(const struct vexfs_geo *geo, u64 blkno, u64 len)
{
	return geo->place && range_on_device(geo, blkno, len) && range_off_heads(geo, blkno, len) &&
	       !ranges_overlap(blkno, len, geo->journal_start, geo->journal_blocks) &&
	       !ranges_overlap(blkno, len, geo->orphan_start, geo->orphan_blocks) &&
	       !ranges_overlap(blkno, len, geo->coll_start, geo->coll_blocks);
}

u64 vexfs_io_blocks(const struct vexfs_io *io)
{
	return io->nblocks ? io->nblocks : vexfs_geo_blocks(io->geo);
}

bool vexfs_io_range_valid(const struct vexfs_io *io, u64 blkno, u64 len)
{
	if (io->geo)
		return vexfs_data_range_valid(io->geo, blkno, len);
	return blkno && len && blkno < io->nblocks && len <= io->nblocks - blkno;
}

bool vexfs_range_off_heads(const struct vexfs_geo *geo, u64 blkno, u64 len)
{
	return range_on_device(geo, blkno, len) && range_off_heads(geo, blkno, len);
}

/* ---- block headers ------------------------------------------------------- */

/**
 * vexfs_mdhdr_init - clear a block and give it its header
 * @block: 4096 bytes; all of them are set
 * @geo:   for the uuid
 * @magic: VEXFS_MAGIC_*
 * @blkno: the block's address
 * @owner: see struct vexfs_mdhdr
 */
void vexfs_mdhdr_init(void *block, const struct vexfs_geo *geo, u32 magic, u64 blkno, u64 owner)
{
	struct vexfs_mdhdr *h = block;

	memset(block, 0, VEXFS_BLOCK_SIZE);
	h->h_magic = cpu_to_le32(magic);
	memcpy(h->h_uuid, geo->uuid, VEXFS_UUID_LEN);
	h->h_blkno = cpu_to_le64(blkno);
	h->h_owner = cpu_to_le64(owner);
}

u32 vexfs_mdhdr_checksum(const void *block)
{
	return checksum_without(block, VEXFS_BLOCK_SIZE, offsetof(struct vexfs_mdhdr, h_checksum));
}

void vexfs_mdhdr_seal(void *block)
{
	struct vexfs_mdhdr *h = block;

	h->h_checksum = cpu_to_le32(vexfs_mdhdr_checksum(block));
}

static bool header_has_next(const struct vexfs_mdhdr *h)
{
	u32 magic = le32_to_cpu(h->h_magic);

	return magic == VEXFS_MAGIC_DIR || magic == VEXFS_MAGIC_CHAIN ||
	       (magic == VEXFS_MAGIC_ORPHAN && !h->h_owner);
}

/**
 * vexfs_mdhdr_verify - is this block what the one who points at it says?
 * @block:  4096 bytes
 * @geo:    for the uuid
 * @magic:  what it must be, or ...
 * @magic2: ... another possibility; 0: none
 * @blkno:  where it was read from
 * @owner:  to whom it must belong
 *
 * Return: NULL, or the failed check. Nothing after the header is looked at.
 */
const char *vexfs_mdhdr_verify(const void *block, const struct vexfs_geo *geo, u32 magic,
			       u32 magic2, u64 blkno, u64 owner)
{
	const struct vexfs_mdhdr *h = block;
	u32 found = le32_to_cpu(h->h_magic);

	if (found != magic && (!magic2 || found != magic2))
		return "wrong block type";
	if (le32_to_cpu(h->h_checksum) != vexfs_mdhdr_checksum(block))
		return "wrong block checksum";
	if (memcmp(h->h_uuid, geo->uuid, VEXFS_UUID_LEN))
		return "block of another filesystem";
	if (le64_to_cpu(h->h_blkno) != blkno)
		return "misplaced block";
	if (le64_to_cpu(h->h_owner) != owner)
		return "block of another owner";
	if (h->h_next && !header_has_next(h))
		return "list head in a block that has none";
	return vexfs_feature_check_header(h, geo);
}

/* ---- inodes ---------------------------------------------------------------- */

u32 vexfs_inode_checksum(const struct vexfs_inode *di)
{
	return checksum_without(di, VEXFS_INODE_SIZE, offsetof(struct vexfs_inode, i_checksum));
}

void vexfs_inode_seal(struct vexfs_inode *di)
{
	di->i_checksum = cpu_to_le32(vexfs_inode_checksum(di));
}

static const char *inode_check_times(const struct vexfs_inode *di)
{
	if (le32_to_cpu(di->i_atime_nsec) >= NSEC_PER_SECOND ||
	    le32_to_cpu(di->i_mtime_nsec) >= NSEC_PER_SECOND ||
	    le32_to_cpu(di->i_ctime_nsec) >= NSEC_PER_SECOND ||
	    le32_to_cpu(di->i_btime_nsec) >= NSEC_PER_SECOND)
		return "inode time out of range";
	return NULL;
}

static const char *inode_check_symlink(const struct vexfs_inode *di, const struct vexfs_geo *geo)
{
	u64 size = le64_to_cpu(di->i_size);

	if (!size || size > VEXFS_SYMLINK_MAX)
		return "symlink length out of range";
	if (size <= VEXFS_SYMLINK_INLINE)
		return memchr(di->i_symlink, 0, size) ?
		       "symlink target contains a NUL byte" : NULL;
	return vexfs_root_verify(&di->i_root, false, vexfs_geo_blocks(geo));
}

static const char *inode_check_special(const struct vexfs_inode *di)
{
	if (di->i_root.r_level || di->i_root.r_count || di->i_root.r_blocks)
		return "special file with a tree";
	return NULL;
}

static const char *inode_check_contents(const struct vexfs_inode *di, const struct vexfs_geo *geo)
{
	switch (le16_to_cpu(di->i_mode) & MODE_FMT) {
	case MODE_REG:
		if (le64_to_cpu(di->i_size) > VEXFS_MAX_LBLK << VEXFS_BLOCK_SHIFT)
			return "file size out of range";
		return vexfs_root_verify(&di->i_root, false, vexfs_geo_blocks(geo));
	case MODE_DIR:
		if (le64_to_cpu(di->i_size) >> 63)
			return "directory size out of range";
		return vexfs_root_verify(&di->i_root, true, vexfs_geo_blocks(geo));
	case MODE_LNK:
		return inode_check_symlink(di, geo);
	case MODE_CHR:
	case MODE_BLK:
	case MODE_FIFO:
	case MODE_SOCK:
		return inode_check_special(di);
	}
	return "unknown file type";
}

/* Names are recorded from the front on; a directory has one. */
static const char *inode_check_links(const struct vexfs_inode *di, const struct vexfs_geo *geo)
{
	bool dir = (le16_to_cpu(di->i_mode) & MODE_FMT) == MODE_DIR;
	u32 i, n = 0;

	while (n < VEXFS_INODE_LINKS && di->i_links[n].l_parent)
		n++;
	for (i = 0; i < n; i++)
		if (!vexfs_ino_valid(geo, le64_to_cpu(di->i_links[i].l_parent)) ||
		    le64_to_cpu(di->i_links[i].l_hash) > VEXFS_HASH_MAX)
			return "inode records an impossible name";
	if (!vexfs_all_zero(&di->i_links[n], (VEXFS_INODE_LINKS - n) * sizeof(di->i_links[0])))
		return "inode's records of names are not in order";
	if (dir && (n > 1 || di->i_link_block))
		return "directory records several names";
	if (di->i_link_block && !vexfs_data_range_valid(geo, le64_to_cpu(di->i_link_block), 1))
		return "inode's block of names in fixed metadata";
	return NULL;
}

/* Stored attributes. A hidden inode has none; one that is a value says whose. */
static const char *inode_check_xattrs(const struct vexfs_inode *di, const struct vexfs_geo *geo)
{
	u64 block = le64_to_cpu(di->i_xattr_block);

	if (le32_to_cpu(di->i_flags) & VEXFS_INODE_HIDDEN) {
		if (block || !vexfs_all_zero(di->i_xattr, sizeof(di->i_xattr)))
			return "hidden inode with attributes";
		if (vexfs_inode_is_value(di) && le64_to_cpu(di->i_size) >
		    (u64)VEXFS_XATTR_VALUE_BLOCKS << VEXFS_BLOCK_SHIFT)
			return "attribute's value is too large";
		return NULL;
	}
	if (block && !vexfs_data_range_valid(geo, block, 1))
		return "inode's block of attributes in fixed metadata";
	return vexfs_xattr_area_verify(di->i_xattr, sizeof(di->i_xattr), le16_to_cpu(di->i_mode));
}

u32 vexfs_inode_flags_of(u32 mode)
{
	switch (mode & MODE_FMT) {
	case MODE_DIR:
		return ~VEXFS_INODE_VERITY;
	case MODE_REG:
		return ~(VEXFS_INODE_DIRSYNC | VEXFS_INODE_PROJINHERIT | VEXFS_INODE_CASEFOLD);
	default:
		return VEXFS_INODE_NODUMP | VEXFS_INODE_NOATIME | VEXFS_INODE_ENCRYPT;
	}
}

static const char *inode_check_flags(const struct vexfs_inode *di)
{
	u32 flags = le32_to_cpu(di->i_flags);

	if ((flags & VEXFS_INODE_HIDDEN) && (flags & VEXFS_INODE_USER))
		return "hidden inode with flags of chattr";
	if (flags & VEXFS_INODE_FEATURES & ~vexfs_inode_flags_of(le16_to_cpu(di->i_mode)))
		return "inode flag that its type cannot have";
	return NULL;
}

/* Fields that only some kinds of inodes have. */
static const char *inode_check_kind(const struct vexfs_inode *di)
{
	u32 fmt = le16_to_cpu(di->i_mode) & MODE_FMT;

	if (di->i_rdev && fmt != MODE_CHR && fmt != MODE_BLK)
		return "device number of something else";
	if (fmt != MODE_REG && (di->i_vecmask || le32_to_cpu(di->i_flags) & VEXFS_INODE_HIDDEN))
		return "not a file, but has embeddings or belongs to a collection";
	return inode_check_flags(di);
}

/**
 * vexfs_inode_verify - is this the inode @ino, and sane?
 * @di:  512 bytes of an inode table
 * @geo: the filesystem's geometry
 * @ino: the number of the table's slot
 *
 * Return: NULL, or the failed check.
 */
const char *vexfs_inode_verify(const struct vexfs_inode *di, const struct vexfs_geo *geo, u64 ino)
{
	const char *why;

	if (!di->i_mode)
		return "inode is free";
	if (le16_to_cpu(di->i_magic) != VEXFS_INODE_MAGIC)
		return "not an inode";
	if (le32_to_cpu(di->i_checksum) != vexfs_inode_checksum(di))
		return "wrong inode checksum";
	if (le64_to_cpu(di->i_ino) != ino)
		return "misplaced inode";
	why = vexfs_feature_check_inode(di, geo);
	if (why)
		return why;
	if (le64_to_cpu(di->i_charged) >> VEXFS_BLOCK_SHIFT >= vexfs_geo_blocks(geo))
		return "charged for more than the filesystem has";
	if (le64_to_cpu(di->i_blocks) >= vexfs_geo_blocks(geo) ||
	    le64_to_cpu(di->i_xattr_block) >= vexfs_geo_blocks(geo))
		return "inode block count or address out of range";
	why = inode_check_kind(di);
	if (!why)
		why = inode_check_links(di, geo);
	if (!why)
		why = inode_check_times(di);
	if (!why)
		why = inode_check_xattrs(di, geo);
	return why ? why : inode_check_contents(di, geo);
}

/* ---- fields without a meaning ----------------------------------------------- */

bool vexfs_all_zero(const void *p, size_t len)
{
	const u8 *b = p;

	while (len && !*b) {
		b++;
		len--;
	}
	return !len;
}

/* ---- group descriptors --------------------------------------------------------- */

const char *vexfs_gd_verify(const struct vexfs_group_desc *gd, const struct vexfs_geo *geo,
			    u32 group)
{
	if (le32_to_cpu(gd->gd_free_blocks) > vexfs_group_blocks(geo, group))
		return "group has more free blocks than blocks";
	if (le32_to_cpu(gd->gd_free_inodes) > geo->inodes_per_group)
		return "group has more free inodes than inodes";
	if (le32_to_cpu(gd->gd_used_dirs) > geo->inodes_per_group)
		return "group has more directories than inodes";
	if (le32_to_cpu(gd->gd_itable_init) > geo->itable_blocks)
		return "group's inode table is larger than it can be";
	return vexfs_feature_check_desc(gd, geo);
}

/* ---- bitmaps ---------------------------------------------------------------- */

bool vexfs_bit_test(const void *map, u32 bit)
{
	return ((const u8 *)map)[bit / 8] >> (bit % 8) & 1;
}

/* Bits [first, first + count) of one byte. */
static u8 byte_mask(u32 first, u32 count)
{
	return ((1U << count) - 1) << first;
}

static void bits_fill(u8 *map, u32 first, u32 count, bool set)
{
	while (count) {
		u32 bit = first % 8;
		u32 n = min(8 - bit, count);

		if (n == 8) {
			n = count / 8 * 8;
			memset(map + first / 8, set ? 0xff : 0, n / 8);
		} else if (set) {
			map[first / 8] |= byte_mask(bit, n);
		} else {
			map[first / 8] &= ~byte_mask(bit, n);
		}
		first += n;
		count -= n;
	}
}

void vexfs_bits_set(void *map, u32 first, u32 count)
{
	bits_fill(map, first, count, true);
}

void vexfs_bits_clear(void *map, u32 first, u32 count)
{
	bits_fill(map, first, count, false);
}

/* The 64 bits from @bit (a multiple of 64); those at and after @nbits are 0 and
 * their bytes not touched. */
static u64 bits_load(const void *map, u32 bit, u32 nbits)
{
	u32 n = min(nbits - bit, 64U);
	__le64 word = 0;
	u64 w;

	if (n == 64) {
		memcpy(&word, (const u8 *)map + bit / 8, 8);
		return le64_to_cpu(word);
	}
	memcpy(&word, (const u8 *)map + bit / 8, (n + 7) / 8);
	w = le64_to_cpu(word);
	return w & ((1ULL << n) - 1);
}

/* First bit in [from, nbits) that differs from @flip's bits: @flip 0 finds a set bit. */
static u32 bits_find(const void *map, u32 from, u32 nbits, u64 flip)
{
	u32 bit = from & ~63U;
	u64 mask = ~0ULL << (from & 63);

	for (; bit < nbits; bit += 64, mask = ~0ULL) {
		u64 w = (bits_load(map, bit, nbits) ^ flip) & mask;

		if (w)
			return min(bit + (u32)__builtin_ctzll(w), nbits);
	}
	return nbits;
}

u32 vexfs_bit_next_clear(const void *map, u32 from, u32 nbits)
{
	return bits_find(map, from, nbits, ~0ULL);
}

u32 vexfs_bit_next_set(const void *map, u32 from, u32 nbits)
{
	return bits_find(map, from, nbits, 0);
}

/* Not __builtin_popcountll(): without -mpopcnt that calls a function the kernel
 * does not have. H. Warren, Hacker's Delight, 5-1. */
static u32 popcount64(u64 w)
{
	w -= (w >> 1) & 0x5555555555555555ULL;
	w = (w & 0x3333333333333333ULL) + ((w >> 2) & 0x3333333333333333ULL);
	w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (w * 0x0101010101010101ULL) >> 56;
}

u32 vexfs_bits_count_set(const void *map, u32 nbits)
{
	u32 bit, n = 0;

	for (bit = 0; bit < nbits; bit += 64)
		n += popcount64(bits_load(map, bit, nbits));
	return n;
}
