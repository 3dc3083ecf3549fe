// SPDX-License-Identifier: GPL-2.0
/* The models of a filesystem's collections: .vexctl/<collection>.<embedder> at its root. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

/* O_NOFOLLOW: a symbolic link in the root could point out of the filesystem. */
static int open_model_dir(int rootfd, bool make)
{
	int fd;

	if (make && mkdirat(rootfd, MODEL_DIR, 0777) && errno != EEXIST)
		return -errno;
	fd = openat(rootfd, MODEL_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void model_name(char name[128], const char *collection, const char *embedder)
{
	snprintf(name, 128, "%.63s.%.15s", collection, embedder);
}

bool model_exists(int rootfd, const char *collection)
{
	char name[128];
	int dir = open_model_dir(rootfd, false);
	bool there;

	if (dir < 0)
		return false;
	model_name(name, collection, vex_lexical_ops.name);
	there = !faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW);
	close(dir);
	return there;
}

int model_load(int rootfd, const char *collection, const char *embedder, struct vex_embedder **out)
{
	char name[128];
	int dir = open_model_dir(rootfd, false), ret;

	if (dir < 0)
		return dir;
	model_name(name, collection, embedder);
	ret = vex_model_load(dir, name, out);
	close(dir);
	if (!ret && strcmp((*out)->ops->name, embedder)) {
		vex_embedder_destroy(*out);
		ret = -EBADMSG;
	}
	return ret;
}

int model_save(int rootfd, const char *collection, struct vex_embedder *e)
{
	char name[128];
	int dir = open_model_dir(rootfd, true), ret;

	if (dir < 0)
		return dir;
	model_name(name, collection, e->ops->name);
	ret = vex_model_save(e, dir, name);
	if (!ret && fsync(dir))	/* the name as well as the contents */
		ret = -errno;
	close(dir);
	return ret;
}

void model_remove(int rootfd, const char *collection)
{
	char name[128];
	int dir = open_model_dir(rootfd, false);

	if (dir < 0)
		return;
	model_name(name, collection, vex_lexical_ops.name);
	unlinkat(dir, name, 0);
	close(dir);
}

int model_embed(struct vex_embedder *e, enum vex_text_kind kind, const char *text, size_t len,
		const struct vexfs_ioc_collection *c, void *out)
{
	struct vector v = { .v = malloc(e->dim * sizeof(float)), .n = e->dim };
	size_t where;
	int ret;

	if (!v.v)
		return -ENOMEM;
	ret = e->ops->embed(e, kind, text, len, v.v);
	if (!ret && c->elem == VEXFS_IOC_I8)
		vector_stretch_i8(&v);
	if (!ret)
		ret = vector_encode(&v, c->elem, out, &where);
	vector_free(&v);
	return ret;
}
