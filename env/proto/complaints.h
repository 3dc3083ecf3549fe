/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel says when something is wrong with it. init reads its own log for it; the launcher watches the
 * console, for a guest that sends no verdict (power cut, image) and for what init's reader lost.
 */
#ifndef VEX_COMPLAINTS_H
#define VEX_COMPLAINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A task that has not run for two minutes: what waits for it need not be waited for. */
#define VEX_HUNG_TASK "blocked for more than"

/* Anywhere in a line of the log. tests/env/oracles.sh provokes each kind. */
static const char *const vex_complaints[] = {
	/* WARN(), lockdep ("possible circular locking"), RCU ("suspicious RCU usage"), sanitizers, lockups */
	"WARNING: ", "BUG: ", "kernel BUG at", "Oops: ", "general protection fault", "KASAN: ", "KCSAN: ", "UBSAN: ",
	"possible recursive locking", "possible circular locking", "suspicious RCU usage", "inconsistent lock state",
	"trying to register non-static key", "sleeping function called from invalid context",
	VEX_HUNG_TASK, "detected stalls on CPUs", "self-detected stall",
	/* memory: counters, slabs, lists, objects, leaks, what a module leaves behind */
	"refcount_t: ", "Objects remaining in", "unreferenced object", "new suspected memory leaks", "ODEBUG: ",
	"list_add corruption", "list_del corruption", "list_add double add", "Poison overwritten", "Redzone overwritten",
	"Object already free", "Bad page state", "cannot create duplicate filename", "Busy inodes after unmount",
};

/* What waits for these waits for nothing. */
static inline bool vex_is_stall(const char *text)
{
	return strstr(text, "soft lockup") || strstr(text, "hard LOCKUP") || strstr(text, "detected stalls on CPUs") ||
	       strstr(text, "self-detected stall") || strstr(text, VEX_HUNG_TASK);
}

/* text: one line of the log without its time. */
static inline bool vex_is_complaint(const char *text)
{
	/* SLUB: "BUG vexfs_inode (Not tainted): Object padding overwritten" */
	if (!strncmp(text, "BUG ", 4))
		return true;
	for (size_t i = 0; i < sizeof(vex_complaints) / sizeof(vex_complaints[0]); i++)
		if (strstr(text, vex_complaints[i]))
			return true;
	return false;
}

#endif
