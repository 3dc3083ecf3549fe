// SPDX-License-Identifier: GPL-2.0-only
/*
 * --share DIR: a host directory in the guest, by virtiofs, or by QEMU's own 9p server where virtiofsd cannot
 * run (without root, or not installed) or --share-9p asks for it. Cold lane only: QEMU cannot save a
 * guest with either mounted. Debian 12 ships virtiofsd inside its QEMU packages.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

static const char *const daemons[] = { "/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd" };

static int share_fd = -1;

static const char *find_daemon(void)
{
	for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++)
		if (!access(daemons[i], X_OK))
			return daemons[i];
	return NULL;
}

/* Which of the two it is, with the reason when it is not the one that was hoped for. */
void share_choose(struct opts *o)
{
	if (!o->share || o->share_9p)
		return;
	if (geteuid() == 0 && find_daemon())
		return;
	say("--share by 9p: %s", geteuid() ? "Debian 12's virtiofsd runs only as root" :
	    "virtiofsd is missing (package qemu-system-common)");
	o->share_9p = true;
}

/* virtiofsd's -o is a list: a comma in a value has a backslash before it. */
static char *escaped(const char *path)
{
	char *out = calloc(2, strlen(path) + 1), *p = out;

	if (!out)
		_exit(127);
	for (; *path; *p++ = *path++)
		if (*path == ',' || *path == '\\')
			*p++ = '\\';
	return out;
}

static void exec_daemon(const char *daemon, const struct vm *vm, int fd, pid_t parent)
{
	char *log = xprintf("%s/virtiofsd.log", vm->o->rundir);
	int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	child_begin(parent, out, out);
	fcntl(fd, F_SETFD, 0);
	execl(daemon, daemon, "-f", xprintf("--fd=%d", fd), "-o", xprintf("source=%s", escaped(vm->o->share)),
	      "-o", "sandbox=chroot", (char *)NULL);
	_exit(127);
}

/*
 * virtiofsd accepts a connection on a listening socket it inherits; we make that connection for QEMU, over
 * an address of the kernel's choice in the abstract name space. So there is no socket file to leave behind.
 */
static int connect_self(int listener)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(listener, (struct sockaddr *)&addr, sizeof(sa_family_t)) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&addr, &len) ||
	    connect(fd, (struct sockaddr *)&addr, len))
		fatal(VEX_ENV, "socket for virtiofsd: %s", strerror(errno));
	return fd;
}

/* virtiofsd ends when QEMU, its only client, does. */
void share_start(struct vm *vm)
{
	pid_t parent = getpid();
	int listener;

	if (!vm->o->share || vm->o->share_9p)
		return;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		fatal(VEX_ENV, "socket: %s", strerror(errno));
	share_fd = connect_self(listener);
	vm->share_pid = fork();
	if (vm->share_pid == 0)
		exec_daemon(find_daemon(), vm, listener, parent);
	close(listener);
	fcntl(share_fd, F_SETFD, 0);
}

/* QEMU has its copy now; ours would keep virtiofsd waiting after QEMU's end. */
void share_release(void)
{
	if (share_fd >= 0)
		close(share_fd);
	share_fd = -1;
}

void share_args(struct argv *a, const struct vm *vm)
{
	char *path;

	if (!vm->o->share)
		return;
	if (vm->o->share_9p) {
		path = double_commas(vm->o->share);
		/* mapped-xattr without root: owners and modes live in attributes, as the guest sees them. */
		arg(a, "-fsdev");
		arg(a, "local,id=fs,path=%s,security_model=%s,multidevs=remap", path,
		    geteuid() ? "mapped-xattr" : "passthrough");
		arg(a, "-device");
		arg(a, "virtio-9p-pci,fsdev=fs,mount_tag=share");
		free(path);
		return;
	}
	arg(a, "-object");
	arg(a, "memory-backend-memfd,id=ram,size=%uM,share=on", vm->o->memory_mb);
	arg(a, "-chardev");
	arg(a, "socket,id=fs,fd=%d", share_fd);
	arg(a, "-device");
	arg(a, "vhost-user-fs-pci,chardev=fs,tag=share");
}
