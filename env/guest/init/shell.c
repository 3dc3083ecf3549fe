// SPDX-License-Identifier: GPL-2.0-only
/* A root shell: on hvc0 with job control when the host has a terminal, else on the pipe ports. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "init.h"

static int open_console(const struct job *job)
{
	struct winsize ws = { .ws_row = job->rows, .ws_col = job->cols };
	char dev[64] = "/dev/hvc0";
	int fd;

	uml_port(VEX_PORT_TTY, dev, sizeof(dev));
	fd = open(dev, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		die("open %s: %s", dev, strerror(errno));
	ioctl(fd, TIOCSWINSZ, &ws);
	return fd;
}

static pid_t spawn_shell(int in, int out, bool tty)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	setsid();
	signal(SIGPIPE, SIG_DFL);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (tty)
		ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	if (chdir("/root") && chdir("/"))
		_exit(126);
	setenv("PS1", "vexfs:\\w# ", 1);
	execl("/bin/sh", tty ? "-sh" : "sh", (char *)NULL);
	_exit(127);
}

int run_shell(const struct job *job)
{
	int in = in_fd, out = out_fd, status;

	if (job->setup) {
		status = run_script(job->setup, -1, out_fd);
		if (status)
			die("%s failed with status %d (its output is above)", job->setup, status);
	}
	if (job->tty)
		in = out = open_console(job);
	else
		in = uml_stdin(in);
	status = await_exit(spawn_shell(in, out, job->tty));
	if (job->tty)
		tcdrain(out);
	return status;
}
