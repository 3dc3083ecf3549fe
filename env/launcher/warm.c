// SPDX-License-Identifier: GPL-2.0-only
/*
 * The warm lane: a guest that waits for "go" is saved once and resumed per run.
 *
 * The file is keyed by everything the saved state depends on: QEMU, its arguments, kernel, initramfs. The
 * payload and the test disks are none of it: the guest has read nothing from them when it is saved.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm.h"

#define KEEP_STATES	8	/* about 100 MB each */

/* What a saving that is under way has on the disk, and the state this run resumes. */
static struct opts base;
static char *half_saved, *empty, *state_path;

static uint64_t state_key(const struct opts *o, const struct machine *m)
{
	struct argv a = { 0 };
	uint64_t h = hash_string(HASH_START, qemu_version(o->arch));

	qemu_machine_args(&a, o, m);
	for (size_t i = 0; i < a.n; i++) {
		/* The content of these two counts, not where they lie. */
		if (a.v[i] != o->kernel && strcmp(a.v[i], o->kernel) && strcmp(a.v[i], o->initrd))
			h = hash_string(h, a.v[i]);
		free(a.v[i]);
	}
	free(a.v);
	h = hash_file(h, o->kernel);
	return hash_file(h, o->initrd);
}

static int by_age(const struct dirent **a, const struct dirent **b)
{
	struct stat x, y;

	if (stat((*a)->d_name, &x) || stat((*b)->d_name, &y))
		return 0;
	return x.st_mtime < y.st_mtime ? 1 : x.st_mtime > y.st_mtime ? -1 : 0;
}

static int is_state(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && !strcmp(dot, ".state");
}

/* Old states go when new ones come: rebuilt kernels and options would fill the cache otherwise. */
static void prune(const char *dir)
{
	struct dirent **list;
	int n, back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (back < 0 || chdir(dir))
		return;
	n = scandir(".", &list, is_state, by_age);
	for (int i = 0; i < n; i++) {
		if (i >= KEEP_STATES)
			unlink(list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	if (fchdir(back))
		fatal(VEX_ENV, "cannot return to the working directory: %s", strerror(errno));
	close(back);
}

/* Of a migration that QEMU has begun, or a command that it has refused. */
static const char *save_error(const struct vm *vm)
{
	const char *error = qmp_said(vm, "error-desc");

	return error[0] ? error : qmp_said(vm, "status")[0] ? "it gives no reason" : qmp_refusal(vm);
}

static bool migrate_to(struct vm *vm, int fd)
{
	long long deadline = now_ms() + 60000;

	if (!qmp_command(vm, -1, "{\"execute\":\"stop\"}") ||
	    !qmp_command(vm, -1, "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"max-bandwidth\":8589934592}}") ||
	    !qmp_command(vm, fd, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"}}") ||
	    !qmp_command(vm, -1, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"}}"))
		return false;
	while (now_ms() < deadline && !vm->dead && !vm->interrupted) {
		if (!qmp_command(vm, -1, "{\"execute\":\"query-migrate\"}"))
			return false;
		if (!strcmp(qmp_said(vm, "status"), "completed"))
			return true;
		if (!strcmp(qmp_said(vm, "status"), "failed"))
			return false;
		vm_poll(vm, 10);
	}
	return false;
}

/* A saving that was broken off leaves nothing; after one that was not there is only its logs. */
void warm_clean(void)
{
	if (!half_saved)
		return;
	remove_images(&base);
	unlink(empty);
	unlink(half_saved);
	free(half_saved);
	free(empty);
	half_saved = empty = NULL;
}

/* A state that did not resume once would fail every run from here on; the next one saves a new one. */
void warm_discard(void)
{
	if (state_path)
		unlink(state_path);
}

/* Boots a guest with empty disks, waits for "ready" and saves it under path. */
static bool save_state(const struct opts *o, const struct machine *m, const char *path, char *why,
		       size_t size)
{
	long long limit = 60000LL * m->scale / 100;
	struct vm vm;
	bool ok = false;
	int fd;

	base = *o;
	base.rundir = xprintf("%s/save", o->rundir);
	base.ndisks = 0;
	base.io = IO_NONE;
	base.gdb = base.console = NULL;
	base.show = SHOW_NONE;
	base.window = base.monitor = false;
	empty = xprintf("%s/empty.img", base.rundir);
	half_saved = xprintf("%s.%d", path, getpid());
	if (make_dirs(base.rundir) || make_sparse(empty, 1 << 30))
		fatal(VEX_ENV, "cannot write to %s: %s", base.rundir, strerror(errno));
	base.payload = empty;
	fd = open(half_saved, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		snprintf(why, size, "%s: %s", half_saved, strerror(errno));
		warm_clean();
		return false;
	}
	vm_init(&vm, &base, m);
	qemu_start(&vm, -1);
	while (!vm.ready && !vm.interrupted && now_ms() - vm.started_ms < limit)
		if (!vm_poll(&vm, 100))
			break;
	if (!vm.ready)
		snprintf(why, size, "the guest to be saved did not get ready (%s/console.log)", base.rundir);
	else if (!migrate_to(&vm, fd))
		snprintf(why, size, "QEMU could not save the guest: %.200s", save_error(&vm));
	else if (vm.warned[0])	/* every run that resumes it would find that in the kernel's log */
		snprintf(why, size, "the kernel of the guest to be saved complained: %.150s", vm.warned);
	else
		ok = true;
	vm_close(&vm);
	if (vm.interrupted)
		exit(VEX_INTERRUPTED);
	/* Its name must not outlive its content when the host loses power. */
	if (ok && (fsync(fd) || rename(half_saved, path))) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		ok = false;
	}
	close(fd);
	warm_clean();
	return ok;
}

/* One guest is saved at a time. Another run may be at it for a minute: wait so that Ctrl-C is heard. */
static int lock_cache(const char *dir)
{
	char *path = xprintf("%s/lock", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	bool told = false;

	free(path);
	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		if (!told)
			say("waiting for another run that saves a booted guest");
		told = true;
		vm_pause(200);
	}
	return fd;
}

/*
 * Returns an open state to resume, made first when there is none; -1 with the reason in why.
 * The lock makes two first runs wait for one boot in place of doing it twice.
 */
int warm_open(const struct opts *o, const struct machine *m, char *why, size_t size)
{
	char *dir = xprintf("%s/warm", o->cache);
	int fd, lock = -1;

	if (o->share) {
		snprintf(why, size, "a shared directory cannot be part of a saved guest");
		return -1;
	}
	for (unsigned int i = 0; i < o->ndisks; i++) {
		if (o->disks[i].network) {
			snprintf(why, size, "disk %s is on the network, the saved guest's are files", o->disks[i].name);
			return -1;
		}
		if (o->disks[i].read_only) {
			snprintf(why, size, "disk %s is read-only, the saved guest's are not",
				 o->disks[i].name);
			return -1;
		}
	}
	if (make_dirs(dir)) {
		snprintf(why, size, "%s is not writable", dir);
		return -1;
	}
	state_path = xprintf("%s/%016llx.state", dir, (unsigned long long)state_key(o, m));
	fd = open(state_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		lock = lock_cache(dir);
	if (fd < 0 && access(state_path, R_OK)) {
		say("saving a booted guest for the warm lane (once per kernel and set of options)");
		if (save_state(o, m, state_path, why, size))
			prune(dir);
	}
	if (fd < 0)
		fd = open(state_path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		futimens(fd, NULL);	/* used now: the last to be pruned */
	if (lock >= 0)
		close(lock);
	free(dir);
	return fd;
}

/* The saved guest knows its disks at 1 MiB; tell it the sizes of this run. */
bool warm_fix_disks(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->o->ndisks; i++)
		if (!qmp_command(vm, -1,
				 "{\"execute\":\"block_resize\",\"arguments\":{\"device\":\"d%u\",\"size\":%llu}}",
				 i + 1, (unsigned long long)vm->o->disks[i].size))
			return false;
	return true;
}
