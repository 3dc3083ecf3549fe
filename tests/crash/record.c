// SPDX-License-Identifier: GPL-2.0
/*
 * In a guest: record SEED OPS, or record SEED LENGTH FIRST COUNT for sequences (sequence.c). Does the
 * operations on the disk VEX_DISK_TEST, which has an empty VexFS, and has every write below the filesystem
 * recorded on VEX_DISK_LOG (dm-log-writes), with a mark after each operation. The last line of output says
 * whether all of them have been done.
 */
#include <endian.h>
#include <linux/falloc.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include "lib/vexfs.h"
#include "tests/crash/model.h"
#include "tests/guest/powercut.h"

static uint8_t buf[CR_MAX_SIZE + 16384] __attribute__((aligned(4096)));

static void log_writes(void)
{
	const char *log = getenv("VEX_DISK_LOG");
	struct cut_piece p = { .len = cut_sectors, .target = "log-writes" };

	if (!log)
		ktap_bail("VEX_DISK_LOG is not set");
	snprintf(p.params, sizeof(p.params), "%s %s", cut_under, log);
	cut_pieces(&p, 1);
}

/*
 * Nearly all of the disk is one file's, so that what the operations free is soon used again: what is
 * wrong with freed blocks shows only then.
 */
static void fill(void)
{
	unsigned long long free = guest_free_blocks();
	int fd = open(guest_at(CR_BALLAST), O_CREAT | O_WRONLY, 0600);

	if (fd < 0 || free < CR_FREE || posix_fallocate(fd, 0, (off_t)(free - CR_FREE) * 4096) || fsync(fd))
		ktap_bail("fill the disk");
	close(fd);
}

static void mark(uint32_t op)
{
	struct cut_ioctl c = { };
	struct dm_target_msg *msg = (void *)c.targets;

	snprintf(msg->message, 100, "mark %u", op);
	cut_call(&c, DM_TARGET_MSG, 0);
}

static int open_op(const struct cr_op *op, int flags)
{
	return open(guest_at(op->path), flags, 0644);
}

/* ---- each returns 0 or -1 with errno ------------------------------------------- */

/* A file without a name, which then gets one. */
static int do_tmpfile(const char *path, mode_t mode)
{
	char dir[PATH_MAX], proc[40];
	int fd, ret;

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = 0;
	fd = open(dir, O_TMPFILE | O_WRONLY, mode);
	if (fd < 0)
		return -1;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	ret = linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
	close(fd);
	return ret;
}

static int do_name(const struct cr_op *op)
{
	const char *path = guest_at(op->path);
	int fd;

	switch (op->kind) {
	case CR_CREATE:
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY, op->mode);
		return fd < 0 ? -1 : close(fd);
	case CR_TMPFILE:
		return do_tmpfile(path, op->mode);
	case CR_MKDIR:
		return mkdir(path, op->mode);
	case CR_SYMLINK:
		return symlink(op->to, path);
	case CR_UNLINK:
		return unlink(path);
	case CR_RMDIR:
		return rmdir(path);
	case CR_RENAME:
		return rename(path, guest_at(op->to));
	case CR_EXCHANGE:
		return renameat2(AT_FDCWD, path, AT_FDCWD, guest_at(op->to), RENAME_EXCHANGE);
	case CR_WHITEOUT:
		return renameat2(AT_FDCWD, path, AT_FDCWD, guest_at(op->to), RENAME_WHITEOUT);
	default:
		return link(path, guest_at(op->to));
	}
}

/* The mode's bits, and a user whose number tells which operation it was. */
static int do_acl(const struct cr_op *op)
{
	struct {
		struct posix_acl_xattr_header	h;
		struct posix_acl_xattr_entry	e[5];
	} acl = { .h.a_version = htole32(POSIX_ACL_XATTR_VERSION), .e = {
		{ htole16(ACL_USER_OBJ), htole16(op->mode >> 6 & 7), htole32(ACL_UNDEFINED_ID) },
		{ htole16(ACL_USER), htole16(7), htole32(CR_ACL_UID + op->index) },
		{ htole16(ACL_GROUP_OBJ), htole16(4), htole32(ACL_UNDEFINED_ID) },
		{ htole16(ACL_MASK), htole16(op->mode >> 3 & 7), htole32(ACL_UNDEFINED_ID) },
		{ htole16(ACL_OTHER), htole16(op->mode & 7), htole32(ACL_UNDEFINED_ID) },
	} };

	return setxattr(guest_at(op->path), "system.posix_acl_access", &acl, sizeof(acl), 0);
}

static int do_vec(const struct cr_op *op)
{
	float v[CR_DIM];
	struct vexfs_embedding e = { .collection = CR_COLL, .data = v, .bytes = sizeof(v),
				     .range_off = op->index, .range_len = 1 };
	int fd = open_op(op, O_RDWR), err;

	if (fd < 0)
		return -1;
	cr_vector(op->index, v);
	err = op->kind == CR_VEC_SET ? vexfs_embedding_set(fd, &e) : vexfs_embedding_del(fd, CR_COLL, 0);
	close(fd);
	errno = -err;
	return err ? -1 : 0;
}

static int do_attribute(const struct cr_op *op)
{
	switch (op->kind) {
	case CR_CHMOD:
		return chmod(guest_at(op->path), op->mode);
	case CR_CHOWN:
		return chown(guest_at(op->path), op->len, (gid_t)-1);
	case CR_ACL_SET:
		return do_acl(op);
	case CR_ACL_DEL:
		return removexattr(guest_at(op->path), "system.posix_acl_access");
	case CR_XATTR_SET:
		cr_bytes(op->len, 0, op->len, buf);
		return setxattr(guest_at(op->path), "user." CR_XATTR, buf, op->len, 0);
	case CR_XATTR_DEL:
		return removexattr(guest_at(op->path), "user." CR_XATTR);
	default:
		return do_vec(op);
	}
}

static int do_mmap(int fd, const struct cr_op *op)
{
	size_t len = op->off + op->len;
	uint8_t *m = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (m == MAP_FAILED)
		return -1;
	memcpy(m + op->off, buf, op->len);
	return munmap(m, len);
}

static int do_write(const struct cr_op *op)
{
	int fd = open_op(op, O_RDWR | (op->kind == CR_DIRECT ? O_DIRECT : 0)), ret;

	if (fd < 0)
		return -1;
	cr_bytes(op->seed, op->off, op->len, buf);
	if (op->kind == CR_MMAP)
		ret = do_mmap(fd, op);
	else
		ret = pwrite(fd, buf, op->len, op->off) == (ssize_t)op->len ? 0 : -1;
	close(fd);
	return ret;
}

static int do_shape(const struct cr_op *op)
{
	static const int mode[CR_KINDS] = {
		[CR_PUNCH] = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		[CR_ZERO] = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		[CR_COLLAPSE] = FALLOC_FL_COLLAPSE_RANGE, [CR_INSERT] = FALLOC_FL_INSERT_RANGE,
	};
	int fd, ret;

	if (op->kind == CR_TRUNCATE)
		return truncate(guest_at(op->path), op->len);
	fd = open_op(op, O_RDWR);
	if (fd < 0)
		return -1;
	ret = fallocate(fd, mode[op->kind], op->off, op->len);
	close(fd);
	return ret;
}

static int do_sync(const struct cr_op *op)
{
	int fd = open_op(op, O_RDONLY), ret;

	if (fd < 0)
		return -1;
	if (op->kind == CR_SYNC)
		ret = syncfs(fd);
	else
		ret = op->kind == CR_FDATASYNC ? fdatasync(fd) : fsync(fd);
	close(fd);
	return ret;
}

static int do_grow(const struct cr_op *op)
{
	struct vexfs_ioc_grow g;
	int fd = open(guest_mnt, O_RDONLY | O_DIRECTORY), err;

	if (fd < 0)
		return -1;
	err = vexfs_grow(fd, (uint64_t)op->len << 20, &g);
	close(fd);
	errno = -err;
	return err ? -1 : 0;
}

static int do_op(const struct cr_op *op)
{
	if (op->kind <= CR_LINK)
		return do_name(op);
	if (op->kind <= CR_VEC_DEL)
		return do_attribute(op);
	if (op->kind <= CR_MMAP)
		return do_write(op);
	if (op->kind == CR_GROW)
		return do_grow(op);
	return op->kind < CR_FSYNC ? do_shape(op) : do_sync(op);
}

static int make_collection(void)
{
	int fd = open(guest_mnt, O_RDONLY | O_DIRECTORY);
	int ret = fd < 0 || vexfs_collection_create(fd, CR_COLL, CR_DIM, VEXFS_IOC_F32, VEXFS_IOC_L2, NULL) || syncfs(fd);

	if (fd >= 0)
		close(fd);
	return ret;
}

static void do_all(struct cr_model *m, uint32_t ops)
{
	struct cr_op op;

	mark(0);
	while (m->ops < ops && cr_model_step(m, &op)) {
		if (do_op(&op))
			ktap_bail("operation %u: %s '%s' '%s' %u+%u", op.index, cr_kind_name[op.kind], op.path, op.to,
				  op.off, op.len);
		mark(op.index);
	}
}

int main(int argc, char **argv)
{
	uint32_t ops = UINT32_MAX;
	struct cr_model *m;
	int fd;

	if (argc != 3 && argc != 5)
		ktap_bail("usage: record SEED OPS | record SEED LENGTH FIRST COUNT");
	m = cr_model_new(strtoull(argv[1], NULL, 0));
	if (argc == 3)
		ops = (uint32_t)strtoul(argv[2], NULL, 0);
	else
		m->script = (struct cr_script){ .length = (uint32_t)strtoul(argv[2], NULL, 0),
						.next = strtoull(argv[3], NULL, 0), .left = strtoull(argv[4], NULL, 0) };
	guest_setup();
	umask(0);
	if (!cut_setup() || guest_run("modprobe dm-log-writes"))
		ktap_bail("this kernel has no dm-log-writes");
	log_writes();
	if (guest_mount(m->rnd & 1 ? "discard" : NULL))
		ktap_bail("mount");
	if (make_collection())
		ktap_bail("collection");
	fill();
	do_all(m, ops);
	if (umount(guest_mnt))
		ktap_bail("umount");
	cut_remove();
	fd = open(getenv("VEX_DISK_LOG"), O_RDWR);
	if (fd < 0 || fsync(fd))
		ktap_bail("the log");
	printf("recorded %u operations\n", m->ops);
	cr_model_free(m);
	return 0;
}
