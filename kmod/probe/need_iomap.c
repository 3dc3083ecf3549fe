// SPDX-License-Identifier: GPL-2.0
/* What has had one form on all kernels so far. */
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/swap.h>
int end_io(struct kiocb *iocb, ssize_t size, int error, unsigned int flags);
ssize_t probe(struct kiocb *iocb, struct iov_iter *iter, const struct iomap_ops *ops, struct inode *inode,
	      struct fiemap_extent_info *info, struct swap_info_struct *sis, struct file *file, sector_t *span);
ssize_t probe(struct kiocb *iocb, struct iov_iter *iter, const struct iomap_ops *ops, struct inode *inode,
	      struct fiemap_extent_info *info, struct swap_info_struct *sis, struct file *file, sector_t *span)
{
	static const struct iomap_dio_ops dio = { .end_io = end_io };
	loff_t at = iomap_seek_hole(inode, 0, ops) + iomap_seek_data(inode, 0, ops);

	iomap_fiemap(inode, info, 0, at, ops);
	iomap_swapfile_activate(sis, file, span, ops);
	iomap_bmap(inode->i_mapping, 0, ops);
	return iomap_dio_rw(iocb, iter, ops, &dio, IOMAP_DIO_FORCE_WAIT | IOMAP_DIO_OVERWRITE_ONLY, NULL, 0);
}
