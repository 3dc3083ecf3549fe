// SPDX-License-Identifier: GPL-2.0
/* 6.6: iomap has a dirty_folio() of its own. */
#include <linux/iomap.h>
bool probe(struct address_space *m, struct folio *f);
bool probe(struct address_space *m, struct folio *f)
{
	return iomap_dirty_folio(m, f);
}
