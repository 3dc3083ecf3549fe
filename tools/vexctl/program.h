/* SPDX-License-Identifier: GPL-2.0 */
/* Other programs that vexctl runs: converters, embedders. */
#ifndef VEXCTL_PROGRAM_H
#define VEXCTL_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#define PROGRAM_MAX	4096

/* Where PATH has @name; directories that are not named from the root do not count. */
bool program_find(const char *name, char program[PROGRAM_MAX]);
/* Kill the leader of a process group, and what it has started; its wait status. */
int program_kill(pid_t pid);

#endif /* VEXCTL_PROGRAM_H */
