// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:128M mem=512M time=300
 *
 * Nobody's write waits for somebody's search. The searcher gets 2 % of a
 * processor (on a kernel that cannot limit a group, what nice 19 gets beside a
 * busy process, about as much), so that whatever it holds it holds for long;
 * others create and fsync files, and set embeddings in the very collection that
 * is searched. Times are compared with those of the same run without a search.
 */
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <time.h>
#include "tests/guest/vecguest.h"

#define COLL	"stall"
#define DIM	512
#define BULK	3000	/* embeddings a search looks at */
#define OPS	60	/* operations timed with and without a search */
#define FACTOR	3
#define ROUNDS	3
#define CGROUP	"/sys/fs/cgroup"
#define SLOW	CGROUP "/vecstall"

static volatile struct shared {
	unsigned long searches;
	bool begun;		/* the searcher is at its first */
	double search_worst;
} *sh;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ktap_bail("write '%s' to %s", text, path);
	close(fd);
}

static bool limited;	/* by the control group, else by its priority */

static void cgroup_setup(void)
{
	if (access(CGROUP "/cgroup.controllers", F_OK) && mount("none", CGROUP, "cgroup2", 0, NULL))
		ktap_bail("mount cgroup2");
	put(CGROUP "/cgroup.subtree_control", "+cpu");
	if (mkdir(SLOW, 0755) && errno != EEXIST)
		ktap_bail("mkdir %s", SLOW);
	limited = !access(SLOW "/cpu.max", F_OK);	/* CONFIG_CFS_BANDWIDTH */
	if (limited)
		put(SLOW "/cpu.max", "2000 100000");
}

static void slow_down(void)
{
	if (limited)
		put(SLOW "/cgroup.procs", "0");
	else if (setpriority(PRIO_PROCESS, 0, 19))
		ktap_bail("setpriority");
}

static void spin_loop(void)
{
	for (;;)
		;
}

/* ---- the searcher ------------------------------------------------------------ */

static void search_loop(void)
{
	static struct vg_search g;
	float q[DIM];
	int dir;

	slow_down();
	dir = vg_root();
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		ktap_bail("setresuid");
	vg_vector(77, DIM, q);
	sh->begun = true;
	for (;;) {
		double t = now();

		if (vg_run(&g, dir, COLL, q, DIM, 10, 0))
			ktap_bail("search");
		t = now() - t;
		if (t > sh->search_worst)
			sh->search_worst = t;
		sh->searches++;
	}
}

static pid_t start(void (*loop)(void))
{
	pid_t pid = fork();

	if (!pid) {
		loop();
		_exit(1);
	}
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- what is timed --------------------------------------------------------------- */

struct times {
	double mean, worst;
};

static void op_create(int i)
{
	char p[300];
	int fd;

	snprintf(p, sizeof(p), "%s/other/f%d", guest_mnt, i);
	fd = open(p, O_CREAT | O_RDWR, 0644);
	if (fd < 0 || write(fd, p, 100) != 100 || fsync(fd) || close(fd) || unlink(p))
		ktap_bail("create, write, fsync, unlink");
}

/* A file with an embedding comes, gets another one, and goes. */
static void op_embed(int i)
{
	char p[300];
	int fd;

	snprintf(p, sizeof(p), "other/e%d", i);
	fd = vg_file(p, 0644);
	snprintf(p, sizeof(p), "%s/other/e%d", guest_mnt, i);
	if (vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 1) || vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 2) ||
	    close(fd) || unlink(p))
		ktap_bail("set, set, unlink");
}

static struct times run_ops(void (*op)(int))
{
	struct times r = { 0 };

	for (int i = 0; i < OPS; i++) {
		double t = now();

		op(i);
		t = now() - t;
		r.mean += t / OPS;
		if (t > r.worst)
			r.worst = t;
		poll(NULL, 0, 5);
	}
	return r;
}

/* Another process embeds all the while: its handles are what others wait for. */
static void set_loop(void)
{
	int fd = vg_file("other/set", 0644);

	for (uint32_t i = 0;; i++) {
		if (vg_set(fd, COLL, VEXFS_IOC_F32, DIM, i % 50, i))
			ktap_bail("set");
		poll(NULL, 0, 20);
	}
}

static bool round_of(const char *what, void (*op)(int))
{
	struct times idle, busy;
	unsigned long done;
	pid_t searcher;

	idle = run_ops(op);
	sh->searches = 0;
	sh->begun = false;
	searcher = start(search_loop);
	while (!sh->begun)
		poll(NULL, 0, 20);
	poll(NULL, 0, 200);
	busy = run_ops(op);
	done = sh->searches;
	stop(searcher);
	ktap_note("%s: mean %.1f ms, worst %.1f ms; beside a slow search: mean %.1f ms, worst %.1f ms; %lu searches, longest %.0f ms",
		  what, idle.mean * 1e3, idle.worst * 1e3, busy.mean * 1e3, busy.worst * 1e3, done,
		  sh->search_worst * 1e3);
	return busy.mean <= FACTOR * idle.mean;
}

/* A busy host makes single rounds slow; who waits for a search does so in every round. */
static void compare(const char *what, void (*op)(int))
{
	bool good = false;

	for (int i = 0; i < ROUNDS && !good; i++)
		good = round_of(what, op);
	ktap(good, "%s takes at most %d times as long beside a search", what, FACTOR);
}

/* ---- what a search without locks must still find -------------------------------- */

/* The same vector set again and again: it is always there, each time in another slot. */
static void move_loop(void)
{
	int fd = vg_file("other/moving", 0644);

	for (uint32_t i = 0;; i++)
		if (vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 5000000) || (i % 64 == 0 && fsync(fd)))
			ktap_bail("set again");
}

static void test_moving(void)
{
	static struct vg_search g;
	int dir = vg_root(), missed = 0, n;
	float q[DIM];
	pid_t mover;

	vg_vector(5000000, DIM, q);
	mover = start(move_loop);
	poll(NULL, 0, 300);
	for (n = 0; n < 40; n++) {
		int err = vg_run(&g, dir, COLL, q, DIM, 1, n % 2 ? VEXFS_SEARCH_EXACT : 0);

		if (!err && g.s.found == 1 && !strcmp(vg_path(&g, 0), "other/moving") &&
		    g.hits[0].distance == 0)
			continue;
		ktap_note("search %d: error %d, %u found, '%s' at %g", n, err, g.s.found,
			  err ? "" : vg_path(&g, 0), (double)g.hits[0].distance);
		missed++;
	}
	ktap(!missed && !kill(mover, 0), "an embedding set again and again is found by each of %d searches (missed by %d)",
	     n, missed);
	stop(mover);
	close(dir);
}

int main(void)
{
	pid_t setter, spinner[16];
	int fd, n = 0;

	guest_setup();
	ktap_plan(5);
	cgroup_setup();
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vg_fresh("");
	if (vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("collection");
	vg_mkdir("bulk", 0755);
	vg_mkdir("other", 0755);
	fd = vg_file("bulk/all", 0644);
	for (uint32_t c = 0; c < BULK; c++)
		if (vg_set(fd, COLL, VEXFS_IOC_F32, DIM, c, c))
			ktap_bail("bulk set");
	fsync(fd);
	close(fd);

	for (; !limited && n < get_nprocs() && n < 16; n++)
		spinner[n] = start(spin_loop);
	setter = start(set_loop);
	compare("create and fsync", op_create);
	compare("set and unlink", op_embed);
	ktap(!kill(setter, 0), "the setter has met no error");
	stop(setter);
	while (n)
		stop(spinner[--n]);
	test_moving();
	ktap(!umount(guest_mnt) && !guest_fsck(), "the filesystem is sound");
	return ktap_exit();
}
