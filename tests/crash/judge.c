// SPDX-License-Identifier: GPL-2.0
/* See judge.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/crash/judge.h"
#include "tests/crash/tree.h"

struct judge {
	const struct cr_model	*m;
	struct cj_window	w;
	struct ct_tree		t;
	struct ct_file		file[CT_NAMES];		/* of t.name */
	u8			content[CT_NAMES][CR_MAX_SIZE];
	bool			near;			/* @why is of an operation whose names are right */
	char			*why;
	size_t			room;
};

static bool __attribute__((format(printf, 2, 3))) wrong(struct judge *j, const char *fmt, ...)
{
	va_list ap;

	if (j->near)
		return false;
	va_start(ap, fmt);
	vsnprintf(j->why, j->room, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- names and attributes, after operation @op --------------------------------- */

static bool same_type(char type, u32 mode)
{
	switch (type) {
	case 'd':
		return S_ISDIR(mode);
	case 'l':
		return S_ISLNK(mode);
	case 'c':
		return S_ISCHR(mode);
	default:
		return S_ISREG(mode);
	}
}

static bool same_number(struct judge *j, const char *path, u32 op, const char *what, u32 is, u32 should)
{
	return is == should || wrong(j, "after operation %u: %s: %s %u, not %u", op, path, what, is, should);
}

static bool same_inode(struct judge *j, const char *path, const struct ct_file *f, u32 node, u32 op)
{
	const struct cr_node *n = &j->m->node[node];
	u32 mode = cr_value(&n->mode, op);

	if (!same_type(n->type, f->mode))
		return wrong(j, "after operation %u: %s has type %o", op, path, f->mode & S_IFMT);
	if ((f->mode & 07777) != mode)
		return wrong(j, "after operation %u: %s has mode %o, not %o", op, path, f->mode & 07777, mode);
	if (strcmp(f->target, n->target))
		return wrong(j, "after operation %u: %s leads to '%s'", op, path, f->target);
	return same_number(j, path, op, "links", f->nlink, cr_links(j->m, node, op)) &&
	       same_number(j, path, op, "owner", f->uid, cr_value(&n->uid, op)) &&
	       same_number(j, path, op, "ACL of operation", f->acl, cr_value(&n->acl, op)) &&
	       same_number(j, path, op, "bytes of the attribute", f->xattr, cr_value(&n->xattr, op)) &&
	       same_number(j, path, op, "embedding of operation", f->vec, cr_value(&n->vec, op));
}

/* Names of one inode are names of one node, and the other way around. */
static bool same_links(struct judge *j, const struct cr_name *name, u32 i, u32 op)
{
	for (u32 k = 0; k < i; k++)
		if ((name[k].node == name[i].node) != (j->t.name[k].ino == j->t.name[i].ino))
			return wrong(j, "after operation %u: %s and %s: one file or two?", op, name[k].path,
				     name[i].path);
	return true;
}

static bool same_names(struct judge *j, const struct cr_name *name, u32 n, u32 op)
{
	for (u32 i = 0; i < n || i < j->t.names; i++) {
		int order = i == n ? 1 : i == j->t.names ? -1 : strcmp(name[i].path, j->t.name[i].path);

		if (order)
			return wrong(j, "after operation %u: %s %s", op, order < 0 ? name[i].path : j->t.name[i].path,
				     order < 0 ? "is missing" : "should not be there");
		if (!same_inode(j, name[i].path, &j->file[i], name[i].node, op) || !same_links(j, name, i, op))
			return false;
	}
	return true;
}

/* ---- content ------------------------------------------------------------------------ */

/* The byte of a version at @pos; beyond its end and in holes it is 0. */
static u8 byte_of(const struct cr_version *v, u32 pos)
{
	return pos < v->size ? v->data[pos] : 0;
}

static bool possible_byte(const struct cr_node *n, u32 first, u32 last, u32 pos, u8 byte)
{
	for (u32 v = first; v <= last; v++)
		if (byte_of(&n->version[v], pos) == byte)
			return true;
	return false;
}

/* From the version that was durable to the last that can have begun to be written. */
static bool possible_content(struct judge *j, const char *path, u32 i, const struct cr_node *n)
{
	u32 first = cr_version_at(n, cr_value(&n->synced, j->w.acked)), last = cr_version_at(n, j->w.begun);
	u32 least = UINT32_MAX, most = 0;
	const struct ct_file *f = &j->file[i];

	for (u32 v = first; v <= last; v++) {
		least = n->version[v].size < least ? n->version[v].size : least;
		most = n->version[v].size > most ? n->version[v].size : most;
	}
	if (f->size < least || f->size > most)
		return wrong(j, "%s has %llu bytes, not %u to %u", path, (unsigned long long)f->size, least, most);
	for (u32 pos = 0; pos < f->size; pos++)
		if (!possible_byte(n, first, last, pos, j->content[i][pos]))
			return wrong(j, "%s: byte %u is %02x, which was not written there since operation %u", path,
				     pos, j->content[i][pos], n->version[first].op);
	return true;
}

/* An embedding that looks current was set on this content. */
static bool true_embedding(struct judge *j, const char *path, u32 i, const struct cr_node *n)
{
	const struct ct_file *f = &j->file[i];
	const struct cr_version *v;

	if (!f->vec || f->stale)
		return true;
	v = &n->version[cr_version_at(n, f->vec)];
	if (f->size != v->size || (v->size && memcmp(j->content[i], v->data, v->size)))
		return wrong(j, "%s: its embedding, of operation %u, looks current, and the content is another", path,
			     f->vec);
	return true;
}

static bool right_content(struct judge *j, const struct cr_name *name, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const struct cr_node *node = &j->m->node[name[i].node];

		if (node->type != 'f')
			continue;
		if (!possible_content(j, name[i].path, i, node) || !true_embedding(j, name[i].path, i, node))
			return false;
	}
	return true;
}

/* ---- all ------------------------------------------------------------------------------ */

static bool fits(struct judge *j, u32 op)
{
	struct cr_name *name;
	u32 n = cr_names(j->m, op, &name);
	bool names = same_names(j, name, n, op), ok = names && right_content(j, name, n);

	j->near = j->near || names;
	free(name);
	return ok;
}

static bool read_tree(struct judge *j, const char *path)
{
	if (ct_open(&j->t, path))
		return wrong(j, "%s", j->t.why);
	for (u32 i = 0; i < j->t.names; i++) {
		u64 ino = j->t.name[i].ino;

		if (ct_file(&j->t, ino, &j->file[i]) ||
		    (S_ISREG(j->file[i].mode) && ct_content(&j->t, ino, &j->file[i], j->content[i])))
			return wrong(j, "%s: %s", j->t.name[i].path, j->t.why);
	}
	return true;
}

int cj_judge(const struct cr_model *m, const char *path, struct cj_window w, char *why, size_t room)
{
	struct judge *j = calloc(1, sizeof(*j));
	bool ok = false;

	if (!j)
		abort();
	j->m = m;
	j->w = w;
	j->why = why;
	j->room = room;
	if (read_tree(j, path)) {
		for (u32 op = m->floor[w.acked]; !ok && op <= w.begun; op++)
			ok = fits(j, op);
		ct_close(&j->t);
	}
	if (ok)
		*why = 0;	/* of earlier operations */
	free(j);
	return !ok;
}
