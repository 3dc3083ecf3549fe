// SPDX-License-Identifier: GPL-2.0
/* The kernel's crc32c() for user space. */
#define XXH_INLINE_ALL		/* no library to link into static programs */

#include "lib/userland.h"

#define CRC32C_POLY	0x82f63b78U	/* Castagnoli, bits reversed */

static u32 crc_table[8][256];

/* Before main(), so that no caller has to lock or test. */
static void __attribute__((constructor)) crc_table_init(void)
{
	u32 i, k, c;

	for (i = 0; i < 256; i++) {
		c = i;
		for (k = 0; k < 8; k++)
			c = (c >> 1) ^ (c & 1 ? CRC32C_POLY : 0);
		crc_table[0][i] = c;
	}
	for (i = 0; i < 256; i++)
		for (k = 1; k < 8; k++)
			crc_table[k][i] = crc_table[0][crc_table[k - 1][i] & 0xff] ^
					  (crc_table[k - 1][i] >> 8);
}

/* Eight bytes at a step: M. Kounavis and F. Berry, "Novel Table Lookup-Based
 * Algorithms for High-Performance CRC Generation", 2008 (slicing-by-8). */
static u32 crc_step8(u32 crc, const u8 *p)
{
	u32 lo = get_unaligned_le32(p) ^ crc;
	u32 hi = get_unaligned_le32(p + 4);

	return crc_table[7][lo & 0xff] ^ crc_table[6][(lo >> 8) & 0xff] ^
	       crc_table[5][(lo >> 16) & 0xff] ^ crc_table[4][lo >> 24] ^
	       crc_table[3][hi & 0xff] ^ crc_table[2][(hi >> 8) & 0xff] ^
	       crc_table[1][(hi >> 16) & 0xff] ^ crc_table[0][hi >> 24];
}

/**
 * crc32c - CRC-32C of a buffer, as the kernel's function of that name
 * @crc:  start value, or the result for the bytes before
 * @data: the bytes; no alignment needed
 * @len:  how many
 *
 * Neither start value nor result are inverted: the standard CRC-32C is
 * ~crc32c(~0, data, len).
 */
u32 crc32c(u32 crc, const void *data, size_t len)
{
	const u8 *p = data;

	for (; len >= 8; len -= 8, p += 8)
		crc = crc_step8(crc, p);
	for (; len; len--)
		crc = crc_table[0][(crc ^ *p++) & 0xff] ^ (crc >> 8);
	return crc;
}
