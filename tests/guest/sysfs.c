// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=256M time=120 slice
 *
 * /sys/fs/vexfs/DEVICE and the uevents: the first error of a mount is told once, the shutdown
 * too; what was found, where and when can be read, during the mount and, of the last error,
 * after the next one.
 */
#include <linux/netlink.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/guest/guest.h"
#include "uapi/vexfs.h"

static int events = -1;
static int n_add, n_error, n_shutdown, n_remove;

static const char *device(void)
{
	return strrchr(guest_disk, '/') + 1;
}

static void listen_events(void)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = 1 };

	events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (events < 0 || bind(events, (struct sockaddr *)&me, sizeof(me)))
		ktap_bail("listen to uevents");
}

/* Is "@text" one of the strings of the event? */
static bool has(const char *buf, ssize_t n, const char *text)
{
	const char *p;

	for (p = buf; p < buf + n; p += strlen(p) + 1)
		if (!strcmp(p, text))
			return true;
	return false;
}

static void count_event(const char *buf, ssize_t n)
{
	char path[100];

	snprintf(path, sizeof(path), "DEVPATH=/fs/vexfs/%s", device());
	if (!has(buf, n, path) || !has(buf, n, "SUBSYSTEM=vexfs"))
		return;
	n_add += has(buf, n, "ACTION=add");
	n_remove += has(buf, n, "ACTION=remove");
	n_error += has(buf, n, "ACTION=change") && has(buf, n, "VEXFS_EVENT=error");
	n_shutdown += has(buf, n, "ACTION=change") && has(buf, n, "VEXFS_EVENT=shutdown");
}

/* Until *@what counts one. Other events than ours come as well. */
static bool await_event(const int *what)
{
	struct pollfd p = { .fd = events, .events = POLLIN };
	char buf[8192];

	while (!*what) {
		ssize_t n;

		if (poll(&p, 1, 60000) != 1)
			return false;
		n = recv(events, buf, sizeof(buf) - 1, 0);
		if (n < 0)
			ktap_bail("recv");
		buf[n] = 0;
		count_event(buf, n);
	}
	return true;
}

static const char *attr(const char *name)
{
	static char value[4][128];
	static int turn;
	char path[200];
	FILE *f;

	turn = (turn + 1) % 4;
	snprintf(path, sizeof(path), "/sys/fs/vexfs/%s/%s", device(), name);
	f = fopen(path, "r");
	if (!f || !fgets(value[turn], sizeof(value[0]), f))
		ktap_bail("%s", path);
	fclose(f);
	value[turn][strcspn(value[turn], "\n")] = 0;
	return value[turn];
}

static bool is(const char *name, const char *want)
{
	const char *got = attr(name);

	if (strcmp(got, want))
		ktap_note("%s is '%s', not '%s'", name, got, want);
	return !strcmp(got, want);
}

/* A filesystem whose file "bad", inode 11, has a damaged inode in block *@block. */
static void damage(char *block, size_t size)
{
	char cmd[400];
	FILE *f;
	int fd;

	if (guest_mkfs("") || guest_mount(NULL))
		ktap_bail("mkfs");
	fd = open(guest_at("bad"), O_CREAT | O_RDWR, 0644);
	close(fd);
	umount(guest_mnt);
	snprintf(cmd, sizeof(cmd), "at=$(dump.vexfs -i 11 %s | sed -n 's/^stored in  *block \\([0-9]*\\), offset \\([0-9]*\\).*/\\1:\\2/p');"
		 " dump.vexfs --poke \"$at=ffff\" %s >/dev/null && echo ${at%%:*}", guest_disk, guest_disk);
	f = popen(cmd, "r");
	if (!f || !fgets(block, (int)size, f))
		ktap_bail("damage an inode");
	pclose(f);
	block[strcspn(block, "\n")] = 0;
}

static bool found(void)
{
	struct stat st;

	return stat(guest_at("bad"), &st) && errno == EUCLEAN;
}

static bool recent(const char *name)
{
	long long t = atoll(attr(name)), now = (long long)time(NULL);

	return t <= now && t > now - 3600;
}

/* FS_IOC_GETFSUUID and FS_IOC_GETFSSYSFSPATH, as of 6.9. */
struct fs_uuid { unsigned char len, uuid[16]; };
struct fs_path { unsigned char len, name[128]; };
#define GETFSUUID	_IOR(0x15, 0, struct fs_uuid)
#define GETFSSYSFSPATH	_IOR(0x15, 1, struct fs_path)

static void identity(void)
{
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	struct fs_uuid u = { 0 };
	struct fs_path p = { 0 };
	char want[150];
	int fd = open(guest_mnt, O_RDONLY);

	if (fd < 0 || ioctl(fd, VEXFS_IOC_INFO, &info))
		ktap_bail("VEXFS_IOC_INFO");
	snprintf(want, sizeof(want), "vexfs/%s", device());
	if (ioctl(fd, GETFSUUID, &u) && errno == ENOTTY)
		ktap_skip("uuid and path by the VFS", "the kernel does not have these calls");
	else
		ktap(u.len == 16 && !memcmp(u.uuid, info.uuid, 16) && !ioctl(fd, GETFSSYSFSPATH, &p) &&
		     !strcmp((char *)p.name, want), "uuid and path by the VFS");
	close(fd);
}

static void stop(void)
{
	unsigned int how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	int fd = open(guest_mnt, O_RDONLY);

	if (fd < 0 || ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(fd);
}

int main(void)
{
	char block[32], path[100];

	ktap_plan(13);
	guest_setup();
	listen_events();
	damage(block, sizeof(block));
	n_add = n_remove = 0;
	if (guest_mount("errors=continue"))
		ktap_bail("mount");
	ktap(await_event(&n_add), "a mount is told");
	ktap(is("errors_count", "0") && is("first_error_time", "0") && is("first_error_check", "") &&
	     is("last_error_time", "0") && is("state", "writable"), "no error so far");
	ktap(found() && await_event(&n_error), "the first error is told");
	ktap(is("errors_count", "1") && is("first_error_inode", "11") && is("first_error_block", block) &&
	     is("first_error_check", "wrong inode checksum") && recent("first_error_time"), "and can be read");
	ktap(found() && is("errors_count", "2") && is("last_error_inode", "11") && is("last_error_block", block) &&
	     recent("last_error_time"), "the second is counted");
	ktap(atoll(attr("reserve_blocks")) > 0 && is("lost_embeddings", "0") && is("promised_blocks", "0") &&
	     is("root_reserve_blocks", "0") &&
	     atoll(attr("pending_blocks")) >= 0, "counters");
	identity();
	sync();		/* the record is written like everything else */
	stop();
	ktap(await_event(&n_shutdown) && is("state", "shutdown"), "the shutdown is told");
	ktap(n_error == 1, "the second error was not");
	if (umount(guest_mnt))
		ktap_bail("umount");
	snprintf(path, sizeof(path), "/sys/fs/vexfs/%s", device());
	ktap(await_event(&n_remove) && access(path, F_OK) && errno == ENOENT, "after the unmount nothing is left");
	if (mount(guest_disk, guest_mnt, "vexfs", MS_RDONLY, NULL))
		ktap_bail("mount");
	ktap(is("state", "read-only") && is("first_error_time", "0"), "the next mount begins anew");
	ktap(atoi(attr("errors_count")) >= 1 && is("last_error_inode", "11") && is("last_error_check", "wrong inode checksum"),
	     "but for what the superblock has recorded");
	ktap(umount(guest_mnt) == 0, "unmount");
	return ktap_exit();
}
