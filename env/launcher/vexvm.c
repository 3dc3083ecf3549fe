// SPDX-License-Identifier: GPL-2.0-only
/* vexvm: start one guest, give it a job, say what became of it. ./vex is the interface for people. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vm.h"

static const char usage_text[] =
"usage: vexvm --kernel FILE --initrd FILE --payload FILE --rundir DIR --cache DIR [OPTION]...\n"
"  --arch amd64|arm64        of the guest; one that is not this machine's is emulated [amd64]\n"
"  --accel auto|kvm|tcg      accelerator; auto proves KVM first [auto]\n"
"  --lane auto|cold|warm     resume a saved guest or boot one [auto]\n"
"  --memory MB --cpus N      size of the guest [768, 2]\n"
"  --disk NAME=SIZE          an empty disk of SIZE (K, M, G), removed at the end; up to 4 disks\n"
"  --disk NAME=FILE[:ro]     a disk image, changed in place unless ro; ,format=raw|qcow2 behind either\n"
"  --disk NAME=nbd:... or rbd:...  a disk that QEMU's driver reaches over the network: nbd:HOST:PORT, rbd:POOL/IMAGE\n"
"  --share DIR               host directory as virtiofs, tag \"share\"; --share-9p: as 9p\n"
"  --append STRING           more kernel command line\n"
"  --forward HOST:GUEST      TCP port of 127.0.0.1 that leads into the guest; repeatable\n"
"  --ssh-port auto|PORT      the same for port 22; auto: the first free one from 2222 up\n"
"  --screen --window         a graphics card; its picture in a window\n"
"  --monitor                 a QMP socket, qmp.sock in the run directory\n"
"  --image FILE              boot this disk on an overlay (no --kernel, --initrd, --payload needed)\n"
"  --image-format FORMAT     raw or qcow2 [what the file begins with]\n"
"  --persistent              without the overlay: the guest writes to FILE\n"
"  --session COMMAND         run COMMAND here once the image is up, end the guest after it\n"
"  --resume FILE             resume this saved state of the image guest\n"
"  --probe-kernel, --probe-initrd FILE   what proves KVM before an image is booted under it\n"
"  --io none|pipe|tty|console   what becomes of stdin and stdout; console: serial line of an image [none]\n"
"  --show none|results|tap   KTAP on stdout [none]\n"
"  --timeout S --idle S      limits before scaling, 0 for none [0, 30]; --say-limit prints what they come to\n"
"  --kill-after-marker TEXT  power cut when TEXT appears in a line of console, KTAP or output\n"
"  --uml                     --kernel is User-Mode Linux: a process in place of QEMU\n"
"  --kill-after-ms N         power cut N ms after the guest is ready\n"
"  --gdb SOCKET              QEMU's gdb stub; the job waits until a debugger lets the guest go on\n"
"  --paused                  with --gdb: stop before the first instruction of the kernel\n"
"  --kgdb SOCKET             the guest's second serial port, for kgdb\n"
"  --console SOCKET          the shell's terminal, in place of ours\n"
"  --attach SOCKET           only connect this terminal to such a console\n"
"  --record DIR              write down what makes the run repeatable; --replay DIR: repeat it\n"
"  --dump FILE               after a panic, the guest's memory\n"
"  --kdump                   ... which a second kernel may save first, see env/guest/init/kdump.c\n"
"  --keep                    keep the disk images of the run\n"
"  --probe                   only find the accelerator, print it, and end\n"
"  -v                        print the QEMU command\n"
"exit: 0 passed, 1 test failed, 2 usage, 3 panic or kernel warning, 4 hang, 5 VM lost,\n"
"      6 environment broken, 130 interrupted\n";

enum { OPT_ACCEL = 256, OPT_LANE, OPT_MEMORY, OPT_CPUS, OPT_DISK, OPT_SHARE, OPT_APPEND, OPT_IO,
       OPT_SHOW, OPT_TIMEOUT, OPT_IDLE, OPT_MARKER, OPT_KILL_MS, OPT_KEEP, OPT_PROBE, OPT_KERNEL,
       OPT_INITRD, OPT_PAYLOAD, OPT_RUNDIR, OPT_CACHE, OPT_UML, OPT_HELP,
       OPT_IMAGE, OPT_IMAGE_FORMAT, OPT_PERSISTENT, OPT_SESSION, OPT_RESUME, OPT_PROBE_KERNEL,
       OPT_PROBE_INITRD, OPT_SHARE_9P, OPT_FORWARD, OPT_SSH_PORT, OPT_SCREEN, OPT_WINDOW, OPT_MONITOR,
       OPT_GDB, OPT_PAUSED, OPT_KGDB, OPT_CONSOLE, OPT_ATTACH, OPT_DUMP, OPT_KDUMP,
       OPT_SAY_LIMIT, OPT_ARCH, OPT_RECORD, OPT_REPLAY };

static const struct option long_options[] = {
	{ "accel", 1, 0, OPT_ACCEL }, { "lane", 1, 0, OPT_LANE }, { "memory", 1, 0, OPT_MEMORY },
	{ "cpus", 1, 0, OPT_CPUS }, { "disk", 1, 0, OPT_DISK }, { "share", 1, 0, OPT_SHARE },
	{ "append", 1, 0, OPT_APPEND }, { "io", 1, 0, OPT_IO }, { "show", 1, 0, OPT_SHOW },
	{ "timeout", 1, 0, OPT_TIMEOUT }, { "idle", 1, 0, OPT_IDLE },
	{ "kill-after-marker", 1, 0, OPT_MARKER }, { "kill-after-ms", 1, 0, OPT_KILL_MS },
	{ "keep", 0, 0, OPT_KEEP }, { "probe", 0, 0, OPT_PROBE }, { "kernel", 1, 0, OPT_KERNEL },
	{ "initrd", 1, 0, OPT_INITRD }, { "payload", 1, 0, OPT_PAYLOAD },
	{ "rundir", 1, 0, OPT_RUNDIR }, { "cache", 1, 0, OPT_CACHE }, { "uml", 0, 0, OPT_UML },
	{ "help", 0, 0, OPT_HELP },
	{ "image", 1, 0, OPT_IMAGE }, { "image-format", 1, 0, OPT_IMAGE_FORMAT },
	{ "persistent", 0, 0, OPT_PERSISTENT }, { "session", 1, 0, OPT_SESSION },
	{ "resume", 1, 0, OPT_RESUME }, { "probe-kernel", 1, 0, OPT_PROBE_KERNEL },
	{ "probe-initrd", 1, 0, OPT_PROBE_INITRD }, { "share-9p", 0, 0, OPT_SHARE_9P },
	{ "forward", 1, 0, OPT_FORWARD }, { "ssh-port", 1, 0, OPT_SSH_PORT },
	{ "screen", 0, 0, OPT_SCREEN }, { "window", 0, 0, OPT_WINDOW }, { "monitor", 0, 0, OPT_MONITOR },
	{ "gdb", 1, 0, OPT_GDB }, { "paused", 0, 0, OPT_PAUSED }, { "kgdb", 1, 0, OPT_KGDB },
	{ "console", 1, 0, OPT_CONSOLE }, { "attach", 1, 0, OPT_ATTACH },
	{ "dump", 1, 0, OPT_DUMP }, { "kdump", 0, 0, OPT_KDUMP },
	{ "say-limit", 0, 0, OPT_SAY_LIMIT }, { "arch", 1, 0, OPT_ARCH },
	{ "record", 1, 0, OPT_RECORD }, { "replay", 1, 0, OPT_REPLAY },
	{ 0 }
};

static bool probe_only;
static struct opts options = { .memory_mb = 768, .idle_s = 30 };
static pid_t owner;

static unsigned int number(const char *name, const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || n < min || n > max)
		fatal(VEX_USAGE, "--%s requires a number from %lu to %lu, not '%s'", name, min, max, text);
	return n;
}

static int choice(const char *name, const char *text, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	fatal(VEX_USAGE, "--%s: '%s' is none of the choices, see --help", name, text);
}

/* Options of the image lane, and of devices a guest has only when asked. */
static bool more_options(struct opts *o, int c)
{
	static const char *const formats[] = { "raw", "qcow2", NULL };

	switch (c) {
	case OPT_IMAGE: o->image = optarg; break;
	case OPT_IMAGE_FORMAT: o->image_format = formats[choice("image-format", optarg, formats)]; break;
	case OPT_PERSISTENT: o->persistent = true; break;
	case OPT_SESSION: o->session = optarg; break;
	case OPT_RESUME: o->resume = optarg; break;
	case OPT_PROBE_KERNEL: o->probe_kernel = optarg; break;
	case OPT_PROBE_INITRD: o->probe_initrd = optarg; break;
	case OPT_SHARE_9P: o->share_9p = true; break;
	case OPT_FORWARD: forward_option(o, optarg); break;
	case OPT_SSH_PORT: ssh_option(o, optarg); break;
	case OPT_SCREEN: o->screen = true; break;
	case OPT_WINDOW: o->screen = o->window = true; break;
	case OPT_MONITOR: o->monitor = true; break;
	case OPT_SAY_LIMIT: o->say_limit = true; break;
	case OPT_ARCH: o->arch = arch_named(optarg); break;
	case OPT_RECORD: o->record = optarg; break;
	case OPT_REPLAY: o->replay = optarg; break;
	default: return false;
	}
	return true;
}

static void one_option(struct opts *o, int c)
{
	static const char *const accels[] = { "auto", "kvm", "tcg", NULL };
	static const char *const lanes[] = { "auto", "cold", "warm", NULL };
	static const char *const ios[] = { "none", "pipe", "tty", "console", NULL };
	static const char *const shows[] = { "none", "results", "tap", NULL };

	switch (c) {
	case OPT_ACCEL: o->accel = choice("accel", optarg, accels); break;
	case OPT_LANE: o->lane = choice("lane", optarg, lanes); break;
	case OPT_MEMORY: o->memory_mb = number("memory", optarg, 128, 1 << 20); break;
	case OPT_CPUS: o->cpus = number("cpus", optarg, 1, 64); break;
	case OPT_DISK: disk_option(o, optarg); break;
	case OPT_SHARE: o->share = optarg; break;
	case OPT_APPEND: o->append = optarg; break;
	case OPT_IO: o->io = choice("io", optarg, ios); break;
	case OPT_SHOW: o->show = choice("show", optarg, shows); break;
	case OPT_TIMEOUT: o->timeout_s = number("timeout", optarg, 0, 1000000); break;
	case OPT_IDLE: o->idle_s = number("idle", optarg, 0, 1000000); break;
	case OPT_MARKER: o->kill_marker = optarg; break;
	case OPT_KILL_MS: o->kill_after_ms = number("kill-after-ms", optarg, 1, 1000000000); break;
	case OPT_KEEP: o->keep = true; break;
	case OPT_PROBE: probe_only = true; break;
	case OPT_KERNEL: o->kernel = optarg; break;
	case OPT_INITRD: o->initrd = optarg; break;
	case OPT_PAYLOAD: o->payload = optarg; break;
	case OPT_RUNDIR: o->rundir = optarg; break;
	case OPT_CACHE: o->cache = optarg; break;
	case OPT_UML: o->uml = true; break;
	case OPT_GDB: o->gdb = optarg; break;
	case OPT_PAUSED: o->paused = true; break;
	case OPT_KGDB: o->kgdb = optarg; break;
	case OPT_CONSOLE: o->console = optarg; break;
	case OPT_ATTACH: exit(debug_attach(optarg));
	case OPT_DUMP: o->dump = optarg; break;
	case OPT_KDUMP: o->kdump = true; break;
	case 'v': o->verbose = true; break;
	case OPT_HELP:
		fputs(usage_text, stdout);
		exit(0);
	default:
		if (more_options(o, c))
			break;
		fprintf(stderr, "vexvm: see vexvm --help\n");
		exit(VEX_USAGE);
	}
}

static void parse(struct opts *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "v", long_options, NULL)) != -1)
		one_option(o, c);
	if (optind != argc)
		fatal(VEX_USAGE, "unexpected argument '%s', see --help", argv[optind]);
	if (!o->rundir || !o->cache || (!o->image && (!o->kernel || !o->initrd || !o->payload)))
		fatal(VEX_USAGE, "--kernel, --initrd, --payload, --rundir and --cache are all needed");
	if (!o->image && (o->session || o->resume || o->persistent || o->io == IO_CONSOLE))
		fatal(VEX_USAGE, "--session, --resume, --persistent and --io console are for --image");
	if (o->image)
		return;
	if (access(o->kernel, R_OK) || access(o->initrd, R_OK) || access(o->payload, R_OK))
		fatal(VEX_ENV, "cannot read kernel, initramfs or payload: %s", strerror(errno));
}

static void write_result(const struct vm *vm, enum vex_exit code)
{
	FILE *f = open_log(vm->o->rundir, "result");
	long long end = vm->done_ms ? vm->done_ms : now_ms();

	fprintf(f, "exit=%d\nlane=%s\naccel=%s\naccel_reason=%s\nscale=%u\nready_ms=%lld\ntotal_ms=%lld\nmessage=%s\nrunning=%s\n%s\n",
		code, vm->o->image ? "image" : vm->warm ? "warm" : "cold", accel_name(vm->m->accel),
		vm->m->reason, vm->m->scale, vm->ready_ms ? vm->ready_ms - vm->started_ms : -1,
		end - vm->started_ms, vm->message, vm->done ? "" : vm->current, vm->verdict);
	if (vm->session_over)
		fprintf(f, "session=%d\n", vm->session_status);
	if (ferror(f) || fclose(f))
		fatal(VEX_ENV, "cannot write %s/result; make room on the host (./vex clean)",
		      vm->o->rundir);
}

/* A run that ended before its guest began has a record too: who reads the result finds the reason there. */
static void write_fatal(enum vex_exit code, const char *message)
{
	char *path = xprintf("%s/result", options.rundir);
	FILE *f;

	fatal_record = NULL;
	f = getpid() == owner ? fopen(path, "we") : NULL;
	free(path);
	if (!f)
		return;	/* stderr has the message */
	fprintf(f, "exit=%d\nmessage=%s\n", code, message);
	fclose(f);
}

static const char *cause(enum vex_exit code)
{
	switch (code) {
	case VEX_PANIC: return "kernel panic, oops or warning";
	case VEX_HANG: return "hang";
	case VEX_LOST: return "VM lost";
	case VEX_ENV: return "environment broken";
	case VEX_INTERRUPTED: return "interrupted";
	case VEX_NOTHING: return "nothing ran";
	default: return "failed";
	}
}

static enum vex_exit run_once(struct opts *o, struct machine *m, int state, bool *warm_failed)
{
	enum vex_exit code;
	struct vm vm;

	vm_init(&vm, o, m);
	vm.warm = state >= 0;
	if (o->uml)
		uml_start(&vm);
	else
		qemu_start(&vm, state);
	if (state >= 0)
		close(state);
	code = supervise(&vm);
	*warm_failed = vm.warm && code == VEX_ENV && !vm.ready && !vm.error && !vm.no_space && !o->image;
	write_result(&vm, code);
	if (code != VEX_PASSED && vm.message[0] && !*warm_failed)
		fprintf(stderr, "    %s: %s\n", cause(code), vm.message);
	vm_close(&vm);
	net_close(&vm);
	return code;
}

/* -1: boot it. */
static int open_state(const struct opts *o, const struct machine *m, char *why, size_t size)
{
	int fd = -1;

	if (o->image) {
		if (o->resume)
			fd = open(o->resume, O_RDONLY | O_CLOEXEC);
		if (o->resume && fd < 0)
			fatal(VEX_ENV, "%s: %s", o->resume, strerror(errno));
	} else if (o->lane != LANE_COLD) {
		fd = warm_open(o, m, why, size);
		if (fd < 0)
			say("cold boot: %s", why);
	}
	return fd;
}

/* However this process ends, fatal() and Ctrl-C in the middle of a saving included: only logs stay behind. */
static void clean_up(void)
{
	if (getpid() != owner)
		return;
	warm_clean();
	remove_images(&options);
}

int main(int argc, char **argv)
{
	bool warm_failed = false;
	pid_t parent = getppid();
	char why[512] = "";
	struct machine m = { 0 };
	enum vex_exit code;
	int state;

	options.arch = arch_named("amd64");
	parse(&options, argc, argv);
	arch_check(&options);
	if (options.uml) {
		uml_check(&options);
		options.lane = LANE_COLD;
	}
	replay_check(&options);
	if (!options.cpus)
		options.cpus = options.uml ? 1 : 2;
	if (make_dirs(options.rundir))
		fatal(VEX_ENV, "cannot write to %s: %s", options.rundir, strerror(errno));
	owner = getpid();
	fatal_record = write_fatal;
	vm_signals();
	/* A guest may run for days: it must not outlive the command it was started by. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		raise(SIGTERM);
	if (options.uml)
		native_machine(&m);
	else if (!options.arch->native)
		foreign_machine(&m, options.arch);
	else
		find_machine(&m, &options);
	if (probe_only) {
		printf("accel=%s scale=%u tsc_khz=%u reason=%s\n", accel_name(m.accel), m.scale,
		       m.tsc_khz, m.reason);
		return 0;
	}
	replay_begin(&options, &m);
	check_memory(&options);
	/* A limit that the user gave is not the one that ends the run. */
	if (options.say_limit && options.timeout_s && m.scale > 100)
		say("limit: %u s x %u.%02u, the speed of this host, = %u s", options.timeout_s, m.scale / 100, m.scale % 100,
		    options.timeout_s * m.scale / 100);
	if (!options.uml)
		share_choose(&options);
	atexit(clean_up);
	if (options.image)
		image_prepare(&options);
	make_disks(&options);
	/* These change the machine the guest sees: no saved guest has booted with them. */
	if (options.paused || options.kgdb || options.dump)
		options.lane = LANE_COLD;
	state = open_state(&options, &m, why, sizeof(why));
	code = run_once(&options, &m, state, &warm_failed);
	if (warm_failed) {
		say("cold boot: the saved guest did not resume (see qemu.log)");
		warm_discard();
		code = run_once(&options, &m, -1, &warm_failed);
	}
	return code;
}
