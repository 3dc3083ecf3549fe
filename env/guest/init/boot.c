// SPDX-License-Identifier: GPL-2.0-only
/* From the kernel's first process to the point where the host says go. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -EIO : 0;
}

int read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = 0;
	return n;
}

static void mount_at(const char *type, const char *dir, unsigned long flags, const char *data)
{
	mkdir(dir, 0755);
	if (mount(type, dir, type, flags, data) && errno != EBUSY)
		die("mount %s on %s: %s", type, dir, strerror(errno));
}

void mount_basics(void)
{
	umask(022);
	mount_at("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
	/* The kernel found no /dev/console in the archive; its sysrq needs one open to hear a break. */
	if (fcntl(0, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0) {
		int fd = open("/dev/console", O_RDWR | O_NOCTTY);

		if (fd >= 0) {
			dup2(fd, 0);
			dup2(fd, 1);
			dup2(fd, 2);
			if (fd > 2)
				close(fd);
		}
	}
	mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
	mount_at("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
	mount_at("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mkdir("/mnt", 0755);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
	setenv("PATH", "/vex/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	sethostname("vex", 3);
}

int insert_module(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, params, 0) && errno != EEXIST)
		err = -errno;
	close(fd);
	return err;
}

/* The host resolved the dependencies: /lib/modules/boot.list is in load order. */
void load_boot_modules(void)
{
	FILE *f = fopen("/lib/modules/boot.list", "re");
	char path[512];

	if (!f)
		die("no /lib/modules/boot.list in the initramfs");
	while (fgets(path, sizeof(path), f)) {
		int err;

		path[strcspn(path, "\n")] = 0;
		err = insert_module(path, "");
		if (err)
			die("cannot load %s: %s", path, strerror(-err));
	}
	fclose(f);
	/* From here the console shows all but debug messages: quiet was only for the boot. */
	klogctl(8, NULL, 7);
}

static int open_port(const char *want)
{
	static const char *dir = "/sys/class/virtio-ports";
	DIR *d = opendir(dir);
	struct dirent *e;
	char line[64];
	int fd = -1;

	if (uml_port(want, line, sizeof(line)))
		fd = uml_open_line(line);
	while (d && fd < 0 && (e = readdir(d))) {
		char path[512], name[64];

		snprintf(path, sizeof(path), "%s/%s/name", dir, e->d_name);
		if (e->d_name[0] == '.' || read_file(path, name, sizeof(name)) <= 0)
			continue;
		name[strcspn(name, "\n")] = 0;
		if (strcmp(name, want))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (d)
		closedir(d);
	return fd;
}

/* Ports appear when the device has answered on its control queue, a moment after the driver loads. */
static int wait_port(const char *name)
{
	int fd = -1;

	for (int i = 0; i < 1000 && fd < 0; i++) {
		fd = open_port(name);
		if (fd < 0)
			usleep(5000);
	}
	if (fd < 0)
		die("no virtio-serial port %s", name);
	return fd;
}

void open_ports(void)
{
	ctl_fd = wait_port(VEX_PORT_CTL);
	tap_fd = wait_port(VEX_PORT_TAP);
	in_fd = wait_port(VEX_PORT_IN);
	out_fd = wait_port(VEX_PORT_OUT);
}

/* A resumed guest would otherwise repeat the random numbers of every other resumed guest. */
static void reseed(const char *hex)
{
	struct {
		int entropy_count;
		int buf_size;
		unsigned char buf[64];
	} pool = { 0 };
	unsigned int byte;
	int fd;

	while (pool.buf_size < (int)sizeof(pool.buf) && sscanf(hex, "%2x", &byte) == 1) {
		pool.buf[pool.buf_size++] = byte;
		hex += 2;
	}
	pool.entropy_count = pool.buf_size * 8;
	fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) || ioctl(fd, RNDRESEEDCRNG))
		die("cannot reseed the random generator: %s", strerror(errno));
	close(fd);
}

static void set_clock(long long epoch_ms)
{
	struct timespec ts = {
		.tv_sec = epoch_ms / 1000,
		.tv_nsec = epoch_ms % 1000 * 1000000,
	};

	if (clock_settime(CLOCK_REALTIME, &ts))
		die("cannot set the clock: %s", strerror(errno));
}

static void read_line(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n < size - 1) {
		ssize_t got = read(fd, buf + n, 1);

		/* 0: the host end is not connected (yet); a guest saved here sees that once. */
		if (got == 0)
			usleep(2000);
		if (got < 0 && errno != EINTR)
			die("control port: %s", strerror(errno));
		if (got == 1 && buf[n++] == '\n')
			break;
	}
	buf[n] = 0;
}

/*
 * A disk that was attached in place of a saved one announces its size by an interrupt; nothing may
 * look at it before the kernel has taken note. List: NAME:BYTES,...
 */
static void wait_for_disks(char *list)
{
	for (char *d = strtok(list, ","); d; d = strtok(NULL, ",")) {
		char dev[300] = "", path[400], text[32] = "0", *colon = strchr(d, ':');
		unsigned long long want;

		if (!colon)
			continue;
		*colon = 0;
		want = strtoull(colon + 1, NULL, 10);
		for (int i = 0; i < 1000; i++) {
			if (disk_by_serial(d, dev, sizeof(dev))) {
				snprintf(path, sizeof(path), "/sys/block/%s/size", dev + 5);
				read_file(path, text, sizeof(text));
			}
			if (strtoull(text, NULL, 10) * 512 == want)
				break;
			usleep(5000);
		}
		if (strtoull(text, NULL, 10) * 512 != want)
			die("disk %s: %llu bytes expected, the guest sees %s sectors", d, want, text);
	}
}

/* A run that is recorded or replayed takes no input: what the host has to say is on the kernel's command line. */
static bool go_at_boot(char *line, size_t size)
{
	char cmdline[4096], *go;

	if (read_file("/proc/cmdline", cmdline, sizeof(cmdline)) <= 0)
		return false;
	go = strstr(cmdline, VEX_GO_ARG);
	if (!go)
		return false;
	go += strlen(VEX_GO_ARG);
	go[strcspn(go, "\"\n")] = 0;
	snprintf(line, size, "%s", go);
	return true;
}

/* "go epoch_ms=N scale=PERCENT disks=NAME:BYTES,... seed=HEX" */
void wait_for_go(void)
{
	char line[1024], disks[256], seed[256];
	long long epoch_ms;

	snprintf(line, sizeof(line), "ready uptime_ms=%lld\n", now_ms());
	write_all(ctl_fd, line, strlen(line));
	if (!go_at_boot(line, sizeof(line)))
		read_line(ctl_fd, line, sizeof(line));
	if (sscanf(line, "go epoch_ms=%lld scale=%u disks=%255s seed=%255s", &epoch_ms, &time_scale,
		   disks, seed) != 4)
		die("the host sent '%s' in place of go", line);
	if (time_scale < 100)
		time_scale = 100;
	set_clock(epoch_ms);
	reseed(seed);
	wait_for_disks(disks);
}
