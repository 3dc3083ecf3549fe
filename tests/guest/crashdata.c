// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=180
 *
 * Content across a sudden stop that was not preceded by fsync of the file itself:
 * what a size on disk covers was written, a file replaced by rename or rewritten
 * after a truncate has its old or its new content. And what the calls that promise
 * durability cost and keep: fdatasync, O_DIRECT appends, "mount -o sync".
 */
#include <linux/types.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/guest/guest.h"
#include "uapi/vexfs.h"

static char *at(const char *name)
{
	static char p[4][600];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(p[turn], sizeof(p[turn]), "%s/%s", guest_mnt, name);
	return p[turn];
}

static int open_at(const char *name, int flags)
{
	int fd = open(at(name), flags, 0644);

	if (fd < 0)
		ktap_bail("open %s", name);
	return fd;
}

static void write_at(int fd, const void *data, size_t n, off_t off)
{
	if (pwrite(fd, data, n, off) != (ssize_t)n)
		ktap_bail("write");
}

/* A file with this content on disk. */
static void old_file(const char *name, const char *content)
{
	int fd = open_at(name, O_CREAT | O_WRONLY | O_TRUNC);

	write_at(fd, content, strlen(content), 0);
	if (fsync(fd) || close(fd))
		ktap_bail("fsync %s", name);
}

/* Commit what the journal holds, with the fsync of a file that nothing else looks at. */
static void commit(void)
{
	int fd = open_at("other", O_CREAT | O_WRONLY);

	write_at(fd, "x", 1, 0);
	if (fsync(fd) || close(fd))
		ktap_bail("fsync other");
}

/* As a power cut: the running transaction and dirty pages are gone. */
static void crash(void)
{
	__u32 how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	int fd = open(guest_mnt, O_RDONLY);

	if (fd < 0 || ioctl(fd, VEXFS_IOC_SHUTDOWN, &how) || close(fd) || umount(guest_mnt))
		ktap_bail("shutdown");
	if (guest_mount(NULL))
		ktap_bail("mount after the shutdown");
}

static const char *content(const char *name)
{
	static char buf[100];
	int fd = open_at(name, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	close(fd);
	buf[n < 0 ? 0 : n] = 0;
	return buf;
}

static bool old_or_new(const char *name)
{
	return !strcmp(content(name), "old") || !strcmp(content(name), "new");
}

/* ---- replaced and rewritten ------------------------------------------------------ */

static void test_rename_over(void)
{
	int fd;

	old_file("conf", "old");
	fd = open_at("conf.new", O_CREAT | O_WRONLY);
	write_at(fd, "new", 3, 0);
	close(fd);
	if (rename(at("conf.new"), at("conf")))
		ktap_bail("rename");
	commit();
	crash();
	ktap(old_or_new("conf"), "replaced by rename: '%s'", content("conf"));
}

static void test_exchange(void)
{
	int fd;

	old_file("xa", "old");
	fd = open_at("xb", O_CREAT | O_WRONLY);
	write_at(fd, "new", 3, 0);
	close(fd);
	if (renameat2(AT_FDCWD, at("xb"), AT_FDCWD, at("xa"), RENAME_EXCHANGE))
		ktap_bail("exchange");
	commit();
	crash();
	ktap(old_or_new("xa") && old_or_new("xb"), "exchanged: '%s'", content("xa"));
}

/* Wait for writes that somebody else has begun; begins none. */
static void wait_written(const char *name)
{
	int fd = open_at(name, O_RDONLY);

	if (sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) || close(fd))
		ktap_bail("sync_file_range");
}

static void test_truncate_and_write(const char *name, bool by_open)
{
	int fd;

	old_file(name, "old");
	fd = open_at(name, O_WRONLY | (by_open ? O_TRUNC : 0));
	if (!by_open && ftruncate(fd, 0))
		ktap_bail("ftruncate");
	write_at(fd, "new", 3, 0);
	close(fd);
	wait_written(name);
	commit();
	crash();
	ktap(old_or_new(name), "%s to 0, written, closed: '%s'", by_open ? "opened with O_TRUNC" :
	     "truncated", content(name));
}

/* ---- the size and what it covers ---------------------------------------------------- */

/* Requests the test disk has completed. */
static long completed(void)
{
	char p[100], line[200] = "";
	long reads = 0, writes = 0;
	FILE *f;

	snprintf(p, sizeof(p), "/sys/class/block/%s/stat", strrchr(guest_disk, '/') + 1);
	f = fopen(p, "r");
	if (!f || !fgets(line, sizeof(line), f) ||
	    sscanf(line, "%ld %*d %*d %*d %ld", &reads, &writes) != 2)
		ktap_bail("read %s", p);
	fclose(f);
	return reads + writes;
}

/* Requests go to the disk at once, without a worker's help. */
static void no_scheduler(void)
{
	char p[100];
	int fd;

	snprintf(p, sizeof(p), "/sys/class/block/%s/queue/scheduler", strrchr(guest_disk, '/') + 1);
	fd = open(p, O_WRONLY);
	if (fd < 0 || write(fd, "none", 4) != 4)
		ktap_bail("write %s", p);
	close(fd);
}

static volatile int hog;

static void *hog_cpu(void *arg)
{
	(void)arg;
	while (hog)
		;
	return NULL;
}

static void pin(pthread_attr_t *a, int cpu)
{
	struct sched_param prio = { .sched_priority = 10 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(a);
	pthread_attr_setaffinity_np(a, sizeof(set), &set);
	pthread_attr_setinheritsched(a, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(a, SCHED_FIFO);
	pthread_attr_setschedparam(a, &prio);
}

/*
 * The write of the first 100 bytes completes while no kernel worker can run, so what
 * follows the completion (the size on disk moves) comes after the append.
 */
static void *append_meanwhile(void *arg)
{
	int fd = *(int *)arg;
	static char b[3996];
	long before;

	memset(b, 'B', sizeof(b));
	before = completed();
	if (sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE))
		return "sync_file_range";
	for (time_t end = time(NULL) + 10; completed() == before; )
		if (time(NULL) > end)
			return "the write does not complete";
	return pwrite(fd, b, sizeof(b), 100) == sizeof(b) ? NULL : "append";
}

static const char *append_undisturbed(int fd)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t t[64], me;
	pthread_attr_t a;
	void *what;

	hog = 1;
	for (int i = 1; i < cpus && i < 64; i++) {
		pin(&a, i);
		if (pthread_create(&t[i], &a, hog_cpu, NULL))
			return "thread";
	}
	pin(&a, 0);
	if (pthread_create(&me, &a, append_meanwhile, &fd))
		return "thread";
	pthread_join(me, &what);
	hog = 0;
	for (int i = 1; i < cpus && i < 64; i++)
		pthread_join(t[i], NULL);
	return what;
}

/* sync_file_range() waits for the size on disk to have moved: the folio is busy until then. */
static void test_append(void)
{
	static char a[100], got[4096];
	const char *what;
	int zeros = 0, before = 0, with = 0;
	char name[20];

	memset(a, 'A', sizeof(a));
	no_scheduler();
	for (int i = 0; i < 10; i++) {
		int fd;

		snprintf(name, sizeof(name), "append%d", i);
		fd = open_at(name, O_CREAT | O_RDWR);
		write_at(fd, a, sizeof(a), 0);
		what = append_undisturbed(fd);
		if (what)
			ktap_bail("%s", what);
		close(fd);
		wait_written(name);
	}
	commit();
	crash();
	for (int i = 0; i < 10; i++) {
		int fd;
		ssize_t n;

		snprintf(name, sizeof(name), "append%d", i);
		fd = open_at(name, O_RDONLY);
		n = read(fd, got, sizeof(got));
		close(fd);
		before += n == 100;
		with += n == 4096 && got[100] == 'B' && got[4095] == 'B';
		zeros += n == 4096 && (!got[100] || !got[4095]);
	}
	ktap(!zeros && before + with == 10,
	     "appended during writeback: %d as before, %d with the append, %d with zeros", before, with,
	     zeros);
}

#define APPENDS	1500

static void append_direct(void)
{
	int fd = open_at("direct", O_CREAT | O_WRONLY | O_APPEND | O_DIRECT);
	char *b;

	if (posix_memalign((void **)&b, 4096, 4096))
		_exit(1);
	memset(b, 'A', 4096);
	for (int i = 0; i < APPENDS; i++)
		if (write(fd, b, 4096) != 4096)
			_exit(1);
	_exit(0);
}

/* A reader never sees zeros below the size that stat tells while a writer appends. */
static void test_direct_append(void)
{
	int fd = open_at("direct", O_CREAT | O_RDONLY), st = -1;
	long reads = 0, zeros = 0;
	struct stat s;
	char b[4096];
	pid_t pid = fork();

	if (!pid)
		append_direct();
	while (waitpid(pid, &st, WNOHANG) == 0) {
		if (fstat(fd, &s) || s.st_size < 4096)
			continue;
		if (pread(fd, b, sizeof(b), s.st_size - 4096) != sizeof(b))
			continue;
		reads++;
		zeros += b[0] != 'A' || b[4095] != 'A';
	}
	close(fd);
	ktap(!st && !zeros, "O_DIRECT appends: %ld of %ld reads below the size saw zeros", zeros, reads);
}

/* ---- what is promised --------------------------------------------------------------- */

/* Transactions the journal has committed so far. */
static long commits(void)
{
	char cmd[200];
	long n = -1;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "cat /proc/fs/jbd2/%s*/info", strrchr(guest_disk, '/') + 1);
	f = popen(cmd, "r");
	if (!f || fscanf(f, "%ld transactions", &n) != 1)
		ktap_bail("read /proc/fs/jbd2/*/info");
	pclose(f);
	return n;
}

/* Until the times of files move: two writes within one tick are one change of the inode. */
static void tick(void)
{
	struct timespec a, b;

	clock_gettime(CLOCK_REALTIME_COARSE, &a);
	do {
		clock_gettime(CLOCK_REALTIME_COARSE, &b);
	} while (a.tv_nsec == b.tv_nsec && a.tv_sec == b.tv_sec);
}

static void test_fdatasync(void)
{
	int fd = open_at("data", O_CREAT | O_RDWR), i;
	static char b[4096];
	long data, full;

	write_at(fd, b, sizeof(b), 0);
	fsync(fd);
	data = commits();
	for (i = 0; i < 20; i++) {
		tick();
		write_at(fd, "y", 1, i);
		if (fdatasync(fd))
			ktap_bail("fdatasync");
	}
	data = commits() - data;
	full = commits();
	for (i = 0; i < 20; i++) {
		tick();
		write_at(fd, "z", 1, i);
		if (fsync(fd))
			ktap_bail("fsync");
	}
	full = commits() - full;
	/* The journal also commits by itself, every few seconds. */
	ktap(data < 10 && full >= 10, "20 overwrites: %ld commits with fdatasync, %ld with fsync", data,
	     full);
	/* What reading the data back needs is kept: a size, a block. */
	write_at(fd, "end", 3, 100000);
	if (fdatasync(fd) || close(fd))
		ktap_bail("fdatasync");
	crash();
	fd = open_at("data", O_RDONLY);
	ktap(pread(fd, b, 3, 100000) == 3 && !memcmp(b, "end", 3), "fdatasync keeps what was appended");
	close(fd);
}

static void test_sync_mount(void)
{
	struct timespec then[2] = { { 1000000, 0 }, { 1000000, 0 } };
	struct stat st;
	int fd;

	old_file("mode", "old");
	if (umount(guest_mnt) || mount(guest_disk, guest_mnt, "vexfs", MS_SYNCHRONOUS, NULL))
		ktap_bail("mount -o sync");
	if (chmod(at("mode"), 0751) || utimensat(AT_FDCWD, at("mode"), then, 0))
		ktap_bail("chmod");
	crash();
	if (stat(at("mode"), &st))
		ktap_bail("stat");
	ktap((st.st_mode & 07777) == 0751 && st.st_mtime == 1000000,
	     "mount -o sync: mode %o after a crash, mtime %ld", st.st_mode & 07777, (long)st.st_mtime);
	fd = open_at("mode", O_RDWR | O_SYNC);
	if (fchmod(fd, 0640))
		ktap_bail("fchmod");
	close(fd);
}

int main(void)
{
	guest_setup();
	ktap_plan(10);
	if (guest_mkfs("") || guest_mount(NULL))
		ktap_bail("mkfs and mount");
	test_rename_over();
	test_exchange();
	test_truncate_and_write("trunc", true);
	test_truncate_and_write("ftrunc", false);
	test_append();
	test_direct_append();
	test_fdatasync();
	test_sync_mount();
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
