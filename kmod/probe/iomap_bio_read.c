// SPDX-License-Identifier: GPL-2.0
/* 6.19: reading by bios is one of several ways, and has functions of its own. */
/* one of: iomap read */
#include <linux/iomap.h>
void probe(struct folio *folio, struct readahead_control *rac, const struct iomap_ops *ops);
void probe(struct folio *folio, struct readahead_control *rac, const struct iomap_ops *ops)
{
	iomap_bio_read_folio(folio, ops);
	iomap_bio_readahead(rac, ops);
}
