// SPDX-License-Identifier: GPL-2.0-only
/* vexvm: start one guest, give it a job, say what became of it. ./vex is the interface for people. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm.h"

static const char usage_text[] =
"usage: vexvm --kernel FILE --initrd FILE --payload FILE --rundir DIR --cache DIR [OPTION]...\n"
"  --accel auto|kvm|tcg      accelerator; auto proves KVM first [auto]\n"
"  --lane auto|cold|warm     resume a saved guest or boot one [auto]\n"
"  --memory MB --cpus N      size of the guest [768, 2]\n"
"  --disk NAME=SIZE          an empty disk of SIZE (K, M, G), removed at the end; up to 4 disks\n"
"  --disk NAME=FILE[:ro]     a disk image, changed in place unless ro\n"
"  --share DIR               host directory as virtiofs, tag \"share\"\n"
"  --append STRING           more kernel command line\n"
"  --io none|pipe|tty        what becomes of stdin and stdout [none]\n"
"  --show none|results|tap   KTAP on stdout [none]\n"
"  --timeout S --idle S      limits before scaling, 0 for none [0, 30]\n"
"  --kill-after-marker TEXT  power cut when TEXT appears in a line of console, KTAP or output\n"
"  --kill-after-ms N         power cut N ms after the guest is ready\n"
"  --keep                    keep the disk images of the run\n"
"  --probe                   only find the accelerator, print it, and end\n"
"  -v                        print the QEMU command\n"
"exit: 0 passed, 1 test failed, 2 usage, 3 panic or kernel warning, 4 hang, 5 VM lost,\n"
"      6 environment broken, 130 interrupted\n";

enum { OPT_ACCEL = 256, OPT_LANE, OPT_MEMORY, OPT_CPUS, OPT_DISK, OPT_SHARE, OPT_APPEND, OPT_IO,
       OPT_SHOW, OPT_TIMEOUT, OPT_IDLE, OPT_MARKER, OPT_KILL_MS, OPT_KEEP, OPT_PROBE, OPT_KERNEL,
       OPT_INITRD, OPT_PAYLOAD, OPT_RUNDIR, OPT_CACHE, OPT_HELP };

static const struct option long_options[] = {
	{ "accel", 1, 0, OPT_ACCEL }, { "lane", 1, 0, OPT_LANE }, { "memory", 1, 0, OPT_MEMORY },
	{ "cpus", 1, 0, OPT_CPUS }, { "disk", 1, 0, OPT_DISK }, { "share", 1, 0, OPT_SHARE },
	{ "append", 1, 0, OPT_APPEND }, { "io", 1, 0, OPT_IO }, { "show", 1, 0, OPT_SHOW },
	{ "timeout", 1, 0, OPT_TIMEOUT }, { "idle", 1, 0, OPT_IDLE },
	{ "kill-after-marker", 1, 0, OPT_MARKER }, { "kill-after-ms", 1, 0, OPT_KILL_MS },
	{ "keep", 0, 0, OPT_KEEP }, { "probe", 0, 0, OPT_PROBE }, { "kernel", 1, 0, OPT_KERNEL },
	{ "initrd", 1, 0, OPT_INITRD }, { "payload", 1, 0, OPT_PAYLOAD },
	{ "rundir", 1, 0, OPT_RUNDIR }, { "cache", 1, 0, OPT_CACHE }, { "help", 0, 0, OPT_HELP },
	{ 0 }
};

static bool probe_only;

static unsigned int number(const char *name, const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || n < min || n > max)
		fatal(VEX_USAGE, "--%s wants a number from %lu to %lu, not '%s'", name, min, max, text);
	return n;
}

static int choice(const char *name, const char *text, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	fatal(VEX_USAGE, "--%s: '%s' is none of the choices, see --help", name, text);
}

static void disk_file(struct disk *d, const char *value)
{
	size_t len = strlen(value);
	struct stat st;

	d->file = xprintf("%s", value);
	if (len > 3 && !strcmp(value + len - 3, ":ro")) {
		d->file[len - 3] = 0;
		d->read_only = true;
	}
	if (stat(d->file, &st) || !S_ISREG(st.st_mode))
		fatal(VEX_USAGE, "--disk %s: '%s' is neither a size (like 100M) nor a file", d->name, value);
	if (st.st_size == 0 || st.st_size % 512)
		fatal(VEX_USAGE, "--disk %s: the size of %s is no multiple of 512", d->name, d->file);
	d->size = st.st_size;
}

static void add_disk(struct opts *o, const char *text)
{
	struct disk *d = &o->disks[o->ndisks];
	const char *eq = strchr(text, '=');

	if (!eq || eq == text || (size_t)(eq - text) >= sizeof(d->name) || text[0] == '-' ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") <
		    (size_t)(eq - text))
		fatal(VEX_USAGE, "--disk wants NAME=SIZE or NAME=FILE (NAME: letters, digits, _, up to 20)");
	if (o->ndisks == MAX_DISKS)
		fatal(VEX_USAGE, "at most %d disks", MAX_DISKS);
	memcpy(d->name, text, eq - text);
	d->made = parse_size(eq + 1, &d->size);
	if (!d->made)
		disk_file(d, eq + 1);
	o->ndisks++;
}

static void one_option(struct opts *o, int c)
{
	static const char *const accels[] = { "auto", "kvm", "tcg", NULL };
	static const char *const lanes[] = { "auto", "cold", "warm", NULL };
	static const char *const ios[] = { "none", "pipe", "tty", NULL };
	static const char *const shows[] = { "none", "results", "tap", NULL };

	switch (c) {
	case OPT_ACCEL: o->accel = choice("accel", optarg, accels); break;
	case OPT_LANE: o->lane = choice("lane", optarg, lanes); break;
	case OPT_MEMORY: o->memory_mb = number("memory", optarg, 128, 1 << 20); break;
	case OPT_CPUS: o->cpus = number("cpus", optarg, 1, 64); break;
	case OPT_DISK: add_disk(o, optarg); break;
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
	case 'v': o->verbose = true; break;
	case OPT_HELP:
		fputs(usage_text, stdout);
		exit(0);
	default:
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
	if (!o->kernel || !o->initrd || !o->rundir || !o->cache || !o->payload)
		fatal(VEX_USAGE, "--kernel, --initrd, --payload, --rundir and --cache are all needed");
	if (access(o->kernel, R_OK) || access(o->initrd, R_OK) || access(o->payload, R_OK))
		fatal(VEX_ENV, "cannot read kernel, initramfs or payload: %s", strerror(errno));
}

static void make_disks(struct opts *o)
{
	for (unsigned int i = 0; i < o->ndisks; i++) {
		struct disk *d = &o->disks[i];
		int err;

		if (!d->made)
			continue;
		d->file = xprintf("%s/%s.img", o->rundir, d->name);
		err = make_sparse(d->file, d->size);
		if (err)
			fatal(VEX_ENV, "%s: %s; make room on the host (./vex clean)", d->file,
			      strerror(-err));
	}
}

/* Only logs stay behind; images are sparse but can be large. */
void remove_images(const struct opts *o)
{
	for (unsigned int i = 0; i < MAX_DISKS; i++) {
		char *slot = xprintf("%s/slot%u.img", o->rundir, i + 1);

		unlink(slot);
		free(slot);
		if (i < o->ndisks && o->disks[i].made && !o->keep)
			unlink(o->disks[i].file);
	}
}

static void write_result(const struct vm *vm, enum vex_exit code)
{
	FILE *f = open_log(vm->o->rundir, "result");
	long long end = vm->done_ms ? vm->done_ms : now_ms();

	fprintf(f, "exit=%d\nlane=%s\naccel=%s\naccel_reason=%s\nscale=%u\nready_ms=%lld\ntotal_ms=%lld\nmessage=%s\nrunning=%s\n%s\n",
		code, vm->warm ? "warm" : "cold", vm->m->accel == ACCEL_KVM ? "kvm" : "tcg",
		vm->m->reason, vm->m->scale, vm->ready_ms ? vm->ready_ms - vm->started_ms : -1,
		end - vm->started_ms, vm->message, vm->done ? "" : vm->current, vm->verdict);
	if (ferror(f) || fclose(f))
		fatal(VEX_ENV, "cannot write %s/result; make room on the host (./vex clean)",
		      vm->o->rundir);
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
	qemu_start(&vm, state);
	if (state >= 0)
		close(state);
	code = supervise(&vm);
	*warm_failed = vm.warm && code == VEX_ENV && !vm.error && !vm.no_space;
	write_result(&vm, code);
	if (code != VEX_PASSED && vm.message[0] && !*warm_failed)
		fprintf(stderr, "    %s: %s\n", cause(code), vm.message);
	vm_close(&vm);
	return code;
}

int main(int argc, char **argv)
{
	struct opts o = { .memory_mb = 768, .cpus = 2, .idle_s = 30 };
	bool warm_failed = false;
	char why[512] = "";
	struct machine m = { 0 };
	enum vex_exit code;
	int state = -1;

	parse(&o, argc, argv);
	if (make_dirs(o.rundir))
		fatal(VEX_ENV, "cannot write to %s: %s", o.rundir, strerror(errno));
	vm_signals();
	find_machine(&m, &o);
	if (probe_only) {
		printf("accel=%s scale=%u tsc_khz=%u reason=%s\n", m.accel == ACCEL_KVM ? "kvm" : "tcg",
		       m.scale, m.tsc_khz, m.reason);
		return 0;
	}
	make_disks(&o);
	if (o.lane != LANE_COLD) {
		state = warm_open(&o, &m, why, sizeof(why));
		if (state < 0)
			say("cold boot: %s", why);
	}
	code = run_once(&o, &m, state, &warm_failed);
	if (warm_failed) {
		say("cold boot: the saved guest did not resume (see qemu.log)");
		code = run_once(&o, &m, -1, &warm_failed);
	}
	remove_images(&o);
	return code;
}
