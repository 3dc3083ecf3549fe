// SPDX-License-Identifier: GPL-2.0
/* 6.15: iomap_page_mkwrite() with a private pointer. */
/* one of: iomap fault */
#include <linux/iomap.h>
vm_fault_t probe(struct vm_fault *vmf, const struct iomap_ops *ops);
vm_fault_t probe(struct vm_fault *vmf, const struct iomap_ops *ops)
{
	return iomap_page_mkwrite(vmf, ops, NULL);
}
