// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fails a run although every test passed: kernel log, taint, leaks, a module that cannot be
 * unloaded. Reads the log through /dev/kmsg, from where oracle_start() opened it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

static int kmsg_fd = -1;
static unsigned int taint_at_start;

static const char *const bad_lines[] = {
	"WARNING: ", "BUG: ", "kernel BUG at", "BUG vexfs", "Oops: ", "general protection fault",
	"KASAN: ", "KCSAN: ", "UBSAN: ", "possible recursive locking", "possible circular locking",
	"suspicious RCU usage", "inconsistent lock state", "blocked for more than", "refcount_t: ",
	"detected stalls on CPUs", "self-detected stall", "Objects remaining in", "unreferenced object",
	"ODEBUG: ", "list_add corruption", "list_del corruption",
};

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
}

static bool is_bad(const char *text)
{
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++)
		if (strstr(text, bad_lines[i]))
			return true;
	return false;
}

/* Counts the bad lines since the last call and shows the first of them in the KTAP stream. */
unsigned int oracle_scan(void)
{
	unsigned int bad = 0;
	char rec[8192];
	ssize_t n;

	for (;;) {
		char *text;

		n = read(kmsg_fd, rec, sizeof(rec) - 1);
		if (n < 0 && errno == EPIPE)
			continue;	/* the ring was faster than us: some lines are gone */
		if (n <= 0)
			break;
		rec[n] = 0;
		text = strchr(rec, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = 0;
		if (is_bad(text + 1) && bad++ < 5)
			tap("# kernel: %s\n", text + 1);
	}
	return bad;
}

unsigned int oracle_taint(void)
{
	return (read_taint() & ~taint_at_start) & ~VEX_TAINT_HARMLESS;
}

/* Two scans: objects allocated moments ago are still looked for on stacks by the first. */
int oracle_leaks(void)
{
	static const char *file = "/sys/kernel/debug/kmemleak";
	char line[512];
	int leaks = 0;
	FILE *f;

	if (access(file, F_OK))
		return -1;
	write_file(file, "scan");
	sleep(5);
	write_file(file, "scan");
	f = fopen(file, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "unreferenced object", 19))
			continue;
		leaks++;
		tap("# kmemleak: %s", line);
	}
	if (f)
		fclose(f);
	return leaks;
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
