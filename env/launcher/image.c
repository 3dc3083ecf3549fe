// SPDX-License-Identifier: GPL-2.0-only
/*
 * The image lane: a whole Debian from a disk image, on an overlay that goes with the guest.
 *
 * Nothing of ours runs in it, so there is no "go" and no verdict. It counts as up when its sshd answers (or,
 * without a forwarded port, when a login prompt appears on the console); then the session, a command on this
 * host, has the guest to itself, and the guest ends with it. Without a session it runs until it powers off.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define POWERDOWN_S	90
#define TICK_S		3

static char *overlay_path(const struct opts *o)
{
	return xprintf("%s/overlay.qcow2", o->rundir);
}

/* qemu-img check: 0 sound, 2 damaged, 3 only space lost, anything else: could not even be read. */
static void check_sound(const struct opts *o)
{
	char *log = xprintf("%s/qemu-img.log", o->rundir);
	char *const argv[] = { "qemu-img", "check", "-q", "-U", "-f", "qcow2", (char *)o->image, NULL };
	int status = strcmp(o->image_format, "qcow2") ? 0 : run_tool(log, argv);

	if (status == 127)
		fatal(VEX_ENV, "qemu-img is missing; install qemu-utils");
	if (status != 0 && status != 3)
		fatal(VEX_ENV, "image damaged: %s does not pass qemu-img check (see %s); build it again with "
		      "./vex image build", o->image, log);
	free(log);
}

static void check_bootable(const struct opts *o)
{
	unsigned char sign[2] = { 0 };
	int fd;

	if (strcmp(o->image_format, "raw") || o->kernel)
		return;
	fd = open(o->image, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, sign, 2, 510) != 2 || sign[0] != 0x55 || sign[1] != 0xaa)
		fatal(VEX_ENV, "image damaged: %s is neither qcow2 nor a raw disk with a boot sector", o->image);
	close(fd);
}

static void make_overlay(const struct opts *o)
{
	char *log = xprintf("%s/qemu-img.log", o->rundir), *overlay = overlay_path(o);
	char *const argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", "-F", (char *)o->image_format,
			       "-b", realpath(o->image, NULL), overlay, NULL };

	if (run_tool(log, argv))
		fatal(VEX_ENV, "cannot make an overlay on %s (see %s); make room on the host (./vex clean)",
		      o->image, log);
	free(argv[8]);
	free(overlay);
	free(log);
}

void image_prepare(struct opts *o)
{
	struct stat st;

	if (stat(o->image, &st) || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		fatal(VEX_ENV, "no image %s; ./vex image list shows what there is", o->image);
	if (access(o->image, o->persistent ? R_OK | W_OK : R_OK))
		fatal(VEX_ENV, "%s: %s", o->image, strerror(errno));
	if (!o->image_format)
		o->image_format = disk_format(o->image);
	check_sound(o);
	check_bootable(o);
	if (!o->persistent)
		make_overlay(o);
}

/* Our GRUB appends the first OEM string to the kernel's command line (vex_append). */
void image_boot_args(struct argv *a, const struct opts *o)
{
	char *value;

	if (o->kernel) {
		arg(a, "-kernel");
		arg(a, "%s", o->kernel);
		if (o->initrd) {
			arg(a, "-initrd");
			arg(a, "%s", o->initrd);
		}
		if (o->append) {
			arg(a, "-append");
			arg(a, "%s", o->append);
		}
	} else {
		/* Never none: GRUB would complain on the screen about the string it does not find. */
		value = double_commas(o->append ? o->append : "vex.image");
		arg(a, "-smbios");
		arg(a, "type=11,value=%s", value);
		free(value);
	}
}

/* unsafe is for what nobody keeps: a persistent image outlives a crash of the host, too. */
void image_disk_args(struct argv *a, const struct opts *o)
{
	char *overlay = overlay_path(o), *name = double_commas(o->persistent ? o->image : overlay);

	arg(a, "-drive");
	arg(a, "file=%s,format=%s,if=none,id=image,cache=%s,discard=unmap", name,
	    o->persistent ? o->image_format : "qcow2", o->persistent ? "writeback" : "unsafe");
	arg(a, "-device");
	arg(a, "virtio-blk-pci,drive=image,id=imagedisk,serial=image%s", o->kernel ? "" : ",bootindex=0");
	free(overlay);
	free(name);
}

void image_remove(const struct opts *o)
{
	char *overlay = overlay_path(o);

	if (!o->keep)
		unlink(overlay);
	free(overlay);
}

static void session_child(const struct vm *vm, pid_t parent)
{

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	vm_default_signals();
	signal(SIGPIPE, SIG_DFL);
	setenv("VEX_RUNDIR", vm->o->rundir, 1);
	execl("/bin/bash", "bash", "-c", vm->o->session, (char *)NULL);
	_exit(127);
}

static void start_session(struct vm *vm)
{
	pid_t parent = getpid();

	vm->session_pid = fork();
	if (vm->session_pid < 0)
		fatal(VEX_ENV, "fork: %s", strerror(errno));
	if (vm->session_pid == 0)
		session_child(vm, parent);
}

/* The terminal is the guest's serial line from the first moment on. */
void image_start(struct vm *vm)
{
	if (vm->o->io != IO_CONSOLE)
		return;
	vm->in_fd = STDIN_FILENO;
	if (isatty(STDIN_FILENO))
		term_raw();
}

static bool is_up(struct vm *vm)
{
	if (vm->o->nforwards)
		return net_ssh_answers(vm);
	return strstr(vm->line[P_CONSOLE].buf, "login: ") != NULL;
}

/* After 3, 6, 12, 24 s ...: how long it has been, and what the guest says. */
static void tick(const struct vm *vm)
{
	static long long next = TICK_S;
	long long s = (now_ms() - vm->started_ms) / 1000;

	if (s < next || vm->o->io == IO_CONSOLE)
		return;
	say("booting: %lld s  %.*s", s, 60, vm->console_line);
	next = s < 30 ? s * 2 : s + 30;
}

/* One look at the guest and its session; false when there is nothing more to wait for. */
bool image_turn(struct vm *vm)
{
	int status;

	if (!vm->ready && !vm->panicked) {
		tick(vm);
		vm->ready = is_up(vm);
		if (vm->ready)
			vm->ready_ms = now_ms();
	}
	if (vm->ready && vm->o->session && !vm->session_pid)
		start_session(vm);
	if (vm->session_pid > 0 && waitpid(vm->session_pid, &status, WNOHANG) == vm->session_pid) {
		vm->session_over = true;
		vm->session_pid = 0;
		vm->session_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		return false;
	}
	return true;
}

static bool something_to_keep(const struct opts *o)
{
	/* Files in the run directory are the overlays of a snapshot's disks. */
	for (unsigned int i = 0; i < o->ndisks; i++)
		if (!o->disks[i].made && !o->disks[i].read_only &&
		    strncmp(o->disks[i].file, o->rundir, strlen(o->rundir)))
			return true;
	return o->persistent || o->keep;
}

/* A guest with something to keep is shut down in order; any other may as well lose its power. */
void image_end(struct vm *vm)
{
	long long limit = now_ms() + scaled(vm, POWERDOWN_S);

	if (vm->session_pid > 0) {
		kill(vm->session_pid, SIGTERM);
		while (waitpid(vm->session_pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (!vm->session_over || vm->dead || vm->interrupted || !something_to_keep(vm->o))
		return;
	say("shutting the guest down");
	qmp_command(vm, -1, "{\"execute\":\"system_powerdown\"}");
	while (!vm->dead && !vm->interrupted && now_ms() < limit)
		vm_poll(vm, 100);
	if (!vm->dead)
		say("the guest does not shut down: its power is cut");
}

/* QEMU ends with 0 when the guest powers off or reboots (-no-reboot). */
enum vex_exit image_judge(struct vm *vm)
{
	int s = vm->wait_status;

	if (vm->session_over)
		return VEX_PASSED;
	if (!vm->ready && WIFEXITED(s) && WEXITSTATUS(s)) {
		explain_start(vm);
		return VEX_ENV;
	}
	if (WIFEXITED(s) && !WEXITSTATUS(s) && !vm->o->session)
		return VEX_PASSED;
	if (WIFSIGNALED(s))
		snprintf(vm->message, sizeof(vm->message), "QEMU was killed by signal %d", WTERMSIG(s));
	else
		snprintf(vm->message, sizeof(vm->message), "the guest ended before its session did");
	return VEX_LOST;
}
