// SPDX-License-Identifier: GPL-2.0-only
/* The host: its memory, its tools, and why QEMU would not start on it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

void child_begin(pid_t parent, int out, int err)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	setsid();
	vm_default_signals();
	dup2(open("/dev/null", O_RDWR), 0);
	dup2(out, 1);
	dup2(err, 2);
}

/* Runs a program with its output in log; returns its exit status, 127 when it is not there. */
int run_tool(const char *log, char *const argv[])
{
	pid_t parent = getpid(), pid = fork();
	int status;

	if (pid < 0)
		fatal(VEX_ENV, "fork: %s", strerror(errno));
	if (pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		vm_default_signals();
		dup2(open("/dev/null", O_RDWR), 0);
		dup2(fd, 1);
		dup2(fd, 2);
		execvp(argv[0], argv);
		dprintf(2, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static unsigned long long meminfo_mb(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	size_t len = strlen(name);
	unsigned long long kb = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			kb = strtoull(line + len + 1, NULL, 10);
	if (f)
		fclose(f);
	return kb >> 10;
}

/* Better said in one line now than by the kernel's OOM killer in the middle of a test. */
void check_memory(const struct opts *o)
{
	unsigned long long have = meminfo_mb("MemAvailable") + meminfo_mb("SwapFree");
	unsigned long long limit = cgroup_mb(); /* a container's limit counts as much as the machine's memory */

	if (limit < have && o->memory_mb > limit)
		fatal(VEX_ENV, "not enough memory: the guest wants %u MB, the control group of this shell allows "
		      "%llu MB; give it less with --memory, or raise the group's limit", o->memory_mb, limit);
	if (have && o->memory_mb > have)
		fatal(VEX_ENV, "not enough memory: the guest wants %u MB, this host has %llu MB available; "
		      "give it less with --memory, or end other programs", o->memory_mb, have);
}

static void between(const char *line, char open, char close_, char *buf, size_t size)
{
	const char *a = strchr(line, open), *b = a ? strchr(a, close_) : NULL;

	if (a && b)
		snprintf(buf, size, "%.*s", (int)(b - a - 1), a + 1);
}

/* QEMU ended before the guest began: its own words in qemu.log, translated where they need it. */
static void explain_qemu(struct vm *vm)
{
	char *path = xprintf("%s/qemu.log", vm->o->rundir);
	char line[512], first[200] = "", file[256] = "a disk";
	FILE *f = fopen(path, "re");
	bool lock = false, memory = false, display = false;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!first[0] && !strstr(line, "warning:"))
			snprintf(first, sizeof(first), "%.199s", line);
		lock |= strstr(line, "Failed to get") && strstr(line, "lock");
		if (strstr(line, "Is another process using the image"))
			between(line, '[', ']', file, sizeof(file));
		memory |= strstr(line, "cannot set up guest memory") || strstr(line, "Cannot allocate memory");
		display |= strstr(line, "gtk initialization failed") || strstr(line, "cannot open display") ||
			   strstr(line, "Could not initialize SDL");
	}
	if (f)
		fclose(f);
	if (lock)
		snprintf(vm->message, sizeof(vm->message),
			 "disk in use: another VM has %s open; end that one first, or give this one its own", file);
	else if (memory)
		snprintf(vm->message, sizeof(vm->message),
			 "not enough memory on this host for a guest of %u MB; give it less with --memory",
			 vm->o->memory_mb);
	else if (display)
		snprintf(vm->message, sizeof(vm->message),
			 "--graphical: QEMU cannot open a window on DISPLAY=%s; log in with ssh -X, or do without",
			 getenv("DISPLAY") ? getenv("DISPLAY") : "");
	else
		snprintf(vm->message, sizeof(vm->message), "QEMU did not start: %s (see qemu.log)", first);
	free(path);
}

void explain_start(struct vm *vm)
{
	if (vm->o->uml)
		snprintf(vm->message, sizeof(vm->message), "UML did not start: %s (see console.log)",
			 vm->console_line);
	else
		explain_qemu(vm);
}
