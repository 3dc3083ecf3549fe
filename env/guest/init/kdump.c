// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two halves of a crash dump. In the guest's own kernel: load a crash kernel, with this same program in its
 * initramfs. In the crash kernel, known by the word vex.kdump on its command line: copy /proc/vmcore, the memory
 * of the kernel that panicked, to the disk with the serial "vmcore". Pages of zeros stay holes there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/kexec.h>

#include "init.h"

#define WORD	"vex.kdump"
#define WINDOW	(4ul << 20)
#define PAGE	4096ul

static void tell(const char *fmt, const char *what)
{
	char line[512];
	int n = snprintf(line, sizeof(line), fmt, what);

	write_all(ctl_fd, line, n);
}

/* What the host measured for us, see kernel_args() in qemu.c. */
static void clock_option(char *out, size_t size)
{
	char line[4096] = "", *p;

	read_file("/proc/cmdline", line, sizeof(line));
	p = strstr(line, "tsc_early_khz=");
	snprintf(out, size, "%.*s", p ? (int)strcspn(p, " \n") : 0, p ? p : "");
}

static const char *load(const char *dir, const char *extra)
{
	char path[256], cmdline[1024], clock[64];
	static char why[256];
	int kernel, initrd;

	clock_option(clock, sizeof(clock));

	snprintf(path, sizeof(path), "%s/vmlinuz", dir);
	kernel = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/initrd", dir);
	initrd = open(path, O_RDONLY | O_CLOEXEC);
	/* One processor: the others are where the panic left them. No measuring of clocks, as in qemu.c. */
	snprintf(cmdline, sizeof(cmdline),
		 WORD " console=ttyS0 nosmp nr_cpus=1 reset_devices irqpoll panic=0 mitigations=off nokaslr "
		 "norandmaps no_timer_check random.trust_cpu=on cryptomgr.notests audit=0 selinux=0 apparmor=0 "
		 "cgroup_disable=memory %s %s", clock, extra);
	if (kernel < 0 || initrd < 0)
		snprintf(why, sizeof(why), "%s: %s", dir, strerror(errno));
	else if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(cmdline) + 1, cmdline,
			 KEXEC_FILE_ON_CRASH))
		snprintf(why, sizeof(why), "kexec_file_load: %s%s", strerror(errno),
			 errno == EADDRNOTAVAIL || errno == ENOMEM ?
			 " (no or too little memory reserved by crashkernel=)" : "");
	if (kernel >= 0)
		close(kernel);
	if (initrd >= 0)
		close(initrd);
	return why[0] ? why : NULL;
}

void kdump_load(const struct job *job)
{
	const char *why;

	if (!job->kdump)
		return;
	why = load(job->kdump, job->kdump_append ? job->kdump_append : "");
	if (why)
		tell("kdump failed %s\n", why);
	else
		tell("kdump armed%s\n", "");
}

/* The debugger is about to wait on its serial port; whoever starts gdb has to know that moment. */
void kgdb_enter(const struct job *job)
{
	if (!job->kgdb)
		return;
	tell("debug ready%s\n", "");
	if (write_file("/proc/sysrq-trigger", "g"))
		die("cannot enter kgdb through /proc/sysrq-trigger");
}

bool kdump_kernel(void)
{
	char line[4096] = "";

	read_file("/proc/cmdline", line, sizeof(line));
	return strstr(line, WORD);
}

static void give_up(const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	tell("kdump failed %s\n", text);
	power_off();
}

static bool is_zero(const char *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

/* Runs of pages that hold something, in one write each. */
static void put(int out, const char *buf, size_t len, off_t at)
{
	size_t i = 0, start;

	while (i < len) {
		while (i < len && is_zero(buf + i))
			i += PAGE;
		start = i;
		while (i < len && !is_zero(buf + i))
			i += PAGE;
		if (i > start && pwrite(out, buf + start, i - start, at + start) != (ssize_t)(i - start))
			give_up("write to the disk \"vmcore\"");
	}
}

/* Mapping is many times faster than reading, which maps and unmaps the kernel's way for each page. */
static void copy_window(int in, int out, off_t at, size_t len)
{
	static char buf[WINDOW] __attribute__((aligned(4096)));
	char *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, in, at);
	size_t got = 0;

	if (map != MAP_FAILED) {
		put(out, map, len, at);
		munmap(map, len);
		return;
	}
	while (got < len) {
		ssize_t n = pread(in, buf + got, len - got, at + got);

		if (n <= 0)
			give_up("read of /proc/vmcore");
		got += n;
	}
	put(out, buf, len, at);
}

void __attribute__((noreturn)) kdump_save(void)
{
	unsigned int percent = 0;
	uint64_t room = 0;
	char dev[300];
	struct stat st;
	int in, out;

	tell("kdump begin%s\n", "");
	in = open("/proc/vmcore", O_RDONLY | O_CLOEXEC);
	if (in < 0 || fstat(in, &st))
		give_up("/proc/vmcore");
	errno = ENODEV;
	if (!disk_by_serial("vmcore", dev, sizeof(dev)))
		give_up("the disk \"vmcore\"");
	out = open(dev, O_RDWR | O_CLOEXEC);
	if (out < 0 || ioctl(out, BLKGETSIZE64, &room))
		give_up(dev);
	errno = ENOSPC;
	if (room < (uint64_t)st.st_size)
		give_up("the disk \"vmcore\"");
	for (off_t at = 0; at < st.st_size; at += WINDOW) {
		off_t left = st.st_size - at;
		char text[16];

		copy_window(in, out, at, left < (off_t)WINDOW ? left : (off_t)WINDOW);
		if (at * 100 / st.st_size < percent + 5)
			continue;
		percent = at * 100 / st.st_size;
		snprintf(text, sizeof(text), "%u", percent);
		tell("kdump progress=%s\n", text);
	}
	if (fsync(out))
		give_up("flush of the disk \"vmcore\"");
	tell("kdump done%s\n", "");
	power_off();
}
