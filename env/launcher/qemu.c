// SPDX-License-Identifier: GPL-2.0-only
/* The QEMU command line, one group per concern, and the process behind it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

static const char *const port_chardev[P_COUNT] = {
	"con", "ctl", "tap", "in", "out", "hvc", "qmp",
};

const char *qemu_binary(const struct arch *arch)
{
	const char *env = getenv("VEX_QEMU");

	return env && *env && arch->native ? env : arch->qemu;
}

/* The first line of --version: part of the key of everything that depends on this QEMU. */
const char *qemu_version(const struct arch *arch)
{
	static char version[256];
	char *cmd;
	FILE *p;

	if (version[0])
		return version;
	cmd = xprintf("%s --version 2>/dev/null", qemu_binary(arch));
	p = popen(cmd, "re");
	if (!p || !fgets(version, sizeof(version), p))
		fatal(VEX_ENV, "%s does not run; install it: apt-get install %s", qemu_binary(arch),
		      arch->package);
	version[strcspn(version, "\n")] = 0;
	pclose(p);
	free(cmd);
	return version;
}

void arg(struct argv *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	a->v = realloc(a->v, (a->n + 2) * sizeof(*a->v));
	if (n < 0 || !a->v)
		fatal(VEX_ENV, "out of memory");
	a->v[a->n++] = s;
	a->v[a->n] = NULL;
}

static void kernel_args(struct argv *a, const struct opts *o, const struct machine *m)
{
	char *words, *all;

	if (o->image) {
		image_boot_args(a, o);
		return;
	}
	arg(a, "-kernel");
	arg(a, "%s", o->kernel);
	arg(a, "-initrd");
	arg(a, "%s", o->initrd);
	arg(a, "-append");
	/*
	 * oops=panic, panic=-1: a broken kernel ends the run at once (with -no-reboot).
	 * norandmaps: TCG reuses translated code between processes, twice as fast for shell work.
	 * sysrq_always_enabled: the launcher asks a hung guest for its tasks.
	 * rcu_cpu_stall_timeout: an emulated processor runs when the host has time; 21 s, the default, are no proof.
	 */
	words = o->arch->append(m);
	all = xprintf("%s%s quiet oops=panic panic=-1 mitigations=off nokaslr norandmaps sysrq_always_enabled=1 "
	       "cryptomgr.notests rcupdate.rcu_expedited=1 rcupdate.rcu_cpu_stall_timeout=%u "
	       "audit=0 selinux=0 apparmor=0 module.sig_enforce=0%s%s",
	    o->screen ? "console=tty0 " : "", words, m->accel == ACCEL_KVM ? 21 : 60,
	    o->append ? " " : "", o->append ? o->append : "");
	free(words);
	if (replay_wanted(o)) {
		words = all;
		all = replay_append(o, m, words);
		free(words);
	}
	arg(a, "%s", all);
	free(all);
}

/*
 * Before 8.1 (commit c914d46d0a64) QEMU leaves the guest's memory barriers out of what it translates for a machine that
 * can have one processor only. Its devices run in threads of their own all the same: guest and device each miss the
 * other's last store, neither notifies, and a request of virtio waits for ever. Room for a second processor, which is
 * never plugged in, brings the barriers back. A run that is recorded has its devices work in the processor's thread.
 */
static void cpu_args(struct argv *a, const struct opts *o, const struct machine *m)
{
	bool lone = m->accel == ACCEL_TCG && o->cpus == 1 && !replay_wanted(o);

	arg(a, "-smp");
	arg(a, "%u%s", o->cpus, lone ? ",maxcpus=2" : "");
}

/* What the guest can see; a saved guest resumes only under exactly the same arguments. */
void qemu_machine_args(struct argv *a, const struct opts *o, const struct machine *m)
{
	bool kvm = m->accel == ACCEL_KVM;

	arg(a, "%s", qemu_binary(o->arch));
	arg(a, "-accel");
	arg(a, "%s", kvm ? "kvm" : replay_wanted(o) ? "tcg,thread=single,tb-size=256" : "tcg,thread=multi,tb-size=256");
	arg(a, "-cpu");
	arg(a, "%s", kvm ? o->arch->cpu_kvm : o->arch->cpu_tcg);
	arg(a, "-machine");
	arg(a, "%s%s", o->arch->machine, o->share && !o->share_9p ? ",memory-backend=ram" : "");
	arg(a, "-m");
	arg(a, "%uM", o->memory_mb);
	cpu_args(a, o, m);
	arg(a, "-nodefaults");
	arg(a, "-no-user-config");
	arg(a, "-no-reboot");
	screen_args(a, o);
	kernel_args(a, o, m);
	arg(a, "-serial");
	arg(a, "chardev:con");
	arg(a, "-mon");
	arg(a, "chardev=qmp,mode=control");
	if (replay_wanted(o))
		replay_args(a, o);
	net_args(a, o);
	debug_machine_args(a, o);
	if (o->image)
		return;
	arg(a, "-device");
	arg(a, "virtio-serial-pci,id=ports,max_ports=8");
	arg(a, "-device");
	arg(a, "virtconsole,chardev=hvc,nr=0");
	for (int p = P_CTL; p <= P_OUT; p++) {
		arg(a, "-device");
		arg(a, "virtserialport,chardev=%s,name=vex.%s,nr=%d", port_chardev[p],
		    port_chardev[p], p);
	}
}

/* A flush has to reach the server: it is what the guest's fsync(2) is acknowledged by. */
static void network_disk_args(struct argv *a, unsigned int slot, const struct disk *d)
{
	char *name = double_commas(d->file);

	arg(a, "-drive");
	arg(a, "file=%s,format=%s,if=none,id=d%u,cache=writeback,discard=unmap%s", name, d->format, slot,
	    d->read_only ? ",readonly=on" : "");
	arg(a, "-device");
	arg(a, "virtio-blk-pci,drive=d%u,id=disk%u,serial=%s", slot, slot, d->name);
	free(name);
}

static void disk_args(struct argv *a, const struct opts *o, unsigned int slot, const char *file, const char *format,
		      const char *serial, bool read_only)
{
	char *name = double_commas(file);

	if (replay_wanted(o)) {
		replay_disk_args(a, slot, name, format, read_only);
	} else {
		/* unsafe: the guest's flushes need not reach the host's platter; its data outlives QEMU anyway. */
		arg(a, "-drive");
		arg(a, "file=%s,format=%s,if=none,id=d%u,cache=unsafe,discard=unmap%s", name, format, slot,
		    read_only ? ",readonly=on" : "");
	}
	arg(a, "-device");
	arg(a, "virtio-blk-pci,drive=d%u,id=disk%u,serial=%s", slot, slot, serial);
	free(name);
}

/*
 * Slots a run does not use exist all the same, so that every run looks like the saved guest;
 * a serial of "-" tells init to pass over them.
 */
static void all_disks(struct argv *a, const struct opts *o)
{
	if (o->image)
		image_disk_args(a, o);
	else
		disk_args(a, o, 0, o->payload, "raw", VEX_PAYLOAD_SERIAL, true);
	for (unsigned int i = 0; i < MAX_DISKS; i++) {
		char *none = xprintf("%s/slot%u.img", o->rundir, i + 1);
		const struct disk *d = &o->disks[i];

		if (i < o->ndisks && d->network) {
			network_disk_args(a, i + 1, d);
		} else if (i < o->ndisks) {
			disk_args(a, o, i + 1, d->file, d->format, d->name, d->read_only);
		} else if (!o->image && !replay_wanted(o)) {
			if (make_sparse(none, 1 << 20))
				fatal(VEX_ENV, "%s: %s", none, strerror(errno));
			disk_args(a, o, i + 1, none, "raw", "-", false);
		}
		free(none);
	}
}

void print_command(const struct vm *vm, const struct argv *a, const char *file)
{
	FILE *f = open_log(vm->o->rundir, file);

	for (size_t i = 0; i < a->n; i++)
		fprintf(f, "%s'%s'", i ? " " : "", a->v[i]);
	fputc('\n', f);
	if (ferror(f) || fclose(f))
		fatal(VEX_ENV, "cannot write to %s: %s; make room on the host", vm->o->rundir,
		      strerror(errno));
	if (vm->o->verbose) {
		fprintf(stderr, "+");
		for (size_t i = 0; i < a->n; i++)
			fprintf(stderr, " '%s'", a->v[i]);
		fputc('\n', stderr);
	}
}

static void child(struct vm *vm, struct argv *a, int *theirs, int incoming_fd, pid_t parent)
{
	char *log = xprintf("%s/qemu.log", vm->o->rundir);
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	child_begin(parent, fd, fd);
	for (int i = 0; i < P_COUNT; i++)
		if (theirs[i] >= 0)
			fcntl(theirs[i], F_SETFD, 0);
	if (incoming_fd >= 0)
		fcntl(incoming_fd, F_SETFD, 0);
	execvp(a->v[0], a->v);
	dprintf(2, "%s: %s\n", a->v[0], strerror(errno));
	_exit(127);
}

/* Starts QEMU; incoming_fd >= 0 is a saved guest to resume. */
void qemu_start(struct vm *vm, int incoming_fd)
{
	struct argv a = { 0 };
	int theirs[P_COUNT];
	pid_t parent = getpid();

	share_start(vm);
	qemu_machine_args(&a, vm->o, vm->m);
	share_args(&a, vm);
	all_disks(&a, vm->o);
	extra_args(&a, vm->o);
	debug_args(&a, vm->o);
	for (int i = 0; i < P_COUNT; i++) {
		int pair[2];

		theirs[i] = -1;
		if (i == P_HVC && vm->o->console)
			continue;
		if (replay_wanted(vm->o) && i != P_QMP) {
			vm->fd[i] = replay_port(&a, vm->o, port_chardev[i], i == P_IN, &theirs[i]);
			continue;
		}
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			fatal(VEX_ENV, "socketpair: %s", strerror(errno));
		vm->fd[i] = pair[0];
		theirs[i] = pair[1];
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		arg(&a, "-chardev");
		arg(&a, "socket,id=%s,fd=%d", port_chardev[i], pair[1]);
	}
	if (incoming_fd >= 0) {
		arg(&a, "-incoming");
		arg(&a, "fd:%d", incoming_fd);
	}
	print_command(vm, &a, "qemu.cmd");
	vm->started_ms = vm->activity_ms = now_ms();
	vm->pid = fork();
	if (vm->pid < 0)
		fatal(VEX_ENV, "fork: %s", strerror(errno));
	if (vm->pid == 0)
		child(vm, &a, theirs, incoming_fd, parent);
	for (int i = 0; i < P_COUNT; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	share_release();
	extra_release();
	for (size_t i = 0; i < a.n; i++)
		free(a.v[i]);
	free(a.v);
	if (!qmp_begin(vm))
		vm->dead = true;
	debug_started(vm);
}

void qemu_kill(struct vm *vm)
{
	if (vm->o->uml) {
		uml_kill(vm);
		return;
	}
	if (vm->pid <= 0)
		return;
	kill(vm->pid, SIGKILL);
	while (waitpid(vm->pid, &vm->wait_status, 0) < 0 && errno == EINTR)
		;
	vm->pid = 0;
	vm->dead = true;
}
