// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of the test guest, the same program in every lane.
 *
 * Until wait_for_go() returns, nothing here depends on what is going to be tested: that is the
 * point where a warm guest is saved and resumed, and where a cold one merely waits a moment.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

int ctl_fd = -1, tap_fd = -1, in_fd = -1, out_fd = -1;
unsigned int time_scale = 100;

static struct job job;
static struct verdict verdict = { .leaks = -1, .unload = "none" };

void write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return;		/* the host is gone; nobody is left to tell */
		if (n > 0) {
			p += n;
			len -= n;
		}
	}
}

long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void power_off(void)
{
	/* No sync here: after a hang it would never return. Whoever cares has synced before. */
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* The environment itself is broken: say why on every channel that may work. */
void die(const char *what, ...)
{
	char msg[512];
	va_list ap;
	int n;

	n = snprintf(msg, sizeof(msg), "error ");
	va_start(ap, what);
	vsnprintf(msg + n, sizeof(msg) - n - 1, what, ap);
	va_end(ap);
	strcat(msg, "\n");
	write_all(STDERR_FILENO, msg, strlen(msg));
	if (ctl_fd >= 0) {
		write_all(ctl_fd, msg, strlen(msg));
		tcdrain(ctl_fd);
	}
	power_off();
	__builtin_unreachable();
}

void tap(const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	write_all(tap_fd, line, n);
}

static void do_job(void)
{
	switch (job.kind) {
	case JOB_TESTS:
		run_tests(&job, &verdict);
		break;
	case JOB_EXEC:
		verdict.status = run_script(job.exec, job.input ? uml_stdin(in_fd) : -1, out_fd);
		break;
	case JOB_SHELL:
		verdict.status = run_shell(&job);
		break;
	case JOB_NONE:
		die("the job names no kind (tests, exec or shell)");
	}
}

/* Everything that can still find a fault runs before the verdict is written, not after. */
static void last_oracles(void)
{
	if (!verdict.hang) {
		kill_leftovers();
		release_mounts();
		sync();
		verdict.leaks = oracle_leaks();
		verdict.unload = unload_module(&job);
	}
	verdict.warnings += oracle_scan();
	verdict.taint = oracle_taint();
}

static void send_verdict(void)
{
	static const char *const kinds[] = { "none", "tests", "exec", "shell" };
	char line[512];
	int n;

	tap("# vex: done\n");
	n = snprintf(line, sizeof(line),
		     "verdict v1 kind=%s planned=%u run=%u passed=%u failed=%u skipped=%u timeouts=%u status=%d taint=%u warnings=%u leaks=%d unload=%s hang=%d end\n",
		     kinds[job.kind],
		     verdict.planned, verdict.run, verdict.passed, verdict.failed, verdict.skipped,
		     verdict.timeouts, verdict.status, verdict.taint, verdict.warnings, verdict.leaks, verdict.unload,
		     verdict.hang);
	/* A serial line (UML) holds bytes that the host has not taken yet; a virtio port does not. */
	tcdrain(tap_fd);
	tcdrain(out_fd);
	write_all(ctl_fd, line, n);
	tcdrain(ctl_fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	mount_basics();
	load_boot_modules();
	open_ports();
	if (kdump_kernel())
		kdump_save();
	oracle_start();
	wait_for_go();

	unpack_payload();
	read_job(&job);
	export_disks();
	if (job.share)
		mount_share();
	for (unsigned int i = 0; i < job.nmodprobe; i++) {
		char cmd[256];

		snprintf(cmd, sizeof(cmd), "/bin/modprobe %s", job.modprobe[i]);
		if (system(cmd) != 0)
			die("modprobe %s failed in the guest", job.modprobe[i]);
	}
	for (unsigned int i = 0; i < job.nstart; i++)
		if (run_script(job.start[i], -1, out_fd) != 0)
			die("%s failed in the guest (its output is above)", job.start[i]);
	kdump_load(&job);
	kgdb_enter(&job);
	load_module_under_test(&job);
	do_job();
	last_oracles();
	send_verdict();
	sleep(VEX_LINGER_S);
	power_off();
}
