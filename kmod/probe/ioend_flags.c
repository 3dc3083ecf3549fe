// SPDX-License-Identifier: GPL-2.0
/* 6.14: an ioend has flags instead of a mapping's type. */
/* one of: ioend type */
#include <linux/iomap.h>
bool probe(struct iomap_ioend *ioend);
bool probe(struct iomap_ioend *ioend)
{
	return ioend->io_flags & IOMAP_IOEND_UNWRITTEN;
}
