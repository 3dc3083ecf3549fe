// SPDX-License-Identifier: GPL-2.0
/* Word tables; documented in lib/embed_words.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL	/* most words are shorter than a call is dear */
#include <xxhash.h>

#include "lib/embed_words.h"

#define FIRST_SLOTS	1024u
#define FIRST_ARENA	8192u

uint64_t vex_word_hash(const char *word, size_t len)
{
	uint64_t h = XXH64(word, len, 0);

	return h ? h : 1;
}

int vex_word_table_init(struct vex_word_table *t)
{
	memset(t, 0, sizeof(*t));
	t->slots = calloc(FIRST_SLOTS, sizeof(*t->slots));
	t->arena = malloc(FIRST_ARENA);
	if (!t->slots || !t->arena) {
		vex_word_table_free(t);
		return -ENOMEM;
	}
	t->mask = FIRST_SLOTS - 1;
	t->arena_room = FIRST_ARENA;
	return 0;
}

void vex_word_table_free(struct vex_word_table *t)
{
	free(t->slots);
	free(t->arena);
	memset(t, 0, sizeof(*t));
}

/* One huge document must not make every small one after it wipe and scan a huge table. */
static void shrink(struct vex_word_table *t)
{
	struct vex_word *slots;

	if (t->mask < 4 * FIRST_SLOTS || t->used > t->mask / 16)
		return;
	slots = calloc(FIRST_SLOTS, sizeof(*slots));
	if (!slots)
		return;
	free(t->slots);
	t->slots = slots;
	t->mask = FIRST_SLOTS - 1;
}

void vex_word_table_clear(struct vex_word_table *t)
{
	shrink(t);
	memset(t->slots, 0, (t->mask + 1ull) * sizeof(*t->slots));
	t->used = 0;
	t->arena_len = 0;
}

/* The place of @hash: its entry, or the empty slot where it belongs. */
static struct vex_word *place(const struct vex_word_table *t, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & t->mask;

	/* Ends: the table is never more than half full. */
	while (t->slots[i].hash && t->slots[i].hash != hash)
		i = (i + 1) & t->mask;
	return &t->slots[i];
}

struct vex_word *vex_word_table_find(const struct vex_word_table *t, uint64_t hash)
{
	struct vex_word *w = place(t, hash);

	return w->hash ? w : NULL;
}

static int grow_slots(struct vex_word_table *t)
{
	struct vex_word_table bigger = *t;
	uint32_t i;

	if (t->mask >= UINT32_MAX / 4)
		return -ENOMEM;
	bigger.mask = t->mask * 2 + 1;
	bigger.slots = calloc(bigger.mask + 1ull, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (i = 0; i <= t->mask; i++)
		if (t->slots[i].hash)
			*place(&bigger, t->slots[i].hash) = t->slots[i];
	free(t->slots);
	*t = bigger;
	return 0;
}

static int grow_arena(struct vex_word_table *t, size_t len)
{
	size_t room = t->arena_room * 2;
	char *arena;

	if (t->arena_len + len <= t->arena_room)
		return 0;
	if (room > UINT32_MAX)	/* offsets are 32 bits */
		return -ENOMEM;
	arena = realloc(t->arena, room);
	if (!arena)
		return -ENOMEM;
	t->arena = arena;
	t->arena_room = room;
	return 0;
}

struct vex_word *vex_word_table_add(struct vex_word_table *t, uint64_t hash, const char *word,
				    size_t len, unsigned int chars)
{
	struct vex_word *w = place(t, hash);

	if (w->hash)
		return w;
	if (!word)
		len = chars = 0;
	if ((t->used >= t->mask / 2 && grow_slots(t)) || grow_arena(t, len))
		return NULL;
	w = place(t, hash);
	*w = (struct vex_word){
		.hash = hash, .text = (uint32_t)t->arena_len, .len = (uint8_t)len,
		.chars = (uint8_t)chars,
	};
	if (len)
		memcpy(t->arena + t->arena_len, word, len);
	t->arena_len += len;
	t->used++;
	return w;
}

int vex_word_table_prune(struct vex_word_table *t, uint32_t min)
{
	struct vex_word_table kept;
	struct vex_word *w, *n;
	uint32_t i;

	if (vex_word_table_init(&kept))
		return -ENOMEM;
	for (i = 0; i <= t->mask; i++) {
		w = &t->slots[i];
		if (!w->hash || w->count < min)
			continue;
		n = vex_word_table_add(&kept, w->hash, t->arena + w->text, w->len, w->chars);
		if (!n) {
			vex_word_table_free(&kept);
			return -ENOMEM;
		}
		n->count = w->count;
		n->stamp = w->stamp;
	}
	vex_word_table_free(t);
	*t = kept;
	return 0;
}
