// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs --populate: extended attributes and ACLs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "core/feature.h"
#include "tools/mkfs/mkfs.h"
#include "tools/mkfs/populate.h"

#define EMBEDDINGS	"user.vec."

/* Kind and rest of a name; 0: not one that can be stored. */
static u8 kind_of(const char *name, const char **rest)
{
	u8 kind;

	if (!strncmp(name, EMBEDDINGS, strlen(EMBEDDINGS)))
		return 0;
	for (kind = 1; kind < VEXFS_XATTR_KINDS; kind++) {
		const char *prefix = vexfs_xattr_prefix(kind);
		bool whole = kind == VEXFS_XATTR_ACL || kind == VEXFS_XATTR_DEFAULT_ACL;

		if (strncmp(name, prefix, strlen(prefix)))
			continue;
		*rest = name + strlen(prefix);
		if (whole == !**rest)
			return kind;
	}
	return 0;
}

static void leave_out(struct populate *p, const char *name)
{
	if (!p->left_out++)
		mkfs_complain("%s: attribute %s is left out: VexFS does not store this kind", p->path,
			      name);
}

/* The first attribute of a filesystem needs the feature's bit. */
static void need_feature(struct vexfs_image *img)
{
	img->sb.s_feature_incompat |= cpu_to_le32(VEXFS_FEATURE_INCOMPAT_XATTR);
	img->geo.feature[VEXFS_INCOMPAT] |= VEXFS_FEATURE_INCOMPAT_XATTR;
}

static int store(struct populate *p, struct vexfs_inode *di, const struct vexfs_xattr_ent *e,
		 const char *name)
{
	const char *why = NULL;
	int err;

	if (e->kind == VEXFS_XATTR_ACL || e->kind == VEXFS_XATTR_DEFAULT_ACL)
		why = vexfs_acl_verify(e->value, e->value_len);
	if (why)
		return populate_failed(p, -EINVAL, "%s: %s", name, why);
	need_feature(&p->img);
	err = vexfs_image_add_xattr(&p->img, di, e);
	return err == -E2BIG ? populate_failed(p, err, "has more attributes than an inode has room for (%s)",
					       name) : err;
}

static int copy_one(struct populate *p, const char *file, const char *name, struct vexfs_inode *di)
{
	struct vexfs_xattr_ent e = { .value = p->value };
	ssize_t n;

	e.kind = kind_of(name, &e.name);
	if (!e.kind) {
		leave_out(p, name);
		return 0;
	}
	e.name_len = strlen(e.name);
	n = lgetxattr(file, name, p->value, VEXFS_XATTR_VALUE_MAX);
	if (n < 0)
		return populate_failed(p, -errno, "attribute %s cannot be read: %s", name,
				       strerror(errno));
	e.value_len = n;
	return store(p, di, &e, name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in @list, sorted: filesystems list them in orders of their own. Free it. */
static char **split(char *list, size_t len, size_t *count)
{
	char **name, *at;
	size_t n = 0;

	for (at = list; at < list + len; at += strlen(at) + 1)
		n++;
	name = calloc(n + 1, sizeof(*name));
	*count = n;
	for (n = 0, at = list; name && n < *count; at += strlen(at) + 1)
		name[n++] = at;
	if (name)
		qsort(name, n, sizeof(*name), by_name);
	return name;
}

int populate_xattrs(struct populate *p, const char *file, struct vexfs_inode *di)
{
	ssize_t len = llistxattr(file, p->names, VEXFS_XATTR_VALUE_MAX);
	size_t n, i;
	char **name;
	int err = 0;

	if (len < 0 && errno == ENOTSUP)
		return 0;
	if (len < 0)
		return populate_failed(p, -errno, "attributes cannot be listed: %s", strerror(errno));
	if (!len)
		return 0;
	name = split(p->names, len, &n);
	if (!name)
		return -ENOMEM;
	for (i = 0; i < n && !err; i++)
		err = copy_one(p, file, name[i], di);
	free(name);
	return err;
}
