// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs --populate: flags of chattr(1), and projects. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/feature.h"
#include "tools/mkfs/mkfs.h"
#include "tools/mkfs/populate.h"

static u32 flags_of(u32 xflags)
{
	static const struct {
		u32 theirs, own;
	} map[] = {
		{ FS_XFLAG_IMMUTABLE, VEXFS_INODE_IMMUTABLE }, { FS_XFLAG_APPEND, VEXFS_INODE_APPEND },
		{ FS_XFLAG_NODUMP, VEXFS_INODE_NODUMP }, { FS_XFLAG_NOATIME, VEXFS_INODE_NOATIME },
		{ FS_XFLAG_SYNC, VEXFS_INODE_SYNC }, { FS_XFLAG_PROJINHERIT, VEXFS_INODE_PROJINHERIT },
	};
	u32 i, flags = 0;

	for (i = 0; i < ARRAY_SIZE(map); i++)
		if (xflags & map[i].theirs)
			flags |= map[i].own;
	return flags;
}

/* The first inode with one of them needs the feature's bit. */
static void need(struct vexfs_image *img, u32 bit)
{
	img->sb.s_feature_ro_compat |= cpu_to_le32(bit);
	img->geo.feature[VEXFS_RO_COMPAT] |= bit;
}

static void store(struct populate *p, struct vexfs_inode *di, u32 flags, u32 project)
{
	flags &= vexfs_inode_flags_of(le16_to_cpu(di->i_mode));
	if (flags & ~VEXFS_INODE_PROJINHERIT)
		need(&p->img, VEXFS_FEATURE_RO_COMPAT_INODE_FLAGS);
	if (project || (flags & VEXFS_INODE_PROJINHERIT))
		need(&p->img, VEXFS_FEATURE_RO_COMPAT_PROJECT);
	di->i_flags |= cpu_to_le32(flags);
	di->i_projid = cpu_to_le32(project);
}

int populate_flags(struct populate *p, const char *name, struct vexfs_inode *di)
{
	u16 mode = le16_to_cpu(di->i_mode);
	struct fsxattr x = { 0 };
	int flags = 0, fd;

	if (!S_ISREG(mode) && !S_ISDIR(mode))
		return 0;
	fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return populate_failed(p, -errno, "cannot be opened: %s", strerror(errno));
	/* Where a filesystem does not have these, there is nothing to copy. */
	if (ioctl(fd, FS_IOC_FSGETXATTR, &x))
		memset(&x, 0, sizeof(x));
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
		flags = 0;
	close(fd);
	store(p, di, flags_of(x.fsx_xflags) | (flags & FS_DIRSYNC_FL ? VEXFS_INODE_DIRSYNC : 0), x.fsx_projid);
	return 0;
}
