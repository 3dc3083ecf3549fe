// SPDX-License-Identifier: GPL-2.0-only
/*
 * The little of QMP that is needed. QEMU sends one object per line, so finding a key in a line is
 * enough here; nothing but QEMU's own answers is read.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm.h"

void qmp_line(struct vm *vm, const char *line)
{
	fprintf(vm->qmp_log, "%s\n", line);
	fflush(vm->qmp_log);
	if (strstr(line, "\"event\"")) {
		if (strstr(line, "\"BLOCK_IO_ERROR\"") && strstr(line, "\"nospace\": true"))
			vm->no_space = true;
		debug_event(vm, line);
		if (strstr(line, "\"GUEST_PANICKED\""))
			vm->panicked = true;
	} else if (strstr(line, "\"return\"") || strstr(line, "\"error\"")) {
		/* In the order of the commands: without counting, a late answer would pass for the next one's. */
		if (vm->qmp_owed > 0) {
			vm->qmp_owed--;
			return;
		}
		snprintf(vm->reply, sizeof(vm->reply), "%s", line);
	}
}

static bool qmp_send(struct vm *vm, const char *text, int pass_fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)text, .iov_len = strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pass_fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	return sendmsg(vm->fd[P_QMP], &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len;
}

/* Sends one command and serves the machine until its answer is there. */
bool qmp_command(struct vm *vm, int pass_fd, const char *json, ...)
{
	long long deadline = now_ms() + scaled(vm, 30);
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, json);
	n = vsnprintf(text, sizeof(text) - 1, json, ap);
	va_end(ap);
	if (n >= (int)sizeof(text) - 1)
		return false;
	strcat(text, "\n");
	vm->reply[0] = 0;
	if (vm->fd[P_QMP] < 0 || !qmp_send(vm, text, pass_fd))
		return false;
	while (!vm->reply[0] && !vm->dead && !vm->interrupted && now_ms() < deadline)
		vm_poll(vm, 50);
	if (!vm->reply[0])
		vm->qmp_owed++;
	return strstr(vm->reply, "\"return\"") != NULL;
}
