// SPDX-License-Identifier: GPL-2.0
/* See model.h. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/model.h"

#define ALIVE UINT32_MAX

const char *const cr_kind_name[CR_KINDS] = {
	"create", "tmpfile", "mkdir", "symlink", "unlink", "rmdir", "rename", "exchange", "whiteout", "link",
	"chmod", "chown", "setfacl", "remove ACL", "setxattr", "removexattr", "set embedding", "delete embedding",
	"write", "direct write", "append", "mmap", "truncate", "fallocate", "punch", "zero",
	"collapse", "insert", "fsync", "fdatasync", "fsync directory", "sync", "grow",
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

/* ---- what the operations write ------------------------------------------------ */

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

uint32_t cr_rnd(struct cr_model *m, uint32_t n)
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

uint32_t cr_size(const struct cr_node *n)
{
	return n->version[n->versions - 1].size;
}

/* ---- what there is now ----------------------------------------------------------- */

static bool is_alive(const struct cr_entry *e, uint32_t op)
{
	return e->born <= op && op < e->died;
}

struct cr_entry *cr_find_name(struct cr_model *m, uint32_t dir, const char *name)
{
	for (uint32_t i = 0; i < m->entries; i++)
		if (m->entry[i].died == ALIVE && m->entry[i].dir == dir && !strcmp(m->entry[i].name, name))
			return &m->entry[i];
	return NULL;
}

bool cr_is_empty(const struct cr_model *m, uint32_t dir)
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

void cr_entry_path(const struct cr_model *m, const struct cr_entry *e, uint32_t op, char *path)
{
	dir_path(m, e->dir, op, path);
	strcat(path, e->name);
}

void cr_new_path(const struct cr_model *m, uint32_t dir, const char *name, char *path)
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
		cr_entry_path(m, &m->entry[i], op, (*names)[n++].path);
	}
	qsort(*names, n, sizeof(**names), by_path);
	return n;
}

/* ---- the operations: false if this one cannot be done now --------------------------------- */

/* Where a path leads: its directory and last name. NULL: the directory does not exist. */
static const char *find_dir(struct cr_model *m, const char *path, uint32_t *dir)
{
	const char *slash;
	char name[8] = "";

	for (*dir = 0; (slash = strchr(path, '/')); path = slash + 1) {
		struct cr_entry *e;

		if (slash - path >= (ptrdiff_t)sizeof(name))
			return NULL;
		memcpy(name, path, (size_t)(slash - path));
		name[slash - path] = 0;
		e = cr_find_name(m, *dir, name);
		if (!e || m->node[e->node].type != 'd')
			return NULL;
		*dir = e->node;
	}
	return path;
}

static struct cr_entry *find_path(struct cr_model *m, const char *path)
{
	uint32_t dir;
	const char *name = find_dir(m, path, &dir);

	return name ? cr_find_name(m, dir, name) : NULL;
}

static bool make(struct cr_model *m, const struct cr_op *op)
{
	char type = op->kind == CR_MKDIR ? 'd' : op->kind == CR_SYMLINK ? 'l' : 'f';
	uint32_t dir, node;
	const char *name = find_dir(m, op->path, &dir);

	if (!name || cr_find_name(m, dir, name))
		return false;
	node = new_node(m, type, op->mode);
	if (type == 'l')
		strcpy(m->node[node].target, op->to);
	new_entry(m, dir, name, node);
	return true;
}

static bool take_away(struct cr_model *m, const struct cr_op *op)
{
	struct cr_entry *e = find_path(m, op->path);
	bool dir = op->kind == CR_RMDIR;

	if (!e || dir != (m->node[e->node].type == 'd') || (dir && !cr_is_empty(m, e->node)))
		return false;
	end_entry(m, e);
	return true;
}

static bool is_below(const struct cr_model *m, uint32_t dir, uint32_t above)
{
	uint32_t i;

	while (dir && dir != above) {
		for (i = 0; m->entry[i].died != ALIVE || m->entry[i].node != dir; i++)
			;
		dir = m->entry[i].dir;
	}
	return dir == above;
}

/* What rename(2) allows; @over: what has the new name, or NULL. */
static bool may_replace(const struct cr_model *m, const struct cr_entry *e, const struct cr_entry *over, uint32_t dir)
{
	bool is_dir = m->node[e->node].type == 'd';

	if (is_dir && is_below(m, dir, e->node))
		return false;
	if (!over)
		return true;
	return over->node != e->node && is_dir == (m->node[over->node].type == 'd') &&
	       (!is_dir || cr_is_empty(m, over->node));
}

static bool do_rename(struct cr_model *m, const struct cr_op *op)
{
	struct cr_entry *e = find_path(m, op->path), *over;
	uint32_t dir, node, from;
	const char *name = find_dir(m, op->to, &dir);
	char old[8];

	over = e && name ? cr_find_name(m, dir, name) : NULL;
	if (!e || !name || !may_replace(m, e, over, dir))
		return false;
	node = e->node;
	from = e->dir;
	strcpy(old, e->name);
	if (over)
		end_entry(m, over);
	end_entry(m, e);
	new_entry(m, dir, name, node);	/* @e and @over may have moved */
	if (op->kind == CR_WHITEOUT)
		new_entry(m, from, old, new_node(m, 'c', 0));
	return true;
}

/* Two names that are there, of any kind. */
static bool do_exchange(struct cr_model *m, const struct cr_op *op)
{
	struct cr_entry *a = find_path(m, op->path), *b = find_path(m, op->to), old_a, old_b;

	if (!a || !b || a->node == b->node)
		return false;
	old_a = *a;
	old_b = *b;
	if ((m->node[a->node].type == 'd' && is_below(m, b->dir, a->node)) ||
	    (m->node[b->node].type == 'd' && is_below(m, a->dir, b->node)))
		return false;
	end_entry(m, a);
	end_entry(m, b);
	new_entry(m, old_a.dir, old_a.name, old_b.node);
	new_entry(m, old_b.dir, old_b.name, old_a.node);
	return true;
}

static bool do_link(struct cr_model *m, const struct cr_op *op)
{
	struct cr_entry *e = find_path(m, op->path);
	uint32_t dir;
	const char *name = find_dir(m, op->to, &dir);

	if (!e || m->node[e->node].type != 'f' || !name || cr_find_name(m, dir, name))
		return false;
	new_entry(m, dir, name, e->node);
	return true;
}

/* The attribute or embedding of this kind, or NULL. */
static struct cr_changes *value_of(struct cr_node *n, enum cr_kind kind)
{
	switch (kind) {
	case CR_CHMOD:
		return &n->mode;
	case CR_CHOWN:
		return &n->uid;
	case CR_ACL_SET:
	case CR_ACL_DEL:
		return &n->acl;
	case CR_XATTR_SET:
	case CR_XATTR_DEL:
		return &n->xattr;
	default:
		return &n->vec;
	}
}

static bool set_attribute(struct cr_model *m, const struct cr_op *op, struct cr_node *n)
{
	struct cr_changes *c = value_of(n, op->kind);
	uint32_t old = cr_value(c, m->ops), value = 0;

	if (op->kind == CR_CHMOD || op->kind == CR_ACL_SET)
		value = op->mode;
	if (op->kind == CR_CHOWN || op->kind == CR_XATTR_SET)
		value = op->len;	/* the length tells which one it is */
	if (op->kind == CR_VEC_SET || op->kind == CR_ACL_SET)
		value = m->ops;
	if (value == old && op->kind != CR_CHMOD)
		return false;
	change(c, m->ops, value);
	if (op->kind == CR_ACL_SET)
		change(&n->mode, m->ops, op->mode);
	n->changed = m->ops;
	return true;
}

/* Overwrites and writes that make the file longer. */
static bool write_content(struct cr_model *m, const struct cr_op *op, struct cr_node *n)
{
	uint32_t size = cr_size(n), end = op->off + op->len;
	uint8_t *data;

	if (!op->len || end > CR_MAX_SIZE || (op->kind == CR_MMAP && end > size) ||
	    (op->kind == CR_APPEND && op->off != size))
		return false;
	data = new_version(m, n, end > size ? end : size);
	cr_bytes(op->seed, op->off, op->len, data + op->off);
	return true;
}

static bool truncate_to(struct cr_model *m, const struct cr_op *op, struct cr_node *n)
{
	if (op->len == cr_size(n) || op->len > CR_MAX_SIZE)
		return false;
	new_version(m, n, op->len);
	n->changed = m->ops;
	return true;
}

static bool may_reshape(const struct cr_op *op, uint32_t size)
{
	uint32_t end = op->off + op->len;

	switch (op->kind) {
	case CR_ALLOCATE:
		return op->len && end <= CR_MAX_SIZE;
	case CR_COLLAPSE:
		return end < size;
	case CR_INSERT:
		return op->off < size && size + op->len <= CR_MAX_SIZE;
	default:
		return op->len && op->off < size;
	}
}

/* Zeros, or blocks taken out or put in. */
static bool reshape(struct cr_model *m, const struct cr_op *op, struct cr_node *n)
{
	const uint8_t *old = n->version[n->versions - 1].data;
	uint32_t size = cr_size(n), end = op->off + op->len;
	uint8_t *data;

	if (!may_reshape(op, size))
		return false;
	if (op->kind == CR_ALLOCATE) {
		new_version(m, n, end > size ? end : size);
	} else if (op->kind == CR_COLLAPSE) {
		data = new_version(m, n, size - op->len);
		memcpy(data + op->off, old + end, size - end);
	} else if (op->kind == CR_INSERT) {
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

static bool change_file(struct cr_model *m, const struct cr_op *op)
{
	struct cr_entry *e = find_path(m, op->path);
	bool done;

	if (!e || m->node[e->node].type != 'f')
		return false;
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

static bool sync_one(struct cr_model *m, const struct cr_op *op)
{
	struct cr_entry *e = op->kind == CR_SYNC ? NULL : find_path(m, op->path);

	if (op->kind != CR_SYNC &&
	    (!e || m->node[e->node].type != (op->kind == CR_FSYNC_DIR ? 'd' : 'f')))
		return false;
	made_durable(m, op, e ? e->node : 0);
	return true;
}

/* Nothing shows of it in the tree. */
static bool do_grow(struct cr_model *m, const struct cr_op *op)
{
	if (!m->mib || op->len <= m->mib || op->len > CR_LARGE)
		return false;
	m->mib = op->len;
	return true;
}

bool cr_model_apply(struct cr_model *m, const struct cr_op *op)
{
	if (op->kind <= CR_SYMLINK)
		return make(m, op);
	if (op->kind <= CR_RMDIR)
		return take_away(m, op);
	if (op->kind == CR_RENAME || op->kind == CR_WHITEOUT)
		return do_rename(m, op);
	if (op->kind == CR_EXCHANGE)
		return do_exchange(m, op);
	if (op->kind == CR_LINK)
		return do_link(m, op);
	if (op->kind == CR_GROW)
		return do_grow(m, op);
	return op->kind < CR_FSYNC ? change_file(m, op) : sync_one(m, op);
}

/* An fsync that a move of content has asked for: of the file's first name. */
static bool owed_sync(struct cr_model *m, struct cr_op *op)
{
	uint32_t node = m->must_sync - 1;

	m->must_sync = 0;
	for (uint32_t i = 0; i < m->entries; i++) {
		if (m->entry[i].died != ALIVE || m->entry[i].node != node)
			continue;
		op->kind = CR_FSYNC;
		cr_entry_path(m, &m->entry[i], m->ops, op->path);
		return cr_model_apply(m, op);
	}
	return false;
}

bool cr_model_step(struct cr_model *m, struct cr_op *op)
{
	m->floor = grow(m->floor, m->ops + 1, sizeof(*m->floor));
	m->ops++;
	m->floor[m->ops] = m->floor[m->ops - 1];
	*op = (struct cr_op){ .index = m->ops };
	if (m->must_sync && owed_sync(m, op))
		return true;
	do {
		*op = (struct cr_op){ .index = m->ops, .seed = m->ops };
		if (m->script.length ? !cr_script_next(m, op) : !cr_choose(m, op)) {
			m->ops--;
			return false;
		}
	} while (!cr_model_apply(m, op));
	return true;
}

struct cr_model *cr_model_new(uint64_t seed)
{
	struct cr_model *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->rnd = mix(seed + 1);
	m->mib = seed % 4 ? 0 : CR_SMALL;
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
		free(n->uid.v);
		free(n->acl.v);
		free(n->synced.v);
	}
	free(m->node);
	free(m->entry);
	free(m->floor);
	free(m);
}
