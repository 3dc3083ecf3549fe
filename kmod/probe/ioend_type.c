// SPDX-License-Identifier: GPL-2.0
/* Before 6.14. */
/* one of: ioend type */
#include <linux/iomap.h>
bool probe(struct iomap_ioend *ioend);
bool probe(struct iomap_ioend *ioend)
{
	return ioend->io_type == IOMAP_UNWRITTEN;
}
