// SPDX-License-Identifier: GPL-2.0
/* 6.17: what iomap asks during a write is passed to each call; a struct iomap carries no operations any more. */
/* one of: iomap write, iomap zero, iomap folio operations */
#include <linux/iomap.h>
ssize_t probe(struct kiocb *iocb, struct iov_iter *from, const struct iomap_ops *ops,
	      const struct iomap_write_ops *wops, struct inode *inode);
ssize_t probe(struct kiocb *iocb, struct iov_iter *from, const struct iomap_ops *ops,
	      const struct iomap_write_ops *wops, struct inode *inode)
{
	iomap_zero_range(inode, 0, 1, NULL, ops, wops, NULL);
	return iomap_file_buffered_write(iocb, from, ops, wops, NULL);
}
