// SPDX-License-Identifier: GPL-2.0
/* The ioctls of the filesystem half; the others are in kmod/vec/ioctl.c. */
#include "kmod/vexfs.h"
#include "uapi/vexfs.h"
#include <linux/mount.h>
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

static int vexfs_ioc_get_label(struct super_block *sb, char __user *arg)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	char label[FSLABEL_MAX] = "";

	mutex_lock(&sbi->es_lock);
	memcpy(label, sbi->es->s_label, VEXFS_LABEL_LEN);
	mutex_unlock(&sbi->es_lock);
	return copy_to_user(arg, label, sizeof(label)) ? -EFAULT : 0;
}

static int vexfs_ioc_set_label(struct file *file, const char __user *arg)
{
	char label[VEXFS_LABEL_LEN];
	long len;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	len = strncpy_from_user(label, arg, sizeof(label));
	if (len < 0)
		return len;
	if (len == sizeof(label))
		return -EINVAL;
	err = mnt_want_write_file(file);
	if (err)
		return err;
	err = vexfs_label_set(file_inode(file)->i_sb, label);
	mnt_drop_write_file(file);
	return err;
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
	if (cmd == VEXFS_IOC_GROW)
		return vexfs_ioc_grow(file, p);
	if (cmd == FITRIM)
		return vexfs_fitrim(sb, p);
	if (cmd == FS_IOC_GETFSLABEL)
		return vexfs_ioc_get_label(sb, p);
	if (cmd == FS_IOC_SETFSLABEL)
		return vexfs_ioc_set_label(file, p);
	if (cmd == FS_IOC_GETVERSION || cmd == VEXFS_IOC32_GETVERSION)
		return put_user(file_inode(file)->i_generation, (u32 __user *)p);
	return vexfs_vec_ioctl(file, cmd, p);
}
