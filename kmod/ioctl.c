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

/* No lock held. */
long vexfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct super_block *sb = file_inode(file)->i_sb;
	void __user *p = (void __user *)arg;

	if (vexfs_is_shutdown(sb))
		return cmd == VEXFS_IOC_SHUTDOWN ? 0 : -EIO;
	if (cmd == VEXFS_IOC_SHUTDOWN)
		return vexfs_ioc_shutdown(sb, p);
	return vexfs_vec_ioctl(file, cmd, p);
}
