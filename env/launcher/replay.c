// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run that can be had again: QEMU counts instructions, one processor at a time, and writes down what is not
 * determined by them (timers, completions of I/O). Replayed from the same files it takes the same course to the same
 * end, as often as wanted, also under a debugger. For that
 *   - the guest is told nothing while it runs: "go" is on its command line, its stdin is empty;
 *   - what it says goes to files, which take any amount: a stream that is full would be an event of its own;
 *   - its disks are overlays of files that nobody changes, under QEMU's blkreplay;
 *   - a device does its work when the guest asks for it (no ioeventfd), not when a thread of QEMU gets to it.
 * A recording is a directory: kernel, initramfs and payload (env/lib/replay.sh puts them there), and from here
 *   events.rr	QEMU's log
 *   append	the kernel's command line, whole
 *   qemu	which QEMU it was: another one's devices are not the same
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

/* Time limits: one processor that counts its instructions is slower, and one that follows a log more so. */
#define RECORD_SLOWER	2
#define REPLAY_SLOWER	6
#define LOG_LOOK_MS	2000
#define LOG_STUCK_MS	60000	/* a timer's tick or a read of the clock is in the log, too: milliseconds pass between two */
#define FDS_MAX		256	/* of QEMU; it opens its log early */

static const char *recording(const struct opts *o)
{
	return o->replay ? o->replay : o->record;
}

bool replay_wanted(const struct opts *o)
{
	return o->record || o->replay;
}

/* What has no place in a recording; before anything is started. */
void replay_check(struct opts *o)
{
	const char *what = o->uml ? "User-Mode Linux" : o->image ? "--image" : !o->arch->native ? "another --arch" :
		o->accel == ACCEL_KVM ? "--accel kvm" : o->lane == LANE_WARM ? "--lane warm" :
		o->cpus > 1 ? "more than one processor" : o->share ? "--share" : o->kgdb ? "--kgdb" :
		o->dump ? "--dump" : o->nforwards ? "--forward" : o->screen ? "--screen" :
		o->io == IO_TTY ? "--io tty" : NULL;

	if (!replay_wanted(o))
		return;
	if (o->record && o->replay)
		fatal(VEX_USAGE, "--record or --replay, not both");
	if (what)
		fatal(VEX_USAGE, "a run with %s cannot be recorded or replayed", what);
	for (unsigned int i = 0; i < o->ndisks; i++)
		if (o->disks[i].network)
			fatal(VEX_USAGE, "--disk %s is on the network: only a file can be copied into a recording",
			      o->disks[i].name);
	o->accel = ACCEL_TCG;
	o->lane = LANE_COLD;
	o->cpus = 1;
}

/* The first line of a file of the recording; the caller frees it. */
static char *read_text(const char *dir, const char *name)
{
	char *path = xprintf("%s/%s", dir, name), *text = NULL;
	FILE *f = fopen(path, "re");
	size_t size = 0;

	if (!f || getdelim(&text, &size, 0, f) <= 0)
		fatal(VEX_USAGE, "%s is not a whole recording: %s: %s", dir, name, f ? "empty" : strerror(errno));
	text[strcspn(text, "\n")] = 0;
	fclose(f);
	free(path);
	return text;
}

static void write_text(const char *dir, const char *name, const char *text)
{
	FILE *f = open_log(dir, name);

	fputs(text, f);
	if (ferror(f) || fclose(f))
		fatal(VEX_ENV, "cannot write %s/%s; make room on the host (./vex clean)", dir, name);
}

/* Before the machine is put together: the version is that of the recording, the limits are longer. */
void replay_begin(const struct opts *o, struct machine *m)
{
	if (o->record) {
		m->scale *= RECORD_SLOWER;
		write_text(o->record, "qemu", qemu_version(o->arch));
	} else if (o->replay) {
		char *was = read_text(o->replay, "qemu");

		m->scale *= REPLAY_SLOWER;
		if (strcmp(was, qemu_version(o->arch)))
			fatal(VEX_USAGE, "%s was recorded by '%s'; here is '%s', and only the same can replay it: "
			      "install that one, or name it in VEX_QEMU", o->replay, was, qemu_version(o->arch));
		free(was);
	}
}

/* The kernel's command line: @words, and what the host would have said at "go". The caller frees it. */
char *replay_append(const struct opts *o, const struct machine *m, const char *words)
{
	char go[1024], *all;

	if (o->replay)
		return read_text(o->replay, "append");
	go_line(o, m, go, sizeof(go));
	go[strcspn(go, "\n")] = 0;
	all = xprintf("%s " VEX_GO_ARG "%s\"", words, go);
	write_text(o->record, "append", all);
	return all;
}

void replay_args(struct argv *a, const struct opts *o)
{
	char *log = double_commas(recording(o));

	arg(a, "-icount");
	arg(a, "shift=auto,rr=%s,rrfile=%s/events.rr", o->record ? "record" : "replay", log);
	arg(a, "-global");
	arg(a, "virtio-blk-pci.ioeventfd=off");
	arg(a, "-global");
	arg(a, "virtio-serial-pci.ioeventfd=off");
	free(log);
}

/* Stacked below the device's drive "d@slot": the file is only read. */
void replay_disk_args(struct argv *a, unsigned int slot, const char *file, const char *format, bool read_only)
{
	arg(a, "-drive");
	arg(a, "file=%s,format=%s,if=none,id=r%u,snapshot=on", file, format, slot);
	arg(a, "-drive");
	arg(a, "driver=blkreplay,if=none,image=r%u,id=d%u%s", slot, slot, read_only ? ",readonly=on" : "");
}

/*
 * A stream of the guest as a file without a name, which QEMU opens by *@theirs; returns our descriptor, which reads
 * what is there so far. Both are -1 for the stream that only we would speak on.
 */
int replay_port(struct argv *a, const struct opts *o, const char *id, bool input, int *theirs)
{
	char *path;
	int fd;

	*theirs = -1;
	arg(a, "-chardev");
	if (input) {
		arg(a, "null,id=%s", id);
		return -1;
	}
	path = xprintf("%s/port.XXXXXX", o->rundir);
	fd = mkostemp(path, O_CLOEXEC);
	*theirs = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (*theirs < 0)
		fatal(VEX_ENV, "%s: %s", path, strerror(errno));
	unlink(path);
	free(path);
	arg(a, "file,id=%s,path=/proc/self/fd/%d", id, *theirs);
	return fd;
}

/*
 * A replay that ended without a verdict. In order: the log is through, and the recorded run was ended there, for a hang
 * or at a marker; that is what became of this one, too.
 */
enum vex_exit replay_loss(struct vm *vm)
{
	char *was = read_text(vm->o->replay, "result");
	unsigned int code = VEX_LOST;

	if (!WIFEXITED(vm->wait_status) || WEXITSTATUS(vm->wait_status))
		snprintf(vm->message, sizeof(vm->message), "the replay left the course of the recording (see qemu.log)");
	else if (sscanf(was, "exit=%u", &code) == 1 && code != VEX_PASSED)
		snprintf(vm->message, sizeof(vm->message), "the recording ends here");
	free(was);
	return code;
}

/* How far QEMU has read its log, by the descriptor it has of it; -1: unknown. */
static long long log_read(const struct vm *vm)
{
	char want[PATH_MAX], path[64], line[64];
	long long pos = -1;
	struct stat log, st;
	FILE *f;

	snprintf(want, sizeof(want), "%s/events.rr", vm->o->replay);
	if (stat(want, &log))
		return -1;
	for (int fd = 3; fd < FDS_MAX; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)vm->pid, fd);
		if (stat(path, &st) || st.st_dev != log.st_dev || st.st_ino != log.st_ino)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)vm->pid, fd);
		f = fopen(path, "re");
		if (!f || !fgets(line, sizeof(line), f) || sscanf(line, "pos: %lld", &pos) != 1)
			pos = -1;
		if (f)
			fclose(f);
		break;
	}
	return pos;
}

bool replay_is_stuck(struct vm *vm)
{
	long long now = now_ms(), pos;

	if (!vm->o->replay || now - vm->log_asked_ms < LOG_LOOK_MS)
		return false;
	pos = log_read(vm);
	/* The first time, or after a debugger held the guest: the clock starts now. */
	if (pos < 0 || pos != vm->log_pos || now - vm->log_asked_ms > 5 * LOG_LOOK_MS)
		vm->log_moved_ms = now;
	vm->log_pos = pos;
	vm->log_asked_ms = now;
	if (now - vm->log_moved_ms < LOG_STUCK_MS)
		return false;
	snprintf(vm->message, sizeof(vm->message),
		 "the replay left the course of the recording: it has read nothing of it for %d s", LOG_STUCK_MS / 1000);
	return true;
}

/* QEMU holds the end of its log back: it is to end by itself. */
void replay_end(struct vm *vm)
{
	long long until = now_ms() + scaled(vm, 10);

	if (!vm->o->record || vm->dead || !qmp_command(vm, -1, "{\"execute\":\"quit\"}"))
		return;
	while (!vm->dead && now_ms() < until)
		vm_poll(vm, 50);
}
