// SPDX-License-Identifier: GPL-2.0
/* Block access in memory for tests of core/. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "memio.h"

struct memio_pin {
	struct memio_pin *next;
	u64 blkno;
	u8 *copy;
	bool modify;
};

static struct memio *to_memio(struct vexfs_io *io)
{
	return (struct memio *)((char *)io - offsetof(struct memio, io));
}

static void *xalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		abort();
	return p;
}

/* ---- pins ---------------------------------------------------------------------- */

static struct memio_pin *pin_add(struct memio *m, u64 blkno, bool modify, struct vexfs_blk *b)
{
	struct memio_pin *pin = xalloc(1, sizeof(*pin));

	pin->blkno = blkno;
	pin->modify = modify;
	pin->copy = xalloc(1, VEXFS_BLOCK_SIZE);
	memcpy(pin->copy, m->block[blkno], VEXFS_BLOCK_SIZE);
	pin->next = m->pins;
	m->pins = pin;
	b->blkno = blkno;
	b->data = pin->copy;
	b->priv = pin;
	return pin;
}

static void pin_drop(struct memio *m, struct vexfs_blk *b)
{
	struct memio_pin *pin = b->priv, **link = &m->pins;

	while (*link != pin) {
		assert_non_null(*link);		/* put twice */
		link = &(*link)->next;
	}
	*link = pin->next;
	free(pin->copy);
	free(pin);
	memset(b, 0, sizeof(*b));
}

u32 memio_pinned(const struct memio *m)
{
	const struct memio_pin *pin;
	u32 n = 0;

	for (pin = m->pins; pin; pin = pin->next)
		n++;
	return n;
}

/* ---- operations ------------------------------------------------------------------ */

static bool fails_now(struct memio *m)
{
	return m->calls++ == m->fail_at;
}

static int memio_corrupt(struct vexfs_io *io, u64 blkno, const char *what)
{
	struct memio *m = to_memio(io);

	if (!m->damaged)
		print_message("block %llu: %s\n", (unsigned long long)blkno, what);
	m->reports++;
	m->report = what;
	return -EUCLEAN;
}

static int memio_read(struct vexfs_io *io, u64 blkno, u32 magic, u32 magic2, u64 owner,
		      struct vexfs_blk *b)
{
	struct memio *m = to_memio(io);
	const char *why;

	if (fails_now(m))
		return -EIO;
	if (blkno >= io->nblocks || !m->block[blkno])
		return memio_corrupt(io, blkno, "read of a free block");
	if (m->damaged) {
		why = vexfs_mdhdr_verify(m->block[blkno], &m->geo, magic, magic2, blkno, owner);
		if (why)
			return memio_corrupt(io, blkno, why);
	}
	pin_add(m, blkno, false, b);
	return 0;
}

static int memio_modify(struct vexfs_io *io, struct vexfs_blk *b)
{
	struct memio *m = to_memio(io);
	struct memio_pin *pin = b->priv;

	if (fails_now(m))
		return -EIO;
	pin->modify = true;
	return 0;
}

static int memio_dirty(struct vexfs_io *io, struct vexfs_blk *b)
{
	struct memio *m = to_memio(io);
	struct memio_pin *pin = b->priv;

	assert_true(pin->modify);
	vexfs_mdhdr_seal(pin->copy);
	memcpy(m->block[pin->blkno], pin->copy, VEXFS_BLOCK_SIZE);
	return 0;
}

static void memio_put(struct vexfs_io *io, struct vexfs_blk *b)
{
	struct memio *m = to_memio(io);

	if (!b->priv)
		return;
	/* What was changed and not declared dirty is lost: a bug. */
	if (!m->damaged)
		assert_memory_equal(b->data, m->block[b->blkno], VEXFS_BLOCK_SIZE);
	pin_drop(m, b);
}

/* Hand out a block in use, as a damaged bitmap would; pins see it cleared. */
static u64 steal_block(struct memio *m)
{
	struct memio_pin *pin;
	u64 blkno = 0;

	if (!m->steal || rng_below(&m->steal_rng, 1000) >= m->steal ||
	    !memio_any(m, &m->steal_rng, &blkno))
		return 0;
	for (pin = m->pins; pin; pin = pin->next)
		if (pin->blkno == blkno)
			memset(pin->copy, 0, VEXFS_BLOCK_SIZE);
	return blkno;
}

static u64 find_free(struct memio *m)
{
	if (m->live >= m->limit)
		return 0;
	do {
		m->next = m->next % (m->io.nblocks - 1) + 1;
	} while (m->block[m->next]);
	return m->next;
}

static int memio_alloc(struct vexfs_io *io, u64 goal, u32 magic, u64 owner, struct vexfs_blk *b)
{
	struct memio *m = to_memio(io);
	u64 blkno;

	if (fails_now(m))
		return -ENOSPC;
	blkno = steal_block(m);
	if (!blkno) {
		blkno = find_free(m);
		if (!blkno)
			return -ENOSPC;
		m->block[blkno] = xalloc(1, VEXFS_BLOCK_SIZE);
		m->live++;
	}
	vexfs_mdhdr_init(m->block[blkno], &m->geo, magic, blkno, owner);
	if (m->checked)
		m->checked[blkno] = false;
	pin_add(m, blkno, true, b);
	return 0;
}

static int memio_free(struct vexfs_io *io, struct vexfs_blk *b)
{
	struct memio *m = to_memio(io);
	u64 blkno = b->blkno;

	pin_drop(m, b);
	if (!m->block[blkno])
		return memio_corrupt(io, blkno, "freed twice");
	free(m->block[blkno]);
	m->block[blkno] = NULL;
	m->live--;
	return 0;
}

static bool memio_cached(struct vexfs_io *io, u64 blkno)
{
	return !to_memio(io)->uncached;
}

static bool memio_checked(struct vexfs_io *io, const struct vexfs_blk *b)
{
	struct memio *m = to_memio(io);

	return m->checked && m->checked[b->blkno];
}

static void memio_set_checked(struct vexfs_io *io, struct vexfs_blk *b)
{
	struct memio *m = to_memio(io);

	if (m->checked)
		m->checked[b->blkno] = true;
	m->verified++;
}

static const struct vexfs_io_ops memio_ops = {
	.read = memio_read,
	.modify = memio_modify,
	.dirty = memio_dirty,
	.put = memio_put,
	.alloc = memio_alloc,
	.free = memio_free,
	.cached = memio_cached,
	.checked = memio_checked,
	.set_checked = memio_set_checked,
	.corrupt = memio_corrupt,
};

/* ---- devices ------------------------------------------------------------------------ */

void memio_init(struct memio *m, u64 nblocks)
{
	memset(m, 0, sizeof(*m));
	m->io.ops = &memio_ops;
	m->io.nblocks = nblocks;
	m->geo.blocks = nblocks;
	memcpy(m->geo.uuid, "memory of a test", VEXFS_UUID_LEN);
	m->block = xalloc(nblocks, sizeof(*m->block));
	m->limit = nblocks - 1;		/* block 0 is never handed out */
	m->fail_at = -1;
}

void memio_track(struct memio *m)
{
	m->checked = xalloc(m->io.nblocks, sizeof(*m->checked));
}

void memio_destroy(struct memio *m)
{
	u64 i;

	assert_int_equal(memio_pinned(m), 0);
	for (i = 0; i < m->io.nblocks; i++)
		free(m->block[i]);
	free(m->block);
	free(m->checked);
}

void memio_clone(struct memio *to, const struct memio *from)
{
	u64 i;

	memio_init(to, from->io.nblocks);
	to->live = from->live;
	to->limit = from->limit;
	to->next = from->next;
	for (i = 0; i < from->io.nblocks; i++) {
		if (!from->block[i])
			continue;
		to->block[i] = xalloc(1, VEXFS_BLOCK_SIZE);
		memcpy(to->block[i], from->block[i], VEXFS_BLOCK_SIZE);
	}
}

u8 *memio_raw_alloc(struct memio *m, u32 magic, u64 owner, u64 *blkno)
{
	u64 b = find_free(m);

	assert_true(b);
	m->block[b] = xalloc(1, VEXFS_BLOCK_SIZE);
	m->live++;
	vexfs_mdhdr_init(m->block[b], &m->geo, magic, b, owner);
	*blkno = b;
	return m->block[b];
}

u8 *memio_any(struct memio *m, u64 *rng, u64 *blkno)
{
	u64 b = rng_below(rng, m->io.nblocks), i;

	for (i = 0; i < m->io.nblocks; i++, b = (b + 1) % m->io.nblocks) {
		if (!m->block[b])
			continue;
		*blkno = b;
		return m->block[b];
	}
	return NULL;
}

u64 rng_seed(const char *what, u64 fallback)
{
	const char *env = getenv("VEXFS_SEED");
	u64 seed = env && *env ? strtoull(env, NULL, 0) : fallback;

	print_message("%s: VEXFS_SEED=%llu\n", what, (unsigned long long)seed);
	return seed;
}
