// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120 slice
 *
 * More open files without a name than the orphan table has slots (1008 on a
 * disk this small). An ordinary user makes them; then unlink, rename, truncate,
 * rmdir and dropping a collection must work for everybody as before, and a
 * crash must find every one of them.
 */
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "tests/guest/vecguest.h"

#define MANY	1500
#define OLD	8192

static int held[MANY];		/* open files without a name */

static unsigned long long free_inodes(void)
{
	struct statvfs st;

	return statvfs(guest_mnt, &st) ? 0 : st.f_ffree;
}

static void make_file(const char *name, size_t size)
{
	static char buf[OLD];
	int fd = open(guest_at(name), O_CREAT | O_TRUNC | O_WRONLY, 0644);

	memset(buf, 'o', sizeof(buf));
	if (fd < 0 || write(fd, buf, size) != (ssize_t)size || fsync(fd))
		ktap_bail("make %s", name);
	close(fd);
}

static long size_of(const char *name)
{
	struct stat st;

	return lstat(guest_at(name), &st) ? -1 : (long)st.st_size;
}

/* Files of the user "nobody", open and without a name. Returns how many it got. */
static int hold_many(void)
{
	char name[32];
	int n;

	for (n = 0; n < MANY; n++) {
		snprintf(name, sizeof(name), "o/f%d", n);
		held[n] = open(guest_at(name), O_CREAT | O_RDWR, 0644);
		if (held[n] < 0 || write(held[n], name, strlen(name)) < 0 || unlink(guest_at(name))) {
			ktap_note("file %d: %s", n, strerror(errno));
			break;
		}
	}
	return n;
}

/* In a process of its own, which keeps them open until it is killed. */
static pid_t start_holder(int *count)
{
	struct rlimit many = { 65536, 65536 };
	int answer[2];
	pid_t pid;

	if (pipe(answer))
		ktap_bail("pipe");
	pid = fork();
	if (!pid) {
		int n;

		/* The way to the mount point is root's only: from here on, names begin there. */
		if (chdir(guest_mnt) || setrlimit(RLIMIT_NOFILE, &many) || setgid(65534) || setuid(65534))
			_exit(1);
		guest_mnt = ".";
		n = hold_many();
		if (write(answer[1], &n, sizeof(n)) == sizeof(n))
			pause();
		_exit(1);
	}
	close(answer[1]);
	if (pid < 0 || read(answer[0], count, sizeof(*count)) != sizeof(*count))
		ktap_bail("no answer from the process that holds the files");
	close(answer[0]);
	return pid;
}

static void end_holder(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int crash(unsigned int how)
{
	int fd = open(guest_mnt, O_RDONLY), err = 0;

	if (fd < 0 || ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		err = -errno;
	close(fd);
	return err;
}

static void prepare(void)
{
	if (mkdir(guest_at("o"), 0777) || chmod(guest_at("o"), 0777) || mkdir(guest_at("dir"), 0755))
		ktap_bail("mkdir");
	make_file("victim", OLD);
	make_file("new", 100);
	make_file("old", OLD);
	make_file("long", OLD);
	if (vg_collection("c", 8, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("create a collection");
	sync();
}

/* Each of them needs a place for an orphan. */
static void operations(void)
{
	int fd;

	ktap(unlink(guest_at("victim")) == 0 && size_of("victim") < 0, "unlink");
	ktap(rename(guest_at("new"), guest_at("old")) == 0 && size_of("old") == 100 && size_of("new") < 0,
	     "rename over another file");
	ktap(truncate(guest_at("long"), 100) == 0 && size_of("long") == 100, "truncate");
	ktap(rmdir(guest_at("dir")) == 0 && size_of("dir") < 0, "rmdir");
	fd = vg_root();
	ktap(vexfs_collection_drop(fd, "c") == 0, "drop a collection");
	close(fd);
}

static bool sound(void)
{
	if (umount(guest_mnt) || guest_fsck())
		return false;
	return guest_mount(NULL) == 0;
}

/* The filesystem is stopped with all of them open; the next mount frees them. */
static void after_crash(unsigned int how, const char *name, unsigned long long inodes)
{
	int count;
	pid_t pid = start_holder(&count);

	ktap(count == MANY, "%s: %d of %d open files without a name", name, count, MANY);
	if (how == VEXFS_SHUTDOWN_NOLOGFLUSH)
		sync();
	if (crash(how))
		ktap_bail("shutdown");
	end_holder(pid);
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0, "%s: fsck.vexfs -n before the next mount", name);
	if (guest_mount(NULL))
		ktap_bail("mount after the crash");
	ktap(free_inodes() == inodes, "%s: %llu of %llu inodes are free again", name, free_inodes(),
	     inodes);
	ktap(sound(), "%s: fsck.vexfs -n after it", name);
}

/* They go in an order of their own: from the front, the middle and the end of every list. */
static bool close_in_disorder(void)
{
	struct rlimit many = { 65536, 65536 };
	unsigned int step = 7;

	if (setrlimit(RLIMIT_NOFILE, &many) || hold_many() != MANY)
		return false;
	for (unsigned int i = 0; i < MANY; i++)
		if (close(held[i * step % MANY]))
			return false;
	return true;
}

int main(void)
{
	unsigned long long inodes, blocks;
	int count;
	pid_t pid;

	ktap_plan(20);
	guest_setup();
	ktap(guest_mkfs("") == 0 && guest_mount(NULL) == 0, "mkfs and mount");
	prepare();
	inodes = free_inodes();
	pid = start_holder(&count);
	ktap(count == MANY, "a user has %d of %d open files without a name", count, MANY);
	operations();
	end_holder(pid);
	ktap(sound(), "fsck.vexfs -n finds it clean");
	/* gone: victim, old, dir, and the three inodes of the collection */
	ktap(free_inodes() == inodes + 6, "%llu inodes are free, %llu were", free_inodes(), inodes);

	inodes = free_inodes();
	after_crash(VEXFS_SHUTDOWN_LOGFLUSH, "stopped after a commit", inodes);
	after_crash(VEXFS_SHUTDOWN_NOLOGFLUSH, "power cut", inodes);

	blocks = guest_free_blocks();
	ktap(close_in_disorder(), "closed in disorder");
	sync();
	ktap(free_inodes() == inodes && guest_free_blocks() == blocks, "%llu inodes and %llu blocks are free, as before",
	     free_inodes(), guest_free_blocks());
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean in the end");
	return ktap_exit();
}
