// SPDX-License-Identifier: GPL-2.0
/* 6.17: struct fileattr has another name. */
/* one of: fileattr */
#include <linux/fs.h>
#include <linux/fileattr.h>
extern struct file_kattr probe;
struct file_kattr probe;
