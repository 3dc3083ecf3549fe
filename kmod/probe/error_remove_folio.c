// SPDX-License-Identifier: GPL-2.0
/* 6.8: generic_error_remove_folio(). */
/* one of: error_remove */
#include <linux/fs.h>
#include <linux/mm.h>
int probe(struct address_space *m, struct folio *f);
int probe(struct address_space *m, struct folio *f)
{
	return generic_error_remove_folio(m, f);
}
