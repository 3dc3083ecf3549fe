// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several processes at a time. An interruption is for this program, which passes it on and waits for each of them: each
 * has a process group of its own, and dies with this program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "pool.h"
#include "test.h"

#define TICK_MS		1000
#define LINE_MAX_BYTES	65536

static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
static sigset_t before;
static int signal_fd = -1;

/* ---- signals ---- */

void pool_signals(void)
{
	pid_t parent = getppid();
	struct sigaction now;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	/* nohup, and a script's background job: who has ignored a signal does not want to be ended by it. */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!sigaction(ends[i], NULL, &now) && now.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		die(VEX_ENV, "signalfd: %s", strerror(errno));
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		exit(VEX_INTERRUPTED);
}

static void take_signals(struct pool *p)
{
	struct signalfd_siginfo si;

	while (read(signal_fd, &si, sizeof(si)) == sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			p->interrupted = true;
}

/* ---- one process ---- */

static int open_or(const char *path, int flags, int otherwise)
{
	int fd = path ? open(path, flags, 0644) : otherwise;

	if (fd < 0)
		_exit(127);
	return fd;
}

static void child(pid_t parent, char *const argv[], int in, int out, int err)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	sigprocmask(SIG_SETMASK, &before, NULL);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	execvp(argv[0], argv);
	dprintf(2, "vex: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

void task_start(struct task *t, char *const argv[], const char *in, const char *log, const char *out, const char *label)
{
	int pipe_fd[2] = { -1, -1 };
	pid_t parent = getpid();

	if (!out && label && pipe2(pipe_fd, O_CLOEXEC))
		die(VEX_ENV, "pipe: %s", strerror(errno));
	fflush(stdout);
	t->pid = fork();
	if (t->pid < 0)
		die(VEX_ENV, "fork: %s: end other programs, or use --jobs 1", strerror(errno));
	if (!t->pid)
		child(parent, argv, open_or(in ? in : "/dev/null", O_RDONLY | O_CLOEXEC, 0),
		      open_or(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, label ? pipe_fd[1] : 2),
		      open_or(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 2));
	setpgid(t->pid, t->pid);	/* whichever of the two comes first */
	if (pipe_fd[1] >= 0)
		close(pipe_fd[1]);
	t->out = pipe_fd[0];
	if (t->out >= 0)
		fcntl(t->out, F_SETFL, O_NONBLOCK);
	t->label = label;
	t->state = TASK_RUNS;
}

void task_wait(struct task *t, long long ms)
{
	t->until = now_ms() + ms;
	t->state = TASK_WAITS;
}

/* ---- what it prints ---- */

static void print_lines(struct task *t, bool rest)
{
	char *from = t->text, *end;

	while (t->len && ((end = memchr(from, '\n', t->len)) || rest || t->len > LINE_MAX_BYTES)) {
		size_t n = end ? (size_t)(end - from) : t->len;

		progress_end();
		printf("%s%.*s\n", t->label, (int)n, from);
		n += end ? 1 : 0;
		from += n;
		t->len -= n;
	}
	if (from != t->text)
		memmove(t->text, from, t->len);
	fflush(stdout);
}

static void relay(struct task *t)
{
	char buf[4096];
	ssize_t n;

	while (t->out >= 0 && (n = read(t->out, buf, sizeof(buf))) != 0) {
		if (n < 0)
			return;
		t->text = grow(t->text, t->len + n);
		memcpy(t->text + t->len, buf, n);
		t->len += n;
		print_lines(t, false);
	}
	if (t->out >= 0)
		close(t->out);
	t->out = -1;
}

static void relay_end(struct task *t)
{
	relay(t);
	if (t->out >= 0)
		close(t->out);
	t->out = -1;
	if (t->len)
		print_lines(t, true);
}

/* ---- all of them ---- */

void pool_add(struct pool *p, struct task *t)
{
	t->out = -1;
	p->task = grow(p->task, (p->n + 1) * sizeof(struct task *));
	p->task[p->n++] = t;
}

static void step(struct pool *p, struct task *t, int code)
{
	t->state = TASK_OVER;
	t->step(p, t, code);
	if (t->state != TASK_OVER)
		return;
	p->free += t->cost;
	if (p->done && !p->interrupted)
		p->done(p, t);
}

static void begin(struct pool *p)
{
	for (size_t i = 0; i < p->n && !p->no_more; i++) {
		struct task *t = p->task[i];

		if (t->state != TASK_QUEUED || t->cost > p->free)
			continue;
		p->free -= t->cost;
		step(p, t, -1);
	}
}

static void reap(struct pool *p, struct task *t)
{
	int status = 127 << 8;

	if (!waitpid(t->pid, &status, WNOHANG))
		return;
	relay_end(t);
	step(p, t, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* How long poll() may sleep. */
static int sleep_ms(const struct pool *p)
{
	long long ms = TICK_MS, left;

	for (size_t i = 0; i < p->n; i++) {
		left = p->task[i]->until - now_ms();
		if (p->task[i]->state == TASK_WAITS && left < ms)
			ms = left > 0 ? left : 0;
	}
	return (int)ms;
}

static void wait_for_events(struct pool *p)
{
	struct pollfd *fds = grow(NULL, (p->n + 1) * sizeof(*fds));
	nfds_t n = 0;

	fds[n++] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
	for (size_t i = 0; i < p->n; i++)
		if (p->task[i]->out >= 0)
			fds[n++] = (struct pollfd){ .fd = p->task[i]->out, .events = POLLIN };
	poll(fds, n, sleep_ms(p));
	free(fds);
	take_signals(p);
	for (size_t i = 0; i < p->n; i++)
		relay(p->task[i]);
}

static void advance(struct pool *p)
{
	for (size_t i = 0; i < p->n && !p->interrupted; i++) {
		struct task *t = p->task[i];

		if (t->state == TASK_RUNS)
			reap(p, t);
		else if (t->state == TASK_WAITS && now_ms() >= t->until)
			step(p, t, 0);
	}
}

static bool active(const struct pool *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->task[i]->state == TASK_RUNS || p->task[i]->state == TASK_WAITS ||
		    (p->task[i]->state == TASK_QUEUED && !p->no_more))
			return true;
	return false;
}

static bool any_runs(const struct pool *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->task[i]->state == TASK_RUNS)
			return true;
	return false;
}

/* What each of them removes and notes takes a moment, and what it prints meanwhile is taken. */
static void end_all(struct pool *p)
{
	progress_end();
	for (size_t i = 0; i < p->n; i++) {
		if (p->task[i]->state == TASK_RUNS)
			kill(-p->task[i]->pid, SIGTERM);
		else if (p->task[i]->state == TASK_WAITS)
			step(p, p->task[i], VEX_INTERRUPTED);
	}
	while (any_runs(p)) {
		wait_for_events(p);
		for (size_t i = 0; i < p->n; i++)
			if (p->task[i]->state == TASK_RUNS)
				reap(p, p->task[i]);
	}
}

void pool_run(struct pool *p)
{
	p->free = p->jobs;
	progress_begin();
	while (active(p) && !p->interrupted) {
		begin(p);
		if (!active(p))
			break;
		wait_for_events(p);
		advance(p);
		if (!p->interrupted)
			progress(p);
	}
	if (p->interrupted)
		end_all(p);
	progress_end();
}
