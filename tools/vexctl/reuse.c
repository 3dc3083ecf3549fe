// SPDX-License-Identifier: GPL-2.0
/*
 * Equal texts are embedded once: licences, copies, generated files
 *
 * Within a run, in memory. Vectors of an embedder that is a program or a server are dear: they are kept in a file of
 * the user's cache as well, one for each embedder, so that a file that is saved anew by another name, or has changed in
 * one paragraph, costs what is new in it.
 *
 * The file is a table of places, like that in memory. A place has a checksum: what a crash or another vexctl has
 * written in part is no entry. Nothing depends on the file; whatever is wrong with it, the embedder is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tools/vexctl/index.h"

#define REUSE_SLOTS	8192u
#define KEPT_SLOTS	65536u
#define KEPT_VERSION	1

/**
 * struct kept_head - the beginning of a place in the file; the vector follows
 * @sum: xxh64 of what follows, the vector included
 */
struct kept_head {
	uint64_t sum;
	uint64_t key_low, key_high;
	uint64_t len;
};

/**
 * struct reuse - a table with one place for each hash; the latest stays
 * @fd:    of the file with vectors of other runs; -1: none
 * @place: bytes of one of its places
 * @anew:  vectors of other runs are replaced, not used
 */
struct reuse {
	pthread_mutex_t lock;
	size_t bytes, place;
	int fd;
	bool anew;
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
	r->place = sizeof(struct kept_head) + bytes;
	r->fd = -1;
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
	if (r->fd >= 0)
		close(r->fd);
	pthread_mutex_destroy(&r->lock);
	free(r->vectors);
	free(r);
}

/* ---- the file ----------------------------------------------------------------------------- */

/* $XDG_CACHE_HOME/vexctl or ~/.cache/vexctl: what is in it is only its owner's, as the texts may be. */
static int open_cache_dir(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *base = NULL, *dir = NULL;
	int fd = -1;

	if (cache && *cache == '/')
		base = strdup(cache);
	else if (home && *home == '/' && asprintf(&base, "%s/.cache", home) < 0)
		base = NULL;
	if (base && asprintf(&dir, "%s/vexctl", base) < 0)
		dir = NULL;
	if (dir) {
		mkdir(base, 0700);
		mkdir(dir, 0700);
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	free(base);
	free(dir);
	return fd;
}

/* One file for each embedder and form of vectors. */
static void cache_name(const struct vex_embedder *e, const struct vexfs_ioc_collection *c, char name[64])
{
	struct {
		char identity[VEX_EMBED_IDENTITY];
		unsigned char fingerprint[VEX_EMBED_FINGERPRINT];
		uint32_t version, dim, elem;
	} all = { .version = KEPT_VERSION, .dim = c->dim, .elem = c->elem };
	XXH128_hash_t h;

	strcpy(all.identity, e->identity);
	memcpy(all.fingerprint, e->fingerprint, sizeof(all.fingerprint));
	h = XXH3_128bits(&all, sizeof(all));
	snprintf(name, 64, "%016llx%016llx.vectors", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

void reuse_keep(struct reuse *r, const struct vex_embedder *e, const struct vexfs_ioc_collection *c, bool anew)
{
	int dir = open_cache_dir();
	char name[64];
	struct stat st;

	if (dir < 0)
		return;
	r->anew = anew;
	cache_name(e, c, name);
	r->fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	close(dir);
	/* What others can write says nothing about a text. */
	if (r->fd < 0 || (!fstat(r->fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022)))
		return;
	close(r->fd);
	r->fd = -1;
}

static uint64_t sum(const struct reuse *r, const void *place)
{
	return XXH64((const char *)place + sizeof(uint64_t), r->place - sizeof(uint64_t), KEPT_VERSION);
}

static off_t where(const struct reuse *r, XXH128_hash_t key)
{
	return (off_t)(key.low64 % KEPT_SLOTS * r->place);
}

static bool find_kept(const struct reuse *r, XXH128_hash_t key, size_t len, void *vector)
{
	char *place = malloc(r->place);
	struct kept_head head = { 0 };
	bool found = place && pread(r->fd, place, r->place, where(r, key)) == (ssize_t)r->place;

	if (found)
		memcpy(&head, place, sizeof(head));
	found = found && head.key_low == key.low64 && head.key_high == key.high64 && head.len == len &&
		head.sum == sum(r, place);
	if (found)
		memcpy(vector, place + sizeof(head), r->bytes);
	free(place);
	return found;
}

/* A disk that is full, and the like: then it is not kept. */
static void keep(struct reuse *r, XXH128_hash_t key, size_t len, const void *vector)
{
	struct kept_head head = { .key_low = key.low64, .key_high = key.high64, .len = len };
	char *place = malloc(r->place);

	if (!place)
		return;
	memcpy(place, &head, sizeof(head));
	memcpy(place + sizeof(head), vector, r->bytes);
	head.sum = sum(r, place);
	memcpy(place, &head, sizeof(head));
	if (pwrite(r->fd, place, r->place, where(r, key)) < 0) {
		close(r->fd);
		r->fd = -1;
	}
	free(place);
}

/* ---- the table ------------------------------------------------------------------------------- */

static size_t slot(XXH128_hash_t key)
{
	return (size_t)(key.low64 % REUSE_SLOTS);
}

static void remember(struct reuse *r, XXH128_hash_t key, size_t len, const void *vector)
{
	size_t i = slot(key);

	r->key[i] = key;
	r->len[i] = len;
	memcpy(r->vectors + i * r->bytes, vector, r->bytes);
}

bool reuse_find(struct reuse *r, const char *text, size_t len, void *vector)
{
	XXH128_hash_t key = XXH3_128bits(text, len);
	size_t i = slot(key);
	bool found;

	pthread_mutex_lock(&r->lock);
	found = len && r->len[i] == len && XXH128_isEqual(r->key[i], key);
	if (found) {
		memcpy(vector, r->vectors + i * r->bytes, r->bytes);
	} else if (len && r->fd >= 0 && !r->anew) {
		found = find_kept(r, key, len, vector);
		if (found)
			remember(r, key, len, vector);
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

void reuse_add(struct reuse *r, const char *text, size_t len, const void *vector)
{
	XXH128_hash_t key = XXH3_128bits(text, len);

	pthread_mutex_lock(&r->lock);
	remember(r, key, len, vector);
	if (r->fd >= 0)
		keep(r, key, len, vector);
	pthread_mutex_unlock(&r->lock);
}
