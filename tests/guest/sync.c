// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=256M time=60
 *
 * What sync(2), fsync, fdatasync and a mount with "sync" send to the disk: every kind of sync
 * flushes its cache, also with nothing to commit; only those that need a commit make one.
 * The disk counts its flushes, jbd2 its transactions.
 */
#include <glob.h>

#include "tests/guest/guest.h"

static unsigned long number_in(const char *pattern, unsigned int field)
{
	unsigned long n = 0;
	glob_t g;
	FILE *f;

	if (glob(pattern, 0, NULL, &g) || g.gl_pathc != 1)
		ktap_bail("%zu files are %s", g.gl_pathc, pattern);
	f = fopen(g.gl_pathv[0], "r");
	for (; field; field--)
		if (!f || fscanf(f, "%lu", &n) != 1)
			ktap_bail("%s has no field %u more", pattern, field);
	fclose(f);
	globfree(&g);
	return n;
}

static unsigned long flushes(void)
{
	char p[100];

	snprintf(p, sizeof(p), "/sys/block/%s/stat", strrchr(guest_disk, '/') + 1);
	return number_in(p, 16);
}

/* The state of the journal's thread, as in /proc/PID/stat. */
static char committer(void)
{
	char comm[40], line[400], *state = NULL;
	glob_t g;

	snprintf(comm, sizeof(comm), "(jbd2/%s", strrchr(guest_disk, '/') + 1);
	if (glob("/proc/[0-9]*/stat", 0, NULL, &g))
		ktap_bail("no processes in /proc");
	for (size_t i = 0; i < g.gl_pathc && !state; i++) {
		FILE *f = fopen(g.gl_pathv[i], "r");

		if (f && fgets(line, sizeof(line), f) && strstr(line, comm))
			state = strstr(line, ") ");
		if (f)
			fclose(f);
	}
	globfree(&g);
	if (!state)
		ktap_bail("no thread %s", comm);
	return state[2];
}

/* Whoever waits for a commit is woken before it is counted: the thread must have gone to sleep. */
static unsigned long commits(void)
{
	char p[100];

	while (committer() != 'S')
		usleep(1000);
	snprintf(p, sizeof(p), "/proc/fs/jbd2/%s*/info", strrchr(guest_disk, '/') + 1);
	return number_in(p, 1);
}

static int open_file(const char *name)
{
	int fd = open(guest_at(name), O_CREAT | O_RDWR, 0644);

	if (fd < 0)
		ktap_bail("open %s", name);
	return fd;
}

static void put(int fd, char c)
{
	if (pwrite(fd, &c, 1, 0) != 1)
		ktap_bail("write");
}

/* The file has dirty pages, and its inode is committed: only data are left to write. */
static int only_data(void)
{
	int fd = open_file("data"), other = open_file("other");

	put(fd, 'a');
	fsync(fd);
	put(fd, 'b');
	put(other, 'x');
	fsync(other);
	close(other);
	return fd;
}

static int by_sync(int fd) { (void)fd; sync(); return 0; }

static bool only_flushes(const char *what, int (*call)(int fd))
{
	int fd = only_data(), err;
	unsigned long f = flushes(), c = commits();

	err = call(fd);
	f = flushes() - f;
	c = commits() - c;
	ktap_note("%s: %lu flushes, %lu commits", what, f, c);
	close(fd);
	return !err && f == 1 && c == 0;
}

/* Overwriting changes the times, which fdatasync may leave behind. */
static unsigned long commits_of(int (*call)(int fd))
{
	int fd = only_data();
	unsigned long c;

	fsync(fd);
	usleep(50000);	/* or it is the same time */
	put(fd, 'c');
	c = commits();
	if (call(fd))
		ktap_bail("sync");
	close(fd);
	return commits() - c;
}

static int grow(int fd) { return pwrite(fd, "long", 4, 10000) == 4 ? fdatasync(fd) : -1; }

static unsigned long of_chmod(void)
{
	unsigned long c;

	sync();
	c = commits();
	if (chmod(guest_at("data"), c % 2 ? 0600 : 0640))
		ktap_bail("chmod");
	return commits() - c;
}

int main(void)
{
	ktap_plan(10);
	guest_setup();
	ktap(guest_mkfs("") == 0 && guest_mount(NULL) == 0, "mkfs and mount");

	ktap(only_flushes("sync", by_sync), "sync(2) flushes data that no commit covers");
	ktap(only_flushes("syncfs", syncfs), "and so does syncfs(2)");
	ktap(only_flushes("fsync", fsync), "fsync of such data is a flush");
	ktap(only_flushes("fdatasync", fdatasync), "and so is fdatasync");

	ktap(commits_of(fsync) == 1, "fsync after an overwrite commits the times");
	ktap(commits_of(fdatasync) == 0, "fdatasync after an overwrite does not");
	ktap(commits_of(grow) == 1, "but commits a new size");

	ktap(of_chmod() == 0, "chmod is not committed at once");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_SYNCHRONOUS, NULL))
		ktap_bail("remount with sync");
	ktap(of_chmod() == 1, "on a mount with \"sync\" it is");
	umount(guest_mnt);
	return ktap_exit();
}
