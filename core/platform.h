/* SPDX-License-Identifier: GPL-2.0 */
/* What core/ needs from its surroundings; the only place that knows which. */
#ifndef VEXFS_CORE_PLATFORM_H
#define VEXFS_CORE_PLATFORM_H

#ifdef __KERNEL__
#include <linux/bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/siphash.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>
#else
#include "lib/userland.h"	/* u8..u64, le32_to_cpu()..., crc32c(), siphash(), min(), EUCLEAN */
#endif

#include "vexfs/ondisk.h"

/* What every damaged structure is reported as; the same number XFS and ext4 use. */
#define VEXFS_ECORRUPT	EUCLEAN

#endif /* VEXFS_CORE_PLATFORM_H */
