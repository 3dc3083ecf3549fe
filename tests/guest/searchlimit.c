// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120
 *
 * What one search, and one user, may cost: embeddings compared, which the reply
 * tells if and only if some were left out; searches of a user at a time, which
 * leave other users alone; memory, which the searcher's cgroup pays.
 */
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/fanotify.h>

#include "tests/guest/vecguest.h"

#define COLL	"l"
#define DIM	4
#define FILES	150
#define CHUNKS	200
#define STALE	200
#define MINE	5
#define USER	1000
#define OTHER	1001
#define CGROUP	"/sys/fs/cgroup"

static struct vg_search g;

static void set_x(int fd, uint32_t chunk, float x)
{
	float v[DIM] = { x, 1, 1, 1 };
	struct vexfs_embedding e = {
		.collection = COLL, .chunk = chunk, .data = v, .bytes = sizeof(v),
	};

	if (vexfs_embedding_set(fd, &e))
		ktap_bail("set chunk %u", chunk);
}

static void place(const char *rel, float x, int mode, uid_t uid)
{
	int fd = vg_file(rel, mode);

	set_x(fd, 0, x);
	if (fchown(fd, uid, uid) || fchmod(fd, (mode_t)mode))
		ktap_bail("fchown, fchmod");
	close(fd);
}

static int scope(const char *rel)
{
	char p[300];
	int fd;

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	fd = vg_open_dir(p);
	if (fd < 0)
		ktap_bail("open %s", p);
	return fd;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ktap_bail("write '%s' to %s", text, path);
	close(fd);
}

static void parameter(const char *name, const char *value)
{
	char p[100];

	snprintf(p, sizeof(p), "/sys/module/vexfs/parameters/%s", name);
	put(p, value);
}

/* Hits of a search that may compare @max, and whether it said that there are more; -1: failed. */
static int run(int dir, uint64_t max, uint32_t k, uint32_t flags, bool *truncated)
{
	static const float q[DIM] = { 0, 1, 1, 1 };
	int err;

	g.s.max_work = max;
	err = vg_run(&g, dir, COLL, q, DIM, k, flags);
	if (err)
		ktap_note("search: %s", strerror(-err));
	*truncated = g.s.reply & VEXFS_REPLY_TRUNCATED;
	return err ? -1 : (int)g.s.found;
}

/* ---- embeddings compared ---------------------------------------------------------- */

/* The hits of a smaller limit are among those of a larger one. */
static bool contained(const struct vexfs_search_hit *few, int nfew, int nmany)
{
	int i, j;

	for (i = 0; i < nfew; i++) {
		for (j = 0; j < nmany; j++)
			if (g.hits[j].ino == few[i].ino && g.hits[j].chunk == few[i].chunk)
				break;
		if (j == nmany)
			return false;
	}
	return true;
}

#define STEP	11	/* between limits that are neither small nor near what is there */

/* Limits from 1 to beyond what is there. */
static void test_limits(const char *rel, int all, uint32_t flags)
{
	static struct vexfs_search_hit before[1024];
	int dir = scope(rel), wrong = 0, n, had = 0;
	bool truncated;

	for (int max = 1; max <= all + 2; max += max < 4 || max + STEP > all - 2 ? 1 : STEP) {
		n = run(dir, (uint64_t)max, 1024, flags, &truncated);
		if (n == (max < all ? max : all) && truncated == (max < all) && contained(before, had, n)) {
			memcpy(before, g.hits, (size_t)n * sizeof(before[0]));
			had = n;
			continue;
		}
		ktap_note("limit %d: %d hits, reply %#x", max, n, g.s.reply);
		wrong++;
	}
	ktap(!wrong, "%s: a limit of N of %d compares N, and says so if and only if that is not all%s", rel, all,
	     flags & VEXFS_SEARCH_EXACT ? " (exact)" : "");
	close(dir);
}

static void test_system_limit(void)
{
	int dir = scope("files"), a, b, c;
	bool ta, tb, tc;

	parameter("search_max_work", "10");
	a = run(dir, 0, 1024, 0, &ta);
	b = run(dir, 1000, 1024, 0, &tb);
	c = run(dir, 9, 1024, 0, &tc);
	parameter("search_max_work", "4194304");
	ktap(a == 10 && ta && b == 10 && tb && c == 9 && tc, "the system's limit is an upper one (%d, %d, %d hits)",
	     a, b, c);
	close(dir);
}

static void stale_files(const char *rel, int n)
{
	char p[100];
	int fd;

	for (int i = 0; i < n; i++) {
		snprintf(p, sizeof(p), "%s/%d", rel, i);
		fd = vg_file(p, 0644);
		set_x(fd, 0, (float)i);
		if (write(fd, "more", 4) != 4)
			ktap_bail("write");
		close(fd);
	}
}

/*
 * Passages of one file nearer than another file take a second round where one of each is wanted: that is the work
 * twice, or three times if codes had the first one in the wrong order. Stale ones that are left out are not compared.
 */
static void test_rounds(void)
{
	bool t1, t2, t3, t4;
	int dir, fd, a, b, c, d;
	char p[300];

	vg_mkdir("stale", 0755);
	vg_mkdir("many", 0755);
	stale_files("stale", STALE);
	place("stale/fresh", 1000, 0644, 0);
	fd = vg_file("many/one", 0644);
	for (uint32_t i = 0; i < STALE; i++)
		set_x(fd, i, (float)i);
	close(fd);
	place("many/other", 1000, 0644, 0);
	dir = scope("many");
	a = run(dir, 2 * (STALE + 1) - 1, 2, VEXFS_SEARCH_PER_FILE, &t1);
	b = run(dir, 3 * (STALE + 1), 2, VEXFS_SEARCH_PER_FILE, &t2);
	close(dir);
	dir = scope("stale");
	c = run(dir, 1, 1, VEXFS_SEARCH_FRESH, &t3);
	snprintf(p, sizeof(p), "%s/stale/fresh", guest_mnt);
	unlink(p);
	d = run(dir, 1, 1, VEXFS_SEARCH_FRESH, &t4);
	close(dir);
	ktap(a == 1 && t1, "a round that would pass the limit is not begun, and the reply says so");
	ktap(b == 2 && !t2, "one that does not is");
	ktap(c == 1 && !t3 && d == 0 && !t4, "what is left out as stale does not count");
}

/* ---- as another user --------------------------------------------------------------- */

static void become(uid_t uid)
{
	if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
		_exit(100);
}

static int as(uid_t uid, int (*fn)(void))
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		become(uid);
		_exit(fn());
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		ktap_bail("child");
	return WEXITSTATUS(st);
}

static int count_mine(void)
{
	int dir = scope("user"), a, b;
	bool ta, tb;

	a = run(dir, MINE, 1024, 0, &ta);
	b = run(dir, MINE - 1, 1024, 0, &tb);
	return a == MINE && !ta && b == MINE - 1 && tb ? 0 : 1;
}

static void test_hidden(void)
{
	char p[100];

	vg_mkdir("user", 0755);
	for (int i = 0; i < 10 * MINE; i++) {
		snprintf(p, sizeof(p), "user/%d", i);
		place(p, (float)i, 0600, i % 10 ? 0 : USER);
	}
	ktap(!as(USER, count_mine), "what the user may not read does not count");
}

/* ---- searches at a time --------------------------------------------------------------- */

#define TURNS	7	/* results of test_turns() */

static int listener;

static bool listen_open(const char *rel)
{
	char p[300];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	listener = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	return listener >= 0 && !fanotify_mark(listener, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, p);
}

/* Who opens the file now; it waits for answer(). */
static pid_t opener(int *event)
{
	struct fanotify_event_metadata ev;

	if (read(listener, &ev, sizeof(ev)) != (ssize_t)sizeof(ev))
		ktap_bail("read the next event");
	*event = ev.fd;
	return ev.pid;
}

static void answer(int event)
{
	struct fanotify_response r = { .fd = event, .response = FAN_ALLOW };

	if (write(listener, &r, sizeof(r)) != (ssize_t)sizeof(r))
		ktap_bail("answer");
	close(event);
}

/* A search as @uid in a process of its own, which ends with 0 if it has found one file. */
static pid_t search_as(uid_t uid, const char *rel, int flags)
{
	pid_t pid = fork();
	bool truncated;
	int dir;

	if (pid)
		return pid;
	close(listener);
	become(uid);
	dir = scope(rel);
	if (fcntl(dir, F_SETFL, flags))
		_exit(2);
	_exit(run(dir, 0, 10, 0, &truncated) != 1);
}

static int status(pid_t pid)
{
	int st;

	if (waitpid(pid, &st, 0) != pid)
		ktap_bail("waitpid");
	return st;
}

static char state(pid_t pid)
{
	char p[40], line[300] = "", *end;
	FILE *f;

	snprintf(p, sizeof(p), "/proc/%d/stat", pid);
	f = fopen(p, "r");
	if (f && !fgets(line, sizeof(line), f))
		line[0] = 0;
	if (f)
		fclose(f);
	end = strrchr(line, ')');
	return end ? end[2] : '?';
}

/* One that waits in the kernel for its turn. */
static pid_t search_waiting(void)
{
	pid_t pid = search_as(USER, "held", 0);

	for (int i = 0; i < 3000 && state(pid) != 'D'; i++)
		poll(NULL, 0, 10);
	return pid;
}

static void test_turns(void)
{
	pid_t first, second, killed, third;
	int event, st;
	bool order;

	vg_mkdir("held", 0755);
	vg_mkdir("free", 0755);
	place("held/file", 0, 0644, 0);
	place("free/file", 0, 0644, 0);
	parameter("search_per_user", "1");
	if (!listen_open("held/file")) {
		for (int i = 0; i < TURNS; i++)
			ktap_skip("turns", "this kernel has no fanotify permission events");
		parameter("search_per_user", "0");
		return;
	}
	first = search_as(USER, "held", 0);
	ktap(opener(&event) == first, "a search is held up while it opens its hit");
	st = status(search_as(USER, "free", O_NONBLOCK));
	ktap(WIFEXITED(st) && WEXITSTATUS(st) == 1, "another one of the user's is refused if it does not want to wait");
	ktap(!status(search_as(OTHER, "free", 0)), "another user's goes on");
	second = search_waiting();
	killed = search_waiting();
	third = search_waiting();
	ktap(state(second) == 'D' && state(killed) == 'D' && state(third) == 'D', "three more of the user's wait");
	kill(killed, SIGKILL);
	st = status(killed);
	ktap(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "one that is killed ends at once");
	answer(event);
	ktap(!status(first), "the first one ends");
	order = opener(&event) == second;
	answer(event);
	st = status(second);
	order &= opener(&event) == third;
	answer(event);
	ktap(order && !st && !status(third), "and the others have their turns in their order");
	close(listener);
	parameter("search_per_user", "0");
}

/* ---- memory ------------------------------------------------------------------------------- */

/* The most that a cgroup has held for a search of so many candidates, in bytes. */
static long memory_of(const char *name, uint32_t effort)
{
	char dir[100], p[140], line[40] = "";
	bool truncated;
	pid_t pid;
	FILE *f;

	snprintf(dir, sizeof(dir), CGROUP "/%s", name);
	if (mkdir(dir, 0755) && errno != EEXIST)
		ktap_bail("mkdir %s", dir);
	pid = fork();
	if (!pid) {
		snprintf(p, sizeof(p), "%s/cgroup.procs", dir);
		put(p, "0");
		g.s.effort = effort;
		_exit(run(scope("files"), 0, 10, 0, &truncated) != 10);
	}
	if (status(pid))
		ktap_bail("search in %s", dir);
	snprintf(p, sizeof(p), "%s/memory.peak", dir);
	f = fopen(p, "r");
	if (!f || !fgets(line, sizeof(line), f))
		ktap_bail("read %s", p);
	fclose(f);
	rmdir(dir);
	return atol(line);
}

static void test_memory(void)
{
	long small, large;

	if (access(CGROUP "/cgroup.controllers", F_OK) && mount("none", CGROUP, "cgroup2", 0, NULL))
		ktap_bail("mount cgroup2");
	put(CGROUP "/cgroup.subtree_control", "+memory");
	small = memory_of("searchsmall", 1);
	large = memory_of("searchlarge", 65536);
	ktap(large - small > 4 << 20, "the searcher's cgroup pays for its candidates (%ld KiB, %ld KiB)", small >> 10,
	     large >> 10);
}

int main(void)
{
	char p[100];
	int fd;

	guest_setup();
	ktap_plan(18);
	vg_fresh("");
	chmod(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", 0755);
	chmod(guest_mnt, 0755);
	if (vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("collection");
	vg_mkdir("files", 0755);
	vg_mkdir("one", 0755);
	for (int i = 0; i < FILES; i++) {
		snprintf(p, sizeof(p), "files/%d", i);
		place(p, (float)(i * 7 % FILES), 0600, 0);
	}
	fd = vg_file("one/file", 0600);
	for (uint32_t c = 0; c < CHUNKS; c++)
		set_x(fd, c * 1000 % 16411, (float)c);
	close(fd);
	test_limits("files", FILES, 0);
	test_limits("files", FILES, VEXFS_SEARCH_EXACT);
	test_limits("one", CHUNKS, 0);
	test_limits("", FILES + CHUNKS, 0);
	test_system_limit();
	test_rounds();
	test_memory();
	test_hidden();
	test_turns();
	ktap(!umount(guest_mnt) && !guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
