// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=big:20G mem=512M time=300 slice
 *
 * A mounted filesystem becomes larger: within its last group, over the border of groups and of descriptor blocks,
 * beside a writer. What is refused; two growers; a signal; a power cut at any moment. The device is a piece of the
 * disk that device-mapper shows, and grows first.
 */
#include <signal.h>

#include "tests/guest/powercut.h"
#include "uapi/vexfs.h"

#define MIB		(1ULL << 20)
#define GROUP		(126 * MIB)
#define NOBODY		65534
#define CUTS		12

static char buf[1 << 20];

/* The device has so many bytes from now on. */
static void device(unsigned long long bytes)
{
	cut_sectors = bytes / 512;
	cut_restore();
}

static void make(unsigned long long bytes, const char *opts)
{
	device(bytes);
	if (guest_mkfs(opts))
		ktap_bail("mkfs of %llu bytes", bytes);
}

static void up(void)
{
	if (guest_mount(NULL))
		ktap_bail("mount");
}

static void down(void)
{
	if (umount(guest_mnt))
		ktap_bail("umount");
}

/* 0 or -errno; *@now: the size then. */
static int grow_flags(unsigned int flags, unsigned long long bytes, unsigned long long *now)
{
	struct vexfs_ioc_grow g = { .size = sizeof(g), .flags = flags, .bytes = bytes };
	int fd = open(guest_mnt, O_RDONLY), err;

	if (fd < 0)
		return -errno;
	err = ioctl(fd, VEXFS_IOC_GROW, &g) ? -errno : 0;
	close(fd);
	if (now)
		*now = g.bytes;
	return err;
}

static int grow(unsigned long long bytes)
{
	return grow_flags(0, bytes, NULL);
}

static unsigned long long size(void)
{
	unsigned long long now = 0;

	if (grow_flags(VEXFS_GROW_QUERY, 0, &now))
		ktap_bail("query");
	return now;
}

/* Unmount, check, mount. */
static bool sound(void)
{
	bool ok;

	down();
	ok = !guest_fsck();
	up();
	return ok;
}

/* Write a file of so many MiB, each byte of it @fill; 0 or -errno. */
static int put(const char *name, int mib, char fill)
{
	int fd = open(guest_at(name), O_CREAT | O_TRUNC | O_WRONLY, 0644), err = fd < 0 ? -errno : 0;

	memset(buf, fill, sizeof(buf));
	while (!err && mib--) {
		ssize_t n = write(fd, buf, sizeof(buf));

		if (n != (ssize_t)sizeof(buf))
			err = n < 0 ? -errno : -ENOSPC;
	}
	if (!err && fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

static bool holds(const char *name, int mib, char fill)
{
	int fd = open(guest_at(name), O_RDONLY), i = 0;
	bool ok = fd >= 0;

	for (; ok && i < mib; i++) {
		ok = read(fd, buf, sizeof(buf)) == (ssize_t)sizeof(buf);
		for (size_t k = 0; ok && k < sizeof(buf); k += 509)
			ok = buf[k] == fill;
	}
	close(fd);
	return ok;
}

static int as_nobody(void)
{
	struct vexfs_ioc_grow g = { .size = sizeof(g) };
	int st, fd = open(guest_mnt, O_RDONLY);
	pid_t pid = fork();

	if (!pid)
		_exit(setgid(NOBODY) || setuid(NOBODY) ? 100 : ioctl(fd, VEXFS_IOC_GROW, &g) ? errno : 0);
	close(fd);
	if (pid < 0 || waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		ktap_bail("waitpid");
	return -WEXITSTATUS(st);
}

static void test_refused(void)
{
	struct vexfs_ioc_grow g = { .size = sizeof(g) - 8 };
	int fd;

	make(40 * MIB, "");
	up();
	fd = open(guest_mnt, O_RDONLY);
	ktap(ioctl(fd, VEXFS_IOC_GROW, &g) && errno == EINVAL, "a structure that is too short");
	close(fd);
	ktap(grow_flags(0x10, 0, NULL) == -EINVAL, "an unknown flag");
	ktap(as_nobody() == -EPERM, "an ordinary user");
	ktap(grow(41 * MIB) == -ENOSPC, "larger than the device");
	ktap(grow(39 * MIB) == -EINVAL, "smaller than it is");
	ktap(grow(1ULL << 60) == -EFBIG, "more than the format can have");
	ktap(grow(0) == 0 && size() == 40 * MIB, "nothing to do");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		ktap_bail("remount");
	device(50 * MIB);
	ktap(grow(0) == -EROFS, "mounted read-only");
	down();
	if (mount(guest_disk, guest_mnt, "vexfs", MS_RDONLY, "norecovery"))
		ktap_bail("mount with norecovery");
	ktap(grow(0) == -EROFS, "mounted with norecovery");
	down();
	up();
	fd = open(guest_mnt, O_RDONLY);
	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &(unsigned int){ VEXFS_SHUTDOWN_NOLOGFLUSH }))
		ktap_bail("shutdown");
	close(fd);
	ktap(grow(0) == -EIO, "shut down");
	down();
	ktap(!guest_fsck(), "and it is sound");
}

static void test_last_group(void)
{
	struct statvfs before, after;

	make(40 * MIB, "");
	up();
	ktap(put("full", 60, 'f') == -ENOSPC, "a full filesystem");
	statvfs(guest_mnt, &before);
	device(60 * MIB);
	ktap(!guest_run("vexctl grow \"$TMPDIR/mnt\"") && size() == 60 * MIB, "vexctl grow: all of the device");
	statvfs(guest_mnt, &after);
	ktap(after.f_blocks - before.f_blocks == 20 * MIB / 4096 && after.f_bfree - before.f_bfree > 18 * MIB / 4096,
	     "statfs tells: %llu blocks more, %llu more of them free",
	     (unsigned long long)(after.f_blocks - before.f_blocks),
	     (unsigned long long)(after.f_bfree - before.f_bfree));
	ktap(!put("more", 15, 'm'), "there is room now");
	ktap(sound() && holds("more", 15, 'm') && size() == 60 * MIB, "sound, and as large after a remount");
	device(300 * MIB);
	ktap(!grow(GROUP) && size() == GROUP, "to the end of the group");
	ktap(!grow(GROUP + 4096) && size() == GROUP, "a block more makes no group");
	ktap(guest_run("vexctl grow \"$TMPDIR/mnt\" 400M") == 1, "vexctl grow: more than the device has");
	ktap(guest_run("vexctl grow \"$TMPDIR/mnt\" 1M") == 1, "vexctl grow: less than it has");
	ktap(!grow(0) && size() == 300 * MIB, "groups of its own, the last one short");
	ktap(!put("far", 150, 'F') && sound() && holds("far", 150, 'F'), "they are written to");
	down();
}

static void test_inodes(void)
{
	struct statvfs before, after;
	char name[20];
	int n = 0, fd;

	make(GROUP, "-N 64");
	up();
	statvfs(guest_mnt, &before);
	for (;; n++) {
		snprintf(name, sizeof(name), "i%d", n);
		fd = open(guest_at(name), O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0)
			break;
		close(fd);
	}
	ktap(errno == ENOSPC, "%d files, no inode left", n);
	device(2 * GROUP);
	if (grow(0))
		ktap_bail("grow");
	statvfs(guest_mnt, &after);
	snprintf(name, sizeof(name), "i%d", n);
	fd = open(guest_at(name), O_CREAT | O_EXCL | O_WRONLY, 0644);
	ktap(fd >= 0 && after.f_files == 2 * before.f_files, "a new group has inodes: %llu more",
	     (unsigned long long)(after.f_files - before.f_files));
	close(fd);
	ktap(sound() && !access(guest_at(name), F_OK), "sound");
	down();
}

/* Overwrites its files for ever; every version is one letter. */
static void writer(void)
{
	for (int i = 0;; i++) {
		char name[20];

		snprintf(name, sizeof(name), "w%d", i % 5);
		if (put(name, 1 + i % 3, (char)('a' + i % 26)) || !holds(name, 1 + i % 3, (char)('a' + i % 26)))
			_exit(1);
	}
}

static void test_beside_writer(void)
{
	int st, err = 0;
	pid_t pid;

	make(70 * MIB, "");
	up();
	pid = fork();
	if (!pid)
		writer();
	for (unsigned long long want = 80 * MIB; want <= 700 * MIB && !err; want += 60 * MIB) {
		device(want);
		err = grow(0);
	}
	ktap(!err && size() > 650 * MIB, "eleven times beside a writer: error %d", err);
	ktap(!waitpid(pid, &st, WNOHANG), "which has not failed");
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	ktap(sound(), "sound");
	down();
}

/* Borders of descriptor blocks, which 63 groups share. */
static void test_descriptors(void)
{
	static const struct { unsigned long long bytes; const char *what; } to[] = {
		{ 63 * GROUP, "the last group of a descriptor block becomes whole" },
		{ 64 * GROUP, "a descriptor block for one group, its copy beside it" },
		{ 65 * GROUP, "a second group: the copy moves there" },
		{ 126 * GROUP + 30 * MIB, "two descriptor blocks, and a third begun" },
		{ 20480 * MIB, "and all of the disk" },
	};

	make(62 * GROUP + 60 * MIB, "");
	up();
	if (put("old", 3, 'o'))
		ktap_bail("write");
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		int err;
		bool ok;

		device(to[i].bytes);
		err = grow(0);
		ok = !err && size() == to[i].bytes && !put("new", 3, 'n');
		ktap(ok && sound(), "%s: error %d", to[i].what, err);
	}
	ktap(holds("old", 3, 'o') && holds("new", 3, 'n'), "files are whole");
	down();
}

static void on_signal(int sig) { (void)sig; }

/* A grower that is held up before its first step: the filesystem is frozen. */
static pid_t held_grower(void)
{
	char state = 0, path[64], line[400];
	pid_t pid = fork();

	if (!pid) {
		sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal }, NULL);
		_exit(-grow(0));
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'D') {
		FILE *f = fopen(path, "r");

		if (!f || !fgets(line, sizeof(line), f))
			ktap_bail("%s", path);
		fclose(f);
		state = strrchr(line, ')')[2];
		if (state == 'Z')
			ktap_bail("the grower was not held up");
	}
	return pid;
}

static void test_two(void)
{
	int fd, st, second;
	pid_t pid;

	make(60 * MIB, "");
	up();
	fd = open(guest_mnt, O_RDONLY);
	device(400 * MIB);
	if (ioctl(fd, FIFREEZE, 0))
		ktap_bail("freeze");
	pid = held_grower();
	second = grow(0);
	ktap(second == -EBUSY, "a second grower is told so");
	kill(pid, SIGUSR1);
	if (ioctl(fd, FITHAW, 0) || waitpid(pid, &st, 0) != pid)
		ktap_bail("thaw");
	close(fd);
	ktap(WIFEXITED(st) && WEXITSTATUS(st) == EINTR && size() == GROUP, "a signal ends it after a step (%llu bytes)",
	     size());
	ktap(!grow(0) && size() == 400 * MIB, "another call continues");
	ktap(sound(), "sound");
	down();
}

/* The size survives a crash as soon as the call has returned, though it is only in the log. */
static void test_returned(void)
{
	int fd;

	make(60 * MIB, "");
	up();
	device(400 * MIB);
	if (grow(0) || put("new", 20, 'n'))
		ktap_bail("grow");
	fd = open(guest_mnt, O_RDONLY);
	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &(unsigned int){ VEXFS_SHUTDOWN_NOLOGFLUSH }))
		ktap_bail("shutdown");
	close(fd);
	down();
	ktap(!guest_fsck(), "fsck.vexfs -n: the log makes it larger");
	up();
	ktap(size() == 400 * MIB && holds("new", 20, 'n'), "after a crash it has the new size");
	ktap(sound(), "sound");
	down();
}

#define STEPS	5
static const unsigned long long steps[STEPS] = { 60 * MIB, GROUP, 63 * GROUP, 126 * GROUP, 20480 * MIB };

/* Grows step by step, in as many calls if @calls, and says when each call has returned. */
static void stepper(int to, bool calls)
{
	for (int i = calls ? 1 : STEPS - 1; i < STEPS; i++)
		if (grow(steps[i]) || write(to, "", 1) != 1)
			_exit(1);
	_exit(0);
}

/* A power cut @ms after @n calls have returned. */
static void cut_stepper(bool calls, int n, unsigned int ms)
{
	int fds[2];
	pid_t pid;
	char c;

	if (pipe(fds))
		ktap_bail("pipe");
	pid = fork();
	if (!pid)
		stepper(fds[1], calls);
	for (int i = 0; i < n; i++)
		if (read(fds[0], &c, 1) != 1)
			ktap_bail("the grower ended");
	usleep(ms * 1000);
	cut_power();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fds[0]);
	close(fds[1]);
}

/* NULL, or what went wrong; *@now: the size it leaves, which is not less than what a call has returned for. */
static const char *cut_after(bool calls, int n, unsigned int ms, unsigned long long *now)
{
	bool known = false;

	make(60 * MIB, "");
	up();
	device(20480 * MIB);
	if (put("old", 5, 'o'))
		return "write";
	cut_stepper(calls, n, ms);
	down();
	cut_restore();
	if (guest_fsck())
		return "fsck";
	up();
	*now = size();
	for (int i = n; i < STEPS; i++)
		known |= *now == steps[i];
	if (!known)
		return "size";
	if (!holds("old", 5, 'o') || grow(0) || size() != 20480 * MIB || put("new", 5, 'n'))
		return "growing on";
	return sound() && holds("new", 5, 'n') ? NULL : "the end";
}

static void test_cuts(void)
{
	static const struct { bool calls; int n; unsigned int ms; } at[] = {
		{ false, 0, 0 }, { false, 0, 30 }, { false, 0, 150 }, { false, 0, 600 },
		{ true, 0, 20 }, { true, 1, 0 }, { true, 1, 50 }, { true, 2, 0 }, { true, 2, 50 }, { true, 3, 0 },
		{ true, 3, 50 }, { true, 4, 0 },
	};

	for (int i = 0; i < CUTS; i++) {
		unsigned long long now = 0;
		const char *what = cut_after(at[i].calls, at[i].n, at[i].ms, &now);

		ktap(!what, "power cut %u ms after step %d, %s, at %llu MiB%s%s", at[i].ms, at[i].n,
		     at[i].calls ? "each a call" : "in one call", now / MIB, what ? ": " : "", what ? what : "");
		umount(guest_mnt);
	}
}

int main(void)
{
	setenv("VEX_DISK_TEST", getenv("VEX_DISK_BIG") ? getenv("VEX_DISK_BIG") : "", 1);
	ktap_plan(11 + 11 + 3 + 3 + 6 + 4 + 3 + CUTS);
	guest_setup();
	if (!cut_setup()) {
		for (int i = 0; i < ktap_planned; i++)
			ktap_skip("grow", "this kernel has no dm-flakey");
		return ktap_exit();
	}
	test_refused();
	test_last_group();
	test_inodes();
	test_beside_writer();
	test_descriptors();
	test_two();
	test_returned();
	test_cuts();
	cut_remove();
	return ktap_exit();
}
