// SPDX-License-Identifier: GPL-2.0
/* What has had one form on all kernels so far. */
#include <linux/iomap.h>
void probe(struct iomap_ioend *ioend, struct list_head *list);
void probe(struct iomap_ioend *ioend, struct list_head *list)
{
	iomap_sort_ioends(list);
	list_del_init(&ioend->io_list);
	iomap_ioend_try_merge(ioend, list);
	ioend->io_size = ioend->io_offset;
	iomap_finish_ioends(ioend, ioend->io_inode ? 0 : -EIO);
}
