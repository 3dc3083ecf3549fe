// SPDX-License-Identifier: GPL-2.0
/* vexctl export --follow: what the reader was told, by inode */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/follow.h"

#define BUCKETS_FIRST	1024
#define GONE_MAX	65536	/* deletes that can be told again */

int state_init(struct state *s)
{
	s->fd = -1;
	s->buckets = BUCKETS_FIRST;
	s->hash = calloc(s->buckets, sizeof(*s->hash));
	s->log_f = open_memstream(&s->log, &s->log_len);
	return s->hash && s->log_f ? 0 : -ENOMEM;
}

static size_t bucket_of(const struct state *s, uint64_t ino)
{
	return (size_t)((ino * 0x9e3779b97f4a7c15u) >> 20) & (s->buckets - 1);
}

struct known_file *state_find(const struct state *s, uint64_t ino)
{
	struct known_file *f = s->hash[bucket_of(s, ino)];

	while (f && f->ino != ino)
		f = f->next;
	return f;
}

static void widen(struct state *s)
{
	struct known_file **old = s->hash, *f;
	size_t n = s->buckets, i;

	s->hash = calloc(2 * n, sizeof(*s->hash));
	if (!s->hash) {		/* longer chains */
		s->hash = old;
		return;
	}
	s->buckets = 2 * n;
	for (i = 0; i < n; i++)
		while ((f = old[i])) {
			old[i] = f->next;
			f->next = s->hash[bucket_of(s, f->ino)];
			s->hash[bucket_of(s, f->ino)] = f;
		}
	free(old);
}

struct known_file *state_add(struct state *s, uint64_t ino, uint32_t generation)
{
	struct known_file *f = calloc(1, sizeof(*f));
	size_t b;

	if (!f)
		return NULL;
	if (s->files++ > s->buckets)
		widen(s);
	b = bucket_of(s, ino);
	f->ino = ino;
	f->generation = generation;
	f->next = s->hash[b];
	s->hash[b] = f;
	return f;
}

static void known_free(struct known_file *f)
{
	free(f->path);
	free(f->chunk);
	free(f);
}

void state_remove(struct state *s, struct known_file *f)
{
	struct known_file **at = &s->hash[bucket_of(s, f->ino)];
	size_t i;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	s->files--;
	for (i = 0; f->dirty && i < s->ndirty; i++)
		if (s->dirty[i] == f)
			s->dirty[i--] = s->dirty[--s->ndirty];
	known_free(f);
}

void state_clear(struct state *s)
{
	struct known_file *f;
	size_t i;

	for (i = 0; i < s->buckets; i++)
		while ((f = s->hash[i])) {
			s->hash[i] = f->next;
			known_free(f);
		}
	s->files = s->ngone = s->ndirty = 0;
	s->seq = s->horizon = s->rewound = 0;
}

void state_free(struct state *s)
{
	if (s->hash)
		state_clear(s);
	free(s->hash);
	free(s->gone);
	free(s->dirty);
	if (s->log_f)
		fclose(s->log_f);
	free(s->log);
}

/* An array with room for one more. */
static void *grow(void *array, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 16;
	void *bigger;

	if (n < *room)
		return array;
	bigger = realloc(array, more * size);
	if (bigger)
		*room = more;
	return bigger;
}

int state_dirty(struct state *s, struct known_file *f)
{
	struct known_file **bigger;

	if (f->dirty)
		return 0;
	bigger = grow(s->dirty, s->ndirty, &s->dirty_room, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	s->dirty = bigger;
	s->dirty[s->ndirty++] = f;
	f->dirty = true;
	return 0;
}

int state_gone(struct state *s, const struct known_file *f, uint32_t chunk, uint64_t at)
{
	struct gone *bigger;

	if (s->ngone == GONE_MAX) {
		s->ngone /= 2;
		s->horizon = s->gone[s->ngone - 1].at;
		memmove(s->gone, s->gone + s->ngone, s->ngone * sizeof(*s->gone));
	}
	bigger = grow(s->gone, s->ngone, &s->gone_room, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	s->gone = bigger;
	s->gone[s->ngone++] = (struct gone){
		.ino = f->ino, .generation = f->generation, .chunk = chunk, .at = at,
	};
	return 0;
}

/* They are listed in order. */
static size_t chunk_place(const struct known_file *f, uint32_t chunk)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (f->chunk[mid].chunk < chunk)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct known_chunk *known_chunk(struct known_file *f, uint32_t chunk)
{
	size_t at = chunk_place(f, chunk);

	return at < f->n && f->chunk[at].chunk == chunk ? &f->chunk[at] : NULL;
}

struct known_chunk *known_chunk_add(struct known_file *f, uint32_t chunk)
{
	size_t at = chunk_place(f, chunk);
	struct known_chunk *bigger = grow(f->chunk, f->n, &f->room, sizeof(*bigger));

	if (!bigger)
		return NULL;
	f->chunk = bigger;
	memmove(bigger + at + 1, bigger + at, (f->n - at) * sizeof(*bigger));
	f->n++;
	bigger[at] = (struct known_chunk){ .chunk = chunk };
	return &bigger[at];
}
