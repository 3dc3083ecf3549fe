// SPDX-License-Identifier: GPL-2.0-only
/* What a guest has only when asked: a graphics card, a window on this host, a monitor for scripts. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vm.h"

static int monitor_fd = -1;

/* The card is part of the machine; the window is not. */
void screen_args(struct argv *a, const struct opts *o)
{
	arg(a, "-vga");
	arg(a, o->screen ? "std" : "none");
}

/* Bound by way of the directory: a path of a deep checkout is longer than a socket's address may be. */
static int listen_in(const char *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/qmp.sock", at);
	unlink(addr.sun_path);
	if (fd < 0 || at < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		fatal(VEX_ENV, "%s/qmp.sock: %s", dir, strerror(errno));
	close(at);
	return fd;
}

void extra_args(struct argv *a, const struct opts *o)
{
	arg(a, "-display");
	arg(a, o->window ? "gtk,zoom-to-fit=off" : "none");
	if (!o->monitor)
		return;
	monitor_fd = listen_in(o->rundir);
	fcntl(monitor_fd, F_SETFD, 0);
	arg(a, "-chardev");
	arg(a, "socket,id=scripts,fd=%d,server=on,wait=off", monitor_fd);
	arg(a, "-mon");
	arg(a, "chardev=scripts,mode=control");
}

void extra_release(void)
{
	if (monitor_fd >= 0)
		close(monitor_fd);
	monitor_fd = -1;
}

void extra_remove(const struct opts *o)
{
	char *path = xprintf("%s/qmp.sock", o->rundir);

	unlink(path);
	free(path);
}
