// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory limit of this process: the smallest of its cgroup and of all above it, in both versions of the interface.
 * In a container the files of the groups above its own may be out of sight; those that can be read count.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vm.h"

#define NO_LIMIT (~0ull)

/* Where a hierarchy is mounted, which part of it, and the name of its file. */
struct hierarchy {
	char point[PATH_MAX];
	char root[PATH_MAX];
	const char *file;
};

static unsigned long long smaller(unsigned long long a, unsigned long long b)
{
	return a < b ? a : b;
}

/* "max", a missing file (the topmost group has none) and a number that does not fit: no limit. */
static unsigned long long limit_of(const char *dir, const char *file)
{
	char *path = xprintf("%s/%s", dir, file);
	FILE *f = fopen(path, "re");
	unsigned long long bytes = NO_LIMIT;

	free(path);
	if (!f)
		return NO_LIMIT;
	if (fscanf(f, "%llu", &bytes) != 1)
		bytes = NO_LIMIT;
	fclose(f);
	return bytes;
}

/* A comma-separated list of mount options or controllers has the word. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);
	const char *p;

	for (p = list; *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, word, len) && (!p[len] || p[len] == ',' || p[len] == '\n'))
			return true;
	return false;
}

/* mountinfo writes blanks and backslashes in octal: proc_pid_mountinfo(5). */
static void unescape(char *s)
{
	unsigned int code;
	char *to = s;

	for (; *s; s++) {
		if (sscanf(s, "\\%3o", &code) == 1) {
			*to++ = (char)code;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

/* One line of mountinfo: the hierarchy of version 2, or version 1's with the controller for memory. */
static bool memory_mount(const char *line, bool v2, struct hierarchy *h)
{
	const char *tail = strstr(line, " - ");
	char type[32], options[512];

	if (!tail || sscanf(tail, " - %31s %*s %511s", type, options) != 2)
		return false;
	if (strcmp(type, v2 ? "cgroup2" : "cgroup") || (!v2 && !has_word(options, "memory")))
		return false;
	if (sscanf(line, "%*s %*s %*s %4095s %4095s", h->root, h->point) != 2)
		return false;
	unescape(h->root);
	unescape(h->point);
	h->file = v2 ? "memory.max" : "memory.limit_in_bytes";
	return true;
}

static bool find_mount(bool v2, struct hierarchy *h)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (f && !found && getline(&line, &size, f) > 0)
		found = memory_mount(line, v2, h);
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* The smallest limit from the group @group (as /proc/self/cgroup has it) up to the top of what is mounted. */
static unsigned long long limit_up(const struct hierarchy *h, const char *group)
{
	size_t root = strcmp(h->root, "/") ? strlen(h->root) : 0, top = strlen(h->point);
	unsigned long long least = NO_LIMIT;
	char *path, *slash;

	/* A group outside the mounted part: all that can be seen is the top. */
	if (strncmp(group, h->root, root) || (root && group[root] && group[root] != '/') || strstr(group, "/..")) {
		group = "";
		root = 0;
	}
	path = xprintf("%s%s", h->point, group + root);
	for (;;) {
		least = smaller(least, limit_of(path, h->file));
		slash = strrchr(path, '/');
		if (!slash || (size_t)(slash - path) < top)
			break;
		*slash = 0;
	}
	free(path);
	return least;
}

/* One line of /proc/self/cgroup: "ID:CONTROLLERS:GROUP", version 2 without controllers. */
static unsigned long long line_limit(char *line)
{
	char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
	struct hierarchy h;
	bool v2;

	if (!group)
		return NO_LIMIT;
	*group++ = 0;
	group[strcspn(group, "\n")] = 0;
	v2 = !controllers[1];
	if ((!v2 && !has_word(controllers + 1, "memory")) || !find_mount(v2, &h))
		return NO_LIMIT;
	return limit_up(&h, group);
}

/**
 * cgroup_mb() - memory that the cgroups of this process allow
 *
 * Return: megabytes; ULLONG_MAX without a limit.
 */
unsigned long long cgroup_mb(void)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	unsigned long long least = NO_LIMIT;
	char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0)
		least = smaller(least, line_limit(line));
	free(line);
	if (f)
		fclose(f);
	return least == NO_LIMIT ? NO_LIMIT : least >> 20;
}
