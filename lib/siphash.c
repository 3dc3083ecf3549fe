// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's siphash() for user space: SipHash-2-4 with a 64-bit result.
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#include "lib/userland.h"

#define ROUNDS_BLOCK	2
#define ROUNDS_END	4

static u64 rotate(u64 v, int bits)
{
	return v << bits | v >> (64 - bits);
}

static void sip_rounds(u64 v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32) + v[3];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void sip_word(u64 v[4], u64 word)
{
	v[3] ^= word;
	sip_rounds(v, ROUNDS_BLOCK);
	v[0] ^= word;
}

/**
 * siphash - keyed hash of a byte string
 * @data: no alignment needed
 * @len:  bytes
 * @key:  128 bits, as two numbers in host order
 */
u64 siphash(const void *data, size_t len, const siphash_key_t *key)
{
	u64 v[4] = {
		0x736f6d6570736575ULL ^ key->key[0], 0x646f72616e646f6dULL ^ key->key[1],
		0x6c7967656e657261ULL ^ key->key[0], 0x7465646279746573ULL ^ key->key[1],
	};
	const u8 *p = data;
	u64 last = (u64)len << 56;
	size_t left = len, i;

	for (; left >= 8; left -= 8, p += 8)
		sip_word(v, get_unaligned_le64(p));
	for (i = 0; i < left; i++)
		last |= (u64)p[i] << (8 * i);
	sip_word(v, last);
	v[2] ^= 0xff;
	sip_rounds(v, ROUNDS_END);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
