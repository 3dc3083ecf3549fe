// SPDX-License-Identifier: GPL-2.0
/* Which embeddings have been seen: a hash table of (inode, chunk), open addressing. */
#include <errno.h>
#include <stdlib.h>

#include "tools/vexctl/transfer.h"

struct seen {
	struct seen_pair {
		uint64_t ino;
		int64_t number;		/* 0: free */
		uint32_t chunk;
	} *pair;
	size_t n, room;			/* a power of two */
};

struct seen *seen_create(void)
{
	struct seen *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->room = 1024;
	s->pair = calloc(s->room, sizeof(*s->pair));
	if (s->pair)
		return s;
	free(s);
	return NULL;
}

void seen_free(struct seen *s)
{
	if (s)
		free(s->pair);
	free(s);
}

/* Where the pair is, or belongs. */
static struct seen_pair *find(const struct seen *s, uint64_t ino, uint32_t chunk)
{
	uint64_t h = (ino * 0x9e3779b97f4a7c15ull) ^ (chunk * 0xc2b2ae3d27d4eb4full);
	size_t at = (size_t)(h ^ h >> 29) & (s->room - 1);

	while (s->pair[at].number && (s->pair[at].ino != ino || s->pair[at].chunk != chunk))
		at = (at + 1) & (s->room - 1);
	return &s->pair[at];
}

static int grow(struct seen *s)
{
	struct seen bigger = { .room = 2 * s->room };
	size_t i;

	bigger.pair = calloc(bigger.room, sizeof(*bigger.pair));
	if (!bigger.pair)
		return -ENOMEM;
	for (i = 0; i < s->room; i++)
		if (s->pair[i].number)
			*find(&bigger, s->pair[i].ino, s->pair[i].chunk) = s->pair[i];
	free(s->pair);
	bigger.n = s->n;
	*s = bigger;
	return 0;
}

int64_t seen_add(struct seen *s, uint64_t ino, uint32_t chunk, int64_t number)
{
	struct seen_pair *p;

	if (2 * s->n >= s->room && grow(s))
		return -ENOMEM;
	p = find(s, ino, chunk);
	if (p->number)
		return p->number;
	*p = (struct seen_pair){ .ino = ino, .chunk = chunk, .number = number };
	s->n++;
	return 0;
}
