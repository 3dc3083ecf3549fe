// SPDX-License-Identifier: GPL-2.0
/* What running a converter and running an embedder share. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/vexctl/program.h"

bool program_find(const char *name, char program[PROGRAM_MAX])
{
	const char *p = getenv("PATH"), *end;
	int n;

	for (p = p ? p : "/usr/bin:/bin"; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, ':');
		if (*p != '/')
			continue;
		n = snprintf(program, PROGRAM_MAX, "%.*s/%s", (int)(end - p), p, name);
		if (n > 0 && n < PROGRAM_MAX && !access(program, X_OK))
			return true;
	}
	return false;
}

int program_kill(pid_t pid)
{
	int status = 0;
	siginfo_t info;

	/* the name of the group stays taken until the leader is waited for */
	kill(-pid, SIGKILL);
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}
