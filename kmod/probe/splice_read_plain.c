// SPDX-License-Identifier: GPL-2.0
/* Before 6.5. */
/* one of: splice read */
#include <linux/fs.h>
extern const struct file_operations probe;
const struct file_operations probe = { .splice_read = generic_file_splice_read };
