// SPDX-License-Identifier: GPL-2.0
/* Before 6.7. */
/* one of: xattr handlers */
#include <linux/fs.h>
void probe(struct super_block *sb, const struct xattr_handler **h);
void probe(struct super_block *sb, const struct xattr_handler **h)
{
	sb->s_xattr = h;
}
