// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs: uuid, key of the directory hash, generations. At random, or from a seed: the same each time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

#include "tools/mkfs/mkfs.h"

/* The space of names that uuids made from seeds are in: itself random, and part of what users rely on. */
static const uuid_t space = { 0x6b, 0x1d, 0x0e, 0x52, 0x93, 0xc4, 0x4f, 0x0a,
			      0x8e, 0x27, 0xd5, 0x31, 0x70, 0xaa, 0x9c, 0x1e };

static void derive(const char *seed, const char *what, void *out, size_t size)
{
	char name[1024];
	uuid_t u;
	int n = snprintf(name, sizeof(name), "%s\n%s", what, seed);

	uuid_generate_sha1(u, space, name, n < (int)sizeof(name) ? n : (int)sizeof(name) - 1);
	memcpy(out, u, size);
}

static void from_seed(struct mkfs *m, const char *seed)
{
	if (!m->has_uuid)
		derive(seed, "uuid", m->f.uuid, sizeof(m->f.uuid));
	derive(seed, "hash key", m->f.hash_key, sizeof(m->f.hash_key));
	derive(seed, "generation", &m->f.generation, sizeof(m->f.generation));
}

static int at_random(struct mkfs *m)
{
	struct {
		u8 key[VEXFS_HASH_KEY_LEN];
		u32 generation;
	} rnd;

	if (!m->has_uuid)
		uuid_generate(m->f.uuid);
	if (getrandom(&rnd, sizeof(rnd), 0) != sizeof(rnd)) {
		mkfs_complain("cannot get random numbers: %s", strerror(errno));
		return MKFS_FAILED;
	}
	memcpy(m->f.hash_key, rnd.key, sizeof(rnd.key));
	m->f.generation = rnd.generation;
	return 0;
}

int mkfs_identity(struct mkfs *m)
{
	char seed[512], uuid[37] = "";

	if (!m->seed && !m->src.has_epoch)
		return at_random(m);
	if (m->has_uuid)
		uuid_unparse(m->f.uuid, uuid);
	snprintf(seed, sizeof(seed), "%s\n%lld\n%s\n%s", m->seed ?: "", (long long)m->f.now,
		 m->f.label, uuid);
	from_seed(m, m->seed ?: seed);
	return 0;
}
