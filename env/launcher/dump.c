// SPDX-License-Identifier: GPL-2.0-only
/*
 * After a panic: the guest's memory, by the crash kernel it had loaded or by the hypervisor.
 *
 * The crash kernel sees what the panicking kernel saw, registers of all processors included, but it has to
 * boot on a broken machine. QEMU needs nothing of the guest, so it is asked whenever the other way fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm.h"

#define TRACE_MS	3000	/* for the last line of a panic's trace */
#define SILENCE_MS	25000	/* of a crash kernel that boots or copies, before scaling */

bool dump_wanted(const struct vm *vm)
{
	return vm->o->dump;
}

static long long scaled_ms(const struct vm *vm, long long ms)
{
	return ms * vm->m->scale / 100;
}

static void fail(struct vm *vm, const char *fmt, const char *what)
{
	if (!vm->kdump.why[0])
		snprintf(vm->kdump.why, sizeof(vm->kdump.why), fmt, what);
}

/*
 * The machine has ended. On a busy host "done" and that end arrive together, or QEMU still holds the word: an answer
 * to a command means that its main loop has looked at its ports.
 */
static void last_words(struct vm *vm)
{
	for (int i = 0; i < 2; i++) {
		if (!vm->dead)
			qmp_command(vm, -1, "{\"execute\":\"query-status\"}");
		vm_drain(vm);
	}
}

/* Any word on any stream is a sign of life; "end Kernel panic" means that nobody took over. */
static bool wait_kdump(struct vm *vm)
{
	long long next = now_ms() + 3000;

	if (!vm->kdump.armed)
		fail(vm, "%s", "no crash kernel had been loaded");
	while (!vm->kdump.done && !vm->kdump.why[0]) {
		vm_poll(vm, 100);
		if (vm->halted || vm->dead)
			last_words(vm);
		if (vm->kdump.done || vm->kdump.why[0])
			break;
		if (vm->dead)
			fail(vm, "%s", "QEMU ended");
		else if (vm->interrupted)
			fail(vm, "%s", "interrupted");
		else if (vm->halted)
			fail(vm, "%s", "the crash kernel reset the machine");
		else if (vm->no_space)
			fail(vm, "%s", "no room on the host for its disk");
		else if (vm->panic_over)
			fail(vm, vm->kdump.begun ? "%s while it saved the memory" : "%s",
			     "the crash kernel did not start or panicked itself");
		else if (now_ms() - vm->activity_ms > scaled_ms(vm, SILENCE_MS))
			fail(vm, "no sign of life from the crash kernel%s",
			     vm->kdump.begun ? " while it saved the memory" : "");
		if (now_ms() > next && !vm->kdump.why[0]) {
			say(vm->kdump.begun ? "the crash kernel saves the memory: %u %%" :
			    "waiting for the crash kernel", vm->kdump.percent);
			next = now_ms() + 5000;
		}
	}
	return vm->kdump.done && !vm->kdump.why[0];
}

static bool dump_finished(struct vm *vm, char *why, size_t size)
{
	if (!qmp_command(vm, -1, "{\"execute\":\"query-dump\"}")) {
		snprintf(why, size, "QEMU does not answer");
		return true;
	}
	if (!strcmp(qmp_said(vm, "status"), "failed")) {
		snprintf(why, size, "%.200s", vm->dump_error[0] ? vm->dump_error : "QEMU gives no reason");
		return true;
	}
	return !strcmp(qmp_said(vm, "status"), "completed");
}

/* Stopped, so that what is written is one moment. The descriptor is ours: no path has to be quoted. */
static bool qemu_dump(struct vm *vm, char *why, size_t size)
{
	int fd = open(vm->o->dump, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	long long next = now_ms() + 3000;

	why[0] = 0;
	if (fd < 0) {
		snprintf(why, size, "%.200s: %s", vm->o->dump, strerror(errno));
		return false;
	}
	if (!qmp_command(vm, -1, "{\"execute\":\"stop\"}") ||
	    !qmp_command(vm, fd, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"dump\"}}") ||
	    !qmp_command(vm, -1, "{\"execute\":\"dump-guest-memory\",\"arguments\":"
			 "{\"paging\":false,\"detach\":true,\"protocol\":\"fd:dump\"}}"))
		snprintf(why, size, "QEMU refuses: %.200s", qmp_refusal(vm));
	while (!why[0] && !vm->interrupted && !dump_finished(vm, why, size)) {
		vm_poll(vm, 50);
		if (now_ms() > next) {
			say("the hypervisor writes the memory");
			next = now_ms() + 5000;
		}
	}
	close(fd);
	return !why[0] && !vm->interrupted;
}

static void record(const struct vm *vm, const char *method, const char *why)
{
	FILE *f = open_log(vm->o->rundir, "dump.result");

	fprintf(f, "method=%s\nwhy=%s\n", method, why);
	fclose(f);
}

/* Returns 0 when there is a dump. */
enum vex_exit dump_collect(struct vm *vm)
{
	long long until = now_ms() + scaled_ms(vm, TRACE_MS);
	char why[256];

	if (vm->o->kdump) {
		if (wait_kdump(vm)) {
			record(vm, "kdump", "");
			return VEX_PASSED;
		}
		if (vm->interrupted)
			return VEX_INTERRUPTED;
		say("no dump from the crash kernel (%s); the hypervisor writes one", vm->kdump.why);
	}
	while (!vm->panic_over && !vm->dead && !vm->kdump.begun && now_ms() < until)
		vm_poll(vm, 50);
	if (!vm->dead && qemu_dump(vm, why, sizeof(why))) {
		record(vm, "hypervisor", vm->kdump.why);
		return VEX_PASSED;
	}
	if (vm->interrupted)
		return VEX_INTERRUPTED;
	unlink(vm->o->dump);
	if (vm->dead)
		snprintf(why, sizeof(why), "QEMU ended before its memory could be read");
	record(vm, "none", why);
	if (strstr(why, strerror(ENOSPC))) {
		snprintf(vm->message, sizeof(vm->message),
			 "no room for the memory dump (%u MB); make room on the host (./vex clean)",
			 vm->o->memory_mb);
		return VEX_ENV;
	}
	snprintf(vm->message, sizeof(vm->message), "no memory dump: %.250s", why);
	return VEX_NO_DUMP;
}
