// SPDX-License-Identifier: GPL-2.0
/*
 * Labels of security modules: a new inode gets them in the transaction that makes it, so that no
 * crash leaves a file without one.
 */
#include "kmod/vexfs.h"
#include "kmod/xattr.h"
#include <linux/security.h>
#include <linux/xattr.h>

/* What a module's callback is told. */
struct vexfs_label_ctx {
	handle_t		*handle;
	struct vexfs_xattr_plan	*plan;
};

/*
 * Called by the module, in the handle. -EAGAIN: the filesystem has no attributes yet, and the
 * feature's bit cannot be set in here.
 */
static int vexfs_label_store(struct inode *inode, const struct xattr *x, void *info)
{
	struct vexfs_label_ctx *ctx = info;
	int err = 0;

	if (!(READ_ONCE(VEXFS_SB(inode->i_sb)->geo.feature[VEXFS_INCOMPAT]) & VEXFS_FEATURE_INCOMPAT_XATTR))
		return -EAGAIN;
	for (; x->name && !err; x++) {
		struct vexfs_xattr_ent e = {
			.kind = VEXFS_XATTR_SECURITY, .name = x->name, .name_len = strlen(x->name),
			.value = x->value, .value_len = x->value_len,
		};

		if (e.value_len > VEXFS_LABEL_MAX)
			return -E2BIG;
		err = vexfs_xattr_init(ctx->handle, inode, &e, ctx->plan);
	}
	return err;
}

#ifdef VEXFS_DEBUG
/* Set through debugfs: every new inode gets labels, as from a module. A test's kernel has none. */
bool vexfs_label_pretend;

static int vexfs_label_pretended(struct inode *inode, struct vexfs_label_ctx *ctx)
{
	static char text[VEXFS_LABEL_TEST_BYTES];
	const struct xattr labels[] = {
		{ .name = "pretended", .value = "a label", .value_len = 7 },
		{ .name = "pretended.large", .value = text, .value_len = sizeof(text) },
		{ }
	};

	return READ_ONCE(vexfs_label_pretend) ? vexfs_label_store(inode, labels, ctx) : 0;
}
#else
static int vexfs_label_pretended(struct inode *inode, struct vexfs_label_ctx *ctx)
{
	return 0;
}
#endif

/**
 * vexfs_label_init - label a new inode
 * @handle: with VEXFS_LABEL_CREDITS()
 * @inode:  not visible yet
 * @dir:    its directory
 * @name:   NULL: it has none
 * @plan:   zeroed; vexfs_xattr_done() when the handle has stopped
 *
 * Return: 0, or an error: the inode is to be abandoned. -EAGAIN: the feature's bit must be set first.
 */
int vexfs_label_init(handle_t *handle, struct inode *inode, struct inode *dir, const struct qstr *name,
		     struct vexfs_xattr_plan *plan)
{
	struct vexfs_label_ctx ctx = { handle, plan };
	int err = security_inode_init_security(inode, dir, name, vexfs_label_store, &ctx);

	if (err && err != -EOPNOTSUPP)
		return err;
	return vexfs_label_pretended(inode, &ctx);
}
