// SPDX-License-Identifier: GPL-2.0
/* Before 6.4. */
/* one of: iomap folio operations */
#include <linux/iomap.h>
void probe(struct iomap *iomap, const struct iomap_page_ops *ops);
void probe(struct iomap *iomap, const struct iomap_page_ops *ops)
{
	iomap->page_ops = ops;
}
