// SPDX-License-Identifier: GPL-2.0
/* 6.3: leases have a header of their own. */
/* one of: lease */
#include <linux/fs.h>
#include <linux/filelock.h>
extern const struct file_operations probe;
const struct file_operations probe = { .setlease = generic_setlease };
