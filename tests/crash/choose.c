// SPDX-License-Identifier: GPL-2.0
/* Which operation is next: at random, from the seed. See model.h. */
#include <stdio.h>
#include <string.h>

#include "tests/crash/model.h"

static bool is_one(const struct cr_model *m, const struct cr_entry *e, char type)
{
	return e->died == UINT32_MAX && (!type || m->node[e->node].type == type);
}

/* A living entry of a node of this type; 0: of any. NULL: none exists. */
static struct cr_entry *pick(struct cr_model *m, char type)
{
	uint32_t n = 0, k;

	for (uint32_t i = 0; i < m->entries; i++)
		n += is_one(m, &m->entry[i], type);
	if (!n)
		return NULL;
	k = cr_rnd(m, n);
	for (uint32_t i = 0;; i++)
		if (is_one(m, &m->entry[i], type) && !k--)
			return &m->entry[i];
}

static bool pick_path(struct cr_model *m, char type, char *path)
{
	struct cr_entry *e = pick(m, type);

	if (e)
		cr_entry_path(m, e, m->ops, path);
	return e;
}

/* A directory at most two levels below the root: paths stay short. */
static uint32_t pick_dir(struct cr_model *m)
{
	struct cr_entry *e = cr_rnd(m, 3) ? pick(m, 'd') : NULL;

	return e && (!e->dir || !cr_rnd(m, 4)) ? e->node : 0;
}

/* A place for a name, which may be taken. */
static void pick_place(struct cr_model *m, bool directory, char *path)
{
	uint32_t dir = directory ? 0 : pick_dir(m);
	char name[8];

	if (directory && cr_rnd(m, 2)) {
		struct cr_entry *e = pick(m, 'd');

		dir = e && !e->dir ? e->node : 0;
	}
	snprintf(name, sizeof(name), "%c%u", directory ? 'd' : 'f', cr_rnd(m, directory ? 2 : CR_NAMES));
	cr_new_path(m, dir, name, path);
}

/* ---- false: not with what exists now -------------------------------------------------------- */

static bool choose_new(struct cr_model *m, struct cr_op *op)
{
	pick_place(m, op->kind == CR_MKDIR, op->path);
	op->mode = op->kind == CR_MKDIR ? 0755 : op->kind == CR_SYMLINK ? 0777 : 0644;
	if (op->kind == CR_SYMLINK)
		snprintf(op->to, sizeof(op->to), "nowhere/%u", m->ops);
	return true;
}

static char not_a_directory(struct cr_model *m)
{
	uint32_t k = cr_rnd(m, 8);

	return k ? k > 1 ? 'f' : 'l' : 'c';
}

static bool choose_name(struct cr_model *m, struct cr_op *op)
{
	switch (op->kind) {
	case CR_UNLINK:
		return pick_path(m, not_a_directory(m), op->path);
	case CR_RMDIR:
		return pick_path(m, 'd', op->path);
	case CR_EXCHANGE:
		return pick_path(m, not_a_directory(m), op->path) && pick_path(m, not_a_directory(m), op->to);
	case CR_LINK:
		pick_place(m, false, op->to);
		return pick_path(m, 'f', op->path);
	default:
		pick_place(m, false, op->to);
		return pick_path(m, not_a_directory(m), op->path);
	}
}

static bool choose_value(struct cr_model *m, struct cr_op *op)
{
	if (op->kind == CR_CHMOD || op->kind == CR_ACL_SET)
		op->mode = 0600 | cr_rnd(m, 0200);
	if (op->kind == CR_CHOWN)
		op->len = cr_rnd(m, CR_OWNERS);
	if (op->kind == CR_XATTR_SET)
		op->len = cr_rnd(m, 4) ? 1 + cr_rnd(m, 60) : 1 + cr_rnd(m, CR_XATTR_MAX);
	return true;
}

static bool choose_write(struct cr_model *m, struct cr_op *op, uint32_t size)
{
	op->off = op->kind == CR_APPEND ? size : cr_rnd(m, size + 5000);
	op->len = 1 + cr_rnd(m, cr_rnd(m, 3) ? 300 : 9000);
	if (op->kind == CR_DIRECT) {
		op->off &= ~4095U;
		op->len = 4096 * (1 + cr_rnd(m, 3));
	}
	if (op->kind == CR_MMAP) {
		if (size < 2)
			return false;
		op->off = cr_rnd(m, size - 1);
		op->len = op->len < size - op->off ? op->len : size - op->off;
	}
	return true;
}

static bool choose_shape(struct cr_model *m, struct cr_op *op, uint32_t size)
{
	if (op->kind == CR_TRUNCATE) {
		op->len = cr_rnd(m, 3) ? cr_rnd(m, size + 1) : cr_rnd(m, CR_MAX_SIZE);
		return true;
	}
	op->off = cr_rnd(m, size + 1);
	op->len = 1 + cr_rnd(m, 9000);
	if (op->kind == CR_COLLAPSE || op->kind == CR_INSERT) {
		op->off &= ~4095U;
		op->len = 4096;
	}
	return true;
}

static bool choose_change(struct cr_model *m, struct cr_op *op)
{
	struct cr_entry *e = pick(m, 'f');
	uint32_t size;

	if (!e)
		return false;
	cr_entry_path(m, e, m->ops, op->path);
	size = cr_size(&m->node[e->node]);
	if (op->kind <= CR_VEC_DEL)
		return choose_value(m, op);
	return op->kind <= CR_MMAP ? choose_write(m, op, size) : choose_shape(m, op, size);
}

/* By little, so that the disk stays nearly full; now and then into a new group. */
static bool choose_size(struct cr_model *m, struct cr_op *op)
{
	op->len = m->mib + (cr_rnd(m, 6) ? 1 : 80);
	return m->mib;
}

static bool choose_of_kind(struct cr_model *m, struct cr_op *op)
{
	if (op->kind <= CR_SYMLINK)
		return choose_new(m, op);
	if (op->kind <= CR_LINK)
		return choose_name(m, op);
	if (op->kind < CR_FSYNC)
		return choose_change(m, op);
	if (op->kind == CR_GROW)
		return choose_size(m, op);
	return op->kind == CR_SYNC || pick_path(m, op->kind == CR_FSYNC_DIR ? 'd' : 'f', op->path);
}

/* Some kinds more often than others. */
static enum cr_kind pick_kind(struct cr_model *m)
{
	static const uint8_t weight[CR_KINDS] = {
		[CR_CREATE] = 10, [CR_TMPFILE] = 2, [CR_MKDIR] = 2, [CR_SYMLINK] = 2, [CR_UNLINK] = 6, [CR_RMDIR] = 1,
		[CR_RENAME] = 6, [CR_EXCHANGE] = 2, [CR_WHITEOUT] = 1, [CR_LINK] = 3, [CR_CHMOD] = 2,
		[CR_CHOWN] = 3, [CR_ACL_SET] = 2, [CR_ACL_DEL] = 1, [CR_XATTR_SET] = 4, [CR_XATTR_DEL] = 1,
		[CR_VEC_SET] = 6, [CR_VEC_DEL] = 1, [CR_WRITE] = 10, [CR_DIRECT] = 5, [CR_APPEND] = 6,
		[CR_MMAP] = 3, [CR_TRUNCATE] = 4, [CR_ALLOCATE] = 2, [CR_PUNCH] = 2, [CR_ZERO] = 2,
		[CR_COLLAPSE] = 1, [CR_INSERT] = 1, [CR_FSYNC] = 4, [CR_FDATASYNC] = 2, [CR_FSYNC_DIR] = 1,
		[CR_SYNC] = 1, [CR_GROW] = 1,
	};
	uint32_t sum = 0, k;
	int i;

	for (i = 0; i < CR_KINDS; i++)
		sum += weight[i];
	k = cr_rnd(m, sum);
	for (i = 0; k >= weight[i]; i++)
		k -= weight[i];
	return (enum cr_kind)i;
}

bool cr_choose(struct cr_model *m, struct cr_op *op)
{
	struct cr_op none = *op;

	do {
		*op = none;
		op->kind = pick_kind(m);
	} while (!choose_of_kind(m, op));
	return true;
}
