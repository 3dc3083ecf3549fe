// SPDX-License-Identifier: GPL-2.0
/* Before 6.17. */
/* one of: fileattr */
#include <linux/fs.h>
#include <linux/fileattr.h>
extern struct fileattr probe;
struct fileattr probe;
