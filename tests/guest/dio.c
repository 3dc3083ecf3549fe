// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240 slice
 *
 * Direct I/O: overwrites run side by side, can be asked not to wait (RWF_NOWAIT) and are durable with
 * O_DSYNC; every other write keeps its order with them. And the page cache's large folios, where the
 * kernel has them for us.
 */
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/io_uring.h>
#include <linux/types.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "tests/guest/powercut.h"
#include "tests/guest/vecguest.h"

#define BLOCK	4096
#define BLOCKS	64
#define COLL	"d"
#define TRIES	2000

static char block[BLOCK] __attribute__((aligned(BLOCK)));

static int open_file(const char *name, int flags)
{
	int fd = open(guest_at(name), flags, 0644);

	if (fd < 0)
		ktap_bail("open %s", name);
	return fd;
}

/* @blocks written blocks, on disk; opened for direct I/O. */
static int direct_file(const char *name, int blocks)
{
	int fd = open_file(name, O_CREAT | O_RDWR);

	memset(block, 'a', sizeof(block));
	for (int i = 0; i < blocks; i++)
		if (pwrite(fd, block, BLOCK, i * (off_t)BLOCK) != BLOCK)
			ktap_bail("write %s", name);
	if (fsync(fd) || close(fd))
		ktap_bail("fsync %s", name);
	return open_file(name, O_RDWR | O_DIRECT);
}

static ssize_t write2(int fd, off_t off, size_t len, int flags)
{
	struct iovec v = { block, len };
	ssize_t n = pwritev2(fd, &v, 1, off, flags);

	return n < 0 ? -errno : n;
}

static ssize_t read2(int fd, off_t off, int flags)
{
	struct iovec v = { block, BLOCK };
	ssize_t n = preadv2(fd, &v, 1, off, flags);

	return n < 0 ? -errno : n;
}

/* ---- side by side ------------------------------------------------------------- */

static atomic_bool first_done;
static atomic_int first_tid;

static void *first_write(void *arg)
{
	static char b[BLOCK] __attribute__((aligned(BLOCK)));

	atomic_store(&first_tid, (int)syscall(SYS_gettid));
	if (pwrite(*(int *)arg, b, BLOCK, 0) != BLOCK)
		ktap_bail("first write");
	atomic_store(&first_done, true);
	return NULL;
}

/* It waits for the device: for nothing else does it sleep without being interruptible. */
static bool first_waits(void)
{
	char p[80], text[200] = "";
	FILE *f;
	const char *s;

	if (!atomic_load(&first_tid))
		return false;
	snprintf(p, sizeof(p), "/proc/self/task/%d/stat", atomic_load(&first_tid));
	f = fopen(p, "r");
	if (!f || !fgets(text, sizeof(text), f))
		ktap_bail("%s", p);
	fclose(f);
	s = strrchr(text, ')');
	return s && s[2] == 'D';
}

static int submit_one(aio_context_t ctx, int fd, off_t off)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = (__u32)fd,
			   .aio_buf = (__u64)(uintptr_t)block, .aio_nbytes = BLOCK, .aio_offset = off };
	struct iocb *list = &cb;

	return syscall(SYS_io_submit, ctx, 1, &list) == 1 ? 0 : -errno;
}

/* The first write waits for a slow device; the second is handed to the device meanwhile. */
static void test_parallel(void)
{
	int fd = direct_file("parallel", BLOCKS), err;
	aio_context_t ctx = 0;
	struct io_event ev;
	pthread_t t;
	bool before;

	if (guest_run("modprobe dm-delay")) {
		ktap_skip("an overwrite beside another", "this kernel has no dm-delay");
		return;
	}
	if (syscall(SYS_io_setup, 1, &ctx) || write2(fd, 0, BLOCK, 0) != BLOCK)
		ktap_bail("io_setup");
	cut_slow_writes(15000);
	if (pthread_create(&t, NULL, first_write, &fd))
		ktap_bail("pthread_create");
	while (!first_waits() && !atomic_load(&first_done))
		sched_yield();
	err = submit_one(ctx, fd, BLOCK);
	before = !atomic_load(&first_done);
	cut_restore();
	pthread_join(t, NULL);
	if (syscall(SYS_io_getevents, ctx, 1, 1, &ev, NULL) != 1)
		ktap_bail("io_getevents");
	syscall(SYS_io_destroy, ctx);
	ktap(!err && before && ev.res == BLOCK, "an overwrite does not wait for another: submitted %d, before %d, %lld",
	     err, before, (long long)ev.res);
	close(fd);
}

/* ---- not waiting ----------------------------------------------------------------- */

/* A new time would have to be stored first: that is not done without waiting, so just after another write. */
static ssize_t nowait_overwrite(int fd, off_t off)
{
	ssize_t n = -EAGAIN;

	for (int i = 0; i < TRIES && n == -EAGAIN; i++) {
		if (write2(fd, off, BLOCK, 0) != BLOCK)
			ktap_bail("write");
		n = write2(fd, off, BLOCK, RWF_NOWAIT);
	}
	return n;
}

static void test_nowait_write(void)
{
	int fd = direct_file("nowait", BLOCKS), err;
	ssize_t n, tail, hole, seen;

	n = nowait_overwrite(fd, 3 * BLOCK);
	ktap(n == BLOCK, "an overwrite that does not wait: %zd", n);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8 * BLOCK, BLOCK))
		ktap_bail("punch");
	hole = write2(fd, 8 * BLOCK, BLOCK, RWF_NOWAIT);
	tail = write2(fd, BLOCKS * BLOCK, BLOCK, RWF_NOWAIT);
	ktap(hole == -EAGAIN && tail == -EAGAIN, "not into a hole (%zd), not beyond the end (%zd)", hole, tail);
	err = vg_set(fd, COLL, VEXFS_IOC_F32, 8, 0, 1);
	seen = write2(fd, 0, BLOCK, RWF_NOWAIT);
	ktap(!err && seen == -EAGAIN, "not where an embedding has to become stale first: set %d, write %zd", err, seen);
	n = nowait_overwrite(fd, 0);
	ktap(n == BLOCK, "but after a write that has done so: %zd", n);
	close(fd);
}

/* A tree with more records than the inode has room for, not in memory after a mount. */
static void test_nowait_read(void)
{
	int fd = direct_file("pieces", 2 * BLOCKS);
	ssize_t cold, warm;

	for (int i = 0; i < BLOCKS; i++)
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, i * 2L * BLOCK, BLOCK))
			ktap_bail("punch");
	close(fd);
	if (umount(guest_mnt) || guest_mount("commit=300"))
		ktap_bail("remount");
	fd = open_file("pieces", O_RDONLY | O_DIRECT);
	cold = read2(fd, 2 * BLOCKS * BLOCK - BLOCK, RWF_NOWAIT);
	if (read2(fd, 2 * BLOCKS * BLOCK - BLOCK, 0) != BLOCK)
		ktap_bail("read");
	warm = read2(fd, 2 * BLOCKS * BLOCK - BLOCK, RWF_NOWAIT);
	ktap(cold == -EAGAIN && warm == BLOCK, "reading without waiting: mapping on disk %zd, in memory %zd", cold, warm);
	close(fd);
}

/* ---- io_uring ---------------------------------------------------------------------- */

struct ring {
	int			fd;
	struct io_uring_params	p;
	char			*sq, *cq;
	struct io_uring_sqe	*sqes;
};

static char *ring_map(struct ring *r, size_t len, off_t what)
{
	char *m = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, what);

	if (m == MAP_FAILED)
		ktap_bail("mmap of a ring");
	return m;
}

static bool ring_open(struct ring *r, unsigned int entries)
{
	r->fd = (int)syscall(SYS_io_uring_setup, entries, &r->p);
	if (r->fd < 0)
		return false;
	r->sq = ring_map(r, r->p.sq_off.array + r->p.sq_entries * sizeof(__u32), IORING_OFF_SQ_RING);
	r->cq = ring_map(r, r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	r->sqes = (void *)ring_map(r, r->p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	return true;
}

#define RING(r, ring, field)	((__u32 *)((r)->ring + (r)->p.ring##_off.field))

static void ring_write(struct ring *r, unsigned int i, int fd, const void *data, off_t off)
{
	r->sqes[i] = (struct io_uring_sqe){ .opcode = IORING_OP_WRITE, .fd = fd, .addr = (__u64)(uintptr_t)data,
					    .len = BLOCK, .off = (__u64)off, .user_data = i };
	RING(r, sq, array)[i] = i;
}

/* All complete: how many with BLOCK bytes. */
static int ring_run(struct ring *r, unsigned int n)
{
	struct io_uring_cqe *cqe = (void *)(r->cq + r->p.cq_off.cqes);
	int good = 0;

	__atomic_store_n(RING(r, sq, tail), n, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, n, n, IORING_ENTER_GETEVENTS, NULL, 0) != n)
		ktap_bail("io_uring_enter");
	for (unsigned int i = 0; i < n; i++)
		good += cqe[i].res == BLOCK;
	return good;
}

/* Overwrites, a hole and an append in one go. */
static void test_uring(void)
{
	static char data[16][BLOCK] __attribute__((aligned(BLOCK)));
	int fd = direct_file("uring", 16), good, same = 0;
	struct ring r = { };

	if (!ring_open(&r, 16)) {
		ktap_skip("io_uring", "this kernel has none");
		close(fd);
		return;
	}
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5 * BLOCK, BLOCK) || ftruncate(fd, 15 * BLOCK))
		ktap_bail("hole");
	for (unsigned int i = 0; i < 16; i++) {
		memset(data[i], 'A' + (int)i, BLOCK);
		ring_write(&r, i, fd, data[i], i * (off_t)BLOCK);
	}
	good = ring_run(&r, 16);
	for (int i = 0; i < 16; i++)
		same += read2(fd, i * (off_t)BLOCK, 0) == BLOCK && !memcmp(block, data[i], BLOCK);
	ktap(good == 16 && same == 16, "io_uring: %d of 16 writes complete, %d read back", good, same);
	close(r.fd);
	close(fd);
}

/* ---- beside writes that hold the lock alone -------------------------------------------- */

#define WRITERS	4
#define ROUNDS	300

static int shared_fd;

/* Its own blocks, direct, each time with another content, which must be there afterwards. */
static void *stripe_writer(void *arg)
{
	long me = (long)arg, bad = 0;
	char *b = aligned_alloc(BLOCK, 2 * BLOCK), *back = b + BLOCK;

	for (int i = 0; i < ROUNDS; i++) {
		off_t off = (me + WRITERS * (i % 8)) * BLOCK;

		memset(b, (char)(me * 64 + i % 64), BLOCK);
		bad += pwrite(shared_fd, b, BLOCK, off) != BLOCK || pread(shared_fd, back, BLOCK, off) != BLOCK ||
		       memcmp(b, back, BLOCK);
	}
	free(b);
	return (void *)bad;
}

/* Beyond those: holes, zeros, appends and truncates. */
static long alone_writer(void)
{
	off_t base = 40L * BLOCK;
	long bad = 0;
	int fd = open_file("race", O_RDWR);

	for (int i = 0; i < ROUNDS; i++) {
		char c = (char)i;

		bad += fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, base, 4 * BLOCK) != 0;
		bad += pwrite(fd, &c, 1, base + i) != 1;
		bad += fallocate(fd, FALLOC_FL_ZERO_RANGE, base + 6 * BLOCK, BLOCK) != 0;
		bad += ftruncate(fd, base + 8 * BLOCK + i) != 0;
	}
	close(fd);
	return bad;
}

static void test_race(void)
{
	pthread_t t[WRITERS];
	long bad = 0;
	void *r;

	shared_fd = direct_file("race", BLOCKS);
	for (long i = 0; i < WRITERS; i++)
		if (pthread_create(&t[i], NULL, stripe_writer, (void *)i))
			ktap_bail("pthread_create");
	bad = alone_writer();
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(t[i], &r);
		bad += (long)r;
	}
	ktap(!bad, "%d overwriting threads beside punches, appends and truncates: %ld faults", WRITERS, bad);
	close(shared_fd);
}

/* ---- durable ---------------------------------------------------------------------------- */

/* What O_DSYNC has written is there after a power cut, and so is a size that it moved inside a block. */
static void test_dsync(void)
{
	int fd = direct_file("dsync", 4), flags = O_RDWR | O_DIRECT | O_DSYNC;
	struct stat st;
	ssize_t n;

	close(fd);
	fd = open_file("dsync", flags);
	memset(block, 'z', sizeof(block));
	n = write2(fd, BLOCK, BLOCK, 0);
	if (n != BLOCK || ftruncate(fd, 4 * BLOCK - 3584) || fsync(fd))
		ktap_bail("write: %zd", n);
	n = write2(fd, 3 * BLOCK + 512, 512, 0);
	cut_power();
	close(fd);
	if (umount(guest_mnt))
		ktap_bail("umount");
	cut_restore();
	if (guest_mount("commit=300") || stat(guest_at("dsync"), &st))
		ktap_bail("mount");
	fd = open_file("dsync", O_RDONLY);
	memset(block, 0, sizeof(block));
	if (read2(fd, BLOCK, 0) != BLOCK)
		ktap_bail("read");
	ktap(block[0] == 'z' && block[BLOCK - 1] == 'z', "O_DSYNC: the overwrite is on the disk");
	ktap(n == 512 && st.st_size == 3 * BLOCK + 1024, "and the size that a write of 512 bytes moved: %lld",
	     (long long)st.st_size);
	close(fd);
}

/* ---- large folios ------------------------------------------------------------------------ */

#define KPF_HEAD	(1ULL << 15)
#define KPF_TAIL	(1ULL << 16)

/* Pages of the mapping that belong to a folio of more than one. */
static int large_pages(const char *m, int pages)
{
	int map = open("/proc/self/pagemap", O_RDONLY), kpf = open("/proc/kpageflags", O_RDONLY), large = 0;
	unsigned long long e, flags;

	if (map < 0 || kpf < 0)
		return -1;
	for (int i = 0; i < pages; i++) {
		off_t at = (off_t)((unsigned long)(m + i * BLOCK) / BLOCK * 8);

		if (pread(map, &e, 8, at) != 8 || !(e >> 63))
			continue;
		if (pread(kpf, &flags, 8, (off_t)(e & ((1ULL << 55) - 1)) * 8) == 8)
			large += !!(flags & (KPF_HEAD | KPF_TAIL));
	}
	close(map);
	close(kpf);
	return large;
}

static void test_large(void)
{
	static char piece[256 * BLOCK];
	int fd = open_file("large", O_CREAT | O_RDWR), n, a = 0, b = 0;
	struct utsname u;
	char *m;

	if (uname(&u) || sscanf(u.release, "%d.%d", &a, &b) != 2)
		ktap_bail("uname");
	if (a * 100 + b < 606) {
		ktap_skip("large folios", "before 6.6 iomap does not know which of their blocks are dirty");
		close(fd);
		return;
	}
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK)) {
		ktap_skip("large folios", "this kernel has no CONFIG_TRANSPARENT_HUGEPAGE");
		close(fd);
		return;
	}
	if (write(fd, piece, sizeof(piece)) != sizeof(piece))
		ktap_bail("write");
	m = mmap(NULL, sizeof(piece), PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	n = m == MAP_FAILED ? -1 : large_pages(m, 256);
	ktap(n > 0, "%d of 256 pages of a file written in one go are in large folios", n);
	munmap(m, sizeof(piece));
	close(fd);
}

int main(void)
{
	guest_setup();
	if (!cut_setup()) {
		printf("KTAP version 1\n1..0 # SKIP this kernel has no dm-flakey\n");
		return 0;
	}
	ktap_plan(12);
	if (guest_mkfs("") || guest_mount("commit=300"))
		ktap_bail("mkfs");
	if (vg_collection(COLL, 8, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("collection");
	test_parallel();
	test_nowait_write();
	test_nowait_read();
	test_uring();
	test_race();
	test_dsync();
	test_large();
	if (umount(guest_mnt))
		ktap_bail("umount");
	cut_remove();
	ktap(guest_fsck() == 0, "fsck finds nothing");
	return ktap_exit();
}
