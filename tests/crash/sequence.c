// SPDX-License-Identifier: GPL-2.0
/*
 * Which operation is next: all short sequences, one after the other. Each begins with the same small tree,
 * which is durable, has its operations and one that makes something durable, and takes the tree away again.
 *
 * The method, and the choice of a tree of two directories and few files, is that of Mohan et al., "Finding
 * Crash-Consistency Bugs with Bounded Black-Box Crash Testing" (OSDI 2018).
 */
#include <string.h>

#include "tests/crash/model.h"

#define BIG	5000	/* bytes of an attribute that does not fit in the inode */

/* f0: two blocks, an embedding, an attribute; d0/f0: a few bytes, also called d1/f1. */
static const struct cr_op begin[] = {
	{ .kind = CR_MKDIR, .path = "d0", .mode = 0755 },
	{ .kind = CR_MKDIR, .path = "d1", .mode = 0755 },
	{ .kind = CR_CREATE, .path = "f0", .mode = 0644 },
	{ .kind = CR_WRITE, .path = "f0", .len = 6000 },
	{ .kind = CR_VEC_SET, .path = "f0" },
	{ .kind = CR_XATTR_SET, .path = "f0", .len = 20 },
	{ .kind = CR_CREATE, .path = "d0/f0", .mode = 0644 },
	{ .kind = CR_WRITE, .path = "d0/f0", .len = 100 },
	{ .kind = CR_LINK, .path = "d0/f0", .to = "d1/f1" },
	{ .kind = CR_SYNC },
};

static const struct cr_op operation[] = {
	{ .kind = CR_CREATE, .path = "f1", .mode = 0644 },
	{ .kind = CR_CREATE, .path = "d0/f1", .mode = 0644 },
	{ .kind = CR_TMPFILE, .path = "d0/f1", .mode = 0644 },
	{ .kind = CR_MKDIR, .path = "d0/d1", .mode = 0755 },
	{ .kind = CR_SYMLINK, .path = "f1", .to = "nowhere/1", .mode = 0777 },
	{ .kind = CR_UNLINK, .path = "f0" },
	{ .kind = CR_UNLINK, .path = "d0/f0" },
	{ .kind = CR_UNLINK, .path = "d1/f1" },
	{ .kind = CR_RMDIR, .path = "d1" },
	{ .kind = CR_RENAME, .path = "f0", .to = "f1" },
	{ .kind = CR_RENAME, .path = "f0", .to = "d0/f0" },
	{ .kind = CR_RENAME, .path = "d0/f0", .to = "f0" },
	{ .kind = CR_RENAME, .path = "d0/f0", .to = "d1/f0" },
	{ .kind = CR_RENAME, .path = "d1", .to = "d2" },
	{ .kind = CR_RENAME, .path = "d1", .to = "d0/d1" },
	{ .kind = CR_EXCHANGE, .path = "f0", .to = "d0/f0" },
	{ .kind = CR_EXCHANGE, .path = "d0", .to = "d1" },
	{ .kind = CR_WHITEOUT, .path = "f0", .to = "f1" },
	{ .kind = CR_LINK, .path = "f0", .to = "f1" },
	{ .kind = CR_LINK, .path = "f0", .to = "d0/f1" },
	{ .kind = CR_CHMOD, .path = "f0", .mode = 0600 },
	{ .kind = CR_CHOWN, .path = "f0", .len = 1 },
	{ .kind = CR_CHOWN, .path = "d0/f0", .len = 2 },
	{ .kind = CR_ACL_SET, .path = "f0", .mode = 0640 },
	{ .kind = CR_ACL_DEL, .path = "f0" },
	{ .kind = CR_XATTR_SET, .path = "f0", .len = 40 },
	{ .kind = CR_XATTR_SET, .path = "f0", .len = BIG },
	{ .kind = CR_XATTR_DEL, .path = "f0" },
	{ .kind = CR_VEC_SET, .path = "f0" },
	{ .kind = CR_VEC_SET, .path = "d0/f0" },
	{ .kind = CR_VEC_DEL, .path = "f0" },
	{ .kind = CR_WRITE, .path = "f0", .len = 100 },
	{ .kind = CR_WRITE, .path = "f0", .off = 5000, .len = 5000 },
	{ .kind = CR_WRITE, .path = "d0/f0", .off = 50, .len = 100 },
	{ .kind = CR_APPEND, .path = "f0", .off = 6000, .len = 4096 },
	{ .kind = CR_DIRECT, .path = "f0", .len = 4096 },
	{ .kind = CR_DIRECT, .path = "f0", .off = 8192, .len = 4096 },
	{ .kind = CR_MMAP, .path = "f0", .off = 4090, .len = 20 },
	{ .kind = CR_TRUNCATE, .path = "f0" },
	{ .kind = CR_TRUNCATE, .path = "f0", .len = 100 },
	{ .kind = CR_TRUNCATE, .path = "f0", .len = 9000 },
	{ .kind = CR_ALLOCATE, .path = "f0", .off = 8192, .len = 8192 },
	{ .kind = CR_PUNCH, .path = "f0", .len = 4096 },
	{ .kind = CR_PUNCH, .path = "f0", .off = 1000, .len = 100 },
	{ .kind = CR_ZERO, .path = "f0", .off = 4000, .len = 2000 },
	{ .kind = CR_COLLAPSE, .path = "f0", .len = 4096 },
	{ .kind = CR_INSERT, .path = "f0", .len = 4096 },
};

static const struct cr_op durable[] = {
	{ .kind = CR_FSYNC, .path = "f0" },
	{ .kind = CR_FDATASYNC, .path = "f0" },
	{ .kind = CR_FSYNC, .path = "d0/f0" },
	{ .kind = CR_FSYNC_DIR, .path = "d0" },
	{ .kind = CR_SYNC },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

uint64_t cr_sequences(uint32_t length)
{
	uint64_t n = COUNT(durable);

	while (length--)
		n *= COUNT(operation);
	return n;
}

/* Operation @step of sequence @number; the last one makes durable. */
static const struct cr_op *op_of(uint64_t number, uint32_t step, uint32_t length)
{
	uint64_t n = number / COUNT(durable);

	if (step == length)
		return &durable[number % COUNT(durable)];
	while (step--)
		n /= COUNT(operation);
	return &operation[n % COUNT(operation)];
}

/* The tree goes, the newest entry first; false: it is gone. */
static bool take_one_away(struct cr_model *m, struct cr_op *op)
{
	for (uint32_t i = m->entries; i--;) {
		const struct cr_entry *e = &m->entry[i];
		bool dir = m->node[e->node].type == 'd';

		if (e->died != UINT32_MAX || (dir && !cr_is_empty(m, e->node)))
			continue;
		op->kind = dir ? CR_RMDIR : CR_UNLINK;
		cr_entry_path(m, e, m->ops, op->path);
		return true;
	}
	return false;
}

static void take(struct cr_op *op, const struct cr_op *from)
{
	uint64_t seed = op->seed;
	uint32_t index = op->index;

	*op = *from;
	op->seed = seed;
	op->index = index;
}

bool cr_script_next(struct cr_model *m, struct cr_op *op)
{
	struct cr_script *s = &m->script;
	uint32_t step = s->step++;

	if (!s->left)
		return false;
	if (step < COUNT(begin)) {
		take(op, &begin[step]);
		return true;
	}
	step -= COUNT(begin);
	if (step <= s->length) {
		take(op, op_of(s->next, step, s->length));
		return true;
	}
	if (take_one_away(m, op))
		return true;
	op->kind = CR_SYNC;
	s->step = 0;
	s->next++;
	s->left--;
	return true;
}
