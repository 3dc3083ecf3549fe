// SPDX-License-Identifier: GPL-2.0
/* Damage to attributes: records, their block, values in inodes of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "tests/unit/fsck_damage.h"

static u64 block, value, acl_value;
static u8 large[VEXFS_XATTR_VALUE_MAX];

/* An ACL with so many named users that its value has an inode of its own. */
static u32 large_acl(u8 *p, u32 users)
{
	static const u8 owner[] = { 2, 0, 0, 0, 1, 0, 7, 0, 0xff, 0xff, 0xff, 0xff };
	static const u8 rest[] = {
		4, 0, 5, 0, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
		0x20, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
	};
	u32 i, n = sizeof(owner);

	memcpy(p, owner, sizeof(owner));
	for (i = 0; i < users; i++, n += 8)
		memcpy(p + n, (u8[]){ 2, 0, 4, 0, i & 0xff, i >> 8, 0, 0 }, 8);
	memcpy(p + n, rest, sizeof(rest));
	return n + sizeof(rest);
}

void fixture_xattr(struct fixture *x)
{
	struct ib *ib = &x->ib;
	u32 n = large_acl(large, 700);

	acl_value = ib_xattr(ib, x->dir, IB_LARGE, VEXFS_XATTR_DEFAULT_ACL, "", large, n);
	n = large_acl(large, 1);
	ib_xattr(ib, x->file, IB_INLINE, VEXFS_XATTR_ACL, "", large, n);
	memset(large, 'x', sizeof(large));
	ib_xattr(ib, x->file, IB_INLINE, VEXFS_XATTR_USER, "inline", "value", 5);
	block = ib_xattr(ib, x->file, IB_BLOCK, VEXFS_XATTR_USER, "block", large, 1000);
	ib_xattr(ib, x->file, IB_BLOCK, VEXFS_XATTR_TRUSTED, "t", "", 0);
	value = ib_xattr(ib, x->file, IB_LARGE, VEXFS_XATTR_SECURITY, "l", large, sizeof(large));
	ib_xattr(ib, x->symlink, IB_BLOCK, VEXFS_XATTR_SECURITY, "selinux", "label", 6);
}

/* The inode's records: user.inline at 256, security.l after it, then the ACL. */
static void edit_inline(struct fixture *x, u32 off, u8 byte)
{
	fixture_xattr(x);
	EDIT_INODE(x, x->file, di.i_xattr[off] = byte);
}

static void xattr_length(struct fixture *x) { edit_inline(x, 0, 6); }
static void xattr_parts(struct fixture *x) { edit_inline(x, 0, 24); }
static void xattr_kind(struct fixture *x) { edit_inline(x, 2, 7); }
static void xattr_name(struct fixture *x) { edit_inline(x, 9, 0); }
static void xattr_padding(struct fixture *x) { edit_inline(x, 19, 1); }
static void xattr_tail(struct fixture *x) { edit_inline(x, 111, 1); }
static void xattr_value_length(struct fixture *x) { edit_inline(x, 6, 1); }
static void xattr_acl(struct fixture *x) { edit_inline(x, 20 + 20 + 8 + 4 + 2, 9); }

static void xattr_vec(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, x->file, memcpy(di.i_xattr + 8, "vec.in", 6));
}

static void xattr_order(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, x->file, di.i_xattr[2] = VEXFS_XATTR_SECURITY; di.i_xattr[22] = 0x81);
}

static void xattr_symlink_acl(struct fixture *x)
{
	u32 n = large_acl(large, 1);

	ib_xattr(&x->ib, x->symlink, IB_INLINE, VEXFS_XATTR_ACL, "", large, n);
}

static void xattr_file_default(struct fixture *x)
{
	u32 n = large_acl(large, 1);

	ib_xattr(&x->ib, x->file, IB_INLINE, VEXFS_XATTR_DEFAULT_ACL, "", large, n);
}

static void xattr_hidden(struct fixture *x)
{
	fixture_xattr(x);
	ib_xattr(&x->ib, value, IB_INLINE, VEXFS_XATTR_USER, "a", "b", 1);
}

static void xattr_metadata(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, x->file, di.i_xattr_block = cpu_to_le64(1));
}

/* ---- the block ---------------------------------------------------------------- */

static void xattr_checksum(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_BLOCK(x, block, false, p[100] ^= 1);
}

static void xattr_count(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_BLOCK(x, block, true, ((struct vexfs_mdhdr *)p)->h_count = cpu_to_le16(3));
}

static void xattr_empty(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_BLOCK(x, block, true, memset(p + VEXFS_MDHDR_SIZE, 0, VEXFS_MD_SPACE));
}

static void xattr_shared(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, x->linked, di.i_xattr_block = cpu_to_le64(block));
}

static void xattr_blocks(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, x->file, di.i_blocks = cpu_to_le64(le64_to_cpu(di.i_blocks) - 1));
}

static void xattr_twice(struct fixture *x)
{
	fixture_xattr(x);
	ib_xattr(&x->ib, x->file, IB_BLOCK, VEXFS_XATTR_USER, "inline", "other", 5);
}

/* ---- values -------------------------------------------------------------------- */

static void value_free(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, x->file, di.i_xattr[20 + 8 + 1 + 1] = 3);
}

static void value_foreign(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, value, di.i_links[0].l_parent = cpu_to_le64(x->linked));
}

static void value_visible(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, value, di.i_flags = 0);
}

static void value_short(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, value, di.i_size = cpu_to_le64(16 * 4096));
}

static void value_too_large(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, value, di.i_size = cpu_to_le64(18 * 4096));
}

static void value_piece(struct fixture *x)
{
	u64 blkno;

	fixture_xattr(x);
	blkno = ib_map(&x->ib, value, 3);
	EDIT_BLOCK(x, blkno, true, ((struct vexfs_mdhdr *)p)->h_bytes = cpu_to_le32(4031));
}

static void value_checksum(struct fixture *x)
{
	u64 blkno;

	fixture_xattr(x);
	blkno = ib_map(&x->ib, value, 16);
	EDIT_BLOCK(x, blkno, false, p[64] ^= 1);
}

static void value_tail(struct fixture *x)
{
	u64 blkno;

	fixture_xattr(x);
	blkno = ib_map(&x->ib, value, 16);
	EDIT_BLOCK(x, blkno, true, p[4095] = 1);
}

/* Nobody's: the attribute is gone. */
static void value_stray(struct fixture *x)
{
	fixture_xattr(x);
	EDIT_INODE(x, x->file, vexfs_xattr_del(di.i_xattr, VEXFS_XATTR_INLINE, VEXFS_XATTR_SECURITY, "l", 1));
}

static void value_acl(struct fixture *x)
{
	u64 blkno;

	fixture_xattr(x);
	blkno = ib_map(&x->ib, acl_value, 0);
	EDIT_BLOCK(x, blkno, true, p[VEXFS_MDHDR_SIZE] = 3);
}

const struct damage xattr_damages[] = {
	{ "xattr_length", xattr_length, FSCK_INODE, "attribute's record has an impossible length" },
	{ "xattr_parts", xattr_parts, FSCK_INODE, "attribute's record has another length than its parts" },
	{ "xattr_kind", xattr_kind, FSCK_INODE, "unknown kind of attribute" },
	{ "xattr_name", xattr_name, FSCK_INODE, "impossible name of an attribute" },
	{ "xattr_padding", xattr_padding, FSCK_INODE, "attribute's padding is not zero" },
	{ "xattr_tail", xattr_tail, FSCK_INODE, "bytes after the last attribute" },
	{ "xattr_value_length", xattr_value_length, FSCK_INODE,
	  "attribute's value has an impossible length" },
	{ "xattr_acl", xattr_acl, FSCK_INODE, "impossible ACL entry" },
	{ "xattr_vec", xattr_vec, FSCK_INODE, "stored attribute with the name of an embedding" },
	{ "xattr_order", xattr_order, FSCK_INODE, "attributes are not in order" },
	{ "xattr_symlink_acl", xattr_symlink_acl, FSCK_INODE, "symlink with an ACL" },
	{ "xattr_file_default", xattr_file_default, FSCK_INODE,
	  "default ACL of something that is not a directory" },
	{ "xattr_hidden", xattr_hidden, FSCK_INODE, "hidden inode with attributes" },
	{ "xattr_metadata", xattr_metadata, FSCK_INODE, "inode's block of attributes in fixed metadata" },
	{ "xattr_checksum", xattr_checksum, FSCK_XATTR_BLOCK, "wrong block checksum" },
	{ "xattr_count", xattr_count, FSCK_XATTR_BLOCK, "block of attributes counts them wrong" },
	{ "xattr_empty", xattr_empty, FSCK_XATTR_BLOCK, "block of attributes without one" },
	{ "xattr_shared", xattr_shared, FSCK_BLOCK_TWICE, NULL },
	{ "xattr_blocks", xattr_blocks, FSCK_INODE_BLOCKS, NULL },
	{ "xattr_twice", xattr_twice, FSCK_XATTR_TWICE, NULL },
	{ "value_free", value_free, FSCK_XATTR_VALUE, "is free" },
	{ "value_foreign", value_foreign, FSCK_XATTR_VALUE, "is the value of another inode's attribute" },
	{ "value_visible", value_visible, FSCK_XATTR_VALUE, "is not hidden" },
	{ "value_short", value_short, FSCK_XATTR_VALUE, "has another length than the value" },
	{ "value_too_large", value_too_large, FSCK_INODE, "attribute's value is too large" },
	{ "value_piece", value_piece, FSCK_VALUE_BLOCK, "piece of a value has another length" },
	{ "value_checksum", value_checksum, FSCK_VALUE_BLOCK, "wrong block checksum" },
	{ "value_tail", value_tail, FSCK_VALUE_BLOCK, "bytes after the end of a value" },
	{ "value_stray", value_stray, FSCK_HIDDEN_STRAY, NULL },
	{ "value_acl", value_acl, FSCK_XATTR_ACL, "ACL of an unknown version" },
};

const size_t nxattr_damages = ARRAY_SIZE(xattr_damages);
