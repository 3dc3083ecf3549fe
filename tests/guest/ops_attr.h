/* SPDX-License-Identifier: GPL-2.0 */
/* Operations on attributes and ACLs: part of ops.h, which includes this. */
#ifndef VEXFS_GUEST_OPS_ATTR_H
#define VEXFS_GUEST_OPS_ATTR_H

#define OPS_ATTR	20000	/* has an inode of its own */

static int op_attr_set(const char *name, char fill, size_t n, int flags)
{
	static char buf[OPS_ATTR];

	memset(buf, fill, n);
	return op_result(setxattr(op_at(name), "user.op", buf, n, flags));
}

static bool op_attr_holds(const char *name, char fill, ssize_t n)
{
	static char buf[OPS_ATTR + 1];

	return getxattr(op_at(name), "user.op", buf, sizeof(buf)) == n && op_all(buf, 0, n, fill);
}

static bool op_attr_none(const char *name)
{
	return getxattr(op_at(name), "user.op", NULL, 0) < 0 && errno == ENODATA;
}

/* In the inode, in its block, with an inode of its own: in turns. */
static size_t op_attr_size(unsigned int n)
{
	static const size_t sizes[] = { OPS_ATTR, 40, 2000 };

	return sizes[n % 3];
}

static void op_attr_prepare(void) { op_make("attr", 'o', 100); }
static int op_attr(void) { return op_attr_set("attr", 'n', op_attr_size(ops_round), XATTR_CREATE); }
static enum ops_seen op_attr_look(void)
{
	if (op_attr_holds("attr", 'n', op_attr_size(ops_round)))
		return OPS_NEW;
	return op_attr_none("attr") ? OPS_OLD : OPS_BROKEN;
}

static void op_reattr_prepare(void)
{
	op_make("reattr", 'o', 100);
	op_must(op_attr_set("reattr", 'o', op_attr_size(ops_round / 3), 0) == 0, "set an attribute");
}
static int op_reattr(void)
{
	return op_attr_set("reattr", 'n', op_attr_size(ops_round), XATTR_REPLACE);
}
static enum ops_seen op_reattr_look(void)
{
	if (op_attr_holds("reattr", 'n', op_attr_size(ops_round)))
		return OPS_NEW;
	return op_attr_holds("reattr", 'o', op_attr_size(ops_round / 3)) ? OPS_OLD : OPS_BROKEN;
}

static void op_rmattr_prepare(void)
{
	op_make("rmattr", 'o', 100);
	op_must(op_attr_set("rmattr", 'o', op_attr_size(ops_round), 0) == 0, "set an attribute");
}
static int op_rmattr(void) { return op_result(removexattr(op_at("rmattr"), "user.op")); }
static enum ops_seen op_rmattr_look(void)
{
	if (op_attr_none("rmattr"))
		return OPS_NEW;
	return op_attr_holds("rmattr", 'o', op_attr_size(ops_round)) ? OPS_OLD : OPS_BROKEN;
}

/* An ACL of a user and a mask; mode 0640 has the same for owner and others. */
static const struct {
	uint32_t version;
	struct { uint16_t tag, perm; uint32_t id; } e[5];
} op_acl_value = { 2, { { 1, 6, ~0U }, { 2, 6, 1000 }, { 4, 4, ~0U }, { 16, 6, ~0U }, { 32, 0, ~0U } } };

static bool op_has_acl(const char *path, const char *name)
{
	char buf[sizeof(op_acl_value) + 8];

	return getxattr(path, name, buf, sizeof(buf)) == sizeof(op_acl_value) &&
	       !memcmp(buf, &op_acl_value, sizeof(op_acl_value));
}

static void op_acl_prepare(void)
{
	op_make("acl", 'o', 100);
	op_must(chmod(op_at("acl"), 0640) == 0, "chmod");
}
static int op_acl(void)
{
	return op_result(setxattr(op_at("acl"), "system.posix_acl_access", &op_acl_value,
				  sizeof(op_acl_value), 0));
}
static enum ops_seen op_acl_look(void)
{
	bool has = op_has_acl(op_at("acl"), "system.posix_acl_access");
	struct stat st;

	if (stat(op_at("acl"), &st) || (st.st_mode & 0777) != (has ? 0660 : 0640))
		return OPS_BROKEN;
	return has ? OPS_NEW : OPS_OLD;
}

/* The mode and the mask change together. */
static void op_chmod_prepare(void)
{
	op_make("chmod", 'o', 100);
	op_must(setxattr(op_at("chmod"), "system.posix_acl_access", &op_acl_value, sizeof(op_acl_value),
			 0) == 0, "set an ACL");
}
static int op_chmod(void) { return op_result(chmod(op_at("chmod"), 0600)); }
static enum ops_seen op_chmod_look(void)
{
	bool old = op_has_acl(op_at("chmod"), "system.posix_acl_access");
	struct stat st;

	if (stat(op_at("chmod"), &st) || (st.st_mode & 0777) != (old ? 0660 : 0600))
		return OPS_BROKEN;
	return old ? OPS_OLD : OPS_NEW;
}

static const char *op_heir(void)
{
	static char p[600];

	snprintf(p, sizeof(p), "%s/heir", op_at("inherit"));
	return p;
}
static void op_inherit_prepare(void)
{
	op_must(mkdir(op_at("inherit"), 0755) == 0 &&
		setxattr(op_at("inherit"), "system.posix_acl_default", &op_acl_value, sizeof(op_acl_value),
			 0) == 0, "a default ACL");
}
static int op_inherit(void) { return op_result(mkdir(op_heir(), 0777)); }
static enum ops_seen op_inherit_look(void)
{
	struct stat st;

	if (stat(op_heir(), &st))
		return errno == ENOENT ? OPS_OLD : OPS_BROKEN;
	return op_has_acl(op_heir(), "system.posix_acl_default") &&
	       op_has_acl(op_heir(), "system.posix_acl_access") ? OPS_NEW : OPS_BROKEN;
}

#endif /* VEXFS_GUEST_OPS_ATTR_H */
