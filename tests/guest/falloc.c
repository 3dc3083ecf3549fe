// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120 slice
 *
 * fallocate(2): which blocks a file has after each mode, what it refuses, that room is made
 * or given back to the block, and that what was preallocated stays: over the close of the last
 * writer, a failed write, eviction, a remount and a crash. What is read is fsx's matter.
 */
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/types.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "tests/guest/vecguest.h"

#define BLOCK	4096L
#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ZERO	FALLOC_FL_ZERO_RANGE
#define KEEP	FALLOC_FL_KEEP_SIZE

static char buf[64 * BLOCK] __attribute__((aligned(4096)));
static const char *volatile bad_buffer = (const char *)1;
static char path[600];
static char seen[80];

/* ---- what a file has ----------------------------------------------------------- */

static int file_of(long size)
{
	static int n;
	int fd;

	snprintf(path, sizeof(path), "%s/f%d", guest_mnt, n++);
	fd = open(path, O_CREAT | O_RDWR, 0644);
	memset(buf, 'a', sizeof(buf));
	if (fd < 0 || write(fd, buf, (size_t)size) != size || fsync(fd))
		ktap_bail("make %s", path);
	return fd;
}

static int again(int fd)
{
	close(fd);
	fd = open(path, O_RDWR);
	if (fd < 0)
		ktap_bail("open %s", path);
	return fd;
}

static long blocks(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : (long)st.st_blocks / 8;
}

static long size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : (long)st.st_size;
}

/* A letter for each of the first blocks: d data, u unwritten, - hole. */
static const char *map_of(int fd)
{
	struct {
		struct fiemap fm;
		struct fiemap_extent e[32];
	} m = { .fm = { .fm_length = ~0ULL, .fm_flags = FIEMAP_FLAG_SYNC, .fm_extent_count = 32 } };
	size_t end = 0;

	memset(seen, '-', sizeof(seen));
	if (ioctl(fd, FS_IOC_FIEMAP, &m))
		return "fiemap failed";
	for (__u32 i = 0; i < m.fm.fm_mapped_extents; i++) {
		size_t from = m.e[i].fe_logical / BLOCK, to = from + m.e[i].fe_length / BLOCK;

		for (; from < to && from < sizeof(seen) - 1; from++)
			seen[from] = m.e[i].fe_flags & FIEMAP_EXTENT_UNWRITTEN ? 'u' : 'd';
		end = from;
	}
	seen[end] = 0;
	return seen;
}

/* Zeros in [from, to) of a file of @size that is 'a' elsewhere. */
static bool holds(int fd, long size, long from, long to)
{
	static char have[sizeof(buf) + 1];
	long i;

	if (pread(fd, have, sizeof(have), 0) != size)
		return false;
	for (i = 0; i < size; i++)
		if (have[i] != (i >= from && i < to ? 0 : 'a'))
			break;
	if (i < size)
		ktap_note("byte %ld is %#x", i, have[i]);
	return i == size;
}

/* ---- the map after each mode ------------------------------------------------------ */

static void expect(const char *name, long size, int mode, long off, long len, const char *map,
		   long new_size)
{
	int fd = file_of(size), err = fallocate(fd, mode, off, len) ? errno : 0;
	const char *m = map_of(fd);
	long now = size_of(fd);

	ktap(!err && !strcmp(m, map) && now == new_size, "%s: error %d, blocks %s (expected %s), size %ld",
	     name, err, m, map, now);
	close(fd);
}

static void test_maps(void)
{
	long b = BLOCK;

	expect("allocate over the end", 2 * b, 0, b, 3 * b, "dduu", 4 * b);
	expect("allocate into the next block", 100, 0, 0, b + 1, "du", b + 1);
	expect("allocate, size kept", 100, KEEP, b + 1, b, "duu", 100);
	expect("zero blocks", 4 * b, ZERO, b, 2 * b, "duud", 4 * b);
	expect("zero with partial blocks", 4 * b, ZERO, b - 10, b + 20, "dudd", 4 * b);
	expect("zero over the end", 2 * b, ZERO, b + 10, 2 * b, "dduu", 3 * b + 10);
	expect("zero over the end, size kept", 2 * b, ZERO | KEEP, b, 2 * b + 1, "duuu", 2 * b);
	expect("zero the block of the end", b + 10, ZERO | KEEP, b, 100, "du", b + 10);
	expect("punch blocks", 4 * b, PUNCH, b, 2 * b, "d--d", 4 * b);
	expect("punch partial blocks", 4 * b, PUNCH, b + 1, 2 * b, "dd-d", 4 * b);
	expect("punch within a block", 2 * b, PUNCH, 10, 10, "dd", 2 * b);
	expect("punch the block of the end", b + 10, PUNCH, b, 10, "d", b + 10);
	expect("punch beyond the end", 2 * b, PUNCH, 2 * b, 10 * b, "dd", 2 * b);
}

/* The content is fsx's matter, here is the map: letters of the old blocks, and how they move. */
static void test_moves(void)
{
	long b = BLOCK;

	expect("collapse blocks", 5 * b + 7, FALLOC_FL_COLLAPSE_RANGE, b, 2 * b, "dddd", 3 * b + 7);
	expect("collapse from the begin", 5 * b, FALLOC_FL_COLLAPSE_RANGE, 0, 4 * b, "d", b);
	expect("insert blocks", 3 * b + 7, FALLOC_FL_INSERT_RANGE, b, 2 * b, "d--ddd", 5 * b + 7);
	expect("insert at the begin", 2 * b, FALLOC_FL_INSERT_RANGE, 0, 3 * b, "---dd", 5 * b);
}

/* What is beyond the end: a collapse gives it up, an insert takes it along. */
static void test_move_tail(void)
{
	int fd = file_of(4 * BLOCK), bad = 0;

	bad += fallocate(fd, KEEP, 4 * BLOCK, 2 * BLOCK) != 0;
	bad += fallocate(fd, FALLOC_FL_INSERT_RANGE, BLOCK, BLOCK) != 0;
	bad += strcmp(map_of(fd), "d-ddduu") != 0;
	fd = again(fd);
	bad += strcmp(map_of(fd), "d-ddduu") != 0 || size_of(fd) != 5 * BLOCK;
	bad += fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, BLOCK, BLOCK) != 0;
	bad += strcmp(map_of(fd), "dddd") != 0 || blocks(fd) != 4;
	ktap(!bad, "preallocated blocks when content moves: %s", map_of(fd));
	close(fd);
}

static unsigned int extents(int fd)
{
	struct fiemap m = { .fm_length = ~0ULL, .fm_flags = FIEMAP_FLAG_SYNC };

	return ioctl(fd, FS_IOC_FIEMAP, &m) ? 0 : m.fm_mapped_extents;
}

/* What an insert has parted is one extent again when the range is taken out. */
static void test_move_back(void)
{
	int fd = file_of(40 * BLOCK), bad = 0;
	unsigned int first = extents(fd), parted;
	long i;

	for (i = 0; i < 40; i++)
		bad += fallocate(fd, FALLOC_FL_INSERT_RANGE, 2 * i * BLOCK, BLOCK) != 0;
	parted = extents(fd);
	for (i = 0; i < 40; i++)
		bad += fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, i * BLOCK, BLOCK) != 0;
	ktap(!bad && first && parted >= 40 && extents(fd) == first && size_of(fd) == 40 * BLOCK,
	     "%u extents, %u with holes between the blocks, %u without them", first, parted, extents(fd));
	close(fd);
}

/* Thousands of extents: the tree has several levels of nodes. */
static void test_move_many(void)
{
	enum { N = 3000 };
	int fd = file_of(0), bad = 0;
	char c, want;

	for (long i = 0; i < N; i++) {
		memset(buf, (int)('A' + i % 50), BLOCK);
		bad += pwrite(fd, buf, BLOCK, 2 * i * BLOCK) != BLOCK;
	}
	bad += fsync(fd) != 0;
	bad += fallocate(fd, FALLOC_FL_INSERT_RANGE, 11 * BLOCK, 1000 * BLOCK) != 0;
	bad += fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, BLOCK, 1000 * BLOCK) != 0;
	bad += fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 2001 * BLOCK, 2000 * BLOCK) != 0;
	close(fd);
	vg_remount();
	fd = open(path, O_RDONLY);
	for (long i = 0; i < N - 1000; i++) {
		want = (char)('A' + (i <= 1000 ? i : i + 1000) % 50);
		/* 0 is the first block; 11 and what followed are at 11 again, 1 to 10 are out. */
		if (i >= 1 && i <= 5)
			want = 0;
		if (pread(fd, &c, 1, 2 * i * BLOCK) != 1 || c != want) {
			if (!bad)
				ktap_note("block %ld: %#x, expected %#x", 2 * i, c, want);
			bad++;
		}
	}
	ktap(!bad && blocks(fd) > N - 1010, "content of many extents moves, %ld blocks", blocks(fd));
	close(fd);
}

/* Into holes only; what was there stays. */
static void test_sparse(void)
{
	int fd = file_of(2 * BLOCK), bad = 0;

	bad += fallocate(fd, PUNCH, 0, BLOCK) != 0 || ftruncate(fd, 6 * BLOCK) != 0;
	bad += pwrite(fd, buf, BLOCK, 4 * BLOCK) != BLOCK;
	bad += strcmp(map_of(fd), "-d--d") != 0;
	bad += fallocate(fd, 0, 0, 6 * BLOCK) != 0;
	bad += strcmp(map_of(fd), "uduudu") != 0 || blocks(fd) != 6;
	bad += fallocate(fd, ZERO, 0, 6 * BLOCK) != 0;
	bad += strcmp(map_of(fd), "uuuuuu") != 0 || blocks(fd) != 6;
	ktap(!bad, "holes between data: %s", map_of(fd));
	close(fd);
}

/* ---- dirty pages, mappings ----------------------------------------------------------- */

static void test_dirty(void)
{
	int fd = file_of(8 * BLOCK), bad = 0;
	char *m = mmap(NULL, 8 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (m == MAP_FAILED)
		ktap_bail("mmap");
	memset(m, 'a', 8 * BLOCK);
	bad += fallocate(fd, PUNCH, BLOCK + 5, 2 * BLOCK) != 0;
	bad += m[BLOCK + 4] != 'a' || m[BLOCK + 5] || m[2 * BLOCK] || m[3 * BLOCK + 4] ||
	       m[3 * BLOCK + 5] != 'a';
	bad += !holds(fd, 8 * BLOCK, BLOCK + 5, 3 * BLOCK + 5);
	memset(m, 'a', 8 * BLOCK);
	bad += fallocate(fd, ZERO, 10, 5 * BLOCK) != 0;
	bad += m[9] != 'a' || m[10] || m[5 * BLOCK + 9] || m[5 * BLOCK + 10] != 'a';
	munmap(m, 8 * BLOCK);
	close(fd);
	vg_remount();
	fd = open(path, O_RDWR);
	bad += !holds(fd, 8 * BLOCK, 10, 5 * BLOCK + 10);
	ktap(!bad, "dirty pages of a mapping are punched and zeroed");
	close(fd);
}

/* Behind the end of the file a mapping may hold anything: not when the file grows over it. */
static void test_scribble(void)
{
	int fd = file_of(100), bad = 0;
	char *m = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (m == MAP_FAILED)
		ktap_bail("mmap");
	memset(m + 100, 'x', BLOCK - 100);
	bad += fallocate(fd, ZERO, 200, 3000) != 0 || !holds(fd, 3200, 100, 3200);
	memset(m + 3200, 'x', BLOCK - 3200);
	bad += fallocate(fd, 0, 0, 3 * BLOCK) != 0 || !holds(fd, 3 * BLOCK, 100, 3 * BLOCK);
	munmap(m, BLOCK);
	ktap(!bad, "the file grows over bytes that a mapping left behind its end");
	close(fd);
}

/* ---- what stays beyond the end --------------------------------------------------------- */

static void test_keep(void)
{
	int fd = file_of(BLOCK), bad = 0;

	bad += fallocate(fd, KEEP, 0, 8 * BLOCK) != 0 || blocks(fd) != 8;
	fd = again(fd);
	bad += blocks(fd) != 8;
	/* A write beyond that fails and leaves nothing; what was asked for stays. */
	bad += pwrite(fd, bad_buffer, BLOCK, 20 * BLOCK) != -1 || pwrite(fd, buf, 10, BLOCK) != 10;
	fd = again(fd);
	bad += blocks(fd) != 8 || strcmp(map_of(fd), "dduuuuuu") != 0;
	close(fd);
	bad += guest_run("echo 2 >/proc/sys/vm/drop_caches") != 0;
	fd = open(path, O_RDWR);
	bad += blocks(fd) != 8;
	close(fd);
	vg_remount();
	fd = open(path, O_RDWR);
	bad += blocks(fd) != 8 || pwrite(fd, bad_buffer, BLOCK, 20 * BLOCK) != -1;
	bad += pwrite(fd, buf, BLOCK, 9 * BLOCK) != BLOCK || ftruncate(fd, 20 * BLOCK) != 0;
	bad += fallocate(fd, KEEP, 20 * BLOCK, BLOCK) != 0;
	fd = again(fd);
	bad += strcmp(map_of(fd), "dduuuuuu-d----------u") != 0;
	ktap(!bad, "preallocated blocks stay: %s", map_of(fd));
	close(fd);
}

/* truncate(2) gives up what is beyond the end, also to the size that the file has. */
static void test_keep_ends(void)
{
	int fd = file_of(BLOCK), bad = 0;

	bad += fallocate(fd, KEEP, 0, 8 * BLOCK) != 0 || ftruncate(fd, BLOCK) != 0 || blocks(fd) != 1;
	bad += fallocate(fd, KEEP, 0, 8 * BLOCK) != 0 || ftruncate(fd, 100) != 0 || blocks(fd) != 1;
	bad += fallocate(fd, KEEP, 0, 8 * BLOCK) != 0 || ftruncate(fd, 3 * BLOCK) != 0 || blocks(fd) != 8;
	bad += fallocate(fd, PUNCH, 3 * BLOCK, 2 * BLOCK) != 0 || blocks(fd) != 6;
	close(fd);
	vg_remount();
	fd = open(path, O_RDWR);
	bad += blocks(fd) != 6 || ftruncate(fd, 3 * BLOCK) != 0 || blocks(fd) != 3;
	fd = again(fd);
	bad += ftruncate(fd, 0) != 0 || blocks(fd) != 0 || fallocate(fd, KEEP, 0, BLOCK) != 0;
	close(fd);
	fd = open(path, O_RDWR | O_TRUNC);
	bad += blocks(fd) != 0;
	ktap(!bad, "truncate frees what was preallocated");
	close(fd);
}

static void crash(void)
{
	__u32 how = VEXFS_SHUTDOWN_LOGFLUSH;
	int root = vg_root();

	if (ioctl(root, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(root);
	vg_remount();
}

static void test_keep_crash(void)
{
	int fd = file_of(BLOCK), bad;

	bad = fallocate(fd, KEEP, 0, 8 * BLOCK) != 0;
	close(fd);
	crash();
	fd = open(path, O_RDWR);
	bad += blocks(fd) != 8 || !holds(fd, BLOCK, 0, 0);
	ktap(!bad, "preallocated blocks are there after a crash");
	close(fd);
}

/* ---- room --------------------------------------------------------------------------------- */

/* All or nothing, and what was asked for can be written on a full device. */
static void test_room(void)
{
	unsigned long long room;
	long most, got = 0;
	int fd = file_of(0), bad = 0, filler;

	sync();
	room = guest_free_blocks();
	most = (long)room;
	bad += !fallocate(fd, KEEP, 0, 1L << 40) || errno != ENOSPC || blocks(fd) != 0;
	bad += !fallocate(fd, 0, 0, (most + 1) * BLOCK) || errno != ENOSPC || blocks(fd) || size_of(fd);
	sync();
	bad += guest_free_blocks() != room;
	/* The largest that works, from above. */
	for (; most > 0 && fallocate(fd, 0, 0, most * BLOCK); most -= 1 + most / 64)
		bad += errno != ENOSPC || blocks(fd) || size_of(fd);
	got = blocks(fd);
	bad += size_of(fd) != most * BLOCK || got < (long)room - (long)room / 16;
	filler = open(guest_at("filler"), O_CREAT | O_RDWR, 0644);
	while (write(filler, buf, sizeof(buf)) > 0)
		;
	fsync(filler);
	/* Every second block, so that the tree has to grow. */
	for (long i = 0; i < 3000; i += 2)
		bad += pwrite(fd, buf, BLOCK, i * BLOCK) != BLOCK;
	bad += fsync(fd) != 0;
	ktap(!bad, "of %llu free blocks %ld can be had, and written on a full device", room, got);
	close(filler);
	unlink(guest_at("filler"));
	ftruncate(fd, 0);
	close(fd);
	sync();
}

/* What a huge range costs: nothing; and it can be ended. */
static void test_huge(void)
{
	int fd = file_of(BLOCK), bad = 0;
	long huge = (1L << 43) - BLOCK;

	bad += ftruncate(fd, huge) != 0 || fallocate(fd, PUNCH, 0, huge) != 0 || blocks(fd) != 0;
	bad += !fallocate(fd, ZERO, 0, huge) || errno != ENOSPC || blocks(fd) != 0;
	bad += !fallocate(fd, 0, 1L << 43, 1L << 43) || errno != EFBIG;
	bad += !fallocate(fd, 0, 1L << 44, 1) || errno != EFBIG;
	bad += size_of(fd) != huge;
	ktap(!bad, "ranges of terabytes");
	close(fd);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static bool refused(int fd, int mode, long off, long len, int want)
{
	errno = 0;
	if (fallocate(fd, mode, off, len) == -1 && errno == want)
		return true;
	ktap_note("fallocate(%#x, %ld, %ld): errno %d, expected %d", mode, off, len, errno, want);
	return false;
}

static void test_refusals(void)
{
	int fd = file_of(BLOCK), ro = open(path, O_RDONLY), bad = 0;

	bad += !refused(fd, 0, 0, 0, EINVAL);
	bad += !refused(fd, 0, -1, 1, EINVAL);
	bad += !refused(fd, FALLOC_FL_PUNCH_HOLE, 0, 1, EOPNOTSUPP);
	bad += !refused(fd, 0x4000, 0, 1, EOPNOTSUPP);
	bad += !refused(fd, FALLOC_FL_UNSHARE_RANGE, 0, 1, EOPNOTSUPP);
	bad += !refused(ro, 0, 0, 1, EBADF);
	ktap(!bad && blocks(fd) == 1, "invalid arguments are refused");
	close(ro);
	close(fd);
}

static void test_move_refusals(void)
{
	int fd = file_of(4 * BLOCK), bad = 0;
	long huge = (1L << 44) - 2 * BLOCK;

	bad += !refused(fd, FALLOC_FL_COLLAPSE_RANGE, 1, BLOCK, EINVAL);
	bad += !refused(fd, FALLOC_FL_COLLAPSE_RANGE, 0, BLOCK - 1, EINVAL);
	bad += !refused(fd, FALLOC_FL_COLLAPSE_RANGE, 2 * BLOCK, 2 * BLOCK, EINVAL);
	bad += !refused(fd, FALLOC_FL_INSERT_RANGE, 100, BLOCK, EINVAL);
	bad += !refused(fd, FALLOC_FL_INSERT_RANGE, 4 * BLOCK, BLOCK, EINVAL);
	bad += !refused(fd, FALLOC_FL_INSERT_RANGE, 0, huge - BLOCK, EFBIG);
	bad += !holds(fd, 4 * BLOCK, 0, 0);
	bad += ftruncate(fd, huge) != 0 || fallocate(fd, FALLOC_FL_INSERT_RANGE, BLOCK, BLOCK) != 0;
	bad += size_of(fd) != huge + BLOCK || strcmp(map_of(fd), "d-ddd") != 0;
	bad += !refused(fd, FALLOC_FL_INSERT_RANGE, BLOCK, BLOCK, EFBIG);
	ktap(!bad, "moves that are not possible are refused");
	close(fd);
}

static void test_limit(void)
{
	struct rlimit { unsigned long cur, max; };
	int fd = file_of(BLOCK), status;
	pid_t pid = fork();

	if (!pid) {
		struct rlimit r = { 2 * BLOCK, 2 * BLOCK };

		signal(SIGXFSZ, SIG_IGN);
		if (syscall(160 /* setrlimit */, 1 /* RLIMIT_FSIZE */, &r))
			_exit(2);
		_exit(!refused(fd, 0, 0, 3 * BLOCK, EFBIG) || fallocate(fd, 0, 0, 2 * BLOCK));
	}
	waitpid(pid, &status, 0);
	ktap(status == 0 && size_of(fd) == 2 * BLOCK && blocks(fd) == 2, "RLIMIT_FSIZE holds: status %d",
	     status);
	close(fd);
}

/* Whoever may not write as the owner does not keep set-user-id bits. */
static void test_privileges(void)
{
	int fd = file_of(BLOCK), status;
	struct stat st;
	pid_t pid;

	fchmod(fd, 06777);
	pid = fork();
	if (!pid) {
		if (setgid(1000) || setuid(1000))
			_exit(2);
		_exit(fallocate(fd, PUNCH, 0, 10) != 0);
	}
	waitpid(pid, &status, 0);
	ktap(!status && !fstat(fd, &st) && (st.st_mode & 07777) == 0777, "mode afterwards: %o",
	     st.st_mode);
	close(fd);
}

int main(void)
{
	ktap_plan(33);
	guest_setup();
	vg_fresh("");
	test_maps();
	test_moves();
	test_move_tail();
	test_move_back();
	test_move_many();
	test_move_refusals();
	test_sparse();
	test_dirty();
	test_scribble();
	test_keep();
	test_keep_ends();
	test_keep_crash();
	test_room();
	test_huge();
	test_refusals();
	test_limit();
	test_privileges();
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
