// SPDX-License-Identifier: GPL-2.0
#include "core/freemap.h"

/* First free (@value 0) or busy (1) bit of a piece at or after @from; VEXFS_PIECE_BITS if none. */
static u32 next_bit(const u64 *busy, u32 from, int value)
{
	u32 w = from / 64;
	u64 bits;

	if (from >= VEXFS_PIECE_BITS)
		return VEXFS_PIECE_BITS;
	bits = (value ? busy[w] : ~busy[w]) & (~0ULL << (from % 64));
	while (!bits) {
		if (++w == VEXFS_PIECE_WORDS)
			return VEXFS_PIECE_BITS;
		bits = value ? busy[w] : ~busy[w];
	}
	return w * 64 + __builtin_ctzll(bits);
}

void vexfs_freemap_piece(struct vexfs_freemap *fm, u32 i, const u64 *busy)
{
	struct vexfs_piece p = { };
	u32 pos, end;

	for (pos = next_bit(busy, 0, 0); pos < VEXFS_PIECE_BITS; pos = next_bit(busy, end, 0)) {
		end = next_bit(busy, pos, 1);
		if (!pos)
			p.head = end;
		if (end == VEXFS_PIECE_BITS)
			p.tail = end - pos;
		p.most = max_t(u32, p.most, end - pos);
	}
	fm->piece[i] = p;
}

u32 vexfs_freemap_longest(struct vexfs_freemap *fm)
{
	u32 i, run = 0, longest = 0;

	for (i = 0; i < VEXFS_PIECES; i++) {
		const struct vexfs_piece *p = &fm->piece[i];

		longest = max(longest, max_t(u32, run + p->head, p->most));
		run = p->head == VEXFS_PIECE_BITS ? run + p->head : p->tail;
	}
	fm->longest = max(longest, run);
	return fm->longest;
}

/*
 * One piece, bit by bit: *@run free blocks end right before bit @from. The first block, relative to
 * the piece and so maybe negative, of a run of @want; VEXFS_PIECE_BITS if none does end here, and
 * *@run is then what the piece ends with.
 */
static s32 find_in_piece(const u64 *busy, u32 from, u32 want, u32 *run)
{
	u32 pos = from, end;

	for (;;) {
		end = next_bit(busy, pos, 1);
		if (*run + (end - pos) >= want)
			return (s32)pos - (s32)*run;
		if (end == VEXFS_PIECE_BITS) {
			*run += end - pos;
			return VEXFS_PIECE_BITS;
		}
		*run = 0;
		pos = next_bit(busy, end, 0);
	}
}

u32 vexfs_freemap_find(const struct vexfs_freemap *fm, vexfs_busy_fn *busy, const void *ctx, u32 from,
		       u32 want)
{
	u32 i = from / VEXFS_PIECE_BITS, bit = from % VEXFS_PIECE_BITS, run = 0;
	u64 bits[VEXFS_PIECE_WORDS];
	s32 found;

	for (; i < VEXFS_PIECES; i++, bit = 0) {
		const struct vexfs_piece *p = &fm->piece[i];

		/* Nothing that ends here is long enough. */
		if (!bit && run + p->head < want && p->most < want) {
			run = p->head == VEXFS_PIECE_BITS ? run + p->head : p->tail;
			continue;
		}
		busy(ctx, i, bits);
		found = find_in_piece(bits, bit, want, &run);
		if (found < VEXFS_PIECE_BITS)
			return i * VEXFS_PIECE_BITS + found;
	}
	return VEXFS_BLOCKS_PER_GROUP;
}
