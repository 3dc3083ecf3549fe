// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running tests: one at a time, each in its own session, its KTAP relayed two columns to the right.
 * A test passes when it exits with 0, printed at least one result, kept its plan, printed no "not ok",
 * and the kernel stayed silent. Everything else is a failure with its reason.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../proto/tap.h"
#include "init.h"

#define EXIT_SKIP	4	/* kselftest's KSFT_SKIP */
#define GRACE_MS	5000
#define PIPE_CHUNKS	17	/* more than a full pipe: what a test that has ended left there */

/* What the KTAP of one test said so far. */
struct ktap {
	char line[2048];
	size_t len;
	unsigned int ok, not_ok, skipped;
	int plan;			/* -1: none seen */
	bool bailed;
	char skip_reason[256];
};

static void note_skip(struct ktap *k, const char *reason)
{
	k->skipped++;
	if (!k->skip_reason[0])
		snprintf(k->skip_reason, sizeof(k->skip_reason), "%s", reason);
}

/* Only lines at the left margin are results of this test; deeper ones belong to its subtests. */
static void judge_line(struct ktap *k, const char *line)
{
	struct tap_line t;

	tap_parse(line, &t);
	if (t.depth)
		return;
	if (t.what == TAP_PLAN) {
		k->plan = t.plan;
		if (k->plan == 0)
			note_skip(k, t.reason);
	} else if (t.what == TAP_RESULT && t.ok) {
		k->ok++;
		if (t.skip)
			note_skip(k, t.reason);
	} else if (t.what == TAP_RESULT) {
		/* TODO and XFAIL are KTAP's word for a failure that is expected. */
		if (t.expected)
			k->ok++;
		else
			k->not_ok++;
	} else if (t.what == TAP_BAIL) {
		k->bailed = true;
	}
}

static void flush_line(struct ktap *k)
{
	if (!k->len)
		return;
	k->line[k->len] = 0;
	judge_line(k, k->line);
	tap("  %s\n", k->line);
	k->len = 0;
}

static void feed(struct ktap *k, const char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (buf[i] == '\n' && k->len == 0)
			continue;
		if (buf[i] == '\n' || k->len == sizeof(k->line) - 4)
			flush_line(k);
		if (buf[i] != '\n')
			k->line[k->len++] = buf[i];
	}
}

/* Requests that wait this long point to the device rather than to a deadlock. The kernel does not count flushes. */
static void list_inflight(void)
{
	DIR *d = opendir("/sys/block");
	unsigned int reads, writes;
	char path[300], text[64];
	struct dirent *e;

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/sys/block/%s/inflight", e->d_name);
		if (e->d_name[0] != '.' && read_file(path, text, sizeof(text)) > 0 &&
		    sscanf(text, "%u %u", &reads, &writes) == 2 && reads + writes)
			tap("# in flight: %s: %u reads, %u writes\n", e->d_name, reads, writes);
	}
	if (d)
		closedir(d);
}

static void dump_stack(pid_t pid)
{
	char path[64], stack[4096];

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	if (read_file(path, stack, sizeof(stack)) > 0)
		for (char *l = strtok(stack, "\n"); l; l = strtok(NULL, "\n"))
			tap("# stack: %s\n", l);
}

/* Of a test that is a script its shell waits, and a child of it hangs: the whole session, the youngest first. */
static void dump_session(pid_t session)
{
	char path[300], text[512], name[64];
	pid_t pids[64], pid, in;
	unsigned int n = 0;
	DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && n < 64 && (e = readdir(d))) {
		pid = atoi(e->d_name);
		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		if (pid > 0 && read_file(path, text, sizeof(text)) > 0 && strrchr(text, ')') &&
		    sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %d", &in) == 1 && in == session)
			pids[n++] = pid;
	}
	if (d)
		closedir(d);
	while (n-- > 0) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pids[n]);
		if (read_file(path, name, sizeof(name)) <= 0)
			continue;
		name[strcspn(name, "\n")] = 0;
		tap("# stack: of %s (%d):\n", name, pids[n]);
		dump_stack(pids[n]);
	}
}

static void dump_tasks(pid_t session)
{
	dump_session(session);
	list_inflight();
	write_file("/proc/sysrq-trigger", "w");
	write_file("/proc/sysrq-trigger", "t");
}

static pid_t spawn(const char *path, int in, int out)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	setsid();
	signal(SIGPIPE, SIG_DFL);
	if (in < 0)
		in = open("/dev/null", O_RDONLY);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execl(path, path, (char *)NULL);
	/* A script without its first line: what every shell does with one. */
	if (errno == ENOEXEC)
		execl("/bin/sh", "sh", path, (char *)NULL);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", path, strerror(errno));
	_exit(127);
}

/* Reaps everything that was orphaned to PID 1; returns true once pid itself has ended. */
static bool reap(pid_t pid, int *status)
{
	bool found = false;
	int s;
	pid_t p;

	while ((p = waitpid(-1, &s, WNOHANG)) > 0) {
		if (p == pid) {
			*status = s;
			found = true;
		}
	}
	return found;
}

/* Every process but kernel threads and init is a left-over of a test. */
void kill_leftovers(void)
{
	int status;

	kill(-1, SIGKILL);
	for (int i = 0; i < 100 && waitpid(-1, &status, WNOHANG) >= 0; i++)
		usleep(1000);
}

enum outcome { ENDED, TIMED_OUT, STUCK };

/*
 * At most so many chunks: a test that never stops printing must not keep its deadline from being looked at. One is
 * 2000 lines of "y", each a write to the host.
 */
static void drain(int fd, struct ktap *k, unsigned int chunks)
{
	char buf[4096];
	ssize_t n;

	while (chunks-- > 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		feed(k, buf, n);
}

/* Whether pid ended; false at the deadline, or with @give_up as soon as the kernel speaks of a hung task. */
static bool wait_until(pid_t pid, int fd, struct ktap *k, long long deadline, bool give_up, int *status)
{
	while (now_ms() < deadline && !(give_up && oracle_hung())) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		poll(&p, 1, 20);
		drain(fd, k, 1);
		oracle_poll();
		if (reap(pid, status)) {
			drain(fd, k, PIPE_CHUNKS);
			return true;
		}
		/* A closed pipe would make poll() spin until the process is gone. */
		if (p.revents == POLLHUP)
			usleep(1000);
	}
	return false;
}

static enum outcome supervise(pid_t pid, int fd, struct ktap *k, unsigned int limit_ms, int *status)
{
	/* A test with a hung task has failed, and would most likely only wait for the rest of its time. */
	if (wait_until(pid, fd, k, now_ms() + limit_ms, true, status))
		return ENDED;
	dump_tasks(pid);
	kill(-1, SIGKILL);
	return wait_until(pid, fd, k, now_ms() + GRACE_MS, false, status) ? TIMED_OUT : STUCK;
}

/* The test said that it did nothing: an empty plan, or nothing but skipped checks. */
static bool all_skipped(const struct ktap *k)
{
	return k->plan == 0 || (k->ok && k->ok == k->skipped);
}

/* Returns NULL for a pass, "" for a skip, else the reason of the failure. */
static const char *judge(const struct ktap *k, enum outcome out, int status, unsigned int warnings,
			 bool hung, unsigned int limit_ms, char *buf, size_t size)
{
	if (out != ENDED && hung)
		snprintf(buf, size, "ended before its time: a task hangs%s",
			 out == STUCK ? ", and the test cannot be killed" : "");
	else if (out != ENDED)
		snprintf(buf, size, "timed out after %u ms%s", limit_ms,
			 out == STUCK ? " and cannot be killed" : "");
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "killed by signal %d", WTERMSIG(status));
	else if (warnings)
		snprintf(buf, size, "%u bad lines in the kernel log", warnings);
	else if (k->bailed)
		snprintf(buf, size, "bailed out");
	else if (k->not_ok)
		snprintf(buf, size, "%u of %u checks failed", k->not_ok, k->not_ok + k->ok);
	/* The status alone is no skip: 4 is also what fsck ends with when it found damage. */
	else if (WEXITSTATUS(status) && !(WEXITSTATUS(status) == EXIT_SKIP && all_skipped(k)))
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
	else if (all_skipped(k))
		return "";
	else if (k->ok == 0)
		snprintf(buf, size, "printed no result");
	else if (k->plan >= 0 && (unsigned int)k->plan != k->ok)
		snprintf(buf, size, "planned %d checks, ran %u", k->plan, k->ok);
	else
		return NULL;
	return buf;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

static void prepare(const struct job *job, char *tmpdir, size_t size)
{
	snprintf(tmpdir, size, "/tmp/test.XXXXXX");
	if (!mkdtemp(tmpdir))
		die("mkdtemp: %s", strerror(errno));
	setenv("TMPDIR", tmpdir, 1);
	if (!job->keep_disks)
		blank_disks();
	load_module_under_test(job);
}

static void run_test(const struct job *job, unsigned int index, struct verdict *v)
{
	const struct test *t = &job->tests[index];
	unsigned int limit_ms = t->timeout_s * 10 * time_scale, warnings;
	struct ktap k = { .plan = -1 };
	char tmpdir[64], reason[256];
	const char *why;
	enum outcome out;
	long long start;
	bool hung;
	int fds[2], status = 0;
	pid_t pid;

	prepare(job, tmpdir, sizeof(tmpdir));
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		die("pipe: %s", strerror(errno));
	/* The child's end must block like any other stdout. */
	fcntl(fds[1], F_SETFL, fcntl(fds[1], F_GETFL) & ~O_NONBLOCK);
	tap("# vex: start %s limit_ms=%u\n", t->name, limit_ms);
	start = now_ms();
	pid = spawn(t->path, -1, fds[1]);
	close(fds[1]);
	out = supervise(pid, fds[0], &k, limit_ms, &status);
	close(fds[0]);
	flush_line(&k);

	v->run++;
	v->timeouts += out != ENDED;
	/* What a hung task holds would stop the unmount, too: the tests behind this one get a new guest. */
	hung = oracle_hung();
	v->hang = out == STUCK || hung;
	if (!v->hang && !(job->keep_processes && out == ENDED && !status && !k.not_ok && !k.bailed)) {
		kill_leftovers();
		release_mounts();
	}
	if (!v->hang)
		nftw(tmpdir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	warnings = oracle_scan();
	v->warnings += warnings;
	why = judge(&k, out, status, warnings, hung, limit_ms, reason, sizeof(reason));
	if (!why) {
		v->passed++;
		tap("ok %u %s # ms=%lld\n", index + 1, t->name, now_ms() - start);
	} else if (!*why) {
		v->skipped++;
		tap("ok %u %s # SKIP %s\n", index + 1, t->name, k.skip_reason);
	} else {
		v->failed++;
		tap("# %s: %s\n", t->name, why);
		tap("not ok %u %s # ms=%lld\n", index + 1, t->name, now_ms() - start);
	}
}

void run_tests(struct job *job, struct verdict *v)
{
	v->planned = job->ntests;
	tap("KTAP version 1\n1..%u\n", job->ntests);
	/* The names first: what never starts is a failure with a name. */
	for (unsigned int i = 0; i < job->ntests; i++)
		tap("# vex: plan %s\n", job->tests[i].name);
	for (unsigned int i = 0; i < job->ntests && !v->hang; i++)
		run_test(job, i, v);
}

/*
 * Waits for pid and returns its status like a shell. Orphans of its session end up here, too; and the kernel's log is
 * read meanwhile, because its ring may be full more than once before pid ends.
 */
int await_exit(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0), status = 0;

	while (!reap(pid, &status)) {
		oracle_wait(fd, fd < 0 ? 2 : 500);
		oracle_poll();
	}
	if (fd >= 0)
		close(fd);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run_script(const char *path, int in, int out)
{
	pid_t pid = spawn(path, in, out);

	return await_exit(pid);
}

void load_module_under_test(const struct job *job)
{
	char path[256];
	int err;

	if (!job->module)
		return;
	snprintf(path, sizeof(path), "/sys/module/%s", job->module_name);
	if (!access(path, F_OK))
		return;
	for (unsigned int i = 0; i < job->ninsmod; i++) {
		err = insert_module(job->insmod[i], "");
		if (err)
			die("cannot load %s, which %s needs: %s (see the kernel log in console.log)", job->insmod[i],
			    job->module_name, strerror(-err));
	}
	err = insert_module(job->module, job->module_params ? job->module_params : "");
	if (err)
		die("cannot load %s: %s (see the kernel log in console.log)", job->module,
		    strerror(-err));
}
