// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120 slice
 *
 * File handles: what name_to_handle_at(2) gives opens the same file after the caches were
 * dropped and after a remount, and no other file ever; handles that somebody made up open
 * nothing that has no name, and leave no word in the kernel's log. FS_IOC_GETVERSION;
 * fanotify, which tells files by handle.
 */
#include <linux/fs.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>

#include "tests/guest/vecguest.h"

/* As kmod/export.c writes it. */
#define FID		0x81
#define FID_PARENT	0x82
#define FID_BYTES	12
#define FID_PARENT_BYTES 24

struct handle {
	struct file_handle head;	/* the two together are what the system calls take */
	unsigned char	bytes[MAX_HANDLE_SZ];
};

static int mount_fd = -1;

static void attach(void)
{
	if (guest_mount(NULL))
		ktap_bail("mount");
	mount_fd = open(guest_mnt, O_RDONLY | O_DIRECTORY);
	if (mount_fd < 0)
		ktap_bail("open the mount point");
}

static void detach(void)
{
	close(mount_fd);
	if (umount(guest_mnt))
		ktap_bail("umount");
}

static void drop_caches(void)
{
	sync();
	if (guest_run("echo 3 >/proc/sys/vm/drop_caches"))
		ktap_bail("drop_caches");
}

static struct handle handle_of(const char *path)
{
	struct handle h = { .head.handle_bytes = MAX_HANDLE_SZ };
	int id;

	if (name_to_handle_at(AT_FDCWD, path, &h.head, &id, 0))
		ktap_bail("name_to_handle_at %s: %s", path, strerror(errno));
	return h;
}

/* One that somebody made up. */
static struct handle handle_to(unsigned long long ino, unsigned int gen)
{
	struct handle h = { .head.handle_bytes = FID_BYTES, .head.handle_type = FID };

	memcpy(h.bytes, &ino, 8);
	memcpy(h.bytes + 8, &gen, 4);
	return h;
}

static unsigned int generation(const struct handle *h)
{
	unsigned int gen;

	memcpy(&gen, h->bytes + 8, 4);
	return gen;
}

/* A file descriptor or -errno. */
static int open_handle(struct handle *h, int flags)
{
	int fd = open_by_handle_at(mount_fd, &h->head, flags);

	return fd < 0 ? -errno : fd;
}

static int try_handle(struct handle *h)
{
	int fd = open_handle(h, O_PATH);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static bool reads(struct handle *h, const char *want)
{
	char buf[100] = "";
	int fd = open_handle(h, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(want) && !strcmp(buf, want);
}

/* The kernel finds the way from the root to what the handle opens. */
static bool leads_to(struct handle *h, const char *path)
{
	char link[64], got[4096] = "";
	int fd = open_handle(h, O_PATH);

	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, got, sizeof(got) - 1) < 0)
		ktap_bail("readlink");
	close(fd);
	if (strcmp(got, path))
		ktap_note("it is %s, not %s", got, path);
	return !strcmp(got, path);
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ktap_bail("write %s", path);
	close(fd);
}

static unsigned long long ino_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		ktap_bail("stat %s", path);
	return st.st_ino;
}

/* ---- what a handle opens ----------------------------------------------------------------- */

static void good_handles(void)
{
	struct handle file, dir, link, root, child;
	char deep[300];

	put_file(guest_at("file"), "content");
	snprintf(deep, sizeof(deep), "%s/a/b/c/d", guest_mnt);
	if (guest_run("mkdir -p $TMPDIR/mnt/a/b/c/d") || symlink("to/there", guest_at("link")))
		ktap_bail("prepare");
	put_file(guest_at("a/b/c/d/child"), "deep");
	file = handle_of(guest_at("file"));
	dir = handle_of(deep);
	link = handle_of(guest_at("link"));
	root = handle_of(guest_mnt);
	child = handle_of(guest_at("a/b/c/d/child"));
	ktap(file.head.handle_type == FID && file.head.handle_bytes == FID_BYTES, "a handle is 12 bytes");
	ktap(reads(&file, "content") && leads_to(&file, guest_at("file")), "it opens its file");
	drop_caches();
	ktap(reads(&file, "content"), "also if that has left memory");
	ktap(leads_to(&dir, deep), "a directory, with the way to it");
	ktap(leads_to(&root, guest_mnt), "the root");
	detach();
	attach();
	ktap(reads(&file, "content") && leads_to(&dir, deep) && try_handle(&link) == 0 &&
	     leads_to(&root, guest_mnt), "all of it after a remount");
	if (rename(guest_at("a/b/c"), guest_at("moved")))
		ktap_bail("rename");
	drop_caches();
	ktap(leads_to(&dir, guest_at("moved/d")) && reads(&child, "deep"), "and after a rename above it");
}

/* Handles with a parent are made by the NFS server; they open the file like the others. */
static void with_parent(void)
{
	struct handle h = handle_of(guest_at("file")), top = handle_of(guest_mnt), wrong;

	h.head.handle_type = FID_PARENT;
	h.head.handle_bytes = FID_PARENT_BYTES;
	memcpy(h.bytes + FID_BYTES, top.bytes, FID_BYTES);
	ktap(reads(&h, "content"), "a handle that names the parent, too");
	wrong = h;
	wrong.head.handle_bytes = 8;
	ktap(try_handle(&wrong) == -ESTALE, "one that is cut short is stale");
	wrong = h;
	wrong.head.handle_type = 1;
	ktap(try_handle(&wrong) == -ESTALE, "one of another type is stale");
}

static void too_small(void)
{
	struct handle h = { .head.handle_bytes = 4 };
	int id;

	ktap(name_to_handle_at(AT_FDCWD, guest_at("file"), &h.head, &id, 0) && errno == EOVERFLOW &&
	     h.head.handle_bytes == FID_BYTES, "who has too little room is told how much it takes");
}

static void version(void)
{
	struct handle h = handle_of(guest_at("file")), d = handle_of(guest_mnt);
	unsigned int of_file = 0, of_dir = 0;
	int fd = open(guest_at("file"), O_RDONLY);

	ktap(ioctl(fd, FS_IOC_GETVERSION, &of_file) == 0 && ioctl(mount_fd, FS_IOC_GETVERSION, &of_dir) == 0 &&
	     of_file == generation(&h) && of_dir == generation(&d), "FS_IOC_GETVERSION is the generation");
	close(fd);
}

/* ---- what it does not open ----------------------------------------------------------------- */

/* A new file with number @ino: the lowest free one is taken. */
static bool reuse(unsigned long long ino)
{
	char name[32];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "new%d", i);
		put_file(guest_at(name), "another");
		if (ino_of(guest_at(name)) == ino)
			return true;
	}
	return false;
}

static void stale_handles(void)
{
	struct handle gone, held;
	unsigned long long ino;
	int fd;

	put_file(guest_at("gone"), "x");
	put_file(guest_at("held"), "held");
	gone = handle_of(guest_at("gone"));
	held = handle_of(guest_at("held"));
	ino = ino_of(guest_at("gone"));
	fd = open(guest_at("held"), O_RDONLY);
	if (unlink(guest_at("gone")) || unlink(guest_at("held")))
		ktap_bail("unlink");
	ktap(try_handle(&gone) == -ESTALE, "the handle of a deleted file is stale");
	ktap(reads(&held, "held"), "unless somebody has it open");
	close(fd);
	ktap(try_handle(&held) == -ESTALE, "... and is stale when that has closed it");
	ktap(reuse(ino) && try_handle(&gone) == -ESTALE, "also if another file has its number");
	detach();
	attach();
	ktap(try_handle(&gone) == -ESTALE && try_handle(&held) == -ESTALE, "also after a remount");
	if (mkdir(guest_at("rmdir"), 0755))
		ktap_bail("mkdir");
	gone = handle_of(guest_at("rmdir"));
	if (rmdir(guest_at("rmdir")))
		ktap_bail("rmdir");
	ktap(try_handle(&gone) == -ESTALE, "a removed directory likewise");
}

static unsigned long long random64(void)
{
	static unsigned long long x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Generation of an inode on the unmounted disk, hidden or not; -1: not in use. */
static long long disk_generation(unsigned long long ino)
{
	char cmd[200];
	long long gen = -1;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "dump.vexfs --inode %llu %s 2>/dev/null | sed -n 's/^generation *\\([0-9]*\\).*/\\1/p'",
		 ino, guest_disk);
	f = popen(cmd, "r");
	if (!f || fscanf(f, "%lld", &gen) != 1)
		gen = -1;
	if (f)
		pclose(f);
	return gen;
}

/* The three files of a collection are the inodes made right after @before. */
static void hidden_inodes(void)
{
	unsigned long long first;
	struct handle h[3];
	int i, found = 0, opened = 0;

	put_file(guest_at("before"), "x");
	first = ino_of(guest_at("before")) + 1;
	if (vg_collection("hidden", 8, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("collection");
	detach();
	for (i = 0; i < 3; i++) {
		long long gen = disk_generation(first + i);

		found += gen >= 0;
		h[i] = handle_to(first + i, (unsigned int)gen);
	}
	attach();
	for (i = 0; i < 3; i++)
		opened += try_handle(&h[i]) != -ESTALE;
	ktap_note("%d inodes after %llu are in use, %d of them opened", found, first - 1, opened);
	ktap(found == 3 && opened == 0, "the files of a collection have no handle");
}

static bool made_up_is_stale(struct handle h)
{
	int err = try_handle(&h);

	if (err != -ESTALE)
		ktap_note("type %#x, %u bytes: %s", h.head.handle_type, h.head.handle_bytes, strerror(-err));
	return err == -ESTALE;
}

static void hostile_handles(void)
{
	static const unsigned long long numbers[] = {
		0, 1, 3, 10, 1ULL << 20, 1ULL << 32, (1ULL << 40) - 1, 1ULL << 40, 1ULL << 62, ~0ULL,
	};
	bool good = true;
	struct handle h;
	unsigned int i, j;

	guest_forget_messages();
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		good = made_up_is_stale(handle_to(numbers[i], 0)) && good;
	for (i = 1; i < 2000; i++)	/* those in use, and many that are not */
		good = made_up_is_stale(handle_to(i, (unsigned int)random64() | 1)) && good;
	ktap(good, "made-up handles are stale");
	for (good = true, i = 0; i < 3000; i++) {
		h.head.handle_type = i % 2 ? FID_PARENT : FID;
		h.head.handle_bytes = i % 2 ? FID_PARENT_BYTES : FID_BYTES;
		for (j = 0; j < sizeof(h.bytes); j++)
			h.bytes[j] = (unsigned char)random64();
		good = made_up_is_stale(h) && good;
	}
	ktap(good, "random bytes are stale");
	ktap(guest_said("vexfs") == 0, "none of it is worth a message");
}

/* ---- fanotify ------------------------------------------------------------------------------- */

static bool told_as(int fd, const struct handle *want)
{
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = read(fd, buf, sizeof(buf));
	const struct fanotify_event_metadata *ev = (const void *)buf;
	const struct fanotify_event_info_fid *info = (const void *)(ev + 1);
	const struct file_handle *got = (const void *)info->handle;

	return n > (ssize_t)(sizeof(*ev) + sizeof(*info)) && got->handle_type == want->head.handle_type &&
	       got->handle_bytes == want->head.handle_bytes &&
	       !memcmp(got->f_handle, want->bytes, got->handle_bytes);
}

static void by_fanotify(void)
{
	struct handle h = handle_of(guest_at("file"));
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_NONBLOCK, O_RDONLY);

	if (fd < 0) {
		ktap_skip("fanotify tells files by handle", "the kernel has no fanotify");
		return;
	}
	if (fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_ATTRIB, AT_FDCWD, guest_mnt) ||
	    chmod(guest_at("file"), 0600))
		ktap_bail("fanotify_mark: %s", strerror(errno));
	ktap(told_as(fd, &h), "fanotify tells files by handle");
	close(fd);
}

int main(void)
{
	ktap_plan(24);
	guest_setup();
	if (guest_mkfs(""))
		ktap_bail("mkfs");
	attach();
	good_handles();
	with_parent();
	too_small();
	version();
	stale_handles();
	hidden_inodes();
	hostile_handles();
	by_fanotify();
	detach();
	ktap(guest_fsck() == 0, "fsck finds nothing");
	return ktap_exit();
}
