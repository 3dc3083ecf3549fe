// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fails a run although every test passed: kernel log, taint, leaks, a module that cannot be
 * unloaded. Reads the log through /dev/kmsg, from where oracle_start() opened it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../proto/complaints.h"
#include "init.h"

#define SHOWN	5		/* lines of one test that are relayed; the console has them all */

#define WARNING_LEVEL	4	/* KERN_WARNING: the console shows levels below its own */

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"

static int kmsg_fd = -1;
static unsigned int taint_at_start, seen;
static bool hung;

static unsigned int read_taint(void)
{
	char text[32] = "";

	read_file("/proc/sys/kernel/tainted", text, sizeof(text));
	return strtoul(text, NULL, 10);
}

void oracle_start(void)
{
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg_fd < 0)
		die("open /dev/kmsg: %s", strerror(errno));
	taint_at_start = read_taint();
	/*
	 * Leaks are looked for at the end of the job, not every ten minutes; what the kernel's own start
	 * left behind is nobody's here.
	 */
	write_file(KMEMLEAK, "scan=off");
	write_file(KMEMLEAK, "clear");
}

/* The launcher watches the console. Where somebody made that silent, nobody saw what was lost. */
static void note_loss(void)
{
	char level[64] = "0";

	read_file("/proc/sys/kernel/printk", level, sizeof(level));
	if (atoi(level) > WARNING_LEVEL) {
		tap("# vex: the kernel log was faster than its reader: lines are missing here, not in console.log\n");
		return;
	}
	seen++;
	tap("# kernel: lines of its log were lost, and the console does not show warnings (dmesg -n)\n");
}

/* Returns when the kernel said something, the process behind pidfd (or -1) ended, or ms are over. */
void oracle_wait(int pidfd, int ms)
{
	struct pollfd p[] = {
		{ .fd = kmsg_fd, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
	};

	poll(p, 2, ms);
}

/*
 * Takes in what the kernel said since the last call and shows the first bad lines in the KTAP stream. Called while
 * a test runs, too: a dump of all tasks is longer than the ring.
 */
void oracle_poll(void)
{
	char rec[8192];
	ssize_t n;

	for (;;) {
		char *text;

		n = read(kmsg_fd, rec, sizeof(rec) - 1);
		if (n < 0 && errno == EPIPE) {
			note_loss();
			continue;
		}
		if (n <= 0)
			break;
		rec[n] = 0;
		text = strchr(rec, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = 0;
		hung |= strstr(text, VEX_HUNG_TASK) != NULL;
		if (vex_is_complaint(text + 1) && seen++ < SHOWN)
			tap("# kernel: %s\n", text + 1);
	}
}

/* Whether the kernel has found a hung task since the last oracle_scan(). */
bool oracle_hung(void)
{
	return hung;
}

/* Counts the bad lines since the last call. */
unsigned int oracle_scan(void)
{
	unsigned int bad;

	oracle_poll();
	bad = seen;
	seen = 0;
	hung = false;
	return bad;
}

unsigned int oracle_taint(void)
{
	return (read_taint() & ~taint_at_start) & ~VEX_TAINT_HARMLESS;
}

/* The first few with their backtraces; the hex dumps are left out. */
static int list_leaks(void)
{
	FILE *f = fopen(KMEMLEAK, "re");
	char line[512];
	int leaks = 0;

	while (f && fgets(line, sizeof(line), f)) {
		leaks += !strncmp(line, "unreferenced object", 19);
		if (leaks <= SHOWN && (line[0] != ' ' || strstr(line, "comm ") || strchr(line, '+')))
			tap("# kmemleak: %s", line);
	}
	if (f)
		fclose(f);
	return leaks;
}

static bool off_on_purpose(void)
{
	char line[4096] = "";

	read_file("/proc/cmdline", line, sizeof(line));
	return strstr(line, "kmemleak=off");
}

/*
 * kmemleak ignores objects younger than five seconds, and in its first scan of an object only notes its checksum:
 * one that changes is in use. So a wait, and two scans.
 *
 * Once it runs out of memory it stops for good and lists nothing: leaks that nobody looked for count as one.
 */
int oracle_leaks(void)
{
	if (access(KMEMLEAK, F_OK) || off_on_purpose())
		return -1;
	sleep(5);
	if (write_file(KMEMLEAK, "scan") || write_file(KMEMLEAK, "scan") || access(KMEMLEAK, R_OK)) {
		tap("# kmemleak: was disabled during the run\n");
		return 1;
	}
	return list_leaks();
}

static bool ours_to_unmount(const char *dir, const char *type)
{
	return !strcmp(type, "vexfs") || !strncmp(dir, "/mnt/", 5) || !strcmp(dir, "/mnt") ||
	       !strncmp(dir, "/tmp/", 5);
}

/* Last mounted first; several passes, because a mount may hold a loop device of another. */
void release_mounts(void)
{
	for (int pass = 0; pass < 8; pass++) {
		FILE *f = fopen("/proc/self/mounts", "re");
		char line[4096], dir[1024], type[64], found[64][1024];
		int n = 0, done = 0;

		while (f && n < 64 && fgets(line, sizeof(line), f))
			if (sscanf(line, "%*s %1023s %63s", dir, type) == 2 &&
			    ours_to_unmount(dir, type))
				strcpy(found[n++], dir);
		if (f)
			fclose(f);
		while (n-- > 0)
			done += umount2(found[n], 0) == 0;
		if (!done)
			return;
	}
}

const char *unload_module(const struct job *job)
{
	char path[256];

	if (!job->module_name)
		return "none";
	snprintf(path, sizeof(path), "/sys/module/%s", job->module_name);
	if (access(path, F_OK))
		return "ok";		/* a test unloaded it already */
	for (int i = 0; i < 50; i++) {
		if (syscall(SYS_delete_module, job->module_name, O_NONBLOCK) == 0)
			return "ok";
		usleep(20000);
	}
	tap("# cannot unload %s: %s\n", job->module_name, strerror(errno));
	return "busy";
}
