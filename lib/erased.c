// SPDX-License-Identifier: GPL-2.0
/* Fingerprints of embeddings: made, read, searched. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/erased.h"

#define VALUES_MIN	8	/* different bytes of a window */
#define BLOCK		4096
#define FILTER_BITS	22	/* 512 KiB: passes one window in 100 for 40,000 fingerprints */

/* ---- making them --------------------------------------------------------------------- */

static bool distinctive(const unsigned char *p)
{
	uint64_t seen[4] = { 0 };
	unsigned int i, n = 0;

	for (i = 0; i < VEX_ERASED_WINDOW; i++) {
		uint64_t bit = 1ULL << (p[i] & 63);

		n += !(seen[p[i] >> 6] & bit);
		seen[p[i] >> 6] |= bit;
	}
	return n >= VALUES_MIN;
}

/* The next block of a record need not be its neighbour on the device. */
static bool in_one_block(size_t at)
{
	return at % BLOCK + VEX_ERASED_WINDOW <= BLOCK;
}

unsigned int vex_erased_windows(const void *data, size_t len, size_t skip, size_t off[VEX_ERASED_PARTS])
{
	const unsigned char *p = data;
	unsigned int part, n = 0;
	size_t at, end;

	for (part = 0; part < VEX_ERASED_PARTS; part++) {
		end = (part + 1) * len / VEX_ERASED_PARTS;
		for (at = part * len / VEX_ERASED_PARTS; at < end && at + VEX_ERASED_WINDOW <= len; at++) {
			if (!in_one_block(skip + at) || !distinctive(p + at))
				continue;
			off[n++] = at;
			break;
		}
	}
	return n;
}

void vex_erased_hex(const void *window, char hex[33])
{
	XXH128_hash_t h = XXH3_128bits(window, VEX_ERASED_WINDOW);

	snprintf(hex, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

/* ---- reading a list -------------------------------------------------------------------- */

static bool parse_half(const char *s, uint64_t *out)
{
	int i;

	*out = 0;
	for (i = 0; i < 16; i++) {
		if (!isxdigit((unsigned char)s[i]))
			return false;
		*out = *out << 4 | (uint64_t)(isdigit((unsigned char)s[i]) ? s[i] - '0' : (s[i] | 32) - 'a' + 10);
	}
	return true;
}

static int add(struct vex_erased *e, const char *line)
{
	struct vex_erased_mark m = { 0 }, *mark;

	if (!parse_half(line, &m.high) || !parse_half(line + 16, &m.low) || (line[32] && line[32] != ' '))
		return -EINVAL;
	if (e->n == e->room) {
		size_t room = e->room ? 2 * e->room : 1024;

		mark = realloc(e->mark, room * sizeof(*mark));
		if (!mark)
			return -ENOMEM;
		e->mark = mark;
		e->room = room;
	}
	m.label = strdup(line[32] ? line + 33 : "");
	if (!m.label)
		return -ENOMEM;
	e->mark[e->n++] = m;
	return 0;
}

static int compare(const void *x, const void *y)
{
	const struct vex_erased_mark *a = x, *b = y;

	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return 0;
}

static uint64_t filter_bit(uint64_t low)
{
	return low & ((1ULL << FILTER_BITS) - 1);
}

static int prepare(struct vex_erased *e)
{
	uint64_t bit;
	size_t i;

	if (!e->n)
		return -ENODATA;
	e->filter = calloc((1U << FILTER_BITS) / 64, sizeof(*e->filter));
	if (!e->filter)
		return -ENOMEM;
	qsort(e->mark, e->n, sizeof(*e->mark), compare);
	for (i = 0; i < e->n; i++) {
		bit = filter_bit(e->mark[i].low);
		e->filter[bit / 64] |= 1ULL << bit % 64;
	}
	return 0;
}

/* -EINVAL: not a line of a list. A NUL would hide what follows it. */
static int take_line(struct vex_erased *e, char *text, size_t len, unsigned long line)
{
	if (len && text[len - 1] == '\n')
		text[--len] = '\0';
	if (strlen(text) != len)
		return -EINVAL;
	if (line == 1)
		return strcmp(text, VEX_ERASED_HEAD) ? -EINVAL : 0;
	return !len || text[0] == '#' ? 0 : add(e, text);
}

int vex_erased_load(struct vex_erased *e, FILE *f, unsigned long *line)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	int err = 0;

	memset(e, 0, sizeof(*e));
	*line = 0;
	errno = 0;
	while (!err && (len = getline(&text, &room, f)) >= 0)
		err = take_line(e, text, (size_t)len, ++*line);
	if (!err && !feof(f))
		err = errno ? -errno : -EIO;
	free(text);
	return err ? err : prepare(e);
}

void vex_erased_free(struct vex_erased *e)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		free(e->mark[i].label);
	free(e->mark);
	free(e->filter);
	memset(e, 0, sizeof(*e));
}

/* ---- searching --------------------------------------------------------------------------- */

static void report(struct vex_erased *e, XXH128_hash_t h, size_t off, vex_erased_found found, void *ctx)
{
	struct vex_erased_mark key = { .high = h.high64, .low = h.low64 };
	size_t lo = 0, hi = e->n;

	while (lo < hi) {		/* the first that is not below */
		size_t mid = lo + (hi - lo) / 2;

		if (compare(&e->mark[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < e->n && !compare(&e->mark[lo], &key); lo++)
		found(ctx, off, &e->mark[lo]);
}

static bool all_zero(const unsigned char *p)
{
	uint64_t w[VEX_ERASED_WINDOW / 8];

	memcpy(w, p, sizeof(w));
	return !(w[0] | w[1] | w[2] | w[3]);
}

void vex_erased_search(struct vex_erased *e, const void *data, size_t len, vex_erased_found found, void *ctx)
{
	const unsigned char *p = data;
	XXH128_hash_t h;
	uint64_t bit;
	size_t off;

	for (off = 0; off + VEX_ERASED_WINDOW <= len; off++) {
		if (all_zero(p + off))
			continue;
		h = XXH3_128bits(p + off, VEX_ERASED_WINDOW);
		bit = filter_bit(h.low64);
		if (e->filter[bit / 64] & 1ULL << bit % 64)
			report(e, h, off, found, ctx);
	}
}
