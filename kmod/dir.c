// SPDX-License-Identifier: GPL-2.0
/*
 * Directories as the VFS reads them. The tree is guarded by the directory's
 * i_rwsem, shared for readers; a position is the name's hash, which does not
 * move when other entries come and go.
 */
#include "kmod/vexfs.h"
#include <linux/compat.h>

void vexfs_dir_tree(struct vexfs_tree *t, struct vexfs_kio *kio, struct inode *dir)
{
	struct vexfs_geo *geo = &VEXFS_SB(dir->i_sb)->geo;

	t->io = &kio->io;
	kio->charge = dir;
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

/* ---- cookies ------------------------------------------------------------------ */

/*
 * A cookie says where an entry is: its hash, or the highest 31 bits of it for who cannot keep more.
 * The order is that of the hashes. Below: "." and ".."; above: the end.
 */
#define VEXFS_COOKIE_SHIFT	32
#define VEXFS_COOKIE_MIN32	2
#define VEXFS_COOKIE_MAX32	0x7ffffffeULL
#define VEXFS_DIR_EOF32		0x7fffffff
#define VEXFS_DIR_EOF		(VEXFS_HASH_MAX + 2)

/* Does the reader keep a cookie in 31 bits? The NFS server says which, a program by its system call. */
static bool vexfs_cookies32(const struct file *file)
{
	if (file->f_mode & (FMODE_32BITHASH | FMODE_64BITHASH))
		return file->f_mode & FMODE_32BITHASH;
#ifdef CONFIG_COMPAT
	return in_compat_syscall();
#else
	return BITS_PER_LONG == 32;
#endif
}

static loff_t vexfs_dir_eof(const struct file *file)
{
	return vexfs_cookies32(file) ? VEXFS_DIR_EOF32 : VEXFS_DIR_EOF;
}

static loff_t vexfs_cookie(const struct file *file, u64 hash)
{
	if (!vexfs_cookies32(file))
		return hash;
	return clamp_t(u64, hash >> VEXFS_COOKIE_SHIFT, VEXFS_COOKIE_MIN32, VEXFS_COOKIE_MAX32);
}

/* The lowest hash with this cookie. */
static u64 vexfs_cookie_hash(const struct file *file, loff_t cookie)
{
	if (!vexfs_cookies32(file))
		return cookie;
	return cookie <= VEXFS_COOKIE_MIN32 ? 0 : (u64)cookie << VEXFS_COOKIE_SHIFT;
}

/* ---- reading ------------------------------------------------------------------- */

/**
 * struct vexfs_dir_file - what an open directory remembers; under file->f_pos_lock
 * @cookie: the file's position when @pos was right; 0: @pos is not to be used
 * @pos:    which entries have been shown
 *
 * Several entries may have one cookie: names of one hash, and for a 32-bit program any
 * whose hashes begin alike (a few hundred pairs of a million). A buffer may end
 * between two of them. So it is not the cookie that says where the next call continues,
 * but @pos, which is exact: every entry is shown once, whatever else comes and goes.
 *
 * Who sets the position gets the first entry with that cookie: none is left out. Those
 * before the one he meant are shown again if he went back to the middle of such a
 * run. No cookie can be better for 31 bits; with 63 it takes two names of one hash.
 */
struct vexfs_dir_file {
	loff_t cookie;
	struct vexfs_dir_pos pos;
};

struct vexfs_readdir {
	struct file *file;
	struct dir_context *dc;
};

/* The cookie is the entry's own: VFS gives it to the program as the end of the entry before. */
static bool vexfs_emit(void *ctx, const struct vexfs_dent *d)
{
	struct vexfs_readdir *rd = ctx;

	rd->dc->pos = vexfs_cookie(rd->file, d->hash);
	return dir_emit(rd->dc, d->name, d->name_len, d->ino, d->type);
}

/* i_rwsem of the directory held shared; f_pos_lock, by who shares the open file with others. */
static int vexfs_readdir(struct file *file, struct dir_context *dc)
{
	struct vexfs_readdir rd = { file, dc };
	struct vexfs_dir_file *df = file->private_data;
	struct inode *dir = file_inode(file);
	struct vexfs_kio kio;
	struct vexfs_tree t;
	int ret;

	if (vexfs_is_shutdown(dir->i_sb))
		return -EIO;
	if (!dir_emit_dots(file, dc) || dc->pos >= vexfs_dir_eof(file))
		return 0;
	if (!df->cookie || df->cookie != dc->pos) {
		df->pos.hash = vexfs_cookie_hash(file, dc->pos);
		df->pos.name_len = 0;
	}
	vexfs_kio_init(&kio, dir->i_sb, NULL, dir->i_ino);
	vexfs_dir_tree(&t, &kio, dir);
	ret = vexfs_dir_iterate(&t, &df->pos, vexfs_emit, &rd);
	if (!ret)
		dc->pos = vexfs_dir_eof(file);
	df->cookie = dc->pos;
	return min(ret, 0);	/* 1: the buffer is full */
}

/* Also where the file is already: the cookie may be that of an entry shown before. */
static loff_t vexfs_dir_llseek(struct file *file, loff_t offset, int whence)
{
	struct vexfs_dir_file *df = file->private_data;
	loff_t eof = vexfs_dir_eof(file);

	if (whence != SEEK_CUR || offset)
		df->cookie = 0;
	return generic_file_llseek_size(file, offset, whence,
					vexfs_cookies32(file) ? eof : S64_MAX, eof);
}

static int vexfs_dir_open(struct inode *inode, struct file *file)
{
	file->private_data = kzalloc(sizeof(struct vexfs_dir_file), GFP_KERNEL_ACCOUNT);
	return file->private_data ? 0 : -ENOMEM;
}

static int vexfs_dir_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

const struct file_operations vexfs_dir_fops = {
	.open = vexfs_dir_open,
	.release = vexfs_dir_release,
	.llseek = vexfs_dir_llseek,
	.read = generic_read_dir,
	.iterate_shared = vexfs_readdir,
	.fsync = vexfs_fsync,
	.unlocked_ioctl = vexfs_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.setlease = generic_setlease,	/* the default before 7.0; none now */
};
