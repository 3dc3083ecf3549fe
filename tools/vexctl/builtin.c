// SPDX-License-Identifier: GPL-2.0
/* The embedders that are part of vexctl: which one a collection is of, and the model that `static` has trained. */
#include <errno.h>
#include <string.h>

#include "tools/vexctl/index.h"
#include "tools/vexctl/remote.h"

/* "static 1", not "static-retrieval-mrl-en-v1". */
static bool is_static(const char *identity)
{
	size_t len = strlen(vex_static_ops.name);

	return !strncmp(identity, vex_static_ops.name, len) && (identity[len] == ' ' || !identity[len]);
}

bool builtin_named(const char *identity)
{
	return is_static(identity) || !strncmp(identity, vex_lexical_ops.name, strlen(vex_lexical_ops.name));
}

const char *builtin_of(const struct vexfs_ioc_collection *c)
{
	return is_static(c->embedder.name) ? vex_static_ops.name : vex_lexical_ops.name;
}

bool builtin_is(const char *embedder, const struct vex_embedder_ops *ops)
{
	return embedder && !strcmp(embedder, ops->name);
}

bool builtin_made(const struct vexfs_ioc_collection *c)
{
	return !c->embedder.name[0] || builtin_named(c->embedder.name);
}

static bool is_zero(const unsigned char *p, size_t n)
{
	while (n && !*p++)
		n--;
	return !n;
}

int builtin_load(int rootfd, const struct vexfs_ioc_collection *c, struct vex_embedder **e)
{
	const unsigned char *print = c->embedder.fingerprint;
	int ret = model_load(rootfd, c->name, builtin_of(c), e);

	if (ret || is_zero(print, sizeof(c->embedder.fingerprint)) || is_zero((*e)->fingerprint, sizeof((*e)->fingerprint)) ||
	    !memcmp(print, (*e)->fingerprint, sizeof((*e)->fingerprint)))
		return ret;
	vex_embedder_destroy(*e);
	*e = NULL;
	return -EMEDIUMTYPE;
}

int builtin_claim(int fd, struct vexfs_ioc_collection *c, const struct vex_embedder *e)
{
	struct vexfs_ioc_collection change = { .flags = VEXFS_COLL_EMBEDDER };
	int ret;

	if (is_zero(e->fingerprint, sizeof(e->fingerprint)))
		return 0;
	memcpy(change.name, c->name, sizeof(change.name));
	memcpy(change.embedder.name, e->identity, strlen(e->identity));
	memcpy(change.embedder.fingerprint, e->fingerprint, sizeof(change.embedder.fingerprint));
	ret = vexfs_collection_change(fd, &change);
	if (!ret)
		c->embedder = change.embedder;
	return ret;
}

int builtin_fail(const char *collection, const struct vexfs_ioc_collection *c, const char *root, int err)
{
	const char *what = builtin_of(c), *wrong = err == -ENOENT ? "is gone" : err == -EMEDIUMTYPE ?
		"is not the one that made its vectors" : err == -EPROTO ? "is of another version" : "is damaged";

	if (err != -ENOENT && err != -EMEDIUMTYPE && err != -EPROTO && err != -EBADMSG && err != -EFBIG)
		say_error("cannot read the model of collection '%s' in %s/%s: %s", collection, root, MODEL_DIR,
			  strerror(-err));
	else
		say_error("the %s model of collection '%s' in %s/%s %s: run 'vexctl collection drop %s %s', then "
			  "'vexctl index --embedder %s --collection %s %s'", what, collection, root, MODEL_DIR, wrong,
			  root, collection, what, collection, root);
	return EXIT_FAILED;
}
