// SPDX-License-Identifier: GPL-2.0-only
/*
 * User-Mode Linux in place of QEMU: the kernel is a program, its disks are files, its serial lines are the
 * launcher's descriptors. Same init, same streams, same verdict (docs/uml.md).
 *
 * UML is a herd of processes: the kernel, a disk helper, one traced process per guest address space. A traced
 * process whose kernel is killed would go on running guest code on the host. So a keeper stands between the
 * launcher and the herd: it owns their process group, and when launcher or kernel end, in whatever way, it
 * kills the group and reaps all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define UMID		"uml"		/* RUNDIR/uml/ holds the pid and the management socket */
#define CONSOLE_PIPE	(1 << 20)	/* UML drops console output that finds no room */

/* The streams of proto.h as serial lines; P_CONSOLE is no line but the system console. */
static const struct {
	enum port port;
	const char *name;
} lines[] = {
	{ P_CTL, VEX_PORT_CTL }, { P_TAP, VEX_PORT_TAP }, { P_IN, VEX_PORT_IN },
	{ P_OUT, VEX_PORT_OUT }, { P_HVC, VEX_PORT_TTY },
};

#define NLINES (sizeof(lines) / sizeof(lines[0]))

/* What was asked for and cannot be had: said before anything is started. */
void uml_check(const struct opts *o)
{
	static const char why[] = "User-Mode Linux is a process of this machine";

	if (o->accel != ACCEL_AUTO)
		fatal(VEX_USAGE, "%s: nothing is emulated, leave out --accel", why);
	if (o->lane == LANE_WARM)
		fatal(VEX_USAGE, "%s and cannot be saved: use --lane cold (it boots in about a second)", why);
	if (o->cpus > 1)
		fatal(VEX_USAGE, "%s with one processor: leave out --cpus, or use another kernel", why);
	if (o->gdb || o->kgdb || o->paused)
		fatal(VEX_USAGE, "%s: attach gdb to it, docs/uml.md says how", why);
	if (o->dump || o->kdump)
		fatal(VEX_USAGE, "%s: it leaves no memory dump; use another kernel", why);
	if (o->console || o->image || o->nforwards || o->screen || o->monitor)
		fatal(VEX_USAGE, "%s: it boots no image and has no network, screen or monitor", why);
	for (unsigned int i = 0; i < o->ndisks; i++)
		if (strcmp(o->disks[i].format, "raw") || o->disks[i].network)
			fatal(VEX_USAGE, "--disk %s: UML takes raw disk files only", o->disks[i].name);
	if (o->share && strchr(o->share, ','))
		fatal(VEX_USAGE, "--share %s: UML takes no comma in the name of a shared directory",
		      o->share);
}

static bool has_room(const char *dir, unsigned int mb)
{
	struct statvfs st;

	return !statvfs(dir, &st) && !(st.f_flag & (ST_NOEXEC | ST_RDONLY)) &&
	       (uint64_t)st.f_bavail * st.f_frsize >> 20 >= mb && !access(dir, W_OK);
}

/* The guest's memory is an unlinked, sparse file; one that cannot grow any more ends UML by SIGBUS. */
static const char *memory_dir(const struct opts *o)
{
	if (has_room("/dev/shm", o->memory_mb))
		return "/dev/shm";
	if (has_room(o->rundir, o->memory_mb))
		return ".";
	fatal(VEX_ENV, "the guest's memory is a file of %u MB, and neither /dev/shm nor %s has that much room (or they"
	      " forbid programs): make room, or use --memory", o->memory_mb, o->rundir);
}

static char *slot_name(unsigned int slot)
{
	return xprintf("slot%u.img", slot);
}

/* Said here and not by a guest whose disk cannot be opened: UML and QEMU both lock theirs. */
static void check_lock(const char *file, bool read_only)
{
	struct flock l = { .l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0)
		fatal(VEX_ENV, "%s: %s", file, strerror(errno));
	if (!fcntl(fd, F_GETLK, &l) && l.l_type != F_UNLCK)
		fatal(VEX_ENV, "disk in use: another VM has %s open; end that one first, or give this one its own", file);
	close(fd);
}

/* Links in the run directory: UML splits its disk argument at commas and colons, whatever the file's name. */
static void add_disk(struct argv *a, const struct opts *o, unsigned int slot, const char *file,
		     const char *serial, bool read_only)
{
	char *name = slot_name(slot), *path = xprintf("%s/%s", o->rundir, name);
	char *target = realpath(file, NULL);

	check_lock(file, read_only);
	unlink(path);
	if (!target || symlink(target, path))
		fatal(VEX_ENV, "%s: %s", path, strerror(errno));
	/* d: the file is data, whatever it begins with. */
	arg(a, "ubd%ud%s=%s,,%s", slot, read_only ? "r" : "", name, serial);
	free(target);
	free(path);
	free(name);
}

static void kernel_args(struct argv *a, const struct opts *o)
{
	char *initrd = realpath(o->initrd, NULL), *share = o->share ? realpath(o->share, NULL) : NULL;

	arg(a, "mem=%uM", o->memory_mb);
	arg(a, "initrd=%s", initrd);
	/* Relative: a socket's address has little room for a path. */
	arg(a, "uml_dir=.");
	arg(a, "umid=" UMID);
	/* stderr=1: what is printed before the console is up is the reason of a boot that fails. */
	arg(a, "stderr=1");
	arg(a, "con0=null,fd:1");
	arg(a, "console=tty0");
	arg(a, "quiet");
	arg(a, "oops=panic");
	arg(a, "panic=-1");
	arg(a, "sysrq_always_enabled=1");
	arg(a, "random.trust_cpu=on");
	arg(a, "rcupdate.rcu_expedited=1");
	if (share)
		arg(a, "hostfs=%s", share);
	free(initrd);
	free(share);
}

static void port_args(struct argv *a, const int *theirs)
{
	char *ports = xprintf(VEX_PORTS_ARG);

	for (size_t i = 0; i < NLINES; i++) {
		char *more = xprintf("%s%s%s:ttyS%zu", ports, i ? "," : "", lines[i].name, i);

		free(ports);
		ports = more;
		arg(a, "ssl%zu=fd:%d", i, theirs[lines[i].port]);
	}
	arg(a, "%s", ports);
	free(ports);
}

static void all_args(struct argv *a, const struct vm *vm, const int *theirs)
{
	const struct opts *o = vm->o;

	/*
	 * UML reboots by running its own name again. This one is a directory: a guest that reboots ends, and ps
	 * tells whose it is.
	 */
	arg(a, "%s/" UMID, o->rundir);
	kernel_args(a, o);
	port_args(a, theirs);
	add_disk(a, o, 0, o->payload, VEX_PAYLOAD_SERIAL, true);
	for (unsigned int i = 0; i < o->ndisks; i++)
		add_disk(a, o, i + 1, o->disks[i].file, o->disks[i].name, o->disks[i].read_only);
	if (o->append)
		arg(a, "%s", o->append);
}

static void open_streams(struct vm *vm, int *theirs)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC))
		fatal(VEX_ENV, "pipe: %s", strerror(errno));
	fcntl(pair[1], F_SETPIPE_SZ, CONSOLE_PIPE);
	vm->fd[P_CONSOLE] = pair[0];
	theirs[P_CONSOLE] = pair[1];
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	for (size_t i = 0; i < NLINES; i++) {
		enum port p = lines[i].port;

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			fatal(VEX_ENV, "socketpair: %s", strerror(errno));
		vm->fd[p] = pair[0];
		theirs[p] = pair[1];
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
	}
}

static void run_kernel(const struct vm *vm, struct argv *a, const int *theirs, const char *memory,
		       pid_t keeper)
{
	char *kernel = realpath(vm->o->kernel, NULL);
	struct rlimit no_core = { 0, 0 };

	child_begin(keeper, theirs[P_CONSOLE], theirs[P_CONSOLE]);
	/* A panic ends in abort(): its console output is what counts, not a core of all the guest's memory. */
	setrlimit(RLIMIT_CORE, &no_core);
	for (size_t i = 0; i < NLINES; i++)
		fcntl(theirs[lines[i].port], F_SETFD, 0);
	setenv("TMPDIR", memory, 1);
	if (kernel && !chdir(vm->o->rundir))
		execv(kernel, a->v);
	dprintf(2, "%s: %s\n", vm->o->kernel, strerror(errno));
	_exit(127);
}

static void remove_in(const struct opts *o, const char *name)
{
	char *path = xprintf("%s/%s", o->rundir, name);

	if (unlink(path))
		rmdir(path);
	free(path);
}

/* By the keeper, so that a launcher that was killed leaves nothing either. */
static void remove_links(const struct opts *o)
{
	for (unsigned int i = 0; i <= MAX_DISKS; i++) {
		char *name = slot_name(i);

		remove_in(o, name);
		free(name);
	}
	remove_in(o, UMID "/pid");
	remove_in(o, UMID "/mconsole");
	remove_in(o, UMID);
}

/* Ends as the kernel ended, so that the launcher can tell. */
static void __attribute__((noreturn)) end_like(int status)
{
	struct rlimit no_core = { 0, 0 };

	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	setrlimit(RLIMIT_CORE, &no_core);
	signal(WTERMSIG(status), SIG_DFL);
	vm_default_signals();
	raise(WTERMSIG(status));
	_exit(128 + WTERMSIG(status));
}

/*
 * Waits for the kernel's end or the launcher's (SIGTERM from it, or because of its death). The kernel is not
 * reaped before its group is killed: until then the group's number cannot be given to others.
 */
static void __attribute__((noreturn)) keep(const struct opts *o, pid_t kernel)
{
	int status = 0, one;
	siginfo_t info;
	sigset_t set;
	pid_t p;

	close_range(3, ~0u, 0);
	one = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(one, fd);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_PID, kernel, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid)
			break;
		if (sigwaitinfo(&set, NULL) == SIGTERM)
			break;
	}
	/* A new process of the group takes part in the signal: the kernel lets no fork slip through. */
	kill(-kernel, SIGKILL);
	kill(kernel, SIGKILL);
	while ((p = waitpid(-1, &one, __WALL)) > 0 || errno == EINTR)
		if (p == kernel)
			status = one;
	remove_links(o);
	end_like(status);
}

static void keeper(const struct vm *vm, struct argv *a, const int *theirs, const char *memory,
		   pid_t launcher)
{
	pid_t self = getpid(), kernel;

	/* SIGCHLD, SIGTERM, SIGINT and SIGHUP are blocked already (vm_signals). */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (getppid() != launcher)
		_exit(127);
	setsid();
	kernel = fork();
	if (kernel < 0)
		_exit(127);
	if (kernel == 0)
		run_kernel(vm, a, theirs, memory, self);
	keep(vm->o, kernel);
}

void uml_start(struct vm *vm)
{
	const char *memory = memory_dir(vm->o);
	pid_t launcher = getpid();
	struct argv a = { 0 };
	int theirs[P_COUNT];

	open_streams(vm, theirs);
	all_args(&a, vm, theirs);
	print_command(vm, &a, "uml.cmd");
	vm->started_ms = vm->activity_ms = now_ms();
	vm->pid = fork();
	if (vm->pid < 0)
		fatal(VEX_ENV, "fork: %s", strerror(errno));
	if (vm->pid == 0)
		keeper(vm, &a, theirs, memory, launcher);
	close(theirs[P_CONSOLE]);
	for (size_t i = 0; i < NLINES; i++)
		close(theirs[lines[i].port]);
	for (size_t i = 0; i < a.n; i++)
		free(a.v[i]);
	free(a.v);
}

void uml_kill(struct vm *vm)
{
	if (vm->pid > 0) {
		kill(vm->pid, SIGTERM);
		while (waitpid(vm->pid, &vm->wait_status, 0) < 0 && errno == EINTR)
			;
		vm->pid = 0;
		vm->dead = true;
	}
}

/* One request of the management console (arch/um/drivers/mconsole.h of the kernel); the answer is on the console. */
void uml_sysrq(struct vm *vm, char key)
{
	struct {
		uint32_t magic, version, len;
		char data[512];
	} request = { .magic = 0xcafebabe, .version = 2 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char *path = xprintf("%s/" UMID, vm->o->rundir);
	int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	request.len = snprintf(request.data, sizeof(request.data), "sysrq %c", key);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/mconsole", dir);
	if (dir < 0 || fd < 0 ||
	    sendto(fd, &request, sizeof(request), 0, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		say("no tasks of the hung guest: its management console does not answer (%s)",
		    strerror(errno));
	if (dir >= 0)
		close(dir);
	if (fd >= 0)
		close(fd);
	free(path);
}
