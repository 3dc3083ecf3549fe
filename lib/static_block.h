/* SPDX-License-Identifier: GPL-2.0 */
/* The beginning of a model of `static`; what follows it: lib/static_model.h. */
#ifndef LIBVEXFS_STATIC_BLOCK_H
#define LIBVEXFS_STATIC_BLOCK_H

#include <stdint.h>

#define STATIC_BLOCK_VERSION	1

/**
 * struct static_block - little-endian; then, from multiples of 8 bytes on, the lexical model, and the words'
 * hashes, scales, the mean, and the elements
 */
struct static_block {
	uint32_t version;
	uint32_t words;
	uint32_t dim;
	uint32_t trained;
	uint64_t lexical_len;
};

static inline uint64_t static_round(uint64_t len)
{
	return (len + 7) & ~7ull;
}

#endif /* LIBVEXFS_STATIC_BLOCK_H */
