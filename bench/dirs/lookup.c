// SPDX-License-Identifier: GPL-2.0
/*
 * Names in one directory, in a guest: made, looked up, listed. One line of output:
 * nanoseconds for each.
 *
 *	lookup DIR make N	N entries
 *	lookup DIR absent N K	K names that are not there: nothing but the directory is read
 *	lookup DIR present N K	K of the N, at random, once the caches have been dropped
 *	lookup DIR list N	all of them, once
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static unsigned long long rng = 88172645463325252ULL;

static unsigned long rnd(unsigned long n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (rng >> 33) % n;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void make(unsigned long n)
{
	char name[32];
	unsigned long i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "entry-%lu", i);
		if (mknod(name, S_IFREG | 0600, 0))
			err(1, "%s", name);
	}
}

static void look(const char *prefix, unsigned long n, unsigned long k, int want)
{
	char name[32];
	struct stat st;

	while (k--) {
		snprintf(name, sizeof(name), "%s-%lu", prefix, rnd(n));
		if ((lstat(name, &st) ? errno : 0) != want)
			err(1, "%s", name);
	}
}

static void list(unsigned long n)
{
	DIR *d = opendir(".");
	unsigned long seen = 0;

	if (!d)
		err(1, "opendir");
	while (readdir(d))
		seen++;
	closedir(d);
	if (seen != n + 2)
		errx(1, "%lu entries, not %lu", seen, n + 2);
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[2] : "";
	unsigned long n = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	unsigned long k = argc > 4 ? strtoul(argv[4], NULL, 0) : n;
	double start;

	if (!n || !k || chdir(argv[1]))
		errx(2, "usage: lookup DIR make|absent|present|list N [K]");
	rng += getpid();
	start = now();
	if (!strcmp(what, "make"))
		make(n);
	else if (!strcmp(what, "absent"))
		look("other", 1UL << 31, k, ENOENT);
	else if (!strcmp(what, "present"))
		look("entry", n, k, 0);
	else if (!strcmp(what, "list"))
		list(n);
	else
		errx(2, "unknown measurement '%s'", what);
	printf("%.0f\n", (now() - start) / k);
	return 0;
}
