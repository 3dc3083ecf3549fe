// SPDX-License-Identifier: GPL-2.0
/* Before 6.9: struct iomap_ioend points to its bio. */
/* one of: ioend bio */
#include <linux/iomap.h>
struct bio *probe(struct iomap_ioend *ioend);
struct bio *probe(struct iomap_ioend *ioend)
{
	return ioend->io_bio;
}
