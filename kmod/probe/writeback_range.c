// SPDX-License-Identifier: GPL-2.0
/* 6.17: the filesystem adds ranges to the ioend and submits it. */
/* one of: iomap writeback */
#include <linux/iomap.h>
ssize_t range(struct iomap_writepage_ctx *wpc, struct folio *folio, u64 pos, unsigned int len, u64 end);
int submit(struct iomap_writepage_ctx *wpc, int error);
int probe(struct iomap_writepage_ctx *wpc);
ssize_t range(struct iomap_writepage_ctx *wpc, struct folio *folio, u64 pos, unsigned int len, u64 end)
{
	return iomap_add_to_ioend(wpc, folio, pos, end, len);
}

int submit(struct iomap_writepage_ctx *wpc, int error)
{
	return iomap_ioend_writeback_submit(wpc, error);
}

static const struct iomap_writeback_ops ops = { .writeback_range = range, .writeback_submit = submit };
int probe(struct iomap_writepage_ctx *wpc)
{
	wpc->ops = &ops;
	return iomap_writepages(wpc);
}
