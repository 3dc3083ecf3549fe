// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network of the guest's own (QEMU's user network: no rights needed, nothing of the host changed) and
 * the ports of this host that lead into it.
 *
 * Forwards are opened at run time, through QMP: QEMU itself binds the port, so "the first free one"
 * cannot be lost to another guest that starts at the same moment; and they are no part of what the guest
 * sees, so the warm lane serves any of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm.h"

#define FIRST_PORT	2222
#define PORTS_TO_TRY	200
#define SSH_PORT	22
/* A guest without a network leaves a connection hanging; a slow one takes its time to say its name. */
#define BANNER_MS	1000
#define BANNER_MAX_MS	16000

static void add_forward(struct opts *o, unsigned int host, unsigned int guest, bool any)
{
	if (o->nforwards == MAX_FORWARDS)
		fatal(VEX_USAGE, "at most %d forwarded ports", MAX_FORWARDS);
	o->forwards[o->nforwards++] = (struct forward){ .host = host, .guest = guest, .any = any };
}

/* HOST:GUEST, two TCP ports. */
void forward_option(struct opts *o, const char *text)
{
	unsigned int host, guest;
	int end = 0;

	if (sscanf(text, "%5u:%5u%n", &host, &guest, &end) != 2 || text[end] || !host || !guest ||
	    host > 65535 || guest > 65535)
		fatal(VEX_USAGE, "--forward %s: use HOSTPORT:GUESTPORT, like 8080:80", text);
	add_forward(o, host, guest, false);
}

void ssh_option(struct opts *o, const char *text)
{
	unsigned int port;
	int end = 0;

	if (!strcmp(text, "auto")) {
		add_forward(o, FIRST_PORT, SSH_PORT, true);
		return;
	}
	if (sscanf(text, "%5u%n", &port, &end) != 1 || text[end] || !port || port > 65535)
		fatal(VEX_USAGE, "--ssh-port %s: use auto or a port number", text);
	add_forward(o, port, SSH_PORT, false);
}

/* romfile=: no PXE, the guest boots from its disk. */
void net_args(struct argv *a, const struct opts *o)
{
	if (!o->nforwards && !o->image)
		return;
	arg(a, "-netdev");
	arg(a, "user,id=net0");
	arg(a, "-device");
	arg(a, "virtio-net-pci,netdev=net0,id=nic0,romfile=");
}

/* QEMU answers a monitor command of the human kind with its text: none means done. */
static bool open_port(struct vm *vm, unsigned int host, unsigned int guest)
{
	return qmp_command(vm, -1,
			   "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":"
			   "\"hostfwd_add net0 tcp:127.0.0.1:%u-:%u\"}}", host, guest) &&
	       !qmp_said(vm, NULL)[0];
}

static unsigned int find_port(struct vm *vm, const struct forward *f)
{
	unsigned int tries = f->any ? PORTS_TO_TRY : 1;

	for (unsigned int p = f->host; p < f->host + tries; p++)
		if (open_port(vm, p, f->guest))
			return p;
	return 0;
}

static void say_why(struct vm *vm, const struct forward *f)
{
	const char *said = qmp_said(vm, NULL);

	if (!strstr(said, "Could not set up"))
		snprintf(vm->message, sizeof(vm->message), "port %u cannot be forwarded: QEMU says '%.200s'", f->host,
			 said[0] ? said : qmp_refusal(vm));
	else if (f->any)
		snprintf(vm->message, sizeof(vm->message), "no free port from %u up on 127.0.0.1", f->host);
	else
		snprintf(vm->message, sizeof(vm->message),
			 "port %u is taken on this host; choose another one, or --ssh-port auto", f->host);
}

static char *ports_file(const struct opts *o)
{
	return xprintf("%s/ports", o->rundir);
}

/*
 * Opens every forward and lists them in the file "ports", one "HOST GUEST" a line. The file is locked as long as
 * this process lives: that is how ./vex ssh knows a running guest from one that was killed.
 */
bool net_open(struct vm *vm)
{
	char *path = ports_file(vm->o);
	int fd;

	if (!vm->o->nforwards && !vm->o->monitor) {
		free(path);
		return true;
	}
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || flock(fd, LOCK_EX))
		fatal(VEX_ENV, "%s: %s", path, strerror(errno));
	free(path);
	for (unsigned int i = 0; i < vm->o->nforwards; i++) {
		const struct forward *f = &vm->o->forwards[i];
		unsigned int port = find_port(vm, f);

		if (!port && vm->dead)
			return true;	/* QEMU did not start; that is the news */
		if (!port) {
			vm->error = true;
			say_why(vm, f);
			return false;
		}
		dprintf(fd, "%u %u\n", port, f->guest);
		if (vm->o->verbose || f->guest != SSH_PORT)
			say("127.0.0.1:%u leads to port %u of the guest", port, f->guest);
	}
	return true;
}

void net_close(const struct vm *vm)
{
	char *path = ports_file(vm->o);

	unlink(path);
	free(path);
}

static int ssh_forward(const struct vm *vm)
{
	char *path = ports_file(vm->o);
	FILE *f = fopen(path, "re");
	unsigned int host, guest, port = 0;

	while (f && fscanf(f, "%u %u", &host, &guest) == 2)
		if (guest == SSH_PORT)
			port = host;
	if (f)
		fclose(f);
	free(path);
	return port;
}

static int connect_port(unsigned int port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) && errno != EINPROGRESS) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/*
 * Whether the guest's sshd has said its name; called again and again. QEMU accepts a connection before the
 * guest does, so only the banner counts.
 */
bool net_ssh_answers(const struct vm *vm)
{
	static long long since, patience = BANNER_MS;
	static int fd = -1;
	char banner[4];
	ssize_t n;

	if (fd < 0) {
		if (now_ms() - since < BANNER_MS / 4)
			return false;
		since = now_ms();
		fd = connect_port(ssh_forward(vm));
		return false;
	}
	n = recv(fd, banner, sizeof(banner), 0);
	if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
		if (now_ms() - since < patience)
			return false;
		if (patience < BANNER_MAX_MS)
			patience *= 2;
	}
	close(fd);
	fd = -1;
	since = now_ms();
	return n == sizeof(banner) && !memcmp(banner, "SSH-", 4);
}
