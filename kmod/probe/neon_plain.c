// SPDX-License-Identifier: GPL-2.0
/* arm64 before 7.0: a section of the kernel needs no buffer from its caller. */
#include <linux/types.h>
#include <asm/neon.h>
void probe(void);
void probe(void)
{
	kernel_neon_begin();
	kernel_neon_end();
}
