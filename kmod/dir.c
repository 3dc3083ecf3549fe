// SPDX-License-Identifier: GPL-2.0
/*
 * Directories as the VFS reads them. The tree is guarded by the directory's
 * i_rwsem, shared for readers; its position is the name's hash, which does not
 * move when other entries come and go.
 */
#include "kmod/vexfs.h"

#define VEXFS_DIR_EOF	(VEXFS_HASH_MAX + 2)

void vexfs_dir_tree(struct vexfs_tree *t, struct vexfs_kio *kio, struct inode *dir)
{
	struct vexfs_geo *geo = &VEXFS_SB(dir->i_sb)->geo;

	t->io = &kio->io;
	t->root = &VEXFS_I(dir)->root;
	t->owner = dir->i_ino;
	t->leaf_magic = VEXFS_MAGIC_DIR;
	t->goal = vexfs_group_start(geo, vexfs_ino_group(geo, dir->i_ino));
}

int vexfs_dir_entry_name(struct inode *dir, u64 hash, u64 ino, char *name, u32 *len)
{
	struct vexfs_kio kio;
	struct vexfs_tree t;

	vexfs_kio_init(&kio, dir->i_sb, NULL, dir->i_ino);
	vexfs_dir_tree(&t, &kio, dir);
	return vexfs_dir_name_of(&t, hash, ino, name, len);
}

static bool vexfs_emit(void *ctx, const struct vexfs_dent *d)
{
	struct dir_context *dc = ctx;

	dc->pos = d->hash;
	if (!dir_emit(dc, d->name, d->name_len, d->ino, d->type))
		return false;
	dc->pos = d->hash + 1;
	return true;
}

static int vexfs_readdir(struct file *file, struct dir_context *dc)
{
	struct inode *dir = file_inode(file);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int ret;

	if (vexfs_is_shutdown(dir->i_sb))
		return -EIO;
	if (!dir_emit_dots(file, dc) || dc->pos > VEXFS_HASH_MAX + 1)
		return 0;
	vexfs_kio_init(&kio, dir->i_sb, NULL, dir->i_ino);
	vexfs_dir_tree(&t, &kio, dir);
	ret = vexfs_dir_iterate(&t, dc->pos, vexfs_emit, dc);
	if (ret)
		return min(ret, 0);	/* 1: the buffer is full */
	dc->pos = VEXFS_DIR_EOF;
	return 0;
}

static loff_t vexfs_dir_llseek(struct file *file, loff_t offset, int whence)
{
	return generic_file_llseek_size(file, offset, whence, S64_MAX, VEXFS_DIR_EOF);
}

const struct file_operations vexfs_dir_fops = {
	.llseek = vexfs_dir_llseek,
	.read = generic_read_dir,
	.iterate_shared = vexfs_readdir,
	.fsync = vexfs_fsync,
	.unlocked_ioctl = vexfs_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
