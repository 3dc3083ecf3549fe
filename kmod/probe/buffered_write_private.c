// SPDX-License-Identifier: GPL-2.0
/* iomap_file_buffered_write() with a private pointer. */
/* one of: iomap write */
#include <linux/iomap.h>
ssize_t probe(struct kiocb *iocb, struct iov_iter *from, const struct iomap_ops *ops);
ssize_t probe(struct kiocb *iocb, struct iov_iter *from, const struct iomap_ops *ops)
{
	return iomap_file_buffered_write(iocb, from, ops, NULL);
}
