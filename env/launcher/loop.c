// SPDX-License-Identifier: GPL-2.0-only
/* One round of listening to a machine: its streams, its death, our signals, our stdin. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../proto/complaints.h"
#include "../proto/tap.h"
#include "vm.h"

#define FILE_MS 20
#define ESCAPE_KEY 0x01		/* Ctrl-A, then x: end the machine */

static int signal_fd = -1;

void vm_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		fatal(VEX_ENV, "signalfd: %s", strerror(errno));
}

/* For a child: what vm_signals() blocked would be deaf to the signals we end it with. */
void vm_default_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Sleeps; ends the launcher when it is told to while there is no guest yet. */
void vm_pause(int ms)
{
	struct pollfd p = { .fd = signal_fd, .events = POLLIN };
	struct signalfd_siginfo si;

	if (poll(&p, 1, ms) > 0 && read(signal_fd, &si, sizeof(si)) == sizeof(si) && si.ssi_signo != SIGCHLD)
		exit(VEX_INTERRUPTED);
}

void vm_init(struct vm *vm, const struct opts *o, const struct machine *m)
{
	memset(vm, 0, sizeof(*vm));
	vm->o = o;
	vm->m = m;
	vm->in_fd = -1;
	vm->stopped = o->paused;
	vm->stop_ms = now_ms();
	for (int i = 0; i < P_COUNT; i++)
		vm->fd[i] = -1;
	vm->console_log = open_log(o->rundir, "console.log");
	vm->tap_log = open_log(o->rundir, "tap.log");
	vm->out_log = open_log(o->rundir, "out.log");
	vm->qmp_log = open_log(o->rundir, "qmp.log");
}

void vm_close(struct vm *vm)
{
	qemu_kill(vm);
	qmp_close(vm);
	for (int i = 0; i < P_COUNT; i++)
		if (vm->fd[i] >= 0)
			close(vm->fd[i]);
	fclose(vm->console_log);
	fclose(vm->tap_log);
	fclose(vm->out_log);
	fclose(vm->qmp_log);
}

static void message(struct vm *vm, const char *line)
{
	if (!vm->message[0])
		snprintf(vm->message, sizeof(vm->message), "%.500s", line);
}

/* A reader that has seen enough (| head) is fine, output that is lost is a failure; the guest continues either way. */
static void cannot_write(struct vm *vm)
{
	if (errno != EPIPE && !vm->write_error)
		vm->write_error = errno;
}

static void watch_marker(struct vm *vm, const char *line)
{
	if (vm->o->kill_marker && strstr(line, vm->o->kill_marker))
		vm->marker_seen = true;
}

/* Without colours and cursor movements. */
static void plain_text(char *to, size_t size, const char *from)
{
	size_t n = 0;

	while (*from && n < size - 1) {
		if (from[0] == 0x1b && from[1] == '[')
			from += 2 + strspn(from + 2, "0123456789;?");
		else if (*from >= ' ' || *from < 0)
			to[n++] = *from;
		if (*from)
			from++;
	}
	to[n] = 0;
}

/* What stands behind "[   12.345678] ", wherever that is: a login prompt may be before it. NULL: not the kernel's. */
static const char *kernel_text(const char *line)
{
	static const char digits[] = "0123456789";

	for (const char *p = strchr(line, '['); p; p = strchr(p + 1, '[')) {
		const char *t = p + 1 + strspn(p + 1, " ");
		size_t s = strspn(t, digits);

		if (!s || t[s] != '.' || strspn(t + s + 1, digits) != 6 || t[s + 7] != ']')
			continue;
		t += s + 8;
		if (*t == '[')			/* "[   T12]", who said it */
			t += strcspn(t, "]") + 1;
		return *t == ' ' ? t + 1 : t;
	}
	return NULL;
}

/*
 * An image is judged from the moment it is up: what its distribution's kernel says while it boots is not ours. Nor
 * is what says only that this host had no time for its processors.
 */
static bool excused(const struct vm *vm, const char *text)
{
	if (!vm->o->image)
		return false;
	return !vm->ready || strstr(text, "soft lockup") || strstr(text, "workqueue lockup") ||
	       strstr(text, "detected stall");
}

static void watch_complaints(struct vm *vm, const char *line)
{
	const char *text = kernel_text(line);

	if (!text || !vex_is_complaint(text) || excused(vm, text))
		return;
	if (!vm->warned[0])
		snprintf(vm->warned, sizeof(vm->warned), "%.500s", text);
	if (vm->stall[0] || !vex_is_stall(text))
		return;
	/* Who waits at a terminal is to know at once, and not when the run ends. */
	snprintf(vm->stall, sizeof(vm->stall), "%.250s", text);
	vm->stall_ms = now_ms();
	fprintf(stderr, "\r\n    the kernel says: %s\r\n", vm->stall);
}

/* Users work on an image's console: what they read there, a log or a source, is not the kernel speaking. */
static bool says_fatal(const struct vm *vm, const char *line, const char *what)
{
	const char *text = kernel_text(line);

	if (!vm->o->image)
		return strstr(line, what);
	return text && !strncmp(text, what, strlen(what));
}

#define OOPS_HEAD	8	/* lines from "BUG: kernel NULL pointer dereference" to "Oops: 0002" at most */

/* What is said of a fatal line: an oops is numbers, the line that says of what is before it. */
static const char *fatal_words(const struct vm *vm, const char *line)
{
	return vm->bug[0] && vm->bug_age <= OOPS_HEAD && strstr(line, "Oops: ") ? vm->bug : line;
}

static void console_line(struct vm *vm, const char *line)
{
	static const char *const fatal_lines[] = {
		"Kernel panic - not syncing", "Oops: ", "BUG: unable to handle",
		"kernel BUG at", "general protection fault",
	};

	watch_marker(vm, line);
	watch_complaints(vm, line);
	vm->bug_age++;
	if (strstr(line, "BUG: ")) {
		snprintf(vm->bug, sizeof(vm->bug), "%.500s", line);
		vm->bug_age = 0;
	}
	if (line[0])
		plain_text(vm->console_line, sizeof(vm->console_line), line);
	/* QEMU tells by QMP that the host's disk is full, UML by the block layer's message. */
	if (vm->o->uml && strstr(line, "critical space allocation error"))
		vm->no_space = true;
	if (strstr(line, "end Kernel panic"))
		vm->panic_over = true;
	for (size_t i = 0; i < sizeof(fatal_lines) / sizeof(fatal_lines[0]); i++) {
		if (!says_fatal(vm, line, fatal_lines[i]))
			continue;
		if (!vm->panicked)
			vm->panic_ms = now_ms();
		vm->panicked = true;
		message(vm, fatal_words(vm, line));
	}
}

static void ctl_line(struct vm *vm, const char *line)
{
	if (!strncmp(line, "ready", 5)) {
		vm->ready = true;
		vm->ready_ms = now_ms();
	} else if (!strncmp(line, "verdict v1 ", 11)) {
		size_t len = strlen(line);

		/* A record without its last word was cut off and counts for nothing. */
		if (len < 4 || strcmp(line + len - 4, " end"))
			return;
		snprintf(vm->verdict, sizeof(vm->verdict), "%.500s", line);
		vm->done_ms = now_ms();
		vm->done = true;
	} else if (!strncmp(line, "error ", 6)) {
		vm->error = true;
		message(vm, line + 6);
	} else {
		debug_ctl_line(vm, line);
	}
}

/* --show results: the tests' results, their failed checks, and what explains them. */
static bool shown(const struct tap_line *t)
{
	if (t->what == TAP_RESULT)
		return !t->depth || (t->depth == 2 && !t->ok);
	return t->what == TAP_NOTE && !t->depth && t->about != TAP_INIT;
}

static void test_line(struct vm *vm, const char *line)
{
	struct tap_line t;
	bool own;

	watch_marker(vm, line);
	tap_parse(line, &t);
	if (t.what == TAP_STARTED && t.limit_ms) {
		snprintf(vm->current, sizeof(vm->current), "%.127s", t.name);
		vm->test_limit_ms = t.limit_ms;
	}
	if (!t.depth && t.about == TAP_KERNEL)
		message(vm, t.text + strlen("kernel: "));
	own = t.about == TAP_INIT;
	if (vm->o->show == SHOW_TAP && !own)
		printf("%s\n", line);
	else if (vm->o->show == SHOW_RESULTS && shown(&t))
		printf("    %s\n", line);
	else
		return;
	if (fflush(stdout))
		cannot_write(vm);
}

static void to_stdout(struct vm *vm, const char *buf, size_t n)
{
	while (vm->o->io != IO_NONE && n > 0) {
		ssize_t w = write(STDOUT_FILENO, buf, n);

		if (w < 0 && errno != EINTR && errno != EAGAIN) {
			cannot_write(vm);
			return;
		}
		if (w > 0) {
			buf += w;
			n -= w;
		}
	}
}

static void out_bytes(struct vm *vm, const char *buf, size_t n)
{
	log_write(vm->out_log, buf, n);
	to_stdout(vm, buf, n);
}

static void take_lines(struct vm *vm, enum port p, const char *buf, size_t n)
{
	struct liner *l = &vm->line[p];

	for (size_t i = 0; i < n; i++) {
		if (buf[i] == '\r')
			continue;
		if (buf[i] != '\n' && l->len < sizeof(l->buf) - 1) {
			l->buf[l->len++] = buf[i];
			continue;
		}
		l->buf[l->len] = 0;
		l->len = 0;
		if (p == P_CONSOLE)
			console_line(vm, l->buf);
		else if (p == P_CTL)
			ctl_line(vm, l->buf);
		else if (p == P_TAP)
			test_line(vm, l->buf);
		else if (p == P_OUT)
			watch_marker(vm, l->buf);
		else if (p == P_QMP)
			qmp_line(vm, l->buf);
	}
}

/* Nothing tells us when a file has grown: those of a recorded run are looked at every FILE_MS. */
static bool in_file(const struct vm *vm, enum port p)
{
	return replay_wanted(vm->o) && p != P_QMP;
}

/* Returns false when the stream has no more to give for now. */
static bool read_port(struct vm *vm, enum port p)
{
	char buf[16384];
	ssize_t n = read(vm->fd[p], buf, sizeof(buf));

	if (n < 0 || (n == 0 && in_file(vm, p)))
		return false;
	if (n == 0) {
		close(vm->fd[p]);
		vm->fd[p] = -1;
		return false;
	}
	if (p != P_QMP)
		vm->activity_ms = now_ms();
	if (p == P_TAP || p == P_OUT || p == P_HVC)
		vm->taken += n;
	if (p == P_CONSOLE)
		log_write(vm->console_log, buf, n);
	if (p == P_CONSOLE && vm->o->io == IO_CONSOLE)
		to_stdout(vm, buf, n);
	if (p == P_TAP)
		log_write(vm->tap_log, buf, n);
	else if (p == P_OUT || p == P_HVC)
		out_bytes(vm, buf, n);
	take_lines(vm, p, buf, n);
	return true;
}

/* What the sockets hold, all of it. */
void vm_drain(struct vm *vm)
{
	for (int p = 0; p < P_COUNT; p++)
		while (vm->fd[p] >= 0 && read_port(vm, p))
			;
}

static void take_signals(struct vm *vm)
{
	struct signalfd_siginfo si;

	while (read(signal_fd, &si, sizeof(si)) == sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			vm->interrupted = true;
	if (vm->pid > 0 && waitpid(vm->pid, &vm->wait_status, WNOHANG) == vm->pid) {
		vm->pid = 0;
		vm_drain(vm);
		vm->dead = true;
	}
}

static bool escaped(struct vm *vm)
{
	static bool armed;

	if (vm->o->io != IO_TTY && vm->o->io != IO_CONSOLE)
		return false;
	for (size_t i = 0; i < vm->in_len; i++) {
		if (armed && vm->in_buf[i] == 'x')
			return true;
		armed = vm->in_buf[i] == ESCAPE_KEY;
	}
	return false;
}

/* The port that takes what is typed. */
static enum port input_port(const struct vm *vm)
{
	return vm->o->io == IO_TTY ? P_HVC : vm->o->io == IO_CONSOLE ? P_CONSOLE : P_IN;
}

/* Stdin is read only while QEMU takes it, so a long pipe costs no memory here. */
static void pump_stdin(struct vm *vm, bool readable)
{
	enum port p = input_port(vm);
	/* UML's line cannot end: there the stream is framed (proto.h). */
	size_t head = vm->o->uml && p == P_IN ? 2 : 0;
	ssize_t n;

	if (readable && vm->in_len == 0) {
		n = read(vm->in_fd, vm->in_buf + head, sizeof(vm->in_buf) - head);
		if (n < 0)
			n = 0;
		if (head) {
			vm->in_buf[0] = n & 0xff;
			vm->in_buf[1] = n >> 8;
		}
		if (n == 0) {
			vm->in_fd = -1;
			/*
			 * The guest sees end of file. Not close(): QEMU takes the hang-up for the end and drops what
			 * it has not read yet.
			 */
			if (p == P_IN && vm->fd[P_IN] >= 0 && !head)
				shutdown(vm->fd[P_IN], SHUT_WR);
			if (!head)
				return;
		}
		vm->in_len = n + head;
		if (escaped(vm))
			vm->interrupted = true;
	}
	if (vm->in_len == 0 || vm->fd[p] < 0)
		return;
	n = send(vm->fd[p], vm->in_buf, vm->in_len, MSG_NOSIGNAL);
	if (n > 0) {
		memmove(vm->in_buf, vm->in_buf + n, vm->in_len - n);
		vm->in_len -= n;
	}
}

/* Waits at most timeout_ms for news and takes it in; false when the machine is gone. */
bool vm_poll(struct vm *vm, int timeout_ms)
{
	struct pollfd fds[P_COUNT + 2];
	int in = vm->in_len == 0 ? vm->in_fd : -1;

	if (replay_wanted(vm->o) && timeout_ms > FILE_MS)
		timeout_ms = FILE_MS;
	for (int i = 0; i < P_COUNT; i++) {
		fds[i].fd = in_file(vm, i) ? -1 : vm->fd[i];
		fds[i].events = POLLIN;
		if (vm->in_len > 0 && i == (int)input_port(vm))
			fds[i].events |= POLLOUT;
	}
	fds[P_COUNT] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
	fds[P_COUNT + 1] = (struct pollfd){ .fd = in, .events = POLLIN };
	if (poll(fds, P_COUNT + 2, timeout_ms) < 0 && errno != EINTR)
		fatal(VEX_ENV, "poll: %s", strerror(errno));
	for (int i = 0; i < P_COUNT; i++)
		if (vm->fd[i] >= 0 && (in_file(vm, i) || fds[i].revents & (POLLIN | POLLHUP | POLLERR)))
			read_port(vm, i);
	pump_stdin(vm, in >= 0 && fds[P_COUNT + 1].revents);
	take_signals(vm);
	return !vm->dead;
}

static int disk_sizes(const struct opts *o, char *buf, size_t size)
{
	int n = 0;

	for (unsigned int i = 0; i < o->ndisks; i++)
		n += snprintf(buf + n, size - n, "%s%s:%llu", i ? "," : "", o->disks[i].name,
			      (unsigned long long)o->disks[i].size);
	return n;
}

/* The first thing the guest learns about this run: fills @line, returns its length. */
int go_line(const struct opts *o, const struct machine *m, char *line, size_t size)
{
	unsigned char seed[48];
	char sizes[256] = "-";
	struct timespec ts;
	int n;

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		fatal(VEX_ENV, "getrandom: %s", strerror(errno));
	clock_gettime(CLOCK_REALTIME, &ts);
	disk_sizes(o, sizes, sizeof(sizes));
	n = snprintf(line, size, "go epoch_ms=%lld scale=%u disks=%s seed=",
		     ts.tv_sec * 1000LL + ts.tv_nsec / 1000000, m->scale, sizes);
	for (size_t i = 0; i < sizeof(seed); i++)
		n += snprintf(line + n, size - n, "%02x", seed[i]);
	line[n++] = '\n';
	return n;
}

void vm_send_go(struct vm *vm)
{
	char line[1024];
	int n = go_line(vm->o, vm->m, line, sizeof(line));

	if (send(vm->fd[P_CTL], line, n, MSG_NOSIGNAL) != n)
		message(vm, "the control port does not take data");
}
