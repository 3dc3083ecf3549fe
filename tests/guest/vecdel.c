// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:96M mem=512M time=400
 *
 * Deleting many embeddings, and listing them: nothing is held for the whole, a
 * signal ends it after a few, and the last unlink does not wait for it. Judged by
 * how many embeddings are left, not by time.
 *
 * A frozen filesystem stops a task where it takes write access, or where it
 * stores into a mapped file. So it can be killed exactly there: what it does after
 * the thaw, it does with the signal pending.
 */
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <time.h>

#include "tests/guest/vecguest.h"

#define COLL	"d"
#define DIM	4
#define MANY	20000
#define SOME	8000
#define BATCH	64		/* VEXFS_DEL_BATCH */
#define TURN	1024		/* VEXFS_EVICT_TURN */
#define LAST	32768		/* VEXFS_EVICT_LAST */
#define MORE	(16 * TURN)
#define QUEUE	"/sys/module/vexfs/parameters/evict_queue"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fill(const char *rel, uint32_t n)
{
	int fd = vg_file(rel, 0644);
	double t = now();

	for (uint32_t c = 0; c < n; c++)
		if (vg_set(fd, COLL, VEXFS_IOC_I8, DIM, c, c + 1))
			ktap_bail("set chunk %u", c);
	if (fsync(fd))
		ktap_bail("fsync");
	ktap_note("%u embeddings set in %.1f s", n, now() - t);
	return fd;
}

static void queue_limit(const char *n)
{
	int fd = open(QUEUE, O_WRONLY);

	if (fd < 0 || write(fd, n, strlen(n)) != (ssize_t)strlen(n))
		ktap_bail("write %s to %s", n, QUEUE);
	close(fd);
}

static const char *path(const char *rel)
{
	static char p[300];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	return p;
}

/* Until no embedding is left. The limit of the whole test ends it otherwise. */
static void wait_gone(void)
{
	while (vg_live(COLL) > 0)
		poll(NULL, 0, 20);
}

static long free_inodes(void)
{
	struct statvfs st;

	if (statvfs(guest_mnt, &st))
		ktap_bail("statvfs");
	return (long)st.f_ffree;
}

/* ---- killed at a certain place --------------------------------------------------- */

static void freeze(bool on)
{
	int fd = vg_root();

	if (ioctl(fd, on ? FIFREEZE : FITHAW, 0))
		ktap_bail(on ? "freeze" : "thaw");
	close(fd);
}

/* The state letter of a process. */
static char state(pid_t pid)
{
	char p[40], line[300], *end;
	FILE *f;

	snprintf(p, sizeof(p), "/proc/%d/stat", pid);
	f = fopen(p, "r");
	if (!f || !fgets(line, sizeof(line), f))
		ktap_bail("read %s", p);
	fclose(f);
	end = strrchr(line, ')');
	return end ? end[2] : '?';
}

/* Run fn() in a child on a frozen filesystem, kill it where it blocks, thaw. */
static void kill_frozen(void (*fn)(int), int fd)
{
	pid_t pid;
	int st, i;

	freeze(true);
	pid = fork();
	if (!pid) {
		fn(fd);
		_exit(0);
	}
	for (i = 0; i < 3000 && state(pid) != 'D'; i++)
		poll(NULL, 0, 10);
	if (state(pid) != 'D')
		ktap_bail("the child does not block on a frozen filesystem");
	kill(pid, SIGKILL);
	freeze(false);
	if (waitpid(pid, &st, 0) != pid || !WIFSIGNALED(st) || WTERMSIG(st) != SIGKILL)
		ktap_bail("the child has not been killed: status %#x", st);
}

static void del_all(int fd)
{
	vexfs_embedding_del_all(fd, COLL);
}

static void test_kill_delete(void)
{
	int fd = fill("kill", 2000);
	long left;

	kill_frozen(del_all, fd);
	left = vg_live(COLL);
	ktap(left >= 2000 - 2 * BATCH && left < 2000, "a killed delete of 2000 ends after a batch (%ld are left)",
	     left);
	ktap(!vexfs_embedding_del_all(fd, COLL) && !vg_live(COLL) &&
	     vexfs_embedding_del_all(fd, COLL) == -ENODATA, "a second one deletes the rest");
	close(fd);
}

/* Where the list goes: a page of a mapped file, whose first store blocks. */
static struct vexfs_vec_entry *entries;

static void list_all(int fd)
{
	struct vexfs_list pos = { 0 };

	vexfs_embedding_list(fd, &pos, entries, UINT32_MAX);
}

static void test_kill_list(void)
{
	int fd = fill("list", 2000), to = vg_file("entries", 0644), n = 0;
	size_t bytes = 2000 * sizeof(*entries);

	if (ftruncate(to, (off_t)bytes))
		ktap_bail("ftruncate");
	entries = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
	if (entries == MAP_FAILED)
		ktap_bail("mmap");
	kill_frozen(list_all, fd);
	for (int i = 0; i < 2000; i++)
		n += entries[i].range_off != 0;
	ktap(n >= 0 && n <= 2, "a killed list of 2000 ends at once (%d were written)", n);
	list_all(fd);
	for (int i = n = 0; i < 2000; i++)
		n += entries[i].chunk == (uint32_t)i;
	ktap(n == 2000, "and is whole when nobody kills it");
	munmap(entries, bytes);
	close(to);
	vexfs_embedding_del_all(fd, COLL);
	close(fd);
}

static void unlink_kill(int fd)
{
	(void)fd;
	unlink(path("kill"));
}

/* Nothing may be queued: whoever unlinks deletes, unless killed. */
static void test_kill_unlink(void)
{
	long left;

	queue_limit("0");
	close(fill("kill", SOME));
	kill_frozen(unlink_kill, -1);
	left = vg_live(COLL);
	ktap(access(path("kill"), F_OK) && left > 0, "a killed unlink leaves the rest to the worker (%ld of %d)",
	     left, SOME);
	wait_gone();
	close(fill("kill", 2000));
	unlink(path("kill"));
	ktap(!vg_live(COLL), "one that is not killed deletes all, if the queue is full");
	queue_limit("256");
}

/* ---- others beside it ------------------------------------------------------------ */

static pid_t start(void (*fn)(int), int fd)
{
	pid_t pid = fork();

	if (!pid) {
		fn(fd);
		_exit(0);
	}
	return pid;
}

static long wait_begun(long all)
{
	long left;

	while ((left = vg_live(COLL)) == all)
		poll(NULL, 0, 1);
	return left;
}

static void test_between(void)
{
	int fd = fill("between", SOME), st, err;
	long left, frozen;
	pid_t pid;

	if (vg_collection("other", DIM, VEXFS_IOC_I8, VEXFS_IOC_L2))
		ktap_bail("collection");
	pid = start(del_all, fd);
	wait_begun(SOME);
	err = vg_set(fd, "other", VEXFS_IOC_I8, DIM, 0, 7);
	left = vg_live(COLL);
	ktap(!err && left > 0, "another set of the same file gets in (%ld of %d still to delete)", left, SOME);
	freeze(true);
	frozen = vg_live(COLL);
	poll(NULL, 0, 200);
	ktap(frozen > 0 && vg_live(COLL) == frozen, "and so does a freeze, which stops it (%ld left)", frozen);
	freeze(false);
	ktap(waitpid(pid, &st, 0) == pid && !st && !vg_live(COLL), "then it deletes the rest");
	close(fd);
}

/* ---- the last unlink ----------------------------------------------------------------- */

static void test_unlink(void)
{
	long before = free_inodes(), left, frozen;
	double t;

	close(fill("gone", MANY));
	t = now();
	unlink(path("gone"));
	left = vg_live(COLL);
	ktap(left > 0 && left <= MANY - BATCH, "unlink returns before %d embeddings are deleted (%ld left)",
	     MANY, left);
	freeze(true);
	frozen = vg_live(COLL);
	poll(NULL, 0, 200);
	ktap(frozen > 0 && vg_live(COLL) == frozen, "a freeze stops the worker (%ld left)", frozen);
	freeze(false);
	wait_gone();
	while (free_inodes() != before)
		poll(NULL, 0, 20);
	ktap(true, "slots and inode come back, %.1f s after the unlink", now() - t);
}

/* All inodes, and all blocks but a few. Returns how many files there are. */
static int use_up(void)
{
	static char zero[1 << 16];
	char p[300];
	int n = 0, fd;

	for (fd = 0; fd >= 0; n += fd >= 0) {
		snprintf(p, sizeof(p), "%s/n%d", guest_mnt, n);
		fd = open(p, O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd >= 0)
			close(fd);
	}
	if (errno != ENOSPC || !n)
		ktap_bail("create %d files", n);
	fd = open(path("n0"), O_WRONLY);
	while (write(fd, zero, sizeof(zero)) > 0)
		;
	if (errno != ENOSPC || fsync(fd) || ftruncate(fd, lseek(fd, 0, SEEK_END) - 16 * 4096))
		ktap_bail("fill the device");
	close(fd);
	return n;
}

/* What the worker has not freed yet is no reason for ENOSPC. */
static void test_full(void)
{
	int n, fd, err = 0;

	close(fill("gone", SOME));
	n = use_up();
	unlink(path("gone"));
	fd = open(path("more"), O_CREAT | O_EXCL | O_RDWR, 0644);
	ktap(fd >= 0, "with all %d inodes in use, a deleted file's is waited for", n);
	close(fd);
	fd = open(path("n1"), O_RDWR);
	for (uint32_t c = 0; !err && c < SOME * 3 / 4; c++)
		err = vg_set(fd, COLL, VEXFS_IOC_I8, DIM, c, c);
	ktap(!err, "on a full device, its slots serve for others (%s)", err ? strerror(-err) : "no error");
	close(fd);
}

/* ---- crash, unmount, remount ------------------------------------------------------------ */

static void test_crash(void)
{
	__u32 how = VEXFS_SHUTDOWN_LOGFLUSH;
	long left;
	int fd;

	close(fill("gone", MANY));
	unlink(path("gone"));
	left = wait_begun(MANY - BATCH);
	fd = vg_root();
	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(fd);
	vg_remount();
	ktap(left > 0 && vg_live(COLL) > 0, "a crash with %ld embeddings left to delete: the mount does not wait",
	     left);
	wait_gone();
	ktap(!umount(guest_mnt) && !guest_fsck(), "and fsck is content when they are gone");
	if (guest_mount(""))
		ktap_bail("mount");
}

/* fsck is content, and says so many times that inodes wait to be finished. */
static bool fsck_waits(int waits)
{
	char cmd[400];

	snprintf(cmd, sizeof(cmd), "fsck.vexfs -n %s >$TMPDIR/fsck && test $(grep -c 'wait to be finished' $TMPDIR/fsck) = %d",
		 guest_disk, waits);
	return !guest_run(cmd);
}

static void test_umount(void)
{
	long left;

	close(fill("gone", SOME));
	unlink(path("gone"));
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		ktap_bail("remount read-only");
	ktap(!vg_live(COLL), "a remount read-only lets the worker finish");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT, NULL))
		ktap_bail("remount");
	/* The worker does some before it is told to end. */
	close(fill("gone", LAST + MORE));
	sync();
	unlink(path("gone"));
	ktap(!umount(guest_mnt) && fsck_waits(1), "unmount leaves what is more than %d to the next mount", LAST);
	if (guest_mount(""))
		ktap_bail("mount");
	left = vg_live(COLL);
	wait_gone();
	ktap(left <= MORE, "which finishes it (%ld were left)", left);
	ktap(!umount(guest_mnt) && fsck_waits(0), "fsck finds nothing");
}

int main(void)
{
	guest_setup();
	ktap_plan(21);
	vg_fresh("");
	if (vg_collection(COLL, DIM, VEXFS_IOC_I8, VEXFS_IOC_L2))
		ktap_bail("collection");
	test_kill_delete();
	test_kill_list();
	test_kill_unlink();
	test_between();
	test_unlink();
	test_crash();
	test_umount();
	vg_fresh("");
	if (vg_collection(COLL, DIM, VEXFS_IOC_I8, VEXFS_IOC_L2))
		ktap_bail("collection");
	test_full();
	ktap(!umount(guest_mnt) && !guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
