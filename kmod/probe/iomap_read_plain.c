// SPDX-License-Identifier: GPL-2.0
/* Before 6.19. */
/* one of: iomap read */
#include <linux/iomap.h>
int probe(struct folio *folio, struct readahead_control *rac, const struct iomap_ops *ops);
int probe(struct folio *folio, struct readahead_control *rac, const struct iomap_ops *ops)
{
	iomap_readahead(rac, ops);
	return iomap_read_folio(folio, ops);
}
