// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexqmp: talk to the monitor of a running guest, for scripts. Each argument is one QMP command; its answer is
 * printed as QEMU sends it, one object per line.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../proto/proto.h"

static const char usage_text[] =
"usage: vexqmp RUNDIR [--until TEXT] COMMAND...\n"
"  COMMAND        a QMP object, or a command's bare name (query-status)\n"
"  --until TEXT   repeat the last command until its answer holds TEXT; an answer that holds \"failed\"\n"
"                 or \"cancelled\" ends it with 1\n"
"exit: 0 done, 1 QEMU refused a command, 2 usage, 5 no guest there, 6 no answer\n";

#define POLL_US		50000
#define ANSWER_S	60

static char *line;	/* of any length: query-qmp-schema fills 100 KB */
static size_t room;
static int monitor;	/* written to; the stream is for reading */

/* By way of the directory: see listen_in() of extra.c. */
static FILE *connect_to(const char *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/qmp.sock", at);
	if (fd < 0 || at < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		fprintf(stderr, "vexqmp: no monitor in %s: %s\n", dir, strerror(errno));
		exit(VEX_LOST);
	}
	close(at);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	monitor = fd;
	return fdopen(fd, "r");
}

/* The next answer in line; events pass by. Returns whether it is a success. */
static bool answer(FILE *f)
{
	while (getline(&line, &room, f) > 0) {
		/* The first key tells: an event begins with its time stamp, and an answer may speak of events. */
		if (!strncmp(line, "{\"return\"", 9))
			return true;
		if (!strncmp(line, "{\"error\"", 8))
			return false;
	}
	fprintf(stderr, "vexqmp: the guest is gone, or its monitor does not answer\n");
	exit(VEX_ENV);
}

static bool command(FILE *f, const char *text)
{
	if (text[0] == '{')
		dprintf(monitor, "%s\n", text);
	else
		dprintf(monitor, "{\"execute\":\"%s\"}\n", text);
	return answer(f);
}

int main(int argc, char **argv)
{
	const char *until = NULL;
	int i = 2;
	FILE *f;

	if (argc > 3 && !strcmp(argv[2], "--until")) {
		until = argv[3];
		i = 4;
	}
	if (argc <= i || argv[1][0] == '-') {
		fputs(usage_text, argc == 2 && !strcmp(argv[1], "--help") ? stdout : stderr);
		return argc == 2 && !strcmp(argv[1], "--help") ? 0 : VEX_USAGE;
	}
	f = connect_to(argv[1]);
	if (!f || getline(&line, &room, f) <= 0 || !strstr(line, "\"QMP\"") || !command(f, "qmp_capabilities")) {
		fprintf(stderr, "vexqmp: %s/qmp.sock does not speak QMP\n", argv[1]);
		return VEX_ENV;
	}
	for (; i < argc; i++) {
		bool ok = command(f, argv[i]);

		while (ok && until && i == argc - 1 && !strstr(line, until)) {
			ok = !strstr(line, "\"failed\"") && !strstr(line, "\"cancelled\"");
			usleep(POLL_US);
			ok = ok && command(f, argv[i]);
		}
		fputs(line, stdout);
		if (!ok)
			return 1;
	}
	return 0;
}
