// SPDX-License-Identifier: GPL-2.0
/* Equal texts are embedded once: licences, copies, generated files. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tools/vexctl/index.h"

#define REUSE_SLOTS	8192u

/**
 * struct reuse - a table with one place for each hash; the latest stays
 */
struct reuse {
	pthread_mutex_t lock;
	size_t bytes;
	XXH128_hash_t key[REUSE_SLOTS];
	size_t len[REUSE_SLOTS];	/* of the text; 0: empty */
	unsigned char *vectors;
};

struct reuse *reuse_create(size_t bytes)
{
	struct reuse *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->vectors = calloc(REUSE_SLOTS, bytes);
	r->bytes = bytes;
	if (r->vectors && !pthread_mutex_init(&r->lock, NULL))
		return r;
	free(r->vectors);
	free(r);
	return NULL;
}

void reuse_free(struct reuse *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r->vectors);
	free(r);
}

static size_t slot(XXH128_hash_t key)
{
	return (size_t)(key.low64 % REUSE_SLOTS);
}

bool reuse_find(struct reuse *r, const char *text, size_t len, void *vector)
{
	XXH128_hash_t key = XXH3_128bits(text, len);
	size_t i = slot(key);
	bool found;

	pthread_mutex_lock(&r->lock);
	found = len && r->len[i] == len && XXH128_isEqual(r->key[i], key);
	if (found)
		memcpy(vector, r->vectors + i * r->bytes, r->bytes);
	pthread_mutex_unlock(&r->lock);
	return found;
}

void reuse_add(struct reuse *r, const char *text, size_t len, const void *vector)
{
	XXH128_hash_t key = XXH3_128bits(text, len);
	size_t i = slot(key);

	pthread_mutex_lock(&r->lock);
	r->key[i] = key;
	r->len[i] = len;
	memcpy(r->vectors + i * r->bytes, vector, r->bytes);
	pthread_mutex_unlock(&r->lock);
}
