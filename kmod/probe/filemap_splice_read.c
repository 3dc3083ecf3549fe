// SPDX-License-Identifier: GPL-2.0
/* 6.5: filemap_splice_read() replaces generic_file_splice_read(). */
/* one of: splice read */
#include <linux/fs.h>
extern const struct file_operations probe;
const struct file_operations probe = { .splice_read = filemap_splice_read };
