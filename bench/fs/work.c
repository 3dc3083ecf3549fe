// SPDX-License-Identifier: GPL-2.0
/*
 * The workload of bench/fs, run in a guest as root:
 *
 *	work list		names of rows and their labels
 *	work DIR ROW		do it in a new directory of DIR; prints the nanoseconds of its timed part
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "work.h"

static unsigned long long state;

unsigned long rnd(unsigned long n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % n;
}

void must(bool ok, const char *what)
{
	if (!ok)
		err(1, "%s", what);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) && errno != ENOENT)
		err(1, "remove %s", path);
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	must(fd >= 0 && write(fd, "3", 1) == 1, "drop_caches");
	close(fd);
}

static const struct row *find(const char *name)
{
	const struct row *r;

	for (r = name_rows; r->name; r++)
		if (!strcmp(r->name, name))
			return r;
	for (r = data_rows; r->name; r++)
		if (!strcmp(r->name, name))
			return r;
	errx(2, "unknown row '%s'", name);
}

static void list(const struct row *r)
{
	for (; r->name; r++)
		printf("%s %s\n", r->name, r->label);
}

int main(int argc, char **argv)
{
	const struct row *r;
	double start;

	if (argc == 2 && !strcmp(argv[1], "list")) {
		list(name_rows);
		list(data_rows);
		return 0;
	}
	if (argc != 3)
		errx(2, "usage: work list | work DIR ROW");
	r = find(argv[2]);
	must(!chdir(argv[1]), argv[1]);
	remove_tree("work");
	must(!mkdir("work", 0755) && !chdir("work"), "mkdir work");
	if (r->prepare)
		r->prepare();
	sync();
	if (r->cold)
		drop_caches();
	start = now();
	r->run();
	printf("%.0f\n", now() - start);
	must(!chdir(".."), "chdir");
	remove_tree("work");
	sync();
	return 0;
}
