// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240
 *
 * Stops the filesystem in the middle (the shutdown ioctl drops the journal's
 * running transaction and all dirty pages, as a power cut does), mounts again
 * and looks: what was fsynced is there byte for byte, what was not is there or
 * not but never garbage, and fsck finds nothing.
 */
#include <linux/types.h>
#include <sys/ioctl.h>

#include "tests/guest/guest.h"
#include "uapi/vexfs.h"

#define FILES		60
#define ROUNDS		8

/* A file's content is a function of its index and version: nothing to store. */
static int version[FILES];	/* last version written */
static int synced[FILES];	/* last version fsynced; 0: none */
static unsigned long long rng;

static unsigned int rnd(unsigned int n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(rng >> 33) % n;
}

static size_t size_of(int i, int v)
{
	return (size_t)(i * 7919 + v * 104729) % 50000 + 1;
}

static void content(int i, int v, unsigned char *buf, size_t n)
{
	for (size_t k = 0; k < n; k++)
		buf[k] = (unsigned char)(i * 31 + v * 17 + k * 7 + (k >> 8)) | 1;
}

static void path_of(int i, char *p, size_t size)
{
	snprintf(p, size, "%s/d%d/f%d", guest_mnt, i % 4, i);
}

/* Replace by rename, the way applications do: a new file, fsync, rename over. */
static const char *put(int i, bool sync)
{
	static unsigned char buf[60000];
	char p[512], tmp[560];
	int v = version[i] + 1, fd;
	size_t n = size_of(i, v);

	path_of(i, p, sizeof(p));
	snprintf(tmp, sizeof(tmp), "%s.new", p);
	content(i, v, buf, n);
	fd = open(tmp, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	if (fd < 0 || write(fd, buf, n) != (ssize_t)n)
		return "write";
	if (fsync(fd) || close(fd) || rename(tmp, p))
		return "fsync and rename";
	version[i] = v;
	if (!sync)
		return NULL;
	fd = open(p, O_RDONLY);
	if (fd < 0 || fsync(fd) || close(fd))
		return "fsync";
	synced[i] = v;
	return NULL;
}

/* In place and unsynced, to have dirty pages and half-done allocations around. */
static const char *scribble(void)
{
	static unsigned char junk[30000];
	char p[512];
	int fd;

	snprintf(p, sizeof(p), "%s/junk%u", guest_mnt, rnd(5));
	memset(junk, 0xff, sizeof(junk));
	fd = open(p, O_CREAT | O_WRONLY, 0644);
	if (fd < 0 || pwrite(fd, junk, sizeof(junk), rnd(200000)) < 0)
		return "scribble";
	if (rnd(3) == 0 && ftruncate(fd, rnd(100000)))
		return "truncate";
	close(fd);
	if (rnd(4) == 0)
		unlink(p);
	return NULL;
}

static const char *crash(void)
{
	__u32 how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	int fd = open(guest_mnt, O_RDONLY);

	if (fd < 0 || ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		return "shutdown ioctl";
	close(fd);
	if (umount(guest_mnt))
		return "unmount after the shutdown";
	return guest_mount(NULL) ? "mount after the crash" : NULL;
}

/* Which version is there? -1: garbage, 0: none. */
static int look(int i)
{
	static unsigned char got[60000], want[60000];
	char p[512];
	ssize_t n;
	int fd, v;

	path_of(i, p, sizeof(p));
	fd = open(p, O_RDONLY);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	n = read(fd, got, sizeof(got));
	close(fd);
	for (v = version[i]; v > 0; v--) {
		if (n != (ssize_t)size_of(i, v))
			continue;
		content(i, v, want, n);
		if (!memcmp(got, want, n))
			return v;
	}
	return -1;
}

/* Junk holds 0xff or zeros, whatever happened: never what a block held before. */
static const char *check_junk(void)
{
	static unsigned char b[300000];
	char p[512];

	for (int i = 0; i < 5; i++) {
		ssize_t n;
		int fd;

		snprintf(p, sizeof(p), "%s/junk%d", guest_mnt, i);
		fd = open(p, O_RDONLY);
		if (fd < 0)
			continue;
		n = read(fd, b, sizeof(b));
		close(fd);
		for (ssize_t k = 0; k < n; k++)
			if (b[k] != 0 && b[k] != 0xff)
				return "a file shows another file's old content";
	}
	return NULL;
}

static const char *check_files(void)
{
	for (int i = 0; i < FILES; i++) {
		int v = look(i);

		if (v < 0)
			return "a file is torn";
		if (v < synced[i])
			return "a fsynced version is lost";
		version[i] = v;		/* go on from what survived */
		synced[i] = v;
	}
	return check_junk();
}

static const char *round_of_work(void)
{
	const char *what = NULL;
	int ops = 40 + rnd(120);

	while (ops-- && !what)
		what = rnd(3) ? put(rnd(FILES), rnd(2)) : scribble();
	return what;
}

static const char *start(void)
{
	char p[512];

	if (guest_mkfs("") || guest_mount(NULL))
		return "mkfs and mount";
	for (int i = 0; i < 4; i++) {
		snprintf(p, sizeof(p), "%s/d%d", guest_mnt, i);
		if (mkdir(p, 0755))
			return "mkdir";
	}
	sync();
	return NULL;
}

int main(void)
{
	const char *seed = getenv("VEX_SEED"), *what;

	rng = seed ? strtoull(seed, NULL, 0) : 20261124;
	ktap_plan(2 + ROUNDS);
	guest_setup();
	ktap_note("seed %llu (VEX_SEED overrides)", rng);
	what = start();
	ktap(!what, "start%s%s", what ? ": " : "", what ? what : "");
	for (int round = 0; round < ROUNDS; round++) {
		what = round_of_work();
		if (!what)
			what = crash();
		if (!what)
			what = check_files();
		ktap(!what, "crash %d%s%s", round, what ? ": " : "", what ? what : "");
	}
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
