/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every operation that changes the filesystem, for tests that let it fail: what it starts
 * from, how to run it, and what to look at. An operation has happened or it has not: it is
 * "new" after success and "old" after a failure; after a crash it is one of the two.
 *
 * All of a round is in one directory (ops_dir). Names are long, so that directories soon
 * need another block.
 */
#ifndef VEXFS_GUEST_OPS_H
#define VEXFS_GUEST_OPS_H

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "tests/guest/vecguest.h"

#define OPS_SIZE	20000
#define OPS_BLOCK	4096
#define OPS_APPEND	34	/* blocks at most */
#define OPS_DIM		8
#define OPS_COLL	"matrix"

enum ops_seen { OPS_OLD, OPS_NEW, OPS_BROKEN };

static unsigned int ops_round;
static char ops_dir[16];

/* A path in the round's directory, in one of four static buffers. */
static const char *op_at(const char *name)
{
	static char p[4][512];
	static int turn;
	int n;

	turn = (turn + 1) % 4;
	n = snprintf(p[turn], 300, "%s/%s/%s", guest_mnt, ops_dir, name);
	memset(p[turn] + n, '_', 150);
	p[turn][n + 150] = 0;
	return p[turn];
}

static int op_result(long r)
{
	return r < 0 ? -errno : 0;
}

static bool op_exists(const char *name)
{
	struct stat st;

	return lstat(op_at(name), &st) == 0;
}

static void op_must(bool ok, const char *what)
{
	if (!ok)
		ktap_bail("round %u: cannot prepare: %s", ops_round, what);
}

static void op_make(const char *name, char fill, size_t size)
{
	static char buf[OPS_SIZE];
	int fd = open(op_at(name), O_CREAT | O_TRUNC | O_RDWR, 0644);

	memset(buf, fill, sizeof(buf));
	op_must(fd >= 0 && write(fd, buf, size) == (ssize_t)size, name);
	close(fd);
}

/* The whole file; its size, or -1. */
static ssize_t op_read(const char *name, char *buf, size_t size)
{
	int fd = open(op_at(name), O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size);

	if (fd >= 0)
		close(fd);
	return n;
}

static bool op_all(const char *buf, ssize_t from, ssize_t to, char fill)
{
	for (; from < to; from++)
		if (buf[from] != fill)
			return false;
	return true;
}

static bool op_holds(const char *name, char fill, ssize_t size)
{
	static char buf[OPS_SIZE + 1];

	return op_read(name, buf, sizeof(buf)) == size && op_all(buf, 0, size, fill);
}

static enum ops_seen op_appears(const char *name)
{
	return op_exists(name) ? OPS_NEW : OPS_OLD;
}

static enum ops_seen op_vanishes(const char *name)
{
	return op_exists(name) ? OPS_OLD : OPS_NEW;
}

static void op_nothing(void) { }

/* ---- names ---------------------------------------------------------------------------- */

static int op_create(void)
{
	int fd = open(op_at("create"), O_CREAT | O_EXCL | O_RDWR, 0644);

	return fd < 0 ? -errno : op_result(close(fd));
}
static enum ops_seen op_create_look(void) { return op_appears("create"); }

static int op_mkdir(void) { return op_result(mkdir(op_at("mkdir"), 0755)); }
static enum ops_seen op_mkdir_look(void) { return op_appears("mkdir"); }

static int op_mknod(void) { return op_result(mknod(op_at("mknod"), S_IFIFO | 0644, 0)); }
static enum ops_seen op_mknod_look(void) { return op_appears("mknod"); }

static int op_symlink(void) { return op_result(symlink("to/some/where", op_at("symlink"))); }
static enum ops_seen op_symlink_look(void) { return op_appears("symlink"); }

/* A target that has a block of its own, and an end that the block has no room for. */
static int op_longlink(void)
{
	char target[4096];

	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = 0;
	return op_result(symlink(target, op_at("longlink")));
}
static enum ops_seen op_longlink_look(void)
{
	char target[4097];
	ssize_t n = readlink(op_at("longlink"), target, sizeof(target));

	if (n < 0)
		return errno == ENOENT ? OPS_OLD : OPS_BROKEN;
	return n == 4095 && op_all(target, 0, n, 't') ? OPS_NEW : OPS_BROKEN;
}

static void op_link_prepare(void) { op_make("linked", 'o', 100); }
static int op_link(void) { return op_result(link(op_at("linked"), op_at("link"))); }
static enum ops_seen op_link_look(void)
{
	struct stat st;
	bool there = op_exists("link");

	if (stat(op_at("linked"), &st) || st.st_nlink != (there ? 2 : 1))
		return OPS_BROKEN;
	return there ? OPS_NEW : OPS_OLD;
}

static void op_unlink_prepare(void) { op_make("unlink", 'o', OPS_SIZE); }
static int op_unlink(void) { return op_result(unlink(op_at("unlink"))); }
static enum ops_seen op_unlink_look(void) { return op_vanishes("unlink"); }

static void op_rmdir_prepare(void) { op_must(mkdir(op_at("rmdir"), 0755) == 0, "rmdir"); }
static int op_rmdir(void) { return op_result(rmdir(op_at("rmdir"))); }
static enum ops_seen op_rmdir_look(void) { return op_vanishes("rmdir"); }

static void op_rename_prepare(void) { op_make("rename", 'o', OPS_SIZE); }
static int op_rename(void) { return op_result(rename(op_at("rename"), op_at("renamed"))); }
static enum ops_seen op_rename_look(void)
{
	if (op_exists("rename") == op_exists("renamed"))
		return OPS_BROKEN;
	return op_exists("renamed") ? OPS_NEW : OPS_OLD;
}

static void op_over_prepare(void)
{
	op_make("over", 'n', 100);
	op_make("overold", 'o', OPS_SIZE);
}
static int op_over(void) { return op_result(rename(op_at("over"), op_at("overold"))); }
static enum ops_seen op_over_look(void)
{
	if (op_exists("over"))
		return op_holds("overold", 'o', OPS_SIZE) ? OPS_OLD : OPS_BROKEN;
	return op_holds("overold", 'n', 100) ? OPS_NEW : OPS_BROKEN;
}

static void op_exchange_prepare(void)
{
	op_make("exchange", 'a', 100);
	op_must(mkdir(op_at("exchanged"), 0755) == 0, "exchange");
}
static int op_exchange(void)
{
	return op_result(syscall(SYS_renameat2, AT_FDCWD, op_at("exchange"), AT_FDCWD,
				 op_at("exchanged"), 2 /* RENAME_EXCHANGE */));
}
static enum ops_seen op_exchange_look(void)
{
	struct stat a, b;

	if (stat(op_at("exchange"), &a) || stat(op_at("exchanged"), &b) ||
	    S_ISDIR(a.st_mode) == S_ISDIR(b.st_mode))
		return OPS_BROKEN;
	return S_ISDIR(a.st_mode) ? OPS_NEW : OPS_OLD;
}

static void op_white_prepare(void) { op_make("white", 'o', OPS_SIZE); }
static int op_white(void)
{
	return op_result(syscall(SYS_renameat2, AT_FDCWD, op_at("white"), AT_FDCWD,
				 op_at("whitened"), 4 /* RENAME_WHITEOUT */));
}
static enum ops_seen op_white_look(void)
{
	struct stat st;

	if (lstat(op_at("white"), &st))
		return OPS_BROKEN;
	if (S_ISREG(st.st_mode))
		return op_exists("whitened") ? OPS_BROKEN : OPS_OLD;
	return S_ISCHR(st.st_mode) && !st.st_rdev && op_holds("whitened", 'o', OPS_SIZE) ? OPS_NEW :
	       OPS_BROKEN;
}

/* A file that gets its first name when it is complete. */
static int op_tmpfile(void)
{
	char dir[300];
	int fd, err;

	snprintf(dir, sizeof(dir), "%s/%s", guest_mnt, ops_dir);
	fd = open(dir, 020000000 | O_DIRECTORY | O_RDWR, 0644);		/* O_TMPFILE */
	if (fd < 0)
		return -errno;
	err = op_result(linkat(fd, "", AT_FDCWD, op_at("tmpfile"), 0x1000 /* AT_EMPTY_PATH */));
	close(fd);
	return err;
}
static enum ops_seen op_tmpfile_look(void) { return op_appears("tmpfile"); }

/* ---- content ----------------------------------------------------------------------------- */

static void op_shorter_prepare(void) { op_make("shorter", 'o', OPS_SIZE); }
static int op_shorter(void) { return op_result(truncate(op_at("shorter"), 5000)); }
static enum ops_seen op_shorter_look(void)
{
	if (op_holds("shorter", 'o', 5000))
		return OPS_NEW;
	return op_holds("shorter", 'o', OPS_SIZE) ? OPS_OLD : OPS_BROKEN;
}

static void op_longer_prepare(void) { op_make("longer", 'o', 5000); }
static int op_longer(void) { return op_result(truncate(op_at("longer"), OPS_SIZE)); }
static enum ops_seen op_longer_look(void)
{
	static char buf[OPS_SIZE + 1];
	ssize_t n = op_read("longer", buf, sizeof(buf));

	if ((n != 5000 && n != OPS_SIZE) || !op_all(buf, 0, 5000, 'o') || !op_all(buf, 5000, n, 0))
		return OPS_BROKEN;
	return n == OPS_SIZE ? OPS_NEW : OPS_OLD;
}

static void op_overwrite_prepare(void) { op_make("overwrite", 'o', OPS_BLOCK); }
static int op_overwrite(void)
{
	static char buf[OPS_BLOCK];
	int fd = open(op_at("overwrite"), O_WRONLY), err;

	if (fd < 0)
		return -errno;
	memset(buf, 'n', sizeof(buf));
	err = op_result(pwrite(fd, buf, sizeof(buf), 0));
	close(fd);
	return err;
}
static enum ops_seen op_overwrite_look(void)
{
	if (op_holds("overwrite", 'n', OPS_BLOCK))
		return OPS_NEW;
	return op_holds("overwrite", 'o', OPS_BLOCK) ? OPS_OLD : OPS_BROKEN;
}

/* More in later rounds. A write may be short; then it is new as far as it goes. */
static int op_append_to(const char *name, int flags)
{
	static char buf[OPS_APPEND * OPS_BLOCK] __attribute__((aligned(OPS_BLOCK)));
	unsigned int blocks = 1 + ops_round % (2 * OPS_APPEND) / 2;
	int fd = open(op_at(name), O_WRONLY | flags), err;

	if (fd < 0)
		return -errno;
	memset(buf, 'n', sizeof(buf));
	err = op_result(pwrite(fd, buf, blocks * OPS_BLOCK, OPS_BLOCK));
	close(fd);
	return err;
}
static enum ops_seen op_append_seen(const char *name)
{
	static char buf[(OPS_APPEND + 1) * OPS_BLOCK];
	ssize_t n = op_read(name, buf, sizeof(buf));

	if (n < OPS_BLOCK || !op_all(buf, 0, OPS_BLOCK, 'o') ||
	    !op_all(buf, OPS_BLOCK, n, 'n'))
		return OPS_BROKEN;
	return n > OPS_BLOCK ? OPS_NEW : OPS_OLD;
}

static void op_append_prepare(void) { op_make("append", 'o', OPS_BLOCK); }
static int op_append(void) { return op_append_to("append", 0); }
static enum ops_seen op_append_look(void) { return op_append_seen("append"); }

static void op_direct_prepare(void) { op_make("direct", 'o', OPS_BLOCK); }
static int op_direct(void) { return op_append_to("direct", O_DIRECT); }
static enum ops_seen op_direct_look(void) { return op_append_seen("direct"); }

/* Into a hole, between others. */
static void op_hole_prepare(void)
{
	op_make("hole", 'o', 1);
	op_must(truncate(op_at("hole"), 4 * OPS_BLOCK) == 0, "hole");
}
static int op_hole(void)
{
	static char buf[OPS_BLOCK];
	int fd = open(op_at("hole"), O_WRONLY), err;

	if (fd < 0)
		return -errno;
	memset(buf, 'n', sizeof(buf));
	err = op_result(pwrite(fd, buf, sizeof(buf), 2 * OPS_BLOCK));
	close(fd);
	return err;
}
static enum ops_seen op_hole_look(void)
{
	static char buf[4 * OPS_BLOCK + 1];

	if (op_read("hole", buf, sizeof(buf)) != 4 * OPS_BLOCK || !op_all(buf, 1, 2 * OPS_BLOCK, 0) ||
	    !op_all(buf, 3 * OPS_BLOCK, 4 * OPS_BLOCK, 0))
		return OPS_BROKEN;
	if (op_all(buf, 2 * OPS_BLOCK, 3 * OPS_BLOCK, 'n'))
		return OPS_NEW;
	return op_all(buf, 2 * OPS_BLOCK, 3 * OPS_BLOCK, 0) ? OPS_OLD : OPS_BROKEN;
}

static int op_fallocate(const char *name, int mode, off_t off, off_t len)
{
	int fd = open(op_at(name), O_WRONLY), err;

	if (fd < 0)
		return -errno;
	err = op_result(fallocate(fd, mode, off, len));
	close(fd);
	return err;
}

/* All 'o', or zeros in [off, end). */
static enum ops_seen op_zeroed(const char *name, ssize_t off, ssize_t end)
{
	static char buf[OPS_SIZE + 1];

	if (op_read(name, buf, sizeof(buf)) != OPS_SIZE || !op_all(buf, 0, off, 'o') ||
	    !op_all(buf, end, OPS_SIZE, 'o'))
		return OPS_BROKEN;
	if (op_all(buf, off, end, 0))
		return OPS_NEW;
	return op_all(buf, off, end, 'o') ? OPS_OLD : OPS_BROKEN;
}

/* Grows with the number of free blocks, as appends do. */
static void op_falloc_prepare(void) { op_make("falloc", 'o', 5000); }
static int op_falloc(void)
{
	return op_fallocate("falloc", 0, 5000, 3000 + ops_round % (2 * OPS_APPEND) / 2 * OPS_BLOCK);
}
static enum ops_seen op_falloc_look(void)
{
	static char buf[(OPS_APPEND + 3) * OPS_BLOCK];
	ssize_t n = op_read("falloc", buf, sizeof(buf));

	if (n < 5000 || !op_all(buf, 0, 5000, 'o') || !op_all(buf, 5000, n, 0))
		return OPS_BROKEN;
	return n > 5000 ? OPS_NEW : OPS_OLD;
}

/* What it allocates must be there, or be given back. */
static long op_blocks(const char *name)
{
	struct stat st;

	return stat(op_at(name), &st) ? -1 : (long)st.st_blocks * 512 / OPS_BLOCK;
}
static void op_keep_prepare(void) { op_make("keep", 'o', OPS_BLOCK); }
static int op_keep(void)
{
	return op_fallocate("keep", FALLOC_FL_KEEP_SIZE, OPS_BLOCK, 6 * OPS_BLOCK);
}
static enum ops_seen op_keep_look(void)
{
	if (!op_holds("keep", 'o', OPS_BLOCK))
		return OPS_BROKEN;
	return op_blocks("keep") >= 7 ? OPS_NEW : OPS_OLD;
}

static void op_punch_prepare(void) { op_make("punch", 'o', OPS_SIZE); }
static int op_punch(void)
{
	return op_fallocate("punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192);
}
static enum ops_seen op_punch_look(void) { return op_zeroed("punch", 4096, 12288); }

static void op_zero_prepare(void) { op_make("zero", 'o', OPS_SIZE); }
static int op_zero(void) { return op_fallocate("zero", FALLOC_FL_ZERO_RANGE, 4096, 4096); }
static enum ops_seen op_zero_look(void) { return op_zeroed("zero", 4096, 8192); }

/* Within blocks: like an overwrite, the disk has it when it was written back. */
static void op_bytes_prepare(void) { op_make("bytes", 'o', OPS_SIZE); }
static int op_bytes(void) { return op_fallocate("bytes", FALLOC_FL_ZERO_RANGE, 100, 200); }
static enum ops_seen op_bytes_look(void) { return op_zeroed("bytes", 100, 300); }

#include "tests/guest/ops_attr.h"
/* Blocks a, b, c, d and a half e: collapse leaves a d e, insert a 0 0 b c d e. */
static void op_letters(const char *name)
{
	static char buf[OPS_SIZE];
	int fd = open(op_at(name), O_CREAT | O_TRUNC | O_RDWR, 0644);

	for (size_t i = 0; i < OPS_SIZE; i++)
		buf[i] = (char)('a' + i / OPS_BLOCK);
	op_must(fd >= 0 && write(fd, buf, OPS_SIZE) == OPS_SIZE, name);
	close(fd);
}

static bool op_spells(const char *name, const char *letters)
{
	static char buf[OPS_SIZE + 3 * OPS_BLOCK];
	ssize_t blocks = (ssize_t)strlen(letters), i;
	ssize_t size = (blocks - 1) * OPS_BLOCK + OPS_SIZE % OPS_BLOCK;

	if (op_read(name, buf, sizeof(buf)) != size)
		return false;
	for (i = 0; i < size; i++)
		if (buf[i] != (letters[i / OPS_BLOCK] == '0' ? 0 : letters[i / OPS_BLOCK]))
			return false;
	return true;
}

static enum ops_seen op_spelled(const char *name, const char *letters)
{
	if (op_spells(name, letters))
		return OPS_NEW;
	return op_spells(name, "abcde") ? OPS_OLD : OPS_BROKEN;
}

static void op_collapse_prepare(void) { op_letters("collapse"); }
static int op_collapse(void)
{
	return op_fallocate("collapse", FALLOC_FL_COLLAPSE_RANGE, OPS_BLOCK, 2 * OPS_BLOCK);
}
static enum ops_seen op_collapse_look(void) { return op_spelled("collapse", "ade"); }

static void op_insert_prepare(void) { op_letters("insert"); }
static int op_insert(void)
{
	return op_fallocate("insert", FALLOC_FL_INSERT_RANGE, OPS_BLOCK, 2 * OPS_BLOCK);
}
static enum ops_seen op_insert_look(void) { return op_spelled("insert", "a00bcde"); }

/* ---- flags ------------------------------------------------------------------------------ */

static int op_flags_call(const char *name, unsigned long call, void *arg)
{
	int fd = open(op_at(name), O_RDONLY), err = fd < 0 ? -errno : op_result(ioctl(fd, call, arg));

	if (fd >= 0)
		close(fd);
	return err;
}

static void op_chattr_prepare(void) { op_make("chattr", 'o', 100); }
static int op_chattr(void)
{
	unsigned int flags = FS_NODUMP_FL;

	return op_flags_call("chattr", FS_IOC_SETFLAGS, &flags);
}
static enum ops_seen op_chattr_look(void)
{
	unsigned int flags = 0;

	if (op_flags_call("chattr", FS_IOC_GETFLAGS, &flags))
		return OPS_BROKEN;
	return flags == FS_NODUMP_FL ? OPS_NEW : flags ? OPS_BROKEN : OPS_OLD;
}

static void op_project_prepare(void) { op_must(mkdir(op_at("project"), 0755) == 0, "project"); }
static int op_project(void)
{
	struct fsxattr x = { .fsx_projid = 77, .fsx_xflags = FS_XFLAG_PROJINHERIT };

	return op_flags_call("project", FS_IOC_FSSETXATTR, &x);
}
static enum ops_seen op_project_look(void)
{
	struct fsxattr x;

	if (op_flags_call("project", FS_IOC_FSGETXATTR, &x) ||
	    (x.fsx_projid == 77) != !!(x.fsx_xflags & FS_XFLAG_PROJINHERIT))
		return OPS_BROKEN;
	return x.fsx_projid ? OPS_NEW : OPS_OLD;
}

/* ---- embeddings ---------------------------------------------------------------------------- */

static int op_set_to(const char *name)
{
	int fd = open(op_at(name), O_RDWR), err = fd < 0 ? -errno :
		 vg_set(fd, OPS_COLL, VEXFS_IOC_F32, OPS_DIM, 0, ops_round);

	if (fd >= 0)
		close(fd);
	return err;
}

/* @yes if it has the embedding, @no if it has none. */
static enum ops_seen op_embedding(const char *name, enum ops_seen yes, enum ops_seen no)
{
	int fd = open(op_at(name), O_RDONLY), err;

	if (fd < 0)
		return OPS_BROKEN;
	err = vg_compare(fd, OPS_COLL, VEXFS_IOC_F32, OPS_DIM, 0, ops_round);
	close(fd);
	return !err ? yes : err == -ENODATA ? no : OPS_BROKEN;
}

static void op_set_prepare(void) { op_make("set", 'o', 100); }
static int op_set(void) { return op_set_to("set"); }
static enum ops_seen op_set_look(void) { return op_embedding("set", OPS_NEW, OPS_OLD); }

static void op_forget_prepare(void)
{
	op_make("forget", 'o', 100);
	op_must(op_set_to("forget") == 0, "set an embedding");
}
static int op_forget(void)
{
	int fd = open(op_at("forget"), O_RDWR), err = fd < 0 ? -errno :
		 vexfs_embedding_del(fd, OPS_COLL, 0);

	if (fd >= 0)
		close(fd);
	return err;
}
static enum ops_seen op_forget_look(void) { return op_embedding("forget", OPS_OLD, OPS_NEW); }

static bool op_collection_there(const char *name)
{
	struct vexfs_ioc_collection c;
	int fd = vg_root(), err = vexfs_collection_info(fd, name, &c);

	close(fd);
	return !err;
}
static int op_collection(void)
{
	int fd = open(guest_mnt, O_RDONLY), err;

	if (fd < 0)
		return -errno;
	err = vexfs_collection_create(fd, "made", OPS_DIM, VEXFS_IOC_F32, VEXFS_IOC_L2, NULL);
	close(fd);
	return err;
}
static enum ops_seen op_collection_look(void)
{
	return op_collection_there("made") ? OPS_NEW : OPS_OLD;
}

static void op_drop_prepare(void)
{
	op_must(vg_collection("dropped", OPS_DIM, VEXFS_IOC_F32, VEXFS_IOC_L2) == 0, "a collection");
}
static int op_drop(void)
{
	int fd = open(guest_mnt, O_RDONLY), err;

	if (fd < 0)
		return -errno;
	err = vexfs_collection_drop(fd, "dropped");
	close(fd);
	return err;
}
static enum ops_seen op_drop_look(void)
{
	return op_collection_there("dropped") ? OPS_OLD : OPS_NEW;
}

/* ---- the table -------------------------------------------------------------------------------- */

/**
 * struct ops_op - an operation
 * @data:  success says nothing of a crash before the data were written back
 * @frees: it makes room for others: it runs after them
 */
struct ops_op {
	const char	*name;
	void		(*prepare)(void);
	int		(*run)(void);		/* 0 or -errno */
	enum ops_seen	(*look)(void);
	bool		data, frees;
};

static const struct ops_op ops_table[] = {
	{ "create", op_nothing, op_create, op_create_look, false, false },
	{ "mkdir", op_nothing, op_mkdir, op_mkdir_look, false, false },
	{ "mknod", op_nothing, op_mknod, op_mknod_look, false, false },
	{ "symlink", op_nothing, op_symlink, op_symlink_look, false, false },
	{ "long symlink", op_nothing, op_longlink, op_longlink_look, false, false },
	{ "link", op_link_prepare, op_link, op_link_look, false, false },
	{ "unlink", op_unlink_prepare, op_unlink, op_unlink_look, false, true },
	{ "rmdir", op_rmdir_prepare, op_rmdir, op_rmdir_look, false, true },
	{ "rename", op_rename_prepare, op_rename, op_rename_look, false, false },
	{ "rename over a file", op_over_prepare, op_over, op_over_look, false, true },
	{ "exchange", op_exchange_prepare, op_exchange, op_exchange_look, false, false },
	{ "rename with a whiteout", op_white_prepare, op_white, op_white_look, false, false },
	{ "name a temporary file", op_nothing, op_tmpfile, op_tmpfile_look, false, false },
	{ "truncate", op_shorter_prepare, op_shorter, op_shorter_look, false, true },
	{ "truncate to a larger size", op_longer_prepare, op_longer, op_longer_look, false, false },
	{ "overwrite", op_overwrite_prepare, op_overwrite, op_overwrite_look, true, false },
	{ "append", op_append_prepare, op_append, op_append_look, true, false },
	{ "append directly", op_direct_prepare, op_direct, op_direct_look, true, false },
	{ "write into a hole", op_hole_prepare, op_hole, op_hole_look, true, false },
	{ "fallocate", op_falloc_prepare, op_falloc, op_falloc_look, false, false },
	{ "fallocate, size kept", op_keep_prepare, op_keep, op_keep_look, false, false },
	{ "punch a hole", op_punch_prepare, op_punch, op_punch_look, false, true },
	{ "zero blocks", op_zero_prepare, op_zero, op_zero_look, false, false },
	{ "zero bytes", op_bytes_prepare, op_bytes, op_bytes_look, true, false },
	{ "set an attribute", op_attr_prepare, op_attr, op_attr_look, false, false },
	{ "replace an attribute", op_reattr_prepare, op_reattr, op_reattr_look, false, true },
	{ "remove an attribute", op_rmattr_prepare, op_rmattr, op_rmattr_look, false, true },
	{ "set an ACL", op_acl_prepare, op_acl, op_acl_look, false, false },
	{ "chmod of a file with an ACL", op_chmod_prepare, op_chmod, op_chmod_look, false, false },
	{ "mkdir below a default ACL", op_inherit_prepare, op_inherit, op_inherit_look, false, false },
	{ "set flags", op_chattr_prepare, op_chattr, op_chattr_look, false, false },
	{ "set a project", op_project_prepare, op_project, op_project_look, false, false },
	{ "collapse a range", op_collapse_prepare, op_collapse, op_collapse_look, false, true },
	{ "insert a range", op_insert_prepare, op_insert, op_insert_look, false, false },
	{ "set an embedding", op_set_prepare, op_set, op_set_look, false, false },
	{ "delete an embedding", op_forget_prepare, op_forget, op_forget_look, false, true },
	{ "create a collection", op_nothing, op_collection, op_collection_look, false, false },
	{ "drop a collection", op_drop_prepare, op_drop, op_drop_look, false, true },
};
#define OPS_COUNT	(sizeof(ops_table) / sizeof(ops_table[0]))

static int ops_returned[OPS_COUNT];

/* ---- a round ----------------------------------------------------------------------------------- */

static inline void ops_fresh(void)
{
	if (guest_mkfs("") || guest_mount(NULL) ||
	    vg_collection(OPS_COLL, OPS_DIM, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("mkfs and mount");
}

static inline void ops_prepare(unsigned int round)
{
	char p[300];

	ops_round = round;
	snprintf(ops_dir, sizeof(ops_dir), "r%u", round);
	snprintf(p, sizeof(p), "%s/%s", guest_mnt, ops_dir);
	op_must(mkdir(p, 0755) == 0, "mkdir");
	for (size_t i = 0; i < OPS_COUNT; i++)
		ops_table[i].prepare();
	sync();
}

/* A directory that an operation or a test made may have its names, not more. */
static void ops_cleanup(void)
{
	char cmd[400];
	int fd = vg_root();

	vexfs_collection_drop(fd, "made");
	vexfs_collection_drop(fd, "dropped");
	close(fd);
	snprintf(cmd, sizeof(cmd), "rm -rf %s/%s", guest_mnt, ops_dir);
	op_must(guest_run(cmd) == 0, "remove what the round before made");
	sync();
}

static bool ops_agree(size_t i, int r, const char *when)
{
	enum ops_seen seen = ops_table[i].look();

	if (seen == (r ? OPS_OLD : OPS_NEW))
		return true;
	ktap_note("%s, %s: returned %s, but is %s", when, ops_table[i].name, r ? strerror(-r) : "success",
		  seen == OPS_OLD ? "old" : seen == OPS_NEW ? "new" : "broken");
	return false;
}

static unsigned int ops_run_some(unsigned int first, bool frees, const char *when, bool *good)
{
	unsigned int failed = 0;

	for (size_t k = 0; k < OPS_COUNT; k++) {
		size_t i = (first + k) % OPS_COUNT;

		if (ops_table[i].frees != frees)
			continue;
		errno = 0;
		ops_returned[i] = ops_table[i].run();
		failed += ops_returned[i] != 0;
		*good = ops_agree(i, ops_returned[i], when) && *good;
	}
	return failed;
}

/* Run all, beginning with number @first. Returns how many failed; clears *@good. */
static inline unsigned int ops_run(unsigned int first, const char *when, bool *good)
{
	unsigned int failed = ops_run_some(first, false, when, good);

	return failed + ops_run_some(first, true, when, good);
}

/* Without, or with the journal's last transaction (VEXFS_SHUTDOWN_LOGFLUSH). */
static void ops_stop(unsigned int how)
{
	int fd = open(guest_mnt, O_RDONLY);

	if (fd < 0 || ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(fd);
}

/* After a crash: what was committed is there, the rest happened or did not. */
static bool ops_survived(bool committed, const char *when)
{
	bool good = true;

	for (size_t i = 0; i < OPS_COUNT; i++) {
		if (committed && !ops_table[i].data) {
			good = ops_agree(i, ops_returned[i], when) && good;
		} else if (ops_table[i].look() == OPS_BROKEN) {
			ktap_note("%s, %s: broken after the crash", when, ops_table[i].name);
			good = false;
		}
	}
	return good;
}

static bool ops_fsck(const char *when)
{
	static char out[200];

	snprintf(out, sizeof(out), "fsck.vexfs -n %s >/tmp/fsck.out 2>&1", guest_disk);
	if (!guest_run(out))
		return true;
	ktap_note("%s: fsck.vexfs -n", when);
	guest_run("cat /tmp/fsck.out");
	return false;
}

/* After ops_stop(), nothing open any more: look at the disk, mount it again, look at the files. */
static inline bool ops_recover(unsigned int how, const char *when)
{
	bool good;

	if (umount(guest_mnt))
		ktap_bail("umount");
	good = ops_fsck(when);
	if (guest_mount(NULL))
		ktap_bail("mount after the crash");
	return ops_survived(how == VEXFS_SHUTDOWN_LOGFLUSH, when) && good;
}

#endif /* VEXFS_GUEST_OPS_H */
