/* SPDX-License-Identifier: GPL-2.0 */
/* Does a process with this command line exist? */
#ifndef PROCS_H
#define PROCS_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool runs(const char *command)
{
	char path[300], line[300];
	DIR *d = opendir("/proc");
	struct dirent *e;
	bool found = false;
	size_t n, i;
	FILE *f;

	while (!found && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		n = fread(line, 1, sizeof(line) - 1, f);
		fclose(f);
		for (i = 0; i + 1 < n; i++)
			line[i] = line[i] ? line[i] : ' ';
		line[n] = '\0';
		found = !strcmp(line, command);
	}
	closedir(d);
	return found;
}

/* What was killed takes a moment. */
static bool ends(const char *command)
{
	int tries;

	for (tries = 0; tries < 1000 && runs(command); tries++)
		usleep(10000);
	return !runs(command);
}

#endif /* PROCS_H */
