// SPDX-License-Identifier: GPL-2.0
/* Before 6.8. */
/* one of: error_remove */
#include <linux/fs.h>
#include <linux/mm.h>
extern const struct address_space_operations probe;
const struct address_space_operations probe = { .error_remove_page = generic_error_remove_page };
