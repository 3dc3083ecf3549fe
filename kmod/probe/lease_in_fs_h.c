// SPDX-License-Identifier: GPL-2.0
/* Before 6.3. */
/* one of: lease */
#include <linux/fs.h>
extern const struct file_operations probe;
const struct file_operations probe = { .setlease = generic_setlease };
