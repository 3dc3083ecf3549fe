// SPDX-License-Identifier: GPL-2.0-only
/* From "go" to the exit code: time limits, hang, panic, power cut, verdict. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "vm.h"

#define PANIC_GRACE_MS	3000	/* for the rest of the trace */
#define IMAGE_PANIC_S	15
#define DRAIN_MS	200
#define STALL_GRACE_MS	4000	/* for the rest of the kernel's report */
#define STALL_SILENCE_S	5	/* of a guest whose init judges a stalled test; before scaling */

static struct termios saved_term;
static bool term_is_raw;

void term_raw(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &saved_term))
		return;
	t = saved_term;
	cfmakeraw(&t);
	term_is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

/* Also where another process group has the terminal by now: SIGTTOU would stop us, or the call would fail. */
void term_restore(void)
{
	sigset_t set, before;

	if (!term_is_raw)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, &before);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved_term);
	sigprocmask(SIG_SETMASK, &before, NULL);
	term_is_raw = false;
}

long long scaled(const struct vm *vm, unsigned int seconds)
{
	return seconds * 10LL * vm->m->scale;
}

/*
 * The kernel has said that a processor or a task is stuck. A test is init's to judge, unless it cannot: then the guest
 * is silent. An image's distribution, and a guest that a debugger may have stopped, are left alone.
 */
static bool is_stalled(struct vm *vm)
{
	long long now = now_ms();

	if (!vm->stall[0] || vm->o->image || vm->o->gdb || vm->o->kgdb || now - vm->stall_ms < STALL_GRACE_MS)
		return false;
	if (vm->test_limit_ms && now - vm->activity_ms < scaled(vm, STALL_SILENCE_S))
		return false;
	if (!vm->message[0])
		snprintf(vm->message, sizeof(vm->message), "%s", vm->stall);
	return true;
}

/*
 * Silence is judged only where the guest owes a sign of life: until it is ready, and while a test runs
 * past its own limit, which init should have enforced. Overall time is judged always.
 */
static bool is_hung(struct vm *vm)
{
	long long now = now_ms(), idle = scaled(vm, vm->o->idle_s);

	if (is_stalled(vm))
		return true;
	/* Counted from "ready": a slow boot is a matter of silence, and takes nothing away from the job. */
	if (vm->o->timeout_s && vm->ready && now - vm->ready_ms > scaled(vm, vm->o->timeout_s)) {
		snprintf(vm->message, sizeof(vm->message),
			 "not finished after %lld s (limit %u s x %u.%02u, the speed of this host)",
			 (now - vm->ready_ms) / 1000, vm->o->timeout_s, vm->m->scale / 100, vm->m->scale % 100);
		return true;
	}
	if (vm->o->idle_s && (!vm->ready || vm->test_limit_ms) &&
	    now - vm->activity_ms > idle + vm->test_limit_ms) {
		snprintf(vm->message, sizeof(vm->message), "no sign of life for %lld s%s%s",
			 (now - vm->activity_ms) / 1000, vm->current[0] ? " in " : " during boot",
			 vm->current);
		return true;
	}
	return false;
}

/* A break on the serial line followed by a letter is sysrq; the answer lands in console.log. */
static void ask_for_tasks(struct vm *vm)
{
	for (const char *key = "wlt"; *key && !vm->dead; key++) {
		long long until = now_ms() + 1000;

		if (vm->o->uml) {
			uml_sysrq(vm, *key);
		} else {
			qmp_command(vm, -1, "{\"execute\":\"chardev-send-break\",\"arguments\":{\"id\":\"con\"}}");
			if (vm->fd[P_CONSOLE] >= 0)
				send(vm->fd[P_CONSOLE], key, 1, MSG_NOSIGNAL);
		}
		while (now_ms() < until && !vm->dead)
			vm_poll(vm, 50);
	}
}

static void settle(struct vm *vm, long long ms)
{
	long long until = now_ms() + ms;

	while (now_ms() < until && vm_poll(vm, 20))
		;
}

/*
 * The guest has sent its verdict and waits for its end, but QEMU may hold back output of it until our sockets have
 * room. An answer to a command means that its main loop has looked at them: twice without a byte, and there is no more.
 */
static void take_rest(struct vm *vm)
{
	unsigned int quiet = 0;

	while (quiet < 2 && !vm->dead && !vm->interrupted && now_ms() - vm->done_ms < VEX_LINGER_S * 1000LL) {
		unsigned long long before = vm->taken;

		if (!vm->o->uml && !qmp_command(vm, -1, "{\"execute\":\"query-status\"}"))
			break;
		vm_drain(vm);
		vm_poll(vm, 0);
		quiet = vm->taken == before ? quiet + 1 : 0;
	}
}

/* An image may have a crash kernel, which now saves the memory: it is left alone while it talks. */
static bool panic_is_over(const struct vm *vm)
{
	if (vm->o->image)
		return now_ms() - vm->activity_ms > scaled(vm, IMAGE_PANIC_S);
	return now_ms() - vm->panic_ms > PANIC_GRACE_MS;
}

static bool cut_power(struct vm *vm)
{
	if (vm->marker_seen)
		return true;
	return vm->o->kill_after_ms && vm->ready_ms &&
	       now_ms() - vm->ready_ms >= vm->o->kill_after_ms;
}

static unsigned int field(const char *verdict, const char *name)
{
	char key[32];
	const char *p;

	snprintf(key, sizeof(key), " %s=", name);
	p = strstr(verdict, key);
	/* An absent field is a broken record and must not read as zero problems. */
	return p ? strtoul(p + strlen(key), NULL, 10) : 1;
}

/* The console has the word of a kernel that sends no verdict, or that was faster than init could read. */
static bool warned(struct vm *vm)
{
	if (vm->warned[0] && !vm->message[0])
		snprintf(vm->message, sizeof(vm->message), "%s", vm->warned);
	return vm->warned[0];
}

static enum vex_exit judge_verdict(struct vm *vm)
{
	const char *v = vm->verdict;
	int leaks = (int)field(v, "leaks");

	if (field(v, "hang")) {
		snprintf(vm->message, sizeof(vm->message), "test %s hangs in the kernel", vm->current);
		return VEX_HANG;
	}
	if (field(v, "warnings") || field(v, "taint") || leaks > 0) {
		if (!vm->message[0])
			snprintf(vm->message, sizeof(vm->message), "taint %u, %u bad kernel lines, %d leaks",
				 field(v, "taint"), field(v, "warnings"), leaks);
		return VEX_PANIC;
	}
	if (warned(vm))
		return VEX_PANIC;
	if (strstr(v, " unload=busy ")) {
		snprintf(vm->message, sizeof(vm->message), "the module could not be unloaded");
		return VEX_FAILED;
	}
	if (strstr(v, " kind=tests ") && !field(v, "planned")) {
		snprintf(vm->message, sizeof(vm->message), "the job held no test");
		return VEX_NOTHING;
	}
	if (field(v, "timeouts")) {
		snprintf(vm->message, sizeof(vm->message), "%u of %u tests timed out",
			 field(v, "timeouts"), field(v, "planned"));
		return VEX_HANG;
	}
	if (field(v, "failed") || field(v, "run") != field(v, "planned")) {
		snprintf(vm->message, sizeof(vm->message), "%u of %u tests failed", field(v, "failed"),
			 field(v, "planned"));
		return VEX_FAILED;
	}
	return VEX_PASSED;
}

static enum vex_exit judge_loss(struct vm *vm)
{
	const char *what = vm->o->uml ? "UML" : "QEMU";
	int s = vm->wait_status;

	if (vm->message[0])
		return VEX_LOST;
	if (vm->o->replay)
		return replay_loss(vm);
	if (WIFSIGNALED(s))
		snprintf(vm->message, sizeof(vm->message), "%s was killed by signal %d", what, WTERMSIG(s));
	else
		snprintf(vm->message, sizeof(vm->message), "the guest ended without a verdict (%s status %d)",
			 what, WEXITSTATUS(s));
	/* QEMU that refuses its arguments never gives a guest a chance; UML that is refused ptrace neither. */
	if (!vm->ready && WIFEXITED(s) && WEXITSTATUS(s)) {
		explain_start(vm);
		return VEX_ENV;
	}
	return VEX_LOST;
}

static enum vex_exit judge(struct vm *vm, bool hung, bool cut)
{
	if (vm->interrupted)
		return VEX_INTERRUPTED;
	if (vm->no_space) {
		snprintf(vm->message, sizeof(vm->message),
			 "the host disk is full: the guest's disk could not grow; make room (./vex clean)");
		return VEX_ENV;
	}
	if (vm->panicked)
		return VEX_PANIC;
	if (hung)
		return VEX_HANG;
	if (cut)
		return warned(vm) ? VEX_PANIC : VEX_PASSED;
	if (vm->error)
		return VEX_ENV;
	if (vm->session_over && warned(vm))
		return VEX_PANIC;
	if (vm->o->image)
		return image_judge(vm);
	if (!vm->done)
		return judge_loss(vm);
	if (vm->o->kill_marker || vm->o->kill_after_ms) {
		snprintf(vm->message, sizeof(vm->message), "the guest finished before the power cut");
		return VEX_FAILED;
	}
	return judge_verdict(vm);
}

/* A run that passed and whose output is lost has not done what was asked. */
static enum vex_exit judge_output(struct vm *vm, enum vex_exit code)
{
	if (code != VEX_PASSED || !vm->write_error)
		return code;
	snprintf(vm->message, sizeof(vm->message), "cannot write the output: %s", strerror(vm->write_error));
	return VEX_ENV;
}

/*
 * The guest was saved stopped, so once loaded it is "paused": the moment to tell it the sizes of its
 * disks, before it runs again.
 */
static bool wait_resumed(struct vm *vm)
{
	long long limit = now_ms() + scaled(vm, 10);

	while (strcmp(qmp_said(vm, "status"), "paused")) {
		if (vm->interrupted || now_ms() > limit || !vm_poll(vm, 5) ||
		    !qmp_command(vm, -1, "{\"execute\":\"query-status\"}"))
			return false;
	}
	if (!warm_fix_disks(vm) || !qmp_command(vm, -1, "{\"execute\":\"cont\"}"))
		return false;
	vm->ready = true;
	vm->ready_ms = now_ms();
	return true;
}

/*
 * Runs a started machine to its end and says what became of it. A resumed guest that does not come
 * up is reported as VEX_ENV with vm->warm still set, and nothing of its job has run: the caller may start it cold.
 */
enum vex_exit supervise(struct vm *vm)
{
	bool hung = false, cut = false, gone = false;
	enum vex_exit dump_code = VEX_PASSED;

	if (vm->warm && !wait_resumed(vm)) {
		snprintf(vm->message, sizeof(vm->message), "the saved guest did not resume");
		qemu_kill(vm);
		return vm->interrupted ? VEX_INTERRUPTED : VEX_ENV;
	}
	if (!net_open(vm)) {
		qemu_kill(vm);
		return VEX_ENV;
	}
	if (vm->o->image)
		image_start(vm);
	while (!vm->done && !vm->error && !vm->interrupted && !vm->no_space && !hung && !cut) {
		if (vm->o->image) {
			if (!image_turn(vm))
				break;
		} else if (vm->ready && !gone && !debug_hold(vm)) {
			if (!replay_wanted(vm->o))
				vm_send_go(vm);
			gone = true;
			if (vm->o->io != IO_NONE && !replay_wanted(vm->o))
				vm->in_fd = STDIN_FILENO;
			if (vm->o->io == IO_TTY)
				term_raw();
		}
		if (!vm_poll(vm, 100))
			break;
		if (vm->stopped && !vm->halted)
			continue;	/* a debugger's time is not the guest's */
		if (vm->panicked && (dump_wanted(vm) || panic_is_over(vm)))
			break;
		if (vm->halted || replay_is_stuck(vm))
			break;
		cut = cut_power(vm);
		hung = !cut && is_hung(vm);
	}
	/* The terminal first: what follows takes a while, and whoever ended this run may use it at once. */
	if (vm->interrupted)
		term_restore();
	if (vm->o->image)
		image_end(vm);
	if (vm->panicked && !vm->interrupted && dump_wanted(vm))
		dump_code = dump_collect(vm);
	else if (hung && !replay_wanted(vm->o))
		ask_for_tasks(vm);
	else if (vm->done && !cut)
		take_rest(vm);
	else if (!cut && !vm->dead)
		settle(vm, DRAIN_MS);
	replay_end(vm);
	qemu_kill(vm);
	if (vm->share_pid > 0) {
		kill(vm->share_pid, SIGTERM);
		while (waitpid(vm->share_pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	vm_drain(vm);
	term_restore();
	return dump_code ? dump_code : judge_output(vm, judge(vm, hung, cut));
}
