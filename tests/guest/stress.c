// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=768M time=300 cpus=2 slice
 *
 * Several processes at once in one tree, racing each other for names, blocks,
 * mappings and commits. There is no model: the oracles are errors that cannot
 * happen, the kernel's own checks, and fsck at the end.
 */
#include <sys/mman.h>

#include "tests/guest/guest.h"

#define WORKERS	4
#define OPS	2500
#define FILES	40

static unsigned long long rng;

static unsigned int rnd(unsigned int n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(rng >> 33) % n;
}

static void some_path(char *p, size_t size)
{
	snprintf(p, size, "%s/s%u/f%u", guest_mnt, rnd(3), rnd(FILES));
}

/* What races may leave: somebody removed, made or filled it first. */
static bool fine(int err)
{
	return err == 0 || err == ENOENT || err == EEXIST || err == ENOSPC || err == ENOTEMPTY ||
	       err == EISDIR || err == ENOTDIR || err == ELOOP;
}

static int op_write(const char *p)
{
	static char buf[40000];
	int fd = open(p, O_CREAT | O_RDWR, 0644), err = 0;

	if (fd < 0)
		return errno;
	memset(buf, 'a' + rnd(26), sizeof(buf));
	if (pwrite(fd, buf, 1 + rnd(sizeof(buf) - 1), rnd(300000)) < 0)
		err = errno;
	if (rnd(10) == 0 && fsync(fd))
		err = errno;
	close(fd);
	return err;
}

static int op_truncate(const char *p)
{
	return truncate(p, rnd(300000)) ? errno : 0;
}

/* On files of its own: a direct write that collides with mapped pages makes a
 * later fsync report EIO, by design of the page cache. Truncates do collide. */
static int op_direct(void)
{
	static char buf[65536] __attribute__((aligned(4096)));
	unsigned int n = 4096 * (1 + rnd(16)), off = 4096 * rnd(64);
	int fd, err = 0;
	char p[512];

	snprintf(p, sizeof(p), "%s/s%u/direct%u", guest_mnt, rnd(3), rnd(4));
	if (rnd(8) == 0)
		return op_truncate(p);
	fd = open(p, O_CREAT | O_RDWR | O_DIRECT, 0644);
	if (fd < 0)
		return errno;
	if ((rnd(2) ? pwrite(fd, buf, n, off) : pread(fd, buf, n, off)) < 0)
		err = errno;
	close(fd);
	return err;
}

static int op_mmap(const char *p)
{
	int fd = open(p, O_RDWR), err = 0;
	struct stat st;
	char *m;

	if (fd < 0)
		return errno;
	/* Another process may truncate under the mapping: touch through the
	 * kernel, where that is an error and not a signal. */
	if (!fstat(fd, &st) && st.st_size) {
		m = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (m != MAP_FAILED) {
			if (pread(fd, m, st.st_size, 0) < 0 && errno != EFAULT)
				err = errno;
			munmap(m, st.st_size);
		}
	}
	close(fd);
	return err;
}

static int op_two(const char *p)
{
	char q[512];

	some_path(q, sizeof(q));
	return (rnd(3) ? rename(p, q) : link(p, q)) ? errno : 0;
}

/* Unlinked while open: must stay readable, then go away. */
static int op_unlink_open(const char *p)
{
	int fd = open(p, O_RDWR), err = 0;
	char c;

	if (fd < 0)
		return errno;
	if (unlink(p) && errno != ENOENT)
		err = errno;
	if (pread(fd, &c, 1, 0) < 0)
		err = errno;
	close(fd);
	return err;
}

static int op_dir(void)
{
	char p[512];

	snprintf(p, sizeof(p), "%s/s%u/d%u", guest_mnt, rnd(3), rnd(10));
	return (rnd(2) ? mkdir(p, 0755) : rmdir(p)) ? errno : 0;
}

static int one(void)
{
	char p[512];

	some_path(p, sizeof(p));
	switch (rnd(10)) {
	case 0: case 1: case 2: return op_write(p);
	case 3: return op_direct();
	case 4: return op_mmap(p);
	case 5: return op_truncate(p);
	case 6: return op_two(p);
	case 7: return op_unlink_open(p);
	case 8: return op_dir();
	default:
		if (rnd(20) == 0)
			sync();
		return 0;
	}
}

static int worker(int k)
{
	rng += (unsigned long long)k * 7919;
	for (int i = 0; i < OPS; i++) {
		int err = one();

		if (!fine(err)) {
			ktap_note("worker %d, operation %d: %s", k, i, strerror(err));
			return 1;
		}
	}
	return 0;
}

int main(void)
{
	const char *seed = getenv("VEX_SEED");
	int st, bad = 0;
	char p[512];

	rng = seed ? strtoull(seed, NULL, 0) : 20261124;
	ktap_plan(4);
	guest_setup();
	ktap_note("seed %llu (VEX_SEED overrides)", rng);
	ktap(guest_mkfs("") == 0 && guest_mount(NULL) == 0, "mkfs and mount");
	for (int i = 0; i < 3; i++) {
		snprintf(p, sizeof(p), "%s/s%d", guest_mnt, i);
		mkdir(p, 0755);
	}
	for (int k = 0; k < WORKERS; k++)
		if (fork() == 0)
			_exit(worker(k));
	for (int k = 0; k < WORKERS; k++)
		bad += wait(&st) < 0 || !WIFEXITED(st) || WEXITSTATUS(st);
	ktap(!bad, "%d processes, %d operations each, no impossible error", WORKERS, OPS);
	ktap(umount(guest_mnt) == 0, "unmount");
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
