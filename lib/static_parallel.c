// SPDX-License-Identifier: GPL-2.0
/* Work in pieces, by threads; documented in lib/static.h. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/static.h"

#define THREADS_MAX	8

struct work {
	static_piece_fn *fn;
	void *ctx;
	uint32_t n;
	atomic_uint next;
};

static void *take_pieces(void *arg)
{
	struct work *w = arg;
	uint32_t p;

	while ((p = atomic_fetch_add(&w->next, 1)) < STATIC_PIECES)
		w->fn(w->ctx, p, (uint32_t)((uint64_t)w->n * p / STATIC_PIECES),
		      (uint32_t)((uint64_t)w->n * (p + 1) / STATIC_PIECES));
	return NULL;
}

/* Whatever threads do not start, this one does their work. */
void static_parallel(uint32_t n, static_piece_fn *fn, void *ctx)
{
	struct work w = { .fn = fn, .ctx = ctx, .n = n };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread[THREADS_MAX];
	int started = 0;

	while (started + 1 < cpus && started < THREADS_MAX &&
	       !pthread_create(&thread[started], NULL, take_pieces, &w))
		started++;
	take_pieces(&w);
	while (started)
		pthread_join(thread[--started], NULL);
}
