// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which accelerator works here, proved and not assumed, and how fast this host is.
 *
 * /dev/kvm can open, answer its API, run a toy and still hang a stock kernel (nested virtualisation).
 * So KVM must pass twice: a payload of a few bytes, then the very kernel and init of the run. The answer is
 * cached by host boot, host kernel, QEMU and guest kernel; a new one of any of them asks again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vm.h"

#define PROBE_MS	3000
#define TCG_PROBE_MS	60000
#define LOOP_COUNT	50000000u
/* What the loop takes under TCG on the machine the time-outs were written for. */
#define REFERENCE_MS	140

/*
 * A BIOS: 'A' to the debug port, LOOP_COUNT turns of a loop, 'B' to the debug port, exit.
 * Real mode; the reset vector at the end of the 64 KiB jumps 256 bytes back.
 */
static const unsigned char bios_code[] = {
	0xb0, 'A', 0xe6, 0xe9,				/* mov al,'A'; out 0xe9,al */
	0x66, 0xb9, LOOP_COUNT & 0xff, LOOP_COUNT >> 8 & 0xff,
	LOOP_COUNT >> 16 & 0xff, LOOP_COUNT >> 24,	/* mov ecx,LOOP_COUNT */
	0x66, 0x49, 0x75, 0xfc,				/* dec ecx; jnz */
	0xb0, 'B', 0xe6, 0xe9,				/* mov al,'B'; out 0xe9,al */
	0xb0, 0x01, 0xe6, 0xf4, 0xf4,			/* out 0xf4,al: isa-debug-exit; hlt */
};

static char *write_bios(const char *dir)
{
	static unsigned char rom[65536];
	char *path = xprintf("%s/probe.rom", dir);
	FILE *f = fopen(path, "we");

	memcpy(rom + 0xff00, bios_code, sizeof(bios_code));
	memcpy(rom + 0xfff0, "\xe9\x0d\xff", 3);	/* jmp 0xff00 */
	if (!f || fwrite(rom, 1, sizeof(rom), f) != sizeof(rom) || fclose(f))
		fatal(VEX_ENV, "%s: %s", path, strerror(errno));
	return path;
}

static pid_t start_toy(const char *qemu, const char *accel, const char *rom, int out, const char *log)
{
	pid_t parent = getpid(), pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	child_begin(parent, out, fd);
	execlp(qemu, qemu, "-accel", accel, "-machine", "q35", "-nodefaults",
	       "-no-user-config", "-display", "none", "-m", "16M", "-bios", rom, "-debugcon", "stdio",
	       "-device", "isa-debug-exit,iobase=0xf4,iosize=1", (char *)NULL);
	_exit(127);
}

static char read_mark(int fd, long long deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	long long left = deadline - now_ms();
	char c = 0;

	if (left <= 0 || poll(&p, 1, left) != 1 || read(fd, &c, 1) != 1)
		return 0;
	return c;
}

static void first_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");

	buf[0] = 0;
	/* QEMU warns about CPU features in passing; that is not why it failed. */
	while (f && fgets(buf, size, f) && strstr(buf, "warning:"))
		buf[0] = 0;
	buf[strcspn(buf, "\n")] = 0;
	if (f)
		fclose(f);
}

/* Returns the milliseconds of the loop, or -1 with the reason in why. */
static long toy_boot(const char *accel, const struct opts *o, char *why, size_t size)
{
	char *rom = write_bios(o->rundir), *log = xprintf("%s/probe.log", o->rundir), line[200];
	/* KVM that takes long hangs; an emulator that takes long has a busy host. */
	bool kvm = !strcmp(accel, "kvm");
	long long deadline = now_ms() + (kvm ? PROBE_MS : TCG_PROBE_MS), start;
	long ms = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		fatal(VEX_ENV, "pipe: %s", strerror(errno));
	pid = start_toy(qemu_binary(o->arch), accel, rom, fds[1], log);
	close(fds[1]);
	if (read_mark(fds[0], deadline) == 'A') {
		start = now_ms();
		if (read_mark(fds[0], deadline) == 'B')
			ms = now_ms() - start;
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(fds[0]);
	first_line(log, line, sizeof(line));
	if (ms < 0)
		snprintf(why, size, "%s%s", line[0] ? line : "a 25-byte payload did not finish within ",
			 line[0] ? "" : kvm ? "3 s" : "60 s");
	unlink(rom);
	unlink(log);
	free(rom);
	free(log);
	return ms;
}

/* Cycles of the time stamp counter per millisecond: what the guest gets as tsc_early_khz. */
static unsigned int measure_tsc_khz(void)
{
	struct timespec a, b;
	unsigned long long t0, t1;
	long long ns;

	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	t0 = __rdtsc();
	usleep(50000);
	t1 = __rdtsc();
	clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	ns = (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec;
	return (t1 - t0) * 1000000ull / ns;
}

/* The second proof: the kernel and init of this run reach "ready" under KVM. */
static bool stock_kernel_boots(const struct opts *o, struct machine *m, char *why, size_t size)
{
	struct opts probe = *o;
	struct vm vm;
	bool ok;

	probe.rundir = xprintf("%s/probe", o->rundir);
	probe.ndisks = 0;
	probe.share = NULL;
	probe.io = IO_NONE;
	probe.window = probe.screen = probe.monitor = false;
	probe.nforwards = 0;
	if (make_dirs(probe.rundir))
		fatal(VEX_ENV, "cannot write to %s", probe.rundir);
	if (o->image) {
		if (!o->probe_kernel || !o->probe_initrd)
			fatal(VEX_ENV, "KVM is there; --probe-kernel and --probe-initrd must prove it");
		probe.image = probe.session = NULL;
		probe.memory_mb = 512;
		probe.kernel = o->probe_kernel;
		probe.initrd = o->probe_initrd;
		probe.append = NULL;
		/* It gets ready before it looks at its payload. */
		probe.payload = xprintf("%s/slot0.img", probe.rundir);
		if (make_sparse(probe.payload, 1 << 20))
			fatal(VEX_ENV, "cannot write to %s", probe.rundir);
	}
	vm_init(&vm, &probe, m);
	qemu_start(&vm, -1);
	while (!vm.ready && !vm.interrupted && now_ms() - vm.started_ms < PROBE_MS)
		if (!vm_poll(&vm, 50))
			break;
	ok = vm.ready;
	if (!ok)
		snprintf(why, size, "a toy payload runs, but Debian's kernel %s",
			 vm.dead ? "ends at once" : "does not boot within 3 s");
	vm_close(&vm);
	remove_images(&probe);
	if (o->image)
		unlink(probe.payload);
	if (vm.interrupted)
		exit(VEX_INTERRUPTED);
	return ok;
}

static bool kvm_works(const struct opts *o, struct machine *m, char *why, size_t size)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	long ms;

	if (fd < 0) {
		snprintf(why, size, "/dev/kvm: %s%s", strerror(errno),
			 errno == EACCES ? " (join the group kvm)" : "");
		return false;
	}
	close(fd);
	ms = toy_boot("kvm", o, why, size);
	if (ms < 0)
		return false;
	m->accel = ACCEL_KVM;
	m->scale = 100;
	return stock_kernel_boots(o, m, why, size);
}

static void probe(struct machine *m, const struct opts *o)
{
	char why[220] = "";
	long ms;

	m->tsc_khz = measure_tsc_khz();
	if (o->accel != ACCEL_TCG && kvm_works(o, m, why, sizeof(why))) {
		snprintf(m->reason, sizeof(m->reason), "KVM, proved by booting the kernel under it");
		return;
	}
	if (o->accel == ACCEL_KVM)
		fatal(VEX_ENV, "KVM was asked for and does not work: %s; use --accel auto or tcg", why);
	m->accel = ACCEL_TCG;
	ms = toy_boot("tcg", o, why, sizeof(why) - (why[0] ? strlen(why) : 0));
	if (ms < 0)
		fatal(VEX_ENV, "QEMU runs neither under KVM nor TCG: %s", why);
	m->scale = ms * 100 / REFERENCE_MS;
	if (o->accel == ACCEL_TCG)
		snprintf(m->reason, sizeof(m->reason), "emulation (TCG), as asked");
	else
		snprintf(m->reason, sizeof(m->reason), "emulation (TCG), because KVM fails: %s", why);
}

static char *cache_file(const struct opts *o)
{
	char boot[64], dev[64] = "none";
	struct utsname uts;
	struct stat st;
	uint64_t h;

	first_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	uname(&uts);
	if (!stat("/dev/kvm", &st))
		snprintf(dev, sizeof(dev), "%lx %o %u %d", (unsigned long)st.st_rdev, st.st_mode, getuid(),
			 access("/dev/kvm", R_OK | W_OK));
	h = hash_string(HASH_START, boot);
	h = hash_string(h, uts.release);
	h = hash_string(h, dev);
	h = hash_string(h, qemu_version(o->arch));
	if (!o->image)
		h = hash_file(h, o->kernel);
	else if (o->probe_kernel)
		h = hash_file(h, o->probe_kernel);
	h = hash_bytes(h, &o->accel, sizeof(o->accel));
	return xprintf("%s/accel-%016llx", o->cache, (unsigned long long)h);
}

static bool read_cache(const char *path, struct machine *m)
{
	FILE *f = fopen(path, "re");
	int accel = -1, n = 0;

	if (f) {
		n = fscanf(f, "accel=%d scale=%u tsc_khz=%u reason=%255[^\n]", &accel, &m->scale,
			   &m->tsc_khz, m->reason);
		fclose(f);
	}
	if (n != 4 || (accel != ACCEL_KVM && accel != ACCEL_TCG))
		return false;
	m->accel = accel;
	return true;
}

static void write_cache(const char *path, const struct machine *m)
{
	char *tmp = xprintf("%s.%d", path, getpid());
	FILE *f = fopen(tmp, "we");

	if (f) {
		fprintf(f, "accel=%d scale=%u tsc_khz=%u reason=%s\n", m->accel, m->scale, m->tsc_khz,
			m->reason);
		if (fclose(f) || rename(tmp, path))
			unlink(tmp);	/* only a cache: the next run probes again */
	}
	free(tmp);
}

/* Time-outs grow with what else the host is doing right now; that part is never cached. */
static unsigned int load_percent(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double load = 0;

	if (getloadavg(&load, 1) != 1 || cpus < 1 || load <= cpus)
		return 100;
	return 100 * load / cpus;
}

static void scale_by_load(struct machine *m)
{
	if (m->scale < 100)
		m->scale = 100;
	m->scale = m->scale * load_percent() / 100;
	if (m->scale > 2000)
		m->scale = 2000;
}

/* User-Mode Linux needs no proof of an accelerator. */
void native_machine(struct machine *m)
{
	m->accel = ACCEL_UML;
	m->scale = 100;
	snprintf(m->reason, sizeof(m->reason), "User-Mode Linux, a process of this machine");
	scale_by_load(m);
}

/* KVM cannot run it and the toy is x86's code: limits are those of a machine half as fast as the reference. */
void foreign_machine(struct machine *m, const struct arch *arch)
{
	qemu_version(arch);
	m->accel = ACCEL_TCG;
	m->scale = 200;
	snprintf(m->reason, sizeof(m->reason), "emulation (TCG): %s is not this machine's architecture", arch->name);
	scale_by_load(m);
}

const char *accel_name(enum accel accel)
{
	return accel == ACCEL_KVM ? "kvm" : accel == ACCEL_UML ? "uml" : "tcg";
}

void find_machine(struct machine *m, const struct opts *o)
{
	char *path;

	make_dirs(o->cache);
	path = cache_file(o);
	if (!read_cache(path, m)) {
		probe(m, o);
		write_cache(path, m);
	}
	free(path);
	scale_by_load(m);
}
