// SPDX-License-Identifier: GPL-2.0-only
/* A guest under a debugger: QEMU's gdb stub, kgdb's serial port, a console of its own. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vm.h"

#define DETACH_KEY 0x01		/* Ctrl-A, then x */

/* What the guest can see of it, and so part of a saved guest's key. */
void debug_machine_args(struct argv *a, const struct opts *o)
{
	if (o->kgdb) {
		arg(a, "-serial");
		arg(a, "chardev:kgdb");
	}
	if (o->dump) {
		arg(a, "-device");
		arg(a, "vmcoreinfo");
		/* A crash kernel that ends in a reset must not take the memory with it. */
		arg(a, "-no-shutdown");
	}
}

static void socket_arg(struct argv *a, const char *id, const char *path, const char *more)
{
	arg(a, "-chardev");
	arg(a, "socket,id=%s,path=%s,server=on,wait=off%s", id, path, more);
}

void debug_args(struct argv *a, const struct opts *o)
{
	char *log = xprintf(",logfile=%s/console.tty.log", o->rundir);

	if (o->gdb) {
		socket_arg(a, "gdb", o->gdb, "");
		arg(a, "-gdb");
		arg(a, "chardev:gdb");
	}
	if (o->paused)
		arg(a, "-S");
	if (o->kgdb)
		socket_arg(a, "kgdb", o->kgdb, "");
	if (o->console)
		socket_arg(a, "hvc", o->console, log);
	free(log);
}

/* Time during which a debugger holds the guest counts for no limit. */
static void stop_event(struct vm *vm, bool stopped)
{
	long long away;

	if (stopped == vm->stopped)
		return;
	vm->stopped = stopped;
	if (stopped) {
		vm->stop_ms = now_ms();
		return;
	}
	away = now_ms() - vm->stop_ms;
	vm->activity_ms += away;
	if (vm->ready_ms)
		vm->ready_ms += away;
	if (vm->panic_ms)
		vm->panic_ms += away;
	vm->resumed = true;
}

/* @error: what the event says went wrong; "" */
void debug_event(struct vm *vm, const char *event, const char *error)
{
	if (!strcmp(event, "SHUTDOWN"))
		vm->halted = vm->o->dump;
	else if (!strcmp(event, "STOP"))
		stop_event(vm, true);
	else if (!strcmp(event, "RESUME"))
		stop_event(vm, false);
	else if (!strcmp(event, "DUMP_COMPLETED"))
		snprintf(vm->dump_error, sizeof(vm->dump_error), "%s", error);
}

/* The shell that started us waits for this file before it runs gdb. */
static void tell_ready(const struct vm *vm)
{
	FILE *f = open_log(vm->o->rundir, "debug.ready");

	fprintf(f, "scale=%u\n", vm->m->scale);
	if (fclose(f))
		fatal(VEX_ENV, "cannot write to %s; make room on the host", vm->o->rundir);
}

void debug_started(const struct vm *vm)
{
	if (vm->o->paused)
		tell_ready(vm);
}

/*
 * True while the job must not start yet: the guest is stopped before it, so that breakpoints in a
 * module that is not even loaded can be set, until the debugger lets it go on.
 */
bool debug_hold(struct vm *vm)
{
	static bool told;

	if (!vm->o->gdb)
		return false;
	if (!told && !vm->o->paused) {
		vm->resumed = false;
		if (!qmp_command(vm, -1, "{\"execute\":\"stop\"}"))
			return false;
		tell_ready(vm);
	}
	told = true;
	return !vm->resumed && !vm->o->paused;
}

/* From init: "kdump armed|begin|progress=N|done|failed WHY". */
void debug_ctl_line(struct vm *vm, const char *line)
{
	if (!strncmp(line, "debug ready", 11))
		tell_ready(vm);
	else if (!strncmp(line, "kdump armed", 11))
		vm->kdump.armed = true;
	else if (!strncmp(line, "kdump begin", 11))
		vm->kdump.begun = true;
	else if (!strncmp(line, "kdump done", 10))
		vm->kdump.done = true;
	else if (!strncmp(line, "kdump failed ", 13))
		snprintf(vm->kdump.why, sizeof(vm->kdump.why), "%.200s", line + 13);
	else
		sscanf(line, "kdump progress=%u", &vm->kdump.percent);
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(sa.sun_path))
		fatal(VEX_USAGE, "socket path longer than %zu bytes: %s", sizeof(sa.sun_path) - 1, path);
	strcpy(sa.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		fatal(VEX_LOST, "no guest answers at %s: %s", path, strerror(errno));
	return fd;
}

/* Returns false at the end of the stream or, from a terminal, at the detach key. */
static bool relay(int from, int to, bool keys)
{
	static bool armed;
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf)), done = 0;

	if (n <= 0)
		return n < 0 && errno == EINTR;
	for (ssize_t i = 0; keys && i < n; i++) {
		if (armed && buf[i] == 'x')
			return false;
		armed = buf[i] == DETACH_KEY;
	}
	while (done < n) {
		ssize_t w = write(to, buf + done, n - done);

		if (w < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (w > 0)
			done += w;
	}
	return true;
}

/* The client's end of --console: this terminal, until either side ends. */
int debug_attach(const char *path)
{
	int fd = connect_to(path);
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	bool go_on = true;

	signal(SIGPIPE, SIG_IGN);
	term_raw();
	/* A shell prints its prompt once, perhaps long ago: an empty line brings it back. */
	if (isatty(STDIN_FILENO) && write(fd, "\n", 1) < 0)
		go_on = false;
	while (go_on && (poll(p, 2, -1) >= 0 || errno == EINTR)) {
		if (p[1].revents)
			go_on = relay(fd, STDOUT_FILENO, false);
		if (go_on && p[0].revents && !relay(STDIN_FILENO, fd, true)) {
			/* End of a pipe: what the guest still says is wanted; end by key: not. */
			if (isatty(STDIN_FILENO))
				break;
			p[0].fd = -1;
		}
	}
	term_restore();
	return VEX_PASSED;
}
