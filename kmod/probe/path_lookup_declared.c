// SPDX-License-Identifier: GPL-2.0
/* 6.4: vfs_path_lookup() is declared for modules; it was exported before. */
#include <linux/namei.h>
void *probe(void);
void *probe(void)
{
	return &vfs_path_lookup;
}
