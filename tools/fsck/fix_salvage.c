// SPDX-License-Identifier: GPL-2.0
/*
 * Repair of an inode that does not verify: what has no meaning is cleared, and what follows from
 * the rest of the filesystem, which the next round counts anew. If content or type are not known,
 * all of it.
 *
 * A wrong checksum may mean any field: owner and permissions are then not to be trusted, and the
 * file is root's alone until root has looked.
 */
#include <string.h>
#include <sys/stat.h>

#include "core/feature.h"
#include "core/xattr.h"
#include "tools/fsck/fsck.h"

static void only_root(struct vexfs_inode *di)
{
	u16 mode = le16_to_cpu(di->i_mode);

	di->i_mode = cpu_to_le16(mode & (S_IFMT | S_IRWXU));
	di->i_uid = 0;
	di->i_gid = 0;
}

static void fix_time(__le32 *nsec)
{
	if (le32_to_cpu(*nsec) >= 1000000000U)
		*nsec = 0;
}

static void fix_kind(struct vexfs_inode *di, const struct vexfs_geo *geo)
{
	u16 mode = le16_to_cpu(di->i_mode);
	u32 flags = le32_to_cpu(di->i_flags);

	/* Who records the hash of a name is in a directory. */
	if (di->i_links[0].l_hash)
		flags &= ~VEXFS_INODE_HIDDEN;
	if (!S_ISREG(mode)) {
		flags &= ~VEXFS_INODE_HIDDEN;
		di->i_vecmask = 0;
	}
	flags &= ~(VEXFS_INODE_FEATURES & ~vexfs_inode_flags_of(mode));
	if (flags & VEXFS_INODE_HIDDEN)
		flags &= ~VEXFS_INODE_USER;
	di->i_flags = cpu_to_le32(flags);
	if (!S_ISCHR(mode) && !S_ISBLK(mode))
		di->i_rdev = 0;
	vexfs_feature_clear_inode(di, geo);
	if (le64_to_cpu(di->i_blocks) >= geo->blocks)
		di->i_blocks = 0;
}

static void fix_attributes(struct vexfs_inode *di, const struct vexfs_geo *geo)
{
	bool hidden = le32_to_cpu(di->i_flags) & VEXFS_INODE_HIDDEN;

	if (hidden || !vexfs_data_range_valid(geo, le64_to_cpu(di->i_xattr_block), 1))
		di->i_xattr_block = 0;
	if (hidden)
		memset(di->i_xattr, 0, sizeof(di->i_xattr));
	else
		fsck_xattr_sound(di->i_xattr, sizeof(di->i_xattr), le16_to_cpu(di->i_mode));
}

static void fix_contents(struct vexfs_inode *di, const struct vexfs_geo *geo)
{
	u16 mode = le16_to_cpu(di->i_mode);

	if (S_ISREG(mode) || S_ISDIR(mode))
		di->i_root.r_reserved = 0;
	else if (!S_ISLNK(mode))
		memset(&di->i_root, 0, sizeof(di->i_root));
	if (S_ISDIR(mode) && le64_to_cpu(di->i_size) >> 63)
		di->i_size = 0;		/* the next round counts them */
	/* Its files record that they are in it, and come back. */
	if (S_ISDIR(mode) && vexfs_root_verify(&di->i_root, true, geo->blocks))
		memset(&di->i_root, 0, sizeof(di->i_root));
}

static const char *verdict(struct vexfs_inode *di, const struct vexfs_geo *geo, u64 ino)
{
	vexfs_inode_seal(di);
	return vexfs_inode_verify(di, geo, ino);
}

/* False: nothing can be made of it. */
static bool salvage(struct vexfs_inode *di, const struct vexfs_geo *geo, u64 ino)
{
	bool trusted = le32_to_cpu(di->i_checksum) == vexfs_inode_checksum(di);

	if (le16_to_cpu(di->i_magic) != VEXFS_INODE_MAGIC || le64_to_cpu(di->i_ino) != ino)
		return false;
	if (!trusted)
		only_root(di);
	fix_kind(di, geo);
	fix_attributes(di, geo);
	fix_time(&di->i_atime_nsec);
	fix_time(&di->i_mtime_nsec);
	fix_time(&di->i_ctime_nsec);
	fix_time(&di->i_btime_nsec);
	fix_contents(di, geo);
	if (!verdict(di, geo, ino))
		return true;
	memset(di->i_links, 0, sizeof(di->i_links));
	di->i_link_block = 0;
	return !verdict(di, geo, ino);
}

int fsck_fix_salvage(struct fsck *f, u64 ino)
{
	struct vexfs_inode *p, di;
	struct vexfs_blk b;
	int err = vexfs_image_inode(&f->img, ino, &b, &p);

	if (err)
		return err;
	di = *p;
	f->img.io.ops->put(&f->img.io, &b);
	if (!salvage(&di, &f->img.geo, ino))
		return fsck_fix_clear(f, ino);
	err = fsck_put_inode(f, ino, &di);
	if (!err)
		fsck_did(f, "inode %llu: kept, without the fields that are damaged", (unsigned long long)ino);
	return err;
}
