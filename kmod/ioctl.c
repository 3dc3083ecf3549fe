// SPDX-License-Identifier: GPL-2.0
/* The ioctls of the filesystem half; the others are in kmod/vec/ioctl.c. */
#include "kmod/vexfs.h"
#include "uapi/vexfs.h"
#include <linux/uaccess.h>

static int vexfs_ioc_shutdown(struct super_block *sb, const void __user *arg)
{
	u32 how;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (get_user(how, (const u32 __user *)arg))
		return -EFAULT;
	return vexfs_shutdown(sb, how);
}

/* FS_IOC_GETVERSION of a 32-bit program has another number, its answer is the same. */
#define VEXFS_IOC32_GETVERSION	_IOR('v', 1, int)

/* No lock held. */
long vexfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct super_block *sb = file_inode(file)->i_sb;
	void __user *p = (void __user *)arg;

	if (vexfs_is_shutdown(sb))
		return cmd == VEXFS_IOC_SHUTDOWN ? 0 : -EIO;
	if (cmd == VEXFS_IOC_SHUTDOWN)
		return vexfs_ioc_shutdown(sb, p);
	if (cmd == FS_IOC_GETVERSION || cmd == VEXFS_IOC32_GETVERSION)
		return put_user(file_inode(file)->i_generation, (u32 __user *)p);
	return vexfs_vec_ioctl(file, cmd, p);
}
