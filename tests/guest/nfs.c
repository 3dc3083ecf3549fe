// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=300 kernel=stock
 *
 * The kernel's NFS server (version 3) exports a VexFS, and the kernel's client mounts it over the loopback device.
 * What a client has open stays good when the server drops its caches, is restarted, and when the VexFS is unmounted
 * and mounted again or has crashed; ESTALE only for what is gone. No nfs-utils: exports are told to the server
 * through /proc/net/rpc, as mountd does, and a child answers for rpcbind.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/nfs_mount.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/guest/guest.h"
#include "uapi/vexfs.h"

#define PORT		2049
#define FSID		7
#define ENTRIES		300
#define NFSD		"/proc/fs/nfsd"
#define RPC		"/proc/net/rpc"

static char client[300];	/* where the client has it */

static const char *far(const char *name)
{
	static char p[4][400];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(p[turn], sizeof(p[turn]), "%s/%s", client, name);
	return p[turn];
}

/* ---- rpcbind ---------------------------------------------------------------------- */

/* Every call succeeds, and its result is "true": enough for NULL, SET and UNSET. */
static void answer(int fd)
{
	unsigned int call[256], reply[8] = { htonl(0x80000000u | 28) };

	while (read(fd, call, sizeof(call)) >= 8) {
		reply[1] = call[1];		/* xid */
		reply[2] = htonl(1);		/* a reply, accepted, no verifier, success */
		reply[7] = htonl(1);
		if (write(fd, reply, sizeof(reply)) != sizeof(reply))
			break;
	}
	close(fd);
}

static void rpcbind(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			_exit(1);
		if (!fork()) {
			answer(fd);
			_exit(0);
		}
		close(fd);
	}
}

static pid_t start_rpcbind(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(111),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 10))
		ktap_bail("port 111");
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		signal(SIGCHLD, SIG_IGN);
		rpcbind(fd);
	}
	close(fd);
	return pid;
}

/* ---- the server ------------------------------------------------------------------- */

static int tell(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err = -errno;
	close(fd);
	return err;
}

static void must_tell(const char *path, const char *text)
{
	int err = tell(path, text);

	if (err)
		ktap_bail("'%s' to %s: error %d", text, path, err);
}

/* What mountd answers: who the client is, what is exported to it, and where that is. */
static void export(void)
{
	char line[600];

	must_tell(RPC "/auth.unix.ip/channel", "nfsd 127.0.0.1 2147483647 me\n");
	/* insecure port, no check of subtrees, fsid */
	snprintf(line, sizeof(line), "me %s 2147483647 %d 65534 65534 %d\n", guest_mnt, 0x2402, FSID);
	must_tell(RPC "/nfsd.export/channel", line);
	snprintf(line, sizeof(line), "me 1 \\x%02x000000 2147483647 %s\n", FSID, guest_mnt);
	must_tell(RPC "/nfsd.fh/channel", line);
}

static void server_up(void)
{
	char line[20];

	export();
	snprintf(line, sizeof(line), "tcp %d", PORT);
	must_tell(NFSD "/portlist", line);
	must_tell(NFSD "/threads", "2\n");
}

static void server_down(void)
{
	must_tell(NFSD "/threads", "0\n");
	must_tell(RPC "/nfsd.fh/flush", "1\n");
	must_tell(RPC "/nfsd.export/flush", "1\n");
	must_tell(RPC "/auth.unix.ip/flush", "1\n");
}

/* The server's process ends its references a moment after it has been told. */
static void unmount_exported(void)
{
	for (int i = 0; umount(guest_mnt); i++) {
		if (errno != EBUSY || i > 1000)
			ktap_bail("umount of what was exported");
		usleep(10000);
	}
}

static void restart(const char *opts)
{
	server_down();
	unmount_exported();
	if (guest_mount(opts))
		ktap_bail("mount");
	server_up();
}

/* The journal's last transaction is lost, as in a power cut. */
static void crash(void)
{
	int fd = open(guest_mnt, O_RDONLY);

	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &(unsigned int){ VEXFS_SHUTDOWN_NOLOGFLUSH }))
		ktap_bail("shutdown");
	close(fd);
	restart(NULL);
}

/* ---- the client ------------------------------------------------------------------- */

/* The server makes a handle of the root. Returns its length. */
static unsigned int root_handle(unsigned char *fh)
{
	char line[400];
	unsigned int n = 0, byte;
	int fd = open(NFSD "/filehandle", O_RDWR);
	ssize_t len;

	snprintf(line, sizeof(line), "me %s 64\n", guest_mnt);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		ktap_bail("handle of the root");
	len = read(fd, line, sizeof(line) - 1);
	line[len < 0 ? 0 : len] = 0;
	close(fd);
	for (const char *p = line + 2; n < 64 && sscanf(p, "%2x", &byte) == 1; p += 2)
		fh[n++] = (unsigned char)byte;
	return n;
}

static void client_mount(void)
{
	struct nfs_mount_data d = {
		.version = 6, .fd = -1, .flags = NFS_MOUNT_VER3 | NFS_MOUNT_TCP | NFS_MOUNT_NONLM | NFS_MOUNT_NOACL,
		.rsize = 65536, .wsize = 65536, .timeo = 20, .retrans = 3,
		.acregmin = 1, .acregmax = 1, .acdirmin = 1, .acdirmax = 1,
		.addr = { .sin_family = AF_INET, .sin_port = htons(PORT),
			  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
		.hostname = "server", .namlen = 255, .pseudoflavor = 1,
	};

	d.root.size = (unsigned short)root_handle(d.root.data);
	if (!d.root.size || mount("server:/", client, "nfs", 0, &d))
		ktap_bail("NFS mount, root handle of %u bytes", d.root.size);
}

static void forget(void)
{
	if (guest_run("echo 3 >/proc/sys/vm/drop_caches"))
		ktap_bail("drop_caches");
}

/* 0 or -errno: write a file through the client and have it on the server's disk. */
static int put(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

/* Does the open file begin with this? Past the client's cache. */
static bool reads(int fd, const char *text)
{
	char buf[100] = "";

	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return pread(fd, buf, sizeof(buf) - 1, 0) == (ssize_t)strlen(text) && !strcmp(buf, text);
}

/* ---- tests ------------------------------------------------------------------------ */

static void test_operations(void)
{
	char target[100] = "";
	struct stat st;
	bool ok;

	ok = !put(far("a"), "first") && !link(far("a"), far("b")) && !rename(far("b"), far("c"));
	ok = ok && !mkdir(far("d"), 0750) && !symlink("../a", far("d/s")) && !chmod(far("a"), 0640);
	ktap(ok, "create, link, rename, mkdir, symlink, chmod");
	ok = !stat(far("c"), &st) && st.st_nlink == 2 && (st.st_mode & 0777) == 0640 && st.st_size == 5;
	ok = ok && readlink(far("d/s"), target, sizeof(target) - 1) == 4 && !strcmp(target, "../a");
	ktap(ok, "which is what the client sees");
	ok = !stat(guest_at("c"), &st) && st.st_nlink == 2 && st.st_size == 5 && !access(guest_at("d/s"), F_OK);
	ktap(ok, "and the server");
	ktap(mkdir(far("d"), 0755) && errno == EEXIST && rmdir(far("d")) && errno == ENOTEMPTY, "EEXIST, ENOTEMPTY");
	ktap(!unlink(far("d/s")) && !rmdir(far("d")) && !unlink(far("c")), "unlink, rmdir");
}

static void test_handles(void)
{
	int fd = open(far("a"), O_RDWR), dir;

	if (fd < 0 || mkdir(far("deep"), 0755) || mkdir(far("deep/er"), 0755) || put(far("deep/er/f"), "deep"))
		ktap_bail("files");
	dir = open(far("deep/er"), O_RDONLY | O_DIRECTORY);
	ktap(reads(fd, "first"), "a file is open");
	forget();
	ktap(reads(fd, "first") && !faccessat(dir, "f", F_OK, 0), "good after caches were dropped");
	restart(NULL);
	ktap(reads(fd, "first"), "good after the server was restarted and the filesystem remounted");
	ktap(pwrite(fd, "FIRST", 5, 0) == 5 && !fsync(fd) && reads(fd, "FIRST"), "it can be written");
	if (rename(guest_at("a"), guest_at("deep/z")) || rename(guest_at("deep"), guest_at("moved")))
		ktap_bail("rename");
	restart(NULL);
	ktap(reads(fd, "FIRST"), "good after it was renamed on the server, and a restart");
	ktap(!faccessat(dir, "f", F_OK, 0) && !faccessat(dir, "../z", F_OK, 0), "a directory leads up and down");
	close(fd);
	close(dir);
}

/* What is gone is stale, whoever has its number now. */
static void test_stale(void)
{
	struct stat old, new;
	char buf[10];
	int fd, gone;

	if (put(far("gone"), "gone") || put(far("stays"), "stays"))
		ktap_bail("files");
	gone = open(far("gone"), O_RDONLY);
	fd = open(far("stays"), O_RDONLY);
	if (stat(guest_at("gone"), &old) || unlink(guest_at("gone")))
		ktap_bail("unlink");
	sync();
	restart(NULL);
	if (put(guest_at("new"), "secret") || stat(guest_at("new"), &new))
		ktap_bail("new file");
	posix_fadvise(gone, 0, 0, POSIX_FADV_DONTNEED);
	ktap(pread(gone, buf, sizeof(buf), 0) < 0 && errno == ESTALE, "a file that is gone is stale (inode %llu, now %llu)",
	     (unsigned long long)old.st_ino, (unsigned long long)new.st_ino);
	ktap(old.st_ino == new.st_ino, "though another has its number");
	ktap(reads(fd, "stays"), "a file that is not, is not");
	close(gone);
	close(fd);
}

/* One that is removed while it is open: the client keeps it under another name (sillyrename). */
static void test_open_unlinked(void)
{
	int fd;

	if (put(far("silly"), "still here"))
		ktap_bail("file");
	fd = open(far("silly"), O_RDONLY);
	if (unlink(far("silly")))
		ktap_bail("unlink");
	restart(NULL);
	ktap(reads(fd, "still here"), "a file that the client has open and has removed");
	close(fd);
}

static int number(const char *name)
{
	return sscanf(name, "e%d", &(int){ 0 }) == 1 ? atoi(name + 1) : -1;
}

/* Each entry once, although the server restarts in the middle. */
static void test_readdir(void)
{
	static unsigned char seen[ENTRIES];
	char name[40];
	struct dirent *e;
	int n = 0, bad = 0;
	DIR *d;

	if (mkdir(far("many"), 0755))
		ktap_bail("mkdir");
	for (int i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "many/e%d", i);
		close(open(guest_at(name), O_CREAT | O_WRONLY, 0644));
	}
	d = opendir(far("many"));
	for (; d && (e = readdir(d)); n++) {
		int i = number(e->d_name);

		if (n == ENTRIES / 3) {
			restart(NULL);
			forget();
		}
		if (i >= 0 && i < ENTRIES)
			seen[i]++;
	}
	closedir(d);
	for (int i = 0; i < ENTRIES; i++)
		bad += seen[i] != 1;
	ktap(n == ENTRIES + 2 && !bad, "%d entries, each once, with a restart between them (%d not)", n, bad);
}

static void test_crash(void)
{
	int fd;

	if (put(far("synced"), "on disk"))
		ktap_bail("write");
	fd = open(far("synced"), O_RDONLY);
	crash();
	ktap(reads(fd, "on disk"), "what the client has synced is there after the server's crash");
	close(fd);
	ktap(!put(far("after"), "more") && !access(guest_at("after"), F_OK), "and the client continues");
}

static bool modules(void)
{
	return !guest_run("modprobe nfsd") && !guest_run("modprobe nfsv3") &&
	       !mount("nfsd", NFSD, "nfsd", 0, NULL);
}

int main(void)
{
	pid_t binder;

	ktap_plan(5 + 6 + 3 + 1 + 1 + 2 + 1);
	guest_setup();
	if (!modules()) {
		for (int i = 0; i < ktap_planned; i++)
			ktap_skip("NFS", "this kernel has no NFS server or no client");
		return ktap_exit();
	}
	snprintf(client, sizeof(client), "%s/client", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	mkdir(client, 0755);
	if (guest_run("ifconfig lo 127.0.0.1 up") || guest_mkfs("") || guest_mount(NULL))
		ktap_bail("loopback device, filesystem");
	binder = start_rpcbind();
	must_tell(NFSD "/versions", "+3 -4\n");
	server_up();
	client_mount();
	test_operations();
	test_handles();
	test_stale();
	test_open_unlinked();
	test_readdir();
	test_crash();
	if (umount(client))
		ktap_bail("umount of the client");
	server_down();
	unmount_exported();
	umount(NFSD);
	kill(-binder, SIGKILL);
	waitpid(binder, NULL, 0);
	ktap(!guest_fsck(), "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
