// SPDX-License-Identifier: GPL-2.0
/* 6.4: struct iomap_folio_ops replaces struct iomap_page_ops. */
/* one of: iomap folio operations */
#include <linux/iomap.h>
void probe(struct iomap *iomap, const struct iomap_folio_ops *ops);
void probe(struct iomap *iomap, const struct iomap_folio_ops *ops)
{
	iomap->folio_ops = ops;
}
