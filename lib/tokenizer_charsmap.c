// SPDX-License-Identifier: GPL-2.0
/*
 * The compiled map of characters of a sentencepiece model (https://github.com/google/sentencepiece,
 * src/normalizer.cc): 4 bytes with the length of a double-array trie, its 32-bit units, then texts that end in a NUL.
 * The trie leads from the bytes of a sequence of characters to the place of the text that is written instead.
 *
 * A grapheme cluster of up to five bytes is looked up as a whole, its characters one by one otherwise; and the shortest
 * entry that it begins with counts: that is what the library "tokenizers" does, and models were made with.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unigbrk.h>

#include "lib/tokenizer_impl.h"

#define CLUSTER_MAX	5	/* bytes */

static uint32_t unit_at(const unsigned char *map, size_t i)
{
	uint32_t u;

	memcpy(&u, map + 4 + 4 * i, sizeof(u));
	return le32toh(u);
}

static size_t trie_bytes(const unsigned char *map)
{
	uint32_t n;

	memcpy(&n, map, sizeof(n));
	return le32toh(n);
}

bool vex_charsmap_valid(const unsigned char *map, size_t len)
{
	size_t trie;

	if (len < 4)
		return false;
	trie = trie_bytes(map);
	return trie >= 4 && !(trie % 4) && trie < len - 4 && !map[len - 1];
}

static uint32_t offset_of(uint32_t unit)
{
	return unit >> 10 << ((unit & 1u << 9) >> 6);
}

/* What is written instead of @key; NULL: it stays. */
static const char *look_up(const unsigned char *map, size_t len, const char *key, size_t n)
{
	size_t units = trie_bytes(map) / 4, texts = 4 + 4 * units, node, i;
	uint32_t unit = unit_at(map, 0);

	node = offset_of(unit);
	for (i = 0; i < n && key[i]; i++) {
		node ^= (unsigned char)key[i];
		if (node >= units)
			return NULL;
		unit = unit_at(map, node);
		if ((unit & (1u << 31 | 0xff)) != (unsigned char)key[i])
			return NULL;
		node ^= offset_of(unit);
		if (!(unit >> 8 & 1))
			continue;
		if (node >= units)
			return NULL;
		unit = unit_at(map, node) & ~(1u << 31);	/* a leaf: where the text is */
		return unit < len - texts ? (const char *)map + texts + unit : NULL;
	}
	return NULL;
}

/* 1: it was written, 0: it stays. */
static int replace(const unsigned char *map, size_t len, const uint32_t *c, size_t n, size_t most,
		   struct vex_chars *out)
{
	size_t bytes;
	char *key = vex_chars_encode(c, n, &bytes);
	const char *text;
	int ret;

	if (!key)
		return -ENOMEM;
	text = bytes <= most ? look_up(map, len, key, bytes) : NULL;
	ret = text ? vex_chars_decode(out, text, strlen(text), SIZE_MAX) : 0;
	free(key);
	return ret ? ret : text != NULL;
}

static int cluster(const unsigned char *map, size_t len, const uint32_t *c, size_t n, struct vex_chars *out)
{
	size_t i;
	int ret = n <= CLUSTER_MAX ? replace(map, len, c, n, CLUSTER_MAX, out) : 0;

	if (ret)
		return ret < 0 ? ret : 0;
	for (i = 0; ret >= 0 && i < n; i++) {
		ret = replace(map, len, &c[i], 1, SIZE_MAX, out);
		if (!ret)
			ret = vex_chars_add(out, c[i]);
	}
	return ret < 0 ? ret : 0;
}

int vex_charsmap_apply(const unsigned char *map, size_t len, const struct vex_chars *in, struct vex_chars *out)
{
	char *breaks = malloc(in->n + 1);
	size_t from, to;
	int ret = 0;

	if (!breaks)
		return -ENOMEM;
	u32_grapheme_breaks(in->c, in->n, breaks);
	for (from = 0; !ret && from < in->n; from = to) {
		for (to = from + 1; to < in->n && !breaks[to]; to++)
			;
		ret = cluster(map, len, in->c + from, to - from, out);
	}
	free(breaks);
	return ret;
}
