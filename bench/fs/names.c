// SPDX-License-Identifier: GPL-2.0
/* Rows about names and small files. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

#define SMALL	2000	/* small files, in DIRS directories */
#define DIRS	20
#define BIG	8000	/* names in one directory */
#define SYNCED	150	/* files made with fsync */

static char buf[2048];

static const char *small(int i)
{
	static char p[40];

	snprintf(p, sizeof(p), "d%d/file-%d", i % DIRS, i);
	return p;
}

static const char *big(int i)
{
	static char p[40];

	snprintf(p, sizeof(p), "big/entry-%d", i);
	return p;
}

static void make(const char *name, size_t size, bool durable)
{
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);

	must(fd >= 0 && write(fd, buf, size) == (ssize_t)size && (!durable || !fsync(fd)), name);
	close(fd);
}

static void dirs(void)
{
	char p[20];

	for (int i = 0; i < DIRS; i++) {
		snprintf(p, sizeof(p), "d%d", i);
		must(!mkdir(p, 0755), p);
	}
}

static void create(void)
{
	for (int i = 0; i < SMALL; i++)
		make(small(i), sizeof(buf), false);
}

static void tree(void)
{
	dirs();
	create();
}

static void stats(void)
{
	struct stat st;

	for (int i = 0; i < SMALL; i++)
		must(!stat(small(i), &st), "stat");
}

static void warm_tree(void)
{
	tree();
	stats();
}

static void reads(void)
{
	for (int i = 0; i < SMALL; i++) {
		int fd = open(small(i), O_RDONLY);

		must(fd >= 0 && read(fd, buf, sizeof(buf)) == sizeof(buf), "read");
		close(fd);
	}
}

static void renames(void)
{
	char to[40];

	for (int i = 0; i < SMALL; i++) {
		snprintf(to, sizeof(to), "d%d/renamed-%d", (i + 1) % DIRS, i);
		must(!rename(small(i), to), "rename");
	}
}

static void unlinks(void)
{
	for (int i = 0; i < SMALL; i++)
		must(!unlink(small(i)), "unlink");
}

static void big_dir(void)
{
	must(!mkdir("big", 0755), "mkdir");
}

static void big_create(void)
{
	for (int i = 0; i < BIG; i++)
		must(!mknod(big(i), S_IFREG | 0644, 0), "mknod");
}

static void big_tree(void)
{
	big_dir();
	big_create();
}

static void big_lookup(void)
{
	struct stat st;

	for (int i = 0; i < BIG; i++)
		must(!stat(big((int)rnd(BIG)), &st), "stat");
}

static void big_list(void)
{
	DIR *d = opendir("big");
	int n = 0;

	must(d, "opendir");
	while (readdir(d))
		n++;
	closedir(d);
	must(n == BIG + 2, "readdir");
}

static void big_unlink(void)
{
	for (int i = 0; i < BIG; i++)
		must(!unlink(big(i)), "unlink");
}

static void create_durable(void)
{
	char p[20];

	for (int i = 0; i < SYNCED; i++) {
		snprintf(p, sizeof(p), "s%d", i);
		make(p, sizeof(buf), true);
	}
}

/* Every second file of the tree each. */
static void two_creators(void)
{
	int status = 0, half;
	pid_t pid;

	for (half = 0; half < 2; half++) {
		pid = fork();
		must(pid >= 0, "fork");
		if (pid)
			continue;
		for (int i = half; i < SMALL; i += 2)
			make(small(i), sizeof(buf), false);
		_exit(0);
	}
	for (half = 0; half < 2; half++)
		must(wait(&status) > 0 && !status, "the other process");
}

const struct row name_rows[] = {
	{ "create", "create small files", dirs, false, create },
	{ "stat_cold", "stat, cold", tree, true, stats },
	{ "stat_warm", "stat, warm", warm_tree, false, stats },
	{ "read_small", "read small files, cold", tree, true, reads },
	{ "rename", "rename small files", tree, false, renames },
	{ "unlink", "unlink small files", tree, false, unlinks },
	{ "big_create", "big directory: create", big_dir, false, big_create },
	{ "big_lookup", "big directory: lookup, cold", big_tree, true, big_lookup },
	{ "big_readdir", "big directory: readdir, cold", big_tree, true, big_list },
	{ "big_unlink", "big directory: unlink", big_tree, false, big_unlink },
	{ "create_fsync", "create + fsync", NULL, false, create_durable },
	{ "two_creators", "two processes creating", dirs, false, two_creators },
	{ }
};
