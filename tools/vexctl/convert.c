// SPDX-License-Identifier: GPL-2.0
/* Running a converter. Its input may be hostile, and it may hang: it has little, and not for long. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/vexctl/convert.h"
#include "tools/vexctl/convert_cache.h"
#include "tools/vexctl/program.h"
#include "tools/vexctl/vexctl.h"

#define MEMORY_MAX	(2ull << 30)
#define NOBODY		65534

double convert_seconds = CONVERT_SECONDS;

static double budget, spent;	/* approximate between threads; a search has one */

void convert_budget(double seconds)
{
	budget = seconds;
	spent = 0;
}

static const char *const pdf_words[] = { "pdftotext", "-q", "-enc", "UTF-8", "-", "-", NULL };

static const char *const *converter(enum text_kind kind)
{
	return kind == TEXT_PDF ? pdf_words : NULL;
}

static void limit(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit r = { .rlim_cur = most, .rlim_max = most };

	setrlimit(what, &r);
}

/* Between fork and exec, perhaps with other threads about: system calls only. */
static _Noreturn void become(const char *program, const char *const *words, int in, int out, int nothing)
{
	static char *const environment[] = { (char *)"PATH=/usr/bin:/bin", (char *)"LC_ALL=C.UTF-8",
					     (char *)"HOME=/nonexistent", NULL };

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	limit(RLIMIT_CPU, CONVERT_SECONDS);
	limit(RLIMIT_AS, MEMORY_MAX);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 64);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(nothing, 2) < 0 || close_range(3, ~0u, 0) || chdir("/"))
		_exit(126);
	/* the functions of these names speak to other threads, which this process has not */
	if (!geteuid() && (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) ||
			   syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY)))
		_exit(126);
	execve(program, (char *const *)words, environment);
	_exit(126);
}

/* Until the end, @room bytes, or the deadline. */
static int drain(int fd, char *out, size_t room, size_t *len, double deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double left;
	ssize_t n;
	int ret;

	while (*len < room) {
		left = deadline - now_seconds();
		if (interrupted())
			return -EINTR;
		if (left <= 0)
			return -ETIMEDOUT;
		ret = poll(&p, 1, left > 0.5 ? 500 : (int)(left * 1000) + 1);	/* Ctrl-C may come between */
		if (ret <= 0)
			continue;
		n = read(fd, out + *len, room - *len);
		if (!n)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		*len += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* It has closed its output: it is about to end, or holds on. */
static bool ends_well(pid_t pid, double deadline)
{
	struct timespec nap = { .tv_nsec = 2000000 };
	siginfo_t info;

	do {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) && errno != EINTR)
			return false;
		if (info.si_pid)
			return info.si_code == CLD_EXITED && !info.si_status;
		nanosleep(&nap, NULL);
	} while (now_seconds() < deadline && !interrupted());
	return false;
}

static int run(const char *program, const char *const *words, int in, char *out, size_t room, size_t *len)
{
	double deadline = now_seconds() + convert_seconds;
	int ends[2], nothing = open("/dev/null", O_WRONLY | O_CLOEXEC), ret;
	bool well = false;
	pid_t pid = -1;

	if (nothing < 0 || pipe2(ends, O_CLOEXEC)) {
		ret = -errno;
		if (nothing >= 0)
			close(nothing);
		return ret;
	}
	pid = fork();
	if (!pid)
		become(program, words, in, ends[1], nothing);
	ret = pid < 0 ? -errno : 0;
	close(ends[1]);
	close(nothing);
	if (pid > 0) {
		setpgid(pid, pid);	/* parent and child both do it: either may run first */
		ret = drain(ends[0], out, room, len, deadline);
		well = !ret && (*len == room || ends_well(pid, deadline));
		program_kill(pid);
	}
	close(ends[0]);
	return !ret && !well && !*len ? -EPROTO : ret;
}

/* The same file, from its beginning, and not to be written to. */
static int open_again(int fd)
{
	char link[64];
	int again;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	again = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

int convert_text(enum text_kind kind, int fd, char *out, size_t room, size_t *len)
{
	const char *const *words = converter(kind);
	char program[PROGRAM_MAX];
	double begun = now_seconds();
	struct stat st;
	int in, ret;

	*len = 0;
	if (fstat(fd, &st))
		return -errno;
	/* An index stamps what was read: it reads. */
	if (budget > 0 && convert_cached(&st, out, room, len))
		return 0;
	if (budget > 0 && spent > budget)
		return -ETIMEDOUT;
	if (!words || !program_find(words[0], program))
		return -ENOPKG;
	in = open_again(fd);
	if (in < 0)
		return in;
	ret = run(program, words, in, out, room, len);
	close(in);
	spent += now_seconds() - begun;
	if (!ret && budget > 0)
		convert_keep(&st, out, *len);
	return ret;
}
