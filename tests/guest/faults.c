// SPDX-License-Identifier: GPL-2.0
/*
 * needs: kernel=fault disk=test:64M mem=768M time=300 slice
 *
 * Memory and I/O that fail on purpose.
 *
 * The sweep: each operation is run again and again while the kernel fails its first, second, third ... allocation
 * (or request to the disk), until it gets by without a failure. Whatever fails must fail with a clean error and
 * without a trace; what is reported done must be done. The storm: requests of the whole device fail at random while
 * files are written; whatever fsync acknowledged is there after the next mount. Oops, lockdep and leaks are init's
 * business; fsck.vexfs -n has the last word.
 */
#include <dirent.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include "tests/guest/inject.h"
#include "tests/guest/vecguest.h"

#define DIM		8
#define MAX_NTH		400
#define DATA		20000

static unsigned int iter;		/* a new number per attempt: names never clash */
static unsigned int went_readonly, provoked;

static const char *at(const char *prefix, unsigned int n)
{
	static char p[4][300];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(p[turn], sizeof(p[turn]), "%s/%s%u", guest_mnt, prefix, n);
	return p[turn];
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void drop_caches(void)
{
	put("/proc/sys/vm/drop_caches", "3");
}

static void make_file(const char *path, char fill)
{
	static char buf[DATA];
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0644);

	memset(buf, fill, sizeof(buf));
	if (fd < 0 || write(fd, buf, sizeof(buf)) != sizeof(buf) || fsync(fd))
		ktap_bail("make %s", path);
	close(fd);
}

/* The file holds nothing but this byte and has this size. */
static bool holds(const char *path, char fill, long size)
{
	static char buf[DATA + 1];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != fill)
			return false;
	return n == size;
}

/* ---- the operations: run returns 0 or -errno, check looks at what is there ------------------- */

static int done(int r) { return r < 0 ? -errno : 0; }

static int run_create(void)
{
	int fd = open(at("c", iter), O_CREAT | O_EXCL | O_RDWR, 0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}
static bool check_create(int r) { return exists(at("c", iter)) == !r; }

static int run_mkdir(void) { return done(mkdir(at("d", iter), 0755)); }
static bool check_mkdir(int r) { return exists(at("d", iter)) == !r; }

static int run_symlink(void) { return done(symlink("to/some/where", at("y", iter))); }
static bool check_symlink(int r) { return exists(at("y", iter)) == !r; }

static void pre_old(void) { make_file(at("o", iter), 'o'); }
static int run_link(void) { return done(link(at("o", iter), at("l", iter))); }
static bool check_link(int r)
{
	struct stat st;

	return exists(at("l", iter)) == !r && !stat(at("o", iter), &st) && st.st_nlink == (r ? 1 : 2);
}

static int run_rename(void) { return done(rename(at("o", iter), at("r", iter))); }
static bool check_rename(int r)
{
	return exists(at("r", iter)) == !r && exists(at("o", iter)) == !!r &&
	       holds(r ? at("o", iter) : at("r", iter), 'o', DATA);
}

static int run_unlink(void) { return done(unlink(at("o", iter))); }
static bool check_unlink(int r) { return exists(at("o", iter)) == !!r; }

static void pre_dir(void)
{
	if (mkdir(at("e", iter), 0755))
		ktap_bail("mkdir");
}
static int run_rmdir(void) { return done(rmdir(at("e", iter))); }
static bool check_rmdir(int r) { return exists(at("e", iter)) == !!r; }

/* Overwrite and make it durable: the old bytes may be gone, but success means the new ones. */
static int run_write(void)
{
	static char buf[DATA];
	int fd = open(at("o", iter), O_RDWR), err = 0;

	if (fd < 0)
		return -errno;
	memset(buf, 'n', sizeof(buf));
	if (pwrite(fd, buf, sizeof(buf), 0) != sizeof(buf) || fsync(fd))
		err = -(errno ? errno : EIO);
	close(fd);
	return err;
}
static bool check_write(int r)
{
	if (r)
		return true;
	drop_caches();
	return holds(at("o", iter), 'n', DATA);
}

static int run_direct(void)
{
	static char buf[16384] __attribute__((aligned(4096)));
	int fd = open(at("o", iter), O_RDWR | O_DIRECT), err = 0;

	if (fd < 0)
		return -errno;
	memset(buf, 'o', sizeof(buf));
	if (pwrite(fd, buf, sizeof(buf), 4096 * 8) < 0 || pread(fd, buf, sizeof(buf), 4096 * 8) < 0)
		err = -errno;
	close(fd);
	return err;
}
static bool check_direct(int r)
{
	struct stat st;

	return !stat(at("o", iter), &st) && (r || st.st_size == 4096 * 8 + 16384);
}

static int run_truncate(void) { return done(truncate(at("o", iter), 5000)); }
static bool check_truncate(int r)
{
	struct stat st;

	return !stat(at("o", iter), &st) && (r || holds(at("o", iter), 'o', 5000));
}

static void pre_cold(void)
{
	pre_old();
	drop_caches();
}
static int run_read(void)
{
	static char buf[DATA];
	int fd = open(at("o", iter), O_RDONLY), err = 0;

	if (fd < 0)
		return -errno;
	if (read(fd, buf, sizeof(buf)) < 0)
		err = -errno;
	close(fd);
	return err;
}
static bool check_read(int r) { (void)r; return holds(at("o", iter), 'o', DATA); }

static void pre_none(void) { drop_caches(); }
static int run_readdir(void)
{
	DIR *d = opendir(guest_mnt);
	int err;

	if (!d)
		return -errno;
	errno = 0;
	while (readdir(d))
		;
	err = -errno;
	closedir(d);
	return err;
}
static bool check_none(int r) { (void)r; return true; }

static int run_set(void)
{
	int fd = open(at("o", iter), O_RDWR), err;

	if (fd < 0)
		return -errno;
	err = vg_set(fd, "c", VEXFS_IOC_F32, DIM, 0, iter);
	close(fd);
	return err;
}
static bool check_set(int r)
{
	int fd = open(at("o", iter), O_RDWR);
	int err = vg_compare(fd, "c", VEXFS_IOC_F32, DIM, 0, iter);

	close(fd);
	return r ? err == -ENODATA || err == 0 : err == 0;
}

static void pre_vector(void)
{
	int fd, err;

	pre_old();
	fd = open(at("o", iter), O_RDWR);
	err = vg_set(fd, "c", VEXFS_IOC_F32, DIM, 0, iter);
	if (err)
		ktap_bail("set an embedding: %s", strerror(-err));
	close(fd);
	drop_caches();
}
static int run_getxattr(void)
{
	char buf[DIM * 4 + 16];

	return done((int)getxattr(at("o", iter), "user.vec.c", buf, sizeof(buf)));
}

static int run_search(void)
{
	static struct vg_search g;
	float q[DIM];
	int fd = open(guest_mnt, O_RDONLY | O_DIRECTORY), err;

	if (fd < 0)
		return -errno;
	vg_vector(iter, DIM, q);
	err = vg_run(&g, fd, "c", q, DIM, 3, 0);
	close(fd);
	/* Its own embedding is the nearest there is: a result that lacks it is a wrong one. */
	if (!err && (!g.s.found || strcmp(vg_path(&g, 0), strrchr(at("o", iter), '/') + 1)))
		err = -EBADMSG;
	return err;
}

static int run_collection(void)
{
	char name[32];
	int fd = open(guest_mnt, O_RDONLY | O_DIRECTORY), err;

	if (fd < 0)
		return -errno;
	snprintf(name, sizeof(name), "made%u", iter);
	err = vexfs_collection_create(fd, name, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2, NULL);
	close(fd);
	return err;
}
static bool check_collection(int r)
{
	struct vexfs_ioc_collection c;
	int fd = vg_root(), err;
	char name[32];

	snprintf(name, sizeof(name), "made%u", iter);
	err = vexfs_collection_info(fd, name, &c);
	if (!err)
		vexfs_collection_drop(fd, name);	/* 64 is the limit */
	close(fd);
	return (err == 0) == !r;
}

static int run_statfs(void)
{
	struct statfs s;

	return done(statfs(guest_mnt, &s));
}

static void pre_unmount(void)
{
	if (umount(guest_mnt))
		ktap_bail("umount");
}
static int run_mount(void) { return guest_mount(NULL) ? -errno : 0; }
static bool check_mount(int r) { return !r || guest_mount(NULL) == 0; }

static void pre_nothing(void) { }

static const struct op {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	bool (*check)(int r);
} ops[] = {
	{ "create", pre_nothing, run_create, check_create },
	{ "mkdir", pre_nothing, run_mkdir, check_mkdir },
	{ "symlink", pre_nothing, run_symlink, check_symlink },
	{ "link", pre_old, run_link, check_link },
	{ "rename", pre_old, run_rename, check_rename },
	{ "unlink", pre_old, run_unlink, check_unlink },
	{ "rmdir", pre_dir, run_rmdir, check_rmdir },
	{ "write and fsync", pre_old, run_write, check_write },
	{ "direct I/O", pre_old, run_direct, check_direct },
	{ "truncate", pre_cold, run_truncate, check_truncate },
	{ "read", pre_cold, run_read, check_read },
	{ "readdir", pre_none, run_readdir, check_none },
	{ "set an embedding", pre_old, run_set, check_set },
	{ "getxattr", pre_vector, run_getxattr, check_none },
	{ "search", pre_vector, run_search, check_none },
	{ "create a collection", pre_none, run_collection, check_collection },
	{ "statfs", pre_none, run_statfs, check_none },
	{ "mount", pre_unmount, run_mount, check_mount },
};
#define NOPS	(sizeof(ops) / sizeof(ops[0]))

/* ---- the sweep --------------------------------------------------------------------------------- */

/* An I/O error of metadata makes the filesystem read-only; a new mount must find it sound. */
static void revive(void)
{
	int fd = open(at("alive", 0), O_CREAT | O_RDWR, 0644);

	if (fd >= 0) {
		close(fd);
		return;
	}
	went_readonly++;
	if (umount(guest_mnt) || guest_mount(NULL))
		ktap_bail("mount after the filesystem went read-only");
}

static bool sweep(const struct op *op)
{
	unsigned int n, failed = 0, survived = 0;
	bool good = true;

	/* Every one of the first, then ever fewer: loops repeat the same places. */
	for (n = 1; n <= MAX_NTH && good; n += 1 + n / 12) {
		unsigned int left;
		int r;

		iter++;
		op->prepare();
		errno = 0;
		arm(n);
		r = op->run();
		left = disarm();
		failed += r != 0;
		survived += !r && !left;
		if (r && !clean_error(r)) {
			ktap_note("%s, failure %u: %s is no clean error", op->name, n, strerror(-r));
			good = false;
		}
		if (r && left) {
			ktap_note("%s fails by itself: %s", op->name, strerror(-r));
			good = false;
		}
		if (!op->check(r)) {
			ktap_note("%s, failure %u: returned %s, and what is there does not agree", op->name, n,
				  r ? strerror(-r) : "success");
			good = false;
		}
		revive();
		if (left)
			break;
	}
	ktap_note("%s: %u failures provoked, %u reported, %u survived", op->name, failed + survived, failed, survived);
	provoked += failed + survived;
	return good;
}

static void sweep_all(const char *what)
{
	provoked = 0;
	for (size_t i = 0; i < NOPS; i++)
		ktap(sweep(&ops[i]), "%s: %s", what, ops[i].name);
	/* An operation may have nothing of the kind; all of them together have. */
	ktap(provoked > NOPS, "%s: %u failures provoked in all", what, provoked);
}

/* ---- the storm ---------------------------------------------------------------------------------- */

#define ROUNDS	6
#define FILES	24

static char acked[ROUNDS * FILES];	/* what fsync said is durable, 0: it said nothing */

static int write_one(unsigned int n, char fill)
{
	static char buf[DATA];
	int fd = open(at("s", n), O_CREAT | O_RDWR, 0644), err = 0;

	if (fd < 0)
		return -errno;
	memset(buf, fill, sizeof(buf));
	if (pwrite(fd, buf, sizeof(buf), 0) != sizeof(buf) || fsync(fd))
		err = -(errno ? errno : EIO);
	close(fd);
	return err;
}

static bool storm_round(unsigned int round)
{
	unsigned int errors = 0, lost = 0, dirty = 0;
	char number[16];

	requests(true);
	set("fail_make_request", "interval", "1");
	snprintf(number, sizeof(number), "%u", 3 + 4 * round);
	set("fail_make_request", "probability", number);
	set("fail_make_request", "times", "-1");
	for (unsigned int i = 0; i < FILES; i++) {
		unsigned int n = round * FILES + i;
		int err = write_one(n, (char)('a' + n % 26));

		if (!err)
			acked[n] = (char)('a' + n % 26);
		else if (clean_error(err))
			errors++;
		else
			dirty++;
	}
	set("fail_make_request", "probability", "0");
	requests(false);
	if (umount(guest_mnt) || guest_mount(NULL))
		ktap_bail("mount after the storm");
	for (unsigned int n = 0; n <= round * FILES + FILES - 1; n++)
		if (acked[n] && !holds(at("s", n), acked[n], DATA)) {
			ktap_note("s%u was acknowledged and is not as it was", n);
			lost++;
		}
	ktap_note("round %u: %u of %u writes failed", round, errors, FILES);
	return !lost && !dirty;
}

static bool storm(void)
{
	bool good = true;

	for (unsigned int round = 0; round < ROUNDS; round++)
		good = storm_round(round) && good;
	return good;
}

static bool sound(void)
{
	bool good = umount(guest_mnt) == 0 && guest_fsck() == 0;

	if (guest_mount(NULL))
		ktap_bail("mount after fsck");
	return good;
}

static bool fresh(void)
{
	return guest_mkfs("") == 0 && guest_mount(NULL) == 0 &&
	       vg_collection("c", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2) == 0;
}

int main(void)
{
	ktap_plan(3 * (int)NOPS + 11);
	guest_setup();
	inject_setup();
	ktap(fresh(), "mkfs and mount");

	slabs(true);
	sweep_all("slabs");
	slabs(false);
	ktap(sound(), "fsck.vexfs -n after failing slab allocations");
	ktap(went_readonly == 0, "no failed slab allocation made it read-only");

	pages(true);
	sweep_all("pages");
	pages(false);
	ktap(sound(), "fsck.vexfs -n after failing page allocations");

	requests(true);
	sweep_all("requests");
	requests(false);
	ktap(sound(), "fsck.vexfs -n after failing requests");
	ktap_note("read-only %u times", went_readonly);

	ktap(umount(guest_mnt) == 0 && fresh(), "a fresh filesystem");
	ktap(storm(), "what fsync acknowledged survives random I/O errors");
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "fsck.vexfs -n after the storm");
	return ktap_exit();
}
