// SPDX-License-Identifier: GPL-2.0
/* Texts that converters made: the last few, first in, first out. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/convert_cache.h"

#define TEXTS		64
#define BYTES_MAX	(16u << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept {
	char *text;
	size_t len;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
} kept[TEXTS];
static size_t next, bytes;

/* Also the change time: it cannot be set back. */
static bool same(const struct kept *k, const struct stat *st)
{
	return k->text && k->dev == st->st_dev && k->ino == st->st_ino && k->size == st->st_size &&
	       !memcmp(&k->mtime, &st->st_mtim, sizeof(k->mtime)) &&
	       !memcmp(&k->ctime, &st->st_ctim, sizeof(k->ctime));
}

bool convert_cached(const struct stat *st, char *out, size_t room, size_t *len)
{
	bool found = false;
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; !found && i < TEXTS; i++) {
		if (!same(&kept[i], st))
			continue;
		*len = kept[i].len < room ? kept[i].len : room;
		memcpy(out, kept[i].text, *len);
		found = true;
	}
	pthread_mutex_unlock(&lock);
	return found;
}

static void drop(struct kept *k)
{
	bytes -= k->len;
	free(k->text);
	memset(k, 0, sizeof(*k));
}

void convert_keep(const struct stat *st, const char *text, size_t len)
{
	struct kept k = {
		.text = malloc(len + 1), .len = len, .dev = st->st_dev, .ino = st->st_ino,
		.size = st->st_size, .mtime = st->st_mtim, .ctime = st->st_ctim,
	};
	size_t i;

	if (!k.text)
		return;
	memcpy(k.text, text, len);
	pthread_mutex_lock(&lock);
	drop(&kept[next]);
	for (i = 1; bytes + len > BYTES_MAX && i < TEXTS; i++)
		drop(&kept[(next + i) % TEXTS]);
	kept[next] = k;
	bytes += len;
	next = (next + 1) % TEXTS;
	pthread_mutex_unlock(&lock);
}
