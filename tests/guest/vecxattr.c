// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120 slice
 *
 * Embeddings through user.vec.* extended attributes: values, names, flags,
 * listing, and what is refused. What one interface sets the other sees.
 */
#include <sys/xattr.h>

#include "tests/guest/vecguest.h"

#define DIM 32

static float v[DIM], w[DIM];
static char val[DIM * 4 + 64];

static int set(int fd, const char *name, const void *p, size_t n, int flags)
{
	return fsetxattr(fd, name, p, n, flags) ? errno : 0;
}

static int get(int fd, const char *name, size_t room)
{
	ssize_t n = fgetxattr(fd, name, val, room);

	return n < 0 ? -errno : (int)n;
}

static void test_values(int fd)
{
	struct vexfs_embedding e = { .collection = "c", .data = w, .bytes = sizeof(w) };
	struct {
		float v[DIM];
		uint64_t range[2];
	} __attribute__((packed)) with;

	vg_vector(1, DIM, v);
	ktap(!set(fd, "user.vec.c", v, sizeof(v), 0), "setxattr stores an embedding");
	ktap(get(fd, "user.vec.c", 0) == sizeof(v), "getxattr tells its length");
	ktap(get(fd, "user.vec.c", sizeof(val)) == sizeof(v) && !memcmp(val, v, sizeof(v)),
	     "getxattr returns it");
	ktap(get(fd, "user.vec.c", sizeof(v) - 1) == -ERANGE, "too little room: ERANGE");
	ktap(!vexfs_embedding_get(fd, &e) && !memcmp(w, v, sizeof(v)) && !e.range_len,
	     "the ioctl sees the same");
	memcpy(with.v, v, sizeof(v));
	with.range[0] = 4096;
	with.range[1] = 777;
	ktap(!set(fd, "user.vec.c.9", &with, sizeof(with), 0), "with a byte range, for chunk 9");
	e.chunk = 9;
	e.bytes = sizeof(w);
	ktap(!vexfs_embedding_get(fd, &e) && e.range_off == 4096 && e.range_len == 777,
	     "the range arrives");
	ktap(get(fd, "user.vec.c.9", sizeof(val)) == sizeof(with) && !memcmp(val, &with, sizeof(with)),
	     "and comes back behind the elements");
	ktap(get(fd, "user.vec.c.9", sizeof(v)) == -ERANGE, "room without the range: ERANGE");
}

static void test_flags(int fd)
{
	ktap(set(fd, "user.vec.c", v, sizeof(v), XATTR_CREATE) == EEXIST, "CREATE over one: EEXIST");
	ktap(set(fd, "user.vec.c.2", v, sizeof(v), XATTR_REPLACE) == ENODATA,
	     "REPLACE of none: ENODATA");
	ktap(!set(fd, "user.vec.c.2", v, sizeof(v), XATTR_CREATE) &&
	     !set(fd, "user.vec.c.2", v, sizeof(v), XATTR_REPLACE), "the other way round they work");
}

static void test_names(int fd, int dir)
{
	char list[400];
	ssize_t n = flistxattr(fd, list, sizeof(list)), all;
	static const char want[] = "user.vec.c\0user.vec.c.2\0user.vec.c.9";

	ktap(n == sizeof(want) && !memcmp(list, want, sizeof(want)), "listxattr names them all");
	all = flistxattr(fd, NULL, 0);
	ktap(all == n, "and knows the length beforehand");
	ktap(flistxattr(fd, list, 12) < 0 && errno == ERANGE, "too little room: ERANGE");
	ktap(get(fd, "user.vec.none", 8) == -ENODATA && get(fd, "user.vec.c.3", 8) == -ENODATA &&
	     get(fd, "user.vec.", 8) < 0 && get(fd, "user.vec.c.02", 8) == -ENODATA &&
	     get(fd, "user.vec.c.0", 8) == -ENODATA && get(fd, "user.vec.c.x", 8) == -ENODATA &&
	     get(fd, "user.vec.c.99999999999", 8) == -ENODATA, "what cannot exist: ENODATA");
	ktap(set(fd, "user.vec.c.0", v, sizeof(v), 0) == EINVAL &&
	     set(fd, "user.vec.c.01", v, sizeof(v), 0) == EINVAL &&
	     set(fd, "user.vec.c.-1", v, sizeof(v), 0) == EINVAL &&
	     set(fd, "user.vec.c.16777216", v, sizeof(v), 0) == EINVAL,
	     "a second name for a chunk: EINVAL");
	ktap(set(fd, "user.vec.none", v, sizeof(v), 0) == ENOENT, "unknown collection: ENOENT");
	ktap(!set(fd, "user.other", v, 4, 0) && !fremovexattr(fd, "user.other"),
	     "other attributes are stored beside them");
	ktap(set(dir, "user.vec.c", v, sizeof(v), 0) == EOPNOTSUPP, "on a directory: EOPNOTSUPP");
	ktap(set(fd, "user.vec.c", v, sizeof(v) - 4, 0) == EINVAL &&
	     set(fd, "user.vec.c", v, sizeof(v) + 8, 0) == EINVAL, "wrong length: EINVAL");
	v[1] = NAN;
	ktap(set(fd, "user.vec.c", v, sizeof(v), 0) == EDOM, "a NaN: EDOM");
}

static void test_life(int fd)
{
	int copy = vg_file("copy", 0644);
	ssize_t n;

	n = fgetxattr(fd, "user.vec.c", val, sizeof(val));
	ktap(!set(copy, "user.vec.c", val, (size_t)n, 0), "what is read can be set on a copy");
	close(copy);
	ktap(!fremovexattr(fd, "user.vec.c.2") && get(fd, "user.vec.c.2", 8) == -ENODATA,
	     "removexattr removes");
	ktap(fremovexattr(fd, "user.vec.c.2") && errno == ENODATA, "but not twice");
	close(fd);
	vg_remount();
	fd = vg_file("f", 0644);
	vg_vector(1, DIM, v);
	ktap(get(fd, "user.vec.c", sizeof(val)) == sizeof(v) && !memcmp(val, v, sizeof(v)),
	     "a remount keeps it");
	ktap(vg_live("c") == 3, "three embeddings in all");
	close(fd);
}

int main(void)
{
	int fd, dir;

	guest_setup();
	ktap_plan(9 + 3 + 10 + 5 + 1);
	vg_fresh("");
	vg_collection("c", DIM, VEXFS_IOC_F32, VEXFS_IOC_COSINE);
	fd = vg_file("f", 0644);
	dir = vg_root();
	test_values(fd);
	test_flags(fd);
	test_names(fd, dir);
	close(dir);
	test_life(fd);
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
