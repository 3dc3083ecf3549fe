// SPDX-License-Identifier: GPL-2.0
/* See model.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/model.h"

#define ALIVE UINT32_MAX

const char *const cr_kind_name[CR_KINDS] = {
	"create", "mkdir", "symlink", "unlink", "rmdir", "rename", "link", "chmod",
	"setxattr", "removexattr", "set embedding", "delete embedding",
	"write", "direct write", "append", "mmap", "truncate", "fallocate", "punch", "zero",
	"collapse", "insert", "fsync", "fdatasync", "fsync directory", "sync",
};

static void *grow(void *p, uint32_t n, size_t size)
{
	/* Powers of two, so that it is not done each time. */
	if (n & (n - 1))
		return p;
	p = realloc(p, (n ? 2 * n : 1) * size);
	if (!p)
		abort();
	return p;
}

/* ---- numbers from the seed -------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint32_t rnd(struct cr_model *m, uint32_t n)
{
	m->rnd += 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(mix(m->rnd) >> 32) % n;
}

void cr_bytes(uint64_t seed, uint32_t off, uint32_t len, uint8_t *out)
{
	for (uint32_t i = 0; i < len; i++)
		out[i] = (uint8_t)(mix(seed * 0x10001 + (off + i) / 8) >> ((off + i) % 8 * 8)) | 1;	/* never 0 */
}

void cr_vector(uint32_t op, float *v)
{
	for (int i = 0; i < CR_DIM; i++)
		v[i] = (float)(mix(op * 100ULL + (unsigned int)i) % 200) - 99.5f;
}

/* ---- history ------------------------------------------------------------------ */

static void change(struct cr_changes *c, uint32_t op, uint32_t value)
{
	c->v = grow(c->v, c->n, sizeof(*c->v));
	c->v[c->n++] = (struct cr_change){ op, value };
}

uint32_t cr_value(const struct cr_changes *c, uint32_t op)
{
	uint32_t i = c->n;

	while (i && c->v[i - 1].op > op)
		i--;
	return i ? c->v[i - 1].value : 0;
}

static uint32_t new_node(struct cr_model *m, char type, uint32_t mode)
{
	struct cr_node *n;

	m->node = grow(m->node, m->nodes, sizeof(*m->node));
	n = &m->node[m->nodes];
	memset(n, 0, sizeof(*n));
	n->type = type;
	n->changed = m->ops;
	change(&n->mode, m->ops, mode);
	n->version = grow(NULL, 0, sizeof(*n->version));
	n->version[n->versions++] = (struct cr_version){ .op = m->ops };
	return m->nodes++;
}

static void new_entry(struct cr_model *m, uint32_t dir, const char *name, uint32_t node)
{
	struct cr_entry *e;

	m->entry = grow(m->entry, m->entries, sizeof(*m->entry));
	e = &m->entry[m->entries++];
	*e = (struct cr_entry){ .dir = dir, .node = node, .born = m->ops, .died = ALIVE };
	strcpy(e->name, name);
	m->node[dir].changed = m->node[node].changed = m->ops;
}

static void end_entry(struct cr_model *m, struct cr_entry *e)
{
	e->died = m->ops;
	m->node[e->dir].changed = m->node[e->node].changed = m->ops;
}

uint32_t cr_version_at(const struct cr_node *n, uint32_t op)
{
	uint32_t i = n->versions - 1;

	while (i && n->version[i].op > op)
		i--;
	return i;
}

/* A copy of the content, @size long, to be changed. */
static uint8_t *new_version(struct cr_model *m, struct cr_node *n, uint32_t size)
{
	struct cr_version old = n->version[n->versions - 1], *v;

	n->version = grow(n->version, n->versions, sizeof(*v));
	v = &n->version[n->versions++];
	*v = (struct cr_version){ .op = m->ops, .size = size, .data = calloc(1, size + 1) };
	if (!v->data)
		abort();
	if (old.data)
		memcpy(v->data, old.data, old.size < size ? old.size : size);
	return v->data;
}

static uint32_t size_of(const struct cr_node *n)
{
	return n->version[n->versions - 1].size;
}

/* ---- what there is now ----------------------------------------------------------- */

static bool is_alive(const struct cr_entry *e, uint32_t op)
{
	return e->born <= op && op < e->died;
}

static struct cr_entry *find_name(struct cr_model *m, uint32_t dir, const char *name)
{
	for (uint32_t i = 0; i < m->entries; i++)
		if (m->entry[i].died == ALIVE && m->entry[i].dir == dir && !strcmp(m->entry[i].name, name))
			return &m->entry[i];
	return NULL;
}

static bool is_empty(const struct cr_model *m, uint32_t dir)
{
	for (uint32_t i = 0; i < m->entries; i++)
		if (m->entry[i].died == ALIVE && m->entry[i].dir == dir)
			return false;
	return true;
}

static void dir_path(const struct cr_model *m, uint32_t dir, uint32_t op, char *path)
{
	*path = 0;
	for (uint32_t i = 0; dir && i < m->entries; i++) {
		const struct cr_entry *e = &m->entry[i];

		if (e->node != dir || !is_alive(e, op))
			continue;
		dir_path(m, e->dir, op, path);
		strcat(strcat(path, e->name), "/");
		return;
	}
}

static void entry_path(const struct cr_model *m, const struct cr_entry *e, uint32_t op, char *path)
{
	dir_path(m, e->dir, op, path);
	strcat(path, e->name);
}

static void new_path(const struct cr_model *m, uint32_t dir, const char *name, char *path)
{
	dir_path(m, dir, m->ops, path);
	strcat(path, name);
}

uint32_t cr_links(const struct cr_model *m, uint32_t node, uint32_t op)
{
	bool dir = m->node[node].type == 'd';
	uint32_t n = dir ? 2 : 0;

	for (uint32_t i = 0; i < m->entries; i++) {
		const struct cr_entry *e = &m->entry[i];

		if (is_alive(e, op) && (dir ? e->dir == node && m->node[e->node].type == 'd' : e->node == node))
			n++;
	}
	return n;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct cr_name *)a)->path, ((const struct cr_name *)b)->path);
}

uint32_t cr_names(const struct cr_model *m, uint32_t op, struct cr_name **names)
{
	uint32_t n = 0;

	*names = calloc(m->entries + 1, sizeof(**names));
	if (!*names)
		abort();
	for (uint32_t i = 0; i < m->entries; i++) {
		if (!is_alive(&m->entry[i], op))
			continue;
		(*names)[n].node = m->entry[i].node;
		entry_path(m, &m->entry[i], op, (*names)[n++].path);
	}
	qsort(*names, n, sizeof(**names), by_path);
	return n;
}

/* ---- choosing -------------------------------------------------------------------------- */

/* A living entry of a node of this type; 0: of any. NULL: there is none. */
static struct cr_entry *pick(struct cr_model *m, char type)
{
	uint32_t n = 0, k;

	for (uint32_t i = 0; i < m->entries; i++)
		n += m->entry[i].died == ALIVE && (!type || m->node[m->entry[i].node].type == type);
	if (!n)
		return NULL;
	k = rnd(m, n);
	for (uint32_t i = 0;; i++)
		if (m->entry[i].died == ALIVE && (!type || m->node[m->entry[i].node].type == type) && !k--)
			return &m->entry[i];
}

/* A directory at most two levels below the root: paths stay short. */
static uint32_t pick_dir(struct cr_model *m)
{
	struct cr_entry *e = rnd(m, 3) ? pick(m, 'd') : NULL;

	return e && (!e->dir || !rnd(m, 4)) ? e->node : 0;
}

/* A place for a name: *@dir and @name; what has it already is returned. */
static struct cr_entry *pick_place(struct cr_model *m, bool directory, uint32_t *dir, char *name)
{
	*dir = directory ? 0 : pick_dir(m);
	if (directory && rnd(m, 2)) {
		struct cr_entry *e = pick(m, 'd');

		*dir = e && !e->dir ? e->node : 0;
	}
	snprintf(name, 8, "%c%u", directory ? 'd' : 'f', rnd(m, directory ? 2 : CR_NAMES));
	return find_name(m, *dir, name);
}

/* ---- the operations: false if this one cannot be done now -------------------------------- */

static bool make(struct cr_model *m, struct cr_op *op)
{
	uint32_t dir, node;
	char name[8], type = op->kind == CR_MKDIR ? 'd' : op->kind == CR_SYMLINK ? 'l' : 'f';

	if (pick_place(m, type == 'd', &dir, name))
		return false;
	op->mode = type == 'd' ? 0755 : type == 'l' ? 0777 : 0644;
	new_path(m, dir, name, op->path);
	node = new_node(m, type, op->mode);
	if (type == 'l') {
		snprintf(op->to, sizeof(op->to), "nowhere/%u", m->ops);
		strcpy(m->node[node].target, op->to);
	}
	new_entry(m, dir, name, node);
	return true;
}

static bool take_away(struct cr_model *m, struct cr_op *op)
{
	struct cr_entry *e = pick(m, op->kind == CR_RMDIR ? 'd' : rnd(m, 6) ? 'f' : 'l');

	if (!e || (op->kind == CR_RMDIR && !is_empty(m, e->node)))
		return false;
	entry_path(m, e, m->ops, op->path);
	end_entry(m, e);
	return true;
}

/* Files and symlinks; what has the new name goes. */
static bool do_rename(struct cr_model *m, struct cr_op *op)
{
	struct cr_entry *e = pick(m, rnd(m, 5) ? 'f' : 'l'), *over;
	uint32_t dir, node;
	char name[8];

	if (!e)
		return false;
	over = pick_place(m, false, &dir, name);
	if (over && over->node == e->node)
		return false;
	entry_path(m, e, m->ops, op->path);
	new_path(m, dir, name, op->to);
	node = e->node;
	if (over)
		end_entry(m, over);
	end_entry(m, e);
	new_entry(m, dir, name, node);
	return true;
}

static bool do_link(struct cr_model *m, struct cr_op *op)
{
	struct cr_entry *e = pick(m, 'f');
	uint32_t dir, node;
	char name[8];

	if (!e || pick_place(m, false, &dir, name))
		return false;
	entry_path(m, e, m->ops, op->path);
	new_path(m, dir, name, op->to);
	node = e->node;
	new_entry(m, dir, name, node);
	return true;
}

static bool set_attribute(struct cr_model *m, struct cr_op *op, struct cr_node *n)
{
	switch (op->kind) {
	case CR_CHMOD:
		op->mode = 0600 | rnd(m, 0200);
		change(&n->mode, m->ops, op->mode);
		break;
	case CR_XATTR_SET:
		/* The length tells which one it is. */
		op->len = rnd(m, 4) ? 1 + rnd(m, 60) : 1 + rnd(m, CR_XATTR_MAX);
		if (op->len == cr_value(&n->xattr, m->ops))
			return false;
		change(&n->xattr, m->ops, op->len);
		break;
	case CR_XATTR_DEL:
		if (!cr_value(&n->xattr, m->ops))
			return false;
		change(&n->xattr, m->ops, 0);
		break;
	case CR_VEC_SET:
		change(&n->vec, m->ops, m->ops);
		break;
	default:
		if (!cr_value(&n->vec, m->ops))
			return false;
		change(&n->vec, m->ops, 0);
	}
	n->changed = m->ops;
	return true;
}

/* Overwrites and writes that make the file longer. */
static bool write_content(struct cr_model *m, struct cr_op *op, struct cr_node *n)
{
	uint32_t size = size_of(n), end;
	uint8_t *data;

	op->off = op->kind == CR_APPEND ? size : rnd(m, size + 5000);
	op->len = 1 + rnd(m, rnd(m, 3) ? 300 : 9000);
	if (op->kind == CR_DIRECT) {
		op->off &= ~4095U;
		op->len = 4096 * (1 + rnd(m, 3));
	}
	if (op->kind == CR_MMAP) {
		if (size < 2)
			return false;
		op->off = rnd(m, size - 1);
		op->len = op->len < size - op->off ? op->len : size - op->off;
	}
	end = op->off + op->len;
	if (end > CR_MAX_SIZE)
		return false;
	op->seed = m->ops;
	data = new_version(m, n, end > size ? end : size);
	cr_bytes(op->seed, op->off, op->len, data + op->off);
	return true;
}

static bool truncate_to(struct cr_model *m, struct cr_op *op, struct cr_node *n)
{
	op->len = rnd(m, 3) ? rnd(m, size_of(n) + 1) : rnd(m, CR_MAX_SIZE);
	if (op->len == size_of(n))
		return false;
	new_version(m, n, op->len);
	n->changed = m->ops;
	return true;
}

/* Zeros, or blocks taken out or put in. */
static bool reshape(struct cr_model *m, struct cr_op *op, struct cr_node *n)
{
	uint32_t size = size_of(n), end;
	uint8_t *data;

	op->off = rnd(m, size + 1);
	op->len = 1 + rnd(m, 9000);
	if (op->kind == CR_COLLAPSE || op->kind == CR_INSERT) {
		op->off &= ~4095U;
		op->len = 4096;
		if (op->off + (op->kind == CR_COLLAPSE ? op->len : 0) >= size || size + op->len > CR_MAX_SIZE)
			return false;
	}
	end = op->off + op->len;
	if (op->kind == CR_ALLOCATE ? end > CR_MAX_SIZE : op->off >= size)
		return false;
	if (op->kind == CR_ALLOCATE) {
		new_version(m, n, end > size ? end : size);
	} else if (op->kind == CR_COLLAPSE) {
		const uint8_t *old = n->version[n->versions - 1].data;

		data = new_version(m, n, size - op->len);
		memcpy(data + op->off, old + end, size - end);
	} else if (op->kind == CR_INSERT) {
		const uint8_t *old = n->version[n->versions - 1].data;

		data = new_version(m, n, size + op->len);
		memset(data + op->off, 0, op->len);
		memcpy(data + end, old + op->off, size - op->off);
	} else {
		data = new_version(m, n, size);
		memset(data + op->off, 0, (end < size ? end : size) - op->off);
	}
	n->changed = m->ops;
	return true;
}

static void made_durable(struct cr_model *m, const struct cr_op *op, uint32_t node)
{
	struct cr_node *n = &m->node[node];
	uint32_t upto = op->kind == CR_SYNC ? m->ops : op->kind == CR_FDATASYNC ? 0 : n->changed;

	if (upto > m->floor[m->ops])
		m->floor[m->ops] = upto;
	for (uint32_t i = 0; op->kind == CR_SYNC && i < m->nodes; i++)
		change(&m->node[i].synced, m->ops, m->ops);
	if (op->kind == CR_FSYNC || op->kind == CR_FDATASYNC)
		change(&n->synced, m->ops, m->ops);
}

static bool sync_one(struct cr_model *m, struct cr_op *op)
{
	struct cr_entry *e = pick(m, op->kind == CR_FSYNC_DIR ? 'd' : 'f');

	if (op->kind == CR_SYNC) {
		made_durable(m, op, 0);
		return true;
	}
	if (!e)
		return false;
	entry_path(m, e, m->ops, op->path);
	made_durable(m, op, e->node);
	return true;
}

static bool change_file(struct cr_model *m, struct cr_op *op)
{
	struct cr_entry *e = pick(m, 'f');
	bool done;

	if (!e)
		return false;
	entry_path(m, e, m->ops, op->path);
	if (op->kind <= CR_VEC_DEL)
		done = set_attribute(m, op, &m->node[e->node]);
	else if (op->kind <= CR_MMAP)
		done = write_content(m, op, &m->node[e->node]);
	else if (op->kind == CR_TRUNCATE)
		done = truncate_to(m, op, &m->node[e->node]);
	else
		done = reshape(m, op, &m->node[e->node]);
	/* What is written after a move can reach the disk before the move does, at the old place. */
	if (done && (op->kind == CR_COLLAPSE || op->kind == CR_INSERT))
		m->must_sync = e->node + 1;
	return done;
}

static bool try_kind(struct cr_model *m, struct cr_op *op)
{
	if (op->kind <= CR_SYMLINK)
		return make(m, op);
	if (op->kind <= CR_RMDIR)
		return take_away(m, op);
	if (op->kind == CR_RENAME)
		return do_rename(m, op);
	if (op->kind == CR_LINK)
		return do_link(m, op);
	return op->kind < CR_FSYNC ? change_file(m, op) : sync_one(m, op);
}

/* An fsync that a move of content has asked for; the file is still the last one that was picked. */
static bool owed_sync(struct cr_model *m, struct cr_op *op)
{
	uint32_t node = m->must_sync - 1;

	m->must_sync = 0;
	for (uint32_t i = 0; i < m->entries; i++) {
		if (m->entry[i].died != ALIVE || m->entry[i].node != node)
			continue;
		op->kind = CR_FSYNC;
		entry_path(m, &m->entry[i], m->ops, op->path);
		made_durable(m, op, node);
		return true;
	}
	return false;
}

/* Some kinds more often than others. */
static enum cr_kind pick_kind(struct cr_model *m)
{
	static const uint8_t weight[CR_KINDS] = {
		[CR_CREATE] = 10, [CR_MKDIR] = 2, [CR_SYMLINK] = 2, [CR_UNLINK] = 5, [CR_RMDIR] = 1,
		[CR_RENAME] = 6, [CR_LINK] = 3, [CR_CHMOD] = 2, [CR_XATTR_SET] = 4, [CR_XATTR_DEL] = 1,
		[CR_VEC_SET] = 6, [CR_VEC_DEL] = 1, [CR_WRITE] = 10, [CR_DIRECT] = 5, [CR_APPEND] = 6,
		[CR_MMAP] = 3, [CR_TRUNCATE] = 4, [CR_ALLOCATE] = 2, [CR_PUNCH] = 2, [CR_ZERO] = 2,
		[CR_COLLAPSE] = 1, [CR_INSERT] = 1, [CR_FSYNC] = 4, [CR_FDATASYNC] = 2, [CR_FSYNC_DIR] = 1,
		[CR_SYNC] = 1,
	};
	uint32_t sum = 0, k;
	int i;

	for (i = 0; i < CR_KINDS; i++)
		sum += weight[i];
	k = rnd(m, sum);
	for (i = 0; k >= weight[i]; i++)
		k -= weight[i];
	return (enum cr_kind)i;
}

void cr_model_step(struct cr_model *m, struct cr_op *op)
{
	bool done = false;

	m->floor = grow(m->floor, m->ops + 1, sizeof(*m->floor));
	m->ops++;
	m->floor[m->ops] = m->floor[m->ops - 1];
	memset(op, 0, sizeof(*op));
	op->index = m->ops;
	if (m->must_sync)
		done = owed_sync(m, op);
	while (!done) {
		*op = (struct cr_op){ .kind = pick_kind(m), .index = m->ops };
		done = try_kind(m, op);
	}
}

struct cr_model *cr_model_new(uint64_t seed)
{
	struct cr_model *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->rnd = mix(seed + 1);
	m->floor = grow(NULL, 0, sizeof(*m->floor));
	m->floor[0] = 0;
	new_node(m, 'd', 0755);
	return m;
}

void cr_model_free(struct cr_model *m)
{
	for (uint32_t i = 0; i < m->nodes; i++) {
		struct cr_node *n = &m->node[i];

		for (uint32_t v = 0; v < n->versions; v++)
			free(n->version[v].data);
		free(n->version);
		free(n->mode.v);
		free(n->xattr.v);
		free(n->vec.v);
		free(n->synced.v);
	}
	free(m->node);
	free(m->entry);
	free(m->floor);
	free(m);
}
