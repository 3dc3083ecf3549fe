// SPDX-License-Identifier: GPL-2.0-only
/*
 * User-Mode Linux: streams are serial lines that the kernel's command line names, in place of virtio ports;
 * the shared directory is hostfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "init.h"

/* The device behind a stream: vex.ports=NAME:DEVICE,... on the command line. False where there is none: QEMU. */
bool uml_port(const char *name, char *dev, size_t size)
{
	char line[4096], *list, *port;

	if (read_file("/proc/cmdline", line, sizeof(line)) <= 0)
		return false;
	list = strstr(line, VEX_PORTS_ARG);
	if (!list)
		return false;
	list += strlen(VEX_PORTS_ARG);
	list[strcspn(list, " \n")] = 0;
	for (port = strtok(list, ","); port; port = strtok(NULL, ",")) {
		char *colon = strchr(port, ':');

		if (!colon)
			continue;
		*colon = 0;
		if (strcmp(port, name))
			continue;
		snprintf(dev, size, "/dev/%s", colon + 1);
		return true;
	}
	return false;
}

/* A line carries bytes as they are: no echo, no editing, no line ends. */
int uml_open_line(const char *dev)
{
	int fd = open(dev, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd < 0 || tcgetattr(fd, &t))
		die("open %s: %s", dev, strerror(errno));
	cfmakeraw(&t);
	if (tcsetattr(fd, TCSANOW, &t))
		die("%s cannot be made raw: %s", dev, strerror(errno));
	return fd;
}

static bool read_all(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

static void unpack_frames(int from, int to)
{
	unsigned char head[2];
	static char data[65536];

	while (read_all(from, head, sizeof(head))) {
		size_t len = head[0] | head[1] << 8;

		if (len == 0 || !read_all(from, data, len))
			return;
		write_all(to, data, len);
	}
}

/*
 * A serial line has no end of file but the hang-up, which throws away what was not read yet. So the
 * launcher frames its stdin (proto.h), and this process turns it into a pipe that ends.
 */
int uml_stdin(int port)
{
	char dev[64];
	int fds[2];
	pid_t pid;

	if (!uml_port(VEX_PORT_IN, dev, sizeof(dev)))
		return port;
	if (pipe2(fds, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		close(fds[0]);
		unpack_frames(port, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}
